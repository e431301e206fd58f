//! `agentpkg merge-file`: also the merge driver that git can call.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::error::Result;
use crate::merge::Style;
use crate::ops::merge_file::{
    ConflictReport, Favor, MergeFileOptions, merge_file, merge_lockfiles,
};
use crate::ui::DocumentName;

/// The exit code for errors: like git's, beyond any number of conflicts.
pub const ERROR: u8 = 255;
/// The largest exit code that counts conflicts.
const MOST: usize = 127;

/// Merge three files like `git merge-file`, by the structure of agents
#[derive(Debug, Args)]
#[command(after_help = "\
The exit code is the number of conflicts (at most 127), or 255 for an error.

As a merge driver, so that `git merge` itself has fewer conflicts:
  agentpkg init --merge-driver           sets that up, for agents and lockfile
  agentpkg merge-file --lock OURS BASE THEIRS
                                         entry by entry, as the driver does")]
pub struct MergeFileArgs {
    /// Your version; the result is written here
    pub current: PathBuf,
    /// What both versions were made from
    pub base: PathBuf,
    /// The other version
    pub other: PathBuf,
    /// Print the result instead
    #[arg(short = 'p', long)]
    pub stdout: bool,
    /// What markers call current, base and other (up to three times)
    #[arg(short = 'L', value_name = "LABEL")]
    pub labels: Vec<String>,
    /// Show the base in conflicts
    #[arg(long)]
    pub diff3: bool,
    /// The same, without what both sides have at the ends of a conflict
    #[arg(long, conflicts_with = "diff3")]
    pub zdiff3: bool,
    /// Decide conflicts for the current file
    #[arg(long, conflicts_with_all = ["theirs", "union"])]
    pub ours: bool,
    /// Decide conflicts for the other file
    #[arg(long, conflicts_with = "union")]
    pub theirs: bool,
    /// Keep both sides of conflicts
    #[arg(long)]
    pub union: bool,
    /// The files are lockfiles: merge them entry by entry
    #[arg(long, conflicts_with_all = ["union", "diff3", "zdiff3"])]
    pub lock: bool,
    /// What messages call the file, as git's %P
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// Accepted as git accepts it; how the files are compared is up to agentpkg
    #[arg(long, value_name = "NAME", hide = true)]
    pub diff_algorithm: Option<String>,
    /// The length of markers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub marker_size: Option<u16>,
}

/// Runs the command; gives back the exit code.
pub fn run(args: MergeFileArgs, context: &mut Context) -> Result<u8> {
    let folder = &context.session.environment.current_folder;
    let favor = match (args.ours, args.theirs, args.union) {
        (true, ..) => Favor::Ours,
        (_, true, _) => Favor::Theirs,
        (.., true) => Favor::Union,
        _ => Favor::Nobody,
    };
    let mut labels = args.labels;
    for path in [&args.current, &args.base, &args.other]
        .into_iter()
        .skip(labels.len())
    {
        labels.push(path.display().to_string());
    }
    let options = MergeFileOptions {
        current: folder.join(args.current),
        base: folder.join(args.base),
        other: folder.join(args.other),
        labels,
        style: match (args.diff3, args.zdiff3) {
            (true, _) => Style::Diff3,
            (_, true) => Style::Zdiff3,
            _ => Style::Merge,
        },
        marker_length: args.marker_size.map(usize::from),
        favor,
        is_print: args.stdout,
    };
    let merged = if args.lock {
        merge_lockfiles(&options)?
    } else {
        merge_file(&options)?
    };
    let place = args
        .path
        .map(|path| format!("{path}: "))
        .unwrap_or_default();
    if context.ui.is_json() {
        let result = args
            .stdout
            .then(|| String::from_utf8_lossy(&merged.bytes).into_owned());
        context.ui.json(
            DocumentName::MergeFile,
            &MergeFileDocument {
                conflicts: merged.conflicts.iter().map(Into::into).collect(),
                result,
            },
        )?;
    } else if args.stdout {
        context.ui.bytes(&merged.bytes)?;
    }
    if !context.ui.is_json() {
        for conflict in &merged.conflicts {
            context.ui.warn(format!(
                "{place}conflict in {}: {}",
                conflict.unit, conflict.reason
            ));
        }
    }
    Ok(u8::try_from(merged.conflicts.len().min(MOST)).unwrap_or(ERROR))
}

/// What `merge-file --json` prints.
#[derive(Serialize)]
struct MergeFileDocument<'a> {
    conflicts: Vec<ConflictView<'a>>,
    /// The merged text, with `-p`.
    result: Option<String>,
}

/// A conflict.
#[derive(Debug, Serialize)]
pub(super) struct ConflictView<'a> {
    /// Where it is.
    unit: &'a str,
    /// Why it is one.
    reason: &'a str,
    base: &'a str,
    ours: &'a str,
    theirs: &'a str,
    /// A text with both edits.
    suggestion: Option<&'a str>,
    /// Whether it was decided.
    decided: bool,
}

impl<'a> From<&'a ConflictReport> for ConflictView<'a> {
    fn from(conflict: &'a ConflictReport) -> Self {
        Self {
            unit: &conflict.unit,
            reason: &conflict.reason,
            base: &conflict.base,
            ours: &conflict.ours,
            theirs: &conflict.theirs,
            suggestion: conflict.suggestion.as_deref(),
            decided: conflict.is_decided,
        }
    }
}
