//! What a person meets who has just begun: dry runs that say what they would ask, pending updates that no command hides, and typos that
//! are called typos.

use serde_json::{Value, json};

use crate::adopt::{PLANNER, Stage, agent};
use crate::support::repo::run_git;
use crate::support::sandbox::Sandbox;

const HOOKS: &str =
    "hooks:\n  Stop:\n    - hooks:\n        - type: command\n          command: ls\n";

#[test]
fn a_dry_run_says_what_it_would_ask_and_with_yes_what_it_would_leave_out() {
    let hooked = agent("hooked").replace("tools: Read, Grep\n", HOOKS);
    let Some(stage) = Stage::new(&[("agents/hooked.md", &hooked), (PLANNER, &agent("planner"))])
    else {
        return;
    };
    let line = "install team/hooked team/planner --dry-run";
    let said = stage.run(line).code(0).all();
    assert!(said.contains("Would ask hooked  about hooks"), "{said}");
    let document = stage.run(&format!("{line} --json")).code(0).json();
    assert_eq!(document["asks"][0]["agent"], "hooked");
    let said = stage.run(&format!("{line} --yes")).code(0).all();
    assert!(!said.contains("Would ask"), "{said}");
    assert!(
        said.contains("Would skip hooked  needs consent to hooks"),
        "{said}"
    );
    assert!(
        said.contains("Would write .claude/agents/planner.md"),
        "{said}"
    );
    let document = stage.run(&format!("{line} --yes --json")).code(0).json();
    assert_eq!(document["agents"][0]["status"], "skipped");
    assert_eq!(document["agents"][1]["status"], "installed");
    let said = stage.run(&format!("{line} --allow hooks")).code(0).all();
    assert!(!said.contains("Would ask"), "{said}");
    // As it is then done.
    let _ = stage.run("install team/hooked team/planner --yes").code(4);
    assert!(stage.lock().contains("\"planner\"") && !stage.lock().contains("\"hooked\""));
}

/// A project with an update that conflicts with an edit.
fn conflicting() -> Option<Stage> {
    let old = agent("planner");
    let mut stage = Stage::new(&[(PLANNER, &old)])?;
    let _ = stage.run("install team/planner").code(0);
    stage.copy("planner", &old.replace("does 3\n", "does mine\n"));
    stage.publish(PLANNER, &old.replace("does 3\n", "does theirs\n"));
    Some(stage)
}

#[test]
fn a_dry_run_counts_the_conflicts_that_are_left() {
    let Some(stage) = conflicting() else {
        return;
    };
    let open = |line: &str| {
        let document = stage.run(&format!("{line} --json")).code(0).json();
        let conflicts = document["agents"][0]["conflicts"].as_array().unwrap();
        assert_eq!(conflicts.len(), 1, "{line}: {document}");
        conflicts[0]["decided"] == false
    };
    for (line, is_open) in [
        ("update --dry-run", true),
        ("update --dry-run --yes", true),
        ("update --ours --dry-run", false),
        ("update --theirs --dry-run", false),
    ] {
        assert_eq!(open(line), is_open, "{line}");
        let said = stage.run(line).code(0).all();
        assert_eq!(said.contains("1 conflict"), is_open, "{line}: {said}");
        let is_said = said.contains("conflicts decided") || said.contains("Would update");
        assert_eq!(is_said, !is_open, "{said}");
    }
    let _ = stage.run("update --conflicts=markers").code(3);
    let marked = stage.sandbox.read(".agentpkg/conflicts/planner.md");
    let start = marked.find("<<<<<<<").unwrap();
    let end = marked.find(">>>>>>>").unwrap();
    let end = end + marked[end..].find('\n').unwrap() + 1;
    let decided = format!(
        "{}- planner does both\n{}",
        &marked[..start],
        &marked[end..]
    );
    let _ = stage
        .sandbox
        .write("project/.agentpkg/conflicts/planner.md", decided);
    assert!(!open("resolve --continue --dry-run"));
    let said = stage.run("resolve --continue --dry-run").code(0).all();
    assert!(!said.contains("1 conflict"), "{said}");
}

