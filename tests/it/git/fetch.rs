//! Fetching from a server that works correctly.

use std::fs;

use agentpkg::git::{Access, FetchRequest, Phase, Repository, WalkLimits, hash_blob, init_bare};

use super::Scene;
use crate::support::repo::run_git;

#[test]
fn names_come_without_contents_and_contents_in_one_batch() {
    let Some(scene) = Scene::new() else { return };
    // Servers have bitmaps, with which they leave out more objects than without.
    run_git(scene.upstream.path(), ["repack", "-qadb"]);
    for url in [scene.url(), scene.upstream.url()] {
        fs::remove_dir_all(scene.cache()).unwrap();
        init_bare(&scene.cache()).unwrap();
        let mut phases = Vec::new();
        let request = FetchRequest::history(Access::default());
        let fetched = scene
            .git
            .fetch(&scene.cache(), &url, &request, &mut |progress| {
                phases.push(progress.phase);
            })
            .unwrap();
        assert!(fetched.is_filtered && fetched.bytes > 0 && fetched.url == url);
        assert!(phases.contains(&Phase::Waiting) && phases.contains(&Phase::Receiving));

        let repository = scene.open();
        let head = repository.head().unwrap().unwrap();
        assert_eq!(repository.resolve("v1.1.0").unwrap(), Some(head));
        let walk = repository
            .walk(head, &WalkLimits::default(), &|_| true)
            .unwrap();
        let paths: Vec<_> = walk.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["README.md", "agents/one.md", "agents/two.md"]);
        let ids: Vec<_> = walk.files.iter().map(|file| file.id).collect();
        assert!(
            ids.iter()
                .all(|id| repository.blob_size(*id).unwrap().is_none()),
            "no content came yet"
        );

        drop(scene.server.requests());
        let fetched = scene
            .git
            .fetch_objects(&scene.cache(), &url, &ids, &Access::default(), &mut |_| {})
            .unwrap();
        assert!(fetched.bytes > 0);
        assert!(
            scene.server.requests().len() <= 2,
            "one batch: an advertisement and a pack"
        );
        let repository = scene.open();
        assert_eq!(
            repository.read_blob(ids[1], 1000).unwrap().as_deref(),
            Some(&b"one, second\n"[..])
        );
        assert_eq!(repository.blob_size(ids[2]).unwrap(), Some(4));
        assert_eq!(repository.read_blob(ids[2], 3).unwrap(), None, "too large");
        assert_eq!(hash_blob(b"two\n"), ids[2]);
        // Git itself agrees that the repository is valid, and its settings name no partial clone, which libgit2 would refuse.
        assert!(
            !fs::read_to_string(scene.cache().join("config"))
                .unwrap()
                .contains("partial")
        );
        run_git(&scene.cache(), ["rev-parse", "refs/agentpkg/head"]);
    }
}

#[test]
fn what_moved_upstream_moves_here_and_what_went_goes() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    scene.fetch(Access::default()).unwrap();
    let old = scene.open().head().unwrap().unwrap();
    let new = scene
        .upstream
        .file("agents/three.md", "three\n")
        .commit("third");
    scene.upstream.tag("v2");
    scene.fetch(Access::default()).unwrap();
    assert_eq!(scene.open().head().unwrap(), Some(new));
    assert!(scene.open().is_ancestor(old, new).unwrap());

    let forced = scene.upstream.commit_orphan("another history");
    scene.upstream.tag("v1.0.0");
    run_git(scene.upstream.path(), ["tag", "-d", "v2"]);
    scene.fetch(Access::default()).unwrap();
    let repository = scene.open();
    assert_eq!(repository.head().unwrap(), Some(forced));
    let tags: Vec<_> = repository.tags().unwrap();
    assert_eq!(
        tags,
        [("v1.0.0".to_owned(), forced), ("v1.1.0".to_owned(), old)]
    );
    assert!(!repository.is_ancestor(new, forced).unwrap());
    assert!(
        repository.resolve(&new.to_string()).unwrap().is_some(),
        "a locked commit stays readable"
    );
}

