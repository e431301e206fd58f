//! Hints: a hinted command, typed exactly as shown, does what the hint says.

use std::fs;

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;

fn agent(name: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Does {name}\ntools: Read\n---\n\n{text}\n")
}

/// The registry `studio` with two versions of `planner`, of which the first is installed and edited; `None` without git.
fn edited() -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    hermetic_git(&sandbox.path().join("home"))?;
    let mut repo = RepoBuilder::bare(&sandbox.path().join("studio.git"));
    for (tag, text) in [("v1.0.0", "One."), ("v2.0.0", "Two.")] {
        repo.file("agents/planner.md", agent("planner", text));
        let _ = repo.commit(tag);
        repo.tag(tag);
    }
    let _ = sandbox
        .run(&["registry", "add", repo.url().as_str(), "--name", "studio"])
        .code(0);
    let _ = sandbox.run(&["install", "studio/planner@^1"]).code(0);
    sandbox.write(
        "project/.claude/agents/planner.md",
        agent("planner", "Mine."),
    );
    Some(sandbox)
}

#[test]
fn an_edited_file_in_the_way_is_merged_by_what_is_hinted() {
    let Some(sandbox) = edited() else { return };
    sandbox.write(
        "project/agentpkg.toml",
        sandbox.read("agentpkg.toml").replace("^1", "^2"),
    );
    let _ = sandbox
        .run(&["update", "planner", "--conflicts=markers"])
        .code(3);
    let output = sandbox.run(&["install"]).code(1);
    insta::assert_snapshot!(output.stderr, @r#"
    error: `.claude/agents/planner.md` was edited, so it is not replaced

    hint: an update of it is pending: `agentpkg resolve planner` finishes it
    hint: `--force` replaces it; a copy stays in .agentpkg/state/history
    "#);
    let output = sandbox.run(&["resolve", "--abort"]).code(0);
    insta::assert_snapshot!(output.stderr, @r#"
    warning: `planner` stays at `^2` in agentpkg.toml; change it there, or update again
         Aborted the update of planner; the file stays as it is
    "#);
    let output = sandbox.run(&["install"]).code(1);
    insta::assert_snapshot!(output.stderr, @r#"
    error: `.claude/agents/planner.md` was edited, so it is not replaced

    hint: `agentpkg update planner` merges it
    hint: `--force` replaces it; a copy stays in .agentpkg/state/history
    "#);
    let output = sandbox.run(&["install", "planner@=2.0.0"]).code(1);
    insta::assert_snapshot!(output.stderr, @r#"
    error: `.claude/agents/planner.md` was edited, so it is not replaced

    hint: `agentpkg update planner --to '=2.0.0'` merges it
    hint: `agentpkg install studio/planner@=2.0.0 --as planner-studio` installs it beside the other one
    hint: `--force` replaces it; a copy stays in .agentpkg/state/history
    "#);
    let _ = sandbox
        .run(&["update", "planner", "--to", "=2.0.0", "--ours"])
        .code(0);
    assert!(sandbox.read("agentpkg.toml").contains("=2.0.0"));
}

#[test]
fn an_update_says_what_was_typed_and_praises_no_rest_that_is_not_there() {
    let Some(sandbox) = edited() else { return };
    let output = sandbox
        .run(&["update", "planner", "--to", "^2", "--conflicts=skip"])
        .code(3);
    assert!(
        output
            .stderr
            .contains("run `agentpkg update planner --to ^2` in a terminal"),
        "{}",
        output.stderr
    );
    fs::rename(
        sandbox.path().join("studio.git"),
        sandbox.path().join("gone.git"),
    )
    .unwrap();
    let output = sandbox.run(&["update", "planner"]).code(1);
    assert!(
        output.stderr.ends_with("error: nothing was updated\n"),
        "{}",
        output.stderr
    );
}

/// Two registries that both have a `debugger` and a `planner`.
fn twice() -> Sandbox {
    let sandbox = Sandbox::new();
    for registry in ["one", "two"] {
        for name in ["debugger", "planner"] {
            let text = agent(name, &format!("Of {registry}."));
            sandbox.write(&format!("project/{registry}/{name}.md"), text);
        }
        let _ = sandbox
            .run(&["registry", "add", &format!("./{registry}")])
            .code(0);
    }
    sandbox
}

#[test]
fn an_ambiguous_name_is_answered_with_the_command_that_was_typed() {
    let sandbox = twice();
    let mut all = String::new();
    for arguments in [
        &["info", "debugger"][..],
        &[
            "install",
            "one/planner",
            "debugger@=1.0.0",
            "--mcp",
            "skip",
            "--allow",
            "Bash",
        ],
        &["install", "debugger", "--as", "mine"],
    ] {
        let output = sandbox
            .run(arguments)
            .code(if arguments.contains(&"info") { 1 } else { 4 });
        all.push_str(&format!(
            "$ agentpkg {}\n{}\n",
            arguments.join(" "),
            output.stderr
        ));
    }
    insta::assert_snapshot!(all, @r#"
    $ agentpkg info debugger
    error: `debugger` means 3 different agents
      one/debugger      debugger.md
      two/debugger      debugger.md
      builtin/debugger  agents/debugger.md 1.0.0

    hint: name one, for example `agentpkg info builtin/debugger`

    $ agentpkg install one/planner debugger@=1.0.0 --mcp skip --allow Bash
    error: `debugger` means 3 different agents, of which 1 can be had at `=1.0.0`
      builtin/debugger@=1.0.0  agents/debugger.md 1.0.0

    hint: name one, for example `agentpkg install one/planner builtin/debugger@=1.0.0 --mcp skip --allow Bash`

    $ agentpkg install debugger --as mine
    error: `debugger` means 3 different agents
      one/debugger      debugger.md
      two/debugger      debugger.md
      builtin/debugger  agents/debugger.md 1.0.0

    hint: name one, for example `agentpkg install builtin/debugger --as mine`
    "#);
    let _ = sandbox.run(&["info", "two/debugger"]).code(0);
    let _ = sandbox
        .run(&["install", "two/debugger", "--as", "mine"])
        .code(0);
}

#[test]
fn an_ambiguous_name_of_the_manifest_is_said_with_its_line() {
    let sandbox = twice();
    let registries = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        format!("{registries}\n[agents]\ndebugger = {{ version = \"*\", pin = [\"model\"] }}\n"),
    );
    let mut all = String::new();
    for arguments in [
        &["install", "--mcp", "skip"][..],
        &["install", "one/planner"],
        &["install", "debugger"],
        &["update", "debugger", "--to", "^2", "--allow", "Bash"],
    ] {
        let output = sandbox
            .run(arguments)
            .code(if arguments.contains(&"--to") { 1 } else { 4 });
        all.push_str(&format!(
            "$ agentpkg {}\n{}\n",
            arguments.join(" "),
            output.stderr
        ));
    }
    insta::assert_snapshot!(all, @r#"
    $ agentpkg install --mcp skip
    error: `debugger` in agentpkg.toml means 3 different agents
     --> agentpkg.toml:6:1
      |
    6 | debugger = { version = "*", pin = ["model"] }
      | ^^^^^^^^ it does not say which
      one/debugger      debugger.md
      two/debugger      debugger.md
      builtin/debugger  agents/debugger.md 1.0.0

    hint: say which there, for example `debugger = { registry = "builtin", pin = ["model"] }`, then `agentpkg install --mcp skip`

    $ agentpkg install one/planner
    error: `debugger` in agentpkg.toml means 3 different agents
     --> agentpkg.toml:6:1
      |
    6 | debugger = { version = "*", pin = ["model"] }
      | ^^^^^^^^ it does not say which
      one/debugger      debugger.md
      two/debugger      debugger.md
      builtin/debugger  agents/debugger.md 1.0.0

    hint: say which there, for example `debugger = { registry = "builtin", pin = ["model"] }`, then `agentpkg install one/planner`

    $ agentpkg install debugger
    error: `debugger` means 3 different agents
      one/debugger      debugger.md
      two/debugger      debugger.md
      builtin/debugger  agents/debugger.md 1.0.0

    hint: name one, for example `agentpkg install builtin/debugger`

    $ agentpkg update debugger --to ^2 --allow Bash
         Checked 3 sources
    error: none of the 3 agents named `debugger` can be had at that version
     --> agentpkg.toml:6:1
      |
    6 | debugger = { version = "*", pin = ["model"] }
      | ^^^^^^^^ it does not say which
      one/debugger: `debugger` comes from a folder, which has no versions
      two/debugger: `debugger` comes from a folder, which has no versions
      builtin/debugger: `debugger` has no version matching `^2`; newest: 1.0.0
    error: nothing was updated
    "#);
    let line = "debugger = { registry = \"two\", pin = [\"model\"] }";
    sandbox.write(
        "project/agentpkg.toml",
        format!("{registries}\n[agents]\n{line}\n"),
    );
    let _ = sandbox.run(&["install", "--mcp", "skip"]).code(0);
    assert!(
        sandbox
            .read(".claude/agents/debugger.md")
            .contains("Of two.")
    );
}

#[test]
fn a_version_that_is_not_there_is_answered_where_it_was_asked_for() {
    let Some(sandbox) = edited() else { return };
    let mut all = String::new();
    for arguments in [
        &["update", "planner", "--to", "^9"][..],
        &["install", "studio/planner@99.0.0"],
        &["install", "studio/planner@^1.9"],
        &["info", "studio/planner@nothing"],
    ] {
        let output = sandbox.run(arguments).code(1);
        all.push_str(&format!(
            "$ agentpkg {}\n{}\n",
            arguments.join(" "),
            output.stderr
        ));
    }
    let manifest = sandbox.read("agentpkg.toml").replace("^1", "^9");
    sandbox.write("project/agentpkg.toml", manifest);
    let output = sandbox.run(&["install"]).code(1);
    all.push_str(&format!("$ agentpkg install\n{}\n", output.stderr));
    let all = all.replace(&sandbox.path().display().to_string(), "");
    insta::assert_snapshot!(all, @r#"
    $ agentpkg update planner --to ^9
    error: `planner` has no version matching `^9`
      newest: v2.0.0, v1.0.0

    hint: for example `--to 2.0.0`

    $ agentpkg install studio/planner@99.0.0
    error: `planner` has no version matching `^99.0.0`
      newest: v2.0.0, v1.0.0

    hint: for example `studio/planner@2.0.0`

    $ agentpkg install studio/planner@^1.9
    error: `planner` has no version matching `^1.9`
      newest: v2.0.0, v1.0.0

    hint: for example `studio/planner@1.0.0`, or `studio/planner@^2`

    $ agentpkg info studio/planner@nothing
    error: `file:///studio.git` has no branch, tag or commit `nothing`
      branches: main
      versions: v2.0.0, v1.0.0

    hint: leave out `@nothing`, or name another, for example `studio/planner@main`

    $ agentpkg install
    error: `planner` has no version matching `^9`
      newest: v2.0.0, v1.0.0

    hint: for example `version = "2.0.0"` in agentpkg.toml
    "#);
}

#[test]
fn what_brings_servers_of_its_own_is_trusted_by_a_whole_command() {
    let sandbox = Sandbox::new();
    let text = agent("inl", "Mine.").replace(
        "tools: Read",
        "tools: Read\npermissionMode: plan\nmcpServers:\n  - context7",
    );
    sandbox.write("project/inl.md", text);
    let output = sandbox
        .run(&["install", "./inl.md", "--mcp", "skip"])
        .code(4);
    assert!(
        output.stderr.contains("if that is meant: `agentpkg install ./inl.md --mcp skip --allow mcpServers,permissionMode`"),
        "{}",
        output.stderr
    );
    let _ = sandbox
        .run(&[
            "install",
            "./inl.md",
            "--mcp",
            "skip",
            "--allow",
            "permissionMode,mcpServers",
        ])
        .code(0);
}

#[test]
fn the_start_screen_advises_commands_for_where_the_user_stands() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.project("sub folder")).unwrap();
    let output = sandbox.run(&["-C", "sub folder", "--user"]).code(0);
    insta::assert_snapshot!(output.stdout, @r#"
    No agents are installed here yet.

      agentpkg -C 'sub folder' --user search WORD                 find an agent in the registries
      agentpkg -C 'sub folder' --user install backend-architect   install one
      agentpkg -C 'sub folder' --user registry add gh:owner/repo  add a git repository or a folder
      agentpkg -C 'sub folder' --user --help                      all commands
    "#);
    let json = sandbox.run(&["--user", "--json"]).code(0).json();
    assert_eq!(json["steps"][0]["command"], "agentpkg --user search WORD");
}

#[test]
fn slips_of_the_pen_are_answered_in_our_words() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&["install", "planner"]);
    let mut all = String::new();
    for arguments in [
        &["registry", "ad", "x"][..],
        &["registry", "rm", "x"],
        &["registry", "update"],
        &["registry", "nonsense"],
        &["search", "--server", "x"],
        &["--frce", "install", "x"],
        &["-v"],
        &["search", "--limit", "0"],
        &["search", "--limit", "many"],
        &["install", "planner@^1.x.y"],
        &["install", "@1"],
        &["install", "planner@"],
        &["install", "studio/planner#x"],
    ] {
        let output = sandbox.run(arguments).code(2);
        all.push_str(&format!(
            "$ agentpkg {}\n{}\n",
            arguments.join(" "),
            output.stderr
        ));
    }
    insta::assert_snapshot!(all, @r#"
    $ agentpkg registry ad x
    error: there is no command `registry ad`

    hint: did you mean `agentpkg registry add`?

    $ agentpkg registry rm x
    error: there is no command `registry rm`

    hint: did you mean `agentpkg registry remove`?

    $ agentpkg registry update
    error: there is no command `registry update`

    hint: did you mean `agentpkg registry refresh`?

    $ agentpkg registry nonsense
    error: there is no command `registry nonsense`

    hint: `agentpkg registry --help` lists the commands

    $ agentpkg search --server x
    error: there is no option `--server`

    hint: did you mean `--needs-mcp`?

    $ agentpkg --frce install x
    error: there is no option `--frce`

    hint: did you mean `agentpkg install --force`?

    $ agentpkg -v
    error: there is no option `-v`

    hint: `agentpkg --version` or `-V` prints the version

    $ agentpkg search --limit 0
    error: `--limit` cannot be `0`
      caused by: it has to be at least 1

    hint: `agentpkg search --help` shows how to use it

    $ agentpkg search --limit many
    error: `--limit` cannot be `many`
      caused by: it is not a whole number

    hint: `agentpkg search --help` shows how to use it

    $ agentpkg install planner@^1.x.y
    error: `^1.x.y` is not a version requirement; write it like `^1.2`, `=1.4.0` or `>=1, <3`

    $ agentpkg install @1
    error: the name of an agent is missing in `@1`

    hint: write for example `backend-architect`, `gh:owner/repo#name` or `./agent.md`

    $ agentpkg install planner@
    error: the version is missing; leave out `@`, or write for example `@^1.2`

    $ agentpkg install studio/planner#x
    error: `studio/planner#x` has both `/` and `#`; write `gh:studio/planner#x`
    "#);
    let _ = sandbox
        .run(&["install", "code-reviewer", "--mcp", "skip"])
        .code(0);
    let output = sandbox.run(&["diff", "code-reviewr"]).code(1);
    assert!(
        output.stderr.contains("did you mean `code-reviewer`?"),
        "{}",
        output.stderr
    );
}

#[test]
fn what_was_done_is_said_and_what_was_not_is_not() {
    let sandbox = twice();
    let output = sandbox.run(&["registry", "add", "./one"]).code(0);
    assert_eq!(output.stderr, "   Unchanged one  2 agents\n");
    let registries = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        format!("{registries}\n[agents]\nscribe = \"*\"\n"),
    );
    let output = sandbox.run(&["remove", "scribe"]).code(0);
    assert_eq!(
        output.stderr,
        "     Removed scribe from agentpkg.toml  it was not installed\n"
    );
}

#[test]
fn each_command_has_the_global_options_once() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.project("sub folder")).unwrap();
    let mut all = String::new();
    for arguments in [
        &["list"][..],
        &["search", "nothing-like-it"],
        &["remove", "nothing-like-it"],
        &["update"],
        &["install"],
        &["install", "debugger", "--mcp", "skip"],
        &["init"],
        &["undo", "9"],
        &["undo"],
        &["registry", "ad", "x"],
    ] {
        let output = sandbox.run(&[&["-C", "sub folder", "--user"], arguments].concat());
        for line in output
            .stderr
            .lines()
            .filter(|line| line.contains("`agentpkg "))
        {
            all.push_str(&format!("{}: {}\n", arguments[0], line.trim()));
        }
    }
    insta::assert_snapshot!(all, @r#"
    list: No agents are installed. Try `agentpkg -C 'sub folder' --user install backend-architect`, or `agentpkg -C 'sub folder' --user list --available`.
    search: Nothing was found in 1 registry. `agentpkg -C 'sub folder' --user registry add URL` adds another one.
    search: Not in your registries; `agentpkg -C 'sub folder' --user search nothing-like-it --known` looks in 17 public ones (fetches them).
    remove: hint: `agentpkg -C 'sub folder' --user list` shows what is installed
    update: Nothing is installed yet. Try `agentpkg -C 'sub folder' --user install backend-architect`.
    install: agentpkg.toml lists no agents yet. Try `agentpkg -C 'sub folder' --user install backend-architect`, or `agentpkg -C 'sub folder' --user list --available`.
    init: hint: `agentpkg -C 'sub folder' --user install NAME` adds agents to it
    undo: hint: `agentpkg -C 'sub folder' --user undo --list` shows what can be undone
    undo: Bring it back with `agentpkg -C 'sub folder' --user undo 2`.
    registry: hint: did you mean `agentpkg registry add`?
    "#);
}

#[test]
fn documents_have_commands_as_data() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.project("sub folder")).unwrap();
    let run = |arguments: &[&str]| {
        let global = ["-C", "sub folder", "--user", "--json"];
        sandbox.run(&[&global, arguments].concat())
    };
    let hints = |arguments: &[&str]| run(arguments).json()["error"]["hints"].clone();
    assert_eq!(
        hints(&["remove", "nothing-like-it"]),
        serde_json::json!([{
            "text": "`agentpkg -C 'sub folder' --user list` shows what is installed",
            "command": "agentpkg -C 'sub folder' --user list",
        }])
    );
    assert_eq!(
        hints(&["registry", "add", "./x", "--name", "builtin"]),
        serde_json::json!([{ "text": "choose another name with `--name`", "command": null }])
    );
    assert_eq!(
        run(&[]).code(0).json()["steps"][0]["command"],
        "agentpkg -C 'sub folder' --user search WORD"
    );
    let text = agent("odd", "Text.").replace("Read", "Read, LS, LSTool, read, TodoRead, Computer");
    sandbox.write("home/.claude/agents/odd.md", text);
    let _ = run(&["install", "debugger", "--mcp", "skip"]).code(0);
    fs::remove_file(sandbox.path().join("home/.claude/agents/debugger.md")).unwrap();
    let document = run(&["check"]).code(4).json();
    assert_eq!(document["schema_version"], 1);
    let findings = document["findings"].as_array().unwrap();
    let of = |kind: &str| findings.iter().find(|found| found["kind"] == kind).unwrap();
    let command = "agentpkg -C 'sub folder' --user install";
    assert_eq!(of("missing-file")["fix"], command);
    assert_eq!(of("missing-file")["command"], command);
    assert_eq!(of("missing-file")["tools"], serde_json::json!([]));
    let odd = of("odd-tools");
    assert_eq!(odd["fix"], "edit its `tools` line");
    assert_eq!(odd["command"], serde_json::Value::Null);
    insta::assert_snapshot!(odd["tools"], @r#"
    [{"name":"LS","now":"Glob"},{"name":"LSTool","now":"Glob"},{"name":"read","now":"Read"},{"name":"TodoRead","now":"TodoWrite"},{"name":"Computer","now":null}]
    "#);
}
