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
    error: `planner` violates the policy of this project
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
        output.stderr.contains("`planner` violates the policy")
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
            .contains("policy.deny-tools  1 finding\n    error  planner: it may use `Bash`\n"),
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
            .contains("registry `more` violates the policy"),
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
        "the server `github` is at `api.githubcopilot.com`",
        "the server `fetch` runs `uvx`",
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
    error: `planner` violates the policy of this project
     --> agentpkg.toml:2:14
      |
    2 | deny-tools = ["Bash"]
      |              ^^^^^^^^ it cannot be judged, so it may use `Bash`
      line 4 is not valid YAML: a quote is not closed, or its text continues without being indented

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
        error  planner: Claude Code ignores it: line 4 is not valid YAML: a quote is not closed, or its text continues without being indented
               .claude/agents/planner.md
               agentpkg diff planner

    policy.deny-tools  1 finding
        error  planner: it cannot be judged, so it may use `Bash`
               .claude/agents/planner.md
               fix its frontmatter (line 4 is not valid YAML: a quote is not closed, or its text continues without being indented), or `agentpkg remove planner`

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
        error  broken: Claude Code ignores it: line 4 is not valid YAML: found unexpected end of stream
               .claude/agents/broken.md
               fix its frontmatter

    policy.deny-tools  2 findings
        error  broken: it cannot be judged, so it may use `Bash`
               .claude/agents/broken.md
               fix its frontmatter (line 4 is not valid YAML: found unexpected end of stream), or delete .claude/agents/broken.md

        error  mine: it may use `Bash`
               .claude/agents/mine.md
               change it, or delete .claude/agents/mine.md

    policy.missing-tools  1 finding
        error  broken: it cannot be judged, so it may use every tool
               .claude/agents/broken.md
               fix its frontmatter (line 4 is not valid YAML: found unexpected end of stream), or delete .claude/agents/broken.md
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
        error  planner: several files have this name; Claude Code loads only .claude/agents/planner.md
               .claude/agents/mine.md
               .claude/agents/planner.md
               change the `name` in .claude/agents/mine.md, or delete that file

        error  unnamed: Claude Code ignores it: it has no name
               .claude/agents/unnamed.md
               fix its frontmatter

    policy.hooks  1 finding
        error  mine: it sets `hooks`
               .claude/agents/mine.md
               change it, or delete .claude/agents/mine.md
    "#);
}

