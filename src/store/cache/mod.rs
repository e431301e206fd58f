//! The cache: one bare repository per registry URL, the index of each commit that was looked at, and upstream bytes by blob id.
//!
//! Safe to delete at any time. Nothing in it is trusted: every object, index and content is verified when it is read; what does not
//! verify is set aside and fetched again. The key of a repository is its whole normalised URL.
//!
//! ```text
//! registries/<slug>-<sha256 of the URL>/lock          held while the folder changes
//!                                      /git/          bare, blobless, with history
//!                                      /index/<commit>.index, and `head`: which of them is the newest
//!                                      /checked       seconds since 1970 of the last look at the remote
//! folders/<sha256 of the path>.index                   what a folder offers
//! seen/<sha256 of the path>                            what the files of an agents folder held when they were read last
//! blobs/ab/cdef…                                      upstream bytes by git blob id
//! ```

mod indexes;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use semver::Version;

use super::builtin;
use super::contents::FOLDER_KEY;
use super::holder::{Holder, Patience, take_lock};
use super::index::{self, IndexFile};
use super::project::MAX_AGENT;
use super::registry::Snapshot;
use super::seal::Seal;
use super::seen::Seen;
use crate::domain::digest::{Digest, ObjectId};
use crate::domain::spec::Source;
use crate::domain::url::{GitUrl, Transport};
use crate::domain::version::{VersionRequest, VersionTag, Written, versions_of};
use crate::env::KeyPlace;
use crate::error::{Failure, Result};
use crate::fs::{self, Entry, Lock};
use crate::git::{
    Access, BlobFilter, FetchRequest, Git, GitError, Progress, Repository, init_bare,
};

/// How long a look at a remote counts as recent, in seconds.
const RECENT: u64 = 600;
/// How many repositories are fetched at the same time.
const MAX_FETCHES: usize = 8;
/// The extension of index files.
const INDEX: &str = "index";
/// The file that names the commit whose index is the newest.
const HEAD: &str = "head";

/// How new the state of a remote must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Whatever is here.
    Any,
    /// Looked at within the last minutes.
    Recent,
    /// Looked at now.
    Now,
}

/// What the cache tells while it works.
#[derive(Debug)]
pub enum Event {
    /// Another process holds the cache's lock: who, in words.
    Waiting(String),
    /// A fetch begins.
    Fetching(GitUrl),
    /// Fetches of so many repositories begin.
    FetchingSeveral(usize),
    /// A fetch goes on.
    Progress(Progress),
    /// A fetch has ended; so many bytes came.
    Fetched(GitUrl, u64),
    /// The remote could not be asked, and what is here is used instead.
    Stale(GitUrl, Failure),
    /// Something damaged was set aside and is fetched again.
    Mended(GitUrl, String),
}

/// Who listens to a cache.
pub type Watch<'a> = &'a mut dyn FnMut(Event);

/// How the cache may reach out.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The cache's folder; `None`: there is no place for one.
    pub folder: Option<PathBuf>,
    /// `PATH`, where `git` is looked for.
    pub path: Option<OsString>,
    /// The network must not be used.
    pub is_offline: bool,
    /// Plain `http://` and `git://` are allowed.
    pub allow_insecure: bool,
    /// git may ask for a password.
    pub may_prompt: bool,
    /// Seconds since 1970.
    pub now: u64,
    /// The subcommand, for whoever waits for this one to end.
    pub command: String,
    /// How long to wait for another process; `None`: as long as its fetch may take.
    pub wait: Option<Duration>,
    /// Where a key of this machine may be.
    pub keys: KeyPlace,
}

/// How long another process may hold the lock of a repository: two attempts to fetch, and what comes after.
const LONGEST_FETCH: Duration = Duration::from_secs(300);

/// The cache of one user.
#[derive(Debug)]
pub struct Cache {
    settings: Settings,
    git: OnceLock<Git>,
}

