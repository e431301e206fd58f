//! Indexes of git registries: an index made from the previous commit's is equal to one made from scratch, whatever changed in between.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::repo::{RepoBuilder, run_git};
use crate::support::sandbox::Sandbox;

/// What can be at any of the paths.
const CONTENTS: [&str; 9] = [
    "---\nname: planner\ndescription: Plans what is to be done\ntools: Read, Grep\n---\n\nPlan.\n",
    "---\nname: Planner\ndescription: Plans other things, with mcp__context7__get\n---\n\nPlan.\n",
    "---\nname: writer\ndescription: Writes: letters, and more\n---\n\nWrite.\n",
    "---\nname: tester\ndescription: Tests\ntools: [Bash, mcp__playwright__click]\n---\n\nTest.\n",
    "---\nname: ../../x\ndescription: Cannot be a file name\n---\n\nNo.\n",
    "---\ndescription: Without a name\n---\n\nBody.\n",
    "# Notes\n\nNothing at all.\n",
    "[agents.writer]\ndescription = \"Told by the registry\"\n",
    r#"{"plugins": [{"source": "./plugins/p", "agents": ["./docs/agent-guide.md"]}]}"#,
];

const PATHS: [&str; 16] = [
    "agents/planner.md",
    "agents/writer.md",
    "agents/deep/tester.md",
    "agents/deep/er/more.md",
    "agents",
    "agents/deep",
    "one.md",
    "README.md",
    "docs/page.md",
    "notes/agents/page.md",
    "plugins/p/agents/extra.md",
    "plugins/p/docs/agent-guide.md",
    "prompts/plain.txt",
    "mcp/thing.json",
    "registry.toml",
    ".claude-plugin/marketplace.json",
];

/// The one index below a cache that `head` names: its file name and its bytes.
fn newest(cache: &Path) -> (String, Vec<u8>) {
    let registries: Vec<_> = fs::read_dir(cache.join("registries"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [registry] = registries.as_slice() else {
        panic!("{registries:?}")
    };
    let head = fs::read_to_string(registry.join("index/head")).unwrap();
    let name = format!("{head}.index");
    let bytes = fs::read(registry.join("index").join(&name)).unwrap();
    (name, bytes)
}

fn refresh(sandbox: &Sandbox, cache: &str) -> (String, Vec<u8>) {
    let output = sandbox
        .command()
        .env("AGENTPKG_CACHE_DIR", sandbox.path().join(cache))
        .args(["registry", "refresh"])
        .output();
    let output = output.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    newest(&sandbox.path().join(cache))
}

#[test]
fn an_index_that_follows_is_the_one_made_anew() {
    let sandbox = Sandbox::new();
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("up.git"));
    sandbox.write(
        "project/agentpkg.toml",
        format!(
            "[registries]\nup = {{ git = \"{}\" }}\n",
            upstream.url().display()
        ),
    );
    // The same numbers in every run.
    let mut state = 7_u32;
    let mut number = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % below
    };
    let mut files: BTreeMap<&str, &str> = BTreeMap::from([
        ("agents/planner.md", CONTENTS[0]),
        ("agents/writer.md", CONTENTS[2]),
    ]);
    for step in 0..80 {
        for _ in 0..number(4) {
            // Special files and folders in the place of files are at the end, and less frequent.
            let path = PATHS[if number(3) > 0 {
                number(12)
            } else {
                number(PATHS.len())
            }];
            if number(3) == 0 {
                files.remove(path);
            } else {
                files.insert(path, CONTENTS[number(CONTENTS.len())]);
            }
        }
        upstream.clear();
        for (path, content) in &files {
            upstream.file(path, content);
        }
        match number(12) {
            0 => drop(upstream.symlink("agents/link.md", "one.md")),
            1 => drop(upstream.file("agents/aux.md", CONTENTS[0])),
            _ => {}
        }
        upstream.commit(&format!("step {step}"));
        let followed = refresh(&sandbox, "cache");
        let anew = refresh(&sandbox, &format!("cache-{step}"));
        assert!(followed == anew, "step {step}: {files:?}");
        fs::remove_dir_all(sandbox.path().join(format!("cache-{step}"))).unwrap();
    }
}

