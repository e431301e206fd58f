//! Registries of every kind: folders, `file://`, smart HTTP; unprepared layouts; caches that were damaged.

use std::fs;
use std::path::Path;

use crate::support::http::{Fault, Server};
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

fn agent(name: &str) -> String {
    format!("---\nname: {name}\ndescription: Does what {name} does\n---\n\nBody of {name}.\n")
}

/// A served repository with three agents and many files that are none.
fn serve(sandbox: &Sandbox) -> Option<(RepoBuilder, Server)> {
    hermetic_git(sandbox.path())?;
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("srv/agents.git"));
    upstream
        .file("agents/planner.md", agent("planner"))
        .file("02-data/modeller.md", agent("Data Modeller"));
    upstream.file(
        "plugins/p/agents/extra.md",
        "---\ndescription: An extra one\n---\nb\n",
    );
    for (path, text) in [
        ("README.md", agent("readme")),
        ("02-data/README.md", agent("readme")),
        ("skills/s/SKILL.md", agent("skill")),
        ("commands/go.md", agent("go")),
        ("docs/page.md", agent("page")),
        ("notes.md", "# Notes\n\nNothing.\n".to_owned()),
    ] {
        upstream.file(path, text);
    }
    upstream.symlink("agents/link.md", "/etc/passwd");
    upstream.commit("first");
    upstream.tag("v1.0.0");
    Some((upstream, Server::start(&sandbox.path().join("srv"))))
}

