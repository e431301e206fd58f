//! From a planned install to changes of files, and refusing what would lose a person's edits.

use super::needs::Settled;
use super::plan::Plan;
use super::{Action, InstallOptions, InstallOutcome, PlannedAgent, planned};
use crate::domain::definition::{Definition, Verdict};
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::shell::shell_quoted;
use crate::error::{Failure, Result};
use crate::merge;
use crate::ops::report::Frontend;
use crate::ops::session::Session;
use crate::ops::{changes, gone, pending};
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
    mut plan: Plan,
    settled: Settled,
    frontend: &mut dyn Frontend,
) -> Result<(InstallOutcome, Transaction)> {
    let project = &session.project;
    let Settled {
        report,
        mut changes,
    } = settled;
    let agents = place(session, options, manifest, before, &plan, &mut changes)?;
    let gone = gone::drop_unwanted(
        session,
        manifest,
        before,
        &mut plan.after,
        options.is_forced && options.specs.is_empty(),
        &mut changes,
        frontend,
    )?;
    let label = gone::label("install", &names(&agents), &gone);
    let transaction = changes::transaction(project, label, manifest, before, &plan.after, changes)?;
    let outcome = InstallOutcome {
        verdict: verdict(&agents, &plan),
        agents,
        refused: plan.refused,
        gone,
        changes: changes::count(&transaction),
        is_manifest_changed: manifest.is_changed(),
        is_dry_run: options.is_dry_run,
        needs: report,
    };
    Ok((outcome, transaction))
}

/// Plans the file and the base of each agent; refuses to replace what a person wrote.
fn place(
    session: &Session,
    options: &InstallOptions,
    manifest: &Manifest,
    before: &Lockfile,
    plan: &Plan,
    changes: &mut Vec<Change>,
) -> Result<Vec<PlannedAgent>> {
    let project = &session.project;
    let (mut agents, mut blocked) = (Vec::new(), Vec::new());
    for (name, locked) in &plan.after.agents {
        let path = project.agent_path(name);
        let new = &plan.bytes[&locked.base];
        let mut written = plan.written.get(name).unwrap_or(new).clone();
        let current = project.read_agent(name)?;
        let digest = current.as_deref().map(Digest::of);
        let known = before.agents.get(name);
        let is_clean = known.is_some_and(|known| Some(known.base) == digest);
        let is_forced = plan.is_forced(name, options);
        let is_picked = plan.picked.contains(name);
        let merged = match (&current, known) {
            (Some(current), Some(known)) if !is_clean && !is_forced => {
                readapted(session, known, locked, current, new)?
            }
            _ => None,
        };
        let action = match (digest, known) {
            (None, _) => Action::Install,
            (Some(digest), _) if digest == locked.base => Action::Keep,
            (Some(_), Some(_)) if is_clean || is_forced => Action::Replace,
            (Some(_), Some(known)) if known.base == locked.base => Action::Edited,
            (Some(_), Some(_)) if merged.is_some() => {
                written = merged.unwrap_or(written);
                Action::Replace
            }
            (Some(_), None) if is_forced => Action::Replace,
            (Some(_), known) => {
                let wanted = manifest.agents().get(name);
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
        // Another file or another version answers an update that waits; a file that is only brought back does not.
        if action == Action::Replace || action != Action::Edited && known != Some(locked) {
            changes.extend(pending::forget(project, name)?);
        }
        changes::keep_base(project, &locked.base, new, changes)?;
        let newest_of = manifest
            .agents()
            .get(name)
            .filter(|_| is_picked)
            .and_then(|wanted| newest_of(wanted, locked));
        agents.push(PlannedAgent {
            before: known.cloned(),
            gains: plan.gains.get(name).cloned().unwrap_or_default(),
            is_named: is_picked,
            newest_of,
            ..planned(project, name.clone(), action, locked.clone())
        });
    }
    if blocked.is_empty() {
        Ok(agents)
    } else {
        Err(refuse_overwrite(project, options, &blocked))
    }
}

fn is_written(agent: &PlannedAgent) -> bool {
    matches!(agent.action, Action::Install | Action::Replace)
}

/// What the client makes of the one agent that is written, if it is one: reading frontmatter is what costs most.
fn verdict(agents: &[PlannedAgent], plan: &Plan) -> Option<Verdict> {
    let mut new = agents.iter().filter(|agent| is_written(agent));
    let (Some(one), None) = (new.next(), new.next()) else {
        return None;
    };
    let bytes = plan
        .written
        .get(&one.name)
        .unwrap_or(&plan.bytes[&one.locked.base]);
    Some(Definition::parse(bytes).verdict().clone())
}

/// The agents that the operation is about: those that are written, and where only the two text files change, those that were named.
fn names(agents: &[PlannedAgent]) -> Vec<&str> {
    let names = |is_one: &dyn Fn(&PlannedAgent) -> bool| -> Vec<&str> {
        let found = agents.iter().filter(|agent| is_one(agent));
        found.map(|agent| agent.name.as_str()).collect()
    };
    let written = names(&is_written);
    if written.is_empty() {
        names(&|agent| agent.is_named)
    } else {
        written
    }
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
