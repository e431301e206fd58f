//! What a command did to agents, or would do: one shape for every command, rendered by `commands`.

use super::goal::{Edits, Goal, What};
use super::gone::Gone;
use super::item::{Item, State, Status};
use super::last_merge::Told;
use super::plan::Plan;
pub use super::plan::{Likely, NamedAgent, Passed, Undecided, Unmanaged};
use super::scene::Scene;
use super::unmanaged::undecided;
use crate::domain::capability::{Capabilities, Gain};
use crate::domain::count::counted;
use crate::domain::definition::{Definition, Loaded, Verdict};
use crate::domain::folder::Folder;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Result};
use crate::merge;
use crate::ops::gone::GoneAgent;
use crate::ops::merge_file::ConflictReport;
use crate::ops::past::Changed;
use crate::ops::requirement::Report;
use crate::store::agreement::{is_older, newest_of, versions};
use crate::store::lockfile::LockedAgent;
use crate::store::project::Project;

/// What happened, or would happen, to one agent.
#[derive(Debug, Clone)]
pub struct ChangedAgent {
    /// The name it is installed under.
    pub name: AgentName,
    /// What happened.
    pub status: Status,
    /// Its path, for display.
    pub path: String,
    /// Its version or commit before; empty if there is none.
    pub from: String,
    /// And after.
    pub to: String,
    /// Its lock entry before; `None`: it was not installed.
    pub before: Option<LockedAgent>,
    /// Its lock entry after; `None`: upstream no longer has it, or there is no base.
    pub locked: Option<LockedAgent>,
    /// Whether the user named it.
    pub is_named: bool,
    /// The requirement of which it is the newest version, where another one was written in it.
    pub newest_of: Option<String>,
    /// How many of the user's edits there were.
    pub edits: usize,
    /// What could not be merged by itself.
    pub conflicts: Vec<ConflictReport>,
    /// The agent of the manifest that was left out with it because its conflicts are undecided; `None`: they are not.
    pub undecided_of: Option<AgentName>,
    /// What it may do now and could not do before.
    pub gains: Vec<Gain>,
    /// Everything that it may do beyond using its tools; only where it is installed for the first time.
    pub powers: Vec<Gain>,
    /// What the client makes of its file, if that was adopted and loads.
    pub adopted: Option<Loaded>,
    /// What was done beyond comparing lines: rule and place.
    pub rules: Vec<(&'static str, String)>,
    /// Where the base came from.
    pub base: Option<String>,
    /// Why the client ignores its file as the user edited it; `None`: it does not.
    pub ignored: Option<String>,
    /// What became of it, if upstream no longer has it.
    pub gone: Option<GoneAgent>,
    /// What else is worth knowing: it moved, its history was rewritten.
    pub notes: Vec<String>,
    /// Files of other agents of this name in its source, where it was chosen over them.
    pub others: Vec<String>,
    /// What upstream changed in its file since the installed version; `None`: nothing, or its source has no commits.
    pub changed: Option<Changed>,
}

impl ChangedAgent {
    /// An agent that stays as it is. `before`: its lock entry.
    fn new(
        project: &Project,
        name: AgentName,
        status: Status,
        before: Option<LockedAgent>,
    ) -> Self {
        Self {
            status,
            path: match &before {
                Some(before) => project.shown_path(&name, &before.folder),
                None => project.shown_path(&name, Folder::top()),
            },
            name,
            from: versions(before.as_ref()),
            to: String::new(),
            before,
            locked: None,
            is_named: false,
            newest_of: None,
            edits: 0,
            conflicts: Vec::new(),
            undecided_of: None,
            gains: Vec::new(),
            powers: Vec::new(),
            adopted: None,
            rules: Vec::new(),
            base: None,
            ignored: None,
            gone: None,
            notes: Vec::new(),
            others: Vec::new(),
            changed: None,
        }
    }

    /// An agent that is as its lock entry says, or has edits.
    pub(in crate::ops) fn unchanged(
        project: &Project,
        name: AgentName,
        status: Status,
        locked: LockedAgent,
    ) -> Self {
        Self {
            locked: Some(locked.clone()),
            ..Self::new(project, name, status, Some(locked))
        }
    }

