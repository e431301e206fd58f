//! What the agents of a plan need: the offer for what is missing, what comes of it, and the report at the end.

use std::collections::{BTreeMap, BTreeSet};

use super::goal::{Goal, What};
use super::item::{Item, State};
use super::plan::{Plan, with};
use super::scene::Scene;
use crate::domain::catalogue::CatalogueServer;
use crate::domain::definition::{Request, adapt};
use crate::domain::name::AgentName;
use crate::domain::requirement::Requirements;
use crate::error::{Failure, Result};
use crate::fs::Content;
use crate::ops::candidate::Candidate;
use crate::ops::report::{Choice, Frontend};
use crate::ops::requirement::{
    self, AgentNeeds, Lost, Mode, Offered, Report, ServerState, Status, Terms, World, server_names,
};
use crate::store::lockfile::{LockedServer, Lockfile};
use crate::store::mcp_file::Created;
use crate::store::transaction::Change;

/// What came of it.
#[derive(Debug, Default)]
pub(in crate::ops) struct Settled {
    /// What to say at the end; `None`: nothing was looked at.
    pub(in crate::ops) report: Option<Report>,
    /// The servers that the lockfile is to have.
    pub(in crate::ops) servers: BTreeMap<String, LockedServer>,
    /// What was made to hold the first of them.
    pub(in crate::ops) created: Option<Created>,
    /// The change of `.mcp.json`.
    pub(in crate::ops) changes: Vec<Change>,
}

/// Looks at the needs of what changes, asks what to do about them, and adapts the items.
pub(super) fn settle(
    plan: &mut Plan,
    scene: &Scene<'_>,
    goal: &Goal,
    frontend: &mut dyn Frontend,
) -> Result<Settled> {
    let before = &scene.lockfile;
    let mut settled = Settled {
        servers: before.servers.clone(),
        created: before.created,
        ..Settled::default()
    };
    let concerned = concerned(plan, scene, goal);
    if concerned.is_empty() && !(goal.is_update() && goal.servers == Mode::Add) {
        return Ok(settled);
    }
    let mut after = with(before, plan.active());
    let mut world = World::open(scene.session, &scene.manifest, &after, frontend)?;
    let new = |item: &Item| concerned.contains(&item.name).then(|| item.result());
    let mut agents = look(plan, scene, &world, &new);
    // What an agent needed before, the user has been asked about before.
    let old = if goal.is_update() {
        look(plan, scene, &world, &|item| item.ours.clone())
    } else {
        Vec::new()
    };
    check_bindings(plan, goal, &world)?;
    let policy = scene.manifest.policy();
    let environment = &scene.session.environment;
    let known = server_names(&old);
    let is_new =
        |state: &ServerState| !known.contains(state.name.as_str()) || goal.servers != Mode::Usual;
    let mut states = requirement::states(&world, environment, policy, &agents);
    states.retain(is_new);
    let project = &scene.session.project;
    let terms = terms(plan, scene, goal);
    let offered = requirement::offer(project, &world, &states, &terms, frontend)?;
    let changed = outdated(goal, &world, before, frontend)?;
    bind(plan, scene, &offered)?;
    let add = [offered.add.as_slice(), &changed].concat();
    requirement::add(project, &mut world, &add, &mut after, &mut settled.changes)?;
    if !offered.bind.is_empty() {
        agents = look(plan, scene, &world, &new);
    }
    let mut report = requirement::report(scene.session, &world, policy, &agents, &after)?;
    for state in &mut report.servers {
        if let Some((_, server)) = add.iter().find(|(name, _)| *name == state.name) {
            state.status = Status::Added(Box::new(server.clone()));
        }
    }
    keep_news(&mut report, &old);
    report.bound = offered.bind;
    let changed = changed.into_iter();
    report.changed = changed
        .map(|(name, known)| (name, known.entry.to_string()))
        .collect();
    settled.report = Some(report);
    (settled.servers, settled.created) = (after.servers, after.created);
    Ok(settled)
}

