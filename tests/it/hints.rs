//! Hints: what is advised, typed as it stands, does what it says.

use std::fs;

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

fn agent(name: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Does {name}\ntools: Read\n---\n\n{text}\n")
}

/// The registry `studio` with two versions of `planner`, of which the first is installed and edited; `None` without git.
fn edited() -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    hermetic_git(&sandbox.path().join("home"))?;
    let mut repo = RepoBuilder::bare(&sandbox.path().join("studio.git"));
    for (tag, text) in [("v1.0.0", "One."), ("v2.0.0", "Two.")] {
        repo.file("agents/planner.md", agent("planner", text));
        let _ = repo.commit(tag);
        repo.tag(tag);
    }
    let _ = sandbox.run(&["registry", "add", repo.url().as_str(), "--name", "studio"]).code(0);
    let _ = sandbox.run(&["install", "studio/planner@^1"]).code(0);
    sandbox.write("project/.claude/agents/planner.md", agent("planner", "Mine."));
    Some(sandbox)
}

#[test]
fn an_edited_file_in_the_way_is_merged_by_what_is_hinted() {
    let Some(sandbox) = edited() else { return };
    let _ = sandbox.run(&["update", "planner", "--to", "^2", "--conflicts=markers"]).code(3);
    let output = sandbox.run(&["install"]).code(1);
    insta::assert_snapshot!(output.stderr, @r#"
    error: `.claude/agents/planner.md` was edited, so it is not replaced

    hint: an update of it waits: `agentpkg resolve planner` finishes it
    hint: `--force` replaces it; a copy stays in .agentpkg/state/history
    "#);
    let output = sandbox.run(&["resolve", "--abort"]).code(0);
    insta::assert_snapshot!(output.stderr, @r#"
    warning: `planner` stays at `^2` in agentpkg.toml; change it there, or update again
         Gave up the update of planner; the file stays as it is
    "#);
    let output = sandbox.run(&["install"]).code(1);
    insta::assert_snapshot!(output.stderr, @r#"
    error: `.claude/agents/planner.md` was edited, so it is not replaced

    hint: `agentpkg update planner` merges it
    hint: `--force` replaces it; a copy stays in .agentpkg/state/history
    "#);
    let output = sandbox.run(&["install", "planner@=2.0.0"]).code(1);
    insta::assert_snapshot!(output.stderr, @r#"
    error: `.claude/agents/planner.md` was edited, so it is not replaced

    hint: `agentpkg update planner --to '=2.0.0'` merges it
    hint: `--as NAME` installs beside it under another name
    hint: `--force` replaces it; a copy stays in .agentpkg/state/history
    "#);
    let _ = sandbox.run(&["update", "planner", "--to", "=2.0.0", "--ours"]).code(0);
    assert!(sandbox.read("agentpkg.toml").contains("=2.0.0"));
}

#[test]
fn an_update_says_what_was_typed_and_praises_no_rest_that_is_not_there() {
    let Some(sandbox) = edited() else { return };
    let output = sandbox.run(&["update", "planner", "--to", "^2", "--conflicts=skip"]).code(3);
    assert!(output.stderr.contains("run `agentpkg update planner --to ^2` in a terminal"), "{}", output.stderr);
    fs::rename(sandbox.path().join("studio.git"), sandbox.path().join("gone.git")).unwrap();
    let output = sandbox.run(&["update", "planner"]).code(1);
    assert!(output.stderr.ends_with("error: nothing was updated\n"), "{}", output.stderr);
}
