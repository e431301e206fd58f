//! `resolve`: finishes updates that were put aside with conflict markers, or gives them up.

use super::base;
use super::candidate::Candidate;
use super::pending::{self, Pending};
use super::report::{Event, Frontend};
use super::session::Session;
use super::typed::Typed;
use super::unknown;
use super::update::{
    Conflicts, Item, Planned, Prune, State, UpdateOptions, UpdateOutcome, apply, decide, settle,
};
use crate::domain::count::counted;
use crate::domain::definition::{Definition, Verdict};
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::{Failure, Kind, Location, Result};
use crate::merge;
use crate::store::agreement::answers;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::Manifest;
use crate::store::project::MAX_AGENT;
use crate::store::transaction::{Guard, Transaction};

/// How to finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum How {
    /// Ask about each conflict.
    #[default]
    Ask,
    /// Take the files as they were edited.
    Continue,
    /// Keep the user's side of each conflict.
    Ours,
    /// Take upstream's side of each conflict.
    Theirs,
    /// Give the updates up.
    Abort,
}

/// What to finish, and how.
#[derive(Debug, Clone, Default)]
pub struct ResolveOptions {
    /// The command as it was typed, for hints.
    pub typed: Typed,
    /// The names; empty: all that wait.
    pub names: Vec<String>,
    /// How.
    pub how: How,
    /// New powers that are allowed.
    pub allowed: Vec<String>,
    /// Default answers: never a yes to a new power.
    pub is_yes: bool,
}

/// Finishes, or gives up; the names that were given up are in `aborted`.
#[derive(Debug, Default)]
pub struct ResolveOutcome {
    /// What became of each agent that was finished.
    pub finished: UpdateOutcome,
    /// The agents whose updates were given up.
    pub aborted: Vec<AgentName>,
    /// How many still wait.
    pub waiting: usize,
}

/// Resolves updates that wait.
pub fn resolve(
    session: &Session,
    options: &ResolveOptions,
    frontend: &mut dyn Frontend,
) -> Result<ResolveOutcome> {
    let guard = session.lock_if_used(frontend)?;
    let project = &session.project;
    let waiting = pending::names(project)?;
    let mut manifest = session.manifest(frontend)?;
    let lockfile = project.load_lockfile()?;
    let selected = select(&waiting, &options.names, &lockfile)?;
    if options.how == How::Abort {
        give_up(
            session,
            &selected,
            &manifest,
            &lockfile,
            guard.as_ref(),
            frontend,
        )?;
        let waiting = waiting.len() - selected.len();
        return Ok(ResolveOutcome {
            aborted: selected,
            waiting,
            ..ResolveOutcome::default()
        });
    }
    let original = manifest.clone();
    let mut planned = again(
        session,
        options.how,
        &selected,
        &mut manifest,
        &lockfile,
        frontend,
    )?;
    session.keep_lockfile(false, || planned.lockfile(&lockfile) != lockfile)?;
    if options.how == How::Ask && !selected.is_empty() && !frontend.is_interactive() {
        return Err(undecided(&planned));
    }
    let how = UpdateOptions {
        typed: options.typed.clone(),
        conflicts: match options.how {
            How::Ours => Conflicts::Ours,
            How::Theirs => Conflicts::Theirs,
            _ => Conflicts::Ask,
        },
        allowed: options.allowed.clone(),
        is_yes: options.is_yes,
        ..UpdateOptions::default()
    };
    for (name, key) in decide(
        session,
        &manifest.clone(),
        &lockfile,
        &mut planned,
        &how,
        frontend,
    )? {
        manifest.add_pins(&name, &[key]);
    }
    let settled = settle(
        session,
        &how,
        &mut manifest,
        &lockfile,
        &mut planned,
        frontend,
    )?;
    let done = planned
        .items
        .iter()
        .filter(|item| item.state == State::Active && selected.contains(&item.name))
        .count();
    // What still waits has not changed what is wanted.
    let is_done = |name: &AgentName| {
        planned
            .items
            .iter()
            .any(|item| item.name == *name && item.state == State::Active)
    };
    manifest.take_back(|name| selected.contains(name) && !is_done(name), &original);
    let finished = apply(
        session,
        "resolve",
        &how,
        &manifest,
        &lockfile,
        planned,
        settled,
        guard.as_ref(),
        Prune::Released,
        frontend,
    )?;
    Ok(ResolveOutcome {
        finished,
        aborted: Vec::new(),
        waiting: waiting.len().saturating_sub(done),
    })
}

