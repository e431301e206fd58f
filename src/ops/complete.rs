//! What could stand where the cursor is, for shells: a value and what helps to choose. Reads what is on this machine, asks nobody, says
//! nothing. No git and no network, but for versions after `@`, which are read from the repository in the cache.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use semver::Version;

use super::search::index_of;
use super::session::Session;
use super::unmanaged;
use crate::domain::definition::{Definition, Verdict};
use crate::domain::discovery;
use crate::domain::name::{AgentName, RegistryName, folded};
use crate::domain::spec::{Parts, Source};
use crate::domain::version::VersionRequest;
use crate::store::index::{Beginning, IndexFile, Offered};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Manifest, is_bindable};
use crate::store::registry::Snapshot;
use crate::store::servers;

/// How many names a shell is given; of more it is told how they go on.
const MAX_CANDIDATES: usize = 64;

/// Rows of an index that stand side by side.
type Rows<'a> = (&'a IndexFile, Range<u32>);

/// A value, and what helps to choose; empty: nothing to say.
pub type Candidate = (String, String);

/// The manifest, empty if it cannot be read.
pub(super) fn manifest(session: &Session) -> Manifest {
    // Whatever is wrong with it, the command itself will say so.
    let read = session.project.load_manifest();
    read.ok().flatten().unwrap_or_else(Manifest::empty)
}

/// What can be installed: agents by name, by registry and name, by source and name, with versions after `@`.
#[must_use]
pub fn specs(session: &Session, current: &str) -> Vec<Candidate> {
    let manifest = manifest(session);
    let parts = Parts::of(current);
    let sources: Vec<(RegistryName, Source)> = match parts.place {
        None => session.registries(&manifest),
        Some(place) => {
            let named: Vec<_> = session
                .registries(&manifest)
                .into_iter()
                .filter(|(name, _)| name.as_str() == place)
                .collect();
            if named.is_empty() {
                // A source that is typed needs no name.
                let typed = Source::parse(place).map(|source| from_here(session, source));
                let typed = typed.map(|source| (RegistryName::builtin(), source));
                typed.into_iter().collect()
            } else {
                named
            }
        }
    };
    if let Some(version) = parts.version {
        let head = &current[..current.len() - version.len()];
        let found = versions(session, &sources, parts.target, version).into_iter();
        return found
            .map(|(version, help)| (format!("{head}{version}"), help))
            .collect();
    }
    let Some(target) = parts.target else {
        return Vec::new();
    };
    let indexes = sources
        .iter()
        .filter_map(|(_, source)| index_of(session, source));
    let indexes: Vec<IndexFile> = indexes.collect();
    let head = &current[..current.len() - target.len()];
    let found = names(&indexes, &folded(target)).into_iter();
    if session.cache.damage().failure().is_some() {
        return Vec::new();
    }
    let mut candidates: Vec<Candidate> = found
        .map(|(name, help)| (format!("{head}{name}"), help))
        .collect();
    if parts.place.is_none() {
        let names = session.registries(&manifest).into_iter();
        let names = names.filter(|(name, _)| name.as_str().starts_with(current));
        candidates.extend(
            names.map(|(name, source)| (format!("{name}/"), format!("the registry {source}"))),
        );
    }
    candidates.sort();
    candidates
}

/// A source as it was typed, which counts from the current folder, not from the project's.
fn from_here(session: &Session, source: Source) -> Source {
    match source {
        Source::Folder(path) | Source::File(path) => {
            let environment = &session.environment;
            Source::path(
                environment
                    .absolute(&environment.current_folder, &path)
                    .display()
                    .to_string(),
            )
        }
        source => source,
    }
}

/// The names that begin so. If they are too many to show, how they go on: up to the next hyphen, or else the next letter. Every name
/// begins with one of the candidates, so that a shell that inserts what all of them have in common inserts nothing wrong.
fn names(indexes: &[IndexFile], folded: &str) -> Vec<Candidate> {
    let mut found: BTreeMap<String, Candidate> = BTreeMap::new();
    let mut first_rows: Vec<(&IndexFile, Option<u32>)> = Vec::new();
    for index in indexes {
        match index.beginning_with(folded, MAX_CANDIDATES) {
            Beginning::Few(entries) if entries.is_empty() => {}
            Beginning::Few(entries) => {
                first_rows.push((index, None));
                for entry in entries {
                    found
                        .entry(entry.name.folded())
                        .or_insert_with(|| (entry.name.to_string(), entry.description));
                }
            }
            Beginning::Many(first) => first_rows.push((index, Some(first))),
        }
    }
    if found.len() <= MAX_CANDIDATES && first_rows.iter().all(|(_, first)| first.is_none()) {
        return found.into_values().collect();
    }
    let range = |index: &IndexFile, first: Option<u32>| match first {
        Some(first) => index.beginning_from(first, folded),
        None => index.beginning_so(folded),
    };
    let rows: Vec<Rows<'_>> = first_rows
        .into_iter()
        .map(|(index, first)| (index, range(index, first)))
        .collect();
    let ends = rows.iter().flat_map(|(index, rows)| {
        [
            index.name(rows.start),
            index.name(rows.end.saturating_sub(1)),
        ]
    });
    let ends = ends.flatten().map(|name| self::folded(&name));
    let ends: Vec<String> = ends.filter(|name| name.starts_with(folded)).collect();
    let shared = ends.iter().map(|end| shared(end, &ends[0]));
    let shared = shared.min().unwrap_or(0);
    let to_hyphen = |name: &str| {
        let from = boundary(name, shared);
        let hyphen = name[from..].find('-');
        hyphen.map_or(name.len(), |at| from + at + 1)
    };
    let to_letter = |name: &str| boundary(name, shared + 1);
    grouped(&rows, &to_hyphen, MAX_CANDIDATES)
        .or_else(|| grouped(&rows, &to_letter, usize::MAX))
        .unwrap_or_default()
}

