//! What a repository held at a commit that may not be here any more: its files by path, and texts by blob.

use std::collections::HashMap;
use std::path::PathBuf;

use super::Watch;
use super::repository::CachedRepository;
use crate::domain::digest::ObjectId;
use crate::domain::discovery::plugins::Plugins;
use crate::domain::discovery::{self, EXTENSION};
use crate::domain::lineage::Tree;
use crate::error::Result;
use crate::git::{FilePast, Given, PastFiles};
use crate::store::contents;
use crate::store::index::Past;
use crate::store::project::MAX_AGENT;

/// The file with what is known of the past of a repository.
const PAST: &str = "past";

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

    /// Whether a commit is an ancestor of another one, as far as the history is here.
    pub fn is_older(&self, commit: ObjectId, than: ObjectId) -> Result<bool> {
        let repository = self.open()?;
        if commit == than {
            return Ok(false);
        }
        // A whole history is walked only where the times leave it open.
        let is_later = repository.commit_time(commit)? > repository.commit_time(than)?;
        Ok(!is_later && repository.is_ancestor(commit, than)?)
    }

    /// What the Markdown files of the history of a commit ever held, as far as that history is here. Nothing is fetched for that.
    pub(in crate::store) fn past_files(&self, commit: ObjectId) -> Result<PastFiles> {
        let kept = self.kept_past().unwrap_or_default();
        if kept.commit() == Some(commit) && kept.files.is_whole {
            return Ok(kept.files);
        }
        self.walked(commit, &kept)
    }

    /// The same with the lines of texts, as far as they are known: from the cache, if they are there and intact.
    pub(in crate::store) fn past(&self, commit: ObjectId) -> Result<Past> {
        let kept = self.kept_past().unwrap_or_default();
        if kept.commit() == Some(commit) && kept.files.is_whole {
            return Ok(kept);
        }
        let files = self.walked(commit, &kept)?;
        let mut past = kept.at(commit, files);
        self.keep_past(&mut past);
        Ok(past)
    }

    /// Reads the texts whose lines are not known, as far as they can be had, and keeps what is known then.
    pub(in crate::store) fn read_past(&self, past: &mut Past, watch: Watch<'_>) {
        let nothing = Plugins::default();
        let unread = past.unread(&|path| discovery::is_candidate(path, EXTENSION, &nothing));
        self.each_text(&unread, watch, &mut |blob, text| past.learn(blob, &text));
        for blob in unread {
            // It has lines, but none that will ever be read.
            if past.text(blob).is_none() && self.is_too_large(blob) {
                past.learn(blob, b"");
            }
        }
        self.keep_past(past);
    }

    fn keep_past(&self, past: &mut Past) {
        if let Some(path) = self.past_path() {
            // A cache that cannot be written is no reason to fail.
            let _ = past.write(&path);
        }
    }

    fn past_path(&self) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(PAST))
    }

    /// What is known of the past of the repository, at whatever commit.
    fn kept_past(&self) -> Option<Past> {
        Past::open(&self.past_path()?)
    }

    /// The past of a commit; what is known of single commits is not looked for again.
    fn walked(&self, commit: ObjectId, kept: &Past) -> Result<PastFiles> {
        let is_markdown = |path: &str| path.ends_with(EXTENSION);
        let known = kept.files.commits.iter();
        let known: HashMap<ObjectId, &Given> = known.map(|given| (given.commit, given)).collect();
        let known = |commit: ObjectId| known.get(&commit).copied();
        Ok(self.open()?.past_files(commit, &is_markdown, &known)?)
    }

    /// Texts by blob, as many of them as can be had: from the content store, the repository, or the remote, which is asked once.
    pub(in crate::store) fn texts(
        &self,
        blobs: &[ObjectId],
        watch: Watch<'_>,
    ) -> Vec<(ObjectId, Vec<u8>)> {
        let mut found = Vec::new();
        self.each_text(blobs, watch, &mut |blob, text| found.push((blob, text)));
        found
    }

    /// The same, one after the other.
    fn each_text(
        &self,
        blobs: &[ObjectId],
        watch: Watch<'_>,
        take: &mut dyn FnMut(ObjectId, Vec<u8>),
    ) {
        let mut open = Vec::new();
        for blob in blobs {
            match self.cache.content(*blob) {
                Some(text) => take(*blob, text),
                None => open.push(*blob),
            }
        }
        // Whatever cannot be fetched is simply not there.
        let _ = self.have_blobs(open.iter().copied(), watch);
        if let Ok(repository) = self.open() {
            for blob in open {
                if let Ok(Some(text)) = repository.read_blob(blob, MAX_AGENT) {
                    take(blob, text);
                }
            }
        }
    }
}
