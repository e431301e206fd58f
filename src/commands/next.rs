//! `agentpkg` alone: what is here, and what to do next.

use serde_json::json;
use unicode_width::UnicodeWidthStr as _;

use super::{Context, JSON_VERSION};
use crate::domain::shell::Command;
use crate::error::Result;
use crate::ops::status::{FileState, status};
use crate::ui::{CYAN, DIM};

/// Says what to do next in this folder.
pub fn run(context: &mut Context) -> Result<()> {
    let status = status(&context.session, &mut context.ui)?;
    let count = |count: usize, one: &str, several: &str| {
        if count == 1 {
            format!("1 {one}")
        } else {
            format!("{count} {several}")
        }
    };
    let installed = status.agents.len();
    let edited = status
        .agents
        .iter()
        .filter(|agent| matches!(agent.file, FileState::Edited(_)))
        .count();
    let mut steps: Vec<(Command, String)> = Vec::new();
    let missing = status.uninstalled.len()
        + status
            .agents
            .iter()
            .filter(|agent| agent.file == FileState::Missing)
            .count();
    let unwanted = status
        .agents
        .iter()
        .filter(|agent| !agent.is_wanted)
        .count();
    let mut reasons = Vec::new();
    if missing > 0 {
        reasons.push(format!(
            "{} in agentpkg.toml but not here",
            count(missing, "agent is", "agents are")
        ));
    }
    if unwanted > 0 {
        reasons.push(format!(
            "{} no longer in agentpkg.toml",
            count(unwanted, "agent is", "agents are")
        ));
    }
    if !reasons.is_empty() {
        steps.push((Command::new(["install"]), reasons.join(", ")));
    }
    let conflicted = status
        .agents
        .iter()
        .filter(|agent| agent.is_conflicted)
        .count();
    if conflicted > 0 {
        steps.push((
            Command::new(["resolve"]),
            format!(
                "{} for you to decide conflicts",
                count(conflicted, "update waits", "updates wait")
            ),
        ));
    }
    let newer = status
        .agents
        .iter()
        .filter(|agent| agent.newer.is_some())
        .count();
    if newer > 0 {
        steps.push((
            Command::new(["update"]),
            format!(
                "{} a newer version",
                count(newer, "agent has", "agents have")
            ),
        ));
    }
    let servers = [
        (&status.missing_servers, "missing"),
        (&status.disabled_servers, "disabled"),
    ];
    let servers = servers
        .into_iter()
        .filter(|(servers, _)| !servers.is_empty());
    let servers: Vec<String> = servers
        .map(|(servers, how)| format!("{} {how}", count(servers.len(), "server is", "servers are")))
        .collect();
    if !servers.is_empty() {
        steps.push((Command::new(["check"]), servers.join(", ")));
    }
    let is_new = installed == 0 && missing == 0;
    let is_done = steps.is_empty();
    if is_new {
        steps.push((
            Command::new(["search", "WORD"]),
            "find an agent in the registries".to_owned(),
        ));
        steps.push((
            Command::new(["install", "backend-architect"]),
            "install one".to_owned(),
        ));
        steps.push((
            Command::new(["registry", "add", "gh:owner/repo"]),
            "add a git repository or a folder".to_owned(),
        ));
    } else {
        steps.push((
            Command::new(["status"]),
            "every agent, and what you changed".to_owned(),
        ));
    }
    if context.ui.is_json() {
        let steps = steps
            .iter()
            .map(|(step, why)| json!({ "command": context.ui.command(step), "why": why }));
        return context.ui.json(&json!({
            "schema_version": JSON_VERSION, "agents": installed, "edited": edited, "nothing_to_do": !is_new && is_done,
            "steps": steps.collect::<Vec<_>>(),
        }));
    }
    if is_new {
        context.ui.data("No agents are installed here yet.\n")?;
    } else {
        let note = if edited > 0 {
            format!(", {edited} with your edits")
        } else {
            String::new()
        };
        let clean = if is_done { ", nothing to do" } else { "" };
        context.ui.data(format!(
            "{}{note}{clean}\n",
            count(installed, "agent", "agents")
        ))?;
    }
    steps.push((Command::new(["--help"]), "all commands".to_owned()));
    let steps = steps
        .into_iter()
        .map(|(step, why)| (context.ui.command(&step), why));
    let steps: Vec<(String, String)> = steps.collect();
    let width = steps
        .iter()
        .map(|(step, _)| step.width())
        .max()
        .unwrap_or(0);
    for (step, why) in steps {
        let gap = width - step.width();
        context.ui.data(format!(
            "  {CYAN}{step}{CYAN:#}{:gap$}  {DIM}{why}{DIM:#}",
            ""
        ))?;
    }
    Ok(())
}
