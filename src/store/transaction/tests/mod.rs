//! The laws of transactions: crashes at every step, damage, saves in between.
#![allow(
    clippy::disallowed_methods,
    reason = "editors and strangers do not go through the doors"
)]

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::copies::{copy, record_path};
use super::journal::journal_path;
use super::*;
use crate::domain::name::AgentName;
use crate::env::Environment;
use crate::store::lockfile::Lockfile;
use crate::store::seal::Kind;

mod history;
mod meanwhile;
mod savers;

/// What happens at a checkpoint.
type Event = Box<dyn FnOnce()>;

thread_local! {
    /// How many checkpoints pass before the program dies at one.
    static CRASH_AFTER: Cell<usize> = const { Cell::new(usize::MAX) };
    /// At which checkpoint something happens, how many of that name pass before, and what.
    static EVENT_AT: RefCell<Option<(&'static str, usize, Event)>> = const { RefCell::new(None) };
}

pub(super) fn checkpoint(name: &'static str) {
    let due = EVENT_AT.with_borrow_mut(|event| match event {
        Some((at, 0, _)) if *at == name => event.take(),
        Some((at, left, _)) if *at == name => {
            *left -= 1;
            None
        }
        _ => None,
    });
    if let Some((.., event)) = due {
        event();
    }
    let left = CRASH_AFTER.get();
    CRASH_AFTER.set(left.wrapping_sub(1));
    if left == 0 {
        // An error would be handled; a killed program handles nothing.
        resume_unwind(Box::new(name));
    }
}

/// Runs a command that may die on the way.
fn mortal<T>(command: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| Err(Failure::failed("crash")))
}

/// The time of the clock.
const NOW: u64 = 1_800_000_000;
const OLD: &str = "gone.md=gone old.md=old ";
const NEW: &str = "new.md=made old.md=changed and a base";

fn lock_it(project: &Project) -> Result<Guard<'_>> {
    lock_trusting(project, Trust::Sealed)
}

fn lock_trusting(project: &Project, trust: Trust) -> Result<Guard<'_>> {
    lock(
        project,
        &Patience {
            command: "test".to_owned(),
            wait: Duration::ZERO,
            now: NOW,
        },
        trust,
        |_| (),
    )
}

fn transaction(changes: &[Change]) -> Transaction {
    Transaction {
        label: "test".to_owned(),
        changes: changes.to_vec(),
        lockfile: None,
    }
}

fn agent(name: &str) -> AgentName {
    AgentName::new(name).unwrap()
}

struct Scene {
    folder: tempfile::TempDir,
    project: Project,
}

impl Scene {
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonical(folder.path()).unwrap().join("project");
        fs::create_folder(&root).unwrap();
        let project = Project::at(
            &root,
            &Environment::within(root.clone(), &root.with_file_name("home")),
        )
        .unwrap();
        Self { folder, project }
    }

    /// A project with one old file, one to remove, and changes that make it new.
    fn new() -> (Self, Vec<Change>) {
        let scene = Self::empty();
        let project = &scene.project;
        scene.write("old.md", b"old");
        scene.write("gone.md", b"gone");
        let change = |name: &str, before: Option<&[u8]>, after: Option<&[u8]>| Change {
            path: scene.path(name),
            agent: Some(agent(name.trim_end_matches(".md"))),
            before: before.map(Digest::of),
            after: after.map(Content::from),
        };
        let changes = vec![
            change("new.md", None, Some(b"made")),
            change("old.md", Some(b"old"), Some(b"changed")),
            change("gone.md", Some(b"gone"), None),
            Change {
                path: project.base_path(&Digest::of(b"made")),
                agent: None,
                before: None,
                after: Some(b"made".to_vec().into()),
            },
        ];
        (scene, changes)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.project.agents_folder().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::replace(&self.path(name), bytes, false).unwrap();
    }

    fn apply(&self, changes: &[Change]) -> Result<Applied> {
        mortal(|| lock_it(&self.project).unwrap().apply(&transaction(changes)))
    }

    fn files(&self) -> String {
        let agents = self.project.agents_folder();
        let show = |listed: fs::Listed| {
            let bytes = fs::read(&agents.join(&listed.name), 100).unwrap().unwrap();
            format!("{}={} ", listed.name, String::from_utf8(bytes).unwrap())
        };
        let bases = fs::list(&self.project.base_folder()).unwrap().len();
        let agents: String = fs::list(agents).unwrap().into_iter().map(show).collect();
        if bases > 0 {
            format!("{agents}and a base")
        } else {
            agents
        }
    }

    fn history(&self) -> History {
        History::load(&self.project).unwrap()
    }

    /// The number of the operation that `undo` without a number would take back.
    fn last(&self) -> Option<u64> {
        self.history()
            .last(&self.project)
            .unwrap()
            .map(|operation| operation.number)
    }

    fn undo(&self, number: u64) -> Result<Option<u64>> {
        let reversal = self
            .history()
            .operation(number)
            .unwrap()
            .reversal(&self.project)?;
        mortal(|| lock_it(&self.project).unwrap().undo(&reversal)).map(|applied| applied.number)
    }

    fn is_interrupted(&self) -> bool {
        interruption(&self.project).unwrap().is_some()
    }

    /// Whether the history holds these bytes.
    fn keeps(&self, bytes: &[u8]) -> bool {
        let objects = objects_folder(&self.project);
        fs::list(&objects).unwrap().iter().any(|listed| {
            fs::read(&objects.join(&listed.name), 1 << 20)
                .unwrap()
                .as_deref()
                == Some(bytes)
        })
    }

    fn object(&self, content: &[u8]) -> PathBuf {
        objects_folder(&self.project).join(Digest::of(content).to_string())
    }
}

