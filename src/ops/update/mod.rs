//! `update`: fetch, adapt as the lock says, merge with the user's edits, show new powers, ask, apply. Nothing is written before all
//! questions are answered.

mod apply;
mod decide;
mod item;
mod needs;
mod plan;
mod powers;
mod together;

use std::collections::BTreeMap;

pub(super) use self::apply::{Prune, apply};
pub(super) use self::decide::decide;
pub use self::item::Status;
pub(super) use self::item::{Item, State};
pub(super) use self::needs::settle;
pub(super) use self::plan::{Planned, plan};
pub(super) use self::powers::decide as decide_powers;
use super::pending::{self, Intent};
use super::report::Frontend;
use super::requirement::{Mode, Report};
use super::session::Session;
use super::typed::Typed;
use crate::domain::capability::Gain;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::domain::version::VersionRequest;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::merge_file::ConflictReport;
use crate::store::manifest::Manifest;

/// What to do with conflicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflicts {
    /// Ask; without anybody to ask, write nothing.
    #[default]
    Ask,
    /// Keep the user's side.
    Ours,
    /// Take upstream's side.
    Theirs,
    /// Write nothing at all.
    Fail,
    /// Leave the agents that have some as they are, and update the others.
    Skip,
    /// Put the agents that have some aside with markers, for `resolve`, and update the others.
    Markers,
}

/// What to update, and how.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    /// The command as it was typed, for hints.
    pub typed: Typed,
    /// Whether it is an update that was typed, which can be said about one agent alone.
    pub is_update: bool,
    /// The names; empty: all.
    pub names: Vec<String>,
    /// The version that is wanted from now on.
    pub to: Option<VersionRequest>,
    /// What to do with conflicts.
    pub conflicts: Conflicts,
    /// Plan and stop.
    pub is_dry_run: bool,
    /// New powers that are allowed, in the words of `--allow`.
    pub allowed: Vec<String>,
    /// Default answers: never a yes to a new power, nor to a server.
    pub is_yes: bool,
    /// What to do about servers that could be added.
    pub servers: Mode,
    /// Servers by the user's own names, from now on: upstream's name to the user's.
    pub bind: BTreeMap<String, String>,
}

/// What happened, or would happen, to one agent.
#[derive(Debug, Clone)]
pub struct UpdatedAgent {
    /// The name it is installed under.
    pub name: AgentName,
    /// What happened.
    pub status: Status,
    /// Its version or commit before; empty if there is none.
    pub from: String,
    /// And after.
    pub to: String,
    /// How many of the user's edits there were.
    pub edits: usize,
    /// What could not be merged by itself.
    pub conflicts: Vec<ConflictReport>,
    /// What it may do now and could not do before.
    pub gains: Vec<Gain>,
    /// What was done beyond comparing lines: rule and place.
    pub rules: Vec<(&'static str, String)>,
    /// Where the base came from.
    pub base: Option<String>,
    /// What else is worth knowing: it moved, its history was rewritten.
    pub notes: Vec<String>,
    /// The file before and after; `None` if there was, or will be, none.
    pub before: Option<Vec<u8>>,
    /// The file after.
    pub after: Option<Vec<u8>>,
}

/// What an update did, or would do.
#[derive(Debug, Default)]
pub struct UpdateOutcome {
    /// The agents, sorted by name.
    pub agents: Vec<UpdatedAgent>,
    /// What failed without stopping the rest.
    pub failures: Vec<Failure>,
    /// How many sources were looked at.
    pub sources: usize,
    /// How many files changed, or would.
    pub changes: usize,
    /// What the updated agents need that they did not need before, and what was done about it.
    pub needs: Report,
    /// Agents that nobody wants any more, and what goes with them.
    pub gone: super::gone::Gone,
}

impl UpdateOutcome {
    /// How the command ends: a failure if something is left to do. `again`: the command for the agents with these names.
    pub fn verdict(&self, again: &dyn Fn(&[&str]) -> Command) -> Result<()> {
        let conflicts = self.left_conflicts(again);
        // What could not be done outweighs what needs consent, and that what is only left to decide.
        let worst = self
            .failures
            .iter()
            .map(Failure::kind)
            .min_by_key(|kind| kind.rank());
        let (kind, conflicts) = match (worst, conflicts) {
            (None, None) => return Ok(()),
            (None, Some(conflicts)) => return Err(conflicts),
            (Some(kind), conflicts)
                if kind.rank() > Kind::Conflict.rank() && conflicts.is_some() =>
            {
                return conflicts.map_or(Ok(()), Err);
            }
            (Some(kind), conflicts) => (kind, conflicts),
        };
        let is_done = |agent: &UpdatedAgent| {
            !matches!(
                agent.status,
                Status::Skipped | Status::Gone | Status::BaseLost
            )
        };
        let message = match self.failures.len() {
            // Each was said before; without a rest there is nothing to be glad about.
            _ if !self.agents.iter().any(is_done) => "nothing was updated".to_owned(),
            1 => "one agent or registry could not be updated; the rest is".to_owned(),
            count => format!("{count} agents or registries could not be updated; the rest is"),
        };
        let failure = Failure::new(kind, message);
        Err(match conflicts {
            Some(conflicts) => {
                let failure = failure.detail(conflicts.message());
                conflicts.hints().iter().fold(failure, Failure::hint)
            }
            None => failure,
        })
    }

