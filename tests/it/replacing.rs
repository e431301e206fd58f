//! What `install` and `update` may replace or remove, and what they say or ask before they do.

use std::fs;

use agentpkg::env::Environment;
use agentpkg::error::Result;
use agentpkg::ops::install::{InstallOptions, Outcome, install};
use agentpkg::ops::session::{Options, Session};
use agentpkg::store::project::Project;

use crate::support::sandbox::Sandbox;
use crate::support::script::Script;

fn agent(name: &str, tools: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Does it\ntools: {tools}\n---\n\n{text}\n")
}

/// Two folders with agents of the same names, as registries.
fn folders() -> Sandbox {
    let sandbox = Sandbox::new();
    for place in ["studio", "other"] {
        for name in ["planner", "tester"] {
            sandbox.write(
                &format!("{place}/agents/{name}.md"),
                agent(name, "Read", &format!("Of {place}.")),
            );
        }
        let _ = sandbox
            .run(&["registry", "add", &format!("../{place}"), "--name", place])
            .code(0);
    }
    sandbox
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    sandbox.read(&format!(".claude/agents/{name}.md"))
}

/// Edits an installed agent.
fn edit(sandbox: &Sandbox, name: &str) -> String {
    let text = read(sandbox, name) + "\nMy own rule.\n";
    sandbox.write(&format!("project/.claude/agents/{name}.md"), &text);
    text
}

#[test]
fn force_is_for_the_agents_that_are_named() {
    let sandbox = folders();
    let _ = sandbox
        .run(&["install", "studio/planner", "studio/tester"])
        .code(0);
    let (planner, tester) = (edit(&sandbox, "planner"), edit(&sandbox, "tester"));
    let _ = sandbox.run(&["install", "planner", "--force"]).code(0);
    assert_ne!(read(&sandbox, "planner"), planner);
    assert_eq!(read(&sandbox, "tester"), tester, "it was not named");
    let _ = sandbox.run(&["install", "debugger", "--force"]).code(0);
    assert_eq!(read(&sandbox, "tester"), tester, "it was not named");
    let _ = sandbox.run(&["install", "--force"]).code(0);
    assert_ne!(
        read(&sandbox, "tester"),
        tester,
        "without a name it is for all"
    );
}

/// A registry with an agent and one that it requires.
fn led() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .write("studio/lead.md", agent("lead", "Read", "Leads."))
        .write("studio/helper.md", agent("helper", "Read", "Helps."))
        .write(
            "studio/registry.toml",
            "name = \"studio\"\n\n[agents.lead]\nrequires = { agents = [\"helper\"] }\n",
        );
    sandbox
}

#[test]
fn force_does_not_reach_what_a_named_agent_requires() {
    let sandbox = led();
    let _ = sandbox.run(&["install", "../studio#lead"]).code(0);
    let helper = edit(&sandbox, "helper");
    sandbox.write("studio/helper.md", agent("helper", "Read", "Helps more."));
    let output = sandbox
        .run(&["install", "../studio#lead", "--force"])
        .code(1);
    assert!(
        output.stderr.contains("helper.md` was edited")
            && output.stderr.contains("add `../studio#helper`"),
        "{}",
        output.stderr
    );
    assert_eq!(read(&sandbox, "helper"), helper);
}

