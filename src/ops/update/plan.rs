//! What is newer upstream, and what it merges to. Follows files that moved, explains those that are gone, and asks about nothing but
//! a lost base.

use std::collections::{BTreeMap, BTreeSet};

use super::UpdateOptions;
use super::item::{Item, State};
use super::together::with;
use crate::domain::capability::{Capabilities, Gain};
use crate::domain::count::counted;
use crate::domain::name::AgentName;
use crate::domain::spec::Source;
use crate::error::{Failure, Kind, Result};
use crate::merge::{Options, merge_with};
use crate::ops::base::{self, Nearest, Search};
use crate::ops::candidate::Candidate;
use crate::ops::pending::Intent;
use crate::ops::report::{Choice, Event, Frontend};
use crate::ops::resolver::{Resolved, Resolver};
use crate::ops::session::Session;
use crate::ops::typed::{Asker, AskerPlace};
use crate::ops::unknown;
use crate::store::agreement::{at_home, registry_of, versions};
use crate::store::cache::Freshness;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::{Manifest, Wanted, source_text};

/// What an update would do.
#[derive(Debug, Default)]
pub(in crate::ops) struct Planned {
    /// The agents with something newer.
    pub(in crate::ops) items: Vec<Item>,
    /// Those with nothing newer.
    pub(in crate::ops) current: Vec<AgentName>,
    /// Those that upstream no longer has, and why that is thought.
    pub(in crate::ops) gone: Vec<(AgentName, String)>,
    /// Those without a base.
    pub(in crate::ops) lost: Vec<(AgentName, Failure)>,
    /// What failed without stopping the rest.
    pub(in crate::ops) failures: Vec<Failure>,
    /// How many sources were looked at.
    pub(in crate::ops) sources: usize,
    /// What the manifest is to say about those that are put aside, once they are finished.
    pub(in crate::ops) intents: BTreeMap<AgentName, Intent>,
}

impl Planned {
    /// The lockfile once every agent with something newer is written.
    pub(in crate::ops) fn lockfile(&self, before: &Lockfile) -> Lockfile {
        with(before, self.items.iter())
    }
}

/// Plans the update of the agents that are named, or of all. Options without a command as it was typed only look.
pub(in crate::ops) fn plan(
    session: &Session,
    manifest: &mut Manifest,
    lockfile: &Lockfile,
    options: &UpdateOptions,
    frontend: &mut dyn Frontend,
) -> Result<Planned> {
    let UpdateOptions {
        names,
        to,
        allowed,
        typed,
        ..
    } = options;
    let selected = select(manifest, lockfile, names)?;
    if let Some(to) = to {
        for name in &selected {
            let wanted = Wanted {
                version: Some(to.clone()),
                ..manifest.agents()[name].clone()
            };
            manifest.set_agent(name, &wanted);
        }
    }
    let mut planner = Planner {
        session,
        manifest,
        lockfile,
        resolver: Resolver::new(session, Freshness::Now),
        planned: Planned::default(),
        seen: BTreeSet::new(),
        broken: BTreeMap::new(),
        is_asked: to.is_some(),
        // Who names no agent allows what is new, and does not think of what an agent was denied before.
        allowed: if names.is_empty() { &[] } else { allowed },
    };
    planner.resolver.asked_by(Asker {
        typed: typed.clone(),
        place: if to.is_some() {
            AskerPlace::To
        } else {
            AskerPlace::Manifest
        },
    });
    let agents = selected.iter().filter_map(|name| {
        Some((
            planner.manifest.agents().get(name)?,
            planner.lockfile.agents.get(name)?,
        ))
    });
    planner.resolver.ask_for(agents, planner.manifest, frontend);
    for name in &selected {
        planner.agent(name, frontend)?;
    }
    let mut planned = planner.planned;
    planned
        .items
        .sort_by(|one, other| one.name.cmp(&other.name));
    planned.current.sort();
    Ok(planned)
}

