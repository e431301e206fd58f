//! Servers: what is added under which name, what a binding may say, and what is removed with an agent.

use crate::support::sandbox::Sandbox;

use super::{Situation, add_registry, agent, done, publish, reader, row};

/// An agent that may use one tool of one server.
fn asking(name: &str, server: &str) -> String {
    agent(
        name,
        &format!("tools: Read, mcp__{server}__sequentialthinking\n"),
        "Thinks.",
    )
}

/// One server is asked for under two names that the catalogue knows.
#[test]
fn one_server_under_two_names() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[
                ("one", asking("one", "sequential")),
                ("two", asking("two", "sequential-thinking")),
            ],
        );
        add_registry(sandbox, "studio");
    };
    Situation::new(build).check([
        row("install studio --all")
            .changes("+lock +one +two ~manifest")
            .says(&["sequential"]),
        row("install studio --all --yes").changes("+lock +one +two ~manifest"),
        row("install studio --all --mcp skip").changes("+lock +one +two ~manifest"),
        row("install studio --all --mcp add --dry-run").says(&["sequential"]),
        row("install studio --all --mcp add")
            .changes("+lock +one +servers +two ~manifest")
            .says(&["you have it as `sequential-thinking`"]),
        row("install studio --all --mcp add --locked").exits(1),
        row("install studio/one --mcp add").changes("+lock +one +servers ~manifest"),
    ]);
    #[cfg(target_os = "linux")]
    Situation::new(build).check([row("install studio --all")
        .in_terminal(&["+sequential-thinking", "to sequential-thinking"])
        .changes("+lock +one +servers +two ~manifest")
        .leaves("one", "mcp__sequential-thinking__sequentialthinking")]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_known_server_in_a_terminal() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("one", asking("one", "sequential-thinking"))],
        );
        add_registry(sandbox, "studio");
    };
    Situation::new(build).check([
        row("install studio/one")
            .in_terminal(&["+sequential-thinking"])
            .changes("+lock +one +servers ~manifest"),
        row("install studio/one")
            .in_terminal(&["[ ] sequential-thinking"])
            .changes("+lock +one ~manifest"),
        row("install studio/one --yes")
            .in_terminal(&[])
            .changes("+lock +one ~manifest"),
        row("install studio/one --no-input")
            .in_terminal(&[])
            .changes("+lock +one ~manifest"),
        row("install studio/one --mcp skip")
            .in_terminal(&[])
            .changes("+lock +one ~manifest"),
        row("install studio/one --mcp add")
            .in_terminal(&[])
            .changes("+lock +one +servers ~manifest"),
        row("install studio/one --dry-run")
            .in_terminal(&[])
            .says(&["sequential-thinking"]),
        row("install studio/one --locked").in_terminal(&[]).exits(1),
    ]);
}

/// An unknown server is not a question: the agent is installed, what is missing is reported, and `check` finds it.
#[test]
fn a_private_server_that_is_not_configured() {
    let build = |sandbox: &Sandbox| {
        publish(sandbox, "studio", &[("one", asking("one", "ledger"))]);
        add_registry(sandbox, "studio");
    };
    Situation::new(build).check([
        row("install studio/one")
            .changes("+lock +one ~manifest")
            .says(&["ledger"]),
        row("install studio/one --yes")
            .changes("+lock +one ~manifest")
            .says(&["ledger"]),
        row("install studio/one --json")
            .changes("+lock +one ~manifest")
            .field("/needs/servers/0/name", "ledger"),
        row("install studio/one --bind ledger=books")
            .changes("+lock +one ~manifest")
            .leaves("one", "mcp__books__"),
        row("install studio/one --bind ledger=books --dry-run"),
        row("install studio/one --bind ledger=books --locked").exits(1),
        row("install studio/one --bind nobody=books")
            .exits(1)
            .says(&["nobody", "ledger"]),
        row("install studio/one --bind ledger").exits(2),
        row("install studio/one --bind ledger=YOURS")
            .exits(2)
            .says(&["`YOURS`", "--bind ledger=NAME"]),
        row("install --bind ledger=books").exits(2),
    ]);
    let installed = |sandbox: &Sandbox| {
        build(sandbox);
        done(sandbox, "install studio/one");
    };
    Situation::new(installed).check([
        row("check").exits(4).says(&["ledger"]),
        row("check --json").exits(4).says(&["ledger"]),
        row("check --fix").exits(4).says(&["ledger"]),
        row("install"),
        row("update"),
        row("update one --bind ledger=books --allow all")
            .changes("~lock ~manifest ~one")
            .leaves("one", "mcp__books__"),
        row("update one --bind ledger=books --allow all --locked").exits(1),
        row("remove one").changes("-one ~lock ~manifest"),
    ]);
}

