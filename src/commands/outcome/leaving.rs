//! What is shown about agents that are no longer wanted, or no longer there.

use crate::commands::needs;
use crate::ops::gone::GoneAgent;
use crate::ops::remove::{Dropped, Gone};
use crate::ui::{DIM, Ui, sanitize};

/// Shows an agent that upstream no longer has: what became of it, and how to go on.
pub(in crate::commands) fn show_departed(gone: &GoneAgent, ui: &mut Ui) {
    let what = sanitize(&gone.words());
    ui.attention("Gone", format!("{}  {DIM}{what}{DIM:#}", gone.name));
    for note in gone.notes() {
        ui.note(format!("{:13}{DIM}{}{DIM:#}", "", sanitize(&note)));
    }
    let advice = ui.advice(&gone.advice());
    ui.note(format!("{:13}{advice}", ""));
}

/// Shows which agents were removed, or would be, because nothing wants them any more.
pub(in crate::commands) fn show_gone(gone: &Gone, is_dry_run: bool, ui: &mut Ui) {
    for agent in &gone.agents {
        show_dropped(agent, Some(agent.reason), is_dry_run, ui);
    }
    show_servers(gone, is_dry_run, ui);
}

/// Shows an agent that was removed, or would be: by its file if that goes, otherwise by what names it.
pub(in crate::commands) fn show_dropped(
    agent: &Dropped,
    reason: Option<&str>,
    is_dry_run: bool,
    ui: &mut Ui,
) {
    if agent.is_kept {
        return show_kept(agent, ui);
    }
    let what = match (agent.is_missing, agent.is_entry) {
        (false, _) => sanitize(&agent.path),
        (true, true) => format!("{} from agentpkg.toml and agentpkg.lock", agent.name),
        (true, false) => format!("{} from agentpkg.lock", agent.name),
    };
    let missing = agent.is_missing.then_some("its file was not there");
    let notes: Vec<&str> = reason.into_iter().chain(missing).collect();
    let notes = notes.join("; ");
    let line = format!("{what}  {DIM}{notes}{DIM:#}");
    let line = if notes.is_empty() { what } else { line };
    ui.status(removed(is_dry_run), line);
}

pub(in crate::commands) fn removed(is_dry_run: bool) -> &'static str {
    if is_dry_run {
        "Would remove"
    } else {
        "Removed"
    }
}

pub(in crate::commands) fn show_kept(agent: &Dropped, ui: &mut Ui) {
    let (path, reason) = (sanitize(&agent.path), agent.reason);
    let why = if agent.is_edited { "edited, and " } else { "" };
    ui.attention(
        "Kept",
        format!("{path}  {DIM}{why}yours now: {reason}{DIM:#}"),
    );
}

pub(in crate::commands) fn show_servers(gone: &Gone, is_dry_run: bool, ui: &mut Ui) {
    if !gone.servers.is_empty() {
        ui.status(removed(is_dry_run), needs::removed(&gone.servers));
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
