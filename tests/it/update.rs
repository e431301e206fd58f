//! `update`, `status`, `diff`, `resolve` and `undo` as a user runs them.

use std::fs;

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::{Output, Sandbox};

const PLANNER: &str = "---\nname: planner\ndescription: Plans work. Asks first.\ntools: Read, Grep, Write\nmodel: sonnet\n---\n\n# Planner\n\nYou plan.\n\n## Steps\n- read the code\n- write the plan\n\n## Rules\n- ask first\n";

fn reviewer() -> String {
    PLANNER
        .replace("name: planner", "name: reviewer")
        .replace("# Planner", "# Reviewer")
}

/// A project with two agents of a folder that changes.
fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .write("upstream/agents/planner.md", PLANNER)
        .write("upstream/agents/reviewer.md", reviewer());
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "studio"])
        .code(0);
    let _ = sandbox
        .run(&["install", "studio/planner", "studio/reviewer"])
        .code(0);
    sandbox
}

fn edit(sandbox: &Sandbox, path: &str, from: &str, to: &str) {
    let text = fs::read_to_string(sandbox.path().join(path)).unwrap();
    assert!(text.contains(from), "{path} has {from:?}");
    sandbox.write(path, text.replace(from, to));
}

fn mine(sandbox: &Sandbox, name: &str, from: &str, to: &str) {
    edit(
        sandbox,
        &format!("project/.claude/agents/{name}.md"),
        from,
        to,
    );
}

fn theirs(sandbox: &Sandbox, name: &str, from: &str, to: &str) {
    edit(sandbox, &format!("upstream/agents/{name}.md"), from, to);
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    sandbox.read(&format!(".claude/agents/{name}.md"))
}

