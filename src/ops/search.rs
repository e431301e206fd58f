//! `search`: agents of all registries by what a person remembers. Reads the indexes on this machine: no network, no git, no parse of
//! more than what is shown. `--refresh` asks the registries first; `--known` fetches what was never looked into, and asks a person first.

use std::collections::{BTreeMap, BTreeSet};

use super::known_tools;
use super::report::{Event, Frontend, interrupted, relay};
use super::resolver::Resolver;
use super::session::Session;
use super::unknown;
use crate::domain::count::{few, numbered};
use crate::domain::discovery::IndexEntry;
use crate::domain::name::RegistryName;
use crate::domain::shell::Command;
use crate::domain::spec::Source;
use crate::error::{Advice, Failure, Kind, Result};
use crate::store::builtin;
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
    /// The registries are asked for what is new first.
    pub is_refreshed: bool,
    /// Also in the public registries that are known by name.
    pub is_known: bool,
    /// Whether those that are not here may be fetched without a question.
    pub is_yes: bool,
    /// How many are shown.
    pub limit: usize,
}

/// One agent that was found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The registry that has it.
    pub registry: RegistryName,
    /// Where that is, if it is none of the project's: it is written in the spec.
    pub source: Option<Source>,
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
        if let Some(source) = &self.source {
            let target = if self.is_shared {
                &self.entry.file
            } else {
                self.entry.name.as_str()
            };
            return format!("{source}#{target}");
        }
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
    /// The filters under which the word that found nothing finds something: as an option, with the number of agents.
    pub filters: Vec<(&'static str, usize)>,
    /// The tool that was probably meant, where none of this name is used.
    pub meant_tool: Option<String>,
    /// Why registries could not be asked; they were looked into as they are here.
    pub failures: Vec<Failure>,
}

/// The index of a registry as it is on this machine.
#[must_use]
pub fn index_of(session: &Session, source: &Source) -> Option<IndexFile> {
    registry::newest_index(source, &|path| session.absolute(path), &session.cache)
}

