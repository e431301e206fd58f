//! `install`: the agents that are named, or what the manifest and the lockfile say. The pipeline does the work; here is what only an
//! install knows: which options need a name, what a person is offered in an empty project, and the quick look that finds nothing to do.

use std::collections::BTreeMap;

use super::change::change;
use super::change::goal::{Consent, Edits, Goal, Specs, What};
use super::change::gone::refuse_without_manifest;
use super::change::pending;
use super::lock_conflict::{Markers, join_unmerged, resolve_markers};
use super::quick::{is_done, is_still_done};
use super::report::{Choice, Frontend};
use super::requirement::Mode;
use super::search::{Hit, SearchOptions, search};
use super::session::Session;
use super::typed::Typed;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::fs::Entry;

pub use super::change::item::Status;
pub use super::change::outcome::{ChangedAgent, Outcome};

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
    /// What is allowed, in the words of `--allow`: fields of [`crate::domain::definition::fields::FIELDS`], new powers, or `all`.
    pub allowed: Vec<String>,
    /// Default answers: never a yes to a security field, nor to a server.
    pub is_yes: bool,
    /// Servers by the user's own names: upstream's name to the user's.
    pub bind: BTreeMap<String, String>,
    /// What to do about servers that could be added.
    pub servers: Mode,
    /// Whether agents that are as they should be may be counted instead of listed.
    pub counts: bool,
}

/// Installs agents.
pub fn install(
    session: &Session,
    options: &InstallOptions,
    frontend: &mut dyn Frontend,
) -> Result<Outcome> {
    // The usual case of a second install needs no lock: nothing is written.
    let is_usual = options.specs.is_empty()
        && !options.is_forced
        && options.allowed.is_empty()
        && matches!(options.servers, Mode::Usual | Mode::Skip);
    if options.specs.is_empty() {
        refuse_without_names(options)?;
        if is_usual
            && options.counts
            && let Some(outcome) = is_still_done(session)?
        {
            return with_pending(session, outcome);
        }
    }
    if resolve_markers(session, options.is_dry_run, frontend)? == Markers::Shown {
        return Ok(Outcome {
            waits_for_lockfile: true,
            ..Outcome::default()
        });
    }
    if !options.specs.is_empty() {
        return change(session, &goal(options), frontend);
    }
    let project = &session.project;
    if project.files().entry(project.manifest_path())? == Entry::Absent {
        let lockfile = project.load_lockfile()?;
        refuse_without_manifest(project, &lockfile, lockfile.agents.len())?;
    }
    if is_usual && let Some(outcome) = is_done(session, frontend)? {
        return with_pending(session, outcome);
    }
    join_unmerged(session, options.is_dry_run, frontend)?;
    // Where nothing is wanted yet, a person is offered what there is.
    if frontend.is_interactive()
        && !options.is_yes
        && !options.is_dry_run
        && session.manifest(frontend)?.agents().is_empty()
        && project.load_lockfile()?.agents.is_empty()
    {
        let specs = offered(session, frontend)?;
        if specs.is_empty() {
            return Ok(Outcome::default());
        }
        let options = InstallOptions {
            typed: options.typed.naming(specs.clone()),
            specs,
            ..options.clone()
        };
        return change(session, &goal(&options), frontend);
    }
    change(session, &goal(options), frontend)
}

/// The outcome of an install that changes nothing, with the updates that are pending.
fn with_pending(session: &Session, outcome: Outcome) -> Result<Outcome> {
    Ok(Outcome {
        pending: pending::names(&session.project)?,
        ..outcome
    })
}

/// The goal of an install.
fn goal(options: &InstallOptions) -> Goal {
    let what = if options.specs.is_empty() {
        What::Manifest
    } else {
        What::Specs(Specs {
            typed: options.specs.clone(),
            is_all: options.all,
            name: options.name.clone(),
            is_verbatim: options.is_verbatim,
        })
    };
    let edits = Edits::unless(options.is_forced);
    Goal {
        typed: options.typed.clone(),
        consent: Consent {
            allowed: options.allowed.clone(),
            is_yes: options.is_yes,
        },
        servers: options.servers,
        bind: options.bind.clone(),
        is_dry_run: options.is_dry_run,
        ..Goal::of(what, edits)
    }
}

/// Refuses options that mean nothing without the name of an agent or a source.
fn refuse_without_names(options: &InstallOptions) -> Result<()> {
    let agent = "the name of an agent";
    let options = [
        (options.all, "--all", "a source", "gh:OWNER/REPO --all"),
        (
            options.name.is_some(),
            "--as",
            agent,
            "planner --as my-planner",
        ),
        (
            options.is_verbatim,
            "--verbatim",
            agent,
            "planner --verbatim",
        ),
        (
            !options.bind.is_empty(),
            "--bind",
            agent,
            "planner --bind old=mine",
        ),
    ];
    let Some((_, option, what, example)) = options.into_iter().find(|(is_given, ..)| *is_given)
    else {
        return Ok(());
    };
    Err(Failure::usage(format!("`{option}` needs {what}")).hint(
        Advice::say("for example ").and_run(Command::new(["install"]).args(example.split(' '))),
    ))
}

/// Lets a person pick some of the agents that the registries have; gives back their specs.
fn offered(session: &Session, frontend: &mut dyn Frontend) -> Result<Vec<String>> {
    let everything = SearchOptions {
        limit: 2000,
        ..SearchOptions::default()
    };
    let hits = search(session, &everything, frontend)?.hits;
    let choice = |hit: &Hit| Choice {
        label: hit.spec(),
        detail: hit.entry.description.clone(),
    };
    let choices: Vec<Choice> = hits.iter().map(choice).collect();
    let picked = frontend.pick("Which agents?", &choices)?;
    let picked = picked.into_iter().filter_map(|index| hits.get(index));
    Ok(picked.map(Hit::spec).collect())
}
