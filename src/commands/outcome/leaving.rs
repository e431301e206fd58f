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
        let (path, reason) = (sanitize(&agent.path), agent.reason);
        if agent.is_kept {
            show_kept(agent, ui);
        } else {
            ui.status(removed(is_dry_run), format!("{path}  {DIM}{reason}{DIM:#}"));
        }
    }
    show_servers(gone, is_dry_run, ui);
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
