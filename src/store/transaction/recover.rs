//! What an interrupted operation leaves behind: detecting it, ending it, and moving left-over temporary files into the history.
//!
//! A journal that this machine did not seal may have come with the project, so it is not acted on until a person has agreed.

use std::path::{Path, PathBuf};

use super::copies::{
    history_folder, next_number, objects_folder, record_path, records, retire, set_strange_aside,
};
use super::journal::{Journal, MAX_JOURNAL, Phase, journal_path};
use super::settle::{Ending, Settling};
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::fs::{self, Entry};
use crate::store::project::Project;

/// An operation that was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// What it was, in the words of the command line; `None`: its journal cannot be read.
    pub label: Option<String>,
    /// Whether this machine wrote the journal, so that the next command that writes ends the operation without asking.
    pub is_sealed: bool,
    /// Whether it would be completed, not taken back.
    pub is_forward: bool,
    /// What it does to each file.
    pub files: Vec<(PathBuf, Deed)>,
    /// The first file that agentpkg may not change.
    pub misplaced: Option<PathBuf>,
}

/// What an operation does to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It creates it.
    Create,
    /// It replaces it.
    Replace,
    /// It removes it.
    Remove,
}

/// The result of ending an interrupted operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// It was taken back, except for these files, which somebody changed since.
    Undone(Vec<PathBuf>),
    /// It was completed, except for the agents of these files, which somebody changed since.
    Completed(Vec<PathBuf>),
    /// Its journal and its temporary files were moved into the history; this many files.
    Discarded(usize),
}

/// Which journals are acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Those that this machine sealed.
    Sealed,
    /// Any: a person has seen the steps and agreed.
    Accepted,
    /// None: journal and temporary files only move into the history.
    Discard,
}

/// The interrupted operation, if there is one. Only reads.
pub fn interruption(project: &Project) -> Result<Option<Interruption>> {
    let path = journal_path(project);
    // Every command calls this, and there is nearly always nothing: one quick check, which need not be right about links.
    if fs::entry(&path)? == Entry::Absent {
        return Ok(None);
    }
    // A command that is running is not interrupted.
    if project
        .files()
        .is_locked(&project.state_folder().join("lock"))
    {
        return Ok(None);
    }
    // If it is not a readable file, nobody wrote this journal here.
    let bytes = project
        .files()
        .read(&path, MAX_JOURNAL)
        .ok()
        .flatten()
        .unwrap_or_default();
    let sealed = own(project, &bytes)?;
    let is_sealed = sealed.is_some();
    let Some(journal) = sealed.or_else(|| Journal::unsealed(&bytes)) else {
        let (label, misplaced) = (None, None);
        return Ok(Some(Interruption {
            label,
            is_sealed,
            is_forward: false,
            files: Vec::new(),
            misplaced,
        }));
    };
    let misplaced = journal.misplaced(project);
    let deed = |before: bool, after: bool| match (before, after) {
        (false, _) => Deed::Create,
        (true, true) => Deed::Replace,
        (true, false) => Deed::Remove,
    };
    let files = journal.steps.iter();
    let files = files
        .map(|step| {
            (
                step.target(project),
                deed(step.before.is_some(), step.after.is_some()),
            )
        })
        .collect();
    let label = Some(journal.label.replace(['\n', '\t'], " "));
    Ok(Some(Interruption {
        label,
        is_sealed,
        is_forward: journal.phase == Phase::Committed,
        files,
        misplaced,
    }))
}

