//! The terminal: what is printed where, in which colour, and what is asked. stdout is for data, stderr for everything else.
//!
//! Each colour has one meaning: green done, yellow a warning, red an error, cyan a name or something to type, dim the rest.

mod failure;
mod fold;
mod line;
mod modes;
mod picker;
mod plain;
mod sanitize;
mod screens;
mod table;
pub mod view;

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use dialoguer::console::Term;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

pub use failure::render as render_failure;
use picker::Mode;
use sanitize::escaped;
pub use sanitize::{one_line, one_path, sanitize};
pub use screens::{unified, wrapped};
pub use table::{Cell, Column, Table};
pub use view::DocumentName;
use view::{FailureView, HintView};

use crate::domain::shell::Command;
use crate::domain::url::redact;
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::report::{AskView, Choice, Decide, Event, InterruptionView, Reporter, interrupted};

/// Done.
pub const GREEN: Style = AnsiColor::Green.on_default().bold();
/// A warning.
pub const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
/// An error.
pub const RED: Style = AnsiColor::Red.on_default().bold();
/// A name, or something to type.
pub const CYAN: Style = AnsiColor::Cyan.on_default();
/// Less important text.
pub const DIM: Style = Style::new().dimmed();

/// The `schema_version` of every document.
pub const DOCUMENT_VERSION: u32 = 1;

/// The width of the column of status verbs.
const VERB_WIDTH: usize = 12;

/// How the program prints and asks.
#[derive(Debug, Clone, Default)]
pub struct UiOptions {
    /// The global options that were typed to select the agents (`--user`, `-C DIR`): a hinted command must have them too.
    pub place: Vec<String>,
    /// Print nothing but errors and data.
    pub is_quiet: bool,
    /// stdout carries JSON.
    pub is_json: bool,
    /// Never ask.
    pub never_asks: bool,
    /// The terminal cannot move its cursor.
    pub is_dumb: bool,
    /// The program that edits texts, and the variable that names it.
    pub editor: (Option<&'static str>, String),
}

/// The terminal of one command.
#[derive(Debug)]
pub struct Ui {
    options: UiOptions,
    spinner: Option<ProgressBar>,
    /// What is being fetched while git may ask: the spinner waits until something arrives.
    quiet_fetch: Option<String>,
    /// The document to print at the end.
    document: Option<(DocumentName, serde_json::Value)>,
    /// The interrupted command that a document must mention.
    interruption: Option<InterruptionView>,
    /// Whether changes were made: from then on, a failure to print is not a failure of the command.
    is_applied: bool,
    /// What a dry run would ask.
    asks: Vec<AskView>,
    /// Files that somebody saved while they were replaced.
    saved_over: Vec<String>,
}

impl Ui {
    /// A terminal; nothing is printed yet.
    #[must_use]
    pub fn new(options: UiOptions) -> Self {
        Self {
            options,
            spinner: None,
            quiet_fetch: None,
            document: None,
            interruption: None,
            is_applied: false,
            asks: Vec::new(),
            saved_over: Vec::new(),
        }
    }

    /// A command as the user must type it: with the global options that select the agents.
    #[must_use]
    pub fn command(&self, command: &Command) -> String {
        sanitize(&self.command_json(command))
    }

    /// The same for documents.
    #[must_use]
    pub fn command_json(&self, command: &Command) -> String {
        command.in_place(&self.options.place).to_string()
    }

    /// A piece of advice as text, with its commands as the user must type them.
    #[must_use]
    pub fn advice(&self, advice: &Advice) -> String {
        advice.text(&self.options.place)
    }

    /// A piece of advice for documents.
    #[must_use]
    pub fn hint_json(&self, advice: &Advice) -> HintView {
        let commands = advice.commands();
        let commands: Vec<String> = commands.map(|command| self.command_json(command)).collect();
        HintView {
            text: self.advice(advice),
            command: (!commands.is_empty()).then(|| commands.join(" && ")),
        }
    }