fn select(manifest: &Manifest, lockfile: &Lockfile, names: &[String]) -> Result<Vec<AgentName>> {
    if names.is_empty() {
        return Ok(manifest.agents().keys().cloned().collect());
    }
    let mut selected = Vec::new();
    for text in names {
        let name = AgentName::new(text).ok();
        match name.filter(|name| manifest.agents().contains_key(name)) {
            Some(name) => selected.push(name),
            None => return Err(unknown::agent(text, manifest.agents().keys(), lockfile)),
        }
    }
    Ok(selected)
}

struct Planner<'a, 'm> {
    session: &'a Session,
    manifest: &'m Manifest,
    lockfile: &'m Lockfile,
    resolver: Resolver<'a>,
    planned: Planned,
    seen: BTreeSet<AgentName>,
    /// Sources that could not be reached, so that each is reported once.
    broken: BTreeMap<String, usize>,
    /// Whether the version was typed, and not read from the manifest.
    is_asked: bool,
    /// What the named agents may take that was left out before, in the words of `--allow`.
    allowed: &'m [String],
}

impl<'a> Planner<'a, '_> {
    /// Plans one agent of the manifest, and those that it requires.
    fn agent(&mut self, name: &AgentName, frontend: &mut dyn Frontend) -> Result<()> {
        if !self.seen.insert(name.clone()) {
            return Ok(());
        }
        let wanted = self.manifest.agents()[name].clone();
        let locked = self.lockfile.agents.get(name);
        if let Some(locked) = locked
            && let Some(count) = self.broken.get_mut(&locked.source)
        {
            *count += 1;
            return Ok(());
        }
        let lookup = locked.map_or_else(
            || wanted.clone(),
            |locked| at_home(&wanted, locked, self.manifest),
        );
        let found = match self
            .resolver
            .find_wanted(name, &lookup, self.manifest, frontend)
        {
            Ok(found) => Ok(found),
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            Err(failure) => match locked {
                Some(locked) => self.followed(locked, failure, frontend),
                None => Err(failure),
            },
        };
        self.planned.sources = self.resolver.count();
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                self.failed(name, locked, failure);
                return Ok(());
            }
        };
        match self
            .resolver
            .at_version(found, wanted.version.as_ref(), frontend)
        {
            Ok(resolved) => {
                let note = locked.and_then(|locked| moved(locked, &resolved));
                self.resolved(name, &wanted, &resolved, note, frontend)
            }
            // What was asked for in so many words is done whole or not at all; a version in the manifest is one of many.
            Err(failure) if self.is_asked || failure.kind() == Kind::Interrupted => Err(failure),
            Err(failure) => {
                self.planned.failures.push(failure);
                Ok(())
            }
        }
    }

    /// Where an agent went that is not found under its name any more.
    fn followed(
        &mut self,
        locked: &LockedAgent,
        failure: Failure,
        frontend: &mut dyn Frontend,
    ) -> Result<Resolved<'a>> {
        let Ok(source) = Source::parse(&locked.source) else {
            return Err(failure);
        };
        let Ok(snapshot) = self
            .resolver
            .snapshot(locked.registry.as_ref(), &source, frontend)
        else {
            return Err(failure);
        };
        // The same bytes elsewhere, another name in the same file, or the same name in another one.
        let same = snapshot.offered.find_blob(locked.blob);
        let by_name = || match snapshot.offered.find(&locked.agent).as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        };
        let entry = same
            .or_else(|| snapshot.offered.find_file(&locked.file))
            .or_else(by_name)
            .ok_or(failure)?;
        let version = snapshot
            .record(entry.name.as_str())
            .and_then(|record| record.version.clone());
        let commit = snapshot.commit;
        Ok(Resolved {
            snapshot,
            entry,
            version,
            commit,
        })
    }

    fn failed(&mut self, name: &AgentName, locked: Option<&LockedAgent>, failure: Failure) {
        let Some(locked) = locked else {
            self.planned.failures.push(failure);
            return;
        };
        let is_reachable = Source::parse(&locked.source)
            .is_ok_and(|source| self.resolver.is_open(locked.registry.as_ref(), &source));
        if is_reachable {
            let last = versions(Some(locked));
            self.planned.gone.push((
                name.clone(),
                if last.is_empty() {
                    String::new()
                } else {
                    format!("last seen in {last}")
                },
            ));
        } else {
            self.broken.insert(locked.source.clone(), 1);
            self.planned.failures.push(failure);
        }
    }

    /// Plans what was found.
    fn resolved(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        resolved: &Resolved<'a>,
        note: Option<String>,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let locked = self.lockfile.agents.get(name);
        let mut candidate = match Candidate::of(self.session, name, wanted, resolved, frontend) {
            Ok(candidate) => candidate,
            Err(failure) => {
                self.planned.failures.push(failure);
                return Ok(());
            }
        };
        if let Some(locked) = locked {
            candidate.locked.allowed.clone_from(&locked.allowed);
        }
        let mut left_out = None;
        for required in candidate.required.clone() {
            left_out = self
                .required(&required, wanted, resolved, frontend)?
                .or(left_out);
        }
        let ours = self.session.project.read_agent(name)?;
        let is_same = locked.is_some_and(|locked| {
            locked.base == candidate.locked.base
                && locked.version == candidate.locked.version
                && locked.requires == candidate.locked.requires
        });
        let declined = ours
            .as_deref()
            .filter(|_| is_same)
            .map(|ours| declined(ours, &candidate, wanted, self.allowed));
        let without = match declined {
            Some(Declined::Base(base)) => Some(base),
            Some(Declined::Edited(keys)) => {
                let keys: Vec<String> = keys.into_iter().map(|key| format!("`{key}`")).collect();
                let keys = keys.join(", ");
                frontend.report(Event::warning(format!(
                    "you changed {keys} of `{name}`, so add there yourself what you allow"
                )));
                None
            }
            Some(Declined::Nothing) | None => None,
        };
        if is_same && ours.is_some() && without.is_none() {
            self.planned.current.push(name.clone());
            return Ok(());
        }
        let (base, origin) = match locked {
            _ if without.is_some() => (without.unwrap_or_default(), None),
            None => (Vec::new(), None),
            Some(locked) if locked.base == candidate.locked.base => (candidate.bytes.clone(), None),
            Some(locked) => match self.base(name, locked, ours.is_some(), frontend)? {
                Some((base, origin)) => (base, origin),
                None => return Ok(()),
            },
        };
        let mut notes: Vec<String> = note.into_iter().collect();
        if locked.is_some_and(|locked| base::is_rewritten(self.session, locked, frontend)) {
            notes.push("the history upstream was rewritten; the base was kept".to_owned());
        }
        if let Some(origin) = origin.filter(|origin| {
            !matches!(
                origin,
                base::BaseOrigin::Project | base::BaseOrigin::Installed
            )
        }) {
            notes.push(format!("the base was found in {origin}"));
        }
        let mut item = Item {
            before: locked.cloned(),
            origin,
            ours,
            pins: wanted.pins.clone(),
            notes,
            ..Item::new(name.clone(), candidate, base)
        };
        if locked.is_none() && item.ours.is_some() {
            let path = self
                .session
                .project
                .display(&self.session.project.agent_path(name));
            self.planned.failures.push(
                Failure::failed(format!("`{path}` exists, and agentpkg did not write it"))
                    .hint(format!("move it away, then run `agentpkg install {name}`")),
            );
            return Ok(());
        }
        let count = if item.ours.is_some() {
            item.merge().conflicts().len()
        } else {
            0
        };
        item.choices = vec![None; count];
        if let Some(note) = left_out {
            item.state = State::Skipped;
            item.notes.push(note);
        }
        self.planned.items.push(item);
        Ok(())
    }

    /// Plans an agent that another one requires; gives back why that one has to be left out, if it has to.
    fn required(
        &mut self,
        required: &str,
        wanted: &Wanted,
        by: &Resolved<'a>,
        frontend: &mut dyn Frontend,
    ) -> Result<Option<String>> {
        let found = by.snapshot.offered.find(required);
        let [entry] = found.as_slice() else {
            let count = found.len();
            self.planned.failures.push(Failure::failed(format!(
                "`{}` requires `{required}`, which its registry has {count} times",
                by.entry.name
            )));
            return Ok(None);
        };
        let name = entry.name.clone();
        let source = source_text(&by.snapshot.source);
        if let Some(failure) = self.clash(&name, &source, &entry.file, &by.entry.name) {
            let note = failure.message().to_owned();
            self.planned.failures.push(failure);
            return Ok(Some(note));
        }
        if self.manifest.agents().contains_key(&name) || !self.seen.insert(name.clone()) {
            return Ok(None);
        }
        let version = by
            .snapshot
            .record(required)
            .and_then(|record| record.version.clone());
        let resolved = Resolved {
            entry: entry.clone(),
            version,
            ..by.clone()
        };
        let wanted = Wanted {
            is_verbatim: wanted.is_verbatim,
            ..Wanted::anything()
        };
        self.resolved(&name, &wanted, &resolved, None, frontend)?;
        let locked = self
            .lockfile
            .agents
            .get(&name)
            .filter(|locked| locked.source != source);
        if let Some(locked) = locked
            && let Some(item) = self.planned.items.iter_mut().find(|item| item.name == name)
        {
            let (old, new) = (registry_of(locked), registry_of(&item.candidate.locked));
            let by = &by.entry.name;
            item.replaces = Some(format!(
                "`{name}` is installed from {old}, and `{by}` requires the one from {new}"
            ));
        }
        Ok(None)
    }

    /// Why an agent of this name cannot come from there: another one has the name, or is one file with it.
    fn clash(&self, name: &AgentName, source: &str, file: &str, by: &AgentName) -> Option<Failure> {
        let planned = self.planned.items.iter().map(|item| &item.name);
        let mut known = self
            .manifest
            .agents()
            .keys()
            .chain(self.lockfile.agents.keys())
            .chain(planned);
        if let Some(other) = known.find(|other| *other != name && other.folded() == name.folded()) {
            let what = format!(
                "`{name}`, which `{by}` requires, and `{other}` are one file where case does not count"
            );
            return Some(
                Failure::failed(what)
                    .hint(format!("install `{other}` under another name with `--as`")),
            );
        }
        let is_chosen = self.seen.contains(name) || self.manifest.agents().contains_key(name);
        let planned = self
            .planned
            .items
            .iter()
            .find(|item| item.name == *name)
            .map(|item| &item.candidate.locked);
        let chosen = planned
            .or_else(|| self.lockfile.agents.get(name))
            .filter(|_| is_chosen)?;
        if chosen.source == source && chosen.file == file {
            return None;
        }
        let place = |file: &str, source: &str| format!("{file} ({source})");
        let what = format!("two different agents would be installed as `{name}`");
        Some(
            Failure::failed(what)
                .detail(place(&chosen.file, &chosen.source))
                .detail(format!("{}, for {by}", place(file, source)))
                .hint("install one of them under another name with `--as`"),
        )
    }

    /// The base of an agent; asks what to do if it is lost.
    fn base(
        &mut self,
        name: &AgentName,
        locked: &LockedAgent,
        is_there: bool,
        frontend: &mut dyn Frontend,
    ) -> Result<Option<(Vec<u8>, Option<base::BaseOrigin>)>> {
        if !is_there {
            // There is nothing to merge; the base only says what the agent could do before.
            return Ok(Some((
                self.session
                    .project
                    .read_base(&locked.base)?
                    .unwrap_or_default(),
                None,
            )));
        }
        match base::find(self.session, name, locked, frontend)? {
            Search::Found(bytes, origin) => Ok(Some((bytes, Some(origin)))),
            Search::Lost(failure, nearest) => {
                if let Some(nearest) = nearest.filter(|_| frontend.is_interactive())
                    && choose_nearest(name, &nearest, frontend)?
                {
                    return Ok(Some((nearest.bytes, None)));
                }
                let failure = Failure::failed(format!("the base of `{name}` is lost, so its update cannot be merged"))
                    .caused_by(failure)
                    .hint(format!("keep a copy of your edits, then run `agentpkg install {name} --force`"))
                    .hint("or run `agentpkg update` in a terminal, which offers the nearest version as a base");
                self.planned.lost.push((name.clone(), failure));
                Ok(None)
            }
        }
    }
}

