//! New powers: a tool that was gained, a `tools` line that was removed, and the fields that give power over the session.

use crate::support::sandbox::Sandbox;

use super::{Situation, add_registry, agent, done, publish, reader, row};

/// `planner` and `other` are installed; of both there is something newer, and the newer `planner` has these fields.
fn widened(fields: &str) -> Situation {
    let newer = agent("planner", fields, "Plans better.");
    Situation::new(|sandbox| {
        publish(
            sandbox,
            "studio",
            &[
                ("planner", reader("planner", "Plans.")),
                ("other", reader("other", "Helps.")),
            ],
        );
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/planner studio/other");
        publish(
            sandbox,
            "studio",
            &[
                ("planner", newer),
                ("other", reader("other", "Helps more.")),
            ],
        );
    })
}

#[test]
fn a_tool_that_an_update_brings() {
    widened("tools: Read, Bash\n").check([
        row("update")
            .exits(4)
            .says(&["planner", "Bash", "agentpkg update --allow Bash"]),
        row("update planner")
            .exits(4)
            .says(&["agentpkg update planner --allow Bash"]),
        row("update --no-input").exits(4).says(&["Bash"]),
        row("update --offline").exits(4).says(&["Bash"]),
        row("update --yes")
            .exits(4)
            .changes("~lock ~other")
            .says(&["planner", "--allow Bash"]),
        row("update --conflicts=skip")
            .exits(4)
            .changes("~lock ~other")
            .says(&["planner", "--allow Bash"]),
        row("update --conflicts=markers")
            .exits(4)
            .changes("~lock ~other")
            .says(&["planner", "--allow Bash"]),
        row("update --allow Bash").changes("~lock ~other ~planner"),
        row("update --allow all --yes").changes("~lock ~other ~planner"),
        row("update --allow WebFetch").exits(4).says(&["Bash"]),
        row("update --ours").exits(4).says(&["Bash"]),
        row("update --locked").exits(1),
        row("update --locked --allow Bash").exits(1),
        row("update --check").exits(5).says(&["planner"]),
        row("update --dry-run").says(&["planner", "Bash", "other"]),
        row("update --dry-run --json")
            .field("/dry_run", true)
            .says(&["Bash"])
            .has("/asks/0"),
        row("update --json").exits(4).says(&["Bash"]),
        row("update --yes --json").exits(4).changes("~lock ~other"),
        row("diff --upstream").says(&["Bash"]),
        row("install"),
        row("install --locked"),
        row("install studio/planner")
            .exits(4)
            .says(&["Bash", "agentpkg install studio/planner --allow Bash"]),
        row("install studio/planner --yes")
            .exits(4)
            .says(&["--allow Bash"]),
        row("install studio/planner studio/other --yes")
            .exits(4)
            .changes("~lock ~other")
            .says(&["planner", "--allow Bash"]),
        row("install studio/planner --force")
            .exits(4)
            .says(&["Bash"]),
        row("install studio/planner --allow Bash").changes("~lock ~planner"),
        row("install studio/planner --locked --allow Bash").exits(1),
        row("install studio/planner --dry-run").says(&["Bash"]),
        row("install studio/planner --dry-run --json")
            .field("/dry_run", true)
            .says(&["Bash"])
            .has("/asks/0"),
        row("install studio/planner --json")
            .exits(4)
            .says(&["Bash"]),
        row("install studio/other --dry-run").hides(&["Bash"]),
    ]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_tool_that_an_update_brings_in_a_terminal() {
    widened("tools: Read, Bash\n").check([
        row("update")
            .in_terminal(&["yes", "write"])
            .changes("~lock ~other ~planner")
            .says(&["Bash"]),
        row("update")
            .in_terminal(&["skip", "write"])
            .changes("~lock ~other")
            .says(&["Bash"]),
        row("update").in_terminal(&["stop"]).exits(130),
        row("update").in_terminal(&["yes", "stop"]).exits(130),
        row("update --dry-run").in_terminal(&[]).says(&["Bash"]),
        row("update --check").in_terminal(&[]).exits(5),
        row("update --yes")
            .in_terminal(&[])
            .exits(4)
            .changes("~lock ~other")
            .says(&["planner"]),
        row("update --no-input")
            .in_terminal(&[])
            .exits(4)
            .says(&["Bash"]),
        row("update --locked").in_terminal(&[]).exits(1),
        row("install studio/planner")
            .in_terminal(&["yes"])
            .changes("~lock ~planner")
            .says(&["Bash"]),
        row("install studio/planner")
            .in_terminal(&["stop"])
            .exits(130),
        row("install studio/planner --dry-run")
            .in_terminal(&[])
            .says(&["Bash"]),
        row("install studio/planner --yes")
            .in_terminal(&[])
            .exits(4)
            .says(&["--allow Bash"]),
        row("install studio/planner --locked")
            .in_terminal(&[])
            .exits(1),
    ]);
}

#[test]
fn a_tools_line_that_an_update_removes() {
    widened("").check([
        row("update").exits(4).says(&["planner", "every tool"]),
        row("update --yes").exits(4).changes("~lock ~other"),
        row("update --conflicts=skip")
            .exits(4)
            .changes("~lock ~other"),
        row("update --allow all").changes("~lock ~other ~planner"),
        row("update --dry-run").says(&["every tool"]),
        row("install studio/planner").exits(4).says(&["every tool"]),
        row("install studio/planner --yes").exits(4),
        row("install studio/planner --allow all").changes("~lock ~planner"),
        row("install studio/planner --dry-run").says(&["every tool"]),
    ]);
}

/// All three fields that give power over the session, with values that a person must see.
const SECURITY: &str = "tools: Read\nhooks:\n  Stop: [{hooks: [{type: command, command: beep}]}]\npermissionMode: bypassPermissions\nmcpServers:\n  - ledger: {type: stdio, command: ledgerd}\n";

/// What must be on the screen before anybody can agree to them.
const VALUES: &[&str] = &["beep", "bypass", "ledgerd"];

#[test]
fn several_security_fields_at_the_first_install() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[
                ("guard", agent("guard", SECURITY, "Guards.")),
                ("other", reader("other", "Helps.")),
            ],
        );
        add_registry(sandbox, "studio");
    };
    Situation::new(build).check([
        row("install studio/guard")
            .exits(4)
            .says(VALUES)
            .says(&["agentpkg install studio/guard --allow hooks,"]),
        row("install studio/guard --allow hooks")
            .exits(4)
            .says(&VALUES[1..])
            .says(&["--allow hooks,"]),
        row("install studio/guard --allow hooks,permissionMode,mcpServers")
            .changes("+guard +lock ~manifest"),
        row("install studio/guard --allow all").changes("+guard +lock ~manifest"),
        row("install studio/guard --yes").exits(4).says(VALUES),
        row("install studio/guard studio/other")
            .exits(4)
            .says(VALUES),
        row("install studio/guard studio/other --yes")
            .exits(4)
            .changes("+lock +other ~manifest")
            .says(VALUES),
        row("install studio --all --yes")
            .exits(4)
            .changes("+lock +other ~manifest")
            .says(VALUES),
        row("install studio/guard --force").exits(4).says(VALUES),
        row("install studio/guard --dry-run").says(VALUES),
        row("install studio/guard --dry-run --json")
            .says(VALUES)
            .has("/asks/0")
            .field("/dry_run", true),
        row("install studio/guard --json").exits(4).says(VALUES),
        row("install studio/guard --locked").exits(1),
        row("install studio/guard --locked --allow all").exits(1),
    ]);
}

