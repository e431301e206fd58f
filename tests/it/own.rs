//! Files of the agents folder that nobody installed: the folder is no source of its own agents, and what is said about them.

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

use super::adopt::PLANNER;

const OWN: &str = "---\nname: own\ndescription: Does what I want\n---\n\nBody\n";

/// A project with an agent of its own, and a copy in the user's agents folder.
fn stage() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("project/.claude/agents/own.md", OWN);
    sandbox.write(
        "project/.claude/agents/deep/other.md",
        OWN.replace("own", "other"),
    );
    sandbox.write("home/.claude/agents/own.md", OWN);
    sandbox
}

#[test]
fn nothing_is_installed_from_the_agents_folder_that_it_would_be_written_to() {
    let sandbox = stage();
    let absolute = sandbox.project(".claude/agents/own.md");
    let absolute = absolute.to_str().unwrap();
    let user = sandbox.path().join("home/.claude/agents/own.md");
    let user = user.to_str().unwrap();
    let file = "`.claude/agents/own.md` is in the agents folder itself; it has no source";
    let folder = "`.claude/agents` is the agents folder itself; it has no source";
    let of_user = "own.md` is in the agents folder itself";
    let rows: &[(&[&str], &str)] = &[
        (&["install", "./.claude/agents/own.md"], file),
        (&["install", "./.claude/agents/own.md", "--as", "new"], file),
        (&["install", "./.claude/agents/own.md", "--force"], file),
        (&["install", "./.claude/agents/own.md", "--dry-run"], file),
        (&["install", "./.claude/agents/own.md", "--json"], file),
        (&["install", absolute], file),
        (&["install", "./.claude/agents#own"], folder),
        (&["install", "./.claude/agents", "--all"], folder),
        (
            &["install", "./.claude/agents/deep", "--all"],
            "`.claude/agents/deep` is in",
        ),
        (&["install", ".#own"], file),
        (&["install", "./.claude#own"], file),
        (&["adopt", "own", "--from", "./.claude/agents"], folder),
        (&["adopt", "own", "--from", "./.claude/agents/own.md"], file),
        (&["adopt", "--all", "--from", "./.claude/agents"], folder),
        (&["adopt", "own", "--from", ".#own"], "nothing"),
        (&["registry", "add", "./.claude/agents"], folder),
        (&["--user", "install", user], of_user),
    ];
    for (line, says) in rows {
        let output = sandbox.run(line);
        let said = output.all();
        if *says != "nothing" {
            assert!(said.contains(says), "{line:?}: {said}");
        }
        assert_ne!(output.code, 0, "{line:?}: {said}");
        assert!(
            !sandbox.project("agentpkg.lock").exists(),
            "{line:?}: {said}"
        );
    }
    let said = sandbox.run(rows[0].0).code(1).all();
    assert!(said.contains("`agentpkg adopt own`"), "{said}");
    // Reading is allowed, and so is one agents folder as the source of another.
    let _ = sandbox.run(&["info", "./.claude/agents/own.md"]).code(0);
    let said = sandbox
        .run(&["install", user, "--as", "mine"])
        .code(0)
        .all();
    assert!(sandbox.project("agentpkg.lock").exists(), "{said}");
}

#[test]
fn a_registry_that_has_the_agents_folder_inside_is_no_origin_of_its_files() {
    let sandbox = stage();
    let new = "---\nname: new\ndescription: Reviews\nmodel: opus\n---\n\nAnother text\n";
    sandbox.write("project/agents/new.md", new);
    let _ = sandbox
        .run(&["registry", "add", ".", "--name", "here"])
        .code(0);
    let said = sandbox.run(&["adopt", "--all"]).code(0).all();
    assert!(said.contains("own  no origin found"), "{said}");
    assert!(!sandbox.project("agentpkg.lock").exists(), "{said}");
    let said = sandbox.run(&["install", "here/own"]).code(1).all();
    assert!(said.contains("in the agents folder itself"), "{said}");
    let _ = sandbox.run(&["install", "here/new"]).code(0);
    assert_eq!(sandbox.read(".claude/agents/own.md"), OWN);
}

