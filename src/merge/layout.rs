//! Blank lines are not used as anchors: texts are compared without them, and then each line of the result gets the blank lines above it
//! from a side on which it has the same neighbour.

use std::borrow::Cow;
use std::ops::Range;

use super::blocks::Kind;
use super::lines::{Chunk, Inputs, Side};
use super::text::{Ending, Line, Out, Surroundings};
use super::three_way;

/// A side as it is compared: its lines, and their places in the text.
#[derive(Debug)]
pub(super) struct Dense<'s, 'a> {
    pub(super) side: Cow<'s, Side<'a>>,
    /// The line number in the text of each line; `None`: no lines were left out.
    places: Option<Vec<usize>>,
    /// How many lines the text has.
    length: usize,
}

impl<'s, 'a> Dense<'s, 'a> {
    /// All lines.
    pub(super) fn whole(side: &'s Side<'a>) -> Self {
        Self {
            side: Cow::Borrowed(side),
            places: None,
            length: side.lines.len(),
        }
    }

    /// The lines that are not blank, or are inside code.
    pub(super) fn without_blanks(side: &'s Side<'a>) -> Self {
        let places: Vec<usize> = (0..side.lines.len())
            .filter(|index| side.blocks().kinds[*index] != Kind::Blank)
            .collect();
        Self {
            side: Cow::Owned(side.picked(&places)),
            places: Some(places),
            length: side.lines.len(),
        }
    }

    /// The line number in the text of a line; also of the end.
    fn place(&self, index: usize) -> usize {
        self.places.as_ref().map_or(index, |places| {
            places.get(index).copied().unwrap_or(self.length)
        })
    }

    /// The start of the blank lines above a line; also of the end.
    fn gap_start(&self, index: usize) -> usize {
        index
            .checked_sub(1)
            .map_or(0, |previous| self.place(previous) + 1)
    }

    fn gap(&self, index: usize) -> Range<usize> {
        self.gap_start(index)..self.place(index)
    }

    /// The range of the text that a range of lines covers, with the blank lines above.
    pub(super) fn range(&self, range: &Range<usize>) -> Range<usize> {
        self.gap_start(range.start)..self.gap_start(range.end.max(range.start))
    }
}

/// A line of the result: its places in the base, ours and theirs.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) at: [Option<usize>; 3],
    /// The side whose text it has, as an index into `at`.
    pub(super) from: usize,
    /// Its text, if it was merged from several.
    pub(super) text: Option<Vec<u8>>,
}

/// The result of a comparison, in order. Ranges refer to what was compared.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Line(Placed),
    Conflict {
        ranges: [Range<usize>; 3],
        suggestion: Option<Vec<u8>>,
    },
}

/// Combines the lines and conflicts with the blank lines between them; `texts` are the sides as they were given.
pub(super) fn lay_out<'a>(
    steps: Vec<Step>,
    dense: [&Dense<'_, 'a>; 3],
    texts: Inputs<'_, 'a>,
    around: Surroundings,
) -> Vec<Chunk<'a>> {
    let mut layout = Layout {
        dense,
        texts: [texts.base, texts.ours, texts.theirs],
        around,
        chunks: Vec::new(),
        last: [Some(0); 3],
    };
    for step in steps {
        match step {
            Step::Line(placed) => layout.line(placed),
            Step::Conflict { ranges, suggestion } => layout.conflict(&ranges, suggestion),
        }
    }
    let ends = dense.map(|side| Some(side.side.lines.len()));
    let gap = layout.gap(ends);
    layout.push(gap);
    layout.chunks
}

struct Layout<'l, 'a> {
    dense: [&'l Dense<'l, 'a>; 3],
    texts: [&'l Side<'a>; 3],
    around: Surroundings,
    chunks: Vec<Chunk<'a>>,
    /// The position on each side after what was written, as the index of the next line.
    last: [Option<usize>; 3],
}

impl<'a> Layout<'_, 'a> {
    fn push(&mut self, lines: Vec<Out<'a>>) {
        match self.chunks.last_mut() {
            Some(Chunk::Lines(last)) => last.extend(lines),
            _ if lines.is_empty() => {}
            _ => self.chunks.push(Chunk::Lines(lines)),
        }
    }

    fn line(&mut self, placed: Placed) {
        if self.dense[0].places.is_some() {
            let gap = self.gap(placed.at);
            self.push(gap);
        }
        let line = |side: usize| placed.at[side].map(|index| self.dense[side].side.lines[index]);
        let ending = match (line(0), line(1), line(2)) {
            // If all three have a line, changed or not, all three determine its ending.
            (Some(b), Some(o), Some(t)) => self.around.shared(b.ending, o.ending, t.ending),
            (_, Some(o), Some(t)) => self.around.fresh(o.ending.min(t.ending)),
            (_, Some(one), None) | (_, None, Some(one)) | (Some(one), None, None) => {
                self.around.fresh(one.ending)
            }
            (None, None, None) => self.around.fresh(Ending::Lf),
        };
        let text = match placed.text {
            Some(text) => Cow::Owned(text),
            None => Cow::Borrowed(line(placed.from).map_or(&[][..], |line| line.text)),
        };
        match self.chunks.last_mut() {
            Some(Chunk::Lines(last)) => last.push(Out { text, ending }),
            _ => self.chunks.push(Chunk::Lines(vec![Out { text, ending }])),
        }
        self.last = placed.at.map(|at| at.map(|index| index + 1));
    }

