//! A plan while it is made: an agent that was found becomes an item, and what it requires is looked for. Which agents are looked for at
//! first, `specs`, `newest` and `as_locked` know.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use super::bases;
use super::edits;
use super::goal::{Edits, Goal, What};
use super::item::{Added, Item, State};
use super::origin::{self, Claim};
use super::plan::Plan;
use super::scene::Scene;
use crate::domain::markers::first;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::domain::spec::Source;
use crate::domain::version::VersionRequest;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::base;
use crate::ops::candidate::Candidate;
use crate::ops::gone::GoneAgent;
use crate::ops::report::{Event, Frontend};
use crate::ops::resolver::{Resolved, Resolver};
use crate::ops::typed::{Asker, AskerPlace};
use crate::store::cache::Freshness;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::Wanted;

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

/// Whether there is room for an agent that is required.
enum Room {
    /// It is there already.
    Taken,
    /// It can be added, also for those that required the agent in whose place it comes.
    Free(BTreeSet<AgentName>),
    /// The manifest wants it and it was never installed: it comes as that says.
    Wanted(Box<Wanted>),
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
    pub(super) broken: BTreeMap<String, usize>,
    /// Agents that were named and cannot be had, so that their entries are not looked up again.
    pub(super) refused: BTreeSet<AgentName>,
}

impl<'a, 'p> Planner<'a, 'p> {
    /// A planner that has planned nothing yet. `freshness`: how new what is asked has to be.
    pub(super) fn new(scene: &'p Scene<'a>, goal: &'p Goal, freshness: Freshness) -> Self {
        let mut planner = Self {
            scene,
            goal,
            resolver: Resolver::new(scene.session, freshness),
            plan: Plan::default(),
            open: VecDeque::new(),
            broken: BTreeMap::new(),
            refused: BTreeSet::new(),
        };
        planner.ask_for_manifest();
        planner
    }

    /// What is looked up from now on is in the manifest.
    pub(super) fn ask_for_manifest(&mut self) {
        self.resolver.asked_by(self.asker());
    }

    /// The plan, once all that is required was looked for.
    pub(super) fn finish(mut self, frontend: &mut dyn Frontend) -> Result<Plan> {
        while let Some(required) = self.open.pop_front() {
            self.required(required, frontend)?;
        }
        let mut plan = self.plan;
        plan.items.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(plan)
    }

