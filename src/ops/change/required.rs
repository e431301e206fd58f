//! Agents that others require: beside them, or in another source; as they are locked, or as they are found. Cycles end by themselves,
//! because what is in the plan is not added again.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::item::{Added, Item, State};
use super::origin::{self, Claim};
use super::plan::NamedAgent;
use super::planner::{Planner, Required, RequiredFrom};
use crate::domain::catalogue::Catalogue;
use crate::domain::name::AgentName;
use crate::domain::required::RequiredAgent;
use crate::domain::requirement::Requirements;
use crate::domain::shell::Command;
use crate::domain::spec::{Place, Source, Spec};
use crate::domain::version::VersionRequest;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::gone::GoneAgent;
use crate::ops::report::{Answers, Event, Frontend};
use crate::ops::resolver::Resolved;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Origin, Wanted, source_text};

/// Whether there is room for an agent that is required.
enum Room {
    /// It is there already.
    Taken,
    /// It can be added, also for those that required the agent in whose place it comes.
    Free(BTreeSet<AgentName>),
    /// The manifest wants it and it was never installed: it comes as that says.
    Wanted(Box<Wanted>),
}

impl<'a> Planner<'a, '_> {
    /// Plans an agent that another one requires.
    pub(super) fn required(
        &mut self,
        required: Required<'a>,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let by = match &required.origin {
            RequiredFrom::Locked(locked) => {
                let Ok(name) = AgentName::new(&required.text) else {
                    return Ok(());
                };
                if let Some(item) = self.plan.item_mut(&name) {
                    item.required_by.insert(required.by);
                    return Ok(());
                }
                return self.required_as_locked(&name, &required.by, locked, frontend);
            }
            RequiredFrom::Beside(by) => by,
        };
        let wanted = match RequiredAgent::parse(&required.text, by.snapshot.is_local()) {
            Ok(wanted) => wanted,
            Err(reason) => {
                let text = required.text.escape_debug();
                let failure = Failure::failed(format!(
                    "`{}` requires `{text}`, which cannot be installed: {reason}",
                    required.by
                ));
                return self.leave_out(&required.by, failure);
            }
        };
        if let Some(spec) = wanted.spec() {
            return self.required_elsewhere(&required, &wanted, &spec, frontend);
        }
        let found = self
            .resolver
            .meant(&by.snapshot, wanted.name.as_str(), frontend)?;
        if found.is_empty() && self.is_gone(&required, &wanted.name) {
            return Ok(());
        }
        let [entry] = found.as_slice() else {
            let failure = Failure::failed(format!(
                "`{}` requires `{}`, which its registry has {} times",
                required.by,
                wanted.name,
                found.len()
            ));
            return self.leave_out(&required.by, failure);
        };
        let resolved = Resolved::newest(Rc::clone(&by.snapshot), entry.clone());
        let resolved = match &wanted.version {
            None => Ok(resolved),
            version => self
                .resolver
                .at_version(resolved, version.as_ref(), frontend),
        };
        match resolved {
            Ok(resolved) => {
                self.required_beside(&required, wanted.version.as_ref(), &resolved, frontend)
            }
            Err(failure) => self.leave_out(&required.by, failure),
        }
    }

    /// Plans an agent of another source that one requires. A source that the project does not know is asked about before it is asked.
    fn required_elsewhere(
        &mut self,
        required: &Required<'a>,
        wanted: &RequiredAgent,
        spec: &Spec,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let by = &required.by;
        if let Place::Source(source) = &spec.place
            && !self.is_known(source)
            && !self.is_agreed(source, wanted, by, frontend)?
        {
            return Ok(());
        }
        let found = self.resolver.resolve(spec, &self.scene.manifest, frontend);
        match found {
            Ok(resolved) => {
                self.required_beside(required, wanted.version.as_ref(), &resolved, frontend)
            }
            Err(failure) if failure.kind() == Kind::Interrupted => Err(failure),
            Err(failure) => {
                let text = &wanted.text;
                let because = Failure::new(
                    failure.kind(),
                    format!("`{by}` requires `{text}`, which cannot be installed"),
                );
                let because = failure.hints().iter().fold(because, Failure::hint);
                self.leave_out(by, because.caused_by(failure.message()))
            }
        }
    }

    /// Whether the project knows a source: it has it as a registry, or an agent of it, or its address was typed.
    fn is_known(&self, source: &Source) -> bool {
        let text = source_text(source);
        let (manifest, lockfile) = (&self.scene.manifest, &self.scene.lockfile);
        let is_it = |known: &Source| source_text(known) == text;
        let is_origin =
            |wanted: &Wanted| matches!(&wanted.origin, Origin::Source(known) if is_it(known));
        let is_typed = |item: &Item| item.is_named && item.candidate.locked.source == text;
        manifest.registries().iter().any(|(_, known)| is_it(known))
            || manifest.agents().values().any(is_origin)
            || lockfile.agents.values().any(|locked| locked.source == text)
            || self.plan.items.iter().any(is_typed)
            || self.agreed.contains(&text)
    }

    /// Notes which agents one may start that its source has as well. They are offered, never installed unasked.
    pub(super) fn offer_named(&mut self, name: &AgentName, resolved: &Resolved<'a>, bytes: &[u8]) {
        let has = |mark: &[u8]| bytes.windows(mark.len()).any(|window| window == mark);
        if !has(b"Agent(") && !has(b"Task(") {
            return;
        }
        let needs = Requirements::of(bytes, None, &Catalogue::default());
        for need in &needs.agents {
            // An offer is not worth a fetch.
            if let Some(other) = resolved.snapshot.named_here(&need.name) {
                self.plan.named.push(NamedAgent {
                    spec: resolved.spec_of(other.as_str()),
                    name: other,
                    by: name.clone(),
                });
            }
        }
    }

    /// Asks whether an agent may come from a source that the project does not know; where the answer is no, what requires it is left out.
    fn is_agreed(
        &mut self,
        source: &Source,
        wanted: &RequiredAgent,
        by: &AgentName,
        frontend: &mut dyn Frontend,
    ) -> Result<bool> {
        let what = format!(
            "`{by}` requires `{}` from `{source}`, which this project does not know",
            wanted.name
        );
        match Answers::of(frontend, self.goal.is_dry_run, self.goal.consent.is_yes) {
            Answers::Person => {
                if frontend.confirm(&format!("{what}. Install it from there?"), false)? {
                    self.agreed.insert(source_text(source));
                    return Ok(true);
                }
                if let Some(item) = self.plan.item_mut(by) {
                    item.skip(format!("`{}` was declined", wanted.text));
                }
                Ok(false)
            }
            Answers::Shown if self.goal.consent.is_yes => {
                if let Some(item) = self.plan.item_mut(by) {
                    item.skip(what);
                }
                Ok(false)
            }
            Answers::Shown => {
                frontend.report(Event::warning(format!(
                    "{what}; you would be asked about it"
                )));
                Ok(false)
            }
            answers => {
                let install = Command::new(["install", &wanted.text]);
                let failure = Failure::new(Kind::Consent, what).hint(
                    Advice::say("if that is meant: ")
                        .and_run(install)
                        .and(", then again"),
                );
                if answers == Answers::Nobody {
                    return Err(failure);
                }
                self.leave_out(by, failure)?;
                Ok(false)
            }
        }
    }

    /// Whether an agent that is required was installed from there and is there no longer: it stays as it is, and is said to be gone.
    fn is_gone(&mut self, required: &Required<'a>, name: &AgentName) -> bool {
        let lockfile = &self.scene.lockfile;
        let (Some(by), Some(locked)) =
            (lockfile.agents.get(&required.by), lockfile.agents.get(name))
        else {
            return false;
        };
        let is_of_requirer = by.requires.contains(name) && by.source == locked.source;
        if is_of_requirer && !self.plan.gone.iter().any(|known| known.name == *name) {
            self.plan.gone.push(GoneAgent {
                by: Some(required.by.clone()),
                ..GoneAgent::unknown(name, locked)
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
            let wanted = self.scene.manifest.as_required(name);
            self.keep(name, locked, &wanted, frontend)?;
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
        let found = self
            .resolver
            .meant(&snapshot, required.as_str(), frontend)?;
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
        version: Option<&VersionRequest>,
        resolved: &Resolved<'a>,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let name = resolved.entry.name.clone();
        let by = &required.by;
        let Some(requirer) = self.plan.item(by) else {
            return Ok(());
        };
        let chain: Vec<String> = [requirer.chain.as_slice(), &[by.to_string()]].concat();
        if let Some(failure) = self.at_odds(&name, version, resolved, &chain) {
            return self.leave_out(by, failure);
        }
        if self.is_chosen_instead(&name, by, &Claim::found(resolved, &chain)) {
            return match self.plan.item_mut(&name) {
                Some(item) => {
                    item.required_by.insert(by.clone());
                    Ok(())
                }
                None if self.goal.is_update() => Ok(()),
                None => {
                    let locked = &self.scene.lockfile.agents[&name];
                    let wanted = self.scene.manifest.as_required(&name);
                    self.keep(&name, locked, &wanted, frontend)
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

    /// That the same agent is wanted at a version that the one which is there does not have, with who wants each.
    fn at_odds(
        &self,
        name: &AgentName,
        version: Option<&VersionRequest>,
        resolved: &Resolved<'a>,
        chain: &[String],
    ) -> Option<Failure> {
        let (request, item) = (version?, self.plan.item(name)?);
        let locked = &item.candidate.locked;
        if !Claim::found(resolved, chain).is_of(locked) {
            return None;
        }
        let there = locked.version.as_ref()?;
        let is_fine = semver::Version::parse(there).is_ok_and(|there| request.accepts(&there));
        if is_fine {
            return None;
        }
        let known = match item.chain.as_slice() {
            [] => "agentpkg.lock".to_owned(),
            known => known.join(" -> "),
        };
        Some(
            Failure::failed(format!("`{name}` is wanted at two versions"))
                .detail(format!("{there}, wanted by {known}"))
                .detail(format!("{request}, wanted by {}", chain.join(" -> ")))
                .hint(format!(
                    "say in agentpkg.toml which version of `{name}` is wanted"
                )),
        )
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
                    Err(origin::both_wanted(name, &known, claim).hint(origin::OTHER_NAME))
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
            let failure = origin::both_wanted(name, &known, claim).hint(origin::OTHER_NAME);
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
