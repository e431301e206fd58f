//! Editors that save while a file is replaced or removed, over and over: no save is lost.
//!
//! A saver reads nothing: each save is a new text with a mark of its own, so a save is lost if it is neither in the file, nor in the
//! history, nor replaced by a later save of the same saver. `AGENTPKG_FULL=1` runs ten thousand rounds for each kind of saver.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::thread;

use super::*;

/// How a program saves.
#[derive(Debug, Clone, Copy)]
enum Saver {
    /// A temporary file, renamed over the old one.
    Rename,
    /// The old file, truncated and written again.
    Truncate,
    /// The old file, overwritten from its beginning.
    InPlace,
    /// A line at the end of the old file.
    Append,
    /// As vim: the old file becomes a backup, a new one is made.
    Backup,
    /// As git: the old file is removed, a new one is made.
    Unlink,
}

const ALL: [Saver; 6] = [
    Saver::Rename,
    Saver::Truncate,
    Saver::InPlace,
    Saver::Append,
    Saver::Backup,
    Saver::Unlink,
];

impl Saver {
    /// Saves `text`; the file is held open for a while if it is written in place. `false`: there was no file to save to.
    fn save(self, path: &Path, text: &[u8], pause: Duration) -> bool {
        let beside = path.with_extension("saver");
        let write = |mut file: File| {
            sleep(pause);
            file.write_all(text).is_ok()
        };
        let create = || OpenOptions::new().write(true).create_new(true).open(path);
        match self {
            Self::Rename => std::fs::write(&beside, text)
                .and_then(|()| std::fs::rename(&beside, path))
                .is_ok(),
            Self::Truncate => OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(path)
                .is_ok_and(write),
            Self::InPlace => OpenOptions::new().write(true).open(path).is_ok_and(write),
            Self::Append => OpenOptions::new().append(true).open(path).is_ok_and(write),
            Self::Backup => std::fs::rename(path, &beside)
                .and_then(|()| create())
                .is_ok_and(write),
            Self::Unlink => std::fs::remove_file(path)
                .and_then(|()| create())
                .is_ok_and(write),
        }
    }
}

/// One round: a save at about the moment of a replacement or a removal. Returns whether the save is anywhere.
fn survives(scene: &Scene, saver: Saver, round: usize, is_removal: bool) -> Option<bool> {
    let path = scene.path("x.md");
    let old =
        format!("old text {round:06} with a tail that is longer than any save\n").into_bytes();
    std::fs::write(&path, &old).unwrap();
    let mark = format!("save {round:06}\n").into_bytes();
    let after = (!is_removal).then(|| format!("new text {round:06}\n").into_bytes());
    let change = Change {
        path: path.clone(),
        agent: Some(agent("x")),
        before: Some(Digest::of(&old)),
        after: after.map(Content::from),
    };
    let (delay, pause) = (
        Duration::from_micros((round as u64 * 37) % 2_500),
        Duration::from_micros((round as u64 * 211) % 5_000),
    );
    let is_saved = thread::scope(|scope| {
        let saving = scope.spawn(|| {
            sleep(delay);
            saver.save(&path, &mark, pause)
        });
        // Whether the operation is made, taken back or refused does not matter here, only the save.
        let _ = lock_it(&scene.project)
            .unwrap()
            .apply(&transaction(std::slice::from_ref(&change)));
        saving.join().unwrap()
    });
    if !is_saved {
        return None;
    }
    let holds = |path: &Path| {
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(mark.len()).any(|part| part == mark))
    };
    let objects = objects_folder(&scene.project);
    let in_history = || {
        fs::list(&objects)
            .unwrap()
            .iter()
            .any(|listed| holds(&objects.join(&listed.name)))
    };
    let temporary = staged(&scene.project);
    assert_eq!(temporary, [] as [PathBuf; 0], "{saver:?} {round}");
    Some(holds(&path) || in_history())
}

#[test]
fn no_save_is_lost() {
    let rounds = if std::env::var_os("AGENTPKG_FULL").is_some() {
        10_000
    } else {
        60
    };
    for can_exchange in [true, false] {
        let mut lost = Vec::new();
        for saver in ALL {
            let mut scene = Scene::empty();
            fs::create_folder(scene.project.agents_folder()).unwrap();
            let mut saves = 0;
            for round in 0..rounds {
                // A long history is slow to search.
                if round % 100 == 99 {
                    scene = Scene::empty();
                    fs::create_folder(scene.project.agents_folder()).unwrap();
                }
                if !can_exchange {
                    scene.project.files().without_exchange();
                }
                match survives(&scene, saver, round, round % 4 == 3) {
                    Some(true) => saves += 1,
                    Some(false) => lost.push((saver, round)),
                    None => {}
                }
                let _ = std::fs::remove_file(scene.path("x.md"));
                let _ = std::fs::remove_file(scene.path("x.saver"));
            }
            assert!(saves > rounds / 4, "{saver:?} saved {saves} times");
        }
        assert!(
            lost.is_empty(),
            "lost with exchange {can_exchange}: {lost:?}"
        );
    }
}
