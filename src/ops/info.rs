//! `info`: everything about one agent, an installed one or one that is offered. Only reads.

use super::change::pending;
use super::gone::GoneAgent;
use super::loaded;
use super::news::{Look, News};
use super::past::History;
use super::renamed::Renamed;
use super::report::{Frontend, relay};
use super::requirement::{self, AgentNeeds, Report, World};
use super::resolver::Resolver;
use super::session::Session;
use super::state::State;
use super::typed::{Asker, Slot, Typed};
use crate::domain::capability::{Capabilities, Gain};
use crate::domain::definition::{Definition, Verdict, adapt};
use crate::domain::digest::Digest;
use crate::domain::discovery;
use crate::domain::markers;
use crate::domain::name::{AgentName, folded};
use crate::domain::spec::{Place, Source, Spec, SpecError, Target};
use crate::domain::version::VersionRequest;
use crate::error::{Failure, Kind, Result};
use crate::fs;
use crate::store::agreement::{spec_of, versions};
use crate::store::cache::Freshness;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::{Manifest, Wanted, source_text};
use crate::store::placed::Placed;
use crate::store::project::MAX_AGENT;
use crate::store::registry::Snapshot;

/// Everything about one agent.
#[derive(Debug, Clone)]
pub struct Info {
    /// The name that it is found by.
    pub name: String,
    /// Where it is: a spec.
    pub spec: String,
    /// Its file in the source.
    pub file: String,
    /// The files of other agents of its name, with other bytes, that stand behind it in its source.
    pub others: Vec<String>,
    /// The path of its installed file, for display; `None`: it is not installed.
    pub path: Option<String>,
    /// Version or commit, for people.
    pub revision: String,
    /// What the client makes of the upstream bytes.
    pub verdict: Verdict,
    /// What the client makes of the adapted bytes, and what was adapted; the error if that fails.
    pub adapted: std::result::Result<(Verdict, Vec<String>), String>,
    /// What runs here under its name.
    pub running: Option<Running>,
    /// Whether it is installed.
    pub installed: Option<State>,
    /// Under which other name and at which other version it is installed; empty: neither differs.
    pub installed_as: String,
    /// The files, for display, of which each may be its own, if the one that was installed is missing.
    pub elsewhere: Vec<String>,
    /// Which other name its installed file has.
    pub renamed: Option<Renamed>,
    /// The overrides that it is installed with.
    pub overrides: Vec<String>,
    /// What it needs, and how it stands with that here.
    pub needs: Report,
    /// What became of it, if upstream no longer has it.
    pub gone: Option<GoneAgent>,
    /// The commits that changed its file; `None`: not asked for, or its source has no commits.
    pub history: Option<History>,
    /// What the installed file may do that the installed version could not: the user's own doing.
    pub gains: Vec<Gain>,
    /// What it may do beyond using its tools.
    pub powers: Vec<Gain>,
}

impl Info {
    /// Whether it is about an installed agent whose file is not there: the rest is about the file as it was installed.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.path.is_some() && self.installed == Some(State::Missing)
    }
}

/// Whether the past of an agent is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It is not.
    No,
    /// As far as it is here.
    Here,
    /// All of it; what is not here is fetched.
    Fetch,
}

/// The agent that the client runs under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Where it is, for display.
    pub place: String,
    /// Where those are that do not run because of it, and why.
    pub hidden: Vec<(String, &'static str)>,
}

/// Looks at an agent: an installed one by its name, or whatever a spec means. `history`: whether its past is looked at as well.
pub fn info(
    session: &Session,
    text: &str,
    history: Wish,
    frontend: &mut dyn Frontend,
) -> Result<Info> {
    session.look_for_interruption(frontend)?;
    session.project.heed_policy()?;
    let mut info = look(session, text, history, frontend)?;
    let name = match &info.adapted {
        Ok((Verdict::Loads(loaded), _)) => &loaded.name,
        _ => &info.name,
    };
    info.running = running(session, name);
    Ok(info)
}

/// What runs in the current folder under a name.
fn running(session: &Session, name: &str) -> Option<Running> {
    let set = loaded::read(session);
    let agent = set.running(name)?;
    let hidden = set.agents.iter().filter_map(|other| {
        let (winner, reason) = set.winner(other)?;
        (other.name.as_deref() == Some(name) && winner.shown == agent.shown)
            .then(|| (loaded::place_of(&set, other), reason))
    });
    Some(Running {
        place: loaded::place_of(&set, agent),
        hidden: hidden.collect(),
    })
}

