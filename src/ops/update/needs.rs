//! What the updated agents need: the offer for what is new, what comes of it, and the report at the end. Also the policy.

use std::collections::{BTreeMap, BTreeSet};

use super::UpdateOptions;
use super::decide::forbid;
use super::item::{Item, State};
use super::plan::Planned;
use super::together::{skip_together, with};
use crate::domain::capability::Capabilities;
use crate::domain::catalogue::CatalogueServer;
use crate::domain::definition::{Definition, Request, adapt};
use crate::error::Result;
use crate::ops::report::{Choice, Event, Frontend};
use crate::ops::requirement::{self, AgentNeeds, Lost, Mode, Report, ServerState, Status, World};
use crate::ops::session::Session;
use crate::store::lockfile::{LockedServer, Lockfile};
use crate::store::manifest::Manifest;
use crate::store::mcp_file::Created;
use crate::store::transaction::Change;

/// What came of it.
#[derive(Debug, Default)]
pub(in crate::ops) struct Settled {
    pub(in crate::ops) report: Report,
    pub(in crate::ops) servers: BTreeMap<String, LockedServer>,
    pub(in crate::ops) created: Option<Created>,
    pub(in crate::ops) changes: Vec<Change>,
    /// Servers whose entry is the catalogue's newer one.
    pub(in crate::ops) changed: Vec<(String, CatalogueServer)>,
}

