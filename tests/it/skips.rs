//! A test that cannot run is never taken for one that passed.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::sandbox::{Output, Sandbox, finish};

/// One test of this very program, without any tool on the `PATH`.
fn lonely(test: &str, ci: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    finish(
        command
            .args(["--exact", test])
            .env_clear()
            .env("PATH", "/nonexistent")
            .env("CI", ci),
    )
}

#[test]
fn what_is_skipped_is_said_and_fails_in_continuous_integration() {
    for (test, reason) in [
        (
            "completions::fish_inserts_what_is_meant",
            "fish is not on PATH",
        ),
        (
            "completions::versions_and_sources_of_git_are_completed",
            "git is not on PATH",
        ),
        (
            "update::merge_file_is_a_merge_driver_for_git",
            "git is not on PATH",
        ),
        #[cfg(target_os = "linux")]
        ("trust::kill::init", "strace is not on PATH"),
    ] {
        let output = lonely(test, "").code(0);
        assert!(
            output
                .stderr
                .contains(&format!("\n!! SKIPPED: {test}: {reason}\n")),
            "{}",
            output.all()
        );
        let output = lonely(test, "true").code(101);
        assert!(
            output.stdout.contains(reason) && output.stdout.contains("no test is skipped"),
            "{}",
            output.all()
        );
    }
}

#[test]
fn missing_tools_are_installed_with_a_sudo_that_asks_nothing() {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/tools");
    if !tools.is_file() {
        // The published crate has the tests, but not the script that runs them.
        return;
    }
    let run = |id: &str, sudo: &str| {
        let sandbox = Sandbox::new();
        let bin = sandbox.path().join("bin");
        let log = sandbox.path().join("log").display().to_string();
        fs::write(&log, "").unwrap();
        for (name, text) in [
            ("id", format!("echo {id}")),
            (
                "sudo",
                format!("echo \"sudo $1\" >>'{log}'; {sudo}; shift; exec \"$@\""),
            ),
            ("timeout", "shift; exec \"$@\"".to_owned()),
            ("env", "shift; exec \"$@\"".to_owned()),
            (
                "apt-get",
                format!(
                    "echo \"apt-get $*\" >>'{log}'; [ \"$1\" != install ] || /bin/ln -s /bin/sh \"${{0%/*}}/fish\""
                ),
            ),
        ] {
            sandbox.write(&format!("bin/{name}"), format!("#!/bin/sh\n{text}\n"));
            fs::set_permissions(bin.join(name), PermissionsExt::from_mode(0o755)).unwrap();
        }
        for name in ["dash", "bash", "zsh", "shellcheck", "strace"] {
            symlink("/bin/sh", bin.join(name)).unwrap();
        }
        let output = finish(
            Command::new("/bin/sh")
                .arg(&tools)
                .env_clear()
                .env("PATH", &bin),
        );
        (output, fs::read_to_string(&log).unwrap())
    };
    let installed = "apt-get update -qq\napt-get install -y -qq fish\n";
    let (output, log) = run("0", "exit 1");
    assert_eq!(
        (output.code, log.as_str()),
        (0, installed),
        "{}",
        output.all()
    );
    let (output, log) = run("1000", ":");
    assert_eq!(
        (output.code, log.replace("sudo -n\n", "").as_str()),
        (0, installed),
        "{}",
        output.all()
    );
    let (output, log) = run("1000", "exit 1");
    assert_eq!(
        (output.code, log.as_str()),
        (1, "sudo -n\nsudo -n\n"),
        "{}",
        output.all()
    );
    assert_eq!(output.stderr, "could not be installed: fish\n");
}
