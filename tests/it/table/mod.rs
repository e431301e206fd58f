//! The table: one situation, every command that changes something, every mode, and what must be true.
//!
//! A [`Situation`] is a project that is built once; each [`Row`] runs one command in its initial state. A row states what is right: the
//! exit code, which files change, what is said and asked, and fields of the JSON document. If the program does not do that yet, the row has
//! a [`Row::known_fault`], which says exactly what happens instead. So a row with this mark fails as soon as the fault is fixed, and the
//! mark must be removed; if a fault is fixed in part, the mark must say what is left.

mod codes;
mod conflicts;
mod edits;
mod faults;
mod names;
mod network;
mod powers;
mod required;
mod servers;
mod silent;
mod sources;
mod versions;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::sandbox::Sandbox;
use crate::support::schema::violations_of_output;
use crate::support::snapshot::Snapshot;

/// The text of an agent. `fields` are further lines of its frontmatter, for example `tools`.
fn agent(name: &str, fields: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Does {name}\n{fields}---\n\n{text}\n")
}

/// The usual agent: it may read.
fn reader(name: &str, text: &str) -> String {
    agent(name, "tools: Read\n", text)
}

/// Writes agents into a registry that is a folder beside the project.
fn publish(sandbox: &Sandbox, registry: &str, agents: &[(&str, String)]) {
    for (name, text) in agents {
        sandbox.write(&format!("{registry}/agents/{name}.md"), text);
    }
}

/// Declares in such a registry which agents require which.
fn require(sandbox: &Sandbox, registry: &str, requirements: &[(&str, &str)]) {
    let mut text = format!("name = \"{registry}\"\n");
    for (name, required) in requirements {
        write!(
            text,
            "\n[agents.{name}]\nrequires = {{ agents = [\"{required}\"] }}\n"
        )
        .unwrap();
    }
    sandbox.write(&format!("{registry}/registry.toml"), text);
}

/// Runs a command that must succeed.
#[track_caller]
fn done(sandbox: &Sandbox, line: &str) {
    let _ = sandbox.run(&words(line)).code(0);
}

