//! What a spec was resolved to, and how that is written as a spec again.

use std::rc::Rc;

use semver::Version;

use crate::domain::digest::ObjectId;
use crate::domain::discovery::IndexEntry;
use crate::domain::version::VersionRequest;
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

    /// The files of other agents of this name, with other bytes, that stand behind this one in its source.
    #[must_use]
    pub fn others(&self) -> Vec<String> {
        let meant = self.snapshot.offered.meant(self.entry.name.as_str());
        if meant.agents != [self.entry.clone()] {
            return Vec::new();
        }
        meant.others.into_iter().map(|entry| entry.file).collect()
    }

    /// Whether the name alone means this agent, and there is no other of this name.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        let meant = self.snapshot.offered.meant(self.entry.name.as_str());
        meant.agents == [self.entry.clone()] && meant.others.is_empty()
    }

    /// A spec that means exactly this agent and can be pasted.
    #[must_use]
    pub fn spec(&self, by_file: bool) -> String {
        let target = if by_file {
            self.entry.file.as_str()
        } else {
            self.entry.name.as_str()
        };
        match &self.snapshot.registry {
            Some(registry) if !by_file => format!("{registry}/{target}"),
            Some(registry) => format!("{registry}#{target}"),
            None => format!("{}#{target}", self.snapshot.source),
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
