//! Specs: what a user types to name an agent, parsed without looking anything up.
//!
//! ```text
//! backend-architect                     any registry
//! studio/backend-architect              one registry of the manifest
//! studio#path/to/file.md                one file of it
//! studio#folder/                        the agents of one of its folders, as a source of its own
//! studio#plugin:planner                 an agent of one of its plugins
//! backend-architect@^1.2                with a version, tag, commit or branch
//! gh:owner/repo#name                    straight from a repository; also https://…, ssh://…, git@host:…, file://…, github:…, gitlab:…
//! https://host/owner/repo/blob/main/x.md   a page that shows a file or a folder, as it is pasted from a browser
//! ./folder#name   ./agent.md            a folder, or one file
//! ```

use std::fmt;

use super::name::{NameError, RegistryName};
use super::shell::shell_quoted;
use super::url::{GitUrl, Page, Shown, UrlError, has_secret};
use super::version::{VersionError, VersionRequest};

/// A source of agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The registry inside the program.
    Builtin,
    /// A git repository.
    Git(GitUrl),
    /// A folder on this machine, as the user wrote it; relative paths start at the project's folder.
    Folder(String),
    /// The same, with a file name at the end.
    File(String),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin => formatter.write_str(RegistryName::BUILTIN),
            Self::Git(url) => formatter.write_str(&short_url(url)),
            Self::Folder(path) | Self::File(path) => formatter.write_str(path),
        }
    }
}

impl Source {
    /// Reads a repository or folder as a user types it: `gh:owner/repo`, a URL, or a path.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        if text == RegistryName::BUILTIN {
            return Ok(Self::Builtin);
        }
        if is_path(text) {
            return Ok(Self::path(text));
        }
        if has_secret(text) {
            return Err(UrlError::Password.into());
        }
        let expanded = expanded(text);
        let text = expanded.as_deref().unwrap_or(text);
        match Page::of(text) {
            None => parse_url(text).map(Self::Git),
            Some(page) => Err(SpecError::Page {
                repository: short_url(&page?.repository),
            }),
        }
    }

    /// A path as the user wrote it, which means a file if it ends in a file name.
    #[must_use]
    pub fn path(text: impl Into<String>) -> Self {
        let text = text.into();
        if EXTENSIONS.iter().any(|extension| text.ends_with(extension)) {
            Self::File(text)
        } else {
            Self::Folder(text)
        }
    }

    /// The folder and the name of a file, as written; `None`: the source is not a file.
    #[must_use]
    pub fn as_file(&self) -> Option<(&str, &str)> {
        let Self::File(path) = self else {
            return None;
        };
        Some(match path.rfind(['/', '\\']) {
            Some(0) => ("/", &path[1..]),
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (".", path),
        })
    }
}

/// Which agent of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By its name or title.
    Name(String),
    /// By its file, relative to the source's root, with `/`.
    File(String),
    /// The agents below a folder, relative to the source's root, with a `/` at its end.
    Folder(String),
    /// An agent of a plugin of the source.
    Plugin {
        /// The plugin's name.
        plugin: String,
        /// The agent's name or title.
        agent: String,
    },
    /// What a page of a host shows, and the agent's name where one was typed behind it. Only the source can say what that is.
    Page(Shown, Option<String>),
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::File(text) | Self::Folder(text) => formatter.write_str(text),
            Self::Plugin { plugin, agent } => write!(formatter, "{plugin}:{agent}"),
            Self::Page(shown, _) => formatter.write_str(&shown.marker()),
        }
    }
}

/// Which place to look in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Every registry of the manifest, and the built-in one.
    Anywhere,
    /// One registry of the manifest.
    Registry(RegistryName),
    /// A source that need not be in the manifest.
    Source(Source),
}

/// A parsed spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Where to look.
    pub place: Place,
    /// What to take; `None`: the source's only agent, or the user's choice.
    pub target: Option<Target>,
    /// Which version; `None`: the newest state.
    pub version: Option<VersionRequest>,
}

