//! Merges within one line: its indentation, its text by sentences, its trailing white space; and by words, which only gives a suggestion.

use std::collections::HashMap;
use std::ops::Range;

use similar::Algorithm;

use super::align::{self, Token};
use super::blocks::Kind;
use super::diff3::{Change, Edit, Interner, Region, edits, regions};
use super::three_way;

/// How many words must lie between two edits of one line for a suggestion.
const DISTANCE: usize = 3;
/// How many pairs of words are compared at most.
const MAX_CELLS: usize = 2_000_000;
/// An escaped line break, as in descriptions.
const LINE_BREAK: &[u8] = b"\\n";

/// The parts of a line that are merged one by one.
struct Parts<'a> {
    indent: &'a [u8],
    text: &'a [u8],
    trail: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(line: &'a [u8]) -> Self {
        // The same notion of white space as in `merge_sentences`, which ignores it around a sentence.
        let (start, length) = match std::str::from_utf8(line) {
            Ok(text) => (text.len() - text.trim_start().len(), text.trim().len()),
            Err(_) => (
                line.len() - line.trim_ascii_start().len(),
                line.trim_ascii().len(),
            ),
        };
        Self {
            indent: &line[..start],
            text: &line[start..start + length],
            trail: &line[start + length..],
        }
    }
}

/// Merges one line if white space or sentences keep the two edits apart.
pub(super) fn merge_line(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    let (b, o, t) = (Parts::of(base), Parts::of(ours), Parts::of(theirs));
    let indent = three_way(&b.indent, &o.indent, &t.indent)?;
    let trail = three_way(&b.trail, &o.trail, &t.trail)?;
    let text = match three_way(&b.text, &o.text, &t.text) {
        Some(text) => text.to_vec(),
        None => merge_sentences(b.text, o.text, t.text)?,
    };
    Some([indent, text.as_slice(), trail].concat())
}

/// Merges text whose edits are in different sentences, or are the same except for sentences that one side added.
pub(super) fn merge_sentences(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    let split = [base, ours, theirs].map(|text| std::str::from_utf8(text).ok().map(sentences));
    let [Some(base), Some(ours), Some(theirs)] = split else {
        return None;
    };
    let mut ids = Interner::new();
    let [base, ours, theirs] = [base, ours, theirs].map(|sentences| {
        // The space before a sentence depends on its place and is not part of it.
        let mut tokens = Vec::with_capacity(sentences.len());
        for sentence in sentences {
            tokens.push(Token {
                text: sentence.as_bytes(),
                id: ids.id(sentence.trim()),
                kind: Kind::Text,
            });
        }
        tokens
    });
    let mut merged = Vec::new();
    for part in align::merge(None, &base, &ours, &theirs, &|_, _| true)? {
        let side = match part.change {
            Change::Conflict => return None,
            // The space between sentences may have changed.
            Change::Nobody => {
                let triples = base[part.base]
                    .iter()
                    .zip(&ours[part.ours])
                    .zip(&theirs[part.theirs]);
                triples
                    .map(|((b, o), t)| *three_way(&b.text, &o.text, &t.text).unwrap_or(&b.text))
                    .collect()
            }
            // The same sentences, perhaps with other space before them.
            Change::Both => texts(&ours[part.ours]).min(texts(&theirs[part.theirs])),
            Change::Ours => texts(&ours[part.ours]),
            Change::Theirs => texts(&theirs[part.theirs]),
        };
        for text in side {
            if merged.is_empty() {
                merged.extend_from_slice(text.trim_ascii_start());
                continue;
            }
            let is_closed = FULL_STOPS
                .iter()
                .any(|stop| merged.ends_with(stop.encode_utf8(&mut [0; 4]).as_bytes()));
            if !text.first().is_some_and(u8::is_ascii_whitespace)
                && !merged.ends_with(LINE_BREAK)
                && !is_closed
            {
                merged.push(b' ');
            }
            merged.extend_from_slice(text);
        }
    }
    Some(merged)
}

fn texts<'a>(tokens: &[Token<'a>]) -> Vec<&'a [u8]> {
    tokens.iter().map(|token| token.text).collect()
}

/// Punctuation that ends a sentence without a space after it.
const FULL_STOPS: [char; 3] = ['。', '！', '？'];

