//! `list` and `info`: what is installed, what is available, and everything about one agent. They only read.

use std::rc::Rc;

use super::report::{Event, Frontend, relay};
use super::requirement::{self, AgentNeeds, Report, World};
use super::resolver::Resolver;
use super::session::Session;
use super::typed::{Asker, Typed};
use super::unknown;
use crate::domain::capability::{Capabilities, Gain};
use crate::domain::definition::{Definition, Verdict, adapt};
use crate::domain::digest::Digest;
use crate::domain::discovery::{self, IndexEntry, Refused};
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::spec::{Place, Source, Spec, Target, is_file, split_file};
use crate::domain::version::VersionRequest;
use crate::error::{Failure, Kind, Result};
use crate::fs;
use crate::store::agreement::versions;
use crate::store::cache::Freshness;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Manifest, Wanted, source_text};
use crate::store::project::MAX_AGENT;
use crate::store::registry::Snapshot;

/// The state of an installed agent's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it was installed.
    Clean,
    /// Changed since.
    Edited,
    /// Gone.
    Missing,
}

/// An installed agent.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Its name.
    pub name: AgentName,
    /// Its lock entry.
    pub locked: LockedAgent,
    /// The state of its file.
    pub state: State,
}

/// The installed agents, sorted by name.
pub fn installed(session: &Session, frontend: &mut dyn Frontend) -> Result<Vec<Installed>> {
    session.look_for_interruption(frontend)?;
    let lockfile = session.project.load_lockfile()?;
    let mut seen = session
        .cache
        .seen(session.project.agents_folder(), lockfile.agents.len());
    let with_state = |(name, locked): (AgentName, LockedAgent)| {
        let state = match session.project.digest_agent(&name, &mut seen)? {
            None => State::Missing,
            Some(digest) if digest == locked.base => State::Clean,
            Some(_) => State::Edited,
        };
        Ok(Installed {
            name,
            locked,
            state,
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

fn state_of(bytes: Option<&[u8]>, locked: &LockedAgent) -> State {
    match bytes {
        None => State::Missing,
        Some(bytes) if Digest::of(bytes) == locked.base => State::Clean,
        Some(_) => State::Edited,
    }
}

/// What one source offers.
pub struct Offer<'a> {
    /// The source at its newest state.
    pub snapshot: Rc<Snapshot<'a>>,
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
    let registries = manifest
        .registries()
        .iter()
        .cloned()
        .chain([(RegistryName::builtin(), Source::Builtin)]);
    if let Some(place) = place {
        let found = registries
            .into_iter()
            .find(|(name, _)| name.as_str() == place);
        let (name, source) = match found {
            Some((name, source)) => (Some(name), source),
            None => (
                None,
                parse_source(place)
                    .map_err(|failure| unknown::hinted(failure, place, &manifest))?,
            ),
        };
        offers.push(Offer {
            snapshot: resolver.snapshot(name.as_ref(), &source, frontend)?,
        });
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
        match resolver.snapshot(Some(&name), &source, frontend) {
            Ok(snapshot) => offers.push(Offer { snapshot }),
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            Err(failure) => frontend.report(Event::warning(format!(
                "registry `{name}` is left out: {failure}"
            ))),
        }
    }
    Ok(offers)
}

/// A source as a user types it.
pub fn parse_source(text: &str) -> Result<Source> {
    let source = Source::parse(text).map_err(|error| {
        Failure::usage(format!(
            "`{}` is neither a registry nor a source",
            text.escape_debug()
        ))
        .caused_by(error)
    });
    source.map_err(|failure| {
        failure.hint("write a URL, `gh:owner/repo`, or a path that begins with `./` or `/`")
    })
}

/// Everything about one agent.
#[derive(Debug, Clone)]
pub struct Info {
    /// The name that it is found by.
    pub name: String,
    /// Where it is: a spec.
    pub spec: String,
    /// Its file in the source.
    pub file: String,
    /// Version or commit, for people.
    pub revision: String,
    /// What the client makes of the upstream bytes.
    pub verdict: Verdict,
    /// What the client makes of the adapted bytes, and what was adapted; the error if that fails.
    pub adapted: std::result::Result<(Verdict, Vec<String>), String>,
    /// Whether it is installed.
    pub installed: Option<State>,
    /// Under which other name and at which other version it is installed; empty: neither differs.
    pub installed_as: String,
    /// What it needs, and how it stands with that here.
    pub needs: Report,
    /// What the installed file may do that the installed version could not: the user's own doing.
    pub gains: Vec<Gain>,
}

/// Looks at an agent: an installed one by its name, or whatever a spec means.
pub fn info(session: &Session, text: &str, frontend: &mut dyn Frontend) -> Result<Info> {
    session.look_for_interruption(frontend)?;
    let usage = |error: crate::domain::spec::SpecError| Failure::usage(error.to_string());
    let spec = Spec::parse(text).map_err(usage)?;
    if let (Place::Source(Source::Path(path)), None) = (&spec.place, &spec.target)
        && is_file(path)
    {
        let absolute = session
            .environment
            .absolute(&session.environment.current_folder, path);
        let bytes = fs::read(&absolute, MAX_AGENT)?
            .ok_or_else(|| Failure::failed(format!("there is no file `{path}`")))?;
        let mut info = judge(path.clone(), split_file(path).1, &bytes);
        info.needs = needs(session, &info, None, &bytes, None, frontend)?;
        return Ok(info);
    }
    let lockfile = session.project.load_lockfile()?;
    let locked = match (&spec.place, &spec.target) {
        (Place::Anywhere, Some(Target::Name(name))) => {
            let is_meant = |locked: &&LockedAgent| {
                spec.version
                    .as_ref()
                    .is_none_or(|request| is_version(locked, request))
            };
            AgentName::new(name)
                .ok()
                .and_then(|name| Some((lockfile.agents.get(&name).filter(is_meant)?.clone(), name)))
        }
        _ => None,
    };
    if let Some((locked, name)) = locked {
        let bytes = session.project.read_agent(&name)?;
        let state = state_of(bytes.as_deref(), &locked);
        let base = session.project.read_base(&locked.base)?;
        let gains = match (&bytes, base) {
            (Some(bytes), Some(base)) => {
                Capabilities::of(bytes).gains_over(&Capabilities::of(&base))
            }
            _ => Vec::new(),
        };
        let mut info = judge(
            session.project.display(&session.project.agent_path(&name)),
            &locked.file,
            &bytes.unwrap_or_default(),
        );
        info.name = name.to_string();
        info.file = locked.file;
        info.revision = locked
            .version
            .or_else(|| locked.commit.map(|commit| commit.short()))
            .unwrap_or_default();
        info.installed = Some(state);
        info.gains = gains;
        let bytes = session.project.read_agent(&name)?.unwrap_or_default();
        info.needs = needs(session, &info, Some(&name), &bytes, None, frontend)?;
        return Ok(info);
    }
    let manifest = session.manifest(frontend)?;
    let mut resolver = Resolver::new(session, Freshness::Recent);
    let typed = Typed {
        command: "info".to_owned(),
        names: vec![text.to_owned()],
        ..Typed::default()
    };
    resolver.asked_by(Asker::spec(&typed, 0, text, &spec));
    let wanted = match (&spec.place, &spec.target) {
        (Place::Anywhere, Some(Target::Name(name))) => AgentName::new(name).ok(),
        _ => None,
    };
    let resolved = match wanted.and_then(|name| Some((manifest.agents().get(&name)?.clone(), name)))
    {
        // A name of the manifest means that entry, here as with `install`.
        Some((wanted, name)) => resolver.resolve_wanted(
            &name,
            &Wanted {
                version: spec.version.clone(),
                ..wanted
            },
            &manifest,
            frontend,
        )?,
        None => resolver.resolve(&spec, &manifest, frontend)?,
    };
    let bytes = resolved
        .snapshot
        .read(&resolved.entry, &mut |event| relay(frontend, event))?;
    let mut info = judge(resolved.spec(false), &resolved.entry.file, &bytes);
    info.name = resolved.entry.name.to_string();
    info.file.clone_from(&resolved.entry.file);
    info.revision = resolved.revision();
    let source = source_text(&resolved.snapshot.source);
    let is_it =
        |locked: &LockedAgent| locked.source == source && locked.file == resolved.entry.file;
    if let Some((name, locked)) = lockfile.agents.iter().find(|(_, locked)| is_it(locked)) {
        info.installed = Some(state_of(
            session.project.read_agent(name)?.as_deref(),
            locked,
        ));
        let name = (name.as_str() != info.name).then(|| format!("as {name}"));
        let is_other = locked.commit != resolved.commit || locked.blob != resolved.entry.blob;
        let version = versions(Some(locked));
        let version = (is_other && !version.is_empty()).then(|| format!("at {version}"));
        info.installed_as = name
            .into_iter()
            .chain(version)
            .collect::<Vec<_>>()
            .join(" ");
    }
    info.needs = needs(
        session,
        &info,
        None,
        &bytes,
        Some(&resolved.snapshot),
        frontend,
    )?;
    Ok(info)
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

/// What an agent needs, as it would be installed.
fn needs(
    session: &Session,
    info: &Info,
    installed: Option<&AgentName>,
    bytes: &[u8],
    snapshot: Option<&Snapshot<'_>>,
    frontend: &mut dyn Frontend,
) -> Result<Report> {
    let manifest = session
        .project
        .load_manifest()?
        .unwrap_or_else(Manifest::empty);
    let lockfile = session.project.load_lockfile()?;
    let mut world = World::open(session, &manifest, &lockfile, frontend)?;
    if let Some(snapshot) = snapshot {
        world.learn(snapshot);
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
    let agent = AgentNeeds {
        name: info.name.clone(),
        path: info.spec.clone(),
        needs: world.needs(&bytes, locked, &bind),
        capabilities: Capabilities::of(&bytes),
        losses: Definition::parse(&bytes).losses(),
    };
    let names = requirement::installed_names(session, &lockfile)?;
    requirement::report(session, &world, manifest.policy(), &[agent], &names)
}

fn judge(spec: String, file: &str, bytes: &[u8]) -> Info {
    let definition = Definition::parse(bytes);
    let adapted = adapt(bytes, &discovery::request(file, &definition, &|_| None))
        .map_err(|error| error.to_string());
    let adapted = adapted.map(|adapted| {
        let verdict = Definition::parse(&adapted.bytes).verdict().clone();
        (
            verdict,
            adapted.applied.iter().map(ToString::to_string).collect(),
        )
    });
    let name = match (&adapted, definition.verdict()) {
        (_, Verdict::Loads(loaded)) | (Ok((Verdict::Loads(loaded), _)), _) => loaded.name.clone(),
        _ => discovery::stem(file).to_owned(),
    };
    Info {
        name,
        spec,
        file: file.to_owned(),
        revision: String::new(),
        verdict: definition.verdict().clone(),
        adapted,
        installed: None,
        installed_as: String::new(),
        needs: Report::default(),
        gains: Vec::new(),
    }
}

/// The parts of a snapshot that a listing shows.
#[must_use]
pub fn offered<'s>(offer: &'s Offer<'_>) -> (Vec<IndexEntry>, &'s [Refused]) {
    (offer.snapshot.offered.all(), &offer.snapshot.refused)
}
