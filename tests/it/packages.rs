//! What a release is made of: archives, npm packages, and the manifests of other package managers. All of it is made here from the program
//! under test, and the npm packages are installed into an empty project without a network.

use std::fs;
use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha256};

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
        "docs",
        "install.sh",
        "install.ps1",
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
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

/// The places in a PowerShell script that do not parse.
fn mistakes_in_powershell(script: &str) -> Vec<String> {
    let mut parser = tree_sitter::Parser::new();
    parser
        .set_language(&tree_sitter_powershell::LANGUAGE.into())
        .unwrap();
    let tree = parser.parse(script, None).unwrap();
    let mut found = Vec::new();
    let mut open = vec![tree.root_node()];
    while let Some(node) = open.pop() {
        if node.is_error() || node.is_missing() {
            let (line, kind) = (node.start_position().row + 1, node.kind());
            found.push(format!("line {line}: {kind}"));
        }
        open.extend(node.children(&mut node.walk()));
    }
    found
}

#[test]
fn the_installer_for_windows_is_valid_powershell() {
    let script = fs::read_to_string(root().join("install.ps1")).unwrap();
    assert_eq!(mistakes_in_powershell(&script), [""; 0]);
    for (right, wrong) in [
        ("} finally {", "finally {"),
        ("'download it again'", "'download it again"),
        ("[switch] $Force,", "[switch $Force,"),
    ] {
        assert!(script.contains(right), "{right}");
        let broken = script.replacen(right, wrong, 1);
        let found = mistakes_in_powershell(&broken);
        assert!(!found.is_empty(), "{wrong} is not noticed");
    }
}

/// The SHA-256 of a file's content, as SHA256SUMS has it.
fn digest(content: &[u8]) -> String {
    let bytes = Sha256::digest(content);
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// The installer itself, where there is a PowerShell to run it: it needs nothing of Windows but the name of the program.
#[test]
fn the_installer_for_windows_installs_and_removes_only_its_own_program() {
    let shell = if cfg!(windows) { "pwsh.exe" } else { "pwsh" };
    if !is_installed(shell) {
        say("pwsh is not installed, so install.ps1 was parsed, but not run");
        return;
    }
    let sandbox = Sandbox::new();
    let program = fs::read(env!("CARGO_BIN_EXE_agentpkg")).unwrap();
    let digest = digest(&program);
    sandbox.write("release/agentpkg.exe", program);
    sandbox.write("release/SHA256SUMS", format!("{digest}  agentpkg.exe\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = sandbox.path().join("release/agentpkg.exe");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let script = sandbox.path().join("release/install.ps1");
    fs::copy(root().join("install.ps1"), &script).unwrap();
    let prefix = sandbox.path().join("prefix");
    let install = |more: &[&str]| {
        let arguments = [
            "-NoProfile",
            "-NonInteractive",
            "-File",
            script.to_str().unwrap(),
            "-Prefix",
            prefix.to_str().unwrap(),
        ];
        run(&sandbox, "project", shell, &[&arguments, more].concat())
    };
    let output = install(&[]).code(0);
    assert!(output.stdout.contains(VERSION), "{}", output.all());
    assert!(prefix.join("bin/agentpkg.exe").exists(), "{}", output.all());
    let _ = install(&["-Uninstall"]).code(0);
    assert!(!prefix.exists());
    sandbox.write("prefix/bin/agentpkg.exe", "somebody else's");
    let output = install(&[]).code(1);
    assert!(
        output.stderr.contains("did not install it"),
        "{}",
        output.all()
    );
    sandbox.write(
        "release/SHA256SUMS",
        format!("{digest:0>65}  agentpkg.exe\n"),
    );
    let output = install(&["-Force"]).code(1);
    assert!(output.stderr.contains("SHA256SUMS"), "{}", output.all());
}

#[test]
fn pages_have_a_placeholder_for_the_repository_until_cargo_toml_names_it() {
    let is_known = !env!("CARGO_PKG_REPOSITORY").is_empty();
    for page in ["docs/ci.md", "docs/manifest.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let explained = text.contains("`OWNER/agentpkg`") && text.contains("stands for");
        assert_eq!(explained, !is_known, "{page}");
        assert!(!is_known || !text.contains("OWNER"), "{page}");
    }
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
