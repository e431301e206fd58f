//! The lists to choose from, in a terminal.
#![cfg(target_os = "linux")]

use std::ffi::OsString;
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
    // The second name is shown before it is taken.
    terminal.wait_for("> planner-second");
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
fn the_name_of_the_second_can_be_changed_and_a_bad_one_is_refused_in_place() {
    for term in ["xterm", "dumb"] {
        let sandbox = two();
        sandbox.write("project/.claude/agents/mine.md", agent("mine", "Mine."));
        let variables = [("TERM", OsString::from(term))];
        let arguments = ["install", "first/planner", "second/planner"];
        let mut terminal = Terminal::start(&sandbox, &arguments, &variables);
        let (shown, clear) = match term {
            "xterm" => ("> planner-second", "\u{15}"),
            _ => ("Install second/planner as [planner-second]", ""),
        };
        terminal.wait_for(shown);
        for (name, why) in [
            ("planner", "`planner` is the name of another agent"),
            ("mine", "`.claude/agents/mine.md` exists already"),
            ("a/b", "`a/b` is not a name"),
        ] {
            terminal.press(&format!("{clear}{name}\r"));
            // What is typed is not shown on a terminal without echo, so that the reason follows the question.
            let why = match term {
                "xterm" => why.to_owned(),
                _ => format!("{shown} {why}"),
            };
            terminal.wait_for(&why);
        }
        terminal.press(&format!("{clear}chief\r"));
        let screen = terminal.end();
        assert!(screen.contains("planner -> chief"), "{screen}");
        let chief = sandbox.read(".claude/agents/chief.md");
        assert!(chief.contains("name: chief\n") && chief.contains("Of second."));
        assert!(
            sandbox
                .read(".claude/agents/planner.md")
                .contains("Of first.")
        );
        assert!(sandbox.read(".claude/agents/mine.md").contains("Mine."));
    }
}

#[test]
fn an_installed_agent_is_kept_beside_another_of_its_name() {
    for (choice, name, body) in [
        ("keep the installed one", None, "Of first."),
        ("keep both", Some("planner-second"), "Of first."),
        ("replace the installed one", None, "Of second."),
    ] {
        let sandbox = two();
        let _ = sandbox.run(&["install", "first/planner"]).code(0);
        let mut terminal = Terminal::start(&sandbox, &["install", "second/planner"], &[]);
        terminal.wait_for("> keep the installed one");
        terminal.choose(choice);
        if let Some(name) = name {
            terminal.wait_for(&format!("> {name}"));
            terminal.press("\r");
        }
        let screen = terminal.end();
        let planner = sandbox.read(".claude/agents/planner.md");
        assert!(planner.contains(body), "{choice}:\n{screen}");
        let beside = sandbox.project(".claude/agents/planner-second.md");
        assert_eq!(beside.exists(), name.is_some(), "{choice}:\n{screen}");
        let _ = sandbox.run(&["install", "--locked"]).code(0);
    }
}

/// Runs what a hint puts into backticks, as a shell would.
fn paste(sandbox: &Sandbox, line: &str) {
    for command in line.split(" && ") {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let _ = sandbox.run(&words).code(0);
    }
}

#[test]
fn without_a_terminal_both_are_kept_by_what_is_hinted() {
    for (before, typed) in [
        (None, &["install", "planner"][..]),
        (None, &["install", "first/planner", "second/planner"]),
        (Some("first/planner"), &["install", "second/planner"]),
    ] {
        let sandbox = two();
        if let Some(spec) = before {
            let _ = sandbox.run(&["install", spec]).code(0);
        }
        let output = sandbox.run(typed);
        assert!(output.code == 4 || output.code == 1, "{}", output.all());
        let hint = output.stderr.lines().find(|line| line.contains("both: "));
        let line = hint.and_then(|hint| hint.split('`').nth(1)).unwrap();
        paste(&sandbox, line);
        let read = |name: &str| sandbox.read(&format!(".claude/agents/{name}.md"));
        assert!(read("planner").contains("Of first."), "{line}");
        assert!(read("planner-second").contains("Of second."), "{line}");
    }
    for typed in ["planner", "second/planner"] {
        let sandbox = two();
        let _ = sandbox
            .run(&["install", "first/planner", "--as", "other"])
            .code(0);
        if typed == "second/planner" {
            let _ = sandbox.run(&["install", "first/planner"]).code(0);
        }
        for options in [&["--json"][..], &["--json", "--dry-run"]] {
            let arguments = [&["install", typed], options].concat();
            let asks = sandbox.run(&arguments).json()["asks"].clone();
            assert_eq!(asks[0]["as"], "planner-second", "{arguments:?}: {asks}");
        }
    }
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

#[test]
fn choosing_no_file_to_adopt_is_not_taken_for_having_none() {
    let sandbox = two();
    sandbox.write("project/.claude/agents/mine.md", agent("mine", "Mine."));
    let mut terminal = Terminal::start(&sandbox, &["adopt"], &[]);
    terminal.wait_for("> [ ] mine");
    terminal.press("\r");
    let screen = terminal.end();
    assert!(screen.contains("Nothing was chosen."), "{screen}");
    assert!(!screen.contains("nothing to adopt"), "{screen}");
    std::fs::remove_file(sandbox.project(".claude/agents/mine.md")).unwrap();
    let said = sandbox.run(&["adopt"]).code(0).all();
    assert!(said.contains("There is nothing to adopt"), "{said}");
}

/// Files that are from one of two versions: each is asked about, until the nearest is taken for all that follow.
#[test]
fn the_nearest_version_can_be_taken_for_all_files_that_follow() {
    use crate::adopt::{Stage, agent};
    for (term, choices) in [
        ("xterm", ["team#agents/a.md@", "the nearest"]),
        ("dumb", ["2", "3"]),
    ] {
        let names = ["a", "b", "c"];
        let texts = names.map(agent);
        let files: Vec<(String, &str)> = (names.iter().zip(&texts))
            .map(|(name, text)| (format!("agents/{name}.md"), text.as_str()))
            .collect();
        let old: Vec<(&str, &str)> = (files.iter())
            .map(|(path, text)| (path.as_str(), *text))
            .collect();
        let Some(mut stage) = Stage::new(&old) else {
            return;
        };
        for (name, text) in names.iter().zip(&texts) {
            let new = text.replace(" does 3\n", " does three\n");
            stage.publish(&format!("agents/{name}.md"), &new);
            // It differs from the new version in one line, and from the old one in two.
            stage.copy(name, &new.replace(" does 9\n", " does what I want\n"));
        }
        let variables = [("TERM", OsString::from(term))];
        let mut terminal = Terminal::start(&stage.sandbox, &["adopt", "--all"], &variables);
        for (name, choice) in names.iter().zip(choices) {
            terminal.wait_for(&format!("Which version was `{name}` made from?"));
            if term == "dumb" {
                terminal.press(&format!("{choice}\r"));
            } else {
                terminal.choose(choice);
            }
        }
        let screen = terminal.end();
        assert!(!screen.contains("was `c` made"), "{term}: {screen}");
        assert!(screen.contains("2 lines differ"), "{term}: {screen}");
        let document = stage.run("list --json").code(0).json();
        let agents = document["agents"].as_array().unwrap();
        assert_eq!(agents.len(), 3, "{term}: {document}");
        assert_eq!(
            screen.matches("nearest of 2").count(),
            2,
            "{term}: {screen}"
        );
    }
}
