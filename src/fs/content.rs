//! Bytes that a command holds from its plan until it writes them: in memory while they are few, beyond that in a file without a name.
//! So the memory of a command does not grow with the agents that it changes. Who holds what, `ops` and `store` decide.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::domain::digest::Digest;

/// How many bytes all contents together keep in memory.
const MOST_IN_MEMORY: usize = 48 << 20;

/// Bytes that do not change, with their digest. Clones share them, and equal ones are compared by their digests.
#[derive(Clone)]
pub struct Content(Arc<Held>);

struct Held {
    /// Computed when somebody asks.
    digest: OnceLock<Digest>,
    place: Place,
}

enum Place {
    Memory(Box<[u8]>),
    Disk { at: u64, length: usize },
}

/// Where the contents of this process are.
struct Shelf {
    /// The bytes that are in memory.
    in_memory: usize,
    /// Where the file is made; `None`: where the system has its temporary files.
    folder: Option<PathBuf>,
    /// The file; it has no name, so nobody else can open it, and it goes with the process.
    file: Option<File>,
    /// Where the last content in the file ends.
    end: u64,
}

static SHELF: Mutex<Shelf> = Mutex::new(Shelf {
    in_memory: 0,
    folder: None,
    file: None,
    end: 0,
});

fn shelf() -> MutexGuard<'static, Shelf> {
    SHELF.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Content {
    /// Says where to keep what is too much for the memory. Temporary folders are often in memory themselves.
    pub fn keep_in(folder: PathBuf) {
        shelf().folder.get_or_insert(folder);
    }

    /// The SHA-256 of the bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        *(self.0.digest).get_or_init(|| Digest::of(&self.bytes()))
    }

    /// The bytes, read again if they are not in memory.
    #[must_use]
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.0.place {
            Place::Memory(bytes) => Cow::Borrowed(bytes),
            Place::Disk { at, length } => Cow::Owned(
                shelf()
                    .read(*at, *length)
                    .expect("a file that only this process can reach is there as it was written"),
            ),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0.place {
            Place::Memory(bytes) => bytes.is_empty(),
            Place::Disk { length, .. } => *length == 0,
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Held {
            digest: OnceLock::new(),
            place: shelf().place(bytes),
        }))
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.digest() == other.digest()
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.bytes()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        match &self.place {
            Place::Memory(bytes) => shelf().in_memory -= bytes.len(),
            Place::Disk { at, length } => shelf().give_back(*at, *length),
        }
    }
}

impl Shelf {
    /// Finds a place for some bytes. Where no file can be made or written, they stay in memory.
    fn place(&mut self, bytes: Vec<u8>) -> Place {
        if self.in_memory + bytes.len() > MOST_IN_MEMORY
            && let Ok(place) = self.write(&bytes)
        {
            return place;
        }
        self.in_memory += bytes.len();
        Place::Memory(bytes.into_boxed_slice())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<Place> {
        let folder = self.folder.as_ref();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(
                folder
                    .and_then(|folder| tempfile::tempfile_in(folder).ok())
                    .map_or_else(tempfile::tempfile, Ok)?,
            ),
        };
        let at = self.end;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        self.end = at + bytes.len() as u64;
        Ok(Place::Disk {
            at,
            length: bytes.len(),
        })
    }

    fn read(&mut self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// What is held for a moment only, like the result of a merge, is at the end, and its place is used again.
    fn give_back(&mut self, at: u64, length: usize) {
        if at + length as u64 == self.end {
            self.end = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(index: usize) -> Vec<u8> {
        let mut bytes = vec![0; 1 << 20];
        bytes[..8].copy_from_slice(&index.to_le_bytes());
        bytes
    }

    fn is_on_disk(content: &Content) -> bool {
        matches!(content.0.place, Place::Disk { .. })
    }

    #[test]
    fn what_is_too_much_for_the_memory_is_read_again_as_it_was() {
        let count = (MOST_IN_MEMORY >> 20) + 4;
        let contents: Vec<Content> = (0..count).map(|index| bytes_of(index).into()).collect();
        assert!(is_on_disk(&contents[count - 1]) && is_on_disk(&contents[count - 2]));
        let copies = contents.clone();
        drop(contents);
        for (index, content) in copies.iter().enumerate() {
            assert_eq!(*content.bytes(), bytes_of(index));
            assert_eq!(content.digest(), Digest::of(&bytes_of(index)));
            assert_eq!(*content, Content::from(bytes_of(index)));
        }
        assert!(copies.iter().filter(|content| is_on_disk(content)).count() >= 4);
    }
}
