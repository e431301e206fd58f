//! Finds agents by what a person remembers of them: the name, its beginning, words of it, words of the description or tags, and finally
//! similar names. No tier does more work than it has to.

use std::ops::Range;

use super::IndexFile;
use super::format::{Section, WORD, long, number};
use super::write::split;
use crate::domain::name::{folded, has_beginning};

/// Up to this many names are read at once; if there are more, those that are needed are read one by one.
const MAX_NEAR: usize = 4096;

/// Why something was found; better reasons first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// It has this name.
    Exact,
    /// Its name begins with this.
    Prefix,
    /// The words are in its name.
    Name,
    /// The words are in its name, its description or its tags.
    Description,
    /// Its name is similar.
    Alike,
}

/// A search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// What the person typed, in lower case.
    pub text: String,
    /// Only agents that may use this tool, in lower case.
    pub tool: Option<String>,
    /// Only agents that need one of these servers, in lower case; empty: no filter.
    pub servers: Vec<String>,
    /// How many are wanted.
    pub limit: usize,
}

/// What was found in one index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows with the reason, the best first.
    pub rows: Vec<(u32, Tier)>,
    /// The total number, regardless of the limit.
    pub total: usize,
}

impl IndexFile {
    /// Searches.
    #[must_use]
    pub fn search(&self, query: &Query) -> Found {
        let filter = self.filter(query);
        let is_left = |row: u32| {
            filter
                .as_ref()
                .is_none_or(|filter| filter.binary_search(&row).is_ok())
        };
        if query.text.is_empty() {
            let total = filter.as_ref().map_or(self.len(), Vec::len);
            let rows = filter.unwrap_or_else(|| (0..self.rows).take(query.limit).collect());
            return Found {
                rows: rows
                    .into_iter()
                    .take(query.limit)
                    .map(|row| (row, Tier::Name))
                    .collect(),
                total,
            };
        }
        let mut words: Vec<String> = Vec::new();
        split(&query.text, &mut |word| words.push(word.to_owned()));
        // A name is one word with hyphens, even if it was typed differently.
        let name = folded(&query.text.split_whitespace().collect::<Vec<_>>().join("-"));
        let tier = |row: u32| {
            let is_exact = self.name(row).is_some_and(|known| folded(&known) == name);
            if is_exact { Tier::Exact } else { Tier::Prefix }
        };
        // Names with the same beginning are adjacent, so they are counted, not read.
        let by_prefix = self.beginning_so(&name);
        let (first, total): (Vec<u32>, usize) = match &filter {
            Some(filter) => {
                let before = |end: u32| filter.partition_point(|row| *row < end);
                let left = &filter[before(by_prefix.start)..before(by_prefix.end)];
                (left.iter().copied().take(query.limit).collect(), left.len())
            }
            None => (
                by_prefix.clone().take(query.limit).collect(),
                by_prefix.len(),
            ),
        };
        let mut found = Found {
            rows: first.into_iter().map(|row| (row, tier(row))).collect(),
            total,
        };
        if !words.is_empty() {
            let in_name = self.all_of(&words, b"n");
            let anywhere = self.all_of(&words, b"nd");
            let others = |rows: &[u32]| -> Vec<u32> {
                rows.iter()
                    .copied()
                    .filter(|row| !by_prefix.contains(row) && is_left(*row))
                    .collect()
            };
            let (in_name, anywhere) = (others(&in_name), others(&anywhere));
            // What is in the name is also found anywhere.
            found.total += anywhere.len();
            let room = query.limit - found.rows.len();
            found
                .rows
                .extend(in_name.iter().take(room).map(|row| (*row, Tier::Name)));
            let in_description = anywhere
                .into_iter()
                .filter(|row| in_name.binary_search(row).is_err());
            let room = query.limit - found.rows.len();
            found.rows.extend(
                in_description
                    .take(room)
                    .map(|row| (row, Tier::Description)),
            );
        }
        if found.total == 0 {
            let mut rows = self.with_typos(&words);
            if rows.is_empty() {
                rows = self.alike(&name, usize::MAX);
            }
            rows.retain(|row| is_left(*row));
            found.total = rows.len();
            found.rows = rows
                .into_iter()
                .take(query.limit)
                .map(|row| (row, Tier::Alike))
                .collect();
        }
        found
    }

    /// The rows of the agents whose names begin with this.
    #[must_use]
    pub fn beginning_so(&self, folded: &str) -> Range<u32> {
        self.beginning_from(self.first_at_least(folded), folded)
    }

    /// The same, if the first row is known.
    #[must_use]
    pub fn beginning_from(&self, start: u32, folded: &str) -> Range<u32> {
        let begins = |row: u32| {
            self.name(row)
                .is_some_and(|name| has_beginning(&name, folded))
        };
        start..self.first_without(start, self.rows, &begins)
    }

