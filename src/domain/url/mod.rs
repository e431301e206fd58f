//! Addresses of git repositories: parsing, checking and normalising, as pure text.
//!
//! Responsible for: which addresses may be passed to `git` at all, and the name of an address in the cache. Not responsible for fetching,
//! for local paths without a scheme, or for deciding whether plain http is allowed ([`GitUrl::needs_insecure`] only reports it). An address
//! that parses here contains no option, shell character, remote helper or password, so it can safely be passed to `git`, `ssh` and a
//! terminal.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

pub use self::page::{Page, Shown};
use self::parts::{
    bracketed, check_characters, checked_host, checked_path, helper, is_drive, is_scheme,
    percent_decoded, split_port, split_user,
};
pub use self::secrets::{has_secret, redact};
use super::digest::Digest;

mod page;
mod parts;
mod secrets;

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// `https://`
    Https,
    /// `http://`, which anybody on the network path can read and change.
    Http,
    /// `ssh://` and `user@host:path`.
    Ssh,
    /// `git://`, which anybody on the network path can read and change.
    Git,
    /// `file://`
    File,
}

impl Transport {
    /// The scheme, which is also git's name for the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Git => "git",
            Self::File => "file",
        }
    }

    fn from_scheme(scheme: &str) -> Option<Self> {
        [Self::Https, Self::Http, Self::Ssh, Self::Git, Self::File]
            .into_iter()
            .find(|transport| transport.as_str() == scheme)
    }

    fn default_port(self) -> Option<u16> {
        match self {
            Self::Https => Some(443),
            Self::Http => Some(80),
            Self::Ssh => Some(22),
            Self::Git => Some(9418),
            Self::File => None,
        }
    }
}

/// The checked, normalised address of a git repository: scheme and host in lower case, no default port, no trailing slash.
///
/// The case of the path and a `.git` suffix are kept, because servers may distinguish such paths.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitUrl {
    text: String,
    transport: Transport,
    host: String,
    port: Option<u16>,
    path: String,
}

impl GitUrl {
    /// Checks and normalises `text`: an `https`, `http`, `ssh`, `git` or `file` URL, `user@host:path`, or `gh:owner/repo`.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        check_characters(text)?;
        if text.is_empty() {
            return Err(UrlError::NotUrl);
        }
        if text.starts_with('-') {
            return Err(UrlError::Option { part: "address" });
        }
        if let Some(helper) = helper(text) {
            return Err(UrlError::Helper {
                name: helper.to_owned(),
            });
        }
        if let Some((scheme, rest)) = text.split_once("://")
            && is_scheme(scheme)
        {
            return Self::with_scheme(scheme, rest);
        }
        // Hosts are written in lower case, so a host `GH` would be read as this the next time.
        if let Some((prefix, rest)) = text.split_once(':')
            && prefix.eq_ignore_ascii_case("gh")
        {
            return match rest.split_once('/') {
                Some((owner, repository)) => Self::github(owner, repository),
                None => Err(UrlError::GitHub { part: "repository" }),
            };
        }
        Self::scp(text)
    }

    /// The repository that `gh:owner/repository` stands for.
    pub fn github(owner: &str, repository: &str) -> Result<Self, UrlError> {
        let repository = repository.strip_suffix(".git").unwrap_or(repository);
        let plain = |text: &str, extra: &[char]| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || extra.contains(&c))
        };
        if owner.is_empty()
            || owner.len() > 39
            || owner.starts_with(['-', '_'])
            || !plain(owner, &['-', '_'])
        {
            return Err(UrlError::GitHub { part: "owner" });
        }
        let is_name =
            !repository.is_empty() && repository.len() <= 100 && !repository.starts_with('-');
        if !is_name || matches!(repository, "." | "..") || !plain(repository, &['-', '_', '.']) {
            return Err(UrlError::GitHub { part: "repository" });
        }
        Self::with_scheme("https", &format!("github.com/{owner}/{repository}"))
    }

    /// The normalised address, as given to git and written to files.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How the repository is reached.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The host in lower case, an IPv6 address without brackets; empty for `file`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, or the transport's default port; `None` for `file`.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port.or(self.transport.default_port())
    }

    /// Whether the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<Ipv4Addr>()
                .is_ok_and(|address| address.is_loopback())
            || self
                .host
                .parse::<Ipv6Addr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// Whether others on the network path could read or change what is fetched, so that the user must allow it.
    #[must_use]
    pub fn needs_insecure(&self) -> bool {
        matches!(self.transport, Transport::Http | Transport::Git) && !self.is_loopback()
    }

    /// The address for display: without the user name of a web address, which may be private.
    #[must_use]
    pub fn display(&self) -> String {
        match self.transport {
            Transport::Https | Transport::Http => redact(&self.text),
            _ => self.text.clone(),
        }
    }

    /// The folder that a `file` address names.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        (self.transport == Transport::File).then(|| {
            let path = percent_decoded(&self.path);
            // `file:///C:/x` names `C:/x`.
            match path.strip_prefix('/').filter(|rest| is_drive(rest)) {
                Some(rest) => PathBuf::from(rest),
                None => PathBuf::from(path),
            }
        })
    }

    /// The last part of the path without `.git`: a reasonable name for a registry.
    #[must_use]
    pub fn short_name(&self) -> &str {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        last.strip_suffix(".git").unwrap_or(last)
    }

    /// The last part but one of the path: the owner of the repository, where the host has owners.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.path.rsplit('/').nth(1).filter(|part| !part.is_empty())
    }

    /// A folder name for the cache: readable, and unique for every address.
    #[must_use]
    pub fn cache_key(&self) -> String {
        let mut slug = String::new();
        for c in self
            .host
            .chars()
            .chain(['/'])
            .chain(self.path.trim_end_matches(".git").chars())
        {
            let c = c.to_ascii_lowercase();
            if c.is_ascii_alphanumeric()
                || (c == '.' && !slug.is_empty() && !slug.ends_with(['.', '-']))
            {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(48);
        let slug = slug.trim_end_matches(['-', '.']);
        let digest = Digest::of(self.text.as_bytes()).to_string();
        // The prefix keeps the folder's name from being a Windows device name such as `con`.
        format!(
            "{}-{}",
            if slug.is_empty() { "git" } else { slug },
            &digest[..32]
        )
    }

    /// Whether both have the same scheme, host and port, so that credentials for one may be sent to the other.
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        self.transport == other.transport && self.host == other.host && self.port() == other.port()
    }

    fn with_scheme(scheme: &str, rest: &str) -> Result<Self, UrlError> {
        let scheme = scheme.to_ascii_lowercase();
        let Some(transport) = Transport::from_scheme(&scheme) else {
            return Err(UrlError::Scheme { scheme });
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if transport == Transport::File {
            if !authority.is_empty() {
                return Err(UrlError::FileHost);
            }
            let path = checked_path(path, transport)?;
            return Ok(Self {
                text: format!("file://{path}"),
                transport,
                host: String::new(),
                port: None,
                path,
            });
        }
        let (user, host) = split_user(authority, transport)?;
        let (host, port) = split_port(host, transport)?;
        let path = checked_path(path, transport)?;
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let shown_port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let text = format!("{scheme}://{user}{}{shown_port}{path}", bracketed(&host));
        Ok(Self {
            text,
            transport,
            host,
            port,
            path,
        })
    }

    fn scp(text: &str) -> Result<Self, UrlError> {
        let transport = Transport::Ssh;
        if is_drive(text) {
            return Err(UrlError::Drive);
        }
        // The colon of `[::1]:path` is the one after the bracket.
        let after_bracket = text.find(']').filter(|_| {
            text.split('@')
                .next_back()
                .is_some_and(|host| host.starts_with('['))
        });
        let from = after_bracket.unwrap_or(0);
        let colon = text[from..].find(':').map(|at| at + from);
        let Some((authority, path)) = colon
            .map(|at| (&text[..at], &text[at + 1..]))
            .filter(|(host, _)| !host.contains('/'))
        else {
            return Err(UrlError::NotUrl);
        };
        let lower = authority.to_ascii_lowercase();
        if Transport::from_scheme(&lower).is_some() {
            return Err(UrlError::Slashes { scheme: lower });
        }
        // `user:password@host:path` has its first colon inside the user part.
        if !authority.contains('@')
            && path
                .split('/')
                .next()
                .is_some_and(|part| part.contains('@'))
        {
            return Err(UrlError::Password);
        }
        let (user, host) = split_user(authority, transport)?;
        let host = checked_host(host)?;
        let path = checked_path(path, transport)?;
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let text = format!("{user}{}:{path}", bracketed(&host));
        Ok(Self {
            text,
            transport,
            host,
            port: None,
            path,
        })
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.display())
    }
}

