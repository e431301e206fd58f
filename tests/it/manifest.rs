//! What happens to a manifest that a person wrote: comments, spacing, line endings, and how errors point into it.

use std::fs;

use agentpkg::domain::version::VersionRequest;
use agentpkg::env::Environment;
use agentpkg::ops::Session;
use agentpkg::ops::install::{InstallOptions, install};
use agentpkg::ops::session::Options;
use agentpkg::ops::update::{UpdateOptions, Wish, update};
use agentpkg::store::project::Project;

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::{Sandbox, finish};
use crate::support::script::Script;
use crate::support::skip;

fn planner(tools: &str) -> String {
    format!("---\nname: planner\ndescription: Plans\ntools: {tools}\n---\n\nPlan with {tools}.\n")
}

/// A registry whose planner gains a tool in version 2, installed at version 1; `None` without git.
fn scene(entry: &str) -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    hermetic_git(&sandbox.path().join("home"))?;
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    for (tag, tools) in [
        ("v1.0.0", "Read"),
        ("v1.2.0", "Read, Glob"),
        ("v2.0.0", "Read, Glob, Bash"),
    ] {
        repo.file("agents/planner.md", planner(tools));
        repo.file(
            "agents/tester.md",
            planner("Read").replace("planner", "tester"),
        );
        let _ = repo.commit(tag);
        repo.tag(tag);
    }
    let _ = sandbox
        .run(&["registry", "add", repo.url().as_str(), "--name", "team"])
        .code(0);
    let manifest = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        format!("{manifest}\n[agents]\n{entry}"),
    );
    let _ = sandbox.run(&["install"]).code(0);
    Some(sandbox)
}

const ENTRY: &str = "# why\nplanner = \"^1\" # keep me\n";

#[test]
fn an_update_that_takes_nothing_leaves_the_manifest_as_it_is() {
    let Some(sandbox) = scene(ENTRY) else { return };
    let (before, list) = (
        sandbox.files(),
        sandbox.run(&["undo", "--list"]).code(0).stdout,
    );
    let output = sandbox
        .run(&["update", "planner", "--to", "^2", "--conflicts=skip"])
        .code(4);
    assert!(
        output
            .stderr
            .contains("`planner` requests new permissions, so it is left unchanged"),
        "{}",
        output.stderr
    );
    assert_eq!(sandbox.files(), before);
    assert_eq!(
        sandbox.run(&["undo", "--list"]).code(0).stdout,
        list,
        "nothing was done"
    );
}

#[test]
fn another_version_changes_nothing_else_of_its_entry() {
    for command in [
        &["install", "planner@^2"][..],
        &["update", "planner", "--to", "^2"],
    ] {
        let Some(sandbox) = scene(ENTRY) else { return };
        let manifest = sandbox.read("agentpkg.toml");
        let _ = sandbox
            .run(&[command, &["--allow", "Bash"]].concat())
            .code(0);
        assert_eq!(
            sandbox.read("agentpkg.toml"),
            manifest.replace("\"^1\" #", "\"^2\" #")
        );
        let _ = sandbox.run(&["install", "planner@latest"]).code(0);
        // The latest of an agent with a version is its newest version, which this requirement accepts.
        assert_eq!(
            sandbox.read("agentpkg.toml"),
            manifest.replace("\"^1\" #", "\"^2\" #")
        );
    }
}

