//! Changes several files of a project as one step: after a crash at any point they are all old or all new, and what somebody saves
//! meanwhile is never lost.
//!
//! ```text
//! begin   the journal says which temporary files there may be
//! stage   every new content is written to a temporary file beside its target
//! commit  the journal says that all of them are there
//! put     each new content replaces the old one, which is kept and checked
//! look    a moment later all are checked again: what somebody saved meanwhile stays
//! end     removals that need a successful end; then the lockfile; the old contents move into the history; the journal becomes a record
//! ```
//!
//! A crash before commit is rolled back, one after it is rolled forward (or back, if staged content is damaged). A command that writes
//! takes the project's lock and recovers first; a command that only reads reports the interrupted operation. After an error everything that
//! was begun is taken back at once, so a command that fails has changed nothing. What to change is decided in `ops`.

mod change;
mod checkpoint;
mod copies;
mod history;
mod journal;
mod recover;
mod settle;
mod step;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use self::change::current;
pub use self::change::{Change, Entries, Relock, Transaction, locked};
use self::checkpoint::checkpoint;
use self::copies::{next_number, objects_folder};
pub use self::history::{FileChange, History, Operation, Reversal};
use self::journal::{Journal, Phase, Step, relative};
use self::recover::recover;
pub use self::recover::{Deed, Interruption, Recovered, Trust, interruption};
use self::settle::{Ending, Settling};
use self::step::State;
use super::holder::{Holder, Patience, take_lock};
use super::project::Project;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::{Failure, Result};
use crate::fs::{self, Content, Entry, Lock};

/// How long after the last exchange the old files are checked again: an editor that had one of them open has written by then.
const SECOND_LOOK: Duration = Duration::from_millis(10);

/// What git must ignore in agentpkg's own folder: everything that belongs to one machine.
const IGNORED: &[u8] = b"# Written by agentpkg: what belongs to one machine only.
/state/
/conflicts/
.agentpkg-*.tmp
.*.agentpkg-new
.*.agentpkg-old
";

/// The result of a transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The number under which it can be undone; `None`: there was nothing to change.
    pub number: Option<u64>,
    /// Agents' files that somebody saved while they were replaced. Those files stay as they were saved, and everything else about their
    /// agents is unchanged.
    pub saved_over: Vec<PathBuf>,
}

/// What a transaction takes back, for its record.
#[derive(Debug, Default)]
struct Undoing {
    operation: Option<u64>,
    /// The agents of that operation; empty: all of it.
    part: BTreeSet<AgentName>,
    /// Newer operations that count as taken back with it.
    passed: Vec<u64>,
}

/// Exclusive use of a project, with earlier crashes cleaned up.
#[derive(Debug)]
pub struct Guard<'a> {
    project: &'a Project,
    _lock: Lock,
    /// The lock of the agents folder, which other projects may share.
    _agents: Option<Lock>,
    now: u64,
    is_locked: bool,
    recovered: Option<Recovered>,
    moved: Vec<PathBuf>,
}

/// Takes the project's lock and ends an interrupted operation, as far as `trust` allows. `waiting` is called once if another process has
/// the lock.
pub fn lock<'a>(
    project: &'a Project,
    patience: &Patience,
    trust: Trust,
    waiting: impl FnOnce(Option<Holder>),
) -> Result<Guard<'a>> {
    let files = project.files();
    // If another process replaced a folder since, the new one counts from now on.
    files.forget();
    if trust != Trust::Discard {
        project.check_folders()?;
    }
    let state = project.state_folder();
    write_once(project, &state.join(".gitignore"), b"*\n")?;
    let path = state.join("lock");
    let place = project.root().display().to_string();
    let mut waiting = Some(waiting);
    let mut waiting = |holder| {
        if let Some(waiting) = waiting.take() {
            waiting(holder);
        }
    };
    let lock = loop {
        let file = files.open_lock(&path)?;
        let lock = take_lock(file, &path, &place, project.seal(), patience, &mut waiting)?;
        // If somebody removed the state folder, the lock is worth nothing.
        if files.is_at(lock.file(), &path) {
            break lock;
        }
        files.forget();
    };
    // Two projects can share an agents folder, as the user's own agents and a project in the home folder do.
    let agents = match project.agents_lock() {
        Some(path) => Some(take_lock(
            Lock::open(&path)?,
            &path,
            &place,
            project.seal(),
            patience,
            &mut waiting,
        )?),
        None => None,
    };
    let mut moved = Vec::new();
    let recovered = recover(project, patience.now, trust, &mut moved)?;
    Ok(Guard {
        project,
        _lock: lock,
        _agents: agents,
        now: patience.now,
        is_locked: false,
        recovered,
        moved,
    })
}

