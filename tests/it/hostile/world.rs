//! The world around a hostile project: a home, a victim beside it, a real repository with a real history made by agentpkg.
//!
//! The history must be real, made by the program at this very path: only then do commands reach the files that an attack has manipulated.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::case::{Base, Case, Home};
use super::snapshot::Snapshot;
use crate::support::repo::run_git;
use crate::support::sandbox::Sandbox;

/// How long a command may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A text that only the victim's secret file contains.
pub(super) const SECRET: &str = "THE-SECRET-OF-THE-VICTIM";

/// What the user wrote into installed agents and into a file with conflicts.
pub(super) const WORDS: &[&str] = &[
    "WORDS-OF-THE-USER-IN-X",
    "WORDS-OF-THE-USER-IN-Y",
    "WORDS-OF-THE-USER-ON-A-CONFLICT",
];

/// What is restored before a case: everything that an attack may reach.
const RESTORED: &[&str] = &["project", "victim", "home"];

/// Folders of the world that belong to the machine: templates, cache, keys, output.
const MACHINE: &str = "machine";

/// A folder with everything in it, which one thread uses.
pub(super) struct World {
    sandbox: Sandbox,
}

/// The result of a command.
pub(super) struct Run {
    /// The exit code; `None`: ended by a signal, or did not end in time.
    pub(super) code: Option<i32>,
    pub(super) is_late: bool,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl World {
    /// Makes the templates.
    pub(super) fn new() -> Self {
        let world = Self {
            sandbox: Sandbox::in_memory(),
        };
        fs::create_dir(world.path(MACHINE)).unwrap();
        world
            .write("home/.bashrc", "# mine\n")
            .write("home/.ssh/config", "# mine\n");
        world
            .write("victim/keep.txt", "keep\n")
            .write("victim/secret.txt", format!("{SECRET}\n"));
        world
            .write("victim/agents/planner.md", agent("planner"))
            .write("victim/empty/inner/keep.txt", "keep\n");
        world.make_project();
        world.keep("home", "home");
        world.keep("victim", "victim");
        world.keep("project", &template(Base::Used));
        // What belongs to this machine does not come with a clone.
        for folder in ["state", "conflicts"] {
            fs::remove_dir_all(world.project(".agentpkg").join(folder)).unwrap();
        }
        world.keep("project", &template(Base::Cloned));
        world
    }

    /// A project with agents that are clean, edited, and in conflict; with the user's own files, and a server that nothing needs.
    fn make_project(&self) {
        for name in ["u", "x", "y", "z"] {
            self.write(&format!("project/registry/agents/{name}.md"), agent(name));
        }
        self.write(
            "project/registry/agents/v.md",
            agent("v").replace("Read, Grep", "Read, mcp__context7__query-docs"),
        );
        self.write("project/more/agents/w.md", agent("w"));
        for file in super::case::USER_FILES {
            self.write(
                &format!("project/{file}"),
                format!("{file} is the user's\n"),
            );
        }
        self.write("project/.claude/settings.json", "{\"permissions\": {}}\n");
        self.write("project/.claude/agents/mine.md", agent("mine"));
        self.write(
            "project/.mcp.json",
            "{\"mcpServers\": {\"mine\": {\"command\": \"mine\"}}}\n",
        );
        run_git(
            &self.project(""),
            ["init", "--quiet", "--initial-branch=main", "--template="],
        );
        self.must(&["registry", "add", "./registry", "--name", "local"], 0);
        self.must(
            &[
                "install", "local/x", "local/y", "local/z", "local/v", "--mcp", "add",
            ],
            0,
        );
        self.edit(
            ".claude/agents/v.md",
            "Read, mcp__context7__query-docs",
            "Read",
        );
        self.edit(
            ".claude/agents/x.md",
            "- write the plan",
            &format!("- write {}", WORDS[0]),
        );
        self.edit(
            ".claude/agents/y.md",
            "- write the plan",
            &format!("- write {}", WORDS[1]),
        );
        self.edit("registry/agents/x.md", "- ask first", "- ask twice");
        self.edit(
            "registry/agents/y.md",
            "- write the plan",
            "- write another plan",
        );
        self.edit("registry/agents/z.md", "- ask first", "- ask twice");
        self.must(&["update", "y", "--conflicts=markers"], 3);
        // The user has resolved the conflict, and has not run `resolve` yet.
        self.write(
            "project/.agentpkg/conflicts/y.md",
            agent("y").replace("- write the plan", &format!("- write {}", WORDS[2])),
        );
        // Nothing was built on the newest operation, so it can be undone.
        self.must(&["install", "local/u"], 0);
        // Ignored files would not come with a clone, but an attacker can commit anything by force.
        run_git(&self.project(""), ["add", "."]);
        run_git(&self.project(""), ["commit", "--quiet", "-m", "first"]);
        // One file is copied faster than many.
        run_git(&self.project(""), ["gc", "--quiet"]);
    }

    /// Builds a case anew.
    pub(super) fn prepare(&self, case: &Case) {
        for name in RESTORED {
            let path = self.path(name);
            if fs::symlink_metadata(&path).is_ok() {
                fs::remove_dir_all(&path).unwrap();
            }
        }
        // An attack may have left something beside the project.
        for entry in fs::read_dir(self.path("")).unwrap() {
            let path = entry.unwrap().path();
            if path != self.path(MACHINE) {
                remove(&path);
            }
        }
        let project = template(case.base);
        for (from, to) in [
            ("home", "home"),
            ("victim", "victim"),
            (project.as_str(), "project"),
        ] {
            copy(&self.path(MACHINE).join(from), &self.path(to));
        }
        remove(&self.marker());
        (case.plant)(self);
    }

    /// Everything outside of the project that does not belong to the machine.
    pub(super) fn look_outside(&self) -> Snapshot {
        Snapshot::take(&self.path(""), &[MACHINE, "project"])
    }

    /// Everything in the project.
    pub(super) fn look_inside(&self) -> Snapshot {
        Snapshot::take(&self.project(""), &[])
    }

    /// A path in the world.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.sandbox.path().join(path)
    }

