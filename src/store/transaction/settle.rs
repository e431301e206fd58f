//! Brings an operation to its end: forward if everything is there and nobody saved anything in between, else back. The same code ends an
//! operation that is running, one that failed, and one that crashed.
//!
//! If somebody saved an agent's file meanwhile, only that agent is concerned: everything about it is left unchanged, including its entry in
//! the lockfile, so that the next update merges. Any other file takes the whole operation back.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::path::PathBuf;

use super::change::MAX_CONTENT;
use super::checkpoint::checkpoint;
use super::copies::{history_folder, prune, record_path};
use super::journal::{Journal, Phase, Step, journal_path};
use super::step::{Bench, State};
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::{Failure, Result};
use crate::store::lockfile::Lockfile;
use crate::store::project::Project;

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is done, except for the agents of these files: somebody saved them meanwhile.
    Made(Vec<PathBuf>),
    /// It is taken back, except for these files: somebody saved them meanwhile, and they stay as they are.
    TakenBack(Vec<PathBuf>),
}

/// An operation that must be ended.
pub(super) struct Settling<'a> {
    pub(super) project: &'a Project,
    pub(super) journal: Journal,
    /// Whether this machine wrote the journal.
    pub(super) is_sealed: bool,
}

impl Settling<'_> {
    /// Ends an interrupted operation.
    pub(super) fn settle(&mut self) -> Result<Ending> {
        if self.journal.phase == Phase::Begun {
            for index in 0..self.journal.steps.len() {
                self.bench(index).discard()?;
            }
            self.close()?;
            return Ok(Ending::TakenBack(Vec::new()));
        }
        // Whatever is in the way would also stop the next command, so a failure takes everything back.
        if self.journal.phase == Phase::Committed
            && let Ok(Some(ending)) = self.go_forward()
        {
            return Ok(ending);
        }
        self.give_up()?;
        self.take_back()
    }

    /// Completes the operation; `None`: something is missing, or somebody saved a file that belongs to no agent.
    fn go_forward(&mut self) -> Result<Option<Ending>> {
        if self.has_lockfile()? {
            return self.put_away(Vec::new()).map(Some);
        }
        if !self.can_go_on()? {
            return Ok(None);
        }
        for index in self.steps(|settling, index| !settling.is_last(index)) {
            self.go_on(index)?;
        }
        self.finish().map(Some)
    }

    /// Whether the lockfile is written, so that only cleaning up is left.
    fn has_lockfile(&mut self) -> Result<bool> {
        match self.lockfile_step() {
            Some(index) => Ok(self.bench(index).state()? == State::Done),
            None => Ok(false),
        }
    }

    /// Whether all remaining steps can be made; agents whose files somebody saved meanwhile are left out.
    fn can_go_on(&mut self) -> Result<bool> {
        let mut disturbed = Vec::new();
        for index in self
            .steps(|_, _| true)
            .into_iter()
            .chain(self.lockfile_step())
        {
            match self.bench(index).state()? {
                State::Pending | State::Done => {}
                State::Damaged => return Ok(false),
                State::Disturbed => disturbed.push(index),
            }
        }
        self.leave_out(&disturbed)
    }

    /// Leaves out the agents of these steps. `false`: some step belongs to no agent, so the operation cannot continue.
    pub(super) fn leave_out(&mut self, disturbed: &[usize]) -> Result<bool> {
        let agents = disturbed
            .iter()
            .map(|index| self.journal.steps[*index].agent.clone());
        let Some(agents) = agents.collect::<Option<BTreeSet<AgentName>>>() else {
            return Ok(false);
        };
        if agents.is_empty() {
            return Ok(true);
        }
        if let Some(index) = self.lockfile_step() {
            let left_out = agents.union(&self.journal.left_out).cloned().collect();
            let Some(text) = self.relocked(index, &left_out)? else {
                return Ok(false);
            };
            let digest = Digest::of(&text);
            self.journal.left_out = left_out;
            self.journal.is_relocked = true;
            self.journal.steps[index].after = Some(digest);
            if self.journal.steps[index].before != Some(digest) {
                let new = self
                    .journal
                    .places(self.project, &self.journal.steps[index])
                    .new;
                // An earlier attempt may have come this far.
                self.project.files().remove(&new)?;
                self.bench(index).stage(&text)?;
            }
        } else {
            self.journal.left_out.extend(agents);
        }
        self.journal.write(self.project)?;
        checkpoint("left out");
        Ok(true)
    }

    /// The lockfile without the operation's changes to these agents; `None`: one of the two versions cannot be read.
    fn relocked(
        &mut self,
        index: usize,
        left_out: &BTreeSet<AgentName>,
    ) -> Result<Option<Vec<u8>>> {
        let step = self.journal.steps[index].clone();
        let places = self.journal.places(self.project, &step);
        let read = |path: &PathBuf, digest: Option<Digest>| -> Result<Option<Lockfile>> {
            let Some(digest) = digest else {
                return Ok(Some(Lockfile::default()));
            };
            let bytes = self
                .project
                .files()
                .read(path, MAX_CONTENT)?
                .filter(|bytes| Digest::of(bytes) == digest);
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            Ok(text.and_then(|text| Lockfile::parse(&text, "the lockfile").ok()))
        };
        let (before, after) = (
            read(&places.target, step.before)?,
            read(&places.new, step.after)?,
        );
        let (Some(before), Some(mut after)) = (before, after) else {
            return Ok(None);
        };
        for agent in left_out {
            match before.agents.get(agent) {
                Some(entry) => after.agents.insert(agent.clone(), entry.clone()),
                None => after.agents.remove(agent),
            };
        }
        Ok(Some(after.to_text().into_bytes()))
    }

    fn go_on(&mut self, index: usize) -> Result<()> {
        if self.journal.leaves_out(&self.journal.steps[index]) {
            return self.bench(index).back().map(drop);
        }
        let bench = self.bench(index);
        match bench.state()? {
            State::Done => Ok(()),
            State::Pending if bench.forward()? => Ok(()),
            _ => {
                let path = self
                    .project
                    .display(&self.journal.steps[index].target(self.project));
                Err(
                    Failure::failed(format!("`{path}` changed while the command ran"))
                        .hint("run the command again"),
                )
            }
        }
    }

    /// Everything after the last check for saves: removals that need a successful end, the lockfile, the history.
    pub(super) fn finish(&mut self) -> Result<Ending> {
        let mut disturbed = Vec::new();
        for index in 0..self.journal.steps.len() {
            if self.journal.leaves_out(&self.journal.steps[index]) && !self.bench(index).back()? {
                disturbed.push(self.journal.steps[index].target(self.project));
            }
        }
        let named = self.named_bases()?;
        for index in self.steps(Self::is_last) {
            let is_named = named.as_ref().is_some_and(|named| {
                named.contains(&self.journal.steps[index].target(self.project))
            });
            if !is_named {
                self.go_on(index)?;
                checkpoint("applied a last step");
            }
        }
        if let Some(named) = named {
            let bases = self.project.base_folder();
            let is_unnamed = |path: &PathBuf| path.starts_with(&bases) && !named.contains(path);
            for index in self.steps(|_, _| true) {
                let step = &self.journal.steps[index];
                if step.before.is_none() && is_unnamed(&step.target(self.project)) {
                    self.bench(index).back()?;
                }
            }
        }
        if let Some(index) = self.lockfile_step() {
            self.go_on(index)?;
            checkpoint("wrote the lockfile");
        }
        self.put_away(disturbed)
    }

    /// Moves what was replaced into the history, and makes the journal a record.
    fn put_away(&mut self, disturbed: Vec<PathBuf>) -> Result<Ending> {
        let leftovers = self.leftovers();
        for index in 0..self.journal.steps.len() {
            if self.may_have_leftovers(index, leftovers.as_ref()) {
                self.bench(index).tidy()?;
            }
        }
        checkpoint("put away");
        if !self.journal.left_out.is_empty() {
            let is_made = |step: &Step| step.before != step.after && !self.journal.leaves_out(step);
            let steps = self
                .journal
                .steps
                .iter()
                .filter(|step| is_made(step))
                .cloned()
                .collect();
            self.journal.steps = steps;
            self.journal.write(self.project)?;
        } else if !self.journal.kept.is_empty() {
            self.journal.write(self.project)?;
        }
        self.record()?;
        Ok(Ending::Made(disturbed))
    }

    /// Records that the operation can only be taken back, so that the next command does not complete it.
    pub(super) fn give_up(&mut self) -> Result<()> {
        if self.journal.phase != Phase::Committed {
            return Ok(());
        }
        self.journal.phase = Phase::GivenUp;
        self.journal.write(self.project)?;
        checkpoint("given up");
        Ok(())
    }

    /// Takes back everything that was done.
    pub(super) fn take_back(&mut self) -> Result<Ending> {
        if self.journal.phase == Phase::Begun {
            return self.settle();
        }
        let (mut disturbed, mut outcome) = (Vec::new(), Ok(()));
        for index in (0..self.journal.steps.len()).rev() {
            // Every file that is restored is one less to worry about.
            match self.bench(index).back() {
                Ok(true) => {}
                Ok(false) => disturbed.push(self.journal.steps[index].target(self.project)),
                Err(failure) => outcome = Err(failure),
            }
        }
        outcome?;
        disturbed.reverse();
        self.close()?;
        Ok(Ending::TakenBack(disturbed))
    }

    /// Ends the journal of an operation that left nothing behind, except perhaps in the history.
    fn close(&mut self) -> Result<()> {
        let files = self.project.files();
        if self.journal.kept.is_empty() {
            return files.remove(&journal_path(self.project));
        }
        self.journal.steps.clear();
        self.journal.phase = Phase::GivenUp;
        self.journal.write(self.project)?;
        self.record()
    }

    /// Makes the journal the record of the operation.
    pub(super) fn record(&self) -> Result<()> {
        let files = self.project.files();
        files.create_folder(&history_folder(self.project))?;
        if !self.is_sealed {
            // What a person accepted belongs to this machine from now on.
            self.journal.write(self.project)?;
        }
        files.rename(
            &journal_path(self.project),
            &record_path(self.project, self.journal.number),
        )?;
        if self.journal.number.is_multiple_of(10) {
            // The operation has succeeded, whether or not older ones could be pruned.
            let _ = prune(self.project);
        }
        Ok(())
    }

    /// The files that are there under the temporary names of this operation, found with one look at each folder. `None`: a folder cannot be
    /// listed.
    pub(super) fn leftovers(&self) -> Option<HashSet<PathBuf>> {
        let mut folders = HashSet::new();
        for step in &self.journal.steps {
            folders.insert(step.target(self.project).parent()?.to_owned());
        }
        let mut found = HashSet::new();
        for folder in folders {
            let listed = self.project.files().list(&folder).ok()?.into_iter();
            let ours = listed.filter(|listed| listed.name.contains(&self.journal.token));
            found.extend(ours.map(|listed| folder.join(listed.name)));
        }
        // Some file systems list other names in another spelling than the one that they were given.
        let is_plain = |path: &PathBuf| path.file_name().is_some_and(OsStr::is_ascii);
        found.iter().all(is_plain).then_some(found)
    }

    /// Whether a step may have a temporary file. `leftovers`: those that are there.
    pub(super) fn may_have_leftovers(
        &self,
        index: usize,
        leftovers: Option<&HashSet<PathBuf>>,
    ) -> bool {
        leftovers.is_none_or(|found| {
            if found.is_empty() {
                return false;
            }
            let step = &self.journal.steps[index];
            let places = self.journal.places(self.project, step);
            let names = [Some(&places.new), Some(&places.old), places.spare.as_ref()];
            names.into_iter().flatten().any(|path| found.contains(path))
        })
    }

    pub(super) fn bench(&mut self, index: usize) -> Bench<'_> {
        Bench::new(self.project, &mut self.journal, index, self.is_sealed)
    }

    /// The steps for which `is_one` is true, except those that are left out and the lockfile's.
    pub(super) fn steps(&self, is_one: impl Fn(&Self, usize) -> bool) -> Vec<usize> {
        let lockfile = self.lockfile_step();
        let takes_part = |index: &usize| {
            Some(*index) != lockfile
                && !self.journal.leaves_out(&self.journal.steps[*index])
                && is_one(self, *index)
        };
        (0..self.journal.steps.len()).filter(takes_part).collect()
    }

    /// Whether a step is made only after everything that may fail: it removes a file that only agentpkg can have written.
    fn is_last(&self, index: usize) -> bool {
        let step = &self.journal.steps[index];
        step.after.is_none() && !self.is_shared(index)
    }

    /// Whether people edit the file of a step.
    pub(super) fn is_shared(&self, index: usize) -> bool {
        self.project
            .is_shared(&self.journal.steps[index].target(self.project))
    }

    pub(super) fn lockfile_step(&self) -> Option<usize> {
        let path = self.project.lockfile_path();
        self.journal
            .steps
            .iter()
            .position(|step| step.target(self.project) == path)
    }

    /// The merge bases that the lockfile names without the agents that are left out; `None`: none are left out.
    fn named_bases(&self) -> Result<Option<BTreeSet<PathBuf>>> {
        let (false, Some(index)) = (self.journal.left_out.is_empty(), self.lockfile_step()) else {
            return Ok(None);
        };
        let step = &self.journal.steps[index];
        let places = self.journal.places(self.project, step);
        for path in [&places.new, &places.target] {
            let bytes = self.project.files().read(path, MAX_CONTENT)?;
            if let Some(bytes) = bytes.filter(|bytes| Some(Digest::of(bytes)) == step.after) {
                let text = String::from_utf8_lossy(&bytes);
                let lockfile = Lockfile::parse(&text, "the lockfile")?;
                let bases = lockfile
                    .agents
                    .values()
                    .map(|locked| self.project.base_path(&locked.base));
                return Ok(Some(bases.collect()));
            }
        }
        // The lockfile was already moved away, so everything is decided.
        Ok(None)
    }
}
