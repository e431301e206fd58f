//! What keeps the agents that a command writes from running, and what they cost in each session. A command looks back at what it wrote; a
//! dry run looks ahead at what would be there.

use std::collections::{BTreeMap, BTreeSet};

use super::item::Status;
use super::outcome::{ChangedAgent, Outcome};
use super::scene::Scene;
use crate::domain::name::AgentName;
use crate::ops::session::Session;
use crate::ops::shadows::shadows;
use crate::store::loaded::{self, LoadedSet, Standing};
use crate::store::lockfile::Lockfile;
use crate::store::placed::Placed;
use crate::store::project::Project;
use crate::store::transaction::Transaction;

/// Notes it about what was written or adopted.
pub(super) fn look_back(session: &Session, outcome: &mut Outcome) {
    let project = &session.project;
    if written(outcome).is_empty() {
        return;
    }
    let set = loaded::read(project, &session.environment, project.root());
    // All is written by now: what cannot be looked at any more is no failure of the command.
    match Placed::read(project) {
        Ok(placed) => note(project, &set, &placed.lockfile, outcome),
        Err(failure) => outcome.shadows = vec![failure.to_string()],
    }
}

/// Notes it about what would be written or adopted.
pub(super) fn look_ahead(scene: &Scene<'_>, transaction: &Transaction, outcome: &mut Outcome) {
    let project = &scene.session.project;
    if written(outcome).is_empty() {
        return;
    }
    let below = project.agents_folder();
    let changes = transaction.changes.iter();
    let changed: BTreeMap<_, _> = changes
        .filter(|change| change.path.starts_with(below))
        .map(|change| (change.path.clone(), change.after.clone()))
        .collect();
    let environment = &scene.session.environment;
    let set = loaded::read_changed(project, environment, project.root(), &changed);
    let mut lockfile = scene.lockfile.clone();
    for agent in &outcome.agents {
        if let Some(locked) = agent.locked.clone().filter(|_| is_new_here(agent)) {
            lockfile.agents.insert(agent.name.clone(), locked);
        }
    }
    for gone in &outcome.gone.agents {
        lockfile.agents.remove(&gone.name);
    }
    note(project, &set, &lockfile, outcome);
}

fn note(project: &Project, set: &LoadedSet, lockfile: &Lockfile, outcome: &mut Outcome) {
    outcome.shadows = shadows(set, lockfile, &written(outcome));
    let is_new = |agent: &&ChangedAgent| agent.status == Status::Installed;
    let new = outcome.agents.iter().filter(is_new);
    let new: BTreeSet<&str> = new.map(|agent| agent.path.as_str()).collect();
    let new = set.own().filter(|agent| {
        let path = project.display(&project.agents_folder().join(&agent.below));
        agent.standing == Standing::Runs && new.contains(path.as_str())
    });
    let added: usize = new.map(|agent| agent.tokens).sum();
    outcome.cost = (added > 0).then(|| (added, set.tokens()));
}

fn is_new_here(agent: &ChangedAgent) -> bool {
    agent.is_written() || agent.status == Status::Adopted
}

/// The agents that are written or adopted.
fn written(outcome: &Outcome) -> BTreeSet<AgentName> {
    let written = outcome.agents.iter().filter(|agent| is_new_here(agent));
    written.map(|agent| agent.name.clone()).collect()
}
