//! What the client loads beside the top of the agents folder: other depths, links, parent folders, the user's, plugins.

use serde_json::Value;

use crate::support::sandbox::Sandbox;

fn agent(name: &str, tools: &str) -> String {
    format!("---\nname: {name}\ndescription: Does it\ntools: {tools}\n---\n\nYou do it.\n")
}

#[cfg(unix)]
fn link(sandbox: &Sandbox, target: &str, path: &str) {
    let path = sandbox.path().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(target, path).unwrap();
}

/// The findings of one kind: subject, places, message.
fn findings(sandbox: &Sandbox, kind: &str, options: &[&str]) -> Vec<(String, String, String)> {
    let output = sandbox.run(&[&["check", "--json"], options].concat());
    let document = output.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = document["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["kind"] == kind)
        .map(|finding| {
            let places = finding["places"].as_array().unwrap().iter();
            let places: Vec<String> = places.map(text).collect();
            (
                text(&finding["subject"]),
                places.join(", "),
                text(&finding["message"]),
            )
        })
        .collect()
}

fn places(findings: Vec<(String, String, String)>) -> Vec<String> {
    findings.into_iter().map(|(_, places, _)| places).collect()
}

#[test]
fn the_policy_holds_at_every_depth_and_in_parent_folders() {
    let sandbox = Sandbox::new();
    sandbox
        .write(
            "project/agentpkg.toml",
            "[policy]\ndeny-tools = [\"Bash\"]\n",
        )
        .write("project/.claude/agents/a/.b/c.md", agent("c", "Bash"))
        .write("project/.claude/agents/.d.md", agent("d", "Bash"))
        .write("project/.claude/agents/fine.md", agent("fine", "Read"))
        .write(".claude/agents/above.md", agent("above", "Bash"))
        .write(".claude/agents/fine.md", agent("fine", "Bash"));
    let _ = sandbox.run(&["check"]).code(4);
    assert_eq!(
        places(findings(&sandbox, "policy", &["--project-only"])),
        [
            ".claude/agents/.d.md",
            ".claude/agents/a/.b/c.md",
            "../.claude/agents/above.md",
        ],
        "an agent of a parent folder that does not run here is nothing to this project"
    );
    std::fs::create_dir(sandbox.project(".git")).unwrap();
    assert_eq!(findings(&sandbox, "policy", &[]).len(), 2);
}

#[test]
fn agents_of_the_user_and_of_plugins_are_about_this_machine() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.path().join("plugin");
    let installed = serde_json::json!({
        "version": 2,
        "plugins": {"kit@market": [{"scope": "user", "installPath": plugin}]},
    });
    sandbox
        .write(
            "project/agentpkg.toml",
            "[policy]\ndeny-tools = [\"Bash\"]\n",
        )
        .write(
            "project/.claude/agents/lead.md",
            agent("lead", "Agent(kit:sub:helper, mine, kit:none)"),
        )
        .write("home/.claude/agents/x/mine.md", agent("mine", "Bash"))
        .write(
            "home/.claude/settings.json",
            "{\"enabledPlugins\": {\"kit@market\": true}}",
        )
        .write(
            "home/.claude/plugins/installed_plugins.json",
            installed.to_string(),
        )
        .write("plugin/agents/sub/helper.md", "Without frontmatter.\n");
    let found = findings(&sandbox, "policy", &[]);
    assert!(
        found
            .iter()
            .any(|(subject, place, _)| subject == "mine" && place == "~/.claude/agents/x/mine.md"),
        "{found:?}"
    );
    let found = findings(&sandbox, "policy", &["--project-only"]);
    assert_eq!(found, []);
    let missing = findings(&sandbox, "missing-plugin", &[]);
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].2.starts_with("needs kit:none, "), "{missing:?}");
}

