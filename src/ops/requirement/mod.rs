//! What agents need, held against what the project has: which servers are configured, known, archived or unknown, and what is wrong
//! with those that are there. Reads, and never starts anything; `offer` asks and plans what to add.

mod offer;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub use self::offer::{Mode, Offered};
pub(super) use self::offer::{add, bind_agent, drop_unneeded, offer, outdated};
pub(super) use self::report::report;
pub use self::report::{Lost, OddTool, Other, Report, explain};
use super::report::Frontend;
use super::resolver::Resolver;
use super::session::Session;
use crate::domain::admission::Refusal;
use crate::domain::capability::Capabilities;
use crate::domain::catalogue::{Catalogue, CatalogueServer, Meaning};
use crate::domain::definition::{Definition, Loss};
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::policy::{Policy, Violation};
use crate::domain::registry_file::AgentRecord;
use crate::domain::requirement::{Origin, Place, Requirements, ServerNeed};
use crate::domain::server::{ServerEntry, is_addable};
use crate::domain::spec::Source;
use crate::env::Environment;
use crate::error::Result;
use crate::fs::{self, Entry};
use crate::store::cache::Freshness;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::{Manifest, source_text};
use crate::store::project::MAX_AGENT;
use crate::store::registry::Snapshot;
use crate::store::servers::{self, FoundServer, Scope, Servers};
use crate::store::transaction::Change;

/// What needs are held against, read once for a command.
pub struct World {
    /// What the registries know.
    pub catalogue: Catalogue,
    /// What is configured.
    pub servers: Servers,
    /// What the registries say about agents, by source and name there.
    records: BTreeMap<(String, String), AgentRecord>,
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
        };
        world.learn(&Snapshot::builtin_without_agents());
        let mut resolver = Resolver::new(session, Freshness::Any);
        let mut seen = BTreeSet::from([RegistryName::BUILTIN.to_owned()]);
        let named = manifest
            .registries()
            .iter()
            .map(|(name, source)| (Some(name.clone()), source.clone()));
        let direct = lockfile.agents.values().filter_map(|locked| {
            Some((locked.registry.clone(), Source::parse(&locked.source).ok()?))
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

    /// Takes in what a registry knows.
    pub(super) fn learn(&mut self, snapshot: &Snapshot<'_>) {
        let source = source_text(&snapshot.source);
        let name = snapshot
            .registry
            .as_ref()
            .map_or_else(|| source.clone(), ToString::to_string);
        let entries = snapshot
            .servers
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        self.catalogue.extend(&name, &snapshot.file, entries);
        for (agent, record) in &snapshot.file.agents {
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
        needs.agents.retain(|need| {
            need.place.origin != Origin::Registry
                || is_locked(&need.name)
                || AgentName::new(&need.name).is_err()
        });
        needs
    }

    /// What is known about a server that was asked for by this name, in one line.
    fn describe(&self, name: &str) -> String {
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
                    "configured ({}), but the client skips it: {reason}",
                    found.scope
                ),
            },
            (None, Meaning::Provided(note)) => format!("built into the client: {note}"),
            (None, Meaning::Known(server)) => {
                format!("not configured; would run {}", launch(&server.entry))
            }
            (None, Meaning::Unknown) => "not configured, and not known".to_owned(),
        }
    }
}

/// One agent and what it needs.
#[derive(Debug, Clone)]
pub struct AgentNeeds {
    /// The name of its file, without the extension.
    pub name: String,
    /// Its path, for display.
    pub path: String,
    /// What it needs.
    pub needs: Requirements,
    /// What it may do.
    pub capabilities: Capabilities,
    /// What its file says and the client does not read.
    pub losses: Vec<Loss>,
}

/// Who asks for something, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The agent.
    pub agent: String,
    /// Its path, for display.
    pub path: String,
    /// The place in it.
    pub place: Place,
}

impl std::fmt::Display for Asker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place.line {
            Some(line) => write!(formatter, "{}:{line}", self.path),
            None => write!(formatter, "{} ({})", self.path, self.place.origin),
        }
    }
}

