//! What an update did, in Markdown, for the text of a pull request.
//!
//! Names, subjects of commits and messages come from others. They stand in code, where they cannot be links, mentions or HTML.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::outcome::words;
use super::{Context, check};
use crate::domain::capability::Gain;
use crate::domain::count::counted;
use crate::domain::shell::Command;
use crate::error::{Failure, Result};
use crate::fs;
use crate::ops::gone::GoneAgent;
use crate::ops::past::Changed;
use crate::ops::update::{ChangedAgent, Outcome, Status};
use crate::ui::{one_line, sanitize};

/// How many commits of one agent are listed.
const COMMITS: usize = 20;
/// How wide the findings of `check` are.
const COLUMNS: usize = 80;
/// How long a summary may be, in bytes: the hosts of repositories refuse longer texts of pull requests.
const LONGEST: usize = 60_000;

/// A summary that is written when the command ends.
#[derive(Debug)]
pub(super) struct Summary {
    path: PathBuf,
}

impl Summary {
    /// A summary in a file. Its folder must exist, which is checked before anything is changed.
    pub(super) fn new(file: &Path, context: &Context) -> Result<Self> {
        let path = context.session.environment.current_folder.join(file);
        let shown = sanitize(&file.display().to_string());
        if fs::is_folder(&path) {
            return Err(Failure::usage(format!("`--summary {shown}` is a folder"))
                .hint("name a file in it, for example summary.md"));
        }
        if !path.parent().is_some_and(fs::is_folder) {
            return Err(Failure::usage(format!(
                "the folder of `--summary {shown}` does not exist"
            ))
            .hint("create it, or name another file"));
        }
        Ok(Self { path })
    }

    /// Writes the file, however the command ended, and returns how it ended. `outcome`: `None` if it ended before it changed anything.
    pub(super) fn write(
        self,
        outcome: Option<&Outcome>,
        is_dry_run: bool,
        ended: Result<()>,
        context: &mut Context,
    ) -> Result<()> {
        let text = text(outcome, is_dry_run, ended.as_ref().err(), context);
        let written = fs::replace(&self.path, text.as_bytes(), false);
        match (ended, written) {
            (ended, Ok(())) => ended,
            (Ok(()), Err(error)) => {
                Err(error.and_so("the update ended, but its summary is missing"))
            }
            (Err(failure), Err(error)) => {
                context.ui.failure(&error);
                Err(failure)
            }
        }
    }
}

fn text(
    outcome: Option<&Outcome>,
    is_dry_run: bool,
    failure: Option<&Failure>,
    context: &mut Context,
) -> String {
    let mut text = "# Agent updates\n".to_owned();
    if is_dry_run {
        text.push_str("\nThis was a dry run: nothing was written.\n");
    }
    if let Some(outcome) = outcome {
        let is_news = |agent: &&ChangedAgent| agent.status != Status::Current;
        let news: Vec<&ChangedAgent> = outcome.agents.iter().filter(is_news).collect();
        overview(&mut text, &news, outcome.agents.len(), is_dry_run);
        upstream(&mut text, &news);
        permissions(&mut text, &news, is_dry_run);
        merges(&mut text, &news);
    }
    left(&mut text, outcome, failure, context);
    findings(&mut text, context);
    let rest = ["status", "check"].map(|name| context.ui.command(&Command::new([name])));
    cut(text, &rest)
}

/// Each agent that is not up to date, with its versions and what became of it.
fn overview(text: &mut String, news: &[&ChangedAgent], count: usize, is_dry_run: bool) {
    if !news.is_empty() {
        text.push_str("\n| agent | before | after | result |\n|---|---|---|---|\n");
    }
    for agent in news {
        let (verb, note) = words(agent, is_dry_run);
        let note = if note.is_empty() {
            note
        } else {
            format!(", {}", escaped(&note))
        };
        let [before, after] = [&agent.from, &agent.to].map(|version| in_table(version));
        let name = in_table(agent.name.as_str());
        let _ = writeln!(text, "| {name} | {before} | {after} | {verb}{note} |");
    }
    match count - news.len() {
        0 if count == 0 => text.push_str("\nNo agent is installed.\n"),
        0 => {}
        1 => text.push_str("\n1 agent is up to date.\n"),
        current => {
            let _ = writeln!(text, "\n{current} agents are up to date.");
        }
    }
}

