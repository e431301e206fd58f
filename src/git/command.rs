//! The user's `git` program: where it is, and the environment it gets.
//!
//! Responsible for what a run may see and do: no `GIT_*` variable of a calling git, no prompt without permission, only the intended
//! protocols, no hooks, no background maintenance. [`super::remote`] decides what is fetched, [`super::child`] how long it may take.

#![allow(
    clippy::disallowed_methods,
    reason = "this is the boundary the lint protects"
)]

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::GitError;
use super::answers::Answers;
use crate::domain::digest::ObjectId;
use crate::domain::url::{GitUrl, Transport};

/// Variables with which people configure their proxy, certificates, keys and settings. All other `GIT_*` variables belong to a git that may
/// have called us (a hook, an alias, a merge driver), and would make our git use its repository.
const KEPT_VARIABLES: [&str; 9] = [
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "GIT_EXEC_PATH",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_COUNT",
];
const KEPT_PREFIXES: [&str; 5] = [
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_VALUE_",
    "GIT_SSL_",
    "GIT_PROXY_",
    "GIT_HTTP_",
];

/// The remote's name in the settings of each call. Not `origin`, for which users may have settings of their own.
pub(super) const REMOTE: &str = "agentpkg-registry";

/// The limits of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The time from start to end, including retries.
    pub deadline: Duration,
    /// Bytes on disk that a fetch may add.
    pub max_bytes: u64,
    /// References in the local repository: until git packs them, each is a file, and git writes a few thousand files a second.
    pub max_references: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(120),
            max_bytes: 256 << 20,
            max_references: 40_000,
        }
    }
}

/// How a remote may be accessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Access {
    /// Time and size.
    pub limits: Limits,
    /// Whether git and ssh may ask for a password on the terminal.
    pub may_prompt: bool,
    /// Whether plain `http://` and `git://` are allowed to other machines.
    pub allow_insecure: bool,
}

/// Which file contents a fetch includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BlobFilter {
    /// Neither contents nor folders: commits alone.
    Commits,
    /// None: they are fetched when wanted, by [`Git::fetch_objects`].
    #[default]
    None,
    /// All contents of new commits. Contents of commits that were fetched without them are not fetched later.
    All,
}

/// What to fetch, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// References, such as `+HEAD:refs/agentpkg/head`. Local ones that match a pattern and are gone at the remote are removed.
    pub refspecs: Vec<String>,
    /// Commits of history; `None` means all, also where an earlier fetch took fewer.
    pub depth: Option<u32>,
    /// File contents.
    pub blobs: BlobFilter,
    /// Limits and permissions.
    pub access: Access,
}

impl FetchRequest {
    /// The default branch to `refs/agentpkg/head`, as [`super::Repository::head`] reads it.
    pub const HEAD: &'static str = "+HEAD:refs/agentpkg/head";
    /// All branches, as [`super::Repository::open_fetched`] reads them.
    pub const BRANCHES: &'static str = "+refs/heads/*:refs/remotes/origin/*";
    /// All tags.
    pub const TAGS: &'static str = "+refs/tags/*:refs/tags/*";

    /// Default branch, branches and tags with all history, for a persistent cache.
    #[must_use]
    pub fn history(access: Access) -> Self {
        Self::of(&[Self::HEAD, Self::BRANCHES, Self::TAGS], access)
    }

    /// The same of a remote that has no default branch.
    #[must_use]
    pub fn without_head(access: Access) -> Self {
        Self::of(&[Self::BRANCHES, Self::TAGS], access)
    }

    /// One commit with its history, which is kept as `refs/agentpkg/commits/…`: what no branch and no tag leads to.
    #[must_use]
    pub fn commit(id: ObjectId, access: Access) -> Self {
        Self::of(&[&format!("+{id}:refs/agentpkg/commits/{id}")], access)
    }

    fn of(refspecs: &[&str], access: Access) -> Self {
        Self {
            refspecs: refspecs.iter().map(ToString::to_string).collect(),
            depth: None,
            blobs: BlobFilter::None,
            access,
        }
    }

