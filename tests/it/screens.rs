//! Every table in a real terminal of several widths: no row wraps, and no name is cut.
#![cfg(target_os = "linux")]

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
