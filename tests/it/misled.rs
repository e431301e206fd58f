//! What commands say where a person would draw a wrong conclusion otherwise: dry runs, older versions, other names, mistyped words.

use std::fs;

use serde_json::Value;

use crate::adopt::{PLANNER, Stage, agent};
use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

/// A registry `team` with `planner` in the versions 1.0.0 to 3.0.0, and `other` in one.
fn versions() -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    hermetic_git(&sandbox.path().join("home"))?;
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("team.git"));
    for version in ["one", "two", "three"] {
        let text =
            agent("planner").replace("planner does 3\n", &format!("planner does {version}\n"));
        upstream.file(PLANNER, text);
        upstream.file("agents/other.md", agent("other"));
        let _ = upstream.commit(version);
        let number = 1 + ["one", "two", "three"]
            .iter()
            .position(|known| *known == version)?;
        upstream.tag(&format!("v{number}.0.0"));
    }
    let url = upstream.url();
    let _ = sandbox
        .run(&["registry", "add", url.as_str(), "--name", "team"])
        .code(0);
    Some(sandbox)
}

fn run(sandbox: &Sandbox, line: &str, code: i32) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    sandbox.run(&words).code(code).all()
}

fn json(sandbox: &Sandbox, line: &str) -> Value {
    let words: Vec<&str> = line.split(' ').chain(["--json"]).collect();
    sandbox.run(&words).json()
}

/// Every command of a hint, typed as it stands.
fn hinted(said: &str) -> Vec<String> {
    let hints = said.lines().filter(|line| line.starts_with("hint: "));
    let quoted = hints.flat_map(|hint| hint.split('`').skip(1).step_by(2));
    let commands = quoted.flat_map(|text| text.split(" && "));
    let commands = commands.filter_map(|text| text.strip_prefix("agentpkg "));
    commands.map(str::to_owned).collect()
}

#[test]
fn an_older_version_is_called_older_in_every_command_and_in_json() {
    let Some(sandbox) = versions() else { return };
    let _ = run(&sandbox, "install team/planner@^3", 0);
    let oldest = sandbox.path().join("team.git");
    for (line, is_older) in [
        ("update planner --to 2.0.0 --dry-run", true),
        ("update planner --to 2.0.0", true),
        ("update planner --to 3.0.0", false),
        ("install team/planner@1.0.0 --dry-run", true),
        ("install team/planner@=1.0.0", true),
        ("install team/planner@^2", false),
    ] {
        let said = run(&sandbox, line, 0);
        assert_eq!(
            said.contains("an older version"),
            is_older,
            "{line}: {said}"
        );
    }
    // Without version numbers, the history tells.
    let _ = run(&sandbox, "update planner --to main", 0);
    let head = fs::read_to_string(oldest.join("refs/tags/v1.0.0")).unwrap();
    let line = format!("update planner --to {} --dry-run", head.trim());
    assert_eq!(json(&sandbox, &line)["agents"][0]["older"], true);
    let _ = run(&sandbox, &line.replace(" --dry-run", ""), 0);
    let document = json(&sandbox, "update planner --to main --dry-run");
    assert_eq!(document["agents"][0]["older"], false);
}

#[test]
fn a_dry_run_warns_as_the_command_itself() {
    let Some(stage) = Stage::new(&[
        (PLANNER, &agent("planner")),
        ("agents/other.md", &agent("other")),
    ]) else {
        return;
    };
    let home = "home/.claude/agents";
    stage
        .sandbox
        .write(&format!("{home}/planner.md"), agent("planner"));
    stage
        .sandbox
        .write(&format!("{home}/deep/other.md"), agent("other"));
    stage.copy("sub/mine", &agent("planner"));
    stage.copy("other", &agent("other"));
    let warnings = |line: &str| {
        let said = stage.run(line).code(0).stderr;
        let warnings = said.lines().filter(|line| line.starts_with("warning: "));
        warnings.map(str::to_owned).collect::<Vec<_>>()
    };
    for line in [
        "install team/planner",
        "adopt other",
        "set planner model=haiku",
        "remove planner",
        "install team/planner --force",
    ] {
        let files = stage.sandbox.files();
        let before = warnings(&format!("{line} --dry-run"));
        assert_eq!(stage.sandbox.files(), files, "{line}");
        assert_eq!(before, warnings(line), "{line}");
        assert_eq!(before.is_empty(), line.starts_with("remove"), "{line}");
    }
    // The cost is that of the command too, and the same for the user's own agents.
    let team = stage.sandbox.path().join("team.git");
    let add = format!("registry add {} --name team --user", team.display());
    let _ = stage.run(&add).code(0);
    for line in [
        "install builtin/debugger",
        "install team/other --user --force",
    ] {
        let dry = stage.run(&format!("{line} --dry-run --json")).json();
        let done = stage.run(&format!("{line} --json")).json();
        assert_eq!(dry["cost"], done["cost"], "{line}");
        assert_eq!(dry["shadows"], done["shadows"], "{line}");
    }
}

