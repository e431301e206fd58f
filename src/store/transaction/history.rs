//! The history: a record of each operation that ended, and how to take it back. Records that this machine did not seal may have come with
//! the project: they are counted, but never used.
//!
//! What happens if files changed since is decided in `ops`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::change::{Change, Entries, Relock, Transaction, current};
use super::copies::{copy, objects_folder, read_record, records};
use super::journal::{Journal, Phase, Step};
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::{Failure, Result};
use crate::fs::Content;
use crate::store::project::Project;

/// An operation that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Ascending; the newest operation has the largest.
    pub number: u64,
    /// What it did, in the words of the command line.
    pub label: String,
    /// When, in seconds since 1970.
    pub time: u64,
    /// The earlier operation that this one took back.
    pub undoes: Option<u64>,
    /// The agents that it took back of that operation; empty: all of it.
    pub part: BTreeSet<AgentName>,
    /// Whether it is taken back, and that was not taken back in turn.
    pub is_undone: bool,
    /// The agents that were taken back alone.
    pub undone_agents: BTreeSet<AgentName>,
    /// The files that it changed, each once, in the order of the changes.
    pub files: Vec<FileChange>,
    /// What it changed in manifest and lockfile.
    pub entries: Entries,
}

/// What an operation did to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: PathBuf,
    /// The agent that it belongs to.
    pub agent: Option<AgentName>,
    /// The content before; `None`: there was no file.
    pub before: Option<Digest>,
    /// The content after; `None`: the file was removed.
    pub after: Option<Digest>,
}

/// The recorded operations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    operations: Vec<Operation>,
    unsealed: Vec<u64>,
}

/// What takes an operation back: changes to the files as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    number: u64,
    changes: Vec<Change>,
    changed_since: Vec<PathBuf>,
}

impl History {
    /// Reads the history. Records that this machine did not seal are left out and counted.
    pub fn load(project: &Project) -> Result<Self> {
        let mut history = Self::default();
        let mut undone: BTreeSet<u64> = BTreeSet::new();
        let mut parts: BTreeMap<u64, BTreeSet<AgentName>> = BTreeMap::new();
        for number in records(project)?.into_iter().rev() {
            let sound = read_record(project, number).filter(|journal| {
                let is_past = journal
                    .undoes
                    .iter()
                    .chain(&journal.passed)
                    .all(|earlier| *earlier < number);
                is_past && journal.misplaced(project).is_none()
            });
            let Some(journal) = sound else {
                history.unsealed.push(number);
                continue;
            };
            // It changed nothing: its files contain only what somebody saved meanwhile.
            if journal.phase != Phase::Committed {
                continue;
            }
            // Newest first: operations that could take this one back were seen before it.
            let is_undone = undone.contains(&number);
            if let Some(undoes) = journal.undoes.filter(|_| !is_undone) {
                if journal.part.is_empty() {
                    undone.insert(undoes);
                } else {
                    parts
                        .entry(undoes)
                        .or_default()
                        .extend(journal.part.clone());
                }
                undone.extend(&journal.passed);
            }
            let change = |step: &Step| FileChange {
                path: step.target(project),
                agent: step.agent.clone(),
                before: step.before,
                after: step.after,
            };
            let files: Vec<FileChange> = journal.steps.iter().map(change).collect();
            let undone_agents = parts.remove(&number).unwrap_or_default();
            let Journal {
                label,
                time,
                undoes,
                part,
                mut entries,
                left_out,
                ..
            } = journal;
            entries.agents.retain(|agent| !left_out.contains(agent));
            entries.wanted.retain(|agent, _| !left_out.contains(agent));
            // A label is part of a line; a label from somebody else must not look like a line of its own.
            let label = label.replace(['\n', '\t'], " ");
            let mut operation = Operation {
                number,
                label,
                time,
                undoes,
                part,
                is_undone,
                undone_agents,
                files,
                entries,
            };
            let agents = operation.agents();
            let is_undone_alone = |agent: &&AgentName| operation.undone_agents.contains(*agent);
            let is_all_undone = !agents.is_empty() && agents.iter().all(is_undone_alone);
            operation.is_undone |= is_all_undone;
            history.operations.push(operation);
        }
        Ok(history)
    }

    /// The operations, newest first.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The numbers of the records that this machine did not seal, newest first.
    #[must_use]
    pub fn unsealed(&self) -> &[u64] {
        &self.unsealed
    }

    /// The operation with this number.
    #[must_use]
    pub fn operation(&self, number: u64) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|operation| operation.number == number)
    }

    /// The operations that are in force and did not take another one back, newest first: taking them back one by one leads to the
    /// beginning.
    pub fn in_force(&self) -> impl Iterator<Item = &Operation> {
        self.operations
            .iter()
            .filter(|operation| operation.undoes.is_none() && !operation.is_undone)
    }

    /// The newest operation in force whose changes are still in the files.
    ///
    /// An operation whose files are already as before is skipped, or it would hide all older ones: they were put back by other means, or
    /// the record of the undoing is lost.
    pub fn last(&self, project: &Project) -> Result<Option<&Operation>> {
        for operation in self.in_force() {
            if operation.shows(project)? {
                return Ok(Some(operation));
            }
        }
        Ok(None)
    }

    /// The operations in force, newer than this one, whose changes are no longer in the files.
    ///
    /// When older ones are taken back, their files are neither as before nor as after, so only a note can tell.
    pub(super) fn faded(&self, project: &Project, number: u64) -> Vec<u64> {
        let newer = self
            .in_force()
            .take_while(|operation| operation.number > number);
        // A file of another operation that cannot be read (because it is a link by now) must not block this one.
        newer
            .filter(|operation| operation.shows(project).is_ok_and(|shows| !shows))
            .map(|operation| operation.number)
            .collect()
    }
}

