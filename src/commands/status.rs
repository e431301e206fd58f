//! `agentpkg status`.

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::domain::count::{counted, few};
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::adopt::dry_run_of_all;
use crate::ops::past::Changed;
use crate::ops::state::State;
use crate::ops::status::{AgentStatus, FileState, ProjectStatus, status};
use crate::ui::view::{ChangedView, GoneView};
use crate::ui::{Cell, Column, DIM, DocumentName, Table, Ui, one_line};

/// Show which agents are edited, missing or in conflict
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg status
  agentpkg status --check  exit 5 if something is missing or pending")]
pub struct StatusArgs {
    /// Exit 5 if something is missing or an update is pending
    #[arg(long)]
    pub check: bool,
}

/// Runs the command.
pub fn run(args: &StatusArgs, context: &mut Context) -> Result<()> {
    let status = status(&context.session, &mut context.ui)?;
    if context.ui.is_json() {
        context
            .ui
            .json(DocumentName::Status, &StatusDocument::from(&status))?;
    } else {
        show(&status, context)?;
    }
    if args.check && status.needs_work() {
        let mut failure = Failure::new(Kind::Check, "the project needs attention");
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
            failure =
                failure.hint(Advice::run(install).and(" makes everything match agentpkg.toml"));
        }
        return Err(failure);
    }
    Ok(())
}

fn show(status: &ProjectStatus, context: &mut Context) -> Result<()> {
    let ui = &mut context.ui;
    let [install, check] = ["install", "check"].map(|name| ui.command(&Command::new([name])));
    let table = table(status, ui);
    if table.is_empty() {
        let first = ui.command(&Command::new(["install", "backend-architect"]));
        ui.note(format!("Nothing is installed yet. Try `{first}`."));
    }
    ui.table(&table)?;
    for (servers, how) in [
        (&status.missing_servers, "missing"),
        (&status.disabled_servers, "disabled"),
    ] {
        let names = one_line(&servers.join(", "), ui.columns().saturating_sub(40));
        if !servers.is_empty() {
            let servers = counted(servers.len(), "server");
            ui.note(format!("  {servers} {how}: {names}  {DIM}`{check}`{DIM:#}"));
        }
    }
    if status.agents.iter().any(|agent| !agent.is_wanted) {
        ui.note(format!(
            "{DIM}`{install}` removes what is not in agentpkg.toml, unless you edited it.{DIM:#}"
        ));
    }
    if !status.foreign.is_empty() {
        let adopt = ui.command(&dry_run_of_all());
        ui.note(format!(
            "{DIM}`{adopt}` finds out where unmanaged agents came from.{DIM:#}"
        ));
    }
    let is_missing = |agent: &AgentStatus| {
        agent.file == FileState::Missing && agent.elsewhere.is_empty() || !agent.has_base
    };
    if status.agents.iter().any(is_missing) {
        ui.note(format!("{DIM}`{install}` restores what is missing.{DIM:#}"));
    }
    Ok(())
}

/// One row for each agent: name, version, state, number of edits, notes.
fn table(status: &ProjectStatus, ui: &Ui) -> Table {
    let [install, resolve] = ["install", "resolve"].map(|name| ui.command(&Command::new([name])));
    let mut table = Table::new([
        Column::name(""),
        Column::word("version").minor(),
        Column::word("state"),
        Column::word(""),
        Column::text(""),
    ]);
    for agent in &status.agents {
        let (state, count) = words(agent);
        table.row([
            agent.name.to_string().into(),
            agent.version.as_str().into(),
            state.into(),
            count.into(),
            notes(agent, &install, &resolve).join("; ").into(),
        ]);
    }
    for name in &status.uninstalled {
        let installs = format!("`{install}` installs it");
        table.row([name.as_str(), "", "missing", "", &installs].map(Cell::from));
    }
    for file in &status.foreign {
        let name = file.strip_suffix(".md").unwrap_or(file);
        table.row([name, "", "unmanaged", "", ""].map(Cell::from));
    }
    table
}

