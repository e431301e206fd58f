//! `agentpkg` alone: what is here, and what to do next.

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::Context;
use crate::domain::count::counted;
use crate::domain::count::numbered;
use crate::domain::shell::Command;
use crate::error::Result;
use crate::ops::adopt::dry_run_of_all;
use crate::ops::status::{AgentStatus, FileState, ProjectStatus, status};
use crate::ui::{CYAN, DIM, DocumentName, wrapped};

/// What can be done next.
struct Step {
    command: Command,
    why: String,
}

impl Step {
    fn new<const N: usize>(words: [&str; N], why: impl Into<String>) -> Self {
        Self {
            command: Command::new(words),
            why: why.into(),
        }
    }
}

/// What `agentpkg --json` prints.
#[derive(Serialize)]
struct NextDocument {
    /// How many are installed.
    agents: usize,
    /// How many of them are edited.
    edited: usize,
    /// How many files there are that agentpkg did not install.
    unmanaged: usize,
    nothing_to_do: bool,
    steps: Vec<StepView>,
}

#[derive(Serialize)]
struct StepView {
    command: String,
    why: String,
}

/// Says what to do next in this folder.
pub fn run(context: &mut Context) -> Result<()> {
    let status = status(&context.session, &mut context.ui)?;
    let installed = status.agents.len();
    let edited = agents(&status, |agent| matches!(agent.file, FileState::Edited(_)));
    let is_new = installed == 0 && missing(&status) == 0;
    let mut steps = due(&status);
    let is_done = steps.is_empty();
    if !status.foreign.is_empty() {
        // Agents that users wrote themselves need no action.
        let what = numbered(
            status.foreign.len(),
            "unmanaged file is",
            "unmanaged files are",
        );
        let why = format!("find where {what} from");
        steps.push(Step {
            command: dry_run_of_all(),
            why,
        });
    }
    if is_new {
        steps.extend([
            Step::new(["search", "WORD"], "find an agent in the registries"),
            Step::new(["install", "backend-architect"], "install one"),
            Step::new(
                ["registry", "add", "gh:owner/repo"],
                "add a git repository or a folder",
            ),
        ]);
    } else {
        steps.push(Step::new(["status"], "every agent, and what you changed"));
    }
    if context.ui.is_json() {
        let steps = steps.into_iter().map(|step| StepView {
            command: context.ui.command_json(&step.command),
            why: step.why,
        });
        let steps = steps.collect();
        return context.ui.json(
            DocumentName::Next,
            &NextDocument {
                agents: installed,
                edited,
                unmanaged: status.foreign.len(),
                nothing_to_do: !is_new && is_done,
                steps,
            },
        );
    }
    if is_new {
        let unmanaged = match status.foreign.len() {
            0 => String::new(),
            count => format!(
                " {} in the folder, unmanaged.",
                numbered(count, "agent is", "agents are")
            ),
        };
        let none = "No agents are installed here yet.";
        say(&format!("{none}{unmanaged}"), context)?;
    } else {
        let note = if edited > 0 {
            format!(", {edited} with your edits")
        } else {
            String::new()
        };
        let unmanaged = match status.foreign.len() {
            0 => String::new(),
            count => format!(", {count} unmanaged"),
        };
        let clean = if is_done { ", nothing to do" } else { "" };
        let agents = counted(installed, "agent");
        say(&format!("{agents}{note}{unmanaged}{clean}"), context)?;
    }
    steps.push(Step::new(["--help"], "all commands"));
    show(steps, context)
}

/// How many agents are so.
fn agents(status: &ProjectStatus, is_so: impl Fn(&AgentStatus) -> bool) -> usize {
    status.agents.iter().filter(|agent| is_so(agent)).count()
}

/// How many agents agentpkg.toml or agentpkg.lock has, whose files are not here.
fn missing(status: &ProjectStatus) -> usize {
    status.uninstalled.len() + agents(status, |agent| agent.file == FileState::Missing)
}

/// What the state of the project asks for.
fn due(status: &ProjectStatus) -> Vec<Step> {
    let mut steps = Vec::new();
    let missing = missing(status);
    let unwanted = agents(status, |agent| !agent.is_wanted);
    let mut reasons = Vec::new();
    if missing > 0 {
        let what = numbered(missing, "agent is", "agents are");
        reasons.push(format!("{what} in agentpkg.toml but not here"));
    }
    if unwanted > 0 {
        let what = numbered(unwanted, "agent is", "agents are");
        reasons.push(format!("{what} no longer in agentpkg.toml"));
    }
    if !reasons.is_empty() {
        steps.push(Step::new(["install"], reasons.join(", ")));
    }
    let conflicted = agents(status, |agent| agent.is_conflicted);
    if conflicted > 0 {
        let what = numbered(conflicted, "pending update", "pending updates");
        let why = format!("{what} with conflicts to resolve");
        steps.push(Step::new(["resolve"], why));
    }
    let newer = agents(status, |agent| {
        agent.newer.is_some() || agent.moved.is_some()
    });
    if newer > 0 {
        let what = numbered(newer, "agent has", "agents have");
        steps.push(Step::new(
            ["update"],
            format!("{what} a newer version, as of the last fetch"),
        ));
    }
    let is_gone = |agent: &AgentStatus| agent.gone.as_ref().is_some_and(|gone| !gone.is_kept);
    let gone = agents(status, is_gone);
    if gone > 0 {
        let what = numbered(gone, "agent is", "agents are");
        let why = format!("{what} gone upstream");
        steps.push(Step::new(["outdated"], why));
    }
    let servers = [
        (&status.missing_servers, "missing"),
        (&status.disabled_servers, "disabled"),
    ];
    let servers: Vec<String> = servers
        .into_iter()
        .filter(|(servers, _)| !servers.is_empty())
        .map(|(servers, how)| {
            let what = numbered(servers.len(), "server is", "servers are");
            format!("{what} {how}")
        })
        .collect();
    if !servers.is_empty() {
        steps.push(Step::new(["check"], servers.join(", ")));
    }
    steps
}

/// Prints a sentence and an empty line.
fn say(text: &str, context: &mut Context) -> Result<()> {
    let columns = context.ui.data_columns().unwrap_or(usize::MAX);
    for line in wrapped(text, columns) {
        context.ui.data(line.trim_end())?;
    }
    context.ui.data("")
}

/// Prints the steps: the reasons in a column, or below the commands where there is no room for one.
fn show(steps: Vec<Step>, context: &mut Context) -> Result<()> {
    let typed = |step: Step| (context.ui.command(&step.command), step.why);
    let steps: Vec<(String, String)> = steps.into_iter().map(typed).collect();
    let widths = steps.iter().map(|(command, _)| command.width());
    let width = widths.max().unwrap_or(0);
    let columns = context.ui.data_columns().unwrap_or(usize::MAX);
    let is_beside = |(_, why): &(String, String)| width + why.width() + 4 <= columns;
    let is_beside = steps.iter().all(is_beside);
    for (command, why) in steps {
        let gap = width - command.width();
        if is_beside {
            context.ui.data(format!(
                "  {CYAN}{command}{CYAN:#}{:gap$}  {DIM}{why}{DIM:#}",
                ""
            ))?;
            continue;
        }
        context.ui.data(format!("  {CYAN}{command}{CYAN:#}"))?;
        for line in wrapped(&why, columns.saturating_sub(6)) {
            let line = line.trim_end();
            context.ui.data(format!("      {DIM}{line}{DIM:#}"))?;
        }
    }
    Ok(())
}
