//! `agentpkg resolve`.

use clap::Args;
use serde::Serialize;

use super::Context;
use super::outcome::{ChangeDocument, document, finish, show_update};
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::resolve::{How, ResolveOptions, resolve};
use crate::ops::typed::Typed;

/// Finish updates that were put aside with conflict markers
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg resolve                  asks about each conflict
  agentpkg resolve --continue       takes the files as you edited them
  agentpkg resolve --abort planner  gives it up; the file stays as it is")]
pub struct ResolveArgs {
    /// The names; all that wait if there are none
    #[arg(value_name = "NAME", add = super::complete::installed())]
    pub names: Vec<String>,
    /// Take the files with the markers as you edited them
    #[arg(long = "continue", conflicts_with_all = ["abort", "ours", "theirs"])]
    pub is_continue: bool,
    /// Give the updates up
    #[arg(long, conflicts_with_all = ["ours", "theirs"])]
    pub abort: bool,
    /// Decide every conflict for your version
    #[arg(long, conflicts_with = "theirs")]
    pub ours: bool,
    /// Decide every conflict for upstream's version
    #[arg(long)]
    pub theirs: bool,
    /// Allow new powers: tool names, `hooks`, `permissionMode`, `mcpServers`, or `all`
    #[arg(long, value_name = "WHAT", value_delimiter = ',', add = super::complete::powers())]
    pub allow: Vec<String>,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
}

/// The document of the command.
#[derive(Debug, Serialize)]
struct ResolveDocument<'o> {
    #[serde(flatten)]
    change: ChangeDocument<'o>,
    aborted: Vec<String>,
    waiting: usize,
}

/// Runs the command.
pub fn run(args: ResolveArgs, context: &mut Context) -> Result<()> {
    let how = match (args.is_continue, args.abort, args.ours, args.theirs) {
        (true, ..) => How::Continue,
        (_, true, ..) => How::Abort,
        (.., true, _) => How::Ours,
        (.., true) => How::Theirs,
        _ => How::Ask,
    };
    let typed = Typed {
        command: "resolve".to_owned(),
        names: args.names.clone(),
        options: args
            .is_continue
            .then(|| "--continue".to_owned())
            .into_iter()
            .collect(),
        conflicts: (args.ours.then(|| "--ours".to_owned()).into_iter())
            .chain(args.theirs.then(|| "--theirs".to_owned()))
            .collect(),
        allowed: args.allow.clone(),
        ..Typed::default()
    };
    let options = ResolveOptions {
        typed,
        names: args.names,
        how,
        allowed: args.allow,
        is_yes: context.is_yes,
        is_dry_run: args.dry_run,
    };
    let outcome = resolve(&context.session, &options, &mut context.ui)?;
    if context.ui.is_json() {
        let document = ResolveDocument {
            change: document(&outcome.finished, args.dry_run, &context.ui),
            aborted: outcome.aborted.iter().map(ToString::to_string).collect(),
            waiting: outcome.waiting,
        };
        context.ui.json(&document)?;
    } else if outcome.finished.agents.is_empty() && outcome.aborted.is_empty() {
        context.ui.note("No conflicts wait to be resolved.");
    } else if outcome.aborted.is_empty() {
        show_update(&outcome.finished, args.dry_run, context);
    }
    for name in &outcome.aborted {
        let verb = if args.dry_run {
            "Would give up"
        } else {
            "Gave up"
        };
        context.ui.status(
            verb,
            format!("the update of {name}; the file stays as it is"),
        );
    }
    finish(&outcome.finished, args.dry_run, context);
    if args.dry_run && outcome.finished.failures.is_empty() {
        return Ok(());
    }
    let again = |names: &[&str]| Command::new(["update"]).args(names.iter().copied());
    let ended = outcome.finished.verdict("updated", &again);
    if outcome.waiting == 0 || outcome.finished.agents.is_empty() {
        return ended;
    }
    let waiting = if outcome.waiting == 1 {
        "1 agent is still to be resolved".to_owned()
    } else {
        format!("{} agents are still to be resolved", outcome.waiting)
    };
    let next = Advice::say("run ")
        .and_run(Command::new(["resolve"]))
        .and(" again");
    // What failed, or needs consent, outweighs what is left to decide.
    match ended {
        Err(failure) if failure.kind().rank() < Kind::Conflict.rank() => {
            Err(failure.detail(waiting).hint(next))
        }
        _ => Err(Failure::new(Kind::Conflict, waiting).hint(next)),
    }
}
