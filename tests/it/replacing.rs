//! What `install` and `update` may replace or take away, and what they say or ask before they do.

use crate::support::sandbox::Sandbox;

fn agent(name: &str, tools: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Does it\ntools: {tools}\n---\n\n{text}\n")
}

/// Two folders with agents of the same names, as registries.
fn folders() -> Sandbox {
    let sandbox = Sandbox::new();
    for place in ["studio", "other"] {
        for name in ["planner", "tester"] {
            sandbox.write(&format!("{place}/agents/{name}.md"), agent(name, "Read", &format!("Of {place}.")));
        }
        let _ = sandbox.run(&["registry", "add", &format!("../{place}"), "--name", place]).code(0);
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
    let _ = sandbox.run(&["install", "studio/planner", "studio/tester"]).code(0);
    let (planner, tester) = (edit(&sandbox, "planner"), edit(&sandbox, "tester"));
    let _ = sandbox.run(&["install", "planner", "--force"]).code(0);
    assert_ne!(read(&sandbox, "planner"), planner);
    assert_eq!(read(&sandbox, "tester"), tester, "it was not named");
    let _ = sandbox.run(&["install", "debugger", "--force"]).code(0);
    assert_eq!(read(&sandbox, "tester"), tester, "it was not named");
    let _ = sandbox.run(&["install", "--force"]).code(0);
    assert_ne!(read(&sandbox, "tester"), tester, "without a name it is for all");
}

#[test]
fn force_does_not_reach_what_a_named_agent_requires() {
    let sandbox = Sandbox::new();
    sandbox
        .write("studio/lead.md", agent("lead", "Read", "Leads."))
        .write("studio/helper.md", agent("helper", "Read", "Helps."))
        .write("studio/registry.toml", "name = \"studio\"\n\n[agents.lead]\nrequires = { agents = [\"helper\"] }\n");
    let _ = sandbox.run(&["install", "../studio#lead"]).code(0);
    let helper = edit(&sandbox, "helper");
    sandbox.write("studio/helper.md", agent("helper", "Read", "Helps more."));
    let output = sandbox.run(&["install", "../studio#lead", "--force"]).code(1);
    assert!(
        output.stderr.contains("helper.md` was edited") && output.stderr.contains("add `../studio#helper`"),
        "{}",
        output.stderr
    );
    assert_eq!(read(&sandbox, "helper"), helper);
}

#[test]
fn what_nobody_wants_any_more_goes_in_words() {
    let sandbox = folders();
    let _ = sandbox.run(&["install", "studio/planner", "studio/tester"]).code(0);
    let manifest = sandbox.read("agentpkg.toml").replace("tester = { registry = \"studio\" }\n", "");
    sandbox.write("project/agentpkg.toml", &manifest);
    for command in ["install", "update"] {
        let output = sandbox.run(&[command, "--dry-run"]).code(0);
        assert!(output.stderr.contains("Would remove .claude/agents/tester.md  not in agentpkg.toml\n"), "{}", output.stderr);
        let output = sandbox.run(&[command]).code(0);
        assert!(output.stderr.contains("     Removed .claude/agents/tester.md  not in agentpkg.toml\n"), "{}", output.stderr);
        assert!(output.stderr.ends_with("Undo with `agentpkg undo`.\n"), "{}", output.stderr);
        assert!(sandbox.run(&["undo", "--list"]).code(0).stdout.contains(&format!("{command}, remove tester")));
        let _ = sandbox.run(&["undo"]).code(0);
        assert!(read(&sandbox, "tester").contains("Of studio."));
        // The undo brought the entry of the lockfile back, not that of the manifest, which the command had not changed.
        assert_eq!(sandbox.read("agentpkg.toml"), manifest);
    }
    let edited = edit(&sandbox, "tester");
    let output = sandbox.run(&["install", "debugger", "--force"]).code(0);
    assert!(
        output.stderr.contains("Kept .claude/agents/tester.md  edited, and yours now: not in agentpkg.toml"),
        "{}",
        output.stderr
    );
    assert_eq!(read(&sandbox, "tester"), edited);
}

#[test]
fn a_slip_of_the_pen_in_the_manifest_removes_nothing() {
    let sandbox = folders();
    let _ = sandbox.run(&["install", "studio/planner", "studio/tester"]).code(0);
    let manifest = sandbox.read("agentpkg.toml");
    sandbox.write("project/agentpkg.toml", manifest.replace("[agents]", "[agnets]"));
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
    for arguments in [&["install", "debugger"][..], &["install", "--dry-run"], &["update"], &["install", "--force"]] {
        let output = sandbox.run(arguments).code(1);
        assert!(output.stderr.contains("agentpkg.toml:5:2") && output.stderr.contains("`[agents]`"), "{}", output.stderr);
        assert_eq!(output.stderr.matches("is not a setting that this version knows").count(), 1, "{}", output.stderr);
        assert_eq!(sandbox.files(), before);
    }
    sandbox.write("project/agentpkg.toml", manifest.replace("[agents]", "[agnets]") + "\n[agents]\ndebugger = \"*\"\n");
    let _ = sandbox.run(&["remove", "debugger"]).code(1);
    assert!(read(&sandbox, "planner").contains("Of studio."));
}
