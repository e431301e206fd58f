//! Trees of git: any bytes as a folder, alone and inside another one, are listed or refused, and no listed path leaves the repository.
#![no_main]

use std::sync::{LazyLock, Mutex};

use agentpkg::domain::digest::ObjectId;
use agentpkg::git::{Repository, WalkLimits};
use libfuzzer_sys::fuzz_target;

/// A repository, and how many trees it has; it is replaced from time to time, so that it stays small.
static PLACE: LazyLock<Mutex<(tempfile::TempDir, u32)>> = LazyLock::new(|| Mutex::new((fresh(), 0)));

fn fresh() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    git2::Repository::init_bare(folder.path()).expect("the folder is empty");
    folder
}

/// The commit of a tree that has the bytes of another one as `inner`.
fn commit(path: &std::path::Path, bytes: &[u8]) -> Option<String> {
    let repository = git2::Repository::open(path).ok()?;
    let objects = repository.odb().ok()?;
    let inner = objects.write(git2::ObjectType::Tree, bytes).ok()?;
    let outer = [b"40000 inner\0".as_slice(), inner.as_bytes()].concat();
    let tree = objects.write(git2::ObjectType::Tree, &outer).ok()?;
    let text = format!("tree {tree}\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\n-\n");
    let commit = objects.write(git2::ObjectType::Commit, text.as_bytes()).ok()?;
    Some(commit.to_string())
}

fuzz_target!(|bytes: &[u8]| {
    let mut place = PLACE.lock().expect("nothing panics while it is held");
    place.1 += 1;
    if place.1 % 5_000 == 0 {
        place.0 = fresh();
    }
    let Some(id) = commit(place.0.path(), bytes) else { return };
    let id: ObjectId = id.parse().expect("git gives whole ids");
    let repository = Repository::open(place.0.path()).expect("it was made just now");
    let limits = WalkLimits { depth: 4, entries: 1000 };
    if let Ok(walk) = repository.walk(id, &limits, &|_| true) {
        for file in walk.files {
            let is_inside = |part: &str| !part.is_empty() && !matches!(part, "." | ".." | ".git");
            assert!(file.path.split('/').all(is_inside), "{}", file.path);
        }
    }
});