#[test]
fn a_pending_update_is_named_by_every_command_that_looks_fine_without_it() {
    let Some(stage) = conflicting() else {
        return;
    };
    for line in ["list", "install", "check"] {
        assert!(!stage.run(line).all().contains("pending"), "{line}");
    }
    let _ = stage.run("update --conflicts=markers").code(3);
    for line in ["list", "install", "check", "status"] {
        let said = stage.run(line).code(0).all();
        assert!(said.contains("pending"), "{line}: {said}");
        assert!(said.contains("agentpkg resolve"), "{line}: {said}");
    }
    let listed = stage.run("list --json").json();
    assert_eq!(listed["agents"][0]["pending"], true);
    let document = stage.run("install --json").json();
    assert_eq!(document["pending"][0], "planner");
    let findings = stage.run("check --json").json()["findings"].to_string();
    assert!(findings.contains("\"pending\""), "{findings}");
    let _ = stage.run("resolve --ours").code(0);
    for line in ["list", "install", "check"] {
        assert!(!stage.run(line).all().contains("pending"), "{line}");
    }
}

#[test]
fn a_typo_in_the_manifest_is_called_one() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    let manifest = stage.sandbox.read("agentpkg.toml");
    for (entry, line) in [
        (
            "plannr = { registry = \"team\" }",
            "`planner = { registry = \"team\" }`",
        ),
        (
            "mine = { registry = \"team\", agent = \"plannr\" }",
            "`mine = { registry = \"team\", agent = \"planner\" }`",
        ),
    ] {
        let text = format!("{manifest}\n[agents]\n{entry}\n");
        let _ = stage.sandbox.write("project/agentpkg.toml", text);
        for command in ["install", "update"] {
            let said = stage.run(command).code(1).all();
            assert!(said.contains("no agent named `plannr`"), "{said}");
            assert!(said.contains("did you mean `planner`?"), "{said}");
            assert!(said.contains(line), "{said}");
            assert!(!said.contains("no longer"), "{said}");
        }
    }
    let text = format!("{manifest}\n[agents]\nplanner = {{ registry = \"tem\" }}\n");
    let _ = stage.sandbox.write("project/agentpkg.toml", text);
    let said = stage.run("install").code(1).all();
    assert!(said.contains("did you mean `team`?"), "{said}");
}

#[test]
fn without_a_manifest_that_is_said() {
    let sandbox = Sandbox::new();
    for line in [
        &["set", "planner", "model=haiku"][..],
        &["unset", "planner", "model"],
        &["update", "planner"],
        &["outdated", "planner"],
    ] {
        let said = sandbox.run(line).code(1).all();
        assert!(said.contains("there is no agentpkg.toml"), "{said}");
        assert!(said.contains("agentpkg install planner"), "{said}");
    }
}

#[test]
fn a_word_that_is_a_tool_or_a_server_is_looked_for_with_the_filter() {
    let postgres = agent("keeper").replace("Read, Grep", "Read, mcp__postgres__query");
    let Some(stage) = Stage::new(&[
        ("agents/keeper.md", &postgres),
        (PLANNER, &agent("planner")),
    ]) else {
        return;
    };
    for (word, option) in [("Grep", "--tool"), ("postgres", "--needs-mcp")] {
        let said = stage.run(&format!("search {word}")).code(0).all();
        let command = format!("agentpkg search {option} {word}");
        assert!(said.contains(&command), "{said}");
        let document = stage.run(&format!("search {word} --json")).json();
        assert_eq!(document["filters"][0]["option"], option);
        let total = document["filters"][0]["total"].clone();
        let line = command.strip_prefix("agentpkg ").unwrap();
        assert_eq!(stage.run(&format!("{line} --json")).json()["total"], total);
    }
    let document = stage.run("search nothing-like-it --json").json();
    assert_eq!(document["filters"].as_array().map(Vec::len), Some(0));
}

