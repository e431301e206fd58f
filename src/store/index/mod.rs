//! What a source offers, as one flat file that is read in parts: finding a name among 100,000 takes a few short reads and no parsing.
//!
//! ```text
//! header    magic, format, key (commit), counts, offsets, length, checksum of the checksums, checksum of the header
//! rows      by name: where the name is, where the record is, checksum of the record
//! hashes    sorted hashes of title, file stem, file and blob, each with its row
//! words     sorted words, each with the place of its rows; separate for names, descriptions and tags, tools, and servers
//! postings  rows by word
//! names     the names in order, one to a line
//! records   everything about an agent
//! meta      registry.toml, servers, refusals, and which files were read and are no agents: JSON
//! checks    the checksum of each block of 16 KiB after the header
//! ```
//!
//! A file that is incomplete, in another format or of another commit is not opened. A small file is checked completely when it is opened.
//! Checking all of a large one would take longer than answering from it, so a file that is on the disk gets a *seal*: its modification time
//! is set to one in the last century that is computed from its checksum. Any change of the file removes the seal; a file without one is
//! checked completely each time it is opened. Of a large file with a seal, each block is checked when it is read: if one is damaged all
//! the same, the file is removed, and the command fails ([`Damage`]). The file can be deleted at any time: `registry` builds it again.

mod amend;
mod blocks;
mod format;
mod offered;
mod past;
mod record;
mod search;
#[cfg(test)]
mod tests;
mod write;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::blocks::Blocks;
pub use self::blocks::{Damage, set_checksums};
use self::format::{
    FORMAT, HASH, HEADER, KEY, Key, MAGIC, ROW, Section, WORD, checksum, hash, long, number,
};
pub use self::offered::Offered;
pub use self::past::{Past, set_checksum as set_past_checksum};
use self::record::decode;
pub use self::search::{Found, Query, Tier};
pub(super) use self::write::{Image, image};
use crate::domain::discovery::IndexEntry;
use crate::domain::name;
use crate::error::Result;
use crate::fs::{self, RandomFile};

/// How long after a change a file is certainly on the disk, in seconds: several times what operating systems allow.
const SETTLED: u64 = 120;
/// Files up to this size are checked completely when they are opened, which takes less than starting a program.
const SMALL: u64 = 1 << 20;
/// The longest record that is read.
const MAX_RECORD: usize = 64 << 10;

/// The agents whose names have the same beginning.
#[derive(Debug)]
pub enum Beginning {
    /// All of them, sorted.
    Few(Vec<IndexEntry>),
    /// There are more than requested, from this row on.
    Many(u32),
}

/// An open index.
#[derive(Debug)]
pub struct IndexFile {
    file: RandomFile,
    offsets: [u64; 10],
    /// The rows of agents that are meant by their names; those that stand behind them follow.
    rows: u32,
    all: u32,
    hashes: u32,
    words: u32,
    body_check: u64,
    blocks: Blocks,
    /// Where it is, and who is told if it turns out to be damaged.
    origin: Option<(PathBuf, Damage)>,
}

impl IndexFile {
    /// Opens the index of `key`. `None` if there is none, or if it cannot be trusted. `damage` is told if it turns out later to be damaged.
    #[must_use]
    pub fn open(path: &Path, key: Option<&str>, damage: &Damage) -> Option<Self> {
        // All of a small one is read for its check, and a command may ask it about each of a thousand agents.
        let file = RandomFile::open(path)?.in_memory_up_to(SMALL)?;
        let mut index = Self::from_file(file, key)?;
        let modified = index.file.modified()?;
        let seal = seal(index.body_check);
        if (modified != seal || index.file.len() <= SMALL) && !index.is_sound() {
            return None;
        }
        if modified != seal && modified.elapsed().is_ok_and(|age| age.as_secs() > SETTLED) {
            // Without a seal, the only cost is that the next check takes longer.
            let _ = fs::set_modified(path, seal);
        }
        index.origin = Some((path.to_owned(), damage.clone()));
        Some(index)
    }