impl Spec {
    /// Parses what a user typed.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        if text.is_empty() {
            return Err(SpecError::Empty);
        }
        if text.starts_with('-') {
            return Err(SpecError::Option {
                text: text.to_owned(),
            });
        }
        if text.chars().any(char::is_control) {
            return Err(SpecError::Control {
                text: text.escape_debug().to_string(),
            });
        }
        if is_path(text) {
            return Self::parse_path(text);
        }
        if has_secret(text) {
            return Err(UrlError::Password.into());
        }
        if let Some(expanded) = expanded(text) {
            return Self::parse_remote(&expanded, true);
        }
        if is_url(text) {
            // Other URLs may contain an `@`, so only the shorthand takes a version without a name.
            return Self::parse_remote(text, text.starts_with(GITHUB));
        }
        let whole = text;
        let (text, version) = split_version(text)?;
        if let Some((registry, target)) = text.split_once('#') {
            if registry.contains('/') {
                return Err(SpecError::Both {
                    text: whole.to_owned(),
                    instead: instead(&[as_repository(whole)]),
                });
            }
            let place = Place::Registry(registry_name(registry, whole)?);
            return Ok(Self {
                place,
                target: Some(parse_target(target, whole)?),
                version,
            });
        }
        if text.ends_with(".md") {
            return Err(SpecError::BareFile {
                text: text.to_owned(),
                instead: instead(&[Some(format!("./{text}")), as_repository(whole)]),
            });
        }
        match text.split_once('/') {
            None => Ok(Self {
                place: Place::Anywhere,
                target: Some(parse_target(text, whole)?),
                version,
            }),
            Some((registry, name)) if !name.contains('/') => Ok(Self {
                place: Place::Registry(registry_name(registry, whole)?),
                target: Some(parse_target(name, whole)?),
                version,
            }),
            Some(_) => Err(SpecError::Slashes {
                text: text.to_owned(),
                instead: instead(&[as_repository(whole)]),
            }),
        }
    }

    fn parse_path(text: &str) -> Result<Self, SpecError> {
        let Some((path, target)) = text.rsplit_once('#') else {
            return Ok(Self {
                place: Place::Source(Source::path(text)),
                target: None,
                version: None,
            });
        };
        let (target, version) = split_version(target)?;
        Ok(Self {
            place: Place::Source(Source::path(path)),
            target: Some(parse_target(target, text)?),
            version,
        })
    }

    fn parse_remote(text: &str, may_have_version: bool) -> Result<Self, SpecError> {
        let (address, fragment) = match text.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (text, None),
        };
        if let Some(page) = Page::of(address) {
            let Page { repository, shown } = page?;
            // Behind a file the browser writes lines and headings, which mean nothing here.
            let name = fragment.filter(|name| !name.is_empty() && !shown.is_file);
            return Ok(Self {
                place: Place::Source(Source::Git(repository)),
                target: Some(Target::Page(shown, name.map(str::to_owned))),
                version: None,
            });
        }
        let (url, target, version) = match text.split_once('#') {
            Some((url, target)) => {
                let (target, version) = split_version(target)?;
                (url, Some(parse_target(target, text)?), version)
            }
            None if may_have_version => {
                let (url, version) = split_version(text)?;
                (url, None, version)
            }
            None => (text, None, None),
        };
        Ok(Self {
            place: Place::Source(Source::Git(parse_url(url)?)),
            target,
            version,
        })
    }
}

/// What to write for a text that may mean a repository: `gh:` before an owner, `https://` before a host. `None`: that would be refused.
#[must_use]
pub fn as_repository(text: &str) -> Option<String> {
    let (text, version) = match text.rsplit_once('@') {
        Some((text, version)) => (text, format!("@{version}")),
        None => (text, String::new()),
    };
    let (path, target) = match text.split_once('#') {
        Some((path, target)) => (path, target),
        None => (text, ""),
    };
    let parts: Vec<&str> = path.split('/').collect();
    let (source, rest) = match parts.as_slice() {
        [host, _, ..] if host.contains('.') => (format!("https://{path}"), String::new()),
        [owner, repository, rest @ ..] => (format!("{GITHUB}{owner}/{repository}"), rest.join("/")),
        _ => return None,
    };
    let target = [target, rest.as_str(), "NAME"]
        .into_iter()
        .find(|target| !target.is_empty())?;
    let spec = format!("{source}#{target}{version}");
    Spec::parse(&spec).is_ok().then_some(spec)
}

