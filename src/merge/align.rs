//! Looks more closely at a region that both sides changed: which lines correspond, and which edits really overlap.
//!
//! Plain three-way comparison treats edits of neighbouring lines as a conflict. Here each side's lines are aligned with the base's by
//! similarity, so that an edit is a changed line, or a run of lines that were added or removed; edits that are only adjacent are both made.

use std::cmp::Reverse;
use std::ops::Range;

use super::blocks::Kind;
use super::diff3::Change;

/// How many pairs of lines are compared at most; a larger region stays a conflict.
const MAX_CELLS: usize = 20_000;
/// Scores, in hundredths.
const EXACT: u32 = 120;
const BLANK: u32 = 30;
const ALIKE: u32 = 50;
const ALIKE_HEADINGS: u32 = 60;
/// From this score on, a line is an edited version of another line rather than a new one with some of its words.
const SAME: u32 = 75;

/// A line, or a sentence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) text: &'a [u8],
    /// Equal for equal tokens.
    pub(super) id: u32,
    pub(super) kind: Kind,
}

/// Ranges of the three inputs that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) base: Range<usize>,
    pub(super) ours: Range<usize>,
    pub(super) theirs: Range<usize>,
    pub(super) change: Change,
}

/// An edit of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) base: Range<usize>,
    pub(super) side: Range<usize>,
}

impl Edit {
    fn is_insertion(&self) -> bool {
        self.base.is_empty()
    }

    fn is_deletion(&self) -> bool {
        self.side.is_empty()
    }
}

/// Splits what both sides changed into parts that cover it in order; `None` if it is too much to compare, or if one of the edits (the
/// second argument of `is_safe` is true for ours) must not be made alone. `above` is the kind of the last line before them.
pub(super) fn merge(
    above: Option<Kind>,
    base: &[Token<'_>],
    ours: &[Token<'_>],
    theirs: &[Token<'_>],
    is_safe: &dyn Fn(&Edit, bool) -> bool,
) -> Option<Vec<Part>> {
    let left = edits(base, ours)?;
    let right = edits(base, theirs)?;
    let all_safe = left.iter().all(|edit| is_safe(edit, true))
        && right.iter().all(|edit| is_safe(edit, false));
    all_safe.then(|| combine(above, base, ours, theirs, &left, &right))
}

/// The edits that turn the base into a side.
fn edits(base: &[Token<'_>], side: &[Token<'_>]) -> Option<Vec<Edit>> {
    let is_equal = |(one, other): &(&Token<'_>, &Token<'_>)| one.id == other.id;
    let head = base.iter().zip(side).take_while(is_equal).count();
    let tail = base[head..]
        .iter()
        .rev()
        .zip(side[head..].iter().rev())
        .take_while(is_equal)
        .count();
    let (rows, columns) = (base.len() - head - tail, side.len() - head - tail);
    if rows * columns > MAX_CELLS {
        return None;
    }
    let (old, new) = (&base[head..head + rows], &side[head..head + columns]);
    let pairs = pairs(old, new);
    let mut edits = Vec::new();
    let (mut row, mut column) = (0, 0);
    for (to_row, to_column) in pairs.into_iter().chain([(rows, columns)]) {
        if to_row > row || to_column > column {
            edits.push(Edit {
                base: head + row..head + to_row,
                side: head + column..head + to_column,
            });
        }
        if to_row < rows && old[to_row].id != new[to_column].id {
            edits.push(Edit {
                base: head + to_row..head + to_row + 1,
                side: head + to_column..head + to_column + 1,
            });
        }
        (row, column) = (to_row + 1, to_column + 1);
    }
    Some(edits)
}

/// The best alignment: pairs of rows and columns that correspond, in order.
fn pairs(old: &[Token<'_>], new: &[Token<'_>]) -> Vec<(usize, usize)> {
    let bags = |tokens: &[Token<'_>]| {
        tokens
            .iter()
            .map(|token| bag(token.text))
            .collect::<Vec<_>>()
    };
    let (old_bags, new_bags) = (bags(old), bags(new));
    let width = new.len() + 1;
    let mut best = vec![0_u32; (old.len() + 1) * width];
    let mut scores = vec![0_u32; old.len() * new.len()];
    for row in (0..old.len()).rev() {
        for column in (0..new.len()).rev() {
            let score = likeness(&old[row], &new[column], &old_bags[row], &new_bags[column]);
            scores[row * new.len() + column] = score;
            let paired = if score > 0 {
                best[(row + 1) * width + column + 1] + score
            } else {
                0
            };
            best[row * width + column] = paired
                .max(best[(row + 1) * width + column])
                .max(best[row * width + column + 1]);
        }
    }
    let mut pairs = Vec::new();
    let (mut row, mut column) = (0, 0);
    while row < old.len() && column < new.len() {
        let here = best[row * width + column];
        let score = scores[row * new.len() + column];
        if score > 0 && here == best[(row + 1) * width + column + 1] + score {
            pairs.push((row, column));
            row += 1;
            column += 1;
        } else if here == best[(row + 1) * width + column] {
            row += 1;
        } else {
            column += 1;
        }
    }
    pairs
}

/// How similar two tokens are, as versions of one; 0: they are not.
fn likeness(old: &Token<'_>, new: &Token<'_>, old_bag: &[u64], new_bag: &[u64]) -> u32 {
    if old.id == new.id {
        return if old.kind == Kind::Blank {
            BLANK
        } else {
            EXACT
        };
    }
    let total = old_bag.len() + new_bag.len();
    // Even if all words of the smaller bag are in the larger one, that may be too little.
    if total == 0 || !old.kind.is_alike(new.kind) || 4 * old_bag.len().min(new_bag.len()) < total {
        return 0;
    }
    let (mut left, mut right, mut common) = (0, 0, 0_usize);
    while left < old_bag.len() && right < new_bag.len() {
        match old_bag[left].cmp(&new_bag[right]) {
            std::cmp::Ordering::Less => left += 1,
            std::cmp::Ordering::Greater => right += 1,
            std::cmp::Ordering::Equal => {
                common += 1;
                left += 1;
                right += 1;
            }
        }
    }
    let dice = u32::try_from(200 * common / total).unwrap_or(0);
    let enough = if old.kind.is_heading() {
        ALIKE_HEADINGS
    } else {
        ALIKE
    };
    if dice >= enough { dice } else { 0 }
}

/// The words of a text as sorted hashes.
fn bag(text: &[u8]) -> Vec<u64> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
    let words = text
        .split(|byte| !is_word(byte))
        .filter(|word| !word.is_empty());
    let fnv = |word: &[u8]| {
        word.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
        })
    };
    let mut bag: Vec<u64> = words.map(fnv).collect();
    bag.sort_unstable();
    bag
}

