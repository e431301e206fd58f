//! What holds for transactions whatever happens: crashes at every step, damage, edits in between.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use proptest::prelude::*;

use super::history::{KEEP, copy, record_path, records};
use super::*;

/// What happens at a checkpoint.
type Deed = Box<dyn FnOnce()>;

thread_local! {
    /// How many checkpoints pass before the program dies at one.
    static CRASH_AFTER: Cell<usize> = const { Cell::new(usize::MAX) };
    /// How many checkpoints pass before something happens at one, and what.
    static DEED_AFTER: RefCell<Option<(usize, Deed)>> = const { RefCell::new(None) };
}

pub(super) fn checkpoint(name: &'static str) {
    let due = DEED_AFTER.with_borrow_mut(|deed| match deed {
        Some((0, _)) => deed.take(),
        Some((left, _)) => {
            *left -= 1;
            None
        }
        None => None,
    });
    if let Some((_, deed)) = due {
        deed();
    }
    let left = CRASH_AFTER.get();
    CRASH_AFTER.set(left.wrapping_sub(1));
    if left == 0 {
        // An error would be handled; whoever dies handles nothing.
        resume_unwind(Box::new(name));
    }
}

/// Runs a command that may die on the way.
fn mortal<T>(command: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| Err(Failure::failed("crash")))
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
        mortal(|| lock(&self.project, NOW, || ()).unwrap().apply("test", changes))
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

/// What the clock says.
const NOW: u64 = 1_800_000_000;
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
        let guard = lock(&scene.project, NOW, || ()).unwrap();
        let expected = if point < 2 { (OLD, Recovered::Undone) } else { (NEW, Recovered::Completed) };
        assert_eq!((scene.files().as_str(), guard.recovered()), (expected.0, Some(&expected.1)), "crash point {point}");
        assert!(!is_interrupted(&scene.project).unwrap());
    }
}

impl Scene {
    /// What can be in the way of a command, after how many checkpoints, and what the place is to be cleared of afterwards.
    fn obstacles(&self) -> Vec<(usize, PathBuf, bool)> {
        let agents = self.project.agents_folder();
        let record = record_path(&history_folder(&self.project), 1);
        vec![
            // While staging; the first, a middle and the last of the renames; the end.
            (0, agents.join(".old.md.agentpkg-new"), true),
            (2, agents.join(".new.md.agentpkg-new"), false),
            (3, agents.join(".old.md.agentpkg-new"), false),
            (6, record, true),
        ]
    }
}

/// Puts a folder with something in it at the path, or takes away what is there.
fn obstruct(path: &Path, is_folder: bool) {
    fs::remove(path).unwrap();
    if is_folder {
        fs::replace(&path.join("x"), b"x", false).unwrap();
    }
}

#[test]
fn a_command_that_fails_at_any_point_has_changed_nothing() {
    for number in 0..4 {
        let (scene, changes) = Scene::new();
        let (after, path, is_folder) = scene.obstacles().swap_remove(number);
        let place = path.clone();
        DEED_AFTER.set(Some((after, Box::new(move || obstruct(&place, is_folder)))));
        let failure = scene.apply(&changes).unwrap_err();
        assert!(failure.message().starts_with("could not"), "it is the error itself that is told: {failure}");
        assert_eq!(failure.details(), ["nothing was changed"]);
        fs::remove_folder(&path).unwrap();
        assert_eq!(scene.files(), OLD, "obstacle {number}");
        assert!(!is_interrupted(&scene.project).unwrap(), "nothing is left for the next command");
        assert_eq!(scene.history().operations(), []);
        scene.apply(&changes).unwrap();
        assert_eq!(scene.files(), NEW);
    }
}

#[test]
fn a_file_that_somebody_put_in_the_way_stays_and_is_named() {
    let (scene, changes) = Scene::new();
    let path = changes[0].path.clone();
    let place = path.clone();
    DEED_AFTER.set(Some((2, Box::new(move || obstruct(&place, true)))));
    let failure = scene.apply(&changes).unwrap_err();
    assert_eq!(failure.details(), [".claude/agents/new.md: changed meanwhile, and left as it is"]);
    assert_eq!(fs::read(&path.join("x"), 10).unwrap().as_deref(), Some(&b"x"[..]));
    fs::remove_folder(&path).unwrap();
    assert_eq!(scene.files(), OLD);
}