/// What to write instead, of several possibilities.
fn instead(specs: &[Option<String>]) -> String {
    let specs: Vec<String> = (specs.iter().flatten())
        .map(|spec| format!("`{}`", shell_quoted(spec)))
        .collect();
    if specs.is_empty() {
        "write for example `gh:owner/repo#name`".to_owned()
    } else {
        format!("write {}", specs.join(", or "))
    }
}

/// The parts of a spec that may be incomplete: the text before and after its separators, however incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// A registry's name, a URL or a path; `None`: anywhere.
    pub place: Option<&'a str>,
    /// The beginning of a name or file; `None` if the place is still being typed.
    pub target: Option<&'a str>,
    /// The beginning of a version.
    pub version: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Splits a text in the same way as [`Spec::parse`].
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        let versioned = |text: &'a str| {
            text.rsplit_once('@')
                .map_or((text, None), |(rest, version)| (rest, Some(version)))
        };
        let hash = if is_path(text) {
            text.rsplit_once('#')
        } else {
            text.split_once('#')
        };
        if let Some((place, rest)) = hash {
            let (target, version) = versioned(rest);
            return Self {
                place: Some(place),
                target: Some(target),
                version,
            };
        }
        if is_path(text) || is_url(text) {
            let (place, version) = if text.starts_with(GITHUB) {
                versioned(text)
            } else {
                (text, None)
            };
            return Self {
                place: Some(place),
                target: None,
                version,
            };
        }
        let (rest, version) = versioned(text);
        let (place, target) = rest
            .split_once('/')
            .map_or((None, rest), |(place, target)| (Some(place), target));
        Self {
            place,
            target: Some(target),
            version,
        }
    }
}

/// A URL in the shortest form that can be typed: `gh:owner/repo` for GitHub.
#[must_use]
pub fn short_url(url: &GitUrl) -> String {
    let path = url.as_str().strip_prefix("https://github.com/");
    match path.map(|path| path.strip_suffix(".git").unwrap_or(path)) {
        // `.git` may be dropped only if adding it again gives the same cache entry.
        Some(path) if path.split('/').count() == 2 && !url.as_str().ends_with(".git") => {
            format!("{GITHUB}{path}")
        }
        _ => url.display().clone(),
    }
}

const GITHUB: &str = "gh:";

/// Hosts of repositories, with the words that other tools write before the owner.
const HOSTS: [(&str, &str); 5] = [
    ("github.com", "github:"),
    ("gitlab.com", "gitlab:"),
    ("bitbucket.org", "bitbucket:"),
    ("codeberg.org", "codeberg:"),
    ("raw.githubusercontent.com", "githubusercontent:"),
];

/// The whole address, where a well-known host is named without a scheme, or by the word of another tool.
fn expanded(text: &str) -> Option<String> {
    if let Some(path) = text.strip_prefix(GITHUB) {
        // A page without its host.
        let page = format!("https://github.com/{path}");
        let address = page.split('#').next().unwrap_or(&page);
        return Page::of(address).is_some().then_some(page);
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let (host, path) = rest.strip_prefix("www.")?.split_once('/')?;
        let is_known = HOSTS
            .iter()
            .any(|(known, _)| host.eq_ignore_ascii_case(known));
        return is_known.then(|| format!("{scheme}://{host}/{path}"));
    }
    let (first, rest) = text.split_once('/')?;
    let lower = first.to_ascii_lowercase();
    let bare = lower.strip_prefix("www.").unwrap_or(&lower);
    for (host, word) in HOSTS {
        if bare == host && rest.contains('/') {
            return Some(format!("https://{host}/{rest}"));
        }
        if let Some(owner) = first.strip_prefix(word) {
            let is_short = host == "github.com" && !owner.is_empty();
            return Some(if is_short {
                format!("{GITHUB}{owner}/{rest}")
            } else {
                format!("https://{host}/{owner}/{rest}")
            });
        }
    }
    None
}

