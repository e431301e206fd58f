//! A project with its sources, which can be restored to the state before an attack.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::{Output, Sandbox};
use crate::support::skip::skip;

/// A person's text, which no attack may lose.
pub(super) const EDIT: &str = "MY-OWN-WORDS-0042";

/// A text that is only in upstream's second version.
pub(super) const UPSTREAM: &str = "UPSTREAM-SAYS-TWO";

/// How long a command may take, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Paths and contents; for a link, its target.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A sandbox with a source of agents: the same files as a git repository, over HTTP and in a folder.
pub(super) struct Stage {
    sandbox: Sandbox,
    upstream: RepoBuilder,
    server: Option<Server>,
}

impl Stage {
    /// An empty project; `None`, with a message, if strace or git is missing.
    pub(super) fn new() -> Option<Self> {
        if let Some(reason) = missing_tracer() {
            skip(reason);
            return None;
        }
        let sandbox = Sandbox::new();
        hermetic_git(sandbox.path())?;
        let upstream = RepoBuilder::bare(&sandbox.path().join("served/agents.git"));
        Some(Self {
            sandbox,
            upstream,
            server: None,
        })
    }

    pub(super) fn root(&self) -> &Path {
        self.sandbox.path()
    }

    /// A path in the project.
    pub(super) fn project(&self, path: &str) -> PathBuf {
        self.sandbox.project(path)
    }

    /// Publishes the first or second version of this many agents.
    pub(super) fn publish(&mut self, version: u32, count: usize) {
        for index in 0..count {
            let name = agent_name(index);
            self.publish_file(
                &format!("agents/{name}.md"),
                &agent(&name, "Read, Grep", version),
            );
        }
        self.upstream.commit(&format!("version {version}"));
    }

    /// Publishes one more agent.
    pub(super) fn publish_agent(&mut self, name: &str, tools: &str) {
        self.publish_file(&format!("agents/{name}.md"), &agent(name, tools, 1));
        self.upstream.commit(name);
    }

    fn publish_file(&mut self, path: &str, text: &str) {
        self.upstream.file(path, text);
        self.sandbox.write(&format!("folder/{path}"), text);
    }

    /// Serves the repository over HTTP from now on; `SOURCE` in a command is that address then.
    pub(super) fn serve(&mut self) {
        self.server = Some(Server::start(&self.root().join("served")));
    }

    /// Writes a file of the project.
    pub(super) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        self.sandbox.write(&format!("project/{path}"), text);
    }

    /// The text of a file of the project.
    #[track_caller]
    pub(super) fn read(&self, path: &str) -> String {
        self.sandbox.read(path)
    }

    /// Edits a file of the project as a person does.
    #[track_caller]
    pub(super) fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "{path} has no {old:?}");
        self.write(path, text.replacen(old, new, 1));
    }

    /// The words of a command, with the address of the source for `SOURCE`.
    pub(super) fn words(&self, command: &[&str]) -> Vec<String> {
        let source = match &self.server {
            Some(server) => server.url("agents.git").to_string(),
            None => format!("file://{}", self.upstream.path().display()),
        };
        command
            .iter()
            .map(|word| word.replace("SOURCE", &source))
            .collect()
    }

    /// The program with these words, ready to run.
    pub(super) fn command(&self, words: &[String]) -> Command {
        let mut command = self.sandbox.command();
        command.args(words);
        command
    }

    /// Another program in the same environment.
    pub(super) fn other(&self, program: &str) -> Command {
        self.sandbox.prepared(Command::new(program))
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, command: &[&str]) -> Output {
        run(&mut self.command(&self.words(command)))
    }

    /// Stores the state of the project and the home folder.
    pub(super) fn keep(&self, name: &str) {
        let kept = self.root().join(name);
        remove(&kept);
        fs::create_dir(&kept).unwrap();
        self.copy(Path::new("."), &kept);
    }

    /// Restores the stored state of the project and the home folder.
    pub(super) fn restore(&self, name: &str) {
        remove(&self.project(""));
        remove(&self.root().join("home"));
        self.copy(&self.root().join(name), self.root());
    }

    fn copy(&self, from: &Path, to: &Path) {
        let mut command = Command::new("cp");
        command
            .current_dir(self.root())
            .arg("-a")
            .arg(from.join("project"))
            .arg(from.join("home"))
            .arg(to);
        assert!(command.status().unwrap().success());
    }

    /// All files of the project, including agentpkg's state.
    pub(super) fn files(&self) -> Files {
        let mut files = Files::new();
        collect(&self.project(""), &self.project(""), &mut files);
        // It names the last process that held the lock.
        files.remove(".agentpkg/state/lock");
        files
    }
}

