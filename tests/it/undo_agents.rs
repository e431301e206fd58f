//! `undo` of some agents of an operation: everything else that it or a later one changed is left unchanged.

use std::fs;

use serde_json::json;

use crate::support::sandbox::Sandbox;

const NAMES: [&str; 20] = [
    "a01", "a02", "a03", "a04", "a05", "a06", "a07", "a08", "a09", "a10", "a11", "a12", "a13",
    "a14", "a15", "a16", "a17", "a18", "a19", "a20",
];

fn publish(sandbox: &Sandbox, text: &str) {
    for name in NAMES {
        sandbox.write(
            &format!("studio/agents/{name}.md"),
            format!("---\nname: {name}\ndescription: Does {name}\ntools: Read\n---\n\n{text}\n"),
        );
    }
}

/// A project with twenty agents (1) that were updated in one step (2), of which one was edited after that.
fn updated() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    publish(&sandbox, "One.");
    let add = ["registry", "add", "../studio", "--name", "studio"];
    let _ = sandbox.run(&add).code(0);
    let names: Vec<String> = NAMES.iter().map(|name| format!("studio/{name}")).collect();
    let mut install = vec!["install"];
    install.extend(names.iter().map(String::as_str));
    let _ = sandbox.run(&install).code(0);
    publish(&sandbox, "Two.");
    let _ = sandbox.run(&["update"]).code(0);
    let edited = sandbox.read(&path("a07")) + "\nMine.\n";
    sandbox.write(&format!("project/{}", path("a07")), &edited);
    (sandbox, edited)
}

fn path(name: &str) -> String {
    format!(".claude/agents/{name}.md")
}

