//! The journal: which steps an operation consists of and how far it has come, as a sealed file. Once the operation has ended, the same
//! file is its record in the history.
//!
//! `step` carries out a step; `settle` ends an operation that was interrupted.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::change::Entries;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::{Failure, Result};
use crate::fs;
use crate::store::project::Project;
use crate::store::seal::{Kind, Seal};

/// The largest journal, in bytes.
pub(super) const MAX_JOURNAL: u64 = 64 << 20;

/// The journal of the running operation, and its entry in the history once it has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) number: u64,
    pub(super) label: String,
    pub(super) phase: Phase,
    /// When, in seconds since 1970.
    pub(super) time: u64,
    /// The operation that this one took back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) undoes: Option<u64>,
    /// The agents that it took back of that operation; empty: all of it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) part: BTreeSet<AgentName>,
    /// Operations newer than that one whose changes were no longer in the files, and which count as taken back with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) passed: Vec<u64>,
    /// What it changed in manifest and lockfile.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    pub(super) entries: Entries,
    /// Part of the names of all temporary files of the operation.
    pub(super) token: String,
    pub(super) steps: Vec<Step>,
    /// Agents whose files somebody saved meanwhile: everything about them is left unchanged.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) left_out: BTreeSet<AgentName>,
    /// The lockfile was made again without them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_relocked: bool,
    /// Contents that are in the history for their own sake: what somebody saved meanwhile, or what an earlier crash left behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) kept: Vec<Kept>,
}

/// How far an operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    /// New contents are being written beside their targets; nothing has changed yet.
    Begun,
    /// All new contents are there, and are replacing the old ones.
    Committed,
    /// It failed after that, so it can only be taken back.
    GivenUp,
}

/// One file of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Step {
    /// Relative to the project's root if possible.
    pub(super) path: PathBuf,
    /// The agent that it belongs to: the steps of an agent are made together, or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) agent: Option<AgentName>,
    pub(super) before: Option<Digest>,
    pub(super) after: Option<Digest>,
}

/// A content that is in the history for its own sake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Where it was, relative to the project's root if possible.
    pub(super) path: PathBuf,
    pub(super) digest: Digest,
}

/// The paths of one step.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) target: PathBuf,
    /// The new content until it is at the target; the old one after the two were exchanged.
    pub(super) new: PathBuf,
    /// The old content where it was moved away.
    pub(super) old: PathBuf,
    /// The new lockfile that was replaced by another one.
    pub(super) spare: Option<PathBuf>,
}

impl Journal {
    pub(super) fn new(number: u64, label: &str, time: u64, token: String) -> Self {
        Self {
            number,
            label: label.to_owned(),
            phase: Phase::Begun,
            time,
            undoes: None,
            part: BTreeSet::new(),
            entries: Entries::default(),
            passed: Vec::new(),
            token,
            steps: Vec::new(),
            left_out: BTreeSet::new(),
            is_relocked: false,
            kept: Vec::new(),
        }
    }

    /// The journal or record in the bytes of a file, if this machine sealed it.
    pub(super) fn open(project: &Project, bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(project.seal().open(Kind::Journal, bytes)?).ok()
    }

    /// The same for any author: to be shown, or after a person has agreed.
    pub(super) fn unsealed(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(Seal::unsealed(bytes)?).ok()
    }

    pub(super) fn to_bytes(&self, project: &Project) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::failed("could not write the journal").caused_by(error))?;
        text.push(b'\n');
        Ok(project.seal().close(Kind::Journal, text))
    }

    pub(super) fn write(&self, project: &Project) -> Result<()> {
        project
            .files()
            .replace(&journal_path(project), &self.to_bytes(project)?, true)
    }

    /// The first path that agentpkg may not change, or that is named twice.
    pub(super) fn misplaced(&self, project: &Project) -> Option<PathBuf> {
        let mut seen = HashSet::new();
        let is_token =
            !self.token.is_empty() && self.token.bytes().all(|byte| byte.is_ascii_hexdigit());
        let targets = self.steps.iter().map(|step| step.target(project));
        targets
            .into_iter()
            .find(|target| !is_token || !project.owns(target) || !seen.insert(target.clone()))
    }

    pub(super) fn places(&self, project: &Project, step: &Step) -> Places {
        let target = step.target(project);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        // Hidden, and not ending in `.md`, so that the client does not load it.
        let folder = target.parent().unwrap_or(&target);
        let beside = |token: &str, end: &str| folder.join(format!(".{name}.{token}{end}"));
        let first = beside(&self.token, fs::STAGED);
        let old = beside(&self.token, fs::SET_ASIDE);
        if self.is_relocked && target == project.lockfile_path() {
            let again = beside(&format!("{}0", self.token), fs::STAGED);
            return Places {
                target,
                new: again,
                old,
                spare: Some(first),
            };
        }
        Places {
            target,
            new: first,
            old,
            spare: None,
        }
    }

    /// Whether a step is left out because somebody saved the file of its agent meanwhile.
    pub(super) fn leaves_out(&self, step: &Step) -> bool {
        step.agent
            .as_ref()
            .is_some_and(|agent| self.left_out.contains(agent))
    }

    /// Records that a content is now in the history.
    pub(super) fn keep(&mut self, project: &Project, path: &Path, digest: Digest) {
        let kept = Kept {
            path: relative(project, path),
            digest,
        };
        if !self.kept.contains(&kept) {
            self.kept.push(kept);
        }
    }
}

impl Step {
    pub(super) fn target(&self, project: &Project) -> PathBuf {
        project.root().join(&self.path)
    }
}

/// A path as it is written in journals: a project on this machine has only one root, and a short path is easier to read.
pub(super) fn relative(project: &Project, path: &Path) -> PathBuf {
    path.strip_prefix(project.root()).unwrap_or(path).to_owned()
}

pub(super) fn journal_path(project: &Project) -> PathBuf {
    project.state_folder().join("journal")
}
