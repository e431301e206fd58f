//! Files in the way, and projects where there is nothing to do.

use crate::support::sandbox::Sandbox;

use super::{Situation, add_registry, agent, done, publish, reader, row};

/// A file that agentpkg did not write is where `planner` would be written.
#[test]
fn a_foreign_file_in_the_way() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[
                ("planner", reader("planner", "Plans.")),
                ("other", reader("other", "Helps.")),
            ],
        );
        add_registry(sandbox, "studio");
        sandbox.write(
            "project/.claude/agents/planner.md",
            reader("planner", "Mine."),
        );
    };
    Situation::new(build).check([
        row("install studio/planner").exits(1).says(&[
            "agentpkg adopt planner",
            "planner.md",
            "--force",
            "--as",
        ]),
        row("install studio/planner --yes")
            .exits(1)
            .says(&["planner.md"]),
        row("install studio/planner --no-input").exits(1),
        row("install studio/planner --json")
            .exits(1)
            .says(&["planner.md"]),
        row("install studio/planner --dry-run")
            .exits(1)
            .says(&["planner.md"]),
        row("install studio/planner --force")
            .changes("+lock ~manifest ~planner")
            .leaves("planner", "Plans."),
        row("install studio/planner --force --dry-run").says(&[
            "would replace files that agentpkg did not write: .claude/agents/planner.md",
            "a copy stays in .agentpkg/state/history",
        ]),
        row("install studio/planner --force --locked").exits(1),
        row("install studio/planner --as mine").changes("+lock +mine ~manifest"),
        row("install studio --all")
            .exits(1)
            .changes("+lock +other ~manifest")
            .says(&["planner.md", "agentpkg adopt planner"]),
        row("install studio --all --yes")
            .exits(1)
            .changes("+lock +other ~manifest")
            .says(&["planner.md"]),
        row("remove planner").exits(1),
        row("update planner").exits(1),
    ]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_foreign_file_in_the_way_in_a_terminal() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans."))],
        );
        add_registry(sandbox, "studio");
        sandbox.write(
            "project/.claude/agents/planner.md",
            reader("planner", "Mine."),
        );
    };
    Situation::new(build).check([
        row("install studio/planner")
            .in_terminal(&[])
            .exits(1)
            .says(&["planner.md", "--force"]),
        row("install studio/planner --dry-run")
            .in_terminal(&[])
            .exits(1)
            .says(&["planner.md"]),
    ]);
}

/// The file of `planner` was edited; upstream has not changed.
#[test]
fn an_edited_file_in_the_way() {
    let build = |sandbox: &Sandbox| {
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
            reader("planner", "Mine."),
        );
    };
    Situation::new(build).check([
        row("install"),
        row("install --locked"),
        row("install studio/planner"),
        row("install --force")
            .changes("~planner")
            .leaves("planner", "Plans."),
        row("install studio/planner --force")
            .changes("~planner")
            .leaves("planner", "Plans."),
        row("install studio/planner --force --dry-run").says(&["planner"]),
        row("install studio/other --force").leaves("planner", "Mine."),
        row("update"),
        row("update --locked"),
        row("remove planner").exits(1).says(&["edited", "--force"]),
        row("remove planner --json").exits(1).says(&["edited"]),
        row("remove planner --force").changes("-planner ~lock ~manifest"),
        row("remove planner --force --locked").exits(1),
        row("remove other").changes("-other ~lock ~manifest"),
        row("remove other --yes").changes("-other ~lock ~manifest"),
        row("remove other --offline").changes("-other ~lock ~manifest"),
        row("remove other --json")
            .changes("-other ~lock ~manifest")
            .field("/removed/0/name", "other"),
        row("remove other --dry-run").says(&["other"]),
        row("remove other --dry-run --json")
            .field("/removed/0/name", "other")
            .field("/dry_run", true),
        row("check"),
    ]);
}

