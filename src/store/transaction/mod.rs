//! Changing several files of a project as one step: after a crash at any point they are all old or all new.
//!
//! ```text
//! begin   the journal says which temporary files may lie about
//! stage   every new content goes to a temporary file beside its target; old contents that people may have written are copied
//! commit  the journal is replaced by one that lists every change with the digests before and after
//! apply   the temporary files are renamed over their targets, in order; the lockfile is the last
//! end     the journal becomes the newest entry of the history
//! ```
//!
//! A crash before commit is rolled back, one after it is rolled forward (or back, should staged content be damaged). Whoever holds
//! the project's lock calls `recover` before anything else. What to change is decided in `ops`.

pub mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::project::Project;
use crate::domain::digest::Digest;
use crate::error::{Failure, Result};
use crate::fs::{self, Entry, Lock};

/// The largest file that takes part in a transaction, in bytes.
const MAX_CONTENT: u64 = 64 << 20;
/// The largest journal, in bytes.
const MAX_JOURNAL: u64 = 256 << 20;
/// How many operations the history keeps.
const KEEP: usize = 50;

/// What a transaction does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: PathBuf,
    /// The digest of the content that the plan was made on; `None`: there was no file.
    pub before: Option<Digest>,
    /// The new content; `None`: the file goes away.
    pub after: Option<Vec<u8>>,
}

/// Exclusive use of a project, with earlier crashes cleaned up.
#[derive(Debug)]
pub struct Guard<'a> {
    project: &'a Project,
    _lock: Lock,
    recovered: Option<Recovered>,
}

/// What was found of an operation that did not end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// It had not changed anything yet.
    Undone,
    /// It was completed.
    Completed,
    /// It was completed, or undone, but for these files, which somebody else changed since.
    Except(Vec<PathBuf>),
}

/// Whether an operation did not end, so that a command that only reads must recover first. Costs one look at the file system.
pub fn is_interrupted(project: &Project) -> Result<bool> {
    Ok(fs::entry(&journal_path(project))? != Entry::Absent)
}

/// Takes the project's lock and cleans up after an earlier crash. `waiting` is called once if another process has the lock.
pub fn lock(project: &Project, waiting: impl FnOnce()) -> Result<Guard<'_>> {
    let state = project.state_folder();
    let lock = Lock::take(&state.join("lock"), waiting)?;
    let recovered = recover(project)?;
    Ok(Guard { project, _lock: lock, recovered })
}

impl Guard<'_> {
    /// What was cleaned up when the lock was taken.
    #[must_use]
    pub fn recovered(&self) -> Option<&Recovered> {
        self.recovered.as_ref()
    }

    /// Makes all of `changes`, or none. Refuses if a file is no longer as it was when the plan was made.
    ///
    /// `label` names the operation in the history. The order of `changes` is kept; the lockfile belongs last.
    pub fn apply(&self, label: &str, changes: &[Change]) -> Result<()> {
        self.run(label, changes, None).map(drop)
    }

    /// Makes all of `changes`, or none, as the undo of operation `undoes`; gives back the number of the undo itself.
    pub fn take_back(&self, label: &str, changes: &[Change], undoes: u64) -> Result<Option<u64>> {
        self.run(label, changes, Some(undoes))
    }

    fn run(&self, label: &str, changes: &[Change], undoes: Option<u64>) -> Result<Option<u64>> {
        let changes: Vec<&Change> = changes.iter().filter(|change| !change.is_void()).collect();
        if changes.is_empty() {
            return Ok(None);
        }
        let mut copies = BTreeMap::new();
        for change in &changes {
            let current = current(&change.path)?;
            let digest = current.as_deref().map(Digest::of);
            if digest != change.before {
                let path = self.project.display(&change.path);
                return Err(Failure::failed(format!("`{path}` changed while the command ran")).hint("run the command again"));
            }
            if let (Some(bytes), Some(digest)) = (current, digest) {
                copies.insert(digest, bytes);
            }
        }
        self.prepare_folders(&changes)?;

        let number = next_number(self.project)?;
        let mut journal = Journal { number, label: label.to_owned(), undoes, is_committed: false, steps: Vec::new() };
        for change in &changes {
            journal.steps.push(Step {
                path: change.path.strip_prefix(self.project.root()).unwrap_or(&change.path).to_owned(),
                is_direct: change.before.is_none() && change.path.starts_with(self.project.base_folder()),
                before: change.before.map(|digest| digest.to_string()),
                after: change.after.as_deref().map(|bytes| Digest::of(bytes).to_string()),
            });
        }
        journal.write(self.project, false)?;
        checkpoint("begun")?;

        for (digest, bytes) in &copies {
            self.keep_copy(digest, bytes)?;
        }
        for (change, step) in changes.iter().zip(&journal.steps) {
            if let Some(bytes) = &change.after {
                // What can be fetched again need not be on the disk at once; what replaces a person's file must be.
                fs::write_over(&step.staged(self.project), bytes, change.before.is_some())?;
            }
        }
        checkpoint("staged")?;
        journal.is_committed = true;
        journal.write(self.project, true)?;
        checkpoint("committed")?;

        for step in &journal.steps {
            step.apply(self.project)?;
            checkpoint("applied a step")?;
        }
        journal.finish(self.project)?;
        Ok(Some(number))
    }

    fn prepare_folders(&self, changes: &[&Change]) -> Result<()> {
        let mut folders: BTreeSet<&Path> = changes.iter().filter_map(|change| change.path.parent()).collect();
        let history = history_folder(self.project);
        let objects = history.join("objects");
        folders.insert(&objects);
        folders.into_iter().try_for_each(fs::create_folder)?;
        write_once(&self.project.state_folder().join(".gitignore"), b"*\n")?;
        write_once(&self.project.data_folder().join(".gitattributes"), b"* -text\n")
    }

    fn keep_copy(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let path = history_folder(self.project).join("objects").join(digest.to_string());
        // A copy that a crash cut short is written anew.
        if fs::size(&path)? == Some(bytes.len() as u64) { Ok(()) } else { fs::replace(&path, bytes, true) }
    }
}

