//! `undo` as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::sandbox::Sandbox;

const AGENT: &str = ".claude/agents/debugger.md";

/// A project whose one agent was installed (1), edited by hand, and removed by force (2); with the text of the edited file.
fn removed() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&["install", "debugger"]).code(0);
    let edited = sandbox.read(AGENT) + "\nMy own rule.\r\nno newline at the end";
    sandbox.write(&format!("project/{AGENT}"), &edited);
    let _ = sandbox.run(&["remove", "debugger", "--force"]).code(0);
    (sandbox, edited)
}

#[test]
fn edits_come_back_with_all_that_was_there() {
    let (sandbox, edited) = removed();
    let after_removal = sandbox.files();
    let output = sandbox.run(&["undo"]).code(0);
    insta::assert_snapshot!(output.all(), @r"
    exit 0
    --- stdout
    --- stderr
           Undid remove debugger (operation 2)
        Restored .claude/agents/debugger.md
        Restored agentpkg.toml

    Bring it back with `agentpkg undo 3`.
    ");
    assert_eq!(sandbox.read(AGENT), edited);
    assert!(
        sandbox.run(&["list"]).code(0).stdout.contains("edited"),
        "lockfile and merge base are back too"
    );
    let before_removal = sandbox.files();
    let _ = sandbox.run(&["undo", "3"]).code(0);
    assert_eq!(
        sandbox.files(),
        after_removal,
        "undoing an undo does it again"
    );
    let _ = sandbox.run(&["undo"]).code(0);
    assert_eq!(sandbox.files(), before_removal);
}

#[test]
fn repeated_undo_walks_back_to_the_beginning() {
    let sandbox = Sandbox::new();
    sandbox
        .write("project/agentpkg.toml", "# mine\n[agents]\n")
        .write(&format!("project/{AGENT}"), "mine");
    let mut states = vec![sandbox.files()];
    for command in [
        &["install", "debugger", "--force"][..],
        &["install", "test-writer"],
        &["remove", "debugger"],
    ] {
        let _ = sandbox.run(command).code(0);
        states.push(sandbox.files());
    }
    states.pop();
    while let Some(state) = states.pop() {
        let _ = sandbox.run(&["undo"]).code(0);
        // The file that stays tells git how to treat agentpkg's own folder.
        let is_for_git = |path: &str| path.starts_with(".agentpkg/.git");
        let files: Vec<_> = sandbox
            .files()
            .into_iter()
            .filter(|(path, _)| !is_for_git(path))
            .collect();
        let state: Vec<_> = state
            .into_iter()
            .filter(|(path, _)| !is_for_git(path))
            .collect();
        assert_eq!(files, state);
    }
    let output = sandbox.run(&["undo"]).code(0);
    assert_eq!(
        output.all(),
        "exit 0\n--- stdout\n--- stderr\nNothing to undo.\n"
    );
    assert!(
        sandbox
            .run(&["undo", "1"])
            .code(0)
            .stderr
            .contains("as they were before operation 1")
    );
}

#[test]
fn repeated_undo_passes_over_what_was_put_back_already() {
    let sandbox = Sandbox::new();
    for command in [
        &["install", "test-writer"][..],
        &["install", "debugger"],
        &["undo"],
        &["install", "debugger"],
        &["undo", "2"],
    ] {
        let _ = sandbox.run(command).code(0);
    }
    // Operation 4 did the same as 2, so taking 2 back took 4 back as well.
    assert!(
        sandbox
            .run(&["undo"])
            .code(0)
            .stderr
            .contains("Undid install test-writer (operation 1)")
    );
    assert_eq!(sandbox.run(&["undo"]).code(0).stderr, "Nothing to undo.\n");
    assert!(
        !sandbox
            .run(&["undo", "--list"])
            .code(0)
            .stdout
            .lines()
            .any(|line| line.contains("install") && !line.ends_with("undone"))
    );
}

#[test]
fn what_changed_since_stays_unless_forced_and_is_never_lost() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&["install", "debugger"]).code(0);
    let _ = sandbox.run(&["install", "test-writer"]).code(0);
    sandbox.write(&format!("project/{AGENT}"), "edited");
    let before = sandbox.files();
    let output = sandbox.run(&["undo", "1"]).code(1);
    insta::assert_snapshot!(output.stderr, @r"
    error: operation 1 (install debugger) is not undone: a file changed since
      .claude/agents/debugger.md

    hint: `agentpkg undo` undoes the newest operation first, which is 2 (install test-writer)
    hint: `agentpkg undo 1 --force` undoes it anyway; the current files stay in the history
    ");
    assert_eq!(sandbox.files(), before);
    let _ = sandbox.run(&["undo", "1", "--force"]).code(0);
    assert!(!sandbox.project(AGENT).exists());
    assert!(
        sandbox.project(".claude/agents/test-writer.md").exists(),
        "operation 1 did not touch it"
    );
    assert_eq!(
        sandbox.run(&["list"]).code(0).stdout.lines().count(),
        1,
        "nor its entries"
    );
    let _ = sandbox.run(&["undo", "3"]).code(0);
    assert_eq!(
        sandbox.files(),
        before,
        "what was replaced by force comes back"
    );
}

