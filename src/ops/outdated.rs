//! `outdated`: which installed agents are behind: what they are, what the manifest would take, and what there is. Writes nothing.

use super::gone::GoneAgent;
use super::latest::newest_version;
use super::past::Changed;
use super::report::{Frontend, relay};
use super::resolver::{Followed, Resolved, Resolver, news_of};
use super::session::Session;
use super::unknown;
use super::unreached::Unreached;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::{Failure, Kind, Result};
use crate::store::agreement::{unwanted, versions};
use crate::store::cache::Freshness;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Manifest, Wanted};
use crate::store::placed::Placed;

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    /// Its name.
    pub name: AgentName,
    /// Version or commit that is installed; empty if there is neither.
    pub current: String,
    /// The newest that the manifest allows.
    pub wanted: String,
    /// The newest of its kind: the newest version where the manifest asks for one, otherwise the default branch.
    pub latest: String,
    /// Whether an update would bring something.
    pub is_behind: bool,
    /// What upstream changed in its file since the installed version; `None`: nothing, or its source has no commits.
    pub changed: Option<Changed>,
    /// Where upstream moved it or its reference, in words; `None`: nowhere.
    pub moved: Option<String>,
    /// Whether the latest is not what the manifest allows.
    pub is_held_back: bool,
    /// Whether the file has edits of the user.
    pub is_edited: bool,
}

/// What was looked at.
#[derive(Debug, Clone, Default)]
pub struct OutdatedOutcome {
    /// The agents of the manifest, sorted by name.
    pub agents: Vec<Outdated>,
    /// Agents that upstream no longer has.
    pub gone: Vec<GoneAgent>,
    /// What could not be looked at.
    pub failures: Vec<Failure>,
}

/// Looks at all agents of the manifest, or those that are named.
pub fn outdated(
    session: &Session,
    names: &[String],
    frontend: &mut dyn Frontend,
) -> Result<OutdatedOutcome> {
    session.look_for_interruption(frontend)?;
    let manifest = session.manifest(frontend)?;
    let lockfile = Placed::read(&session.project)?.lockfile;
    let is_known = |typed: &&String| (manifest.agents().keys()).any(|name| name.as_str() == *typed);
    if let Some(typed) = names.iter().find(|typed| !is_known(typed)) {
        return Err(unknown::of_manifest(
            session,
            typed,
            manifest.agents().keys(),
            &manifest,
            &lockfile,
        ));
    }
    manifest.refuse_guess(&unwanted(&manifest, &lockfile))?;
    let is_meant =
        |name: &AgentName| names.is_empty() || names.iter().any(|known| known == name.as_str());
    let meant = |(name, wanted)| Some((name, wanted, lockfile.agents.get(name)?));
    let agents: Vec<(&AgentName, &Wanted, &LockedAgent)> = (manifest.agents().iter())
        .filter(|(name, _)| is_meant(name))
        .filter_map(meant)
        .collect();
    let mut look = Look {
        session,
        manifest: &manifest,
        resolver: Resolver::new(session, Freshness::Now),
    };
    let asked = agents.iter().map(|(_, wanted, locked)| (*wanted, *locked));
    look.resolver.ask_for(asked, &manifest, frontend);
    let mut outcome = OutdatedOutcome::default();
    let mut unreached = Unreached::default();
    for (name, wanted, locked) in agents {
        match look.versions(name, wanted, locked, frontend) {
            Ok(Err(gone)) => outcome.gone.push(gone),
            Ok(Ok(there)) => {
                let gone = there
                    .gone(locked, frontend)?
                    .into_iter()
                    .filter_map(|required| {
                        let known = lockfile.agents.get(&required)?;
                        Some(GoneAgent {
                            by: Some(name.clone()),
                            ..GoneAgent::unknown(&required, known)
                        })
                    });
                outcome.gone.extend(gone);
                let agent = look.compared(name, (wanted, locked), &there, frontend)?;
                outcome.agents.push(agent);
            }
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            Err(failure) => unreached.note(name, failure),
        }
    }
    outcome.gone.sort_by(|one, other| one.name.cmp(&other.name));
    outcome.gone.dedup_by(|one, other| one.name == other.name);
    outcome.failures = unreached.into_failures();
    Ok(outcome)
}

/// What there is of an agent.
struct There<'a> {
    /// The newest that the manifest allows.
    allowed: Resolved<'a>,
    /// The default branch.
    branch: Resolved<'a>,
    /// Where it went, in words.
    moved: Option<String>,
}

