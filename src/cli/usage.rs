//! Wrong arguments, as a failure like any other: clap knows what is wrong, the words are ours.

use std::num::{IntErrorKind, ParseIntError};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::domain::likeness::nearest;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure};

/// Words after `registry` that people know from other tools, and ours.
const REGISTRY: &[(&str, &str)] = &[
    ("add", "registry add"),
    ("list", "registry list"),
    ("ls", "registry list"),
    ("remove", "registry remove"),
    ("rm", "registry remove"),
    ("refresh", "registry refresh"),
    ("update", "registry refresh"),
];

/// Commands that are about all agents if no names are typed.
const IS_ABOUT_ALL: &[&str] = &["update", "status", "check", "diff", "resolve"];

/// Words of npm, brew, cargo, pip and git for what commands of ours do.
const FOREIGN: &[(&str, &str)] = &[
    ("sync", "install"),
    ("ci", "install --locked"),
    ("lock", "install"),
    ("fetch", "registry refresh"),
    ("pull", "update"),
    ("tap", "registry add"),
    ("untap", "registry remove"),
    ("source", "registry"),
    ("repo", "registry"),
    ("delete", "remove"),
    ("del", "remove"),
    ("un", "remove"),
    ("revert", "undo"),
    ("rollback", "undo"),
    ("restore", "undo"),
    ("history", "undo --list"),
    ("log", "undo --list"),
    ("verify", "check"),
    ("audit", "check"),
    ("lint", "check"),
    ("tree", "list"),
    ("freeze", "list"),
    ("why", "info"),
    ("cat", "info"),
    ("merge", "resolve"),
    ("new", "init"),
    ("create", "init"),
    ("config", "init"),
    ("version", "--version"),
    ("help", "--help"),
];

/// What is wrong, and what to type next. `commands` are all names that a command has, `typed` is the command line, `whole` describes
/// all that can be typed.
pub(super) fn failure(
    error: &clap::Error,
    commands: &[(&'static str, &'static str)],
    typed: &[String],
    whole: &dyn Fn() -> clap::Command,
) -> Failure {
    let texts = |kind| texts(error, kind);
    let text = |kind| text(error, kind);
    let argument = || format!("`{}`", argument_name(&text(ContextKind::InvalidArg)));
    let command = typed
        .iter()
        .find_map(|word| commands.iter().find(|(name, _)| name == word))
        .map(|(_, command)| *command);
    let help = Advice::run(Command::new(command).arg("--help")).and(" shows how to use it");
    match error.kind() {
        ErrorKind::InvalidSubcommand => unknown_command(error, commands, typed),
        ErrorKind::UnknownArgument => unknown_argument(error, command, help, whole),
        ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_empty() => {
            let failure = Failure::usage(format!("{} needs a value", argument()));
            with_values(failure, &texts(ContextKind::ValidValue), help)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = text(ContextKind::InvalidValue);
            let failure = Failure::usage(format!(
                "{} cannot be `{}`",
                argument(),
                value.escape_debug()
            ));
            let failure = match std::error::Error::source(error) {
                Some(reason) => failure.caused_by(in_our_words(reason)),
                None => failure,
            };
            with_values(failure, &texts(ContextKind::ValidValue), help)
        }
        ErrorKind::MissingRequiredArgument => {
            let missing: Vec<String> = texts(ContextKind::InvalidArg)
                .iter()
                .map(|text| format!("`{}`", argument_name(text)))
                .collect();
            let verb = if missing.len() == 1 { "is" } else { "are" };
            let failure = Failure::usage(format!("{} {verb} missing", missing.join(", ")));
            match error.get(ContextKind::Usage) {
                Some(ContextValue::StyledStr(usage)) => failure.hint(format!(
                    "the form is `{}`",
                    usage.to_string().trim_start_matches("Usage: ").trim()
                )),
                _ => failure.hint(help),
            }
        }
        ErrorKind::ArgumentConflict => {
            let others: Vec<String> = texts(ContextKind::PriorArg)
                .iter()
                .map(|other| format!("`{}`", argument_name(other)))
                .collect();
            let failure = match others.as_slice() {
                [] => Failure::usage(format!(
                    "{} cannot be used with the other options",
                    argument()
                )),
                [one] if *one == argument() => {
                    Failure::usage(format!("{one} can be given only once"))
                }
                others => Failure::usage(format!(
                    "{} and {} cannot be used together",
                    argument(),
                    others.join(", ")
                )),
            };
            failure.hint(help)
        }
        // The remaining errors are rare; clap's first line describes them, in our quotes.
        _ => {
            let rendered = error.render().to_string();
            let line = rendered.lines().next().unwrap_or_default();
            Failure::usage(
                line.strip_prefix("error: ")
                    .unwrap_or(line)
                    .replace('\'', "`"),
            )
            .hint(help)
        }
    }
}

/// What clap says under a key.
fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// The first of these texts; empty if there is none.
fn text(error: &clap::Error, kind: ContextKind) -> String {
    texts(error, kind).into_iter().next().unwrap_or_default()
}

