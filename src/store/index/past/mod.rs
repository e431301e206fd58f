//! What the files of a source ever held, and the lines of each text as numbers: all that a search for the origin of a file needs to know
//! of a history, in one file.
//!
//! ```text
//! magic, format, checksum of the checksums of the blocks that follow
//! commit, and whether its history is whole
//! paths     the paths of all files
//! blobs     the contents of all files, by id
//! commits   newest first: what each gave to which files
//! lines     the hashes of all lines
//! texts     for each blob the numbers of its lines in order, each as the difference from the one before; none if it was not read
//! ```
//!
//! Counts, numbers and differences have as many bytes as they need. All of it is read at once, so all of it is checked when it is opened:
//! what is damaged or of another format is not opened, and is made anew. The same history gives the same bytes, whether they were made at
//! once or from what was known of an earlier commit.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::blocks::Table;
use super::format::{long, number};
use crate::domain::digest::ObjectId;
use crate::domain::lineage::{self, Lines};
use crate::error::Result;
use crate::fs;
use crate::git::{Given, PastFiles};

/// What it begins with.
const MAGIC: &[u8; 8] = b"agentpst";
/// Raised when the layout changes, or the hash of a line ([`lineage::lines`]).
const FORMAT: u32 = 1;
/// Where the commit begins.
const HEADER: usize = 20;
/// No history that is looked at needs more.
const MAX_BYTES: u64 = 1 << 30;

/// The past of a source at a commit.
#[derive(Debug, Default)]
pub struct Past {
    /// What the files held.
    pub files: PastFiles,
    commit: Option<ObjectId>,
    lines: Vec<u64>,
    numbers: HashMap<u64, u32>,
    texts: HashMap<ObjectId, Box<[u32]>>,
    /// Whether it is not what is in the file.
    is_changed: bool,
}

impl Past {
    /// Opens the file. `None` if there is none, or if it cannot be trusted.
    #[must_use]
    pub(in crate::store) fn open(path: &Path) -> Option<Self> {
        Self::of_bytes(&fs::read(path, MAX_BYTES).ok()??)
    }

    /// The past of a commit, with what was known of the texts.
    pub(in crate::store) fn at(self, commit: ObjectId, files: PastFiles) -> Self {
        Self {
            is_changed: self.commit != Some(commit) || self.files != files,
            commit: Some(commit),
            files,
            ..self
        }
    }

    /// The commit that it is the past of.
    pub(in crate::store) fn commit(&self) -> Option<ObjectId> {
        self.commit
    }

    /// The blobs of files for which `is_wanted` is true whose lines are not known: file by file, since a version is mostly stored as the
    /// difference from the one before.
    pub(in crate::store) fn unread(&self, is_wanted: &dyn Fn(&str) -> bool) -> Vec<ObjectId> {
        let given = self.files.commits.iter().flat_map(|given| &given.files);
        let unread = given.filter(|(path, blob)| !self.texts.contains_key(blob) && is_wanted(path));
        let mut unread: Vec<&(String, ObjectId)> = unread.collect();
        unread.sort_by_key(|(path, _)| path);
        let mut known = HashSet::new();
        let blobs = unread.into_iter().map(|(_, blob)| *blob);
        blobs.filter(|blob| known.insert(*blob)).collect()
    }

    /// Takes note of the lines of a text.
    pub fn learn(&mut self, blob: ObjectId, text: &[u8]) {
        let lines: Lines = lineage::lines(text);
        if self.numbers.len() < self.lines.len() {
            self.numbers = (self.lines.iter().copied()).zip(0..).collect();
        }
        let mut numbers = Vec::with_capacity(lines.len());
        for line in lines {
            let next = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
            let number = *self.numbers.entry(line).or_insert(next);
            if number == next {
                self.lines.push(line);
            }
            numbers.push(number);
        }
        self.texts.insert(blob, numbers.into());
        self.is_changed = true;
    }

    /// The hashes of the lines of all texts.
    #[must_use]
    pub fn lines(&self) -> &[u64] {
        &self.lines
    }

    /// The numbers of the lines of a text; `None`: it was not read.
    #[must_use]
    pub fn text(&self, blob: ObjectId) -> Option<&[u32]> {
        self.texts.get(&blob).map(AsRef::as_ref)
    }

    /// Writes the file if it holds something else. Readers see it as it was or as it is now.
    pub(in crate::store) fn write(&mut self, path: &Path) -> Result<()> {
        if std::mem::take(&mut self.is_changed) {
            fs::replace(path, &self.to_bytes(), false)?;
        }
        Ok(())
    }