/// Splits text after the punctuation that ends a sentence, and after escaped line breaks. The parts joined together are the text.
fn sentences(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut previous = ' ';
    let mut is_over = false;
    for (at, character) in text.char_indices() {
        // A closing quotation mark belongs to the sentence before it.
        is_over = FULL_STOPS.contains(&previous)
            || is_over && matches!(previous, '」' | '』' | '”' | '）');
        let goes_on =
            FULL_STOPS.contains(&character) || matches!(character, '」' | '』' | '”' | '）');
        let is_end = character.is_whitespace() && matches!(previous, '.' | '!' | '?' | ';')
            || previous == '\\' && character == 'n'
            || is_over && !goes_on;
        let cut = if previous == '\\' && character == 'n' {
            at + 1
        } else {
            at
        };
        if is_end && cut > start {
            parts.push(&text[start..cut]);
            start = cut;
        }
        previous = character;
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}

/// A line with both edits, if they are at least [`DISTANCE`] words apart. Only a suggestion: the result may not make sense.
pub(super) fn suggest(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    let split = [base, ours, theirs].map(|text| std::str::from_utf8(text).ok().map(words));
    let [Some(base), Some(ours), Some(theirs)] = split else {
        return None;
    };
    let mut ids = Interner::new();
    let [b, o, t] = [&base, &ours, &theirs]
        .map(|words| words.iter().map(|word| ids.id(*word)).collect::<Vec<_>>());
    if b.len() * o.len().max(t.len()) > MAX_CELLS {
        return None;
    }
    let mut text = String::new();
    let mut last: Option<(Change, usize)> = None;
    for region in regions(Algorithm::Myers, &b, &o, &t) {
        let part = match region.change {
            Change::Conflict => return None,
            Change::Nobody => &base[region.base.clone()],
            Change::Ours | Change::Both => &ours[region.ours.clone()],
            Change::Theirs => &theirs[region.theirs.clone()],
        };
        if region.change != Change::Nobody {
            if let Some((change, end)) = last
                && change != region.change
                && base[end..region.base.start]
                    .iter()
                    .filter(|word| !word.trim().is_empty())
                    .count()
                    < DISTANCE
            {
                return None;
            }
            last = Some((region.change, region.base.end));
        }
        text.extend(part.iter().copied());
    }
    Some(text.into_bytes())
}

/// Which side can be taken as it is, because it contains everything from the other:
///
/// * the other side changed only white space,
/// * both made the same change, apart from white space: the shorter one, or the one that sorts first,
/// * word by word, this side made all of the other's edits and more.
pub(super) fn covering(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Change> {
    let texts = [base, ours, theirs].map(|text| std::str::from_utf8(text).ok());
    let [Some(base), Some(ours), Some(theirs)] = texts else {
        return None;
    };
    let (one, other) = (ours.split_whitespace(), theirs.split_whitespace());
    if one.eq(other) {
        return Some(if (ours.len(), ours) <= (theirs.len(), theirs) {
            Change::Ours
        } else {
            Change::Theirs
        });
    }
    match (covers(base, ours, theirs), covers(base, theirs, ours)) {
        (true, false) => Some(Change::Ours),
        (false, true) => Some(Change::Theirs),
        _ => None,
    }
}

/// Whether two texts have the same words.
pub(super) fn are_same(one: &[u8], other: &[u8]) -> bool {
    let words = |text: &'_ [u8]| {
        text.split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    words(one) == words(other)
}

fn covers(base: &str, large: &str, small: &str) -> bool {
    if base.split_whitespace().eq(small.split_whitespace()) {
        return !base.trim().is_empty();
    }
    if negations(large) != negations(small) {
        return false;
    }
    let mut ids = Interner::new();
    let texts = [words(base), words(large), words(small)];
    // All white space is alike here.
    let [b, l, s] = texts.each_ref().map(|words| {
        words
            .iter()
            .map(|word| ids.id(if is_space(word) { " " } else { word }))
            .collect::<Vec<_>>()
    });
    // What is new on the small side must also be on the large side: most pairs fail here, before anything is compared in order.
    if b.len() * l.len().max(s.len()) > MAX_CELLS || !has_all_new(&b, &l, &s) {
        return false;
    }
    let is_text = |side: &[&str], range: &Range<usize>| {
        side[range.clone()].iter().any(|word| !is_space(word))
    };
    // Deleting alone is part of any rewrite, so something must have been written too.
    if !edits(Algorithm::Myers, &b, &s)
        .iter()
        .any(|(_, new)| is_text(&texts[2], new))
    {
        return false;
    }
    let only_more =
        |region: &Region| matches!(region.change, Change::Nobody | Change::Both | Change::Ours);
    if regions(Algorithm::Myers, &b, &l, &s).iter().all(only_more) {
        return true;
    }
    let mut is_kept: Vec<bool> = texts[1].iter().map(|word| !is_space(word)).collect();
    for (_, new) in edits(Algorithm::Myers, &b, &l) {
        is_kept[new].fill(false);
    }
    // An addition inside a word, like a digit in a number, would make it another word.
    let is_addition = |(old, new): &Edit| {
        !is_text(&texts[2], old)
            && !is_kept[new.clone()].contains(&true)
            && (!is_text(&texts[1], new)
                || texts[1][new.clone()].iter().any(|word| is_space(word))
                || is_entry(&texts[1][new.clone()]))
    };
    edits(Algorithm::Myers, &s, &l).iter().all(is_addition)
}

/// Whether words are entries of a list without spaces, as in `a,b,c`. Numbers may be parts of one number.
fn is_entry(words: &[&str]) -> bool {
    let is_number = |word: &&str| word.chars().all(|character| character.is_ascii_digit());
    matches!(words, [",", .., word] | [word, .., ","] if *word != ",")
        && !words.iter().any(is_number)
}

/// Whether `large` has every word that `small` has more often than `base`, equally often.
fn has_all_new(base: &[u32], large: &[u32], small: &[u32]) -> bool {
    let count = |side: &[u32]| {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for word in side {
            *counts.entry(*word).or_default() += 1;
        }
        counts
    };
    let (base, large) = (count(base), count(large));
    let of = |counts: &HashMap<u32, usize>, word: u32| counts.get(&word).copied().unwrap_or(0);
    count(small)
        .into_iter()
        .all(|(word, times)| times.saturating_sub(of(&base, word)) <= of(&large, word))
}

/// Words that reverse or restrict the meaning of a text. More of them are not just more words.
fn negations(text: &str) -> usize {
    const WORDS: [&str; 13] = [
        "not", "never", "no", "none", "nor", "cannot", "except", "unless", "without", "neither",
        "avoid", "only", "nobody",
    ];
    let is_negation = |word: &str| {
        let word = word.to_lowercase().replace('\u{2019}', "'");
        WORDS.contains(&word.as_str()) || word.ends_with("n't")
    };
    let is_inner =
        |character: char| character.is_alphanumeric() || matches!(character, '\'' | '\u{2019}');
    text.split(|character| !is_inner(character))
        .filter(|word| is_negation(word))
        .count()
}

fn is_space(word: &str) -> bool {
    word.trim().is_empty()
}

/// Words, runs of white space, and single other characters.
pub(super) fn words(text: &str) -> Vec<&str> {
    let class = |character: char| match character {
        character if character.is_whitespace() => 0,
        character if character.is_alphanumeric() || character == '_' => 1,
        _ => 2,
    };
    let mut words = Vec::new();
    let mut start = 0;
    let mut previous = None;
    for (at, character) in text.char_indices() {
        let current = class(character);
        if previous.is_some_and(|previous| previous != current || current == 2) {
            words.push(&text[start..at]);
            start = at;
        }
        previous = Some(current);
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merged(base: &str, ours: &str, theirs: &str) -> Option<String> {
        merge_line(base.as_bytes(), ours.as_bytes(), theirs.as_bytes())
            .map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn sentences_are_merged_one_by_one() {
        let base = "Reads the code. Writes a report for the team.";
        assert_eq!(
            merged(
                base,
                "Reads the whole code. Writes a report for the team.",
                "Reads the code. Writes a short report for the team."
            )
            .as_deref(),
            Some("Reads the whole code. Writes a short report for the team.")
        );
        assert_eq!(
            merged(
                base,
                "Reads the code. Writes a report for the team. Asks first.",
                "Reads the new code. Writes a report for the team."
            )
            .as_deref(),
            Some("Reads the new code. Writes a report for the team. Asks first.")
        );
        assert_eq!(
            merged("Use it for A.", "Use it for B.", "Use it for C."),
            None
        );
        assert_eq!(
            merged("One.", "One. Two.", "One. Three."),
            None,
            "both add at the same place"
        );
    }

    #[test]
    fn white_space_is_merged_apart_from_text() {
        assert_eq!(
            merged("- a b", "  - a b", "- a c  ").as_deref(),
            Some("  - a c  ")
        );
        assert_eq!(merged("x", " x", "  x"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

        /// Characters that some functions take for white space and others do not: vertical tab, no-break space, ideographic space.
        #[test]
        fn no_side_is_preferred_whatever_is_white_space(
            [base, ours, theirs] in ["[ \u{b}\u{a0}\u{3000}ab.。;]{0,6}", "[ \u{b}\u{a0}\u{3000}ab.。;]{0,6}", "[ \u{b}\u{a0}\u{3000}ab.。;]{0,6}"],
        ) {
            let [base, ours, theirs] = [base, ours, theirs].map(String::into_bytes);
            prop_assert_eq!(merge_line(&base, &ours, &theirs), merge_line(&base, &theirs, &ours));
        }
    }

    #[test]
    fn words_far_apart_are_suggested() {
        let suggested = |base: &str, ours: &str, theirs: &str| {
            suggest(base.as_bytes(), ours.as_bytes(), theirs.as_bytes())
                .map(|text| String::from_utf8(text).unwrap())
        };
        assert_eq!(
            suggested(
                "review code with great care",
                "check code with great care",
                "review code with great speed"
            )
            .as_deref(),
            Some("check code with great speed")
        );
        assert_eq!(
            suggested("review code now", "check code now", "review code later"),
            None,
            "too near"
        );
    }

    proptest! {
        #[test]
        fn parts_put_together_are_the_text(text in "[a-z .!?\\\\n;é]{0,40}") {
            prop_assert_eq!(sentences(&text).concat(), text.clone());
            prop_assert_eq!(words(&text).concat(), text);
        }
    }
}
