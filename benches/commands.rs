//! Whole commands beside what they are compared with, in one run: `cargo bench --bench commands`. Prints ratios of the medians and of the
//! shortest times, which other work on the machine disturbs less; nothing is judged. docs/performance.md explains the figures.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stands outside the doors"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 15;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for count in [200, 1000] {
        agents(root, count);
    }
    one_agent(root);
}

/// Installing many agents, and nothing to do about them.
fn agents(root: &Path, count: usize) {
    let root = &root.join(count.to_string());
    let registry = root.join("registry");
    for index in 0..count {
        let path = registry.join(format!("agents/agent-{index:04}.md"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, agent(index)).unwrap();
    }
    commit(&registry);
    git(root, &["clone", "-q", "--bare", "registry", "bare.git"]);
    let url = format!("file://{}", root.join("bare.git").display());
    let project = root.join("project");
    fs::create_dir_all(&project).unwrap();
    agentpkg(root, &project, &["install", &url, "--all", "-q"]);

    println!("{count} agents, {ROUNDS} rounds");
    // A new folder each time: ext4 looks long for a place where files were just deleted.
    let mut folders = 0;
    let mut next = |what: &str| {
        folders += 1;
        let folder = root.join(format!("{what}-{folders}"));
        fs::create_dir_all(&folder).unwrap();
        folder
    };
    let (mut fresh, mut copies) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let folder = next("fresh");
        for file in ["agentpkg.toml", "agentpkg.lock"] {
            fs::copy(project.join(file), folder.join(file)).unwrap();
        }
        fresh.push(folder);
        copies.push(next("copy"));
    }
    let (mut fresh, mut copies) = (fresh.into_iter(), copies.into_iter());
    let sources = [".claude/agents", ".agentpkg/base"].map(|folder| project.join(folder));
    compare(
        "install from manifest, lockfile and cache / cp -r of agents and bases",
        &mut || {
            let folder = fresh.next().unwrap();
            timed(|| agentpkg(root, &folder, &["install", "--locked", "-q"]))
        },
        &mut || {
            let target = copies.next().unwrap();
            timed(|| run(Command::new("cp").arg("-r").args(&sources).arg(&target)))
        },
    );
    commit(&project);
    let nothing_to_do = |what: &str| {
        for command in ["install", "list"] {
            compare(
                &format!("{command} with nothing to do, {what} / git rev-parse HEAD"),
                &mut || timed(|| agentpkg(root, &project, &[command, "-q"])),
                &mut || timed(|| git(&registry, &["rev-parse", "HEAD"])),
            );
        }
        compare(
            &format!("status, {what} / git status of the same files"),
            &mut || timed(|| agentpkg(root, &project, &["status", "-q"])),
            &mut || timed(|| git(&project, &["status", "--porcelain"])),
        );
    };
    nothing_to_do("just installed");
    // What was read is believed once it was read again more than a second later.
    std::thread::sleep(Duration::from_secs(3));
    agentpkg(root, &project, &["install", "-q"]);
    nothing_to_do("seen before");
}

/// What a command costs that has hardly anything to do.
fn one_agent(root: &Path) {
    let root = &root.join("one");
    let project = root.join("project");
    fs::create_dir_all(&project).unwrap();
    agentpkg(root, &project, &["install", "debugger", "-q"]);
    commit(&project);
    println!("1 agent, {} rounds", 5 * ROUNDS);
    for command in ["install", "list"] {
        compare_often(
            &format!("{command} with nothing to do / git rev-parse HEAD"),
            &mut || timed(|| agentpkg(root, &project, &[command, "-q"])),
            &mut || timed(|| git(&project, &["rev-parse", "HEAD"])),
            5 * ROUNDS,
        );
    }
}

/// Makes a folder a repository with one commit.
fn commit(folder: &Path) {
    git(folder, &["init", "-q", "-b", "main"]);
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "first"]);
}

fn agent(index: usize) -> String {
    let mut text = format!(
        "---\nname: agent-{index:03}\ndescription: Does the work of agent {index}\ntools: Read, Grep\n---\n\n"
    );
    for line in 0..80 {
        writeln!(
            text,
            "Line {line} of agent {index}, which says something about sixty bytes long."
        )
        .unwrap();
    }
    text
}

fn compare(what: &str, one: &mut dyn FnMut() -> Duration, other: &mut dyn FnMut() -> Duration) {
    compare_often(what, one, other, ROUNDS);
}

fn compare_often(
    what: &str,
    one: &mut dyn FnMut() -> Duration,
    other: &mut dyn FnMut() -> Duration,
    rounds: usize,
) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        times[0].push(one());
        times[1].push(other());
    }
    let [ours, theirs] = times.map(|mut times| {
        times.sort();
        [times[rounds / 2], times[0]].map(|time| time.as_secs_f64() * 1e3)
    });
    println!(
        "  {what}: {:.2} ({:.2} ms / {:.2} ms); shortest {:.2} ({:.2} ms / {:.2} ms)",
        ours[0] / theirs[0],
        ours[0],
        theirs[0],
        ours[1] / theirs[1],
        ours[1],
        theirs[1]
    );
}

fn timed(action: impl FnOnce()) -> Duration {
    let start = Instant::now();
    action();
    start.elapsed()
}

fn agentpkg(root: &Path, project: &Path, arguments: &[&str]) {
    run(Command::new(env!("CARGO_BIN_EXE_agentpkg"))
        .env("HOME", root.join("home"))
        .current_dir(project)
        .args(arguments));
}

fn git(folder: &Path, arguments: &[&str]) {
    let identity = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "-c",
        "gc.auto=0",
    ];
    run(Command::new("git")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .current_dir(folder)
        .args(identity)
        .args(arguments));
}

fn run(command: &mut Command) {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{command:?}");
}