#[test]
fn what_nobody_wants_any_more_goes_in_words() {
    let sandbox = folders();
    let _ = sandbox
        .run(&["install", "studio/planner", "studio/tester"])
        .code(0);
    let manifest = sandbox
        .read("agentpkg.toml")
        .replace("tester = { registry = \"studio\" }\n", "");
    sandbox.write("project/agentpkg.toml", &manifest);
    for command in ["install", "update"] {
        let output = sandbox.run(&[command, "--dry-run"]).code(0);
        assert!(
            output
                .stderr
                .contains("Would remove .claude/agents/tester.md  not in agentpkg.toml\n"),
            "{}",
            output.stderr
        );
        let output = sandbox.run(&[command]).code(0);
        assert!(
            output
                .stderr
                .contains("     Removed .claude/agents/tester.md  not in agentpkg.toml\n"),
            "{}",
            output.stderr
        );
        assert!(
            output.stderr.ends_with("Undo with `agentpkg undo`.\n"),
            "{}",
            output.stderr
        );
        assert!(
            sandbox
                .run(&["undo", "--list"])
                .code(0)
                .stdout
                .contains(&format!("{command}, remove tester"))
        );
        let _ = sandbox.run(&["undo"]).code(0);
        assert!(read(&sandbox, "tester").contains("Of studio."));
        // The undo restored the entry of the lockfile, but not that of the manifest, which the command had not changed.
        assert_eq!(sandbox.read("agentpkg.toml"), manifest);
    }
    let edited = edit(&sandbox, "tester");
    let output = sandbox.run(&["install", "debugger", "--force"]).code(0);
    assert!(
        output
            .stderr
            .contains("Kept .claude/agents/tester.md  edited, and yours now: not in agentpkg.toml"),
        "{}",
        output.stderr
    );
    assert_eq!(read(&sandbox, "tester"), edited);
}

#[test]
fn a_slip_of_the_pen_in_the_manifest_removes_nothing() {
    let sandbox = folders();
    let _ = sandbox
        .run(&["install", "studio/planner", "studio/tester"])
        .code(0);
    let manifest = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        manifest.replace("[agents]", "[agnets]"),
    );
    let before = sandbox.files();
    insta::assert_snapshot!(sandbox.run(&["install"]).code(1).stderr, @r#"
    warning: `agnets` in agentpkg.toml is not a setting that this version knows; did you mean `agents`?
    error: `agnets` is not a setting, so it is not clear whether these agents are wanted
     --> agentpkg.toml:5:2
      |
    5 | [agnets]
      |  ^^^^^^ did you mean `agents`?
      planner, tester

    hint: write `[agents]`; or take `agnets` out, if the agents are meant to go
    "#);
    for arguments in [
        &["install", "debugger"][..],
        &["install", "--dry-run"],
        &["update"],
        &["install", "--force"],
    ] {
        let output = sandbox.run(arguments).code(1);
        assert!(
            output.stderr.contains("agentpkg.toml:5:2") && output.stderr.contains("`[agents]`"),
            "{}",
            output.stderr
        );
        assert_eq!(
            output
                .stderr
                .matches("is not a setting that this version knows")
                .count(),
            1,
            "{}",
            output.stderr
        );
        assert_eq!(sandbox.files(), before);
    }
    sandbox.write(
        "project/agentpkg.toml",
        manifest.replace("[agents]", "[agnets]") + "\n[agents]\ndebugger = \"*\"\n",
    );
    let _ = sandbox.run(&["remove", "debugger"]).code(0);
    assert!(read(&sandbox, "planner").contains("Of studio."));
}

fn widen(sandbox: &Sandbox, place: &str, tools: &str) {
    sandbox.write(
        &format!("{place}/agents/planner.md"),
        agent("planner", tools, &format!("Newer. Of {place}.")),
    );
}

