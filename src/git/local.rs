//! Reading a repository with libgit2: references, commits and file contents, never the network, never a work tree.
//!
//! Every content is hashed again before it is returned, so that a damaged or exchanged object is an error and never wrong bytes.
//! Not responsible for which files matter; [`super::walk`] lists them.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, ObjectType, Odb, Oid, RepositoryOpenFlags};

use super::GitError;
use super::bare::{FETCHED_HEAD, cut_at};
use super::command::Git;
use super::stderr::cleaned;
use crate::domain::digest::ObjectId;

/// The same limit as in git: shorter abbreviations are treated as names.
const MIN_ABBREVIATION: usize = 4;

/// Where [`super::FetchRequest::BRANCHES`] puts the branches of a remote.
const FETCHED_BRANCHES: &str = "refs/remotes/origin/";
/// Where a repository has branches of its own.
const BRANCHES: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";

/// What the name of a revision turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisionKind {
    /// It stays what it is, unless somebody moves it.
    Tag,
    /// It moves on.
    Branch,
    /// It never changes.
    Commit,
}

impl RevisionKind {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Branch => "branch",
            Self::Commit => "commit",
        }
    }
}

/// A repository that is read: a bare one or a work tree.
pub struct Repository {
    pub(super) inner: git2::Repository,
    path: PathBuf,
    /// Whether it is a copy of a remote, so that the remote's branches count and none of its own.
    is_fetched: bool,
    /// The references, where only git itself can read them; libgit2 has the objects alone then.
    references: Option<BTreeMap<String, ObjectId>>,
}

impl fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Repository");
        shown.field("path", &self.path).finish_non_exhaustive()
    }
}

