//! The access to a project's files: a few folders that are held open, and below them no component of a path is a link.
//!
//! Somebody else's project can contain any link, also in the place of the folders that agentpkg writes to. So a path is not checked and
//! then used: each folder is opened inside the one above it, and the file inside the last one. What may be written is decided in `store`.

#[cfg(not(unix))]
#[path = "other.rs"]
mod platform;
#[cfg(unix)]
#[path = "unix.rs"]
mod platform;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use self::platform::Folder;
use super::{
    Entry, Listed, Look, TEMPORARY, failure, irregular, is_absent, random_name, read_open,
};
use crate::error::{Failure, Result};

/// The folders of one project, each with the paths below it.
#[derive(Debug)]
pub struct Roots {
    mounts: Vec<Mount>,
    /// Messages name paths relative to this folder.
    base: Option<PathBuf>,
    /// What to do about a link at one of these paths.
    hint: Option<(Vec<PathBuf>, String)>,
    /// Folders that are open, by path, which is compared as text: that takes a tenth of the time. `None`: it was looked for, and is not
    /// there.
    open: Mutex<BTreeMap<OsString, Option<Arc<Folder>>>>,
    /// Whether two files can be exchanged; cleared when that turns out not to work.
    can_exchange: AtomicBool,
}

/// Paths that begin with `prefix` are below the folder `real`.
#[derive(Debug)]
struct Mount {
    prefix: PathBuf,
    real: PathBuf,
}

/// A name in an open folder.
struct Place {
    folder: Arc<Folder>,
    name: OsString,
}

/// The result of exchanging two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchanged {
    /// It is done.
    Done,
    /// The file system cannot do it.
    Unsupported,
    /// One of the files does not exist.
    Absent,
}

/// The result of moving a file to a free name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It is done.
    Done,
    /// Something is there.
    Occupied,
    /// There is nothing to move.
    Absent,
}

