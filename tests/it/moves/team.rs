//! Two people, one project: what git's merges leave in the lockfile and in agents is resolved or named, and nothing is lost.

use std::fs;
use std::process::Command;

use super::{Stage, agent};
use crate::support::sandbox::{Output, finish};

/// Git in a folder of the sandbox.
pub(super) fn git(stage: &Stage, folder: &str, arguments: &[&str]) -> Output {
    let mut command = stage.sandbox.prepared(Command::new("git"));
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_agentpkg"));
    let mut path = program.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    command
        .current_dir(stage.sandbox.path().join(folder))
        .env("PATH", path);
    let own = ["-c", "user.name=n", "-c", "user.email=n@x"];
    finish(command.args(own).args(arguments))
}

pub(super) fn commit(stage: &Stage, folder: &str) {
    let _ = git(stage, folder, &["add", "-A"]).code(0);
    let _ = git(stage, folder, &["commit", "-qm", "x"]).code(0);
}

const NAMES: [&str; 4] = ["auditor", "mapper", "planner", "tester"];

/// Every agent at a version.
fn versions(changed: usize) -> Vec<(String, String)> {
    let file = |name: &&str| (format!("agents/{name}.md"), agent(name, name, changed));
    NAMES.iter().map(file).collect()
}

fn put(stage: &mut Stage, files: &[(String, String)]) {
    let files: Vec<(&str, &str)> = (files.iter())
        .map(|(file, text)| (file.as_str(), text.as_str()))
        .collect();
    stage.upstream(&files);
}

/// A project with two clones, `project` and `other`, in which `planner` is installed.
fn clones() -> Stage {
    let mut stage = Stage::new(&[("README.md", "nothing")]);
    put(&mut stage, &versions(0));
    let _ = stage.run(&["install", "studio/planner"]).code(0);
    let _ = git(&stage, "project", &["init", "-q", "-b", "main"]).code(0);
    commit(&stage, "project");
    let _ = git(&stage, "", &["clone", "-q", "project", "other"]).code(0);
    stage
}

fn other(stage: &Stage, arguments: &[&str]) -> Output {
    let folder = stage.sandbox.path().join("other");
    stage.run(&[&["-C", folder.to_str().unwrap()], arguments].concat())
}

/// Merges the other clone into the project.
fn merge(stage: &Stage) -> Output {
    commit(stage, "other");
    git(
        stage,
        "project",
        &["pull", "-q", "--no-rebase", "--no-edit", "../other", "main"],
    )
}

#[test]
fn two_people_who_each_add_one_agent_meet_nowhere_in_the_manifest() {
    let stage = clones();
    let _ = stage.run(&["install", "studio/auditor"]).code(0);
    commit(&stage, "project");
    let _ = other(&stage, &["install", "studio/tester"]).code(0);
    let merged = merge(&stage);
    let manifest = stage.manifest();
    assert!(!manifest.contains("<<<<<<<"), "{}", merged.all());
    let order = NAMES.map(|name| manifest.find(&format!("{name} = ")));
    assert!(order[0] < order[2] && order[2] < order[3], "{manifest}");
}

