//! The tables of exit codes and of `--json`, over all commands that the program's own help lists.

use std::fs;

use crate::support::help::commands;
use crate::support::sandbox::Sandbox;

use super::{Row, Situation, add_registry, agent, done, publish, reader, row};

/// The output of these commands is for other programs, and not a document.
const WITHOUT_DOCUMENT: [&str; 2] = ["completions", "help"];

/// A command with its exit code.
type Case = (&'static str, i32);

/// Each case as it is typed, and with `--json`.
fn rows(cases: &[Case]) -> Vec<Row> {
    let row_of = |line: String, code: i32| row(line).exits(code).may_change();
    let with_json = |(line, code): &Case| {
        let row = row_of(format!("{line} --json").trim_start().to_owned(), *code);
        match code {
            0 => row,
            // The document says why.
            _ => row
                .has("/error/message")
                .has("/error/details")
                .has("/error/hints"),
        }
    };
    cases
        .iter()
        .flat_map(|case| [row_of(case.0.to_owned(), case.1), with_json(case)])
        .collect()
}

/// `planner` and `other` are installed from a folder.
fn calm(sandbox: &Sandbox) {
    publish(
        sandbox,
        "studio",
        &[
            ("planner", reader("planner", "Plans.")),
            ("other", reader("other", "Helps.")),
        ],
    );
    publish(sandbox, "spare", &[("third", reader("third", "Waits."))]);
    add_registry(sandbox, "studio");
    add_registry(sandbox, "spare");
    done(sandbox, "install studio/planner studio/other");
    done(sandbox, "set other color=red");
    for (name, text) in [
        ("base", "One.\n"),
        ("mine", "Mine.\n"),
        ("theirs", "Theirs.\n"),
    ] {
        sandbox.write(&format!("project/{name}.md"), text);
    }
}

/// What works, and what fails because of the names.
const CALM: &[Case] = &[
    ("", 0),
    ("list", 0),
    ("list --available", 0),
    ("status", 0),
    ("check", 0),
    ("check --strict", 0),
    ("check --fix", 0),
    ("diff", 0),
    ("outdated", 0),
    ("outdated --check", 0),
    ("update", 0),
    ("update --check", 0),
    ("update --dry-run", 0),
    ("install", 0),
    ("install --locked", 0),
    ("install --dry-run", 0),
    ("resolve", 0),
    ("undo", 0),
    ("undo --list", 0),
    ("undo --dry-run", 0),
    ("recover", 0),
    ("recover --dry-run", 0),
    ("remove other", 0),
    ("remove other --dry-run", 0),
    ("set planner model=haiku", 0),
    ("set planner model=haiku --dry-run", 0),
    ("unset other color", 0),
    ("adopt", 0),
    ("adopt --all --dry-run", 0),
    ("search planner", 0),
    ("search zzz", 0),
    ("info planner", 0),
    ("info studio/planner", 0),
    ("registry list", 0),
    ("registry refresh", 0),
    ("registry add ../studio --name again", 0),
    ("registry remove spare", 0),
    ("registry remove studio", 1),
    ("doctor", 0),
    ("merge-file -p mine.md base.md base.md", 0),
    ("init", 1),
    ("install studio/nobody", 1),
    ("install ./nowhere.md", 1),
    ("install nowhere/planner", 1),
    ("update nobody", 1),
    ("update --to ^9 planner", 1),
    ("remove nobody", 1),
    ("resolve nobody", 1),
    ("set nobody model=haiku", 1),
    ("adopt nobody", 1),
    ("unset planner model", 1),
    ("diff nobody", 1),
    ("info nobody", 1),
    ("outdated nobody", 1),
    ("undo 99", 1),
    ("list --available ./nowhere", 1),
    ("registry add ./nowhere", 1),
    ("registry remove nobody", 1),
    ("install nobody@^1.x.y", 2),
    ("update --to", 2),
    ("update --ours --theirs", 2),
    ("undo 1 2", 2),
    ("set planner modle=haiku", 2),
    ("set planner model", 2),
    ("remove", 2),
    ("search planner --limit 0", 2),
    ("-C nowhere list", 2),
    ("--frce list", 2),
    ("nonsense", 2),
];

#[test]
fn what_works_and_what_cannot_be_done() {
    Situation::new(calm).check(rows(CALM));
    let usage: Vec<Case> = commands()
        .into_iter()
        .filter(|command| command != "help")
        .map(|command| {
            // What `merge-file` ends with is a number of conflicts.
            let code = if command == "merge-file" { 255 } else { 2 };
            (&*format!("{command} --nonsense").leak(), code)
        })
        .collect();
    Situation::new(calm).check(rows(&usage));
}

/// `--json` may be anywhere on the line, even after words with an error.
#[test]
fn the_document_of_a_wrong_line() {
    let lines = [
        "--json nonsense",
        "--json update --ours --theirs",
        "update --json --nonsense",
        "remove --json",
    ];
    Situation::new(|_| {}).check(lines.map(|line| row(line).exits(2).has("/error/message")));
}

/// The cases in an empty project.
const EMPTY: &[Case] = &[
    ("", 0),
    ("init", 0),
    ("install", 0),
    ("update", 0),
    ("list", 0),
    ("status", 0),
    ("check", 0),
    ("outdated", 0),
    ("diff", 0),
    ("resolve", 0),
    ("undo", 0),
    ("undo --list", 0),
    ("search planner", 0),
    ("registry list", 0),
    ("registry refresh", 0),
    ("doctor", 0),
    ("remove planner", 1),
];

#[test]
fn a_project_without_a_manifest() {
    Situation::new(|_| {}).check(rows(EMPTY));
}

#[test]
fn a_manifest_that_cannot_be_read() {
    let build = |sandbox: &Sandbox| {
        calm(sandbox);
        sandbox.write("project/agentpkg.toml", "[agents\n");
    };
    Situation::new(build).check(rows(&[
        ("install", 1),
        ("install studio/planner", 1),
        ("update", 1),
        ("remove planner", 1),
        ("outdated", 1),
        ("registry list", 1),
        ("registry add ../studio --name again", 1),
        ("search planner", 1),
    ]));
}

/// Consent or a requirement is missing.
#[test]
fn what_waits_for_consent() {
    let build = |sandbox: &Sandbox| {
        calm(sandbox);
        let newer = agent("planner", "tools: Read, Bash\n", "Plans better.");
        let guard = agent(
            "guard",
            "tools: Read\npermissionMode: bypassPermissions\n",
            "Guards.",
        );
        publish(sandbox, "studio", &[("planner", newer), ("guard", guard)]);
    };
    Situation::new(build).check(rows(&[
        ("update", 4),
        ("update planner", 4),
        ("update --conflicts=skip", 4),
        ("update --allow Bash", 0),
        ("update --dry-run", 0),
        ("update --check", 5),
        ("outdated", 0),
        ("outdated --check", 5),
        ("install studio/planner", 4),
        ("install studio/guard", 4),
        ("install studio --all --allow Bash", 4),
        ("install studio/guard --allow all", 0),
        ("status", 0),
        ("check", 0),
    ]));
    let needy = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[(
                "one",
                agent("one", "tools: Read, mcp__ledger__post\n", "Books."),
            )],
        );
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/one");
    };
    Situation::new(needy).check(rows(&[
        ("check", 4),
        ("check --strict", 4),
        ("check --project-only", 4),
        ("check --fix", 4),
        ("install", 0),
        ("update", 0),
    ]));
}

