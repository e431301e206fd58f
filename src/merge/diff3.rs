//! Plain three-way comparison of token sequences: which ranges only one side changed, both changed in the same way, or both changed
//! differently.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use similar::{Algorithm, DiffTag, capture_diff_slices};

/// Who changed a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nobody,
    Ours,
    Theirs,
    /// Both, in the same way.
    Both,
    Conflict,
}

/// Ranges of the three inputs that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) base: Range<usize>,
    pub(super) ours: Range<usize>,
    pub(super) theirs: Range<usize>,
    pub(super) change: Change,
}

/// Small numbers that stand for texts, so that comparing is cheap. Numbers follow the order of first use.
#[derive(Debug)]
pub(super) struct Interner<T>(HashMap<T, u32>);

impl<T: Hash + Eq> Interner<T> {
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    pub(super) fn id(&mut self, item: T) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(item).or_insert(next)
    }

    /// The numbers of several. One that is equal to the one before it is not looked for again.
    pub(super) fn ids(&mut self, items: impl Iterator<Item = T>) -> Vec<u32>
    where
        T: Copy,
    {
        let mut last: Option<(T, u32)> = None;
        let number = |item| match last {
            Some((known, id)) if known == item => id,
            _ => last.insert((item, self.id(item))).1,
        };
        items.map(number).collect()
    }
}

/// An edit that turns a range of the base into a range of a side.
pub(super) type Edit = (Range<usize>, Range<usize>);

/// The edits that turn the base into a side, with as few ranges as possible.
pub(super) fn edits(algorithm: Algorithm, base: &[u32], side: &[u32]) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    for op in capture_diff_slices(algorithm, base, side) {
        if op.tag() == DiffTag::Equal {
            continue;
        }
        let (old, new) = (op.old_range(), op.new_range());
        match edits.last_mut() {
            Some(last) if last.0.end == old.start && last.1.end == new.start => {
                last.0.end = old.end;
                last.1.end = new.end;
            }
            _ => edits.push((old, new)),
        }
    }
    edits
}

/// Splits three sequences into regions that cover them completely and in order. Adjacent edits belong to one region.
pub(super) fn regions(
    algorithm: Algorithm,
    base: &[u32],
    ours: &[u32],
    theirs: &[u32],
) -> Vec<Region> {
    let mut left = edits(algorithm, base, ours).into_iter().peekable();
    let mut right = edits(algorithm, base, theirs).into_iter().peekable();
    let mut regions = Vec::new();
    let (mut at, mut at_ours, mut at_theirs) = (0, 0, 0);
    loop {
        let start = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(edit), None) | (None, Some(edit)) => edit.0.start,
            (Some(one), Some(other)) => one.0.start.min(other.0.start),
        };
        if start > at {
            let length = start - at;
            regions.push(Region {
                base: at..start,
                ours: at_ours..at_ours + length,
                theirs: at_theirs..at_theirs + length,
                change: Change::Nobody,
            });
            at_ours += length;
            at_theirs += length;
        }
        let mut end = start;
        let (mut grown_ours, mut grown_theirs) = (Grown::default(), Grown::default());
        loop {
            if let Some(edit) = left.next_if(|edit| edit.0.start <= end) {
                end = end.max(edit.0.end);
                grown_ours.add(&edit);
            } else if let Some(edit) = right.next_if(|edit| edit.0.start <= end) {
                end = end.max(edit.0.end);
                grown_theirs.add(&edit);
            } else {
                break;
            }
        }
        let end_ours = at_ours + grown_ours.length(end - start);
        let end_theirs = at_theirs + grown_theirs.length(end - start);
        let change = match (grown_ours.is_changed, grown_theirs.is_changed) {
            (true, false) => Change::Ours,
            (false, true) => Change::Theirs,
            _ if ours[at_ours..end_ours] == theirs[at_theirs..end_theirs] => Change::Both,
            _ => Change::Conflict,
        };
        regions.push(Region {
            base: start..end,
            ours: at_ours..end_ours,
            theirs: at_theirs..end_theirs,
            change,
        });
        (at, at_ours, at_theirs) = (end, end_ours, end_theirs);
    }
    if at < base.len() {
        regions.push(Region {
            base: at..base.len(),
            ours: at_ours..ours.len(),
            theirs: at_theirs..theirs.len(),
            change: Change::Nobody,
        });
    }
    regions
}

/// How much longer than the base a side is in a region.
#[derive(Default)]
struct Grown {
    is_changed: bool,
    removed: usize,
    added: usize,
}

impl Grown {
    fn add(&mut self, edit: &Edit) {
        self.is_changed = true;
        self.removed += edit.0.len();
        self.added += edit.1.len();
    }

    fn length(&self, base: usize) -> usize {
        base + self.added - self.removed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edits_that_touch_are_one_region() {
        let changes = |base: &[u32], ours: &[u32], theirs: &[u32]| {
            let regions = regions(Algorithm::Myers, base, ours, theirs);
            regions
                .into_iter()
                .map(|region| (region.base, region.change))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            changes(&[1, 2, 3], &[9, 2, 3], &[1, 2, 8]),
            [
                (0..1, Change::Ours),
                (1..2, Change::Nobody),
                (2..3, Change::Theirs)
            ]
        );
        assert_eq!(
            changes(&[1, 2], &[9, 2], &[1, 8]),
            [(0..2, Change::Conflict)]
        );
        assert_eq!(
            changes(&[1], &[1, 5], &[1, 5]),
            [(0..1, Change::Nobody), (1..1, Change::Both)]
        );
        assert_eq!(changes(&[], &[1], &[2]), [(0..0, Change::Conflict)]);
    }

    proptest! {
        #[test]
        fn regions_cover_everything_in_order(
            base in prop::collection::vec(0_u32..5, 0..12),
            ours in prop::collection::vec(0_u32..5, 0..12),
            theirs in prop::collection::vec(0_u32..5, 0..12),
        ) {
            let (mut at, mut at_ours, mut at_theirs) = (0, 0, 0);
            for region in regions(Algorithm::Histogram, &base, &ours, &theirs) {
                prop_assert_eq!((region.base.start, region.ours.start, region.theirs.start), (at, at_ours, at_theirs));
                (at, at_ours, at_theirs) = (region.base.end, region.ours.end, region.theirs.end);
                let (b, o, t) = (&base[region.base], &ours[region.ours], &theirs[region.theirs]);
                match region.change {
                    Change::Nobody => prop_assert!(b == o && b == t),
                    Change::Ours => prop_assert!(b == t && b != o),
                    Change::Theirs => prop_assert!(b == o && b != t),
                    Change::Both => prop_assert!(o == t),
                    Change::Conflict => prop_assert!(o != t),
                }
            }
            prop_assert_eq!((at, at_ours, at_theirs), (base.len(), ours.len(), theirs.len()));
        }
    }
}
