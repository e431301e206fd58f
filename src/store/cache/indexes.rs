//! The indexes of a repository: one for each commit that was read, made from the newest index that is here if there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::repository::CachedRepository;
use super::{HEAD, INDEX, Watch};
use crate::domain::digest::ObjectId;
use crate::domain::discovery::plugins::Plugins;
use crate::domain::discovery::{self, EXTENSION, OTHER_EXTENSIONS, Refused};
use crate::error::{Failure, Result};
use crate::fs;
use crate::git::{GitError, Repository, WalkLimits};
use crate::store::contents::{self, Index, Opened, Previous};
use crate::store::project::MAX_AGENT;

/// How many indexes of one repository are kept.
const MAX_INDEXES: usize = 8;
/// If there are at most this many candidate files, all are read for names and descriptions.
const MAX_CANDIDATES: usize = 200_000;
/// How the basis of a repository with agents in Markdown files ends.
const MARKDOWN: &str = "markdown=true";

impl CachedRepository<'_> {
    /// What the repository offers at a commit, if that was read before, or at its default branch if an earlier state of that was.
    pub(in crate::store) fn kept_index(
        &self,
        commit: ObjectId,
        watch: Watch<'_>,
    ) -> Option<Opened> {
        let path = self.index_path(commit)?;
        if let Some(opened) = contents::open_kept(&path, &commit.to_string(), self.cache.damage()) {
            self.point_at(commit);
            return Some(opened);
        }
        let is_head = self.head().is_ok_and(|head| head == commit);
        let opened = is_head.then(|| self.amended(&path, commit, watch))??;
        self.point_at(commit);
        drop_old(&path);
        Some(opened)
    }

    /// What the repository offers at a commit; from the cache if it is there and intact.
    pub(in crate::store) fn index(&self, commit: ObjectId, watch: Watch<'_>) -> Result<Opened> {
        if let Some(opened) = self.kept_index(commit, watch) {
            return Ok(opened);
        }
        let path = self.index_path(commit);
        let (index, stamps) = match self.build_index(commit, watch) {
            // A repository that cannot be read completely is fetched again, once.
            Err(_)
                if self.is_remote && !self.cache.settings.is_offline && self.is_damaged(commit) =>
            {
                self.mend("objects were damaged", watch)?;
                self.build_index(commit, watch)?
            }
            outcome => outcome?,
        };
        let Some(path) = path else {
            return Ok(Opened::Built(index));
        };
        let opened = index.kept(&path, &commit.to_string(), &|file| {
            stamps.get(file).copied().unwrap_or(0)
        });
        self.point_at(commit);
        drop_old(&path);
        Ok(opened)
    }

    /// Records which index is that of the default branch, for readers that do not use git.
    fn point_at(&self, commit: ObjectId) {
        let is_head = self.head().is_ok_and(|head| head == commit);
        if let Some(path) = self
            .folder
            .as_ref()
            .map(|folder| folder.join("index").join(HEAD))
            .filter(|_| is_head)
        {
            let text = commit.to_string();
            if fs::read(&path, 64).ok().flatten().as_deref() != Some(text.as_bytes()) {
                // Readers that do not use git find nothing then, and say so.
                let _ = fs::replace(&path, text.as_bytes(), false);
            }
        }
    }

    /// Builds an index; what has not changed since the newest existing index is copied from it. Also returns the stamp of each file.
    fn build_index(
        &self,
        commit: ObjectId,
        watch: Watch<'_>,
    ) -> Result<(Index, BTreeMap<String, u64>)> {
        let walk = self.walk(commit, &contents::is_interesting, watch)?;
        let mut blobs: BTreeMap<String, ObjectId> = walk
            .files
            .into_iter()
            .map(|file| (file.path, file.id))
            .collect();
        let nothing = Plugins::default();
        let may_be = |path: &str, extension| discovery::is_candidate(path, extension, &nothing);
        let is_markdown = blobs.keys().any(|path| may_be(path, EXTENSION));
        if is_markdown {
            blobs.retain(|path, _| {
                !OTHER_EXTENSIONS
                    .iter()
                    .any(|extension| path.ends_with(extension))
            });
        }
        if blobs.len() > MAX_CANDIDATES {
            return Err(Failure::failed(format!(
                "`{}` contains {} files that may be agents",
                self.url.display(),
                blobs.len()
            ))
            .hint("that is more than agentpkg reads; name the file: `…#path/to/agent.md`"));
        }
        let special = blobs.iter().filter(|(path, _)| contents::is_special(path));
        self.have_blobs(special.map(|(_, id)| *id), watch)?;
        let repository = self.open()?;
        let plugins = contents::plugins_of(&blobs.keys().cloned().collect(), &mut |path| {
            read(&repository, path, blobs[path])
        })?;
        // Most Markdown files can never be agents, and are not fetched.
        blobs.retain(|path, _| {
            !path.ends_with(EXTENSION) || discovery::is_candidate(path, EXTENSION, &plugins)
        });
        let basis = basis(&blobs, is_markdown);
        let stamps: BTreeMap<String, u64> = blobs
            .iter()
            .map(|(path, blob)| (path.clone(), stamp(*blob)))
            .collect();
        let previous = self
            .newest_index()
            .and_then(|(path, _)| Previous::open(&path, None));
        let known = previous
            .filter(|previous| previous.basis() == basis)
            .map(|previous| previous.known());
        let known = |file: &str| known.as_ref()?.get(file, *stamps.get(file)?);
        let wanted = blobs
            .iter()
            .filter(|(path, _)| contents::is_special(path) || known(path).is_none())
            .map(|(_, id)| *id);
        self.have_blobs(wanted, watch)?;
        let repository = self.open()?;
        let files = blobs.keys().cloned().collect();
        let mut index = Index::build(&files, &known, &mut |path| {
            read(&repository, path, blobs[path])
        })?;
        let refused = walk.refused.into_iter().map(|refused| Refused {
            file: refused.path,
            reason: refused.reason.to_owned(),
        });
        index.refused.extend(refused);
        index.basis = basis;
        Ok((index, stamps))
    }

    /// Makes the index of a commit from the newest existing index and the difference between the two commits.
    ///
    /// `None` if the result might differ from that of reading everything: if something changed that may change what other files mean, that
    /// cannot be offered, or that cannot be read.
    fn amended(&self, path: &Path, commit: ObjectId, watch: Watch<'_>) -> Option<Opened> {
        let (newest, from) = self.newest_index()?;
        let previous = Previous::open(&newest, Some(&from.to_string()))?;
        let repository = self.open().ok()?;
        let mut changed = repository
            .changes(from, commit, &WalkLimits::default())
            .ok()??;
        if changed.iter().any(|file| contents::is_special(&file.path))
            || !previous.basis().ends_with(MARKDOWN)
        {
            return None;
        }
        let mut index = previous.index();
        changed.retain(|file| discovery::is_candidate(&file.path, EXTENSION, &index.plugins));
        let stamps: BTreeMap<&str, u64> = changed
            .iter()
            .map(|file| (file.path.as_str(), file.id.map_or(0, stamp)))
            .collect();
        let escaped: BTreeSet<String> = stamps
            .keys()
            .map(|path| path.escape_debug().to_string())
            .collect();
        if index
            .refused
            .iter()
            .any(|refused| escaped.contains(&refused.file))
        {
            return None;
        }
        index
            .nothing
            .retain(|path| !stamps.contains_key(path.as_str()));
        let refused = index.refused.len();
        self.have_blobs(changed.iter().filter_map(|file| file.id), watch)
            .ok()?;
        let repository = self.open().ok()?;
        for file in &changed {
            if let Some(id) = file.id {
                index.examine(
                    &file.path,
                    read(&repository, &file.path, id).ok()?.as_deref(),
                );
            }
        }
        index.nothing.sort_unstable();
        // As long as one agent remains, plain text files still do not count.
        let is_markdown = |path: &str| discovery::is_candidate(path, EXTENSION, &index.plugins);
        let remains = index.entries.iter().any(|entry| is_markdown(&entry.file))
            || previous.has_agent_in(&|path| is_markdown(path) && !stamps.contains_key(path));
        let count = previous.count() + index.nothing.len() + index.entries.len();
        if index.refused.len() > refused || !remains || count > MAX_CANDIDATES {
            return None;
        }
        previous.amended((path, &commit.to_string()), &stamps, index)
    }

    /// The most recently made index, and its commit.
    fn newest_index(&self) -> Option<(PathBuf, ObjectId)> {
        let folder = self.folder.as_ref()?.join("index");
        let head = fs::read(&folder.join(HEAD), 64).ok()??;
        let commit: ObjectId = std::str::from_utf8(&head).ok()?.parse().ok()?;
        Some((folder.join(format!("{commit}.{INDEX}")), commit))
    }

    fn is_damaged(&self, commit: ObjectId) -> bool {
        let Ok(repository) = self.open() else {
            return true;
        };
        let walk = repository.walk(commit, &WalkLimits::default(), &contents::is_interesting);
        let walk = match walk {
            Ok(walk) => walk,
            // Fetching it again would not make it smaller.
            Err(GitError::TreeTooLarge { .. }) => return false,
            Err(_) => return true,
        };
        walk.files
            .into_iter()
            .any(|file| repository.read_blob(file.id, MAX_AGENT).is_err())
    }

    fn index_path(&self, commit: ObjectId) -> Option<PathBuf> {
        Some(
            self.folder
                .as_ref()?
                .join("index")
                .join(format!("{commit}.{INDEX}")),
        )
    }
}

