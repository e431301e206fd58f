//! `install.sh` in clean folders, with every POSIX shell that is installed.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::sandbox::{Output, Sandbox, finish};
use crate::support::skip::skip;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shells() -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect();
    let find = |name: &str| {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
    };
    let found: Vec<PathBuf> = ["dash", "bash", "sh"]
        .into_iter()
        .filter_map(find)
        .collect();
    if found.len() < 3 {
        skip(&format!(
            "not all of dash, bash and sh are on PATH, only {found:?}"
        ));
    }
    found
}

/// A shell that reacts to signals. Tests that run in the background ignore them, which a shell cannot change for itself. If `env` cannot
/// change it either, the shell is started as it is.
fn interruptible(shell: &Path) -> Command {
    const DEFAULT: &str = "--default-signal=HUP,INT,QUIT,TERM";
    let is_able = finish(Command::new("env").args([DEFAULT, "true"])).code == 0;
    if !is_able {
        return Command::new(shell);
    }
    let mut command = Command::new("env");
    command.arg(DEFAULT).arg(shell);
    command
}

/// Runs a copy of the script in `folder`.
fn run(shell: &Path, sandbox: &Sandbox, folder: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(shell);
    command
        .arg(sandbox.path().join(folder).join("install.sh"))
        .args(arguments)
        .current_dir(sandbox.path());
    command
        .env_clear()
        .env("HOME", sandbox.path().join("home"))
        .env("PATH", std::env::var_os("PATH").unwrap());
    command.env("CARGO", sandbox.path().join("cargo"));
    finish(&mut command)
}