    /// Who asks for what is in the manifest.
    pub(super) fn asker(&self) -> Asker {
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

    /// Plans an agent exactly as it is locked.
    pub(super) fn keep(
        &mut self,
        name: &AgentName,
        locked: &LockedAgent,
        wanted: &Wanted,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let bytes = base::find(self.scene.session, name, locked, frontend)?.into_bytes()?;
        self.push_kept(name, locked.clone(), bytes, wanted)
    }

    pub(super) fn push_kept(
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
        let candidate = Candidate::adapted(locked, bytes);
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

    /// Plans an agent that was found, and notes what it requires.
    pub(super) fn add(
        &mut self,
        name: &AgentName,
        resolved: &Resolved<'a>,
        added: Added,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let (session, wanted) = (self.scene.session, &added.wanted);
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
        let in_manifest = wanted.clone();
        let file = &resolved.entry.file;
        let is_chosen = before.is_none_or(|before| before.file != *file);
        let others = if is_chosen {
            resolved.others()
        } else {
            Vec::new()
        };
        let item = Item::new(name.clone(), candidate, Vec::new());
        let mut item = Item {
            before: before.cloned(),
            is_named: added.is_named,
            replaces: origin::replaced(self.scene, name, resolved, &added),
            required_by: added.by.into_iter().collect(),
            chain: added.chain,
            ours: self.scene.agent(name)?,
            pins: added.wanted.pins.clone(),
            wanted: Some(added.wanted).filter(|_| added.is_entry),
            notes: added.note.into_iter().collect(),
            others,
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
            if item.is_blocked && item.before.is_none() && !item.is_named {
                self.take_back(&mut item, &in_manifest, frontend)?;
            }
            if item.ours.is_none() {
                bases::known_before(&mut item, self.scene, frontend)?;
            }
        }
        self.plan.items.push(item);
        Ok(())
    }

    /// Takes an edited file back whose lock entry is lost: it stays as it is, edited, at the version that it was made from.
    fn take_back(
        &self,
        item: &mut Item,
        wanted: &Wanted,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let scene = self.scene;
        let is_wanted = scene.manifest.agents().contains_key(&item.name);
        let Some(ours) = (item.ours.clone()).filter(|ours| is_wanted && first(ours).is_none())
        else {
            return Ok(());
        };
        let newest = (&item.candidate.locked, wanted);
        let found = base::version_of(scene.session, &item.name, newest, &ours, frontend)?;
        if let Some((locked, bytes)) = found {
            item.base.clone_from(&bytes);
            item.candidate.locked = locked;
            item.candidate.bytes = bytes;
            item.is_blocked = false;
            frontend.report(Event::warning(format!(
                "agentpkg.lock had lost `{}`; its file was taken back with your edits",
                item.name
            )));
        }
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
                let found = self.resolver.meant(&by.snapshot, &required.name);
                if found.is_empty() && self.is_gone(&required) {
                    return Ok(());
                }
                let [entry] = found.as_slice() else {
                    let failure = Failure::failed(format!(
                        "`{}` requires `{}`, which its registry has {} times",
                        required.by,
                        required.name,
                        found.len()
                    ));
                    return self.leave_out(&required.by, failure);
                };
                let resolved = Resolved::newest(Rc::clone(&by.snapshot), entry.clone());
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
        if is_of_requirer && !self.plan.gone.iter().any(|known| known.name == name) {
            self.plan.gone.push(GoneAgent {
                by: Some(required.by.clone()),
                ..GoneAgent::unknown(&name, locked)
            });
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
            self.add(name, &resolved, added, frontend)?;
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
        let found = self.resolver.meant(&snapshot, required.as_str());
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
        let newest = Resolved::newest(snapshot, entry.clone());
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
        if self.is_chosen_instead(&name, by, &Claim::found(resolved, &chain)) {
            return match self.plan.item_mut(&name) {
                Some(item) => {
                    item.required_by.insert(by.clone());
                    Ok(())
                }
                None if self.goal.is_update() => Ok(()),
                None => {
                    let locked = &self.scene.lockfile.agents[&name];
                    self.keep(&name, locked, &Wanted::anything(), frontend)
                }
            };
        }
        let replaced_for = match self.make_room(&name, by, &Claim::found(resolved, &chain)) {
            Ok(Room::Free(required_by)) => required_by,
            Ok(Room::Taken) => return Ok(()),
            Ok(Room::Wanted(wanted)) => return self.newest_of(&name, &wanted, frontend),
            Err(failure) => return self.leave_out(by, failure),
        };
        let added = Added {
            chain,
            by: Some(by.clone()),
            wanted: Wanted {
                is_verbatim: required.is_verbatim,
                ..Wanted::anything()
            },
            spec: resolved.spec(false),
            ..Added::default()
        };
        self.add(&name, resolved, added, frontend)?;
        if let Some(item) = self.plan.item_mut(&name) {
            item.required_by.extend(replaced_for);
        }
        Ok(())
    }

    /// Whether the lockfile says that another agent than the one of its own source is taken for what `by` requires: that was asked about
    /// when it was installed.
    fn is_chosen_instead(&self, name: &AgentName, by: &AgentName, claim: &Claim<'_>) -> bool {
        let agents = &self.scene.lockfile.agents;
        let (Some(by), Some(locked)) = (agents.get(by), agents.get(name)) else {
            return false;
        };
        by.requires.contains(name) && locked.source != by.source && !claim.is_of(locked)
    }

    /// Makes room for an agent that `by` requires under this name.
    fn make_room(&mut self, name: &AgentName, by: &AgentName, claim: &Claim<'_>) -> Result<Room> {
        if let Some(failure) = origin::folded(&self.plan, self.scene, name, Some(by)) {
            return Err(failure);
        }
        let is_in_manifest = self.scene.manifest.agents().contains_key(name);
        let Some(index) = (self.plan.items.iter()).position(|item| item.name == *name) else {
            return match self.scene.lockfile.agents.get(name) {
                _ if !is_in_manifest => Ok(Room::Free(BTreeSet::new())),
                Some(locked) if !claim.is_of(locked) => {
                    let known = Claim::locked(locked, &[]);
                    Err(origin::both_wanted(name, &known, claim))
                }
                None if self.goal.is_update() => Ok(Room::Wanted(Box::new(
                    self.scene.manifest.agents()[name].clone(),
                ))),
                _ => Ok(Room::Taken),
            };
        };
        let item = &mut self.plan.items[index];
        let locked = &item.candidate.locked;
        if claim.is_of(locked) {
            item.required_by.insert(by.clone());
            return Ok(Room::Taken);
        }
        // Only what is installed from elsewhere, and what nobody chose, can be replaced; that is asked about.
        let is_as_installed =
            (item.before.as_ref()).is_some_and(|before| before.source == locked.source);
        let is_chosen = item.wanted.is_some() || item.is_named || is_in_manifest;
        if is_chosen || !is_as_installed {
            let known = Claim::locked(locked, &item.chain);
            let failure = origin::both_wanted(name, &known, claim);
            // Neither of two that nobody chose has the better claim.
            if !is_chosen {
                item.skip("another agent of this name is wanted as well");
            }
            return Err(failure);
        }
        Ok(Room::Free(self.plan.items.remove(index).required_by))
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
