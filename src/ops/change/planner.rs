//! A plan while it is made: an agent that was found becomes an item, and what it requires is looked for. Which agents are looked for at
//! first, `specs`, `newest` and `as_locked` know.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::bases;
use super::edits;
use super::goal::{Edits, Goal, What};
use super::identical;
use super::item::{Added, Item};
use super::open::joined;
use super::origin;
use super::plan::Plan;
use super::scene::Scene;
use crate::domain::markers::first;
use crate::domain::name::AgentName;
use crate::error::{Failure, Kind, Result};
use crate::fs::Content;
use crate::ops::base;
use crate::ops::candidate::{Candidate, modern};
use crate::ops::past::Changed;
use crate::ops::report::{AskView, Event, Frontend};
use crate::ops::resolver::{Resolved, Resolver};
use crate::ops::typed::{Asker, AskerPlace};
use crate::ops::unreached::Unreached;
use crate::store::agreement::{changed_reference, has_other_overrides, versions};
use crate::store::cache::Freshness;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::Wanted;

/// An agent that another one requires.
pub(super) struct Required<'a> {
    /// As its registry says it: a name, or a spec.
    pub(super) text: String,
    pub(super) by: AgentName,
    pub(super) is_verbatim: bool,
    pub(super) origin: RequiredFrom<'a>,
}

/// Where an agent is required to come from.
pub(super) enum RequiredFrom<'a> {
    /// From where the requirer was found, at the same commit.
    Beside(Resolved<'a>),
    /// From the lockfile, as the requirer.
    Locked(LockedAgent),
}

