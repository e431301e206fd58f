//! From a goal to items: what is looked up where, and what is required besides. Reads and fetches. What is open about an item is noted
//! on it, and asked about in `settle`; only which of several agents is meant, and what to do about a lost base, are asked here, because
//! everything after depends on them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::bases;
use super::edits;
use super::goal::{Edits, Goal, What};
use super::item::{Item, State};
use super::leaving::leaving;
use super::origin;
use super::plan::Plan;
use super::scene::Scene;
use super::{specs, waiting};
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::domain::spec::Source;
use crate::domain::version::VersionRequest;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::base;
use crate::ops::candidate::{self, Candidate};
use crate::ops::report::Frontend;
use crate::ops::resolver::{Resolved, Resolver};
use crate::ops::typed::{Asker, AskerPlace};
use crate::ops::unknown;
use crate::store::agreement::{answers, at_home, versions};
use crate::store::cache::Freshness;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Wanted, source_text};

/// Finds out what a goal means now. `freshness`: how new what is asked has to be.
pub(in crate::ops) fn resolve(
    scene: &Scene<'_>,
    goal: &Goal,
    freshness: Freshness,
    frontend: &mut dyn Frontend,
) -> Result<Plan> {
    let mut planner = Planner {
        scene,
        goal,
        resolver: Resolver::new(scene.session, freshness),
        plan: Plan::default(),
        open: VecDeque::new(),
        broken: BTreeMap::new(),
        refused: BTreeSet::new(),
    };
    planner.resolver.asked_by(planner.asker());
    match &goal.what {
        What::Manifest => planner.rest_of_the_manifest(frontend)?,
        What::Specs(asked) => {
            specs::named(&mut planner, asked, frontend)?;
            planner.resolver.asked_by(planner.asker());
            planner.rest_of_the_manifest(frontend)?;
        }
        What::Newest { names, to } => planner.newest(names, to.as_ref(), frontend)?,
        What::Waiting { names, how } => {
            waiting::items(&mut planner.plan, scene, names, *how, frontend)?;
        }
        What::Gone(names) => leaving(&mut planner.plan, scene, names)?,
    }
    while let Some(required) = planner.open.pop_front() {
        planner.required(required, frontend)?;
    }
    let mut plan = planner.plan;
    plan.items.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(plan)
}

/// An agent that another one requires.
struct Required<'a> {
    /// The name that it has in its registry.
    name: String,
    by: AgentName,
    is_verbatim: bool,
    origin: RequiredFrom<'a>,
}

/// Where an agent is required to come from.
enum RequiredFrom<'a> {
    /// From where the requirer was found, at the same commit.
    Beside(Resolved<'a>),
    /// From the lockfile, as the requirer.
    Locked(LockedAgent),
}

/// How an agent came into the plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Added {
    /// Who asked for it, outermost first.
    pub(super) chain: Vec<String>,
    /// The agent that requires it; `None`: the user or the manifest wants it.
    pub(super) by: Option<AgentName>,
    /// Whether the user named it.
    pub(super) is_named: bool,
    /// The entry that the manifest is to have.
    pub(super) entry: Option<Wanted>,
    /// A spec that means it.
    pub(super) spec: String,
    /// What is worth knowing about how it was found.
    pub(super) note: Option<String>,
}

/// A plan while it is made.
pub(super) struct Planner<'a, 'p> {
    pub(super) scene: &'p Scene<'a>,
    pub(super) goal: &'p Goal,
    pub(super) resolver: Resolver<'a>,
    pub(super) plan: Plan,
    /// What is required and not looked at yet.
    open: VecDeque<Required<'a>>,
    /// Sources that could not be reached, so that each is reported once.
    broken: BTreeMap<String, usize>,
    /// Agents that were named and cannot be had, so that their entries are not looked up again.
    pub(super) refused: BTreeSet<AgentName>,
}

