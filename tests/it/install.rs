//! `install`, `remove`, `list` and `info` as a user runs them.

use std::fs;

use crate::support::sandbox::{Sandbox, finish};

const PLANNER: &str =
    "---\nname: planner\ndescription: Plans work\ntools: Read, Grep\n---\n\nPlan it.\n";
const BROKEN: &str = "---\nname: guide\ndescription: Guides people. Examples:\n\nContext: lost\nuser: \"where\"\ntools: Read\n---\n\nGuide --- them.\n";

#[test]
fn the_first_install_needs_no_network_no_git_and_no_home() {
    let sandbox = Sandbox::new();
    let output = finish(
        sandbox
            .command()
            .env_clear()
            .env("HOME", "/nonexistent")
            .args(["install", "backend-architect"]),
    )
    .code(0);
    insta::assert_snapshot!(output.all(), @r#"
    exit 0
    --- stdout
    --- stderr
        Resolved backend-architect 1.0.0 (builtin)
       Installed .claude/agents/backend-architect.md
            Cost +76 tokens in each session, 76 of 15k

      may use   Read, Grep, Glob, Write
      can       change files
      needs     nothing else

    Try it in Claude Code: "use the backend-architect agent to ...".
    "#);
    let before = sandbox.files();
    let output = sandbox.run(&["install"]).code(0);
    assert_eq!(output.stderr, "   Unchanged backend-architect\n");
    let _ = sandbox.run(&["install", "backend-architect"]).code(0);
    assert_eq!(sandbox.files(), before, "a second install changes nothing");
}

#[test]
fn what_was_installed_is_listed_and_removed_without_a_trace() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&["install", "debugger", "test-writer"]).code(0);
    let output = sandbox.run(&["list"]).code(0);
    assert_eq!(
        output.stdout,
        "debugger\t1.0.0\tclean\tbuiltin\ntest-writer\t1.0.0\tclean\tbuiltin\n"
    );
    let _ = sandbox.run(&["remove", "debugger"]).code(0);
    assert!(!sandbox.project(".claude/agents/debugger.md").exists());
    let _ = sandbox.run(&["remove", "test-writer"]).code(0);
    assert_eq!(sandbox.read("agentpkg.toml"), "[agents]\n");
    assert!(
        !sandbox
            .files()
            .iter()
            .any(|(path, _)| path.contains("base") || path.ends_with(".md")),
        "no base and no agent is left"
    );
    assert!(
        sandbox
            .run(&["remove", "debuger"])
            .code(1)
            .stderr
            .contains("there is no agent `debuger` here")
    );
}

#[test]
fn a_file_of_the_user_is_never_replaced() {
    let sandbox = Sandbox::new();
    sandbox.write("project/.claude/agents/debugger.md", "mine");
    let output = sandbox.run(&["install", "debugger"]).code(1);
    assert!(
        output.stderr.contains("agentpkg did not write it") && output.stderr.contains("--force"),
        "{}",
        output.stderr
    );
    assert_eq!(sandbox.files().len(), 1, "nothing was written");
    let _ = sandbox.run(&["install", "debugger", "--force"]).code(0);
    let copies = fs::read_dir(sandbox.project(".agentpkg/state/history/objects")).unwrap();
    assert!(
        copies
            .map(|copy| fs::read(copy.unwrap().path()).unwrap())
            .any(|bytes| bytes == b"mine"),
        "a copy is kept"
    );

    let edited = sandbox.read(".claude/agents/debugger.md") + "\nMy own rule.\n";
    fs::write(sandbox.project(".claude/agents/debugger.md"), &edited).unwrap();
    let _ = sandbox.run(&["install"]).code(0);
    assert_eq!(
        sandbox.read(".claude/agents/debugger.md"),
        edited,
        "edits stay"
    );
    assert!(sandbox.run(&["list"]).code(0).stdout.contains("edited"));
    let output = sandbox.run(&["remove", "debugger"]).code(1);
    assert!(
        output.stderr.contains("was edited") && output.stderr.contains("agentpkg undo"),
        "{}",
        output.stderr
    );
    fs::remove_file(sandbox.project(".claude/agents/debugger.md")).unwrap();
    assert!(sandbox.run(&["list"]).code(0).stdout.contains("missing"));
    let _ = sandbox.run(&["install", "--offline", "--locked"]).code(0);
    assert!(
        sandbox
            .read(".claude/agents/debugger.md")
            .contains("name: debugger"),
        "a missing file comes back from its base"
    );
}

