//! `agentpkg recover`.

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::error::Result;
use crate::ops::recover::{How, RecoverOptions, RecoverOutcome, recover};
use crate::ui::DocumentName;
use crate::ui::view::InterruptedView;

/// Complete or revert a command that was interrupted
///
/// Every command that writes does this by itself before it starts, if the journal was written by agentpkg on this machine. A journal that
/// was not may have come with the project: its steps are shown, and nothing happens until you agree.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg recover            ends it, or asks if the journal is not yours
  agentpkg recover --dry-run  shows what would be done
  agentpkg recover --discard  moves the journal out of the way")]
pub struct RecoverArgs {
    /// Act on a journal that was not written on this machine
    #[arg(long, conflicts_with = "discard")]
    pub accept: bool,
    /// Move the journal and all temporary files into the history, and change nothing else
    #[arg(long)]
    pub discard: bool,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the command.
pub fn run(args: &RecoverArgs, context: &mut Context) -> Result<()> {
    let how = match (args.accept, args.discard) {
        (true, _) => How::Accept,
        (_, true) => How::Discard,
        _ => How::Ask,
    };
    let outcome = recover(
        &context.session,
        RecoverOptions {
            how,
            is_dry_run: args.dry_run,
        },
        &mut context.ui,
    )?;
    if context.ui.is_json() {
        return context
            .ui
            .json(DocumentName::Recover, &document(&outcome, args.dry_run));
    }
    match &outcome.interruption {
        None => context.ui.note("Nothing to recover."),
        Some(_) if !outcome.is_ended && !args.dry_run => context.ui.note("Nothing was changed."),
        Some(_) => {}
    }
    Ok(())
}

/// What `recover --json` prints.
#[derive(Serialize)]
struct RecoverDocument<'a> {
    dry_run: bool,
    /// `None`: no command was interrupted.
    interruption: Option<InterruptionView<'a>>,
    /// Whether something was done about it.
    ended: bool,
}

#[derive(Serialize)]
struct InterruptionView<'a> {
    #[serde(flatten)]
    interrupted: InterruptedView,
    /// Whether the steps would be completed, not taken back.
    complete: bool,
    files: Vec<FileView<'a>>,
}

#[derive(Serialize)]
struct FileView<'a> {
    path: &'a str,
    action: &'a str,
}

fn document(outcome: &RecoverOutcome, is_dry_run: bool) -> RecoverDocument<'_> {
    let interruption = outcome.interruption.as_ref().map(|view| InterruptionView {
        interrupted: view.into(),
        complete: view.is_forward,
        files: view
            .files
            .iter()
            .map(|(action, path)| FileView { path, action })
            .collect(),
    });
    RecoverDocument {
        dry_run: is_dry_run,
        interruption,
        ended: outcome.is_ended,
    }
}
