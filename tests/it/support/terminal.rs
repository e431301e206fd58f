//! A terminal of 80 columns: runs the program in it, presses keys, and knows what stands on the screen.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rexpect::session::{PtySession, spawn_command};

use crate::support::sandbox::Sandbox;

/// How long something may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs in a terminal.
pub(crate) struct Terminal {
    session: PtySession,
    /// What the program wrote.
    bytes: Vec<u8>,
}

impl Terminal {
    /// Starts agentpkg in the project of a sandbox.
    pub(crate) fn start(sandbox: &Sandbox, arguments: &[&str], variables: &[(&str, OsString)]) -> Self {
        // A pseudo-terminal has no size at first.
        let script = "stty cols 80 rows 50; exec \"$0\" \"$@\"";
        let mut command = sandbox.prepared(Command::new("sh"));
        command.args(["-c", script, env!("CARGO_BIN_EXE_agentpkg")]).args(arguments);
        command.env("TERM", "xterm").envs(variables.iter().cloned()).stdin(Stdio::inherit());
        Self { session: spawn_command(command, Some(30_000)).unwrap(), bytes: Vec::new() }
    }

    /// The screen, with all that has left it at the top.
    pub(crate) fn screen(&mut self) -> String {
        // What comes is one byte in each `char`.
        while let Some(byte) = self.session.try_read() {
            self.bytes.push(u8::try_from(u32::from(byte)).unwrap());
        }
        drawn(&String::from_utf8_lossy(&self.bytes))
    }

    /// Waits until a line begins like this.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, start: &str) {
        let begin = Instant::now();
        while !self.screen().lines().any(|line| line.starts_with(start)) {
            assert!(begin.elapsed() < PATIENCE, "no line begins with {start:?}:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.session.send(keys).unwrap();
        self.session.flush().unwrap();
    }

    /// Goes down to the choice that begins like this.
    #[track_caller]
    pub(crate) fn go_to(&mut self, choice: &str) {
        let (here, there) = (format!("> {choice}"), format!("  {choice}"));
        let begin = Instant::now();
        loop {
            let screen = self.screen();
            // The list of the last question is at the end.
            let lines: Vec<&str> = screen.lines().collect();
            let marked = lines.iter().rposition(|line| line.starts_with("> "));
            let wanted = lines.iter().rposition(|line| line.starts_with(&here) || line.starts_with(&there));
            match (marked, wanted) {
                (Some(marked), Some(wanted)) if marked == wanted => return,
                (Some(marked), Some(wanted)) if marked < wanted => {
                    self.press("\u{1b}[B");
                    self.wait_for(&format!("> {}", &lines[marked + 1][2..]));
                }
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
            assert!(begin.elapsed() < PATIENCE, "there is no choice {choice:?}:\n{}", self.screen());
        }
    }

    /// Chooses what begins like this.
    #[track_caller]
    pub(crate) fn choose(&mut self, choice: &str) {
        self.go_to(choice);
        let answers = |screen: &str| screen.lines().filter(|line| line.starts_with("  > ")).count();
        let before = answers(&self.screen());
        self.press("\r");
        // The answer takes the place of the list; only then can the next list be told from this one.
        let begin = Instant::now();
        while answers(&self.screen()) == before {
            assert!(begin.elapsed() < PATIENCE, "{choice:?} was not taken:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end of the program; the screen then.
    pub(crate) fn end(mut self) -> String {
        let rest = self.session.exp_eof().unwrap();
        self.bytes.extend(rest.chars().map(|byte| u8::try_from(u32::from(byte)).unwrap()));
        drawn(&String::from_utf8_lossy(&self.bytes))
    }
}

/// What a terminal shows after these characters. It knows the few controls that move and erase; colours and the rest it lets pass.
fn drawn(text: &str) -> String {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0_usize, 0_usize);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\n' => row += 1,
            '\r' => column = 0,
            '\u{1b}' => {
                let mut number = String::new();
                // `ESC [`, parameters, one letter.
                let control = characters.by_ref().skip(1).find(|next| {
                    number.push(*next);
                    next.is_ascii_alphabetic()
                });
                let count: usize = number.trim_end_matches(char::is_alphabetic).parse().unwrap_or(0);
                match control {
                    Some('A') => row = row.saturating_sub(count.max(1)),
                    Some('B') => row += count.max(1),
                    Some('G') => column = count.max(1) - 1,
                    Some('K') if count == 2 => lines[row].clear(),
                    Some('K') => lines[row].truncate(column),
                    Some('J') => {
                        lines.truncate(row + 1);
                        lines[row].truncate(column);
                    }
                    _ => {}
                }
            }
            _ => {
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = character;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    let lines: Vec<String> = lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect();
    lines.join("\n").trim_end().to_owned() + "\n"
}
