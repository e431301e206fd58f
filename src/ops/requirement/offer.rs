//! Offers what is missing: known servers to add, unknown ones to bind; and plans the edits of `.mcp.json`. Nothing is added without a
//! yes or `--mcp add`, nothing is overwritten, and what agentpkg did not add it does not remove.

use std::collections::{BTreeMap, BTreeSet};

use super::{AgentNeeds, ServerState, Status, World, launch};
use crate::domain::catalogue::{CatalogueServer, Meaning};
use crate::domain::definition::{Request, adapt};
use crate::domain::digest::Digest;
use crate::domain::server;
use crate::domain::shell::shell_quoted;
use crate::error::{Failure, Result};
use crate::fs::Entry;
use crate::ops::report::{Choice, Event, Frontend, OfferView};
use crate::store::lockfile::{LockedAgent, LockedServer, Lockfile};
use crate::store::mcp_file::{FILE_NAME, McpFile};
use crate::store::project::{Project, Scope};
use crate::store::servers::{FoundServer, file_path};
use crate::store::transaction::Change;

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

/// Asks what to do about the servers that are missing. `bindable`: the agents whose servers can be bound.
pub(in crate::ops) fn offer(
    project: &Project,
    world: &World,
    states: &[ServerState],
    mode: Mode,
    is_yes: bool,
    bindable: &BTreeSet<String>,
    frontend: &mut dyn Frontend,
) -> Result<Offered> {
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
        frontend.is_interactive() && (mode == Mode::Ask || mode == Mode::Usual && !is_yes);
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
        offered.bind = ask_to_bind(world, states, &offered.add, bindable, frontend)?;
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
            Status::Unknown(near) => near.clone().or_else(|| super::alike(&state.name, &names)),
            _ => continue,
        };
        let agents: Vec<&str> = state
            .askers
            .iter()
            .map(|asker| asker.agent.as_str())
            .filter(|agent| bindable.contains(*agent))
            .collect();
        let usable: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| crate::store::manifest::is_bindable(name))
            .collect();
        if agents.is_empty() || usable.is_empty() {
            continue;
        }
        let mut targets: Vec<&str> = usable
            .iter()
            .copied()
            .filter(|name| near.as_deref() == Some(*name))
            .collect();
        targets.extend(
            usable
                .iter()
                .copied()
                .filter(|name| near.as_deref() != Some(*name)),
        );
        let mut choices = vec![Choice {
            label: "no".to_owned(),
            detail: "leave it missing".to_owned(),
        }];
        choices.extend(targets.iter().map(|target| {
            let now = added
                .iter()
                .find(|(name, _)| name == target)
                .map(|(_, server)| format!("added now: {}", server.entry));
            Choice {
                label: format!("to {target}"),
                detail: now.unwrap_or_else(|| world.describe(target)),
            }
        }));
        let question = format!("Bind {}?", state.name);
        let chosen = frontend.choose(&question, &choices, 0)?;
        if let Some(target) = chosen.checked_sub(1).and_then(|index| targets.get(index)) {
            bind.extend(agents.iter().map(|agent| {
                (
                    (*agent).to_owned(),
                    state.name.clone(),
                    (*target).to_owned(),
                )
            }));
        }
    }
    Ok(bind)
}

/// The user's servers are in a file that the client itself writes to all the time.
fn for_user(known: &[(&ServerState, &CatalogueServer)]) -> Failure {
    let failure = Failure::usage(
        "`--mcp add` is for projects: the user's servers are in a file that only the client may write",
    );
    known.iter().fold(failure, |failure, (state, server)| {
        let entry = shell_quoted(&server.entry.to_json().to_string());
        failure.hint(format!(
            "claude mcp add-json --scope user {} {entry}",
            shell_quoted(&state.name)
        ))
    })
}

/// Binds one server of an agent: its bytes, and what the lock says about them.
pub(in crate::ops) fn bind_agent(
    locked: &mut LockedAgent,
    bytes: &[u8],
    from: &str,
    to: &str,
) -> Result<Vec<u8>> {
    let request = Request {
        bind: BTreeMap::from([(from.to_owned(), to.to_owned())]),
        ..Request::default()
    };
    let adapted = adapt(bytes, &request).map_err(|error| {
        Failure::failed(format!(
            "`{from}` cannot be bound in `{}`: {error}",
            locked.agent
        ))
        .hint("edit the file by hand")
    })?;
    let first = locked
        .adaptations
        .iter()
        .position(|known| known.starts_with("bind:"))
        .unwrap_or(locked.adaptations.len());
    locked.adaptations.push(format!("bind:{from}={to}"));
    locked.adaptations[first..].sort();
    locked.base = Digest::of(&adapted.bytes);
    Ok(adapted.bytes)
}