#[test]
fn one_commit_is_enough_for_a_machine_that_is_thrown_away() {
    let Some(scene) = Scene::new() else { return };
    let first = Repository::open(scene.upstream.path())
        .unwrap()
        .resolve("v1.0.0")
        .unwrap()
        .unwrap();
    for (from, revision) in [
        ("HEAD", "main"),
        ("refs/tags/v1.0.0", "v1.0.0"),
        (first.to_string().as_str(), "v1.0.0"),
    ] {
        fs::remove_dir_all(scene.cache()).unwrap();
        init_bare(&scene.cache()).unwrap();
        scene
            .git
            .fetch(
                &scene.cache(),
                &scene.url(),
                &FetchRequest::tip(from, Access::default()),
                &mut |_| {},
            )
            .unwrap();
        let commit = Repository::open(scene.upstream.path())
            .unwrap()
            .resolve(revision)
            .unwrap()
            .unwrap();
        assert!(scene.open().resolve(&commit.to_string()).unwrap().is_some());
        assert!(
            scene
                .open()
                .walk(commit, &WalkLimits::default(), &|_| true)
                .is_ok()
        );
        assert_eq!(
            scene
                .open()
                .history("agents/one.md", commit, 9)
                .unwrap()
                .len(),
            1,
            "the history is cut"
        );
    }
    // Later the complete history of the same cache is needed.
    scene.fetch(Access::default()).unwrap();
    let head = scene.open().head().unwrap().unwrap();
    assert_eq!(
        scene
            .open()
            .history("agents/one.md", head, 9)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn references_are_listed_without_fetching() {
    let Some(scene) = Scene::new() else { return };
    let head = Repository::open(scene.upstream.path())
        .unwrap()
        .head()
        .unwrap()
        .unwrap();
    let found = scene
        .git
        .list_remote(&scene.url(), &["HEAD", "refs/tags/*"], &Access::default())
        .unwrap();
    assert_eq!(found.head_branch.as_deref(), Some("refs/heads/main"));
    let names: Vec<_> = found.refs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["HEAD", "refs/tags/v1.0.0", "refs/tags/v1.1.0"]);
    assert_eq!(
        (found.refs[0].1, found.refs[2].1),
        (head, head),
        "annotated tags are followed"
    );
    assert!(
        scene
            .git
            .version()
            .unwrap()
            .starts_with(|c: char| c.is_ascii_digit())
    );
}

#[test]
fn a_server_without_partial_clone_works_and_is_noted() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    scene.upstream.config("uploadpack.allowFilter", "false");
    let fetched = scene.fetch(Access::default()).unwrap();
    assert!(!fetched.is_filtered);
    assert_eq!(
        scene.open().blob_size(hash_blob(b"two\n")).unwrap(),
        Some(4)
    );
}

#[test]
fn thousands_of_contents_are_still_one_batch() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    for number in 0..3000 {
        scene
            .upstream
            .file(&format!("many/{number}.md"), format!("agent {number}\n"));
    }
    scene.upstream.commit("many");
    run_git(scene.upstream.path(), ["repack", "-qadb"]);
    scene.fetch(Access::default()).unwrap();
    let repository = scene.open();
    let head = repository.head().unwrap().unwrap();
    let walk = repository
        .walk(head, &WalkLimits::default(), &|path| {
            path.starts_with("many/")
        })
        .unwrap();
    let mut ids: Vec<_> = walk.files.iter().map(|file| file.id).collect();
    ids.push(ids[0]);
    scene
        .git
        .fetch_objects(
            &scene.cache(),
            &scene.url(),
            &ids,
            &Access::default(),
            &mut |_| {},
        )
        .unwrap();
    let repository = scene.open();
    assert!(
        ids.iter()
            .all(|id| repository.blob_size(*id).unwrap().is_some())
    );
    // Once more when all are here: nothing breaks.
    scene
        .git
        .fetch_objects(
            &scene.cache(),
            &scene.url(),
            &ids,
            &Access::default(),
            &mut |_| {},
        )
        .unwrap();
}