#[test]
fn edits_of_both_sides_are_merged_without_a_question() {
    let sandbox = scene();
    mine(&sandbox, "planner", "model: sonnet", "model: haiku");
    mine(
        &sandbox,
        "planner",
        "- write the plan",
        "- write the plan as a list",
    );
    theirs(
        &sandbox,
        "planner",
        "- read the code",
        "- read all the code",
    );
    theirs(
        &sandbox,
        "planner",
        "Asks first.",
        "Asks first. Never guesses.",
    );
    theirs(&sandbox, "reviewer", "You plan.", "You review.");
    let output = sandbox.run(&["update"]).code(0);
    insta::assert_snapshot!(output.all(), @r"
    exit 0
    --- stdout
    --- stderr
         Checked 1 source
          Merged planner   your 2 edits kept
         Updated reviewer
    Undo with `agentpkg undo`.
    ");
    let text = read(&sandbox, "planner");
    for line in [
        "model: haiku",
        "- write the plan as a list",
        "- read all the code",
        "Asks first. Never guesses.",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert_eq!(
        read(&sandbox, "reviewer"),
        reviewer().replace("You plan.", "You review.")
    );
    let again = sandbox.run(&["update"]).code(0);
    assert_eq!(
        again.stderr,
        "     Checked 1 source\n        Kept 2 agents  up to date\n"
    );
    let status = sandbox.run(&["status"]).code(0);
    assert!(
        status.stdout.contains("planner") && status.stdout.contains("edited\t+2 -2"),
        "{}",
        status.stdout
    );
}

/// Both sides change the model of both agents in the same way; another line of the planner is in conflict.
fn conflicted() -> Sandbox {
    let sandbox = scene();
    for name in ["planner", "reviewer"] {
        mine(&sandbox, name, "model: sonnet", "model: haiku");
        theirs(&sandbox, name, "model: sonnet", "model: opus");
    }
    mine(&sandbox, "planner", "- ask first", "- ask first, always");
    theirs(&sandbox, "planner", "- ask first", "- ask the user first");
    theirs(
        &sandbox,
        "planner",
        "- read the code",
        "- read all the code",
    );
    sandbox
}

#[test]
fn without_a_terminal_conflicts_write_nothing() {
    let sandbox = conflicted();
    let before = sandbox.files();
    for arguments in [
        &["update"][..],
        &["update", "--conflicts=fail"],
        &["update", "--conflicts=fail", "--yes"],
    ] {
        let output = sandbox.run(arguments).code(3);
        assert!(
            output
                .stderr
                .contains("3 conflicts need a decision; nothing was written"),
            "{}",
            output.stderr
        );
        assert!(
            output
                .stderr
                .contains("planner: frontmatter › model (both changed it)"),
            "{}",
            output.stderr
        );
    }
    let json = sandbox
        .run(&["update", "--dry-run", "--json"])
        .code(0)
        .json();
    assert_eq!(
        json["agents"][0]["conflicts"][1]["unit"],
        "## Rules › bullet 1"
    );
    assert_eq!(
        json["agents"][0]["conflicts"][1]["theirs"],
        "- ask the user first"
    );
    let check = sandbox.run(&["update", "--check"]).code(5);
    assert!(
        check.stderr.contains("2 agents are not up to date"),
        "{}",
        check.stderr
    );
    assert_eq!(sandbox.files(), before);
}

#[test]
fn one_side_can_be_chosen_for_all_conflicts() {
    let sandbox = conflicted();
    let _ = sandbox.run(&["update", "--ours"]).code(0);
    let text = read(&sandbox, "planner");
    assert!(
        text.contains("model: haiku")
            && text.contains("- ask first, always")
            && text.contains("- read all the code"),
        "{text}"
    );
    let _ = sandbox.run(&["update"]).code(0);
    let _ = sandbox.run(&["undo"]).code(0);
    let _ = sandbox.run(&["update", "planner", "--theirs"]).code(0);
    let text = read(&sandbox, "planner");
    assert!(
        text.contains("model: opus") && text.contains("- ask the user first"),
        "{text}"
    );
    assert!(
        read(&sandbox, "reviewer").contains("model: haiku"),
        "the other agent was not named"
    );
}

#[test]
fn agents_with_conflicts_can_be_skipped() {
    let sandbox = conflicted();
    theirs(&sandbox, "reviewer", "model: opus", "model: sonnet");
    theirs(&sandbox, "reviewer", "You plan.", "You review.");
    let before = read(&sandbox, "planner");
    let output = sandbox.run(&["update", "--conflicts=skip"]).code(3);
    assert!(
        output
            .stderr
            .contains("not updated, because of conflicts: planner"),
        "{}",
        output.stderr
    );
    assert_eq!(read(&sandbox, "planner"), before);
    assert!(read(&sandbox, "reviewer").contains("You review."));
}

#[test]
fn markers_are_resolved_in_files() {
    let sandbox = conflicted();
    let before = read(&sandbox, "planner");
    let output = sandbox.run(&["update", "--conflicts=markers"]).code(3);
    assert!(
        output.stderr.contains(".agentpkg/conflicts/planner.md"),
        "{}",
        output.stderr
    );
    assert_eq!(
        read(&sandbox, "planner"),
        before,
        "the live file has no markers"
    );
    let status = sandbox.run(&["status", "--check"]).code(5);
    assert!(
        status.stdout.contains("pending: `agentpkg resolve`"),
        "{}",
        status.stdout
    );
    let output = sandbox.run(&["resolve", "--continue"]).code(3);
    insta::assert_snapshot!(output.stderr, @r"
    error: `.agentpkg/conflicts/planner.md` still has conflict markers
     --> .agentpkg/conflicts/planner.md:5:1
      |
    5 | <<<<<<< you
      | ^^^^^^^^^^^ this conflict is not resolved

    hint: edit it until no marker is left, then `agentpkg resolve --continue`
    ");
    let resolved = PLANNER
        .replace("model: sonnet", "model: mine")
        .replace("- read the code", "- read all the code");
    sandbox.write("project/.agentpkg/conflicts/planner.md", &resolved);
    let output = sandbox.run(&["resolve", "--continue", "planner"]).code(3);
    assert!(
        output.stderr.contains("1 agent is still to be resolved"),
        "{}",
        output.stderr
    );
    assert_eq!(read(&sandbox, "planner"), resolved);
    assert!(!sandbox.project(".agentpkg/conflicts/planner.md").exists());
    let _ = sandbox.run(&["resolve", "--abort"]).code(0);
    assert!(
        read(&sandbox, "reviewer").contains("model: haiku"),
        "its file stays as it was"
    );
    assert!(
        sandbox
            .run(&["resolve"])
            .code(0)
            .stderr
            .contains("No updates are pending")
    );
    // The planner is done; the reviewer would still have its conflict.
    assert!(
        sandbox
            .run(&["update", "planner"])
            .code(0)
            .stderr
            .contains("up to date")
    );
    assert!(
        sandbox
            .run(&["update"])
            .code(3)
            .stderr
            .contains("1 conflict needs a decision")
    );
}

#[test]
fn a_resolution_that_was_begun_is_not_written_over() {
    let sandbox = conflicted();
    let _ = sandbox.run(&["update", "--conflicts=markers"]).code(3);
    let marked = sandbox.read(".agentpkg/conflicts/planner.md");
    // If it was not edited, it may be made again, with whatever is newer upstream.
    theirs(
        &sandbox,
        "planner",
        "- ask the user first",
        "- ask the user first, twice",
    );
    let _ = sandbox.run(&["update", "--conflicts=markers"]).code(3);
    let renewed = sandbox.read(".agentpkg/conflicts/planner.md");
    assert_eq!(
        renewed,
        marked.replace("- ask the user first", "- ask the user first, twice")
    );

    edit(
        &sandbox,
        "project/.agentpkg/conflicts/planner.md",
        "- ask first, always",
        "- ask first, always, kindly",
    );
    let before = sandbox.files();
    for arguments in [
        &["update", "--conflicts=markers"][..],
        &["update", "--ours"],
        &["update", "planner", "--theirs"],
        &["update"],
    ] {
        let output = sandbox.run(arguments).code(3);
        assert_eq!(sandbox.files(), before, "{arguments:?}");
        assert!(
            output.stderr.contains("`agentpkg resolve --continue`"),
            "{}",
            output.stderr
        );
    }
    let output = sandbox.run(&["update", "--conflicts=markers"]).code(3);
    insta::assert_snapshot!(output.stderr, @r#"
    error: an unfinished resolution would be overwritten; nothing was written
      .agentpkg/conflicts/planner.md

    hint: edit it until no marker is left, then `agentpkg resolve --continue`
    hint: or abort it with `agentpkg resolve --abort planner`, then update again
    "#);
    assert!(
        sandbox
            .run(&["update", "--dry-run"])
            .code(0)
            .stderr
            .contains("you have started to resolve it")
    );
    // A bot updates the others, and an agent that is named alone is not held up.
    theirs(&sandbox, "reviewer", "model: opus", "model: sonnet");
    theirs(&sandbox, "reviewer", "You plan.", "You review.");
    let output = sandbox.run(&["update", "--conflicts=skip"]).code(3);
    assert!(
        output.stderr.contains("Skipped planner")
            && read(&sandbox, "reviewer").contains("You review."),
        "{}",
        output.stderr
    );
    assert!(
        sandbox
            .read(".agentpkg/conflicts/planner.md")
            .contains("kindly")
    );
    assert!(
        output
            .stderr
            .contains("you have started to resolve `planner`, so it is left unchanged"),
        "{}",
        output.stderr
    );
    // Also if upstream took its change back, so that there is no conflict any more.
    let upstream = fs::read_to_string(sandbox.path().join("upstream/agents/planner.md")).unwrap();
    sandbox.write(
        "upstream/agents/planner.md",
        PLANNER.replace("You plan.", "You plan well."),
    );
    let _ = sandbox
        .run(&["update", "planner", "--conflicts=skip"])
        .code(3);
    sandbox.write("upstream/agents/planner.md", upstream);
    let _ = sandbox.run(&["resolve", "--abort", "planner"]).code(0);
    let _ = sandbox.run(&["update", "--conflicts=markers"]).code(3);
    assert_eq!(sandbox.read(".agentpkg/conflicts/planner.md"), renewed);
}

#[test]
fn a_resolved_file_must_load_and_the_live_file_must_be_as_it_was() {
    let sandbox = conflicted();
    let _ = sandbox
        .run(&["update", "planner", "--conflicts=markers"])
        .code(3);
    sandbox.write(
        "project/.agentpkg/conflicts/planner.md",
        "---\nname: planner\n---\nbody\n",
    );
    let output = sandbox.run(&["resolve", "--continue"]).code(1);
    assert!(
        output.stderr.contains("Claude Code would ignore")
            && output.stderr.contains("no description"),
        "{}",
        output.stderr
    );
    sandbox.write("project/.agentpkg/conflicts/planner.md", PLANNER);
    mine(&sandbox, "planner", "You plan.", "You plan well.");
    let output = sandbox.run(&["resolve", "--continue"]).code(1);
    assert!(
        output
            .stderr
            .contains("changed since the markers were written"),
        "{}",
        output.stderr
    );
    let _ = sandbox.run(&["resolve", "--ours"]).code(0);
    let text = read(&sandbox, "planner");
    assert!(
        text.contains("You plan well.")
            && text.contains("model: haiku")
            && text.contains("- read all the code"),
        "{text}"
    );
}

#[test]
fn a_pin_keeps_a_key_for_ever() {
    let sandbox = conflicted();
    edit(
        &sandbox,
        "project/agentpkg.toml",
        "planner = { registry = \"studio\" }",
        "planner = { registry = \"studio\", pin = [\"model\"] }",
    );
    theirs(&sandbox, "planner", "- ask the user first", "- ask first");
    let _ = sandbox.run(&["update", "planner"]).code(0);
    assert!(read(&sandbox, "planner").contains("model: haiku"));
    mine(&sandbox, "planner", "model: haiku", "model: opus");
    theirs(&sandbox, "planner", "model: opus", "model: inherit");
    let _ = sandbox.run(&["update", "planner"]).code(0);
    assert!(
        read(&sandbox, "planner").contains("model: opus"),
        "even where it is what upstream had"
    );
    assert!(
        sandbox
            .run(&["status"])
            .code(0)
            .stdout
            .contains("keeps your model")
    );
}

#[test]
fn new_powers_need_leave() {
    let sandbox = scene();
    mine(&sandbox, "planner", "You plan.", "You plan well.");
    theirs(
        &sandbox,
        "planner",
        "Read, Grep, Write",
        "Read, Grep, Write, Bash",
    );
    theirs(
        &sandbox,
        "planner",
        "- read the code",
        "- read all the code",
    );
    let before = sandbox.files();
    let output = sandbox.run(&["update"]).code(4);
    insta::assert_snapshot!(output.stderr, @r"
    error: `planner` requests new permissions; nothing was written
      planner: + Bash  can run any command

    hint: if that is meant: `agentpkg update --allow Bash`
    ");
    assert_eq!(sandbox.files(), before);
    let output = sandbox.run(&["update", "--yes"]).code(4);
    assert!(
        output
            .stderr
            .contains("requests new permissions, so it is left unchanged"),
        "{}",
        output.stderr
    );
    assert_eq!(
        sandbox.files(),
        before,
        "what needs a person is left out whole"
    );
    let _ = sandbox.run(&["update", "--allow", "Bash"]).code(0);
    assert!(read(&sandbox, "planner").contains("tools: Read, Grep, Write, Bash\n"));

    theirs(&sandbox, "planner", "tools: Read, Grep, Write, Bash\n", "");
    assert!(
        sandbox
            .run(&["update", "--allow", "Bash"])
            .code(4)
            .stderr
            .contains("+ every tool")
    );
    let json = sandbox
        .run(&["update", "--dry-run", "--json"])
        .code(0)
        .json();
    assert_eq!(json["agents"][0]["gains"][0]["allow"], "tools");
    let _ = sandbox.run(&["update", "--yes"]).code(4);
    assert!(
        read(&sandbox, "planner").contains("tools: Read, Grep, Write, Bash\n"),
        "the line stays"
    );
}

#[test]
fn a_tool_that_was_taken_away_does_not_come_back() {
    let sandbox = scene();
    mine(&sandbox, "planner", "Read, Grep, Write", "Read, Grep");
    theirs(
        &sandbox,
        "planner",
        "Read, Grep, Write",
        "Read, Grep, Write, Glob",
    );
    let _ = sandbox.run(&["update", "--allow", "Glob"]).code(0);
    assert!(read(&sandbox, "planner").contains("tools: Read, Grep, Glob\n"));
    theirs(&sandbox, "planner", "Write, Glob", "Write, Glob, Edit");
    assert!(read(&sandbox, "planner").contains("tools: Read, Grep, Glob\n"));
    // Upstream's side of the conflict would bring Write back.
    let output = sandbox.run(&["update", "--allow", "Edit"]).code(4);
    assert!(
        output
            .stderr
            .contains("one removed Write, the other added Edit"),
        "{}",
        output.stderr
    );
    let _ = sandbox.run(&["update", "--ours"]).code(0);
    assert!(read(&sandbox, "planner").contains("tools: Read, Grep, Glob\n"));
}

#[test]
fn differences_are_shown_from_three_sides() {
    let sandbox = conflicted();
    assert!(
        sandbox
            .run(&["diff", "nobody"])
            .code(1)
            .stderr
            .contains("there is no agent `nobody` here")
    );
    let local = sandbox.run(&["diff", "planner"]).code(0).stdout;
    assert!(
        local.contains("-model: sonnet\n+model: haiku\n") && !local.contains("opus"),
        "{local}"
    );
    let upstream = sandbox
        .run(&["diff", "--upstream", "planner"])
        .code(0)
        .stdout;
    assert!(
        upstream.contains("+model: opus\n") && !upstream.contains("haiku"),
        "{upstream}"
    );
    let merged = sandbox.run(&["diff", "--merged", "planner"]).code(0);
    assert!(
        merged.stdout.contains("+<<<<<<< you\n") && merged.stderr.contains("2 conflicts to decide"),
        "{}",
        merged.all()
    );
    let json = sandbox.run(&["diff", "--json"]).code(0).json();
    assert_eq!(json["files"].as_array().unwrap().len(), 2);
}

#[test]
fn undo_brings_edits_back_and_can_be_undone() {
    let sandbox = conflicted();
    let before = sandbox.files();
    let _ = sandbox.run(&["update", "--theirs"]).code(0);
    let after = sandbox.files();
    let output = sandbox.run(&["undo", "--dry-run"]).code(0);
    assert!(
        output
            .stderr
            .contains("Would write .claude/agents/planner.md"),
        "{}",
        output.stderr
    );
    assert_eq!(sandbox.files(), after);
    let _ = sandbox.run(&["undo"]).code(0);
    assert_eq!(sandbox.files(), before);
    let _ = sandbox.run(&["undo", "4"]).code(0);
    assert_eq!(sandbox.files(), after);
    let _ = sandbox.run(&["undo"]).code(0);
}

#[test]
fn undo_does_not_lose_what_changed_since() {
    let sandbox = conflicted();
    let _ = sandbox.run(&["update", "--ours"]).code(0);
    mine(&sandbox, "planner", "You plan.", "You plan well.");
    let output = sandbox.run(&["undo"]).code(1);
    assert!(
        output
            .stderr
            .contains("a file changed since\n  .claude/agents/planner.md")
            && output.stderr.contains("--force"),
        "{}",
        output.stderr
    );
    let edited = sandbox.files();
    let _ = sandbox.run(&["undo", "--force"]).code(0);
    assert!(!read(&sandbox, "planner").contains("well"));
    let number =
        sandbox.run(&["undo", "--list", "--json"]).code(0).json()["operations"][0]["number"]
            .to_string();
    let _ = sandbox.run(&["undo", &number]).code(0);
    assert_eq!(sandbox.files(), edited, "even that comes back");
    for object in fs::read_dir(sandbox.project(".agentpkg/state/history/objects")).unwrap() {
        fs::write(object.unwrap().path(), "damaged").unwrap();
    }
    let output = sandbox.run(&["undo", "--force"]).code(1);
    assert!(
        output.stderr.contains("missing or damaged"),
        "{}",
        output.stderr
    );
    assert_eq!(sandbox.files(), edited);
}

/// A project with one agent of a git repository, and edits in it.
fn from_git(sandbox: &Sandbox) -> Option<RepoBuilder> {
    hermetic_git(sandbox.path())?;
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("srv/agents.git"));
    upstream.file("agents/planner.md", PLANNER).commit("first");
    let _ = sandbox
        .run(&[
            "registry",
            "add",
            upstream.url().as_str(),
            "--name",
            "studio",
        ])
        .code(0);
    let _ = sandbox.run(&["install", "studio/planner"]).code(0);
    mine(sandbox, "planner", "model: sonnet", "model: haiku");
    Some(upstream)
}

#[test]
fn files_that_move_upstream_are_followed() {
    let sandbox = Sandbox::new();
    let Some(mut upstream) = from_git(&sandbox) else {
        return;
    };
    let text = PLANNER.replace("You plan.", "You plan well.");
    upstream
        .clear()
        .file("team/agents/planner.md", &text)
        .commit_orphan("moved");
    let output = sandbox.run(&["update"]).code(0);
    assert!(
        output
            .stderr
            .contains("moved upstream: agents/planner.md -> team/agents/planner.md"),
        "{}",
        output.stderr
    );
    assert!(
        output
            .stderr
            .contains("history was rewritten; the base was kept"),
        "{}",
        output.stderr
    );
    assert_eq!(
        read(&sandbox, "planner"),
        text.replace("model: sonnet", "model: haiku")
    );

    upstream.file(
        "team/agents/planner.md",
        text.replace("name: planner", "name: grand-planner")
            .replace("- ask first", "- ask"),
    );
    upstream.commit("renamed");
    let output = sandbox.run(&["update"]).code(0);
    assert!(
        output
            .stderr
            .contains("upstream calls it grand-planner now"),
        "{}",
        output.stderr
    );
    let text = read(&sandbox, "planner");
    assert!(
        text.contains("name: planner\n") && text.contains("- ask\n"),
        "{text}"
    );
}

#[test]
fn what_is_gone_upstream_stays_here() {
    let sandbox = Sandbox::new();
    let Some(mut upstream) = from_git(&sandbox) else {
        return;
    };
    upstream
        .clear()
        .file(
            "agents/other.md",
            "---\nname: other\ndescription: Does others.\n---\nYou do.\n",
        )
        .commit_orphan("another");
    let before = read(&sandbox, "planner");
    let output = sandbox.run(&["update"]).code(0);
    assert!(
        output.stderr.contains("Gone planner") && output.stderr.contains("your file stays"),
        "{}",
        output.stderr
    );
    assert_eq!(read(&sandbox, "planner"), before);
}

#[test]
fn one_broken_registry_does_not_stop_the_others() {
    let sandbox = scene();
    sandbox.write(
        "second/agents/helper.md",
        PLANNER.replace("name: planner", "name: helper"),
    );
    let _ = sandbox
        .run(&["registry", "add", "../second", "--name", "second"])
        .code(0);
    let _ = sandbox.run(&["install", "second/helper"]).code(0);
    fs::remove_dir_all(sandbox.path().join("second")).unwrap();
    theirs(&sandbox, "planner", "You plan.", "You plan well.");
    let output = sandbox.run(&["update"]).code(1);
    assert!(
        output.stderr.contains("Updated planner")
            && output.stderr.contains("could not be updated; the rest was"),
        "{}",
        output.stderr
    );
    assert!(read(&sandbox, "planner").contains("well"));
}

#[test]
fn a_version_can_be_asked_for() {
    let sandbox = Sandbox::new();
    let Some(mut upstream) = from_git(&sandbox) else {
        return;
    };
    upstream.tag("v1.0.0");
    upstream
        .file(
            "agents/planner.md",
            PLANNER.replace("You plan.", "You plan well."),
        )
        .commit("second");
    upstream.tag("v1.1.0");
    upstream
        .file(
            "agents/planner.md",
            PLANNER.replace("You plan.", "You plan best."),
        )
        .commit("third");
    upstream.tag("v2.0.0");
    let _ = sandbox.run(&["update", "planner", "--to", "^1"]).code(0);
    assert!(read(&sandbox, "planner").contains("You plan well."));
    assert!(sandbox.read("agentpkg.toml").contains("version = \"^1\""));
    assert!(
        sandbox
            .run(&["update"])
            .code(0)
            .stderr
            .contains("up to date")
    );
    let _ = sandbox.run(&["update", "planner", "--to", "2.0.0"]).code(0);
    assert!(
        read(&sandbox, "planner").contains("You plan best.")
            && read(&sandbox, "planner").contains("haiku")
    );
}

#[track_caller]
fn found_in(output: &Output, origin: &str) {
    let note = format!("the base was found in {origin}");
    assert_eq!(
        output.stderr.contains(&note),
        origin != "the project",
        "{origin}: {}",
        output.stderr
    );
    assert!(
        output.stderr.contains("Merged planner"),
        "{}",
        output.stderr
    );
}

/// Removes one source of the base after the other.
#[test]
fn the_base_is_found_wherever_it_still_is() {
    let sandbox = Sandbox::new();
    let Some(mut upstream) = from_git(&sandbox) else {
        return;
    };
    upstream
        .file(
            "agents/planner.md",
            PLANNER.replace("You plan.", "You plan well."),
        )
        .commit("second");
    let merged = |sandbox: &Sandbox, origin: &str| {
        found_in(&sandbox.run(&["update"]).code(0), origin);
        let text = read(sandbox, "planner");
        assert!(
            text.contains("You plan well.") && text.contains("model: haiku"),
            "{text}"
        );
        let _ = sandbox.run(&["undo"]).code(0);
    };
    merged(&sandbox, "the project");

    fs::remove_dir_all(sandbox.project(".agentpkg/base")).unwrap();
    merged(&sandbox, "the cache");

    fs::remove_dir_all(sandbox.project(".agentpkg/base")).ok();
    let cache = sandbox.path().join("home/.cache");
    assert!(cache.exists());
    fs::remove_dir_all(&cache).unwrap();
    merged(&sandbox, "upstream");

    fs::remove_dir_all(sandbox.project(".agentpkg/base")).ok();
    fs::remove_dir_all(&cache).unwrap();
    let edited = read(&sandbox, "planner");
    sandbox.write("project/.claude/agents/planner.md", PLANNER);
    crate::support::repo::run_git(&sandbox.project(""), ["init", "-q"]);
    crate::support::repo::run_git(&sandbox.project(""), ["add", ".claude"]);
    crate::support::repo::run_git(&sandbox.project(""), ["commit", "-q", "-m", "agents"]);
    sandbox.write("project/.claude/agents/planner.md", edited);
    merged(&sandbox, "the project's git history");

    // A rewritten history still has the old blob, as long as the server keeps it.
    fs::remove_dir_all(sandbox.project(".agentpkg/base")).ok();
    fs::remove_dir_all(sandbox.project(".git")).unwrap();
    fs::remove_dir_all(&cache).unwrap();
    upstream.commit_orphan("history was rewritten");
    let output = sandbox.run(&["update"]).code(0);
    assert!(
        output
            .stderr
            .contains("history was rewritten; the base was kept"),
        "{}",
        output.stderr
    );
    found_in(&output, "upstream");
}

#[test]
fn a_tampered_base_is_never_used_and_a_lost_one_is_said() {
    let sandbox = scene();
    mine(&sandbox, "planner", "model: sonnet", "model: haiku");
    theirs(&sandbox, "planner", "You plan.", "You plan well.");
    for base in fs::read_dir(sandbox.project(".agentpkg/base")).unwrap() {
        fs::write(
            base.unwrap().path(),
            PLANNER.replace("model: sonnet", "model: tampered"),
        )
        .unwrap();
    }
    // The cache still has it.
    let _ = sandbox.run(&["update", "planner"]).code(0);
    assert!(read(&sandbox, "planner").contains("model: haiku"));
    let _ = sandbox.run(&["undo"]).code(0);
    let _ = fs::remove_dir_all(sandbox.project(".agentpkg/base"));
    fs::remove_dir_all(sandbox.path().join("home/.cache")).unwrap();
    let before = read(&sandbox, "planner");
    let output = sandbox.run(&["update", "planner"]).code(1);
    assert!(
        output.stderr.contains("the base of `planner` is lost"),
        "{}",
        output.stderr
    );
    assert_eq!(read(&sandbox, "planner"), before);
    assert!(
        sandbox.read("agentpkg.lock").contains("planner"),
        "and it is not marked as updated"
    );
    assert!(
        sandbox
            .run(&["status"])
            .code(0)
            .stdout
            .contains("base missing")
    );
    assert!(
        sandbox
            .run(&["update", "planner"])
            .code(1)
            .stderr
            .contains("lost"),
        "nor the next time"
    );
}

#[test]
fn a_repaired_and_renamed_agent_is_merged_as_it_was_adapted() {
    let sandbox = Sandbox::new();
    let broken = "---\nname: Guide Me\ndescription: Guides people. Examples:\n\nContext: lost\nuser: \"where\"\ntools: Read\n---\n\nGuide them.\n\n- kindly\n- slowly\n";
    sandbox.write("upstream/agents/guide.md", broken);
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "studio"])
        .code(0);
    let _ = sandbox
        .run(&["install", "studio/guide-me", "--as", "leader"])
        .code(0);
    mine(&sandbox, "leader", "- slowly", "- slowly, step by step");
    theirs(&sandbox, "guide", "Guide them.", "Guide them home.");
    let _ = sandbox.run(&["update"]).code(0);
    let text = read(&sandbox, "leader");
    assert!(
        text.contains("name: leader\n")
            && text.contains("Guide them home.")
            && text.contains("step by step"),
        "{text}"
    );
    let info = sandbox
        .run(&["info", "./.claude/agents/leader.md", "--json"])
        .code(0)
        .json();
    assert_eq!(info["client"]["loads"], true);
}

#[test]
fn merge_file_is_a_merge_driver_for_git() {
    let sandbox = Sandbox::new();
    if hermetic_git(sandbox.path()).is_none() {
        return;
    }
    let root = sandbox.project("");
    let git = |arguments: &[&str]| crate::support::repo::run_git(&root, arguments);
    let driver = format!(
        "\"{}\" merge-file -q --marker-size=%L -L %X -L %S -L %Y %A %O %B",
        env!("CARGO_BIN_EXE_agentpkg")
    );
    git(&["init", "-q", "-b", "main"]);
    git(&["config", "merge.agentpkg.driver", &driver]);
    sandbox.write(
        "project/.gitattributes",
        ".claude/agents/*.md merge=agentpkg\n",
    );
    sandbox.write("project/.claude/agents/planner.md", PLANNER);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "base"]);
    git(&["checkout", "-q", "-b", "side"]);
    mine(&sandbox, "planner", "model: sonnet", "model: opus");
    git(&["commit", "-q", "-am", "side"]);
    git(&["checkout", "-q", "main"]);
    mine(&sandbox, "planner", "Read, Grep, Write", "Read, Grep");
    git(&["commit", "-q", "-am", "main"]);
    // Neighbouring lines: a conflict only for git.
    git(&["merge", "-q", "-m", "merged", "side"]);
    let text = read(&sandbox, "planner");
    assert!(text.contains("tools: Read, Grep\nmodel: opus\n"), "{text}");
}

