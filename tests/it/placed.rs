//! Files of agents that are not where the lockfile has them: moved by hand, in two places after a merge, or found without a lockfile.

use std::fs;
use std::process::Command;

use crate::adopt::{PLANNER, Stage, agent};
use crate::support::repo::run_git;
use crate::support::sandbox::{Output, finish};

/// A project in which `planner` is installed, and edited.
fn installed(edit: &str) -> Option<(Stage, String)> {
    let stage = Stage::new(&[(PLANNER, &agent("planner"))])?;
    let _ = stage.run("install team/planner").code(0);
    let text = agent("planner").replace("planner does 17\n", edit);
    stage.copy("planner", &text);
    Some((stage, text))
}

fn move_file(stage: &Stage, from: &str, to: &str) {
    let path = |name: &str| stage.sandbox.project(&format!(".claude/agents/{name}.md"));
    fs::create_dir_all(path(to).parent().unwrap()).unwrap();
    fs::rename(path(from), path(to)).unwrap();
}

fn is_there(stage: &Stage, name: &str) -> bool {
    let path = format!(".claude/agents/{name}.md");
    stage.sandbox.project(&path).exists()
}

#[test]
fn a_file_that_was_moved_by_hand_is_followed_by_every_command() {
    let new = agent("planner").replace("planner does 3\n", "planner does three\n");
    for edit in ["planner does 17\n", "planner does what I want\n"] {
        for line in [
            "install",
            "install --force",
            "update",
            "set planner model=haiku",
            "update --conflicts=skip",
        ] {
            let Some((mut stage, text)) = installed(edit) else {
                return;
            };
            stage.publish(PLANNER, &new);
            move_file(&stage, "planner", "review/deep/planner");
            let at = ".claude/agents/review/deep/planner.md";
            let before = stage.lock();
            let said = stage.run("status").code(0).all();
            assert!(said.contains(&format!("moved to {at}")), "{said}");
            let status = stage.run("status --json").code(0).json();
            assert_eq!(status["agents"][0]["elsewhere"][0], at);
            assert_eq!(status["unmanaged"].as_array().map(Vec::len), Some(0));
            let _ = stage.run("status --check").code(5);
            assert!(stage.run("check").code(0).all().contains("moved"));
            assert_eq!(stage.run("list --json").json()["agents"][0]["path"], at);
            // What may not change says so, and what only looks does.
            let _ = stage.run("install --locked").code(1);
            let said = stage.run(&format!("{line} --dry-run")).code(0).all();
            assert!(said.contains("moved to"), "{line}: {said}");
            assert_eq!(stage.lock(), before, "{line}");

            let said = stage.run(line).code(0).all();
            assert!(said.contains(&format!("moved to {at}")), "{line}: {said}");
            assert!(!is_there(&stage, "planner"), "{line}: {said}");
            assert!(stage.lock().contains("path = \"review/deep/planner.md\""));
            let now = stage.file("review/deep/planner");
            if line == "install" {
                assert_eq!(now, text);
            }
            if !line.contains("--force") {
                assert_eq!(now.contains("what I want"), text.contains("what I want"));
            }
            assert_eq!(
                now.contains("three"),
                line.starts_with("update"),
                "{line}: {now}"
            );
            let _ = stage.run("install --locked").code(0);
            let _ = stage.run("status --check").code(0);
            let _ = stage.run("undo").code(0);
            assert_eq!(stage.lock(), before, "{line}");
            assert_eq!(stage.file("review/deep/planner"), text, "{line}");
            let _ = stage.run("remove planner --force").code(0);
            assert!(!is_there(&stage, "review/deep/planner"), "{line}");
        }
    }
}

