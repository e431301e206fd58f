//! `install`: resolve, adapt, plan, apply. Without specs it makes the project what its manifest and lockfile say.

mod apply;
mod needs;
mod plan;
mod widen;

use std::collections::{BTreeMap, BTreeSet};

use self::plan::Planner;
use super::gone::{self, Gone};
use super::report::{Choice, Frontend};
use super::requirement::{Mode, Report};
use super::search::{SearchOptions, search};
use super::session::Session;
use super::typed::Typed;
use crate::domain::capability::Gain;
use crate::domain::definition::Verdict;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::{Failure, Result};
use crate::fs::Entry;
use crate::store::agreement::{answers, reachable};
use crate::store::cache::Freshness;
use crate::store::lockfile::LockedAgent;
use crate::store::project::Project;
use crate::store::transaction;

/// What to install, and how.
#[derive(Debug, Clone, Default)]
pub struct InstallOptions {
    /// The command as it was typed, for hints.
    pub typed: Typed,
    /// What the user named; empty: what the manifest says.
    pub specs: Vec<String>,
    /// Every agent of the sources that the specs name.
    pub all: bool,
    /// Another name for the one agent.
    pub name: Option<String>,
    /// Exactly as upstream wrote it.
    pub is_verbatim: bool,
    /// Plan and stop.
    pub is_dry_run: bool,
    /// Replace files that agentpkg does not know, or that were edited; a copy is kept.
    pub is_forced: bool,
    /// What is allowed, in the words of `--allow`: fields of [`crate::domain::definition::SECURITY_FIELDS`], new powers, or `all`.
    pub allowed: Vec<String>,
    /// Default answers: never a yes to a security field, nor to a server.
    pub is_yes: bool,
    /// Servers by the user's own names: upstream's name to the user's.
    pub bind: BTreeMap<String, String>,
    /// What to do about servers that could be added.
    pub servers: Mode,
}

/// What happened, or would happen, to one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It was not there.
    Install,
    /// Another version or origin than before.
    Replace,
    /// Nothing to do.
    Keep,
    /// The user's edits stay.
    Edited,
}

/// One agent of a plan.
#[derive(Debug, Clone)]
pub struct PlannedAgent {
    /// The name that it is installed under.
    pub name: AgentName,
    /// What happens.
    pub action: Action,
    /// Its lock entry.
    pub locked: LockedAgent,
    /// Its path, for display.
    pub path: String,
    /// Its lock entry before; `None`: it was not installed.
    pub before: Option<LockedAgent>,
    /// What it may do and could not do before, if it was installed before.
    pub gains: Vec<Gain>,
    /// Whether the user named it.
    pub is_named: bool,
    /// The requirement of which it is the newest version, where another one was written in it.
    pub newest_of: Option<String>,
}

/// What was planned, and done unless it was a dry run.
#[derive(Debug, Clone, Default)]
pub struct InstallOutcome {
    /// The agents, sorted by name.
    pub agents: Vec<PlannedAgent>,
    /// Agents that were asked for but not installed, with the failure that says why.
    pub refused: Vec<Failure>,
    /// Agents that nobody wants any more, and what goes with them.
    pub gone: Gone,
    /// What the client makes of the one agent that changed, if it is one; otherwise `None`.
    pub verdict: Option<Verdict>,
    /// Files that differ from the plan's state; 0 if everything was as it should be.
    pub changes: usize,
    /// Whether agentpkg.toml is among them.
    pub is_manifest_changed: bool,
    /// Whether this was a dry run.
    pub is_dry_run: bool,
    /// What the new agents need, and what was done about it; `None`: nothing is new.
    pub needs: Option<Report>,
}

/// Installs agents.
pub fn install(
    session: &Session,
    options: &InstallOptions,
    frontend: &mut dyn Frontend,
) -> Result<InstallOutcome> {
    if options.specs.is_empty() {
        refuse_without_names(options)?;
    }
    let is_absent = || {
        Ok::<_, Failure>(
            session
                .project
                .files()
                .entry(session.project.manifest_path())?
                == Entry::Absent,
        )
    };
    if options.specs.is_empty() && is_absent()? {
        let lockfile = session.project.load_lockfile()?;
        gone::refuse_without_manifest(&session.project, &lockfile, lockfile.agents.len())?;
    }
    // The usual case of a second install needs no lock: nothing is written.
    if options.specs.is_empty() && !options.bind.is_empty() {
        return Err(Failure::usage("`--bind` needs the name of an agent")
            .hint("for example `agentpkg install planner --bind old=mine`"));
    }
    if options.specs.is_empty()
        && !options.is_forced
        && matches!(options.servers, Mode::Usual | Mode::Skip)
        && let Some(outcome) = nothing_to_do(session, frontend)?
    {
        return Ok(outcome);
    }
    let guard = session.lock_to_write(options.is_dry_run, frontend)?;
    let mut manifest = session.manifest(frontend)?;
    let lockfile = session.project.load_lockfile()?;
    // Where nothing is wanted yet, a person is offered what there is.
    let is_new =
        options.specs.is_empty() && manifest.agents().is_empty() && lockfile.agents.is_empty();
    if is_new && frontend.is_interactive() && !options.is_yes {
        drop(guard);
        return match offered(session, frontend)? {
            Some(spec) => install(
                session,
                &InstallOptions {
                    specs: vec![spec],
                    ..options.clone()
                },
                frontend,
            ),
            None => Ok(InstallOutcome::default()),
        };
    }
    session.project.check_folders()?;
    let freshness = if session.options.is_locked {
        Freshness::Any
    } else {
        Freshness::Recent
    };
    let original = manifest.clone();
    let mut planner = Planner::new(session, options, freshness, &lockfile, original.clone());
    let named = if options.specs.is_empty() {
        planner.manifest(&manifest, frontend)?;
        BTreeSet::new()
    } else {
        planner.specs(&mut manifest, frontend)?
    };
    let mut plan = planner.into_plan(named);
    if plan.after.agents.is_empty()
        && let [one] = plan.refused.as_slice()
    {
        return Err(one.clone());
    }
    session.keep_lockfile(options.is_dry_run, || plan.after != lockfile)?;
    widen::settle(
        session,
        options,
        &mut manifest,
        &original,
        &lockfile,
        &mut plan,
        frontend,
    )?;
    let settled = needs::settle(
        session,
        options,
        &mut manifest,
        &lockfile,
        &mut plan,
        frontend,
    )?;
    let (outcome, transaction) = apply::finish(
        session, options, &manifest, &lockfile, plan, settled, frontend,
    )?;
    if options.is_dry_run || outcome.changes == 0 {
        session.apply(None, &transaction, frontend)?;
        return Ok(outcome);
    }
    let Some(guard) = session.lock_at_last(guard, &transaction, frontend)? else {
        return install(session, options, frontend);
    };
    session.apply(Some(&guard), &transaction, frontend)?;
    Ok(outcome)
}

