//! Faults that a tester found in commands that were thought to be right: each is told in the tester's steps.

use crate::support::http::{Fault, Server};
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

fn agent(name: &str, tools: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Agent {name}\ntools: {tools}\n---\n\n{text}\n")
}

fn put(sandbox: &Sandbox, registry: &str, name: &str, text: &str) {
    sandbox.write(
        &format!("{registry}/agents/{name}.md"),
        agent(name, "Read", text),
    );
}

fn require(sandbox: &Sandbox, registry: &str, by: &str, name: &str) {
    let text = format!("[agents.{by}]\nrequires = {{ agents = [\"{name}\"] }}\n");
    sandbox.write(&format!("{registry}/registry.toml"), text);
}

/// A registry with an agent and one that it requires.
fn led() -> Sandbox {
    let sandbox = Sandbox::new();
    put(&sandbox, "studio", "lead", "One.");
    put(&sandbox, "studio", "helper", "One.");
    require(&sandbox, "studio", "lead", "helper");
    let _ = run(&sandbox, "registry add ../studio", 0);
    sandbox
}

fn run(sandbox: &Sandbox, line: &str, code: i32) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    sandbox.run(&words).code(code).all()
}

fn in_folder(sandbox: &Sandbox, folder: &str, line: &str, code: i32) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let mut command = sandbox.command();
    command.current_dir(sandbox.project(folder)).args(&words);
    crate::support::sandbox::finish(&mut command)
        .code(code)
        .all()
}

#[test]
fn a_typed_path_is_one_folder_to_every_command() {
    let sandbox = Sandbox::new();
    put(&sandbox, "project/acme", "wrong", "Wrong.");
    put(&sandbox, "project/sub/acme", "right", "Right.");
    let _ = run(&sandbox, "init", 0);
    for line in [
        "list --available ./acme",
        "info ./acme#right",
        "install ./acme#right --dry-run",
        "registry add ./acme",
    ] {
        let said = in_folder(&sandbox, "sub", line, 0);
        assert!(!said.contains("wrong"), "{line}: {said}");
    }
    assert!(sandbox.read("agentpkg.toml").contains("./sub/acme"));
    let _ = in_folder(&sandbox, "sub", "install right", 0);
}

#[test]
fn info_of_a_version_that_there_is_not_is_an_error() {
    let sandbox = Sandbox::new();
    put(&sandbox, "studio", "planner", "One.");
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install planner", 0);
    for line in ["info planner@^9", "info studio/planner@^9"] {
        let said = run(&sandbox, line, 1);
        assert!(said.contains("error:"), "{line}: {said}");
    }
    let _ = run(&sandbox, "info planner", 0);
}

#[test]
fn a_registry_that_the_manifest_needs_is_not_removed() {
    let sandbox = led();
    let manifest = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        format!("{manifest}\n[agents]\nlead = {{ registry = \"studio\" }}\n"),
    );
    let said = run(&sandbox, "registry remove studio", 1);
    assert!(said.contains("in use by lead"), "{said}");
    // What is only required is not named in the hint, which would fail.
    let _ = run(&sandbox, "install", 0);
    let said = run(&sandbox, "registry remove studio", 1);
    assert!(
        said.contains("`agentpkg remove lead --keep-file`"),
        "{said}"
    );
    let _ = run(&sandbox, "remove lead", 0);
    let _ = run(&sandbox, "registry remove studio", 0);
}

#[test]
fn a_server_stays_while_an_agent_that_needs_it_has_lost_its_file() {
    let sandbox = Sandbox::new();
    for name in ["one", "two"] {
        let tools = "Read, mcp__context7__resolve-library-id";
        sandbox.write(
            &format!("studio/agents/{name}.md"),
            agent(name, tools, "It."),
        );
    }
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install one two --mcp add", 0);
    std::fs::remove_file(sandbox.project(".claude/agents/one.md")).unwrap();
    let said = run(&sandbox, "check", 4);
    assert!(!said.contains("no agent needs it"), "{said}");
    let said = run(&sandbox, "remove two", 0);
    assert!(!said.contains("context7"), "{said}");
    let _ = run(&sandbox, "install", 0);
    assert!(sandbox.read(".mcp.json").contains("context7"));
    let said = run(&sandbox, "remove one", 0);
    assert!(said.contains("context7"), "{said}");
}

