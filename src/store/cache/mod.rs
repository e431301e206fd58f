//! The cache: one bare repository per registry URL, the index of each commit that was read, and upstream bytes by blob id.
//!
//! Safe to delete at any time. Nothing in it is trusted: every object, index and content is verified when it is read; what does not
//! verify is set aside and fetched again. The key of a repository is its whole normalised URL.
//!
//! ```text
//! registries/<slug>-<sha256 of the URL>/lock          held while the folder changes
//!                                      /git/          bare, without what nobody asked for; the remote's branches are in `refs/remotes/origin`
//!                                      /index/<commit>.index, and `head`: which of them is the newest
//!                                      /past          what its files ever held, and their lines: for the commit that was searched last
//!                                      /checked       seconds since 1970 of the last look at all references of the remote
//!                                      /checked-head  the same of its default branch alone
//!                                      /whole         the server gives no single objects
//! folders/<sha256 of the path>.index                   what a folder offers
//! seen/<sha256 of the path>                            what the files of an agents folder held when they were read last
//! blobs/ab/cdef…                                      upstream bytes by git blob id
//! ```
//!
//! This file has what all parts share; `open` finds a repository, `fetch` gets what one lacks, `repository` reads one, `indexes` keeps
//! what it offers, `obstacle` clears its folders.

mod fetch;
mod indexes;
mod obstacle;
mod open;
mod past;
mod repository;
mod turns;
mod versions;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

pub use self::repository::{CachedRepository, Named};
use super::index::{Damage, IndexFile};
use super::project::MAX_AGENT;
use super::seen::Seen;
use crate::domain::digest::{Digest, ObjectId};
use crate::domain::url::{GitUrl, Transport};
use crate::env::KeyPlace;
use crate::error::{Failure, Result};
use crate::fs;
use crate::git::{Git, Progress};

/// The extension of index files.
const INDEX: &str = "index";
/// The file that names the commit whose index is the newest.
const HEAD: &str = "head";

/// How recent the state of a remote must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Any state.
    Any,
    /// Asked within the last ten minutes.
    Recent,
    /// Asked by this command, where the remote can be reached; otherwise any state.
    Again,
    /// Asked now.
    Now,
}

/// Which references of a remote are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The default branch.
    Head,
    /// The default branch, all branches and all tags.
    All,
}

impl Reach {
    /// The file that says when the remote was asked for them.
    fn file(self) -> &'static str {
        match self {
            Self::Head => "checked-head",
            Self::All => "checked",
        }
    }
}

/// What the cache reports while it works.
#[derive(Debug)]
pub enum Event {
    /// Another process holds the cache's lock: who, in words.
    Waiting(String),
    /// A fetch begins; whether git and ssh may ask a person on the terminal.
    Fetching(GitUrl, bool),
    /// Fetches of this many repositories begin.
    FetchingSeveral(usize),
    /// A fetch goes on.
    Progress(Progress),
    /// A fetch has ended; this many bytes arrived.
    Fetched(GitUrl, u64),
    /// The remote could not be asked, and the cached state is used instead.
    Stale(GitUrl, Failure),
    /// Something damaged was set aside and is fetched again.
    Mended(GitUrl, String),
}

/// Who listens to a cache.
pub type Watch<'a> = &'a mut dyn FnMut(Event);

/// How the cache may use the network and the disk.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The cache's folder; `None`: there is none.
    pub folder: Option<PathBuf>,
    /// `PATH`, where `git` is searched for.
    pub path: Option<OsString>,
    /// The network must not be used.
    pub is_offline: bool,
    /// Plain `http://` and `git://` are allowed.
    pub allow_insecure: bool,
    /// git may ask for a password.
    pub may_prompt: bool,
    /// Seconds since 1970.
    pub now: u64,
    /// The subcommand, for other processes that wait for this one to end.
    pub command: String,
    /// How long to wait for another process; `None`: as long as its fetch may take.
    pub wait: Option<Duration>,
    /// Where this machine's key may be.
    pub keys: KeyPlace,
    /// Who is told of damaged indexes.
    pub damage: Damage,
}

