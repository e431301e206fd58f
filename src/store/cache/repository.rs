//! One repository: read with git2; what it lacks is fetched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use semver::Version;

use super::versions::{self, There};
use super::{Cache, Event, Freshness, Watch};
use crate::domain::digest::ObjectId;
use crate::domain::shell::shell_quoted;
use crate::domain::url::GitUrl;
use crate::domain::version::{VersionRequest, VersionTag, Written, versions_of};
use crate::error::{Failure, Result};
use crate::fs::{self, Lock};
use crate::git::{
    Access, FetchRequest, GitError, Repository, RevisionKind, init_bare, remove_head,
};
use crate::store::holder::{Holder, Patience, take_lock};
use crate::store::project::MAX_AGENT;
use crate::store::seal::Seal;

/// For how long a remote counts as asked recently, in seconds.
const RECENT: u64 = 600;

/// How long another process may hold the lock of a repository: two attempts to fetch, and what follows.
const LONGEST_FETCH: Duration = Duration::from_secs(300);

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
}

/// What a request for a version means.
struct Named {
    commit: ObjectId,
    kind: RevisionKind,
    version: Option<Version>,
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

    /// The versions of an agent, newest first.
    pub fn versions(&self, agent: &str) -> Result<Vec<VersionTag>> {
        let tags = self.open()?.tags()?;
        Ok(versions_of(agent, tags.iter().map(|(tag, _)| tag.as_str())))
    }

    /// The commit that matches a request of the manifest, as far as it is known here, and the version if a tag gives one.
    pub fn resolve(
        &self,
        request: &VersionRequest,
        agent: &str,
        watch: Watch<'_>,
    ) -> Result<(ObjectId, Option<Version>)> {
        let request = (request, agent);
        self.resolve_written(request, &Written::Manifest, Freshness::Any, watch)
    }

