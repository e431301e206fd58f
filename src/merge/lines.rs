//! Merging sequences of lines: plain three-way comparison first, a closer look where both sides changed, sections that one side moved.

use std::borrow::Cow;
use std::ops::Range;

use similar::Algorithm;

use super::align::{self, Token};
use super::blocks::{Blocks, Kind, Section, sections};
use super::diff3::{Change, Interner, Region, regions};
use super::text::{Line, Out, Surroundings};
use super::{Rule, words};

/// Texts of more lines are compared in one way only.
const MAX_LINES: usize = 20_000;
/// Texts of more sections are not looked through for moved ones.
const MAX_SECTIONS: usize = 1_000;

/// One input as lines, numbered so that equal lines have equal numbers in all three.
#[derive(Debug)]
pub(super) struct Side<'a> {
    pub(super) lines: Vec<Line<'a>>,
    pub(super) blocks: Blocks,
    ids: Vec<u32>,
}

impl<'a> Side<'a> {
    pub(super) fn of(lines: Vec<Line<'a>>, interner: &mut Interner<&'a [u8]>) -> Self {
        let ids = lines.iter().map(|line| interner.id(line.text)).collect();
        let blocks = Blocks::of(&lines);
        Self { lines, blocks, ids }
    }

    fn tokens(&self, range: Range<usize>) -> Vec<Token<'a>> {
        range
            .map(|index| Token {
                text: self.lines[index].text,
                id: self.ids[index],
                kind: self.blocks.kinds[index],
            })
            .collect()
    }

    /// The share of the base's lines that a side still has, in percent.
    fn kept_of(&self, base: &Self) -> usize {
        let text = |side: &Self| {
            let lines = side
                .ids
                .iter()
                .zip(&side.blocks.kinds)
                .filter(|(_, kind)| **kind != Kind::Blank);
            let mut ids: Vec<u32> = lines.map(|(id, _)| *id).collect();
            ids.sort_unstable();
            ids
        };
        let (old, mut new) = (text(base), text(self).into_iter().peekable());
        let mut kept = 0;
        for id in &old {
            while new.next_if(|other| other < id).is_some() {}
            kept += usize::from(new.next_if_eq(id).is_some());
        }
        (100 * kept).checked_div(old.len()).unwrap_or(100)
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

/// What a merge of lines gives.
#[derive(Debug)]
pub(super) struct Merged<'a> {
    pub(super) chunks: Vec<Chunk<'a>>,
    /// What was done beyond plain three-way comparison, with the line of the base where it was done.
    pub(super) rules: Vec<(Rule, Range<usize>)>,
}

impl Merged<'_> {
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

/// Merges lines. The ranges of conflicts count in the inputs as given, unless a section was moved: then there are none.
pub(super) fn merge<'a>(inputs: Inputs<'_, 'a>, around: Surroundings) -> Merged<'a> {
    let first = with(Algorithm::Histogram, inputs, around, true);
    if first.conflicts() == 0 {
        return first;
    }
    if [inputs.base, inputs.ours, inputs.theirs]
        .iter()
        .any(|side| side.lines.len() > MAX_LINES)
    {
        return first;
    }
    // Another way to see the same edits may keep them apart.
    let second = with(Algorithm::Myers, inputs, around, true);
    if second.conflicts() == 0 {
        return second;
    }
    if let Some(moved) = with_moved_sections(inputs, around) {
        return moved;
    }
    if second.conflicts() < first.conflicts() {
        second
    } else {
        first
    }
}

/// Merges lines that must not be taken apart any further: plain three-way comparison.
pub(super) fn merge_plainly<'a>(inputs: Inputs<'_, 'a>, around: Surroundings) -> Merged<'a> {
    with(Algorithm::Myers, inputs, around, false)
}

/// Whether a side rewrote the text, so that single conflicts say little.
pub(super) fn is_rewritten(inputs: Inputs<'_, '_>, merged: &Merged<'_>) -> bool {
    const KEPT: usize = 40;
    const SHORT: usize = 12;
    let Inputs { base, ours, theirs } = inputs;
    let lengths = merged.chunks.iter().map(|chunk| match chunk {
        Chunk::Conflict { ours, theirs, .. } => ours.len() + theirs.len(),
        Chunk::Lines(_) => 0,
    });
    base.lines.len() >= SHORT
        && 100 * lengths.sum::<usize>() >= KEPT * (ours.lines.len() + theirs.lines.len())
        && (ours.kept_of(base) < KEPT || theirs.kept_of(base) < KEPT)
}

