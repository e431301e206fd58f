//! `outdated`: which installed agents are behind: what they are, what the manifest would take, and what there is. Writes nothing.

use super::report::Frontend;
use super::resolver::{Resolved, Resolver};
use super::session::Session;
use super::update::versions;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::{Failure, Kind, Result};
use crate::store::cache::Freshness;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Origin, Wanted};

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    /// Its name.
    pub name: AgentName,
    /// Version or commit that is installed; empty if there is neither.
    pub current: String,
    /// The newest that the manifest allows.
    pub wanted: String,
    /// The newest.
    pub latest: String,
    /// Whether an update would bring something.
    pub is_behind: bool,
    /// Whether there is something newer that the manifest does not allow.
    pub is_held_back: bool,
    /// Whether the file has edits of the user.
    pub is_edited: bool,
}

/// What was looked at.
#[derive(Debug, Clone, Default)]
pub struct OutdatedOutcome {
    /// The agents of the manifest, sorted by name.
    pub agents: Vec<Outdated>,
    /// What could not be looked at.
    pub failures: Vec<Failure>,
}

/// Looks at all agents of the manifest, or those that are named.
pub fn outdated(session: &Session, names: &[String], frontend: &mut dyn Frontend) -> Result<OutdatedOutcome> {
    session.recover(frontend)?;
    let manifest = session.manifest(frontend)?;
    let lockfile = session.project.load_lockfile()?;
    if let Some(unknown) = names.iter().find(|name| !manifest.agents().keys().any(|known| known.as_str() == *name)) {
        return Err(Failure::failed(format!("`{}` is not in agentpkg.toml", unknown.escape_debug()))
            .hint("`agentpkg list` shows what is installed"));
    }
    let mut resolver = Resolver::new(session, Freshness::Now);
    let is_meant = |name: &AgentName| names.is_empty() || names.iter().any(|known| known == name.as_str());
    let agents = manifest.agents().iter().filter(|(name, _)| is_meant(name));
    resolver.ask_for(agents.filter_map(|(name, wanted)| Some((wanted, lockfile.agents.get(name)?))), &manifest, frontend);
    let mut outcome = OutdatedOutcome::default();
    for (name, wanted) in manifest.agents() {
        if !is_meant(name) {
            continue;
        }
        let Some(locked) = lockfile.agents.get(name) else {
            continue;
        };
        // An agent stays with the source that it came from.
        let origin = match (&wanted.origin, &locked.registry) {
            (Origin::Any, Some(registry)) if manifest.registry(registry).is_some() => Origin::Registry(registry.clone()),
            (origin, _) => origin.clone(),
        };
        let lookup = Wanted { origin, ..wanted.clone() };
        let newest = Wanted { version: None, ..lookup.clone() };
        let found = resolver.resolve_wanted(name, &newest, &manifest, frontend).and_then(|latest| {
            let allowed = match &wanted.version {
                None => latest.clone(),
                Some(_) => resolver.resolve_wanted(name, &lookup, &manifest, frontend)?,
            };
            Ok((allowed, latest))
        });
        let (allowed, latest) = match found {
            Ok(found) => found,
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            Err(failure) => {
                outcome.failures.push(failure);
                continue;
            }
        };
        let bytes = session.project.read_agent(name)?;
        let newest_tag = newest_version(session, &latest, frontend);
        let latest_text = newest_tag.unwrap_or_else(|| revision(&latest));
        outcome.agents.push(Outdated {
            name: name.clone(),
            current: versions(Some(locked)),
            wanted: revision(&allowed),
            is_behind: differs(locked, &allowed),
            is_held_back: wanted.version.is_some() && allowed.entry.blob != latest.entry.blob,
            latest: latest_text,
            is_edited: bytes.is_some_and(|bytes| Digest::of(&bytes) != locked.base),
        });
    }
    Ok(outcome)
}

/// Whether another version would change the file; commits that do not touch it are no news.
fn differs(locked: &LockedAgent, resolved: &Resolved<'_>) -> bool {
    locked.blob != resolved.entry.blob
        || resolved.version.as_ref().is_some_and(|version| locked.version != Some(version.to_string()))
}

fn revision(resolved: &Resolved<'_>) -> String {
    match (&resolved.version, resolved.commit) {
        (Some(version), _) => version.to_string(),
        (None, Some(commit)) => commit.short(),
        (None, None) => String::new(),
    }
}

/// The newest version that a tag names, where the source has tags.
fn newest_version(session: &Session, latest: &Resolved<'_>, frontend: &mut dyn Frontend) -> Option<String> {
    let versions = latest.snapshot.versions(&session.cache, latest.entry.name.as_str(), &mut |event| {
        super::report::relay(frontend, event);
    });
    versions.first().map(|version| version.version.to_string())
}
