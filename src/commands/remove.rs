//! `agentpkg remove`.

use clap::Args;
use serde_json::{Value, json};

use super::{Context, JSON_VERSION, needs};
use crate::error::Result;
use crate::ops::remove::{Dropped, RemoveOptions, remove};
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

/// Shows which agents went, or would, because nobody wants them any more.
pub(super) fn show_dropped(dropped: &[Dropped], is_dry_run: bool, ui: &mut Ui) {
    for agent in dropped {
        let (path, reason) = (sanitize(&agent.path), agent.reason);
        match (agent.is_kept, is_dry_run) {
            (true, _) => ui.attention(
                "Kept",
                format!("{path}  {DIM}edited, and yours now: {reason}{DIM:#}"),
            ),
            (false, true) => ui.status("Would remove", format!("{path}  {DIM}{reason}{DIM:#}")),
            (false, false) => ui.status("Removed", format!("{path}  {DIM}{reason}{DIM:#}")),
        }
    }
}

/// The same as JSON.
pub(super) fn dropped_json(dropped: &[Dropped]) -> Vec<Value> {
    let agent = |agent: &Dropped| json!({ "name": agent.name.as_str(), "path": agent.path, "kept": agent.is_kept, "reason": agent.reason });
    dropped.iter().map(agent).collect()
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
    let removed = remove(&context.session, &options, &mut context.ui)?;
    if context.ui.is_json() {
        let names: Vec<&str> = removed
            .agents
            .iter()
            .map(super::super::domain::name::AgentName::as_str)
            .collect();
        return context.ui.json(&json!({
            "schema_version": JSON_VERSION, "dry_run": dry_run, "removed": names, "servers": removed.servers,
            "kept_servers": removed.kept_servers,
        }));
    }
    let verb = if dry_run { "Would remove" } else { "Removed" };
    for name in removed.agents {
        let path = context
            .session
            .project
            .display(&context.session.project.agent_path(&name));
        context.ui.status(verb, path);
    }
    for name in removed.uninstalled {
        context.ui.status(
            verb,
            format!("{name} from agentpkg.toml  {DIM}it was not installed{DIM:#}"),
        );
    }
    if !removed.servers.is_empty() {
        context.ui.status(verb, needs::removed(&removed.servers));
    }
    if !removed.kept_servers.is_empty() {
        let since = if removed.kept_servers.len() == 1 {
            "it was"
        } else {
            "they were"
        };
        let names = sanitize(&removed.kept_servers.join(", "));
        context.ui.attention(
            "Kept",
            format!("{names} in .mcp.json  {DIM}changed since {since} added{DIM:#}"),
        );
    }
    Ok(())
}