    /// Whether it goes to an older version.
    #[must_use]
    pub fn is_older(&self) -> bool {
        let versions = self.before.as_ref().zip(self.locked.as_ref());
        let by_commit = || {
            self.changed
                .as_ref()
                .is_some_and(|changed| changed.is_older)
        };
        versions.is_some_and(|(from, to)| is_older(from, to).unwrap_or_else(by_commit))
    }

    /// Whether its file is written.
    #[must_use]
    pub fn is_written(&self) -> bool {
        matches!(
            self.status,
            Status::Installed | Status::Updated | Status::Merged
        )
    }
}

/// A file that a person moved, with the paths that agentpkg.lock had and has, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedFile {
    /// The agent.
    pub name: AgentName,
    /// Where it was.
    pub from: String,
    /// Where it is.
    pub to: String,
}

/// What a command did, or would do.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Whether it is only what would be done.
    pub is_dry_run: bool,
    /// The agents, sorted by name.
    pub agents: Vec<ChangedAgent>,
    /// In place of `agents`: how many there are, all of them as they should be.
    pub counted: Option<usize>,
    /// Whether nothing else was planned, because the lockfile has to be merged first.
    pub waits_for_lockfile: bool,
    /// What failed without stopping the rest.
    pub failures: Vec<Failure>,
    /// How many sources were looked at.
    pub sources: usize,
    /// What of whole sources was not taken.
    pub passed: Vec<Passed>,
    /// Agents that those which are written may start, that their sources have, and that are not installed.
    pub offers: Vec<NamedAgent>,
    /// Whether a person chose none of the files that could be adopted.
    pub is_nothing_chosen: bool,
    /// Files that were not adopted.
    pub unmanaged: Vec<Unmanaged>,
    /// How many files changed, or would; 0 if everything was as it should be.
    pub changes: usize,
    /// Whether agentpkg.toml is among them.
    pub is_manifest_changed: bool,
    /// What the agents need that changed, and what was done about it; `None`: nothing was looked at.
    pub needs: Option<Report>,
    /// Agents that nobody wants any more, and what goes with them.
    pub gone: Gone,
    /// Files of agents that a person moved to another folder, and that agentpkg.lock names there now.
    pub moved_files: Vec<FollowedFile>,
    /// The agents whose update is pending after the command.
    pub pending: Vec<AgentName>,
    /// Agents that only left the manifest, because another one requires them: it, and that one.
    pub still_required: Vec<(AgentName, AgentName)>,
    /// Agents that only left the manifest, because they were not installed.
    pub uninstalled: Vec<String>,
    /// What the client makes of the one agent that is written, if it is one; otherwise `None`.
    pub verdict: Option<Verdict>,
    /// What keeps agents that were written from running, or others because of them.
    pub shadows: Vec<String>,
    /// What the descriptions of the agents that were installed cost in each session, and those of all, in tokens; `None`: none was
    /// installed.
    pub cost: Option<(usize, usize)>,
}

/// The outcome of a plan that is carried out.
pub(super) fn of(plan: Plan, scene: &Scene<'_>, goal: &Goal) -> Outcome {
    let items = plan.items.iter();
    let mut outcome = Outcome {
        is_dry_run: goal.is_dry_run,
        offers: offers(&plan, scene),
        verdict: verdict(&plan, goal),
        agents: items
            .map(|item| described(item, &plan, scene, goal))
            .collect(),
        still_required: plan.still_required,
        uninstalled: (plan.dismissed.iter())
            .filter(|name| !scene.lockfile.agents.contains_key(*name))
            .map(ToString::to_string)
            .collect(),
        failures: plan.failures,
        sources: plan.sources,
        passed: plan.passed,
        unmanaged: plan.unmanaged,
        ..Outcome::default()
    };
    for gone in plan.gone {
        // What is meant to stay as it is, is as it should be.
        let status = if gone.is_kept {
            Status::Current
        } else {
            Status::Gone
        };
        let untouched = untouched(scene, &gone.name, status, gone.notes());
        outcome.agents.push(ChangedAgent {
            gone: Some(gone),
            ..untouched
        });
    }
    for (name, failure) in plan.lost {
        let notes = vec!["its base is lost".to_owned()];
        outcome
            .agents
            .push(untouched(scene, &name, Status::BaseLost, notes));
        outcome.failures.push(failure);
    }
    outcome
        .agents
        .sort_by(|one, other| one.name.cmp(&other.name));
    outcome
}