#[test]
fn a_crash_while_a_failed_command_is_taken_back_does_not_complete_it() {
    let (scene, changes) = Scene::new();
    let (after, path, is_folder) = scene.obstacles().swap_remove(3);
    let place = path.clone();
    DEED_AFTER.set(Some((after, Box::new(move || obstruct(&place, is_folder)))));
    CRASH_AFTER.set(7);
    scene.apply(&changes).unwrap_err();
    CRASH_AFTER.set(usize::MAX);
    fs::remove_folder(&path).unwrap();
    assert_eq!(scene.files(), NEW, "it died before anything was taken back");
    let guard = lock(&scene.project, NOW, || ()).unwrap();
    assert_eq!((scene.files().as_str(), guard.recovered()), (OLD, Some(&Recovered::Undone)));
}

#[test]
fn folders_made_for_a_command_that_fails_go_again() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::at(folder.path());
    let path = project.agents_folder().join("a.md");
    let staged = project.agents_folder().join(".a.md.agentpkg-new");
    DEED_AFTER.set(Some((2, Box::new(move || fs::remove(&staged).unwrap()))));
    let change = Change { path, before: None, after: Some(b"a".to_vec()) };
    lock(&project, NOW, || ()).unwrap().apply("test", &[change]).unwrap_err();
    assert_eq!(fs::entry(&project.root().join(".claude")).unwrap(), Entry::Absent);
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
    let guard = lock(&scene.project, NOW, || ()).unwrap();
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
    let guard = lock(&scene.project, NOW, || ()).unwrap();
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
        drop(lock(&scene.project, NOW, || ()).unwrap());
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
            let journal = Journal {
                number: 1,
                label: "evil".to_owned(),
                is_committed,
                is_given_up: false,
                time: None,
                undoes: None,
                passed: Vec::new(),
                steps: vec![step],
            };
            fs::create_folder(&scene.project.state_folder()).unwrap();
            journal.write(&scene.project, false).unwrap();
            let failure = lock(&scene.project, NOW, || ()).unwrap_err();
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

impl Scene {
    fn history(&self) -> History {
        History::load(&self.project).unwrap()
    }

    /// The number of what `undo` without a number would take back.
    fn last(&self) -> Option<u64> {
        self.history().last().unwrap().map(|operation| operation.number)
    }

    fn undo(&self, number: u64) -> Result<Option<u64>> {
        let reversal = self.history().operation(number).unwrap().reversal(&self.project)?;
        mortal(|| lock(&self.project, NOW, || ()).unwrap().undo(&reversal))
    }
}

#[test]
fn a_crash_while_undoing_or_redoing_leaves_all_as_before_or_all_as_after() {
    // Operation 1 makes the new state, 2 takes it back, 3 takes that back.
    for (crashed, before, after) in [(1, NEW, OLD), (2, OLD, NEW)] {
        for point in 0.. {
            let (scene, changes) = Scene::new();
            scene.apply(&changes).unwrap();
            for number in 1..crashed {
                scene.undo(number).unwrap();
            }
            CRASH_AFTER.set(point);
            let outcome = scene.undo(crashed);
            CRASH_AFTER.set(usize::MAX);
            drop(lock(&scene.project, NOW, || ()).unwrap());
            let is_done = outcome.is_ok() || point >= 2;
            assert_eq!(scene.files(), if is_done { after } else { before }, "crash point {point}");
            let history = scene.history();
            assert_eq!(history.operations().len() as u64, crashed + u64::from(is_done));
            assert_eq!(history.operation(crashed).unwrap().is_undone, is_done);
            if outcome.is_ok() {
                assert!(point >= 5, "the checkpoints were passed");
                break;
            }
            assert_eq!(scene.undo(crashed).unwrap(), (!is_done).then_some(crashed + 1), "a second attempt ends it");
            assert_eq!(scene.files(), after);
        }
    }
}

#[test]
fn a_copy_that_is_missing_or_damaged_is_named_and_nothing_is_written() {
    let (scene, changes) = Scene::new();
    scene.apply(&changes).unwrap();
    let object = |content: &[u8]| history_folder(&scene.project).join("objects").join(Digest::of(content).to_string());
    fs::remove(&object(b"gone")).unwrap();
    fs::replace(&object(b"old"), b"bad", false).unwrap();
    let failure = scene.undo(1).unwrap_err();
    assert!(failure.message().contains("missing or damaged"));
    assert_eq!(failure.details(), [".claude/agents/old.md", ".claude/agents/gone.md"]);
    assert_eq!(scene.files(), NEW);
    assert_eq!(scene.history().operations().len(), 1);
}

