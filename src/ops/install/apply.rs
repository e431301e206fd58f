//! From a planned install to changes of files, and refusing what would lose a person's edits.

use std::collections::BTreeSet;

use super::needs::Settled;
use super::plan::Plan;
use super::{Action, InstallOptions, InstallOutcome, PlannedAgent, planned};
use crate::domain::definition::Definition;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::shell::shell_quoted;
use crate::error::{Failure, Result};
use crate::merge;
use crate::ops::session::Session;
use crate::ops::{changes, pending, remove};
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::{Manifest, Wanted};
use crate::store::project::Project;
use crate::store::transaction::{Change, Transaction};

/// Turns a plan into an outcome, and what is to be done in one step.
pub(super) fn finish(
    session: &Session,
    options: &InstallOptions,
    manifest: &Manifest,
    before: &Lockfile,
    plan: Plan,
    settled: Settled,
) -> Result<(InstallOutcome, Transaction)> {
    let project = &session.project;
    let forced: BTreeSet<AgentName> = plan
        .after
        .agents
        .keys()
        .filter(|name| plan.is_forced(name, options))
        .cloned()
        .collect();
    let is_forced = |name: &AgentName| forced.contains(name);
    let Plan {
        after: lockfile,
        bytes,
        refused,
        mut gains,
        picked,
        written: changed,
        ..
    } = plan;
    let Settled {
        report,
        mut changes,
    } = settled;
    let mut outcome = InstallOutcome {
        refused,
        is_dry_run: options.is_dry_run,
        needs: report,
        ..InstallOutcome::default()
    };
    let mut blocked = Vec::new();
    let agents = &lockfile.agents;
    for (name, locked) in agents {
        let path = project.agent_path(name);
        let new = &bytes[&locked.base];
        let mut written = changed.get(name).unwrap_or(new).clone();
        let current = project.read_agent(name)?;
        let digest = current.as_deref().map(Digest::of);
        let known = before.agents.get(name);
        let is_clean = known.is_some_and(|known| Some(known.base) == digest);
        let merged = match (&current, known) {
            (Some(current), Some(known)) if !is_clean && !is_forced(name) => {
                readapted(session, known, locked, current, new)?
            }
            _ => None,
        };
        let action = match (digest, known) {
            (None, _) => Action::Install,
            (Some(digest), _) if digest == locked.base => Action::Keep,
            (Some(_), Some(_)) if is_clean || is_forced(name) => Action::Replace,
            (Some(_), Some(known)) if known.base == locked.base => Action::Edited,
            (Some(_), Some(_)) if merged.is_some() => {
                written = merged.unwrap_or(written);
                Action::Replace
            }
            (Some(_), None) if is_forced(name) => Action::Replace,
            (Some(_), known) => {
                let wanted = manifest.agents().get(name);
                let is_picked = picked.contains(name);
                blocked.push(Blocked {
                    name: name.clone(),
                    is_known: known.is_some(),
                    is_picked,
                    is_waiting: pending::names(project)?.contains(name),
                    merge: known
                        .filter(|known| known.source == locked.source)
                        .map(|_| merging(name, wanted, is_picked, options)),
                    spec: spec_of(locked),
                });
                continue;
            }
        };
        if matches!(action, Action::Install | Action::Replace) {
            changes.push(Change {
                path,
                agent: Some(name.clone()),
                before: digest,
                after: Some(written),
            });
        }
        changes::keep_base(project, &locked.base, new, &mut changes)?;
        let is_named = picked.contains(name);
        let newest_of = manifest
            .agents()
            .get(name)
            .filter(|_| is_named)
            .and_then(|wanted| newest_of(wanted, locked));
        let gains = gains.remove(name).unwrap_or_default();
        let agent = planned(project, name.clone(), action, locked.clone());
        outcome.agents.push(PlannedAgent {
            before: known.cloned(),
            gains,
            is_named,
            newest_of,
            ..agent
        });
    }
    if !blocked.is_empty() {
        return Err(refuse_overwrite(project, options, &blocked));
    }
    // Reading frontmatter is what costs most, and only one agent is described to the user.
    let mut new = outcome
        .agents
        .iter()
        .filter(|agent| matches!(agent.action, Action::Install | Action::Replace));
    if let (Some(one), None) = (new.next(), new.next()) {
        outcome.verdict = Some(
            Definition::parse(changed.get(&one.name).unwrap_or(&bytes[&one.locked.base]))
                .verdict()
                .clone(),
        );
    }
    let is_all_forced = options.is_forced && options.specs.is_empty();
    let is_wanted = |name: &AgentName| agents.contains_key(name);
    outcome.dropped = remove::drop_unwanted(
        project,
        manifest,
        before,
        &is_wanted,
        is_all_forced,
        &mut changes,
    )?;
    changes::drop_bases(project, before, agents, &mut changes)?;
    outcome.is_manifest_changed = manifest.is_changed();
    let names = |is_one: &dyn Fn(&PlannedAgent) -> bool| -> Vec<&str> {
        outcome
            .agents
            .iter()
            .filter(|agent| is_one(agent))
            .map(|agent| agent.name.as_str())
            .collect()
    };
    let mut written = names(&|agent| matches!(agent.action, Action::Install | Action::Replace));
    if written.is_empty() {
        // Where only the two text files change, what was named is what it is about.
        written = names(&|agent| agent.is_named);
    }
    let label = remove::label("install", &written, &outcome.dropped);
    let transaction = changes::transaction(project, label, manifest, before, &lockfile, changes)?;
    outcome.changes = changes::count(&transaction);
    Ok((outcome, transaction))
}

