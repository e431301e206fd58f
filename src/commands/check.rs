//! `agentpkg check`.

use anstyle::Style;
use clap::Args;
use serde_json::json;

use super::{Context, JSON_VERSION, needs};
use crate::domain::count::counted;
use crate::error::{Failure, Kind, Result};
use crate::ops::check::{CheckOutcome, Finding, Level, check};
use crate::ui::{CYAN, DIM, RED, YELLOW, sanitize, wrapped};

/// Check all agents against the project: what is missing, left over, or changed by hand
///
/// Looks at files only: no network, nothing is started.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg check                        exit 4 if an agent does not work
  agentpkg check --strict               exit 4 also for warnings
  agentpkg check --project-only --json  for continuous integration
  agentpkg check --fix                  takes out servers that nothing needs")]
pub struct CheckArgs {
    /// Exit 4 also for warnings
    #[arg(long)]
    pub strict: bool,
    /// Leave out what is about this machine: programs on PATH, variables, your own settings
    #[arg(long)]
    pub project_only: bool,
    /// Take servers out of .mcp.json that agentpkg added, that are unchanged and that no agent needs
    #[arg(long)]
    pub fix: bool,
}

/// Runs the command.
pub fn run(args: &CheckArgs, context: &mut Context) -> Result<()> {
    let mut outcome = check(&context.session, args.fix, &mut context.ui)?;
    if args.project_only {
        outcome.findings.retain(|finding| !finding.is_about_machine);
    }
    if context.ui.is_json() {
        context.ui.json(&to_json(&outcome))?;
    } else {
        show(&outcome, context)?;
    }
    if context.ui.is_interrupted() {
        return Err(
            Failure::failed("an interrupted command waits here").hint("`agentpkg recover` ends it")
        );
    }
    let count = |level: Level| {
        outcome
            .findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
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

fn show(outcome: &CheckOutcome, context: &mut Context) -> Result<()> {
    if !outcome.removed.is_empty() {
        context
            .ui
            .status("Removed", needs::removed(&outcome.removed));
    }
    if let Some(failure) = &outcome.broken_file {
        context.ui.failure(failure);
    }
    for (index, finding) in outcome.findings.iter().enumerate() {
        if index > 0 || outcome.broken_file.is_some() {
            context.ui.data("")?;
        }
        let finding = &Finding {
            // It may be nothing but a command, which gets the global options only in backticks.
            mend: finding.mend.as_ref().map(|mend| {
                let placed = context.ui.advice(&format!("`{mend}").into());
                placed.replacen('`', "", 1)
            }),
            ..finding.clone()
        };
        for line in lines(finding, context.ui.data_columns()) {
            context.ui.data(line)?;
        }
    }
    if outcome.findings.is_empty() && outcome.broken_file.is_none() {
        let looked = format!(
            "{}, {}",
            counted(outcome.agents, "agent"),
            counted(outcome.servers.len(), "server")
        );
        context
            .ui
            .status("Checked", format!("{looked}  {DIM}nothing to fix{DIM:#}"));
    }
    Ok(())
}

/// A finding: what, where, and the command that fixes it, which is never wrapped. `columns`: how wide the rest may be.
fn lines(finding: &Finding, columns: Option<usize>) -> Vec<String> {
    let (style, word) = match finding.level {
        Level::Error => (RED, "error"),
        Level::Warning => (YELLOW, "warning"),
        Level::Note => (DIM, "note"),
    };
    let subject = sanitize(&finding.subject);
    let text = format!("{subject}: {}", sanitize(&finding.message));
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
    // A command stays on one line, so that it can be pasted.
    let flowed = |text: &str, style: Style| -> Vec<String> {
        let text = sanitize(text);
        let is_command = ["agentpkg ", "export "]
            .iter()
            .any(|begin| text.starts_with(begin));
        let parts = columns.filter(|_| !is_command).map_or_else(
            || vec![text.clone()],
            |columns| wrapped(&text, columns - 11),
        );
        parts
            .iter()
            .map(|part| format!("{:11}{style}{}{style:#}", "", part.trim_end()))
            .collect()
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
    if let Some(mend) = &finding.mend {
        lines.extend(flowed(mend, CYAN));
    }
    lines
}

fn to_json(outcome: &CheckOutcome) -> serde_json::Value {
    let finding = |finding: &Finding| {
        let level = match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        };
        json!({
            "level": level, "kind": finding.kind, "subject": finding.subject, "message": finding.message, "places": finding.places,
            "mend": finding.mend,
        })
    };
    let broken = outcome.broken_file.as_ref().map(|failure| {
        let place =
            failure.location().map(|location| json!({ "path": location.path, "line": location.line(), "label": location.label }));
        json!({ "message": failure.to_string(), "place": place })
    });
    json!({
        "schema_version": JSON_VERSION, "agents": outcome.agents, "servers": outcome.servers.iter().map(needs::server_json).collect::<Vec<_>>(),
        "findings": outcome.findings.iter().map(finding).collect::<Vec<_>>(), "broken_mcp_file": broken, "removed_servers": outcome.removed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_mends_are_wrapped_and_commands_are_not() {
        let long = "twelve words ".repeat(12);
        let finding = |mend: String| Finding {
            level: Level::Error,
            kind: "gone",
            subject: "planner".to_owned(),
            message: "its file is gone".to_owned(),
            places: vec![long.clone()],
            mend: Some(mend),
            is_about_machine: false,
        };
        let plain = |finding: &Finding| -> Vec<String> {
            lines(finding, Some(60))
                .iter()
                .map(|line| anstream::adapter::strip_str(line).to_string())
                .collect()
        };
        let shown = plain(&finding(long.clone()));
        assert_eq!(shown[0], "    error  planner: its file is gone");
        assert!(
            shown.len() > 5 && shown.iter().all(|line| line.len() <= 60),
            "{shown:?}"
        );
        let command = format!("agentpkg install {long}");
        assert!(plain(&finding(command)).iter().any(|line| line.len() > 100));
    }
}
