//! `agentpkg undo`.

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::domain::count::counted;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Failure, Result};
use crate::ops::undo::{Back, UndoOptions, UndoOutcome, is_visible, operations, undo};
use crate::store::transaction::Operation;
use crate::ui::{CYAN, Column, DIM, DocumentName, Table, sanitize};

/// Undo an operation, or only some of its agents; your edits are restored too
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg undo                undoes the newest one; run it again to go back
  agentpkg undo --list         shows what can be undone, with numbers
  agentpkg undo 3              undoes operation 3, even if it was an undo
  agentpkg undo planner        undoes the newest change of one agent only
  agentpkg undo 3 planner      undoes what operation 3 did to it
  agentpkg undo --dry-run      shows which files would change")]
pub struct UndoArgs {
    /// An operation by its number (the newest if left out), and its agents to undo (all if left out)
    #[arg(value_name = "N|NAME", num_args = 0.., add = super::complete::operations())]
    pub words: Vec<String>,
    /// List the operations that can be undone, newest first
    #[arg(long, conflicts_with_all = ["words", "dry_run", "force"])]
    pub list: bool,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Also restore files that changed since; a copy is kept
    #[arg(long)]
    pub force: bool,
}

/// Runs the command.
pub fn run(args: &UndoArgs, context: &mut Context) -> Result<()> {
    if args.list {
        return show_list(context);
    }
    let dry_run = args.dry_run;
    let (number, agents) = meant(&args.words)?;
    let options = UndoOptions {
        number,
        agents,
        is_dry_run: dry_run,
        is_forced: args.force,
    };
    let outcome = undo(&context.session, &options, &mut context.ui)?;
    if context.ui.is_json() {
        let document = document(&outcome, dry_run, context);
        return context.ui.json(DocumentName::Undo, &document);
    }
    let ui = &mut context.ui;
    match outcome {
        UndoOutcome::Nothing => ui.note("Nothing to undo."),
        UndoOutcome::AsBefore(operation) => {
            let label = sanitize(&operation.label);
            ui.note(format!(
                "Nothing to undo: the files are as they were before operation {} ({label}).",
                operation.number
            ));
        }
        UndoOutcome::Undone {
            operation,
            agents,
            undoing,
            files,
        } => {
            let label = format!(
                "{} {DIM}(operation {}){DIM:#}",
                sanitize(&operation.label),
                operation.number
            );
            let verb = if dry_run { "Would undo" } else { "Undid" };
            let names: Vec<&str> = agents.iter().map(AgentName::as_str).collect();
            match names.join(", ") {
                names if names.is_empty() => ui.status(verb, label),
                names => ui.status(verb, format!("{CYAN}{names}{CYAN:#} of {label}")),
            }
            for (path, back) in files {
                let verb = match (back, dry_run) {
                    (Back::Restored, false) => "Restored",
                    (Back::Restored, true) => "Would write",
                    (Back::Removed, false) => "Removed",
                    (Back::Removed, true) => "Would remove",
                };
                ui.status(verb, sanitize(&context.session.project.display(&path)));
            }
            if let Some(undoing) = undoing {
                let undo = ui.command(&Command::new(["undo".to_owned(), undoing.to_string()]));
                ui.note(format!("\n{DIM}Bring it back with `{undo}`.{DIM:#}"));
            }
        }
    }
    Ok(())
}

/// The operation and the agents that the words name: digits alone are an operation.
fn meant(words: &[String]) -> Result<(Option<u64>, BTreeSet<AgentName>)> {
    let is_number = |word: &&String| word.bytes().all(|byte| byte.is_ascii_digit());
    let (numbers, names): (Vec<&String>, Vec<&String>) = words.iter().partition(is_number);
    if let [_, second, ..] = numbers.as_slice() {
        let failure = Failure::usage(format!(
            "only one operation can be undone at a time; `{second}` is another one"
        ));
        return Err(failure);
    }
    let number =
        match numbers.first() {
            Some(word) => Some(word.parse().map_err(|_| {
                Failure::usage(format!("`{word}` is not the number of an operation"))
            })?),
            None => None,
        };
    let names = names.into_iter().map(|name| {
        AgentName::new(name)
            .map_err(|error| Failure::usage(format!("`{}`: {error}", name.escape_debug())))
    });
    Ok((number, names.collect::<Result<_, _>>()?))
}

