//! From a settled plan to changes of files, in one transaction. Writes nothing itself: `commit` does.

use super::changes::{self, Next};
use super::goal::{Conflicts, Goal, OverrideChange, What};
use super::gone::{self, Gone};
use super::item::{Item, State, Status};
use super::needs::Settled;
use super::outcome::{self, FollowedFile, Outcome};
use super::pending::{self, Intent, Pending};
use super::plan::Plan;
use super::resolutions;
use super::scene::Scene;
use super::together::newly_required;
use crate::domain::count::few;
use crate::error::Result;
use crate::fs::Content;
use crate::merge;
use crate::ops::report::Frontend;
use crate::store::agreement::versions;
use crate::store::lockfile::Lockfile;
use crate::store::placed::MovedFile;
use crate::store::transaction::{Change, Transaction};

/// What is to be done in one step, and what will have come of it.
pub(super) fn apply(
    plan: Plan,
    settled: Settled,
    scene: &Scene<'_>,
    goal: &Goal,
    frontend: &mut dyn Frontend,
) -> Result<(Outcome, Transaction)> {
    let project = &scene.session.project;
    let Settled {
        report,
        servers,
        created,
        changes,
    } = settled;
    let mut next = Next {
        manifest: plan.manifest(scene),
        lockfile: Lockfile {
            servers,
            created,
            ..plan.lockfile(scene, goal.prune)
        },
        changes,
    };
    for item in &plan.items {
        match item.state {
            State::Active => {
                if let Some(entry) = next.lockfile.agents.get_mut(&item.name) {
                    *entry = item.locked();
                }
                write(item, scene, goal, &mut next.changes)?;
            }
            State::Marked => next.changes.extend(aside(item, &plan, scene)?),
            State::Current | State::Skipped => {}
        }
    }
    let gone = gone::let_go(scene, goal, &mut next, frontend)?;
    let label = label(&plan, goal, &gone);
    let is_manifest_changed = next.manifest.is_changed();
    let transaction = next.transaction(project, label, &scene.lockfile_as_it_is())?;
    let mut outcome = outcome::of(plan, scene, goal);
    outcome.needs = report;
    outcome.gone = gone;
    outcome.moved_files = moved_files(scene);
    outcome.changes = changes::count(&transaction);
    outcome.is_manifest_changed = is_manifest_changed;
    Ok((outcome, transaction))
}

/// The files that a person moved, as paths for display.
fn moved_files(scene: &Scene<'_>) -> Vec<FollowedFile> {
    let project = &scene.session.project;
    let shown = |file: &MovedFile| FollowedFile {
        name: file.name.clone(),
        from: project.shown_path(&file.name, &file.from),
        to: project.shown_path(&file.name, &file.to),
    };
    scene.moved.iter().map(shown).collect()
}

/// The changes of one agent: its file, its base, and its pending update. The base advances even where the user kept everything.
fn write(item: &Item, scene: &Scene<'_>, goal: &Goal, changes: &mut Vec<Change>) -> Result<()> {
    let project = &scene.session.project;
    let result = item.result();
    let is_replaced = item.ours.as_ref().is_some_and(|ours| *ours != result);
    if item.ours.as_ref() != Some(&result) {
        changes.push(Change {
            path: project.agent_path(&item.name, item.folder()),
            agent: Some(item.name.clone()),
            before: item.ours.as_ref().map(Content::digest),
            after: Some(result),
        });
    }
    let candidate = &item.candidate;
    changes::keep_base(project, &candidate.locked.base, &candidate.base, changes)?;
    // Only what a person decided one by one is worth remembering.
    if goal.conflicts == Conflicts::Ask {
        record(item, scene, changes)?;
    }
    // Another file or another version answers an update that is pending; a file that is only brought back does not.
    let is_news = item.before.as_ref() != Some(&item.locked());
    if is_replaced || item.status() != Status::Edited && is_news {
        changes.extend(pending::forget(project, &item.name)?);
    }
    Ok(())
}

/// Remembers how the conflicts of an agent were decided.
fn record(item: &Item, scene: &Scene<'_>, changes: &mut Vec<Change>) -> Result<()> {
    if item.choices.is_empty() {
        return Ok(());
    }
    for (conflict, choice) in item.sides().merge().conflicts().iter().zip(&item.choices) {
        if let Some(choice) = choice
            && let Some(change) = resolutions::record(&scene.session.project, conflict, choice)?
            && !changes.iter().any(|known| known.path == change.path)
        {
            changes.push(change);
        }
    }
    Ok(())
}

/// The changes that put an agent aside with markers, and with it what only its new version requires.
fn aside(item: &Item, plan: &Plan, scene: &Scene<'_>) -> Result<Vec<Change>> {
    let base = format!("base {}", versions(item.before.as_ref()));
    let theirs = format!("upstream {}", versions(Some(&item.candidate.locked)));
    let labels = merge::Labels {
        ours: "you",
        base: base.trim_end(),
        theirs: theirs.trim_end(),
    };
    let marked = (item.sides().merge()).with_markers(merge::Style::Diff3, labels, None);
    let entry = scene.manifest.agents().get(&item.name);
    let intent = match (entry, &item.wanted) {
        (Some(before), Some(wanted)) => Intent::between(before, wanted),
        _ => Intent::default(),
    };
    let required = newly_required(&plan.items, item).into_iter().map(|new| {
        (
            new.name.clone(),
            new.candidate.locked.clone(),
            new.candidate.base.clone(),
        )
    });
    let pending = Pending {
        name: item.name.clone(),
        locked: item.candidate.locked.clone(),
        ours: item.ours.clone().unwrap_or_default().digest(),
        theirs: item.candidate.base.clone(),
        required: required.collect(),
        intent,
    };
    pending::put_aside(&scene.session.project, &pending, marked)
}

/// What the history calls the operation: the command with the agents that it wrote, and those that it took away.
fn label(plan: &Plan, goal: &Goal, gone: &Gone) -> String {
    if let What::Gone(names) = &goal.what {
        return format!("remove {}", few(names, " "));
    }
    let is_written = |item: &&Item| {
        let unwritten = [Status::Skipped, Status::Current, Status::Edited];
        !unwritten.contains(&item.status())
    };
    let written = plan.items.iter().filter(is_written);
    let mut names: Vec<&str> = written.map(|item| item.name.as_str()).collect();
    if names.is_empty() && matches!(goal.what, What::Specs(_) | What::Override { .. }) {
        // Only the two text files change.
        let is_named = |item: &&Item| item.is_named && item.is_settled();
        let named = plan.items.iter().filter(is_named);
        names = named.map(|item| item.name.as_str()).collect();
    }
    let removed = gone.agents.iter().filter(|agent| !agent.is_kept);
    let removed: Vec<&str> = removed.map(|agent| agent.name.as_str()).collect();
    let command = match &goal.what {
        What::Newest { .. } => "update",
        What::Waiting { .. } => "resolve",
        What::Files(_) => "adopt",
        What::Override { change, .. } => match change {
            OverrideChange::Set(_) => "set",
            OverrideChange::Unset(_) => "unset",
        },
        _ => "install",
    };
    let done = format!("{command} {}", few(&names, " "))
        .trim_end()
        .to_owned();
    if removed.is_empty() {
        done
    } else {
        format!("{done}, remove {}", few(&removed, " "))
    }
}
