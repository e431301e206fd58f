//! Edits by hand under overrides: another notation of the same value, another value, and files that Claude Code no longer loads.

use super::{FILE, edit, installed, line_of, run, upstream};
use crate::support::sandbox::Sandbox;

/// Changes the overrides of the agent in agentpkg.toml by hand.
fn declare(sandbox: &Sandbox, from: &str, to: &str) {
    let text = sandbox.read("agentpkg.toml");
    assert!(text.contains(from), "{text}");
    sandbox.write("project/agentpkg.toml", text.replace(from, to));
}

#[test]
fn another_notation_of_the_same_value_is_kept_and_never_in_the_way() {
    // How the user writes the value, and how the line is with another one.
    for (own, new) in [
        ("model: haiku # cheap", "model: sonnet # cheap"),
        ("model: \"haiku\"", "model: sonnet"),
        ("model: 'haiku'   # cheap", "model: sonnet   # cheap"),
        (
            "# Cheap.\nmodel: haiku # yes",
            "# Cheap.\nmodel: sonnet # yes",
        ),
    ] {
        for command in ["set planner model=sonnet", "install", "update"] {
            let sandbox = installed();
            let _ = run(&sandbox, "set planner model=haiku", 0);
            edit(&sandbox, "model: haiku", own);
            upstream(&sandbox, "fable", "Read, Grep, Bash", "Plan.");
            if !command.starts_with("set") {
                declare(&sandbox, "model = \"haiku\"", "model = \"sonnet\"");
            }
            let said = run(&sandbox, command, 0);
            assert!(!said.contains("keeps what you wrote"), "{command}: {said}");
            let text = sandbox.read(FILE);
            assert!(text.contains(&format!("\n{new}\n")), "{command}: {text}");
            let said = run(&sandbox, "status", 0);
            assert!(!said.contains("differs"), "{command}: {said}");
        }
    }
}

#[test]
fn force_writes_over_edits_of_the_named_keys_alone() {
    for (command, model, color) in [
        ("set planner color=blue --force", "sonnet", "blue"),
        ("set planner model=haiku --force", "haiku", "pink"),
        (
            "set planner model=haiku color=blue --force",
            "haiku",
            "blue",
        ),
        ("set planner effort=low --force", "sonnet", "pink"),
    ] {
        let sandbox = installed();
        let _ = run(&sandbox, "set planner model=haiku color=red", 0);
        edit(&sandbox, "model: haiku", "model: sonnet");
        edit(&sandbox, "color: red", "color: pink");
        let said = run(&sandbox, command, 0);
        assert!(!said.contains("keeps what you wrote"), "{command}: {said}");
        let expected = [format!("model: {model}"), format!("color: {color}")];
        let lines = ["model", "color"].map(|key| line_of(&sandbox, key));
        assert_eq!(lines, expected, "{command}");
    }
}

#[test]
fn what_stays_of_a_named_key_is_said_with_a_way_that_the_command_has() {
    for (command, said_of) in [
        (
            "set planner model=fable",
            Some("`model` keeps what you wrote in the file; `--force` overrides it\n"),
        ),
        (
            "unset planner model",
            Some("`model` keeps what you wrote in the file\n"),
        ),
        ("set planner color=blue", None),
        ("unset planner color", None),
    ] {
        let sandbox = installed();
        let _ = run(&sandbox, "set planner model=haiku color=red", 0);
        edit(&sandbox, "model: haiku", "model: sonnet");
        let said = run(&sandbox, command, 0);
        match said_of {
            Some(words) => assert!(said.contains(words), "{command}: {said}"),
            None => assert!(!said.contains("keeps what you wrote"), "{command}: {said}"),
        }
        assert_eq!(line_of(&sandbox, "model"), "model: sonnet", "{command}");
    }
}

#[test]
fn a_file_that_an_edit_keeps_from_loading_is_never_only_up_to_date() {
    let commands = [
        "update",
        "update --dry-run",
        "install",
        "install planner",
        "status",
    ];
    for command in commands {
        let sandbox = installed();
        let is_told = |text: &str| text.contains("Claude Code ignores");
        let said = run(&sandbox, command, 0);
        assert!(!is_told(&said), "{command}: {said}");
        sandbox.write(&format!("project/{FILE}"), "# Planner\n\nPlan.\n");
        let said = run(&sandbox, command, 0);
        assert!(is_told(&said), "{command}: {said}");
        assert!(said.contains("it has no frontmatter"), "{command}: {said}");
        let words: Vec<&str> = command.split(' ').chain(["--json"]).collect();
        let document = sandbox.run(&words).code(0).json();
        let reason = &document["agents"][0]["ignored"];
        assert_eq!(*reason, "it has no frontmatter", "{command}");
    }
}

#[test]
fn what_upstream_broke_itself_is_no_edit() {
    let sandbox = installed();
    sandbox.write(
        "studio/agents/bare.md",
        "---\nname: bare\ndescription: \"Bare\ntools: Read\n---\n",
    );
    let _ = run(&sandbox, "install ../studio#agents/bare.md --verbatim", 0);
    let said = run(&sandbox, "info bare", 0);
    assert!(said.contains("loads     only after a repair"), "{said}");
    for command in ["update", "install", "status"] {
        let said = run(&sandbox, command, 0);
        assert!(!said.contains("Claude Code ignores"), "{command}: {said}");
    }
}