    /// What is left to decide.
    fn left_conflicts(&self, again: &dyn Fn(&[&str]) -> Command) -> Option<Failure> {
        let with = |is_one: &dyn Fn(&UpdatedAgent) -> bool| -> Vec<&str> {
            self.agents
                .iter()
                .filter(|agent| is_one(agent))
                .map(|agent| agent.name.as_str())
                .collect()
        };
        let marked = with(&|agent| agent.status == Status::Marked);
        if !marked.is_empty() {
            let what = format!(
                "{} left to resolve: {}",
                conflicts(marked.len()),
                marked.join(", ")
            );
            return Some(
                Failure::new(Kind::Conflict, what)
                    .hint(
                        "edit the files in .agentpkg/conflicts, then `agentpkg resolve --continue`",
                    )
                    .hint("or run `agentpkg resolve` in a terminal, or `agentpkg resolve --abort`"),
            );
        }
        let skipped = with(&|agent| agent.status == Status::Skipped && !agent.conflicts.is_empty());
        if skipped.is_empty() {
            return None;
        }
        let what = format!("not updated, because of conflicts: {}", skipped.join(", "));
        Some(
            Failure::new(Kind::Conflict, what)
                .hint(
                    Advice::say("run ")
                        .and_run(again(&skipped))
                        .and(" in a terminal, which asks"),
                )
                .hint("or add `--ours`, `--theirs` or `--conflicts=markers`"),
        )
    }
}

fn conflicts(agents: usize) -> String {
    if agents == 1 {
        "conflicts in one agent are".to_owned()
    } else {
        format!("conflicts in {agents} agents are")
    }
}

/// Updates agents.
pub fn update(
    session: &Session,
    options: &UpdateOptions,
    frontend: &mut dyn Frontend,
) -> Result<UpdateOutcome> {
    let guard = session.lock_to_write(options.is_dry_run, frontend)?;
    let mut manifest = session.manifest(frontend)?;
    let lockfile = session.project.load_lockfile()?;
    session.project.check_folders()?;
    let original = manifest.clone();
    bind(&mut manifest, options)?;
    let mut planned = plan(session, &mut manifest, &lockfile, options, frontend)?;
    session.keep_lockfile(options.is_dry_run, || {
        planned.lockfile(&lockfile) != lockfile
    })?;
    keep_resolutions(session, options, &mut planned)?;
    let pins = decide(
        session,
        &manifest,
        &lockfile,
        &mut planned,
        options,
        frontend,
    )?;
    for (name, key) in pins {
        manifest.add_pins(&name, &[key]);
    }
    let settled = settle(
        session,
        options,
        &mut manifest,
        &lockfile,
        &mut planned,
        frontend,
    )?;
    for item in planned
        .items
        .iter()
        .filter(|item| item.state == State::Marked)
    {
        if let (Some(before), Some(wanted)) = (
            original.agents().get(&item.name),
            manifest.agents().get(&item.name),
        ) {
            planned
                .intents
                .insert(item.name.clone(), Intent::between(before, wanted));
        }
    }
    // What stays as it is stays so in the manifest, too: a version that nobody has would be news to the next install. What is put aside
    // may still be given up, so its version waits with it.
    let is_settled = |name: &AgentName| {
        let takes_part = |item: &Item| item.name == *name && item.state == State::Active;
        planned.current.contains(name) || planned.items.iter().any(takes_part)
    };
    manifest.take_back(|name| !is_settled(name), &original);
    apply(
        session,
        "update",
        options,
        &manifest,
        &lockfile,
        planned,
        settled,
        guard.as_ref(),
        Prune::Unwanted,
        frontend,
    )
}

/// Leaves alone what somebody is resolving by hand: an update of such an agent would answer for them.
fn keep_resolutions(
    session: &Session,
    options: &UpdateOptions,
    planned: &mut Planned,
) -> Result<()> {
    let mut begun = Vec::new();
    for item in planned.items.iter_mut().filter(|_| !options.is_dry_run) {
        if pending::is_begun(&session.project, &item.name)? {
            begun.push(item.name.clone());
            if options.conflicts == Conflicts::Skip {
                item.state = State::Skipped;
                let message = format!(
                    "a resolution of `{}` was begun, so it stays as it is",
                    item.name
                );
                planned.failures.push(Failure::new(Kind::Conflict, message).hint(format!(
                    "`agentpkg resolve --continue {0}` finishes it, `agentpkg resolve --abort {0}` gives it up",
                    item.name
                )));
            }
        }
    }
    if begun.is_empty() || options.conflicts == Conflicts::Skip {
        return Ok(());
    }
    let what = if begun.len() == 1 {
        "a resolution that was begun".to_owned()
    } else {
        format!("{} resolutions that were begun", begun.len())
    };
    let names: Vec<&str> = begun.iter().map(AgentName::as_str).collect();
    let failure = Failure::new(
        Kind::Conflict,
        format!("{what} would be written over, so nothing was written"),
    );
    let shown = begun.iter().map(|name| {
        session
            .project
            .display(&pending::marker_path(&session.project, name))
    });
    Err(shown
        .fold(failure, Failure::detail)
        .hint("edit it until no marker is left, then `agentpkg resolve --continue`")
        .hint(format!(
            "or give it up with `agentpkg resolve --abort {}`, then update again",
            names.join(" ")
        )))
}

/// Binds servers of the named agents in the manifest.
fn bind(manifest: &mut Manifest, options: &UpdateOptions) -> Result<()> {
    if !options.bind.is_empty() && options.names.is_empty() {
        return Err(Failure::usage("`--bind` needs the name of an agent")
            .hint("for example `agentpkg update planner --bind old=mine`"));
    }
    for name in options
        .names
        .iter()
        .filter_map(|name| AgentName::new(name).ok())
    {
        if let Some(mut wanted) = manifest.agents().get(&name).cloned() {
            wanted.bind.extend(options.bind.clone());
            manifest.set_agent(&name, &wanted);
        }
    }
    Ok(())
}
