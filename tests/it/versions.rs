//! Versions: tags of a repository and of single agents, `outdated`, and the answers to wrong versions.

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

fn planner(text: &str) -> String {
    format!("---\nname: planner\ndescription: Plans\ntools: Read\n---\n\n{text}\n")
}

/// A repository with tags of its own, and of one agent; `None` without git.
fn scene() -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    hermetic_git(&sandbox.path().join("home"))?;
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
        repo.file(
            "agents/tester.md",
            planner(text).replace("planner", "tester"),
        );
        let _ = repo.commit(tag);
        repo.tag(tag);
        if tag == "v1.4.0" {
            repo.tag("tester-v0.3.0");
        }
    }
    let _ = sandbox
        .run(&["registry", "add", repo.url().as_str(), "--name", "team"])
        .code(0);
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
        let _ = sandbox
            .run(&["install", &format!("team/{spec}"), "--force", "-q"])
            .code(0);
        let name = spec.split('@').next().unwrap();
        assert!(
            installed(&sandbox, name).contains(text),
            "{spec}: {}",
            installed(&sandbox, name)
        );
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

    hint: for example `team/planner@1.4.2`, or `team/planner@^2`
    "#);
    insta::assert_snapshot!(sandbox.run(&["install", "team/planner@^3"]).code(1).stderr, @r#"
    error: `planner` has no version matching `^3`
      newest: v2.2.0, v2.1.0, v2.0.0

    hint: for example `team/planner@2.2.0`
    "#);
}