#[test]
fn a_plugin_brings_what_it_and_its_marketplace_name() {
    for (own, entry, expected) in [
        (None, "[]", &["kit:UP.MD", "kit:a"][..]),
        (None, r#"["./x/b.md"]"#, &["kit:UP.MD", "kit:a", "kit:b"]),
        (Some(r#"{"name": "q"}"#), "[]", &["q:UP.MD", "q:a"]),
        (
            Some(r#"{"name": "kit", "agents": "./x/b.md"}"#),
            "[]",
            &["kit:b"],
        ),
        (
            Some(r#"{"name": "kit", "agents": ["./x/b.md", "./x/none.md"]}"#),
            r#"["./agents/a.md"]"#,
            &["kit:a", "kit:b"],
        ),
        (Some(r#"{"name": "kit", "agents": []}"#), "[]", &[]),
        (Some(r#"{"name": "kit", "agents": ["x/b.md"]}"#), "[]", &[]),
        (Some(r#"{"name": "kit", "agents": ["./x/"]}"#), "[]", &[]),
        (Some(r#"{"name": "a b"}"#), "[]", &[]),
        (Some("{"), "[]", &[]),
    ] {
        let sandbox = Sandbox::new();
        let market = sandbox.path().join("market");
        let known = serde_json::json!({
            "m": {"source": {"source": "directory", "path": market}, "installLocation": market},
        });
        let listed = format!(
            r#"{{"name": "m", "plugins": [{{"name": "kit", "source": "./kit", "agents": {entry}}}]}}"#
        );
        sandbox
            .write("project/agentpkg.toml", "")
            .write("market/.claude-plugin/marketplace.json", listed)
            .write("market/kit/agents/a.md", agent("a", "Read"))
            .write("market/kit/agents/UP.MD", "Without frontmatter.\n")
            .write("market/kit/x/b.md", agent("b", "Read"))
            .write(
                "home/.claude/settings.json",
                r#"{"enabledPlugins": {"kit@m": true}}"#,
            )
            .write(
                "home/.claude/plugins/known_marketplaces.json",
                known.to_string(),
            );
        if let Some(own) = own {
            let _ = sandbox.write("market/kit/.claude-plugin/plugin.json", own);
        }
        let found = loaded(&sandbox, ".");
        let mut names: Vec<&str> = found.iter().map(|(name, _, _)| name.as_str()).collect();
        names.retain(|name| name.contains(':'));
        names.sort_unstable();
        assert_eq!(names, expected, "{own:?} {entry}");
    }
}

#[cfg(unix)]
#[test]
fn the_last_path_wins_and_every_file_of_the_name_is_said() {
    let sandbox = Sandbox::new();
    sandbox
        .write("project/.claude/agents/b.md", agent("one", "Read"))
        .write("project/.claude/agents/b/c.md", agent("one", "Read"))
        .write("elsewhere/e.md", agent("two", "Read"))
        .write("project/.claude/agents/z.md", agent("two", "Read"));
    link(
        &sandbox,
        "../../../elsewhere/e.md",
        "project/.claude/agents/e.md",
    );
    let found = findings(&sandbox, "same-name", &[]);
    assert_eq!(
        places(found.clone()),
        [
            ".claude/agents/b.md, .claude/agents/b/c.md",
            ".claude/agents/e.md, .claude/agents/z.md",
        ]
    );
    assert!(
        found[0]
            .2
            .ends_with("Claude Code loads only .claude/agents/b/c.md")
    );
    let output = sandbox.run(&["status"]).code(0);
    for name in ["b/c", "e", "z"] {
        let row = output
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{name}\t")));
        assert!(
            row.is_some_and(|row| row.contains("unmanaged")),
            "{}",
            output.all()
        );
    }
    let unmanaged = &sandbox.run(&["status", "--json"]).json()["unmanaged"];
    assert_eq!(
        *unmanaged,
        serde_json::json!(["b.md", "b/c.md", "e.md", "z.md"])
    );
}

#[test]
fn a_server_stays_that_any_loaded_agent_needs() {
    for other in [
        "project/.claude/agents/sub/other.md",
        ".claude/agents/other.md",
        "home/.claude/agents/other.md",
    ] {
        let sandbox = Sandbox::new();
        sandbox
            .write("x.md", agent("x", "Read, mcp__context7__query-docs"))
            .write(other, agent("other", "mcp__context7__query-docs"));
        let _ = sandbox.run(&["install", "../x.md", "--mcp", "add"]).code(0);
        let _ = sandbox.run(&["remove", "x"]).code(0);
        assert!(sandbox.read(".mcp.json").contains("context7"), "{other}");
        std::fs::remove_file(sandbox.path().join(other)).unwrap();
        let _ = sandbox.run(&["check", "--fix"]);
        assert!(!sandbox.project(".mcp.json").exists(), "{other}");
    }
}

#[test]
fn where_not_everything_was_read_no_server_goes_and_check_fails() {
    let sandbox = Sandbox::new();
    sandbox.write("x.md", agent("x", "Read, mcp__context7__query-docs"));
    let _ = sandbox.run(&["install", "../x.md", "--mcp", "add"]).code(0);
    let deep = format!("project/.claude/agents/{}y.md", "d/".repeat(40));
    sandbox.write(&deep, agent("y", "Read"));
    let _ = sandbox.run(&["remove", "x"]).code(0);
    assert!(sandbox.read(".mcp.json").contains("context7"));
    let _ = sandbox.run(&["check"]).code(4);
    assert_eq!(findings(&sandbox, "unread", &["--project-only"]).len(), 1);
}

#[test]
fn an_agent_is_there_if_one_of_that_name_is_loaded() {
    let sandbox = Sandbox::new();
    sandbox
        .write(
            "project/.claude/agents/lead.md",
            agent("lead", "Agent(helper, ghost, Plan)"),
        )
        .write(
            "project/.claude/agents/deep/file.md",
            agent("helper", "Read"),
        )
        .write("project/.claude/agents/ghost.md", "Only a note.\n");
    let missing = findings(&sandbox, "missing-agent", &[]);
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(
        missing[0].0, "ghost",
        "the name of a file is not that of an agent"
    );
}

#[test]
fn an_install_warns_about_equal_names_at_any_depth() {
    let sandbox = Sandbox::new();
    sandbox
        .write("planner.md", agent("planner", "Read"))
        .write("project/.claude/agents/z/old.md", agent("planner", "Read"));
    let output = sandbox.run(&["install", "../planner.md"]).code(0);
    let says = "planner.md and z/old.md are both named `planner`; Claude Code loads only .claude/agents/z/old.md";
    assert!(output.stderr.contains(says), "{}", output.all());
}

/// What `list --all` says of agents of files: name, state, path.
fn loaded(sandbox: &Sandbox, folder: &str) -> Vec<(String, String, String)> {
    let output = sandbox
        .run(&["-C", folder, "list", "--all", "--json"])
        .code(0);
    let document = output.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let agents = document["agents"].as_array().unwrap().iter();
    agents
        .filter(|agent| agent["layer"] != "built-in")
        .map(|agent| {
            (
                text(&agent["name"]),
                text(&agent["state"]),
                text(&agent["path"]),
            )
        })
        .collect()
}

fn row(name: &str, state: &str, path: &str) -> (String, String, String) {
    (name.to_owned(), state.to_owned(), path.to_owned())
}

#[test]
fn the_nearest_folder_wins_up_to_the_root_of_the_repository() {
    let sandbox = Sandbox::new();
    let one = agent("one", "Read");
    sandbox
        .write(".claude/agents/one.md", &one)
        .write(".claude/agents/above.md", agent("above", "Read"))
        .write("project/.claude/agents/one.md", &one)
        .write("project/.claude/agents/none.md", "---\nname: none\n---\n")
        .write("project/sub/.claude/agents/x/one.md", &one)
        .write("home/.claude/agents/one.md", &one);
    let sub = [
        row("above", "runs", "../../.claude/agents/above.md"),
        row("none", "ignored", "../.claude/agents/none.md"),
        row("one", "runs", ".claude/agents/x/one.md"),
        row("one", "hidden", "~/.claude/agents/one.md"),
        row("one", "hidden", "../.claude/agents/one.md"),
        row("one", "hidden", "../../.claude/agents/one.md"),
    ];
    assert_eq!(loaded(&sandbox, "sub"), sub);
    // A `.git` of any kind is a root, as for a submodule.
    sandbox.write("project/sub/.git", "gitdir: ../.git/modules/sub\n");
    assert_eq!(
        loaded(&sandbox, "sub"),
        [
            row("one", "runs", ".claude/agents/x/one.md"),
            row("one", "hidden", "~/.claude/agents/one.md"),
        ]
    );
}

#[test]
fn a_worktree_without_agents_has_those_of_the_main_one() {
    let sandbox = Sandbox::new();
    sandbox
        .write("main/.claude/agents/one.md", agent("one", "Read"))
        .write("main/.git/worktrees/project/commondir", "../..\n");
    let git = sandbox.path().join("main/.git/worktrees/project");
    sandbox.write("project/.git", format!("gitdir: {}\n", git.display()));
    let main = row("one", "runs", "../main/.claude/agents/one.md");
    assert_eq!(loaded(&sandbox, "."), [main]);
    sandbox.write("project/.claude/agents/two.md", agent("two", "Read"));
    let own = row("two", "runs", ".claude/agents/two.md");
    assert_eq!(loaded(&sandbox, "."), [own]);
}

#[test]
fn one_screen_says_where_an_agent_comes_from() {
    let sandbox = Sandbox::new();
    sandbox
        .write("planner.md", agent("planner", "Read"))
        .write("project/.claude/agents/Plan.md", agent("Plan", "Read"))
        .write("home/.claude/agents/planner.md", agent("planner", "Read"));
    let _ = sandbox.run(&["install", "../planner.md"]).code(0);
    insta::assert_snapshot!(sandbox.run(&["list", "--all"]).code(0).stdout, @"
    claude	runs	built into Claude Code	
    Explore	runs	built into Claude Code	
    general-purpose	runs	built into Claude Code	
    Plan	runs	.claude/agents/Plan.md	
    Plan	hidden	built into Claude Code	.claude/agents/Plan.md runs: the project's agents take precedence
    planner	runs	.claude/agents/planner.md	installed by agentpkg.toml
    planner	hidden	~/.claude/agents/planner.md	.claude/agents/planner.md runs: the project's agents take precedence
    statusline-setup	runs	built into Claude Code	
    ");
    let info = sandbox.run(&["info", "planner"]).code(0).stdout;
    let lines: Vec<&str> = info.lines().skip(1).take(2).collect();
    assert_eq!(
        lines,
        [
            "  runs      .claude/agents/planner.md",
            "            not ~/.claude/agents/planner.md: the project's agents take precedence",
        ]
    );
}

#[test]
fn check_says_who_runs_in_whose_place() {
    let sandbox = Sandbox::new();
    for path in [
        "project/.claude/agents/one.md",
        "home/.claude/agents/one.md",
        "managed/.claude/agents/two.md",
        "project/.claude/agents/two.md",
    ] {
        let name = if path.ends_with("one.md") {
            "one"
        } else {
            "two"
        };
        sandbox.write(path, agent(name, "Read"));
    }
    sandbox.write("project/.claude/agents/e.md", agent("Explore", "Read"));
    let hides = findings(&sandbox, "hides", &[]);
    let messages: Vec<&str> = hides.iter().map(|(_, _, says)| says.as_str()).collect();
    assert_eq!(
        messages,
        [
            "replaces Claude Code's own agent of this name",
            "runs in place of ~/.claude/agents/one.md: the project's agents take precedence",
        ]
    );
    assert_eq!(findings(&sandbox, "hides", &["--project-only"]).len(), 1);
    let hidden = findings(&sandbox, "hidden", &[]);
    assert_eq!(hidden.len(), 1, "{hidden:?}");
    assert!(
        hidden[0].2.ends_with("managed agents take precedence"),
        "{hidden:?}"
    );
    assert_eq!(findings(&sandbox, "hidden", &["--project-only"]), []);
}

#[test]
fn an_install_says_in_whose_place_an_agent_runs() {
    let sandbox = Sandbox::new();
    sandbox
        .write("one.md", agent("one", "Read"))
        .write("Plan.md", agent("Plan", "Read"))
        .write("home/.claude/agents/one.md", agent("one", "Read"))
        .write("project/nested/agentpkg.toml", "");
    let output = sandbox.run(&["install", "../one.md"]).code(0);
    let says = ".claude/agents/one.md runs in place of ~/.claude/agents/one.md, also named `one`";
    assert!(output.stderr.contains(says), "{}", output.all());
    let nested = sandbox.run(&["-C", "nested", "install", "../../one.md"]);
    let says = "in place of ../.claude/agents/one.md (managed by ../agentpkg.toml), also named";
    assert!(nested.stderr.contains(says), "{}", nested.all());
    let output = sandbox.run(&["install", "../Plan.md"]);
    let says = "replaces Claude Code's own agent `Plan`";
    assert!(
        output.code != 0 || output.stderr.contains(says),
        "{}",
        output.all()
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_is_loaded_twice_is_no_fault() {
    let sandbox = Sandbox::new();
    sandbox.write("home/.claude/agents/one.md", agent("one", "Read"));
    link(
        &sandbox,
        "../../home/.claude/agents",
        "project/.claude/agents",
    );
    for kind in ["ignored", "same-name", "unread"] {
        assert_eq!(findings(&sandbox, kind, &[]), [], "{kind}");
    }
    let unmanaged = &sandbox.run(&["status", "--json"]).json()["unmanaged"];
    assert_eq!(*unmanaged, serde_json::json!(["one.md"]));
}

#[test]
fn info_shows_a_loaded_agent_that_nobody_offers() {
    let sandbox = Sandbox::new();
    sandbox.write("project/.claude/agents/deep/x.md", agent("mine", "Read"));
    let info = sandbox.run(&["info", "mine"]).code(0).stdout;
    assert!(
        info.starts_with("mine\n  runs      .claude/agents/deep/x.md\n"),
        "{info}"
    );
    let _ = sandbox.run(&["info", "nobodys-agent"]).code(1);
}

#[test]
fn what_settings_keep_from_running_is_said() {
    let sandbox = Sandbox::new();
    sandbox
        .write("one.md", agent("one", "Read"))
        .write("two.md", agent("two", "Read"))
        .write(
            "project/.claude/settings.json",
            "{\"permissions\": {\"deny\": [\"Agent(one)\", \"Agent(nobody)\"]}}",
        )
        .write(
            "project/.claude/settings.local.json",
            "{\"permissions\": {\"deny\": [\"Task(two)\"]}}",
        );
    let output = sandbox.run(&["install", "../one.md"]).code(0);
    let says = "one.md cannot be started: .claude/settings.json denies `Agent(one)`";
    assert!(output.stderr.contains(says), "{}", output.all());
    let output = sandbox.run(&["install", "../two.md", "--json"]).code(0);
    let shadows = output.json()["shadows"].to_string();
    assert!(
        shadows.contains("settings.local.json denies `Task(two)`"),
        "{shadows}"
    );
    let subjects = |options: &[&str]| -> Vec<String> {
        let found = findings(&sandbox, "denied-agent", options).into_iter();
        found.map(|(subject, ..)| subject).collect()
    };
    assert_eq!(subjects(&[]), ["one", "two"]);
    assert_eq!(
        subjects(&["--project-only"]),
        ["one"],
        "the other file is of this machine"
    );
    assert!(loaded(&sandbox, ".").contains(&row("one", "denied", ".claude/agents/one.md")));
    sandbox.write(
        "managed/managed-settings.json",
        "{\"strictPluginOnlyCustomization\": [\"agents\"]}",
    );
    let off = findings(&sandbox, "switched-off", &[]);
    assert_eq!(off.len(), 1, "{off:?}");
    assert_eq!(findings(&sandbox, "switched-off", &["--project-only"]), []);
    assert_eq!(findings(&sandbox, "ignored", &[]), []);
    let output = sandbox.run(&["install", "../one.md", "--as", "three"]);
    assert!(
        output.stderr.contains("allows agents of plugins only"),
        "{}",
        output.all()
    );
}
