//! Versions: what is in a repository with tags, what the manifest asks for, and how a command changes that.

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

use super::{Situation, agent, done, reader, row};

/// `planner` is installed as `^1` of a repository that has 1.0.0 and 2.0.0. The second has these fields.
fn installed(sandbox: &Sandbox, fields: &str) {
    let mut repo = RepoBuilder::bare(&sandbox.path().join("studio.git"));
    let _ = repo
        .file("agents/planner.md", reader("planner", "Plans."))
        .commit("first");
    repo.tag("v1.0.0");
    let _ = repo
        .file(
            "agents/planner.md",
            agent("planner", fields, "Plans better."),
        )
        .commit("second");
    repo.tag("v2.0.0");
    done(
        sandbox,
        &format!("registry add {} --name studio", repo.url()),
    );
    done(sandbox, "install studio/planner@^1");
}

/// Edits the manifest as a person would.
fn ask_for(sandbox: &Sandbox, version: &str) {
    let manifest = sandbox.read("agentpkg.toml").replace("^1", version);
    sandbox.write("project/agentpkg.toml", manifest);
}

fn has_git() -> bool {
    hermetic_git(Sandbox::new().path()).is_some()
}

#[test]
fn another_version_on_the_command_line() {
    if !has_git() {
        return;
    }
    Situation::new(|sandbox| installed(sandbox, "tools: Read\n")).check([
        row("install"),
        row("update"),
        row("update --check"),
        row("update --locked"),
        row("outdated").says(&["2.0.0"]),
        row("update planner --to ^2")
            .changes("~lock ~manifest ~planner")
            .leaves("manifest", "^2"),
        row("update planner --to ^2 --yes").changes("~lock ~manifest ~planner"),
        row("update planner --to ^2 --offline").changes("~lock ~manifest ~planner"),
        row("update planner --to latest")
            .changes("~lock ~manifest ~planner")
            .leaves("planner", "better"),
        row("update planner --to ^2 --dry-run").says(&["planner"]),
        row("update planner --to ^2 --locked").exits(1),
        row("update planner --to ^9")
            .exits(1)
            .says(&["^9", "2.0.0"]),
        row("update planner --to ^9 --json").exits(1).says(&["^9"]),
        row("install studio/planner@^2")
            .changes("~lock ~manifest ~planner")
            .leaves("manifest", "^2"),
        row("install studio/planner@^2 --dry-run").says(&["planner"]),
        row("install studio/planner@^2 --locked").exits(1),
        row("install studio/planner@^9")
            .exits(1)
            .says(&["^9", "2.0.0"]),
        row("remove planner").changes("-planner ~lock ~manifest"),
    ]);
}

#[test]
fn another_version_in_the_manifest() {
    if !has_git() {
        return;
    }
    let asked = |sandbox: &Sandbox| {
        installed(sandbox, "tools: Read\n");
        ask_for(sandbox, "^2");
    };
    Situation::new(asked).check([
        row("install")
            .changes("~lock ~planner")
            .leaves("planner", "better"),
        row("install --yes").changes("~lock ~planner"),
        row("install --dry-run").says(&["planner"]),
        row("install --locked").exits(1).says(&["planner"]),
        row("install --offline").changes("~lock ~planner"),
        row("install --json")
            .changes("~lock ~planner")
            .field("/agents/0/status", "updated"),
        row("update").changes("~lock ~planner"),
        row("update --locked").exits(1),
        row("update --check").exits(5),
        row("check"),
    ]);
    let unknown = |sandbox: &Sandbox| {
        installed(sandbox, "tools: Read\n");
        ask_for(sandbox, "^9");
    };
    Situation::new(unknown).check([
        row("install").exits(1).says(&["^9", "2.0.0"]),
        row("install --json").exits(1).says(&["^9"]),
        row("install --dry-run").exits(1).says(&["^9"]),
        row("install --locked").exits(1),
        row("update").exits(1).says(&["^9"]),
        row("remove planner").changes("-planner ~lock ~manifest"),
    ]);
}

/// The version that the manifest asks for may do more, and the file was edited.
#[test]
fn another_version_in_the_manifest_that_may_do_more() {
    if !has_git() {
        return;
    }
    let wider = |sandbox: &Sandbox| {
        installed(sandbox, "tools: Read, Bash\n");
        ask_for(sandbox, "^2");
    };
    Situation::new(wider).check([
        row("install")
            .exits(4)
            .says(&["Bash", "agentpkg install --allow Bash"]),
        row("install --yes").exits(4).says(&["Bash"]),
        row("install --allow Bash").changes("~lock ~planner"),
        row("install --dry-run").says(&["Bash"]),
        row("install --locked").exits(1),
        row("update").exits(4).says(&["Bash"]),
        row("update --yes").exits(4).says(&["Bash"]),
        row("update --allow Bash").changes("~lock ~planner"),
    ]);
    let edited = |sandbox: &Sandbox| {
        wider(sandbox);
        sandbox.write(
            "project/.claude/agents/planner.md",
            reader("planner", "Plans as I say."),
        );
    };
    Situation::new(edited).check([
        row("install")
            .exits(1)
            .says(&["edited", "agentpkg update planner", "--force"]),
        row("install --yes").exits(1).says(&["edited"]),
        row("install --dry-run").exits(1).says(&["edited"]),
        row("install --locked").exits(1),
        row("install --force").exits(4).says(&["Bash"]),
        row("install --force --allow Bash").changes("~lock ~planner"),
        row("update").exits(4).says(&["conflict", "Bash"]),
        row("update --theirs --allow Bash").changes("~lock ~planner"),
        row("update --conflicts=markers --allow Bash")
            .exits(3)
            .changes("+conflicts/planner +pending/planner"),
    ]);
}
