//! The questions of an update, answered by a script: what is asked, in which order, and what each answer does.

use std::fs;

use agentpkg::env::Environment;
use agentpkg::error::{Failure, Kind, Result};
use agentpkg::ops::report::interrupted;
use agentpkg::ops::session::{Options, Session};
use agentpkg::ops::update::{Outcome, Status, UpdateOptions, update};
use agentpkg::store::project::Project;

use crate::support::sandbox::Sandbox;
use crate::support::script::Script;

const TEXT: &str = "---\nname: planner\ndescription: Plans work\ntools: Read, Write\nmodel: sonnet\n---\n\n# Plan\n\n- one\n- two\n";

/// Three agents, two of which have the same conflict, and one of these has another one.
fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    let names = ["alpha", "beta", "gamma"];
    let text = |name: &str| TEXT.replace("planner", name);
    for name in names {
        sandbox.write(&format!("upstream/agents/{name}.md"), text(name));
    }
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "studio"])
        .code(0);
    let _ = sandbox
        .run(&["install", "studio/alpha", "studio/beta", "studio/gamma"])
        .code(0);
    let change = |side: &str, name: &str, pairs: &[(&str, &str)]| {
        let mut text = text(name);
        for (from, to) in pairs {
            text = text.replace(from, to);
        }
        sandbox.write(&format!("{side}/{name}.md"), text);
    };
    change(
        "project/.claude/agents",
        "alpha",
        &[("sonnet", "haiku"), ("- one", "- one of mine")],
    );
    change(
        "upstream/agents",
        "alpha",
        &[("sonnet", "opus"), ("- one", "- one of theirs")],
    );
    change("project/.claude/agents", "beta", &[("sonnet", "haiku")]);
    change(
        "upstream/agents",
        "beta",
        &[("sonnet", "opus"), ("- two", "- two more")],
    );
    change("project/.claude/agents", "gamma", &[("sonnet", "inherit")]);
    change(
        "upstream/agents",
        "gamma",
        &[("sonnet", "opus"), ("- two", "- two more")],
    );
    sandbox
}

fn run(sandbox: &Sandbox, script: &mut Script) -> Result<Outcome> {
    let root = fs::canonicalize(sandbox.project("")).unwrap();
    let environment = Environment::within(root.clone(), &sandbox.path().join("home"));
    let session = Session::new(
        Project::at(&root, &environment).unwrap(),
        environment,
        Options {
            is_offline: true,
            ..Options::default()
        },
    );
    update(&session, &UpdateOptions::default(), script)
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    sandbox.read(&format!(".claude/agents/{name}.md"))
}

#[test]
fn equal_conflicts_are_asked_once_and_answers_can_be_taken_back() {
    let sandbox = scene();
    let mut script = Script::new(&[
        "take theirs",
        "back",
        "keep mine",
        "keep both, theirs",
        "take theirs",
        "write 3",
    ]);
    let outcome = run(&sandbox, &mut script).unwrap();
    assert_eq!(
        script.asked,
        [
            "alpha +beta: frontmatter › model",
            "# Plan › bullet 1",
            "alpha +beta: frontmatter › model",
            "# Plan › bullet 1",
            "gamma: frontmatter › model"
        ]
        .map(|text| if text.starts_with('#') {
            format!("alpha: {text}")
        } else {
            text.to_owned()
        })
    );
    assert!(
        outcome
            .agents
            .iter()
            .all(|agent| agent.status == Status::Merged || agent.status == Status::Updated)
    );
    let alpha = read(&sandbox, "alpha");
    assert!(
        alpha.contains("model: haiku") && alpha.contains("- one of theirs\n- one of mine\n"),
        "{alpha}"
    );
    assert!(
        read(&sandbox, "beta").contains("model: haiku")
            && read(&sandbox, "beta").contains("- two more")
    );
    assert!(read(&sandbox, "gamma").contains("model: opus"));
}

#[test]
fn one_answer_can_hold_for_all_about_the_same_key() {
    let sandbox = scene();
    let mut script = Script::new(&["take theirs, also", "keep mine", "write"]);
    let _ = run(&sandbox, &mut script).unwrap();
    assert_eq!(script.asked.len(), 2, "{:?}", script.asked);
    for name in ["alpha", "beta", "gamma"] {
        assert!(read(&sandbox, name).contains("model: opus"), "{name}");
    }
}

#[test]
fn stopping_writes_nothing_and_skipping_leaves_one_agent() {
    let sandbox = scene();
    let before = sandbox.files();
    for answers in [
        &["stop"][..],
        &["keep mine", "keep mine", "stop"],
        &["keep mine", "keep mine", "keep mine", "stop"],
    ] {
        let failure: Failure = run(&sandbox, &mut Script::new(answers)).unwrap_err();
        assert_eq!(failure, interrupted());
        assert_eq!(failure.kind(), Kind::Interrupted);
        assert_eq!(sandbox.files(), before);
    }
    let mut script = Script::new(&["keep mine", "skip", "keep mine", "show", "write 2"]);
    let outcome = run(&sandbox, &mut script).unwrap();
    assert!(
        script
            .asked
            .contains(&"preview .claude/agents/beta.md".to_owned()),
        "{:?}",
        script.asked
    );
    assert_eq!(outcome.agents[0].status, Status::Skipped);
    assert!(!read(&sandbox, "alpha").contains("theirs"));
    assert!(read(&sandbox, "beta").contains("- two more"));
    // The agent that was skipped is asked about again; the default is the answer that was given to the same question elsewhere.
    let mut script = Script::new(&["stop"]);
    let _ = run(&sandbox, &mut script).unwrap_err();
    assert_eq!(script.asked, ["alpha: frontmatter › model"]);
}

