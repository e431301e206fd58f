//! Agents that are bound to a plugin: what is missing without it, and that nothing is once the plugin is enabled.

use serde_json::{Value, json};

use crate::support::sandbox::Sandbox;

/// A repository in the shape of real ones: a marketplace, and a plugin with an agent that needs the rest of it.
fn upstream(fields: &str, body: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let agent = format!("---\nname: planner\ndescription: Plans\n{fields}\n---\n\n{body}\n");
    sandbox
        .write(
            "up/.claude-plugin/marketplace.json",
            json!({"name": "market", "owner": {"name": "o"}, "plugins": [
                {"name": "kit", "source": "./plugins/kit-folder"},
                {"name": "extra", "source": "./plugins/extra"},
            ]})
            .to_string(),
        )
        .write(
            "up/plugins/kit-folder/.claude-plugin/plugin.json",
            json!({"name": "kit"}).to_string(),
        )
        .write("up/plugins/kit-folder/agents/planner.md", agent)
        .write(
            "up/plugins/kit-folder/agents/helper.md",
            "---\nname: helper\ndescription: Helps\n---\n",
        )
        .write(
            "up/plugins/kit-folder/skills/write/SKILL.md",
            "---\nname: write\ndescription: Writes\n---\n",
        )
        .write("up/plugins/kit-folder/scripts/check.py", "print()\n")
        .write(
            "up/plugins/kit-folder/.mcp.json",
            json!({"mcpServers": {"db": {"command": "true"}}}).to_string(),
        );
    sandbox
}

/// Enables the plugin for the project, as the client's own command does.
fn enable(sandbox: &Sandbox) {
    let folder = sandbox.path().join("up/plugins/kit-folder");
    let installed = json!({
        "version": 2,
        "plugins": {"kit@market": [{"scope": "project", "installPath": folder}]},
    });
    sandbox
        .write(
            "home/.claude/plugins/installed_plugins.json",
            installed.to_string(),
        )
        .write(
            "project/.claude/settings.json",
            json!({"enabledPlugins": {"kit@market": true}}).to_string(),
        );
}

fn missing(sandbox: &Sandbox, options: &[&str]) -> Vec<Value> {
    let document = sandbox
        .run(&[&["check", "--json"], options].concat())
        .json();
    let findings = document["findings"].as_array().unwrap().iter();
    let is_it = |finding: &&Value| {
        let kind = finding["kind"].as_str().unwrap();
        [
            "missing-plugin",
            "missing-agent",
            "missing-skill",
            "missing-server",
        ]
        .contains(&kind)
    };
    findings.filter(is_it).cloned().collect()
}

/// The agent with each of these needs what is missing, is warned about at install, and misses nothing with the plugin.
fn judge(fields: &str, body: &str, names: &[&str]) {
    let sandbox = upstream(fields, body);
    let output = sandbox.run(&["install", "../up#planner"]).code(0);
    let command = "claude plugin install kit --marketplace ../up -s project";
    assert!(output.stderr.contains(command), "{}", output.all());
    let document = sandbox.run(&["info", "planner", "--json"]).code(0).json();
    let parts = document["needs"]["plugins"].as_array().unwrap();
    let said: Vec<&str> = parts
        .iter()
        .map(|part| part["what"].as_str().unwrap())
        .collect();
    assert_eq!(said, names);
    let found = missing(&sandbox, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["kind"], "missing-plugin");
    assert_eq!(found[0]["level"], "error");
    assert_eq!(found[0]["fix"], command);
    assert!(
        missing(&sandbox, &["--project-only"]).is_empty(),
        "plugins are about this machine"
    );
    enable(&sandbox);
    assert_eq!(missing(&sandbox, &[]), Vec::<Value>::new());
    let document = sandbox.run(&["info", "planner", "--json"]).code(0).json();
    assert_eq!(document["needs"]["plugins"], json!([]));
}

#[test]
fn agents_and_skills_of_a_plugin_are_looked_for_there() {
    judge(
        "tools: Read, Agent(kit:helper)\nskills: [kit:write]",
        "You plan.",
        &["kit:helper", "kit:write"],
    );
}

#[test]
fn servers_of_a_plugin_are_looked_for_there() {
    judge(
        "tools: Read, mcp__plugin_kit_db__query, mcp__plugin_kit_db__list",
        "You plan.",
        &["mcp__plugin_kit_db"],
    );
}

#[test]
fn the_folder_of_a_plugin_and_files_beside_the_agent_are_looked_for() {
    judge(
        "tools: Read, Bash",
        "Run `python3 ${CLAUDE_PLUGIN_ROOT}/scripts/check.py`, or `scripts/check.py` alone.\nNever touch `src/main.rs`.",
        &["${CLAUDE_PLUGIN_ROOT}", "scripts/check.py"],
    );
}

#[test]
fn a_colon_is_no_proof() {
    let sandbox = upstream("tools: Read, Agent(kit:nobody, other:one)", "You plan.");
    let _ = sandbox.run(&["install", "../up#planner"]).code(0);
    let fixes: Vec<Value> = missing(&sandbox, &[])
        .iter()
        .map(|found| found["fix"].clone())
        .collect();
    assert_eq!(
        fixes,
        [
            "claude plugin install kit --marketplace ../up -s project",
            "claude plugin install other -s project",
        ]
    );
    enable(&sandbox);
    let mut found = missing(&sandbox, &[]);
    found.retain(|finding| finding["subject"] == "planner");
    assert_eq!(found.len(), 2);
    let message = found[0]["message"].as_str().unwrap();
    let says = "which the enabled plugin `kit` does not have";
    assert!(message.contains(says), "{message}");
}

#[test]
fn a_file_beside_an_agent_of_no_plugin_is_missing_too() {
    let sandbox = Sandbox::new();
    sandbox
        .write(
            "up/agents/a.md",
            "---\nname: a\ndescription: d\ntools: Read\n---\nRead `references/style.md` first.\n",
        )
        .write("up/references/style.md", "# Style\n");
    let output = sandbox.run(&["install", "../up#a"]).code(0);
    assert!(
        output
            .stderr
            .contains("a needs references/style.md, which is not here"),
        "{}",
        output.all()
    );
    assert_eq!(missing(&sandbox, &["--project-only"]).len(), 1);
    sandbox.write("project/references/style.md", "# Style\n");
    assert_eq!(missing(&sandbox, &[]), Vec::<Value>::new());
}
