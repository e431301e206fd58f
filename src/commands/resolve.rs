//! `agentpkg resolve`.

use clap::Args;
use serde::Serialize;

use super::Context;
use super::outcome::{ChangeDocument, finish, show_update};
use crate::domain::count::numbered;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::resolve::{How, ResolveOptions, ResolveOutcome, resolve};
use crate::ops::typed::Typed;
use crate::ui::DocumentName;

/// Finish updates that were deferred with conflict markers
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg resolve                  asks about each conflict
  agentpkg resolve --continue       uses the files as you edited them
  agentpkg resolve --abort planner  aborts it; the file stays as it is")]
pub struct ResolveArgs {
    /// The names; all pending ones if there are none
    #[arg(value_name = "NAME", add = super::complete::installed())]
    pub names: Vec<String>,
    /// Use the files with the markers as you edited them
    #[arg(long = "continue", conflicts_with_all = ["abort", "ours", "theirs"])]
    pub is_continue: bool,
    /// Abort the updates
    #[arg(long, conflicts_with_all = ["ours", "theirs"])]
    pub abort: bool,
    /// Keep your version in every conflict
    #[arg(long, conflicts_with = "theirs")]
    pub ours: bool,
    /// Take upstream's version in every conflict
    #[arg(long)]
    pub theirs: bool,
    /// Allow new permissions: tool names, `hooks`, `permissionMode`, `mcpServers`, or `all`
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
    aborted: Vec<&'o str>,
    waiting: usize,
}

impl ResolveArgs {
    /// How conflicts are decided.
    fn how(&self) -> How {
        match (self.is_continue, self.abort, self.ours, self.theirs) {
            (true, ..) => How::Continue,
            (_, true, ..) => How::Abort,
            (.., true, _) => How::Ours,
            (.., true) => How::Theirs,
            _ => How::Ask,
        }
    }

    /// The command as it was typed.
    fn typed(&self) -> Typed {
        let word = |word: &str, is_typed: bool| is_typed.then(|| word.to_owned());
        let sides = [word("--ours", self.ours), word("--theirs", self.theirs)];
        Typed {
            command: "resolve".to_owned(),
            names: self.names.clone(),
            options: word("--continue", self.is_continue).into_iter().collect(),
            conflicts: sides.into_iter().flatten().collect(),
            allowed: self.allow.clone(),
            ..Typed::default()
        }
    }
}

/// Runs the command.
pub fn run(args: ResolveArgs, context: &mut Context) -> Result<()> {
    let options = ResolveOptions {
        typed: args.typed(),
        how: args.how(),
        names: args.names,
        allowed: args.allow,
        is_yes: context.is_yes,
        is_dry_run: args.dry_run,
    };
    let outcome = resolve(&context.session, &options, &mut context.ui)?;
    show(&outcome, args.dry_run, context)?;
    finish(&outcome.finished, context);
    if args.dry_run && outcome.finished.failures.is_empty() {
        return Ok(());
    }
    verdict(&outcome)
}

fn show(outcome: &ResolveOutcome, is_dry_run: bool, context: &mut Context) -> Result<()> {
    if context.ui.is_json() {
        context.ui.json(
            DocumentName::Resolve,
            &ResolveDocument {
                change: ChangeDocument::of(&outcome.finished, is_dry_run, &context.ui),
                aborted: outcome.aborted.iter().map(AgentName::as_str).collect(),
                waiting: outcome.waiting,
            },
        )?;
    } else if outcome.finished.agents.is_empty() && outcome.aborted.is_empty() {
        context.ui.note("No updates are pending.");
    } else if outcome.aborted.is_empty() {
        show_update(&outcome.finished, is_dry_run, context);
    }
    for name in &outcome.aborted {
        let verb = if is_dry_run { "Would abort" } else { "Aborted" };
        let what = format!("the update of {name}; the file stays as it is");
        context.ui.status(verb, what);
    }
    Ok(())
}

/// How the command ends.
fn verdict(outcome: &ResolveOutcome) -> Result<()> {
    let again = |names: &[&str]| Command::new(["update"]).args(names.iter().copied());
    let ended = outcome.finished.verdict("updated", &again);
    if outcome.waiting == 0 || outcome.finished.agents.is_empty() {
        return ended;
    }
    let left = numbered(outcome.waiting, "agent is", "agents are");
    let left = format!("{left} still to be resolved");
    let next = Advice::say("run ")
        .and_run(Command::new(["resolve"]))
        .and(" again");
    let abort = Advice::say("or abort it with ").and_run(Command::new(["resolve", "--abort"]));
    // What failed, or needs consent, outweighs what is left to decide.
    match ended {
        Err(failure) if failure.kind().rank() < Kind::Conflict.rank() => {
            Err(failure.detail(left).hint(next).hint(abort))
        }
        _ => Err(Failure::new(Kind::Conflict, left).hint(next).hint(abort)),
    }
}
