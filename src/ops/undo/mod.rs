//! `undo`: takes an operation back, or some of its agents, edits included, unless a file changed since. What can be undone is in the
//! history; how some agents are taken back is in `part`.

mod part;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::part::Part;
use super::report::{Event, Frontend};
use super::session::Session;
use crate::domain::count::numbered;
use crate::domain::likeness::nearest;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::fs::Entry;
use crate::store::placed::Placed;
use crate::store::project::Project;
use crate::store::transaction::{Change, History, Operation, Reversal};

/// What to undo, and how.
#[derive(Debug, Clone, Default)]
pub struct UndoOptions {
    /// The number of the operation; the newest that is in force if left out.
    pub number: Option<u64>,
    /// The agents to take back; empty: the whole operation.
    pub agents: BTreeSet<AgentName>,
    /// Plan and stop.
    pub is_dry_run: bool,
    /// Also put back files that changed since; what they hold now stays in the history.
    pub is_forced: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoOutcome {
    /// No operation is in force.
    Nothing,
    /// The files are as before the operation already.
    AsBefore(Operation),
    /// The operation was taken back, or would be.
    Undone {
        /// The operation.
        operation: Operation,
        /// The agents that were taken back; empty: the whole operation.
        agents: BTreeSet<AgentName>,
        /// What brings it back; `None`: it was a dry run.
        undoing: Option<u64>,
        /// The files that a person knows of, and what happened to them.
        files: Vec<(PathBuf, Back)>,
    },
}

/// How a file went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// It has the content of before.
    Restored,
    /// It was not there before.
    Removed,
}

/// The numbers of what can be taken back, newest first, and what was done. For whoever is typing one: looks only, and a history that
/// cannot be read has none.
#[must_use]
pub fn numbers(session: &Session) -> Vec<(String, String)> {
    let history = History::load(&session.project).unwrap_or_default();
    let open = history
        .operations()
        .iter()
        .filter(|operation| !operation.is_undone);
    open.map(|operation| (operation.number.to_string(), operation.label.clone()))
        .collect()
}

/// The agents that can be taken back alone, with the newest operation that changed them; looks only, too.
#[must_use]
pub fn agents(session: &Session) -> Vec<(String, String)> {
    let history = History::load(&session.project).unwrap_or_default();
    let mut found = BTreeMap::new();
    for operation in history.in_force() {
        for agent in operation.agents() {
            let newest = || format!("operation {}: {}", operation.number, operation.label);
            let _ = found.entry(agent.to_string()).or_insert_with(newest);
        }
    }
    found.into_iter().collect()
}

/// Takes an operation back.
pub fn undo(
    session: &Session,
    options: &UndoOptions,
    frontend: &mut dyn Frontend,
) -> Result<UndoOutcome> {
    let project = &session.project;
    // The lock makes folders, which a project without history does not need.
    let is_used = project.files().entry(&project.state_folder())? != Entry::Absent;
    let guard = if options.is_dry_run || !is_used {
        None
    } else {
        Some(session.lock(frontend)?)
    };
    if guard.is_none() {
        session.look_for_interruption(frontend)?;
    }
    let history = load(session, frontend)?;
    let planned = if options.agents.is_empty() {
        let chosen = chosen(project, &history, options.number)?;
        match chosen {
            Some(operation) => Some((operation, Plan::whole(session, operation, frontend)?)),
            None => None,
        }
    } else {
        Some(of_agents(session, &history, options, frontend)?)
    };
    let Some((operation, plan)) = planned else {
        return Ok(UndoOutcome::Nothing);
    };
    let moved = moved(project, operation, &plan)?;
    match moved.first() {
        Some((from, to)) if !options.is_forced => {
            return Err(moved_since(operation, from, to, moved.len() - 1));
        }
        _ => {}
    }
    for (from, to) in &moved {
        let stays = format!("`{to}`, where `{from}` was moved to, stays as it is");
        frontend.report(Event::warning(stays));
    }
    if !plan.changed_since().is_empty() && !options.is_forced {
        return Err(changed_since(project, &history, operation, &plan));
    }
    if plan.is_void() {
        return Ok(UndoOutcome::AsBefore(operation.clone()));
    }
    let undoing = match &plan {
        Plan::Whole(reversal) => session.undo(guard.as_ref(), reversal, frontend)?,
        Plan::Part(part) => {
            let all = BTreeSet::new();
            let agents = if part.is_whole { &all } else { &part.agents };
            let what = (operation.number, agents);
            session.undo_part(guard.as_ref(), what, &part.transaction, frontend)?
        }
    };
    let back = |is_there: bool| {
        if is_there {
            Back::Restored
        } else {
            Back::Removed
        }
    };
    let known = plan
        .changes()
        .iter()
        .filter(|change| !change.is_void() && is_visible(project, &change.path));
    let files = known
        .map(|change| (change.path.clone(), back(change.after.is_some())))
        .collect();
    let agents = match plan {
        Plan::Part(part) if !part.is_whole => part.agents,
        _ => BTreeSet::new(),
    };
    let operation = Operation {
        is_undone: undoing.is_some() && agents.is_empty(),
        ..operation.clone()
    };
    Ok(UndoOutcome::Undone {
        operation,
        agents,
        undoing,
        files,
    })
}

