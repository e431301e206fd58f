//! Taking some agents of an operation back: their files, their entries in manifest and lockfile, and their bases. Everything else that the
//! operation or a later one changed is left unchanged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::domain::count::few;
use crate::domain::digest::Digest;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::ops::change::changes::{Next, drop_bases, keep_base};
use crate::ops::registry::refuse_in_use;
use crate::ops::report::Frontend;
use crate::ops::session::Session;
use crate::store::agreement::{unlocked, unwanted};
use crate::store::base_file;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::Manifest;
use crate::store::transaction::{Operation, Transaction};

/// How to take some agents of an operation back.
pub(super) struct Part {
    /// The agents: those that were named, and those that came or went with them alone.
    pub(super) agents: BTreeSet<AgentName>,
    /// Whether they are all of the operation.
    pub(super) is_whole: bool,
    /// Their files that are neither as the operation left them nor as it found them; the manifest is one of them if that holds for one of
    /// the entries.
    pub(super) changed_since: Vec<PathBuf>,
    /// The agents whose entries in the manifest are among that.
    pub(super) edited: BTreeSet<AgentName>,
    /// What it changes.
    pub(super) transaction: Transaction,
}

/// How much of an operation goes back.
pub(super) enum Extent {
    /// These agents.
    Agents(BTreeSet<AgentName>),
    /// These agents, which are all of it, and the files that belong to no agent alone.
    Whole(BTreeSet<AgentName>),
}

/// Manifest and lockfile.
#[derive(Clone)]
struct State {
    manifest: Manifest,
    lockfile: Lockfile,
}

/// The states between which the agents move.
struct States {
    now: State,
    /// `None`: the operation did not change it.
    manifest: Option<Manifest>,
    lockfile: Option<Lockfile>,
}

/// Plans to take agents back. Fails if an agent that stays would be without one that it requires.
pub(super) fn plan(
    session: &Session,
    operation: &Operation,
    extent: Extent,
    frontend: &mut dyn Frontend,
) -> Result<Part> {
    let project = &session.project;
    let states = States::read(session, operation, frontend)?;
    let is_whole = matches!(extent, Extent::Whole(_));
    let (Extent::Agents(mut agents) | Extent::Whole(mut agents)) = extent;
    let next = loop {
        let mut next = states.without(&agents);
        if is_whole {
            states.restore_registries(&mut next, operation)?;
        }
        let drawn = states.drawn(&next, operation);
        if drawn.is_subset(&agents) {
            break next;
        }
        agents.extend(drawn);
    };
    states.refuse_gaps(&next, operation)?;
    states.refuse_orphans(&next)?;
    let is_shared = |path: &Path| {
        // Entries go back one by one, and bases follow the lockfile.
        let is_text = path == project.manifest_path() || path == project.lockfile_path();
        is_whole && !is_text && !path.starts_with(project.base_folder())
    };
    let reversal = operation.reversal_of(project, |file| match &file.agent {
        Some(agent) => agents.contains(agent),
        None => is_shared(&file.path),
    })?;
    let mut changes = reversal.changes().to_vec();
    for locked in agents
        .iter()
        .filter_map(|name| next.lockfile.agents.get(name))
    {
        let path = project.base_path(&locked.base);
        if let Some(Some(content)) = operation.before(project, &path)?
            && let Some(bytes) = base_file::decode(&locked.base, &content)
        {
            keep_base(project, &locked.base, &bytes.into(), &mut changes)?;
        }
    }
    drop_bases(
        project,
        &states.now.lockfile,
        &next.lockfile.agents,
        &mut changes,
    )?;
    let label = if is_whole {
        format!("undo {}", operation.number)
    } else {
        let names: Vec<&str> = agents.iter().map(AgentName::as_str).collect();
        format!("undo {} {}", operation.number, few(&names, " "))
    };
    let next = Next {
        manifest: next.manifest,
        lockfile: next.lockfile,
        changes,
    };
    let mut changed_since = reversal.changed_since().to_vec();
    let is_edited = |name: &&AgentName| states.is_edited(name, operation);
    let edited: BTreeSet<AgentName> = agents.iter().filter(is_edited).cloned().collect();
    if !edited.is_empty() || is_whole && states.has_edited_registry(operation) {
        changed_since.push(project.manifest_path().to_owned());
    }
    Ok(Part {
        is_whole,
        changed_since,
        edited,
        transaction: next.transaction(project, label, &states.now.lockfile)?,
        agents,
    })
}

impl States {
    fn read(session: &Session, operation: &Operation, frontend: &mut dyn Frontend) -> Result<Self> {
        let project = &session.project;
        let text =
            |path| -> Result<Option<String>> {
                let before = operation.before(project, path)?;
                Ok(before
                    .map(|bytes| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()))
            };
        let (manifest, lockfile) = (project.manifest_path(), project.lockfile_path());
        let parsed = |text: String| match text.as_str() {
            "" => Ok(Lockfile::default()),
            text => Lockfile::parse(text, &project.display(lockfile)),
        };
        Ok(Self {
            now: State {
                manifest: session.manifest(frontend)?,
                lockfile: project.load_lockfile()?,
            },
            manifest: text(manifest)?
                .map(|text| Manifest::parse(&text, &project.display(manifest)))
                .transpose()?,
            lockfile: text(lockfile)?.map(parsed).transpose()?,
        })
    }

