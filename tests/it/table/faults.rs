//! Faults that take more than one row to show: each is a separate test.

use crate::support::sandbox::Sandbox;

use super::{add_registry, agent, done, publish, reader};

/// `install` warns about two files that have the same name for the client; `update` must do so too.
#[test]
fn an_update_warns_of_two_files_with_one_name() {
    let sandbox = Sandbox::in_memory();
    publish(
        &sandbox,
        "studio",
        &[("one", reader("one", "It.")), ("two", reader("two", "It."))],
    );
    add_registry(&sandbox, "studio");
    done(&sandbox, "install studio/one");
    sandbox.write("project/.claude/agents/mine.md", reader("one", "Mine."));
    let said = sandbox.run(&["install", "studio/two"]).code(0).stderr;
    assert!(
        said.contains("mine.md") && said.contains("one.md"),
        "{said}"
    );
    publish(&sandbox, "studio", &[("one", reader("one", "Better."))]);
    let said = sandbox.run(&["update"]).code(0).stderr;
    assert!(
        said.contains("mine.md") && said.contains("one.md"),
        "{said}"
    );
}

/// An agent whose line is removed from the manifest takes its server with it, as with `remove`.
#[test]
fn an_agent_that_is_dropped_takes_its_server_along() {
    let left = |command: &str| {
        let sandbox = Sandbox::in_memory();
        let text = agent(
            "one",
            "tools: Read, mcp__context7__resolve-library-id\n",
            "Reads.",
        );
        publish(&sandbox, "studio", &[("one", text)]);
        add_registry(&sandbox, "studio");
        done(&sandbox, "install studio/one --mcp add");
        let manifest = sandbox
            .read("agentpkg.toml")
            .replace("one = { registry = \"studio\" }\n", "");
        sandbox.write("project/agentpkg.toml", manifest);
        done(&sandbox, command);
        assert!(
            !sandbox.project(".claude/agents/one.md").exists(),
            "{command}"
        );
        sandbox.project(".mcp.json").exists()
    };
    for command in ["remove one", "install", "update"] {
        assert!(!left(command), "`{command}` takes the server out");
    }
}

/// A server that the catalogue knows under two names is added once.
#[test]
fn one_server_is_added_once_whatever_it_is_called() {
    let sandbox = Sandbox::in_memory();
    let asking = |name, server| {
        agent(
            name,
            &format!("tools: Read, mcp__{server}__sequentialthinking\n"),
            "Thinks.",
        )
    };
    publish(
        &sandbox,
        "studio",
        &[
            ("one", asking("one", "sequential")),
            ("two", asking("two", "sequential-thinking")),
        ],
    );
    add_registry(&sandbox, "studio");
    done(&sandbox, "install studio --all --mcp add");
    let file: serde_json::Value = serde_json::from_str(&sandbox.read(".mcp.json")).unwrap();
    let servers: Vec<&String> = file["mcpServers"].as_object().unwrap().keys().collect();
    assert_eq!(servers, ["sequential-thinking"], "its own name");
}

/// Pasting the hint of `check` as it is must not bind a server to a name that does not exist.
#[test]
fn a_hint_to_bind_can_be_pasted_without_harm() {
    let sandbox = Sandbox::in_memory();
    publish(
        &sandbox,
        "studio",
        &[(
            "one",
            agent("one", "tools: Read, mcp__ledger__post\n", "Books."),
        )],
    );
    add_registry(&sandbox, "studio");
    done(&sandbox, "install studio/one");
    let before = sandbox.read(".claude/agents/one.md");
    let said = sandbox.run(&["check"]).code(4).stdout;
    let hint = said.lines().find_map(|line| {
        line.trim()
            .strip_prefix("agentpkg ")
            .filter(|command| command.contains("--bind"))
    });
    let output = sandbox.run(
        &hint
            .unwrap_or_else(|| panic!("{said}"))
            .split(' ')
            .collect::<Vec<_>>(),
    );
    assert!(output.stderr.contains("`YOURS`"), "{}", output.all());
    let _ = output.code(2);
    assert_eq!(sandbox.read(".claude/agents/one.md"), before);
}

/// If the tests run behind `nohup` or in the background, signals are ignored, and children inherit that.
#[test]
#[cfg(target_os = "linux")]
fn the_tests_of_the_install_script_hold_where_signals_are_ignored() {
    let test = "install_script::what_ends_half_way_can_be_removed_or_done_again";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP INT QUIT TERM; exec \"$0\" \"$@\""]);
    command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test]);
    let output = crate::support::sandbox::finish(&mut command);
    assert!(output.stdout.contains("running 1 test"), "{}", output.all());
    let _ = output.code(0);
}
