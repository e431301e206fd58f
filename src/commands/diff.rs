//! `agentpkg diff`.

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::domain::count::counted;
use crate::error::{Failure, Result};
use crate::ops::diff::{DiffOutcome, FileDiff, View, diff};
use crate::ui::view::{FailureView, GainView};
use crate::ui::{CYAN, DIM, DocumentName, Ui, YELLOW, one_line, sanitize, unified};

/// Show what you changed, what upstream changed, or the merge of both
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
        context.ui.json(DocumentName::Diff, &document)?;
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
        for (name, overrides) in &outcome.overridden {
            let overrides = overrides.iter().map(|text| one_line(text, 60));
            let overrides: Vec<String> = overrides.collect();
            let text = format!(
                "{CYAN}{name}{CYAN:#} has overrides: {}",
                overrides.join(", ")
            );
            context.ui.note(text);
        }
    }
    for failure in &outcome.failures {
        context.ui.failure(failure);
    }
    match outcome.failures.len() {
        0 => Ok(()),
        _ => Err(Failure::failed("some agents could not be compared")),
    }
}

/// The difference as a patch, coloured.
fn difference(file: &FileDiff) -> String {
    let [before, after] = [&file.before, &file.after].map(|bytes| String::from_utf8_lossy(bytes));
    let [old, new] =
        [&file.before_label, &file.after_label].map(|label| format!("{} ({label})", file.path));
    unified(&before, &after, &old, &new)
}

fn show(file: &FileDiff, context: &mut Context) -> Result<()> {
    context.ui.data(difference(file).trim_end_matches('\n'))?;
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
struct DiffDocument<'o> {
    files: Vec<FileView<'o>>,
    /// The agents that have overrides, which are no difference.
    overridden: Vec<OverriddenView<'o>>,
    failures: Vec<FailureView>,
}

/// An agent with overrides.
#[derive(Debug, Serialize)]
struct OverriddenView<'o> {
    name: &'o str,
    overrides: &'o [String],
}

/// The difference of one agent.
#[derive(Debug, Serialize)]
struct FileView<'o> {
    name: &'o str,
    path: &'o str,
    /// What the text before is called.
    before: &'o str,
    /// What the text after is called.
    after: &'o str,
    conflicts: usize,
    gains: Vec<GainView>,
    diff: String,
}

fn document<'o>(outcome: &'o DiffOutcome, ui: &Ui) -> DiffDocument<'o> {
    let file = |file: &'o FileDiff| FileView {
        name: file.name.as_str(),
        path: &file.path,
        before: &file.before_label,
        after: &file.after_label,
        conflicts: file.conflicts,
        gains: file.gains.iter().map(Into::into).collect(),
        diff: anstream::adapter::strip_str(&difference(file)).to_string(),
    };
    let overridden = outcome.overridden.iter();
    let overridden = overridden.map(|(name, overrides)| OverriddenView {
        name: name.as_str(),
        overrides,
    });
    DiffDocument {
        files: outcome.files.iter().map(file).collect(),
        overridden: overridden.collect(),
        failures: ui.failures_json(&outcome.failures),
    }
}
