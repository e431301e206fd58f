//! What to do in one step, as data: files before and after, and what happens to the lockfile. The other modules carry it out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::spec::Source;
use crate::error::{Failure, Result};
use crate::fs::Content;
use crate::store::lockfile::{self, Lockfile};
use crate::store::manifest::Manifest;
use crate::store::project::Project;

/// The largest file in a transaction, in bytes.
pub(super) const MAX_CONTENT: u64 = 64 << 20;

/// What a transaction does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: PathBuf,
    /// The agent that it belongs to, if it belongs to exactly one.
    pub agent: Option<AgentName>,
    /// The digest of the content that the plan was made on; `None`: there was no file.
    pub before: Option<Digest>,
    /// The new content; `None`: the file is removed.
    pub after: Option<Content>,
}

impl Change {
    /// The change of a file that belongs to no agent alone.
    #[must_use]
    pub fn file(path: PathBuf, before: Option<Digest>, after: Option<Vec<u8>>) -> Self {
        Self {
            path,
            agent: None,
            before,
            after: after.map(Content::from),
        }
    }
}

/// What to do in one step.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// Its name in the history.
    pub label: String,
    /// The files, in the order in which they change; the lockfile is not among them.
    pub changes: Vec<Change>,
    /// What happens to the lockfile.
    pub lockfile: Option<Relock>,
}

/// What an operation changed in manifest and lockfile: those entries, and no others, go back with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// The agents.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub agents: BTreeSet<AgentName>,
    /// The registries, with the digests of their entries as the operation left them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub registries: BTreeMap<String, Digest>,
    /// What the manifest says of the agents whose entries changed there, as the operation left it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wanted: BTreeMap<AgentName, Digest>,
}

impl Entries {
    pub(super) fn is_empty(&self) -> bool {
        self.agents.is_empty() && self.registries.is_empty()
    }

    /// Adds what differs between two manifests.
    fn add_manifests(&mut self, before: &Manifest, after: &Manifest) {
        for name in different(before.agents(), after.agents()) {
            let _ = self.wanted.insert(name.clone(), after.digest_of(&name));
            self.agents.insert(name);
        }
        let named = |manifest: &Manifest| -> BTreeMap<RegistryName, Source> {
            manifest.registries().iter().cloned().collect()
        };
        for name in different(&named(before), &named(after)) {
            let digest = after.digest_of_registry(&name);
            let _ = self.registries.insert(name.to_string(), digest);
        }
    }
}

/// The keys whose values differ, or that only one side has.
fn different<K: Ord + Clone, V: PartialEq>(one: &BTreeMap<K, V>, other: &BTreeMap<K, V>) -> Vec<K> {
    let keys: BTreeSet<&K> = one.keys().chain(other.keys()).collect();
    let keys = keys.into_iter();
    keys.filter(|key| one.get(key) != other.get(key))
        .cloned()
        .collect()
}

/// The lockfile before and after.
#[derive(Debug, Clone)]
pub struct Relock {
    /// The digest of the file that the plan was made on.
    pub(super) before: Option<Digest>,
    pub(super) after: Option<Content>,
    /// The file no longer has the content that the plan was made on.
    pub(super) is_stale: bool,
}

impl Relock {
    /// From one state to another; `None` if they are equal. `before` is what the file contains.
    pub fn between(project: &Project, before: &Lockfile, after: &Lockfile) -> Result<Option<Self>> {
        if before == after {
            return Ok(None);
        }
        let path = project.lockfile_path();
        let found = project.files().read(path, lockfile::MAX_SIZE)?;
        let text = found.as_deref().map(String::from_utf8_lossy);
        let is_planned_on = match text {
            Some(text) => {
                Lockfile::parse(&text, &project.display(path)).is_ok_and(|found| found == *before)
            }
            None => *before == Lockfile::default(),
        };
        Ok(Some(Self {
            before: found.as_deref().map(Digest::of),
            after: Some(after.to_text().into_bytes().into()),
            is_stale: !is_planned_on,
        }))
    }
}

impl Relock {
    /// From a file that is no lockfile as it stands to one.
    #[must_use]
    pub fn replacing(found: &[u8], after: &Lockfile) -> Self {
        Self {
            before: Some(Digest::of(found)),
            after: Some(after.to_text().into_bytes().into()),
            is_stale: false,
        }
    }
}

impl Transaction {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.lockfile.is_none() && self.changes.iter().all(Change::is_void)
    }

    /// What it changes in manifest and lockfile. A file that cannot be read counts as empty: it is put back as a whole.
    pub(super) fn entries(&self, project: &Project) -> Entries {
        let mut entries = Entries::default();
        let text = |content: Content| String::from_utf8_lossy(&content.bytes()).into_owned();
        let new = |after: &Option<Content>| text(after.clone().unwrap_or_default());
        let now = |path| {
            text(
                current(project, path)
                    .ok()
                    .flatten()
                    .unwrap_or_default()
                    .into(),
            )
        };
        let path = project.manifest_path();
        if let Some(change) = self.changes.iter().find(|change| change.path == path) {
            let parse = |text: &str| Manifest::parse(text, "").ok();
            let (before, after) = (now(path), new(&change.after));
            if let (Some(before), Some(after)) = (parse(&before), parse(&after)) {
                entries.add_manifests(&before, &after);
            }
        }
        if let Some(relock) = &self.lockfile {
            let parse = |text: &str| Lockfile::parse(text, "").unwrap_or_default().agents;
            let (before, after) = (now(project.lockfile_path()), new(&relock.after));
            let changed = different(&parse(&before), &parse(&after));
            entries.agents.extend(changed);
        }
        entries
    }

    /// Refuses a change of agentpkg.toml or agentpkg.lock, as `--locked` demands.
    pub fn keep_locked(&self, project: &Project) -> Result<()> {
        let is_changed = |path: &Path| {
            (self.changes.iter()).any(|change| change.path == path && !change.is_void())
        };
        if self.lockfile.is_some() || is_changed(project.lockfile_path()) {
            return Err(locked(project, project.lockfile_path()));
        }
        if is_changed(project.manifest_path()) {
            return Err(locked(project, project.manifest_path()));
        }
        Ok(())
    }
}

/// The failure that `--locked` does not let a file change.
#[must_use]
pub fn locked(project: &Project, path: &Path) -> Failure {
    let message = if path == project.lockfile_path() {
        "the lockfile is out of date, and `--locked` was given".to_owned()
    } else {
        let shown = project.display(path);
        format!("`{shown}` would change, and `--locked` was given")
    };
    Failure::failed(message).hint("run the command without `--locked`, and commit what it changes")
}

impl Change {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_void(&self) -> bool {
        match (&self.after, self.before) {
            (Some(after), Some(before)) => after.digest() == before,
            (after, before) => after.is_none() && before.is_none(),
        }
    }
}

/// The content of a file. A link is never replaced.
pub(super) fn current(project: &Project, path: &Path) -> Result<Option<Vec<u8>>> {
    project.files().read(path, MAX_CONTENT)
}