    /// A failure for documents.
    #[must_use]
    pub fn failure_json(&self, failure: &Failure) -> FailureView {
        let hints = failure.hints().iter();
        FailureView {
            message: failure.to_string(),
            location: failure.location().map(Into::into),
            details: failure.details().to_vec(),
            hints: hints.map(|hint| self.hint_json(hint)).collect(),
        }
    }

    /// A failure as it is printed, with colours.
    #[must_use]
    pub fn failure_text(&self, failure: &Failure) -> String {
        render_failure(failure, &|advice| self.advice(advice))
    }

    /// Failures that stopped only a part of the command, for documents.
    #[must_use]
    pub fn failures_json(&self, failures: &[Failure]) -> Vec<FailureView> {
        failures
            .iter()
            .map(|failure| self.failure_json(failure))
            .collect()
    }

    /// Whether stdout carries JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.options.is_json
    }

    /// Prints a line of data. A reader that has gone away is not an error.
    pub fn data(&mut self, line: impl Display) -> Result<()> {
        self.clear();
        let printed = writeln!(anstream::stdout(), "{line}");
        self.printed(printed)
    }

    /// Prints a table as data.
    pub fn table(&mut self, table: &Table) -> Result<()> {
        let mut text = table.lines(self.data_columns()).join("\n");
        if text.is_empty() {
            return Ok(());
        }
        text.push('\n');
        self.clear();
        // One write for all of them.
        let printed = anstream::stdout().write_all(text.as_bytes());
        self.printed(printed)
    }

