//! What a repository held at a commit that may not be here any more: its files by path, and texts by blob.

use super::Watch;
use super::repository::CachedRepository;
use crate::domain::digest::ObjectId;
use crate::domain::discovery::EXTENSION;
use crate::domain::lineage::Tree;
use crate::error::Result;
use crate::git::{FilePast, PastFiles};
use crate::store::contents;
use crate::store::project::MAX_AGENT;

impl CachedRepository<'_> {
    /// The files of a commit that may be agents. A commit that is not here is fetched alone; `None`: it cannot be had.
    pub(in crate::store) fn tree(
        &self,
        commit: ObjectId,
        watch: Watch<'_>,
    ) -> Result<Option<Tree>> {
        // A server that does not give single commits is no reason to fail: fewer rules can be applied then.
        if !self.has_commit(commit, watch).unwrap_or(false) {
            return Ok(None);
        }
        let walk = self.walk(commit, &contents::is_interesting, watch)?;
        let files = walk.files.into_iter().map(|file| (file.path, file.id));
        Ok(Some(files.collect()))
    }

    /// The commits that changed a file, as [`crate::git::Repository::past_of`] finds them. Nothing is fetched for that.
    pub fn past_of(
        &self,
        files: (&str, &str),
        commit: ObjectId,
        until: Option<ObjectId>,
        limit: usize,
    ) -> Result<FilePast> {
        Ok(self.open()?.past_of(files, commit, until, limit)?)
    }

    /// What the Markdown files of the history of a commit ever held, as far as that history is here. Nothing is fetched for that.
    pub(in crate::store) fn past_files(&self, commit: ObjectId) -> Result<PastFiles> {
        let is_markdown = |path: &str| path.ends_with(EXTENSION);
        Ok(self.open()?.past_files(commit, &is_markdown)?)
    }

    /// Texts by blob, as many of them as can be had: from the content store, the repository, or the remote, which is asked once.
    pub(in crate::store) fn texts(
        &self,
        blobs: &[ObjectId],
        watch: Watch<'_>,
    ) -> Vec<(ObjectId, Vec<u8>)> {
        let mut found = Vec::new();
        let mut open = Vec::new();
        for blob in blobs {
            match self.cache.content(*blob) {
                Some(text) => found.push((*blob, text)),
                None => open.push(*blob),
            }
        }
        // Whatever cannot be fetched is simply not there.
        let _ = self.have_blobs(open.iter().copied(), watch);
        if let Ok(repository) = self.open() {
            let read = |blob: ObjectId| Some((blob, repository.read_blob(blob, MAX_AGENT).ok()??));
            found.extend(open.into_iter().filter_map(read));
        }
        found
    }
}
