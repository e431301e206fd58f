//! Agents that are required: new ones, ones that are gone, and ones that cannot be installed.

use crate::support::sandbox::Sandbox;

use super::{Situation, add_registry, agent, done, publish, reader, require, row};

/// `lead` is installed with `olddep`, which it requires; the newer one requires `newdep` instead, which has this text. `other` is newer
/// too.
fn swapped(sandbox: &Sandbox, newdep: String) {
    let first = [
        ("lead", reader("lead", "Leads.")),
        ("olddep", reader("olddep", "Helps.")),
        ("other", reader("other", "Rests.")),
    ];
    publish(sandbox, "studio", &first);
    require(sandbox, "studio", &[("lead", "olddep")]);
    add_registry(sandbox, "studio");
    done(sandbox, "install studio/lead studio/other");
    let second = [
        ("lead", reader("lead", "Leads better.")),
        ("newdep", newdep),
        ("other", reader("other", "Rests more.")),
    ];
    publish(sandbox, "studio", &second);
    require(sandbox, "studio", &[("lead", "newdep")]);
}

#[test]
fn a_required_agent_that_is_new() {
    Situation::new(|sandbox| swapped(sandbox, reader("newdep", "Helps, too."))).check([
        row("update")
            .changes("+newdep -olddep ~lead ~lock ~other")
            .says(&["newdep", "olddep"])
            .hides(&["is not installed"]),
        row("update --yes").changes("+newdep -olddep ~lead ~lock ~other"),
        row("update lead")
            .changes("+newdep -olddep ~lead ~lock")
            .hides(&["is not installed"]),
        row("update other").changes("~lock ~other"),
        row("update --dry-run")
            .says(&["newdep", "olddep"])
            .hides(&["is not installed"]),
        row("update --json")
            .changes("+newdep -olddep ~lead ~lock ~other")
            .field("/removed/0/name", "olddep")
            .hides(&["\"there\": false"]),
        row("update --locked").exits(1),
        row("update --check").exits(5),
        row("install"),
        row("install --locked"),
        row("install studio/lead")
            .changes("+newdep -olddep ~lead ~lock")
            .hides(&["is not installed"]),
        row("install studio/lead --dry-run")
            .says(&["newdep", "olddep"])
            .hides(&["is not installed"]),
        row("install studio/lead --yes").changes("+newdep -olddep ~lead ~lock"),
        row("install studio/lead --locked").exits(1),
        row("install studio/newdep").changes("+newdep ~lock ~manifest"),
        row("remove lead")
            .changes("-lead -olddep ~lock ~manifest")
            .says(&["olddep"]),
        row("remove olddep").exits(1).says(&["lead"]),
        row("check").hides(&["newdep"]),
    ]);
}

/// An edited agent that is no longer required is the user's own.
#[test]
fn a_required_agent_that_goes_and_was_edited() {
    let build = |sandbox: &Sandbox| {
        swapped(sandbox, reader("newdep", "Helps, too."));
        sandbox.write(
            "project/.claude/agents/olddep.md",
            reader("olddep", "Helps as I say."),
        );
    };
    Situation::new(build).check([
        row("update")
            .changes("+newdep ~lead ~lock ~other")
            .says(&["olddep"]),
        row("update --json")
            .changes("+newdep ~lead ~lock ~other")
            .field("/removed/0/kept", true),
        row("update --dry-run").says(&["olddep"]),
        row("install studio/lead")
            .changes("+newdep ~lead ~lock")
            .says(&["olddep"]),
        row("remove lead")
            .changes("-lead ~lock ~manifest")
            .says(&["olddep"]),
    ]);
}

/// The new one asks for power over the session.
#[test]
fn a_required_agent_that_asks_for_power() {
    let newdep = agent(
        "newdep",
        "tools: Read\npermissionMode: bypassPermissions\n",
        "Helps, too.",
    );
    Situation::new(|sandbox| swapped(sandbox, newdep)).check([
        row("update")
            .exits(4)
            .says(&["newdep", "bypass", "--allow permissionMode"]),
        row("update --yes")
            .exits(4)
            .changes("~lock ~other")
            .says(&["bypass", "update lead --allow permissionMode"])
            .hides(&["update newdep"]),
        row("update --conflicts=skip")
            .exits(4)
            .changes("~lock ~other")
            .says(&["bypass", "update lead --allow permissionMode"])
            .hides(&["update newdep"]),
        row("update --conflicts=markers")
            .exits(4)
            .changes("~lock ~other")
            .says(&["bypass"]),
        row("update lead --allow permissionMode").changes("+newdep -olddep ~lead ~lock"),
        row("update --dry-run").says(&["newdep", "bypass"]),
        row("update --json").exits(4).says(&["bypass"]),
        row("install studio/lead")
            .exits(4)
            .says(&["newdep", "bypass", "--allow permissionMode"]),
        row("install studio/lead --yes").exits(4).says(&["bypass"]),
        row("install studio/lead studio/other --yes")
            .exits(4)
            .changes("~lock ~other")
            .says(&["bypass"]),
        row("install studio/lead --dry-run").says(&["newdep", "bypass"]),
        row("install studio/lead --allow permissionMode").changes("+newdep -olddep ~lead ~lock"),
    ]);
}

