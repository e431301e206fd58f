//! What the user's `git` says of a repository on this machine that libgit2 cannot open: a partial clone, one with another store of
//! references, one with longer object names.
//!
//! Such a repository can name programs in its settings, so git gets commands that only read, no protocol, no lazy fetch, no hook and no
//! monitor, and keeps its own check of who owns the folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::child::{self, Bounds, End};
use super::command::Git;
use crate::domain::digest::ObjectId;

const PATIENCE: Duration = Duration::from_secs(30);

/// A repository as git describes it.
#[derive(Debug)]
pub(super) struct Described {
    /// Where the objects are.
    pub(super) objects: PathBuf,
    /// Whether objects have names that this program reads.
    pub(super) is_readable: bool,
    /// All references and `HEAD`, as far as they name something.
    pub(super) references: BTreeMap<String, ObjectId>,
}

impl Git {
    /// Asks for the place of the objects and for all references; `None`: git does not read it either.
    pub(super) fn describe(&self, folder: &Path) -> Option<Described> {
        let asked = [
            "rev-parse",
            "--path-format=absolute",
            "--git-common-dir",
            "--show-object-format",
        ];
        let place = String::from_utf8(self.ask(folder, &asked, None)?).ok()?;
        let (common, format) = place.trim_end().rsplit_once('\n')?;
        let mut described = Described {
            objects: Path::new(common).join("objects"),
            is_readable: format == "sha1",
            references: BTreeMap::new(),
        };
        if described.is_readable {
            let format = "--format=%(objectname) %(refname)";
            let listed = self.ask(folder, &["for-each-ref", format], None)?;
            let head = self.ask(folder, &["rev-parse", "--quiet", "--verify", "HEAD"], None);
            let head = head.map(|id| String::from_utf8_lossy(&id).trim().to_owned() + " HEAD");
            let listed = String::from_utf8_lossy(&listed).into_owned();
            let lines = listed.lines().chain(head.as_deref());
            described.references = lines
                .filter_map(|line| {
                    let (id, name) = line.split_once(' ')?;
                    Some((name.to_owned(), id.parse().ok()?))
                })
                .collect();
        }
        Some(described)
    }

    /// The contents that `path` had in the newest `limit` commits of `HEAD` that changed it, newest first, in whatever form the repository
    /// in `folder` is. What is larger than `max_bytes`, or not here, is left out.
    #[must_use]
    pub fn past_contents(
        &self,
        folder: &Path,
        path: &str,
        limit: usize,
        max_bytes: u64,
    ) -> Vec<Vec<u8>> {
        let most = format!("--max-count={limit}");
        let asked = ["rev-list", "--first-parent", &most, "HEAD", "--", path];
        let commits = self
            .ask(folder, &asked, None)
            .filter(|_| !path.contains('\n'));
        let commits = String::from_utf8(commits.unwrap_or_default()).unwrap_or_default();
        let mut names = String::new();
        for commit in commits.lines() {
            names.extend([commit, ":", path, "\n"]);
        }
        let input = Some(names.into_bytes()).filter(|names| !names.is_empty());
        let Some(input) = input else {
            return Vec::new();
        };
        let answer = self.ask(folder, &["cat-file", "--batch"], Some(input));
        contents(&answer.unwrap_or_default(), max_bytes)
    }

    /// What git answers; `None` if it fails or takes too long.
    fn ask(&self, folder: &Path, arguments: &[&str], input: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let mut bounds = Bounds {
            deadline: Instant::now() + PATIENCE,
            own_group: true,
            may_go_on: &mut || true,
        };
        let command = self.reading(folder, arguments);
        let outcome = child::run(command, input, &mut bounds, &mut |_| false).ok()?;
        (outcome.end == End::Success).then_some(outcome.output)
    }

    fn reading(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = self.bare_command();
        command
            .current_dir(folder)
            .args([
                "-c",
                "core.fsmonitor=false",
                "-c",
                "core.hooksPath=/dev/null",
            ])
            .args(arguments)
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", "none")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0");
        // The repository in this folder, and none above it.
        if let Some(above) = folder.parent() {
            command.env("GIT_CEILING_DIRECTORIES", above);
        }
        command
    }
}

/// The blobs in an answer of `cat-file --batch`.
fn contents(mut answer: &[u8], max_bytes: u64) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(end) = answer.iter().position(|byte| *byte == b'\n') {
        let header = String::from_utf8_lossy(&answer[..end]).into_owned();
        answer = &answer[end + 1..];
        let mut words = header.rsplit(' ');
        let (size, kind) = (words.next(), words.next());
        // A name that is not there has a line of its own, which ends in another word.
        let Some(size) = size.and_then(|size| size.parse::<usize>().ok()) else {
            continue;
        };
        let Some(content) = answer.get(..size) else {
            break;
        };
        if kind == Some("blob") && size as u64 <= max_bytes {
            found.push(content.to_vec());
        }
        answer = answer.get(size + 1..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_cut_where_the_sizes_say() {
        let answer = b"ab blob 3\nx\ny\ncd:a.md missing\nef tree 2\nzz\n01 blob 9\n123456789\n02 blob 0\n\n03 blob 5\nab";
        assert_eq!(contents(answer, 8), [b"x\ny".to_vec(), Vec::new()]);
    }
}
