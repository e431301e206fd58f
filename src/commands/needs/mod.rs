//! What agents need, as several commands show it: one short table, and the options about servers. `document` is the same as data.

mod document;

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, ValueEnum};

pub(super) use self::document::{NeedsView, ServerView};

use crate::domain::count::{few, numbered};
use crate::domain::server::PLACEHOLDER;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::ops::requirement::{MissingPart, Mode, OddTool, Other, Report, ServerState, Status};
use crate::store::manifest::is_bindable;
use crate::ui::{CYAN, Cell, Column, DIM, GREEN, Table, Ui, YELLOW, one_line, sanitize};

/// Options about the servers that agents need.
#[derive(Debug, Clone, Default, Args)]
pub struct NeedsArgs {
    /// What to do about known MCP servers that are missing; without it, a terminal asks
    #[arg(long, value_name = "HOW", value_enum)]
    pub mcp: Option<McpArg>,
    /// Use your own server NEW where the agent says OLD
    #[arg(long, value_name = "OLD=NEW", value_delimiter = ',', add = super::complete::bindings())]
    pub bind: Vec<String>,
}

/// What `--mcp` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum McpArg {
    /// Add them to .mcp.json
    Add,
    /// Leave them out
    Skip,
    /// Ask, even with --yes
    Ask,
}

impl McpArg {
    /// As it is typed.
    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Skip => "skip",
            Self::Ask => "ask",
        }
    }
}

impl NeedsArgs {
    /// What to do about servers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self.mcp {
            None => Mode::Usual,
            Some(McpArg::Add) => Mode::Add,
            Some(McpArg::Skip) => Mode::Skip,
            Some(McpArg::Ask) => Mode::Ask,
        }
    }

    /// These options as they were typed.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        let mcp = self.mcp.iter().flat_map(|mcp| ["--mcp", mcp.word()]);
        mcp.chain(self.bind.iter().flat_map(|bind| ["--bind", bind.as_str()]))
    }

    /// The bindings: upstream's name to the user's.
    pub fn bindings(&self) -> Result<BTreeMap<String, String>> {
        let mut bind = BTreeMap::new();
        for text in &self.bind {
            let pair = text
                .split_once('=')
                .filter(|(from, to)| is_bindable(from) && is_bindable(to));
            let Some((from, to)) = pair else {
                return Err(Failure::usage(format!(
                    "`--bind {}` is not a pair of server names",
                    text.escape_debug()
                ))
                .hint("for example `--bind firebase-afterdark=firebase`"));
            };
            if to == PLACEHOLDER {
                return Err(Failure::usage(format!(
                    "`{PLACEHOLDER}` is a placeholder for the name of one of your servers"
                ))
                .hint(format!(
                    "write `--bind {from}=NAME` with a name from .mcp.json or `claude mcp list`"
                )));
            }
            bind.insert(from.to_owned(), to.to_owned());
        }
        match bind
            .iter()
            .find(|(from, to)| from != to && bind.contains_key(*to))
        {
            Some((from, to)) => Err(Failure::usage(format!(
                "`{from}` is bound to `{to}`, which is bound itself"
            ))),
            None => Ok(bind),
        }
    }
}

/// Shows what was done in `.mcp.json` and to the agents because of their needs.
pub(super) fn show_done(report: &Report, is_dry_run: bool, ui: &mut Ui) {
    let added: Vec<String> = report
        .servers
        .iter()
        .filter(|server| {
            matches!(server.status, Status::Added(_))
                && !report.changed.iter().any(|(name, _)| *name == server.name)
        })
        .map(|server| sanitize(&server.name))
        .collect();
    if !added.is_empty() {
        let verb = if is_dry_run { "Would add" } else { "Added" };
        ui.status(
            verb,
            format!("{CYAN}{}{CYAN:#} to .mcp.json", added.join(", ")),
        );
    }
    for (agent, from, to) in &report.bound {
        ui.status(
            "Bound",
            format!(
                "{} to {CYAN}{}{CYAN:#}  {DIM}in {}{DIM:#}",
                sanitize(from),
                sanitize(to),
                sanitize(agent)
            ),
        );
    }
    for (name, runs) in &report.changed {
        ui.status(
            "Changed",
            format!(
                "{CYAN}{}{CYAN:#} in .mcp.json  {DIM}{}{DIM:#}",
                sanitize(name),
                sanitize(runs)
            ),
        );
    }
}