impl Operation {
    /// Whether any of its files is not as it was before.
    fn shows(&self, project: &Project) -> Result<bool> {
        for FileChange { path, before, .. } in &self.files {
            if current(project, path)?.as_deref().map(Digest::of) != *before {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The agents whose files, or whose entries in manifest or lockfile, it changed.
    #[must_use]
    pub fn agents(&self) -> BTreeSet<&AgentName> {
        let agents = self.files.iter().filter_map(|file| file.agent.as_ref());
        agents.chain(&self.entries.agents).collect()
    }

    /// The content of a file before the operation. The outer `None`: the operation did not change it; the inner one: there was no file.
    pub fn before(&self, project: &Project, path: &Path) -> Result<Option<Option<Vec<u8>>>> {
        let Some(file) = self.files.iter().find(|file| file.path == path) else {
            return Ok(None);
        };
        let Some(digest) = &file.before else {
            return Ok(Some(None));
        };
        let found = copy(project, digest)?;
        found
            .map(|bytes| Some(Some(bytes)))
            .ok_or_else(|| self.lost(project, &[path]))
    }

    /// Determines how to take the operation back. Fails if a content that is needed is no longer in the history.
    pub fn reversal(&self, project: &Project) -> Result<Reversal> {
        let is_undone = |agent: &Option<AgentName>| {
            agent
                .as_ref()
                .is_some_and(|agent| self.undone_agents.contains(agent))
        };
        self.reversal_of(project, |file| !is_undone(&file.agent))
    }

    /// The same for some of its files.
    pub fn reversal_of(
        &self,
        project: &Project,
        is_meant: impl Fn(&FileChange) -> bool,
    ) -> Result<Reversal> {
        let mut reversal = Reversal {
            number: self.number,
            changes: Vec::new(),
            changed_since: Vec::new(),
        };
        let mut lost = Vec::new();
        for file in self.files.iter().filter(|file| is_meant(file)) {
            let FileChange {
                path,
                agent,
                before,
                after,
            } = file;
            let now = current(project, path)?.as_deref().map(Digest::of);
            if now == *before {
                continue;
            }
            // What agentpkg notes for itself changes with every command, and no person has edits in it.
            if now != *after && path.starts_with(project.state_folder()) {
                continue;
            }
            if now != *after {
                reversal.changed_since.push(path.clone());
            }
            let content = before
                .as_ref()
                .map(|before| copy(project, before))
                .transpose()?;
            match content {
                Some(None) => lost.push(path.as_path()),
                content => reversal.changes.push(Change {
                    path: path.clone(),
                    agent: agent.clone(),
                    before: now,
                    after: content.flatten().map(Content::from),
                }),
            }
        }
        if !lost.is_empty() {
            return Err(self.lost(project, &lost));
        }
        // The result of an operation is recognised by its lockfile, so that is changed last here too.
        reversal
            .changes
            .sort_by_key(|change| change.path == project.lockfile_path());
        Ok(reversal)
    }

    /// That contents which it needs are no longer in the history.
    fn lost(&self, project: &Project, paths: &[&Path]) -> Failure {
        let failure = Failure::failed(format!(
            "operation {} cannot be undone: a copy is missing or damaged",
            self.number
        ));
        let objects = project.display(&objects_folder(project));
        let hint = format!(
            "nothing was changed; the copies are in {objects}, named by the sha256 of their content"
        );
        failure
            .listing(paths.iter().map(|path| project.display(path)))
            .hint(hint)
    }
}

impl Reversal {
    /// The operation that it takes back.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What changes; nothing if all files are already as before.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The same as a transaction.
    pub(super) fn transaction(&self, project: &Project, label: String) -> Transaction {
        let (lockfile, changes): (Vec<Change>, _) = self
            .changes
            .iter()
            .cloned()
            .partition(|change| change.path == project.lockfile_path());
        let relock = lockfile.into_iter().next().map(|change| Relock {
            before: change.before,
            after: change.after,
            is_stale: false,
        });
        Transaction {
            label,
            changes,
            lockfile: relock,
        }
    }

    /// Refuses a change of agentpkg.toml or agentpkg.lock, as `--locked` demands.
    pub fn keep_locked(&self, project: &Project) -> Result<()> {
        self.transaction(project, String::new())
            .keep_locked(project)
    }

    /// The files that are neither as the operation left them nor as it found them.
    #[must_use]
    pub fn changed_since(&self) -> &[PathBuf] {
        &self.changed_since
    }
}
