//! Agents that were put aside with conflict markers: the file for the user, and what `resolve` needs to finish the update.
//!
//! The file with markers is `.agentpkg/conflicts/<name>.md`, where the client does not look for agents. The live file stays as it was.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::goal::{Conflicts, Goal};
use super::item::State;
use super::open::Open;
use super::plan::Plan;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::domain::version::VersionRequest;
use crate::error::{Advice, Failure, Kind, Result};
use crate::fs::Content;
use crate::ops::report::Answers;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::Wanted;
use crate::store::project::{MAX_AGENT, Project};
use crate::store::seal;
use crate::store::transaction::Change;

/// The largest record that is read, in bytes.
const MAX_RECORD: u64 = 1 << 20;

/// What an update wants the manifest to say from now on; written when it is done, and not before.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Intent {
    /// The version, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// More bindings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    bind: BTreeMap<String, String>,
}

impl Intent {
    /// What is new in `wanted`.
    pub(super) fn between(before: &Wanted, wanted: &Wanted) -> Self {
        let version = wanted
            .version
            .as_ref()
            .filter(|_| wanted.version != before.version)
            .map(ToString::to_string);
        let bind = wanted
            .bind
            .iter()
            .filter(|(from, to)| before.bind.get(*from) != Some(*to));
        Self {
            version,
            bind: bind.map(|(from, to)| (from.clone(), to.clone())).collect(),
        }
    }

    /// An entry of the manifest with it.
    pub(super) fn applied_to(&self, wanted: &Wanted) -> Wanted {
        let version = self
            .version
            .as_ref()
            .and_then(|version| VersionRequest::parse(version).ok());
        let mut wanted = Wanted {
            version: version.or_else(|| wanted.version.clone()),
            ..wanted.clone()
        };
        wanted.bind.extend(self.bind.clone());
        wanted
    }
}

/// An update that is pending until its conflicts are resolved.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    /// The agent.
    pub(super) name: AgentName,
    /// Its lock entry once the update is done.
    pub(super) locked: LockedAgent,
    /// The live file that the conflicts were made from.
    pub(super) ours: Digest,
    /// Upstream's new version, adapted, without overrides.
    pub(super) theirs: Content,
    /// The agents that it newly requires, with their lock entries and adapted bytes: they come when it does.
    pub(super) required: Vec<(AgentName, LockedAgent, Content)>,
    /// What the manifest is to say.
    pub(super) intent: Intent,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    ours: String,
    lock: String,
    /// The digest of the file with markers as it was put aside.
    marked: String,
    #[serde(default)]
    intent: Intent,
}

/// Where the file with markers is.
pub(in crate::ops) fn marker_path(project: &Project, name: &AgentName) -> PathBuf {
    project.conflicts_folder().join(name.file_name())
}

fn record_path(project: &Project, name: &AgentName) -> PathBuf {
    project.pending_folder().join(format!("{name}.json"))
}

fn theirs_path(project: &Project, name: &AgentName) -> PathBuf {
    project.pending_folder().join(format!("{name}.theirs"))
}

/// Where the bytes of an agent are that `name` newly requires. No name has a `+` in it.
fn required_path(project: &Project, name: &AgentName, required: &AgentName) -> PathBuf {
    let file = format!("{name}+{required}.theirs");
    project.pending_folder().join(file)
}

/// The text of a record; `None` if there is none that this machine sealed.
fn read_record(project: &Project, name: &AgentName) -> Result<Option<Vec<u8>>> {
    let bytes = project
        .files()
        .read(&record_path(project, name), MAX_RECORD)?;
    Ok(bytes.and_then(|bytes| {
        project
            .seal()
            .open(seal::Kind::Pending, &bytes)
            .map(<[u8]>::to_vec)
    }))
}

