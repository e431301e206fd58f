//! A file that is read in parts. Nothing is mapped into memory: if somebody truncates the file, the result is an error, not a signal.

use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

/// An open file, and its length when it was opened.
#[derive(Debug)]
pub struct RandomFile {
    content: Content,
    len: u64,
    modified: Option<SystemTime>,
}

#[derive(Debug)]
enum Content {
    File(File),
    Memory(Vec<u8>),
}

impl RandomFile {
    /// Opens a file; `None` if it does not exist or cannot be read.
    #[must_use]
    pub fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let metadata = file.metadata().ok()?;
        let modified = metadata.modified().ok();
        metadata.is_file().then_some(Self {
            content: Content::File(file),
            len: metadata.len(),
            modified,
        })
    }

    /// Bytes in memory that are read like a file.
    #[must_use]
    pub fn in_memory(bytes: Vec<u8>) -> Self {
        Self {
            len: bytes.len() as u64,
            content: Content::Memory(bytes),
            modified: None,
        }
    }

    /// The same file, read into memory if it has at most this many bytes; `None` if it cannot be read.
    #[must_use]
    pub fn in_memory_up_to(self, most: u64) -> Option<Self> {
        let length = usize::try_from(self.len).ok();
        let Some(length) = length.filter(|_| self.len <= most) else {
            return Some(self);
        };
        Some(Self {
            content: Content::Memory(self.read(0, length)?),
            ..self
        })
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its modification time when it was opened; `None` for bytes that never were a file.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// All of it, if it is in memory.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Memory(bytes) => Some(bytes),
            Content::File(_) => None,
        }
    }

    /// Bytes at an offset; `None` if they are beyond its end.
    #[must_use]
    pub fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let end = offset.checked_add(u64::try_from(length).ok()?)?;
        if end > self.len {
            return None;
        }
        let mut bytes = vec![0; length];
        self.read_into(offset, &mut bytes).then_some(bytes)
    }

    /// Fills `bytes` from an offset; returns whether the file has that many.
    #[must_use]
    pub fn read_into(&self, offset: u64, bytes: &mut [u8]) -> bool {
        match &self.content {
            Content::File(file) => read_at(file, offset, bytes).is_ok(),
            Content::Memory(content) => {
                let part = usize::try_from(offset)
                    .ok()
                    .and_then(|start| content.get(start..start.checked_add(bytes.len())?));
                part.map(|part| bytes.copy_from_slice(part)).is_some()
            }
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut offset: u64, mut bytes: &mut [u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        offset += read as u64;
    }
    Ok(())
}
