//! `agentpkg diff`.

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::domain::count::counted;
use crate::error::{Failure, Result};
use crate::ops::diff::{DiffOutcome, FileDiff, View, diff};
use crate::ui::view::{FailureView, GainView};
use crate::ui::{DIM, Ui, YELLOW, sanitize, unified};

/// Show what you changed, what upstream changed, or what both would become
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg diff                     your edits
  agentpkg diff --upstream planner  what is new upstream
  agentpkg diff --merged            what an update would make of your files")]
pub struct DiffArgs {
    /// The names; all if there are none
    #[arg(value_name = "NAME", add = super::complete::installed())]
    pub names: Vec<String>,
    /// From what was installed to your file (the default)
    #[arg(long, conflicts_with_all = ["upstream", "merged"])]
    pub local: bool,
    /// From what was installed to upstream's newest version
    #[arg(long, conflicts_with = "merged")]
    pub upstream: bool,
    /// From your file to the merge of both
    #[arg(long)]
    pub merged: bool,
}

/// Runs the command.
pub fn run(args: &DiffArgs, context: &mut Context) -> Result<()> {
    let view = match (args.upstream, args.merged) {
        (true, _) => View::Upstream,
        (_, true) => View::Merged,
        _ => View::Local,
    };
    let outcome = diff(&context.session, &args.names, view, &mut context.ui)?;
    if context.ui.is_json() {
        let document = document(&outcome, &context.ui);
        context.ui.json(&document)?;
    } else {
        for file in &outcome.files {
            show(file, context)?;
        }
        if outcome.files.is_empty() && outcome.failures.is_empty() {
            context.ui.note(match view {
                View::Local => "You changed nothing.",
                View::Upstream | View::Merged => "There is nothing newer upstream.",
            });
        }
    }
    for failure in &outcome.failures {
        context.ui.failure(failure);
    }
    match outcome.failures.len() {
        0 => Ok(()),
        _ => Err(Failure::failed("not everything could be compared")),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn labels(file: &FileDiff) -> (String, String) {
    (
        format!("{} ({})", file.path, file.before_label),
        format!("{} ({})", file.path, file.after_label),
    )
}

fn show(file: &FileDiff, context: &mut Context) -> Result<()> {
    let (old, new) = labels(file);
    context.ui.data(
        unified(&text(&file.before), &text(&file.after), &old, &new).trim_end_matches('\n'),
    )?;
    if file.conflicts > 0 {
        let conflicts = counted(file.conflicts, "conflict");
        context.ui.note(format!(
            "{YELLOW}{conflicts}{YELLOW:#} to decide in {}",
            file.name
        ));
    }
    for gain in &file.gains {
        let line = format!(
            "{YELLOW}+ {}{YELLOW:#}  {DIM}{}{DIM:#}",
            sanitize(&gain.to_string()),
            sanitize(&gain.meaning())
        );
        context
            .ui
            .note(format!("{} may use more: {line}", file.name));
    }
    Ok(())
}

/// The document of the command.
#[derive(Debug, Serialize)]
struct DiffDocument {
    files: Vec<FileView>,
    failures: Vec<FailureView>,
}

/// The difference of one agent.
#[derive(Debug, Serialize)]
struct FileView {
    name: String,
    path: String,
    /// What the text before is called.
    before: String,
    /// What the text after is called.
    after: String,
    conflicts: usize,
    gains: Vec<GainView>,
    diff: String,
}

fn document(outcome: &DiffOutcome, ui: &Ui) -> DiffDocument {
    let file = |file: &FileDiff| {
        let (old, new) = labels(file);
        let diff = unified(&text(&file.before), &text(&file.after), &old, &new);
        FileView {
            name: file.name.to_string(),
            path: file.path.clone(),
            before: file.before_label.clone(),
            after: file.after_label.clone(),
            conflicts: file.conflicts,
            gains: file.gains.iter().map(GainView::from).collect(),
            diff: anstream::adapter::strip_str(&diff).to_string(),
        }
    };
    DiffDocument {
        files: outcome.files.iter().map(file).collect(),
        failures: ui.failures_json(&outcome.failures),
    }
}
