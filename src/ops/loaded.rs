//! `list --all`: what the client loads here, from where, and why not the other file. Only reads.

use super::report::Frontend;
use super::session::Session;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::store::loaded::{self, FoundAgent, LoadedSet, Standing};
use crate::store::lockfile::Lockfile;
use crate::store::placed::Placed;
use crate::store::project::Scope;

/// A file that the client reads, or an agent that it brings itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedAgent {
    /// The name by which the client knows it; the name of the file, if it does not load it.
    pub name: String,
    /// `managed`, `project`, `user`, `plugin` or `built-in`.
    pub layer: &'static str,
    /// Its path, for display; `None`: it is built in.
    pub path: Option<String>,
    /// The plugin that brings it.
    pub plugin: Option<String>,
    /// Whether the file, or a folder on the way to it, is a link.
    pub is_linked: bool,
    /// The installed agent of the project that it is.
    pub installed: Option<AgentName>,
    /// The manifest that lists it, for display.
    pub manifest: Option<String>,
    /// Whether it runs, and why not.
    pub fate: Fate,
    /// The settings file that keeps it from being started although it is loaded.
    pub denied_by: Option<String>,
    /// What its description costs in each session, in tokens, if it runs.
    pub tokens: usize,
}

/// What becomes of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It runs.
    Runs,
    /// The agent at this place runs, and why.
    Hidden(String, &'static str),
    /// The client does not load it, and why.
    Ignored(String),
}

/// All agents, by name, and of each name the one that runs first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Everything {
    /// The agents.
    pub agents: Vec<LoadedAgent>,
    /// Folders of which not everything was read, and why.
    pub cut: Vec<(String, String)>,
}

/// Looks at everything that the client loads in the current folder.
pub fn everything(session: &Session, frontend: &mut dyn Frontend) -> Result<Everything> {
    session.look_for_interruption(frontend)?;
    session.project.heed_policy()?;
    let lockfile = Placed::read(&session.project)?.lockfile;
    let set = read(session);
    let mut agents: Vec<LoadedAgent> = set
        .agents
        .iter()
        .filter(|agent| agent.standing != Standing::NoAgent)
        .map(|agent| shown(session, &set, agent, &lockfile))
        .collect();
    agents.sort_by(|one, other| {
        let key = |agent: &LoadedAgent| (agent.name.to_lowercase(), agent.name.clone());
        let is_late = |agent: &LoadedAgent| agent.fate != Fate::Runs;
        (key(one), is_late(one)).cmp(&(key(other), is_late(other)))
    });
    let cut = set.places.iter().flat_map(|place| {
        let cut = place.cut.iter();
        cut.map(|why| (place.shown.clone(), why.clone()))
    });
    Ok(Everything {
        agents,
        cut: cut.collect(),
    })
}

/// The loaded set of the folder that the command runs in.
pub(super) fn read(session: &Session) -> LoadedSet {
    let (project, environment) = (&session.project, &session.environment);
    let current = environment.current_folder.as_path();
    let is_below = project.scope() == Scope::Project && current.starts_with(project.root());
    let here = if is_below { current } else { project.root() };
    loaded::read(project, environment, here)
}

/// Where an agent is, for display.
pub(super) fn place_of(set: &LoadedSet, agent: &FoundAgent) -> String {
    match &set.place(agent).plugin {
        Some(plugin) => format!("plugin {plugin}: {}", agent.shown),
        None => agent.shown.clone(),
    }
}

fn shown(
    session: &Session,
    set: &LoadedSet,
    agent: &FoundAgent,
    lockfile: &Lockfile,
) -> LoadedAgent {
    let place = set.place(agent);
    let stem = agent.below.strip_suffix(".md").unwrap_or(&agent.below);
    let installed = (lockfile.at(&agent.below)).filter(|_| place.is_own);
    let installed = installed.map(|(name, _)| name.clone());
    let manager = place
        .manager
        .as_ref()
        .filter(|manager| manager.entry(&agent.below).is_some());
    let project = &session.project;
    let manifest = if installed.is_some() {
        Some(project.display(project.manifest_path()))
    } else {
        manager.map(|manager| manager.shown.clone())
    };
    let fate = match &agent.standing {
        Standing::Skipped(reason) => Fate::Ignored(reason.clone()),
        Standing::SwitchedOff(file) => {
            Fate::Ignored(format!("{file} allows agents of plugins only"))
        }
        Standing::Again => Fate::Ignored("the same file is loaded from elsewhere".to_owned()),
        _ => match set.winner(agent) {
            Some((winner, reason)) => Fate::Hidden(place_of(set, winner), reason),
            None => Fate::Runs,
        },
    };
    let denial = agent.name.as_deref().and_then(|name| set.denial(name));
    let denial = denial.filter(|_| fate == Fate::Runs);
    LoadedAgent {
        tokens: if fate == Fate::Runs { agent.tokens } else { 0 },
        denied_by: denial.map(|denial| denial.file.clone()),
        name: agent.name.clone().unwrap_or_else(|| stem.to_owned()),
        layer: place.layer.word(),
        path: (!agent.path.as_os_str().is_empty()).then(|| agent.shown.clone()),
        plugin: place.plugin.clone(),
        is_linked: agent.is_linked,
        installed,
        manifest,
        fate,
    }
}
