//! Whole commands beside what they are compared with, in one run: `cargo bench --bench commands`. Prints ratios; nothing is judged.
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

const AGENTS: usize = 200;
const ROUNDS: usize = 15;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let registry = root.join("registry");
    for index in 0..AGENTS {
        let path = registry.join(format!("agents/agent-{index:03}.md"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, agent(index)).unwrap();
    }
    for index in 0..1000 {
        let path = registry.join(format!("src/{}/file-{index}.txt", index % 40));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{index}\n").repeat(300)).unwrap();
    }
    git(&registry, &["init", "-q", "-b", "main"]);
    git(&registry, &["add", "-A"]);
    git(&registry, &["commit", "-q", "-m", "first"]);
    for index in 0..500 {
        fs::write(registry.join("src/0/file-0.txt"), index.to_string()).unwrap();
        git(&registry, &["commit", "-q", "-a", "-m", &index.to_string()]);
    }
    git(root, &["clone", "-q", "--bare", "registry", "bare.git"]);
    let url = format!("file://{}", root.join("bare.git").display());

    let project = root.join("project");
    fs::create_dir_all(&project).unwrap();
    agentpkg(root, &project, &["install", &url, "--all", "-q"]);

    println!("{AGENTS} agents, {ROUNDS} rounds, medians");
    let source = project.join(".claude/agents");
    let [install, copy] = compare(
        &mut || {
            let fresh = root.join("fresh");
            let _ = fs::remove_dir_all(&fresh);
            fs::create_dir_all(&fresh).unwrap();
            for file in ["agentpkg.toml", "agentpkg.lock"] {
                fs::copy(project.join(file), fresh.join(file)).unwrap();
            }
            timed(|| agentpkg(root, &fresh, &["install", "--locked", "-q"]))
        },
        &mut || {
            let target = root.join("copy");
            let _ = fs::remove_dir_all(&target);
            timed(|| run(Command::new("cp").arg("-r").arg(&source).arg(&target)))
        },
    );
    show("install from a warm cache / cp -r", install, copy);
    let nothing_to_do = |what: &str| {
        for command in ["install", "list"] {
            let [noop, parse] = compare(
                &mut || timed(|| agentpkg(root, &project, &[command, "-q"])),
                &mut || timed(|| git(&registry, &["rev-parse", "HEAD"])),
            );
            show(
                &format!("{command} with nothing to do (200 agents, {what}) / git rev-parse HEAD"),
                noop,
                parse,
            );
        }
    };
    nothing_to_do("just installed");
    // What was read is believed once it was read again more than a second later.
    std::thread::sleep(Duration::from_secs(3));
    agentpkg(root, &project, &["install", "-q"]);
    nothing_to_do("seen before");
    let small = root.join("small");
    fs::create_dir_all(&small).unwrap();
    agentpkg(root, &small, &["install", "debugger", "-q"]);
    let [noop, parse] = compare(
        &mut || timed(|| agentpkg(root, &small, &["install", "-q"])),
        &mut || timed(|| git(&registry, &["rev-parse", "HEAD"])),
    );
    show(
        "install with nothing to do (1 agent) / git rev-parse HEAD",
        noop,
        parse,
    );
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

fn compare(
    one: &mut dyn FnMut() -> Duration,
    other: &mut dyn FnMut() -> Duration,
) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(one());
        times[1].push(other());
    }
    times.map(|mut times| {
        times.sort();
        times[ROUNDS / 2]
    })
}

fn show(what: &str, ours: Duration, theirs: Duration) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!(
        "{what}: {ratio:.2} ({:.2} ms / {:.2} ms)",
        ours.as_secs_f64() * 1e3,
        theirs.as_secs_f64() * 1e3
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
