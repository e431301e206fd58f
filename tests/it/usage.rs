//! Wrong arguments, help, and the words of other tools.

use std::fs;

use crate::support::sandbox::Sandbox;

/// Only the command that was typed is described, so it has to be found among the options as it is found when they are read.
#[test]
fn a_value_that_is_called_like_a_command_is_none() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.project("list")).unwrap();
    for options in [
        &["-C", "list"][..],
        &["-Clist"],
        &["-C=list"],
        &["-qC", "list"],
        &["-qClist"],
        &["--directory", "list"],
        &["--directory=list"],
        &["--wait", "5", "-q"],
        &["--color", "never", "--wait=5", "-C", "list"],
    ] {
        for command in [&["outdated"][..], &["ls"], &["help", "list"], &[]] {
            let _ = sandbox.run(&[options, command].concat()).code(0);
            let after = sandbox.run(&[command, options].concat());
            assert!(matches!(after.code, 0 | 2), "{command:?} {options:?}");
        }
    }
    let help = sandbox.run(&["list", "--help"]).code(0).stdout;
    assert!(help.contains("Usage: agentpkg list [OPTIONS]"), "{help}");
}

#[test]
fn what_makes_no_sense_is_said_as_every_other_error() {
    let sandbox = Sandbox::new();
    let mut all = String::new();
    for arguments in [
        &["instal", "x"][..],
        &["nonsense"],
        &["install", "--frce"],
        &["install", "--nothing-like-it"],
        &["init", "x"],
        &["update", "--conflicts=foo"],
        &["update", "--to"],
        &["update", "--to", "^2"],
        &["update", "--ours", "--theirs"],
        &["undo", "1", "2"],
        &["remove"],
        &["rm", "--frce"],
        &["-C"],
        &["--color", "red", "list"],
        &["merge-file", "a", "b", "c", "--marker-size", "0"],
        &["list", "--user", "--user"],
    ] {
        // What `merge-file` ends with is a number of conflicts.
        let code = if arguments[0] == "merge-file" { 255 } else { 2 };
        let output = sandbox.run(arguments).code(code);
        assert_eq!(output.stdout, "");
        for foreign in ["tip:", "For more information", "\'", "Usage:"] {
            assert!(
                !output.stderr.contains(foreign),
                "{foreign} in {}",
                output.stderr
            );
        }
        all.push_str(&format!(
            "$ agentpkg {}\n{}\n",
            arguments.join(" "),
            output.stderr
        ));
    }
    insta::assert_snapshot!(all, @r#"
    $ agentpkg instal x
    error: there is no command `instal`

    hint: did you mean `agentpkg install`?

    $ agentpkg nonsense
    error: there is no command `nonsense`

    hint: `agentpkg --help` lists the commands

    $ agentpkg install --frce
    error: there is no option `--frce`

    hint: did you mean `--force`?

    $ agentpkg install --nothing-like-it
    error: there is no option `--nothing-like-it`

    hint: `agentpkg install --help` shows how to use it

    $ agentpkg init x
    error: unexpected argument `x`

    hint: `agentpkg init --help` shows how to use it

    $ agentpkg update --conflicts=foo
    error: `--conflicts` cannot be `foo`

    hint: there are `fail`, `skip`, `markers`

    $ agentpkg update --to
    error: `--to` needs a value

    hint: `agentpkg update --help` shows how to use it

    $ agentpkg update --to ^2
    error: `NAME` is missing

    hint: the form is `agentpkg update --to <VERSION> <NAME>...`

    $ agentpkg update --ours --theirs
    error: `--ours` and `--theirs` cannot be used together

    hint: `agentpkg update --help` shows how to use it

    $ agentpkg undo 1 2
    error: only one operation can be undone at a time; `2` is another one

    $ agentpkg remove
    error: `NAME` is missing

    hint: the form is `agentpkg remove <NAME>...`

    $ agentpkg rm --frce
    error: there is no option `--frce`

    hint: did you mean `--force`?

    $ agentpkg -C
    error: `--directory` needs a value

    hint: `agentpkg --help` shows how to use it

    $ agentpkg --color red list
    error: `--color` cannot be `red`

    hint: there are `auto`, `always`, `never`

    $ agentpkg merge-file a b c --marker-size 0
    error: `--marker-size` cannot be `0`
      caused by: 0 is not in 1..=1000

    hint: `agentpkg merge-file --help` shows how to use it

    $ agentpkg list --user --user
    error: `--user` can be given only once

    hint: `agentpkg list --help` shows how to use it
    "#);
}

#[test]
fn the_words_of_other_tools_are_understood() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&["add", "backend-architect"]).code(0);
    assert!(
        sandbox
            .project(".claude/agents/backend-architect.md")
            .exists()
    );
    let _ = sandbox
        .run(&["upgrade", "backend-architect", "--check"])
        .code(0);
    let _ = sandbox.run(&["rm", "backend-architect"]).code(0);
    let _ = sandbox.run(&["add", "backend-architect"]).code(0);
    let _ = sandbox.run(&["uninstall", "backend-architect"]).code(0);
    assert!(
        !sandbox
            .project(".claude/agents/backend-architect.md")
            .exists()
    );
    let help = sandbox.run(&["--help"]).code(0).stdout;
    assert!(
        !help.contains("uninstall") && !help.contains("upgrade"),
        "they are understood, not taught: {help}"
    );
    assert!(
        sandbox
            .run(&["rm", "--help"])
            .code(0)
            .stdout
            .contains("Usage: agentpkg remove")
    );
}

