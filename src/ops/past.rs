//! What changed upstream in the file of an agent, commit by commit, as far as its history is here. Only reads; nothing is fetched.

use super::session::Session;
use crate::domain::date::day;
use crate::domain::digest::ObjectId;
use crate::domain::spec::Source;
use crate::git::{FileChange, FilePast};
use crate::store::lockfile::LockedAgent;
use crate::store::registry::Snapshot;

/// How many commits are listed; more are only said to be there.
const MOST: usize = 50;

/// A commit that changed the file of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The commit.
    pub commit: ObjectId,
    /// Its day, as its committer claims.
    pub day: String,
    /// The first line of its message.
    pub subject: String,
    /// Whether the file is installed as this commit left it.
    pub is_installed: bool,
}

impl Step {
    fn of(change: FileChange, installed: Option<ObjectId>) -> Self {
        Self {
            commit: change.commit,
            day: day(change.time),
            subject: change.subject,
            is_installed: installed == Some(change.blob),
        }
    }
}

/// What a newer version of an agent changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The commit that changed the file last. Where the history is not here, the one that was fetched.
    pub commit: ObjectId,
    /// The commit that was fetched.
    pub fetched: ObjectId,
    /// The day of `commit`.
    pub day: String,
    /// Whether it changed the file; otherwise it is only known to have it.
    pub is_last: bool,
    /// The commits since the installed version that changed the file, newest first, as far as they are here.
    pub steps: Vec<Step>,
    /// Whether those are all.
    pub is_complete: bool,
    /// Whether the commit that was fetched is an ancestor of the installed one, as far as the history is here.
    pub is_older: bool,
}

impl Changed {
    /// What changed since the installed version in the file that a state of a source has for it; `None` for sources without commits.
    pub(super) fn since(locked: &LockedAgent, snapshot: &Snapshot<'_>, file: &str) -> Option<Self> {
        let (repository, commit) = snapshot.history()?;
        let is_older = locked.commit.is_some_and(|installed| {
            // It is only good to know.
            repository.is_older(commit, installed).unwrap_or(false)
        });
        let past = past(snapshot, (file, &locked.file), Some(locked.blob), MOST);
        let is_complete = past.is_whole || past.oldest == Some(locked.blob);
        let steps = past.changes.into_iter();
        let steps: Vec<Step> = steps.map(|change| Step::of(change, None)).collect();
        let last = steps.first();
        Some(Self {
            commit: last.map_or(commit, |step| step.commit),
            fetched: commit,
            day: last.map_or_else(
                || day(snapshot.commit_time.unwrap_or(0)),
                |step| step.day.clone(),
            ),
            is_last: last.is_some(),
            steps,
            is_complete,
            is_older,
        })
    }

    /// The same for the version that a lock entry names, as far as its source is on this machine.
    pub(super) fn between(
        session: &Session,
        before: &LockedAgent,
        to: &LockedAgent,
    ) -> Option<Self> {
        if before.blob == to.blob || before.source != to.source {
            return None;
        }
        let (source, commit) = (Source::parse(&to.source).ok()?, to.commit?);
        let repository = session.kept_repository(&source)?;
        let registry = to.registry.clone();
        let snapshot = Snapshot::git(registry, source, repository, commit, &mut |_| {}).ok()?;
        Self::since(before, &snapshot, &to.file)
    }

    /// Whether a version is named by its commit, so that this one says more.
    #[must_use]
    pub fn is_of(&self, version: &str) -> bool {
        version == self.fetched.short()
    }

    /// The commit with its day, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let at = if self.is_last { "" } else { "at " };
        format!("{at}{} ({})", self.commit.short(), self.day)
    }

    /// The same from another version on.
    #[must_use]
    pub fn words_from(&self, version: &str) -> String {
        let to = self.commit.short();
        if version.is_empty() || version == to {
            return self.words();
        }
        format!("{version} -> {to} ({})", self.day)
    }
}

/// The past of an agent's file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The commits that changed it, newest first, down to the installed version if it is installed.
    pub steps: Vec<Step>,
    /// Whether those are all.
    pub is_complete: bool,
    /// Whether the source is on this machine, so that nothing more can be fetched.
    pub is_local: bool,
}

impl History {
    /// The past of a file up to a state of a source; `None` for sources without commits. `installed`: where it was at the installed
    /// version, and its content there.
    pub(super) fn of(
        snapshot: &Snapshot<'_>,
        file: &str,
        installed: Option<(&str, ObjectId)>,
    ) -> Option<Self> {
        snapshot.history()?;
        let (earlier, blob) = installed.unzip();
        let past = past(snapshot, (file, earlier.unwrap_or(file)), None, MOST);
        // Where nothing is newer than what is installed, nothing is missing.
        let is_current = blob.is_some() && past.changes.is_empty() && past.oldest == blob;
        let steps = past.changes.into_iter();
        let mut steps: Vec<Step> = steps.map(|change| Step::of(change, blob)).collect();
        let until = steps.iter().position(|step| step.is_installed);
        if let Some(until) = until {
            steps.truncate(until + 1);
        }
        Some(Self {
            is_complete: past.is_whole || until.is_some() || is_current,
            is_local: snapshot.is_local(),
            steps,
        })
    }
}

/// The past of a file; nothing where it cannot be read: it is only good to know.
fn past(
    snapshot: &Snapshot<'_>,
    files: (&str, &str),
    until: Option<ObjectId>,
    limit: usize,
) -> FilePast {
    let past = snapshot
        .history()
        .map(|(repository, commit)| repository.past_of(files, commit, until, limit));
    past.and_then(Result::ok).unwrap_or_default()
}
