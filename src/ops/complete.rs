//! What could stand where the cursor is, for shells: a value and what helps to choose. Reads what is on this machine, asks nobody, says
//! nothing. No git and no network, but for versions after `@`, which are read from the repository in the cache.

use std::collections::BTreeSet;

use super::search::{index_of, registries};
use super::session::Session;
use crate::domain::definition::{Definition, Verdict};
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::spec::Source;
use crate::store::cache::Freshness;
use crate::store::manifest::Manifest;
use crate::store::registry::Snapshot;
use crate::store::servers;

/// How many candidates a shell is given.
const MAX_CANDIDATES: usize = 64;

/// A value, and what helps to choose; empty: nothing to say.
pub type Candidate = (String, String);

fn manifest(session: &Session) -> Manifest {
    // Whatever is wrong with it, the command itself will say so.
    session.project.load_manifest().ok().flatten().unwrap_or_else(Manifest::empty)
}

/// Agents that can be installed: by name, by registry and name, with versions after `@`.
#[must_use]
pub fn specs(session: &Session, current: &str) -> Vec<Candidate> {
    let manifest = manifest(session);
    if let Some((name, version)) = current.rsplit_once('@').filter(|(name, _)| !name.is_empty()) {
        return versions(session, &manifest, name, version);
    }
    if let Some((source, prefix)) = current.rsplit_once('#') {
        return of_source(session, &manifest, source, prefix);
    }
    let (place, prefix) = match current.split_once('/') {
        Some((place, prefix)) => (Some(place), prefix),
        None => (None, current),
    };
    let folded = prefix.to_ascii_lowercase();
    let mut seen = BTreeSet::new();
    let mut candidates = Vec::new();
    for (registry, source) in registries(&manifest).filter(|(name, _)| place.is_none_or(|place| name.as_str() == place)) {
        let Some(index) = index_of(session, &source) else {
            continue;
        };
        for entry in index.beginning_with(&folded, MAX_CANDIDATES) {
            let name = entry.name.to_string();
            if candidates.len() >= MAX_CANDIDATES || !seen.insert(name.clone()) {
                continue;
            }
            let value = place.map_or_else(|| name, |_| format!("{registry}/{}", entry.name));
            candidates.push((value, entry.description));
        }
    }
    if place.is_none() {
        let names = registries(&manifest).filter(|(name, _)| name.as_str().starts_with(current));
        candidates.extend(names.map(|(name, source)| (format!("{name}/"), format!("the registry {source}"))));
    }
    candidates.sort();
    candidates
}

/// Agents of a registry or a source that was looked into before: `gh:owner/repo#…`.
fn of_source(session: &Session, manifest: &Manifest, place: &str, prefix: &str) -> Vec<Candidate> {
    let named = registries(manifest).find(|(name, _)| name.as_str() == place).map(|(_, source)| source);
    let source = named.or_else(|| Source::parse(place).ok());
    let Some(index) = source.and_then(|source| index_of(session, &source)) else {
        return Vec::new();
    };
    let rows = index.with_prefix(&prefix.to_ascii_lowercase(), MAX_CANDIDATES).into_iter();
    rows.map(|(name, row)| (format!("{place}#{name}"), index.entry(row).map(|entry| entry.description).unwrap_or_default()))
        .collect()
}

