//! Results that would be wrong without a word: each situation is one that a tester found, through every command that meets it.

use std::fs;

use crate::support::sandbox::Sandbox;

use super::{Situation, add_registry, agent, done, publish, reader, require, row};

/// A clone with manifest and lockfile alone, of which the newer version may do more.
#[test]
fn a_clone_without_files_and_a_new_power() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans."))],
        );
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/planner");
        publish(
            sandbox,
            "studio",
            &[("planner", agent("planner", "tools: Read, Bash\n", "Plans."))],
        );
        for folder in [".claude", ".agentpkg"] {
            fs::remove_dir_all(sandbox.project(folder)).unwrap();
        }
    };
    Situation::new(build).check([
        row("update").exits(4).says(&["Bash"]),
        row("update --yes").exits(4).says(&["Bash"]),
        row("install studio/planner").exits(4).says(&["Bash"]),
        row("install studio/planner --yes").exits(4).says(&["Bash"]),
        row("update --allow Bash")
            .may_change()
            .leaves("planner", "Bash"),
    ]);
}

/// One source has two agents of one name, and one that is not required under another name.
#[test]
fn another_agent_of_the_same_source() {
    let build = |sandbox: &Sandbox| {
        for folder in ["backend", "frontend"] {
            sandbox.write(
                &format!("studio/{folder}/reviewer.md"),
                reader("reviewer", &format!("Of {folder}.")),
            );
        }
        publish(
            sandbox,
            "studio",
            &[
                ("lead", reader("lead", "Leads.")),
                ("helper", reader("helper", "Helps.")),
                ("other", reader("other", "Is another one.")),
            ],
        );
        require(sandbox, "studio", &[("lead", "helper")]);
        add_registry(sandbox, "studio");
        done(sandbox, "install studio#backend/reviewer.md studio/lead");
    };
    let open = &["reviewer", "frontend/reviewer.md"];
    Situation::new(build).check([
        row("install studio#frontend/reviewer.md")
            .exits(4)
            .says(open),
        row("install studio#frontend/reviewer.md --yes")
            .exits(4)
            .says(open),
        row("install studio#frontend/reviewer.md --dry-run").says(open),
        row("install studio#frontend/reviewer.md --force")
            .changes("~lock ~manifest ~reviewer")
            .leaves("reviewer", "Of frontend."),
        row("install studio#backend/reviewer.md"),
        row("install studio/other --as helper")
            .exits(4)
            .says(&["helper"]),
        row("update"),
    ]);
}

/// A merge of the lockfile lost the entry of an agent that is wanted; what it requires must not go.
#[test]
fn a_lockfile_that_lacks_a_wanted_agent() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[
                ("lead", reader("lead", "Leads.")),
                ("helper", reader("helper", "Helps.")),
                ("solo", reader("solo", "Alone.")),
            ],
        );
        require(sandbox, "studio", &[("lead", "helper")]);
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/lead studio/solo");
        let lock = sandbox.read("agentpkg.lock");
        let kept: Vec<&str> = lock
            .split("\n\n")
            .filter(|entry| !entry.contains("name = \"lead\""))
            .collect();
        sandbox.write("project/agentpkg.lock", kept.join("\n\n"));
        publish(
            sandbox,
            "studio",
            &[("solo", reader("solo", "Alone, better."))],
        );
    };
    Situation::new(build).check([
        row("update solo")
            .changes("~lock ~solo")
            .hides(&["helper.md"]),
        row("install studio/solo")
            .changes("~lock ~solo")
            .hides(&["helper.md"]),
        row("install").changes("~lock"),
    ]);
}

/// What an agent requires cannot be had from its source; a stranger's agent of that name is installed.
#[test]
fn a_required_agent_that_only_a_stranger_has() {
    let build = |sandbox: &Sandbox| {
        publish(sandbox, "first", &[("needy", reader("needy", "Needs."))]);
        require(sandbox, "first", &[("needy", "ghost")]);
        publish(
            sandbox,
            "second",
            &[("ghost", reader("ghost", "Of second."))],
        );
        add_registry(sandbox, "first");
        add_registry(sandbox, "second");
        done(sandbox, "install second/ghost");
    };
    Situation::new(build).check([
        row("install first/needy").exits(1).says(&["ghost"]),
        row("install first/needy --yes").exits(1).says(&["ghost"]),
        row("install first --all").exits(1).says(&["ghost"]),
    ]);
}

