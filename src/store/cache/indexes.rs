//! The indexes of a repository: one for each commit that was looked at, made of the newest one where that is here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{CachedRepository, HEAD, INDEX, Watch};
use crate::domain::digest::ObjectId;
use crate::domain::discovery::{self, EXTENSION, OTHER_EXTENSIONS, Refused};
use crate::error::{Failure, Result};
use crate::fs;
use crate::git::{Walk, WalkLimits};
use crate::store::contents::{self, Index, Opened, Previous};
use crate::store::project::MAX_AGENT;

/// How many indexes of one repository are kept.
const MAX_INDEXES: usize = 8;
/// Up to how many candidate files all are read for names and descriptions.
const MAX_CANDIDATES: usize = 200_000;

impl CachedRepository<'_> {
    /// What the repository offers at a commit; from the cache where it is there and whole.
    pub(in crate::store) fn index(&self, commit: ObjectId, watch: Watch<'_>) -> Result<Opened> {
        let path = self.index_path(commit);
        if let Some(opened) = path.as_ref().and_then(|path| contents::open_kept(path, &commit.to_string())) {
            self.point_at(commit);
            return Ok(opened);
        }
        let (index, stamps) = match self.build_index(commit, watch) {
            // A repository that cannot be read through is fetched anew, once.
            Err(_) if self.is_remote && !self.cache.settings.is_offline && self.is_damaged(commit) => {
                self.mend("objects were damaged", watch)?;
                self.build_index(commit, watch)?
            }
            outcome => outcome?,
        };
        let Some(path) = path else {
            return Ok(Opened::Built(index));
        };
        let opened = index.kept(&path, &commit.to_string(), &|file| stamps.get(file).copied().unwrap_or(0));
        self.point_at(commit);
        drop_old(&path);
        Ok(opened)
    }

    /// Remembers which index is that of the default branch, for those who look without git.
    fn point_at(&self, commit: ObjectId) {
        let is_head = self.head().is_ok_and(|head| head == commit);
        if let Some(path) = self.folder.as_ref().map(|folder| folder.join("index").join(HEAD)).filter(|_| is_head) {
            let text = commit.to_string();
            if fs::read(&path, 64).ok().flatten().as_deref() != Some(text.as_bytes()) {
                // Who looks without git finds nothing then, and says so.
                let _ = fs::replace(&path, text.as_bytes(), false);
            }
        }
    }

    fn walk(&self, commit: ObjectId, filter: &dyn Fn(&str) -> bool) -> Result<Walk> {
        Ok(self.open()?.walk(commit, &WalkLimits::default(), filter)?)
    }

    /// Builds an index; what has not changed since the newest one that is here is taken over. Also gives the stamp of each file.
    fn build_index(&self, commit: ObjectId, watch: Watch<'_>) -> Result<(Index, BTreeMap<String, u64>)> {
        let walk = self.walk(commit, &contents::is_interesting)?;
        let mut blobs: BTreeMap<String, ObjectId> = walk.files.into_iter().map(|file| (file.path, file.id)).collect();
        let nothing = BTreeSet::new();
        let may_be = |path: &str, extension| discovery::is_candidate(path, extension, &nothing);
        let is_markdown = blobs.keys().any(|path| may_be(path, EXTENSION));
        if is_markdown {
            blobs.retain(|path, _| !OTHER_EXTENSIONS.iter().any(|extension| path.ends_with(extension)));
        }
        if blobs.len() > MAX_CANDIDATES {
            return Err(Failure::failed(format!("`{}` holds {} files that may be agents", self.url.display(), blobs.len()))
                .hint("this is more than agentpkg looks through; name the file: `…#path/to/agent.md`"));
        }
        // Files that only a marketplace could turn into agents are few; those that never can are not fetched.
        blobs.retain(|path, _| !path.ends_with(EXTENSION) || may_be(path, EXTENSION) || path.contains("agent"));
        let special = blobs.iter().filter(|(path, _)| contents::is_special(path)).map(|(path, blob)| format!("{path}={blob}"));
        let basis = special.chain([format!("markdown={is_markdown}")]).collect::<Vec<_>>().join("\n");
        let stamps: BTreeMap<String, u64> = blobs.iter().map(|(path, blob)| (path.clone(), stamp(*blob))).collect();
        let previous = self.newest_index().and_then(|path| Previous::open(&path, None)).filter(|previous| previous.basis == basis);
        let known = |file: &str| previous.as_ref()?.known(file, *stamps.get(file)?);
        if self.is_remote {
            let repository = self.open()?;
            let is_missing = |id: &ObjectId| !matches!(repository.blob_size(*id), Ok(Some(_)));
            let wanted = blobs.iter().filter(|(path, _)| contents::is_special(path) || known(path).is_none()).map(|(_, id)| *id);
            let missing: Vec<ObjectId> = wanted.filter(is_missing).collect();
            if !missing.is_empty() {
                self.fetch_blobs(&missing, watch)?;
            }
        }
        let repository = self.open()?;
        let files = blobs.keys().cloned().collect();
        let mut index = Index::build(&files, &known, &mut |path| match repository.blob_size(blobs[path])? {
            Some(size) if size > MAX_AGENT => Ok(None),
            Some(_) => Ok(repository.read_blob(blobs[path], MAX_AGENT)?),
            None => Err(Failure::failed(format!("the object of `{path}` is missing from the cache"))),
        })?;
        let refused = walk.refused.into_iter().map(|refused| Refused { file: refused.path, reason: refused.reason.to_owned() });
        index.refused.extend(refused);
        index.basis = basis;
        Ok((index, stamps))
    }

    /// The index that was made last of those that are here.
    fn newest_index(&self) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?.join("index");
        let head = fs::read(&folder.join(HEAD), 64).ok()??;
        Some(folder.join(format!("{}.{INDEX}", std::str::from_utf8(&head).ok()?)))
    }

    fn is_damaged(&self, commit: ObjectId) -> bool {
        let Ok(repository) = self.open() else {
            return true;
        };
        let Ok(walk) = repository.walk(commit, &WalkLimits::default(), &contents::is_interesting) else {
            return true;
        };
        walk.files.into_iter().any(|file| repository.read_blob(file.id, MAX_AGENT).is_err())
    }

    fn index_path(&self, commit: ObjectId) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join("index").join(format!("{commit}.{INDEX}")))
    }
}

/// Removes indexes beyond the newest few.
fn drop_old(path: &Path) {
    let Some((folder, listed)) = path.parent().and_then(|folder| Some((folder, fs::list(folder).ok()?))) else {
        return;
    };
    if listed.len() > MAX_INDEXES {
        let kept = [path.file_name().and_then(|name| name.to_str()), Some(HEAD)];
        for old in listed.iter().filter(|listed| !kept.contains(&Some(listed.name.as_str()))) {
            let _ = fs::remove(&folder.join(&old.name));
        }
    }
}

/// A number for a blob, as a stamp of its file.
fn stamp(blob: ObjectId) -> u64 {
    u64::from_le_bytes(blob.as_bytes()[..8].try_into().unwrap_or_default()) | 1
}
