//! `agentpkg set` and `agentpkg unset`.

use clap::Args;

use super::outcome::{ChangeDocument, finish, show_gained};
use super::{Context, needs};
use crate::domain::capability::Gain;
use crate::error::Result;
use crate::ops::set::{SetOptions, set, unset};
use crate::ops::typed::Typed;
use crate::ops::update::{ChangedAgent, Outcome, Status};
use crate::ui::{DocumentName, Ui, one_line};

/// Override values in an agent's frontmatter; every update keeps them
#[derive(Debug, Args)]
#[command(after_help = "\
Values:  model, effort, color, description, permissionMode, modernise
Lists:   tools, disallowedTools: `+=` adds a name, `-=` removes one

Examples:
  agentpkg set planner model=haiku         another model
  agentpkg set planner tools-=Bash         without one tool
  agentpkg set planner description=\"Plans releases\"
  agentpkg set planner model=haiku --force even if you edited it")]
pub struct SetArgs {
    /// The agent, as `agentpkg list` shows it
    #[arg(value_name = "NAME", add = super::complete::installed())]
    pub name: String,
    /// What to override: KEY=VALUE, KEY+=NAME or KEY-=NAME
    #[arg(required = true, value_name = "KEY=VALUE", add = super::complete::assignments())]
    pub assignments: Vec<String>,
    /// Also overwrite your own edits of these keys
    #[arg(long)]
    pub force: bool,
    /// Permissions to allow without asking, such as permissionMode
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
}

/// Remove overrides of an agent, so that upstream's values apply again
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
    show(
        &done,
        DocumentName::Set,
        &options,
        &args.assignments,
        context,
    )
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
    show(&done, DocumentName::Unset, &options, &args.keys, context)
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

/// Says what a dry run would ask about.
fn note_asked(agent: &ChangedAgent, allowed: &[String], ui: &mut Ui) {
    let asked = agent.gains.iter().filter(|gain| !gain.is_allowed(allowed));
    let words: Vec<String> = asked.map(Gain::word).collect();
    if !words.is_empty() {
        let words = words.join(",");
        ui.note(format!("`--allow {words}` allows it without a question."));
    }
}

/// Shows what the command of this `name` did, and how it ends. `words`: the assignments or keys.
fn show(
    done: &Outcome,
    name: DocumentName,
    options: &SetOptions,
    words: &[String],
    context: &mut Context,
) -> Result<()> {
    let ui = &mut context.ui;
    if ui.is_json() {
        let document = ChangeDocument::of(done, options.is_dry_run, ui);
        ui.json(name, &document)?;
    } else {
        let is_named = |agent: &&ChangedAgent| agent.is_named && agent.status != Status::Skipped;
        let verb = match (name, options.is_dry_run) {
            (DocumentName::Unset, false) => "Unset",
            (DocumentName::Unset, true) => "Would unset",
            (_, false) => "Set",
            (_, true) => "Would set",
        };
        for agent in done.agents.iter().filter(is_named) {
            let words: Vec<String> = words.iter().map(|word| one_line(word, 60)).collect();
            ui.status(verb, format!("{}  {}", agent.name, words.join("  ")));
            for note in &agent.notes {
                ui.warn(note.as_str());
            }
            show_gained(agent, options.is_dry_run, ui);
            if options.is_dry_run {
                note_asked(agent, &options.allowed, ui);
            }
            if done.changes == 0 {
                ui.note("Nothing changed.");
            }
        }
        if let Some(report) = &done.needs {
            needs::show_done(report, options.is_dry_run, ui);
        }
    }
    finish(done, context);
    done.verdict("changed", &|_| options.typed.again())
}
