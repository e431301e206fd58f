//! The door to what the client loads: all files of a folder with an ending, at any depth and through links, for reading only.
//!
//! What stands there may come from anybody, so everything is bounded: how many entries are looked at, how deep, how large a file may be
//! and how much is read in all. Each folder is read once, wherever links lead. A bound that was met is part of the result.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::Content;
use super::look::{Look, look_of};

/// How many entries of one tree are looked at.
const MAX_ENTRIES: usize = 10_000;
/// How deep folders may be in each other.
const MAX_DEPTH: usize = 32;
/// How many bytes of one tree are read in all.
const MAX_TOTAL: u64 = 64 << 20;

/// What tells a file or folder from all others on this machine, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity(u64, u64);

/// A file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its path below the tree's folder, with `/`.
    pub below: String,
    /// Its path.
    pub path: PathBuf,
    /// Whether it, or a folder on the way to it, is a link.
    pub is_linked: bool,
    /// Which file it is; of a link: which link.
    pub identity: Option<Identity>,
    /// What it holds, or why it was not read.
    pub content: Result<Content, String>,
    /// Whether it was not read because the caller knows it; its content is empty then.
    pub is_known: bool,
}

/// The files of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// The files, in the order of `order`.
    pub leaves: Vec<Leaf>,
    /// Why there may be more than these, in words; empty: nothing was left out.
    pub cut: Vec<String>,
}

/// How a tree is read.
#[derive(Clone, Copy)]
pub struct Reading {
    /// How the names of the files end.
    pub ending: &'static str,
    /// Whether the ending counts only in lower case.
    pub is_cased: bool,
    /// The largest file that is read, in bytes.
    pub max_size: u64,
    /// The order of the paths below the folder.
    pub order: fn(&str, &str) -> std::cmp::Ordering,
}

impl Reading {
    fn takes(&self, name: &str) -> bool {
        let start = name.len().checked_sub(self.ending.len());
        let ending = start.and_then(|start| name.get(start..));
        ending.is_some_and(|ending| {
            ending == self.ending || !self.is_cased && ending.eq_ignore_ascii_case(self.ending)
        })
    }
}

/// Whether the caller knows what a file holds, so that it need not be read: its path below the tree's folder, and its look.
pub type IsKnown<'a> = &'a dyn Fn(&str, Look) -> bool;

/// Reads all files below `folder` whose names end with `ending`; nothing is there if it does not exist.
#[must_use]
pub fn tree(folder: &Path, reading: Reading) -> Tree {
    tree_except(folder, reading, &|_, _| false)
}

/// The same; files that the caller knows are listed, and not read.
#[must_use]
pub fn tree_except(folder: &Path, reading: Reading, is_known: IsKnown<'_>) -> Tree {
    let mut walk = Walk {
        reading,
        is_known,
        tree: Tree::default(),
        seen: BTreeSet::new(),
        entries: 0,
        total: 0,
    };
    walk.folder(folder, "", 0, false);
    let Tree { mut leaves, cut } = walk.tree;
    leaves.sort_by(|one, other| (reading.order)(&one.below, &other.below));
    Tree { leaves, cut }
}

struct Walk<'a> {
    reading: Reading,
    is_known: IsKnown<'a>,
    tree: Tree,
    seen: BTreeSet<Identity>,
    entries: usize,
    total: u64,
}

