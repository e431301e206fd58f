//! Lists the files of a commit without trusting any name in it.
//!
//! Trees come from others and may contain anything: `..`, `.git`, separators, links, devices, the same name twice. A name that could mean
//! another place, another file or nothing at all on some system is refused and listed, and the walk continues without it.
//!
//! The difference between two commits is found without reading folders that are the same in both.

use std::cmp::Ordering;
use std::collections::HashSet;

use git2::{Oid, TreeEntry};

use super::local::{FOLDER_MODE, Repository, id_of, is_file_mode, oid};
use super::{GitError, stderr};
use crate::domain::digest::ObjectId;
use crate::domain::name::is_invisible;

/// The longest name that common file systems allow.
const MAX_NAME: usize = 255;
/// How many refused entries are listed one by one; a hostile tree can contain millions.
const MAX_REFUSED: usize = 1000;

/// The limits of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// The depth of folders; deeper ones are refused.
    pub depth: usize,
    /// The number of entries of all kinds; more are an error.
    pub entries: usize,
}

impl Default for WalkLimits {
    fn default() -> Self {
        Self {
            depth: 16,
            entries: 200_000,
        }
    }
}

/// A plain file in a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeFile {
    /// The path from the root, with `/`.
    pub path: String,
    /// Its blob.
    pub id: ObjectId,
}

/// An entry that is not used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedEntry {
    /// The path, escaped for display.
    pub path: String,
    /// Why, a lower-case fragment.
    pub reason: &'static str,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Walk {
    /// The files that were wanted, sorted by path.
    pub files: Vec<TreeFile>,
    /// What was refused, sorted by path; at most the first thousand.
    pub refused: Vec<RefusedEntry>,
    /// The total number of refused entries.
    pub refused_total: usize,
}

/// A file that differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangedFile {
    /// The path from the root, with `/`.
    pub path: String,
    /// Its blob in the later commit; `None` if it is not there.
    pub id: Option<ObjectId>,
}

impl Repository {
    /// Lists the files that differ between two commits, sorted by path.
    ///
    /// `None` if a difference concerns anything that a walk refuses, or exceeds the limits: then only a walk can tell what there is.
    pub fn changes(
        &self,
        from: ObjectId,
        to: ObjectId,
        limits: &WalkLimits,
    ) -> Result<Option<Vec<ChangedFile>>, GitError> {
        let mut comparison = Comparison {
            repository: self,
            limits,
            entries: 0,
            changes: Vec::new(),
        };
        let is_plain = comparison.folder(
            Some(oid(&self.tree_of(from)?)),
            Some(oid(&self.tree_of(to)?)),
            "",
            1,
        )?;
        comparison.changes.sort_unstable();
        Ok(is_plain.then_some(comparison.changes))
    }

    /// Lists the files of `commit` for which `is_wanted` is true; it is called with the whole path.
    pub fn walk(
        &self,
        commit: ObjectId,
        limits: &WalkLimits,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Walk, GitError> {
        let mut walker = Walker {
            repository: self,
            limits,
            is_wanted,
            entries: 0,
            walk: Walk::default(),
        };
        walker.folder(self.tree_of(commit)?, "", 1)?;
        let mut walk = walker.walk;
        walk.files.sort_unstable();
        walk.refused.sort_unstable();
        Ok(walk)
    }
}

struct Walker<'a> {
    repository: &'a Repository,
    limits: &'a WalkLimits,
    is_wanted: &'a dyn Fn(&str) -> bool,
    entries: usize,
    walk: Walk,
}