#[test]
fn json_and_the_users_own_folder_follow_too() {
    let Some((stage, _)) = installed("planner does 17\n") else {
        return;
    };
    move_file(&stage, "planner", "review/planner");
    let document = stage.run("install --json").code(0).json();
    assert_eq!(document["moved_files"][0]["name"], "planner");
    assert_eq!(
        document["moved_files"][0]["from"],
        ".claude/agents/planner.md"
    );
    assert_eq!(document["changes"], 1);
    move_file(&stage, "review/planner", "planner");
    let document = stage.run("update --json").code(0).json();
    assert_eq!(
        document["moved_files"][0]["to"],
        ".claude/agents/planner.md"
    );
    assert!(!stage.lock().contains("path ="));

    let team = stage.sandbox.path().join("team.git");
    let add = format!("registry add {} --name team --user", team.display());
    let _ = stage.run(&add).code(0);
    let _ = stage.run("install team/planner --user").code(0);
    let home = stage.sandbox.path().join("home/.claude/agents");
    fs::create_dir_all(home.join("mine")).unwrap();
    fs::rename(home.join("planner.md"), home.join("mine/planner.md")).unwrap();
    let said = stage.run("install --user --yes").code(0).all();
    assert!(said.contains("moved to"), "{said}");
    assert!(!home.join("planner.md").exists());
}

#[test]
fn of_several_files_none_is_followed_and_nothing_is_written_beside_them() {
    let Some((stage, text)) = installed("planner does what I want\n") else {
        return;
    };
    move_file(&stage, "planner", "a/planner");
    stage.copy("b/planner", &text);
    let before = stage.sandbox.files();
    for line in ["install", "update", "install planner"] {
        let said = stage.run(line).code(1).all();
        assert!(said.contains("a/planner.md"), "{line}: {said}");
        assert!(said.contains("b/planner.md"), "{line}: {said}");
        assert!(!is_there(&stage, "planner"), "{line}: {said}");
    }
    assert_eq!(stage.sandbox.files().len(), before.len());
    let status = stage.run("status --json").code(0).json();
    assert_eq!(status["agents"][0]["state"], "missing");
    assert_eq!(
        status["agents"][0]["elsewhere"].as_array().map(Vec::len),
        Some(2)
    );
    let said = stage.run("check").code(4).all();
    assert!(
        said.contains("may be any of .claude/agents/a/planner.md"),
        "{said}"
    );
    let _ = stage.run("install team/planner --force").code(0);
    assert!(is_there(&stage, "planner"));

    // As the hint says.
    fs::remove_file(stage.sandbox.project(".claude/agents/planner.md")).unwrap();
    fs::remove_file(stage.sandbox.project(".claude/agents/b/planner.md")).unwrap();
    let _ = stage.run("install").code(0);
    assert!(stage.lock().contains("path = \"a/planner.md\""));
}

#[test]
fn another_agent_of_the_name_is_not_taken_for_the_missing_file() {
    let Some((stage, _)) = installed("planner does 17\n") else {
        return;
    };
    fs::remove_file(stage.sandbox.project(".claude/agents/planner.md")).unwrap();
    let other = agent("somebody").replace("name: somebody", "name: planner");
    stage.copy("mine/planner", &other);
    let said = stage.run("install").code(0).all();
    assert!(is_there(&stage, "planner"), "{said}");
    assert_eq!(stage.file("mine/planner"), other);
    assert!(said.contains("both named `planner`"), "{said}");
}

#[test]
fn without_a_lockfile_the_file_in_a_folder_is_found() {
    for edit in ["planner does 17\n", "planner does what I want\n"] {
        for line in ["install", "install --yes", "update"] {
            let Some((stage, text)) = installed(edit) else {
                return;
            };
            move_file(&stage, "planner", "review/planner");
            fs::remove_file(stage.sandbox.project("agentpkg.lock")).unwrap();
            let output = stage.run(line);
            assert!(!is_there(&stage, "planner"), "{line}: {}", output.all());
            assert_eq!(stage.file("review/planner"), text, "{line}");
            if line == "update" && edit.contains("want") {
                // An update without a lockfile knows no base, wherever the file is.
                let _ = output.code(1);
                continue;
            }
            let _ = output.code(0);
            assert!(stage.lock().contains("path = \"review/planner.md\""));
            let status = stage.run("status --json").code(0).json();
            let state = if edit.contains("want") {
                "edited"
            } else {
                "clean"
            };
            assert_eq!(status["agents"][0]["state"], state, "{line}");
        }
    }
}