/// Forgets the updates of these agents.
fn give_up(
    session: &Session,
    selected: &[AgentName],
    manifest: &Manifest,
    lockfile: &Lockfile,
    guard: Option<&Guard<'_>>,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let mut changes = Vec::new();
    for name in selected {
        changes.extend(pending::forget(&session.project, name)?);
        // A version that the user wrote into the manifest stays there, and the next command meets it again.
        if let (Some(wanted), Some(locked)) =
            (manifest.agents().get(name), lockfile.agents.get(name))
            && let Some(version) = wanted
                .version
                .as_ref()
                .filter(|_| !answers(locked, wanted, manifest))
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
    session.apply(guard, &transaction, frontend).map(drop)
}

/// Plans the updates of these agents again, with what the manifest is to say about them.
fn again(
    session: &Session,
    how: How,
    selected: &[AgentName],
    manifest: &mut Manifest,
    lockfile: &Lockfile,
    frontend: &mut dyn Frontend,
) -> Result<Planned> {
    let mut planned = Planned::default();
    for name in selected {
        let Some(pending) = pending::load(&session.project, name)? else {
            continue;
        };
        let (required, intent) = (pending.required.clone(), pending.intent.clone());
        let Some(item) = item(session, how, pending, manifest, lockfile, frontend)? else {
            continue;
        };
        for missing in &item.candidate.locked.requires {
            if !lockfile.agents.contains_key(missing)
                && !required.iter().any(|(known, ..)| known == missing)
            {
                planned.failures.push(
                    Failure::failed(format!("`{missing}`, which `{name}` requires now, could not be fetched with its update"))
                        .hint(format!("`agentpkg resolve --abort {name}`, then `agentpkg update {name}`")),
                );
            }
        }
        planned.items.push(item);
        if let Some(wanted) = manifest.agents().get(name) {
            manifest.set_agent(name, &intent.applied_to(wanted));
        }
        for (name, locked, bytes) in required {
            new(session, name, locked, bytes, lockfile, &mut planned)?;
        }
    }
    planned
        .items
        .sort_by(|one, other| one.name.cmp(&other.name));
    Ok(planned)
}

fn select(waiting: &[AgentName], names: &[String], lockfile: &Lockfile) -> Result<Vec<AgentName>> {
    if names.is_empty() {
        return Ok(waiting.to_vec());
    }
    let find = |text: &String| {
        // The path of the file with the markers is a name, too.
        let stem = text.rsplit(['/', '\\']).next().unwrap_or(text);
        let stem = stem.strip_suffix(".md").unwrap_or(stem);
        waiting
            .iter()
            .find(|name| name.as_str() == stem)
            .cloned()
            .ok_or_else(|| not_waiting(stem, text, waiting, lockfile))
    };
    names.iter().map(find).collect()
}

/// That nobody is there to decide the conflicts.
fn undecided(planned: &Planned) -> Failure {
    let failure = Failure::new(
        Kind::Conflict,
        "the conflicts have to be decided by somebody, and there is no terminal to ask",
    );
    let open = planned.items.iter().filter(|item| !item.choices.is_empty());
    open.fold(failure, |failure, item| {
        let conflicts = counted(item.choices.len(), "conflict");
        failure.detail(format!("{}: {conflicts}", item.name))
    })
    .hint("edit the files in .agentpkg/conflicts, then `agentpkg resolve --continue`")
    .hint("or decide all at once with `--ours` or `--theirs`")
}

/// That nothing waits under a name.
fn not_waiting(stem: &str, text: &str, waiting: &[AgentName], lockfile: &Lockfile) -> Failure {
    let is_installed = lockfile.agents.keys().any(|name| name.as_str() == stem);
    if !is_installed {
        return unknown::agent(text, waiting.iter().chain(lockfile.agents.keys()), lockfile);
    }
    let failure = Failure::failed(format!("no update of `{stem}` waits for anything"));
    let known: Vec<String> = waiting.iter().map(|name| format!("`{name}`")).collect();
    if known.is_empty() {
        failure
    } else {
        failure.hint(format!("there are {}", known.join(", ")))
    }
}

/// What waits, as an item of an update; `None` if it no longer makes sense.
fn item(
    session: &Session,
    how: How,
    pending: Pending,
    manifest: &Manifest,
    lockfile: &Lockfile,
    frontend: &mut dyn Frontend,
) -> Result<Option<Item>> {
    let project = &session.project;
    let Pending {
        name,
        locked,
        ours: expected,
        theirs,
        ..
    } = pending;
    let name = &name;
    let Some(before) = lockfile.agents.get(name) else {
        frontend.report(Event::warning(format!(
            "`{name}` was removed since; `agentpkg resolve --abort {name}` forgets its update"
        )));
        return Ok(None);
    };
    let current = project.read_agent(name)?;
    let base = base::find(session, name, before, frontend)?.into_bytes()?;
    let text = if how == How::Continue {
        Some(edited(session, name, current.as_deref(), expected)?)
    } else {
        None
    };
    let candidate = Candidate {
        locked,
        bytes: theirs,
        required: Vec::new(),
    };
    let mut item = Item {
        before: Some(before.clone()),
        ours: current,
        pins: manifest
            .agents()
            .get(name)
            .map(|wanted| wanted.pins.clone())
            .unwrap_or_default(),
        text,
        ..Item::new(name.clone(), candidate, base)
    };
    if item.text.is_none() && item.ours.is_some() {
        item.choices = vec![None; item.merge().conflicts().len()];
    }
    Ok(Some(item))
}

/// Adds an agent that comes with one that waits, unless it is installed by now.
fn new(
    session: &Session,
    name: AgentName,
    locked: LockedAgent,
    bytes: Vec<u8>,
    lockfile: &Lockfile,
    planned: &mut Planned,
) -> Result<()> {
    if lockfile.agents.contains_key(&name) || planned.items.iter().any(|item| item.name == name) {
        return Ok(());
    }
    if session.project.read_agent(&name)?.is_some() {
        let path = session.project.display(&session.project.agent_path(&name));
        planned.failures.push(
            Failure::failed(format!("`{path}` exists, and agentpkg did not write it"))
                .hint("move it away, then run the command again"),
        );
        return Ok(());
    }
    let candidate = Candidate {
        locked,
        bytes,
        required: Vec::new(),
    };
    planned.items.push(Item::new(name, candidate, Vec::new()));
    Ok(())
}

/// The file with markers as the user left it, without markers.
fn edited(
    session: &Session,
    name: &AgentName,
    current: Option<&[u8]>,
    expected: Digest,
) -> Result<Vec<u8>> {
    let project = &session.project;
    let path = pending::marker_path(project, name);
    let shown = project.display(&path);
    let bytes = project.files().read(&path, MAX_AGENT)?.ok_or_else(|| {
        Failure::failed(format!("`{shown}` is gone")).hint(format!(
            "`agentpkg resolve {name}` asks instead; `--abort` gives the update up"
        ))
    })?;
    if current.map(Digest::of) != Some(expected) {
        return Err(Failure::failed(format!(
            "`{}` changed since the markers were written",
            project.display(&project.agent_path(name))
        ))
        .hint(format!(
            "run `agentpkg resolve {name}` in a terminal, which uses the file as it is now"
        ))
        .hint(format!(
            "or `agentpkg resolve --abort {name}`, then `agentpkg update {name}`"
        )));
    }
    if let Some(found) = merge::leftover(&bytes) {
        let source = String::from_utf8_lossy(&bytes).into_owned();
        let span = found.start..found.start + found.length;
        let label = "this conflict is not resolved".to_owned();
        return Err(Failure::new(
            Kind::Conflict,
            format!("`{shown}` still has conflict markers"),
        )
        .at(Location {
            path: shown,
            source,
            span,
            label,
        })
        .hint("edit it until no marker is left, then `agentpkg resolve --continue`"));
    }
    if let Verdict::Skipped(reason) = Definition::parse(&bytes).verdict()
        && current.is_some_and(|current| {
            matches!(Definition::parse(current).verdict(), Verdict::Loads(_))
        })
    {
        return Err(
            Failure::failed(format!("the client would ignore `{shown}`: {reason}"))
                .hint("mend it, then run the command again"),
        );
    }
    Ok(bytes)
}
