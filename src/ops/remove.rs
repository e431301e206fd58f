//! `remove`: takes agents out of the manifest, the lockfile and the agents folder. Edited files go only when that is said.

use std::collections::BTreeSet;

use super::changes;
use super::install::{reachable, with_required};
use super::report::Frontend;
use super::requirement::{self, World};
use super::session::Session;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::{Failure, Result};
use crate::fs::Entry;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::Manifest;
use crate::store::project::Project;
use crate::store::transaction::Change;

/// What to remove, and how.
#[derive(Debug, Clone, Default)]
pub struct RemoveOptions {
    /// The names.
    pub names: Vec<String>,
    /// Plan and stop.
    pub is_dry_run: bool,
    /// Also remove edited files; a copy is kept.
    pub is_forced: bool,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoveOutcome {
    /// The agents, those required by no other one any more included.
    pub agents: Vec<AgentName>,
    /// Those that were only in the manifest.
    pub uninstalled: Vec<String>,
    /// The servers that agentpkg had added and no agent needs any more.
    pub servers: Vec<String>,
    /// Servers that would have gone, but were changed since they were added.
    pub kept_servers: Vec<String>,
}

/// Removes agents.
pub fn remove(
    session: &Session,
    options: &RemoveOptions,
    frontend: &mut dyn Frontend,
) -> Result<RemoveOutcome> {
    let guard = session.lock_to_write(options.is_dry_run, frontend)?;
    let mut manifest = session.manifest(frontend)?;
    let before = session.project.load_lockfile()?;
    let gone: BTreeSet<AgentName> = leaving(&mut manifest, &before, &options.names)?
        .into_iter()
        .cloned()
        .collect();
    let mut after = before.clone();
    after.agents.retain(|name, _| !gone.contains(name));
    let mut changes = Vec::new();
    let is_uninstalled = |name: &&String| {
        !before
            .agents
            .keys()
            .any(|known| known.as_str() == name.as_str())
    };
    let uninstalled = options
        .names
        .iter()
        .filter(is_uninstalled)
        .cloned()
        .collect();
    let mut outcome = RemoveOutcome {
        uninstalled,
        ..RemoveOutcome::default()
    };
    for (name, locked) in before
        .agents
        .iter()
        .filter(|(name, _)| gone.contains(*name))
    {
        plan_removal(
            &session.project,
            name,
            locked,
            options.is_forced,
            &mut changes,
        )?;
        outcome.agents.push(name.clone());
    }
    if !before.servers.is_empty() {
        let world = World::open(session, &manifest, &after, frontend)?;
        let mut agents = requirement::all_agents(session, &world, &manifest, &after)?;
        agents.retain(|agent| {
            !outcome
                .agents
                .iter()
                .any(|name| name.as_str() == agent.name)
        });
        (outcome.servers, outcome.kept_servers) = requirement::drop_unneeded(
            &session.project,
            &world,
            &agents,
            &mut after,
            &mut changes,
        )?;
    }
    changes::drop_bases(&session.project, &before, &after.agents, &mut changes)?;
    let label = format!("remove {}", options.names.join(" "));
    let transaction =
        changes::transaction(&session.project, label, &manifest, &before, &after, changes)?;
    session.apply(guard.as_ref(), &transaction, frontend)?;
    Ok(outcome)
}

/// Takes the named agents out of the manifest, and says which installed ones go with that: them, and what only they required. One
/// that left the manifest by another way is not this command's business, but can be named.
fn leaving<'l>(
    manifest: &mut Manifest,
    lockfile: &'l Lockfile,
    names: &[String],
) -> Result<BTreeSet<&'l AgentName>> {
    let wanted: BTreeSet<AgentName> = reachable(manifest, lockfile).into_iter().cloned().collect();
    let mut named = BTreeSet::new();
    for text in names {
        let is_known = |name: &AgentName| {
            manifest.agents().contains_key(name)
                || lockfile.agents.contains_key(name) && !wanted.contains(name)
        };
        match AgentName::new(text).ok().filter(is_known) {
            Some(name) => named.insert(name),
            None => return Err(unknown(text, lockfile, manifest.agents().keys())),
        };
    }
    for name in named
        .iter()
        .filter(|name| manifest.agents().contains_key(*name))
        .cloned()
        .collect::<Vec<_>>()
    {
        manifest.remove_agent(&name);
    }
    let mut leaving = with_required(
        lockfile.agents.keys().filter(|name| named.contains(*name)),
        lockfile,
        &|_| false,
    );
    let others: Vec<&AgentName> = lockfile
        .agents
        .keys()
        .filter(|name| !leaving.contains(name))
        .collect();
    // Who requires a named agent keeps it, unless nobody wants that one either.
    let still_wanted = reachable(manifest, lockfile);
    let still_required = with_required(others.into_iter(), lockfile, &|name| named.contains(name));
    leaving.retain(|name| !still_wanted.contains(name) && !still_required.contains(name));
    manifest.refuse_guess(
        &leaving
            .iter()
            .copied()
            .filter(|name| !named.contains(*name))
            .collect::<Vec<_>>(),
    )?;
    Ok(leaving)
}