/// A release as the workflow makes it: unpacked in `release`, packed beside it.
fn release(sandbox: &Sandbox) {
    let folder = sandbox.path().join("release");
    fs::create_dir_all(folder.join("completions")).unwrap();
    // The program of a test build is too large to be packed again and again.
    sandbox.write("release/agentpkg", "#!/bin/sh\necho agentpkg 0.0.0\n");
    fs::set_permissions(
        folder.join("agentpkg"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    fs::copy(root().join("install.sh"), folder.join("install.sh")).unwrap();
    for file in fs::read_dir(root().join("completions")).unwrap() {
        let file = file.unwrap();
        fs::copy(
            file.path(),
            folder.join("completions").join(file.file_name()),
        )
        .unwrap();
    }
    let _ = sandbox
        .run(&["manual", folder.join("man").to_str().unwrap()])
        .code(0);
    sh(
        &folder,
        "find agentpkg completions man -type f | sort | xargs sha256sum >SHA256SUMS",
    );
    sh(
        sandbox.path(),
        "mkdir download && tar -czf download/agentpkg-x.tar.gz release && cd download && sha256sum agentpkg-x.tar.gz >SHA256SUMS",
    );
}

fn sh(folder: &Path, script: &str) {
    assert!(
        Command::new("sh")
            .args(["-c", script])
            .current_dir(folder)
            .status()
            .unwrap()
            .success(),
        "{script}"
    );
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_release_is_checked_installed_and_removed_again() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        release(&sandbox);
        let prefix = sandbox.path().join("prefix");
        let place = prefix.to_str().unwrap();
        let output = run(
            &shell,
            &sandbox,
            "release",
            &["--prefix", place, "--dry-run"],
        )
        .code(0);
        assert!(
            output
                .stdout
                .contains("Installing agentpkg from this release")
                && !prefix.exists(),
            "{}",
            output.all()
        );
        let archive = sandbox.path().join("download/agentpkg-x.tar.gz");
        for source in [&[][..], &["--archive", archive.to_str().unwrap()]] {
            // Other people's files stay, and so does a folder of theirs, even if it is empty.
            sandbox.write("prefix/share/man/man1/other.1", "x");
            fs::create_dir_all(prefix.join("bin")).unwrap();
            let output = run(
                &shell,
                &sandbox,
                "release",
                &[&["--prefix", place], source].concat(),
            )
            .code(0);
            assert!(
                output.stdout.contains("Installed agentpkg 0."),
                "{}",
                output.all()
            );
            let found = files(&prefix);
            for file in [
                "bin/agentpkg",
                "share/bash-completion/completions/agentpkg",
                "share/zsh/site-functions/_agentpkg",
                "share/fish/vendor_completions.d/agentpkg.fish",
                "share/man/man1/agentpkg.1",
                "share/man/man1/agentpkg-install.1",
            ] {
                assert!(
                    found.iter().any(|known| known == file),
                    "{file} is in {found:?}"
                );
            }
            let works = finish(
                Command::new(prefix.join("bin/agentpkg"))
                    .env_clear()
                    .arg("--version"),
            )
            .code(0);
            assert!(works.stdout.starts_with("agentpkg 0."));
            // Running it a second time changes nothing, and a page of an older version is removed.
            let list = prefix.join("share/agentpkg/installed");
            fs::write(prefix.join("share/man/man1/agentpkg-old.1"), "x").unwrap();
            fs::write(
                &list,
                fs::read_to_string(&list).unwrap() + "share/man/man1/agentpkg-old.1\n",
            )
            .unwrap();
            let _ = run(
                &shell,
                &sandbox,
                "release",
                &[&["--prefix", place], source].concat(),
            )
            .code(0);
            assert_eq!(files(&prefix), found);
            let _ = run(
                &shell,
                &sandbox,
                "release",
                &["--prefix", place, "--uninstall"],
            )
            .code(0);
            assert_eq!(files(&prefix), ["share/man/man1/other.1"]);
            assert!(
                prefix.join("bin").is_dir() && !prefix.join("share/zsh").exists(),
                "only folders that it made are gone"
            );
            fs::remove_dir_all(&prefix).unwrap();
        }
        let output = run(
            &shell,
            &sandbox,
            "release",
            &["--prefix", place, "--uninstall"],
        )
        .code(1);
        assert!(
            output.stderr.contains("nothing is installed below"),
            "{}",
            output.all()
        );
    }
}

#[test]
fn the_commands_that_it_names_can_be_pasted() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        release(&sandbox);
        for (arguments, complaint) in [
            (&["--bogus"][..], "no option --bogus"),
            (&["--prefix"], "--prefix needs a folder"),
        ] {
            let output = run(&shell, &sandbox, "release", arguments).code(2);
            assert!(
                output.stderr.contains(complaint) && output.stderr.contains("hint: "),
                "{}",
                output.all()
            );
        }
        let prefix = sandbox.path().join("it's a prefix");
        let output = run(
            &shell,
            &sandbox,
            "release",
            &["--prefix", prefix.to_str().unwrap()],
        )
        .code(0);
        assert!(
            output
                .stdout
                .contains("\nTry: agentpkg install backend-architect\nUndo with: "),
            "{}",
            output.all()
        );
        let undo = output
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("Undo with: "))
            .unwrap();
        sh(sandbox.path(), undo);
        assert!(!prefix.exists(), "{undo}");
    }
}

