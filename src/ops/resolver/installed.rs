//! What a project and its user have already, where that says what is meant: an installed agent stays with its file, and a registry of the
//! user counts where it was typed.

use super::Resolver;
use crate::domain::discovery::{IndexEntry, rank};
use crate::domain::name::RegistryName;
use crate::domain::spec::Source;
use crate::error::Result;
use crate::ops::report::{Frontend, relay};
use crate::ops::typed::AskerPlace;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::source_text;
use crate::store::registry::Snapshot;

impl<'a> Resolver<'a> {
    /// The agents that a name means in a source. An installed agent stays with its file while that stands, whatever else comes to bear its
    /// name.
    pub fn meant(
        &self,
        snapshot: &Snapshot<'a>,
        name: &str,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<IndexEntry>> {
        match self.installed(snapshot, name, frontend)? {
            Some(entry) => Ok(vec![entry]),
            None => snapshot.find(name, &mut |event| relay(frontend, event)),
        }
    }

    /// The agent of a source that is installed and has this name there; `None`: none, or several.
    pub fn installed(
        &self,
        snapshot: &Snapshot<'a>,
        name: &str,
        frontend: &mut dyn Frontend,
    ) -> Result<Option<IndexEntry>> {
        let installed = self.installed.get_or_init(|| {
            let lockfile = self.session.project.load_lockfile().unwrap_or_default();
            let agents = lockfile.agents.into_values();
            let known = |locked: LockedAgent| (locked.source, locked.agent, locked.file);
            agents.map(known).collect()
        });
        let Some(sought) = rank::sought(name) else {
            return Ok(None);
        };
        let source = source_text(&snapshot.source);
        let mut found = Vec::new();
        for (of, agent, file) in installed {
            if *of == source && rank::sought(agent).as_ref() == Some(&sought) {
                let there = snapshot.find_file(file, &mut |event| relay(frontend, event))?;
                found.extend(there.filter(|entry| entry.name.folded() == sought));
            }
        }
        let only = found.pop().filter(|_| found.is_empty());
        Ok(only)
    }

    /// The registry of this name that the user has, if it was typed.
    pub(super) fn users(&self, name: &RegistryName) -> Option<Source> {
        if !matches!(self.asker.place, AskerPlace::Spec { .. }) {
            return None;
        }
        let mut known = self.session.user_registries().into_iter();
        known
            .find(|(known, _)| known == name)
            .map(|(_, source)| source)
    }
}
