//! `search` as a user meets it: what is found, in which order, what helps to choose.

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

fn agent(name: &str, description: &str, tools: &str) -> String {
    format!("---\nname: {name}\ndescription: {description}\n{tools}\n---\n\nText.\n")
}

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .write(
            "upstream/agents/warehouse.md",
            agent("warehouse", "Looks after the stock", "tools: Read"),
        )
        .write(
            "upstream/agents/warehouse-auditor.md",
            agent(
                "warehouse-auditor",
                "Counts what is there, twice",
                "tools: Bash(git *), mcp__playwright__browser_click",
            ),
        )
        .write(
            "upstream/agents/cold-warehouse.md",
            agent("cold-warehouse", "Keeps things cold", "tools: Read"),
        )
        .write(
            "upstream/agents/clerk.md",
            agent("clerk", "Writes letters about any warehouse", ""),
        );
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "stock"])
        .code(0);
    let _ = sandbox.run(&["install", "stock/clerk", "-q"]).code(0);
    sandbox
}

#[test]
fn names_come_before_descriptions() {
    let sandbox = scene();
    insta::assert_snapshot!(sandbox.run(&["search", "warehouse"]).code(0).all(), @r#"
    exit 0
    --- stdout
    warehouse	stock				Looks after the stock
    warehouse-auditor	stock			needs playwright	Counts what is there, twice
    cold-warehouse	stock				Keeps things cold
    clerk	stock		installed		Writes letters about any warehouse
    data-engineer	builtin				Builds and repairs data pipelines and warehouse models (ingestion, dbt or SQL transformations, Spark, orchestration) that are re-runnable, tested and explainable. Delegate when a pipeline must be written, changed, backfilled, or produces wrong or late numbers.
    --- stderr
    "#);
    insta::assert_snapshot!(sandbox.run(&["search", "wearhouse"]).code(0).all(), @r#"
    exit 0
    --- stdout
    warehouse	stock				Looks after the stock
    cold-warehouse	stock				Keeps things cold
    warehouse-auditor	stock			needs playwright	Counts what is there, twice
    --- stderr
    only similar names
    Not in your registries; `agentpkg search wearhouse --known` looks in 17 public ones (fetches them).
    "#);
    insta::assert_snapshot!(sandbox.run(&["search", "qqqqq"]).code(0).all(), @r#"
    exit 0
    --- stdout
    --- stderr
    Nothing was found in 2 registries. `agentpkg registry add URL` adds another one.
    Not in your registries; `agentpkg search qqqqq --known` looks in 17 public ones (fetches them).
    "#);
}

#[test]
fn filters_narrow_it() {
    let sandbox = scene();
    let names = |arguments: &[&str]| -> Vec<String> {
        let json = sandbox
            .run(&[&["search", "--json"], arguments].concat())
            .code(0)
            .json();
        json["agents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|agent| agent["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&["--registry", "stock", "--tool", "Bash"]),
        ["clerk", "warehouse-auditor"],
        "no tools line is every tool"
    );
    assert_eq!(
        names(&["--needs-mcp", "playwright", "--registry", "stock"]),
        ["warehouse-auditor"]
    );
    assert_eq!(
        names(&["--needs-mcp", "microsoft-playwright", "--registry", "stock"]),
        ["warehouse-auditor"],
        "by another name"
    );
    assert_eq!(names(&["clerk", "--registry", "builtin"]), [""; 0]);
    assert_eq!(names(&["stock", "--limit", "1"]).len(), 1);
    let output = sandbox
        .run(&["search", "x", "--registry", "nowhere"])
        .code(1);
    assert!(
        output.stderr.contains("there is no registry `nowhere`"),
        "{}",
        output.all()
    );
    // Without words every registry has its share, registry by registry.
    for (limit, stock, builtin) in [("1", 1, 0), ("6", 3, 3), ("9", 4, 5), ("12", 4, 8)] {
        let stdout = sandbox.run(&["search", "--limit", limit]).code(0).stdout;
        let registries: Vec<&str> = stdout
            .lines()
            .map(|line| line.split('\t').nth(1).unwrap())
            .collect();
        let expected = [vec!["stock"; stock], vec!["builtin"; builtin]].concat();
        assert_eq!(registries, expected, "--limit {limit}");
    }
}

#[test]
fn totals_do_not_depend_on_the_limit() {
    let sandbox = Sandbox::new();
    for index in 0..100 {
        let tools = if index >= 90 {
            "tools: Bash"
        } else {
            "tools: Read"
        };
        let name = format!("team-alpha-{index:02}");
        sandbox.write(
            &format!("upstream/agents/{name}.md"),
            agent(&name, "Does what is asked", tools),
        );
    }
    sandbox.write(
        "upstream/agents/team-zeta.md",
        agent("team-zeta", "Comes last", "tools: Bash"),
    );
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "stock"])
        .code(0);
    let ask = |arguments: &[&str]| -> (u64, usize) {
        let json = sandbox
            .run(&[&["search", "--json", "--registry", "stock"], arguments].concat())
            .code(0)
            .json();
        (
            json["total"].as_u64().unwrap(),
            json["agents"].as_array().unwrap().len(),
        )
    };
    assert_eq!(ask(&["te"]), (101, 20));
    assert_eq!(ask(&["te", "--limit", "200"]), (101, 101));
    assert_eq!(ask(&["te", "--limit", "1"]), (101, 1));
    assert_eq!(
        ask(&["te", "--tool", "Bash"]),
        (11, 11),
        "also those behind the first 64"
    );
    assert_eq!(ask(&["team", "--tool", "Bash", "--limit", "2"]), (11, 2));
    assert_eq!(ask(&["asked"]), (100, 20));
    assert_eq!(ask(&[]), (101, 20));
    assert_eq!(ask(&["temzeta", "--limit", "1"]), (1, 1));
    let shown = sandbox
        .run(&["search", "te", "--limit", "2", "--registry", "stock"])
        .code(0);
    assert_eq!(
        shown.stderr,
        "99 more; `--limit 101` shows them, another word narrows it\n"
    );
    assert!(
        sandbox
            .run(&["search", "te", "--limit", "0"])
            .code(2)
            .stderr
            .contains("--limit")
    );
}

/// A sequence that a terminal would act on: it deletes the line.
#[cfg(unix)]
const ESCAPE: &str = "\u{1b}[2K";

#[test]
#[cfg(unix)]
fn what_registries_say_is_shown_and_not_obeyed() {
    let sandbox = Sandbox::new();
    let text = |name: &str, more: &str| {
        format!(
            "---\nname: {name}\ndescription: \"Does\\e[2K things{more}\"\ntools: \"Read, X\\e[2K, mcp__s\\e[2K__t, Bash(\\e[2K)\"\nhooks: {{\"\\e[2K\": [{{hooks: [{{type: command, command: \"\\e[2K\"}}]}}]}}\n---\n\nText.\n"
        )
    };
    sandbox.write(&format!("upstream/one{ESCAPE}/esc.md"), text("esc", ""));
    sandbox.write("upstream/two\nlines/esc.md", text("esc", " twice"));
    sandbox.write(&format!("upstream/three/odd{ESCAPE}.md"), text("odd", ""));
    sandbox.write(
        &format!("upstream/four/bad{ESCAPE}.md"),
        "---\nname: \"../bad\\e[2K\"\ndescription: d\n---\n",
    );
    sandbox.write(
        "upstream/five/broken.md",
        "---\nname: broken\ndescription: [\"\\e[2K\", *a\u{7}b]\n---\n\nAn agent.\n",
    );
    let check = |arguments: &[&str]| -> String {
        let output = sandbox.run(&[arguments, &["--color", "always"]].concat());
        let all = output.all();
        assert!(
            !all.contains(ESCAPE) && !all.contains('\u{7}'),
            "{arguments:?}: {all:?}"
        );
        all
    };
    let all = check(&["registry", "add", "../upstream", "--name", "odd"]);
    assert!(all.contains("Added"), "{all}");
    let all = check(&["search", "esc"]);
    assert!(
        all.contains("one\\u{1b}[2K/esc.md") && all.contains("two\\nlines/esc.md"),
        "{all:?}"
    );
    let _ = check(&["list", "--available"]);
    let _ = check(&["install", "odd/esc"]);
    let _ = check(&["info", "odd/odd"]);
    let _ = check(&["install", "odd/odd", "--dry-run"]);
    let _ = check(&["install", "odd/odd", "--allow", "all"]);
    for folder in ["five/broken.md", "four/nobody.md"] {
        let _ = check(&["info", &format!("odd#{folder}")]);
        let _ = check(&["install", &format!("odd#{folder}")]);
    }
    sandbox.write(
        &format!("upstream/three/odd{ESCAPE}.md"),
        text("odd", " and more").replace("Read,", "Read, Write(\\e[2K), Agent(\\e[2K),"),
    );
    for arguments in [
        &["status"][..],
        &["outdated"],
        &["list"],
        &["info", "odd"],
        &["check"],
        &["doctor"],
        &["update", "--dry-run"],
        &["update"],
        &["diff", "--upstream"],
        &["update", "--allow", "all"],
        &["undo", "--list"],
        &["remove", "odd"],
        &["undo"],
    ] {
        let _ = check(arguments);
    }
}

#[test]
fn git_registries_are_searched_without_git() {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    repo.file(
        "agents/juggler.md",
        agent("juggler", "Keeps many things in the air", "tools: Read"),
    );
    let _ = repo.commit("first");
    let _ = sandbox
        .run(&["registry", "add", repo.url().as_str(), "--name", "team"])
        .code(0);
    // Even if the repository is gone and there is no git, what was read before can be searched.
    std::fs::rename(
        sandbox.path().join("team.git"),
        sandbox.path().join("elsewhere"),
    )
    .unwrap();
    let output = crate::support::sandbox::finish(
        sandbox
            .command()
            .env("PATH", "/nonexistent")
            .args(["search", "juggl"]),
    )
    .code(0);
    assert!(
        output.stdout.contains("juggler") && output.stdout.contains("team"),
        "{}",
        output.all()
    );
}

#[test]
fn tags_of_a_prepared_registry_are_words_to_find_by() {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let tags =
        |tags: &str| format!("[agents.juggler]\ndescription = \"Unused\"\ntags = [{tags}]\n");
    let juggler = agent("juggler", "Keeps many things in the air", "tools: Read");
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    repo.file("agents/juggler.md", &juggler)
        .file("registry.toml", tags("\"Circus\", \"street show\""));
    let _ = repo.commit("first");
    sandbox.write("upstream/agents/juggler.md", &juggler).write(
        "upstream/registry.toml",
        tags("\"circus\", \"street show\""),
    );
    let _ = sandbox
        .run(&["registry", "add", repo.url().as_str(), "--name", "team"])
        .code(0);
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "stock"])
        .code(0);
    let found = |words: &[&str]| -> Vec<String> {
        let json = sandbox
            .run(&[&["search", "--json"], words].concat())
            .code(0)
            .json();
        let agents = json["agents"].as_array().unwrap();
        agents
            .iter()
            .map(|agent| format!("{} {}", agent["spec"], agent["match"]).replace('"', ""))
            .collect()
    };
    let both = ["team/juggler description", "stock/juggler description"];
    assert_eq!(found(&["circus"]), both);
    assert_eq!(
        found(&["show", "things"]),
        both,
        "words of a tag and of the description"
    );
    assert_eq!(found(&["accessibility", "--registry", "builtin"]).len(), 1);
    // The agent's own file stays as it is.
    repo.file("registry.toml", tags("\"theatre\""));
    let _ = repo.commit("second");
    sandbox.write("upstream/registry.toml", tags("\"theatre\""));
    let _ = sandbox.run(&["registry", "refresh"]).code(0);
    assert_eq!(found(&["theatre"]), both);
    assert!(
        found(&["circus"])
            .iter()
            .all(|found| !found.contains("juggler"))
    );
}

