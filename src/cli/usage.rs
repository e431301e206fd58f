//! A command line that makes no sense, as a failure like every other one: clap knows what is wrong, the words are ours.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::Failure;

/// From which likeness on a command is suggested.
const ALIKE: f64 = 0.75;

/// What is wrong, and what to type next. `commands` are all names that a command has, `typed` is the command line.
pub(super) fn failure(error: &clap::Error, commands: &[(&'static str, &'static str)], typed: &[String]) -> Failure {
    let texts = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    };
    let text = |kind| texts(kind).into_iter().next().unwrap_or_default();
    let argument = || format!("`{}`", argument_name(&text(ContextKind::InvalidArg)));
    let command = typed.iter().find_map(|word| commands.iter().find(|(name, _)| name == word)).map(|(_, command)| *command);
    let help = format!("`agentpkg {}--help` shows what can be typed", command.map(|name| format!("{name} ")).unwrap_or_default());
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = text(ContextKind::InvalidSubcommand);
            let likeness = |name: &str| strsim::jaro_winkler(name, &typed);
            let near = commands.iter().map(|(name, command)| (likeness(name), command)).filter(|(likeness, _)| *likeness > ALIKE);
            let failure = Failure::usage(format!("there is no command `{}`", typed.escape_debug()));
            match near.max_by(|one, other| one.0.total_cmp(&other.0)) {
                Some((_, near)) => failure.hint(format!("did you mean `agentpkg {near}`?")),
                None => failure.hint("`agentpkg --help` lists the commands"),
            }
        }
        ErrorKind::UnknownArgument => {
            let typed = text(ContextKind::InvalidArg);
            let what = if typed.starts_with('-') { "there is no option" } else { "there is one word too many:" };
            let failure = Failure::usage(format!("{what} `{}`", typed.escape_debug()));
            match texts(ContextKind::SuggestedArg).first() {
                Some(near) => failure.hint(format!("did you mean `{}`?", argument_name(near))),
                None => failure.hint(help),
            }
        }
        ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_empty() => {
            let failure = Failure::usage(format!("{} needs a value", argument()));
            with_values(failure, &texts(ContextKind::ValidValue), help)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = text(ContextKind::InvalidValue);
            let failure = Failure::usage(format!("{} cannot be `{}`", argument(), value.escape_debug()));
            let failure = match std::error::Error::source(error) {
                // What is no number is wrong whatever a library finds in it.
                Some(reason) if reason.is::<std::num::ParseIntError>() => failure.caused_by("a whole number is expected"),
                Some(reason) => failure.caused_by(reason),
                None => failure,
            };
            with_values(failure, &texts(ContextKind::ValidValue), help)
        }
        ErrorKind::MissingRequiredArgument => {
            let missing: Vec<String> =
                texts(ContextKind::InvalidArg).iter().map(|text| format!("`{}`", argument_name(text))).collect();
            let verb = if missing.len() == 1 { "is" } else { "are" };
            let failure = Failure::usage(format!("{} {verb} missing", missing.join(", ")));
            match error.get(ContextKind::Usage) {
                Some(ContextValue::StyledStr(usage)) => {
                    failure.hint(format!("the form is `{}`", usage.to_string().trim_start_matches("Usage: ").trim()))
                }
                _ => failure.hint(help),
            }
        }
        ErrorKind::ArgumentConflict => {
            let others: Vec<String> =
                texts(ContextKind::PriorArg).iter().map(|other| format!("`{}`", argument_name(other))).collect();
            let failure = match others.as_slice() {
                [] => Failure::usage(format!("{} does not go with the rest", argument())),
                [one] if *one == argument() => Failure::usage(format!("{one} can be given only once")),
                others => Failure::usage(format!("{} and {} exclude each other", argument(), others.join(", "))),
            };
            failure.hint(help)
        }
        // What is left is rare; clap's first line says it, in our quotes.
        _ => {
            let rendered = error.render().to_string();
            let line = rendered.lines().next().unwrap_or_default();
            Failure::usage(line.strip_prefix("error: ").unwrap_or(line).replace('\'', "`")).hint(help)
        }
    }
}

fn with_values(failure: Failure, values: &[String], help: String) -> Failure {
    if values.is_empty() {
        return failure.hint(help);
    }
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    failure.hint(format!("there are {}", values.join(", ")))
}

/// The name of an argument as people know it: `--to` of `--to <VERSION>`, `NAME` of `<NAME>...`.
fn argument_name(text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or_default();
    first.trim_end_matches('.').trim_matches(['<', '>', '[', ']']).to_owned()
}
