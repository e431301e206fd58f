//! What can go wrong with git: one variant for each failure that a person would handle differently, with advice.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::digest::ObjectId;
use crate::domain::url::{GitUrl, Transport};
use crate::error::Failure;

/// Why git could not do what was asked. Details are git's own words, cleaned of control characters and secrets.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no `git` on `PATH`.
    #[error("`git` is not installed")]
    Missing,
    /// `git` does not know an option that is needed.
    #[error("the installed `git` is too old")]
    TooOld,
    /// `git` could not be started.
    #[error("cannot run `git`")]
    Spawn {
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// Plain http or git without permission.
    #[error("`{url}` is not encrypted, so others could change what it delivers")]
    Insecure {
        /// The address.
        url: GitUrl,
    },
    /// A reference or pattern that git could misinterpret.
    #[error("`{name}` is not a valid reference")]
    BadReference {
        /// The reference.
        name: String,
    },
    /// The server has no such repository, or hides it.
    #[error("there is no repository at `{url}`, or it is private")]
    NotFound {
        /// The address.
        url: GitUrl,
    },
    /// Credentials are missing or wrong.
    #[error("`{url}` refuses access")]
    Authentication {
        /// The address.
        url: GitUrl,
        /// Git's words.
        detail: String,
    },
    /// No such host, no route, or no listener.
    #[error("cannot reach `{url}`")]
    Unreachable {
        /// The address.
        url: GitUrl,
        /// Git's words.
        detail: String,
    },
    /// The certificate is not valid.
    #[error("the secure connection to `{url}` failed")]
    Tls {
        /// The address.
        url: GitUrl,
        /// Git's words.
        detail: String,
    },
    /// The ssh host key is not known, and nobody can be asked about it.
    #[error("the ssh key of `{}` is unknown here, so `{url}` was not contacted", .url.host())]
    UnknownHostKey {
        /// The address.
        url: GitUrl,
        /// Git's words.
        detail: String,
    },
    /// The ssh host key has changed.
    #[error("the ssh key of `{}` is not the one that is known, so `{url}` was not contacted", .url.host())]
    HostKey {
        /// The address.
        url: GitUrl,
        /// Git's words.
        detail: String,
    },
    /// The server redirects to another server.
    #[error("`{from}` redirects to `{to}`")]
    Redirect {
        /// The address that was asked.
        from: GitUrl,
        /// The address it redirects to, cleaned.
        to: String,
    },
    /// The deadline passed.
    #[error("`{url}` did not deliver within {} seconds", .after.as_secs())]
    Timeout {
        /// The address.
        url: GitUrl,
        /// The deadline.
        after: Duration,
    },
    /// More bytes than allowed.
    #[error("`{url}` delivers more than {} MiB", .limit >> 20)]
    TooLarge {
        /// The address.
        url: GitUrl,
        /// The limit in bytes.
        limit: u64,
    },
    /// More references than allowed.
    #[error("`{url}` has more than {limit} branches and tags")]
    TooManyReferences {
        /// The address.
        url: GitUrl,
        /// The limit.
        limit: usize,
    },
    /// The remote has no such branch, tag or commit.
    #[error("`{url}` has no `{name}`")]
    UnknownReference {
        /// The address.
        url: GitUrl,
        /// What was requested.
        name: String,
    },
    /// The server gives whole histories only.
    #[error("`{url}` does not serve clones without history")]
    NotCut {
        /// The address.
        url: GitUrl,
    },
    /// The server gives only what its references lead to, and no single object.
    #[error("`{url}` does not serve single files")]
    NotSingle {
        /// The address.
        url: GitUrl,
    },
    /// The remote has no commits, or its default branch is missing.
    #[error("`{url}` has no default branch")]
    NoDefaultBranch {
        /// The address.
        url: GitUrl,
    },
    /// Something other than git answers there.
    #[error("what answers at `{url}` is not a git repository")]
    NotRepository {
        /// The address.
        url: GitUrl,
        /// Git's words.
        detail: String,
    },
    /// The server failed.
    #[error("the server of `{url}` failed with status {status}")]
    Server {
        /// The address.
        url: GitUrl,
        /// The HTTP status.
        status: u16,
    },
    /// The connection broke.
    #[error("the connection to `{url}` broke")]
    Connection {
        /// The address.
        url: GitUrl,
        /// Git's words.
        detail: String,
    },
    /// The delivered data is damaged.
    #[error("`{url}` delivered damaged data")]
    CorruptPack {
        /// The address.
        url: GitUrl,
        /// Git's words.
        detail: String,
    },
    /// There is no space left.
    #[error("the disk is full")]
    DiskFull {
        /// The file or folder that could not be written.
        path: PathBuf,
    },
    /// A file of the cache cannot be written.
    #[error("cannot write to the cache at `{}`", .path.display())]
    NotWritten {
        /// The repository in the cache.
        path: PathBuf,
        /// Git's words, which name the file.
        detail: String,
    },
    /// The remote names objects by SHA-256.
    #[error("`{url}` uses SHA-256 object names, which are not supported")]
    ObjectFormat {
        /// The address.
        url: GitUrl,
    },
    /// The user's configuration rewrites the address to a forbidden protocol.
    #[error("git's configuration turns `{url}` into an address that is not allowed")]
    Protocol {
        /// The address.
        url: GitUrl,
        /// Git's words.
        detail: String,
    },
    /// Anything else that git reports.
    #[error("git could not fetch `{url}`")]
    Failed {
        /// The address.
        url: GitUrl,
        /// Git's words.
        detail: String,
    },
    /// There is no repository in a folder.
    #[error("`{}` is not a git repository", .path.display())]
    NotOpened {
        /// The folder.
        path: PathBuf,
        /// The reason why it is not a repository.
        detail: String,
    },
    /// A repository on this machine names objects by SHA-256.
    #[error("`{}` uses SHA-256 object names, which are not supported", .path.display())]
    LocalFormat {
        /// The folder.
        path: PathBuf,
    },
    /// The repository belongs to another user.
    #[error("`{}` belongs to another user", .path.display())]
    Owner {
        /// The folder.
        path: PathBuf,
    },
    /// An abbreviation that fits several commits.
    #[error("`{revision}` matches several commits")]
    Ambiguous {
        /// The abbreviation.
        revision: String,
    },
    /// A required object is missing.
    #[error("object {id} is missing in `{}`", .path.display())]
    MissingObject {
        /// The object.
        id: ObjectId,
        /// The repository.
        path: PathBuf,
    },
    /// An object cannot be read, or does not match its id.
    #[error("object {id} in `{}` is damaged", .path.display())]
    Corrupt {
        /// The object.
        id: ObjectId,
        /// The repository.
        path: PathBuf,
        /// Libgit2's words.
        detail: String,
    },
    /// Git reports that the repository it fetches into is damaged.
    #[error("the repository `{}` is damaged", .path.display())]
    Damaged {
        /// The repository.
        path: PathBuf,
        /// Git's words.
        detail: String,
    },
    /// More entries than allowed.
    #[error("`{place}` has more than {limit} files")]
    TreeTooLarge {
        /// The repository, as a person knows it.
        place: String,
        /// The limit.
        limit: usize,
    },
    /// A file could not be read or written.
    #[error("cannot use `{}`", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// Libgit2 could not read something other than an object.
    #[error("cannot read the repository `{}`", .path.display())]
    Unreadable {
        /// The repository.
        path: PathBuf,
        /// Libgit2's words.
        detail: String,
    },
}