/// Conflicts are left.
#[test]
fn what_waits_for_a_decision() {
    let build = |sandbox: &Sandbox| {
        calm(sandbox);
        sandbox.write(
            "project/.claude/agents/planner.md",
            reader("planner", "Plans as I say."),
        );
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans better."))],
        );
    };
    Situation::new(build).check(rows(&[
        ("update", 3),
        ("update --conflicts=fail", 3),
        ("update --conflicts=skip", 3),
        ("update --conflicts=markers", 3),
        ("update --ours", 0),
        ("update --dry-run", 0),
        ("diff", 0),
        ("diff --upstream", 0),
        ("diff --merged", 0),
        ("remove planner", 1),
        ("install studio/planner", 1),
    ]));
    let waiting = |sandbox: &Sandbox| {
        build(sandbox);
        let _ = sandbox.run(&["update", "--conflicts=markers"]).code(3);
    };
    Situation::new(waiting).check(rows(&[
        ("resolve", 3),
        ("resolve --continue", 3),
        ("resolve --ours", 0),
        ("resolve --abort", 0),
        ("status", 0),
        ("", 0),
        ("undo", 0),
    ]));
}

/// A source that could not be asked is a failure, whatever else there is to report.
#[test]
fn a_source_that_is_gone() {
    let build = |sandbox: &Sandbox| {
        calm(sandbox);
        fs::remove_dir_all(sandbox.path().join("studio")).unwrap();
    };
    Situation::new(build).check(rows(&[
        ("update", 1),
        ("update planner", 1),
        ("update --check", 1),
        ("outdated", 1),
        ("outdated --check", 1),
        ("registry refresh", 1),
        ("list --available studio", 1),
        ("install studio/planner", 1),
        ("install", 0),
        ("list", 0),
        ("status", 0),
        ("check", 0),
        ("remove planner", 0),
        ("undo", 0),
    ]));
}

/// Ctrl-C during a fetch ends with 130, and with `--json` there is a document.
#[test]
#[cfg(unix)]
fn a_command_that_is_interrupted() {
    use super::{document, words};
    use crate::support::http::{Fault, Server};
    use crate::support::repo::{RepoBuilder, hermetic_git};
    use crate::support::sandbox::interruptible;

    let sandbox = Sandbox::in_memory();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let server = Server::start(sandbox.path());
    let mut repo = RepoBuilder::bare(&sandbox.path().join("far.git"));
    let _ = repo
        .file("agents/planner.md", reader("planner", "Plans."))
        .commit("first");
    done(
        &sandbox,
        &format!("registry add {} --name far", server.url("far.git")),
    );
    done(&sandbox, "install far/planner");
    server.fault(Fault::Hang);
    let _ = server.requests();
    let before = sandbox.files();
    let mut command = sandbox.prepared(interruptible(env!("CARGO_BIN_EXE_agentpkg")));
    let child = command
        .args(words("update --json"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while server.requests().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupt.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(sandbox.files(), before);
    let is_told = document(&String::from_utf8(output.stdout).unwrap()).is_ok();
    assert_eq!(output.status.code(), Some(130));
    assert!(is_told, "it ends with a document");
}

/// No command is left out of the table.
#[test]
fn every_command_is_in_the_table() {
    let works = CALM.iter().chain(EMPTY).filter(|(_, code)| *code == 0);
    let works: Vec<String> = works.map(|(line, _)| format!("{line} ")).collect();
    let is_missing = |command: &String| {
        !works
            .iter()
            .any(|line| line.starts_with(&format!("{command} ")))
    };
    let missing: Vec<String> = commands().into_iter().filter(is_missing).collect();
    assert_eq!(missing, WITHOUT_DOCUMENT);
}