#[test]
fn completions_that_the_program_put_there_are_not_in_the_way() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        release(&sandbox);
        for name in ["bash", "fish"] {
            let _ = sandbox.run(&["completions", name, "--install"]).code(0);
        }
        let prefix = sandbox.path().join("home/.local");
        let installed = prefix.join("share/bash-completion/completions/agentpkg");
        assert!(installed.is_file());
        let _ = run(&shell, &sandbox, "release", &[]).code(0);
        fs::write(&installed, "# somebody's own\n").unwrap();
        let _ = run(&shell, &sandbox, "release", &["--uninstall"]).code(0);
        fs::create_dir_all(installed.parent().unwrap()).unwrap();
        fs::write(&installed, "# somebody's own\n").unwrap();
        let output = run(&shell, &sandbox, "release", &[]).code(1);
        assert!(
            output.stderr.contains("completions/agentpkg\n"),
            "{}",
            output.all()
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn files_and_folders_of_others_are_neither_replaced_nor_removed() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        release(&sandbox);
        let prefix = sandbox.path().join("prefix");
        let place = prefix.to_str().unwrap();
        sandbox
            .write("prefix/bin/agentpkg", "mine")
            .write("prefix/share/man/man1/agentpkg-install.1", "mine");
        let before = files(&prefix);
        for arguments in [&["--dry-run"][..], &[]] {
            let output = run(
                &shell,
                &sandbox,
                "release",
                &[&["--prefix", place], arguments].concat(),
            )
            .code(1);
            assert!(
                output
                    .stderr
                    .contains("these files exist, and this script did not put them there"),
                "{}",
                output.all()
            );
            assert!(
                output.stderr.contains("prefix/bin/agentpkg\n")
                    && output.stderr.contains("--force"),
                "{}",
                output.all()
            );
            assert!(
                arguments.len() == 1 || output.stderr.contains("man1/agentpkg-install.1\n"),
                "{}",
                output.all()
            );
            assert_eq!(files(&prefix), before);
        }
        let output = run(
            &shell,
            &sandbox,
            "release",
            &["--prefix", place, "--uninstall"],
        )
        .code(1);
        assert!(
            output.stderr.contains("nothing is installed below"),
            "{}",
            output.all()
        );
        assert_eq!(
            fs::read_to_string(prefix.join("bin/agentpkg")).unwrap(),
            "mine"
        );
        let _ = run(&shell, &sandbox, "release", &["--prefix", place, "--force"]).code(0);
        // Files that it replaced belong to this script from now on.
        let _ = run(&shell, &sandbox, "release", &["--prefix", place]).code(0);
        let _ = run(
            &shell,
            &sandbox,
            "release",
            &["--prefix", place, "--uninstall"],
        )
        .code(0);
        assert_eq!(files(&prefix), [""; 0]);
        assert!(
            prefix.join("bin").is_dir() && prefix.join("share/man/man1").is_dir(),
            "they were there before"
        );
        assert!(
            !prefix.join("share/agentpkg").exists() && !prefix.join("share/fish").exists(),
            "these were not"
        );

        // Anything but a file or a folder is never replaced.
        for (obstacle, is_folder) in [
            ("bin/agentpkg", true),
            ("share/man", false),
            ("share/agentpkg", false),
        ] {
            let prefix = sandbox.path().join("other");
            let path = prefix.join(obstacle);
            fs::create_dir_all(if is_folder {
                &path
            } else {
                path.parent().unwrap()
            })
            .unwrap();
            if !is_folder {
                fs::write(&path, "mine").unwrap();
            }
            let before = files(&prefix);
            let arguments = ["--prefix", prefix.to_str().unwrap(), "--force"];
            let output = run(&shell, &sandbox, "release", &arguments).code(1);
            let complaint = if is_folder {
                "is a folder, so nothing"
            } else {
                "is not a folder, so nothing"
            };
            assert!(
                output.stderr.contains(&format!("{obstacle} {complaint}")),
                "{}",
                output.all()
            );
            assert_eq!(files(&prefix), before);
            fs::remove_dir_all(&prefix).unwrap();
        }
    }
}

#[test]
fn what_ends_half_way_can_be_removed_or_done_again() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        release(&sandbox);
        let prefix = sandbox.path().join("prefix");
        let place = prefix.to_str().unwrap();
        let script = sandbox.path().join("release/install.sh");
        // The disk is full when the man pages are written, and then the user interrupts it.
        let real = |name: &str| format!("PATH=${{PATH#*:}}; exec {name} \"$@\"\n");
        for (trouble, code) in [
            ("exit 1", 1),
            ("kill -INT $PPID", 130),
            ("kill -KILL $PPID", -1),
        ] {
            let copy = format!(
                "#!/bin/sh\ncase $* in *agentpkg-install.1*) {trouble} ;; esac\n{}",
                real("cp")
            );
            sandbox.write("troubled/cp", copy);
            let folder = sandbox.path().join("troubled");
            fs::set_permissions(
                folder.join("cp"),
                std::os::unix::fs::PermissionsExt::from_mode(0o755),
            )
            .unwrap();
            let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
            for is_upgrade in [false, true]
                .into_iter()
                .take(if code == 1 { 2 } else { 1 })
            {
                sandbox.write("prefix/share/man/man1/other.1", "x");
                if is_upgrade {
                    let _ = run(&shell, &sandbox, "release", &["--prefix", place]).code(0);
                }
                let mut command = interruptible(&shell);
                command
                    .arg(&script)
                    .args(["--prefix", place])
                    .env_clear()
                    .env("PATH", &path);
                let output = finish(&mut command).code(code);
                if code != -1 {
                    assert!(
                        output.stderr.contains("ended half-way"),
                        "{trouble}: {}",
                        output.all()
                    );
                    assert!(
                        output
                            .stderr
                            .contains(&format!("install.sh --uninstall --prefix {place}")),
                        "{}",
                        output.all()
                    );
                }
                assert!(prefix.join("bin/agentpkg").is_file(), "that much was done");
                if is_upgrade {
                    let _ = run(&shell, &sandbox, "release", &["--prefix", place]).code(0);
                    let list = fs::read_to_string(prefix.join("share/agentpkg/installed")).unwrap();
                    assert!(
                        !list.contains("share/agentpkg/new")
                            && !prefix.join("share/agentpkg/new").exists(),
                        "{list}"
                    );
                }
                let _ = run(
                    &shell,
                    &sandbox,
                    "release",
                    &["--prefix", place, "--uninstall"],
                )
                .code(0);
                assert_eq!(files(&prefix), ["share/man/man1/other.1"], "{trouble}");
                assert!(
                    !prefix.join("bin").exists() && !prefix.join("share/agentpkg").exists(),
                    "{trouble}"
                );
            }
        }
    }
}