#[test]
fn merge_file_has_the_exit_codes_of_git() {
    let sandbox = conflicted();
    let installed = ".claude/agents/planner.md";
    sandbox.write("project/base.md", PLANNER);
    let upstream = "../upstream/agents/planner.md";
    let output = sandbox
        .run(&[
            "merge-file",
            "-p",
            "--zdiff3",
            "-L",
            "me",
            "-L",
            "old",
            "-L",
            "you",
            installed,
            "base.md",
            upstream,
        ])
        .code(2);
    assert!(output.stdout.contains(
        "<<<<<<< me\nmodel: haiku\n||||||| old\nmodel: sonnet\n=======\nmodel: opus\n>>>>>>> you\n"
    ));
    assert!(
        output
            .stderr
            .contains("conflict in frontmatter › model: both changed it"),
        "{}",
        output.stderr
    );
    let json = sandbox
        .run(&["merge-file", "-p", "--json", installed, "base.md", upstream])
        .code(2)
        .json();
    assert_eq!(json["conflicts"][0]["unit"], "frontmatter › model");
    let output = sandbox
        .run(&[
            "merge-file",
            "-p",
            "--union",
            installed,
            "base.md",
            upstream,
        ])
        .code(0);
    assert!(
        output
            .stdout
            .contains("- ask first, always\n- ask the user first\n"),
        "{}",
        output.stdout
    );
    let _ = sandbox
        .run(&["merge-file", "-p", installed, "nowhere.md", upstream])
        .code(255);
    // Two would be two conflicts.
    for wrong in [
        &[][..],
        &[installed, "base.md"],
        &["--bogus", "a", "b", "c"],
    ] {
        let words = [&["merge-file"], wrong].concat();
        let _ = sandbox.run(&words).code(255);
    }
    sandbox.write("project/binary.md", b"a\0b".as_slice());
    let _ = sandbox
        .run(&["merge-file", "-p", "binary.md", "base.md", upstream])
        .code(255);
    let _ = sandbox
        .run(&["merge-file", "--ours", installed, "base.md", upstream])
        .code(0);
    assert!(
        read(&sandbox, "planner").contains("- read all the code"),
        "written in place"
    );
}