#[test]
fn an_update_that_kept_my_side_can_be_undone_alone() {
    let sandbox = Sandbox::new();
    put(&sandbox, "studio", "planner", "first\n\nsecond");
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install planner", 0);
    let lock = sandbox.read("agentpkg.lock");
    let file = ".claude/agents/planner.md";
    let mine = sandbox.read(file).replace("second", "mine");
    sandbox.write(&format!("project/{file}"), &mine);
    put(&sandbox, "studio", "planner", "first\n\ntheirs");
    let _ = run(&sandbox, "update --ours", 0);
    assert_ne!(sandbox.read("agentpkg.lock"), lock);
    let said = run(&sandbox, "undo planner", 0);
    assert!(said.contains("update"), "{said}");
    assert_eq!(sandbox.read("agentpkg.lock"), lock);
    assert_eq!(sandbox.read(file), mine);
    let _ = run(&sandbox, "check", 0);
}

#[test]
fn undo_goes_on_behind_an_operation_without_files() {
    let sandbox = Sandbox::new();
    for name in ["lead", "helper", "other"] {
        put(&sandbox, "studio", name, "One.");
    }
    put(&sandbox, "spare", "spare", "One.");
    require(&sandbox, "studio", "lead", "helper");
    let _ = run(&sandbox, "registry add ../studio", 0);
    for name in ["lead", "helper", "other"] {
        let _ = run(&sandbox, &format!("install {name}"), 0);
    }
    let _ = run(&sandbox, "remove helper", 0);
    let _ = run(&sandbox, "registry add ../spare", 0);
    let _ = run(&sandbox, "undo other", 0);
    let _ = run(&sandbox, "undo", 0);
    assert!(!sandbox.read("agentpkg.toml").contains("spare"));
    let _ = run(&sandbox, "undo", 0);
    assert!(sandbox.read("agentpkg.toml").contains("helper"));
    assert!(!sandbox.read("agentpkg.toml").contains("other"));
    let _ = run(&sandbox, "check", 0);
}

#[test]
fn a_registry_in_use_is_not_undone() {
    let sandbox = Sandbox::new();
    put(&sandbox, "studio", "planner", "One.");
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install planner", 0);
    for line in ["undo 1", "undo 1 --force"] {
        let said = run(&sandbox, line, 1);
        assert!(said.contains("in use by planner"), "{line}: {said}");
    }
}

#[test]
fn what_was_only_required_comes_back_with_what_required_it() {
    let sandbox = led();
    let _ = run(&sandbox, "install lead", 0);
    let _ = run(&sandbox, "remove lead", 0);
    let _ = run(&sandbox, "undo helper", 0);
    assert!(sandbox.project(".claude/agents/lead.md").exists());
    let _ = run(&sandbox, "install --locked", 0);
    let _ = run(&sandbox, "check", 0);
}

#[test]
fn undo_never_leaves_an_agent_without_one_that_it_requires() {
    let sandbox = Sandbox::new();
    put(&sandbox, "studio", "lead", "one");
    put(&sandbox, "studio", "extra", "one");
    require(&sandbox, "studio", "lead", "extra");
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install extra", 0);
    let _ = run(&sandbox, "install lead", 0);
    sandbox.write("studio/registry.toml", "");
    put(&sandbox, "studio", "lead", "two");
    let _ = run(&sandbox, "update lead", 0);
    let _ = run(&sandbox, "undo extra", 0);
    put(&sandbox, "studio", "lead", "three");
    let _ = run(&sandbox, "update lead", 0);
    for line in ["undo 4", "undo 4 --force"] {
        let said = run(&sandbox, line, 1);
        assert!(said.contains("error:"), "{line}: {said}");
    }
    let _ = run(&sandbox, "check", 0);
}

#[test]
fn an_agent_that_another_requires_is_kept_even_if_the_other_left_the_manifest() {
    let sandbox = led();
    let _ = run(&sandbox, "install lead", 0);
    let manifest = sandbox.read("agentpkg.toml");
    let without: Vec<&str> = manifest
        .lines()
        .filter(|line| !line.starts_with("lead"))
        .collect();
    sandbox.write("project/agentpkg.toml", without.join("\n") + "\n");
    let said = run(&sandbox, "remove helper", 0);
    assert!(said.contains("lead"), "{said}");
    assert!(sandbox.project(".claude/agents/helper.md").exists());
}

