//! The frontmatter key by key: each entry keeps the bytes of the side that it is taken from.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_yaml::Value;

use super::diff3::{Change, Interner};
use super::lines::{Chunk, Inputs, Merged, Side};
use super::list::List;
use super::text::{Line, Surroundings};
use super::{Options, Reason, Rule, lines, list, order, words};

/// A block with more keys is merged by lines.
const MAX_ENTRIES: usize = 500;

/// An entry: its key, and its lines with all that follows up to the next key.
#[derive(Debug, Clone)]
struct Entry<'a> {
    key: &'a str,
    lines: Range<usize>,
}

/// A frontmatter block whose parts are clear without YAML.
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
    /// Finds the entries; `None` where keys alone do not say what belongs together.
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
        while at < close {
            let text = std::str::from_utf8(lines[at].text).ok()?;
            if is_linked(text) {
                return None;
            }
            let Some(key) = key(text) else {
                match entries.last_mut() {
                    Some(entry) => entry.lines.end = at + 1,
                    None if text.trim().is_empty() || text.starts_with('#') => {
                        entries.push(Entry {
                            key: "",
                            lines: at..at + 1,
                        });
                    }
                    None => return None,
                }
                at += 1;
                continue;
            };
            if entries.len() == MAX_ENTRIES || entries.iter().any(|entry| entry.key == key) {
                return None;
            }
            let end = quoted_end(lines, at, key.len() + 1, close);
            entries.push(Entry {
                key,
                lines: at..end,
            });
            at = end;
        }
        Some(Self { entries, close })
    }

    fn get(&self, key: &str) -> Option<Range<usize>> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| entry.lines.clone())
    }

    fn keys(&self) -> Vec<&'a str> {
        self.entries.iter().map(|entry| entry.key).collect()
    }
}

/// The key that a line opens with.
fn key(line: &str) -> Option<&str> {
    let length = line.find(|character: char| {
        !(character.is_ascii_alphanumeric() || "_-.".contains(character))
    })?;
    let rest = line[length..].strip_prefix(':')?;
    (length > 0 && (rest.is_empty() || rest.starts_with([' ', '\t']))).then_some(&line[..length])
}

/// Whether a line uses what ties entries together: anchors, aliases, merge keys, directives.
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

