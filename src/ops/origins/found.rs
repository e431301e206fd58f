//! What a search gave.

use crate::domain::date::day;
use crate::ops::resolver::Resolved;

/// A version that a file may be from.
#[derive(Debug)]
pub(in crate::ops) struct Found<'a> {
    /// The agent, with the commit at which its file held this version.
    pub(in crate::ops) resolved: Resolved<'a>,
    /// Whether the source has this version now.
    pub(in crate::ops) is_current: bool,
    /// How much of both texts is the same, in percent.
    pub(in crate::ops) percent: u32,
    /// How many lines differ; 0: only white space does, or nothing.
    pub(in crate::ops) lines: usize,
    /// Whether the bytes are the same.
    pub(in crate::ops) is_identical: bool,
    /// Specs of other agents with the bytes of this version.
    pub(in crate::ops) also_in: Vec<String>,
}

/// What a search gave.
#[derive(Debug)]
pub(in crate::ops) enum Searched<'a> {
    /// It is from this version.
    Version(Box<Found<'a>>),
    /// It is from one of these; if it is one, that is not certain.
    Several(Vec<Found<'a>>),
    /// It is from none; these are the nearest.
    Unknown(Vec<Found<'a>>),
}

impl Searched<'_> {
    /// The same, where what has less than this in common with the file, in percent, is not its origin.
    pub(in crate::ops) fn from(self, least: u32) -> Self {
        let is_enough = |found: &Found<'_>| found.is_identical || found.percent >= least;
        match self {
            Self::Version(found) if !is_enough(&found) => Self::Unknown(vec![*found]),
            Self::Several(several) if !several.iter().any(is_enough) => Self::Unknown(several),
            searched => searched,
        }
    }
}

impl Found<'_> {
    /// How it differs, in words.
    pub(in crate::ops) fn difference(&self) -> String {
        match self.lines {
            _ if self.is_identical => "identical".to_owned(),
            0 => "only white space differs".to_owned(),
            1 => "1 line differs".to_owned(),
            lines => format!("{lines} lines differ"),
        }
    }

    /// How it differs, in words, after the day of its commit if it has one.
    pub(in crate::ops) fn detail(&self) -> String {
        let detail = [self.day(), self.difference()].join("  ");
        detail.trim_start().to_owned()
    }

    /// What is to be said of it: how it differs, and who else has it.
    pub(in crate::ops) fn notes(&self) -> Vec<String> {
        let also = match self.also_in.as_slice() {
            [] => None,
            [one] => Some(format!("also in {one}")),
            [one, rest @ ..] => Some(format!("also in {one} and {} more", rest.len())),
        };
        [self.difference()].into_iter().chain(also).collect()
    }

    /// A spec that means this very version and can be pasted.
    pub(in crate::ops) fn spec(&self) -> String {
        spec(&self.resolved, self.is_current)
    }

    /// The day of the commit; empty for sources without commits.
    fn day(&self) -> String {
        let time = || {
            let (repository, _) = self.resolved.snapshot.history()?;
            repository.commit_time(self.resolved.commit?).ok()
        };
        time().map(day).unwrap_or_default()
    }
}

/// A spec that means a version of an agent.
pub(super) fn spec(resolved: &Resolved<'_>, is_current: bool) -> String {
    let spec = resolved.spec(true);
    match resolved.commit {
        Some(commit) if !is_current => format!("{spec}@{}", commit.short()),
        _ => spec,
    }
}
