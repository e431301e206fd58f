//! The questions that git and ssh ask themselves, in a terminal of 80 columns: they are seen, stay, and can be answered.
#![cfg(target_os = "linux")]

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::http::{Fault, Server};
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;
use crate::support::skip::say;
use crate::support::terminal::Terminal;

fn serve(sandbox: &Sandbox) -> Option<RepoBuilder> {
    hermetic_git(sandbox.path())?;
    let mut repo = RepoBuilder::bare(&sandbox.path().join("srv/agents.git"));
    repo.file(
        "agents/planner.md",
        "---\nname: planner\ndescription: Plans\n---\nx\n",
    );
    let _ = repo.commit("first");
    Some(repo)
}

/// Waits until a question is the end of the last line of the screen, and looks whether it still is after a while. This terminal does not
/// repeat what is typed, so two questions may share a line.
#[track_caller]
fn asked(terminal: &mut Terminal, question: &str) {
    let question = question.trim_end();
    let is_last = |screen: &str| {
        let last = screen.lines().next_back().unwrap_or_default();
        last.trim_end().ends_with(question)
    };
    let begin = Instant::now();
    while !is_last(&terminal.screen()) {
        let screen = terminal.screen();
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "{question:?} is not asked:\n{screen}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(400));
    let screen = terminal.screen();
    assert!(is_last(&screen), "{question:?} is covered:\n{screen}");
    assert_narrow(&screen);
}

#[track_caller]
fn assert_narrow(screen: &str) {
    let wide: Vec<&str> = (screen.lines())
        .filter(|line| line.chars().count() > 80 && line.contains("fetching"))
        .collect();
    assert_eq!(wide, [""; 0]);
}

#[test]
fn user_name_and_password_are_asked_for_in_sight() {
    let sandbox = Sandbox::new();
    let Some(_repo) = serve(&sandbox) else { return };
    let server = Server::start(&sandbox.path().join("srv"));
    server.fault(Fault::Password);
    let url = server.url("agents.git");
    let temporary = sandbox.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let host = url.as_str().trim_end_matches("/agents.git");
    for line in [
        format!("install {url}#planner"),
        format!("registry add {url} --name far"),
        "registry refresh".to_owned(),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let variables = [("TMPDIR", temporary.clone().into_os_string())];
        let mut terminal = Terminal::start(&sandbox, &words, &variables);
        // Once, however many commands of git it takes.
        asked(&mut terminal, &format!("Username for '{host}':"));
        terminal.press("user\n");
        let with_user = host.replace("://", "://user@");
        asked(&mut terminal, &format!("Password for '{with_user}':"));
        terminal.press("secret\n");
        let screen = terminal.end();
        assert!(!screen.contains("error"), "{line}:\n{screen}");
        assert!(!screen.contains("secret"), "{line}:\n{screen}");
        assert_narrow(&screen);
        // Nothing of the answers outlives the command.
        let left = std::fs::read_dir(&temporary).unwrap().count();
        assert_eq!(left, 0, "{line}");
    }
    assert!(sandbox.read(".claude/agents/planner.md").contains("Plans"));
}

/// A program in the place of ssh that asks on the terminal, as ssh does, and then runs the other side here.
fn ssh(folder: &Path, question: &str, answer: &str) -> OsString {
    let script = format!(
        "#!/bin/sh\nprintf '%s' \"{question}\" > /dev/tty\nread -r answer < /dev/tty\n\
         [ \"$answer\" = '{answer}' ] || {{ echo 'Host key verification failed.' >&2; exit 255; }}\n\
         for last; do :; done\nexec sh -c \"$last\"\n"
    );
    let file = folder.join("ssh");
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file.into_os_string()
}

#[test]
fn host_key_and_passphrase_are_asked_for_in_sight() {
    if !Path::new("/usr/sbin/sshd").exists() {
        say("sshd is not here; a program that asks like ssh stands in for it");
    }
    for (question, answer) in [
        (
            "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
            "yes",
        ),
        (
            "Enter passphrase for key '/home/me/.ssh/id_ed25519': ",
            "open",
        ),
    ] {
        let sandbox = Sandbox::new();
        let Some(repo) = serve(&sandbox) else { return };
        let variables = [
            ("GIT_SSH_COMMAND", ssh(sandbox.path(), question, answer)),
            ("GIT_SSH_VARIANT", OsString::from("ssh")),
        ];
        let spec = format!(
            "ssh://git@host.example{}#agents/planner.md",
            repo.path().display()
        );
        let mut terminal = Terminal::start(&sandbox, &["install", &spec], &variables);
        asked(&mut terminal, question);
        terminal.press(&format!("{answer}\n"));
        terminal.wait_for("     Fetched");
        asked(&mut terminal, question);
        terminal.press(&format!("{answer}\n"));
        let screen = terminal.end();
        assert!(!screen.contains("error"), "{screen}");
        assert!(sandbox.read(".claude/agents/planner.md").contains("Plans"));
    }
}

#[test]
fn without_a_terminal_an_unknown_host_is_called_unknown() {
    let sandbox = Sandbox::new();
    let Some(_repo) = serve(&sandbox) else { return };
    let script = "#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n";
    let _ = sandbox.write("ssh", script);
    let file = sandbox.path().join("ssh");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = sandbox.command();
    command
        .env("GIT_SSH_COMMAND", &file)
        .args(["install", "ssh://me@host.example:2222/a/b.git#planner"]);
    let output = crate::support::sandbox::finish(&mut command).code(1);
    assert!(
        output
            .stderr
            .contains("the ssh key of `host.example` is unknown here")
            && output.stderr.contains("ssh -T -p 2222 me@host.example"),
        "{}",
        output.all()
    );
}