/// Why no system call can be traced here.
fn missing_tracer() -> Option<&'static str> {
    match Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status()
    {
        Err(_) => Some("strace is not on PATH"),
        Ok(status) if !status.success() => Some("strace may not trace here"),
        Ok(_) => None,
    }
}

fn remove(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            panic!("{}: {error}", folder.display())
        }
        _ => {}
    }
}

/// Files that come or go meanwhile are no reason to fail.
fn collect(root: &Path, folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        let content = match kind {
            Ok(kind) if kind.is_dir() => {
                collect(root, &path, files);
                continue;
            }
            Ok(kind) if kind.is_symlink() => {
                fs::read_link(&path).map(|target| format!("-> {}", target.display()).into_bytes())
            }
            _ => fs::read(&path),
        };
        if let Ok(content) = content {
            files.insert(
                path.strip_prefix(root).unwrap().display().to_string(),
                content,
            );
        }
    }
}

/// The name of the agent with this number: `agent-a`, `agent-b` and so on.
fn agent_name(index: usize) -> String {
    format!("agent-{}", char::from(b'a' + u8::try_from(index).unwrap()))
}

/// An agent with sections far enough from each other that changes in two of them never conflict.
pub(super) fn agent(name: &str, tools: &str, version: u32) -> String {
    let mut text = format!(
        "---\nname: {name}\ndescription: Does things well\ntools: {tools}\n---\n\n# {name}\n"
    );
    for section in 0..8 {
        text += &format!("\n## Section {section}\n\nSentence {section} of {name}.\n");
    }
    if version == 2 {
        text = text
            .replace("things well", "things better")
            .replace("Sentence 2 of", &format!("{UPSTREAM} two of"));
        text = text.replace("Sentence 6 of", &format!("{UPSTREAM} six of"));
    }
    text
}

/// Runs a command with all its child processes to its end; a command that does not end fails the test.
#[track_caller]
pub(super) fn run(command: &mut Command) -> Output {
    Running::start(command)
        .end()
        .unwrap_or_else(|reason| panic!("{reason}"))
}

/// A running command.
pub(super) struct Running {
    /// The process, which leads its own process group.
    pub(super) id: Pid,
    /// The process itself, not only its number, which may be reused.
    handle: OwnedFd,
    what: String,
    output: mpsc::Receiver<std::process::Output>,
}

impl Running {
    /// Starts a command.
    pub(super) fn start(command: &mut Command) -> Self {
        let child = command
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let id = Pid::from_child(&child);
        let handle = pidfd_open(id, PidfdFlags::empty()).unwrap();
        let (sender, output) = mpsc::channel();
        // Nobody waits any more for a command that took too long.
        thread::spawn(move || drop(sender.send(child.wait_with_output().unwrap())));
        Self {
            id,
            handle,
            what: format!("{command:?}"),
            output,
        }
    }

    /// Whether the command has not ended.
    pub(super) fn is_running(&self) -> bool {
        rustix::process::test_kill_process_group(self.id).is_ok()
    }

    /// Kills the command, but not its child processes. It may have ended already.
    pub(super) fn kill(&self) {
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
    }

    /// Waits for the end; a command that takes too long is killed, which is an error.
    pub(super) fn end(self) -> Result<Output, String> {
        let Ok(output) = self.output.recv_timeout(PATIENCE) else {
            let _ = kill_process_group(self.id, Signal::KILL);
            return Err(format!("still running after {PATIENCE:?}: {}", self.what));
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Output {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }
}
