//! `agentpkg install`.

use clap::Args;
use serde_json::json;

use super::needs::{self, NeedsArgs};
use super::remove::{insert_gone, show_gone};
use super::{Context, JSON_VERSION};
use crate::domain::capability::Gain;
use crate::domain::count::counted;
use crate::domain::definition::Verdict;
use crate::error::{Failure, Result};
use crate::ops::duplicates;
use crate::ops::install::{Action, InstallOptions, InstallOutcome, PlannedAgent, install};
use crate::ops::typed::Typed;
use crate::store::agreement::{change, registry_of};
use crate::store::lockfile::LockedAgent;
use crate::ui::{CYAN, DIM, YELLOW, one_line, sanitize};

/// Install agents; without names, what agentpkg.toml and agentpkg.lock say
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg install backend-architect
  agentpkg install gh:owner/repo#planner --as my-planner
  agentpkg install ./agents --all")]
pub struct InstallArgs {
    /// NAME, REGISTRY/NAME, gh:owner/repo#NAME, a URL, ./folder#NAME or ./file.md, each with an optional @VERSION
    #[arg(value_name = "SPEC", add = super::complete::specs())]
    pub specs: Vec<String>,
    /// Install every agent of the named sources
    #[arg(long)]
    pub all: bool,
    /// Install under another name
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Install exactly as upstream wrote it, though the client may ignore it
    #[arg(long)]
    pub verbatim: bool,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Replace edited or foreign files of the named agents, without names of all; a copy is kept
    #[arg(long)]
    pub force: bool,
    /// Allow `hooks`, `permissionMode`, `mcpServers`, new powers of a replaced agent by tool name, or `all`
    #[arg(long, value_name = "WHAT", value_delimiter = ',', add = super::complete::powers())]
    pub allow: Vec<String>,
    /// The servers that they need.
    #[command(flatten)]
    pub needs: NeedsArgs,
}

/// Runs the command.
pub fn run(args: InstallArgs, context: &mut Context) -> Result<()> {
    let InstallArgs {
        specs,
        all,
        name,
        verbatim,
        dry_run,
        force,
        allow,
        needs,
    } = args;
    let mut words = Vec::new();
    words.extend(name.iter().flat_map(|name| ["--as", name]));
    words.extend(verbatim.then_some("--verbatim"));
    words.extend(force.then_some("--force"));
    words.extend(needs.words());
    let typed = Typed {
        command: "install".to_owned(),
        names: specs.clone(),
        is_all: all,
        options: words.into_iter().map(str::to_owned).collect(),
        allowed: allow.clone(),
        ..Typed::default()
    };
    let options = InstallOptions {
        typed,
        specs,
        all,
        name,
        is_verbatim: verbatim,
        is_dry_run: dry_run,
        is_forced: force,
        allowed: allow,
        is_yes: context.is_yes,
        bind: needs.bindings()?,
        servers: needs.mode(),
    };
    let outcome = install(&context.session, &options, &mut context.ui)?;
    if context.ui.is_json() {
        context.ui.json(&to_json(&outcome))?;
    } else {
        show(&outcome, options.specs.is_empty(), context);
        if !outcome.gone.agents.is_empty() && !outcome.is_dry_run {
            context
                .ui
                .note(format!("{DIM}Undo with `agentpkg undo`.{DIM:#}"));
        }
    }
    if outcome.changes > 0 && !outcome.is_dry_run {
        duplicates::warn(&context.session, &mut context.ui);
    }
    for failure in &outcome.refused {
        context.ui.failure(failure);
    }
    match outcome.refused.first() {
        Some(first) => {
            let (left, noun) = (
                outcome.refused.len(),
                if outcome.refused.len() == 1 {
                    "name was"
                } else {
                    "names were"
                },
            );
            Err(Failure::new(
                first.kind(),
                format!("{left} {noun} not installed; the rest is"),
            ))
        }
        None => Ok(()),
    }
}

