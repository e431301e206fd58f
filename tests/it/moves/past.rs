//! What changed upstream, in words: the commit that changed the file, its day, and what the commits in between say, where they are here.

use serde_json::Value;

use super::{Stage, agent};
use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git, run_git};
use crate::support::sandbox::{Output, Sandbox};

/// Upstream after an install: the file is edited, moved and edited, with commits around that do not concern it.
fn upstream_goes_on(stage: &mut Stage) {
    let text = |changed| agent("planner", "plans", changed);
    for (file, changed, other, message) in [
        ("agents/planner.md", 1, "1", "Plan in steps\n\nWith a body."),
        ("agents/planner.md", 1, "2", "Something else"),
        ("team/planner.md", 1, "2", "Move the agents"),
        ("team/planner.md", 2, "2", "Ask \u{1b}[31mfirst"),
        ("team/planner.md", 2, "3", "Something else again"),
    ] {
        stage.upstream.clear();
        stage
            .upstream
            .file(file, text(changed))
            .file("README.md", other);
        stage.upstream.commit(message);
    }
}

fn subjects(commits: &Value) -> Vec<&str> {
    let commits = commits.as_array().unwrap().iter();
    commits
        .map(|commit| commit["subject"].as_str().unwrap())
        .collect()
}

#[test]
fn the_commit_that_changed_the_file_is_named_with_its_day() {
    let mut stage = Stage::new(&[("agents/planner.md", &agent("planner", "plans", 0))]);
    let _ = stage.run(&["install", "studio/planner"]).code(0);
    upstream_goes_on(&mut stage);
    let expected = ["Ask  [31mfirst", "Move the agents", "Plan in steps"];

    let changed = |output: Output| output.json()["agents"][0]["changed"].clone();
    let outdated = changed(stage.run(&["outdated", "--json"]).code(0));
    for arguments in [
        &["status", "--json"] as &[&str],
        &["update", "--dry-run", "--json"],
    ] {
        assert_eq!(changed(stage.run(arguments).code(0)), outdated);
    }
    assert_eq!(subjects(&outdated["commits"]), expected);
    assert_eq!(outdated["commit"], outdated["commits"][0]["commit"]);
    assert_eq!(outdated["date"], "2023-11-14");
    assert_eq!(
        (&outdated["last"], &outdated["complete"]),
        (&Value::Bool(true), &Value::Bool(true))
    );

    let short = &outdated["commit"].as_str().unwrap()[..7];
    let words = format!("{short} (2023-11-14)");
    for (arguments, words) in [
        (&["status"] as &[&str], format!("update available {words}")),
        (&["outdated"], words.clone()),
        (&["update"], format!("-> {words}")),
    ] {
        let output = stage.run(arguments).code(0).all();
        assert!(
            output.contains(&words) && !output.contains("at "),
            "{output}"
        );
    }
    // Without a newer file there is nothing to say.
    let current = stage.run(&["outdated", "--all", "--json"]).code(0).json();
    assert_eq!(current["agents"][0]["changed"], Value::Null);
    let row = stage.run(&["outdated", "--all"]).code(0).stdout;
    let cells: Vec<&str> = row.lines().last().unwrap().split_whitespace().collect();
    assert!(cells[1] == cells[2] && cells[2] == cells[3], "{row}");
}

#[test]
fn the_history_of_an_agent_ends_at_the_installed_version() {
    let mut stage = Stage::new(&[("agents/planner.md", &agent("planner", "plans", 0))]);
    let _ = stage.run(&["install", "studio/planner"]).code(0);
    let alone = stage
        .run(&["info", "planner", "--history", "--json"])
        .code(0)
        .json();
    assert_eq!(subjects(&alone["history"]["commits"]), ["first"]);
    assert_eq!(alone["history"]["commits"][0]["installed"], true);
    upstream_goes_on(&mut stage);
    let before = stage.sandbox.files();
    let all = [
        "Ask  [31mfirst",
        "Move the agents",
        "Plan in steps",
        "first",
    ];
    for (spec, options) in [
        ("planner", &[] as &[&str]),
        ("planner", &["--offline"]),
        ("studio/planner", &[]),
    ] {
        let arguments = [&["info", spec, "--history", "--json"], options].concat();
        let history = stage.run(&arguments).code(0).json()["history"].clone();
        assert_eq!(subjects(&history["commits"]), all, "{arguments:?}");
        let installed = history["commits"].as_array().unwrap().iter();
        let installed: Vec<bool> = installed
            .map(|commit| commit["installed"] == true)
            .collect();
        assert_eq!(installed, [false, false, false, true], "{arguments:?}");
        assert_eq!(history["complete"], true);
    }
    assert_eq!(stage.sandbox.files(), before);
    // Nobody asked, or there is none.
    let info = stage.run(&["info", "planner", "--json"]).code(0).json();
    assert_eq!(info["history"], Value::Null);
    let builtin = stage
        .run(&["info", "builtin/debugger", "--history"])
        .code(0);
    assert!(
        builtin.stdout.contains("history   none is known"),
        "{}",
        builtin.all()
    );
    let wrong = stage.run(&["info", "planner", "--history=all"]).code(2);
    assert!(wrong.stderr.contains("here") && wrong.stderr.contains("fetch"));
}

