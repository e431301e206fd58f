//! What holds for transactions whatever happens: crashes at every step, damage, edits in between.

use std::cell::Cell;

use super::history::{KEEP, copy, record_path, records};
use super::*;

thread_local! {
    /// How many checkpoints pass before one fails, which stands for a crash there.
    static CRASH_AFTER: Cell<usize> = const { Cell::new(usize::MAX) };
}

pub(super) fn checkpoint(name: &str) -> Result<()> {
    let left = CRASH_AFTER.get();
    CRASH_AFTER.set(left.wrapping_sub(1));
    if left == 0 { Err(Failure::failed(format!("crash after: {name}"))) } else { Ok(()) }
}

struct Scene {
    _folder: tempfile::TempDir,
    project: Project,
}

impl Scene {
    /// A project with one old file, one to remove, and three changes that make it new.
    fn new() -> (Self, Vec<Change>) {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::at(folder.path());
        fs::create_folder(project.agents_folder()).unwrap();
        let path = |name: &str| project.agents_folder().join(name);
        fs::write_new(&path("old.md"), b"old", false).unwrap();
        fs::write_new(&path("gone.md"), b"gone", false).unwrap();
        let changes = vec![
            Change { path: path("new.md"), before: None, after: Some(b"made".to_vec()) },
            Change { path: path("old.md"), before: Some(Digest::of(b"old")), after: Some(b"changed".to_vec()) },
            Change { path: path("gone.md"), before: Some(Digest::of(b"gone")), after: None },
            Change { path: project.base_path(&Digest::of(b"made")), before: None, after: Some(b"made".to_vec()) },
        ];
        (Self { _folder: folder, project }, changes)
    }

    fn apply(&self, changes: &[Change]) -> Result<()> {
        lock(&self.project, || ()).unwrap().apply("test", changes)
    }

    fn files(&self) -> String {
        let agents = self.project.agents_folder();
        let show = |listed: fs::Listed| {
            let bytes = fs::read(&agents.join(&listed.name), 100).unwrap().unwrap();
            format!("{}={} ", listed.name, String::from_utf8(bytes).unwrap())
        };
        let bases = fs::list(&self.project.base_folder()).unwrap().len();
        let agents: String = fs::list(agents).unwrap().into_iter().map(show).collect();
        if bases > 0 { format!("{agents}and a base") } else { agents }
    }
}

const OLD: &str = "gone.md=gone old.md=old ";
const NEW: &str = "new.md=made old.md=changed and a base";

#[test]
fn a_crash_at_any_point_leaves_all_old_or_all_new() {
    for point in 0.. {
        let (scene, changes) = Scene::new();
        CRASH_AFTER.set(point);
        let outcome = scene.apply(&changes);
        CRASH_AFTER.set(usize::MAX);
        if outcome.is_ok() {
            assert_eq!(scene.files(), NEW);
            assert!(point >= 5, "the checkpoints were passed");
            return;
        }
        let guard = lock(&scene.project, || ()).unwrap();
        let expected = if point < 2 { (OLD, Recovered::Undone) } else { (NEW, Recovered::Completed) };
        assert_eq!((scene.files().as_str(), guard.recovered()), (expected.0, Some(&expected.1)), "crash point {point}");
        assert!(!is_interrupted(&scene.project).unwrap());
    }
}

#[test]
fn a_plan_made_on_other_content_is_refused() {
    let (scene, mut changes) = Scene::new();
    changes[1].before = Some(Digest::of(b"something else"));
    assert!(scene.apply(&changes).unwrap_err().message().contains("changed while the command ran"));
    assert_eq!(scene.files(), OLD);
}

#[test]
fn damaged_staged_content_rolls_back() {
    let (scene, changes) = Scene::new();
    CRASH_AFTER.set(3);
    scene.apply(&changes).unwrap_err();
    CRASH_AFTER.set(usize::MAX);
    let staged = scene.project.agents_folder().join(".old.md.agentpkg-new");
    fs::replace(&staged, b"half", false).unwrap();
    let guard = lock(&scene.project, || ()).unwrap();
    assert_eq!(guard.recovered(), Some(&Recovered::Undone));
    assert_eq!(scene.files(), OLD);
}

#[test]
fn edits_made_after_a_crash_are_kept() {
    let (scene, changes) = Scene::new();
    CRASH_AFTER.set(3);
    scene.apply(&changes).unwrap_err();
    CRASH_AFTER.set(usize::MAX);
    let old = scene.project.agents_folder().join("old.md");
    fs::replace(&old, b"mine", false).unwrap();
    let guard = lock(&scene.project, || ()).unwrap();
    assert_eq!(guard.recovered(), Some(&Recovered::Except(vec![old])));
    assert_eq!(scene.files(), "new.md=made old.md=mine and a base");
}

#[test]
fn a_truncated_journal_undoes_or_completes_but_never_mixes() {
    let (scene, changes) = Scene::new();
    CRASH_AFTER.set(0);
    scene.apply(&changes).unwrap_err();
    CRASH_AFTER.set(usize::MAX);
    let journal = journal_path(&scene.project);
    let bytes = fs::read(&journal, 1 << 20).unwrap().unwrap();
    for end in 0..bytes.len() {
        fs::replace(&journal, &bytes[..end], false).unwrap();
        drop(lock(&scene.project, || ()).unwrap());
        assert_eq!(scene.files(), OLD);
    }
}