fn look(session: &Session, text: &str, history: Wish, frontend: &mut dyn Frontend) -> Result<Info> {
    let usage = |error: SpecError| Failure::usage(error.to_string());
    let spec = Spec::parse(text).map_err(usage)?;
    if let (Place::Source(source), None) = (&spec.place, &spec.target)
        && let Some((_, file)) = source.as_file()
    {
        return of_file(session, &source.to_string(), file, frontend);
    }
    let spec = session.typed_spec(spec);
    let placed = Placed::read(&session.project)?;
    let lockfile = &placed.lockfile;
    if let Some(name) = &bare_name(&spec)
        && let Some(locked) = lockfile.agents.get(name)
        && (spec.version.as_ref()).is_none_or(|request| is_version(locked, request))
    {
        let unsure = placed.unsure.get(name).into_iter().flatten();
        let shown = unsure.map(|folder| session.project.shown_path(name, folder));
        return Ok(Info {
            elsewhere: shown.collect(),
            ..of_installed(session, (name, locked), history, frontend)?
        });
    }
    // A version is one that a source offers; what runs here says nothing about it.
    let loaded = match bare_name(&spec) {
        Some(name) if spec.version.is_none() => of_loaded(session, &name, frontend)?,
        _ => None,
    };
    // No remote is asked about an agent that is here.
    let freshness = if loaded.is_some() {
        Freshness::Any
    } else {
        Freshness::Recent
    };
    let mut resolver = Resolver::new(session, freshness);
    let offered = of_offered(&mut resolver, (text, &spec), lockfile, history, frontend);
    match (offered, loaded) {
        (Err(failure), Some(loaded)) if failure.kind() != Kind::Interrupted => Ok(loaded),
        (offered, _) => offered,
    }
}

/// An agent that nobody offers and the client loads here; `None` if there is none.
fn of_loaded(
    session: &Session,
    name: &AgentName,
    frontend: &mut dyn Frontend,
) -> Result<Option<Info>> {
    let set = loaded::read(session);
    let Some(agent) = set
        .running(name.as_str())
        .filter(|agent| !agent.content.is_empty())
    else {
        return Ok(None);
    };
    let bytes = agent.content.bytes();
    let mut info = judge(agent.shown.clone(), &agent.below, &bytes);
    info.needs = needs(session, &info, Seen::File, &bytes, frontend)?;
    Ok(Some(info))
}

/// The name that a spec is, if it is nothing but a name, at whatever version.
fn bare_name(spec: &Spec) -> Option<AgentName> {
    match (&spec.place, &spec.target) {
        (Place::Anywhere, Some(Target::Name(name))) => AgentName::new(name).ok(),
        _ => None,
    }
}

/// The file at a path, which ends in the name `file`.
fn of_file(session: &Session, path: &str, file: &str, frontend: &mut dyn Frontend) -> Result<Info> {
    let absolute = session
        .environment
        .absolute(&session.environment.current_folder, path);
    let bytes = fs::read(&absolute, MAX_AGENT)?
        .ok_or_else(|| Failure::failed(format!("there is no file `{path}`")))?;
    let mut info = judge(path.to_owned(), file, &bytes);
    info.needs = needs(session, &info, Seen::File, &bytes, frontend)?;
    Ok(info)
}

/// An installed agent, as its file is now.
fn of_installed(
    session: &Session,
    (name, locked): (&AgentName, &LockedAgent),
    history: Wish,
    frontend: &mut dyn Frontend,
) -> Result<Info> {
    let project = &session.project;
    let bytes = project.read_agent(name, &locked.folder)?;
    let state = state_of(session, (name, locked), bytes.as_deref())?;
    let base = project.read_written(locked)?;
    let gains = match (&bytes, &base) {
        (Some(bytes), Some(base)) => Capabilities::of(bytes).gains_over(&Capabilities::of(base)),
        _ => Vec::new(),
    };
    let renamed = (bytes.as_deref()).and_then(|file| Renamed::of(name, file, base.as_deref()));
    // Of a missing file, what was written says what the agent is.
    let bytes = bytes.or(base).unwrap_or_default();
    let mut info = judge(
        project.shown_path(name, &locked.folder),
        &locked.file,
        &bytes,
    );
    info.name = name.to_string();
    info.revision = versions(Some(locked));
    info.installed = Some(state);
    info.overrides = locked.overrides.texts();
    info.gains = gains;
    info.renamed = renamed;
    info.gone = departed(session, name, locked, frontend);
    info.history = history_of(session, (name, locked), history, frontend)?;
    info.needs = needs(session, &info, Seen::Project(name), &bytes, frontend)?;
    info.path = Some(std::mem::replace(&mut info.spec, spec_of(locked)));
    Ok(info)
}

