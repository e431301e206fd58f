//! The changes that several use-cases plan alike: the two text files, bases that come and go, files of agents that go.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::fs;
use crate::store::lockfile::{self, LockedAgent, Lockfile};
use crate::store::manifest::Manifest;
use crate::store::project::{MAX_AGENT, Project};
use crate::store::transaction::Change;

/// A change of one of the two text files, if there is one.
pub(super) fn text_change(path: &Path, text: &str, is_changed: bool) -> Result<Option<Change>> {
    if !is_changed {
        return Ok(None);
    }
    let before = fs::read(path, lockfile::MAX_SIZE)?.as_deref().map(Digest::of);
    Ok(Some(Change { path: path.to_owned(), before, after: Some(text.as_bytes().to_vec()) }))
}

/// Plans that the two text files say what was decided; the lockfile is the last of all changes.
pub(super) fn write_texts(
    project: &Project,
    manifest: &Manifest,
    before: &Lockfile,
    after: &Lockfile,
    changes: &mut Vec<Change>,
) -> Result<()> {
    changes.extend(text_change(project.manifest_path(), &manifest.to_text(), manifest.is_changed())?);
    changes.extend(text_change(project.lockfile_path(), &after.to_text(), after != before)?);
    Ok(())
}

/// Plans that a base is there, whole.
pub(super) fn keep_base(project: &Project, base: &Digest, bytes: &[u8], changes: &mut Vec<Change>) -> Result<()> {
    if project.read_base(base)?.is_none() {
        let path = project.base_path(base);
        let damaged = fs::read(&path, MAX_AGENT)?.as_deref().map(Digest::of);
        changes.push(Change { path, before: damaged, after: Some(bytes.to_vec()) });
    }
    Ok(())
}

/// Plans that the bases go which no entry names any more.
pub(super) fn drop_bases(
    project: &Project,
    before: &Lockfile,
    after: &BTreeMap<AgentName, LockedAgent>,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let named: BTreeSet<Digest> = after.values().map(|locked| locked.base).collect();
    let dropped: BTreeSet<Digest> = before.agents.values().map(|locked| locked.base).filter(|base| !named.contains(base)).collect();
    for base in dropped {
        let path = project.base_path(&base);
        if let Some(bytes) = fs::read(&path, MAX_AGENT)? {
            changes.push(Change { path, before: Some(Digest::of(&bytes)), after: None });
        }
    }
    Ok(())
}
