//! `agentpkg init`.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Context;
use crate::error::Result;
use crate::ops::init::init;
use crate::ops::merge_driver::{set_up, steps};
use crate::ops::report::{Decide as _, interrupted};
use crate::ui::DocumentName;

/// Create an agentpkg.toml
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg init                     `install` and `registry add` do that, too
  agentpkg init --merge-driver      git merges agents and lockfile with agentpkg
  agentpkg init --merge-driver=off  git merges them itself again")]
pub struct InitArgs {
    /// Set up agentpkg as git's merge driver for agents and the lockfile, or remove it
    #[arg(long, value_name = "STATE", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    pub merge_driver: Option<DriverArg>,
}

/// What `--merge-driver` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DriverArg {
    /// Set it up
    On,
    /// Remove it
    Off,
}

/// What `init --json` prints.
#[derive(Serialize)]
struct InitDocument<'a> {
    /// The path of the manifest.
    path: String,
    /// The same; `None`: it was there already.
    created: Option<&'a String>,
    /// Whether git merges with agentpkg now; `None`: that was not asked for.
    merge_driver: Option<bool>,
}

/// Runs the command.
pub fn run(args: &InitArgs, context: &mut Context) -> Result<()> {
    let path = context
        .session
        .project
        .display(context.session.project.manifest_path());
    if let Some(state) = args.merge_driver {
        let is_on = state == DriverArg::On;
        drivers(is_on, context)?;
        if context.ui.is_json() {
            context.ui.json(
                DocumentName::Init,
                &InitDocument {
                    path,
                    created: None,
                    merge_driver: Some(is_on),
                },
            )?;
        }
        return Ok(());
    }
    let outcome = init(&context.session, &mut context.ui);
    if context.ui.is_json() {
        context.ui.json(
            DocumentName::Init,
            &InitDocument {
                path,
                created: outcome.as_ref().ok(),
                merge_driver: None,
            },
        )?;
        return outcome.map(drop);
    }
    context.ui.status("Created", outcome?);
    Ok(())
}

/// Shows what is done about the merge drivers, and does it. Who typed the option agreed; a person can still say no.
fn drivers(is_on: bool, context: &mut Context) -> Result<()> {
    let steps = steps(&context.session, is_on)?;
    let ui = &mut context.ui;
    for command in &steps.commands {
        ui.note(format!("  {command}"));
    }
    let verb = if is_on { "add to" } else { "take out of" };
    ui.note(format!("  {verb} {}:", steps.file));
    for line in &steps.lines {
        ui.note(format!("    {line}"));
    }
    if ui.is_interactive() && !ui.confirm("Do that?", true)? {
        return Err(interrupted());
    }
    set_up(&context.session, &steps)?;
    let state = if is_on { "Set up" } else { "Removed" };
    context
        .ui
        .status(state, "the merge drivers of this repository");
    Ok(())
}
