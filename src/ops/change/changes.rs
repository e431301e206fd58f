//! The changes that several use-cases plan alike: the two text files, bases that come and go, files of agents that go.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::fs::Content;
use crate::store::base_file;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::Manifest;
use crate::store::project::Project;
use crate::store::transaction::{Change, Relock, Transaction};

/// What a project is to become in one step.
pub(in crate::ops) struct Next {
    /// The manifest as it will be.
    pub(in crate::ops) manifest: Manifest,
    /// The lockfile as it will be.
    pub(in crate::ops) lockfile: Lockfile,
    /// The changes of all other files.
    pub(in crate::ops) changes: Vec<Change>,
}

impl Next {
    /// The transaction that makes it so. `before`: the lockfile as it is.
    pub(in crate::ops) fn transaction(
        mut self,
        project: &Project,
        label: String,
        before: &Lockfile,
    ) -> Result<Transaction> {
        self.changes
            .extend(manifest_change(project, &self.manifest));
        Ok(Transaction {
            label,
            changes: self.changes,
            lockfile: Relock::between(project, before, &self.lockfile)?,
        })
    }
}

/// The change of the manifest, if it was edited.
pub(in crate::ops) fn manifest_change(project: &Project, manifest: &Manifest) -> Option<Change> {
    if !manifest.is_changed() {
        return None;
    }
    let path = project.manifest_path().to_owned();
    let text = manifest.to_text().into_bytes();
    // What was read is what was planned on, whatever the file holds by now.
    Some(Change::file(path, manifest.digest(), Some(text)))
}

/// How many files a transaction really changes.
pub(in crate::ops) fn count(transaction: &Transaction) -> usize {
    let changed = transaction
        .changes
        .iter()
        .filter(|change| !change.is_void());
    changed.count() + usize::from(transaction.lockfile.is_some())
}

/// Plans that a base is there, whole.
pub(in crate::ops) fn keep_base(
    project: &Project,
    base: &Digest,
    content: &Content,
    changes: &mut Vec<Change>,
) -> Result<()> {
    if project.read_base(base)?.is_none() {
        let path = project.base_path(base);
        let damaged = project.digest(&path)?;
        changes.push(Change::file(
            path,
            damaged,
            Some(base_file::encode(base, &content.bytes())),
        ));
    }
    Ok(())
}

/// Plans that the bases go which no entry names any more.
pub(in crate::ops) fn drop_bases(
    project: &Project,
    before: &Lockfile,
    after: &BTreeMap<AgentName, LockedAgent>,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let named: BTreeSet<Digest> = after.values().map(|locked| locked.base).collect();
    let bases: BTreeSet<Digest> = before.agents.values().map(|locked| locked.base).collect();
    for base in bases.difference(&named) {
        let path = project.base_path(base);
        let before = project.digest(&path)?;
        if before.is_some() {
            changes.push(Change::file(path, before, None));
        }
    }
    Ok(())
}