/// The extensions of files that may be agents.
const EXTENSIONS: [&str; 3] = [".md", ".markdown", ".txt"];

fn is_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    // A host has more than one letter.
    let is_drive = bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':';
    text == "."
        || text == ".."
        || ["./", "../", "/", "~/", ".\\", "..\\"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        || text.starts_with(".#")
        || text.starts_with("..#")
        || is_drive
}

fn is_url(text: &str) -> bool {
    let before = text.split('#').next().unwrap_or(text);
    let is_scp = before.split_once('@').is_some_and(|(user, rest)| {
        !user.contains('/')
            && rest
                .split_once(':')
                .is_some_and(|(host, _)| !host.is_empty() && !host.contains('/'))
    });
    // Without a user, it takes more than a colon to tell a host from a name.
    let is_alias = before.split_once(':').is_some_and(|(host, path)| {
        let is_host = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_repository =
            path.contains('/') || path.ends_with(".git") || before.len() < text.len();
        !host.is_empty() && host.chars().all(is_host) && !path.is_empty() && is_repository
    });
    text.starts_with(GITHUB)
        || before.contains("::")
        || before.contains("://")
        || is_scp
        || is_alias
}

fn parse_url(text: &str) -> Result<GitUrl, SpecError> {
    if let Some(path) = text.strip_prefix(GITHUB) {
        let Some((owner, repository)) = path.split_once('/') else {
            return Err(SpecError::Github {
                text: text.to_owned(),
            });
        };
        if let Some((repository, rest)) = repository.split_once('/') {
            GitUrl::github(owner, repository)?;
            return Err(SpecError::Beyond {
                text: text.to_owned(),
                instead: format!("{GITHUB}{owner}/{repository}#{rest}"),
            });
        }
        return Ok(GitUrl::github(owner, repository)?);
    }
    // What a browser adds to the address of a repository.
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let url = GitUrl::parse(if query.is_empty() { text } else { address });
    let is_known = |url: &GitUrl| HOSTS.iter().any(|(host, _)| url.host() == *host);
    let url = match url {
        Ok(url) if query.is_empty() || is_known(&url) => url,
        _ => return Ok(GitUrl::parse(text)?),
    };
    let parts: Vec<&str> = url.as_str().split('/').skip(3).collect();
    match parts.as_slice() {
        // On GitHub a repository has two parts, so what follows is a page.
        [owner, repository, _, ..] if is_github(&url) => Err(SpecError::Beyond {
            text: address.to_owned(),
            instead: format!("{GITHUB}{owner}/{repository}"),
        }),
        _ => Ok(url),
    }
}

fn is_github(url: &GitUrl) -> bool {
    url.host() == HOSTS[0].0 && url.as_str().starts_with("https://")
}

fn split_version(text: &str) -> Result<(&str, Option<VersionRequest>), SpecError> {
    match text.rsplit_once('@') {
        None => Ok((text, None)),
        Some((rest, "latest")) => Ok((rest, None)),
        Some((_, "")) => Err(VersionError::Missing.into()),
        Some((rest, version)) => Ok((rest, Some(VersionRequest::parse(version)?))),
    }
}

