//! `search`: agents of all registries by what a person remembers. Reads the indexes on this machine: no network, no git, no parse of
//! more than what is shown.

use std::collections::BTreeSet;

use super::report::{Event, Frontend, relay};
use super::session::Session;
use super::unknown;
use crate::domain::discovery::IndexEntry;
use crate::domain::name::RegistryName;
use crate::domain::shell::Command;
use crate::domain::spec::Source;
use crate::error::{Advice, Result};
use crate::store::cache::{self, Freshness};
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
    manifest
        .registries()
        .iter()
        .cloned()
        .chain([(RegistryName::builtin(), Source::Builtin)])
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
    let installed: BTreeSet<(&str, &str)> = lockfile
        .agents
        .values()
        .map(|locked| (locked.source.as_str(), locked.file.as_str()))
        .collect();
    for name in &options.registries {
        if !registries(&manifest).any(|(known, _)| known.as_str() == name) {
            return Err(unknown::registry(name, &manifest));
        }
    }
    let servers = options
        .server
        .as_ref()
        .map(|server| spellings(server))
        .unwrap_or_default();
    let query = Query {
        text: options.words.join(" ").to_lowercase(),
        tool: options.tool.as_ref().map(|tool| tool.to_lowercase()),
        servers,
        limit: options.limit,
    };
    let mut outcome = SearchOutcome::default();
    let mut hits: Vec<(Tier, usize, Hit)> = Vec::new();
    let mut alike = 0;
    for (order, (registry, source)) in registries(&manifest).enumerate() {
        if !options.registries.is_empty()
            && !options
                .registries
                .iter()
                .any(|name| registry.as_str() == name)
        {
            continue;
        }
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
        for (entry, tier) in found {
            let is_installed = installed.contains(&(source.as_str(), entry.file.as_str()));
            let is_shared = offered.find(entry.name.as_str()).len() > 1;
            hits.push((
                tier,
                order,
                Hit {
                    registry: registry.clone(),
                    entry,
                    tier,
                    is_installed,
                    is_shared,
                },
            ));
        }
    }
    // It is of no use beside what is meant.
    if outcome.total == 0 {
        outcome.total = alike;
    } else {
        hits.retain(|(tier, ..)| *tier < Tier::Alike);
    }
    hits.sort_by_key(|(tier, order, _)| (*tier, *order));
    outcome.hits = hits
        .into_iter()
        .map(|(_, _, hit)| hit)
        .take(options.limit)
        .collect();
    Ok(outcome)
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
    if matches!(source, Source::Git(url) if !session.cache.has(url)) {
        let never = format!("registry `{registry}` was never looked into; ");
        let refresh = Command::new(["registry", "refresh"]);
        frontend.report(Event::warning(Advice::say(never).and_run(refresh)));
        return None;
    }
    let absolute = |path: &str| session.absolute(path);
    let watch = &mut |event: cache::Event| relay(frontend, event);
    match registry::open(
        Some(registry.clone()),
        source,
        &absolute,
        &session.cache,
        Freshness::Any,
        watch,
    ) {
        Ok(snapshot) => Some(snapshot.offered),
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
    let builtin = Snapshot::builtin_without_agents();
    let mut names = vec![server.to_lowercase()];
    let meant = builtin
        .file
        .aliases
        .get(server)
        .cloned()
        .unwrap_or_else(|| server.to_owned());
    names.push(meant.to_lowercase());
    let aliases = builtin
        .file
        .aliases
        .iter()
        .filter(|(_, other)| other.eq_ignore_ascii_case(&meant));
    names.extend(aliases.map(|(alias, _)| alias.to_lowercase()));
    names.sort();
    names.dedup();
    names
}
