//! Merges sequences of lines: plain three-way comparison first, then a closer look where both sides changed, and sections that one side
//! moved.

use std::cell::OnceCell;
use std::ops::Range;

use similar::Algorithm;

use super::align::{self, Token};
use super::blocks::{Blocks, Kind};
use super::diff3::{Change, Interner, Region, regions};
use super::layout::{self, Dense, Placed, Step};
use super::text::{Line, Out, Surroundings};
use super::{Rule, moved, words};

/// Texts of more lines are compared in one way only.
const MAX_LINES: usize = 20_000;

/// One input as lines, numbered so that equal lines have equal numbers in all three.
#[derive(Debug, Clone)]
pub(super) struct Side<'a> {
    pub(super) lines: Vec<Line<'a>>,
    pub(super) ids: Vec<u32>,
    /// Found when somebody asks.
    blocks: OnceCell<Blocks>,
}

impl<'a> Side<'a> {
    pub(super) fn of(lines: Vec<Line<'a>>, interner: &mut Interner<&'a [u8]>) -> Self {
        let ids = interner.ids(lines.iter().map(|line| line.text));
        Self::with_ids(lines, ids)
    }

    /// Lines that have numbers already.
    pub(super) fn with_ids(lines: Vec<Line<'a>>, ids: Vec<u32>) -> Self {
        Self {
            lines,
            ids,
            blocks: OnceCell::new(),
        }
    }

    /// The kinds of the lines.
    pub(super) fn blocks(&self) -> &Blocks {
        self.blocks.get_or_init(|| Blocks::of(&self.lines))
    }

    /// The lines from this one on, as a separate text.
    pub(super) fn from(&self, start: usize) -> Self {
        Self::with_ids(self.lines[start..].to_vec(), self.ids[start..].to_vec())
    }

    /// The texts of the lines from this one on.
    pub(super) fn texts(&self, start: usize) -> Vec<&'a [u8]> {
        self.lines[start..].iter().map(|line| line.text).collect()
    }

    fn tokens(&self, range: Range<usize>) -> Vec<Token<'a>> {
        range
            .map(|index| Token {
                text: self.lines[index].text,
                id: self.ids[index],
                kind: self.blocks().kinds[index],
            })
            .collect()
    }
}

/// A stretch of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chunk<'a> {
    Lines(Vec<Out<'a>>),
    /// Ranges of the three inputs.
    Conflict {
        base: Range<usize>,
        ours: Range<usize>,
        theirs: Range<usize>,
        suggestion: Option<Vec<u8>>,
    },
}

/// The result of a merge of lines.
#[derive(Debug)]
pub(super) struct Merged<'a> {
    pub(super) chunks: Vec<Chunk<'a>>,
    /// What was done in addition to plain three-way comparison, with the line of the base where it was done.
    pub(super) rules: Vec<(Rule, Range<usize>)>,
    /// Whether the parts that both sides changed were compared more closely.
    is_close: bool,
}

impl Merged<'_> {
    /// The texts of the lines, if there is no conflict.
    pub(super) fn texts(&self) -> Option<Vec<&[u8]>> {
        match self.chunks.as_slice() {
            [] => Some(Vec::new()),
            [Chunk::Lines(lines)] => Some(lines.iter().map(|line| &*line.text).collect()),
            _ => None,
        }
    }

    pub(super) fn conflicts(&self) -> usize {
        self.chunks
            .iter()
            .filter(|chunk| matches!(chunk, Chunk::Conflict { .. }))
            .count()
    }
}

/// The three inputs of one merge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inputs<'s, 'a> {
    pub(super) base: &'s Side<'a>,
    pub(super) ours: &'s Side<'a>,
    pub(super) theirs: &'s Side<'a>,
}

impl<'s, 'a> Inputs<'s, 'a> {
    pub(super) fn all(self) -> [&'s Side<'a>; 3] {
        [self.base, self.ours, self.theirs]
    }

    /// Whether both sides certainly changed the same place differently: they begin, or end, with different lines that the base does not have.
    pub(super) fn must_conflict(self) -> bool {
        let [base, ours, theirs] = self.all().map(|side| &*side.ids);
        let is_new = |id: &u32| !base.contains(id);
        let ends = [(ours.first(), theirs.first()), (ours.last(), theirs.last())];
        ends.into_iter().any(|(one, other)| {
            one != other && one.is_some_and(is_new) && other.is_some_and(is_new)
        })
    }
}