#[test]
fn an_index_follows_what_changes() {
    let sandbox = scene();
    let find = |word: &str| {
        sandbox
            .run(&["search", word, "--registry", "stock"])
            .code(0)
            .stdout
    };
    assert!(find("loader").is_empty());
    sandbox.write(
        "upstream/agents/loader.md",
        agent("loader", "Loads", "tools: Read"),
    );
    sandbox.write(
        "upstream/agents/clerk.md",
        agent("scribe", "Writes letters", ""),
    );
    std::fs::remove_file(sandbox.path().join("upstream/agents/cold-warehouse.md")).unwrap();
    let _ = sandbox.run(&["registry", "refresh"]).code(0);
    assert!(find("loader").contains("Loads") && find("scribe").contains("letters"));
    assert!(find("cold").is_empty() && !find("clerk").contains("clerk"));
}

#[test]
fn the_program_alone_says_what_to_do_next() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.run(&[]).code(0).all(), @r#"
    exit 0
    --- stdout
    No agents are installed here yet.

      agentpkg search WORD                 find an agent in the registries
      agentpkg install backend-architect   install one
      agentpkg registry add gh:owner/repo  add a git repository or a folder
      agentpkg --help                      all commands
    --- stderr
    "#);
    let sandbox = scene();
    sandbox.write(
        "upstream/agents/clerk.md",
        agent("clerk", "Writes letters", ""),
    );
    sandbox.write(
        "project/.claude/agents/mine.md",
        agent("mine", "d", "tools: mcp__ours__x"),
    );
    insta::assert_snapshot!(sandbox.run(&[]).code(0).all(), @r#"
    exit 0
    --- stdout
    1 agent, 1 unmanaged

      agentpkg update                 1 agent has a newer version, as of the last fetch
      agentpkg check                  1 server is missing
      agentpkg adopt --all --dry-run  find where 1 unmanaged file is from
      agentpkg status                 every agent, and what you changed
      agentpkg --help                 all commands
    --- stderr
    "#);
}

