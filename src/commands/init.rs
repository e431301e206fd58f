//! `agentpkg init`.

use clap::Args;
use serde_json::json;

use super::{Context, JSON_VERSION};
use crate::error::Result;
use crate::ops::init::init;

/// Write an agentpkg.toml to start from
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg init  not needed: `install` and `registry add` make the file, too")]
pub struct InitArgs {}

/// Runs the command.
pub fn run(_args: &InitArgs, context: &mut Context) -> Result<()> {
    let outcome = init(&context.session, &mut context.ui);
    if context.ui.is_json() {
        let path = context
            .session
            .project
            .display(context.session.project.manifest_path());
        context.ui.json(&json!({ "schema_version": JSON_VERSION, "path": path, "created": outcome.as_ref().ok() }))?;
        return outcome.map(drop);
    }
    context.ui.status("Created", outcome?);
    Ok(())
}
