//! What is asked of a source, answered from as little of it as decides. A git repository that was not read as a whole gives the contents
//! that a question needs, all of them in one fetch; only what lists or chooses among all agents reads all.
//!
//! Which agent a name means is decided by `Offered::find` alone. What is answered here without it is what it would answer.

use std::collections::BTreeMap;

use super::known::{self, About};
use super::snapshot::{Backing, Snapshot};
use crate::domain::digest::ObjectId;
use crate::domain::discovery::kinds::Shares;
use crate::domain::discovery::plugins::Plugins;
use crate::domain::discovery::{self, EXTENSION, Finding, IndexEntry, Refused, kinds, rank};
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
        if let (None, Some(at)) = (self.whole.get(), self.at())
            && let Some(entry) = self.by_stem(at, name, watch)?
        {
            return Ok(vec![entry]);
        }
        Ok(self.offered(watch)?.find(name))
    }

    /// The one agent that a name means, as far as that is known without a fetch.
    #[must_use]
    pub fn named_here(&self, name: &str) -> Option<AgentName> {
        if let Some(offered) = self.offered_here() {
            let mut found = offered.find(name).into_iter();
            return found
                .next()
                .filter(|_| found.next().is_none())
                .map(|one| one.name);
        }
        let at = self.at()?;
        let sought = rank::sought(name)?;
        let file = self.only_file(at, &sought, &mut |_| {}).ok()??;
        AgentName::new(discovery::stem(&file.path)).ok()
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
        let said = match self.at() {
            Some(at) => {
                let files = said_in(at, watch)?;
                at.repository.have_blobs(files.values().copied(), watch)?;
                read_about(at, &files, watch)?
            }
            None => About::default(),
        };
        Ok(self.about.get_or_init(|| said))
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

    /// The agent in a file that is named after it, if that decides alone what the name means: no other file has this name.
    fn by_stem(&self, at: At<'_, 'a>, name: &str, watch: Watch<'_>) -> Result<Option<IndexEntry>> {
        let Some(sought) = rank::sought(name) else {
            return Ok(None);
        };
        let Some(file) = self.only_file(at, &sought, watch)? else {
            return Ok(None);
        };
        let entry = self.in_file(at, &file.path, file.id, watch)?;
        Ok(entry.filter(|entry| entry.name.folded() == sought))
    }

    /// The only file with this stem, if it is in a folder of agents.
    fn only_file(
        &self,
        at: At<'_, 'a>,
        sought: &str,
        watch: Watch<'_>,
    ) -> Result<Option<&TreeFile>> {
        let is_named = |file: &&TreeFile| {
            let stem = rank::sought(discovery::stem(&file.path));
            file.path.ends_with(EXTENSION) && stem.as_deref() == Some(sought)
        };
        let mut named = self.files(at, watch)?.iter().filter(is_named);
        let only = named.next().filter(|_| named.next().is_none());
        let decides =
            |file: &&TreeFile| kinds::is_below_agents(&file.path) && !kinds::is_copy(&file.path);
        Ok(only.filter(decides))
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
            let known = self.about.get().is_some();
            let said = if known {
                BTreeMap::new()
            } else {
                said_in(at, watch)?
            };
            let wanted = said.values().copied().chain([blob]);
            at.repository.have_blobs(wanted, watch)?;
            if !known {
                let said = read_about(at, &said, watch)?;
                let _ = self.about.set(said);
            }
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
