//! What a command did to agents, or would do, as text: one screen for an install and one for an update. `document` is the same as data.

mod adopted;
mod document;
mod failures;
mod gains;
mod leaving;
mod summary;
mod words;

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

pub(super) use self::adopted::show_adopt;
pub(super) use self::document::ChangeDocument;
pub(super) use self::failures::{finish, note_pending, show_moved};
pub(super) use self::gains::{show_gained, show_gains};
pub(super) use self::leaving::{removed, show_departed, show_dropped, show_gone, show_servers};
pub(super) use self::words::words;
use self::words::{OLDER, versions};
use super::{Context, capabilities, needs};
use crate::domain::budget::{LIMIT, shown};
use crate::domain::count::{counted, few, numbered};
use crate::domain::definition::Verdict;
use crate::domain::shell::Command;
use crate::error::Advice;
use crate::ops::update::{ChangedAgent, Outcome, Status};
use crate::store::agreement::{change, registry_of, versions as version};
use crate::ui::{CYAN, DIM, Ui, YELLOW, one_line, sanitize};

/// Shows what an install did. `is_whole`: of everything that the manifest wants.
pub(super) fn show_install(
    outcome: &Outcome,
    is_whole: bool,
    is_dry_run: bool,
    context: &mut Context,
) {
    let agents = outcome.agents.iter();
    let changed: Vec<&ChangedAgent> = agents.filter(|agent| agent.is_written()).collect();
    let ui = &mut context.ui;
    let is_many = changed.len() > summary::MANY;
    if is_many {
        summary::show(&changed, is_dry_run, ui);
    } else {
        for agent in &changed {
            show_written(agent, is_dry_run, ui);
        }
    }
    let is_adopted = |agent: &&ChangedAgent| agent.status == Status::Adopted;
    let adopted: Vec<&ChangedAgent> = outcome.agents.iter().filter(is_adopted).collect();
    adopted::show_adopted(&adopted, is_dry_run, ui);
    summary::show_passed(outcome, ui);
    summary::show_offers(outcome, ui);
    if let Some(report) = &outcome.needs {
        needs::show_done(report, is_dry_run, ui);
    }
    show_gone(&outcome.gone, is_dry_run, ui);
    show_skipped(outcome, is_dry_run, ui);
    show_ignored(outcome, ui);
    show_cost(outcome, ui);
    if changed.is_empty() && adopted.is_empty() {
        show_unchanged(outcome, is_whole, is_dry_run, ui);
    } else {
        show_verdict(outcome, is_many, is_dry_run, ui);
    }
    if !outcome.gone.agents.is_empty() && !is_dry_run {
        show_undo(ui);
    }
}

/// Warns about files that the client ignores because of the user's edits: they are reported as up to date, but do not run.
fn show_ignored(outcome: &Outcome, ui: &mut Ui) {
    for agent in &outcome.agents {
        let Some(reason) = &agent.ignored else {
            continue;
        };
        let what = format!(
            "Claude Code ignores `{}` as it is: {}; ",
            sanitize(&agent.path),
            sanitize(reason)
        );
        let diff = Command::new(["diff", agent.name.as_str()]);
        ui.warn(Advice::say(what).and_run(diff).and(" shows your edits"));
    }
}

/// Shows what the descriptions of new agents cost in each session.
fn show_cost(outcome: &Outcome, ui: &mut Ui) {
    let Some((added, total)) = outcome.cost else {
        return;
    };
    let [added, total_shown, limit] = [added, total, LIMIT].map(shown);
    if total > LIMIT {
        let costs = Command::new(["list", "--cost"]);
        let words = format!(
            "all descriptions cost {total_shown} tokens in each session (+{added}), and Claude Code warns above {limit}; "
        );
        ui.warn(Advice::say(words).and_run(costs).and(" shows the largest"));
    } else {
        ui.status(
            "Cost",
            format!("+{added} tokens in each session, {total_shown} of {limit}"),
        );
    }
}

