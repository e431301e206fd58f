//! What a person answered when git asked for a user name and a password. Git's own `credential-cache` remembers it, in memory, until this
//! command ends, so that its next run does not ask again. It knows nothing of the user's own helpers, which are asked first.

#![allow(
    clippy::disallowed_methods,
    reason = "this is the boundary the lint protects"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::domain::shell::shell_quoted;

/// For how long the answers are kept if this command is killed, in seconds: as long as two fetches may take.
const TIMEOUT: u32 = 240;

/// The answers of one command.
#[derive(Debug)]
pub(super) struct Answers {
    program: PathBuf,
    /// Where the cache listens. Its folder is made when there is something to remember, and for this user alone.
    socket: Option<PathBuf>,
}

impl Answers {
    pub(super) fn new(program: &Path) -> Self {
        let mut name = [0; 16];
        // Without a name that nobody can guess, nothing is remembered, and git asks again.
        let socket = getrandom::fill(&mut name).ok().map(|()| {
            let name = u128::from_ne_bytes(name);
            let folder = std::env::temp_dir().join(format!("agentpkg-{name:032x}"));
            folder.join("answers")
        });
        Self {
            program: program.to_owned(),
            socket,
        }
    }

    /// The setting with which git remembers; `None` where it cannot.
    pub(super) fn setting(&self) -> Option<String> {
        let socket = self.socket.as_ref().filter(|_| cfg!(unix))?;
        let socket = shell_quoted(socket.to_str()?);
        Some(format!(
            "credential.helper=cache --timeout={TIMEOUT} --socket={socket}"
        ))
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        let Some(socket) = self.socket.as_ref().filter(|socket| socket.exists()) else {
            return;
        };
        // If this fails, the answers are forgotten when their time is over.
        let _ = Command::new(&self.program)
            .arg("credential-cache")
            .arg(format!("--socket={}", socket.display()))
            .arg("exit")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if let Some(folder) = socket.parent() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