/// The commits that changed the agents since the installed versions, and what else happened to them upstream.
fn upstream(text: &mut String, news: &[&ChangedAgent]) {
    let is_told = |agent: &&&ChangedAgent| agent.changed.is_some() || !agent.notes.is_empty();
    let mut is_first = true;
    for agent in news.iter().filter(is_told) {
        if std::mem::take(&mut is_first) {
            text.push_str("\n## What changed upstream\n");
        }
        let _ = writeln!(text, "\n{}\n", code(agent.name.as_str()));
        for note in &agent.notes {
            let _ = writeln!(text, "- {}", escaped(note));
        }
        if let Some(changed) = &agent.changed {
            commits(text, changed);
        }
    }
}

fn commits(text: &mut String, changed: &Changed) {
    for step in changed.steps.iter().take(COMMITS) {
        let (commit, subject) = (step.commit.short(), code(&step.subject));
        let _ = writeln!(text, "- `{commit}` {} {subject}", step.day);
    }
    let more = changed.steps.len().saturating_sub(COMMITS);
    if changed.steps.is_empty() {
        let _ = writeln!(text, "- {}", code(&changed.words()));
    } else if more > 0 {
        let _ = writeln!(text, "- and {}", counted(more, "earlier commit"));
    } else if !changed.is_complete {
        text.push_str("- Earlier commits were not fetched.\n");
    }
}

/// What agents may do now, or would like to, and could not do before.
fn permissions(text: &mut String, news: &[&ChangedAgent], is_dry_run: bool) {
    let is_asking = |agent: &&&ChangedAgent| !agent.gains.is_empty() || !agent.powers.is_empty();
    let mut is_first = true;
    for agent in news.iter().filter(is_asking) {
        if std::mem::take(&mut is_first) {
            text.push_str("\n## New permissions\n");
        }
        let state = match (agent.is_written(), is_dry_run) {
            (_, true) => "requests",
            (true, false) => "was granted",
            (false, false) => "requests, and does not have yet",
        };
        let _ = writeln!(text, "\n{} {state}:\n", code(agent.name.as_str()));
        let gains: &[Gain] = if agent.powers.is_empty() {
            &agent.gains
        } else {
            &agent.powers
        };
        for gain in gains {
            let meaning = escaped(&gain.meaning());
            let _ = writeln!(text, "- {}: {meaning}", code(&gain.to_string()));
        }
    }
}

/// Where upstream's changes and the edits of this project were merged.
fn merges(text: &mut String, news: &[&ChangedAgent]) {
    let is_merged = |agent: &&&ChangedAgent| agent.status == Status::Merged;
    let mut is_first = true;
    for agent in news.iter().filter(is_merged) {
        if std::mem::take(&mut is_first) {
            text.push_str("\n## Merged with the edits of this project\n\n");
        }
        let _ = write!(text, "- {}: ", code(agent.name.as_str()));
        let edits = counted(agent.edits, "edit");
        let mut parts = vec![format!("{edits} kept")];
        for conflict in &agent.conflicts {
            parts.push(format!("conflict in {} decided", code(&conflict.unit)));
        }
        for (rule, unit) in &agent.rules {
            let how = match *rule {
                "set" => "merged as a set",
                "sentences" => "merged sentence by sentence",
                "neighbours" => "has adjacent edits of both sides",
                _ => "was moved by one side and edited by the other",
            };
            parts.push(format!("{} {how}", code(unit)));
        }
        let _ = writeln!(text, "{}", parts.join("; "));
    }
}

