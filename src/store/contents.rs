//! What discovery found in a source: how it is found, how it is stored in an index, and how it is copied from an earlier one.
//!
//! Where the files of a source come from is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::index::{self, Damage, IndexFile};
use super::project::MAX_AGENT;
use crate::domain::catalogue::MAX_ENTRY;
use crate::domain::digest::ObjectId;
use crate::domain::discovery::kinds::{self, Shares};
use crate::domain::discovery::plugins::{MARKETPLACE, PLUGIN, Plugins};
use crate::domain::discovery::{
    self, EXTENSION, Finding, IndexEntry, OTHER_EXTENSIONS, Refused, rank,
};
use crate::domain::registry_file::RegistryFile;
use crate::error::Result;
use crate::fs;

/// The placeholder for the commit in the index of a folder.
pub(super) const FOLDER_KEY: &str = "folder";
/// The largest earlier index that is copied from, in bytes.
const MAX_INDEX: u64 = 512 << 20;
/// How many servers of one registry are read.
const MAX_SERVERS: usize = 500;
/// Where a prepared registry describes itself.
pub(super) const REGISTRY_FILE: &str = "registry.toml";
/// Where a prepared registry has its MCP servers.
pub(super) const SERVERS: &str = "mcp";

/// What discovery found in a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Index {
    pub(super) entries: Vec<IndexEntry>,
    pub(super) refused: Vec<Refused>,
    pub(super) file: RegistryFile,
    /// The text of `registry.toml`, as the cache keeps it.
    pub(super) text: Option<String>,
    pub(super) servers: Vec<(String, String)>,
    pub(super) plugins: Plugins,
    /// How many of the files of a folder are agents, where that decides of which kind they are.
    pub(super) shares: Shares,
    /// Files that were read and are no agents: hashes of file and stamp.
    pub(super) nothing: Vec<String>,
    /// What the meaning of all files depends on; if it changes, everything is read again.
    pub(super) basis: String,
}

/// What a source offers: either just found, or with its agents in a file.
#[derive(Debug)]
pub(super) enum Opened {
    Built(Index),
    /// The entries are in the file only.
    Kept(Box<IndexFile>, Index),
}

/// What is already known about a file.
#[derive(Debug, Clone)]
pub(super) enum Known {
    Agent(IndexEntry),
    Nothing,
}

impl Index {
    /// Searches the files of a source. `read` returns the bytes of one, `None` if it is too large.
    ///
    /// `known` returns what is already known about a file, so that it is not read again.
    pub(super) fn build(
        files: &BTreeSet<String>,
        known: &dyn Fn(&str) -> Option<Known>,
        read: &mut dyn FnMut(&str) -> Result<Option<Vec<u8>>>,
    ) -> Result<Self> {
        let mut index = Self::default();
        if files.contains(REGISTRY_FILE) {
            index.text =
                read(REGISTRY_FILE)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        }
        if let Some(text) = &index.text {
            index.file = RegistryFile::parse(text);
            for path in files
                .iter()
                .filter(|path| is_server(path))
                .take(MAX_SERVERS)
            {
                let bytes = read(path)?.filter(|bytes| is_server_entry(bytes));
                index.servers.extend(
                    bytes.map(|bytes| (path.clone(), String::from_utf8_lossy(&bytes).into_owned())),
                );
            }
        }
        let plugins = plugins_of(files, read)?;
        index.plugins = plugins.clone();
        for extension in [EXTENSION].into_iter().chain(OTHER_EXTENSIONS) {
            for path in files
                .iter()
                .filter(|path| discovery::is_candidate(path, extension, &plugins))
            {
                match known(path) {
                    Some(Known::Agent(entry)) => index.entries.push(entry),
                    Some(Known::Nothing) => index.nothing.push(path.clone()),
                    None => index.examine(path, read(path)?.as_deref()),
                }
            }
            if !index.entries.is_empty() {
                break;
            }
        }
        index.rank();
        Ok(index)
    }