#[test]
fn an_install_meets_a_file_of_the_name_in_a_folder() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    let mine = agent("planner").replace("planner does 17\n", "planner does what I want\n");
    stage.copy("review/planner", &mine);
    let said = stage.run("install team/planner").code(1).all();
    assert!(said.contains("review/planner.md` exists"), "{said}");
    assert!(said.contains("adopt planner --from team/planner"), "{said}");
    stage.copy("review/planner", &agent("planner"));
    let said = stage.run("install team/planner").code(0).all();
    assert!(said.contains("Adopted planner"), "{said}");
    assert!(stage.lock().contains("path = \"review/planner.md\""));
    // A file of that name that is an agent of another one is in nobody's way.
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    stage.copy("docs/planner", "# How to plan\n");
    stage.copy(
        "team/planner",
        &mine.replace("name: planner", "name: other"),
    );
    let _ = stage.run("install team/planner").code(0);
    assert!(is_there(&stage, "planner"));
}

/// Two branches of a project that adopt one agent, each in a folder of its own, or with a base of its own.
fn branches(stage: &Stage, driver: bool, sides: [(&str, &str, &str); 2]) -> Output {
    let root = stage.sandbox.project("");
    let git = |arguments: &[&str]| run_git(&root, arguments);
    git(&["init", "-q", "-b", "main"]);
    git(&["config", "user.name", "n"]);
    git(&["config", "user.email", "n@x"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "base"]);
    if driver {
        let _ = stage.run("init --merge-driver").code(0);
        let program = env!("CARGO_BIN_EXE_agentpkg");
        let run = format!("\"{program}\" merge-file --lock -L %X -L %S -L %Y %A %O %B");
        git(&["config", "merge.agentpkg-lock.driver", &run]);
        let run = format!("\"{program}\" merge-file -L %X -L %S -L %Y %A %O %B");
        git(&["config", "merge.agentpkg.driver", &run]);
    }
    for (branch, (file, text, adopt)) in ["one", "two"].into_iter().zip(sides) {
        git(&["checkout", "-q", "-b", branch, "main"]);
        stage.copy(file, text);
        let _ = stage.run(adopt).code(0);
        git(&["add", "-A"]);
        git(&["commit", "-qm", branch]);
    }
    let mut merge = stage.sandbox.prepared(Command::new("git"));
    let _ = finish(merge.current_dir(&root).args(["merge", "-q", "one"])).code(1);
    stage.run("install")
}

#[test]
fn two_branches_that_adopt_one_agent_in_two_folders_keep_one_adoption_with_its_base() {
    for driver in [false, true] {
        let old = agent("planner");
        let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
            return;
        };
        let [one, two] =
            ["first", "second"].map(|word| old.replace("does 17\n", &format!("does {word}\n")));
        let output = branches(
            &stage,
            driver,
            [
                ("zeta/planner", &one, "adopt planner"),
                ("alpha/planner", &two, "adopt planner"),
            ],
        );
        let said = output.code(0).all();
        assert!(said.contains("alpha/planner.md is unmanaged"), "{said}");
        assert!(!is_there(&stage, "planner"), "{said}");
        assert_eq!(stage.file("zeta/planner"), one);
        assert_eq!(stage.file("alpha/planner"), two);
        assert!(
            stage.lock().contains("path = \"zeta/planner.md\""),
            "{said}"
        );
        let status = stage.run("status --json").code(0).json();
        assert_eq!(status["agents"][0]["state"], "edited");
        assert_eq!(status["unmanaged"][0], "alpha/planner.md");
        stage.publish(PLANNER, &old.replace("does 3\n", "does three\n"));
        let _ = stage.run("update").code(0);
        assert_eq!(
            stage.file("zeta/planner"),
            one.replace("does 3\n", "does three\n")
        );
    }
}

