//! Measurements to run by hand: `cargo test --test it measure -- --ignored --nocapture`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use agentpkg::git::{Access, BlobFilter, FetchRequest, Repository, WalkLimits, init_bare};

use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git, run_git};

type Run<'a> = Box<dyn Fn() -> u64 + 'a>;

#[test]
#[ignore = "a measurement, not a test"]
#[expect(clippy::too_many_lines, reason = "one measurement, step by step")]
fn cold_fetch_of_a_registry_beside_git_clone() {
    let folder = tempfile::tempdir().unwrap();
    let Some(git) = hermetic_git(folder.path()) else {
        return;
    };
    let path = folder.path().join("srv/agents.git");
    build_registry(&path);
    let server = Server::start(&folder.path().join("srv"));
    let url = server.url("agents.git");
    let cache = folder.path().join("cache");
    let is_agent = |path: &str| path.starts_with("agents/");
    let ours = |request: &FetchRequest, with_blobs: bool| {
        init_bare(&cache).unwrap();
        let mut bytes = git.fetch(&cache, &url, request, &mut |_| {}).unwrap().bytes;
        let repository = Repository::open(&cache).unwrap();
        let head = repository.head().unwrap().unwrap();
        let walk = repository
            .walk(head, &WalkLimits::default(), &is_agent)
            .unwrap();
        assert_eq!(walk.files.len(), 200);
        if with_blobs {
            let ids: Vec<_> = walk.files.iter().map(|file| file.id).collect();
            if request.blobs == BlobFilter::None {
                bytes += git
                    .fetch_objects(&cache, &url, &ids, &Access::default(), &mut |_| {})
                    .unwrap()
                    .bytes;
            }
            let repository = Repository::open(&cache).unwrap();
            assert!(
                ids.iter()
                    .all(|id| repository.read_blob(*id, 1 << 20).unwrap().is_some())
            );
        }
        bytes
    };
    let access = Access::default();
    let clone = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .arg("clone")
            .arg("-q")
            .args(arguments)
            .arg(url.as_str())
            .arg(&cache);
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("no_proxy", "*");
        assert!(command.status().unwrap().success());
        0
    };
    let all = FetchRequest {
        blobs: BlobFilter::All,
        ..FetchRequest::tip("HEAD", access)
    };
    let runs: [(&str, Run<'_>); 8] = [
        (
            "history + 200 blobs",
            Box::new(|| ours(&FetchRequest::history(access), true)),
        ),
        (
            "history, names only",
            Box::new(|| ours(&FetchRequest::history(access), false)),
        ),
        (
            "depth 1 + 200 blobs",
            Box::new(|| ours(&FetchRequest::tip("HEAD", access), true)),
        ),
        (
            "depth 1, names only",
            Box::new(|| ours(&FetchRequest::tip("HEAD", access), false)),
        ),
        ("depth 1, all blobs", Box::new(|| ours(&all, true))),
        ("git clone --depth 1", Box::new(|| clone(&["--depth", "1"]))),
        (
            "git clone --depth 1 --bare",
            Box::new(|| clone(&["--depth", "1", "--bare"])),
        ),
        ("git clone", Box::new(|| clone(&[]))),
    ];
    let mut times: Vec<Vec<(Duration, u64)>> = vec![Vec::new(); runs.len()];
    for round in 0..8 {
        for ((_, run), times) in runs.iter().zip(&mut times) {
            if cache.exists() {
                fs::remove_dir_all(&cache).unwrap();
            }
            let start = Instant::now();
            let bytes = run();
            if round > 0 {
                times.push((start.elapsed(), bytes));
            }
        }
    }
    for ((name, _), times) in runs.iter().zip(&mut times) {
        times.sort();
        let (median, bytes) = times[times.len() / 2];
        eprintln!(
            "{name:28} median {:7.1} ms  min {:7.1} ms  {:6} KB",
            median.as_secs_f64() * 1e3,
            times[0].0.as_secs_f64() * 1e3,
            bytes / 1024
        );
    }
    ours(&FetchRequest::history(access), true);
    let mut again: Vec<_> = (0..7)
        .map(|_| {
            let start = Instant::now();
            git.fetch(&cache, &url, &FetchRequest::history(access), &mut |_| {})
                .unwrap();
            let fetch = start.elapsed();
            let start = Instant::now();
            git.list_remote(&url, &["HEAD"], &access).unwrap();
            (fetch, start.elapsed())
        })
        .collect();
    again.sort();
    eprintln!(
        "nothing new: fetch {:?}, list HEAD {:?}",
        again[3].0, again[3].1
    );
}

/// 200 agents of 5 KB, 1,000 other files, 500 commits, 10 tags; packed.
fn build_registry(path: &Path) {
    let mut upstream = RepoBuilder::bare(path);
    // Words that can be compressed about as well as prose.
    let text = |seed: usize, bytes: usize| {
        let mut state = seed as u64 + 1;
        let mut text = String::with_capacity(bytes + 16);
        while text.len() < bytes {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            text.push_str(&format!("{:x} ", (state >> 33) % 5000));
        }
        text
    };
    for number in 0..1000 {
        upstream.file(
            &format!("src/{}/file{number}.txt", number % 40),
            text(number, 3000),
        );
    }
    for number in 0..200 {
        upstream.file(
            &format!("agents/group{}/agent{number}.md", number % 10),
            text(5000 + number, 5000),
        );
    }
    upstream.commit("first");
    for number in 0..499 {
        let changed = number * 7;
        upstream.file(
            &format!("agents/group{}/agent{}.md", changed % 10, changed % 200),
            text(9000 + number, 5000),
        );
        upstream.file(
            &format!("src/{}/file{}.txt", changed % 40, changed % 1000),
            text(20_000 + number, 3000),
        );
        upstream.commit("more");
        if number % 50 == 0 {
            upstream.tag(&format!("v1.{}.0", number / 50));
        }
    }
    run_git(upstream.path(), ["gc", "-q"]);
}
