//! Agents that upstream moves, renames, splits and deletes: each command follows them or says that they are gone, and what it leaves behind
//! works everywhere: here, in a clone, and without the lockfile.

mod gone;
mod past;
mod random;
mod replay;
mod team;
mod two;

use std::fs;

use crate::support::http::Server;
use crate::support::repo::RepoBuilder;
use crate::support::sandbox::{Output, Sandbox};

/// A text that is nobody else's, long enough to be recognised by its lines.
pub(super) fn agent(name: &str, description: &str, changed: usize) -> String {
    let mut text = format!("---\nname: {name}\ndescription: {description}\n---\n");
    for line in 0..20 {
        let state = if line < changed { "new" } else { "old" };
        text.push_str(&format!("\n{state} line {line} about {description}\n"));
    }
    text
}

/// A project with agents of one repository.
pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) upstream: RepoBuilder,
}

impl Stage {
    /// Installs the agents of these files, in one registry.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        Self::at(files, false)
    }

    /// The same; upstream is asked through a server, and a part of it is kept here.
    pub(super) fn served(files: &[(&str, &str)]) -> Self {
        Self::at(files, true)
    }

    fn at(files: &[(&str, &str)], is_served: bool) -> Self {
        let sandbox = Sandbox::in_memory();
        let mut upstream = RepoBuilder::bare(&sandbox.path().join("srv/agents.git"));
        for (file, text) in files {
            upstream.file(file, text);
        }
        upstream.commit("first");
        let url = if is_served {
            Server::start(&sandbox.path().join("srv")).url("agents.git")
        } else {
            upstream.url()
        };
        let url = url.to_string();
        let stage = Self { sandbox, upstream };
        let _ = stage
            .run(&["registry", "add", &url, "--name", "studio"])
            .code(0);
        stage
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        self.sandbox.run(arguments)
    }

    /// The next commit upstream: exactly these files.
    pub(super) fn upstream(&mut self, files: &[(&str, &str)]) {
        self.upstream.clear();
        for (file, text) in files {
            self.upstream.file(file, text);
        }
        self.upstream.commit("next");
    }

    /// What must hold after every update that ends with 0, as long as nothing is gone: everything here and elsewhere ends with 0.
    #[track_caller]
    pub(super) fn assert_whole(&self) {
        for arguments in [
            &["install"] as &[&str],
            &["install", "--locked"],
            &["outdated", "--check"],
            &["update", "--check"],
            &["check", "--project-only"],
        ] {
            let _ = self.run(arguments).code(0);
        }
        let _ = self.assert_clone(true, 0);
        let _ = self.assert_clone(false, 0);
    }

    /// What an install in a clone ends with, with the lockfile and without the network, or without the lockfile.
    #[track_caller]
    pub(super) fn assert_clone(&self, has_lockfile: bool, code: i32) -> Output {
        let clone = self.sandbox.path().join("clone");
        let _ = fs::remove_dir_all(&clone);
        for (path, bytes) in self.sandbox.files() {
            let is_committed = path == "agentpkg.toml"
                || has_lockfile && (path == "agentpkg.lock" || path.starts_with(".agentpkg/base"));
            if is_committed {
                let path = clone.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
        let folder = clone.to_str().unwrap();
        let output = if has_lockfile {
            self.run(&["-C", folder, "install", "--locked", "--offline"])
        } else {
            self.run(&["-C", folder, "install"])
        };
        output.code(code)
    }

    pub(super) fn manifest(&self) -> String {
        self.sandbox.read("agentpkg.toml")
    }

    pub(super) fn lockfile(&self) -> String {
        self.sandbox.read("agentpkg.lock")
    }
}

#[test]
fn a_file_that_moved_is_followed_also_if_nothing_else_changed() {
    let text = agent("planner", "plans", 0);
    let mut stage = Stage::new(&[("agents/planner.md", &text)]);
    let _ = stage.run(&["install", "studio/planner"]).code(0);
    stage.upstream(&[("team/planner.md", &text)]);
    let status = stage.run(&["status", "--json"]).code(0).json();
    assert_eq!(
        status["agents"][0]["moved"],
        "moved upstream: agents/planner.md -> team/planner.md"
    );
    let outdated = stage.run(&["outdated", "--check", "--json"]).code(5).json();
    assert_eq!(
        outdated["agents"][0]["moved"],
        "moved upstream: agents/planner.md -> team/planner.md"
    );
    let _ = stage.run(&["update", "--check"]).code(5);
    let output = stage.run(&["update", "--json"]).code(0).json();
    assert_eq!(output["agents"][0]["status"], "moved");
    assert!(stage.lockfile().contains("file = \"team/planner.md\""));
    stage.assert_whole();
    let history = stage.run(&["undo", "--list"]).code(0);
    assert!(
        history.stdout.contains("update planner"),
        "{}",
        history.all()
    );
}

#[test]
fn how_much_was_rewritten_is_said() {
    let mut stage = Stage::new(&[("agents/planner.md", &agent("planner", "plans", 0))]);
    let _ = stage.run(&["install", "studio/planner"]).code(0);
    stage.upstream(&[("agents/planner.md", &agent("planner", "plans", 5))]);
    let few = stage.run(&["update"]).code(0).all();
    assert!(!few.contains("rewrote"), "{few}");
    stage.upstream(&[("agents/planner.md", &agent("planner", "plans otherwise", 5))]);
    let all = stage.run(&["update"]).code(0).all();
    assert!(
        all.contains("upstream rewrote 100 % of the prompt"),
        "{all}"
    );
}

#[test]
fn an_edited_file_that_moved_keeps_its_edits() {
    let text = agent("planner", "plans", 0);
    let mut stage = Stage::new(&[("agents/planner.md", &text)]);
    let _ = stage.run(&["install", "studio/planner"]).code(0);
    let path = stage.sandbox.project(".claude/agents/planner.md");
    let edited = format!("{text}\nmine\n");
    fs::write(&path, &edited).unwrap();
    stage.upstream(&[("team/planner.md", &text)]);
    let _ = stage.run(&["update"]).code(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), edited);
    stage.upstream(&[("team/planner.md", &agent("planner", "plans", 2))]);
    let _ = stage.run(&["update"]).code(0);
    let merged = format!("{}\nmine\n", agent("planner", "plans", 2));
    assert_eq!(fs::read_to_string(&path).unwrap(), merged);
    stage.assert_whole();
}