    /// A path in the project.
    pub(super) fn project(&self, path: &str) -> PathBuf {
        self.sandbox.project(path)
    }

    /// The file that a planted program creates when it runs.
    pub(super) fn marker(&self) -> PathBuf {
        self.path(MACHINE).join("a-planted-program-ran")
    }

    /// A command that creates this file.
    pub(super) fn planted_program(&self) -> String {
        format!("touch {}", self.marker().display())
    }

    /// Writes a file relative to the world.
    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        self.sandbox.write(path, content);
        self
    }

    /// Writes a file of the project, replacing anything at its path.
    pub(super) fn plant(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        remove(&self.project(path));
        self.write(&format!("project/{path}"), content)
    }

    /// Creates a link in the project, replacing anything at its path.
    pub(super) fn link(&self, path: &str, target: impl AsRef<Path>) -> &Self {
        let path = self.project(path);
        remove(&path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    /// Copies what is at a path of the project to `to` in the world, so that it also looks right from there.
    pub(super) fn copy_out(&self, path: &str, to: &str) -> &Self {
        let to = self.path(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        if self.project(path).is_file() {
            fs::copy(self.project(path), to).unwrap();
        } else if self.project(path).is_dir() {
            copy(&self.project(path), &to);
        }
        self
    }

    /// Replaces a text in a file of the project.
    #[track_caller]
    pub(super) fn edit(&self, path: &str, from: &str, to: &str) -> &Self {
        let text = self.sandbox.read(path);
        assert!(text.contains(from), "{path} has {from:?}: {text}");
        self.write(&format!("project/{path}"), text.replace(from, to))
    }

    /// The bytes of a file of the project.
    pub(super) fn bytes(&self, path: &str) -> Vec<u8> {
        fs::read(self.project(path)).unwrap()
    }

    /// Runs a command of the program in the project.
    pub(super) fn run(&self, command: &super::command::Command, home: Home) -> Run {
        let mut process = self.command();
        match home {
            Home::Usual => {}
            Home::None => {
                process
                    .env("HOME", "/dev/null")
                    .env("AGENTPKG_STATE_DIR", "/dev/null/state");
            }
            Home::Relative => {
                process
                    .env("HOME", "notes")
                    .env_remove("AGENTPKG_STATE_DIR");
            }
        }
        if command.is_completion() {
            process.env("COMPLETE", "fish");
        }
        self.finish(process.args(command.arguments()))
    }

    /// Runs what a person runs next in a repository, trusting its contents.
    pub(super) fn run_git_status(&self) {
        let mut git = self.sandbox.prepared(Command::new("git"));
        let _ = self.finish(git.arg("status"));
    }

    fn command(&self) -> Command {
        let mut command = self.sandbox.command();
        command.env("AGENTPKG_CACHE_DIR", self.path(MACHINE).join("cache"));
        command.env("AGENTPKG_STATE_DIR", self.path(MACHINE).join("state"));
        command
    }

    /// Waits for a process, with a limit.
    fn finish(&self, command: &mut Command) -> Run {
        let (stdout, stderr) = (
            self.path(MACHINE).join("stdout"),
            self.path(MACHINE).join("stderr"),
        );
        command
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap());
        let start = Instant::now();
        let mut child = command.spawn().unwrap();
        let (code, is_late) = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break (status.code(), false);
            }
            if start.elapsed() > DEADLINE {
                child.kill().unwrap();
                child.wait().unwrap();
                break (None, true);
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        Run {
            code,
            is_late,
            stdout: fs::read(stdout).unwrap(),
            stderr: fs::read(stderr).unwrap(),
        }
    }

    #[track_caller]
    fn must(&self, arguments: &[&str], code: i32) {
        let run = self.finish(self.command().args(arguments));
        assert_eq!(
            run.code,
            Some(code),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
    }

    fn keep(&self, from: &str, name: &str) {
        copy(&self.path(from), &self.path(MACHINE).join(name));
    }
}

/// The template of a project.
fn template(base: Base) -> String {
    format!("{base:?}").to_lowercase()
}

/// A harmless agent.
pub(super) fn agent(name: &str) -> String {
    format!(
        "---\nname: {name}\ndescription: Plans work.\ntools: Read, Grep\nmodel: sonnet\n---\n\n# Plan\n\nYou plan.\n\n## Steps\n- read the code\n- write the plan\n\n## Rules\n- ask first\n"
    )
}

/// Removes whatever is at a path; links are not followed.
fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Copies a folder; links stay links.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else if kind.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}
