//! Addresses of pages on which a host shows part of a repository, as people paste them from a browser.
//!
//! A page names the repository, a reference and a path, but not where the reference ends: a branch may have slashes. That only the
//! repository can say, so it stays open here.

use super::parts::percent_decoded;
use super::{GitUrl, UrlError};

/// A page of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The repository.
    pub repository: GitUrl,
    /// What it shows.
    pub shown: Shown,
}

/// What a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What the host calls such a page: `blob`, `tree`, …
    pub kind: String,
    /// Whether it is a file, not a folder or the whole repository.
    pub is_file: bool,
    /// The reference and, behind it, the path.
    pub rest: String,
}

/// Pages with one file.
const FILES: [&str; 4] = ["blob", "raw", "blame", "edit"];
/// Pages with a folder, or with everything at a reference.
const FOLDERS: [&str; 5] = ["tree", "commit", "commits", "tags", "releases"];
/// What Gitea and its kin write before the reference.
const REFERENCES: [&str; 3] = ["branch", "tag", "commit"];
const GITHUB: &str = "github.com";
const GITHUB_RAW: &str = "raw.githubusercontent.com";
const BITBUCKET: &str = "bitbucket.org";

impl Page {
    /// Reads the address of a page; `None`: it is none, as far as one can tell.
    #[must_use]
    pub fn of(text: &str) -> Option<Result<Self, UrlError>> {
        let (scheme, rest) = text.split_once("://")?;
        if !matches!(scheme.to_ascii_lowercase().as_str(), "https" | "http") {
            return None;
        }
        let (authority, path) = rest.split_once('/')?;
        let path = path.split('?').next().unwrap_or(path);
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let host = authority.rsplit('@').next().unwrap_or(authority);
        let host = host.to_ascii_lowercase();
        let host = host.strip_prefix("www.").unwrap_or(&host);
        if host == GITHUB_RAW {
            let (repository, rest) = parts.split_at_checked(2)?;
            let repository = format!("{scheme}://{GITHUB}/{}", repository.join("/"));
            let is_whole = matches!(rest, ["refs", "heads" | "tags", ..]);
            let rest = if is_whole { &rest[2..] } else { rest };
            return Some(Self::new(&repository, "raw", true, rest));
        }
        let (at, kind, rest) = parts.iter().enumerate().skip(1).find_map(|(at, kind)| {
            let (rest, is_marked) = match (*kind, &parts[at + 1..]) {
                ("-", [kind, rest @ ..]) => {
                    return known(kind, rest).map(|(kind, rest)| (at, kind, rest));
                }
                ("src", rest) if host == BITBUCKET => {
                    return (at == 2).then_some((at, "src", rest));
                }
                ("src" | "raw", [reference, rest @ ..]) if REFERENCES.contains(reference) => {
                    (rest, host != GITHUB)
                }
                ("releases", ["tag", rest @ ..]) => (rest, true),
                ("releases" | "tags" | "commits", _) => return None,
                (_, rest) => (rest, true),
            };
            // On GitHub a repository has two parts, so what follows is always a page.
            let is_place = at == 2 || host != GITHUB;
            let (kind, rest) = known(kind, rest).or((*kind == "src").then_some((*kind, rest)))?;
            (is_marked && is_place).then_some((at, kind, rest))
        })?;
        let repository = format!("{scheme}://{authority}/{}", parts[..at].join("/"));
        let is_named = || rest.last().is_some_and(|last| last.contains('.')) && rest.len() > 1;
        let is_file = if kind == "src" {
            is_named()
        } else {
            FILES.contains(&kind) && rest.len() > 1
        };
        Some(Self::new(&repository, kind, is_file, rest))
    }

    fn new(repository: &str, kind: &str, is_file: bool, rest: &[&str]) -> Result<Self, UrlError> {
        let rest = percent_decoded(&rest.join("/"));
        super::parts::check_characters(&rest)?;
        Ok(Self {
            repository: GitUrl::parse(repository)?,
            shown: Shown {
                kind: kind.to_owned(),
                is_file,
                rest,
            },
        })
    }
}

impl Shown {
    /// The part of the address that makes it a page.
    #[must_use]
    pub fn marker(&self) -> String {
        format!("/{}/{}", self.kind, self.rest)
    }
}

/// A kind of page, and what follows it: at least a reference.
fn known<'p>(kind: &'p str, rest: &'p [&'p str]) -> Option<(&'p str, &'p [&'p str])> {
    let is_known = FILES.contains(&kind) || FOLDERS.contains(&kind);
    (is_known && !rest.is_empty()).then_some((kind, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        match Page::of(text) {
            None => "no page".to_owned(),
            Some(Err(error)) => format!("error: {error}"),
            Some(Ok(Page { repository, shown })) => {
                let what = if shown.is_file { "file" } else { "folder" };
                format!("{} {what} {}", repository.as_str(), shown.rest)
            }
        }
    }

    #[test]
    fn pages_of_hosts_are_read() {
        for (text, meaning) in [
            (
                "https://github.com/o/r/blob/main/a/x.md",
                "https://github.com/o/r file main/a/x.md",
            ),
            (
                "https://www.github.com/o/r/blob/main/x.md?plain=1",
                "https://www.github.com/o/r file main/x.md",
            ),
            (
                "https://github.com/o/r/tree/main/team",
                "https://github.com/o/r folder main/team",
            ),
            (
                "https://github.com/o/r/tree/feature/x",
                "https://github.com/o/r folder feature/x",
            ),
            (
                "https://github.com/o/r/releases/tag/v1.0.0",
                "https://github.com/o/r folder v1.0.0",
            ),
            (
                "https://github.com/o/r/commit/abcdef1",
                "https://github.com/o/r folder abcdef1",
            ),
            (
                "https://raw.githubusercontent.com/o/r/main/x.md",
                "https://github.com/o/r file main/x.md",
            ),
            (
                "https://raw.githubusercontent.com/o/r/refs/heads/main/x.md",
                "https://github.com/o/r file main/x.md",
            ),
            (
                "https://gitlab.com/g/sub/r/-/blob/main/a%20b.md",
                "error: it contains white space, control or invisible characters",
            ),
            (
                "https://gitlab.com/g/sub/r/-/blob/main/x.md",
                "https://gitlab.com/g/sub/r file main/x.md",
            ),
            (
                "https://gitlab.com/g/sub/r/-/tree/main?ref_type=heads",
                "https://gitlab.com/g/sub/r folder main",
            ),
            (
                "https://codeberg.org/o/r/src/branch/main/x.md",
                "https://codeberg.org/o/r file main/x.md",
            ),
            (
                "https://codeberg.org/o/r/raw/tag/v1/x.md",
                "https://codeberg.org/o/r file v1/x.md",
            ),
            (
                "https://bitbucket.org/o/r/src/main/x.md",
                "https://bitbucket.org/o/r file main/x.md",
            ),
            (
                "http://127.0.0.1:8080/o/r/blob/main/x.md",
                "http://127.0.0.1:8080/o/r file main/x.md",
            ),
            ("https://github.com/o/r", "no page"),
            ("https://github.com/o/blob", "no page"),
            ("https://github.com/tree/main/", "no page"),
            ("https://github.com/o/r/issues/1", "no page"),
            ("https://host.example/src/agents.git", "no page"),
            ("ssh://git@host.example/o/r/tree/main", "no page"),
            ("git@github.com:o/r/tree/main", "no page"),
        ] {
            assert_eq!(show(text), meaning, "{text}");
        }
    }
}
