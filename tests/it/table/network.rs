//! Which commands use the network: the table, with a server that counts requests.

use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

use super::{Situation, done, reader, words};

/// Runs each line in a project that has `planner` from a repository, which is in the cache, and returns the lines that asked the server, or
/// with `expects_requests` those that did not.
fn surprises(lines: &[&'static str], expects_requests: bool) -> Option<Vec<&'static str>> {
    let folder = tempfile::tempdir().unwrap();
    hermetic_git(folder.path())?;
    let mut repo = RepoBuilder::bare(&folder.path().join("far.git"));
    repo.file("agents/planner.md", reader("planner", "Plans."))
        .file("agents/spare.md", reader("spare", "Waits."));
    let _ = repo.commit("first");
    let _ = repo.tag("v1.0.0");
    let _ = RepoBuilder::bare(&folder.path().join("other.git"))
        .file("agents/other.md", reader("other", "Helps."))
        .commit("first");
    let server = Server::start(folder.path());
    let situation = Situation::new(|sandbox: &Sandbox| {
        done(
            sandbox,
            &format!("registry add {} --name far", server.url("far.git")),
        );
        done(sandbox, "install far/planner");
        let _ = sandbox.write("project/.claude/agents/loose.md", reader("loose", "Waits."));
    });
    let _ = server.requests();
    let other = server.url("other.git").to_string();
    let mut found = Vec::new();
    for line in lines {
        situation.start.restore();
        let output = situation
            .sandbox
            .run(&words(&line.replace("OTHER", &other)));
        // What `adopt` leaves is left to decide.
        assert!([0, 1, 4].contains(&output.code), "{line}: {}", output.all());
        if server.requests().is_empty() == expects_requests {
            found.push(*line);
        }
    }
    Some(found)
}

#[test]
fn what_never_asks() {
    let lines = [
        "",
        "list",
        "status",
        "check",
        "check --fix",
        "registry list",
        "search planner",
        "undo",
        "undo --list",
        "remove planner",
        "diff",
        "diff planner",
        "info planner",
        "doctor",
        "resolve",
        "init",
        "adopt --all",
        "adopt --all --dry-run",
        "install",
        "install --locked",
        "install --force",
        // What is in the cache is not asked for again.
        "install far/spare",
        "install far/spare --dry-run",
        "install far/spare@v1.0.0",
        "info far/spare",
        "list --available",
        "list --available far",
        "install OTHER#other --offline",
        "install far/nothing --offline",
        "info nothing --offline",
        "update --offline",
        "outdated --offline",
        "registry refresh --offline",
    ];
    let Some(found) = surprises(&lines, false) else {
        return;
    };
    assert_eq!(found, [""; 0], "these asked");
}

#[test]
fn a_manifest_of_a_stranger_makes_no_reading_command_ask() {
    let sandbox = Sandbox::new();
    if hermetic_git(sandbox.path()).is_none() {
        return;
    }
    let mut repo = RepoBuilder::bare(&sandbox.path().join("srv/far.git"));
    repo.file("agents/planner.md", reader("planner", "Plans."));
    let commit = repo.commit("first");
    let server = Server::start(&sandbox.path().join("srv"));
    let url = server.url("far.git");
    let home = Sandbox::new();
    done(&home, &format!("registry add {url} --name far"));
    done(&home, "install far/planner");
    for file in ["agentpkg.toml", "agentpkg.lock"] {
        let _ = sandbox.write(&format!("project/{file}"), home.read(file));
    }
    drop(server.requests());
    let mut asked = Vec::new();
    for line in [
        "",
        "list",
        "status",
        "check",
        "registry list",
        "search planner",
        "info planner",
        "undo --list",
        "doctor",
        "install --dry-run --offline",
    ] {
        let _ = sandbox.run(&words(line));
        if !server.requests().is_empty() {
            asked.push(line);
        }
    }
    let mut command = sandbox.command();
    command.env("COMPLETE", "fish");
    let _ = crate::support::sandbox::finish(command.args(["--", "agentpkg", "install", "pl"]));
    assert!(server.requests().is_empty(), "completions ask");
    assert_eq!(asked, [""; 0], "{commit}");
}

/// Runs lines in a project that has a registry in its cache to which an agent, `late`, was added a moment later; returns those that do not
/// end with this exit code, or do not make between one and as many requests as one look at a remote takes.
fn wrongly_asked(lines: &[&'static str], code: i32) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    hermetic_git(folder.path())?;
    let mut repo = RepoBuilder::bare(&folder.path().join("far.git"));
    repo.file("agents/planner.md", reader("planner", "Plans."));
    let _ = repo.commit("first");
    let server = Server::start(folder.path());
    let situation = Situation::new(|sandbox: &Sandbox| {
        done(
            sandbox,
            &format!("registry add {} --name far", server.url("far.git")),
        );
        done(sandbox, "install far/planner");
    });
    repo.file("agents/late.md", reader("late", "Comes."));
    let _ = repo.commit("second");
    let _ = server.requests();
    situation.start.restore();
    done(&situation.sandbox, "registry refresh");
    done(&situation.sandbox, "install far/late");
    let a_look = server.requests().len();
    let mut found = Vec::new();
    for line in lines {
        situation.start.restore();
        let url = server.url("far.git").to_string();
        let output = situation.sandbox.run(&words(&line.replace("FAR", &url)));
        let requests = server.requests().len();
        if output.code != code || requests == 0 || requests > a_look {
            let all = output.all();
            found.push(format!(
                "{line}: {} with {requests} requests: {all}",
                output.code
            ));
        }
    }
    Some(found)
}

#[test]
fn what_is_not_in_the_cache_is_asked_for_once() {
    let there = [
        "install far/late",
        "install late",
        "install planner late",
        "install far/late --dry-run",
        "install FAR#late",
        "install FAR#agents/late.md",
        "info far/late",
        "info late",
        "info FAR#late",
    ];
    let nowhere = [
        "install far/nothing",
        "install nothing",
        "install nothing nowhere never",
        "install FAR#nothing",
        "install FAR#agents/nothing.md",
        "install FAR#nothing/",
        "info nothing",
        "info far/nothing",
    ];
    let Some(found) = wrongly_asked(&there, 0) else {
        return;
    };
    assert_eq!(found, [""; 0], "these are there");
    let found = wrongly_asked(&nowhere, 1).unwrap();
    assert_eq!(found, [""; 0], "these are nowhere");
}

#[test]
fn what_always_asks() {
    let lines = [
        "update",
        "update planner",
        "update --check",
        "update --dry-run",
        "outdated",
        "outdated --check",
        "diff --upstream",
        "diff --merged",
        "registry add OTHER --name other",
        "registry refresh",
        "search planner --refresh",
        "doctor --network",
        "install OTHER#other",
        "list --available OTHER",
        "install far/planner@latest",
        // Where a branch is now, only the server knows.
        "install far/planner@main",
        "install far/spare@main",
    ];
    let Some(found) = surprises(&lines, true) else {
        return;
    };
    assert_eq!(found, [""; 0], "these did not ask");
}
