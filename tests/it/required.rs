//! Agents that require others: they are installed, kept and removed together.

use std::fs;

use agentpkg::env::Environment;
use agentpkg::ops::install::{InstallOptions, install};
use agentpkg::ops::session::{Options, Session};
use agentpkg::store::project::Project;

use crate::support::sandbox::Sandbox;
use crate::support::script::Script;

const HOOKS: &str = "hooks:\n  Stop: [{hooks: [{type: command, command: beep}]}]\n";

fn agent(name: &str, more: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Does it\ntools: Read\n{more}---\n\n{text}\n")
}

/// What upstream has now: `lead` with its extra frontmatter and text, and what it requires.
fn upstream(sandbox: &Sandbox, version: u32, more: &str, text: &str, required: &str) {
    let requires = if required.is_empty() {
        String::new()
    } else {
        format!("requires = {{ agents = [\"{required}\"] }}\n")
    };
    let registry =
        format!("name = \"studio\"\n\n[agents.lead]\nversion = \"{version}.0.0\"\n{requires}");
    sandbox
        .write("studio/agents/lead.md", agent("lead", more, text))
        .write("studio/registry.toml", registry);
}

/// `lead` is installed with `olddep`, which it requires.
fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["olddep", "newdep"] {
        sandbox.write(
            &format!("studio/agents/{name}.md"),
            agent(name, "", "Helps."),
        );
    }
    upstream(&sandbox, 1, "", "Leads.", "olddep");
    let _ = sandbox
        .run(&["registry", "add", "../studio", "--name", "studio"])
        .code(0);
    let _ = sandbox.run(&["install", "studio/lead"]).code(0);
    sandbox
}

fn has(sandbox: &Sandbox, name: &str) -> bool {
    sandbox
        .project(&format!(".claude/agents/{name}.md"))
        .exists()
}

/// Files, lockfile and manifest agree.
fn is_whole(sandbox: &Sandbox, required: &str, other: &str) {
    assert!(
        has(sandbox, required) && !has(sandbox, other),
        "{required} and not {other}"
    );
    let lock = sandbox.read("agentpkg.lock");
    assert!(
        lock.contains(&format!("requires = [\"{required}\"]")) && !lock.contains(other),
        "{lock}"
    );
    let status = sandbox.run(&["status"]).code(0);
    assert!(!status.all().contains("unmanaged"), "{}", status.all());
    let _ = sandbox.run(&["install", "--locked"]).code(0);
}

