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
        let _ = run(sandbox, &["list"]).code(0);
    }
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
