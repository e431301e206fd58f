//! One run of the `git` program: watched, bounded in time, memory and disk, and killed with all its helpers when it goes too far.
//!
//! Not responsible for its arguments and variables, nor for the meaning of its messages.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How often limits are checked while git is silent.
const TICK: Duration = Duration::from_millis(10);
/// How often the size on disk is measured at most.
const MEASURE: Duration = Duration::from_millis(20);
/// How much longer than a measurement took the next one waits: a repository of many files must not slow its own fetch down.
const REST: u32 = 20;
/// How long git has to clean up after itself when asked to stop.
const GRACE: Duration = Duration::from_millis(300);
/// Lines of messages kept; the last ones say why git failed.
const KEPT_LINES: usize = 200;
const MAX_LINE: usize = 4096;
/// More than any honest list of references.
const MAX_OUTPUT: u64 = 64 << 20;

/// The limits of a run.
pub(super) struct Bounds<'a> {
    pub(super) deadline: Instant,
    /// Whether the helpers get their own process group. Then all of them can be killed at once, but none can ask on the terminal.
    pub(super) own_group: bool,
    /// Called from time to time; `false` stops the run.
    pub(super) may_go_on: &'a mut dyn FnMut() -> bool,
}

/// The result of a run.
pub(super) struct Outcome {
    pub(super) end: End,
    pub(super) output: Vec<u8>,
    /// The last messages, one line each.
    pub(super) messages: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Success,
    Failure,
    /// The deadline passed.
    Late,
    /// `may_go_on` returned `false`.
    Stopped,
}

enum Message {
    Line(String),
    Output(Vec<u8>),
}

/// Runs `command` with `input`. Lines for which `is_progress` holds are not kept as messages.
pub(super) fn run(
    mut command: Command,
    input: Option<Vec<u8>>,
    bounds: &mut Bounds<'_>,
    is_progress: &mut dyn FnMut(&str) -> bool,
) -> io::Result<Outcome> {
    command
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    #[cfg(unix)]
    if bounds.own_group {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    let mut child = command.spawn()?;
    #[cfg(unix)]
    let _watched = super::watchdog::Watched::new(&child, bounds.own_group);
    // The threads are never joined: a helper that outlives git, such as a shared ssh connection, may keep the pipes open.
    let (sender, receiver) = mpsc::channel();
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A git that stops reading has failed, and reports that itself.
        thread::spawn(move || drop(stdin.write_all(&input)));
    }
    if let Some(stderr) = child.stderr.take() {
        let sender = sender.clone();
        thread::spawn(move || read_lines(stderr, &sender));
    }
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            let mut output = Vec::new();
            // What was read before an error is still useful.
            drop(stdout.take(MAX_OUTPUT).read_to_end(&mut output));
            // The receiver is gone when the run was stopped.
            drop(sender.send(Message::Output(output)));
        });
    }
    let mut gathered = Gathered {
        output: Vec::new(),
        messages: VecDeque::new(),
    };
    let end = watch(&mut child, bounds, &receiver, &mut |message| {
        gathered.take(message, is_progress);
    });
    let end = match end {
        Ok(end) => end,
        Err(error) => {
            stop(&mut child, bounds.own_group);
            return Err(error);
        }
    };
    // A git that fails does not wait for its helpers, and one that waits for a server would run on. One that succeeds has ended them; what
    // it leaves behind then, such as a daemon that remembers a password, is meant to stay.
    if end != End::Success {
        stop(&mut child, bounds.own_group);
    }
    let patience = Instant::now() + GRACE;
    while let Ok(message) =
        receiver.recv_timeout(patience.saturating_duration_since(Instant::now()))
    {
        gathered.take(message, is_progress);
    }
    Ok(Outcome {
        end,
        output: gathered.output,
        messages: gathered.messages.into(),
    })
}

struct Gathered {
    output: Vec<u8>,
    messages: VecDeque<String>,
}

impl Gathered {
    fn take(&mut self, message: Message, is_progress: &mut dyn FnMut(&str) -> bool) {
        match message {
            Message::Output(output) => self.output = output,
            Message::Line(line) if line.is_empty() || is_progress(&line) => {}
            Message::Line(line) => {
                if self.messages.len() == KEPT_LINES {
                    self.messages.pop_front();
                }
                self.messages.push_back(line);
            }
        }
    }
}

