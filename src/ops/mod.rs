//! The use-cases, one file each: plan without touching the project, then apply in one transaction. No clap, no printing.
//!
//! They speak upward only through [`Reporter`] and [`Decide`].

pub mod adopt;
pub mod assignable;
pub mod base;
mod beside;
mod candidate;
pub(crate) mod change;
pub mod check;
pub mod complete;
mod detours;
pub mod diff;
pub mod doctor;
pub mod gone;
mod idle;
pub mod info;
pub mod init;
pub mod install;
mod known_tools;
mod latest;
pub mod list;
pub mod loaded;
mod lock_conflict;
pub mod merge_driver;
pub mod merge_file;
mod news;
mod origins;
pub mod outdated;
mod own;
pub mod past;
mod policy;
mod quick;
pub mod recover;
pub mod registry;
pub mod remove;
pub mod renamed;
pub mod report;
pub mod requirement;
pub mod resolve;
pub mod resolver;
pub mod search;
pub mod session;
pub mod set;
mod shadows;
pub mod state;
pub mod status;
pub mod typed;
pub mod undo;
mod unknown;
mod unmanaged;
mod unreached;
pub mod update;

pub use report::{Choice, Decide, Event, Frontend, Reporter};
pub use session::Session;