#[test]
#[cfg(target_os = "linux")]
fn several_security_fields_at_the_first_install_in_a_terminal() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("guard", agent("guard", SECURITY, "Guards."))],
        );
        add_registry(sandbox, "studio");
    };
    Situation::new(build).check([
        row("install studio/guard")
            .in_terminal(&["yes", "..."])
            .changes("+guard +lock ~manifest")
            .says(VALUES),
        row("install studio/guard")
            .in_terminal(&["no", "..."])
            .says(VALUES),
        row("install studio/guard --dry-run")
            .in_terminal(&[])
            .says(VALUES),
        row("install studio/guard --yes")
            .in_terminal(&[])
            .exits(4)
            .says(VALUES),
        row("install studio/guard --no-input")
            .in_terminal(&[])
            .exits(4)
            .says(VALUES),
        row("install studio/guard --locked")
            .in_terminal(&[])
            .exits(1),
    ]);
}

#[test]
fn several_security_fields_that_an_update_brings() {
    widened(SECURITY).check([
        row("update")
            .exits(4)
            .says(VALUES)
            .says(&["--allow hooks,mcpServers,permissionMode"]),
        row("update --allow hooks").exits(4).says(&VALUES[1..]),
        row("update --yes")
            .exits(4)
            .changes("~lock ~other")
            .says(VALUES),
        row("update --conflicts=skip")
            .exits(4)
            .changes("~lock ~other")
            .says(VALUES),
        row("update --conflicts=markers")
            .exits(4)
            .changes("~lock ~other")
            .says(VALUES),
        row("update --allow hooks,permissionMode,mcpServers").changes("~lock ~other ~planner"),
        row("update --dry-run").says(VALUES),
        row("update --json").exits(4).says(VALUES),
        row("install studio/planner").exits(4).says(VALUES),
        row("install studio/planner --yes").exits(4).says(VALUES),
        row("install studio/planner studio/other --yes")
            .exits(4)
            .changes("~lock ~other")
            .says(VALUES),
        row("install studio/planner --dry-run").says(VALUES),
    ]);
}

/// The same for the agents of the user: the hinted commands must have `--user`.
#[test]
#[cfg(unix)]
fn a_tool_that_an_update_of_the_users_agents_brings() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans."))],
        );
        done(
            sandbox,
            &format!(
                "registry add {} --name studio --user",
                sandbox.path().join("studio").display()
            ),
        );
        done(sandbox, "install studio/planner --user");
        publish(
            sandbox,
            "studio",
            &[(
                "planner",
                agent("planner", "tools: Read, Bash\n", "Plans better."),
            )],
        );
    };
    Situation::new(build).check([
        row("update --user")
            .exits(4)
            .says(&["Bash", "agentpkg --user update --allow Bash"]),
        row("update --user --yes").exits(4).says(&["Bash"]),
        row("update --user --allow Bash").changes("~user:lock ~user:planner"),
        row("update --user --dry-run").says(&["Bash"]),
        row("update --user --locked").exits(1),
        row("install studio/planner --user")
            .exits(4)
            .says(&["agentpkg --user install studio/planner --allow Bash"]),
        row("install studio/planner --user --dry-run").says(&["Bash"]),
        row("remove planner --user").changes("-user:planner ~user:lock ~user:manifest"),
        row("remove planner --user --locked").exits(1),
        row("update"),
    ]);
}