/// The first end of a letter from `at` on.
fn boundary(name: &str, at: usize) -> usize {
    (at..name.len())
        .find(|at| name.is_char_boundary(*at))
        .unwrap_or(name.len())
}

/// How many bytes two names have in common at their beginnings.
fn shared(one: &str, other: &str) -> usize {
    one.bytes()
        .zip(other.bytes())
        .take_while(|(one, other)| one == other)
        .count()
}

/// The beginnings of names in several indexes; `None`: more than `most`.
fn grouped(rows: &[Rows<'_>], end: &dyn Fn(&str) -> usize, most: usize) -> Option<Vec<Candidate>> {
    let mut groups: BTreeMap<String, (String, Vec<Rows<'_>>)> = BTreeMap::new();
    for (index, rows) in rows {
        for (beginning, rows) in index.beginnings(rows.clone(), end, most)? {
            let (_, members) = groups
                .entry(folded(&beginning))
                .or_insert_with(|| (beginning, Vec::new()));
            members.push((index, rows));
        }
        if groups.len() > most {
            return None;
        }
    }
    let candidate = |(beginning, members): (String, Vec<Rows<'_>>)| {
        let count: usize = members.iter().map(|(_, rows)| rows.len()).sum();
        let name = |(index, rows): &Rows<'_>| index.name(rows.start);
        // A name of its own, in however many registries, is shown as one.
        let is_one = count == 1
            || members
                .iter()
                .all(|member| name(member).is_some_and(|name| name.len() == beginning.len()));
        match members
            .first()
            .and_then(|(index, rows)| index.entry(rows.start))
            .filter(|_| is_one)
        {
            Some(entry) => (entry.name.to_string(), entry.description),
            None => (beginning, format!("{count} agents")),
        }
    };
    Some(groups.into_values().map(candidate).collect())
}

/// The versions of an agent, as they can be written behind what is typed already: `1.2.0`, `v1.2.0`, `^1.2.0`, a tag.
fn versions(
    session: &Session,
    sources: &[(RegistryName, Source)],
    target: Option<&str>,
    typed: &str,
) -> Vec<Candidate> {
    let mark = typed
        .rfind(|c: char| "^~=<>, ".contains(c))
        .map_or(0, |at| at + 1);
    let (marks, begun) = typed.split_at(mark);
    let spelled = |version: &Version, tag: Option<&str>| {
        let version = version.to_string();
        if version.starts_with(begun) || !marks.is_empty() {
            return Some(version).filter(|version| version.starts_with(begun));
        }
        let spellings = [format!("v{version}"), tag.unwrap_or_default().to_owned()];
        spellings
            .into_iter()
            .find(|text| text.starts_with(begun) && VersionRequest::parse(text).is_ok())
    };
    let candidate = |(version, tag): (Version, Option<String>)| {
        let spelled = spelled(&version, tag.as_deref())?;
        let help = tag.map_or_else(|| "the only one".to_owned(), |tag| format!("tag {tag}"));
        Some((format!("{marks}{spelled}"), help))
    };
    for (registry, source) in sources {
        let Some(index) = index_of(session, source) else {
            continue;
        };
        let offered = Offered::Indexed(Box::new(index));
        let entry = match target {
            Some(target) => {
                (offered.find(target).into_iter().next()).or_else(|| offered.find_file(target))
            }
            None if offered.len() == 1 => offered.all().into_iter().next(),
            None => None,
        };
        let name = match (entry, target) {
            (Some(entry), _) => entry.name.to_string(),
            (None, None) => String::new(),
            (None, Some(_)) => continue,
        };
        let found = versions_in(session, registry, source, &name).into_iter();
        return found.filter_map(candidate).collect();
    }
    Vec::new()
}

/// The versions of an agent that a registry has, each with its tag if there is one.
fn versions_in(
    session: &Session,
    registry: &RegistryName,
    source: &Source,
    name: &str,
) -> Vec<(Version, Option<String>)> {
    if let Some(repository) = session.kept_repository(source) {
        let tags = repository.versions(name).unwrap_or_default().into_iter();
        return tags.map(|tag| (tag.version, Some(tag.tag))).collect();
    }
    let snapshot = match source {
        Source::Git(_) => None,
        Source::Folder(path) | Source::File(path) => {
            let path = session.absolute(path);
            Snapshot::folder(
                Some(registry.clone()),
                source.clone(),
                &path,
                &session.cache,
            )
            .ok()
        }
        Source::Builtin => Some(Snapshot::builtin_without_agents()),
    };
    let version = snapshot.and_then(|snapshot| snapshot.record(name)?.version.clone());
    version.map(|version| (version, None)).into_iter().collect()
}

/// The versions that an installed agent could be updated to, as they can be written behind what is typed already.
#[must_use]
pub fn versions_of_installed(session: &Session, name: &str, typed: &str) -> Vec<Candidate> {
    let lockfile = session.project.load_lockfile().unwrap_or_default();
    let locked = AgentName::new(name)
        .ok()
        .and_then(|name| lockfile.agents.get(&name).cloned());
    let Some((locked, source)) = locked.and_then(|locked| {
        Source::parse(&locked.source)
            .ok()
            .map(|source| (locked, source))
    }) else {
        return Vec::new();
    };
    let registry = locked
        .registry
        .clone()
        .unwrap_or_else(RegistryName::builtin);
    versions(session, &[(registry, source)], Some(&locked.agent), typed)
}

/// The file of an agent; empty if it cannot be read.
pub(super) fn file_of(session: &Session, (name, locked): (&AgentName, &LockedAgent)) -> Vec<u8> {
    let read = session.project.read_agent(name, &locked.folder);
    read.ok().flatten().unwrap_or_default()
}

/// Files of the agents folder that agentpkg did not write.
pub fn unmanaged(session: &Session) -> Vec<Candidate> {
    let lockfile = session.project.load_lockfile().unwrap_or_default();
    let stems = unmanaged::unmanaged(session, &lockfile).into_iter();
    stems.map(|stem| (stem, String::new())).collect()
}

/// Agents that are installed.
#[must_use]
pub fn installed(session: &Session) -> Vec<Candidate> {
    let lockfile = session.project.load_lockfile().unwrap_or_default();
    let described = |agent| match Definition::parse(&file_of(session, agent)).verdict() {
        Verdict::Loads(loaded) => loaded.description.clone(),
        Verdict::Skipped(_) => String::new(),
    };
    // Reading a file each is quick for as many as anybody looks through.
    let is_few = lockfile.agents.len() <= 64;
    lockfile
        .agents
        .iter()
        .map(|(name, locked)| {
            let help = if is_few {
                described((name, locked))
            } else {
                String::new()
            };
            (name.to_string(), help)
        })
        .collect()
}

/// Registries of the project; `with_builtin`: the one inside the program, too.
#[must_use]
pub fn registry_names(session: &Session, with_builtin: bool) -> Vec<Candidate> {
    let manifest = manifest(session);
    let all = if with_builtin {
        session.registries(&manifest)
    } else {
        manifest.registries().to_vec()
    };
    let all = all.into_iter();
    all.map(|(name, source)| (name.to_string(), source.to_string()))
        .collect()
}

/// Servers that are configured.
#[must_use]
pub fn configured(session: &Session) -> Vec<Candidate> {
    let Ok(found) = servers::read(&session.project, &session.environment) else {
        return Vec::new();
    };
    let named = found.found.iter().map(|server| {
        let entry = server.entry.as_ref().map(ToString::to_string);
        (server.name.clone(), entry.unwrap_or_default())
    });
    // Only these can be bound, and a name comes from a file that anybody wrote.
    named.filter(|(name, _)| is_bindable(name)).collect()
}

/// Servers that the registries know.
#[must_use]
pub fn known_servers() -> Vec<Candidate> {
    let builtin = Snapshot::builtin_about();
    let paths = builtin
        .servers
        .iter()
        .filter_map(|(path, _)| path.strip_prefix("mcp/")?.strip_suffix(".json"));
    paths.map(|name| (name.to_owned(), String::new())).collect()
}

/// The client's tools.
#[must_use]
pub fn tools() -> Vec<Candidate> {
    let tools = Snapshot::builtin_about().file.tools.into_iter();
    tools.map(|tool| (tool, String::new())).collect()
}

/// `OLD=NEW`: what installed agents ask for and is not configured, then the servers that are.
#[must_use]
pub fn bindings(session: &Session, current: &str) -> Vec<Candidate> {
    let configured = configured(session);
    if let Some((old, _)) = current.split_once('=') {
        return configured
            .into_iter()
            .map(|(name, help)| (format!("{old}={name}"), help))
            .collect();
    }
    let lockfile = session.project.load_lockfile().unwrap_or_default();
    let mut names = BTreeSet::new();
    for agent in &lockfile.agents {
        let servers = discovery::servers(&file_of(session, agent));
        names.extend(servers.into_iter().filter(|name| is_bindable(name)));
    }
    let is_open = |name: &String| !configured.iter().any(|(known, _)| known == name);
    names
        .into_iter()
        .filter(is_open)
        .map(|name| {
            (
                format!("{name}="),
                "not configured under this name".to_owned(),
            )
        })
        .collect()
}
