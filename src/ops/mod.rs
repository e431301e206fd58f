//! The use-cases, one file each: plan without touching the project, then apply in one transaction. No clap, no printing.
//!
//! They speak upward only through [`Reporter`] and [`Decide`].

pub mod doctor;
pub mod install;
pub mod list;
pub mod registry;
pub mod remove;
pub mod report;
pub mod resolve;
pub mod session;
pub mod undo;

pub use report::{Choice, Decide, Event, Frontend, Reporter};
pub use session::Session;