/// Adds the folder of this name as a registry.
#[track_caller]
fn add_registry(sandbox: &Sandbox, registry: &str) {
    done(
        sandbox,
        &format!("registry add ../{registry} --name {registry}"),
    );
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// A project to run commands in, which is restored for each row.
struct Situation {
    sandbox: Sandbox,
    start: Snapshot,
}

impl Situation {
    fn new(build: impl FnOnce(&Sandbox)) -> Self {
        let sandbox = Sandbox::in_memory();
        build(&sandbox);
        let start = Snapshot::of(sandbox.path());
        Self { sandbox, start }
    }

    /// Checks the rows, and reports everything that is wrong with any of them.
    #[track_caller]
    fn check(&self, rows: impl IntoIterator<Item = Row>) {
        let mut complaints = String::new();
        for row in rows {
            self.start.restore();
            let before = state(self.sandbox.path());
            let run = row.run(&self.sandbox);
            let differences = row.differences(&run, &before, &self.sandbox);
            let today = differences
                .iter()
                .map(|difference| difference.is.clone())
                .collect::<Vec<_>>()
                .join("; ");
            let complaint = match row.fault {
                None if differences.is_empty() => continue,
                None => {
                    let whole = |Difference { is, expected }: &Difference| match expected {
                        Some(expected) => format!("{is}, not {expected}"),
                        None => is.clone(),
                    };
                    differences.iter().map(whole).collect::<Vec<_>>().join("; ")
                }
                Some((_, known)) if known == today => continue,
                Some((number, _)) if today.is_empty() => {
                    format!("known fault {number} is mended: take the mark away")
                }
                Some((number, _)) => {
                    format!("known fault {number} shows itself otherwise: {today}")
                }
            };
            let mode = row.answers.map_or_else(String::new, |answers| {
                format!(" (terminal: {})", answers.join(", "))
            });
            write!(
                complaints,
                "\n== {}{mode}\n{complaint}\n--- exit {}\n{}",
                row.line, run.code, run.text
            )
            .unwrap();
        }
        assert!(complaints.is_empty(), "{complaints}");
    }
}

/// What a command did.
struct Run {
    code: i32,
    stdout: String,
    /// Everything that it printed.
    text: String,
    /// What is wrong with the questions that it asked.
    questions: Option<String>,
}

/// One command and what must be true. By default it succeeds, changes nothing, and asks nothing.
struct Row {
    line: String,
    answers: Option<&'static [&'static str]>,
    code: i32,
    /// `None`: not checked.
    changes: Option<&'static str>,
    says: Vec<&'static str>,
    hides: Vec<&'static str>,
    fields: Vec<(&'static str, Value)>,
    present: Vec<&'static str>,
    contents: Vec<(&'static str, &'static str)>,
    fault: Option<(u8, &'static str)>,
}

/// A row that runs `agentpkg LINE` without a terminal.
fn row(line: impl Into<String>) -> Row {
    Row {
        line: line.into(),
        answers: None,
        code: 0,
        changes: Some(""),
        says: Vec::new(),
        hides: Vec::new(),
        fields: Vec::new(),
        present: Vec::new(),
        contents: Vec::new(),
        fault: None,
    }
}

impl Row {
    /// Runs in a terminal, where each answer is for one question; see `Terminal::converse`.
    #[cfg(target_os = "linux")]
    fn in_terminal(mut self, answers: &'static [&'static str]) -> Self {
        self.answers = Some(answers);
        self
    }

    fn exits(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// Exactly these files change: `+planner ~lock -debugger`. See [`short`] for the names.
    fn changes(mut self, changes: &'static str) -> Self {
        self.changes = Some(changes);
        self
    }

    /// Another row checks what it changes.
    fn may_change(mut self) -> Self {
        self.changes = None;
        self
    }

    /// Each of these is printed somewhere, regardless of line breaks.
    fn says(mut self, parts: &[&'static str]) -> Self {
        self.says.extend(parts);
        self
    }

    /// None of these is printed.
    fn hides(mut self, parts: &[&'static str]) -> Self {
        self.hides.extend(parts);
        self
    }

    /// The JSON document has this value at a pointer.
    fn field(mut self, pointer: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((pointer, value.into()));
        self
    }

    /// The JSON document has something at a pointer.
    fn has(mut self, pointer: &'static str) -> Self {
        self.present.push(pointer);
        self
    }

    /// Afterwards a file, by its short name, contains a text.
    fn leaves(mut self, file: &'static str, part: &'static str) -> Self {
        self.contents.push((file, part));
        self
    }

    /// Marks a row that does not pass yet: the number of the fault in the issue about the pipeline (0: it is not listed there), and what
    /// happens instead, in the words of [`Row::differences`].
    fn known_fault(mut self, number: u8, today: &'static str) -> Self {
        self.fault = Some((number, today));
        self
    }

    #[track_caller]
    fn run(&self, sandbox: &Sandbox) -> Run {
        let Some(answers) = self.answers else {
            let output = sandbox.run(&words(&self.line));
            let text = format!("{}{}", output.stdout, output.stderr);
            return Run {
                code: output.code,
                stdout: output.stdout,
                text,
                questions: None,
            };
        };
        run_in_terminal(sandbox, &self.line, answers)
    }

    /// How the command differs from the row.
    fn differences(&self, run: &Run, before: &State, sandbox: &Sandbox) -> Vec<Difference> {
        let mut found = Vec::new();
        let differs = |is: String, expected: String| Difference {
            is,
            expected: Some(expected),
        };
        if run.code != self.code {
            found.push(differs(format!("exit {}", run.code), self.code.to_string()));
        }
        let after = state(sandbox.path());
        let changes = changes(before, &after);
        let expected = self.changes.map_or_else(|| changes.clone(), in_order);
        if changes != expected {
            let named = |changes: &str| {
                if changes.is_empty() {
                    "nothing".to_owned()
                } else {
                    format!("`{changes}`")
                }
            };
            found.push(differs(
                format!("changes {}", named(&changes)),
                named(&expected),
            ));
        }
        found.extend(run.questions.clone().map(Difference::from));
        let text = on_one_line(&run.text);
        let list = |parts: Vec<&str>| {
            parts
                .iter()
                .map(|part| format!("`{part}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let omitted: Vec<&str> = self
            .says
            .iter()
            .copied()
            .filter(|part| !text.contains(part))
            .collect();
        if !omitted.is_empty() {
            found.push(format!("omits {}", list(omitted)).into());
        }
        let unwanted: Vec<&str> = self
            .hides
            .iter()
            .copied()
            .filter(|part| text.contains(part))
            .collect();
        if !unwanted.is_empty() {
            found.push(format!("says {}", list(unwanted)).into());
        }
        if self.line.split(' ').any(|word| word == "--json") {
            match document(&run.stdout) {
                Ok(document) => {
                    found.extend(self.fields.iter().filter_map(|(pointer, value)| {
                        let is = document.pointer(pointer);
                        let shown = is.map_or("absent".to_owned(), Value::to_string);
                        (is != Some(value))
                            .then(|| differs(format!("{pointer} is {shown}"), value.to_string()))
                    }));
                    let absent = self
                        .present
                        .iter()
                        .filter(|pointer| document.pointer(pointer).is_none());
                    found.extend(absent.map(|pointer| format!("has no {pointer}").into()));
                }
                Err(complaint) => found.push(complaint.into()),
            }
        }
        for (file, part) in &self.contents {
            let content = after
                .get(*file)
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .unwrap_or_default();
            if !content.contains(part) {
                found.push(format!("{file} does not contain `{part}`").into());
            }
        }
        found
    }
}

/// One way in which a command does not do what its row states.
struct Difference {
    is: String,
    /// What should happen instead, if the first half does not say it.
    expected: Option<String>,
}

impl From<String> for Difference {
    fn from(is: String) -> Self {
        Self { is, expected: None }
    }
}

#[cfg(target_os = "linux")]
#[track_caller]
fn run_in_terminal(sandbox: &Sandbox, line: &str, answers: &[&str]) -> Run {
    use crate::support::terminal::Terminal;

    let conversation = Terminal::start(sandbox, &words(line), &[]).converse(answers);
    let (given, expected) = (conversation.answered, answers.len());
    let questions = match conversation.unanswered {
        Some(_) => Some(format!("question {} is unexpected", given + 1)),
        None if given < expected => Some(format!("asks {given} times, not {expected}")),
        None => None,
    };
    Run {
        code: conversation.code,
        stdout: conversation.screen.clone(),
        text: conversation.screen,
        questions,
    }
}

#[cfg(not(target_os = "linux"))]
fn run_in_terminal(_: &Sandbox, line: &str, _: &[&str]) -> Run {
    unreachable!("{line}: only on Linux a row has a terminal")
}

/// Everything that a command printed, without line breaks.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The one document that stdout must hold with `--json`.
fn document(stdout: &str) -> Result<Value, String> {
    if stdout.trim().is_empty() {
        return Err("prints no document".to_owned());
    }
    let document: Value =
        serde_json::from_str(stdout).map_err(|_| "prints something else than one document")?;
    let found = violations_of_output(&document);
    if found.is_empty() {
        Ok(document)
    } else {
        Err(format!(
            "prints a document unlike its definition: {found:?}"
        ))
    }
}

/// The relevant files, by short names.
type State = BTreeMap<String, Vec<u8>>;

fn state(root: &Path) -> State {
    let mut found = State::new();
    collect(root, root, &mut found);
    found
}

fn collect(root: &Path, folder: &Path, found: &mut State) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    // A pending update has several files under one short name.
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.is_symlink() {
            collect(root, &path, found);
        } else if let Some(name) = short(path.strip_prefix(root).unwrap()) {
            found
                .entry(name)
                .or_default()
                .extend(fs::read(&path).unwrap_or_default());
        }
    }
}

/// The name of a file in the table: an agent by its name, a file of the user with the prefix `user:`. Internal files, such as merge bases
/// and the history, begin with a dot; `None`: it may change at any time.
fn short(path: &Path) -> Option<String> {
    let path = path.to_str().unwrap().replace('\\', "/");
    if let Some(path) = path.strip_prefix("project/") {
        return short_in_project(path);
    }
    let path = path.strip_prefix("home/")?;
    if path.to_lowercase().contains("cache")
        || path.contains("/state/")
        || path.starts_with("state/")
    {
        return None;
    }
    let name = path.rsplit('/').next().unwrap();
    Some(
        match (
            name,
            path.strip_prefix(".claude/agents/")
                .and_then(|name| name.strip_suffix(".md")),
        ) {
            (_, Some(agent)) => format!("user:{agent}"),
            ("agentpkg.toml", _) => "user:manifest".to_owned(),
            ("agentpkg.lock", _) => "user:lock".to_owned(),
            _ if path.contains("/base/") || name.starts_with('.') => format!(".{path}"),
            _ => path.to_owned(),
        },
    )
}

fn short_in_project(path: &str) -> Option<String> {
    let without = |start: &str, end: &str| {
        path.strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
    };
    Some(match path {
        "agentpkg.toml" => "manifest".to_owned(),
        "agentpkg.lock" => "lock".to_owned(),
        ".mcp.json" => "servers".to_owned(),
        ".agentpkg/state/lock" => return None,
        _ => {
            if let Some(name) = without(".claude/agents/", ".md") {
                name.to_owned()
            } else if let Some(name) = without(".agentpkg/conflicts/", ".md") {
                format!("conflicts/{name}")
            } else if let Some(rest) = path.strip_prefix(".agentpkg/state/pending/") {
                format!(
                    "pending/{}",
                    rest.split(['/', '.', '+']).next().unwrap_or(rest)
                )
            } else if path.starts_with(".agentpkg/") {
                format!(".{path}")
            } else {
                path.to_owned()
            }
        }
    })
}

/// Changes sorted by name, regardless of the kind of change.
fn in_order(changes: &str) -> String {
    let mut sorted = words(changes);
    sorted.sort_by_key(|change| &change[1..]);
    sorted.join(" ")
}

/// The difference in the notation of [`Row::changes`], sorted by name. Internal files are named only if nothing else changed.
fn changes(before: &State, after: &State) -> String {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let sign = |name: &String| match (before.get(name), after.get(name)) {
        (None, Some(_)) => Some('+'),
        (Some(_), None) => Some('-'),
        (before, after) => (before != after).then_some('~'),
    };
    let changed: Vec<(char, &String)> = names
        .into_iter()
        .filter_map(|name| Some((sign(name)?, name)))
        .collect();
    let is_behind = |name: &str| name.starts_with('.');
    let shown = changed
        .iter()
        .filter(|(_, name)| !is_behind(name) || changed.iter().all(|(_, name)| is_behind(name)));
    shown
        .map(|(sign, name)| format!("{sign}{name}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Tests of the table itself: wrong rows are detected.
mod honesty {
    use super::{Situation, row};

    #[test]
    fn a_row_that_holds_passes() {
        Situation::new(|_| {}).check([
            row("list"),
            row("init")
                .changes("+manifest")
                .leaves("manifest", "[registries]"),
        ]);
    }

    #[test]
    #[should_panic(expected = "exit 0, not 1; changes `+manifest`, not nothing; omits `nonsense`")]
    fn a_row_that_does_not_hold_says_all_differences() {
        Situation::new(|_| {}).check([row("init").exits(1).says(&["nonsense"])]);
    }

    #[test]
    #[should_panic(expected = "known fault 9 is mended")]
    fn a_mark_does_not_outlive_its_fault() {
        Situation::new(|_| {}).check([row("list").known_fault(9, "exit 1")]);
    }

    #[test]
    #[should_panic(expected = "known fault 9 shows itself otherwise: exit 0")]
    fn a_mark_says_what_happens() {
        Situation::new(|_| {}).check([row("list").exits(1).known_fault(9, "exit 4")]);
    }

    #[test]
    #[should_panic(expected = "/agents is [], not 3; has no /nothing")]
    fn fields_are_looked_at() {
        Situation::new(|_| {}).check([row("list --json").field("/agents", 3).has("/nothing")]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    #[should_panic(expected = "asks 0 times, not 1")]
    fn questions_are_counted() {
        Situation::new(|_| {}).check([row("list").in_terminal(&["yes"])]);
    }
}
