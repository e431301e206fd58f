//! `agentpkg recover`.

use clap::Args;
use serde_json::json;

use super::{Context, JSON_VERSION};
use crate::error::Result;
use crate::ops::recover::{How, RecoverOptions, RecoverOutcome, recover};

/// Complete or take back a command that was interrupted
///
/// Every command that writes does this by itself before it starts, if the journal was written by agentpkg on this machine. A journal that
/// was not may have come with the project: its steps are shown, and nothing happens until you agree.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg recover            ends it, or asks if the journal is not yours
  agentpkg recover --dry-run  shows what waits
  agentpkg recover --discard  moves the journal out of the way")]
pub struct RecoverArgs {
    /// Act on a journal that was not written on this machine
    #[arg(long, conflicts_with = "discard")]
    pub accept: bool,
    /// Move the journal and all temporary files into the history, and change nothing else
    #[arg(long)]
    pub discard: bool,
    /// Show what waits, and stop
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
        return context.ui.json(&to_json(&outcome, args.dry_run));
    }
    match &outcome.interruption {
        None => context.ui.note("Nothing to recover."),
        Some(_) if !outcome.is_ended && !args.dry_run => context.ui.note("Nothing was changed."),
        Some(_) => {}
    }
    Ok(())
}

fn to_json(outcome: &RecoverOutcome, is_dry_run: bool) -> serde_json::Value {
    let interruption = outcome.interruption.as_ref().map(|view| {
        let files: Vec<_> = view.files.iter().map(|(action, path)| json!({ "path": path, "action": action })).collect();
        json!({ "command": view.label, "sealed": view.is_sealed, "complete": view.is_forward, "files": files })
    });
    json!({ "schema_version": JSON_VERSION, "dry_run": is_dry_run, "interruption": interruption, "ended": outcome.is_ended })
}
