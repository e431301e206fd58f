//! The newest versions of agents of the manifest, wherever they went.

use super::goal::Wish;
use super::item::Added;
use super::planner::{Planner, last_seen};
use super::scene::Scene;
use crate::domain::name::AgentName;
use crate::domain::spec::Source;
use crate::error::{Failure, Kind, Result};
use crate::ops::report::{Frontend, relay};
use crate::ops::resolver::Resolved;
use crate::ops::typed::AskerPlace;
use crate::ops::unknown;
use crate::store::agreement::at_home;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::Wanted;

impl<'a> Planner<'a, '_> {
    /// Plans the newest versions of the agents of the manifest that are named, or of all.
    pub(super) fn newest(
        &mut self,
        names: &[String],
        to: Option<&Wish>,
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
            wanted.version = match to {
                Some(Wish::Latest) => None,
                Some(Wish::Version(version)) => Some(version.clone()),
                None => wanted.version,
            };
            if !names.is_empty() {
                wanted.bind.extend(self.goal.bind.clone());
            }
            self.newest_of(name, &wanted, frontend)?;
        }
        self.plan.sources = self.resolver.count();
        Ok(())
    }

    /// Plans the newest version of one agent, wherever it went.
    pub(super) fn newest_of(
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
            wanted: wanted.clone(),
            is_entry: true,
            note: locked.and_then(|locked| moved(locked, &resolved)),
            ..Added::default()
        };
        self.add(name, &resolved, added, frontend)
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
        let watch = &mut |event| relay(frontend, event);
        let mut entry = snapshot.find_blob(locked.blob, watch)?;
        if entry.is_none() {
            entry = snapshot.find_file(&locked.file, watch)?;
        }
        if entry.is_none()
            && let [one] = snapshot.find(&locked.agent, watch)?.as_slice()
        {
            entry = Some(one.clone());
        }
        Ok(Resolved::newest(snapshot, entry.ok_or(failure)?))
    }

    /// Says of an agent that was not found whether upstream no longer has it, or could not be asked.
    fn unfound(
        &mut self,
        name: &AgentName,
        locked: Option<&LockedAgent>,
        failure: Failure,
    ) -> Result<()> {
        let is_open = failure.kind() == Kind::Ambiguous || self.resolver.is_unversioned(&failure);
        let Some(locked) = locked.filter(|_| !is_open) else {
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
