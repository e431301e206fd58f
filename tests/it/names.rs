//! Names of any script, from the source to the project and back.

use crate::support::sandbox::Sandbox;

fn agent(name: &str) -> String {
    format!("---\nname: {name}\ndescription: Looks at {name}\ntools: Read\n---\n\nText.\n")
}

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["代码审查", "рецензент", "コードレビュー", "cafe\u{301}"] {
        sandbox.write(&format!("upstream/agents/{name}.md"), agent(name));
    }
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "studio"])
        .code(0);
    sandbox
}

#[test]
fn agents_of_any_script_are_installed_found_and_removed() {
    let sandbox = scene();
    for spec in [
        "studio/代码审查",
        "РЕЦЕНЗЕНТ",
        "../upstream#コードレビュー",
        "studio/café",
    ] {
        let _ = sandbox.run(&["install", spec, "-q"]).code(0);
    }
    for name in ["代码审查", "рецензент", "コードレビュー", "café"] {
        assert!(
            sandbox
                .project(&format!(".claude/agents/{name}.md"))
                .exists(),
            "{name}"
        );
        for file in ["agentpkg.toml", "agentpkg.lock"] {
            assert!(sandbox.read(file).contains(name), "{name} in {file}");
        }
    }
    let listed = sandbox.run(&["list", "--json"]).code(0).json();
    assert_eq!(listed["agents"].as_array().unwrap().len(), 4);
    let found = sandbox.run(&["search", "рецен"]).code(0);
    assert!(found.stdout.contains("рецензент"), "{}", found.all());
    let _ = sandbox.run(&["install", "--locked"]).code(0);
    let _ = sandbox.run(&["remove", "Рецензент", "-q"]);
    let _ = sandbox
        .run(&["install", "studio/代码审查", "--as", "审查", "-q"])
        .code(0);
    assert!(
        sandbox
            .read(".claude/agents/审查.md")
            .starts_with("---\nname: 审查\n")
    );
    let _ = sandbox.run(&["remove", "审查", "café", "-q"]).code(0);
    assert!(!sandbox.project(".claude/agents/café.md").exists());
}

#[test]
fn names_that_are_equal_in_another_form_collide() {
    let sandbox = scene();
    sandbox.write("upstream/agents/review.md", agent("review"));
    let _ = sandbox
        .run(&["install", "studio/рецензент", "studio/review", "-q"])
        .code(0);
    for (spec, name) in [
        ("studio/代码审查", "Рецензент"),
        ("studio/café", "ＲＥＶＩＥＷ"),
    ] {
        let refused = sandbox.run(&["install", spec, "--as", name]).code(1);
        assert!(refused.stderr.contains("are one file"), "{}", refused.all());
    }
    for hidden in ["a\u{200b}b", "a\u{202e}b", "\u{2066}a"] {
        let refused = sandbox.run(&["install", "studio/café", "--as", hidden]);
        assert_ne!(refused.code, 0, "{hidden:?}");
    }
}

#[test]
fn letters_that_look_alike_are_warned_about() {
    let sandbox = scene();
    let name = "p\u{430}yment";
    sandbox.write("upstream/agents/x.md", agent(name));
    let said = sandbox.run(&["install", &format!("studio/{name}")]).code(0);
    let warning = "Latin and Cyrillic letters in one word";
    assert!(said.stderr.contains(warning), "{}", said.all());
    let checked = sandbox.run(&["check", "--project-only"]);
    assert!(checked.all().contains(warning), "{}", checked.all());
    let renamed = sandbox
        .run(&["install", &format!("studio/{name}"), "--as", "payments"])
        .code(0);
    assert!(!renamed.stderr.contains(warning), "{}", renamed.all());
}
