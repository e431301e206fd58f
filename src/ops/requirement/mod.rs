//! What agents need, held against what the project has.
//!
//! `world` reads what there is, `state` says how it stands with each server, `offer` asks what to do about those that are missing, `mcp`
//! plans the edits, `report` says what is left at the end.

mod likeness;
mod mcp;
mod offer;
mod report;
mod state;
mod world;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub(super) use self::mcp::{add, bind_agent, drop_unneeded, outdated};
pub use self::offer::{Mode, Offered};
pub(super) use self::offer::{Terms, offer};
pub(super) use self::report::report;
pub use self::report::{Lost, OddTool, Other, Report, explain};
pub use self::state::{AgentNeeds, Asker, Problem, ServerState, Status};
pub(super) use self::state::{server_names, states};
pub use self::world::World;
use super::session::Session;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::fs::Entry;
use crate::store::lockfile::Lockfile;
use crate::store::manifest::Manifest;
use crate::store::project::MAX_AGENT;
use crate::store::transaction::Change;

/// All agents in the project's folder as they will be after `changes`: the installed ones, and those that agentpkg did not write.
pub(super) fn all_agents(
    session: &Session,
    world: &World,
    manifest: &Manifest,
    lockfile: &Lockfile,
    changes: &[Change],
) -> Result<Vec<AgentNeeds>> {
    let project = &session.project;
    let folder = project.agents_folder();
    let listed = project.files().list(folder)?.into_iter();
    let mut paths: BTreeSet<PathBuf> = listed
        .filter(|listed| listed.entry == Entry::File)
        .map(|listed| folder.join(listed.name))
        .collect();
    let planned = changes.iter().map(|change| &change.path);
    paths.extend(
        planned
            .filter(|path| path.parent() == Some(folder))
            .cloned(),
    );
    let mut agents = Vec::new();
    for path in paths {
        let Some(stem) = (path.file_name())
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".md"))
        else {
            continue;
        };
        let bytes = match changes.iter().find(|change| change.path == path) {
            Some(change) => change.after.clone(),
            None => project.files().read(&path, MAX_AGENT)?,
        };
        let Some(bytes) = bytes else {
            continue;
        };
        let name = AgentName::new(stem).ok();
        let locked = name.as_ref().and_then(|name| lockfile.agents.get(name));
        let wanted = name.as_ref().and_then(|name| manifest.agents().get(name));
        let bind = wanted.map(|wanted| wanted.bind.clone()).unwrap_or_default();
        let needs = world.needs(&bytes, locked, &bind);
        let (name, path) = (stem.to_owned(), project.display(&path));
        agents.push(AgentNeeds::of(name, path, needs, &bytes));
    }
    Ok(agents)
}
