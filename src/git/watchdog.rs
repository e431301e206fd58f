//! Ends git and its helpers when this program ends first, however it ends: by a signal, a panic or a kill that nothing can catch.
//!
//! One shell waits at the other end of a pipe, and is told which processes run. When the pipe closes, it ends those that are left. It is in a
//! process group of its own, so that Ctrl-C does not end it together with everything else.

#![allow(
    clippy::disallowed_methods,
    reason = "this is the boundary the lint protects"
)]

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Reads `+ ID` and `- ID`, where an ID is that of a process, or negative that of a group; ends what is left at the end of its input.
const SCRIPT: &str = "
trap '' INT TERM HUP
all=' '
while read -r what id; do
  case $what in
    +) all=\"$all$id \" ;;
    -) all=\"${all%% $id *} ${all#* $id }\" ;;
  esac
done
set -- $all
[ $# -gt 0 ] || exit 0
for id; do kill -s TERM -- \"$id\"; done
sleep 1
for id; do kill -s KILL -- \"$id\"; done
";

/// The shell, once it was started.
static SHELL: Mutex<Option<Child>> = Mutex::new(None);

/// A process, or a group, that is ended with this program.
pub(super) struct Watched {
    id: i64,
    /// Tells the shell, so that git need not wait until it has started.
    told: Option<JoinHandle<()>>,
}

impl Watched {
    /// From now on.
    pub(super) fn new(child: &Child, own_group: bool) -> Self {
        let id = i64::from(child.id());
        let id = if own_group { -id } else { id };
        Self {
            id,
            told: Some(thread::spawn(move || tell('+', id))),
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // What is taken back has to be told first.
        if let Some(told) = self.told.take() {
            drop(told.join());
        }
        tell('-', self.id);
    }
}

/// Tells the shell; starts it if it does not run. Where there is none, git ends at the next write into a pipe that nobody reads.
fn tell(what: char, id: i64) {
    let mut shell = SHELL.lock().unwrap_or_else(PoisonError::into_inner);
    if shell.is_none() {
        *shell = start();
    }
    let input = shell.as_mut().and_then(|child| child.stdin.as_mut());
    if input.is_some_and(|input| writeln!(input, "{what} {id}").is_err()) {
        *shell = None;
    }
}

fn start() -> Option<Child> {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", SCRIPT])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().ok()
}