/// The agents with a pending update, sorted.
pub(in crate::ops) fn names(project: &Project) -> Result<Vec<AgentName>> {
    let listed = project.files().list(&project.pending_folder())?;
    let names = listed
        .iter()
        .filter_map(|listed| AgentName::new(listed.name.strip_suffix(".json")?).ok());
    // What this machine did not seal may have come with the project, and counts as absent.
    let mut names: Vec<AgentName> = names
        .filter(|name| read_record(project, name).is_ok_and(|record| record.is_some()))
        .collect();
    names.sort();
    Ok(names)
}

/// The agents whose files with markers belong to no pending update of this machine, sorted: the project was moved or copied, or they
/// came with it.
pub(in crate::ops) fn orphans(project: &Project) -> Result<Vec<AgentName>> {
    let listed = project.files().list(&project.conflicts_folder())?;
    let names = listed
        .iter()
        .filter_map(|listed| AgentName::new(listed.name.strip_suffix(".md")?).ok());
    let is_orphan = |name: &AgentName| matches!(read_record(project, name), Ok(None));
    let mut names: Vec<AgentName> = names.filter(is_orphan).collect();
    names.sort();
    Ok(names)
}

/// Reads the pending update of an agent; `None` if there is none.
pub(super) fn load(project: &Project, name: &AgentName) -> Result<Option<Pending>> {
    let Some(text) = read_record(project, name)? else {
        return Ok(None);
    };
    let damaged = || {
        Failure::failed(format!(
            "the record of the pending update of `{name}` is damaged"
        ))
        .hint(
            Advice::run(Command::new(["resolve", "--abort", name.as_str()]))
                .and(" forgets it; then run ")
                .and_run(Command::new(["update", name.as_str()]))
                .and(" again"),
        )
    };
    let record: Record = serde_json::from_slice(&text).map_err(|_| damaged())?;
    let lock = Lockfile::parse(&record.lock, "the pending update").map_err(|_| damaged())?;
    let theirs = project
        .files()
        .read(&theirs_path(project, name), MAX_AGENT)?;
    let mut required = Vec::new();
    for (other, locked) in lock.agents.iter().filter(|(other, _)| *other != name) {
        let bytes = project
            .files()
            .read(&required_path(project, name, other), MAX_AGENT)?;
        let bytes = bytes
            .filter(|bytes| Digest::of(bytes) == locked.base)
            .ok_or_else(damaged)?;
        required.push((other.clone(), locked.clone(), bytes.into()));
    }
    match (lock.agents.get(name), record.ours.parse(), theirs) {
        (Some(locked), Ok(ours), Some(theirs)) if Digest::of(&theirs) == locked.base => {
            Ok(Some(Pending {
                name: name.clone(),
                locked: locked.clone(),
                ours,
                theirs: theirs.into(),
                required,
                intent: record.intent,
            }))
        }
        _ => Err(damaged()),
    }
}

/// Whether somebody has begun to resolve the conflicts by hand, so that the file with markers is theirs to finish.
///
/// Where it is not known what was put aside, any file counts: writing over half a resolution is worse than asking once too often.
pub(super) fn is_begun(project: &Project, name: &AgentName) -> Result<bool> {
    let Some(bytes) = project
        .files()
        .read(&marker_path(project, name), MAX_AGENT)?
    else {
        return Ok(false);
    };
    let record: Option<Record> =
        read_record(project, name)?.and_then(|text| serde_json::from_slice(&text).ok());
    let marked: Option<Digest> = record.and_then(|record| record.marked.parse().ok());
    Ok(marked != Some(Digest::of(&bytes)))
}