    /// The default branch alone.
    #[must_use]
    pub fn head(access: Access) -> Self {
        Self::of(&[Self::HEAD], access)
    }

    /// One commit without history, for a machine that is discarded. `from` is `HEAD`, a full reference name or a full commit id, which is
    /// stored as `refs/agentpkg/commits/…`, so that the default branch is not changed.
    #[must_use]
    pub fn tip(from: &str, access: Access) -> Self {
        let refspec = match from {
            "HEAD" => Self::HEAD.to_owned(),
            from if from.starts_with("refs/") => format!("+{from}:{from}"),
            commit => format!("+{commit}:refs/agentpkg/commits/{commit}"),
        };
        Self {
            refspecs: vec![refspec],
            depth: Some(1),
            blobs: BlobFilter::None,
            access,
        }
    }
}

/// The result of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The address that answered; it differs from the requested one if the same server redirected.
    pub url: GitUrl,
    /// Whether file contents were left out. A server that does not support that sends all of them.
    pub is_filtered: bool,
    /// Bytes added on disk.
    pub bytes: u64,
}

/// The references of a remote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteRefs {
    /// The branch that `HEAD` points to, such as `refs/heads/main`.
    pub head_branch: Option<String>,
    /// Names and their targets, in the remote's order; annotated tags are followed to the tagged object.
    pub refs: Vec<(String, ObjectId)>,
}

/// The user's `git`.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
    variables: Vec<(OsString, OsString)>,
    answers: Arc<Answers>,
}

impl Git {
    /// Searches for `git` in the folders of the `PATH` variable. Relative folders are ignored, because the project is not trusted.
    pub fn find(path_variable: Option<&OsStr>) -> Result<Self, GitError> {
        let name = format!("git{}", std::env::consts::EXE_SUFFIX);
        let folders = std::env::split_paths(path_variable.ok_or(GitError::Missing)?);
        let program = folders
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&name))
            .find(|file| is_program(file));
        program
            .map(|program| Self {
                answers: Arc::new(Answers::new(&program)),
                program,
                variables: Vec::new(),
            })
            .ok_or(GitError::Missing)
    }

    /// Passes one more variable to git; it takes precedence over the environment.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The output of `git --version`, such as `2.47.3`.
    pub fn version(&self) -> Result<String, GitError> {
        let output = self
            .bare_command()
            .arg("--version")
            .output()
            .map_err(|source| GitError::Spawn { source })?;
        let text = super::stderr::cleaned(&String::from_utf8_lossy(&output.stdout));
        Ok(text
            .strip_prefix("git version ")
            .unwrap_or(&text)
            .to_owned())
    }

    /// `git --git-dir=into` with everything but the subcommand, for an address that was checked by [`check`].
    pub(super) fn command(&self, into: &Path, url: &GitUrl, access: &Access) -> Command {
        let mut command = self.bare_command();
        let mut directory = OsString::from("--git-dir=");
        directory.push(into);
        command.arg(directory);
        if into.is_dir() {
            command.current_dir(into);
        }
        // The address is a setting and not an argument, so that git treats the repository as a partial clone without writing that into the
        // repository's own settings, which libgit2 would refuse to open.
        for setting in [
            format!("remote.{REMOTE}.url={}", url.as_str()),
            format!("remote.{REMOTE}.promisor=true"),
            format!("remote.{REMOTE}.partialclonefilter=blob:none"),
            "protocol.version=2".to_owned(),
            "gc.auto=0".to_owned(),
            "maintenance.auto=false".to_owned(),
            "fetch.writeCommitGraph=false".to_owned(),
            // Always pack: one file instead of hundreds, and one place to measure and to clean.
            "fetch.unpackLimit=1".to_owned(),
            "core.hooksPath=/dev/null".to_owned(),
            "core.fsmonitor=false".to_owned(),
            // Larger objects are streamed to disk and not held in memory.
            "core.bigFileThreshold=1m".to_owned(),
            "http.followRedirects=false".to_owned(),
            format!(
                "http.lowSpeedTime={}",
                access.limits.deadline.as_secs().max(1)
            ),
            "http.lowSpeedLimit=1".to_owned(),
        ] {
            command.arg("-c").arg(setting);
        }
        if access.may_prompt
            && matches!(url.transport(), Transport::Https | Transport::Http)
            && let Some(setting) = self.answers.setting()
        {
            command.arg("-c").arg(setting);
        }
        // Takes precedence over every `protocol.*` setting. Https and ssh are always allowed, because users rewrite one to the other.
        command.env(
            "GIT_ALLOW_PROTOCOL",
            match url.transport() {
                Transport::Https | Transport::Ssh => "https:ssh",
                Transport::Http => "https:ssh:http",
                Transport::Git => "https:ssh:git",
                Transport::File => "https:ssh:file",
            },
        );
        if !access.may_prompt {
            command
                .env("GIT_TERMINAL_PROMPT", "0")
                .env("SSH_ASKPASS_REQUIRE", "never")
                .env("GCM_INTERACTIVE", "never");
            command.env_remove("SSH_ASKPASS");
            if url.transport() == Transport::Ssh && !self.has_ssh_command() {
                command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
            }
        }
        self.add_variables(&mut command);
        command
    }

    /// Whether the user configured another ssh for git, which our batch mode must not replace.
    fn has_ssh_command(&self) -> bool {
        let is_ssh = |name: &OsStr| name == "GIT_SSH_COMMAND" || name == "GIT_SSH";
        self.variables.iter().any(|(name, _)| is_ssh(name))
            || std::env::vars_os().any(|(name, _)| is_ssh(&name))
            || self
                .bare_command()
                .args(["config", "--get", "core.sshCommand"])
                .current_dir(std::env::temp_dir())
                .output()
                .is_ok_and(|output| output.status.success())
    }

    pub(super) fn bare_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if !is_kept(&name) {
                command.env_remove(name);
            }
        }
        // Messages are matched in English.
        command.env("LC_ALL", "C").env_remove("LANGUAGE");
        self.add_variables(&mut command);
        command
    }

    fn add_variables(&self, command: &mut Command) {
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }
}