#[test]
#[cfg(unix)]
fn links_lead_to_what_they_mean() {
    let sandbox = stage();
    let root = sandbox.project("");
    std::os::unix::fs::symlink(root.join(".claude/agents"), root.join("linked")).unwrap();
    std::os::unix::fs::symlink(root.join(".claude/agents/own.md"), root.join("own.md")).unwrap();
    for line in ["./linked/own.md", "./linked#own", "./own.md"] {
        let said = sandbox.run(&["install", line]).code(1).all();
        assert!(said.contains("the agents folder itself"), "{line}: {said}");
    }
    assert!(!sandbox.project("agentpkg.lock").exists());
}

#[test]
fn the_repository_of_the_project_is_no_source_of_what_is_in_the_agents_folder() {
    let sandbox = stage();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let mut repository = RepoBuilder::with_work_tree(&sandbox.project(""));
    repository.file(".claude/agents/own.md", OWN);
    let _ = repository.commit("first");
    let spec = format!("{}#own", repository.url());
    let said = sandbox.run(&["install", &spec]).code(1).all();
    assert!(said.contains("in the agents folder itself"), "{said}");
}

#[test]
fn the_command_that_is_recommended_for_unmanaged_files_runs_without_a_terminal() {
    let sandbox = stage();
    let adopt = "agentpkg adopt --all --dry-run";
    for line in [&["status"][..], &["check"], &[]] {
        let said = sandbox.run(line).all();
        assert!(said.contains(adopt), "{line:?}: {said}");
    }
    let next = sandbox.run(&["--json"]).code(0).json();
    assert_eq!(next["steps"][0]["command"], adopt);
    let _ = sandbox.run(&["adopt", "--all", "--dry-run"]).code(0);
}

#[test]
fn check_says_what_can_be_done_about_a_file_that_nobody_installed() {
    let sandbox = stage();
    let odd = OWN.replace("---\n\n", "tools: Read, Computer\n---\n\n");
    sandbox.write("project/.claude/agents/own.md", &odd);
    sandbox.write("project/agents/planner.md", odd.replace("own", "planner"));
    let _ = sandbox
        .run(&["install", "./agents/planner.md", "--verbatim"])
        .code(0);
    let fix = |kind: &str, subject: &str| -> String {
        let document = sandbox.run(&["check", "--json"]).json();
        let findings = document["findings"].as_array().unwrap().iter();
        let mut found = findings.filter(|found| found["kind"] == kind);
        let found = found.find(|found| found["subject"] == subject);
        found.unwrap()["fix"].as_str().unwrap().to_owned()
    };
    let edit = "edit its `tools` line";
    assert_eq!(fix("odd-tools", "own"), edit);
    assert_eq!(
        fix("odd-tools", "planner"),
        format!("{edit}; your edit survives updates")
    );
    // A copy beside an installed agent, two copies beside it, and two of which nobody installed any.
    let copy = sandbox.read("agents/planner.md");
    sandbox.write("project/.claude/agents/deep/copy.md", &copy);
    assert_eq!(
        fix("same-name", "planner"),
        "change the `name` in .claude/agents/deep/copy.md, or delete that file"
    );
    sandbox.write("project/.claude/agents/deep/second.md", &copy);
    let said = fix("same-name", "planner");
    assert!(
        said.contains("deep/copy.md and in .claude/agents/deep/second.md, or delete these"),
        "{said}"
    );
    sandbox.write("project/.claude/agents/deep/own.md", &odd);
    assert_eq!(
        fix("same-name", "own"),
        "change the `name` in all but one of them, or delete those files"
    );
}

