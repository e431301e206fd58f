//! Fetching when something is wrong: the server, the address, the configuration, the disk.

use std::fs;
use std::time::{Duration, Instant};

use agentpkg::domain::digest::ObjectId;
use agentpkg::domain::url::GitUrl;
use agentpkg::git::{Access, BlobFilter, FetchRequest, Git, GitError, Limits, hash_blob};

use super::{Scene, packs, variant, within};
use crate::support::http::{Fault, Server};
use crate::support::repo::RepoBuilder;

#[test]
fn every_fault_has_its_own_error_and_none_outlasts_the_deadline() {
    let Some(scene) = Scene::new() else { return };
    for (fault, name) in [
        (Fault::Status(401), "Authentication"),
        (Fault::Password, "Authentication"),
        (Fault::Status(403), "Authentication"),
        (Fault::Status(404), "NotFound"),
        (Fault::Status(500), "Server"),
        (Fault::Truncate(700), "Connection"),
        (Fault::Reset, "Connection"),
        (Fault::Hang, "Timeout"),
        (Fault::Drip, "Timeout"),
        (Fault::Garbage, "NotRepository"),
        (Fault::Corrupt(10), "CorruptPack"),
        (Fault::Corrupt(40), "CorruptPack"),
        (Fault::Corrupt(70), "CorruptPack"),
        (Fault::Corrupt(99), "CorruptPack"),
        (Fault::Redirect("/agents.git".to_owned()), "Redirect"),
    ] {
        scene.server.fault(fault.clone());
        let start = Instant::now();
        let error = scene.fetch(within(2)).unwrap_err();
        assert_eq!(variant(&error), name, "{fault:?}: {error:?}");
        assert!(
            start.elapsed() < Duration::from_millis(3500),
            "{fault:?} took {:?}",
            start.elapsed()
        );
        assert_eq!(
            processes_about(&scene.url()),
            0,
            "{fault:?} left a helper behind"
        );
        let tries = scene.server.requests().len();
        assert!(tries >= 1, "{fault:?}");
        if matches!(fault, Fault::Status(404 | 403)) {
            assert_eq!(tries, 1, "4xx is not tried again");
        }
        assert!(
            packs(&scene.cache())
                .iter()
                .all(|name| !name.starts_with("tmp_")),
            "{fault:?}"
        );
        let failure = agentpkg::error::Failure::from(error);
        assert!(
            !failure.hints().is_empty() && !failure.message().is_empty(),
            "{failure:?}"
        );
    }
    scene.server.fault(Fault::Recover(2));
    scene.fetch(within(10)).unwrap();
    let nobody = GitUrl::parse("http://127.0.0.1:1/x").unwrap();
    let request = FetchRequest::history(within(2));
    let error = scene
        .git
        .fetch(&scene.cache(), &nobody, &request, &mut |_| {})
        .unwrap_err();
    assert_eq!(variant(&error), "Unreachable");
    for (refspec, name) in [
        ("refs/tags/v9:refs/tags/v9", "UnknownReference"),
        ("--upload-pack=x", "BadReference"),
    ] {
        let request = FetchRequest {
            refspecs: vec![refspec.to_owned()],
            ..FetchRequest::history(within(2))
        };
        let error = scene
            .git
            .fetch(&scene.cache(), &scene.url(), &request, &mut |_| {})
            .unwrap_err();
        assert_eq!(variant(&error), name);
    }
    let unknown = ObjectId::from_bytes([7; 20]);
    let error = scene
        .git
        .fetch_objects(
            &scene.cache(),
            &scene.url(),
            &[unknown],
            &within(2),
            &mut |_| {},
        )
        .unwrap_err();
    assert_eq!(variant(&error), "UnknownReference", "{error:?}");
    RepoBuilder::bare(&scene.folder.path().join("srv/empty.git"));
    let empty = scene.server.url("empty.git");
    let error = scene
        .git
        .fetch(
            &scene.cache(),
            &empty,
            &FetchRequest::history(within(2)),
            &mut |_| {},
        )
        .unwrap_err();
    assert_eq!(variant(&error), "NoDefaultBranch", "{error:?}");
}