impl Roots {
    /// No folders yet; see [`Roots::with`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            mounts: Vec::new(),
            base: None,
            hint: None,
            open: Mutex::default(),
            can_exchange: AtomicBool::new(true),
        }
    }

    /// Everything below `folder`. `real` is the same path without links, if it is a different one.
    #[must_use]
    pub fn with(mut self, folder: &Path, real: Option<PathBuf>) -> Self {
        let real = real.unwrap_or_else(|| folder.to_owned());
        self.mounts.push(Mount {
            prefix: folder.to_owned(),
            real,
        });
        // The nearest folder above a path counts.
        self.mounts
            .sort_by_key(|mount| std::cmp::Reverse(mount.prefix.components().count()));
        self
    }

    /// Names paths relative to `base` in messages.
    #[must_use]
    pub fn relative_to(mut self, base: &Path) -> Self {
        self.base = Some(base.to_owned());
        self
    }

    /// The hint to give if there is a link at one of `paths`.
    #[must_use]
    pub fn hinting(mut self, paths: Vec<PathBuf>, hint: String) -> Self {
        self.hint = Some((paths, hint));
        self
    }

    /// Behaves as on a file system that cannot exchange two files.
    #[cfg(test)]
    pub(crate) fn without_exchange(&self) {
        self.can_exchange.store(false, Ordering::Relaxed);
    }

    /// Closes all folders, so that folders which were replaced or made meanwhile are found.
    pub fn forget(&self) {
        self.folders().clear();
    }

    /// Reads a whole regular file of at most `limit` bytes; `None` if nothing is there.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(place) = self.place(path)? else {
            return Ok(None);
        };
        match place.folder.open_file(&place.name) {
            Ok(file) => read_open(&file, self.shown(path), limit, true).map(Some),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.refused("read", path, &place, &error)),
        }
    }

    /// Returns what is at `path`; links are detected, not followed.
    pub fn entry(&self, path: &Path) -> Result<Entry> {
        if self.mounts.iter().any(|mount| mount.prefix == path) {
            return Ok(if self.folder(path)?.is_some() {
                Entry::Folder
            } else {
                Entry::Absent
            });
        }
        match self.place(path)? {
            Some(place) => place
                .folder
                .entry(&place.name)
                .map_err(|error| self.failure("look at", path, &error)),
            None => Ok(Entry::Absent),
        }
    }

    /// Looks at the file at `path`; see [`super::look()`].
    #[must_use]
    pub fn look(&self, path: &Path) -> Option<Look> {
        let place = self.place(path).ok()??;
        place.folder.look(&place.name)
    }

    /// Looks at many files of a folder, which are given by their paths below it.
    pub fn look_in(&self, folder: &Path) -> impl Fn(&str) -> Option<Look> {
        let open = self.folder(folder).ok().flatten();
        move |file| match &open {
            Some(open) if !file.contains('/') => open.look(OsStr::new(file)),
            _ => self.look(&folder.join(file)),
        }
    }

    /// The entries of a folder, sorted by name; empty if there is no such folder.
    pub fn list(&self, folder: &Path) -> Result<Vec<Listed>> {
        let Some(open) = self.folder(folder)? else {
            return Ok(Vec::new());
        };
        let mut listed = open
            .list()
            .map_err(|error| self.failure("read the folder", folder, &error))?;
        listed.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(listed)
    }

    /// Fails if `folder` exists and is a link, or anything but a folder.
    pub fn check_folder(&self, folder: &Path) -> Result<()> {
        self.folder(folder).map(drop)
    }

    /// Creates a folder and its parents.
    pub fn create_folder(&self, folder: &Path) -> Result<()> {
        self.created(folder).map(drop)
    }

    /// Writes a file that must not exist yet. `durable`: the bytes are on the disk before this returns. `like`: an existing file
    /// whose permissions it gets.
    pub fn write_new(
        &self,
        path: &Path,
        bytes: &[u8],
        durable: bool,
        like: Option<&Path>,
    ) -> Result<()> {
        let place = self.place_to_write(path)?;
        let permissions = match like.map(|like| self.place(like)).transpose()?.flatten() {
            Some(like) => like
                .folder
                .open_file(&like.name)
                .and_then(|file| file.metadata())
                .ok()
                .map(|found| found.permissions()),
            None => None,
        };
        let write = || {
            let mut file = place.folder.create_file(&place.name)?;
            if let Some(permissions) = permissions {
                file.set_permissions(permissions)?;
            }
            file.write_all(bytes)?;
            if durable { file.sync_all() } else { Ok(()) }
        };
        write().map_err(|error| self.failure("write", path, &error))
    }

    /// Replaces the file or link at `path` with `bytes` in one step: for agentpkg's own files.
    pub fn replace(&self, path: &Path, bytes: &[u8], durable: bool) -> Result<()> {
        let temporary =
            path.with_file_name(format!("{}{}{}", TEMPORARY.0, random_name()?, TEMPORARY.1));
        let put = || {
            self.write_new(&temporary, bytes, durable, None)?;
            self.rename(&temporary, path)
        };
        put().inspect_err(|_| {
            // The file is useless; what matters is that it could not be written.
            let _ = self.remove(&temporary);
        })
    }

    /// Exchanges two files of one folder.
    pub fn exchange(&self, one: &Path, other: &Path) -> Result<Exchanged> {
        if !self.can_exchange.load(Ordering::Relaxed) {
            return Ok(Exchanged::Unsupported);
        }
        let (place, name) = (
            self.place_to_write(one)?,
            other.file_name().unwrap_or_default(),
        );
        match place.folder.exchange(&place.name, name) {
            Ok(true) => Ok(Exchanged::Done),
            Ok(false) => {
                self.can_exchange.store(false, Ordering::Relaxed);
                Ok(Exchanged::Unsupported)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Exchanged::Absent),
            Err(error) => Err(self.failure("write", other, &error)),
        }
    }

    /// Moves a file to a path where nothing is.
    pub fn rename_new(&self, from: &Path, to: &Path) -> Result<Moved> {
        let (one, other) = (self.place_to_write(from)?, self.place_to_write(to)?);
        match one.folder.rename_new(&one.name, &other.folder, &other.name) {
            Ok(true) => Ok(Moved::Done),
            Ok(false) => Ok(Moved::Occupied),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Moved::Absent),
            Err(error) => Err(self.failure("write", to, &error)),
        }
    }

    /// Moves a file, replacing an existing file.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let (one, other) = (self.place_to_write(from)?, self.place_to_write(to)?);
        one.folder
            .rename(&one.name, &other.folder, &other.name)
            .map_err(|error| self.failure("write", to, &error))
    }

    /// Moves whatever is at a path to a unique name.
    pub fn rename_if_there(&self, from: &Path, to: &Path) -> Result<Moved> {
        let (one, other) = (self.place_to_write(from)?, self.place_to_write(to)?);
        match one.folder.rename(&one.name, &other.folder, &other.name) {
            Ok(()) => Ok(Moved::Done),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Moved::Absent),
            Err(error) => Err(self.failure("write", to, &error)),
        }
    }

    /// The size of a file in bytes; `None` if nothing is there. Links are not followed.
    pub fn size(&self, path: &Path) -> Result<Option<u64>> {
        let Some(place) = self.place(path)? else {
            return Ok(None);
        };
        match place.folder.size(&place.name) {
            Ok(size) => Ok(Some(size)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.failure("look at", path, &error)),
        }
    }

    /// Whether an open file is the one at the path.
    #[must_use]
    pub fn is_at(&self, file: &File, path: &Path) -> bool {
        match self.place(path) {
            Ok(Some(place)) => place.folder.is_at(file, &place.name),
            _ => false,
        }
    }

    /// Moves a file, replacing an existing file. `false`: the two paths are on different file systems, and nothing was done.
    pub fn rename_within(&self, from: &Path, to: &Path) -> Result<bool> {
        let (one, other) = (self.place_to_write(from)?, self.place_to_write(to)?);
        match one.folder.rename(&one.name, &other.folder, &other.name) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(false),
            Err(error) => Err(self.failure("write", to, &error)),
        }
    }

    /// Removes a file or a link; it is not an error if nothing is there.
    pub fn remove(&self, path: &Path) -> Result<()> {
        let Some(place) = self.place(path)? else {
            return Ok(());
        };
        match place.folder.remove(&place.name) {
            Err(error) if !is_absent(&error) => Err(self.failure("remove", path, &error)),
            _ => Ok(()),
        }
    }

    /// Removes a folder if it is empty, and does nothing otherwise.
    pub fn remove_empty_folder(&self, path: &Path) {
        self.folders()
            .retain(|open, _| !Path::new(open).starts_with(path));
        if let Ok(Some(place)) = self.place(path) {
            // A folder that is not empty is the usual case, and stays.
            let _ = place.folder.remove_folder(&place.name);
        }
    }

    /// Waits until the names in `folder` are on the disk.
    pub fn sync_folder(&self, folder: &Path) -> Result<()> {
        match self.folder(folder)? {
            Some(open) => open
                .sync()
                .map_err(|error| self.failure("write", folder, &error)),
            None => Ok(()),
        }
    }

    /// Whether a process holds the lock at a path.
    #[must_use]
    pub fn is_locked(&self, path: &Path) -> bool {
        let Ok(Some(place)) = self.place(path) else {
            return false;
        };
        place
            .folder
            .open_file(&place.name)
            .is_ok_and(|file| super::Lock::is_held(&file))
    }

    /// Opens a file for a lock, creating it if necessary.
    pub fn open_lock(&self, path: &Path) -> Result<File> {
        let place = self.place_to_write(path)?;
        let file = place
            .folder
            .open_or_create(&place.name)
            .map_err(|error| self.refused("lock", path, &place, &error))?;
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(file),
            Ok(found) => Err(irregular(self.shown(path), found.is_dir())),
            Err(error) => Err(self.failure("lock", path, &error)),
        }
    }

    /// The folder above `path`, open, with the name in it; `None` if there is no such folder.
    fn place(&self, path: &Path) -> Result<Option<Place>> {
        let (folder, name) = split(path)?;
        Ok(self.folder(folder)?.map(|folder| Place { folder, name }))
    }

    /// The same; the folder is created if necessary.
    fn place_to_write(&self, path: &Path) -> Result<Place> {
        let (folder, name) = split(path)?;
        Ok(Place {
            folder: self.created(folder)?,
            name,
        })
    }

    /// The folder at `path`, open; `None` if there is none.
    fn folder(&self, path: &Path) -> Result<Option<Arc<Folder>>> {
        self.walk(path, false)
    }

    fn created(&self, path: &Path) -> Result<Arc<Folder>> {
        self.walk(path, true)?
            .ok_or_else(|| self.failure("make the folder", path, &io::ErrorKind::NotFound.into()))
    }

    fn walk(&self, path: &Path, is_creating: bool) -> Result<Option<Arc<Folder>>> {
        match self.folders().get(path.as_os_str()) {
            Some(Some(open)) => return Ok(Some(open.clone())),
            Some(None) if !is_creating => return Ok(None),
            _ => {}
        }
        let mount = self
            .mounts
            .iter()
            .find(|mount| path.starts_with(&mount.prefix));
        let mount = mount.ok_or_else(|| outside(path))?;
        if path == mount.prefix {
            return self.open_root(path, &mount.real, is_creating);
        }
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(outside(path));
        };
        if !matches!(path.components().next_back(), Some(Component::Normal(_))) {
            return Err(outside(path));
        }
        let Some(above) = self.walk(above, is_creating)? else {
            self.folders().insert(path.into(), None);
            return Ok(None);
        };
        let opened = match above.descend(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_creating => {
                match above.create_folder(name) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(self.failure("make the folder", path, &error));
                    }
                    _ => {}
                }
                above.descend(name)
            }
            opened => opened,
        };
        match opened {
            Ok(folder) => Ok(Some(self.keep(path, folder))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.folders().insert(path.into(), None);
                Ok(None)
            }
            Err(error) => Err(self.no_folder(path, &above, name, &error)),
        }
    }

    fn open_root(
        &self,
        path: &Path,
        real: &Path,
        is_creating: bool,
    ) -> Result<Option<Arc<Folder>>> {
        if is_creating {
            // Links above a root are the user's own, and lead to the intended folder.
            super::create_folder(real)?;
        }
        match Folder::open(real) {
            Ok(folder) => Ok(Some(self.keep(path, folder))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.failure("open the folder", path, &error)),
        }
    }

    fn keep(&self, path: &Path, folder: Folder) -> Arc<Folder> {
        let folder = Arc::new(folder);
        self.folders().insert(path.into(), Some(folder.clone()));
        folder
    }

    fn folders(&self) -> std::sync::MutexGuard<'_, BTreeMap<OsString, Option<Arc<Folder>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn no_folder(&self, path: &Path, above: &Folder, name: &OsStr, error: &io::Error) -> Failure {
        match above.entry(name) {
            Ok(Entry::Link) => self.link(path),
            Ok(Entry::File | Entry::Other) => {
                Failure::failed(format!("`{}` is not a folder", self.shown(path).display()))
                    .hint("move it away, then run the command again")
            }
            _ => self.failure("open the folder", path, error),
        }
    }

    fn refused(&self, verb: &str, path: &Path, place: &Place, error: &io::Error) -> Failure {
        match place.folder.entry(&place.name) {
            Ok(Entry::Link) => self.link(path),
            Ok(entry @ (Entry::Folder | Entry::Other)) => {
                irregular(self.shown(path), entry == Entry::Folder)
            }
            _ => self.failure(verb, path, error),
        }
    }

    fn shown<'p>(&self, path: &'p Path) -> &'p Path {
        self.base
            .as_ref()
            .and_then(|base| path.strip_prefix(base).ok())
            .unwrap_or(path)
    }

    fn failure(&self, verb: &str, path: &Path, error: &io::Error) -> Failure {
        failure(verb, self.shown(path), error)
    }

    fn link(&self, path: &Path) -> Failure {
        let failure = Failure::failed(format!(
            "`{}` is a symbolic link, which agentpkg does not follow",
            self.shown(path).display()
        ));
        match &self.hint {
            Some((paths, hint)) if paths.iter().any(|known| known == path) => {
                failure.hint(hint.clone())
            }
            _ => failure.hint(
                "replace the link with what it points to, or remove it, then run the command again",
            ),
        }
    }
}

impl Default for Roots {
    fn default() -> Self {
        Self::new()
    }
}

/// The folder that `path` is in, and its name there.
fn split(path: &Path) -> Result<(&Path, OsString)> {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => Ok((folder, name.to_owned())),
        _ => Err(outside(path)),
    }
}

fn outside(path: &Path) -> Failure {
    Failure::failed(format!("`{}` is not in the project", path.display()))
}