impl Change {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_void(&self) -> bool {
        match (&self.after, self.before) {
            (Some(bytes), Some(before)) => Digest::of(bytes) == before,
            (after, before) => after.is_none() && before.is_none(),
        }
    }
}

/// Completes or undoes an operation that did not end. The caller holds the lock.
fn recover(project: &Project) -> Result<Option<Recovered>> {
    let path = journal_path(project);
    let Some(bytes) = fs::read(&path, MAX_JOURNAL)? else {
        return Ok(None);
    };
    let Some(journal) = Journal::parse(&bytes) else {
        // Only the first, uncommitted journal is not synced, so a damaged one means that nothing was changed.
        fs::remove(&path)?;
        return Ok(Some(Recovered::Undone));
    };
    if !journal.is_committed {
        journal.steps.iter().try_for_each(|step| fs::remove(&step.staged(project)))?;
        fs::remove(&path)?;
        return Ok(Some(Recovered::Undone));
    }
    let states = journal.steps.iter().map(|step| step.state(project)).collect::<Result<Vec<_>>>()?;
    let mut foreign: Vec<PathBuf> = Vec::new();
    let can_complete = !states.contains(&State::Damaged);
    for (step, state) in journal.steps.iter().zip(states) {
        match state {
            State::Foreign => {
                fs::remove(&step.temporary(project))?;
                foreign.push(step.target(project));
            }
            State::Pending if can_complete => step.apply(project)?,
            State::Done if !can_complete => step.undo(project)?,
            State::Pending | State::Damaged => fs::remove(&step.staged(project))?,
            State::Done => {}
        }
    }
    if can_complete {
        journal.finish(project)?;
    } else {
        fs::remove(&path)?;
    }
    Ok(Some(match foreign {
        foreign if !foreign.is_empty() => Recovered::Except(foreign),
        _ if can_complete => Recovered::Completed,
        _ => Recovered::Undone,
    }))
}

/// The journal of the running operation, and its entry in the history once it has ended.
#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    number: u64,
    label: String,
    /// The operation that this one takes back.
    #[serde(default)]
    undoes: Option<u64>,
    is_committed: bool,
    steps: Vec<Step>,
}

/// One file of an operation.
#[derive(Debug, Serialize, Deserialize)]
struct Step {
    /// A new file under its own digest, which nobody reads before the lockfile names it: staged where it belongs.
    is_direct: bool,
    /// Relative to the project's root where that is possible, so that a moved project recovers too.
    path: PathBuf,
    before: Option<String>,
    after: Option<String>,
}

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The target is old, the new content lies ready.
    Pending,
    /// The target is new.
    Done,
    /// The target is old, the new content is damaged or gone.
    Damaged,
    /// The target is neither: somebody changed it since.
    Foreign,
}

impl Journal {
    /// The journal, if the bytes are whole.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (text, digest) = bytes.split_at_checked(bytes.len().checked_sub(64)?)?;
        let digest: Digest = std::str::from_utf8(digest).ok()?.parse().ok()?;
        (Digest::of(text) == digest).then(|| serde_json::from_slice(text).ok()).flatten()
    }

    fn write(&self, project: &Project, durable: bool) -> Result<()> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|error| Failure::failed("could not write the journal").caused_by(error))?;
        text.push(b'\n');
        let digest = Digest::of(&text);
        text.extend_from_slice(digest.to_string().as_bytes());
        fs::replace(&journal_path(project), &text, durable)
    }

    fn finish(&self, project: &Project) -> Result<()> {
        let history = history_folder(project);
        fs::create_folder(&history)?;
        fs::rename(&journal_path(project), &history.join(format!("{:06}.json", self.number)))?;
        if self.number.is_multiple_of(10) { prune(&history) } else { Ok(()) }
    }
}

