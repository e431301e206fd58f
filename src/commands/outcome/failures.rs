//! What every command that changes agents says after its outcome: which files a person moved, what does not run as it seems, and what failed.

use crate::commands::Context;
use crate::domain::count::{FEW, counted, few, numbered};
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::Failure;
use crate::ops::update::{Outcome, Status};
use crate::ui::{CYAN, DIM, Ui, sanitize};

/// Says it. Names that mean nothing are one failure together.
pub(in crate::commands) fn finish(outcome: &Outcome, context: &mut Context) {
    let ui = &mut context.ui;
    show_moved(outcome, ui);
    if outcome.is_dry_run {
        show_asks(ui);
    }
    show_pending(outcome, ui);
    for shadow in &outcome.shadows {
        ui.warn(shadow.as_str());
    }
    let is_unknown = |failure: &&Failure| failure.unknown().is_some();
    let (unknown, others): (Vec<&Failure>, Vec<&Failure>) =
        outcome.failures.iter().partition(is_unknown);
    match unknown.as_slice() {
        [] => {}
        [one] => ui.failure(one),
        several => {
            let together = not_found(several, ui);
            ui.failure(&together);
        }
    }
    for failure in others.iter().take(FEW) {
        ui.failure(failure);
    }
    let more = others.len().saturating_sub(FEW);
    if more > 0 {
        let errors = counted(more, "more error");
        let note = format!("and {errors}, which `--json` lists");
        ui.note(note);
    }
}

/// Shows which files of agents a person moved.
pub(in crate::commands) fn show_moved(outcome: &Outcome, ui: &mut Ui) {
    for file in &outcome.moved_files {
        let (name, to) = (&file.name, sanitize(&file.to));
        ui.status(
            "Found",
            format!("{CYAN}{name}{CYAN:#}  {DIM}moved to {to}{DIM:#}"),
        );
    }
}

/// Says which updates are pending of agents that the command leaves as they are.
fn show_pending(outcome: &Outcome, ui: &mut Ui) {
    let is_said = |name: &&AgentName| {
        let mut agents = outcome.agents.iter();
        let is_left = |status| matches!(status, Status::Current | Status::Edited);
        agents.any(|agent| agent.name == **name && !is_left(agent.status))
    };
    let pending = outcome.pending.iter().filter(|name| !is_said(name));
    let pending: Vec<&str> = pending.map(AgentName::as_str).collect();
    note_pending(&pending, ui);
}

/// Says which updates are pending, and what finishes them.
pub(in crate::commands) fn note_pending(pending: &[&str], ui: &mut Ui) {
    if pending.is_empty() {
        return;
    }
    let (updates, names) = (
        numbered(pending.len(), "update is", "updates are"),
        few(pending, ", "),
    );
    let resolve = ui.command(&Command::new(["resolve"]));
    ui.note(format!(
        "{updates} pending: {}; `{resolve}` finishes it",
        sanitize(&names)
    ));
}

/// Shows what a dry run would ask about, an agent a line.
fn show_asks(ui: &mut Ui) {
    let mut agents: Vec<(String, Vec<String>)> = Vec::new();
    let mut unclear: Vec<String> = Vec::new();
    for ask in ui.asks() {
        if ask.kind == "candidate" {
            unclear.push(ask.agent.clone());
            continue;
        }
        let what = match &ask.allow {
            Some(word) => word.clone(),
            None if ask.kind == "conflict" => format!("the conflict in {}", ask.what),
            None => ask.what.clone(),
        };
        match agents.iter_mut().find(|(agent, _)| *agent == ask.agent) {
            Some((_, asked)) => asked.push(what),
            None => agents.push((ask.agent.clone(), vec![what])),
        }
    }
    for agent in unclear {
        let agent = sanitize(&agent);
        ui.attention(
            "Would ask",
            format!("{CYAN}{agent}{CYAN:#}  {DIM}which one is meant{DIM:#}"),
        );
    }
    for (agent, asked) in agents {
        let (agent, asked) = (sanitize(&agent), sanitize(&few(&asked, ", ")));
        ui.attention(
            "Would ask",
            format!("{CYAN}{agent}{CYAN:#}  {DIM}about {asked}{DIM:#}"),
        );
    }
}

/// Several names that mean nothing as one failure, with what may have been meant by the first few.
fn not_found(failures: &[&Failure], ui: &Ui) -> Failure {
    let quoted = |failure: &Failure| format!("`{}`", failure.unknown().unwrap_or_default());
    let names: Vec<String> = failures.iter().map(|failure| quoted(failure)).collect();
    let mut together = Failure::failed(format!(
        "no agents have these {} names: {}",
        names.len(),
        few(&names, ", ")
    ));
    for failure in failures.iter().take(FEW) {
        for hint in failure.hints() {
            // A command to run next is the same for all; a name that may have been meant belongs to one.
            if hint.commands().next().is_none() {
                together = together.detail(format!("{}: {}", quoted(failure), ui.advice(hint)));
            } else if !together.hints().contains(hint) {
                together = together.hint(hint);
            }
        }
    }
    together
}