impl Walk<'_> {
    /// Reads a folder. Of several ways to one folder, the client and this take the first in the order that the system lists them in.
    fn folder(&mut self, path: &Path, below: &str, depth: usize, is_linked: bool) {
        let Ok(metadata) = fs::metadata(path) else {
            return;
        };
        let folder = identity(&metadata, path);
        if !metadata.is_dir() || folder.is_some_and(|id| self.seen.contains(&id)) {
            return;
        }
        if depth > MAX_DEPTH {
            self.cut(format!("folders are more than {MAX_DEPTH} deep"));
            return;
        }
        // What is too deep on this way may be reached on a shorter one.
        self.seen.extend(folder);
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                self.cut(format!("`{}` cannot be read: {error}", path.display()));
                return;
            }
        };
        for entry in entries.flatten() {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                self.cut(format!("there are more than {MAX_ENTRIES} entries"));
                break;
            }
            // The client cannot read what is not UTF-8 either.
            let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else {
                continue;
            };
            let path = entry.path();
            let target = if kind.is_symlink() {
                fs::metadata(&path)
            } else {
                entry.metadata()
            };
            let is_linked = is_linked || kind.is_symlink();
            if target.as_ref().is_ok_and(Metadata::is_dir) {
                self.folder(&path, &format!("{below}{name}/"), depth + 1, is_linked);
            } else if self.reading.takes(&name) {
                let below = format!("{below}{name}");
                let own = if kind.is_symlink() {
                    fs::symlink_metadata(&path).ok()
                } else {
                    target.as_ref().ok().cloned()
                };
                let identity = own.as_ref().and_then(|own| identity(own, &path));
                let look = own.as_ref().filter(|_| !is_linked).and_then(look_of);
                let is_known = look.is_some_and(|look| (self.is_known)(&below, look));
                let content = match target.ok() {
                    Some(target) if is_known => {
                        self.counted(target.len()).map(|()| Content::default())
                    }
                    target => self.content(&path, target),
                };
                self.tree.leaves.push(Leaf {
                    below,
                    is_linked,
                    identity,
                    is_known: is_known && content.is_ok(),
                    content,
                    path,
                });
            }
        }
    }

    fn content(&mut self, path: &Path, target: Option<Metadata>) -> Result<Content, String> {
        let Some(target) = target else {
            return Err("it is a link that leads nowhere".to_owned());
        };
        if !target.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        let max_size = self.reading.max_size;
        if target.len() > max_size {
            return Err(format!(
                "it is larger than the {} that Claude Code reads",
                super::human_size(max_size)
            ));
        }
        self.counted(target.len())?;
        match super::read(path, max_size) {
            Ok(Some(bytes)) => Ok(bytes.into()),
            Ok(None) => Err("it is gone".to_owned()),
            Err(failure) => Err(failure.to_string()),
        }
    }

    /// Counts the bytes of a file, unless they would be too many.
    fn counted(&mut self, length: u64) -> Result<(), String> {
        if self.total + length > MAX_TOTAL {
            let total = super::human_size(MAX_TOTAL);
            self.cut(format!("the files are more than {total} in all"));
            return Err(format!("the files before it are {total} already"));
        }
        self.total += length;
        Ok(())
    }

    fn cut(&mut self, why: String) {
        if !self.tree.cut.contains(&why) {
            self.tree.cut.push(why);
        }
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other platforms may not tell")]
fn identity(metadata: &Metadata, _path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;

    Some(Identity(metadata.dev(), metadata.ino()))
}

/// Without the numbers of the file system, the path without links stands for the folder or file.
#[cfg(not(unix))]
fn identity(_metadata: &Metadata, path: &Path) -> Option<Identity> {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    let mut hasher = DefaultHasher::new();
    fs::canonicalize(path).ok()?.hash(&mut hasher);
    Some(Identity(0, hasher.finish()))
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use std::os::unix::fs::symlink;

    use super::*;

    const READING: Reading = Reading {
        ending: ".md",
        is_cased: true,
        max_size: 10,
        order: |one, other| one.cmp(other),
    };

    fn below(tree: &Tree) -> Vec<(&str, bool)> {
        let leaves = tree.leaves.iter();
        leaves
            .map(|leaf| (leaf.below.as_str(), leaf.content.is_ok()))
            .collect()
    }

    #[cfg(unix)]
    #[test]
    fn every_depth_and_every_link_is_followed_and_each_folder_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("agents");
        fs::create_dir_all(root.join("b/.hidden")).unwrap();
        fs::create_dir_all(folder.path().join("elsewhere")).unwrap();
        for file in ["b.md", "b/.hidden/.c.md", "b/no.txt", "../elsewhere/e.md"] {
            fs::write(root.join(file), "x").unwrap();
        }
        fs::write(root.join("large.md"), "more than ten").unwrap();
        symlink("../elsewhere", root.join("a")).unwrap();
        symlink("a", root.join("again")).unwrap();
        symlink("..", root.join("b/up")).unwrap();
        symlink("nowhere", root.join("broken.md")).unwrap();
        symlink("b.md", root.join("link.md")).unwrap();
        let mut tree = tree(&root, READING);
        // Which way it is reached by is up to the system.
        let first = tree.leaves.remove(0);
        assert!(matches!(first.below.as_str(), "a/e.md" | "again/e.md") && first.is_linked);
        assert_eq!(
            below(&tree),
            [
                ("b.md", true),
                ("b/.hidden/.c.md", true),
                ("broken.md", false),
                ("large.md", false),
                ("link.md", true),
            ]
        );
        assert!(!tree.leaves[0].is_linked && tree.leaves[4].is_linked);
        assert_eq!(tree.cut, [""; 0]);
    }

    #[test]
    fn a_bound_that_was_met_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d/".repeat(MAX_DEPTH + 1));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("x.md"), "x").unwrap();
        let found = tree(folder.path(), READING);
        assert_eq!((below(&found), found.cut.len()), (vec![], 1));
        fs::write(deep.parent().unwrap().join("y.md"), "x").unwrap();
        assert_eq!(tree(folder.path(), READING).leaves.len(), 1);
        for number in 0..MAX_ENTRIES {
            fs::write(folder.path().join(format!("{number}.txt")), "").unwrap();
        }
        let cut = tree(folder.path(), READING).cut;
        assert!(cut.iter().any(|cut| cut.contains("10000")), "{cut:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.md");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        if made.is_ok_and(|status| status.success()) {
            assert_eq!(below(&tree(folder.path(), READING)), [("p.md", false)]);
        }
    }
}