/// How the lines of two sides are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Plain three-way comparison of all lines.
    Plain(Algorithm),
    /// Comparison without blank lines, with a closer look where both sides changed.
    Closer(Algorithm),
    /// The same, after the sections were put into the order that one side gave them.
    Moved,
}

impl Way {
    /// What is tried if the plainest way finds conflicts.
    pub(super) const SECOND: Self = Self::Plain(Algorithm::Myers);

    /// Whether it only compares.
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

/// The ways in which a body is merged, the plainest first.
pub(super) const WAYS: [Way; 5] = [
    Way::Plain(Algorithm::Histogram),
    Way::SECOND,
    Way::Closer(Algorithm::Histogram),
    Way::Closer(Algorithm::Myers),
    Way::Moved,
];

/// Merges lines in one way; `None` if this way does not apply. The ranges of conflicts refer to the inputs as given.
pub(super) fn merge_by<'a>(
    way: Way,
    inputs: Inputs<'_, 'a>,
    around: Surroundings,
) -> Option<Merged<'a>> {
    let Inputs { base, ours, theirs } = inputs;
    let is_long = [base, ours, theirs]
        .iter()
        .any(|side| side.lines.len() > MAX_LINES);
    match way {
        Way::Plain(algorithm) => {
            let dense = [base, ours, theirs].map(Dense::whole);
            Some(with(algorithm, dense.each_ref(), inputs, around, false))
        }
        Way::Closer(algorithm) => {
            if is_long && algorithm == Algorithm::Myers {
                return None;
            }
            let dense = [base, ours, theirs].map(Dense::without_blanks);
            Some(with(algorithm, dense.each_ref(), inputs, around, true))
        }
        Way::Moved if is_long => None,
        Way::Moved => moved::merge(inputs, around),
    }
}

/// Merges lines: the first way without conflicts, or else the best.
pub(super) fn merge<'a>(inputs: Inputs<'_, 'a>, around: Surroundings) -> Merged<'a> {
    let mut best: Option<Merged<'a>> = None;
    let must_conflict = inputs.must_conflict();
    for way in WAYS {
        // A closer look is better than conflicts that are certain.
        if must_conflict && way.is_plain() {
            continue;
        }
        let Some(merged) = merge_by(way, inputs, around) else {
            continue;
        };
        if merged.conflicts() == 0 {
            return merged;
        }
        best = Some(better(best, merged));
    }
    best.unwrap_or_else(|| merge_plainly(inputs, around))
}

/// Of two merges with conflicts, the more precise one: if they are equally precise, the one with fewer conflicts.
pub(super) fn better<'a>(one: Option<Merged<'a>>, other: Merged<'a>) -> Merged<'a> {
    let rank = |merged: &Merged<'_>| (!merged.is_close, merged.conflicts());
    match one {
        Some(one) if rank(&one) <= rank(&other) => one,
        _ => other,
    }
}

/// Merges lines that must not be split any further: plain three-way comparison.
pub(super) fn merge_plainly<'a>(inputs: Inputs<'_, 'a>, around: Surroundings) -> Merged<'a> {
    let dense = [inputs.base, inputs.ours, inputs.theirs].map(Dense::whole);
    with(Algorithm::Myers, dense.each_ref(), inputs, around, false)
}

/// Merges what was made from `texts` for comparison.
pub(super) fn with<'a>(
    algorithm: Algorithm,
    dense: [&Dense<'_, 'a>; 3],
    texts: Inputs<'_, 'a>,
    around: Surroundings,
    looks_closer: bool,
) -> Merged<'a> {
    let [base, ours, theirs] = dense.map(|dense| &*dense.side);
    let mut builder = Builder {
        inputs: Inputs { base, ours, theirs },
        steps: Vec::new(),
        rules: Vec::new(),
    };
    for region in regions(algorithm, &base.ids, &ours.ids, &theirs.ids) {
        if region.change == Change::Conflict && looks_closer {
            builder.closer(&region);
        } else {
            builder.take(&region);
        }
    }
    let rules = builder
        .rules
        .into_iter()
        .map(|(rule, range)| (rule, dense[0].range(&range)))
        .collect();
    Merged {
        chunks: layout::lay_out(builder.steps, dense, texts, around),
        rules,
        is_close: looks_closer,
    }
}

