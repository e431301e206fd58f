//! The checksums of an index: one for each block, in a table at the end whose own checksum is in the header.
//!
//! A block is checked when something in it is read for the first time, so that a small answer from a large index costs a few blocks.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::format::{BlockChecksum, HEADER, Section, checksum, long};
use crate::error::Failure;
use crate::fs::{self, RandomFile};

/// How many bytes have one checksum.
pub(super) const BLOCK: usize = 16 << 10;
/// The length of one checksum.
const CHECK: usize = 8;

/// Makes the table: what follows the header, piece by piece.
#[derive(Default)]
pub(super) struct Table {
    checks: Vec<u8>,
    block: BlockChecksum,
    filled: usize,
}

impl Table {
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at((BLOCK - self.filled).min(bytes.len()));
            self.block.add(now);
            self.filled += now.len();
            bytes = rest;
            if self.filled == BLOCK {
                self.end_block();
            }
        }
    }

    fn end_block(&mut self) {
        let check = std::mem::take(&mut self.block).value();
        self.checks.extend_from_slice(&check.to_le_bytes());
        self.filled = 0;
    }

    /// The table, and its checksum.
    pub(super) fn into_bytes(mut self) -> (Vec<u8>, u64) {
        if self.filled > 0 {
            self.end_block();
        }
        let check = checksum(&self.checks);
        (self.checks, check)
    }
}

/// The table of an open index, and which blocks were compared with it.
#[derive(Debug)]
pub(super) struct Blocks {
    checks: Vec<u8>,
    /// Where the last block ends.
    end: u64,
    known: RefCell<Vec<bool>>,
}

impl Blocks {
    /// Reads the table between two offsets; `None` if it is not the one of this checksum, or not one of everything before it.
    pub(super) fn read(file: &RandomFile, (start, end): (u64, u64), check: u64) -> Option<Self> {
        let count = usize::try_from(start.checked_sub(HEADER as u64)?.div_ceil(BLOCK as u64));
        let count = count.ok()?;
        let length = usize::try_from(end.checked_sub(start)?).ok()?;
        if length != count.checked_mul(CHECK)? {
            return None;
        }
        let checks = file.read(start, length)?;
        (checksum(&checks) == check).then(|| Self {
            checks,
            end: start,
            known: RefCell::new(vec![false; count]),
        })
    }

    /// Whether all blocks of which some bytes are in this range are as they were written.
    pub(super) fn are_whole(&self, file: &RandomFile, start: u64, end: u64) -> bool {
        if start >= end {
            return true;
        }
        let block = |at: u64| usize::try_from(at.saturating_sub(HEADER as u64) / BLOCK as u64);
        let (Ok(first), Ok(last)) = (block(start), block(end - 1)) else {
            return false;
        };
        (first..=last).all(|block| self.is_whole(file, block))
    }

    /// Whether everything is. Reads all of it that was not read before.
    pub(super) fn are_all_whole(&self, file: &RandomFile) -> bool {
        self.are_whole(file, HEADER as u64, self.end)
    }

    fn is_whole(&self, file: &RandomFile, block: usize) -> bool {
        if self.known.borrow().get(block) == Some(&true) {
            return true;
        }
        let start = HEADER as u64 + block as u64 * BLOCK as u64;
        let length =
            usize::try_from(self.end.saturating_sub(start)).map_or(BLOCK, |all| all.min(BLOCK));
        let mut check = BlockChecksum::default();
        let at = usize::try_from(start).ok();
        let in_memory = (file.as_bytes().zip(at)).and_then(|(all, at)| all.get(at..at + length));
        match in_memory {
            Some(bytes) => check.add(bytes),
            None => match file.read(start, length) {
                Some(bytes) => check.add(&bytes),
                None => return false,
            },
        }
        let is_whole = long(&self.checks, block * CHECK) == Some(check.value());
        if let Some(known) = self.known.borrow_mut().get_mut(block) {
            *known = is_whole;
        }
        is_whole
    }
}

/// Which indexes turned out to be damaged while they were answered from. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Damage(Arc<Mutex<BTreeSet<PathBuf>>>);

impl Damage {
    /// Takes note of an index, and removes it, so that the next command makes it anew.
    pub(super) fn note(&self, path: &Path) {
        // It is damaged whether or not it can be removed.
        let _ = fs::remove(path);
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paths.insert(path.to_owned());
    }

    /// Why what was answered may be incomplete; `None`: it is not.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        let paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let path = paths.first()?.display();
        let what = format!("the index `{path}` is damaged, so this answer may be incomplete");
        Some(Failure::failed(what).hint("run the command again; the index is made anew"))
    }
}

/// Gives the bytes of an index the checksums that belong to them, so that tests get past the checksums to what follows. Bytes that are too
/// few for an index stay as they are.
pub fn set_checksums(bytes: &mut [u8]) {
    if bytes.len() < HEADER {
        return;
    }
    let offset = |section: usize| {
        let at = long(
            bytes,
            HEADER - 16 - 8 * (Section::End as usize - section + 1),
        )?;
        usize::try_from(at).ok()
    };
    let ends = (
        offset(Section::Checks as usize),
        offset(Section::End as usize),
    );
    if let (Some(start), Some(end)) = ends
        && let Some(body) = bytes.get(HEADER..start)
    {
        let mut table = Table::default();
        table.add(body);
        let (table, check) = table.into_bytes();
        if let Some(old) = bytes
            .get_mut(start..end)
            .filter(|old| old.len() == table.len())
        {
            old.copy_from_slice(&table);
        }
        bytes[HEADER - 16..HEADER - 8].copy_from_slice(&check.to_le_bytes());
    }
    let check = checksum(&bytes[..HEADER - 8]);
    bytes[HEADER - 8..HEADER].copy_from_slice(&check.to_le_bytes());
}
