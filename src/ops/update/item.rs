//! One agent of an update: what it was made from, what became of it, and what was decided so far.

use crate::domain::capability::{Capabilities, Gain};
use crate::domain::definition::{Definition, Verdict};
use crate::domain::name::AgentName;
use crate::merge::{Choice, Merge, Options, merge_with};
use crate::ops::base::BaseOrigin;
use crate::ops::candidate::{self, Candidate};
use crate::ops::resolutions;
use crate::store::lockfile::LockedAgent;

/// What happened to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// There is nothing newer.
    Current,
    /// It is as upstream has it now.
    Updated,
    /// Upstream's changes and the user's are both in it.
    Merged,
    /// It was not there.
    Installed,
    /// It waits for `resolve`.
    Marked,
    /// It stays as it was, because of conflicts or by decision.
    Skipped,
    /// Upstream no longer has it; it stays as it was.
    Gone,
    /// There is no base to merge with; it stays as it was.
    BaseLost,
}

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum State {
    /// It takes part.
    Active,
    /// It stays as it is.
    Skipped,
    /// It is put aside with markers.
    Marked,
}

/// An agent with something newer upstream.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Item {
    pub(in crate::ops) name: AgentName,
    /// As it is locked; `None` for an agent that another one newly requires.
    pub(in crate::ops) before: Option<LockedAgent>,
    pub(in crate::ops) candidate: Candidate,
    pub(in crate::ops) base: Vec<u8>,
    pub(in crate::ops) origin: Option<BaseOrigin>,
    /// The file as it is; `None`: there is none.
    pub(in crate::ops) ours: Option<Vec<u8>>,
    /// Keys that stay as the user has them, always.
    pub(in crate::ops) pins: Vec<String>,
    /// Keys that stay as the user has them in this update.
    pub(in crate::ops) kept: Vec<String>,
    /// One for each conflict.
    pub(in crate::ops) choices: Vec<Option<Choice>>,
    pub(in crate::ops) state: State,
    pub(in crate::ops) notes: Vec<String>,
    /// The result as a person wrote it, in place of the merge.
    pub(in crate::ops) text: Option<Vec<u8>>,
    /// That it takes the place of an agent from another source, in words; `None`: it does not.
    pub(in crate::ops) replaces: Option<String>,
}

impl Item {
    /// An agent about which nothing is decided yet, and that is not here.
    pub(in crate::ops) fn new(name: AgentName, candidate: Candidate, base: Vec<u8>) -> Self {
        Self {
            name,
            before: None,
            candidate,
            base,
            origin: None,
            ours: None,
            pins: Vec::new(),
            kept: Vec::new(),
            choices: Vec::new(),
            state: State::Active,
            notes: Vec::new(),
            text: None,
            replaces: None,
        }
    }

    /// The merge as it is now.
    pub(in crate::ops) fn merge(&self) -> Merge<'_> {
        let ours = self.ours.as_deref().unwrap_or(&self.base);
        let pins = self.pins.iter().chain(&self.kept).cloned().collect();
        merge_with(
            &self.base,
            ours,
            &self.candidate.bytes,
            &Options {
                pins,
                ..Options::default()
            },
        )
    }

    /// The bytes that would be written, with undecided conflicts as the user has them.
    pub(in crate::ops) fn result(&self) -> Vec<u8> {
        if let Some(text) = &self.text {
            return text.clone();
        }
        if self.ours.is_none() && self.pins.is_empty() && self.kept.is_empty() {
            return self.candidate.bytes.clone();
        }
        let choices: Vec<Choice> = self
            .choices
            .iter()
            .map(|choice| choice.clone().unwrap_or(Choice::Ours))
            .collect();
        self.merge().resolve(&choices)
    }

    /// Keeps keys as the user has them in this update. Conflicts about them go away; what was decided about the others stays.
    pub(in crate::ops) fn keep(&mut self, keys: impl Iterator<Item = String>) {
        let decided: Vec<_> = self
            .merge()
            .conflicts()
            .iter()
            .map(resolutions::identity)
            .zip(self.choices.clone())
            .collect();
        self.kept.extend(keys);
        let remaining: Vec<_> = self
            .merge()
            .conflicts()
            .iter()
            .map(resolutions::identity)
            .collect();
        let decision = |identity| {
            decided
                .iter()
                .find(|(known, _)| *known == identity)
                .map_or(Some(Choice::Ours), |found| found.1.clone())
        };
        self.choices = remaining.into_iter().map(decision).collect();
    }

    /// Whether the user edited the file.
    pub(in crate::ops) fn is_edited(&self) -> bool {
        self.ours.as_deref().is_some_and(|ours| ours != self.base)
    }

    /// What the result may do and the file as it is could not.
    pub(in crate::ops) fn gains(&self) -> Vec<Gain> {
        let before = self
            .ours
            .as_deref()
            .or((!self.base.is_empty()).then_some(self.base.as_slice()));
        let after = Capabilities::of(&self.result());
        match before {
            Some(before) => after.gains_over(&Capabilities::of(before)),
            // What is installed for the first time asks for the powers over the session only.
            None => candidate::asked_at_first(&self.result()),
        }
    }

    /// Why the client would not load the result, although it loads the file as it is and upstream's.
    pub(in crate::ops) fn breaks(&self) -> Option<String> {
        let loads = |bytes: &[u8]| matches!(Definition::parse(bytes).verdict(), Verdict::Loads(_));
        if !self.ours.as_deref().is_none_or(loads) || !loads(&self.candidate.bytes) {
            return None;
        }
        match Definition::parse(&self.result()).verdict() {
            Verdict::Loads(_) => None,
            Verdict::Skipped(reason) => Some(reason.to_string()),
        }
    }

    pub(in crate::ops) fn status(&self) -> Status {
        match (self.state, &self.ours) {
            (State::Skipped, _) => Status::Skipped,
            (State::Marked, _) => Status::Marked,
            (State::Active, None) => Status::Installed,
            (State::Active, Some(_)) if self.result() == self.candidate.bytes => Status::Updated,
            (State::Active, Some(_)) => Status::Merged,
        }
    }
}
