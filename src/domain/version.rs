//! Versions: what a user asks for after `@`, and which tag of a repository matches it.

use super::digest::ObjectId;
use std::fmt;

use super::name::is_invisible;
use super::shell::shell_quoted;
use semver::{Comparator, Op, Version, VersionReq};

/// Where git keeps tags.
const TAGS: &str = "refs/tags/";
/// Where git keeps branches.
const BRANCHES: &str = "refs/heads/";

/// The text after `@` in a spec, or the `version` in the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionRequest {
    /// A requirement in cargo's form: `^1.2`, `~1.4`, `1.2`, `>=1, <3`.
    Requirement(VersionReq),
    /// One revision by name: a tag (`v1.4.0`), a commit (7 to 40 hex digits) or a branch.
    Revision(String),
}

impl VersionRequest {
    /// Parses what a user typed. A bare number is a requirement; text that begins with `v` and a digit names a tag.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let is_commit =
            (7..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_commit {
            return Ok(Self::Revision(text.to_ascii_lowercase()));
        }
        let is_number = text.starts_with(|c: char| c.is_ascii_digit());
        if is_number || text.starts_with(|c: char| "^~=<>*".contains(c)) {
            return match VersionReq::parse(text) {
                Ok(requirement) => Ok(Self::Requirement(requirement)),
                // `2026-rewrite` is a branch; `1.2.x.4` is a mistake.
                Err(_) if is_number && !text.contains('.') => Self::revision(text),
                Err(_) => Err(VersionError::Requirement {
                    text: text.to_owned(),
                }),
            };
        }
        Self::revision(text)
    }

    /// A tag, branch or commit by name, in any script.
    fn revision(text: &str) -> Result<Self, VersionError> {
        if is_reference(text) {
            return Ok(Self::Revision(text.to_owned()));
        }
        Err(VersionError::Revision {
            text: text.to_owned(),
        })
    }

    /// The tag or branch of this name, spelt so that it is read as one.
    #[must_use]
    pub fn named(name: &str, is_branch: bool) -> Self {
        let revision = Self::Revision(name.to_owned());
        if Self::parse(name).as_ref() == Ok(&revision) {
            return revision;
        }
        let folder = if is_branch { BRANCHES } else { TAGS };
        Self::Revision(format!("{folder}{name}"))
    }

    /// Whether a version matches the request; a revision is matched only by itself.
    #[must_use]
    pub fn accepts(&self, version: &Version) -> bool {
        match self {
            Self::Requirement(requirement) => requirement.matches(version),
            Self::Revision(revision) => parse_lenient(revision).as_ref() == Some(version),
        }
    }

    /// Whether a version is meant: a requirement, or a name that begins like the tag of one.
    #[must_use]
    pub fn is_version(&self) -> bool {
        match self {
            Self::Requirement(_) => true,
            Self::Revision(name) => {
                let numbers = name.strip_prefix('v').unwrap_or(name);
                numbers.starts_with(|c: char| c.is_ascii_digit()) && numbers.contains('.')
            }
        }
    }

    /// The request that takes this version: itself if it does so already, else one of the same form.
    #[must_use]
    pub fn moved_to(&self, tag: &VersionTag) -> Self {
        let version = &tag.version;
        if self.accepts(version) {
            return self.clone();
        }
        let Self::Requirement(VersionReq { comparators }) = self else {
            return Self::Revision(tag.tag.clone());
        };
        let comparator = match comparators.as_slice() {
            [one] if matches!(one.op, Op::Caret | Op::Tilde | Op::Exact) => one.clone(),
            _ => Comparator {
                op: Op::Caret,
                major: version.major,
                minor: None,
                patch: None,
                pre: semver::Prerelease::EMPTY,
            },
        };
        let is_release = version.pre.is_empty();
        let keeps = |part: Option<u64>, new| (part.is_some() || !is_release).then_some(new);
        let comparator = Comparator {
            op: comparator.op,
            major: version.major,
            minor: keeps(comparator.minor, version.minor),
            patch: keeps(comparator.patch, version.patch),
            pre: version.pre.clone(),
        };
        Self::Requirement(VersionReq {
            comparators: vec![comparator],
        })
    }

    /// Whether a commit is named by its whole id.
    #[must_use]
    pub fn is_commit(&self) -> bool {
        matches!(self, Self::Revision(name) if name.parse::<ObjectId>().is_ok())
    }

    /// Whether the request names one full version, as `1.2.0` does, but also accepts this newer one, which a user may not expect.
    #[must_use]
    pub fn is_older(&self, version: &Version) -> bool {
        let Self::Requirement(VersionReq { comparators }) = self else {
            return false;
        };
        let [
            Comparator {
                op: Op::Caret,
                major,
                minor: Some(minor),
                patch: Some(patch),
                ..
            },
        ] = comparators.as_slice()
        else {
            return false;
        };
        (*major, *minor, *patch) < (version.major, version.minor, version.patch)
    }
}