/// What is worth knowing about an agent. `install`: the command that applies overrides and records where files are; `resolve`: the one that finishes its update.
fn notes(agent: &AgentStatus, install: &str, resolve: &str) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(line) = agent.markers {
        notes.push(format!("conflict markers in line {line}"));
    }
    if let Some(reason) = &agent.ignored {
        notes.push(format!("Claude Code ignores it: {reason}"));
    }
    if let Some(renamed) = &agent.renamed {
        notes.push(format!("Claude Code knows it as `{}`", renamed.now));
    }
    match (agent.file, agent.elsewhere.as_slice()) {
        (_, []) => {}
        (FileState::Missing, files) => {
            let files = few(files, ", ");
            notes.push(format!("one of these may be its file: {files}"));
        }
        (_, files) => notes.push(format!(
            "moved to {}: `{install}` records it",
            files.join(", ")
        )),
    }
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
    if !agent.overrides.is_empty() {
        let overrides = agent.overrides.iter().map(|text| one_line(text, 40));
        notes.push(format!(
            "overrides {}",
            overrides.collect::<Vec<_>>().join(", ")
        ));
    }
    if agent.is_stale {
        notes.push(format!(
            "overrides of agentpkg.toml are not applied: `{install}`"
        ));
    }
    for key in &agent.differing {
        notes.push(format!("`{key}` differs from its override"));
    }
    if let Some(gone) = &agent.gone {
        notes.push(gone.words());
        if !gone.is_kept {
            let best = gone.notes();
            notes.extend(
                best.into_iter()
                    .filter(|note| !note.starts_with("last seen"))
                    .take(1),
            );
        }
    }
    notes.extend(agent.moved.clone());
    if let Some(newer) = &agent.newer {
        let changed = agent.changed.as_ref().map(Changed::words);
        let newer = changed.as_ref().unwrap_or(newer);
        notes.push(format!("update available {newer}").trim_end().to_owned());
    }
    notes
}

/// The state of an agent in one word, and how many lines an edited one differs by.
fn words(agent: &AgentStatus) -> (&'static str, String) {
    let state = agent.state();
    let count = match (state, agent.file) {
        (State::Edited, FileState::Edited(Some(edits))) => {
            format!("+{} -{}", edits.added, edits.removed)
        }
        _ => String::new(),
    };
    (state.word(), count)
}

/// The document of the command.
#[derive(Debug, Serialize)]
struct StatusDocument<'s> {
    agents: Vec<AgentView<'s>>,
    uninstalled: Vec<&'s str>,
    unmanaged: &'s [String],
    missing_servers: &'s [String],
    disabled_servers: &'s [String],
    needs_work: bool,
}

/// How it stands with one agent.
#[derive(Debug, Serialize)]
struct AgentView<'s> {
    name: &'s str,
    version: &'s str,
    state: &'static str,
    difference: Option<DifferenceView>,
    has_base: bool,
    markers: Option<usize>,
    /// Why the client ignores the file as the user edited it.
    ignored: Option<&'s str>,
    /// The name by which Claude Code knows it, if the user changed it in the file.
    renamed: Option<&'s str>,
    pins: &'s [String],
    overrides: &'s [String],
    /// The overridden keys that have another value in the file.
    differing: &'s [String],
    /// Where its file is, if it is not where agentpkg.lock has it.
    elsewhere: &'s [String],
    newer: Option<&'s str>,
    /// What changed in that.
    changed: Option<ChangedView<'s>>,
    moved: Option<&'s str>,
    gone: Option<GoneView<'s>>,
    wanted: bool,
}

/// How much a file differs from what was installed.
#[derive(Debug, Serialize)]
struct DifferenceView {
    edits: usize,
    added: usize,
    removed: usize,
}

impl<'s> From<&'s AgentStatus> for AgentView<'s> {
    fn from(agent: &'s AgentStatus) -> Self {
        let difference = match agent.file {
            FileState::Edited(difference) => difference,
            FileState::Clean | FileState::Missing => None,
        };
        Self {
            name: agent.name.as_str(),
            version: &agent.version,
            state: agent.state().word(),
            difference: difference.map(|difference| DifferenceView {
                edits: difference.edits,
                added: difference.added,
                removed: difference.removed,
            }),
            has_base: agent.has_base,
            markers: agent.markers,
            ignored: agent.ignored.as_deref(),
            renamed: agent.renamed.as_ref().map(|renamed| renamed.now.as_str()),
            pins: &agent.pins,
            overrides: &agent.overrides,
            differing: &agent.differing,
            elsewhere: &agent.elsewhere,
            newer: agent
                .newer
                .as_deref()
                .map(|newer| if newer.is_empty() { "changed" } else { newer }),
            changed: agent.changed.as_ref().map(Into::into),
            moved: agent.moved.as_deref(),
            gone: agent.gone.as_ref().map(Into::into),
            wanted: agent.is_wanted,
        }
    }
}

impl<'s> From<&'s ProjectStatus> for StatusDocument<'s> {
    fn from(status: &'s ProjectStatus) -> Self {
        Self {
            agents: status.agents.iter().map(Into::into).collect(),
            uninstalled: status.uninstalled.iter().map(AgentName::as_str).collect(),
            unmanaged: &status.foreign,
            missing_servers: &status.missing_servers,
            disabled_servers: &status.disabled_servers,
            needs_work: status.needs_work(),
        }
    }
}
