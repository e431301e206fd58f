//! How it stands with each server that agents ask for: configured, known, archived or unknown, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::likeness::{alike, bare, same_package};
use super::world::World;
use crate::domain::admission::Refusal;
use crate::domain::catalogue::{CatalogueServer, Meaning};
use crate::domain::definition::{Definition, Loss};
use crate::domain::policy::{Policy, Violation};
use crate::domain::requirement::{Place, Requirements, ServerNeed};
use crate::domain::server::{ServerEntry, is_addable};
use crate::env::Environment;
use crate::fs;
use crate::store::servers::{FoundServer, Scope};

/// One agent and what it needs.
#[derive(Debug, Clone)]
pub struct AgentNeeds {
    /// The name of its file, without the extension.
    pub name: String,
    /// Its path, for display.
    pub path: String,
    /// What it needs.
    pub needs: Requirements,
    /// What its file says and the client does not read.
    pub losses: Vec<Loss>,
    /// Whether it does not run now: another agent of its name runs in its place, or its file is missing.
    pub is_hidden: bool,
    /// Whether another machine might not have it: it is the user's, a plugin's or a managed one.
    pub is_about_machine: bool,
}

impl AgentNeeds {
    /// An agent with these bytes. `path`: for display.
    pub(in crate::ops) fn of(
        name: String,
        path: String,
        needs: Requirements,
        bytes: &[u8],
    ) -> Self {
        Self {
            name,
            path,
            needs,
            losses: Definition::parse(bytes).losses(),
            is_hidden: false,
            is_about_machine: false,
        }
    }

    /// A place in its file, for display.
    pub(in crate::ops) fn place(&self, line: Option<usize>) -> String {
        match line {
            Some(line) => format!("{}:{line}", self.path),
            None => self.path.clone(),
        }
    }
}

/// The servers that agents ask for.
pub(in crate::ops) fn server_names(agents: &[AgentNeeds]) -> BTreeSet<&str> {
    let names = agents.iter().flat_map(|agent| agent.needs.server_names());
    names.collect()
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

impl fmt::Display for Asker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
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

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(reason) => write!(formatter, "Claude Code skips it: {reason}"),
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
                "Claude Code accepts only letters, digits, `-` and `_` in the name of a server",
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

/// How it stands with every server that `agents` ask for, sorted by name.
pub(in crate::ops) fn states(
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
    let view = View {
        world,
        environment,
        policy,
    };
    grouped
        .into_iter()
        .map(|(name, askers)| view.state(name, &askers))
        .collect()
}

/// What servers are judged by.
struct View<'v> {
    world: &'v World,
    environment: &'v Environment,
    policy: &'v Policy,
}

impl View<'_> {
    fn state(&self, name: &str, askers: &[(&AgentNeeds, &ServerNeed)]) -> ServerState {
        let asker = |(agent, need): &(&AgentNeeds, &ServerNeed)| Asker {
            agent: agent.name.clone(),
            path: agent.path.clone(),
            place: need.place,
        };
        let tools: BTreeSet<String> = askers
            .iter()
            .flat_map(|(_, need)| need.tools.iter().cloned())
            .collect();
        let meaning = self.world.catalogue.server(name);
        let (status, entry) = if askers.iter().all(|(_, need)| need.inline.is_some()) {
            let mut inline = askers.iter().filter_map(|(_, need)| need.inline.as_ref());
            let entry = inline.find_map(|value| ServerEntry::from_json(value).ok());
            (Status::Inline, entry)
        } else {
            match self.world.servers.get(name) {
                Some(found) => configured(found),
                None => absent(self.world, name, &meaning),
            }
        };
        ServerState {
            name: name.to_owned(),
            askers: askers.iter().map(asker).collect(),
            lost_tools: lost_tools(&tools, entry.as_ref(), &meaning),
            tools,
            is_whole: askers.iter().any(|(_, need)| need.is_whole),
            problems: self.problems(name, &status, entry.as_ref()),
            status,
            entry,
        }
    }

    /// What is wrong with a server.
    fn problems(&self, name: &str, status: &Status, entry: Option<&ServerEntry>) -> Vec<Problem> {
        let servers = &self.world.servers;
        let mut problems = Vec::new();
        if let (Status::Configured(_), Some(found)) = (status, servers.get(name)) {
            problems.extend(found.entry.clone().err().map(Problem::Skipped));
        }
        // What is not started has no trouble here.
        if let Some(entry) = entry.filter(|_| !matches!(status, Status::Disabled(..))) {
            let is_configured = matches!(status, Status::Configured(_));
            problems.extend(trouble(self.world, self.environment, entry, is_configured));
            // What an agent brings itself is held against the policy with the agent.
            if !matches!(status, Status::Provided(_) | Status::Inline) {
                problems.extend(self.policy.server(name, entry).map(Problem::Forbidden));
            }
        }
        if let Status::Known(known) = status {
            let refusal = servers.refusal_of_new(name, &known.entry);
            problems.extend(refusal.map(Problem::Refused));
            problems.extend((!is_addable(name)).then_some(Problem::Name));
        }
        problems
    }
}

/// A server that the client finds.
fn configured(found: &FoundServer) -> (Status, Option<ServerEntry>) {
    let scope = found.scope.clone();
    let status = match &found.refusal {
        Some(refusal) => Status::Disabled(scope, refusal.clone()),
        None => Status::Configured(scope),
    };
    (status, found.entry.clone().ok())
}

/// The tools that the server is known not to have. A server of the user's own may have others: what the catalogue says holds for what it
/// would start.
fn lost_tools(
    tools: &BTreeSet<String>,
    entry: Option<&ServerEntry>,
    meaning: &Meaning<'_>,
) -> Vec<String> {
    let (Meaning::Known(known), Some(entry)) = (meaning, entry) else {
        return Vec::new();
    };
    if known.tools.is_empty() || !same_package(&known.entry, entry) {
        return Vec::new();
    }
    let is_lost = |tool: &&String| !tool.contains('*') && !known.tools.contains(tool);
    tools.iter().filter(is_lost).cloned().collect()
}

fn absent(world: &World, name: &str, meaning: &Meaning<'_>) -> (Status, Option<ServerEntry>) {
    let configured = || {
        let mut names = world.servers.names().into_iter();
        let same = names.find(|known| world.catalogue.is_same(name, bare(known)));
        same.map(str::to_owned)
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
