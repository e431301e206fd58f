//! What a command would do: items, and what is beside them. Steps mark the items; nothing converts them into something else and back.

use std::collections::BTreeSet;

use super::goal::Prune;
use super::item::{Item, State};
use super::scene::Scene;
use crate::domain::discovery::Refused;
use crate::domain::name::AgentName;
use crate::domain::overrides::Overrides;
use crate::domain::spec::Source;
use crate::error::Failure;
use crate::ops::gone::GoneAgent;
use crate::store::agreement::with_required;
use crate::store::lockfile::Lockfile;
use crate::store::manifest::{Manifest, Origin};

/// What a command would do.
#[derive(Debug, Default)]
pub(in crate::ops) struct Plan {
    /// The agents that it is about, sorted by name.
    pub(in crate::ops) items: Vec<Item>,
    /// Those that upstream no longer has.
    pub(in crate::ops) gone: Vec<GoneAgent>,
    /// Those without a base.
    pub(in crate::ops) lost: Vec<(AgentName, Failure)>,
    /// Those that are taken out of the manifest.
    pub(in crate::ops) dismissed: BTreeSet<AgentName>,
    /// Those that are taken out of the lockfile.
    pub(in crate::ops) leaving: BTreeSet<AgentName>,
    /// Those that leave the manifest and stay all the same, because an agent requires them.
    pub(in crate::ops) still_required: Vec<(AgentName, AgentName)>,
    /// What failed without stopping the rest.
    pub(in crate::ops) failures: Vec<Failure>,
    /// Whether a dry run would ask which of several agents is meant.
    pub(super) is_unclear: bool,
    /// How many sources were looked at.
    pub(in crate::ops) sources: usize,
    /// What of whole sources was not taken.
    pub(in crate::ops) passed: Vec<Passed>,
    /// Agents that those of the plan may start, and that their sources have.
    pub(in crate::ops) named: Vec<NamedAgent>,
    /// Files that agentpkg did not write and that stay like that.
    pub(in crate::ops) unmanaged: Vec<Unmanaged>,
}

/// A file that was not adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmanaged {
    /// Its path below the agents folder, without its ending.
    pub name: String,
    /// Why, in words.
    pub why: String,
    /// What a person has to decide before the command is done.
    pub undecided: Undecided,
    /// What it may be from; the likeliest first.
    pub candidates: Vec<Likely>,
}

/// What is left to decide about a file that was not adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecided {
    /// Nothing.
    Nothing,
    /// What becomes of it: it cannot be adopted as it is, whatever it is from.
    File,
    /// What it is from.
    Origin,
    /// Which of the candidates it is from.
    Version,
}

/// A version that a file may be from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likely {
    /// A spec that means it.
    pub spec: String,
    /// How much of both texts is the same, in percent.
    pub percent: u32,
    /// How many lines differ.
    pub lines: usize,
    /// How it differs from the file, in words, after its day if it has one.
    pub detail: String,
}

/// An agent that another one may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAgent {
    /// Its name.
    pub name: AgentName,
    /// The agent that may start it.
    pub by: AgentName,
    /// The spec that means it.
    pub spec: String,
}

/// What `--all` did not take of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The source, as it can be typed.
    pub source: String,
    /// How many names have files of lower kinds only, where there are surer ones.
    pub lower: usize,
    /// How many files stand behind others of their name.
    pub behind: usize,
    /// The files that are no agents as they are, and cannot be repaired.
    pub refused: Vec<Refused>,
}

impl Plan {
    /// The item of an agent.
    pub(in crate::ops) fn item(&self, name: &AgentName) -> Option<&Item> {
        self.items.iter().find(|item| item.name == *name)
    }