/// Shows the one agent that was written, as the client sees it.
fn show_verdict(outcome: &Outcome, is_many: bool, is_dry_run: bool, ui: &mut Ui) {
    match &outcome.verdict {
        Some(Verdict::Loads(loaded)) => {
            ui.note("");
            for line in capabilities::lines(loaded, ui.columns()) {
                ui.note(line);
            }
            if let Some(report) = &outcome.needs {
                needs::show(report, false, ui);
            }
            if !is_dry_run {
                let name = one_line(&loaded.name, 60);
                ui.note(format!(
                    "\nTry it in Claude Code: \"use the {name} agent to ...\"."
                ));
            }
        }
        Some(Verdict::Skipped(reason)) => {
            ui.warn(format!("Claude Code ignores it as it is: {reason}; leave out `--verbatim` to have it repaired"));
        }
        None => {
            let Some(report) = &outcome.needs else {
                return;
            };
            if is_many {
                needs::show_needs(report, true, ui);
                summary::show_findings(report, ui);
            } else {
                needs::show(report, true, ui);
            }
        }
    }
}

/// Shows an agent that was written: where it is from, how it was adapted, and where it is.
fn show_written(agent: &ChangedAgent, is_dry_run: bool, ui: &mut Ui) {
    ui.status(
        "Resolved",
        format!("{CYAN}{}{CYAN:#} {}", agent.name, resolved(agent)),
    );
    for adaptation in agent.locked.iter().flat_map(|locked| &locked.adaptations) {
        if let Some(field) = adaptation.strip_prefix("repair:") {
            ui.status(
                "Repaired",
                format!(
                    "{}: Claude Code would skip the file as upstream wrote it",
                    sanitize(field)
                ),
            );
        } else if let Some(from) = adaptation.strip_prefix("rename:") {
            ui.status("Renamed", format!("{} -> {}", sanitize(from), agent.name));
        }
    }
    let verb = match (is_dry_run, agent.status) {
        (true, _) => "Would write",
        (false, Status::Installed) => "Installed",
        (false, _) => "Replaced",
    };
    ui.status(verb, &agent.path);
    if !agent.others.is_empty() {
        let others = few(&agent.others, ", ");
        let copies = numbered(agent.others.len(), "other copy", "other copies");
        ui.note(format!(
            "{:13}{DIM}{copies} behind: {}{DIM:#}",
            "",
            sanitize(&others)
        ));
    }
    show_gained(agent, is_dry_run, ui);
}

/// Shows which agents were left out by a decision, or are gone upstream, and why.
fn show_skipped(outcome: &Outcome, is_dry_run: bool, ui: &mut Ui) {
    let agents = outcome.agents.iter();
    for agent in agents {
        if agent.status == Status::Gone {
            let (_, what) = words(agent, is_dry_run);
            ui.attention(
                "Gone",
                format!("{CYAN}{}{CYAN:#}  {DIM}{what}{DIM:#}", agent.name),
            );
        }
        if agent.status != Status::Skipped {
            continue;
        }
        let notes = sanitize(&agent.notes.join("; "));
        let notes = if notes.is_empty() {
            notes
        } else {
            format!("  {DIM}{notes}{DIM:#}")
        };
        let (verb, _) = words(agent, is_dry_run);
        ui.attention(verb, format!("{CYAN}{}{CYAN:#}{notes}", agent.name));
    }
}

