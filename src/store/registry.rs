//! A registry at one point in time: what it offers, and the bytes of each agent. Built-in, folder and git look the same from above.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use semver::Version;
use serde::{Deserialize, Serialize};

use super::cache::{CachedRepository, Watch};
use super::index::{self, IndexFile, Offered};
use super::project::MAX_AGENT;
use super::{builtin, cache};
use crate::domain::catalogue::MAX_ENTRY;
use crate::domain::digest::ObjectId;
use crate::domain::discovery::{self, EXTENSION, Finding, IndexEntry, OTHER_EXTENSIONS, Refused};
use crate::domain::name::RegistryName;
use crate::domain::registry_file::{AgentRecord, RegistryFile, marketplace_agents};
use crate::domain::spec::Source;
use crate::domain::version::{VersionRequest, VersionTag};
use crate::error::{Failure, Result};
use crate::fs::{self, Entry};

/// What stands for the commit in the index of a folder.
pub(super) const FOLDER_KEY: &str = "folder";
/// The largest index of before that is taken over, in bytes.
const MAX_INDEX: u64 = 512 << 20;
/// How deep a folder is searched.
const MAX_DEPTH: usize = 16;
/// How many servers of one registry are known.
const MAX_SERVERS: usize = 500;
/// How many files of a folder are looked at.
const MAX_FILES: usize = 200_000;
/// Where a marketplace describes itself.
const MARKETPLACE: &str = ".claude-plugin/marketplace.json";
/// Where a plugin of a marketplace describes itself, below its own folder.
const PLUGIN: &str = ".claude-plugin/plugin.json";
/// Where a prepared registry describes itself.
pub(super) const REGISTRY_FILE: &str = "registry.toml";

/// What a source offers at one point in time.
#[derive(Debug)]
pub struct Snapshot<'a> {
    /// The name of the registry in the manifest; `None` for a source that is used directly.
    pub registry: Option<RegistryName>,
    /// Where it is.
    pub source: Source,
    /// The commit, for git.
    pub commit: Option<ObjectId>,
    /// When the commit was made, in seconds since 1970, for git.
    pub commit_time: Option<i64>,
    /// What is offered.
    pub offered: Offered,
    /// What looks like an agent but cannot be offered.
    pub refused: Vec<Refused>,
    /// What `registry.toml` says.
    pub file: RegistryFile,
    /// The entries for MCP servers of a prepared registry: path and text.
    pub servers: Vec<(String, String)>,
    backing: Backing<'a>,
}

#[derive(Debug)]
enum Backing<'a> {
    Builtin,
    Folder(PathBuf),
    Git(CachedRepository<'a>),
}

impl<'a> Snapshot<'a> {
    /// The registry inside the program.
    #[must_use]
    pub fn builtin() -> Self {
        let files = builtin::files().iter().map(|(path, _)| (*path).to_owned());
        let index = Index::build(&files.collect(), &|_| None, &mut |path| Ok(builtin::read(path).map(<[u8]>::to_vec)));
        let index = index.expect("reading from memory cannot fail");
        Self::new(Some(RegistryName::builtin()), Source::Builtin, Opened::Built(index), Backing::Builtin)
    }