/// Lines as one text.
fn text(side: &Side<'_>, range: &Range<usize>) -> Vec<u8> {
    side.lines[range.clone()]
        .iter()
        .flat_map(|line| [line.text, b"\n"])
        .collect::<Vec<_>>()
        .concat()
}

struct Builder<'s, 'a> {
    inputs: Inputs<'s, 'a>,
    steps: Vec<Step>,
    rules: Vec<(Rule, Range<usize>)>,
}

impl<'a> Builder<'_, 'a> {
    /// Takes a region that is not a conflict.
    fn take(&mut self, region: &Region) {
        let (b, o, t) = (&region.base, &region.ours, &region.theirs);
        let from = match region.change {
            Change::Conflict => return self.conflict(region, None),
            Change::Theirs => 2,
            Change::Nobody | Change::Both | Change::Ours => 1,
        };
        // There are equally many lines on all sides, so each was changed in place.
        let in_place = b.len() == o.len() && b.len() == t.len();
        let is_both = in_place || region.change == Change::Both;
        for index in 0..if from == 1 { o.len() } else { t.len() } {
            let at = [
                in_place.then_some(b.start + index),
                (is_both || from == 1).then_some(o.start + index),
                (is_both || from == 2).then_some(t.start + index),
            ];
            self.steps.push(Step::Line(Placed {
                at,
                from,
                text: None,
            }));
        }
    }

    /// Looks more closely at a region that both sides changed.
    fn closer(&mut self, region: &Region) {
        let Inputs { base, ours, theirs } = self.inputs;
        if [base, ours, theirs]
            .iter()
            .any(|side| side.blocks().is_unbalanced)
        {
            return self.single(region);
        }
        if let Some(change) = self.reflowed(region) {
            return self.take(&Region {
                change,
                ..region.clone()
            });
        }
        let is_safe = |edit: &align::Edit, is_ours: bool| {
            let (side, start) = if is_ours {
                (ours, region.ours.start)
            } else {
                (theirs, region.theirs.start)
            };
            let old = region.base.start + edit.base.start..region.base.start + edit.base.end;
            let new = start + edit.side.start..start + edit.side.end;
            let has_rule = |side: &Side<'_>, range: Range<usize>| {
                side.blocks().kinds[range].contains(&Kind::Rule)
            };
            let is_whole = edit.base.is_empty() || edit.side.is_empty();
            !base.blocks().cuts_code(old.start, old.end)
                && !side.blocks().cuts_code(new.start, new.end)
                && (is_whole || !has_rule(base, old) && !has_rule(side, new))
        };
        let tokens = (
            base.tokens(region.base.clone()),
            ours.tokens(region.ours.clone()),
            theirs.tokens(region.theirs.clone()),
        );
        let above = base.blocks().kinds[..region.base.start]
            .iter()
            .rev()
            .find(|kind| **kind != Kind::Blank)
            .copied();
        let Some(parts) = align::merge(above, &tokens.0, &tokens.1, &tokens.2, &is_safe) else {
            return self.single(region);
        };
        if !parts.iter().any(|part| part.change == Change::Conflict) {
            self.rules.push((Rule::Neighbours, region.base.clone()));
        }
        for part in parts {
            let part = Region {
                base: region.base.start + part.base.start..region.base.start + part.base.end,
                ours: region.ours.start + part.ours.start..region.ours.start + part.ours.end,
                theirs: region.theirs.start + part.theirs.start
                    ..region.theirs.start + part.theirs.end,
                change: part.change,
            };
            if part.change == Change::Conflict {
                self.single(&part);
            } else {
                self.take(&part);
            }
        }
    }

    /// What both sides changed: perhaps one line, which can be merged within the line.
    fn single(&mut self, region: &Region) {
        let Inputs { base, ours, theirs } = self.inputs;
        if (region.base.len(), region.ours.len(), region.theirs.len()) != (1, 1, 1) {
            let tokens = (
                base.tokens(region.base.clone()),
                ours.tokens(region.ours.clone()),
                theirs.tokens(region.theirs.clone()),
            );
            let change =
                align::extended(&tokens.0, &tokens.1, &tokens.2).or_else(|| self.covering(region));
            return self.take(&Region {
                change: change.unwrap_or(Change::Conflict),
                ..region.clone()
            });
        }
        let line = |side: &Side<'a>, range: &Range<usize>| side.lines[range.start];
        let (b, o, t) = (
            line(base, &region.base),
            line(ours, &region.ours),
            line(theirs, &region.theirs),
        );
        let is_code = base.blocks().kinds[region.base.start] == Kind::Code;
        match words::merge_line(b.text, o.text, t.text).filter(|_| !is_code) {
            Some(text) => {
                let at = [
                    Some(region.base.start),
                    Some(region.ours.start),
                    Some(region.theirs.start),
                ];
                self.steps.push(Step::Line(Placed {
                    at,
                    from: 1,
                    text: Some(text),
                }));
                self.rules.push((Rule::Sentences, region.base.clone()));
            }
            None => match self.covering(region) {
                Some(change) => self.take(&Region {
                    change,
                    ..region.clone()
                }),
                None => self.conflict(region, words::suggest(b.text, o.text, t.text)),
            },
        }
    }

    /// The side that can be taken as it is. White space in code may have a meaning.
    fn covering(&self, region: &Region) -> Option<Change> {
        let Inputs { base, ours, theirs } = self.inputs;
        let code = |side: &Side<'a>, range: &Range<usize>| -> Vec<&'a [u8]> {
            range
                .clone()
                .filter(|index| side.blocks().kinds[*index] == Kind::Code)
                .map(|index| side.lines[index].text)
                .collect()
        };
        if !code(base, &region.base).is_empty()
            || code(ours, &region.ours) != code(theirs, &region.theirs)
        {
            return None;
        }
        words::covering(
            &text(base, &region.base),
            &text(ours, &region.ours),
            &text(theirs, &region.theirs),
        )
    }

    /// The side to take if the other only broke the lines of its text differently.
    fn reflowed(&self, region: &Region) -> Option<Change> {
        let Inputs { base, ours, theirs } = self.inputs;
        let (b, o, t) = (&region.base, &region.ours, &region.theirs);
        let is_plain = |side: &Side<'_>, range: &Range<usize>| {
            side.blocks().kinds[range.clone()]
                .iter()
                .all(|kind| matches!(kind, Kind::Text | Kind::Bullet | Kind::Blank))
        };
        if b.is_empty() || !is_plain(base, b) || !is_plain(ours, o) || !is_plain(theirs, t) {
            return None;
        }
        // Lines that end where sentences end were broken on purpose.
        let is_wrapped = |(side, range): (&Side<'_>, &Range<usize>)| {
            let last = |line: &Line<'_>| line.text.trim_ascii_end().last().copied().unwrap_or(b'.');
            side.lines[range.start..range.end - 1]
                .iter()
                .any(|line| !b".!?:;".contains(&last(line)))
        };
        let is_same = |side: &Side<'a>, range: &Range<usize>| {
            let bullets = |side: &Side<'_>, range: &Range<usize>| {
                side.blocks().kinds[range.clone()]
                    .iter()
                    .filter(|kind| **kind == Kind::Bullet)
                    .count()
            };
            bullets(side, range) == bullets(base, b)
                && range.len() != b.len()
                && is_wrapped(if range.len() > b.len() {
                    (side, range)
                } else {
                    (base, b)
                })
                && words::are_same(&text(base, b), &text(side, range))
        };
        match (is_same(ours, o), is_same(theirs, t)) {
            (true, false) => Some(Change::Theirs),
            (false, true) => Some(Change::Ours),
            _ => None,
        }
    }

    fn conflict(&mut self, region: &Region, suggested: Option<Vec<u8>>) {
        let here = [
            region.base.clone(),
            region.ours.clone(),
            region.theirs.clone(),
        ];
        if let Some(Step::Conflict { ranges, suggestion }) = self.steps.last_mut()
            && [0, 1, 2]
                .iter()
                .all(|side| ranges[*side].end == here[*side].start)
        {
            for (range, more) in ranges.iter_mut().zip(here) {
                range.end = more.end;
            }
            *suggestion = None;
            return;
        }
        self.steps.push(Step::Conflict {
            ranges: here,
            suggestion: suggested,
        });
    }
}
