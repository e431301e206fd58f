//! Where an installed agent is now: `domain::lineage` decides it, here it gets the trees and the texts. One answer for every command that
//! looks for what is installed.

use std::rc::Rc;

use super::resolved::Resolved;
use super::{Resolver, reach_of};
use crate::domain::discovery::{self, IndexEntry};
use crate::domain::lineage::{Fate, How, Known, Lineage, Successors};
use crate::domain::name::{AgentName, folded};
use crate::domain::spec::Target;
use crate::error::{Failure, Kind, Result};
use crate::ops::report::{Frontend, relay};
use crate::store::agreement::{at_home, changed_reference, file_folder, is_from, is_target};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Manifest, Origin, Wanted};
use crate::store::registry::Snapshot;

/// What became of an installed agent.
#[derive(Debug)]
pub enum Followed<'a> {
    /// It is there.
    There(Box<There<'a>>),
    /// Its source does not have it any more.
    Gone(Departed<'a>),
}

/// An installed agent as its source has it.
#[derive(Debug)]
pub struct There<'a> {
    /// The agent.
    pub resolved: Resolved<'a>,
    /// What the manifest has to say for that.
    pub wanted: Wanted,
    /// How it was recognised, if it is at another path.
    pub how: Option<How>,
    /// Whether it was followed: it is what is installed, whatever the manifest calls it.
    pub is_followed: bool,
}

/// An installed agent that its source does not have any more.
#[derive(Debug)]
pub struct Departed<'a> {
    /// The source as it was looked at.
    pub snapshot: Rc<Snapshot<'a>>,
    /// What may have taken its place.
    pub successors: Successors,
}

impl<'a> There<'a> {
    /// An agent that is what the manifest says, whatever is installed.
    fn as_wanted(resolved: Resolved<'a>, wanted: &Wanted) -> Self {
        Self {
            resolved,
            wanted: wanted.clone(),
            how: None,
            is_followed: false,
        }
    }
}

impl<'a> Resolver<'a> {
    /// Where an installed agent is now, at the version that its entry of the manifest asks for.
    ///
    /// An entry that names another agent than the lockfile counts if there is one of that name.
    pub fn follow(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        locked: &LockedAgent,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Followed<'a>> {
        let lookup = at_home(wanted, locked, manifest);
        let is_home = is_from(locked, &lookup, manifest);
        if !is_home || !is_target(locked, &lookup) {
            match self.resolve_wanted(name, &lookup, manifest, frontend) {
                Ok(resolved) => {
                    return Ok(Followed::There(Box::new(There::as_wanted(
                        resolved, wanted,
                    ))));
                }
                Err(failure) if !is_home || failure.kind() != Kind::Failed => return Err(failure),
                Err(failure) if self.is_unversioned(&failure) => return Err(failure),
                Err(_) => {}
            }
        }
        let source = self.source_of(locked)?;
        let reach = reach_of(lookup.version.as_ref());
        let snapshot = self.open(locked.registry.as_ref(), &source, reach, frontend)?;
        let head = match snapshot.without_head {
            Some(_) => None,
            None => Some(self.fate(&snapshot, locked, frontend)?),
        };
        let newest = |entry| Resolved::newest(Rc::clone(&snapshot), entry);
        let Some(request) = &lookup.version else {
            return match (head, &snapshot.without_head) {
                (Some(fate), _) => {
                    followed(fate, &snapshot, (name, wanted), locked, newest, frontend)
                }
                (None, Some(failure)) => Err(failure.clone()),
                (None, None) => Err(Failure::failed(format!("`{source}` offers nothing"))),
            };
        };
        // Tags may have the name that it has now.
        let agent = match &head {
            Some(Fate::Same(entry) | Fate::Moved(entry, _)) => entry.name.to_string(),
            Some(Fate::Gone(_)) | None => locked.agent.clone(),
        };
        let at = self.snapshot_at(&snapshot, (request, &agent), frontend);
        let at = at.inspect_err(|failure| self.unversioned.push(failure.clone()))?;
        let Some((at, version)) = at else {
            let fate = head.unwrap_or_else(|| Fate::Gone(Successors::default()));
            // A source without tags says itself which version an agent has.
            let found = match &fate {
                Fate::Same(entry) | Fate::Moved(entry, _) => {
                    let found = self.at_version(newest(entry.clone()), Some(request), frontend);
                    Some(found.inspect_err(|failure| self.unversioned.push(failure.clone()))?)
                }
                Fate::Gone(_) => None,
            };
            let at = |entry| found.unwrap_or_else(|| newest(entry));
            return followed(fate, &snapshot, (name, wanted), locked, at, frontend);
        };
        let at = Rc::new(at);
        let fate = self.fate(&at, locked, frontend)?;
        let resolved = |entry| Resolved {
            snapshot: Rc::clone(&at),
            entry,
            version,
            commit: at.commit,
            listed_at: None,
        };
        followed(fate, &at, (name, wanted), locked, resolved, frontend)
    }