    /// A folder, as its files are now. `folder` is the absolute path of `source`.
    pub fn folder(registry: Option<RegistryName>, source: Source, folder: &Path, cache: &cache::Cache) -> Result<Self> {
        if !fs::is_folder(folder) {
            return Err(Failure::failed(format!("there is no folder `{}`", folder.display()))
                .hint("for a git repository write its URL, for one file a path that ends in `.md`"));
        }
        let mut files = BTreeSet::new();
        collect(folder, "", MAX_DEPTH, &mut files)?;
        let kept = cache.folder_index(folder);
        let previous = kept.as_deref().and_then(|path| Previous::open(path, Some(FOLDER_KEY)));
        let stamps: BTreeMap<&String, u64> = files.iter().map(|file| (file, fs::stamp(&folder.join(file), cache.now()))).collect();
        // What describes the others may change what every file means.
        let special: Vec<String> =
            files.iter().filter(|file| is_special(file)).map(|file| format!("{file}={}", stamps[file])).collect();
        let basis = special.join("\n");
        let previous = previous.filter(|previous| previous.basis == basis && !special.iter().any(|one| one.ends_with("=0")));
        let known = |file: &str| previous.as_ref()?.known(file, stamps.get(&file.to_owned()).copied().filter(|stamp| *stamp != 0)?);
        let mut looked = 0_usize;
        let mut index = Index::build(&files, &known, &mut |path| {
            looked += usize::from(!is_special(path));
            let is_small = fs::size(&folder.join(path))?.is_none_or(|size| size <= MAX_AGENT);
            if is_small { read_from_folder(folder, path).map(Some) } else { Ok(None) }
        })?;
        index.basis = basis;
        let backing = Backing::Folder(folder.to_owned());
        if let Some(previous) = previous.filter(|previous| looked == 0 && previous.count() == index.entries.len()) {
            return Ok(Self::new(registry, source, previous.into_opened(index), backing));
        }
        let stamp = |file: &str| stamps.get(&file.to_owned()).copied().unwrap_or(0);
        let opened = match kept {
            Some(path) => index.kept(&path, FOLDER_KEY, &stamp),
            None => Opened::Built(index),
        };
        Ok(Self::new(registry, source, opened, backing))
    }

    /// A git repository at `commit`.
    pub fn git(
        registry: Option<RegistryName>,
        source: Source,
        repository: CachedRepository<'a>,
        commit: ObjectId,
        watch: Watch<'_>,
    ) -> Result<Self> {
        let index = repository.index(commit, watch)?;
        let commit_time = repository.commit_time(commit)?;
        let snapshot = Self::new(registry, source, index, Backing::Git(repository));
        Ok(Self { commit: Some(commit), commit_time: Some(commit_time), ..snapshot })
    }

    fn new(registry: Option<RegistryName>, source: Source, opened: Opened, backing: Backing<'a>) -> Self {
        let (offered, refused, file, servers) = match opened {
            Opened::Built(Index { entries, refused, file, servers, .. }) => (Offered::Listed(entries), refused, file, servers),
            Opened::Kept(index, Index { refused, file, servers, .. }) => (Offered::Indexed(index), refused, file, servers),
        };
        Self { registry, source, commit: None, commit_time: None, offered, refused, file, servers, backing }
    }

    /// What the registry says about an agent.
    #[must_use]
    pub fn record(&self, name: &str) -> Option<&AgentRecord> {
        self.file.agents.get(name)
    }

    /// The upstream bytes of an agent, verified against its blob id.
    pub fn read(&self, entry: &IndexEntry, watch: Watch<'_>) -> Result<Vec<u8>> {
        let bytes = match &self.backing {
            Backing::Builtin => builtin::read(&entry.file).map(<[u8]>::to_vec).unwrap_or_default(),
            Backing::Folder(folder) => read_from_folder(folder, &entry.file)?,
            Backing::Git(repository) => return repository.read(entry.blob, watch),
        };
        if ObjectId::of_blob(&bytes) == entry.blob {
            Ok(bytes)
        } else {
            Err(Failure::failed(format!("`{}` changed while the command ran", entry.file)).hint("run the command again"))
        }
    }

    /// The bytes of any file by path, for files that discovery does not offer.
    pub fn read_file(&self, file: &str, watch: Watch<'_>) -> Result<Option<Vec<u8>>> {
        match (&self.backing, self.commit) {
            (Backing::Builtin, _) => Ok(builtin::read(file).map(<[u8]>::to_vec)),
            (Backing::Folder(folder), _) => match fs::entry(&folder.join(file))? {
                Entry::File => read_from_folder(folder, file).map(Some),
                _ => Ok(None),
            },
            (Backing::Git(repository), Some(commit)) => repository.read_file(commit, file, watch),
            (Backing::Git(_), None) => Ok(None),
        }
    }