/// The changes that put an agent aside.
pub(super) fn put_aside(
    project: &Project,
    pending: &Pending,
    marked: Vec<u8>,
) -> Result<Vec<Change>> {
    let mut lock = Lockfile::default();
    lock.agents
        .insert(pending.name.clone(), pending.locked.clone());
    lock.agents.extend(
        pending
            .required
            .iter()
            .map(|(name, locked, _)| (name.clone(), locked.clone())),
    );
    let marked = Content::from(marked);
    let marked_as = marked.digest().to_string();
    let record = Record {
        ours: pending.ours.to_string(),
        lock: lock.to_text(),
        marked: marked_as,
        intent: pending.intent.clone(),
    };
    let record = serde_json::to_vec_pretty(&record)
        .map_err(|error| Failure::failed("could not record the pending update").caused_by(error))?;
    let record = project.seal().close(seal::Kind::Pending, record);
    let mut contents = vec![
        (record_path(project, &pending.name), record.into()),
        (theirs_path(project, &pending.name), pending.theirs.clone()),
        (marker_path(project, &pending.name), marked),
    ];
    for (name, _, bytes) in &pending.required {
        let path = required_path(project, &pending.name, name);
        contents.push((path, bytes.clone()));
    }
    let change = |(path, after): (PathBuf, Content)| -> Result<Change> {
        let before = project.digest(&path)?;
        Ok(Change {
            path,
            agent: Some(pending.name.clone()),
            before,
            after: Some(after),
        })
    };
    contents.into_iter().map(change).collect()
}

/// The changes that forget it.
pub(in crate::ops) fn forget(project: &Project, name: &AgentName) -> Result<Vec<Change>> {
    let mut paths = vec![
        record_path(project, name),
        theirs_path(project, name),
        marker_path(project, name),
    ];
    let prefix = format!("{name}+");
    let folder = project.pending_folder();
    let listed = project.files().list(&folder)?.into_iter();
    let required = listed.filter(|listed| listed.name.starts_with(&prefix));
    paths.extend(required.map(|listed| folder.join(listed.name)));
    let mut changes = Vec::new();
    for path in paths {
        let before = project.digest(&path)?;
        if before.is_some() {
            changes.push(Change {
                path,
                agent: Some(name.clone()),
                before,
                after: None,
            });
        }
    }
    Ok(changes)
}

/// Leaves alone what somebody is resolving by hand: an update of such an agent would answer for them.
pub(super) fn keep_begun(
    project: &Project,
    goal: &Goal,
    plan: &mut Plan,
    open: &mut Open,
) -> Result<()> {
    let mut begun = Vec::new();
    let is_left_out = goal.conflicts == Conflicts::Skip || open.answers == Answers::LeftOut;
    for item in plan
        .items
        .iter_mut()
        .filter(|item| item.state == State::Active)
    {
        if is_begun(project, &item.name)? {
            begun.push(item.name.clone());
            if open.answers == Answers::Shown {
                item.skip("you have started to resolve it");
            } else if is_left_out {
                item.state = State::Skipped;
                let message = format!(
                    "you have started to resolve `{}`, so it is left unchanged",
                    item.name
                );
                let resolve = |how| Command::new(["resolve", how, item.name.as_str()]);
                plan.failures.push(
                    Failure::new(Kind::Conflict, message)
                        .hint(Advice::run(resolve("--continue")).and(" finishes it"))
                        .hint(Advice::run(resolve("--abort")).and(" aborts it")),
                );
            }
        }
    }
    if begun.is_empty() || is_left_out || open.answers == Answers::Shown {
        return Ok(());
    }
    let what = if begun.len() == 1 {
        "an unfinished resolution".to_owned()
    } else {
        format!("{} unfinished resolutions", begun.len())
    };
    let names: Vec<&str> = begun.iter().map(AgentName::as_str).collect();
    let failure = Failure::new(Kind::Conflict, format!("{what} would be overwritten"));
    let shown = begun
        .iter()
        .map(|name| project.display(&marker_path(project, name)));
    let failure = shown
        .fold(failure, Failure::detail)
        .hint(
            Advice::say("edit it until no marker is left, then ")
                .and_run(Command::new(["resolve", "--continue"])),
        )
        .hint(
            Advice::say("or abort it with ")
                .and_run(Command::new(["resolve", "--abort"]).args(names))
                .and(", then update again"),
        );
    if open.answers == Answers::Person {
        return Err(failure.and_so("nothing was written"));
    }
    open.refuse(failure);
    Ok(())
}
