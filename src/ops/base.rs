//! Finds the merge base of an installed agent: the exact bytes that were last installed or merged from upstream, after adaptation.
//! Every place is only believed if the digest is right. Without a base nothing is merged; what could stand in for it is only offered.

use std::fmt;

use super::candidate::{adaptation, readapt};
use super::report::{Frontend, relay};
use super::session::Session;
use crate::domain::definition::{Request, adapt};
use crate::domain::digest::{Digest, ObjectId};
use crate::domain::name::AgentName;
use crate::domain::origin::{Match, Origin, Versions};
use crate::domain::shell::Command;
use crate::domain::spec::Source;
use crate::error::{Advice, Failure, Result};
use crate::fs::{self, Content};
use crate::git::{GitError, Repository};
use crate::store::base_file;
use crate::store::cache::{CachedRepository, Freshness};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::Wanted;
use crate::store::project::MAX_AGENT;

/// How much of a version must be in a file for it to have been made from it, in percent.
const MOST: u32 = 60;

/// How many versions of a file are looked at in a history.
const MAX_VERSIONS: usize = 200;

/// Where a base was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseOrigin {
    /// `.agentpkg/base`.
    Project,
    /// The installed file, which nobody edited.
    Installed,
    /// An earlier commit of the project.
    ProjectHistory,
    /// The cache.
    Cache,
    /// The source, by the id of the blob.
    Upstream,
    /// The source, in the history of the file.
    UpstreamHistory,
}

impl fmt::Display for BaseOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Project => "the project",
            Self::Installed => "the installed file",
            Self::ProjectHistory => "the project's git history",
            Self::Cache => "the cache",
            Self::Upstream => "upstream",
            Self::UpstreamHistory => "upstream's history",
        })
    }
}

/// What the search for a base gave.
#[derive(Debug)]
pub enum Search {
    /// The base.
    Found(Content, BaseOrigin),
    /// There is none: why, and an upstream version that could stand in for it.
    Lost(Failure, Option<Nearest>),
}

/// The upstream version that is most like the installed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// Its bytes, adapted.
    pub bytes: Vec<u8>,
    /// Its commit; `None` where there is no history.
    pub commit: Option<ObjectId>,
    /// How many lines differ.
    pub lines: usize,
}

impl Search {
    /// The base, or the failure that says why there is none.
    pub(super) fn into_content(self) -> Result<Content> {
        match self {
            Self::Found(base, _) => Ok(base),
            Self::Lost(failure, _) => Err(failure),
        }
    }
}

/// Looks for the base of `name`, nearest place first.
pub fn find(
    session: &Session,
    name: &AgentName,
    locked: &LockedAgent,
    frontend: &mut dyn Frontend,
) -> Result<Search> {
    if let Some((bytes, origin)) = here(session, name, locked)? {
        return Ok(Search::Found(bytes, origin));
    }
    let installed = session.project.read_agent(name, &locked.folder)?;
    let source = Source::parse(&locked.source).map_err(|error| {
        Failure::failed(format!("the lock entry of `{name}` has an invalid source"))
            .caused_by(error)
    })?;
    let failure = match fetch(session, name, locked, &source, frontend) {
        Ok(upstream) => match as_locked(name, locked, upstream.clone()) {
            Some(base) => return Ok(Search::Found(base, BaseOrigin::Upstream)),
            None => differs(name, locked, &upstream),
        },
        Err(failure) => failure,
    };
    let versions = upstream_versions(session, locked, &source, frontend);
    let mut texts = versions.iter().map(|(upstream, _)| upstream.clone());
    if let Some(base) = texts.find_map(|upstream| as_locked(name, locked, upstream)) {
        return Ok(Search::Found(base, BaseOrigin::UpstreamHistory));
    }
    let nearest = installed.and_then(|installed| nearest(name, locked, &installed, &versions));
    Ok(Search::Lost(failure, nearest))
}

/// Whether the base of an agent is on this machine.
pub(super) fn is_here(session: &Session, name: &AgentName, locked: &LockedAgent) -> bool {
    here(session, name, locked).is_ok_and(|found| found.is_some())
}