#[test]
fn what_a_new_version_requires_comes_with_it() {
    let sandbox = scene();
    sandbox.write(
        "upstream/agents/helper.md",
        PLANNER.replace("name: planner", "name: helper"),
    );
    sandbox.write(
        "upstream/registry.toml",
        "name = \"studio\"\n[agents.planner]\nversion = \"2.0.0\"\nrequires = { agents = [\"helper\"] }\n",
    );
    theirs(&sandbox, "planner", "You plan.", "You plan with a helper.");
    let output = sandbox.run(&["update", "planner"]).code(0);
    assert!(
        output.stderr.contains("Installed helper") && output.stderr.contains("Updated planner"),
        "{}",
        output.stderr
    );
    assert!(read(&sandbox, "helper").contains("name: helper"));
    sandbox.write(
        "upstream/registry.toml",
        "name = \"studio\"\n[agents.planner]\nversion = \"2.1.0\"\n",
    );
    let _ = sandbox.run(&["update"]).code(0);
    assert!(
        !sandbox.project(".claude/agents/helper.md").exists(),
        "nothing requires it any more"
    );
    let _ = sandbox.run(&["undo"]).code(0);
    assert!(sandbox.project(".claude/agents/helper.md").exists());
}

#[test]
fn the_users_own_agents_are_updated_from_anywhere() {
    let sandbox = Sandbox::new();
    sandbox.write("upstream/agents/planner.md", PLANNER);
    let source = sandbox.path().join("upstream").display().to_string();
    let _ = sandbox
        .run(&["--user", "install", &format!("{source}#planner")])
        .code(0);
    let installed = "home/.claude/agents/planner.md";
    edit(&sandbox, installed, "model: sonnet", "model: haiku");
    theirs(&sandbox, "planner", "You plan.", "You plan well.");
    let _ = sandbox.run(&["--user", "update"]).code(0);
    let text = fs::read_to_string(sandbox.path().join(installed)).unwrap();
    assert!(
        text.contains("model: haiku") && text.contains("You plan well."),
        "{text}"
    );
    let _ = sandbox.run(&["--user", "undo"]).code(0);
    let text = fs::read_to_string(sandbox.path().join(installed)).unwrap();
    assert!(
        text.contains("model: haiku") && text.contains("You plan.\n"),
        "{text}"
    );
    assert!(
        sandbox.files().is_empty(),
        "the project has nothing to do with it"
    );
}