#[test]
fn what_left_the_manifest_is_said_before_it_goes() {
    let sandbox = scene();
    sandbox.write(
        "upstream/agents/clerk.md",
        agent("clerk", "Writes letters", ""),
    );
    let manifest = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        manifest
            .lines()
            .filter(|line| !line.starts_with("clerk"))
            .collect::<Vec<_>>()
            .join("\n"),
    );
    assert_ne!(
        sandbox.read("agentpkg.toml").len() + 1,
        manifest.len(),
        "there was a line to take out"
    );
    let says = "not in agentpkg.toml any more";
    let output = sandbox.run(&["status"]).code(0);
    assert!(
        output.stdout.contains(says) && !output.stdout.contains("update available"),
        "{}",
        output.all()
    );
    let output = sandbox.run(&[]).code(0);
    assert!(
        output
            .stdout
            .contains("agentpkg install  1 agent is no longer in agentpkg.toml"),
        "{}",
        output.all()
    );
    let output = sandbox.run(&["check"]).code(0);
    assert!(
        output
            .stdout
            .contains("is installed, but not in agentpkg.toml any more"),
        "{}",
        output.all()
    );
    // With an unknown table, no conclusions are drawn.
    sandbox.write(
        "project/agentpkg.toml",
        manifest.replace("[agents]", "[agent]"),
    );
    let output = sandbox.run(&["outdated", "--check"]).code(1);
    assert!(
        output.stderr.contains("`agent` is not a setting"),
        "{}",
        output.all()
    );
    let output = sandbox.run(&["check", "--project-only"]).code(4);
    assert!(
        output.stdout.contains("`agent` is not a setting"),
        "{}",
        output.all()
    );
}

#[test]
fn one_typo_in_one_of_several_words_is_understood() {
    let sandbox = Sandbox::new();
    for (name, description) in [
        ("api-reviewer", "Reviews the interfaces of services"),
        ("plan-writer", "Writes plans"),
    ] {
        sandbox.write(
            &format!("studio/agents/{name}.md"),
            format!("---\nname: {name}\ndescription: {description}\n---\n\nIt.\n"),
        );
    }
    let _ = sandbox
        .run(&["registry", "add", "../studio", "--name", "studio"])
        .code(0);
    for words in [
        ["api", "reviewr"],
        ["servces", "api"],
        ["interfaces", "reveiws"],
    ] {
        let arguments = ["search", words[0], words[1], "--json"];
        let found = sandbox.run(&arguments).code(0).json();
        assert_eq!(found["agents"][0]["name"], "api-reviewer", "{words:?}");
        assert_eq!(found["agents"][0]["match"], "alike", "{words:?}");
    }
    let found = sandbox
        .run(&["search", "api", "zzzzzz", "--json"])
        .code(0)
        .json();
    assert_eq!(found["total"], 0);
}