#[test]
fn the_list_shows_what_can_be_undone() {
    let (sandbox, _) = removed();
    let _ = sandbox.run(&["undo"]).code(0);
    let names = [
        "api-designer",
        "backend-architect",
        "code-reviewer",
        "test-writer",
    ];
    let _ = sandbox.run(&[&["install"][..], &names].concat()).code(0);
    let output = sandbox.run(&["undo", "--list"]).code(0);
    insta::assert_snapshot!(output.all(), @r"
    exit 0
    --- stdout
    4	install api-designer backend-architect code-reviewer test-writer	just now	5 files	
    3	undo 2	just now	2 files	
    2	remove debugger	just now	2 files	undone
    1	install debugger	just now	2 files	
    --- stderr
    ");
    let listed = sandbox.run(&["undo", "--list", "--json"]).code(0).json();
    let operation = &listed["operations"][1];
    assert!(
        operation["time"].as_u64() > Some(1_700_000_000),
        "{operation}"
    );
    assert_eq!(
        (
            &operation["number"],
            &operation["undoes"],
            &operation["undone"]
        ),
        (&3.into(), &2.into(), &false.into())
    );
    assert_eq!(
        operation["files"],
        serde_json::json!([AGENT, "agentpkg.toml"])
    );
    assert_eq!(listed["operations"][2]["undone"], true);
    for arguments in [&["undo", "--list", "1"][..], &["undo", "--list", "--force"]] {
        let _ = sandbox.run(arguments).code(2);
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let (sandbox, _) = removed();
    let everything = || tree(&sandbox.project(""));
    let before = everything();
    let output = sandbox.run(&["undo", "--dry-run"]).code(0);
    insta::assert_snapshot!(output.stderr, @r"
     Would undo remove debugger (operation 2)
    Would write .claude/agents/debugger.md
    Would write agentpkg.toml
    ");
    assert_eq!(
        sandbox.run(&["undo", "--dry-run", "--json"]).code(0).json()["undoing"],
        serde_json::Value::Null
    );
    assert_eq!(everything(), before);
    let fresh = Sandbox::new();
    for arguments in [&["undo"][..], &["undo", "--dry-run"], &["undo", "--list"]] {
        assert!(
            fresh
                .run(arguments)
                .code(0)
                .stderr
                .starts_with("Nothing to undo")
        );
    }
    assert!(
        fresh
            .run(&["undo", "7"])
            .code(1)
            .stderr
            .contains("there is no operation 7")
    );
    assert_eq!(
        tree(&fresh.project("")),
        [] as [(PathBuf, Vec<u8>); 0],
        "not even a folder"
    );
}

#[test]
fn json_says_what_was_undone_and_how_to_bring_it_back() {
    let (sandbox, _) = removed();
    let mut undone = sandbox.run(&["undo", "--json"]).code(0).json();
    assert!(undone["operation"]["time"].take().is_u64());
    assert_eq!(
        undone,
        serde_json::json!({
            "document": "undo", "schema_version": 1, "dry_run": false, "undoing": 3, "agents": [],
            "operation": {
                "number": 2, "label": "remove debugger", "time": null, "undoes": null, "part": [],
                "undone": true, "undone_agents": [],
                "files": [AGENT, "agentpkg.toml"],
            },
            "files": [{ "path": AGENT, "action": "restore" }, { "path": "agentpkg.toml", "action": "restore" }],
        })
    );
    let nothing = serde_json::json!({ "document": "undo", "schema_version": 1, "dry_run": false, "operation": null, "agents": [], "undoing": null, "files": [] });
    assert_eq!(
        Sandbox::new().run(&["undo", "--json"]).code(0).json(),
        nothing
    );
}

#[test]
fn damage_is_named_and_nothing_is_written() {
    let (sandbox, edited) = removed();
    let objects = sandbox.project(".agentpkg/state/history/objects");
    let holds = |path: &PathBuf| fs::read(path).unwrap() == edited.as_bytes();
    let object = fs::read_dir(objects)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(holds)
        .unwrap();
    fs::write(&object, "damaged").unwrap();
    let before = sandbox.files();
    let output = sandbox.run(&["undo", "--force"]).code(1);
    insta::assert_snapshot!(output.stderr, @r"
    error: operation 2 cannot be undone: a copy is missing or damaged
      .claude/agents/debugger.md

    hint: nothing was changed; the copies are in .agentpkg/state/history/objects, named by the sha256 of their content
    ");
    fs::write(
        sandbox.project(".agentpkg/state/history/000002.json"),
        "damaged",
    )
    .unwrap();
    assert!(
        sandbox
            .run(&["undo", "2"])
            .code(1)
            .stderr
            .contains("its record was not written by agentpkg")
    );
    let output = sandbox.run(&["undo", "--list"]).code(0);
    assert!(
        output
            .stderr
            .contains("warning: 1 record in the history is ignored"),
        "{}",
        output.stderr
    );
    assert!(
        output.stdout.contains("install debugger") && !output.stdout.contains("remove debugger"),
        "{}",
        output.stdout
    );
    assert_eq!(sandbox.files(), before);
}

#[test]
fn a_manifest_that_cannot_be_read_can_be_undone_too() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&["install", "debugger"]).code(0);
    sandbox.write("project/agentpkg.toml", "[agents\n");
    assert!(
        sandbox
            .run(&["undo"])
            .code(1)
            .stderr
            .contains("\n  agentpkg.toml\n")
    );
    let _ = sandbox.run(&["undo", "--force"]).code(0);
    assert!(!sandbox.project("agentpkg.toml").exists());
    let _ = sandbox.run(&["undo", "2"]).code(0);
    assert_eq!(sandbox.read("agentpkg.toml"), "[agents\n");
}

#[test]
fn the_users_own_agents_can_be_undone() {
    let sandbox = Sandbox::new();
    let agent = "home/.claude/agents/debugger.md";
    let _ = sandbox.run(&["install", "debugger", "--user"]).code(0);
    sandbox.write(agent, "mine");
    let _ = sandbox
        .run(&["remove", "debugger", "--user", "--force"])
        .code(0);
    let output = sandbox.run(&["undo", "--user"]).code(0);
    assert!(
        output.stderr.contains(&format!(
            "Restored {}",
            sandbox.path().join(agent).display()
        )),
        "{}",
        output.stderr
    );
    assert_eq!(
        fs::read_to_string(sandbox.path().join(agent)).unwrap(),
        "mine"
    );
    assert!(
        sandbox
            .run(&["list", "--user"])
            .code(0)
            .stdout
            .contains("edited")
    );
    assert_eq!(sandbox.files(), [], "the project is untouched");
}

#[cfg(unix)]
#[test]
fn undo_does_not_write_through_links() {
    let (sandbox, _) = removed();
    let outside = sandbox.path().join("outside");
    fs::rename(sandbox.project(".claude"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, sandbox.project(".claude")).unwrap();
    let before = tree(&outside);
    assert!(
        sandbox
            .run(&["undo"])
            .code(1)
            .stderr
            .contains("symbolic link")
    );
    assert_eq!(tree(&outside), before);
}

/// Every file and folder below, including state, with the contents of the files.
fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        }
        let content = fs::read(&path).unwrap_or_default();
        found.push((path, content));
    }
    found.sort();
    found
}
