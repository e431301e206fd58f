//! What arguments are completed with. Each function gives the completer of one kind of value.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::OnceLock;

use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
};

use crate::domain::capability::ALLOWED_WORDS;
use crate::domain::definition::fields;
use crate::domain::name;
use crate::env::Environment;
use crate::fs;
use crate::ops::assignable;
use crate::ops::complete::{self, Candidate};
use crate::ops::session::{Options, Session};
use crate::store::project::Project;
use crate::ui::one_line;

/// How long a description is beside a candidate.
const WIDTH: usize = 60;

/// What a line that is being typed says about where its command runs.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// The folder behind `-C`.
    pub directory: Option<PathBuf>,
    /// Whether it is about the agents of the user.
    pub is_user: bool,
}

/// Reads the line. Completers are called without anything that they could have been given, and only `cli` knows what can be typed.
static READER: OnceLock<fn() -> Typed> = OnceLock::new();

/// Says who reads the line that is being typed; nobody reads it before a candidate depends on it.
pub fn read_with(reader: fn() -> Typed) {
    let _ = READER.set(reader);
}

/// The session of the command line that is being typed; `None` if it makes no sense yet.
fn session() -> Option<Session> {
    let mut environment = Environment::read();
    let typed = READER.get().map(|read| read()).unwrap_or_default();
    if let Some(folder) = typed.directory {
        // Not every shell says what `~` means before the command runs.
        let folder = match folder.to_str() {
            Some("~") => environment.home()?,
            Some(folder) => environment.absolute(&environment.current_folder, folder),
            None => environment.current_folder.join(folder),
        };
        environment.current_folder = fs::canonical(&folder).ok()?;
    }
    let project = if typed.is_user {
        Project::user(&environment)
    } else {
        Project::find(&environment)
    };
    Some(Session::new(
        project.ok()?,
        environment,
        Options {
            is_offline: true,
            ..Options::default()
        },
    ))
}

/// The text at the cursor. Where a quotation is still open, some shells give its mark, too; no value begins with one.
fn unquoted(current: &OsStr) -> Option<&str> {
    current
        .to_str()
        .map(|text| text.strip_prefix(['"', '\'']).unwrap_or(text))
}

fn completer(
    candidates: impl Fn(&Session, &str) -> Vec<Candidate> + Send + Sync + 'static,
) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let (Some(current), Some(session)) = (unquoted(current), session()) else {
            return Vec::new();
        };
        shown(candidates(&session, current), current)
    })
}

fn shown(candidates: Vec<Candidate>, current: &str) -> Vec<CompletionCandidate> {
    let folded = name::folded(current);
    let matching = candidates
        .into_iter()
        .filter(|(value, _)| name::folded(value).starts_with(&folded));
    matching
        .map(|(value, help)| {
            let help = one_line(&help, WIDTH);
            CompletionCandidate::new(value).help((!help.is_empty()).then(|| help.into()))
        })
        .collect()
}

/// Agents to install, and paths where a path begins.
#[must_use]
pub fn specs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let (Some(text), Some(session)) = (unquoted(current), session()) else {
            return Vec::new();
        };
        if text.starts_with(['.', '/', '~']) && !text.contains('#') {
            return PathCompleter::any()
                .current_dir(session.environment.current_folder)
                .complete(OsStr::new(text));
        }
        shown(complete::specs(&session, text), text)
    })
}

/// Installed agents, or anything that can be installed.
#[must_use]
pub fn installed_or_specs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut all = installed().complete(current);
        let known: Vec<_> = all
            .iter()
            .map(|candidate| candidate.get_value().to_owned())
            .collect();
        all.extend(
            specs()
                .complete(current)
                .into_iter()
                .filter(|candidate| !known.contains(&candidate.get_value().to_owned())),
        );
        all
    })
}

/// Agents that are installed.
#[must_use]
pub fn installed() -> ArgValueCompleter {
    completer(|session, _| complete::installed(session))
}

/// Files of the agents folder that agentpkg did not write.
#[must_use]
pub fn unmanaged() -> ArgValueCompleter {
    completer(|session, _| complete::unmanaged(session))
}

/// What can be assigned to an agent, for `set`.
#[must_use]
pub fn assignments() -> ArgValueCompleter {
    completer(|session, current| {
        let named: Vec<String> = std::env::args_os()
            .filter_map(|word| word.into_string().ok())
            .collect();
        assignable::assignments(session, &named, current)
    })
}

/// The keys that the agent named on the line overrides, for `unset`.
#[must_use]
pub fn overridden() -> ArgValueCompleter {
    completer(|session, _| {
        let named = std::env::args_os().filter_map(|word| word.into_string().ok());
        named
            .map(|name| assignable::overridden(session, &name))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    })
}

/// Operations that can be undone, and the agents that can be taken back alone.
#[must_use]
pub fn operations() -> ArgValueCompleter {
    completer(|session, _| {
        let mut found = crate::ops::undo::numbers(session);
        found.extend(crate::ops::undo::agents(session));
        found
    })
}

/// Versions of the installed agent that the line names.
#[must_use]
pub fn versions() -> ArgValueCompleter {
    completer(|session, current| {
        let named = std::env::args_os().filter_map(|word| word.into_string().ok());
        named
            .map(|name| complete::versions_of_installed(session, &name, current))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    })
}

/// Registries, the built-in one included.
#[must_use]
pub fn registries() -> ArgValueCompleter {
    completer(|session, _| complete::registry_names(session, true))
}

/// What `list` takes: with `--available` a registry, else an installed agent.
#[must_use]
pub fn listed() -> ArgValueCompleter {
    completer(|session, _| {
        let is_available = std::env::args_os().any(|word| word == "--available" || word == "-a");
        if is_available {
            complete::registry_names(session, true)
        } else {
            complete::installed(session)
        }
    })
}

/// Registries of the manifest.
#[must_use]
pub fn own_registries() -> ArgValueCompleter {
    completer(|session, _| complete::registry_names(session, false))
}

/// Servers that registries know.
#[must_use]
pub fn servers() -> ArgValueCompleter {
    completer(|_, _| complete::known_servers())
}

/// Tools of the client.
#[must_use]
pub fn tools() -> ArgValueCompleter {
    completer(|_, _| complete::tools())
}

/// What can be allowed.
#[must_use]
pub fn powers() -> ArgValueCompleter {
    completer(|_, _| {
        let fields = fields::FIELDS.iter().map(|field| field.name);
        let words = fields.chain(ALLOWED_WORDS).filter(|word| *word != "*");
        let words = words.map(|word| (word.to_owned(), String::new()));
        words.chain(complete::tools()).collect()
    })
}

/// `OLD=NEW`.
#[must_use]
pub fn bindings() -> ArgValueCompleter {
    completer(complete::bindings)
}