#[test]
fn a_crash_at_any_point_leaves_all_old_or_all_new() {
    for can_exchange in [true, false] {
        for point in 0.. {
            let (scene, changes) = Scene::new();
            if !can_exchange {
                scene.project.files().without_exchange();
            }
            CRASH_AFTER.set(point);
            let outcome = scene.apply(&changes);
            CRASH_AFTER.set(usize::MAX);
            if outcome.is_ok() {
                assert_eq!(scene.files(), NEW);
                assert!(scene.keeps(b"old") && scene.keeps(b"gone"));
                assert!(point >= 6, "the checkpoints were passed");
                break;
            }
            let guard = lock_it(&scene.project).unwrap();
            let expected = if point < 2 {
                (OLD, Recovered::Undone(Vec::new()))
            } else {
                (NEW, Recovered::Completed(Vec::new()))
            };
            assert_eq!(
                (scene.files().as_str(), guard.recovered()),
                (expected.0, Some(&expected.1)),
                "crash point {point}"
            );
            assert!(!scene.is_interrupted() && guard.moved().is_empty());
        }
    }
}

/// Removes the contents that are ready to be put in place.
fn unstage(project: &Project) {
    for path in staged(project) {
        fs::remove(&path).unwrap();
    }
}

/// The temporary files beside the agents.
fn staged(project: &Project) -> Vec<PathBuf> {
    let agents = project.agents_folder().to_owned();
    let listed = fs::list(&agents).unwrap().into_iter();
    listed
        .filter(|listed| fs::is_temporary(&listed.name))
        .map(|listed| agents.join(listed.name))
        .collect()
}

#[test]
fn a_command_that_fails_at_any_point_has_changed_nothing() {
    for point in ["committed", "applied a step", "looked again", "put away"] {
        let (scene, changes) = Scene::new();
        let project = scene.project.clone();
        EVENT_AT.set(Some((
            point,
            0,
            Box::new(move || {
                if point == "committed" {
                    unstage(&project);
                } else {
                    // Neither the journal nor the record can be written from now on.
                    fs::replace(&record_path(&project, 1).join("x"), b"x", false).unwrap();
                }
            }),
        )));
        let failure = scene.apply(&changes).unwrap_err();
        assert_eq!(
            failure.details(),
            ["nothing was changed"],
            "{point}: {failure}"
        );
        fs::remove_folder(&record_path(&scene.project, 1)).unwrap();
        assert_eq!(scene.files(), OLD, "{point}");
        assert!(
            !scene.is_interrupted(),
            "nothing is left for the next command"
        );
        assert_eq!(scene.history().operations(), []);
        scene.apply(&changes).unwrap();
        assert_eq!(scene.files(), NEW);
    }
}

