//! Names that do not exist: every command that takes names suggests what may have been meant.

use crate::support::sandbox::Sandbox;

use super::{Situation, add_registry, done, publish, reader, row};

#[test]
fn several_names_that_mean_nothing_are_one_error() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("debugger", reader("debugger", "Finds it."))],
        );
        add_registry(sandbox, "studio");
    };
    let seven = "install debuger quartz onyx basalt gneiss schist marble";
    Situation::new(build).check([
        row(seven)
            .exits(1)
            .says(&[
                "error: no agents have these 7 names: `debuger`, `quartz`, `onyx`, `basalt`, `gneiss` and 2 more",
                "`debuger`: did you mean `debugger` (studio)?",
            ])
            .hides(&["schist", "no agent named"]),
        row(format!("{seven} --json"))
            .exits(1)
            .field("/failures/6/message", "no agent named `marble` in 2 registries"),
        row("install quartz onyx studio/debugger")
            .exits(1)
            .may_change()
            .says(&["no agents have these 2 names: `quartz`, `onyx`", "2 agents or registries could not be installed"]),
        row("install quartz")
            .exits(1)
            .says(&["no agent named `quartz` in 2 registries"]),
    ]);
}

#[test]
fn a_name_with_a_typo() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("debugger", reader("debugger", "Finds it."))],
        );
        add_registry(sandbox, "studio");
        done(sandbox, "install studio/debugger");
    };
    let meant = &["`debuger`", "did you mean `debugger`"];
    Situation::new(build).check([
        row("install studio/debuger")
            .exits(1)
            .says(&["debuger", "debugger`"]),
        row("install debuger")
            .exits(1)
            .says(&["debuger", "debugger`"]),
        row("install debuger --json").exits(1).says(&["debugger`"]),
        row("install debuger --dry-run")
            .exits(1)
            .says(&["debugger`"]),
        row("install studo/debugger")
            .exits(1)
            .says(&["studo", "`studio"]),
        row("update debuger").exits(1).says(meant),
        row("update debugger debuger").exits(1).says(meant),
        row("update debuger --yes").exits(1).says(meant),
        row("update debuger --dry-run").exits(1).says(meant),
        row("update debuger --json").exits(1).says(meant),
        row("remove debuger").exits(1).says(meant),
        row("remove debugger debuger").exits(1).says(meant),
        row("remove debuger --force").exits(1).says(meant),
        row("remove debuger --json").exits(1).says(meant),
        row("resolve debuger").exits(1).says(meant),
        row("resolve debuger --abort").exits(1).says(meant),
        row("resolve debuger --json").exits(1).says(meant),
        row("outdated debuger").exits(1).says(meant),
        row("outdated debuger --json").exits(1).says(meant),
        row("diff debuger").exits(1).says(meant),
        row("diff debuger --json").exits(1).says(meant),
        row("info debuger").exits(1).says(&["debuger", "debugger`"]),
        row("info studio/debuger")
            .exits(1)
            .says(&["debuger", "debugger`"]),
        row("list --available studo")
            .exits(2)
            .says(&["studo", "studio"]),
        row("registry remove studo")
            .exits(1)
            .says(&["`studo`", "did you mean `studio`"]),
        row("search debugger --registry studo")
            .exits(1)
            .says(&["`studo`", "did you mean `studio`"]),
        row("resolve debugger")
            .exits(1)
            .says(&["`debugger` has no pending update"]),
        row("undo 99").exits(1).says(&["99"]),
    ]);
}

/// What only a person can say is left out with `--yes`, in a terminal as without one.
#[test]
fn a_name_of_two_agents_with_yes() {
    let build = |sandbox: &Sandbox| {
        for registry in ["first", "second"] {
            let text = format!("Of {registry}.");
            publish(sandbox, registry, &[("planner", reader("planner", &text))]);
            add_registry(sandbox, registry);
        }
        publish(sandbox, "second", &[("other", reader("other", "Helps."))]);
    };
    let several = &["`planner` means 2 different agents"];
    let rows = || {
        [
            row("install planner --yes").exits(4).says(several),
            row("install planner other --yes")
                .exits(4)
                .changes("+lock ~manifest +other")
                .says(several),
            row("install ../second --yes")
                .exits(4)
                .says(&["`../second` has 2 agents"]),
            row("install second/planner first/planner --yes")
                .exits(1)
                .says(&["two different agents would be installed as `planner`"]),
            row("install planner --dry-run").exits(0).says(several),
        ]
    };
    let situation = Situation::new(build);
    situation.check(rows());
    situation.check(rows().map(|row| row.in_terminal(&[])));
}
