//! Agents that were copied by hand: where each is from, and what an update makes of it afterwards.

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;
use serde_json::json;

use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::{Output, Sandbox};

/// An agent of twenty lines of its own.
pub(crate) fn agent(name: &str) -> String {
    let lines: Vec<String> = (1..=20)
        .map(|line| format!("- {name} does {line}\n\n"))
        .collect();
    let lines = lines.concat();
    format!("---\nname: {name}\ndescription: Does {name}\ntools: Read, Grep\n---\n\n{lines}")
}

/// A project with a git registry, and what upstream committed.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    upstream: RepoBuilder,
}

impl Stage {
    /// With these files in the registry; `None` without git, which was reported.
    pub(crate) fn new(files: &[(&str, &str)]) -> Option<Self> {
        let sandbox = Sandbox::new();
        hermetic_git(&sandbox.path().join("home"))?;
        let mut upstream = RepoBuilder::bare(&sandbox.path().join("team.git"));
        for (path, text) in files {
            upstream.file(path, text);
        }
        let _ = upstream.commit("first");
        let _ = sandbox
            .run(&["registry", "add", upstream.url().as_str(), "--name", "team"])
            .code(0);
        Some(Self { sandbox, upstream })
    }

    pub(crate) fn publish(&mut self, path: &str, text: &str) {
        self.upstream.file(path, text);
        let _ = self.upstream.commit("later");
    }

    pub(crate) fn copy(&self, name: &str, text: &str) {
        self.sandbox
            .write(&format!("project/.claude/agents/{name}.md"), text);
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        let words: Vec<&str> = line.split(' ').collect();
        self.sandbox.run(&words)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.sandbox.read(&format!(".claude/agents/{name}.md"))
    }

    pub(crate) fn lock(&self) -> String {
        self.sandbox.read("agentpkg.lock")
    }
}

pub(crate) const PLANNER: &str = "agents/planner.md";

#[test]
fn a_copy_of_an_old_version_is_adopted_as_it_is_and_the_next_update_merges() {
    let old = agent("planner");
    let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
        return;
    };
    stage.publish(
        PLANNER,
        &old.replace("planner does 3\n", "planner does three\n"),
    );
    let mine = old.replace("planner does 17\n", "planner does what I want\n");
    stage.copy("planner", &mine);
    let said = stage.run("adopt planner --nearest").code(0).all();
    assert!(said.contains("1 line differs"), "{said}");
    assert_eq!(stage.file("planner"), mine);
    assert!(stage.sandbox.read("agentpkg.toml").contains("planner"));
    assert!(stage.lock().contains("registry = \"team\""));
    let _ = stage.run("install --locked").code(0);
    let _ = stage.run("update").code(0);
    let merged = mine.replace("planner does 3\n", "planner does three\n");
    assert_eq!(stage.file("planner"), merged);
}

#[test]
fn the_same_bytes_are_found_wherever_they_once_were() {
    let old = agent("planner");
    let Some(mut stage) = Stage::new(&[
        ("old/planner.md", &old),
        ("agents/other.md", &agent("other")),
    ]) else {
        return;
    };
    let new = agent("planner").replace("does", "did");
    stage.publish("old/planner.md", &new);
    for (name, text) in [("planner", &old), ("my-planner", &new)] {
        stage.copy(name, text);
    }
    let said = stage.run("adopt --all").code(0).all();
    assert_eq!(said.matches("identical").count(), 2, "{said}");
    assert_eq!(
        (stage.file("planner"), stage.file("my-planner")),
        (old, new)
    );
}

#[test]
fn what_is_of_nobody_stays_unmanaged_and_is_a_failure_only_where_it_is_named() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    stage.copy("mine", &agent("mine"));
    stage.copy("planner", &agent("planner"));
    let said = stage.run("adopt mine").code(4).all();
    assert!(said.contains("no origin found"), "{said}");
    assert!(!stage.sandbox.project("agentpkg.lock").exists());
    let document = stage.run("adopt --all --json").code(0).json();
    assert_eq!(document["agents"][0]["status"], "adopted");
    assert_eq!(document["not_adopted"][0]["name"], "mine");
    assert_eq!(stage.run("status --json").json()["unmanaged"][0], "mine.md");
    for (line, code) in [("adopt planner", 1), ("adopt plannr", 1), ("adopt", 2)] {
        let _ = stage.run(line).code(code);
    }
    let said = stage.run("adopt --from team").code(2).all();
    assert!(
        said.contains("`agentpkg adopt --all --from team`"),
        "{said}"
    );
}

#[test]
fn versions_that_cannot_be_told_apart_are_listed_and_the_rest_is_adopted() {
    let old = agent("planner");
    let Some(mut stage) = Stage::new(&[(PLANNER, &old), ("agents/other.md", &agent("other"))])
    else {
        return;
    };
    let new = old.replace("planner does 3\n", "planner does three\n");
    stage.publish(PLANNER, &new);
    let mine = old.replace("planner does 3\n", "planner does my own\n");
    stage.copy("planner", &mine);
    stage.copy("other", &agent("other"));
    let _ = stage.run("adopt --all --dry-run").code(0);
    assert!(!stage.sandbox.project("agentpkg.lock").exists());
    let output = stage.run("adopt --all").code(4);
    let said = output.all();
    assert!(said.contains("may be from any of 2 versions"), "{said}");
    let lock = stage.lock();
    assert!(
        lock.contains("\"other\"") && !lock.contains("\"planner\""),
        "{lock}"
    );
    // The first command that it names takes the nearest one.
    let (_, command) = said.split_once("hint: `agentpkg ").unwrap();
    let (command, _) = command.split_once('`').unwrap();
    let _ = stage.run(command).code(0);
    assert_eq!(stage.file("planner"), mine);
    assert!(stage.lock().contains("\"planner\""));
}

