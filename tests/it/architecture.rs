//! Imports point down only, and files stay readable.

use std::fs;
use std::path::{Path, PathBuf};

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