/// How it stands with a server.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// The client finds it.
    Configured(Scope),
    /// The client finds it, but its settings keep it from starting.
    Disabled(Scope, Refusal),
    /// It was added by this command.
    Added(Box<CatalogueServer>),
    /// The agent brings it.
    Inline,
    /// The client brings it, and when.
    Provided(String),
    /// It can be added.
    Known(Box<CatalogueServer>),
    /// It could be added, but nobody maintains it; with the server that took over.
    Archived(Box<CatalogueServer>, Option<String>),
    /// The same server is configured under this name.
    Elsewhere(String),
    /// Nobody knows it; with the configured server that is most like it.
    Unknown(Option<String>),
}

/// What is wrong with a server that is there, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The client skips the entry.
    Skipped(String),
    /// The program is not on `PATH`.
    Program(String),
    /// These variables are not set.
    Variables(Vec<String>),
    /// It starts a package that nobody maintains; with the server that took over.
    Archived(String, Option<String>),
    /// The policy forbids it.
    Forbidden(Violation),
    /// The client's settings would keep it from starting.
    Refused(Refusal),
    /// The client's own command would not accept the name.
    Name,
}

impl Problem {
    /// Whether the server does not work because of it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::Archived(..))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Skipped(reason) => write!(formatter, "the client skips it: {reason}"),
            Self::Program(program) => write!(formatter, "`{program}` is not on PATH"),
            Self::Variables(names) => {
                let verb = if names.len() == 1 { "is" } else { "are" };
                write!(formatter, "{} {verb} not set", names.join(", "))
            }
            Self::Archived(package, Some(successor)) => {
                write!(formatter, "{package} is archived; `{successor}` took over")
            }
            Self::Archived(package, None) => write!(formatter, "{package} is archived"),
            Self::Forbidden(violation) => write!(formatter, "{violation}"),
            Self::Refused(refusal) => write!(formatter, "if it were added, it would be {refusal}"),
            Self::Name => formatter.write_str(
                "the client accepts only letters, digits, `-` and `_` in the name of a server",
            ),
        }
    }
}

/// One server that agents ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerState {
    /// The name that the agents have for it.
    pub name: String,
    /// Who asks for it.
    pub askers: Vec<Asker>,
    /// The tools that are asked for.
    pub tools: BTreeSet<String>,
    /// Whether all tools are asked for.
    pub is_whole: bool,
    /// How it stands.
    pub status: Status,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// Tools that are asked for and that the server is known not to have (any more).
    pub lost_tools: Vec<String>,
    /// What it starts or where it is, where that is known.
    pub entry: Option<ServerEntry>,
}

impl ServerState {
    /// Whether the agents cannot use it as it is.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self.status {
            Status::Configured(_)
            | Status::Disabled(..)
            | Status::Added(_)
            | Status::Inline
            | Status::Provided(_) => false,
            Status::Known(_) | Status::Archived(..) | Status::Elsewhere(_) | Status::Unknown(_) => {
                true
            }
        }
    }

    /// Why the client does not start it although it is configured.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        if let Status::Disabled(_, refusal) = &self.status {
            Some(refusal)
        } else {
            None
        }
    }

    /// Whether it can be added now.
    #[must_use]
    pub fn is_addable(&self) -> bool {
        let is_in_the_way = |problem: &Problem| {
            matches!(
                problem,
                Problem::Forbidden(_) | Problem::Refused(_) | Problem::Name
            )
        };
        matches!(self.status, Status::Known(_)) && !self.problems.iter().any(is_in_the_way)
    }
}

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
        agents.push(AgentNeeds {
            name: stem.to_owned(),
            path: project.display(&path),
            needs: world.needs(&bytes, locked, &bind),
            capabilities: Capabilities::of(&bytes),
            losses: Definition::parse(&bytes).losses(),
        });
    }
    Ok(agents)
}

/// The names that agents of the project answer to: those of their files and those that they say.
pub(super) fn installed_names(session: &Session, lockfile: &Lockfile) -> Result<BTreeSet<String>> {
    let mut names: BTreeSet<String> = lockfile
        .agents
        .iter()
        .flat_map(|(name, locked)| [name.to_string(), locked.agent.clone()])
        .collect();
    let user = session
        .environment
        .client_folder()
        .map(|folder| folder.join("agents"));
    let listed = [
        Some(
            session
                .project
                .files()
                .list(session.project.agents_folder())?,
        ),
        user.map(|folder| fs::list(&folder)).transpose()?,
    ];
    for listed in listed.into_iter().flatten() {
        let files = listed
            .into_iter()
            .filter(|listed| listed.entry == Entry::File);
        names.extend(files.filter_map(|listed| listed.name.strip_suffix(".md").map(str::to_owned)));
    }
    Ok(names)
}