#[test]
fn powers_do_not_come_in_through_a_file_with_markers() {
    let sandbox = conflicted();
    let _ = sandbox
        .run(&["update", "planner", "--conflicts=markers"])
        .code(3);
    let text = PLANNER
        .replace("Read, Grep, Write", "Read, Grep, Write, Bash")
        .replace(
            "model: sonnet",
            "model: opus\nhooks:\n  Stop: [{hooks: [{type: command, command: beep}]}]",
        );
    sandbox.write("project/.agentpkg/conflicts/planner.md", text);
    let output = sandbox.run(&["resolve", "--continue"]).code(4);
    assert!(
        output.stderr.contains("+ Bash") && output.stderr.contains("+ hooks  runs `beep` at Stop"),
        "{}",
        output.stderr
    );
    assert!(!read(&sandbox, "planner").contains("Bash"));
    let _ = sandbox
        .run(&["resolve", "--continue", "--allow", "Bash,hooks"])
        .code(0);
    assert!(read(&sandbox, "planner").contains("Bash"));
}

#[test]
fn a_file_that_is_missing_comes_back_newer_without_new_questions() {
    let sandbox = scene();
    fs::remove_file(sandbox.project(".claude/agents/planner.md")).unwrap();
    theirs(&sandbox, "planner", "You plan.", "You plan well.");
    let output = sandbox.run(&["update"]).code(0);
    assert!(
        output.stderr.contains("Installed planner"),
        "{}",
        output.stderr
    );
    assert!(read(&sandbox, "planner").contains("You plan well."));
    fs::remove_file(sandbox.project(".claude/agents/planner.md")).unwrap();
    theirs(
        &sandbox,
        "planner",
        "Read, Grep, Write",
        "Read, Grep, Write, Bash",
    );
    assert!(
        sandbox.run(&["update"]).code(4).stderr.contains("+ Bash"),
        "but a new power is one all the same"
    );
}