#[test]
fn an_adoption_whose_text_no_version_resembles_is_not_lost_by_a_merge() {
    for specs in [
        ["team/planner", "team/planner@OLD"],
        ["team/planner@OLD", "team/planner"],
    ] {
        let old = agent("planner");
        let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
            return;
        };
        let mut git = stage.sandbox.prepared(Command::new("git"));
        let head = git.current_dir(stage.sandbox.path().join("team.git"));
        let head = finish(head.args(["rev-parse", "HEAD"])).code(0).stdout;
        let specs = specs.map(|spec| spec.replace("OLD", &head.trim()[..10]));
        stage.publish(PLANNER, &old.replace("does 20\n", "does twenty\n"));
        let kept: Vec<&str> = old.lines().take(14).collect();
        let own: Vec<String> = (1..60).map(|line| format!("Own line {line}\n\n")).collect();
        let mine = format!("{}\n\n{}", kept.join("\n"), own.concat());
        let [one, two] = specs.map(|spec| format!("adopt planner --from {spec} --nearest"));
        let sides = [("planner", &*mine, &*one), ("planner", &mine, &two)];
        let _ = branches(&stage, false, sides).code(0);
        assert_eq!(stage.file("planner"), mine);
        let status = stage.run("status --json").code(0).json();
        assert_eq!(status["agents"][0]["state"], "edited", "{status}");
        let _ = stage.run("install --locked").code(0);
    }
}

/// A lockfile that git could not merge, while the file was moved without a word to agentpkg: the file says which side it is from.
#[test]
fn of_two_entries_the_one_that_a_moved_file_was_made_from_is_taken() {
    for edit in ["planner does 17\n", "planner does what I want\n"] {
        for is_theirs in [false, true] {
            let Some((mut stage, _)) = installed("planner does 17\n") else {
                return;
            };
            stage.publish(
                PLANNER,
                &agent("planner").replace("does 14\n", "does XIV\n"),
            );
            let _ = stage.run("update").code(0);
            let old = stage.lock();
            stage.publish(PLANNER, &agent("planner").replace("does 9\n", "does IX\n"));
            let _ = stage.run("update").code(0);
            let new = stage.lock();
            let text = stage.file("planner").replace("planner does 17\n", edit);
            stage.copy("planner", &text);
            move_file(&stage, "planner", "sub/planner");
            let [ours, theirs] = if is_theirs {
                [&old, &new]
            } else {
                [&new, &old]
            };
            let marked = format!("<<<<<<< main\n{ours}=======\n{theirs}>>>>>>> other\n");
            fs::write(stage.sandbox.project("agentpkg.lock"), marked).unwrap();
            let _ = stage.run("install").code(0);
            assert_eq!(stage.file("sub/planner"), text);
            let commit = |lock: &str| {
                let line = lock.lines().find(|line| line.starts_with("sha256"));
                line.unwrap_or_default().to_owned()
            };
            assert_eq!(commit(&stage.lock()), commit(&new), "{edit} {is_theirs}");
            let status = stage.run("status --json").code(0).json();
            let is_edited = edit.contains("want");
            let expected = if is_edited { "edited" } else { "clean" };
            assert_eq!(status["agents"][0]["state"], expected, "{status}");
        }
    }
}

