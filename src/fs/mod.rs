//! The access to the file system: every error names its path, every read is bounded, links are detected.
//!
//! Policy (what may be overwritten, where things belong) is not decided here, but in `store`.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the boundary that the lint protects"
)]

mod content;
mod lock;
mod look;
mod private;
mod random;
mod root;
mod tree;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use content::Content;
pub use lock::Lock;
pub use look::{Look, look};
pub use private::{
    create_private_folder, is_owned, is_private_folder, read_private, write_private,
};
pub use random::RandomFile;
pub use root::{Exchanged, Moved, Roots};
pub use tree::{Identity, IsKnown, Leaf, Reading, Tree, tree, tree_except};

use crate::error::{Failure, Result};

/// The beginning and the end of the names of files that exist only while another file is written.
const TEMPORARY: (&str, &str) = (".agentpkg-", ".tmp");

/// The ends of the names of files that belong to a running transaction: the new content of a file, and its old one.
pub const STAGED: &str = ".agentpkg-new";
/// See [`STAGED`].
pub const SET_ASIDE: &str = ".agentpkg-old";

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Absent,
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, to any target.
    Link,
    /// A device, a socket, a pipe.
    Other,
}

impl Entry {
    fn of(kind: fs::FileType) -> Self {
        match kind {
            kind if kind.is_symlink() => Self::Link,
            kind if kind.is_dir() => Self::Folder,
            kind if kind.is_file() => Self::File,
            _ => Self::Other,
        }
    }
}

/// Returns what is at `path`, without following a link.
pub fn entry(path: &Path) -> Result<Entry> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Entry::of(metadata.file_type())),
        Err(error) if is_absent(&error) => Ok(Entry::Absent),
        Err(error) => Err(failure("look at", path, &error)),
    }
}

/// The size of the file at `path` in bytes, following links; `None` if nothing is there.
pub fn size(path: &Path) -> Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failure("look at", path, &error)),
    }
}

/// A number that changes when a file changes, made from its size and the time it was written. 0 if that is not certain: if the file does
/// not exist, or was written in the seconds around `now`.
#[must_use]
pub fn stamp(path: &Path, now: u64) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return 0;
    };
    let written = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    match written {
        Some(written) if written.as_secs() + 2 < now => {
            let nanos = u64::try_from(written.as_nanos() & u128::from(u64::MAX)).unwrap_or(0);
            (nanos.rotate_left(20) ^ metadata.len().wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1
        }
        _ => 0,
    }
}

/// Whether `path` is a folder, following links.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// The path with links and `..` resolved; fails if nothing is there.
pub fn canonical(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).map_err(|error| failure("find", path, &error))
}

/// Reads a whole file of at most `limit` bytes; `None` if nothing is there.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Opening a pipe would wait for a process that writes to it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY)
            .bits()
            .cast_signed(),
    );
    match options.open(path) {
        Ok(file) => read_open(&file, path, limit, true).map(Some),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failure("read", path, &error)),
    }
}

/// The same for a file that a person named explicitly, which may be a pipe.
pub fn read_any(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    match File::open(path) {
        Ok(file) => read_open(&file, path, limit, false).map(Some),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failure("read", path, &error)),
    }
}

/// Reads an open file of at most `limit` bytes to its end. `must_be_regular`: refuses anything but a regular file.
fn read_open(mut file: &File, path: &Path, limit: u64, must_be_regular: bool) -> Result<Vec<u8>> {
    let metadata = file
        .metadata()
        .map_err(|error| failure("read", path, &error))?;
    if must_be_regular && !metadata.is_file() {
        return Err(irregular(path, metadata.is_dir()));
    }
    let too_large = || {
        Failure::failed(format!(
            "`{}` is larger than {} allows",
            path.display(),
            human_size(limit)
        ))
    };
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    // The file may grow while it is read, so the limit is checked here too.
    (&mut file)
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failure("read", path, &error))?;
    if bytes.len() as u64 > limit {
        Err(too_large())
    } else {
        Ok(bytes)
    }
}

/// That there is something else where a file is expected.
fn irregular(path: &Path, is_folder: bool) -> Failure {
    let what = if is_folder {
        "is a folder, and not a file"
    } else {
        "is not a regular file"
    };
    Failure::failed(format!("`{}` {what}", path.display()))
        .hint("move it away, then run the command again")
}

/// Writes a file that must not exist yet. `durable`: the bytes are on the disk before this returns.
pub fn write_new(path: &Path, bytes: &[u8], durable: bool) -> Result<()> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        if durable { file.sync_all() } else { Ok(()) }
    };
    write().map_err(|error| failure("write", path, &error))
}

/// Writes one of agentpkg's own files, replacing whatever an earlier crash left there; a link is removed, not followed.
pub fn write_over(path: &Path, bytes: &[u8], durable: bool) -> Result<()> {
    match write_new(path, bytes, durable) {
        Err(_) if entry(path)? != Entry::Absent => {
            remove(path)?;
            write_new(path, bytes, durable)
        }
        outcome => outcome,
    }
}