#[test]
fn a_crash_while_a_failed_command_is_taken_back_does_not_complete_it() {
    let mut has_given_up = false;
    for point in 2.. {
        let (scene, changes) = Scene::new();
        let obstacle = record_path(&scene.project, 1);
        let place = obstacle.join("x");
        EVENT_AT.set(Some((
            "put away",
            0,
            Box::new(move || fs::replace(&place, b"x", false).unwrap()),
        )));
        CRASH_AFTER.set(point);
        let failure = scene.apply(&changes).unwrap_err();
        CRASH_AFTER.set(usize::MAX);
        EVENT_AT.set(None);
        if failure.message() != "crash" {
            break;
        }
        let bytes = fs::read(&journal_path(&scene.project), 1 << 20)
            .unwrap()
            .unwrap();
        if Journal::open(&scene.project, &bytes).unwrap().phase == Phase::GivenUp {
            has_given_up = true;
            fs::remove_folder(&obstacle).unwrap();
            let guard = lock_it(&scene.project).unwrap();
            assert_eq!(
                (scene.files().as_str(), guard.recovered()),
                (OLD, Some(&Recovered::Undone(Vec::new())))
            );
        }
    }
    assert!(has_given_up, "there is such a point");
}

#[test]
fn folders_made_for_a_command_that_fails_go_again() {
    let scene = Scene::empty();
    let project = scene.project.clone();
    EVENT_AT.set(Some(("committed", 0, Box::new(move || unstage(&project)))));
    let change = Change {
        path: scene.path("a.md"),
        agent: None,
        before: None,
        after: Some(b"a".to_vec().into()),
    };
    scene.apply(&[change]).unwrap_err();
    assert_eq!(
        fs::entry(&scene.project.root().join(".claude")).unwrap(),
        Entry::Absent
    );
}

#[test]
fn a_plan_made_on_other_content_is_refused() {
    let (scene, mut changes) = Scene::new();
    changes[1].before = Some(Digest::of(b"something else"));
    assert!(
        scene
            .apply(&changes)
            .unwrap_err()
            .message()
            .contains("changed while the command ran")
    );
    assert_eq!(scene.files(), OLD);
}

#[test]
fn damaged_staged_content_rolls_back() {
    let (scene, changes) = Scene::new();
    CRASH_AFTER.set(2);
    scene.apply(&changes).unwrap_err();
    CRASH_AFTER.set(usize::MAX);
    for path in staged(&scene.project) {
        fs::replace(&path, b"half", false).unwrap();
    }
    let guard = lock_it(&scene.project).unwrap();
    assert_eq!(guard.recovered(), Some(&Recovered::Undone(Vec::new())));
    assert_eq!(scene.files(), OLD);
    assert!(scene.keeps(b"half"), "whatever it was, it is not gone");
}

#[test]
fn links_are_not_replaced() {
    if cfg!(unix) {
        let (scene, mut changes) = Scene::new();
        let link = scene.path("link.md");
        #[cfg(unix)]
        std::os::unix::fs::symlink("old.md", &link).unwrap();
        changes.push(Change {
            path: link,
            agent: None,
            before: None,
            after: Some(b"x".to_vec().into()),
        });
        assert!(
            scene
                .apply(&changes)
                .unwrap_err()
                .message()
                .contains("symbolic link")
        );
    }
}

/// A lockfile with these agents, whose bases are the digests of their names.
fn lockfile(names: &[&str], base: &str) -> Lockfile {
    let mut text = "version = 1\n".to_owned();
    for name in names {
        let digest = Digest::of(format!("{name} {base}").as_bytes());
        let _ = writeln!(
            text,
            "\n[[agent]]\nname = \"{name}\"\nsource = \"builtin\"\nagent = \"{name}\"\nfile = \"{name}.md\"\nblob = \"{}\"\nsha256 = \"{digest}\"\nbase = \"{digest}\"",
            "0".repeat(40)
        );
    }
    Lockfile::parse(&text, "test").unwrap()
}

/// Two agents that are updated together, with their bases and the lockfile.
fn update_of_two(scene: &Scene) -> Transaction {
    let project = &scene.project;
    let (before, after) = (
        lockfile(&["one", "two"], "old"),
        lockfile(&["one", "two"], "new"),
    );
    fs::replace(project.lockfile_path(), before.to_text().as_bytes(), false).unwrap();
    let mut changes = Vec::new();
    for name in ["one", "two"] {
        let [old, new] = ["old", "new"].map(|base| format!("{name} {base}").into_bytes());
        scene.write(&format!("{name}.md"), &old);
        fs::replace(&project.base_path(&Digest::of(&old)), &old, false).unwrap();
        let path = project.base_path(&Digest::of(&new));
        changes.push(Change {
            path,
            agent: None,
            before: None,
            after: Some(new.clone().into()),
        });
        let (path, before) = (project.base_path(&Digest::of(&old)), Some(Digest::of(&old)));
        changes.push(Change {
            path,
            agent: None,
            before,
            after: None,
        });
        let path = scene.path(&format!("{name}.md"));
        changes.push(Change {
            path,
            agent: Some(agent(name)),
            before,
            after: Some(new.into()),
        });
    }
    let lockfile = Relock::between(project, &before, &after).unwrap();
    Transaction {
        label: "update".to_owned(),
        changes,
        lockfile,
    }
}

