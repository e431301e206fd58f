//! `agentpkg remove`.

use clap::Args;
use serde_json::{Value, json};

use super::{Context, JSON_VERSION, needs};
use crate::error::Result;
use crate::ops::gone::{Dropped, Gone};
use crate::ops::remove::{RemoveOptions, RemoveOutcome, remove};
use crate::ui::{DIM, Ui, sanitize};

/// Remove agents from the project
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg remove planner          the agent, and servers that only it needed
  agentpkg remove planner --force  also if you edited it; `undo` brings it back")]
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
}

/// Shows which agents were removed, or would be, because nothing wants them any more.
pub(super) fn show_gone(gone: &Gone, is_dry_run: bool, ui: &mut Ui) {
    for agent in &gone.agents {
        let (path, reason) = (sanitize(&agent.path), agent.reason);
        if agent.is_kept {
            show_kept(agent, ui);
        } else {
            ui.status(verb(is_dry_run), format!("{path}  {DIM}{reason}{DIM:#}"));
        }
    }
    show_servers(gone, is_dry_run, ui);
}

fn verb(is_dry_run: bool) -> &'static str {
    if is_dry_run {
        "Would remove"
    } else {
        "Removed"
    }
}

fn show_kept(agent: &Dropped, ui: &mut Ui) {
    let (path, reason) = (sanitize(&agent.path), agent.reason);
    ui.attention(
        "Kept",
        format!("{path}  {DIM}edited, and yours now: {reason}{DIM:#}"),
    );
}

fn show_servers(gone: &Gone, is_dry_run: bool, ui: &mut Ui) {
    if !gone.servers.is_empty() {
        ui.status(verb(is_dry_run), needs::removed(&gone.servers));
    }
    if !gone.kept_servers.is_empty() {
        let since = if gone.kept_servers.len() == 1 {
            "it was"
        } else {
            "they were"
        };
        let names = sanitize(&gone.kept_servers.join(", "));
        ui.attention(
            "Kept",
            format!("{names} in .mcp.json  {DIM}changed since {since} added{DIM:#}"),
        );
    }
}

/// The same as JSON: puts `removed`, `removed_servers` and `kept_servers` into a document.
pub(super) fn insert_gone(gone: &Gone, document: &mut Value) {
    let agent = |agent: &Dropped| json!({ "name": agent.name.as_str(), "path": agent.path, "kept": agent.is_kept, "reason": agent.reason });
    document["removed"] = gone.agents.iter().map(agent).collect();
    document["removed_servers"] = json!(gone.servers);
    document["kept_servers"] = json!(gone.kept_servers);
}

/// Runs the command.
pub fn run(args: RemoveArgs, context: &mut Context) -> Result<()> {
    let RemoveArgs {
        names,
        dry_run,
        force,
    } = args;
    let options = RemoveOptions {
        names,
        is_dry_run: dry_run,
        is_forced: force,
    };
    let RemoveOutcome { gone, uninstalled } = remove(&context.session, &options, &mut context.ui)?;
    let names = |is_kept: bool| -> Vec<&str> {
        let agents = gone.agents.iter().filter(|agent| agent.is_kept == is_kept);
        agents.map(|agent| agent.name.as_str()).collect()
    };
    if context.ui.is_json() {
        return context.ui.json(&json!({
            "schema_version": JSON_VERSION, "dry_run": dry_run, "removed": names(false), "kept": names(true),
            "servers": gone.servers, "kept_servers": gone.kept_servers,
        }));
    }
    let ui = &mut context.ui;
    for agent in &gone.agents {
        if agent.is_kept {
            show_kept(agent, ui);
        } else {
            ui.status(verb(dry_run), sanitize(&agent.path));
        }
    }
    for name in uninstalled {
        ui.status(
            verb(dry_run),
            format!("{name} from agentpkg.toml  {DIM}it was not installed{DIM:#}"),
        );
    }
    show_servers(&gone, dry_run, ui);
    Ok(())
}