/// The base, where it is on this machine.
fn here(
    session: &Session,
    name: &AgentName,
    locked: &LockedAgent,
) -> Result<Option<(Content, BaseOrigin)>> {
    let project = &session.project;
    let is_base = |content: &Content| content.digest() == locked.base;
    if let Some(bytes) = project.read_base(&locked.base)? {
        return Ok(Some((bytes.into(), BaseOrigin::Project)));
    }
    let installed = project.read_agent(name, &locked.folder)?.map(Content::from);
    if let Some(installed) = installed.filter(is_base) {
        return Ok(Some((installed, BaseOrigin::Installed)));
    }
    // Where several places have it they have the same bytes, so what is quicker to look at comes first.
    let upstream = session.cache.content(locked.blob);
    let adapted = upstream.and_then(|upstream| as_locked(name, locked, upstream));
    if let Some(base) = adapted {
        return Ok(Some((base, BaseOrigin::Cache)));
    }
    let found = in_project_history(session, name, locked);
    Ok(found.map(|base| (base, BaseOrigin::ProjectHistory)))
}

/// The upstream bytes of an agent as it is locked.
pub(super) fn upstream(
    session: &Session,
    name: &AgentName,
    locked: &LockedAgent,
    frontend: &mut dyn Frontend,
) -> Result<Vec<u8>> {
    let is_upstream = |bytes: &Vec<u8>| Digest::of(bytes) == locked.sha256;
    if let Some(bytes) = session.cache.content(locked.blob).filter(is_upstream) {
        return Ok(bytes);
    }
    let source = Source::parse(&locked.source).map_err(|error| {
        Failure::failed(format!("the lock entry of `{name}` has an invalid source"))
            .caused_by(error)
    })?;
    let bytes = fetch(session, name, locked, &source, frontend)?;
    if is_upstream(&bytes) {
        Ok(bytes)
    } else {
        Err(differs(name, locked, &bytes))
    }
}

/// Whether the commit that an agent was locked at is gone from the history of its source, which means that it was rewritten.
///
/// Only says yes about repositories that are here already.
pub fn is_rewritten(session: &Session, locked: &LockedAgent) -> bool {
    let (Some(commit), Ok(Source::Git(url))) = (locked.commit, Source::parse(&locked.source))
    else {
        return false;
    };
    let Ok(repository) = session.cache.unasked(&url) else {
        return false;
    };
    repository
        .has_in_history(commit)
        .is_ok_and(|is_there| is_there == Some(false))
}

/// Upstream bytes adapted as the lock says, if that gives the base.
fn as_locked(name: &AgentName, locked: &LockedAgent, upstream: Vec<u8>) -> Option<Content> {
    let upstream = Content::from(upstream);
    if upstream.digest() != locked.sha256 {
        return None;
    }
    if locked.base == locked.sha256 {
        // Nothing was adapted.
        return Some(upstream);
    }
    let adapted = adapted(name, locked, &upstream.bytes()).map(Content::from);
    adapted.filter(|base| base.digest() == locked.base)
}

/// Upstream bytes adapted in the way that this agent was.
fn adapted(name: &AgentName, locked: &LockedAgent, upstream: &[u8]) -> Option<Vec<u8>> {
    if locked.adaptations.is_empty() && locked.sha256 == locked.base {
        return Some(upstream.to_vec());
    }
    let rename = (locked.agent != name.as_str()).then(|| name.to_string());
    let bind = locked.bindings();
    let request = Request {
        bind,
        ..adaptation(&locked.file, upstream, rename, false, &|_| None)
    };
    Some(adapt(upstream, &request).ok()?.bytes)
}