    /// How to treat a failure to print. Once changes were made, it is only reported, so that nobody thinks that they were not made.
    fn printed(&mut self, outcome: io::Result<()>) -> Result<()> {
        match outcome {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                if self.is_applied {
                    self.warn(format!("could not write to stdout: {error}"));
                    return Ok(());
                }
                Err(Failure::failed("could not write to stdout").caused_by(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is an interrupted command.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.interruption.is_some()
    }

    /// Ends a command that ended with `code`, or with `failure`: prints the failure and the document, and returns the exit code. A part
    /// that failed takes precedence over what is left to do.
    #[must_use]
    pub fn end(&mut self, code: u8, failure: Option<Failure>) -> u8 {
        let left_to_do = [Kind::Conflict, Kind::Consent, Kind::Check].map(Kind::code);
        let is_partial = !self.saved_over.is_empty() && (code == 0 || left_to_do.contains(&code));
        let (code, failure) = if is_partial {
            (Kind::Failed.code(), Some(self.partial()))
        } else {
            (code, failure)
        };
        if let Some(failure) = &failure {
            self.failure(failure);
        }
        if self.options.is_json
            && let Err(unprinted) = self.print_document(failure.as_ref())
        {
            self.failure(&unprinted);
            return if code == 0 {
                unprinted.kind().code()
            } else {
                code
            };
        }
        code
    }

    /// Reports that some agents were left unchanged because somebody saved their files meanwhile.
    fn partial(&self) -> Failure {
        let files = self.saved_over.as_slice();
        let what = match files {
            [file] => format!(
                "`{file}` was saved by somebody else meanwhile, so its agent was left as it was"
            ),
            files => {
                format!(
                    "{} files were saved by somebody else meanwhile, so their agents were left as they were",
                    files.len()
                )
            }
        };
        let failure = Failure::failed(what);
        let failure = if files.len() > 1 {
            files.iter().fold(failure, Failure::detail)
        } else {
            failure
        };
        failure.hint("everything else is done; run the command again for the rest")
    }

    /// The width of the output on stderr.
    #[must_use]
    pub fn columns(&self) -> usize {
        usize::from(Term::stderr().size_checked().map_or(100, |size| size.1)).clamp(40, 120)
    }

    /// Whether a person reads stderr in a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// The width of the output on stdout; `None` if it does not go to a terminal.
    #[must_use]
    pub fn data_columns(&self) -> Option<usize> {
        Term::stdout()
            .size_checked()
            .filter(|_| io::stdout().is_terminal())
            .map(|size| usize::from(size.1).clamp(40, 120))
    }

    /// Prints bytes exactly as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.clear();
        let mut stdout = io::stdout().lock();
        let printed = stdout.write_all(bytes).and_then(|()| stdout.flush());
        drop(stdout);
        self.printed(printed)
    }

    /// Stores the command's document; it is printed at the end, when the exit code is known. The name and the version are added then.
    pub fn json(&mut self, name: DocumentName, document: &impl Serialize) -> Result<()> {
        self.document = Some((name, value(document)?));
        Ok(())
    }

    /// Prints the one document of the command, with the fields that every document can have.
    fn print_document(&mut self, failure: Option<&Failure>) -> Result<()> {
        let (document, fields) = match self.document.take() {
            Some((name, fields)) => (name, Some(fields)),
            None if failure.is_some() => (DocumentName::Failed, None),
            None => return Ok(()),
        };
        let printed = value(&view::Printed {
            document,
            fields,
            schema_version: DOCUMENT_VERSION,
            error: failure.map(|failure| self.failure_json(failure)),
            interrupted: self.interruption.as_ref().map(Into::into),
            asks: &self.asks,
            partial: &self.saved_over,
        })?;
        self.data(escaped(&redact(&format!("{printed:#}"))))
    }

    /// What a dry run would have asked, or what nobody could be asked.
    #[must_use]
    pub fn asks(&self) -> &[AskView] {
        &self.asks
    }

    /// Prints a status line: a right-aligned verb and its object.
    pub fn status(&mut self, verb: &str, object: impl Display) {
        self.line(GREEN, verb, object);
    }

    /// Prints a status line that should be noticed.
    pub fn attention(&mut self, verb: &str, object: impl Display) {
        self.line(YELLOW, verb, object);
    }

    /// Prints a line on stderr.
    pub fn note(&mut self, text: impl Display) {
        if !self.options.is_quiet && !self.options.is_json {
            self.clear();
            print_whole(&format!("{}\n", in_width(&text.to_string())));
        }
    }

    /// Prints a warning.
    pub fn warn(&mut self, advice: impl Into<Advice>) {
        if !self.options.is_quiet {
            self.clear();
            let text = sanitize(&self.advice(&advice.into()));
            let text = in_width(&format!("{YELLOW}warning{YELLOW:#}: {text}"));
            print_whole(&format!("{text}\n"));
        }
    }

    /// Prints a failure.
    pub fn failure(&mut self, failure: &Failure) {
        self.clear();
        let text = self.failure_text(failure);
        print_whole(&in_width(&text));
    }

    /// Prints a failure that does not stop the command.
    fn trouble(&mut self, failure: &Failure) {
        if !self.options.is_quiet {
            self.clear();
            let text = self.failure_text(failure);
            let text = text
                .split_once(": ")
                .map_or(text.as_str(), |(_, rest)| rest);
            let text = in_width(&format!("{YELLOW}warning{YELLOW:#}: {text}"));
            print_whole(&text);
        }
    }

    /// Prints lines that a question refers to: always, because the question cannot be answered without them.
    fn screen(&mut self, lines: &str) {
        self.clear();
        print_whole(lines);
    }

    fn line(&mut self, style: Style, verb: &str, object: impl Display) {
        if !self.options.is_quiet && !self.options.is_json {
            self.clear();
            let line = format!("{style}{verb:>VERB_WIDTH$}{style:#} {object}");
            print_whole(&format!("{}\n", Self::fitted(line)));
        }
    }

    /// A status line, with a shortened address where the terminal has no room for all of it.
    fn fitted(line: String) -> String {
        match Term::stderr().size_checked() {
            Some((_, columns)) if io::stderr().is_terminal() => {
                let columns = usize::from(columns);
                let line = sanitize::with_short_address(&line, columns);
                fold::hanging(&line, columns, VERB_WIDTH + 1)
            }
            _ => line,
        }
    }

    fn clear(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }

    fn spin(&mut self, text: String) {
        let UiOptions {
            is_quiet,
            is_json,
            is_dumb,
            ..
        } = self.options;
        if is_quiet || is_json || is_dumb || !io::stderr().is_terminal() {
            return;
        }
        let spinner = self.spinner.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner:>12.cyan} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let spinner = ProgressBar::new_spinner().with_style(style);
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        });
        spinner.set_message(text);
    }
}