/// A plan while it is made.
pub(super) struct Planner<'a, 'p> {
    pub(super) scene: &'p Scene<'a>,
    pub(super) goal: &'p Goal,
    pub(super) resolver: Resolver<'a>,
    pub(super) plan: Plan,
    /// What is required and not looked at yet.
    pub(super) open: VecDeque<Required<'a>>,
    /// Sources that a person agreed to.
    pub(super) agreed: BTreeSet<String>,
    /// Sources that could not be reached, so that each is asked once.
    pub(super) broken: BTreeMap<String, Failure>,
    /// Agents of the manifest that could not be looked up.
    unreached: Unreached,
    /// Agents that were named and cannot be had, so that their entries are not looked up again.
    pub(super) refused: BTreeSet<AgentName>,
    /// Questions that nobody can be asked: what was typed, and what it may mean.
    unanswered: Vec<(String, Failure)>,
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
            agreed: BTreeSet::new(),
            broken: BTreeMap::new(),
            unreached: Unreached::default(),
            refused: BTreeSet::new(),
            unanswered: Vec::new(),
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
        let unreached = std::mem::take(&mut self.unreached);
        self.plan.failures.extend(unreached.into_failures());
        self.ask_nobody(frontend)?;
        let mut plan = self.plan;
        plan.items.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(plan)
    }

    /// What has several meanings and nobody can be asked about is said, all of it at once. A dry run shows it, and what needs a person is
    /// left out where that was typed; otherwise nothing is done.
    fn ask_nobody(&mut self, frontend: &mut dyn Frontend) -> Result<()> {
        let unanswered = std::mem::take(&mut self.unanswered);
        if !self.goal.consent.is_yes {
            for (agent, failure) in &unanswered {
                frontend.report(Event::Asks(vec![AskView {
                    agent: agent.clone(),
                    kind: "candidate",
                    what: failure.message().to_owned(),
                    allow: None,
                    beside: failure.value_of("--as"),
                }]));
                if self.goal.is_dry_run {
                    frontend.report(Event::Trouble(failure.clone()));
                }
            }
        }
        if self.goal.is_dry_run {
            self.plan.is_unclear = !unanswered.is_empty();
            return Ok(());
        }
        let failures = unanswered.into_iter();
        let failures = failures.map(|(_, failure)| failure.as_question());
        if self.goal.consent.is_yes {
            self.plan.failures.extend(failures);
            return Ok(());
        }
        let Some(question) = failures.reduce(|first, second| joined(first, &second)) else {
            return Ok(());
        };
        // What cannot be had is said with what nobody can be asked about.
        let failures = self.plan.failures.drain(..);
        Err(failures.fold(question, |all, failure| joined(all, &failure)))
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
        self.problem_of("", failure)
    }

    /// The same about what was typed.
    pub(super) fn problem_of(&mut self, typed: &str, failure: Failure) -> Result<()> {
        match failure.kind() {
            Kind::Interrupted | Kind::Usage => return Err(failure),
            Kind::Ambiguous => self.unanswered.push((typed.to_owned(), failure)),
            _ => self.plan.failures.push(failure),
        }
        Ok(())
    }

    /// The same about an agent of the manifest.
    pub(super) fn problem_about(&mut self, name: &AgentName, failure: Failure) -> Result<()> {
        match failure.kind() {
            Kind::Interrupted | Kind::Usage | Kind::Ambiguous => {
                self.problem_of(name.as_str(), failure)
            }
            _ => {
                self.unreached.note(name, failure);
                Ok(())
            }
        }
    }

    /// Plans an agent exactly as it is locked.
    pub(super) fn keep(
        &mut self,
        name: &AgentName,
        locked: &LockedAgent,
        wanted: &Wanted,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let base = base::find(self.scene.session, name, locked, frontend)?.into_content()?;
        let locked = self.overriding(name, locked.clone(), wanted, &base.bytes())?;
        self.push_kept(name, locked, base, wanted)
    }

    /// A lock entry with the overrides of the manifest in place of those that it records. `base`: the version that it names.
    pub(super) fn overriding(
        &self,
        name: &AgentName,
        locked: LockedAgent,
        wanted: &Wanted,
        base: &[u8],
    ) -> Result<LockedAgent> {
        let manifest = &self.scene.manifest;
        if !has_other_overrides(&locked, wanted, manifest) {
            return Ok(locked);
        }
        if self.scene.session.options.is_locked {
            let stale = self.scene.session.stale_lock();
            return Err(stale.caused_by(format!(
                "`{name}` is not locked with the overrides of agentpkg.toml"
            )));
        }
        Ok(LockedAgent {
            overrides: modern(manifest.overrides_of(wanted), base),
            ..locked
        })
    }

    pub(super) fn push_kept(
        &mut self,
        name: &AgentName,
        locked: LockedAgent,
        bytes: Content,
        wanted: &Wanted,
    ) -> Result<()> {
        let required = locked.requires.iter().map(|required| Required {
            text: required.to_string(),
            by: name.clone(),
            is_verbatim: false,
            origin: RequiredFrom::Locked(locked.clone()),
        });
        self.open.extend(required);
        let candidate = Candidate::adapted(name, locked, bytes)?;
        if let Err(failure) = self.refuse_folder(name) {
            return self.problem(failure);
        }
        let item = Item::new(name.clone(), candidate, Content::default());
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

    /// Fails if a folder is where the file of an agent would be written.
    fn refuse_folder(&self, name: &AgentName) -> Result<()> {
        let project = &self.scene.session.project;
        project.refuse_folder(name, &self.scene.folder(name)?)
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
        let manifest = &self.scene.manifest;
        let overrides = match &added.by {
            Some(_) => manifest.overrides_of(&manifest.as_required(name)),
            None => manifest.overrides_of(wanted),
        };
        let before = self.scene.lockfile.agents.get(name);
        let candidate = Candidate::of(session, name, wanted, resolved, frontend);
        let mut candidate =
            match candidate.and_then(|found| found.overriding(name, overrides, before)) {
                Ok(candidate) => candidate,
                Err(failure) => return self.problem(failure),
            };
        match before {
            Some(before) => candidate.locked.allowed.clone_from(&before.allowed),
            None => candidate.locked.folder = self.scene.folder(name)?,
        }
        if let Err(failure) = self.refuse_folder(name) {
            return self.problem(failure);
        }
        keep_commit(&mut candidate.locked, wanted, before);
        let required = candidate.required.iter().map(|required| Required {
            text: required.clone(),
            by: name.clone(),
            is_verbatim: wanted.is_verbatim,
            origin: RequiredFrom::Beside(resolved.clone()),
        });
        self.open.extend(required);
        self.offer_named(name, resolved, &candidate.bytes.bytes());
        let reference = candidate.locked.reference.as_ref();
        let changed_kind = before.and_then(|before| changed_reference(before, reference));
        let file = &resolved.entry.file;
        let is_chosen = before.is_none_or(|before| before.file != *file);
        let others = if is_chosen {
            resolved.others()
        } else {
            Vec::new()
        };
        let is_new = |before: &&LockedAgent| {
            before.blob != resolved.entry.blob && before.source == candidate.locked.source
        };
        let changed = before.filter(is_new);
        let changed = changed.and_then(|before| Changed::since(before, &resolved.snapshot, file));
        let in_manifest = wanted.clone();
        let item = Item::new(name.clone(), candidate, Content::default());
        let mut item = Item {
            before: before.cloned(),
            is_named: added.is_named,
            replaces: origin::replaced(self.scene, name, resolved, &added, frontend)?,
            required_by: added.by.into_iter().collect(),
            chain: added.chain,
            ours: self.scene.agent(name)?,
            pins: added.wanted.pins.clone(),
            wanted: Some(added.wanted).filter(|_| added.is_entry),
            notes: added.note.into_iter().chain(changed_kind).collect(),
            others,
            changed,
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
            if item.before.is_none() && !is_forced {
                identical::same_bytes(&mut item, self.scene, (&in_manifest, resolved), frontend)?;
            }
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
        let Some(ours) =
            (item.ours.clone()).filter(|ours| is_wanted && first(&ours.bytes()).is_none())
        else {
            return Ok(());
        };
        let newest = (&item.candidate.locked, wanted);
        let found = base::version_of(scene.session, &item.name, newest, &ours.bytes(), frontend)?;
        if let Some((locked, bytes)) = found {
            let folder = item.folder().clone();
            let locked = LockedAgent { folder, ..locked };
            let version = versions(Some(&locked));
            let is = if self.goal.is_dry_run {
                "would be"
            } else {
                "was"
            };
            item.candidate = Candidate::adapted(&item.name, locked, bytes.into())?;
            item.base.clone_from(&item.candidate.bytes);
            item.is_blocked = false;
            frontend.report(Event::warning(format!(
                "agentpkg.lock had no entry for `{}`; its file {is} taken over as {version} with your edits",
                item.name
            )));
        }
        Ok(())
    }
}

/// An agent that a newer commit of its source has in the same bytes stays at the commit that it was installed from: nothing is new about it.
fn keep_commit(locked: &mut LockedAgent, wanted: &Wanted, before: Option<&LockedAgent>) {
    let Some(before) = before.filter(|_| wanted.version.is_none()) else {
        return;
    };
    let commit = before.commit;
    let as_before = LockedAgent {
        commit,
        ..locked.clone()
    };
    if as_before == *before {
        *locked = as_before;
    }
}
