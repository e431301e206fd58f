//! Agents that go, whichever command lets them go, and what goes with each: its file, the update of it that waits, merge bases that
//! nobody names any more, and servers that nothing else needs.

use std::path::Path;

use super::changes;
use super::pending;
use super::report::Frontend;
use super::requirement::{self, World};
use super::session::Session;
use crate::domain::count::counted;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::{Failure, Result};
use crate::fs::Entry;
use crate::store::agreement::reachable;
use crate::store::lockfile::Lockfile;
use crate::store::manifest::Manifest;
use crate::store::project::Project;
use crate::store::transaction::Change;

/// An installed agent that goes.
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

/// What goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gone {
    /// The agents, sorted by name.
    pub agents: Vec<Dropped>,
    /// The servers that agentpkg had added and no agent needs any more.
    pub servers: Vec<String>,
    /// Servers that would have gone, but were changed since they were added.
    pub kept_servers: Vec<String>,
}

/// What becomes of the file of an agent that goes, if it was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edited {
    /// It stays, and is the user's own from now on.
    Keep,
    /// It goes; the history has a copy.
    Remove,
    /// The command ends.
    Refuse,
}

/// Plans that the agents go which `before` has and `after` has not, with all that goes with them.
pub(super) fn let_go(
    session: &Session,
    manifest: &Manifest,
    before: &Lockfile,
    after: &mut Lockfile,
    edited: &dyn Fn(&AgentName) -> Edited,
    changes: &mut Vec<Change>,
    frontend: &mut dyn Frontend,
) -> Result<Gone> {
    let project = &session.project;
    let mut gone = Gone::default();
    for (name, locked) in &before.agents {
        if after.agents.contains_key(name) {
            continue;
        }
        let path = project.agent_path(name);
        let digest = project.read_agent(name)?.as_deref().map(Digest::of);
        let is_edited = digest.is_some_and(|digest| digest != locked.base);
        let edited = edited(name);
        if is_edited && edited == Edited::Refuse {
            return Err(refuse_edited(project, &path));
        }
        let is_kept = is_edited && edited == Edited::Keep;
        gone.agents.push(Dropped {
            name: name.clone(),
            path: project.display(&path),
            reason: reason(name, before),
            is_kept,
        });
        if !is_kept {
            changes.push(Change {
                path,
                agent: Some(name.clone()),
                before: digest,
                after: None,
            });
        }
        changes.extend(pending::forget(project, name)?);
    }
    changes::drop_bases(project, before, &after.agents, changes)?;
    if !gone.agents.is_empty() && !after.servers.is_empty() {
        let world = World::open(session, manifest, after, frontend)?;
        let agents = requirement::all_agents(session, &world, manifest, after, changes)?;
        (gone.servers, gone.kept_servers) =
            requirement::drop_unneeded(project, &world, &agents, after, changes)?;
    }
    Ok(gone)
}

/// Lets the agents go that are neither in the manifest nor required by one there, whoever runs the command for whatever reason. Edited
/// files stay unless `is_forced`.
pub(super) fn drop_unwanted(
    session: &Session,
    manifest: &Manifest,
    before: &Lockfile,
    after: &mut Lockfile,
    is_forced: bool,
    changes: &mut Vec<Change>,
    frontend: &mut dyn Frontend,
) -> Result<Gone> {
    let unwanted: Vec<&AgentName> = before
        .agents
        .keys()
        .filter(|name| !after.agents.contains_key(*name))
        .collect();
    // What another agent no longer requires was never wanted by the manifest, whatever its unknown keys mean.
    let wanted = reachable(manifest, before);
    manifest.refuse_guess(
        &unwanted
            .iter()
            .copied()
            .filter(|name| !wanted.contains(name))
            .collect::<Vec<_>>(),
    )?;
    refuse_without_manifest(&session.project, before, unwanted.len())?;
    let edited = |_: &AgentName| {
        if is_forced {
            Edited::Remove
        } else {
            Edited::Keep
        }
    };
    let_go(session, manifest, before, after, &edited, changes, frontend)
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
    let agents = counted(lockfile.agents.len(), "agent");
    let [manifest, locked] =
        [project.manifest_path(), project.lockfile_path()].map(|path| project.display(path));
    Err(Failure::failed(format!(
        "{manifest} is missing, while {locked} lists {agents}"
    ))
    .hint(format!(
        "bring {manifest} back; `agentpkg remove NAME` takes an agent away"
    )))
}

/// What the history calls an operation: the command with the agents that it wrote, and those that it took away.
pub(super) fn label(command: &str, names: &[&str], gone: &Gone) -> String {
    let gone: Vec<&str> = gone
        .agents
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

fn reason(name: &AgentName, before: &Lockfile) -> &'static str {
    let was_required = before
        .agents
        .values()
        .any(|locked| locked.requires.contains(name));
    if was_required {
        "no agent requires it any more"
    } else {
        "not in agentpkg.toml"
    }
}

fn refuse_edited(project: &Project, path: &Path) -> Failure {
    Failure::failed(format!(
        "`{}` was edited, so it is not removed",
        project.display(path)
    ))
    .hint("`--force` removes it; `agentpkg undo` brings it back")
}
