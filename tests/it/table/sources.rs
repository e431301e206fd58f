//! Where agents come from: another source for a required agent, two agents of one name, a source that cannot be asked, a policy.

use std::fs;

use crate::support::http::{Fault, Server};
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

use super::{Situation, add_registry, agent, done, publish, reader, require, row};

/// `first` has `a`, which requires its `x`; `second` has `b`, which now requires another `x`, and `c`, which is newer.
#[test]
fn another_source_for_a_required_agent() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "first",
            &[("a", reader("a", "A.")), ("x", reader("x", "Of first."))],
        );
        require(sandbox, "first", &[("a", "x")]);
        let second = [
            ("b", reader("b", "B.")),
            ("c", reader("c", "C.")),
            ("x", reader("x", "Of second.")),
        ];
        publish(sandbox, "second", &second);
        add_registry(sandbox, "first");
        add_registry(sandbox, "second");
        done(sandbox, "install first/a second/b second/c");
        require(sandbox, "second", &[("b", "x")]);
        publish(sandbox, "second", &[("c", reader("c", "C, better."))]);
    };
    // It is a question, as in a terminal: whether `x` may be replaced.
    let open = &["first", "second", "`x`"];
    Situation::new(build).check([
        row("update").exits(4).says(open),
        row("update --no-input").exits(4).says(open),
        row("update --yes").exits(4).changes("~c ~lock").says(open),
        row("update b").exits(4).says(open),
        row("update b --yes").exits(4).says(open),
        row("update b --dry-run").says(open),
        row("update b --json").exits(4).says(open),
        row("update b --locked").exits(1),
        row("update c").changes("~c ~lock"),
        row("install"),
        row("install --locked"),
        row("install second/b").exits(4).says(open),
        row("install second/b --yes").exits(4).says(open),
        row("install second/b second/c --yes")
            .exits(4)
            .changes("~c ~lock")
            .says(open),
        row("install second/b --dry-run").says(open),
        row("install second/b --json").exits(4).says(open),
        row("install second/x").exits(4).says(open),
        row("install second/x --yes").exits(4).says(open),
        row("install second/x --dry-run").says(open),
        row("install second/x --force")
            .changes("~lock ~manifest ~x")
            .leaves("x", "Of second."),
        row("install second/x --force --locked").exits(1),
        row("install second/x --as y")
            .changes("+y ~lock ~manifest")
            .leaves("x", "Of first."),
        row("check"),
    ]);
    #[cfg(target_os = "linux")]
    Situation::new(build).check([
        row("update b")
            .in_terminal(&["yes", "..."])
            .changes("~lock ~x")
            .leaves("x", "Of second.")
            .says(open),
        row("update b --dry-run").in_terminal(&[]).says(open),
        row("update b --yes").in_terminal(&[]).exits(4).says(open),
        row("install second/b")
            .in_terminal(&["yes", "..."])
            .changes("~lock ~x")
            .leaves("x", "Of second.")
            .says(open),
        row("install second/b --dry-run")
            .in_terminal(&[])
            .says(open),
        row("install second/b --locked").in_terminal(&[]).exits(1),
    ]);
}

/// Two agents with the same name are wanted at once, and neither is installed yet.
#[test]
fn two_agents_of_one_name() {
    let build = |sandbox: &Sandbox| {
        for (registry, name) in [("first", "a"), ("second", "b")] {
            publish(
                sandbox,
                registry,
                &[
                    (name, reader(name, "It.")),
                    ("x", reader("x", &format!("Of {registry}."))),
                ],
            );
            add_registry(sandbox, registry);
        }
        done(sandbox, "install first/a second/b");
        require(sandbox, "first", &[("a", "x")]);
        require(sandbox, "second", &[("b", "x")]);
    };
    Situation::new(build).check([
        row("update").exits(1).says(&["first", "second", "`x`"]),
        row("update --yes")
            .exits(1)
            .says(&["first", "second", "`x`"]),
        row("update --dry-run")
            .exits(1)
            .says(&["first", "second", "`x`"]),
        row("update a").changes("+x ~lock").leaves("x", "Of first."),
        row("install first/a second/b")
            .exits(1)
            .says(&["first", "second", "`x`"]),
        row("install first/a second/b --yes")
            .exits(1)
            .says(&["first", "second", "`x`"]),
        row("install first/a second/b --dry-run")
            .exits(1)
            .says(&["first", "second", "`x`"]),
        row("install first/x second/x")
            .exits(1)
            .says(&["first", "second", "`x`"]),
        row("install x").exits(4).says(&["first/x", "second/x"]),
        row("install x --yes")
            .exits(4)
            .says(&["first/x", "second/x"]),
        row("install x --dry-run").says(&["first/x", "second/x"]),
        row("install x --json")
            .exits(4)
            .says(&["first/x", "second/x"]),
        row("install first/x").changes("+x ~lock ~manifest"),
    ]);
}

