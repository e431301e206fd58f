//! What others do while an operation runs, or between a crash and its recovery.

use super::*;

#[test]
fn a_late_save_is_kept_although_the_same_content_is_in_the_history() {
    use std::io::Write as _;
    let scene = Scene::empty();
    let update = update_of_two(&scene);
    // The old file and the old base have one digest, and both move into the history.
    let mut open = std::fs::OpenOptions::new()
        .append(true)
        .open(scene.path("one.md"))
        .unwrap();
    lock_it(&scene.project).unwrap().apply(&update).unwrap();
    open.write_all(b" and late").unwrap();
    assert!(scene.keeps(b"one old and late"));
}

#[test]
fn a_lockfile_that_changed_after_a_crash_takes_everything_back() {
    for change in [Some(&b"# merged by git\n"[..]), None] {
        for point in 2..8 {
            let scene = Scene::empty();
            let update = update_of_two(&scene);
            CRASH_AFTER.set(point);
            mortal(|| lock_it(&scene.project).unwrap().apply(&update)).unwrap_err();
            CRASH_AFTER.set(usize::MAX);
            let lockfile = scene.project.lockfile_path();
            match change {
                Some(text) => fs::replace(lockfile, text, false).unwrap(),
                None => fs::remove(lockfile).unwrap(),
            }
            let guard = lock_it(&scene.project).unwrap();
            let expected = Recovered::Undone(vec![lockfile.to_owned()]);
            assert_eq!(guard.recovered(), Some(&expected), "crash point {point}");
            assert_eq!(scene.files(), "one.md=one old two.md=two old and a base");
            assert_eq!(fs::read(lockfile, 100).unwrap().as_deref(), change);
        }
    }
}

#[cfg(unix)]
#[test]
fn what_takes_the_place_of_a_file_while_it_is_replaced_stays() {
    for can_exchange in [true, false] {
        for is_link in [true, false] {
            let (scene, changes) = Scene::new();
            if !can_exchange {
                scene.project.files().without_exchange();
            }
            let path = scene.path("old.md");
            let place = path.clone();
            EVENT_AT.set(Some((
                "committed",
                0,
                Box::new(move || {
                    fs::remove(&place).unwrap();
                    if is_link {
                        std::os::unix::fs::symlink("elsewhere", &place).unwrap();
                    } else {
                        fs::create_folder(&place).unwrap();
                    }
                }),
            )));
            let failure = scene.apply(&changes).unwrap_err();
            assert!(
                failure.details()[0].starts_with(".claude/agents/old.md: "),
                "{failure}"
            );
            let expected = if is_link { Entry::Link } else { Entry::Folder };
            assert_eq!(
                fs::entry(&path).unwrap(),
                expected,
                "exchange {can_exchange}"
            );
            assert!(!scene.is_interrupted() && staged(&scene.project).is_empty());
            assert_eq!(fs::entry(&scene.path("new.md")).unwrap(), Entry::Absent);
        }
    }
}

#[test]
fn a_record_is_no_journal() {
    let (scene, changes) = Scene::new();
    scene.apply(&changes).unwrap();
    let record = fs::read(&record_path(&scene.project, 1), 1 << 20)
        .unwrap()
        .unwrap();
    fs::replace(&journal_path(&scene.project), &record, false).unwrap();
    assert!(!interruption(&scene.project).unwrap().unwrap().is_sealed);
    assert!(lock_it(&scene.project).is_err());
    assert_eq!(scene.files(), NEW);
}

#[test]
fn a_command_that_runs_is_not_interrupted() {
    let (scene, changes) = Scene::new();
    CRASH_AFTER.set(3);
    scene.apply(&changes).unwrap_err();
    CRASH_AFTER.set(usize::MAX);
    assert!(scene.is_interrupted());
    let path = scene.project.state_folder().join("lock");
    let file = scene.project.files().open_lock(&path).unwrap();
    let held = Lock::take(file, &path, b"", Duration::ZERO, |_| ()).unwrap();
    assert!(!scene.is_interrupted());
    drop(held);
    assert!(scene.is_interrupted());
}
