//! The command line: what can be typed, and how it becomes a session and a command.

mod usage;

use std::cell::Cell;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, ArgMatches, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::commands::{
    Context, adopt, check, complete, completions, diff, doctor, info, init, install, list, manual,
    merge_file, next, outdated, recover, registry, remove, resolve, search, set, status, undo,
    update,
};
use crate::env::Environment;
use crate::error::{Failure, Kind};
use crate::fs;
use crate::ops::Session;
use crate::ops::session::Options;
use crate::store::project::Project;
use crate::ui::{DocumentName, Ui, UiOptions};

/// The package manager for Claude Code agents
#[derive(Debug, Parser)]
#[command(
    name = "agentpkg",
    bin_name = "agentpkg",
    version,
    max_term_width = 100,
    infer_subcommands = false
)]
pub struct Cli {
    #[command(flatten, next_help_heading = "Global options")]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Args)]
struct GlobalArgs {
    /// Run in this folder
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, value_hint = clap::ValueHint::DirPath)]
    directory: Option<PathBuf>,
    /// Use your own agents instead of the project's
    #[arg(long, global = true)]
    user: bool,
    /// Print JSON on stdout
    #[arg(long, global = true)]
    json: bool,
    /// Print nothing but errors and data
    #[arg(short, long, global = true)]
    quiet: bool,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN"
    )]
    color: ColorWhen,
    /// Never use the network
    #[arg(long, global = true)]
    offline: bool,
    /// Fail if agentpkg.toml or agentpkg.lock would change
    #[arg(long, global = true)]
    locked: bool,
    /// Give the default answer to routine questions
    #[arg(short, long, global = true)]
    yes: bool,
    /// Never ask
    #[arg(long, global = true)]
    no_input: bool,
    /// How long to wait for another agentpkg that is working on the same project [default: 60]
    #[arg(long, global = true, value_name = "SECONDS")]
    wait: Option<u32>,
    /// Allow unencrypted http:// and git://
    #[arg(long, global = true)]
    allow_insecure: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// The subcommands. They are not derived, because describing all of them would take most of the start-up time: only the one that was typed
/// is described completely, and the others when help needs them.
macro_rules! commands {
    ($($variant:ident($arguments:ty) = $name:literal $(| $alias:literal)*, $about:literal;)*) => {
        #[derive(Debug)]
        enum Command {
            $($variant($arguments),)*
        }

        impl Subcommand for Command {
            fn augment_subcommands(mut command: clap::Command) -> clap::Command {
                let only = ONLY.get();
                $(
                    if only.is_none_or(|only| only == $name) {
                        command = command.subcommand(described::<$arguments>($name, &[$($alias),*], $about));
                    }
                )*
                command
            }

            fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
                Self::augment_subcommands(command)
            }

            fn has_subcommand(name: &str) -> bool {
                NAMES.iter().any(|(known, _)| *known == name)
            }
        }

        impl FromArgMatches for Command {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                match matches.subcommand() {
                    $(Some(($name, matches)) => <$arguments>::from_arg_matches(matches).map(Self::$variant),)*
                    _ => Err(clap::Error::new(ErrorKind::MissingSubcommand)),
                }
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }

        impl Command {
            /// The subcommand's own name.
            fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }
        }

        /// Each name of a subcommand, aliases included, with the subcommand's own name.
        const NAMES: &[(&str, &str)] = &[$(($name, $name), $(($alias, $name),)*)*];

        /// Name, description and complete definition of each subcommand.
        #[cfg(test)]
        fn all() -> Vec<(&'static str, &'static str, clap::Command)> {
            vec![$(($name, $about, <$arguments as clap::Args>::augment_args(clap::Command::new($name)))),*]
        }
    };
}

