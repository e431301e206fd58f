//! `agentpkg update`.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::merge_file;
use super::needs::{self, NeedsArgs};
use super::remove::{insert_gone, show_gone};
use super::{Context, JSON_VERSION};
use crate::domain::count::counted;
use crate::domain::version::VersionRequest;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::duplicates;
use crate::ops::typed::Typed;
use crate::ops::update::{Conflicts, Status, UpdateOptions, UpdateOutcome, UpdatedAgent, update};
use crate::ui::{CYAN, DIM, YELLOW, sanitize};

/// Update agents, and merge upstream's changes with your own
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg update                        all agents
  agentpkg update code-reviewer          one of them
  agentpkg update code-reviewer --to ^2  a version, from now on
  agentpkg update --conflicts=markers    decide conflicts later, in files
  agentpkg update --check                exit 5 if there is something newer")]
pub struct UpdateArgs {
    /// The names, as `agentpkg list` shows them; all if there are none
    #[arg(value_name = "NAME", add = super::complete::installed())]
    pub names: Vec<String>,
    /// The version to have from now on, for example ^2 or a branch
    #[arg(long, value_name = "VERSION", requires = "names", add = super::complete::versions())]
    pub to: Option<String>,
    /// What to do with conflicts
    #[arg(long, value_name = "HOW", value_enum)]
    pub conflicts: Option<ConflictsArg>,
    /// Decide every conflict for your version
    #[arg(long, conflicts_with_all = ["theirs", "conflicts"])]
    pub ours: bool,
    /// Decide every conflict for upstream's version
    #[arg(long, conflicts_with = "conflicts")]
    pub theirs: bool,
    /// Allow new powers: tool names, `hooks`, `permissionMode`, `mcpServers`, or `all`
    #[arg(long, value_name = "WHAT", value_delimiter = ',', add = super::complete::powers())]
    pub allow: Vec<String>,
    /// The servers that they need.
    #[command(flatten)]
    pub needs: NeedsArgs,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Write nothing; exit 5 if there is something newer
    #[arg(long)]
    pub check: bool,
}

/// What `--conflicts` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConflictsArg {
    /// Write nothing at all
    Fail,
    /// Update the other agents; those that would gain a power stay as they are, too
    Skip,
    /// Put the file aside with conflict markers, for `agentpkg resolve`
    Markers,
}

/// Runs the command.
pub fn run(args: &UpdateArgs, context: &mut Context) -> Result<()> {
    let to = args.to.as_deref().map(VersionRequest::parse).transpose();
    let to = to.map_err(|error| {
        Failure::usage(error.to_string())
            .hint("write a version like `1.2.0`, a requirement like `^1.2`, a branch or a commit")
    })?;
    let typed = typed(args);
    let options = UpdateOptions {
        typed: typed.clone(),
        is_update: true,
        names: args.names.clone(),
        to,
        conflicts: match (args.ours, args.theirs, args.conflicts) {
            (true, ..) => Conflicts::Ours,
            (_, true, _) => Conflicts::Theirs,
            (.., Some(ConflictsArg::Fail)) => Conflicts::Fail,
            (.., Some(ConflictsArg::Skip)) => Conflicts::Skip,
            (.., Some(ConflictsArg::Markers)) => Conflicts::Markers,
            (.., None) => Conflicts::Ask,
        },
        is_dry_run: args.dry_run || args.check,
        allowed: args.allow.clone(),
        is_yes: context.is_yes,
        bind: args.needs.bindings()?,
        servers: args.needs.mode(),
    };
    let outcome = update(&context.session, &options, &mut context.ui)?;
    if context.ui.is_json() {
        context.ui.json(&to_json(&outcome, options.is_dry_run))?;
    } else {
        show(&outcome, options.is_dry_run, context);
    }
    if outcome.changes > 0 && !options.is_dry_run {
        duplicates::warn(&context.session, &mut context.ui);
    }
    for failure in &outcome.failures {
        context.ui.failure(failure);
    }
    if args.check && outcome.failures.is_empty() {
        let newer = outcome
            .agents
            .iter()
            .filter(|agent| agent.status != Status::Current && agent.status != Status::Gone)
            .count();
        let hint = Advice::say("run ").and_run(typed.again());
        return match newer {
            0 => Ok(()),
            1 => Err(Failure::new(Kind::Check, "1 agent is not up to date").hint(hint)),
            count => Err(
                Failure::new(Kind::Check, format!("{count} agents are not up to date")).hint(hint),
            ),
        };
    }
    if options.is_dry_run && outcome.failures.is_empty() {
        return Ok(());
    }
    outcome.verdict(&|names| typed.asking().naming(names.iter().copied()).again())
}