#[test]
fn a_dry_run_says_what_it_would_do_and_ends_with_0_where_only_questions_are_open() {
    let Some(sandbox) = versions() else { return };
    let _ = run(&sandbox, "install team/planner@=1.0.0", 0);
    let path = "project/.claude/agents/planner.md";
    let text = sandbox.read(".claude/agents/planner.md");
    sandbox.write(
        path,
        text.replace("planner does one\n", "planner does mine\n"),
    );
    let base = "update planner --to 3.0.0";
    for (options, code, dry, done) in [
        ("", 3, "Would ask planner", "needs a decision"),
        (" --yes", 3, "Would", "Skipped planner"),
        (
            " --conflicts=skip",
            3,
            "Would skip planner",
            "Skipped planner",
        ),
        (
            " --conflicts=markers",
            3,
            "Would defer planner",
            "Deferred planner",
        ),
    ] {
        let line = format!("{base}{options}");
        let words: Vec<String> = format!("{line} --dry-run")
            .split(' ')
            .map(str::to_owned)
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = sandbox.run(&words);
        assert!(said.all().contains(dry), "{line}: {}", said.all());
        if options.is_empty() || options.ends_with("markers") {
            assert_eq!(said.code, 0, "{line}");
        }
        let said = run(&sandbox, &line, code);
        assert!(said.contains(done), "{line}: {said}");
    }
    // One word for the state, whoever says it.
    for line in ["list", "status", "info planner"] {
        assert!(run(&sandbox, line, 0).contains("conflicted"), "{line}");
    }
    for (line, state) in [
        ("list", "/agents/0/state"),
        ("status", "/agents/0/state"),
        ("info planner", "/installed"),
    ] {
        assert_eq!(
            json(&sandbox, line).pointer(state),
            Some(&Value::from("conflicted")),
            "{line}"
        );
    }
    let _ = run(&sandbox, "resolve --abort planner", 0);
    for line in ["list", "status", "info planner"] {
        assert!(run(&sandbox, line, 0).contains("edited"), "{line}");
    }
    let marked = "<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n";
    sandbox.write(path, format!("{text}{marked}"));
    for line in ["list", "status", "info planner"] {
        assert!(run(&sandbox, line, 0).contains("conflicted"), "{line}");
    }
}

#[test]
fn a_policy_ends_a_dry_run_as_it_ends_the_command() {
    let Some(stage) = Stage::new(&[
        (PLANNER, &agent("planner")),
        (
            "agents/other.md",
            &agent("other").replace("Read, Grep", "Bash"),
        ),
    ]) else {
        return;
    };
    for name in ["planner", "other"] {
        let text = agent(name);
        stage.copy(
            name,
            &if name == "other" {
                text.replace("Read, Grep", "Bash")
            } else {
                text
            },
        );
    }
    let manifest = stage.sandbox.read("agentpkg.toml");
    let manifest = format!("{manifest}\n[policy]\ndeny-tools = [\"Bash\"]\n");
    stage.sandbox.write("project/agentpkg.toml", manifest);
    for line in [
        "adopt other",
        "adopt --all",
        "adopt other planner",
        "install other planner",
    ] {
        for options in ["", " --yes"] {
            let dry = stage
                .run(&format!("{line}{options} --dry-run"))
                .code(4)
                .all();
            assert!(
                !dry.contains(" was adopted") && !dry.contains("the rest was"),
                "{line}: {dry}"
            );
        }
        assert_eq!(
            stage.run(&format!("{line} --dry-run --locked")).code,
            if line == "adopt other" { 4 } else { 1 },
            "{line}"
        );
    }
    for line in ["adopt other planner", "install other"] {
        let _ = stage.run(line).code(4);
    }
}