/// On a file system that ignores case, two names would be one file, so no two names may differ only in case. There the behaviour is
/// different today, and the rows state what happens elsewhere.
#[test]
#[cfg(target_os = "linux")]
fn names_that_differ_in_case_only() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "first",
            &[("helper", reader("helper", "Of first."))],
        );
        publish(
            sandbox,
            "second",
            &[
                ("b", reader("b", "B.")),
                ("Helper", reader("Helper", "Of second.")),
            ],
        );
        add_registry(sandbox, "first");
        add_registry(sandbox, "second");
        done(sandbox, "install first/helper second/b");
        require(sandbox, "second", &[("b", "Helper")]);
    };
    Situation::new(build).check([
        row("install second/Helper")
            .exits(1)
            .says(&["helper", "Helper"]),
        row("install second/Helper --yes")
            .exits(1)
            .says(&["helper", "Helper"]),
        row("install second/Helper --dry-run")
            .exits(1)
            .says(&["helper", "Helper"]),
        row("install second/Helper --as mine").changes("+mine ~lock ~manifest"),
        row("install second/b").exits(1).says(&["helper", "Helper"]),
        row("install second --all")
            .exits(1)
            .says(&["helper", "Helper"]),
        row("update").exits(1).says(&["helper", "Helper"]),
        row("update b").exits(1).says(&["helper", "Helper"]),
        row("update b --yes").exits(1).says(&["helper", "Helper"]),
        row("update b --dry-run")
            .exits(1)
            .says(&["helper", "Helper"]),
    ]);
}

/// A rule of the project forbids what the newer `planner` and the new `fresh` may do. `other` is newer too.
#[test]
fn a_policy_that_forbids() {
    let build = |sandbox: &Sandbox| {
        let bash = |name| agent(name, "tools: Read, Bash\n", "Better.");
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
        let manifest = sandbox.read("agentpkg.toml");
        sandbox.write(
            "project/agentpkg.toml",
            format!("{manifest}\n[policy]\ndeny-tools = [\"Bash\"]\n"),
        );
        publish(
            sandbox,
            "studio",
            &[
                ("planner", bash("planner")),
                ("fresh", bash("fresh")),
                ("other", reader("other", "More.")),
            ],
        );
    };
    let rule = &["deny-tools", "Bash"];
    Situation::new(build).check([
        row("update").exits(4).changes("~lock ~other").says(rule),
        row("update --allow all")
            .exits(4)
            .changes("~lock ~other")
            .says(rule),
        row("update --yes")
            .exits(4)
            .changes("~lock ~other")
            .says(rule),
        row("update planner --json").exits(4).says(rule),
        row("update planner --allow Bash").exits(4).says(rule),
        row("update --dry-run").exits(4).says(rule).says(&["other"]),
        row("update --locked").exits(1),
        row("install"),
        row("install studio/planner").exits(4).says(rule),
        row("install studio/planner --allow Bash")
            .exits(4)
            .says(rule),
        row("install studio/fresh").exits(4).says(rule),
        row("install studio/fresh --allow all").exits(4).says(rule),
        row("install studio/fresh --yes").exits(4).says(rule),
        row("install studio/fresh --force").exits(4).says(rule),
        row("install studio/fresh --json").exits(4).says(rule),
        row("install studio/fresh --dry-run").exits(4).says(rule),
        row("install studio/fresh studio/other --yes")
            .exits(4)
            .changes("~lock ~other")
            .says(rule),
        row("install studio --all --yes")
            .exits(4)
            .changes("~lock ~other")
            .says(rule),
        row("update other").changes("~lock ~other"),
        row("check"),
    ]);
}