#[test]
fn a_version_is_taken_unasked_only_if_no_other_is_about_as_near() {
    let old = agent("planner");
    for (changed, is_asked) in [(1, true), (6, false)] {
        let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
            return;
        };
        let new = (1..=changed).fold(old.clone(), |text, line| {
            text.replace(&format!("does {line}\n"), &format!("has done {line}\n"))
        });
        stage.publish(PLANNER, &new);
        let mine = old.replace("planner does 17\n", "planner does what I want\n");
        stage.copy("planner", &mine);
        let said = stage.run("adopt --all --dry-run").code(0).all();
        assert_eq!(said.contains("any of 2 versions"), is_asked, "{said}");
        for says in ["--nearest", "Would ask planner  which one is meant"] {
            assert_eq!(said.contains(says), is_asked, "{said}");
        }
        for line in [
            "adopt planner",
            "adopt --all --yes",
            "adopt --from team planner",
        ] {
            let output = stage.run(line).code(if is_asked { 4 } else { 0 });
            assert_eq!(output.all().contains("--nearest"), is_asked, "{line}");
            if !is_asked {
                let _ = stage.run("undo").code(0);
            }
        }
        for line in [
            "adopt planner --nearest",
            "adopt --all --nearest --yes",
            "adopt --from team planner --nearest",
        ] {
            let dry = stage.run(&format!("{line} --dry-run")).code(0).all();
            assert!(dry.contains("Would adopt planner"), "{line}: {dry}");
            let document = stage.run(&format!("{line} --json")).code(0).json();
            let notes = document["agents"][0]["notes"].to_string();
            assert!(notes.contains("1 line differs"), "{line}: {notes}");
            assert_eq!(notes.contains("nearest of 2"), is_asked, "{line}: {notes}");
            assert!(stage.file("planner") == mine, "{line}");
            let _ = stage.run("undo").code(0);
        }
    }
}

#[test]
fn adopting_obeys_the_options_that_every_command_has() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    stage.copy("planner", &agent("planner"));
    let before = stage.sandbox.files();
    let said = stage.run("adopt --all --dry-run").code(0).all();
    assert!(said.contains("Would adopt"), "{said}");
    let _ = stage.run("adopt --all --locked").code(1);
    assert_eq!(stage.sandbox.files(), before);
    let _ = stage.run("adopt --all --offline --yes").code(0);
    let _ = stage.run("undo").code(0);
    assert_eq!(
        stage.run("status --json").json()["unmanaged"][0],
        "planner.md"
    );
    assert_eq!(stage.file("planner"), agent("planner"));
}

#[test]
fn the_agents_of_the_user_are_adopted_too() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    stage
        .sandbox
        .write("home/.claude/agents/planner.md", agent("planner"));
    let url = stage.upstream.url();
    let from = url.as_str();
    let _ = stage
        .run(&format!("adopt planner --user --from {from}"))
        .code(0);
    let said = stage.run("status --user").code(0).all();
    assert!(said.contains("clean"), "{said}");
}

#[test]
fn the_policy_counts_and_what_a_file_may_do_already_is_not_asked() {
    let hooked = agent("planner").replace(
        "tools: Read, Grep\n",
        "tools: Read, Grep\nhooks:\n  Stop:\n    - hooks:\n        - type: command\n          command: ls\n",
    );
    let Some(stage) = Stage::new(&[(PLANNER, &hooked)]) else {
        return;
    };
    stage.copy("planner", &hooked);
    let manifest = stage.sandbox.read("agentpkg.toml");
    stage.sandbox.write(
        "project/agentpkg.toml",
        format!("{manifest}\n[policy]\ndeny-tools = [\"Grep\"]\n"),
    );
    let said = stage.run("adopt --all").code(4).all();
    assert!(said.contains("Grep"), "{said}");
    stage.sandbox.write("project/agentpkg.toml", manifest);
    let said = stage.run("adopt --all").code(0).all();
    assert!(said.contains("hooks"), "{said}");
    assert!(stage.lock().contains("allowed = [\"hooks\"]"));
}

#[test]
fn files_that_cannot_be_adopted_are_left_with_a_reason() {
    let text = agent("planner");
    let Some(stage) = Stage::new(&[(PLANNER, &text)]) else {
        return;
    };
    let marked = format!("{text}<<<<<<< mine\na\n=======\nb\n>>>>>>> theirs\n");
    for (name, text, why) in [
        (
            "my~folder/planner",
            &text,
            "cannot use the folder `my~folder`",
        ),
        ("con/planner", &text, "`con` is reserved"),
        ("plan ner", &text, "its file cannot be"),
        ("planner", &marked, "conflict markers"),
        ("empty", &String::new(), "no origin found"),
    ] {
        stage.copy(name, text);
        let output = stage.sandbox.run(&["adopt", name]).code(4);
        assert!(output.all().contains(why), "{name}: {}", output.all());
        fs::remove_file(stage.sandbox.project(&format!(".claude/agents/{name}.md"))).unwrap();
    }
}

