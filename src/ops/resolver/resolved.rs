//! What a spec was resolved to, and how that is written as a spec again.

use std::rc::Rc;

use semver::Version;

use crate::domain::digest::ObjectId;
use crate::domain::discovery::IndexEntry;
use crate::domain::version::VersionRequest;
use crate::error::Result;
use crate::ops::report::{Frontend, relay};
use crate::store::registry::Snapshot;

/// One agent at one commit.
#[derive(Debug, Clone)]
pub struct Resolved<'a> {
    /// Where it was found.
    pub snapshot: Rc<Snapshot<'a>>,
    /// The agent there.
    pub entry: IndexEntry,
    /// Its version, if there is one.
    pub version: Option<Version>,
    /// The commit, for git.
    pub commit: Option<ObjectId>,
    /// The version that a marketplace names where it takes a plugin from another repository.
    pub listed_at: Option<VersionRequest>,
}

impl<'a> Resolved<'a> {
    /// An agent as its source has it now.
    #[must_use]
    pub fn newest(snapshot: Rc<Snapshot<'a>>, entry: IndexEntry) -> Self {
        let record = snapshot.record(entry.name.as_str());
        Self {
            version: record.and_then(|record| record.version.clone()),
            commit: snapshot.commit,
            listed_at: None,
            entry,
            snapshot,
        }
    }

    /// The files of other agents of this name, with other bytes, that stand behind this one in its source, as far as that was read.
    #[must_use]
    pub fn others(&self) -> Vec<String> {
        let meant = self.snapshot.meant_here(self.entry.name.as_str());
        let meant = meant.filter(|meant| self.is_only(&meant.agents));
        let others = meant.into_iter().flat_map(|meant| meant.others);
        others.map(|entry| entry.file).collect()
    }

    /// Whether the name alone means this agent.
    pub fn is_meant(&self, frontend: &mut dyn Frontend) -> Result<bool> {
        let watch = &mut |event| relay(frontend, event);
        let found = self.snapshot.find(self.entry.name.as_str(), watch)?;
        Ok(self.is_only(&found))
    }

    /// Whether the name alone means this agent, and there is no other of this name, as far as the source was read.
    pub fn is_unique(&self, frontend: &mut dyn Frontend) -> Result<bool> {
        Ok(self.is_meant(frontend)? && self.others().is_empty())
    }

    fn is_only(&self, agents: &[IndexEntry]) -> bool {
        matches!(agents, [one] if one.file == self.entry.file)
    }

    /// A spec that means exactly this agent and can be pasted.
    #[must_use]
    pub fn spec(&self, by_file: bool) -> String {
        match &self.snapshot.registry {
            Some(registry) if by_file => format!("{registry}#{}", self.entry.file),
            None if by_file => format!("{}#{}", self.snapshot.source, self.entry.file),
            _ => self.spec_of(self.entry.name.as_str()),
        }
    }

    /// A spec that means what a name means in the same source.
    #[must_use]
    pub fn spec_of(&self, name: &str) -> String {
        match &self.snapshot.registry {
            Some(registry) => format!("{registry}/{name}"),
            None => format!("{}#{name}", self.snapshot.source),
        }
    }

    /// Where it is, for people: version, or commit.
    #[must_use]
    pub fn revision(&self) -> String {
        match (&self.version, self.commit) {
            (Some(version), _) => version.to_string(),
            (None, Some(commit)) => format!("@ {}", commit.short()),
            (None, None) => String::new(),
        }
    }
}