impl There<'_> {
    /// What a locked agent requires and its source has lost, unless the version that is wanted does not require it any more.
    fn gone(&self, locked: &LockedAgent, frontend: &mut dyn Frontend) -> Result<Vec<AgentName>> {
        let Resolved {
            snapshot, entry, ..
        } = &self.allowed;
        let record = snapshot.record(entry.name.as_str());
        let is_required = |name: &AgentName| {
            record.is_some_and(|record| record.requires.iter().any(|known| known == name.as_str()))
        };
        let mut gone = Vec::new();
        for name in locked.requires.iter().filter(|name| is_required(name)) {
            let watch = &mut |event| relay(frontend, event);
            if snapshot.find(name.as_str(), watch)?.is_empty() {
                gone.push(name.clone());
            }
        }
        Ok(gone)
    }
}

/// A look at the sources of a manifest.
struct Look<'a> {
    session: &'a Session,
    manifest: &'a Manifest,
    resolver: Resolver<'a>,
}

impl<'a> Look<'a> {
    /// Looks up what there is of an agent, or what became of it.
    fn versions(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        locked: &LockedAgent,
        frontend: &mut dyn Frontend,
    ) -> Result<std::result::Result<There<'a>, GoneAgent>> {
        let newest = Wanted {
            version: None,
            ..wanted.clone()
        };
        let mut follow = |wanted: &Wanted| {
            self.resolver
                .follow(name, wanted, locked, self.manifest, frontend)
        };
        let there = match follow(wanted)? {
            Followed::There(there) => there,
            Followed::Gone(departed) => {
                return Ok(Err(GoneAgent::of(name, wanted, locked, &departed)));
            }
        };
        let moved = news_of(locked, &there);
        let allowed = there.resolved;
        let branch = match (&wanted.version, follow(&newest)) {
            (None, _) => allowed.clone(),
            (_, Err(failure)) if failure.kind() == Kind::Interrupted => return Err(failure),
            (_, Ok(Followed::There(branch))) => branch.resolved,
            // What is on a branch of its own, or in a source without a default branch, is held against itself.
            (_, Err(_) | Ok(Followed::Gone(_))) => allowed.clone(),
        };
        Ok(Ok(There {
            allowed,
            branch,
            moved,
        }))
    }

    /// Holds an installed agent against what there is of it.
    fn compared(
        &self,
        name: &AgentName,
        (wanted, locked): (&Wanted, &LockedAgent),
        There {
            allowed,
            branch,
            moved,
        }: &There<'_>,
        frontend: &mut dyn Frontend,
    ) -> Result<Outdated> {
        let request = wanted.version.as_ref();
        let newest = newest_version(self.session, request, allowed, branch, frontend);
        let version = request.and(allowed.version.as_ref());
        let newest = newest
            .map(|newest| newest.version)
            .or_else(|| version.cloned());
        let is_held_back = match (&newest, version) {
            (Some(newest), Some(version)) => newest != version,
            _ => wanted.version.is_some() && allowed.entry.blob != branch.entry.blob,
        };
        let bytes = self.session.project.read_agent(name, &locked.folder)?;
        Ok(Outdated {
            name: name.clone(),
            current: versions(Some(locked)),
            wanted: revision(allowed),
            is_behind: moved.is_some() || differs(locked, allowed),
            changed: changed(locked, allowed),
            moved: moved.clone(),
            latest: newest.map_or_else(|| revision(branch), |newest| newest.to_string()),
            is_held_back,
            is_edited: bytes.is_some_and(|bytes| Digest::of(&bytes) != locked.unedited()),
        })
    }
}

/// Whether another version would change the file; commits that do not touch it are no news.
fn differs(locked: &LockedAgent, resolved: &Resolved<'_>) -> bool {
    locked.blob != resolved.entry.blob
        || resolved
            .version
            .as_ref()
            .is_some_and(|version| locked.version != Some(version.to_string()))
}

/// What upstream changed in the file since the installed version.
fn changed(locked: &LockedAgent, resolved: &Resolved<'_>) -> Option<Changed> {
    let is_new = locked.blob != resolved.entry.blob;
    let file = &resolved.entry.file;
    is_new.then(|| Changed::since(locked, &resolved.snapshot, file))?
}

fn revision(resolved: &Resolved<'_>) -> String {
    match (&resolved.version, resolved.commit) {
        (Some(version), _) => version.to_string(),
        (None, Some(commit)) => commit.short(),
        (None, None) => String::new(),
    }
}
