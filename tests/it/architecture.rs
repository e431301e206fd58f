//! Imports point down only and not in circles, and files stay readable.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::help::commands;
use crate::support::imports::{Crate, circles};
use crate::support::literals::literals;

/// The floor of a module of the crate; `error` may be used from everywhere except the pure floors.
fn floor(module: &str) -> Option<u32> {
    Some(match module {
        "merge" => 0,
        "domain" | "error" => 1,
        "fs" | "git" | "env" => 2,
        "store" => 3,
        "ops" => 4,
        "ui" | "commands" => 5,
        "cli" => 6,
        _ => return None,
    })
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn imports_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut seen = 0;
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        let module = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        let Some(own) = floor(&module) else {
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for part in text.split("crate::").skip(1) {
            let target: String = part.chars().take_while(char::is_ascii_lowercase).collect();
            let Some(other) = floor(&target) else {
                continue;
            };
            seen += 1;
            assert!(
                other <= own,
                "{} imports crate::{target}, which is above it",
                relative.display()
            );
            let is_pure = module == "domain" || module == "merge";
            assert!(
                !is_pure || target == module,
                "{} is pure, but imports crate::{target}",
                relative.display()
            );
            assert!(
                module != "ops" || target != "ui",
                "ops speaks upward only through its traits"
            );
        }
    }
    assert!(seen > 50, "the test reads the imports");
}

/// What is wrong with a literal that follows `before`: it names a command that could be run, or a text is searched for it.
fn command_as_text(text: &str, before: &str, commands: &[String]) -> Option<&'static str> {
    let looks = [
        "strip_prefix",
        "starts_with",
        "replace",
        "replacen",
        "split",
    ];
    let is_looked_for = looks
        .iter()
        .any(|look| before.ends_with(&format!("{look}(")));
    if is_looked_for && text.trim_start_matches('`').starts_with("agentpkg") {
        return Some("cuts a command out of a text");
    }
    let names_command = text.match_indices("agentpkg ").any(|(at, name)| {
        let behind = &text[at + name.len()..];
        let word = behind
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        text[..at].ends_with('`')
            || behind.is_empty()
            || behind.starts_with(['-', '{'])
            || commands.iter().any(|command| command == word)
    });
    names_command.then_some("names a command that should be a `Command`")
}

#[test]
fn commands_are_data() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    // For a group like `registry`, the first word is enough.
    let commands: Vec<String> = commands()
        .iter()
        .filter_map(|command| command.split(' ').next().map(str::to_owned))
        .collect();
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut found = Vec::new();
    let mut seen = 0;
    for file in files {
        let relative = file.strip_prefix(&root).unwrap().display().to_string();
        let is_test = relative.ends_with("tests.rs") || relative.contains("/tests/");
        if is_test {
            continue;
        }
        for literal in literals(&fs::read_to_string(&file).unwrap()) {
            seen += 1;
            if let Some(what) = command_as_text(&literal.text, &literal.before, &commands) {
                found.push(format!(
                    "{relative}:{}: {:?} {what}",
                    literal.line, literal.text
                ));
            }
        }
    }
    assert!(seen > 1000, "the test reads the literals");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn commands_in_texts_are_found() {
    let commands = ["install".to_owned()];
    for (text, before) in [
        ("run `agentpkg nothing`", ""),
        ("agentpkg install {name}", ""),
        ("or agentpkg install", ""),
        ("agentpkg {command}", "format!("),
        ("agentpkg ", ""),
        ("agentpkg", "text.strip_prefix("),
        ("`agentpkg", "text.replace("),
    ] {
        assert!(command_as_text(text, before, &commands).is_some(), "{text}");
    }
    for text in ["agentpkg installs it", "agentpkg", "of agentpkg's own"] {
        assert_eq!(command_as_text(text, "f(", &commands), None, "{text}");
    }
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 900, "{} has {lines} lines", file.display());
    }
}

#[test]
fn files_of_ops_do_not_use_each_other_in_circles() {
    no_circles("ops");
}

#[test]
fn files_of_store_do_not_use_each_other_in_circles() {
    no_circles("store");
}

#[test]
fn files_of_git_do_not_use_each_other_in_circles() {
    no_circles("git");
}

/// Fails with the circles among the files of a folder of `src`, listed file by file.
fn no_circles(folder: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let texts: Vec<(String, String)> = files
        .iter()
        .map(|file| {
            let path = file.strip_prefix(&root).unwrap().to_str().unwrap();
            (path.replace('\\', "/"), fs::read_to_string(file).unwrap())
        })
        .collect();
    let edges = Crate::new(
        texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str())),
    )
    .edges(folder);
    assert!(edges.len() > 30, "the test reads the imports");
    let wrong: Vec<String> = circles(&edges)
        .iter()
        .map(|circle| format!("{}\n(in it: {:?})", circle.spelled_out(), circle.files))
        .collect();
    assert!(
        wrong.is_empty(),
        "files of {folder} use each other in circles:\n\n{}",
        wrong.join("\n\n")
    );
}
