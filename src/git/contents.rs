//! All that the files of a repository ever held, as far as its history is here. Nothing is fetched for that.

use std::collections::{BinaryHeap, HashSet};

use super::GitError;
use super::local::Repository;
use super::walk::WalkLimits;
use crate::domain::digest::ObjectId;

/// How many commits are looked at.
const MAX_COMMITS: usize = 20_000;

/// What a file held at some point of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFile {
    /// Its path, with `/`.
    pub path: String,
    /// The content.
    pub blob: ObjectId,
    /// The newest commit that gave the file this content, or where the history is cut, the one there.
    pub commit: ObjectId,
}

/// The past of all files, as far as it was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PastFiles {
    /// The contents, newest first, each path with each content once.
    pub files: Vec<PastFile>,
    /// Whether the history was followed to its beginning; otherwise it is cut, or was too long.
    pub is_whole: bool,
}

impl Repository {
    /// What the files for which `is_wanted` is true held in the history of a commit, on all its branches.
    pub fn past_files(
        &self,
        commit: ObjectId,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<PastFiles, GitError> {
        let mut past = PastFiles {
            files: Vec::new(),
            is_whole: true,
        };
        let mut known = HashSet::new();
        let cut = self.cut();
        let mut seen = HashSet::from([commit]);
        let mut open = BinaryHeap::from([(self.commit_time(commit)?, commit)]);
        for _ in 0..MAX_COMMITS {
            let Some((_, commit)) = open.pop() else {
                return Ok(past);
            };
            let is_cut = cut.contains(&commit.to_string());
            let parents = if is_cut {
                Vec::new()
            } else {
                self.parents(commit)?
            };
            past.is_whole &= !is_cut;
            let mut before = None;
            for (index, parent) in parents.iter().enumerate() {
                match self.commit_time(*parent) {
                    Ok(time) => {
                        if index == 0 {
                            before = Some(*parent);
                        }
                        if seen.insert(*parent) {
                            open.push((time, *parent));
                        }
                    }
                    Err(GitError::MissingObject { .. }) => past.is_whole = false,
                    Err(error) => return Err(error),
                }
            }
            let files = match self.given(before, commit, is_wanted) {
                Ok(files) => files,
                // Of a merge, the folders of its other sides may not have been fetched.
                Err(GitError::MissingObject { .. }) => {
                    past.is_whole = false;
                    continue;
                }
                Err(error) => return Err(error),
            };
            for (path, blob) in files {
                if known.insert((path.clone(), blob)) {
                    past.files.push(PastFile { path, blob, commit });
                }
            }
        }
        past.is_whole = false;
        Ok(past)
    }

    /// The files that a commit has and its parent does not have like that. Without a parent these are all.
    fn given(
        &self,
        parent: Option<ObjectId>,
        commit: ObjectId,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<(String, ObjectId)>, GitError> {
        let limits = WalkLimits::default();
        if let Some(parent) = parent
            && let Some(changes) = self.changes(parent, commit, &limits)?
        {
            let changed = changes.into_iter().filter(|file| is_wanted(&file.path));
            return Ok(changed
                .filter_map(|file| Some((file.path, file.id?)))
                .collect());
        }
        let walk = self.walk(commit, &limits, is_wanted)?;
        let files = walk.files.into_iter();
        Ok(files.map(|file| (file.path, file.id)).collect())
    }
}
