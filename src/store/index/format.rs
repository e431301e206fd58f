//! The constants of the layout: sizes, the order of the sections, hashes and checksums. `record` knows what is in a record.

/// What an index begins with.
pub(super) const MAGIC: &[u8; 8] = b"agentpkg";
/// Raised when the layout or the meaning changes; files in other formats are built again.
pub(super) const FORMAT: u32 = 8;
/// The length of the header.
pub(super) const HEADER: usize = 180;
/// The length of the key: a commit in hex, or a placeholder for one.
pub(super) const KEY: usize = 64;
/// The length of one row.
pub(super) const ROW: usize = 24;
/// The length of one hash.
pub(super) const HASH: usize = 12;
/// The length of one word's entry.
pub(super) const WORD: usize = 20;

/// The sections, in the order of their offsets in the header.
#[derive(Debug, Clone, Copy)]
pub(super) enum Section {
    Rows,
    Hashes,
    Words,
    Postings,
    WordTexts,
    Names,
    Records,
    Meta,
    Checks,
    End,
}

/// What a hash is made from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    Stem,
    File,
    Blob,
}

/// Four bytes as a number, if they are there.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Eight bytes as a number, if they are there.
pub(super) fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The hash by which a text is looked up.
pub(super) fn hash(key: Key, text: &str) -> u64 {
    let mut check = Checksum::default();
    check.add(&[key as u8]);
    check.add(text.as_bytes());
    check.value()
}

/// The checksum of a record or the header.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    let mut check = Checksum::default();
    check.add(bytes);
    check.value()
}

/// A quick checksum against damage; an attacker who can write to the cache can do worse than forge it.
#[derive(Debug, Default, Clone)]
pub(super) struct Checksum {
    state: u64,
    rest: [u8; 8],
    filled: usize,
}

impl Checksum {
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        if self.filled > 0 {
            let take = (8 - self.filled).min(bytes.len());
            self.rest[self.filled..self.filled + take].copy_from_slice(&bytes[..take]);
            self.filled += take;
            bytes = &bytes[take..];
            if self.filled < 8 {
                return;
            }
            self.mix(u64::from_le_bytes(self.rest));
            self.filled = 0;
        }
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.mix(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
        let rest = words.remainder();
        self.rest[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    fn mix(&mut self, word: u64) {
        self.state = (self.state.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    pub(super) fn value(mut self) -> u64 {
        let filled = self.filled;
        self.rest[filled..].fill(0);
        self.mix(u64::from_le_bytes(self.rest));
        self.mix(filled as u64 + 1);
        self.state ^ (self.state >> 29)
    }
}

/// The checksum of a block: four interleaved ones, which a processor computes at the same time.
#[derive(Debug, Default)]
pub(super) struct BlockChecksum {
    lanes: [Checksum; 4],
    rest: Vec<u8>,
}

impl BlockChecksum {
    const TURN: usize = 32;

    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        if !self.rest.is_empty() {
            let take = (Self::TURN - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
            if self.rest.len() < Self::TURN {
                return;
            }
            let rest = std::mem::take(&mut self.rest);
            self.turn(&rest);
        }
        let mut turns = bytes.chunks_exact(Self::TURN);
        for turn in &mut turns {
            self.turn(turn);
        }
        self.rest.extend_from_slice(turns.remainder());
    }

    fn turn(&mut self, turn: &[u8]) {
        for (lane, word) in self.lanes.iter_mut().zip(turn.chunks_exact(8)) {
            lane.mix(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
    }

    pub(super) fn value(self) -> u64 {
        let mut all = Checksum::default();
        for lane in self.lanes {
            all.mix(lane.value());
        }
        all.add(&self.rest);
        all.value()
    }
}