#[test]
fn nothing_is_removed_where_several_files_may_be_the_agents() {
    let stage = || {
        let (stage, text) = installed("planner does what I want\n")?;
        move_file(&stage, "planner", "a/planner");
        stage.copy("b/planner", &text);
        Some(stage)
    };
    for (line, code) in [
        ("remove planner --dry-run", 1),
        ("remove planner", 1),
        ("remove planner --keep-file", 0),
        ("remove planner --force", 0),
        ("install", 0),
    ] {
        let Some(stage) = stage() else {
            return;
        };
        if line == "install" {
            let manifest = stage.sandbox.project("agentpkg.toml");
            let text = fs::read_to_string(&manifest).unwrap();
            let lines = text.lines().filter(|line| !line.starts_with("planner"));
            fs::write(&manifest, lines.collect::<Vec<_>>().join("\n")).unwrap();
        }
        let said = stage.run(line).code(code).all();
        for file in ["a/planner", "b/planner"] {
            assert!(is_there(&stage, file), "{line}: {said}");
            assert!(said.contains(&format!("{file}.md")), "{line}: {said}");
        }
        assert!(!said.contains("Removed"), "{line}: {said}");
        assert_eq!(stage.lock().contains("planner"), code == 1, "{line}");
    }
}

#[test]
fn undo_says_where_a_file_was_moved() {
    for command in ["install planner", "update", "set planner model=haiku"] {
        let Some((mut stage, _)) = installed("planner does 17\n") else {
            return;
        };
        if command != "install planner" {
            stage.publish(PLANNER, &agent("planner").replace("does 9\n", "does IX\n"));
            let _ = stage.run(command).code(0);
        }
        let text = stage.file("planner");
        move_file(&stage, "planner", "sub/planner");
        let before = stage.sandbox.files();
        for line in ["undo --dry-run", "undo"] {
            let said = stage.run(line).code(1).all();
            assert!(said.contains("sub/planner.md"), "{command}: {line}: {said}");
            assert_eq!(stage.sandbox.files(), before, "{command}: {line}");
        }
        // As the hint says.
        move_file(&stage, "sub/planner", "planner");
        let _ = stage.run("undo").code(0);
        stage.copy("planner", &text);
        move_file(&stage, "planner", "sub/planner");
        let said = stage.run("undo --force").all();
        assert!(is_there(&stage, "sub/planner"), "{said}");
    }
}

#[test]
fn a_folder_in_the_place_of_a_file_is_searched_and_never_replaced() {
    let Some(stage) = Stage::new(&[
        (PLANNER, &agent("planner")),
        ("agents/other.md", &agent("other")),
    ]) else {
        return;
    };
    let _ = stage.run("install team/other").code(0);
    let folder = stage.sandbox.project(".claude/agents/planner.md");
    fs::create_dir_all(&folder).unwrap();
    for line in ["status", "check", "list", "install", "update", "outdated"] {
        let _ = stage.run(line).code(0);
    }
    let refused = |line: &str| {
        let said = stage.run(line).code(1).all();
        let what = "`.claude/agents/planner.md` is a folder";
        assert!(said.contains(what), "{line}: {said}");
        assert!(said.contains("hint: rename or move"), "{line}: {said}");
        assert!(folder.is_dir(), "{line}");
    };
    for line in [
        "install planner",
        "install planner --dry-run",
        "install planner --force",
        "install other planner",
    ] {
        refused(line);
    }
    // What is inside is an agent as anywhere else.
    stage.copy("planner.md/inner", &agent("inner"));
    let status = stage.run("status --json").code(0).json();
    assert_eq!(status["unmanaged"][0], "planner.md/inner.md");

    // The same after the agent was installed.
    fs::remove_dir_all(&folder).unwrap();
    let _ = stage.run("install planner").code(0);
    fs::remove_file(&folder).unwrap();
    fs::create_dir_all(&folder).unwrap();
    let status = stage.run("status --json").code(0).json();
    assert_eq!(status["agents"][1]["state"], "missing");
    assert!(stage.run("check").code(4).all().contains("is gone"));
    for line in ["install", "install --force", "update"] {
        refused(line);
    }
    let said = stage.run("undo").code(1).all();
    assert!(said.contains("hint: move it away"), "{said}");
    // An agent whose file is missing can be removed, and the folder stays.
    let _ = stage.run("remove planner").code(0);
    assert!(folder.is_dir());
    let _ = stage.run("check").code(0);
}
