//! What a repository of the cache lacks: its references as fresh as requested, single contents, its history. One fetch at a time in each
//! repository; a damaged one is made again.

use std::fs::File;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::repository::CachedRepository;
use super::{Event, Freshness, Reach, Watch};
use crate::domain::digest::ObjectId;
use crate::error::{Failure, Result};
use crate::fs::{self, Lock};
use crate::git::{
    Access, BlobFilter, FetchRequest, GitError, Repository, init_bare, may_be_cut, remove_head,
};
use crate::store::holder::{Holder, Patience, take_lock};
use crate::store::seal::Seal;

/// For how long a remote counts as asked recently, in seconds.
const RECENT: u64 = 600;
/// How long another process may hold the lock of a repository: two attempts to fetch, and what follows.
const LONGEST_FETCH: Duration = Duration::from_secs(300);
/// How many folders that are missing one by one are fetched before a repository counts as damaged.
const MAX_MISSING: usize = 32;
/// Marks a repository whose server gives no single objects, so that all contents come with each fetch.
const WHOLE: &str = "whole";

impl CachedRepository<'_> {
    /// Fetches references if what is known of them is older than requested.
    pub(super) fn freshen(
        &self,
        freshness: Freshness,
        reach: Reach,
        watch: Watch<'_>,
    ) -> Result<()> {
        if self.is_fresh(freshness, reach) {
            return Ok(());
        }
        let settings = &self.cache.settings;
        if settings.is_offline {
            // Offline, whatever is here has to do.
            return if self.knows(Reach::Head) || self.knows(Reach::All) {
                Ok(())
            } else {
                Err(Failure::failed(format!(
                    "`{}` is not in the cache, and `--offline` forbids fetching it",
                    self.url.display()
                ))
                .hint("run the command once without `--offline`"))
            };
        }
        let had_state = self.knows(Reach::Head) || self.knows(Reach::All);
        let lock = match self.lock_file() {
            // The cache of somebody else can be read as it is.
            Err(failure) if had_state && freshness != Freshness::Now => {
                watch(Event::Stale(self.url.clone(), failure));
                return Ok(());
            }
            lock => lock?,
        };
        let _lock = self.take(lock, watch)?;
        // Another process may have fetched while this one waited.
        if freshness == Freshness::Recent && self.is_recent(reach) {
            return Ok(());
        }
        let had_state = had_state || self.knows(Reach::Head) || self.knows(Reach::All);
        if !had_state && self.open().is_err() {
            self.start_over()?;
        }
        // Who knows all references goes on to know all.
        let reach = if self.knows(Reach::All) {
            Reach::All
        } else {
            reach
        };
        match self.fetch_references(reach, watch) {
            Ok(()) => Ok(()),
            // What must be known now is not answered from an old state: being unable to ask is not being up to date.
            // Who asks again for what was not found is told why that failed, and then what is known.
            Err(error)
                if had_state
                    && (error.is_network() && freshness != Freshness::Now
                        || !error.is_damage() && freshness == Freshness::Again) =>
            {
                watch(Event::Stale(self.url.clone(), error.into()));
                Ok(())
            }
            Err(error) if error.is_damage() => {
                watch(Event::Mended(self.url.clone(), error.to_string()));
                self.start_over()?;
                Ok(self.fetch_references(reach, watch)?)
            }
            Err(error) => Err(error.into_failure(had_state)),
        }
    }

    /// Whether what is known is as recent as requested.
    fn is_fresh(&self, freshness: Freshness, reach: Reach) -> bool {
        match freshness {
            Freshness::Any => self.knows(reach),
            Freshness::Recent => self.is_recent(reach),
            Freshness::Again => self.cache.was_asked(&self.url) >= Some(reach) && self.knows(reach),
            Freshness::Now => false,
        }
    }

    /// Whether so much is known of the remote, at whatever age.
    pub(super) fn knows(&self, reach: Reach) -> bool {
        let is_any = |found: Result<Vec<_>, GitError>| found.is_ok_and(|found| !found.is_empty());
        let Ok(repository) = self.open() else {
            return false;
        };
        let has_head = repository.head().is_ok_and(|head| head.is_some());
        let has_any = || has_head || is_any(repository.branches()) || is_any(repository.tags());
        match reach {
            Reach::Head if has_head => true,
            Reach::Head | Reach::All => {
                (!self.is_remote || self.checked(Reach::All).is_some()) && has_any()
            }
        }
    }

    /// Whether the remote was asked for that recently.
    fn is_recent(&self, reach: Reach) -> bool {
        let checked = match reach {
            Reach::Head => self.checked(Reach::Head).max(self.checked(Reach::All)),
            Reach::All => self.checked(Reach::All),
        };
        let age = checked.and_then(|checked| self.cache.settings.now.checked_sub(checked));
        age.is_some_and(|age| age <= RECENT) && self.knows(reach)
    }

    /// Fetches references, and records the time. The caller holds the lock.
    fn fetch_references(&self, reach: Reach, watch: Watch<'_>) -> Result<(), GitError> {
        init_bare(&self.git)?;
        let request = match reach {
            Reach::Head => FetchRequest::head(self.access()),
            Reach::All => FetchRequest::history(self.access()),
        };
        let (mut reach, known) = (reach, self.knows(reach));
        let unchanged = if known && may_be_cut(&self.git) && !self.is_whole() {
            self.is_unchanged(&request, watch)
        } else {
            Ok(false)
        };
        let outcome = unchanged.and_then(|is_unchanged| {
            if is_unchanged {
                return Ok(());
            }
            self.fetch(request, watch)
        });
        match outcome {
            // A HEAD that names nothing stops only what asks for it.
            Err(GitError::NoDefaultBranch { .. }) => {
                self.fetch(FetchRequest::without_head(self.access()), watch)?;
                remove_head(&self.git)?;
                self.close();
                reach = Reach::All;
            }
            outcome => outcome?,
        }
        self.cache.note_asked(&self.url, reach);
        if let Some(folder) = &self.folder {
            // If it fails, the only cost is that the remote is asked once more.
            let _ = fs::replace(
                &folder.join(reach.file()),
                self.cache.settings.now.to_string().as_bytes(),
                false,
            );
        }
        Ok(())
    }

    /// Whether the remote has nothing new. The caller holds the lock.
    fn is_unchanged(&self, request: &FetchRequest, watch: Watch<'_>) -> Result<bool, GitError> {
        let git = self.cache.git().map_err(|_| GitError::Missing)?;
        watch(Event::Fetching(self.url.clone(), self.may_prompt));
        let changes = git.would_change(&self.git, &self.url, request, &mut |progress| {
            watch(Event::Progress(progress));
        })?;
        if !changes {
            watch(Event::Fetched(self.url.clone(), 0));
        }
        Ok(!changes)
    }

    /// Fetches references, without history where none is here. The caller holds the lock.
    fn fetch(&self, mut request: FetchRequest, watch: Watch<'_>) -> Result<(), GitError> {
        let git = self.cache.git().map_err(|_| GitError::Missing)?;
        if may_be_cut(&self.git) {
            request.depth = Some(1);
        }
        if self.is_whole() {
            request.blobs = BlobFilter::All;
        }
        watch(Event::Fetching(self.url.clone(), self.may_prompt));
        let mut run = |request: &FetchRequest| {
            git.fetch(&self.git, &self.url, request, &mut |progress| {
                watch(Event::Progress(progress));
            })
        };
        let fetched = match run(&request) {
            Err(GitError::NotCut { .. }) => {
                request.depth = None;
                run(&request)
            }
            outcome => outcome,
        };
        self.close();
        let fetched = fetched?;
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

    /// Whether a commit is here, with what it holds but without its history; it is fetched if the remote gives it.
    pub fn has_commit(&self, commit: ObjectId, watch: Watch<'_>) -> Result<bool> {
        let is_here = |repository: &Repository| {
            let files = repository.files_in(commit, "");
            files.is_ok()
        };
        if self.open().is_ok_and(|repository| is_here(&repository)) {
            return Ok(true);
        }
        if !self.is_remote || self.cache.settings.is_offline {
            return Ok(false);
        }
        let _lock = self.lock(watch)?;
        init_bare(&self.git)?;
        match self.fetch(FetchRequest::commit(commit, self.access()), watch) {
            // A server may answer that it is there without sending the folders that it believes to be here.
            Ok(()) => Ok(self.open()?.resolve(&commit.to_string())?.is_some()),
            Err(GitError::UnknownReference { .. } | GitError::NotSingle { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the whole history of the default branch is here.
    #[must_use]
    pub fn has_all_history(&self) -> bool {
        let has = |repository: Rc<Repository>| match repository.head()? {
            Some(head) => repository.has_history(head),
            None => Ok(true),
        };
        self.open().and_then(has).unwrap_or(false)
    }

    /// Fetches the commits of the history of all references that are known, without what they hold; `false` if that cannot be.
    pub(super) fn has_all_commits(&self, watch: Watch<'_>) -> Result<bool> {
        if self.has_all_history() {
            return Ok(true);
        }
        if !self.is_remote || self.cache.settings.is_offline {
            return Ok(false);
        }
        let _lock = self.lock(watch)?;
        let request = match (self.knows(Reach::All), self.open()?.head()?) {
            (true, Some(_)) => FetchRequest::history(self.access()),
            (true, None) => FetchRequest::without_head(self.access()),
            (false, _) => FetchRequest::head(self.access()),
        };
        let request = FetchRequest {
            blobs: BlobFilter::Commits,
            ..request
        };
        let git = self.cache.git()?;
        watch(Event::Fetching(self.url.clone(), self.may_prompt));
        let fetched = git.fetch(&self.git, &self.url, &request, &mut |progress| {
            watch(Event::Progress(progress));
        });
        self.close();
        fetched?;
        Ok(true)
    }

    /// Fetches the history of the default branch with the folders of each commit, as far as they are not here: what
    /// [`Repository::history`] needs. Two commands of git at most; none where everything is here.
    pub fn fetch_history(&self, watch: Watch<'_>) -> Result<()> {
        if !self.is_remote || self.cache.settings.is_offline {
            return Ok(());
        }
        self.has_all_commits(watch)?;
        let repository = self.open()?;
        let Some(head) = repository.head()? else {
            return Ok(());
        };
        let missing = repository.missing_folders(head)?;
        if missing.is_empty() {
            return Ok(());
        }
        self.fetch_blobs(&missing, watch)
    }

    /// Reads; folders that are missing here are fetched. They may be: a server leaves out what it believes to be here.
    pub(super) fn reading<T>(
        &self,
        watch: Watch<'_>,
        read: &dyn Fn(&Repository) -> Result<T, GitError>,
    ) -> Result<T> {
        let may_fetch = self.is_remote && !self.cache.settings.is_offline;
        let mut was_mended = false;
        for _ in 0..MAX_MISSING {
            let repository = self.open()?;
            match read(&repository) {
                Err(GitError::MissingObject { id, .. }) if may_fetch => {
                    self.fetch_blobs(&[id], watch)?;
                }
                Err(error) if may_fetch && error.is_damage() && !was_mended => {
                    self.mend(&error.to_string(), watch)?;
                    was_mended = true;
                }
                outcome => return Ok(outcome?),
            }
        }
        let repository = self.open()?;
        Ok(read(&repository)?)
    }

    /// Makes sure that a commit can be read; returns when it was made, in seconds since 1970.
    pub(in crate::store) fn ready(&self, commit: ObjectId, watch: Watch<'_>) -> Result<i64> {
        let read = |repository: &Repository| {
            let time = repository.commit_time(commit)?;
            repository.files_in(commit, "").map(|_| time)
        };
        match self.open().and_then(|repository| read(&repository)) {
            Err(error)
                if self.is_remote && !self.cache.settings.is_offline && error.is_damage() =>
            {
                if !matches!(error, GitError::MissingObject { .. }) {
                    self.mend(&error.to_string(), watch)?;
                }
                self.has_commit(commit, watch)?;
                self.reading(watch, &read)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Fetches those of the contents that are not here yet.
    pub(in crate::store) fn have_blobs(
        &self,
        wanted: impl Iterator<Item = ObjectId>,
        watch: Watch<'_>,
    ) -> Result<()> {
        if !self.is_remote {
            return Ok(());
        }
        let repository = self.open().ok();
        let is_missing = |id: &ObjectId| {
            repository
                .as_ref()
                .is_none_or(|repository| !matches!(repository.blob_size(*id), Ok(Some(_))))
        };
        let missing: Vec<ObjectId> = wanted.filter(is_missing).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            self.fetch_blobs(&missing, watch)
        }
    }

    /// Fetches objects by their ids, in one command of git.
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
        init_bare(&self.git)?;
        watch(Event::Fetching(self.url.clone(), self.may_prompt));
        let git = self.cache.git()?;
        let access = self.access();
        let mut run = || {
            git.fetch_objects(&self.git, &self.url, blobs, &access, &mut |progress| {
                watch(Event::Progress(progress));
            })
        };
        let fetched = run();
        self.close();
        match fetched {
            Ok(_) => Ok(()),
            Err(GitError::NotSingle { .. }) if !self.is_whole() => self.fetch_whole(watch),
            Err(error) if error.is_damage() => {
                watch(Event::Mended(self.url.clone(), error.to_string()));
                self.start_over()?;
                init_bare(&self.git)?;
                git.fetch_objects(&self.git, &self.url, blobs, &access, &mut |_| {})?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Fetches again, with all contents, and from now on always with them. The caller holds the lock.
    fn fetch_whole(&self, watch: Watch<'_>) -> Result<()> {
        let reach = self.reach();
        self.start_over()?;
        if let Some(folder) = &self.folder {
            fs::replace(&folder.join(WHOLE), b"", false)?;
        }
        Ok(self.fetch_references(reach, watch)?)
    }

    fn is_whole(&self) -> bool {
        let mark = self.folder.as_ref().map(|folder| folder.join(WHOLE));
        mark.is_some_and(|mark| fs::size(&mark).ok().flatten().is_some())
    }

    fn reach(&self) -> Reach {
        if self.checked(Reach::All).is_some() {
            Reach::All
        } else {
            Reach::Head
        }
    }

    pub(super) fn mend(&self, reason: &str, watch: Watch<'_>) -> Result<()> {
        watch(Event::Mended(self.url.clone(), reason.to_owned()));
        let _lock = self.lock(watch)?;
        let reach = self.reach();
        self.start_over()?;
        Ok(self.fetch_references(reach, watch)?)
    }

    /// An empty repository in place of what is there. The caller holds the lock.
    fn start_over(&self) -> Result<()> {
        if fs::entry(&self.git)? == fs::Entry::File {
            fs::remove(&self.git)?;
        }
        fs::remove_folder(&self.git)?;
        self.close();
        Ok(init_bare(&self.git)?)
    }

    fn lock(&self, watch: Watch<'_>) -> Result<Lock> {
        self.take(self.lock_file()?, watch)
    }

    /// The folder that is locked.
    fn locked(&self) -> &Path {
        self.folder.as_deref().unwrap_or(&self.git)
    }

    fn lock_file(&self) -> Result<File> {
        let path = self.locked().join("lock");
        Lock::open(&path).or_else(|failure| {
            if self.folder.is_some() && self.cache.clear_the_way(&path)? {
                Lock::open(&path)
            } else {
                Err(failure)
            }
        })
    }

    fn take(&self, lock: File, watch: Watch<'_>) -> Result<Lock> {
        let folder = self.locked();
        let settings = &self.cache.settings;
        let patience = Patience {
            command: settings.command.clone(),
            wait: settings.wait.unwrap_or(LONGEST_FETCH),
            now: settings.now,
        };
        let path = folder.join("lock");
        let seal = Seal::new(settings.keys.clone(), folder, folder, false);
        let lock = take_lock(lock, &path, "the cache", &seal, &patience, |holder| {
            watch(Event::Waiting(Holder::describe(
                holder.as_ref(),
                settings.now,
            )));
        });
        // Who held it before may have changed the repository.
        self.close();
        lock
    }

    /// When the remote was asked for that last, in seconds since 1970.
    fn checked(&self, reach: Reach) -> Option<u64> {
        let path = self.folder.as_ref()?.join(reach.file());
        let bytes = fs::read(&path, 32).ok()??;
        std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
    }
}