#[test]
fn every_help_ends_with_examples() {
    let sandbox = Sandbox::new();
    let list = sandbox.run(&["--help"]).code(0).stdout;
    let names = list
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "));
    let names: Vec<&str> = names
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "merge-file") {
        let help = sandbox.run(&[name, "--help"]).code(0).stdout;
        let (usage, examples) = (help.find("Usage: agentpkg"), help.find("\nExamples:\n"));
        assert!(usage.is_some() && usage < examples, "{name}: {help}");
        let last = help[examples.unwrap()..].trim_end();
        let mut examples = last.lines().skip(2);
        assert!(
            examples.all(|line| line.starts_with("  agentpkg ")),
            "{name}: each has a line, and nothing follows them: {help}"
        );
    }
}

#[test]
fn the_folder_to_run_in_must_be_one() {
    let sandbox = Sandbox::new();
    sandbox.write("project/file.txt", "x");
    let output = sandbox.run(&["-C", "file.txt", "list"]).code(2);
    assert!(
        output
            .stderr
            .starts_with("error: `-C` needs a folder, which is not `file.txt`\n"),
        "{}",
        output.stderr
    );
    let output = sandbox.run(&["-C", "nowhere", "list"]).code(2);
    assert!(
        output
            .stderr
            .starts_with("error: there is no folder `nowhere`\n"),
        "{}",
        output.stderr
    );
}

#[test]
fn paths_are_shown_as_a_person_would_write_them() {
    let sandbox = Sandbox::new();
    let root = fs::canonicalize(sandbox.path()).unwrap();
    for typed in ["../nothere", "./../nothere", "../project/../nothere"] {
        let output = sandbox.run(&["install", &format!("{typed}#x")]).code(1);
        let shown = root.join("nothere");
        assert!(
            output.stderr.contains(&format!("`{}`", shown.display())),
            "{typed}: {}",
            output.stderr
        );
    }
}

#[test]
fn unresolved_conflicts_in_the_manifest_are_named() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "project/agentpkg.toml",
        "[agents]\n<<<<<<< HEAD\na = \"1\"\n=======\na = \"2\"\n>>>>>>> side\n",
    );
    insta::assert_snapshot!(sandbox.run(&["update"]).code(1).stderr, @r#"
    error: `agentpkg.toml` has an unresolved merge conflict
     --> agentpkg.toml:2:1
      |
    2 | <<<<<<< HEAD
      | ^^^^^^^ a conflict marker of a version control system

    hint: keep the lines that you want of both sides, and remove the markers
    "#);
}

#[test]
fn init_can_be_undone() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&["init"]).code(0);
    assert!(sandbox.read("agentpkg.toml").contains("[registries]"));
    assert!(
        sandbox
            .run(&["init"])
            .code(1)
            .stderr
            .contains("`agentpkg.toml` already exists")
    );
    let output = sandbox.run(&["undo"]).code(0);
    assert!(
        output.stderr.contains("Undid init") && !sandbox.project("agentpkg.toml").exists(),
        "{}",
        output.stderr
    );
    let _ = sandbox.run(&["init"]).code(0);
    let _ = sandbox.run(&["install", "debugger"]).code(0);
    let _ = sandbox.run(&["undo"]).code(0);
    assert!(!sandbox.read("agentpkg.toml").contains("\ndebugger"));
    let _ = sandbox.run(&["undo"]).code(0);
    assert!(!sandbox.project("agentpkg.toml").exists());
}

