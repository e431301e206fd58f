//! The files of the agents folder that agentpkg did not write: which there are, which of them can be adopted, and how the others are left.

use std::collections::BTreeSet;

use super::goal::Files;
use super::origin;
use super::plan::{Likely, Unmanaged};
use super::planner::Planner;
use super::scene::Scene;
use crate::domain::markers::first;
use crate::domain::name::AgentName;
use crate::error::{Failure, Kind};
use crate::ops::session::Session;
use crate::ops::unknown;
use crate::store::loaded::{self, LoadedSet};
use crate::store::lockfile::Lockfile;

/// The files of the agents folder that agentpkg did not write, by their paths below it.
pub(in crate::ops) fn unmanaged_in(set: &LoadedSet, lockfile: &Lockfile) -> Vec<String> {
    let known: BTreeSet<String> = lockfile.agents.keys().map(AgentName::file_name).collect();
    let files = set.own().map(|agent| agent.below.clone());
    files.filter(|file| !known.contains(file)).collect()
}

/// The same, read now, without `.md`.
pub(in crate::ops) fn unmanaged(session: &Session, lockfile: &Lockfile) -> Vec<String> {
    let project = &session.project;
    let set = loaded::read(project, &session.environment, project.root());
    let files = unmanaged_in(&set, lockfile).into_iter();
    files
        .filter_map(|file| file.strip_suffix(".md").map(str::to_owned))
        .collect()
}

/// The files that can be adopted, with what they hold. The others are noted.
pub(super) fn selected(planner: &mut Planner<'_, '_>, files: &Files) -> Vec<(AgentName, Vec<u8>)> {
    let scene = planner.scene;
    let all = unmanaged(scene.session, &scene.lockfile);
    let typed = files.names.iter();
    let typed: Vec<&str> = typed
        .map(|name| name.strip_suffix(".md").unwrap_or(name))
        .collect();
    let mut selected: Vec<(AgentName, Vec<u8>)> = Vec::new();
    for stem in if typed.is_empty() {
        all.iter().map(String::as_str).collect()
    } else {
        typed
    } {
        let is_named = !files.names.is_empty();
        if selected.iter().any(|(known, _)| known.as_str() == stem) {
            continue;
        }
        if !all.iter().any(|known| known == stem) {
            let failure = not_here(scene, &all, stem);
            planner.plan.failures.push(failure);
            continue;
        }
        match adoptable(planner, stem) {
            Ok(found) => selected.push(found),
            Err(why) => leave(planner, (stem, is_named), why, Vec::new()),
        }
    }
    selected
}

/// That there is no such file, or that it is not for `adopt`.
fn not_here(scene: &Scene<'_>, all: &[String], stem: &str) -> Failure {
    let is_managed =
        AgentName::new(stem).is_ok_and(|name| scene.lockfile.agents.contains_key(&name));
    if is_managed {
        return Failure::failed(format!("`{stem}` is managed by agentpkg already"));
    }
    let names: Vec<AgentName> = all
        .iter()
        .filter_map(|name| AgentName::new(name).ok())
        .collect();
    unknown::agent(stem, &names, &scene.lockfile)
}

/// A file that can be adopted, with what it holds; or why it cannot.
fn adoptable(planner: &Planner<'_, '_>, stem: &str) -> Result<(AgentName, Vec<u8>), String> {
    let scene = planner.scene;
    if stem.contains('/') {
        return Err(
            "adopt takes files that are directly in the agents folder: move it there first"
                .to_owned(),
        );
    }
    let name =
        AgentName::new(stem).map_err(|error| format!("its file cannot be an agent's: {error}"))?;
    if scene.manifest.agents().contains_key(&name) {
        return Err(
            "agentpkg.toml has an entry of this name already, and an install takes the file over"
                .to_owned(),
        );
    }
    if let Some(failure) = origin::folded(&planner.plan, scene, &name, None) {
        return Err(failure.message().to_owned());
    }
    let bytes = scene
        .agent(&name)
        .map_err(|failure| failure.message().to_owned())?;
    let bytes = bytes.ok_or("it is gone")?.bytes().into_owned();
    match first(&bytes) {
        Some(line) => Err(format!(
            "it has unresolved conflict markers, the first in line {line}"
        )),
        None => Ok((name, bytes)),
    }
}

/// Leaves a file as it is. That is worth a failure only where it was named.
pub(super) fn leave(
    planner: &mut Planner<'_, '_>,
    (stem, is_named): (&str, bool),
    why: String,
    candidates: Vec<Likely>,
) {
    if is_named {
        let failure = Failure::new(Kind::Consent, format!("`{stem}` was not adopted: {why}"));
        let nearest = candidates.iter().map(nearest);
        planner.plan.failures.push(failure.listing(nearest));
    }
    planner.plan.unmanaged.push(Unmanaged {
        name: stem.to_owned(),
        why,
        candidates,
    });
}

fn nearest(likely: &Likely) -> String {
    format!("nearest: {}  {} % the same", likely.spec, likely.percent)
}