/// Agent `one` is new, agent `two` is unchanged, except for its file, which contains `text`.
fn assert_two_is_left_out(scene: &Scene, text: &[u8]) {
    let project = &scene.project;
    assert_eq!(
        fs::read(&scene.path("one.md"), 100).unwrap().as_deref(),
        Some(&b"one new"[..])
    );
    assert_eq!(
        fs::read(&scene.path("two.md"), 100).unwrap().as_deref(),
        Some(text)
    );
    let locked = project.load_lockfile().unwrap();
    let base = |name: &str| locked.agents[&agent(name)].base;
    assert_eq!(
        (base("one"), base("two")),
        (Digest::of(b"one new"), Digest::of(b"two old"))
    );
    let bases: Vec<String> = fs::list(&project.base_folder())
        .unwrap()
        .into_iter()
        .map(|listed| listed.name)
        .collect();
    let mut expected = [b"one new", b"two old"].map(|base| Digest::of(base).to_string());
    expected.sort();
    assert_eq!(bases, expected);
    assert_eq!(staged(project), [] as [PathBuf; 0]);
    assert!(!scene.is_interrupted());
}

#[test]
fn what_somebody_saves_meanwhile_concerns_its_agent_alone() {
    for can_exchange in [true, false] {
        for point in 0.. {
            let scene = Scene::empty();
            if !can_exchange {
                scene.project.files().without_exchange();
            }
            let update = update_of_two(&scene);
            let path = scene.path("two.md");
            // After both replacements, and before the last look.
            EVENT_AT.set(Some((
                "applied a step",
                3,
                Box::new(move || fs::replace(&path, b"saved", false).unwrap()),
            )));
            CRASH_AFTER.set(point);
            let outcome = mortal(|| lock_it(&scene.project).unwrap().apply(&update));
            CRASH_AFTER.set(usize::MAX);
            let was_saved =
                fs::read(&scene.path("two.md"), 100).unwrap().as_deref() == Some(b"saved");
            EVENT_AT.set(None);
            if let Ok(applied) = outcome {
                assert_eq!(applied.saved_over, [scene.path("two.md")]);
                assert_two_is_left_out(&scene, b"saved");
                break;
            }
            let guard = lock_it(&scene.project).unwrap();
            if was_saved && guard.recovered().is_some() {
                assert_two_is_left_out(&scene, b"saved");
            }
        }
    }
}

#[test]
fn an_edit_between_a_crash_and_recovery_leaves_its_agent_as_it_was() {
    for point in 2..7 {
        let scene = Scene::empty();
        let update = update_of_two(&scene);
        CRASH_AFTER.set(point);
        mortal(|| lock_it(&scene.project).unwrap().apply(&update)).unwrap_err();
        CRASH_AFTER.set(usize::MAX);
        scene.write("two.md", b"edited");
        let guard = lock_it(&scene.project).unwrap();
        assert_eq!(
            guard.recovered(),
            Some(&Recovered::Completed(vec![scene.path("two.md")])),
            "crash point {point}"
        );
        assert_two_is_left_out(&scene, b"edited");
    }
}

#[test]
fn a_crash_during_recovery_is_recovered_from() {
    for point in 0.. {
        let scene = Scene::empty();
        let update = update_of_two(&scene);
        CRASH_AFTER.set(3);
        mortal(|| lock_it(&scene.project).unwrap().apply(&update)).unwrap_err();
        scene.write("two.md", b"edited");
        CRASH_AFTER.set(point);
        let second = mortal(|| lock_it(&scene.project).map(drop));
        CRASH_AFTER.set(usize::MAX);
        drop(lock_it(&scene.project).unwrap());
        assert_two_is_left_out(&scene, b"edited");
        if second.is_ok() {
            assert!(point > 2);
            break;
        }
    }
}

