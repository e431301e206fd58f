//! Writes an index in one piece, and makes it out of entries.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::Path;

use super::{Checksum, FORMAT, HASH, HEADER, KEY, Key, MAGIC, ROW, WORD, checksum, encode, hash};
use crate::domain::discovery::{self, IndexEntry};
use crate::error::Result;
use crate::fs;

/// Rows by word. Words are many, and nobody gains by choosing them badly, so they are hashed quickly.
type Words = HashMap<Box<[u8]>, Vec<u32>, BuildHasherDefault<Quick>>;

#[derive(Default)]
struct Quick(Checksum);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        self.0.add(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.clone().value()
    }
}

/// The longest text of which every word is found.
const MAX_TEXT: usize = 2048;

/// Writes the index of `key`: entries with the stamp of their file, sorted by name, and the JSON of everything else.
pub(in crate::store) fn write(path: &Path, key: &str, entries: &[(&IndexEntry, u64)], meta: &[u8]) -> Result<()> {
    fs::replace(path, &bytes(key, entries, meta), false)
}

/// The bytes of an index.
pub(super) fn bytes(key: &str, entries: &[(&IndexEntry, u64)], meta: &[u8]) -> Vec<u8> {
    let mut order: Vec<u32> = (0..u32::try_from(entries.len()).unwrap_or(u32::MAX)).collect();
    let entry = |index: &u32| &entries[*index as usize];
    order.sort_by_cached_key(|index| (entry(index).0.name.folded(), entry(index).0.file.clone()));
    let (mut rows, mut names, mut records) = (Vec::with_capacity(order.len() * ROW), Vec::new(), Vec::new());
    let mut hashes: Vec<(u64, u32)> = Vec::new();
    let mut words = Words::default();
    for (row, index) in (0..).zip(&order) {
        let (entry, stamp) = *entry(index);
        let record = encode(entry, stamp);
        let name = entry.name.as_str().as_bytes();
        push_number(&mut rows, names.len());
        push_number(&mut rows, name.len());
        rows.extend_from_slice(&(records.len() as u64).to_le_bytes());
        push_number(&mut rows, record.len());
        #[expect(clippy::cast_possible_truncation, reason = "half of a checksum is one too")]
        rows.extend_from_slice(&(checksum(&record) as u32).to_le_bytes());
        names.extend_from_slice(name);
        names.push(b'\n');
        records.extend_from_slice(&record);
        hashes.push((hash(Key::Title, &entry.title.to_lowercase()), row));
        hashes.push((hash(Key::Stem, &discovery::stem(&entry.file).to_lowercase()), row));
        hashes.push((hash(Key::File, &entry.file), row));
        hashes.push((hash(Key::Blob, &entry.blob.to_string()), row));
        index_words(entry, row, &mut words);
    }
    hashes.sort_unstable();
    let mut hash_table = Vec::with_capacity(hashes.len() * HASH);
    for (hash, row) in &hashes {
        hash_table.extend_from_slice(&hash.to_le_bytes());
        hash_table.extend_from_slice(&row.to_le_bytes());
    }
    let (mut word_table, mut texts, mut postings) = (Vec::with_capacity(words.len() * WORD), Vec::new(), Vec::new());
    let mut words: Vec<(Box<[u8]>, Vec<u32>)> = words.into_iter().collect();
    words.sort_unstable();
    for (word, rows) in &words {
        push_number(&mut word_table, texts.len());
        push_number(&mut word_table, word.len());
        word_table.extend_from_slice(&(postings.len() as u64).to_le_bytes());
        push_number(&mut word_table, rows.len());
        texts.extend_from_slice(word);
        postings.extend(rows.iter().flat_map(|row| row.to_le_bytes()));
    }
    let sections = [&rows, &hash_table, &word_table, &postings, &texts, &names, &records, &meta.to_vec()];
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&FORMAT.to_le_bytes());
    let mut padded = key.as_bytes()[..key.len().min(KEY)].to_vec();
    padded.resize(KEY, 0);
    header.extend_from_slice(&padded);
    for count in [entries.len(), hashes.len(), words.len()] {
        push_number(&mut header, count);
    }
    let mut body = Vec::with_capacity(sections.iter().map(|section| section.len()).sum());
    for section in sections {
        body.extend_from_slice(section);
        header.extend_from_slice(&((HEADER + body.len()) as u64).to_le_bytes());
    }
    header.extend_from_slice(&checksum(&body).to_le_bytes());
    let check = checksum(&header);
    header.extend_from_slice(&check.to_le_bytes());
    debug_assert_eq!(header.len(), HEADER);
    header.extend_from_slice(&body);
    header
}

fn push_number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

/// The words that an agent is found by, each kind under a letter of its own.
fn index_words(entry: &IndexEntry, row: u32, words: &mut Words) {
    let mut key = Vec::with_capacity(48);
    let mut add = |kind: u8, word: &str| {
        key.clear();
        key.push(kind);
        key.extend_from_slice(word.as_bytes());
        // Most words are known, and looking them up needs no copy.
        match words.get_mut(key.as_slice()) {
            Some(rows) if rows.last() == Some(&row) => {}
            Some(rows) => rows.push(row),
            None => drop(words.insert(key.as_slice().into(), vec![row])),
        }
    };
    split(entry.name.as_str(), &mut |word| add(b'n', word));
    split(&entry.title, &mut |word| add(b'n', word));
    let end = (0..=MAX_TEXT.min(entry.description.len())).rev().find(|end| entry.description.is_char_boundary(*end));
    split(&entry.description[..end.unwrap_or(0)], &mut |word| add(b'd', word));
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
            if part.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
                word(&part.to_lowercase());
            } else {
                word(part);
            }
        }
    }
}