impl Guard<'_> {
    /// The same; with `is_locked`, every transaction that would change agentpkg.toml or agentpkg.lock is refused.
    #[must_use]
    pub fn keeping_locked(self, is_locked: bool) -> Self {
        Self { is_locked, ..self }
    }

    /// What was cleaned up when the lock was taken.
    #[must_use]
    pub fn recovered(&self) -> Option<&Recovered> {
        self.recovered.as_ref()
    }

    /// Temporary files of interrupted commands, which were moved into the history when the lock was taken.
    #[must_use]
    pub fn moved(&self) -> &[PathBuf] {
        &self.moved
    }

    /// Carries out a transaction, completely or not at all. Fails if a file is no longer as it was when the plan was made.
    pub fn apply(&self, transaction: &Transaction) -> Result<Applied> {
        self.run(transaction, Undoing::default())
    }

    /// Takes an operation back, including files that changed since: the caller has asked whether that is wanted.
    pub fn undo(&self, reversal: &Reversal) -> Result<Applied> {
        let number = reversal.number();
        let passed = History::load(self.project)?.faded(self.project, number);
        let transaction = reversal.transaction(self.project, format!("undo {number}"));
        let undoing = Undoing {
            operation: Some(number),
            part: BTreeSet::new(),
            passed,
        };
        self.run(&transaction, undoing)
    }

    /// Takes some agents of an operation back, by a transaction that was planned for it.
    pub fn undo_part(
        &self,
        number: u64,
        part: &BTreeSet<AgentName>,
        transaction: &Transaction,
    ) -> Result<Applied> {
        let undoing = Undoing {
            operation: Some(number),
            part: part.clone(),
            passed: Vec::new(),
        };
        self.run(transaction, undoing)
    }

    fn run(&self, transaction: &Transaction, undoing: Undoing) -> Result<Applied> {
        let project = self.project;
        if transaction
            .lockfile
            .as_ref()
            .is_some_and(|relock| relock.is_stale)
        {
            return Err(changed(project, project.lockfile_path()));
        }
        if self.is_locked {
            transaction.keep_locked(project)?;
        }
        let lockfile = transaction.lockfile.as_ref().map(|relock| Change {
            path: project.lockfile_path().to_owned(),
            agent: None,
            before: relock.before,
            after: relock.after.clone(),
        });
        let changes: Vec<&Change> = transaction
            .changes
            .iter()
            .chain(&lockfile)
            .filter(|change| !change.is_void())
            .collect();
        if changes.is_empty() {
            return Ok(Applied::default());
        }
        for change in &changes {
            if current(project, &change.path)?.as_deref().map(Digest::of) != change.before {
                return Err(changed(project, &change.path));
            }
        }
        let number = next_number(project)?;
        let mut journal = Journal::new(
            number,
            &transaction.label,
            self.now,
            fs::random_name()?[..8].to_owned(),
        );
        journal.undoes = undoing.operation;
        journal.part = undoing.part;
        journal.entries = transaction.entries(project);
        journal.passed = undoing.passed;
        journal.steps.extend(changes.iter().map(|change| Step {
            path: relative(project, &change.path),
            agent: change.agent.clone(),
            before: change.before,
            after: change.after.as_ref().map(Content::digest),
        }));
        if let Some(misplaced) = journal.misplaced(project) {
            return Err(Failure::failed(format!(
                "`{}` is not agentpkg's to change",
                project.display(&misplaced)
            )));
        }
        let new_folders = self.missing_folders(&changes)?;
        let mut settling = Settling {
            project,
            journal,
            is_sealed: true,
        };
        match self.carry_out(&mut settling, &changes) {
            Ok(saved_over) => {
                self.remove_emptied(&changes);
                Ok(Applied {
                    number: Some(number),
                    saved_over,
                })
            }
            Err(failure) => {
                let failure = taken_back(&mut settling, failure);
                new_folders
                    .iter()
                    .rev()
                    .for_each(|folder| project.files().remove_empty_folder(folder));
                Err(failure)
            }
        }
    }

    /// Removes folders below the agents folder that are empty now. Nobody misses one that stays after an interruption.
    fn remove_emptied(&self, changes: &[&Change]) {
        let agents = self.project.agents_folder();
        let is_below = |folder: &&Path| folder.starts_with(agents) && *folder != agents;
        for change in changes.iter().filter(|change| change.after.is_none()) {
            let folders = change.path.ancestors().skip(1).take_while(is_below);
            folders.for_each(|folder| self.project.files().remove_empty_folder(folder));
        }
    }

    /// Everything from the first write on: the caller takes back what fails here. Returns what somebody saved meanwhile.
    fn carry_out(&self, settling: &mut Settling<'_>, changes: &[&Change]) -> Result<Vec<PathBuf>> {
        self.prepare_folders(changes)?;
        settling.journal.write(self.project)?;
        checkpoint("begun");
        for (index, change) in changes.iter().enumerate() {
            if let Some(content) = &change.after {
                settling.bench(index).stage(&content.bytes())?;
            }
        }
        checkpoint("staged");
        settling.journal.phase = Phase::Committed;
        settling.journal.write(self.project)?;
        checkpoint("committed");

        let mut last_exchange = None;
        for index in settling
            .steps(|settling, index| changes[index].after.is_some() || settling.is_shared(index))
        {
            if !settling.bench(index).put()? {
                return Err(changed(self.project, &changes[index].path));
            }
            if changes[index].before.is_some() && settling.is_shared(index) {
                last_exchange = Some(Instant::now());
            }
            checkpoint("applied a step");
        }
        if let Some(exchanged) = last_exchange {
            // The names must be on the disk before the lockfile mentions them.
            self.project
                .files()
                .sync_folder(self.project.agents_folder())?;
            sleep(SECOND_LOOK.saturating_sub(exchanged.elapsed()));
        }
        let mut disturbed = Vec::new();
        let leftovers = settling.leftovers();
        for index in settling.steps(Settling::is_shared) {
            let state = if settling.may_have_leftovers(index, leftovers.as_ref()) {
                settling.bench(index).state()?
            } else {
                settling.bench(index).state_alone()?
            };
            if state != State::Done {
                disturbed.push(index);
            }
        }
        if !settling.leave_out(&disturbed)? {
            let first = disturbed
                .iter()
                .find(|index| changes[**index].agent.is_none())
                .or(disturbed.first());
            return Err(changed(self.project, &changes[*first.unwrap_or(&0)].path));
        }
        checkpoint("looked again");
        match settling.finish()? {
            Ending::Made(saved_over) | Ending::TakenBack(saved_over) => Ok(saved_over),
        }
    }

    /// The folders that the changes need and that do not exist yet, outermost first.
    fn missing_folders<'c>(&self, changes: &[&'c Change]) -> Result<Vec<&'c Path>> {
        let parents = changes.iter().filter_map(|change| change.path.parent());
        let parents: HashSet<&Path> = parents.collect();
        let above = parents.into_iter().flat_map(Path::ancestors);
        let is_inside = |folder: &&Path| {
            folder.starts_with(self.project.root()) && *folder != self.project.root()
        };
        let folders: BTreeSet<&Path> = above.filter(is_inside).collect();
        let mut missing = Vec::new();
        for folder in folders {
            if self.project.files().entry(folder)? == Entry::Absent {
                missing.push(folder);
            }
        }
        Ok(missing)
    }

    fn prepare_folders(&self, changes: &[&Change]) -> Result<()> {
        let project = self.project;
        let mut folders: BTreeSet<&Path> = changes
            .iter()
            .filter_map(|change| change.path.parent())
            .collect();
        let objects = objects_folder(project);
        folders.insert(&objects);
        folders
            .into_iter()
            .try_for_each(|folder| project.files().create_folder(folder))?;
        write_once(project, &project.data_folder().join(".gitignore"), IGNORED)?;
        write_once(
            project,
            &project.data_folder().join(".gitattributes"),
            b"* -text\n",
        )
    }
}

