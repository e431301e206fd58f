//! What becomes of git and its helpers when agentpkg is ended while it fetches.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::http::{Fault, Server};
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::{Sandbox, interruptible};

/// The processes whose command line or environment has this text.
fn running(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(words) = fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        if words.contains(text) {
            found.push(format!("{} {words}", entry.file_name().to_string_lossy()));
        }
    }
    found
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn every_signal_ends_git_and_its_helpers() {
    let sandbox = Sandbox::new();
    let Some(_) = hermetic_git(sandbox.path()) else {
        return;
    };
    let mut repo = RepoBuilder::bare(&sandbox.path().join("srv/agents.git"));
    repo.file(
        "agents/planner.md",
        "---\nname: planner\ndescription: d\n---\nx\n",
    );
    let _ = repo.commit("first");
    let server = Server::start(&sandbox.path().join("srv"));
    let url = server.url("agents.git");
    let lines = [
        format!("install {url}#planner"),
        format!("registry add {url} --name far"),
    ];
    for signal in ["INT", "TERM", "HUP", "KILL"] {
        for line in &lines {
            server.fault(Fault::Hang);
            drop(server.requests());
            let mut child = sandbox
                .prepared(interruptible(env!("CARGO_BIN_EXE_agentpkg")))
                .args(line.split(' '))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            wait_until("the server is asked", || !server.requests().is_empty());
            let of_git = || {
                let mut found = running(url.as_str());
                found.retain(|process| process.contains("git"));
                found.retain(|process| !process.contains(line.as_str()));
                found
            };
            assert!(
                of_git().len() >= 2,
                "{signal}: git and its helper run: {:?}",
                of_git()
            );
            let id = child.id().to_string();
            let sent = Command::new("kill")
                .args([&format!("-{signal}"), &id])
                .status();
            assert!(sent.unwrap().success());
            let ended = child.wait().unwrap();
            assert!(!ended.success(), "{signal}, {line}");
            let begin = Instant::now();
            while !of_git().is_empty() && begin.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(20));
            }
            assert_eq!(of_git(), [""; 0], "{signal}, {line}");
            // Nothing is left that would be in the way of the next one.
            server.fault(Fault::None);
            let _ = sandbox.run(&line.split(' ').collect::<Vec<_>>()).code(0);
            let _ = fs::remove_dir_all(sandbox.path().join("home/.cache"));
            let _ = fs::remove_dir_all(sandbox.project(""));
            fs::create_dir(sandbox.project("")).unwrap();
        }
    }
}

#[test]
fn an_interrupt_outside_of_a_question_is_said_in_every_form() {
    let sandbox = Sandbox::new();
    let Some(_) = hermetic_git(sandbox.path()) else {
        return;
    };
    let repo = RepoBuilder::bare(&sandbox.path().join("srv/agents.git"));
    drop(repo);
    let server = Server::start(&sandbox.path().join("srv"));
    let url = server.url("agents.git");
    server.fault(Fault::Hang);
    for json in [&[][..], &["--json"]] {
        drop(server.requests());
        let child = sandbox
            .prepared(interruptible(env!("CARGO_BIN_EXE_agentpkg")))
            .args(["install", &format!("{url}#planner")])
            .args(json)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until("the server is asked", || !server.requests().is_empty());
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{json:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("error: interrupted"), "{json:?}: {said}");
        if json.is_empty() {
            assert!(output.stdout.is_empty());
        } else {
            let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(document["error"]["message"], "interrupted");
        }
    }
}
