//! The same access by paths, for platforms without descriptors of folders: every component is checked before it is used.
//!
//! A program that swaps a folder for a link at the right moment can redirect it; SECURITY.md says so.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::super::{Entry, Listed, Look};

/// A folder.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        if path.is_dir() {
            Ok(Self(path))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    pub(super) fn descend(&self, name: &OsStr) -> io::Result<Self> {
        let path = self.0.join(name);
        if fs::symlink_metadata(&path)?.is_dir() {
            Ok(Self(path))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    pub(super) fn create_folder(&self, name: &OsStr) -> io::Result<()> {
        fs::create_dir(self.0.join(name))
    }

    pub(super) fn entry(&self, name: &OsStr) -> io::Result<Entry> {
        match fs::symlink_metadata(self.0.join(name)) {
            Ok(metadata) => Ok(Entry::of(metadata.file_type())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Entry::Absent),
            Err(error) => Err(error),
        }
    }

    pub(super) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        File::open(self.file(name)?)
    }

    pub(super) fn create_file(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.0.join(name))
    }

    pub(super) fn open_or_create(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.file(name)?)
    }

    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the same form on every platform"
    )]
    pub(super) fn exchange(&self, _one: &OsStr, _other: &OsStr) -> io::Result<bool> {
        Ok(false)
    }

    pub(super) fn rename_new(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<bool> {
        match fs::hard_link(self.0.join(name), to.0.join(new)) {
            Ok(()) => self.remove(name).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn rename(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        fs::rename(self.0.join(name), to.0.join(new))
    }

    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    pub(super) fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(self.0.join(name))
    }

    pub(super) fn list(&self) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for found in fs::read_dir(&self.0)? {
            let found = found?;
            if let Ok(name) = found.file_name().into_string() {
                listed.push(Listed {
                    name,
                    entry: Entry::of(found.file_type()?),
                });
            }
        }
        Ok(listed)
    }

    pub(super) fn size(&self, name: &OsStr) -> io::Result<u64> {
        Ok(fs::symlink_metadata(self.0.join(name))?.len())
    }

    /// A file that is open cannot be replaced here.
    #[expect(clippy::unused_self, reason = "the same form on every platform")]
    pub(super) fn is_at(&self, _file: &File, _name: &OsStr) -> bool {
        true
    }

    /// There is no handle to a folder that could be synced; the rename alone must suffice.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the same form on every platform"
    )]
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn look(&self, name: &OsStr) -> Option<Look> {
        super::super::look(&self.0.join(name))
    }

    fn file(&self, name: &OsStr) -> io::Result<PathBuf> {
        match self.entry(name)? {
            Entry::Link => Err(io::Error::other("a symbolic link")),
            _ => Ok(self.0.join(name)),
        }
    }
}
