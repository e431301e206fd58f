//! A file that agentpkg did not write, and the version of an agent that it is from: the version as it is adopted, and an install that meets
//! a file with the very bytes of one.

use super::item::Item;
use super::scene::Scene;
use crate::domain::digest::ObjectId;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::git::PastFile;
use crate::ops::candidate::Candidate;
use crate::ops::report::Frontend;
use crate::ops::resolver::Resolved;
use crate::store::manifest::Wanted;

/// The version that a file is from, without what it requires: that comes with the next update, which asks about it.
pub(super) fn version(
    scene: &Scene<'_>,
    (name, wanted, bytes): (&AgentName, &Wanted, &[u8]),
    resolved: &Resolved<'_>,
    frontend: &mut dyn Frontend,
) -> Result<Candidate> {
    let session = scene.session;
    let blob = ObjectId::of_blob(bytes);
    if blob == resolved.entry.blob {
        // The version is here, although its source may not have been asked for it.
        session.cache.keep_content(blob, bytes);
    }
    let mut candidate = Candidate::of(session, name, wanted, resolved, frontend)?;
    candidate.required.clear();
    candidate.locked.requires.clear();
    Ok(candidate)
}

/// Adopts a file that is in the way of an install and has the bytes of a version of that very agent: nobody edited it.
pub(super) fn same_bytes(
    item: &mut Item,
    scene: &Scene<'_>,
    (wanted, resolved): (&Wanted, &Resolved<'_>),
    frontend: &mut dyn Frontend,
) -> Result<()> {
    if item.ours.as_ref() == Some(&item.candidate.bytes) {
        let candidate = item.candidate.clone();
        item.adopt(candidate, vec!["identical".to_owned()]);
        return Ok(());
    }
    // With overrides, the file has to change after all.
    let overrides = scene.manifest.overrides_of(wanted);
    let Some(ours) = item.ours.clone().filter(|_| overrides.is_empty()) else {
        return Ok(());
    };
    let ours = ours.bytes();
    let blob = ObjectId::of_blob(&ours);
    let file = &resolved.entry.file;
    let mut same = resolved.clone();
    if blob != resolved.entry.blob {
        // A version that was asked for is not replaced by an older one.
        let past = match wanted.version {
            None => resolved.snapshot.past_files().ok().flatten(),
            Some(_) => None,
        };
        let is_same = |past: &&PastFile| past.path == *file && past.blob == blob;
        let past = past.map(|past| past.files()).unwrap_or_default();
        let Some(past) = past.iter().find(is_same) else {
            return Ok(());
        };
        same.entry.blob = blob;
        same.commit = Some(past.commit);
        same.version = None;
    }
    let requires = item.candidate.locked.requires.clone();
    let mut candidate = version(scene, (&item.name, wanted, &ours), &same, frontend)?;
    candidate.locked.requires = requires;
    let note = if blob == resolved.entry.blob {
        "identical"
    } else {
        "identical to an earlier version"
    };
    item.adopt(candidate, vec![note.to_owned()]);
    Ok(())
}
