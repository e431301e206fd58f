//! Offers what is missing: known servers to add, unknown ones to bind. Only asks; nothing is added without a yes or `--mcp add`.

use std::collections::BTreeSet;

use super::likeness::alike;
use super::state::{ServerState, Status};
use super::world::{World, launch};
use crate::domain::catalogue::CatalogueServer;
use crate::domain::shell::shell_quoted;
use crate::error::{Failure, Result};
use crate::ops::report::{Choice, Event, Frontend, OfferView};
use crate::store::manifest::is_bindable;
use crate::store::mcp_file::FILE_NAME;
use crate::store::project::{Project, Scope};

/// What to do about servers that could be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Ask, if there is somebody to ask and `--yes` was not given.
    #[default]
    Usual,
    /// Ask.
    Ask,
    /// Add all that are known and maintained.
    Add,
    /// Leave them out.
    Skip,
}

/// What was decided.
#[derive(Debug, Clone, Default)]
pub struct Offered {
    /// Servers to add: the name in `.mcp.json`, and what is known about it.
    pub add: Vec<(String, CatalogueServer)>,
    /// Agent, upstream's name, the user's name.
    pub bind: Vec<(String, String, String)>,
}

/// How a command deals with servers that are missing.
#[derive(Debug)]
pub(in crate::ops) struct Terms {
    /// What to do about those that could be added.
    pub(in crate::ops) mode: Mode,
    /// Whether `--yes` was given.
    pub(in crate::ops) is_yes: bool,
    /// The agents whose servers can be bound.
    pub(in crate::ops) bindable: BTreeSet<String>,
}

/// Asks what to do about the servers that are missing.
pub(in crate::ops) fn offer(
    project: &Project,
    world: &World,
    states: &[ServerState],
    terms: &Terms,
    frontend: &mut dyn Frontend,
) -> Result<Offered> {
    let mode = terms.mode;
    if let Err(failure) = &world.servers.file
        && mode != Mode::Add
        && !states.is_empty()
    {
        frontend.report(Event::Trouble(failure.clone()));
    }
    let mut offered = Offered::default();
    let known: Vec<(&ServerState, &CatalogueServer)> = states
        .iter()
        .filter(|state| state.is_addable())
        .filter_map(|state| {
            if let Status::Known(server) = &state.status {
                Some((state, server.as_ref()))
            } else {
                None
            }
        })
        .collect();
    let known = one_each(known);
    let may_ask =
        frontend.is_interactive() && (mode == Mode::Ask || mode == Mode::Usual && !terms.is_yes);
    if known.is_empty() && !may_ask {
        return Ok(offered);
    }
    if project.scope() == Scope::User {
        if mode == Mode::Add && !known.is_empty() {
            return Err(for_user(&known));
        }
        return Ok(offered);
    }
    match (mode, &world.servers.file) {
        (Mode::Skip, _) => return Ok(offered),
        (Mode::Add, Err(failure)) => return Err(failure.clone()),
        (Mode::Add, Ok(_)) => {
            offered.add = known
                .into_iter()
                .map(|(state, server)| (state.name.clone(), server.clone()))
                .collect();
        }
        _ if !may_ask => return Ok(offered),
        (_, Err(_)) => {}
        (_, Ok(_)) => offered.add = ask_to_add(&known, frontend)?,
    }
    if may_ask {
        offered.bind = ask_to_bind(world, states, &offered.add, &terms.bindable, frontend)?;
    }
    Ok(offered)
}

/// One of each server, under the name that the catalogue has for it if that is among those that the agents have: added under every
/// spelling, it would be started several times. The other spellings are left to be bound.
fn one_each<'s>(
    mut known: Vec<(&'s ServerState, &'s CatalogueServer)>,
) -> Vec<(&'s ServerState, &'s CatalogueServer)> {
    let mut seen = BTreeSet::new();
    known.sort_by_key(|(state, server)| state.name != server.server);
    known.retain(|(_, server)| seen.insert(&server.server));
    known.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    known
}