/// That there is no such command.
fn unknown_command(
    error: &clap::Error,
    commands: &[(&'static str, &'static str)],
    typed: &[String],
) -> Failure {
    let unknown = text(error, ContextKind::InvalidSubcommand);
    let is_behind = typed
        .iter()
        .take_while(|word| **word != unknown)
        .any(|word| word == "registry");
    let (commands, group) = if is_behind {
        (REGISTRY, "registry ")
    } else {
        (commands, "")
    };
    let foreign = FOREIGN
        .iter()
        .find(|(word, _)| *word == unknown && !is_behind);
    let near = || {
        let near = nearest(&unknown, commands.iter().map(|(name, _)| *name))?;
        commands.iter().find(|(name, _)| *name == near)
    };
    let near = foreign.or_else(near);
    let failure = Failure::usage(format!(
        "there is no command `{group}{}`",
        unknown.escape_debug()
    ));
    if let Some((_, near)) = near {
        failure.hint(did_you_mean(Command::new(near.split(' '))))
    } else {
        let help = Command::new(group.split_whitespace()).arg("--help");
        failure.hint(Advice::run(help).and(" lists the commands"))
    }
}

/// That there is no such option, or one word too many. `command`: the one that was typed.
fn unknown_argument(
    error: &clap::Error,
    command: Option<&str>,
    help: Advice,
    whole: &dyn Fn() -> clap::Command,
) -> Failure {
    let typed = text(error, ContextKind::InvalidArg);
    let what = if typed.starts_with('-') {
        "there is no option"
    } else {
        "unexpected argument"
    };
    let failure = Failure::usage(format!("{what} `{}`", typed.escape_debug()));
    match (texts(error, ContextKind::SuggestedArg).first(), command) {
        // Other tools call what belongs to the user global.
        _ if ["-g", "--global"].contains(&&*typed) => failure.hint("did you mean `--user`?"),
        (_, Some(command)) if typed == "--all" && IS_ABOUT_ALL.contains(&command) => {
            let all = Command::new([command]);
            failure.hint(Advice::run(all).and(" is about all agents"))
        }
        // It is how most people would call it.
        (_, Some("search")) if typed == "--server" => failure.hint("did you mean `--needs-mcp`?"),
        // Many programs print their version for it.
        (_, None) if typed == "-v" => {
            let version = Command::new(["--version"]);
            failure.hint(Advice::run(version).and(" or `-V` prints the version"))
        }
        (Some(near), _) if is_near(&typed, near) => {
            failure.hint(format!("did you mean `{}`?", argument_name(near)))
        }
        (_, Some(command)) => match option_near(&typed, command, &whole()) {
            Some(near) if is_near(&typed, &near) => {
                let near = Command::new([command.to_owned(), format!("--{near}")]);
                failure.hint(did_you_mean(near))
            }
            _ => failure.hint(help),
        },
        (_, None) => failure.hint(help),
    }
}

/// Whether an option may be what was meant: clap offers any that begins like what was typed, and some that hardly do.
fn is_near(typed: &str, near: &str) -> bool {
    let near = argument_name(near);
    let [typed, near] = [typed, &near].map(|text| text.trim_start_matches('-'));
    near.len() <= 2 * typed.len() + 2 && nearest(typed, [near]).is_some()
}

/// The hint with the command that may have been meant.
fn did_you_mean(near: Command) -> Advice {
    Advice::say("did you mean ").and_run(near).and("?")
}

/// The option of a command that is most similar to what was typed, even if it was typed before the command.
fn option_near(typed: &str, command: &str, whole: &clap::Command) -> Option<String> {
    let typed = typed.strip_prefix("--")?;
    let options = whole
        .find_subcommand(command)?
        .get_arguments()
        .filter_map(clap::Arg::get_long);
    nearest(typed, options).map(str::to_owned)
}

/// Why a value is invalid, without terms of the programming language.
fn in_our_words(reason: &(dyn std::error::Error + 'static)) -> String {
    match reason
        .downcast_ref::<ParseIntError>()
        .map(ParseIntError::kind)
    {
        Some(IntErrorKind::Zero) => "it has to be at least 1".to_owned(),
        Some(IntErrorKind::PosOverflow | IntErrorKind::NegOverflow) => "it is too large".to_owned(),
        Some(_) => "it is not a whole number".to_owned(),
        None => reason.to_string(),
    }
}

fn with_values(failure: Failure, values: &[String], help: Advice) -> Failure {
    if values.is_empty() {
        return failure.hint(help);
    }
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    failure.hint(format!("there are {}", values.join(", ")))
}

/// The name of an argument for people: `--to` of `--to <VERSION>`, `NAME` of `<NAME>...`.
fn argument_name(text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or_default();
    first
        .trim_end_matches('.')
        .trim_matches(['<', '>', '[', ']'])
        .to_owned()
}