/// What became of an installed agent, if upstream no longer has it as far as this machine knows.
fn departed(
    session: &Session,
    name: &AgentName,
    locked: &LockedAgent,
    frontend: &mut dyn Frontend,
) -> Option<GoneAgent> {
    let manifest = session.project.load_manifest().ok()??;
    let offline = session.offline();
    match Look::new(&offline, &manifest).news(name, locked, frontend) {
        News::Gone(gone) => Some(gone),
        _ => None,
    }
}

/// The past of an installed agent up to the newest version that is known here. Where its source has lost it, up to the installed one.
fn history_of(
    session: &Session,
    (name, locked): (&AgentName, &LockedAgent),
    history: Wish,
    frontend: &mut dyn Frontend,
) -> Result<Option<History>> {
    let Ok(source) = Source::parse(&locked.source) else {
        return Ok(None);
    };
    if history == Wish::No {
        return Ok(None);
    }
    if let (Wish::Fetch, Source::Git(url)) = (history, &source) {
        let watch = &mut |event| relay(frontend, event);
        let repository = session.cache.repository(url, Freshness::Any, watch)?;
        repository.fetch_history(watch)?;
    }
    let manifest = session.manifest(frontend)?;
    let offline = session.offline();
    let known = Some((locked.file.as_str(), locked.blob));
    Ok(Look::new(&offline, &manifest)
        .newest(name, locked, frontend)
        .and_then(|resolved| History::of(&resolved.snapshot, &resolved.entry.file, known)))
}

/// What a spec means in the registries and sources.
fn of_offered(
    resolver: &mut Resolver<'_>,
    (text, spec): (&str, &Spec),
    lockfile: &Lockfile,
    history: Wish,
    frontend: &mut dyn Frontend,
) -> Result<Info> {
    let session = resolver.session();
    let manifest = session.manifest(frontend)?;
    let settled = resolver.settled(spec, frontend)?;
    let (spec, text) = settled
        .as_ref()
        .map_or((spec, text), |(spec, text)| (spec, text));
    let typed = Typed {
        command: "info".to_owned(),
        names: vec![text.to_owned()],
        ..Typed::default()
    };
    resolver.asked_by(Asker::spec(&typed, Slot::Name(0), text, spec));
    let named = bare_name(spec).and_then(|name| manifest.agents().get_key_value(&name));
    let resolved = match named {
        // A name of the manifest means that entry, here as with `install`.
        Some((name, wanted)) => {
            let wanted = Wanted {
                version: spec.version.clone(),
                ..wanted.clone()
            };
            resolver.resolve_wanted(name, &wanted, &manifest, frontend)?
        }
        None => resolver.resolve(spec, &manifest, frontend)?,
    };
    let bytes = resolved
        .snapshot
        .read(&resolved.entry, &mut |event| relay(frontend, event))?;
    let spec = resolved.spec(!resolved.is_meant(frontend)?);
    let mut info = judge(spec, &resolved.entry.file, &bytes);
    info.name = resolved.entry.name.to_string();
    info.others = resolved.others();
    info.file.clone_from(&resolved.entry.file);
    info.revision = resolved.revision();
    let source = source_text(&resolved.snapshot.source);
    let is_it =
        |locked: &LockedAgent| locked.source == source && locked.file == resolved.entry.file;
    let installed = lockfile.agents.iter().find(|(_, locked)| is_it(locked));
    if history != Wish::No {
        let snapshot = &resolved.snapshot;
        if history == Wish::Fetch
            && let Some((repository, _)) = snapshot.history()
        {
            repository.fetch_history(&mut |event| relay(frontend, event))?;
        }
        // It may be installed from where it was before it moved; which commit that was, the content says.
        let is_of_name = |locked: &&LockedAgent| {
            locked.source == source && folded(&locked.agent) == resolved.entry.name.folded()
        };
        let moved = lockfile.agents.values().find(is_of_name);
        let known = installed.map(|(_, locked)| locked).or(moved);
        let known = known.map(|locked| (locked.file.as_str(), locked.blob));
        info.history = History::of(snapshot, &resolved.entry.file, known);
    }
    if let Some((name, locked)) = installed {
        let file = session.project.read_agent(name, &locked.folder)?;
        info.installed = Some(state_of(session, (name, locked), file.as_deref())?);
        let name = (name.as_str() != info.name).then(|| format!("as {name}"));
        let is_other = locked.commit != resolved.commit || locked.blob != resolved.entry.blob;
        let version = versions(Some(locked));
        let version = (is_other && !version.is_empty()).then(|| format!("at {version}"));
        let parts: Vec<String> = name.into_iter().chain(version).collect();
        info.installed_as = parts.join(" ");
    }
    let from = Seen::Source(&resolved.snapshot);
    info.needs = needs(session, &info, from, &bytes, frontend)?;
    Ok(info)
}

