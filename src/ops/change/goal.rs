//! What a command wants of the pipeline: one value for every command that changes agents. What was typed is kept beside it, for hints.

use std::collections::BTreeMap;

use crate::domain::overrides::Assignment;
use crate::domain::version::VersionRequest;
use crate::ops::requirement::Mode;
use crate::ops::typed::Typed;

/// What to do with conflicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflicts {
    /// Ask; without anybody to ask, write nothing.
    #[default]
    Ask,
    /// Keep the user's side.
    Ours,
    /// Take upstream's side.
    Theirs,
    /// Write nothing at all.
    Fail,
    /// Leave the agents that have some as they are, and update the others.
    Skip,
    /// Put the agents that have some aside with markers, for `resolve`, and update the others.
    Markers,
}

/// How to finish updates that were put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum How {
    /// Ask about each conflict.
    #[default]
    Ask,
    /// Take the files as they were edited.
    Continue,
    /// Keep the user's side of each conflict.
    Ours,
    /// Take upstream's side of each conflict.
    Theirs,
    /// Give the updates up.
    Abort,
}

/// What becomes of a file that was edited, or that agentpkg did not write, where another version of the agent comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Edits {
    /// It stays, and the command says how to go on.
    Refuse,
    /// Both are merged.
    Merge,
    /// It is replaced; the history has a copy.
    Replace,
}

impl Edits {
    /// They stay unless `--force` was typed.
    pub(in crate::ops) fn unless(is_forced: bool) -> Self {
        if is_forced {
            Self::Replace
        } else {
            Self::Refuse
        }
    }
}

/// Which agents go that no decision was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Prune {
    /// None.
    Nothing,
    /// Those that the manifest does not want any more.
    Unwanted,
    /// Those that only what is changed by this command had required.
    Released,
}

/// The version that is wanted from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// The newest, whatever it is.
    Latest,
    /// What answers this request.
    Version(VersionRequest),
}

/// What is allowed beforehand, and who answers.
#[derive(Debug, Clone, Default)]
pub(in crate::ops) struct Consent {
    /// The words of `--allow`.
    pub(in crate::ops) allowed: Vec<String>,
    /// `--yes`: what needs a person is left out.
    pub(in crate::ops) is_yes: bool,
}

/// Specs that were typed.
#[derive(Debug, Clone, Default)]
pub(in crate::ops) struct Specs {
    /// The specs.
    pub(in crate::ops) typed: Vec<String>,
    /// Every agent of the sources that they name.
    pub(in crate::ops) is_all: bool,
    /// Another name for the one agent.
    pub(in crate::ops) name: Option<String>,
    /// Exactly as upstream wrote it.
    pub(in crate::ops) is_verbatim: bool,
}

/// Files that agentpkg did not write.
#[derive(Debug, Clone, Default)]
pub(in crate::ops) struct Files {
    /// Their names; empty: all.
    pub(in crate::ops) names: Vec<String>,
    /// The source, agent or version that they are from; `None`: it is looked for in all registries that are here.
    pub(in crate::ops) from: Option<String>,
    /// Where several versions are about as near, the nearest one is taken, and nobody is asked.
    pub(in crate::ops) is_nearest: bool,
}

/// How the overrides of an agent change.
#[derive(Debug, Clone)]
pub(in crate::ops) enum OverrideChange {
    /// These are made.
    Set(Vec<Assignment>),
    /// Those of these keys are taken back.
    Unset(Vec<String>),
}

impl OverrideChange {
    /// The keys that it names.
    pub(in crate::ops) fn keys(&self) -> Vec<&str> {
        match self {
            Self::Set(assignments) => assignments.iter().map(Assignment::key).collect(),
            Self::Unset(keys) => keys.iter().map(String::as_str).collect(),
        }
    }
}

/// Which agents a command is about.
#[derive(Debug, Clone)]
pub(in crate::ops) enum What {
    /// All of the manifest, as they are locked.
    Manifest,
    /// Those that specs name; the others as they are locked.
    Specs(Specs),
    /// The newest versions of those that are named, or of all.
    Newest {
        /// Their names; empty: all.
        names: Vec<String>,
        /// The version that is wanted from now on.
        to: Option<Wish>,
        /// The spec of the agent that the one that is named goes on as.
        from: Option<String>,
    },
    /// Those with a pending update.
    Waiting {
        /// Their names; empty: all.
        names: Vec<String>,
        /// How to finish.
        how: How,
    },
    /// Those that go, named.
    Gone(Vec<String>),
    /// Files that agentpkg did not write, which become versions of agents with edits.
    Files(Files),
    /// One that gets other overrides.
    Override {
        /// Its name.
        name: String,
        /// What changes.
        change: OverrideChange,
    },
}

/// What a command wants.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Goal {
    /// The command as it was typed, for hints.
    pub(in crate::ops) typed: Typed,
    /// The agents.
    pub(in crate::ops) what: What,
    /// What is allowed.
    pub(in crate::ops) consent: Consent,
    /// What to do with conflicts.
    pub(in crate::ops) conflicts: Conflicts,
    /// What becomes of edits.
    pub(in crate::ops) edits: Edits,
    /// What to do about servers that could be added.
    pub(in crate::ops) servers: Mode,
    /// Servers by the user's own names, from now on: upstream's name to the user's.
    pub(in crate::ops) bind: BTreeMap<String, String>,
    /// Which agents go that no decision was about.
    pub(in crate::ops) prune: Prune,
    /// Whether the files of agents that go stay as they are.
    pub(in crate::ops) keeps_files: bool,
    /// Plan and stop.
    pub(in crate::ops) is_dry_run: bool,
}

impl Goal {
    /// A goal that asks for nothing beyond the agents.
    pub(in crate::ops) fn of(what: What, edits: Edits) -> Self {
        Self {
            typed: Typed::default(),
            what,
            consent: Consent::default(),
            conflicts: Conflicts::default(),
            edits,
            servers: Mode::default(),
            bind: BTreeMap::new(),
            prune: Prune::Unwanted,
            keeps_files: false,
            is_dry_run: false,
        }
    }

    /// Whether it brings something newer to agents that are here, so that only the news are worth a word.
    pub(in crate::ops) fn is_update(&self) -> bool {
        matches!(self.what, What::Newest { .. } | What::Waiting { .. })
    }

    /// Whether conflicts and new powers are left out, not asked about.
    pub(in crate::ops) fn skips_open(&self) -> bool {
        matches!(self.conflicts, Conflicts::Skip | Conflicts::Markers)
    }
}