/// What a person has to decide, and the commands for it.
fn left(
    text: &mut String,
    outcome: Option<&Outcome>,
    failure: Option<&Failure>,
    context: &Context,
) {
    let failures = outcome.map_or(&[][..], |outcome| outcome.failures.as_slice());
    let failures = failures.iter().chain(failure);
    let shown: Vec<String> = failures
        .map(|failure| plain(&context.ui.failure_text(failure)))
        .collect();
    let agents = outcome.map_or(&[][..], |outcome| outcome.agents.as_slice());
    let is_open = |agent: &&ChangedAgent| {
        matches!(agent.status, Status::Skipped | Status::Marked) && !agent.conflicts.is_empty()
    };
    let open: Vec<&ChangedAgent> = agents.iter().filter(is_open).collect();
    let departed = agents.iter().filter(|agent| agent.status == Status::Gone);
    let departed: Vec<&GoneAgent> = departed.filter_map(|agent| agent.gone.as_ref()).collect();
    if shown.is_empty() && open.is_empty() && departed.is_empty() {
        return;
    }
    text.push_str("\n## Left to do\n");
    if !open.is_empty() || !departed.is_empty() {
        text.push('\n');
    }
    for gone in departed {
        let (name, advice) = (
            code(&gone.name.to_string()),
            context.ui.advice(&gone.advice()),
        );
        let _ = writeln!(text, "- {name} is gone upstream: {}", code(&advice));
    }
    for agent in open {
        for conflict in &agent.conflicts {
            let (name, unit) = (code(agent.name.as_str()), code(&conflict.unit));
            let reason = escaped(&conflict.reason);
            let _ = writeln!(text, "- {name}: conflict in {unit}: {reason}");
        }
    }
    if !shown.is_empty() {
        let shown: Vec<&str> = shown.iter().map(|text| text.trim_end()).collect();
        fenced(text, &shown.join("\n\n"));
    }
}

/// What `check` finds after the update.
fn findings(text: &mut String, context: &mut Context) {
    text.push_str("\n## Check\n");
    match check::findings(context, COLUMNS) {
        Ok(lines) if lines.is_empty() => text.push_str("\nNo problems found.\n"),
        Ok(lines) => fenced(text, &plain(&lines.join("\n"))),
        Err(failure) => fenced(text, &plain(&context.ui.failure_text(&failure))),
    }
}

/// A text of several lines in code.
fn fenced(text: &mut String, content: &str) {
    let fence = "`".repeat(longest_run(content).max(2) + 1);
    let _ = writeln!(text, "\n{fence}text\n{content}\n{fence}");
}

/// A text in code, on one line.
fn code(text: &str) -> String {
    let text = one_line(text, 200);
    if text.is_empty() {
        return text;
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    let gap = if text.contains('`') { " " } else { "" };
    format!("{fence}{gap}{text}{gap}{fence}")
}

/// The same in a table, where a bar would end the cell even in code.
fn in_table(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// How many backticks follow each other at most.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// Words of this program in which something of others may be quoted.
fn escaped(text: &str) -> String {
    let text = sanitize(text);
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            // A mention that somebody is not notified of needs more than a backslash.
            '@' | '#' => {
                escaped.push('`');
                escaped.push(c);
                escaped.push('`');
            }
            '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '!' | '`' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\n' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// The text, cut at the end of a line if it is too long. `rest`: the commands that show the rest.
fn cut(text: String, rest: &[String; 2]) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let mut cut = String::new();
    let mut fence = None;
    for line in text.lines() {
        if cut.len() + line.len() > LONGEST {
            break;
        }
        if line.starts_with("```") {
            let is_end = fence.take().is_some();
            fence = (!is_end).then(|| line.trim_end_matches("text").to_owned());
        }
        cut.push_str(line);
        cut.push('\n');
    }
    if let Some(fence) = fence {
        let _ = writeln!(cut, "{fence}");
    }
    let [status, check] = rest;
    let _ = writeln!(
        cut,
        "\nThe rest is too long for this summary; `{status}` and `{check}` show it."
    );
    cut
}