#[test]
fn broken_frontmatter_is_repaired_and_the_body_stays() {
    let sandbox = Sandbox::new();
    sandbox.write("project/agents/guide.md", BROKEN);
    let info = sandbox
        .run(&["info", "./agents/guide.md", "--json"])
        .code(0)
        .json();
    assert_eq!(
        (&info["client"]["loads"], &info["adapted"]["loads"]),
        (&false.into(), &true.into())
    );
    let output = sandbox.run(&["install", "./agents#guide"]).code(0);
    assert!(
        output.stderr.contains("Repaired description"),
        "{}",
        output.stderr
    );
    let installed = sandbox.read(".claude/agents/guide.md");
    assert!(
        installed.ends_with("tools: Read\n---\n\nGuide --- them.\n"),
        "{installed}"
    );
    assert!(
        sandbox
            .read("agentpkg.lock")
            .contains("adaptations = [\"repair:description\"]")
    );
    let _ = sandbox
        .run(&["install", "./agents#guide", "--as", "leader", "--verbatim"])
        .code(0);
    assert_eq!(sandbox.read(".claude/agents/leader.md"), BROKEN);
}

#[test]
fn a_name_that_means_two_agents_is_an_error_with_specs_to_paste() {
    let sandbox = Sandbox::new();
    sandbox.write("project/reg/a/planner.md", PLANNER).write(
        "project/reg/b/planner.md",
        PLANNER.replace("Plan it", "Plan that"),
    );
    let output = sandbox.run(&["install", "./reg#planner"]).code(4);
    insta::assert_snapshot!(output.stderr, @r#"
    error: `planner` means 2 different agents
      ./reg#a/planner.md
      ./reg#b/planner.md

    hint: name one, for example `agentpkg install ./reg#b/planner.md`
    hint: or keep both: `agentpkg install ./reg#a/planner.md && agentpkg install ./reg#b/planner.md --as planner-reg`
    "#);
    let _ = sandbox.run(&["install", "./reg#b/planner.md"]).code(0);
    let _ = sandbox
        .run(&["install", "./reg#a/planner.md", "--as", "other"])
        .code(0);
    assert!(
        sandbox
            .read(".claude/agents/other.md")
            .contains("name: other\n")
    );
    let _ = sandbox.run(&["install", "--locked"]).code(0);
}

#[test]
fn the_same_manifest_and_lock_give_the_same_bytes_elsewhere() {
    let (one, two) = (Sandbox::new(), Sandbox::new());
    for sandbox in [&one, &two] {
        sandbox
            .write("project/agents/guide.md", BROKEN)
            .write("project/agents/planner.md", PLANNER);
    }
    let _ = one.run(&["install", "./agents", "--all"]).code(0);
    let _ = one.run(&["install", "code-reviewer"]).code(0);
    for file in ["agentpkg.toml", "agentpkg.lock"] {
        two.write(&format!("project/{file}"), one.read(file));
    }
    let _ = two.run(&["install", "--locked"]).code(0);
    assert_eq!(one.files(), two.files());
    two.write(
        "project/agents/planner.md",
        PLANNER.replace("Plan it", "Changed"),
    );
    fs::remove_dir_all(two.project(".claude")).unwrap();
    fs::remove_dir_all(two.project(".agentpkg/base")).unwrap();
    let output = two.run(&["install", "--locked"]);
    // The cache may still have the locked bytes, but must never give other ones.
    assert!(
        output.code == 1 || two.read(".claude/agents/planner.md") == PLANNER,
        "{}",
        output.all()
    );
}

#[test]
fn powers_over_the_session_need_leave() {
    let sandbox = Sandbox::new();
    let agent = "---\nname: hooked\ndescription: d\nhooks:\n  Stop:\n    - hooks:\n        - type: command\n          command: rm -rf x\n---\nb\n";
    sandbox.write("project/agents/hooked.md", agent);
    for arguments in [
        &["install", "./agents#hooked"][..],
        &["install", "./agents#hooked", "--yes"],
    ] {
        let output = sandbox.run(arguments).code(4);
        assert!(
            output
                .stderr
                .contains("requests permissions that need consent")
                && output.stderr.contains("+ hooks  runs `rm -rf x` at Stop"),
            "{}",
            output.stderr
        );
    }
    assert!(!sandbox.project(".claude").exists());
    let _ = sandbox
        .run(&["install", "./agents#hooked", "--allow", "hooks"])
        .code(0);
    let _ = sandbox.run(&["install", "--locked"]).code(0);
    assert!(
        sandbox
            .read("agentpkg.lock")
            .contains("allowed = [\"hooks\"]")
    );
}

#[test]
fn hostile_names_and_sizes_are_refused_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    let names = [
        "../evil",
        "a/b",
        "/etc/x",
        "\"a\\0b\"",
        "\"a\\eb\"",
        "CON",
        ".git",
        "\"x\\u202ey\"",
        "\"a\\nb\"",
        "..",
        "nul.md",
    ];
    for (index, name) in names.iter().enumerate() {
        sandbox.write(
            &format!("project/reg{index}/x.md"),
            format!("---\nname: {name}\ndescription: d\n---\nb\n"),
        );
        let output = sandbox
            .run(&["install", &format!("./reg{index}#x.md")])
            .code(1);
        assert!(
            output.stderr.contains("cannot be") || output.stderr.contains("no agent"),
            "{name}: {}",
            output.stderr
        );
        assert!(
            !output.stderr.contains('\u{1b}') && !output.stderr.contains('\u{202e}'),
            "{name}: shown, not obeyed"
        );
    }
    sandbox.write(
        "project/big/huge.md",
        format!(
            "---\nname: huge\ndescription: {}\n---\nb\n",
            "x".repeat(10 << 20)
        ),
    );
    let output = sandbox.run(&["install", "./big#huge.md"]).code(1);
    assert!(output.stderr.contains("larger than"), "{}", output.stderr);
    sandbox.write(
        "project/wide/wide.md",
        format!(
            "---\nname: wide\ndescription: {}\n---\nb\n",
            "x".repeat(100 << 10)
        ),
    );
    assert!(
        sandbox
            .run(&["install", "./wide#wide.md"])
            .code(1)
            .stderr
            .contains("64 KiB")
    );
    for spec in [
        "-x",
        "ext::sh -c id",
        "https:///x",
        "file://../x",
        "gh:a/../b",
    ] {
        let _ = sandbox.run(&["install", "--", spec]).code(2);
    }
    assert!(!sandbox.project(".claude").exists() && !sandbox.project("agentpkg.toml").exists());
}