impl Repository {
    /// Opens the repository at `path`; parent folders are not searched.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let no_ceilings: [&Path; 0] = [];
        let flags = RepositoryOpenFlags::NO_SEARCH;
        let opened = git2::Repository::open_ext(path, flags, no_ceilings);
        Self::opened(path, opened, false)
    }

    fn opened(
        path: &Path,
        opened: Result<git2::Repository, git2::Error>,
        is_fetched: bool,
    ) -> Result<Self, GitError> {
        let path = path.to_owned();
        match opened {
            Ok(inner) => Ok(Self {
                inner,
                path,
                references: None,
                is_fetched,
            }),
            Err(error) if error.code() == ErrorCode::Owner => Err(GitError::Owner { path }),
            Err(error) => Err(GitError::NotOpened {
                path,
                detail: cleaned(error.message()),
            }),
        }
    }

    /// Opens a repository that [`super::Git`] fetched into: its branches and its head are those of the remote at the last fetch. Whoever
    /// owns it: nothing in it is trusted, and nothing that its settings name is run.
    pub fn open_fetched(path: &Path) -> Result<Self, GitError> {
        match Self::open(path) {
            Err(GitError::Owner { .. }) => {
                Self::opened(path, git2::Repository::open_bare(path), true)
            }
            opened => Ok(Self {
                is_fetched: true,
                ..opened?
            }),
        }
    }

    /// Opens a repository of this machine, in whatever form the user's git can read it; git is started only where libgit2 cannot open it.
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
                is_fetched: false,
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

    /// The commit of the default branch: the fetched one in a cache, else the one that `HEAD` points to; `None` before the first commit.
    pub fn head(&self) -> Result<Option<ObjectId>, GitError> {
        match self.reference(FETCHED_HEAD)? {
            Some(id) => Ok(Some(id)),
            None if self.is_fetched => Ok(None),
            None => self.reference("HEAD"),
        }
    }

    /// The commit that `revision` names, as [`Self::find`] finds it.
    pub fn resolve(&self, revision: &str) -> Result<Option<ObjectId>, GitError> {
        Ok(self.find(revision)?.map(|(commit, _)| commit))
    }

    /// The commit that `revision` names, and what the name is: a full commit id, a tag, a branch, or the beginning of a commit id, in
    /// this order. `refs/heads/NAME` is a branch and `refs/tags/NAME` a tag, whatever else has the name.
    ///
    /// Git's expressions (`HEAD~1`, `:/text`, `@{1}`) are not supported: they mean different commits on different machines.
    pub fn find(&self, revision: &str) -> Result<Option<(ObjectId, RevisionKind)>, GitError> {
        if let Ok(id) = revision.parse::<ObjectId>() {
            return match self.inner.find_commit(oid(&id)) {
                Ok(_) => Ok(Some((id, RevisionKind::Commit))),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(self.damaged(id, &error)),
            };
        }
        if revision == "HEAD" {
            return Ok(self.head()?.map(|commit| (commit, RevisionKind::Branch)));
        }
        let branches = self.branches_at();
        let is_tag = (RevisionKind::Tag, format!("{TAGS}{revision}"));
        let is_branch = (RevisionKind::Branch, format!("{branches}{revision}"));
        let names = match (revision.strip_prefix(TAGS), revision.strip_prefix(BRANCHES)) {
            (Some(_), _) => vec![(RevisionKind::Tag, revision.to_owned()), is_tag],
            (_, Some(name)) => vec![
                (RevisionKind::Branch, format!("{branches}{name}")),
                is_branch,
            ],
            (None, None) => vec![is_tag, is_branch],
        };
        for (kind, name) in names {
            if git2::Reference::is_valid_name(&name)
                && let Some(commit) = self.reference(&name)?
            {
                return Ok(Some((commit, kind)));
            }
        }
        let is_hex = revision.chars().all(|c| c.is_ascii_hexdigit());
        if !is_hex || revision.len() < MIN_ABBREVIATION || revision.len() > 40 {
            return Ok(None);
        }
        match self.inner.find_commit_by_prefix(revision) {
            Ok(commit) => Ok(Some((id_of(commit.id()), RevisionKind::Commit))),
            Err(error) if error.code() == ErrorCode::Ambiguous => Err(GitError::Ambiguous {
                revision: revision.to_owned(),
            }),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// All tags that point to a commit, with that commit, sorted by name.
    pub fn tags(&self) -> Result<Vec<(String, ObjectId)>, GitError> {
        self.references(TAGS)
    }

    /// All branches with their newest commit, sorted by name.
    pub fn branches(&self) -> Result<Vec<(String, ObjectId)>, GitError> {
        self.references(self.branches_at())
    }

    /// Where the branches that count are.
    fn branches_at(&self) -> &'static str {
        if self.is_fetched {
            FETCHED_BRANCHES
        } else {
            BRANCHES
        }
    }

    /// The references below a folder that lead to a commit, by their names there.
    fn references(&self, folder: &str) -> Result<Vec<(String, ObjectId)>, GitError> {
        let mut found = Vec::new();
        if let Some(known) = &self.references {
            for name in known.keys() {
                if let Some(short) = name.strip_prefix(folder)
                    && let Some(commit) = self.reference(name)?
                {
                    found.push((short.to_owned(), commit));
                }
            }
            return Ok(found);
        }
        let references = self
            .inner
            .references_glob(&format!("{folder}*"))
            .map_err(|error| self.unreadable(&error))?;
        for reference in references {
            let reference = reference.map_err(|error| self.unreadable(&error))?;
            // Names that are not UTF-8 cannot be typed, and tags of files are not versions.
            if let (Ok(name), Ok(commit)) = (reference.name(), reference.peel_to_commit())
                && let Some(name) = name.strip_prefix(folder)
            {
                found.push((name.to_owned(), id_of(commit.id())));
            }
        }
        found.sort();
        Ok(found)
    }

    /// When `commit` was made, in seconds since 1970, as its author claims.
    pub fn commit_time(&self, commit: ObjectId) -> Result<i64, GitError> {
        Ok(self.commit(commit)?.time().seconds())
    }

    /// The parents of `commit`.
    pub fn parents(&self, commit: ObjectId) -> Result<Vec<ObjectId>, GitError> {
        Ok(self.commit(commit)?.parent_ids().map(id_of).collect())
    }

    /// The tree of `commit`.
    pub fn tree_of(&self, commit: ObjectId) -> Result<ObjectId, GitError> {
        Ok(id_of(self.commit(commit)?.tree_id()))
    }

    /// Whether `ancestor` is `commit` or one of its ancestors, as far as the history is here.
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

    /// The blob at `path` in `commit`, if there is one.
    pub fn blob_at(&self, commit: ObjectId, path: &str) -> Result<Option<ObjectId>, GitError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(tree) = self.folder_at(commit, folder)? else {
            return Ok(None);
        };
        let entry = tree.get_name(name);
        Ok(entry
            .filter(|entry| is_file_mode(entry.filemode_raw()))
            .map(|entry| id_of(entry.id())))
    }

    /// The plain files directly in a folder of a commit, by their names.
    pub fn files_in(
        &self,
        commit: ObjectId,
        folder: &str,
    ) -> Result<BTreeMap<String, ObjectId>, GitError> {
        let mut files = BTreeMap::new();
        for entry in self.folder_at(commit, folder)?.iter().flatten() {
            if let (true, Ok(name)) = (is_file_mode(entry.filemode_raw()), entry.name()) {
                files.insert(name.to_owned(), id_of(entry.id()));
            }
        }
        Ok(files)
    }

    /// A folder of a commit; `None` if it has none of this path. One that should be here and is not is an error, and no absence.
    fn folder_at(&self, commit: ObjectId, path: &str) -> Result<Option<git2::Tree<'_>>, GitError> {
        let find = |id: ObjectId| {
            let tree = self.inner.find_tree(oid(&id));
            tree.map_err(|error| self.object_error(id, &error))
        };
        let mut tree = find(self.tree_of(commit)?)?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let Some(id) = tree
                .get_name(name)
                .filter(|entry| entry.filemode_raw() == FOLDER_MODE)
                .map(|entry| id_of(entry.id()))
            else {
                return Ok(None);
            };
            tree = find(id)?;
        }
        Ok(Some(tree))
    }

    /// Whether the whole history of `commit` is here, without a cut. What a commit holds may be missing all the same.
    pub fn has_history(&self, commit: ObjectId) -> Result<bool, GitError> {
        let cut = self.cut();
        if cut.is_empty() {
            return Ok(true);
        }
        let mut walk = (self.inner.revwalk()).map_err(|error| self.unreadable(&error))?;
        (walk.push(oid(&commit))).map_err(|error| self.object_error(commit, &error))?;
        for id in walk {
            let id = id.map_err(|error| self.unreadable(&error))?;
            if cut.contains(&id.to_string()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The commits whose parents were left out.
    pub(super) fn cut(&self) -> HashSet<String> {
        // Without references of its own, libgit2 knows no folder of the repository.
        let cut = match self.references {
            None => cut_at(self.inner.path()),
            Some(_) => [cut_at(&self.path), cut_at(&self.path.join(".git"))].concat(),
        };
        cut.into_iter().collect()
    }

    /// The folders of the commits that the history of `commit` leads through along first parents, those that are not here.
    pub fn missing_folders(&self, commit: ObjectId) -> Result<Vec<ObjectId>, GitError> {
        let store = self.inner.odb().map_err(|error| self.unreadable(&error))?;
        let mut missing = Vec::new();
        let mut next = Some(commit);
        while let Some(commit) = next {
            let found = self.commit(commit)?;
            if !store.exists(found.tree_id()) {
                missing.push(id_of(found.tree_id()));
            }
            next = found.parent_ids().next().map(id_of);
            if next.is_some_and(|parent| !store.exists(oid(&parent))) {
                break;
            }
        }
        Ok(missing)
    }

    /// The newest commits in the history of `from` that changed the content of `path`, newest first, each with that content.
    ///
    /// Follows only first parents; stops after `limit` commits that changed it, and where the history is cut.
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

    /// The size of the blob `id`, from its header alone; `None` if it is not in this repository, or is not a blob.
    pub fn blob_size(&self, id: ObjectId) -> Result<Option<u64>, GitError> {
        let store = self.inner.odb().map_err(|error| self.unreadable(&error))?;
        match store.read_header(oid(&id)) {
            Ok((size, ObjectType::Blob)) => Ok(Some(size as u64)),
            Ok(_) => Ok(None),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.damaged(id, &error)),
        }
    }

    /// The content of the blob `id`; `None` if it is not in this repository or larger than `max_bytes`, in which case it is not read.
    pub fn read_blob(&self, id: ObjectId, max_bytes: u64) -> Result<Option<Vec<u8>>, GitError> {
        match self.blob_size(id)? {
            Some(size) if size <= max_bytes => {}
            _ => return Ok(None),
        }
        let store = self.inner.odb().map_err(|error| self.unreadable(&error))?;
        let object = store
            .read(oid(&id))
            .map_err(|error| self.damaged(id, &error))?;
        // Libgit2 checks too, unless another part of the program has disabled that for the process.
        if object.kind() != ObjectType::Blob || hash_blob(object.data()) != id {
            let detail = "the content does not match the id".to_owned();
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

    pub(super) fn commit(&self, id: ObjectId) -> Result<git2::Commit<'_>, GitError> {
        self.inner
            .find_commit(oid(&id))
            .map_err(|error| self.object_error(id, &error))
    }

    /// The error for a required object that is missing.
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

    pub(super) fn unreadable(&self, error: &git2::Error) -> GitError {
        GitError::Unreadable {
            path: self.path.clone(),
            detail: cleaned(error.message()),
        }
    }
}

/// The id that git gives to a file with this content.
#[must_use]
pub fn hash_blob(content: &[u8]) -> ObjectId {
    // This cannot fail for contents in memory; the zero id belongs to no object.
    Oid::hash_object(ObjectType::Blob, content).map_or(ObjectId::from_bytes([0; 20]), id_of)
}

pub(super) fn id_of(oid: Oid) -> ObjectId {
    let mut bytes = [0; 20];
    // Only SHA-1 repositories are opened: libgit2 is built without SHA-256.
    bytes.copy_from_slice(&oid.as_bytes()[..20]);
    ObjectId::from_bytes(bytes)
}

pub(super) fn oid(id: &ObjectId) -> Oid {
    Oid::from_bytes(id.as_bytes()).unwrap_or(Oid::ZERO_SHA1)
}

pub(super) const FOLDER_MODE: i32 = 0o040_000;

/// Whether `mode` is that of a plain file; 100664 is what very old gits wrote.
pub(super) fn is_file_mode(mode: i32) -> bool {
    matches!(mode, 0o100_644 | 0o100_755 | 0o100_664)
}

fn is_missing(error: &git2::Error) -> bool {
    matches!(error.code(), ErrorCode::NotFound | ErrorCode::UnbornBranch)
}
