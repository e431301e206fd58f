//! Names that do not exist: every command that takes names suggests what may have been meant.

use crate::support::sandbox::Sandbox;

use super::{Situation, add_registry, done, publish, reader, row};

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