#[test]
fn redirects_are_followed_at_home_only_and_nothing_secret_goes_elsewhere() {
    let Some(scene) = Scene::new() else { return };
    let elsewhere = Server::start(&scene.folder.path().join("srv"));
    let askpass = scene.folder.path().join("askpass");
    fs::write(&askpass, "#!/bin/sh\necho secret\n").unwrap();
    #[cfg(unix)]
    fs::set_permissions(
        &askpass,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let git = scene
        .git
        .clone()
        .with_variable("GIT_ASKPASS", &askpass)
        .with_variable("GIT_CONFIG_COUNT", "1")
        .with_variable("GIT_CONFIG_KEY_0", "http.extraHeader")
        .with_variable("GIT_CONFIG_VALUE_0", "X-Secret: secret");
    let request = FetchRequest::history(within(10));
    let fetch = |url: &GitUrl| git.fetch(&scene.cache(), url, &request, &mut |_| {});

    // Another port is another server, and so is another name of this machine.
    let port = elsewhere.url("agents.git");
    let name = GitUrl::parse(&port.as_str().replace("127.0.0.1", "localhost")).unwrap();
    for to in [
        port.as_str(),
        name.as_str(),
        "https://example.com/x",
        "file:///etc",
        "ext::sh",
        "//example.com/x",
    ] {
        scene.server.fault(Fault::Redirect(to.to_owned()));
        let error = fetch(&scene.url()).unwrap_err();
        assert!(
            matches!(&error, GitError::Redirect { .. }),
            "{to}: {error:?}"
        );
        assert!(
            agentpkg::error::Failure::from(error)
                .to_string()
                .contains(to),
            "{to}"
        );
        assert!(
            elsewhere.requests().is_empty(),
            "{to}: nobody else was spoken to"
        );
    }
    // Here the server is asked under another repository's address, so that only the first request is redirected.
    scene.server.fault(Fault::None);
    let sent = scene.server.requests();
    assert!(
        sent.iter()
            .all(|request| request.headers.contains_key("x-secret")),
        "the configured server gets its header"
    );

    scene.server.fault(Fault::RedirectFrom(
        "/old".to_owned(),
        "/agents.git".to_owned(),
    ));
    let fetched = fetch(&scene.server.url("old")).unwrap();
    assert_eq!(fetched.url, scene.url());
    assert!(scene.open().head().unwrap().is_some());
    assert!(
        git.list_remote(&scene.server.url("old"), &["HEAD"], &within(10))
            .is_ok()
    );
}

#[test]
fn a_password_from_the_users_helper_is_used() {
    let Some(scene) = Scene::new() else { return };
    let helper = "!f() { echo username=user; echo password=secret; }; f";
    let git = scene
        .git
        .clone()
        .with_variable("GIT_CONFIG_COUNT", "1")
        .with_variable("GIT_CONFIG_KEY_0", "credential.helper")
        .with_variable("GIT_CONFIG_VALUE_0", helper);
    scene.server.fault(Fault::Password);
    git.fetch(
        &scene.cache(),
        &scene.url(),
        &FetchRequest::history(within(10)),
        &mut |_| {},
    )
    .unwrap();
}

#[test]
fn what_is_not_allowed_is_not_spoken_to() {
    let Some(scene) = Scene::new() else { return };
    let fetch = |git: &Git, url: &str| {
        let url = GitUrl::parse(url).unwrap();
        variant(
            &git.fetch(
                &scene.cache(),
                &url,
                &FetchRequest::history(within(5)),
                &mut |_| {},
            )
            .unwrap_err(),
        )
    };
    assert_eq!(fetch(&scene.git, "http://example.com/x"), "Insecure");
    assert_eq!(fetch(&scene.git, "git://example.com/x"), "Insecure");
    // The user's own configuration, or what got into it, allows no other protocols.
    let canary = scene.folder.path().join("canary");
    let git = scene
        .git
        .clone()
        .with_variable("GIT_CONFIG_COUNT", "2")
        .with_variable(
            "GIT_CONFIG_KEY_0",
            format!("url.ext::touch {} #.insteadOf", canary.display()),
        )
        .with_variable("GIT_CONFIG_VALUE_0", "https://example.com/")
        .with_variable("GIT_CONFIG_KEY_1", "protocol.ext.allow")
        .with_variable("GIT_CONFIG_VALUE_1", "always");
    assert_eq!(fetch(&git, "https://example.com/x"), "Protocol");
    assert!(!canary.exists());
}

#[test]
fn a_fetch_that_is_too_large_or_was_killed_leaves_nothing_behind() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    // Bytes that cannot be compressed.
    let noise: Vec<u8> = (0..200_000_u32)
        .flat_map(|n| hash_blob(&n.to_le_bytes()).as_bytes().to_vec())
        .collect();
    scene.upstream.file("noise.bin", &noise).commit("noise");
    let limits = Limits {
        max_bytes: 1 << 20,
        ..Limits::default()
    };
    let request = FetchRequest {
        blobs: BlobFilter::All,
        ..FetchRequest::history(Access {
            limits,
            ..Access::default()
        })
    };
    scene.server.fault(Fault::Slow);
    let error = scene
        .git
        .fetch(&scene.cache(), &scene.url(), &request, &mut |_| {})
        .unwrap_err();
    assert_eq!(variant(&error), "TooLarge", "{error:?}");
    assert!(packs(&scene.cache()).is_empty());
    let request = FetchRequest {
        access: within(1),
        ..request
    };
    scene.server.fault(Fault::VerySlow);
    let error = scene
        .git
        .fetch(&scene.cache(), &scene.url(), &request, &mut |_| {})
        .unwrap_err();
    assert_eq!(variant(&error), "Timeout", "in the middle of a pack");
    assert!(packs(&scene.cache()).is_empty());
    for leftover in [
        "objects/pack/tmp_pack_123",
        "shallow.lock",
        "refs/agentpkg/head.lock",
        "packed-refs.lock",
    ] {
        fs::write(scene.cache().join(leftover), "half").unwrap();
    }
    scene.server.fault(Fault::Truncate(900));
    scene.fetch(within(5)).unwrap_err();
    scene.server.fault(Fault::None);
    scene.fetch(within(5)).unwrap();
    assert!(
        packs(&scene.cache())
            .iter()
            .all(|name| name.starts_with("pack-")),
        "{:?}",
        packs(&scene.cache())
    );
    assert!(scene.open().head().unwrap().is_some());
}

