//! The laws of the history: what it keeps, what it prunes, and how to go back.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::copies::{KEEP, records};
use super::*;

#[test]
fn the_history_is_bounded() {
    let scene = Scene::empty();
    let path = scene.path("x.md");
    let mut before = None;
    for round in 0..KEEP + 15 {
        let after = round.to_string().into_bytes();
        let digest = Digest::of(&after);
        scene
            .apply(&[Change {
                path: path.clone(),
                agent: None,
                before,
                after: Some(after.into()),
            }])
            .unwrap();
        before = Some(digest);
    }
    assert!(records(&scene.project).unwrap().len() <= KEEP + 9);
    assert!(fs::list(&objects_folder(&scene.project)).unwrap().len() <= KEEP + 9);
}

#[test]
fn records_of_somebody_else_are_never_used_overwritten_or_pruned() {
    let (scene, changes) = Scene::new();
    let (other, _) = Scene::new();
    other.apply(&changes_of(&other)).unwrap();
    let foreign = fs::read(&record_path(&other.project, 1), 1 << 20)
        .unwrap()
        .unwrap();
    for number in [1, 7, 30] {
        fs::replace(&record_path(&scene.project, number), &foreign, false).unwrap();
    }
    fs::replace(&scene.object(b"theirs"), b"theirs", false).unwrap();
    assert_eq!(scene.history().unsealed(), [30, 7, 1]);
    assert_eq!(scene.history().operations(), []);
    assert_eq!(
        scene.apply(&changes).unwrap().number,
        Some(31),
        "numbers go on past them"
    );
    let path = scene.path("x.md");
    let mut before = None;
    for round in 0..KEEP + 15 {
        let after = round.to_string().into_bytes();
        let digest = Digest::of(&after);
        scene
            .apply(&[Change {
                path: path.clone(),
                agent: None,
                before,
                after: Some(after.into()),
            }])
            .unwrap();
        before = Some(digest);
    }
    for number in [1, 7, 30] {
        assert_eq!(
            fs::read(&record_path(&scene.project, number), 1 << 20)
                .unwrap()
                .as_deref(),
            Some(foreign.as_slice())
        );
    }
    assert!(
        scene.keeps(b"theirs"),
        "it may be a content that one of them names"
    );
}

#[test]
fn a_copied_project_has_no_history() {
    let (scene, changes) = Scene::new();
    scene.apply(&changes).unwrap();
    let copied = scene.project.root().with_file_name("copy");
    std::fs::rename(scene.project.root(), &copied).unwrap();
    let moved = Project::at(
        &copied,
        &Environment::within(copied.clone(), &copied.with_file_name("home")),
    )
    .unwrap();
    assert_eq!(History::load(&moved).unwrap().unsealed(), [1]);
    drop(scene.folder);
}

#[test]
fn strange_names_among_the_records_are_no_records() {
    let (scene, changes) = Scene::new();
    let history = record_path(&scene.project, 1).with_file_name("");
    for name in [
        "+7.json",
        "7.json",
        "0000007.json",
        "-1.json",
        "99999999999999999999.json",
        "1000000000.json",
        "x.json",
        ".json",
    ] {
        fs::replace(&history.join(name), b"x", false).unwrap();
    }
    scene.apply(&changes).unwrap();
    assert_eq!(records(&scene.project).unwrap(), [1]);
    fs::replace(&record_path(&scene.project, 999_999_999), b"x", false).unwrap();
    let change = Change {
        path: scene.path("y.md"),
        agent: None,
        before: None,
        after: Some(b"y".to_vec().into()),
    };
    assert!(
        scene
            .apply(&[change])
            .unwrap_err()
            .message()
            .contains("history is full")
    );
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
            drop(lock_it(&scene.project).unwrap());
            let is_done = outcome.is_ok() || point >= 2;
            assert_eq!(
                scene.files(),
                if is_done { after } else { before },
                "crash point {point}"
            );
            let history = scene.history();
            assert_eq!(
                history.operations().len() as u64,
                crashed + u64::from(is_done)
            );
            assert_eq!(history.operation(crashed).unwrap().is_undone, is_done);
            if outcome.is_ok() {
                assert!(point >= 5, "the checkpoints were passed");
                break;
            }
            assert_eq!(
                scene.undo(crashed).unwrap(),
                (!is_done).then_some(crashed + 1),
                "a second attempt ends it"
            );
            assert_eq!(scene.files(), after);
        }
    }
}

