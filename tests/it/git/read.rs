//! Reading repositories: hostile trees, damage, revisions.

use std::fs;
use std::path::Path;

use agentpkg::git::{Access, GitError, Repository, WalkLimits, hash_blob, init_bare};

use super::{Scene, packs, variant};
use crate::support::repo::{RepoBuilder, hermetic_git, run_git};

/// Mode, name, and a part of the reason.
const HOSTILE: &[(&str, &[u8], &str)] = &[
    ("100644", b"..", "another folder"),
    ("100644", b".", "another folder"),
    ("40000", b"..", "another folder"),
    ("100644", b".git", "git's own"),
    ("40000", b".git", "git's own"),
    ("40000", b".GIT", "git's own"),
    ("40000", b".Git", "git's own"),
    ("40000", b".git.", "git's own"),
    ("40000", b".git ", "git's own"),
    ("40000", b".git. .", "git's own"),
    ("40000", b"git~1", "git's own"),
    ("40000", b"GIT~1", "git's own"),
    ("40000", ".g\u{200c}it".as_bytes(), "git's own"),
    ("40000", "\u{feff}.git".as_bytes(), "git's own"),
    ("40000", ".gi\u{200d}t".as_bytes(), "git's own"),
    ("100644", b".git::$INDEX_ALLOCATION", "Windows"),
    ("100644", b"a/b.md", "separator"),
    ("100644", b"/etc/passwd", "separator"),
    ("100644", b"../evil.md", "separator"),
    ("40000", b"a/../..", "separator"),
    ("100644", b"a\\b.md", "separator"),
    ("100644", b"..\\evil.md", "separator"),
    ("100644", b"C:evil.md", "Windows"),
    ("100644", b"a.md:stream", "Windows"),
    ("100644", b"a*.md", "Windows"),
    ("100644", b"a?.md", "Windows"),
    ("100644", b"a|b.md", "Windows"),
    ("100644", b"a\".md", "Windows"),
    ("100644", b"<a>.md", "Windows"),
    ("100644", b"a\n.md", "control"),
    ("100644", b"a\r.md", "control"),
    ("100644", b"\x1b[2Ka.md", "control"),
    ("100644", b"a\x7f.md", "control"),
    ("100644", b"a\x07.md", "control"),
    ("100644", "a\u{85}.md".as_bytes(), "control"),
    ("100644", "a\u{202e}dm.md".as_bytes(), "invisible"),
    ("100644", "a\u{200b}.md".as_bytes(), "invisible"),
    ("100644", "a\u{e0041}.md".as_bytes(), "invisible"),
    ("100644", b"a\xff.md", "UTF-8"),
    ("100644", b"\xc0\xaf.md", "UTF-8"),
    ("100644", b"\xed\xa0\x80.md", "UTF-8"),
    ("100644", b"a.md.", "dot or a space"),
    ("100644", b"a.md ", "dot or a space"),
    ("100644", b"...", "dot or a space"),
    ("100644", b"-rf.md", "option"),
    ("100644", b"--upload-pack=x", "option"),
    ("100644", b"CON", "device"),
    ("100644", b"con.md", "device"),
    ("100644", b"NUL.tar.md", "device"),
    ("100644", b"aux .md", "device"),
    ("100644", b"COM1.md", "device"),
    ("100644", b"lpt9", "device"),
    ("100644", "com\u{b9}.md".as_bytes(), "device"),
    ("40000", b"PRN", "device"),
    ("100644", b"CONIN$", "device"),
    ("120000", b"link.md", "symbolic"),
    ("160000", b"module", "submodule"),
    ("100600", b"mode.md", "mode"),
    ("100000", b"mode.md", "mode"),
    ("100444", b"mode.md", "mode"),
    ("104755", b"mode.md", "mode"),
    ("60000", b"device.md", "mode"),
    ("10000", b"pipe.md", "mode"),
    ("0", b"mode.md", "mode"),
    ("40755", b"folder", "mode"),
];

#[test]
fn every_hostile_entry_is_refused_and_its_neighbours_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let long = "a".repeat(256);
    let long = [("100644", long.as_bytes(), "255 bytes")];
    for (number, (mode, name, reason)) in HOSTILE.iter().chain(&long).enumerate() {
        let mut builder = RepoBuilder::bare(&folder.path().join(number.to_string()));
        builder
            .file("agents/good.md", "good")
            .raw_tree_entry(mode, name, b"evil");
        let commit = builder.commit("hostile");
        let repository = Repository::open(builder.path()).unwrap();
        let shown = String::from_utf8_lossy(name).into_owned();
        let walk = match repository.walk(commit, &WalkLimits::default(), &|_| true) {
            Ok(walk) => walk,
            // Libgit2 itself refuses the whole tree.
            Err(GitError::Corrupt { .. }) if *mode == "0" => continue,
            Err(error) => panic!("{mode} {shown:?}: {error:?}"),
        };
        let paths: Vec<_> = walk.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["agents/good.md"], "{mode} {shown:?}");
        assert_eq!(
            (walk.refused.len(), walk.refused_total),
            (1, 1),
            "{mode} {shown:?}"
        );
        let refused = &walk.refused[0];
        assert!(
            refused.reason.contains(reason),
            "{mode} {shown:?}: {}",
            refused.reason
        );
        assert!(
            !refused
                .path
                .contains(|c: char| c.is_control() || agentpkg::domain::name::is_invisible(c)),
            "{:?}",
            refused.path
        );
    }
}

