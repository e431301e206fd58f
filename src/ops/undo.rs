//! `undo`: puts the files back as they were before an operation, the user's edits included. An undo is an operation itself, so it can be
//! undone, and a crash leaves nothing in between.

use std::path::{Path, PathBuf};

use super::report::Frontend;
use super::session::Session;
use crate::domain::digest::Digest;
use crate::error::{Failure, Result};
use crate::fs::{self, Entry};
use crate::store::project::{MAX_AGENT, Project};
use crate::store::transaction::Change;
use crate::store::transaction::history::{self, Done, Operation};

/// What to take back, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct UndoOptions {
    /// The number of an operation; `None`: the newest that was not taken back.
    pub number: Option<u64>,
    /// Plan and stop.
    pub is_dry_run: bool,
    /// Also replace files that changed since.
    pub is_forced: bool,
}

/// What was taken back, or would be.
#[derive(Debug, Clone)]
pub struct Undone {
    /// The operation.
    pub operation: Operation,
    /// The files of people that are there again, and those that are gone.
    pub restored: Vec<PathBuf>,
    /// The files that the operation had made.
    pub removed: Vec<PathBuf>,
    /// The number of the undo itself, to take it back.
    pub by: Option<u64>,
}

/// The operations that are remembered, newest first.
pub fn operations(session: &Session, frontend: &mut dyn Frontend) -> Result<Vec<Operation>> {
    session.recover(frontend)?;
    history::operations(&session.project)
}

/// Takes an operation back; `None` if there is none.
pub fn undo(session: &Session, options: &UndoOptions, frontend: &mut dyn Frontend) -> Result<Option<Undone>> {
    let guard = session.lock(frontend)?;
    let project = &session.project;
    let operations = history::operations(project)?;
    let operation = match options.number {
        Some(number) => operations.iter().find(|operation| operation.number == number).ok_or_else(|| {
            Failure::failed(format!("there is no operation {number}"))
                .hint("`agentpkg undo --list` shows those that are remembered")
        })?,
        None => match operations.iter().find(|operation| !operation.is_undone && operation.undoes.is_none()) {
            Some(operation) => operation,
            None => return Ok(None),
        },
    };
    if operation.is_undone {
        return Err(Failure::failed(format!("operation {} is undone already", operation.number))
            .hint("`agentpkg undo --list` shows which undo did that; undo that one to bring it back"));
    }
    let changes = changes(project, operation, &operations, options.is_forced)?;
    let (restored, removed): (Vec<_>, Vec<_>) = changes
        .iter()
        .filter(|change| !change.is_void() && is_shown(project, &change.path))
        .partition(|change| change.after.is_some());
    let paths = |changes: Vec<&Change>| changes.into_iter().map(|change| change.path.clone()).collect();
    let mut undone = Undone { operation: operation.clone(), restored: paths(restored), removed: paths(removed), by: None };
    if !options.is_dry_run {
        let label = format!("undo {} ({})", operation.number, operation.label);
        undone.by = guard.take_back(&label, &changes, operation.number)?;
    }
    Ok(Some(undone))
}

/// The changes that put everything back as it was.
fn changes(project: &Project, operation: &Operation, operations: &[Operation], is_forced: bool) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    let mut changed = Vec::new();
    for Done { path, before, after } in &operation.steps {
        let current = match fs::entry(path)? {
            Entry::Absent => None,
            _ => fs::read(path, MAX_AGENT)?.as_deref().map(Digest::of),
        };
        // What is as it was before needs no undoing, whoever did that.
        if current != *after && current != *before {
            changed.push(path.as_path());
        }
        let content = match before {
            None => None,
            Some(digest) => Some(history::content(project, digest)?.ok_or_else(|| {
                Failure::failed(format!("the copy of `{}` in the history is gone or damaged", project.display(path)))
                    .hint("nothing was changed; the project's own git history may have the file")
            })?),
        };
        changes.push(Change { path: path.clone(), before: current, after: content });
    }
    // Bookkeeping that differs alone means that newer operations came after this one.
    if changed.is_empty() || is_forced {
        return Ok(changes);
    }
    Err(refuse(project, operation, operations, &changed))
}

fn refuse(project: &Project, operation: &Operation, operations: &[Operation], changed: &[&Path]) -> Failure {
    let newer: Vec<String> = operations
        .iter()
        .filter(|other| other.number > operation.number && !other.is_undone && other.undoes.is_none())
        .map(|other| format!("{} ({})", other.number, other.label))
        .collect();
    let mut failure = Failure::failed(format!("operation {} ({}) cannot be undone as it is", operation.number, operation.label));
    for path in changed {
        failure = failure.detail(format!("{} changed since", project.display(path)));
    }
    if let Some(newest) = newer.first() {
        failure = failure.hint(format!("undo what came after it first: {newest}"));
    }
    failure.hint(format!(
        "or `agentpkg undo {} --force`, which replaces these files; copies stay in the history, so that can be undone, too",
        operation.number
    ))
}

/// Whether a person knows a file: not the bookkeeping.
fn is_shown(project: &Project, path: &Path) -> bool {
    !path.starts_with(project.data_folder()) && path != project.lockfile_path()
        || path.starts_with(project.data_folder().join("conflicts"))
}