impl fmt::Display for VersionRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requirement(requirement) => requirement.fmt(formatter),
            Self::Revision(revision) => formatter.write_str(revision),
        }
    }
}

/// What a request for a version turned out to be in its source. It is remembered by its kind, because one of another kind may take the name
/// later: a branch moves on, a tag stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A tag of this name.
    Tag(String),
    /// A branch of this name.
    Branch(String),
    /// A commit whose id begins like this.
    Commit(String),
}

impl Reference {
    /// Reads what the lockfile says: `refs/tags/NAME`, `refs/heads/NAME`, or the beginning of a commit's id.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        if !is_reference(text) {
            return Err(VersionError::Revision {
                text: text.to_owned(),
            });
        }
        let (tag, branch) = (text.strip_prefix(TAGS), text.strip_prefix(BRANCHES));
        let of = |name: &str, kind: fn(String) -> Self| kind(name.to_owned());
        Ok(match (tag, branch) {
            (Some(name), _) => of(name, Self::Tag),
            (_, Some(name)) => of(name, Self::Branch),
            (None, None) => of(text, Self::Commit),
        })
    }

    /// What became of it, in words, if its name means another kind of reference now.
    #[must_use]
    pub fn changed_to(&self, now: &Self) -> Option<String> {
        let ((name, was), (name_now, is)) = (self.parts(), now.parts());
        (name == name_now && was != is)
            .then(|| format!("`{name}` was a {was} upstream, and is a {is} now"))
    }

    fn parts(&self) -> (&str, &'static str) {
        match self {
            Self::Tag(name) => (name, "tag"),
            Self::Branch(name) => (name, "branch"),
            Self::Commit(name) => (name, "commit"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(name) => write!(formatter, "{TAGS}{name}"),
            Self::Branch(name) => write!(formatter, "{BRANCHES}{name}"),
            Self::Commit(name) => formatter.write_str(name),
        }
    }
}

/// Whether git takes a text as the name of a tag or branch, and a terminal shows it as it is.
fn is_reference(text: &str) -> bool {
    let is_refused =
        |c: char| c.is_control() || c.is_whitespace() || is_invisible(c) || "~^:?*[\\".contains(c);
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(".lock");
    !text.contains(is_refused)
        && !text.contains("..")
        && !text.contains("@{")
        && !text.ends_with('.')
        && text.split('/').all(is_part)
}

/// Where a version was asked for: the hint must suggest something that fits there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// After a spec.
    Behind {
        /// The spec without its version.
        spec: String,
        /// The version as it was typed.
        version: String,
    },
    /// With `--to`, as it was typed.
    To(String),
    /// In agentpkg.toml.
    Manifest,
}

impl Written {
    /// The same place with another version, or with one of several.
    #[must_use]
    pub fn example(&self, versions: &[String]) -> String {
        let one = |version: &String| match self {
            Self::Behind { spec, .. } => {
                format!("`{}`", shell_quoted(&format!("{spec}@{version}")))
            }
            Self::To(_) => format!("`--to {}`", shell_quoted(version)),
            Self::Manifest => format!("`version = \"{version}\"`"),
        };
        let place = if *self == Self::Manifest {
            " in agentpkg.toml"
        } else {
            ""
        };
        format!(
            "{}{place}",
            versions.iter().map(one).collect::<Vec<_>>().join(", or ")
        )
    }

    /// What was asked for.
    #[must_use]
    pub fn asked(&self, request: &VersionRequest) -> String {
        match self {
            Self::Behind { version, .. } => format!("`@{version}`"),
            Self::To(version) => format!("`--to {}`", shell_quoted(version)),
            Self::Manifest => format!("`{request}` in agentpkg.toml"),
        }
    }
}

/// Why the text after `@` is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// It looks like a requirement, but is not valid.
    #[error("`{text}` is not a version requirement; write it like `^1.2`, `=1.4.0` or `>=1, <3`")]
    Requirement {
        /// What was typed.
        text: String,
    },
    /// Nothing was given.
    #[error("the version is missing; leave out `@`, or write for example `@^1.2`")]
    Missing,
    /// It cannot be the name of a tag, commit or branch.
    #[error("`{}` is neither a version nor the name of a tag, commit or branch", .text.escape_default())]
    Revision {
        /// What was typed.
        text: String,
    },
}

/// A tag that carries a version of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionTag {
    /// The tag's name.
    pub tag: String,
    /// The version in it.
    pub version: Version,
    /// Whether it belongs to one agent (`backend-architect-v1.2.0`) and not to the whole repository (`v1.2.0`).
    pub is_own: bool,
}

