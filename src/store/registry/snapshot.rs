//! A source at one point in time: what it is, and the bytes of each file. Which agents it offers is answered in [`super::parts`].

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use semver::Version;

use super::known::{self, About, Parts, Whole};
use crate::store::cache::{CachedRepository, Watch};
use crate::store::contents::{
    FOLDER_KEY, Index, Known, Opened, Previous, is_interesting, is_special,
};

use crate::domain::digest::ObjectId;
use crate::domain::discovery::{IndexEntry, rank};
use crate::domain::lineage::Tree;
use crate::domain::name::RegistryName;
use crate::domain::registry_file::AgentRecord;
use crate::domain::spec::Source;
use crate::domain::url::Transport;
use crate::domain::version::{Reference, VersionRequest, VersionTag, Written};
use crate::error::{Failure, Result};
use crate::fs::{self, Entry};
use crate::git::PastFiles;
use crate::store::index::Past;
use crate::store::project::MAX_AGENT;
use crate::store::{builtin, cache};

/// How deep a folder is searched.
const MAX_DEPTH: usize = 16;
/// How many files of a folder are examined.
const MAX_FILES: usize = 200_000;

/// What a source offers at one point in time.
#[derive(Debug)]
pub struct Snapshot<'a> {
    /// The name of the registry in the manifest; `None` for a source that is used directly.
    pub registry: Option<RegistryName>,
    /// The source.
    pub source: Source,
    /// The commit, for git.
    pub commit: Option<ObjectId>,
    /// What names the commit, where a version was asked for by name.
    pub reference: Option<Reference>,
    /// When the commit was made, in seconds since 1970, for git.
    pub commit_time: Option<i64>,
    /// Why nothing is offered, where the source has no default branch; versions of it can be asked for all the same.
    pub without_head: Option<Failure>,
    pub(super) whole: OnceCell<Whole>,
    pub(super) about: OnceCell<About>,
    pub(super) parts: Parts,
    pub(super) backing: Backing<'a>,
}

#[derive(Debug)]
pub(super) enum Backing<'a> {
    Builtin,
    Folder(PathBuf),
    Git(CachedRepository<'a>),
}

