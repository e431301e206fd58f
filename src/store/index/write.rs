//! Makes an index from entries.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use super::blocks::Table;
use super::format::{
    Checksum, FORMAT, HASH, HEADER, KEY, Key, MAGIC, checksum, hash, long, number,
};
use super::record::encode;
use crate::domain::discovery::{self, IndexEntry};
use crate::domain::name::folded;

/// Rows by word. There are many words, and nobody gains by choosing colliding ones, so they are hashed with a fast function.
pub(super) type Words = HashMap<Box<[u8]>, Vec<u32>, BuildHasherDefault<Quick>>;

#[derive(Default)]
pub(super) struct Quick(Checksum);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        self.0.add(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.clone().value()
    }
}

/// The longest text that is indexed completely.
const MAX_TEXT: usize = 2048;

/// The index of `key`: entries with the stamps of their files, in any order, and the JSON of everything else.
pub(in crate::store) fn image(
    key: &str,
    entries: &[(&IndexEntry, u64)],
    meta: Vec<u8>,
) -> Image<'static> {
    let mut order: Vec<u32> = (0..u32::try_from(entries.len()).unwrap_or(u32::MAX)).collect();
    let entry = |index: &u32| &entries[*index as usize];
    order.sort_by_cached_key(|index| place_of(entry(index).0));
    let (mut rows, mut hashes, mut words) = (Rows::default(), Vec::new(), Words::default());
    for index in &order {
        let (entry, stamp) = *entry(index);
        let row = rows.push(entry, stamp);
        hashes.extend(hashes_of(entry, row));
        index_words(entry, row, &mut words);
    }
    hashes.sort_unstable();
    let mut hash_table = Vec::with_capacity(hashes.len() * HASH);
    for hash in &hashes {
        push_hash(&mut hash_table, *hash);
    }
    let mut word_table = WordTable::default();
    for (word, rows) in sorted(words) {
        word_table.push(&word, &rows);
    }
    assemble(key, rows, hash_table, word_table, meta)
}

/// Where an agent is among others: those that stand behind others come last, by name, then by file.
pub(super) fn place_of(entry: &IndexEntry) -> (bool, String, String) {
    (entry.is_behind, entry.name.folded(), entry.file.clone())
}

/// An index, part by part as it is written.
#[derive(Debug)]
pub(in crate::store) struct Image<'a> {
    parts: Vec<Cow<'a, [u8]>>,
    pub(super) body_check: u64,
}

impl Image<'_> {
    /// The parts in order.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(AsRef::as_ref)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.parts().flatten().copied().collect()
    }
}

/// Bytes in sequence: new ones, and ranges of a section of another index.
#[derive(Default)]
struct Stretches<'a> {
    old: &'a [u8],
    parts: Vec<Stretch>,
    length: usize,
}

enum Stretch {
    New(Vec<u8>),
    Old(Range<usize>),
}

impl<'a> Stretches<'a> {
    fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        match self.parts.last_mut() {
            Some(Stretch::New(last)) => last.extend_from_slice(bytes),
            _ => self.parts.push(Stretch::New(bytes.to_vec())),
        }
    }

    /// Copies bytes of the old section; `None` if they are out of range.
    fn take_over(&mut self, at: u64, length: usize) -> Option<()> {
        let at = usize::try_from(at).ok()?;
        let end = at
            .checked_add(length)
            .filter(|end| *end <= self.old.len())?;
        self.length += length;
        match self.parts.last_mut() {
            Some(Stretch::Old(last)) if last.end == at => last.end = end,
            _ => self.parts.push(Stretch::Old(at..end)),
        }
        Some(())
    }

    fn into_parts(self) -> impl Iterator<Item = Cow<'a, [u8]>> {
        self.parts.into_iter().map(move |part| match part {
            Stretch::New(bytes) => Cow::Owned(bytes),
            Stretch::Old(stretch) => Cow::Borrowed(&self.old[stretch]),
        })
    }
}

/// The rows of an index, and what they point to.
#[derive(Default)]
pub(super) struct Rows<'a> {
    table: Vec<u8>,
    names: Stretches<'a>,
    records: Stretches<'a>,
    count: u32,
    /// How many of them are of agents that are meant by their names.
    meant: u32,
}

impl<'a> Rows<'a> {
    /// Rows to which rows of another index can be added.
    pub(super) fn following(names: &'a [u8], records: &'a [u8]) -> Self {
        let section = |old| Stretches {
            old,
            ..Stretches::default()
        };
        Self {
            names: section(names),
            records: section(records),
            ..Self::default()
        }
    }

    /// Adds an entry; returns its row.
    pub(super) fn push(&mut self, entry: &IndexEntry, stamp: u64) -> u32 {
        let record = encode(entry, stamp);
        let name = entry.name.as_str().as_bytes();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "half of a checksum is one too"
        )]
        self.push_row(name.len(), record.len(), checksum(&record) as u32);
        self.names.push(name);
        self.names.push(b"\n");
        self.records.push(&record);
        self.meant += u32::from(!entry.is_behind);
        self.count - 1
    }

    /// Adds a row of the other index with what it points to; returns its row. `None` if it points to nothing.
    pub(super) fn take_over(&mut self, old: &[u8], is_behind: bool) -> Option<u32> {
        self.meant += u32::from(!is_behind);
        let (name, record) = (number(old, 4)? as usize, number(old, 16)? as usize);
        self.push_row(name, record, number(old, 20)?);
        self.names
            .take_over(number(old, 0)?.into(), name.checked_add(1)?)?;
        self.records.take_over(long(old, 8)?, record)?;
        Some(self.count - 1)
    }

    fn push_row(&mut self, name: usize, record: usize, check: u32) {
        push_number(&mut self.table, self.names.length);
        push_number(&mut self.table, name);
        self.table
            .extend_from_slice(&(self.records.length as u64).to_le_bytes());
        push_number(&mut self.table, record);
        self.table.extend_from_slice(&check.to_le_bytes());
        self.count += 1;
    }
}

