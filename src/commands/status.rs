//! `agentpkg status`.

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::domain::count::counted;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Result};
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
        context.ui.json(&document(&status))?;
    } else {
        show(&status, context)?;
    }
    if args.check && status.needs_work() {
        let mut failure = Failure::new(Kind::Check, "the project is not as it should be");
        if status.agents.iter().any(|agent| agent.is_conflicted) {
            let resolve = Command::new(["resolve"]);
            failure = failure.hint(Advice::run(resolve).and(" finishes what is pending"));
        }
        let mut others = status.clone();
        others
            .agents
            .iter_mut()
            .for_each(|agent| agent.is_conflicted = false);
        if others.needs_work() {
            let install = Command::new(["install"]);
            failure = failure
                .hint(Advice::run(install).and(" brings everything to what agentpkg.toml says"));
        }
        return Err(failure);
    }
    Ok(())
}

fn show(status: &ProjectStatus, context: &mut Context) -> Result<()> {
    let [install, resolve, check] =
        ["install", "resolve", "check"].map(|name| context.ui.command(&Command::new([name])));
    let mut table = Table::new();
    for agent in &status.agents {
        let mut notes = Vec::new();
        if agent.is_conflicted {
            notes.push(format!("pending: `{resolve}`"));
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
            format!("`{install}` installs it"),
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
        let first = Command::new(["install", "backend-architect"]);
        let first = context.ui.command(&first);
        context
            .ui
            .note(format!("Nothing is installed yet. Try `{first}`."));
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
                "  {} {how}: {names}  {DIM}`{check}`{DIM:#}",
                counted(count, "server")
            ));
        }
    }
    if status.agents.iter().any(|agent| !agent.is_wanted) {
        context.ui.note(format!(
            "{DIM}`{install}` removes what is not in agentpkg.toml, unless you edited it.{DIM:#}"
        ));
    }
    if status
        .agents
        .iter()
        .any(|agent| agent.file == FileState::Missing || !agent.has_base)
    {
        context
            .ui
            .note(format!("{DIM}`{install}` restores what is missing.{DIM:#}"));
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

/// The document of the command.
#[derive(Debug, Serialize)]
struct StatusDocument {
    agents: Vec<AgentView>,
    uninstalled: Vec<String>,
    unmanaged: Vec<String>,
    missing_servers: Vec<String>,
    disabled_servers: Vec<String>,
    needs_work: bool,
}

/// How it stands with one agent.
#[derive(Debug, Serialize)]
struct AgentView {
    name: String,
    version: String,
    state: &'static str,
    difference: Option<DifferenceView>,
    has_base: bool,
    pins: Vec<String>,
    newer: Option<String>,
    wanted: bool,
}

/// How much a file differs from what was installed.
#[derive(Debug, Serialize)]
struct DifferenceView {
    edits: usize,
    added: usize,
    removed: usize,
}

fn document(status: &ProjectStatus) -> StatusDocument {
    let agent = |agent: &AgentStatus| AgentView {
        name: agent.name.to_string(),
        version: agent.version.clone(),
        state: words(agent).0,
        difference: match agent.file {
            FileState::Edited(Some(edits)) => Some(DifferenceView {
                edits: edits.edits,
                added: edits.added,
                removed: edits.removed,
            }),
            _ => None,
        },
        has_base: agent.has_base,
        pins: agent.pins.clone(),
        newer: agent.newer.clone(),
        wanted: agent.is_wanted,
    };
    StatusDocument {
        agents: status.agents.iter().map(agent).collect(),
        uninstalled: status.uninstalled.iter().map(ToString::to_string).collect(),
        unmanaged: status.foreign.clone(),
        missing_servers: status.missing_servers.clone(),
        disabled_servers: status.disabled_servers.clone(),
        needs_work: status.needs_work(),
    }
}