    /// An agent that was never installed, as its entry of the manifest wants it.
    pub fn look_up(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Followed<'a>> {
        let resolved = self.resolve_wanted(name, wanted, manifest, frontend)?;
        Ok(Followed::There(Box::new(There::as_wanted(
            resolved, wanted,
        ))))
    }

    /// What became of an installed agent in a state of its source.
    fn fate(
        &self,
        snapshot: &Rc<Snapshot<'a>>,
        locked: &LockedAgent,
        frontend: &mut dyn Frontend,
    ) -> Result<Fate> {
        let here = here(snapshot, &locked.file, frontend)?;
        if let Some(entry) = &here
            && entry.name.folded() == folded(&locked.agent)
        {
            return Ok(Fate::Same(entry.clone()));
        }
        let key = format!(
            "{} {:?} {:?}",
            locked.source, locked.commit, snapshot.commit
        );
        let mut compared = self.compared.borrow_mut();
        let is_compared = compared.as_ref().is_some_and(|(known, _)| *known == key);
        // A file that was named outright is not offered.
        let watch = &mut |event| relay(frontend, event);
        let unoffered = match here {
            Some(here) if snapshot.find_file(&here.file, watch)?.is_none() => Some(here),
            _ => None,
        };
        if !is_compared || unoffered.is_some() {
            let base = match locked.commit {
                Some(commit) => snapshot.tree(commit, &mut |event| relay(frontend, event))?,
                None => None,
            };
            let offered = snapshot.offered(&mut |event| relay(frontend, event))?;
            let mut now = offered.all();
            now.extend(offered.behind());
            now.extend(unoffered);
            *compared = Some((key, Lineage::new(base, now)));
        }
        let (_, lineage) = compared.as_mut().expect("it was set just now");
        let project = &self.session.project;
        let base = project.read_base(&locked.base)?;
        let mut texts = |blobs: &[_]| {
            let mut texts = snapshot.texts(blobs, &mut |event| relay(frontend, event));
            // What was installed is nearly what upstream had.
            if blobs.contains(&locked.blob) && !texts.iter().any(|(blob, _)| *blob == locked.blob) {
                texts.extend(base.clone().map(|base| (locked.blob, base)));
            }
            texts
        };
        let description = base
            .as_deref()
            .and_then(|base| description(&locked.file, base));
        let known = Known {
            file: &locked.file,
            name: &locked.agent,
            description: description.as_deref(),
            blob: locked.blob,
        };
        Ok(lineage.follow(&known, &mut texts))
    }
}

/// The agent in a file of a source, also one that the source does not offer by itself.
fn here(
    snapshot: &Snapshot<'_>,
    file: &str,
    frontend: &mut dyn Frontend,
) -> Result<Option<IndexEntry>> {
    if let Some(entry) = snapshot.find_file(file, &mut |event| relay(frontend, event))? {
        return Ok(Some(entry));
    }
    let bytes = snapshot.read_file(file, &mut |event| relay(frontend, event))?;
    let read =
        |bytes: Vec<u8>| discovery::examine_named(file, &bytes, &|name| snapshot.record(name)).ok();
    Ok(bytes.and_then(read))
}

/// The description in an agent's text.
fn description(file: &str, text: &[u8]) -> Option<String> {
    let entry = discovery::examine_named(file, text, &|_| None).ok()?;
    Some(entry.description)
}