impl GitError {
    /// Whether the network or the server is to blame, so that the cached state may be used.
    #[must_use]
    pub fn is_network(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Connection { .. }
                | Self::Server { .. }
                | Self::CorruptPack { .. }
        )
    }

    /// Whether a repository on this machine is damaged, so that a cache should be made again.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. }
                | Self::Corrupt { .. }
                | Self::MissingObject { .. }
                | Self::Unreadable { .. }
                | Self::NotOpened { .. }
        )
    }

    /// Whether an immediate retry could help: never if the server refuses or limits.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Connection { .. } | Self::Server { status: 500.., .. }
        )
    }

    /// The message of git or the system.
    fn detail(&self) -> Option<String> {
        match self {
            Self::Authentication { detail, .. }
            | Self::Unreachable { detail, .. }
            | Self::Tls { detail, .. }
            | Self::HostKey { detail, .. }
            | Self::UnknownHostKey { detail, .. }
            | Self::NotRepository { detail, .. }
            | Self::Connection { detail, .. }
            | Self::CorruptPack { detail, .. }
            | Self::Protocol { detail, .. }
            | Self::Failed { detail, .. }
            | Self::NotWritten { detail, .. }
            | Self::NotOpened { detail, .. }
            | Self::Corrupt { detail, .. }
            | Self::Damaged { detail, .. }
            | Self::Unreadable { detail, .. } => {
                Some(detail.clone()).filter(|detail| !detail.is_empty())
            }
            Self::Spawn { source } | Self::Io { source, .. } => Some(source.to_string()),
            _ => None,
        }
    }

    /// The failure to fetch from a remote. `is_cached`: whether something of it is in the cache, which `--offline` uses.
    #[must_use]
    pub fn into_failure(self, is_cached: bool) -> Failure {
        let mut failure = if matches!(self, Self::BadReference { .. }) {
            Failure::usage(self.to_string())
        } else {
            Failure::failed(self.to_string())
        };
        if let Some(detail) = self.detail() {
            failure = failure.caused_by(detail);
        }
        let Some(mut hint) = self.hint() else {
            return failure;
        };
        // The other hints end with a command.
        let is_short = !matches!(self, Self::CorruptPack { .. });
        if is_cached && is_short && self.is_network() {
            hint.push_str(", or use what is cached with --offline");
        }
        failure.hint(hint)
    }

    /// What to do or type next.
    fn hint(&self) -> Option<String> {
        let look = |url: &GitUrl| format!("see what git says: git ls-remote {}", url.as_str());
        Some(match self {
            Self::Missing => {
                "install git from https://git-scm.com/downloads; built-in agents and registries in folders work without it"
                    .to_owned()
            }
            Self::TooOld => "update git to 2.29 or newer, from https://git-scm.com/downloads".to_owned(),
            Self::Insecure { .. } => "use its https or ssh address, or allow it with --allow-insecure".to_owned(),
            Self::NotFound { url } => {
                format!("check the address; for a private repository log in first, then try: git ls-remote {}", url.as_str())
            }
            Self::Authentication { url, .. } => {
                // GitHub asks for a password even if a repository does not exist, so as not to reveal which private repositories exist.
                format!(
                    "check the address, and set up git's access to it (a credential helper or an ssh key) until this works: git ls-remote {}",
                    url.as_str()
                )
            }
            Self::Unreachable { .. } => "check the network and the address".to_owned(),
            Self::Tls { .. } => "for a private certificate authority: git config --global http.sslCAInfo FILE".to_owned(),
            Self::UnknownHostKey { url, .. } => {
                format!("compare the key with the one that the host's owner publishes, and accept it: {}", ssh_command(url))
            }
            Self::HostKey { url, .. } => {
                let name = match url.port() {
                    Some(port) if port != 22 => format!("'[{}]:{port}'", url.host()),
                    _ => url.host().to_owned(),
                };
                format!("ask the host's owner whether its key was changed; if so: ssh-keygen -R {name}, then: {}", ssh_command(url))
            }
            Self::Redirect { to, .. } => match GitUrl::parse(to) {
                Ok(url) if matches!(url.transport(), Transport::Https | Transport::Ssh) => {
                    format!("if you trust `{}`, use the new address: {to}", url.host())
                }
                _ => "ask the owner of the registry for its new address".to_owned(),
            },
            Self::Timeout { .. } | Self::Server { .. } | Self::Connection { .. } => "try again".to_owned(),
            Self::TooLarge { .. } | Self::TooManyReferences { .. } | Self::TreeTooLarge { .. } => {
                "it is far larger than a registry of agents; check the address".to_owned()
            }
            Self::UnknownReference { url, .. } => format!("see what there is: git ls-remote {}", url.as_str()),
            Self::NoDefaultBranch { .. } => "push a first commit to it, or name a branch, a tag or a commit with @".to_owned(),
            Self::NotCut { url } | Self::NotSingle { url } | Self::NotRepository { url, .. } | Self::Failed { url, .. } | Self::CorruptPack { url, .. } => look(url),
            Self::Protocol { .. } => "look for url.*.insteadOf in: git config --show-origin --list".to_owned(),
            Self::Owner { path } => format!("if you trust it: git config --global --add safe.directory {}", path.display()),
            Self::Ambiguous { .. } => "write more digits of the commit".to_owned(),
            Self::NotWritten { .. } => {
                "check the permissions and the disk of that folder, or set AGENTPKG_CACHE_DIR to another one".to_owned()
            }
            Self::DiskFull { path } => format!("make room for {}", path.display()),
            Self::MissingObject { path, .. } | Self::Corrupt { path, .. } | Self::Damaged { path, .. } => {
                format!("if this is agentpkg's cache, delete it and it is fetched again: {}", path.display())
            }
            Self::BadReference { .. } => "write a tag, a branch or a commit, such as @v1.2.0".to_owned(),
            Self::Spawn { .. } | Self::ObjectFormat { .. } | Self::LocalFormat { .. } | Self::NotOpened { .. } | Self::Io { .. } | Self::Unreadable { .. } => {
                return None;
            }
        })
    }
}

