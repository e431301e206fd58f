//! Hostile sources are harmless: repositories with what no well-behaved program writes, servers that answer anything, addresses that mean
//! something else to git, ssh or a shell.
//!
//! After every run: it ended in time, with a documented exit code and without a panic; nothing that it printed can move a terminal's cursor
//! or hide text; no planted program ran; nothing was written outside of the project's own files and agentpkg's folders; no secret was shown.
//! A normal run of the tests takes a sample of the commands for each case; with `AGENTPKG_FULL=1` every command is run in every case.

mod addresses;
mod repositories;
mod servers;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use agentpkg::domain::name::is_invisible;

use crate::support::sandbox::Sandbox;

/// What a payload creates in its folder, if it runs.
const MARK: &str = "PAYLOAD-RAN";

/// Stands in a file next to the project, and in what the user's git may send.
const SECRET: &str = "Vict1mS3cr3t0815";

/// How long a command may take: a machine that runs other tests at the same time is slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// The exit codes that are documented.
const CODES: [i32; 6] = [0, 1, 2, 3, 4, 5];

/// The only places below the sandbox that a command may change.
const OWN: [&str; 6] = [
    "project/.claude/agents",
    "project/.agentpkg",
    "project/agentpkg.toml",
    "project/agentpkg.lock",
    "home/.cache",
    "home/state",
];

/// Whether every command is run in every case.
fn is_full() -> bool {
    std::env::var_os("AGENTPKG_FULL").is_some()
}

/// A sandbox with something to steal and something to overwrite.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::in_memory();
    sandbox
        .write("victim/secret", SECRET)
        .write("project/src/main.rs", "fn main() {}\n");
    sandbox
}

/// Every path below the sandbox that no command may change, with its content.
fn protected(sandbox: &Sandbox) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    collect(sandbox.path(), sandbox.path(), &mut found);
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().flatten().collect();
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if OWN.contains(&name.as_str()) || name.starts_with("served") {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, found);
        } else {
            let content = if path.is_symlink() {
                fs::read_link(&path).unwrap().display().to_string().into()
            } else {
                fs::read(&path).unwrap()
            };
            found.push((name, content));
        }
    }
}

/// Runs a command and returns what is wrong with how it ended, what it printed and what it left behind.
fn complaints(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let before = protected(sandbox);
    let begin = Instant::now();
    let output = sandbox.command().args(arguments).output().unwrap();
    let took = begin.elapsed();
    let mut complaints = Vec::new();
    if took > PATIENCE {
        complaints.push(format!("took {took:?}"));
    }
    match output.status.code() {
        Some(code) if CODES.contains(&code) => {}
        code => complaints.push(format!("ended with {code:?}")),
    }
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let Ok(text) = std::str::from_utf8(bytes) else {
            complaints.push(format!("{name} is not UTF-8"));
            continue;
        };
        // Tabs stand between the columns of what is printed for programs.
        let is_harmful = |c: &char| c.is_control() && !matches!(c, '\n' | '\t') || is_invisible(*c);
        if let Some(found) = text.chars().find(is_harmful) {
            complaints.push(format!("{name} has U+{:04X}: {text:?}", u32::from(found)));
        }
        if text.contains("panicked at") {
            complaints.push(format!("panicked: {text}"));
        }
        if text.contains(SECRET) {
            complaints.push(format!("{name} shows a secret"));
        }
    }
    let after = protected(sandbox);
    let changed = |(name, content): &&(String, Vec<u8>)| {
        !before.iter().any(|(n, c)| n == name && c == content)
    };
    for (name, _) in after.iter().filter(changed) {
        let what = if name.ends_with(MARK) {
            "a payload ran"
        } else {
            "wrote"
        };
        complaints.push(format!("{what}: {name:?}"));
    }
    if after.len() < before.len() {
        complaints.push("deleted something".to_owned());
    }
    complaints.extend(links(&sandbox.project(".claude")));
    if !complaints.is_empty() && output.stdout.len() + output.stderr.len() < 4000 {
        let said = String::from_utf8_lossy(&output.stderr);
        complaints.push(format!("it said: {said}"));
    }
    complaints
}

/// The links below a folder: an installed agent is a file.
fn links(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            found.push(format!("a link was installed: {}", entry.path().display()));
        } else if kind.is_dir() {
            found.extend(links(&entry.path()));
        }
    }
    found
}

/// What was found wrong in all cases, for the message of a failed test.
struct Report {
    /// How many commands a normal run takes for each case.
    sample: usize,
    cases: usize,
    runs: usize,
    faults: String,
}

impl Report {
    fn new(sample: usize) -> Self {
        Self {
            sample,
            cases: 0,
            runs: 0,
            faults: String::new(),
        }
    }

    /// Runs the commands of a case: all of them, or a sample, so that neighbouring cases together run every one.
    fn run(&mut self, case: &str, sandbox: &Sandbox, commands: &[Vec<&str>]) {
        let number = self.cases;
        self.cases += 1;
        let step = if is_full() {
            1
        } else {
            commands.len().div_ceil(self.sample)
        };
        let is_sampled = |at: usize| (at + number).is_multiple_of(step);
        for (_, command) in (commands.iter().enumerate()).filter(|(at, _)| is_sampled(*at)) {
            self.runs += 1;
            for complaint in complaints(sandbox, command) {
                writeln!(self.faults, "{case}: {command:?}: {complaint}").unwrap();
            }
        }
    }

    #[track_caller]
    fn end(self, at_least: usize) {
        assert!(self.cases >= at_least, "only {} cases", self.cases);
        assert!(self.runs >= self.cases, "some cases ran no command");
        assert!(
            self.faults.is_empty(),
            "{} cases, {} runs:\n{}",
            self.cases,
            self.runs,
            self.faults
        );
    }
}

#[test]
fn harm_is_seen() {
    let sandbox = sandbox();
    assert_eq!(complaints(&sandbox, &["list"]), Vec::<String>::new());
    let folder = sandbox.path().join("elsewhere").display().to_string();
    fs::create_dir(&folder).unwrap();
    // A command that writes outside of the project, because it was told to.
    let seen = complaints(&sandbox, &["-C", &folder, "init"]);
    assert!(
        seen.iter().any(|line| line.contains("elsewhere")),
        "{seen:?}"
    );
    fs::write(sandbox.project(".claude-x"), "").unwrap();
    fs::create_dir_all(sandbox.project(".claude/agents")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/etc", sandbox.project(".claude/agents/x.md")).unwrap();
        let seen = complaints(&sandbox, &["list"]);
        assert!(seen.iter().any(|line| line.contains("a link")), "{seen:?}");
    }
}
