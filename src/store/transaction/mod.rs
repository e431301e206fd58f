//! Changing several files of a project as one step: after a crash at any point they are all old or all new.
//!
//! ```text
//! begin   the journal says which temporary files may lie about
//! stage   every new content goes to a temporary file beside its target; old contents that people may have written are copied
//! commit  the journal is replaced by one that lists every change with the digests before and after
//! apply   the temporary files are renamed over their targets, in order; the lockfile is the last
//! end     the journal becomes the newest entry of the history
//! ```
//!
//! A crash before commit is rolled back, one after it is rolled forward (or back, should staged content be damaged). Whoever holds
//! the project's lock calls `recover` before anything else. An error is no crash: whatever was begun is taken back at once, so that a
//! command that says it failed has changed nothing. What to change is decided in `ops`.

mod history;
mod journal;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use history::{FileChange, History, Operation, Reversal};
use history::{history_folder, keep_copy, next_number};
use journal::{Journal, Step, current, journal_path, recover};

use super::project::Project;
use crate::domain::digest::Digest;
use crate::error::{Failure, Result};
use crate::fs::{self, Entry, Lock};

/// The largest file that takes part in a transaction, in bytes.
const MAX_CONTENT: u64 = 64 << 20;

/// What a transaction does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: PathBuf,
    /// The digest of the content that the plan was made on; `None`: there was no file.
    pub before: Option<Digest>,
    /// The new content; `None`: the file goes away.
    pub after: Option<Vec<u8>>,
}

/// Exclusive use of a project, with earlier crashes cleaned up.
#[derive(Debug)]
pub struct Guard<'a> {
    project: &'a Project,
    _lock: Lock,
    now: u64,
    recovered: Option<Recovered>,
}

/// What was found of an operation that did not end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// It had not changed anything yet.
    Undone,
    /// It was completed.
    Completed,
    /// It was completed, or undone, but for these files, which somebody else changed since.
    Except(Vec<PathBuf>),
}

/// Whether an operation did not end, so that a command that only reads must recover first. Costs one look at the file system.
pub fn is_interrupted(project: &Project) -> Result<bool> {
    Ok(fs::entry(&journal_path(project))? != Entry::Absent)
}

/// Takes the project's lock and cleans up after an earlier crash. `waiting` is called once if another process has the lock.
///
/// `now`, in seconds since 1970, is the time that the history gives to what is done under the lock.
pub fn lock(project: &Project, now: u64, waiting: impl FnOnce()) -> Result<Guard<'_>> {
    let state = project.state_folder();
    let lock = Lock::take(&state.join("lock"), waiting)?;
    let recovered = recover(project)?;
    Ok(Guard { project, _lock: lock, now, recovered })
}