/// What takes an operation back.
enum Plan {
    /// All its files.
    Whole(Reversal),
    /// What it did to some agents.
    Part(Part),
}

impl Plan {
    /// A plan for the whole operation. Where manifest or lockfile changed since, only the entries that it changed go back.
    fn whole(
        session: &Session,
        operation: &Operation,
        frontend: &mut dyn Frontend,
    ) -> Result<Self> {
        let project = &session.project;
        let reversal = operation.reversal(project)?;
        let is_text =
            |path: &PathBuf| path == project.manifest_path() || path == project.lockfile_path();
        let left = operation.agents().into_iter();
        let left = left.filter(|name| !operation.undone_agents.contains(*name));
        let agents: BTreeSet<AgentName> = left.cloned().collect();
        let has_entries = !agents.is_empty() || !operation.entries.registries.is_empty();
        let is_changed = reversal.changed_since().iter().any(is_text);
        if !has_entries || !is_changed {
            return Ok(Self::Whole(reversal));
        }
        // Entries of a file that cannot be read cannot go back one by one.
        if session.manifest(frontend).is_err() || project.load_lockfile().is_err() {
            return Ok(Self::Whole(reversal));
        }
        part::plan(session, operation, part::Extent::Whole(agents), frontend).map(Self::Part)
    }

    fn changed_since(&self) -> &[PathBuf] {
        match self {
            Self::Whole(reversal) => reversal.changed_since(),
            Self::Part(part) => &part.changed_since,
        }
    }

    fn changes(&self) -> &[Change] {
        match self {
            Self::Whole(reversal) => reversal.changes(),
            Self::Part(part) => &part.transaction.changes,
        }
    }

    fn is_void(&self) -> bool {
        match self {
            Self::Whole(reversal) => reversal.changes().is_empty(),
            Self::Part(part) => part.transaction.is_void(),
        }
    }
}

/// The operation of which agents are taken back, and the plan: the one with this number, or the newest that changed all of them and whose
/// changes are still in the files.
fn of_agents<'h>(
    session: &Session,
    history: &'h History,
    options: &UndoOptions,
    frontend: &mut dyn Frontend,
) -> Result<(&'h Operation, Plan)> {
    let mut plan = |operation: &'h Operation| {
        let extent = part::Extent::Agents(options.agents.clone());
        let part = part::plan(session, operation, extent, frontend)?;
        Ok((operation, Plan::Part(part)))
    };
    let absent = |operation: &Operation| {
        let touched = operation.agents();
        let mut agents = options.agents.iter();
        agents.find(|name| !touched.contains(name)).cloned()
    };
    if options.number.is_some() {
        let Some(operation) = chosen(&session.project, history, options.number)? else {
            return Err(unchanged(history, &options.agents, None));
        };
        if let Some(name) = absent(operation) {
            let names = BTreeSet::from([name]);
            return Err(unchanged(history, &names, Some(operation)));
        }
        return plan(operation);
    }
    let is_left = |operation: &&Operation| operation.undone_agents.is_disjoint(&options.agents);
    for operation in history.in_force().filter(is_left) {
        if absent(operation).is_none() {
            let planned = plan(operation)?;
            if !planned.1.is_void() {
                return Ok(planned);
            }
        }
    }
    Err(unchanged(history, &options.agents, None))
}

/// That no operation changed these agents, or that a certain one did not.
fn unchanged(
    history: &History,
    names: &BTreeSet<AgentName>,
    operation: Option<&Operation>,
) -> Failure {
    let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let shown = shown.join(", ");
    let problem = match operation {
        Some(operation) => format!(
            "operation {} ({}) did not change {shown}",
            operation.number, operation.label
        ),
        None if names.len() == 1 => {
            format!("no operation that is still in effect changed {shown}")
        }
        None => format!("no operation that is still in effect changed all of {shown}"),
    };
    let failure = Failure::failed(problem);
    let known: BTreeSet<&AgentName> = match operation {
        Some(operation) => operation.agents(),
        None => history.in_force().flat_map(Operation::agents).collect(),
    };
    let typed = names.iter().find(|name| !known.contains(name));
    let near = typed.and_then(|typed| {
        let known = known.iter().map(|name| name.as_str());
        nearest(typed.as_str(), known)
    });
    match near {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure
            .hint(Advice::run(Command::new(["undo", "--list"])).and(" shows what can be undone")),
    }
}

/// The operations that are remembered, newest first.
pub fn operations(session: &Session, frontend: &mut dyn Frontend) -> Result<Vec<Operation>> {
    session.look_for_interruption(frontend)?;
    Ok(load(session, frontend)?.operations().to_vec())
}

/// Whether a file is one that people know of: not the lockfile, and not agentpkg's own data.
#[must_use]
pub fn is_visible(project: &Project, path: &Path) -> bool {
    // A manifest of the user may stand in the data folder.
    path == project.manifest_path()
        || path.starts_with(project.conflicts_folder())
        || (path != project.lockfile_path() && !path.starts_with(project.data_folder()))
}