#[test]
fn a_command_that_fails_while_it_writes_has_changed_nothing() {
    let sandbox = scene();
    sandbox.write(
        "upstream/agents/helper.md",
        PLANNER.replace("name: planner", "name: helper"),
    );
    mine(&sandbox, "planner", "You plan.", "You plan well.");
    theirs(
        &sandbox,
        "planner",
        "- read the code",
        "- read all the code",
    );
    theirs(&sandbox, "reviewer", "You plan.", "You review.");
    // There is a file where the old contents would be moved, so that no user, not even root, can create files there.
    let objects = sandbox.project(".agentpkg/state/history/objects");
    fs::remove_dir_all(&objects).unwrap();
    fs::write(&objects, "in the way").unwrap();
    let before = sandbox.files();
    let journal = sandbox.project(".agentpkg/state/journal");
    for arguments in [
        &["update"][..],
        &["remove", "reviewer"],
        &["install", "studio/helper"],
        &["update", "planner", "--ours"],
    ] {
        let output = sandbox.run(arguments).code(1);
        assert!(
            output
                .stderr
                .starts_with("error: `.agentpkg/state/history/objects` is not a folder"),
            "{}",
            output.stderr
        );
        assert!(
            !journal.exists(),
            "{arguments:?} leaves nothing for the next command"
        );
        assert_eq!(sandbox.files(), before, "{arguments:?}");
        assert_eq!(sandbox.run(&["list"]).code(0).stderr, "");
        assert_eq!(
            sandbox.files(),
            before,
            "nor does the next command finish it"
        );
    }
    fs::remove_file(&objects).unwrap();
    let _ = sandbox.run(&["update"]).code(0);
    let _ = sandbox.run(&["undo"]).code(0);
    assert_eq!(sandbox.files().len(), before.len());
}

