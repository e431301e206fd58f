//! Checks a clean result as a stranger would, who knows the four texts but not how they were merged.
//!
//! The stranger has its own model of Markdown ([`outline`]), which shares no code with the merge, and checks for each line of the result
//! that one of the sides put it there: under this heading, below this list item, in this table, inside code or not. A line may be elsewhere
//! only if the other side moved the text around it.
//!
//! What is guaranteed for a result that passes:
//!
//! * no heading, and no line of some length, appears more often than on either side,
//! * no line is under a heading, list item, table or sentence with a colon that no side put it under,
//! * no line that one side deleted comes back because the other moved it,
//! * no line that both kept, or one added, is missing, unless its words are there,
//! * code, comments, tables and tags are closed where they were closed, and numbered lists still count up.

mod outline;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;

use self::outline::{Names, Outline, Row, Spot};

/// What is wrong with a result: the line concerned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It appears more often than on either side.
    Doubled(String),
    /// It is under another heading, or in another list or table, than on its side.
    Torn(String),
    /// The list item that it belongs to was removed.
    Orphaned(String),
    /// One side deleted it, the other moved it.
    Resurrected(String),
    /// It is missing.
    Lost(String),
    /// Something is opened here that is not closed, or a row has too many or too few cells.
    Unbalanced(String),
    /// The numbers of a list or of headings no longer count up.
    Misnumbered(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Doubled(line) => write!(formatter, "`{line}` would appear twice"),
            Self::Torn(line) => write!(
                formatter,
                "`{line}` would come under another heading or list"
            ),
            Self::Orphaned(line) => write!(
                formatter,
                "`{line}` would lose the list item that it belongs to"
            ),
            Self::Resurrected(line) => write!(
                formatter,
                "`{line}` would come back although one side deleted it"
            ),
            Self::Lost(line) => write!(formatter, "`{line}` would be lost"),
            Self::Unbalanced(line) => write!(
                formatter,
                "`{line}` would not be closed or would not fit its table"
            ),
            Self::Misnumbered(line) => write!(formatter, "`{line}` would have a wrong number"),
        }
    }
}

/// How many lines around a line are searched for its former neighbours.
const REACH: usize = 60;
/// How many words two versions of one line have at least.
const TWINS: usize = 4;
/// How many pairs of lines are compared at most.
const PAIRS: usize = 20_000;
/// From how many words on a line of code is certainly not the same by chance.
const WORDS: usize = 4;

/// The first fault of a result, if there is one.
pub(super) fn fault(
    base: &[&[u8]],
    ours: &[&[u8]],
    theirs: &[&[u8]],
    result: &[&[u8]],
) -> Option<Fault> {
    let mut names = Names::default();
    let [base, ours, theirs, result] =
        [base, ours, theirs, result].map(|lines| Outline::of(lines, &mut names));
    let view = View {
        counts: [&base, &ours, &theirs, &result]
            .map(|outline| counts(outline, names.len(), |_| true)),
        base,
        ours,
        theirs,
        result,
    };
    view.unbalanced(&names)
        .or_else(|| view.miscounted(&names))
        .or_else(|| view.twinned(&names))
        .or_else(|| view.reborn(&names))
        .or_else(|| view.misplaced(&names))
        .or_else(|| view.missing(&names))
        .or_else(|| view.misnumbered(&names))
}

/// How often each text appears in an outline, in the rows that count.
fn counts(outline: &Outline, length: usize, counts_row: fn(&Row) -> bool) -> Vec<u32> {
    let mut counts = vec![0; length];
    for row in outline.rows.iter().filter(|row| counts_row(row)) {
        counts[row.name] += 1;
    }
    counts
}

/// The four texts.
struct View {
    base: Outline,
    ours: Outline,
    theirs: Outline,
    result: Outline,
    /// Of the base, ours, theirs and the result.
    counts: [Vec<u32>; 4],
}

impl View {
    fn unbalanced(&self, names: &Names<'_>) -> Option<Fault> {
        let new = |of: fn(&Outline) -> &Vec<usize>| {
            first_new(of(&self.ours), of(&self.theirs), of(&self.result))
        };
        let found = new(|side| &side.open)
            .or_else(|| new(|side| &side.uneven))
            .or_else(|| new(|side| &side.untagged));
        found.map(|name| Fault::Unbalanced(names.text(name)))
    }