#[test]
fn hostile_trees_that_came_over_the_network_are_refused_too() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    for (mode, name, _) in HOSTILE
        .iter()
        .filter(|(mode, name, _)| !name.contains(&b'/') && *mode == "100644")
    {
        scene.upstream.raw_tree_entry(mode, name, b"evil");
    }
    scene
        .upstream
        .symlink("agents/link.md", "/etc/passwd")
        .commit("hostile");
    scene.fetch(Access::default()).unwrap();
    let repository = scene.open();
    let walk = repository
        .walk(
            repository.head().unwrap().unwrap(),
            &WalkLimits::default(),
            &|_| true,
        )
        .unwrap();
    let paths: Vec<_> = walk.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["README.md", "agents/one.md", "agents/two.md"]);
    assert!(walk.refused.len() > 30);
    assert!(
        walk.refused
            .iter()
            .any(|refused| refused.path == "agents/link.md" && refused.reason == "a symbolic link")
    );
}

#[test]
fn the_same_name_twice_is_nobodys_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = RepoBuilder::bare(&folder.path().join("a"));
    builder
        .file("a.md", "one")
        .raw_tree_entry("100644", b"a.md", b"two")
        .raw_tree_entry("40000", b"a.md", b"");
    let commit = builder.file("b.md", "b").commit("twice");
    let walk = Repository::open(builder.path())
        .unwrap()
        .walk(commit, &WalkLimits::default(), &|_| true)
        .unwrap();
    assert_eq!((walk.files.len(), walk.refused_total), (1, 3));
}

#[test]
fn walks_end_at_their_limits() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = RepoBuilder::bare(&folder.path().join("a"));
    let deep = "d/".repeat(20);
    builder
        .file(&format!("{deep}x.md"), "deep")
        .file("d/d/near.md", "near");
    let commit = builder.commit("deep");
    let repository = Repository::open(builder.path()).unwrap();
    let walk = repository
        .walk(commit, &WalkLimits::default(), &|_| true)
        .unwrap();
    assert_eq!((walk.files.len(), walk.refused_total), (1, 1));
    let limits = WalkLimits {
        entries: 10,
        ..WalkLimits::default()
    };
    assert!(matches!(
        repository.walk(commit, &limits, &|_| true),
        Err(GitError::TreeTooLarge { limit: 10, .. })
    ));
}

#[test]
fn a_huge_blob_is_known_by_its_header_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut builder = RepoBuilder::bare(&path);
    let small = builder.blob_id(&vec![0; 3 << 20]);
    let repository = Repository::open(&path).unwrap();
    assert_eq!(repository.blob_size(small).unwrap(), Some(3 << 20));
    assert_eq!(repository.read_blob(small, 3 << 19).unwrap(), None);
    assert_eq!(
        repository
            .read_blob(small, 3 << 20)
            .unwrap()
            .map(|content| content.len()),
        Some(3 << 20)
    );
    builder.file("x", "x").commit("x");

    if hermetic_git(folder.path()).is_none() {
        return;
    }
    // A sparse file costs nothing to create, and git packs it without holding it in memory.
    let zeros = folder.path().join("zeros");
    fs::File::create(&zeros)
        .unwrap()
        .set_len(512 << 20)
        .unwrap();
    let id = run_git(
        &path,
        [
            "-c",
            "core.bigFileThreshold=1m",
            "-c",
            "core.compression=1",
            "hash-object",
            "-w",
            zeros.to_str().unwrap(),
        ],
    );
    let repository = Repository::open(&path).unwrap();
    let start = std::time::Instant::now();
    assert_eq!(
        repository.blob_size(id.parse().unwrap()).unwrap(),
        Some(512 << 20)
    );
    assert_eq!(
        repository.read_blob(id.parse().unwrap(), 1 << 20).unwrap(),
        None
    );
    assert!(
        start.elapsed() < std::time::Duration::from_millis(200),
        "it was read: {:?}",
        start.elapsed()
    );
}