/// Refuses to conclude that nothing is wanted from an agentpkg.toml that is not there. `lost`: how many agents would go.
pub(super) fn refuse_without_manifest(
    project: &Project,
    lockfile: &Lockfile,
    lost: usize,
) -> Result<()> {
    if lost == 0 || project.files().entry(project.manifest_path())? != Entry::Absent {
        return Ok(());
    }
    let agents = match lockfile.agents.len() {
        1 => "1 agent".to_owned(),
        count => format!("{count} agents"),
    };
    let [manifest, locked] =
        [project.manifest_path(), project.lockfile_path()].map(|path| project.display(path));
    Err(Failure::failed(format!(
        "{manifest} is missing, while {locked} lists {agents}"
    ))
    .hint(format!(
        "bring {manifest} back; `agentpkg remove NAME` takes an agent away"
    )))
}

/// An installed agent that nobody wants any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Its name.
    pub name: AgentName,
    /// Its path, for display.
    pub path: String,
    /// Why nobody wants it.
    pub reason: &'static str,
    /// Whether its file stays, because it was edited: it is the user's own from now on.
    pub is_kept: bool,
}

/// Plans that the agents go which are neither in the manifest nor required by one there, and says which. An edited file stays unless
/// `is_forced`. `kept`: those that are wanted.
pub(super) fn drop_unwanted(
    project: &Project,
    manifest: &Manifest,
    before: &Lockfile,
    kept: &dyn Fn(&AgentName) -> bool,
    is_forced: bool,
    changes: &mut Vec<Change>,
) -> Result<Vec<Dropped>> {
    let unwanted: Vec<&AgentName> = before.agents.keys().filter(|name| !kept(name)).collect();
    // What another agent no longer requires was never wanted by the manifest, whatever its unknown keys mean.
    let wanted = reachable(manifest, before);
    manifest.refuse_guess(
        &unwanted
            .iter()
            .copied()
            .filter(|name| !wanted.contains(name))
            .collect::<Vec<_>>(),
    )?;
    refuse_without_manifest(project, before, unwanted.len())?;
    let mut dropped = Vec::new();
    for name in unwanted {
        let Some(bytes) = project.read_agent(name)? else {
            continue;
        };
        let path = project.agent_path(name);
        let digest = Digest::of(&bytes);
        let is_kept = digest != before.agents[name].base && !is_forced;
        let was_required = before
            .agents
            .values()
            .any(|locked| locked.requires.contains(name));
        let reason = if was_required {
            "no agent requires it any more"
        } else {
            "not in agentpkg.toml"
        };
        dropped.push(Dropped {
            name: name.clone(),
            path: project.display(&path),
            reason,
            is_kept,
        });
        if !is_kept {
            changes.push(Change {
                path,
                agent: Some(name.clone()),
                before: Some(digest),
                after: None,
            });
        }
    }
    Ok(dropped)
}

/// What the history calls an operation: the command with the agents that it wrote, and those that it took away.
pub(super) fn label(command: &str, names: &[&str], dropped: &[Dropped]) -> String {
    let gone: Vec<&str> = dropped
        .iter()
        .filter(|agent| !agent.is_kept)
        .map(|agent| agent.name.as_str())
        .collect();
    let done = [&[command], names].concat().join(" ");
    if gone.is_empty() {
        done
    } else {
        format!("{done}, remove {}", gone.join(" "))
    }
}

/// Plans that an agent's file goes, unless it was edited.
fn plan_removal(
    project: &Project,
    name: &AgentName,
    locked: &LockedAgent,
    is_forced: bool,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let Some(bytes) = project.read_agent(name)? else {
        return Ok(());
    };
    let digest = Digest::of(&bytes);
    let path = project.agent_path(name);
    if digest != locked.base && !is_forced {
        return Err(Failure::failed(format!(
            "`{}` was edited, so it is not removed",
            project.display(&path)
        ))
        .hint("`--force` removes it; `agentpkg undo` brings it back"));
    }
    changes.push(Change {
        path,
        agent: Some(name.clone()),
        before: Some(digest),
        after: None,
    });
    Ok(())
}

fn unknown<'n>(
    name: &str,
    lockfile: &Lockfile,
    known: impl Iterator<Item = &'n AgentName>,
) -> Failure {
    let failure = Failure::failed(format!("`{}` is not in agentpkg.toml", name.escape_debug()));
    let requirers: Vec<String> = lockfile
        .agents
        .iter()
        .filter(|(_, locked)| {
            locked
                .requires
                .iter()
                .any(|required| required.as_str() == name)
        })
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if !requirers.is_empty() {
        return failure.hint(format!("it is required by {}", requirers.join(", ")));
    }
    let near = known.map(AgentName::as_str).max_by(|left, right| {
        strsim::jaro_winkler(left, name).total_cmp(&strsim::jaro_winkler(right, name))
    });
    match near.filter(|near| strsim::jaro_winkler(near, name) > 0.8) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("`agentpkg list` shows what is installed"),
    }
}
