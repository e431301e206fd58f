//! What the last merge of an agent came to, so that a merge is made again only if something that it is made from has changed.

use std::cell::RefCell;

use crate::domain::digest::Digest;
use crate::fs::Content;
use crate::merge::{Choice, Merge, Rule};
use crate::ops::merge_file::{ConflictReport, report};

/// What a merge was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) base: Digest,
    pub(super) ours: Option<Digest>,
    pub(super) theirs: Digest,
    pub(super) pins: Vec<String>,
    pub(super) choices: Vec<Option<Choice>>,
}

/// What is told about a merge.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) conflicts: Vec<ConflictReport>,
    /// What was done beyond comparing lines, and where.
    pub(super) rules: Vec<(Rule, String)>,
}

impl Told {
    pub(super) fn of(merge: &Merge<'_>) -> Self {
        let rules = merge.rules().iter();
        Self {
            conflicts: report(merge),
            rules: rules
                .map(|(rule, unit)| (*rule, unit.to_string()))
                .collect(),
        }
    }
}

/// What the last merge came to, with what it was made from.
#[derive(Debug, Clone, Default)]
pub(super) struct LastMerge {
    result: RefCell<Option<(Made, Content)>>,
    /// Made without choices, which make no difference to it.
    told: RefCell<Option<(Made, Told)>>,
}

impl LastMerge {
    /// The result of a merge of this, if it was the last one.
    pub(super) fn result(&self, made: &Made) -> Option<Content> {
        let last = self.result.borrow();
        let last = last.as_ref().filter(|(known, _)| known == made);
        last.map(|(_, result)| result.clone())
    }

    /// What is told about a merge of this, if it was the last one.
    pub(super) fn told(&self, made: &Made) -> Option<Told> {
        let last = self.told.borrow();
        let last = last.as_ref().filter(|(known, _)| known == made);
        last.map(|(_, told)| told.clone())
    }

    pub(super) fn keep(&self, made: Made, result: Content) {
        self.result.replace(Some((made, result)));
    }

    pub(super) fn keep_told(&self, made: Made, told: Told) {
        self.told.replace(Some((made, told)));
    }
}
