//! What needs are held against: the catalogue, the servers that are configured, and what registries say about their agents. Reads,
//! and never starts anything.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::domain::catalogue::{Catalogue, Meaning};
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::registry_file::AgentRecord;
use crate::domain::requirement::{Origin, Requirements, Upstream};
use crate::domain::server::ServerEntry;
use crate::domain::spec::Source;
use crate::error::Result;
use crate::fs::IsKnown;
use crate::ops::report::Frontend;
use crate::ops::resolver::Resolver;
use crate::ops::session::Session;
use crate::store::cache::Freshness;
use crate::store::loaded::{self, LoadedSet};
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::{Manifest, source_text};
use crate::store::registry::Snapshot;
use crate::store::servers::{self, FoundServer, Servers};

/// What needs are held against, read once for a command.
pub struct World {
    /// What the registries know.
    pub catalogue: Catalogue,
    /// What is configured.
    pub servers: Servers,
    /// What the registries say about agents, by source and name there.
    records: BTreeMap<(String, String), AgentRecord>,
    /// What the client loads, once it was asked for.
    loaded: OnceCell<LoadedSet>,
}

impl World {
    /// Reads the catalogues of all registries and the sources of the locked agents as far as they are on this machine, and all servers.
    pub fn open(
        session: &Session,
        manifest: &Manifest,
        lockfile: &Lockfile,
        frontend: &mut dyn Frontend,
    ) -> Result<Self> {
        let servers = servers::read(&session.project, &session.environment)?;
        for warning in &servers.warnings {
            session.warn_once(warning, frontend);
        }
        let mut world = Self {
            catalogue: Catalogue::default(),
            servers,
            records: BTreeMap::new(),
            loaded: OnceCell::new(),
        };
        world.learn(&Snapshot::builtin_without_agents());
        let mut resolver = Resolver::new(session, Freshness::Any);
        let mut seen = BTreeSet::from([RegistryName::BUILTIN.to_owned()]);
        let named = manifest
            .registries()
            .iter()
            .map(|(name, source)| (Some(name.clone()), source.clone()));
        // Most agents are from the same few sources.
        let mut places = BTreeSet::new();
        let direct = lockfile.agents.values().filter_map(|locked| {
            let is_new = places.insert((&locked.registry, &locked.source));
            let source = is_new
                .then(|| Source::parse(&locked.source).ok())
                .flatten()?;
            Some((locked.registry.clone(), source))
        });
        for (name, source) in named.chain(direct) {
            let is_here = match &source {
                Source::Git(url) => session.cache.has(url),
                _ => true,
            };
            // What cannot be opened has been said where it matters: its agents are looked for there.
            if is_here
                && seen.insert(source_text(&source))
                && let Ok(snapshot) = resolver.snapshot(name.as_ref(), &source, frontend)
            {
                world.learn(&snapshot);
            }
        }
        Ok(world)
    }

    /// What the client loads in the project, as it is now; read when it is first asked for.
    pub(in crate::ops) fn loaded(&self, session: &Session) -> &LoadedSet {
        self.loaded.get_or_init(|| {
            let project = &session.project;
            loaded::read(project, &session.environment, project.root())
        })
    }

    /// Reads what the client loads in the project, except for files of its own folder that are known to be plain; see
    /// [`loaded::read_except`]. To be called before anything asks for it.
    pub(in crate::ops) fn load_except(
        &self,
        session: &Session,
        is_plain: IsKnown<'_>,
    ) -> &LoadedSet {
        self.loaded.get_or_init(|| {
            let project = &session.project;
            loaded::read_except(project, &session.environment, project.root(), is_plain)
        })
    }

    /// Whether a registry says something about an installed agent that is not in its file.
    pub(in crate::ops) fn has_record(&self, locked: &LockedAgent) -> bool {
        let key = (locked.source.clone(), locked.agent.clone());
        !self.records.is_empty() && self.records.contains_key(&key)
    }

    /// Takes in what a registry knows.
    pub(in crate::ops) fn learn(&mut self, snapshot: &Snapshot<'_>) {
        let source = source_text(&snapshot.source);
        let name = snapshot
            .registry
            .as_ref()
            .map_or_else(|| source.clone(), ToString::to_string);
        // What is not here is not fetched for this.
        let Some(about) = snapshot.about_here() else {
            return;
        };
        let entries = (about.servers.iter()).map(|(path, text)| (path.as_str(), text.as_str()));
        self.catalogue.extend(&name, &about.file, entries);
        for (agent, record) in &about.file.agents {
            self.records
                .insert((source.clone(), agent.clone()), record.clone());
        }
    }

    /// What an agent needs, with the servers by the user's names.
    #[must_use]
    pub fn needs(
        &self,
        bytes: &[u8],
        locked: Option<&LockedAgent>,
        bind: &BTreeMap<String, String>,
    ) -> Requirements {
        let record = locked.and_then(|locked| {
            self.records
                .get(&(locked.source.clone(), locked.agent.clone()))
        });
        let mut needs = Requirements::of(bytes, record, &self.catalogue).bound(bind);
        // The registry speaks of its newest version; what the installed one requires is in the lock.
        let is_locked = |name: &str| {
            locked.is_none_or(|locked| {
                locked
                    .requires
                    .iter()
                    .any(|required| required.as_str() == name)
            })
        };
        needs.upstream = locked.map(|locked| Upstream {
            source: locked.source.clone(),
            commit: locked.commit,
            file: locked.file.clone(),
        });
        needs.agents.retain(|need| {
            need.place.origin != Origin::Registry
                || is_locked(&need.name)
                || AgentName::new(&need.name).is_err()
        });
        needs
    }

    /// What is known about a server that was asked for by this name, in one line.
    pub(super) fn describe(&self, name: &str) -> String {
        match (self.servers.get(name), self.catalogue.server(name)) {
            (
                Some(FoundServer {
                    scope,
                    refusal: Some(refusal),
                    ..
                }),
                _,
            ) => format!("configured {}, but {refusal}", scope.place()),
            (Some(found), _) => match &found.entry {
                Ok(entry) => format!("configured ({}): {entry}", found.scope),
                Err(reason) => format!(
                    "configured ({}), but Claude Code skips it: {reason}",
                    found.scope
                ),
            },
            (None, Meaning::Provided(note)) => format!("built into Claude Code: {note}"),
            (None, Meaning::Known(server)) => {
                format!("not configured; would run {}", launch(&server.entry))
            }
            (None, Meaning::Unknown) => "not configured, and not known".to_owned(),
        }
    }
}

/// What stands in front of needs: the command, its arguments, its variables.
pub(super) fn launch(entry: &ServerEntry) -> String {
    let variables = entry.variables().into_iter().map(|(name, _)| name);
    let variables: Vec<String> = variables.collect();
    if variables.is_empty() {
        entry.to_string()
    } else {
        format!("{entry}, reads {}", variables.join(", "))
    }
}
