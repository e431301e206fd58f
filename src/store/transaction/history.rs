//! The history: a record of each operation that ended, copies of the contents that it replaced, and the way back.
//!
//! Whether to go back when files changed since is decided in `ops`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::journal::{Journal, MAX_JOURNAL, Step, current};
use super::{Change, MAX_CONTENT};
use crate::domain::digest::Digest;
use crate::error::{Failure, Result};
use crate::fs::{self, Entry};
use crate::store::project::Project;

/// How many operations the history keeps.
pub(super) const KEEP: usize = 50;

/// An operation that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Counts up; the newest has the largest.
    pub number: u64,
    /// What it did, in the words of the command line.
    pub label: String,
    /// When, in seconds since 1970; `None`: the record does not say.
    pub time: Option<u64>,
    /// The earlier operation that this one took back.
    pub undoes: Option<u64>,
    /// Whether it was taken back, and that was not taken back in turn.
    pub is_undone: bool,
    /// The files that it changed, each once, in the order of the changes.
    pub files: Vec<FileChange>,
}

/// What an operation did to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: PathBuf,
    /// The content before; `None`: there was no file.
    pub before: Option<Digest>,
    /// The content after; `None`: the file went away.
    pub after: Option<Digest>,
}

/// The operations that are remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    operations: Vec<Operation>,
    damaged: Vec<u64>,
}

/// What takes an operation back: changes made on the files as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    number: u64,
    changes: Vec<Change>,
    changed_since: Vec<PathBuf>,
}

impl History {
    /// Reads the history. Records that are damaged, or name files that are not the project's, are left out and named.
    pub fn load(project: &Project) -> Result<Self> {
        let mut history = Self::default();
        let mut undone: BTreeSet<u64> = BTreeSet::new();
        for (number, path) in records(&history_folder(project))?.into_iter().rev() {
            let sound = read_record(&path).filter(|journal| {
                let is_past = journal.undoes.iter().chain(&journal.passed).all(|earlier| *earlier < number);
                journal.number == number && is_past && journal.misplaced(project).is_none()
            });
            let Some(journal) = sound else {
                history.damaged.push(number);
                continue;
            };
            // Newest first: what could take this one back has been seen.
            let is_undone = undone.contains(&number);
            if !is_undone {
                undone.extend(journal.undoes.iter().chain(&journal.passed));
            }
            let change = |step: &Step| FileChange { path: step.target(project), before: step.before, after: step.after };
            let files = journal.steps.iter().map(change).collect();
            let Journal { label, time, undoes, .. } = journal;
            // A label is part of a line; one from a stranger must not pass for a line of its own.
            let label = label.replace(['\n', '\t'], " ");
            history.operations.push(Operation { number, label, time, undoes, is_undone, files });
        }
        Ok(history)
    }

    /// The operations, newest first.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The numbers of the operations whose record cannot be used, newest first.
    #[must_use]
    pub fn damaged(&self) -> &[u64] {
        &self.damaged
    }

    /// The operation with this number.
    #[must_use]
    pub fn operation(&self, number: u64) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.number == number)
    }

    /// The operations that are in force and did not take another one back, newest first: taken back one by one, they lead to the
    /// beginning.
    pub fn in_force(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.undoes.is_none() && !operation.is_undone)
    }

    /// The newest operation in force that still shows in the files.
    ///
    /// One whose files are as before already is passed over, or it would hide all older ones: they were put back by other means,
    /// or the record of the undoing is lost.
    pub fn last(&self) -> Result<Option<&Operation>> {
        for operation in self.in_force() {
            if operation.shows()? {
                return Ok(Some(operation));
            }
        }
        Ok(None)
    }

    /// The operations in force, newer than this one, that do not show in the files any more.
    ///
    /// When older ones are taken back, their files are neither as before nor as after, and nothing but a note could tell.
    pub(super) fn faded(&self, number: u64) -> Vec<u64> {
        let newer = self.in_force().take_while(|operation| operation.number > number);
        // A file of another operation that cannot be looked at (a link by now) must not be in the way of this one.
        newer.filter(|operation| operation.shows().is_ok_and(|shows| !shows)).map(|operation| operation.number).collect()
    }
}

impl Operation {
    /// Whether any of its files is not as it was before.
    fn shows(&self) -> Result<bool> {
        for FileChange { path, before, .. } in &self.files {
            if current(path)?.as_deref().map(Digest::of) != *before {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Works out how to take the operation back. Fails if a content that is needed is not in the history any more.
    pub fn reversal(&self, project: &Project) -> Result<Reversal> {
        let mut reversal = Reversal { number: self.number, changes: Vec::new(), changed_since: Vec::new() };
        let mut lost = Vec::new();
        for FileChange { path, before, after } in &self.files {
            let now = current(path)?.as_deref().map(Digest::of);
            if now == *before {
                continue;
            }
            if now != *after {
                reversal.changed_since.push(path.clone());
            }
            let content = before.as_ref().map(|before| copy(project, before)).transpose()?;
            match content {
                Some(None) => lost.push(path),
                content => reversal.changes.push(Change { path: path.clone(), before: now, after: content.flatten() }),
            }
        }
        if !lost.is_empty() {
            let failure = Failure::failed(format!("operation {} cannot be undone: a copy is missing or damaged", self.number));
            let objects = project.display(&history_folder(project).join("objects"));
            let hint = format!("nothing was changed; the copies are in {objects}, named by the sha256 of their content");
            return Err(lost.iter().fold(failure, |failure, path| failure.detail(project.display(path))).hint(hint));
        }
        // What an operation leaves is known by its lockfile, so that is the last to change here too.
        reversal.changes.sort_by_key(|change| change.path == project.lockfile_path());
        Ok(reversal)
    }
}

impl Reversal {
    /// The operation that it takes back.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What changes; nothing if all files are as before already.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The files that are neither as the operation left them nor as it found them.
    #[must_use]
    pub fn changed_since(&self) -> &[PathBuf] {
        &self.changed_since
    }
}

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