/// A file in the way that is from an old version of the agent, whatever became of that since.
#[test]
fn a_file_in_the_way_is_offered_to_adopt_first() {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let old = super::adopt::agent("planner");
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("up.git"));
    upstream.file("agents/planner.md", &old);
    let _ = upstream.commit("first");
    upstream.file("agents/planner.md", old.replace("does ", "once did "));
    let _ = upstream.commit("anew");
    let url = upstream.url();
    let add = ["registry", "add", url.as_str(), "--name", "up"];
    let _ = sandbox.run(&add).code(0);
    let edited = old.replace("does 2\n", "does two\n");
    sandbox.write("project/.claude/agents/planner.md", &edited);
    let first_hint = |line: &[&str]| -> String {
        let said = sandbox.run(line).code(1).all();
        let hint = said.lines().find(|line| line.starts_with("hint: "));
        hint.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    for line in [
        &["install", "up/planner"][..],
        &["install", "up/planner", "--dry-run"],
    ] {
        let hint = first_hint(line);
        assert!(
            hint.starts_with("hint: `agentpkg adopt planner` looks"),
            "{hint}"
        );
    }
    let document = sandbox.run(&["install", "up/planner", "--force", "--dry-run", "--json"]);
    let document = document.code(0).json();
    assert_eq!(
        document["agents"][0]["notes"][0],
        "replaces a file that agentpkg did not write"
    );
    let said = sandbox.run(&["adopt", "planner"]).code(0).all();
    assert!(said.contains("1 line differs"), "{said}");
    // Its edits are replaced with `--force` alone, and a dry run says so.
    let line = ["install", "up/planner", "--force", "--dry-run"];
    let said = sandbox.run(&line).code(0).all();
    assert!(
        said.contains("would replace your edits of files: .claude/agents/planner.md"),
        "{said}"
    );
    assert_eq!(sandbox.read(".claude/agents/planner.md"), edited);
}

#[test]
fn every_command_says_of_an_unmanaged_file_that_it_is_one() {
    let sandbox = stage();
    let lines = [
        "diff",
        "diff --upstream",
        "update",
        "update --dry-run",
        "set NAME model=opus",
        "unset NAME model",
        "remove",
        "outdated",
        "resolve",
        "resolve --abort",
    ];
    for is_installed in [false, true] {
        if is_installed {
            let _ = sandbox
                .run(&["install", "debugger", "--mcp", "skip"])
                .code(0);
        }
        for (line, name) in lines
            .iter()
            .flat_map(|line| [(line, "own"), (line, "other")])
        {
            let line = if line.contains("NAME") {
                line.replace("NAME", name)
            } else {
                format!("{line} {name}")
            };
            let words: Vec<&str> = line.split(' ').collect();
            let said = sandbox.run(&words).code(1).all();
            let stem = if name == "own" { "own" } else { "deep/other" };
            for says in [
                format!("`{stem}` is not managed by agentpkg"),
                format!("`agentpkg adopt {stem}`"),
            ] {
                assert!(said.contains(&says), "{line}: {said}");
            }
            let user: Vec<&str> = words.iter().copied().chain(["--user"]).collect();
            if name == "own" {
                let said = sandbox.run(&user).code(1).all();
                assert!(
                    said.contains("`agentpkg --user adopt own`"),
                    "{line}: {said}"
                );
            }
        }
    }
    let said = sandbox
        .run(&["remove", "./.claude/agents/own.md"])
        .code(1)
        .all();
    assert!(said.contains("`own` is not managed by agentpkg"), "{said}");
    let said = sandbox.run(&["remove", "nobody"]).code(1).all();
    assert!(said.contains("there is no agent `nobody` here"), "{said}");
    assert_eq!(sandbox.read(".claude/agents/own.md"), OWN);
}

#[test]
fn the_nearest_agent_is_named_where_none_is_near_enough() {
    let Some(stage) = super::adopt::Stage::new(&[(PLANNER, &super::adopt::agent("planner"))])
    else {
        return;
    };
    let text = super::adopt::agent("planner");
    // Most of its lines are its own.
    let text = (1..=15).fold(text, |text, line| {
        let own = format!("- it is quite another thing here, number {line}\n");
        text.replace(&format!("- planner does {line}\n"), &own)
    });
    stage.copy("mine", &text);
    for line in ["adopt mine --from team", "adopt mine"] {
        let said = stage.run(line).code(4).all();
        let hint =
            "`agentpkg adopt mine --from team#agents/planner.md --nearest` takes the file as edits";
        for says in [
            "mine  no version is near enough",
            "% like team#agents/planner.md",
            hint,
        ] {
            assert!(said.contains(says), "{line}: {said}");
        }
        assert!(
            !said.contains("no origin found") && !said.contains("SPEC"),
            "{line}: {said}"
        );
    }
    let said = stage
        .run("adopt mine --from team#agents/planner.md")
        .code(0)
        .all();
    assert!(said.contains("lines differ"), "{said}");
    stage.copy(
        "alien",
        "---\nname: alien\ndescription: X\n---\n\nNothing of it\n",
    );
    let said = stage.run("adopt alien --from team").code(4).all();
    assert!(
        said.contains("alien  no origin found") && said.contains("--from SPEC"),
        "{said}"
    );
}
