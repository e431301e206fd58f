//! The agents of the manifest as they are locked, and those that are not locked as the manifest wants them.

use std::collections::{BTreeMap, BTreeSet};

use super::item::Added;
use super::planner::Planner;
use crate::domain::digest::{Digest, ObjectId};
use crate::domain::name::AgentName;
use crate::domain::spec::{Source, Target};
use crate::domain::url::GitUrl;
use crate::error::{Kind, Result};
use crate::ops::base;
use crate::ops::candidate;
use crate::ops::report::{Event, Frontend, relay};
use crate::store::agreement::{file_folder, is_target, is_version};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Manifest, Origin, Wanted};

impl Planner<'_, '_> {
    /// Plans the agents of the manifest that are not planned yet.
    pub(super) fn rest_of_the_manifest(&mut self, frontend: &mut dyn Frontend) -> Result<()> {
        self.fetch_locked(frontend);
        for (name, wanted) in self.scene.manifest.agents() {
            if self.plan.item(name).is_none()
                && !self.refused.contains(name)
                && let Err(failure) = self.wanted(name, wanted, frontend)
            {
                // What `--locked` forbids is forbidden as a whole.
                if self.scene.session.options.is_locked {
                    return Err(failure);
                }
                self.problem_about(name, failure)?;
            }
        }
        Ok(())
    }

    /// Fetches the locked agents of which nothing is on this machine: those of one source in one fetch, and all sources at once.
    fn fetch_locked(&self, frontend: &mut dyn Frontend) {
        let session = self.scene.session;
        let mut wanted: BTreeMap<GitUrl, BTreeSet<ObjectId>> = BTreeMap::new();
        for (name, locked) in &self.scene.lockfile.agents {
            if let Ok(Source::Git(url)) = Source::parse(&locked.source)
                && url.local_path().is_none()
                && self.plan.item(name).is_none()
                && !base::is_here(session, name, locked)
            {
                wanted.entry(url).or_default().insert(locked.blob);
            }
        }
        let is_several = wanted.len() > 1 || wanted.values().any(|blobs| blobs.len() > 1);
        if is_several && !session.options.is_offline {
            let watch = &mut |event| relay(frontend, event);
            session.cache.have_contents(&wanted, watch);
        }
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
        if let Some(locked) = locked.filter(|locked| is_version(locked, wanted, manifest)) {
            return self.keep(name, locked, wanted, frontend);
        }
        if session.options.is_locked {
            return Err(session.stale_lock().caused_by(format!(
                "the lock entry of `{name}` does not match agentpkg.toml"
            )));
        }
        // Other bindings of the same version do not make it another version.
        if let Some(locked) = locked {
            let as_bound = Wanted {
                bind: locked.bindings(),
                ..wanted.clone()
            };
            if is_version(locked, &as_bound, manifest) {
                return self.rebound(name, wanted, locked, frontend);
            }
        }
        let resolved = self
            .resolver
            .resolve_wanted(name, wanted, manifest, frontend);
        let resolved = match (resolved, locked) {
            (Err(failure), Some(locked))
                if failure.kind() == Kind::Failed && !self.resolver.is_unversioned(&failure) =>
            {
                let Some(agreed) = agreed(locked, wanted, manifest) else {
                    return Err(failure);
                };
                return self.fix_entry(name, locked, agreed, frontend);
            }
            (resolved, _) => resolved?,
        };
        let added = Added {
            chain: vec!["agentpkg.toml".to_owned()],
            wanted: wanted.clone(),
            ..Added::default()
        };
        self.add(name, &resolved, added, frontend)
    }

    /// Plans an agent as it is locked, and has the manifest say so: what that says is not there any more.
    fn fix_entry(
        &mut self,
        name: &AgentName,
        locked: &LockedAgent,
        agreed: Wanted,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        self.keep(name, locked, &agreed, frontend)?;
        frontend.report(Event::warning(format!(
            "upstream no longer has the file that agentpkg.toml names for `{name}`; the entry now names the one in agentpkg.lock: {}",
            locked.file
        )));
        if let Some(item) = self.plan.item_mut(name) {
            item.wanted = Some(agreed);
        }
        Ok(())
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
        let locked = self.overriding(name, locked, wanted, &bytes)?;
        self.push_kept(name, locked, bytes.into(), wanted)
    }
}

/// The entry of the manifest that names what is locked, if that is all that it and the lockfile do not agree about.
fn agreed(locked: &LockedAgent, wanted: &Wanted, manifest: &Manifest) -> Option<Wanted> {
    if is_target(locked, wanted) {
        return None;
    }
    let target = match &wanted.target {
        Some(Target::Name(_)) => Target::Name(locked.agent.clone()),
        _ => Target::File(locked.file.clone()),
    };
    let origin = match &wanted.origin {
        Origin::Source(source) => Origin::Source(file_folder(source)),
        origin => origin.clone(),
    };
    let agreed = Wanted {
        origin,
        target: Some(target),
        ..wanted.clone()
    };
    is_version(locked, &agreed, manifest).then_some(agreed)
}
