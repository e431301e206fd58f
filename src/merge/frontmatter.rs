//! The frontmatter key by key: each entry keeps the bytes of the side that it is taken from.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_yaml::Value;

use super::diff3::{Change, Interner};
use super::lines::{Inputs, Merged, Side};
use super::list::List;
use super::text::{Line, Surroundings};
use super::{Options, Reason, Rule, lines, list, order, words};

/// A block with more keys is merged by lines.
const MAX_ENTRIES: usize = 500;

/// The key of the text below the last entry.
const REST: &str = "";

/// An entry: its key, the comments and blank lines above it, which belong to it, and its own lines up to those of the next entry.
#[derive(Debug, Clone)]
struct Entry<'a> {
    key: &'a str,
    above: Range<usize>,
    lines: Range<usize>,
}

impl Entry<'_> {
    fn all(&self) -> Range<usize> {
        self.above.start..self.lines.end
    }
}

/// A frontmatter block whose parts are clear without parsing YAML.
#[derive(Debug)]
pub(super) struct Frontmatter<'a> {
    entries: Vec<Entry<'a>>,
    /// The line of the closing fence.
    pub(super) close: usize,
}

/// How an entry of the result is made.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// As all three have it, or as one side has it: these lines of the base, ours and theirs.
    Taken {
        base: Range<usize>,
        ours: Range<usize>,
        theirs: Range<usize>,
        from: From,
    },
    /// Made from several inputs.
    Made {
        key: String,
        lines: Vec<Vec<u8>>,
        rule: Rule,
    },
    /// Merged by lines within the entry.
    Within { key: String, merged: Merged<'a> },
    /// Undecided.
    Conflict {
        key: String,
        reason: Reason,
        base: Range<usize>,
        ours: Range<usize>,
        theirs: Range<usize>,
    },
}

/// Which side's bytes are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Ours,
    Theirs,
    /// Both have the same lines.
    Both,
}