#[test]
fn words_of_other_tools_are_taken_or_answered_with_ours() {
    let sandbox = Sandbox::new();
    for (typed, meant) in [("i", "install"), ("ls", "list"), ("up", "update")] {
        let [typed, meant] =
            [typed, meant].map(|name| sandbox.run(&[name, "--help"]).code(0).all());
        assert_eq!(typed, meant);
    }
    for view in ["show", "view"] {
        let _ = sandbox.run(&[view, "builtin/debugger"]).code(0);
    }
    for (typed, meant) in [
        ("sync", "agentpkg install"),
        ("tap", "agentpkg registry add"),
        ("rollback", "agentpkg undo"),
        ("freeze", "agentpkg list"),
    ] {
        let output = sandbox.run(&[typed]).code(2);
        assert!(
            output.stderr.contains(&format!("did you mean `{meant}`?")),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn a_registry_is_added_with_its_name_before_or_behind_it() {
    let sandbox = Sandbox::new();
    sandbox.write("agents/one.md", "---\nname: one\ndescription: d\n---\n");
    sandbox.write(
        "acme/agents/two.md",
        "---\nname: two\ndescription: d\n---\n",
    );
    for (arguments, name) in [
        (["../agents", "first"], "first"),
        (["second", "../agents"], "second"),
    ] {
        let output = sandbox
            .run(&[&["registry", "add"][..], &arguments, &["--json"]].concat())
            .code(0)
            .json();
        assert_eq!(output["registry"]["name"], name);
    }
    // Two repositories of one name: the second is named after its owner.
    let add = |source: &str| {
        let output = sandbox.run(&["registry", "add", source, "--json"]).code(0);
        output.json()["registry"]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(add("../agents"), "agents");
    assert_eq!(add("../acme/agents"), "acme");
    assert_eq!(add("../acme/agents"), "acme", "once is enough");
}

#[test]
fn an_option_that_is_not_there_is_answered_with_what_is_meant() {
    let sandbox = Sandbox::new();
    for (line, hint) in [
        (
            "update --all",
            "hint: `agentpkg update` is about all agents\n",
        ),
        (
            "remove --all",
            "hint: `agentpkg remove --help` shows how to use it\n",
        ),
        ("install -g debugger", "hint: did you mean `--user`?\n"),
        ("list --global", "hint: did you mean `--user`?\n"),
        (
            "update --allow-insecur",
            "hint: did you mean `--allow-insecure`?\n",
        ),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = sandbox.run(&arguments).code(2);
        assert!(output.stderr.ends_with(hint), "{line}: {}", output.stderr);
    }
}

#[test]
fn a_word_of_allow_that_means_nothing_is_refused_by_every_command() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&["install", "debugger", "-q"]).code(0);
    for command in [
        &["install"][..],
        &["install", "debugger"],
        &["install", "code-reviewer", "--dry-run"],
        &["update"],
        &["update", "debugger", "--check"],
    ] {
        let output = sandbox
            .run(&[command, &["--allow", "Bsh"]].concat())
            .code(2);
        insta::allow_duplicates! {
            insta::assert_snapshot!(output.stderr, @r#"
            error: `--allow` cannot be `Bsh`

            hint: did you mean `Bash`?
            hint: it takes `all`, `tools`, `*`, `shadow`, `moved-tag`, `hooks`, `permissionMode`, `mcpServers`, `initialPrompt`, `observer`, `observerMessage`, `observeSubagents`, `observeToolResults`, `omitClaudeMd`, `isolation`, `memory`, or the name of a tool or of a server
            "#);
        }
        let known = "Bash(git *),mcp__db,hooks,moved-tag,shadow,all,tools,*";
        let _ = sandbox
            .run(&[command, &["--allow", known]].concat())
            .code(0);
    }
}

#[test]
fn a_word_behind_list_is_looked_for_in_the_names() {
    let sandbox = Sandbox::new();
    let none = sandbox.run(&["list", "debug"]).code(0);
    assert!(
        none.stderr.contains("No agents are installed"),
        "{}",
        none.stderr
    );
    let _ = sandbox
        .run(&["install", "debugger", "code-reviewer", "-q"])
        .code(0);
    for command in [
        &["list"][..],
        &["list", "--all"],
        &["list", "--cost"],
        &["ls"],
    ] {
        let output = sandbox.run(&[command, &["DEBUG"]].concat()).code(0);
        let shown = output.stdout;
        assert!(
            shown.contains("debugger") && !shown.contains("code-reviewer"),
            "{shown}"
        );
    }
    let output = sandbox.run(&["list", "gh:owner/repo"]).code(0);
    insta::assert_snapshot!(output.all(), @r#"
    exit 0
    --- stdout
    --- stderr
    No agent has `gh:owner/repo` in its name. `agentpkg list --available gh:owner/repo` lists what that offers.
    "#);
}

#[test]
fn many_errors_are_a_few_and_a_count() {
    let sandbox = Sandbox::new();
    let names = [
        "./aa1.md", "./aa2.md", "./aa3.md", "./aa4.md", "./aa5.md", "./aa6.md", "./aa7.md",
    ];
    let output = sandbox.run(&[&["install"], &names[..]].concat()).code(1);
    assert_eq!(output.stderr.matches("error: there is no file").count(), 5);
    assert!(
        output
            .stderr
            .contains("and 2 more errors, which `--json` lists\n"),
        "{}",
        output.stderr
    );
}