#[test]
fn what_a_skipped_agent_would_require_does_not_come() {
    let sandbox = scene();
    let before = sandbox.files();
    upstream(&sandbox, 2, HOOKS, "Leads better.", "newdep");
    insta::assert_snapshot!(sandbox.run(&["update", "--conflicts=skip"]).code(4).stderr, @r"
         Checked 1 source
         Skipped lead    1.0.0 -> 2.0.0
         Skipped newdep
                 what requires it is left out
    error: `lead` requests new permissions, so it is left unchanged
      + hooks  runs `beep` at Stop

    hint: if that is meant: `agentpkg update lead --allow hooks`
    error: nothing was updated
    ");
    assert_eq!(sandbox.files(), before);
    is_whole(&sandbox, "olddep", "newdep");
    let output = sandbox.run(&["check"]).code(0);
    assert!(
        !output.stdout.contains("newdep"),
        "only the version that is not installed requires it: {}",
        output.all()
    );
    let _ = sandbox.run(&["update", "--allow", "hooks"]).code(0);
    is_whole(&sandbox, "newdep", "olddep");
}

#[test]
fn what_an_agent_in_conflict_requires_waits_with_it() {
    let sandbox = scene();
    sandbox.write(
        "project/.claude/agents/lead.md",
        agent("lead", "", "Leads as I say."),
    );
    upstream(&sandbox, 2, "", "Leads better.", "newdep");
    let _ = sandbox.run(&["update", "--conflicts=markers"]).code(3);
    is_whole(&sandbox, "olddep", "newdep");
    // Upstream may have moved on by then.
    fs::remove_dir_all(sandbox.path().join("studio")).unwrap();
    let _ = sandbox.run(&["resolve", "--theirs"]).code(0);
    is_whole(&sandbox, "newdep", "olddep");
    assert!(
        sandbox
            .files()
            .iter()
            .all(|(path, _)| !path.contains("pending")),
        "nothing waits any more"
    );
}

#[test]
fn an_update_that_is_given_up_leaves_nothing_of_what_it_required() {
    let sandbox = scene();
    sandbox.write(
        "project/.claude/agents/lead.md",
        agent("lead", "", "Leads as I say."),
    );
    upstream(&sandbox, 2, "", "Leads better.", "newdep");
    let _ = sandbox.run(&["update", "--conflicts=markers"]).code(3);
    let _ = sandbox.run(&["resolve", "--abort"]).code(0);
    is_whole(&sandbox, "olddep", "newdep");
    assert!(
        sandbox
            .files()
            .iter()
            .all(|(path, _)| !path.contains("pending")),
        "nothing waits any more"
    );
}

#[test]
fn an_agent_is_not_updated_without_what_it_requires() {
    let sandbox = scene();
    sandbox.write(
        "studio/agents/newdep.md",
        agent("newdep", "permissionMode: acceptEdits\n", "Helps."),
    );
    upstream(&sandbox, 2, "", "Leads better.", "newdep");
    let before = sandbox.files();
    insta::assert_snapshot!(sandbox.run(&["update", "--conflicts=skip"]).code(4).stderr, @r"
         Checked 1 source
         Skipped lead    1.0.0 -> 2.0.0
                 it requires `newdep`, which is left out
         Skipped newdep
    error: `newdep` requests permissions that need consent, so it is not installed
      + permissionMode  acceptEdits: changes what it must ask for

    hint: if that is meant: `agentpkg update lead --allow permissionMode`
    error: nothing was updated
    ");
    assert_eq!(sandbox.files(), before);
    is_whole(&sandbox, "olddep", "newdep");
    let _ = sandbox
        .run(&["update", "lead", "--allow", "permissionMode"])
        .code(0);
    is_whole(&sandbox, "newdep", "olddep");
}

#[test]
fn a_file_in_the_way_of_what_is_required_keeps_the_requirer_back() {
    let sandbox = scene();
    sandbox.write(
        "project/.claude/agents/newdep.md",
        agent("newdep", "", "Mine."),
    );
    upstream(&sandbox, 2, "", "Leads better.", "newdep");
    let before = sandbox.files();
    let output = sandbox.run(&["update"]).code(1);
    assert!(
        output
            .stderr
            .contains("newdep.md` exists, and agentpkg did not write it"),
        "{}",
        output.stderr
    );
    assert_eq!(sandbox.files(), before);
}

#[test]
fn an_unknown_setting_does_not_stop_what_has_nothing_to_do_with_it() {
    let sandbox = scene();
    sandbox.write(
        "project/agentpkg.toml",
        sandbox.read("agentpkg.toml") + "\n[later]\nthing = true\n",
    );
    upstream(&sandbox, 2, "", "Leads better.", "newdep");
    let output = sandbox.run(&["update"]).code(0);
    assert!(
        output
            .stderr
            .contains("Removed .claude/agents/olddep.md  no agent requires it any more"),
        "{}",
        output.stderr
    );
    is_whole(&sandbox, "newdep", "olddep");
}

#[test]
fn an_agent_that_an_install_skips_keeps_what_it_requires() {
    let sandbox = scene();
    let manifest = sandbox.read("agentpkg.toml").replace(
        "lead = { registry = \"studio\" }",
        "lead = {registry=\"studio\"} # mine",
    );
    sandbox.write("project/agentpkg.toml", manifest);
    let before = sandbox.files();
    upstream(&sandbox, 2, HOOKS, "Leads better.", "newdep");
    let root = fs::canonicalize(sandbox.project("")).unwrap();
    let environment = Environment::within(root.clone(), &sandbox.path().join("home"));
    let session = Session::new(
        Project::at(&root, &environment).unwrap(),
        environment,
        Options {
            is_offline: true,
            ..Options::default()
        },
    );
    let options = InstallOptions {
        specs: vec!["studio/lead".to_owned()],
        ..InstallOptions::default()
    };
    let mut script = Script::new(&["skip"]);
    let _ = install(&session, &options, &mut script).unwrap();
    assert_eq!(script.asked, ["lead gain hooks"]);
    assert_eq!(sandbox.files(), before);
    is_whole(&sandbox, "olddep", "newdep");
    let _ = sandbox
        .run(&["install", "studio/lead", "--allow", "hooks"])
        .code(0);
    is_whole(&sandbox, "newdep", "olddep");
}

/// A lockfile in which a person or a merge lost one agent.
fn without(sandbox: &Sandbox, name: &str) -> String {
    let lock = sandbox.read("agentpkg.lock");
    let (kept, lost): (Vec<&str>, Vec<&str>) = lock.split("\n\n").partition(|part| {
        !part.contains(&format!("name = \"{name}\"")) && !part.contains(&format!("[agents.{name}]"))
    });
    assert_eq!(lost.len(), 1, "{lock}");
    kept.join("\n\n") + "\n"
}

#[test]
fn a_required_agent_that_is_not_locked_is_installed() {
    let sandbox = scene();
    sandbox.write("project/agentpkg.lock", without(&sandbox, "olddep"));
    fs::remove_file(sandbox.project(".claude/agents/olddep.md")).unwrap();
    let output = sandbox.run(&["check"]).code(4);
    assert!(
        output
            .stdout
            .contains("is required by lead, but not in agentpkg.lock"),
        "{}",
        output.stdout
    );
    let output = sandbox.run(&["install", "--locked"]).code(1);
    assert!(
        output
            .stderr
            .contains("`olddep`, which `lead` requires, is missing in it"),
        "{}",
        output.stderr
    );
    let output = sandbox.run(&["install"]).code(0);
    assert!(
        output.stderr.contains("Installed .claude/agents/olddep.md"),
        "{}",
        output.stderr
    );
    is_whole(&sandbox, "olddep", "newdep");
    let _ = sandbox.run(&["check"]).code(0);
    // An agent that the registry no longer has cannot be found anywhere.
    sandbox.write("project/agentpkg.lock", without(&sandbox, "olddep"));
    fs::remove_file(sandbox.project(".claude/agents/olddep.md")).unwrap();
    fs::remove_file(sandbox.path().join("studio/agents/olddep.md")).unwrap();
    let output = sandbox.run(&["install"]).code(1);
    assert!(
        output
            .stderr
            .contains("`lead` requires `olddep`, which is not locked"),
        "{}",
        output.stderr
    );
}
