//! How much of two texts is the same, whatever became of their lines: the pairs of neighbouring words, without case and punctuation.
//!
//! Who wraps the lines of a file anew, or makes a list of a paragraph, leaves hardly a line as it was, but most pairs of words. Texts on the
//! same subject that are not from each other share words, but few such pairs.

use super::without;
use crate::domain::lineage::hash;

/// Shorter texts have too little of their own to be recognised by it.
const FEWEST: usize = 50;

/// The pairs of words of a text, sorted.
#[derive(Debug)]
pub(super) struct Pairs(Vec<u64>);

impl Pairs {
    pub(super) fn of<'t>(lines: impl Iterator<Item = &'t [u8]>) -> Self {
        let mut words: Vec<u64> = Vec::new();
        for line in lines {
            let line = String::from_utf8_lossy(line).to_lowercase();
            let of_line = line.split(|c: char| !c.is_alphanumeric());
            let of_line = of_line.filter(|word| !word.is_empty());
            words.extend(of_line.map(|word| hash(word.as_bytes())));
        }
        let pair = |pair: &[u64]| pair[0].rotate_left(1) ^ pair[1];
        let mut pairs: Vec<u64> = words.windows(2).map(pair).collect();
        pairs.sort_unstable();
        Self(pairs)
    }

    /// How much of both is the same, in percent; 0 for short texts.
    pub(super) fn shared(&self, other: &Self) -> f64 {
        let all = self.0.len() + other.0.len();
        let same = self.0.len() - without(&self.0, &other.0).len();
        let number = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        if self.0.len().min(other.0.len()) < FEWEST {
            return 0.0;
        }
        200.0 * number(same) / number(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(one: &str, other: &str) -> f64 {
        let pairs = |text: &str| Pairs::of(text.lines().map(str::as_bytes));
        pairs(one).shared(&pairs(other))
    }

    fn counted(line: impl Fn(usize) -> String) -> String {
        (1..=15).map(line).collect()
    }

    #[test]
    fn another_layout_leaves_the_pairs_of_words() {
        let text = counted(|line| format!("Reads file {line}, then plans it.\n"));
        let wrapped = counted(|line| format!("- reads\n- file {line} then\n- plans It"));
        assert!((shared(&text, &wrapped) - 100.0).abs() < 1e-9);
        let other = counted(|line| format!("Plans what it reads, then file {line}.\n"));
        assert!(shared(&text, &other) < 50.0, "{}", shared(&text, &other));
    }

    #[test]
    fn short_texts_have_nothing_in_common() {
        assert!(shared("", "") < 1e-9);
        let text = "One two three four five six seven.\n".repeat(7);
        assert!(shared(&text, &text) < 1e-9);
        let text = text.repeat(2);
        assert!((shared(&text, &text) - 100.0).abs() < 1e-9);
    }
}