fn parse_target(text: &str, whole: &str) -> Result<Target, SpecError> {
    if text.is_empty() {
        return Err(SpecError::NoTarget {
            text: whole.to_owned(),
        });
    }
    let text = text.strip_prefix("./").unwrap_or(text);
    let is_file = EXTENSIONS.iter().any(|extension| text.ends_with(extension));
    let folder = text.strip_suffix('/').filter(|_| !is_file);
    if !is_file && folder.is_none() {
        return match text.split_once(':') {
            Some((plugin, agent)) if !plugin.is_empty() && !agent.is_empty() => {
                Ok(Target::Plugin {
                    plugin: plugin.to_owned(),
                    agent: agent.to_owned(),
                })
            }
            _ if text.starts_with("skills/") => Err(SpecError::Skill {
                text: text.to_owned(),
            }),
            _ => Ok(Target::Name(text.to_owned())),
        };
    }
    if text.starts_with('/')
        || folder
            .unwrap_or(text)
            .split(['/', '\\'])
            .any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(SpecError::File {
            text: text.to_owned(),
        });
    }
    Ok(match folder {
        Some(_) => Target::Folder(text.to_owned()),
        None => Target::File(text.to_owned()),
    })
}

fn registry_name(text: &str, whole: &str) -> Result<RegistryName, SpecError> {
    RegistryName::new(text).map_err(|error| SpecError::Registry {
        text: text.to_owned(),
        error,
        instead: as_repository(whole)
            .map(|spec| format!("; for a repository write `{}`", shell_quoted(&spec)))
            .unwrap_or_default(),
    })
}

/// Why a text is not a spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Nothing was given.
    #[error("the name of an agent is missing")]
    Empty,
    /// Some program that it is passed to would take it for an option.
    #[error("`{text}` begins with `-`")]
    Option {
        /// What was typed.
        text: String,
    },
    /// Control characters.
    #[error("`{text}` contains control characters")]
    Control {
        /// What was typed, escaped.
        text: String,
    },
    /// `studio#`, `studio/` or `@1`.
    #[error("the name of an agent is missing in `{text}`")]
    NoTarget {
        /// What was typed.
        text: String,
    },
    /// `studio/planner#x`: the text before `#` is neither a registry nor a source.
    #[error("`{text}` has both `/` and `#`; {instead}")]
    Both {
        /// What was typed.
        text: String,
        /// What to write instead.
        instead: String,
    },
    /// A file name without a folder could also be a name.
    #[error("`{text}` is neither a name nor a path; {instead}")]
    BareFile {
        /// What was typed.
        text: String,
        /// What to write instead.
        instead: String,
    },
    /// `owner/repo/name` and the like.
    #[error("`{text}` has too many slashes; {instead}")]
    Slashes {
        /// What was typed.
        text: String,
        /// What to write instead.
        instead: String,
    },
    /// A page, where a whole source is asked for.
    #[error("it is a page that shows part of a repository; write `{repository}`")]
    Page {
        /// The repository.
        repository: String,
    },
    /// `gh:` without `owner/repo`.
    #[error("`{text}` is not of the form `gh:owner/repo`")]
    Github {
        /// What was typed.
        text: String,
    },
    /// `gh:owner/repo/more`, or a page that shows no agents.
    #[error("`{text}` is more than a repository; write `{instead}`")]
    Beyond {
        /// What was typed.
        text: String,
        /// What to write instead.
        instead: String,
    },
    /// A path that leaves the source.
    #[error("`{text}` leaves the folder it is in")]
    File {
        /// What was typed.
        text: String,
    },
    /// `skills/NAME`.
    #[error("`{text}` is a skill, and only agents can be installed")]
    Skill {
        /// What was typed.
        text: String,
    },
    /// Not a registry's name.
    #[error("`{}` is not the name of a registry: {error}{instead}", .text.escape_debug())]
    Registry {
        /// What was typed.
        text: String,
        /// The reason why the name is not valid.
        error: NameError,
        /// What to write for a repository, in words.
        instead: String,
    },
    /// Not a URL that is accepted.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Not a version.
    #[error(transparent)]
    Version(#[from] VersionError),
}

impl SpecError {
    /// Whether the message itself says what to write.
    #[must_use]
    pub fn says_what_to_write(&self) -> bool {
        match self {
            Self::Version(_)
            | Self::Beyond { .. }
            | Self::Both { .. }
            | Self::BareFile { .. }
            | Self::Slashes { .. } => true,
            Self::Registry { instead, .. } => !instead.is_empty(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