impl<'a> Frontmatter<'a> {
    /// Finds the entries; `None` if the keys alone do not show what belongs together.
    pub(super) fn of(lines: &[Line<'a>]) -> Option<Self> {
        if lines.first()?.text.trim_ascii_end() != b"---" {
            return None;
        }
        let close = 1 + lines[1..]
            .iter()
            .position(|line| line.text.windows(3).any(|window| window == b"---"))?;
        if lines[close].text.trim_ascii_end() != b"---" {
            return None;
        }
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let mut at = 1;
        // Comments and blank lines since the last line of a value.
        let mut loose = 1;
        while at < close {
            if lines[at].text.is_empty() {
                at += 1;
                continue;
            }
            let text = std::str::from_utf8(lines[at].text).ok()?;
            if is_linked(text) {
                return None;
            }
            let Some(key) = key(text) else {
                at += 1;
                if !(text.trim().is_empty() || text.starts_with('#')) {
                    entries.last_mut()?.lines.end = at;
                    loose = at;
                }
                continue;
            };
            if entries.len() == MAX_ENTRIES || entries.iter().any(|entry| entry.key == key) {
                return None;
            }
            let end = quoted_end(lines, at, close);
            entries.push(Entry {
                key,
                above: loose..at,
                lines: at..end,
            });
            at = end;
            loose = end;
        }
        if loose < close {
            entries.push(Entry {
                key: REST,
                above: loose..close,
                lines: close..close,
            });
        }
        Some(Self { entries, close })
    }

    fn get(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn keys(&self) -> Vec<&'a str> {
        self.entries.iter().map(|entry| entry.key).collect()
    }
}

/// The key that a line begins with.
fn key(line: &str) -> Option<&str> {
    head(line).map(|(key, _)| key)
}

/// The key that a line begins with, which may be quoted or have space behind it, and what follows the colon.
fn head(line: &str) -> Option<(&str, &str)> {
    let mark = line.chars().next().filter(|first| "\"'".contains(*first));
    let inner = &line[usize::from(mark.is_some())..];
    let length = inner.find(|character: char| {
        !(character.is_ascii_alphanumeric() || "_-.".contains(character))
    })?;
    let (key, behind) = inner.split_at(length);
    let behind = mark.map_or(Some(behind), |mark| behind.strip_prefix(mark))?;
    let rest = behind.trim_start_matches([' ', '\t']).strip_prefix(':')?;
    let is_key = !key.is_empty() && (rest.is_empty() || rest.starts_with([' ', '\t']));
    is_key.then_some((key, rest))
}

/// What follows the colon in the first line of an entry.
fn value_of(line: &[u8]) -> Option<&[u8]> {
    let (_, rest) = head(std::str::from_utf8(line).ok()?)?;
    Some(&line[line.len() - rest.len()..])
}

/// Whether a line uses something that connects entries: anchors, aliases, merge keys, directives.
fn is_linked(line: &str) -> bool {
    let trimmed = line.trim_start();
    let mut values = line.split([' ', ',', '[', '{']).map(str::trim_end);
    trimmed.starts_with("<<")
        || trimmed.starts_with(['%', '?'])
        || values.any(|value| {
            value.strip_prefix(['&', '*']).is_some_and(|name| {
                !name.is_empty()
                    && name
                        .chars()
                        .all(|character| character.is_alphanumeric() || "_-".contains(character))
            })
        })
}

/// The line after an entry whose value is a quoted text on several lines, or the next line.
fn quoted_end(lines: &[Line<'_>], at: usize, close: usize) -> usize {
    let value = value_of(lines[at].text).unwrap_or_default();
    let value = value.trim_ascii_start();
    let Some(quote) = value
        .first()
        .copied()
        .filter(|first| matches!(first, b'"' | b'\''))
    else {
        return at + 1;
    };
    let mut text = &value[1..];
    for end in at..close {
        let mut bytes = text.iter();
        while let Some(byte) = bytes.next() {
            if *byte == b'\\' && quote == b'"' {
                bytes.next();
            } else if *byte == quote && bytes.as_slice().first() != Some(&quote) {
                return end + 1;
            } else if *byte == quote {
                bytes.next();
            }
        }
        text = lines.get(end + 1).map_or(&[], |line| line.text);
    }
    at + 1
}

/// The three inputs with their frontmatter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads<'s, 'a> {
    pub(super) inputs: Inputs<'s, 'a>,
    pub(super) base: &'s Frontmatter<'a>,
    pub(super) ours: &'s Frontmatter<'a>,
    pub(super) theirs: &'s Frontmatter<'a>,
    pub(super) options: &'s Options,
}

/// Merges the entries between the fences.
pub(super) fn merge<'a>(heads: Heads<'_, 'a>, around: Surroundings) -> Vec<Piece<'a>> {
    let (b, o, t) = (heads.base.keys(), heads.ours.keys(), heads.theirs.keys());
    let mut decided: Vec<(&str, Vec<Piece<'a>>)> = Vec::new();
    let all: BTreeSet<&str> = b.iter().chain(&o).chain(&t).copied().collect();
    for key in all {
        let pieces = with_comments(heads, key, around);
        if !pieces.is_empty() {
            decided.push((key, pieces));
        }
    }
    let result: BTreeSet<&str> = decided
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| *key != REST)
        .collect();
    let ordered = order::merge(&b, &o, &t, &result);
    let mut pieces = Vec::with_capacity(decided.len());
    for key in ordered.into_iter().chain([REST]) {
        if let Some(at) = decided.iter().position(|(decided, _)| *decided == key) {
            pieces.extend(decided.swap_remove(at).1);
        }
    }
    pieces
}

/// An entry with the comments above it.
fn with_comments<'a>(heads: Heads<'_, 'a>, key: &str, around: Surroundings) -> Vec<Piece<'a>> {
    let Inputs { base, ours, theirs } = heads.inputs;
    let entries = [
        heads.base.get(key),
        heads.ours.get(key),
        heads.theirs.get(key),
    ];
    let [all_base, all_ours, all_theirs] = entries.map(|entry| entry.map_or(0..0, Entry::all));
    let conflict = |reason: Reason| {
        let (base, ours, theirs) = (all_base.clone(), all_ours.clone(), all_theirs.clone());
        vec![Piece::Conflict {
            key: key.to_owned(),
            reason,
            base,
            ours,
            theirs,
        }]
    };
    let is_pinned = heads.options.pins.iter().any(|pin| pin == key);
    if is_pinned && entries[1].is_some() {
        return vec![Piece::Taken {
            base: all_base,
            ours: all_ours,
            theirs: all_theirs,
            from: From::Ours,
        }];
    }
    let value = if key == REST {
        None
    } else {
        entry(heads, key, around)
    };
    if let Some(Piece::Conflict { reason, .. }) = value {
        return conflict(reason);
    }
    let above = entries.map(|entry| entry.map_or(0..0, |entry| entry.above.clone()));
    let [b, o, t] = [(base, &above[0]), (ours, &above[1]), (theirs, &above[2])]
        .map(|(side, range)| &side.lines[range.clone()]);
    let texts = |side: &[Line<'a>]| side.iter().map(|line| line.text).collect::<Vec<_>>();
    let (old, one, other) = (texts(b), texts(o), texts(t));
    if value.is_none() && key != REST {
        // The key is removed. A comment that somebody has written above it since must not be lost silently.
        let is_new = |side: &[&[u8]], entry: Option<&Entry<'_>>| {
            entry.is_some()
                && side
                    .iter()
                    .any(|line| is_comment(line) && !old.contains(line))
        };
        let is_lost = is_new(&one, entries[1]) || is_new(&other, entries[2]);
        return if is_lost && !is_pinned {
            conflict(Reason::DeletedAndChanged)
        } else {
            Vec::new()
        };
    }
    let [base_range, ours_range, theirs_range] = above.clone();
    let taken = |from: From| Piece::Taken {
        base: base_range.clone(),
        ours: ours_range.clone(),
        theirs: theirs_range.clone(),
        from,
    };
    let comments = |side: &[&'a [u8]]| {
        side.iter()
            .copied()
            .filter(|line| is_comment(line))
            .collect::<Vec<_>>()
    };
    let piece = if one == other {
        Some(taken(From::Both))
    } else if other == old {
        Some(taken(From::Ours))
    } else if one == old {
        Some(taken(From::Theirs))
    } else if comments(&one) == comments(&other) {
        Some(taken(if (one.len(), &one) >= (other.len(), &other) {
            From::Ours
        } else {
            From::Theirs
        }))
    } else {
        let mut interner = Interner::new();
        let [base, ours, theirs] = &[b, o, t].map(|lines| Side::of(lines.to_vec(), &mut interner));
        let merged = lines::merge_plainly(Inputs { base, ours, theirs }, around);
        (merged.conflicts() == 0).then(|| Piece::Within {
            key: key.to_owned(),
            merged,
        })
    };
    match piece {
        Some(piece) => std::iter::once(piece).chain(value).collect(),
        None => conflict(Reason::BothChanged),
    }
}

fn is_comment(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"#")
}