/// Running processes that have the address's port in their arguments; 0 if the system does not tell.
fn processes_about(url: &GitUrl) -> usize {
    let port = format!(":{}/", url.port().unwrap());
    let lines = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).ok();
    let Ok(entries) = fs::read_dir("/proc") else {
        return 0;
    };
    let about = |line: &Vec<u8>| String::from_utf8_lossy(line).contains(&port);
    entries.flatten().filter_map(lines).filter(about).count()
}

#[test]
fn a_git_that_may_ask_on_the_terminal_ends_with_its_helpers_too() {
    let Some(scene) = Scene::new() else { return };
    scene.server.fault(Fault::Hang);
    let access = Access {
        may_prompt: true,
        ..within(1)
    };
    assert_eq!(variant(&scene.fetch(access).unwrap_err()), "Timeout");
    let patience = Instant::now() + Duration::from_secs(2);
    while processes_about(&scene.url()) > 0 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(processes_about(&scene.url()), 0);
}

#[cfg(unix)]
#[test]
fn ssh_is_the_users_own_and_never_asks_without_leave() {
    use std::os::unix::fs::PermissionsExt;

    let Some(scene) = Scene::new() else { return };
    let bin = scene.folder.path().join("bin");
    let log = scene.folder.path().join("log");
    fs::create_dir(&bin).unwrap();
    let ssh = bin.join("ssh");
    let path = std::env::join_paths(
        [bin]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let git = scene.git.clone().with_variable("PATH", path);
    let url = GitUrl::parse(&format!(
        "ssh://git@example.invalid{}",
        scene.upstream.path().display()
    ))
    .unwrap();
    let fetch = |git: &Git, script: &str, may_prompt: bool| {
        fs::write(
            &ssh,
            format!("#!/bin/sh\necho \"$@\" >> {}\n{script}\n", log.display()),
        )
        .unwrap();
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        let request = FetchRequest::history(Access {
            may_prompt,
            ..within(5)
        });
        let result = git.fetch(&scene.cache(), &url, &request, &mut |_| {});
        let arguments = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(&log);
        (result.map_err(|error| variant(&error)), arguments)
    };
    let run = "for last; do :; done; eval \"$last\"";
    let (result, arguments) = fetch(&git, run, false);
    assert!(result.is_ok_and(|fetched| fetched.is_filtered));
    assert!(
        arguments.starts_with("-oBatchMode=yes") && arguments.contains("git@example.invalid"),
        "{arguments}"
    );
    let (result, arguments) = fetch(&git, run, true);
    assert!(
        result.is_ok() && !arguments.contains("BatchMode"),
        "{arguments}"
    );
    let own = git
        .clone()
        .with_variable("GIT_SSH_COMMAND", format!("{} -F mine", ssh.display()));
    let (result, arguments) = fetch(&own, run, false);
    assert!(
        result.is_ok() && arguments.starts_with("-F mine"),
        "{arguments}"
    );
    for (message, error) in [
        (
            "git@example.invalid: Permission denied (publickey).",
            "Authentication",
        ),
        ("Host key verification failed.", "UnknownHostKey"),
        (
            "ssh: Could not resolve hostname example.invalid: Name or service not known",
            "Unreachable",
        ),
        ("ERROR: Repository not found.", "NotFound"),
    ] {
        let (result, _) = fetch(&git, &format!("echo '{message}' >&2; exit 255"), false);
        assert_eq!(result.unwrap_err(), error, "{message}");
    }
    let (result, _) = fetch(&git, "sleep 60", false);
    assert_eq!(result.unwrap_err(), "Timeout");
}

#[test]
fn a_damaged_cache_is_told_from_a_damaged_answer() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    scene.fetch(Access::default()).unwrap();
    for name in packs(&scene.cache()) {
        let file = scene.cache().join("objects/pack").join(&name);
        fs::remove_file(&file).unwrap();
        if !name.ends_with("promisor") {
            fs::write(&file, "damaged").unwrap();
        }
    }
    scene.upstream.file("new.md", "new").commit("new");
    let error = scene.fetch(within(5)).unwrap_err();
    assert!(error.is_damage() && !error.is_network(), "{error:?}");
}

#[test]
fn a_flood_of_references_is_stopped() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    for number in 0..50 {
        scene.upstream.tag(&format!("t{number}"));
    }
    let limits = Limits {
        max_references: 20,
        ..Limits::default()
    };
    let error = scene
        .fetch(Access {
            limits,
            ..Access::default()
        })
        .unwrap_err();
    assert_eq!(variant(&error), "TooManyReferences");
    scene.fetch(Access::default()).unwrap();
}
