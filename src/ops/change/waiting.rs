//! Pending updates, which were put aside with conflict markers, as items again.

use super::goal::How;
use super::item::Item;
use super::pending::{self, Pending};
use super::plan::Plan;
use super::scene::Scene;
use crate::domain::definition::ignored;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Location, Result};
use crate::fs::Content;
use crate::merge;
use crate::ops::base;
use crate::ops::candidate::{Candidate, as_written};
use crate::ops::past::Changed;
use crate::ops::report::{Event, Frontend};
use crate::ops::session::Session;
use crate::ops::unknown;
use crate::store::lockfile::Lockfile;
use crate::store::project::MAX_AGENT;

/// Plans the pending updates of these agents again, or all of them, with what the manifest is to say about them.
pub(super) fn items(
    plan: &mut Plan,
    scene: &Scene<'_>,
    names: &[String],
    how: How,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let waiting = pending::names(&scene.session.project)?;
    let lockfile = &scene.lockfile;
    for name in &select(scene.session, &waiting, names, lockfile)? {
        let Some(pending) = pending::load(&scene.session.project, name)? else {
            continue;
        };
        let (required, intent) = (pending.required.clone(), pending.intent.clone());
        let Some(mut item) = item(scene, how, pending, frontend)? else {
            continue;
        };
        for missing in &item.candidate.locked.requires {
            if !lockfile.agents.contains_key(missing)
                && !required.iter().any(|(known, ..)| known == missing)
            {
                let abort = Command::new(["resolve", "--abort", name.as_str()]);
                let update = Command::new(["update", name.as_str()]);
                plan.failures.push(
                    Failure::failed(format!("`{missing}`, which `{name}` requires now, could not be fetched with its update"))
                        .hint(Advice::run(abort).and(", then ").and_run(update)),
                );
            }
        }
        let wanted = scene.manifest.agents().get(name);
        item.wanted = wanted.map(|wanted| intent.applied_to(wanted));
        plan.items.push(item);
        for (required, locked, bytes) in required {
            let candidate = Candidate::adapted(&required, locked, bytes)?;
            new(plan, scene, name, required, candidate)?;
        }
    }
    Ok(())
}

/// Those of the agents with a pending update that are named, or all.
pub(in crate::ops) fn select(
    session: &Session,
    waiting: &[AgentName],
    names: &[String],
    lockfile: &Lockfile,
) -> Result<Vec<AgentName>> {
    if names.is_empty() {
        return Ok(waiting.to_vec());
    }
    let find = |text: &String| {
        // The path of the file with the markers is a name, too.
        let stem = text.rsplit(['/', '\\']).next().unwrap_or(text);
        let stem = stem.strip_suffix(".md").unwrap_or(stem);
        waiting
            .iter()
            .find(|name| name.as_str() == stem)
            .cloned()
            .ok_or_else(|| not_waiting(session, (stem, text), waiting, lockfile))
    };
    names.iter().map(find).collect()
}

/// That no update is pending under a name.
fn not_waiting(
    session: &Session,
    (stem, text): (&str, &str),
    waiting: &[AgentName],
    lockfile: &Lockfile,
) -> Failure {
    let is_installed = lockfile.agents.keys().any(|name| name.as_str() == stem);
    if !is_installed {
        return unknown::agent(
            session,
            text,
            waiting.iter().chain(lockfile.agents.keys()),
            lockfile,
        );
    }
    let failure = Failure::failed(format!("`{stem}` has no pending update"));
    let known: Vec<String> = waiting.iter().map(|name| format!("`{name}`")).collect();
    if known.is_empty() {
        failure
    } else {
        failure.hint(format!("there are {}", known.join(", ")))
    }
}

