//! Folders held open by descriptor. Every name is looked up in the folder itself, and no link is ever followed, so changes to the path in
//! the meantime cannot redirect it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::super::{Entry, Listed, Look};

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);
/// A pipe must not block the open, and a terminal must not become ours.
const FILE: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// Opens the folder at `path`; links on the way are followed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?))
    }

    /// Opens the folder `name` in this one. For a link the error is `ENOTDIR` or `ELOOP`, depending on the platform.
    pub(super) fn descend(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(
            &self.0,
            name,
            FOLDER | OFlags::NOFOLLOW,
            Mode::empty(),
        )?))
    }

    pub(super) fn create_folder(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(
            &self.0,
            name,
            Mode::from_raw_mode(0o777),
        )?)
    }

    /// What is at `name`; links are not followed.
    pub(super) fn entry(&self, name: &OsStr) -> io::Result<Entry> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(entry_of(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(Entry::Absent),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file for reading. The caller checks whether it is a regular one.
    pub(super) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        Ok(rustix::fs::openat(&self.0, name, OFlags::RDONLY | FILE, Mode::empty())?.into())
    }

    /// Creates a file that must not exist.
    pub(super) fn create_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | FILE;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o666))?.into())
    }

    /// Opens a file for reading and writing, creating it if necessary.
    pub(super) fn open_or_create(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | FILE;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o666))?.into())
    }

    /// Exchanges two files of this folder. `false`: the file system cannot.
    pub(super) fn exchange(&self, one: &OsStr, other: &OsStr) -> io::Result<bool> {
        match rustix::fs::renameat_with(&self.0, one, &self.0, other, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(true),
            Err(error) if is_unsupported(error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a file to a name where nothing is. `false`: something is there.
    pub(super) fn rename_new(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<bool> {
        match rustix::fs::renameat_with(&self.0, name, &to.0, new, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(true),
            Err(Errno::EXIST) => return Ok(false),
            Err(error) if is_unsupported(error) => {}
            Err(error) => return Err(error.into()),
        }
        match rustix::fs::linkat(&self.0, name, &to.0, new, AtFlags::empty()) {
            Ok(()) => self.remove(name).map(|()| true),
            Err(Errno::EXIST) => Ok(false),
            // Neither the flag nor hard links are available, as on FAT: checking and then renaming is the best that can be done.
            Err(error) if is_unsupported(error) => match to.entry(new)? {
                Entry::Absent => self.rename(name, to, new).map(|()| true),
                _ => Ok(false),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a file, replacing an existing file.
    pub(super) fn rename(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, name, &to.0, new)?)
    }

    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    pub(super) fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Its entries, in no order; names that are not UTF-8 are left out.
    pub(super) fn list(&self) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for found in rustix::fs::Dir::read_from(&self.0)? {
            let found = found?;
            let Ok(name) = found.file_name().to_str() else {
                continue;
            };
            if matches!(name, "." | "..") {
                continue;
            }
            let entry = match found.file_type() {
                // Some file systems return the kind only when asked about the file.
                FileType::Unknown => self.entry(OsStr::new(name))?,
                kind => entry_of(kind),
            };
            listed.push(Listed {
                name: name.to_owned(),
                entry,
            });
        }
        Ok(listed)
    }

    pub(super) fn size(&self, name: &OsStr) -> io::Result<u64> {
        let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(u64::try_from(stat.st_size).unwrap_or_default())
    }

    /// Whether an open file is the one that has this name.
    pub(super) fn is_at(&self, file: &File, name: &OsStr) -> bool {
        let here = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW);
        let open = rustix::fs::fstat(file);
        matches!((here, open), (Ok(here), Ok(open)) if here.st_dev == open.st_dev && here.st_ino == open.st_ino)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }

    /// See [`super::super::look()`].
    pub(super) fn look(&self, name: &OsStr) -> Option<Look> {
        let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        // The types of these fields differ between platforms.
        let number = |value: i128| u64::try_from(value.rem_euclid(1 << 64)).unwrap_or_default();
        let time = |seconds: i128, rest: i128| number(seconds * 1_000_000_000 + rest);
        let is_exact = kind == FileType::RegularFile && i128::from(stat.st_ctime_nsec) != 0;
        is_exact.then(|| {
            Look::new(
                number(i128::from(stat.st_dev)),
                number(i128::from(stat.st_ino)),
                number(i128::from(stat.st_size)),
                time(i128::from(stat.st_mtime), i128::from(stat.st_mtime_nsec)),
                time(i128::from(stat.st_ctime), i128::from(stat.st_ctime_nsec)),
            )
        })
    }
}

fn entry_of(kind: FileType) -> Entry {
    match kind {
        FileType::Symlink => Entry::Link,
        FileType::Directory => Entry::Folder,
        FileType::RegularFile => Entry::File,
        _ => Entry::Other,
    }
}

/// The errors of kernels and file systems that do not know the rename flag: NFS, 9p, FUSE, a sandbox.
fn is_unsupported(error: Errno) -> bool {
    matches!(
        error,
        Errno::INVAL | Errno::NOSYS | Errno::PERM | Errno::OPNOTSUPP
    )
}
