//! The contents of a folder, including inodes and times, and how two snapshots of it differ. Links are never followed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Larger files are compared by their metadata only.
const MAX_CONTENT: u64 = 1 << 20;

/// The kind of entry at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Other,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    /// The bytes of a file, or the target of a link.
    content: Vec<u8>,
    mode: u32,
    owner: u32,
    size: u64,
    inode: u64,
    links: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// How an entry differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Created,
    Deleted,
    /// It has another kind, content or mode.
    Changed,
    /// It has the same content, but was written again or replaced, or its times were changed.
    Touched,
}

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) path: PathBuf,
    pub(super) what: What,
}

/// A snapshot of a folder: each entry by its path relative to the folder, which itself has the empty path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Snapshot(BTreeMap<PathBuf, Entry>);

impl Snapshot {
    /// Takes a snapshot of `root` without the folders that `skipped` names, relative to it.
    pub(super) fn take(root: &Path, skipped: &[&str]) -> Self {
        let mut snapshot = Self::default();
        // An attack may have removed the folder itself; that is a difference like any other.
        if fs::symlink_metadata(root).is_ok() {
            snapshot.add(root, Path::new(""), skipped);
        }
        snapshot
    }

    fn add(&mut self, root: &Path, relative: &Path, skipped: &[&str]) {
        let path = root.join(relative);
        let metadata = fs::symlink_metadata(&path).unwrap();
        let file_type = metadata.file_type();
        let (kind, content) = if file_type.is_symlink() {
            (
                Kind::Link,
                fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes(),
            )
        } else if file_type.is_dir() {
            (Kind::Folder, Vec::new())
        } else if file_type.is_file() {
            (
                Kind::File,
                if metadata.len() > MAX_CONTENT {
                    Vec::new()
                } else {
                    fs::read(&path).unwrap()
                },
            )
        } else {
            (Kind::Other, Vec::new())
        };
        if kind == Kind::Folder {
            for entry in fs::read_dir(&path).unwrap() {
                let inner = relative.join(entry.unwrap().file_name());
                if !skipped.iter().any(|skipped| inner == Path::new(skipped)) {
                    self.add(root, &inner, skipped);
                }
            }
        }
        let entry = Entry {
            kind,
            content,
            mode: metadata.mode(),
            owner: metadata.uid(),
            // The size of a folder depends on the names that it had earlier.
            size: if kind == Kind::Folder {
                0
            } else {
                metadata.len()
            },
            inode: metadata.ino(),
            links: metadata.nlink(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        self.0.insert(relative.to_owned(), entry);
    }

    /// The kind of the entry at a path.
    pub(super) fn kind(&self, path: &Path) -> Option<Kind> {
        self.0.get(path).map(|entry| entry.kind)
    }

    /// The paths of the files that hold these bytes.
    pub(super) fn files_with(&self, bytes: &[u8]) -> impl Iterator<Item = &Path> {
        let files = self.0.iter().filter(|(_, entry)| entry.kind == Kind::File);
        files
            .filter(|(_, entry)| contains(&entry.content, bytes))
            .map(|(path, _)| path.as_path())
    }

    /// What is different in `later`.
    pub(super) fn differences(&self, later: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (path, before) in &self.0 {
            let what = match later.0.get(path) {
                None => What::Deleted,
                Some(after) if after == before => continue,
                Some(after) if after.holds_the_same_as(before) => What::Touched,
                Some(_) => What::Changed,
            };
            differences.push(Difference {
                path: path.clone(),
                what,
            });
        }
        let created = later.0.keys().filter(|path| !self.0.contains_key(*path));
        differences.extend(created.map(|path| Difference {
            path: path.clone(),
            what: What::Created,
        }));
        differences
    }
}

impl Entry {
    fn holds_the_same_as(&self, other: &Self) -> bool {
        let held = |entry: &Self| (entry.kind, entry.mode, entry.owner, entry.size);
        held(self) == held(other) && self.content == other.content
    }
}

/// Whether `bytes` are part of `text`.
pub(super) fn contains(text: &[u8], bytes: &[u8]) -> bool {
    text.windows(bytes.len()).any(|window| window == bytes)
}