#[test]
fn an_agent_that_was_renamed_in_its_file_is_said_once() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    let _ = stage.run("install team/planner").code(0);
    stage.copy(
        "planner",
        &agent("planner").replace("name: planner", "name: boss"),
    );
    let document = stage.run("check --json").code(0).json();
    let findings = document["findings"].as_array().unwrap();
    let renamed: Vec<&Value> = findings
        .iter()
        .filter(|one| one["kind"] == "renamed")
        .collect();
    assert_eq!(renamed.len(), 1, "{findings:#?}");
    let message = renamed[0]["message"].as_str().unwrap();
    assert!(
        message.contains("knows it as `boss`") && message.contains("manages it as `planner`"),
        "{message}"
    );
    let _ = stage.run("check --strict").code(4);
    let status = stage.run("status --json").code(0).json();
    assert_eq!(status["agents"][0]["renamed"], "boss");
    assert!(stage.run("status").all().contains("knows it as `boss`"));
    let said = stage.run("info planner").code(0).all();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("Claude Code knows it as `boss`, and agentpkg manages it as `planner`")
            && said.contains("write `name: planner` in the file"),
        "{said}"
    );
    let document = stage.run("info planner --json").code(0).json();
    assert_eq!(document["renamed"], "boss");
    // What `--as` and `adopt` name is no rename.
    let _ = stage.run("install team/planner --as mine").code(0);
    let text = stage
        .file("mine")
        .replace("planner does 17", "planner does what I want");
    stage.copy("mine", &text);
    let status = stage.run("status --json").code(0).json();
    assert_eq!(status["agents"][0]["renamed"], Value::Null);
    let document = stage.run("info mine --json").code(0).json();
    assert_eq!(document["renamed"], Value::Null);
    assert!(
        !stage
            .run("info mine")
            .code(0)
            .all()
            .contains("agentpkg manages")
    );
}

#[test]
fn a_file_that_never_had_the_name_of_its_agent_is_not_told_to_have_it_again() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    stage.copy("short", &agent("planner"));
    let _ = stage.run("adopt short").code(0);
    let said = stage.run("check").code(0).all();
    assert!(
        said.contains(
            "short: Claude Code knows it as `planner`, and agentpkg manages it as `short`"
        ) && said.contains("write `name: short` in the file")
            && !said.contains("again"),
        "{said}"
    );
    let document = stage.run("info short --json").code(0).json();
    assert_eq!(document["renamed"], "planner");
    let text = stage.file("short").replace("name: planner", "name: short");
    stage.copy("short", &text);
    assert!(!stage.run("check").code(0).all().contains("manages it as"));
}

#[test]
fn a_mistyped_key_is_named_where_the_agent_is_not_found() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    let manifest = stage.sandbox.read("agentpkg.toml");
    for key in [
        "versoin = \"1\"",
        "fiel = \"old/gone.md\"",
        "agnet = \"planner\"",
    ] {
        let text = format!("{manifest}\n[agents.gone]\nregistry = \"team\"\n{key}\n");
        stage.sandbox.write("project/agentpkg.toml", text);
        for line in ["install", "update"] {
            let said = stage.run(line).code(1).all();
            assert!(!said.contains("no longer has"), "{line}: {said}");
            assert!(said.contains("no agent named `gone`"), "{line}: {said}");
            assert!(said.contains("did you mean `"), "{line}: {said}");
            assert!(said.contains("agentpkg.toml:6:1"), "{line}: {said}");
        }
    }
}

#[test]
fn no_hint_deletes_what_was_not_named() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    let _ = stage.run("install team/planner").code(0);
    let said = stage.run("registry remove team").code(1).all();
    let commands = hinted(&said);
    assert_eq!(commands, ["remove planner --keep-file"], "{said}");
    let _ = stage.run(&commands[0]).code(0);
    assert_eq!(stage.file("planner"), agent("planner"));
    let _ = stage.run("registry remove team").code(0);
}