impl Cache {
    /// A cache; nothing is touched yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            git: OnceLock::new(),
        }
    }

    /// Where the cache is.
    pub fn folder(&self) -> Result<&Path> {
        self.settings.folder.as_deref().ok_or_else(|| {
            Failure::failed("there is no home folder to keep a cache in")
                .hint("set `HOME` or `AGENTPKG_CACHE_DIR`")
        })
    }

    /// The user's git program.
    pub fn git(&self) -> Result<&Git> {
        if let Some(git) = self.git.get() {
            return Ok(git);
        }
        let git = Git::find(self.settings.path.as_deref())?;
        Ok(self.git.get_or_init(|| git))
    }

    /// Whether something of a repository is here, so that looking at it as it was needs no network.
    #[must_use]
    pub fn has(&self, url: &GitUrl) -> bool {
        url.local_path().is_some()
            || self.settings.folder.as_ref().is_some_and(|folder| {
                fs::is_folder(&folder.join("registries").join(url.cache_key()))
            })
    }

    /// The repository behind a URL, fetched if it is not as fresh as asked. Repositories on this machine are opened in place.
    pub fn repository(
        &self,
        url: &GitUrl,
        freshness: Freshness,
        watch: Watch<'_>,
    ) -> Result<CachedRepository<'_>> {
        self.opened(url, freshness, self.settings.may_prompt, watch)
    }

    fn opened(
        &self,
        url: &GitUrl,
        freshness: Freshness,
        may_prompt: bool,
        watch: Watch<'_>,
    ) -> Result<CachedRepository<'_>> {
        if url.needs_insecure() && !self.settings.allow_insecure {
            return Err(Failure::failed(format!(
                "`{}` is not encrypted: anybody on the way could change what you install",
                url.display()
            ))
            .hint("use `https://` or `ssh://`; or allow it with `--allow-insecure`"));
        }
        if url.transport() == Transport::File {
            let folder = url
                .local_path()
                .ok_or_else(|| Failure::failed(format!("`{}` has no path", url.display())))?;
            return self.in_place(&folder, url.clone());
        }
        let folder = self.folder()?.join("registries").join(url.cache_key());
        let git = folder.join("git");
        let repository = CachedRepository {
            cache: self,
            url: url.clone(),
            git,
            folder: Some(folder),
            is_remote: true,
            may_prompt,
        };
        repository.freshen(freshness, watch)?;
        Ok(repository)
    }

    /// Makes repositories as fresh as asked, several at once. Gives back those that were asked, with the reason for what cannot be
    /// reached at all. Where a person may be asked for a password, such ones are left out: only one can ask at a time.
    pub fn freshen(
        &self,
        urls: &BTreeSet<GitUrl>,
        freshness: Freshness,
        watch: Watch<'_>,
    ) -> Vec<(GitUrl, Option<Failure>)> {
        let waiting = Mutex::new(urls.iter());
        let (told, events) = mpsc::channel();
        let (asked, outcomes) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..urls.len().min(MAX_FETCHES) {
                let (told, asked, waiting) = (told.clone(), asked.clone(), &waiting);
                scope.spawn(move || {
                    let next = || {
                        waiting
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .next()
                    };
                    while let Some(url) = next() {
                        // How far each of several is nobody wants to know. The listener stays until all have ended.
                        let outcome =
                            self.opened(url, freshness, false, &mut |event| match event {
                                Event::Fetching(_) => {
                                    drop(told.send(Event::FetchingSeveral(urls.len())));
                                }
                                Event::Progress(_) => {}
                                event => drop(told.send(event)),
                            });
                        let failure = outcome.err();
                        if failure.is_none() || !self.settings.may_prompt {
                            drop(asked.send((url.clone(), failure)));
                        }
                    }
                });
            }
            drop((told, asked));
            events.iter().for_each(&mut *watch);
        });
        outcomes.iter().collect()
    }

    /// A bare repository in a folder of this machine; `None` if it is something else.
    pub fn bare_repository(&self, folder: &Path) -> Result<Option<CachedRepository<'_>>> {
        let is = |name: &str, entry| Ok::<_, Failure>(fs::entry(&folder.join(name))? == entry);
        if !(is("HEAD", Entry::File)?
            && is("objects", Entry::Folder)?
            && is("refs", Entry::Folder)?)
        {
            return Ok(None);
        }
        let Some(text) = folder.to_str() else {
            return Ok(None);
        };
        let url = GitUrl::parse(&format!(
            "file://{}{text}",
            if text.starts_with('/') { "" } else { "/" }
        ))
        .map_err(|error| Failure::failed(format!("`{text}` cannot be used")).caused_by(error))?;
        self.in_place(folder, url).map(Some)
    }

    fn in_place(&self, folder: &Path, url: GitUrl) -> Result<CachedRepository<'_>> {
        if !fs::is_folder(folder) {
            return Err(Failure::failed(format!(
                "there is no repository at `{}`",
                folder.display()
            )));
        }
        let kept = self
            .settings
            .folder
            .as_ref()
            .map(|cache| cache.join("registries").join(url.cache_key()));
        Ok(CachedRepository {
            cache: self,
            url,
            git: folder.to_owned(),
            folder: kept,
            is_remote: false,
            may_prompt: false,
        })
    }

    /// Seconds since 1970, as the command began.
    pub(super) fn now(&self) -> u64 {
        self.settings.now
    }

    /// Where the index of a folder is kept.
    pub(super) fn folder_index(&self, folder: &Path) -> Option<PathBuf> {
        let folder = fs::canonical(folder).ok()?;
        let key = Digest::of(folder.as_os_str().as_encoded_bytes());
        Some(
            self.settings
                .folder
                .as_ref()?
                .join("folders")
                .join(format!("{key}.{INDEX}")),
        )
    }

    /// What is known of so many files of an agents folder.
    #[must_use]
    pub fn seen(&self, agents: &Path, files: usize) -> Seen {
        let key = Digest::of(agents.as_os_str().as_encoded_bytes());
        let path = self
            .settings
            .folder
            .as_ref()
            .map(|folder| folder.join("seen").join(key.to_string()));
        Seen::open(path, files, self.settings.now)
    }

    /// The newest index of a source that is on this machine, opened without git, without a look at the source, and without trust in
    /// more than what is read of it.
    #[must_use]
    pub fn newest_index(
        &self,
        source: &Source,
        absolute: &dyn Fn(&str) -> PathBuf,
    ) -> Option<IndexFile> {
        match source {
            Source::Builtin => self.builtin_index(),
            Source::Path(path) => {
                let folder = absolute(path);
                let url = folder
                    .to_str()
                    .and_then(|text| GitUrl::parse(&format!("file://{text}")).ok());
                let kept = IndexFile::open(&self.folder_index(&folder)?, Some(FOLDER_KEY));
                kept.or_else(|| self.head_index(&url?))
            }
            Source::Git(url) => self.head_index(url),
        }
    }

    /// The index of the registry inside the program; made at the first look.
    fn builtin_index(&self) -> Option<IndexFile> {
        let key = builtin::key();
        let path = self
            .settings
            .folder
            .as_ref()?
            .join("folders")
            .join(format!("builtin.{INDEX}"));
        IndexFile::open(&path, Some(key)).or_else(|| {
            let all = Snapshot::builtin().offered.all();
            let entries: Vec<_> = all.iter().map(|entry| (entry, 0)).collect();
            IndexFile::write(
                &path,
                key,
                &index::image(key, &entries, b"{}".to_vec()),
                true,
            )
            .ok()?
        })
    }

    fn head_index(&self, url: &GitUrl) -> Option<IndexFile> {
        let folder = self
            .settings
            .folder
            .as_ref()?
            .join("registries")
            .join(url.cache_key())
            .join("index");
        let head = fs::read(&folder.join(HEAD), 64).ok()??;
        let head = std::str::from_utf8(&head).ok()?;
        IndexFile::open(&folder.join(format!("{head}.{INDEX}")), Some(head))
    }

    /// Upstream bytes by blob id, if they are here and whole.
    #[must_use]
    pub fn content(&self, blob: ObjectId) -> Option<Vec<u8>> {
        let bytes = fs::read(&self.content_path(blob)?, MAX_AGENT)
            .ok()
            .flatten()?;
        (ObjectId::of_blob(&bytes) == blob).then_some(bytes)
    }

    /// Keeps upstream bytes. A cache that cannot be written is no reason to fail.
    pub fn keep_content(&self, blob: ObjectId, bytes: &[u8]) {
        if let Some(path) = self.content_path(blob)
            && fs::size(&path).ok().flatten() != Some(bytes.len() as u64)
        {
            let _ = fs::replace(&path, bytes, false);
        }
    }

    fn content_path(&self, blob: ObjectId) -> Option<PathBuf> {
        let id = blob.to_string();
        Some(
            self.settings
                .folder
                .as_ref()?
                .join("blobs")
                .join(&id[..2])
                .join(&id[2..]),
        )
    }
}