#[test]
fn a_save_over_a_file_of_no_agent_takes_everything_back() {
    let (scene, mut changes) = Scene::new();
    fs::replace(scene.project.manifest_path(), b"# mine\n", false).unwrap();
    let path = scene.project.manifest_path().to_owned();
    changes.push(Change {
        path: path.clone(),
        agent: None,
        before: Some(Digest::of(b"# mine\n")),
        after: Some(b"# new\n".to_vec().into()),
    });
    // The manifest is the last change before the final removals.
    let place = path.clone();
    EVENT_AT.set(Some((
        "committed",
        0,
        Box::new(move || fs::replace(&place, b"# saved\n", false).unwrap()),
    )));
    let failure = scene.apply(&changes).unwrap_err();
    assert!(
        failure.message().contains("agentpkg.toml` changed while"),
        "{failure}"
    );
    assert_eq!(
        fs::read(&path, 100).unwrap().as_deref(),
        Some(&b"# saved\n"[..])
    );
    assert_eq!(scene.files(), OLD);
}

#[test]
fn a_late_writer_writes_into_the_history() {
    use std::io::Write as _;
    let (scene, changes) = Scene::new();
    let mut open = std::fs::OpenOptions::new()
        .append(true)
        .open(scene.path("old.md"))
        .unwrap();
    scene.apply(&changes).unwrap();
    open.write_all(b" and late").unwrap();
    assert!(scene.keeps(b"old and late"));
    let failure = scene.undo(1).unwrap_err();
    assert!(
        failure.message().contains("missing or damaged"),
        "{failure}"
    );
    // The same content is replaced once more: both are kept, each under the digest that it has.
    let before = Some(Digest::of(b"changed"));
    let path = scene.path("old.md");
    let old = Change {
        path: path.clone(),
        agent: None,
        before,
        after: Some(b"old".to_vec().into()),
    };
    let new = Change {
        path,
        agent: None,
        before: Some(Digest::of(b"old")),
        after: Some(b"newer".to_vec().into()),
    };
    scene.apply(&[old]).unwrap();
    scene.apply(&[new]).unwrap();
    assert!(scene.keeps(b"old and late") && scene.keeps(b"old"));
    assert_eq!(
        copy(&scene.project, &Digest::of(b"old"))
            .unwrap()
            .as_deref(),
        Some(&b"old"[..])
    );
}

/// The changes of a fresh scene, for that scene.
fn changes_of(scene: &Scene) -> Vec<Change> {
    vec![Change {
        path: scene.path("new.md"),
        agent: None,
        before: None,
        after: Some(b"made".to_vec().into()),
    }]
}

/// A journal with one step, sealed or not.
fn journal(scene: &Scene, path: &str, phase: Phase, is_sealed: bool) {
    let project = &scene.project;
    let mut journal = Journal::new(1, "evil", NOW, "0123abcd".to_owned());
    journal.phase = phase;
    journal.steps.push(Step {
        path: path.into(),
        agent: None,
        before: Some(Digest::of(b"old")),
        after: None,
    });
    let mut bytes = journal.to_bytes(project).unwrap();
    if !is_sealed {
        let end = bytes.len();
        bytes[end - 64..].copy_from_slice(&[b'0'; 64]);
    }
    fs::replace(&journal_path(project), &bytes, false).unwrap();
}

#[test]
fn a_journal_from_a_stranger_is_acted_on_by_nobody_until_a_person_agrees() {
    for phase in [Phase::Begun, Phase::Committed, Phase::GivenUp] {
        let (scene, _) = Scene::new();
        journal(&scene, ".claude/agents/old.md", phase, false);
        let found = interruption(&scene.project).unwrap().unwrap();
        assert!(!found.is_sealed && found.misplaced.is_none());
        assert_eq!(found.files, [(scene.path("old.md"), Deed::Remove)]);
        let failure = lock_it(&scene.project).unwrap_err();
        assert!(failure.details()[0].contains("not sealed"), "{failure}");
        assert_eq!(scene.files(), OLD);
        assert!(scene.is_interrupted());
        let guard = lock_trusting(&scene.project, Trust::Discard).unwrap();
        assert_eq!(guard.recovered(), Some(&Recovered::Discarded(1)));
        assert_eq!(
            (scene.files().as_str(), scene.is_interrupted()),
            (OLD, false)
        );
    }
    let (scene, _) = Scene::new();
    journal(&scene, ".claude/agents/old.md", Phase::Committed, false);
    drop(lock_trusting(&scene.project, Trust::Accepted).unwrap());
    assert_eq!(
        (scene.files().as_str(), scene.is_interrupted()),
        ("gone.md=gone ", false)
    );
    assert!(scene.keeps(b"old"), "what it removes is in the history");
}

