//! Plans the edits of `.mcp.json`, and binds agents to servers. Nothing is overwritten, and what agentpkg did not add it does not remove.

use std::collections::BTreeMap;

use super::all::AllAgents;
use super::state::server_names;
use super::world::World;
use crate::domain::catalogue::{CatalogueServer, Meaning};
use crate::domain::definition::{Request, adapt};
use crate::domain::digest::Digest;
use crate::domain::server;
use crate::error::{Failure, Result};
use crate::fs::{Content, Entry};
use crate::store::lockfile::{LockedAgent, LockedServer, Lockfile};
use crate::store::mcp_file::{FILE_NAME, McpFile};
use crate::store::project::Project;
use crate::store::servers::{FoundServer, Scope, file_path};
use crate::store::transaction::Change;

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
        let scope = Scope::Project;
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
/// Where not all agents could be read, none goes.
pub(in crate::ops) fn drop_unneeded(
    project: &Project,
    world: &World,
    all: &AllAgents,
    lockfile: &mut Lockfile,
    changes: &mut Vec<Change>,
) -> Result<(Vec<String>, Vec<String>)> {
    if !all.is_complete {
        return Ok((Vec::new(), Vec::new()));
    }
    let needed = server_names(&all.agents);
    let is_unneeded = |name: &&String| !needed.contains(name.as_str());
    let unneeded: Vec<String> = lockfile
        .servers
        .keys()
        .filter(is_unneeded)
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
        Some(index) => {
            let after = changes[index].after.as_ref().map(Content::bytes);
            McpFile::parse(after.as_deref(), FILE_NAME)?
        }
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
    let after = text.map(|text| text.as_bytes().to_vec());
    Ok(Change::file(path, before, after))
}
