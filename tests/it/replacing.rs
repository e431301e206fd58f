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
