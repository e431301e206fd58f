//! Addresses as people paste them: pages of a host, and the words of other tools.

use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

fn agent(name: &str) -> String {
    format!("---\nname: {name}\ndescription: Does {name}\n---\n\nBody.\n")
}

fn serve(sandbox: &Sandbox) -> Option<(RepoBuilder, Server)> {
    hermetic_git(sandbox.path())?;
    let mut repo = RepoBuilder::bare(&sandbox.path().join("srv/acme/agents"));
    repo.file("team/planner.md", agent("planner"))
        .file("more/one.md", agent("one"))
        .file("more/two.md", agent("two"));
    let _ = repo.commit("first");
    let _ = repo.tag("v1.0.0").branch("feature/new").branch("feature-2");
    Some((repo, Server::start(&sandbox.path().join("srv"))))
}

#[test]
fn a_page_is_taken_and_said() {
    let sandbox = Sandbox::new();
    let Some((_, server)) = serve(&sandbox) else {
        return;
    };
    let url = server.url("acme/agents").as_str().to_owned();
    for (page, spec) in [
        ("blob/main/team/planner.md", "team/planner.md@main"),
        ("blob/main/team/planner.md#L10-L20", "team/planner.md@main"),
        ("blob/main/team/planner.md?plain=1", "team/planner.md@main"),
        ("blob/HEAD/team/planner.md", "team/planner.md"),
        ("-/blob/v1.0.0/team/planner.md", "team/planner.md@v1.0.0"),
        ("-/raw/main/team/planner.md", "team/planner.md@main"),
        ("src/branch/main/team/planner.md", "team/planner.md@main"),
        ("tree/main/team", "team/@main"),
        ("tree/main/more#one", "more/one.md@main"),
        ("-/tree/main/team?ref_type=heads", "team/@main"),
        // The longest reference that exists.
        (
            "blob/feature/new/team/planner.md",
            "team/planner.md@feature/new",
        ),
        ("tree/feature/new/team", "team/@feature/new"),
    ] {
        let output = sandbox.run(&["install", &format!("{url}/{page}")]).code(0);
        let expected = format!("{url}#{spec}");
        assert!(
            output.stderr.contains(&expected),
            "{page}: {}",
            output.all()
        );
        let (name, file) = if spec.starts_with("more") {
            ("one", "more/one.md")
        } else {
            ("planner", "team/planner.md")
        };
        let manifest = sandbox.read("agentpkg.toml");
        assert!(manifest.contains(file), "{page}: {manifest}");
        // What it says can be pasted, and means the same.
        let again = sandbox.run(&["install", &expected]).code(0);
        assert!(again.all().contains("Unchanged"), "{page}: {}", again.all());
        assert_eq!(sandbox.read("agentpkg.toml"), manifest, "{page}");
        let _ = sandbox.run(&["info", &format!("{url}/{page}")]).code(0);
        let _ = sandbox.run(&["remove", name]).code(0);
    }
    // All of it.
    let page = format!("{url}/tree/main");
    let _ = sandbox.run(&["install", &page, "--all"]).code(0);
    assert!(sandbox.project(".claude/agents/two.md").exists());
    let _ = sandbox.run(&["remove", "one", "two"]).code(0);
    let page = format!("{url}/tree/main/more");
    let _ = sandbox.run(&["install", &page, "--all"]).code(0);
    assert!(sandbox.project(".claude/agents/two.md").exists());
}

#[test]
fn a_page_that_cannot_be_taken_says_what_to_write() {
    let sandbox = Sandbox::new();
    let Some((_, server)) = serve(&sandbox) else {
        return;
    };
    let url = server.url("acme/agents").as_str().to_owned();
    // Which of two agents is meant is a question that nobody answers here.
    for (page, code, words) in [
        (
            "blob/nothing/team/planner.md",
            1,
            vec!["branches: feature-2, feature/new, main", "/blob/nothing"],
        ),
        (
            "tree/main/more",
            4,
            vec!["2 agents", "#more/one.md@main", "#more/two.md@main"],
        ),
        ("tree/main/nothing", 1, vec!["no agents in `nothing/`"]),
        ("blob/main/team/nothing.md", 1, vec!["nothing.md"]),
    ] {
        let output = sandbox
            .run(&["install", &format!("{url}/{page}")])
            .code(code);
        for word in words {
            assert!(output.stderr.contains(word), "{page}: {}", output.stderr);
        }
    }
    let page = format!("{url}/tree/main/team");
    let said = sandbox.run(&["registry", "add", &page]).code(2).stderr;
    assert!(
        said.contains("is a page") && said.contains(&format!("write `{url}`")),
        "{said}"
    );
}

