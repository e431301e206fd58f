//! `merge-file`: three files in, one out, with the arguments of `git merge-file`. No project, no manifest, no network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Failure, Kind, Result};
use crate::fs::{self, Entry};
use crate::merge::{Choice, Conflict, Labels, Merge, Options, Reason, Style, merge_with};
use crate::store::agreement::versions;
use crate::store::lock_merge::{Side, merge};
use crate::store::lockfile::{LockedAgent, Lockfile};

/// The largest file that is merged, in bytes.
const MAX_SIZE: u64 = 16 << 20;

/// What to do with conflicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Favor {
    /// Mark them.
    #[default]
    Nobody,
    /// Take ours.
    Ours,
    /// Take theirs.
    Theirs,
    /// Take both.
    Union,
}

impl Favor {
    /// What every conflict is decided for; `None`: they are marked.
    fn choice(self) -> Option<Choice> {
        match self {
            Self::Nobody => None,
            Self::Ours => Some(Choice::Ours),
            Self::Theirs => Some(Choice::Theirs),
            Self::Union => Some(Choice::OursThenTheirs),
        }
    }
}

/// The three files and how to write the result.
#[derive(Debug, Clone)]
pub struct MergeFileOptions {
    /// Ours; the result goes here.
    pub current: PathBuf,
    /// What both were made from.
    pub base: PathBuf,
    /// Theirs.
    pub other: PathBuf,
    /// What stands behind the markers: of current, base and other. Absent ones are the paths as given.
    pub labels: Vec<String>,
    /// What stands between markers.
    pub style: Style,
    /// The length of markers.
    pub marker_length: Option<usize>,
    /// What to do with conflicts.
    pub favor: Favor,
    /// Give the result back only.
    pub is_print: bool,
}

/// A conflict as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictReport {
    /// Where.
    pub unit: String,
    /// Why.
    pub reason: String,
    /// The three texts, and one that might do.
    pub base: String,
    /// The user's.
    pub ours: String,
    /// Upstream's.
    pub theirs: String,
    /// Both edits in one line, if they are far enough apart.
    pub suggestion: Option<String>,
    /// Whether it was decided, by a person or by what was typed.
    pub is_decided: bool,
}

/// The result of a merge of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedFile {
    /// The merged text, with markers if there are conflicts.
    pub bytes: Vec<u8>,
    /// What is undecided; empty if a side was favoured.
    pub conflicts: Vec<ConflictReport>,
}

/// Merges three files.
pub fn merge_file(options: &MergeFileOptions) -> Result<MergedFile> {
    let [current, base, other] = [
        read(&options.current)?,
        read(&options.base)?,
        read(&options.other)?,
    ];
    // Nobody will be asked for consent here.
    let merged = merge_with(
        &base,
        &current,
        &other,
        &Options {
            guards_tools_line: true,
            ..Options::default()
        },
    );
    let default =
        [&options.current, &options.base, &options.other].map(|path| path.display().to_string());
    let label = |index: usize| {
        options
            .labels
            .get(index)
            .unwrap_or(&default[index])
            .as_str()
    };
    let labels = Labels {
        ours: label(0),
        base: label(1),
        theirs: label(2),
    };
    let (bytes, conflicts) = match options.favor.choice() {
        Some(choice) => {
            let choices = vec![choice; merged.conflicts().len()];
            (merged.resolve(&choices), Vec::new())
        }
        None if (merged.conflicts().iter())
            .any(|conflict| *conflict.reason() == Reason::Binary) =>
        {
            let message = "these files are not text, so they cannot be merged by lines";
            return Err(Failure::failed(message).hint("`--ours` or `--theirs` takes one of them"));
        }
        None => (
            merged.with_markers(options.style, labels, options.marker_length),
            report(&merged),
        ),
    };
    if !options.is_print {
        fs::replace(&options.current, &bytes, false)?;
    }
    Ok(MergedFile { bytes, conflicts })
}

/// Merges three lockfiles entry by entry. What both sides changed is marked as two whole entries, of which `install` takes one.
pub fn merge_lockfiles(options: &MergeFileOptions) -> Result<MergedFile> {
    let parse = |path: &Path| {
        let bytes = read(path)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // Of a file that both sides added, git gives an empty base.
        if text.trim().is_empty() {
            return Ok(Lockfile::default());
        }
        Lockfile::parse(&text, &path.display().to_string())
    };
    let (ours, theirs) = (parse(&options.current)?, parse(&options.other)?);
    let base = parse(&options.base)?;
    let side = match options.favor {
        Favor::Ours => Some(Side::Ours),
        Favor::Theirs => Some(Side::Theirs),
        Favor::Nobody | Favor::Union => None,
    };
    let merged = merge(Some(&base), &ours, &theirs, &|_, _, _| side);
    let undecided = merged.decided.iter().filter(|(_, taken)| taken.is_none());
    let mut open = BTreeMap::new();
    let mut conflicts = Vec::new();
    for (name, _) in undecided {
        let (Some(mine), Some(other)) = (ours.agents.get(name), theirs.agents.get(name)) else {
            continue;
        };
        open.insert(name.clone(), [mine.clone(), other.clone()]);
        let version = |locked: &LockedAgent| versions(Some(locked));
        conflicts.push(ConflictReport {
            unit: name.to_string(),
            reason: "both sides changed its entry".to_owned(),
            base: base.agents.get(name).map(version).unwrap_or_default(),
            ours: version(mine),
            theirs: version(other),
            suggestion: None,
            is_decided: false,
        });
    }
    let label = |index: usize| options.labels.get(index).map_or("", String::as_str);
    let text = merged.lockfile.to_text_with(&open, [label(0), label(2)]);
    if !options.is_print {
        fs::replace(&options.current, text.as_bytes(), false)?;
    }
    Ok(MergedFile {
        bytes: text.into_bytes(),
        conflicts,
    })
}

/// The conflicts of a merge as data.
#[must_use]
pub fn report(merged: &Merge<'_>) -> Vec<ConflictReport> {
    merged.conflicts().iter().map(ConflictReport::of).collect()
}

impl ConflictReport {
    /// One conflict as data.
    pub(super) fn of(conflict: &Conflict<'_>) -> Self {
        let text = |lines: Vec<&[u8]>| String::from_utf8_lossy(&lines.join(&b'\n')).into_owned();
        Self {
            unit: conflict.unit().to_string(),
            reason: conflict.reason().to_string(),
            base: text(conflict.base()),
            ours: text(conflict.ours()),
            theirs: text(conflict.theirs()),
            suggestion: conflict
                .suggestion()
                .map(|text| String::from_utf8_lossy(text).into_owned()),
            is_decided: false,
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    match fs::entry(path)? {
        Entry::Folder => Err(Failure::new(
            Kind::Usage,
            format!("`{}` is a folder", path.display()),
        )),
        _ => fs::read_any(path, MAX_SIZE)?.ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                format!("there is no file `{}`", path.display()),
            )
        }),
    }
}