fn show_list(context: &mut Context) -> Result<()> {
    let operations = operations(&context.session, &mut context.ui)?;
    if context.ui.is_json() {
        let operations = operations
            .iter()
            .map(|operation| OperationView::of(operation, context))
            .collect();
        return context
            .ui
            .json(DocumentName::UndoList, &UndoListDocument { operations });
    }
    if operations.is_empty() {
        context
            .ui
            .note("Nothing to undo: nothing was done here yet.");
    }
    let now = context.session.environment.now();
    let mut table = Table::new([
        Column::number(""),
        Column::text(""),
        Column::word(""),
        Column::word(""),
        Column::word(""),
    ]);
    for operation in &operations {
        let files = counted(visible(operation, context).len(), "file");
        let state = if operation.is_undone { "undone" } else { "" };
        table.row([
            operation.number.to_string().into(),
            operation.label.as_str().into(),
            age(operation.time, now).into(),
            files.into(),
            state.into(),
        ]);
    }
    context.ui.table(&table)
}

/// How long ago, in words of at most 14 columns.
fn age(time: u64, now: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let counted =
        |count: u64, unit: &str| format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" });
    match now.saturating_sub(time) {
        0..MINUTE => "just now".to_owned(),
        seconds @ MINUTE..HOUR => counted(seconds / MINUTE, "minute"),
        seconds @ HOUR..DAY => counted(seconds / HOUR, "hour"),
        seconds => counted(seconds / DAY, "day"),
    }
}

/// The paths of the files that people know of.
fn visible(operation: &Operation, context: &Context) -> Vec<String> {
    let project = &context.session.project;
    let paths = operation.files.iter().map(|file| &file.path);
    let visible = paths.filter(|path| is_visible(project, path));
    visible.map(|path| project.display(path)).collect()
}

/// What `undo --json` prints.
#[derive(Serialize)]
struct UndoDocument<'a> {
    dry_run: bool,
    /// What is undone; `None`: nothing can be.
    operation: Option<OperationView<'a>>,
    /// The agents of it that are undone; empty: all of it.
    agents: Vec<&'a str>,
    /// The number that brings it back; `None`: nothing was changed.
    undoing: Option<u64>,
    files: Vec<FileView>,
}

/// What `undo --list --json` prints, newest first.
#[derive(Serialize)]
struct UndoListDocument<'a> {
    operations: Vec<OperationView<'a>>,
}

#[derive(Serialize)]
struct OperationView<'a> {
    number: u64,
    label: &'a str,
    /// In seconds since 1970.
    time: u64,
    /// The number of the operation that it took back.
    undoes: Option<u64>,
    /// The agents that it took back of that operation; empty: all of it.
    part: Vec<&'a str>,
    undone: bool,
    /// The agents that were taken back alone.
    undone_agents: Vec<&'a str>,
    files: Vec<String>,
}

#[derive(Serialize)]
struct FileView {
    path: String,
    /// `restore` or `remove`.
    action: &'static str,
}

impl<'a> OperationView<'a> {
    fn of(operation: &'a Operation, context: &Context) -> Self {
        Self {
            number: operation.number,
            label: &operation.label,
            time: operation.time,
            undoes: operation.undoes,
            part: names(&operation.part),
            undone: operation.is_undone,
            undone_agents: names(&operation.undone_agents),
            files: visible(operation, context),
        }
    }
}

fn names(agents: &BTreeSet<AgentName>) -> Vec<&str> {
    agents.iter().map(AgentName::as_str).collect()
}

fn document<'a>(outcome: &'a UndoOutcome, is_dry_run: bool, context: &Context) -> UndoDocument<'a> {
    let (operation, undoing, files) = match outcome {
        UndoOutcome::Nothing => (None, None, &[][..]),
        UndoOutcome::AsBefore(operation) => (Some(operation), None, &[][..]),
        UndoOutcome::Undone {
            operation,
            undoing,
            files,
            ..
        } => (Some(operation), *undoing, files.as_slice()),
    };
    let agents = match outcome {
        UndoOutcome::Undone { agents, .. } => names(agents),
        _ => Vec::new(),
    };
    let files = files.iter().map(|(path, back)| FileView {
        path: context.session.project.display(path),
        action: match back {
            Back::Restored => "restore",
            Back::Removed => "remove",
        },
    });
    UndoDocument {
        dry_run: is_dry_run,
        operation: operation.map(|operation| OperationView::of(operation, context)),
        agents,
        undoing,
        files: files.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_in_words() {
        let words = |seconds: u64| age(1_000_000_000, 1_000_000_000 + seconds);
        assert_eq!(
            [0, 59, 60, 3_599].map(words),
            ["just now", "just now", "1 minute ago", "59 minutes ago"]
        );
        assert_eq!(
            [3_600, 86_399, 86_400, 400 * 86_400].map(words),
            ["1 hour ago", "23 hours ago", "1 day ago", "400 days ago"]
        );
        assert_eq!(age(5, 4), "just now", "clocks differ");
    }
}
