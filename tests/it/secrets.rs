//! No secret is printed or written: the forms of an address with a secret × the commands that meet one × everything that they leave behind.

use std::fs;
use std::path::Path;

use crate::support::sandbox::Sandbox;

const SECRET: &str = "S3cr3tValue0123";

/// Addresses with a secret, good ones and malformed ones.
fn forms() -> Vec<String> {
    vec![
        format!("https://x-access-token:{SECRET}@127.0.0.1:9/a/b"),
        format!("http://me:{SECRET}@127.0.0.1:9/a/b"),
        format!("ssh://me:{SECRET}@127.0.0.1:9/a/b"),
        format!("https://ghp_{SECRET}@127.0.0.1:9/a/b"),
        format!("https:me:{SECRET}@127.0.0.1/x"),
        format!("gh:me:{SECRET}@a/b"),
        format!("gitlab:me:{SECRET}@a/b"),
        format!("//me:{SECRET}@127.0.0.1/x"),
        format!("me:{SECRET}@127.0.0.1:x"),
        format!("https://me:{SECRET}@127.0.0.1:9/a/b\n"),
        format!("https://me:{SECRET}@127.0.0.1:9/a/b/tree/main"),
        format!("https://me:{SECRET}/{SECRET}@127.0.0.1:9/a/b"),
    ]
}

/// The files below a folder that hold the secret.
fn holding(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            holding(&path, found);
        } else if name.contains(SECRET)
            || String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(SECRET)
        {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn what_was_typed_is_not_repeated() {
    let mut leaks = Vec::new();
    for form in forms() {
        for command in [
            &["registry", "add", "FORM"][..],
            &["registry", "add", "FORM", "--name", "far"],
            &["registry", "add", "far", "FORM"],
            &["list", "--available", "FORM"],
            &["install", "FORM"],
            &["install", "FORM#planner"],
            &["install", "FORM#planner@v1"],
            &["install", "FORM", "--all"],
            &["install", "planner", "FORM", "--dry-run"],
            &["info", "FORM#planner"],
            &["update", "FORM"],
            &["remove", "FORM"],
            &["search", "--registry", "FORM", "x"],
            &["diff", "FORM"],
        ] {
            for json in [false, true] {
                let sandbox = Sandbox::new();
                let words: Vec<String> = command
                    .iter()
                    .map(|word| word.replace("FORM", &form))
                    .collect();
                let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
                words.extend(json.then_some("--json"));
                let output = sandbox.run(&words);
                if output.all().contains(SECRET) {
                    leaks.push(format!("{words:?} prints it: {}", output.all()));
                }
                let mut files = Vec::new();
                holding(sandbox.path(), &mut files);
                leaks.extend(
                    files
                        .iter()
                        .map(|file| format!("{words:?} writes it: {file}")),
                );
            }
        }
    }
    assert!(
        leaks.is_empty(),
        "{} leaks: {}",
        leaks.len(),
        leaks.join("\n")
    );
}

#[test]
fn what_a_manifest_holds_is_not_repeated() {
    let mut leaks = Vec::new();
    for form in forms() {
        let text = form.replace('\n', "\\n");
        for manifest in [
            format!("[registries]\nfar = \"{text}\"\n"),
            format!("[registries]\nfar = \"{text}\"\n\n[agents]\nplanner = \"far/planner\"\n"),
            format!("[agents.planner]\nsource = \"{text}\"\n"),
            format!("[agents]\nplanner = \"{text}#planner\"\n"),
        ] {
            for command in [
                "list",
                "status",
                "check",
                "install",
                "update",
                "outdated",
                "search planner",
                "registry list",
                "registry refresh",
                "list --available",
                "doctor",
                "info planner",
                "",
            ] {
                for json in [false, true] {
                    if json && command.is_empty() {
                        continue;
                    }
                    let sandbox = Sandbox::new();
                    let _ = sandbox.write("project/agentpkg.toml", &manifest);
                    let mut words: Vec<&str> = command.split_whitespace().collect();
                    words.extend(json.then_some("--json"));
                    let output = sandbox.run(&words);
                    if output.all().contains(SECRET) {
                        leaks.push(format!("{manifest}{words:?} prints it: {}", output.all()));
                    }
                    let mut files = Vec::new();
                    holding(sandbox.path(), &mut files);
                    files.retain(|file| !file.ends_with("project/agentpkg.toml"));
                    leaks.extend(
                        files
                            .iter()
                            .map(|file| format!("{words:?} writes it: {file}")),
                    );
                }
            }
        }
    }
    assert!(
        leaks.is_empty(),
        "{} leaks: {}",
        leaks.len(),
        leaks.join("\n")
    );
}
