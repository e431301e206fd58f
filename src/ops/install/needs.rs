//! What the agents of an install need: the offer, what comes of it in `.mcp.json` and the bindings, and the report at the end.

use std::collections::{BTreeMap, BTreeSet};

use super::InstallOptions;
use super::plan::Plan;
use crate::domain::capability::Capabilities;
use crate::domain::definition::Definition;
use crate::domain::definition::{Request, adapt};
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::requirement::Requirements;
use crate::error::{Failure, Result};
use crate::ops::report::{Event, Frontend};
use crate::ops::requirement::{self, AgentNeeds, Mode, Report, Status, World};
use crate::ops::session::Session;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::Manifest;
use crate::store::transaction::Change;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// What to say at the end; `None`: nothing was installed.
    pub(super) report: Option<Report>,
    /// The change of `.mcp.json`.
    pub(super) changes: Vec<Change>,
}

/// Looks at the needs of what is new, asks what to do about them, and adapts the plan.
pub(super) fn settle(
    session: &Session,
    options: &InstallOptions,
    manifest: &mut Manifest,
    before: &Lockfile,
    plan: &mut Plan,
    frontend: &mut dyn Frontend,
) -> Result<Settled> {
    let is_asked = options.specs.is_empty() && matches!(options.servers, Mode::Add | Mode::Ask);
    let mut new = BTreeSet::new();
    let Plan {
        after,
        bytes,
        named,
        written,
        ..
    } = plan;
    for (name, locked) in &after.agents {
        let is_same = before.agents.get(name) == Some(locked);
        if !is_same
            || is_asked
            || named.contains(name)
            || session.project.read_agent(name)?.is_none()
        {
            new.insert(name.clone());
        }
    }
    if new.is_empty() {
        return Ok(Settled::default());
    }
    let mut world = World::open(session, manifest, after, frontend)?;
    let mut agents = look(session, &world, manifest, before, after, bytes, &new)?;
    check_bindings(options, &world, after, bytes, named)?;
    let states = requirement::states(&world, &session.environment, manifest.policy(), &agents);
    // A dry run answers no question, and asks none.
    let mode = if options.is_dry_run && options.servers != Mode::Add {
        Mode::Skip
    } else {
        options.servers
    };
    let is_bindable = |name: &&AgentName| {
        manifest
            .agents()
            .get(*name)
            .is_some_and(|wanted| !wanted.is_verbatim)
    };
    let bindable = new
        .iter()
        .filter(is_bindable)
        .map(AgentName::to_string)
        .collect();
    if let Err(failure) = &world.servers.file
        && mode != Mode::Add
        && !states.is_empty()
    {
        frontend.report(Event::Trouble(failure.clone()));
    }
    let offered = requirement::offer(
        &session.project,
        &world,
        &states,
        mode,
        options.is_yes,
        &bindable,
        frontend,
    )?;
    for (agent, from, to) in &offered.bind {
        let Some((name, locked)) = AgentName::new(agent)
            .ok()
            .and_then(|name| Some((name.clone(), after.agents.get_mut(&name)?)))
        else {
            continue;
        };
        let bound = requirement::bind_agent(locked, &bytes[&locked.base], from, to)?;
        bytes.insert(locked.base, bound);
        if let Some(text) = written.get_mut(&name) {
            let bind = BTreeMap::from([(from.clone(), to.clone())]);
            if let Ok(adapted) = adapt(
                text,
                &Request {
                    bind,
                    ..Request::default()
                },
            ) {
                *text = adapted.bytes;
            }
        }
        let mut wanted = manifest.agents()[&name].clone();
        wanted.bind.insert(from.clone(), to.clone());
        manifest.set_agent(&name, &wanted);
    }
    let mut changes = Vec::new();
    requirement::add(
        &session.project,
        &mut world,
        &offered.add,
        after,
        &mut changes,
    )?;
    if !offered.bind.is_empty() {
        agents = look(session, &world, manifest, before, after, bytes, &new)?;
    }
    let installed = requirement::installed_names(session, after)?;
    let mut report = requirement::report(session, &world, manifest.policy(), &agents, &installed)?;
    for (name, server) in &offered.add {
        if let Some(state) = report.servers.iter_mut().find(|state| state.name == *name) {
            state.status = Status::Added(Box::new(server.clone()));
        }
    }
    report.bound = offered.bind;
    Ok(Settled {
        report: Some(report),
        changes,
    })
}

fn look(
    session: &Session,
    world: &World,
    manifest: &Manifest,
    before: &Lockfile,
    after: &Lockfile,
    bytes: &BTreeMap<Digest, Vec<u8>>,
    new: &BTreeSet<AgentName>,
) -> Result<Vec<AgentNeeds>> {
    let project = &session.project;
    let mut agents = Vec::new();
    for name in new {
        let locked = &after.agents[name];
        // Where the user's own edits stay, theirs is the file that counts.
        let is_kept = before
            .agents
            .get(name)
            .is_some_and(|known| known.base == locked.base);
        let edited = if is_kept {
            project.read_agent(name)?
        } else {
            None
        };
        let bytes = edited.as_deref().unwrap_or(&bytes[&locked.base]);
        let bind = manifest
            .agents()
            .get(name)
            .map(|wanted| wanted.bind.clone())
            .unwrap_or_default();
        agents.push(AgentNeeds {
            name: name.to_string(),
            path: project.display(&project.agent_path(name)),
            needs: world.needs(bytes, Some(locked), &bind),
            capabilities: Capabilities::of(bytes),
            losses: Definition::parse(bytes).losses(),
        });
    }
    Ok(agents)
}

/// A binding that changes nothing is a slip of the pen.
fn check_bindings(
    options: &InstallOptions,
    world: &World,
    after: &Lockfile,
    bytes: &BTreeMap<Digest, Vec<u8>>,
    named: &BTreeSet<AgentName>,
) -> Result<()> {
    let agents: Vec<(&AgentName, &LockedAgent)> = named
        .iter()
        .filter_map(|name| after.agents.get_key_value(name))
        .collect();
    for (from, to) in &options.bind {
        let needs: Vec<Requirements> = agents
            .iter()
            .map(|(_, locked)| world.needs(&bytes[&locked.base], Some(locked), &BTreeMap::new()))
            .collect();
        if needs
            .iter()
            .flat_map(Requirements::server_names)
            .any(|name| name == from || name == to)
        {
            continue;
        }
        let mut known: Vec<&str> = needs.iter().flat_map(Requirements::server_names).collect();
        known.sort_unstable();
        known.dedup();
        let names: Vec<&str> = agents.iter().map(|(name, _)| name.as_str()).collect();
        let failure = Failure::failed(format!(
            "no server `{from}` is asked for by {}",
            names.join(", ")
        ));
        return Err(match known.as_slice() {
            [] => failure.hint("it asks for no server at all; leave out `--bind`"),
            known => failure.hint(format!("there are {}", known.join(", "))),
        });
    }
    Ok(())
}
