//! One file per subcommand: its arguments, a call to its use-case, and how the outcome is shown.

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
pub mod merge_file;
mod needs;
pub mod next;
pub mod outdated;
pub mod recover;
pub mod registry;
pub mod remove;
pub mod resolve;
pub mod search;
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

/// The version of every JSON document that is printed. Those that are structs get it when they are printed.
pub(crate) const JSON_VERSION: u32 = crate::ui::DOCUMENT_VERSION;