/// Everything is as manifest and lockfile say, and upstream has nothing newer.
#[test]
fn nothing_to_do() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans."))],
        );
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/planner");
    };
    Situation::new(build).check([
        row("install"),
        row("install --locked"),
        row("install --yes"),
        row("install --force"),
        row("install --dry-run"),
        row("install --offline"),
        row("install --json").field("/changes", 0),
        row("install studio/planner"),
        row("install studio/planner --locked"),
        row("install studio/planner --json").field("/changes", 0),
        row("install studio --all"),
        row("update"),
        row("update --locked"),
        row("update --yes"),
        row("update --check"),
        row("update --dry-run"),
        row("update --offline"),
        row("update --json")
            .field("/changes", 0)
            .field("/agents/0/status", "current"),
        row("resolve"),
        row("resolve --locked"),
        row("resolve --ours"),
        row("resolve --abort"),
        row("resolve --json").field("/waiting", 0),
        row("check"),
        row("check --fix"),
        row("check --fix --locked"),
        row("outdated"),
        row("outdated --check"),
        row("status"),
        row("diff"),
    ]);
}

/// An empty project: no manifest, no agents.
#[test]
fn a_project_without_anything() {
    Situation::new(|_| {}).check([
        row("install").says(&["agentpkg"]),
        row("install --locked"),
        row("update"),
        row("update --locked"),
        row("resolve"),
        row("check"),
        row("check --fix"),
        row("undo"),
        row("undo --locked"),
        row("undo --json"),
        row("remove planner").exits(1).says(&["planner"]),
        row("status"),
        row("list"),
    ]);
}

/// With `--locked`, no command changes the manifest or the lockfile; a command that would says so before it writes anything.
#[test]
fn every_command_obeys_locked() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[
                ("planner", reader("planner", "Plans.")),
                ("other", reader("other", "Helps.")),
            ],
        );
        publish(sandbox, "spare", &[("third", reader("third", "Waits."))]);
        add_registry(sandbox, "studio");
        add_registry(sandbox, "spare");
        done(sandbox, "install studio/planner");
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans better."))],
        );
    };
    let forbidden = &["the lockfile is out of date, and `--locked` was given"];
    Situation::new(build).check([
        row("install studio/other --locked").exits(1),
        row("install studio/planner --locked").exits(1),
        row("install studio/planner --locked --force").exits(1),
        row("install studio/planner --locked --dry-run")
            .exits(1)
            .says(forbidden),
        row("install studio/other --locked --json").exits(1),
        row("update --locked").exits(1),
        row("update --locked --yes").exits(1),
        row("update --locked --json").exits(1),
        row("update --locked --check").exits(5),
        row("update --locked --dry-run").exits(1).says(forbidden),
        row("update --locked --dry-run --json")
            .exits(1)
            .field("/agents/0/name", "planner")
            .says(forbidden),
        row("remove planner --locked --dry-run")
            .exits(1)
            .says(forbidden),
        row("remove planner --locked").exits(1),
        row("remove planner --locked --json").exits(1),
        row("remove planner --locked --yes").exits(1),
        row("undo --locked").exits(1),
        row("undo --locked --json").exits(1),
        row("registry add ../studio --name again --locked").exits(1),
        row("registry remove spare --locked").exits(1),
        row("registry refresh --locked"),
        row("registry list --locked"),
        row("list --locked"),
        row("status --locked"),
        row("check --locked"),
        row("outdated --locked"),
        row("diff --locked"),
    ]);
    Situation::new(|_| {}).check([
        row("init --locked").exits(1),
        row("init").changes("+manifest"),
    ]);
}

/// An update was made, with a power that was allowed; `other` was edited since.
#[test]
fn an_operation_to_take_back() {
    let build = |sandbox: &Sandbox| {
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
            &[(
                "planner",
                agent("planner", "tools: Read, Bash\n", "Plans better."),
            )],
        );
        done(sandbox, "update --allow Bash");
        sandbox.write("project/.claude/agents/other.md", reader("other", "Mine."));
    };
    let forbidden = &["the lockfile is out of date, and `--locked` was given"];
    Situation::new(build).check([
        row("undo")
            .changes("~lock ~planner")
            .leaves("planner", "Plans.")
            .leaves("other", "Mine."),
        row("undo --yes").changes("~lock ~planner"),
        row("undo --json")
            .changes("~lock ~planner")
            .field("/files/0/action", "restore"),
        row("undo --offline").changes("~lock ~planner"),
        row("undo --dry-run").says(&["planner"]),
        row("undo --dry-run --json").field("/dry_run", true),
        row("undo --locked").exits(1),
        row("undo --list").says(&["update"]),
        row("undo 77").exits(1).says(&["77"]),
        row("undo --dry-run --locked").exits(1).says(forbidden),
    ]);
}
