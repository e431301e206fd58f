//! One repository: read with git2; what it lacks is fetched.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use semver::Version;

use super::versions::{self, There};
use super::{Cache, Freshness, Reach, Watch};
use crate::domain::digest::ObjectId;
use crate::domain::shell::shell_quoted;
use crate::domain::url::GitUrl;
use crate::domain::version::{Reference, VersionRequest, VersionTag, Written, versions_of};
use crate::error::{Failure, Result};
use crate::fs;
use crate::git::{GitError, Repository, RevisionKind, Walk, WalkLimits};
use crate::store::project::MAX_AGENT;

/// A repository that can be read, and that fetches what it lacks.
#[derive(Debug)]
pub struct CachedRepository<'a> {
    pub(super) cache: &'a Cache,
    pub(super) url: GitUrl,
    /// The repository itself.
    pub(super) git: PathBuf,
    /// What the cache keeps in addition to it.
    pub(super) folder: Option<PathBuf>,
    pub(super) is_remote: bool,
    pub(super) may_prompt: bool,
    /// As it was opened last; opening takes longer than most answers.
    pub(super) opened: RefCell<Option<Rc<Repository>>>,
}

/// What a request for a version means.
#[derive(Debug)]
pub struct Named {
    /// The commit.
    pub commit: ObjectId,
    /// What names it; `None`: its own whole id, or the default branch.
    pub reference: Option<Reference>,
    /// The version, if a tag gives one.
    pub version: Option<Version>,
    kind: RevisionKind,
}

impl Named {
    fn commit(commit: ObjectId) -> Self {
        Self {
            commit,
            reference: None,
            version: None,
            kind: RevisionKind::Commit,
        }
    }
}