    /// Gives the agents their kinds and their order, and marks those that stand behind others.
    fn rank(&mut self) {
        let others = self.nothing.iter().map(String::as_str);
        let others = others.chain(self.refused.iter().map(|refused| refused.file.as_str()));
        self.shares = kinds::assign(&mut self.entries, others, &self.plugins);
        rank::settle(&mut self.entries);
        self.entries.sort_by(|left, right| {
            left.name
                .cmp(&right.name)
                .then_with(|| left.file.cmp(&right.file))
        });
    }

    /// Adds what a candidate is.
    pub(super) fn examine(&mut self, path: &str, bytes: Option<&[u8]>) {
        let file = &self.file;
        let Some(bytes) = bytes else {
            let reason = format!("larger than {}", fs::human_size(MAX_AGENT));
            return self.refused.push(Refused {
                file: path.escape_debug().to_string(),
                reason,
            });
        };
        let blob = ObjectId::of_blob(bytes);
        match discovery::examine(path, blob, bytes, &self.plugins, &|name| {
            file.agents.get(name)
        }) {
            Finding::Agent(entry) => self.entries.push(entry),
            Finding::Refused(refused) => self.refused.push(refused),
            Finding::Nothing => self.nothing.push(path.to_owned()),
        }
    }

    /// Writes the index, and returns it with its entries only in the file. A cache that cannot be written is no reason to fail.
    pub(super) fn kept(self, path: &Path, key: &str, stamp: &dyn Fn(&str) -> u64) -> Opened {
        let entries: Vec<(&IndexEntry, u64)> = self
            .entries
            .iter()
            .map(|entry| (entry, stamp(&entry.file)))
            .collect();
        let image = Meta::of(&self, stamp)
            .to_bytes()
            .map(|meta| index::image(key, &entries, meta));
        match image
            .ok()
            .and_then(|image| IndexFile::write(path, key, &image, true).ok()?)
        {
            Some(file) => self.in_file(file),
            None => Opened::Built(self),
        }
    }

    fn in_file(mut self, file: IndexFile) -> Opened {
        self.entries.clear();
        Opened::Kept(Box::new(file), self)
    }
}