/// The comments after and between the lines of a value; block notation has none.
fn comments<'l>(texts: &[&'l [u8]]) -> Vec<&'l [u8]> {
    if texts
        .first()
        .is_some_and(|line| matches!(notation(line), Some(b'|' | b'>')))
    {
        return Vec::new();
    }
    let behind = |line: &&'l [u8]| {
        let line: &'l [u8] = line;
        let is_quoted = |start: usize| {
            line[..start]
                .iter()
                .filter(|byte| matches!(byte, b'"' | b'\''))
                .count()
                % 2
                == 1
        };
        let start = line
            .windows(2)
            .position(|pair| matches!(pair, [b' ' | b'\t', b'#']))?;
        (!is_quoted(start)).then(|| line[start..].trim_ascii())
    };
    texts
        .iter()
        .filter_map(|line| {
            if is_comment(line) {
                Some(line.trim_ascii())
            } else {
                behind(line)
            }
        })
        .collect()
}

/// Whether a value means that there is no value.
fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        _ => false,
    }
}

fn entry<'a>(heads: Heads<'_, 'a>, key: &str, around: Surroundings) -> Option<Piece<'a>> {
    let Inputs { base, ours, theirs } = heads.inputs;
    let lines = |head: &Frontmatter<'a>| head.get(key).map(|entry| entry.lines.clone());
    let (b, o, t) = (lines(heads.base), lines(heads.ours), lines(heads.theirs));
    let texts = |side: &Side<'a>, range: &Option<Range<usize>>| {
        range.clone().map(|range| {
            side.lines[range]
                .iter()
                .map(|line| line.text)
                .collect::<Vec<_>>()
        })
    };
    let (old, one, other) = (texts(base, &b), texts(ours, &o), texts(theirs, &t));
    let or_empty = |range: &Option<Range<usize>>| range.clone().unwrap_or(0..0);
    let (rb, ro, rt) = (or_empty(&b), or_empty(&o), or_empty(&t));
    let taken = |from: From| Piece::Taken {
        base: rb.clone(),
        ours: ro.clone(),
        theirs: rt.clone(),
        from,
    };
    if one == other {
        return o.map(|_| taken(From::Both));
    }
    let conflict = |reason: Reason| {
        Some(Piece::Conflict {
            key: key.to_owned(),
            reason,
            base: rb.clone(),
            ours: ro.clone(),
            theirs: rt.clone(),
        })
    };
    if heads.options.pins.iter().any(|pin| pin == key) {
        return o.map(|_| taken(From::Ours));
    }
    let value = |texts: &Option<Vec<&[u8]>>| texts.as_ref().and_then(|texts| parse(key, texts));
    if heads.options.guards_tools_line && key == "tools" {
        let grants_some =
            |texts: &Option<Vec<&[u8]>>| texts.is_some() && !is_nothing(value(texts).as_ref());
        if grants_some(&old) && grants_some(&one) && !grants_some(&other) {
            return conflict(Reason::ToolsLine);
        }
        let has_star = |lines: &[Line<'_>]| {
            List::read(key, lines).is_some_and(|list| list.values().contains(&"*"))
        };
        if other != old
            && has_star(&theirs.lines[rt.clone()])
            && one.is_some()
            && !has_star(&ours.lines[ro.clone()])
        {
            return conflict(Reason::EveryTool);
        }
    }
    if one == old {
        return t.map(|_| taken(From::Theirs));
    }
    if other == old {
        return o.map(|_| taken(From::Ours));
    }
    let entry = Changed {
        key,
        ranges: [rb.clone(), ro.clone(), rt.clone()],
        texts: [old, one, other],
    };
    match entry.merge(heads, around) {
        Ok(piece) => piece,
        Err(reason) => conflict(reason),
    }
}

