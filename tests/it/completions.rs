//! Completions: the scripts of the repository, the candidates, and what real shells insert in a pseudo-terminal.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::{Sandbox, finish};
#[cfg(unix)]
use crate::support::skip::skip;

const PLANNER: &str = "---\nname: planner\ndescription: Plans: work, and more\ntools: Read\n---\n";

/// A project with registries of all kinds, an agent that needs a server, and a server.
fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("upstream/agents/planner.md", PLANNER);
    sandbox.write(
        "upstream/agents/reviewer.md",
        "---\nname: reviewer\ndescription: Reviews\ntools: mcp__warehouse__ask\n---\n",
    );
    sandbox.write("project/local/agents/x.md", PLANNER);
    sandbox.write(
        "project/.mcp.json",
        "{\"mcpServers\": {\"supabase\": {\"command\": \"npx\"}}}",
    );
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "studio"])
        .code(0);
    let _ = sandbox.run(&["install", "studio/reviewer"]).code(0);
    sandbox
}

/// A registry in git with two versions; its URL, if there is a git.
fn tagged(sandbox: &Sandbox) -> Option<String> {
    hermetic_git(&sandbox.path().join("home"))?;
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    repo.file(
        "agents/scheduler.md",
        PLANNER.replace("planner", "scheduler"),
    );
    let _ = repo.commit("first");
    repo.tag("v1.2.0");
    repo.file(
        "agents/scheduler.md",
        PLANNER.replace("planner", "scheduler") + "More.\n",
    );
    let _ = repo.commit("second");
    repo.tag("v2.0.0");
    let url = repo.url().as_str().to_owned();
    let _ = sandbox
        .run(&["registry", "add", &url, "--name", "team"])
        .code(0);
    // Reading it makes the index that completion uses.
    let _ = sandbox.run(&["list", "--available", "team"]).code(0);
    Some(url)
}

