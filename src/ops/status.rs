//! `status`: what is as it was installed and what is not. Looks at files only: no network, nothing is fetched.

use std::collections::BTreeSet;

use super::change::pending;
use super::report::Frontend;
use super::requirement::{self, ServerState, World};
use super::resolver::{Followed, Resolved, Resolver, moved};
use super::session::{Options, Session};
use crate::domain::digest::{Digest, ObjectId};
use crate::domain::name::AgentName;
use crate::domain::spec::Source;
use crate::domain::version::VersionRequest;
use crate::error::Result;
use crate::merge::{self, Difference};
use crate::store::agreement::{reachable, versions};
use crate::store::cache::{CachedRepository, Freshness};
use crate::store::loaded::LoadedSet;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::{Manifest, Wanted};

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
    /// Keys that stay as the user has them.
    pub pins: Vec<String>,
    /// What an update would take, as far as the cache knows.
    pub newer: Option<String>,
    /// Where upstream moved it without another change, in words.
    pub moved: Option<String>,
    /// Whether upstream no longer has it, as far as the cache knows.
    pub is_gone: bool,
    /// Whether the manifest wants it, or one that it wants requires it.
    pub is_wanted: bool,
}

impl AgentStatus {
    /// Whether there is something to do.
    #[must_use]
    pub fn needs_work(&self) -> bool {
        self.file == FileState::Missing
            || self.is_conflicted
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
    let lockfile = project.load_lockfile()?;
    let pending: BTreeSet<AgentName> = pending::names(project)?.into_iter().collect();
    // The cache may hold half of what a source has; the other half is not worth a fetch here.
    let options = Options {
        is_offline: true,
        ..session.options.clone()
    };
    let offline = Session::new(project.clone(), session.environment.clone(), options);
    let mut resolver = Resolver::new(&offline, Freshness::Any);
    let reached = reachable(&manifest, &lockfile);
    let mut outcome = ProjectStatus::default();
    for (name, locked) in &lockfile.agents {
        let (wanted, is_wanted) = (manifest.agents().get(name), reached.contains(name));
        let base = project.read_base(&locked.base)?;
        let look = || {
            let of = (name, locked);
            news(&offline, of, (wanted, &manifest), &mut resolver, frontend)
        };
        let news = is_wanted.then(look).flatten();
        let (newer, moved, is_gone) = match news.unwrap_or_default() {
            News::None | News::Elsewhere => (None, None, false),
            News::Newer(version) => (Some(version), None, false),
            News::Moved(words) => (None, Some(words), false),
            News::Gone => (None, None, true),
        };
        outcome.agents.push(AgentStatus {
            name: name.clone(),
            version: versions(Some(locked)),
            file: match project.read_agent(name)? {
                None => FileState::Missing,
                Some(bytes) if Digest::of(&bytes) == locked.base => FileState::Clean,
                Some(bytes) => {
                    FileState::Edited(base.as_deref().map(|base| merge::difference(base, &bytes)))
                }
            },
            has_base: base.is_some(),
            is_conflicted: pending.contains(name),
            pins: wanted.map(|wanted| wanted.pins.clone()).unwrap_or_default(),
            newer,
            moved,
            is_gone,
            is_wanted,
        });
    }
    let known = manifest.agents().keys();
    let is_uninstalled = |name: &&AgentName| !lockfile.agents.contains_key(*name);
    outcome.uninstalled = known.filter(is_uninstalled).cloned().collect();
    let world = World::open(&offline, &manifest, &lockfile, frontend)?;
    outcome.foreign = foreign(world.loaded(session), &lockfile);
    let agents = requirement::all_agents(session, &world, &manifest, &lockfile, &[]).of_project();
    let servers = requirement::states(&world, &session.environment, manifest.policy(), &agents);
    let disabled = servers.iter().filter(|server| server.refusal().is_some());
    outcome.disabled_servers = disabled.map(|server| server.name.clone()).collect();
    let missing = servers.into_iter().filter(ServerState::is_missing);
    outcome.missing_servers = missing.map(|server| server.name).collect();
    Ok(outcome)
}

/// The files of the agents folder that agentpkg did not write, by their paths below it.
fn foreign(set: &LoadedSet, lockfile: &Lockfile) -> Vec<String> {
    let known: BTreeSet<String> = lockfile.agents.keys().map(AgentName::file_name).collect();
    let files = set.own().map(|agent| agent.below.clone());
    files.filter(|file| !known.contains(file)).collect()
}

/// What an update would bring.
#[derive(Debug, Clone, Default)]
enum News {
    /// Nothing, as far as is known.
    #[default]
    None,
    /// Another version.
    Newer(String),
    /// The same bytes from another place, in words.
    Moved(String),
    /// Nothing any more.
    Gone,
    /// Only a whole look can tell: the file is not there at the version that is wanted.
    Elsewhere,
}

/// What an update would take of what is on this machine. Whatever goes wrong here is not worth a word.
fn news(
    session: &Session,
    (name, locked): (&AgentName, &LockedAgent),
    (wanted, manifest): (Option<&Wanted>, &Manifest),
    resolver: &mut Resolver<'_>,
    frontend: &mut dyn Frontend,
) -> Option<News> {
    let source = Source::parse(&locked.source).ok()?;
    if let Source::Git(url) = &source
        && !session.cache.has(url)
    {
        return None;
    }
    let request = wanted.and_then(|wanted| wanted.version.as_ref());
    if let (Some(request), Some(repository)) = (request, session.kept_repository(&source)) {
        match newer_version(&repository, locked, request)? {
            News::Elsewhere => {}
            news => return Some(news),
        }
    }
    let anything = Wanted::anything();
    let wanted = wanted.unwrap_or(&anything);
    let there = match resolver.follow(name, wanted, locked, manifest, frontend) {
        Ok(Followed::There(there)) => there,
        Ok(Followed::Gone(_)) => return Some(News::Gone),
        Err(_) => return None,
    };
    let Resolved {
        entry,
        version,
        commit,
        ..
    } = &there.resolved;
    let version = version.as_ref().map(ToString::to_string);
    if entry.blob != locked.blob || version.is_some() && version != locked.version {
        let newer = version.or_else(|| commit.map(|commit| commit.short()));
        return Some(News::Newer(newer.unwrap_or_else(|| "changed".to_owned())));
    }
    Some(moved(locked, &there).map_or(News::None, News::Moved))
}

/// Whether another version answers a request. Tags and commits are looked at, and no index is made, which could take long.
fn newer_version(
    repository: &CachedRepository<'_>,
    locked: &LockedAgent,
    request: &VersionRequest,
) -> Option<News> {
    let (commit, version) = repository
        .resolve(request, &locked.agent, &mut |_| {})
        .ok()?;
    if locked.commit == Some(commit) {
        return Some(News::None);
    }
    let bytes = repository.read_file(commit, &locked.file, &mut |_| {});
    let Some(bytes) = bytes.ok()? else {
        return Some(News::Elsewhere);
    };
    let version = version.map(|version| version.to_string());
    let is_other = version.is_some() && version != locked.version;
    // A tag that was moved, or a branch: only another file is news.
    if !is_other && ObjectId::of_blob(&bytes) == locked.blob {
        return Some(News::None);
    }
    let newer = version.unwrap_or_else(|| commit.short());
    Some(News::Newer(newer))
}