    /// The beginnings of the names in `rows`, each with its number of rows. `end` says how long the beginning of a name is; shorter names
    /// stand for themselves. `None`: there are more than `most`. The cost depends on the number of beginnings, not on the number of rows.
    #[must_use]
    pub fn beginnings(
        &self,
        rows: Range<u32>,
        end: &dyn Fn(&str) -> usize,
        most: usize,
    ) -> Option<Vec<(String, Range<u32>)>> {
        let near = if rows.len() <= MAX_NEAR {
            self.names_of(rows.clone())
        } else {
            None
        };
        let name_at = |row: u32| match &near {
            Some(near) => near.get((row - rows.start) as usize).cloned(),
            None => self.name(row),
        };
        let mut found = Vec::new();
        let mut row = rows.start;
        while row < rows.end {
            // Unreadable rows are left out here as everywhere.
            let Some(name) = name_at(row) else {
                row += 1;
                continue;
            };
            if found.len() == most {
                return None;
            }
            let beginning = name.get(..end(&name)).unwrap_or(&name);
            let is_whole = beginning.len() == name.len();
            let so = folded(beginning);
            let has = |row: u32| {
                let other = name_at(row);
                other.is_some_and(|other| {
                    has_beginning(&other, &so) && (!is_whole || other.len() == beginning.len())
                })
            };
            let next = self.first_without(row + 1, rows.end, &has);
            found.push((beginning.to_owned(), row..next));
            row = next;
        }
        Some(found)
    }

    /// The names in adjacent rows, read at once.
    fn names_of(&self, rows: Range<u32>) -> Option<Vec<String>> {
        let (first, last) = (self.row(rows.start)?, self.row(rows.end.checked_sub(1)?)?);
        let start = number(&first, 0)?;
        let length = number(&last, 0)?
            .checked_sub(start)?
            .checked_add(number(&last, 4)?)?;
        let names =
            String::from_utf8(self.part(Section::Names, u64::from(start), length as usize)?)
                .ok()?;
        let names: Vec<String> = names.split('\n').map(str::to_owned).collect();
        (names.len() == rows.len()).then_some(names)
    }

