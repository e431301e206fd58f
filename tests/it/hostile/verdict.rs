//! Whether a command left the world as it should. Each complaint is one sentence.

use std::ffi::OsStr;
use std::path::Path;

use agentpkg::domain::name::is_invisible;

use super::case::{Case, Forged};
use super::command::{Command, Power};
use super::snapshot::{Difference, Kind, Snapshot, What, contains};
use super::world::{Run, SECRET, WORDS};

/// The exit codes that are documented, and that of an interrupt.
const CODES: &[i32] = &[0, 1, 2, 3, 4, 5, 130];

/// The agents that agentpkg manages in every case.
const OWN_AGENTS: &[&str] = &["u", "v", "w", "x", "y", "z", "backend-architect"];

/// The files that only show that agentpkg works here.
const BOOKKEEPING: &[&str] = &[
    ".agentpkg",
    ".agentpkg/.gitattributes",
    ".agentpkg/.gitignore",
    ".agentpkg/state",
    ".agentpkg/state/.gitignore",
    ".agentpkg/state/lock",
];

/// The parts of agentpkg's own state that decide what other commands do.
const WAITING: &[&str] = &[".agentpkg/state/pending", ".agentpkg/state/resolutions"];

/// The world at one moment.
pub(super) struct Looks {
    pub(super) outside: Snapshot,
    pub(super) inside: Snapshot,
}

/// What is wrong with what a command printed, and with how it ended.
pub(super) fn of_run(run: &Run) -> Vec<String> {
    let mut complaints = Vec::new();
    match run.code {
        _ if run.is_late => complaints.push("it did not end in time".to_owned()),
        None => complaints.push("a signal ended it".to_owned()),
        Some(code) if !CODES.contains(&code) => complaints.push(format!("it ended with {code}")),
        Some(_) => {}
    }
    for (name, bytes) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        let text = String::from_utf8_lossy(bytes);
        if let Some(found) = text
            .chars()
            .find(|c| c.is_control() && !matches!(c, '\n' | '\t') || is_invisible(*c))
        {
            complaints.push(format!("{name} has U+{:04X}", u32::from(found)));
        }
        if contains(bytes, SECRET.as_bytes()) {
            complaints.push(format!("{name} shows a secret of the victim"));
        }
        if text.contains("panicked at") {
            complaints.push("it panicked".to_owned());
        }
    }
    complaints
}

/// What is wrong with what a command changed.
pub(super) fn of_changes(
    case: &Case,
    command: &Command,
    before: &Looks,
    after: &Looks,
) -> Vec<String> {
    let say = |place: &str, difference: &Difference| {
        format!("{:?} {place}{}", difference.what, difference.path.display())
    };
    let mut complaints: Vec<String> = before
        .outside
        .differences(&after.outside)
        .iter()
        .map(|difference| say("outside: ", difference))
        .collect();
    for difference in before.inside.differences(&after.inside) {
        let kind = before.inside.kind(&difference.path);
        if !may_change(case, command, &difference, kind) {
            complaints.push(say("", &difference));
        } else if is_kept(case, command, &difference) {
            complaints.push(say("forged, but to be kept: ", &difference));
        }
    }
    for words in WORDS {
        let is_there = |looks: &Looks| looks.inside.files_with(words.as_bytes()).next().is_some();
        if is_there(before) && !is_there(after) {
            complaints.push(format!("the user's words are lost: {words}"));
        }
    }
    let leaks: Vec<_> = after.inside.files_with(SECRET.as_bytes()).collect();
    if before.inside.files_with(SECRET.as_bytes()).next().is_none() && !leaks.is_empty() {
        complaints.push(format!("a secret of the victim was copied to {leaks:?}"));
    }
    complaints
}

/// Whether a command may change what is at a path of the project. `kind` is what was there.
fn may_change(case: &Case, command: &Command, difference: &Difference, kind: Option<Kind>) -> bool {
    let Difference { path, what } = difference;
    // A file that agentpkg shares with the user must be a regular file in a real folder, or it must not be replaced.
    let is_folder = matches!(kind, Some(Kind::Folder));
    let is_regular = matches!(kind, None | Some(Kind::File)) || is_folder && *what == What::Touched;
    let is_temporary = *what == What::Deleted && is_temporary(path);
    let is_bookkeeping = BOOKKEEPING.iter().any(|own| path == Path::new(own))
        || path == Path::new("") && *what == What::Touched;
    let is_own = is_bookkeeping
        || is_temporary
        || path.starts_with(".agentpkg")
        || is_regular && is_own(path);
    let is_agent = path.starts_with(".claude/agents");
    match command.power {
        Power::Reads => false,
        Power::Discards => {
            is_bookkeeping
                || is_temporary
                || path.starts_with(".agentpkg/state")
                || *what == What::Touched && is_own
        }
        // A journal must not bring pending updates or recorded resolutions.
        Power::Accepts
            if WAITING
                .iter()
                .any(|folder| path.starts_with(folder) && path != Path::new(folder)) =>
        {
            false
        }
        Power::Accepts => is_own || is_agent && is_regular,
        Power::Writes | Power::UsesRecords if case.forged == Forged::Journal => is_bookkeeping,
        Power::UsesRecords if case.forged == Forged::Records => is_bookkeeping,
        Power::Writes | Power::UsesRecords => is_own,
    }
}

/// Whether a forged file was removed or changed before anybody has seen it.
fn is_kept(case: &Case, command: &Command, difference: &Difference) -> bool {
    let is_lost = matches!(difference.what, What::Changed | What::Deleted);
    is_lost
        && !command.is_recovery()
        && case
            .kept
            .iter()
            .any(|kept| difference.path.starts_with(kept))
}

/// Whether a path outside agentpkg's own folder is agentpkg's; the folders above it count, because their times change.
fn is_own(path: &Path) -> bool {
    [
        "agentpkg.toml",
        "agentpkg.lock",
        ".mcp.json",
        ".claude",
        ".claude/agents",
    ]
    .iter()
    .any(|own| path == Path::new(own))
        || OWN_AGENTS
            .iter()
            .any(|name| path == Path::new(&format!(".claude/agents/{name}.md")))
}

/// Whether a name is one of agentpkg's temporary files, which may be removed.
fn is_temporary(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let is_near = folder == Path::new("")
        || folder.starts_with(".claude/agents")
        || folder.starts_with(".agentpkg");
    is_near
        && name.starts_with('.')
        && (name.ends_with(".agentpkg-new")
            || name.starts_with(".agentpkg-") && name.ends_with(".tmp"))
}