/// Shows an install that wrote no agent.
fn show_unchanged(outcome: &Outcome, is_whole: bool, is_dry_run: bool, ui: &mut Ui) {
    let is_there = |agent: &&ChangedAgent| agent.status != Status::Skipped;
    let agents = outcome.agents.iter().filter(is_there);
    let mut agents: Vec<&ChangedAgent> = agents.collect();
    if agents.iter().any(|agent| agent.is_named) {
        agents.retain(|agent| agent.is_named);
    }
    let edited = agents.iter().filter(|agent| agent.status == Status::Edited);
    let counted = outcome.counted.unwrap_or_default();
    let note = match edited.count() {
        0 => String::new(),
        count => format!(", {count} with your edits"),
    };
    match agents.as_slice() {
        [] if counted > 0 => ui.status("Unchanged", format!("{counted} agents")),
        [] if !outcome.gone.agents.is_empty() => {}
        [] if outcome.waits_for_lockfile => {
            ui.note("What else would change is known once the lockfile is merged.");
        }
        [] if is_whole && outcome.agents.is_empty() && outcome.failures.is_empty() => {
            let install = ui.command(&Command::new(["install", "backend-architect"]));
            let list = ui.command(&Command::new(["list", "--available"]));
            ui.note(format!(
                "agentpkg.toml lists no agents yet. Try `{install}`, or `{list}`."
            ));
        }
        [] => {}
        [agent] => {
            let newest = agent.newest_of.as_ref();
            let newest = newest
                .map(|request| format!(" {}, newest of {request}", version(agent.locked.as_ref())));
            ui.status(
                "Unchanged",
                format!("{}{}{note}", agent.name, newest.unwrap_or_default()),
            );
        }
        several => ui.status("Unchanged", format!("{} agents{note}", several.len())),
    }
    if outcome.is_manifest_changed {
        let verb = if is_dry_run {
            "Would change"
        } else {
            "Changed"
        };
        ui.status(verb, "agentpkg.toml");
    }
    if let Some(report) = &outcome.needs {
        needs::show(report, false, ui);
    }
}

/// Says how to take back what was done.
fn show_undo(ui: &mut Ui) {
    let undo = ui.command(&Command::new(["undo"]));
    ui.note(format!("{DIM}Undo with `{undo}`.{DIM:#}"));
}

/// Which version of an agent was found where, and what it takes the place of.
fn resolved(agent: &ChangedAgent) -> String {
    let Some(locked) = &agent.locked else {
        return String::new();
    };
    let newest = agent
        .newest_of
        .as_ref()
        .map(|request| format!(", newest of {request}"))
        .unwrap_or_default();
    let older = if agent.is_older() {
        format!(", {OLDER}")
    } else {
        String::new()
    };
    let before = agent.before.as_ref();
    match before.filter(|before| before.sha256 != locked.sha256 || before.source != locked.source) {
        Some(before) if before.source != locked.source => {
            format!("{}{newest}", sanitize(&change(before, locked)))
        }
        Some(before) if before.version.is_some() || before.commit.is_some() => {
            format!(
                "{}{older}{newest} {DIM}({}){DIM:#}",
                sanitize(&change(before, locked)),
                sanitize(&registry_of(locked))
            )
        }
        _ => {
            let commit = || locked.commit.map(|commit| format!("@ {}", commit.short()));
            let revision = locked
                .version
                .clone()
                .or_else(commit)
                .map(|revision| format!("{revision}{newest} "))
                .unwrap_or_default();
            format!(
                "{}{DIM}({}){DIM:#}",
                sanitize(&revision),
                sanitize(&registry_of(locked))
            )
        }
    }
}

/// Shows what an update did.
pub(super) fn show_update(outcome: &Outcome, is_dry_run: bool, context: &mut Context) {
    let ui = &mut context.ui;
    if outcome.sources > 0 {
        ui.status("Checked", counted(outcome.sources, "source"));
    }
    let is_news = |agent: &&ChangedAgent| agent.status != Status::Current;
    let changed: Vec<&ChangedAgent> = outcome.agents.iter().filter(is_news).collect();
    let columns = Columns::of(&changed, is_dry_run, ui);
    for agent in &changed {
        show_changed(agent, columns, is_dry_run, ui);
    }
    let current = outcome.agents.len() - changed.len();
    if current > 0 {
        let what = match outcome.agents.iter().find(|agent| !is_news(agent)) {
            Some(agent) if current == 1 => agent.name.to_string(),
            _ => counted(current, "agent"),
        };
        ui.status("Kept", format!("{what}  {DIM}up to date{DIM:#}"));
    }
    if outcome.agents.is_empty() && outcome.failures.is_empty() && outcome.gone.agents.is_empty() {
        let install = ui.command(&Command::new(["install", "backend-architect"]));
        ui.note(format!("Nothing is installed yet. Try `{install}`."));
    }
    if let Some(report) = &outcome.needs {
        needs::show_done(report, is_dry_run, ui);
    }
    show_gone(&outcome.gone, is_dry_run, ui);
    show_ignored(outcome, ui);
    if let Some(report) = &outcome.needs {
        needs::show(report, true, ui);
    }
    let is_written = changed.iter().any(|agent| agent.is_written());
    if (is_written || !outcome.gone.agents.is_empty()) && !is_dry_run {
        show_undo(ui);
    }
}