/// The command as it was typed.
fn typed(args: &UpdateArgs) -> Typed {
    let conflicts = args.conflicts.map(|how| {
        let how = how.to_possible_value();
        format!(
            "--conflicts={}",
            how.as_ref().map_or("", |how| how.get_name())
        )
    });
    let mut words: Vec<&str> = Vec::new();
    words.extend(args.to.iter().flat_map(|to| ["--to", to.as_str()]));
    words.extend(args.needs.words());
    Typed {
        command: "update".to_owned(),
        names: args.names.clone(),
        options: words.into_iter().map(str::to_owned).collect(),
        conflicts: (args.ours.then(|| "--ours".to_owned()).into_iter())
            .chain(args.theirs.then(|| "--theirs".to_owned()))
            .chain(conflicts)
            .collect(),
        allowed: args.allow.clone(),
        ..Typed::default()
    }
}

pub(super) fn show(outcome: &UpdateOutcome, is_dry_run: bool, context: &mut Context) {
    let ui = &mut context.ui;
    if outcome.sources > 0 {
        ui.status("Checked", counted(outcome.sources, "source"));
    }
    let changed: Vec<&UpdatedAgent> = outcome
        .agents
        .iter()
        .filter(|agent| agent.status != Status::Current)
        .collect();
    let width = changed
        .iter()
        .map(|agent| agent.name.as_str().len())
        .max()
        .unwrap_or(0);
    let between = changed
        .iter()
        .map(|agent| versions(agent).len())
        .max()
        .unwrap_or(0);
    for agent in &changed {
        let (verb, note) = words(agent, is_dry_run);
        let mut line = format!("{CYAN}{}{CYAN:#}", agent.name);
        let mut gap = width - agent.name.as_str().len() + 2;
        // Nothing is padded that nothing follows.
        for (column, text) in [(between, versions(agent)), (0, note)] {
            if !text.is_empty() {
                let _ = write!(line, "{:gap$}{DIM}{}{DIM:#}", "", sanitize(&text));
                gap = 0;
            }
            gap += if column > 0 {
                column - text.len() + 2
            } else {
                0
            };
        }
        if matches!(
            agent.status,
            Status::Skipped | Status::Marked | Status::Gone | Status::BaseLost
        ) {
            ui.attention(verb, line);
        } else {
            ui.status(verb, line);
        }
        for note in &agent.notes {
            ui.note(format!("{:13}{DIM}{}{DIM:#}", "", sanitize(note)));
        }
        if is_dry_run {
            for conflict in &agent.conflicts {
                ui.note(format!(
                    "{:13}{YELLOW}conflict{YELLOW:#} {}  {DIM}{}{DIM:#}",
                    "",
                    sanitize(&conflict.unit),
                    sanitize(&conflict.reason)
                ));
            }
            for gain in &agent.gains {
                let (gain, meaning) = (sanitize(&gain.to_string()), sanitize(&gain.meaning()));
                ui.note(format!(
                    "{:13}{YELLOW}+ {gain}{YELLOW:#}  {DIM}{meaning}{DIM:#}",
                    ""
                ));
            }
        }
    }
    let current = outcome.agents.len() - changed.len();
    if current > 0 {
        let what = match outcome
            .agents
            .iter()
            .find(|agent| agent.status == Status::Current)
        {
            Some(agent) if current == 1 => agent.name.to_string(),
            _ => counted(current, "agent"),
        };
        ui.status("Kept", format!("{what}  {DIM}up to date{DIM:#}"));
    }
    if outcome.agents.is_empty() && outcome.failures.is_empty() && outcome.gone.agents.is_empty() {
        ui.note("Nothing is installed yet. Try `agentpkg install backend-architect`.");
    }
    needs::show_done(&outcome.needs, is_dry_run, ui);
    show_gone(&outcome.gone, is_dry_run, ui);
    needs::show(&outcome.needs, true, ui);
    let is_written = changed.iter().any(|agent| {
        matches!(
            agent.status,
            Status::Updated | Status::Merged | Status::Installed
        )
    });
    if (is_written || !outcome.gone.agents.is_empty()) && !is_dry_run {
        ui.note(format!("{DIM}Undo with `agentpkg undo`.{DIM:#}"));
    }
}

