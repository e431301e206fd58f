//! `search`: agents of all registries by what a person remembers. Reads the indexes on this machine: no network, no git, no parse of
//! more than what is shown.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Event, Frontend, relay};
use super::session::{Options, Session};
use super::unknown;
use crate::domain::discovery::IndexEntry;
use crate::domain::name::RegistryName;
use crate::domain::shell::Command;
use crate::domain::spec::Source;
use crate::error::{Advice, Result};
use crate::store::cache::{self, Freshness, Reach};
use crate::store::index::{IndexFile, Offered, Query, Tier};
use crate::store::manifest::{Manifest, source_text};
use crate::store::registry::{self, Snapshot};

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct SearchOptions {
    /// The words.
    pub words: Vec<String>,
    /// Only in these registries; empty: in all.
    pub registries: Vec<String>,
    /// Only agents that may use this tool.
    pub tool: Option<String>,
    /// Only agents that need this MCP server.
    pub server: Option<String>,
    /// How many are shown.
    pub limit: usize,
}

/// One agent that was found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The registry that has it.
    pub registry: RegistryName,
    /// The agent.
    pub entry: IndexEntry,
    /// Why it was found.
    pub tier: Tier,
    /// Whether it is installed from there.
    pub is_installed: bool,
    /// Whether its registry has another one of this name, so that only the file tells them apart.
    pub is_shared: bool,
}

