//! Public registries that are known by name, and those of the user.

use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::{Output, Sandbox, finish};

const AGENT: &str = "---\nname: rails-guide\ndescription: Knows Rails\ntools: Read\n---\n\nText.\n";

/// A sandbox with a list of two public registries, of which one is there.
fn stage() -> Option<(Sandbox, Server)> {
    let sandbox = Sandbox::in_memory();
    hermetic_git(sandbox.path())?;
    let mut repo = RepoBuilder::bare(&sandbox.path().join("srv/acme/public"));
    let _ = repo.file("agents/rails-guide.md", AGENT);
    let _ = repo.commit("one");
    let server = Server::start(&sandbox.path().join("srv"));
    let url = |name: &str| server.url(&format!("acme/{name}")).as_str().to_owned();
    let list = format!(
        "[[registry]]\nname = \"public\"\nsource = \"{}\"\n\n[[registry]]\nname = \"away\"\nsource = \"{}\"\n",
        url("public"),
        url("away")
    );
    let _ = sandbox.write("known.toml", list);
    Some((sandbox, server))
}

fn run(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let known = sandbox.path().join("known.toml");
    let mut command = sandbox.command();
    finish(command.args(arguments).env("AGENTPKG_KNOWN_FILE", known))
}

#[test]
fn public_registries_are_searched_when_that_is_asked_for() {
    let Some((sandbox, server)) = stage() else {
        return;
    };
    let url = server.url("acme/public").as_str().to_owned();
    let nothing = run(&sandbox, &["search", "rails"]).code(0);
    let hint = "Not in your registries; `agentpkg search rails --known` looks in 2 public ones (fetches them).";
    assert!(nothing.stderr.contains(hint), "{}", nothing.all());
    let refused = run(&sandbox, &["search", "rails", "--known"]).code(4);
    for text in [
        "2 public registries would have to be fetched",
        "public, away",
        "add `--yes`",
    ] {
        assert!(refused.stderr.contains(text), "{text}: {}", refused.all());
    }
    let offline = run(&sandbox, &["search", "rails", "--known", "--offline"]).code(0);
    assert!(
        offline.stderr.contains("cannot be searched offline"),
        "{}",
        offline.all()
    );
    let found = run(&sandbox, &["search", "rails", "--known", "--yes"]).code(0);
    assert!(found.stdout.contains("rails-guide"), "{}", found.all());
    assert_eq!(
        found.stderr.matches("could not search `away`").count(),
        1,
        "{}",
        found.all()
    );
    let install = format!("`agentpkg install {url}#rails-guide`");
    assert!(found.stderr.contains(&install), "{}", found.all());
    // Without the option nothing public is looked into.
    let own = run(&sandbox, &["search", "rails", "--json"]).json();
    assert!(!own.to_string().contains("acme/public"), "{own}");
    let _ = run(&sandbox, &["install", &format!("{url}#rails-guide")]).code(0);
}

#[test]
fn a_public_registry_is_added_by_its_name() {
    let Some((sandbox, _server)) = stage() else {
        return;
    };
    let _ = run(&sandbox, &["registry", "add", "public"]).code(0);
    let manifest = sandbox.read("agentpkg.toml");
    assert!(manifest.contains("acme/public"), "{manifest}");
    let _ = sandbox.run(&["install", "public/rails-guide"]).code(0);
}

#[test]
fn registries_of_the_user_are_there_in_every_project() {
    let sandbox = Sandbox::in_memory();
    let _ = sandbox.write("mine/agents/rails-guide.md", AGENT);
    let mine = sandbox.path().join("mine").display().to_string();
    let _ = sandbox
        .run(&["--user", "registry", "add", &mine, "--name", "mine"])
        .code(0);
    let found = sandbox.run(&["search", "rails", "--json"]).json();
    assert_eq!(found["agents"][0]["spec"], "mine/rails-guide");
    let listed = sandbox.run(&["list", "--available", "mine"]).code(0);
    assert!(listed.stdout.contains("rails-guide"), "{}", listed.all());
    // What the manifest says does not depend on who reads it.
    let _ = sandbox.write("project/agentpkg.toml", "[agents]\nrails-guide = \"*\"\n");
    let absent = sandbox.run(&["install"]).code(1);
    assert!(absent.stderr.contains("no agent named"), "{}", absent.all());
    let _ = sandbox.write("project/agentpkg.toml", "");
    let _ = sandbox.run(&["install", "mine/rails-guide"]).code(0);
    let manifest = sandbox.read("agentpkg.toml");
    assert!(
        manifest.contains("[registries]") && manifest.contains(&format!("path = \"{mine}\"")),
        "{manifest}"
    );
    // From now on nothing depends on the user's registries.
    let _ = sandbox
        .run(&["--user", "registry", "remove", "mine"])
        .code(0);
    let _ = sandbox.run(&["install"]).code(0);
    let _ = sandbox.run(&["update"]).code(0);
}