/// From which version to which.
fn versions(agent: &UpdatedAgent) -> String {
    match (
        agent.from.is_empty(),
        agent.to.is_empty() || agent.from == agent.to,
    ) {
        (_, true) => agent.from.clone(),
        (true, false) => agent.to.clone(),
        (false, false) => format!("{} -> {}", agent.from, agent.to),
    }
}

/// The verb and the note of an agent.
fn words(agent: &UpdatedAgent, is_dry_run: bool) -> (&'static str, String) {
    let edits = match agent.edits {
        0 => String::new(),
        1 => "your edit kept".to_owned(),
        count => format!("your {count} edits kept"),
    };
    let open = match agent.conflicts.len() {
        0 => edits.clone(),
        count => counted(count, "conflict"),
    };
    match (agent.status, is_dry_run) {
        (Status::Updated, true) => ("Would update", String::new()),
        (Status::Merged, true) => ("Would merge", open),
        (Status::Installed, true) => ("Would add", String::new()),
        (Status::Updated, false) => ("Updated", String::new()),
        (Status::Merged, false) if agent.conflicts.is_empty() => ("Merged", edits),
        (Status::Merged, false) => ("Merged", "conflicts decided".to_owned()),
        (Status::Installed, false) => ("Installed", String::new()),
        (Status::Marked, _) => (
            "Put aside",
            format!(".agentpkg/conflicts/{}", agent.name.file_name()),
        ),
        (Status::Skipped, _) => ("Skipped", open),
        (Status::Gone, _) => (
            "Gone",
            "upstream no longer has it; your file stays".to_owned(),
        ),
        (Status::BaseLost, _) => ("Not merged", String::new()),
        (Status::Current, _) => ("Kept", String::new()),
    }
}

pub(super) fn to_json(outcome: &UpdateOutcome, is_dry_run: bool) -> serde_json::Value {
    let agent = |agent: &UpdatedAgent| {
        json!({
            "name": agent.name.as_str(), "status": status_name(agent.status), "from": agent.from, "to": agent.to,
            "edits": agent.edits, "base_origin": agent.base, "notes": agent.notes,
            "conflicts": agent.conflicts.iter().map(merge_file::conflict_to_json).collect::<Vec<_>>(),
            "gains": agent.gains.iter().map(|gain| json!({ "what": gain.to_string(), "meaning": gain.meaning(), "allow": gain.word() })).collect::<Vec<_>>(),
            "automatic": agent.rules.iter().map(|(rule, unit)| json!({ "rule": rule, "unit": unit })).collect::<Vec<_>>(),
        })
    };
    let failure = |failure: &Failure| json!({ "message": failure.to_string(), "details": failure.details(), "hints": failure.hints().iter().map(ToString::to_string).collect::<Vec<_>>() });
    let mut document = json!({
        "schema_version": JSON_VERSION, "dry_run": is_dry_run, "sources": outcome.sources, "changes": outcome.changes,
        "agents": outcome.agents.iter().map(agent).collect::<Vec<_>>(),
        "failures": outcome.failures.iter().map(failure).collect::<Vec<_>>(), "needs": needs::to_json(&outcome.needs),
    });
    insert_gone(&outcome.gone, &mut document);
    document
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Current => "current",
        Status::Updated => "updated",
        Status::Merged => "merged",
        Status::Installed => "installed",
        Status::Marked => "marked",
        Status::Skipped => "skipped",
        Status::Gone => "gone",
        Status::BaseLost => "base-lost",
    }
}