#[test]
fn a_dry_run_and_a_stale_lock_write_nothing() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["install", "debugger", "--dry-run"]).code(0);
    assert!(
        output
            .stderr
            .contains("Would write .claude/agents/debugger.md")
    );
    assert_eq!(sandbox.files(), []);
    sandbox.write("project/agentpkg.toml", "[agents]\ndebugger = \"*\"\n");
    assert!(
        sandbox
            .run(&["install", "--locked"])
            .code(1)
            .stderr
            .contains("does not match agentpkg.toml")
    );
    let _ = sandbox.run(&["install"]).code(0);
    assert_eq!(
        sandbox.read("agentpkg.toml"),
        "[agents]\ndebugger = \"*\"\n",
        "the user's words stay"
    );
}

#[test]
fn mistakes_in_the_manifest_are_shown_where_they_are() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "project/agentpkg.toml",
        "[agents]\ndebugger = { registry = 3 }\n",
    );
    let output = sandbox.run(&["install"]).code(1);
    assert!(
        output.stderr.contains("agentpkg.toml:2:25")
            && output.stderr.contains("a string is expected"),
        "{}",
        output.stderr
    );
}

#[cfg(unix)]
#[test]
fn links_that_lead_out_of_the_project_are_not_written_through() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path().join("outside")).unwrap();
    std::os::unix::fs::symlink(sandbox.path().join("outside"), sandbox.project(".claude")).unwrap();
    assert!(
        sandbox
            .run(&["install", "debugger"])
            .code(1)
            .stderr
            .contains("symbolic link")
    );
    assert_eq!(
        fs::read_dir(sandbox.path().join("outside"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn the_users_own_agents_have_a_place_of_their_own() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&["install", "debugger", "--user"]).code(0);
    assert!(
        sandbox
            .path()
            .join("home/.claude/agents/debugger.md")
            .exists()
    );
    assert_eq!(sandbox.files(), [], "the project is untouched");
    assert!(
        sandbox
            .run(&["list", "--user"])
            .code(0)
            .stdout
            .contains("debugger")
    );
}

#[test]
fn hints_can_be_pasted_and_keep_what_was_typed() {
    let sandbox = Sandbox::new();
    for place in ["studio", "my agents"] {
        sandbox
            .write(&format!("{place}/a/planner.md"), PLANNER)
            .write(
                &format!("{place}/b/planner.md"),
                PLANNER.replace("Plan it", "Plan that"),
            );
    }
    let folder = sandbox.path().display().to_string();
    let output = sandbox.run(&["install", "../my agents#planner"]).code(4);
    assert!(
        output
            .stderr
            .contains("`agentpkg install '../my agents#b/planner.md'`"),
        "{}",
        output.stderr
    );
    let _ = sandbox
        .run(&[
            "registry",
            "add",
            &format!("{folder}/studio"),
            "--name",
            "studio",
            "--user",
        ])
        .code(0);
    let output = sandbox.run(&["install", "planner@^1.2", "--user"]).code(1);
    assert!(
        output
            .stderr
            .contains("`agentpkg --user install studio#b/planner.md`"),
        "{}",
        output.stderr
    );
    let output = sandbox
        .run(&["-C", "../my agents", "install", "debuger"])
        .code(1);
    assert!(
        output.stderr.contains("did you mean `debugger`"),
        "{}",
        output.stderr
    );
    let output = sandbox.run(&["-C", "../my agents", "remove", "x"]).code(1);
    assert!(
        output.stderr.contains("`agentpkg -C '../my agents' list`"),
        "{}",
        output.stderr
    );
    sandbox.write("project/f.txt", "hi\n");
    let output = sandbox
        .run(&["install", "./f.txt", "--as", "hello"])
        .code(1);
    assert!(
        output.stderr.contains("no description") && !output.stderr.contains("--as"),
        "{}",
        output.stderr
    );
}

#[test]
fn the_name_of_a_registry_is_no_agent_but_means_all_of_it() {
    let sandbox = Sandbox::new();
    sandbox
        .write("studio/planner.md", PLANNER)
        .write("studio/other.md", PLANNER.replace("planner", "other"));
    let _ = sandbox
        .run(&["registry", "add", "../studio", "--name", "studio"])
        .code(0);
    insta::assert_snapshot!(sandbox.run(&["install", "studio"]).code(1).stderr, @r#"
    error: `studio` is a registry, not an agent

    hint: `agentpkg list --available studio` shows its agents
    hint: `agentpkg install studio/NAME` installs one of them
    hint: `agentpkg install studio --all` installs all
    "#);
    let _ = sandbox.run(&["install", "studio", "--all"]).code(0);
    assert_eq!(
        sandbox.run(&["list"]).code(0).stdout,
        "other\t-\tclean\tstudio\nplanner\t-\tclean\tstudio\n"
    );
    let manifest = sandbox.read("agentpkg.toml");
    assert!(
        manifest.contains("other = { registry = \"studio\" }"),
        "{manifest}"
    );
    let output = sandbox.run(&["install", "planner", "--all"]).code(2);
    assert!(
        output.stderr.contains("needs a whole source"),
        "{}",
        output.stderr
    );
}

#[test]
fn options_without_a_name_are_not_passed_over() {
    let sandbox = Sandbox::new();
    for (arguments, part) in [
        (&["install", "--all"][..], "`--all` needs a source"),
        (
            &["install", "--as", "x"],
            "`--as` needs the name of an agent",
        ),
        (
            &["install", "--verbatim"],
            "`--verbatim` needs the name of an agent",
        ),
    ] {
        let output = sandbox.run(arguments).code(2);
        assert!(output.stderr.contains(part), "{}", output.stderr);
    }
}

#[test]
fn what_does_nothing_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let is_empty = || fs::read_dir(sandbox.project("")).unwrap().next().is_none();
    let commands: [(&[&str], i32); 6] = [
        (&["install", "nope"], 1),
        (&["install"], 0),
        (&["remove", "x"], 1),
        (&["update"], 0),
        (&["resolve"], 0),
        (&["registry", "remove", "x"], 1),
    ];
    for (arguments, code) in commands {
        let _ = sandbox.run(arguments).code(code);
        assert!(is_empty(), "{arguments:?}");
    }
    let _ = sandbox.run(&["registry", "add", "./nowhere"]).code(1);
    assert!(is_empty());
}

#[test]
fn two_first_installs_at_once_both_count() {
    let sandbox = Sandbox::new();
    let mut running: Vec<_> = ["debugger", "test-writer"]
        .map(|name| {
            sandbox
                .command()
                .args(["install", name, "-q"])
                .spawn()
                .unwrap()
        })
        .into();
    assert!(
        running
            .iter_mut()
            .all(|child| child.wait().unwrap().success())
    );
    let _ = sandbox.run(&["install", "--locked"]).code(0);
    assert_eq!(sandbox.run(&["list"]).code(0).stdout.lines().count(), 2);
}
