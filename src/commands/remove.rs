//! `agentpkg remove`.

use super::Context;
use super::outcome::{ChangeDocument, removed, show_dropped, show_moved, show_servers};
use crate::error::Result;
use crate::ops::remove::{RemoveOptions, remove};
use crate::ops::typed::Typed;
use crate::ui::{DIM, DocumentName};
use clap::Args;

/// Remove agents from the project
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg remove planner              the agent, and servers only it needed
  agentpkg remove planner --force      also if you edited it; `undo` helps
  agentpkg remove planner --keep-file  from agentpkg only; the file is yours")]
pub struct RemoveArgs {
    /// The names, as `agentpkg list` shows them
    #[arg(required = true, value_name = "NAME", add = super::complete::installed())]
    pub names: Vec<String>,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Also remove files that were edited; a copy is kept
    #[arg(long)]
    pub force: bool,
    /// Leave the files where they are: they are yours from now on
    #[arg(long, conflicts_with = "force")]
    pub keep_file: bool,
}

/// Runs the command.
pub fn run(args: RemoveArgs, context: &mut Context) -> Result<()> {
    let RemoveArgs {
        names,
        dry_run,
        force,
        keep_file,
    } = args;
    let flags = [(force, "--force"), (keep_file, "--keep-file")];
    let typed = Typed {
        command: "remove".to_owned(),
        names: names.clone(),
        options: (flags.iter().filter(|(is_given, _)| *is_given))
            .map(|(_, flag)| (*flag).to_owned())
            .collect(),
        ..Typed::default()
    };
    let options = RemoveOptions {
        typed,
        names,
        is_dry_run: dry_run,
        is_forced: force,
        keeps_files: keep_file,
    };
    let outcome = remove(&context.session, &options, &mut context.ui)?;
    if context.ui.is_json() {
        let document = ChangeDocument::of(&outcome, dry_run, &context.ui);
        return context.ui.json(DocumentName::Remove, &document);
    }
    let ui = &mut context.ui;
    for agent in &outcome.gone.agents {
        show_dropped(agent, None, dry_run, ui);
    }
    for (name, by) in &outcome.still_required {
        ui.attention(
            "Kept",
            format!("{name}  {DIM}`{by}` requires it; it left agentpkg.toml{DIM:#}"),
        );
    }
    for name in &outcome.uninstalled {
        ui.status(
            removed(dry_run),
            format!("{name} from agentpkg.toml  {DIM}it was not installed{DIM:#}"),
        );
    }
    show_servers(&outcome.gone, dry_run, ui);
    show_moved(&outcome, ui);
    Ok(())
}
