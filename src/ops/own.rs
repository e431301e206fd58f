//! What is in the agents folder that a command writes to cannot come from there: agentpkg would take its edits for upstream's, and removing
//! the agent would delete the only copy.

use std::path::{Path, PathBuf};

use super::session::Session;
use crate::domain::shell::Command;
use crate::domain::spec::Source;
use crate::error::{Advice, Failure, Result};
use crate::fs;
use crate::store::placed::Placed;

/// Refuses a source that is, or is in, the agents folder.
pub(super) fn refuse_source(session: &Session, source: &Source) -> Result<()> {
    match place(session, source) {
        Some(path) => refuse(session, &path),
        None => Ok(()),
    }
}

/// Refuses a file of a source, which may be the agents folder or have it inside.
pub(super) fn refuse_file(session: &Session, source: &Source, file: &str) -> Result<()> {
    match (source, place(session, source)) {
        (Source::File(_), Some(path)) => refuse(session, &path),
        (_, Some(folder)) => refuse(session, &folder.join(file)),
        (_, None) => Ok(()),
    }
}

/// Where the agents folder is within a source, which ends in `/` unless it is empty; `None`: it is elsewhere.
pub(super) fn below(session: &Session, source: &Source) -> Option<String> {
    let source = fs::canonical(&place(session, source)?).ok()?;
    let agents = fs::canonical(session.project.agents_folder()).ok()?;
    if source.starts_with(&agents) {
        return Some(String::new());
    }
    let below = agents.strip_prefix(source).ok()?;
    Some(format!("{}/", below.to_str()?.replace('\\', "/")))
}

/// Where a source is on this machine, if its files are there as such.
fn place(session: &Session, source: &Source) -> Option<PathBuf> {
    match source {
        Source::Builtin => None,
        Source::Folder(path) | Source::File(path) => Some(session.absolute(path)),
        Source::Git(url) => url.local_path(),
    }
}

/// Refuses a file or a folder that is, or is in, the agents folder; links lead to what they mean.
fn refuse(session: &Session, path: &Path) -> Result<()> {
    let project = &session.project;
    let agents = project.agents_folder();
    let (Ok(real), Ok(folder)) = (fs::canonical(path), fs::canonical(agents)) else {
        return Ok(());
    };
    let Ok(below) = real.strip_prefix(&folder) else {
        return Ok(());
    };
    if below.as_os_str().is_empty() {
        let shown = project.display(agents);
        let failure = format!("`{shown}` is the agents folder itself; it has no source");
        return Err(Failure::failed(failure).hint(where_from("--all")));
    }
    let shown = project.display(&agents.join(below));
    let failure = Failure::failed(format!(
        "`{shown}` is in the agents folder itself; it has no source"
    ));
    let below = below.to_string_lossy().replace('\\', "/");
    let Some(stem) = below.strip_suffix(".md") else {
        return Err(failure.hint(where_from("--all")));
    };
    Err(match Placed::read(project)?.lockfile.at(&below) {
        Some((name, _)) => failure.hint(
            Advice::run(Command::new(["info", name.as_str()])).and(" shows where it came from"),
        ),
        None => failure.hint(where_from(stem)),
    })
}

/// How to find the source of a file.
fn where_from(what: &str) -> Advice {
    let adopt = Command::new(["adopt", what]);
    let adopt = if what == "--all" {
        adopt.arg("--dry-run")
    } else {
        adopt
    };
    Advice::run(adopt).and(" looks for where it came from")
}
