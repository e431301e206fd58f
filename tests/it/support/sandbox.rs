//! A place to run the real program in: its own home and git configuration, nothing from this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::schema::violations_of_output;

/// A folder with a home and a project.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

/// What a run of the program printed.
#[must_use]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Everything in one text, for comparing.
    pub(crate) fn all(&self) -> String {
        format!(
            "exit {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }

    /// Fails unless the exit code is this one.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.all());
        self
    }

    /// The document on stdout, which must have the form that its own definition in `docs/schema/output.json` describes.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let document = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.all()));
        let found = violations_of_output(&document);
        assert!(found.is_empty(), "{found:#?}\n{document:#}");
        document
    }
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    /// The same in memory, if the system has such a folder: the program syncs what it writes, which takes most of its time on a disk.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        Self::within(folder.or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn within(folder: tempfile::TempDir) -> Self {
        fs::create_dir(folder.path().join("home")).unwrap();
        fs::create_dir(folder.path().join("project")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the project.
    pub(crate) fn project(&self, path: &str) -> PathBuf {
        self.folder.path().join("project").join(path)
    }

    /// Writes a file relative to the sandbox.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// The content of a file of the project.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The program, ready to run in the project.
    pub(crate) fn command(&self) -> Command {
        self.prepared(Command::new(env!("CARGO_BIN_EXE_agentpkg")))
    }

    /// Another program, with the same project, home and environment.
    pub(crate) fn prepared(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .current_dir(self.project(""))
            .stdin(Stdio::null());
        command
            .env("HOME", self.path().join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("COLUMNS", "80");
        command.env("AGENTPKG_MANAGED_DIR", self.path().join("managed"));
        // Where sessions that tests create themselves expect it.
        command.env("AGENTPKG_STATE_DIR", self.path().join("home/state"));
        for name in ["PATH", "SystemRoot", "TEMP", "TMP"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs the program.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        finish(self.command().args(arguments))
    }

    /// Every file of the project with its content, except history and lock.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        collect(&self.project(""), &self.project(""), &mut files);
        files.sort();
        files
    }
}

/// A program that does not ignore interrupts, even if these tests run where they are ignored: behind `nohup`, or in the background of a
/// script. If `env` cannot do that, the program is run as it is.
#[cfg(unix)]
pub(crate) fn interruptible(program: &str) -> Command {
    let reset = "--default-signal=INT";
    let can_reset = Command::new("env")
        .args([reset, "true"])
        .stderr(Stdio::null())
        .status();
    if !can_reset.is_ok_and(|status| status.success()) {
        return Command::new(program);
    }
    let mut command = Command::new("env");
    command.args([reset, program]);
    command
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with(".agentpkg/state") {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.push((
                path.strip_prefix(root).unwrap().display().to_string(),
                fs::read(&path).unwrap(),
            ));
        }
    }
}
