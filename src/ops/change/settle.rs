//! Everything that is open about a plan, in one order for every command: edits in the way, other sources, the policy, conflicts, powers,
//! what goes together, needs, and the last look. Who answers is one rule (`report::Answers`). Where nobody can be asked, all that is open
//! is said at once, and nothing is written.

use super::edits;
use super::goal::{Edits, Goal, What};
use super::item::{Item, State, Status};
use super::needs::{self, Settled};
use super::open::Open;
use super::plan::Plan;
use super::scene::Scene;
use super::{confirm, conflicts, origin, pending, powers, together};
use crate::domain::budget;
use crate::domain::definition::{Definition, Verdict};
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Result};
use crate::fs::Content;
use crate::ops::idle::{idle, notes};
use crate::ops::policy;
use crate::ops::report::{Answers, Event, Frontend};
use crate::store::loaded;

/// Decides everything that is open.
pub(super) fn settle(
    plan: &mut Plan,
    scene: &Scene<'_>,
    goal: &Goal,
    frontend: &mut dyn Frontend,
) -> Result<Settled> {
    let mut open = Open::new(Answers::of(frontend, goal.is_dry_run, goal.consent.is_yes));
    note_idle(plan, scene, goal, frontend);
    if matches!(goal.what, What::Newest { .. }) {
        pending::keep_begun(&scene.session.project, goal, plan, &mut open)?;
    }
    edits::refuse(plan, scene, goal)?;
    origin::decide(plan, goal, &mut open, frontend)?;
    conflicts::decide(plan, scene, goal, &mut open, frontend)?;
    forbid(plan, scene);
    keep_within_budget(plan, scene);
    powers::decide(plan, scene, goal, &mut open, frontend)?;
    if open.refusal.is_some() {
        // What cannot be had is said with what nobody can be asked about.
        plan.failures
            .drain(..)
            .for_each(|failure| open.refuse(failure));
    }
    let is_blocked = plan.items.iter().any(|item| item.is_blocked);
    if open.refusal.is_some() {
        frontend.report(Event::Asks(powers::asks(&plan.items, goal)));
        open.has_rest = has_rest(plan, scene, goal);
    }
    if let Some(refusal) = open.refused(&goal.typed, is_blocked) {
        return Err(refusal);
    }
    refuse_broken(plan, scene, goal);
    edits::say_replaced(plan, scene, goal, frontend);
    together::skip_together(plan, scene);
    let settled = needs::settle(plan, scene, goal, frontend)?;
    if open.was_asked && goal.edits == Edits::Merge && plan.active().next().is_some() {
        confirm::confirm(plan, scene, frontend)?;
    }
    Ok(settled)
}

/// Whether something is left to write without what needs consent. The plan is no longer good for anything else then.
fn has_rest(plan: &mut Plan, scene: &Scene<'_>, goal: &Goal) -> bool {
    powers::leave_out(&mut plan.items, goal);
    together::skip_together(plan, scene);
    let is_same = |item: &Item| matches!(item.status(), Status::Current | Status::Edited);
    plan.active().any(|item| !is_same(item))
        || !plan.dismissed.is_empty()
        || !plan.leaving.is_empty()
}

/// Notes which overrides that are new remove nothing. Commands whose screens have no notes say it at once.
fn note_idle(plan: &mut Plan, scene: &Scene<'_>, goal: &Goal, frontend: &mut dyn Frontend) {
    let is_typed = matches!(goal.what, What::Override { .. });
    for item in &mut plan.items {
        let now = &item.candidate.locked.overrides;
        let is_known = (item.before.as_ref()).is_some_and(|before| before.overrides == *now);
        if is_known && !is_typed {
            continue;
        }
        let idle = idle(&item.candidate.base.bytes(), now);
        let line_of = |assignment: &str| scene.manifest.line_of_removal(&item.name, assignment);
        let notes = notes(&item.name, &idle, &line_of);
        if !is_typed && !goal.is_update() {
            for note in &notes {
                frontend.report(Event::warning(note.as_str()));
            }
        }
        item.notes.extend(notes);
    }
}

/// Leaves out what the policy of the project forbids. It is no question: nobody can allow it.
fn forbid(plan: &mut Plan, scene: &Scene<'_>) {
    let active = plan.items.iter_mut();
    for item in active.filter(|item| item.state == State::Active) {
        let locked = &item.candidate.locked;
        let permitted = if item.is_fresh {
            policy::permit(&scene.manifest, &item.name, locked, &item.result().bytes())
        } else {
            policy::permit(
                &scene.manifest,
                &item.name,
                locked,
                &item.candidate.bytes.bytes(),
            )
        };
        if let Err(failure) = permitted {
            plan.unmanaged.extend(item.not_adopted(&failure));
            item.state = State::Skipped;
            plan.failures.push(failure);
        }
    }
}

/// Leaves out the agents with which the descriptions of the project's agents would cost more than the policy allows.
fn keep_within_budget(plan: &mut Plan, scene: &Scene<'_>) {
    if scene.manifest.policy().max_total_tokens.is_none() {
        return;
    }
    let (project, environment) = (&scene.session.project, &scene.session.environment);
    let set = loaded::read(project, environment, project.root());
    let cost = |content: &Content| match Definition::parse(&content.bytes()).verdict() {
        Verdict::Loads(loaded) => budget::tokens(&loaded.name, &loaded.description),
        Verdict::Skipped(_) => 0,
    };
    let mut total = set.project_tokens();
    for item in plan
        .items
        .iter_mut()
        .filter(|item| item.state == State::Active)
    {
        let (before, after) = (item.ours.as_ref().map_or(0, cost), cost(&item.result()));
        let with = (total + after).saturating_sub(before);
        let permitted = if after > before {
            policy::permit_total(&scene.manifest, &item.name, with)
        } else {
            Ok(())
        };
        match permitted {
            Ok(()) => total = with,
            Err(failure) => {
                plan.unmanaged.extend(item.not_adopted(&failure));
                item.state = State::Skipped;
                plan.failures.push(failure);
            }
        }
    }
}

/// Leaves out what the client would ignore once it is merged.
fn refuse_broken(plan: &mut Plan, scene: &Scene<'_>, goal: &Goal) {
    if goal.is_dry_run {
        return;
    }
    let broken: Vec<_> = plan
        .active()
        .filter_map(|item| Some((item.name.clone(), item.breaks()?)))
        .collect();
    for (name, reason) in broken {
        let requirer = plan.requirer(scene, &name);
        let theirs = Command::new(["update", requirer.as_str(), "--theirs"]);
        plan.failures.push(
            Failure::new(
                Kind::Failed,
                format!("Claude Code would ignore the merged `{name}`: {reason}"),
            )
            .hint(Advice::say("fix your file, or take upstream's with ").and_run(theirs)),
        );
        if let Some(item) = plan.item_mut(&name) {
            item.state = State::Skipped;
        }
    }
}