/// Takes back what an operation did before it failed; returns what to tell the user.
fn taken_back(settling: &mut Settling<'_>, failure: Failure) -> Failure {
    let project = settling.project;
    // If this process ends before everything is taken back, the next command must not complete the operation.
    let noted = settling.give_up();
    match settling.take_back() {
        Ok(Ending::TakenBack(paths) | Ending::Made(paths)) if !paths.is_empty() => {
            let saved = "saved by somebody else meanwhile, and left as it is";
            let failure = paths.iter().fold(failure, |failure, path| {
                failure.detail(format!("{}: {saved}", project.display(path)))
            });
            failure.detail("nothing else was changed")
        }
        Ok(_) => failure.detail("nothing was changed"),
        Err(second) => failure
            .detail(format!("what was begun could not be reverted: {second}"))
            .hint(match noted {
                Ok(()) => "the next command that writes tries to revert it before anything else",
                Err(_) => "the next command that writes tries to complete it before anything else",
            }),
    }
}

fn changed(project: &Project, path: &Path) -> Failure {
    Failure::failed(format!(
        "`{}` changed while the command ran",
        project.display(path)
    ))
    .hint("run the command again")
}

fn write_once(project: &Project, path: &Path, bytes: &[u8]) -> Result<()> {
    let files = project.files();
    if files.entry(path)? == Entry::Absent {
        files.replace(path, bytes, false)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