impl Walker<'_> {
    fn folder(&mut self, id: ObjectId, path: &str, depth: usize) -> Result<(), GitError> {
        let tree = self
            .repository
            .inner
            .find_tree(oid(&id))
            .map_err(|error| self.repository.object_error(id, &error))?;
        self.entries += tree.len();
        if self.entries > self.limits.entries {
            return Err(GitError::TreeTooLarge {
                place: self.repository.path().display().to_string(),
                limit: self.limits.entries,
            });
        }
        // It is impossible to say which of two equal names is the right one, so both are refused.
        let entries: Vec<_> = tree.iter().collect();
        let mut seen = HashSet::with_capacity(entries.len());
        let names = entries.iter().map(TreeEntry::name_bytes);
        let twice: HashSet<&[u8]> = names.filter(|name| !seen.insert(*name)).collect();
        for entry in &entries {
            let name = match checked_name(entry.name_bytes()) {
                Ok(_) if twice.contains(entry.name_bytes()) => {
                    Err("the same name twice in one folder")
                }
                checked => checked,
            };
            let name = match name {
                Ok(name) => name,
                Err(reason) => {
                    self.refuse(path, entry.name_bytes(), reason);
                    continue;
                }
            };
            let inner = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}/{name}")
            };
            match entry.filemode_raw() {
                0o040_000 if depth >= self.limits.depth => {
                    self.refuse(
                        path,
                        entry.name_bytes(),
                        "folders that are nested too deeply",
                    );
                }
                0o040_000 => self.folder(id_of(entry.id()), &inner, depth + 1)?,
                mode if is_file_mode(mode) => {
                    if (self.is_wanted)(&inner) {
                        self.walk.files.push(TreeFile {
                            path: inner,
                            id: id_of(entry.id()),
                        });
                    }
                }
                0o120_000 => self.refuse(path, entry.name_bytes(), "a symbolic link"),
                0o160_000 => self.refuse(path, entry.name_bytes(), "a submodule"),
                _ => self.refuse(path, entry.name_bytes(), "an unusual file mode"),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, folder: &str, name: &[u8], reason: &'static str) {
        self.walk.refused_total += 1;
        if self.walk.refused.len() < MAX_REFUSED {
            let separator = if folder.is_empty() { "" } else { "/" };
            let path = format!("{folder}{separator}{}", escaped(name));
            self.walk.refused.push(RefusedEntry { path, reason });
        }
    }
}

struct Comparison<'a> {
    repository: &'a Repository,
    limits: &'a WalkLimits,
    entries: usize,
    changes: Vec<ChangedFile>,
}

impl Comparison<'_> {
    /// Compares two folders, one of which may be missing; returns whether everything that differs is a plain file or folder.
    fn folder(
        &mut self,
        from: Option<Oid>,
        to: Option<Oid>,
        path: &str,
        depth: usize,
    ) -> Result<bool, GitError> {
        let find = |id: Oid| {
            self.repository
                .inner
                .find_tree(id)
                .map_err(|error| self.repository.object_error(id_of(id), &error))
        };
        let (from, to) = (from.map(find).transpose()?, to.map(find).transpose()?);
        let (Some(from), Some(to)) = (by_name(from.as_ref()), by_name(to.as_ref())) else {
            return Ok(false);
        };
        self.entries += from.len() + to.len();
        if self.entries > self.limits.entries || depth > self.limits.depth {
            return Ok(false);
        }
        let (mut was, mut now) = (from.iter().peekable(), to.iter().peekable());
        while let Some(order) = earlier(was.peek().copied(), now.peek().copied()) {
            let was = was.next_if(|_| order.is_le());
            let now = now.next_if(|_| order.is_ge());
            if !self.entry(was, now, path, depth)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn entry(
        &mut self,
        was: Option<&TreeEntry<'_>>,
        now: Option<&TreeEntry<'_>>,
        path: &str,
        depth: usize,
    ) -> Result<bool, GitError> {
        let what = |entry: &TreeEntry<'_>| (entry.filemode_raw(), entry.id());
        let (name, was, now) = (
            was.or(now).map(TreeEntry::name_bytes),
            was.map(what),
            now.map(what),
        );
        if was == now {
            return Ok(true);
        }
        let is_plain = |mode: i32| mode == FOLDER_MODE || is_file_mode(mode);
        let (true, Ok(name)) = (
            [was, now].iter().flatten().all(|(mode, _)| is_plain(*mode)),
            checked_name(name.unwrap_or_default()),
        ) else {
            return Ok(false);
        };
        let path = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}/{name}")
        };
        let of_kind = |entry: Option<(i32, Oid)>, is_folder| {
            entry
                .filter(|(mode, _)| (*mode == FOLDER_MODE) == is_folder)
                .map(|(_, id)| id)
        };
        let (was_file, file) = (of_kind(was, false), of_kind(now, false));
        if was_file != file {
            self.changes.push(ChangedFile {
                path: path.clone(),
                id: file.map(id_of),
            });
        }
        match (of_kind(was, true), of_kind(now, true)) {
            (None, None) => Ok(true),
            (was, now) => self.folder(was, now, &path, depth + 1),
        }
    }
}

