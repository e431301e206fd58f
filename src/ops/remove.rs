//! `remove`: takes agents out of the manifest, the lockfile and the agents folder. The pipeline does the work; edited files go only when
//! that is said.

use super::change::change;
use super::change::goal::{Edits, Goal, Prune, What};
use super::change::outcome::Outcome;
use super::report::Frontend;
use super::session::Session;
use super::typed::Typed;
use crate::error::Result;

pub use super::change::gone::{Dropped, Gone};

/// What to remove, and how.
#[derive(Debug, Clone, Default)]
pub struct RemoveOptions {
    /// The command as it was typed, for hints.
    pub typed: Typed,
    /// The names.
    pub names: Vec<String>,
    /// Plan and stop.
    pub is_dry_run: bool,
    /// Also remove edited files; a copy is kept.
    pub is_forced: bool,
    /// Leave the files: they are the user's own from now on.
    pub keeps_files: bool,
}

/// Removes agents.
pub fn remove(
    session: &Session,
    options: &RemoveOptions,
    frontend: &mut dyn Frontend,
) -> Result<Outcome> {
    let edits = Edits::unless(options.is_forced);
    let goal = Goal {
        typed: options.typed.clone(),
        prune: Prune::Nothing,
        keeps_files: options.keeps_files,
        is_dry_run: options.is_dry_run,
        ..Goal::of(What::Gone(options.names.clone()), edits)
    };
    change(session, &goal, frontend)
}