/// Whether `url` may be accessed at all.
pub(super) fn check(url: &GitUrl, access: &Access) -> Result<(), GitError> {
    if url.needs_insecure() && !access.allow_insecure {
        return Err(GitError::Insecure { url: url.clone() });
    }
    Ok(())
}

fn is_kept(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return true;
    };
    !name.starts_with("GIT_")
        || KEPT_VARIABLES.contains(&name)
        || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn is_program(file: &Path) -> bool {
    let Ok(metadata) = file.metadata() else {
        return false;
    };
    #[cfg(unix)]
    let is_executable =
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let is_executable = true;
    metadata.is_file() && is_executable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_a_calling_git_are_dropped() {
        for (name, kept) in [
            ("GIT_DIR", false),
            ("GIT_INDEX_FILE", false),
            ("GIT_CONFIG_PARAMETERS", false),
            ("GIT_TRACE", false),
            ("GIT_ALLOW_PROTOCOL", false),
            ("GIT_SSH_COMMAND", true),
            ("GIT_SSL_NO_VERIFY", true),
            ("GIT_CONFIG_KEY_0", true),
            ("GIT_CONFIG_GLOBAL", true),
            ("HTTPS_PROXY", true),
        ] {
            assert_eq!(is_kept(OsStr::new(name)), kept, "{name}");
        }
    }

    #[test]
    fn git_is_not_taken_from_relative_folders() {
        assert!(matches!(Git::find(None), Err(GitError::Missing)));
        assert!(matches!(
            Git::find(Some(OsStr::new("."))),
            Err(GitError::Missing)
        ));
        assert!(matches!(
            Git::find(Some(OsStr::new(""))),
            Err(GitError::Missing)
        ));
    }
}