impl Reporter for Ui {
    fn report(&mut self, event: Event) {
        if matches!(event, Event::Waiting { .. } | Event::Fetching { .. }) {
            heed_interrupts(self.options.is_json);
        }
        match event {
            Event::Waiting { what, who } => {
                self.line(CYAN, "Waiting", format!("for {who} to finish with {what}"));
            }
            Event::Fetching {
                what,
                may_ask: false,
            } => self.spin(format!("fetching {what}")),
            Event::Fetching { what, .. } => {
                if io::stderr().is_terminal() && self.quiet_fetch.as_ref() != Some(&what) {
                    self.line(CYAN, "Fetching", &what);
                }
                self.clear();
                self.quiet_fetch = Some(what);
            }
            Event::Progress(text) => {
                if let (None, Some(what)) = (&self.spinner, &self.quiet_fetch) {
                    self.spin(format!("fetching {what}"));
                }
                if let Some(spinner) = &self.spinner {
                    let message = spinner.message();
                    let head = message.split("  ").next().unwrap_or_default().to_owned();
                    spinner.set_message(format!("{head}  {text}"));
                }
            }
            // A source with nothing new is not worth a line.
            Event::Fetched(_, 0) => self.clear(),
            Event::Fetched(what, bytes) => self.status(
                "Fetched",
                format!("{what}  {DIM}{}{DIM:#}", crate::fs::human_size(bytes)),
            ),
            Event::Warning(advice) => self.warn(advice),
            Event::Interrupted(view) => {
                let what = view
                    .label
                    .as_ref()
                    .map_or_else(String::new, |label| format!(" (`{label}`)"));
                let what = format!("a command was interrupted here{what}");
                let recover = Command::new(["recover"]);
                self.warn(if view.is_sealed {
                    Advice::say(what)
                        .and("; the next command that writes completes or reverts it, or ")
                        .and_run(recover)
                } else {
                    Advice::say(what)
                        .and(", and not on this machine or by this user; ")
                        .and_run(recover)
                        .and(" shows what it was doing")
                });
                self.interruption = Some(view);
            }
            Event::Steps(view) => self.screen(&screens::steps(&view)),
            Event::Recovered {
                how,
                left,
                is_completed,
            } => {
                self.line(GREEN, "Recovered", how);
                for path in &left {
                    self.warn(format!(
                        "`{path}` was changed after the interrupted command, and stays as it is"
                    ));
                }
                if is_completed {
                    self.saved_over.extend(left);
                }
            }
            Event::PutAway(paths) => {
                for path in paths {
                    self.warn(format!("`{path}` was left behind by an interrupted command; it is in the history now"));
                }
            }
            Event::Applied(saved_over) => {
                self.is_applied = true;
                self.saved_over.extend(saved_over);
            }
            Event::Overview(lines) => self.screen(&screens::overview(&lines)),
            Event::Conflict(view) => self.screen(&screens::conflict(&view)),
            Event::Gains(view) => self.screen(&screens::gains(&view)),
            Event::Preview(preview) => self.screen(&screens::preview(&preview)),
            Event::Offers(views) => self.screen(&screens::offers(&views)),
            Event::Asks(asks) => self.asks.extend(asks),
            Event::Trouble(failure) => self.trouble(&failure),
        }
    }
}

/// A message as it is printed on stderr: in the width of the terminal, if it is one.
fn in_width(text: &str) -> String {
    match Term::stderr().size_checked() {
        Some((_, columns)) if io::stderr().is_terminal() => {
            fold::folded(text, usize::from(columns).max(20))
        }
        _ => text.to_owned(),
    }
}

/// Prints a text on stderr with one write, so that the lines of several processes do not mix and a killed process leaves no half of one.
fn print_whole(text: &str) {
    let mut stderr = anstream::stderr();
    let _ = stderr
        .write_all(styled(text).as_bytes())
        .and_then(|()| stderr.flush());
}

