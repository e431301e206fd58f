//! The meaning of git's messages. Git has no error codes, so its English text (`LC_ALL=C`) is matched, most specific first.

use std::path::PathBuf;

use super::GitError;
use crate::domain::digest::ObjectId;
use crate::domain::name::is_invisible;
use crate::domain::url::{GitUrl, redact};

/// The longest detail that is shown.
const MAX_DETAIL: usize = 300;

/// What to do about the messages of a failed run.
pub(super) enum Verdict {
    Error(GitError),
    /// The server asks us to use another address.
    Redirected,
}

#[derive(Clone, Copy)]
enum Meaning {
    TooOld,
    DiskFull,
    NotWritten,
    HostKey,
    UnknownHostKey,
    Authentication,
    UnknownReference,
    UnknownObject,
    NotCut,
    NotSingle,
    ObjectFormat,
    Protocol,
    Unreachable,
    Broken,
    Tls,
    NotRepository,
    Corrupt,
    Damaged,
    NotFound,
}

/// Parts of messages in lower case; the first rule with a part that occurs applies.
const RULES: &[(Meaning, &[&str])] = &[
    (Meaning::TooOld, &["unknown option", "unknown switch"]),
    (
        Meaning::DiskFull,
        &[
            "no space left on device",
            "disk quota exceeded",
            "there is not enough space on the disk",
        ],
    ),
    // A reference of the repository that it fetches into, which is in the way of what is fetched.
    (
        Meaning::Damaged,
        &[
            "reference broken",
            "unable to resolve reference",
            "exists; cannot create",
        ],
    ),
    // What is fetched is here under the same name, with other bytes.
    (
        Meaning::Damaged,
        &["unable to rename temporary '*.", "differ in contents"],
    ),
    // What this git cannot write, in words that would otherwise be taken for a refusal or for a damaged pack.
    (
        Meaning::NotWritten,
        &[
            "unable to create",
            "unable to write",
            "unable to append",
            "unable to rename",
            "insufficient permission for adding",
            "read-only file system",
        ],
    ),
    (
        Meaning::NotWritten,
        &[
            "cannot create",
            "cannot open",
            "could not create",
            "could not write",
            "failed to write",
            "write error",
            "file too large",
            "not a directory",
        ],
    ),
    (
        Meaning::HostKey,
        &[
            "remote host identification has changed",
            "has changed and you have requested",
            "host key is revoked",
        ],
    ),
    // Without a terminal ssh cannot ask about a key that it does not know.
    (Meaning::UnknownHostKey, &["host key verification failed"]),
    // Without a terminal, a 401 is reported as `could not read Username … terminal prompts disabled`.
    (
        Meaning::Authentication,
        &[
            "authentication failed",
            "could not read username",
            "could not read password",
        ],
    ),
    (
        Meaning::Authentication,
        &[
            "permission denied (",
            "permission denied, please",
            "access denied",
            "too many authentication",
        ],
    ),
    // What git says about the repository that it fetches into, not the one that it fetches from.
    (
        Meaning::Damaged,
        &[
            "bad object refs/",
            "loose object",
            "packfile ",
            "index file",
            "fatal: not a git repository",
            "bad config",
            "missing blob object",
            "missing tree object",
            "missing commit object",
        ],
    ),
    (
        Meaning::UnknownReference,
        &["couldn't find remote ref", "no such remote ref"],
    ),
    (
        Meaning::NotCut,
        &["does not support shallow", "not support shallow"],
    ),
    (Meaning::NotSingle, &["unadvertised object"]),
    (Meaning::UnknownObject, &["not our ref", "no such object"]),
    (
        Meaning::ObjectFormat,
        &["mismatched algorithms", "unsupported hash"],
    ),
    (
        Meaning::Protocol,
        &[
            "' not allowed",
            "unsupported protocol",
            "disabled in libcurl",
        ],
    ),
    (
        Meaning::Unreachable,
        &[
            "could not resolve",
            "unable to look up",
            "name or service not known",
            "no route to host",
        ],
    ),
    (
        Meaning::Unreachable,
        &[
            "connection refused",
            "failed to connect",
            "couldn't connect",
            "could not connect",
            "unable to connect",
        ],
    ),
    (
        Meaning::Unreachable,
        &["network is unreachable", "connection timed out"],
    ),
    // A broken connection also leaves a damaged pack, so this comes first.
    (
        Meaning::Broken,
        &[
            "early eof",
            "unexpected disconnect",
            "hung up",
            "connection reset",
            "recv failure",
            "send failure",
        ],
    ),
    (
        Meaning::Broken,
        &[
            "rpc failed",
            "empty reply",
            "transfer closed",
            "unexpected eof",
            "ssl_error_syscall",
            "broken pipe",
        ],
    ),
    (
        Meaning::Broken,
        &[
            "operation too slow",
            "timed out",
            "partial file",
            "outstanding read data",
        ],
    ),
    (
        Meaning::Tls,
        &["certificate", "ssl", "gnutls", "tls", "schannel"],
    ),
    (
        Meaning::NotRepository,
        &[
            "is this a git repository",
            "invalid server response",
            "bad line length",
            "protocol error",
        ],
    ),
    (
        Meaning::NotRepository,
        &["could not determine hash algorithm", "not valid: "],
    ),
    (
        Meaning::Corrupt,
        &[
            "index-pack failed",
            "pack has bad",
            "pack is corrupted",
            "inflate",
            "unresolved delta",
            "pack signature",
        ],
    ),
    (
        Meaning::Corrupt,
        &[
            "did not send all necessary objects",
            "sha1 collision",
            "checksum",
            "fsck error",
            "invalid index-pack",
        ],
    ),
    (
        Meaning::NotFound,
        &[
            "not found",
            "does not appear to be a git repository",
            "does not exist",
        ],
    ),
];