#[test]
fn hints_keep_what_was_typed() {
    let sandbox = scene();
    theirs(
        &sandbox,
        "planner",
        "Read, Grep, Write",
        "Read, Grep, Write, Bash",
    );
    let output = sandbox
        .run(&["update", "planner", "--mcp", "skip", "--theirs"])
        .code(4);
    insta::assert_snapshot!(output.stderr, @r"
    error: `planner` requests new permissions; nothing was written
      planner: + Bash  can run any command

    hint: if that is meant: `agentpkg update planner --mcp skip --theirs --allow Bash`
    ");
    // The hinted command, typed exactly as shown, does what the hint says.
    let output = sandbox
        .run(&[
            "update", "planner", "--mcp", "skip", "--theirs", "--allow", "Bash",
        ])
        .code(0);
    assert!(
        output.stderr.contains("Updated planner"),
        "{}",
        output.stderr
    );

    mine(&sandbox, "reviewer", "model: sonnet", "model: haiku");
    theirs(&sandbox, "reviewer", "model: sonnet", "model: opus");
    let output = sandbox.run(&["update", "reviewer", "--mcp=skip"]).code(3);
    assert!(
        output
            .stderr
            .contains("run `agentpkg update reviewer --mcp skip` in a terminal"),
        "{}",
        output.stderr
    );
    let output = sandbox.run(&["update", "reviewer", "--check"]).code(5);
    assert!(
        output
            .stderr
            .contains("hint: run `agentpkg update reviewer`\n"),
        "{}",
        output.stderr
    );

    // Installing does not resolve a pending conflict.
    let _ = sandbox.run(&["update", "--conflicts=markers"]).code(3);
    let output = sandbox.run(&["status", "--check"]).code(5);
    assert!(
        output
            .stderr
            .ends_with("hint: `agentpkg resolve` finishes what is pending\n"),
        "{}",
        output.stderr
    );
    let text = reviewer()
        .replace("model: sonnet", "model: opus")
        .replace("Read, Grep, Write", "Read, Grep, Write, Bash");
    sandbox.write("project/.agentpkg/conflicts/reviewer.md", text);
    let output = sandbox.run(&["resolve", "--continue", "reviewer"]).code(4);
    assert!(
        output
            .stderr
            .contains("`agentpkg resolve reviewer --continue --allow Bash`"),
        "{}",
        output.stderr
    );
}

#[test]
fn hints_lead_to_the_agents_that_were_meant() {
    let sandbox = Sandbox::new();
    sandbox.write("upstream/agents/planner.md", PLANNER);
    let source = format!("{}#planner", sandbox.path().join("upstream").display());
    for place in [
        &["--user"][..],
        &["-C", "sub folder"],
        &["-C", "sub folder", "--user"],
    ] {
        fs::create_dir_all(sandbox.project("sub folder")).unwrap();
        let run = |arguments: &[&str]| sandbox.run(&[place, arguments].concat());
        let typed = place.join(" ").replace("sub folder", "'sub folder'");
        let _ = run(&["install", &source]);
        theirs(
            &sandbox,
            "planner",
            "Read, Grep, Write",
            "Read, Grep, Write, Bash",
        );
        let output = run(&["update", "planner"]).code(4);
        assert!(
            output
                .stderr
                .contains(&format!("`agentpkg {typed} update planner --allow Bash`")),
            "{}",
            output.stderr
        );
        let json = run(&["update", "planner", "--conflicts=skip", "--json"])
            .code(4)
            .json();
        let hint = json["failures"][0]["hints"][0]["text"].as_str().unwrap();
        assert!(
            hint.contains(&format!(
                "`agentpkg {typed} update planner --conflicts=skip --allow Bash`"
            )),
            "{hint}"
        );
        let output = run(&["update", "planner", "--allow", "Bash"]).code(0);
        assert!(
            output
                .stderr
                .contains(&format!("Undo with `agentpkg {typed} undo`.")),
            "{}",
            output.stderr
        );
        let output = run(&["update", "planer"]).code(1);
        assert!(
            output.stderr.contains("did you mean `planner`?"),
            "{}",
            output.stderr
        );
        theirs(
            &sandbox,
            "planner",
            "Read, Grep, Write, Bash",
            "Read, Grep, Write",
        );
        let _ = run(&["remove", "planner", "--force"]).code(0);
    }
}

#[test]
fn a_robot_takes_what_merges_by_itself_and_no_new_power() {
    let sandbox = scene();
    mine(&sandbox, "planner", "You plan.", "You plan well.");
    theirs(
        &sandbox,
        "planner",
        "- read the code",
        "- read all the code",
    );
    theirs(
        &sandbox,
        "reviewer",
        "Read, Grep, Write",
        "Read, Grep, Write, Bash",
    );
    let robot = ["update", "--conflicts=skip", "--mcp", "skip"];
    let output = sandbox.run(&robot).code(4);
    insta::assert_snapshot!(output.stderr, @r#"
         Checked 1 source
          Merged planner   your edit kept
         Skipped reviewer
    Undo with `agentpkg undo`.
    error: `reviewer` requests new permissions, so it is left unchanged
      + Bash  can run any command

    hint: if that is meant: `agentpkg update reviewer --mcp skip --allow Bash`
    error: one agent or registry could not be updated; the rest was
    "#);
    assert!(
        read(&sandbox, "planner").contains("You plan well.")
            && read(&sandbox, "planner").contains("read all the code")
    );
    assert_eq!(
        read(&sandbox, "reviewer"),
        reviewer(),
        "not even without the power: that is for a person to say"
    );
    let before = sandbox.files();
    let json = sandbox
        .run(&[&robot[..], &["--json"]].concat())
        .code(4)
        .json();
    assert_eq!(
        (&json["agents"][1]["status"], &json["changes"]),
        (&"skipped".into(), &0.into())
    );
    assert_eq!(
        json["failures"][0]["details"][0],
        "+ Bash  can run any command"
    );
    assert_eq!(sandbox.files(), before);
    // If there is a conflict as well, both are reported; the missing consent determines the exit code.
    mine(&sandbox, "planner", "model: sonnet", "model: haiku");
    theirs(&sandbox, "planner", "model: sonnet", "model: opus");
    let output = sandbox.run(&robot).code(4);
    assert!(
        output
            .stderr
            .contains("not updated, because of conflicts: planner"),
        "{}",
        output.stderr
    );
    assert!(
        output
            .stderr
            .contains("`reviewer` requests new permissions"),
        "{}",
        output.stderr
    );
    assert!(
        read(&sandbox, "planner").contains("model: haiku")
            && !read(&sandbox, "reviewer").contains("Bash")
    );
}

#[test]
fn an_agent_that_is_left_out_keeps_its_version_in_the_manifest() {
    let sandbox = Sandbox::new();
    let Some(mut upstream) = from_git(&sandbox) else {
        return;
    };
    upstream.tag("v1.0.0");
    upstream
        .file(
            "agents/planner.md",
            PLANNER.replace("model: sonnet", "model: opus"),
        )
        .commit("second");
    upstream.tag("v2.0.0");
    let manifest = sandbox.read("agentpkg.toml");
    let _ = sandbox
        .run(&["update", "planner", "--to", "^2", "--conflicts=skip"])
        .code(3);
    assert_eq!(sandbox.read("agentpkg.toml"), manifest);
    let _ = sandbox.run(&["install", "--locked"]).code(0);
    fs::rename(upstream.path(), sandbox.path().join("away")).unwrap();
    let _ = sandbox
        .run(&["update", "planner", "--to", "^2", "--ours"])
        .code(1);
    assert_eq!(
        sandbox.read("agentpkg.toml"),
        manifest,
        "nor one whose source is out of reach"
    );
    fs::rename(sandbox.path().join("away"), upstream.path()).unwrap();
    let _ = sandbox
        .run(&["update", "planner", "--to", "^2", "--ours"])
        .code(0);
    assert!(sandbox.read("agentpkg.toml").contains("version = \"^2\""));
}

#[test]
fn a_version_waits_in_the_manifest_with_the_agent_that_was_put_aside() {
    let sandbox = Sandbox::new();
    let Some(mut upstream) = from_git(&sandbox) else {
        return;
    };
    upstream.tag("v1.0.0");
    upstream
        .file(
            "agents/planner.md",
            PLANNER.replace("model: sonnet", "model: opus"),
        )
        .commit("second");
    upstream.tag("v2.0.0");
    let manifest = sandbox.read("agentpkg.toml");
    let _ = sandbox
        .run(&["update", "planner", "--to", "^2", "--conflicts=markers"])
        .code(3);
    assert_eq!(sandbox.read("agentpkg.toml"), manifest);
    let _ = sandbox.run(&["install", "--locked"]).code(0);
    let _ = sandbox.run(&["resolve", "--abort"]).code(0);
    assert_eq!(sandbox.read("agentpkg.toml"), manifest);
    let _ = sandbox.run(&["install"]).code(0);
    let _ = sandbox
        .run(&["update", "planner", "--to", "^2", "--conflicts=markers"])
        .code(3);
    let _ = sandbox.run(&["resolve", "--theirs"]).code(0);
    assert!(
        sandbox.read("agentpkg.toml").contains("version = \"^2\"")
            && read(&sandbox, "planner").contains("model: opus")
    );
    let _ = sandbox.run(&["install", "--locked"]).code(0);
}

#[test]
fn every_page_sets_up_the_merge_driver_with_one_command() {
    let page = |name: &str| {
        fs::read_to_string(
            std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("docs")
                .join(name),
        )
        .unwrap()
    };
    let help = Sandbox::new().run(&["merge-file", "--help"]).code(0).stdout;
    let command = "agentpkg init --merge-driver";
    assert!(
        help.lines()
            .any(|line| line.trim_start().starts_with(&format!("{command} "))),
        "{help}"
    );
    // Nobody is told to set up by hand what the command does, and one page says how to take it away.
    assert!(page("merge.md").contains("`--merge-driver=off`"));
    assert!(page("ci.md").contains(&format!("`{command}`")));
    for text in [help, page("ci.md"), page("merge.md")] {
        assert!(
            !text.contains("git config merge.") && !text.contains("merge=agent"),
            "{text}"
        );
    }
}
