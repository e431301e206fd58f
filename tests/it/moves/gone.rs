//! Gone is a state: the same words in every command, with its exit codes, and three ways out of it.

use serde_json::Value;

use super::{Stage, agent};

/// Two agents are installed, one of them is gone since.
fn gone() -> Stage {
    let (planner, tester) = (agent("planner", "plans", 0), agent("tester", "tests", 0));
    let files = [
        ("agents/planner.md", planner.as_str()),
        ("agents/tester.md", &tester),
        ("agents/chief-planner.md", &agent("chief", "leads", 0)),
    ];
    let mut stage = Stage::new(&files);
    let _ = stage
        .run(&["install", "studio/planner", "studio/tester"])
        .code(0);
    stage.upstream(&files[1..]);
    stage
}

/// The best of the successors.
fn best(gone: &Value) -> &str {
    gone["successors"][0]["spec"].as_str().unwrap()
}

#[test]
fn every_command_says_it_in_the_same_words() {
    let stage = gone();
    let spec = "studio#agents/chief-planner.md";
    let words = "upstream no longer has it";
    let cases: [(&[&str], i32); 7] = [
        (&["status"], 0),
        (&["outdated"], 0),
        (&["outdated", "--check"], 5),
        (&["update"], 0),
        (&["update", "--check"], 5),
        (&["check"], 0),
        (&["info", "planner"], 0),
    ];
    for (arguments, code) in cases {
        let output = stage.run(arguments).code(code).all();
        assert!(output.contains(words), "{output}");
        assert!(output.contains(spec), "{output}");
    }
    let next = stage.run(&[]).code(0).all();
    assert!(next.contains("1 agent is gone upstream"), "{next}");
    let check = stage.run(&["check", "--project-only"]).code(0).all();
    assert!(!check.contains(words), "{check}");
}

#[test]
fn every_document_has_the_same_object() {
    let stage = gone();
    let spec = "studio#agents/chief-planner.md";
    let json = |arguments: &[&str]| stage.run(arguments).code(0).json();
    assert_eq!(
        best(&json(&["status", "--json"])["agents"][0]["gone"]),
        spec
    );
    let outdated = json(&["outdated", "--json"]);
    assert_eq!(outdated["gone"][0], "planner");
    assert_eq!(best(&outdated["gone_agents"][0]), spec);
    let update = json(&["update", "--json"]);
    assert_eq!(update["agents"][0]["status"], "gone");
    assert_eq!(best(&update["agents"][0]["gone"]), spec);
    assert_eq!(best(&json(&["info", "planner", "--json"])["gone"]), spec);
}

#[test]
fn an_install_goes_on_with_the_lockfile_and_says_it_without() {
    let stage = gone();
    for arguments in [&["install"] as &[&str], &["install", "--locked"]] {
        let _ = stage.run(arguments).code(0);
    }
    let _ = stage.assert_clone(true, 0);
    let output = stage.assert_clone(false, 1);
    assert!(
        output.stderr.contains("upstream no longer has `planner`")
            && output.stderr.contains(
                "write `planner = { registry = \"studio\", agent = \"chief\" }` in agentpkg.toml"
            ),
        "{}",
        output.all()
    );
}

#[test]
fn an_agent_that_was_split_says_so() {
    let text = agent("planner", "plans", 0);
    let mut stage = Stage::new(&[("agents/planner.md", &text)]);
    let _ = stage.run(&["install", "studio/planner"]).code(0);
    let copies = ["a", "b", "c"].map(|plugin| format!("plugins/{plugin}/agents/planner.md"));
    let other = agent("planner", "plans", 1);
    stage.upstream(&[
        (&copies[0], &text),
        (&copies[1], &text),
        (&copies[2], &other),
    ]);
    let output = stage.run(&["update"]).code(0).all();
    assert!(
        output.contains("now 3 copies: studio#plugins/a/agents/planner.md"),
        "{output}"
    );
    let document = stage.run(&["update", "--json"]).code(0).json();
    assert_eq!(document["agents"][0]["gone"]["copies"], 3);
    let _ = stage
        .run(&[
            "update",
            "planner",
            "--from",
            "studio#plugins/c/agents/planner.md",
        ])
        .code(0);
    assert_eq!(stage.sandbox.read(".claude/agents/planner.md"), other);
    stage.assert_whole();
}