/// The base in the commits of the project itself: as the installed file once was, or as upstream's own bytes.
fn in_project_history(
    session: &Session,
    name: &AgentName,
    locked: &LockedAgent,
) -> Option<Content> {
    let project = &session.project;
    let root = fs::canonical(project.root()).ok()?;
    let git = || session.cache.git().ok().cloned();
    // Whatever is wrong with the user's own repository, it is only one of several places to look.
    let (repository, folder) =
        root.ancestors()
            .find_map(|folder| match Repository::open_asking(folder, &git) {
                Ok(repository) => Some((Some(repository), folder)),
                Err(GitError::LocalFormat { .. }) => Some((None, folder)),
                Err(_) => None,
            })?;
    let paths = [
        project.agent_path(name, &locked.folder),
        project.base_path(&locked.base),
    ];
    let relative = paths.iter().filter_map(|path| {
        let path = fs::canonical(path.parent()?).map_or(path.clone(), |parent| {
            parent.join(path.file_name().unwrap_or_default())
        });
        let relative = path.strip_prefix(folder).ok()?;
        Some(relative.to_string_lossy().replace('\\', "/"))
    });
    let as_base = |bytes: Vec<u8>| base_file::decode(&locked.base, &bytes).map(Content::from);
    let Some(repository) = repository else {
        let git = git()?;
        return relative
            .flat_map(|path| git.past_contents(folder, &path, MAX_VERSIONS, MAX_AGENT))
            .find_map(as_base);
    };
    let read = |blob: ObjectId| repository.read_blob(blob, MAX_AGENT).ok().flatten();
    let upstream = read(locked.blob);
    if let Some(base) = upstream.and_then(|upstream| as_locked(name, locked, upstream)) {
        return Some(base);
    }
    let head = repository.head().ok()??;
    for relative in relative {
        let versions = repository
            .history(&relative, head, MAX_VERSIONS)
            .unwrap_or_default();
        let mut contents = versions.into_iter().filter_map(|(_, blob)| read(blob?));
        if let Some(base) = contents.find_map(as_base) {
            return Some(base);
        }
    }
    None
}

/// The bytes that a lock entry names, from its source.
fn fetch(
    session: &Session,
    name: &AgentName,
    locked: &LockedAgent,
    source: &Source,
    frontend: &mut dyn Frontend,
) -> Result<Vec<u8>> {
    let gone = || {
        Failure::failed(format!(
            "`{name}` is no longer in {source}: `{}`",
            locked.file
        ))
        .hint(
            Advice::say("install it from somewhere else, or remove it with ")
                .and_run(Command::new(["remove", name.as_str()])),
        )
    };
    match source {
        Source::Builtin => crate::store::builtin::read(&locked.file)
            .map(<[u8]>::to_vec)
            .ok_or_else(gone),
        Source::Folder(path) | Source::File(path) => {
            let folder = session.absolute(path);
            if let Some(repository) = session.cache.bare_repository(&folder)? {
                return repository.read(locked.blob, &mut |event| relay(frontend, event));
            }
            fs::read(&folder.join(&locked.file), MAX_AGENT)?.ok_or_else(gone)
        }
        Source::Git(url) => {
            let repository = session.cache.unasked(url)?;
            repository.read(locked.blob, &mut |event| relay(frontend, event))
        }
    }
}

/// A version of an agent, as it is in this project.
struct Version {
    locked: LockedAgent,
    bytes: Vec<u8>,
    /// Whether the project still has its base.
    is_kept: bool,
}

/// The version of an agent that a file was made from whose lock entry is lost: the one in upstream's history that the file is from without a
/// doubt, or of several near ones the nearest whose base the project still has. `newest`: the lock entry of the newest version.
pub(super) fn version_of(
    session: &Session,
    name: &AgentName,
    (newest, wanted): (&LockedAgent, &Wanted),
    file: &[u8],
    frontend: &mut dyn Frontend,
) -> Result<Option<(LockedAgent, Vec<u8>)>> {
    let Ok(source) = Source::parse(&newest.source) else {
        return Ok(None);
    };
    let (mut known, mut versions) = (Versions::default(), Vec::new());
    for (upstream, commit) in upstream_versions(session, newest, &source, frontend) {
        let Ok((bytes, adaptations)) = readapt(name, newest, wanted, &upstream) else {
            continue;
        };
        let base = Digest::of(&bytes);
        let is_kept = session.project.read_base(&base)?.is_some();
        let _ = known.add(0, &bytes);
        let locked = LockedAgent {
            commit: commit.or(newest.commit),
            blob: ObjectId::of_blob(&upstream),
            sha256: Digest::of(&upstream),
            base,
            adaptations,
            ..newest.clone()
        };
        versions.push(Version {
            locked,
            bytes,
            is_kept,
        });
    }
    let origin = known.origin_in(file, 0, &mut |numbers| {
        let text = |number: &usize| Some((*number, versions.get(*number)?.bytes.clone()));
        numbers.iter().filter_map(text).collect()
    });
    let is_kept = |found: &Match| versions[found.version].is_kept;
    let found = match origin {
        Origin::Version(found) if found.percent >= MOST || is_kept(&found) => found,
        Origin::Several(several) => match several.into_iter().find(is_kept) {
            Some(nearest) => nearest,
            None => return Ok(None),
        },
        Origin::Version(_) | Origin::Unknown(_) => return Ok(None),
    };
    let Version { locked, bytes, .. } = versions.swap_remove(found.version);
    // Which version an older text had, only a tag knows.
    let is_known = wanted.version.is_none() || locked.sha256 == newest.sha256;
    Ok(is_known.then_some((locked, bytes)))
}