/// Only one registry is allowed, and another one is not even added.
#[test]
fn a_policy_that_forbids_a_source() {
    let build = |sandbox: &Sandbox| {
        publish(
            sandbox,
            "studio",
            &[("planner", reader("planner", "Plans."))],
        );
        publish(sandbox, "spare", &[("third", reader("third", "Waits."))]);
        add_registry(sandbox, "studio");
        let manifest = sandbox.read("agentpkg.toml");
        sandbox.write(
            "project/agentpkg.toml",
            format!("{manifest}\n[policy]\nregistries = [\"studio\"]\n"),
        );
    };
    let rule = &["registries"];
    Situation::new(build).check([
        row("install studio/planner").changes("+lock +planner ~manifest"),
        row("install ../spare#third").exits(4).says(rule),
        row("install ../spare#third --yes").exits(4).says(rule),
        row("install ../spare#third --allow all --force")
            .exits(4)
            .says(rule),
        row("install ../spare#third --dry-run").exits(4).says(rule),
        row("install ../spare#third --json").exits(4).says(rule),
        row("registry add ../spare").exits(4).says(rule),
        row("registry add ../spare --json").exits(4).says(rule),
    ]);
}

/// `far` is a repository whose server does not answer any more; `near` is a folder, with something newer.
#[test]
fn a_source_that_cannot_be_asked() {
    let probe = Sandbox::new();
    if hermetic_git(&probe.path().join("home")).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let build = |sandbox: &Sandbox| {
        let mut repo = RepoBuilder::bare(&folder.path().join("far.git"));
        repo.file("agents/planner.md", reader("planner", "Plans."))
            .file("agents/spare.md", reader("spare", "Waits."));
        let _ = repo.commit("first");
        publish(sandbox, "near", &[("other", reader("other", "Helps."))]);
        done(
            sandbox,
            &format!("registry add {} --name far", server.url("far.git")),
        );
        add_registry(sandbox, "near");
        done(sandbox, "install far/planner near/other");
        server.fault(Fault::Status(404));
        publish(
            sandbox,
            "near",
            &[("other", reader("other", "Helps more."))],
        );
    };
    Situation::new(build).check([
        row("update")
            .exits(1)
            .changes("~lock ~other")
            .says(&["far"]),
        row("update --yes")
            .exits(1)
            .changes("~lock ~other")
            .says(&["far"]),
        row("update planner")
            .exits(1)
            .says(&["far"])
            .hides(&["up to date"]),
        row("update --check").exits(1).says(&["far"]),
        row("update --dry-run").exits(1).says(&["far"]),
        row("update --json")
            .exits(1)
            .changes("~lock ~other")
            .says(&["far", "\"failures\""]),
        row("update --offline").changes("~lock ~other"),
        row("update --locked").exits(1),
        row("outdated").exits(1).says(&["far"]),
        row("outdated --check").exits(1).says(&["far"]),
        row("outdated --json").exits(1).says(&["far"]),
        row("install"),
        row("install --locked"),
        row("install far/spare").changes("+spare ~lock ~manifest"),
        row("install far/nothing").exits(1).says(&["nothing"]),
        row("registry refresh").exits(1).says(&["far"]),
        row("search plan --refresh").exits(1).says(&[
            "far",
            "searched as it is in the cache",
            "planner",
        ]),
        row("search plan --refresh --json")
            .exits(1)
            .says(&["far", "planner"])
            .has("/failures/0"),
        row("search plan --refresh --registry near"),
        row("search plan --refresh --offline"),
        row("remove planner").changes("-planner ~lock ~manifest"),
        row("status"),
        row("check"),
        row("diff"),
        row("search plan"),
        row("info planner"),
    ]);
}

