//! Repositories on this machine in forms that libgit2 cannot open, and in unusual places.

use std::fs;
use std::path::Path;
use std::process::Command;

use agentpkg::git::{Git, GitError, Repository, WalkLimits, hash_blob};

use crate::support::repo::{hermetic_git, run_git};
use crate::support::skip::skip;

const TEXT: &str = "one\n";

/// A repository with one file in two versions, a tag and a branch; `false` if this git cannot make one in that form.
fn made(path: &Path, option: &[&str]) -> bool {
    fs::create_dir_all(path).unwrap();
    let mut init = Command::new("git");
    init.args(["init", "-q", "-b", "main"])
        .args(option)
        .current_dir(path);
    if !init.output().is_ok_and(|output| output.status.success()) {
        skip("this git has no such form of repository");
        return false;
    }
    for text in ["zero\n", TEXT] {
        fs::create_dir_all(path.join("agents")).unwrap();
        fs::write(path.join("agents/one.md"), text).unwrap();
        run_git(path, ["add", "-A"]);
        run_git(path, ["commit", "-qm", "c"]);
    }
    run_git(path, ["tag", "-a", "v1.0.0", "-m", "t"]);
    run_git(path, ["branch", "side", "HEAD~1"]);
    true
}

fn partial(path: &Path) {
    run_git(path, ["config", "core.repositoryformatversion", "1"]);
    run_git(path, ["config", "extensions.partialClone", "origin"]);
}

/// Everything that is asked of a repository.
fn check(path: &Path, git: &Git) {
    let repository = Repository::open_asking(path, &|| Some(git.clone())).unwrap();
    let head = repository.head().unwrap().unwrap();
    assert_eq!(
        head.to_string(),
        run_git(path, ["rev-parse", "HEAD"]).trim()
    );
    assert_eq!(
        repository.tags().unwrap(),
        [("v1.0.0".to_owned(), head)],
        "annotated tags lead to their commit"
    );
    let side = repository.resolve("side").unwrap().unwrap();
    assert_eq!(repository.parents(head).unwrap(), [side]);
    assert!(repository.is_ancestor(side, head).unwrap());
    assert_eq!(
        repository.resolve(&head.to_string()[..10]).unwrap(),
        Some(head)
    );
    assert_eq!(repository.resolve("nothing").unwrap(), None);
    let walk = repository
        .walk(head, &WalkLimits::default(), &|_| true)
        .unwrap();
    assert_eq!(walk.files.len(), 1);
    let blob = walk.files[0].id;
    assert_eq!(
        repository.read_blob(blob, 100).unwrap().as_deref(),
        Some(TEXT.as_bytes())
    );
    assert_eq!(
        repository.history("agents/one.md", head, 9).unwrap().len(),
        2
    );
}

#[test]
fn every_form_that_git_reads_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let Some(git) = hermetic_git(folder.path()) else {
        return;
    };
    let plain = folder.path().join("plain");
    assert!(made(&plain, &[]));
    check(&plain, &git);
    let tree = folder.path().join("work tree");
    run_git(
        &plain,
        ["worktree", "add", "-q", "--detach", tree.to_str().unwrap()],
    );
    check(&tree, &git);
    partial(&plain);
    check(&plain, &git);
    check(&tree, &git);
    let bare = folder.path().join("a bare one");
    run_git(
        folder.path(),
        ["clone", "-q", "--bare", "plain", bare.to_str().unwrap()],
    );
    check(&bare, &git);
    partial(&bare);
    check(&bare, &git);
    // As in a submodule.
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join(".git"), "gitdir: ../plain/.git\n").unwrap();
    check(&inner, &git);
    let reftable = folder.path().join("reftable");
    if made(&reftable, &["--ref-format=reftable"]) {
        check(&reftable, &git);
    }
}

#[test]
fn longer_names_are_said_and_their_history_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let Some(git) = hermetic_git(folder.path()) else {
        return;
    };
    let path = folder.path().join("long");
    if !made(&path, &["--object-format=sha256"]) {
        return;
    }
    let error = Repository::open_asking(&path, &|| Some(git.clone())).err();
    assert!(matches!(error, Some(GitError::LocalFormat { .. })));
    let past = |path: &Path| git.past_contents(path, "agents/one.md", 9, 100);
    assert_eq!(past(&path), [TEXT.as_bytes(), b"zero\n"]);
    assert_eq!(git.past_contents(&path, "agents/one.md", 1, 100).len(), 1);
    assert!(git.past_contents(&path, "agents/two.md", 9, 100).is_empty());
    // A folder in a repository is none.
    assert!(past(&path.join("agents")).is_empty());
}

#[test]
fn what_is_missing_is_not_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let Some(git) = hermetic_git(folder.path()) else {
        return;
    };
    let path = folder.path().join("plain");
    assert!(made(&path, &[]));
    partial(&path);
    let marker = folder.path().join("marker");
    let program = format!("ext::touch {}", marker.display());
    run_git(&path, ["config", "remote.origin.url", &program]);
    run_git(&path, ["config", "remote.origin.promisor", "true"]);
    run_git(&path, ["config", "protocol.ext.allow", "always"]);
    run_git(&path, ["config", "core.fsmonitor", &program[5..]]);
    let id = hash_blob(TEXT.as_bytes());
    let hex = id.to_string();
    let object = path.join(".git/objects").join(&hex[..2]).join(&hex[2..]);
    fs::remove_file(object).unwrap();
    let repository = Repository::open_asking(&path, &|| Some(git.clone())).unwrap();
    assert_eq!(repository.read_blob(id, 100).unwrap(), None);
    assert_eq!(
        git.past_contents(&path, "agents/one.md", 9, 100),
        [b"zero\n"]
    );
    assert!(!marker.exists(), "a program from the settings was run");
}

#[test]
fn git_is_started_only_for_a_repository_that_libgit2_cannot_open() {
    let folder = tempfile::tempdir().unwrap();
    if hermetic_git(folder.path()).is_none() {
        return;
    }
    let never = || -> Option<Git> { panic!("git was looked for") };
    let plain = folder.path().join("plain");
    assert!(made(&plain, &[]));
    assert!(Repository::open_asking(&plain, &never).is_ok());
    let none = Repository::open_asking(&plain, &|| None);
    assert!(none.is_ok());
    partial(&plain);
    assert!(matches!(
        Repository::open_asking(&plain, &|| None),
        Err(GitError::NotOpened { .. })
    ));
}
