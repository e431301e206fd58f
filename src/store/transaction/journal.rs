//! The journal: which steps an operation consists of, how far each came, and how an operation that did not end is brought to one.
//!
//! What operations did once they have ended is `history`'s.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::history::{copy, history_folder, prune, record_path};
use super::{MAX_CONTENT, Recovered, checkpoint};
use crate::domain::digest::Digest;
use crate::error::{Failure, Result};
use crate::fs::{self, Entry};
use crate::store::project::Project;

/// The largest journal, in bytes.
pub(super) const MAX_JOURNAL: u64 = 256 << 20;

/// The journal of the running operation, and its entry in the history once it has ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) number: u64,
    pub(super) label: String,
    pub(super) is_committed: bool,
    /// It failed after it was committed, so it is only to be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_given_up: bool,
    /// When, in seconds since 1970; older records do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<u64>,
    /// The operation that this one took back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) undoes: Option<u64>,
    /// Operations newer than that one which did not show in the files any more, and so count as taken back with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) passed: Vec<u64>,
    pub(super) steps: Vec<Step>,
}

/// One file of an operation.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Step {
    /// A new file under its own digest, which nobody reads before the lockfile names it: staged where it belongs.
    pub(super) is_direct: bool,
    /// Relative to the project's root where that is possible, so that a moved project recovers too.
    pub(super) path: PathBuf,
    pub(super) before: Option<Digest>,
    pub(super) after: Option<Digest>,
}

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The target is old, the new content lies ready.
    Pending,
    /// The target is new.
    Done,
    /// The target is old, the new content is damaged or gone.
    Damaged,
    /// The target is neither: somebody changed it since.
    Foreign,
}

impl Journal {
    /// The journal, if the bytes are whole.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (text, digest) = bytes.split_at_checked(bytes.len().checked_sub(64)?)?;
        let digest: Digest = std::str::from_utf8(digest).ok()?.parse().ok()?;
        (Digest::of(text) == digest).then(|| serde_json::from_slice(text).ok()).flatten()
    }

    /// The first path that agentpkg has no business with, or that is named twice.
    pub(super) fn misplaced(&self, project: &Project) -> Option<PathBuf> {
        let mut seen = BTreeSet::new();
        let is_misplaced = |step: &&Step| {
            let target = step.target(project);
            let is_base = target.starts_with(project.base_folder());
            !project.owns(&target) || (step.is_direct && !is_base) || !seen.insert(target)
        };
        Some(self.steps.iter().find(is_misplaced)?.target(project))
    }

    pub(super) fn write(&self, project: &Project, durable: bool) -> Result<()> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|error| Failure::failed("could not write the journal").caused_by(error))?;
        text.push(b'\n');
        let digest = Digest::of(&text);
        text.extend_from_slice(digest.to_string().as_bytes());
        fs::replace(&journal_path(project), &text, durable)
    }

    /// Takes back what an operation did before it failed; gives back what to tell the user.
    pub(super) fn take_back(&mut self, project: &Project, failure: Failure) -> Failure {
        let noted = if self.is_committed {
            // Should this process end before everything is taken back, the next command must not complete it.
            self.is_given_up = true;
            self.write(project, true)
        } else {
            Ok(())
        };
        checkpoint("given up");
        match self.settle(project) {
            Ok(Recovered::Except(paths)) => {
                let changed = "changed meanwhile, and left as it is";
                paths.iter().fold(failure, |failure, path| failure.detail(format!("{}: {changed}", project.display(path))))
            }
            Ok(_) => failure.detail("nothing was changed"),
            Err(second) => failure.detail(format!("what was begun could not be taken back: {second}")).hint(match noted {
                Ok(()) => "the next command tries to take it back, before anything else",
                Err(_) => "the next command tries to complete it, before anything else",
            }),
        }
    }

    /// Brings an operation that did not end to its end: completes it if all of it is there and nothing failed, else takes it back.
    fn settle(&self, project: &Project) -> Result<Recovered> {
        let path = journal_path(project);
        if !self.is_committed {
            self.steps.iter().try_for_each(|step| step.discard(project))?;
            fs::remove(&path)?;
            return Ok(Recovered::Undone);
        }
        let states = self.steps.iter().map(|step| step.state(project)).collect::<Result<Vec<_>>>()?;
        let mut foreign: Vec<PathBuf> = Vec::new();
        let can_complete = !self.is_given_up && !states.contains(&State::Damaged);
        let mut outcome = Ok(());
        for (step, state) in self.steps.iter().zip(states) {
            let done = match state {
                State::Foreign => {
                    foreign.push(step.target(project));
                    step.discard(project)
                }
                State::Pending if can_complete => step.apply(project),
                State::Done if !can_complete => step.undo(project),
                State::Pending | State::Damaged => step.discard(project),
                State::Done => Ok(()),
            };
            // Forward, a step that fails holds up the rest: the lockfile comes last. Back, every file that returns is one less to mend.
            outcome = outcome.and(done);
            if can_complete && outcome.is_err() {
                break;
            }
        }
        outcome?;
        if can_complete {
            self.finish(project)?;
        } else {
            fs::remove(&path)?;
        }
        Ok(match foreign {
            foreign if !foreign.is_empty() => Recovered::Except(foreign),
            _ if can_complete => Recovered::Completed,
            _ => Recovered::Undone,
        })
    }

    pub(super) fn finish(&self, project: &Project) -> Result<()> {
        let history = history_folder(project);
        fs::create_folder(&history)?;
        fs::rename(&journal_path(project), &record_path(&history, self.number))?;
        if self.number.is_multiple_of(10) {
            // The operation has succeeded, whether or not older ones could be forgotten.
            let _ = prune(&history);
        }
        Ok(())
    }
}