/// Shows what is needed and what was done about it. `is_quiet_if_fine`: nothing is said if nothing is missing.
pub(super) fn show(report: &Report, is_quiet_if_fine: bool, ui: &mut Ui) {
    show_needs(report, is_quiet_if_fine, ui);
    for lost in &report.lost {
        ui.warn(format!("{} {}", lost.agent, lost.loss));
    }
    for agent in &report.toolless {
        let tools = report.odd_tools.iter().filter(|tool| tool.agent == *agent);
        let tools: Vec<&str> = tools.map(|tool| tool.text.as_str()).collect();
        ui.warn(format!(
            "none of the tools of {agent} exists ({}), so Claude Code cannot start it; edit its `tools` line",
            few(&tools, ", ")
        ));
    }
    show_parts(&report.parts, ui);
}

/// Says what is missing of plugins, and the command that gets each.
fn show_parts(parts: &[MissingPart], ui: &mut Ui) {
    let mut plugins: BTreeMap<(&str, Option<String>), Vec<&str>> = BTreeMap::new();
    for part in parts {
        let texts = plugins.entry((&part.agent, part.command())).or_default();
        texts.push(&part.text);
    }
    for ((agent, command), texts) in plugins {
        let texts = few(&texts, ", ");
        ui.warn(match command {
            Some(command) => {
                format!("{agent} needs {texts} of a plugin that is not enabled: {command}")
            }
            None => format!("{agent} needs {texts}, which is not here"),
        });
    }
}

pub(super) fn show_needs(report: &Report, is_quiet_if_fine: bool, ui: &mut Ui) {
    for line in odd_tools(&report.odd_tools, ui.columns()) {
        ui.note(line);
    }
    let is_fine = |server: &ServerState| {
        !server.is_missing()
            && server.problems.is_empty()
            && !matches!(server.status, Status::Added(_) | Status::Disabled(..))
    };
    let absent: Vec<&Other> = report.absent().collect();
    if report.servers.iter().all(is_fine) && absent.is_empty() {
        let servers = report.servers.iter().map(|server| sanitize(&server.name));
        let servers: Vec<String> = servers.collect();
        match (servers.is_empty(), is_quiet_if_fine) {
            (true, true) => {}
            (true, false) => ui.note("  needs     nothing else"),
            (false, _) => ui.note(format!("  needs     {}: all there", servers.join(", "))),
        }
        return;
    }
    ui.note("");
    for line in lines(&report.servers, ui.columns()) {
        ui.note(line);
    }
    for other in absent {
        ui.note(other_line(other));
    }
    let disabled = report
        .servers
        .iter()
        .filter(|server| server.refusal().is_some());
    for (count, how) in [
        (report.missing().count(), "missing"),
        (disabled.count(), "disabled"),
    ] {
        if count > 0 {
            let noun = numbered(count, "server is", "servers are");
            ui.warn(
                Advice::say(format!("{noun} {how}; "))
                    .and_run(Command::new(["check"]))
                    .and(" shows what to do"),
            );
        }
    }
}

/// Servers that were taken out of `.mcp.json`, and why.
pub(super) fn removed(names: &[String]) -> String {
    let them = if names.len() == 1 { "it" } else { "them" };
    format!(
        "{} from .mcp.json  {DIM}no agent needs {them} any more{DIM:#}",
        sanitize(&names.join(", "))
    )
}

/// The table of servers.
pub(super) fn lines(servers: &[ServerState], columns: usize) -> Vec<String> {
    if servers.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new([
        Column::name("server"),
        Column::number("tools"),
        Column::word("status"),
        Column::text(""),
    ])
    .titled();
    for server in servers {
        let tools = if server.is_whole {
            "all".to_owned()
        } else {
            server.tools.len().to_string()
        };
        let style = match (
            &server.status,
            server.is_missing() || server.refusal().is_some(),
        ) {
            (Status::Added(_), _) => GREEN,
            (_, true) => YELLOW,
            (_, false) => DIM,
        };
        table.row([
            server.name.as_str().into(),
            tools.into(),
            Cell::from(word(&server.status)).styled(style),
            detail(server).into(),
        ]);
    }
    let (mut lines, rows) = table.by_row(columns);
    for (row, server) in rows.into_iter().zip(servers) {
        lines.extend(row);
        for problem in &server.problems {
            lines.push(format!(
                "    {YELLOW}!{YELLOW:#} {}",
                sanitize(&problem.to_string())
            ));
        }
        if !server.lost_tools.is_empty() {
            let tools = server.lost_tools.join(", ");
            lines.push(format!(
                "    {YELLOW}!{YELLOW:#} {}",
                sanitize(&one_line(&format!("no longer has {tools}"), columns - 8))
            ));
        }
    }
    lines
}

