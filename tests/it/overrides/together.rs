//! Overrides together with everything else that writes an agent: undo, `--locked`, a second machine, another source, another name,
//! bindings and repairs. One agent with overrides, and what each command leaves of them.

use std::fs;

use super::{FILE, edit, line_of, planner, remove, run, upstream};
use crate::support::sandbox::Sandbox;

/// What upstream has: the usual agent, one that names a server, and one whose frontmatter the client cannot read.
fn text(kind: &str, body: &str) -> String {
    match kind {
        "bound" => planner("opus", "Read, Bash, mcp__old__query", body),
        "repaired" => planner("opus", "Read, Bash", body)
            .replace("Plans the work.", "Plans: the work\n\nAll of it: too"),
        _ => planner("opus", "Read, Bash", body),
    }
}

const KINDS: [(&str, &str, &str); 4] = [
    ("plain", "install planner", "planner"),
    ("renamed", "install studio/planner --as chief", "chief"),
    ("bound", "install planner --bind old=mine", "planner"),
    ("repaired", "install planner", "planner"),
];

/// A project with an agent of one kind and overrides.
fn scene(kind: &str, install: &str, name: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.write("studio/agents/planner.md", text(kind, "Plan."));
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, install, 0);
    let _ = run(&sandbox, &format!("set {name} model=haiku tools-=Bash"), 0);
    (sandbox, format!(".claude/agents/{name}.md"))
}

/// Whether a file has the overrides, and is what the lockfile says.
fn is_overridden(sandbox: &Sandbox, file: &str) -> bool {
    let text = sandbox.read(file);
    let is_clean = run(sandbox, "status --json", 0).contains("\"state\": \"clean\"");
    text.contains("\nmodel: haiku\n") && !text.contains("Bash") && is_clean
}

#[test]
fn every_command_keeps_overrides() {
    for (kind, install, name) in KINDS {
        let (sandbox, file) = scene(kind, install, name);
        assert!(
            is_overridden(&sandbox, &file),
            "{kind}: {}",
            sandbox.read(&file)
        );
        assert_eq!(
            sandbox.read(&file).contains("mcp__mine__query"),
            kind == "bound"
        );
        let with = sandbox.read(&file);
        // Undo, of the whole operation and of the agent alone.
        for undo in ["undo".to_owned(), format!("undo {name}")] {
            let _ = run(&sandbox, &undo, 0);
            assert!(
                sandbox.read(&file).contains("\nmodel: opus\n"),
                "{kind} {undo}"
            );
            let set = format!("set {name} model=haiku tools-=Bash");
            let _ = run(&sandbox, &set, 0);
            assert_eq!(sandbox.read(&file), with, "{kind} {undo}");
        }
        // What is committed is enough, and other overrides than the recorded ones are refused.
        let lock = sandbox.read("agentpkg.lock");
        let _ = run(&sandbox, "install --locked --offline", 0);
        let manifest = sandbox.read("agentpkg.toml");
        let other = manifest.replace("\"haiku\"", "\"sonnet\"");
        assert_ne!(other, manifest);
        sandbox.write("project/agentpkg.toml", other);
        let said = run(&sandbox, "install --locked", 1);
        assert!(
            said.contains("not locked with the overrides"),
            "{kind}: {said}"
        );
        sandbox.write("project/agentpkg.toml", &manifest);
        let line = format!("--locked set {name} model=sonnet");
        let _ = run(&sandbox, &line, 1);
        assert_eq!(
            (sandbox.read(&file), sandbox.read("agentpkg.lock")),
            (with.clone(), lock),
            "{kind}"
        );
        // An update brings what is new and nothing else, beside a hand edit.
        let edited = with.replace("# Planner", "# The planner");
        sandbox.write(&format!("project/{file}"), &edited);
        sandbox.write(
            "studio/agents/planner.md",
            text(kind, "Plan.\n\nMore.").replace("opus", "sonnet"),
        );
        let said = run(&sandbox, "update", 0);
        assert_eq!(
            sandbox.read(&file),
            edited.replace("Plan.", "Plan.\n\nMore."),
            "{kind}: {said}"
        );
        assert!(
            said.contains("upstream changed `model`; your override stays"),
            "{kind}: {said}"
        );
        let _ = run(
            &sandbox,
            &format!("unset {name} model tools --allow Bash"),
            0,
        );
        let plain = sandbox.read(&file);
        assert!(
            plain.contains("\nmodel: sonnet\n") && plain.contains("Bash"),
            "{kind}: {plain}"
        );
    }
}