impl Hit {
    /// What to type to install it.
    #[must_use]
    pub fn spec(&self) -> String {
        if self.is_shared {
            format!("{}#{}", self.registry, self.entry.file)
        } else {
            format!("{}/{}", self.registry, self.entry.name)
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct SearchOutcome {
    /// The best first.
    pub hits: Vec<Hit>,
    /// How many there are in all.
    pub total: usize,
    /// How many registries were looked into.
    pub registries: usize,
}

/// The registries of a manifest with the built-in one, in the order that they are asked.
pub fn registries(manifest: &Manifest) -> impl Iterator<Item = (RegistryName, Source)> {
    let builtin = (RegistryName::builtin(), Source::Builtin);
    manifest.registries().iter().cloned().chain([builtin])
}

/// The index of a registry as it is on this machine.
#[must_use]
pub fn index_of(session: &Session, source: &Source) -> Option<IndexFile> {
    registry::newest_index(source, &|path| session.absolute(path), &session.cache)
}

/// Searches.
pub fn search(
    session: &Session,
    options: &SearchOptions,
    frontend: &mut dyn Frontend,
) -> Result<SearchOutcome> {
    session.look_for_interruption(frontend)?;
    let manifest = session.manifest(frontend)?;
    let lockfile = session.project.load_lockfile()?;
    let agents = lockfile.agents.values();
    let installed: BTreeSet<(&str, &str)> = agents
        .map(|locked| (locked.source.as_str(), locked.file.as_str()))
        .collect();
    for name in &options.registries {
        if !registries(&manifest).any(|(known, _)| known.as_str() == name) {
            return Err(unknown::registry(name, &manifest));
        }
    }
    let query = query(options);
    let mut outcome = SearchOutcome::default();
    let mut alike = 0;
    let is_meant = |(name, _): &(RegistryName, Source)| {
        options.registries.is_empty()
            || options
                .registries
                .iter()
                .any(|known| name.as_str() == known)
    };
    for (registry, source) in registries(&manifest).filter(is_meant) {
        let Some(offered) = offered(session, &registry, &source, frontend) else {
            continue;
        };
        outcome.registries += 1;
        let (found, total) = offered.search(&query);
        // What only looks alike is found where there is nothing else, so the first tells for all.
        if found.first().is_some_and(|(_, tier)| *tier == Tier::Alike) {
            alike += total;
        } else {
            outcome.total += total;
        }
        let source = source_text(&source);
        outcome
            .hits
            .extend(found.into_iter().map(|(entry, tier)| Hit {
                registry: registry.clone(),
                tier,
                is_installed: installed.contains(&(source.as_str(), entry.file.as_str())),
                is_shared: offered.find(entry.name.as_str()).len() > 1,
                entry,
            }));
    }
    // It is of no use beside what is meant.
    if outcome.total == 0 {
        outcome.total = alike;
    } else {
        outcome.hits.retain(|hit| hit.tier < Tier::Alike);
    }
    if options.words.is_empty() {
        outcome.hits = shared_out(outcome.hits, options.limit);
    } else {
        outcome.hits.sort_by_key(|hit| hit.tier);
        outcome.hits.truncate(options.limit);
    }
    Ok(outcome)
}

/// The first agents of every registry, registry by registry: nothing was named that would make one better than another.
fn shared_out(hits: Vec<Hit>, limit: usize) -> Vec<Hit> {
    let mut places: BTreeMap<RegistryName, usize> = BTreeMap::new();
    let mut numbered: Vec<(usize, Hit)> = Vec::new();
    for hit in hits {
        let place = places.entry(hit.registry.clone()).or_default();
        *place += 1;
        numbered.push((*place, hit));
    }
    let mut turns: Vec<usize> = numbered.iter().map(|(place, _)| *place).collect();
    turns.sort_unstable();
    // Where not all of a turn have room, the registries that are asked first go first.
    let last = turns.get(limit).copied().unwrap_or(usize::MAX);
    let mut room = limit - turns.iter().filter(|turn| **turn < last).count().min(limit);
    numbered.retain(|(place, _)| {
        if *place == last && room > 0 {
            room -= 1;
            return true;
        }
        *place < last
    });
    numbered.into_iter().map(|(_, hit)| hit).collect()
}

/// What is looked for, as an index understands it.
fn query(options: &SearchOptions) -> Query {
    let servers = options.server.as_deref().map(spellings);
    Query {
        text: options.words.join(" ").to_lowercase(),
        tool: options.tool.as_ref().map(|tool| tool.to_lowercase()),
        servers: servers.unwrap_or_default(),
        limit: options.limit,
    }
}

/// What a registry offers: a folder as it is now, anything else by its index, which is made anew where it is not whole. `None`, with a
/// word about it, if it cannot be told without a fetch.
fn offered(
    session: &Session,
    registry: &RegistryName,
    source: &Source,
    frontend: &mut dyn Frontend,
) -> Option<Offered> {
    // A folder changes without telling anybody.
    let is_folder = matches!(source, Source::Folder(_) | Source::File(_));
    if let Some(index) = index_of(session, source).filter(|_| !is_folder) {
        return Some(Offered::Indexed(Box::new(index)));
    }
    let is_remote = matches!(source, Source::Git(url) if url.local_path().is_none());
    let unread = |frontend: &mut dyn Frontend| {
        let never = format!("registry `{registry}` was never looked into; ");
        let refresh = Command::new(["registry", "refresh"]);
        frontend.report(Event::warning(Advice::say(never).and_run(refresh)));
    };
    if matches!(source, Source::Git(url) if !session.cache.has(url)) {
        unread(frontend);
        return None;
    }
    let options = Options {
        is_offline: true,
        ..session.options.clone()
    };
    // What is not here is not fetched: a search asks nobody.
    let offline = Session::new(
        session.project.clone(),
        session.environment.clone(),
        options,
    );
    let absolute = |path: &str| session.absolute(path);
    let watch = &mut |event: cache::Event| relay(frontend, event);
    let opened = registry::open(
        Some(registry.clone()),
        source,
        &absolute,
        &offline.cache,
        (Freshness::Any, Reach::Head),
        watch,
    );
    match opened.and_then(|snapshot| snapshot.into_offered(watch)) {
        Ok(offered) => Some(offered),
        Err(_) if is_remote => {
            unread(frontend);
            None
        }
        Err(failure) => {
            frontend.report(Event::warning(format!(
                "registry `{registry}` is left out: {failure}"
            )));
            None
        }
    }
}

/// The names that agents have for a server: other spellings of the same one.
fn spellings(server: &str) -> Vec<String> {
    let aliases = Snapshot::builtin_about().file.aliases;
    let meant = aliases.get(server).map_or(server, String::as_str);
    let is_other = |(_, other): &(&String, &String)| other.eq_ignore_ascii_case(meant);
    let others = aliases
        .iter()
        .filter(is_other)
        .map(|(alias, _)| alias.to_lowercase());
    let mut names = vec![server.to_lowercase(), meant.to_lowercase()];
    names.extend(others);
    names.sort();
    names.dedup();
    names
}