impl<'a> Snapshot<'a> {
    /// The registry, or else the source, for people.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.registry {
            Some(registry) => registry.to_string(),
            None => self.source.to_string(),
        }
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match &self.source {
            Source::Git(url) => url.transport() == Transport::File,
            Source::Builtin => false,
            Source::Folder(_) | Source::File(_) => true,
        }
    }

    /// The registry inside the program.
    #[must_use]
    pub fn builtin() -> Self {
        Self::builtin_knowing(&|_| None)
    }

    /// What the registry inside the program says apart from its agents, which are not read.
    #[must_use]
    pub fn builtin_without_agents() -> Self {
        Self::builtin_knowing(&|_| Some(Known::Nothing))
    }

    /// The same by itself.
    #[must_use]
    pub fn builtin_about() -> About {
        let builtin = Self::builtin_without_agents();
        builtin.about.into_inner().unwrap_or_default()
    }

    /// The same, with what is known about its files.
    pub(super) fn builtin_knowing(known: &dyn Fn(&str) -> Option<Known>) -> Self {
        let files = builtin::files().iter().map(|(path, _)| (*path).to_owned());
        let index = Index::build(&files.collect(), known, &mut |path| {
            Ok(builtin::read(path).map(<[u8]>::to_vec))
        });
        let index = index.expect("reading from memory cannot fail");
        Self::new(
            Some(RegistryName::builtin()),
            Source::Builtin,
            Opened::Built(index),
            Backing::Builtin,
        )
    }

    /// A folder with its current files. `folder` is the absolute path of `source`.
    pub fn folder(
        registry: Option<RegistryName>,
        source: Source,
        folder: &Path,
        cache: &cache::Cache,
    ) -> Result<Self> {
        if !fs::is_folder(folder) {
            return Err(no_folder(folder));
        }
        let mut files = BTreeSet::new();
        collect(folder, "", MAX_DEPTH, &mut files)?;
        let kept = cache.folder_index(folder);
        let previous = kept
            .as_deref()
            .and_then(|path| Previous::open(path, Some(FOLDER_KEY)));
        let stamps: BTreeMap<&String, u64> = files
            .iter()
            .map(|file| (file, fs::stamp(&folder.join(file), cache.now())))
            .collect();
        // A change in the files that describe others may change what every file means.
        let special: Vec<String> = files
            .iter()
            .filter(|file| is_special(file))
            .map(|file| format!("{file}={}", stamps[file]))
            .collect();
        let basis = special.join("\n");
        let previous = previous.filter(|previous| {
            previous.basis() == basis && !special.iter().any(|one| one.ends_with("=0"))
        });
        let files_before = previous.as_ref().map(Previous::known);
        let known = |file: &str| {
            files_before.as_ref()?.get(
                file,
                stamps
                    .get(&file.to_owned())
                    .copied()
                    .filter(|stamp| *stamp != 0)?,
            )
        };
        let mut looked = 0_usize;
        let mut index = Index::build(&files, &known, &mut |path| {
            looked += usize::from(!is_special(path));
            let is_small = fs::size(&folder.join(path))?.is_none_or(|size| size <= MAX_AGENT);
            if is_small {
                read_from_folder(folder, path).map(Some)
            } else {
                Ok(None)
            }
        })?;
        index.basis = basis;
        let backing = Backing::Folder(folder.to_owned());
        let is_same = |previous: &Previous| {
            looked == 0 && previous.count() == index.entries.len() && previous.is_ranked_as(&index)
        };
        if let Some(previous) = previous.filter(is_same) {
            return Ok(Self::new(
                registry,
                source,
                previous.into_opened(index),
                backing,
            ));
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
        let commit_time = repository.ready(commit, watch)?;
        let kept = repository.kept_index(commit, watch);
        let snapshot = Self::of(registry, source, kept, Backing::Git(repository));
        Ok(Self {
            commit: Some(commit),
            commit_time: Some(commit_time),
            ..snapshot
        })
    }

    /// A git repository as it is: at its default branch, if it has one.
    pub(super) fn git_now(
        registry: Option<RegistryName>,
        source: Source,
        repository: CachedRepository<'a>,
        watch: Watch<'_>,
    ) -> Result<Self> {
        if let Some(commit) = repository.newest()? {
            return Self::git(registry, source, repository, commit, watch);
        }
        let failure = repository.no_head();
        let nothing = Opened::Built(Index::default());
        Ok(Self {
            without_head: Some(failure),
            ..Self::new(registry, source, nothing, Backing::Git(repository))
        })
    }

    fn new(
        registry: Option<RegistryName>,
        source: Source,
        opened: Opened,
        backing: Backing<'a>,
    ) -> Self {
        Self::of(registry, source, Some(opened), backing)
    }

    /// The same; `None`: nothing was read yet.
    fn of(
        registry: Option<RegistryName>,
        source: Source,
        opened: Option<Opened>,
        backing: Backing<'a>,
    ) -> Self {
        let (whole, about) = (OnceCell::new(), OnceCell::new());
        if let Some(opened) = opened {
            let (all, said) = known::split(opened);
            let _ = (whole.set(all), about.set(said));
        }
        Self {
            registry,
            source,
            commit: None,
            reference: None,
            commit_time: None,
            without_head: None,
            whole,
            about,
            parts: Parts::default(),
            backing,
        }
    }

    /// What the registry says about an agent that was found in it.
    #[must_use]
    pub fn record(&self, name: &str) -> Option<&AgentRecord> {
        self.about.get()?.file.agents.get(name)
    }

    /// The agents of this name that a plugin of the source has.
    pub fn of_plugin(
        &self,
        plugin: &str,
        agent: &str,
        watch: Watch<'_>,
    ) -> Result<Vec<IndexEntry>> {
        let Some(sought) = rank::sought(agent) else {
            return Ok(Vec::new());
        };
        let (mut all, behind) = self.offered(watch)?.within("");
        all.extend(behind);
        let plugins = self.plugins(watch)?;
        let named = || plugins.here.iter().filter(|known| known.name == plugin);
        let is_of_plugin = |file: &str| named().any(|known| known.holds(file));
        all.retain(|entry| entry.name.folded() == sought && is_of_plugin(&entry.file));
        rank::settle(&mut all);
        all.retain(|entry| !entry.is_behind);
        Ok(all)
    }

    /// The upstream bytes of an agent, verified against its blob id.
    pub fn read(&self, entry: &IndexEntry, watch: Watch<'_>) -> Result<Vec<u8>> {
        let bytes = match &self.backing {
            Backing::Builtin => builtin::read(&entry.file)
                .map(<[u8]>::to_vec)
                .unwrap_or_default(),
            Backing::Folder(folder) => read_from_folder(folder, &entry.file)?,
            Backing::Git(repository) => return repository.read(entry.blob, watch),
        };
        if ObjectId::of_blob(&bytes) == entry.blob {
            Ok(bytes)
        } else {
            Err(
                Failure::failed(format!("`{}` changed while the command ran", entry.file))
                    .hint("run the command again"),
            )
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

    /// The files that the source had at a commit and that may be agents; `None`: it has no commits, or that one cannot be had.
    pub fn tree(&self, commit: ObjectId, watch: Watch<'_>) -> Result<Option<Tree>> {
        match &self.backing {
            Backing::Git(repository) => repository.tree(commit, watch),
            Backing::Builtin | Backing::Folder(_) => Ok(None),
        }
    }

    /// The repository that it is a commit of, with that commit; `None` for sources without history.
    #[must_use]
    pub fn history(&self) -> Option<(&CachedRepository<'a>, ObjectId)> {
        match &self.backing {
            Backing::Git(repository) => Some((repository, self.commit?)),
            Backing::Builtin | Backing::Folder(_) => None,
        }
    }

    /// What the Markdown files of the source ever held, as far as its history is here; `None` for sources without history.
    pub fn past_files(&self) -> Result<Option<PastFiles>> {
        let history = self.history();
        let past = history.map(|(repository, commit)| repository.past_files(commit));
        past.transpose()
    }

    /// The same, with what is known of the lines of the texts. `is_fetched`: what is not here of the history is fetched first.
    pub fn past(&self, is_fetched: bool, watch: Watch<'_>) -> Result<Option<Past>> {
        let Some((repository, commit)) = self.history() else {
            return Ok(None);
        };
        if is_fetched {
            repository.fetch_history(watch)?;
        }
        repository.past(commit).map(Some)
    }

    /// Reads the texts whose lines are not known, as far as they can be had.
    pub fn read_past(&self, past: &mut Past, watch: Watch<'_>) {
        if let Some((repository, _)) = self.history() {
            repository.read_past(past, watch);
        }
    }

    /// Texts by blob, as many of them as can be had.
    pub fn texts(&self, blobs: &[ObjectId], watch: Watch<'_>) -> Vec<(ObjectId, Vec<u8>)> {
        if let Backing::Git(repository) = &self.backing {
            return repository.texts(blobs, watch);
        }
        let all = (self.whole.get()).map_or_else(Vec::new, |whole| {
            let mut all = whole.offered.all();
            all.extend(whole.offered.behind());
            all
        });
        all.into_iter()
            .filter(|entry| blobs.contains(&entry.blob))
            .filter_map(|entry| Some((entry.blob, self.read(&entry, watch).ok()?)))
            .collect()
    }

    /// The versions of an agent that tags name, newest first; none for sources without tags.
    pub fn versions(&self, cache: &cache::Cache, agent: &str, watch: Watch<'_>) -> Vec<VersionTag> {
        let repository = match (&self.backing, &self.source) {
            (Backing::Git(_), Source::Git(url)) => {
                let (any, all) = (cache::Freshness::Any, cache::Reach::All);
                cache.repository_with(url, any, all, watch).ok()
            }
            (Backing::Git(repository), _) => {
                cache.bare_repository(repository.path()).ok().flatten()
            }
            _ => None,
        };
        repository
            .and_then(|repository| repository.versions(agent).ok())
            .unwrap_or_default()
    }

    /// The same source at the version that a request for an agent means, and that version; `None` if the source has no versions.
    /// `freshness`: how new what is known about branches has to be.
    pub fn at_version(
        &self,
        cache: &'a cache::Cache,
        request: (&VersionRequest, &str),
        written: &Written,
        freshness: cache::Freshness,
        watch: Watch<'_>,
    ) -> Result<Option<(Self, Option<Version>)>> {
        let repository = match (&self.backing, &self.source) {
            (Backing::Git(_), Source::Git(url)) => cache.unasked(url)?,
            (Backing::Git(repository), _) => match cache.bare_repository(repository.path())? {
                Some(repository) => repository,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let named = repository.resolve_written(request, written, freshness, watch)?;
        let snapshot = Self::git(
            self.registry.clone(),
            self.source.clone(),
            repository,
            named.commit,
            watch,
        )?;
        let snapshot = Self {
            reference: named.reference,
            ..snapshot
        };
        Ok(Some((snapshot, named.version)))
    }
}

/// That a folder is not there.
fn no_folder(folder: &Path) -> Failure {
    let shown = folder.display().to_string();
    let failure = Failure::failed(format!("there is no folder `{shown}`"));
    match shown.rsplit_once('@') {
        Some((before, version)) if fs::is_folder(Path::new(before)) => failure.hint(format!(
            "a folder has no versions; leave out `@{version}`, or name a version of an agent of a repository: `file:///PATH#NAME@{version}`"
        )),
        _ => failure
            .hint("for a git repository write its URL, for one file a path that ends in `.md`"),
    }
}

/// The relative paths of the files below `folder`, with `/`; without links, and without folders that cannot contain agents.
fn collect(folder: &Path, prefix: &str, depth: usize, paths: &mut BTreeSet<String>) -> Result<()> {
    for listed in fs::list(folder)? {
        let path = if prefix.is_empty() {
            listed.name.clone()
        } else {
            format!("{prefix}/{}", listed.name)
        };
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
            return Err(Failure::failed(format!(
                "`{}` contains more than {MAX_FILES} files",
                folder.display()
            ))
            .hint("name the folder that contains the agents"));
        }
    }
    Ok(())
}

fn is_searched(name: &str) -> bool {
    !matches!(name, ".git" | ".agentpkg" | "node_modules" | "target")
}

fn read_from_folder(folder: &Path, file: &str) -> Result<Vec<u8>> {
    let path = folder.join(file);
    fs::read(&path, MAX_AGENT)?
        .ok_or_else(|| Failure::failed(format!("`{}` is gone", path.display())))
}
