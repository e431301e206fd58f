//! Reading a repository with libgit2: references, commits and file contents, never the network, never a work tree.
//!
//! Every content is hashed again before it is given out, so that a damaged or exchanged object is an error and never wrong bytes.
//! Not responsible for which files matter; [`super::walk`] lists them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, ObjectType, Odb, Oid, RepositoryOpenFlags};

use super::GitError;
use super::command::Git;
use super::stderr::cleaned;
use crate::domain::digest::ObjectId;

/// What a fetch of [`super::FetchRequest::HEAD`] writes.
const FETCHED_HEAD: &str = "refs/agentpkg/head";
/// As git itself: shorter abbreviations are taken for names.
const MIN_ABBREVIATION: usize = 4;

/// A repository that is read: a bare one or a work tree.
pub struct Repository {
    pub(super) inner: git2::Repository,
    path: PathBuf,
    /// The references, where only git itself can read them; libgit2 has the objects alone then.
    references: Option<BTreeMap<String, ObjectId>>,
}

impl Repository {
    /// Opens the repository at `path`, and no folder above it.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let no_ceilings: [&Path; 0] = [];
        let inner = git2::Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, no_ceilings)
            .map_err(|error| {
            let path = path.to_owned();
            match error.code() {
                ErrorCode::Owner => GitError::Owner { path },
                _ => GitError::NotOpened {
                    path,
                    detail: cleaned(error.message()),
                },
            }
        })?;
        Ok(Self {
            inner,
            path: path.to_owned(),
            references: None,
        })
    }

    /// The same, in whatever form the user's git can read it; git is started only where libgit2 cannot open it.
    pub fn open_asking(path: &Path, git: &dyn Fn() -> Option<Git>) -> Result<Self, GitError> {
        let error = match Self::open(path) {
            Err(error @ GitError::NotOpened { .. }) => error,
            result => return result,
        };
        let is_one = path.join(".git").exists() || path.join("HEAD").is_file();
        let Some(described) = git().filter(|_| is_one).and_then(|git| git.describe(path)) else {
            return Err(error);
        };
        if !described.is_readable {
            return Err(GitError::LocalFormat {
                path: path.to_owned(),
            });
        }
        let objects = Odb::new().and_then(|objects| {
            let folder = described.objects.to_str().unwrap_or_default();
            objects.add_disk_alternate(folder).map(|()| objects)
        });
        match objects.and_then(git2::Repository::from_odb) {
            Ok(inner) => Ok(Self {
                inner,
                path: path.to_owned(),
                references: Some(described.references),
            }),
            Err(_) => Err(error),
        }
    }

    /// The folder it was opened at.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The commit of the default branch: the fetched one in a cache, else what `HEAD` stands for; `None` before the first commit.
    pub fn head(&self) -> Result<Option<ObjectId>, GitError> {
        match self.reference(FETCHED_HEAD)? {
            Some(id) => Ok(Some(id)),
            None => self.reference("HEAD"),
        }
    }

    /// The commit that `revision` names: a full commit id, a tag, a branch, or the beginning of a commit id, in this order.
    ///
    /// Git's expressions (`HEAD~1`, `:/text`, `@{1}`) are not understood: they mean different commits on different machines.
    pub fn resolve(&self, revision: &str) -> Result<Option<ObjectId>, GitError> {
        if let Ok(id) = revision.parse::<ObjectId>() {
            return match self.inner.find_commit(oid(&id)) {
                Ok(_) => Ok(Some(id)),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(self.damaged(id, &error)),
            };
        }
        if revision == "HEAD" {
            return self.head();
        }
        for name in [
            format!("refs/tags/{revision}"),
            format!("refs/heads/{revision}"),
            revision.to_owned(),
        ] {
            if name.starts_with("refs/")
                && git2::Reference::is_valid_name(&name)
                && let Some(id) = self.reference(&name)?
            {
                return Ok(Some(id));
            }
        }
        let is_hex = revision.chars().all(|c| c.is_ascii_hexdigit());
        if !is_hex || revision.len() < MIN_ABBREVIATION || revision.len() > 40 {
            return Ok(None);
        }
        match self.inner.find_commit_by_prefix(revision) {
            Ok(commit) => Ok(Some(id_of(commit.id()))),
            Err(error) if error.code() == ErrorCode::Ambiguous => Err(GitError::Ambiguous {
                revision: revision.to_owned(),
            }),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// All tags that lead to a commit, with that commit, sorted by name.
    pub fn tags(&self) -> Result<Vec<(String, ObjectId)>, GitError> {
        let mut tags = Vec::new();
        if let Some(known) = &self.references {
            for name in known.keys() {
                if let Some(tag) = name.strip_prefix("refs/tags/")
                    && let Some(commit) = self.reference(name)?
                {
                    tags.push((tag.to_owned(), commit));
                }
            }
            return Ok(tags);
        }
        let references = self
            .inner
            .references_glob("refs/tags/*")
            .map_err(|error| self.unreadable(&error))?;
        for reference in references {
            let reference = reference.map_err(|error| self.unreadable(&error))?;
            // Names that are no UTF-8 cannot be asked for, and tags of files are nobody's versions.
            if let (Ok(name), Ok(commit)) = (reference.name(), reference.peel_to_commit())
                && let Some(tag) = name.strip_prefix("refs/tags/")
            {
                tags.push((tag.to_owned(), id_of(commit.id())));
            }
        }
        tags.sort();
        Ok(tags)
    }

    /// When `commit` was made, in seconds since 1970, as its author claims.
    pub fn commit_time(&self, commit: ObjectId) -> Result<i64, GitError> {
        Ok(self.commit(commit)?.time().seconds())
    }

    /// The commits that `commit` continues.
    pub fn parents(&self, commit: ObjectId) -> Result<Vec<ObjectId>, GitError> {
        Ok(self.commit(commit)?.parent_ids().map(id_of).collect())
    }

    /// The tree of `commit`.
    pub fn tree_of(&self, commit: ObjectId) -> Result<ObjectId, GitError> {
        Ok(id_of(self.commit(commit)?.tree_id()))
    }

    /// Whether `ancestor` is `commit` or one that it continues, as far as the history is there.
    pub fn is_ancestor(&self, ancestor: ObjectId, commit: ObjectId) -> Result<bool, GitError> {
        if ancestor == commit {
            return Ok(true);
        }
        match self.inner.graph_descendant_of(oid(&commit), oid(&ancestor)) {
            Ok(is_descendant) => Ok(is_descendant),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// The blob at `path` in `commit`, or none.
    pub fn blob_at(&self, commit: ObjectId, path: &str) -> Result<Option<ObjectId>, GitError> {
        let id = self.tree_of(commit)?;
        let tree = self
            .inner
            .find_tree(oid(&id))
            .map_err(|error| self.object_error(id, &error))?;
        match tree.get_path(Path::new(path)) {
            Ok(entry) if is_file_mode(entry.filemode_raw()) => Ok(Some(id_of(entry.id()))),
            Ok(_) => Ok(None),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// The newest commits in the history of `from` that gave `path` another content, newest first, each with that content.
    ///
    /// Follows first parents only; stops after `limit` commits that changed it, and where the history is cut.
    pub fn history(
        &self,
        path: &str,
        from: ObjectId,
        limit: usize,
    ) -> Result<Vec<(ObjectId, Option<ObjectId>)>, GitError> {
        let mut changes = Vec::new();
        let mut commit = from;
        let mut blob = self.blob_at(commit, path)?;
        while changes.len() < limit {
            let parent = self
                .inner
                .find_commit(oid(&commit))
                .and_then(|commit| commit.parent(0));
            let (parent, before) = match parent {
                Ok(parent) => (
                    Some(id_of(parent.id())),
                    self.blob_at(id_of(parent.id()), path)?,
                ),
                Err(error) if is_missing(&error) => (None, None),
                Err(error) => return Err(self.unreadable(&error)),
            };
            if blob != before {
                changes.push((commit, blob));
            }
            match parent {
                Some(parent) => (commit, blob) = (parent, before),
                None => break,
            }
        }
        Ok(changes)
    }

    /// The size of the blob `id`, from its header alone; `None` if it is not in this repository, or is no blob.
    pub fn blob_size(&self, id: ObjectId) -> Result<Option<u64>, GitError> {
        let store = self.inner.odb().map_err(|error| self.unreadable(&error))?;
        match store.read_header(oid(&id)) {
            Ok((size, ObjectType::Blob)) => Ok(Some(size as u64)),
            Ok(_) => Ok(None),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.damaged(id, &error)),
        }
    }

    /// The content of the blob `id`; `None` if it is not in this repository or larger than `max_bytes`, without reading it then.
    pub fn read_blob(&self, id: ObjectId, max_bytes: u64) -> Result<Option<Vec<u8>>, GitError> {
        match self.blob_size(id)? {
            Some(size) if size <= max_bytes => {}
            _ => return Ok(None),
        }
        let store = self.inner.odb().map_err(|error| self.unreadable(&error))?;
        let object = store
            .read(oid(&id))
            .map_err(|error| self.damaged(id, &error))?;
        // Libgit2 checks too, unless another part of the program has turned that off for the process.
        if object.kind() != ObjectType::Blob || hash_blob(object.data()) != id {
            let detail = "the content has another name".to_owned();
            return Err(GitError::Corrupt {
                id,
                path: self.path.clone(),
                detail,
            });
        }
        Ok(Some(object.data().to_vec()))
    }

    fn reference(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        if let Some(known) = &self.references {
            let Some(id) = known.get(name) else {
                return Ok(None);
            };
            let object = self.inner.find_object(oid(id), None);
            // What does not lead to a commit that is here names nothing.
            return Ok(object
                .and_then(|object| object.peel_to_commit())
                .ok()
                .map(|commit| id_of(commit.id())));
        }
        let reference = match self.inner.find_reference(name) {
            Ok(reference) => reference,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(self.unreadable(&error)),
        };
        match reference.peel_to_commit() {
            Ok(commit) => Ok(Some(id_of(commit.id()))),
            // An unborn branch, or a tag of a file.
            Err(error)
                if is_missing(&error)
                    || matches!(error.code(), ErrorCode::Peel | ErrorCode::InvalidSpec) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    fn commit(&self, id: ObjectId) -> Result<git2::Commit<'_>, GitError> {
        self.inner
            .find_commit(oid(&id))
            .map_err(|error| self.object_error(id, &error))
    }

    /// The error for an object that has to be there.
    pub(super) fn object_error(&self, id: ObjectId, error: &git2::Error) -> GitError {
        if is_missing(error) {
            GitError::MissingObject {
                id,
                path: self.path.clone(),
            }
        } else {
            self.damaged(id, error)
        }
    }

    fn damaged(&self, id: ObjectId, error: &git2::Error) -> GitError {
        GitError::Corrupt {
            id,
            path: self.path.clone(),
            detail: cleaned(error.message()),
        }
    }

    fn unreadable(&self, error: &git2::Error) -> GitError {
        GitError::Unreadable {
            path: self.path.clone(),
            detail: cleaned(error.message()),
        }
    }
}

/// The id that git gives to a file with this content.
#[must_use]
pub fn hash_blob(content: &[u8]) -> ObjectId {
    // Cannot fail for contents in memory; the zero id is no object's.
    Oid::hash_object(ObjectType::Blob, content).map_or(ObjectId::from_bytes([0; 20]), id_of)
}

pub(super) fn id_of(oid: Oid) -> ObjectId {
    let mut bytes = [0; 20];
    // Only SHA-1 repositories are opened: libgit2 is built without the other.
    bytes.copy_from_slice(&oid.as_bytes()[..20]);
    ObjectId::from_bytes(bytes)
}

pub(super) fn oid(id: &ObjectId) -> Oid {
    Oid::from_bytes(id.as_bytes()).unwrap_or(Oid::ZERO_SHA1)
}

/// Whether `mode` is that of a plain file; 100664 is what very old gits wrote.
pub(super) fn is_file_mode(mode: i32) -> bool {
    matches!(mode, 0o100_644 | 0o100_755 | 0o100_664)
}

fn is_missing(error: &git2::Error) -> bool {
    matches!(error.code(), ErrorCode::NotFound | ErrorCode::UnbornBranch)
}
