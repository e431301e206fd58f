//! What is asked of a source, answered from as little of it as decides. A git repository that was not read as a whole gives the contents
//! that a question needs, all of them in one fetch; only what lists or chooses among all agents reads all.
//!
//! Which agent a name means is decided by `domain::discovery::rank` alone, which gives the same answer however little was read.

use std::collections::BTreeMap;

use super::known::{self, About};
use super::snapshot::{Backing, Snapshot};
use crate::domain::digest::ObjectId;
use crate::domain::discovery::kinds::Shares;
use crate::domain::discovery::plugins::Plugins;
use crate::domain::discovery::rank::{self, Answer, Meant};
use crate::domain::discovery::{self, EXTENSION, Finding, IndexEntry, Refused, kinds};
use crate::domain::name::AgentName;
use crate::domain::registry_file::RegistryFile;
use crate::error::Result;
use crate::git::TreeFile;
use crate::store::cache::{CachedRepository, Watch};
use crate::store::contents::{self, REGISTRY_FILE, SERVERS};
use crate::store::index::Offered;

/// A repository at a commit, of which parts are read.
#[derive(Clone, Copy)]
struct At<'s, 'a> {
    repository: &'s CachedRepository<'a>,
    commit: ObjectId,
}

impl<'a> Snapshot<'a> {
    /// All that is offered; everything is read, and fetched.
    pub fn offered(&self, watch: Watch<'_>) -> Result<&Offered> {
        if let Some(whole) = self.whole.get() {
            return Ok(&whole.offered);
        }
        let opened = match self.at() {
            Some(at) => at.repository.index(at.commit, watch)?,
            None => contents::Opened::Built(contents::Index::default()),
        };
        let (whole, about) = known::split(opened);
        let _ = self.about.set(about);
        Ok(&self.whole.get_or_init(|| whole).offered)
    }

    /// The same; nothing else of the source is of interest.
    pub fn into_offered(self, watch: Watch<'_>) -> Result<Offered> {
        self.offered(watch)?;
        let whole = self.whole.into_inner();
        Ok(whole.map_or_else(|| Offered::Listed(Vec::new()), |whole| whole.offered))
    }

    /// The same, if it was read.
    #[must_use]
    pub fn offered_here(&self) -> Option<&Offered> {
        self.whole.get().map(|whole| &whole.offered)
    }

    /// The plugins, if all that is offered was read.
    #[must_use]
    pub fn plugins_here(&self) -> Option<&Plugins> {
        self.whole.get().map(|whole| &whole.plugins)
    }

    /// What looks like an agent but cannot be offered, as far as it was read.
    #[must_use]
    pub fn refused(&self) -> &[Refused] {
        self.whole.get().map_or(&[], |whole| &whole.refused)
    }