#[test]
fn a_second_machine_has_the_same_file_from_manifest_and_lockfile() {
    for (kind, install, name) in KINDS {
        let (sandbox, file) = scene(kind, install, name);
        let files = ["agentpkg.toml", "agentpkg.lock"].map(|file| sandbox.read(file));
        let with = sandbox.read(&file);
        // Another machine: another home, no cache, no state, and only what is committed.
        let other = Sandbox::new();
        other.write("studio/agents/planner.md", text(kind, "Plan."));
        for (path, text) in ["agentpkg.toml", "agentpkg.lock"].iter().zip(&files) {
            other.write(&format!("project/{path}"), text);
        }
        let _ = run(&other, "install --locked", 0);
        assert_eq!(other.read(&file), with, "{kind}");
        assert!(is_overridden(&other, &file), "{kind}");
        let now = ["agentpkg.toml", "agentpkg.lock"].map(|file| other.read(file));
        assert_eq!(now, files, "{kind}");
        // A cache that is emptied later changes nothing.
        fs::remove_dir_all(other.path().join("home")).unwrap();
        fs::create_dir(other.path().join("home")).unwrap();
        remove(&other, &format!("project/{file}"));
        let _ = run(&other, "install --locked", 0);
        assert_eq!(other.read(&file), with, "{kind}");
    }
}

#[test]
fn another_source_keeps_overrides() {
    for (kind, install, name) in KINDS {
        let (sandbox, file) = scene(kind, install, name);
        sandbox.write(
            "other/agents/planner.md",
            text(kind, "Plan elsewhere.").replace("opus", "sonnet"),
        );
        let _ = run(
            &sandbox,
            &format!("update {name} --from ../other#planner"),
            0,
        );
        let text = sandbox.read(&file);
        assert!(
            is_overridden(&sandbox, &file) && text.contains("Plan elsewhere."),
            "{kind}: {text}"
        );
        let manifest = sandbox.read("agentpkg.toml");
        assert!(
            manifest.contains("model = \"haiku\"") && manifest.contains("../other"),
            "{manifest}"
        );
    }
}

#[test]
fn a_binding_of_later_keeps_overrides() {
    let sandbox = Sandbox::new();
    sandbox.write("studio/agents/planner.md", text("bound", "Plan."));
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install planner", 0);
    let _ = run(&sandbox, "set planner model=haiku tools-=Bash", 0);
    edit(&sandbox, "Plan.", "Plan mine.");
    let _ = run(&sandbox, "install planner --bind old=mine", 0);
    assert!(sandbox.read(FILE).contains("Plan mine."));
    assert_eq!(line_of(&sandbox, "tools"), "tools: Read, mcp__mine__query");
    assert_eq!(line_of(&sandbox, "model"), "model: haiku");
    // The override names the tool as it is called here.
    let _ = run(&sandbox, "set planner tools-=mcp__mine", 0);
    assert_eq!(line_of(&sandbox, "tools"), "tools: Read");
    upstream(
        &sandbox,
        "opus",
        "Read, Bash, mcp__old__query, mcp__old__more",
        "Plan.",
    );
    let _ = run(&sandbox, "update", 0);
    assert_eq!(line_of(&sandbox, "tools"), "tools: Read");
    assert!(sandbox.read(FILE).contains("model: haiku"));
}
