//! Whether a side rewrote the text. Then the place of what is left of the base is a coincidence, and nothing is a reliable anchor.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};

use super::blocks::Kind;
use super::conflict::Author;
use super::lines::{Inputs, Side};

/// A side that keeps less than this share of the base's lines, in percent, has rewritten it.
const KEPT: usize = 40;
/// A text with fewer lines is too short to tell.
const SHORT: usize = 12;
/// How many words in a row identify a line if lines were broken differently.
const RUN: usize = 3;

/// Who rewrote the text, if anybody did.
pub(super) fn author(inputs: Inputs<'_, '_>) -> Option<Author> {
    let Inputs { base, ours, theirs } = inputs;
    if base.lines.len() < SHORT {
        return None;
    }
    match (kept(base, ours) < KEPT, kept(base, theirs) < KEPT) {
        (true, true) => Some(Author::Both),
        (true, false) => Some(Author::You),
        (false, true) => Some(Author::Upstream),
        (false, false) => None,
    }
}

/// The share of the base's lines that a side still has, in percent, ignoring indentation, list markers and line breaks.
fn kept(base: &Side<'_>, side: &Side<'_>) -> usize {
    let (old, new) = (texts(base), texts(side));
    let mut lines: HashMap<&[&[u8]], usize> = HashMap::new();
    for line in &new {
        *lines.entry(line).or_default() += 1;
    }
    let stream: Vec<&[u8]> = new.concat();
    // Mostly all lines are there as they were.
    let runs: LazyCell<HashSet<&[&[u8]]>, _> = LazyCell::new(|| stream.windows(RUN).collect());
    let mut kept = 0;
    for line in &old {
        let is_there = match lines.get_mut(line.as_slice()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => line.len() >= RUN && line.windows(RUN).all(|run| runs.contains(run)),
        };
        kept += usize::from(is_there);
    }
    (100 * kept).checked_div(old.len()).unwrap_or(100)
}

/// The words of each line that is not blank.
fn texts<'a>(side: &Side<'a>) -> Vec<Vec<&'a [u8]>> {
    let lines = side
        .lines
        .iter()
        .zip(&side.blocks().kinds)
        .filter(|(_, kind)| **kind != Kind::Blank);
    lines.map(|(line, _)| words(line.text)).collect()
}

/// The words of a line without the list marker.
fn words(line: &[u8]) -> Vec<&[u8]> {
    let mut words: Vec<&[u8]> = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .collect();
    let is_mark = |word: &[u8]| match word {
        [b'-' | b'*' | b'+'] => true,
        [digits @ .., b'.' | b')'] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if words.len() > 1 && is_mark(words[0]) {
        words.remove(0);
    }
    words
}