#[test]
fn outdated_says_what_is_behind_and_what_is_held_back() {
    let Some(sandbox) = scene() else { return };
    let _ = sandbox
        .run(&["install", "team/planner@=1.4.0", "-q"])
        .code(0);
    let _ = sandbox
        .run(&["install", "team/tester@v2.1.0", "-q"])
        .code(0);
    // Only what the manifest asks for makes an agent outdated.
    let manifest = sandbox.read("agentpkg.toml").replace("=1.4.0", "^1.4");
    sandbox.write("project/agentpkg.toml", manifest);
    let path = ".claude/agents/planner.md";
    sandbox.write(
        &format!("project/{path}"),
        sandbox.read(path).replace("Plans", "Plans well"),
    );
    insta::assert_snapshot!(sandbox.run(&["outdated"]).code(0).all(), @r#"
    exit 0
    --- stdout
    planner	1.4.0	1.4.2	2.2.0	edited: will be merged; held back by agentpkg.toml
    tester	7f05992	7f05992	8cd648f	held back by agentpkg.toml
    --- stderr
    "#);
    let _ = sandbox.run(&["outdated", "--check"]).code(5);
    let json = sandbox.run(&["outdated", "--json"]).code(0).json();
    assert_eq!(
        (&json["agents"][0]["wanted"], &json["agents"][0]["latest"]),
        (&"1.4.2".into(), &"2.2.0".into())
    );
    let _ = sandbox.run(&["update", "planner"]).code(0);
    assert!(
        installed(&sandbox, "planner").contains("One four two.")
            && installed(&sandbox, "planner").contains("Plans well")
    );
    let _ = sandbox.run(&["update", "planner", "--to", "^2"]).code(0);
    assert!(installed(&sandbox, "planner").contains("Two two."));
    let _ = sandbox.run(&["outdated", "planner", "--check"]).code(0);
}

/// A repository with releases up to 2.1.0, and the further tags in `tags`.
fn tagged(tags: &[&str]) -> Option<(Sandbox, RepoBuilder)> {
    let sandbox = Sandbox::new();
    hermetic_git(&sandbox.path().join("home"))?;
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    for tag in tags {
        repo.file("agents/planner.md", planner(tag));
        let _ = repo.commit(tag);
        repo.tag(tag);
    }
    if !tags.is_empty() {
        let _ = sandbox
            .run(&["registry", "add", repo.url().as_str(), "--name", "team"])
            .code(0);
    }
    Some((sandbox, repo))
}

#[test]
fn a_pre_release_of_one_agent_leaves_the_releases_of_the_repository() {
    let Some((sandbox, _repo)) = tagged(&["v1.0.0", "v2.1.0", "planner-v2.2.0-rc.1"]) else {
        return;
    };
    let _ = sandbox.run(&["install", "team/planner@^2"]).code(0);
    assert!(installed(&sandbox, "planner").contains("v2.1.0"));
    let _ = sandbox
        .run(&["update", "planner", "--to", "2.2.0-rc.1"])
        .code(0);
    assert!(installed(&sandbox, "planner").contains("rc.1"));
}

#[test]
fn what_is_suggested_is_never_what_was_asked_for() {
    let Some((sandbox, _repo)) = tagged(&["v2.1.0-rc.1", "v2.1.0-rc.2"]) else {
        return;
    };
    insta::assert_snapshot!(sandbox.run(&["install", "team/planner@^2"]).code(1).stderr, @r#"
    error: `planner` has no version matching `^2`
      newest: v2.1.0-rc.2, v2.1.0-rc.1

    hint: pre-releases are taken only by name, for example `team/planner@2.1.0-rc.2`
    "#);
    let _ = sandbox.run(&["install", "team/planner@2.1.0-rc.2"]).code(0);
    let Some((sandbox, _repo)) = tagged(&["v1.5.0", "v2.1.0-rc.1"]) else {
        return;
    };
    insta::assert_snapshot!(sandbox.run(&["install", "team/planner@^2"]).code(1).stderr, @r#"
    error: `planner` has no version matching `^2`
      newest: v2.1.0-rc.1, v1.5.0

    hint: for example `team/planner@2.1.0-rc.1`, or `team/planner@^1`
    "#);
}

#[test]
fn an_update_to_a_version_that_there_is_not_is_refused_as_an_install_is() {
    let Some(sandbox) = scene() else { return };
    let _ = sandbox
        .run(&["install", "team/planner@^1", "team/tester", "-q"])
        .code(0);
    let before = sandbox.files();
    let refused = sandbox
        .run(&["install", "team/planner@^7", "--force"])
        .code(1)
        .stderr;
    assert!(refused.contains("newest: v2.2.0"), "{refused}");
    // Only the suggestion differs.
    let refused = refused.replace("team/planner@", "--to ");
    assert_eq!(
        sandbox
            .run(&["update", "planner", "--to", "^7"])
            .code(1)
            .stderr,
        refused
    );
    assert_eq!(
        sandbox
            .run(&["update", "planner", "tester", "--to", "^7"])
            .code(1)
            .stderr,
        refused
    );
    let banana = sandbox
        .run(&["update", "planner", "--to", "banana"])
        .code(1)
        .stderr;
    assert!(
        banana.contains("has no branch, tag or commit `banana`")
            && banana.contains("branches: main"),
        "{banana}"
    );
    assert_eq!(sandbox.files(), before);

    // The same from the manifest; it does not hold up the other updates.
    sandbox.write(
        "project/agentpkg.toml",
        sandbox.read("agentpkg.toml").replace("^1", "^7"),
    );
    let before = sandbox.files();
    let output = sandbox.run(&["update", "planner"]).code(1);
    insta::assert_snapshot!(output.stderr, @r#"
         Checked 1 source
    error: `planner` has no version matching `^7`
      newest: v2.2.0, v2.1.0, v2.0.0

    hint: for example `version = "2.2.0"` in agentpkg.toml
    error: nothing was updated
    "#);
    assert_eq!(sandbox.files(), before);
    assert_eq!(
        sandbox.run(&["update", "--json"]).code(1).json()["failures"][0]["details"][0],
        "newest: v2.2.0, v2.1.0, v2.0.0"
    );
}

#[test]
fn an_agent_that_was_renamed_upstream_stays_within_its_requirement() {
    let Some((sandbox, mut repo)) = tagged(&[]) else {
        return;
    };
    for (tag, name) in [
        ("v1.0.0", "planner"),
        ("v1.1.0", "planner"),
        ("v2.0.0", "grand-planner"),
    ] {
        repo.file(
            "agents/work.md",
            planner(tag).replace("name: planner", &format!("name: {name}")),
        );
        let _ = repo.commit(tag);
        repo.tag(tag);
        if tag == "v1.0.0" {
            let _ = sandbox
                .run(&["registry", "add", repo.url().as_str(), "--name", "work"])
                .code(0);
            let _ = sandbox.run(&["install", "work/planner", "-q"]).code(0);
        }
    }
    let manifest = sandbox.read("agentpkg.toml").replace(
        "planner = { registry = \"work\"",
        "planner = { registry = \"work\", version = \"^1\"",
    );
    sandbox.write("project/agentpkg.toml", manifest);
    let output = sandbox.run(&["update"]).code(0);
    assert!(
        installed(&sandbox, "planner").contains("v1.1.0"),
        "{}",
        output.stderr
    );
    assert!(
        sandbox
            .run(&["update"])
            .code(0)
            .stderr
            .contains("up to date")
    );
    let output = sandbox.run(&["update", "planner", "--to", "^2"]).code(0);
    assert!(
        output
            .stderr
            .contains("upstream calls it grand-planner now"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_folder_has_no_versions_to_update_to() {
    let sandbox = Sandbox::new();
    sandbox.write("upstream/agents/planner.md", planner("One."));
    let _ = sandbox
        .run(&["install", "../upstream#planner", "-q"])
        .code(0);
    let before = sandbox.files();
    let output = sandbox.run(&["update", "planner", "--to", "^2"]).code(1);
    assert!(
        output.stderr.contains("which has no versions"),
        "{}",
        output.stderr
    );
    assert_eq!(sandbox.files(), before);
}

#[test]
fn a_requirement_of_the_manifest_holds_until_another_is_named() {
    let Some(sandbox) = scene() else { return };
    let _ = sandbox.run(&["install", "team/planner@^1.2", "-q"]).code(0);
    let _ = sandbox.run(&["install", "team/planner"]).code(0);
    assert!(
        installed(&sandbox, "planner").contains("One four two."),
        "not the head of the default branch"
    );
    let _ = sandbox.run(&["install", "--locked"]).code(0);
    let _ = sandbox.run(&["install", "planner@^2"]).code(0);
    assert!(
        installed(&sandbox, "planner").contains("Two two.")
            && sandbox.read("agentpkg.toml").contains("version = \"^2\"")
    );
    let _ = sandbox.run(&["install", "team/planner@^1"]).code(0);
    let _ = sandbox.run(&["install", "team/planner@latest"]).code(0);
    assert!(
        installed(&sandbox, "planner").contains("Two two.")
            && sandbox.read("agentpkg.toml").contains("version = \"^2\""),
        "{}",
        sandbox.read("agentpkg.toml")
    );
    // A folder has no versions, and a version that was wanted of one source means nothing for another.
    let _ = sandbox.run(&["install", "planner@^1.2"]).code(0);
    sandbox.write("local/planner.md", planner("Mine."));
    let _ = sandbox
        .run(&["registry", "add", "../local", "--name", "local"])
        .code(0);
    let output = sandbox
        .run(&["install", "local/planner", "--force"])
        .code(0);
    assert!(
        output
            .stderr
            .contains("    Resolved planner team 1.4.2 -> local\n"),
        "{}",
        output.stderr
    );
    assert!(
        sandbox
            .read("agentpkg.toml")
            .contains("planner = { registry = \"local\" }"),
        "{}",
        sandbox.read("agentpkg.toml")
    );
    let _ = sandbox.run(&["install", "--locked"]).code(0);
}

#[test]
fn a_whole_version_means_what_it_means_to_cargo_and_says_so() {
    let Some(sandbox) = scene() else { return };
    let output = sandbox.run(&["install", "team/planner@1.0.0"]).code(0);
    assert!(
        output
            .stderr
            .contains("    Resolved planner 1.4.2, newest of ^1.0.0 (team)\n"),
        "{}",
        output.stderr
    );
    for spec in [
        "team/planner@=1.4.0",
        "team/planner@1.4.2",
        "team/planner@^1.2",
    ] {
        let output = sandbox.run(&["install", spec, "--dry-run"]).code(0);
        assert!(
            !output.stderr.contains("newest of"),
            "{spec}: {}",
            output.stderr
        );
    }
}

#[test]
fn info_is_about_the_version_that_is_named_and_knows_what_is_installed() {
    let Some(sandbox) = scene() else { return };
    let _ = sandbox.run(&["install", "team/planner@^1.2", "-q"]).code(0);
    let says = |spec: &str, parts: [&str; 2]| {
        let output = sandbox.run(&["info", spec]).code(0);
        assert!(
            parts.iter().all(|part| output.stdout.contains(part)),
            "{spec}: {}",
            output.stdout
        );
    };
    says("planner", ["planner 1.4.2\n", "  installed clean\n"]);
    says("planner@^1", ["planner 1.4.2\n", "  installed clean\n"]);
    says(
        "planner@^2",
        ["planner 2.2.0\n", "  installed clean, at 1.4.2\n"],
    );
    says(
        "team/planner",
        ["planner @ ", "  installed clean, at 1.4.2\n"],
    );
    says(
        "team/planner@1.4.2",
        ["planner 1.4.2\n", "  installed clean\n"],
    );
    says("team/tester", ["tester @ ", "  installed no\n"]);
}

#[test]
fn latest_is_of_the_kind_that_the_manifest_asks_for() {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    for (tag, text) in [
        ("v1.0.0", "One."),
        ("v1.2.0", "One two."),
        ("v1.3.0-rc.1", "One three, nearly."),
    ] {
        repo.file("agents/planner.md", planner(text));
        let _ = repo.commit(tag);
        repo.tag(tag);
    }
    for text in ["More.", "More and more."] {
        repo.file("agents/planner.md", planner(text));
        let _ = repo.commit(text);
    }
    let _ = sandbox
        .run(&["registry", "add", repo.url().as_str(), "--name", "team"])
        .code(0);
    // A commit after the newest tag holds nothing back.
    let _ = sandbox.run(&["install", "team/planner@^1", "-q"]).code(0);
    insta::assert_snapshot!(sandbox.run(&["outdated", "--all"]).code(0).all(), @r#"
    exit 0
    --- stdout
    planner	1.2.0	1.2.0	1.2.0	
    --- stderr
    "#);
    // Without a version in the manifest, nothing that is installed is newer than the latest.
    let manifest = sandbox
        .read("agentpkg.toml")
        .replace(", version = \"^1\"", "");
    sandbox.write("project/agentpkg.toml", manifest);
    insta::assert_snapshot!(sandbox.run(&["outdated", "--all"]).code(0).all(), @r#"
    exit 0
    --- stdout
    planner	1.2.0	8101f70	8101f70 (2023-11-14)	
    --- stderr
    "#);
    let _ = sandbox.run(&["update", "-q"]).code(0);
    insta::assert_snapshot!(sandbox.run(&["outdated", "--all"]).code(0).all(), @r#"
    exit 0
    --- stdout
    planner	8101f70	8101f70	8101f70	
    --- stderr
    "#);
    insta::assert_snapshot!(sandbox.run(&["outdated"]).code(0).all(), @r#"
    exit 0
    --- stdout
    --- stderr
    `planner` is up to date.
    "#);
}

/// What `outdated` calls the latest is what `--to latest` and `@latest` bring, of each kind that an entry can ask for.
#[test]
fn latest_is_what_an_update_to_it_brings() {
    let tags = ["v1.0.0", "v1.2.0", "v2.1.0", "v3.0.0-rc.1"];
    for (request, after) in [
        ("@^1", Some("^2")),
        ("@~1.0.0", Some("~2.1.0")),
        ("@=1.2.0", Some("=2.1.0")),
        ("@v1.2.0", Some("v2.1.0")),
        ("@^2", Some("^2")),
        ("@main", None),
        ("", None),
    ] {
        for command in [
            &["update", "planner", "--to", "latest"][..],
            &["install", "planner@latest"],
        ] {
            let Some((sandbox, mut repo)) = tagged(&tags) else {
                return;
            };
            let spec = format!("team/planner{request}");
            let _ = sandbox.run(&["install", &spec, "-q"]).code(0);
            repo.file("agents/planner.md", planner("After the newest tag."));
            let _ = repo.commit("more");
            let outdated = || sandbox.run(&["outdated", "--all", "--json"]).code(0).json();
            let latest = outdated()["agents"][0]["latest"].clone();
            let _ = sandbox.run(command).code(0);
            let now = &outdated()["agents"][0];
            assert_eq!(now["current"], latest, "{request} {command:?}");
            assert_eq!(now["behind"], false, "{request} {command:?}");
            let manifest = sandbox.read("agentpkg.toml");
            match after {
                Some(after) => assert!(manifest.contains(&format!("version = \"{after}\""))),
                None => assert!(!manifest.contains("version"), "{manifest}"),
            }
        }
    }
}

#[test]
fn a_hint_repeats_a_version_as_it_was_typed() {
    let Some(sandbox) = scene() else { return };
    let _ = sandbox.run(&["install", "team/planner", "-q"]).code(0);
    sandbox.write("upstream/agents/helper.md", planner("One."));
    for (line, typed) in [
        ("install team/planner@9.0", "`@9.0`"),
        ("update planner --to 9.0", "`--to 9.0`"),
        ("install ../upstream#planner@1.0 --as other", "`@1.0`"),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = sandbox.run(&arguments).code(1);
        let is_repeated = !output.stderr.contains("leave out") || output.stderr.contains(typed);
        assert!(is_repeated, "{line}: {}", output.stderr);
    }
}

#[test]
fn a_folder_with_something_newer_is_shown_without_empty_columns() {
    let sandbox = Sandbox::new();
    sandbox.write("upstream/agents/planner.md", planner("One."));
    let _ = sandbox
        .run(&["install", "../upstream#planner", "-q"])
        .code(0);
    sandbox.write("upstream/agents/planner.md", planner("Two."));
    let status = sandbox.run(&["status"]).code(0).stdout;
    assert!(status.trim_end().ends_with("update available"), "{status}");
    let status = sandbox.run(&["status", "--json"]).code(0).json();
    assert_eq!(status["agents"][0]["newer"], "changed");
    let outdated = sandbox.run(&["outdated"]).code(0).stdout;
    assert_eq!(outdated, "planner\t\t\t\tupdate available\n");
}

#[test]
fn status_knows_what_the_manifest_allows() {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    repo.file("agents/planner.md", planner("One."));
    let _ = repo.commit("one");
    repo.tag("v1.0.0");
    let _ = sandbox
        .run(&["registry", "add", repo.url().as_str(), "--name", "team"])
        .code(0);
    let _ = sandbox.run(&["install", "team/planner@^1", "-q"]).code(0);
    repo.file("agents/planner.md", planner("Two."));
    let _ = repo.commit("two");
    repo.tag("v2.0.0");
    assert!(
        !sandbox
            .run(&["status"])
            .code(0)
            .stdout
            .contains("available"),
        "2.0.0 is not allowed"
    );
    let _ = sandbox.run(&["outdated", "--check"]).code(0);
    repo.file("agents/planner.md", planner("One two."));
    let _ = repo.commit("one two");
    repo.tag("v1.2.0");
    insta::assert_snapshot!(sandbox.run(&["status"]).code(0).all(), @r#"
    exit 0
    --- stdout
    planner	1.0.0	clean		update available 1.2.0
    --- stderr
    "#);
    insta::assert_snapshot!(sandbox.run(&[]).code(0).all(), @r#"
    exit 0
    --- stdout
    1 agent

      agentpkg update  1 agent has a newer version, as of the last fetch
      agentpkg status  every agent, and what you changed
      agentpkg --help  all commands
    --- stderr
    "#);
    let _ = sandbox.run(&["outdated", "--check"]).code(5);
    // A branch that moved on is newer too.
    let manifest = sandbox.read("agentpkg.toml").replace("^1", "main");
    sandbox.write("project/agentpkg.toml", manifest);
    let _ = sandbox.run(&["update", "-q"]).code(0);
    assert!(
        !sandbox
            .run(&["status"])
            .code(0)
            .stdout
            .contains("available")
    );
    repo.file("agents/planner.md", planner("Three."));
    let _ = repo.commit("three");
    assert!(
        sandbox
            .run(&["status"])
            .code(0)
            .stdout
            .contains("update available")
    );
}

#[test]
fn one_source_out_of_reach_is_one_failure() {
    let sandbox = Sandbox::new();
    for name in ["one", "two"] {
        sandbox.write(
            &format!("upstream/agents/{name}.md"),
            planner("One.").replace("name: planner", &format!("name: {name}")),
        );
    }
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "near"])
        .code(0);
    let _ = sandbox
        .run(&["install", "near/one", "near/two", "builtin/debugger", "-q"])
        .code(0);
    std::fs::rename(
        sandbox.path().join("upstream"),
        sandbox.path().join("elsewhere"),
    )
    .unwrap();
    let output = sandbox.run(&["outdated"]).code(1);
    assert_eq!(
        output.stderr.matches("there is no folder").count(),
        1,
        "{}",
        output.all()
    );
    assert!(
        output.stderr.contains("wanted for one, two"),
        "{}",
        output.all()
    );
    let output = sandbox.run(&["list", "--available"]).code(0);
    assert!(
        output.stdout.contains("debugger") && output.stderr.contains("registry `near` is left out"),
        "{}",
        output.all()
    );
}

/// A released version does not change. One whose tag was moved is taken only if a person says so, whichever command meets it.
#[test]
fn a_version_whose_tag_was_moved_is_asked_about() {
    for command in [
        ["update", "planner"],
        ["update", "--yes"],
        ["install", "team/planner@1.0.0"],
    ] {
        let Some((sandbox, mut repo)) = tagged(&["v1.0.0"]) else {
            return;
        };
        let _ = sandbox
            .run(&["install", "team/planner@1.0.0", "-q"])
            .code(0);
        let (before, lock) = (
            installed(&sandbox, "planner"),
            sandbox.read("agentpkg.lock"),
        );
        repo.file("agents/planner.md", planner("Other bytes."));
        let _ = repo.commit("moved");
        repo.tag("v1.0.0");
        let _ = sandbox.run(&["registry", "refresh"]).code(0);

        let refused = sandbox.run(&command).code(4);
        assert!(
            refused
                .stderr
                .contains("1.0.0 had other bytes before: its tag was moved"),
            "{command:?}: {}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("--allow moved-tag"),
            "{command:?}: {}",
            refused.stderr
        );
        assert_eq!(installed(&sandbox, "planner"), before, "{command:?}");
        assert_eq!(sandbox.read("agentpkg.lock"), lock, "{command:?}");
        // What is locked is installed as before, on other machines too.
        let _ = sandbox.run(&["install", "--locked"]).code(0);

        let shown = sandbox
            .run(&[&command[..], &["--dry-run", "--json"]].concat())
            .code(0);
        assert!(shown.stdout.contains("moved-tag"), "{}", shown.stdout);
        let _ = sandbox
            .run(&[&command[..], &["--allow", "moved-tag"]].concat())
            .code(0);
        assert!(installed(&sandbox, "planner").contains("Other bytes."));
        let _ = sandbox.run(&["update"]).code(0);
    }
}

/// Another commit of the source that leaves an agent's file alone is nothing new: no operation, and the lockfile stays as it is.
#[test]
fn a_commit_that_leaves_the_file_alone_changes_nothing() {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    repo.file("agents/planner.md", planner("One."));
    let _ = repo.commit("first");
    let url = repo.url();
    let add = ["registry", "add", url.as_str(), "--name", "team"];
    let _ = sandbox.run(&add).code(0);
    let _ = sandbox.run(&["install", "team/planner"]).code(0);
    let before = sandbox.files();
    repo.file("README.md", "More.\n");
    let _ = repo.commit("second");
    for again in [
        &["install", "team/planner"][..],
        &["install", "team/planner", "--force"],
        &["install", "team", "--all"],
        &["install"],
        &["update"],
        &["update", "planner"],
    ] {
        let _ = sandbox.run(again).code(0);
        assert_eq!(sandbox.files(), before, "{again:?}");
    }
    let undone = sandbox.run(&["undo", "--list"]).code(0).stdout;
    assert_eq!(undone.lines().count(), 2, "{undone}");

    // A commit that is asked for is taken, and so is another file.
    let commit = repo.commit("third").to_string();
    let _ = sandbox
        .run(&["install", &format!("team/planner@{commit}")])
        .code(0);
    let locked = std::fs::read_to_string(sandbox.path().join("project/agentpkg.lock")).unwrap();
    assert!(locked.contains(&commit), "{locked}");
}
