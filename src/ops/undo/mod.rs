//! `undo`: takes an operation back, edits included, unless a file changed since. What can be undone is in the history.

use std::path::{Path, PathBuf};

use super::report::{Event, Frontend};
use super::session::Session;
use crate::domain::count::numbered;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::fs::Entry;
use crate::store::project::Project;
use crate::store::transaction::{History, Operation, Reversal};

/// What to undo, and how.
#[derive(Debug, Clone, Default)]
pub struct UndoOptions {
    /// The number of the operation; the newest that is in force if left out.
    pub number: Option<u64>,
    /// Plan and stop.
    pub is_dry_run: bool,
    /// Also put back files that changed since; what they hold now stays in the history.
    pub is_forced: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoOutcome {
    /// No operation is in force.
    Nothing,
    /// The files are as before the operation already.
    AsBefore(Operation),
    /// The operation was taken back, or would be.
    Undone {
        /// The operation.
        operation: Operation,
        /// What brings it back; `None`: it was a dry run.
        undoing: Option<u64>,
        /// The files that a person knows of, and what happened to them.
        files: Vec<(PathBuf, Back)>,
    },
}

/// How a file went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// It has the content of before.
    Restored,
    /// It was not there before.
    Removed,
}

/// The numbers of what can be taken back, newest first, and what was done. For whoever is typing one: looks only, and a history that
/// cannot be read has none.
#[must_use]
pub fn numbers(session: &Session) -> Vec<(String, String)> {
    let history = History::load(&session.project).unwrap_or_default();
    let open = history
        .operations()
        .iter()
        .filter(|operation| !operation.is_undone);
    open.map(|operation| (operation.number.to_string(), operation.label.clone()))
        .collect()
}

/// Takes an operation back.
pub fn undo(
    session: &Session,
    options: &UndoOptions,
    frontend: &mut dyn Frontend,
) -> Result<UndoOutcome> {
    let project = &session.project;
    // The lock makes folders, which a project without history does not need.
    let is_used = project.files().entry(&project.state_folder())? != Entry::Absent;
    let guard = if options.is_dry_run || !is_used {
        None
    } else {
        Some(session.lock(frontend)?)
    };
    if guard.is_none() {
        session.look_for_interruption(frontend)?;
    }
    let history = load(session, frontend)?;
    let Some(operation) = chosen(project, &history, options.number)? else {
        return Ok(UndoOutcome::Nothing);
    };
    let reversal = operation.reversal(project)?;
    if !reversal.changed_since().is_empty() && !options.is_forced {
        return Err(changed_since(project, &history, operation, &reversal));
    }
    if reversal.changes().is_empty() {
        return Ok(UndoOutcome::AsBefore(operation.clone()));
    }
    let undoing = session.undo(guard.as_ref(), &reversal, frontend)?;
    let back = |is_there: bool| {
        if is_there {
            Back::Restored
        } else {
            Back::Removed
        }
    };
    let known = reversal
        .changes()
        .iter()
        .filter(|change| is_visible(project, &change.path));
    let files = known
        .map(|change| (change.path.clone(), back(change.after.is_some())))
        .collect();
    let operation = Operation {
        is_undone: undoing.is_some(),
        ..operation.clone()
    };
    Ok(UndoOutcome::Undone {
        operation,
        undoing,
        files,
    })
}

/// The operations that are remembered, newest first.
pub fn operations(session: &Session, frontend: &mut dyn Frontend) -> Result<Vec<Operation>> {
    session.look_for_interruption(frontend)?;
    Ok(load(session, frontend)?.operations().to_vec())
}

/// Whether a file is one that people know of: not the lockfile, and not agentpkg's own data.
#[must_use]
pub fn is_visible(project: &Project, path: &Path) -> bool {
    // A manifest of the user may stand in the data folder.
    path == project.manifest_path()
        || path.starts_with(project.conflicts_folder())
        || (path != project.lockfile_path() && !path.starts_with(project.data_folder()))
}

fn load(session: &Session, frontend: &mut dyn Frontend) -> Result<History> {
    let history = History::load(&session.project)?;
    let count = history.unsealed().len();
    if count > 0 {
        let (one, several) = ("record of the history does", "records of the history do");
        let records = numbered(count, one, several);
        frontend.report(Event::warning(format!(
            "{records} not count: not written by agentpkg on this machine, or damaged; they may have come with the project"
        )));
    }
    Ok(history)
}

fn chosen<'h>(
    project: &Project,
    history: &'h History,
    number: Option<u64>,
) -> Result<Option<&'h Operation>> {
    let Some(number) = number else {
        return history.last(project);
    };
    history.operation(number).map(Some).ok_or_else(|| {
        let problem = if history.unsealed().contains(&number) {
            format!("operation {number} cannot be undone: its record was not written by agentpkg on this machine, or is damaged")
        } else {
            format!("there is no operation {number} in the history")
        };
        Failure::failed(problem).hint(
            Advice::run(Command::new(["undo", "--list"])).and(" shows what can be undone"),
        )
    })
}

fn changed_since(
    project: &Project,
    history: &History,
    operation: &Operation,
    reversal: &Reversal,
) -> Failure {
    let number = operation.number;
    let paths = reversal.changed_since();
    let files = if paths.len() == 1 {
        "a file".to_owned()
    } else {
        format!("{} files", paths.len())
    };
    let failure = Failure::failed(format!(
        "operation {number} ({}) is not undone: {files} changed since",
        operation.label
    ));
    let failure = paths.iter().fold(failure, |failure, path| {
        failure.detail(project.display(path))
    });
    // Only a hint: what is in the way of undoing the newest one is said when that is tried.
    let failure = match history.last(project) {
        Ok(Some(last)) if last.number > number => {
            failure.hint(Advice::run(Command::new(["undo"])).and(format!(
                " undoes the newest operation first, which is {} ({})",
                last.number, last.label
            )))
        }
        _ => failure,
    };
    let force = Command::new(["undo", &number.to_string(), "--force"]);
    failure.hint(
        Advice::run(force)
            .and(" goes back all the same; what the files hold now stays in the history"),
    )
}
