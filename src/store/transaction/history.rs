//! The history: a record of each operation that ended, and copies of the contents that it replaced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::journal::{Journal, MAX_JOURNAL};
use crate::error::Result;
use crate::fs;
use crate::store::project::Project;

/// How many operations the history keeps.
pub(super) const KEEP: usize = 50;

pub(super) fn history_folder(project: &Project) -> PathBuf {
    project.state_folder().join("history")
}

pub(super) fn next_number(project: &Project) -> Result<u64> {
    let newest = records(&history_folder(project))?.last().map_or(0, |(number, _)| *number);
    Ok(newest + 1)
}

pub(super) fn records(history: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut records = Vec::new();
    for listed in fs::list(history)? {
        if let Some(number) = listed.name.strip_suffix(".json").and_then(|stem| stem.parse().ok()) {
            records.push((number, history.join(listed.name)));
        }
    }
    records.sort();
    Ok(records)
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
        let journal = fs::read(path, MAX_JOURNAL)?.and_then(|bytes| Journal::parse(&bytes));
        named.extend(journal.into_iter().flat_map(|journal| journal.steps).filter_map(|step| step.before));
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
