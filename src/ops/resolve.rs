//! `resolve`: finishes updates that were put aside with conflict markers, or gives them up. The pipeline finishes them.

use super::change::change;
use super::change::commit::{Attempt, Manner, commit};
use super::change::edits::markers_in;
use super::change::goal::{Conflicts, Consent, Edits, Goal, Prune, What};
use super::change::outcome::Outcome;
use super::change::pending;
use super::change::waiting::select;
use super::report::{Event, Frontend};
use super::session::Session;
use super::typed::Typed;
use crate::domain::markers::first;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Result};
use crate::store::agreement::answers;
use crate::store::cache::Freshness;
use crate::store::placed::Placed;
use crate::store::transaction::Transaction;

pub use super::change::goal::How;

/// What to finish, and how.
#[derive(Debug, Clone, Default)]
pub struct ResolveOptions {
    /// The command as it was typed, for hints.
    pub typed: Typed,
    /// The names; empty: all agents with a pending update.
    pub names: Vec<String>,
    /// How.
    pub how: How,
    /// New powers that are allowed.
    pub allowed: Vec<String>,
    /// Default answers: never a yes to a new power.
    pub is_yes: bool,
    /// Plan and stop.
    pub is_dry_run: bool,
}

/// Finishes, or gives up; the names that were given up are in `aborted`.
#[derive(Debug, Default)]
pub struct ResolveOutcome {
    /// What became of each agent that was finished.
    pub finished: Outcome,
    /// The agents whose updates were given up.
    pub aborted: Vec<AgentName>,
    /// How many updates are still pending.
    pub waiting: usize,
}

/// Resolves pending updates.
pub fn resolve(
    session: &Session,
    options: &ResolveOptions,
    frontend: &mut dyn Frontend,
) -> Result<ResolveOutcome> {
    let project = &session.project;
    // What git left in a file is not what was put aside here, and is said to be that.
    let lockfile = Placed::read(project)?.lockfile;
    for (name, locked) in &lockfile.agents {
        let is_meant = options.names.is_empty() || options.names.contains(&name.to_string());
        if let Some(bytes) = project
            .read_agent(name, &locked.folder)?
            .filter(|_| is_meant)
            && let Some(line) = first(&bytes)
        {
            let failure = markers_in(&project.shown_path(name, &locked.folder), line);
            frontend.report(Event::Trouble(failure));
        }
    }
    if options.how == How::Abort {
        return give_up(session, options, frontend);
    }
    let what = What::Waiting {
        names: options.names.clone(),
        how: options.how,
    };
    let goal = Goal {
        typed: options.typed.clone(),
        consent: Consent {
            allowed: options.allowed.clone(),
            is_yes: options.is_yes,
        },
        conflicts: match options.how {
            How::Ours => Conflicts::Ours,
            How::Theirs => Conflicts::Theirs,
            _ => Conflicts::Ask,
        },
        prune: Prune::Released,
        is_dry_run: options.is_dry_run,
        ..Goal::of(what, Edits::Merge)
    };
    for name in pending::orphans(project)? {
        let path = project.display(&pending::marker_path(project, &name));
        let abort = Command::new(["resolve", "--abort", name.as_str()]);
        frontend.report(Event::warning(
            Advice::say(format!(
                "`{path}` belongs to no pending update of this project; "
            ))
            .and_run(abort)
            .and(" forgets it"),
        ));
    }
    let finished = change(session, &goal, frontend)?;
    Ok(ResolveOutcome {
        finished,
        aborted: Vec::new(),
        waiting: pending::names(project)?.len(),
    })
}

/// Forgets the pending updates of these agents, or all of them.
fn give_up(
    session: &Session,
    options: &ResolveOptions,
    frontend: &mut dyn Frontend,
) -> Result<ResolveOutcome> {
    let mut plan = |attempt: &Attempt<'_>, frontend: &mut dyn Frontend| {
        let scene = &attempt.scene;
        let (manifest, lockfile) = (&scene.manifest, &scene.lockfile);
        let project = &scene.session.project;
        let mut known = pending::names(project)?;
        known.extend(pending::orphans(project)?);
        let selected = select(session, &known, &options.names, lockfile)?;
        let mut changes = Vec::new();
        for name in &selected {
            changes.extend(pending::forget(project, name)?);
            // A version that the user wrote into the manifest stays there, and the next command meets it again.
            if let (Some(wanted), Some(locked)) =
                (manifest.agents().get(name), lockfile.agents.get(name))
                && let Some(version) = &wanted.version
                && !answers(locked, wanted, manifest)
            {
                frontend.report(Event::warning(format!(
                    "`{name}` stays at `{version}` in agentpkg.toml; change it there, or update again"
                )));
            }
        }
        let names: Vec<&str> = selected.iter().map(AgentName::as_str).collect();
        let transaction = Transaction {
            label: format!("resolve --abort {}", names.join(" ")),
            changes,
            lockfile: None,
        };
        Ok((selected, transaction))
    };
    let aborted = commit(
        session,
        Freshness::Any,
        Manner::of(options.is_dry_run, false),
        frontend,
        &mut plan,
    )?;
    Ok(ResolveOutcome {
        aborted,
        waiting: pending::names(&session.project)?.len(),
        ..ResolveOutcome::default()
    })
}
