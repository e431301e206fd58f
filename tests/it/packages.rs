//! What a release is made of: archives, npm packages, and the manifests of other package managers. All of it is made here from the program
//! under test, and the npm packages are installed into an empty project without a network.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::sandbox::{Output, Sandbox, finish};
use crate::support::skip::say;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const REPOSITORY: &str = "https://example.com/agentpkg";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a program of this machine in a folder of the sandbox.
fn run(sandbox: &Sandbox, folder: &str, program: impl AsRef<Path>, arguments: &[&str]) -> Output {
    let mut command = Command::new(program.as_ref());
    command
        .args(arguments)
        .current_dir(sandbox.path().join(folder))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", sandbox.path().join("home"))
        .env("npm_config_cache", sandbox.path().join("npm-cache"))
        .env("npm_config_update_notifier", "false");
    finish(&mut command)
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Checksums as a release has them, with the archives of all platforms.
fn sums(sandbox: &Sandbox) {
    let line =
        |(number, target): (usize, &&str)| format!("{number:064x}  agentpkg-{VERSION}-{target}\n");
    let archives = [
        "aarch64-apple-darwin.tar.gz",
        "x86_64-apple-darwin.tar.gz",
        "aarch64-unknown-linux-musl.tar.gz",
        "x86_64-unknown-linux-musl.tar.gz",
        "x86_64-pc-windows-msvc.zip",
    ];
    let lines: String = archives.iter().enumerate().map(line).collect();
    sandbox.write("SHA256SUMS", lines);
}

#[cfg(unix)]
#[test]
fn the_scoop_manifest_and_the_homebrew_formula_name_the_archives_with_their_checksums() {
    let sandbox = Sandbox::new();
    sums(&sandbox);
    let arguments = [VERSION, REPOSITORY, "SHA256SUMS"];
    let scoop = run(&sandbox, "", root().join("packaging/scoop"), &arguments).code(0);
    let manifest: serde_json::Value = serde_json::from_str(&scoop.stdout).unwrap();
    let archive = &manifest["architecture"]["64bit"];
    assert_eq!(manifest["version"], VERSION);
    assert_eq!(archive["hash"], format!("{:064x}", 4));
    let name = format!("agentpkg-{VERSION}-x86_64-pc-windows-msvc");
    assert_eq!(archive["extract_dir"], name);
    assert_eq!(
        archive["url"],
        format!("{REPOSITORY}/releases/download/v{VERSION}/{name}.zip")
    );
    let formula = run(&sandbox, "", root().join("packaging/formula"), &arguments).code(0);
    for number in 0..4 {
        assert!(
            formula
                .stdout
                .contains(&format!("sha256 \"{number:064x}\"")),
            "{}",
            formula.stdout
        );
    }
    sandbox.write("SHA256SUMS", "");
    for script in ["scoop", "formula"] {
        let path = root().join("packaging").join(script);
        let output = run(&sandbox, "", path, &arguments).code(1);
        assert!(output.stderr.contains("no archive"), "{}", output.all());
    }
}

/// A tree as the release workflow leaves it after the build, and the archive that `packaging/archive` makes of it.
#[cfg(target_os = "linux")]
fn archive(sandbox: &Sandbox, target: &str) {
    let tree = sandbox.path().join("tree");
    let release = tree.join("target").join(target).join("release");
    fs::create_dir_all(&release).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_agentpkg"));
    fs::copy(program, release.join("agentpkg")).unwrap();
    let copied = [
        "packaging",
        "completions",
        "install.sh",
        "install.ps1",
        "README.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ];
    for name in copied {
        let (from, to) = (root().join(name), tree.display().to_string());
        let _ = run(sandbox, "", "cp", &["-R", from.to_str().unwrap(), &to]).code(0);
    }
    let _ = sandbox
        .run(&["manual", tree.join("man").to_str().unwrap()])
        .code(0);
    let script = tree.join("packaging/archive");
    let _ = run(sandbox, "tree", script, &[VERSION, target]).code(0);
    // Another platform, whose package is not there when the project installs.
    let other = format!("agentpkg-{VERSION}-aarch64-apple-darwin");
    for file in ["agentpkg", "LICENSE-MIT", "LICENSE-APACHE"] {
        sandbox.write(&format!("other/{other}/{file}"), "x");
    }
    let packed = format!("tree/dist/{other}.tar.gz");
    let packed = sandbox.path().join(packed).display().to_string();
    let _ = run(sandbox, "other", "tar", &["-czf", &packed, &other]).code(0);
}

#[cfg(target_os = "linux")]
#[test]
fn the_npm_packages_install_into_an_empty_project_without_a_network() {
    if !is_installed("node") || !is_installed("npm") {
        say("node and npm are not installed, so the npm packages were not made");
        return;
    }
    let sandbox = Sandbox::new();
    let (target, cpu) = match std::env::consts::ARCH {
        "x86_64" => ("x86_64-unknown-linux-musl", "x64"),
        "aarch64" => ("aarch64-unknown-linux-musl", "arm64"),
        other => return say(&format!("there is no npm package for {other}")),
    };
    archive(&sandbox, target);
    let script = sandbox.path().join("tree/packaging/npm/make");
    let made = run(&sandbox, "tree", &script, &[VERSION, REPOSITORY, "dist"]).code(0);
    let names: Vec<&str> = made
        .stdout
        .lines()
        .map(|line| line.rsplit('/').next().unwrap())
        .collect();
    let main = format!("agentpkg-cli-{VERSION}.tgz");
    let platform = format!("agentpkg-cli-linux-{cpu}-{VERSION}.tgz");
    assert_eq!(
        names,
        [
            &main,
            &format!("agentpkg-cli-darwin-arm64-{VERSION}.tgz"),
            &platform
        ]
    );
    sandbox.write("app/package.json", "{ \"private\": true }\n");
    let dist = sandbox.path().join("tree/dist/npm");
    let install = |tarballs: &[&str]| {
        let paths: Vec<String> = tarballs
            .iter()
            .map(|name| dist.join(name).display().to_string())
            .collect();
        let mut arguments = vec!["install", "--offline", "--no-audit", "--no-fund"];
        arguments.extend(paths.iter().map(String::as_str));
        let _ = run(&sandbox, "app", "npm", &arguments).code(0);
    };
    let start = |arguments: &[&str]| {
        let all = [&["--no-install", "agentpkg"], arguments].concat();
        run(&sandbox, "app", "npx", &all)
    };

    // Without the package for this platform the error says what is missing.
    install(&[&main]);
    let output = start(&["--version"]).code(1);
    let missing = format!("cli-linux-{cpu} is not installed");
    assert!(
        output.stderr.contains(&missing) && output.stderr.contains("hint: "),
        "{}",
        output.all()
    );

    install(&[&main, &platform]);
    let version = start(&["--version"]).code(0);
    assert_eq!(version.stdout, format!("agentpkg {VERSION}\n"));
    let _ = start(&["install", "backend-architect"]).code(0);
    assert!(
        sandbox
            .path()
            .join("app/.claude/agents/backend-architect.md")
            .is_file()
    );
    // Exit codes arrive as they are.
    let _ = start(&["nonsense"]).code(2);

    // No package runs anything when it is installed.
    for package in ["cli", &format!("cli-linux-{cpu}")] {
        let path = format!("app/node_modules/@agentpkg/{package}/package.json");
        let manifest = fs::read_to_string(sandbox.path().join(path)).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["scripts"], serde_json::Value::Null, "{package}");
    }
}

#[test]
fn the_installer_for_windows_is_valid_powershell() {
    let program = if cfg!(windows) { "pwsh.exe" } else { "pwsh" };
    if !is_installed(program) {
        say("pwsh is not installed, so the syntax of install.ps1 was not checked");
        return;
    }
    let sandbox = Sandbox::new();
    let script = root().join("install.ps1");
    let check = format!(
        "$e = $null; [void][System.Management.Automation.Language.Parser]::ParseFile('{}', [ref]$null, [ref]$e); $e; exit $e.Count",
        script.display()
    );
    let mut command = Command::new(program);
    command
        .args(["-NoProfile", "-NonInteractive", "-Command", &check])
        .current_dir(sandbox.path());
    let _ = finish(&mut command).code(0);
}

#[test]
fn no_page_names_a_package_of_somebody_else() {
    let pages = [
        "README.md",
        "CHANGELOG.md",
        "docs",
        "action.yml",
        "packaging",
    ];
    let mut open: Vec<_> = pages.iter().map(|page| root().join(page)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if let Ok(text) = fs::read_to_string(&path) {
            for word in ["npx agentpkg", "npm install agentpkg", "npm i agentpkg"] {
                assert!(!text.contains(word), "{} says `{word}`", path.display());
            }
        }
    }
}