#[test]
fn a_list_that_names_something_outside_the_prefix_is_not_followed() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        release(&sandbox);
        let place = sandbox.path().join("prefix");
        let arguments = ["--prefix", place.to_str().unwrap()];
        let _ = run(&shell, &sandbox, "release", &arguments).code(0);
        let list = place.join("share/agentpkg/installed");
        let kept = fs::read_to_string(&list).unwrap();
        sandbox.write("precious", "x");
        let absolute = sandbox.path().join("precious").display().to_string();
        for (path, end) in [
            ("../precious", "\n"),
            ("share/../../precious", "\n"),
            ("share/..", "\n"),
            (&absolute, "\n"),
            ("", "\n"),
            ("../precious", ""),
        ] {
            fs::write(&list, format!("{kept}{path}{end}")).unwrap();
            let before = files(&place);
            for action in [&[][..], &["--uninstall"], &["--dry-run"]] {
                let output =
                    run(&shell, &sandbox, "release", &[&arguments, action].concat()).code(1);
                assert!(
                    output
                        .stderr
                        .contains(&format!("names `{path}`, which is not below the prefix")),
                    "{}",
                    output.all()
                );
            }
            assert!(
                sandbox.path().join("precious").is_file() && files(&place) == before,
                "{path}: nothing was touched"
            );
        }
        // A truncated last line is a line too, and nothing is written after it.
        fs::write(&list, format!("{kept}share/man/man1/agentpkg-old.1")).unwrap();
        sandbox.write("prefix/share/man/man1/agentpkg-old.1", "x");
        let _ = run(&shell, &sandbox, "release", &arguments).code(0);
        assert_eq!(fs::read_to_string(&list).unwrap(), kept);
        assert!(!place.join("share/man/man1/agentpkg-old.1").exists());
    }
}

#[test]
fn what_does_not_have_its_checksum_is_not_installed() {
    let sandbox = Sandbox::new();
    release(&sandbox);
    let shell = &shells()[0];
    let (prefix, archive) = (
        sandbox.path().join("prefix"),
        sandbox.path().join("download/agentpkg-x.tar.gz"),
    );
    let arguments = [
        "--prefix",
        prefix.to_str().unwrap(),
        "--archive",
        archive.to_str().unwrap(),
    ];
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let output = run(shell, &sandbox, "release", &arguments).code(1);
    assert!(
        output.stderr.contains("does not have the checksum"),
        "{}",
        output.all()
    );
    fs::remove_file(sandbox.path().join("download/SHA256SUMS")).unwrap();
    let output = run(shell, &sandbox, "release", &arguments).code(1);
    assert!(
        output.stderr.contains("there is no SHA256SUMS beside"),
        "{}",
        output.all()
    );
    sandbox.write("release/completions/_agentpkg", "something else");
    let output = run(shell, &sandbox, "release", &arguments[..2]).code(1);
    assert!(
        output
            .stderr
            .contains("completions/_agentpkg does not have the checksum"),
        "{}",
        output.all()
    );
    assert!(!prefix.exists(), "nothing was written");
    let _ = run(shell, &sandbox, "release", &["--nonsense"]).code(2);
}