    /// Lines that appear more often than they may.
    fn miscounted(&self, names: &Names<'_>) -> Option<Fault> {
        let times = |outline: &Outline, key: usize| {
            outline.keys.iter().filter(|other| **other == key).count()
        };
        let is_doubled = |key: &&usize| {
            times(&self.result, **key) > times(&self.ours, **key).max(times(&self.theirs, **key))
        };
        if let Some(key) = self.result.keys.iter().find(is_doubled) {
            return Some(Fault::Doubled(names.text(*key)));
        }
        let [base, ours, theirs, result] = &self.counts;
        let headings = [&self.ours, &self.theirs, &self.result]
            .map(|outline| counts(outline, names.len(), |row| row.is_heading));
        for row in &self.result.rows {
            let (b, o, t, r) = (
                base[row.name],
                ours[row.name],
                theirs[row.name],
                result[row.name],
            );
            if !row.says_something {
                continue;
            }
            // What one side deleted, the other has at most moved.
            let left = if o < b && t < b {
                o.min(t)
            } else {
                (o + t).saturating_sub(b)
            };
            if r > left && (o < b || t < b) {
                return Some(Fault::Resurrected(names.text(row.name)));
            }
            // A heading inside code is not a heading.
            let [one, other, all] = [0, 1, 2].map(|side| headings[side][row.name]);
            if row.is_heading && o + t > 0 && all > one.max(other) {
                return Some(Fault::Doubled(names.text(row.name)));
            }
            let is_weighty = row.is_heading || b > 0 || !row.spot.is_code() || row.words >= WORDS;
            if o + t > 0 && r > o.max(t) && (is_weighty || r > left) {
                return Some(Fault::Doubled(names.text(row.name)));
            }
        }
        None
    }

    /// Lines that both sides added, in almost the same words.
    fn twinned(&self, names: &Names<'_>) -> Option<Fault> {
        let [base, ours, theirs, _] = &self.counts;
        let side = |row: &Row| match (base[row.name], ours[row.name], theirs[row.name]) {
            (0, 1.., 0) => Some(1),
            (0, 0, 1..) => Some(2),
            _ => None,
        };
        let rows = self.result.rows.iter().filter(|row| row.words >= TWINS);
        let added: Vec<(usize, &Row)> = rows.filter_map(|row| Some((side(row)?, row))).collect();
        if added.len() * added.len() > PAIRS {
            return None;
        }
        for (place, (author, row)) in added.iter().enumerate() {
            let mut twins = added[place + 1..]
                .iter()
                .filter(|(other, twin)| other != author && twin.is_heading == row.is_heading);
            if twins.any(|(_, twin)| names.are_twins(row.name, twin.name)) {
                return Some(Fault::Doubled(names.text(row.name)));
            }
        }
        None
    }

