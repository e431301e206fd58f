//! `agentpkg adopt`.

use clap::Args;

use super::Context;
use super::outcome::{ChangeDocument, finish, show_adopt};
use crate::error::Result;
use crate::ops::adopt::{AdoptOptions, adopt};
use crate::ops::typed::Typed;
use crate::ui::DocumentName;

/// A hint for more files than these is for all of them.
const NAMED: usize = 3;

/// Take over agents that you copied by hand: find where each came from, so that it can be updated
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg adopt --all --dry-run      where each file of the folder came from
  agentpkg adopt --all                adopt every file whose origin is sure
  agentpkg adopt --all --nearest      also where several versions are near
  agentpkg adopt planner --from SPEC  name its origin yourself")]
pub struct AdoptArgs {
    /// The names of the files, without `.md`
    #[arg(value_name = "NAME", add = super::complete::unmanaged())]
    pub names: Vec<String>,
    /// Where they came from: a registry, a repository, an agent or a version; fetched with its history
    #[arg(long, value_name = "SPEC", add = super::complete::specs())]
    pub from: Option<String>,
    /// Where several versions are about as near, take the nearest one
    #[arg(long)]
    pub nearest: bool,
    /// Adopt every file that agentpkg did not write
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the command.
pub fn run(args: &AdoptArgs, context: &mut Context) -> Result<()> {
    let from = args.from.iter().flat_map(|from| ["--from", from.as_str()]);
    let nearest = args.nearest.then_some("--nearest");
    let typed = Typed {
        command: "adopt".to_owned(),
        names: args.names.clone(),
        is_all: args.all,
        options: from.chain(nearest).map(str::to_owned).collect(),
        ..Typed::default()
    };
    let options = AdoptOptions {
        typed: typed.clone(),
        names: args.names.clone(),
        is_all: args.all,
        from: args.from.clone(),
        is_nearest: args.nearest,
        is_dry_run: args.dry_run,
        is_yes: context.is_yes,
    };
    let outcome = adopt(&context.session, &options, &mut context.ui)?;
    let again = |names: &[&str]| match names {
        many if typed.is_all && many.len() > NAMED => typed.again(),
        names => typed.naming(names.iter().copied()).again(),
    };
    if context.ui.is_json() {
        let document = ChangeDocument::of(&outcome, args.dry_run, &context.ui);
        context.ui.json(DocumentName::Adopt, &document)?;
    } else {
        show_adopt(&outcome, args.dry_run, &again, context);
    }
    finish(&outcome, context);
    if args.dry_run && outcome.failures.is_empty() {
        return Ok(());
    }
    outcome.verdict("adopted", &again)
}
