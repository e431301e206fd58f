//! `update --summary FILE`: what an update did, in Markdown, for the text of a pull request.

use std::fs;

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

fn agent(name: &str) -> String {
    format!(
        "---\nname: {name}\ndescription: Does {name} work\ntools: Read, Grep\nmodel: sonnet\n---\n\nYou do it.\n\n- read the code\n- write the plan\n"
    )
}

/// A project with one agent of each fate, and a registry with a commit that changes all of them.
pub(crate) fn scene() -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    hermetic_git(&sandbox.path().join("home"))?;
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("team.git"));
    let names = ["asking", "current", "merged", "torn", "updated"];
    for name in names {
        upstream.file(&format!("agents/{name}.md"), agent(name));
    }
    let _ = upstream.commit("first");
    let _ = sandbox
        .run(&["registry", "add", upstream.url().as_str(), "--name", "team"])
        .code(0);
    let specs = names.map(|name| format!("team/{name}"));
    let mut install = vec!["install"];
    install.extend(specs.iter().map(String::as_str));
    let _ = sandbox.run(&install).code(0);
    for (name, from, to) in [
        ("merged", "- write the plan", "- write the plan as a list"),
        ("torn", "model: sonnet", "model: haiku"),
    ] {
        let path = format!("project/.claude/agents/{name}.md");
        sandbox.write(&path, agent(name).replace(from, to));
    }
    for (name, from, to) in [
        ("asking", "tools: Read, Grep", "tools: Read, Grep, Bash"),
        ("merged", "- read the code", "- read all the code"),
        ("torn", "model: sonnet", "model: opus"),
        ("updated", "You do it.", "You do it well."),
    ] {
        upstream.file(&format!("agents/{name}.md"), agent(name).replace(from, to));
    }
    // The subject is inert wherever it stands.
    let _ = upstream.commit("Fix #1 for @octocat: `a` | <img src=x> [link](http://x.test)");
    Some(sandbox)
}

#[test]
fn the_summary_of_an_update_has_versions_changes_permissions_merges_and_what_is_left() {
    let Some(sandbox) = scene() else { return };
    let arguments = ["update", "--conflicts=skip", "--summary", "summary.md"];
    let output = sandbox.run(&arguments).code(4);
    assert_eq!(output.stdout, "");
    insta::assert_snapshot!(sandbox.read("summary.md"), @r##"
    # Agent updates

    | agent | before | after | result |
    |---|---|---|---|
    | `asking` | `2537fa1` | `becfea5` | Skipped |
    | `merged` | `2537fa1` | `becfea5` | Merged, your edit kept |
    | `torn` | `2537fa1` | `becfea5` | Skipped, 1 conflict |
    | `updated` | `2537fa1` | `becfea5` | Updated |

    1 agent is up to date.

    ## What changed upstream

    `asking`

    - `becfea5` 2023-11-14 `` Fix #1 for @octocat: `a` | <img src=x> [link](http://x.test) ``

    `merged`

    - `becfea5` 2023-11-14 `` Fix #1 for @octocat: `a` | <img src=x> [link](http://x.test) ``

    `torn`

    - `becfea5` 2023-11-14 `` Fix #1 for @octocat: `a` | <img src=x> [link](http://x.test) ``

    `updated`

    - `becfea5` 2023-11-14 `` Fix #1 for @octocat: `a` | <img src=x> [link](http://x.test) ``

    ## New permissions

    `asking` requests, and does not have yet:

    - `Bash`: can run any command

    ## Merged with the edits of this project

    - `merged`: 1 edit kept; `bullet 1` has adjacent edits of both sides

    ## Left to do

    - `torn`: conflict in `frontmatter › model`: both changed it

    ```text
    error: `asking` requests new permissions, so it is left unchanged
      + Bash  can run any command

    hint: if that is meant: `agentpkg update asking --allow Bash`

    error: one agent or registry could not be updated; the rest was
      not updated, because of conflicts: torn

    hint: run `agentpkg update torn` in a terminal, which asks
    hint: or add `--ours`, `--theirs` or `--conflicts=markers`
    ```

    ## Check

    ```text
         note  merged: was changed by hand
               .claude/agents/merged.md
               agentpkg diff merged
         note  torn: was changed by hand
               .claude/agents/torn.md
               agentpkg diff torn
    ```
    "##);
}

#[test]
fn a_summary_is_written_however_the_command_ends() {
    let Some(sandbox) = scene() else { return };
    let read = || {
        let text = sandbox.read("summary.md");
        fs::remove_file(sandbox.project("summary.md")).unwrap();
        text
    };
    let run = |arguments: &[&str], code| {
        let all = [&["update", "--summary", "summary.md"], arguments].concat();
        sandbox.run(&all).code(code)
    };
    let before = sandbox.files();
    let _ = run(&["--dry-run"], 0);
    let text = read();
    assert!(
        text.contains("This was a dry run") && text.contains("Would merge"),
        "{text}"
    );
    let _ = run(&["--check"], 5);
    assert!(read().contains("4 agents are not up to date"));
    // Nobody can be asked, so nothing is written but the summary.
    let _ = run(&[], 4);
    let text = read();
    assert!(
        text.contains("## Left to do") && text.contains("--allow Bash"),
        "{text}"
    );
    assert_eq!(sandbox.files(), before);
    // Only one agent, with the document on stdout.
    let output = run(&["updated", "--json"], 0);
    assert_eq!(output.json()["agents"][0]["status"], "updated");
    let text = read();
    assert!(text.contains("| `updated` |"), "{text}");
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_anything_is_changed() {
    let Some(sandbox) = scene() else { return };
    let before = sandbox.files();
    for (file, complaint) in [
        ("missing/summary.md", "does not exist"),
        (".claude", "is a folder"),
    ] {
        let output = sandbox
            .run(&["update", "updated", "--summary", file])
            .code(2);
        assert!(
            output.stderr.contains(complaint) && output.stderr.contains("hint: "),
            "{}",
            output.all()
        );
        assert_eq!(sandbox.files(), before);
    }
}
