//! The agents of a source, wherever they are: in memory, or in an index that is read as needed. Both give the same answers.

use super::IndexFile;
use super::format::Key;
use super::search::{Query, Tier};
use crate::domain::digest::ObjectId;
use crate::domain::discovery::rank::{self, Meant};
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
    /// How many there are that are meant by their names.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Listed(entries) => entries.iter().filter(|entry| !entry.is_behind).count(),
            Self::Indexed(index) => index.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that are meant by their names, sorted by name, then file.
    #[must_use]
    pub fn all(&self) -> Vec<IndexEntry> {
        match self {
            Self::Listed(entries) => {
                let meant = entries.iter().filter(|entry| !entry.is_behind);
                meant.cloned().collect()
            }
            Self::Indexed(index) => index.entries().collect(),
        }
    }

    /// All that stand behind others, sorted by name, then file.
    #[must_use]
    pub fn behind(&self) -> Vec<IndexEntry> {
        match self {
            Self::Listed(entries) => {
                let behind = entries.iter().filter(|entry| entry.is_behind);
                behind.cloned().collect()
            }
            Self::Indexed(index) => index.behind().collect(),
        }
    }

    /// The agents below a folder (`path/to/`; empty: of the whole source), as those of a source of their own: what is meant by its name
    /// there, and what stands behind it.
    #[must_use]
    pub fn within(&self, folder: &str) -> (Vec<IndexEntry>, Vec<IndexEntry>) {
        if folder.is_empty() {
            return (self.all(), self.behind());
        }
        let mut all = self.all();
        all.extend(self.behind());
        all.retain(|entry| entry.file.starts_with(folder));
        rank::settle(&mut all);
        all.sort_by(|one, other| (&one.name, &one.file).cmp(&(&other.name, &other.file)));
        all.into_iter().partition(|entry| !entry.is_behind)
    }

    /// What a name, or a title, means.
    #[must_use]
    pub fn meant(&self, name: &str) -> Meant {
        let Some(sought) = rank::sought(name) else {
            return Meant::default();
        };
        let candidates = match self {
            Self::Listed(entries) => {
                let named = entries.iter().filter(|entry| entry.name.folded() == sought);
                named.cloned().collect()
            }
            Self::Indexed(index) => index.named(&sought),
        };
        rank::meant(name, candidates)
    }

    /// The agents that a name means: one, or several if it is ambiguous.
    #[must_use]
    pub fn find(&self, name: &str) -> Vec<IndexEntry> {
        self.meant(name).agents
    }

    /// The agents whose files are named like this, whatever their own names are.
    #[must_use]
    pub fn of_stem(&self, stem: &str) -> Vec<IndexEntry> {
        let folded = folded(stem);
        match self {
            Self::Listed(entries) => {
                let is_called =
                    |entry: &&IndexEntry| self::folded(discovery::stem(&entry.file)) == folded;
                entries.iter().filter(is_called).cloned().collect()
            }
            Self::Indexed(index) => index.keyed(Key::Stem, &folded),
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
            Self::Listed(entries) => {
                let meant = entries.iter().filter(|entry| !entry.is_behind);
                meant.map(|entry| entry.name.to_string()).collect()
            }
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