/// The agents whose needs are worth a word.
fn concerned(plan: &Plan, scene: &Scene<'_>, goal: &Goal) -> BTreeSet<AgentName> {
    // `--mcp` asks about the servers of all agents, not only of those that change.
    let is_explicit = matches!(goal.servers, Mode::Add | Mode::Ask);
    let is_asked = matches!(goal.what, What::Manifest) && is_explicit;
    let named = named(plan);
    let is_concerned = |item: &&Item| {
        goal.is_update()
            || is_asked
            || named.contains(&item.name)
            || item.ours.is_none()
            || scene.lockfile.agents.get(&item.name) != Some(&item.candidate.locked)
    };
    let settled = plan.items.iter().filter(|item| match item.state {
        State::Active => true,
        State::Current => is_explicit,
        State::Skipped | State::Marked => false,
    });
    settled
        .filter(is_concerned)
        .map(|item| item.name.clone())
        .collect()
}

/// The agents that the user named, and those that they require.
fn named(plan: &Plan) -> BTreeSet<AgentName> {
    let named = plan.items.iter().filter(|item| item.is_named);
    let mut named: BTreeSet<AgentName> = named.map(|item| item.name.clone()).collect();
    loop {
        let is_more =
            |item: &&Item| !named.contains(&item.name) && !item.required_by.is_disjoint(&named);
        let more = plan.items.iter().filter(is_more);
        let more: Vec<AgentName> = more.map(|item| item.name.clone()).collect();
        if more.is_empty() {
            return named;
        }
        named.extend(more);
    }
}

/// What the agents of a plan need, with these bytes.
fn look(
    plan: &Plan,
    scene: &Scene<'_>,
    world: &World,
    content: &dyn Fn(&Item) -> Option<Content>,
) -> Vec<AgentNeeds> {
    let project = &scene.session.project;
    let settled = plan.items.iter().filter(|item| item.is_settled());
    let looked = settled.filter_map(|item| {
        let content = content(item)?;
        let bytes = content.bytes();
        let locked = Some(&item.candidate.locked);
        let needs = world.needs(&bytes, locked, &bindings(scene, item));
        let path = project.shown_path(&item.name);
        Some(AgentNeeds::of(item.name.to_string(), path, needs, &bytes))
    });
    looked.collect()
}

/// The bindings that the manifest is to have for an agent.
fn bindings(scene: &Scene<'_>, item: &Item) -> BTreeMap<String, String> {
    let entry = || scene.manifest.agents().get(&item.name);
    let wanted = item.wanted.as_ref().or_else(entry);
    wanted.map(|wanted| wanted.bind.clone()).unwrap_or_default()
}

/// How the command deals with servers that are missing.
fn terms(plan: &Plan, scene: &Scene<'_>, goal: &Goal) -> Terms {
    let is_bindable = |item: &&Item| {
        let entry = || scene.manifest.agents().get(&item.name);
        let wanted = item.wanted.as_ref().or_else(entry);
        wanted.is_some_and(|wanted| !wanted.is_verbatim)
    };
    let bindable = plan.active().filter(is_bindable);
    Terms {
        // A dry run answers no question, and asks none.
        mode: if goal.is_dry_run && goal.servers != Mode::Add {
            Mode::Skip
        } else {
            goal.servers
        },
        is_yes: goal.consent.is_yes,
        bindable: bindable.map(|item| item.name.to_string()).collect(),
    }
}

