//! `update`: the newest versions, merged with the user's edits. The pipeline does the work.

use std::collections::BTreeMap;

use super::change::change;
use super::change::goal::{Consent, Edits, Goal, What};
use super::report::Frontend;
use super::requirement::Mode;
use super::session::Session;
use super::typed::Typed;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};

pub use super::change::goal::{Conflicts, Wish};
pub use super::change::item::Status;
pub use super::change::outcome::{
    ChangedAgent, FollowedFile, Likely, NamedAgent, Outcome, Passed, Undecided, Unmanaged,
};

/// What to update, and how.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    /// The command as it was typed, for hints.
    pub typed: Typed,
    /// The names; empty: all.
    pub names: Vec<String>,
    /// The version that is wanted from now on.
    pub to: Option<Wish>,
    /// The spec of the agent that the one that is named goes on as.
    pub from: Option<String>,
    /// What to do with conflicts.
    pub conflicts: Conflicts,
    /// Plan and stop.
    pub is_dry_run: bool,
    /// New powers that are allowed, in the words of `--allow`.
    pub allowed: Vec<String>,
    /// Default answers: never a yes to a new power, nor to a server.
    pub is_yes: bool,
    /// What to do about servers that could be added.
    pub servers: Mode,
    /// Servers by the user's own names, from now on: upstream's name to the user's.
    pub bind: BTreeMap<String, String>,
}

/// Updates agents.
pub fn update(
    session: &Session,
    options: &UpdateOptions,
    frontend: &mut dyn Frontend,
) -> Result<Outcome> {
    if !options.bind.is_empty() && options.names.is_empty() {
        let example = Command::new(["update", "planner", "--bind", "old=mine"]);
        return Err(Failure::usage("`--bind` needs the name of an agent")
            .hint(Advice::say("for example ").and_run(example)));
    }
    if options.from.is_some() && options.names.len() != 1 {
        let example = Command::new(["update", "planner", "--from", "studio/chief-planner"]);
        return Err(Failure::usage("`--from` needs the name of one agent")
            .hint(Advice::say("for example ").and_run(example)));
    }
    let what = What::Newest {
        names: options.names.clone(),
        to: options.to.clone(),
        from: options.from.clone(),
    };
    let goal = Goal {
        typed: options.typed.clone(),
        consent: Consent {
            allowed: options.allowed.clone(),
            is_yes: options.is_yes,
        },
        conflicts: options.conflicts,
        servers: options.servers,
        bind: options.bind.clone(),
        is_dry_run: options.is_dry_run,
        ..Goal::of(what, Edits::Merge)
    };
    change(session, &goal, frontend)
}