#[test]
fn a_file_in_a_folder_stays_there_through_every_command() {
    let old = agent("planner");
    let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
        return;
    };
    let (file, path) = (
        "review/deep/planner",
        ".claude/agents/review/deep/planner.md",
    );
    let mine = old.replace("planner does 17\n", "planner does what I want\n");
    stage.copy(file, &mine);
    let status = stage.run("status --json").json();
    assert_eq!(status["unmanaged"][0], format!("{file}.md"));
    let document = stage.run("adopt planner --json").code(0).json();
    assert_eq!(document["agents"][0]["path"], path);
    assert!(stage.lock().contains("path = \"review/deep/planner.md\""));
    assert_eq!(stage.file(file), mine);
    for line in ["install", "install --locked", "check", "update"] {
        let _ = stage.run(line).code(0);
        assert_eq!(stage.file(file), mine, "{line}");
    }
    let status = stage.run("status --json").json();
    assert_eq!(status["unmanaged"].as_array().map(Vec::len), Some(0));
    assert_eq!(status["agents"][0]["difference"]["edits"], 1, "{status}");
    assert_eq!(stage.run("list --json").json()["agents"][0]["path"], path);
    let listed = stage.run("list --all --json").json().to_string();
    assert!(listed.contains("\"agentpkg.toml\""), "{listed}");
    assert_eq!(
        stage
            .run("adopt planner")
            .code(1)
            .all()
            .matches("already")
            .count(),
        1
    );

    let new = old.replace("planner does 3\n", "planner does three\n");
    stage.publish(PLANNER, &new);
    let _ = stage.run("update").code(0);
    let merged = mine.replace("planner does 3\n", "planner does three\n");
    assert_eq!(stage.file(file), merged);
    let said = stage.run("diff").code(0).all();
    assert!(said.contains(path), "{said}");
    let _ = stage.run("undo").code(0);
    assert_eq!(stage.file(file), mine);
    let _ = stage.run("update").code(0);

    // On another machine, and here if the file is gone.
    fs::remove_dir_all(stage.sandbox.project(".claude/agents")).unwrap();
    let _ = stage.run("install --locked").code(0);
    assert_eq!(stage.file(file), new);
    assert!(!stage.sandbox.project(".claude/agents/planner.md").exists());
    stage.copy(file, &merged);

    // Both sides changed one line.
    stage.publish(
        PLANNER,
        &new.replace("planner does 17\n", "planner rests\n"),
    );
    let _ = stage.run("update --conflicts=markers");
    assert_eq!(stage.file(file), merged);
    let _ = stage.run("resolve --theirs").code(0);
    assert!(stage.file(file).contains("planner rests"));
    let _ = stage.run("remove planner --force").code(0);
    assert!(!stage.sandbox.project(path).exists());
    let _ = stage.run("undo").code(0);
    assert!(stage.file(file).contains("planner rests"));
}

/// A repository with two versions of an agent behind a server, and a project with a copy of the first.
fn far() -> Option<(Sandbox, Server, String)> {
    let sandbox = Sandbox::new();
    hermetic_git(&sandbox.path().join("home"))?;
    let old = agent("planner");
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("srv/far.git"));
    upstream.file(PLANNER, &old);
    let _ = upstream.commit("first");
    upstream.file(PLANNER, agent("architect"));
    let _ = upstream.commit("second");
    let server = Server::start(&sandbox.path().join("srv"));
    let _ = sandbox.write("project/.claude/agents/planner.md", &old);
    Some((sandbox, server, old))
}

#[test]
fn nothing_is_fetched_unasked_and_what_would_be_is_said() {
    let Some((sandbox, server, _)) = far() else {
        return;
    };
    let url = server.url("far.git");
    let _ = sandbox
        .run(&["registry", "add", url.as_str(), "--name", "far"])
        .code(0);
    let _ = server.requests();
    for options in [&["--all"][..], &["--all", "--dry-run"], &["--all", "--yes"]] {
        let said = sandbox.run(&[&["adopt"], options].concat()).code(0).all();
        assert!(said.contains("no origin found"), "{said}");
        assert!(said.contains("here only in part"), "{said}");
        assert!(said.contains("--from far"), "{said}");
    }
    assert!(server.requests().is_empty());
    let said = sandbox
        .run(&["adopt", "--all", "--from", "far"])
        .code(0)
        .all();
    assert!(said.contains("identical"), "{said}");
    assert!(!server.requests().is_empty());
    let _ = server.requests();
    let _ = sandbox.run(&["undo"]).code(0);
    let said = sandbox.run(&["adopt", "--all"]).code(0).all();
    assert!(said.contains("identical"), "{said}");
    assert!(server.requests().is_empty());
}