/// A text with its colours, where there may be any.
fn styled(text: &str) -> String {
    if anstream::AutoStream::choice(&io::stderr()) == anstream::ColorChoice::Never {
        anstream::adapter::strip_str(text).to_string()
    } else {
        text.to_owned()
    }
}

/// A document as a JSON value.
fn value(document: &impl Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(document)
        .map_err(|error| Failure::failed("could not make the JSON document").caused_by(error))
}

impl Ui {
    /// Asks with a list; `None`: it was left.
    fn picked(
        &mut self,
        question: &str,
        choices: &[Choice],
        mode: Mode,
        default: usize,
    ) -> Result<Option<Vec<usize>>> {
        self.clear();
        let ask = if self.options.is_dumb {
            plain::pick
        } else {
            picker::run
        };
        asking(|| Ok(ask(question, choices, mode, default)?))
    }

    /// Leaves the answer on the screen: the list is gone from it.
    fn answered(&mut self, question: &str, answer: &str) {
        let gap = if question.is_empty() { "" } else { " " };
        let question = sanitize(question);
        let answer = sanitize(answer);
        self.screen(&format!(
            "  {CYAN}>{CYAN:#} {question}{gap}{CYAN}{answer}{CYAN:#}\n"
        ));
    }
}

impl Decide for Ui {
    fn is_interactive(&self) -> bool {
        !self.options.never_asks
            && !self.options.is_json
            && io::stdin().is_terminal()
            && io::stderr().is_terminal()
    }

    fn choose(&mut self, question: &str, choices: &[Choice], default: usize) -> Result<usize> {
        let taken = self.picked(question, choices, Mode::One, default)?;
        let chosen = taken.and_then(|taken| taken.first().copied());
        let chosen = chosen.ok_or_else(interrupted)?;
        let answer = choices.get(chosen).map(|choice| choice.label.as_str());
        let question = if question.ends_with('?') {
            question
        } else {
            ""
        };
        self.answered(question, answer.unwrap_or_default());
        Ok(chosen)
    }

    fn pick(&mut self, question: &str, choices: &[Choice]) -> Result<Vec<usize>> {
        let taken = self.picked(question, choices, Mode::Some, 0)?;
        Ok(taken.unwrap_or_default())
    }

    fn choose_many(&mut self, question: &str, choices: &[Choice]) -> Result<Vec<usize>> {
        let taken = self.picked(question, choices, Mode::Many, 0)?;
        let chosen = taken.ok_or_else(interrupted)?;
        let names: Vec<&str> = chosen
            .iter()
            .filter_map(|index| choices.get(*index))
            .map(|choice| choice.label.as_str())
            .collect();
        let answer = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        self.answered(question, &answer);
        Ok(chosen)
    }