/// Looks at the needs of what changes, asks what to do about those that are new, and adapts the items.
pub(in crate::ops) fn settle(
    session: &Session,
    options: &UpdateOptions,
    manifest: &mut Manifest,
    before: &Lockfile,
    planned: &mut Planned,
    frontend: &mut dyn Frontend,
) -> Result<Settled> {
    forbid(manifest, planned);
    skip_together(manifest, before, &mut planned.items);
    let active = |item: &&Item| item.state == State::Active;
    let mut after = with(before, planned.items.iter().filter(active));
    let mut settled = Settled {
        servers: after.servers.clone(),
        created: after.created,
        ..Settled::default()
    };
    if !planned.items.iter().any(|item| item.state == State::Active) && options.servers != Mode::Add
    {
        return Ok(settled);
    }
    let mut world = World::open(session, manifest, before, frontend)?;
    let mut agents = look(session, &world, manifest, planned, &|item| {
        Some(item.result())
    });
    let old = look(session, &world, manifest, planned, &|item| {
        item.ours.clone()
    });
    let known: BTreeSet<&str> = old
        .iter()
        .flat_map(|agent| agent.needs.server_names())
        .collect();
    let states = requirement::states(&world, &session.environment, manifest.policy(), &agents);
    // What an agent needed before, the user has been asked about before.
    let is_new = |state: &&ServerState| {
        !known.contains(state.name.as_str()) || options.servers != Mode::Usual
    };
    let open: Vec<ServerState> = states.iter().filter(is_new).cloned().collect();
    let mode = if options.is_dry_run && options.servers != Mode::Add {
        Mode::Skip
    } else {
        options.servers
    };
    if let Err(failure) = &world.servers.file
        && mode != Mode::Add
        && !open.is_empty()
    {
        frontend.report(Event::Trouble(failure.clone()));
    }
    let is_bindable = |item: &&Item| {
        manifest
            .agents()
            .get(&item.name)
            .is_some_and(|wanted| !wanted.is_verbatim)
    };
    let bindable = planned
        .items
        .iter()
        .filter(is_bindable)
        .map(|item| item.name.to_string())
        .collect();
    let mut offered = requirement::offer(
        &session.project,
        &world,
        &open,
        mode,
        options.is_yes,
        &bindable,
        frontend,
    )?;
    let newer = requirement::outdated(&world, before);
    match mode {
        Mode::Add => settled.changed = newer,
        Mode::Ask if frontend.is_interactive() && !newer.is_empty() => {
            let choices: Vec<Choice> = newer
                .iter()
                .map(|(name, known)| Choice {
                    label: name.clone(),
                    detail: known.entry.to_string(),
                })
                .collect();
            let chosen = frontend.choose_many(
                "The catalogue starts these in another way now. Change them in .mcp.json?",
                &choices,
            )?;
            settled.changed = chosen
                .into_iter()
                .filter_map(|index| newer.get(index).cloned())
                .collect();
        }
        _ => {}
    }
    offered.add.extend(settled.changed.clone());
    for (agent, from, to) in &offered.bind {
        let Some(item) = planned
            .items
            .iter_mut()
            .find(|item| item.name.as_str() == agent)
        else {
            continue;
        };
        let bind = BTreeMap::from([(from.clone(), to.clone())]);
        // What was decided stays decided: the binding goes over the result, and over upstream's version, which is the next base.
        let result = item.result();
        let bound = adapt(
            &result,
            &Request {
                bind,
                ..Request::default()
            },
        )
        .map_or(result, |adapted| adapted.bytes);
        item.candidate.bytes =
            requirement::bind_agent(&mut item.candidate.locked, &item.candidate.bytes, from, to)?;
        item.text = Some(bound);
        let mut wanted = manifest.agents()[&item.name].clone();
        wanted.bind.insert(from.clone(), to.clone());
        manifest.set_agent(&item.name, &wanted);
    }
    requirement::add(
        &session.project,
        &mut world,
        &offered.add,
        &mut after,
        &mut settled.changes,
    )?;
    if !offered.bind.is_empty() {
        agents = look(session, &world, manifest, planned, &|item| {
            Some(item.result())
        });
    }
    let installed = requirement::installed_names(session, &after)?;
    settled.report = requirement::report(session, &world, manifest.policy(), &agents, &installed)?;
    for (name, server) in &offered.add {
        if let Some(state) = settled
            .report
            .servers
            .iter_mut()
            .find(|state| state.name == *name)
        {
            state.status = Status::Added(Box::new(server.clone()));
        }
    }
    // An update that needs nothing new has nothing to say about needs.
    settled.report.servers.retain(|state| {
        !known.contains(state.name.as_str()) || matches!(state.status, Status::Added(_))
    });
    let old_others: BTreeSet<String> = old
        .iter()
        .flat_map(|agent| agent.needs.tools.iter().map(|tool| tool.text.clone()))
        .collect();
    settled
        .report
        .odd_tools
        .retain(|tool| !old_others.contains(&tool.text));
    let is_old = |lost: &Lost| {
        let before = old
            .iter()
            .filter(|agent| agent.name == lost.agent)
            .flat_map(|agent| &agent.losses);
        before.into_iter().any(|known| known.is_like(&lost.loss))
    };
    settled.report.lost.retain(|lost| !is_old(lost));
    settled.report.bound = offered.bind;
    settled.report.changed = settled
        .changed
        .iter()
        .map(|(name, known)| (name.clone(), known.entry.to_string()))
        .collect();
    (settled.servers, settled.created) = (after.servers, after.created);
    Ok(settled)
}

fn look(
    session: &Session,
    world: &World,
    manifest: &Manifest,
    planned: &Planned,
    bytes: &dyn Fn(&Item) -> Option<Vec<u8>>,
) -> Vec<AgentNeeds> {
    let active = planned
        .items
        .iter()
        .filter(|item| item.state == State::Active);
    let looked = active.filter_map(|item| {
        let bytes = bytes(item)?;
        let bind = manifest
            .agents()
            .get(&item.name)
            .map(|wanted| wanted.bind.clone())
            .unwrap_or_default();
        Some(AgentNeeds {
            name: item.name.to_string(),
            path: session
                .project
                .display(&session.project.agent_path(&item.name)),
            needs: world.needs(&bytes, Some(&item.candidate.locked), &bind),
            capabilities: Capabilities::of(&bytes),
            losses: Definition::parse(&bytes).losses(),
        })
    });
    looked.collect()
}
