//! What descriptions cost in each session.

use crate::support::sandbox::Sandbox;

fn agent(name: &str, letters: usize) -> String {
    format!(
        "---\nname: {name}\ndescription: {}\ntools: Read\n---\n",
        "x".repeat(letters)
    )
}

#[test]
fn an_install_says_what_new_agents_cost_and_what_all_cost() {
    let sandbox = Sandbox::new();
    sandbox
        .write("up/agents/one.md", agent("one", 395))
        .write("up/agents/two.md", agent("two", 195))
        .write("home/.claude/agents/mine.md", agent("mine", 3_994));
    let output = sandbox.run(&["install", "../up#one"]).code(0);
    assert!(
        output
            .stderr
            .contains("Cost +100 tokens in each session, 1.1k of 15k"),
        "{}",
        output.all()
    );
    let output = sandbox
        .run(&["install", "../up#two", "--json"])
        .code(0)
        .json();
    assert_eq!(
        output["cost"],
        serde_json::json!({"added": 50, "total": 1150, "limit": 15_000})
    );
    let output = sandbox.run(&["install", "--json"]).code(0).json();
    assert!(output["cost"].is_null());
    let listed = sandbox.run(&["list", "--cost", "--json"]).code(0).json();
    assert_eq!(listed["total"], 1150);
    assert_eq!(listed["agents"][0]["name"], "mine");
    assert_eq!(listed["agents"][0]["layer"], "user");
    let shown = sandbox.run(&["list", "--cost"]).code(0);
    assert!(
        shown.stderr.contains("1.2k of 15k tokens"),
        "{}",
        shown.all()
    );
    assert!(
        !sandbox
            .run(&["check", "--json"])
            .stdout
            .contains("\"budget\"")
    );
}

#[test]
fn too_much_is_a_warning_and_a_note() {
    let sandbox = Sandbox::new();
    sandbox
        .write("up/agents/one.md", agent("one", 395))
        .write("home/.claude/agents/mine.md", agent("mine", 59_994));
    let output = sandbox.run(&["install", "../up#one"]).code(0);
    let says = "cost 15.1k tokens in each session (+100), and Claude Code warns above 15k; `agentpkg list --cost`";
    assert!(
        output.stderr.replace('\n', " ").contains(says),
        "{}",
        output.all()
    );
    assert!(
        sandbox
            .run(&["check", "--json"])
            .stdout
            .contains("\"budget\"")
    );
    assert!(
        !sandbox
            .run(&["check", "--project-only", "--json"])
            .stdout
            .contains("\"budget\"")
    );
}

#[test]
fn a_team_can_limit_both() {
    let sandbox = Sandbox::new();
    sandbox
        .write("up/agents/one.md", agent("one", 395))
        .write("up/agents/two.md", agent("two", 195))
        .write(
            "project/agentpkg.toml",
            "[policy]\nmax-description-tokens = 99\n",
        );
    let refused = sandbox.run(&["install", "../up#one"]).code(4);
    assert!(
        refused
            .stderr
            .contains("its description costs 100 tokens, more than 99"),
        "{}",
        refused.all()
    );
    sandbox.write(
        "project/agentpkg.toml",
        "[policy]\nmax-total-tokens = 120\n",
    );
    let refused = sandbox.run(&["install", "../up", "--all", "--yes"]).code(4);
    assert!(
        refused.stderr.contains("cost 150 tokens, more than 120"),
        "{}",
        refused.all()
    );
    assert!(sandbox.project(".claude/agents/one.md").exists());
    assert!(!sandbox.project(".claude/agents/two.md").exists());
    sandbox.write("project/.claude/agents/sub/two.md", agent("two", 195));
    let check = sandbox.run(&["check", "--project-only"]).code(4);
    assert!(
        check.stdout.contains("policy.max-total-tokens  1 finding"),
        "{}",
        check.all()
    );
    sandbox.write(
        "project/agentpkg.toml",
        "[policy]\nmax-total-tokens = \"few\"\n",
    );
    assert!(
        sandbox
            .run(&["list"])
            .code(1)
            .stderr
            .contains("a number is expected")
    );
}