/// The cache of one user.
#[derive(Debug)]
pub struct Cache {
    settings: Settings,
    git: OnceLock<Git>,
    /// The remotes whose references this command has asked for.
    asked: Mutex<BTreeMap<GitUrl, Reach>>,
}

impl Cache {
    /// A cache; nothing is touched yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            git: OnceLock::new(),
            asked: Mutex::default(),
        }
    }

    /// Where the cache is.
    pub fn folder(&self) -> Result<&Path> {
        self.settings.folder.as_deref().ok_or_else(|| {
            Failure::failed("there is no home folder to keep a cache in")
                .hint("set `HOME` or `AGENTPKG_CACHE_DIR`")
        })
    }

    /// Which of its indexes turned out to be damaged while they were answered from.
    #[must_use]
    pub fn damage(&self) -> &Damage {
        &self.settings.damage
    }

    /// The user's git program.
    pub fn git(&self) -> Result<&Git> {
        if let Some(git) = self.git.get() {
            return Ok(git);
        }
        let git = Git::find(self.settings.path.as_deref())?;
        Ok(self.git.get_or_init(|| git))
    }

    /// Whether references of a repository are known here, so that its cached state can be read without the network.
    #[must_use]
    pub fn has(&self, url: &GitUrl) -> bool {
        let is_known = |folder: &PathBuf| {
            let folder = folder.join("registries").join(url.cache_key());
            let asked = [Reach::Head, Reach::All].map(|reach| folder.join(reach.file()));
            (asked.iter()).any(|path| fs::size(path).ok().flatten().is_some())
        };
        url.local_path().is_some() || self.settings.folder.as_ref().is_some_and(is_known)
    }

    /// When a remote was asked last, in seconds since 1970; `None`: that is not known, or it is on this machine.
    #[must_use]
    pub fn looked_at(&self, url: &GitUrl) -> Option<u64> {
        let folder = self.settings.folder.as_ref()?;
        let folder = folder.join("registries").join(url.cache_key());
        let asked = |reach: Reach| {
            let bytes = fs::read(&folder.join(reach.file()), 32).ok()??;
            std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
        };
        [Reach::Head, Reach::All]
            .into_iter()
            .filter_map(asked)
            .max()
    }

    /// Which references of a remote this command has asked for.
    fn was_asked(&self, url: &GitUrl) -> Option<Reach> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(url).copied()
    }

    /// Whether asking a remote may tell more than is known of it: it is one, and this command has not asked it yet.
    #[must_use]
    pub fn may_know_more(&self, url: &GitUrl) -> bool {
        url.transport() != Transport::File
            && !self.settings.is_offline
            && self.was_asked(url).is_none()
    }

    /// Takes note of that.
    fn note_asked(&self, url: &GitUrl, reach: Reach) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let known = asked.entry(url.clone()).or_insert(reach);
        *known = reach.max(*known);
    }

    /// Seconds since 1970, when the command began.
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

    /// Where the index of the registry inside the program is kept.
    pub(super) fn builtin_index(&self) -> Option<PathBuf> {
        let folder = self.settings.folder.as_ref()?;
        Some(folder.join("folders").join(format!("builtin.{INDEX}")))
    }

    /// What is known about this many files of an agents folder.
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

    /// The index of the newest commit of a repository that was read, if it is here.
    pub(super) fn head_index(&self, url: &GitUrl) -> Option<IndexFile> {
        let folder = self
            .settings
            .folder
            .as_ref()?
            .join("registries")
            .join(url.cache_key())
            .join("index");
        let head = fs::read(&folder.join(HEAD), 64).ok()??;
        let head = std::str::from_utf8(&head).ok()?;
        let path = folder.join(format!("{head}.{INDEX}"));
        IndexFile::open(&path, Some(head), self.damage())
    }

    /// Upstream bytes by blob id, if they are here and intact.
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