impl<'a> Planner<'a, '_> {
    /// Who asks for what is in the manifest.
    fn asker(&self) -> Asker {
        Asker {
            typed: self.goal.typed.clone(),
            place: match &self.goal.what {
                What::Newest { to: Some(_), .. } => AskerPlace::To,
                _ => AskerPlace::Manifest,
            },
        }
    }

    /// Notes what failed: an agent that cannot be had is left out with all that goes with it, and the rest is done. What was stopped, or
    /// makes no sense as it was typed, ends the command.
    pub(super) fn problem(&mut self, failure: Failure) -> Result<()> {
        let ends = match failure.kind() {
            Kind::Interrupted | Kind::Usage => true,
            // A question that nobody can answer: nothing is written, unless what needs a person is to be left out.
            Kind::Ambiguous => !self.goal.consent.is_yes && !self.goal.is_dry_run,
            _ => false,
        };
        if ends {
            return Err(failure);
        }
        self.plan.failures.push(failure);
        Ok(())
    }

    /// Plans the agents of the manifest that are not planned yet.
    fn rest_of_the_manifest(&mut self, frontend: &mut dyn Frontend) -> Result<()> {
        for (name, wanted) in self.scene.manifest.agents() {
            if self.plan.item(name).is_none()
                && !self.refused.contains(name)
                && let Err(failure) = self.wanted(name, wanted, frontend)
            {
                // What `--locked` forbids is forbidden as a whole.
                if self.scene.session.options.is_locked {
                    return Err(failure);
                }
                self.problem(failure)?;
            }
        }
        Ok(())
    }

    /// Plans one manifest entry: as it is locked, if the lock answers it.
    fn wanted(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let manifest = &self.scene.manifest;
        let session = self.scene.session;
        let locked = self.scene.lockfile.agents.get(name);
        if let Some(locked) = locked.filter(|locked| answers(locked, wanted, manifest)) {
            return self.keep(name, locked, wanted, frontend);
        }
        if session.options.is_locked {
            return Err(session
                .stale_lock()
                .caused_by(format!("`{name}` is not locked as the manifest wants it")));
        }
        // Other bindings of the same version do not make it another version.
        if let Some(locked) = locked {
            let as_bound = Wanted {
                bind: locked.bindings(),
                ..wanted.clone()
            };
            if answers(locked, &as_bound, manifest) {
                return self.rebound(name, wanted, locked, frontend);
            }
        }
        let resolved = self
            .resolver
            .resolve_wanted(name, wanted, manifest, frontend)?;
        let added = Added {
            chain: vec!["agentpkg.toml".to_owned()],
            ..Added::default()
        };
        self.add(name, wanted, &resolved, added, frontend)
    }

    /// Plans the locked version of an agent with the servers of the manifest.
    fn rebound(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        locked: &LockedAgent,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let upstream = base::upstream(self.scene.session, name, locked, frontend)?;
        let (bytes, adaptations) = candidate::readapt(name, locked, wanted, &upstream)?;
        let locked = LockedAgent {
            base: Digest::of(&bytes),
            adaptations,
            ..locked.clone()
        };
        self.push_kept(name, locked, bytes, wanted)
    }

    /// Plans an agent exactly as it is locked.
    fn keep(
        &mut self,
        name: &AgentName,
        locked: &LockedAgent,
        wanted: &Wanted,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let bytes = base::find(self.scene.session, name, locked, frontend)?.into_bytes()?;
        self.push_kept(name, locked.clone(), bytes, wanted)
    }

    fn push_kept(
        &mut self,
        name: &AgentName,
        locked: LockedAgent,
        bytes: Vec<u8>,
        wanted: &Wanted,
    ) -> Result<()> {
        let required = locked.requires.iter().map(|required| Required {
            name: required.to_string(),
            by: name.clone(),
            is_verbatim: false,
            origin: RequiredFrom::Locked(locked.clone()),
        });
        self.open.extend(required);
        let candidate = Candidate {
            locked,
            bytes,
            required: Vec::new(),
        };
        let item = Item::new(name.clone(), candidate, Vec::new());
        let mut item = Item {
            before: self.scene.lockfile.agents.get(name).cloned(),
            is_fresh: false,
            ours: self.scene.agent(name)?,
            pins: wanted.pins.clone(),
            ..item
        };
        edits::lay_over(&mut item, self.scene, self.is_forced(false))?;
        self.plan.items.push(item);
        Ok(())
    }

    /// Whether the file of an agent may be replaced although it was edited: what the user did not name keeps its edits, whatever is forced.
    fn is_forced(&self, is_named: bool) -> bool {
        self.goal.edits == Edits::Replace && (is_named || matches!(self.goal.what, What::Manifest))
    }

    /// Plans the newest versions of the agents of the manifest that are named, or of all.
    fn newest(
        &mut self,
        names: &[String],
        to: Option<&VersionRequest>,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let scene = self.scene;
        let manifest = &scene.manifest;
        let selected = select(scene, names)?;
        let agents = selected.iter().filter_map(|name| {
            Some((
                manifest.agents().get(name)?,
                scene.lockfile.agents.get(name)?,
            ))
        });
        self.resolver.ask_for(agents, manifest, frontend);
        for name in selected {
            let mut wanted = manifest.agents()[name].clone();
            wanted.version = to.cloned().or(wanted.version);
            if !names.is_empty() {
                wanted.bind.extend(self.goal.bind.clone());
            }
            self.newest_of(name, &wanted, frontend)?;
        }
        self.plan.sources = self.resolver.count();
        Ok(())
    }

    /// Plans the newest version of one agent, wherever it went.
    fn newest_of(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let manifest = &self.scene.manifest;
        let locked = self.scene.lockfile.agents.get(name);
        if let Some(locked) = locked
            && let Some(count) = self.broken.get_mut(&locked.source)
        {
            *count += 1;
            return Ok(());
        }
        let lookup = locked.map_or_else(
            || wanted.clone(),
            |locked| at_home(wanted, locked, manifest),
        );
        let found = match self.resolver.find_wanted(name, &lookup, manifest, frontend) {
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            Err(failure) => match locked {
                Some(locked) => self.followed(locked, failure, frontend),
                None => Err(failure),
            },
            found => found,
        };
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                return self.unfound(name, locked, failure);
            }
        };
        let version = wanted.version.as_ref();
        let resolved = match self.resolver.at_version(found, version, frontend) {
            Ok(resolved) => resolved,
            // What was asked for in so many words is done whole or not at all; a version in the manifest is one of many.
            Err(failure) if matches!(self.asker().place, AskerPlace::To) => return Err(failure),
            Err(failure) => return self.problem(failure),
        };
        let added = Added {
            chain: vec!["agentpkg.toml".to_owned()],
            is_named: true,
            entry: Some(wanted.clone()),
            note: locked.and_then(|locked| moved(locked, &resolved)),
            ..Added::default()
        };
        self.add(name, wanted, &resolved, added, frontend)
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
        let registry = locked.registry.as_ref();
        let Ok(snapshot) = self.resolver.snapshot(registry, &source, frontend) else {
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

    /// Says of an agent that was not found whether upstream no longer has it, or could not be asked.
    fn unfound(
        &mut self,
        name: &AgentName,
        locked: Option<&LockedAgent>,
        failure: Failure,
    ) -> Result<()> {
        let Some(locked) = locked.filter(|_| failure.kind() != Kind::Ambiguous) else {
            return self.problem(failure);
        };
        let is_reachable = Source::parse(&locked.source)
            .is_ok_and(|source| self.resolver.is_open(locked.registry.as_ref(), &source));
        if is_reachable {
            self.plan.gone.push((name.clone(), last_seen(locked)));
            return Ok(());
        }
        self.broken.insert(locked.source.clone(), 1);
        self.problem(failure)
    }

    /// Plans an agent that was found, and notes what it requires.
    pub(super) fn add(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        resolved: &Resolved<'a>,
        added: Added,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let session = self.scene.session;
        let mut candidate = match Candidate::of(session, name, wanted, resolved, frontend) {
            Ok(candidate) => candidate,
            Err(failure) => return self.problem(failure),
        };
        let before = self.scene.lockfile.agents.get(name);
        if let Some(before) = before {
            candidate.locked.allowed.clone_from(&before.allowed);
        }
        let required = candidate.required.iter().map(|required| Required {
            name: required.clone(),
            by: name.clone(),
            is_verbatim: wanted.is_verbatim,
            origin: RequiredFrom::Beside(resolved.clone()),
        });
        self.open.extend(required);
        let Added {
            chain,
            by,
            is_named,
            entry,
            spec,
            note,
        } = added;
        let item = Item::new(name.clone(), candidate, Vec::new());
        let mut item = Item {
            before: before.cloned(),
            is_named,
            wanted: entry,
            replaces: origin::replaced(self.scene, name, resolved, by.as_ref(), &chain, &spec),
            required_by: by.into_iter().collect(),
            chain,
            ours: self.scene.agent(name)?,
            pins: wanted.pins.clone(),
            notes: note.into_iter().collect(),
            ..item
        };
        if self.goal.edits == Edits::Merge {
            // Who names no agent allows what is new, and does not think of what an agent was denied before.
            let allowed = match &self.goal.what {
                What::Newest { names, .. } if !names.is_empty() => &self.goal.consent.allowed,
                _ => &Vec::new(),
            };
            if !bases::find(&mut item, &mut self.plan, self.scene, allowed, frontend)? {
                return Ok(());
            }
            item.find_conflicts();
        } else {
            let is_forced = self.is_forced(item.is_named);
            edits::lay_over(&mut item, self.scene, is_forced)?;
        }
        self.plan.items.push(item);
        Ok(())
    }

    /// Plans an agent that another one requires.
    fn required(&mut self, required: Required<'a>, frontend: &mut dyn Frontend) -> Result<()> {
        match &required.origin {
            RequiredFrom::Locked(locked) => {
                let Ok(name) = AgentName::new(&required.name) else {
                    return Ok(());
                };
                if let Some(item) = self.plan.item_mut(&name) {
                    item.required_by.insert(required.by);
                    return Ok(());
                }
                self.required_as_locked(&name, &required.by, locked, frontend)
            }
            RequiredFrom::Beside(by) => {
                let found = by.snapshot.offered.find(&required.name);
                if found.is_empty() && self.is_gone(&required) {
                    return Ok(());
                }
                let [entry] = found.as_slice() else {
                    return self.problem(Failure::failed(format!(
                        "`{}` requires `{}`, which its registry has {} times",
                        required.by,
                        required.name,
                        found.len()
                    )));
                };
                let version = by
                    .snapshot
                    .record(&required.name)
                    .and_then(|record| record.version.clone());
                let resolved = Resolved {
                    entry: entry.clone(),
                    version,
                    ..by.clone()
                };
                self.required_beside(&required, &resolved, frontend)
            }
        }
    }

    /// Whether an agent that is required was installed from there and is there no longer: it stays as it is, and is said to be gone.
    fn is_gone(&mut self, required: &Required<'a>) -> bool {
        let lockfile = &self.scene.lockfile;
        let (Ok(name), Some(by)) = (
            AgentName::new(&required.name),
            lockfile.agents.get(&required.by),
        ) else {
            return false;
        };
        let Some(locked) = lockfile.agents.get(&name) else {
            return false;
        };
        let is_of_requirer = by.requires.contains(&name) && by.source == locked.source;
        if is_of_requirer && !self.plan.gone.iter().any(|(known, _)| *known == name) {
            self.plan.gone.push((name, last_seen(locked)));
        }
        is_of_requirer
    }

    /// Plans an agent that a locked one requires, as it is locked.
    fn required_as_locked(
        &mut self,
        name: &AgentName,
        by: &AgentName,
        locked: &LockedAgent,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let session = self.scene.session;
        if let Some(locked) = self.scene.lockfile.agents.get(name) {
            self.keep(name, locked, &Wanted::anything(), frontend)?;
        } else if session.options.is_locked {
            return Err(session
                .stale_lock()
                .caused_by(format!("`{name}`, which `{by}` requires, is missing in it")));
        } else {
            let resolved = self.missing(name, by, locked, frontend)?;
            let added = Added {
                chain: vec!["agentpkg.lock".to_owned(), by.to_string()],
                by: Some(by.clone()),
                ..Added::default()
            };
            self.add(name, &Wanted::anything(), &resolved, added, frontend)?;
        }
        if let Some(item) = self.plan.item_mut(name) {
            item.required_by.insert(by.clone());
        }
        Ok(())
    }

    /// An agent that the lock forgot, although a locked one requires it: from the same source, at the same commit if it is there.
    fn missing(
        &mut self,
        required: &AgentName,
        by: &AgentName,
        locked: &LockedAgent,
        frontend: &mut dyn Frontend,
    ) -> Result<Resolved<'a>> {
        let source =
            Source::parse(&locked.source).map_err(|error| Failure::failed(error.to_string()))?;
        let registry = locked.registry.as_ref();
        let snapshot = self.resolver.snapshot(registry, &source, frontend)?;
        let found = snapshot.offered.find(required.as_str());
        let [entry] = found.as_slice() else {
            let update = Command::new(["update", by.as_str()]);
            return Err(Failure::failed(format!(
                "`{by}` requires `{required}`, which is not locked, and which its registry has {} times",
                found.len()
            ))
            .hint(
                Advice::run(update)
                    .and(format!(" takes the newest `{by}` with what that requires")),
            ));
        };
        let version = snapshot
            .record(entry.name.as_str())
            .and_then(|record| record.version.clone());
        let newest = Resolved {
            entry: entry.clone(),
            version,
            commit: snapshot.commit,
            snapshot,
        };
        let commit = locked
            .commit
            .map(|commit| VersionRequest::Revision(commit.to_string()));
        match self
            .resolver
            .at_version(newest.clone(), commit.as_ref(), frontend)
        {
            Err(failure) if failure.kind() == Kind::Interrupted => Err(failure),
            Err(_) => Ok(newest),
            Ok(resolved) => Ok(resolved),
        }
    }

    /// Plans an agent that a newly found one requires, from where that one was found.
    fn required_beside(
        &mut self,
        required: &Required<'a>,
        resolved: &Resolved<'a>,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let name = resolved.entry.name.clone();
        let by = &required.by;
        let Some(requirer) = self.plan.item(by) else {
            return Ok(());
        };
        let chain: Vec<String> = [requirer.chain.as_slice(), &[by.to_string()]].concat();
        if let Some(failure) = origin::folded(&self.plan, self.scene, &name, Some(by)) {
            return self.leave_out(by, failure);
        }
        let source = source_text(&resolved.snapshot.source);
        let file = &resolved.entry.file;
        let is_it = |locked: &LockedAgent| locked.source == source && locked.file == *file;
        let mut at = None;
        if let Some((index, item)) =
            (self.plan.items.iter_mut().enumerate()).find(|(_, item)| item.name == name)
        {
            if is_it(&item.candidate.locked) {
                item.required_by.insert(by.clone());
                return Ok(());
            }
            // Only what is installed from elsewhere, and what nobody chose, can be replaced; that is asked about.
            let is_as_installed = (item.before.as_ref())
                .is_some_and(|before| before.source == item.candidate.locked.source);
            let is_chosen = item.wanted.is_some()
                || item.is_named
                || self.scene.manifest.agents().contains_key(&name);
            if is_chosen || !is_as_installed {
                let known = (&item.candidate.locked, item.chain.as_slice());
                let failure = origin::both_wanted(&name, known, (file, &source, &chain));
                // Neither of two that nobody chose has the better claim.
                if !is_chosen {
                    item.skip("another agent of this name is wanted as well");
                }
                return self.leave_out(by, failure);
            }
            at = Some(index);
        } else if let (true, Some(locked)) = (
            self.scene.manifest.agents().contains_key(&name),
            self.scene.lockfile.agents.get(&name),
        ) {
            if is_it(locked) {
                return Ok(());
            }
            let known = (locked, [].as_slice());
            let failure = origin::both_wanted(&name, known, (file, &source, &chain));
            return self.leave_out(by, failure);
        } else if self.scene.manifest.agents().contains_key(&name) {
            return Ok(());
        }
        let plain = Wanted {
            is_verbatim: required.is_verbatim,
            ..Wanted::anything()
        };
        let added = Added {
            chain,
            by: Some(by.clone()),
            spec: resolved.spec(false),
            ..Added::default()
        };
        let replaced = at.map(|at| self.plan.items.remove(at));
        self.add(&name, &plain, resolved, added, frontend)?;
        if let (Some(replaced), Some(item)) = (replaced, self.plan.item_mut(&name)) {
            item.required_by.extend(replaced.required_by);
        }
        Ok(())
    }

    /// Leaves an agent out because of what it requires.
    fn leave_out(&mut self, name: &AgentName, failure: Failure) -> Result<()> {
        let note = failure.message().to_owned();
        self.problem(failure)?;
        if let Some(item) = self.plan.item_mut(name)
            && item.state != State::Skipped
        {
            item.skip(note);
        }
        Ok(())
    }
}

/// The agents of the manifest that are named, or all.
fn select<'s>(scene: &'s Scene<'_>, names: &[String]) -> Result<Vec<&'s AgentName>> {
    let known = scene.manifest.agents();
    if names.is_empty() {
        return Ok(known.keys().collect());
    }
    let find = |text: &String| {
        (known.keys().find(|name| name.as_str() == text))
            .ok_or_else(|| unknown::agent(text, known.keys(), &scene.lockfile))
    };
    let mut selected: Vec<&AgentName> = Vec::new();
    for name in names {
        let name = find(name)?;
        if !selected.contains(&name) {
            selected.push(name);
        }
    }
    Ok(selected)
}

/// Where an agent was seen last, in words; empty where nothing is known of it.
fn last_seen(locked: &LockedAgent) -> String {
    match versions(Some(locked)) {
        last if last.is_empty() => last,
        last => format!("last seen in {last}"),
    }
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
