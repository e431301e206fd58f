//! A terminal of 80 columns: runs the program in it, presses keys, and knows what is on the screen.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};

use crate::support::sandbox::Sandbox;

/// How long to wait for output.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs in a terminal.
pub(crate) struct Terminal {
    session: PtySession,
    /// What the program wrote.
    bytes: Vec<u8>,
}

impl Terminal {
    /// Starts agentpkg in the project of a sandbox.
    pub(crate) fn start(
        sandbox: &Sandbox,
        arguments: &[&str],
        variables: &[(&str, OsString)],
    ) -> Self {
        Self::sized(sandbox, arguments, variables, 80)
    }

    /// Starts agentpkg in a terminal of so many columns.
    pub(crate) fn start_wide(sandbox: &Sandbox, arguments: &[&str], columns: usize) -> Self {
        Self::sized(sandbox, arguments, &[], columns)
    }

    fn sized(
        sandbox: &Sandbox,
        arguments: &[&str],
        variables: &[(&str, OsString)],
        columns: usize,
    ) -> Self {
        Self::scripted(sandbox, arguments, variables, columns, "exec \"$0\" \"$@\"")
    }

    /// Starts agentpkg from a script that goes on after it: it prints how the program ended, and whether the terminal is as it was.
    pub(crate) fn watched(sandbox: &Sandbox, arguments: &[&str], term: &str) -> Self {
        let script = "trap : INT; before=$(stty -g); \"$0\" \"$@\"; code=$?; \
            test \"$before\" = \"$(stty -g)\" && echo \"ended $code, same\" || echo \"ended $code, changed\"";
        let term = [("TERM", OsString::from(term))];
        Self::scripted(sandbox, arguments, &term, 80, script)
    }

    fn scripted(
        sandbox: &Sandbox,
        arguments: &[&str],
        variables: &[(&str, OsString)],
        columns: usize,
        script: &str,
    ) -> Self {
        // A pseudo-terminal initially has no size.
        let script = format!("stty cols {columns} rows 50; {script}");
        let mut command = sandbox.prepared(Command::new("sh"));
        command
            .args(["-c", &script, env!("CARGO_BIN_EXE_agentpkg")])
            .args(arguments);
        command
            .env("TERM", "xterm")
            .envs(variables.iter().cloned())
            .stdin(Stdio::inherit());
        Self {
            session: spawn_command(command, Some(30_000)).unwrap(),
            bytes: Vec::new(),
        }
    }

