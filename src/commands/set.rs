//! `agentpkg set` and `agentpkg unset`.

use clap::Args;

use super::Context;
use super::outcome::{ChangeDocument, finish_set};
use crate::error::Result;
use crate::ops::set::{SetOptions, set, unset};
use crate::ops::typed::Typed;

/// Override values of an agent's frontmatter; they stay through every update
#[derive(Debug, Args)]
#[command(after_help = "\
Values:  model, effort, color, description, permissionMode
Lists:   tools, disallowedTools: `+=` adds a name, `-=` removes one

Examples:
  agentpkg set planner model=haiku         another model
  agentpkg set planner tools-=Bash         one tool less
  agentpkg set planner description=\"Plans releases\"
  agentpkg set planner model=haiku --force also over your own edit of it")]
pub struct SetArgs {
    /// The agent, as `agentpkg list` shows it
    #[arg(value_name = "NAME", add = super::complete::installed())]
    pub name: String,
    /// What to override: KEY=VALUE, KEY+=NAME or KEY-=NAME
    #[arg(required = true, value_name = "KEY=VALUE", add = super::complete::assignments())]
    pub assignments: Vec<String>,
    /// Also write over what you edited by hand under these keys
    #[arg(long)]
    pub force: bool,
    /// Permissions to allow without asking, such as permissionMode
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
}

/// Take overrides of an agent back, so that upstream's values return
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg unset planner model        upstream's model again
  agentpkg unset planner tools color  several at once")]
pub struct UnsetArgs {
    /// The agent, as `agentpkg list` shows it
    #[arg(value_name = "NAME", add = super::complete::installed())]
    pub name: String,
    /// The keys, such as model
    #[arg(required = true, value_name = "KEY", add = super::complete::overridden())]
    pub keys: Vec<String>,
    /// Permissions to allow without asking, such as permissionMode
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs `set`.
pub fn run(args: SetArgs, context: &mut Context) -> Result<()> {
    let options = SetOptions {
        typed: typed("set", &args.name, &args.assignments, &args.allow),
        name: args.name,
        allowed: args.allow,
        is_yes: context.is_yes,
        is_forced: args.force,
        is_dry_run: args.dry_run,
    };
    let done = set(
        &context.session,
        &options,
        &args.assignments,
        &mut context.ui,
    )?;
    if context.ui.is_json() {
        let document = ChangeDocument::of(&done, args.dry_run, &context.ui);
        context.ui.json(&document)?;
    }
    finish_set(&done, "Set", &options, &args.assignments, context)
}

/// Runs `unset`.
pub fn run_unset(args: UnsetArgs, context: &mut Context) -> Result<()> {
    let options = SetOptions {
        typed: typed("unset", &args.name, &args.keys, &args.allow),
        name: args.name,
        allowed: args.allow,
        is_yes: context.is_yes,
        is_forced: false,
        is_dry_run: args.dry_run,
    };
    let done = unset(&context.session, &options, &args.keys, &mut context.ui)?;
    if context.ui.is_json() {
        let document = ChangeDocument::of(&done, args.dry_run, &context.ui);
        context.ui.json(&document)?;
    }
    finish_set(&done, "Unset", &options, &args.keys, context)
}

/// The command as it was typed.
fn typed(command: &str, name: &str, words: &[String], allowed: &[String]) -> Typed {
    Typed {
        command: command.to_owned(),
        names: std::iter::once(name.to_owned())
            .chain(words.iter().cloned())
            .collect(),
        allowed: allowed.to_vec(),
        ..Typed::default()
    }
}