    /// Lines that one side deleted while the other moved and reworded them.
    fn reborn(&self, names: &Names<'_>) -> Option<Fault> {
        let [base, ours, theirs, result] = &self.counts;
        let gone = self.base.rows.iter().filter(|row| {
            row.words >= TWINS && ours[row.name] + theirs[row.name] + result[row.name] == 0
        });
        let gone: Vec<&Row> = gone.collect();
        let is_added = |row: &&Row, mine: &[u32], other: &[u32]| {
            row.words >= TWINS
                && base[row.name] == 0
                && other[row.name] == 0
                && mine[row.name] > 0
                && result[row.name] > 0
        };
        let added = |side: &'_ Outline, mine: &[u32], other: &[u32]| -> Vec<Row> {
            side.rows
                .iter()
                .filter(|row| is_added(row, mine, other))
                .cloned()
                .collect()
        };
        let sides = [
            added(&self.ours, ours, theirs),
            added(&self.theirs, theirs, ours),
        ];
        if gone.len() * (sides[0].len() + sides[1].len()) > PAIRS {
            return None;
        }
        // A line that the other side has in other words was not deleted there.
        let is_alike = |side: &Outline, name: usize| {
            side.rows
                .iter()
                .any(|row| base[row.name] == 0 && names.are_alike(row.name, name))
        };
        for (side, other) in [(&sides[0], &self.theirs), (&sides[1], &self.ours)] {
            for row in side {
                let mut before = gone
                    .iter()
                    .filter(|old| names.are_twins(old.name, row.name));
                if before.any(|old| !is_alike(other, old.name)) {
                    return Some(Fault::Resurrected(names.text(row.name)));
                }
            }
        }
        None
    }

    /// Lines in places where no side put them.
    fn misplaced(&self, names: &Names<'_>) -> Option<Fault> {
        let sides = [(&self.ours, &self.theirs), (&self.theirs, &self.ours)];
        for row in &self.result.rows {
            let has_spot = |(side, _): &(&Outline, &Outline)| {
                side.all(row.name)
                    .any(|index| side.rows[index].spot == row.spot)
            };
            if !row.says_something || sides.iter().any(has_spot) {
                continue;
            }
            let mut places = sides.iter().flat_map(|(side, other)| {
                side.all(row.name).map(move |index| (*side, *other, index))
            });
            // A line that was merged from several has no place of its own; what is below it is checked separately.
            let is_known = sides.iter().any(|(side, _)| side.find(row.name).is_some());
            if is_known
                && !places
                    .any(|(side, other, index)| self.is_carried(side, index, other, row, names))
            {
                let has_parent = |(side, _): &(&Outline, &Outline)| {
                    side.find(row.name)
                        .is_some_and(|row| row.spot.parent.is_some())
                };
                let text = names.text(row.name);
                let is_orphan = row.spot.parent.is_none() && sides.iter().any(has_parent);
                return Some(if is_orphan {
                    Fault::Orphaned(text)
                } else {
                    Fault::Torn(text)
                });
            }
        }
        None
    }

    /// Whether the other side moved the text around a line of this side to where the line is now.
    fn is_carried(
        &self,
        side: &Outline,
        index: usize,
        other: &Outline,
        now: &Row,
        names: &Names<'_>,
    ) -> bool {
        let was = &side.rows[index];
        (0..Spot::FIELDS).all(|field| {
            let (from, to) = (was.spot.field(field), now.spot.field(field));
            let question = Carried {
                view: self,
                side,
                other,
                names,
                field,
                from,
                to,
            };
            from == to || self.is_made_of(from, to, names) || question.answer(index)
        })
    }

    /// Whether what is above a line now is both sides' version of what was above it.
    fn is_made_of(&self, from: Option<usize>, to: Option<usize>, names: &Names<'_>) -> bool {
        let (Some(from), Some(to)) = (from, to) else {
            return false;
        };
        let [base, ours, theirs, result] = &self.counts;
        base[to] + ours[to] + theirs[to] == 0 && result[from] == 0 && names.are_alike(from, to)
    }

    fn counts_of(&self, outline: &Outline) -> &[u32] {
        if std::ptr::eq(outline, &raw const self.ours) {
            &self.counts[1]
        } else {
            &self.counts[2]
        }
    }

    /// Lines of which neither the text nor the words are left.
    fn missing(&self, names: &Names<'_>) -> Option<Fault> {
        let [base, ours, theirs, result] = &self.counts;
        let is_missing = |row: &&Row, mine: &[u32], other: &[u32]| {
            row.says_something
                && result[row.name] == 0
                && (mine[row.name] > base[row.name] || other[row.name] > 0)
        };
        let is_new = |row: &&Row| base[row.name] == 0;
        let mut lost = Vec::new();
        for (side, mine, other) in [(&self.ours, ours, theirs), (&self.theirs, theirs, ours)] {
            let missing: Vec<&Row> = side
                .rows
                .iter()
                .filter(|row| is_missing(row, mine, other))
                .collect();
            if missing.is_empty() {
                continue;
            }
            let words: HashSet<&str> = self
                .result
                .rows
                .iter()
                .filter(is_new)
                .flat_map(|row| names.words(row.name))
                .collect();
            // Words that were there before may have been changed by the other side.
            let old = self
                .base
                .rows
                .iter()
                .filter(|row| mine[row.name] < base[row.name]);
            let old: HashSet<&str> = old.flat_map(|row| names.words(row.name)).collect();
            let is_gone = |row: &&Row| {
                names
                    .words(row.name)
                    .any(|word| !words.contains(word) && !old.contains(word))
            };
            lost.extend(
                missing
                    .into_iter()
                    .filter(is_gone)
                    .map(|row| names.text(row.name)),
            );
        }
        lost.into_iter().min().map(Fault::Lost)
    }

    fn misnumbered(&self, names: &Names<'_>) -> Option<Fault> {
        let new = first_new(
            &self.ours.miscounted,
            &self.theirs.miscounted,
            &self.result.miscounted,
        );
        new.map(|name| Fault::Misnumbered(names.text(name)))
    }
}

