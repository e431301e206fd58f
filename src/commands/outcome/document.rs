//! What a command did to agents, or would do: one document for all commands.

use serde::Serialize;

use crate::commands::merge_file::ConflictView;
use crate::commands::needs::NeedsView;
use crate::domain::budget::LIMIT;
use crate::domain::name::{AgentName, RegistryName};
use crate::ops::remove::Dropped;
use crate::ops::update::{
    ChangedAgent, FollowedFile, NamedAgent, Outcome, Passed, Status, Undecided, Unmanaged,
};
use crate::ui::Ui;
use crate::ui::view::{ChangedView, FailureView, GainView, GoneView, RefusedView};

/// The document of every command that changes agents.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct ChangeDocument<'o> {
    dry_run: bool,
    sources: usize,
    changes: usize,
    agents: Vec<AgentView<'o>>,
    failures: Vec<FailureView>,
    needs: Option<NeedsView<'o>>,
    removed: Vec<RemovedView<'o>>,
    removed_servers: &'o [String],
    kept_servers: &'o [String],
    uninstalled: &'o [String],
    still_required: Vec<StillRequiredView<'o>>,
    /// What keeps agents that were written from running, or others because of them.
    shadows: &'o [String],
    /// What the descriptions of agents cost in each session; `None`: no agent was installed.
    cost: Option<CostView>,
    /// The agents whose update is pending.
    pending: Vec<&'o str>,
    /// Files of agents that a person moved.
    moved_files: Vec<MovedFileView<'o>>,
    left: Vec<LeftView<'o>>,
    offers: Vec<OfferView<'o>>,
    /// Files that were not adopted.
    not_adopted: Vec<UnmanagedView<'o>>,
}

/// A file that a person moved to another folder.
#[derive(Debug, Serialize)]
struct MovedFileView<'o> {
    name: &'o str,
    from: &'o str,
    to: &'o str,
}

/// A file that was not adopted.
#[derive(Debug, Serialize)]
struct UnmanagedView<'o> {
    name: &'o str,
    why: &'o str,
    /// Whether a person has to decide what it is from.
    open: bool,
    candidates: Vec<LikelyView<'o>>,
}

/// A version that a file may be from.
#[derive(Debug, Serialize)]
struct LikelyView<'o> {
    spec: &'o str,
    percent: u32,
    lines: usize,
}

/// An agent that one which is written may start, and that could be installed.
#[derive(Debug, Serialize)]
struct OfferView<'o> {
    name: &'o str,
    by: &'o str,
    spec: &'o str,
}

/// What descriptions cost, in tokens.
#[derive(Debug, Serialize)]
struct CostView {
    /// Of the agents that were installed.
    added: usize,
    /// Of all agents that run.
    total: usize,
    /// Above this, the client warns.
    limit: usize,
}

/// What `--all` did not take of a source.
#[derive(Debug, Serialize)]
struct LeftView<'o> {
    source: &'o str,
    lower: usize,
    behind: usize,
    /// The files that are no agents as they are, and cannot be repaired.
    refused: Vec<RefusedView<'o>>,
}

/// What happened to one agent.
#[derive(Debug, Serialize)]
struct AgentView<'o> {
    name: &'o str,
    status: &'static str,
    path: &'o str,
    from: &'o str,
    to: &'o str,
    /// Whether that is an older version.
    older: bool,
    registry: Option<&'o str>,
    source: Option<&'o str>,
    file: Option<&'o str>,
    version: Option<&'o str>,
    commit: Option<String>,
    sha256: Option<String>,
    base: Option<String>,
    adaptations: &'o [String],
    allowed: &'o [String],
    /// The values that the manifest has instead of upstream's, one assignment each.
    overrides: Vec<String>,
    edits: usize,
    base_origin: Option<&'o str>,
    notes: &'o [String],
    /// Why the client ignores the file as the user edited it.
    ignored: Option<&'o str>,
    gone: Option<GoneView<'o>>,
    /// What upstream changed since the installed version.
    changed: Option<ChangedView<'o>>,
    others: &'o [String],
    conflicts: Vec<ConflictView<'o>>,
    gains: Vec<GainView>,
    /// All powers of an agent that is new.
    powers: Vec<GainView>,
    /// The tools of an agent that was adopted.
    may_use: Option<ToolsView<'o>>,
    automatic: Vec<RuleView<'o>>,
}

/// The tools that an agent may use.
#[derive(Debug, Serialize)]
struct ToolsView<'o> {
    /// `None`: every tool.
    tools: Option<&'o [String]>,
    disallowed_tools: &'o [String],
}

/// What was merged by a rule.
#[derive(Debug, Serialize)]
struct RuleView<'o> {
    rule: &'static str,
    unit: &'o str,
}

/// An agent that went.
#[derive(Debug, Serialize)]
struct RemovedView<'o> {
    name: &'o str,
    path: &'o str,
    kept: bool,
    /// Whether its file was not there.
    missing: bool,
    reason: &'static str,
}