#[test]
fn the_repositories_of_enabled_plugins_are_sources_once_they_are_here() {
    let Some((sandbox, server, old)) = far() else {
        return;
    };
    let url = server.url("far.git");
    let market = json!({"market": {"source": {"source": "git", "url": url.as_str()}}});
    let _ = sandbox
        .write(
            "home/.claude/plugins/known_marketplaces.json",
            market.to_string(),
        )
        .write(
            "project/.claude/settings.json",
            json!({"enabledPlugins": {"kit@market": true}}).to_string(),
        );
    let said = sandbox.run(&["adopt", "--all"]).code(0).all();
    assert!(said.contains("is not here"), "{said}");
    assert!(said.contains(&format!("--from {url}")), "{said}");
    assert!(server.requests().is_empty());
    let _ = sandbox
        .run(&["adopt", "planner", "--from", url.as_str(), "--dry-run"])
        .code(0);
    let _ = server.requests();
    let said = sandbox.run(&["adopt", "--all"]).code(0).all();
    assert!(said.contains("identical"), "{said}");
    assert!(server.requests().is_empty());
    assert!(sandbox.read("agentpkg.lock").contains(url.as_str()));
    assert_eq!(sandbox.read(".claude/agents/planner.md"), old);
}

#[test]
fn status_check_and_the_bare_command_offer_to_adopt() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    for line in ["status", "check", "doctor"] {
        let said = stage.run(line).all();
        assert!(!said.contains("adopt"), "{line}: {said}");
    }
    stage.copy("deep/mine", &agent("mine"));
    for line in ["status", "check"] {
        let said = stage.run(line).code(0).all();
        assert!(said.contains("agentpkg adopt"), "{line}: {said}");
    }
    let said = stage.sandbox.run(&[]).all();
    assert!(said.contains("agentpkg adopt"), "{said}");
}

#[test]
fn two_files_of_one_name_are_not_one_agent() {
    let text = agent("planner");
    let Some(stage) = Stage::new(&[(PLANNER, &text)]) else {
        return;
    };
    let other = text.replace("name: planner", "name: Planner");
    stage.copy("a/planner", &text);
    stage.copy("b/Planner", &other);
    let document = stage.run("adopt --all --json").code(0).json();
    assert_eq!(document["agents"].as_array().map(Vec::len), Some(1));
    let why = document["not_adopted"][0]["why"].as_str().unwrap();
    assert!(why.contains("`a/planner` has the same name"), "{why}");
    stage.copy("planner", &text);
    for file in ["planner", "b/Planner"] {
        let said = stage.run(&format!("adopt {file}")).all();
        assert!(
            said.contains("already") || said.contains("one file"),
            "{said}"
        );
    }
    assert_eq!(stage.file("a/planner"), text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// Adopting an edited copy, or installing that version and editing it: the next update gives the same bytes.
    #[test]
    fn an_adopted_copy_is_updated_as_an_installed_agent_with_the_same_edits(
        edited in prop::collection::btree_set(1..=20usize, 1..4),
        changed in prop::collection::btree_set(1..=20usize, 1..4),
        defaults in prop::sample::select(vec!["", "\n[defaults]\nmodel = \"haiku\"\n", "\n[defaults]\nmodel = \"haiku\"\neffort = \"low\"\n"]),
    ) {
        let old = agent("planner");
        let with = |text: &str, lines: &BTreeSet<usize>, word: &str| {
            lines.iter().fold(text.to_owned(), |text, line| {
                let line_text = format!("planner does {line}\n");
                text.replace(&line_text, &format!("planner {word} {line}\n"))
            })
        };
        let new = with(&old, &changed, "should do");
        let mut results = Vec::new();
        for is_adopted in [false, true] {
            let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
                return Ok(());
            };
            let manifest = stage.sandbox.read("agentpkg.toml");
            let _ = stage.sandbox.write("project/agentpkg.toml", manifest + defaults);
            if is_adopted {
                stage.copy("planner", &with(&old, &edited, "makes"));
                let _ = stage.run("adopt --all").code(0);
            } else {
                let _ = stage.run("install team/planner").code(0);
                stage.copy("planner", &with(&stage.file("planner"), &edited, "makes"));
            }
            stage.publish(PLANNER, &new);
            let output = stage.run("update --conflicts=skip");
            // What is skipped stays without the defaults, too.
            results.push((output.code, stage.run("update --ours").code, stage.file("planner")));
        }
        prop_assert_eq!(&results[0], &results[1]);
        prop_assert_eq!(defaults.contains("haiku"), results[1].2.contains("model: haiku"));
    }
}

#[test]
fn an_install_adopts_a_file_with_the_bytes_of_a_version_and_names_the_command_for_others() {
    let old = agent("planner");
    let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
        return;
    };
    let new = old.replace("planner does 3\n", "planner does three\n");
    stage.publish(PLANNER, &new);
    stage.copy(
        "planner",
        &old.replace("planner does 9\n", "planner does mine\n"),
    );
    let said = stage.run("install team/planner").code(1).all();
    assert!(said.contains("adopt planner --from team/planner"), "{said}");
    stage.copy("planner", &old);
    let said = stage.run("install team/planner").code(0).all();
    assert!(said.contains("Adopted planner"), "{said}");
    assert_eq!(stage.file("planner"), old);
    let _ = stage.run("update").code(0);
    assert_eq!(stage.file("planner"), new);
}

