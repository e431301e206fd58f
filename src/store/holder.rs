//! The holder of a lock: written into the lock file, sealed, so that a process that waits can be told who holds it.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seal::{Kind, Seal};
use crate::domain::shell::Command;
use crate::error::{Failure, Result};
use crate::fs::Lock;

/// A command that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process.
    pub process: u32,
    /// The subcommand.
    pub command: String,
    /// When it started, in seconds since 1970.
    pub since: u64,
}

/// Who wants a lock, and how long to wait for it.
#[derive(Debug, Clone, Default)]
pub struct Patience {
    /// The subcommand.
    pub command: String,
    /// How long it waits.
    pub wait: Duration,
    /// Seconds since 1970.
    pub now: u64,
}

impl Holder {
    /// The holder in words; `None`: the lock file does not say.
    #[must_use]
    pub fn describe(holder: Option<&Self>, now: u64) -> String {
        match holder {
            Some(Self {
                process,
                command,
                since,
            }) => {
                let seconds = now.saturating_sub(*since);
                // `agentpkg` alone has no subcommand.
                let command = Command::new(command.split_whitespace());
                format!("`{command}` (process {process}, running for {seconds} s)")
            }
            None => "another process".to_owned(),
        }
    }
}

/// Takes the lock on `file`. If another process holds it, `waiting` is called once with the holder; fails if it is still held when the time
/// is over.
pub(super) fn take_lock(
    file: File,
    path: &Path,
    place: &str,
    seal: &Seal,
    patience: &Patience,
    waiting: impl FnOnce(Option<Holder>),
) -> Result<Lock> {
    let me = Holder {
        process: std::process::id(),
        command: patience.command.clone(),
        since: patience.now,
    };
    let line = seal.close(Kind::Holder, serde_json::to_vec(&me).unwrap_or_default());
    let mut held_by = None;
    let lock = Lock::take(file, path, &line, patience.wait, |line| {
        // A line without a valid seal may have come with the project, so it is ignored.
        held_by = seal
            .open(Kind::Holder, line)
            .and_then(|text| serde_json::from_slice(text).ok());
        if !patience.wait.is_zero() {
            waiting(held_by.clone());
        }
    })?;
    lock.ok_or_else(|| {
        let (who, seconds) = (
            Holder::describe(held_by.as_ref(), patience.now),
            patience.wait.as_secs(),
        );
        let failure = Failure::failed(format!("{who} is at work in {place}"));
        if seconds == 0 {
            return failure.hint("`--wait SECONDS` waits for it to end");
        }
        failure
            .caused_by(format!("waited for {seconds} s"))
            .hint("`--wait SECONDS` waits longer, `--wait 0` not at all")
    })
}
