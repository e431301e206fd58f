//! `agentpkg status`.

use clap::Args;
use serde_json::json;

use super::{Context, JSON_VERSION};
use crate::domain::count::counted;
use crate::error::{Failure, Kind, Result};
use crate::ops::status::{AgentStatus, FileState, ProjectStatus, status};
use crate::ui::{DIM, Table, one_line};

/// Show which agents are edited, missing or in conflict
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg status
  agentpkg status --check  exit 5 if something is missing or waits for you")]
pub struct StatusArgs {
    /// Exit 5 if something is missing or waits to be resolved
    #[arg(long)]
    pub check: bool,
}

/// Runs the command.
pub fn run(args: &StatusArgs, context: &mut Context) -> Result<()> {
    let status = status(&context.session, &mut context.ui)?;
    if context.ui.is_json() {
        context.ui.json(&to_json(&status))?;
    } else {
        show(&status, context)?;
    }
    if args.check && status.needs_work() {
        let mut failure = Failure::new(Kind::Check, "the project is not as it should be");
        if status.agents.iter().any(|agent| agent.is_conflicted) {
            failure = failure.hint("`agentpkg resolve` finishes what waits");
        }
        let mut others = status.clone();
        others
            .agents
            .iter_mut()
            .for_each(|agent| agent.is_conflicted = false);
        if others.needs_work() {
            failure =
                failure.hint("`agentpkg install` brings everything to what agentpkg.toml says");
        }
        return Err(failure);
    }
    Ok(())
}

fn show(status: &ProjectStatus, context: &mut Context) -> Result<()> {
    let mut table = Table::new();
    for agent in &status.agents {
        let mut notes = Vec::new();
        if agent.is_conflicted {
            notes.push("waits for `agentpkg resolve`".to_owned());
        }
        if !agent.is_wanted {
            notes.push("not in agentpkg.toml any more".to_owned());
        }
        if !agent.has_base {
            notes.push("base missing".to_owned());
        }
        if !agent.pins.is_empty() {
            notes.push(format!("keeps your {}", agent.pins.join(", ")));
        }
        if let Some(newer) = &agent.newer {
            notes.push(format!("update available {newer}"));
        }
        let (state, count) = words(agent);
        table.row([
            agent.name.to_string(),
            agent.version.clone(),
            state.to_owned(),
            count,
            notes.join("; "),
        ]);
    }
    for name in &status.uninstalled {
        table.row([
            name.to_string(),
            String::new(),
            "missing".to_owned(),
            String::new(),
            "`agentpkg install` installs it".to_owned(),
        ]);
    }
    for file in &status.foreign {
        let name = file.strip_suffix(".md").unwrap_or(file);
        table.row([
            name.to_owned(),
            String::new(),
            "unmanaged".to_owned(),
            String::new(),
            String::new(),
        ]);
    }
    let lines = table.lines();
    if lines.is_empty() {
        context
            .ui
            .note("Nothing is installed yet. Try `agentpkg install backend-architect`.");
    }
    for line in lines {
        context.ui.data(line)?;
    }
    for (servers, how) in [
        (&status.missing_servers, "missing"),
        (&status.disabled_servers, "disabled"),
    ] {
        let count = servers.len();
        let names = one_line(&servers.join(", "), context.ui.columns().saturating_sub(40));
        if count > 0 {
            context.ui.note(format!(
                "  {} {how}: {names}  {DIM}`agentpkg check`{DIM:#}",
                counted(count, "server")
            ));
        }
    }
    if status.agents.iter().any(|agent| !agent.is_wanted) {
        let note = "`agentpkg install` removes what is not in agentpkg.toml, unless you edited it.";
        context.ui.note(format!("{DIM}{note}{DIM:#}"));
    }
    if status
        .agents
        .iter()
        .any(|agent| agent.file == FileState::Missing || !agent.has_base)
    {
        context.ui.note(format!(
            "{DIM}`agentpkg install` restores what is missing.{DIM:#}"
        ));
    }
    Ok(())
}

fn words(agent: &AgentStatus) -> (&'static str, String) {
    match (agent.is_conflicted, agent.file) {
        (_, FileState::Missing) => ("missing", String::new()),
        (true, _) => ("conflicted", String::new()),
        (false, FileState::Clean) => ("clean", String::new()),
        (false, FileState::Edited(None)) => ("edited", String::new()),
        (false, FileState::Edited(Some(edits))) => {
            ("edited", format!("+{} -{}", edits.added, edits.removed))
        }
    }
}

fn to_json(status: &ProjectStatus) -> serde_json::Value {
    let agent = |agent: &AgentStatus| {
        let (state, _) = words(agent);
        let edits = match agent.file {
            FileState::Edited(Some(edits)) => {
                json!({ "edits": edits.edits, "added": edits.added, "removed": edits.removed })
            }
            _ => json!(null),
        };
        json!({
            "name": agent.name.as_str(), "version": agent.version, "state": state, "difference": edits, "has_base": agent.has_base,
            "pins": agent.pins, "newer": agent.newer, "wanted": agent.is_wanted,
        })
    };
    json!({
        "schema_version": JSON_VERSION, "agents": status.agents.iter().map(agent).collect::<Vec<_>>(),
        "uninstalled": status.uninstalled.iter().map(crate::domain::name::AgentName::as_str).collect::<Vec<_>>(),
        "unmanaged": status.foreign, "missing_servers": status.missing_servers,
        "disabled_servers": status.disabled_servers, "needs_work": status.needs_work(),
    })
}