fn watch(
    child: &mut Child,
    bounds: &mut Bounds<'_>,
    receiver: &Receiver<Message>,
    take: &mut dyn FnMut(Message),
) -> io::Result<End> {
    let of = |status: ExitStatus| {
        if status.success() {
            End::Success
        } else {
            End::Failure
        }
    };
    let (mut measured, mut pause) = (Instant::now(), MEASURE);
    loop {
        match receiver.recv_timeout(TICK) {
            Ok(message) => take(message),
            Err(RecvTimeoutError::Timeout) => {}
            // Both pipes are closed: git is about to end.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(Duration::from_micros(300)),
        }
        if let Some(status) = child.try_wait()? {
            return Ok(of(status));
        }
        let now = Instant::now();
        if now >= bounds.deadline {
            return Ok(End::Late);
        }
        if now.duration_since(measured) >= pause {
            if !(bounds.may_go_on)() {
                return Ok(End::Stopped);
            }
            measured = Instant::now();
            pause = MEASURE.max(measured.duration_since(now) * REST);
        }
    }
}

/// Asks the process and its group to end, then kills it.
fn stop(child: &mut Child, own_group: bool) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process, kill_process_group};
        let pid = Pid::from_child(child);
        let send = |signal| {
            if own_group {
                kill_process_group(pid, signal)
            } else {
                kill_process(pid, signal)
            }
        };
        // On this signal, git removes its temporary packs and ends its helpers. If the process is already gone, that is just as good.
        let _ = send(Signal::TERM);
        let patience = Instant::now() + GRACE;
        let mut has_ended = false;
        while !has_ended && Instant::now() < patience {
            thread::sleep(Duration::from_millis(5));
            has_ended = !matches!(child.try_wait(), Ok(None));
        }
        // The group can outlive its leader, whose id stays reserved as long as the group exists. A single process that has ended must not
        // be signalled, because its id may be reused.
        if own_group || !has_ended {
            let _ = send(Signal::KILL);
        }
    }
    #[cfg(not(unix))]
    let _ = own_group;
    drop(child.kill());
    drop(child.wait());
}

/// Sends each line, which ends with a line feed or, in git's progress output, a carriage return.
fn read_lines(mut source: impl Read, sender: &Sender<Message>) {
    let mut buffer = [0; 8192];
    let mut line = Vec::new();
    loop {
        let read = match source.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        for byte in &buffer[..read] {
            if matches!(byte, b'\n' | b'\r') {
                if sender
                    .send(Message::Line(String::from_utf8_lossy(&line).into_owned()))
                    .is_err()
                {
                    return;
                }
                line.clear();
            } else if line.len() < MAX_LINE {
                line.push(*byte);
            }
        }
    }
    // There may be no receiver any more.
    drop(sender.send(Message::Line(String::from_utf8_lossy(&line).into_owned())));
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// Runs a script that starts a helper, writes the id of it, and ends; returns whether the helper still runs.
    #[expect(
        clippy::disallowed_methods,
        reason = "the helper is looked at from outside"
    )]
    fn helper_outlives(code: u8, own_group: bool) -> bool {
        let mut command = Command::new("/bin/sh");
        let script = format!("sleep 60 >/dev/null 2>&1 & echo $!; exit {code}");
        command.args(["-c", &script]);
        let mut bounds = Bounds {
            deadline: Instant::now() + Duration::from_secs(20),
            own_group,
            may_go_on: &mut || true,
        };
        let outcome = run(command, None, &mut bounds, &mut |_| false).unwrap();
        assert_eq!(outcome.end == End::Success, code == 0);
        let id = String::from_utf8(outcome.output).unwrap();
        let id = id.trim();
        // A process that has ended and that nobody has waited for is still listed, as a zombie.
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let runs = state
            .rsplit(") ")
            .next()
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'));
        drop(Command::new("kill").arg(id).output());
        runs
    }

    #[test]
    fn a_failure_ends_the_helpers_and_a_success_leaves_what_is_to_stay() {
        assert!(!helper_outlives(1, true));
        assert!(helper_outlives(0, true));
        assert!(helper_outlives(1, false), "it may ask on the terminal");
    }
}