/// Which of two entries comes first by name; `None` if there is none.
fn earlier(was: Option<&TreeEntry<'_>>, now: Option<&TreeEntry<'_>>) -> Option<Ordering> {
    match (was, now) {
        (Some(was), Some(now)) => Some(was.name_bytes().cmp(now.name_bytes())),
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (None, None) => None,
    }
}

/// The entries of a folder, sorted by name alone; `None` if two have the same name.
fn by_name<'t>(tree: Option<&'t git2::Tree<'_>>) -> Option<Vec<TreeEntry<'t>>> {
    let mut entries: Vec<_> = tree.into_iter().flatten().collect();
    entries.sort_unstable_by(|left, right| left.name_bytes().cmp(right.name_bytes()));
    let is_unique = entries
        .windows(2)
        .all(|pair| pair[0].name_bytes() != pair[1].name_bytes());
    is_unique.then_some(entries)
}

/// The name as text, if it means one plain entry of its folder on every system.
fn checked_name(name: &[u8]) -> Result<&str, &'static str> {
    let Ok(name) = std::str::from_utf8(name) else {
        return Err("a name that is not UTF-8 text");
    };
    let lower = name.to_lowercase();
    // Windows ignores dots and spaces at the end; macOS ignores invisible characters.
    let seen_by_windows = lower.trim_end_matches(['.', ' ']);
    let seen_by_macos: String = lower.chars().filter(|c| !is_invisible(*c)).collect();
    let stem = lower.split('.').next().unwrap_or_default().trim_end();
    if name.is_empty() {
        Err("an empty name")
    } else if name.len() > MAX_NAME {
        Err("a name longer than 255 bytes")
    } else if matches!(name, "." | "..") {
        Err("a name that means another folder")
    } else if name.contains(['/', '\\']) {
        Err("a name with a separator")
    } else if [seen_by_windows, &seen_by_macos]
        .iter()
        .any(|name| matches!(*name, ".git" | "git~1"))
    {
        Err("a name that means git's own folder")
    } else if name.contains(|c: char| c.is_control()) {
        Err("a name with control characters")
    } else if name.contains(is_invisible) {
        Err("a name with invisible characters")
    } else if name.contains([':', '*', '?', '"', '<', '>', '|']) {
        Err("a name with a character that Windows does not allow")
    } else if seen_by_windows.len() != lower.len() {
        Err("a name that ends with a dot or a space")
    } else if name.starts_with('-') {
        Err("a name that reads as an option")
    } else if is_device(stem) {
        Err("the name of a device on Windows")
    } else {
        Ok(name)
    }
}

fn is_device(stem: &str) -> bool {
    let is_numbered = |prefix: &str| {
        let digit = stem
            .strip_prefix(prefix)
            .and_then(|rest| rest.chars().next().filter(|c| rest.len() == c.len_utf8()));
        digit.is_some_and(|c| matches!(c, '0'..='9' | '¹' | '²' | '³'))
    };
    matches!(stem, "con" | "prn" | "aux" | "nul" | "conin$" | "conout$")
        || is_numbered("com")
        || is_numbered("lpt")
}

/// A name for a message: every byte that is not plain is escaped.
fn escaped(name: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || is_invisible(c) || c == '\\' {
                shown.extend(c.escape_default());
            } else {
                shown.push(c);
            }
        }
        for byte in chunk.invalid() {
            shown.push_str("\\x");
            shown.extend(
                [byte >> 4, byte & 15]
                    .map(|digit| char::from_digit(digit.into(), 16).unwrap_or('?')),
            );
        }
    }
    stderr::cleaned(&shown)
}
