//! Every table in a real terminal of several widths: no row wraps, and no name is cut.
#![cfg(target_os = "linux")]

use std::ffi::OsString;

use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

/// Names and sources as real registries have them.
const NAMES: [&str; 6] = [
    "awesome-claude-code-subagents",
    "code-reviewer",
    "backend-architecture-analyzer",
    "planner",
    "senior-frontend-developer",
    "test-writer",
];

/// A project with agents from registries whose folders have long names.
fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    for (number, name) in NAMES.iter().enumerate() {
        let folder = format!("platform-team-{number}/claude-code-agents-for-everything");
        sandbox.write(
            &format!("{folder}/agents/{name}.md"),
            format!(
                "---\nname: {name}\ndescription: Reviews what was written, line by line, and says what is to be done next, with reasons and a short list of files\ntools: Read, mcp__warehouse-of-the-platform-team__query\n---\n\nIt.\n"
            ),
        );
        let source = format!("../{folder}");
        let registry = format!("platform-team-agents-{number}");
        let _ = sandbox
            .run(&["registry", "add", &source, "--name", &registry])
            .code(0);
        let _ = sandbox
            .run(&["install", &format!("{registry}/{name}"), "-q"])
            .code(0);
    }
    sandbox
}

#[test]
fn no_row_of_a_table_wraps_and_no_name_is_cut() {
    let sandbox = scene();
    for columns in [40, 60, 80, 120] {
        for line in [
            "list",
            "list --available",
            "list --all",
            "status",
            "registry list",
            "search reviews",
            "outdated --all",
            "undo --list",
            "doctor",
        ] {
            let arguments: Vec<&str> = line.split(' ').collect();
            let screen = Terminal::start_wide(&sandbox, &arguments, columns).end();
            // Notes and warnings are no tables.
            let rows: Vec<&str> = screen
                .lines()
                .filter(|row| row.starts_with("  ") && !row.contains('`'))
                .collect();
            for row in &rows {
                assert!(
                    row.chars().count() <= columns,
                    "{line} at {columns}: {row:?}"
                );
            }
            if !matches!(line, "undo --list" | "doctor" | "registry list") {
                for name in NAMES {
                    assert!(
                        rows.iter().any(|row| row.contains(name)),
                        "{line} at {columns} cuts {name}:\n{screen}"
                    );
                }
            }
        }
    }
}

/// Checks that a screen fits, and that no word is broken: each of its words stands in one line.
fn assert_fits(screen: &str, columns: usize, words: &[&str], what: &str) {
    for row in screen.lines() {
        let width = row.chars().count();
        assert!(width <= columns, "{what} at {columns}: {row:?}");
    }
    for word in words {
        assert!(
            screen.lines().any(|row| row.contains(word)),
            "{what} at {columns} breaks {word}:\n{screen}"
        );
    }
}

/// A registry whose newest version conflicts with the user's and requests new permissions.
fn contested() -> Sandbox {
    let sandbox = Sandbox::new();
    let text = |description: &str, tools: &str| {
        format!(
            "---\nname: {0}\ndescription: {description}\ntools: {tools}\n---\n\nIt.\n",
            NAMES[2]
        )
    };
    let folder = "platform-team/claude-code-agents-for-everything";
    let file = format!("{folder}/agents/{}.md", NAMES[2]);
    let installed = format!("project/.claude/agents/{}.md", NAMES[2]);
    sandbox.write(&file, text("Analyses the architecture of services", "Read"));
    let _ = sandbox
        .run(&[
            "registry",
            "add",
            &format!("../{folder}"),
            "--name",
            "platform-team-agents",
        ])
        .code(0);
    let _ = sandbox.run(&["install", NAMES[2], "-q"]).code(0);
    let mine =
        "Analyses the architecture of our payment services and always suggests idempotency keys";
    sandbox.write(&installed, text(mine, "Read"));
    let theirs = "Analyses the architecture of distributed services, internationalisation included, and reviews of existing endpoints";
    sandbox.write(
        &file,
        text(
            theirs,
            "Read, Bash, WebFetch, mcp__warehouse-of-the-team__query",
        ),
    );
    sandbox
}

#[test]
fn what_is_shown_above_a_question_fits_every_terminal() {
    let words = [
        "idempotency",
        "internationalisation",
        "frontmatter",
        "distributed",
    ];
    for columns in [40, 60, 80, 120] {
        let sandbox = contested();
        let mut terminal = Terminal::start_wide(&sandbox, &["update"], columns);
        terminal.wait_for("> keep mine");
        assert_fits(&terminal.screen(), columns, &words, "a conflict");
        terminal.choose("take theirs");
        terminal.wait_for("> no, take");
        let words = ["permissions", "WebFetch", "network"];
        assert_fits(&terminal.screen(), columns, &words, "permissions");
        terminal.choose("stop");
        let _ = terminal.end();
    }
}

#[test]
fn what_to_do_next_fits_every_terminal() {
    let (used, new) = (contested(), Sandbox::new());
    new.write(
        "project/.claude/agents/mine.md",
        "---\nname: mine\ndescription: d\n---\n",
    );
    for columns in [40, 60, 80, 120] {
        for sandbox in [&used, &new] {
            let screen = Terminal::start_wide(sandbox, &[], columns).end();
            assert_fits(&screen, columns, &["agentpkg"], "what to do next");
        }
        let screen = Terminal::start_wide(&new, &["install", "--dry-run"], columns).end();
        assert_fits(&screen, columns, &[], "nothing to install");
    }
}

#[test]
fn an_editor_that_cannot_be_started_is_named_and_the_question_stays() {
    let sandbox = contested();
    let editor = "no-such-editor --wait";
    let variables = [("VISUAL", OsString::from(" ")), ("EDITOR", editor.into())];
    let mut terminal = Terminal::start(&sandbox, &["update"], &variables);
    terminal.wait_for("> keep mine");
    terminal.choose("edit");
    terminal.wait_for(&format!(
        "error: could not start the editor `{editor}` of $EDITOR"
    ));
    terminal.choose("take theirs");
    terminal.choose("no, take");
    terminal.choose("write");
    let screen = terminal.end();
    assert!(
        screen.contains("Updated") || screen.contains("Merged"),
        "{screen}"
    );
}

#[test]
fn a_program_gets_whole_columns_between_tabs() {
    let sandbox = scene();
    let list = sandbox.run(&["list"]).code(0).stdout;
    assert_eq!(list.lines().count(), NAMES.len());
    for (line, name) in list.lines().zip({
        let mut names = NAMES;
        names.sort_unstable();
        names
    }) {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(cells.len(), 4, "{line:?}");
        assert_eq!((cells[0], cells[2]), (name, "clean"));
    }
}