/// The line behind an entry whose value is a quoted text over several lines, or the next line.
fn quoted_end(lines: &[Line<'_>], at: usize, offset: usize, close: usize) -> usize {
    let value = lines[at].text[offset..].trim_ascii_start();
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
    let mut decided: Vec<(&str, Piece<'a>)> = Vec::new();
    let all: BTreeSet<&str> = b.iter().chain(&o).chain(&t).copied().collect();
    for key in all {
        decided.extend(entry(heads, key, around).map(|piece| (key, piece)));
    }
    let result: BTreeSet<&str> = decided.iter().map(|(key, _)| *key).collect();
    let ordered = order::merge(&b, &o, &t, &result);
    let mut pieces = Vec::with_capacity(decided.len());
    for key in ordered {
        if let Some(at) = decided.iter().position(|(decided, _)| *decided == key) {
            pieces.push(decided.swap_remove(at).1);
        }
    }
    // An empty key stands for what comes before the first one.
    pieces.splice(0..0, decided.into_iter().map(|(_, piece)| piece));
    pieces
}

fn entry<'a>(heads: Heads<'_, 'a>, key: &str, around: Surroundings) -> Option<Piece<'a>> {
    let Inputs { base, ours, theirs } = heads.inputs;
    let (b, o, t) = (
        heads.base.get(key),
        heads.ours.get(key),
        heads.theirs.get(key),
    );
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
    if heads.options.guards_tools_line
        && key == "tools"
        && old.is_some()
        && one.is_some()
        && other.is_none()
    {
        return conflict(Reason::ToolsLine);
    }
    if one == old {
        return t.map(|_| taken(From::Theirs));
    }
    if other == old {
        return o.map(|_| taken(From::Ours));
    }
    let value = |texts: &Option<Vec<&[u8]>>| texts.as_ref().and_then(|texts| parse(key, texts));
    let (old_value, one_value, other_value) = (value(&old), value(&one), value(&other));
    match (&old, &one, &other) {
        (_, Some(one), Some(other)) if one_value.is_some() && one_value == other_value => {
            // The same value in two notations: the shorter one, so that the sides do not matter.
            let length = |texts: &[&[u8]]| (texts.len(), texts.concat().len(), texts.concat());
            return Some(taken(if length(one) <= length(other) {
                From::Ours
            } else {
                From::Theirs
            }));
        }
        (Some(_), Some(_), Some(_)) => {}
        (None, ..) => return conflict(Reason::BothAdded),
        // Another notation for the same value is no reason to keep what the other side deleted.
        (Some(_), None, _) if old_value.is_some() && old_value == other_value => return None,
        (Some(_), _, None) if old_value.is_some() && old_value == one_value => return None,
        _ => return conflict(Reason::DeletedAndChanged),
    }
    if old_value.is_some() && old_value == one_value {
        return Some(taken(From::Theirs));
    }
    if old_value.is_some() && old_value == other_value {
        return Some(taken(From::Ours));
    }
    let (lb, lo, lt) = (
        &base.lines[rb.clone()],
        &ours.lines[ro.clone()],
        &theirs.lines[rt.clone()],
    );
    if let (Some(old), Some(one), Some(other)) = (
        List::read(key, lb),
        List::read(key, lo),
        List::read(key, lt),
    ) {
        return match list::merge(key, &old, &one, &other) {
            Ok(lines) => {
                let lines = lines.into_iter().map(String::into_bytes).collect();
                Some(Piece::Made {
                    key: key.to_owned(),
                    lines,
                    rule: Rule::Set,
                })
            }
            Err(reason) => conflict(reason),
        };
    }
    if list::grants(key) {
        return conflict(Reason::BothChanged);
    }
    let is_prose = [&old_value, &one_value, &other_value]
        .into_iter()
        .all(|value| is_prose(value.as_ref()));
    let has_values = old_value.is_some() && one_value.is_some() && other_value.is_some();
    // What was text, or a list, or a mapping, must stay one.
    let is_sound = |lines: &[&[u8]]| {
        !has_values
            || parse(key, lines)
                .is_some_and(|value| one_value.as_ref().map(kind) == Some(kind(&value)))
    };
    if let Some(line) =
        prose(key, [lb, lo, lt], old_value.as_ref()).filter(|line| is_prose && is_sound(&[line]))
    {
        return Some(Piece::Made {
            key: key.to_owned(),
            lines: vec![line],
            rule: Rule::Sentences,
        });
    }
    let is_one_notation =
        notation(key, lb) == notation(key, lo) && notation(key, lb) == notation(key, lt);
    if lb.len().min(lo.len()).min(lt.len()) < 2 || !is_one_notation {
        return conflict(Reason::BothChanged);
    }
    let mut interner = Interner::new();
    let [small_base, small_ours, small_theirs] =
        [lb, lo, lt].map(|lines| Side::of(lines.to_vec(), &mut interner));
    let small = Inputs {
        base: &small_base,
        ours: &small_ours,
        theirs: &small_theirs,
    };
    let merged = if is_prose {
        lines::merge(small, around)
    } else {
        lines::merge_plainly(small, around)
    };
    let result = merged.chunks.iter().flat_map(|chunk| match chunk {
        Chunk::Lines(lines) => lines.iter().map(|line| &*line.text).collect::<Vec<_>>(),
        Chunk::Conflict { .. } => Vec::new(),
    });
    if merged.conflicts() > 0 || !is_sound(&result.collect::<Vec<_>>()) {
        return conflict(Reason::BothChanged);
    }
    Some(Piece::Within {
        key: key.to_owned(),
        merged,
    })
}

/// The line of an entry whose value is text on one line on both sides, written in one way there, merged by sentences.
fn prose(
    key: &str,
    [base, ours, theirs]: [&[Line<'_>]; 3],
    old: Option<&Value>,
) -> Option<Vec<u8>> {
    let is_over = |lines: &[Line<'_>]| {
        lines[1..]
            .iter()
            .all(|line| line.text.trim_ascii().is_empty())
    };
    let quote = |lines: &[Line<'_>]| notation(key, lines);
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
        let value = text.get(key.len() + 1..)?;
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
        // The client turns written-out line breaks into real ones; space at the end comes from block notation.
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

/// How a value is written: the quote or block mark that it begins with, or none.
fn notation(key: &str, lines: &[Line<'_>]) -> Option<u8> {
    let value = lines.first()?.text.get(key.len() + 1..)?.trim_ascii_start();
    value
        .first()
        .copied()
        .filter(|first| b"\"'|>[{".contains(first))
}

/// Whether a value is text that consists of sentences. What YAML does not accept may be: the client accepts more.
fn is_prose(value: Option<&Value>) -> bool {
    match value {
        Some(Value::String(text)) => text.trim().contains(' '),
        Some(_) => false,
        None => true,
    }
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
                    .map(|entry| format!("{}{:?}", entry.key, entry.lines));
                entries.collect::<Vec<_>>().join(" ")
            })
        };
        assert_eq!(
            keys("---\n# c\na: 1\nb:\n  - x\n- y\n\nc: z\n---\n").as_deref(),
            Some("1..2 a2..3 b3..7 c7..8")
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
        for unclear in [
            "",
            "a: 1\n",
            "---\na: 1\n",
            "---\na: 1\na: 2\n---\n",
            "---\na: &x 1\n---\n",
            "---\n<<: *x\n---\n",
            "---\ntext\n---\n",
            "---\na: b --- c\n---\n",
        ] {
            assert_eq!(keys(unclear), None, "{unclear:?}");
        }
    }
}