/// What the history of the source has of the file, newest first. Nothing that fails here is worth more than silence.
fn upstream_versions(
    session: &Session,
    locked: &LockedAgent,
    source: &Source,
    frontend: &mut dyn Frontend,
) -> Vec<(Vec<u8>, Option<ObjectId>)> {
    let mut of = |repository: CachedRepository<'_>| {
        let versions = repository.file_versions(&locked.file, MAX_VERSIONS, &mut |event| {
            relay(frontend, event);
        });
        let versions = versions.unwrap_or_default().into_iter();
        versions
            .map(|(commit, bytes)| (bytes, Some(commit)))
            .collect()
    };
    match source {
        Source::Builtin => crate::store::builtin::read(&locked.file)
            .map(|bytes| (bytes.to_vec(), None))
            .into_iter()
            .collect(),
        Source::Folder(path) | Source::File(path) => {
            let folder = session.absolute(path);
            if let Ok(Some(repository)) = session.cache.bare_repository(&folder) {
                return of(repository);
            }
            let read = fs::read(&folder.join(&locked.file), MAX_AGENT);
            let bytes = read.ok().flatten();
            bytes.map(|bytes| (bytes, None)).into_iter().collect()
        }
        Source::Git(url) => {
            let repository = session.cache.repository(url, Freshness::Any, &mut |_| {});
            repository.map(of).unwrap_or_default()
        }
    }
}

fn nearest(
    name: &AgentName,
    locked: &LockedAgent,
    installed: &[u8],
    versions: &[(Vec<u8>, Option<ObjectId>)],
) -> Option<Nearest> {
    let candidates = versions.iter().filter_map(|(upstream, commit)| {
        let bytes = adapted(name, locked, upstream)?;
        let lines = differing_lines(installed, &bytes);
        Some(Nearest {
            bytes,
            commit: *commit,
            lines,
        })
    });
    candidates.min_by_key(|nearest| nearest.lines)
}

/// How many lines one text has and the other has not, in any order.
fn differing_lines(one: &[u8], other: &[u8]) -> usize {
    let sorted = |text: &[u8]| {
        let mut lines: Vec<Vec<u8>> = text
            .split(|byte| *byte == b'\n')
            .map(|line| line.trim_ascii_end().to_vec())
            .collect();
        lines.sort_unstable();
        lines
    };
    let (one, other) = (sorted(one), sorted(other));
    let mut rest = other.iter().peekable();
    let mut common = 0;
    for line in &one {
        while rest.next_if(|next| *next < line).is_some() {}
        common += usize::from(rest.next_if(|next| *next == line).is_some());
    }
    one.len() + other.len() - 2 * common
}

fn differs(name: &AgentName, locked: &LockedAgent, upstream: &[u8]) -> Failure {
    if Digest::of(upstream) == locked.sha256 {
        return Failure::failed(format!(
            "`{name}` was adapted differently when it was locked"
        ))
        .hint(
            Advice::say("install the agentpkg version that wrote the lockfile, or run ")
                .and_run(Command::new(["install", name.as_str()])),
        );
    }
    Failure::failed(format!(
        "`{name}` does not match the lockfile: its source now has different content"
    ))
    .detail(format!(
        "locked {}, found {}",
        locked.sha256,
        Digest::of(upstream)
    ))
    .hint(
        Advice::say("if the change is wanted, run ")
            .and_run(Command::new(["install", name.as_str()])),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_without_regard_to_their_order() {
        assert_eq!(differing_lines(b"a\nb\nc", b"c\r\nb\r\na"), 0);
        assert_eq!(differing_lines(b"a\nb", b"a\nx\ny"), 3);
        assert_eq!(differing_lines(b"a\na", b"a"), 1);
    }
}