/// A server was added for `one`; its line has been removed from the manifest since.
#[test]
fn an_agent_whose_line_is_gone_and_that_added_a_server() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[
                ("one", asking("one", "sequential-thinking")),
                ("two", reader("two", "Rests.")),
            ],
        );
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/one studio/two --mcp add");
        let manifest = sandbox
            .read("agentpkg.toml")
            .replace("one = { registry = \"studio\" }\n", "");
        sandbox.write("project/agentpkg.toml", manifest);
    };
    Situation::new(build).check([
        row("install")
            .changes("-one -servers ~lock")
            .says(&["one.md", "sequential-thinking"]),
        row("install --yes").changes("-one -servers ~lock"),
        row("install --dry-run").says(&["one.md", "sequential-thinking"]),
        row("install --locked").exits(1),
        row("install --json")
            .changes("-one -servers ~lock")
            .field("/removed/0/name", "one")
            .field("/removed_servers/0", "sequential-thinking"),
        row("update")
            .changes("-one -servers ~lock")
            .says(&["one.md", "sequential-thinking"]),
        row("update --dry-run").says(&["one.md", "sequential-thinking"]),
        row("update --locked").exits(1),
        row("update --check"),
        row("remove one")
            .changes("-one -servers ~lock")
            .says(&["one.md", "sequential-thinking"]),
        row("remove one --dry-run").says(&["one.md", "sequential-thinking"]),
        row("remove one --locked").exits(1),
        row("check").says(&["one"]),
        row("check --fix").says(&["one"]),
    ]);
    let edited = |sandbox: &Sandbox| {
        build(sandbox);
        let text = sandbox.read(".claude/agents/one.md");
        sandbox.write("project/.claude/agents/one.md", text + "\nMine.\n");
    };
    Situation::new(edited).check([
        // The file stays, and with it what it needs.
        row("install").changes("~lock").says(&["one.md"]),
        row("update").changes("~lock").says(&["one.md"]),
        row("remove one").exits(1).says(&["edited"]),
        row("remove one --force").changes("-one -servers ~lock"),
    ]);
}

/// A server was added for `one`, and its line was removed; `two`, which is installed, or `three`, which replaces it, needs the server too.
#[test]
fn an_agent_whose_line_is_gone_and_whose_server_another_one_needs() {
    let build = |sandbox: &Sandbox, installed: &str, line: &str| {
        publish(
            sandbox,
            "studio",
            &[
                ("one", asking("one", "sequential-thinking")),
                ("two", asking("two", "sequential-thinking")),
                ("three", asking("three", "sequential-thinking")),
            ],
        );
        add_registry(sandbox, "studio");
        done(sandbox, &format!("install {installed} --mcp add"));
        let manifest = sandbox
            .read("agentpkg.toml")
            .replace("one = { registry = \"studio\" }\n", line);
        sandbox.write("project/agentpkg.toml", manifest);
    };
    Situation::new(|sandbox| build(sandbox, "studio/one studio/two", "")).check([
        row("install").changes("-one ~lock"),
        row("update").changes("-one ~lock"),
        row("remove one").changes("-one ~lock"),
    ]);
    let line = "three = { registry = \"studio\" }\n";
    Situation::new(|sandbox| build(sandbox, "studio/one", line)).check([
        row("install").changes("+three -one ~lock"),
        row("install --mcp add").changes("+three -one ~lock"),
        row("update").changes("+three -one ~lock"),
        row("remove one").changes("-one -servers ~lock"),
    ]);
}

/// The agent that needed a server was edited so that it no longer does: the server is left over.
#[test]
fn a_server_that_no_agent_needs_any_more() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("one", asking("one", "sequential-thinking"))],
        );
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/one --mcp add");
        sandbox.write("project/.claude/agents/one.md", reader("one", "Thinks."));
    };
    Situation::new(build).check([
        row("check").says(&["sequential-thinking"]),
        row("check --fix")
            .changes("-servers ~lock")
            .says(&["sequential-thinking"]),
        row("check --fix --yes").changes("-servers ~lock"),
        row("check --fix --json")
            .changes("-servers ~lock")
            .field("/removed_servers/0", "sequential-thinking"),
        row("check --fix --locked").exits(1),
        row("check --locked").says(&["sequential-thinking"]),
        row("check --fix --dry-run").says(&["sequential-thinking"]),
        row("install"),
        row("update"),
    ]);
}