/// Replaces the file at `path` with `bytes` in one step: readers see the old file or the new one, never a part.
pub fn replace(path: &Path, bytes: &[u8], durable: bool) -> Result<()> {
    replace_parts(path, [bytes].into_iter(), durable, None)
}

/// The same with bytes in several parts. `modified` is set as the modification time before the file is moved into place: any later change
/// of the file changes it too.
pub fn replace_parts<'b>(
    path: &Path,
    parts: impl Iterator<Item = &'b [u8]>,
    durable: bool,
    modified: Option<SystemTime>,
) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_folder(folder)?;
    let write = || {
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY.0)
            .suffix(TEMPORARY.1)
            .tempfile_in(folder)?;
        for part in parts {
            file.write_all(part)?;
        }
        if durable {
            file.as_file().sync_all()?;
        }
        if let Some(modified) = modified {
            // A file system that stores no times has the time of writing, which is a different one.
            let _ = file.as_file().set_modified(modified);
        }
        file.persist(path).map_err(|error| error.error)?;
        if durable { sync_folder(folder) } else { Ok(()) }
    };
    write().map_err(|error| failure("write", path, &error))
}

/// Sets a file's modification time.
pub fn set_modified(path: &Path, modified: SystemTime) -> Result<()> {
    let set = || {
        OpenOptions::new()
            .write(true)
            .open(path)?
            .set_modified(modified)
    };
    set().map_err(|error| failure("write", path, &error))
}

/// Whether this is the name of a file that exists only while another one is written.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    (name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1))
        || (name.starts_with('.') && (name.ends_with(STAGED) || name.ends_with(SET_ASIDE)))
}

/// Sixteen random hex digits for the names of temporary files.
pub fn random_name() -> Result<String> {
    random_bytes().map(|bytes: [u8; 8]| format!("{:016x}", u64::from_le_bytes(bytes)))
}

/// Bytes from the system's source of randomness.
pub fn random_bytes<const SIZE: usize>() -> Result<[u8; SIZE]> {
    let mut bytes = [0; SIZE];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::failed("the system gives no random bytes").caused_by(error))?;
    Ok(bytes)
}

/// Moves a file over another one in one step.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| failure("write", to, &error))
}

/// Removes a file; it is not an error if nothing is there.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_absent(&error) => Err(failure("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Removes a folder with everything in it; links in it are removed, not followed.
pub fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if !is_absent(&error) => Err(failure("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Removes a folder if it is empty, and does nothing otherwise.
pub fn remove_empty_folder(path: &Path) {
    // A folder that is not empty is the usual case, and stays.
    let _ = fs::remove_dir(path);
}

/// Creates a folder and its parents.
pub fn create_folder(path: &Path) -> Result<()> {
    match fs::create_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) => Err(failure("make the folder", path, &error)),
    }
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name; names that are not UTF-8 are left out of a listing.
    pub name: String,
    /// What it is; links are not followed.
    pub entry: Entry,
}

/// The entries of a folder, sorted by name; empty if there is no such folder.
pub fn list(folder: &Path) -> Result<Vec<Listed>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failure("read the folder", folder, &error)),
    };
    let mut listed = Vec::new();
    for found in entries {
        let found = found.map_err(|error| failure("read the folder", folder, &error))?;
        let kind = found
            .file_type()
            .map_err(|error| failure("look at", &found.path(), &error))?;
        if let Ok(name) = found.file_name().into_string() {
            listed.push(Listed {
                name,
                entry: Entry::of(kind),
            });
        }
    }
    listed.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(listed)
}

/// A size for people: `212 kB`.
#[must_use]
pub fn human_size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => {
            format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
        }
        _ => format!(
            "{}.{} GB",
            bytes / 1_000_000_000,
            bytes % 1_000_000_000 / 100_000_000
        ),
    }
}

/// Waits until the names in `folder` are on the disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows has no handle to a folder that could be synced; the rename alone must suffice.
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn failure(verb: &str, path: &Path, error: &io::Error) -> Failure {
    let failure =
        Failure::failed(format!("could not {verb} `{}`", path.display())).caused_by(error);
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            failure.hint("check who owns it and what its permissions are")
        }
        io::ErrorKind::StorageFull => {
            failure.hint("free some space on the disk, then run the command again")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            failure.hint("the file system is read-only; nothing was changed")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_bounded_and_absence_is_not_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert_eq!(read(&path, 10), Ok(None));
        write_new(&path, b"12345", true).unwrap();
        assert_eq!(read(&path, 5), Ok(Some(b"12345".to_vec())));
        assert!(
            read(&path, 4)
                .unwrap_err()
                .message()
                .contains("larger than 4 B")
        );
        assert!(
            write_new(&path, b"", false).is_err(),
            "an existing file is not overwritten"
        );
        replace(&path, b"new", true).unwrap();
        assert_eq!(read(&path, 5), Ok(Some(b"new".to_vec())));
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(human_size(212_400), "212 kB");
        assert_eq!(human_size(2_650_000), "2.6 MB");
    }
}
