//! The state of a folder at one moment, to be restored between the rows of a table.

use std::fs;
use std::path::{Path, PathBuf};

/// What stands at a path.
enum Entry {
    Folder,
    File(Vec<u8>, fs::Permissions),
    #[cfg(unix)]
    Link(PathBuf),
}

/// All entries below a folder, parents before their children.
pub(crate) struct Snapshot {
    root: PathBuf,
    entries: Vec<(PathBuf, Entry)>,
}

impl Snapshot {
    /// Reads a folder.
    pub(crate) fn of(root: &Path) -> Self {
        let mut entries = Vec::new();
        read(root, &mut entries);
        Self {
            root: root.to_owned(),
            entries,
        }
    }

    /// Restores the folder. It stays at its path, so that paths in files are still right.
    pub(crate) fn restore(&self) {
        for entry in fs::read_dir(&self.root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        for (path, entry) in &self.entries {
            match entry {
                Entry::Folder => fs::create_dir(path).unwrap(),
                Entry::File(bytes, permissions) => {
                    fs::write(path, bytes).unwrap();
                    fs::set_permissions(path, permissions.clone()).unwrap();
                }
                #[cfg(unix)]
                Entry::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            }
        }
    }
}

fn read(folder: &Path, entries: &mut Vec<(PathBuf, Entry)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        #[cfg(unix)]
        if path.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            entries.push((path, Entry::Link(target)));
            continue;
        }
        if path.is_dir() {
            entries.push((path.clone(), Entry::Folder));
            read(&path, entries);
        } else {
            let permissions = fs::metadata(&path).unwrap().permissions();
            let bytes = fs::read(&path).unwrap();
            entries.push((path, Entry::File(bytes, permissions)));
        }
    }
}
