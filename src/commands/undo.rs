//! `agentpkg undo`.

use clap::Args;
use serde_json::json;

use super::{Context, JSON_VERSION};
use crate::error::Result;
use crate::ops::undo::{UndoOptions, operations, undo};
use crate::store::transaction::history::Operation;
use crate::ui::{CYAN, DIM, Table, one_line, sanitize};

/// Take back the last operation, your edits included
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg undo           the last operation; again, and it is the one before
  agentpkg undo --list    what can be undone
  agentpkg undo 7         operation 7; if that is an undo, it is done again")]
pub struct UndoArgs {
    /// The number of an operation, as `--list` shows it
    #[arg(value_name = "N")]
    pub number: Option<u64>,
    /// List the operations that are remembered
    #[arg(long, conflicts_with_all = ["number", "dry_run", "force"])]
    pub list: bool,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Also replace files that changed since; copies are kept
    #[arg(long)]
    pub force: bool,
}

/// Runs the command.
pub fn run(args: &UndoArgs, context: &mut Context) -> Result<()> {
    if args.list {
        return list(context);
    }
    let options = UndoOptions { number: args.number, is_dry_run: args.dry_run, is_forced: args.force };
    let Some(undone) = undo(&context.session, &options, &mut context.ui)? else {
        if context.ui.is_json() {
            return context.ui.json(&json!({ "schema_version": JSON_VERSION, "undone": null }));
        }
        context.ui.note("There is nothing to undo.");
        return Ok(());
    };
    let project = &context.session.project;
    let shown = |paths: &[std::path::PathBuf]| paths.iter().map(|path| project.display(path)).collect::<Vec<_>>();
    let (restored, removed) = (shown(&undone.restored), shown(&undone.removed));
    if context.ui.is_json() {
        return context.ui.json(&json!({
            "schema_version": JSON_VERSION, "dry_run": args.dry_run, "undone": undone.operation.number,
            "label": undone.operation.label, "by": undone.by, "restored": restored, "removed": removed,
        }));
    }
    let verb = |done, would| if args.dry_run { would } else { done };
    context.ui.status(verb("Undid", "Would undo"), sanitize(&undone.operation.label));
    for path in &restored {
        context.ui.status(verb("Restored", "Would write"), sanitize(path));
    }
    for path in &removed {
        context.ui.status(verb("Removed", "Would remove"), sanitize(path));
    }
    if let Some(by) = undone.by {
        context.ui.note(format!("{DIM}Bring it back with `agentpkg undo {by}`.{DIM:#}"));
    }
    Ok(())
}

fn list(context: &mut Context) -> Result<()> {
    let operations = operations(&context.session, &mut context.ui)?;
    if context.ui.is_json() {
        let operation = |operation: &Operation| {
            json!({
                "number": operation.number, "label": operation.label, "time": operation.time, "undoes": operation.undoes,
                "undone": operation.is_undone, "files": operation.steps.len(),
            })
        };
        let operations: Vec<_> = operations.iter().map(operation).collect();
        return context.ui.json(&json!({ "schema_version": JSON_VERSION, "operations": operations }));
    }
    if operations.is_empty() {
        context.ui.note("There is nothing to undo.");
        return Ok(());
    }
    let now = context.session.environment.now();
    let mut table = Table::new();
    for operation in &operations {
        let age = operation.time.map_or_else(String::new, |time| age(now.saturating_sub(time)));
        let state = if operation.is_undone { "undone" } else { "" };
        table.row([operation.number.to_string(), age, one_line(&operation.label, 48), state.to_owned()]);
    }
    for line in table.lines() {
        context.ui.data(line)?;
    }
    context.ui.note(format!("{DIM}Undo the newest with {DIM:#}{CYAN}agentpkg undo{CYAN:#}{DIM}.{DIM:#}"));
    Ok(())
}

fn age(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}
