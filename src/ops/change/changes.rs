//! The changes that several use-cases plan alike: the two text files, bases that come and go, files of agents that go.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::Manifest;
use crate::store::project::{MAX_AGENT, Project};
use crate::store::transaction::{Change, Relock, Transaction};

/// What is to happen in one step: these changes, and that manifest and lockfile say what was decided.
pub(in crate::ops) fn transaction(
    project: &Project,
    label: String,
    manifest: &Manifest,
    before: &Lockfile,
    after: &Lockfile,
    mut changes: Vec<Change>,
) -> Result<Transaction> {
    changes.extend(manifest_change(project, manifest));
    Ok(Transaction {
        label,
        changes,
        lockfile: Relock::between(project, before, after)?,
    })
}

/// The change of the manifest, if it was edited.
pub(in crate::ops) fn manifest_change(project: &Project, manifest: &Manifest) -> Option<Change> {
    if !manifest.is_changed() {
        return None;
    }
    let path = project.manifest_path();
    // What was read is what was planned on, whatever the file holds by now.
    let before = manifest.digest();
    Some(Change {
        path: path.to_owned(),
        agent: None,
        before,
        after: Some(manifest.to_text().into_bytes()),
    })
}

/// How many files a transaction really changes.
pub(in crate::ops) fn count(transaction: &Transaction) -> usize {
    let changed = transaction
        .changes
        .iter()
        .filter(|change| !change.is_void())
        .count();
    changed + usize::from(transaction.lockfile.is_some())
}

/// Plans that a base is there, whole.
pub(in crate::ops) fn keep_base(
    project: &Project,
    base: &Digest,
    bytes: &[u8],
    changes: &mut Vec<Change>,
) -> Result<()> {
    if project.read_base(base)?.is_none() {
        let path = project.base_path(base);
        let damaged = project
            .files()
            .read(&path, MAX_AGENT)?
            .as_deref()
            .map(Digest::of);
        changes.push(Change {
            path,
            agent: None,
            before: damaged,
            after: Some(bytes.to_vec()),
        });
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
    let dropped: BTreeSet<Digest> = before
        .agents
        .values()
        .map(|locked| locked.base)
        .filter(|base| !named.contains(base))
        .collect();
    for base in dropped {
        let path = project.base_path(&base);
        if let Some(bytes) = project.files().read(&path, MAX_AGENT)? {
            changes.push(Change {
                path,
                agent: None,
                before: Some(Digest::of(&bytes)),
                after: None,
            });
        }
    }
    Ok(())
}