    fn text(
        &mut self,
        question: &str,
        proposed: &str,
        refuses: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String> {
        self.clear();
        let ask = if self.options.is_dumb {
            plain::text
        } else {
            line::run
        };
        let taken = asking(|| Ok(ask(question, proposed, refuses)?))?;
        let text = taken.ok_or_else(interrupted)?;
        self.answered(&format!("{question}:"), &text);
        Ok(text)
    }

    fn edit(&mut self, text: &str) -> Result<Option<String>> {
        self.clear();
        let (variable, program) = &self.options.editor;
        let mut editor = dialoguer::Editor::new();
        editor.executable(program).extension(".md");
        let saved = asking(|| match editor.trim_newlines(false).edit(text) {
            Err(dialoguer::Error::IO(error)) if error.kind() != io::ErrorKind::Interrupted => {
                Ok(Err(error))
            }
            other => other.map(Ok),
        })?;
        match saved {
            // Some editors end with an error where a person leaves without saving.
            Ok(saved) => Ok(saved.filter(|saved| saved != text)),
            Err(error) => {
                let from = variable.map_or_else(String::new, |name| format!(" of ${name}"));
                let failure =
                    Failure::failed(format!("could not start the editor `{program}`{from}"));
                self.failure(
                    &failure.caused_by(error).hint(
                        "set $EDITOR to a program that edits a file, or choose another answer",
                    ),
                );
                Ok(None)
            }
        }
    }

    fn confirm(&mut self, question: &str, default: bool) -> Result<bool> {
        self.clear();
        if self.options.is_dumb {
            return asking(|| Ok(plain::confirm(question, default)?))?.ok_or_else(interrupted);
        }
        // A prompt of several lines would be drawn again below itself.
        let mut lines = wrapped(&sanitize(question), self.columns().saturating_sub(8));
        let last = lines.pop().unwrap_or_default();
        for line in lines {
            self.screen(&format!("{}\n", line.trim_end()));
        }
        let confirm = dialoguer::Confirm::new()
            .with_prompt(last.trim_end())
            .default(default);
        let answer = asking(|| confirm.interact_opt());
        // The cursor is behind the prompt then.
        let answer = answer.inspect_err(|_| self.screen("\n"));
        answer?.ok_or_else(interrupted)
    }
}

/// How long one thread waits for the other to report that the user stopped.
const HANDOVER: Duration = Duration::from_millis(300);

/// How long the handler lets the thread that asked say that the user stopped, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a question is on the screen, so that nothing is being written.
static IS_ASKING: AtomicBool = AtomicBool::new(false);

/// Whether the thread that asked knows that the user stopped, and ends the program.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// Asks a question. Ctrl-C there ends the program with a visible cursor; dialoguer alone would leave it hidden.
fn asking<T>(ask: impl FnOnce() -> dialoguer::Result<T>) -> Result<T> {
    heed_interrupts(false);
    IS_ASKING.store(true, Ordering::SeqCst);
    let answer = ask();
    let is_ours = IS_ASKING.swap(false, Ordering::SeqCst);
    answer.map_err(|_| {
        // Ctrl-C ends the question and calls the handler at once. Whichever is first reports it; the other stays silent.
        if is_ours {
            IS_ENDING.store(true, Ordering::SeqCst);
        } else {
            std::thread::sleep(HANDOVER);
        }
        let _ = Term::stderr().show_cursor();
        interrupted()
    })
}

/// From now on Ctrl-C ends the program in words, with its exit code, and with a document if stdout carries JSON. Called before whatever
/// may take long; a handler for every command would cost the quick ones a thread.
fn heed_interrupts(is_json: bool) {
    static HANDLER: Once = Once::new();
    HANDLER.call_once(|| {
        modes::remember();
        // Without the handler the cursor may stay hidden, but that is no reason not to go on.
        let _ = ctrlc::set_handler(move || stop(is_json));
    });
}

/// What Ctrl-C does.
#[expect(
    clippy::exit,
    reason = "a signal handler has nobody to return to; the journal makes any moment a safe one"
)]
fn stop(is_json: bool) {
    let is_terminal = io::stderr().is_terminal();
    if is_terminal {
        let _ = Term::stderr().show_cursor();
    }
    if IS_ASKING.swap(false, Ordering::SeqCst) {
        let text = render_failure(&interrupted(), &Advice::to_string);
        print_whole(&format!("\n{}\n", text.trim_end()));
    } else {
        std::thread::sleep(HANDOVER);
        if IS_ENDING.load(Ordering::SeqCst) {
            std::thread::sleep(PATIENCE);
        }
        if is_terminal {
            let _ = Term::stderr().clear_line();
        }
        let failure = Failure::new(Kind::Interrupted, "interrupted");
        let text = render_failure(&failure, &Advice::to_string);
        print_whole(&format!("{}\n", text.trim_end()));
        if is_json {
            let document = view::Printed {
                document: DocumentName::Failed,
                fields: None,
                schema_version: DOCUMENT_VERSION,
                error: Some(FailureView {
                    message: failure.to_string(),
                    location: None,
                    details: Vec::new(),
                    hints: Vec::new(),
                }),
                interrupted: None,
                asks: &[],
                partial: &[],
            };
            if let Ok(document) = value(&document) {
                let _ = writeln!(io::stdout(), "{}", escaped(&format!("{document:#}")));
            }
        }
    }
    // The thread that asked may have begun to wait for a key when the signal came.
    modes::restore();
    std::process::exit(i32::from(Kind::Interrupted.code()));
}