/// The agents that those which are written may start and that are neither installed nor planned.
fn offers(plan: &Plan, scene: &Scene<'_>) -> Vec<NamedAgent> {
    let is_written = |name: &AgentName| plan.active().any(|item| item.name == *name);
    let is_there =
        |name: &AgentName| plan.item(name).is_some() || scene.lockfile.agents.contains_key(name);
    let named = plan.named.iter();
    let offered = named.filter(|named| is_written(&named.by) && !is_there(&named.name));
    offered.cloned().collect()
}

/// An agent that has no new version.
fn untouched(
    scene: &Scene<'_>,
    name: &AgentName,
    status: Status,
    notes: Vec<String>,
) -> ChangedAgent {
    let before = scene.lockfile.agents.get(name).cloned();
    ChangedAgent {
        notes,
        ..ChangedAgent::new(&scene.session.project, name.clone(), status, before)
    }
}

fn described(item: &Item, plan: &Plan, scene: &Scene<'_>, goal: &Goal) -> ChangedAgent {
    let notes = item.notes.clone();
    let plain = untouched(scene, &item.name, item.status(), notes);
    let plain = ChangedAgent {
        path: (scene.session.project).shown_path(&item.name, item.folder()),
        locked: Some(item.locked()),
        others: item.others.clone(),
        ignored: item.ignored(),
        is_named: item.is_named && matches!(goal.what, What::Specs(_) | What::Override { .. }),
        newest_of: (item.wanted.as_ref())
            .filter(|_| item.is_named)
            .and_then(|wanted| newest_of(wanted, &item.candidate.locked)),
        ..plain
    };
    if item.state == State::Current {
        return plain;
    }
    let is_merged =
        goal.edits == Edits::Merge && item.ours.is_some() && item.base != item.candidate.bytes;
    let told = if is_merged {
        item.told()
    } else {
        Told::default()
    };
    let rules = told.rules.into_iter();
    ChangedAgent {
        from: versions(item.before.as_ref()),
        to: item.to(),
        changed: item.changed.clone(),
        edits: match &item.ours {
            Some(ours) if *ours != item.base => {
                merge::difference(&item.base.bytes(), &ours.bytes()).edits
            }
            _ => 0,
        },
        conflicts: reported(item, told.conflicts),
        undecided_of: item
            .is_undecided()
            .then(|| plan.requirer(scene, &item.name)),
        gains: item.gains(),
        powers: match &item.before {
            None => Capabilities::of(&item.result().bytes()).shown(),
            Some(_) => Vec::new(),
        },
        adopted: adopted(item),
        rules: rules.map(|(rule, unit)| (rule.name(), unit)).collect(),
        base: item.origin.map(|origin| origin.to_string()),
        ..plain
    }
}

/// What the client makes of a file that is adopted.
fn adopted(item: &Item) -> Option<Loaded> {
    if !item.is_adopted {
        return None;
    }
    match Definition::parse(&item.result().bytes()).verdict() {
        Verdict::Loads(loaded) => Some(loaded.clone()),
        Verdict::Skipped(_) => None,
    }
}

/// The conflicts of an agent as data, with those that are decided.
fn reported(item: &Item, mut reports: Vec<ConflictReport>) -> Vec<ConflictReport> {
    let is_whole = item.text.is_some() && item.state == State::Active;
    for (number, report) in reports.iter_mut().enumerate() {
        let choice = item.choices.get(number).and_then(Option::as_ref);
        report.is_decided = is_whole || choice.is_some();
    }
    reports
}

/// What the client makes of the one agent that is written, if it is one: reading frontmatter is what costs most.
fn verdict(plan: &Plan, goal: &Goal) -> Option<Verdict> {
    if goal.is_update() {
        return None;
    }
    let is_written = |item: &&Item| {
        matches!(
            item.status(),
            Status::Installed | Status::Updated | Status::Merged
        )
    };
    let mut new = plan.items.iter().filter(is_written);
    let (Some(one), None) = (new.next(), new.next()) else {
        return None;
    };
    Some(Definition::parse(&one.result().bytes()).verdict().clone())
}