fn candidates(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let output = finish(
        sandbox
            .command()
            .env("COMPLETE", "fish")
            .arg("--")
            .arg("agentpkg")
            .args(words),
    )
    .code(0);
    output.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn the_scripts_are_current() {
    let sandbox = Sandbox::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (shell, file) in [
        ("bash", "agentpkg.bash"),
        ("zsh", "_agentpkg"),
        ("fish", "agentpkg.fish"),
        ("powershell", "agentpkg.ps1"),
        ("elvish", "agentpkg.elv"),
        ("nushell", "agentpkg.nu"),
    ] {
        let kept = fs::read_to_string(folder.join(file)).unwrap();
        let printed = sandbox.run(&["completions", shell]).code(0).stdout;
        assert_eq!(kept, printed, "{file}");
        // For shells that clap_complete supports well, the scripts are exactly its own.
        if ["fish", "powershell", "elvish"].contains(&shell) {
            let made = finish(sandbox.command().env("COMPLETE", shell))
                .code(0)
                .stdout;
            assert_eq!(
                kept, made,
                "{file}: `COMPLETE={shell} agentpkg` writes it anew"
            );
        }
        let _ = sandbox.run(&["completions", shell, "--install"]).code(0);
    }
    for path in [
        ".local/share/bash-completion/completions/agentpkg",
        ".local/share/zsh/site-functions/_agentpkg",
        ".config/fish/completions/agentpkg.fish",
        ".config/nushell/autoload/agentpkg.nu",
    ] {
        assert!(sandbox.path().join("home").join(path).is_file(), "{path}");
    }
}

#[test]
fn candidates_are_what_could_stand_there() {
    let sandbox = scene();
    assert_eq!(
        candidates(&sandbox, &["install", "back"])[0]
            .split('\t')
            .collect::<Vec<_>>()[0],
        "backend-architect",
        "with its description behind a tab"
    );
    assert_eq!(
        candidates(&sandbox, &["install", "stu"]),
        ["studio/\tthe registry ../upstream"]
    );
    assert_eq!(
        candidates(&sandbox, &["install", "studio/"]),
        [
            "studio/planner\tPlans: work, and more",
            "studio/reviewer\tReviews"
        ]
    );
    assert_eq!(
        candidates(&sandbox, &["install", "PLAN"])[0],
        "planner\tPlans: work, and more"
    );
    assert_eq!(
        candidates(&sandbox, &["remove", "r"]),
        ["reviewer\tReviews"]
    );
    assert_eq!(
        candidates(&sandbox, &["registry", "remove", ""])[0],
        "studio\t../upstream"
    );
    assert_eq!(
        candidates(&sandbox, &["install", "reviewer", "--bind", "w"]),
        ["warehouse=\tnot configured under this name"]
    );
    assert_eq!(
        candidates(&sandbox, &["install", "reviewer", "--bind", "warehouse="]),
        ["warehouse=supabase\tnpx"]
    );
    assert_eq!(candidates(&sandbox, &["install", "./lo"]), ["./local/"]);
    assert_eq!(
        candidates(&sandbox, &["install", "debugger@"]),
        ["debugger@1.0.0\tthe only one"]
    );
    assert!(candidates(&sandbox, &["install", "nobody-at-all"]).is_empty());
    // An invalid manifest is reported by the command, not by completion.
    sandbox.write("project/agentpkg.toml", "[[[");
    assert!(candidates(&sandbox, &["install", "back"])[0].starts_with("backend-architect"));
}

#[test]
fn names_that_are_too_many_are_told_by_how_they_go_on() {
    let sandbox = Sandbox::new();
    let put = |folder: &str, name: &str| {
        sandbox.write(
            &format!("{folder}/agents/{name}.md"),
            PLANNER.replace("planner", name),
        );
    };
    for index in 0..100 {
        put("one", &format!("crowd-alpha-{index:02}"));
        put("two", &format!("zed{index:02}"));
    }
    put("one", "crowd-zeta");
    put("two", "crowd-beta-1");
    put("two", "zedx");
    for name in ["one", "two"] {
        let _ = sandbox
            .run(&["registry", "add", &format!("../{name}"), "--name", name])
            .code(0);
    }
    let all = [
        "crowd-alpha-\t100 agents",
        "crowd-beta-1\tPlans: work, and more",
        "crowd-zeta\tPlans: work, and more",
    ];
    for typed in ["crow", "crowd-"] {
        assert_eq!(
            candidates(&sandbox, &["install", typed]),
            all,
            "those of the second registry, too"
        );
    }
    assert_eq!(
        candidates(&sandbox, &["install", "one/crowd"]),
        [
            "one/crowd-alpha-\t100 agents",
            "one/crowd-zeta\tPlans: work, and more"
        ]
    );
    assert_eq!(
        candidates(&sandbox, &["install", "../one#CROWD"]),
        [
            "../one#crowd-alpha-\t100 agents",
            "../one#crowd-zeta\tPlans: work, and more"
        ]
    );
    assert_eq!(
        candidates(&sandbox, &["install", "crowd-alpha-1"]).len(),
        10
    );
    // Without hyphens, the next letter must do.
    let letters = candidates(&sandbox, &["install", "ze"]);
    assert_eq!(
        (letters.len(), letters[0].as_str(), letters[10].as_str()),
        (11, "zed0\t10 agents", "zedx\tPlans: work, and more")
    );
    // Whatever was typed, every name begins with a candidate.
    let first = candidates(&sandbox, &["install", ""]);
    let begins = |name: &str| {
        first
            .iter()
            .any(|line| name.starts_with(line.split('\t').next().unwrap()))
    };
    assert!(
        begins("crowd-alpha-77")
            && begins("zed42")
            && begins("backend-architect")
            && begins("one/"),
        "{first:?}"
    );
}

#[test]
fn the_line_says_where_the_command_runs() {
    let sandbox = scene();
    for folder in ["my folder", "home/o"] {
        fs::create_dir(sandbox.path().join(folder)).unwrap();
        let _ = sandbox
            .run(&["-C", &format!("../{folder}"), "install", "debugger", "-q"])
            .code(0);
    }
    let path = sandbox.path().join("my folder");
    let path = path.to_str().unwrap();
    for words in [
        &["-C", "../my folder", "remove", "d"][..],
        &["-C../my folder", "remove", "d"],
        &["--directory=../my folder", "remove", "d"],
        &["remove", "--directory", path, "d"],
        &["update", "--conflicts", "skip", "--ours", "-qC", path, "d"],
        &["-C", "~/o", "remove", "d"],
    ] {
        let found = candidates(&sandbox, words);
        assert!(
            found.iter().any(|line| line.starts_with("debugger\t")),
            "{words:?}: {found:?}"
        );
    }
    assert!(
        candidates(&sandbox, &["remove", "d"]).is_empty(),
        "not in this project"
    );
    assert!(candidates(&sandbox, &["remove", "-C", "../nowhere", "r"]).is_empty());
    assert_eq!(
        candidates(&sandbox, &["-C", "..", "install", "./upst"]),
        ["./upstream/"]
    );
}

#[test]
fn versions_and_sources_of_git_are_completed() {
    let sandbox = scene();
    let Some(url) = tagged(&sandbox) else { return };
    assert_eq!(
        candidates(&sandbox, &["install", "team/scheduler@"]),
        [
            "team/scheduler@2.0.0\ttag v2.0.0",
            "team/scheduler@1.2.0\ttag v1.2.0"
        ]
    );
    assert_eq!(
        candidates(&sandbox, &["install", &format!("{url}#s")]),
        [format!("{url}#scheduler\tPlans: work, and more")]
    );
    // Wherever a version is allowed, and in every form.
    for (typed, versions) in [
        (format!("{url}#scheduler@"), &["2.0.0", "1.2.0"][..]),
        (format!("{url}#agents/scheduler.md@"), &["2.0.0", "1.2.0"]),
        ("team#scheduler@".to_owned(), &["2.0.0", "1.2.0"]),
        ("scheduler@1".to_owned(), &["1.2.0"]),
        ("scheduler@v".to_owned(), &["v2.0.0", "v1.2.0"]),
        ("team/scheduler@v1".to_owned(), &["v1.2.0"]),
        ("team/scheduler@^".to_owned(), &["^2.0.0", "^1.2.0"]),
        ("team/scheduler@^1".to_owned(), &["^1.2.0"]),
        ("team/scheduler@>=1, <2".to_owned(), &[">=1, <2.0.0"]),
        ("team/scheduler@x".to_owned(), &[]),
        ("git@host:team/agents.git#pre".to_owned(), &[]),
    ] {
        let head = typed.rsplit_once('@').unwrap().0;
        let wanted: Vec<String> = versions
            .iter()
            .map(|version| format!("{head}@{version}"))
            .collect();
        let found = candidates(&sandbox, &["install", &typed]);
        let found: Vec<&str> = found
            .iter()
            .map(|line| line.split('\t').next().unwrap())
            .collect();
        assert_eq!(found, wanted, "{typed}");
    }
    let _ = sandbox.run(&["install", "team/scheduler@^1", "-q"]).code(0);
    assert_eq!(
        candidates(&sandbox, &["update", "scheduler", "--to", "^"]),
        ["^2.0.0\ttag v2.0.0", "^1.2.0\ttag v1.2.0"]
    );
    assert_eq!(
        candidates(&sandbox, &["update", "nobody", "--to", "1"]),
        [""; 0]
    );
}

/// Types each text and TAB, and compares the words that the shell has afterwards.
#[cfg(unix)]
#[expect(
    clippy::too_many_lines,
    reason = "one session in a terminal, step by step"
)]
fn in_shell(program: &str, arguments: &[&str], prepare: &str) {
    let sandbox = scene();
    let found = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).find(|folder| folder.join(program).is_file())
    });
    if found.is_none() {
        return skip(&format!("{program} is not on PATH"));
    }
    let Some(url) = tagged(&sandbox) else { return };
    let binaries = Path::new(env!("CARGO_BIN_EXE_agentpkg")).parent().unwrap();
    let mut path = binaries.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .current_dir(sandbox.project(""));
    command
        .env("HOME", sandbox.path().join("home"))
        .env("PATH", path)
        .env("TERM", "dumb")
        .env("LC_ALL", "C.UTF-8");
    command.env("AGENTPKG_MANAGED_DIR", sandbox.path().join("managed"));
    let mut shell = rexpect::session::spawn_command(command, Some(20_000)).unwrap();
    shell.send_line(prepare).unwrap();
    shell.send_line("printf '%s%s\\n' PRE PARED").unwrap();
    let before = shell.exp_string("PREPARED").unwrap();
    for index in 0..100 {
        let name = format!(
            "crowd-{}-{index:02}",
            if index < 90 { "alpha" } else { "beta" }
        );
        sandbox.write(
            &format!("upstream/agents/{name}.md"),
            PLANNER.replace("planner", &name),
        );
    }
    for folder in ["my folder", "home/o"] {
        fs::create_dir(sandbox.path().join(folder)).unwrap();
        let _ = sandbox
            .run(&["-C", &format!("../{folder}"), "install", "debugger", "-q"])
            .code(0);
    }
    let _ = sandbox.run(&["registry", "refresh", "-q"]).code(0);
    let source = format!("install {url}#s");
    let sourced = format!("install|{url}#scheduler");
    let versioned = format!("install {url}#scheduler@v1");
    let version = format!("install|{url}#scheduler@v1.2.0");
    let home = format!(
        "-C|{}|remove|debugger",
        sandbox.path().join("home/o").display()
    );
    for (typed, words) in [
        ("ins", "install"),
        ("install backend-a", "install|backend-architect"),
        ("install stu", "install|studio/"),
        ("install studio/pl", "install|studio/planner"),
        ("install team/scheduler@1", "install|team/scheduler@1.2.0"),
        (source.as_str(), sourced.as_str()),
        (versioned.as_str(), version.as_str()),
        ("install team/scheduler@^1", "install|team/scheduler@^1.2.0"),
        ("install crow", "install|crowd-"),
        (
            "-C \"../my folder\" remove de",
            "-C|../my folder|remove|debugger",
        ),
        (
            "-C ../my\\ folder remove de",
            "-C|../my folder|remove|debugger",
        ),
        (
            "--directory=../my\\ folder remove de",
            "--directory=../my folder|remove|debugger",
        ),
        ("-C ~/o remove de", home.as_str()),
        ("install \"backend-a", "install|backend-architect"),
        ("-C ../my\\ fo", "-C|../my folder/"),
        ("remove re", "remove|reviewer"),
        ("update rev", "update|reviewer"),
        ("install ./loc", "install|./local/"),
        (
            "install reviewer --bind ware",
            "install|reviewer|--bind|warehouse=",
        ),
        (
            "install reviewer --bind warehouse=sup",
            "install|reviewer|--bind|warehouse=supabase",
        ),
        ("registry remove stu", "registry|remove|studio"),
        ("update --conflicts ma", "update|--conflicts|markers"),
    ] {
        // fish's own script gives an escaped path as it was typed.
        if program == "fish" && typed.ends_with("\\ fo") {
            continue;
        }
        // A command that is put in front of the words prints them.
        shell.send(&format!("agentpkg {typed}\t")).unwrap();
        shell.flush().unwrap();
        shell.send("\u{1}printf '<%s>' \u{5}\n").unwrap();
        shell.flush().unwrap();
        let expected = format!("<agentpkg><{}>", words.replace('|', "><"));
        if let Err(error) = shell.exp_string(&expected) {
            panic!("{program}: {typed:?} and TAB should give {expected}: {error}\n{before}");
        }
    }
    let _ = shell.send_line("exit");
}

