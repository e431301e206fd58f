//! The history: a record of each operation that ended, and copies of the contents that it replaced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::MAX_CONTENT;
use super::journal::{Journal, MAX_JOURNAL};
use crate::domain::digest::Digest;
use crate::error::{Failure, Result};
use crate::fs::{self, Entry};
use crate::store::project::Project;

/// How many operations the history keeps.
pub(super) const KEEP: usize = 50;

pub(super) fn history_folder(project: &Project) -> PathBuf {
    project.state_folder().join("history")
}

/// Where the record of an operation is.
pub(super) fn record_path(history: &Path, number: u64) -> PathBuf {
    history.join(format!("{number:06}.json"))
}

fn copy_path(project: &Project, digest: &Digest) -> PathBuf {
    history_folder(project).join("objects").join(digest.to_string())
}

/// Keeps a content that is about to be replaced.
pub(super) fn keep_copy(project: &Project, digest: &Digest, bytes: &[u8]) -> Result<()> {
    // A copy that a crash cut short, or that was damaged since, is written anew.
    match copy(project, digest) {
        Ok(Some(_)) => Ok(()),
        _ => fs::replace(&copy_path(project, digest), bytes, true),
    }
}

/// The content with this digest; `None` if there is no copy of it, or only a damaged one.
pub(super) fn copy(project: &Project, digest: &Digest) -> Result<Option<Vec<u8>>> {
    let path = copy_path(project, digest);
    let bytes = if fs::entry(&path)? == Entry::File { fs::read(&path, MAX_CONTENT)? } else { None };
    Ok(bytes.filter(|bytes| Digest::of(bytes) == *digest))
}

pub(super) fn next_number(project: &Project) -> Result<u64> {
    let history = history_folder(project);
    let newest = records(&history)?.last().map_or(0, |(number, _)| *number);
    newest.checked_add(1).ok_or_else(|| {
        let path = project.display(&record_path(&history, newest));
        Failure::failed("the history is full").hint(format!("`{path}` has the largest number there is; remove it"))
    })
}

pub(super) fn records(history: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut records = Vec::new();
    for listed in fs::list(history)? {
        let path = history.join(&listed.name);
        if let Some(number) = listed.name.strip_suffix(".json").and_then(|stem| stem.parse().ok())
            && path == record_path(history, number)
        {
            records.push((number, path));
        }
    }
    records.sort();
    Ok(records)
}

/// The record at this path, if it is whole.
fn read_record(path: &Path) -> Option<Journal> {
    fs::read(path, MAX_JOURNAL).ok().flatten().and_then(|bytes| Journal::parse(&bytes))
}

/// Forgets all but the newest operations, and the copies that only they named.
pub(super) fn prune(history: &Path) -> Result<()> {
    let records = records(history)?;
    let (old, kept) = records.split_at(records.len().saturating_sub(KEEP));
    if old.is_empty() {
        return Ok(());
    }
    let mut named = BTreeSet::new();
    for (_, path) in kept {
        // A record that cannot be read may name any copy; it is dropped in its turn, and the copies then.
        let Some(journal) = read_record(path) else {
            return Ok(());
        };
        named.extend(journal.steps.into_iter().filter_map(|step| step.before).map(|digest| digest.to_string()));
    }
    for (_, path) in old {
        fs::remove(path)?;
    }
    let objects = history.join("objects");
    for listed in fs::list(&objects)? {
        if !named.contains(&listed.name) {
            fs::remove(&objects.join(listed.name))?;
        }
    }
    Ok(())
}
