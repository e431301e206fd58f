//! The parts that several JSON documents share, and what is added to every document when it is printed.

use serde::Serialize;

use crate::domain::capability::Gain;
use crate::ops::report::{AskView, InterruptionView};

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureView {
    /// What went wrong, with its causes.
    pub message: String,
    /// Lines below the message, for example one candidate each.
    pub details: Vec<String>,
    /// What to do next.
    pub hints: Vec<HintView>,
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

/// A document as it is printed: the command's own fields, and those that every document can have.
#[derive(Debug, Serialize)]
pub(super) struct Printed<'a> {
    /// The command's own fields; `None`: it ended before there was anything to show.
    #[serde(flatten)]
    pub(super) document: Option<serde_json::Value>,
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
