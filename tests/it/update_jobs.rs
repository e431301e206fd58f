//! The jobs that update agents: the steps of `action.yml` and the script of `packaging/gitlab.yml`, run as a runner would run them, with the
//! real program and git, and with programs in place of `gh` and `curl` that only note how they were called.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_yaml::Value;

use crate::summary::scene;
use crate::support::sandbox::{Output, Sandbox, finish};
use crate::support::skip::say;

const GH: &str = r#"#!/bin/sh
printf '%s\n' "$*" >>"$CALLS"
case "$1 $2" in "pr list") cat "$CALLS.open" 2>/dev/null || : ;; esac
"#;
const CURL: &str = r#"#!/bin/sh
printf '%s\n' "$*" >>"$CALLS"
case $* in *--get*) cat "$CALLS.open" 2>/dev/null || echo '[]' ;; esac
"#;

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

fn program(sandbox: &Sandbox, name: &str, script: &str) {
    let path = format!("bin/{name}");
    sandbox.write(&path, script);
    let path = sandbox.path().join(path);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A project that is a clone of `app.git`, with updates of every kind waiting.
fn project() -> Option<Sandbox> {
    let sandbox = scene()?;
    program(&sandbox, "gh", GH);
    program(&sandbox, "curl", CURL);
    let agentpkg = Path::new(env!("CARGO_BIN_EXE_agentpkg"));
    std::os::unix::fs::symlink(agentpkg, sandbox.path().join("bin/agentpkg")).unwrap();
    let remote = sandbox.path().join("app.git");
    let url = format!("file://{}", remote.display());
    let script = format!(
        "git init --quiet --bare '{remote}' && git init --quiet && git checkout --quiet -b main && git add --all &&
         git -c user.name=t -c user.email=t@example.com commit --quiet -m first && git remote add origin '{url}' && git push --quiet origin main &&
         git config --global 'url.{url}.insteadOf' https://oauth2:secret@gitlab.test:443/team/app.git",
        remote = remote.display()
    );
    let _ = step(&sandbox, &script, &[]).code(0);
    Some(sandbox)
}

/// Runs a script as the runners do.
fn step(sandbox: &Sandbox, script: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = sandbox.prepared(Command::new("bash"));
    let inherited = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
    let path = std::env::join_paths([sandbox.path().join("bin")].into_iter().chain(inherited));
    command
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .env("PATH", path.unwrap())
        .env("CALLS", sandbox.path().join("calls"))
        .env("CI", "true")
        .envs(variables.iter().copied());
    finish(&mut command)
}

/// The steps of the action, as far as they succeed.
fn action(sandbox: &Sandbox, event: &str) -> Output {
    let action = yaml("action.yml");
    let at = |name: &str| sandbox.path().join(name).display().to_string();
    fs::create_dir_all(sandbox.path().join("temp")).unwrap();
    let (temporary, summary, outputs) = (at("temp"), at("step-summary"), at("outputs"));
    let variables = [
        ("GITHUB_EVENT_NAME", event),
        ("GITHUB_REF_NAME", "main"),
        ("RUNNER_TEMP", &temporary),
        ("GITHUB_STEP_SUMMARY", &summary),
        ("GITHUB_OUTPUT", &outputs),
        ("DIRECTORY", "."),
        ("BRANCH", "agentpkg/update"),
        ("VERSION", "latest"),
    ];
    let mut last = None;
    for one in action["runs"]["steps"].as_sequence().unwrap() {
        let output = step(sandbox, one["run"].as_str().unwrap(), &variables);
        let is_failed = output.code != 0;
        last = Some(output);
        if is_failed {
            break;
        }
    }
    last.unwrap()
}

fn gitlab(sandbox: &Sandbox) -> Output {
    let job = yaml("packaging/gitlab.yml");
    let lines = job["update-agents"]["script"].as_sequence().unwrap();
    let lines: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    let variables = [
        ("AGENTPKG_TOKEN", "secret"),
        ("AGENTPKG_BRANCH", "agentpkg/update"),
        ("AGENTPKG_VERSION", "latest"),
        ("CI_SERVER_PROTOCOL", "https"),
        ("CI_SERVER_HOST", "gitlab.test"),
        ("CI_SERVER_PORT", "443"),
        ("CI_PROJECT_PATH", "team/app"),
        ("CI_PROJECT_ID", "7"),
        ("CI_API_V4_URL", "https://gitlab.test/api/v4"),
        ("CI_COMMIT_BRANCH", "main"),
    ];
    step(sandbox, &lines.join("\n"), &variables)
}

fn calls(sandbox: &Sandbox) -> String {
    let path = sandbox.path().join("calls");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let _ = fs::remove_file(&path);
    text
}

/// The files that the last commit of the branch changed.
fn pushed(sandbox: &Sandbox) -> Vec<String> {
    let script = "git --git-dir ../app.git diff --name-only main agentpkg/update";
    let output = step(sandbox, script, &[]).code(0);
    output.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn the_action_pushes_what_merges_and_opens_one_pull_request() {
    let Some(sandbox) = project() else { return };
    // What others put there is not committed.
    sandbox.write("project/notes.txt", "x");
    let _ = action(&sandbox, "schedule").code(0);
    let files = pushed(&sandbox);
    assert!(
        files.contains(&".claude/agents/updated.md".to_owned()),
        "{files:?}"
    );
    assert!(files.contains(&"agentpkg.lock".to_owned()), "{files:?}");
    for name in [
        ".claude/agents/torn.md",
        ".claude/agents/asking.md",
        "notes.txt",
    ] {
        assert!(!files.contains(&name.to_owned()), "{files:?}");
    }
    let made = calls(&sandbox);
    assert!(
        made.contains("pr create --head agentpkg/update --base main"),
        "{made}"
    );
    let read = |name: &str| fs::read_to_string(sandbox.path().join(name)).unwrap();
    assert!(read("step-summary").contains("## Left to do"));
    assert_eq!(read("outputs"), "exit-code=4\n");

    // The next run finds the request open, and a run with nothing new has none.
    let back = "git checkout --quiet --force main && git reset --quiet --hard origin/main";
    let _ = step(&sandbox, back, &[]).code(0);
    sandbox.write("calls.open", "12\n");
    let _ = action(&sandbox, "workflow_dispatch").code(0);
    assert!(calls(&sandbox).contains("pr edit 12 --body-file"));
    let _ = action(&sandbox, "schedule").code(0);
    assert_eq!(calls(&sandbox), "");
}

#[test]
fn the_action_does_nothing_for_pull_requests() {
    let Some(sandbox) = project() else { return };
    let before = sandbox.files();
    for event in ["pull_request", "pull_request_target"] {
        let output = action(&sandbox, event).code(1);
        assert!(output.stdout.contains("::error::"), "{}", output.all());
        assert_eq!(sandbox.files(), before);
        assert_eq!(calls(&sandbox), "");
    }
}

#[test]
fn a_source_that_cannot_be_asked_fails_the_action_and_is_in_its_summary() {
    let Some(sandbox) = project() else { return };
    fs::remove_dir_all(sandbox.path().join("team.git")).unwrap();
    let _ = action(&sandbox, "schedule").code(1);
    let summary = fs::read_to_string(sandbox.path().join("step-summary")).unwrap();
    assert!(summary.contains("## Left to do"), "{summary}");
    assert_eq!(calls(&sandbox), "");
}

#[test]
fn the_gitlab_job_pushes_what_merges_and_opens_one_merge_request() {
    let Some(sandbox) = project() else { return };
    if step(&sandbox, "command -v node", &[]).code != 0 {
        return say("node is not installed, which the GitLab job reads an answer with");
    }
    let _ = gitlab(&sandbox).code(0);
    assert!(pushed(&sandbox).contains(&".claude/agents/updated.md".to_owned()));
    let made = calls(&sandbox);
    assert!(made.contains("--request POST"), "{made}");
    assert!(made.contains("source_branch=agentpkg/update"), "{made}");
    assert!(
        sandbox
            .read("agentpkg-summary.md")
            .contains("## Left to do")
    );
    let back = "git checkout --quiet --force main && git reset --quiet --hard origin/main";
    let _ = step(&sandbox, back, &[]).code(0);
    sandbox.write("calls.open", "[{\"iid\": 3}]\n");
    let _ = gitlab(&sandbox).code(0);
    assert!(calls(&sandbox).contains("merge_requests/3"));
    let job = yaml("packaging/gitlab.yml");
    let rule = job["update-agents"]["rules"][0]["if"].as_str().unwrap();
    assert!(rule.contains("schedule") && rule.contains("$AGENTPKG_TOKEN"));
}

#[test]
fn every_page_and_script_names_the_npm_package_as_the_script_that_makes_it_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = fs::read_to_string(root.join("packaging/npm/make")).unwrap();
    let name = script
        .lines()
        .find_map(|line| line.strip_prefix("const NAME = '")?.strip_suffix("';"))
        .unwrap();
    for file in [
        "action.yml",
        "packaging/gitlab.yml",
        "README.md",
        "CHANGELOG.md",
        "docs/ci.md",
    ] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        for (at, _) in text.match_indices("npm install") {
            let command = text[at..].lines().next().unwrap();
            assert!(command.contains(name), "{file}: {command}");
        }
    }
}