/// Installs with answers to the questions.
fn asked(sandbox: &Sandbox, specs: &[&str], answers: &[&'static str]) -> (Script, Result<Outcome>) {
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
    let options = InstallOptions {
        specs: specs.iter().map(|spec| (*spec).to_owned()).collect(),
        ..InstallOptions::default()
    };
    let mut script = Script::new(answers);
    let outcome = install(&session, &options, &mut script);
    (script, outcome)
}

#[test]
fn what_replaces_an_installed_agent_asks_for_what_it_gains() {
    let sandbox = folders();
    let _ = sandbox.run(&["install", "studio/planner"]).code(0);
    widen(&sandbox, "studio", "Read, Bash");
    let before = sandbox.files();
    insta::assert_snapshot!(sandbox.run(&["install", "studio/planner"]).code(4).stderr, @r"
    error: `planner` requests new permissions; nothing was written
      planner: + Bash  can run any command

    hint: if that is meant: `agentpkg install studio/planner --allow Bash`
    ");
    let output = sandbox
        .run(&["install", "studio/planner", "--dry-run"])
        .code(0);
    assert!(
        output.stderr.contains("+ Bash  can run any command"),
        "{}",
        output.stderr
    );
    assert_eq!(sandbox.files(), before);
    let output = sandbox.run(&["install", "studio/planner", "--yes"]).code(4);
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
    let _ = sandbox
        .run(&["install", "studio/planner", "--allow", "Bash"])
        .code(0);
    assert!(read(&sandbox, "planner").contains("tools: Read, Bash\n"));
}

#[test]
fn a_terminal_asks_about_new_powers_and_skipping_leaves_all_as_it_was() {
    let sandbox = folders();
    let _ = sandbox.run(&["install", "studio/planner"]).code(0);
    widen(&sandbox, "studio", "Read, Bash");
    let before = sandbox.files();
    for (answer, code) in [("stop", None), ("skip", Some(()))] {
        let (script, outcome) = asked(&sandbox, &["studio/planner"], &[answer]);
        assert_eq!(script.asked, ["planner gain Bash"]);
        assert_eq!(outcome.ok().map(drop), code);
        assert_eq!(sandbox.files(), before, "{answer}");
    }
    let _ = asked(&sandbox, &["studio/planner"], &["yes"]).1.unwrap();
    assert!(read(&sandbox, "planner").contains("tools: Read, Bash\n"));
}

#[test]
fn hooks_of_a_newer_version_are_asked_for_with_the_rest() {
    let sandbox = folders();
    let _ = sandbox.run(&["install", "studio/planner"]).code(0);
    widen(
        &sandbox,
        "studio",
        "Read, Bash\nhooks:\n  Stop:\n    - hooks:\n        - type: command\n          command: id",
    );
    let output = sandbox.run(&["install", "studio/planner"]).code(4);
    assert!(
        output
            .stderr
            .contains("`agentpkg install studio/planner --allow Bash,hooks`"),
        "{}",
        output.stderr
    );
    let _ = sandbox
        .run(&["install", "studio/planner", "--allow", "Bash,hooks"])
        .code(0);
    assert!(
        sandbox
            .read("agentpkg.lock")
            .contains("allowed = [\"hooks\"]")
    );
    let _ = sandbox.run(&["install", "--locked"]).code(0);
}

#[test]
fn one_command_answers_all_that_options_can_answer() {
    let sandbox = folders();
    let _ = sandbox.run(&["install", "studio/planner"]).code(0);
    widen(&sandbox, "other", "Read, Bash");
    let output = sandbox.run(&["install", "other/planner"]).code(4);
    insta::assert_snapshot!(output.stderr, @r#"
    error: `planner` is installed from studio, and the one from other is another agent; nothing was written
      `planner` requests new permissions
      planner: + Bash  can run any command

    hint: to have both: `agentpkg install other/planner --as planner-other`
    hint: to replace it and allow that: `agentpkg install other/planner --force --allow Bash`
    "#);
    let _ = sandbox
        .run(&["install", "other/planner", "--force", "--allow", "Bash"])
        .code(0);
    assert!(read(&sandbox, "planner").contains("Of other."));
}

#[test]
fn a_bare_name_means_its_entry_whatever_its_agent_is_called_upstream() {
    let sandbox = folders();
    let _ = sandbox.run(&["install", "studio/planner", "-q"]).code(0);
    let _ = sandbox
        .run(&["install", "other/planner", "--as", "chief", "-q"])
        .code(0);
    let before = sandbox.files();
    let output = sandbox.run(&["install", "chief"]).code(0);
    assert!(
        output.stderr.contains("Unchanged chief"),
        "{}",
        output.stderr
    );
    assert_eq!(sandbox.files(), before);
}

/// A required agent that was edited is merged by the update of the agent that requires it.
#[test]
fn the_update_that_is_hinted_for_a_required_agent_works() {
    let sandbox = led();
    let _ = sandbox
        .run(&["registry", "add", "../studio", "--name", "studio"])
        .code(0);
    let _ = sandbox.run(&["install", "studio/lead"]).code(0);
    let _ = edit(&sandbox, "helper");
    sandbox.write(
        "studio/helper.md",
        agent("helper", "Read", "# New\n\nHelps."),
    );
    let output = sandbox.run(&["install", "studio/helper"]).code(1);
    assert!(
        output
            .stderr
            .contains("hint: `agentpkg update lead` merges it\n"),
        "{}",
        output.stderr
    );
    let _ = sandbox.run(&["update", "lead"]).code(0);
    let helper = read(&sandbox, "helper");
    assert!(
        helper.contains("# New") && helper.contains("My own rule."),
        "{helper}"
    );
}

#[test]
fn an_agent_of_another_source_is_another_agent() {
    let sandbox = folders();
    let _ = sandbox
        .run(&["install", "studio/planner", "studio/tester"])
        .code(0);
    let before = sandbox.files();
    insta::assert_snapshot!(sandbox.run(&["install", "other/planner"]).code(4).stderr, @r#"
    error: `planner` is installed from studio, and the one from other is another agent; nothing was written

    hint: to have both: `agentpkg install other/planner --as planner-other`
    hint: to replace it: `agentpkg install other/planner --force`
    "#);
    assert_eq!(sandbox.files(), before);
    let _ = asked(&sandbox, &["other/planner"], &["replace"]).1.unwrap();
    assert!(read(&sandbox, "planner").contains("Of other."));
    let output = sandbox.run(&["install", "other/tester", "--force"]).code(0);
    assert!(
        output
            .stderr
            .contains("    Resolved tester studio -> other\n"),
        "{}",
        output.stderr
    );
    // What the manifest already says needs no question.
    let manifest = sandbox.read("agentpkg.toml").replace(
        "planner = { registry = \"other\" }",
        "planner = { registry = \"studio\" }",
    );
    sandbox.write("project/agentpkg.toml", manifest);
    let _ = sandbox.run(&["install"]).code(0);
    assert!(read(&sandbox, "planner").contains("Of studio."));
}

#[test]
fn what_is_required_does_not_take_the_place_of_what_is_wanted() {
    let sandbox = folders();
    sandbox
        .write("other/agents/lead.md", agent("lead", "Read", "Leads."))
        .write(
            "other/registry.toml",
            "name = \"other\"\n\n[agents.lead]\nrequires = { agents = [\"planner\"] }\n",
        );
    let _ = sandbox.run(&["install", "studio/planner"]).code(0);
    let output = sandbox.run(&["install", "other/lead"]).code(1);
    assert!(
        output
            .stderr
            .contains("(../other), wanted by the command line -> lead"),
        "{}",
        output.stderr
    );
    assert!(read(&sandbox, "planner").contains("Of studio."));
    // Neither does what another agent requires.
    sandbox
        .write("studio/agents/chief.md", agent("chief", "Read", "Leads."))
        .write(
            "studio/registry.toml",
            "name = \"studio\"\n\n[agents.chief]\nrequires = { agents = [\"planner\"] }\n",
        );
    let _ = sandbox.run(&["install", "studio/chief"]).code(0);
    let manifest = sandbox
        .read("agentpkg.toml")
        .replace("planner = { registry = \"studio\" }\n", "");
    sandbox.write("project/agentpkg.toml", manifest);
    let _ = sandbox.run(&["install"]).code(0);
    let output = sandbox.run(&["install", "other/lead"]).code(4);
    assert!(
        output.stderr.contains("`lead` requires the one from other"),
        "{}",
        output.stderr
    );
    assert!(read(&sandbox, "planner").contains("Of studio."));
}

#[test]
fn the_name_of_a_tool_is_quoted_where_it_is_to_be_allowed() {
    let sandbox = folders();
    let _ = sandbox.run(&["install", "studio/planner"]).code(0);
    widen(&sandbox, "studio", "Read, mcp__x;id__y");
    for command in [&["update"][..], &["install", "studio/planner"]] {
        let output = sandbox.run(command).code(4);
        assert!(
            output.stderr.contains("--allow 'mcp__x;id'`"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn only_install_and_update_take_away_what_left_the_manifest() {
    let sandbox = folders();
    let _ = sandbox
        .run(&["install", "studio/planner", "studio/tester", "debugger"])
        .code(0);
    let manifest = sandbox
        .read("agentpkg.toml")
        .replace("tester = { registry = \"studio\" }\n", "");
    sandbox.write("project/agentpkg.toml", &manifest);
    let before = sandbox.files();
    assert_eq!(
        sandbox.run(&["resolve"]).code(0).stderr,
        "No updates are pending.\n"
    );
    assert_eq!(sandbox.files(), before);
    assert_eq!(
        sandbox.run(&["remove", "planner"]).code(0).stderr,
        "     Removed .claude/agents/planner.md\n"
    );
    assert!(
        read(&sandbox, "tester").contains("Of studio.")
            && sandbox.read("agentpkg.lock").contains("tester")
    );
    // It can still be named.
    assert_eq!(
        sandbox.run(&["remove", "tester"]).code(0).stderr,
        "     Removed .claude/agents/tester.md\n"
    );
    assert!(
        !sandbox.read("agentpkg.lock").contains("tester")
            && sandbox.project(".claude/agents/debugger.md").exists()
    );
}

#[test]
fn remove_takes_what_only_the_named_agent_required() {
    let sandbox = Sandbox::new();
    for name in ["lead", "chief", "helper", "scribe"] {
        sandbox.write(&format!("studio/{name}.md"), agent(name, "Read", "Works."));
    }
    let requires = "[agents.lead]\nrequires = { agents = [\"helper\", \"scribe\"] }\n[agents.chief]\nrequires = { agents = [\"helper\"] }\n";
    sandbox.write(
        "studio/registry.toml",
        format!("name = \"studio\"\n\n{requires}"),
    );
    let _ = sandbox
        .run(&["install", "../studio#lead", "../studio#chief"])
        .code(0);
    let manifest = sandbox.read("agentpkg.toml");
    let chief = manifest
        .lines()
        .find(|line| line.starts_with("chief"))
        .unwrap();
    sandbox.write(
        "project/agentpkg.toml",
        manifest.replace(&format!("{chief}\n"), ""),
    );
    let output = sandbox.run(&["remove", "lead"]).code(0).stderr;
    assert_eq!(
        output,
        "     Removed .claude/agents/lead.md\n     Removed .claude/agents/scribe.md\n"
    );
    // The agent that requires it was removed from the manifest too, but is still there.
    assert!(read(&sandbox, "helper").contains("Works."));
}

#[test]
fn a_manifest_that_is_gone_removes_nothing() {
    let sandbox = folders();
    let _ = sandbox
        .run(&["install", "studio/planner", "studio/tester"])
        .code(0);
    fs::rename(
        sandbox.project("agentpkg.toml"),
        sandbox.project("elsewhere.toml"),
    )
    .unwrap();
    let before = sandbox.files();
    insta::assert_snapshot!(sandbox.run(&["install"]).code(1).stderr, @r#"
    error: agentpkg.toml is missing, while agentpkg.lock lists 2 agents

    hint: bring agentpkg.toml back; `agentpkg remove NAME` removes an agent
    "#);
    for arguments in [
        &["update"][..],
        &["install", "--dry-run"],
        &["install", "--force"],
        &["install", "debugger"],
    ] {
        let output = sandbox.run(arguments).code(1);
        assert!(
            output
                .stderr
                .contains("agentpkg.toml is missing, while agentpkg.lock lists 2 agents"),
            "{}",
            output.stderr
        );
        assert_eq!(sandbox.files(), before);
    }
    assert_eq!(
        sandbox.run(&["remove", "tester"]).code(0).stderr,
        "     Removed .claude/agents/tester.md\n"
    );
    let _ = sandbox.run(&["remove", "planner"]).code(0);
    let _ = sandbox.run(&["install", "debugger"]).code(0);
}
