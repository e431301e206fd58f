//! `status`: what is as it was installed and what is not. Looks at files only: no network, nothing is fetched.

use std::collections::BTreeSet;

use super::change::pending;
use super::gone::GoneAgent;
use super::news::{Look, News};
use super::past::Changed;
use super::renamed::Renamed;
use super::report::Frontend;
use super::requirement::{self, AgentNeeds, ServerState, World};
use super::session::Session;
use super::state::State;
use super::unmanaged::unmanaged_in;
use crate::domain::definition::{differing, ignored};
use crate::domain::digest::Digest;
use crate::domain::markers;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::merge::{self, Difference};
use crate::store::agreement::{has_other_overrides, reachable, versions};
use crate::store::loaded::LoadedSet;
use crate::store::placed::Placed;
use crate::store::seen::Seen;

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
    /// Whether an update is pending until its conflicts are resolved.
    pub is_conflicted: bool,
    /// The line of the first conflict that a version control system marked in its file.
    pub markers: Option<usize>,
    /// Why the client ignores its file as the user edited it; `None`: it does not, or it has conflict markers.
    pub ignored: Option<String>,
    /// Which other name its file has.
    pub renamed: Option<Renamed>,
    /// Keys that stay as the user has them.
    pub pins: Vec<String>,
    /// The overrides that it was written with.
    pub overrides: Vec<String>,
    /// The overridden keys whose value in the file is another one.
    pub differing: Vec<String>,
    /// Whether agentpkg.toml has other overrides, which an install applies.
    pub is_stale: bool,
    /// What an update would take, as far as the cache knows; empty: something else, and the source has no versions.
    pub newer: Option<String>,
    /// What changed in that, where it is known.
    pub changed: Option<Changed>,
    /// Where its file is, for display, if it is not where agentpkg.lock has it: the one place it was moved to, or the places of several
    /// files that may be its own.
    pub elsewhere: Vec<String>,
    /// Where upstream moved it without another change, in words.
    pub moved: Option<String>,
    /// What became of it, if upstream no longer has it, as far as the cache knows.
    pub gone: Option<GoneAgent>,
    /// Whether the manifest wants it, or one that it wants requires it.
    pub is_wanted: bool,
}

impl AgentStatus {
    /// Its state in one word.
    #[must_use]
    pub fn state(&self) -> State {
        let is_undecided = self.is_conflicted || self.markers.is_some();
        match self.file {
            FileState::Missing => State::Missing,
            FileState::Clean => State::of_file(true, is_undecided),
            FileState::Edited(_) => State::of_file(false, is_undecided),
        }
    }

    /// Whether there is something to do.
    #[must_use]
    pub fn needs_work(&self) -> bool {
        self.file == FileState::Missing
            || !self.elsewhere.is_empty()
            || self.is_conflicted
            || self.markers.is_some()
            || self.is_stale
            || !self.is_wanted
            || !self.has_base && self.file != FileState::Clean
    }
}

