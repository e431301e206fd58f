//! The parts that several JSON documents share, and what is added to every document when it is printed.

use serde::Serialize;

use crate::domain::capability::Gain;
use crate::domain::discovery::Refused;
use crate::error::Location;
use crate::ops::gone::{GoneAgent, Successor};
use crate::ops::past::{Changed, Step};
use crate::ops::report::{AskView, InterruptionView};

/// A file that looks like an agent and is not offered.
#[derive(Debug, Serialize)]
pub struct RefusedView<'a> {
    file: &'a str,
    reason: &'a str,
}

impl<'a> From<&'a Refused> for RefusedView<'a> {
    fn from(refused: &'a Refused) -> Self {
        Self {
            file: &refused.file,
            reason: &refused.reason,
        }
    }
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureView {
    /// What went wrong, with its causes.
    pub message: String,
    /// The place in a file that it is about.
    pub location: Option<LocationView>,
    /// Lines below the message, for example one candidate each.
    pub details: Vec<String>,
    /// What to do next.
    pub hints: Vec<HintView>,
}

/// A place in a file that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocationView {
    /// The path as the user would type it.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in it, in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub label: String,
}

impl From<&Location> for LocationView {
    fn from(location: &Location) -> Self {
        let start = location.span.start.min(location.source.len());
        let before = location.source.get(..start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            path: location.path.clone(),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            label: location.label.clone(),
        }
    }
}

/// A piece of advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HintView {
    /// The whole text; commands are in backticks.
    pub text: String,
    /// The commands in it, ready for a shell, joined with ` && `.
    pub command: Option<String>,
}

/// A power that an agent gains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GainView {
    /// The power.
    pub what: String,
    /// What it lets the agent do.
    pub meaning: String,
    /// The word for `--allow` that agrees to it.
    pub allow: String,
}

impl From<&Gain> for GainView {
    fn from(gain: &Gain) -> Self {
        Self {
            what: gain.to_string(),
            meaning: gain.meaning(),
            allow: gain.word(),
        }
    }
}

/// What became of an agent that upstream no longer has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoneView<'g> {
    /// Its name.
    pub name: &'g str,
    /// The version or commit that it was seen in last.
    pub last_seen: &'g str,
    /// The day on which its source was asked, if this command did not ask it.
    pub as_of: Option<&'g str>,
    /// In how many copies it lives on.
    pub copies: usize,
    /// Whether the manifest says that it stays as it is.
    pub kept: bool,
    /// What may have taken its place, the likeliest first.
    pub successors: Vec<SuccessorView<'g>>,
}

/// What may have taken the place of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuccessorView<'g> {
    /// The spec that means it.
    pub spec: &'g str,
    /// Its file.
    pub file: &'g str,
    /// Why it may be that.
    pub why: &'g str,
}

impl<'g> From<&'g GoneAgent> for GoneView<'g> {
    fn from(gone: &'g GoneAgent) -> Self {
        let successor = |successor: &'g Successor| SuccessorView {
            spec: &successor.spec,
            file: &successor.file,
            why: successor.why,
        };
        Self {
            name: gone.name.as_str(),
            last_seen: &gone.last_seen,
            as_of: gone.as_of.as_deref(),
            copies: gone.copies,
            kept: gone.is_kept,
            successors: gone.successors.iter().map(successor).collect(),
        }
    }
}

/// A commit that changed the file of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommitView<'c> {
    /// Its id.
    pub commit: String,
    /// Its day.
    pub date: &'c str,
    /// The first line of its message.
    pub subject: &'c str,
}

impl<'c> From<&'c Step> for CommitView<'c> {
    fn from(step: &'c Step) -> Self {
        Self {
            commit: step.commit.to_string(),
            date: &step.day,
            subject: &step.subject,
        }
    }
}

/// What upstream changed in an agent since the installed version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedView<'c> {
    /// The commit that changed its file last, or the one that was fetched.
    pub commit: String,
    /// The day of that commit.
    pub date: &'c str,
    /// Whether it changed the file; otherwise it is only known to have it.
    pub last: bool,
    /// The commits that changed the file, newest first.
    pub commits: Vec<CommitView<'c>>,
    /// Whether those are all.
    pub complete: bool,
}

impl<'c> From<&'c Changed> for ChangedView<'c> {
    fn from(changed: &'c Changed) -> Self {
        Self {
            commit: changed.commit.to_string(),
            date: &changed.day,
            last: changed.is_last,
            commits: changed.steps.iter().map(Into::into).collect(),
            complete: changed.is_complete,
        }
    }
}

/// A command that did not end, in the documents of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InterruptedView {
    /// What was typed; `None`: its journal cannot be read.
    pub command: Option<String>,
    /// Whether this machine wrote its journal.
    pub sealed: bool,
}

impl From<&InterruptionView> for InterruptedView {
    fn from(interruption: &InterruptionView) -> Self {
        Self {
            command: interruption.label.clone(),
            sealed: interruption.is_sealed,
        }
    }
}

/// The name of a document, which is also the name of its definition in `docs/schema/output.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the command that prints it")]
pub enum DocumentName {
    Adopt,
    Check,
    Diff,
    Doctor,
    Info,
    Init,
    Install,
    List,
    ListAll,
    ListAvailable,
    ListCost,
    MergeFile,
    Next,
    Outdated,
    Recover,
    Registry,
    RegistryAdd,
    RegistryRemove,
    Remove,
    Resolve,
    Search,
    Set,
    Status,
    Undo,
    UndoList,
    Unset,
    Update,
    Version,
    /// A command that ended before it had anything to show.
    Failed,
}

/// A document as it is printed: its name, the command's own fields, and those that every document can have.
#[derive(Debug, Serialize)]
pub(super) struct Printed<'a> {
    pub(super) document: DocumentName,
    /// The command's own fields; `None`: it ended before there was anything to show.
    #[serde(flatten)]
    pub(super) fields: Option<serde_json::Value>,
    pub(super) schema_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<FailureView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interrupted: Option<InterruptedView>,
    #[serde(skip_serializing_if = "<[AskView]>::is_empty")]
    pub(super) asks: &'a [AskView],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) partial: &'a [String],
}