/// Ends an interrupted operation, as far as `trust` allows, and moves left-over files away; their paths are added to `moved`. The caller
/// holds the lock.
pub(super) fn recover(
    project: &Project,
    now: u64,
    trust: Trust,
    moved: &mut Vec<PathBuf>,
) -> Result<Option<Recovered>> {
    let path = journal_path(project);
    let files = project.files();
    if files.entry(&path)? == Entry::Absent {
        sweep(project, now, moved)?;
        return Ok(None);
    }
    if trust == Trust::Discard {
        return discard(project, now, moved).map(Some);
    }
    let bytes = files
        .read(&path, MAX_JOURNAL)
        .unwrap_or_default()
        .unwrap_or_default();
    let sealed = own(project, &bytes)?;
    let is_sealed = sealed.is_some();
    let shown = project.display(&path);
    let journal = match sealed {
        Some(journal) => journal,
        None if trust == Trust::Sealed => return Err(stranger(&shown)),
        None => Journal::unsealed(&bytes).ok_or_else(|| {
            Failure::failed(format!(
                "`{shown}` cannot be read, so its steps cannot be carried out"
            ))
            .hint(discarding())
        })?,
    };
    if let Some(misplaced) = journal.misplaced(project) {
        let misplaced = misplaced.display();
        return Err(Failure::failed(format!(
            "`{shown}` names `{misplaced}`, which is not agentpkg's to change"
        ))
        .hint(discarding()));
    }
    let mut settling = Settling {
        project,
        journal,
        is_sealed,
    };
    if !is_sealed {
        // Its number may be taken.
        settling.journal.number = next_number(project)?;
        settling.journal.undoes = None;
        settling.journal.passed.clear();
        settling.journal.kept.clear();
    }
    let ending = settling.settle()?;
    sweep(project, now, moved)?;
    Ok(Some(match ending {
        Ending::Made(paths) => Recovered::Completed(paths),
        Ending::TakenBack(paths) => Recovered::Undone(paths),
    }))
}

/// The journal, if this machine sealed it as one. A record of the history has the same seal, but a number that is already used.
fn own(project: &Project, bytes: &[u8]) -> Result<Option<Journal>> {
    let newest = records(project)?.last().copied().unwrap_or(0);
    Ok(Journal::open(project, bytes).filter(|journal| journal.number > newest))
}

/// Why a command that writes does not continue.
fn stranger(journal: &str) -> Failure {
    Failure::failed("a command was interrupted here, and not on this machine or by this user")
        .detail(format!(
            "{journal} is not sealed with this machine's key; it may have come with the project"
        ))
        .hint(
            Advice::run(Command::new(["recover"]))
                .and(" shows what the command was doing, and asks what to do about it"),
        )
}

/// How to remove a journal.
fn discarding() -> Advice {
    Advice::run(Command::new(["recover", "--discard"])).and(" moves it out of the way")
}

/// Moves the journal and all temporary files into the history.
fn discard(project: &Project, now: u64, moved: &mut Vec<PathBuf>) -> Result<Recovered> {
    let path = journal_path(project);
    let mut found = leftovers(project);
    found.insert(0, path);
    let count = found.len();
    put_away(project, now, "recover --discard", &found)?;
    moved.extend(found.into_iter().skip(1));
    Ok(Recovered::Discarded(count))
}

/// Moves temporary files that no journal names into the history.
fn sweep(project: &Project, now: u64, moved: &mut Vec<PathBuf>) -> Result<()> {
    let found = leftovers(project);
    if !found.is_empty() {
        put_away(project, now, "leftovers of an interrupted command", &found)?;
        moved.extend(found);
    }
    Ok(())
}

/// The temporary files in the folders that operations write to.
fn leftovers(project: &Project) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let above = |path: &Path| path.parent().unwrap_or(Path::new("/")).to_owned();
    let mut folders = vec![
        above(project.manifest_path()),
        above(project.lockfile_path()),
        project.agents_folder().to_owned(),
        project.data_folder().to_owned(),
        project.base_folder(),
        project.conflicts_folder(),
        project.state_folder(),
        history_folder(project),
        objects_folder(project),
        project.pending_folder(),
        project.resolutions_folder(),
    ];
    folders.dedup();
    for folder in folders {
        // A folder that is a link is not searched, and cannot contain our files.
        let listed = project
            .files()
            .list(&folder)
            .unwrap_or_default()
            .into_iter();
        let temporary =
            listed.filter(|listed| listed.entry == Entry::File && fs::is_temporary(&listed.name));
        found.extend(temporary.map(|listed| folder.join(listed.name)));
    }
    found
}

/// Moves files into the history, under their own record.
fn put_away(project: &Project, now: u64, label: &str, paths: &[PathBuf]) -> Result<()> {
    let number = next_number(project)?;
    let mut journal = Journal::new(number, label, now, fs::random_name()?);
    journal.phase = Phase::GivenUp;
    for path in paths {
        match project.files().entry(path)? {
            Entry::File => {
                if let Some(digest) = retire(project, path, true)? {
                    journal.keep(project, path, digest);
                }
            }
            // A link or a folder in the place of a file has no content.
            _ => set_strange_aside(project, path)?,
        }
    }
    project.files().replace(
        &record_path(project, number),
        &journal.to_bytes(project)?,
        true,
    )
}