/// The name under which the server of a state is added now, if that is another one.
fn added_as<'a>(state: &ServerState, added: &'a [(String, CatalogueServer)]) -> Option<&'a str> {
    let Status::Known(server) = &state.status else {
        return None;
    };
    let same = (added.iter()).find(|(_, added)| added.server == server.server);
    same.map(|(name, _)| name.as_str())
        .filter(|name| *name != state.name)
}

fn ask_to_add(
    known: &[(&ServerState, &CatalogueServer)],
    frontend: &mut dyn Frontend,
) -> Result<Vec<(String, CatalogueServer)>> {
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let views = known.iter().map(|(state, server)| OfferView {
        name: state.name.clone(),
        runs: server.entry.to_string(),
        host: server.entry.host().map(str::to_owned),
        variables: server.entry.variables(),
        optional: server.optional.clone(),
        origin: format!("{} {} ({})", server.name, server.version, server.registry),
        note: server.note.clone(),
        problems: state.problems.iter().map(ToString::to_string).collect(),
    });
    frontend.report(Event::Offers(views.collect()));
    let choices = known.iter().map(|(state, server)| Choice {
        label: state.name.clone(),
        detail: launch(&server.entry),
    });
    let chosen = frontend.choose_many(
        &format!("Add to {FILE_NAME}?"),
        &choices.collect::<Vec<_>>(),
    )?;
    let chosen = chosen.into_iter().filter_map(|index| known.get(index));
    Ok(chosen
        .map(|(state, server)| (state.name.clone(), (*server).clone()))
        .collect())
}

fn ask_to_bind(
    world: &World,
    states: &[ServerState],
    added: &[(String, CatalogueServer)],
    bindable: &BTreeSet<String>,
    frontend: &mut dyn Frontend,
) -> Result<Vec<(String, String, String)>> {
    let mut bind = Vec::new();
    let mut names: Vec<&str> = world.servers.names();
    names.extend(added.iter().map(|(name, _)| name.as_str()));
    names.sort_unstable();
    names.dedup();
    for state in states {
        let near = match &state.status {
            Status::Elsewhere(name) => Some(name.clone()),
            Status::Known(_) => match added_as(state, added) {
                Some(name) => Some(name.to_owned()),
                None => continue,
            },
            Status::Unknown(near) => near.clone().or_else(|| alike(&state.name, &names)),
            _ => continue,
        };
        let agents = state.askers.iter().map(|asker| &asker.agent);
        let agents: Vec<&String> = agents.filter(|agent| bindable.contains(*agent)).collect();
        let mut targets = names.clone();
        targets.retain(|name| is_bindable(name));
        if agents.is_empty() || targets.is_empty() {
            continue;
        }
        // The nearest comes first.
        targets.sort_by_key(|name| near.as_deref() != Some(*name));
        let no = Choice {
            label: "no".to_owned(),
            detail: "leave it missing".to_owned(),
        };
        let to = targets.iter().map(|target| {
            let now = (added.iter().find(|(name, _)| name == target))
                .map(|(_, server)| format!("added now: {}", server.entry));
            Choice {
                label: format!("to {target}"),
                detail: now.unwrap_or_else(|| world.describe(target)),
            }
        });
        let choices: Vec<Choice> = [no].into_iter().chain(to).collect();
        let chosen = frontend.choose(&format!("Bind {}?", state.name), &choices, 0)?;
        if let Some(target) = chosen.checked_sub(1).and_then(|index| targets.get(index)) {
            let bound = |agent: &String| (agent.clone(), state.name.clone(), (*target).to_owned());
            bind.extend(agents.into_iter().map(bound));
        }
    }
    Ok(bind)
}

/// The user's servers are in a file that the client itself writes to all the time.
fn for_user(known: &[(&ServerState, &CatalogueServer)]) -> Failure {
    let failure = Failure::usage(
        "`--mcp add` is for projects: the user's servers are in a file that only Claude Code may write",
    );
    known.iter().fold(failure, |failure, (state, server)| {
        let entry = shell_quoted(&server.entry.to_json().to_string());
        failure.hint(format!(
            "claude mcp add-json --scope user {} {entry}",
            shell_quoted(&state.name)
        ))
    })
}