#[test]
fn a_resolution_that_has_begun_stops_its_own_agent_only() {
    let sandbox = Sandbox::new();
    for name in ["begun", "other"] {
        put(&sandbox, "studio", name, "# T\n\none\ntwo");
    }
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install begun other", 0);
    let file = "project/.claude/agents/begun.md";
    let mine = sandbox.read(".claude/agents/begun.md");
    sandbox.write(file, mine.replace("one", "mine"));
    put(&sandbox, "studio", "begun", "# T\n\ntheirs\ntwo");
    let _ = run(&sandbox, "update --conflicts markers", 3);
    let marked = sandbox.read(".agentpkg/conflicts/begun.md");
    sandbox.write(
        "project/.agentpkg/conflicts/begun.md",
        marked.replace("mine", "half"),
    );
    for name in ["begun", "other"] {
        put(&sandbox, "studio", name, "# T\n\ntheirs\nthree");
    }
    let said = run(&sandbox, "update --dry-run", 0);
    assert!(said.contains("you have started to resolve it"), "{said}");
    let said = run(&sandbox, "update", 3);
    assert!(said.contains("nothing was written"), "{said}");
    let said = run(&sandbox, "update --yes", 3);
    assert!(said.contains("Updated other"), "{said}");
    assert!(
        sandbox
            .read(".agentpkg/conflicts/begun.md")
            .contains("half")
    );
}

#[test]
fn a_document_says_where_a_file_is_wrong() {
    let sandbox = Sandbox::new();
    sandbox.write("project/agentpkg.toml", "[agents]\nfoo = 3\n");
    let said = sandbox.run(&["status", "--json"]).code(1).stdout;
    let document: serde_json::Value = serde_json::from_str(&said).unwrap();
    let place = &document["error"]["location"];
    assert_eq!(
        (&place["path"], &place["line"], &place["column"]),
        (&"agentpkg.toml".into(), &2.into(), &7.into()),
        "{said}"
    );
}

#[test]
fn which_of_several_is_meant_is_a_question_like_any_other() {
    let sandbox = Sandbox::new();
    for registry in ["one", "two"] {
        for name in ["both", "too"] {
            put(&sandbox, registry, name, registry);
        }
        let _ = run(
            &sandbox,
            &format!("registry add ../{registry} --name {registry}"),
            0,
        );
    }
    put(&sandbox, "one", "alone", "One.");
    let before = sandbox.files();
    let said = run(&sandbox, "install both too alone", 4);
    for text in ["`both`", "`too`", "one/both", "two/too"] {
        assert!(said.contains(text), "{text}: {said}");
    }
    assert_eq!(sandbox.files(), before, "{said}");
    let said = sandbox
        .run(&["install", "both", "alone", "--dry-run", "--json"])
        .code(0)
        .stdout;
    let document: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document["asks"][0]["kind"], "candidate", "{said}");
    assert_eq!(document["asks"][0]["agent"], "both", "{said}");
    assert_eq!(sandbox.files(), before);
    let _ = run(&sandbox, "install both alone --yes", 4);
    assert!(sandbox.project(".claude/agents/alone.md").exists());
    assert!(!sandbox.project(".claude/agents/both.md").exists());
}

#[test]
fn a_source_that_has_two_names_is_no_reason_for_a_question() {
    let sandbox = Sandbox::new();
    put(&sandbox, "studio", "planner", "One.");
    let _ = run(&sandbox, "registry add ../studio --name one", 0);
    let _ = run(&sandbox, "registry add ../studio --name two", 0);
    let _ = run(&sandbox, "install planner", 0);
    assert!(sandbox.read("agentpkg.toml").contains("planner"));
    let _ = run(&sandbox, "install two/planner", 0);
}

#[cfg(unix)]
#[test]
fn what_comes_before_a_link_is_one_path_from_every_folder() {
    let sandbox = Sandbox::new();
    put(&sandbox, "src", "planner", "One.");
    std::fs::create_dir_all(sandbox.path().join("src/deep/er")).unwrap();
    std::os::unix::fs::symlink("deep/er", sandbox.path().join("src/link")).unwrap();
    put(&sandbox, "src/deep", "behind", "One.");
    let _ = run(&sandbox, "init", 0);
    std::fs::create_dir_all(sandbox.project("sub")).unwrap();
    let typed = "./../../src/../src/link/../agents";
    let line = format!("install {typed}/behind.md");
    let _ = in_folder(&sandbox, "sub", &line, 0);
    let _ = in_folder(&sandbox, "sub", &format!("registry add {typed}"), 0);
    std::fs::remove_dir(sandbox.project("sub")).unwrap();
    let manifest = sandbox.read("agentpkg.toml");
    assert_eq!(
        manifest.matches("\"../src/link/../agents\"").count(),
        2,
        "{manifest}"
    );
    let _ = run(&sandbox, "update", 0);
}