#[test]
fn a_path_of_the_project_names_a_file_and_a_line_break_in_a_name_stays_on_its_line() {
    let sandbox = Sandbox::new();
    let text = "---\nname: planner\ndescription: Plans\n---\n\nPlan.\n";
    sandbox.write("studio/agents/planner.md", text);
    let add = ["registry", "add", "../studio", "--name", "studio"];
    let _ = sandbox.run(&add).code(0);
    sandbox.write("project/.claude/agents/sub/planner.md", text);
    #[cfg(unix)]
    {
        sandbox.write("project/.claude/agents/new\nline/other.md", text);
        let output = sandbox.run(&["adopt", "--all", "--dry-run"]).all();
        assert!(output.contains("new\\nline/other"), "{output}");
        fs::remove_dir_all(sandbox.project(".claude/agents/new\nline")).unwrap();
    }
    for path in [
        ".claude/agents/sub/planner.md",
        "./.claude/agents/sub/planner.md",
        "sub/planner.md",
        "sub/planner",
        "planner",
    ] {
        let output = sandbox.run(&["adopt", path, "--dry-run"]).code(0);
        assert!(
            output.stderr.contains("Would adopt planner"),
            "{}",
            output.all()
        );
    }
}

/// Undoing an update does not bring back an agent whose adoption was undone: the next install would remove the file.
#[test]
fn undoing_more_after_an_adoption_never_costs_the_file() {
    let sandbox = Sandbox::new();
    let text =
        |line: &str| format!("---\nname: planner\ndescription: Plans\n---\n\n{line}\n\nLast.\n");
    sandbox.write("studio/agents/planner.md", text("One."));
    let add = ["registry", "add", "../studio", "--name", "studio"];
    let _ = sandbox.run(&add).code(0);
    sandbox.write("project/.claude/agents/planner.md", text("One."));
    let _ = sandbox.run(&["adopt", "planner"]).code(0);
    sandbox.write("studio/agents/planner.md", text("Two."));
    let _ = sandbox.run(&["update"]).code(0);
    let _ = sandbox.run(&["undo", "2"]);
    let second = sandbox.run(&["undo"]);
    let _ = sandbox.run(&["install"]);
    assert!(
        sandbox.project(".claude/agents/planner.md").exists(),
        "{}",
        second.all()
    );
}

/// A text whose lines were all wrapped anew: no line is as it was.
fn wrapped(text: &str) -> String {
    let (head, body) = text.split_once("\n\n").unwrap();
    let words: Vec<&str> = body.split_whitespace().collect();
    let lines = words.chunks(7).map(|words| words.join(" ") + "\n");
    format!("{head}\n\n{}", lines.collect::<String>())
}

#[test]
fn a_file_with_other_lines_and_the_same_words_is_asked_about() {
    let old = agent("planner");
    let Some(stage) = Stage::new(&[(PLANNER, &old), ("agents/other.md", &agent("other"))]) else {
        return;
    };
    let mine = wrapped(&old).replace("description: Does planner", "description: Mine");
    stage.copy("planner", &mine);
    let said = stage.run("adopt planner").code(4).all();
    assert!(said.contains("may be from this version"), "{said}");
    assert!(said.contains("adopt planner --nearest"), "{said}");
    assert_eq!(stage.file("planner"), mine);
    for line in ["adopt --all", "adopt --all --yes"] {
        assert!(stage.run(line).code(4).all().contains("may be from this"));
    }
    let document = stage.run("adopt --all --dry-run --json").code(0).json();
    let left = &document["not_adopted"][0];
    assert_eq!(left["candidates"][0]["spec"], "team#agents/planner.md");
    assert_eq!(document["asks"][0]["kind"], "candidate");
    let _ = stage.run("adopt planner --nearest --dry-run").code(0);
    // What is not from there is not asked about.
    stage.copy("planner", &wrapped(&agent("gardener")));
    let said = stage.run("adopt --all").code(0).all();
    assert!(said.contains("no origin found"), "{said}");
}

#[test]
fn the_same_bytes_in_several_sources_are_named() {
    let text = agent("planner");
    let Some(stage) = Stage::new(&[("agents/chief.md", &text)]) else {
        return;
    };
    let mut other = RepoBuilder::bare(&stage.sandbox.path().join("other.git"));
    other.file(PLANNER, &text);
    let _ = other.commit("first");
    let url = other.url();
    let add = ["registry", "add", url.as_str(), "--name", "zoo"];
    let _ = stage.sandbox.run(&add).code(0);
    stage.copy("planner", &text);
    // The one that is named like the file, though its registry is not the first.
    let said = stage.run("adopt --all --dry-run").code(0).all();
    assert!(
        said.contains("planner   zoo") || said.contains("planner  zoo"),
        "{said}"
    );
    assert!(
        said.contains("identical; also in team#agents/chief.md"),
        "{said}"
    );
    let edited = text.replace("does 3\n", "does three\n");
    stage.copy("planner", &edited);
    let document = stage.run("adopt --all --dry-run --json").code(0).json();
    let notes = &document["agents"][0]["notes"];
    assert_eq!(notes[0], "1 line differs", "{document}");
    assert_eq!(document["agents"][0]["registry"], "zoo");
    // What a source has now comes before what another one had.
    other.file(PLANNER, agent("architect"));
    let _ = other.commit("second");
    stage.copy("planner", &text);
    let document = stage.run("adopt --all --dry-run --json").code(0).json();
    assert_eq!(document["agents"][0]["registry"], "team", "{document}");
    let also = document["agents"][0]["notes"][1].as_str().unwrap();
    assert!(also.starts_with("also in zoo#agents/planner.md@"), "{also}");
}