#[test]
fn one_of_twenty_goes_back_while_another_one_is_edited() {
    let (sandbox, edited) = updated();
    let output = sandbox.run(&["undo"]).code(1);
    for expected in [
        "operation 3 (update a01 a02 a03 a04 a05 and 15 more) is not undone: a file changed since",
        ".claude/agents/a07.md",
        "agentpkg undo 3 a01 a02",
    ] {
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    insta::assert_snapshot!(sandbox.run(&["undo", "a03"]).code(0).all(), @r"
    exit 0
    --- stdout
    --- stderr
           Undid a03 of update a01 a02 a03 a04 a05 and 15 more (operation 3)
        Restored .claude/agents/a03.md

    Bring it back with `agentpkg undo 4`.
    ");
    assert!(sandbox.read(&path("a03")).contains("One."));
    assert!(sandbox.read(&path("a04")).contains("Two."));
    assert_eq!(sandbox.read(&path("a07")), edited);
    let states = sandbox.run(&["status", "--json"]).json();
    for agent in states["agents"].as_array().unwrap() {
        let state = if agent["name"] == "a07" {
            "edited"
        } else {
            "clean"
        };
        assert_eq!(agent["state"], state, "{agent}");
        assert_eq!(agent["has_base"], true, "{agent}");
    }
    let newer = sandbox
        .run(&["update", "--dry-run", "--json"])
        .code(0)
        .json();
    for agent in newer["agents"].as_array().unwrap() {
        let is_behind = agent["status"] == "updated";
        assert_eq!(is_behind, agent["name"] == "a03", "{agent}");
    }

    // Again is the one before.
    let _ = sandbox.run(&["undo", "a03"]).code(0);
    assert!(!sandbox.project(&path("a03")).exists());
    assert!(!sandbox.read("agentpkg.toml").contains("a03"));
    assert!(!sandbox.read("agentpkg.lock").contains("a03"));
    let output = sandbox.run(&["undo", "a03"]).code(1);
    assert!(
        output
            .stderr
            .contains("no operation that is still in effect changed `a03`"),
        "{}",
        output.stderr
    );
    // An undo of one agent can be undone.
    let _ = sandbox.run(&["undo", "5"]).code(0);
    assert!(sandbox.read(&path("a03")).contains("One."));
    let _ = sandbox.run(&["undo", "4"]).code(0);
    assert!(sandbox.read(&path("a03")).contains("Two."));
    assert_eq!(sandbox.read(&path("a07")), edited);
    let _ = sandbox.run(&["check"]).code(0);
}

#[test]
fn the_rest_goes_back_after_a_part() {
    let (sandbox, edited) = updated();
    let _ = sandbox.run(&["undo", "3", "a03", "a04"]).code(0);
    // What went back alone, and was edited after that, is not in the way of the rest.
    let mine = sandbox.read(&path("a03")) + "\nMine, too.\n";
    sandbox.write(&format!("project/{}", path("a03")), &mine);
    let output = sandbox.run(&["undo", "--force"]).code(0);
    assert!(
        output.stderr.contains("and 15 more (operation 3)"),
        "{}",
        output.stderr
    );
    for name in NAMES {
        let text = sandbox.read(&path(name));
        assert!(text.contains("One."), "{name}: {text}");
    }
    assert_eq!(sandbox.read(&path("a03")), mine);
    assert!(edited.contains("Mine."));
    let list = sandbox.run(&["undo", "--list", "--json"]).json();
    assert_eq!(
        list["operations"][2]["undone_agents"],
        json!(["a03", "a04"])
    );
    assert_eq!(list["operations"][1]["part"], json!(["a03", "a04"]));
    // One by one is all of it, too.
    let _ = sandbox.run(&["undo", "5"]).code(0);
    assert_eq!(sandbox.read(&path("a03")), mine);
}

#[test]
fn later_operations_keep_what_they_did() {
    let sandbox = Sandbox::new();
    publish(&sandbox, "One.");
    let add = ["registry", "add", "../studio", "--name", "studio"];
    let _ = sandbox.run(&add).code(0);
    let _ = sandbox
        .run(&["install", "studio/a01", "studio/a02"])
        .code(0);
    let _ = sandbox.run(&["install", "studio/a03"]).code(0);
    let manifest = sandbox.read("agentpkg.toml") + "\n[policy]\n# Ours.\ndeny-tools = [\"Bash\"]\n";
    sandbox.write("project/agentpkg.toml", &manifest);
    let _ = sandbox.run(&["undo", "2"]).code(0);
    for (name, is_there) in [("a01", false), ("a02", false), ("a03", true)] {
        assert_eq!(sandbox.project(&path(name)).exists(), is_there, "{name}");
    }
    let manifest = sandbox.read("agentpkg.toml");
    assert!(manifest.contains("# Ours.") && manifest.contains("studio"));
    let _ = sandbox.run(&["install", "--locked"]).code(0);
    let _ = sandbox.run(&["check"]).code(0);
    // Also a removal, whose entry comes back as it was written.
    let entry = "a03 = { registry = \"studio\" } # the third\n";
    let manifest = manifest
        .lines()
        .map(|line| {
            if line.starts_with("a03") {
                entry.to_owned()
            } else {
                format!("{line}\n")
            }
        })
        .collect::<String>();
    sandbox.write("project/agentpkg.toml", &manifest);
    let _ = sandbox.run(&["remove", "a03"]).code(0);
    let _ = sandbox.run(&["install", "studio/a05"]).code(0);
    let _ = sandbox.run(&["undo", "a03"]).code(0);
    assert!(
        sandbox.read("agentpkg.toml").contains(entry),
        "{}",
        sandbox.read("agentpkg.toml")
    );
    assert!(sandbox.project(&path("a05")).exists() && sandbox.project(&path("a03")).exists());
    let _ = sandbox.run(&["install", "--locked"]).code(0);
}

#[test]
fn what_is_required_goes_with_it_and_never_alone() {
    let sandbox = Sandbox::new();
    publish(&sandbox, "One.");
    sandbox.write(
        "studio/registry.toml",
        "name = \"studio\"\n\n[agents.a01]\nrequires = { agents = [\"a02\"] }\n",
    );
    let add = ["registry", "add", "../studio", "--name", "studio"];
    let _ = sandbox.run(&add).code(0);
    let _ = sandbox
        .run(&["install", "studio/a01", "studio/a03"])
        .code(0);
    let before = sandbox.files();
    let output = sandbox.run(&["undo", "a02"]).code(1);
    for expected in [
        "`a02` is not undone: `a01` requires it",
        "agentpkg undo 2 a02 a01",
    ] {
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    let _ = sandbox.run(&["undo", "a01", "--dry-run"]).code(0);
    let _ = sandbox.run(&["undo", "a01", "--locked"]).code(1);
    assert_eq!(sandbox.files(), before);
    let document = sandbox.run(&["undo", "a01", "--json"]).code(0).json();
    assert_eq!(document["agents"], json!(["a01", "a02"]));
    assert!(!sandbox.project(&path("a02")).exists() && sandbox.project(&path("a03")).exists());
    let _ = sandbox.run(&["check"]).code(0);
    let _ = sandbox.run(&["undo", "3"]).code(0);
    assert_eq!(sandbox.files(), before);
}

#[test]
fn words_that_name_nothing_are_answered() {
    let (sandbox, _) = updated();
    for (arguments, code, expected) in [
        (&["undo", "3", "2"][..], 2, "only one operation"),
        (&["undo", "a0"], 1, "did you mean `a0"),
        (&["undo", "3", "b03"], 1, "did not change `b03`"),
        (&["undo", "9", "a03"], 1, "there is no operation 9"),
        (&["undo", "99999999999999999999"], 2, "is not the number"),
        (&["undo", "../x"], 2, "`../x`"),
        (&["undo", "a07"], 1, "agentpkg undo 3 a07 --force"),
    ] {
        let output = sandbox.run(arguments).code(code);
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    fs::remove_dir_all(sandbox.project(".agentpkg/state/history")).unwrap();
    let _ = sandbox.run(&["undo", "a03"]).code(1);
}

/// What was written by hand into an entry that the operation changed is not lost without a word.
#[test]
fn an_entry_that_was_edited_since_stays_unless_forced() {
    let begin = |sandbox: &Sandbox| {
        publish(sandbox, "One.");
        let add = ["registry", "add", "../studio", "--name", "studio"];
        let _ = sandbox.run(&add).code(0);
        let _ = sandbox
            .run(&["install", "studio/a01", "studio/a02"])
            .code(0);
    };
    for (operation, from, to) in [
        (
            &["set", "a01", "model=haiku"][..],
            "model = \"haiku\"",
            "model = \"haiku\", pin = [\"description\"]",
        ),
        (
            &["set", "a01", "model=haiku"],
            "model = \"haiku\"",
            "model = \"opus\"",
        ),
        (
            &["list"],
            "a01 = { registry = \"studio\" }",
            "a01 = { registry = \"studio\", color = \"red\" }",
        ),
        (
            &["registry", "add", "../other", "--name", "far"],
            "path = \"../other\"",
            "path = \"../elsewhere\"",
        ),
    ] {
        let sandbox = Sandbox::new();
        begin(&sandbox);
        sandbox.write("other/agents/b.md", "---\nname: b\ndescription: B\n---\n");
        let _ = sandbox.run(operation).code(0);
        let manifest = sandbox.read("agentpkg.toml");
        assert!(manifest.contains(from), "{manifest}");
        let edited = manifest.replace(from, to);
        sandbox.write("project/agentpkg.toml", &edited);
        for words in [&["undo"][..], &["undo", "--dry-run"]] {
            let output = sandbox.run(words).code(1);
            for expected in ["changed since", "agentpkg.toml", "--force"] {
                assert!(output.stderr.contains(expected), "{}", output.all());
            }
            assert_eq!(sandbox.read("agentpkg.toml"), edited);
        }
        let forced = sandbox.run(&["undo", "--force", "--json"]).code(0);
        assert!(!sandbox.read("agentpkg.toml").contains(to), "{operation:?}");
        // That can be undone in turn.
        let undoing = forced.json()["undoing"].to_string();
        let _ = sandbox.run(&["undo", &undoing]).code(0);
        assert_eq!(sandbox.read("agentpkg.toml"), edited, "{operation:?}");
    }
    // Edits of other entries, and of how an entry is written, are in nobody's way.
    let sandbox = Sandbox::new();
    begin(&sandbox);
    let _ = sandbox.run(&["set", "a01", "model=haiku"]).code(0);
    let manifest = sandbox.read("agentpkg.toml");
    let spaced = manifest.replace("model = \"haiku\"", "model   =   'haiku'") + "# Mine.\n";
    assert_ne!(manifest, spaced);
    sandbox.write("project/agentpkg.toml", &spaced);
    let _ = sandbox.run(&["undo"]).code(0);
    let manifest = sandbox.read("agentpkg.toml");
    assert!(
        !manifest.contains("haiku") && manifest.contains("# Mine."),
        "{manifest}"
    );
}