fn versions(session: &Session, manifest: &Manifest, name: &str, prefix: &str) -> Vec<Candidate> {
    let (place, agent) = name.split_once('/').map_or((None, name), |(place, agent)| (Some(place), agent));
    for (registry, source) in registries(manifest).filter(|(known, _)| place.is_none_or(|place| known.as_str() == place)) {
        let Some(index) = index_of(session, &source).filter(|index| !index.named(&agent.to_lowercase()).is_empty()) else {
            continue;
        };
        drop(index);
        let found = match &source {
            Source::Git(url) => {
                let repository = session.cache.repository(url, Freshness::Any, &mut |_| {});
                let tags = repository.and_then(|repository| repository.versions(agent)).unwrap_or_default();
                tags.into_iter().map(|tag| (tag.version.to_string(), format!("tag {}", tag.tag))).collect()
            }
            Source::Builtin => recorded(&Snapshot::builtin(), agent),
            Source::Path(path) => Snapshot::folder(Some(registry), source.clone(), &session.absolute(path), &session.cache)
                .map(|snapshot| recorded(&snapshot, agent))
                .unwrap_or_default(),
        };
        let found: Vec<Candidate> = found.into_iter().filter(|(version, _)| version.starts_with(prefix)).collect();
        return found.into_iter().map(|(version, help)| (format!("{name}@{version}"), help)).collect();
    }
    Vec::new()
}

fn recorded(snapshot: &Snapshot<'_>, agent: &str) -> Vec<Candidate> {
    let version = snapshot.record(agent).and_then(|record| record.version.as_ref());
    version.map(|version| vec![(version.to_string(), "the only one".to_owned())]).unwrap_or_default()
}

/// Agents that are installed.
#[must_use]
pub fn installed(session: &Session) -> Vec<Candidate> {
    let lockfile = session.project.load_lockfile().unwrap_or_default();
    let described = |name: &AgentName| {
        let bytes = session.project.read_agent(name).ok().flatten().unwrap_or_default();
        match Definition::parse(&bytes).verdict() {
            Verdict::Loads(loaded) => loaded.description.clone(),
            Verdict::Skipped(_) => String::new(),
        }
    };
    // Reading a file each is quick for as many as anybody looks through.
    let is_few = lockfile.agents.len() <= 64;
    lockfile.agents.keys().map(|name| (name.to_string(), if is_few { described(name) } else { String::new() })).collect()
}

/// Registries of the project; `with_builtin`: the one inside the program, too.
#[must_use]
pub fn registry_names(session: &Session, with_builtin: bool) -> Vec<Candidate> {
    let manifest = manifest(session);
    let all = registries(&manifest).filter(|(name, _): &(RegistryName, Source)| with_builtin || !name.is_builtin());
    all.map(|(name, source)| (name.to_string(), source.to_string())).collect()
}

/// Servers that are configured.
#[must_use]
pub fn configured(session: &Session) -> Vec<Candidate> {
    let Ok(found) = servers::read(&session.project, &session.environment) else {
        return Vec::new();
    };
    let named =
        found.found.iter().map(|server| (server.name.clone(), server.entry.as_ref().map(ToString::to_string).unwrap_or_default()));
    named.collect()
}

/// Servers that the registries know.
#[must_use]
pub fn known_servers() -> Vec<Candidate> {
    let builtin = Snapshot::builtin();
    let paths = builtin.servers.iter().filter_map(|(path, _)| path.strip_prefix("mcp/")?.strip_suffix(".json"));
    paths.map(|name| (name.to_owned(), String::new())).collect()
}

/// The client's tools.
#[must_use]
pub fn tools() -> Vec<Candidate> {
    Snapshot::builtin().file.tools.into_iter().map(|tool| (tool, String::new())).collect()
}

/// `OLD=NEW`: what installed agents ask for and is not configured, then the servers that are.
#[must_use]
pub fn bindings(session: &Session, current: &str) -> Vec<Candidate> {
    let configured = configured(session);
    if let Some((old, _)) = current.split_once('=') {
        return configured.into_iter().map(|(name, help)| (format!("{old}={name}"), help)).collect();
    }
    let lockfile = session.project.load_lockfile().unwrap_or_default();
    let mut names = BTreeSet::new();
    for name in lockfile.agents.keys() {
        let bytes = session.project.read_agent(name).ok().flatten().unwrap_or_default();
        names.extend(crate::domain::discovery::servers(&bytes));
    }
    let is_open = |name: &String| !configured.iter().any(|(known, _)| known == name);
    names.into_iter().filter(is_open).map(|name| (format!("{name}="), "not configured under this name".to_owned())).collect()
}