    /// Writes an index and opens it. `is_sealed`: it is on the disk when this returns, so that it need not be checked.
    pub(super) fn write(
        path: &Path,
        key: &str,
        image: &Image<'_>,
        is_sealed: bool,
    ) -> Result<Option<Self>> {
        fs::replace_parts(
            path,
            image.parts(),
            is_sealed,
            is_sealed.then(|| seal(image.body_check)),
        )?;
        Ok(RandomFile::open(path).and_then(|file| Self::from_file(file, Some(key))))
    }

    /// An index of entries that is not on the disk.
    #[must_use]
    pub fn in_memory(entries: &[IndexEntry]) -> Self {
        let entries: Vec<(&IndexEntry, u64)> = entries.iter().map(|entry| (entry, 0)).collect();
        let file = RandomFile::in_memory(image("memory", &entries, Vec::new()).to_bytes());
        Self::from_file(file, None).expect("what was written just now is whole")
    }

    /// An index from bytes of any origin; `None` if they cannot be trusted.
    #[must_use]
    pub fn of_bytes(bytes: Vec<u8>, key: Option<&str>) -> Option<Self> {
        Self::from_file(RandomFile::in_memory(bytes), key)
    }

    /// All of it, if it is in memory.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        self.file.as_bytes()
    }

    fn from_file(file: RandomFile, key: Option<&str>) -> Option<Self> {
        let mut header = [0; HEADER];
        if !file.read_into(0, &mut header) || &header[..8] != MAGIC || number(&header, 8)? != FORMAT
        {
            return None;
        }
        if long(&header, HEADER - 8)? != checksum(&header[..HEADER - 8]) {
            return None;
        }
        if let Some(key) = key
            && header[12..12 + KEY].split(|byte| *byte == 0).next() != Some(key.as_bytes())
        {
            return None;
        }
        let (at, count) = (12 + KEY + 4, |index: usize| {
            number(&header, 12 + KEY + index * 4)
        });
        let (all, rows, hashes, words) = (count(0)?, count(1)?, count(2)?, count(3)?);
        // The first section follows the header, so only the other offsets are in it.
        let mut offsets = [HEADER as u64; 10];
        for (index, offset) in offsets.iter_mut().enumerate().skip(1) {
            *offset = long(&header, at + 12 + (index - 1) * 8)?;
        }
        let body_check = long(&header, HEADER - 16)?;
        let is_ordered = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        let fits = |section: Section, count: u32, size: usize| {
            let index = section as usize;
            offsets[index + 1].checked_sub(offsets[index]) == Some(u64::from(count) * size as u64)
        };
        let is_whole = is_ordered
            && offsets[Section::End as usize] == file.len()
            && rows <= all
            && fits(Section::Rows, all, ROW)
            && fits(Section::Hashes, hashes, HASH)
            && fits(Section::Words, words, WORD);
        if !is_whole {
            return None;
        }
        let checks = (
            offsets[Section::Checks as usize],
            offsets[Section::End as usize],
        );
        let blocks = Blocks::read(&file, checks, body_check)?;
        Some(Self {
            file,
            offsets,
            rows,
            all,
            hashes,
            words,
            body_check,
            blocks,
            origin: None,
        })
    }

    /// Whether everything after the header is as it was written. Reads all of it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.blocks.are_all_whole(&self.file)
    }

    /// How many agents there are that are meant by their names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// How many there are with those that stand behind others.
    #[must_use]
    pub(super) fn len_of_all(&self) -> usize {
        self.all as usize
    }

    /// The agents with exactly this name, ignoring case, also those that stand behind others.
    #[must_use]
    pub fn named(&self, folded: &str) -> Vec<IndexEntry> {
        let named = self.stamped_of(folded).into_iter();
        named.map(|(entry, _)| entry).collect()
    }

    /// The same, with the stamps of their files.
    pub(super) fn stamped_of(&self, folded: &str) -> Vec<(IndexEntry, u64)> {
        let is_named = |row: &u32| {
            self.name(*row)
                .is_some_and(|name| name::folded(&name) == folded)
        };
        let meant = self.first_in(0..self.rows, folded)..self.rows;
        let behind = self.first_in(self.rows..self.all, folded)..self.all;
        let rows = (meant.take_while(is_named)).chain(behind.take_while(is_named));
        rows.filter_map(|row| self.stamped(row)).collect()
    }

    /// The agents whose names begin with this, sorted. Adjacent rows are read at once.
    #[must_use]
    pub fn beginning_with(&self, folded: &str, most: usize) -> Beginning {
        let start = self.first_at_least(folded);
        self.side_by_side(start, folded, most)
            .unwrap_or_else(|| Beginning::Few(Vec::new()))
    }

    fn side_by_side(&self, start: u32, folded: &str, most: usize) -> Option<Beginning> {
        let count = (self.rows - start).min(u32::try_from(most).ok()?.checked_add(1)?);
        let rows = self.part(
            Section::Rows,
            u64::from(start) * ROW as u64,
            count as usize * ROW,
        )?;
        let (first, last) = (
            rows.get(..ROW)?,
            rows.len()
                .checked_sub(ROW)
                .and_then(|last| rows.get(last..))?,
        );
        let (from, to, length) = (number(first, 0)?, number(last, 0)?, number(last, 4)?);
        let length = (to.saturating_sub(from) as usize).saturating_add(length as usize);
        let names = self.part(Section::Names, u64::from(from), length)?;
        // The names show how many rows match, so records are read after them.
        let is_meant = |row: &&[u8]| {
            let at = number(row, 0)
                .and_then(|at| at.checked_sub(from))
                .map_or(usize::MAX, |at| at as usize);
            let name = number(row, 4)
                .and_then(|length| at.checked_add(length as usize))
                .and_then(|end| std::str::from_utf8(names.get(at..end)?).ok());
            name.is_some_and(|name| name::has_beginning(name, folded))
        };
        let meant: Vec<&[u8]> = rows.chunks_exact(ROW).take_while(is_meant).collect();
        if meant.len() > most {
            return Some(Beginning::Many(start));
        }
        let bounds = |row: &&[u8]| Some((long(row, 8)?, number(row, 16)? as usize));
        let ((begin, _), (end, size)) = (
            meant.first().and_then(bounds)?,
            meant.last().and_then(bounds)?,
        );
        let gap = usize::try_from(end.saturating_sub(begin)).ok()?;
        let all = self.part(Section::Records, begin, gap.checked_add(size)?)?;
        let entry = |row: &&[u8]| {
            let (at, size) = bounds(row)?;
            let at = usize::try_from(at.checked_sub(begin)?).ok()?;
            let record = all.get(at..at.checked_add(size)?)?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "half of a checksum is one too"
            )]
            let is_whole = checksum(record) as u32 == number(row, 20)?;
            decode(record).filter(|_| is_whole).map(|(entry, _)| entry)
        };
        Some(Beginning::Few(meant.iter().filter_map(entry).collect()))
    }

    /// The agents that have this stem, file or blob.
    #[must_use]
    fn keyed(&self, key: Key, text: &str) -> Vec<IndexEntry> {
        self.keyed_rows(key, text)
            .into_iter()
            .map(|(_, entry)| entry)
            .collect()
    }

    /// The agent in a file.
    #[must_use]
    pub(super) fn at(&self, file: &str) -> Option<IndexEntry> {
        self.keyed(Key::File, file).into_iter().next()
    }

    /// The same, with their rows.
    fn keyed_rows(&self, key: Key, text: &str) -> Vec<(u32, IndexEntry)> {
        let wanted = hash(key, text);
        let hash_at = |index: u32| -> Option<(u64, u32)> {
            let bytes = self.part(Section::Hashes, u64::from(index) * HASH as u64, HASH)?;
            Some((long(&bytes, 0)?, number(&bytes, 8)?))
        };
        let (mut low, mut high) = (0, self.hashes);
        while low < high {
            let middle = low + (high - low) / 2;
            match hash_at(middle) {
                Some((found, _)) if found < wanted => low = middle + 1,
                Some(_) => high = middle,
                None => return Vec::new(),
            }
        }
        let rows = (low..self.hashes)
            .map_while(|index| hash_at(index).filter(|(found, _)| *found == wanted))
            .map(|(_, row)| row);
        let is_meant = |entry: &IndexEntry| match key {
            Key::Stem => name::folded(crate::domain::discovery::stem(&entry.file)) == text,
            Key::File => entry.file == text,
            Key::Blob => entry.blob.to_string() == text,
        };
        rows.filter_map(|row| Some((row, self.entry(row)?)))
            .filter(|(_, entry)| is_meant(entry))
            .collect()
    }

    /// The agents that are meant by their names, sorted by name; damaged ones are left out.
    pub fn entries(&self) -> impl Iterator<Item = IndexEntry> {
        (0..self.rows).filter_map(|row| self.entry(row))
    }

    /// The agents that stand behind others, sorted by name.
    pub fn behind(&self) -> impl Iterator<Item = IndexEntry> {
        (self.rows..self.all).filter_map(|row| self.entry(row))
    }

    /// The agent in a row.
    #[must_use]
    pub fn entry(&self, row: u32) -> Option<IndexEntry> {
        self.record(row)
            .and_then(|record| decode(&record))
            .map(|(entry, _)| entry)
    }

    /// The agent in a row, with the stamp of its file.
    pub(super) fn stamped(&self, row: u32) -> Option<(IndexEntry, u64)> {
        decode(&self.record(row)?)
    }

    /// The names in order, one to a line.
    #[must_use]
    pub fn names(&self) -> Option<Vec<u8>> {
        let length = if self.rows < self.all {
            number(&self.row(self.rows)?, 0)?.into()
        } else {
            self.offsets[Section::Names as usize + 1] - self.offsets[Section::Names as usize]
        };
        self.part(Section::Names, 0, usize::try_from(length).ok()?)
    }

    /// The JSON at the end.
    pub(super) fn meta(&self) -> Option<Vec<u8>> {
        let length = self.offsets[Section::Checks as usize] - self.offsets[Section::Meta as usize];
        self.part(Section::Meta, 0, usize::try_from(length).ok()?)
    }

    fn record(&self, row: u32) -> Option<Vec<u8>> {
        let bytes = self.row(row)?;
        let length = number(&bytes, 16)? as usize;
        let record = self.part(Section::Records, long(&bytes, 8)?, length.min(MAX_RECORD))?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "half of a checksum is one too"
        )]
        let check = checksum(&record) as u32;
        (check == number(&bytes, 20)?).then_some(record)
    }

    fn row(&self, row: u32) -> Option<Vec<u8>> {
        if row >= self.all {
            return None;
        }
        self.part(Section::Rows, u64::from(row) * ROW as u64, ROW)
    }

    /// The name in a row.
    #[must_use]
    pub fn name(&self, row: u32) -> Option<String> {
        let bytes = self.row(row)?;
        let (offset, length) = (number(&bytes, 0)?, number(&bytes, 4)?);
        let name = self.part(
            Section::Names,
            u64::from(offset),
            (length as usize).min(name::MAX_NAME),
        )?;
        String::from_utf8(name).ok()
    }

    /// The first row whose name is not less than `folded`.
    fn first_at_least(&self, folded: &str) -> u32 {
        self.first_in(0..self.rows, folded)
    }

    /// The same, among sorted rows.
    fn first_in(&self, rows: Range<u32>, folded: &str) -> u32 {
        let (mut low, mut high) = (rows.start, rows.end);
        while low < high {
            let middle = low + (high - low) / 2;
            // A name that cannot be read sorts first, so that the search ends.
            if self
                .name(middle)
                .is_some_and(|name| name::folded(&name).as_str() >= folded)
            {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// A range of a section; `None` if it is out of range, or damaged.
    fn part(&self, section: Section, offset: u64, length: usize) -> Option<Vec<u8>> {
        let start = self.offsets[section as usize].checked_add(offset)?;
        let end = start.checked_add(u64::try_from(length).ok()?)?;
        if end > self.offsets[section as usize + 1] {
            return None;
        }
        let bytes = (self.blocks.are_whole(&self.file, start, end))
            .then(|| self.file.read(start, length))
            .flatten();
        if let (None, Some((path, damage))) = (&bytes, &self.origin) {
            damage.note(path);
        }
        bytes
    }
}

/// The modification time of an intact file with this checksum. Even seconds, which every file system can store.
fn seal(check: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(400_000_000 + (check & 0xfff_ffff) * 2)
}
