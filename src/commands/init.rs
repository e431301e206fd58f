//! `agentpkg init`.

use clap::Args;
use serde_json::json;

use super::{Context, JSON_VERSION};
use crate::error::{Failure, Result};
use crate::fs::{self, Entry};

/// Write an agentpkg.toml to start from
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg init                        not needed: `install` and `registry add` make the file, too")]
pub struct InitArgs {}

const TEMPLATE: &str = "\
# What this project wants. `agentpkg install NAME` adds to it; edit it freely.

[registries]
# studio = { git = \"https://github.com/owner/repo\" }

[agents]
# backend-architect = { registry = \"builtin\" }
";

/// Runs the command.
pub fn run(_args: &InitArgs, context: &mut Context) -> Result<()> {
    let path = context.session.project.manifest_path();
    let shown = context.session.project.display(path);
    if fs::entry(path)? != Entry::Absent {
        if context.ui.is_json() {
            context.ui.json(&json!({ "schema_version": JSON_VERSION, "path": shown, "created": null }))?;
        }
        return Err(Failure::failed(format!("`{shown}` is already there")).hint("`agentpkg install NAME` adds agents to it"));
    }
    fs::replace(path, TEMPLATE.as_bytes(), true)?;
    if context.ui.is_json() {
        return context.ui.json(&json!({ "schema_version": JSON_VERSION, "path": shown, "created": shown }));
    }
    context.ui.status("Created", shown);
    Ok(())
}
