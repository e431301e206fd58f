//! Conflicts: one to decide now, one together with new powers, and one in a pending update.

use crate::support::sandbox::Sandbox;

use super::{Situation, add_registry, agent, done, publish, reader, row};

/// `planner` was edited where upstream changed it too; `other` has only changed upstream. The newer `planner` has these fields.
fn build(sandbox: &Sandbox, fields: &str) {
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
    sandbox.write(
        "project/.claude/agents/planner.md",
        reader("planner", "Plans as I say."),
    );
    publish(
        sandbox,
        "studio",
        &[
            ("planner", agent("planner", fields, "Plans better.")),
            ("other", reader("other", "Helps more.")),
        ],
    );
}

#[test]
fn a_conflict_to_decide_now() {
    Situation::new(|sandbox| build(sandbox, "tools: Read\n")).check([
        row("update")
            .exits(3)
            .says(&["planner", "--ours", "--theirs"]),
        row("update --no-input").exits(3).says(&["planner"]),
        row("update --offline").exits(3),
        row("update --conflicts=fail").exits(3),
        row("update --yes")
            .exits(3)
            .changes("~lock ~other")
            .says(&["planner"]),
        row("update --conflicts=skip")
            .exits(3)
            .changes("~lock ~other")
            .says(&["planner"]),
        row("update --conflicts=markers")
            .exits(3)
            .changes("+conflicts/planner +pending/planner ~lock ~other")
            .says(&["agentpkg resolve"]),
        row("update --ours")
            .changes("~lock ~other")
            .leaves("planner", "as I say"),
        row("update --theirs")
            .changes("~lock ~other ~planner")
            .leaves("planner", "better"),
        row("update other").changes("~lock ~other"),
        row("update --locked").exits(1),
        row("update --locked --conflicts=markers").exits(1),
        row("update --check").exits(5),
        row("update --dry-run").says(&["planner", "other"]),
        row("update --dry-run --json")
            .field("/dry_run", true)
            .has("/asks/0"),
        row("update --json").exits(3),
        row("update --conflicts=skip --json")
            .exits(3)
            .changes("~lock ~other")
            .field("/agents/1/status", "skipped"),
        row("install"),
        row("install --force").changes("~planner"),
        row("install studio/planner").exits(1).says(&[
            "edited",
            "agentpkg update planner",
            "--force",
        ]),
        row("install studio/planner --yes")
            .exits(1)
            .says(&["edited"]),
        row("install studio/planner --force")
            .changes("~lock ~planner")
            .leaves("planner", "better"),
        row("install studio/planner --json")
            .exits(1)
            .says(&["edited"]),
        row("remove planner").exits(1).says(&["edited", "--force"]),
        row("remove planner --yes").exits(1),
        row("remove planner --force").changes("-planner ~lock ~manifest"),
        row("remove planner --dry-run").exits(1).says(&["edited"]),
        row("resolve").says(&["No updates"]),
    ]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_conflict_to_decide_now_in_a_terminal() {
    Situation::new(|sandbox| build(sandbox, "tools: Read\n")).check([
        row("update")
            .in_terminal(&["keep mine", "write"])
            .changes("~lock ~other")
            .says(&["Plans better.", "Plans as I say."]),
        row("update")
            .in_terminal(&["take theirs", "write"])
            .changes("~lock ~other ~planner")
            .leaves("planner", "better"),
        row("update")
            .in_terminal(&["skip", "write"])
            .exits(3)
            .changes("~lock ~other"),
        row("update").in_terminal(&["stop"]).exits(130),
        row("update").in_terminal(&["keep mine", "stop"]).exits(130),
        row("update --dry-run").in_terminal(&[]),
        row("update --yes")
            .in_terminal(&[])
            .exits(3)
            .changes("~lock ~other"),
        row("update --no-input").in_terminal(&[]).exits(3),
        row("update --ours")
            .in_terminal(&[])
            .changes("~lock ~other"),
        row("update --locked").in_terminal(&[]).exits(1),
        row("install studio/planner")
            .in_terminal(&[])
            .exits(1)
            .says(&["edited"]),
    ]);
}

/// All open questions are listed at once, so that nobody has to run the command three times to learn of three questions.
#[test]
fn a_conflict_and_a_new_power_of_one_agent() {
    Situation::new(|sandbox| build(sandbox, "tools: Read, Bash\n")).check([
        row("update")
            .exits(4)
            .says(&["conflict", "Bash", "--allow Bash"]),
        row("update --allow Bash").exits(3).says(&["conflict"]),
        row("update --yes")
            .exits(4)
            .changes("~lock ~other")
            .says(&["Bash"]),
        row("update --conflicts=skip")
            .exits(4)
            .changes("~lock ~other")
            .says(&["Bash"]),
        row("update --conflicts=markers --allow Bash")
            .exits(3)
            .changes("+conflicts/planner +pending/planner ~lock ~other"),
        row("update --ours").exits(4).says(&["Bash"]),
        row("update --theirs").exits(4).says(&["Bash"]),
        row("update --theirs --allow Bash").changes("~lock ~other ~planner"),
        row("update --ours --yes")
            .exits(4)
            .changes("~lock ~other")
            .says(&["Bash"]),
        row("update --dry-run").says(&["planner", "Bash"]),
        row("update --json").exits(4).says(&["Bash"]),
    ]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_conflict_and_a_new_power_of_one_agent_in_a_terminal() {
    Situation::new(|sandbox| build(sandbox, "tools: Read, Bash\n")).check([
        row("update")
            .in_terminal(&["take theirs", "yes", "write"])
            .changes("~lock ~other ~planner")
            .leaves("planner", "Bash"),
        row("update")
            .in_terminal(&["take theirs", "no, take", "write"])
            .changes("~lock ~other ~planner")
            .leaves("planner", "better"),
        row("update --dry-run").in_terminal(&[]).says(&["Bash"]),
    ]);
}

/// The same after `update --conflicts=markers`: the update is pending.
fn waiting(sandbox: &Sandbox) {
    build(sandbox, "tools: Read\n");
    let _ = sandbox.run(&["update", "--conflicts=markers"]).code(3);
}

#[test]
fn a_conflict_that_waits() {
    Situation::new(waiting).check([
        row("resolve").exits(3).says(&["planner"]),
        row("resolve --yes").exits(3).says(&["planner"]),
        row("resolve --continue").exits(3).says(&["planner"]),
        row("resolve --ours")
            .changes("-conflicts/planner -pending/planner ~lock")
            .leaves("planner", "as I say"),
        row("resolve --theirs")
            .changes("-conflicts/planner -pending/planner ~lock ~planner")
            .leaves("planner", "better"),
        row("resolve planner --ours").changes("-conflicts/planner -pending/planner ~lock"),
        row("resolve --abort").changes("-conflicts/planner -pending/planner"),
        row("resolve --abort --json")
            .changes("-conflicts/planner -pending/planner")
            .field("/aborted/0", "planner"),
        row("resolve --abort --locked").changes("-conflicts/planner -pending/planner"),
        row("resolve --ours --locked").exits(1),
        row("resolve --theirs --locked").exits(1),
        row("resolve --ours --dry-run").says(&["planner"]),
        row("resolve --abort --dry-run").says(&["planner"]),
        row("resolve --json").exits(3).says(&["planner"]),
        row("resolve --ours --json")
            .changes("-conflicts/planner -pending/planner ~lock")
            .field("/agents/0/name", "planner"),
        row("resolve --ours --offline").changes("-conflicts/planner -pending/planner ~lock"),
        row("status").says(&["planner"]),
        row("check").says(&["planner"]),
        row("install"),
        row("install --locked"),
        row("install studio/planner")
            .exits(1)
            .says(&["agentpkg resolve planner"]),
        row("install studio/planner --force")
            .changes("-conflicts/planner -pending/planner ~lock ~planner"),
        row("install studio/planner --force --locked").exits(1),
        row("remove planner").exits(1).says(&["edited"]),
        row("remove planner --force")
            .changes("-conflicts/planner -pending/planner -planner ~lock ~manifest"),
        row("remove planner --force --locked").exits(1),
        row("remove planner --force --dry-run").says(&["planner"]),
        row("update").exits(3).says(&["planner"]),
        row("update --yes").exits(3).says(&["planner"]),
        row("update --ours").changes("-conflicts/planner -pending/planner ~lock"),
        row("update --theirs").changes("-conflicts/planner -pending/planner ~lock ~planner"),
        row("update --conflicts=markers")
            .exits(3)
            .says(&["planner"]),
        row("undo").changes("-conflicts/planner -pending/planner ~lock ~other"),
        row("undo --locked").exits(1),
        row("undo --dry-run").says(&["other"]),
    ]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_conflict_that_waits_in_a_terminal() {
    Situation::new(waiting).check([
        row("resolve")
            .in_terminal(&["keep mine", "write"])
            .changes("-conflicts/planner -pending/planner ~lock"),
        row("resolve")
            .in_terminal(&["take theirs", "write"])
            .changes("-conflicts/planner -pending/planner ~lock ~planner"),
        row("resolve").in_terminal(&["stop"]).exits(130),
        row("resolve --no-input").in_terminal(&[]).exits(3),
        row("resolve --yes").in_terminal(&[]).exits(3),
        row("resolve --locked").in_terminal(&[]).exits(1),
        row("resolve --ours --locked").in_terminal(&[]).exits(1),
    ]);
}

/// A pending update of an agent whose newer version may do more.
#[test]
fn a_conflict_that_waits_with_a_new_power() {
    let build = |sandbox: &Sandbox| {
        waiting(sandbox);
        publish(
            sandbox,
            "studio",
            &[(
                "planner",
                agent("planner", "tools: Read, Bash\n", "Plans better still."),
            )],
        );
        let _ = sandbox
            .run(&["update", "--conflicts=markers", "--allow", "Bash"])
            .code(3);
    };
    Situation::new(build).check([
        row("resolve --theirs")
            .exits(4)
            .says(&["Bash", "--allow Bash"]),
        row("resolve --theirs --yes").exits(4).says(&["Bash"]),
        row("resolve --theirs --allow Bash")
            .changes("-conflicts/planner -pending/planner ~lock ~planner"),
        row("resolve --theirs --allow Bash --locked").exits(1),
    ]);
}

/// The policy was written after the update was put aside.
#[test]
fn a_conflict_that_waits_and_a_policy_that_forbids() {
    let build = |sandbox: &Sandbox| {
        build(sandbox, "tools: Read, Bash\n");
        let _ = sandbox
            .run(&["update", "--conflicts=markers", "--allow", "Bash"])
            .code(3);
        let manifest = sandbox.read("agentpkg.toml");
        sandbox.write(
            "project/agentpkg.toml",
            format!("{manifest}\n[policy]\ndeny-tools = [\"Bash\"]\n"),
        );
    };
    let rule = &["deny-tools", "Bash"];
    Situation::new(build).check([
        row("resolve --theirs").exits(4).says(rule),
        row("resolve --theirs --allow all").exits(4).says(rule),
        row("resolve --theirs --allow Bash --yes")
            .exits(4)
            .says(rule),
        row("resolve --abort").changes("-conflicts/planner -pending/planner"),
    ]);
}

/// An agent's line is removed from the manifest while its update is pending: the edited file is the user's own then, and no update is
/// pending any more.
#[test]
fn a_conflict_that_waits_for_an_agent_that_nobody_wants() {
    let build = |sandbox: &Sandbox| {
        waiting(sandbox);
        let manifest = sandbox
            .read("agentpkg.toml")
            .replace("planner = { registry = \"studio\" }\n", "");
        sandbox.write("project/agentpkg.toml", manifest);
    };
    Situation::new(build).check([
        row("install")
            .changes("-conflicts/planner -pending/planner ~lock")
            .says(&["planner"]),
        row("install --dry-run").says(&["planner"]),
        row("install --locked").exits(1),
        row("update")
            .changes("-conflicts/planner -pending/planner ~lock")
            .says(&["planner"]),
        row("remove planner").exits(1).says(&["edited"]),
        row("remove planner --force").changes("-conflicts/planner -pending/planner -planner ~lock"),
        row("resolve --abort").changes("-conflicts/planner -pending/planner"),
    ]);
}
