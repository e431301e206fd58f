//! The agents whose needs count: all that the client finds, as they will be after the changes that a command plans.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::state::AgentNeeds;
use super::world::World;
use crate::domain::plugin_bound::{Bound, Part};
use crate::fs::Content;
use crate::ops::session::Session;
use crate::store::loaded::Standing;
use crate::store::lockfile::Lockfile;
use crate::store::manifest::Manifest;
use crate::store::transaction::Change;

/// The agents whose needs count.
#[derive(Debug, Clone, Default)]
pub(in crate::ops) struct AllAgents {
    /// The agents.
    pub(in crate::ops) agents: Vec<AgentNeeds>,
    /// Whether there are no others: no bound was met while they were read.
    pub(in crate::ops) is_complete: bool,
}

impl AllAgents {
    /// All of the project's own folder, and of the other folders those that run.
    pub(in crate::ops) fn running(mut self) -> Vec<AgentNeeds> {
        self.agents.retain(|agent| !agent.is_hidden);
        self.agents
    }

    /// The same without those that another machine might not have.
    pub(in crate::ops) fn of_project(self) -> Vec<AgentNeeds> {
        let mut agents = self.running();
        agents.retain(|agent| !agent.is_about_machine);
        agents
    }
}

/// All agents that the client finds as they will be after `changes`: the installed ones, and those that agentpkg did not write. Also
/// those in whose place another one runs now, because that one may be on its way out.
pub(in crate::ops) fn all_agents(
    session: &Session,
    world: &World,
    manifest: &Manifest,
    lockfile: &Lockfile,
    changes: &[Change],
) -> AllAgents {
    let project = &session.project;
    let set = world.loaded(session);
    // What asks for no server asks for nothing else that whoever leaves it unread wants to know.
    let read = set.own().filter(|agent| !agent.is_plain);
    let mut own: BTreeMap<String, Content> = read
        .map(|agent| (agent.below.clone(), agent.content.clone()))
        .collect();
    for change in changes {
        let below = change.path.strip_prefix(project.agents_folder()).ok();
        let Some(below) = below.and_then(Path::to_str) else {
            continue;
        };
        match &change.after {
            Some(content) => {
                own.insert(below.to_owned(), content.clone());
            }
            None => {
                own.remove(below);
            }
        }
    }
    let plain = set.own().filter(|agent| agent.is_plain);
    let mut files: BTreeSet<String> = plain.map(|agent| agent.below.clone()).collect();
    let mut agents = Vec::new();
    for (below, content) in own {
        let Some(stem) = below.strip_suffix(".md") else {
            continue;
        };
        let installed = lockfile.at(&below);
        let locked = installed.map(|(_, locked)| locked);
        let wanted = installed.and_then(|(name, _)| manifest.agents().get(name));
        let bind = wanted.map(|wanted| wanted.bind.clone()).unwrap_or_default();
        let bytes = content.bytes();
        let needs = world.needs(&bytes, locked, &bind);
        let path = project.display(&project.agents_folder().join(&below));
        let name = stem.to_owned();
        agents.push(AgentNeeds::of(name, path, needs, &bytes));
        files.insert(below);
    }
    for agent in set.others() {
        let Some(name) = agent.name.clone().filter(|_| !agent.content.is_empty()) else {
            continue;
        };
        let place = set.place(agent);
        let entry = place
            .manager
            .as_ref()
            .and_then(|manager| manager.entry(&agent.below));
        let (wanted, locked) = entry.unwrap_or_default();
        let bind = wanted.map(|wanted| wanted.bind.clone()).unwrap_or_default();
        let bytes = agent.content.bytes();
        let mut needs = world.needs(&bytes, locked, &bind);
        if place.plugin.is_some() {
            // It has the rest of its plugin beside it.
            let is_named = |bound: &Bound| !matches!(bound.part, Part::Root | Part::File(_));
            needs.bound.retain(is_named);
        }
        agents.push(AgentNeeds {
            is_hidden: agent.standing != Standing::Runs,
            is_about_machine: place.layer.is_about_machine(),
            ..AgentNeeds::of(name, agent.shown.clone(), needs, &bytes)
        });
    }
    let is_read = missing(session, world, (manifest, lockfile), &files, &mut agents);
    AllAgents {
        agents,
        is_complete: is_read && set.is_complete(),
    }
}

/// Adds locked agents whose files are missing: they come back with the next `install`, so what they need is still needed. `files`: those
/// that are there. Gives back whether all of them could be read.
fn missing(
    session: &Session,
    world: &World,
    (manifest, lockfile): (&Manifest, &Lockfile),
    files: &BTreeSet<String>,
    agents: &mut Vec<AgentNeeds>,
) -> bool {
    let project = &session.project;
    let mut is_read = true;
    for (name, locked) in &lockfile.agents {
        if files.contains(&locked.folder.file(name)) {
            continue;
        }
        let path = project.shown_path(name, &locked.folder);
        let Ok(Some(base)) = project.read_written(locked) else {
            is_read = false;
            continue;
        };
        let bind = manifest.agents().get(name).map(|wanted| &wanted.bind);
        let needs = world.needs(&base, Some(locked), &bind.cloned().unwrap_or_default());
        agents.push(AgentNeeds {
            is_hidden: true,
            ..AgentNeeds::of(name.to_string(), path, needs, &base)
        });
    }
    is_read
}