/// An entry that both sides changed, in different ways.
struct Changed<'k, 'a> {
    key: &'k str,
    /// Of the base, ours and theirs.
    ranges: [Range<usize>; 3],
    texts: [Option<Vec<&'a [u8]>>; 3],
}

impl<'a> Changed<'_, 'a> {
    fn taken(&self, from: From) -> Piece<'a> {
        let [base, ours, theirs] = self.ranges.clone();
        Piece::Taken {
            base,
            ours,
            theirs,
            from,
        }
    }

    /// Takes one side, unless a comment that the other side wrote would be lost.
    fn take(&self, from: From) -> Result<Option<Piece<'a>>, Reason> {
        let of = |side: usize| {
            self.texts[side]
                .as_deref()
                .map_or_else(Vec::new, |texts| comments(texts))
        };
        let (taken, dropped) = if from == From::Theirs {
            (of(2), of(1))
        } else {
            (of(1), of(2))
        };
        let old = of(0);
        let is_kept = dropped
            .iter()
            .all(|comment| old.contains(comment) || taken.contains(comment));
        if is_kept {
            Ok(Some(self.taken(from)))
        } else {
            Err(Reason::BothChanged)
        }
    }

    /// Of two notations for one value, the one that differs from the base's, or else the shorter one, so that the result does not depend on
    /// the side.
    fn take_notation(&self) -> Result<Option<Piece<'a>>, Reason> {
        let of = |side: usize| self.texts[side].as_deref().unwrap_or_default();
        let mark = |side: usize| of(side).first().map(|line| notation(line));
        let rank = |side: usize| {
            (
                mark(side) == mark(0),
                of(side).len(),
                of(side).concat().len(),
                of(side).concat(),
            )
        };
        self.take(if rank(1) <= rank(2) {
            From::Ours
        } else {
            From::Theirs
        })
    }

    fn merge(
        &self,
        heads: Heads<'_, 'a>,
        around: Surroundings,
    ) -> Result<Option<Piece<'a>>, Reason> {
        let Inputs { base, ours, theirs } = heads.inputs;
        let key = self.key;
        let [old, one, other] = self
            .texts
            .each_ref()
            .map(|texts| texts.as_ref().and_then(|texts| parse(key, texts)));
        let [rb, ro, rt] = self.ranges.clone();
        let (lb, lo, lt) = (&base.lines[rb], &ours.lines[ro], &theirs.lines[rt]);
        let lists = [lb, lo, lt].map(|lines| List::read(key, lines));
        let is_one_set =
            matches!(&lists, [_, Some(one), Some(other)] if one.has_same_values(other));
        let is_same = one.is_some() && one == other;
        match &self.texts {
            [_, Some(_), Some(_)] if is_same => return self.take_notation(),
            [None, Some(_), Some(_)] if is_one_set => return self.take_notation(),
            [Some(_), Some(_), Some(_)] => {}
            [None, ..] => return Err(Reason::BothAdded),
            // Another notation for the same value is no reason to keep what the other side deleted; a comment is.
            [Some(_), None, _] if old.is_some() && old == other => {
                return self
                    .take(From::Ours)
                    .map(|_| None)
                    .map_err(|_| Reason::DeletedAndChanged);
            }
            [Some(_), _, None] if old.is_some() && old == one => {
                return self
                    .take(From::Theirs)
                    .map(|_| None)
                    .map_err(|_| Reason::DeletedAndChanged);
            }
            _ => return Err(Reason::DeletedAndChanged),
        }
        if let [Some(old), Some(one), Some(other)] = &lists
            && (!old.has_same_values(one) && !old.has_same_values(other)
                || list::has_comments([old, one, other])
                || is_one_set)
        {
            return merged_list(key, old, one, other).map(Some);
        }
        if old.is_some() && old == one {
            return self.take(From::Theirs);
        }
        if old.is_some() && old == other {
            return self.take(From::Ours);
        }
        if let [Some(old), Some(one), Some(other)] = &lists {
            return merged_list(key, old, one, other).map(Some);
        }
        if list::grants(key) {
            return Err(Reason::BothChanged);
        }
        merge_text(key, [lb, lo, lt], &[old, one, other], around)
            .map(Some)
            .ok_or(Reason::BothChanged)
    }
}

