//! The quick look of `install` without names: whether manifest, lockfile and files agree already. It has to be cheap, and takes no lock.
//! Where nothing looks different since it last found that they agree, nothing is read.

use super::change::item::Status;
use super::change::outcome::{ChangedAgent, Outcome};
use super::report::Frontend;
use super::session::Session;
use crate::domain::definition::ignored;
use crate::domain::markers;
use crate::error::Result;
use crate::store::agreement::{answers, has_other_overrides, reachable};
use crate::store::lockfile::Lockfile;
use crate::store::manifest::Manifest;
use crate::store::transaction;

/// An outcome that only counts the agents, if manifest, lockfile and files are known to agree.
pub(super) fn is_still_done(session: &Session) -> Result<Option<Outcome>> {
    let project = &session.project;
    if transaction::interruption(project)?.is_some() {
        return Ok(None);
    }
    let seen = session.cache.seen(project.agents_folder(), usize::MAX);
    Ok(project.agreement(&seen).map(|counted| Outcome {
        counted: Some(counted),
        ..Outcome::default()
    }))
}

/// The whole outcome, if manifest, lockfile and files agree already.
pub(super) fn is_done(session: &Session, frontend: &mut dyn Frontend) -> Result<Option<Outcome>> {
    // What was interrupted is ended first, and that takes the lock.
    if transaction::interruption(&session.project)?.is_some() {
        return Ok(None);
    }
    let project = &session.project;
    let looks = project.looks();
    let manifest = session.manifest(frontend)?;
    if manifest.agents().is_empty() || !manifest.policy().is_empty() {
        return Ok(None);
    }
    let lockfile = project.load_lockfile()?;
    if !is_complete(&manifest, &lockfile) {
        return Ok(None);
    }
    let bases = project.kept_bases()?;
    let mut seen = session
        .cache
        .seen(project.agents_folder(), lockfile.agents.len());
    let mut outcome = Outcome::default();
    for (name, locked) in lockfile.agents {
        let is_as_wanted = match manifest.agents().get(&name) {
            Some(wanted) => answers(&locked, wanted, &manifest),
            None => !has_other_overrides(&locked, &manifest.as_required(&name), &manifest),
        };
        if !is_as_wanted {
            return Ok(None);
        }
        let Some(digest) = project.digest_agent(&name, &locked.folder, &mut seen)? else {
            return Ok(None);
        };
        if !bases.has(&locked.base) {
            return Ok(None);
        }
        // Without its base, edits cannot be told from upstream's text. A file that nobody edited is its own base.
        if digest != locked.unedited() && project.read_base(&locked.base)?.is_none() {
            return Ok(None);
        }
        let status = if digest == locked.unedited() {
            Status::Current
        } else {
            Status::Edited
        };
        let edited = match status {
            Status::Edited => project.read_agent(&name, &locked.folder)?,
            _ => None,
        };
        if (edited.as_deref()).is_some_and(|bytes| markers::first(bytes).is_some()) {
            return Ok(None);
        }
        outcome.agents.push(ChangedAgent {
            ignored: edited.as_deref().and_then(ignored),
            ..ChangedAgent::unchanged(project, name, status, locked)
        });
    }
    // What is warned about is warned about each time.
    let is_silent = manifest.warnings().is_empty()
        && manifest.follows_links().is_none()
        && (outcome.agents.iter()).all(|agent| agent.status == Status::Current);
    if let Some(looks) = looks.filter(|looks| is_silent && project.looks() == Some(*looks)) {
        let ground = project.ground(looks, &bases);
        seen.conclude(ground);
    }
    seen.keep(session.environment.now());
    Ok(Some(outcome))
}

/// Whether exactly what the manifest wants is locked.
fn is_complete(manifest: &Manifest, lockfile: &Lockfile) -> bool {
    // A required agent that is not locked is not reached, so that counting alone would not miss it.
    let mut required = lockfile.agents.values().flat_map(|locked| &locked.requires);
    let wanted = reachable(manifest, lockfile);
    required.all(|name| lockfile.agents.contains_key(name))
        && wanted.len() == lockfile.agents.len()
        && manifest.agents().keys().all(|name| wanted.contains(name))
}