/// Searches. A word that is in no name and no description may be that of a tool or a server.
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
    let registries = session.registries(&manifest);
    for name in &options.registries {
        if !registries.iter().any(|(known, _)| known.as_str() == name) {
            return Err(unknown::registry(name, &manifest));
        }
    }
    let is_meant = |(name, _): &(RegistryName, Source)| {
        options.registries.is_empty()
            || options
                .registries
                .iter()
                .any(|known| name.as_str() == known)
    };
    let mut outcome = SearchOutcome::default();
    let mut unfetched = Vec::new();
    if options.is_refreshed {
        let meant: Vec<_> = registries.iter().filter(|one| is_meant(one)).collect();
        let failed = fetch(session, &meant, Freshness::Now, frontend)?;
        unfetched = failed;
    }
    let public = if options.is_known {
        public(session, &registries, options.is_yes, frontend)?
    } else {
        Vec::new()
    };
    let own = registries.len();
    let query = query(options);
    let mut alike = 0;
    let mut looked_into = Vec::new();
    let mut searched = BTreeSet::new();
    let mut unread: Vec<RegistryName> = Vec::new();
    let all = registries.into_iter().chain(public).enumerate();
    for (at, (registry, source)) in all.filter(|(_, registry)| is_meant(registry)) {
        let offered = match offered(session, &registry, &source, frontend) {
            Found::Offered(offered) => *offered,
            Found::Unread => {
                unread.push(registry);
                continue;
            }
            Found::Failed => continue,
        };
        searched.insert(registry.clone());
        outcome.registries += 1;
        let (found, total) = offered.search(&query);
        // What only looks alike is found where there is nothing else, so the first tells for all.
        if found.first().is_some_and(|(_, tier)| *tier == Tier::Alike) {
            alike += total;
        } else {
            outcome.total += total;
        }
        let elsewhere = (at >= own).then(|| source.clone());
        let source = source_text(&source);
        outcome
            .hits
            .extend(found.into_iter().map(|(entry, tier)| Hit {
                registry: registry.clone(),
                source: elsewhere.clone(),
                tier,
                is_installed: installed.contains(&(source.as_str(), entry.file.as_str())),
                is_shared: offered.find(entry.name.as_str()).len() > 1,
                entry,
            }));
        looked_into.push(offered);
    }
    // What could not be fetched just now is a failure, which says more.
    unread.retain(|registry| unfetched.iter().all(|(name, _)| name != registry));
    warn_of_unread(&unread, frontend);
    let told = |(name, failure): (RegistryName, Failure)| {
        failure.detail(if searched.contains(&name) {
            format!("registry `{name}` was searched as it is in the cache")
        } else {
            format!("registry `{name}` was not searched")
        })
    };
    outcome.failures = unfetched.into_iter().map(told).collect();
    if outcome.total == 0 {
        outcome.filters = filters(options, &looked_into);
        outcome.meant_tool = options.tool.as_deref().and_then(known_tools::meant);
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

/// The filters under which the one word of a search finds something, with the numbers of agents.
fn filters(options: &SearchOptions, offers: &[Offered]) -> Vec<(&'static str, usize)> {
    let ([word], None, None) = (options.words.as_slice(), &options.tool, &options.server) else {
        return Vec::new();
    };
    let tool = SearchOptions {
        tool: Some(word.clone()),
        ..SearchOptions::default()
    };
    let server = SearchOptions {
        server: Some(word.clone()),
        ..SearchOptions::default()
    };
    // Agents without a list of tools may use any, whatever it is called.
    let any = SearchOptions {
        tool: Some("*".to_owned()),
        ..SearchOptions::default()
    };
    let count = |options: &SearchOptions| {
        let query = query(options);
        let totals = offers.iter().map(|offered| offered.search(&query).1);
        totals.sum::<usize>()
    };
    let mut found = Vec::new();
    let with_tool = count(&tool);
    if with_tool > count(&any) {
        found.push(("--tool", with_tool));
    }
    let with_server = count(&server);
    if with_server > 0 {
        found.push(("--needs-mcp", with_server));
    }
    found
}

/// The public registries that are known by name and that the project does not have. Those that were never looked into are fetched, which
/// is asked about first.
fn public(
    session: &Session,
    own: &[(RegistryName, Source)],
    is_yes: bool,
    frontend: &mut dyn Frontend,
) -> Result<Vec<(RegistryName, Source)>> {
    let known = builtin::known_registries(session.environment.known_file()).into_iter();
    let known = known.filter(|known| !own.iter().any(|(_, source)| *source == known.source));
    let known: Vec<(RegistryName, Source)> =
        known.map(|known| (known.name, known.source)).collect();
    let is_new = |(_, source): &&(RegistryName, Source)| {
        matches!(source, Source::Git(_)) && index_of(session, source).is_none()
    };
    let new: Vec<&(RegistryName, Source)> = known.iter().filter(is_new).collect();
    if new.is_empty() {
        return Ok(known);
    }
    let count = numbered(new.len(), "public registry", "public registries");
    if session.options.is_offline {
        frontend.report(Event::warning(format!(
            "{count} cannot be searched offline"
        )));
    } else if is_yes || frontend.is_interactive() {
        if !is_yes && !frontend.confirm(&format!("Fetch and search {count}?"), true)? {
            return Err(interrupted());
        }
        let failed = fetch(session, &new, Freshness::Recent, frontend)?;
        for (name, failure) in &failed {
            let text = format!("could not search `{name}`: {failure}");
            frontend.report(Event::warning(text));
        }
        let is_failed = |name: &RegistryName| failed.iter().any(|(known, _)| known == name);
        return Ok(known
            .into_iter()
            .filter(|(name, _)| !is_failed(name))
            .collect());
    } else {
        let names: Vec<&str> = new.iter().map(|(name, _)| name.as_str()).collect();
        return Err(
            Failure::new(Kind::Consent, format!("{count} would have to be fetched"))
                .detail(few(&names, ", "))
                .hint("add `--yes` to fetch"),
        );
    }
    let is_there = |(_, source): &(RegistryName, Source)| index_of(session, source).is_some();
    Ok(known.into_iter().filter(is_there).collect())
}

/// Fetches registries, at once; gives back those that cannot be had, with the reasons.
fn fetch(
    session: &Session,
    registries: &[&(RegistryName, Source)],
    freshness: Freshness,
    frontend: &mut dyn Frontend,
) -> Result<Vec<(RegistryName, Failure)>> {
    let mut failed = Vec::new();
    let mut resolver = Resolver::of_all_references(session, freshness);
    let sources = registries.iter().map(|(_, source)| source.clone());
    resolver.ask(sources, frontend);
    for (name, source) in registries {
        let snapshot = resolver.snapshot(Some(name), source, frontend);
        let watch = &mut |event| relay(frontend, event);
        match snapshot.and_then(|snapshot| snapshot.offered(watch).map(|_| ())) {
            Ok(()) => {}
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            Err(failure) => failed.push((name.clone(), failure)),
        }
    }
    Ok(failed)
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

/// Says which registries were never fetched, in one warning.
fn warn_of_unread(registries: &[RegistryName], frontend: &mut dyn Frontend) {
    if registries.is_empty() {
        return;
    }
    let verb = numbered(registries.len(), "registry has", "registries have");
    let names: Vec<String> = (registries.iter().map(|name| format!("`{name}`"))).collect();
    let never = format!("{verb} never been fetched: {}; ", few(&names, ", "));
    let refresh = Command::new(["registry", "refresh"]);
    frontend.report(Event::warning(Advice::say(never).and_run(refresh)));
}

/// What is known of a registry.
enum Found {
    /// What it offers.
    Offered(Box<Offered>),
    /// It has to be fetched first.
    Unread,
    /// It cannot be read, which was said.
    Failed,
}

/// What a registry offers: a folder as it is now, anything else by its index, which is made anew where it is not whole.
fn offered(
    session: &Session,
    registry: &RegistryName,
    source: &Source,
    frontend: &mut dyn Frontend,
) -> Found {
    // A folder changes without telling anybody.
    let is_folder = matches!(source, Source::Folder(_) | Source::File(_));
    if let Some(index) = index_of(session, source).filter(|_| !is_folder) {
        return Found::Offered(Box::new(Offered::Indexed(Box::new(index))));
    }
    let is_remote = matches!(source, Source::Git(url) if url.local_path().is_none());
    if matches!(source, Source::Git(url) if !session.cache.has(url)) {
        return Found::Unread;
    }
    // What is not here is not fetched: a search asks nobody.
    let offline = session.offline();
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
        Ok(offered) => Found::Offered(Box::new(offered)),
        Err(_) if is_remote => Found::Unread,
        Err(failure) => {
            frontend.report(Event::warning(format!(
                "registry `{registry}` is left out: {failure}"
            )));
            Found::Failed
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

/// How many public registries are known by name that the project does not have.
#[must_use]
pub fn others_known(session: &Session) -> usize {
    let manifest = session.project.load_manifest().ok().flatten();
    let own = session.registries(&manifest.unwrap_or_else(Manifest::empty));
    let known = builtin::known_registries(session.environment.known_file()).into_iter();
    known
        .filter(|known| !own.iter().any(|(_, source)| *source == known.source))
        .count()
}