/// Whatever needs a person, what cannot be had is said as well.
#[test]
fn a_failure_beside_a_question() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans."))],
        );
        publish(sandbox, "far", &[("away", reader("away", "Far."))]);
        add_registry(sandbox, "studio");
        add_registry(sandbox, "far");
        done(sandbox, "install studio/planner far/away");
        publish(
            sandbox,
            "studio",
            &[("planner", agent("planner", "tools: Read, Bash\n", "Plans."))],
        );
        fs::remove_dir_all(sandbox.path().join("far")).unwrap();
    };
    Situation::new(build).check([
        row("update").exits(1).says(&["Bash", "far"]),
        row("update --yes").exits(1).says(&["Bash", "far"]),
        row("install studio/planner studio/nothing")
            .exits(1)
            .says(&["Bash", "nothing"]),
        row("install studio/planner studio/nothing --json")
            .exits(1)
            .says(&["Bash", "nothing"]),
    ]);
}

/// An agent of the manifest that was never installed comes with the one that requires it.
#[test]
fn a_required_agent_that_is_only_in_the_manifest() {
    let build = |sandbox: &Sandbox| {
        publish(sandbox, "studio", &[("lead", reader("lead", "Leads."))]);
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/lead");
        publish(
            sandbox,
            "studio",
            &[
                ("lead", reader("lead", "Leads better.")),
                ("helper", reader("helper", "Helps.")),
            ],
        );
        require(sandbox, "studio", &[("lead", "helper")]);
        let manifest = sandbox.read("agentpkg.toml");
        sandbox.write(
            "project/agentpkg.toml",
            format!("{manifest}helper = {{ registry = \"studio\" }}\n"),
        );
    };
    Situation::new(build).check([
        row("update lead").changes("+helper ~lead ~lock"),
        row("update").changes("+helper ~lead ~lock"),
        row("install studio/lead").changes("+helper ~lead ~lock"),
    ]);
}

/// Two agents require different agents of one name, and the user chose one of them.
#[test]
fn a_choice_between_two_required_agents_is_kept() {
    let build = |sandbox: &Sandbox| {
        for (registry, name) in [("first", "lead"), ("second", "boss")] {
            let texts = [
                (name, reader(name, "It.")),
                ("helper", reader("helper", &format!("Of {registry}."))),
            ];
            publish(sandbox, registry, &texts);
            require(sandbox, registry, &[(name, "helper")]);
            add_registry(sandbox, registry);
        }
        done(sandbox, "install first/lead");
        done(sandbox, "install second/helper --force");
        done(sandbox, "install second/boss");
    };
    Situation::new(build).check([
        row("update"),
        row("update --check"),
        row("install"),
        row("install first/lead"),
        row("install --locked"),
        row("check"),
    ]);
}

/// The manifest is gone while the lockfile lists agents: nothing may write another one over that.
#[test]
fn a_manifest_that_is_gone() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans."))],
        );
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/planner");
        fs::remove_file(sandbox.project("agentpkg.toml")).unwrap();
    };
    Situation::new(build).check([
        row("install").exits(1),
        row("update").exits(1),
        row("install studio/planner").exits(1),
        row("registry add ../studio --name studio")
            .exits(1)
            .says(&["agentpkg.toml"]),
        row("init").exits(1).says(&["agentpkg.toml"]),
    ]);
}

/// A file with markers that no pending update of this machine has, as after a move of the project.
#[test]
fn a_conflict_of_another_place() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans."))],
        );
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/planner");
        sandbox.write("project/.agentpkg/conflicts/planner.md", "<<<<<<< you\n");
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans better."))],
        );
    };
    Situation::new(build).check([
        row("update").exits(3).says(&["resolve --abort planner"]),
        row("resolve").says(&["resolve --abort planner"]),
        row("resolve --abort planner").changes("-conflicts/planner"),
        row("resolve --abort").changes("-conflicts/planner"),
    ]);
}

/// One agent at two versions.
#[test]
fn one_agent_at_two_versions() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans."))],
        );
        sandbox.write(
            "studio/registry.toml",
            "name = \"studio\"\n\n[agents.planner]\nversion = \"1.0.0\"\n",
        );
        add_registry(sandbox, "studio");
    };
    Situation::new(build).check([
        row("install studio/planner@^1 studio/planner@1.0.0")
            .exits(2)
            .says(&["^1", "1.0.0"]),
        row("install studio/planner studio/planner").changes("+lock +planner ~manifest"),
    ]);
}

/// An agent that another one requires leaves the manifest, and is said to stay.
#[test]
fn a_removed_agent_that_is_still_required() {
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
        done(sandbox, "install studio/lead studio/helper");
    };
    Situation::new(build).check([
        row("remove helper")
            .changes("~manifest")
            .says(&["helper", "`lead`"]),
        row("remove helper --dry-run").says(&["helper", "`lead`"]),
        row("remove helper --json")
            .changes("~manifest")
            .field("/still_required/0/by", "lead"),
        row("remove helper lead").changes("-helper -lead ~lock ~manifest"),
    ]);
}