/// A required agent, already installed, gains a tool: the hint must work although the agent is not in the manifest.
#[test]
fn a_required_agent_that_gains_a_tool() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[
                ("lead", reader("lead", "Leads.")),
                ("helper", reader("helper", "Helps.")),
            ],
        );
        require(sandbox, "studio", &[("lead", "helper")]);
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/lead");
        publish(
            sandbox,
            "studio",
            &[(
                "helper",
                agent("helper", "tools: Read, Bash\n", "Helps more."),
            )],
        );
    };
    Situation::new(build).check([
        row("update")
            .exits(4)
            .says(&["helper", "Bash"])
            .hides(&["update helper"]),
        row("update --yes")
            .exits(4)
            .says(&["helper", "Bash", "update lead --allow Bash"])
            .hides(&["update helper"]),
        row("update lead --yes")
            .exits(4)
            .says(&["update lead --allow Bash"])
            .hides(&["update helper"]),
        row("update --conflicts=skip")
            .exits(4)
            .says(&["update lead --allow Bash"])
            .hides(&["update helper"]),
        row("update lead --allow Bash").changes("~helper ~lock"),
        row("update --dry-run").says(&["helper", "Bash"]),
        row("install studio/lead").exits(4).says(&[
            "helper",
            "Bash",
            "install studio/lead --allow Bash",
        ]),
        row("install studio/lead --yes").exits(4).says(&[
            "helper",
            "Bash",
            "install studio/lead --allow Bash",
        ]),
        row("install studio/lead --dry-run").says(&["helper", "Bash"]),
    ]);
}

/// A file that agentpkg did not write is where the new one would be written.
#[test]
fn a_required_agent_with_a_foreign_file_in_the_way() {
    let build = |sandbox: &Sandbox| {
        swapped(sandbox, reader("newdep", "Helps, too."));
        sandbox.write(
            "project/.claude/agents/newdep.md",
            reader("newdep", "Mine."),
        );
    };
    Situation::new(build).check([
        row("update")
            .exits(1)
            .changes("~lock ~other")
            .says(&["newdep.md"]),
        row("update lead").exits(1).says(&["newdep.md"]),
        row("update --yes")
            .exits(1)
            .changes("~lock ~other")
            .says(&["newdep.md"]),
        row("update lead --dry-run").exits(1).says(&["newdep.md"]),
        row("install studio/lead").exits(1).says(&["newdep.md"]),
        row("install studio/lead --yes")
            .exits(1)
            .says(&["newdep.md"]),
        row("install studio/lead --dry-run")
            .exits(1)
            .says(&["newdep.md"]),
    ]);
}

/// No registry has what the newer `lead` requires.
#[test]
fn a_required_agent_that_is_nowhere() {
    let build = |sandbox: &Sandbox| {
        swapped(sandbox, reader("newdep", "Helps, too."));
        require(sandbox, "studio", &[("lead", "nobody")]);
    };
    Situation::new(build).check([
        row("update")
            .exits(1)
            .changes("~lock ~other")
            .says(&["nobody", "lead"]),
        row("update lead").exits(1).says(&["nobody"]),
        row("update lead --json").exits(1).says(&["nobody"]),
        row("update lead --dry-run").exits(1).says(&["nobody"]),
        row("install studio/lead")
            .exits(1)
            .says(&["nobody", "lead"]),
        row("install studio/lead --dry-run")
            .exits(1)
            .says(&["nobody"]),
    ]);
}

/// `olddep` is no longer in the registry, but its file and lock entry are still there.
#[test]
fn a_required_agent_that_is_gone_upstream() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[
                ("lead", reader("lead", "Leads.")),
                ("olddep", reader("olddep", "Helps.")),
            ],
        );
        require(sandbox, "studio", &[("lead", "olddep")]);
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/lead");
        std::fs::remove_file(sandbox.path().join("studio/agents/olddep.md")).unwrap();
    };
    Situation::new(build).check([
        row("install"),
        row("install --locked"),
        row("update").says(&["olddep"]),
        row("update --check").exits(5).says(&["olddep"]),
        row("outdated --check").exits(5),
        row("update --locked"),
        row("check"),
        row("remove lead").changes("-lead -olddep ~lock ~manifest"),
    ]);
}