/// The fault if the other side replaced what was above a line of one side, around that line.
struct Carried<'v, 'n, 'a> {
    view: &'v View,
    side: &'v Outline,
    other: &'v Outline,
    names: &'n Names<'a>,
    /// The part of a place that it is about, and what was and is there.
    field: usize,
    from: Option<usize>,
    to: Option<usize>,
}

impl Carried<'_, '_, '_> {
    fn answer(&self, index: usize) -> bool {
        let [base, .., result] = &self.view.counts;
        let (mine, theirs) = (
            self.view.counts_of(self.side),
            self.view.counts_of(self.other),
        );
        let line = &self.side.rows[index];
        if self.field == Spot::LEAD
            && let Some(opening) = self.from
            && self
                .other
                .find(opening)
                .is_some_and(|row| row.spot.lead.is_some() && row.spot.lead == self.to)
        {
            return true;
        }
        // It was written in the place of a line that the other side moved there.
        let is_older = |row: &&Row| {
            let is_replaced = base[row.name] == 1
                && mine[row.name] == 0
                && theirs[row.name] == 1
                && result[row.name] == 0;
            is_replaced
                && row.spot.field(self.field) == self.from
                && self.names.are_alike(row.name, line.name)
        };
        if self
            .view
            .base
            .rows
            .iter()
            .filter(is_older)
            .any(|row| self.has_moved(row, row.name))
        {
            return true;
        }
        // Its neighbours show where the text went.
        let (before, after) = (&self.side.rows[..index], &self.side.rows[index + 1..]);
        let near = [
            self.nearest(before.iter().rev(), line),
            self.nearest(after.iter(), line),
        ];
        if near.iter().any(Option::is_some) {
            return near.iter().flatten().all(|moved| *moved);
        }
        // It had no neighbours: then what it was under must be new.
        let (Some(from), Some(to)) = (self.from, self.to) else {
            return false;
        };
        base[from] > 0
            && theirs[from] == 0
            && base[to] == 0
            && theirs[to] > 0
            && self.names.are_alike(from, to)
    }

    /// Whether the nearest line that was in the same place, and that the other side still has, went to where the line is now.
    fn nearest<'r>(&self, rows: impl Iterator<Item = &'r Row>, line: &Row) -> Option<bool> {
        let [base, .., result] = &self.view.counts;
        let theirs = self.view.counts_of(self.other);
        let rows = rows
            .take(REACH)
            .take_while(|row| !row.is_boundary(self.from));
        let mut near = rows.filter(|row| {
            let is_alike = row.is_heading == line.is_heading && row.says_something;
            is_alike && row.spot.field(self.field) == self.from && base[row.name] == 1
        });
        near.find_map(|row| match theirs[row.name] {
            1 => (result[row.name] == 1).then(|| self.has_moved(row, row.name)),
            // The other side may have it in other words.
            0 => {
                let is_version = |other: &&Row| {
                    base[other.name] == 0 && self.names.are_alike(row.name, other.name)
                };
                self.other
                    .rows
                    .iter()
                    .find(is_version)
                    .map(|version| self.has_moved(row, version.name))
            }
            _ => None,
        })
    }

    /// Whether a line (which has another name on the other side if it was changed there) is now in the same place as the line in question.
    fn has_moved(&self, row: &Row, name: usize) -> bool {
        let there = self.other.find(name).map(|row| row.spot.field(self.field));
        // A line that opens a paragraph also opens it for the lines below.
        there == Some(self.to)
            || self.field == Spot::LEAD && (self.to == Some(row.name) || self.to == Some(name))
    }
}

/// The first text of a result's list that is on neither side's.
fn first_new(ours: &[usize], theirs: &[usize], result: &[usize]) -> Option<usize> {
    result
        .iter()
        .copied()
        .find(|name| !ours.contains(name) && !theirs.contains(name))
}
