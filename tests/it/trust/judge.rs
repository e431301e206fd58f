//! What a project may look like after a command was killed or a system call of it failed.
//!
//! The reading commands change nothing. Then `agentpkg recover` ends with 0, and the project is exactly as before or as after the command,
//! apart from agentpkg's own marks for git and its state. No file is left that neither of the two has. The person's text is still in the
//! project, or in its history. If the command did not happen, it can be run again and does its work.

use std::cell::Cell;
use std::path::Path;

use super::scenario::{self, Scenario};
use super::stage::{EDIT, Files, Stage, run};
use super::trace::{Point, points};
use crate::support::sandbox::Output;

/// The state before the command.
pub(super) const TEMPLATE: &str = "template";

/// Agentpkg's own files that may appear early and stay.
const MARKS: &[&str] = &[
    ".agentpkg/.gitattributes",
    ".agentpkg/.gitignore",
    ".agentpkg/state/.gitignore",
    ".agentpkg/state/lock",
];

/// Commands that only read.
const READING: &[&[&str]] = &[
    &["list"],
    &["status"],
    &["update", "--dry-run"],
    &["check"],
    &["diff"],
    &["list", "--json"],
    &["outdated"],
    &["info", "agent-a"],
    &["undo", "--list"],
    &["install", "debugger", "--dry-run"],
    &["search", "agent"],
    &["doctor"],
    &["registry", "list"],
    &["remove", "agent-a", "--dry-run"],
];

/// Which of the two states a project is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Before,
    After,
}

/// A scenario with everything that it is compared to.
pub(super) struct Judge {
    pub(super) stage: Stage,
    pub(super) words: Vec<String>,
    scenario: &'static Scenario,
    before: Files,
    after: Files,
    /// The exit code of an undisturbed run.
    code: i32,
    is_marked: bool,
    /// How many times the reading commands were run.
    looks: Cell<usize>,
}

impl Judge {
    /// Prepares a scenario and runs it once undisturbed.
    pub(super) fn new(name: &str) -> Option<Self> {
        let scenario = scenario::find(name);
        let mut stage = Stage::new()?;
        (scenario.prepare)(&mut stage);
        stage.keep(TEMPLATE);
        let words = stage.words(scenario.command);
        let before = stage.files();
        let output = run(&mut stage.command(&words));
        assert!(matches!(output.code, 0 | 3), "{name}: {}", output.all());
        let after = stage.files();
        stage.restore(TEMPLATE);
        let is_marked = contains(&before, EDIT);
        Some(Self {
            stage,
            words,
            scenario,
            before,
            after,
            code: output.code,
            is_marked,
            looks: Cell::new(0),
        })
    }

    /// The calls of the command while the injections are in effect.
    pub(super) fn points(&self, injections: &[&str]) -> Vec<Point> {
        self.stage.restore(TEMPLATE);
        points(&self.stage, &self.words, injections)
    }

    /// What is wrong after a kill.
    pub(super) fn after_kill(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        self.look(&mut wrong);
        self.recover(&mut wrong);
        wrong
    }

    /// What is wrong after a run in which a system call failed.
    pub(super) fn after_fault(&self, output: &Output) -> Vec<String> {
        let mut wrong = Vec::new();
        let outcome = self.outcome();
        // If a cache cannot be written, everything stays as it was, and the command says that it could not look.
        let is_stale = output.stderr.contains("could not look at");
        let is_said =
            output.all().contains("partial") || output.stderr.contains("agentpkg recover");
        if matches!(output.code, 101 | -1) || output.stderr.contains("panicked") {
            wrong.push(format!("it did not end by itself: {}", output.all()));
        } else if output.code == self.code
            && !is_stale
            && !matches!(outcome, Ok(found) if found == self.expected())
        {
            wrong.push(format!(
                "it says that it worked, but the project is not as it should be: {}",
                describe(&outcome)
            ));
        } else if output.code != self.code {
            // The write of the error message may be the one that fails.
            if !output.stderr.starts_with("error") && !output.stderr.contains("error: ") {
                wrong.push(format!("it fails without an error: {}", output.all()));
            }
            if outcome != Ok(Outcome::Before) && !is_said {
                wrong.push(format!(
                    "it failed, but something changed, and it does not say so: {}\n{}",
                    describe(&outcome),
                    output.all()
                ));
            }
        }
        self.recover(&mut wrong);
        wrong
    }