impl Step {
    pub(super) fn target(&self, project: &Project) -> PathBuf {
        project.root().join(&self.path)
    }

    /// The staged content: beside the target, hidden, and not ending in `.md`, so that the client does not load it.
    fn temporary(&self, project: &Project) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.target(project).with_file_name(format!(".{name}.agentpkg-new"))
    }

    /// Where the new content is before it counts.
    pub(super) fn staged(&self, project: &Project) -> PathBuf {
        if self.is_direct { self.target(project) } else { self.temporary(project) }
    }

    fn state(&self, project: &Project) -> Result<State> {
        let digest = |path: &Path| Ok::<_, Failure>(current(path)?.map(|bytes| Digest::of(&bytes)));
        if !matches!(fs::entry(&self.target(project))?, Entry::Absent | Entry::File) {
            return Ok(State::Foreign);
        }
        let target = digest(&self.target(project))?;
        if target == self.after {
            return Ok(State::Done);
        }
        if self.is_direct {
            return Ok(State::Damaged);
        }
        if target != self.before {
            return Ok(State::Foreign);
        }
        let staged = self.temporary(project);
        let is_ready = self.after.is_none() || fs::entry(&staged)? == Entry::File && digest(&staged)? == self.after;
        Ok(if is_ready { State::Pending } else { State::Damaged })
    }

    pub(super) fn apply(&self, project: &Project) -> Result<()> {
        match self.after {
            Some(_) if self.is_direct => Ok(()),
            Some(_) => fs::rename(&self.temporary(project), &self.target(project)),
            None => fs::remove(&self.target(project)),
        }
    }

    /// Removes the new content. What is not a file is not agentpkg's, and stays.
    fn discard(&self, project: &Project) -> Result<()> {
        let staged = self.staged(project);
        if matches!(fs::entry(&staged)?, Entry::File | Entry::Link) { fs::remove(&staged) } else { Ok(()) }
    }

    fn undo(&self, project: &Project) -> Result<()> {
        let target = self.target(project);
        let Some(before) = &self.before else {
            return fs::remove(&target);
        };
        match copy(project, before)? {
            Some(bytes) => fs::replace(&target, &bytes, true),
            None => Err(Failure::failed(format!("the copy of `{}` in the history is damaged", project.display(&target)))),
        }
    }
}

/// Completes or undoes an operation that did not end. The caller holds the lock.
pub(super) fn recover(project: &Project) -> Result<Option<Recovered>> {
    let path = journal_path(project);
    let Some(bytes) = fs::read(&path, MAX_JOURNAL)? else {
        return Ok(None);
    };
    let Some(journal) = Journal::parse(&bytes) else {
        // Only the first, uncommitted journal is not synced, so a damaged one means that nothing was changed.
        fs::remove(&path)?;
        return Ok(Some(Recovered::Undone));
    };
    if let Some(misplaced) = journal.misplaced(project) {
        let (journal, misplaced) = (project.display(&path), misplaced.display());
        return Err(Failure::failed(format!("the journal of an interrupted command names `{misplaced}`, which is not agentpkg's"))
            .hint(format!("if `{journal}` came with the project from somewhere else, remove it")));
    }
    journal.settle(project).map(Some)
}

pub(super) fn journal_path(project: &Project) -> PathBuf {
    project.state_folder().join("journal")
}

/// The content of a file, without following a link: a link is nobody's to replace.
pub(super) fn current(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::entry(path)? {
        Entry::Absent => Ok(None),
        Entry::File => fs::read(path, MAX_CONTENT),
        Entry::Link => Err(Failure::failed(format!("`{}` is a symbolic link", path.display()))
            .hint("replace the link by a file, or remove it, then run the command again")),
        Entry::Folder | Entry::Other => Err(Failure::failed(format!("`{}` is not a regular file", path.display()))),
    }
}
