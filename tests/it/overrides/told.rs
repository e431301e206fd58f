//! Which messages commands show about overrides: removals that find nothing, old tools, long descriptions, contradictions, lost frontmatter.

use serde_json::Value;

use super::{FILE, installed, line_of, planner, remove, run, upstream};
use crate::support::sandbox::{Sandbox, finish};

/// The findings of `check` of one kind.
fn findings(sandbox: &Sandbox, kind: &str) -> Vec<Value> {
    let output = sandbox.run(&["check", "--project-only", "--json"]);
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let all = document["findings"].as_array().unwrap().iter();
    all.filter(|found| found["kind"] == kind).cloned().collect()
}

#[test]
fn removals_that_find_nothing_are_told_with_their_line() {
    for (tools, assignment, words) in [
        (
            "Read, Grep, Bash",
            "tools-=Bahs",
            Some("did you mean `Bash`?"),
        ),
        (
            "Read, Grep, Bash",
            "tools-=Nope",
            Some("has nothing that `tools-=Nope` would remove"),
        ),
        (
            "Read, Grep, Bash",
            "disallowedTools-=Bash",
            Some("`disallowedTools-=Bash`"),
        ),
        ("\"*\"", "tools-=Bahs", Some("did you mean `Bash`?")),
        ("\"*\"", "tools-=mcp__db", None),
        ("Read, Bash(git *)", "tools-=Bash", None),
    ] {
        let sandbox = Sandbox::new();
        upstream(&sandbox, "opus", tools, "Plan.");
        let _ = run(&sandbox, "registry add ../studio", 0);
        let _ = run(&sandbox, "install planner", 0);
        let before = sandbox.read("agentpkg.toml");
        for _ in 0..2 {
            let said = run(&sandbox, &format!("set planner {assignment}"), 0);
            match words {
                Some(words) => assert!(said.contains(words), "{assignment}: {said}"),
                None => assert!(!said.contains("would remove"), "{assignment}: {said}"),
            }
        }
        let found = findings(&sandbox, "idle-override");
        assert_eq!(found.len(), usize::from(words.is_some()), "{assignment}");
        let line = sandbox.read("agentpkg.toml");
        let line = 1 + line
            .lines()
            .position(|line| line.starts_with("planner"))
            .unwrap();
        if let Some(found) = found.first() {
            assert_eq!(
                found["places"],
                serde_json::json!([format!("agentpkg.toml:{line}")])
            );
            assert_eq!(found["level"], "note");
        }
        // What a person wrote into the manifest is told once, with its line.
        let (key, name) = assignment.split_once("-=").unwrap();
        let entry =
            format!("registry = \"studio\", {key} = {{\n  remove = [\n    \"{name}\",\n  ] }} }}");
        let _ = run(&sandbox, &format!("unset planner {key} --allow {name}"), 0);
        sandbox.write(
            "project/agentpkg.toml",
            before.replace("registry = \"studio\" }", &entry),
        );
        let said = run(&sandbox, "install", 0);
        assert_eq!(
            said.contains(&format!("agentpkg.toml:{}:", line + 2)),
            words.is_some(),
            "{said}"
        );
        let said = run(&sandbox, "install", 0);
        assert!(!said.contains("would remove"), "{said}");
    }
}

#[test]
fn old_tools_of_one_agent_are_one_finding_with_one_command() {
    let old = "LS, Task, KillShell, MultiEdit, Think, NotebookRead, BashOutput, KillBash, TodoRead, LSTool, SlashCommand, View, Computer, Batch";
    let sandbox = Sandbox::new();
    upstream(&sandbox, "opus", &format!("Read, {old}"), "Plan.");
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install planner", 0);
    let found = findings(&sandbox, "odd-tools");
    assert_eq!(found.len(), 1);
    assert!(found[0]["tools"].as_array().unwrap().len() > 6, "{found:?}");
    let command = found[0]["command"].as_str().unwrap();
    assert_eq!(command, "agentpkg set planner modernise=true");
    let _ = run(&sandbox, command.strip_prefix("agentpkg ").unwrap(), 0);
    assert_ne!(line_of(&sandbox, "tools"), format!("tools: Read, {old}"));
    for found in findings(&sandbox, "odd-tools") {
        assert_eq!(found["command"], Value::Null, "{found}");
    }
}