/// A checkout without the sources: each test defines what cargo builds.
fn checkout(sandbox: &Sandbox) {
    sandbox.write("checkout/Cargo.toml", "");
    fs::copy(
        root().join("install.sh"),
        sandbox.path().join("checkout/install.sh"),
    )
    .unwrap();
    sh(
        sandbox.path(),
        &format!(
            "cp -R '{}' checkout/completions",
            root().join("completions").display()
        ),
    );
}

#[test]
fn a_checkout_is_built() {
    // `.ci/run` builds everything; here a quick replacement for cargo is used.
    let sandbox = Sandbox::new();
    let program = env!("CARGO_BIN_EXE_agentpkg");
    let cargo = format!(
        "#!/bin/sh\necho '{{\"executable\":null}}'\necho '{{\"executable\":\"{program}\",\"fresh\":true}}'\n"
    );
    sandbox.write("cargo", cargo);
    fs::set_permissions(
        sandbox.path().join("cargo"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    checkout(&sandbox);
    let output = run(&shells()[0], &sandbox, "checkout", &[]).code(0);
    assert!(
        output.stdout.contains("from this checkout") && output.stdout.contains("on your PATH"),
        "{}",
        output.all()
    );
    let found = files(&sandbox.path().join("home/.local"));
    assert!(
        found.len() > 15 && found.contains(&"share/man/man1/agentpkg-registry-add.1".to_owned()),
        "{found:?}"
    );
    let _ = run(&shells()[0], &sandbox, "checkout", &["--uninstall"]).code(0);
    assert!(
        !sandbox.path().join("home/.local").exists(),
        "not even an empty folder is left"
    );
}

#[test]
fn what_cargo_builds_is_found_wherever_it_is() {
    // A program of one line, so that the real cargo with its real configuration takes a second.
    let sandbox = Sandbox::new();
    checkout(&sandbox);
    let cargo = PathBuf::from(env!("CARGO"));
    let rustc = cargo.with_file_name("rustc");
    let version = finish(Command::new(&rustc).arg("-vV")).stdout;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    sandbox
        .write(
            "checkout/Cargo.toml",
            "[package]\nname = \"agentpkg\"\nversion = \"9.9.9\"\nedition = \"2024\"\n",
        )
        .write(
            "checkout/Cargo.lock",
            "version = 4\n\n[[package]]\nname = \"agentpkg\"\nversion = \"9.9.9\"\n",
        )
        .write(
            "checkout/src/main.rs",
            "fn main() { println!(\"agentpkg 9.9.9\") }\n",
        );
    for (configuration, variable, built) in [
        ("", None, "checkout/target/release"),
        ("", Some("built here"), "elsewhere/built here/release"),
        (
            &format!("target = '{host}'"),
            None,
            &format!("checkout/target/{host}/release"),
        ),
        (
            &format!("target = '{host}'\ntarget-dir = 'other'"),
            None,
            &format!("checkout/other/{host}/release"),
        ),
    ] {
        sandbox
            .write(
                "checkout/.cargo/config.toml",
                format!("[build]\n{configuration}\n"),
            )
            .write("elsewhere/x", "");
        let mut command = Command::new(&shells()[0]);
        command
            .args(["../checkout/install.sh", "--prefix", "../prefix"])
            .current_dir(sandbox.path().join("elsewhere"));
        command
            .env_clear()
            .env("HOME", sandbox.path().join("home"))
            .env("PATH", std::env::var_os("PATH").unwrap());
        command
            .env("CARGO", &cargo)
            .env("RUSTC", &rustc)
            .envs(variable.map(|folder| ("CARGO_TARGET_DIR", folder)));
        let output = finish(&mut command).code(0);
        assert!(
            output.stdout.contains("Installed agentpkg 9.9.9\n"),
            "{}",
            output.all()
        );
        assert!(
            sandbox.path().join(built).join("agentpkg").is_file(),
            "{built}: {}",
            output.all()
        );
        fs::remove_dir_all(sandbox.path().join("prefix")).unwrap();
    }
}
