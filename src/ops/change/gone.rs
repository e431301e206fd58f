//! Agents that go, whichever command lets them go, and what goes with each: its file, its pending update, merge bases that
//! nobody names any more, and servers that nothing else needs.

use std::path::Path;

use super::changes::{self, Next};
use super::edits::unsure;
use super::goal::{Edits, Goal, What};
use super::pending;
use super::scene::Scene;
use crate::domain::count::counted;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::fs::Entry;
use crate::ops::report::Frontend;
use crate::ops::requirement::{self, World};
use crate::store::agreement::reachable;
use crate::store::lockfile::Lockfile;
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
    /// Whether its file stays, because it was edited or that was asked for: it is the user's own from now on.
    pub is_kept: bool,
    /// Whether it was edited.
    pub is_edited: bool,
    /// Whether its file was not there.
    pub is_missing: bool,
    /// Whether it has an entry in the manifest, which goes as well.
    pub is_entry: bool,
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
enum Edited {
    /// It stays, and is the user's own from now on.
    Keep,
    /// It goes; the history has a copy.
    Remove,
    /// The command ends.
    Refuse,
}

/// Plans that the agents go which are locked now and not in `next`, with all that goes with them.
pub(super) fn let_go(
    scene: &Scene<'_>,
    goal: &Goal,
    next: &mut Next,
    frontend: &mut dyn Frontend,
) -> Result<Gone> {
    let (session, before) = (scene.session, &scene.lockfile);
    let project = &session.project;
    let Next {
        manifest,
        lockfile: after,
        changes,
    } = next;
    if !matches!(goal.what, What::Gone(_)) {
        refuse_guess(scene, after)?;
    }
    let mut gone = Gone::default();
    for (name, locked) in &before.agents {
        if after.agents.contains_key(name) {
            continue;
        }
        let path = project.agent_path(name, &locked.folder);
        let digest = scene.agent(name)?.map(|content| content.digest());
        let is_edited = digest.is_some_and(|digest| digest != locked.unedited());
        let edited = edited(goal, name);
        let is_entry = scene.manifest.agents().contains_key(name);
        if is_edited && edited == Edited::Refuse && !goal.keeps_files {
            return Err(refuse_edited(project, &path));
        }
        if let Some(folders) = scene.unsure.get(name) {
            let files: Vec<String> = folders
                .iter()
                .map(|folder| project.shown_path(name, folder))
                .collect();
            if edited == Edited::Refuse && !goal.keeps_files {
                let failure = unsure(&project.display(&path), files.into_iter());
                return Err(failure
                    .hint("or add `--force`: agentpkg forgets the agent, and the files stay"));
            }
            gone.agents.push(Dropped {
                name: name.clone(),
                path: files.join(", "),
                reason: "each may be its file",
                is_kept: true,
                is_edited: false,
                is_missing: false,
                is_entry,
            });
            changes.extend(pending::forget(project, name)?);
            continue;
        }
        let is_named = |names: &[String]| names.iter().any(|named| named == name.as_str());
        let is_kept = match &goal.what {
            What::Gone(names) if goal.keeps_files && is_named(names) => digest.is_some(),
            _ => is_edited && edited == Edited::Keep,
        };
        gone.agents.push(Dropped {
            name: name.clone(),
            path: project.display(&path),
            reason: if goal.keeps_files && is_kept {
                "its file stays"
            } else {
                reason(name, before)
            },
            is_kept,
            is_edited,
            is_missing: digest.is_none(),
            is_entry,
        });
        if !is_kept && digest.is_some() {
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
        let agents = requirement::all_agents(session, &world, manifest, after, changes);
        (gone.servers, gone.kept_servers) =
            requirement::drop_unneeded(project, &world, &agents, after, changes)?;
    }
    Ok(gone)
}

/// What becomes of the edited file of an agent that goes. What was only required, or left the manifest, is nobody's wish to lose.
fn edited(goal: &Goal, name: &AgentName) -> Edited {
    let is_forced = goal.edits == Edits::Replace;
    match &goal.what {
        What::Gone(_) | What::Manifest if is_forced => Edited::Remove,
        What::Gone(names) if names.iter().any(|named| named == name.as_str()) => Edited::Refuse,
        _ => Edited::Keep,
    }
}

/// Refuses to conclude who is unwanted from a manifest that is not there or not understood.
fn refuse_guess(scene: &Scene<'_>, after: &Lockfile) -> Result<()> {
    let before = &scene.lockfile;
    let is_unwanted = |name: &&AgentName| !after.agents.contains_key(*name);
    let unwanted: Vec<&AgentName> = before.agents.keys().filter(is_unwanted).collect();
    // What another agent no longer requires was never wanted by the manifest, whatever its unknown keys mean.
    let wanted = reachable(&scene.manifest, before);
    let mut guessed = unwanted.clone();
    guessed.retain(|name| !wanted.contains(name));
    scene.manifest.refuse_guess(&guessed)?;
    refuse_without_manifest(&scene.session.project, before, unwanted.len())
}

/// Refuses to conclude that nothing is wanted from an agentpkg.toml that is not there. `lost`: how many agents would go.
pub(in crate::ops) fn refuse_without_manifest(
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
    .hint(
        Advice::say(format!("bring {manifest} back; "))
            .and_run(Command::new(["remove", "NAME"]))
            .and(" removes an agent"),
    ))
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
    .hint(
        Advice::say("`--force` removes it; ")
            .and_run(Command::new(["undo"]))
            .and(" brings it back"),
    )
}
