//! The agents of a source, wherever they are: in memory, or in an index that is read as needed. Both give the same answers.

use super::IndexFile;
use super::format::Key;
use super::search::{Query, Tier};
use crate::domain::digest::ObjectId;
use crate::domain::discovery::{self, IndexEntry};
use crate::domain::name::folded;

/// The agents of a source.
#[derive(Debug)]
pub enum Offered {
    /// In memory, sorted by name, then file.
    Listed(Vec<IndexEntry>),
    /// In a file.
    Indexed(Box<IndexFile>),
}

impl Offered {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Listed(entries) => entries.len(),
            Self::Indexed(index) => index.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, sorted by name, then file.
    #[must_use]
    pub fn all(&self) -> Vec<IndexEntry> {
        match self {
            Self::Listed(entries) => entries.clone(),
            Self::Indexed(index) => index.entries().collect(),
        }
    }

    /// The agents that `name` means: one in a folder of agents whose file alone is named so, else those by their name, by their title,
    /// or, if there are none, by the name of their file.
    #[must_use]
    pub fn find(&self, name: &str) -> Vec<IndexEntry> {
        let folded = folded(name);
        let by_stem = self.in_files_named(&folded);
        if let [one] = by_stem.as_slice()
            && discovery::decides(one, name)
        {
            return by_stem;
        }
        let mut found = match self {
            Self::Listed(entries) => {
                let is_called = |entry: &&IndexEntry| {
                    entry.name.folded() == folded || self::folded(&entry.title) == folded
                };
                entries.iter().filter(is_called).cloned().collect()
            }
            Self::Indexed(index) => {
                let mut found = index.named(&folded);
                found.extend(index.keyed(Key::Title, &folded));
                found.sort_by(|one, other| {
                    one.name
                        .cmp(&other.name)
                        .then_with(|| one.file.cmp(&other.file))
                });
                found.dedup();
                found
            }
        };
        // Two agents may differ only in case; then the exact spelling decides.
        if found
            .iter()
            .any(|entry| entry.name.as_str() == name || entry.title == name)
        {
            found.retain(|entry| entry.name.as_str() == name || entry.title == name);
        }
        if !found.is_empty() {
            return found;
        }
        by_stem
    }

    /// The agents in files of this name, in folded form.
    fn in_files_named(&self, folded: &str) -> Vec<IndexEntry> {
        match self {
            Self::Listed(entries) => entries
                .iter()
                .filter(|entry| self::folded(discovery::stem(&entry.file)) == folded)
                .cloned()
                .collect(),
            Self::Indexed(index) => index.keyed(Key::Stem, folded),
        }
    }

    /// The agent in a file.
    #[must_use]
    pub fn find_file(&self, file: &str) -> Option<IndexEntry> {
        match self {
            Self::Listed(entries) => entries.iter().find(|entry| entry.file == file).cloned(),
            Self::Indexed(index) => index.keyed(Key::File, file).into_iter().next(),
        }
    }

    /// The first agent with these bytes.
    #[must_use]
    pub fn find_blob(&self, blob: ObjectId) -> Option<IndexEntry> {
        match self {
            Self::Listed(entries) => entries.iter().find(|entry| entry.blob == blob).cloned(),
            Self::Indexed(index) => index.keyed(Key::Blob, &blob.to_string()).into_iter().next(),
        }
    }

    /// All names of all agents, in folded form; sorted, without duplicates.
    #[must_use]
    pub fn folded_names(&self) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Listed(entries) => entries.iter().map(|entry| entry.name.folded()).collect(),
            Self::Indexed(index) => {
                let names = index.names().unwrap_or_default();
                let lines = names
                    .split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty());
                lines
                    .map(|line| folded(&String::from_utf8_lossy(line)))
                    .collect()
            }
        };
        names.sort();
        names.dedup();
        names
    }

    /// Names that are similar to another one, with their similarity; the best first.
    #[must_use]
    pub fn alike(&self, name: &str) -> Vec<(f64, String)> {
        let folded = folded(name);
        let names: Vec<String> = match self {
            Self::Listed(entries) => entries.iter().map(|entry| entry.name.to_string()).collect(),
            Self::Indexed(index) => index
                .alike(&folded, 20)
                .into_iter()
                .filter_map(|row| index.name(row))
                .collect(),
        };
        let with_likeness = names
            .into_iter()
            .map(|known| (strsim::jaro_winkler(&folded, &self::folded(&known)), known));
        let mut near: Vec<(f64, String)> = with_likeness
            .filter(|(likeness, _)| *likeness > 0.86)
            .collect();
        near.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        near
    }

    /// Searches; returns the agents with the reason why each was found, and the total number.
    #[must_use]
    pub fn search(&self, query: &Query) -> (Vec<(IndexEntry, Tier)>, usize) {
        let in_memory;
        let index = match self {
            Self::Indexed(index) => index,
            Self::Listed(entries) => {
                in_memory = IndexFile::in_memory(entries);
                &in_memory
            }
        };
        let found = index.search(query);
        let rows = found
            .rows
            .into_iter()
            .filter_map(|(row, tier)| Some((index.entry(row)?, tier)));
        (rows.collect(), found.total)
    }
}
