//! What an install of many agents says: counts, and what needs a look, instead of lines for each agent.

use std::collections::BTreeMap;

use super::gains::shown;
use super::show_undo;
use crate::domain::count::{FEW, counted, few, numbered};
use crate::domain::shell::Command;
use crate::ops::requirement::Report;
use crate::ops::update::{ChangedAgent, Outcome, Status};
use crate::ui::{CYAN, DIM, Ui, YELLOW, sanitize};

/// More agents than this are counted, not listed.
pub(super) const MANY: usize = 5;

/// Shows many agents that were written.
pub(super) fn show(changed: &[&ChangedAgent], is_dry_run: bool, ui: &mut Ui) {
    let is_new = |agent: &&&ChangedAgent| agent.status == Status::Installed;
    let new = changed.iter().filter(is_new).count();
    for (count, verb) in [(new, "Installed"), (changed.len() - new, "Replaced")] {
        let verb = if is_dry_run { "Would write" } else { verb };
        if count > 0 {
            ui.status(verb, counted(count, "agent"));
        }
    }
    let with = |is_meant: &dyn Fn(&ChangedAgent) -> bool| -> Vec<&str> {
        let meant = changed.iter().filter(|agent| is_meant(agent));
        meant.map(|agent| agent.name.as_str()).collect()
    };
    let is_repaired = |agent: &ChangedAgent| {
        let adaptations = agent.locked.iter().flat_map(|locked| &locked.adaptations);
        adaptations
            .into_iter()
            .any(|text| text.starts_with("repair:"))
    };
    let repaired = with(&is_repaired);
    if !repaired.is_empty() {
        let them = numbered(repaired.len(), "agent that", "agents that");
        ui.status(
            "Repaired",
            format!("{them} Claude Code would skip as upstream wrote them"),
        );
    }
    let chosen = with(&|agent| !agent.others.is_empty());
    if !chosen.is_empty() {
        let them = counted(chosen.len(), "agent");
        let names = few(&chosen, ", ");
        ui.status(
            "Chose",
            format!("{them} over other copies  {DIM}{names}{DIM:#}"),
        );
    }
    show_gains(changed, is_dry_run, ui);
    if !is_dry_run {
        show_undo(ui);
    }
}

/// Shows the powers that need a look, by kind.
fn show_gains(changed: &[&ChangedAgent], is_dry_run: bool, ui: &mut Ui) {
    let mut by_kind: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for agent in changed {
        for gain in shown(agent, is_dry_run) {
            let names = by_kind.entry(gain.key().to_owned()).or_default();
            if names.last() != Some(&agent.name.as_str()) {
                names.push(agent.name.as_str());
            }
        }
    }
    for (kind, names) in by_kind {
        ui.note(format!(
            "  {YELLOW}look at{YELLOW:#}   {}: {}",
            sanitize(&kind),
            named(&names)
        ));
    }
}

/// Shows which agents have no tool that exists, and what else was found about them, by what it is.
pub(super) fn show_findings(report: &Report, ui: &mut Ui) {
    let toolless: Vec<&str> = report.toolless.iter().map(String::as_str).collect();
    if !toolless.is_empty() {
        let subject = numbered(toolless.len(), "agent has", "agents have");
        ui.warn(format!(
            "{subject} no tool that exists: {}",
            toolless.join(", ")
        ));
    }
    let mut by_kind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for lost in &report.lost {
        let names = by_kind.entry(lost.loss.kind()).or_default();
        if names.last() != Some(&lost.agent.as_str()) {
            names.push(&lost.agent);
        }
    }
    for (kind, names) in by_kind {
        ui.warn(format!("{kind}: {}", named(&names)));
    }
    let mut by_plugin: BTreeMap<Option<String>, Vec<&str>> = BTreeMap::new();
    for part in &report.parts {
        let names = by_plugin.entry(part.command()).or_default();
        if names.last() != Some(&part.agent.as_str()) {
            names.push(&part.agent);
        }
    }
    for (command, names) in by_plugin {
        let what = "need something that did not come with them";
        let how = command.map_or_else(String::new, |command| format!("; {command}"));
        ui.warn(format!("{what}: {}{how}", named(&names)));
    }
}

/// Names, at most a few, with their number.
fn named(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| sanitize(name)).collect();
    let count = counted(names.len(), "agent");
    format!("{count}  {CYAN}{}{CYAN:#}", few(&names, ", "))
}

/// Shows what of whole sources was not taken.
pub(super) fn show_passed(outcome: &Outcome, ui: &mut Ui) {
    for passed in &outcome.passed {
        for refused in passed.refused.iter().take(FEW) {
            ui.warn(format!("{} is left out: {}", refused.file, refused.reason));
        }
        let list = Command::new(["list", "--available", "--all", &passed.source]);
        let list = ui.command(&list);
        if let Some(rest) = passed.refused.len().checked_sub(FEW + 1) {
            let count = numbered(rest + 1, "more file is", "more files are");
            ui.warn(format!("{count} left out; `{list}` names them"));
        }
        if passed.lower + passed.behind == 0 {
            continue;
        }
        let lower = numbered(passed.lower, "name", "names");
        let behind = numbered(passed.behind, "copy", "copies");
        let what = match (passed.lower, passed.behind) {
            (0, _) => format!("{behind} behind others"),
            (_, 0) => format!("{lower} that may not be agents"),
            _ => format!("{lower} that may not be agents, and {behind} behind others"),
        };
        ui.status("Left", format!("{what}  {DIM}`{list}` lists them{DIM:#}"));
    }
}

/// Shows which agents could be installed beside those that may start them.
pub(super) fn show_offers(outcome: &Outcome, ui: &mut Ui) {
    let specs: Vec<&str> = outcome.offers.iter().map(|offer| &*offer.spec).collect();
    let (Some(first), false) = (outcome.offers.first(), outcome.offers.len() > MANY) else {
        if !specs.is_empty() {
            let count = counted(specs.len(), "agent");
            ui.note(format!(
                "  {DIM}these may start {count} more from their sources{DIM:#}"
            ));
        }
        return;
    };
    let install = ui.command(&Command::new(["install"]).args(specs.iter().copied()));
    let by = sanitize(first.by.as_str());
    let names: Vec<&str> = outcome
        .offers
        .iter()
        .map(|offer| offer.name.as_str())
        .collect();
    let names = sanitize(&names.join(", "));
    ui.note(format!(
        "  {by} may start {CYAN}{names}{CYAN:#}: `{install}`"
    ));
}