fn show(outcome: &InstallOutcome, is_whole: bool, context: &mut Context) {
    let changed: Vec<&PlannedAgent> = outcome
        .agents
        .iter()
        .filter(|agent| matches!(agent.action, Action::Install | Action::Replace))
        .collect();
    let ui = &mut context.ui;
    for agent in &changed {
        let locked = &agent.locked;
        ui.status(
            "Resolved",
            format!("{CYAN}{}{CYAN:#} {}", agent.name, resolved(agent)),
        );
        for adaptation in &locked.adaptations {
            if let Some(field) = adaptation.strip_prefix("repair:") {
                ui.status(
                    "Repaired",
                    format!(
                        "{}: the client would skip the file as upstream wrote it",
                        sanitize(field)
                    ),
                );
            } else if let Some(from) = adaptation.strip_prefix("rename:") {
                ui.status("Renamed", format!("{} -> {}", sanitize(from), agent.name));
            }
        }
        let verb = match (outcome.is_dry_run, agent.action) {
            (true, _) => "Would write",
            (false, Action::Replace) => "Replaced",
            (false, _) => "Installed",
        };
        ui.status(verb, &agent.path);
        for gain in agent.gains.iter().filter(|_| outcome.is_dry_run) {
            ui.note(format!(
                "{:13}{YELLOW}+ {}{YELLOW:#}  {DIM}{}{DIM:#}",
                "",
                sanitize(&gain.to_string()),
                sanitize(&gain.meaning())
            ));
        }
    }
    if let Some(report) = &outcome.needs {
        needs::show_done(report, outcome.is_dry_run, ui);
    }
    show_gone(&outcome.gone, outcome.is_dry_run, ui);
    if changed.is_empty() {
        let mut agents: Vec<&PlannedAgent> = outcome
            .agents
            .iter()
            .filter(|agent| agent.is_named)
            .collect();
        if agents.is_empty() {
            agents = outcome.agents.iter().collect();
        }
        let edited = agents
            .iter()
            .filter(|agent| agent.action == Action::Edited)
            .count();
        let total = agents.len();
        let note = if edited > 0 {
            format!(", {edited} with your edits")
        } else {
            String::new()
        };
        match total {
            0 if !outcome.gone.agents.is_empty() => {}
            0 if is_whole => {
                ui.note("Nothing is wanted yet. Try `agentpkg install backend-architect`, or `agentpkg list --available`.");
            }
            1 => {
                let agent = agents[0];
                let newest = agent
                    .newest_of
                    .as_ref()
                    .map(|request| format!(" {}, newest of {request}", version(&agent.locked)));
                ui.status(
                    "Unchanged",
                    format!("{}{}{note}", agent.name, newest.unwrap_or_default()),
                );
            }
            _ => ui.status("Unchanged", format!("{total} agents{note}")),
        }
        if outcome.is_manifest_changed {
            ui.status(
                if outcome.is_dry_run {
                    "Would change"
                } else {
                    "Changed"
                },
                "agentpkg.toml",
            );
        }
        if let Some(report) = &outcome.needs {
            needs::show(report, false, ui);
        }
        return;
    }
    match &outcome.verdict {
        Some(Verdict::Loads(loaded)) => {
            ui.note("");
            for line in labelled("may use", &tools(loaded.tools.as_deref()), ui.columns()) {
                ui.note(line);
            }
            let can = abilities(loaded.tools.as_deref());
            if !can.is_empty() {
                ui.note(format!("  can       {can}"));
            }
            if !loaded.security.is_empty() {
                ui.note(format!(
                    "  {YELLOW}allowed{YELLOW:#}   {}",
                    loaded.security.join(", ")
                ));
            }
            if let Some(report) = &outcome.needs {
                needs::show(report, false, ui);
            }
            if !outcome.is_dry_run {
                let name = one_line(&loaded.name, 60);
                ui.note(format!(
                    "\nTry it in Claude Code: \"use the {name} agent to ...\"."
                ));
            }
        }
        Some(Verdict::Skipped(reason)) => {
            ui.warn(format!("the client ignores it as it is: {reason}; leave out `--verbatim` to have it repaired"));
        }
        None => {
            if let Some(report) = &outcome.needs {
                needs::show(report, true, ui);
            }
        }
    }
}