#[test]
fn folders_that_did_not_change_are_not_looked_at_again() {
    let sandbox = Sandbox::new();
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("up.git"));
    sandbox.write(
        "project/agentpkg.toml",
        format!(
            "[registries]\nup = {{ git = \"{}\" }}\n",
            upstream.url().display()
        ),
    );
    upstream
        .file("agents/still/planner.md", CONTENTS[0])
        .file("agents/busy/tester.md", CONTENTS[3])
        .commit("first");
    refresh(&sandbox, "cache");
    let tree = run_git(upstream.path(), ["rev-parse", "main:agents/still"]);
    upstream
        .file("agents/busy/writer.md", CONTENTS[2])
        .commit("second");
    // Reading the folder fails now.
    let (first, rest) = tree.trim().split_at(2);
    fs::remove_file(upstream.path().join("objects").join(first).join(rest)).unwrap();
    let (_, bytes) = refresh(&sandbox, "cache");
    assert!(
        [&b"planner"[..], b"tester", b"writer"]
            .iter()
            .all(|name| bytes.windows(name.len()).any(|window| window == *name))
    );
    let anew = sandbox
        .command()
        .env("AGENTPKG_CACHE_DIR", sandbox.path().join("other"))
        .args(["registry", "refresh"])
        .output();
    assert!(
        !anew.unwrap().status.success(),
        "the folder is needed by who has nothing"
    );
}

#[test]
fn a_damaged_index_is_made_anew() {
    let sandbox = Sandbox::new();
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("up.git"));
    sandbox.write(
        "project/agentpkg.toml",
        format!(
            "[registries]\nup = {{ git = \"{}\" }}\n",
            upstream.url().display()
        ),
    );
    upstream
        .file("agents/planner.md", CONTENTS[0])
        .commit("first");
    let cache = sandbox.path().join("home/.cache/agentpkg");
    let search = |word: &str| sandbox.run(&["search", word]).code(0).stdout;
    let before = [search("planner"), search("debugger")];
    assert!(before[0].contains("Plans what") && before[1].contains("debugger"));
    let (name, bytes) = newest(&cache);
    let registry = fs::read_dir(cache.join("registries"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    for path in [
        registry.join("index").join(name),
        cache.join("folders/builtin.index"),
    ] {
        // The header is kept, and everything that is searched is zero.
        let mut damaged = fs::read(&path).unwrap();
        damaged[168..].fill(0);
        fs::write(&path, damaged).unwrap();
    }
    assert_eq!([search("planner"), search("debugger")], before);
    assert!(newest(&cache).1 == bytes, "what was damaged is whole again");
}

#[test]
fn a_folder_is_searched_as_it_is_now() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "project/agentpkg.toml",
        "[registries]\nmine = { path = \"../mine\" }\n",
    );
    sandbox.write("mine/planner.md", CONTENTS[0]);
    assert!(
        sandbox
            .run(&["search", "plans"])
            .code(0)
            .stdout
            .contains("planner")
    );
    sandbox.write(
        "mine/fresh.md",
        "---\nname: fresh\ndescription: Was not there before\n---\n\nb\n",
    );
    assert!(
        sandbox
            .run(&["search", "fresh"])
            .code(0)
            .stdout
            .contains("Was not there")
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_place_of_a_file_does_not_stop_anybody() {
    let sandbox = Sandbox::new();
    let path = sandbox.project(".mcp.json");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let output = sandbox.run(&["check"]);
    assert!(
        output.all().contains("not a regular file"),
        "{}",
        output.all()
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_that_a_person_names_is_read() {
    let sandbox = Sandbox::new();
    let pipe = sandbox.project("base.md");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    sandbox
        .write("project/mine.md", "One.\nMine.\n")
        .write("project/theirs.md", "Theirs.\nTwo.\n");
    let writer = std::thread::spawn(move || fs::write(pipe, "One.\nTwo.\n"));
    let output = sandbox.run(&["merge-file", "-p", "mine.md", "base.md", "theirs.md"]);
    writer.join().unwrap().unwrap();
    assert!(
        output.stdout.contains("Mine.") && output.stdout.contains("Theirs."),
        "{}",
        output.all()
    );
}