impl Outcome {
    /// How the command ends: a failure if something is left to do. `done`: what the command does, as a participle (`updated`); `again`:
    /// the command for the agents with these names.
    pub fn verdict(&self, done: &str, again: &dyn Fn(&[&str]) -> Command) -> Result<()> {
        let conflicts = self.left_conflicts(done, again);
        let open = undecided(&self.unmanaged, again);
        if let (true, Some(open)) = (self.failures.is_empty(), &open) {
            return Err(open.clone());
        }
        // What could not be done outweighs what needs consent, and that what is only left to decide.
        let kinds = self.failures.iter().map(Failure::kind);
        let kinds = kinds.chain(open.as_ref().map(Failure::kind));
        let worst = kinds.min_by_key(|kind| kind.rank());
        let (kind, conflicts) = match (worst, conflicts) {
            (None, None) => return Ok(()),
            (None, Some(conflicts)) => return Err(conflicts),
            (Some(kind), Some(conflicts)) if kind.rank() > Kind::Conflict.rank() => {
                return Err(conflicts);
            }
            (Some(kind), conflicts) => (kind, conflicts),
        };
        let is_done = |agent: &ChangedAgent| {
            !matches!(
                agent.status,
                Status::Skipped | Status::Gone | Status::BaseLost
            )
        };
        let is_changed =
            |agent: &ChangedAgent| !matches!(agent.status, Status::Current | Status::Edited);
        let was = if self.is_dry_run { "would be" } else { "was" };
        let has_rest = (self.agents.iter()).any(|agent| is_done(agent) && is_changed(agent));
        let rest = if has_rest {
            format!("; the rest {was}")
        } else {
            String::new()
        };
        let message = match self.failures.len() {
            // Each was said before; without a rest there is nothing to be glad about.
            _ if !self.agents.iter().any(is_done) => format!("nothing {was} {done}"),
            1 => format!("one agent or registry could not be {done}{rest}"),
            count => format!("{count} agents or registries could not be {done}{rest}"),
        };
        let failure = Failure::new(kind, message);
        Err(match conflicts {
            Some(conflicts) => {
                let failure = failure.detail(conflicts.message());
                conflicts.hints().iter().fold(failure, Failure::hint)
            }
            None => failure,
        })
    }

    /// What is left to decide.
    fn left_conflicts(&self, done: &str, again: &dyn Fn(&[&str]) -> Command) -> Option<Failure> {
        let with = |is_one: &dyn Fn(&ChangedAgent) -> bool| -> Vec<&str> {
            let agents = self.agents.iter().filter(|agent| is_one(agent));
            agents.map(|agent| agent.name.as_str()).collect()
        };
        let marked = with(&|agent| agent.status == Status::Marked);
        if !marked.is_empty() {
            let agents = counted(marked.len(), "agent");
            let names = marked.join(", ");
            let what = format!("conflicts in {agents} are left to resolve: {names}");
            let resolve = |how: &[&str]| Command::new(["resolve"]).args(how.iter().copied());
            return Some(
                Failure::new(Kind::Conflict, what)
                    .hint(
                        Advice::say("edit the files in .agentpkg/conflicts, then ")
                            .and_run(resolve(&["--continue"])),
                    )
                    .hint(
                        Advice::say("or run ")
                            .and_run(resolve(&[]))
                            .and(" in a terminal"),
                    )
                    .hint(Advice::say("or abort them with ").and_run(resolve(&["--abort"]))),
            );
        }
        let undecided = self
            .agents
            .iter()
            .filter_map(|agent| agent.undecided_of.as_ref());
        let mut skipped: Vec<&str> = undecided.map(AgentName::as_str).collect();
        skipped.sort_unstable();
        skipped.dedup();
        if skipped.is_empty() {
            return None;
        }
        let what = format!("not {done}, because of conflicts: {}", skipped.join(", "));
        Some(
            Failure::new(Kind::Conflict, what)
                .hint(
                    Advice::say("run ")
                        .and_run(again(&skipped))
                        .and(" in a terminal, which asks"),
                )
                .hint("or add `--ours`, `--theirs` or `--conflicts=markers`"),
        )
    }
}