#[test]
fn another_name_is_written_to_manifest_and_lockfile() {
    let mut stage = Stage::new(&[("agents/planner.md", &agent("planner", "plans", 0))]);
    let _ = stage.run(&["install", "studio/planner"]).code(0);
    stage.upstream(&[("agents/planner.md", &agent("chief", "plans", 1))]);
    let output = stage.run(&["update"]).code(0);
    assert!(
        output.stderr.contains("upstream calls it chief now"),
        "{}",
        output.all()
    );
    let entry = "planner = { registry = \"studio\", agent = \"chief\" }";
    assert!(stage.manifest().contains(entry), "{}", stage.manifest());
    stage.assert_whole();
    // Back under its first name, the entry needs no other.
    stage.upstream(&[("x/planner.md", &agent("planner", "plans", 1))]);
    let _ = stage.run(&["update"]).code(0);
    let entry = "planner = { registry = \"studio\" }";
    assert!(stage.manifest().contains(entry), "{}", stage.manifest());
    stage.assert_whole();
    let _ = stage.run(&["undo"]).code(0);
    assert!(stage.manifest().contains("chief") && stage.lockfile().contains("chief"));
}

#[test]
fn a_name_that_several_have_is_written_as_a_file() {
    let text = agent("planner", "plans", 0);
    let other = agent("planner", "does something else", 0);
    let mut stage = Stage::new(&[("agents/planner.md", &text)]);
    let _ = stage.run(&["install", "studio/planner"]).code(0);
    stage.upstream(&[("team/planner.md", &text), ("other/planner.md", &other)]);
    let _ = stage.run(&["update"]).code(0);
    let entry = "file = \"team/planner.md\"";
    assert!(stage.manifest().contains(entry), "{}", stage.manifest());
    stage.assert_whole();
    // What was found by its file stays so.
    stage.upstream(&[("agents/new.md", &agent("chief", "plans", 1))]);
    let _ = stage.run(&["update"]).code(0);
    assert!(stage.manifest().contains("file = \"agents/new.md\""));
    stage.assert_whole();
}