impl CachedRepository<'_> {
    /// The repository's folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.git
    }

    /// The newest commit of the default branch.
    pub fn head(&self) -> Result<ObjectId> {
        self.newest()?.ok_or_else(|| self.no_head())
    }

    /// The same; `None` if there is no default branch, which is no reason not to look at others.
    pub fn newest(&self) -> Result<Option<ObjectId>> {
        Ok(self.open()?.head()?)
    }

    /// The failure that there is no default branch.
    #[must_use]
    pub fn no_head(&self) -> Failure {
        let place = self.url.display();
        let branches = self.open().and_then(|repository| repository.branches());
        let branches: Vec<String> = (branches.unwrap_or_default().into_iter())
            .map(|(name, _)| name)
            .collect();
        let Some(first) = branches.first() else {
            return Failure::failed(format!("`{place}` has no commits"))
                .hint("push a branch to it first, or check the URL");
        };
        let source = crate::domain::spec::short_url(&self.url);
        let example = shell_quoted(&format!("{source}#NAME@{first}"));
        Failure::failed(format!(
            "`{place}` has no default branch: its HEAD names a branch that is not there"
        ))
        .detail(versions::listed("branches", &branches))
        .hint(format!("name a branch, for example `{example}`"))
    }

    /// When a commit was made, in seconds since 1970.
    pub fn commit_time(&self, commit: ObjectId) -> Result<i64> {
        Ok(self.open()?.commit_time(commit)?)
    }

    /// The versions of an agent, newest first, as far as they are known here.
    pub fn versions(&self, agent: &str) -> Result<Vec<VersionTag>> {
        let tags = self.open()?.tags()?;
        Ok(versions_of(agent, tags.iter().map(|(tag, _)| tag.as_str())))
    }

    /// What a request of the manifest means, as far as it is known here.
    pub fn resolve(
        &self,
        request: &VersionRequest,
        agent: &str,
        watch: Watch<'_>,
    ) -> Result<Named> {
        let request = (request, agent);
        self.resolve_written(request, &Written::Manifest, Freshness::Any, watch)
    }

    /// What a request for an agent means. `written`: where it was asked for.
    ///
    /// A branch is looked up at the remote, once in each command, unless `freshness` is [`Freshness::Any`]. So is what is not here.
    pub fn resolve_written(
        &self,
        (request, agent): (&VersionRequest, &str),
        written: &Written,
        freshness: Freshness,
        watch: Watch<'_>,
    ) -> Result<Named> {
        if let Some(named) = self.named(request, agent)? {
            // Where a branch is now, only the remote knows; what a tag or a commit is, is here.
            let must_ask = named.kind == RevisionKind::Branch && freshness != Freshness::Any;
            if !must_ask || !self.may_ask() {
                return Ok(named);
            }
        }
        let revision = match request {
            VersionRequest::Revision(revision) => Some(revision.as_str()),
            VersionRequest::Requirement(_) => None,
        };
        // A commit is asked for by its id, whatever leads to it.
        if let Some(commit) = revision.and_then(|revision| revision.parse::<ObjectId>().ok())
            && self.has_commit(commit, watch)?
        {
            return Ok(Named::commit(commit));
        }
        if self.may_ask() {
            self.freshen(Freshness::Now, Reach::All, watch)?;
        }
        if let Some(named) = self.named(request, agent)? {
            return Ok(named);
        }
        if revision.is_some_and(is_abbreviation)
            && self.has_all_commits(watch)?
            && let Some(named) = self.named(request, agent)?
        {
            return Ok(named);
        }
        Err(self.unknown_version(request, agent, written))
    }

    /// What a request means among the references and commits that are here.
    fn named(&self, request: &VersionRequest, agent: &str) -> Result<Option<Named>> {
        let versions = self.versions(agent)?;
        let tagged = match request {
            VersionRequest::Requirement(requirement) => {
                let found = (versions.iter()).find(|tag| requirement.matches(&tag.version));
                let Some(found) = found else {
                    return Ok(None);
                };
                Some(found)
            }
            VersionRequest::Revision(revision) => versions
                .iter()
                .find(|tag| &tag.tag == revision || request.accepts(&tag.version)),
        };
        let revision = match (tagged, request) {
            (Some(tag), _) => format!("refs/tags/{}", tag.tag),
            (None, request) => request.to_string(),
        };
        let found = self.open()?.find(&revision)?;
        Ok(found.map(|(commit, kind)| Named {
            commit,
            reference: reference(&revision, kind),
            version: tagged.map(|tag| tag.version.clone()),
            kind,
        }))
    }

    /// The longest reference that a text of a reference and a path begins with, what it is, and the path. The remote is asked, as for a
    /// branch that was typed.
    pub fn split_reference(
        &self,
        text: &str,
        watch: Watch<'_>,
    ) -> Result<(String, RevisionKind, String)> {
        if self.may_ask() {
            self.freshen(Freshness::Now, Reach::All, watch)?;
        }
        let repository = self.open()?;
        let ends = text.match_indices('/').map(|(at, _)| at);
        let ends: Vec<usize> = ends.chain([text.len()]).collect();
        for end in ends.into_iter().rev() {
            let (reference, path) = text.split_at(end);
            if let Some((_, kind)) = repository.find(reference)? {
                let path = path.trim_matches('/').to_owned();
                return Ok((reference.to_owned(), kind, path));
            }
        }
        let first = text.split('/').next().unwrap_or(text);
        if let Ok(commit) = first.parse::<ObjectId>()
            && self.has_commit(commit, watch)?
        {
            let path = text[first.len()..].trim_matches('/').to_owned();
            return Ok((first.to_owned(), RevisionKind::Commit, path));
        }
        let branches = repository.branches()?.into_iter().map(|(name, _)| name);
        let branches: Vec<String> = branches.collect();
        let place = self.url.display();
        let failure = Failure::failed(format!(
            "`{place}` has no branch, tag or commit that `{text}` begins with"
        ));
        Err(if branches.is_empty() {
            failure
        } else {
            failure.detail(versions::listed("branches", &branches))
        })
    }

    /// Whether the remote is still to be asked for all references in this command, and may be.
    fn may_ask(&self) -> bool {
        let is_asked = self.cache.was_asked(&self.url) == Some(Reach::All);
        self.is_remote && !self.cache.settings.is_offline && !is_asked
    }

    /// The failure that a request means nothing here.
    fn unknown_version(&self, request: &VersionRequest, agent: &str, written: &Written) -> Failure {
        let references = |repository: Rc<Repository>| {
            let names = |references: Vec<(String, ObjectId)>| -> Vec<String> {
                references.into_iter().map(|(name, _)| name).collect()
            };
            Ok::<_, Failure>((self.versions(agent)?, names(repository.branches()?)))
        };
        match self.open().map_err(Failure::from).and_then(references) {
            Err(failure) => failure,
            Ok((versions, branches)) => {
                let there = There {
                    place: self.url.display(),
                    versions: &versions,
                    branches: &branches,
                    is_offline: self.is_remote && self.cache.settings.is_offline,
                };
                there.lacks(request, agent, written)
            }
        }
    }

    /// Whether `commit` is the newest one of a branch or of a tag, or an ancestor of such a commit; `None` where too little of the history
    /// is here to say so.
    pub fn has_in_history(&self, commit: ObjectId) -> Result<Option<bool>> {
        let repository = self.open()?;
        let tips = repository
            .head()?
            .into_iter()
            .chain(repository.branches()?.into_iter().map(|(_, tip)| tip))
            .chain(repository.tags()?.into_iter().map(|(_, tip)| tip));
        let mut is_cut = false;
        for tip in tips {
            if repository.is_ancestor(commit, tip)? {
                return Ok(Some(true));
            }
            is_cut |= !repository.has_history(tip)?;
        }
        Ok((!is_cut).then_some(false))
    }

    /// The contents of a file in the history of the default branch, newest first, each with the commit that introduced it. The history is
    /// fetched if it is not here.
    pub fn file_versions(
        &self,
        file: &str,
        limit: usize,
        watch: Watch<'_>,
    ) -> Result<Vec<(ObjectId, Vec<u8>)>> {
        self.fetch_history(watch)?;
        let repository = self.open()?;
        let Some(head) = repository.head()? else {
            return Ok(Vec::new());
        };
        let versions: Vec<(ObjectId, ObjectId)> = repository
            .history(file, head, limit)?
            .into_iter()
            .filter_map(|(commit, blob)| Some((commit, blob?)))
            .collect();
        self.have_blobs(versions.iter().map(|(_, blob)| *blob), watch)?;
        let repository = self.open()?;
        let mut contents = Vec::new();
        for (commit, blob) in versions {
            contents.extend(
                repository
                    .read_blob(blob, MAX_AGENT)?
                    .map(|bytes| (commit, bytes)),
            );
        }
        Ok(contents)
    }

    /// The bytes of a blob: from the content store, the repository, or the remote.
    pub fn read(&self, blob: ObjectId, watch: Watch<'_>) -> Result<Vec<u8>> {
        if let Some(bytes) = self.cache.content(blob) {
            return Ok(bytes);
        }
        if self.is_remote && !self.is_here(blob) {
            self.fetch_blobs(&[blob], watch)?;
        }
        let repository = self.open()?;
        let bytes = match repository.blob_size(blob)? {
            None => {
                return Err(Failure::failed(format!(
                    "`{}` does not have the object {blob}",
                    self.url.display()
                )));
            }
            Some(size) if size > MAX_AGENT => {
                let (size, limit) = (fs::human_size(size), fs::human_size(MAX_AGENT));
                return Err(Failure::failed(format!(
                    "the file has {size}; an agent has at most {limit}"
                )));
            }
            Some(_) => match repository.read_blob(blob, MAX_AGENT) {
                Err(error) if self.is_remote && error.is_damage() => {
                    self.mend("an object was damaged", watch)?;
                    self.fetch_blobs(&[blob], watch)?;
                    self.open()?.read_blob(blob, MAX_AGENT)?
                }
                outcome => outcome?,
            },
        };
        let bytes = bytes.ok_or_else(|| {
            Failure::failed(format!(
                "`{}` no longer has the object {blob}",
                self.url.display()
            ))
        })?;
        self.cache.keep_content(blob, &bytes);
        Ok(bytes)
    }

    /// Whether there is a file at a commit. Nothing is fetched for that.
    pub fn has_file(&self, commit: ObjectId, file: &str) -> Result<bool> {
        Ok(self.open()?.blob_at(commit, file)?.is_some())
    }

    /// The bytes of a file at a commit.
    pub fn read_file(
        &self,
        commit: ObjectId,
        file: &str,
        watch: Watch<'_>,
    ) -> Result<Option<Vec<u8>>> {
        match self.blob_at(commit, file, watch)? {
            Some(blob) => self.read(blob, watch).map(Some),
            None => Ok(None),
        }
    }

    /// The blob of a file at a commit, if there is one.
    pub(in crate::store) fn blob_at(
        &self,
        commit: ObjectId,
        file: &str,
        watch: Watch<'_>,
    ) -> Result<Option<ObjectId>> {
        self.reading(watch, &|repository| repository.blob_at(commit, file))
    }

    /// The plain files directly in a folder of a commit, by their names.
    pub(in crate::store) fn files_in(
        &self,
        commit: ObjectId,
        folder: &str,
        watch: Watch<'_>,
    ) -> Result<BTreeMap<String, ObjectId>> {
        self.reading(watch, &|repository| repository.files_in(commit, folder))
    }

    /// The files of a commit that `filter` takes.
    pub(in crate::store) fn walk(
        &self,
        commit: ObjectId,
        filter: &dyn Fn(&str) -> bool,
        watch: Watch<'_>,
    ) -> Result<Walk> {
        let limits = WalkLimits::default();
        self.reading(watch, &|repository| {
            let walk = repository.walk(commit, &limits, filter);
            walk.map_err(|error| match error {
                // Nobody knows the folder in the cache.
                GitError::TreeTooLarge { limit, .. } => {
                    let place = self.url.display();
                    GitError::TreeTooLarge { place, limit }
                }
                error => error,
            })
        })
    }

    /// Whether a content is in the repository.
    pub(in crate::store) fn is_here(&self, blob: ObjectId) -> bool {
        self.open()
            .is_ok_and(|repository| matches!(repository.blob_size(blob), Ok(Some(_))))
    }

    /// Whether a content that is here is larger than an agent may be.
    pub(in crate::store) fn is_too_large(&self, blob: ObjectId) -> bool {
        let size = self
            .open()
            .and_then(|repository| repository.blob_size(blob));
        matches!(size, Ok(Some(size)) if size > MAX_AGENT)
    }

    pub(super) fn open(&self) -> Result<Rc<Repository>, GitError> {
        if let Some(opened) = &*self.opened.borrow() {
            return Ok(Rc::clone(opened));
        }
        let opened = Rc::new(if self.is_remote {
            Repository::open_fetched(&self.git)
        } else {
            Repository::open_asking(&self.git, &|| self.cache.git().ok().cloned())
        }?);
        *self.opened.borrow_mut() = Some(Rc::clone(&opened));
        Ok(opened)
    }

    /// Has it opened anew by who reads next: it was changed.
    pub(super) fn close(&self) {
        *self.opened.borrow_mut() = None;
    }
}

/// What a revision is that was found as this kind; `None`: there is no other thing that it could become.
fn reference(revision: &str, kind: RevisionKind) -> Option<Reference> {
    let name = |folder: &str| revision.strip_prefix(folder).unwrap_or(revision).to_owned();
    match kind {
        RevisionKind::Tag => Some(Reference::Tag(name("refs/tags/"))),
        RevisionKind::Branch if revision == "HEAD" => None,
        RevisionKind::Branch => Some(Reference::Branch(name("refs/heads/"))),
        RevisionKind::Commit if revision.parse::<ObjectId>().is_ok() => None,
        RevisionKind::Commit => Some(Reference::Commit(revision.to_owned())),
    }
}

/// Whether a revision may be the beginning of a commit's id.
fn is_abbreviation(revision: &str) -> bool {
    (4..40).contains(&revision.len()) && revision.chars().all(|c| c.is_ascii_hexdigit())
}
