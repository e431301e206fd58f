//! The files of the agents folder that agentpkg did not write.

use super::session::Session;
use crate::store::loaded::{self, LoadedSet};
use crate::store::lockfile::Lockfile;

/// Their paths below the agents folder.
pub(super) fn unmanaged_in(set: &LoadedSet, lockfile: &Lockfile) -> Vec<String> {
    let files = set.own().map(|agent| agent.below.clone());
    files.filter(|file| lockfile.at(file).is_none()).collect()
}

/// The same, read now, without `.md`.
pub(super) fn unmanaged(session: &Session, lockfile: &Lockfile) -> Vec<String> {
    let project = &session.project;
    let set = loaded::read(project, &session.environment, project.root());
    stems(&set, lockfile)
}

/// The same of what was read.
pub(super) fn stems(set: &LoadedSet, lockfile: &Lockfile) -> Vec<String> {
    let files = unmanaged_in(set, lockfile).into_iter();
    files
        .filter_map(|file| file.strip_suffix(".md").map(str::to_owned))
        .collect()
}

/// The path without `.md` that was typed: below the agents folder, or as shells complete it and other commands print it.
pub(super) fn below<'t>(session: &Session, typed: &'t str) -> &'t str {
    let typed = typed.strip_suffix(".md").unwrap_or(typed);
    let project = &session.project;
    let folder = project.display(project.agents_folder());
    let path = typed.strip_prefix("./").unwrap_or(typed);
    let path = path.strip_prefix(folder.as_str());
    let path = path.and_then(|path| path.strip_prefix('/'));
    path.unwrap_or(typed)
}

/// Which of the files without `.md` a path or the name of a file at any depth means.
pub(super) fn meant<'s>(stems: &'s [String], below: &str) -> Vec<&'s String> {
    if let Some(stem) = stems.iter().find(|stem| *stem == below) {
        return vec![stem];
    }
    let file_name = |stem: &&String| stem.rsplit('/').next().unwrap_or_default() == below;
    stems.iter().filter(file_name).collect()
}