/// The plugins of a source.
pub(super) fn plugins_of(
    files: &BTreeSet<String>,
    read: &mut dyn FnMut(&str) -> Result<Option<Vec<u8>>>,
) -> Result<Plugins> {
    let mut texts = BTreeMap::new();
    for path in files
        .iter()
        .filter(|path| *path == MARKETPLACE || path.ends_with(PLUGIN))
    {
        let text = read(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        texts.insert(path.as_str(), text);
    }
    let paths = texts.keys().copied().filter(|path| path.ends_with(PLUGIN));
    Ok(Plugins::of(paths, &|path| {
        texts.get(path).cloned().flatten()
    }))
}

/// What is at the end of an index.
#[derive(Serialize, Deserialize)]
struct Meta {
    registry: Option<String>,
    servers: Vec<(String, String)>,
    refused: Vec<(String, String)>,
    basis: String,
    plugins: Plugins,
    shares: Shares,
    /// File and stamp of a file that is no agent.
    nothing: Vec<(String, u64)>,
}

impl Meta {
    fn of(index: &Index, stamp: &dyn Fn(&str) -> u64) -> Self {
        Self {
            registry: index.text.clone(),
            servers: index.servers.clone(),
            refused: index
                .refused
                .iter()
                .map(|refused| (refused.file.clone(), refused.reason.clone()))
                .collect(),
            basis: index.basis.clone(),
            plugins: index.plugins.clone(),
            shares: index.shares.clone(),
            nothing: index
                .nothing
                .iter()
                .map(|file| (file.clone(), stamp(file)))
                .collect(),
        }
    }

    /// What it says about the index that it was made from.
    fn index(&self) -> Index {
        Index {
            entries: Vec::new(),
            refused: self
                .refused
                .iter()
                .map(|(file, reason)| Refused {
                    file: file.clone(),
                    reason: reason.clone(),
                })
                .collect(),
            file: self
                .registry
                .as_deref()
                .map(RegistryFile::parse)
                .unwrap_or_default(),
            text: self.registry.clone(),
            servers: self.servers.clone(),
            plugins: self.plugins.clone(),
            shares: self.shares.clone(),
            nothing: Vec::new(),
            basis: self.basis.clone(),
        }
    }

    fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

/// An earlier index, to copy what has not changed.
pub(super) struct Previous {
    file: IndexFile,
    meta: Meta,
}

/// What is already known about each file, with its stamp.
pub(super) struct KnownFiles {
    entries: HashMap<String, (IndexEntry, u64)>,
    nothing: HashMap<String, u64>,
}

impl KnownFiles {
    /// What a file is that has not changed since.
    pub(super) fn get(&self, file: &str, stamp: u64) -> Option<Known> {
        if self.nothing.get(file) == Some(&stamp) {
            return Some(Known::Nothing);
        }
        self.entries
            .get(file)
            .filter(|(_, known)| *known == stamp)
            .map(|(entry, _)| Known::Agent(entry.clone()))
    }
}

impl Previous {
    pub(super) fn open(path: &Path, key: Option<&str>) -> Option<Self> {
        // All of it is needed, so it is read at once.
        let bytes = fs::read(path, MAX_INDEX).ok()??;
        let file = IndexFile::of_bytes(bytes, key).filter(IndexFile::is_sound)?;
        let meta = serde_json::from_slice(&file.meta()?).ok()?;
        Some(Self { file, meta })
    }

    /// What the meaning of all files depended on.
    pub(super) fn basis(&self) -> &str {
        &self.meta.basis
    }

    /// What is known about each file.
    pub(super) fn known(&self) -> KnownFiles {
        let rows = (0..u32::try_from(self.file.len_of_all()).unwrap_or(u32::MAX))
            .filter_map(|row| self.file.stamped(row));
        let entries = rows
            .map(|(entry, stamp)| (entry.file.clone(), (entry, stamp)))
            .collect();
        KnownFiles {
            entries,
            nothing: self.meta.nothing.iter().cloned().collect(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.file.len_of_all()
    }

    /// Whether each of its agents has the kind that it has in `index`, if both have the same agents.
    pub(super) fn is_ranked_as(&self, index: &Index) -> bool {
        self.meta.shares == index.shares
    }

    /// The same, with what else was found.
    pub(super) fn into_opened(self, index: Index) -> Opened {
        index.in_file(self.file)
    }

    /// Everything but the agents.
    pub(super) fn index(&self) -> Index {
        Index {
            nothing: self
                .meta
                .nothing
                .iter()
                .map(|(file, _)| file.clone())
                .collect(),
            ..self.meta.index()
        }
    }

    /// Whether there is an agent in this file.
    pub(super) fn has_agent_in(&self, is_meant: &dyn Fn(&str) -> bool) -> bool {
        let mut all = self.file.entries().chain(self.file.behind());
        all.any(|entry| is_meant(&entry.file))
    }

    /// Writes the index that follows this one: `index` is everything except the agents, plus the agents of the files that changed. `stamp`
    /// returns the stamps of these files.
    pub(super) fn amended(
        &self,
        (path, key): (&Path, &str),
        changed: &BTreeMap<&str, u64>,
        mut index: Index,
    ) -> Option<Opened> {
        let marked = self.rank(changed, &mut index)?;
        let stamp = |file: &str| changed.get(file).copied().unwrap_or(0);
        let new = index
            .entries
            .drain(..)
            .map(|entry| (entry.clone(), stamp(&entry.file)));
        let new: Vec<(IndexEntry, u64)> = new.chain(marked.iter().cloned()).collect();
        let nothing: HashMap<&str, u64> = self
            .meta
            .nothing
            .iter()
            .map(|(file, stamp)| (file.as_str(), *stamp))
            .collect();
        let meta = Meta::of(&index, &|file| {
            changed
                .get(file)
                .or_else(|| nothing.get(file))
                .copied()
                .unwrap_or(0)
        });
        let marked = marked.iter().map(|(entry, _)| entry.file.as_str());
        let gone: Vec<&str> = changed.keys().copied().chain(marked).collect();
        let image = self.file.amended(key, &gone, &new, meta.to_bytes().ok()?)?;
        // It is made and checked in a moment; waiting for the disk would take longer than both.
        Some(index.in_file(IndexFile::write(path, key, &image, false).ok()??))
    }
}

impl Previous {
    /// Gives the new agents of `index` their kinds, and decides again what the names mean that changed. Returns the old agents for which
    /// that makes a difference, with their stamps; `None` if it makes one for the kinds of others.
    fn rank(
        &self,
        changed: &BTreeMap<&str, u64>,
        index: &mut Index,
    ) -> Option<Vec<(IndexEntry, u64)>> {
        let nothing_before: HashSet<&str> = (self.meta.nothing.iter())
            .map(|(file, _)| file.as_str())
            .collect();
        let nothing: HashSet<&str> = index.nothing.iter().map(String::as_str).collect();
        let agents: HashSet<&str> = (index.entries.iter())
            .map(|entry| entry.file.as_str())
            .collect();
        let mut names: BTreeSet<String> = BTreeSet::new();
        for file in changed.keys() {
            let before = self.file.at(file);
            if kinds::is_shared(file, &index.plugins) {
                if before.is_some() || nothing_before.contains(file) {
                    index.shares.remove(file, before.is_some());
                }
                if agents.contains(file) || nothing.contains(file) {
                    index.shares.add(file, agents.contains(file));
                }
            }
            names.extend(before.map(|entry| entry.name.folded()));
        }
        let shares = &self.meta.shares;
        let differs = |file: &&str| shares.is_of_agents(file) != index.shares.is_of_agents(file);
        if changed.keys().any(differs) {
            return None;
        }
        for entry in &mut index.entries {
            entry.kind = kinds::kind(&entry.file, &index.plugins, &index.shares);
            names.insert(entry.name.folded());
        }
        let mut marked = Vec::new();
        for name in names {
            let stays = |(entry, _): &(IndexEntry, u64)| !changed.contains_key(entry.file.as_str());
            let before = self.file.stamped_of(&name).into_iter().filter(stays);
            let before: Vec<(IndexEntry, u64)> = before.collect();
            let mut old = before.clone();
            let new = index.entries.iter_mut();
            let new = new.filter(|entry| entry.name.folded() == name);
            let old_entries = old.iter_mut().map(|(entry, _)| entry);
            rank::mark(&mut old_entries.chain(new).collect::<Vec<_>>());
            let is_other = |(before, now): &(&(IndexEntry, u64), &(IndexEntry, u64))| before != now;
            let differing = before.iter().zip(&old).filter(is_other);
            marked.extend(differing.map(|(_, now)| now.clone()));
        }
        Some(marked)
    }
}

/// The stored index of a commit, if it can be trusted.
pub(super) fn open_kept(path: &Path, key: &str, damage: &Damage) -> Option<Opened> {
    let file = IndexFile::open(path, Some(key), damage)?;
    let meta: Meta = serde_json::from_slice(&file.meta()?).ok()?;
    Some(meta.index().in_file(file))
}

/// Whether a file describes others.
pub(super) fn is_special(path: &str) -> bool {
    path == REGISTRY_FILE || path == MARKETPLACE || path.ends_with(PLUGIN) || is_server(path)
}

/// Whether a file of a source is relevant: whether discovery reads it.
#[must_use]
pub(super) fn is_interesting(path: &str) -> bool {
    let nothing = Plugins::default();
    path == REGISTRY_FILE
        || is_server(path)
        || path == MARKETPLACE
        || path.ends_with(PLUGIN)
        || path.ends_with(EXTENSION)
        || OTHER_EXTENSIONS
            .iter()
            .any(|extension| discovery::is_candidate(path, extension, &nothing))
}

/// Those of the files in the servers' folder that describe servers, by their whole paths.
pub(super) fn servers_of(
    files: BTreeMap<String, ObjectId>,
) -> impl Iterator<Item = (String, ObjectId)> {
    let files = files
        .into_iter()
        .map(|(name, blob)| (format!("{SERVERS}/{name}"), blob));
    files.filter(|(path, _)| is_server(path)).take(MAX_SERVERS)
}

/// Whether the bytes are few enough for the entry of a server.
pub(super) fn is_server_entry(bytes: &[u8]) -> bool {
    bytes.len() <= MAX_ENTRY
}

/// Whether a file describes an MCP server, if the registry is a prepared one.
fn is_server(path: &str) -> bool {
    path.strip_prefix("mcp/")
        .is_some_and(|name| name.ends_with(".json") && !name.contains('/'))
}