#[test]
fn a_source_out_of_reach_names_its_agents() {
    let Some(sandbox) = versions() else { return };
    let _ = run(
        &sandbox,
        "install team/planner team/other builtin/debugger",
        0,
    );
    fs::rename(
        sandbox.path().join("team.git"),
        sandbox.path().join("away.git"),
    )
    .unwrap();
    for line in ["update", "outdated"] {
        let said = run(&sandbox, line, 1);
        assert_eq!(
            said.matches("wanted for other, planner").count(),
            1,
            "{line}: {said}"
        );
    }
    let details = &json(&sandbox, "update")["failures"][0]["details"];
    assert_eq!(details[0], "wanted for other, planner");
}

#[test]
fn doctor_says_which_registries_were_asked() {
    let Some(sandbox) = versions() else { return };
    let mut web = RepoBuilder::bare(&sandbox.path().join("srv/web.git"));
    web.file(PLANNER, agent("planner"));
    let _ = web.commit("first");
    let server = Server::start(&sandbox.path().join("srv"));
    let url = server.url("web.git");
    let _ = sandbox
        .run(&["registry", "add", url.as_str(), "--name", "web"])
        .code(0);
    let line = |said: &str, name: &str| {
        let found = said
            .lines()
            .find(|line| line.starts_with(&format!("registry {name}\t")));
        found.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let said = run(&sandbox, "doctor", 0);
    for name in ["team", "web", "builtin"] {
        assert!(!line(&said, name).contains("network"), "{said}");
    }
    let said = run(&sandbox, "doctor --network", 0);
    assert!(line(&said, "web").contains("answered, 1 agent"), "{said}");
    for name in ["team", "builtin"] {
        assert!(line(&said, name).contains("no network needed"), "{said}");
    }
    let said = run(&sandbox, "doctor --network --offline", 0);
    assert!(line(&said, "web").contains("not asked"), "{said}");
}

#[test]
fn mistyped_words_are_answered_with_what_can_be_typed() {
    let Some(sandbox) = versions() else { return };
    let _ = run(&sandbox, "install team/planner", 0);
    let said = run(&sandbox, "search plan --tool Bsh", 0);
    assert!(
        said.contains("`agentpkg search plan --tool Bash`"),
        "{said}"
    );
    assert_eq!(json(&sandbox, "search --tool Bsh")["meant_tool"], "Bash");
    assert_eq!(
        json(&sandbox, "search --tool Bash")["meant_tool"],
        Value::Null
    );
    let unknown = json(&sandbox, "search --tool mcp__server__tool");
    assert_eq!(unknown["meant_tool"], Value::Null);

    for (typed, meant) in [
        ("haiku", Some("set planner model=haiku")),
        ("red", Some("set planner color=red")),
        ("plan", Some("set planner permissionMode=plan")),
        ("model", Some("set planner model=VALUE")),
        ("tools", Some("set planner tools+=NAME")),
        ("model=", Some("set planner model=VALUE")),
        ("model=gpt,haiku", Some("set planner model=haiku")),
        ("nonsense", None),
    ] {
        let said = run(&sandbox, &format!("set planner {typed}"), 2);
        assert_eq!(
            hinted(&said).first().map(String::as_str),
            meant,
            "{typed}: {said}"
        );
    }
    for key in ["pin", "version", "file"] {
        let said = run(&sandbox, &format!("set planner {key}=x"), 2);
        assert!(said.contains("entry in agentpkg.toml"), "{said}");
    }

    fs::create_dir_all(sandbox.project("src")).unwrap();
    sandbox.write("project/src/agents/mine.md", agent("mine"));
    for line in ["install src", "info src"] {
        let said = sandbox.run(&line.split(' ').collect::<Vec<_>>()).all();
        let folder = format!("{} ./src", line.split(' ').next().unwrap());
        assert!(hinted(&said).contains(&folder), "{said}");
        let _ = run(&sandbox, &folder, 0);
    }
    let said = run(&sandbox, "list -a planner", 2);
    assert_eq!(hinted(&said), ["search planner"], "{said}");
    let said = run(&sandbox, "list -a src", 2);
    assert!(said.contains("write `./src`"), "{said}");
    let said = run(&sandbox, "install owner/repo#x", 2);
    assert!(!said.contains("write `owner/repo`"), "{said}");
    let said = run(&sandbox, "install team/planner#x", 2);
    assert!(said.contains("write `team/planner`"), "{said}");
}

#[test]
fn hints_about_a_version_name_only_those_that_have_it() {
    let Some(sandbox) = versions() else { return };
    let mut other = RepoBuilder::bare(&sandbox.path().join("other.git"));
    other.file(PLANNER, agent("planner").replace("does", "did"));
    let _ = other.commit("first");
    other.tag("v2.5.0");
    let url = other.url();
    let _ = sandbox
        .run(&["registry", "add", url.as_str(), "--name", "second"])
        .code(0);
    sandbox.write(
        "project/folder/planner.md",
        agent("planner").replace("does", "do"),
    );
    let _ = run(&sandbox, "registry add ./folder", 0);
    for (spec, code) in [
        ("planner@^2", 4),
        ("planner@^1", 4),
        ("planner@^9", 1),
        ("planner", 4),
    ] {
        let said = run(&sandbox, &format!("install {spec}"), code);
        let commands = hinted(&said);
        assert!(!commands.is_empty(), "{spec}: {said}");
        for command in commands {
            let dry = format!("{command} --dry-run");
            assert_eq!(
                run(&sandbox, &dry, 0).matches("error").count(),
                0,
                "{spec}: {dry}"
            );
        }
    }
    let said = run(&sandbox, "info planner@^2", 1);
    assert!(said.contains("2 can be had at `^2`"), "{said}");
    assert!(!said.contains("folder/planner"), "{said}");
}

#[test]
fn a_path_is_recorded_without_detours() {
    let sandbox = Sandbox::new();
    sandbox.write("up/agents/planner.md", agent("planner"));
    sandbox.write("project/src/deep/x", "");
    for (folder, typed, recorded) in [
        (".", "./src/../../up", "../up"),
        (".", "../up/.", "../up"),
        ("src/deep", "../../../up", "../up"),
        (".", "../up", "../up"),
    ] {
        let _ = sandbox
            .run(&["-C", folder, "install", &format!("{typed}#planner")])
            .code(0);
        let manifest = sandbox.read("agentpkg.toml");
        assert!(
            manifest.contains(&format!("path = \"{recorded}\"")),
            "{typed}: {manifest}"
        );
        let lockfile = sandbox.read("agentpkg.lock");
        assert!(
            lockfile.contains(&format!("source = \"{recorded}\"")),
            "{typed}: {lockfile}"
        );
        let _ = sandbox.run(&["install", "--locked"]).code(0);
        let _ = sandbox.run(&["remove", "planner"]).code(0);
        let _ = sandbox
            .run(&["-C", folder, "registry", "add", typed, "--name", "r"])
            .code(0);
        assert!(
            sandbox
                .read("agentpkg.toml")
                .contains(&format!("r = {{ path = \"{recorded}\" }}"))
        );
        let _ = sandbox.run(&["registry", "remove", "r"]).code(0);
    }
}

#[test]
fn a_missing_file_and_several_that_may_be_it_are_said_by_info() {
    let Some(stage) = Stage::new(&[(PLANNER, &agent("planner"))]) else {
        return;
    };
    let _ = stage.run("install team/planner").code(0);
    let path = |name: &str| stage.sandbox.project(&format!(".claude/agents/{name}.md"));
    fs::remove_file(path("planner")).unwrap();
    let said = stage.run("info planner").code(0).all();
    assert!(said.contains("its file is missing"), "{said}");
    assert!(said.contains("Does planner"), "{said}");
    assert!(!said.contains("frontmatter"), "{said}");
    let document = stage.run("info planner --json").json();
    assert_eq!(document["client"]["loads"], false);
    for name in ["a/planner", "b/planner"] {
        stage.copy(name, &agent("planner"));
    }
    let said = stage.run("info planner").code(0).all();
    for name in ["a/planner", "b/planner"] {
        assert!(
            said.contains(&format!(".claude/agents/{name}.md")),
            "{said}"
        );
    }
    assert!(!said.contains("frontmatter"), "{said}");
    let document = stage.run("info planner --json").json();
    assert_eq!(document["elsewhere"].as_array().map(Vec::len), Some(2));
    let _ = stage.run("info ./.claude/agents/a/planner.md").code(0);
}