/// Sorted words, each with its rows.
#[derive(Default)]
pub(super) struct WordTable {
    table: Vec<u8>,
    texts: Vec<u8>,
    postings: Vec<u8>,
    count: usize,
}

impl WordTable {
    pub(super) fn push(&mut self, word: &[u8], rows: &[u32]) {
        push_number(&mut self.table, self.texts.len());
        push_number(&mut self.table, word.len());
        self.table
            .extend_from_slice(&(self.postings.len() as u64).to_le_bytes());
        push_number(&mut self.table, rows.len());
        self.texts.extend_from_slice(word);
        self.postings
            .extend(rows.iter().flat_map(|row| row.to_le_bytes()));
        self.count += 1;
    }
}

pub(super) fn hashes_of(entry: &IndexEntry, row: u32) -> [(u64, u32); 3] {
    [
        (hash(Key::Stem, &folded(discovery::stem(&entry.file))), row),
        (hash(Key::File, &entry.file), row),
        (hash(Key::Blob, &entry.blob.to_string()), row),
    ]
}

pub(super) fn push_hash(table: &mut Vec<u8>, (hash, row): (u64, u32)) {
    table.extend_from_slice(&hash.to_le_bytes());
    table.extend_from_slice(&row.to_le_bytes());
}

pub(super) fn sorted(words: Words) -> Vec<(Box<[u8]>, Vec<u32>)> {
    let mut words: Vec<(Box<[u8]>, Vec<u32>)> = words.into_iter().collect();
    words.sort_unstable();
    words
}

/// Puts the sections behind a header.
pub(super) fn assemble<'a>(
    key: &str,
    rows: Rows<'a>,
    hashes: Vec<u8>,
    words: WordTable,
    meta: Vec<u8>,
) -> Image<'a> {
    let counts = [
        rows.count as usize,
        rows.meant as usize,
        hashes.len() / HASH,
        words.count,
    ];
    let mut parts = vec![Cow::Owned(Vec::new())];
    let mut ends = Vec::new();
    let mut add = |section: &mut dyn Iterator<Item = Cow<'a, [u8]>>| {
        parts.extend(section);
        ends.push(HEADER + parts.iter().map(|part| part.len()).sum::<usize>());
    };
    for section in [rows.table, hashes, words.table, words.postings, words.texts] {
        add(&mut [Cow::Owned(section)].into_iter());
    }
    add(&mut rows.names.into_parts());
    add(&mut rows.records.into_parts());
    add(&mut [Cow::Owned(meta)].into_iter());
    let mut table = Table::default();
    for part in &parts {
        table.add(part);
    }
    let (table, body_check) = table.into_bytes();
    ends.push(ends.last().map_or(HEADER, |end| end + table.len()));
    parts.push(Cow::Owned(table));
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&FORMAT.to_le_bytes());
    header.extend_from_slice(&key.as_bytes()[..key.len().min(KEY)]);
    header.resize(MAGIC.len() + 4 + KEY, 0);
    for count in counts {
        push_number(&mut header, count);
    }
    for end in ends {
        header.extend_from_slice(&(end as u64).to_le_bytes());
    }
    header.extend_from_slice(&body_check.to_le_bytes());
    let check = checksum(&header);
    header.extend_from_slice(&check.to_le_bytes());
    debug_assert_eq!(header.len(), HEADER);
    parts[0] = Cow::Owned(header);
    Image { parts, body_check }
}

fn push_number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

/// The words that an agent is found by, each kind prefixed with its own letter.
pub(super) fn index_words(entry: &IndexEntry, row: u32, words: &mut Words) {
    if entry.is_behind {
        return;
    }
    let mut key = Vec::with_capacity(48);
    let mut add = |kind: u8, word: &str| {
        key.clear();
        key.push(kind);
        key.extend_from_slice(word.as_bytes());
        // Most words are already known, and looking them up needs no copy.
        match words.get_mut(key.as_slice()) {
            Some(rows) if rows.last() == Some(&row) => {}
            Some(rows) => rows.push(row),
            None => drop(words.insert(key.as_slice().into(), vec![row])),
        }
    };
    split(entry.name.as_str(), &mut |word| add(b'n', word));
    split(&entry.title, &mut |word| add(b'n', word));
    let end = (0..=MAX_TEXT.min(entry.description.len()))
        .rev()
        .find(|end| entry.description.is_char_boundary(*end));
    split(&entry.description[..end.unwrap_or(0)], &mut |word| {
        add(b'd', word);
    });
    for tag in &entry.tags {
        split(tag, &mut |word| add(b'd', word));
    }
    match &entry.tools {
        None => add(b't', "*"),
        Some(tools) => {
            for tool in tools {
                add(b't', &tool.split('(').next().unwrap_or(tool).to_lowercase());
            }
        }
    }
    for server in &entry.servers {
        add(b'm', &server.to_lowercase());
    }
}

/// The words of a text, in lower case: letters and digits, at least two of them.
pub(super) fn split(text: &str, word: &mut dyn FnMut(&str)) {
    for part in text.split(|c: char| !c.is_alphanumeric()) {
        if (2..=40).contains(&part.len()) {
            if part
                .bytes()
                .any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii())
            {
                word(&part.to_lowercase());
            } else {
                word(part);
            }
        }
    }
}
