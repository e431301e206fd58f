//! Versions: tags of a repository and of single agents, `outdated`, and what a wrong version is answered with.

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

fn planner(text: &str) -> String {
    format!("---\nname: planner\ndescription: Plans\ntools: Read\n---\n\n{text}\n")
}

/// A repository with tags of its own, and of one agent; `None` without git.
fn scene() -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        eprintln!("SKIPPED: there is no git on PATH");
        return None;
    }
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    for (tag, text) in [
        ("v1.0.0", "One."),
        ("v1.4.0", "One four."),
        ("v1.4.2", "One four two."),
        ("v2.0.0", "Two."),
        ("v2.1.0", "Two one."),
        ("v2.2.0", "Two two."),
    ] {
        repo.file("agents/planner.md", planner(text));
        repo.file("agents/tester.md", planner(text).replace("planner", "tester"));
        let _ = repo.commit(tag);
        repo.tag(tag);
        if tag == "v1.4.0" {
            repo.tag("tester-v0.3.0");
        }
    }
    let _ = sandbox.run(&["registry", "add", repo.url().as_str(), "--name", "team"]).code(0);
    Some(sandbox)
}

fn installed(sandbox: &Sandbox, name: &str) -> String {
    sandbox.read(&format!(".claude/agents/{name}.md"))
}

#[test]
fn requirements_are_answered_by_tags() {
    let Some(sandbox) = scene() else { return };
    for (spec, text) in [
        ("planner@^1.2", "One four two."),
        ("planner@~1.4.0", "One four two."),
        ("planner@=1.4.0", "One four."),
        ("planner@v2.0.0", "Two."),
        ("planner@>=1, <2.1", "Two."),
        ("tester@^0.3", "One four."),
        ("planner", "Two two."),
    ] {
        let _ = sandbox.run(&["install", &format!("team/{spec}"), "--force", "-q"]).code(0);
        let name = spec.split('@').next().unwrap();
        assert!(installed(&sandbox, name).contains(text), "{spec}: {}", installed(&sandbox, name));
        let _ = sandbox.run(&["remove", name, "--force"]).code(0);
    }
}