impl fmt::Debug for GitUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "GitUrl({})", self.display())
    }
}

impl FromStr for GitUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

/// Why a text is not the address of a repository. No message repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No scheme and no `host:path`.
    #[error(
        "it is not an address of a git repository; for a folder write `./folder` or an absolute path"
    )]
    NotUrl,
    /// A part that begins with `-`.
    #[error("the {part} begins with `-`, which programs read as an option")]
    Option {
        /// `address`, `host`, `user` or `path`.
        part: &'static str,
    },
    /// `ext::…` and similar addresses run any program.
    #[error("`{name}::` runs a program of the address's choice, so it is never used")]
    Helper {
        /// The helper's name.
        name: String,
    },
    /// Not one of the five schemes.
    #[error("`{scheme}://` is not supported; use https or ssh")]
    Scheme {
        /// The text before `://`.
        scheme: String,
    },
    /// `https:host/path`.
    #[error("`{scheme}:` needs two slashes: `{scheme}://`")]
    Slashes {
        /// The text before `:`.
        scheme: String,
    },
    /// Control characters, white space or invisible characters, also percent-encoded.
    #[error("it contains white space, control or invisible characters")]
    Hidden,
    /// No host.
    #[error("it names no host")]
    EmptyHost,
    /// Not a host name or address.
    #[error(
        "the host may contain only letters, digits, `.`, `_` and `-`, or be an IPv6 address in brackets"
    )]
    Host,
    /// Not a port.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// A user name with unusual characters.
    #[error("the user name may contain only letters, digits, `.`, `_`, `+`, `~` and `-`")]
    User,
    /// A password or token.
    #[error(
        "it contains a password or token; leave it out and let git's credential helper give it"
    )]
    Password,
    /// A file address with a host.
    #[error("a file address has three slashes: `file:///folder`")]
    FileHost,
    /// A Windows drive.
    #[error("it is a folder on a drive; write it as `file:///C:/folder`")]
    Drive,
    /// No path.
    #[error("it names no repository on the host")]
    EmptyPath,
    /// `.` and `..`
    #[error("the path contains `{component}`")]
    Dots {
        /// `.` or `..`.
        component: &'static str,
    },
    /// A character that shells or servers would interpret.
    #[error("the path contains `{character}`, which is not allowed here")]
    Character {
        /// The character.
        character: char,
    },
    /// `gh:` with something other than owner and repository.
    #[error("the GitHub {part} is not a valid name; write `gh:owner/repository`")]
    GitHub {
        /// `owner` or `repository`.
        part: &'static str,
    },
}

#[cfg(test)]
mod tests;