impl Step {
    fn target(&self, project: &Project) -> PathBuf {
        project.root().join(&self.path)
    }

    /// The staged content: beside the target, hidden, and not ending in `.md`, so that the client does not load it.
    fn temporary(&self, project: &Project) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.target(project).with_file_name(format!(".{name}.agentpkg-new"))
    }

    /// Where the new content is before it counts.
    fn staged(&self, project: &Project) -> PathBuf {
        if self.is_direct { self.target(project) } else { self.temporary(project) }
    }

    fn state(&self, project: &Project) -> Result<State> {
        let digest = |path: &Path| Ok::<_, Failure>(current(path)?.map(|bytes| Digest::of(&bytes).to_string()));
        let target = digest(&self.target(project))?;
        if target == self.after {
            return Ok(State::Done);
        }
        if self.is_direct {
            return Ok(State::Damaged);
        }
        if target != self.before {
            return Ok(State::Foreign);
        }
        let is_ready = self.after.is_none() || digest(&self.temporary(project))? == self.after;
        Ok(if is_ready { State::Pending } else { State::Damaged })
    }

    fn apply(&self, project: &Project) -> Result<()> {
        match self.after {
            Some(_) if self.is_direct => Ok(()),
            Some(_) => fs::rename(&self.temporary(project), &self.target(project)),
            None => fs::remove(&self.target(project)),
        }
    }

    fn undo(&self, project: &Project) -> Result<()> {
        let target = self.target(project);
        let Some(before) = &self.before else {
            return fs::remove(&target);
        };
        let copy = history_folder(project).join("objects").join(before);
        match fs::read(&copy, MAX_CONTENT)? {
            Some(bytes) if Digest::of(&bytes).to_string() == *before => fs::replace(&target, &bytes, true),
            _ => Err(Failure::failed(format!("the copy of `{}` in the history is damaged", project.display(&target)))),
        }
    }
}

fn write_once(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::entry(path)? == Entry::Absent { fs::replace(path, bytes, false) } else { Ok(()) }
}

fn journal_path(project: &Project) -> PathBuf {
    project.state_folder().join("journal")
}

fn history_folder(project: &Project) -> PathBuf {
    project.state_folder().join("history")
}

/// The content of a file, without following a link: a link is nobody's to replace.
fn current(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::entry(path)? {
        Entry::Absent => Ok(None),
        Entry::File => fs::read(path, MAX_CONTENT),
        Entry::Link => Err(Failure::failed(format!("`{}` is a symbolic link", path.display()))
            .hint("replace the link by a file, or remove it, then run the command again")),
        Entry::Folder | Entry::Other => Err(Failure::failed(format!("`{}` is not a regular file", path.display()))),
    }
}

fn next_number(project: &Project) -> Result<u64> {
    let newest = records(&history_folder(project))?.last().map_or(0, |(number, _)| *number);
    Ok(newest + 1)
}

fn records(history: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut records = Vec::new();
    for listed in fs::list(history)? {
        if let Some(number) = listed.name.strip_suffix(".json").and_then(|stem| stem.parse().ok()) {
            records.push((number, history.join(listed.name)));
        }
    }
    records.sort();
    Ok(records)
}

/// Forgets all but the newest operations, and the copies that only they named.
fn prune(history: &Path) -> Result<()> {
    let records = records(history)?;
    let (old, kept) = records.split_at(records.len().saturating_sub(KEEP));
    if old.is_empty() {
        return Ok(());
    }
    let mut named = BTreeSet::new();
    for (_, path) in kept {
        let journal = fs::read(path, MAX_JOURNAL)?.and_then(|bytes| Journal::parse(&bytes));
        named.extend(journal.into_iter().flat_map(|journal| journal.steps).filter_map(|step| step.before));
    }
    for (_, path) in old {
        fs::remove(path)?;
    }
    let objects = history.join("objects");
    for listed in fs::list(&objects)? {
        if !named.contains(&listed.name) {
            fs::remove(&objects.join(listed.name))?;
        }
    }
    Ok(())
}

#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "the test build fails here on purpose")]
fn checkpoint(_name: &str) -> Result<()> {
    Ok(())
}

#[cfg(test)]
use tests::checkpoint;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

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
}