/// How wide the columns of an update's lines are.
#[derive(Debug, Clone, Copy)]
struct Columns {
    names: usize,
    versions: usize,
    /// Whether the lines have room for the version before as well.
    has_room: bool,
}

impl Columns {
    fn of(changed: &[&ChangedAgent], is_dry_run: bool, ui: &Ui) -> Self {
        let widest = |length: &dyn Fn(&ChangedAgent) -> usize| {
            let lengths = changed.iter().map(|agent| length(agent));
            lengths.max().unwrap_or(0)
        };
        let names = widest(&|agent| agent.name.as_str().width());
        let versions = |has_room: bool| widest(&|agent| versions(agent, has_room).len());
        let notes = widest(&|agent| words(agent, is_dry_run).1.width());
        let line = 13 + names + 2 + versions(true) + 2 + notes;
        let has_room = !ui.is_terminal() || line <= ui.columns();
        Self {
            names,
            versions: versions(has_room),
            has_room,
        }
    }
}

/// Shows what an update did to one agent.
fn show_changed(agent: &ChangedAgent, columns: Columns, is_dry_run: bool, ui: &mut Ui) {
    let (verb, note) = words(agent, is_dry_run);
    let mut line = format!("{CYAN}{}{CYAN:#}", agent.name);
    let mut gap = columns.names - agent.name.as_str().width() + 2;
    let versions = versions(agent, columns.has_room);
    let rest = match columns.versions {
        0 => 0,
        between => between - versions.len() + 2,
    };
    // Nothing is padded that nothing follows.
    for (text, rest) in [(versions, rest), (note, 0)] {
        if !text.is_empty() {
            let _ = write!(line, "{:gap$}{DIM}{}{DIM:#}", "", sanitize(&text));
            gap = 0;
        }
        gap += rest;
    }
    match agent.status {
        Status::Skipped | Status::Marked | Status::Gone | Status::BaseLost => {
            ui.attention(verb, line);
        }
        _ => ui.status(verb, line),
    }
    for note in &agent.notes {
        ui.note(format!("{:13}{DIM}{}{DIM:#}", "", sanitize(note)));
    }
    show_steps(agent, ui);
    if let Some(gone) = &agent.gone {
        let advice = ui.advice(&gone.advice());
        ui.note(format!("{:13}{advice}", ""));
    }
    if is_dry_run {
        for conflict in agent.conflicts.iter().filter(|one| !one.is_decided) {
            ui.note(format!(
                "{:13}{YELLOW}conflict{YELLOW:#} {}  {DIM}{}{DIM:#}",
                "",
                sanitize(&conflict.unit),
                sanitize(&conflict.reason)
            ));
        }
    }
    show_gained(agent, is_dry_run, ui);
}

/// Shows the subjects of the commits that changed an agent. Only on a terminal; scripts have `--json`.
fn show_steps(agent: &ChangedAgent, ui: &mut Ui) {
    const SHOWN: usize = 5;
    let steps = agent.changed.iter().flat_map(|changed| &changed.steps);
    if !ui.is_terminal() {
        return;
    }
    let room = ui.columns().saturating_sub(13 + 12);
    for step in steps.clone().take(SHOWN) {
        let subject = one_line(&step.subject, room);
        ui.note(format!("{:13}{DIM}{}  {subject}{DIM:#}", "", step.day));
    }
    let more = steps.count().saturating_sub(SHOWN);
    if more > 0 {
        let more = counted(more, "earlier commit");
        ui.note(format!("{:13}{DIM}… {more}{DIM:#}", ""));
    }
}
