//! The newest versions of agents of the manifest, wherever they went.

use super::goal::Wish;
use super::item::Added;
use super::planner::Planner;
use super::scene::Scene;
use super::specs;
use crate::domain::name::AgentName;
use crate::domain::spec::{Source, Spec};
use crate::error::{Failure, Kind, Result};
use crate::ops::gone::GoneAgent;
use crate::ops::latest;
use crate::ops::report::Frontend;
use crate::ops::resolver::{Departed, Followed, moved};
use crate::ops::typed::{Asker, AskerPlace, Slot};
use crate::ops::unknown;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Origin, Wanted};

impl Planner<'_, '_> {
    /// Plans the newest versions of the agents of the manifest that are named, or of all.
    pub(super) fn newest(
        &mut self,
        names: &[String],
        to: Option<&Wish>,
        from: Option<&str>,
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
        if from.is_none() {
            self.resolver.ask_for(agents, manifest, frontend);
        }
        for name in selected {
            let mut wanted = manifest.agents()[name].clone();
            let locked = scene.lockfile.agents.get(name);
            wanted.version = match to {
                Some(Wish::Latest) => match locked {
                    Some(locked) => {
                        let entry = (name, &wanted);
                        latest::request(&mut self.resolver, entry, locked, manifest, frontend)?
                    }
                    None => None,
                },
                Some(Wish::Version(version)) => Some(version.clone()),
                None => wanted.version,
            };
            if !names.is_empty() {
                wanted.bind.extend(self.goal.bind.clone());
            }
            match from {
                Some(from) => self.go_on_as(name, &wanted, from, frontend)?,
                None => self.newest_of(name, &wanted, frontend)?,
            }
        }
        self.plan.sources = self.resolver.count();
        Ok(())
    }

    /// Plans that an agent continues as the one that a spec means. Who types the spec agrees to its source.
    fn go_on_as(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        from: &str,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let spec = self.read_from(from, frontend)?;
        let manifest = &self.scene.manifest;
        let resolved = self.resolver.resolve(&spec, manifest, frontend)?;
        let origin = match &resolved.snapshot.registry {
            Some(registry) => Origin::Registry(registry.clone()),
            None => Origin::Source(resolved.snapshot.source.clone()),
        };
        let added = Added {
            chain: vec!["the command line".to_owned()],
            is_named: true,
            is_followed: true,
            wanted: Wanted {
                origin,
                target: specs::target(&spec, name, &resolved, frontend)?,
                version: spec.version.clone(),
                ..wanted.clone()
            },
            is_entry: true,
            note: Some(format!("continues as {}", resolved.spec(true))),
            ..Added::default()
        };
        self.add(name, &resolved, added, frontend)
    }

    /// The spec behind `--from`, which is what is looked up from now on.
    pub(super) fn read_from(&mut self, from: &str, frontend: &mut dyn Frontend) -> Result<Spec> {
        let spec = specs::read(self.scene.session, from)?;
        let settled = self.resolver.settled(&spec, frontend)?;
        let (spec, text) = settled.unwrap_or_else(|| (spec, from.to_owned()));
        let asker = Asker::spec(&self.goal.typed, Slot::From, &text, &spec);
        self.resolver.asked_by(asker);
        Ok(spec)
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
            && let Some(failure) = self.broken.get(&locked.source)
        {
            return self.problem_about(name, failure.clone());
        }
        let there = match locked {
            Some(locked) => self
                .resolver
                .follow(name, wanted, locked, manifest, frontend),
            None => self.resolver.look_up(name, wanted, manifest, frontend),
        };
        let there = match there {
            Ok(Followed::There(there)) => there,
            Ok(Followed::Gone(departed)) => return self.gone(name, wanted, locked, &departed),
            Err(failure) => return self.unfound(name, locked, failure),
        };
        let added = Added {
            chain: vec!["agentpkg.toml".to_owned()],
            is_named: true,
            note: locked.and_then(|locked| moved(locked, &there)),
            is_followed: there.is_followed,
            wanted: there.wanted,
            is_entry: true,
            ..Added::default()
        };
        self.add(name, &there.resolved, added, frontend)
    }

    /// Notes that upstream no longer has an agent.
    fn gone(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        locked: Option<&LockedAgent>,
        departed: &Departed<'_>,
    ) -> Result<()> {
        if matches!(self.asker().place, AskerPlace::To)
            && let Some(version) = &wanted.version
        {
            return Err(Failure::failed(format!(
                "`{name}` is not in its repository at `{version}`"
            ))
            .hint("name another version, or leave it out"));
        }
        if let Some(locked) = locked {
            let gone = GoneAgent::of(name, wanted, locked, departed);
            self.plan.gone.push(gone);
        }
        Ok(())
    }

    /// Notes that it could not be told what became of an agent: its source or its version cannot be had.
    fn unfound(
        &mut self,
        name: &AgentName,
        locked: Option<&LockedAgent>,
        failure: Failure,
    ) -> Result<()> {
        let is_version = self.resolver.is_unversioned(&failure);
        // What was asked for in so many words is done whole or not at all; a version in the manifest is one of many.
        if failure.kind() == Kind::Interrupted
            || is_version && matches!(self.asker().place, AskerPlace::To)
        {
            return Err(failure);
        }
        if let Some(locked) = locked
            && let Ok(source) = Source::parse(&locked.source)
            && !self.resolver.is_open(locked.registry.as_ref(), &source)
        {
            self.broken.insert(locked.source.clone(), failure.clone());
        }
        self.problem_about(name, failure)
    }
}

/// The agents of the manifest that are named, or all.
fn select<'s>(scene: &'s Scene<'_>, names: &[String]) -> Result<Vec<&'s AgentName>> {
    let known = scene.manifest.agents();
    if names.is_empty() {
        return Ok(known.keys().collect());
    }
    let find = |text: &String| {
        (known.keys().find(|name| name.as_str() == text)).ok_or_else(|| {
            unknown::of_manifest(
                scene.session,
                text,
                known.keys(),
                &scene.manifest,
                &scene.lockfile,
            )
        })
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