/// Merges three lists as sets.
fn merged_list<'a>(
    key: &str,
    base: &List,
    ours: &List,
    theirs: &List,
) -> Result<Piece<'a>, Reason> {
    let lines = list::merge(key, base, ours, theirs)?;
    Ok(Piece::Made {
        key: key.to_owned(),
        lines: lines.into_iter().map(String::into_bytes).collect(),
        rule: Rule::Set,
    })
}

/// Merges a value that is not a list of tools: by sentences, or by lines.
fn merge_text<'a>(
    key: &str,
    lines: [&[Line<'a>]; 3],
    values: &[Option<Value>; 3],
    around: Surroundings,
) -> Option<Piece<'a>> {
    let [lb, lo, lt] = lines;
    let is_prose = values.iter().all(|value| is_prose(value.as_ref()));
    let has_values = values.iter().all(Option::is_some);
    let comments =
        lines.map(|lines| comments(&lines.iter().map(|line| line.text).collect::<Vec<_>>()));
    // A text, a list or a mapping must stay one.
    let is_sound = |lines: &[&[u8]]| {
        !has_values
            || parse(key, lines)
                .is_some_and(|value| values[1].as_ref().map(kind) == Some(kind(&value)))
    };
    if let Some(line) =
        prose(lines, values[0].as_ref()).filter(|line| is_prose && is_sound(&[line]))
        && comments.iter().all(|side| *side == comments[0])
    {
        return Some(Piece::Made {
            key: key.to_owned(),
            lines: vec![line],
            rule: Rule::Sentences,
        });
    }
    let mark = |lines: &[Line<'_>]| lines.first().map(|line| notation(line.text));
    if lb.len().min(lo.len()).min(lt.len()) < 2 || mark(lb) != mark(lo) || mark(lb) != mark(lt) {
        return None;
    }
    let mut interner = Interner::new();
    let [base, ours, theirs] = &lines.map(|lines| Side::of(lines.to_vec(), &mut interner));
    let small = Inputs { base, ours, theirs };
    let merged = if is_prose {
        lines::merge(small, around)
    } else {
        lines::merge_plainly(small, around)
    };
    let is_sound = merged.texts().is_some_and(|texts| is_sound(&texts));
    is_sound.then(|| Piece::Within {
        key: key.to_owned(),
        merged,
    })
}

/// The line of an entry whose value is text on one line on both sides, written in the same way, merged by sentences.
fn prose([base, ours, theirs]: [&[Line<'_>]; 3], old: Option<&Value>) -> Option<Vec<u8>> {
    let is_over = |lines: &[Line<'_>]| {
        lines[1..]
            .iter()
            .all(|line| line.text.trim_ascii().is_empty())
    };
    let quote = |lines: &[Line<'_>]| lines.first().and_then(|line| notation(line.text));
    if ours.len() != theirs.len()
        || !is_over(ours)
        || !is_over(theirs)
        || quote(ours) != quote(theirs)
        || ours.len() > 1
    {
        return None;
    }
    let inner = |lines: &[Line<'_>]| -> Option<(Vec<u8>, Vec<u8>, Vec<u8>)> {
        let text = lines[0].text;
        let value = value_of(text)?;
        let start = text.len() - value.trim_ascii_start().len();
        let value = value.trim_ascii();
        let (open, value, close): (usize, &[u8], &[u8]) = match value {
            [quote @ (b'"' | b'\''), inner @ .., last] if last == quote => {
                (1, inner, &value[value.len() - 1..])
            }
            [b'"' | b'\'' | b'|' | b'>' | b'[' | b'{', ..] => return None,
            _ => (0, value, &[]),
        };
        Some((
            text[..start + open].to_vec(),
            value.to_vec(),
            close.to_vec(),
        ))
    };
    let (before, ours, after) = inner(ours)?;
    let (before_theirs, theirs, _) = inner(theirs)?;
    // A base in another notation is compared by its value.
    let base = match (quote(base) == quote_of(&after), base.len()) {
        (true, 1) => inner(base)?.1,
        _ => old?
            .as_str()?
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .into_bytes(),
    };
    let merged = words::merge_sentences(&base, &ours, &theirs).or_else(|| {
        let is_ours = words::covering(&base, &ours, &theirs)? == Change::Ours;
        Some(if is_ours { ours } else { theirs })
    });
    let merged = merged?;
    Some([before.min(before_theirs), merged, after].concat())
}

fn quote_of(after: &[u8]) -> Option<u8> {
    after.first().copied()
}

/// The value of an entry; `None` if it is not YAML.
fn parse(key: &str, lines: &[&[u8]]) -> Option<Value> {
    let text = lines.join(&b'\n');
    let mapping: Value = serde_yaml::from_str(std::str::from_utf8(&text).ok()?).ok()?;
    match mapping.get(key)? {
        // The client turns escaped line breaks into real ones; space at the end comes from block notation.
        Value::String(text) => Some(Value::String(
            text.replace("\\n", "\n").trim_end().to_owned(),
        )),
        value => Some(value.clone()),
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 1,
        Value::Bool(_) => 2,
        Value::Number(_) => 3,
        Value::String(_) => 4,
        Value::Sequence(_) => 5,
        Value::Mapping(_) => 6,
        Value::Tagged(_) => 7,
    }
}

/// How a value is written: the quote or block indicator that it begins with, or nothing.
fn notation(line: &[u8]) -> Option<u8> {
    let value = value_of(line)?.trim_ascii_start();
    value
        .first()
        .copied()
        .filter(|first| b"\"'|>[{".contains(first))
}

/// Whether a value is text that consists of sentences. It need not be valid YAML, because the client accepts more.
fn is_prose(value: Option<&Value>) -> bool {
    match value {
        Some(Value::String(text)) => text.trim().contains(' '),
        Some(_) => false,
        None => true,
    }
}

/// How often each key stands between the fences.
pub(super) fn key_counts(lines: &[Line<'_>]) -> BTreeMap<Vec<u8>, usize> {
    let mut counts = BTreeMap::new();
    let is_fence = |line: &&Line<'_>| line.text.starts_with(b"---");
    if lines.first().as_ref().is_some_and(is_fence)
        && lines.iter().skip(1).any(|line| is_fence(&line))
    {
        for line in lines[1..].iter().take_while(|line| !is_fence(line)) {
            if let Some(key) = std::str::from_utf8(line.text).ok().and_then(key) {
                *counts.entry(key.as_bytes().to_vec()).or_default() += 1;
            }
        }
    }
    counts
}

/// Whether the text between the fences is YAML.
pub(super) fn is_yaml(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| serde_yaml::from_str::<Value>(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::text::split;
    use super::*;

    #[test]
    fn entries_are_found_without_yaml() {
        let keys = |text: &str| {
            let lines = split(text.as_bytes());
            Frontmatter::of(&lines).map(|head| {
                let entries = head
                    .entries
                    .iter()
                    .map(|entry| format!("{}{:?}", entry.key, entry.all()));
                entries.collect::<Vec<_>>().join(" ")
            })
        };
        assert_eq!(
            keys("---\n# c\na: 1\nb:\n  - x\n- y\n\nc: z\n---\n").as_deref(),
            Some("a1..3 b3..6 c6..8")
        );
        assert_eq!(
            keys("---\na: |\n  x\n\n  y\n# c\n\n# d\n---\n").as_deref(),
            Some("a1..5 5..8"),
            "what is below the last value"
        );
        assert_eq!(
            keys("---\na: \"x\nb: y\"\nc: 1\n---\n").as_deref(),
            Some("a1..3 c3..4")
        );
        assert_eq!(
            keys("---\na: 'it''s\nb: y'\n---\n").as_deref(),
            Some("a1..3")
        );
        assert_eq!(
            keys("---\na: \"open\nb: y\n---\n").as_deref(),
            Some("a1..2 b2..3")
        );
        assert_eq!(
            keys("---\n\"a\": 1\n'b' : \"x\ny\"\nc : 1\n---\n").as_deref(),
            Some("a1..2 b2..4 c4..5"),
            "keys in quotes, and before a space"
        );
        for unclear in [
            "",
            "a: 1\n",
            "---\na: 1\n",
            "---\na: 1\na: 2\n---\n",
            "---\na: 1\n\"a\": 2\n---\n",
            "---\na: &x 1\n---\n",
            "---\n<<: *x\n---\n",
            "---\ntext\n---\n",
            "---\na: b --- c\n---\n",
        ] {
            assert_eq!(keys(unclear), None, "{unclear:?}");
        }
    }
}
