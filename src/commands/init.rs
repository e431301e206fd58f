//! `agentpkg init`.

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::error::Result;
use crate::ops::init::init;

/// Write an agentpkg.toml to start from
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg init  not needed: `install` and `registry add` make the file, too")]
pub struct InitArgs {}

/// What `init --json` prints.
#[derive(Serialize)]
struct InitDocument<'a> {
    /// The path of the manifest.
    path: String,
    /// The same; `None`: it was there already.
    created: Option<&'a String>,
}

/// Runs the command.
pub fn run(_args: &InitArgs, context: &mut Context) -> Result<()> {
    let outcome = init(&context.session, &mut context.ui);
    if context.ui.is_json() {
        let path = context
            .session
            .project
            .display(context.session.project.manifest_path());
        context.ui.json(&InitDocument {
            path,
            created: outcome.as_ref().ok(),
        })?;
        return outcome.map(drop);
    }
    context.ui.status("Created", outcome?);
    Ok(())
}
