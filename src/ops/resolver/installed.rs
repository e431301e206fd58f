//! What a project and its user have already, where that says what is meant: an installed agent stays with its file, and a registry of the
//! user counts where it was typed.

use super::Resolver;
use crate::domain::discovery::{IndexEntry, rank};
use crate::domain::name::RegistryName;
use crate::domain::spec::Source;
use crate::ops::typed::AskerPlace;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::source_text;
use crate::store::registry::Snapshot;

impl<'a> Resolver<'a> {
    /// The agents that a name means in a source. An installed agent stays with its file while that stands, whatever else comes to bear its
    /// name.
    #[must_use]
    pub fn meant(&self, snapshot: &Snapshot<'a>, name: &str) -> Vec<IndexEntry> {
        match self.installed(snapshot, name) {
            Some(entry) => vec![entry],
            None => snapshot.offered.find(name),
        }
    }

    /// The agent of a source that is installed and has this name there; `None`: none, or several.
    #[must_use]
    pub fn installed(&self, snapshot: &Snapshot<'a>, name: &str) -> Option<IndexEntry> {
        let installed = self.installed.get_or_init(|| {
            let lockfile = self.session.project.load_lockfile().unwrap_or_default();
            let agents = lockfile.agents.into_values();
            let known = |locked: LockedAgent| (locked.source, locked.agent, locked.file);
            agents.map(known).collect()
        });
        let sought = rank::sought(name)?;
        let source = source_text(&snapshot.source);
        let mut files = installed
            .iter()
            .filter(|(of, agent, _)| *of == source && rank::sought(agent).as_ref() == Some(&sought))
            .filter_map(|(_, _, file)| snapshot.offered.find_file(file))
            .filter(|entry| entry.name.folded() == sought);
        files.next().filter(|_| files.next().is_none())
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
