//! `agentpkg check`.

use anstyle::Style;
use clap::Args;
use serde::Serialize;

use super::outcome::removed;
use super::{Context, needs};
use crate::domain::count::counted;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::adopt::dry_run_of_all;
use crate::ops::check::{CheckOutcome, Finding, Fix, Fixing, Level, check};
use crate::ui::{CYAN, DIM, DocumentName, RED, Ui, YELLOW, sanitize, wrapped};

/// Check all agents for what is missing, left over, or edited by hand
///
/// Reads files only: it uses no network and starts nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg check                        exit 4 if an agent does not work
  agentpkg check --strict               exit 4 also for warnings
  agentpkg check --project-only --json  for continuous integration
  agentpkg check --fix                  removes servers that nothing needs")]
pub struct CheckArgs {
    /// Exit 4 also for warnings
    #[arg(long)]
    pub strict: bool,
    /// Ignore what depends on this machine: programs on PATH, variables, your own settings
    #[arg(long)]
    pub project_only: bool,
    /// Remove servers from .mcp.json that agentpkg added, that are unchanged and that no agent needs
    #[arg(long)]
    pub fix: bool,
    /// With --fix: show what would be removed, and stop
    #[arg(long, requires = "fix")]
    pub dry_run: bool,
}

/// Runs the command.
pub fn run(args: &CheckArgs, context: &mut Context) -> Result<()> {
    let fixing = match (args.fix, args.dry_run) {
        (false, _) => Fixing::No,
        (true, true) => Fixing::DryRun,
        (true, false) => Fixing::Yes,
    };
    let mut outcome = check(&context.session, fixing, &mut context.ui)?;
    if args.project_only {
        outcome.findings.retain(|finding| !finding.is_about_machine);
    }
    if context.ui.is_json() {
        let document = document(&outcome, args.dry_run, &context.ui);
        context.ui.json(DocumentName::Check, &document)?;
    } else {
        show(&outcome, args.dry_run, context)?;
    }
    if context.ui.is_interrupted() {
        return Err(Failure::failed("a command was interrupted here")
            .hint(Advice::run(Command::new(["recover"])).and(" ends it")));
    }
    let count = |level: Level| {
        let findings = outcome.findings.iter();
        findings.filter(|finding| finding.level == level).count()
    };
    let errors = count(Level::Error) + usize::from(outcome.broken_file.is_some());
    let warnings = count(Level::Warning);
    if errors + if args.strict { warnings } else { 0 } == 0 {
        return Ok(());
    }
    let what = match (errors, warnings) {
        (0, warnings) => counted(warnings, "warning"),
        (errors, 0) => counted(errors, "error"),
        (errors, warnings) => format!(
            "{} and {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    };
    Err(Failure::new(
        Kind::Consent,
        format!("the agents of this project have {what}"),
    ))
}

fn show(outcome: &CheckOutcome, is_dry_run: bool, context: &mut Context) -> Result<()> {
    if !outcome.removed.is_empty() {
        context
            .ui
            .status(removed(is_dry_run), needs::removed(&outcome.removed));
    }
    if let Some(failure) = &outcome.broken_file {
        context.ui.failure(failure);
    }
    let mut rule = None;
    for (index, finding) in outcome.findings.iter().enumerate() {
        if index > 0 || outcome.broken_file.is_some() {
            context.ui.data("")?;
        }
        if finding.rule.is_some() && finding.rule != rule {
            let same = |other: &&Finding| other.rule == finding.rule;
            let count = outcome.findings.iter().filter(same).count();
            let title = format!("policy.{}", finding.rule.unwrap_or_default());
            let count = counted(count, "finding");
            context.ui.data(format!("{title}  {DIM}{count}{DIM:#}"))?;
        }
        rule = finding.rule;
        let fix = finding.fix.as_ref().map(|fix| fix_text(fix, &context.ui));
        for line in lines(finding, fix.as_deref(), context.ui.data_columns()) {
            context.ui.data(line)?;
        }
    }
    if outcome.findings.is_empty() && outcome.broken_file.is_none() {
        let looked = format!(
            "{}, {}",
            counted(outcome.agents, "agent"),
            counted(outcome.servers.len(), "server")
        );
        context.ui.status(
            "Checked",
            format!("{looked}  {DIM}no problems found{DIM:#}"),
        );
    }
    if outcome.unmanaged > 0 {
        let (files, from) = match outcome.unmanaged {
            1 => ("1 file is".to_owned(), "it is"),
            count => (format!("{count} files are"), "they are"),
        };
        let adopt = context.ui.command(&dry_run_of_all());
        context.ui.note(format!(
            "{DIM}{files} unmanaged; `{adopt}` finds out where {from} from.{DIM:#}"
        ));
    }
    Ok(())
}

/// What `check` finds in the project, line by line as it prints it, in plain text. Leaves out what is about this machine.
pub(super) fn findings(context: &mut Context, columns: usize) -> Result<Vec<String>> {
    let outcome = check(&context.session, Fixing::No, &mut context.ui)?;
    let broken = outcome.broken_file.iter();
    let mut text: Vec<String> = broken
        .map(|failure| context.ui.failure_text(failure))
        .collect();
    let of_project = |finding: &&Finding| !finding.is_about_machine;
    for finding in outcome.findings.iter().filter(of_project) {
        let fix = finding.fix.as_ref().map(|fix| fix_text(fix, &context.ui));
        text.extend(lines(finding, fix.as_deref(), Some(columns)));
    }
    Ok(text)
}

/// How much something matters, in a word.
fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

/// How to fix something, in one line. A command that is all there is to do stands without backticks.
fn fix_text(fix: &Fix, ui: &Ui) -> String {
    match fix {
        Fix::Run(command) => ui.command(command),
        Fix::Type(line) => line.clone(),
        Fix::Say(advice) => ui.advice(advice),
    }
}

/// A finding: what, where, and how to fix it, with `fix` as the text. `columns`: how wide words may be; commands are not wrapped.
fn lines(finding: &Finding, fix: Option<&str>, columns: Option<usize>) -> Vec<String> {
    let style = match finding.level {
        Level::Error => RED,
        Level::Warning => YELLOW,
        Level::Note => DIM,
    };
    let word = word(finding.level);
    let subject = sanitize(&finding.subject);
    // Each rule is printed once, above its findings.
    let rule = finding.rule.map(|rule| format!(" (rule `policy.{rule}`)"));
    let message = rule
        .and_then(|rule| finding.message.strip_suffix(&rule))
        .unwrap_or(&finding.message);
    let text = format!("{subject}: {}", sanitize(message));
    let text = columns.map_or_else(
        || vec![text.clone()],
        |columns| wrapped(&text, columns - 11),
    );
    let mut lines: Vec<String> = text
        .iter()
        .map(|line| format!("{:11}{}", "", line.trim_end()))
        .collect();
    let first = lines[0].trim_start();
    let first = first.strip_prefix(&subject).map_or_else(
        || first.to_owned(),
        |rest| format!("{CYAN}{subject}{CYAN:#}{rest}"),
    );
    lines[0] = format!("{style}{word:>9}{style:#}  {first}");
    let line = |text: &str, style: Style| format!("{:11}{style}{}{style:#}", "", text.trim_end());
    let flowed = |text: &str, style: Style| -> Vec<String> {
        let text = sanitize(text);
        let parts = columns.map_or_else(
            || vec![text.clone()],
            |columns| wrapped(&text, columns - 11),
        );
        parts.iter().map(|part| line(part, style)).collect()
    };
    let shown = 3;
    for place in finding.places.iter().take(shown) {
        lines.extend(flowed(place, DIM));
    }
    if finding.places.len() > shown {
        lines.push(format!(
            "{:11}{DIM}and {} more{DIM:#}",
            "",
            finding.places.len() - shown
        ));
    }
    match (fix, &finding.fix) {
        // A command stays on one line, so that it can be pasted.
        (Some(text), Some(Fix::Run(_) | Fix::Type(_))) => lines.push(line(&sanitize(text), CYAN)),
        (Some(text), _) => lines.extend(flowed(text, CYAN)),
        (None, _) => {}
    }
    lines
}

/// What `check --json` prints.
#[derive(Serialize)]
struct CheckDocument<'a> {
    /// Whether `removed_servers` would be taken out, and were not.
    dry_run: bool,
    /// How many were looked at.
    agents: usize,
    servers: Vec<needs::ServerView<'a>>,
    findings: Vec<FindingView<'a>>,
    /// Why the client ignores `.mcp.json`, if it does.
    broken_mcp_file: Option<BrokenFileView<'a>>,
    /// Taken out of `.mcp.json`.
    removed_servers: &'a [String],
}

#[derive(Serialize)]
struct FindingView<'a> {
    /// `error`, `warning` or `note`.
    level: &'static str,
    kind: &'static str,
    subject: &'a str,
    message: &'a str,
    places: &'a [String],
    /// The tools that it is about, if the client does not have them.
    tools: Vec<ToolView<'a>>,
    /// The rule of the policy that it violates.
    rule: Option<&'static str>,
    /// How to fix it: a command, a line for a shell, or words.
    fix: Option<String>,
    /// The commands of agentpkg in `fix`, joined with ` && `.
    command: Option<String>,
}