#[test]
fn a_wrong_version_lists_the_newest_and_the_nearest() {
    let Some(sandbox) = scene() else { return };
    insta::assert_snapshot!(sandbox.run(&["install", "team/planner@=1.3.9"]).code(1).stderr, @r#"
    error: `planner` has no version matching `=1.3.9`
      newest: v2.2.0, v2.1.0, v2.0.0
      nearest: v1.4.2

    hint: for example `planner@1.4.2`, or `planner@^2`
    "#);
    insta::assert_snapshot!(sandbox.run(&["install", "team/planner@^3"]).code(1).stderr, @r#"
    error: `planner` has no version matching `^3`
      newest: v2.2.0, v2.1.0, v2.0.0

    hint: for example `planner@2.2.0`, or `planner@^2`
    "#);
}

#[test]
fn outdated_says_what_is_behind_and_what_is_held_back() {
    let Some(sandbox) = scene() else { return };
    let _ = sandbox.run(&["install", "team/planner@=1.4.0", "-q"]).code(0);
    let _ = sandbox.run(&["install", "team/tester@v2.1.0", "-q"]).code(0);
    // Only what the manifest asks for makes an agent outdated.
    let manifest = sandbox.read("agentpkg.toml").replace("=1.4.0", "^1.4");
    sandbox.write("project/agentpkg.toml", manifest);
    let path = ".claude/agents/planner.md";
    sandbox.write(&format!("project/{path}"), sandbox.read(path).replace("Plans", "Plans well"));
    insta::assert_snapshot!(sandbox.run(&["outdated"]).code(0).all(), @r#"
    exit 0
    --- stdout
      agent    current  wanted   latest
      planner  1.4.0    1.4.2    2.2.0    edited: will be merged; held back by agentpkg.toml
      tester   7f05992  7f05992  8cd648f  held back by agentpkg.toml
    --- stderr
    "#);
    let _ = sandbox.run(&["outdated", "--check"]).code(5);
    let json = sandbox.run(&["outdated", "--json"]).code(0).json();
    assert_eq!((&json["agents"][0]["wanted"], &json["agents"][0]["latest"]), (&"1.4.2".into(), &"2.2.0".into()));
    let _ = sandbox.run(&["update", "planner"]).code(0);
    assert!(installed(&sandbox, "planner").contains("One four two.") && installed(&sandbox, "planner").contains("Plans well"));
    let _ = sandbox.run(&["update", "planner", "--to", "^2"]).code(0);
    assert!(installed(&sandbox, "planner").contains("Two two."));
    let _ = sandbox.run(&["outdated", "planner", "--check"]).code(0);
}

#[test]
fn latest_is_of_the_kind_that_the_manifest_asks_for() {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        eprintln!("SKIPPED: there is no git on PATH");
        return;
    }
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    for (tag, text) in [("v1.0.0", "One."), ("v1.2.0", "One two."), ("v1.3.0-rc.1", "One three, nearly.")] {
        repo.file("agents/planner.md", planner(text));
        let _ = repo.commit(tag);
        repo.tag(tag);
    }
    for text in ["More.", "More and more."] {
        repo.file("agents/planner.md", planner(text));
        let _ = repo.commit(text);
    }
    let _ = sandbox.run(&["registry", "add", repo.url().as_str(), "--name", "team"]).code(0);
    // A commit past the newest tag holds nothing back.
    let _ = sandbox.run(&["install", "team/planner@^1", "-q"]).code(0);
    insta::assert_snapshot!(sandbox.run(&["outdated", "--all"]).code(0).all(), @r#"
    exit 0
    --- stdout
      agent    current  wanted  latest
      planner  1.2.0    1.2.0   1.2.0
    --- stderr
    "#);
    // Without a version, nothing that is installed is newer than the latest.
    let manifest = sandbox.read("agentpkg.toml").replace(", version = \"^1\"", "");
    sandbox.write("project/agentpkg.toml", manifest);
    insta::assert_snapshot!(sandbox.run(&["outdated", "--all"]).code(0).all(), @r#"
    exit 0
    --- stdout
      agent    current  wanted   latest
      planner  1.2.0    8101f70  8101f70
    --- stderr
    "#);
    let _ = sandbox.run(&["update", "-q"]).code(0);
    insta::assert_snapshot!(sandbox.run(&["outdated", "--all"]).code(0).all(), @r#"
    exit 0
    --- stdout
      agent    current  wanted   latest
      planner  8101f70  8101f70  8101f70
    --- stderr
    "#);
    insta::assert_snapshot!(sandbox.run(&["outdated"]).code(0).all(), @r#"
    exit 0
    --- stdout
    --- stderr
    `planner` is up to date.
    "#);
}

#[test]
fn status_knows_what_the_manifest_allows() {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        eprintln!("SKIPPED: there is no git on PATH");
        return;
    }
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    repo.file("agents/planner.md", planner("One."));
    let _ = repo.commit("one");
    repo.tag("v1.0.0");
    let _ = sandbox.run(&["registry", "add", repo.url().as_str(), "--name", "team"]).code(0);
    let _ = sandbox.run(&["install", "team/planner@^1", "-q"]).code(0);
    repo.file("agents/planner.md", planner("Two."));
    let _ = repo.commit("two");
    repo.tag("v2.0.0");
    assert!(!sandbox.run(&["status"]).code(0).stdout.contains("available"), "2.0.0 is not allowed");
    let _ = sandbox.run(&["outdated", "--check"]).code(0);
    repo.file("agents/planner.md", planner("One two."));
    let _ = repo.commit("one two");
    repo.tag("v1.2.0");
    insta::assert_snapshot!(sandbox.run(&["status"]).code(0).all(), @r#"
    exit 0
    --- stdout
      planner  1.0.0  clean    update available 1.2.0
    --- stderr
    "#);
    insta::assert_snapshot!(sandbox.run(&[]).code(0).all(), @r#"
    exit 0
    --- stdout
    1 agent

      agentpkg update  1 agent has a newer version
      agentpkg status  every agent, and what you changed
      agentpkg --help  all commands
    --- stderr
    "#);
    let _ = sandbox.run(&["outdated", "--check"]).code(5);
    // A branch that moved on, too.
    let manifest = sandbox.read("agentpkg.toml").replace("^1", "main");
    sandbox.write("project/agentpkg.toml", manifest);
    let _ = sandbox.run(&["update", "-q"]).code(0);
    assert!(!sandbox.run(&["status"]).code(0).stdout.contains("available"));
    repo.file("agents/planner.md", planner("Three."));
    let _ = repo.commit("three");
    assert!(sandbox.run(&["status"]).code(0).stdout.contains("update available"));
}