#[cfg(unix)]
fn script(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("completions")
        .join(file)
        .display()
        .to_string()
}

#[test]
#[cfg(unix)]
fn bash_inserts_what_is_meant() {
    in_shell(
        "bash",
        &["--noprofile", "--norc", "-i"],
        &format!(
            "bind 'set enable-bracketed-paste off'; source '{}'",
            script("agentpkg.bash")
        ),
    );
}

#[test]
#[cfg(unix)]
fn zsh_inserts_what_is_meant() {
    let prepare = format!(
        "bindkey -e; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source '{}'",
        script("_agentpkg")
    );
    in_shell("zsh", &["-f", "-i"], &prepare);
}

#[test]
#[cfg(unix)]
fn fish_inserts_what_is_meant() {
    in_shell(
        "fish",
        &["--no-config", "-i"],
        &format!("source '{}'", script("agentpkg.fish")),
    );
}

#[test]
fn operations_are_offered_with_what_they_did() {
    let sandbox = scene();
    let offered = |sandbox: &Sandbox| -> Vec<String> {
        let all = candidates(sandbox, &["undo", ""]);
        all.into_iter()
            .filter(|candidate| !candidate.starts_with('-'))
            .collect()
    };
    assert_eq!(
        offered(&sandbox),
        [
            "2\tinstall reviewer",
            "1\tregistry add studio",
            "reviewer\toperation 2: install reviewer"
        ]
    );
    let _ = sandbox.run(&["undo"]).code(0);
    assert_eq!(offered(&sandbox), ["3\tundo 2", "1\tregistry add studio"]);
    assert_eq!(
        candidates(&sandbox, &["rm", "rev"]),
        candidates(&sandbox, &["remove", "rev"])
    );
    fs::remove_dir_all(sandbox.project(".agentpkg")).unwrap();
    assert_eq!(offered(&sandbox), [] as [&str; 0]);
}