    /// The first row from `start` on that does not have the same beginning as those before it. Looks nearby first, because most groups are
    /// small.
    fn first_without(&self, start: u32, end: u32, has: &dyn Fn(u32) -> bool) -> u32 {
        let (mut low, mut step) = (start, 1);
        let mut high = end.min(self.rows);
        while low < high {
            let probe = low.saturating_add(step - 1).min(high - 1);
            if !has(probe) {
                high = probe;
                break;
            }
            low = probe + 1;
            step = step.saturating_mul(2);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if has(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The rows that pass the filters, sorted; `None`: all.
    fn filter(&self, query: &Query) -> Option<Vec<u32>> {
        let mut filter: Option<Vec<u32>> = None;
        if let Some(tool) = &query.tool {
            let mut rows = self.exactly(b't', tool);
            rows.extend(self.exactly(b't', "*"));
            rows.sort_unstable();
            rows.dedup();
            filter = Some(rows);
        }
        if !query.servers.is_empty() {
            let mut rows: Vec<u32> = query
                .servers
                .iter()
                .flat_map(|server| self.exactly(b'm', server))
                .collect();
            rows.sort_unstable();
            rows.dedup();
            filter = Some(match filter {
                Some(filter) => common(&filter, &rows),
                None => rows,
            });
        }
        filter
    }

    /// The rows that have all words, each as one of the kinds.
    fn all_of(&self, words: &[String], kinds: &[u8]) -> Vec<u32> {
        let mut result: Option<Vec<u32>> = None;
        for word in words {
            let mut rows: Vec<u32> = kinds
                .iter()
                .flat_map(|kind| self.beginning(*kind, word))
                .collect();
            rows.sort_unstable();
            rows.dedup();
            result = Some(match result {
                Some(known) => common(&known, &rows),
                None => rows,
            });
        }
        result.unwrap_or_default()
    }

    /// The rows that have all of several words, of which those that no row has are read as typos of words that some have.
    fn with_typos(&self, words: &[String]) -> Vec<u32> {
        if words.len() < 2 {
            return Vec::new();
        }
        let meant = |word: &String| {
            if self.all_of(std::slice::from_ref(word), b"nd").is_empty() {
                self.nearest_word(word)
            } else {
                Some(word.clone())
            }
        };
        let meant: Option<Vec<String>> = words.iter().map(meant).collect();
        meant.map_or_else(Vec::new, |meant| self.all_of(&meant, b"nd"))
    }

    /// The word with the same first letter that differs least.
    fn nearest_word(&self, word: &str) -> Option<String> {
        let most = if word.len() < 6 { 1 } else { 2 };
        let initial = word.get(..1)?;
        let mut best: Option<(usize, String)> = None;
        for kind in [b'n', b'd'] {
            let mut index = self.first_word(&keyed(kind, initial));
            while let Some((text, ..)) = self.word(index) {
                let known = text
                    .strip_prefix(&[kind])
                    .and_then(|known| std::str::from_utf8(known).ok())
                    .filter(|known| known.starts_with(initial));
                let Some(known) = known else { break };
                index += 1;
                if known.len().abs_diff(word.len()) > most {
                    continue;
                }
                let distance = strsim::osa_distance(known, word);
                if distance <= most && best.as_ref().is_none_or(|(least, _)| distance < *least) {
                    best = Some((distance, known.to_owned()));
                }
            }
        }
        best.map(|(_, known)| known)
    }

    fn exactly(&self, kind: u8, word: &str) -> Vec<u32> {
        let key = keyed(kind, word);
        let first = self.first_word(&key);
        match self.word(first) {
            Some((found, offset, count)) if found == key => self.postings(offset, u64::from(count)),
            _ => Vec::new(),
        }
    }

    /// The rows of all words with this beginning; short beginnings mean the word itself.
    fn beginning(&self, kind: u8, word: &str) -> Vec<u32> {
        if word.len() < 3 {
            return self.exactly(kind, word);
        }
        let key = keyed(kind, word);
        let first = self.first_word(&key);
        let mut end = key.clone();
        end.push(0xff);
        let last = self.first_word(&end);
        // The rows of adjacent words are adjacent.
        let (Some((_, start, _)), Some((_, offset, count))) = (
            self.word(first),
            last.checked_sub(1).and_then(|last| self.word(last)),
        ) else {
            return Vec::new();
        };
        if first >= last {
            return Vec::new();
        }
        self.postings(start, (offset.saturating_sub(start)) / 4 + u64::from(count))
    }

    /// Text, offset of its rows, and number of rows.
    fn word(&self, index: u32) -> Option<(Vec<u8>, u64, u32)> {
        if index >= self.words {
            return None;
        }
        let bytes = self.part(Section::Words, u64::from(index) * WORD as u64, WORD)?;
        let text = self.part(
            Section::WordTexts,
            u64::from(number(&bytes, 0)?),
            (number(&bytes, 4)? as usize).min(200),
        )?;
        Some((text, long(&bytes, 8)?, number(&bytes, 16)?))
    }

    fn first_word(&self, key: &[u8]) -> u32 {
        let (mut low, mut high) = (0, self.words);
        while low < high {
            let middle = low + (high - low) / 2;
            if self
                .word(middle)
                .is_some_and(|(text, ..)| text.as_slice() >= key)
            {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    fn postings(&self, offset: u64, count: u64) -> Vec<u32> {
        let Some(bytes) = usize::try_from(count * 4)
            .ok()
            .and_then(|length| self.part(Section::Postings, offset, length))
        else {
            return Vec::new();
        };
        let rows = bytes.chunks_exact(4).filter_map(|row| number(row, 0));
        rows.filter(|row| *row < self.rows).collect()
    }

    /// Names that differ little, or that contain all the letters in order; the most similar first.
    #[must_use]
    pub fn alike(&self, name: &str, limit: usize) -> Vec<u32> {
        let Some(names) = self.names() else {
            return Vec::new();
        };
        let wanted = name.as_bytes();
        let most = (wanted.len() / 4).clamp(1, 3);
        let own = letters(wanted);
        let mut near: Vec<(usize, u32)> = Vec::new();
        for (row, line) in (0..).zip(names.split(|byte| *byte == b'\n')) {
            if line.is_empty() {
                continue;
            }
            // The whole name, or one of its words.
            let parts = std::iter::once(line).chain(
                line.split(|byte| *byte == b'-')
                    .filter(|part| part.len() < line.len()),
            );
            let is_close = |part: &[u8]| {
                part.len().abs_diff(wanted.len()) <= most
                    && (letters(part) ^ own).count_ones() as usize <= 2 * most
            };
            let distance =
                |part: &[u8]| strsim::osa_distance(&folded(&String::from_utf8_lossy(part)), name);
            let nearest = parts
                .filter(|part| is_close(part))
                .map(|part| distance(part) + usize::from(part.len() < line.len()))
                .min();
            if let Some(distance) = nearest.filter(|distance| *distance <= most + 1) {
                near.push((distance, row));
                continue;
            }
            if wanted.len() >= 3
                && line[0].eq_ignore_ascii_case(&wanted[0])
                && has_in_order(line, wanted)
            {
                near.push((10 + line.len() - wanted.len(), row));
            }
        }
        near.sort_unstable();
        near.into_iter().take(limit).map(|(_, row)| row).collect()
    }
}

/// The letters of a text, one bit for each.
fn letters(text: &[u8]) -> u32 {
    text.iter()
        .fold(0, |letters, byte| letters | 1 << (byte & 31))
}

fn has_in_order(line: &[u8], wanted: &[u8]) -> bool {
    let mut rest = line.iter();
    wanted
        .iter()
        .all(|byte| rest.any(|other| other.eq_ignore_ascii_case(byte)))
}

fn keyed(kind: u8, word: &str) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(word.as_bytes());
    key
}

/// The intersection of two sorted lists.
fn common(one: &[u32], other: &[u32]) -> Vec<u32> {
    let (small, large) = if one.len() < other.len() {
        (one, other)
    } else {
        (other, one)
    };
    small
        .iter()
        .copied()
        .filter(|row| large.binary_search(row).is_ok())
        .collect()
}
