//! The one pipeline under every command that changes agents: a goal becomes a plan of items (`resolve`), what is open about them is
//! decided (`settle`), and the result becomes changes of files (`apply`), which are made under the lock if nothing changed meanwhile
//! (`commit`). Commands that change other files use `commit` alone.

mod adopt;
mod apply;
mod as_locked;
mod bases;
pub(in crate::ops) mod changes;
pub(in crate::ops) mod commit;
mod confirm;
mod conflicts;
mod consent;
mod edited;
pub(in crate::ops) mod edits;
pub(in crate::ops) mod goal;
pub(in crate::ops) mod gone;
mod identical;
pub(in crate::ops) mod item;
mod last_merge;
mod leaving;
mod needs;
mod newest;
mod open;
mod origin;
pub(in crate::ops) mod outcome;
#[cfg(test)]
mod override_laws;
pub(in crate::ops) mod overriding;
pub(in crate::ops) mod pending;
pub(in crate::ops) mod plan;
mod planner;
mod powers;
mod remember;
mod required;
mod resolutions;
pub(in crate::ops) mod resolve;
mod running;
pub(in crate::ops) mod scene;
mod settle;
mod specs;
mod together;
pub(in crate::ops) mod unmanaged;
mod unsure;
pub(in crate::ops) mod waiting;
mod whole;

use self::commit::{Attempt, Manner, commit};
use self::goal::{Goal, What};
use self::outcome::Outcome;
use crate::error::Result;
use crate::ops::report::Frontend;
use crate::ops::session::Session;
use crate::store::cache::Freshness;
use crate::store::transaction::Transaction;

/// Carries out a goal.
pub(in crate::ops) fn change(
    session: &Session,
    goal: &Goal,
    frontend: &mut dyn Frontend,
) -> Result<Outcome> {
    let freshness = match &goal.what {
        What::Newest { .. } => Freshness::Now,
        What::Files(files) if files.from.is_some() => Freshness::Now,
        What::Files(_) => Freshness::Any,
        _ if session.options.is_locked => Freshness::Any,
        _ => Freshness::Recent,
    };
    let mut plan =
        |attempt: &Attempt<'_>, frontend: &mut dyn Frontend| planned(attempt, goal, frontend);
    let manner = Manner::of(goal.is_dry_run, goal.consent.is_yes);
    let mut outcome = commit(session, freshness, manner, frontend, &mut plan)?;
    if !goal.is_dry_run {
        running::look_back(session, &mut outcome);
    }
    outcome.pending = pending::names(&session.project)?;
    Ok(outcome)
}

/// Makes a plan for a goal and decides everything about it.
fn planned(
    attempt: &Attempt<'_>,
    goal: &Goal,
    frontend: &mut dyn Frontend,
) -> Result<(Outcome, Transaction)> {
    let scene = &attempt.scene;
    let mut plan = resolve::resolve(scene, goal, attempt.freshness, frontend)?;
    consent::refuse_unknown(&plan, scene, goal)?;
    // Whatever needs another lockfile ends here with `--locked`, before anybody is asked about it.
    scene.session.keep_lockfile(goal.is_dry_run, || {
        plan.lockfile(scene, goal.prune) != scene.lockfile_as_it_is()
    })?;
    let is_unclear = plan.is_unclear;
    let settled = settle::settle(&mut plan, scene, goal, frontend)?;
    let (mut outcome, transaction) = apply::apply(plan, settled, scene, goal, frontend)?;
    if goal.is_dry_run {
        running::look_ahead(scene, &transaction, &mut outcome);
    }
    // What failed is all that there is to say.
    let is_all_said = !goal.is_update() && !is_unclear && outcome.unmanaged.is_empty();
    if transaction.is_void() && is_all_said && outcome.failures.len() == 1 {
        return Err(outcome.failures.remove(0));
    }
    Ok((outcome, transaction))
}