/// A pending update as an item; `None` if it no longer makes sense.
fn item(
    scene: &Scene<'_>,
    how: How,
    pending: Pending,
    frontend: &mut dyn Frontend,
) -> Result<Option<Item>> {
    let session = scene.session;
    let Pending {
        name,
        locked,
        ours: expected,
        theirs,
        ..
    } = pending;
    let name = &name;
    let Some(before) = scene.lockfile.agents.get(name) else {
        let abort = Command::new(["resolve", "--abort", name.as_str()]);
        frontend.report(Event::warning(
            Advice::say(format!("`{name}` was removed since; "))
                .and_run(abort)
                .and(" forgets its update"),
        ));
        return Ok(None);
    };
    let current = scene.agent(name)?;
    let base = base::find(session, name, before, frontend)?.into_content()?;
    let base = as_written(name, before, &base)?;
    let text = if how == How::Continue {
        let current = current.as_ref();
        Some(edited(scene, name, current, expected)?.into())
    } else {
        None
    };
    let changed = Changed::between(&session.offline(), before, &locked);
    let candidate = Candidate::adapted(name, locked, theirs)?;
    let mut item = Item {
        changed,
        before: Some(before.clone()),
        ours: current,
        pins: (scene.manifest.agents())
            .get(name)
            .map(|wanted| wanted.pins.clone())
            .unwrap_or_default(),
        text,
        ..Item::new(name.clone(), candidate, base)
    };
    item.is_named = true;
    item.find_conflicts();
    Ok(Some(item))
}

/// Adds an agent that comes with a pending update, unless it is installed by now.
fn new(
    plan: &mut Plan,
    scene: &Scene<'_>,
    by: &AgentName,
    name: AgentName,
    candidate: Candidate,
) -> Result<()> {
    if let Some(item) = plan.item_mut(&name) {
        item.required_by.insert(by.clone());
        return Ok(());
    }
    if scene.lockfile.agents.contains_key(&name) {
        return Ok(());
    }
    let ours = scene.agent(&name)?;
    let item = Item::new(name, candidate, Content::default());
    plan.items.push(Item {
        is_blocked: ours.is_some(),
        required_by: [by.clone()].into(),
        ours,
        ..item
    });
    Ok(())
}

/// The file with markers as the user left it, without markers.
fn edited(
    scene: &Scene<'_>,
    name: &AgentName,
    current: Option<&Content>,
    expected: Digest,
) -> Result<Vec<u8>> {
    let project = &scene.session.project;
    let path = pending::marker_path(project, name);
    let shown = project.display(&path);
    let bytes = project.files().read(&path, MAX_AGENT)?.ok_or_else(|| {
        Failure::failed(format!("`{shown}` is gone")).hint(
            Advice::run(Command::new(["resolve", name.as_str()]))
                .and(" asks instead; `--abort` drops the update"),
        )
    })?;
    if current.map(Content::digest) != Some(expected) {
        return Err(changed(scene, name));
    }
    if let Some(found) = merge::leftover(&bytes) {
        let place = Location {
            path: shown,
            source: String::from_utf8_lossy(&bytes).into_owned(),
            span: found.start..found.start + found.length,
            label: "this conflict is not resolved".to_owned(),
        };
        return Err(unresolved(place));
    }
    if let Some(reason) = ignored(&bytes)
        && current.is_some_and(|current| ignored(&current.bytes()).is_none())
    {
        return Err(
            Failure::failed(format!("Claude Code would ignore `{shown}`: {reason}"))
                .hint("fix it, then run the command again"),
        );
    }
    Ok(bytes)
}

/// That an agent was edited after its update was put aside.
fn changed(scene: &Scene<'_>, name: &AgentName) -> Failure {
    let resolve = |words: &[&str]| Command::new(["resolve"]).args(words.iter().copied());
    Failure::failed(format!(
        "`{}` changed since the markers were written",
        scene
            .session
            .project
            .shown_path(name, scene.lockfile.folder(name))
    ))
    .hint(
        Advice::say("run ")
            .and_run(resolve(&[name.as_str()]))
            .and(" in a terminal, which uses the file as it is now"),
    )
    .hint(
        Advice::say("or ")
            .and_run(resolve(&["--abort", name.as_str()]))
            .and(", then ")
            .and_run(Command::new(["update", name.as_str()])),
    )
}

/// That a marker is left in the file.
fn unresolved(place: Location) -> Failure {
    let message = format!("`{}` still has conflict markers", place.path);
    Failure::new(Kind::Conflict, message).at(place).hint(
        Advice::say("edit it until no marker is left, then ")
            .and_run(Command::new(["resolve", "--continue"])),
    )
}