#[test]
fn links_are_not_replaced() {
    if cfg!(unix) {
        let (scene, mut changes) = Scene::new();
        let link = scene.project.agents_folder().join("link.md");
        #[cfg(unix)]
        std::os::unix::fs::symlink("old.md", &link).unwrap();
        changes.push(Change { path: link, before: None, after: Some(b"x".to_vec()) });
        assert!(scene.apply(&changes).unwrap_err().message().contains("symbolic link"));
    }
}

#[test]
fn the_history_is_bounded() {
    let (scene, _) = Scene::new();
    let path = scene.project.agents_folder().join("x.md");
    let mut before = None;
    for round in 0..KEEP + 15 {
        let after = round.to_string().into_bytes();
        let digest = Digest::of(&after);
        scene.apply(&[Change { path: path.clone(), before, after: Some(after) }]).unwrap();
        before = Some(digest);
    }
    let history = history_folder(&scene.project);
    assert!(records(&history).unwrap().len() <= KEEP + 9);
    assert!(fs::list(&history.join("objects")).unwrap().len() <= KEEP + 9);
}

#[test]
fn the_history_keeps_every_copy_that_a_kept_record_may_name() {
    let (scene, _) = Scene::new();
    let path = scene.project.agents_folder().join("x.md");
    let history = history_folder(&scene.project);
    let content = |round: usize| (round > 0).then(|| round.to_string().into_bytes());
    let run = |rounds: std::ops::Range<usize>| {
        for round in rounds {
            let before = content(round).as_deref().map(Digest::of);
            scene.apply(&[Change { path: path.clone(), before, after: content(round + 1) }]).unwrap();
        }
    };
    run(0..55);
    fs::replace(&record_path(&history, 40), b"damaged", false).unwrap();
    run(55..65);
    assert_eq!(fs::list(&history.join("objects")).unwrap().len(), 64, "a damaged record may name any of them");
    run(65..100);
    let records = records(&history).unwrap();
    assert_eq!(records.len(), KEEP);
    for (number, _) in records {
        let before = Digest::of(&content(usize::try_from(number).unwrap() - 1).unwrap());
        assert!(copy(&scene.project, &before).unwrap().is_some(), "the copy that operation {number} needs");
    }
    assert_eq!(fs::list(&history.join("objects")).unwrap().len(), KEEP);
}

#[test]
fn a_damaged_copy_is_written_anew_when_its_content_is_replaced_again() {
    let (scene, changes) = Scene::new();
    let old = Digest::of(b"old");
    let object = history_folder(&scene.project).join("objects").join(old.to_string());
    fs::replace(&object, b"bad", false).unwrap();
    assert_eq!(copy(&scene.project, &old).unwrap(), None);
    scene.apply(&changes).unwrap();
    assert_eq!(copy(&scene.project, &old).unwrap().as_deref(), Some(&b"old"[..]));
}

#[test]
fn strange_names_among_the_records_are_no_records() {
    let (scene, changes) = Scene::new();
    let history = history_folder(&scene.project);
    for name in ["+7.json", "7.json", "0000007.json", "-1.json", "99999999999999999999.json", "x.json", ".json"] {
        fs::replace(&history.join(name), b"x", false).unwrap();
    }
    scene.apply(&changes).unwrap();
    let numbers: Vec<u64> = records(&history).unwrap().into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, [1]);
    fs::replace(&record_path(&history, u64::MAX), b"x", false).unwrap();
    let change = Change { path: scene.project.agents_folder().join("y.md"), before: None, after: Some(b"y".to_vec()) };
    assert!(scene.apply(&[change]).unwrap_err().message().contains("history is full"));
}

#[test]
fn a_journal_from_a_stranger_touches_nothing_outside() {
    for (path, is_direct) in [(".git/config", false), ("../x", false), ("/etc/x", false), (".claude/agents/old.md", true)] {
        for is_committed in [false, true] {
            let (scene, _) = Scene::new();
            let target = scene.project.root().join(path);
            if path == ".git/config" {
                fs::replace(&target, b"old", false).unwrap();
            }
            let step = Step { path: path.into(), is_direct, before: Some(Digest::of(b"old")), after: None };
            let journal = Journal { number: 1, label: "evil".to_owned(), is_committed, steps: vec![step] };
            fs::create_folder(&scene.project.state_folder()).unwrap();
            journal.write(&scene.project, false).unwrap();
            let failure = lock(&scene.project, || ()).unwrap_err();
            assert!(failure.message().contains("not agentpkg's"), "{path}: {failure}");
            assert_eq!(scene.files(), OLD);
            assert!(path != ".git/config" || fs::size(&target).unwrap() == Some(3), "it is still there");
        }
    }
}

#[test]
fn only_the_files_of_the_project_take_part() {
    let (scene, mut changes) = Scene::new();
    changes.push(Change { path: scene.project.root().join(".git/config"), before: None, after: Some(b"x".to_vec()) });
    assert!(scene.apply(&changes).unwrap_err().message().contains("not agentpkg's"));
    assert_eq!(scene.files(), OLD);
}
