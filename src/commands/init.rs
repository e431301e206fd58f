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
    let shown = init(&context.session, &mut context.ui)?;
    if context.ui.is_json() {
        return context.ui.json(&json!({ "schema_version": JSON_VERSION, "created": shown }));
    }
    context.ui.status("Created", shown);
    Ok(())
}