    fn conflict(&mut self, ranges: &[Range<usize>; 3], suggestion: Option<Vec<u8>>) {
        let mut whole = [0, 1, 2].map(|side| self.dense[side].range(&ranges[side]));
        // Blank lines that all three begin with do not belong to it.
        if ranges.iter().all(|range| !range.is_empty()) {
            let gap = [0, 1, 2].map(|side| self.dense[side].gap(ranges[side].start));
            let lines = [0, 1, 2].map(|side| &self.texts[side].lines[gap[side].clone()]);
            let is_equal = |index: &usize| {
                lines.iter().all(|side| {
                    side.get(*index)
                        .is_some_and(|line| line.text == lines[0][*index].text)
                })
            };
            let shared = (0..lines[0].len()).take_while(is_equal).count();
            let above = (0..shared)
                .map(|index| self.blank([0, 1, 2].map(|side| lines[side].get(index))))
                .collect();
            self.push(above);
            whole = whole.map(|range| range.start + shared..range.end);
        }
        self.last = [0, 1, 2].map(|side| Some(ranges[side].end));
        let [base, ours, theirs] = whole;
        self.chunks.push(Chunk::Conflict {
            base,
            ours,
            theirs,
            suggestion,
        });
    }

    /// The blank lines above a line of the result.
    fn gap(&self, at: [Option<usize>; 3]) -> Vec<Out<'a>> {
        let own = |side: usize, index: usize| &self.texts[side].lines[self.dense[side].gap(index)];
        let known = |side: usize| {
            at[side]
                .filter(|_| at[side] == self.last[side])
                .map(|index| own(side, index))
        };
        let all = match (known(0), known(1), known(2)) {
            (Some(base), Some(ours), Some(theirs)) => [Some(base), Some(ours), Some(theirs)],
            (_, ours, theirs) if ours.is_some() || theirs.is_some() => [None, ours, theirs],
            _ => [None, Some(self.gap_between(at)), None],
        };
        let lines = match all {
            [base, Some(ours), Some(theirs)] => merged_gap(base, ours, theirs),
            [_, Some(one), None] | [_, None, Some(one)] => one,
            [_, None, None] => return Vec::new(),
        };
        let of = |side: usize, index: usize| {
            all[side]
                .filter(|gap| gap.len() == lines.len())
                .and_then(|gap| gap.get(index))
        };
        let blank = |(index, line): (usize, &Line<'a>)| {
            let ending = match (of(0, index), of(1, index), of(2, index)) {
                (Some(base), Some(ours), Some(theirs)) => {
                    self.around.shared(base.ending, ours.ending, theirs.ending)
                }
                (_, Some(ours), Some(theirs)) => self.around.fresh(ours.ending.min(theirs.ending)),
                _ => self.around.fresh(line.ending),
            };
            Out {
                text: Cow::Borrowed(line.text),
                ending,
            }
        };
        lines.iter().enumerate().map(blank).collect()
    }

    /// The blank lines between two lines that are adjacent on no side: those above the lower one, or below the upper one, whichever are
    /// more.
    fn gap_between(&self, at: [Option<usize>; 3]) -> &[Line<'a>] {
        let own = |side: usize, index: usize| &self.texts[side].lines[self.dense[side].gap(index)];
        let here = |side: usize| at[side].map(|index| own(side, index));
        let above = match (here(1), here(2)) {
            (Some(ours), Some(theirs)) => merged_gap(here(0), ours, theirs),
            (one, other) => one.or(other).unwrap_or_default(),
        };
        let below = [1, 2]
            .into_iter()
            .filter_map(|side| self.last[side].map(|index| own(side, index)));
        below
            .reduce(longer)
            .filter(|below| below.len() > above.len())
            .unwrap_or(above)
    }

    fn blank(&self, [base, ours, theirs]: [Option<&Line<'a>>; 3]) -> Out<'a> {
        match (base, ours, theirs) {
            (Some(base), Some(ours), Some(theirs)) => {
                let ending = self.around.shared(base.ending, ours.ending, theirs.ending);
                Out {
                    text: Cow::Borrowed(ours.text),
                    ending,
                }
            }
            _ => Out {
                text: Cow::Borrowed(b""),
                ending: self.around.fresh(Ending::Lf),
            },
        }
    }
}

/// The blank lines that two sides have in the same place.
fn merged_gap<'l, 'a>(
    base: Option<&'l [Line<'a>]>,
    ours: &'l [Line<'a>],
    theirs: &'l [Line<'a>],
) -> &'l [Line<'a>] {
    let texts = |side: &[Line<'a>]| side.iter().map(|line| line.text).collect::<Vec<_>>();
    let Some(base) = base.filter(|_| texts(ours) != texts(theirs)) else {
        return longer(ours, theirs);
    };
    match three_way(&texts(base), &texts(ours), &texts(theirs)) {
        Some(merged) if *merged == texts(ours) => ours,
        Some(_) => theirs,
        None => longer(ours, theirs),
    }
}

/// The longer of two gaps; of equally long ones the one that sorts last, so that the result does not depend on the side.
fn longer<'l, 'a>(one: &'l [Line<'a>], other: &'l [Line<'a>]) -> &'l [Line<'a>] {
    let rank = |side: &[Line<'a>]| {
        (
            side.len(),
            side.iter()
                .map(|line| (line.text, line.ending))
                .collect::<Vec<_>>(),
        )
    };
    if rank(one) >= rank(other) { one } else { other }
}

impl<'a> Side<'a> {
    /// Some of the lines of a side.
    pub(super) fn picked(&self, places: &[usize]) -> Self {
        let lines: Vec<Line<'a>> = places.iter().map(|index| self.lines[*index]).collect();
        let ids = places.iter().map(|index| self.ids[*index]).collect();
        Self::with_ids(lines, ids)
    }
}
