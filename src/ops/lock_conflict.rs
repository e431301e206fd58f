//! A lockfile with the conflict markers of a version control system: `install` makes one of its two sides, entry by entry, and says what it
//! took. What neither side answers is resolved anew afterwards.

use super::report::{Event, Frontend};
use super::session::Session;
use crate::domain::digest::Digest;
use crate::domain::markers;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::store::agreement::answers;
use crate::store::lock_merge::{Merged, Side, merge};
use crate::store::lockfile::{self, LockedAgent, Lockfile};
use crate::store::manifest::Manifest;
use crate::store::transaction::{Relock, Transaction};

/// What became of the lockfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Markers {
    /// It has no markers, or may not be changed.
    Untouched,
    /// It is whole.
    Resolved,
    /// It would be made whole, if this were no dry run.
    Shown,
}

/// Makes the lockfile whole, if it has conflict markers and both sides are lockfiles. With `--locked` it stays as it is, which is an error
/// for whoever reads it.
pub(super) fn resolve_markers(
    session: &Session,
    is_dry_run: bool,
    frontend: &mut dyn Frontend,
) -> Result<Markers> {
    let project = &session.project;
    let path = project.lockfile_path();
    let Some(bytes) = project.files().read(path, lockfile::MAX_SIZE)? else {
        return Ok(Markers::Untouched);
    };
    let shown = project.display(path);
    let sides = std::str::from_utf8(&bytes).ok().and_then(markers::sides);
    let Some([Ok(ours), Ok(theirs)]) =
        sides.map(|sides| sides.map(|side| Lockfile::parse(&side, &shown)))
    else {
        return Ok(Markers::Untouched);
    };
    if session.options.is_locked {
        return Ok(Markers::Untouched);
    }
    let manifest = session.manifest(frontend)?;
    let choose = |name: &AgentName, ours: &LockedAgent, theirs: &LockedAgent| {
        chosen(session, &manifest, name, [ours, theirs])
    };
    let merged = merge(None, &ours, &theirs, &choose);
    frontend.report(Event::warning(words(&shown, &merged)));
    if is_dry_run {
        return Ok(Markers::Shown);
    }
    let transaction = Transaction {
        label: format!("resolve {shown}"),
        changes: Vec::new(),
        lockfile: Some(Relock::replacing(&bytes, &merged.lockfile)),
    };
    let guard = session.lock(frontend)?;
    session.apply(Some(&guard), &transaction, frontend)?;
    Ok(Markers::Resolved)
}

/// Of two entries the one that answers the manifest and that the file was made from.
fn chosen(
    session: &Session,
    manifest: &Manifest,
    name: &AgentName,
    entries: [&LockedAgent; 2],
) -> Option<Side> {
    let file = session.project.read_agent(name).ok()?;
    let file = file.as_deref().map(Digest::of);
    let wanted = manifest.agents().get(name);
    let is_meant = |entry: &LockedAgent| {
        wanted.is_none_or(|wanted| answers(entry, wanted, manifest))
            && file == Some(entry.unedited())
    };
    match entries.map(is_meant) {
        // Two entries of one base differ in where it is from; ours is as good.
        [true, _] => Some(Side::Ours),
        [false, true] => Some(Side::Theirs),
        [false, false] => None,
    }
}

/// What was taken, in words.
fn words(shown: &str, merged: &Merged) -> String {
    let mut words = format!("{shown} had conflict markers");
    if merged.decided.is_empty() {
        return format!("{words}; the entries of both sides were taken");
    }
    let sides = [
        (Some(Side::Ours), "taken from your side"),
        (Some(Side::Theirs), "taken from the other side"),
        (None, "resolved anew"),
    ];
    for (side, what) in sides {
        let names = merged.decided.iter().filter(|(_, taken)| *taken == side);
        let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            words = format!("{words}; {what}: {}", names.join(", "));
        }
    }
    words
}
