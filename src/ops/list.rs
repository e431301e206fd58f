//! `list`: what is installed, and what is available. Only reads.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::change::pending;
use super::report::{Event, Frontend, relay};
use super::resolver::Resolver;
use super::session::Session;
use super::state::State;
use super::unknown;
use crate::domain::discovery::{IndexEntry, rank};
use crate::domain::markers;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::domain::spec::{Source, as_repository};
use crate::error::{Advice, Failure, Kind, Result};
use crate::fs;
use crate::store::cache::Freshness;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::placed::Placed;
use crate::store::registry::Snapshot;

/// An installed agent.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Its name.
    pub name: AgentName,
    /// Its lock entry.
    pub locked: LockedAgent,
    /// Its state.
    pub state: State,
    /// Whether an update of it is pending.
    pub is_pending: bool,
}

/// The installed agents, sorted by name.
pub fn installed(session: &Session, frontend: &mut dyn Frontend) -> Result<Vec<Installed>> {
    session.look_for_interruption(frontend)?;
    session.project.heed_policy()?;
    let installed = with_states(session, session.project.load_lockfile()?)?;
    // Only where a file is missing is it worth a look where it may be.
    if installed.iter().any(|agent| agent.state == State::Missing) {
        return with_states(session, Placed::read(&session.project)?.lockfile);
    }
    Ok(installed)
}

/// The agents of a lockfile with the states of their files.
fn with_states(session: &Session, lockfile: Lockfile) -> Result<Vec<Installed>> {
    let mut seen = session
        .cache
        .seen(session.project.agents_folder(), lockfile.agents.len());
    let pending = pending::names(&session.project)?;
    let with_state = |(name, locked): (AgentName, LockedAgent)| {
        let is_pending = pending.contains(&name);
        let state = match session
            .project
            .digest_agent(&name, &locked.folder, &mut seen)?
        {
            None => State::Missing,
            Some(digest) if digest == locked.unedited() => State::of_file(true, is_pending),
            Some(_) => {
                let file = session.project.read_agent(&name, &locked.folder)?;
                let has_markers = file.is_some_and(|bytes| markers::first(&bytes).is_some());
                State::of_file(false, is_pending || has_markers)
            }
        };
        Ok(Installed {
            name,
            locked,
            state,
            is_pending,
        })
    };
    let installed = lockfile
        .agents
        .into_iter()
        .map(with_state)
        .collect::<Result<_>>()?;
    seen.keep(session.environment.now());
    Ok(installed)
}

/// What one source offers.
pub struct Offer<'a> {
    /// The source at its newest state.
    pub snapshot: Rc<Snapshot<'a>>,
    /// Its agents that are meant by their names, sorted by name.
    agents: Vec<IndexEntry>,
    /// Those that stand behind others.
    behind: Vec<IndexEntry>,
}

impl<'a> Offer<'a> {
    fn of(snapshot: Rc<Snapshot<'a>>, frontend: &mut dyn Frontend) -> Result<Self> {
        let offered = snapshot.offered(&mut |event| relay(frontend, event))?;
        Ok(Self {
            agents: offered.all(),
            behind: offered.behind(),
            snapshot,
        })
    }
}

/// What the registries, or one source, offer.
pub fn available<'a>(
    session: &'a Session,
    place: Option<&str>,
    frontend: &mut dyn Frontend,
) -> Result<Vec<Offer<'a>>> {
    let manifest = session.manifest(frontend)?;
    let mut resolver = Resolver::new(session, Freshness::Recent);
    let mut offers = Vec::new();
    let mut registries = session.registries(&manifest).into_iter();
    if let Some(place) = place {
        let found = registries.find(|(name, _)| name.as_str() == place);
        let (name, source) = match found {
            Some((name, source)) => (Some(name), source),
            None => (
                None,
                parse_source(session, place).map_err(|failure| {
                    let failure = unknown::hinted(failure, place, &manifest);
                    or_search(failure, place)
                })?,
            ),
        };
        let snapshot = resolver.snapshot(name.as_ref(), &source, frontend)?;
        offers.push(Offer::of(snapshot, frontend)?);
        return Ok(offers);
    }
    resolver.ask(
        manifest
            .registries()
            .iter()
            .map(|(_, source)| source.clone()),
        frontend,
    );
    for (name, source) in registries {
        let snapshot = resolver.snapshot(Some(&name), &source, frontend);
        match snapshot.and_then(|snapshot| Offer::of(snapshot, frontend)) {
            Ok(offer) => offers.push(offer),
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            Err(failure) => frontend.report(Event::warning(format!(
                "registry `{name}` is left out: {failure}"
            ))),
        }
    }
    Ok(offers)
}

