//! What `adopt` keeps of the past of a source: searching with it is searching without it, and a damaged one is made anew.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::repo::RepoBuilder;
use crate::support::sandbox::Sandbox;

/// A text of an agent: each version differs from the others in some lines.
fn text(agent: usize, version: usize) -> String {
    let line = |line: usize| {
        let way = if version.is_multiple_of(line + 2) {
            format!("in the way {version}")
        } else {
            "as ever".to_owned()
        };
        format!("Agent {agent} does its task {line} {way}.\n")
    };
    let lines: String = (0..24).map(line).collect();
    format!("---\nname: agent-{agent}\ndescription: Does the work of {agent}\n---\n\n{lines}")
}

/// A project with two registries whose agents change in random commits.
struct Stage {
    sandbox: Sandbox,
    upstreams: [RepoBuilder; 2],
    state: u32,
}

impl Stage {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let upstreams = ["one", "two"]
            .map(|name| RepoBuilder::bare(&sandbox.path().join(format!("{name}.git"))));
        let [one, two] = upstreams
            .each_ref()
            .map(|upstream| format!("{{ git = \"{}\" }}", upstream.url().display()));
        let manifest = format!("[registries]\none = {one}\ntwo = {two}\n");
        sandbox.write("project/agentpkg.toml", manifest);
        Self {
            sandbox,
            upstreams,
            state: 11,
        }
    }

    /// The same numbers in every run.
    fn number(&mut self, below: usize) -> usize {
        self.state = self
            .state
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.state >> 16) as usize % below
    }

    fn commit(&mut self, upstream: usize) {
        for _ in 0..=self.number(3) {
            let (agent, version) = (self.number(4), self.number(40));
            let folder = ["agents", "more/agents"][self.number(2)];
            let text = text(agent + 2 * upstream, version);
            self.upstreams[upstream].file(&format!("{folder}/agent-{agent}.md"), text);
        }
        let message = format!("commit {}", self.state);
        let _ = self.upstreams[upstream].commit(&message);
    }

    /// Copies of versions, most of them edited.
    fn copy(&mut self) {
        for agent in 0..6 {
            let version = self.number(40);
            let mut text = text(agent, version);
            for _ in 0..self.number(4) {
                let task = format!("task {} ", self.number(24));
                text = text.replace(&task, "what I want ");
            }
            let path = format!("project/.claude/agents/agent-{agent}.md");
            self.sandbox.write(&path, text);
        }
    }

    /// What `adopt` says with a cache.
    fn said(&self, cache: &Path) -> String {
        let output = self
            .sandbox
            .command()
            .env("AGENTPKG_CACHE_DIR", cache)
            .args(["adopt", "--all", "--dry-run", "--json"])
            .output()
            .unwrap();
        let (stdout, stderr) = (output.stdout, String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && stderr.is_empty(), "{stderr}");
        String::from_utf8(stdout).unwrap()
    }
}

/// The files with the past of each registry.
fn pasts(cache: &Path) -> Vec<PathBuf> {
    let registries = fs::read_dir(cache.join("registries")).unwrap();
    let pasts = registries.map(|entry| entry.unwrap().path().join("past"));
    let mut pasts: Vec<PathBuf> = pasts.filter(|path| path.exists()).collect();
    pasts.sort();
    pasts
}

fn bytes(paths: &[PathBuf]) -> Vec<Vec<u8>> {
    let bytes = paths.iter().map(|path| fs::read(path).unwrap());
    bytes.collect()
}

#[test]
fn a_past_that_follows_is_the_one_made_anew_and_gives_the_same_answers() {
    let mut stage = Stage::new();
    let cache = stage.sandbox.path().join("cache");
    for step in 0..12 {
        for upstream in 0..2 {
            for _ in 0..=stage.number(3) {
                stage.commit(upstream);
            }
        }
        stage.copy();
        let followed = stage.said(&cache);
        let anew = stage.sandbox.path().join(format!("cache-{step}"));
        assert_eq!(stage.said(&anew), followed, "step {step}");
        assert_eq!(pasts(&cache).len(), 2);
        assert!(bytes(&pasts(&cache)) == bytes(&pasts(&anew)), "step {step}");
        // And once more, with what was kept.
        assert_eq!(stage.said(&anew), followed, "step {step}");
        for kept in pasts(&anew) {
            fs::remove_file(kept).unwrap();
        }
        assert_eq!(stage.said(&anew), followed, "step {step}");
    }
    let said = stage.said(&cache);
    assert!(said.contains("\"adopted\""), "{said}");
}

#[test]
fn a_changed_byte_in_the_past_changes_no_answer() {
    let mut stage = Stage::new();
    let cache = stage.sandbox.path().join("cache");
    for upstream in [0, 0, 1, 1, 0, 1] {
        stage.commit(upstream);
    }
    stage.copy();
    let expected = stage.said(&cache);
    let pasts = pasts(&cache);
    let whole = bytes(&pasts);
    let kinds = if std::env::var_os("AGENTPKG_FULL").is_some() {
        400
    } else {
        24
    };
    for (path, bytes) in pasts.iter().zip(&whole) {
        for kind in 0..kinds {
            let mut damaged = bytes.clone();
            let at = kind * bytes.len() / kinds;
            match kind % 8 {
                7 => damaged.truncate(at),
                bit => damaged[at] ^= 1 << bit,
            }
            fs::write(path, damaged).unwrap();
            assert_eq!(stage.said(&cache), expected, "byte {at}");
            assert!(
                fs::read(path).unwrap() == *bytes,
                "byte {at}: not made anew"
            );
        }
    }
    // It is of no use in another place either.
    fs::write(&pasts[0], &whole[1]).unwrap();
    assert_eq!(stage.said(&cache), expected);
}

#[test]
fn what_is_known_of_a_past_is_not_read_again() {
    let mut stage = Stage::new();
    let cache = stage.sandbox.path().join("cache");
    for upstream in [0, 1, 0, 1] {
        stage.commit(upstream);
    }
    stage.copy();
    let _ = stage.said(&cache);
    let times = |paths: &[PathBuf]| -> Vec<std::time::SystemTime> {
        let times = paths
            .iter()
            .map(|path| fs::metadata(path).unwrap().modified().unwrap());
        times.collect()
    };
    let pasts = pasts(&cache);
    let before = times(&pasts);
    let _ = stage.said(&cache);
    assert_eq!(times(&pasts), before);
    stage.commit(0);
    let _ = stage.said(&cache);
    let changed = times(&pasts)
        .iter()
        .zip(&before)
        .filter(|(now, before)| now != before)
        .count();
    assert_eq!(changed, 1, "only the registry that changed");
}
