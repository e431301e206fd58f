//! What arguments are completed with. Each function gives the completer of one kind of value.

use std::ffi::OsStr;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _};

use crate::env::Environment;
use crate::ops::complete::{self, Candidate};
use crate::ops::session::{Options, Session};
use crate::store::project::Project;
use crate::ui::one_line;

/// How long a description is beside a candidate.
const WIDTH: usize = 60;

/// The session of the command line that is being typed; `None` if it makes no sense yet.
fn session() -> Option<Session> {
    let mut environment = Environment::read();
    let arguments: Vec<_> = std::env::args_os().collect();
    let folder = arguments.windows(2).find(|pair| pair[0] == "-C" || pair[0] == "--directory").map(|pair| pair[1].clone());
    if let Some(folder) = folder {
        environment.current_folder = environment.current_folder.join(folder);
    }
    let is_user = arguments.iter().any(|argument| argument == "--user");
    let project = if is_user { Project::user(&environment) } else { Project::find(&environment.current_folder) };
    Some(Session::new(project.ok()?, environment, Options { is_offline: true, ..Options::default() }))
}

fn completer(candidates: impl Fn(&Session, &str) -> Vec<Candidate> + Send + Sync + 'static) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let (Some(current), Some(session)) = (current.to_str(), session()) else {
            return Vec::new();
        };
        shown(candidates(&session, current), current)
    })
}

fn shown(candidates: Vec<Candidate>, current: &str) -> Vec<CompletionCandidate> {
    let folded = current.to_ascii_lowercase();
    let matching = candidates.into_iter().filter(|(value, _)| value.to_ascii_lowercase().starts_with(&folded));
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
        let text = current.to_str().unwrap_or_default();
        if text.starts_with(['.', '/', '~']) && !text.contains('#') {
            return PathCompleter::any().complete(current);
        }
        session().map(|session| shown(complete::specs(&session, text), text)).unwrap_or_default()
    })
}

/// Installed agents, or anything that can be installed.
#[must_use]
pub fn installed_or_specs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut all = installed().complete(current);
        let known: Vec<_> = all.iter().map(|candidate| candidate.get_value().to_owned()).collect();
        all.extend(specs().complete(current).into_iter().filter(|candidate| !known.contains(&candidate.get_value().to_owned())));
        all
    })
}

/// Agents that are installed.
#[must_use]
pub fn installed() -> ArgValueCompleter {
    completer(|session, _| complete::installed(session))
}

/// Operations that can be undone.
#[must_use]
pub fn operations() -> ArgValueCompleter {
    completer(|session, _| crate::ops::undo::numbers(session))
}

/// Registries, the built-in one included.
#[must_use]
pub fn registries() -> ArgValueCompleter {
    completer(|session, _| complete::registry_names(session, true))
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
        let fields =
            ["all", "hooks", "permissionMode", "mcpServers", "memory", "tools"].map(|word| (word.to_owned(), String::new()));
        fields.into_iter().chain(complete::tools()).collect()
    })
}

/// `OLD=NEW`.
#[must_use]
pub fn bindings() -> ArgValueCompleter {
    completer(complete::bindings)
}
