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
