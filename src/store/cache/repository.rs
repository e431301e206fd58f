//! One repository: read with git2; what it lacks is fetched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use semver::Version;

use super::versions::no_version;
use super::{Cache, Event, Freshness, Watch};
use crate::domain::digest::ObjectId;
use crate::domain::url::GitUrl;
use crate::domain::version::{VersionRequest, VersionTag, Written, versions_of};
use crate::error::{Failure, Result};
use crate::fs::{self, Lock};
use crate::git::{Access, BlobFilter, FetchRequest, GitError, Repository, init_bare};
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

impl CachedRepository<'_> {
    /// The repository's folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.git
    }

    /// The newest commit of the default branch.
    pub fn head(&self) -> Result<ObjectId> {
        let head = self.open()?.head()?;
        head.ok_or_else(|| {
            Failure::failed(format!("`{}` has no commits", self.url.display()))
                .hint("push a branch to it first, or check the URL")
        })
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

    /// The commit that matches a request of the manifest, and the version if a tag gives one.
    pub fn resolve(
        &self,
        request: &VersionRequest,
        agent: &str,
        watch: Watch<'_>,
    ) -> Result<(ObjectId, Option<Version>)> {
        self.resolve_written(request, agent, &Written::Manifest, watch)
    }

    /// The same for a request that comes from somewhere else.
    pub fn resolve_written(
        &self,
        request: &VersionRequest,
        agent: &str,
        written: &Written,
        watch: Watch<'_>,
    ) -> Result<(ObjectId, Option<Version>)> {
        let versions = self.versions(agent)?;
        let repository = self.open()?;
        let (revision, version) = match request {
            VersionRequest::Requirement(requirement) => {
                let found = versions
                    .iter()
                    .find(|version| requirement.matches(&version.version));
                let found = found.ok_or_else(|| no_version(request, agent, &versions, written))?;
                (found.tag.clone(), Some(found.version.clone()))
            }
            VersionRequest::Revision(revision) => {
                let tagged = versions
                    .iter()
                    .find(|version| &version.tag == revision || request.accepts(&version.version));
                (
                    tagged.map_or(revision, |version| &version.tag).clone(),
                    tagged.map(|version| version.version.clone()),
                )
            }
        };
        if let Some(commit) = repository.resolve(&revision)? {
            return Ok((commit, version));
        }
        // A branch, or a commit outside the default branch, is fetched only when it is asked for.
        if self.is_remote && !self.cache.settings.is_offline {
            let _lock = self.lock(watch)?;
            let refspecs = vec![format!("+refs/heads/{revision}:refs/heads/{revision}")];
            let request = FetchRequest {
                refspecs,
                depth: None,
                blobs: BlobFilter::None,
                access: self.access(),
            };
            match self.fetch(&request, watch) {
                Ok(()) | Err(GitError::UnknownReference { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(commit) = self.open()?.resolve(&revision)? {
                return Ok((commit, version));
            }
        }
        Err(no_version(request, agent, &versions, written))
    }

    /// Whether `commit` is the newest one of the default branch or of a tag, or an ancestor of such a commit.
    pub fn has_in_history(&self, commit: ObjectId) -> Result<bool> {
        let repository = self.open()?;
        let tips = repository
            .head()?
            .into_iter()
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
            Repository::open(&self.git)
        } else {
            Repository::open_asking(&self.git, &|| self.cache.git().ok().cloned())
        }
    }

    /// Fetches if the state is older than requested.
    pub(super) fn freshen(&self, freshness: Freshness, watch: Watch<'_>) -> Result<()> {
        let has_state = |this: &Self| {
            this.open()
                .is_ok_and(|repository| repository.head().is_ok_and(|head| head.is_some()))
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
                    "`{}` is not in the cache, and `--offline` forbids to fetch it",
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
        let request = FetchRequest::history(self.access());
        match self.fetch(&request, watch) {
            Ok(()) => Ok(()),
            Err(error) if had_state && error.is_network() => {
                watch(Event::Stale(self.url.clone(), error.into()));
                Ok(())
            }
            Err(error) if had_state && error.is_damage() => {
                watch(Event::Mended(self.url.clone(), error.to_string()));
                self.start_over()?;
                Ok(self.fetch(&request, watch)?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Fetches refs; records the time if all of them were fetched. The caller holds the lock.
    fn fetch(&self, request: &FetchRequest, watch: Watch<'_>) -> Result<(), GitError> {
        let git = self.cache.git().map_err(|_| GitError::Missing)?;
        watch(Event::Fetching(self.url.clone()));
        let fetched = git.fetch(&self.git, &self.url, request, &mut |progress| {
            watch(Event::Progress(progress));
        })?;
        watch(Event::Fetched(self.url.clone(), fetched.bytes));
        let is_whole = request.refspecs == FetchRequest::history(self.access()).refspecs;
        if let Some(folder) = self.folder.as_ref().filter(|_| is_whole) {
            // If it fails, the only cost is that the remote is asked once more.
            let _ = fs::replace(
                &folder.join("checked"),
                self.cache.settings.now.to_string().as_bytes(),
                false,
            );
        }
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
        Ok(self.fetch(&FetchRequest::history(self.access()), watch)?)
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