#[test]
fn modernising_is_offered_only_where_it_would_work() {
    for (tools, entry, offered) in [
        ("Read, LS", "", true),
        ("Read, LS", ", pin = [\"tools\"]", false),
        ("Read, LS", ", verbatim = true", false),
        ("Read, LS", ", modernise = false", true),
        ("Read, Frobnicate", "", false),
        ("LS, Think", "", false),
    ] {
        let sandbox = Sandbox::new();
        upstream(&sandbox, "opus", tools, "Plan.");
        let _ = run(&sandbox, "registry add ../studio", 0);
        let _ = run(&sandbox, "install planner", 0);
        let text = sandbox.read("agentpkg.toml");
        sandbox.write(
            "project/agentpkg.toml",
            text.replace("\"studio\" }", &format!("\"studio\"{entry} }}")),
        );
        let _ = run(&sandbox, "install", 0);
        let said = sandbox.run(&["check"]).all();
        let is_offered = said.contains("agentpkg set planner modernise=true");
        assert_eq!(is_offered, offered, "{tools}{entry}: {said}");
    }
}

#[test]
fn the_command_that_shortens_a_description_is_named() {
    let sandbox = installed();
    let shorten = "agentpkg set planner 'description=…'";
    assert!(run(&sandbox, "list --cost", 0).contains(shorten));
    let costs = sandbox.run(&["list", "--cost", "--json"]).code(0).json();
    assert_eq!(costs["agents"][0]["command"], shorten);
    let text = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        format!("{text}\n[policy]\nmax-description-tokens = 3\n"),
    );
    let found = findings(&sandbox, "policy");
    let fix = found[0]["fix"].as_str().unwrap();
    assert!(
        fix.starts_with(&format!("`{shorten}`, or `agentpkg remove planner`")),
        "{fix}"
    );
    let _ = run(&sandbox, "set planner description=P", 0);
    assert_eq!(findings(&sandbox, "policy"), [] as [Value; 0]);
    // The limit for all agents.
    sandbox.write(
        "project/agentpkg.toml",
        format!("{text}\n[policy]\nmax-total-tokens = 2\n"),
    );
    let found = findings(&sandbox, "policy");
    assert!(
        found[0]["fix"].as_str().unwrap().contains(shorten),
        "{found:?}"
    );
    // What is not installed cannot be set: the manifest says it first.
    let sandbox = Sandbox::new();
    upstream(&sandbox, "opus", "Read", "Plan.");
    sandbox.write(
        "project/agentpkg.toml",
        "[policy]\nmax-description-tokens = 3\n",
    );
    let _ = run(&sandbox, "registry add ../studio", 0);
    let said = run(&sandbox, "install planner", 4);
    let entry = "planner = { description = \"…\" }";
    assert!(said.contains(entry), "{said}");
    let text = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        format!("{text}\n[agents]\n{}\n", entry.replace('…', "P")),
    );
    let _ = run(&sandbox, "install", 0);
    assert_eq!(line_of(&sandbox, "description"), "description: P");
}

