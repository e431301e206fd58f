//! One file per subcommand: its arguments, a call to its use-case, and how the outcome is shown.

pub mod adopt;
mod capabilities;
pub mod check;
pub mod complete;
pub mod completions;
pub mod diff;
pub mod doctor;
pub mod info;
pub mod init;
pub mod install;
pub mod list;
pub mod manual;
mod markdown;
pub mod merge_file;
mod needs;
pub mod next;
mod outcome;
pub mod outdated;
pub mod recover;
pub mod registry;
pub mod remove;
pub mod resolve;
pub mod search;
pub mod set;
pub mod status;
pub mod undo;
pub mod update;

use crate::ops::Session;
use crate::ui::Ui;

/// What every command works with.
#[derive(Debug)]
pub struct Context {
    /// The terminal.
    pub ui: Ui,
    /// The project, the environment, the cache.
    pub session: Session,
    /// Default answers to routine questions.
    pub is_yes: bool,
}