/// The servers of agentpkg's own that are to be changed to what the catalogue has now.
fn outdated(
    goal: &Goal,
    world: &World,
    before: &Lockfile,
    frontend: &mut dyn Frontend,
) -> Result<Vec<(String, CatalogueServer)>> {
    if !goal.is_update() {
        return Ok(Vec::new());
    }
    let newer = requirement::outdated(world, before);
    match goal.servers {
        Mode::Add => Ok(newer),
        Mode::Ask if frontend.is_interactive() && !newer.is_empty() => {
            let choices: Vec<Choice> = newer
                .iter()
                .map(|(name, known)| Choice {
                    label: name.clone(),
                    detail: known.entry.to_string(),
                })
                .collect();
            let chosen = frontend.choose_many(
                "The catalogue now starts these differently. Update them in .mcp.json?",
                &choices,
            )?;
            let chosen = chosen.into_iter();
            Ok(chosen.filter_map(|at| newer.get(at).cloned()).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// Binds what was chosen. What was decided stays decided: the binding goes over the result, and over upstream's version, which is the
/// next base.
fn bind(plan: &mut Plan, scene: &Scene<'_>, offered: &Offered) -> Result<()> {
    for (agent, from, to) in &offered.bind {
        let Some(item) = (plan.items.iter_mut()).find(|item| item.name.as_str() == agent) else {
            continue;
        };
        let request = Request {
            bind: BTreeMap::from([(from.clone(), to.clone())]),
            ..Request::default()
        };
        let result = item.result();
        let bound = adapt(&result.bytes(), &request).map(|adapted| adapted.bytes.into());
        let mut locked = item.candidate.locked.clone();
        let base = requirement::bind_agent(&mut locked, &item.candidate.base.bytes(), from, to)?;
        item.candidate = Candidate {
            required: std::mem::take(&mut item.candidate.required),
            ..Candidate::adapted(&item.name, locked, base.into())?
        };
        item.text = Some(bound.unwrap_or(result));
        let entry = || scene.manifest.agents().get(&item.name).cloned();
        if let Some(mut wanted) = item.wanted.clone().or_else(entry) {
            wanted.bind.insert(from.clone(), to.clone());
            item.wanted = Some(wanted);
        }
    }
    Ok(())
}

/// Leaves in a report what the agents did not need before.
fn keep_news(report: &mut Report, old: &[AgentNeeds]) {
    let known = server_names(old);
    report.servers.retain(|state| {
        !known.contains(state.name.as_str()) || matches!(state.status, Status::Added(_))
    });
    let tools: BTreeSet<&str> = old
        .iter()
        .flat_map(|agent| agent.needs.tools.iter().map(|tool| tool.text.as_str()))
        .collect();
    report
        .odd_tools
        .retain(|tool| !tools.contains(tool.text.as_str()));
    let is_old = |lost: &Lost| {
        let before = old.iter().filter(|agent| agent.name == lost.agent);
        let mut losses = before.flat_map(|agent| &agent.losses);
        losses.any(|known| known.is_like(&lost.loss))
    };
    report.lost.retain(|lost| !is_old(lost));
}

/// Refuses a binding of a server that nobody asks for: it is a typo.
fn check_bindings(plan: &Plan, goal: &Goal, world: &World) -> Result<()> {
    let named = named(plan);
    let is_concerned = |item: &&Item| item.state != State::Skipped && named.contains(&item.name);
    let agents: Vec<&Item> = plan.items.iter().filter(is_concerned).collect();
    if agents.is_empty() || goal.bind.is_empty() {
        return Ok(());
    }
    let needs: Vec<Requirements> = agents
        .iter()
        .map(|item| {
            let locked = Some(&item.candidate.locked);
            world.needs(&item.candidate.bytes.bytes(), locked, &BTreeMap::new())
        })
        .collect();
    let mut known: Vec<&str> = needs.iter().flat_map(Requirements::server_names).collect();
    known.sort_unstable();
    known.dedup();
    for (from, to) in &goal.bind {
        if known.iter().any(|name| name == from || name == to) {
            continue;
        }
        let names: Vec<&str> = agents.iter().map(|item| item.name.as_str()).collect();
        let failure = Failure::failed(format!(
            "no server `{from}` is used by {}",
            names.join(", ")
        ));
        return Err(match known.as_slice() {
            [] => failure.hint("it uses no server at all; leave out `--bind`"),
            known => failure.hint(format!("there are {}", known.join(", "))),
        });
    }
    Ok(())
}