    /// What is left once these agents are as they were before the operation.
    fn without(&self, agents: &BTreeSet<AgentName>) -> State {
        let mut next = self.now.clone();
        for name in agents {
            if let Some(manifest) = &self.manifest {
                next.manifest.restore(name, manifest);
            }
            if let Some(lockfile) = &self.lockfile {
                match lockfile.agents.get(name) {
                    Some(locked) => next.lockfile.agents.insert(name.clone(), locked.clone()),
                    None => next.lockfile.agents.remove(name),
                };
            }
        }
        next
    }

    /// Whether the manifest says something of an agent that neither the operation nor what was there before it said.
    fn is_edited(&self, name: &AgentName, operation: &Operation) -> bool {
        let left = operation.entries.wanted.get(name);
        left.is_some_and(|left| self.has_changed(left, &|manifest| manifest.digest_of(name)))
    }

    /// Whether an entry of the manifest is neither as the operation left it nor as it was before. `of`: what stands for the entry.
    fn has_changed(&self, left: &Digest, of: &dyn Fn(&Manifest) -> Digest) -> bool {
        let now = of(&self.now.manifest);
        (self.manifest.as_ref()).is_some_and(|before| now != *left && now != of(before))
    }

    /// The same of one of the registries.
    fn has_edited_registry(&self, operation: &Operation) -> bool {
        let is_edited = |(name, left): (&String, &Digest)| {
            let name = RegistryName::new(name);
            name.is_ok_and(|name| {
                self.has_changed(left, &|manifest| manifest.digest_of_registry(&name))
            })
        };
        operation.entries.registries.iter().any(is_edited)
    }

    /// Gives back the registries that the operation changed.
    fn restore_registries(&self, next: &mut State, operation: &Operation) -> Result<()> {
        let Some(before) = &self.manifest else {
            return Ok(());
        };
        for name in operation.entries.registries.keys() {
            let Ok(name) = RegistryName::new(name) else {
                continue;
            };
            if let Some(source) = before.registry(&name) {
                let source = source.clone();
                next.manifest.set_registry(&name, &source);
            } else {
                refuse_in_use(&next.manifest, &next.lockfile, &name)?;
                next.manifest.remove_registry(&name);
            }
        }
        Ok(())
    }

    /// The agents of the operation that no agent needs any more then, or that one needs again, and those that alone needed one that comes
    /// back.
    fn drawn(&self, next: &State, operation: &Operation) -> BTreeSet<AgentName> {
        let before = unwanted(&self.now.manifest, &self.now.lockfile);
        let idle = unwanted(&next.manifest, &next.lockfile);
        let idle: Vec<&AgentName> = idle
            .into_iter()
            .filter(|name| !before.contains(name))
            .collect();
        let missing = unlocked(&next.lockfile).into_keys();
        let touched = operation.agents();
        let requires =
            |locked: &LockedAgent| locked.requires.iter().any(|name| idle.contains(&name));
        let past = self.lockfile.iter().flat_map(|lockfile| &lockfile.agents);
        let requirers = past.filter(|(_, locked)| requires(locked));
        let requirers = requirers.map(|(name, _)| name);
        idle.iter()
            .copied()
            .chain(missing)
            .chain(requirers)
            .filter(|name| touched.contains(name))
            .cloned()
            .collect()
    }

    /// Refuses to bring back an agent that a later operation took out of the manifest: the next install would remove its file.
    fn refuse_orphans(&self, next: &State) -> Result<()> {
        let known = unwanted(&self.now.manifest, &self.now.lockfile);
        let mut orphans = unwanted(&next.manifest, &next.lockfile).into_iter();
        let Some(name) = orphans.find(|name| !known.contains(name)) else {
            return Ok(());
        };
        let list = Command::new(["undo", "--list"]);
        Err(Failure::failed(format!(
            "`{name}` is not undone: a later operation took it out of agentpkg.toml"
        ))
        .hint(Advice::run(list).and(" shows the operations; undo that one first")))
    }

    /// Refuses to leave an agent without one that it requires.
    fn refuse_gaps(&self, next: &State, operation: &Operation) -> Result<()> {
        let known = unlocked(&self.now.lockfile);
        let mut gaps = unlocked(&next.lockfile).into_iter();
        let Some((name, by)) = gaps.find(|(name, _)| !known.contains_key(name)) else {
            return Ok(());
        };
        let failure = Failure::failed(format!("`{name}` is not undone: `{by}` requires it"));
        if !operation.agents().contains(by) {
            let first = Command::new(["undo", by.as_str()]);
            return Err(failure.hint(Advice::run(first).and(" undoes what a later one did")));
        }
        let number = operation.number.to_string();
        let both = Command::new(["undo", &number, name.as_str(), by.as_str()]);
        Err(failure.hint(Advice::run(both).and(" undoes both")))
    }
}