/// The servers that agentpkg added, that are as they were then, and that the catalogue would start in another way now.
pub(in crate::ops) fn outdated(
    world: &World,
    lockfile: &Lockfile,
) -> Vec<(String, CatalogueServer)> {
    let Ok(file) = &world.servers.file else {
        return Vec::new();
    };
    let newer = lockfile.servers.iter().filter_map(|(name, locked)| {
        let found = file
            .server(name)
            .filter(|found| server::digest(&found.value) == locked.sha256)?;
        let Meaning::Known(known) = world.catalogue.server(name) else {
            return None;
        };
        let is_newer = known.registry == locked.registry
            && known.name == locked.entry
            && known.entry.to_json() != found.value;
        is_newer.then(|| (name.clone(), known.clone()))
    });
    newer.collect()
}

/// Plans that servers are added, or changed if they are agentpkg's own, and makes the world as it will be then.
pub(in crate::ops) fn add(
    project: &Project,
    world: &mut World,
    servers: &[(String, CatalogueServer)],
    lockfile: &mut Lockfile,
    changes: &mut Vec<Change>,
) -> Result<()> {
    if servers.is_empty() {
        return Ok(());
    }
    let mut file = world.servers.file.clone()?;
    let before = file.digest();
    let mut text = None;
    for (name, known) in servers {
        if let Some(found) = file.server(name) {
            let is_ours = lockfile
                .servers
                .get(name)
                .is_some_and(|locked| locked.sha256 == server::digest(&found.value));
            if !is_ours {
                return Err(Failure::failed(format!(
                    "`{name}` is in {FILE_NAME} already, and is not overwritten"
                )));
            }
            let without = file.remove(name, None).unwrap_or_default();
            file = McpFile::parse(Some(without.as_bytes()), FILE_NAME)?;
        }
        let (added, created) = file.add(name, &known.entry);
        lockfile.created = lockfile.created.or(created);
        file = McpFile::parse(Some(added.as_bytes()), FILE_NAME)?;
        text = Some(added);
        let value = known.entry.to_json();
        let locked = LockedServer {
            registry: known.registry.clone(),
            entry: known.name.clone(),
            version: known.version.clone(),
            sha256: server::digest(&value),
        };
        lockfile.servers.insert(name.clone(), locked);
        let line = file.server(name).map(|server| server.line);
        let scope = crate::store::servers::Scope::Project;
        world
            .servers
            .found
            .retain(|found| found.name != *name || found.scope != scope);
        let refusal = world.servers.refusal_of_new(name, &known.entry);
        let found = FoundServer {
            name: name.clone(),
            scope,
            value,
            entry: Ok(known.entry.clone()),
            line,
            refusal,
        };
        world.servers.found.insert(0, found);
    }
    world.servers.file = Ok(file);
    changes.push(change(project, before, text.as_deref())?);
    Ok(())
}

/// Plans that servers go which agentpkg added and no agent needs any more, unless they were changed. Says which went, and which stay.
pub(in crate::ops) fn drop_unneeded(
    project: &Project,
    world: &World,
    agents: &[AgentNeeds],
    lockfile: &mut Lockfile,
    changes: &mut Vec<Change>,
) -> Result<(Vec<String>, Vec<String>)> {
    let needed: BTreeSet<&str> = agents
        .iter()
        .flat_map(|agent| agent.needs.server_names())
        .collect();
    let unneeded: Vec<String> = lockfile
        .servers
        .keys()
        .filter(|name| !needed.contains(name.as_str()))
        .cloned()
        .collect();
    let (mut dropped, mut kept) = (Vec::new(), Vec::new());
    let Ok(file) = &world.servers.file else {
        return Ok((dropped, kept));
    };
    let before = file.digest();
    // The same command may have planned to add servers.
    let path = file_path(project);
    let planned = changes.iter().position(|change| change.path == path);
    let mut file = match planned {
        Some(index) => McpFile::parse(changes[index].after.as_deref(), FILE_NAME)?,
        None => file.clone(),
    };
    let mut text = None;
    for name in unneeded {
        let Some(locked) = lockfile.servers.remove(&name) else {
            continue;
        };
        match file.server(&name) {
            None => {}
            Some(found) if server::digest(&found.value) != locked.sha256 => kept.push(name),
            Some(_) => {
                let created = lockfile.created;
                let without = file.remove(&name, created);
                file = McpFile::parse(without.as_deref().map(str::as_bytes), FILE_NAME)?;
                text = Some(without);
                dropped.push(name);
            }
        }
    }
    if lockfile.servers.is_empty() {
        lockfile.created = None;
    }
    if let Some(text) = text {
        let change = change(project, before, text.as_deref())?;
        match planned {
            Some(index) => changes[index] = change,
            None => changes.push(change),
        }
    }
    Ok((dropped, kept))
}

/// The change of the file, as it was read, to this text; `None`: the file goes.
fn change(project: &Project, before: Option<Digest>, text: Option<&str>) -> Result<Change> {
    let path = file_path(project);
    if project.files().entry(&path)? == Entry::Link {
        return Err(Failure::failed(format!(
            "{FILE_NAME} is a symbolic link, and is not written through"
        ))
        .hint("add the server by hand, or make it a file"));
    }
    Ok(Change {
        path,
        agent: None,
        before,
        after: text.map(|text| text.as_bytes().to_vec()),
    })
}
