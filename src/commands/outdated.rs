//! `agentpkg outdated`.

use clap::Args;
use serde::Serialize;

use super::Context;
use super::outcome::show_departed;
use crate::domain::count::numbered;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::outdated::{Outdated, OutdatedOutcome, outdated};
use crate::ui::view::{ChangedView, FailureView, GoneView};
use crate::ui::{Column, DocumentName, Table, Ui};

/// Show which agents have a newer version, and which of them you edited
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg outdated          what is installed, wanted, and newest
  agentpkg outdated --check  exit 5 if there is something newer")]
pub struct OutdatedArgs {
    /// The names, as `agentpkg list` shows them; all if there are none
    #[arg(value_name = "NAME", add = super::complete::installed())]
    pub names: Vec<String>,
    /// Exit 5 if there is something newer
    #[arg(long)]
    pub check: bool,
    /// Also agents with nothing newer
    #[arg(long)]
    pub all: bool,
}

/// Runs the command.
pub fn run(args: &OutdatedArgs, context: &mut Context) -> Result<()> {
    let outcome = outdated(&context.session, &args.names, &mut context.ui)?;
    if context.ui.is_json() {
        let document = document(&outcome, &context.ui);
        context.ui.json(DocumentName::Outdated, &document)?;
    } else {
        show(&outcome, args.all || !args.names.is_empty(), context)?;
    }
    for failure in &outcome.failures {
        context.ui.failure(failure);
    }
    let behind = outcome.agents.iter().filter(|agent| agent.is_behind);
    let gone = outcome.gone.iter().filter(|gone| !gone.is_kept);
    let behind = behind.count() + gone.count();
    match (args.check, behind, outcome.failures.len()) {
        (true, 1.., 0) => {
            let noun = numbered(behind, "agent is", "agents are");
            Err(Failure::new(Kind::Check, format!("{noun} not up to date"))
                .hint(Advice::say("run ").and_run(Command::new(["update"]))))
        }
        (_, _, 0) => Ok(()),
        _ => Err(Failure::failed("some agents could not be checked")),
    }
}

fn show(outcome: &OutdatedOutcome, is_all: bool, context: &mut Context) -> Result<()> {
    for gone in outcome.gone.iter().filter(|gone| !gone.is_kept) {
        show_departed(gone, &mut context.ui);
    }
    let is_shown = |agent: &&Outdated| is_all || agent.is_behind || agent.is_held_back;
    let shown: Vec<&Outdated> = outcome.agents.iter().filter(is_shown).collect();
    if shown.is_empty() {
        let count = outcome.agents.len();
        if outcome.failures.is_empty() && outcome.gone.is_empty() {
            context.ui.note(match count {
                0 => "No agent of agentpkg.toml is installed yet.".to_owned(),
                1 => format!("`{}` is up to date.", outcome.agents[0].name),
                count => format!("All {count} agents are up to date."),
            });
        }
        return Ok(());
    }
    let mut table = Table::new([
        Column::name("agent"),
        Column::word("current").minor(),
        Column::word("wanted").minor(),
        Column::word("latest"),
        Column::text(""),
    ])
    .titled();
    for agent in shown {
        let (wanted, latest) = offered(agent);
        let mut notes: Vec<&str> = agent.moved.iter().map(String::as_str).collect();
        if agent.is_behind && agent.current == agent.wanted && agent.moved.is_none() {
            notes.push(if agent.current.is_empty() {
                "update available"
            } else {
                "update available: this version was changed upstream"
            });
        }
        if agent.is_edited {
            notes.push("edited: will be merged");
        }
        if agent.is_held_back {
            notes.push("held back by agentpkg.toml");
        }
        table.row([
            agent.name.to_string().into(),
            agent.current.as_str().into(),
            wanted.into(),
            latest.into(),
            notes.join("; ").into(),
        ]);
    }
    context.ui.table(&table)
}

/// What the manifest allows of an agent and what is newest, in words. A commit that leaves the file as it is is no version of it, and one
/// that changed it stands for all that followed.
fn offered(agent: &Outdated) -> (String, String) {
    let (mut wanted, mut latest) = (agent.wanted.clone(), agent.latest.clone());
    let is_newest = latest == wanted;
    match &agent.changed {
        Some(changed) if changed.is_of(&wanted) => {
            wanted = changed.commit.short();
            if is_newest {
                latest = changed.words();
            }
        }
        None if !agent.is_behind => {
            wanted.clone_from(&agent.current);
            if is_newest {
                latest.clone_from(&agent.current);
            }
        }
        Some(_) | None => {}
    }
    (wanted, latest)
}

/// The document of the command.
#[derive(Debug, Serialize)]
struct OutdatedDocument<'o> {
    agents: Vec<AgentView<'o>>,
    gone: Vec<&'o str>,
    gone_agents: Vec<GoneView<'o>>,
    failures: Vec<FailureView>,
}

/// How far behind one agent is.
#[derive(Debug, Serialize)]
struct AgentView<'o> {
    name: &'o str,
    current: &'o str,
    wanted: &'o str,
    latest: &'o str,
    behind: bool,
    /// What changed since the installed version.
    changed: Option<ChangedView<'o>>,
    moved: Option<&'o str>,
    held_back: bool,
    edited: bool,
}

fn document<'o>(outcome: &'o OutdatedOutcome, ui: &Ui) -> OutdatedDocument<'o> {
    let agent = |agent: &'o Outdated| AgentView {
        name: agent.name.as_str(),
        current: &agent.current,
        wanted: &agent.wanted,
        latest: &agent.latest,
        behind: agent.is_behind,
        changed: agent.changed.as_ref().map(Into::into),
        moved: agent.moved.as_deref(),
        held_back: agent.is_held_back,
        edited: agent.is_edited,
    };
    OutdatedDocument {
        agents: outcome.agents.iter().map(agent).collect(),
        gone: (outcome.gone.iter())
            .map(|gone| gone.name.as_str())
            .collect(),
        gone_agents: outcome.gone.iter().map(Into::into).collect(),
        failures: ui.failures_json(&outcome.failures),
    }
}
