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

/// A commit, with what it gave to files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The commit.
    pub commit: ObjectId,
    /// Whether these are the differences from its first parent. Otherwise they are all of its files.
    pub has_parent: bool,
    /// The files, each with its content.
    pub files: Vec<(String, ObjectId)>,
}

/// The past of all files, as far as it was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PastFiles {
    /// The commits, newest first.
    pub commits: Vec<Given>,
    /// Whether the history was followed to its beginning; otherwise it is cut, or was too long.
    pub is_whole: bool,
}

impl PastFiles {
    /// The contents, newest first, each path with each content once.
    #[must_use]
    pub fn files(&self) -> Vec<PastFile> {
        let mut known = HashSet::new();
        let given = self.commits.iter().flat_map(|given| {
            let files = given.files.iter();
            files.map(|(path, blob)| (path, *blob, given.commit))
        });
        let first = given.filter(|(path, blob, _)| known.insert((*path, *blob)));
        first
            .map(|(path, blob, commit)| PastFile {
                path: path.clone(),
                blob,
                commit,
            })
            .collect()
    }
}

impl Repository {
    /// What the files for which `is_wanted` is true held in the history of a commit, on all its branches. `known`: what an earlier look
    /// found a commit to give.
    pub fn past_files<'k>(
        &self,
        commit: ObjectId,
        is_wanted: &dyn Fn(&str) -> bool,
        known: &dyn Fn(ObjectId) -> Option<&'k Given>,
    ) -> Result<PastFiles, GitError> {
        let mut past = PastFiles {
            commits: Vec::new(),
            is_whole: true,
        };
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
            let has_parent = before.is_some();
            // Where the history was cut then, it may not be cut now.
            let known = known(commit).filter(|known| known.has_parent == has_parent);
            let files = match known {
                Some(known) => known.files.clone(),
                None => match self.given(before, commit, is_wanted) {
                    Ok(files) => files,
                    // Of a merge, the folders of its other sides may not have been fetched.
                    Err(GitError::MissingObject { .. }) => {
                        past.is_whole = false;
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            past.commits.push(Given {
                commit,
                has_parent,
                files,
            });
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
