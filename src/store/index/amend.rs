//! Makes an index from the previous one and what changed: the result has the same bytes as a new one, without reading what is the same.

use super::IndexFile;
use super::format::{HASH, Key, ROW, Section, WORD, long, number};
use super::write::{
    Image, Rows, WordTable, Words, assemble, hashes_of, index_words, place_of, push_hash, sorted,
};
use crate::domain::discovery::IndexEntry;

/// The new number of a removed row.
const GONE: u32 = u32::MAX;

impl IndexFile {
    /// An index without the agents of the files `gone` and with `new` ones, each with the stamp of its file.
    ///
    /// `None` if this one is incomplete or not in memory; the caller knows whether it [is sound](Self::is_sound).
    #[must_use]
    pub(in crate::store) fn amended(
        &self,
        key: &str,
        gone: &[&str],
        new: &[(IndexEntry, u64)],
        meta: Vec<u8>,
    ) -> Option<Image<'_>> {
        // The new number of each row. Rows keep their order, so everything that is sorted by them stays sorted.
        let mut places = vec![0; self.len_of_all()];
        for (row, _) in gone
            .iter()
            .flat_map(|file| self.keyed_rows(Key::File, file))
        {
            *places.get_mut(row as usize)? = GONE;
        }
        let mut rows = Rows::following(
            self.section(Section::Names)?,
            self.section(Section::Records)?,
        );
        let (mut hashes, mut words) = (Vec::new(), Words::default());
        let mut add = |rows: &mut Rows<'_>, (entry, stamp): &(IndexEntry, u64)| {
            let row = rows.push(entry, *stamp);
            hashes.extend(hashes_of(entry, row));
            index_words(entry, row, &mut words);
        };
        let mut new: Vec<(u32, &(IndexEntry, u64))> = new
            .iter()
            .map(|new| Some((self.place(&new.0)?, new)))
            .collect::<Option<_>>()?;
        new.sort_by_cached_key(|(_, (entry, _))| place_of(entry));
        let mut new = new.into_iter().peekable();
        for ((old, place), row) in self
            .section(Section::Rows)?
            .chunks_exact(ROW)
            .zip(&mut places)
            .zip(0..)
        {
            while let Some((_, new)) = new.next_if(|(before, _)| *before == row) {
                add(&mut rows, new);
            }
            if *place != GONE {
                *place = rows.take_over(old, row >= self.rows)?;
            }
        }
        new.for_each(|(_, new)| add(&mut rows, new));
        hashes.sort_unstable();
        let hashes = self.amended_hashes(&places, hashes)?;
        let words = self.amended_words(&places, sorted(words))?;
        Some(assemble(key, rows, hashes, words, meta))
    }

    /// The row before which an entry belongs.
    fn place(&self, entry: &IndexEntry) -> Option<u32> {
        let sought = place_of(entry);
        let (mut low, mut high) = (0, self.all);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.entry(middle)?;
            if place_of(&found) < sought {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Some(low)
    }

    fn amended_hashes(&self, places: &[u32], new: Vec<(u64, u32)>) -> Option<Vec<u8>> {
        let old = self.section(Section::Hashes)?;
        let mut table = Vec::with_capacity(old.len() + new.len() * HASH);
        let mut new = new.into_iter().peekable();
        for old in old.chunks_exact(HASH) {
            let row = *places.get(number(old, 8)? as usize)?;
            if row != GONE {
                let old = (long(old, 0)?, row);
                while let Some(new) = new.next_if(|new| *new < old) {
                    push_hash(&mut table, new);
                }
                push_hash(&mut table, old);
            }
        }
        new.for_each(|new| push_hash(&mut table, new));
        Some(table)
    }

    fn amended_words(&self, places: &[u32], new: Vec<(Box<[u8]>, Vec<u32>)>) -> Option<WordTable> {
        let (texts, postings) = (
            self.section(Section::WordTexts)?,
            self.section(Section::Postings)?,
        );
        let mut table = WordTable::default();
        let mut new = new.into_iter().peekable();
        let mut rows = Vec::new();
        for old in self.section(Section::Words)?.chunks_exact(WORD) {
            let word = part(texts, number(old, 0)?.into(), number(old, 4)?)?;
            while let Some((word, rows)) = new.next_if(|(new, _)| **new < *word) {
                table.push(&word, &rows);
            }
            let more = new.next_if(|(new, _)| **new == *word).map(|(_, rows)| rows);
            let mut more = more.unwrap_or_default().into_iter().peekable();
            rows.clear();
            for row in
                part(postings, long(old, 8)?, number(old, 16)?.checked_mul(4)?)?.chunks_exact(4)
            {
                let row = *places.get(number(row, 0)? as usize)?;
                if row != GONE {
                    while let Some(new) = more.next_if(|new| *new < row) {
                        rows.push(new);
                    }
                    rows.push(row);
                }
            }
            rows.extend(more);
            if !rows.is_empty() {
                table.push(word, &rows);
            }
        }
        new.for_each(|(word, rows)| table.push(&word, &rows));
        Some(table)
    }

    fn section(&self, section: Section) -> Option<&[u8]> {
        let offset = |index: usize| usize::try_from(self.offsets[index]).ok();
        self.file
            .as_bytes()?
            .get(offset(section as usize)?..offset(section as usize + 1)?)
    }
}

fn part(bytes: &[u8], at: u64, length: u32) -> Option<&[u8]> {
    let at = usize::try_from(at).ok()?;
    bytes.get(at..at.checked_add(length as usize)?)
}
