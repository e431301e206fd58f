//! What became of an agent, or would, in a verb and a note, and between which versions.

use crate::domain::count::counted;
use crate::ops::gone::GoneAgent;
use crate::ops::update::{ChangedAgent, Status};
use crate::store::lockfile::LockedAgent;

/// Said of a version that is older than the one before.
pub(super) const OLDER: &str = "an older version";

/// From which version to which, with the day of a commit. Without room, of commits only the new one.
pub(super) fn versions(agent: &ChangedAgent, has_room: bool) -> String {
    let is_commit = |locked: &LockedAgent| locked.version.is_none();
    if let Some(changed) = &agent.changed
        && agent.locked.as_ref().is_some_and(is_commit)
        && !agent.to.is_empty()
    {
        return if has_room {
            changed.words_from(&agent.from)
        } else {
            changed.words()
        };
    }
    match (
        agent.from.is_empty(),
        agent.to.is_empty() || agent.from == agent.to,
    ) {
        (_, true) => agent.from.clone(),
        (true, false) => agent.to.clone(),
        (false, false) => format!("{} -> {}", agent.from, agent.to),
    }
}

/// The verb and the note of an agent.
pub(in crate::commands) fn words(agent: &ChangedAgent, is_dry_run: bool) -> (&'static str, String) {
    let edits = match agent.edits {
        0 => String::new(),
        1 => "your edit kept".to_owned(),
        count => format!("your {count} edits kept"),
    };
    let open = match agent.conflicts.iter().filter(|one| !one.is_decided).count() {
        0 if !agent.conflicts.is_empty() => "conflicts decided".to_owned(),
        0 => edits.clone(),
        count => counted(count, "conflict"),
    };
    let older = if agent.is_older() {
        OLDER.to_owned()
    } else {
        String::new()
    };
    let joined = |notes: String| {
        let notes = [older.clone(), notes].into_iter();
        let notes: Vec<String> = notes.filter(|note| !note.is_empty()).collect();
        notes.join("; ")
    };
    match (agent.status, is_dry_run) {
        (Status::Updated, true) => ("Would update", older),
        (Status::Merged, true) => ("Would merge", joined(open)),
        (Status::Installed, true) => ("Would add", String::new()),
        (Status::Adopted, true) => ("Would adopt", String::new()),
        (Status::Adopted, false) => ("Adopted", String::new()),
        (Status::Updated, false) => ("Updated", older),
        (Status::Merged, false) if agent.conflicts.is_empty() => ("Merged", joined(edits)),
        (Status::Merged, false) => ("Merged", joined("conflicts decided".to_owned())),
        (Status::Installed, false) => ("Installed", String::new()),
        (Status::Marked, _) => (
            if is_dry_run {
                "Would defer"
            } else {
                "Deferred"
            },
            joined(format!(".agentpkg/conflicts/{}", agent.name.file_name())),
        ),
        (Status::Skipped, true) => ("Would skip", open),
        (Status::Skipped, false) => ("Skipped", open),
        (Status::Gone, _) => {
            let what = agent.gone.as_ref().map(GoneAgent::words);
            ("Gone", what.unwrap_or_default() + "; your file stays")
        }
        (Status::BaseLost, _) => ("Not merged", String::new()),
        (Status::Moved, true) => ("Would follow", String::new()),
        (Status::Moved, false) => ("Followed", edits),
        (Status::Current | Status::Edited, _) => ("Kept", String::new()),
    }
}