#[test]
fn a_working_copy_says_under_which_address_its_history_is_searched() {
    let old = agent("planner");
    let Some(stage) = Stage::new(&[("agents/other.md", &agent("other"))]) else {
        return;
    };
    let mut checkout = RepoBuilder::with_work_tree(&stage.sandbox.path().join("checkout"));
    checkout.file(PLANNER, &old);
    let _ = checkout.commit("first");
    let new = old
        .replace("does 3\n", "does three\n")
        .replace("does 4\n", "does four\n");
    checkout.file(PLANNER, &new);
    let _ = checkout.commit("second");
    let _ = stage.sandbox.write("checkout/agents/planner.md", &new);
    let mine = old.replace("does 9\n", "does mine\n");
    stage.copy("planner", &mine);
    let said = stage
        .run("adopt planner --from ../checkout --dry-run")
        .code(0)
        .all();
    assert!(said.contains("3 lines differ"), "{said}");
    assert!(said.contains("without its history"), "{said}");
    let folder = fs::canonicalize(stage.sandbox.path().join("checkout")).unwrap();
    let address = format!("file://{}", folder.display());
    assert!(said.contains(&address), "{said}");
    let said = stage.run(&format!("adopt planner --from {address} --dry-run"));
    let said = said.code(0).all();
    assert!(said.contains("1 line differs"), "{said}");
    // The same bytes need no history.
    stage.copy("planner", &new);
    let said = stage.run("adopt planner --from ../checkout").code(0).all();
    assert!(!said.contains("without its history"), "{said}");
}

/// Of two files of one name, Claude Code loads the last one.
#[test]
fn of_two_files_the_one_that_is_loaded_is_adopted_and_the_other_is_named() {
    let text = agent("planner");
    let mine = text.replace("planner does 17\n", "planner does what I want\n");
    for (files, loaded) in [
        (["planner", "review/planner"], "review/planner"),
        (["a/planner", "b/planner"], "b/planner"),
        (["z/planner", "planner"], "z/planner"),
    ] {
        let Some(stage) = Stage::new(&[(PLANNER, &text)]) else {
            return;
        };
        let other = files.iter().find(|file| **file != loaded).unwrap();
        stage.copy(other, &text);
        stage.copy(loaded, &mine);
        let said = stage.run("adopt --all --dry-run").code(0).all();
        assert!(said.contains("Claude Code loads that one"), "{said}");
        let output = stage.run("adopt --all --json").code(0);
        let document = output.json();
        let path = format!(".claude/agents/{loaded}.md");
        assert_eq!(document["agents"][0]["path"], path.as_str());
        assert_eq!(document["not_adopted"][0]["name"], *other);
        assert_eq!(document["not_adopted"][0]["open"], false);
        assert!(
            document["shadows"][0]
                .as_str()
                .unwrap()
                .contains("both named")
        );
        // Who names the other one knows what it is.
        let _ = stage.run("undo").code(0);
        let said = stage.run(&format!("adopt {other}.md")).code(0).all();
        assert!(said.contains("both named `planner`"), "{said}");
    }
}

/// What is left because a person has to decide ends with 4, however the files were chosen; a dry run with 0.
#[test]
fn the_exit_code_says_whether_something_is_left_to_decide() {
    let text = agent("planner");
    // Half of it is from nowhere.
    let half: String = text.replace("planner does 1", "something else 1");
    let half = half
        .replace("planner does 2", "nothing like 2")
        .replace("planner does 3\n", "");
    for (file, text, all, named) in [
        ("planner", &text, 0, 0),
        ("mine", &agent("mine"), 0, 4),
        ("planner", &half, 4, 4),
        ("con/planner", &text, 0, 4),
    ] {
        let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
            return;
        };
        stage.copy(file, text);
        for options in ["", " --yes"] {
            let dry = format!("adopt {file} --dry-run{options}");
            let _ = stage.run(&dry).code(0);
            let _ = stage
                .run(&format!("adopt --all --dry-run{options}"))
                .code(0);
            let output = stage
                .run(&format!("adopt {file} --json{options}"))
                .code(named);
            let document = output.json();
            let open = document["not_adopted"][0]["open"].as_bool();
            assert_eq!(open.unwrap_or_default(), named == 4, "{file}: {document}");
            if named == 0 {
                let _ = stage.run("undo").code(0);
            }
            let output = stage.run(&format!("adopt --all --json{options}")).code(all);
            let document = output.json();
            let open = document["not_adopted"][0]["open"].as_bool();
            assert_eq!(open.unwrap_or_default(), all == 4, "{file}: {document}");
            if all == 0 && named == 0 {
                let _ = stage.run("undo").code(0);
            }
        }
    }
}

#[test]
fn what_the_policy_forbids_is_listed_as_not_adopted() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    let manifest = stage.sandbox.read("agentpkg.toml");
    for policy in ["deny-tools = [\"Grep\"]", "max-description-tokens = 1"] {
        let manifest = format!("{manifest}\n[policy]\n{policy}\n");
        stage.sandbox.write("project/agentpkg.toml", manifest);
        stage.copy("sub/planner", &agent("planner"));
        for line in ["adopt planner --json", "adopt --all --json"] {
            let document = stage.run(line).code(4).json();
            let left = &document["not_adopted"][0];
            assert_eq!(left["name"], "sub/planner", "{policy}: {document}");
            assert!(left["why"].as_str().unwrap().contains("policy"), "{left}");
            assert_eq!(document["agents"][0]["status"], "skipped");
        }
    }
}

