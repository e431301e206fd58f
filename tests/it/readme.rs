//! The sessions of the README are what the program prints: every `$ agentpkg …` in a `text` block is run, and its output compared.

use std::fs;
use std::path::Path;

use crate::support::sandbox::{Sandbox, finish};

/// One command, and what stands below it.
fn commands(readme: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut is_session = false;
    for line in readme.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            is_session = fence == "text";
        } else if is_session && line.starts_with("$ ") {
            found.push((line[2..].to_owned(), String::new()));
        } else if let (true, Some((_, output))) = (is_session, found.last_mut()) {
            output.push_str(line);
            output.push('\n');
        }
    }
    found
}

#[test]
fn the_sessions_of_the_readme_are_true() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let sandbox = Sandbox::new();
    let agent = |name: &str, more: &str| format!("---\nname: {name}\ndescription: {more}\n---\n\nText.\n");
    sandbox
        .write("project/team-agents/planner.md", agent("planner", "Plans. Examples:\n\nContext: x\nuser: \"y\"\ntools: Read, Grep"))
        .write(
            "project/team-agents/analyst.md",
            agent("analyst", "Looks\ntools: Read, LS, mcp__context7__query-docs, mcp__warehouse-eu__ask"),
        )
        .write("project/team-agents/backend/reviewer.md", agent("reviewer", "Reviews servers"))
        .write("project/team-agents/frontend/reviewer.md", agent("reviewer", "Reviews pages"))
        .write("bin/npx", "")
        .write("project/.claude/agents/debugger.md", "mine\n");
    let path = std::env::join_paths(
        [sandbox.path().join("bin")].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut count = 0;
    for (command, expected) in commands(&readme) {
        // What shows commits is recorded from a real repository: docs/update-session.md.
        if expected.contains("3d3e65f") {
            continue;
        }
        let arguments =
            command.strip_prefix("agentpkg").unwrap_or_else(|| panic!("{command} is not ours")).trim_end_matches("</dev/null");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let output = finish(sandbox.command().env("PATH", path.as_ref().unwrap()).args(arguments));
        assert_eq!((output.stdout + &output.stderr).trim_end(), expected.trim_end(), "the README says otherwise: $ {command}");
        count += 1;
    }
    assert!(count >= 9, "only {count} commands were found");
}