/// What stands in front of needs: the command, its arguments, its variables.
fn launch(entry: &ServerEntry) -> String {
    let variables: Vec<String> = entry
        .variables()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    if variables.is_empty() {
        entry.to_string()
    } else {
        format!("{entry}, reads {}", variables.join(", "))
    }
}

/// How it stands with every server that `agents` ask for, sorted by name.
pub(super) fn states(
    world: &World,
    environment: &Environment,
    policy: &Policy,
    agents: &[AgentNeeds],
) -> Vec<ServerState> {
    let mut grouped: BTreeMap<&str, Vec<(&AgentNeeds, &ServerNeed)>> = BTreeMap::new();
    for agent in agents {
        for need in &agent.needs.servers {
            grouped.entry(&need.name).or_default().push((agent, need));
        }
    }
    grouped
        .into_iter()
        .map(|(name, askers)| state(world, environment, policy, name, &askers))
        .collect()
}

fn state(
    world: &World,
    environment: &Environment,
    policy: &Policy,
    name: &str,
    askers: &[(&AgentNeeds, &ServerNeed)],
) -> ServerState {
    let asker = |(agent, need): &(&AgentNeeds, &ServerNeed)| Asker {
        agent: agent.name.clone(),
        path: agent.path.clone(),
        place: need.place,
    };
    let tools: BTreeSet<String> = askers
        .iter()
        .flat_map(|(_, need)| need.tools.iter().cloned())
        .collect();
    let inline = askers.iter().all(|(_, need)| need.inline.is_some());
    let inline_entry = askers
        .iter()
        .find_map(|(_, need)| ServerEntry::from_json(need.inline.as_ref()?).ok());
    let meaning = world.catalogue.server(name);
    let mut problems = Vec::new();
    let (status, entry) = match world.servers.get(name) {
        _ if inline => (Status::Inline, inline_entry),
        Some(FoundServer {
            scope,
            refusal: Some(refusal),
            entry,
            ..
        }) => (
            Status::Disabled(scope.clone(), refusal.clone()),
            entry.clone().ok(),
        ),
        Some(found) => {
            if let Err(reason) = &found.entry {
                problems.push(Problem::Skipped(reason.clone()));
            }
            (
                Status::Configured(found.scope.clone()),
                found.entry.clone().ok(),
            )
        }
        None => absent(world, name, &meaning),
    };
    let known = match &meaning {
        Meaning::Known(server) => server.tools.as_slice(),
        _ => &[],
    };
    // A server of the user's own may have other tools; what the catalogue says holds for what it would start.
    let is_as_known = entry.as_ref().is_some_and(|entry| match &meaning {
        Meaning::Known(server) => same_package(&server.entry, entry),
        _ => false,
    });
    let lost = |tool: &&String| {
        !known.is_empty() && is_as_known && !tool.contains('*') && !known.contains(tool)
    };
    let lost_tools = tools.iter().filter(lost).cloned().collect();
    // What is not started has no trouble here.
    if let Some(entry) = entry
        .as_ref()
        .filter(|_| !matches!(status, Status::Disabled(..)))
    {
        problems.extend(trouble(
            world,
            environment,
            entry,
            matches!(status, Status::Configured(_)),
        ));
        // What an agent brings itself is held against the policy with the agent.
        let is_checked = !matches!(status, Status::Provided(_) | Status::Inline);
        problems.extend(
            policy
                .server(name, entry)
                .filter(|_| is_checked)
                .map(Problem::Forbidden),
        );
    }
    if let Status::Known(known) = &status {
        problems.extend(
            world
                .servers
                .refusal_of_new(name, &known.entry)
                .map(Problem::Refused),
        );
        problems.extend((!is_addable(name)).then_some(Problem::Name));
    }
    ServerState {
        name: name.to_owned(),
        askers: askers.iter().map(asker).collect(),
        tools,
        is_whole: askers.iter().any(|(_, need)| need.is_whole),
        status,
        problems,
        lost_tools,
        entry,
    }
}