/// The versions that `tags` give to `agent`, newest first. Tags of the agent itself take precedence: if one of them is a release, those of
/// the repository do not count. If all are pre-releases, both count.
pub fn versions_of<'a>(agent: &str, tags: impl IntoIterator<Item = &'a str>) -> Vec<VersionTag> {
    let mut versions: Vec<VersionTag> = tags
        .into_iter()
        .filter_map(|tag| {
            let own = ["-", "@", "/"]
                .iter()
                .find_map(|separator| tag.strip_prefix(agent)?.strip_prefix(separator));
            let version = parse_lenient(own.unwrap_or(tag))?;
            Some(VersionTag {
                tag: tag.to_owned(),
                version,
                is_own: own.is_some(),
            })
        })
        .collect();
    let is_released = |version: &VersionTag| version.version.pre.is_empty();
    if versions
        .iter()
        .any(|version| version.is_own && is_released(version))
    {
        versions.retain(|version| version.is_own);
    }
    versions.sort_by(|left, right| {
        right
            .version
            .cmp(&left.version)
            .then_with(|| left.tag.cmp(&right.tag))
    });
    versions
}

/// A version with an optional leading `v`.
fn parse_lenient(text: &str) -> Option<Version> {
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_a_user_means_them() {
        let kind = |text: &str| match VersionRequest::parse(text) {
            Ok(VersionRequest::Requirement(requirement)) => format!("requirement {requirement}"),
            Ok(VersionRequest::Revision(revision)) => format!("revision {revision}"),
            Err(error) => format!("error {error}"),
        };
        assert_eq!(kind("^1.2"), "requirement ^1.2");
        assert_eq!(kind("1.2"), "requirement ^1.2");
        assert_eq!(kind("v1.4.0"), "revision v1.4.0");
        assert_eq!(kind("3f0399d33498"), "revision 3f0399d33498");
        assert_eq!(kind("1234567"), "revision 1234567");
        assert_eq!(kind("release/2026"), "revision release/2026");
        for branch in [
            "разработка",
            "开发/新",
            "fix/#12",
            "2026-rewrite",
            "ветка-2",
            "refs/heads/2.0",
        ] {
            assert_eq!(kind(branch), format!("revision {branch}"));
        }
        assert!(kind("1.2.x.4").starts_with("error"));
        assert!(kind("^x").starts_with("error `^x` is not a version requirement"));
        for hostile in [
            "",
            "-x",
            "--upload-pack=x",
            "../x",
            "a b",
            "a\nb",
            "a..b",
            "a:b",
            "a^{commit}",
            "a@{1}",
            "a//b",
            "a/",
            "a.lock",
            "a/.b",
            "a\u{202e}b",
            "a*",
        ] {
            assert!(kind(hostile).starts_with("error"), "{hostile:?}");
        }
    }

    #[test]
    fn a_request_moves_to_a_version_and_keeps_its_form() {
        for (request, newest, moved) in [
            ("^1", "2.3.4", "^2"),
            ("^1.2", "2.3.4", "^2.3"),
            ("~1.2.0", "2.3.4", "~2.3.4"),
            ("=1.2.0", "2.3.4", "=2.3.4"),
            (">=1, <2", "2.3.4", "^2"),
            (">=1", "2.3.4", ">=1"),
            ("^2", "2.3.4", "^2"),
            ("^1", "2.0.0-rc.1", "^2.0.0-rc.1"),
            ("v1.2.0", "2.3.4", "v2.3.4"),
        ] {
            let tag = VersionTag {
                tag: format!("v{newest}"),
                version: Version::parse(newest).unwrap(),
                is_own: false,
            };
            let request = VersionRequest::parse(request).unwrap().moved_to(&tag);
            assert_eq!(request.to_string(), moved);
            assert!(request.accepts(&tag.version), "{request}");
        }
    }

    #[test]
    fn an_agents_own_tags_win_over_the_repositorys() {
        let tags = [
            "v1.0.0",
            "v2.0.0",
            "nightly",
            "planner-v1.2.0",
            "planner-v1.10.0",
        ];
        let names = |agent| {
            versions_of(agent, tags)
                .into_iter()
                .map(|version| version.tag)
                .collect::<Vec<_>>()
        };
        assert_eq!(names("planner"), ["planner-v1.10.0", "planner-v1.2.0"]);
        assert_eq!(names("reviewer"), ["v2.0.0", "v1.0.0"]);
    }

    #[test]
    fn a_pre_release_of_an_agent_does_not_hide_the_repositorys_releases() {
        let tags = [
            "v1.0.0",
            "v2.1.0",
            "planner-v2.1.0-rc.1",
            "planner-v3.0.0-beta",
        ];
        let names: Vec<String> = versions_of("planner", tags)
            .into_iter()
            .map(|version| version.tag)
            .collect();
        assert_eq!(
            names,
            [
                "planner-v3.0.0-beta",
                "v2.1.0",
                "planner-v2.1.0-rc.1",
                "v1.0.0"
            ]
        );
        assert_eq!(
            versions_of(
                "planner",
                ["v9.0.0", "planner-v1.0.0", "planner-v2.0.0-rc.1"]
            )
            .len(),
            2
        );
    }
}
