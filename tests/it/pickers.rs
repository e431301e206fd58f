//! The lists to choose from, in a terminal.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;

use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

fn agent(name: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Does {name}\ntools: Read\n---\n\n{text}\n")
}

/// Two registries that both have `planner`.
fn two() -> Sandbox {
    let sandbox = Sandbox::new();
    for registry in ["first", "second"] {
        let text = agent("planner", &format!("Of {registry}."));
        sandbox.write(&format!("{registry}/agents/planner.md"), text);
        let source = format!("../{registry}");
        let _ = sandbox
            .run(&["registry", "add", &source, "--name", registry])
            .code(0);
    }
    sandbox
}

#[test]
fn both_of_two_agents_with_one_name_can_be_kept() {
    let sandbox = two();
    let mut terminal = Terminal::start(&sandbox, &["install", "planner"], &[]);
    terminal.wait_for("> first/planner");
    terminal.press(" ");
    terminal.wait_for("> [x] first/planner");
    terminal.press("\u{1b}[B");
    terminal.wait_for("> [ ] second/planner");
    terminal.press(" ");
    terminal.wait_for("> [x] second/planner");
    terminal.press("\r");
    let screen = terminal.end();
    assert!(
        screen.contains("Renamed planner -> planner-second"),
        "{screen}"
    );
    let read = |name: &str| sandbox.read(&format!(".claude/agents/{name}.md"));
    assert!(read("planner").contains("Of first."));
    assert!(read("planner-second").contains("Of second."));
    let _ = sandbox.run(&["install", "--locked"]).code(0);
    let _ = sandbox.run(&["check"]).code(0);
}

#[test]
fn several_agents_of_one_source_are_taken_at_once() {
    let sandbox = Sandbox::new();
    for number in 0..30 {
        let name = format!("agent-{number}");
        sandbox.write(&format!("studio/agents/{name}.md"), agent(&name, "It."));
    }
    let mut terminal = Terminal::start(&sandbox, &["install", "../studio"], &[]);
    terminal.wait_for("filter:");
    terminal.press("agent-7");
    terminal.wait_for("filter: agent-7");
    terminal.press(" ");
    terminal.wait_for("> [x]");
    terminal.press("\u{1b}");
    terminal.wait_for("> [ ]");
    terminal.press("agent-21");
    terminal.wait_for("filter: agent-21");
    terminal.press(" \r");
    let _ = terminal.end();
    let mut found = String::new();
    for number in 0..30 {
        let file = format!(".claude/agents/agent-{number}.md");
        if sandbox.project(&file).exists() {
            write!(found, "{number} ").unwrap();
        }
    }
    assert_eq!(found, "7 21 ");
}

#[test]
fn a_list_that_is_left_changes_nothing() {
    let sandbox = two();
    let before = sandbox.files();
    for keys in ["\u{1b}", "\u{3}"] {
        let mut terminal = Terminal::start(&sandbox, &["install", "planner"], &[]);
        terminal.wait_for("> first/planner");
        terminal.press(keys);
        let screen = terminal.end();
        assert!(screen.contains("nothing was written"), "{screen}");
        let is_left = keys == "\u{1b}" && screen.contains("> first");
        assert!(!is_left, "{screen}");
        assert_eq!(sandbox.files(), before);
    }
}