#[derive(Serialize)]
struct ToolView<'a> {
    name: &'a str,
    /// The tool to name instead.
    now: Option<&'a str>,
}

#[derive(Serialize)]
struct BrokenFileView<'a> {
    message: String,
    place: Option<LocationView<'a>>,
}

#[derive(Serialize)]
struct LocationView<'a> {
    path: &'a str,
    line: usize,
    label: &'a str,
}

impl<'a> FindingView<'a> {
    fn of(finding: &'a Finding, ui: &Ui) -> Self {
        let (fix, command) = match &finding.fix {
            Some(Fix::Run(command)) => {
                let command = ui.command_json(command);
                (Some(command.clone()), Some(command))
            }
            Some(Fix::Type(line)) => (Some(line.clone()), None),
            Some(Fix::Say(advice)) => {
                let hint = ui.hint_json(advice);
                (Some(hint.text), hint.command)
            }
            None => (None, None),
        };
        let tools = finding.tools.iter().map(|tool| ToolView {
            name: &tool.name,
            now: tool.now.as_deref(),
        });
        Self {
            level: word(finding.level),
            kind: finding.kind,
            subject: &finding.subject,
            message: &finding.message,
            places: &finding.places,
            tools: tools.collect(),
            rule: finding.rule,
            fix,
            command,
        }
    }
}

