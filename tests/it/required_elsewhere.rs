//! Agents that require others of other sources: consent, versions, clashes and cycles.

use crate::support::repo::RepoBuilder;
use crate::support::sandbox::Sandbox;

fn agent(name: &str, more: &str) -> String {
    format!(
        "---\nname: {name}\ndescription: Does {name}\ntools: Read{more}\n---\n\nText of {name}.\n"
    )
}

/// A project with the registries `studio` and `tools`, of which the first requires agents of a repository that the project does not know.
fn stage() -> (Sandbox, String) {
    let sandbox = Sandbox::in_memory();
    let mut repo = RepoBuilder::bare(&sandbox.path().join("other.git"));
    let _ = repo
        .file("agents/reviewer.md", agent("reviewer", ""))
        .file("agents/beside.md", agent("beside", ""))
        .file(
            "registry.toml",
            "[agents.reviewer]\nrequires = { agents = [\"beside\", \"studio/lead\"] }\n",
        );
    let _ = repo.commit("one");
    let _ = repo.tag("v1.2.0");
    let _ = repo.file("agents/reviewer.md", agent("reviewer", ", Grep"));
    let _ = repo.commit("two");
    let _ = repo.tag("v2.0.0");
    let url = format!("file://{}", sandbox.path().join("other.git").display());
    let requires = format!(
        "[agents.lead]\nrequires = {{ agents = [\"tools/helper\", \"{url}#reviewer@^1\"] }}\n[agents.broken]\nrequires = {{ agents = [\"./x#y\"] }}\n"
    );
    let _ = sandbox
        .write("studio/registry.toml", requires)
        .write(
            "studio/agents/lead.md",
            agent("lead", ", Agent(helper), Agent(second)"),
        )
        .write("studio/agents/second.md", agent("second", ""))
        .write("studio/agents/broken.md", agent("broken", ""))
        .write("tools/agents/helper.md", agent("helper", ""));
    for name in ["studio", "tools"] {
        let folder = format!("../{name}");
        let _ = sandbox
            .run(&["registry", "add", &folder, "--name", name])
            .code(0);
    }
    (sandbox, url)
}

#[test]
fn a_source_that_the_project_does_not_know_needs_consent() {
    let (sandbox, url) = stage();
    let before = sandbox.files();
    let refused = sandbox.run(&["install", "studio/lead"]).code(4);
    for text in [
        "`lead` requires `reviewer` from",
        "which this project does not know",
        &format!("agentpkg install {url}#reviewer@^1"),
    ] {
        assert!(refused.stderr.contains(text), "{text}: {}", refused.all());
    }
    assert_eq!(sandbox.files(), before);
    let dry = sandbox
        .run(&["install", "studio/lead", "--dry-run"])
        .code(0);
    assert!(
        dry.stderr.contains("you would be asked about it"),
        "{}",
        dry.all()
    );
    let yes = sandbox
        .run(&["install", "studio/lead", "studio/second", "--yes"])
        .code(4);
    assert!(
        !sandbox.project(".claude/agents/lead.md").exists(),
        "{}",
        yes.all()
    );
    assert!(
        sandbox.project(".claude/agents/second.md").exists(),
        "{}",
        yes.all()
    );
}

#[test]
fn agents_of_three_sources_that_require_each_other_are_installed_together() {
    let (sandbox, url) = stage();
    let spec = format!("{url}#reviewer@^1");
    let output = sandbox
        .run(&["install", "studio/lead", &spec, "--json"])
        .code(0)
        .json();
    let offers = output["offers"].as_array().unwrap();
    assert_eq!(offers.len(), 1, "{output}");
    assert_eq!(offers[0]["spec"], "studio/second");
    for name in ["lead", "helper", "reviewer", "beside"] {
        assert!(
            sandbox
                .project(&format!(".claude/agents/{name}.md"))
                .exists(),
            "{name}"
        );
    }
    assert!(!sandbox.project(".claude/agents/second.md").exists());
    let lock = sandbox.read("agentpkg.lock");
    for text in [
        "requires = [\"helper\", \"reviewer\"]",
        "requires = [\"beside\", \"lead\"]",
        "version = \"1.2.0\"",
    ] {
        assert!(lock.contains(text), "{text}: {lock}");
    }
    let lead = sandbox.read("agentpkg.toml");
    assert!(!lead.contains("helper"), "{lead}");
    let _ = sandbox.run(&["update"]).code(0);
    assert_eq!(sandbox.read("agentpkg.lock"), lock);
    // What only another agent required goes with it.
    let _ = sandbox.run(&["remove", "lead", "reviewer"]).code(0);
    assert!(!sandbox.project(".claude/agents/helper.md").exists());
}

#[test]
fn a_clash_is_explained_with_both_chains() {
    let (sandbox, url) = stage();
    let newer = format!("{url}#reviewer@=2.0.0");
    let clash = sandbox.run(&["install", &newer, "studio/lead"]).code(1);
    for text in [
        "`reviewer` is wanted at two versions",
        "2.0.0, wanted by the command line",
        "^1, wanted by the command line -> lead",
    ] {
        assert!(clash.stderr.contains(text), "{text}: {}", clash.all());
    }
    let _ = sandbox.write("more/agents/helper.md", agent("helper", ", Glob"));
    let spec = format!("{url}#reviewer@^1");
    let both = sandbox
        .run(&["install", "../more#helper", "studio/lead", &spec])
        .code(1);
    for text in [
        "two different agents would be installed as `helper`",
        "../more",
        "../tools",
    ] {
        assert!(both.stderr.contains(text), "{text}: {}", both.all());
    }
    let broken = sandbox.run(&["install", "studio/broken"]).code(1);
    assert!(
        broken
            .stderr
            .contains("a path means nothing on another machine"),
        "{}",
        broken.all()
    );
}