#[test]
fn it_goes_on_as_another_agent_with_its_edits() {
    let stage = gone();
    let path = stage.sandbox.project(".claude/agents/planner.md");
    let text = agent("planner", "plans", 0);
    let edited = text.replace("\n---\n\n", "\nmodel: haiku\n---\n\n");
    std::fs::write(&path, &edited).unwrap();
    let spec = "studio#agents/chief-planner.md";
    let dry = stage
        .run(&["update", "planner", "--from", spec, "--dry-run", "--ours"])
        .code(0);
    assert!(
        dry.stderr
            .contains("continues as studio#agents/chief-planner.md")
    );
    let _ = stage
        .run(&[
            "--no-input",
            "update",
            "planner",
            "--from",
            spec,
            "--theirs",
        ])
        .code(0);
    let merged = std::fs::read_to_string(&path).unwrap();
    assert!(
        merged.contains("model: haiku") && merged.contains("about leads"),
        "{merged}"
    );
    assert!(merged.contains("name: planner"), "{merged}");
    assert!(stage.lockfile().contains("agents/chief-planner.md"));
    stage.assert_whole();
    let _ = stage.run(&["undo"]).code(0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), edited);
}

#[test]
fn it_goes_on_from_another_source_without_a_second_question() {
    let stage = gone();
    let moved = agent("planner", "plans", 2);
    stage.sandbox.write("fork/planner.md", &moved);
    let _ = stage
        .run(&[
            "--no-input",
            "update",
            "planner",
            "--from",
            "../fork#planner",
        ])
        .code(0);
    assert_eq!(stage.sandbox.read(".claude/agents/planner.md"), moved);
    assert!(
        stage.manifest().contains("path = \"../fork\""),
        "{}",
        stage.manifest()
    );
    stage.assert_whole();
    // It says which agent it is about.
    let _ = stage.run(&["update", "--from", "../fork#planner"]).code(2);
    let _ = stage
        .run(&["update", "planner", "tester", "--from", "../fork#planner"])
        .code(2);
}

#[test]
fn it_can_be_left_as_it_is() {
    let stage = gone();
    let manifest = stage.manifest();
    let kept = manifest.replace(
        "planner = { registry = \"studio\" }",
        "planner = { registry = \"studio\", gone = \"keep\" }",
    );
    assert_ne!(manifest, kept);
    stage.sandbox.write("project/agentpkg.toml", &kept);
    for arguments in [
        &["outdated", "--check"] as &[&str],
        &["update", "--check"],
        &["update"],
        &["install"],
        &["install", "--locked"],
    ] {
        let output = stage.run(arguments).code(0).all();
        assert!(!output.contains("Gone"), "{output}");
    }
    let status = stage.run(&["status", "--json"]).code(0).json();
    assert_eq!(status["agents"][0]["gone"]["kept"], true);
    let next = stage.run(&[]).code(0).all();
    assert!(!next.contains("gone"), "{next}");
    stage
        .sandbox
        .write("project/agentpkg.toml", kept.replace("keep", "away"));
    let _ = stage.run(&["update"]).code(1);
}

#[test]
fn its_file_can_become_the_users_own() {
    let stage = gone();
    let text = stage.sandbox.read(".claude/agents/planner.md");
    let output = stage.run(&["remove", "planner", "--keep-file"]).code(0);
    assert!(output.stderr.contains("yours now"), "{}", output.all());
    assert_eq!(stage.sandbox.read(".claude/agents/planner.md"), text);
    assert!(!stage.manifest().contains("planner =") && !stage.lockfile().contains("\"planner\""));
    stage.assert_whole();
    let _ = stage.run(&["undo"]).code(0);
    assert!(stage.manifest().contains("planner ="));
    let _ = stage
        .run(&["remove", "planner", "--keep-file", "--force"])
        .code(2);
}