    /// Commands that only read change nothing, and report the interrupted command. A sample runs some of them each time.
    fn look(&self, wrong: &mut Vec<String>) {
        let before = self.stage.files();
        let count = if super::is_full() { READING.len() } else { 2 };
        let turn = self.looks.replace(self.looks.get() + count);
        for command in READING
            .iter()
            .cycle()
            .skip(turn % READING.len())
            .take(count)
        {
            let output = self.stage.run(command);
            let now = self.stage.files();
            if now != before {
                wrong.push(format!("{command:?} changed {}", difference(&now, &before)));
                return;
            }
            let is_interrupted = before.contains_key(".agentpkg/state/journal");
            if is_interrupted
                && !command.contains(&"--json")
                && !output.stderr.contains("agentpkg recover")
            {
                wrong.push(format!(
                    "{command:?} does not say that a command was interrupted: {}",
                    output.all()
                ));
            }
            if !matches!(output.code, 0..=5) {
                wrong.push(format!("{command:?}: {}", output.all()));
            }
        }
    }

    fn recover(&self, wrong: &mut Vec<String>) {
        let output = run(&mut self.stage.command(&["recover".to_owned()]));
        if output.code != 0 {
            wrong.push(format!("the recovery fails: {}", output.all()));
        }
        let files = self.stage.files();
        let outcome = self.outcome();
        if let Err(difference) = &outcome {
            wrong.push(format!("the project is a mixture: {difference}"));
        }
        if self.is_marked && !contains(&files, EDIT) {
            wrong.push("the person's words are lost".to_owned());
        }
        let left: Vec<&String> = files
            .keys()
            .filter(|path| self.is_left_over(path))
            .collect();
        if !left.is_empty() {
            wrong.push(format!("left over: {left:?}"));
        }
        if outcome == Ok(Outcome::Before) {
            let output = run(&mut self.stage.command(&self.words));
            if output.code != self.code || self.outcome() != Ok(self.expected()) {
                wrong.push(format!(
                    "it cannot be repeated: {}\n{}",
                    describe(&self.outcome()),
                    output.all()
                ));
            }
        }
        if self.scenario.name.starts_with("registry_refresh") {
            // The project does not change; the cache must be valid.
            let offered = self
                .stage
                .run(&["list", "--available", "studio", "--offline"]);
            if offered.code != 0 || !offered.stdout.contains("agent-f") {
                wrong.push(format!(
                    "the cache does not have the new agents: {}",
                    offered.all()
                ));
            }
        }
    }

    /// What the project is like after a run that works.
    fn expected(&self) -> Outcome {
        if comparable(&self.before).eq(comparable(&self.after)) {
            Outcome::Before
        } else {
            Outcome::After
        }
    }

    /// The state of the project, or how it differs from the nearer of the two.
    fn outcome(&self) -> Result<Outcome, String> {
        let files = self.stage.files();
        if comparable(&files).eq(comparable(&self.before)) {
            Ok(Outcome::Before)
        } else if comparable(&files).eq(comparable(&self.after)) {
            Ok(Outcome::After)
        } else {
            let differences = [
                difference(&files, &self.before),
                difference(&files, &self.after),
            ];
            Err(differences
                .into_iter()
                .min_by_key(String::len)
                .unwrap_or_default())
        }
    }

    fn is_left_over(&self, path: &str) -> bool {
        let name = Path::new(path)
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.starts_with(".agentpkg/state/history/") {
            // Every operation adds to it, but no incomplete file.
            return name.starts_with('.') || name.ends_with(".tmp") || name.ends_with("-new");
        }
        !self.before.contains_key(path) && !self.after.contains_key(path) && !MARKS.contains(&path)
    }
}

/// Without the files that only agentpkg uses.
fn comparable(files: &Files) -> impl Iterator<Item = (&String, &Vec<u8>)> {
    files.iter().filter(|(path, _)| {
        !path.starts_with(".agentpkg/state/") && !MARKS.contains(&path.as_str())
    })
}

fn difference(left: &Files, right: &Files) -> String {
    let paths = |one: &Files, other: &Files| -> Vec<String> {
        comparable(one)
            .filter(|(path, content)| other.get(*path) != Some(content))
            .map(|(path, _)| path.clone())
            .collect()
    };
    let mut all = paths(left, right);
    all.extend(paths(right, left));
    all.sort();
    all.dedup();
    all.join(", ")
}

fn describe(outcome: &Result<Outcome, String>) -> String {
    match outcome {
        Ok(Outcome::Before) => "nothing changed".to_owned(),
        Ok(Outcome::After) => "everything changed".to_owned(),
        Err(difference) => difference.clone(),
    }
}

/// Whether any of the files has these words.
pub(super) fn contains(files: &Files, words: &str) -> bool {
    files.values().any(|content| has(content, words))
}

/// Whether a content has these words.
pub(super) fn has(content: &[u8], words: &str) -> bool {
    content
        .windows(words.len())
        .any(|window| window == words.as_bytes())
}