/// The state of an installed agent with these bytes.
fn state_of(
    session: &Session,
    (name, locked): (&AgentName, &LockedAgent),
    bytes: Option<&[u8]>,
) -> Result<State> {
    let Some(bytes) = bytes else {
        return Ok(State::Missing);
    };
    let is_clean = Digest::of(bytes) == locked.unedited();
    let is_undecided = pending::names(&session.project)?.contains(name)
        || !is_clean && markers::first(bytes).is_some();
    Ok(State::of_file(is_clean, is_undecided))
}

/// Whether a locked agent is of a version that is asked for.
fn is_version(locked: &LockedAgent, request: &VersionRequest) -> bool {
    let is_commit = || {
        locked
            .commit
            .is_some_and(|commit| commit.to_string().starts_with(&request.to_string()))
    };
    let version = locked
        .version
        .as_ref()
        .and_then(|version| semver::Version::parse(version).ok());
    version.is_some_and(|version| request.accepts(&version)) || is_commit()
}

/// Where an agent is looked at.
#[derive(Clone, Copy)]
enum Seen<'f> {
    /// In a file that is of no project.
    File,
    /// In the project, where it is installed under this name.
    Project(&'f AgentName),
    /// In a source, as it would be installed.
    Source(&'f Snapshot<'f>),
}

/// What an agent needs, as it would be installed.
fn needs(
    session: &Session,
    info: &Info,
    from: Seen<'_>,
    bytes: &[u8],
    frontend: &mut dyn Frontend,
) -> Result<Report> {
    let manifest = session
        .project
        .load_manifest()?
        .unwrap_or_else(Manifest::empty);
    let lockfile = Placed::read(&session.project)?.lockfile;
    let mut world = World::open(session, &manifest, &lockfile, frontend)?;
    let mut installed = None;
    match from {
        Seen::File => {}
        Seen::Project(name) => installed = Some(name),
        Seen::Source(snapshot) => world.learn(snapshot),
    }
    let definition = Definition::parse(bytes);
    let adapted = adapt(
        bytes,
        &discovery::request(&info.file, &definition, &|_| None),
    );
    let bytes = adapted.map_or_else(|_| bytes.to_vec(), |adapted| adapted.bytes);
    let bind = installed
        .and_then(|name| manifest.agents().get(name))
        .map(|wanted| wanted.bind.clone())
        .unwrap_or_default();
    let locked = installed.and_then(|name| lockfile.agents.get(name));
    let needs = world.needs(&bytes, locked, &bind);
    let agent = AgentNeeds::of(info.name.clone(), info.spec.clone(), needs, &bytes);
    requirement::report(session, &world, manifest.policy(), &[agent], &lockfile)
}

fn judge(spec: String, file: &str, bytes: &[u8]) -> Info {
    let definition = Definition::parse(bytes);
    let adapted = adapt(bytes, &discovery::request(file, &definition, &|_| None))
        .map_err(|error| error.to_string());
    let powers = match &adapted {
        Ok(adapted) => Capabilities::of(&adapted.bytes).shown(),
        Err(_) => Capabilities::of(bytes).shown(),
    };
    let adapted = adapted.map(|adapted| {
        let verdict = Definition::parse(&adapted.bytes).verdict().clone();
        let applied = adapted.applied.iter().map(ToString::to_string);
        (verdict, applied.collect())
    });
    let name = match (&adapted, definition.verdict()) {
        (_, Verdict::Loads(loaded)) | (Ok((Verdict::Loads(loaded), _)), _) => loaded.name.clone(),
        _ => discovery::stem(file).to_owned(),
    };
    Info {
        name,
        spec,
        file: file.to_owned(),
        others: Vec::new(),
        path: None,
        revision: String::new(),
        verdict: definition.verdict().clone(),
        adapted,
        running: None,
        installed: None,
        installed_as: String::new(),
        elsewhere: Vec::new(),
        renamed: None,
        overrides: Vec::new(),
        needs: Report::default(),
        gone: None,
        history: None,
        gains: Vec::new(),
        powers,
    }
}