/// A fate with what the manifest has to say about it. `at`: the agent in the state that was looked at.
fn followed<'a>(
    fate: Fate,
    snapshot: &Rc<Snapshot<'a>>,
    (name, wanted): (&AgentName, &Wanted),
    locked: &LockedAgent,
    at: impl FnOnce(IndexEntry) -> Resolved<'a>,
    frontend: &mut dyn Frontend,
) -> Result<Followed<'a>> {
    let (entry, how) = match fate {
        Fate::Same(entry) => (entry, None),
        Fate::Moved(entry, how) => (entry, Some(how)),
        Fate::Gone(successors) => {
            let snapshot = Rc::clone(snapshot);
            return Ok(Followed::Gone(Departed {
                snapshot,
                successors,
            }));
        }
    };
    let is_renamed = entry.name.folded() != folded(&locked.agent);
    let is_elsewhere = entry.file != locked.file;
    let is_called = is_target(locked, wanted);
    let wanted = if is_renamed || is_elsewhere || !is_called {
        renamed((name, wanted), locked, snapshot, &entry, frontend)?
    } else {
        wanted.clone()
    };
    Ok(Followed::There(Box::new(There {
        resolved: at(entry),
        wanted,
        how,
        is_followed: true,
    })))
}

/// The entry of the manifest for an agent that has another name or is in another file: it means that agent, also without the lockfile.
fn renamed(
    (name, wanted): (&AgentName, &Wanted),
    locked: &LockedAgent,
    snapshot: &Snapshot<'_>,
    entry: &IndexEntry,
    frontend: &mut dyn Frontend,
) -> Result<Wanted> {
    let mut meant = |text: &str| {
        let mut found = snapshot.find(text, &mut |event| relay(frontend, event))?;
        // Of files with the same bytes, the first stands for all.
        found.dedup_by(|one, other| one.blob == other.blob && one.name == other.name);
        let is_it = matches!(found.as_slice(), [one] if one.file == entry.file);
        Ok::<_, Failure>(is_it && folded(text) == entry.name.folded())
    };
    let is_by_its_name = meant(name.as_str())?;
    let is_by_upstreams = meant(entry.name.as_str())?;
    let file = || Some(Target::File(entry.file.clone()));
    let target = match &wanted.target {
        Some(Target::File(_)) => file(),
        Some(Target::Name(text)) if meant(text)? => return Ok(wanted.clone()),
        None if is_by_its_name && wanted_file(wanted).is_none() => return Ok(wanted.clone()),
        _ if wanted_file(wanted).is_some() => file(),
        _ if is_by_its_name => None,
        _ if is_by_upstreams => Some(Target::Name(entry.name.to_string())),
        _ => file(),
    };
    let origin = match (&wanted.origin, &locked.registry) {
        // Another name may be that of another agent elsewhere.
        (Origin::Any, Some(registry)) => Origin::Registry(registry.clone()),
        (Origin::Source(source), _) => Origin::Source(file_folder(source)),
        (origin, _) => origin.clone(),
    };
    Ok(Wanted {
        origin,
        target,
        ..wanted.clone()
    })
}

/// The file that an entry is a path of.
fn wanted_file(wanted: &Wanted) -> Option<&str> {
    match &wanted.origin {
        Origin::Source(source) => source.as_file().map(|(_, file)| file),
        Origin::Any | Origin::Registry(_) => None,
    }
}

/// What moved, in words: the agent, or the reference that it is taken from.
#[must_use]
pub fn news_of(locked: &LockedAgent, there: &There<'_>) -> Option<String> {
    let reference = there.resolved.snapshot.reference.as_ref();
    let all = [moved(locked, there), changed_reference(locked, reference)];
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Where an agent moved, in words.
#[must_use]
pub fn moved(locked: &LockedAgent, there: &There<'_>) -> Option<String> {
    let entry = &there.resolved.entry;
    let mut parts = Vec::new();
    if locked.file != entry.file {
        let between = format!("{} -> {}", locked.file, entry.file);
        parts.push(match there.how {
            Some(How::Copy) => format!("gone upstream, and followed to its copy: {between}"),
            Some(How::Kept(kept)) => format!("moved upstream: {between} ({kept} % of it kept)"),
            Some(How::Rewritten) => format!("moved and rewritten upstream: {between}"),
            Some(How::SameBytes) | None => format!("moved upstream: {between}"),
        });
    }
    if locked.agent != entry.name.as_str() {
        parts.push(format!("upstream calls it {} now", entry.name));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}