/// Which version of an agent was found where, and what it takes the place of.
fn resolved(agent: &PlannedAgent) -> String {
    let PlannedAgent { locked, before, .. } = agent;
    let newest = agent
        .newest_of
        .as_ref()
        .map(|request| format!(", newest of {request}"))
        .unwrap_or_default();
    match before
        .as_ref()
        .filter(|before| before.sha256 != locked.sha256 || before.source != locked.source)
    {
        Some(before) if before.source != locked.source => {
            format!("{}{newest}", sanitize(&change(before, locked)))
        }
        Some(before) if before.version.is_some() || before.commit.is_some() => {
            format!(
                "{}{newest} {DIM}({}){DIM:#}",
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

/// Version or commit; empty if there is neither.
fn version(locked: &LockedAgent) -> String {
    locked
        .version
        .clone()
        .or_else(|| locked.commit.map(|commit| commit.short()))
        .unwrap_or_default()
}

/// A text behind a label, wrapped at spaces.
#[must_use]
pub fn labelled(label: &str, text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() + 12 > columns {
            lines.push(word.to_owned());
        } else {
            let gap = if line.is_empty() { "" } else { " " };
            line.push_str(gap);
            line.push_str(word);
        }
    }
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels
        .zip(lines)
        .map(|(label, line)| format!("  {label:<8}  {line}"))
        .collect()
}

/// What the tools let it do, in a few words; empty: it only reads.
#[must_use]
pub fn abilities(tools: Option<&[String]>) -> String {
    let Some(tools) = tools else {
        return "run any command, change files, reach the network".to_owned();
    };
    let mut words: Vec<String> = Vec::new();
    for tool in tools.iter().filter(|tool| !tool.starts_with("mcp__")) {
        let meaning = Gain::Tool(tool.clone()).meaning();
        if let Some(word) = meaning
            .strip_prefix("can ")
            .map(str::to_owned)
            .filter(|word| !words.contains(word))
        {
            words.push(word);
        }
    }
    words.join(", ")
}

/// The tools in words: built-in ones by name, those of MCP servers counted.
#[must_use]
pub fn tools(tools: Option<&[String]>) -> String {
    let Some(tools) = tools else {
        return "every tool (it has no `tools` line)".to_owned();
    };
    if tools.is_empty() {
        return "no tool".to_owned();
    }
    let (mcp, own): (Vec<&String>, Vec<&String>) =
        tools.iter().partition(|tool| tool.starts_with("mcp__"));
    let servers: std::collections::BTreeSet<&str> = mcp
        .iter()
        .filter_map(|tool| tool.trim_start_matches("mcp__").split("__").next())
        .collect();
    let own = if own.len() > 12 {
        format!("{} tools", own.len())
    } else {
        own.iter()
            .map(|tool| sanitize(tool))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let of_servers = format!(
        "{} of {}",
        counted(mcp.len(), "tool"),
        counted(servers.len(), "MCP server")
    );
    match (own.is_empty(), mcp.is_empty()) {
        (_, true) => own,
        (true, false) => of_servers,
        (false, false) => format!("{own}, {of_servers}"),
    }
}

fn to_json(outcome: &InstallOutcome) -> serde_json::Value {
    let agent = |agent: &PlannedAgent| {
        let action = match agent.action {
            Action::Install => "install",
            Action::Replace => "replace",
            Action::Keep => "keep",
            Action::Edited => "edited",
        };
        let locked = &agent.locked;
        json!({
            "name": agent.name.as_str(), "action": action, "path": agent.path, "registry": locked.registry.as_ref().map(super::super::domain::name::RegistryName::as_str),
            "source": locked.source, "file": locked.file, "version": locked.version, "commit": locked.commit.map(|id| id.to_string()),
            "sha256": locked.sha256.to_string(), "base": locked.base.to_string(), "adaptations": locked.adaptations, "allowed": locked.allowed,
            "from": agent.before.as_ref().map(version),
            "gains": agent.gains.iter().map(|gain| json!({ "what": gain.to_string(), "meaning": gain.meaning(), "allow": gain.word() })).collect::<Vec<_>>(),
        })
    };
    let refused = |failure: &Failure| json!({ "message": failure.to_string(), "details": failure.details(), "hints": failure.hints().iter().map(ToString::to_string).collect::<Vec<_>>() });
    let mut document = json!({
        "schema_version": JSON_VERSION, "dry_run": outcome.is_dry_run, "changes": outcome.changes,
        "agents": outcome.agents.iter().map(agent).collect::<Vec<_>>(), "refused": outcome.refused.iter().map(refused).collect::<Vec<_>>(),
        "needs": outcome.needs.as_ref().map(needs::to_json),
    });
    insert_gone(&outcome.gone, &mut document);
    document
}

#[cfg(test)]
mod tests {
    use super::tools;

    #[test]
    fn one_of_a_kind_is_said_as_one() {
        let of = |list: &[&str]| {
            tools(Some(
                &list
                    .iter()
                    .map(|tool| (*tool).to_owned())
                    .collect::<Vec<_>>(),
            ))
        };
        assert_eq!(of(&["mcp__a__b"]), "1 tool of 1 MCP server");
        assert_eq!(
            of(&["Read", "mcp__a__b", "mcp__a__c"]),
            "Read, 2 tools of 1 MCP server"
        );
        assert_eq!(of(&["mcp__a__b", "mcp__c__d"]), "2 tools of 2 MCP servers");
    }
}