/// What connects to the host of an ssh address as git does, so that ssh can ask about its key.
fn ssh_command(url: &GitUrl) -> String {
    let rest = url.as_str();
    let rest = rest.strip_prefix("ssh://").unwrap_or(rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let user = (authority.rsplit_once('@')).map(|(user, _)| user.split(':').next().unwrap_or(user));
    let port = match url.port() {
        Some(port) if port != 22 => format!("-p {port} "),
        _ => String::new(),
    };
    let user = user.map_or_else(String::new, |user| format!("{user}@"));
    format!("ssh -T {port}{user}{}", url.host())
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        error.into_failure(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_of_a_host_key_has_user_and_port() {
        for (url, command) in [
            (
                "ssh://me@host.example:2222/a/b",
                "ssh -T -p 2222 me@host.example",
            ),
            ("git@host.example:a/b", "ssh -T git@host.example"),
            ("ssh://host.example/a/b", "ssh -T host.example"),
        ] {
            let url: GitUrl = url.parse().expect("a good address");
            let detail = String::new();
            let unknown = GitError::UnknownHostKey {
                url: url.clone(),
                detail,
            };
            assert!(
                unknown.hint().is_some_and(|hint| hint.ends_with(command)),
                "{unknown}"
            );
            assert!(unknown.to_string().contains("unknown"));
            let detail = String::new();
            let changed = GitError::HostKey { url, detail };
            assert!(
                changed.hint().is_some_and(|hint| hint.ends_with(command)),
                "{changed}"
            );
        }
    }
}