/// The server of `far` fails, or breaks the connection: being unable to ask is not being up to date.
#[test]
fn a_server_that_fails() {
    let probe = Sandbox::new();
    if hermetic_git(&probe.path().join("home")).is_none() {
        return;
    }
    for fault in [Fault::Status(500), Fault::Reset, Fault::Truncate(300)] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path());
        let build = |sandbox: &Sandbox| {
            let mut repo = RepoBuilder::bare(&folder.path().join("far.git"));
            repo.file("agents/planner.md", reader("planner", "Plans."))
                .file("agents/spare.md", reader("spare", "Waits."));
            let _ = repo.commit("first");
            publish(sandbox, "near", &[("other", reader("other", "Helps."))]);
            done(
                sandbox,
                &format!("registry add {} --name far", server.url("far.git")),
            );
            add_registry(sandbox, "near");
            done(sandbox, "install far/planner near/other");
            publish(
                sandbox,
                "near",
                &[("other", reader("other", "Helps more."))],
            );
            let _ = repo
                .file("agents/planner.md", reader("planner", "Plans better."))
                .commit("second");
            server.fault(fault.clone());
        };
        Situation::new(build).check([
            row("update")
                .exits(1)
                .changes("~lock ~other")
                .says(&["far.git"]),
            row("update planner")
                .exits(1)
                .says(&["far.git"])
                .hides(&["up to date"]),
            row("update planner --check")
                .exits(1)
                .says(&["far.git"])
                .hides(&["up to date"]),
            row("update planner --json")
                .exits(1)
                .says(&["far.git", "\"failures\""]),
            row("update planner --offline").says(&["up to date"]),
            row("outdated planner")
                .exits(1)
                .says(&["far.git"])
                .hides(&["up to date"]),
            row("outdated planner --check").exits(1).says(&["far.git"]),
            row("diff --upstream planner").exits(1).says(&["far.git"]),
            row("registry refresh").exits(1).says(&["far.git"]),
            row("install far/planner@main").exits(1).says(&["far.git"]),
            row("install far/spare").changes("+spare ~lock ~manifest"),
            row("install"),
            row("status"),
        ]);
    }
}

/// Of four agents, two cannot be updated, because the folders that they came from are gone.
#[test]
fn two_of_several_agents_fail() {
    let build = |sandbox: &Sandbox| {
        for name in ["one", "two"] {
            publish(sandbox, "near", &[(name, reader(name, "It."))]);
        }
        for name in ["three", "four"] {
            publish(sandbox, name, &[(name, reader(name, "It."))]);
            add_registry(sandbox, name);
        }
        add_registry(sandbox, "near");
        done(sandbox, "install near/one near/two three/three four/four");
        for name in ["one", "two"] {
            publish(sandbox, "near", &[(name, reader(name, "Better."))]);
        }
        for name in ["three", "four"] {
            fs::remove_dir_all(sandbox.path().join(name)).unwrap();
        }
    };
    Situation::new(build).check([
        row("update")
            .exits(1)
            .changes("~lock ~one ~two")
            .says(&["three", "four"]),
        row("update --yes")
            .exits(1)
            .changes("~lock ~one ~two")
            .says(&["three", "four"]),
        row("update one three")
            .exits(1)
            .changes("~lock ~one")
            .says(&["three"]),
        row("update three four").exits(1).says(&["three", "four"]),
        row("update --json")
            .exits(1)
            .changes("~lock ~one ~two")
            .says(&["three", "four"])
            .has("/failures/1"),
        row("update --dry-run")
            .exits(1)
            .says(&["three", "four", "one"]),
        row("update --check").exits(1).says(&["three", "four"]),
        row("update --locked").exits(1),
        row("outdated --check").exits(1).says(&["three", "four"]),
        row("outdated --json").exits(1).says(&["three", "four"]),
        row("install"),
        row("install near --all").changes("~lock ~one ~two"),
        row("install near/one three/three")
            .exits(1)
            .changes("~lock ~one")
            .says(&["three"]),
        row("install near/one three/three --json")
            .exits(1)
            .changes("~lock ~one")
            .says(&["three"]),
    ]);
}