fn with<'a>(
    algorithm: Algorithm,
    inputs: Inputs<'_, 'a>,
    around: Surroundings,
    looks_closer: bool,
) -> Merged<'a> {
    let Inputs { base, ours, theirs } = inputs;
    let mut builder = Builder {
        inputs,
        around,
        merged: Merged {
            chunks: Vec::new(),
            rules: Vec::new(),
        },
    };
    for region in regions(algorithm, &base.ids, &ours.ids, &theirs.ids) {
        if region.change == Change::Conflict && looks_closer {
            builder.closer(&region);
        } else {
            builder.take(&region);
        }
    }
    builder.merged
}

struct Builder<'s, 'a> {
    inputs: Inputs<'s, 'a>,
    around: Surroundings,
    merged: Merged<'a>,
}

impl<'a> Builder<'_, 'a> {
    fn push(&mut self, lines: impl Iterator<Item = Out<'a>>) {
        if let Some(Chunk::Lines(last)) = self.merged.chunks.last_mut() {
            last.extend(lines);
            return;
        }
        let lines: Vec<Out<'a>> = lines.collect();
        if !lines.is_empty() {
            self.merged.chunks.push(Chunk::Lines(lines));
        }
    }

    /// Takes a region that is no conflict.
    fn take(&mut self, region: &Region) {
        let Inputs { base, ours, theirs } = self.inputs;
        let around = self.around;
        let (b, o, t) = (
            &base.lines[region.base.clone()],
            &ours.lines[region.ours.clone()],
            &theirs.lines[region.theirs.clone()],
        );
        // A line that all three have, changed or not, has an ending that all three have a say in.
        let shared = |side: &[Line<'a>]| -> Option<Vec<Out<'a>>> {
            (b.len() == o.len() && b.len() == t.len()).then(|| {
                let lines = side.iter().enumerate();
                lines
                    .map(|(index, line)| Out {
                        text: Cow::Borrowed(line.text),
                        ending: around.shared(b[index].ending, o[index].ending, t[index].ending),
                    })
                    .collect()
            })
        };
        let fresh = |side: &[Line<'a>]| -> Vec<Out<'a>> {
            side.iter()
                .map(|line| Out {
                    text: Cow::Borrowed(line.text),
                    ending: around.fresh(line.ending),
                })
                .collect()
        };
        let lines = match region.change {
            Change::Nobody | Change::Both | Change::Ours => {
                shared(o).unwrap_or_else(|| match region.change {
                    Change::Both => {
                        let pairs = o.iter().zip(t);
                        let ending = |(o, t): (&Line<'a>, &Line<'a>)| {
                            if o.ending == t.ending {
                                o.ending
                            } else {
                                o.ending.min(t.ending)
                            }
                        };
                        pairs
                            .map(|(o, t)| Out {
                                text: Cow::Borrowed(o.text),
                                ending: around.fresh(ending((o, t))),
                            })
                            .collect()
                    }
                    _ => fresh(o),
                })
            }
            Change::Theirs => shared(t).unwrap_or_else(|| fresh(t)),
            Change::Conflict => return self.conflict(region, None),
        };
        self.push(lines.into_iter());
    }

    /// Looks closer at a region that both sides changed.
    fn closer(&mut self, region: &Region) {
        let Inputs { base, ours, theirs } = self.inputs;
        if [base, ours, theirs]
            .iter()
            .any(|side| side.blocks.is_unbalanced)
        {
            return self.single(region);
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
                side.blocks.kinds[range].contains(&Kind::Rule)
            };
            let is_whole = edit.base.is_empty() || edit.side.is_empty();
            !base.blocks.cuts_code(old.start, old.end)
                && !side.blocks.cuts_code(new.start, new.end)
                && (is_whole || !has_rule(base, old) && !has_rule(side, new))
        };
        let tokens = (
            base.tokens(region.base.clone()),
            ours.tokens(region.ours.clone()),
            theirs.tokens(region.theirs.clone()),
        );
        let above = base.blocks.kinds[..region.base.start]
            .iter()
            .rev()
            .find(|kind| **kind != Kind::Blank)
            .copied();
        let Some(parts) = align::merge(above, &tokens.0, &tokens.1, &tokens.2, &is_safe) else {
            return self.single(region);
        };
        if !parts.iter().any(|part| part.change == Change::Conflict) {
            self.merged
                .rules
                .push((Rule::Neighbours, region.base.clone()));
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

    /// What both sides changed: perhaps one line that can be merged within.
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
        let is_code = base.blocks.kinds[region.base.start] == Kind::Code;
        match words::merge_line(b.text, o.text, t.text).filter(|_| !is_code) {
            Some(text) => {
                let ending = self.around.shared(b.ending, o.ending, t.ending);
                self.push(std::iter::once(Out {
                    text: Cow::Owned(text),
                    ending,
                }));
                self.merged
                    .rules
                    .push((Rule::Sentences, region.base.clone()));
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

    /// The side that can be taken as it is. White space in code may mean something.
    fn covering(&self, region: &Region) -> Option<Change> {
        let Inputs { base, ours, theirs } = self.inputs;
        if base.blocks.kinds[region.base.clone()].contains(&Kind::Code) {
            return None;
        }
        let text = |side: &Side<'a>, range: &Range<usize>| {
            side.lines[range.clone()]
                .iter()
                .flat_map(|line| [line.text, b"\n"])
                .collect::<Vec<_>>()
                .concat()
        };
        words::covering(
            &text(base, &region.base),
            &text(ours, &region.ours),
            &text(theirs, &region.theirs),
        )
    }

    fn conflict(&mut self, region: &Region, suggested: Option<Vec<u8>>) {
        if let Some(Chunk::Conflict {
            base,
            ours,
            theirs,
            suggestion,
        }) = self.merged.chunks.last_mut()
            && (base.end, ours.end, theirs.end)
                == (region.base.start, region.ours.start, region.theirs.start)
        {
            base.end = region.base.end;
            ours.end = region.ours.end;
            theirs.end = region.theirs.end;
            *suggestion = None;
            return;
        }
        self.merged.chunks.push(Chunk::Conflict {
            base: region.base.clone(),
            ours: region.ours.clone(),
            theirs: region.theirs.clone(),
            suggestion: suggested,
        });
    }
}

/// If one side did nothing to the order of the sections, puts them into the order of the other, then merges. Clean, or not at all.
fn with_moved_sections<'a>(inputs: Inputs<'_, 'a>, around: Surroundings) -> Option<Merged<'a>> {
    let Inputs { base, ours, theirs } = inputs;
    if [base, ours, theirs]
        .iter()
        .any(|side| side.blocks.is_unbalanced)
    {
        return None;
    }
    let of = |side: &Side<'a>| {
        let sections = sections(&side.lines, &side.blocks);
        let mut headings: Vec<_> = sections.iter().map(|section| section.heading).collect();
        headings.sort_unstable();
        let is_unique = headings.windows(2).all(|pair| pair[0] != pair[1]);
        (is_unique && sections.len() <= MAX_SECTIONS).then_some(sections)
    };
    let (b, o, t) = (of(base)?, of(ours)?, of(theirs)?);
    let order = |sections: &[Section<'a>], others: &[Section<'a>]| -> Vec<Option<&'a [u8]>> {
        let is_shared =
            |heading: Option<&[u8]>| others.iter().any(|other| other.heading == heading);
        sections
            .iter()
            .map(|section| section.heading)
            .filter(|heading| is_shared(*heading))
            .collect()
    };
    let has_moved = |side: &[Section<'a>]| order(side, &b) != order(&b, side);
    let (leader, follower, is_ours) = match (has_moved(&o), has_moved(&t)) {
        (true, false) => (&o, &t, true),
        (false, true) => (&t, &o, false),
        _ => return None,
    };
    let arranged = |sections: &[Section<'a>], side: &Side<'a>| {
        let place =
            |heading: Option<&[u8]>| leader.iter().position(|section| section.heading == heading);
        let mut keyed = Vec::new();
        let mut last = 0;
        for section in sections {
            // A section that the leader does not have stays behind the one before it.
            last = place(section.heading).unwrap_or(last);
            keyed.push((last, *section));
        }
        keyed.sort_by_key(|(place, _)| *place);
        let picked: Vec<usize> = keyed
            .iter()
            .flat_map(|(_, section)| section.start..section.end)
            .collect();
        let lines: Vec<Line<'a>> = picked.iter().map(|index| side.lines[*index]).collect();
        let ids = picked.iter().map(|index| side.ids[*index]).collect();
        Side {
            blocks: Blocks::of(&lines),
            lines,
            ids,
        }
    };
    let new_base = arranged(&b, base);
    let (new_ours, new_theirs);
    let moved = if is_ours {
        new_theirs = arranged(follower, theirs);
        Inputs {
            base: &new_base,
            ours,
            theirs: &new_theirs,
        }
    } else {
        new_ours = arranged(follower, ours);
        Inputs {
            base: &new_base,
            ours: &new_ours,
            theirs,
        }
    };
    let mut merged = with(Algorithm::Histogram, moved, around, true);
    if merged.conflicts() > 0 {
        return None;
    }
    merged.rules.push((Rule::Moved, 0..base.lines.len()));
    Some(merged)
}