#[test]
fn records_that_cannot_be_used_are_left_out_and_named() {
    let (scene, changes) = Scene::new();
    scene.apply(&changes).unwrap();
    let history = history_folder(&scene.project);
    let whole = fs::read(&record_path(&history, 1), 1 << 20).unwrap().unwrap();
    let write = |number: u64, stored: u64, undoes: Option<u64>, path: &str| {
        let step = Step { path: path.into(), is_direct: false, before: None, after: Some(Digest::of(b"x")) };
        let journal = Journal {
            number: stored,
            label: String::new(),
            is_committed: true,
            is_given_up: false,
            time: None,
            undoes,
            passed: Vec::new(),
            steps: vec![step],
        };
        journal.write(&scene.project, false).unwrap();
        fs::rename(&journal_path(&scene.project), &record_path(&history, number)).unwrap();
    };
    write(2, 9, None, "agentpkg.toml");
    write(3, 3, Some(3), "agentpkg.toml");
    write(4, 4, None, "../agentpkg.toml");
    write(5, 5, None, "agentpkg.toml");
    fs::replace(&record_path(&history, 6), &whole[1..], false).unwrap();
    fs::create_folder(&record_path(&history, 7)).unwrap();
    assert_eq!(scene.history().damaged(), [7, 6, 4, 3, 2]);
    assert_eq!(scene.history().operations().iter().map(|operation| operation.number).collect::<Vec<_>>(), [5, 1]);
}

#[test]
fn an_operation_that_does_not_show_any_more_does_not_hide_older_ones() {
    let (scene, changes) = Scene::new();
    scene.apply(&changes).unwrap();
    let path = scene.project.agents_folder().join("x.md");
    scene.apply(&[Change { path: path.clone(), before: None, after: Some(b"x".to_vec()) }]).unwrap();
    assert_eq!(scene.last(), Some(2));
    fs::remove(&path).unwrap();
    assert_eq!(scene.last(), Some(1), "operation 2 was put back by other means");
    fs::write_new(&path, b"x", false).unwrap();
    scene.undo(2).unwrap();
    fs::replace(&record_path(&history_folder(&scene.project), 3), b"damaged", false).unwrap();
    assert!(!scene.history().operation(2).unwrap().is_undone, "that is not known any more");
    assert_eq!(scene.last(), Some(1));
    let undoing = scene.undo(1).unwrap().unwrap();
    assert_eq!((scene.last(), scene.files().as_str()), (None, OLD));
    assert!(scene.history().operation(2).unwrap().is_undone, "it was passed over");
    scene.undo(undoing).unwrap();
    assert!(!scene.history().operation(2).unwrap().is_undone && scene.last() == Some(1));
}

#[test]
fn a_label_from_a_stranger_stays_in_its_line() {
    let (scene, changes) = Scene::new();
    lock(&scene.project, NOW, || ()).unwrap().apply("install ./a\nerror: b\tc", &changes).unwrap();
    assert_eq!(scene.history().operations()[0].label, "install ./a error: b c");
}

#[test]
fn records_of_older_versions_are_read() {
    let (scene, _) = Scene::new();
    let text = format!(
        r#"{{"number":1,"label":"install x","is_committed":true,"steps":[{{"is_direct":false,"path":".claude/agents/x.md","before":null,"after":"{}"}}]}}"#,
        Digest::of(b"x")
    );
    let record = format!("{text}{}", Digest::of(text.as_bytes()));
    fs::replace(&record_path(&history_folder(&scene.project), 1), record.as_bytes(), false).unwrap();
    let path = scene.project.agents_folder().join("x.md");
    let files = vec![FileChange { path, before: None, after: Some(Digest::of(b"x")) }];
    let label = "install x".to_owned();
    assert_eq!(
        scene.history().in_force().next(),
        Some(&Operation { number: 1, label, time: None, undoes: None, is_undone: false, files })
    );
}

/// The files that the generated operations change, and what they hold.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn state(project: &Project) -> Files {
    let of = |path: PathBuf| current(&path).unwrap().map(|bytes| (path, bytes));
    (0..5).filter_map(|index| of(place(project, index))).collect()
}