/// Combines the edits of both sides.
fn combine(
    above: Option<Kind>,
    base: &[Token<'_>],
    ours: &[Token<'_>],
    theirs: &[Token<'_>],
    left: &[Edit],
    right: &[Edit],
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let (mut at, mut at_ours, mut at_theirs) = (0, 0, 0);
    let (mut next_left, mut next_right) = (0, 0);
    loop {
        let (from_left, from_right) = (next_left, next_right);
        match (left.get(next_left), right.get(next_right)) {
            (None, None) => break,
            (Some(one), Some(other))
                if (other.base.start, other.base.end) < (one.base.start, one.base.end) =>
            {
                next_right += 1;
            }
            (None, Some(_)) => next_right += 1,
            (Some(_), _) => next_left += 1,
        }
        loop {
            let (members, others) = (&left[from_left..next_left], &right[from_right..next_right]);
            if let Some(edit) = left.get(next_left)
                && others
                    .iter()
                    .any(|other| meet(above, base, (edit, ours), (other, theirs)))
            {
                next_left += 1;
            } else if let Some(edit) = right.get(next_right)
                && members
                    .iter()
                    .any(|member| meet(above, base, (member, ours), (edit, theirs)))
            {
                next_right += 1;
            } else {
                break;
            }
        }
        let (members, others) = (&left[from_left..next_left], &right[from_right..next_right]);
        let both = || members.iter().chain(others);
        let start = both().map(|edit| edit.base.start).min().unwrap_or(at);
        let end = both().map(|edit| edit.base.end).max().unwrap_or(at);
        if start > at {
            let length = start - at;
            parts.push(Part {
                base: at..start,
                ours: at_ours..at_ours + length,
                theirs: at_theirs..at_theirs + length,
                change: Change::Nobody,
            });
            at_ours += length;
            at_theirs += length;
        }
        let grown = |edits: &[Edit]| {
            let added: usize = edits.iter().map(|edit| edit.side.len()).sum();
            let removed: usize = edits.iter().map(|edit| edit.base.len()).sum();
            end - start + added - removed
        };
        let range_ours = at_ours..at_ours + grown(members);
        let range_theirs = at_theirs..at_theirs + grown(others);
        (at, at_ours, at_theirs) = (end, range_ours.end, range_theirs.end);
        let part = Part {
            base: start..end,
            ours: range_ours,
            theirs: range_theirs,
            change: Change::Conflict,
        };
        match (members, others) {
            (_, []) => parts.push(Part {
                change: Change::Ours,
                ..part
            }),
            ([], _) => parts.push(Part {
                change: Change::Theirs,
                ..part
            }),
            _ => settle(part, base, ours, theirs, &mut parts),
        }
    }
    if at < base.len() {
        parts.push(Part {
            base: at..base.len(),
            ours: at_ours..ours.len(),
            theirs: at_theirs..theirs.len(),
            change: Change::Nobody,
        });
    }
    parts
}

/// Whether an edit of ours and one of theirs cannot simply both be made.
fn meet(
    above: Option<Kind>,
    base: &[Token<'_>],
    ours: (&Edit, &[Token<'_>]),
    theirs: (&Edit, &[Token<'_>]),
) -> bool {
    let (one, other) = (&ours.0.base, &theirs.0.base);
    let overlaps = match (one.is_empty(), other.is_empty()) {
        (true, true) => one.start == other.start,
        (true, false) => other.start < one.start && one.start < other.end,
        (false, true) => one.start < other.start && other.start < one.end,
        (false, false) => one.start < other.end && other.start < one.end,
    };
    overlaps
        || orphans(above, base, ours, theirs)
        || orphans(above, base, theirs, ours)
        || brings_heading(base, ours, theirs.0)
        || brings_heading(base, theirs, ours.0)
}

/// Whether lines are inserted next to lines that the other side replaced with something that has a heading: then it is unclear which
/// heading they belong under.
/// heading they belong then.
fn brings_heading(
    base: &[Token<'_>],
    (replacement, side): (&Edit, &[Token<'_>]),
    insertion: &Edit,
) -> bool {
    let touches = insertion.base.start == replacement.base.start
        || insertion.base.start == replacement.base.end;
    let is_replacement = !replacement.is_insertion() && !replacement.is_deletion();
    insertion.is_insertion()
        && is_replacement
        && touches
        && !is_reworded(base, replacement, side)
        && side[replacement.side.clone()]
            .iter()
            .any(|token| token.kind.is_heading())
}

/// Whether an edit changes the words of a single line.
fn is_reworded(base: &[Token<'_>], edit: &Edit, side: &[Token<'_>]) -> bool {
    let is_single = edit.base.len() == 1 && edit.side.len() == 1;
    is_single && {
        let (old, new) = (&base[edit.base.start], &side[edit.side.start]);
        likeness(old, new, &bag(old.text), &bag(new.text)) > 0
    }
}

/// Whether a deletion removes what the lines that the other side inserted next to it belong to.
fn orphans(
    above: Option<Kind>,
    base: &[Token<'_>],
    (deletion, other): (&Edit, &[Token<'_>]),
    (insertion, side): (&Edit, &[Token<'_>]),
) -> bool {
    if !insertion.is_insertion() {
        return false;
    }
    // What is indented more than the deleted lines may belong to them.
    if insertion.base.start == deletion.base.end
        && !deletion.is_insertion()
        && !is_reworded(base, deletion, other)
    {
        let indents = |tokens: &'_ [Token<'_>]| -> Vec<usize> {
            tokens
                .iter()
                .filter(|token| token.kind != Kind::Blank)
                .map(|token| indent(token.text))
                .collect()
        };
        let first = indents(&side[insertion.side.clone()]).first().copied();
        let gone = indents(&base[deletion.base.clone()]).into_iter().min();
        if first.zip(gone).is_some_and(|(first, gone)| first > gone) {
            return true;
        }
    }
    if !deletion.is_deletion() {
        return false;
    }
    let is_text = |token: &&Token<'_>| token.kind != Kind::Blank;
    let inserted = &side[insertion.side.clone()];
    let deleted = &base[deletion.base.clone()];
    if insertion.base.start == deletion.base.start {
        return inserted
            .iter()
            .rev()
            .find(is_text)
            .is_some_and(|last| last.kind.is_heading());
    }
    if insertion.base.start != deletion.base.end {
        return false;
    }
    let Some(first) = inserted.iter().find(is_text) else {
        return false;
    };
    let level = |kind: Kind| {
        if let Kind::Heading(level) = kind {
            Some(level)
        } else {
            None
        }
    };
    let highest = deleted.iter().filter_map(|token| level(token.kind)).min();
    match (level(first.kind), highest) {
        (Some(level), Some(highest)) => level > highest,
        (Some(_), None) => false,
        (None, Some(_)) => true,
        (None, None) => {
            // If a list or table is deleted completely, the new entry is deleted with it.
            let is_same = |kind: Option<Kind>| kind.is_some_and(|kind| kind.is_alike(first.kind));
            let last =
                |tokens: &[Token<'_>]| tokens.iter().rev().find(is_text).map(|token| token.kind);
            matches!(first.kind, Kind::Bullet | Kind::Row)
                && is_same(last(deleted))
                && !is_same(last(&base[..deletion.base.start]).or(above))
        }
    }
}

/// The indentation of a line; a tab counts as four spaces.
fn indent(text: &[u8]) -> usize {
    text.iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .map(|byte| if *byte == b'\t' { 4 } else { 1 })
        .sum()
}

/// Which side made all of the other's change and more: the other's tokens are all there, in order, and what is added to them is not what
/// the other deleted from the base.
pub(super) fn extended(
    base: &[Token<'_>],
    ours: &[Token<'_>],
    theirs: &[Token<'_>],
) -> Option<Change> {
    let includes = |large: &[Token<'_>], small: &[Token<'_>]| {
        let is_text = |token: &Token<'_>| token.kind != Kind::Blank;
        let mut rest = small.iter().peekable();
        let mut extra = Vec::new();
        for token in large {
            if rest.next_if(|next| next.id == token.id).is_none() {
                extra.push(token);
            }
        }
        // What both have must be new, at least in part: a deletion alone is contained in any change.
        let has_new = small
            .iter()
            .any(|token| is_text(token) && !base.iter().any(|old| old.id == token.id));
        let old_bags: Vec<Vec<u64>> = base.iter().map(|token| bag(token.text)).collect();
        let is_old = |token: &&Token<'_>| {
            let new_bag = bag(token.text);
            is_text(token)
                && base
                    .iter()
                    .zip(&old_bags)
                    .any(|(old, old_bag)| likeness(old, token, old_bag, &new_bag) >= SAME)
        };
        rest.next().is_none()
            && has_new
            && base.len() * extra.len() <= MAX_CELLS
            && !extra.iter().any(is_old)
    };
    if includes(ours, theirs) {
        Some(Change::Ours)
    } else if includes(theirs, ours) {
        Some(Change::Theirs)
    } else {
        None
    }
}

/// The level of the heading that lines begin with.
fn opening(tokens: &[Token<'_>]) -> Option<usize> {
    match tokens.iter().find(|token| token.kind != Kind::Blank)?.kind {
        Kind::Heading(level) => Some(level),
        _ => None,
    }
}

/// Whether both are separate sections, with headings and texts that have little in common.
fn are_sections(one: &[Token<'_>], other: &[Token<'_>]) -> bool {
    let is_section = |tokens: &[Token<'_>]| {
        let levels = || {
            tokens.iter().filter_map(|token| {
                if let Kind::Heading(level) = token.kind {
                    Some(level)
                } else {
                    None
                }
            })
        };
        let has_text = tokens
            .iter()
            .any(|token| !matches!(token.kind, Kind::Blank | Kind::Heading(_)));
        opening(tokens).is_some() && levels().min() == opening(tokens) && has_text
    };
    let bags = |tokens: &'_ [Token<'_>]| {
        tokens
            .iter()
            .map(|token| bag(token.text))
            .collect::<Vec<_>>()
    };
    let (one_bags, other_bags) = (bags(one), bags(other));
    let is_alike = |(token, bag): (&Token<'_>, &Vec<u64>)| {
        let is_text = token.kind != Kind::Blank && !bag.is_empty();
        is_text
            && other
                .iter()
                .zip(&other_bags)
                .any(|(twin, twin_bag)| likeness(token, twin, bag, twin_bag) > 0)
    };
    is_section(one)
        && is_section(other)
        && one.len() * other.len() <= MAX_CELLS
        && !one.iter().zip(&one_bags).any(is_alike)
}

/// Decides a part that both sides changed, as far as that is safe.
fn settle(
    part: Part,
    base: &[Token<'_>],
    ours: &[Token<'_>],
    theirs: &[Token<'_>],
    parts: &mut Vec<Part>,
) {
    let (one, other) = (&ours[part.ours.clone()], &theirs[part.theirs.clone()]);
    let is_equal = |(one, other): &(&Token<'_>, &Token<'_>)| one.id == other.id;
    let head = one.iter().zip(other).take_while(is_equal).count();
    if head == one.len() && head == other.len() {
        parts.push(Part {
            change: Change::Both,
            ..part
        });
        return;
    }
    if let Some(change) = extended(&base[part.base.clone()], one, other) {
        parts.push(Part { change, ..part });
        return;
    }
    let tail = one[head..]
        .iter()
        .rev()
        .zip(other[head..].iter().rev())
        .take_while(is_equal)
        .count();
    let rest_ours = part.ours.start + head..part.ours.end - tail;
    let rest_theirs = part.theirs.start + head..part.theirs.end - tail;
    if head > 0 {
        parts.push(Part {
            base: part.base.start..part.base.start,
            ours: part.ours.start..rest_ours.start,
            theirs: part.theirs.start..rest_theirs.start,
            change: Change::Both,
        });
    }
    let rest = Part {
        ours: rest_ours.clone(),
        theirs: rest_theirs.clone(),
        change: Change::Conflict,
        ..part.clone()
    };
    match (
        part.base.is_empty(),
        rest_ours.is_empty(),
        rest_theirs.is_empty(),
    ) {
        (true, false, false) => {
            let opens = |tokens: &[Token<'_>]| {
                let first = tokens.iter().find(|token| token.kind != Kind::Blank);
                first.is_some_and(|token| token.kind.is_heading())
            };
            let has_heading =
                |tokens: &[Token<'_>]| tokens.iter().any(|token| token.kind.is_heading());
            let (one, other) = (&ours[rest_ours.clone()], &theirs[rest_theirs.clone()]);
            // What continues the section comes before what starts a new one.
            let is_ours_first = if opens(other) && !has_heading(one) {
                Some(true)
            } else if opens(one) && !has_heading(other) {
                Some(false)
            } else if head + tail == 0 && are_sections(one, other) {
                // Two sections: the one with the lower level in the outline first, then in the order of their texts.
                let rank = |tokens: &[Token<'_>]| {
                    (
                        Reverse(opening(tokens)),
                        tokens
                            .iter()
                            .map(|token| token.text.to_vec())
                            .collect::<Vec<_>>(),
                    )
                };
                Some(rank(one) <= rank(other))
            } else {
                None
            };
            let ours_at = |at: usize| Part {
                ours: at..at,
                change: Change::Theirs,
                ..rest.clone()
            };
            let theirs_at = |at: usize| Part {
                theirs: at..at,
                change: Change::Ours,
                ..rest.clone()
            };
            match is_ours_first {
                Some(true) => {
                    parts.extend([theirs_at(rest_theirs.start), ours_at(rest_ours.end)]);
                }
                Some(false) => {
                    parts.extend([ours_at(rest_ours.start), theirs_at(rest_theirs.end)]);
                }
                None => parts.push(rest),
            }
        }
        _ => parts.push(rest),
    }
    if tail > 0 {
        parts.push(Part {
            base: part.base.end..part.base.end,
            ours: rest_ours.end..part.ours.end,
            theirs: rest_theirs.end..part.theirs.end,
            change: Change::Both,
        });
    }
}