#[test]
fn info_names_the_source_and_the_path_of_an_installed_agent() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    let _ = stage.run("install team/planner --as chief").code(0);
    let said = stage.run("info chief").code(0).all();
    assert!(said.contains("from      team/planner"), "{said}");
    let document = stage.run("info chief --json").json();
    assert_eq!(document["spec"], "team/planner");
    assert_eq!(document["path"], ".claude/agents/chief.md");
    assert_eq!(
        stage.run("info team/planner --json").json()["path"],
        Value::Null
    );
}

#[test]
fn options_that_are_not_alike_are_not_suggested_and_the_version_is_a_document() {
    let sandbox = Sandbox::new();
    let said = sandbox
        .run(&["registry", "remove", "x", "--force"])
        .code(2)
        .all();
    assert!(!said.contains("did you mean"), "{said}");
    let said = sandbox.run(&["install", "x", "--forse"]).code(2).all();
    assert!(said.contains("did you mean `--force`?"), "{said}");
    for line in [["--json", "--version"], ["--version", "--json"]] {
        let document = sandbox.run(&line).code(0).json();
        assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    }
    let said = sandbox.run(&["--version"]).code(0).stdout;
    assert_eq!(said.trim(), concat!("agentpkg ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_repository_of_this_machine_is_read_with_its_newest_commits_offline() {
    let old = agent("planner");
    let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
        return;
    };
    let _ = stage.run("install team/planner --offline").code(0);
    let new = old.replace("does 3\n", "does three\n");
    stage.publish(PLANNER, &new);
    let _ = stage.run("update --offline").code(0);
    assert_eq!(stage.file("planner"), new);
}

#[test]
fn an_override_that_upstream_no_longer_allows_names_the_way_out() {
    let old = agent("planner");
    let Some(mut stage) = Stage::new(&[(PLANNER, &old)]) else {
        return;
    };
    let _ = stage.run("install team/planner").code(0);
    let _ = stage.run("set planner tools+=Bash --allow Bash").code(0);
    stage.publish(PLANNER, &old.replace("tools: Read, Grep\n", ""));
    let before = stage.file("planner");
    let said = stage.run("update").code(1).all();
    assert!(said.contains("no `tools` line"), "{said}");
    assert!(said.contains("agentpkg unset planner tools"), "{said}");
    assert_eq!(stage.file("planner"), before);
    let _ = stage.run("unset planner tools").code(0);
    let _ = stage.run("update --allow tools").code(0);
    assert!(!stage.file("planner").contains("tools:"));
}

#[test]
fn a_checkout_is_offered_as_a_repository() {
    let sandbox = Sandbox::new();
    let text = agent("planner");
    let _ = sandbox.write("checkout/agents/planner.md", &text);
    let said = sandbox
        .run(&["install", "../checkout#planner@^1"])
        .code(1)
        .all();
    assert!(said.contains("leave out `@^1`"), "{said}");
    assert!(!said.contains("file://"), "{said}");
    let root = sandbox.path().join("checkout");
    if crate::support::repo::hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    run_git(&root, ["init", "-q"]);
    run_git(&root, ["config", "user.name", "n"]);
    run_git(&root, ["config", "user.email", "n@x"]);
    run_git(&root, ["add", "-A"]);
    run_git(&root, ["commit", "-qm", "first"]);
    run_git(&root, ["tag", "v1.2.0"]);
    let said = sandbox
        .run(&["install", "../checkout#planner@^1"])
        .code(1)
        .all();
    let (_, spec) = said.split_once("belongs to: `").unwrap();
    let (spec, _) = spec.split_once('`').unwrap();
    let _ = sandbox.run(&["install", spec]).code(0);
    assert!(sandbox.read("agentpkg.lock").contains("1.2.0"));
}

/// What is disallowed is shown as disallowed by every command that says what an agent may use.
#[test]
fn what_is_disallowed_is_said_with_every_tool() {
    let sandbox = Sandbox::new();
    let fields = "name: safe\ndescription: Reads only.\ndisallowedTools: Bash, PowerShell, Monitor, Edit, Write, NotebookEdit\n";
    sandbox.write("upstream/safe.md", format!("---\n{fields}---\n\nReads.\n"));
    let uses = "may use every tool except Bash, PowerShell, Monitor, Edit, Write, NotebookEdit (it has no `tools` line) can reach the network ";
    for command in [vec!["install", "../upstream/safe.md"], vec!["info", "safe"]] {
        let said = sandbox.run(&command).code(0).all();
        let words: Vec<&str> = said.split_whitespace().collect();
        assert!(words.join(" ").contains(uses), "{said}");
    }
    let document = sandbox.run(&["info", "safe", "--json"]).code(0).json();
    assert_eq!(document["adapted"]["tools"], Value::Null);
    assert_eq!(document["adapted"]["disallowed_tools"][0], "Bash");
    assert_eq!(document["powers"], json!([]));
}

/// `planner` of the registry `studio` with these tools and this text.
fn offer(sandbox: &Sandbox, tools: &str, text: &str) {
    let fields = format!("name: planner\ndescription: Plans.\ntools: {tools}\n");
    sandbox.write(
        "upstream/agents/planner.md",
        format!("---\n{fields}---\n\n{text}\n\nEnd.\n"),
    );
}

/// A project with `planner`, which may only read.
fn with_planner() -> Sandbox {
    let sandbox = Sandbox::new();
    offer(&sandbox, "Read", "Plans.");
    let add = ["registry", "add", "../upstream", "--name", "studio"];
    let _ = sandbox.run(&add).code(0);
    let _ = sandbox.run(&["install", "studio/planner"]).code(0);
    sandbox
}

#[test]
fn a_permission_that_is_granted_is_shown_by_every_command_that_grants_it() {
    let sandbox = with_planner();
    let shows = |arguments: &[&str]| {
        let dry_run = [arguments, &["--dry-run"]].concat();
        for arguments in [dry_run.as_slice(), arguments] {
            let said = sandbox.run(arguments).code(0).all();
            let lines = said.lines().filter(|line| line.contains("+ Bash"));
            let lines: Vec<&str> = lines.map(str::trim).collect();
            assert_eq!(
                lines,
                ["+ Bash  can run any command"],
                "{arguments:?}: {said}"
            );
        }
    };
    shows(&["set", "planner", "tools+=Bash", "--allow", "Bash"]);
    let said = sandbox.run(&["unset", "planner", "tools"]).code(0).all();
    assert!(!said.contains("+ Bash"), "{said}");
    offer(&sandbox, "Read, Bash", "Plans.");
    shows(&["update", "--allow", "Bash"]);
    let _ = sandbox.run(&["set", "planner", "tools-=Bash"]).code(0);
    shows(&["unset", "planner", "tools", "--allow", "all"]);
    let _ = sandbox.run(&["undo"]).code(0);
    shows(&["unset", "planner", "tools", "--allow", "Bash"]);
    let sandbox = with_planner();
    offer(&sandbox, "Read, Bash", "Plans.");
    let installed = sandbox.run(&["install", "studio/planner", "--allow", "Bash"]);
    let said = installed.code(0).all();
    assert!(said.contains("+ Bash  can run any command"), "{said}");
}

#[test]
fn a_permission_of_an_update_that_is_deferred_is_named_and_asked_about_when_it_is_resolved() {
    let sandbox = with_planner();
    let path = ".claude/agents/planner.md";
    sandbox.write(
        &format!("project/{path}"),
        sandbox.read(path).replace("Plans.\n\n", "Plans mine.\n\n"),
    );
    offer(&sandbox, "Read, Bash", "Plans theirs.");
    let deferred = sandbox
        .run(&["update", "--conflicts=markers"])
        .code(3)
        .all();
    assert!(
        deferred.contains("+ Bash  can run any command\n             to be allowed when"),
        "{deferred}"
    );
    let markers = ".agentpkg/conflicts/planner.md";
    let decided = sandbox.read(markers);
    let is_marker = |line: &&str| {
        !["<<<", "|||", "===", ">>>"]
            .iter()
            .any(|mark| line.starts_with(mark))
    };
    let decided: Vec<&str> = decided.lines().filter(is_marker).collect();
    sandbox.write(&format!("project/{markers}"), decided.join("\n") + "\n");
    let refused = sandbox.run(&["resolve", "--continue"]).code(4).all();
    assert!(refused.contains("+ Bash  can run any command"), "{refused}");
    let allowed = sandbox.run(&["resolve", "--continue", "--allow", "Bash"]);
    let allowed = allowed.code(0).all();
    assert!(allowed.contains("+ Bash  can run any command"), "{allowed}");
}

#[test]
fn a_tool_that_was_mistyped_is_not_added() {
    let sandbox = with_planner();
    for (typed, meant) in [
        ("tools+=Wriet", "Write"),
        ("tools+=bash", "Bash"),
        ("tools+=bash(git *)", "Bash(git *)"),
        ("disallowedTools+=Bsh", "Bash"),
    ] {
        let said = sandbox.run(&["set", "planner", typed]).code(2).all();
        assert!(said.contains(&format!("did you mean `{meant}`?")), "{said}");
    }
    for typed in [
        "tools+=Write",
        "tools+=Bash(git *)",
        "tools+=mcp__bsh__x",
        "tools+=Task",
        "tools+=Frobnicate",
    ] {
        let _ = sandbox.run(&["set", "planner", typed, "--dry-run"]).code(0);
    }
    // In the manifest it is a warning: Claude Code may have a new tool of that name.
    let manifest = sandbox.read("agentpkg.toml");
    let entry = "planner = { registry = \"studio\", tools = { add = [\"Wriet\"] } }";
    let manifest = manifest.replace("planner = { registry = \"studio\" }", entry);
    sandbox.write("project/agentpkg.toml", manifest);
    let said = sandbox.run(&["install", "--allow", "all"]).code(0).all();
    assert!(said.contains("did you mean `Write`?"), "{said}");
    let said = sandbox.run(&["check"]).code(0).all();
    assert!(said.contains("did you mean `Write`?"), "{said}");
}

#[test]
fn yes_is_offered_only_where_something_else_would_be_written() {
    let sandbox = with_planner();
    let offered = "or with `--yes` instead";
    let set = sandbox
        .run(&["set", "planner", "tools+=Bash"])
        .code(4)
        .all();
    assert!(!set.contains(offered), "{set}");
    offer(&sandbox, "Read, Bash", "Plans.");
    let alone = sandbox.run(&["update"]).code(4).all();
    assert!(!alone.contains(offered), "{alone}");
    let helper = |text: &str| format!("---\nname: helper\ndescription: Helps.\n---\n\n{text}\n");
    sandbox.write("upstream/agents/helper.md", helper("Helps."));
    let _ = sandbox.run(&["install", "studio/helper"]).code(0);
    let current = sandbox.run(&["update"]).code(4).all();
    assert!(!current.contains(offered), "{current}");
    sandbox.write("upstream/agents/helper.md", helper("Helps more."));
    let both = sandbox.run(&["update"]).code(4).all();
    assert!(both.contains(offered), "{both}");
    let named = sandbox.run(&["update", "planner"]).code(4).all();
    assert!(!named.contains(offered), "{named}");
}

#[test]
fn a_pin_that_was_mistyped_is_warned_about() {
    let sandbox = with_planner();
    let manifest = sandbox.read("agentpkg.toml");
    let entry = "planner = { registry = \"studio\", pin = [\"modell\", \"permission-mode\", \"owner\", \"color\"] }";
    let manifest = manifest.replace("planner = { registry = \"studio\" }", entry);
    sandbox.write("project/agentpkg.toml", manifest);
    let said = sandbox.run(&["install"]).code(0).all();
    for meant in ["model", "permissionMode"] {
        assert!(said.contains(&format!("did you mean `{meant}`?")), "{said}");
    }
    assert_eq!(said.matches("did you mean").count(), 2, "{said}");
}