/// A failure about what was typed as a source, and may be meant as the name of an agent.
fn or_search(failure: Failure, typed: &str) -> Failure {
    if AgentName::new(typed).is_err() {
        return failure;
    }
    let search = Advice::run(Command::new(["search", typed]));
    failure.hint(search.and(" looks for agents in the registries"))
}

/// A source that a user typed, as the manifest keeps it.
pub fn parse_source(session: &Session, text: &str) -> Result<Source> {
    let source = Source::parse(text).map_err(|error| {
        Failure::usage(format!(
            "`{}` is neither a registry nor a source",
            text.escape_debug()
        ))
        .caused_by(error)
    });
    // A repository is never guessed: a typo must not reach a stranger.
    let repository = as_repository(text);
    let repository = repository
        .as_deref()
        .and_then(|spec| spec.split('#').next());
    let source = source.map(|source| session.typed_source(source));
    source.map_err(|failure| {
        failure.hint(match repository {
            Some(repository) => format!("for the repository write `{repository}`"),
            None if fs::is_folder(&session.environment.current_folder.join(text)) => {
                format!("for the folder write `./{text}`")
            }
            None => {
                "write a URL, `gh:owner/repo`, or a path that begins with `./` or `/`".to_owned()
            }
        })
    })
}

/// An agent that a source offers.
#[derive(Debug, Clone)]
pub struct Row {
    /// The agent.
    pub entry: IndexEntry,
    /// Whether its source has others of this name that it does not stand before.
    pub is_ambiguous: bool,
    /// Why another one is meant by its name: its file, and in words what it is better for.
    pub behind: Option<(String, &'static str)>,
}

/// The agents that a listing of a source shows. `is_all`: also those that stand behind others.
#[must_use]
pub fn rows(offer: &Offer<'_>, is_all: bool) -> Vec<Row> {
    let meant = &offer.agents;
    let behind = if is_all {
        offer.behind.clone()
    } else {
        Vec::new()
    };
    let mut by_name: BTreeMap<String, Vec<&IndexEntry>> = BTreeMap::new();
    for entry in meant {
        by_name.entry(entry.name.folded()).or_default().push(entry);
    }
    let before = |entry: &IndexEntry| {
        let others = by_name.get(&entry.name.folded())?;
        let same = others.iter().find(|other| other.blob == entry.blob);
        let winner = same.or_else(|| others.first())?;
        Some((winner.file.clone(), rank::reason(winner, entry)))
    };
    let shown = meant.iter().map(|entry| Row {
        entry: entry.clone(),
        is_ambiguous: by_name[&entry.name.folded()].len() > 1,
        behind: None,
    });
    let behind = behind.into_iter().map(|entry| Row {
        behind: before(&entry),
        is_ambiguous: false,
        entry,
    });
    let mut rows: Vec<Row> = shown.chain(behind).collect();
    rows.sort_by_cached_key(|row| (row.entry.name.folded(), row.behind.is_some()));
    rows
}

/// How many agents stand behind others of their name and have other bytes.
#[must_use]
pub fn copies(offer: &Offer<'_>) -> usize {
    let mut meant: BTreeMap<String, Vec<&IndexEntry>> = BTreeMap::new();
    for entry in &offer.agents {
        meant.entry(entry.name.folded()).or_default().push(entry);
    }
    let is_other = |entry: &&IndexEntry| {
        let meant = meant.get(&entry.name.folded());
        meant.is_none_or(|meant| meant.iter().all(|meant| meant.blob != entry.blob))
    };
    offer.behind.iter().filter(is_other).count()
}
