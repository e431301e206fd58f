//! Imports point down only and not in circles, and files stay readable.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::imports::{Crate, circles};

/// The floor of a module of the crate; `error` may be used from everywhere but the pure floor.
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

/// Files of `src/ops` that use each other still. To be emptied: whoever takes a circle apart takes it off the list.
const KNOWN_CIRCLES: &[&[&str]] = &[
    &[
        "ops/install/apply.rs",
        "ops/install/mod.rs",
        "ops/install/needs.rs",
        "ops/install/plan.rs",
        "ops/install/widen.rs",
    ],
    &[
        "ops/update/apply.rs",
        "ops/update/decide.rs",
        "ops/update/mod.rs",
        "ops/update/needs.rs",
        "ops/update/plan.rs",
        "ops/update/powers.rs",
    ],
];

#[test]
fn files_of_ops_do_not_use_each_other_in_circles() {
    no_circles("ops", KNOWN_CIRCLES);
}

#[test]
fn files_of_store_do_not_use_each_other_in_circles() {
    no_circles("store", &[]);
}

#[test]
fn files_of_git_do_not_use_each_other_in_circles() {
    no_circles("git", &[]);
}

/// Fails with the circles among the files of a folder of `src`, spelled out file by file. All files of a `known` one may use each other.
fn no_circles(folder: &str, known: &[&[&str]]) {
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
    let mut left: BTreeSet<usize> = (0..known.len()).collect();
    let mut wrong = Vec::new();
    for circle in circles(&edges) {
        let is_in =
            |known: &[&str]| (circle.files.iter()).all(|file| known.contains(&file.as_str()));
        match known.iter().position(|known| is_in(known)) {
            Some(index) => drop(left.remove(&index)),
            None => wrong.push(format!(
                "{}\n(in it: {:?})",
                circle.spelled_out(),
                circle.files
            )),
        }
    }
    assert!(
        wrong.is_empty(),
        "files of {folder} use each other in circles:\n\n{}",
        wrong.join("\n\n")
    );
    let gone: Vec<_> = left.into_iter().map(|index| known[index]).collect();
    assert!(
        gone.is_empty(),
        "no circles any more, to be taken off the list: {gone:?}"
    );
}