#[test]
fn two_people_who_add_neighbours_are_told_where_they_meet() {
    let stage = clones();
    let _ = stage.run(&["install", "studio/auditor"]).code(0);
    commit(&stage, "project");
    let _ = other(&stage, &["install", "studio/mapper"]).code(0);
    let _ = merge(&stage);
    let torn = stage.manifest();
    let marker = torn.lines().position(|line| line.starts_with("<<<<<<<"));
    let place = format!("agentpkg.toml:{}", marker.unwrap() + 1);
    let hint = "keep the lines that you want of both sides, and remove the markers";
    for command in ["install", "update", "status", "check"] {
        let output = stage.run(&[command]).code(1);
        let all = output.all();
        assert!(all.contains(&place) && all.contains(hint), "{all}");
        assert_eq!(stage.manifest(), torn);
    }
    // As the hint says.
    let is_marker = |line: &&str| {
        ["<<<<<<<", "=======", ">>>>>>>"]
            .iter()
            .any(|mark| line.starts_with(mark))
    };
    let kept: Vec<&str> = torn.lines().filter(|line| !is_marker(line)).collect();
    stage
        .sandbox
        .write("project/agentpkg.toml", kept.join("\n") + "\n");
    let _ = stage.run(&["install"]).code(0);
    stage.assert_whole();
    for name in ["auditor", "mapper", "planner"] {
        let text = stage.sandbox.read(&format!(".claude/agents/{name}.md"));
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn entries_of_one_side_are_taken_from_both() {
    let stage = clones();
    let _ = stage.run(&["install", "studio/auditor"]).code(0);
    commit(&stage, "project");
    let _ = other(&stage, &["install", "studio/mapper"]).code(0);
    let _ = merge(&stage);
    let torn = stage.lockfile();
    assert!(torn.contains("<<<<<<<"), "{torn}");
    // What people resolve by hand is the manifest.
    let manifest = "[registries]\nstudio = { git = \"URL\" }\n\n[agents]\nauditor = { registry = \"studio\" }\nmapper = { registry = \"studio\" }\nplanner = { registry = \"studio\" }\n";
    let manifest = manifest.replace("URL", stage.upstream.url().as_str());
    stage.sandbox.write("project/agentpkg.toml", manifest);

    let locked = stage.run(&["install", "--locked"]).code(1);
    assert!(locked.stderr.contains("merge conflict"), "{}", locked.all());
    assert_eq!(stage.lockfile(), torn);
    for command in [&["status"] as &[&str], &["check"], &["update"]] {
        let _ = stage.run(command).code(1);
    }
    let dry = stage.run(&["install", "--dry-run"]).code(0);
    assert!(dry.stderr.contains("had conflict markers"), "{}", dry.all());
    assert_eq!(stage.lockfile(), torn);
    let output = stage.run(&["install"]).code(0);
    assert!(
        output
            .stderr
            .contains("the entries of both sides were taken"),
        "{}",
        output.all()
    );
    assert!(!stage.lockfile().contains("<<<<<<<"));
    stage.assert_whole();
}

#[test]
fn of_two_entries_the_one_of_the_file_is_taken() {
    for (taken, words) in [
        (1, "taken from your side: planner"),
        (2, "taken from the other side: planner"),
        (0, "resolved anew: planner"),
    ] {
        let mut stage = clones();
        put(&mut stage, &versions(1));
        let _ = stage.run(&["update"]).code(0);
        commit(&stage, "project");
        put(&mut stage, &versions(2));
        let _ = other(&stage, &["update"]).code(0);
        let _ = merge(&stage);
        assert!(stage.lockfile().contains("<<<<<<<"));
        // The agent itself was resolved by a person: one side, or something of both.
        let own = agent("planner", "planner", taken);
        let text = if taken == 0 { own + "\nmine\n" } else { own };
        stage
            .sandbox
            .write("project/.claude/agents/planner.md", &text);
        let output = stage.run(&["install"]).code(0);
        assert!(output.stderr.contains(words), "{}", output.all());
        assert_eq!(stage.sandbox.read(".claude/agents/planner.md"), text);
        for command in [
            &["install"] as &[&str],
            &["install", "--locked"],
            &["status"],
            &["update"],
        ] {
            let _ = stage.run(command).code(0);
        }
        let merged = stage.sandbox.read(".claude/agents/planner.md");
        assert_eq!(merged.contains("mine"), taken == 0, "{merged}");
        assert!(merged.contains("new line 1"), "{merged}");
    }
}

#[test]
fn an_edited_file_whose_entry_is_lost_is_taken_back_as_edited() {
    for has_base in [true, false] {
        let mut stage = clones();
        let edited = agent("planner", "planner", 0) + "\nmine\n";
        stage
            .sandbox
            .write("project/.claude/agents/planner.md", &edited);
        fs::remove_file(stage.sandbox.project("agentpkg.lock")).unwrap();
        if !has_base {
            fs::remove_dir_all(stage.sandbox.project(".agentpkg/base")).unwrap();
        }
        put(&mut stage, &versions(2));
        let output = stage.run(&["install"]).code(0);
        assert!(
            output.stderr.contains("with your edits"),
            "{}",
            output.all()
        );
        assert_eq!(stage.sandbox.read(".claude/agents/planner.md"), edited);
        let status = stage.run(&["status", "--json"]).code(0).json();
        assert_eq!(status["agents"][0]["state"], "edited");
        assert_eq!(status["agents"][0]["difference"]["added"], 2);
        let _ = stage.run(&["update"]).code(0);
        let merged = agent("planner", "planner", 2) + "\nmine\n";
        assert_eq!(stage.sandbox.read(".claude/agents/planner.md"), merged);
        stage.assert_whole();
        // A file of somebody else is still not taken.
        fs::remove_dir_all(stage.sandbox.project(".agentpkg/base")).unwrap();
        stage
            .sandbox
            .write("project/.claude/agents/planner.md", "# something else\n");
        fs::remove_file(stage.sandbox.project("agentpkg.lock")).unwrap();
        let _ = stage.run(&["install"]).code(1);
    }
}

#[test]
fn the_drivers_are_git_settings_and_merge_entry_by_entry() {
    let mut stage = clones();
    let output = stage.run(&["init", "--merge-driver"]).code(0);
    assert!(
        output
            .stderr
            .contains("git config merge.agentpkg-lock.driver"),
        "{}",
        output.all()
    );
    let attributes = stage.sandbox.read(".git/info/attributes");
    assert!(attributes.contains("/agentpkg.lock merge=agentpkg-lock"));
    // What is set up twice is there once.
    let _ = stage.run(&["init", "--merge-driver"]).code(0);
    assert_eq!(stage.sandbox.read(".git/info/attributes"), attributes);
    // Each side adds one: no conflict.
    let _ = stage.run(&["install", "studio/auditor"]).code(0);
    commit(&stage, "project");
    let _ = other(&stage, &["install", "studio/tester"]).code(0);
    let merged = merge(&stage).code(0);
    assert_eq!(
        stage.lockfile().matches("[[agent]]").count(),
        3,
        "{}",
        merged.all()
    );
    stage.assert_whole();
    // Both update the same ones: two whole entries, which `install` decides.
    let _ = git(&stage, "other", &["pull", "-q", "../project", "main"]).code(0);
    put(&mut stage, &versions(1));
    let _ = stage.run(&["update"]).code(0);
    commit(&stage, "project");
    put(&mut stage, &versions(2));
    let _ = other(&stage, &["update"]).code(0);
    let conflict = merge(&stage).code(1);
    assert!(
        conflict
            .all()
            .contains("agentpkg.lock: conflict in planner"),
        "{}",
        conflict.all()
    );
    let torn = stage.lockfile();
    assert_eq!(torn.matches("<<<<<<<").count(), 3, "{torn}");
    // The driver of the agents took both, which is what the other side has.
    let text = agent("planner", "planner", 2);
    assert_eq!(stage.sandbox.read(".claude/agents/planner.md"), text);
    let _ = stage.run(&["install"]).code(0);
    stage.assert_whole();

    let _ = stage.run(&["init", "--merge-driver=off"]).code(0);
    let attributes = stage.sandbox.read(".git/info/attributes");
    assert!(!attributes.contains("agentpkg"), "{attributes}");
    let config = stage.sandbox.read(".git/config");
    assert!(!config.contains("merge-file"), "{config}");
}

#[test]
fn markers_in_an_agent_are_called_that() {
    let mut stage = clones();
    let text = agent("planner", "planner", 0);
    let torn = text.replace(
        "old line 3 about planner\n",
        "<<<<<<< HEAD\nmine\n=======\nyours\n>>>>>>> other\n",
    );
    let line = 1 + torn
        .lines()
        .position(|line| line.starts_with("<<<<<<<"))
        .unwrap();
    stage
        .sandbox
        .write("project/.claude/agents/planner.md", &torn);
    put(&mut stage, &versions(2));
    for (arguments, code) in [
        (&["status"] as &[&str], 0),
        (&["status", "--check"], 5),
        (&["check"], 4),
        (&["update"], 1),
        (&["resolve"], 0),
    ] {
        let output = stage.run(arguments).code(code).all();
        assert!(output.contains(&format!("line {line}")), "{output}");
        assert!(output.contains("conflict markers"), "{output}");
        assert!(!output.contains("every tool"), "{output}");
    }
    assert_eq!(stage.sandbox.read(".claude/agents/planner.md"), torn);
    let status = stage.run(&["status", "--json"]).code(0).json();
    assert_eq!(status["agents"][0]["markers"], line);
    // What a person wrote about markers is none.
    let about = text + "\n=======\n\nThe marks are `<<<<<<<` and `>>>>>>>`.\n";
    stage
        .sandbox
        .write("project/.claude/agents/planner.md", about);
    let _ = stage.run(&["update"]).code(0);
}

/// A lockfile as git leaves it where everything in it conflicts.
fn torn(ours: &str, theirs: &str) -> String {
    format!("<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> other\n")
}

#[test]
fn a_lockfile_of_two_sides_is_resolved_by_install_and_driver_and_never_by_locked() {
    let mut stage = Stage::new(&[("README.md", "nothing")]);
    put(&mut stage, &versions(0));
    let _ = stage.run(&["install", "studio/planner"]).code(0);
    let mut locks = vec![stage.lockfile()];
    for changed in [1, 2] {
        put(&mut stage, &versions(changed));
        let _ = stage.run(&["update"]).code(0);
        locks.push(stage.lockfile());
    }
    let manifest = stage.manifest();
    let _ = stage.run(&["install", "studio/auditor"]).code(0);
    let (both, wide) = (stage.lockfile(), stage.manifest());
    let planner = ".claude/agents/planner.md";
    let text = stage.sandbox.read(planner);
    // Name, the manifest, base, both sides, what install says, and the conflicts of the driver.
    let cases = [
        (
            "equal",
            &manifest,
            &locks[0],
            [&locks[2], &locks[2]],
            "both sides were taken",
            0,
        ),
        (
            "one side",
            &wide,
            &locks[2],
            [&both, &locks[2]],
            "both sides were taken",
            0,
        ),
        (
            "the other side",
            &wide,
            &locks[2],
            [&locks[2], &both],
            "both sides were taken",
            0,
        ),
        (
            "both differ",
            &manifest,
            &locks[0],
            [&locks[2], &locks[1]],
            "from your side: planner",
            1,
        ),
        (
            "both, reversed",
            &manifest,
            &locks[0],
            [&locks[1], &locks[2]],
            "from the other side: planner",
            1,
        ),
    ];
    for (name, manifest, base, [ours, theirs], words, conflicts) in cases {
        let whole = torn(ours, theirs);
        stage.sandbox.write("project/agentpkg.toml", manifest);
        stage.sandbox.write("project/agentpkg.lock", &whole);
        stage.sandbox.write(&format!("project/{planner}"), &text);
        // A committed file with markers stops whoever may not change it.
        for arguments in [&["install", "--locked"] as &[&str], &["update"], &["check"]] {
            let _ = stage.run(arguments).code(1);
        }
        assert_eq!(stage.lockfile(), whole, "{name}");
        let output = stage.run(&["install"]).code(0);
        assert!(output.stderr.contains(words), "{name}: {}", output.all());
        for arguments in [&["install", "--locked"] as &[&str], &["status", "--check"]] {
            let _ = stage.run(arguments).code(0);
        }
        assert_eq!(stage.sandbox.read(planner), text, "{name}");
        let expected = if *manifest == wide { &both } else { &locks[2] };
        assert_eq!(stage.lockfile(), *expected, "{name}");

        for (file, text) in [("base", base), ("ours", ours), ("theirs", theirs)] {
            stage.sandbox.write(&format!("project/{file}.lock"), text);
        }
        let driver = [
            "merge-file",
            "--lock",
            "ours.lock",
            "base.lock",
            "theirs.lock",
        ];
        let _ = stage.run(&driver).code(conflicts);
        let merged = stage.sandbox.read("ours.lock");
        assert_eq!(
            merged.contains("<<<<<<<"),
            conflicts > 0,
            "{name}: {merged}"
        );
        if conflicts == 0 {
            assert_eq!(merged, *expected, "{name}");
        }
    }
}

#[test]
fn what_git_could_not_merge_is_merged_by_install_or_waits_for_a_person() {
    let path = ".claude/agents/planner.md";
    // Each version says the same in other words, so that git cannot merge two of them.
    let at =
        |changed: usize, text: String| text.replace("new line", &format!("new {changed} line"));
    let next = |changed: usize| -> Vec<(String, String)> {
        let files = versions(changed).into_iter();
        files
            .map(|(file, text)| (file, at(changed, text)))
            .collect()
    };
    let edited = |changed: usize, line: usize, mine: &str| {
        let text = at(changed, agent("planner", "planner", changed));
        let old = text
            .lines()
            .find(|text| text.contains(&format!(" line {line} ")))
            .unwrap()
            .to_owned();
        text.replace(&old, &format!("{old}\n{mine}"))
    };
    for (ours, theirs, is_clean) in [(15, 18, true), (15, 15, false)] {
        let mut stage = clones();
        put(&mut stage, &next(1));
        let _ = stage.run(&["update"]).code(0);
        stage
            .sandbox
            .write(&format!("project/{path}"), edited(1, ours, "mine"));
        commit(&stage, "project");
        put(&mut stage, &next(2));
        let _ = other(&stage, &["update"]).code(0);
        stage
            .sandbox
            .write(&format!("other/{path}"), edited(2, theirs, "yours"));
        let _ = merge(&stage).code(1);
        let status = git(&stage, "project", &["status", "--short"]).stdout;
        assert!(
            !status.contains("base/") || !status.contains("UA "),
            "{status}"
        );
        let torn = stage.lockfile();
        let locked = stage.run(&["install", "--locked"]).code(1);
        assert!(locked.stderr.contains("conflict"), "{}", locked.all());
        if is_clean {
            let before = stage.sandbox.files();
            let dry = stage.run(&["install", "--dry-run"]).code(0);
            assert!(
                dry.stderr
                    .contains("both sides of the file were merged: planner")
            );
            assert_eq!(stage.sandbox.files(), before);
            let output = stage.run(&["install"]).code(0);
            let words =
                "taken from the other side: planner; both sides of the file were merged: planner";
            assert!(output.stderr.contains(words), "{}", output.all());
            let merged = stage.sandbox.read(path);
            assert!(
                merged.contains("\nmine\n") && merged.contains("\nyours\n"),
                "{merged}"
            );
            assert!(
                merged.contains("new 2 line 1 ") && !merged.contains("<<<<<<<"),
                "{merged}"
            );
        } else {
            let output = stage.run(&["install"]).code(1);
            assert!(
                output
                    .stderr
                    .contains(&format!("`git checkout --ours {path}`")),
                "{}",
                output.all()
            );
            // Which version each side has is not forgotten meanwhile.
            assert_eq!(stage.lockfile(), torn);
            let _ = git(&stage, "project", &["checkout", "-q", "--theirs", path]).code(0);
            let output = stage.run(&["install"]).code(0);
            assert!(
                output.stderr.contains("taken from the other side: planner"),
                "{}",
                output.all()
            );
            assert_eq!(stage.sandbox.read(path), edited(2, theirs, "yours"));
        }
        let status = stage.run(&["status", "--json"]).code(0).json();
        assert_eq!(status["agents"][0]["state"], "edited");
        assert_eq!(
            status["agents"][0]["difference"]["edits"],
            if is_clean { 2 } else { 1 }
        );
        let _ = stage.run(&["install", "--locked"]).code(0);
    }
}

#[test]
fn two_edits_of_one_version_are_merged_where_only_git_conflicts() {
    let path = ".claude/agents/planner.md";
    let stage = clones();
    let text = agent("planner", "planner", 0);
    let model = |model: &str| text.replacen("\n---\n", &format!("\n{model}\n---\n"), 1);
    stage
        .sandbox
        .write(&format!("project/{path}"), model("model: opus"));
    commit(&stage, "project");
    stage
        .sandbox
        .write(&format!("other/{path}"), model("color: red"));
    let _ = merge(&stage).code(1);
    let _ = stage.run(&["install", "--locked"]).code(1);
    let output = stage.run(&["install"]).code(0);
    assert!(
        output.stderr.contains("merged what git could not: planner"),
        "{}",
        output.all()
    );
    let merged = stage.sandbox.read(path);
    assert!(
        merged.contains("model: opus\n") && merged.contains("color: red\n"),
        "{merged}"
    );
    let _ = stage.run(&["undo"]).code(0);
    assert!(stage.sandbox.read(path).contains("<<<<<<<"));
}