fn absent(world: &World, name: &str, meaning: &Meaning<'_>) -> (Status, Option<ServerEntry>) {
    let configured = || {
        world
            .servers
            .names()
            .into_iter()
            .find(|known| world.catalogue.is_same(name, bare(known)))
            .map(str::to_owned)
    };
    match meaning {
        Meaning::Provided(note) => (Status::Provided((*note).to_owned()), None),
        _ if configured().is_some() => (Status::Elsewhere(configured().unwrap_or_default()), None),
        Meaning::Known(server) if server.is_archived => {
            let successor = world
                .catalogue
                .archived_server(&server.server)
                .and_then(|archived| archived.successor.clone());
            (
                Status::Archived(Box::new((*server).clone()), successor),
                Some(server.entry.clone()),
            )
        }
        Meaning::Known(server) => (
            Status::Known(Box::new((*server).clone())),
            Some(server.entry.clone()),
        ),
        Meaning::Unknown => (Status::Unknown(alike(name, &world.servers.names())), None),
    }
}

/// The name of a plugin's server without the plugin.
fn bare(name: &str) -> &str {
    name.strip_prefix("plugin_")
        .and_then(|rest| rest.split_once('_'))
        .map_or(name, |(_, server)| server)
}

/// Whether both start the same package, or are at the same host.
fn same_package(one: &ServerEntry, other: &ServerEntry) -> bool {
    let package = |entry: &ServerEntry| match entry {
        ServerEntry::Program { args, .. } => {
            args.iter().find(|arg| !arg.starts_with('-')).map(|arg| {
                let end = arg
                    .char_indices()
                    .skip(1)
                    .find(|(_, c)| matches!(c, '@' | '='))
                    .map_or(arg.len(), |(at, _)| at);
                arg[..end].to_owned()
            })
        }
        ServerEntry::Remote { .. } => entry.host().map(str::to_owned),
    };
    package(one).is_some() && package(one) == package(other)
}

/// What keeps an entry from working on this machine.
fn trouble(
    world: &World,
    environment: &Environment,
    entry: &ServerEntry,
    is_configured: bool,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(program) = entry
        .program_name()
        .filter(|program| !program.contains('$'))
    {
        let is_there = if program.contains(['/', '\\']) {
            let path = std::path::Path::new(program);
            !path.is_absolute() || fs::size(path).is_ok_and(|size| size.is_some())
        } else {
            environment.find_program(program).is_some()
        };
        if !is_there {
            problems.push(Problem::Program(program.to_owned()));
        }
    }
    let unset: Vec<String> = entry
        .variables()
        .into_iter()
        .filter(|(name, has_default)| !has_default && !environment.is_set(name))
        .map(|(name, _)| name)
        .collect();
    if !unset.is_empty() {
        problems.push(Problem::Variables(unset));
    }
    if let Some(archived) = world.catalogue.archived(entry).filter(|_| is_configured) {
        problems.push(Problem::Archived(
            archived.package.clone(),
            archived.successor.clone(),
        ));
    }
    problems
}

/// The name that is most like another one, if any is.
fn alike(name: &str, others: &[&str]) -> Option<String> {
    let words = |text: &str| -> BTreeSet<String> {
        let plain = text.to_lowercase();
        plain
            .split(['-', '_', '.'])
            .filter(|word| !word.is_empty() && !matches!(*word, "mcp" | "server"))
            .map(str::to_owned)
            .collect()
    };
    let own = words(name);
    let likeness = |other: &str| {
        let theirs = words(bare(other));
        // `supabase-minrights` is a `supabase` of somebody's.
        let is_part = !theirs.is_empty() && (theirs.is_subset(&own) || own.is_subset(&theirs));
        let by_words = if is_part { 0.95 } else { 0.0 };
        strsim::jaro_winkler(&name.to_lowercase(), &bare(other).to_lowercase()).max(by_words)
    };
    let best = others
        .iter()
        .map(|other| (likeness(other), *other))
        .max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(likeness, _)| *likeness > 0.87)
        .map(|(_, other)| other.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_servers_look_like_what_they_are_made_from() {
        let others = ["supabase", "github", "plugin_tools_postgres"];
        assert_eq!(
            alike("supabase-minrights", &others).as_deref(),
            Some("supabase")
        );
        assert_eq!(
            alike("aws-postgres-minrights", &others).as_deref(),
            Some("plugin_tools_postgres")
        );
        assert_eq!(alike("githab", &others).as_deref(), Some("github"));
        assert_eq!(alike("firebase-afterdark", &others), None);
    }
}