/// A repository that can be read, and that fetches what it lacks.
#[derive(Debug)]
pub struct CachedRepository<'a> {
    cache: &'a Cache,
    url: GitUrl,
    git: PathBuf,
    folder: Option<PathBuf>,
    is_remote: bool,
    may_prompt: bool,
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

    /// The commit that answers a request of the manifest, and the version if a tag gives one.
    pub fn resolve(
        &self,
        request: &VersionRequest,
        agent: &str,
        watch: Watch<'_>,
    ) -> Result<(ObjectId, Option<Version>)> {
        self.resolve_written(request, agent, &Written::Manifest, watch)
    }

    /// The same for a request that stands elsewhere.
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
        // A branch, or a commit beside the default branch, is not fetched before somebody asks for it.
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

    /// Whether `commit` is the newest one of the default branch or of a tag, or one that such a commit continues.
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

    /// The contents that a file had in the history of the default branch, newest first, each with the commit that gave it.
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

    fn open(&self) -> Result<Repository, GitError> {
        Repository::open(&self.git)
    }

    /// Fetches if the state is older than asked.
    fn freshen(&self, freshness: Freshness, watch: Watch<'_>) -> Result<()> {
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

    /// Fetches refs; writes down when, if they are all. The caller holds the lock.
    fn fetch(&self, request: &FetchRequest, watch: Watch<'_>) -> Result<(), GitError> {
        let git = self.cache.git().map_err(|_| GitError::Missing)?;
        watch(Event::Fetching(self.url.clone()));
        let fetched = git.fetch(&self.git, &self.url, request, &mut |progress| {
            watch(Event::Progress(progress));
        })?;
        watch(Event::Fetched(self.url.clone(), fetched.bytes));
        let is_whole = request.refspecs == FetchRequest::history(self.access()).refspecs;
        if let Some(folder) = self.folder.as_ref().filter(|_| is_whole) {
            // Only costs one more look at the remote if it fails.
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

    fn fetch_blobs(&self, blobs: &[ObjectId], watch: Watch<'_>) -> Result<()> {
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

    fn mend(&self, reason: &str, watch: Watch<'_>) -> Result<()> {
        watch(Event::Mended(self.url.clone(), reason.to_owned()));
        let _lock = self.lock(watch)?;
        self.start_over()?;
        Ok(self.fetch(&FetchRequest::history(self.access()), watch)?)
    }

    /// An empty repository in place of whatever is there. The caller holds the lock.
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

/// The version that is most like what was asked for: that of the same major, minor or beginning, else the newest below it.
fn nearest<'v>(request: &VersionRequest, versions: &'v [VersionTag]) -> Option<&'v VersionTag> {
    let asked: Vec<u64> = match request {
        VersionRequest::Requirement(requirement) => {
            let first = requirement.comparators.first()?;
            [Some(first.major), first.minor, first.patch]
                .into_iter()
                .flatten()
                .collect()
        }
        VersionRequest::Revision(text) => {
            let numbers = text
                .trim_start_matches('v')
                .split('.')
                .map_while(|part| part.parse().ok());
            numbers.take(3).collect()
        }
    };
    let distance = |version: &Version| {
        let parts = [version.major, version.minor, version.patch];
        let gaps: Vec<u64> = asked
            .iter()
            .zip(parts)
            .map(|(asked, part)| asked.abs_diff(part))
            .collect();
        gaps
    };
    if asked.is_empty() {
        None
    } else {
        versions.iter().min_by_key(|tag| distance(&tag.version))
    }
}

fn no_version(
    request: &VersionRequest,
    agent: &str,
    versions: &[VersionTag],
    written: &Written,
) -> Failure {
    let failure = Failure::failed(format!("`{agent}` has no version matching `{request}`"));
    if versions.is_empty() {
        let asked = written.asked(request);
        return failure.hint(format!(
            "its repository has no version tags; leave out {asked}, or name a commit or a branch"
        ));
    }
    let newest: Vec<&str> = versions
        .iter()
        .take(3)
        .map(|version| version.tag.as_str())
        .collect();
    let failure = failure.detail(format!("newest: {}", newest.join(", ")));
    let nearest = nearest(request, versions);
    let failure = match nearest {
        Some(nearest) if !newest.contains(&nearest.tag.as_str()) => {
            failure.detail(format!("nearest: {}", nearest.tag))
        }
        _ => failure,
    };
    let example = &nearest.unwrap_or(&versions[0]).version;
    // A pre-release answers only those who name it, so its major is not suggested: that could be what was asked for.
    let Some(release) = versions
        .iter()
        .map(|version| &version.version)
        .find(|version| version.pre.is_empty())
    else {
        let example = written.example(&[example.to_string()]);
        return failure.hint(format!(
            "pre-releases are taken only by name, for example {example}"
        ));
    };
    // A whole version takes the newest of its major, as the major alone does.
    let is_same = example.pre.is_empty() && example.major == release.major && example.major > 0;
    let major = (!is_same).then(|| format!("^{}", release.major));
    let examples: Vec<String> = [example.to_string()].into_iter().chain(major).collect();
    failure.hint(format!("for example {}", written.example(&examples)))
}
