//! `status`: what is as it was installed and what is not. Looks at files only: no network, nothing is fetched.

use std::collections::BTreeSet;

use super::pending;
use super::report::Frontend;
use super::requirement::{self, ServerState, World};
use super::resolver::Resolver;
use super::session::Session;
use super::update::versions;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::spec::Source;
use crate::error::Result;
use crate::fs::{self, Entry};
use crate::merge::{self, Difference};
use crate::store::cache::Freshness;
use crate::store::lockfile::LockedAgent;

/// The state of an installed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// As it was installed.
    Clean,
    /// With edits of the user; how many is known if the base is there.
    Edited(Option<Difference>),
    /// It is not there.
    Missing,
}

/// One agent.
#[derive(Debug, Clone)]
pub struct AgentStatus {
    /// Its name.
    pub name: AgentName,
    /// Version or commit.
    pub version: String,
    /// Its file.
    pub file: FileState,
    /// Whether its base is in the project; without it the next update has to look elsewhere.
    pub has_base: bool,
    /// Whether an update waits for its conflicts to be resolved.
    pub is_conflicted: bool,
    /// Keys that stay as the user has them.
    pub pins: Vec<String>,
    /// The newer version that the cache knows of.
    pub newer: Option<String>,
}

impl AgentStatus {
    /// Whether there is something to do.
    #[must_use]
    pub fn needs_work(&self) -> bool {
        self.file == FileState::Missing || self.is_conflicted || !self.has_base && self.file != FileState::Clean
    }
}

/// The state of a project.
#[derive(Debug, Clone, Default)]
pub struct ProjectStatus {
    /// The installed agents.
    pub agents: Vec<AgentStatus>,
    /// Agents of the manifest that were never installed.
    pub uninstalled: Vec<AgentName>,
    /// Files in the agents folder that agentpkg did not write.
    pub foreign: Vec<String>,
    /// Servers that agents ask for and that are not configured.
    pub missing_servers: Vec<String>,
    /// Servers that agents ask for and that are configured, but that the client's settings keep from starting.
    pub disabled_servers: Vec<String>,
}

impl ProjectStatus {
    /// Whether there is something to do.
    #[must_use]
    pub fn needs_work(&self) -> bool {
        !self.uninstalled.is_empty() || self.agents.iter().any(AgentStatus::needs_work)
    }
}

/// Looks at all agents.
pub fn status(session: &Session, frontend: &mut dyn Frontend) -> Result<ProjectStatus> {
    session.recover(frontend)?;
    let project = &session.project;
    let manifest = session.manifest(frontend)?;
    let lockfile = project.load_lockfile()?;
    let waiting: BTreeSet<AgentName> = pending::names(project)?.into_iter().collect();
    let mut resolver = Resolver::new(session, Freshness::Any);
    let mut outcome = ProjectStatus::default();
    for (name, locked) in &lockfile.agents {
        let base = project.read_base(&locked.base)?;
        let file = match project.read_agent(name)? {
            None => FileState::Missing,
            Some(bytes) if Digest::of(&bytes) == locked.base => FileState::Clean,
            Some(bytes) => FileState::Edited(base.as_deref().map(|base| merge::difference(base, &bytes))),
        };
        outcome.agents.push(AgentStatus {
            name: name.clone(),
            version: versions(Some(locked)),
            file,
            has_base: base.is_some(),
            is_conflicted: waiting.contains(name),
            pins: manifest.agents().get(name).map(|wanted| wanted.pins.clone()).unwrap_or_default(),
            newer: match manifest.agents().get(name) {
                // Whether a version that the manifest forbids is newer does not matter.
                Some(wanted) if wanted.version.is_some() => None,
                _ => newer(session, locked, &mut resolver, frontend),
            },
        });
    }
    outcome.uninstalled = manifest.agents().keys().filter(|name| !lockfile.agents.contains_key(*name)).cloned().collect();
    let known: BTreeSet<String> = lockfile.agents.keys().map(AgentName::file_name).collect();
    for listed in fs::list(project.agents_folder())? {
        if listed.entry == Entry::File && listed.name.ends_with(".md") && !known.contains(&listed.name) {
            outcome.foreign.push(listed.name);
        }
    }
    outcome.foreign.sort();
    let world = World::open(session, &manifest, &lockfile, frontend)?;
    let agents = requirement::all_agents(session, &world, &manifest, &lockfile)?;
    let servers = requirement::states(&world, &session.environment, manifest.policy(), &agents);
    let disabled = servers.iter().filter(|server| server.refusal().is_some());
    outcome.disabled_servers = disabled.map(|server| server.name.clone()).collect();
    outcome.missing_servers = servers.into_iter().filter(ServerState::is_missing).map(|server| server.name).collect();
    Ok(outcome)
}

/// The version that the source had when it was looked at last, if it is another one. Whatever goes wrong here is not worth a word.
fn newer(session: &Session, locked: &LockedAgent, resolver: &mut Resolver<'_>, frontend: &mut dyn Frontend) -> Option<String> {
    let source = Source::parse(&locked.source).ok()?;
    if let Source::Git(url) = &source
        && !session.cache.has(url)
    {
        return None;
    }
    let snapshot = resolver.snapshot(locked.registry.as_ref(), &source, frontend).ok()?;
    let entry = snapshot.offered.find_file(&locked.file)?;
    if entry.blob == locked.blob {
        return None;
    }
    let version = snapshot.record(entry.name.as_str()).and_then(|record| record.version.as_ref()).map(ToString::to_string);
    Some(version.or_else(|| snapshot.commit.map(|commit| commit.short())).unwrap_or_else(|| "changed".to_owned()))
}