impl Guard<'_> {
    /// What was cleaned up when the lock was taken.
    #[must_use]
    pub fn recovered(&self) -> Option<&Recovered> {
        self.recovered.as_ref()
    }

    /// Makes all of `changes`, or none. Refuses if a file is no longer as it was when the plan was made.
    ///
    /// `label` names the operation in the history. The order of `changes` is kept; the lockfile belongs last.
    pub fn apply(&self, label: &str, changes: &[Change]) -> Result<()> {
        self.run(label, None, Vec::new(), changes).map(drop)
    }

    /// Takes an operation back, files that changed since included: whether that is wanted, the caller has asked.
    ///
    /// Gives back the number under which this itself can be undone; `None` if everything was as before already.
    pub fn undo(&self, reversal: &Reversal) -> Result<Option<u64>> {
        let number = reversal.number();
        let passed = History::load(self.project)?.faded(number);
        self.run(&format!("undo {number}"), Some(number), passed, reversal.changes())
    }

    fn run(&self, label: &str, undoes: Option<u64>, passed: Vec<u64>, changes: &[Change]) -> Result<Option<u64>> {
        let changes: Vec<&Change> = changes.iter().filter(|change| !change.is_void()).collect();
        if changes.is_empty() {
            return Ok(None);
        }
        let mut copies = BTreeMap::new();
        for change in &changes {
            let current = current(&change.path)?;
            let digest = current.as_deref().map(Digest::of);
            if digest != change.before {
                let path = self.project.display(&change.path);
                return Err(Failure::failed(format!("`{path}` changed while the command ran")).hint("run the command again"));
            }
            if let (Some(bytes), Some(digest)) = (current, digest) {
                copies.insert(digest, bytes);
            }
        }

        let number = next_number(self.project)?;
        let (label, time) = (label.to_owned(), Some(self.now));
        let (is_committed, is_given_up, steps) = (false, false, Vec::new());
        let mut journal = Journal { number, label, is_committed, is_given_up, time, undoes, passed, steps };
        for change in &changes {
            journal.steps.push(Step {
                path: change.path.strip_prefix(self.project.root()).unwrap_or(&change.path).to_owned(),
                is_direct: change.before.is_none() && change.path.starts_with(self.project.base_folder()),
                before: change.before,
                after: change.after.as_deref().map(Digest::of),
            });
        }
        if let Some(misplaced) = journal.misplaced(self.project) {
            return Err(Failure::failed(format!("`{}` is not agentpkg's to change", self.project.display(&misplaced))));
        }
        let new_folders = Self::missing_folders(&changes)?;
        match self.carry_out(&mut journal, &changes, &copies) {
            Ok(()) => Ok(Some(number)),
            Err(failure) => {
                let failure = journal.take_back(self.project, failure);
                new_folders.iter().rev().for_each(|folder| fs::remove_empty_folder(folder));
                Err(failure)
            }
        }
    }

    /// Everything from the first write on: what fails here is taken back by the caller.
    fn carry_out(&self, journal: &mut Journal, changes: &[&Change], copies: &BTreeMap<Digest, Vec<u8>>) -> Result<()> {
        self.prepare_folders(changes)?;
        journal.write(self.project, false)?;
        checkpoint("begun");

        for (digest, bytes) in copies {
            keep_copy(self.project, digest, bytes)?;
        }
        for (change, step) in changes.iter().zip(&journal.steps) {
            if let Some(bytes) = &change.after {
                // What can be fetched again need not be on the disk at once; what replaces a person's file must be.
                fs::write_over(&step.staged(self.project), bytes, change.before.is_some())?;
            }
        }
        checkpoint("staged");
        journal.is_committed = true;
        journal.write(self.project, true)?;
        checkpoint("committed");

        for step in &journal.steps {
            step.apply(self.project)?;
            checkpoint("applied a step");
        }
        journal.finish(self.project)
    }

    /// The folders that the changes need and that are not there yet, outermost first.
    fn missing_folders<'c>(changes: &[&'c Change]) -> Result<Vec<&'c Path>> {
        let above = changes.iter().flat_map(|change| change.path.ancestors().skip(1));
        let folders: BTreeSet<&Path> = above.collect();
        let mut missing = Vec::new();
        for folder in folders {
            if fs::entry(folder)? == Entry::Absent {
                missing.push(folder);
            }
        }
        Ok(missing)
    }

    fn prepare_folders(&self, changes: &[&Change]) -> Result<()> {
        let mut folders: BTreeSet<&Path> = changes.iter().filter_map(|change| change.path.parent()).collect();
        let history = history_folder(self.project);
        let objects = history.join("objects");
        folders.insert(&objects);
        folders.into_iter().try_for_each(fs::create_folder)?;
        write_once(&self.project.state_folder().join(".gitignore"), b"*\n")?;
        write_once(&self.project.data_folder().join(".gitattributes"), b"* -text\n")
    }
}

impl Change {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_void(&self) -> bool {
        match (&self.after, self.before) {
            (Some(bytes), Some(before)) => Digest::of(bytes) == before,
            (after, before) => after.is_none() && before.is_none(),
        }
    }
}

fn write_once(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::entry(path)? == Entry::Absent { fs::replace(path, bytes, false) } else { Ok(()) }
}

/// A point where the tests let the program die, or make the next write fail.
#[cfg(not(test))]
fn checkpoint(_name: &'static str) {}

#[cfg(test)]
use tests::checkpoint;

#[cfg(test)]
mod tests;