#[test]
fn a_source_that_is_written_in_part_is_answered_with_the_whole() {
    let sandbox = Sandbox::new();
    for (text, instead) in [
        ("acme/agents", "gh:acme/agents"),
        (
            "host.example/acme/agents",
            "https://host.example/acme/agents",
        ),
        ("gh:acme/agents/team", "gh:acme/agents"),
        ("https://github.com/acme/agents/pulls", "gh:acme/agents"),
    ] {
        for command in [&["registry", "add"][..], &["list", "--available"]] {
            let arguments = [command, &[text]].concat();
            let said = sandbox.run(&arguments).code(2).stderr;
            assert!(said.contains(instead), "{text}: {said}");
        }
    }
    let said = sandbox.run(&["install", "alias:agents"]).code(1).stderr;
    assert!(said.contains("`alias:agents#NAME`"), "{said}");
}

/// Without a host, a scheme or a `#`, nothing is fetched: a typo of REGISTRY/NAME must not reach a stranger.
#[test]
fn what_may_be_a_repository_is_not_guessed() {
    let sandbox = Sandbox::new();
    for (text, instead) in [
        ("acme/agents", "gh:acme/agents#NAME"),
        ("acme/agents/planner", "gh:acme/agents#planner"),
        (
            "acme/agents/team/planner.md",
            "gh:acme/agents#team/planner.md",
        ),
        ("acme/agents#planner", "gh:acme/agents#planner"),
        (
            "host.example/acme/agents#planner",
            "https://host.example/acme/agents#planner",
        ),
    ] {
        let output = sandbox.run(&["install", text]);
        assert!(matches!(output.code, 1 | 2), "{text}: {}", output.all());
        assert!(
            output.stderr.contains(&format!("`{instead}`")),
            "{text}: {}",
            output.stderr
        );
        let pasted = sandbox.run(&["install", instead, "--offline"]).code(1);
        assert!(
            pasted.stderr.contains("--offline"),
            "{instead}: {}",
            pasted.stderr
        );
    }
}

/// An address with a password may be pasted; what is said about it ends up in logs.
#[test]
fn a_password_is_never_repeated() {
    let sandbox = Sandbox::new();
    let address = "https://me:pass-of-mine@host.example/acme/agents";
    let spec = format!("{address}#planner");
    for line in [
        &["install", &spec][..],
        &["install", address, "--json"],
        &["info", &spec],
        &["registry", "add", address],
        &["registry", "add", address, "--json"],
        &["registry", "remove", address],
        &["list", "--available", address],
        &["update", address],
        &["remove", address],
        &["search", address],
    ] {
        let output = sandbox.run(line);
        assert!(
            !output.all().contains("pass-of-mine"),
            "{line:?}: {}",
            output.all()
        );
    }
    let manifest = format!("[agents]\nplanner = {{ git = \"{address}\" }}\n");
    sandbox.write("project/agentpkg.toml", manifest);
    for line in [&["install"][..], &["check"], &["status", "--json"]] {
        let output = sandbox.run(line);
        assert!(
            !output.all().contains("pass-of-mine"),
            "{line:?}: {}",
            output.all()
        );
    }
}

#[test]
fn a_letter_before_a_colon_is_a_drive() {
    let sandbox = Sandbox::new();
    for text in [
        "C:/agents/planner.md",
        "c:planner.md",
        "C:\\agents\\planner.md",
    ] {
        let said = sandbox.run(&["install", text]).code(1).stderr;
        assert!(
            said.contains("there is no file") && said.contains("drive") == cfg!(not(windows)),
            "{text}: {said}"
        );
    }
}