/// The state of a project.
#[derive(Debug, Clone, Default)]
pub struct ProjectStatus {
    /// The installed agents.
    pub agents: Vec<AgentStatus>,
    /// Agents of the manifest that were never installed.
    pub uninstalled: Vec<AgentName>,
    /// Files of the agents folder that agentpkg did not write, by their paths below it.
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
    session.look_for_interruption(frontend)?;
    let project = &session.project;
    let manifest = session.manifest(frontend)?;
    let Placed {
        lockfile,
        moved: moved_files,
        unsure,
    } = Placed::read(project)?;
    let pending: BTreeSet<AgentName> = pending::names(project)?.into_iter().collect();
    // The cache may hold half of what a source has, and the other half is not worth a fetch.
    let offline = session.offline();
    let mut look = Look::new(&offline, &manifest);
    let reached = reachable(&manifest, &lockfile);
    let bases = project.kept_bases()?;
    let agents = project.agents_folder();
    let mut seen = session.cache.seen(agents, lockfile.agents.len());
    let mut outcome = ProjectStatus::default();
    let elsewhere = |name: &AgentName| {
        let moved = moved_files.iter().filter(|file| file.name == *name);
        let moved = moved.map(|file| &file.to);
        let folders = moved.chain(unsure.get(name).into_iter().flatten());
        let shown = folders.map(|folder| project.shown_path(name, folder));
        shown.collect::<Vec<String>>()
    };
    for (name, locked) in &lockfile.agents {
        let (wanted, is_wanted) = (manifest.agents().get(name), reached.contains(name));
        // A file that nobody edited need not be compared with anything.
        let digest = project.digest_agent(name, &locked.folder, &mut seen)?;
        let is_clean = digest == Some(locked.unedited());
        let (base, bytes) = if is_clean {
            (None, None)
        } else {
            let file = project.read_agent(name, &locked.folder)?;
            (project.read_written(locked)?, file)
        };
        let differing = match (&base, &bytes) {
            (Some(written), Some(file)) => differing(&locked.overrides, written, file),
            _ => Vec::new(),
        };
        let markers = bytes.as_deref().and_then(markers::first);
        // What both sides at once would be, says nothing about the agent.
        let read = bytes.as_deref().filter(|_| markers.is_none());
        let mut status = AgentStatus {
            name: name.clone(),
            version: versions(Some(locked)),
            markers,
            ignored: read.and_then(ignored),
            renamed: read.and_then(|file| Renamed::of(name, file, base.as_deref())),
            file: match &bytes {
                None if is_clean => FileState::Clean,
                None => FileState::Missing,
                Some(bytes) if Digest::of(bytes) == locked.unedited() => FileState::Clean,
                Some(bytes) => {
                    FileState::Edited(base.as_deref().map(|base| merge::difference(base, bytes)))
                }
            },
            has_base: base.is_some() || is_clean && bases.has(&locked.base),
            is_conflicted: pending.contains(name),
            pins: wanted.map(|wanted| wanted.pins.clone()).unwrap_or_default(),
            overrides: locked.overrides.texts(),
            differing,
            is_stale: has_other_overrides(locked, &manifest.entry(name), &manifest),
            newer: None,
            changed: None,
            elsewhere: elsewhere(name),
            moved: None,
            gone: None,
            is_wanted,
        };
        if is_wanted {
            match look.news(name, locked, frontend) {
                News::None | News::Elsewhere => {}
                News::Newer(version, changed) => {
                    status.newer = Some(version);
                    status.changed = changed;
                }
                News::Moved(words) => status.moved = Some(words),
                News::Gone(gone) => status.gone = Some(gone),
            }
        }
        outcome.agents.push(status);
    }
    let known = manifest.agents().keys();
    let is_uninstalled = |name: &&AgentName| !lockfile.agents.contains_key(*name);
    outcome.uninstalled = known.filter(is_uninstalled).cloned().collect();
    let world = World::open(&offline, &manifest, &lockfile, frontend)?;
    let is_plain = |file: &str, look| {
        let installed = lockfile.at(file);
        seen.is_plain(file, look) && installed.is_some_and(|(_, locked)| !world.has_record(locked))
    };
    let set = world.load_except(session, &is_plain);
    outcome.foreign = unmanaged_in(set, &lockfile);
    let agents = requirement::all_agents(session, &world, &manifest, &lockfile, &[]).of_project();
    note_plain(set, &agents, &mut seen);
    seen.keep(session.environment.now());
    let servers = requirement::states(&world, &session.environment, manifest.policy(), &agents);
    let disabled = servers.iter().filter(|server| server.refusal().is_some());
    outcome.disabled_servers = disabled.map(|server| server.name.clone()).collect();
    let missing = servers.into_iter().filter(ServerState::is_missing);
    outcome.missing_servers = missing.map(|server| server.name).collect();
    Ok(outcome)
}

/// Notes which agents run under the names of their files and ask for no server, so that they need not be read the next time.
fn note_plain(set: &LoadedSet, agents: &[AgentNeeds], seen: &mut Seen) {
    let silent = agents.iter().filter(|agent| agent.needs.servers.is_empty());
    let silent: BTreeSet<&str> = silent.map(|agent| agent.name.as_str()).collect();
    let read = set.own().filter(|agent| !agent.is_plain);
    for agent in read.filter(|agent| agent.has_name_of_file()) {
        if (agent.below.strip_suffix(".md")).is_some_and(|stem| silent.contains(stem)) {
            seen.note_plain(&agent.below, Digest::of(&agent.content.bytes()));
        }
    }
}