#[test]
fn a_decision_is_offered_again_but_not_taken() {
    let sandbox = scene();
    let _ = run(
        &sandbox,
        &mut Script::new(&["take theirs", "keep mine", "keep mine", "write"]),
    )
    .unwrap();
    let _ = sandbox.run(&["undo"]).code(0);
    let kept = sandbox.project(".agentpkg/state/resolutions");
    assert!(
        fs::read_dir(&kept).is_ok_and(|mut files| files.next().is_none()),
        "undo takes the notes back, too"
    );
    let _ = run(
        &sandbox,
        &mut Script::new(&["take theirs", "keep mine", "keep mine", "write"]),
    )
    .unwrap();
    // The same conflict once more, in the files themselves.
    for name in ["alpha", "beta"] {
        let text = read(&sandbox, name);
        sandbox.write(
            &format!("project/.claude/agents/{name}.md"),
            text.replace("model: opus", "model: haiku"),
        );
        let path = format!("upstream/agents/{name}.md");
        let text = fs::read_to_string(sandbox.path().join(&path)).unwrap();
        sandbox.write(&path, text.replace("model: opus", "model: sonnet"));
    }
    let _ = run(&sandbox, &mut Script::new(&["keep mine", "write"])).unwrap();
    for name in ["alpha", "beta"] {
        let path = format!("upstream/agents/{name}.md");
        let text = fs::read_to_string(sandbox.path().join(&path)).unwrap();
        sandbox.write(&path, text.replace("model: sonnet", "model: opus"));
    }
    let mut script = Script::new(&["the default", "write"]);
    let _ = run(&sandbox, &mut script).unwrap();
    assert_eq!(
        script.defaults,
        ["take theirs"],
        "as it was decided the first time"
    );
    assert!(read(&sandbox, "alpha").contains("model: opus"));
}

#[test]
fn an_edited_text_has_no_markers_left() {
    let sandbox = scene();
    let mut script = Script::new(&["keep mine", "edit", "keep mine", "write"]);
    script.edits = ["<<<<<<< you\n- x\n", "- one of ours\n"]
        .into_iter()
        .collect();
    let _ = run(&sandbox, &mut script).unwrap();
    assert!(
        script
            .asked
            .iter()
            .any(|asked| asked == "warning line 1 is still a conflict marker"),
        "{:?}",
        script.asked
    );
    assert!(read(&sandbox, "alpha").contains("# Plan\n\n- one of ours\n- two\n"));
}

#[test]
fn a_text_that_the_client_would_not_load_is_not_written() {
    let sandbox = scene();
    let mut script = Script::new(&["edit", "keep mine", "keep mine", "write 1"]);
    script.edits = ["name: -bad\nmodel: x\n"].into_iter().collect();
    let before = read(&sandbox, "alpha");
    let outcome = run(&sandbox, &mut script).unwrap();
    assert_eq!(
        outcome.failures.len(),
        2,
        "alpha and beta, which share the answer"
    );
    assert!(
        outcome.failures[0]
            .to_string()
            .contains("Claude Code would ignore the merged `alpha`"),
        "{}",
        outcome.failures[0]
    );
    assert_eq!(read(&sandbox, "alpha"), before);
    assert!(read(&sandbox, "gamma").contains("- two more"));
}

#[test]
fn equal_powers_are_asked_about_together() {
    let sandbox = scene();
    for name in ["alpha", "beta", "gamma"] {
        let path = format!("upstream/agents/{name}.md");
        let text = fs::read_to_string(sandbox.path().join(&path)).unwrap();
        let tools = if name == "gamma" {
            "tools: Read, Write, Bash, WebFetch"
        } else {
            "tools: Read, Write, Bash"
        };
        sandbox.write(&path, text.replace("tools: Read, Write", tools));
    }
    let mut script = Script::new(&[
        "keep mine",
        "keep mine",
        "keep mine",
        "show",
        "no, take the rest",
        "yes",
        "write 3",
    ]);
    let outcome = run(&sandbox, &mut script).unwrap();
    assert!(
        script.asked.contains(&"alpha,beta gain Bash".to_owned()),
        "{:?}",
        script.asked
    );
    assert!(
        script
            .asked
            .contains(&"gamma gain Bash,WebFetch".to_owned()),
        "{:?}",
        script.asked
    );
    assert!(read(&sandbox, "alpha").contains("tools: Read, Write\nmodel: haiku\n"));
    assert!(
        read(&sandbox, "gamma").contains("tools: Read, Write, Bash, WebFetch\nmodel: inherit\n")
    );
    assert_eq!(outcome.agents[0].notes, ["without Bash"]);
    assert!(outcome.agents[0].gains.is_empty());
}

#[test]
fn a_pin_of_a_question_is_kept_in_the_manifest() {
    let sandbox = scene();
    let _ = run(
        &sandbox,
        &mut Script::new(&["always keep my model", "keep mine", "keep mine", "write"]),
    )
    .unwrap();
    let manifest = sandbox.read("agentpkg.toml");
    assert!(
        manifest.contains("alpha = { registry = \"studio\", pin = [\"model\"] }"),
        "{manifest}"
    );
    assert!(
        manifest.contains("beta = { registry = \"studio\", pin = [\"model\"] }")
            && !manifest.contains("gamma = { registry = \"studio\", pin")
    );
}
