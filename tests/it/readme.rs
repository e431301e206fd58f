//! The sessions in the README show what the program prints: every `$ agentpkg …` in a `text` block is run, and its output compared.
//!
//! Sessions that show commits are run in a separate project, whose registry is created for the test; its commits have fixed dates and
//! authors, so their ids never change.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::{Sandbox, finish};

/// A command, and the text below it.
type Step = (String, String);

/// A text whose columns are apart by one tab, however they were: a table is aligned in a terminal only.
fn aligned(text: &str) -> String {
    let line = |line: &str| {
        let parts: Vec<&str> = line.split("  ").flat_map(|part| part.split('\t')).collect();
        let parts = parts.into_iter().map(str::trim);
        parts
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("\t")
    };
    let lines: Vec<String> = text.trim_end().lines().map(line).collect();
    lines.join("\n")
}

/// The commands of each block.
fn sessions(page: &str) -> Vec<Vec<Step>> {
    let mut found: Vec<Vec<Step>> = Vec::new();
    let mut is_session = false;
    for line in page.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            is_session = fence == "text";
            found.extend(is_session.then(Vec::new));
        } else if let (true, Some(session)) = (is_session, found.last_mut()) {
            if let Some(command) = line.strip_prefix("$ ") {
                session.push((command.to_owned(), String::new()));
            } else if let Some((_, output)) = session.last_mut() {
                output.push_str(line);
                output.push('\n');
            }
        }
    }
    found
}

/// The files that the README assumes.
fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    let agent =
        |name: &str, more: &str| format!("---\nname: {name}\ndescription: {more}\n---\n\nText.\n");
    sandbox
        .write(
            "project/team-agents/planner.md",
            agent(
                "planner",
                "Plans. Examples:\n\nContext: x\nuser: \"y\"\ntools: Read, Grep",
            ),
        )
        .write(
            "project/team-agents/analyst.md",
            agent(
                "analyst",
                "Looks\ntools: Read, LS, mcp__context7__query-docs, mcp__warehouse-eu__ask",
            ),
        )
        .write(
            "project/team-agents/backend/reviewer.md",
            agent("reviewer", "Reviews servers"),
        )
        .write(
            "project/team-agents/frontend/reviewer.md",
            agent("reviewer", "Reviews pages"),
        )
        .write("bin/npx", "")
        .write("project/.claude/agents/debugger.md", "mine\n");
    sandbox
}

/// Some weeks later: two agents of a git registry, both changed there, one edited here.
fn later() -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    hermetic_git(&sandbox.path().join("home"))?;
    let planner = "---\nname: planner\ndescription: Plans work before it starts\ntools: Read, Grep\nmodel: sonnet\n---\n\nYou plan.\n\n- read the code\n- write the plan\n";
    let reviewer = planner
        .replace("planner", "reviewer")
        .replace("You plan.", "You review.");
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("team.git"));
    upstream
        .file("agents/planner.md", planner)
        .file("agents/reviewer.md", &reviewer);
    let _ = upstream.commit("first");
    let _ = sandbox
        .run(&["registry", "add", upstream.url().as_str(), "--name", "team"])
        .code(0);
    let _ = sandbox
        .run(&["install", "team/planner", "team/reviewer"])
        .code(0);
    let edited = planner
        .replace("sonnet", "opus")
        .replace("- write the plan\n", "- write the plan as a list\n");
    sandbox.write("project/.claude/agents/planner.md", edited);
    upstream.file(
        "agents/planner.md",
        planner.replace("- read the code\n", "- read all the code\n"),
    );
    upstream.file(
        "agents/reviewer.md",
        reviewer.replace("- read the code\n", "- read all the code\n"),
    );
    let _ = upstream.commit("second");
    let _ = sandbox.run(&["registry", "refresh"]).code(0);
    Some(sandbox)
}