    /// The screen, including the lines that have scrolled out at the top.
    pub(crate) fn screen(&mut self) -> String {
        // Each `char` is one byte of output.
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
            assert!(
                begin.elapsed() < PATIENCE,
                "no line begins with {start:?}:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether the cursor is visible, as far as the program has said.
    pub(crate) fn shows_cursor(&mut self) -> bool {
        let _ = self.screen();
        let bytes = String::from_utf8_lossy(&self.bytes);
        let (hidden, shown) = (bytes.rfind("\u{1b}[?25l"), bytes.rfind("\u{1b}[?25h"));
        hidden.is_none_or(|hidden| shown.is_some_and(|shown| shown > hidden))
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
            let wanted = lines
                .iter()
                .rposition(|line| line.starts_with(&here) || line.starts_with(&there));
            match (marked, wanted) {
                (Some(marked), Some(wanted)) if marked == wanted => return,
                (Some(marked), Some(wanted)) if marked < wanted => {
                    self.press("\u{1b}[B");
                    self.wait_for(&format!("> {}", &lines[marked + 1][2..]));
                }
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "there is no choice {choice:?}:\n{}",
                self.screen()
            );
        }
    }

    /// Chooses what begins like this.
    #[track_caller]
    pub(crate) fn choose(&mut self, choice: &str) {
        self.go_to(choice);
        let answers = |screen: &str| {
            screen
                .lines()
                .filter(|line| line.starts_with("  > "))
                .count()
        };
        let before = answers(&self.screen());
        self.press("\r");
        // The answer replaces the list; only then can the next list be distinguished from this one.
        let begin = Instant::now();
        while answers(&self.screen()) == before {
            assert!(
                begin.elapsed() < PATIENCE,
                "{choice:?} was not taken:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end of the program; returns the screen.
    pub(crate) fn end(mut self) -> String {
        let rest = self.session.exp_eof().unwrap();
        self.bytes.extend(
            rest.chars()
                .map(|byte| u8::try_from(u32::from(byte)).unwrap()),
        );
        drawn(&String::from_utf8_lossy(&self.bytes))
    }
}

/// The result of a program that may ask questions.
pub(crate) struct Conversation {
    pub(crate) code: i32,
    /// The screen at the end.
    pub(crate) screen: String,
    /// How many of the answers were given.
    pub(crate) answered: usize,
    /// The screen at the first question that could not be answered; the program was interrupted there.
    pub(crate) unanswered: Option<String>,
}

/// Whether the last thing on the screen is a question: a list with a marked line, or a yes or no.
fn is_question(screen: &str) -> bool {
    let is_list = screen.lines().any(|line| line.starts_with("> "));
    let last = screen.lines().next_back().unwrap_or_default();
    is_list
        || ["[y/n]", "[Y/n]", "[y/N]"]
            .iter()
            .any(|end| last.ends_with(end))
}

impl Terminal {
    /// Answers each question in turn until the program ends: by the beginning of a choice; a question without a list takes the first
    /// letter. `+NAME` ticks a box and confirms. The answer `...` is for all further questions: it repeats the answer before it if that is
    /// offered, else it takes the marked choice.
    #[track_caller]
    pub(crate) fn converse(mut self, answers: &[&str]) -> Conversation {
        let begin = Instant::now();
        let (mut answered, mut unanswered) = (0, None);
        loop {
            if let Some(WaitStatus::Exited(_, code)) = self.session.process().status() {
                let answered = answered + usize::from(answers.get(answered) == Some(&"..."));
                return Conversation {
                    code,
                    screen: self.end(),
                    answered,
                    unanswered,
                };
            }
            let screen = self.screen();
            assert!(
                begin.elapsed() < PATIENCE,
                "the program does not end:\n{screen}"
            );
            if unanswered.is_some() || !is_question(&screen) {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
            let (answer, is_rest) = match answers.get(answered) {
                Some(&"...") => (answers[answered - 1], true),
                answer => (*answer.unwrap_or(&""), false),
            };
            if !answer.is_empty() && self.answer(answer, is_rest) {
                answered += usize::from(!is_rest);
            } else {
                self.press("\u{3}");
                unanswered = Some(screen);
            }
        }
    }

    /// Gives an answer; returns whether that was possible.
    fn answer(&mut self, answer: &str, takes_any: bool) -> bool {
        let begin = Instant::now();
        let box_of = |mark: &str| {
            answer
                .strip_prefix('+')
                .map(|name| format!("[{mark}] {name}"))
        };
        if let (Some(empty), Some(ticked)) = (box_of(" "), box_of("x")) {
            self.go_to(&empty);
            self.press(" ");
            self.wait_for(&format!("> {ticked}"));
            self.choose(&ticked);
            return true;
        }
        let is_list = |screen: &str| screen.lines().any(|line| line.starts_with("> "));
        let offers = |screen: &str| {
            screen.lines().any(|line| {
                line.get(2..)
                    .is_some_and(|choice| choice.starts_with(answer))
            })
        };
        if is_list(&self.screen()) {
            // A list is drawn line by line.
            while !offers(&self.screen()) && begin.elapsed() < Duration::from_secs(3) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let screen = self.screen();
            match (
                offers(&screen),
                screen
                    .lines()
                    .rev()
                    .find_map(|line| line.strip_prefix("> ")),
            ) {
                (true, _) => self.choose(answer),
                (false, Some(marked)) if takes_any => self.choose(marked),
                _ => return false,
            }
            return true;
        }
        let screen = self.screen();
        self.press(&answer[..1]);
        while self.screen() == screen && begin.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

/// What a terminal shows after these characters. It knows the few controls that move and erase, and ignores colours and the rest.
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
                let count: usize = number
                    .trim_end_matches(char::is_alphabetic)
                    .parse()
                    .unwrap_or(0);
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
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.iter().collect::<String>().trim_end().to_owned())
        .collect();
    lines.join("\n").trim_end().to_owned() + "\n"
}