    /// The versions of an agent that tags name, newest first; none for sources without tags.
    pub fn versions(&self, cache: &cache::Cache, agent: &str, watch: Watch<'_>) -> Vec<VersionTag> {
        let repository = match (&self.backing, &self.source) {
            (Backing::Git(_), Source::Git(url)) => cache.repository(url, cache::Freshness::Any, watch).ok(),
            (Backing::Git(repository), _) => cache.bare_repository(repository.path()).ok().flatten(),
            _ => None,
        };
        repository.and_then(|repository| repository.versions(agent).ok()).unwrap_or_default()
    }

    /// The same source at the version that a request means, and that version; `None` if the source has no versions of its own.
    pub fn at_version(
        &self,
        cache: &'a cache::Cache,
        request: &VersionRequest,
        agent: &str,
        watch: Watch<'_>,
    ) -> Result<Option<(Self, Option<Version>)>> {
        let repository = match (&self.backing, &self.source) {
            (Backing::Git(_), Source::Git(url)) => cache.repository(url, cache::Freshness::Any, watch)?,
            (Backing::Git(repository), _) => match cache.bare_repository(repository.path())? {
                Some(repository) => repository,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let (commit, version) = repository.resolve(request, agent, watch)?;
        let snapshot = Self::git(self.registry.clone(), self.source.clone(), repository, commit, watch)?;
        Ok(Some((snapshot, version)))
    }
}

/// What discovery found in a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Index {
    pub(super) entries: Vec<IndexEntry>,
    pub(super) refused: Vec<Refused>,
    pub(super) file: RegistryFile,
    /// The text of `registry.toml`, as the cache keeps it.
    pub(super) text: Option<String>,
    pub(super) servers: Vec<(String, String)>,
    /// What was looked at and is no agent: hashes of file and stamp.
    pub(super) nothing: Vec<String>,
    /// What the meaning of all files depends on; another one makes everything new.
    pub(super) basis: String,
}

/// What a source offers: as it was found just now, or with its agents in a file.
#[derive(Debug)]
pub(super) enum Opened {
    Built(Index),
    /// The entries are in the file only.
    Kept(Box<IndexFile>, Index),
}

/// What is known about a file from before.
#[derive(Debug, Clone)]
pub(super) enum Known {
    Agent(IndexEntry),
    Nothing,
}

impl Index {
    /// Looks through the files of a source. `read` gives the bytes of one, `None` if it is too large.
    ///
    /// `known` tells what is known about a file from before, so that it is not read again.
    pub(super) fn build(
        files: &BTreeSet<String>,
        known: &dyn Fn(&str) -> Option<Known>,
        read: &mut dyn FnMut(&str) -> Result<Option<Vec<u8>>>,
    ) -> Result<Self> {
        let mut index = Self::default();
        if files.contains(REGISTRY_FILE) {
            index.text = read(REGISTRY_FILE)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        }
        if let Some(text) = &index.text {
            index.file = RegistryFile::parse(text);
            for path in files.iter().filter(|path| is_server(path)).take(MAX_SERVERS) {
                let bytes = read(path)?.filter(|bytes| bytes.len() <= MAX_ENTRY);
                index.servers.extend(bytes.map(|bytes| (path.clone(), String::from_utf8_lossy(&bytes).into_owned())));
            }
        }
        let mut text = |path: &str| -> Result<Option<String>> {
            let bytes = if files.contains(path) { read(path)? } else { None };
            Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        };
        let mut listed = BTreeSet::new();
        if let Some(marketplace) = text(MARKETPLACE)? {
            let mut plugins = BTreeMap::new();
            for path in files.iter().filter(|path| path.ends_with(PLUGIN)) {
                plugins.insert(path.as_str(), text(path)?);
            }
            listed.extend(marketplace_agents(&marketplace, &|path| plugins.get(path).cloned().flatten()));
        }
        for extension in [EXTENSION].into_iter().chain(OTHER_EXTENSIONS) {
            for path in files.iter().filter(|path| discovery::is_candidate(path, extension, &listed)) {
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
        index.entries.sort_by(|left, right| left.name.cmp(&right.name).then_with(|| left.file.cmp(&right.file)));
        Ok(index)
    }

    fn examine(&mut self, path: &str, bytes: Option<&[u8]>) {
        let file = &self.file;
        let Some(bytes) = bytes else {
            let reason = format!("larger than {}", fs::human_size(MAX_AGENT));
            return self.refused.push(Refused { file: path.escape_debug().to_string(), reason });
        };
        match discovery::examine(path, ObjectId::of_blob(bytes), bytes, &|name| file.agents.get(name)) {
            Finding::Agent(entry) => self.entries.push(entry),
            Finding::Refused(refused) => self.refused.push(refused),
            Finding::Nothing => self.nothing.push(path.to_owned()),
        }
    }

    /// Writes the index, and gives it back with its entries in the file only. A cache that cannot be written is no reason to fail.
    pub(super) fn kept(mut self, path: &Path, key: &str, stamp: &dyn Fn(&str) -> u64) -> Opened {
        let entries: Vec<(&IndexEntry, u64)> = self.entries.iter().map(|entry| (entry, stamp(&entry.file))).collect();
        let Ok(meta) = Meta::of(&self, stamp).to_bytes() else {
            return Opened::Built(self);
        };
        match index::write(path, key, &entries, &meta).ok().and_then(|()| IndexFile::open(path, Some(key))) {
            Some(file) => {
                self.entries.clear();
                Opened::Kept(Box::new(file), self)
            }
            None => Opened::Built(self),
        }
    }
}

/// What stands at the end of an index.
#[derive(Serialize, Deserialize)]
struct Meta {
    registry: Option<String>,
    servers: Vec<(String, String)>,
    refused: Vec<(String, String)>,
    basis: String,
    /// File and stamp of what is no agent.
    nothing: Vec<(String, u64)>,
}

impl Meta {
    fn of(index: &Index, stamp: &dyn Fn(&str) -> u64) -> Self {
        Self {
            registry: index.text.clone(),
            servers: index.servers.clone(),
            refused: index.refused.iter().map(|refused| (refused.file.clone(), refused.reason.clone())).collect(),
            basis: index.basis.clone(),
            nothing: index.nothing.iter().map(|file| (file.clone(), stamp(file))).collect(),
        }
    }

    fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

/// An index of before, to take over what has not changed.
pub(super) struct Previous {
    file: IndexFile,
    pub(super) basis: String,
    entries: HashMap<String, (IndexEntry, u64)>,
    nothing: HashMap<String, u64>,
}

impl Previous {
    pub(super) fn open(path: &Path, key: Option<&str>) -> Option<Self> {
        // All of it is looked at, so it is read at once.
        let bytes = fs::read(path, MAX_INDEX).ok()??;
        let file = IndexFile::of_bytes(bytes, key).filter(IndexFile::is_sound)?;
        let meta: Meta = serde_json::from_slice(&file.meta()?).ok()?;
        let rows = (0..u32::try_from(file.len()).ok()?).filter_map(|row| file.stamped(row));
        let entries = rows.map(|(entry, stamp)| (entry.file.clone(), (entry, stamp))).collect();
        Some(Self { file, basis: meta.basis, entries, nothing: meta.nothing.into_iter().collect() })
    }

    /// What a file is that has not changed since.
    pub(super) fn known(&self, file: &str, stamp: u64) -> Option<Known> {
        if self.nothing.get(file) == Some(&stamp) {
            return Some(Known::Nothing);
        }
        self.entries.get(file).filter(|(_, known)| *known == stamp).map(|(entry, _)| Known::Agent(entry.clone()))
    }

    fn count(&self) -> usize {
        self.file.len()
    }

    fn into_opened(self, mut index: Index) -> Opened {
        index.entries.clear();
        Opened::Kept(Box::new(self.file), index)
    }
}

/// The index of a commit as it was kept, if it can be trusted.
pub(super) fn open_kept(path: &Path, key: &str) -> Option<Opened> {
    let file = IndexFile::open(path, Some(key)).filter(|file| !file.is_small() || file.is_sound())?;
    let meta: Meta = serde_json::from_slice(&file.meta()?).ok()?;
    let index = Index {
        entries: Vec::new(),
        refused: meta.refused.into_iter().map(|(file, reason)| Refused { file, reason }).collect(),
        file: meta.registry.as_deref().map(RegistryFile::parse).unwrap_or_default(),
        text: meta.registry,
        servers: meta.servers,
        nothing: Vec::new(),
        basis: meta.basis,
    };
    Some(Opened::Kept(Box::new(file), index))
}

/// Whether a file describes others.
pub(super) fn is_special(path: &str) -> bool {
    path == REGISTRY_FILE || path == MARKETPLACE || path.ends_with(PLUGIN) || is_server(path)
}

/// Whether a file of a source is worth knowing: those that discovery reads.
#[must_use]
pub(super) fn is_interesting(path: &str) -> bool {
    let nothing = BTreeSet::new();
    path == REGISTRY_FILE
        || is_server(path)
        || path == MARKETPLACE
        || path.ends_with(PLUGIN)
        || path.ends_with(EXTENSION)
        || OTHER_EXTENSIONS.iter().any(|extension| discovery::is_candidate(path, extension, &nothing))
}

/// Whether a file describes an MCP server, should the registry be a prepared one.
fn is_server(path: &str) -> bool {
    path.strip_prefix("mcp/").is_some_and(|name| name.ends_with(".json") && !name.contains('/'))
}

/// The relative paths of the files below `folder`, with `/`; links, and folders that hold nobody's agents, left out.
fn collect(folder: &Path, prefix: &str, depth: usize, paths: &mut BTreeSet<String>) -> Result<()> {
    for listed in fs::list(folder)? {
        let path = if prefix.is_empty() { listed.name.clone() } else { format!("{prefix}/{}", listed.name) };
        match listed.entry {
            Entry::File if is_interesting(&path) => {
                paths.insert(path);
            }
            Entry::Folder if depth > 0 && is_searched(&listed.name) => {
                collect(&folder.join(&listed.name), &path, depth - 1, paths)?;
            }
            _ => {}
        }
        if paths.len() > MAX_FILES {
            return Err(Failure::failed(format!("`{}` holds more than {MAX_FILES} files", folder.display()))
                .hint("name the folder that holds the agents"));
        }
    }
    Ok(())
}

fn is_searched(name: &str) -> bool {
    !matches!(name, ".git" | ".agentpkg" | "node_modules" | "target")
}

fn read_from_folder(folder: &Path, file: &str) -> Result<Vec<u8>> {
    let path = folder.join(file);
    fs::read(&path, MAX_AGENT)?.ok_or_else(|| Failure::failed(format!("`{}` is gone", path.display())))
}

/// Opens what a source points to. `folder` makes a path as the user wrote it absolute.
pub fn open<'a>(
    registry: Option<RegistryName>,
    source: &Source,
    absolute: &dyn Fn(&str) -> PathBuf,
    cache: &'a cache::Cache,
    freshness: cache::Freshness,
    watch: Watch<'_>,
) -> Result<Snapshot<'a>> {
    match source {
        Source::Builtin => Ok(Snapshot::builtin()),
        Source::Path(path) => {
            let folder = absolute(path);
            if let Some(repository) = cache.bare_repository(&folder)? {
                let commit = repository.head()?;
                return Snapshot::git(registry, source.clone(), repository, commit, watch);
            }
            Snapshot::folder(registry, source.clone(), &folder, cache)
        }
        Source::Git(url) => {
            let repository = cache.repository(url, freshness, watch)?;
            let commit = repository.head()?;
            Snapshot::git(registry, source.clone(), repository, commit, watch)
        }
    }
}