    /// Whether all that is offered was read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole.get().is_some()
    }

    /// The agents that a name means.
    pub fn find(&self, name: &str, watch: Watch<'_>) -> Result<Vec<IndexEntry>> {
        Ok(self.meant(name, watch)?.agents)
    }

    /// What a name means. The files that are named like it are read first; only if they do not decide, all others are.
    pub fn meant(&self, name: &str, watch: Watch<'_>) -> Result<Meant> {
        if let Some(meant) = self.meant_here(name) {
            return Ok(meant);
        }
        if let Some(at) = self.at()
            && let Some(meant) = self.by_stem(at, name, watch)?
        {
            let mut known = self.parts.meant.borrow_mut();
            known.insert(name.to_owned(), meant.clone());
            return Ok(meant);
        }
        Ok(self.offered(watch)?.meant(name))
    }

    /// The same, as far as it was read.
    #[must_use]
    pub fn meant_here(&self, name: &str) -> Option<Meant> {
        match self.offered_here() {
            Some(offered) => Some(offered.meant(name)),
            None => self.parts.meant.borrow().get(name).cloned(),
        }
    }

    /// The one agent that a name means, as far as that is likely without a fetch.
    #[must_use]
    pub fn named_here(&self, name: &str) -> Option<AgentName> {
        if let Some(offered) = self.offered_here() {
            let mut found = offered.find(name).into_iter();
            return found
                .next()
                .filter(|_| found.next().is_none())
                .map(|one| one.name);
        }
        let files = self.files(self.at()?, &mut |_| {}).ok()?;
        let file = rank::likely(name, files.iter().map(|file| file.path.as_str()))?;
        AgentName::new(discovery::stem(file)).ok()
    }

    /// The agent in a file.
    pub fn find_file(&self, file: &str, watch: Watch<'_>) -> Result<Option<IndexEntry>> {
        let (None, Some(at)) = (self.whole.get(), self.at()) else {
            return Ok(self.offered(watch)?.find_file(file));
        };
        match at.repository.blob_at(at.commit, file, watch)? {
            Some(blob) => self.in_file(at, file, blob, watch),
            None => Ok(None),
        }
    }

    /// The first agent with these bytes.
    pub fn find_blob(&self, blob: ObjectId, watch: Watch<'_>) -> Result<Option<IndexEntry>> {
        let (None, Some(at)) = (self.whole.get(), self.at()) else {
            return Ok(self.offered(watch)?.find_blob(blob));
        };
        for file in self.files(at, watch)? {
            if file.id == blob
                && let Some(entry) = self.in_file(at, &file.path, blob, watch)?
            {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// What the registry says about its agents.
    pub fn about(&self, watch: Watch<'_>) -> Result<&About> {
        if let Some(about) = self.about.get() {
            return Ok(about);
        }
        match self.at() {
            Some(at) => self.have(at, &[], watch),
            None => Ok(self.about.get_or_init(About::default)),
        }
    }

    /// The same, if it is here.
    #[must_use]
    pub fn about_here(&self) -> Option<&About> {
        if let (None, Some(at)) = (self.about.get(), self.at()) {
            let files = said_in(at, &mut |_| {}).ok()?;
            if !files.values().all(|blob| at.repository.is_here(*blob)) {
                return None;
            }
        }
        self.about(&mut |_| {}).ok()
    }

    /// Where parts are read from; `None` for what is read at once.
    fn at(&self) -> Option<At<'_, 'a>> {
        match (&self.backing, self.commit) {
            (Backing::Git(repository), Some(commit)) => Some(At { repository, commit }),
            _ => None,
        }
    }

    fn files(&self, at: At<'_, 'a>, watch: Watch<'_>) -> Result<&[TreeFile]> {
        if let Some(files) = self.parts.files.get() {
            return Ok(files);
        }
        let walk = (at.repository).walk(at.commit, &contents::is_interesting, watch)?;
        Ok(self.parts.files.get_or_init(|| walk.files))
    }

    /// What a name means, if the files that are named like it decide that; `None`: all others have to be read as well. These files come in
    /// one fetch, together with what the source says about its agents and plugins.
    fn by_stem(&self, at: At<'_, 'a>, name: &str, watch: Watch<'_>) -> Result<Option<Meant>> {
        let Some(sought) = rank::sought(name) else {
            return Ok(None);
        };
        let files = self.files(at, watch)?;
        let is_called = |path: &str| path.ends_with(EXTENSION) && rank::is_called(path, &sought);
        let called = files.iter().filter(|file| is_called(&file.path));
        let mut wanted: Vec<ObjectId> = called.map(|file| file.id).collect();
        if wanted.is_empty() {
            return Ok(None);
        }
        let special = files.iter().filter(|file| contents::is_special(&file.path));
        wanted.extend(special.map(|file| file.id));
        self.have(at, &wanted, watch)?;
        let plugins = self.plugins_at(at, watch)?;
        let candidates: BTreeMap<&str, ObjectId> = (files.iter())
            .filter(|file| discovery::is_candidate(&file.path, EXTENSION, plugins))
            .map(|file| (file.path.as_str(), file.id))
            .collect();
        let paths: Vec<&str> = candidates.keys().copied().collect();
        loop {
            let found = |file: &str| self.parts.examined.borrow().get(file).cloned();
            match rank::ask(name, &paths, plugins, &found) {
                // Where no Markdown file is an agent, plain text may be.
                Answer::Meant(meant) => return Ok(Some(meant).filter(|it| !it.agents.is_empty())),
                Answer::Read(files) if files.iter().all(|file| is_called(file)) => {
                    for file in files {
                        self.in_file(at, &file, candidates[file.as_str()], watch)?;
                    }
                }
                Answer::Read(_) => return Ok(None),
            }
        }
    }

    /// Makes sure that contents are here, and reads what the registry says about its agents; both come in one fetch.
    fn have(&self, at: At<'_, 'a>, wanted: &[ObjectId], watch: Watch<'_>) -> Result<&About> {
        if let Some(about) = self.about.get() {
            at.repository.have_blobs(wanted.iter().copied(), watch)?;
            return Ok(about);
        }
        let said = said_in(at, watch)?;
        let all = said.values().chain(wanted).copied();
        at.repository.have_blobs(all, watch)?;
        let said = read_about(at, &said, watch)?;
        Ok(self.about.get_or_init(|| said))
    }

    /// What is offered in a file; its content and what the registry says about it come in one fetch.
    fn in_file(
        &self,
        at: At<'_, 'a>,
        file: &str,
        blob: ObjectId,
        watch: Watch<'_>,
    ) -> Result<Option<IndexEntry>> {
        if let Some(known) = self.parts.examined.borrow().get(file) {
            return Ok(known.clone());
        }
        if !file.ends_with(EXTENSION) {
            // Plain text counts only where no Markdown file is an agent.
            return Ok(self.offered(watch)?.find_file(file));
        }
        // Most files are agents, or none, whatever plugins there are.
        let mut found = self.examined(at, file, (blob, &Plugins::default()), watch)?;
        if found.is_none() {
            let plugins = self.plugins_at(at, watch)?;
            found = self.examined(at, file, (blob, plugins), watch)?;
        }
        let mut examined = self.parts.examined.borrow_mut();
        examined.insert(file.to_owned(), found.clone());
        Ok(found)
    }

    /// What is offered in a file of a source with these plugins.
    fn examined(
        &self,
        at: At<'_, 'a>,
        file: &str,
        (blob, plugins): (ObjectId, &Plugins),
        watch: Watch<'_>,
    ) -> Result<Option<IndexEntry>> {
        let found = if discovery::is_candidate(file, EXTENSION, plugins) {
            self.have(at, &[blob], watch)?;
            if at.repository.is_too_large(blob) {
                return Ok(None);
            }
            let bytes = at.repository.read(blob, watch)?;
            match discovery::examine(file, blob, &bytes, plugins, &|name| self.record(name)) {
                Finding::Agent(entry) => Some(IndexEntry {
                    kind: kinds::kind(file, plugins, &Shares::default()),
                    ..entry
                }),
                Finding::Refused(_) | Finding::Nothing => None,
            }
        } else {
            None
        };
        Ok(found)
    }

    /// The plugins of the source.
    pub fn plugins(&self, watch: Watch<'_>) -> Result<&Plugins> {
        if let (None, Some(at)) = (self.whole.get(), self.at()) {
            return self.plugins_at(at, watch);
        }
        self.offered(watch)?;
        let plugins = self.whole.get().map(|whole| &whole.plugins);
        Ok(plugins.unwrap_or_else(|| self.parts.plugins.get_or_init(Plugins::default)))
    }

    fn plugins_at(&self, at: At<'_, 'a>, watch: Watch<'_>) -> Result<&Plugins> {
        if let Some(plugins) = self.parts.plugins.get() {
            return Ok(plugins);
        }
        let files = self.files(at, watch)?.iter();
        let special = files.filter(|file| contents::is_special(&file.path));
        let blobs: BTreeMap<&str, ObjectId> =
            special.map(|file| (file.path.as_str(), file.id)).collect();
        at.repository.have_blobs(blobs.values().copied(), watch)?;
        let names = blobs.keys().map(|path| (*path).to_owned()).collect();
        let plugins = contents::plugins_of(&names, &mut |path| {
            at.repository.read(blobs[path], watch).map(Some)
        })?;
        Ok(self.parts.plugins.get_or_init(|| plugins))
    }
}

/// The files in which a prepared registry says something about its agents.
fn said_in(at: At<'_, '_>, watch: Watch<'_>) -> Result<BTreeMap<String, ObjectId>> {
    let mut files = BTreeMap::new();
    let Some(blob) = at.repository.blob_at(at.commit, REGISTRY_FILE, watch)? else {
        return Ok(files);
    };
    files.insert(REGISTRY_FILE.to_owned(), blob);
    let servers = at.repository.files_in(at.commit, SERVERS, watch)?;
    files.extend(contents::servers_of(servers));
    Ok(files)
}

/// What these files say; all of them are here.
fn read_about(
    at: At<'_, '_>,
    files: &BTreeMap<String, ObjectId>,
    watch: Watch<'_>,
) -> Result<About> {
    let mut about = About::default();
    for (path, blob) in files {
        if at.repository.is_too_large(*blob) {
            continue;
        }
        let bytes = at.repository.read(*blob, watch)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if path == REGISTRY_FILE {
            about.file = RegistryFile::parse(&text);
        } else if contents::is_server_entry(&bytes) {
            about.servers.push((path.clone(), text));
        }
    }
    Ok(about)
}