fn load(session: &Session, frontend: &mut dyn Frontend) -> Result<History> {
    let history = History::load(&session.project)?;
    let count = history.unsealed().len();
    if count > 0 {
        let (one, several) = ("record in the history is", "records in the history are");
        let records = numbered(count, one, several);
        frontend.report(Event::warning(format!(
            "{records} ignored: not written by agentpkg on this machine, or damaged; that happens if a project was copied"
        )));
    }
    Ok(history)
}

fn chosen<'h>(
    project: &Project,
    history: &'h History,
    number: Option<u64>,
) -> Result<Option<&'h Operation>> {
    let Some(number) = number else {
        return history.last(project);
    };
    history.operation(number).map(Some).ok_or_else(|| {
        let problem = if history.unsealed().contains(&number) {
            format!("operation {number} cannot be undone: its record was not written by agentpkg on this machine, or is damaged")
        } else {
            format!("there is no operation {number} in the history")
        };
        Failure::failed(problem).hint(
            Advice::run(Command::new(["undo", "--list"])).and(" shows what can be undone"),
        )
    })
}

/// The files of the operation that a person moved to another folder, as they are shown: from where, and to where.
fn moved(project: &Project, operation: &Operation, plan: &Plan) -> Result<Vec<(String, String)>> {
    let is_meant = |name: &AgentName| match plan {
        Plan::Whole(_) => true,
        Plan::Part(part) => part.agents.contains(name),
    };
    // A lockfile that cannot be read says nothing about files.
    let Ok(lockfile) = project.load_lockfile() else {
        return Ok(Vec::new());
    };
    let placed = Placed::of(project, lockfile)?.moved.into_iter();
    let of_operation = placed.filter(|moved| {
        let path = project.agent_path(&moved.name, &moved.from);
        is_meant(&moved.name) && operation.files.iter().any(|file| file.path == path)
    });
    let shown = of_operation.map(|moved| {
        let shown = |folder| project.shown_path(&moved.name, folder);
        (shown(&moved.from), shown(&moved.to))
    });
    Ok(shown.collect())
}

fn moved_since(operation: &Operation, from: &str, to: &str, others: usize) -> Failure {
    let others = match others {
        0 => String::new(),
        others => format!(", and {} too", numbered(others, "another one", "others")),
    };
    let (number, label) = (operation.number, &operation.label);
    Failure::failed(format!(
        "operation {number} ({label}) is not undone: `{from}` was moved to `{to}`{others}"
    ))
    .hint(format!(
        "move it back to `{from}`, then run the command again"
    ))
}

fn changed_since(
    project: &Project,
    history: &History,
    operation: &Operation,
    plan: &Plan,
) -> Failure {
    let number = operation.number;
    let paths = plan.changed_since();
    let files = if paths.len() == 1 {
        "a file".to_owned()
    } else {
        format!("{} files", paths.len())
    };
    let failure = Failure::failed(format!(
        "operation {number} ({}) is not undone: {files} changed since",
        operation.label
    ));
    let shown = paths.iter().map(|path| project.display(path));
    let failure = failure.listing(shown);
    let failure = match others(operation, plan) {
        Some(command) => failure.hint(Advice::run(command).and(" undoes only these")),
        None => failure,
    };
    // Only a hint: what is in the way of undoing the newest one is said when that is tried.
    let failure = match history.last(project) {
        Ok(Some(last)) if last.number > number => {
            failure.hint(Advice::run(Command::new(["undo"])).and(format!(
                " undoes the newest operation first, which is {} ({})",
                last.number, last.label
            )))
        }
        _ => failure,
    };
    let mut force = vec!["undo".to_owned(), number.to_string()];
    if let Plan::Part(part) = plan
        && !part.is_whole
    {
        force.extend(part.agents.iter().map(AgentName::to_string));
    }
    force.push("--force".to_owned());
    let force = Command::new(force);
    failure.hint(Advice::run(force).and(" undoes it anyway; the current files stay in the history"))
}

/// The command that takes back the agents that are not in the way.
fn others(operation: &Operation, plan: &Plan) -> Option<Command> {
    let is_changed = |path: &PathBuf| plan.changed_since().contains(path);
    let mut agents = operation.agents();
    for file in operation.files.iter().filter(|file| is_changed(&file.path)) {
        // What belongs to no agent does not go back with agents.
        if let Some(agent) = &file.agent {
            agents.remove(agent);
        }
    }
    for agent in &operation.undone_agents {
        agents.remove(agent);
    }
    if let Plan::Part(part) = plan {
        agents.retain(|agent| !part.edited.contains(agent));
    }
    if matches!(plan, Plan::Part(part) if !part.is_whole) {
        return None;
    }
    if agents.is_empty() || agents.len() == operation.agents().len() {
        return None;
    }
    let words = ["undo".to_owned(), operation.number.to_string()];
    let names = agents.into_iter().map(AgentName::to_string);
    Some(Command::new(words.into_iter().chain(names)))
}
