//! What is said at the end about needs: the servers, and whatever else agents ask for that is not there or not what they think.

use std::collections::BTreeSet;

use super::plugins::{self, MissingPart};
use super::state::{AgentNeeds, ServerState, states};
use super::world::World;
use crate::domain::capability::Gain;
use crate::domain::catalogue::ToolMeaning;
use crate::domain::definition::Loss;
use crate::domain::policy::Policy;
use crate::domain::registry_file::RetiredTool;
use crate::domain::requirement::Need;
use crate::error::Result;
use crate::fs;
use crate::ops::session::Session;
use crate::store::loaded::LoadedSet;
use crate::store::lockfile::Lockfile;

/// Something other than a server that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// `skill`, `agent`, `program` or `variable`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The agent that asks for it.
    pub agent: String,
    /// Where: path, and line if there is one.
    pub place: String,
    /// Whether it is there.
    pub is_there: bool,
}

/// A tool that is not what its author thought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddTool {
    /// As it is written.
    pub text: String,
    /// The agent that asks for it.
    pub agent: String,
    /// Where: path and line.
    pub place: String,
    /// What became of it; `None`: it never was one of the client's.
    pub retired: Option<RetiredTool>,
    /// The tool that may be meant.
    pub meant: Option<String>,
}

/// Something that stands in an agent's file and is not read by the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The agent.
    pub agent: String,
    /// Where: path and line.
    pub place: String,
    /// What.
    pub loss: Loss,
}

/// Everything about the needs of some agents.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The servers, sorted by name.
    pub servers: Vec<ServerState>,
    /// What else is needed.
    pub others: Vec<Other>,
    /// Tools that are not what their author thought.
    pub odd_tools: Vec<OddTool>,
    /// What is missing of plugins.
    pub parts: Vec<MissingPart>,
    /// What the client does not read.
    pub lost: Vec<Lost>,
    /// Agents that list tools of which none exists: the client refuses to start them.
    pub toolless: Vec<String>,
    /// Servers that were bound by this command: agent, upstream's name, the user's.
    pub bound: Vec<(String, String, String)>,
    /// Servers of agentpkg's own that were changed to what the catalogue has now: name, and what it starts.
    pub changed: Vec<(String, String)>,
}

impl Report {
    /// The servers that the agents cannot use.
    pub fn missing(&self) -> impl Iterator<Item = &ServerState> {
        self.servers.iter().filter(|server| server.is_missing())
    }
    /// What else is needed and is not there.
    pub fn absent(&self) -> impl Iterator<Item = &Other> {
        self.others.iter().filter(|other| !other.is_there)
    }
}

/// Looks at the needs of some agents.
pub(in crate::ops) fn report(
    session: &Session,
    world: &World,
    policy: &Policy,
    agents: &[AgentNeeds],
    lockfile: &Lockfile,
) -> Result<Report> {
    let set = world.loaded(session);
    let installed = installed_names(set, lockfile);
    let mut report = Report {
        servers: states(world, &session.environment, policy, agents),
        ..Report::default()
    };
    for agent in agents {
        report.lost.extend(agent.losses.iter().map(|loss| Lost {
            agent: agent.name.clone(),
            place: agent.place(Some(loss.line())),
            loss: loss.clone(),
        }));
        report
            .others
            .extend(others(session, world, agent, &installed)?);
        let odd: Vec<OddTool> = odd_tools(agent).collect();
        if has_no_tool(agent, &odd) {
            report.toolless.push(agent.name.clone());
        }
        report.odd_tools.extend(odd);
        report.parts.extend(plugins::missing(session, world, agent));
    }
    Ok(report)
}

/// The names of the agents that the client loads, now or after the changes that are planned.
fn installed_names(set: &LoadedSet, lockfile: &Lockfile) -> BTreeSet<String> {
    let installed = lockfile.agents.keys().map(ToString::to_string);
    let loaded = set.agents.iter().filter_map(|agent| agent.name.clone());
    installed.chain(loaded).collect()
}

/// What an agent needs beside servers.
fn others(
    session: &Session,
    world: &World,
    agent: &AgentNeeds,
    installed: &BTreeSet<String>,
) -> Result<Vec<Other>> {
    let environment = &session.environment;
    let mut others = Vec::new();
    let mut note = |kind, need: &Need, is_there| {
        others.push(Other {
            kind,
            name: need.name.clone(),
            agent: agent.name.clone(),
            place: agent.place(need.place.line),
            is_there,
        });
    };
    for need in &agent.needs.skills {
        note("skill", need, has_skill(session, &need.name)?);
    }
    for need in &agent.needs.agents {
        let is_there = installed.contains(&need.name) || world.catalogue.has_agent(&need.name);
        note("agent", need, is_there);
    }
    for need in &agent.needs.programs {
        let is_path = need.name.contains(['/', '\\', '$']);
        let is_there = is_path || environment.find_program(&need.name).is_some();
        note("program", need, is_there);
    }
    for need in &agent.needs.variables {
        note("variable", need, environment.is_set(&need.name));
    }
    Ok(others)
}

/// Whether none of the tools that an agent asks for exists. `odd`: those that are not what its author thought.
fn has_no_tool(agent: &AgentNeeds, odd: &[OddTool]) -> bool {
    let needs = &agent.needs;
    // An alias is an old name that the client still understands.
    let is_alias = |tool: &OddTool| {
        tool.retired
            .as_ref()
            .is_some_and(|retired| retired.is_alias)
    };
    !odd.is_empty()
        && !needs.is_every_tool
        && needs.servers.is_empty()
        && needs.tools.len() == odd.len()
        && !odd.iter().any(is_alias)
}

/// The tools that an agent asks for and that are not what its author thought.
fn odd_tools(agent: &AgentNeeds) -> impl Iterator<Item = OddTool> {
    agent.needs.tools.iter().filter_map(|tool| {
        let (retired, meant) = match &tool.meaning {
            ToolMeaning::Current | ToolMeaning::Unknown => return None,
            ToolMeaning::Retired(retired) => (Some(retired.clone()), None),
            ToolMeaning::Foreign(meant) => (None, meant.clone()),
        };
        Some(OddTool {
            text: tool.text.clone(),
            agent: agent.name.clone(),
            place: agent.place(tool.place.line),
            retired,
            meant,
        })
    })
}

fn has_skill(session: &Session, name: &str) -> Result<bool> {
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Ok(false);
    }
    let project = session.project.root().join(".claude");
    for folder in [Some(project), session.environment.client_folder()]
        .into_iter()
        .flatten()
    {
        if fs::size(&folder.join("skills").join(name).join("SKILL.md"))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// New powers in words, those of servers with what the server is.
#[must_use]
pub fn explain(gains: &[Gain], world: Option<&World>) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut known = BTreeSet::new();
    for gain in gains {
        if let (Some(server), Some(world)) = (gain.server(), world)
            && known.insert(server.to_owned())
        {
            lines.push((format!("server {server}"), world.describe(server)));
        }
        lines.push((gain.to_string(), gain.meaning()));
    }
    lines
}
