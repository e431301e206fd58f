//! `agentpkg update`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Context;
use super::markdown::Summary;
use super::needs::NeedsArgs;
use super::outcome::{ChangeDocument, finish, show_update};
use crate::domain::count::numbered;
use crate::domain::version::VersionRequest;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::typed::Typed;
use crate::ops::update::{ChangedAgent, Conflicts, Outcome, Status, UpdateOptions, Wish, update};
use crate::ui::DocumentName;

/// Update agents, and merge upstream's changes with your own
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg update                        all agents
  agentpkg update code-reviewer          one of them
  agentpkg update code-reviewer --to ^2  a version, from now on
  agentpkg update planner --from SPEC    take updates from another agent
  agentpkg update --conflicts=markers    decide conflicts later, in files
  agentpkg update --check                exit 5 if there is something newer
  agentpkg update --summary summary.md   write what was done to a file")]
pub struct UpdateArgs {
    /// The names, as `agentpkg list` shows them; all if there are none
    #[arg(value_name = "NAME", add = super::complete::installed())]
    pub names: Vec<String>,
    /// Follow this version from now on: for example ^2, a branch, or latest
    #[arg(long, value_name = "VERSION", requires = "names", add = super::complete::versions())]
    pub to: Option<String>,
    /// Take updates from another agent or source from now on, and keep your edits
    #[arg(long, value_name = "SPEC", requires = "names", conflicts_with = "to", add = super::complete::specs())]
    pub from: Option<String>,
    /// What to do with conflicts
    #[arg(long, value_name = "HOW", value_enum)]
    pub conflicts: Option<ConflictsArg>,
    /// Keep your version in every conflict
    #[arg(long, conflicts_with_all = ["theirs", "conflicts"])]
    pub ours: bool,
    /// Take upstream's version in every conflict
    #[arg(long, conflicts_with = "conflicts")]
    pub theirs: bool,
    /// Allow new permissions: tool names, `hooks`, `permissionMode`, `mcpServers`, or `all`
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
    /// Write a summary in Markdown to this file, for example for a pull request
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub summary: Option<PathBuf>,
}

/// What `--conflicts` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConflictsArg {
    /// Write nothing at all
    Fail,
    /// Update the other agents; also skip those that request new permissions
    Skip,
    /// Defer the update: write it to a file with conflict markers, for `agentpkg resolve`
    Markers,
}

/// Runs the command.
pub fn run(args: &UpdateArgs, context: &mut Context) -> Result<()> {
    let options = options(args, context)?;
    let summary = args.summary.as_deref();
    let summary = summary
        .map(|file| Summary::new(file, context))
        .transpose()?;
    let outcome = update(&context.session, &options, &mut context.ui);
    let ended = match &outcome {
        Ok(outcome) => end(args, &options, outcome, context),
        Err(failure) => Err(failure.clone()),
    };
    match summary {
        Some(summary) => summary.write(outcome.ok().as_ref(), options.is_dry_run, ended, context),
        None => ended,
    }
}

/// What the arguments ask for.
fn options(args: &UpdateArgs, context: &Context) -> Result<UpdateOptions> {
    let wish = |text| match text {
        "latest" => Ok(Wish::Latest),
        version => VersionRequest::parse(version).map(Wish::Version),
    };
    let to = args.to.as_deref().map(wish).transpose();
    let to = to.map_err(|error| {
        Failure::usage(error.to_string())
            .hint("write a version like `1.2.0`, a requirement like `^1.2`, a branch or a commit")
    })?;
    Ok(UpdateOptions {
        typed: typed(args),
        names: args.names.clone(),
        to,
        from: args.from.clone(),
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
    })
}

/// Shows the outcome, and says how the command ends.
fn end(
    args: &UpdateArgs,
    options: &UpdateOptions,
    outcome: &Outcome,
    context: &mut Context,
) -> Result<()> {
    let (typed, is_dry_run) = (&options.typed, options.is_dry_run);
    if context.ui.is_json() {
        let document = ChangeDocument::of(outcome, is_dry_run, &context.ui);
        context.ui.json(DocumentName::Update, &document)?;
    } else {
        show_update(outcome, is_dry_run, context);
    }
    finish(outcome, context);
    if args.check && outcome.failures.is_empty() {
        let is_news = |agent: &&ChangedAgent| agent.status != Status::Current;
        let newer = outcome.agents.iter().filter(is_news).count();
        let hint = Advice::say("run ").and_run(typed.again());
        let noun = numbered(newer, "agent is", "agents are");
        return match newer {
            0 => Ok(()),
            _ => Err(Failure::new(Kind::Check, format!("{noun} not up to date")).hint(hint)),
        };
    }
    if is_dry_run && outcome.failures.is_empty() {
        return Ok(());
    }
    outcome.verdict("updated", &|names| {
        typed.asking().naming(names.iter().copied()).again()
    })
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
    words.extend(args.from.iter().flat_map(|from| ["--from", from.as_str()]));
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