#[test]
fn an_origin_can_be_a_file_and_a_version_that_is_not_there_is_named_as_typed() {
    let old = agent("planner");
    let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
        return;
    };
    stage.publish(PLANNER, &old.replace("does 3\n", "does three\n"));
    stage.copy("planner", &old);
    stage.sandbox.write("shared/agents/planner.md", &old);
    for from in ["../shared/agents/planner.md", "../shared#planner"] {
        let said = stage
            .run(&format!("adopt planner --from {from}"))
            .code(0)
            .all();
        assert!(said.contains("identical"), "{said}");
        let _ = stage.run("install --locked").code(0);
        let _ = stage.run("update").code(0);
        let _ = stage.run("undo").code(0);
    }
    let file = stage.upstream.url();
    for (from, words) in [
        ("team/planner@v9", "`@v9`"),
        ("../shared#planner@v9", "leave out `@v9`"),
        ("../shared@v9", "leave out `@v9`"),
        (&format!("{file}#planner@v9"), "@v9"),
    ] {
        for line in ["adopt planner", "update planner"] {
            let said = stage.run(&format!("{line} --from {from}")).code(1).all();
            if line.starts_with("adopt") {
                assert!(said.contains(words), "{from}: {said}");
            }
            assert!(!said.contains("in agentpkg.toml"), "{line} {from}: {said}");
        }
    }
    // The folder of a checkout has no versions, and its repository has.
    let root = stage.sandbox.path().join("shared");
    crate::support::repo::run_git(&root, ["init", "-q"]);
    let said = stage
        .run("adopt planner --from ../shared#planner@v1")
        .code(1)
        .all();
    assert!(said.contains("/shared#planner@v1`"), "{said}");
    assert!(said.contains("`file:///"), "{said}");
}

#[test]
fn folders_that_are_empty_go_with_their_last_agent() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    stage.copy("review/deep/planner", &agent("planner"));
    let _ = stage.run("adopt planner").code(0);
    let folder = stage.sandbox.project(".claude/agents/review");
    let _ = stage.run("remove planner").code(0);
    assert!(!folder.exists());
    assert!(stage.sandbox.project(".claude/agents").exists());
    let _ = stage.run("undo").code(0);
    assert_eq!(stage.file("review/deep/planner"), agent("planner"));
    stage.copy("review/notes", "mine");
    let _ = stage.run("remove planner").code(0);
    assert!(folder.join("notes.md").exists());
    assert!(!folder.join("deep").exists());
}

#[test]
fn a_locked_folder_that_is_none_any_more_is_an_error_that_says_what_to_do() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    stage.copy("review/planner", &agent("planner"));
    let _ = stage.run("adopt planner").code(0);
    let folder = stage.sandbox.project(".claude/agents/review");
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "a file").unwrap();
    for line in ["status", "list", "check", "install", "update"] {
        let said = stage.run(line).code(1).all();
        assert!(
            said.contains("`.claude/agents/review` is not a folder"),
            "{said}"
        );
        assert!(said.contains("hint: move it away"), "{line}: {said}");
    }
    fs::remove_file(&folder).unwrap();
    let _ = stage.run("install").code(0);
    assert_eq!(stage.file("review/planner"), agent("planner"));
}

/// A file whose name has an entry in the manifest is adopted as the agent that the entry means, or left; the entry stays as it is.
#[test]
fn an_entry_of_the_manifest_says_which_agent_a_file_is_a_copy_of() {
    let text = agent("planner");
    let mine = text.replace("planner does 17\n", "planner does what I want\n");
    let alien = "---\nname: planner\ndescription: X\n---\n\nNothing of it\n".to_owned();
    let from = "adopt planner --from team/planner";
    for (entry, file, command, code) in [
        ("\"*\"", &mine, "adopt planner", 0),
        ("{ registry = \"team\" }", &mine, "adopt --all", 0),
        ("{ registry = \"team\" }", &text, "adopt --all", 0),
        ("{ agent = \"planner\" }", &mine, "adopt planner", 0),
        (
            "{ file = \"agents/planner.md\", registry = \"team\" }",
            &mine,
            "adopt planner",
            0,
        ),
        ("\"*\"", &alien, "adopt planner", 4),
        ("\"*\"", &alien, from, 0),
        ("{ registry = \"team\" }", &alien, from, 0),
        ("{ registry = \"other\" }", &mine, "adopt planner", 4),
        ("{ registry = \"other\" }", &mine, from, 4),
        ("{ agent = \"chief\" }", &mine, "adopt planner", 4),
        ("{ path = \"../elsewhere\" }", &mine, from, 4),
    ] {
        let Some(stage) = Stage::new(&[(PLANNER, &text), ("agents/chief.md", &agent("chief"))])
        else {
            return;
        };
        let manifest = stage.sandbox.read("agentpkg.toml");
        let url = stage.upstream.url();
        let manifest = format!(
            "{manifest}other = {{ git = \"{url}?other\" }}\n\n[agents]\nplanner = {entry}\n"
        );
        stage.sandbox.write("project/agentpkg.toml", &manifest);
        stage.copy("planner", file);
        let case = format!("{entry}, {command}");
        if command == from && code == 0 {
            let said = stage.run("install").code(1).all();
            assert!(said.contains(&format!("`agentpkg {from}`")), "{said}");
        }
        let output = stage.run(command);
        assert_eq!(output.code, code, "{case}: {}", output.all());
        assert_eq!(stage.file("planner"), *file, "{case}");
        assert_eq!(stage.sandbox.read("agentpkg.toml"), manifest, "{case}");
        let is_adopted = stage.sandbox.project("agentpkg.lock").exists();
        assert_eq!(is_adopted, code == 0, "{case}");
        if is_adopted {
            let _ = stage.run("install --locked").code(0);
            assert_eq!(stage.file("planner"), *file, "{case}");
            let _ = stage.run("undo").code(0);
            assert_eq!(stage.file("planner"), *file, "{case}");
        }
    }
}