#[test]
fn history_that_is_not_here_is_fetched_when_it_is_asked_for_and_only_then() {
    let sandbox = Sandbox::new();
    if hermetic_git(sandbox.path()).is_none() {
        return;
    }
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("srv/studio.git"));
    for changed in 0..4 {
        upstream.file("agents/planner.md", agent("planner", "plans", changed));
        upstream.commit(&format!("step {changed}"));
    }
    let server = Server::start(&sandbox.path().join("srv"));
    let url = server.url("studio.git").to_string();
    let run = |arguments: &[&str]| sandbox.run(arguments);
    let _ = run(&["registry", "add", &url, "--name", "studio"]).code(0);
    let _ = run(&["install", "studio/planner"]).code(0);
    for changed in 4..7 {
        upstream.file("agents/planner.md", agent("planner", "plans", changed));
        upstream.commit(&format!("step {changed}"));
    }
    let outdated = run(&["outdated", "--json"]).code(0).json();
    let changed = &outdated["agents"][0]["changed"];
    assert_eq!(
        (&changed["last"], &changed["complete"]),
        (&Value::Bool(false), &Value::Bool(false))
    );
    let words = format!(
        "at {} (2023-11-14)",
        &changed["commit"].as_str().unwrap()[..7]
    );
    let shown = run(&["outdated"]).code(0).stdout;
    assert!(shown.contains(&words), "{shown}");

    let _ = server.requests();
    for arguments in [
        &["info", "planner", "--history"] as &[&str],
        &["info", "planner", "--history=fetch", "--offline"],
    ] {
        let output = run(arguments).code(0).stdout;
        let hint = "its history is not here; `agentpkg info planner --history=fetch`";
        assert!(output.contains(hint), "{output}");
        assert!(!output.contains("step"), "{output}");
    }
    assert_eq!(server.requests().len(), 0);

    let fetched = run(&["info", "planner", "--history=fetch"]).code(0).stdout;
    for step in ["step 6", "step 5", "step 4", "step 3\tinstalled"] {
        assert!(fetched.contains(step), "{fetched}");
    }
    assert!(
        !fetched.contains("step 2") && !fetched.contains("=fetch"),
        "{fetched}"
    );
    // From now on it is here.
    let _ = server.requests();
    let history = run(&["info", "planner", "--history", "--json"])
        .code(0)
        .json();
    assert_eq!(history["history"]["complete"], true);
    assert_eq!(server.requests().len(), 0);
    let update = run(&["update", "--json"]).code(0).json();
    let steps = subjects(&update["agents"][0]["changed"]["commits"]);
    assert_eq!(steps, ["step 6", "step 5", "step 4"]);
}

#[test]
fn a_merge_that_took_the_file_from_one_side_did_not_change_it() {
    let sandbox = Sandbox::new();
    if hermetic_git(sandbox.path()).is_none() {
        return;
    }
    let folder = sandbox.path().join("repo");
    std::fs::create_dir_all(&folder).unwrap();
    let git = |line: &str| run_git(&folder, line.split(' '));
    let commit = |changed: usize, message: &str| {
        std::fs::write(
            folder.join("planner.md"),
            agent("planner", "plans", changed),
        )
        .unwrap();
        git("add -A");
        run_git(&folder, ["commit", "-qm", message]);
    };
    git("init -q -b main");
    commit(0, "first");
    git("checkout -q -b side");
    commit(1, "on the side");
    git("checkout -q main");
    run_git(
        &folder,
        ["commit", "-q", "--allow-empty", "-m", "meanwhile"],
    );
    git("merge -q --no-ff --no-edit side");
    let repository = agentpkg::git::Repository::open(&folder).unwrap();
    let head = repository.head().unwrap().unwrap();
    let past = repository
        .past_of(("planner.md", "planner.md"), head, None, 9)
        .unwrap();
    let subjects: Vec<&str> = past
        .changes
        .iter()
        .map(|change| change.subject.as_str())
        .collect();
    assert_eq!(subjects, ["on the side", "first"]);
    assert!(past.is_whole);
    // No more than asked for, and no further than to a content.
    let first = past.oldest;
    let past = repository
        .past_of(("planner.md", "planner.md"), head, None, 1)
        .unwrap();
    assert!(past.changes.len() == 1 && !past.is_whole);
    let past = repository
        .past_of(("planner.md", "planner.md"), head, first, 9)
        .unwrap();
    assert!(past.changes.len() == 1 && past.oldest == first && !past.is_whole);
    let none = repository
        .past_of(("other.md", "other.md"), head, None, 9)
        .unwrap();
    assert!(none.changes.is_empty() && none.oldest.is_none());
}