commands! {
    Install(install::InstallArgs) = "install" | "add" | "i", "Install agents; without names, those that agentpkg.toml and agentpkg.lock list";
    Update(update::UpdateArgs) = "update" | "upgrade" | "up", "Update agents, and merge upstream's changes with your own";
    Adopt(adopt::AdoptArgs) = "adopt", "Take over agents that you copied by hand: find where each came from, so that it can be updated";
    Outdated(outdated::OutdatedArgs) = "outdated", "Show which agents have a newer version, and which of them you edited";
    Status(status::StatusArgs) = "status", "Show which agents are edited, missing or in conflict";
    Check(check::CheckArgs) = "check", "Check all agents for what is missing, left over, or edited by hand";
    Diff(diff::DiffArgs) = "diff", "Show what you changed, what upstream changed, or the merge of both";
    Resolve(resolve::ResolveArgs) = "resolve", "Finish updates that were deferred with conflict markers";
    Undo(undo::UndoArgs) = "undo", "Undo an operation, or only some of its agents; your edits are restored too";
    Recover(recover::RecoverArgs) = "recover", "Complete or revert a command that was interrupted";
    Set(set::SetArgs) = "set", "Override values in an agent's frontmatter; every update keeps them";
    Unset(set::UnsetArgs) = "unset", "Remove overrides of an agent, so that upstream's values apply again";
    Remove(remove::RemoveArgs) = "remove" | "uninstall" | "rm", "Remove agents from the project";
    Search(search::SearchArgs) = "search" | "find", "Search the agents of all registries by name, description, tool or server";
    List(list::ListArgs) = "list" | "ls", "List agents: installed ones, those that Claude Code loads, or those that registries offer";
    Info(info::InfoArgs) = "info" | "show" | "view", "Show one agent: what it is for, what it may use, and whether Claude Code loads it";
    Registry(registry::RegistryArgs) = "registry", "Manage the registries of the project";
    Init(init::InitArgs) = "init", "Create an agentpkg.toml";
    Doctor(doctor::DoctorArgs) = "doctor", "Check git, the folders, Claude Code and the registries";
    Completions(completions::CompletionsArgs) = "completions", "Print the completion script for a shell, or install it";
    Manual(manual::ManualArgs) = "manual", "Write the man pages into a folder";
    MergeFile(merge_file::MergeFileArgs) = "merge-file", "Merge three files like `git merge-file`, by the structure of agents";
}

/// A subcommand: complete if it was typed, otherwise only what a list of subcommands shows. The aliases are the words of other tools, for
/// users who are used to them; help does not list them.
fn described<A: clap::Args>(
    name: &'static str,
    aliases: &'static [&'static str],
    about: &'static str,
) -> clap::Command {
    let command = clap::Command::new(name).about(about).aliases(aliases);
    // Packagers need it; others do not need to see it in the list.
    let command = command.hide(name == "manual");
    if ONLY.get() == Some(name) {
        return A::augment_args(command);
    }
    let is_asked = is_asked_for_candidates();
    if std::env::args_os()
        .any(|argument| argument == name || aliases.iter().any(|alias| argument == *alias))
    {
        A::augment_args(command)
    } else if is_asked {
        command
    } else {
        command.defer(A::augment_args)
    }
}

thread_local! {
    /// The subcommand that is described, if no other one can be meant: describing the others is most of the work.
    static ONLY: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// A shell that asks for candidates puts the command line after `--`.
fn is_asked_for_candidates() -> bool {
    std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == "--")
}

/// The subcommand that was typed, or that is before the cursor when a shell asks for candidates.
fn typed() -> Option<&'static str> {
    let mut words: Vec<_> = std::env::args_os().skip(1).collect();
    let takes_value = |word: &OsStr| {
        let bytes = word.as_encoded_bytes();
        // `-C` may stand at the end of several short options.
        let is_short = bytes.starts_with(b"-") && !bytes.starts_with(b"--");
        is_short && bytes.ends_with(b"C")
            || ["--directory", "--color", "--wait"]
                .iter()
                .any(|option| word == *option)
    };
    let known = |word: &OsStr| NAMES.iter().find(|(name, _)| word == *name);
    if is_asked_for_candidates() {
        words.remove(0);
        let cursor = crate::env::completed_word().unwrap_or(words.len().saturating_sub(1));
        let before = words.get(..cursor)?.windows(2);
        let mut before = before.filter(|pair| !takes_value(&pair[0]));
        return before
            .find_map(|pair| known(&pair[1]))
            .map(|(_, command)| *command);
    }
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if takes_value(word) {
            words.next();
        } else if word == "--" || !word.as_encoded_bytes().starts_with(b"-") {
            return known(word).map(|(_, command)| *command);
        }
    }
    None
}

/// The complete description of the command line.
fn whole() -> clap::Command {
    ONLY.set(None);
    let mut command = <Cli as clap::CommandFactory>::command();
    command.build();
    command
}

