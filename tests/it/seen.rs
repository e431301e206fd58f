//! What is remembered about files that were read: it saves reading them again, and never hides an edit.
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;

use crate::support::sandbox::Sandbox;

const AGENT: &str = "project/.claude/agents/helper-03.md";

/// A project with so many agents that remembering their files is worthwhile.
fn many() -> Sandbox {
    let sandbox = Sandbox::new();
    for index in 0..20 {
        let text = format!(
            "---\nname: helper-{index:02}\ndescription: Helps with {index}\n---\n\nHelps a lot.\n"
        );
        sandbox.write(&format!("project/agents/helper-{index:02}.md"), text);
    }
    let _ = sandbox.run(&["install", "./agents", "--all"]).code(0);
    sandbox
}

fn cache(sandbox: &Sandbox) -> PathBuf {
    sandbox.path().join("cache")
}

fn run(sandbox: &Sandbox, arguments: &[&str]) -> crate::support::sandbox::Output {
    crate::support::sandbox::finish(
        sandbox
            .command()
            .env("AGENTPKG_CACHE_DIR", cache(sandbox))
            .args(arguments),
    )
}

/// Runs until the remembered state is trusted: it is written once when the files are new, and once more a second later.
fn settle(sandbox: &Sandbox) -> PathBuf {
    let _ = run(sandbox, &["install"]).code(0);
    let entries: Vec<_> = fs::read_dir(cache(sandbox).join("seen")).unwrap().collect();
    let [Ok(entry)] = entries.as_slice() else {
        panic!("one file per folder of agents, not {}", entries.len())
    };
    let first = fs::read(entry.path()).unwrap();
    while fs::read(entry.path()).unwrap() == first {
        let _ = run(sandbox, &["install"]).code(0);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // What agents ask for is remembered, too.
    let _ = run(sandbox, &["status"]);
    entry.path()
}

#[test]
fn every_command_sees_an_edit_at_once() {
    let sandbox = many();
    let before = sandbox.files();
    let seen = settle(&sandbox);
    assert_eq!(sandbox.files(), before, "nothing of it is in the project");
    let clean = run(&sandbox, &["list"]).code(0).stdout;
    assert_eq!(clean.matches("\tclean\t").count(), 20, "{clean}");
    let whole = fs::read(&seen).unwrap();

    let text = fs::read_to_string(sandbox.path().join(AGENT)).unwrap();
    sandbox.write(AGENT, text.replace("a lot", "a bit"));
    let edited = run(&sandbox, &["list"]).code(0).stdout;
    assert_eq!(edited.matches("\tedited\t").count(), 1, "{edited}");
    assert!(
        run(&sandbox, &["install"])
            .code(0)
            .stderr
            .contains("20 agents, 1 with your edits")
    );

    sandbox.write(AGENT, &text);
    assert_eq!(run(&sandbox, &["list"]).code(0).stdout, clean);

    // An old or incomplete record does no harm.
    sandbox.write(AGENT, text.replace("a lot", "a bit"));
    for old in [
        &whole[..],
        &whole[..whole.len() - 1],
        b"",
        b"agentpkg seen 1\n",
    ] {
        fs::write(&seen, old).unwrap();
        assert_eq!(run(&sandbox, &["list"]).code(0).stdout, edited);
    }
    fs::remove_file(sandbox.path().join(AGENT)).unwrap();
    assert_eq!(
        run(&sandbox, &["list"])
            .code(0)
            .stdout
            .matches("\tmissing\t")
            .count(),
        1
    );
    let _ = run(&sandbox, &["install"]).code(0);
    assert_eq!(run(&sandbox, &["list"]).code(0).stdout, clean);
}

/// Changes one thing of a project.
type Change = fn(&Sandbox);

fn edit(sandbox: &Sandbox, path: &str, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(sandbox.path().join(path)).unwrap();
    sandbox.write(path, change(text));
}

fn manifest(sandbox: &Sandbox, change: impl FnOnce(String) -> String) {
    edit(sandbox, "project/agentpkg.toml", change);
}

/// Everything that the agreement of a project depends on.
const CHANGES: [(&str, Change); 20] = [
    ("nothing", |_| {}),
    ("an edit", |sandbox| {
        edit(sandbox, AGENT, |text| text + "More.\n");
    }),
    ("an edit that keeps it from loading", |sandbox| {
        edit(sandbox, AGENT, |text| {
            text.replace("name: helper-03", "name: 'x y'")
        });
    }),
    ("a server that is asked for", |sandbox| {
        edit(sandbox, AGENT, |text| {
            text.replace(
                "description:",
                "tools: Read, mcp__tracker__find\ndescription:",
            )
        });
    }),
    ("the name of another agent", |sandbox| {
        edit(sandbox, AGENT, |text| {
            text.replace("name: helper-03", "name: helper-04")
        });
    }),
    ("a file beside the others", |sandbox| {
        let text = "---\nname: helper-03\ndescription: Mine\nmcpServers: [tracker]\n---\nMine.\n";
        sandbox.write("project/.claude/agents/a/mine.md", text);
    }),
    ("a conflict that git marked", |sandbox| {
        edit(sandbox, AGENT, |text| {
            text + "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n"
        });
    }),
    ("a file that is gone", |sandbox| {
        fs::remove_file(sandbox.path().join(AGENT)).unwrap();
    }),
    ("a file that is a link now", |sandbox| {
        let (file, other) = (sandbox.path().join(AGENT), sandbox.path().join("other.md"));
        fs::rename(&file, &other).unwrap();
        std::os::unix::fs::symlink(&other, &file).unwrap();
    }),
    ("a folder that is gone", |sandbox| {
        let agents = sandbox.path().join("project/.claude/agents");
        fs::rename(&agents, agents.with_extension("old")).unwrap();
    }),
    ("a base that is gone", |sandbox| {
        let mut bases = fs::read_dir(sandbox.path().join("project/.agentpkg/base")).unwrap();
        fs::remove_file(bases.next().unwrap().unwrap().path()).unwrap();
    }),
    ("an agent less in the manifest", |sandbox| {
        let is_kept = |line: &&str| !line.starts_with("helper-03");
        manifest(sandbox, |text| {
            let lines: Vec<&str> = text.lines().filter(is_kept).collect();
            lines.join("\n") + "\n"
        });
    }),
    ("an agent more in the manifest", |sandbox| {
        manifest(sandbox, |text| {
            text + "other = { path = \"agents/other.md\" }\n"
        });
    }),
    ("an override", |sandbox| {
        manifest(sandbox, |text| text + "\n[defaults]\nmodel = \"haiku\"\n");
    }),
    ("a policy", |sandbox| {
        manifest(sandbox, |text| {
            text + "\n[policy]\nallow-tools = [\"Read\"]\n"
        });
    }),
    ("a key that nobody knows", |sandbox| {
        manifest(sandbox, |text| text + "\n[colours]\nx = 1\n");
    }),
    ("a broken manifest", |sandbox| {
        manifest(sandbox, |text| text + "= 1\n");
    }),
    ("no manifest", |sandbox| {
        fs::remove_file(sandbox.path().join("project/agentpkg.toml")).unwrap();
    }),
    ("no lockfile", |sandbox| {
        fs::remove_file(sandbox.path().join("project/agentpkg.lock")).unwrap();
    }),
    ("an unfinished operation", |sandbox| {
        sandbox.write("project/.agentpkg/state/journal", "not ours");
    }),
];

/// What is known is not read again; whatever changes, a command says the same as one that remembers nothing.
#[test]
fn a_command_that_remembers_says_what_one_that_does_not_says() {
    let check = |(what, change): &(&str, Change)| {
        let sandbox = many();
        let _ = settle(&sandbox);
        change(&sandbox);
        for arguments in [
            // Only what an install would do: one that writes leaves nothing for the next.
            &["install", "--dry-run"][..],
            &["install", "--dry-run", "--locked"],
            &["install", "--dry-run", "--offline"],
            &["status"],
            &["list"],
        ] {
            let remembering = run(&sandbox, arguments);
            let empty = sandbox.path().join("empty");
            let command = &mut sandbox.command();
            let command = command.env("AGENTPKG_CACHE_DIR", empty).args(arguments);
            let forgetful = crate::support::sandbox::finish(command);
            assert_eq!(remembering.all(), forgetful.all(), "{what}: {arguments:?}");
        }
    };
    std::thread::scope(|scope| {
        for case in &CHANGES {
            scope.spawn(move || check(case));
        }
    });
}

/// The base of an edited agent is looked at each time: without it, the next update could not merge.
#[test]
fn a_damaged_base_of_an_edited_agent_is_made_again() {
    let sandbox = many();
    edit(&sandbox, AGENT, |text| text + "More.\n");
    let _ = settle(&sandbox);
    let lock = fs::read_to_string(sandbox.path().join("project/agentpkg.lock")).unwrap();
    let entry = lock
        .split("[[agent]]")
        .find(|entry| entry.contains("\"helper-03\""));
    let base = entry
        .unwrap()
        .lines()
        .find_map(|line| line.strip_prefix("base = \""));
    let path = format!(
        "project/.agentpkg/base/{}",
        base.unwrap().trim_end_matches('"')
    );
    let whole = fs::read(sandbox.path().join(&path)).unwrap();
    sandbox.write(&path, "");
    let _ = run(&sandbox, &["install"]).code(0);
    assert_eq!(fs::read(sandbox.path().join(&path)).unwrap(), whole);
}
