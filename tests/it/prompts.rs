//! Every kind of question in a terminal: whether it can be answered without colours and cursor movement, and what Ctrl-C leaves behind.
#![cfg(target_os = "linux")]

use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

/// A kind of question: the command that asks it, and how the line begins that shows that it is asked.
struct Question {
    command: &'static str,
    /// In a usual terminal, and in one that cannot move its cursor.
    shows: [&'static str; 2],
    /// The keys that decline it there.
    declines: [&'static str; 2],
    /// The exit code then.
    code: i32,
}

const QUESTIONS: [Question; 5] = [
    // A list with a filter.
    Question {
        command: "install planner",
        shows: ["> first/planner", "   1  first/planner"],
        declines: ["\u{1b}", "\n"],
        code: 130,
    },
    // A list with one answer.
    Question {
        command: "install first/hooked",
        shows: ["> no, leave", "   1  no, leave"],
        declines: ["\r", "1\n"],
        code: 0,
    },
    // A list with several answers.
    Question {
        command: "install first/served",
        shows: ["> [ ] context7", "   1  context7"],
        declines: ["\r", "\n"],
        code: 0,
    },
    // A list about a name that is taken.
    Question {
        command: "install second/reviewer",
        shows: ["> keep the installed one", "   1  keep the installed one"],
        declines: ["\r", "1\n"],
        code: 0,
    },
    // A line of text.
    Question {
        command: "install first/planner second/planner",
        shows: ["> planner-second", "Install second/planner as ["],
        declines: ["\u{1b}", "\u{4}"],
        code: 130,
    },
];

fn agent(name: &str, fields: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Does {name}\n{fields}---\n\n{text}\n")
}

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    for registry in ["first", "second"] {
        let hooks = "tools: Read\nhooks:\n  Stop:\n    - hooks:\n        - type: command\n          command: echo done\n";
        for (name, fields) in [
            ("planner", "tools: Read\n"),
            ("reviewer", "tools: Read\n"),
            ("hooked", hooks),
            ("served", "tools: Read, mcp__context7__query\n"),
        ] {
            let text = agent(name, fields, &format!("Of {registry}."));
            sandbox.write(&format!("{registry}/agents/{name}.md"), text);
        }
        let source = format!("../{registry}");
        let _ = sandbox
            .run(&["registry", "add", &source, "--name", registry])
            .code(0);
    }
    let _ = sandbox.run(&["install", "first/reviewer"]).code(0);
    sandbox
}

#[test]
fn a_terminal_is_as_before_after_ctrl_c() {
    let sandbox = scene();
    let before = sandbox.files();
    for question in QUESTIONS {
        for (kind, term) in ["xterm", "dumb"].into_iter().enumerate() {
            let arguments: Vec<&str> = question.command.split(' ').collect();
            let mut terminal = Terminal::watched(&sandbox, &arguments, term);
            terminal.wait_for(question.shows[kind]);
            terminal.press("\u{3}");
            terminal.wait_for("ended ");
            assert!(terminal.shows_cursor(), "{} on {term}", question.command);
            let screen = terminal.end();
            assert!(
                screen.contains("ended 130, same") && screen.matches("error: stopped").count() == 1,
                "{} on {term}:\n{screen}",
                question.command
            );
            assert_eq!(sandbox.files(), before, "{} on {term}", question.command);
        }
    }
}

#[test]
fn a_question_can_be_declined_in_every_terminal() {
    for question in QUESTIONS {
        for (kind, term) in ["xterm", "dumb"].into_iter().enumerate() {
            let sandbox = scene();
            let arguments: Vec<&str> = question.command.split(' ').collect();
            let mut terminal = Terminal::watched(&sandbox, &arguments, term);
            terminal.wait_for(question.shows[kind]);
            terminal.press(question.declines[kind]);
            terminal.wait_for("ended ");
            assert!(terminal.shows_cursor(), "{} on {term}", question.command);
            let screen = terminal.end();
            let expected = format!("ended {}, same", question.code);
            assert!(
                screen.contains(&expected),
                "{} on {term}:\n{screen}",
                question.command
            );
        }
    }
}