/// Runs the program with the process's arguments; returns the exit code.
#[must_use]
pub fn run() -> u8 {
    ONLY.set(typed());
    // If a shell asks for candidates, it is answered here, and the program ends.
    complete::read_with(typed_globals);
    clap_complete::CompleteEnv::with_factory(for_completion)
        .completer("agentpkg")
        .complete();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.kind() == ErrorKind::DisplayVersion && is_json() => {
            return print_version();
        }
        Err(error)
            if !error.use_stderr()
                || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand =>
        {
            let _ = error.print();
            return if error.use_stderr() {
                code(Kind::Usage)
            } else {
                0
            };
        }
        Err(error) => {
            let typed: Vec<String> = std::env::args_os()
                .skip(1)
                .map(|word| word.to_string_lossy().into_owned())
                .collect();
            let failure = usage::failure(&error, NAMES, &typed, &whole);
            return stopped(failure, is_json());
        }
    };
    let Cli { global, command } = cli;
    match global.color {
        ColorWhen::Auto => {}
        ColorWhen::Always => anstream::ColorChoice::Always.write_global(),
        ColorWhen::Never => anstream::ColorChoice::Never.write_global(),
    }
    let name = command.as_ref().map_or("", Command::name);
    let mut context = match context(&global, name) {
        Ok(context) => context,
        Err(failure) => return stopped(failure, global.json),
    };
    let outcome = match command {
        None => next::run(&mut context).map(|()| 0),
        Some(command) => run_command(command, &mut context),
    };
    // A dry run whose plan `--locked` forbids has shown the plan, but does not succeed.
    let outcome = match (outcome, context.session.objection()) {
        (Ok(_), Some(objection)) => Err(objection.clone()),
        // Of both, what is worse ends the command, as it does where the plan is carried out. A `--check` has its answer.
        (Err(failure), Some(objection))
            if failure.kind() != Kind::Check && objection.kind().rank() < failure.kind().rank() =>
        {
            Err(objection.clone().detail(failure.message()))
        }
        (outcome, _) => outcome,
    };
    // What was shown came from an index that is damaged; the damage also explains whatever else failed.
    let damage = context.session.cache.damage().failure();
    let outcome = damage.map_or(outcome, Err);
    match outcome {
        Ok(code) => context.ui.end(code, None),
        Err(failure) => context.ui.end(code(failure.kind()), Some(failure)),
    }
}

/// Whether `--json` stands anywhere on the line, which may not be valid.
fn is_json() -> bool {
    std::env::args_os().any(|word| word == "--json")
}

/// Prints the version as a document.
fn print_version() -> u8 {
    let mut ui = Ui::new(UiOptions {
        is_json: true,
        ..UiOptions::default()
    });
    let version = VersionDocument {
        version: env!("CARGO_PKG_VERSION"),
    };
    match ui.json(DocumentName::Version, &version) {
        Ok(()) => ui.end(0, None),
        Err(failure) => ui.end(code(failure.kind()), Some(failure)),
    }
}

/// What `--version --json` prints.
#[derive(serde::Serialize)]
struct VersionDocument {
    version: &'static str,
}

/// Ends a program that could not start.
fn stopped(failure: Failure, is_json: bool) -> u8 {
    let mut ui = Ui::new(UiOptions {
        is_json,
        ..UiOptions::default()
    });
    ui.end(code(failure.kind()), Some(failure))
}

/// The exit code for a failure. That of `merge-file` is a number of conflicts, so each of its failures has the same code, which is none.
fn code(kind: Kind) -> u8 {
    if typed() == Some("merge-file") {
        merge_file::ERROR
    } else {
        kind.code()
    }
}

/// Options are hidden, so that they are candidates only if nothing else fits: after a `-`.
fn for_completion() -> clap::Command {
    let hidden = |argument: clap::Arg| {
        if argument.is_positional() {
            argument
        } else {
            argument.hide(true)
        }
    };
    // clap would add its own options visibly.
    let own = |name: &'static str, action| {
        clap::Arg::new(name)
            .long(name)
            .action(action)
            .global(name == "help")
    };
    let help = own("help", ArgAction::Help).short('h').help("Print help");
    let version = own("version", ArgAction::Version)
        .short('V')
        .help("Print version");
    let command = <Cli as clap::CommandFactory>::command()
        .disable_help_flag(true)
        .disable_version_flag(true);
    command
        .args([help, version])
        .mut_args(hidden)
        .mut_subcommands(|command| command.mut_args(hidden))
}

/// The global options on the line that is being typed, as clap reads it; what is not valid yet is ignored.
fn typed_globals() -> complete::Typed {
    let words: Vec<_> = std::env::args_os()
        .skip_while(|word| word != "--")
        .skip(1)
        .collect();
    // Most lines have no options, and describing all of them takes longer than finding a name.
    if !words
        .iter()
        .any(|word| word.as_encoded_bytes().starts_with(b"-"))
    {
        return complete::Typed::default();
    }
    let command = <Cli as clap::CommandFactory>::command()
        .ignore_errors(true)
        .disable_help_flag(true)
        .disable_version_flag(true);
    let Ok(matches) = command.try_get_matches_from(words) else {
        return complete::Typed::default();
    };
    complete::Typed {
        directory: matches.get_one::<PathBuf>("directory").cloned(),
        is_user: matches.get_flag("user"),
    }
}