fn word(status: &Status) -> &'static str {
    match status {
        Status::Configured(_) => "configured",
        Status::Disabled(..) => "disabled",
        Status::Added(_) => "added",
        Status::Inline => "brought",
        Status::Provided(_) => "built in",
        Status::Known(_) => "known",
        Status::Archived(..) => "archived",
        Status::Elsewhere(_) => "other name",
        Status::Unknown(_) => "unknown",
    }
}

fn detail(server: &ServerState) -> String {
    // `--bind` takes only names that can stand in the name of a tool.
    let can_bind = |other: &str| is_bindable(&server.name) && is_bindable(other);
    match &server.status {
        Status::Configured(scope) => scope.place(),
        Status::Disabled(scope, refusal) => format!("{refusal}; configured {}", scope.place()),
        Status::Added(known) | Status::Known(known) => known.entry.to_string(),
        Status::Inline => "by the agent itself".to_owned(),
        Status::Provided(note) => note.clone(),
        Status::Archived(_, Some(successor)) => {
            format!("`{successor}` took over, with other tools")
        }
        Status::Archived(_, None) => "nobody maintains it".to_owned(),
        Status::Elsewhere(other) if can_bind(other) => {
            format!("you have it as `{other}`; map it with --bind")
        }
        Status::Elsewhere(other) => format!("you have it as `{other}`"),
        Status::Unknown(Some(other)) if can_bind(other) => {
            format!("looks like `{other}`, which you have; --bind")
        }
        Status::Unknown(Some(other)) => format!("looks like `{other}`, which you have"),
        Status::Unknown(None) if can_bind(&server.name) => "map it with --bind".to_owned(),
        Status::Unknown(None) => "name yours in the agent".to_owned(),
    }
}

/// Everything about needs, for a command that prints it as data.
pub(super) fn report_lines(report: &Report, columns: usize) -> Vec<String> {
    let mut all = odd_tools(&report.odd_tools, columns);
    all.extend(
        report
            .lost
            .iter()
            .map(|lost| format!("  {YELLOW}!{YELLOW:#} {}", sanitize(&lost.loss.to_string()))),
    );
    all.extend(lines(&report.servers, columns));
    all.extend(report.absent().map(other_line));
    all
}

fn other_line(other: &Other) -> String {
    let what = match other.kind {
        "program" => "is not on PATH",
        "variable" => "is not set",
        _ => "is not installed",
    };
    format!(
        "  {} {CYAN}{}{CYAN:#} {what}  {DIM}{}{DIM:#}",
        other.kind,
        sanitize(&other.name),
        sanitize(&other.place)
    )
}

fn odd_tools(tools: &[OddTool], columns: usize) -> Vec<String> {
    let mut retired: Vec<String> = Vec::new();
    let mut foreign: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    for tool in tools {
        let list = if tool.retired.is_some() {
            &mut retired
        } else {
            &mut foreign
        };
        let text = sanitize(&odd(tool));
        if known.insert(text.clone()) {
            list.push(text);
        }
    }
    let mut lines = Vec::new();
    for (label, list) in [("retired", retired), ("unknown", foreign)] {
        for (index, line) in wrapped(&list, columns.saturating_sub(12))
            .into_iter()
            .enumerate()
        {
            let label = if index == 0 { label } else { "" };
            lines.push(format!("  {DIM}{label:<8}{DIM:#}  {line}"));
        }
    }
    lines
}

/// What became of a tool, in a few words.
pub(super) fn odd(tool: &OddTool) -> String {
    match (&tool.retired, &tool.meant) {
        (Some(retired), _) => {
            let became = retired
                .became
                .as_ref()
                .map(|name| format!("became {name}; "))
                .unwrap_or_default();
            match retired.now.as_slice() {
                [] => format!("{} ({became}nothing took over)", tool.text),
                now => format!("{} ({became}use {})", tool.text, now.join(" or ")),
            }
        }
        (None, Some(meant)) => format!("{} (write {meant})", tool.text),
        (None, None) => tool.text.clone(),
    }
}

fn wrapped(items: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let item = if index + 1 < items.len() {
            format!("{item},")
        } else {
            item.clone()
        };
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + item.chars().count() <= width => {
                line.push(' ');
                line.push_str(&item);
            }
            _ => lines.push(item),
        }
    }
    lines
}