    /// It as bytes; what no file of this past holds is left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut paths = Numbered::default();
        let mut blobs = Numbered::default();
        let mut commits = Vec::new();
        push(&mut commits, self.files.commits.len());
        for given in &self.files.commits {
            commits.extend_from_slice(given.commit.as_bytes());
            commits.push(u8::from(given.has_parent));
            push(&mut commits, given.files.len());
            for (path, blob) in &given.files {
                push(&mut commits, paths.number(path.as_str()));
                push(&mut commits, blobs.number(*blob));
            }
        }
        let (mut lines, mut texts) = (Numbered::default(), Vec::new());
        for blob in &blobs.order {
            let Some(text) = self.texts.get(blob) else {
                push(&mut texts, 0);
                continue;
            };
            push(&mut texts, text.len() + 1);
            // However the lines were numbered before, these are the numbers now.
            let mut hashes: Lines = (text.iter())
                .map(|line| self.lines[*line as usize])
                .collect();
            hashes.sort_unstable();
            let numbers = hashes.into_iter().map(|line| lines.number(line));
            let mut numbers: Vec<usize> = numbers.collect();
            numbers.sort_unstable();
            let mut last = 0;
            for number in numbers {
                push(&mut texts, number - last);
                last = number;
            }
        }
        let mut body = self
            .commit
            .map_or([0; 20], |commit| *commit.as_bytes())
            .to_vec();
        body.push(u8::from(self.files.is_whole));
        push(&mut body, paths.order.len());
        for path in &paths.order {
            push(&mut body, path.len());
            body.extend_from_slice(path.as_bytes());
        }
        push(&mut body, blobs.order.len());
        for blob in &blobs.order {
            body.extend_from_slice(blob.as_bytes());
        }
        body.extend_from_slice(&commits);
        push(&mut body, lines.order.len());
        for line in &lines.order {
            body.extend_from_slice(&line.to_le_bytes());
        }
        body.extend_from_slice(&texts);
        sealed(&body)
    }

    /// The past in bytes of any origin; `None` if they cannot be trusted.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let body = bytes.get(HEADER..)?;
        let is_sound = &bytes[..8] == MAGIC
            && number(bytes, 8)? == FORMAT
            && long(bytes, 12)? == checksum(body);
        if !is_sound {
            return None;
        }
        let mut rest = Reader(body);
        let mut past = Self {
            commit: Some(rest.id()?),
            ..Self::default()
        };
        past.files.is_whole = rest.flag()?;
        let paths = rest.list(|rest| {
            let length = rest.number()?;
            String::from_utf8(rest.take(length)?.to_vec()).ok()
        })?;
        let blobs = rest.list(Reader::id)?;
        past.files.commits = rest.list(|rest| {
            Some(Given {
                commit: rest.id()?,
                has_parent: rest.flag()?,
                files: rest.list(|rest| {
                    let path = paths.get(rest.number()?)?.clone();
                    Some((path, *blobs.get(rest.number()?)?))
                })?,
            })
        })?;
        past.lines = rest.list(|rest| Some(u64::from_le_bytes(rest.take(8)?.try_into().ok()?)))?;
        for blob in blobs {
            let Some(count) = rest.number()?.checked_sub(1) else {
                continue;
            };
            let mut last = 0;
            let numbers = rest.some(count, |rest| {
                last = rest.number()?.checked_add(last)?;
                (last < past.lines.len()).then(|| u32::try_from(last).ok())?
            })?;
            past.texts.insert(blob, numbers.into());
        }
        rest.0.is_empty().then_some(past)
    }
}

/// Puts the magic, the format and the checksum before the rest.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&checksum(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Gives the bytes of a past the checksum that belongs to them, so that tests get past it to what follows. Bytes that are too few for a past
/// stay as they are.
pub fn set_checksum(bytes: &mut [u8]) {
    if let Some(body) = bytes.get(HEADER..) {
        let check = checksum(body).to_le_bytes();
        bytes[HEADER - 8..HEADER].copy_from_slice(&check);
    }
}

fn checksum(body: &[u8]) -> u64 {
    let mut table = Table::default();
    table.add(body);
    table.into_bytes().1
}

/// Different things in the order in which they were met first.
struct Numbered<T> {
    order: Vec<T>,
    numbers: HashMap<T, usize>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            numbers: HashMap::new(),
        }
    }
}

impl<T: Copy + Eq + std::hash::Hash> Numbered<T> {
    fn number(&mut self, what: T) -> usize {
        let next = self.order.len();
        let number = *self.numbers.entry(what).or_insert(next);
        if number == next {
            self.order.push(what);
        }
        number
    }
}

/// Adds a number, seven bits to a byte, the lowest first; the highest bit says that more follow.
fn push(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        bytes.push(0x80 | number.to_le_bytes()[0]);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// What was not read yet.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.take(1)? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    fn id(&mut self) -> Option<ObjectId> {
        Some(ObjectId::from_bytes(self.take(20)?.try_into().ok()?))
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0;
        for shift in (0..u32::BITS).step_by(7) {
            let byte = *self.take(1)?.first()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return usize::try_from(number).ok();
            }
        }
        None
    }

    fn list<T>(&mut self, one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        self.some(count, one)
    }

    fn some<T>(
        &mut self,
        count: usize,
        mut one: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        // Each takes at least one byte, so no count that is too large reserves memory.
        let mut all = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            all.push(one(self)?);
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests;
