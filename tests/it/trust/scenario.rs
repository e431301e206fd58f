//! The commands under attack, each with the preceding steps.

use super::stage::{EDIT, Stage, agent};

/// A command in a project.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// Prepares the project.
    pub(super) prepare: fn(&mut Stage),
    /// The command under attack; `SOURCE` stands for the address of the git repository.
    pub(super) command: &'static [&'static str],
}

const INSTALL_ALL: &[&str] = &["install", "SOURCE", "--all"];
const ADD_REGISTRY: &[&str] = &["registry", "add", "SOURCE", "--name", "studio"];
const INSTALL_ANALYST: &[&str] = &["install", "SOURCE#analyst", "--mcp", "add"];
const UPDATE_WITH_MARKERS: &[&str] = &["update", "--conflicts", "markers"];
const SERVER_TOOLS: &str = "Read, mcp__context7__get-library-docs, mcp__playwright__browser_click";

const fn scenario(
    name: &'static str,
    prepare: fn(&mut Stage),
    command: &'static [&'static str],
) -> Scenario {
    Scenario {
        name,
        prepare,
        command,
    }
}

const SCENARIOS: &[Scenario] = &[
    scenario("init", few, &["init"]),
    scenario("install_one", few, &["install", "../folder#agent-a"]),
    scenario("install_one_from_git", few, &["install", "SOURCE#agent-a"]),
    scenario("install_builtin", few, &["install", "backend-architect"]),
    scenario("install_twenty", |stage| stage.publish(1, 20), INSTALL_ALL),
    scenario(
        "install_twenty_from_a_folder",
        |stage| stage.publish(1, 20),
        &["install", "../folder", "--all"],
    ),
    scenario(
        "install_over_a_foreign_file",
        foreign_file,
        &["install", "../folder#agent-a", "--force"],
    ),
    scenario("install_with_servers", servers, INSTALL_ANALYST),
    scenario("install_over_http", served, INSTALL_ALL),
    scenario("update_edited", edited, &["update"]),
    scenario("update_with_markers", in_conflict, UPDATE_WITH_MARKERS),
    scenario("update_over_http", edited_over_http, &["update"]),
    scenario("resolve_with_theirs", put_aside, &["resolve", "--theirs"]),
    scenario("resolve_by_giving_up", put_aside, &["resolve", "--abort"]),
    scenario(
        "remove_clean",
        installed,
        &["remove", "agent-a", "agent-b", "agent-c"],
    ),
    scenario(
        "remove_edited",
        edited,
        &["remove", "agent-a", "agent-b", "agent-c", "--force"],
    ),
    scenario("undo_update", updated, &["undo"]),
    scenario(
        "undo_over_an_edit",
        updated_and_edited,
        &["undo", "--force"],
    ),
    scenario("check_and_fix", servers_without_need, &["check", "--fix"]),
    scenario("registry_add", commented_manifest, ADD_REGISTRY),
    scenario(
        "registry_remove",
        with_registry,
        &["registry", "remove", "studio"],
    ),
    scenario(
        "registry_refresh",
        registry_behind,
        &["registry", "refresh"],
    ),
    scenario(
        "registry_refresh_over_http",
        registry_behind_over_http,
        &["registry", "refresh"],
    ),
];

/// The names of all scenarios, in order.
pub(super) fn names() -> Vec<&'static str> {
    SCENARIOS.iter().map(|scenario| scenario.name).collect()
}

/// The scenario of this name.
pub(super) fn find(name: &str) -> &'static Scenario {
    SCENARIOS
        .iter()
        .find(|scenario| scenario.name == name)
        .unwrap_or_else(|| panic!("no scenario is called {name}"))
}

fn few(stage: &mut Stage) {
    stage.publish(1, 3);
}

fn served(stage: &mut Stage) {
    stage.serve();
    stage.publish(1, 6);
}

fn foreign_file(stage: &mut Stage) {
    few(stage);
    stage.write(
        ".claude/agents/agent-a.md",
        agent("agent-a", "Read", 1) + EDIT,
    );
}

fn installed(stage: &mut Stage) {
    stage.publish(1, 6);
    let _ = stage.run(INSTALL_ALL).code(0);
}

/// Edits agents in places that upstream's second version does not change.
fn edit_some(stage: &Stage) {
    for name in ["agent-a", "agent-b", "agent-c"] {
        stage.edit(
            &format!(".claude/agents/{name}.md"),
            "Sentence 4 of",
            &format!("{EDIT} four of"),
        );
    }
}

fn edited(stage: &mut Stage) {
    installed(stage);
    edit_some(stage);
    stage.publish(2, 6);
}

fn edited_over_http(stage: &mut Stage) {
    stage.serve();
    edited(stage);
}

fn in_conflict(stage: &mut Stage) {
    installed(stage);
    for name in ["agent-a", "agent-b", "agent-c"] {
        stage.edit(
            &format!(".claude/agents/{name}.md"),
            "Sentence 2 of",
            &format!("{EDIT} two of"),
        );
    }
    stage.publish(2, 6);
}

fn put_aside(stage: &mut Stage) {
    in_conflict(stage);
    let _ = stage.run(UPDATE_WITH_MARKERS).code(3);
}

fn updated(stage: &mut Stage) {
    edited(stage);
    let _ = stage.run(&["update"]).code(0);
}

fn updated_and_edited(stage: &mut Stage) {
    updated(stage);
    stage.edit(
        ".claude/agents/agent-d.md",
        "Sentence 4 of",
        &format!("Later {EDIT} of"),
    );
}

fn servers(stage: &mut Stage) {
    few(stage);
    stage.publish_agent("analyst", SERVER_TOOLS);
    let own = format!("{{\"command\": \"npx\", \"args\": [\"-y\", \"own@1\", \"{EDIT}\"]}}");
    stage.write(
        ".mcp.json",
        format!("{{\n  \"mcpServers\": {{\n    \"own\": {own}\n  }}\n}}\n"),
    );
}

fn servers_without_need(stage: &mut Stage) {
    servers(stage);
    let _ = stage.run(INSTALL_ANALYST).code(0);
    stage.edit(
        ".claude/agents/analyst.md",
        &format!("tools: {SERVER_TOOLS}"),
        &format!("tools: Read # {EDIT}"),
    );
}

fn commented_manifest(stage: &mut Stage) {
    few(stage);
    stage.write("agentpkg.toml", format!("# {EDIT}\n"));
}

fn with_registry(stage: &mut Stage) {
    commented_manifest(stage);
    let _ = stage.run(ADD_REGISTRY).code(0);
}

fn registry_behind(stage: &mut Stage) {
    with_registry(stage);
    stage.publish(2, 6);
}

fn registry_behind_over_http(stage: &mut Stage) {
    stage.serve();
    registry_behind(stage);
}