impl<'o> ChangeDocument<'o> {
    /// The document about an outcome.
    pub(in crate::commands) fn of(outcome: &'o Outcome, is_dry_run: bool, ui: &Ui) -> Self {
        let gone = &outcome.gone;
        let removed = |agent: &'o Dropped| RemovedView {
            name: agent.name.as_str(),
            path: &agent.path,
            kept: agent.is_kept,
            missing: agent.is_missing,
            reason: agent.reason,
        };
        Self {
            dry_run: is_dry_run,
            sources: outcome.sources,
            changes: outcome.changes,
            agents: outcome.agents.iter().map(Into::into).collect(),
            failures: ui.failures_json(&outcome.failures),
            needs: outcome.needs.as_ref().map(Into::into),
            removed: gone.agents.iter().map(removed).collect(),
            removed_servers: &gone.servers,
            kept_servers: &gone.kept_servers,
            uninstalled: &outcome.uninstalled,
            still_required: outcome
                .still_required
                .iter()
                .map(StillRequiredView::from)
                .collect(),
            pending: outcome.pending.iter().map(AgentName::as_str).collect(),
            moved_files: outcome
                .moved_files
                .iter()
                .map(MovedFileView::from)
                .collect(),
            left: outcome.passed.iter().map(LeftView::from).collect(),
            offers: outcome.offers.iter().map(OfferView::from).collect(),
            not_adopted: outcome.unmanaged.iter().map(UnmanagedView::from).collect(),
            shadows: &outcome.shadows,
            cost: outcome.cost.map(|(added, total)| CostView {
                added,
                total,
                limit: LIMIT,
            }),
        }
    }
}

impl<'o> From<&'o ChangedAgent> for AgentView<'o> {
    fn from(agent: &'o ChangedAgent) -> Self {
        let locked = agent.locked.as_ref().or(agent.before.as_ref());
        let rules = agent
            .rules
            .iter()
            .map(|(rule, unit)| RuleView { rule, unit });
        Self {
            name: agent.name.as_str(),
            status: status_name(agent.status),
            path: &agent.path,
            from: &agent.from,
            to: &agent.to,
            older: agent.is_older(),
            registry: locked.and_then(|locked| locked.registry.as_ref().map(RegistryName::as_str)),
            source: locked.map(|locked| locked.source.as_str()),
            file: locked.map(|locked| locked.file.as_str()),
            version: locked.and_then(|locked| locked.version.as_deref()),
            commit: locked.and_then(|locked| Some(locked.commit?.to_string())),
            sha256: locked.map(|locked| locked.sha256.to_string()),
            base: locked.map(|locked| locked.base.to_string()),
            adaptations: locked.map_or(&[], |locked| &locked.adaptations),
            allowed: locked.map_or(&[], |locked| &locked.allowed),
            overrides: locked.map_or_else(Vec::new, |locked| locked.overrides.texts()),
            edits: agent.edits,
            base_origin: agent.base.as_deref(),
            notes: &agent.notes,
            ignored: agent.ignored.as_deref(),
            gone: agent.gone.as_ref().map(Into::into),
            changed: agent.changed.as_ref().map(Into::into),
            others: &agent.others,
            conflicts: agent.conflicts.iter().map(Into::into).collect(),
            gains: agent.gains.iter().map(Into::into).collect(),
            powers: agent.powers.iter().map(Into::into).collect(),
            may_use: agent.adopted.as_ref().map(|loaded| ToolsView {
                tools: loaded.tools.as_deref(),
                disallowed_tools: &loaded.disallowed_tools,
            }),
            automatic: rules.collect(),
        }
    }
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Current => "current",
        Status::Edited => "edited",
        Status::Moved => "moved",
        Status::Updated => "updated",
        Status::Merged => "merged",
        Status::Installed => "installed",
        Status::Adopted => "adopted",
        Status::Marked => "marked",
        Status::Skipped => "skipped",
        Status::Gone => "gone",
        Status::BaseLost => "base-lost",
    }
}

/// An agent that only left the manifest, because another one requires it.
#[derive(Debug, Serialize)]
struct StillRequiredView<'o> {
    name: &'o str,
    by: &'o str,
}

impl<'o> From<&'o (AgentName, AgentName)> for StillRequiredView<'o> {
    fn from((name, by): &'o (AgentName, AgentName)) -> Self {
        Self {
            name: name.as_str(),
            by: by.as_str(),
        }
    }
}

impl<'o> From<&'o FollowedFile> for MovedFileView<'o> {
    fn from(file: &'o FollowedFile) -> Self {
        Self {
            name: file.name.as_str(),
            from: &file.from,
            to: &file.to,
        }
    }
}

impl<'o> From<&'o Unmanaged> for UnmanagedView<'o> {
    fn from(unmanaged: &'o Unmanaged) -> Self {
        let candidates = unmanaged.candidates.iter().map(|likely| LikelyView {
            spec: &likely.spec,
            percent: likely.percent,
            lines: likely.lines,
        });
        Self {
            name: &unmanaged.name,
            why: &unmanaged.why,
            open: unmanaged.undecided != Undecided::Nothing,
            candidates: candidates.collect(),
        }
    }
}

impl<'o> From<&'o Passed> for LeftView<'o> {
    fn from(passed: &'o Passed) -> Self {
        Self {
            source: &passed.source,
            lower: passed.lower,
            behind: passed.behind,
            refused: passed.refused.iter().map(Into::into).collect(),
        }
    }
}

impl<'o> From<&'o NamedAgent> for OfferView<'o> {
    fn from(named: &'o NamedAgent) -> Self {
        Self {
            name: named.name.as_str(),
            by: named.by.as_str(),
            spec: &named.spec,
        }
    }
}