/// Refuses options that mean nothing without the name of an agent or a source.
fn refuse_without_names(options: &InstallOptions) -> Result<()> {
    let Some((option, what, example)) = [
        (options.all, "--all", "a source", "gh:owner/repo --all"),
        (
            options.name.is_some(),
            "--as",
            "the name of an agent",
            "planner --as my-planner",
        ),
        (
            options.is_verbatim,
            "--verbatim",
            "the name of an agent",
            "planner --verbatim",
        ),
    ]
    .into_iter()
    .find_map(|(is_given, option, what, example)| is_given.then_some((option, what, example))) else {
        return Ok(());
    };
    Err(Failure::usage(format!("`{option}` needs {what}"))
        .hint(format!("for example `agentpkg install {example}`")))
}

/// Lets a person pick one of the agents that the registries have.
fn offered(session: &Session, frontend: &mut dyn Frontend) -> Result<Option<String>> {
    let found = search(
        session,
        &SearchOptions {
            limit: 2000,
            ..SearchOptions::default()
        },
        frontend,
    )?;
    let choices: Vec<Choice> = found
        .hits
        .iter()
        .map(|hit| Choice {
            label: hit.spec(),
            detail: hit.entry.description.clone(),
        })
        .collect();
    let picked = frontend.pick("Which agent?", &choices)?;
    Ok(picked
        .and_then(|index| found.hits.get(index))
        .map(crate::ops::search::Hit::spec))
}

/// The whole outcome, if manifest, lockfile and files agree already.
fn nothing_to_do(session: &Session, frontend: &mut dyn Frontend) -> Result<Option<InstallOutcome>> {
    // What was interrupted is ended first, and that takes the lock.
    if transaction::interruption(&session.project)?.is_some() {
        return Ok(None);
    }
    let manifest = session.manifest(frontend)?;
    if manifest.agents().is_empty() || !manifest.policy().is_empty() {
        return Ok(None);
    }
    let lockfile = session.project.load_lockfile()?;
    // A required agent that is not locked is not reached, so that counting alone would not miss it.
    if lockfile
        .agents
        .values()
        .flat_map(|locked| &locked.requires)
        .any(|required| !lockfile.agents.contains_key(required))
    {
        return Ok(None);
    }
    let wanted = reachable(&manifest, &lockfile);
    if wanted.len() != lockfile.agents.len()
        || !manifest.agents().keys().all(|name| wanted.contains(name))
    {
        return Ok(None);
    }
    // One listing instead of a look at each base: this is the path that has to be quick.
    let bases = session
        .project
        .files()
        .list(&session.project.base_folder())?;
    let is_kept = |digest: &Digest| {
        let name = digest.to_string();
        bases
            .binary_search_by(|base| base.name.cmp(&name))
            .is_ok_and(|found| bases[found].entry == Entry::File)
    };
    let mut seen = session
        .cache
        .seen(session.project.agents_folder(), lockfile.agents.len());
    let mut outcome = InstallOutcome::default();
    for (name, locked) in lockfile.agents {
        if let Some(wanted) = manifest.agents().get(&name)
            && !answers(&locked, wanted, &manifest)
        {
            return Ok(None);
        }
        let Some(digest) = session.project.digest_agent(&name, &mut seen)? else {
            return Ok(None);
        };
        if !is_kept(&locked.base) {
            return Ok(None);
        }
        let action = if digest == locked.base {
            Action::Keep
        } else {
            Action::Edited
        };
        outcome
            .agents
            .push(planned(&session.project, name, action, locked));
    }
    seen.keep(session.environment.now());
    Ok(Some(outcome))
}

fn planned(
    project: &Project,
    name: AgentName,
    action: Action,
    locked: LockedAgent,
) -> PlannedAgent {
    PlannedAgent {
        path: project.display(&project.agent_path(&name)),
        name,
        action,
        locked,
        before: None,
        gains: Vec::new(),
        is_named: false,
        newest_of: None,
    }
}