/// The lockfile, three agents, a merge base: in this order, so that undoing has to move the lockfile to the end.
fn place(project: &Project, index: usize) -> PathBuf {
    match index {
        0 => project.lockfile_path().to_owned(),
        4 => project.base_path(&Digest::of(b"base")),
        _ => project.agents_folder().join(format!("{index}.md")),
    }
}

/// Puts the chosen files to the chosen contents in one operation; gives back its number, if it changed anything.
fn put(project: &Project, chosen: &[(usize, Option<u8>)]) -> Option<u64> {
    let chosen: BTreeMap<usize, Option<u8>> = chosen.iter().copied().collect();
    let change = |(index, content): (usize, Option<u8>)| {
        let path = place(project, index);
        let before = current(&path).unwrap().as_deref().map(Digest::of);
        // A merge base never holds anything but what its name says.
        let after = content.map(|content| if index == 4 { b"base".to_vec() } else { vec![content] });
        Change { path, before, after }
    };
    let changes: Vec<Change> = chosen.into_iter().map(change).collect();
    lock(project, NOW, || ()).unwrap().run("test", None, Vec::new(), &changes).unwrap()
}

fn operation() -> impl Strategy<Value = Vec<(usize, Option<u8>)>> {
    proptest::collection::vec((0..5usize, proptest::option::of(0..4u8)), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn undoing_walks_back_to_the_beginning_and_undoing_that_walks_forth(operations in proptest::collection::vec(operation(), 1..8)) {
        let (scene, _) = Scene::new();
        let project = &scene.project;
        // Files that were there before agentpkg came.
        fs::write_new(&place(project, 0), b"mine", false).unwrap();
        let mut states = vec![state(project)];
        let mut numbers = Vec::new();
        for operation in &operations {
            if let Some(number) = put(project, operation) {
                numbers.push(number);
                states.push(state(project));
            }
        }
        let mut undoings = Vec::new();
        for (number, before) in numbers.iter().zip(&states).rev() {
            prop_assert_eq!(scene.last(), Some(*number));
            let reversal = scene.history().operation(*number).unwrap().reversal(project).unwrap();
            prop_assert_eq!(reversal.changed_since(), &[] as &[PathBuf]);
            let lockfile = reversal.changes().iter().position(|change| change.path == project.lockfile_path());
            prop_assert!(lockfile.is_none_or(|position| position + 1 == reversal.changes().len()));
            undoings.push(scene.undo(*number).unwrap().unwrap());
            prop_assert_eq!(&state(project), before);
        }
        prop_assert_eq!(scene.last(), None);
        for (number, after) in undoings.into_iter().rev().zip(&states[1..]) {
            scene.undo(number).unwrap();
            prop_assert_eq!(&state(project), after);
        }
        prop_assert_eq!(scene.last(), numbers.last().copied());
    }

    #[test]
    fn what_changed_since_is_named_and_comes_back_when_the_undoing_is_undone(
        operation in operation(), edits in proptest::collection::vec((0..5usize, proptest::option::of(0..4u8)), 0..5)
    ) {
        let (scene, _) = Scene::new();
        let project = &scene.project;
        fs::write_new(&place(project, 0), b"mine", false).unwrap();
        let before = state(project);
        let Some(number) = put(project, &operation) else { return Ok(()) };
        let after = state(project);
        for (index, content) in edits {
            match content {
                Some(content) => fs::replace(&place(project, index), &[content], false).unwrap(),
                None => fs::remove(&place(project, index)).unwrap(),
            }
        }
        let edited = state(project);
        let reversal = scene.history().operation(number).unwrap().reversal(project).unwrap();
        let touched: BTreeSet<PathBuf> =
            scene.history().operation(number).unwrap().files.iter().map(|file| file.path.clone()).collect();
        let is_foreign = |path: &&PathBuf| edited.get(*path) != after.get(*path) && edited.get(*path) != before.get(*path);
        let foreign: BTreeSet<&PathBuf> = touched.iter().filter(is_foreign).collect();
        prop_assert_eq!(reversal.changed_since().iter().collect::<BTreeSet<_>>(), foreign);
        let undoing = scene.undo(number).unwrap();
        let undone = state(project);
        for path in &touched {
            prop_assert_eq!(undone.get(path), before.get(path));
        }
        if let Some(undoing) = undoing {
            scene.undo(undoing).unwrap();
        }
        prop_assert_eq!(state(project), edited);
    }
}