/// What `allowed` changes about an agent that has upstream's newest version already.
enum Declined {
    /// Nothing was left out that is allowed now.
    Nothing,
    /// Upstream's version as it was written without it. As a base it makes that news again.
    Base(Vec<u8>),
    /// The user added to the same keys, which taking upstream's would lose.
    Edited(BTreeSet<&'static str>),
}

/// Looks for powers that an earlier command left out and that are allowed now.
fn declined(ours: &[u8], candidate: &Candidate, wanted: &Wanted, allowed: &[String]) -> Declined {
    if allowed.is_empty() {
        return Declined::Nothing;
    }
    let [mine, theirs] = [ours, candidate.bytes.as_slice()].map(Capabilities::of);
    let is_open =
        |gain: &Gain| gain.is_allowed(allowed) && !wanted.pins.iter().any(|pin| pin == gain.key());
    let keys: BTreeSet<&str> = theirs
        .gains_over(&mine)
        .iter()
        .filter(|gain| is_open(gain))
        .map(Gain::key)
        .collect();
    if keys.is_empty() {
        return Declined::Nothing;
    }
    let edited: BTreeSet<&str> = mine
        .gains_over(&theirs)
        .iter()
        .map(Gain::key)
        .filter(|key| keys.contains(key))
        .collect();
    if !edited.is_empty() {
        return Declined::Edited(edited);
    }
    let pins = keys.into_iter().map(str::to_owned).collect();
    Declined::Base(
        merge_with(
            ours,
            ours,
            &candidate.bytes,
            &Options {
                pins,
                ..Options::default()
            },
        )
        .resolve(&[]),
    )
}

/// Offers the nearest upstream version in place of a lost base. Never taken without an answer.
fn choose_nearest(
    name: &AgentName,
    nearest: &Nearest,
    frontend: &mut dyn Frontend,
) -> Result<bool> {
    let commit = nearest.commit.map_or_else(
        || "its source has now".to_owned(),
        |commit| format!("of commit {}", commit.short()),
    );
    let lines = counted(nearest.lines, "line");
    frontend.report(Event::warning(format!(
        "the version that `{name}` was installed from is lost; the nearest is the one {commit}, which differs in {lines}"
    )));
    let choices = [
        Choice {
            label: "skip".to_owned(),
            detail: "leave the agent as it is".to_owned(),
        },
        Choice {
            label: "use the nearest".to_owned(),
            detail: "every difference to it counts as your edit".to_owned(),
        },
    ];
    Ok(frontend.choose(&format!("How to update {name}?"), &choices, 0)? == 1)
}

/// What moved, in words.
fn moved(locked: &LockedAgent, resolved: &Resolved<'_>) -> Option<String> {
    let mut parts = Vec::new();
    if locked.file != resolved.entry.file {
        parts.push(format!(
            "moved upstream: {} -> {}",
            locked.file, resolved.entry.file
        ));
    }
    if locked.agent != resolved.entry.name.as_str() {
        parts.push(format!("upstream calls it {} now", resolved.entry.name));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}
