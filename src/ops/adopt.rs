//! `adopt`: files that agentpkg did not write become agents of the project, with their text as it is. The pipeline does the work.

use super::change::change;
use super::change::goal::{Consent, Edits, Files, Goal, Prune, What};
use super::report::{Choice, Frontend};
use super::requirement::Mode;
use super::session::Session;
use super::typed::Typed;
use super::unmanaged::unmanaged;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::store::placed::Placed;

pub use super::change::outcome::Outcome;

/// The command that says where the unmanaged files are from, with or without a terminal, and changes nothing.
#[must_use]
pub fn dry_run_of_all() -> Command {
    Command::new(["adopt", "--all", "--dry-run"])
}

/// What to adopt, and how.
#[derive(Debug, Clone, Default)]
pub struct AdoptOptions {
    /// The command as it was typed, for hints.
    pub typed: Typed,
    /// The names of the files, without `.md`.
    pub names: Vec<String>,
    /// Adopt every file that agentpkg did not write.
    pub is_all: bool,
    /// The source, agent or version that they are from.
    pub from: Option<String>,
    /// Where several versions are about as near, take the nearest one.
    pub is_nearest: bool,
    /// Plan and stop.
    pub is_dry_run: bool,
    /// What is not sure is left out.
    pub is_yes: bool,
}

/// Adopts files.
pub fn adopt(
    session: &Session,
    options: &AdoptOptions,
    frontend: &mut dyn Frontend,
) -> Result<Outcome> {
    let mut names = options.names.clone();
    if names.is_empty() && !options.is_all && !options.is_dry_run {
        let all = unmanaged(session, &Placed::read(&session.project)?.lockfile);
        names = picked(&all, options, frontend)?;
        if names.is_empty() {
            return Ok(Outcome {
                is_nothing_chosen: !all.is_empty(),
                ..Outcome::default()
            });
        }
    }
    let files = Files {
        names,
        from: options.from.clone(),
        is_nearest: options.is_nearest,
    };
    let goal = Goal {
        typed: options.typed.clone(),
        consent: Consent {
            is_yes: options.is_yes,
            ..Consent::default()
        },
        servers: Mode::Skip,
        prune: Prune::Nothing,
        is_dry_run: options.is_dry_run,
        ..Goal::of(What::Files(files), Edits::Refuse)
    };
    change(session, &goal, frontend)
}

/// The files that a person picks of all.
fn picked(
    all: &[String],
    options: &AdoptOptions,
    frontend: &mut dyn Frontend,
) -> Result<Vec<String>> {
    if all.is_empty() {
        return Ok(Vec::new());
    }
    if !frontend.is_interactive() || options.is_yes {
        let every = Typed {
            is_all: true,
            ..options.typed.clone()
        };
        return Err(Failure::usage("`adopt` needs the names of files")
            .hint(Advice::say("or for all of them: ").and_run(every.again())));
    }
    let choices: Vec<Choice> = all.iter().map(Choice::plain).collect();
    let picked = frontend.choose_many("Which files should be adopted?", &choices)?;
    let picked = picked.into_iter().filter_map(|index| all.get(index));
    Ok(picked.cloned().collect())
}