#[test]
fn a_journal_names_nothing_that_is_not_agentpkgs() {
    for path in [
        ".git/config",
        "../x",
        "/etc/x",
        ".claude/settings.json",
        ".agentpkg/state/lock",
    ] {
        for is_sealed in [true, false] {
            let (scene, _) = Scene::new();
            let target = scene.project.root().join(".git/config");
            fs::replace(&target, b"old", false).unwrap();
            journal(&scene, path, Phase::Committed, is_sealed);
            let failure = lock_trusting(&scene.project, Trust::Accepted).unwrap_err();
            assert!(
                failure.message().contains("not agentpkg's"),
                "{path}: {failure}"
            );
            assert_eq!(
                (scene.files().as_str(), fs::size(&target).unwrap()),
                (OLD, Some(3))
            );
        }
    }
}

#[test]
fn a_token_is_no_path() {
    let (scene, _) = Scene::new();
    let mut evil = Journal::new(1, "evil", NOW, "../../x".to_owned());
    evil.phase = Phase::Begun;
    evil.steps.push(Step {
        path: ".claude/agents/old.md".into(),
        agent: None,
        before: None,
        after: Some(Digest::of(b"old")),
    });
    fs::replace(
        &journal_path(&scene.project),
        &evil.to_bytes(&scene.project).unwrap(),
        false,
    )
    .unwrap();
    assert!(
        lock_trusting(&scene.project, Trust::Accepted)
            .unwrap_err()
            .message()
            .contains("not agentpkg's")
    );
}

#[test]
fn without_a_key_nothing_is_believed_and_work_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonical(folder.path()).unwrap();
    // The only place for a key is inside the project.
    let project = Project::at(
        &root,
        &Environment::within(root.clone(), &root.join("home")),
    )
    .unwrap();
    let scene = Scene { folder, project };
    let changes = changes_of(&scene);
    scene.apply(&changes).unwrap();
    assert_eq!(scene.history().unsealed(), [1]);
    let change = Change {
        before: Some(Digest::of(b"made")),
        after: None,
        ..changes[0].clone()
    };
    CRASH_AFTER.set(2);
    scene.apply(&[change]).unwrap_err();
    CRASH_AFTER.set(usize::MAX);
    assert!(lock_it(&scene.project).is_err());
    drop(lock_trusting(&scene.project, Trust::Accepted).unwrap());
    assert_eq!(scene.files(), "");
    assert_eq!(
        fs::entry(&scene.project.root().join("home/state")).unwrap(),
        Entry::Absent
    );
}

#[test]
fn left_over_temporary_files_move_into_the_history() {
    let (scene, changes) = Scene::new();
    scene.apply(&changes).unwrap();
    let (left, other) = (
        scene.path(".x.md.0011.agentpkg-new"),
        scene.project.base_folder().join(".agentpkg-0.tmp"),
    );
    fs::write_new(&left, b"left over", false).unwrap();
    fs::write_new(&other, b"another", false).unwrap();
    let guard = lock_it(&scene.project).unwrap();
    assert_eq!(guard.moved(), [left, other]);
    assert!(scene.keeps(b"left over") && scene.keeps(b"another"));
    assert_eq!(
        scene.history().operations().len(),
        1,
        "that was no operation"
    );
    assert_eq!(scene.last(), Some(1));
}

#[test]
fn the_line_of_a_holder_is_believed_only_if_it_is_sealed() {
    let (scene, _) = Scene::new();
    let _guard = lock_it(&scene.project).unwrap();
    let failure = lock_it(&scene.project).unwrap_err();
    assert!(
        failure.message().starts_with("`agentpkg test` (process "),
        "{failure}"
    );
    let evil = br#"{"process":1,"command":"\u001b[2J","since":0}"#;
    std::fs::write(
        scene.project.state_folder().join("lock"),
        [evil, &[b'0'; 64][..]].concat(),
    )
    .unwrap();
    let failure = lock_it(&scene.project).unwrap_err();
    assert!(
        failure
            .message()
            .starts_with("another process is at work in "),
        "{failure}"
    );
    assert_eq!(scene.project.seal().open(Kind::Holder, evil), None);
}

#[test]
fn only_the_files_of_the_project_take_part() {
    let (scene, mut changes) = Scene::new();
    let path = scene.project.root().join(".git/config");
    changes.push(Change {
        path,
        agent: None,
        before: None,
        after: Some(b"x".to_vec().into()),
    });
    assert!(
        scene
            .apply(&changes)
            .unwrap_err()
            .message()
            .contains("not agentpkg's")
    );
    assert_eq!(scene.files(), OLD);
}