#[test]
fn assignments_that_contradict_each_other_are_refused() {
    let sandbox = installed();
    let before = sandbox.files();
    for (line, words) in [
        (
            "set planner model=haiku model=opus",
            "`model` is set twice, to `haiku` and to `opus`",
        ),
        (
            "set planner modernise=true modernise=false",
            "to `true` and to `false`",
        ),
        (
            "set planner tools+=Glob tools-=Glob",
            "`Glob` is both added to `tools` and removed",
        ),
    ] {
        let said = run(&sandbox, line, 2);
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(sandbox.files(), before);
    let _ = run(&sandbox, "set planner model=haiku model=haiku", 0);
}

#[test]
fn a_file_without_frontmatter_says_what_to_do() {
    for line in [
        "set planner model=opus",
        "set planner tools-=Bash --force",
        "unset planner model",
    ] {
        let sandbox = installed();
        let _ = run(&sandbox, "set planner model=haiku", 0);
        sandbox.write(&format!("project/{FILE}"), "# Planner\n\nPlan.\n");
        let said = run(&sandbox, line, 1);
        for words in [
            format!("nothing in `{FILE}` can be overridden"),
            "it has no frontmatter".to_owned(),
            "`agentpkg diff planner`".to_owned(),
            "`agentpkg install studio/planner --force`".to_owned(),
        ] {
            assert!(said.contains(&words), "{line}: {said}");
        }
        let _ = run(&sandbox, "install studio/planner --force", 0);
        let _ = run(&sandbox, line, 0);
    }
    // The same where an install would apply the override.
    let sandbox = installed();
    sandbox.write(&format!("project/{FILE}"), "# Planner\n");
    let text = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        format!("{text}\n[defaults]\nmodel = \"haiku\"\n"),
    );
    let said = run(&sandbox, "install", 1);
    assert!(said.contains("it has no frontmatter"), "{said}");
}

#[test]
fn a_dry_run_says_what_would_be_asked() {
    let sandbox = installed();
    let said = run(
        &sandbox,
        "set planner tools+=WebFetch tools+=Glob --dry-run --allow Glob",
        0,
    );
    assert!(
        said.contains("+ WebFetch") && said.contains("`--allow WebFetch`"),
        "{said}"
    );
    assert!(said.contains("+ Glob"), "{said}");
    assert!(!said.contains("about Glob"), "{said}");
    let words = ["set", "planner", "tools+=WebFetch", "--dry-run", "--json"];
    let document = sandbox.run(&words).code(0).json();
    assert_eq!(document["asks"][0]["allow"], "WebFetch");
    let _ = run(&sandbox, "set planner tools-=Bash", 0);
    let said = run(&sandbox, "unset planner tools --dry-run", 0);
    assert!(
        said.contains("+ Bash") && said.contains("`--allow Bash`"),
        "{said}"
    );
}

#[test]
fn the_name_of_an_old_tool_can_be_allowed_where_nothing_asks() {
    let sandbox = Sandbox::new();
    upstream(&sandbox, "opus", "Read, LS", "Plan.");
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install planner", 0);
    let text = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        format!("{text}\n[defaults]\nmodernise = true\n"),
    );
    let _ = run(&sandbox, "set planner modernise=true", 0);
    let _ = run(&sandbox, "unset planner modernise --allow LS", 0);
    assert_eq!(line_of(&sandbox, "tools"), "tools: Read");
    let said = run(&sandbox, "set planner model=haiku --allow Lss", 2);
    assert!(said.contains("`--allow` cannot be `Lss`"), "{said}");
}

#[test]
fn diff_shows_overrides() {
    let sandbox = installed();
    let shown = "planner has overrides: model=haiku, tools-=Bash";
    assert!(!run(&sandbox, "diff", 0).contains("has overrides"));
    let _ = run(&sandbox, "set planner model=haiku tools-=Bash", 0);
    assert!(run(&sandbox, "diff", 0).contains(shown));
    upstream(&sandbox, "opus", "Read, Grep, Bash", "Plan more.");
    for view in ["--local", "--upstream", "--merged"] {
        let said = run(&sandbox, &format!("diff planner {view}"), 0);
        assert!(said.contains(shown), "{view}: {said}");
        let document = sandbox.run(&["diff", view, "--json"]).code(0).json();
        let expected =
            serde_json::json!([{"name": "planner", "overrides": ["model=haiku", "tools-=Bash"]}]);
        assert_eq!(document["overridden"], expected, "{view}");
    }
}