fn run_command(command: Command, context: &mut Context) -> Result<u8, Failure> {
    match command {
        Command::Install(args) => install::run(args, context).map(|()| 0),
        Command::Update(args) => update::run(&args, context).map(|()| 0),
        Command::Adopt(args) => adopt::run(&args, context).map(|()| 0),
        Command::Outdated(args) => outdated::run(&args, context).map(|()| 0),
        Command::Undo(args) => undo::run(&args, context).map(|()| 0),
        Command::Status(args) => status::run(&args, context).map(|()| 0),
        Command::Check(args) => check::run(&args, context).map(|()| 0),
        Command::Diff(args) => diff::run(&args, context).map(|()| 0),
        Command::Resolve(args) => resolve::run(args, context).map(|()| 0),
        Command::Search(args) => search::run(args, context).map(|()| 0),
        Command::Recover(args) => recover::run(&args, context).map(|()| 0),
        Command::Set(args) => set::run(args, context).map(|()| 0),
        Command::Unset(args) => set::run_unset(args, context).map(|()| 0),
        Command::Remove(args) => remove::run(args, context).map(|()| 0),
        Command::List(args) => list::run(&args, context).map(|()| 0),
        Command::Info(args) => info::run(&args, context).map(|()| 0),
        Command::Registry(args) => registry::run(args, context).map(|()| 0),
        Command::Init(args) => init::run(&args, context).map(|()| 0),
        Command::Doctor(args) => doctor::run(&args, context).map(|()| 0),
        Command::Completions(args) => completions::run(&args, context).map(|()| 0),
        Command::Manual(args) => manual::run(&args, &whole(), context).map(|()| 0),
        Command::MergeFile(args) => merge_file::run(args, context),
    }
}

fn context(global: &GlobalArgs, command: &str) -> Result<Context, Failure> {
    let mut environment = Environment::read();
    if let Some((name, folder)) = environment.relative_folder() {
        let folder = folder.display();
        return Err(Failure::failed(format!(
            "`{name}` is `{folder}`, which is not an absolute path"
        ))
        .hint(
            "it would be another folder in every project; set it to an absolute path, or unset it",
        ));
    }
    if let Some(directory) = &global.directory {
        let folder = environment.current_folder.join(directory);
        if !fs::is_folder(&folder) {
            let shown = directory.display();
            let what = if fs::entry(&folder)? == fs::Entry::Absent {
                "there is no folder"
            } else {
                "`-C` needs a folder, which is not"
            };
            return Err(Failure::usage(format!("{what} `{shown}`"))
                .hint("`-C DIR` runs the command in that folder"));
        }
        environment.current_folder = fs::canonical(&folder)?;
    }
    let project = if global.user {
        Project::user(&environment)?
    } else {
        Project::find(&environment)?
    };
    let folder = global
        .directory
        .as_ref()
        .map(|folder| folder.to_string_lossy());
    let place = folder
        .iter()
        .flat_map(|folder| ["-C", folder.as_ref()])
        .chain(global.user.then_some("--user"));
    let mut ui = Ui::new(UiOptions {
        place: place.map(str::to_owned).collect(),
        is_quiet: global.quiet,
        is_json: global.json,
        never_asks: global.no_input || global.yes || environment.is_ci,
        is_dumb: environment.is_dumb_terminal,
        editor: environment.editor.clone(),
    });
    let options = Options {
        command: command.to_owned(),
        wait: global
            .wait
            .map(|seconds| Duration::from_secs(seconds.into())),
        is_offline: global.offline,
        allow_insecure: global.allow_insecure,
        may_prompt: crate::ops::Decide::is_interactive(&ui),
        is_locked: global.locked,
    };
    if let Some(manifest) = project.passed_over() {
        ui.warn(format!(
            "`{}` is ignored: it belongs to another user and is not in a repository",
            manifest.display()
        ));
    }
    let session = Session::new(project, environment, options);
    Ok(Context {
        ui,
        session,
        is_yes: global.yes,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        for (name, about, command) in all() {
            command.clone().debug_assert();
            let long = command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert_eq!(long, about, "{name}: the list and the page say the same");
        }
    }
}