/// The requirement, if it names a whole version and means a newer one, as those of cargo do.
fn newest_of(wanted: &Wanted, locked: &LockedAgent) -> Option<String> {
    let request = wanted.version.as_ref()?;
    let version = semver::Version::parse(locked.version.as_ref()?).ok()?;
    request.is_older(&version).then(|| request.to_string())
}

/// An edited file whose upstream is the same and only the adaptation differs: both together, if they do not clash.
fn readapted(
    session: &Session,
    known: &LockedAgent,
    locked: &LockedAgent,
    current: &[u8],
    new: &[u8],
) -> Result<Option<Vec<u8>>> {
    if known.sha256 != locked.sha256 || known.base == locked.base {
        return Ok(None);
    }
    let Some(base) = session.project.read_base(&known.base)? else {
        return Ok(None);
    };
    let merge = merge::merge(&base, current, new);
    Ok(merge.to_bytes())
}

/// A file that stays in the way.
struct Blocked {
    name: AgentName,
    /// Whether agentpkg wrote it, so that it was edited since.
    is_known: bool,
    /// Whether the user named the agent.
    is_picked: bool,
    /// Whether an update of it waits to be resolved.
    is_waiting: bool,
    /// The update that does with a merge what this install would have done; `None`: it would be another agent.
    merge: Option<String>,
    /// What names the agent that would replace it.
    spec: String,
}

/// The update that merges what an install would write over.
fn merging(
    name: &AgentName,
    wanted: Option<&Wanted>,
    is_picked: bool,
    options: &InstallOptions,
) -> String {
    // Those that another one requires are updated with it.
    let Some(wanted) = wanted else {
        return "agentpkg update".to_owned();
    };
    // What agentpkg.toml asks for needs no word; what was typed is not in it yet.
    let to = wanted
        .version
        .as_ref()
        .filter(|_| is_picked)
        .map(|version| format!(" --to {}", shell_quoted(&version.to_string())));
    let allowed = (!options.allowed.is_empty())
        .then(|| format!(" --allow {}", shell_quoted(&options.allowed.join(","))));
    format!(
        "agentpkg update {name}{}{}",
        to.unwrap_or_default(),
        allowed.unwrap_or_default()
    )
}

/// A spec that means the locked agent, whatever else has its name.
fn spec_of(locked: &LockedAgent) -> String {
    match &locked.registry {
        Some(registry) => format!("{registry}/{}", locked.agent),
        None => format!("{}#{}", locked.source, locked.agent),
    }
}

fn refuse_overwrite(project: &Project, options: &InstallOptions, blocked: &[Blocked]) -> Failure {
    let first = &blocked[0];
    let path = project.display(&project.agent_path(&first.name));
    let message = if first.is_known {
        format!("`{path}` was edited, so it is not replaced")
    } else {
        format!("`{path}` exists, and agentpkg did not write it")
    };
    let mut failure = Failure::failed(message);
    for Blocked { name, is_known, .. } in &blocked[1..] {
        let why = if *is_known { "was edited" } else { "exists" };
        failure = failure.detail(format!(
            "{} {why}, too",
            project.display(&project.agent_path(name))
        ));
    }
    if first.is_waiting {
        failure = failure.hint(format!(
            "an update of it waits: `agentpkg resolve {}` finishes it",
            first.name
        ));
    } else if let Some(merge) = &first.merge {
        failure = failure.hint(format!("`{merge}` merges it"));
    }
    if options.is_forced {
        return failure.hint(format!(
            "`--force` is for the agents that you name: add `{}` to the command",
            first.spec
        ));
    }
    if first.is_picked {
        let other = if options.name.is_some() {
            "OTHER"
        } else {
            "NAME"
        };
        failure = failure.hint(format!(
            "`--as {other}` installs beside it under another name"
        ));
    }
    let copy = format!(
        "a copy stays in {}",
        project.display(&project.state_folder().join("history"))
    );
    if first.is_picked || options.specs.is_empty() {
        return failure.hint(format!("`--force` replaces it; {copy}"));
    }
    failure.hint(format!(
        "`agentpkg install {} --force` replaces it; {copy}",
        shell_quoted(&first.spec)
    ))
}