fn document<'a>(outcome: &'a CheckOutcome, is_dry_run: bool, ui: &Ui) -> CheckDocument<'a> {
    let broken = outcome.broken_file.as_ref().map(|failure| BrokenFileView {
        message: failure.to_string(),
        place: failure.location().map(|location| LocationView {
            path: &location.path,
            line: location.line(),
            label: &location.label,
        }),
    });
    let findings = outcome.findings.iter();
    CheckDocument {
        dry_run: is_dry_run,
        agents: outcome.agents,
        servers: outcome.servers.iter().map(Into::into).collect(),
        findings: findings
            .map(|finding| FindingView::of(finding, ui))
            .collect(),
        broken_mcp_file: broken,
        removed_servers: &outcome.removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::UiOptions;

    #[test]
    fn long_words_are_wrapped_and_commands_are_not() {
        let long = "twelve words ".repeat(12);
        let plain = |fix: Fix| -> Vec<String> {
            let finding = Finding {
                level: Level::Error,
                kind: "gone",
                subject: "planner".to_owned(),
                message: "its file is gone".to_owned(),
                places: vec![long.clone()],
                fix: Some(fix),
                tools: Vec::new(),
                rule: None,
                is_about_machine: false,
            };
            let place = ["-C".to_owned(), "here".to_owned()];
            let ui = Ui::new(UiOptions {
                place: place.to_vec(),
                ..UiOptions::default()
            });
            let fix = finding.fix.as_ref().map(|fix| fix_text(fix, &ui));
            lines(&finding, fix.as_deref(), Some(60))
                .iter()
                .map(|line| anstream::adapter::strip_str(line).to_string())
                .collect()
        };
        let shown = plain(Fix::Say(long.as_str().into()));
        assert_eq!(shown[0], "    error  planner: its file is gone");
        assert!(
            shown.len() > 5 && shown.iter().all(|line| line.len() <= 60),
            "{shown:?}"
        );
        let command = plain(Fix::Run(Command::new(["install"]).args(long.split(' '))));
        let command = command.last().unwrap();
        assert!(
            command.starts_with("           agentpkg -C here install twelve words "),
            "{command}"
        );
        let line = plain(Fix::Type(format!("claude mcp add-json {long}")));
        assert!(line.last().unwrap().len() > 100, "{line:?}");
    }
}
