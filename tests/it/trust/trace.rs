//! System calls: which ones a command makes that change something, and how one of them is disturbed. strace does the work.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::stage::{Running, Stage, run};
use crate::support::sandbox::Output;

/// What changes files, or how they are locked. Not every processor has all of them.
const CALLS: &[&str] = &[
    "openat",
    "openat2",
    "open",
    "creat",
    "write",
    "pwrite64",
    "writev",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "fsync",
    "fdatasync",
    "truncate",
    "ftruncate",
    "symlink",
    "symlinkat",
    "link",
    "linkat",
    "flock",
    "chmod",
    "fchmod",
    "fchmodat",
    "utimensat",
    "copy_file_range",
    "sendfile",
    "fallocate",
];

/// Behaves as if the file system could neither exchange two files nor rename without replacing.
pub(super) const WITHOUT_EXCHANGE: &str = "inject=renameat2:error=EINVAL";

/// One system call of a command.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// The name of the call.
    pub(super) call: String,
    /// How many calls of that name the process has made at that point, including this one.
    pub(super) number: usize,
    /// Whether agentpkg makes it, not git.
    pub(super) is_own: bool,
    /// Whether it is about the project, not about the cache.
    pub(super) is_in_project: bool,
    /// Whether it only opened something for reading.
    pub(super) is_reading: bool,
    /// Whether it succeeded.
    did_something: bool,
    /// The arguments, for people.
    text: String,
}

impl Point {
    /// Whether anything was different after it.
    pub(super) fn changes(&self) -> bool {
        self.did_something && !self.is_reading
    }

    /// How strace disturbs this call.
    pub(super) fn injection(&self, what: &str) -> String {
        format!("inject={}:{what}:when={}", self.call, self.number)
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}#{} {}", self.call, self.number, self.text)
    }
}

/// Runs a command and returns the calls that change something, or read its own files, in their order. The injections are in effect
/// meanwhile.
pub(super) fn points(stage: &Stage, words: &[String], injections: &[&str]) -> Vec<Point> {
    let log = stage.root().join("calls");
    let calls: Vec<String> = CALLS.iter().map(|call| format!("?{call}")).collect();
    let (log_path, trace) = (
        log.display().to_string(),
        format!("trace={}", calls.join(",")),
    );
    let mut options = vec!["-y", "-s", "32", "-o", &log_path, "-e", &trace];
    options.extend(injections.iter().flat_map(|injection| ["-e", *injection]));
    let _ = run(&mut strace(stage, &options, words));
    let root = stage.root().display().to_string();
    let text = fs::read(&log).unwrap();
    fs::remove_file(log).unwrap();
    parse(&String::from_utf8_lossy(&text), &root)
}

fn parse(log: &str, root: &str) -> Vec<Point> {
    let mut numbers: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut points = Vec::new();
    let own = log.split(' ').next().unwrap_or_default();
    for line in log.lines() {
        let Some((process, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((call, arguments)) = rest.trim_start().split_once('(') else {
            continue;
        };
        // A call that was interrupted in the log continues with `<... call resumed>`.
        if !call
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            continue;
        }
        let number = numbers.entry((process, call)).or_default();
        *number += 1;
        let is_reading = call.starts_with("open")
            && !["O_CREAT", "O_WRONLY", "O_RDWR", "O_TRUNC"]
                .iter()
                .any(|flag| arguments.contains(flag));
        let is_foreign = is_reading
            && !arguments
                .replacen(&format!("AT_FDCWD<{root}"), "", 1)
                .contains(root);
        let is_talk = call.starts_with("write")
            && (arguments.starts_with("1<")
                || arguments.starts_with("2<")
                || !arguments.contains(root));
        // The first process that makes this call is disturbed, so once is enough.
        if is_foreign
            || is_talk
            || arguments.contains("\"/dev/null\"")
            || !seen.insert((call, *number))
        {
            continue;
        }
        // An absolute path does not depend on the working folder.
        let about = match arguments.split_once('>') {
            Some((start, rest)) if start.starts_with("AT_FDCWD") && rest.starts_with(", \"/") => {
                rest
            }
            _ => arguments,
        };
        points.push(Point {
            call: call.to_owned(),
            number: *number,
            is_own: process == own,
            is_in_project: about.contains(&format!("{root}/project")),
            is_reading,
            did_something: !arguments.contains(") = -1"),
            text: arguments.replace(root, "").chars().take(140).collect(),
        });
    }
    points
}

/// Runs a command while strace performs the injections.
pub(super) fn disturbed(stage: &Stage, words: &[String], injections: &[&str]) -> Output {
    disturbing(stage, words, injections)
        .end()
        .unwrap_or_else(|reason| panic!("{reason}, {injections:?}"))
}

/// The same, without waiting for the end.
pub(super) fn disturbing(stage: &Stage, words: &[String], injections: &[&str]) -> Running {
    let calls: Vec<&str> = injections
        .iter()
        .filter_map(|injection| injection.split(['=', ':']).nth(1))
        .collect();
    let trace = format!("trace={}", calls.join(","));
    let mut options = vec!["-o", "/dev/null", "-e", &trace];
    options.extend(injections.iter().flat_map(|injection| ["-e", *injection]));
    Running::start(&mut strace(stage, &options, words))
}

/// Waits until strace stops a command for longer than it takes to trace a call; returns the number of its process.
pub(super) fn wait_until_held(running: &Running) -> Option<String> {
    let tracer = running.id.as_raw_nonzero();
    let mut looks = 0;
    while running.is_running() {
        let children = fs::read_to_string(format!("/proc/{tracer}/task/{tracer}/children"))
            .unwrap_or_default();
        let held = children.split_whitespace().next().filter(|child| {
            let status = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            status
                .rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('t'))
        });
        looks = if held.is_some() { looks + 1 } else { 0 };
        if looks == 8 {
            return held.map(str::to_owned);
        }
        thread::sleep(Duration::from_millis(1));
    }
    None
}

fn strace(stage: &Stage, options: &[&str], words: &[String]) -> Command {
    let mut command = stage.other("strace");
    command
        .args(["-f", "-qq"])
        .args(options)
        .arg(env!("CARGO_BIN_EXE_agentpkg"))
        .args(words);
    command
}

#[test]
fn calls_that_change_something_are_told_from_others() {
    let log = "\
7 openat(AT_FDCWD</s/project>, \"/s/project/a\", O_RDONLY) = 3</s/project/a>\n\
7 openat(AT_FDCWD</s/project>, \"/s/home/b\", O_WRONLY|O_CREAT, 0666) = 3</s/home/b>\n\
8 open(\"/s/project/c\", O_WRONLY|O_CREAT, 0666 <unfinished ...>\n\
7 write(2</s/err>, \"x\", 1) = 1\n\
7 write(3<pipe:[9]>, \"x\", 1) = 1\n\
8 <... open resumed>) = 4</s/project/c>\n\
7 renameat2(4</s/project/x>, \"d\", 4</s/project/x>, \"e\", RENAME_EXCHANGE) = 0\n\
7 mkdir(\"/s/project/x\", 0777) = -1 EEXIST (File exists)\n";
    let points = parse(log, "/s");
    let found: Vec<_> = points
        .iter()
        .map(|p| {
            (
                p.call.as_str(),
                p.number,
                p.is_own,
                p.is_in_project,
                p.changes(),
            )
        })
        .collect();
    let expected = [
        ("openat", 1, true, true, false),
        ("openat", 2, true, false, true),
        ("open", 1, false, true, true),
        ("renameat2", 1, true, true, true),
        ("mkdir", 1, true, true, false),
    ];
    assert_eq!(found, expected);
}