#[test]
fn a_misspelt_rule_is_an_error_in_every_command() {
    for (policy, says) in [
        ("deny-tool = [\"Bash\"]", "did you mean `deny-tools`?"),
        ("deny_tools = [\"Bash\"]", "did you mean `deny-tools`?"),
        ("Hooks = false", "did you mean `hooks`?"),
        ("colour = false", "there are `registries`"),
    ] {
        let sandbox = scene(policy, PLAIN);
        for command in [
            "install",
            "install ../upstream#planner",
            "update",
            "remove planner",
            "status",
            "check",
            "list",
            "list --all",
            "list --available",
            "info planner",
            "search planner",
            "outdated",
            "diff",
            "resolve",
            "registry list",
            "registry add ../upstream",
            "list --json",
            "check --project-only --json",
        ] {
            let words: Vec<&str> = command.split(' ').collect();
            let output = sandbox.run(&words);
            assert_ne!(output.code, 0, "{policy}: {command}: {}", output.all());
            assert!(
                output.all().contains(says),
                "{policy}: {command}: {}",
                output.all()
            );
        }
    }
    let sandbox = scene("deny-tool = [\"Bash\"]", PLAIN);
    insta::assert_snapshot!(sandbox.run(&["check"]).code(1).stderr, @r#"
    error: `deny-tool` is not a rule of `[policy]`
     --> agentpkg.toml:2:1
      |
    2 | deny-tool = ["Bash"]
      | ^^^^^^^^^ did you mean `deny-tools`?
    "#);
    sandbox.write(
        "project/agentpkg.toml",
        "[polcy]\ndeny-tools = [\"Bash\"]\n",
    );
    let output = sandbox.run(&["install"]);
    assert!(
        output.code != 0 && output.stderr.contains("did you mean `policy`?"),
        "{}",
        output.all()
    );
}

#[test]
fn findings_are_grouped_by_rule() {
    let sandbox = scene("deny-tools = [\"Bash\"]\nhooks = false", PLAIN);
    let hooks = "hooks:\n  Stop: []\ntools";
    for name in ["a", "b"] {
        let text = PLAIN.replace("planner", name);
        let text = text.replace("Read", "Bash").replace("tools", hooks);
        sandbox.write(&format!("project/.claude/agents/{name}.md"), text);
    }
    insta::assert_snapshot!(sandbox.run(&["check"]).code(4).stdout, @r#"
    policy.deny-tools  2 findings
        error  a: it may use `Bash`
               .claude/agents/a.md
               change it, or delete .claude/agents/a.md

        error  b: it may use `Bash`
               .claude/agents/b.md
               change it, or delete .claude/agents/b.md

    policy.hooks  2 findings
        error  a: it sets `hooks`
               .claude/agents/a.md
               change it, or delete .claude/agents/a.md

        error  b: it sets `hooks`
               .claude/agents/b.md
               change it, or delete .claude/agents/b.md
    "#);
    let document = sandbox.run(&["check", "--json"]).json();
    let rules: Vec<&str> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["deny-tools", "deny-tools", "hooks", "hooks"]);
}

/// Each way to have what the policy forbids: where the file is, and what is in it.
const BYPASSES: [(&str, &str, &str); 34] = [
    ("a subfolder", "sub/deep/x.md", "tools: Bash"),
    ("a hidden file", ".x.md", "tools: Bash"),
    ("a hidden folder", ".x/y.md", "tools: Bash"),
    (
        "a folder that git ignores",
        "node_modules/x.md",
        "tools: Bash",
    ),
    (
        "a copy of an installed agent",
        "zz/planner.md",
        "tools: Bash",
    ),
    ("no tools line", "x.md", ""),
    ("every tool", "x.md", "tools: \"*\""),
    ("every tool among others", "x.md", "tools: Read, *"),
    ("a rule with a limit", "x.md", "tools: Bash(git *)"),
    ("a quoted key", "x.md", "\"tools\": Bash"),
    ("an escaped key", "x.md", "\"to\\x6fls\": Bash"),
    ("equal keys", "x.md", "tools: Read\ntools: Bash"),
    ("a merge key", "x.md", "base: &b\n  tools: Bash\n<<: *b"),
    ("an anchor", "x.md", "x: &t [Bash]\ntools: *t"),
    ("a list", "x.md", "tools:\n  - Read\n  - Bash"),
    ("a list with tabs", "x.md", "tools:\n\t- Read\n\t- Bash"),
    ("a list of lists in text", "x.md", "tools: [\"Read, Bash\"]"),
    ("a folded text", "x.md", "tools: >-\n  Read,\n  Bash"),
    ("a glued comment", "x.md", "tools: Bash #Read"),
    (
        "a list that Claude Code repairs",
        "x.md",
        "x: @y\ntools: [Read, Bash]",
    ),
    (
        "a tool that is only said to be taken",
        "x.md",
        "tools: Bash\ndisallowedTools: Bash(*)",
    ),
    ("a complex key", "x.md", "? tools\n: Bash"),
    (
        "hooks",
        "x.md",
        "tools: Read\nhooks: {Stop: [{hooks: [{type: command, command: x}]}]}",
    ),
    (
        "hooks under a merge key",
        "x.md",
        "tools: Read\n<<: {hooks: {Stop: []}}",
    ),
    (
        "a mode",
        "x.md",
        "tools: Read\npermissionMode: bypassPermissions",
    ),
    (
        "a mode in kebab case",
        "x.md",
        "tools: Read\npermission-mode: bypassPermissions",
    ),
    (
        "a mode in snake case",
        "x.md",
        "tools: Read\npermission_mode: bypassPermissions",
    ),
    (
        "servers in kebab case",
        "x.md",
        "tools: Read\nmcp-servers: [{x: {command: evil}}]",
    ),
    (
        "a server of its own",
        "x.md",
        "tools: Read\nmcpServers: [{x: {command: evil}}]",
    ),
    (
        "memory, which brings Write",
        "x.md",
        "tools: Read\nmemory: project",
    ),
    ("an old name", "x.md", "tools: Task"),
    ("starting others", "x.md", "tools: Agent(general-purpose)"),
    ("a whole server", "x.md", "tools: mcp__db"),
    ("what nobody can read", "x.md", "tools: \"Read"),
];

#[test]
fn no_way_around_the_policy_is_overlooked() {
    let policy = "deny-tools = [\"Bash\", \"Write\", \"Agent\", \"mcp__db__drop\"]\nhooks = false\npermission-mode = false\nmcp-servers = false\ncommands = [\"npx\"]";
    for (what, path, fields) in BYPASSES {
        let sandbox = scene(policy, PLAIN);
        let _ = sandbox.run(&["install", "../upstream#planner"]).code(0);
        let name = if path.ends_with("planner.md") {
            "planner"
        } else {
            "x"
        };
        let text = format!("---\nname: {name}\ndescription: d\n{fields}\n---\nBody.\n");
        sandbox.write(&format!("project/.claude/agents/{path}"), text);
        let output = sandbox.run(&["check", "--project-only", "--json"]).code(4);
        let findings = output.json()["findings"].clone();
        let found = findings.as_array().unwrap().iter().any(|finding| {
            finding["kind"] == "policy" && finding["places"].to_string().contains(path)
        });
        assert!(found, "{what}: {findings}");
    }
}

/// A way to have a forbidden agent in some place, and what to call it.
#[cfg(unix)]
type Prepare<'p> = (&'p str, &'p dyn Fn(&Sandbox));

#[cfg(unix)]
#[test]
fn no_place_is_overlooked() {
    use std::os::unix::fs::symlink;
    let bash = PLAIN.replace("planner", "x").replace("Read", "Bash");
    let prepare: [Prepare<'_>; 8] = [
        ("a linked file", &|sandbox| {
            sandbox.write("elsewhere/x.txt", &bash);
            symlink(
                "../../../elsewhere/x.txt",
                sandbox.project(".claude/agents/x.md"),
            )
            .unwrap();
        }),
        ("a linked folder", &|sandbox| {
            sandbox.write("elsewhere/x.md", &bash);
            symlink("../../../elsewhere", sandbox.project(".claude/agents/sub")).unwrap();
        }),
        ("a linked agents folder of a parent", &|sandbox| {
            sandbox.write("elsewhere/x.md", &bash);
            std::fs::create_dir_all(sandbox.path().join(".claude")).unwrap();
            symlink("../elsewhere", sandbox.path().join(".claude/agents")).unwrap();
        }),
        ("a parent folder", &|sandbox| {
            sandbox.write(".claude/agents/x.md", &bash);
        }),
        ("the user's folder", &|sandbox| {
            sandbox.write("home/.claude/agents/x.md", &bash);
        }),
        ("the managed folder", &|sandbox| {
            sandbox.write("managed/.claude/agents/x.md", &bash);
        }),
        ("an edited file", &|sandbox| {
            sandbox.write(
                "project/.claude/agents/planner.md",
                PLAIN.replace("Read", "Bash"),
            );
        }),
        ("a plugin", &|sandbox| {
            let plugin = sandbox.path().join("plugin");
            let installed = serde_json::json!({
                "version": 2,
                "plugins": {"kit@market": [{"scope": "user", "installPath": plugin}]},
            });
            sandbox
                .write("plugin/agents/x.md", &bash)
                .write(
                    "home/.claude/plugins/installed_plugins.json",
                    installed.to_string(),
                )
                .write(
                    "project/.claude/settings.json",
                    "{\"enabledPlugins\": {\"kit@market\": true}}",
                );
        }),
    ];
    for (what, prepare) in prepare {
        let sandbox = scene("deny-tools = [\"Bash\"]", PLAIN);
        let _ = sandbox.run(&["install", "../upstream#planner"]).code(0);
        prepare(&sandbox);
        let output = sandbox.run(&["check", "--json"]).code(4);
        let findings = output.json()["findings"].clone();
        let is_found = |finding: &serde_json::Value| finding["rule"] == "deny-tools";
        assert!(
            findings.as_array().unwrap().iter().any(is_found),
            "{what}: {findings}"
        );
    }
}
