//! `set` and `unset`: overrides of an agent, in the manifest and in its file. The pipeline does the work.

use super::change::change;
use super::change::goal::{Consent, Edits, Goal, OverrideChange, Prune, What};
use super::change::outcome::Outcome;
use super::change::overriding::refused;
use super::report::Frontend;
use super::session::Session;
use super::typed::Typed;
use crate::domain::overrides::Assignment;
use crate::error::Result;

/// What to override, and how.
#[derive(Debug, Clone, Default)]
pub struct SetOptions {
    /// The command as it was typed, for hints.
    pub typed: Typed,
    /// The agent.
    pub name: String,
    /// What is allowed, in the words of `--allow`.
    pub allowed: Vec<String>,
    /// Default answers: never a yes to a new power.
    pub is_yes: bool,
    /// Also write over what was edited by hand under these keys.
    pub is_forced: bool,
    /// Plan and stop.
    pub is_dry_run: bool,
}

/// Overrides values of an agent. `assignments`: as they were typed, such as `model=haiku`.
pub fn set(
    session: &Session,
    options: &SetOptions,
    assignments: &[String],
    frontend: &mut dyn Frontend,
) -> Result<Outcome> {
    let read = assignments.iter().map(|text| Assignment::parse(text));
    let read: std::result::Result<Vec<Assignment>, _> = read.collect();
    let read = read.map_err(|error| refused(&error, &options.name))?;
    overriding(session, options, OverrideChange::Set(read), frontend)
}

/// Takes the overrides of these keys back.
pub fn unset(
    session: &Session,
    options: &SetOptions,
    keys: &[String],
    frontend: &mut dyn Frontend,
) -> Result<Outcome> {
    let change = OverrideChange::Unset(keys.to_vec());
    overriding(session, options, change, frontend)
}

fn overriding(
    session: &Session,
    options: &SetOptions,
    overrides: OverrideChange,
    frontend: &mut dyn Frontend,
) -> Result<Outcome> {
    let edits = Edits::unless(options.is_forced);
    let what = What::Override {
        name: options.name.clone(),
        change: overrides,
    };
    let goal = Goal {
        typed: options.typed.clone(),
        consent: Consent {
            allowed: options.allowed.clone(),
            is_yes: options.is_yes,
        },
        prune: Prune::Nothing,
        is_dry_run: options.is_dry_run,
        ..Goal::of(what, edits)
    };
    change(session, &goal, frontend)
}