    /// The same, to be marked.
    pub(in crate::ops) fn item_mut(&mut self, name: &AgentName) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.name == *name)
    }

    /// The items that take part.
    pub(in crate::ops) fn active(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.state == State::Active)
    }

    /// The manifest once the plan is carried out.
    pub(in crate::ops) fn manifest(&self, scene: &Scene<'_>) -> Manifest {
        let mut manifest = scene.manifest.clone();
        for name in &self.dismissed {
            manifest.remove_agent(name);
            // Who only leaves the manifest is as it was, and so are its overrides.
            if let Some(wanted) = scene.manifest.agents().get(name)
                && self.still_required.iter().any(|(kept, _)| kept == name)
            {
                manifest.set_required(name, &wanted.overrides);
            }
        }
        for name in &self.leaving {
            manifest.set_required(name, &Overrides::default());
        }
        for item in self.items.iter().filter(|item| item.is_settled()) {
            if let Some(overrides) = &item.required_overrides {
                manifest.set_required(&item.name, overrides);
            }
            if let Some(wanted) = &item.wanted
                && scene.manifest.agents().get(&item.name) != Some(wanted)
            {
                manifest.set_agent(&item.name, wanted);
                // A registry of the user becomes one of the project, so that everybody finds it.
                let locked = &item.candidate.locked;
                if let Origin::Registry(registry) = &wanted.origin
                    && manifest.registry(registry).is_none()
                    && let Ok(source) = Source::parse(&locked.source)
                {
                    manifest.set_registry(registry, &source);
                }
            }
        }
        manifest
    }

    /// The agents that the manifest wants once the plan is carried out.
    fn roots(&self, scene: &Scene<'_>) -> BTreeSet<AgentName> {
        let kept = scene.manifest.agents().keys();
        let is_new = |item: &&Item| item.is_settled() && item.wanted.is_some();
        let new = self.items.iter().filter(is_new).map(|item| &item.name);
        let roots = kept
            .chain(new)
            .filter(|name| !self.dismissed.contains(*name));
        roots.cloned().collect()
    }

    /// The agents of a lockfile that are wanted once the plan is carried out.
    pub(in crate::ops) fn reached(
        &self,
        scene: &Scene<'_>,
        lockfile: &Lockfile,
    ) -> BTreeSet<AgentName> {
        let roots = self.roots(scene);
        with_required(roots.iter(), lockfile, &|_| false)
            .into_iter()
            .cloned()
            .collect()
    }

    /// The lockfile with all items that take part, and without what goes.
    pub(in crate::ops) fn lockfile(&self, scene: &Scene<'_>, prune: Prune) -> Lockfile {
        let before = &scene.lockfile;
        let mut after = with(before, self.active());
        after.agents.retain(|name, _| !self.leaving.contains(name));
        let is = self.reached(scene, &after);
        // While the lockfile lacks an agent that is wanted, it cannot be told what that one requires.
        let is_whole = (self.roots(scene).iter()).all(|name| after.agents.contains_key(name));
        let prune = match prune {
            Prune::Unwanted if !is_whole => Prune::Released,
            prune => prune,
        };
        let kept: BTreeSet<AgentName> = match prune {
            Prune::Nothing => return after,
            Prune::Unwanted => is,
            Prune::Released => {
                let was = with_required(scene.manifest.agents().keys(), before, &|_| false);
                let stays = |name: &&AgentName| is.contains(*name) || !was.contains(*name);
                after.agents.keys().filter(stays).cloned().collect()
            }
        };
        after.agents.retain(|name, _| kept.contains(name));
        after
    }

    /// The agents of the manifest that a command has to name in order to reach `name`.
    pub(in crate::ops) fn requirer(&self, scene: &Scene<'_>, name: &AgentName) -> AgentName {
        let after = with(&scene.lockfile, self.items.iter());
        let is_root = |name: &AgentName| {
            scene.manifest.agents().contains_key(name)
                || self.item(name).is_some_and(|item| item.wanted.is_some())
        };
        let mut seen = BTreeSet::new();
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            if is_root(name) {
                return name.clone();
            }
            if seen.insert(name) {
                let agents = after.agents.iter();
                let by = agents.filter(|(_, locked)| locked.requires.contains(name));
                open.extend(by.map(|(by, _)| by));
            }
        }
        name.clone()
    }
}

/// A lockfile with the entries of these items.
pub(in crate::ops) fn with<'i>(
    before: &Lockfile,
    items: impl Iterator<Item = &'i Item>,
) -> Lockfile {
    let mut after = before.clone();
    after
        .agents
        .extend(items.map(|item| (item.name.clone(), item.candidate.locked.clone())));
    after
}
