//! Overrides of agents that are installed only because another one requires them.

use super::{project, run};
use crate::support::sandbox::Sandbox;

const HELPER: &str = ".claude/agents/helper.md";

fn upstream(sandbox: &Sandbox, text: &str) {
    let agent = |name: &str| {
        format!(
            "---\nname: {name}\ndescription: Does it.\ntools: Read, Bash\nmodel: opus\n---\n{text}\n"
        )
    };
    sandbox
        .write("studio/agents/lead.md", agent("lead"))
        .write("studio/agents/helper.md", agent("helper"))
        .write(
            "studio/registry.toml",
            "name = \"studio\"\n\n[agents.lead]\nrequires = { agents = [\"helper\"] }\n",
        );
}

/// A project with an agent that requires another one.
fn installed() -> Sandbox {
    project("lead", |sandbox| upstream(sandbox, "Do."))
}

fn is_haiku(sandbox: &Sandbox) -> bool {
    sandbox.read(HELPER).contains("model: haiku")
}

#[test]
fn a_required_agent_has_overrides_and_stays_required() {
    let sandbox = installed();
    let files = [HELPER, "agentpkg.toml", "agentpkg.lock"];
    let before = files.map(|file| sandbox.read(file));
    let _ = run(&sandbox, "set helper model=haiku tools-=Bash", 0);
    let manifest = sandbox.read("agentpkg.toml");
    let section =
        "\n[overrides]\nhelper = { model = \"haiku\", tools = { remove = [\"Bash\"] } }\n";
    assert_eq!(manifest, format!("{}{section}", before[1]));
    for line in ["install --locked", "install", "status --check", "check"] {
        let said = run(&sandbox, line, 0);
        assert!(is_haiku(&sandbox), "{line}: {said}");
    }
    upstream(&sandbox, "Do more.");
    let _ = run(&sandbox, "update", 0);
    assert!(is_haiku(&sandbox) && sandbox.read(HELPER).contains("Do more."));
    upstream(&sandbox, "Do.");
    let _ = run(&sandbox, "update", 0);
    let said = run(&sandbox, "unset helper model tools", 4);
    assert!(said.contains("+ Bash"), "{said}");
    let _ = run(&sandbox, "unset helper model tools --allow Bash", 0);
    assert_eq!(files.map(|file| sandbox.read(file)), before);
    // It leaves with the one that requires it, and so do its overrides.
    let _ = run(&sandbox, "set helper model=haiku", 0);
    let _ = run(&sandbox, "remove lead", 0);
    assert!(!sandbox.project(HELPER).exists());
    assert!(!sandbox.read("agentpkg.toml").contains("overrides"));
    let _ = run(&sandbox, "undo", 0);
    assert!(is_haiku(&sandbox) && sandbox.read("agentpkg.toml").contains("[overrides]"));
}

#[test]
fn undo_takes_the_overrides_of_a_required_agent_back() {
    for undo in ["undo", "undo helper"] {
        let sandbox = installed();
        let before = sandbox.files();
        let _ = run(&sandbox, "set helper model=haiku", 0);
        let _ = run(&sandbox, undo, 0);
        let text = |files: &[(String, Vec<u8>)]| -> Vec<(String, Vec<u8>)> {
            let is_kept = |(path, _): &&(String, Vec<u8>)| !path.starts_with(".agentpkg");
            files.iter().filter(is_kept).cloned().collect()
        };
        assert_eq!(text(&sandbox.files()), text(&before), "{undo}");
    }
}

#[test]
fn overrides_go_with_an_agent_that_becomes_the_projects_own_and_back() {
    let sandbox = installed();
    let _ = run(&sandbox, "set helper model=haiku", 0);
    let required = sandbox.read("agentpkg.toml");
    let _ = run(&sandbox, "install helper", 0);
    let manifest = sandbox.read("agentpkg.toml");
    assert!(
        manifest.contains("helper = { registry = \"studio\", model = \"haiku\" }"),
        "{manifest}"
    );
    assert!(is_haiku(&sandbox) && !manifest.contains("[overrides]"));
    let _ = run(&sandbox, "remove helper", 0);
    assert_eq!(sandbox.read("agentpkg.toml"), required);
    let _ = run(&sandbox, "status --check", 0);
}

#[test]
fn what_makes_no_sense_there_is_said_with_its_line() {
    let sandbox = installed();
    let text = sandbox.read("agentpkg.toml");
    for (section, words) in [
        (
            "lead = { model = \"haiku\" }",
            "`lead` has an entry in `[agents]`",
        ),
        (
            "helper = { registry = \"studio\" }",
            "`registry` cannot be overridden",
        ),
        ("helper = { modle = \"haiku\" }", "did you mean `model`?"),
        ("helper = \"haiku\"", "is a table"),
        ("helper = { effort = \"much\" }", "it takes low"),
    ] {
        sandbox.write(
            "project/agentpkg.toml",
            format!("{text}\n[overrides]\n{section}\n"),
        );
        let said = run(&sandbox, "install", 1);
        assert!(
            said.contains(words) && said.contains("agentpkg.toml:"),
            "{section}: {said}"
        );
    }
    sandbox.write(
        "project/agentpkg.toml",
        format!("{text}\n[overrides]\nnobody = {{ model = \"haiku\" }}\n"),
    );
    let said = run(&sandbox, "check", 0);
    assert!(
        said.contains("nobody: has overrides in agentpkg.toml, but no agent requires it"),
        "{said}"
    );
    sandbox.write("project/agentpkg.toml", format!("{text}\n[override]\n"));
    assert!(run(&sandbox, "install", 0).contains("did you mean `overrides`?"));
    sandbox.write("project/agentpkg.toml", text);
    let said = run(&sandbox, "set helpr model=haiku", 1);
    assert!(said.contains("did you mean `helper`?"), "{said}");
}
