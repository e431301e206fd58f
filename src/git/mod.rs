//! The access to git: the only place that runs the `git` program and that uses libgit2.
//!
//! Responsible for getting objects from a remote into a bare repository ([`Git`], with the user's own `git`, its ssh configuration,
//! credential helpers and proxies), and for reading any repository ([`Repository`], with libgit2, which never uses the network here). Not
//! responsible for where caches are, for locking them, or for what an agent is.
//!
//! Nothing is ever checked out: names from other people become paths only above this floor, and [`Walk`] has refused the hostile ones.

mod answers;
mod asked;
mod bare;
mod child;
mod command;
mod config;
mod contents;
mod error;
mod local;
mod past;
mod progress;
mod remote;
mod stderr;
mod unmerged;
mod walk;
#[cfg(unix)]
mod watchdog;

pub use self::bare::{init_bare, may_be_cut, remove_head};
pub use self::command::{Access, BlobFilter, FetchRequest, Fetched, Git, Limits, RemoteRefs};
pub use self::config::LocalConfig;
pub use self::contents::{Given, PastFile, PastFiles};
pub use self::error::GitError;
pub use self::local::{Repository, RevisionKind, hash_blob};
pub use self::past::{FileChange, FilePast};
pub use self::progress::{Phase, Progress};
pub use self::walk::{RefusedEntry, TreeFile, Walk, WalkLimits};
