//! Specs: what a user types to name an agent, parsed without looking anything up.
//!
//! ```text
//! backend-architect                     any registry
//! studio/backend-architect              one registry of the manifest
//! studio#path/to/file.md                one file of it
//! backend-architect@^1.2                with a version, tag, commit or branch
//! gh:owner/repo#name                    straight from a repository; also https://…, ssh://…, git@host:…, file://…
//! ./folder#name   ./agent.md            a folder, or one file
//! ```

use std::fmt;

use super::name::{NameError, RegistryName};
use super::url::{GitUrl, UrlError};
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
        parse_url(text).map(Self::Git)
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
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::File(text) => formatter.write_str(text),
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
        if is_url(text) {
            return Self::parse_remote(text);
        }
        let whole = text;
        let (text, version) = split_version(text)?;
        if let Some((registry, target)) = text.split_once('#') {
            if let Some((registry, name)) = registry.split_once('/') {
                let (registry, name) = (registry.to_owned(), name.to_owned());
                return Err(SpecError::Both {
                    text: whole.to_owned(),
                    registry,
                    name,
                });
            }
            let place = Place::Registry(registry_name(registry)?);
            return Ok(Self {
                place,
                target: Some(parse_target(target, whole)?),
                version,
            });
        }
        if text.ends_with(".md") {
            return Err(SpecError::BareFile {
                text: text.to_owned(),
            });
        }
        match text.split_once('/') {
            None => Ok(Self {
                place: Place::Anywhere,
                target: Some(parse_target(text, whole)?),
                version,
            }),
            Some((registry, name)) if !name.contains('/') => Ok(Self {
                place: Place::Registry(registry_name(registry)?),
                target: Some(parse_target(name, whole)?),
                version,
            }),
            Some(_) => Err(SpecError::Slashes {
                text: text.to_owned(),
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

    fn parse_remote(text: &str) -> Result<Self, SpecError> {
        let (url, target, version) = match text.split_once('#') {
            Some((url, target)) => {
                let (target, version) = split_version(target)?;
                (url, Some(parse_target(target, text)?), version)
            }
            // Other URLs may contain an `@`, so only the shorthand takes a version without a name.
            None if text.starts_with(GITHUB) => {
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

/// The extensions of files that may be agents.
const EXTENSIONS: [&str; 3] = [".md", ".markdown", ".txt"];

fn is_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_drive = bytes.len() > 2
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes[2], b'\\' | b'/');
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
    text.starts_with(GITHUB) || before.contains("::") || before.contains("://") || is_scp
}

fn parse_url(text: &str) -> Result<GitUrl, SpecError> {
    if let Some(path) = text.strip_prefix(GITHUB) {
        let Some((owner, repository)) = path.split_once('/') else {
            return Err(SpecError::Github {
                text: text.to_owned(),
            });
        };
        return Ok(GitUrl::github(owner, repository)?);
    }
    Ok(GitUrl::parse(text)?)
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
    let has_extension = EXTENSIONS.iter().any(|extension| text.ends_with(extension));
    if !has_extension {
        return Ok(Target::Name(text.to_owned()));
    }
    if text.starts_with('/')
        || text
            .split(['/', '\\'])
            .any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(SpecError::File {
            text: text.to_owned(),
        });
    }
    Ok(Target::File(text.to_owned()))
}

fn registry_name(text: &str) -> Result<RegistryName, SpecError> {
    RegistryName::new(text).map_err(|error| SpecError::Registry {
        text: text.to_owned(),
        error,
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
    #[error(
        "`{text}` has both `/` and `#`; write `{registry}/{name}`, or `gh:{registry}/{name}#NAME` for a repository on GitHub"
    )]
    Both {
        /// What was typed.
        text: String,
        /// The text before `/`.
        registry: String,
        /// The text between `/` and `#`.
        name: String,
    },
    /// A file name without a folder could also be a name.
    #[error("`{text}` is neither a name nor a path; for a file write `./{text}`")]
    BareFile {
        /// What was typed.
        text: String,
    },
    /// `owner/repo/name` and the like.
    #[error("`{text}` has too many slashes; for a repository write `gh:owner/repo#name`")]
    Slashes {
        /// What was typed.
        text: String,
    },
    /// `gh:` without `owner/repo`.
    #[error("`{text}` is not of the form `gh:owner/repo`")]
    Github {
        /// What was typed.
        text: String,
    },
    /// A path that leaves the source.
    #[error("`{text}` leaves the folder it is in")]
    File {
        /// What was typed.
        text: String,
    },
    /// Not a registry's name.
    #[error("`{}` is not the name of a registry: {error}", .text.escape_debug())]
    Registry {
        /// What was typed.
        text: String,
        /// The reason why the name is not valid.
        error: NameError,
    },
    /// Not a URL that is accepted.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Not a version.
    #[error(transparent)]
    Version(#[from] VersionError),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show(text: &str) -> String {
        match Spec::parse(text) {
            Err(error) => format!("error: {error}"),
            Ok(spec) => {
                let place = match spec.place {
                    Place::Anywhere => "anywhere".to_owned(),
                    Place::Registry(name) => format!("registry {name}"),
                    Place::Source(Source::Folder(path)) => format!("folder {path}"),
                    Place::Source(Source::File(path)) => format!("file {path}"),
                    Place::Source(source) => format!("source {source}"),
                };
                let target = match spec.target {
                    None => String::new(),
                    Some(Target::Name(name)) => format!(", name {name}"),
                    Some(Target::File(file)) => format!(", file {file}"),
                };
                let version = spec
                    .version
                    .map(|version| format!(", version {version}"))
                    .unwrap_or_default();
                format!("{place}{target}{version}")
            }
        }
    }

    #[test]
    fn every_form_of_the_grammar() {
        for (text, meaning) in [
            ("backend-architect", "anywhere, name backend-architect"),
            ("Frontend Developer", "anywhere, name Frontend Developer"),
            (
                "backend-architect@^1.2",
                "anywhere, name backend-architect, version ^1.2",
            ),
            (
                "backend-architect@latest",
                "anywhere, name backend-architect",
            ),
            (
                "studio/backend-architect",
                "registry studio, name backend-architect",
            ),
            (
                "studio/backend-architect@v1.4.0",
                "registry studio, name backend-architect, version v1.4.0",
            ),
            ("studio#agents/x.md", "registry studio, file agents/x.md"),
            ("gh:acme/agents", "source gh:acme/agents"),
            (
                "gh:acme/agents@v1.0.0",
                "source gh:acme/agents, version v1.0.0",
            ),
            (
                "gh:acme/agents#planner",
                "source gh:acme/agents, name planner",
            ),
            (
                "gh:acme/agents#planner@3f0399d",
                "source gh:acme/agents, name planner, version 3f0399d",
            ),
            (
                "gh:acme/agents#a/b.md@main",
                "source gh:acme/agents, file a/b.md, version main",
            ),
            (
                "https://example.com/r.git#x",
                "source https://example.com/r.git, name x",
            ),
            (
                "git@example.com:acme/r.git#x",
                "source git@example.com:acme/r.git, name x",
            ),
            ("./agents", "folder ./agents"),
            ("./agents#x", "folder ./agents, name x"),
            ("../a/my-agent.md", "file ../a/my-agent.md"),
            (".", "folder ."),
            ("/abs/agents#sub/x.md", "folder /abs/agents, file sub/x.md"),
            ("C:\\agents#x", "folder C:\\agents, name x"),
        ] {
            assert_eq!(show(text), meaning, "{text}");
        }
    }

    #[test]
    fn a_file_is_told_by_its_name_and_has_a_folder() {
        let parts = |path: &str| {
            let source = Source::path(path);
            assert_eq!(source.to_string(), path, "it stays as it was written");
            source
                .as_file()
                .map(|(folder, file)| (folder.to_owned(), file.to_owned()))
        };
        for (path, folder, file) in [
            ("./a.md", ".", "a.md"),
            ("a.txt", ".", "a.txt"),
            ("/a.markdown", "/", "a.markdown"),
            ("C:\\agents\\a.md", "C:\\agents", "a.md"),
        ] {
            assert_eq!(parts(path), Some((folder.to_owned(), file.to_owned())));
        }
        assert_eq!(parts("./a.md/"), None);
        assert_eq!(parts("./agents"), None);
    }

    #[test]
    fn what_is_refused_says_why() {
        for text in [
            "",
            "-x",
            "--help",
            "a\nb",
            "a/b/c",
            "gh:acme",
            "gh:",
            "studio/",
            "studio#",
            "gh:a/b#",
            "./x#../y.md",
            "./x#/etc/y.md",
            "my-agent.md",
            "../evil#../x.md",
            "ext::sh -c id#x",
            "x@",
            "x@^",
            "x@-y",
            "gh:a/b#x@..",
        ] {
            assert!(
                show(text).starts_with("error: "),
                "{text:?}: {}",
                show(text)
            );
        }
    }

    #[test]
    fn half_of_a_spec_has_parts() {
        let parts = |text| {
            let Parts {
                place,
                target,
                version,
            } = Parts::of(text);
            (place, target, version)
        };
        for (text, meaning) in [
            ("", (None, Some(""), None)),
            ("pl", (None, Some("pl"), None)),
            ("planner@^1", (None, Some("planner"), Some("^1"))),
            ("studio/", (Some("studio"), Some(""), None)),
            (
                "studio/planner@",
                (Some("studio"), Some("planner"), Some("")),
            ),
            (
                "studio#a/b.md@v1",
                (Some("studio"), Some("a/b.md"), Some("v1")),
            ),
            ("gh:acme/agents", (Some("gh:acme/agents"), None, None)),
            (
                "gh:acme/agents@v",
                (Some("gh:acme/agents"), None, Some("v")),
            ),
            (
                "gh:acme/agents#pl",
                (Some("gh:acme/agents"), Some("pl"), None),
            ),
            (
                "git@example.com:acme/r.git",
                (Some("git@example.com:acme/r.git"), None, None),
            ),
            (
                "git@example.com:acme/r.git#pl",
                (Some("git@example.com:acme/r.git"), Some("pl"), None),
            ),
            (
                "git@example.com:acme/r.git#planner@",
                (
                    Some("git@example.com:acme/r.git"),
                    Some("planner"),
                    Some(""),
                ),
            ),
            (
                "https://me@example.com/r.git",
                (Some("https://me@example.com/r.git"), None, None),
            ),
            ("./a#b#c@1", (Some("./a#b"), Some("c"), Some("1"))),
        ] {
            assert_eq!(parts(text), meaning, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = Spec::parse(&text);
        }

        #[test]
        fn no_text_of_the_grammars_characters_panics(text in "[a-c./#@:~^é\\\\-]{0,12}") {
            let _ = Spec::parse(&text);
        }
    }
}