/// Runs the commands of a session, and compares what they print. `page`: where it is written.
fn replay(page: &str, session: Vec<Step>, sandbox: &Sandbox, path: &OsStr) {
    for (command, expected) in session {
        let arguments = command
            .strip_prefix("agentpkg")
            .unwrap_or_else(|| panic!("{command} is not ours"))
            .trim_end_matches("</dev/null");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let output = finish(sandbox.command().env("PATH", path).args(arguments));
        let (shown, expected) = (
            aligned(&(output.stdout + &output.stderr)),
            aligned(&expected),
        );
        // Only a terminal gets the titles of columns.
        let titles = "agent\tcurrent\twanted\tlatest\n";
        let expected = expected.strip_prefix(titles).unwrap_or(&expected);
        // A terminal cuts long lines, where a page has `…`.
        let is_same = shown.lines().count() == expected.lines().count()
            && shown
                .lines()
                .zip(expected.lines())
                .all(|(shown, expected)| match expected.strip_suffix('…') {
                    Some(start) => shown.starts_with(start),
                    None => shown == expected,
                });
        assert!(
            is_same,
            "{page} says otherwise: $ {command}\n{expected}\n--- shown\n{shown}"
        );
    }
}

#[test]
fn the_session_about_overrides_is_true() {
    let sandbox = Sandbox::new();
    let planner = "---\nname: planner\ndescription: Plans.\ntools: Read, Bash\n---\n\nYou plan.\n";
    sandbox.write("team/agents/planner.md", planner);
    let _ = sandbox.run(&["registry", "add", "../team"]).code(0);
    let _ = sandbox.run(&["install", "planner"]).code(0);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/your-changes.md");
    let sessions = sessions(&fs::read_to_string(page).unwrap());
    assert_eq!(sessions.len(), 1);
    for session in sessions {
        replay("your-changes.md", session, &sandbox, OsStr::new(""));
    }
}

#[test]
fn the_session_about_hand_copied_agents_is_true() {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let agent = |name: &str| {
        let lines: Vec<String> = (1..=12)
            .map(|line| format!("- {name}: rule {line}\n"))
            .collect();
        let lines = lines.concat();
        format!("---\nname: {name}\ndescription: Does it\ntools: Read\n---\n\n{lines}")
    };
    let changed = |name: &str, rule: &str| {
        let line = format!("{name}: rule {rule}\n");
        agent(name).replace(&line, &format!("{name}: another rule {rule}\n"))
    };
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("team.git"));
    upstream
        .file("agents/planner.md", agent("planner"))
        .file("agents/reviewer.md", agent("reviewer"));
    let _ = upstream.commit("first");
    upstream.file("agents/planner.md", changed("planner", "3"));
    let _ = upstream.commit("second");
    for (name, text) in [
        ("planner", changed("planner", "9")),
        ("reviewer", agent("reviewer")),
        ("mine", agent("mine")),
    ] {
        sandbox.write(&format!("project/.claude/agents/{name}.md"), text);
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/hand-copied.md");
    let sessions = sessions(&fs::read_to_string(page).unwrap());
    assert_eq!(sessions.len(), 1);
    for session in sessions {
        replay("hand-copied.md", session, &sandbox, OsStr::new(""));
    }
    let merged = changed("planner", "9").replace("planner: rule 3\n", "planner: another rule 3\n");
    assert_eq!(sandbox.read(".claude/agents/planner.md"), merged);
}

#[test]
fn the_sessions_of_the_readme_are_true() {
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (scene, later) = (scene(), later());
    let path = std::env::join_paths(
        [scene.path().join("bin")]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let mut count = 0;
    for session in sessions(&readme) {
        let is_later = session
            .iter()
            .any(|(command, _)| command == "agentpkg update");
        let sandbox = match &later {
            Some(sandbox) if is_later => sandbox,
            // Without git, which was reported.
            None if is_later => continue,
            _ => &scene,
        };
        count += session.len();
        replay("the README", session, sandbox, &path);
    }
    // All of them, so that none is lost through another notation.
    let written = readme.lines().filter(|line| line.starts_with("$ ")).count();
    let skipped = if later.is_some() { 0 } else { 3 };
    assert_eq!(count + skipped, written);
}