/// Interprets the messages of a failed run.
pub(super) fn judge(messages: &[String], url: &GitUrl) -> Verdict {
    // The address is removed, because its words have no meaning.
    let text = messages
        .join("\n")
        .to_lowercase()
        .replace(&url.as_str().to_lowercase(), "");
    let url = url.clone();
    let detail = detail(messages);
    match status(&text) {
        Some(300..=399) => return Verdict::Redirected,
        Some(401 | 403 | 407) => return Verdict::Error(GitError::Authentication { url, detail }),
        Some(404 | 410) => return Verdict::Error(GitError::NotFound { url }),
        Some(status @ (429 | 500..=599)) => {
            return Verdict::Error(GitError::Server { url, status });
        }
        _ => {}
    }
    // The server's disk is the server's trouble.
    let is_ours = |line: &&str| !line.starts_with("remote:");
    let ours: Vec<&str> = text.lines().filter(is_ours).collect();
    let ours = ours.join("\n");
    let rule = RULES.iter().find(|(meaning, parts)| {
        let is_here = matches!(meaning, Meaning::NotWritten | Meaning::DiskFull);
        let text = if is_here { &ours } else { &text };
        parts.iter().any(|part| text.contains(part))
    });
    Verdict::Error(match rule.map(|(meaning, _)| *meaning) {
        Some(Meaning::TooOld) => GitError::TooOld,
        Some(Meaning::DiskFull) => GitError::DiskFull {
            path: PathBuf::new(),
        },
        Some(Meaning::NotWritten) => GitError::NotWritten {
            path: PathBuf::new(),
            detail,
        },
        Some(Meaning::HostKey) => GitError::HostKey { url, detail },
        Some(Meaning::UnknownHostKey) => GitError::UnknownHostKey { url, detail },
        Some(Meaning::Authentication) => GitError::Authentication { url, detail },
        Some(Meaning::UnknownReference) => unknown_reference(messages, url),
        Some(Meaning::UnknownObject) => unknown_object(&text, url),
        Some(Meaning::NotCut) => GitError::NotCut { url },
        Some(Meaning::NotSingle) => GitError::NotSingle { url },
        Some(Meaning::ObjectFormat) => GitError::ObjectFormat { url },
        Some(Meaning::Protocol) => GitError::Protocol { url, detail },
        Some(Meaning::Unreachable) => GitError::Unreachable { url, detail },
        Some(Meaning::Broken) => GitError::Connection { url, detail },
        Some(Meaning::Tls) => GitError::Tls { url, detail },
        Some(Meaning::NotRepository) => GitError::NotRepository { url, detail },
        Some(Meaning::Corrupt) => GitError::CorruptPack { url, detail },
        Some(Meaning::Damaged) => GitError::Damaged {
            path: PathBuf::new(),
            detail,
        },
        Some(Meaning::NotFound) => GitError::NotFound { url },
        None => GitError::Failed { url, detail },
    })
}