/// What the meaning of all files depends on: the files that describe others, and whether plain text counts.
fn basis(blobs: &BTreeMap<String, ObjectId>, is_markdown: bool) -> String {
    let special = blobs
        .iter()
        .filter(|(path, _)| contents::is_special(path))
        .map(|(path, blob)| format!("{path}={blob}"));
    special
        .chain([format!("markdown={is_markdown}")])
        .collect::<Vec<_>>()
        .join("\n")
}

/// The bytes of a file; `None` if it is too large.
fn read(repository: &Repository, path: &str, id: ObjectId) -> Result<Option<Vec<u8>>> {
    match repository.blob_size(id)? {
        Some(size) if size > MAX_AGENT => Ok(None),
        Some(_) => Ok(repository.read_blob(id, MAX_AGENT)?),
        None => Err(Failure::failed(format!(
            "the object of `{path}` is missing from the cache"
        ))),
    }
}

/// Removes other indexes if there are many; those of the default branch and at `path` are kept.
fn drop_old(path: &Path) {
    let Some((folder, listed)) = path
        .parent()
        .and_then(|folder| Some((folder, fs::list(folder).ok()?)))
    else {
        return;
    };
    let indexes: Vec<_> = listed
        .iter()
        .filter(|listed| listed.name != HEAD && !fs::is_temporary(&listed.name))
        .collect();
    if indexes.len() > MAX_INDEXES {
        let head = fs::read(&folder.join(HEAD), 64)
            .ok()
            .flatten()
            .unwrap_or_default();
        let head = format!("{}.{INDEX}", String::from_utf8_lossy(&head));
        let kept = [path.file_name().and_then(|name| name.to_str()), Some(&head)];
        for old in indexes
            .iter()
            .filter(|listed| !kept.contains(&Some(listed.name.as_str())))
        {
            let _ = fs::remove(&folder.join(&old.name));
        }
    }
}

/// A number for a blob, as a stamp of its file.
fn stamp(blob: ObjectId) -> u64 {
    u64::from_le_bytes(blob.as_bytes()[..8].try_into().unwrap_or_default()) | 1
}