#[test]
fn a_copy_that_is_missing_or_damaged_is_named_and_nothing_is_written() {
    let (scene, changes) = Scene::new();
    scene.apply(&changes).unwrap();
    fs::remove(&scene.object(b"gone")).unwrap();
    fs::replace(&scene.object(b"old"), b"bad", false).unwrap();
    let failure = scene.undo(1).unwrap_err();
    assert!(failure.message().contains("missing or damaged"));
    assert_eq!(
        failure.details(),
        [".claude/agents/old.md", ".claude/agents/gone.md"]
    );
    assert_eq!(scene.files(), NEW);
    assert_eq!(scene.history().operations().len(), 1);
}

#[test]
fn an_operation_that_does_not_show_any_more_does_not_hide_older_ones() {
    let (scene, changes) = Scene::new();
    scene.apply(&changes).unwrap();
    let path = scene.path("x.md");
    scene
        .apply(&[Change {
            path: path.clone(),
            agent: None,
            before: None,
            after: Some(b"x".to_vec().into()),
        }])
        .unwrap();
    assert_eq!(scene.last(), Some(2));
    fs::remove(&path).unwrap();
    assert_eq!(
        scene.last(),
        Some(1),
        "operation 2 was put back by other means"
    );
    fs::write_new(&path, b"x", false).unwrap();
    scene.undo(2).unwrap();
    fs::replace(&record_path(&scene.project, 3), b"damaged", false).unwrap();
    assert!(
        !scene.history().operation(2).unwrap().is_undone,
        "that is not known any more"
    );
    assert_eq!(scene.last(), Some(1));
    let undoing = scene.undo(1).unwrap().unwrap();
    assert_eq!((scene.last(), scene.files().as_str()), (None, OLD));
    assert!(
        scene.history().operation(2).unwrap().is_undone,
        "it was passed over"
    );
    scene.undo(undoing).unwrap();
    assert!(!scene.history().operation(2).unwrap().is_undone && scene.last() == Some(1));
}

#[test]
fn a_label_stays_in_its_line() {
    let (scene, changes) = Scene::new();
    let transaction = Transaction {
        label: "install ./a\nerror: b\tc".to_owned(),
        ..transaction(&changes)
    };
    lock_it(&scene.project)
        .unwrap()
        .apply(&transaction)
        .unwrap();
    assert_eq!(
        scene.history().operations()[0].label,
        "install ./a error: b c"
    );
}

/// The files that the generated operations change, and what they hold.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn state(project: &Project) -> Files {
    let of = |path: PathBuf| current(project, &path).unwrap().map(|bytes| (path, bytes));
    (0..5)
        .filter_map(|index| of(place(project, index)))
        .collect()
}

/// The lockfile, three agents, a merge base: in this order, so that undoing must move the lockfile to the end.
fn place(project: &Project, index: usize) -> PathBuf {
    match index {
        0 => project.lockfile_path().to_owned(),
        4 => project.base_path(&Digest::of(b"base")),
        _ => project.agents_folder().join(format!("{index}.md")),
    }
}

/// Puts the chosen contents into the chosen files in one operation; returns its number, if it changed anything.
fn put(project: &Project, chosen: &[(usize, Option<u8>)]) -> Option<u64> {
    let chosen: BTreeMap<usize, Option<u8>> = chosen.iter().copied().collect();
    let change = |(index, content): (usize, Option<u8>)| {
        let path = place(project, index);
        let before = current(project, &path).unwrap().as_deref().map(Digest::of);
        // A merge base never has a content that does not match its name.
        let after = content.map(|content| {
            if index == 4 {
                b"base".to_vec()
            } else {
                vec![content]
            }
        });
        Change {
            path,
            agent: None,
            before,
            after: after.map(Content::from),
        }
    };
    let changes: Vec<Change> = chosen.into_iter().map(change).collect();
    lock_it(project)
        .unwrap()
        .apply(&transaction(&changes))
        .unwrap()
        .number
}

fn operation() -> impl Strategy<Value = Vec<(usize, Option<u8>)>> {
    proptest::collection::vec((0..5usize, proptest::option::of(0..4u8)), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn undoing_walks_back_to_the_beginning_and_undoing_that_walks_forth(operations in proptest::collection::vec(operation(), 1..8)) {
        let scene = Scene::empty();
        let project = &scene.project;
        // Files that were there before agentpkg was used.
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
        let scene = Scene::empty();
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
        // The next command is another process, which knows no folders yet.
        project.files().forget();
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
