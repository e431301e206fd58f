//! The `[policy]` table, which every command obeys that would add something to the project.

use crate::support::sandbox::Sandbox;

const PLAIN: &str = "---\nname: planner\ndescription: Plans\ntools: Read\n---\n";

fn scene(policy: &str, agent: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("upstream/agents/planner.md", agent);
    sandbox.write("project/agentpkg.toml", format!("[policy]\n{policy}\n"));
    sandbox
}

#[test]
fn each_rule_refuses_and_is_shown() {
    for (policy, agent, says) in [
        (
            "registries = [\"builtin\"]",
            PLAIN.to_owned(),
            "it comes from ../upstream",
        ),
        (
            "deny-tools = [\"Bash\"]",
            PLAIN.replace("Read", "Bash(git *)"),
            "it may use `Bash`",
        ),
        (
            "hooks = false",
            PLAIN.replace("tools", "hooks:\n  Stop: []\ntools"),
            "it sets `hooks`",
        ),
        (
            "permission-mode = false",
            PLAIN.replace("tools", "permissionMode: plan\ntools"),
            "it sets `permissionMode`",
        ),
        (
            "mcp-servers = false",
            PLAIN.replace("tools", "mcpServers: [db]\ntools"),
            "it sets `mcpServers`",
        ),
        (
            "commands = [\"npx\"]",
            PLAIN.replace(
                "tools",
                "mcpServers:\n  - s: {type: stdio, command: evil}\ntools",
            ),
            "the server `s` runs `evil`",
        ),
        (
            "missing-tools = false",
            PLAIN.replace("tools: Read\n", ""),
            "it may use every tool",
        ),
    ] {
        let sandbox = scene(policy, &agent);
        let before = sandbox.files();
        let output = sandbox
            .run(&["install", "../upstream#planner", "--allow", "all"])
            .code(4);
        let rule = policy.split(' ').next().unwrap();
        let shown = output.stderr.contains(says)
            && output.stderr.contains(&format!("`policy.{rule}`"))
            && output.stderr.contains("agentpkg.toml:2:");
        assert!(shown, "{policy}: {}", output.all());
        assert_eq!(sandbox.files(), before, "{policy}: nothing was written");
    }
}

#[test]
fn a_refusal_shows_the_rule_where_it_stands() {
    let sandbox = scene(
        "# decided in March\ndeny-tools = [\"WebFetch\", \"Bash\"]",
        &PLAIN.replace("Read", "Read, Bash"),
    );
    insta::assert_snapshot!(sandbox.run(&["install", "../upstream#planner"]).code(4).stderr, @r#"
    error: `planner` is against the policy of this project
     --> agentpkg.toml:3:14
      |
    3 | deny-tools = ["WebFetch", "Bash"]
      |              ^^^^^^^^^^^^^^^^^^^^ it may use `Bash`

    hint: the rule is `policy.deny-tools` of this project; `--allow` does not override it
    "#);
}

#[test]
fn updates_locks_and_registries_obey_it_too() {
    let sandbox = Sandbox::new();
    sandbox.write("upstream/agents/planner.md", PLAIN).write(
        "upstream/agents/other.md",
        PLAIN.replace("planner", "other"),
    );
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "studio"])
        .code(0);
    let _ = sandbox
        .run(&["install", "studio/planner", "studio/other"])
        .code(0);
    let manifest = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        format!("{manifest}\n[policy]\ndeny-tools = [\"Bash\"]\n"),
    );
    sandbox.write(
        "upstream/agents/planner.md",
        PLAIN.replace("Read", "Read, Bash"),
    );
    sandbox.write(
        "upstream/agents/other.md",
        PLAIN.replace("planner", "other") + "\nMore.\n",
    );
    let output = sandbox.run(&["update", "--allow", "all"]).code(4);
    assert!(
        output.stderr.contains("`planner` is against the policy")
            && output.stderr.contains("Updated other"),
        "{}",
        output.all()
    );
    assert!(!sandbox.read(".claude/agents/planner.md").contains("Bash"));
    // Violations from before the rule, or made by hand, are found.
    sandbox.write(
        "project/.claude/agents/planner.md",
        PLAIN.replace("Read", "Read, Bash"),
    );
    let output = sandbox.run(&["check"]).code(4);
    assert!(
        output
            .stdout
            .contains("it may use `Bash` (rule `policy.deny-tools`)"),
        "{}",
        output.all()
    );
    sandbox.write(
        "project/agentpkg.toml",
        format!("{manifest}\n[policy]\nregistries = [\"builtin\"]\n"),
    );
    let output = sandbox.run(&["install"]).code(4);
    assert!(
        output
            .stderr
            .contains("it comes from the registry `studio`"),
        "{}",
        output.all()
    );
    let output = sandbox
        .run(&["registry", "add", "../upstream", "--name", "more"])
        .code(4);
    assert!(
        output
            .stderr
            .contains("registry `more` is against the policy"),
        "{}",
        output.all()
    );
}

#[test]
fn servers_are_held_against_it() {
    let agent = PLAIN.replace(
        "Read",
        "mcp__context7__query-docs, mcp__github, mcp__fetch__fetch",
    );
    let sandbox = scene(
        "commands = [\"npx\"]\nhosts = [\"mcp.example.com\"]",
        &agent,
    );
    let output = sandbox
        .run(&["install", "../upstream#planner", "--mcp", "add"])
        .code(0);
    assert!(
        output.stderr.contains("Added context7 to .mcp.json"),
        "{}",
        output.all()
    );
    for says in [
        "the server `github` is at `api.githubcopilot.com` (rule `policy.hosts`)",
        "the server `fetch` runs `uvx` (rule `policy.commands`)",
    ] {
        assert!(output.stderr.contains(says), "{}", output.all());
    }
}