fn offered(sandbox: &Sandbox, source: &str) -> Vec<String> {
    let json = sandbox
        .run(&["list", "--available", source, "--json"])
        .code(0)
        .json();
    json["sources"][0]["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn only_agents_are_offered_wherever_they_stand() {
    let sandbox = Sandbox::new();
    let Some((upstream, server)) = serve(&sandbox) else {
        return;
    };
    let expected = ["data-modeller", "extra", "planner"];
    for source in [
        server.url("agents.git").as_str().to_owned(),
        upstream.url().as_str().to_owned(),
        upstream.path().display().to_string(),
    ] {
        assert_eq!(offered(&sandbox, &source), expected, "{source}");
    }
}

#[test]
fn an_agent_from_http_installs_and_then_needs_no_network() {
    let sandbox = Sandbox::new();
    let Some((mut upstream, server)) = serve(&sandbox) else {
        return;
    };
    let url = server.url("agents.git").as_str().to_owned();
    let _ = sandbox
        .run(&["registry", "add", &url, "--name", "studio"])
        .code(0);
    let _ = sandbox
        .run(&["install", "studio/data-modeller", "planner"])
        .code(0);
    assert!(
        sandbox
            .read(".claude/agents/data-modeller.md")
            .contains("name: Data Modeller\n")
    );
    assert!(!server.requests().is_empty());
    let _ = sandbox.run(&["install", "--locked"]).code(0);
    fs::remove_dir_all(sandbox.project(".claude")).unwrap();
    fs::remove_dir_all(sandbox.project(".agentpkg")).unwrap();
    let _ = sandbox.run(&["install", "--locked", "--offline"]).code(0);
    assert_eq!(server.requests().len(), 0, "the server was not asked again");

    upstream
        .file("agents/planner.md", agent("planner") + "More.\n")
        .commit("second");
    upstream.tag("v2.0.0");
    let _ = sandbox.run(&["registry", "refresh"]).code(0);
    let _ = sandbox
        .run(&["install", "studio/planner@^1", "--as", "old-planner"])
        .code(0);
    assert!(
        !sandbox
            .read(".claude/agents/old-planner.md")
            .contains("More.")
    );
    let _ = sandbox
        .run(&["install", "studio/planner@v2.0.0", "--as", "new-planner"])
        .code(0);
    assert!(
        sandbox
            .read(".claude/agents/new-planner.md")
            .contains("More.")
    );
    let output = sandbox
        .run(&["install", "studio/planner@^9", "--as", "x"])
        .code(1);
    assert!(
        output.stderr.contains("no version matching `^9`")
            && output.stderr.contains("newest: v2.0.0, v1.0.0"),
        "{}",
        output.stderr
    );
}

#[test]
fn two_addresses_that_differ_little_are_two_caches() {
    let sandbox = Sandbox::new();
    let Some((_, server)) = serve(&sandbox) else {
        return;
    };
    let mut other = RepoBuilder::bare(&sandbox.path().join("srv/Agents.git"));
    other
        .file(
            "agents/planner.md",
            agent("planner").replace("Body", "Other body"),
        )
        .commit("first");
    let url = |name: &str| format!("{}#planner", server.url(name).as_str());
    let _ = sandbox.run(&["install", &url("agents.git")]).code(0);
    let _ = sandbox
        .run(&["install", &url("Agents.git"), "--as", "other"])
        .code(0);
    assert!(
        sandbox
            .read(".claude/agents/other.md")
            .contains("Other body")
    );
}

#[test]
fn a_failing_server_leaves_everything_as_it_was() {
    let sandbox = Sandbox::new();
    let Some((_, server)) = serve(&sandbox) else {
        return;
    };
    let spec = format!("{}#planner", server.url("agents.git").as_str());
    for fault in [Fault::Status(404), Fault::Truncate(300), Fault::Garbage] {
        server.fault(fault);
        let output = sandbox.run(&["install", &spec]).code(1);
        assert!(output.stderr.contains("hint"), "{}", output.stderr);
        assert!(!sandbox.project(".claude").exists() && !sandbox.project("agentpkg.toml").exists());
    }
    server.fault(Fault::None);
    let _ = sandbox.run(&["install", &spec]).code(0);
}

/// Every file below a folder.
#[test]
fn registries_are_asked_at_the_same_time() {
    let sandbox = Sandbox::new();
    let Some((_, server)) = serve(&sandbox) else {
        return;
    };
    let mut manifest = "[registries]\n".to_owned();
    for name in ["one", "two", "three"] {
        let mut upstream = RepoBuilder::bare(&sandbox.path().join(format!("srv/{name}.git")));
        upstream
            .file("agents/planner.md", agent(&format!("planner-{name}")))
            .commit("first");
        manifest.push_str(&format!(
            "{name} = {{ git = \"{}\" }}\n",
            server.url(&format!("{name}.git")).as_str()
        ));
    }
    manifest.push_str(&format!(
        "gone = {{ git = \"{}\" }}\n",
        server.url("gone.git").as_str()
    ));
    sandbox.write("project/agentpkg.toml", manifest);
    server.fault(Fault::Together(4));
    let output = sandbox.run(&["registry", "refresh"]).code(1);
    for name in ["one", "two", "three"] {
        assert!(
            output
                .stdout
                .lines()
                .any(|line| line.contains(name) && line.contains("1 agent\t")),
            "{}",
            output.all()
        );
    }
    assert!(
        output.stderr.contains("no repository at"),
        "one that cannot be reached does not keep the others: {}",
        output.all()
    );
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn a_damaged_cache_is_mended_and_never_trusted() {
    let sandbox = Sandbox::new();
    let Some((_, server)) = serve(&sandbox) else {
        return;
    };
    let url = server.url("agents.git").as_str().to_owned();
    let spec = format!("{url}#planner");
    let cache = sandbox.path().join("home/.cache/agentpkg");
    let wanted = agent("planner");
    let install = |project: &str| {
        let project = sandbox.path().join(project);
        fs::create_dir_all(&project).unwrap();
        let output = sandbox.run(&["-C", project.to_str().unwrap(), "install", &spec]);
        let installed = fs::read_to_string(project.join(".claude/agents/planner.md")).ok();
        (output, installed)
    };
    let _ = install("p0").0.code(0);
    let mut paths = Vec::new();
    files(&cache, &mut paths);
    assert!(paths.len() > 5, "the cache has parts to damage");
    for (index, path) in paths.iter().enumerate() {
        for (kind, damage) in [("truncated", 0), ("flipped", 1), ("deleted", 2)] {
            let Ok(bytes) = fs::read(path) else { continue };
            let _ = fs::remove_file(path);
            match damage {
                0 => fs::write(path, &bytes[..bytes.len() / 2]).unwrap(),
                1 => fs::write(
                    path,
                    bytes
                        .iter()
                        .enumerate()
                        .map(|(at, byte)| {
                            if at == bytes.len() / 2 {
                                byte ^ 0x55
                            } else {
                                *byte
                            }
                        })
                        .collect::<Vec<_>>(),
                )
                .unwrap(),
                _ => {}
            }
            let (output, installed) = install(&format!("p{index}-{damage}"));
            assert_eq!(
                (output.code, installed.as_deref()),
                (0, Some(wanted.as_str())),
                "{} {kind}: {}",
                path.display(),
                output.all()
            );
        }
    }
}
