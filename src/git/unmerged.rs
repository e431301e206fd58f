//! What a merge of git has left open: the two sides of a file, as each was before.

use super::GitError;
use super::local::{Repository, id_of};
use crate::domain::digest::ObjectId;

impl Repository {
    /// Both sides of a file that git could not merge: what was checked out, and what was merged into it; `None` for the one that does not
    /// have it. `None` if the file is not open.
    pub fn unmerged(&self, path: &str) -> Result<Option<[Option<ObjectId>; 2]>, GitError> {
        let unreadable = |error: git2::Error| self.unreadable(&error);
        let index = self.inner.index().map_err(unreadable)?;
        for conflict in index.conflicts().map_err(unreadable)? {
            let conflict = conflict.map_err(unreadable)?;
            let sides = [conflict.our, conflict.their];
            let is_it = |side: &git2::IndexEntry| side.path == path.as_bytes();
            if sides.iter().flatten().any(is_it) {
                return Ok(Some(sides.map(|side| side.map(|side| id_of(side.id)))));
            }
        }
        Ok(None)
    }
}