/// An install that meets a copy of an older version, which several versions are near, does not choose one of them.
#[test]
fn an_install_without_a_lockfile_does_not_guess_what_an_edited_file_was_made_from() {
    let old = agent("planner");
    let mine = old.replace("planner does 17\n", "planner does what I want\n");
    let rewritten = (1..=9).fold(old.clone(), |text, line| {
        text.replace(
            &format!("does {line}\n"),
            &format!("has done {line} well\n"),
        )
    });
    let near = old.replace("planner does 3\n", "planner does three\n");
    for (entry, new, code) in [
        ("\"*\"", &near, 1),
        ("\"*\"", &rewritten, 0),
        // Only a tag knows which version an older text had.
        ("\"main\"", &rewritten, 1),
    ] {
        let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
            return;
        };
        stage.publish(PLANNER, new);
        let _ = stage.run("registry refresh").code(0);
        let manifest = stage.sandbox.read("agentpkg.toml");
        let manifest = format!("{manifest}\n[agents]\nplanner = {entry}\n");
        stage.sandbox.write("project/agentpkg.toml", &manifest);
        stage.copy("planner", &mine);
        let dry = stage.run("install --dry-run");
        assert_eq!(dry.code, code, "{entry}: {}", dry.all());
        let output = stage.run("install");
        assert_eq!(output.code, code, "{entry}: {}", output.all());
        let says = match code {
            0 => "was taken over as",
            _ => "`agentpkg adopt planner --from team/planner`",
        };
        assert!(output.all().contains(says), "{}", output.all());
        if code == 0 {
            assert!(dry.all().contains("would be taken over"), "{}", dry.all());
            let _ = stage.run("update").code(0);
            let merged = new.replace("planner does 17\n", "planner does what I want\n");
            assert_eq!(stage.file("planner"), merged);
        } else {
            assert_eq!(stage.file("planner"), mine);
            assert!(!stage.sandbox.project("agentpkg.lock").exists());
            let _ = stage.run("adopt planner --nearest").code(0);
            let _ = stage.run("update").code(0);
            let merged = new.replace("planner does 17\n", "planner does what I want\n");
            assert_eq!(stage.file("planner"), merged, "{entry}");
        }
    }
}

/// One agent is the origin of files that are named, and a range is not the version of a file.
#[test]
fn what_cannot_be_the_origin_is_refused() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    stage.copy("planner", &agent("planner"));
    stage.copy("mine", &agent("mine"));
    let before = stage.sandbox.files();
    for (line, says) in [
        ("adopt --all --from team/planner", "is one agent"),
        ("adopt --all --from team/planner --nearest", "is one agent"),
        ("adopt --all --from ../team.git#planner", "is one agent"),
        (
            "adopt planner --from team/planner@^1.2",
            "`^1.2` is not the one version",
        ),
    ] {
        let said = stage.run(line).code(2).all();
        assert!(said.contains(says), "{line}: {said}");
    }
    assert_eq!(stage.sandbox.files(), before);
    // A file that cannot be adopted is not helped by an origin.
    let marked = format!(
        "{}<<<<<<< mine\na\n=======\nb\n>>>>>>> theirs\n",
        agent("planner")
    );
    stage.copy("planner", &marked);
    let said = stage.run("adopt planner").code(4).all();
    assert!(!said.contains("--from"), "{said}");
}

/// The agent is named, and its version is still asked about, however little of the text is left.
#[test]
fn naming_the_agent_does_not_name_the_version() {
    let old = agent("planner");
    for (text, percent) in [
        (wrapped(&old), "several"),
        ("---\nname: x\n---\n\nNothing\n".to_owned(), "none"),
    ] {
        let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
            return;
        };
        stage.copy("planner", &text);
        // One version is all there is to choose from.
        let line = "adopt planner --from team/planner";
        let _ = stage.run(&format!("{line} --dry-run")).code(0);
        stage.publish(
            PLANNER,
            &old.replace("planner does 3\n", "planner does three\n"),
        );
        let said = stage.run(line).code(4).all();
        assert!(
            said.contains("may be from any of 2 versions"),
            "{percent}: {said}"
        );
        let said = stage.run(&format!("{line} --nearest")).code(0).all();
        assert!(
            said.contains("the nearest of 2 versions"),
            "{percent}: {said}"
        );
        assert_eq!(stage.file("planner"), text);
    }
}