    /// The commit that matches a request for an agent, and the version if a tag gives one. `written`: where it was asked for.
    ///
    /// A branch is looked up at the remote, once in each command, unless `freshness` is [`Freshness::Any`]. So is what is not here.
    pub fn resolve_written(
        &self,
        (request, agent): (&VersionRequest, &str),
        written: &Written,
        freshness: Freshness,
        watch: Watch<'_>,
    ) -> Result<(ObjectId, Option<Version>)> {
        if let Some(named) = self.named(request, agent)? {
            // Where a branch is now, only the remote knows; what a tag or a commit is, is here.
            let must_ask = named.kind == RevisionKind::Branch && freshness != Freshness::Any;
            if !must_ask || !self.may_ask() {
                return Ok((named.commit, named.version));
            }
        }
        if self.may_ask() {
            self.freshen(Freshness::Now, watch)?;
        }
        if let Some(named) = self.named(request, agent)? {
            return Ok((named.commit, named.version));
        }
        let commit = match request {
            VersionRequest::Revision(revision) => revision.parse::<ObjectId>().ok(),
            VersionRequest::Requirement(_) => None,
        };
        if let Some(commit) = commit
            && self.fetch_commit(commit, watch)?
        {
            return Ok((commit, None));
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
            kind,
            version: tagged.map(|tag| tag.version.clone()),
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
            self.freshen(Freshness::Now, watch)?;
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
            && self.fetch_commit(commit, watch)?
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

    /// Whether the remote is still to be asked in this command, and may be.
    fn may_ask(&self) -> bool {
        self.is_remote && !self.cache.settings.is_offline && !self.cache.was_asked(&self.url)
    }

    /// Fetches a commit that no branch and no tag leads to; `false` if the remote does not have it.
    pub(super) fn fetch_commit(&self, commit: ObjectId, watch: Watch<'_>) -> Result<bool> {
        if !self.is_remote || self.cache.settings.is_offline {
            return Ok(false);
        }
        let _lock = self.lock(watch)?;
        // Alone where history was left out before. In a complete repository `--depth` would cut what is here.
        let is_cut = fs::size(&self.git.join("shallow"))?.is_some_and(|size| size > 0);
        let request = FetchRequest {
            depth: is_cut.then_some(1),
            ..FetchRequest::commit(commit, self.access())
        };
        match self.fetch(&request, watch) {
            Ok(()) => Ok(self.open()?.resolve(&commit.to_string())?.is_some()),
            Err(GitError::UnknownReference { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The failure that a request means nothing here.
    fn unknown_version(&self, request: &VersionRequest, agent: &str, written: &Written) -> Failure {
        let references = |repository: Repository| {
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

    /// Whether `commit` is the newest one of a branch or of a tag, or an ancestor of such a commit.
    pub fn has_in_history(&self, commit: ObjectId) -> Result<bool> {
        let repository = self.open()?;
        let tips = repository
            .head()?
            .into_iter()
            .chain(repository.branches()?.into_iter().map(|(_, tip)| tip))
            .chain(repository.tags()?.into_iter().map(|(_, tip)| tip));
        for tip in tips {
            if repository.is_ancestor(commit, tip)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The contents of a file in the history of the default branch, newest first, each with the commit that introduced it.
    pub fn file_versions(
        &self,
        file: &str,
        limit: usize,
        watch: Watch<'_>,
    ) -> Result<Vec<(ObjectId, Vec<u8>)>> {
        let repository = self.open()?;
        let Some(head) = repository.head()? else {
            return Ok(Vec::new());
        };
        let versions: Vec<(ObjectId, ObjectId)> = repository
            .history(file, head, limit)?
            .into_iter()
            .filter_map(|(commit, blob)| Some((commit, blob?)))
            .collect();
        let mut missing = Vec::new();
        for (_, blob) in &versions {
            if repository.blob_size(*blob)?.is_none() {
                missing.push(*blob);
            }
        }
        if !missing.is_empty() {
            self.fetch_blobs(&missing, watch)?;
        }
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
        if self.is_remote && !matches!(self.open()?.blob_size(blob), Ok(Some(_))) {
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
        match self.open()?.blob_at(commit, file)? {
            Some(blob) => self.read(blob, watch).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn open(&self) -> Result<Repository, GitError> {
        if self.is_remote {
            Repository::open_fetched(&self.git)
        } else {
            Repository::open_asking(&self.git, &|| self.cache.git().ok().cloned())
        }
    }

    /// Fetches if the state is older than requested.
    pub(super) fn freshen(&self, freshness: Freshness, watch: Watch<'_>) -> Result<()> {
        let is_any = |found: Result<Vec<_>, GitError>| found.is_ok_and(|found| !found.is_empty());
        let has_state = |this: &Self| {
            this.open().is_ok_and(|repository| {
                repository.head().is_ok_and(|head| head.is_some())
                    || is_any(repository.branches())
                    || is_any(repository.tags())
            })
        };
        if freshness == Freshness::Any && has_state(self) {
            return Ok(());
        }
        let settings = &self.cache.settings;
        let is_recent = |this: &Self| {
            let age = this
                .checked()
                .and_then(|checked| settings.now.checked_sub(checked));
            age.is_some_and(|age| age <= RECENT) && has_state(this)
        };
        if freshness == Freshness::Recent && is_recent(self) {
            return Ok(());
        }
        if settings.is_offline {
            return if has_state(self) {
                Ok(())
            } else {
                Err(Failure::failed(format!(
                    "`{}` is not in the cache, and `--offline` forbids fetching it",
                    self.url.display()
                ))
                .hint("run the command once without `--offline`"))
            };
        }
        let _lock = self.lock(watch)?;
        // Another process may have fetched while this one waited.
        if freshness == Freshness::Recent && is_recent(self) {
            return Ok(());
        }
        let had_state = has_state(self);
        if !had_state {
            self.start_over()?;
        }
        match self.fetch_references(watch) {
            Ok(()) => Ok(()),
            // What must be known now is not answered from an old state: being unable to ask is not being up to date.
            Err(error) if had_state && error.is_network() && freshness != Freshness::Now => {
                watch(Event::Stale(self.url.clone(), error.into()));
                Ok(())
            }
            Err(error) if had_state && error.is_damage() => {
                watch(Event::Mended(self.url.clone(), error.to_string()));
                self.start_over()?;
                Ok(self.fetch_references(watch)?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Fetches all branches and tags, and records the time. The caller holds the lock.
    fn fetch_references(&self, watch: Watch<'_>) -> Result<(), GitError> {
        match self.fetch(&FetchRequest::history(self.access()), watch) {
            // A HEAD that names nothing stops only what asks for it.
            Err(GitError::NoDefaultBranch { .. }) => {
                self.fetch(&FetchRequest::without_head(self.access()), watch)?;
                remove_head(&self.git)?;
            }
            outcome => outcome?,
        }
        self.cache.note_asked(&self.url);
        if let Some(folder) = &self.folder {
            // If it fails, the only cost is that the remote is asked once more.
            let _ = fs::replace(
                &folder.join("checked"),
                self.cache.settings.now.to_string().as_bytes(),
                false,
            );
        }
        Ok(())
    }

    /// Fetches references. The caller holds the lock.
    fn fetch(&self, request: &FetchRequest, watch: Watch<'_>) -> Result<(), GitError> {
        let git = self.cache.git().map_err(|_| GitError::Missing)?;
        watch(Event::Fetching(self.url.clone()));
        let fetched = git.fetch(&self.git, &self.url, request, &mut |progress| {
            watch(Event::Progress(progress));
        })?;
        watch(Event::Fetched(self.url.clone(), fetched.bytes));
        Ok(())
    }

    fn access(&self) -> Access {
        let settings = &self.cache.settings;
        Access {
            may_prompt: self.may_prompt,
            allow_insecure: settings.allow_insecure,
            ..Access::default()
        }
    }

    pub(super) fn fetch_blobs(&self, blobs: &[ObjectId], watch: Watch<'_>) -> Result<()> {
        if self.cache.settings.is_offline {
            return Err(Failure::failed(format!(
                "{} files of `{}` are not in the cache",
                blobs.len(),
                self.url.display()
            ))
            .hint("run the command once without `--offline`"));
        }
        let _lock = self.lock(watch)?;
        watch(Event::Fetching(self.url.clone()));
        let git = self.cache.git()?;
        git.fetch_objects(
            &self.git,
            &self.url,
            blobs,
            &self.access(),
            &mut |progress| {
                watch(Event::Progress(progress));
            },
        )?;
        Ok(())
    }

    pub(super) fn mend(&self, reason: &str, watch: Watch<'_>) -> Result<()> {
        watch(Event::Mended(self.url.clone(), reason.to_owned()));
        let _lock = self.lock(watch)?;
        self.start_over()?;
        Ok(self.fetch_references(watch)?)
    }

    /// An empty repository in place of what is there. The caller holds the lock.
    fn start_over(&self) -> Result<()> {
        fs::remove_folder(&self.git)?;
        Ok(init_bare(&self.git)?)
    }

    fn lock(&self, watch: Watch<'_>) -> Result<Lock> {
        let folder = self.folder.as_deref().unwrap_or(&self.git);
        let settings = &self.cache.settings;
        let patience = Patience {
            command: settings.command.clone(),
            wait: settings.wait.unwrap_or(LONGEST_FETCH),
            now: settings.now,
        };
        let path = folder.join("lock");
        let seal = Seal::new(settings.keys.clone(), folder, folder, false);
        take_lock(
            Lock::open(&path)?,
            &path,
            "the cache",
            &seal,
            &patience,
            |holder| {
                watch(Event::Waiting(Holder::describe(
                    holder.as_ref(),
                    settings.now,
                )));
            },
        )
    }

    fn checked(&self) -> Option<u64> {
        let bytes = fs::read(&self.folder.as_ref()?.join("checked"), 32).ok()??;
        std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
    }
}