#[test]
fn errors_in_a_file_with_windows_line_endings_point_to_their_line() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "project/agentpkg.toml",
        "\u{feff}# \u{202e}ours\r\n[agents]\r\na = \"1\"\r\nb = 3 # x\r\n",
    );
    insta::assert_snapshot!(sandbox.run(&["install"]).code(1).stderr, @r#"
    error: `agentpkg.toml` has an invalid value
     --> agentpkg.toml:4:5
      |
    4 | b = 3 # x
      |     ^ an agent is a table
    "#);
    sandbox.write(
        "project/agentpkg.toml",
        "[agents]\r\na = \"1\"\r\nb = = 3\r\n",
    );
    insta::assert_snapshot!(sandbox.run(&["install"]).code(1).stderr, @r#"
    error: `agentpkg.toml` is not valid TOML
     --> agentpkg.toml:3:5
      |
    3 | b = = 3
      |     ^ extra `=`, expected nothing
    "#);
}

#[test]
fn a_version_that_changes_only_the_manifest_is_said() {
    let Some(sandbox) = scene("planner = \"^1\"\ntester = \"^1\"\n") else {
        return;
    };
    let output = sandbox.run(&["install", "planner@1.0.0"]).code(0);
    insta::assert_snapshot!(output.stderr, @r#"
     Unchanged planner 1.2.0, newest of ^1.0.0
       Changed agentpkg.toml
    needs     nothing else
    "#);
    assert!(
        sandbox
            .read("agentpkg.toml")
            .contains("planner = \"^1.0.0\"\n"),
        "{}",
        sandbox.read("agentpkg.toml")
    );
    let list = sandbox.run(&["undo", "--list"]).code(0).stdout;
    assert!(
        list.lines().next().unwrap().contains("install planner\t"),
        "{list}"
    );
    assert_eq!(
        sandbox
            .run(&["install", "team/tester"])
            .code(0)
            .stderr
            .lines()
            .next(),
        Some("   Unchanged tester")
    );
    assert_eq!(
        sandbox.run(&["install"]).code(0).stderr,
        "   Unchanged 2 agents\n"
    );
}

/// A person who answers these questions while the agent is updated to version 2.
fn answered(sandbox: &Sandbox, is_update: bool, answers: &[&'static str]) {
    let root = fs::canonicalize(sandbox.project("")).unwrap();
    let environment = Environment::within(root.clone(), &sandbox.path().join("home"));
    let project = Project::at(&root, &environment).unwrap();
    let session = Session::new(project, environment, Options::default());
    let mut script = Script::new(answers);
    if is_update {
        let to = VersionRequest::parse("^2").unwrap();
        let options = UpdateOptions {
            names: vec!["planner".to_owned()],
            to: Some(Wish::Version(to)),
            ..UpdateOptions::default()
        };
        update(&session, &options, &mut script).unwrap();
    } else {
        let options = InstallOptions {
            specs: vec!["planner@^2".to_owned()],
            ..InstallOptions::default()
        };
        install(&session, &options, &mut script).unwrap();
    }
}

#[test]
fn a_power_that_was_left_out_can_be_taken_later() {
    for (is_update, answers) in [(false, &["no, take"][..]), (true, &["no, take", "write"])] {
        let Some(sandbox) = scene(ENTRY) else { return };
        let installed = || sandbox.read(".claude/agents/planner.md");
        answered(&sandbox, is_update, answers);
        assert!(installed().contains("tools: Read, Glob\n"));
        sandbox.write(
            "project/.claude/agents/planner.md",
            installed() + "\nMy own rule.\n",
        );
        // Only naming the agent means that.
        let before = sandbox.files();
        let _ = sandbox.run(&["update", "--allow", "Bash"]).code(0);
        let _ = sandbox.run(&["update", "planner"]).code(0);
        assert_eq!(sandbox.files(), before);
        let _ = sandbox
            .run(&["update", "planner", "--allow", "Bash"])
            .code(0);
        assert_eq!(
            installed(),
            planner("Read, Glob, Bash") + "\nMy own rule.\n"
        );
        // What the user added to the same line must not be lost.
        let mine = installed().replace("Glob, Bash", "Glob, Write");
        sandbox.write("project/.claude/agents/planner.md", &mine);
        let output = sandbox
            .run(&["update", "planner", "--allow", "Bash"])
            .code(0);
        assert!(
            output
                .stderr
                .contains("you changed `tools` of `planner`, so add there yourself"),
            "{}",
            output.stderr
        );
        assert_eq!(installed(), mine);
    }
}

#[test]
fn a_project_does_not_decide_which_links_are_followed() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "project/agentpkg.toml",
        "[install]\nfollow-symlinks = true\n",
    );
    let output = sandbox.run(&["status"]).code(0);
    assert!(
        output
            .stderr
            .contains("counts only in the manifest of the user"),
        "{}",
        output.all()
    );
}

#[test]
fn a_relative_folder_from_the_environment_is_refused() {
    for name in [
        "AGENTPKG_CACHE_DIR",
        "AGENTPKG_STATE_DIR",
        "CLAUDE_CONFIG_DIR",
        "HOME",
    ] {
        if name == "HOME" && !cfg!(unix) {
            continue;
        }
        let sandbox = Sandbox::new();
        let output = finish(sandbox.command().env(name, "inside").args(["list"])).code(1);
        assert!(
            output.stderr.contains(&format!(
                "`{name}` is `inside`, which is not an absolute path"
            )),
            "{}",
            output.all()
        );
        assert!(!sandbox.project("inside").exists());
    }
}

/// Another user's manifest in a parent folder outside a repository; needs root to make one.
#[cfg(unix)]
#[test]
fn a_manifest_further_up_counts_only_if_it_is_the_users() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "project/agentpkg.toml",
        "[agents]\nx = { git = \"https://evil.example/a/b\" }\n",
    );
    sandbox.write("project/deep/own.txt", "");
    let list = || {
        finish(
            sandbox
                .command()
                .current_dir(sandbox.project("deep"))
                .args(["registry", "list"]),
        )
    };
    assert!(!list().code(0).stderr.contains("is ignored"));
    if std::os::unix::fs::chown(sandbox.project("agentpkg.toml"), Some(65534), Some(65534)).is_err()
    {
        return skip::say("a manifest of another user: only root can make one");
    }
    let output = list().code(0);
    assert!(
        output
            .stderr
            .contains("is ignored: it belongs to another user"),
        "{}",
        output.all()
    );
    fs::create_dir(sandbox.project(".git")).unwrap();
    assert!(
        !list().code(0).stderr.contains("is ignored"),
        "a repository is one person's"
    );
}