#[test]
fn revisions_are_found_and_expressions_are_not() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    scene.upstream.branch("work/feature");
    let repository = Repository::open(scene.upstream.path()).unwrap();
    let head = repository.head().unwrap().unwrap();
    let first = repository.resolve("v1.0.0").unwrap().unwrap();
    for (revision, found) in [
        ("v1.1.0", Some(head)),
        ("main", Some(head)),
        ("work/feature", Some(head)),
        ("refs/heads/main", Some(head)),
        ("HEAD", Some(head)),
        (head.to_string().as_str(), Some(head)),
        (&first.to_string()[..8], Some(first)),
        (&first.to_string()[..3], None),
        ("HEAD~1", None),
        ("v1.1.0^{}", None),
        (":/first", None),
        ("main@{0}", None),
        ("../main", None),
        ("-x", None),
        ("", None),
        ("v9", None),
        (&"0".repeat(40), None),
    ] {
        assert_eq!(repository.resolve(revision).unwrap(), found, "{revision}");
    }
    assert_eq!(repository.parents(head).unwrap(), [first]);
    assert!(repository.commit_time(head).unwrap() > 1_600_000_000);
    let changes = repository.history("agents/one.md", head, 10).unwrap();
    assert_eq!(
        changes,
        [
            (head, Some(hash_blob(b"one, second\n"))),
            (first, Some(hash_blob(b"one, first\n")))
        ]
    );
}

#[test]
fn repositories_are_opened_where_they_are_and_not_above() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("work");
    let head = RepoBuilder::with_work_tree(&path)
        .file("a.md", "a")
        .commit("first");
    assert_eq!(Repository::open(&path).unwrap().head().unwrap(), Some(head));
    fs::create_dir(path.join("inner")).unwrap();
    assert!(matches!(
        Repository::open(&path.join("inner")),
        Err(GitError::NotOpened { .. })
    ));
    let empty = folder.path().join("empty");
    init_bare(&empty).unwrap();
    assert_eq!(Repository::open(&empty).unwrap().head().unwrap(), None);
    assert!(Repository::open(&empty).unwrap().tags().unwrap().is_empty());
}

#[test]
fn damage_in_a_cache_is_noticed_and_never_read() {
    let Some(scene) = Scene::new() else { return };
    let id = hash_blob(b"one, second\n");
    // Loose, as the builder wrote it.
    let hex = id.to_string();
    let loose = scene
        .upstream
        .path()
        .join("objects")
        .join(&hex[..2])
        .join(&hex[2..]);
    let good = fs::read(&loose).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x04;
        fs::remove_file(&loose).unwrap();
        fs::write(&loose, &bad).unwrap();
        match Repository::open(scene.upstream.path())
            .unwrap()
            .read_blob(id, 1000)
        {
            // Two bits of the zlib header only say how hard the compressor tried.
            Ok(Some(content)) => assert_eq!(content, b"one, second\n", "byte {at}"),
            Ok(None) => panic!("byte {at} made it disappear"),
            Err(error) => assert_eq!(variant(&error), "Corrupt", "byte {at}"),
        }
    }
    // Another object's content under this one's name.
    fs::remove_file(&loose).unwrap();
    let other = hash_blob(b"two\n").to_string();
    fs::copy(
        scene
            .upstream
            .path()
            .join("objects")
            .join(&other[..2])
            .join(&other[2..]),
        &loose,
    )
    .unwrap();
    let error = Repository::open(scene.upstream.path())
        .unwrap()
        .read_blob(id, 1000)
        .unwrap_err();
    assert_eq!(variant(&error), "Corrupt");
    fs::remove_file(&loose).unwrap();
    fs::write(&loose, &good).unwrap();

    // Packed, as a fetch writes it.
    scene.fetch(Access::default()).unwrap();
    scene
        .git
        .fetch_objects(
            &scene.cache(),
            &scene.url(),
            &[id],
            &Access::default(),
            &mut |_| {},
        )
        .unwrap();
    let pack_of_blob = packs(&scene.cache()).into_iter().filter(|name| {
        Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "pack")
    });
    let pack_of_blob = pack_of_blob.map(|name| scene.cache().join("objects/pack").join(name));
    let pack = pack_of_blob
        .min_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let good = fs::read(&pack).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&pack, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    // From the object's own header to the checksum at the end.
    for at in 12..good.len() - 20 {
        let mut bad = good.clone();
        bad[at] ^= 0x04;
        fs::write(&pack, &bad).unwrap();
        match scene.open().read_blob(id, 1000) {
            Ok(Some(content)) => assert_eq!(content, b"one, second\n", "byte {at}"),
            // A changed header can turn it into another kind of object, which counts as missing.
            Ok(None) => assert_eq!(at, 12, "byte {at}"),
            Err(error) => assert_eq!(variant(&error), "Corrupt", "byte {at}"),
        }
    }
}

#[test]
fn honest_names_are_not_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = RepoBuilder::bare(&folder.path().join("a"));
    let names = [
        "..md",
        ".claude/agents/a.md",
        ".gitattributes",
        ".github/x.md",
        "a b/c (copy).md",
        "com10.md",
        "conference.md",
        "console.md",
        "git~2",
        "nullable.md",
        "x/.gitignore",
        "é/日本語.md",
    ];
    for name in names {
        builder.file(name, name);
    }
    let commit = builder.commit("honest");
    let walk = Repository::open(builder.path())
        .unwrap()
        .walk(commit, &WalkLimits::default(), &|_| true)
        .unwrap();
    let paths: Vec<_> = walk.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, names);
    assert!(walk.refused.is_empty());
}