#[test]
fn an_install_that_leaves_everything_out_does_not_say_that_nothing_is_listed() {
    let sandbox = installed();
    let text = sandbox.read("agentpkg.toml");
    let policy = format!("{text}\n[policy]\ndeny-tools = [\"Bash\"]\n");
    sandbox.write("project/agentpkg.toml", policy);
    remove(&sandbox, &format!("project/{FILE}"));
    let said = run(&sandbox, "install", 4);
    assert!(!said.contains("lists no agents yet"), "{said}");
    remove(&sandbox, "project/agentpkg.lock");
    let said = run(&sandbox, "install", 4);
    assert!(!said.contains("lists no agents yet"), "{said}");
    let sandbox = Sandbox::new();
    sandbox.write("project/agentpkg.toml", "[agents]\n");
    assert!(run(&sandbox, "install", 0).contains("lists no agents yet"));
}

#[test]
fn names_of_tools_are_completed() {
    let sandbox = installed();
    sandbox.write(
        "project/.mcp.json",
        "{\"mcpServers\": {\"db\": {\"command\": \"x\"}}}",
    );
    let complete = |word: &str| -> Vec<String> {
        let mut command = sandbox.command();
        let command = command.env("COMPLETE", "fish");
        let line = ["--", "agentpkg", "set", "planner", word];
        let lines = finish(command.args(line)).code(0).stdout;
        let first = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        let mut found: Vec<String> = lines.lines().map(first).collect();
        found.sort();
        found
    };
    assert_eq!(
        complete("tools-="),
        ["tools-=Bash", "tools-=Grep", "tools-=Read"]
    );
    assert_eq!(complete("tools-=B"), ["tools-=Bash"]);
    assert_eq!(complete("disallowedTools-="), [] as [&str; 0]);
    let added = complete("tools+=");
    assert!(added.contains(&"tools+=WebFetch".to_owned()), "{added:?}");
    assert!(added.contains(&"tools+=mcp__db".to_owned()), "{added:?}");
    assert!(complete("disallowedTools+=W").contains(&"disallowedTools+=Write".to_owned()));
    assert_eq!(complete("modernise=f"), ["modernise=false"]);
    let _ = run(&sandbox, "set planner modernise=true model=haiku", 0);
    let mut command = sandbox.command();
    let line = ["--", "agentpkg", "unset", "planner", ""];
    let keys = finish(command.env("COMPLETE", "fish").args(line))
        .code(0)
        .stdout;
    assert!(
        keys.contains("modernise") && keys.contains("model"),
        "{keys}"
    );
}

#[test]
fn keys_in_quotes_are_overridden_and_updated() {
    let text = |model: &str, text: &str| {
        planner("x", "[\n  Read, # all\n  Bash # shell\n ]", text)
            .replace("model: x", &format!("\"model\" : {model} # best"))
    };
    let sandbox = Sandbox::new();
    sandbox.write("studio/agents/planner.md", text("opus", "Plan."));
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install planner", 0);
    let before = sandbox.read(FILE);
    let _ = run(&sandbox, "set planner model=haiku tools-=Bash", 0);
    let expected = text("haiku", "Plan.")
        .replace("all\n  Bash # shell", "all")
        .replace("Read,", "Read");
    assert_eq!(sandbox.read(FILE), expected);
    sandbox.write("studio/agents/planner.md", text("sonnet", "Plan more."));
    let _ = run(&sandbox, "update", 0);
    assert_eq!(sandbox.read(FILE), expected.replace("Plan.", "Plan more."));
    let _ = run(&sandbox, "unset planner model tools --allow Bash", 0);
    let plain = before
        .replace("opus", "sonnet")
        .replace("Plan.", "Plan more.");
    assert_eq!(sandbox.read(FILE), plain);
}