/// Whether the server ignored the request for a partial clone.
pub(super) fn is_filter_ignored(messages: &[String]) -> bool {
    messages
        .iter()
        .any(|line| line.contains("filtering not recognized by server"))
}

/// Where a server redirects to, in the trace of git's HTTP headers.
pub(super) fn redirect_target(messages: &[String]) -> Option<&str> {
    messages.iter().find_map(|line| {
        let (_, header) = line.split_once("Recv header: ")?;
        let (name, value) = header.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim())
    })
}

/// Text from others for one line on a terminal: without control and invisible characters, without secrets, and of limited length.
pub(super) fn cleaned(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| {
            if c.is_control() || is_invisible(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    let mut plain = redact(plain.trim());
    if let Some((end, _)) = plain.char_indices().nth(MAX_DETAIL) {
        plain.truncate(end);
        plain.push('…');
    }
    plain
}

/// The status of `The requested URL returned error: 404`, and of `RPC failed; HTTP 500`.
fn status(text: &str) -> Option<u16> {
    ["returned error: ", "rpc failed; http "]
        .iter()
        .find_map(|marker| {
            let (_, rest) = text.split_once(marker)?;
            rest.get(..3)?.parse().ok()
        })
}

/// The most informative line: the server's own error, else git's first fatal error.
fn detail(messages: &[String]) -> String {
    let rank = |line: &&String| match line.as_str() {
        line if line.starts_with("fatal: ") => 0,
        line if line.starts_with("error: ") => 1,
        line if line.starts_with("remote: ") => 3,
        line if line.starts_with("warning: ") => 4,
        _ => 2,
    };
    let line = messages
        .iter()
        .filter(|line| !line.trim().is_empty())
        .min_by_key(rank);
    let line = line.map_or("", |line| line.as_str());
    let line = ["fatal: ", "error: ", "remote: "]
        .iter()
        .find_map(|prefix| line.strip_prefix(prefix))
        .unwrap_or(line);
    cleaned(line)
}

fn unknown_reference(messages: &[String], url: GitUrl) -> GitError {
    let name = messages.iter().find_map(|line| {
        line.split_once("remote ref ")
            .map(|(_, name)| cleaned(name))
    });
    match name {
        Some(name) if name != "HEAD" => GitError::UnknownReference { url, name },
        _ => GitError::NoDefaultBranch { url },
    }
}

fn unknown_object(text: &str, url: GitUrl) -> GitError {
    let id = text
        .split(|c: char| !c.is_ascii_hexdigit())
        .find(|word| word.parse::<ObjectId>().is_ok());
    GitError::UnknownReference {
        url,
        name: id.unwrap_or("such object").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(message: &str) -> String {
        let url = "https://host/a".parse().expect("a good address");
        match judge(
            &message.lines().map(str::to_owned).collect::<Vec<_>>(),
            &url,
        ) {
            Verdict::Redirected => "Redirected".to_owned(),
            Verdict::Error(error) => format!("{error:?}")
                .split([' ', '{'])
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// What git and its helpers say, and what it is.
    const MESSAGES: &[(&str, &str)] = &[
        (
            "fatal: unable to access 'https://h/': The requested URL returned error: 301",
            "Redirected",
        ),
        (
            "fatal: unable to access 'https://h/': The requested URL returned error: 403",
            "Authentication",
        ),
        (
            "fatal: unable to access 'https://h/': The requested URL returned error: 500",
            "Server",
        ),
        (
            "error: RPC failed; HTTP 502 curl 22\nfatal: expected flush after ref listing",
            "Server",
        ),
        (
            "fatal: could not read Username for 'https://h': terminal prompts disabled",
            "Authentication",
        ),
        (
            "fatal: Authentication failed for 'https://h/a/'",
            "Authentication",
        ),
        (
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "Authentication",
        ),
        (
            "Host key verification failed.\nfatal: Could not read from remote repository.",
            "UnknownHostKey",
        ),
        (
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key for h has changed and you have requested strict checking.\nHost key verification failed.",
            "HostKey",
        ),
        (
            "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.",
            "UnknownHostKey",
        ),
        ("fatal: repository 'https://h/a/' not found", "NotFound"),
        (
            "remote: Repository not found.\nfatal: repository 'https://h/a/' not found",
            "NotFound",
        ),
        (
            "ERROR: Repository not found.\nfatal: Could not read from remote repository.",
            "NotFound",
        ),
        (
            "fatal: 'x.git' does not appear to be a git repository",
            "NotFound",
        ),
        (
            "fatal: unable to access 'https://h/': Could not resolve host: h",
            "Unreachable",
        ),
        (
            "fatal: unable to access 'https://h/': Failed to connect to h port 443 after 1 ms: Couldn't connect",
            "Unreachable",
        ),
        (
            "ssh: Could not resolve hostname h: Name or service not known",
            "Unreachable",
        ),
        (
            "ssh: connect to host h port 22: Connection refused",
            "Unreachable",
        ),
        (
            "fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate",
            "Tls",
        ),
        (
            "fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none",
            "Tls",
        ),
        (
            "fatal: unable to access 'https://h/': OpenSSL SSL_read: unexpected eof while reading",
            "Connection",
        ),
        (
            "fatal: unable to access 'https://h/': Empty reply from server",
            "Connection",
        ),
        (
            "fatal: early EOF\nfatal: fetch-pack: invalid index-pack output",
            "Connection",
        ),
        (
            "fetch-pack: unexpected disconnect while reading sideband packet",
            "Connection",
        ),
        (
            "fatal: pack has bad object at offset 12: inflate returned -3",
            "CorruptPack",
        ),
        ("fatal: pack is corrupted (SHA1 mismatch)", "CorruptPack"),
        ("fatal: couldn't find remote ref HEAD", "NoDefaultBranch"),
        (
            "fatal: couldn't find remote ref refs/tags/v9",
            "UnknownReference",
        ),
        (
            "fatal: remote error: upload-pack: not our ref 0123456789abcdef0123456789abcdef01234567",
            "UnknownReference",
        ),
        ("fatal: write error: No space left on device", "DiskFull"),
        (
            "error: unable to create temporary file: Permission denied\nfatal: fetch-pack: invalid index-pack output",
            "NotWritten",
        ),
        (
            "fatal: unable to create temporary file '/c/objects/pack/tmp_pack_x': Read-only file system\nfatal: index-pack failed",
            "NotWritten",
        ),
        (
            "error: cannot lock ref 'refs/tags/v1': Unable to create '/c/refs/tags/v1.lock': Permission denied",
            "NotWritten",
        ),
        (
            "error: cannot lock ref 'refs/remotes/origin/main': unable to resolve reference 'refs/remotes/origin/main': reference broken",
            "Damaged",
        ),
        (
            "remote: fatal: unable to create temporary file\nfatal: early EOF",
            "Connection",
        ),
        (
            "fatal: mismatched algorithms: client sha1; server sha256",
            "ObjectFormat",
        ),
        ("fatal: transport 'ext' not allowed", "Protocol"),
        ("error: unknown option `no-write-fetch-head'", "TooOld"),
        ("fatal: Server does not support shallow clients", "NotCut"),
        ("fatal: Server does not support shallow requests", "NotCut"),
        (
            "error: Server does not allow request for unadvertised object 0123456789012345678901234567890123456789",
            "NotSingle",
        ),
        (
            "fatal: https://h/a/info/refs not valid: is this a git repository?",
            "NotRepository",
        ),
        ("fatal: something new", "Failed"),
        ("", "Failed"),
    ];

    #[test]
    fn messages_of_git_and_its_helpers_are_told_apart() {
        for (message, name) in MESSAGES {
            assert_eq!(name_of(message), *name, "{message}");
        }
    }

    #[test]
    fn words_of_others_are_cleaned() {
        assert_eq!(
            cleaned("a\u{1b}[2K\u{202e}b https://me:secret@h/x"),
            "a [2K b https://***@h/x"
        );
        assert_eq!(cleaned(&"é".repeat(1000)).chars().count(), MAX_DETAIL + 1);
    }
}