#[test]
fn what_cannot_be_judged_is_not_let_through() {
    let broken = "---\nname: planner\ndescription: \"Plans\ntools: Read\n---\n";
    let sandbox = scene("deny-tools = [\"Bash\"]", broken);
    let before = sandbox.files();
    insta::assert_snapshot!(sandbox.run(&["install", "../upstream#agents/planner.md", "--verbatim"]).code(4).stderr, @r#"
    error: `planner` is against the policy of this project
     --> agentpkg.toml:2:14
      |
    2 | deny-tools = ["Bash"]
      |              ^^^^^^^^ it cannot be judged, so it may use `Bash`
      line 4 is not valid YAML: a quote is not closed, or its text goes on without being indented

    hint: the rule is `policy.deny-tools` of this project; `--allow` does not override it
    hint: fix its frontmatter; without `--verbatim`, agentpkg repairs what it can
    "#);
    assert_eq!(sandbox.files(), before, "nothing was written");
    let _ = sandbox
        .run(&["install", "../upstream#agents/planner.md"])
        .code(0);
    let output = sandbox.run(&["check"]).code(0);
    assert!(
        !output.stdout.contains("policy"),
        "the repaired file is judged: {}",
        output.all()
    );
    // It can still be added by hand.
    sandbox.write("project/.claude/agents/planner.md", broken);
    insta::assert_snapshot!(sandbox.run(&["check"]).code(4).stdout, @r#"
      error  planner: the client ignores it: line 4 is not valid YAML: a quote is not closed, or its text goes on without being indented
             .claude/agents/planner.md
             agentpkg diff planner

      error  planner: it cannot be judged, so it may use `Bash` (rule `policy.deny-tools`)
             .claude/agents/planner.md
             fix its frontmatter (line 4 is not valid YAML: a quote is not closed, or its text goes on without being indented), or `agentpkg remove planner`

    warning  planner: was changed by hand and may do more than what was installed: every tool
             .claude/agents/planner.md
             agentpkg diff planner
    "#);
}

#[test]
fn a_tool_that_is_only_said_to_be_taken_is_still_denied() {
    let agent = PLAIN.replace("tools: Read", "tools: Read, Bash\ndisallowedTools: \"*\"");
    let sandbox = scene("deny-tools = [\"Bash\"]", &agent);
    let output = sandbox.run(&["install", "../upstream#planner"]).code(4);
    assert!(
        output.stderr.contains("it may use `Bash`"),
        "{}",
        output.all()
    );
    let sandbox = scene(
        "deny-tools = [\"Edit(/secret/**)\"]",
        &PLAIN.replace("Read", "Read, Write"),
    );
    let output = sandbox.run(&["install", "../upstream#planner"]).code(4);
    assert!(
        output
            .stderr
            .contains("it may use `Write`, which `Edit(/secret/**)` also covers"),
        "{}",
        output.all()
    );
}

#[test]
fn agents_that_nobody_installed_are_held_against_it() {
    let sandbox = scene("deny-tools = [\"Bash\"]\nmissing-tools = false", PLAIN);
    sandbox.write(
        "project/.claude/agents/mine.md",
        PLAIN
            .replace("planner", "mine")
            .replace("Read", "Bash(git *)"),
    );
    sandbox.write(
        "project/.claude/agents/broken.md",
        "---\nname: broken\ndescription: \"x\n---\n",
    );
    sandbox.write(
        "project/.claude/agents/fine.md",
        PLAIN.replace("planner", "fine"),
    );
    sandbox.write("project/.claude/agents/notes.md", "# Notes\n");
    insta::assert_snapshot!(sandbox.run(&["check"]).code(4).stdout, @r#"
    error  broken: the client ignores it: line 4 is not valid YAML: found unexpected end of stream
           .claude/agents/broken.md
           fix its frontmatter

    error  broken: it cannot be judged, so it may use every tool (rule `policy.missing-tools`)
           .claude/agents/broken.md
           fix its frontmatter (line 4 is not valid YAML: found unexpected end of stream), or delete .claude/agents/broken.md

    error  broken: it cannot be judged, so it may use `Bash` (rule `policy.deny-tools`)
           .claude/agents/broken.md
           fix its frontmatter (line 4 is not valid YAML: found unexpected end of stream), or delete .claude/agents/broken.md

    error  mine: it may use `Bash` (rule `policy.deny-tools`)
           .claude/agents/mine.md
           change it, or delete .claude/agents/mine.md
    "#);
}

#[test]
fn check_looks_at_files_that_nobody_installed() {
    let sandbox = scene("hooks = false", PLAIN);
    let _ = sandbox.run(&["install", "../upstream#planner"]).code(0);
    sandbox.write("project/.claude/agents/README.md", "# What is here\n");
    sandbox.write(
        "project/.claude/agents/mine.md",
        PLAIN.replace("tools", "hooks:\n  Stop: []\ntools"),
    );
    sandbox.write(
        "project/.claude/agents/unnamed.md",
        "---\ndescription: Without a name\n---\n",
    );
    insta::assert_snapshot!(sandbox.run(&["check"]).code(4).stdout, @r#"
    error  mine: it sets `hooks` (rule `policy.hooks`)
           .claude/agents/mine.md
           change it, or delete .claude/agents/mine.md

    error  planner: several files have this name; the client loads only .claude/agents/planner.md
           .claude/agents/mine.md
           .claude/agents/planner.md
           rename one of them: `agentpkg install SPEC --as NAME`

    error  unnamed: the client ignores it: it has no name
           .claude/agents/unnamed.md
           fix its frontmatter
    "#);
}
