//! The past of one file: the commits that changed it, as `git log -- FILE` finds them. Only reads what is here, and says where that ends.

use std::collections::HashSet;

use git2::Commit;

use super::local::Repository;
use super::walk::WalkLimits;
use super::{GitError, stderr};
use crate::domain::digest::ObjectId;

/// How many commits are looked at; a file that has not changed in so many is not worth the wait.
const MAX_COMMITS: usize = 20_000;
/// The longest subject that is kept, in characters.
const MAX_SUBJECT: usize = 200;

/// A commit that changed a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The commit.
    pub commit: ObjectId,
    /// When it was made, in seconds since 1970, as its committer claims.
    pub time: i64,
    /// The first line of its message, without control characters.
    pub subject: String,
    /// The content that it gave to the file.
    pub blob: ObjectId,
}

/// A parent of a commit, with the content that a file had there.
type Parent = (ObjectId, Option<ObjectId>);

/// The past of a file, as far as it was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilePast {
    /// The commits that changed it, newest first.
    pub changes: Vec<FileChange>,
    /// Whether it was followed to its first commit; otherwise the history is cut there, or was too long.
    pub is_whole: bool,
    /// The content that it was followed to; `None`: there is no such file.
    pub oldest: Option<ObjectId>,
}

impl Repository {
    /// The commits that changed a file, from `commit` back to where it had the content `until`, or to its first.
    ///
    /// Where it was moved, it is followed to the file with the same content, to `earlier` (where it is known to have been), or to the only
    /// one of the same name. At most `limit` commits are listed. A merge that took the file as one side had it changed nothing.
    pub fn past_of(
        &self,
        (file, earlier): (&str, &str),
        commit: ObjectId,
        until: Option<ObjectId>,
        limit: usize,
    ) -> Result<FilePast, GitError> {
        let mut past = FilePast::default();
        let mut path = file.to_owned();
        let mut at = commit;
        past.oldest = self.blob_at(at, &path)?;
        let cut = self.cut();
        for _ in 0..MAX_COMMITS {
            let Some(blob) = past.oldest.filter(|blob| until != Some(*blob)) else {
                break;
            };
            let Some(before) = self.before(at, &path, &cut)? else {
                break;
            };
            let is_same = |(_, before): &&Parent| *before == Some(blob);
            if let Some((parent, _)) = before.iter().find(is_same) {
                at = *parent;
                continue;
            }
            if past.changes.len() == limit {
                break;
            }
            let found = self.commit(at)?;
            past.changes.push(FileChange {
                commit: at,
                time: found.time().seconds(),
                subject: subject(&found),
                blob,
            });
            let other = before.iter().find_map(|(at, blob)| Some((*at, (*blob)?)));
            let next = match (other, before.first()) {
                (Some((parent, blob)), _) => Some((parent, path.clone(), blob)),
                (None, Some((parent, _))) => {
                    let moved = self.moved_from((&path, earlier), blob, *parent, at)?;
                    moved.map(|(path, blob)| (*parent, path, blob))
                }
                (None, None) => None,
            };
            let Some((parent, before, blob)) = next else {
                past.is_whole = true;
                break;
            };
            (at, path, past.oldest) = (parent, before, Some(blob));
        }
        Ok(past)
    }

    /// The parents of a commit, each with the content that a file had there; `None` if that is not here.
    fn before(
        &self,
        commit: ObjectId,
        path: &str,
        cut: &HashSet<String>,
    ) -> Result<Option<Vec<Parent>>, GitError> {
        if cut.contains(&commit.to_string()) {
            return Ok(None);
        }
        let mut before = Vec::new();
        for parent in self.parents(commit)? {
            match self.blob_at(parent, path) {
                Ok(blob) => before.push((parent, blob)),
                // Of a merge, the folders of its other sides may not have been fetched.
                Err(GitError::MissingObject { .. }) if !before.is_empty() => {
                    before.push((parent, None));
                }
                Err(GitError::MissingObject { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(before))
    }

    /// The file that a commit moved to a path, with its content before.
    fn moved_from(
        &self,
        (path, earlier): (&str, &str),
        blob: ObjectId,
        parent: ObjectId,
        commit: ObjectId,
    ) -> Result<Option<(String, ObjectId)>, GitError> {
        let changes = match self.changes(parent, commit, &WalkLimits::default()) {
            Ok(Some(changes)) => changes,
            Ok(None) | Err(GitError::MissingObject { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut left = Vec::new();
        for change in changes.into_iter().filter(|change| change.id.is_none()) {
            if let Some(before) = self.blob_at(parent, &change.path)? {
                left.push((change.path, before));
            }
        }
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let only = |is_it: &dyn Fn(&(String, ObjectId)) -> bool| {
            let mut found = left.iter().filter(|file| is_it(file));
            found.next().filter(|_| found.next().is_none()).cloned()
        };
        Ok(only(&|(_, before)| *before == blob)
            .or_else(|| only(&|(before, _)| before == earlier))
            .or_else(|| only(&|(before, _)| name(before) == name(path))))
    }
}

/// The first line of a commit's message.
fn subject(commit: &Commit<'_>) -> String {
    let subject = commit.summary_bytes().unwrap_or_default();
    let subject = String::from_utf8_lossy(subject);
    stderr::cleaned(&subject)
        .chars()
        .take(MAX_SUBJECT)
        .collect()
}