#[test]
fn another_agent_never_takes_the_name() {
    let text = agent("planner", "plans", 0);
    let other = agent("planner", "does something else", 0);
    let mut stage = Stage::new(&[("a/planner.md", &text), ("b/planner.md", &other)]);
    let _ = stage.run(&["install", "studio#a/planner.md"]).code(0);
    let before = stage.sandbox.files();
    stage.upstream(&[("b/planner.md", &other)]);
    let output = stage.run(&["update", "--json"]).code(0).json();
    assert_eq!(output["agents"][0]["status"], "gone");
    assert_eq!(stage.sandbox.files(), before);
    // Nor does what another agent became in the same file.
    let mut stage = Stage::new(&[("a/planner.md", &text)]);
    let _ = stage.run(&["install", "studio#a/planner.md"]).code(0);
    let before = stage.sandbox.files();
    stage.upstream(&[("a/planner.md", &agent("tester", "tests", 0))]);
    let output = stage.run(&["update", "--json"]).code(0).json();
    assert_eq!(output["agents"][0]["status"], "gone");
    assert_eq!(stage.sandbox.files(), before);
}

#[test]
fn the_version_that_is_wanted_is_followed_not_the_newest() {
    let text = agent("planner", "plans", 0);
    let mut stage = Stage::new(&[("agents/planner.md", &text)]);
    stage.upstream.tag("v1.0.0");
    let _ = stage.run(&["install", "studio/planner@^1"]).code(0);
    stage.upstream(&[("team/planner.md", &agent("planner", "plans", 2))]);
    stage.upstream.tag("v1.1.0");
    stage.upstream(&[("README.md", "nothing is here any more")]);
    let _ = stage.run(&["update"]).code(0);
    assert!(stage.lockfile().contains("version = \"1.1.0\""));
    assert!(stage.lockfile().contains("file = \"team/planner.md\""));
    stage.assert_whole();
}

#[test]
fn a_force_push_is_no_reason_to_lose_an_agent() {
    let mut stage = Stage::new(&[("agents/planner.md", &agent("planner", "plans", 0))]);
    let _ = stage.run(&["install", "studio/planner"]).code(0);
    stage.upstream.clear();
    stage
        .upstream
        .file("x/chief.md", agent("chief", "plans", 3));
    stage.upstream.commit_orphan("all new");
    let output = stage.run(&["update"]).code(0);
    assert!(
        output.stderr.contains("agents/planner.md -> x/chief.md"),
        "{}",
        output.all()
    );
    stage.assert_whole();
}

#[test]
fn a_manifest_that_upstream_left_behind_is_fixed_by_install() {
    let mut stage = Stage::new(&[("agents/planner.md", &agent("planner", "plans", 0))]);
    let _ = stage.run(&["install", "studio#agents/planner.md"]).code(0);
    let old = stage.manifest();
    stage.upstream(&[("team/planner.md", &agent("planner", "plans", 1))]);
    let _ = stage.run(&["update"]).code(0);
    let new = stage.manifest();
    assert_ne!(old, new);
    // A merge took the manifest of one side and the lockfile of the other.
    stage.sandbox.write("project/agentpkg.toml", &old);
    let _ = stage.run(&["install", "--locked"]).code(1);
    let output = stage.run(&["install"]).code(0);
    assert!(
        output
            .stderr
            .contains("the one in agentpkg.lock: team/planner.md"),
        "{}",
        output.all()
    );
    assert_eq!(stage.manifest(), new);
    stage.assert_whole();
    // The other way round as well, and by `update`.
    stage.sandbox.write("project/agentpkg.toml", &old);
    let _ = stage.run(&["update"]).code(0);
    assert_eq!(stage.manifest(), new);
    stage.assert_whole();
}

#[test]
fn a_folder_has_no_commits_and_is_followed_by_bytes_and_name_only() {
    let stage = Stage::new(&[("README.md", "nothing")]);
    let sandbox = &stage.sandbox;
    let text = agent("planner", "plans", 0);
    sandbox.write("folder/agents/planner.md", &text);
    let _ = stage.run(&["install", "../folder#planner"]).code(0);
    let rename = |from: &str, to: &str| {
        let [from, to] = [from, to].map(|path| sandbox.path().join("folder").join(path));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(from, to).unwrap();
    };
    rename("agents/planner.md", "agents/chief.md");
    let _ = stage.run(&["update"]).code(0);
    assert!(stage.lockfile().contains("file = \"agents/chief.md\""));
    stage.assert_whole();
    rename("agents/chief.md", "team/planner.md");
    sandbox.write("folder/team/planner.md", agent("planner", "plans", 5));
    let output = stage.run(&["update"]).code(0);
    assert!(
        output.stderr.contains("moved and rewritten upstream"),
        "{}",
        output.all()
    );
    stage.assert_whole();
    sandbox.write("folder/team/planner.md", agent("other", "other", 0));
    let output = stage.run(&["update", "--json"]).code(0).json();
    assert_eq!(output["agents"][0]["status"], "gone");
}