#[test]
fn a_file_that_is_not_there_is_not_said_to_be_removed() {
    for stands_there in ["nothing", "a folder"] {
        let sandbox = led();
        let _ = run(&sandbox, "install studio/lead", 0);
        for name in ["lead", "helper"] {
            let file = sandbox.project(&format!(".claude/agents/{name}.md"));
            std::fs::remove_file(&file).unwrap();
            if stands_there == "a folder" {
                std::fs::create_dir(&file).unwrap();
            }
        }
        for options in [" --dry-run", " --dry-run --keep-file", " --keep-file", ""] {
            let said = run(&sandbox, &format!("remove lead{options}"), 0);
            let verb = if options.contains("dry") {
                "Would remove"
            } else {
                "Removed"
            };
            for text in [
                format!("{verb} lead from agentpkg.toml and agentpkg.lock  its file was not there"),
                format!("{verb} helper from agentpkg.lock  its file was not there"),
            ] {
                assert!(said.contains(&text), "{stands_there}, {options}: {said}");
            }
            assert!(!said.contains(".claude/agents"), "{options}: {said}");
            if options == " --keep-file" {
                let _ = run(&sandbox, "undo", 0);
            }
        }
        assert!(!sandbox.read("agentpkg.toml").contains("lead ="));
    }
}

#[test]
fn an_entry_that_goes_is_not_said_to_take_a_missing_file_along() {
    let sandbox = led();
    let manifest = sandbox.read("agentpkg.toml");
    let _ = run(&sandbox, "install studio/helper", 0);
    std::fs::remove_file(sandbox.project(".claude/agents/helper.md")).unwrap();
    sandbox.write("project/agentpkg.toml", manifest);
    let dry = ["install", "--dry-run", "--json"];
    let document = sandbox.run(&dry).code(0).json();
    assert_eq!(document["removed"][0]["missing"], true);
    let said = run(&sandbox, "install", 0);
    assert!(
        said.contains(
            "Removed helper from agentpkg.lock  not in agentpkg.toml; its file was not there"
        ),
        "{said}"
    );
}

#[test]
fn what_fails_is_said_beside_what_is_a_question() {
    let sandbox = Sandbox::new();
    for registry in ["one", "two"] {
        put(&sandbox, registry, "both", registry);
        let add = format!("registry add ../{registry} --name {registry}");
        let _ = run(&sandbox, &add, 0);
    }
    let manifest = sandbox.read("agentpkg.toml");
    let entries = "both = {}\nlost = { registry = \"one\", agent = \"nothing\" }\n";
    sandbox.write(
        "project/agentpkg.toml",
        format!("{manifest}\n[agents]\n{entries}"),
    );
    let before = sandbox.files();
    for line in [
        "install",
        "install --dry-run",
        "install --json",
        "install --dry-run --json",
        "update",
        "update --dry-run",
        "update --json",
        "update --dry-run --json",
    ] {
        let said = run(&sandbox, line, 1);
        for text in ["`both`", "one/both", "two/both", "nothing"] {
            assert!(said.contains(text), "{line}: {text}: {said}");
        }
        assert_eq!(sandbox.files(), before, "{line}: {said}");
    }
    for line in ["install --dry-run", "update --dry-run"] {
        let said = run(&sandbox, line, 1);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains("Would ask both which one is meant"),
            "{line}: {said}"
        );
        let document = sandbox
            .run(&[&line.split(' ').collect::<Vec<_>>()[..], &["--json"]].concat())
            .code(1)
            .json();
        assert_eq!(document["asks"][0]["agent"], "both", "{line}");
    }
}

#[test]
fn the_cache_is_a_way_out_only_if_something_is_in_it() {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut repo = RepoBuilder::bare(&folder.path().join("far.git"));
    repo.file("agents/planner.md", agent("planner", "Read", "One."));
    let _ = repo.commit("first");
    let registry = format!(
        "[registries]\nfar = {{ git = \"{}\" }}\n",
        server.url("far.git")
    );
    sandbox.write("project/agentpkg.toml", registry);
    sandbox.write(
        "project/.claude/agents/mine.md",
        agent("mine", "Read", "Two."),
    );
    server.fault(Fault::Status(503));
    for is_cached in [false, true] {
        if is_cached {
            server.fault(Fault::None);
            let _ = run(&sandbox, "registry refresh", 0);
            server.fault(Fault::Status(503));
        }
        for line in [
            "doctor --network",
            "adopt mine --from far",
            "registry refresh",
            "search --refresh",
        ] {
            let said = run(&sandbox, line, 1);
            let is_hinted = said.contains("use what is cached with --offline");
            assert_eq!(is_hinted, is_cached, "{line}: {said}");
            assert!(!said.contains("never been fetched"), "{line}: {said}");
        }
        let said = run(&sandbox, "search --refresh", 1);
        let words = if is_cached {
            "`far` was searched as it is in the cache"
        } else {
            "`far` was not searched"
        };
        assert!(said.contains(words), "{said}");
    }
}
