//! The bare repository of a cached registry, as files: created without a process, cleaned of what killed fetches left, measured.
//!
//! Not responsible for its objects, which [`super::Git`] fetches and [`super::Repository`] reads.

#![allow(
    clippy::disallowed_methods,
    reason = "this is the boundary the lint protects"
)]

use std::fs;
use std::io;
use std::path::Path;

use super::GitError;

/// The reference that a fetch of [`super::FetchRequest::HEAD`] writes.
pub(super) const FETCHED_HEAD: &str = "refs/agentpkg/head";

/// Version 0 without `extensions.partialClone`, which libgit2 refuses; its settings are passed to each call of git instead.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tlogAllRefUpdates = false\n[gc]\n\tauto = 0\n";

/// Creates an empty bare repository at `path`, accessible to its owner only, or completes one; a complete one is not changed.
pub fn init_bare(path: &Path) -> Result<(), GitError> {
    let failed = |source| GitError::Io {
        path: path.to_owned(),
        source,
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    for folder in [
        "objects/pack",
        "objects/info",
        "refs/heads",
        "refs/tags",
        "refs/agentpkg",
    ] {
        builder.create(path.join(folder)).map_err(failed)?;
    }
    for (name, text) in [("config", CONFIG), ("HEAD", "ref: refs/heads/main\n")] {
        let file = path.join(name);
        // A crash right after creation leaves an empty file.
        if fs::metadata(&file).map_or(true, |metadata| metadata.len() == 0) {
            fs::write(&file, text).map_err(failed)?;
        }
    }
    Ok(())
}

/// Forgets the default branch that was fetched: the remote has none any more. The caller holds the lock on this repository.
pub fn remove_head(path: &Path) -> Result<(), GitError> {
    let unreadable = |error: git2::Error| GitError::Unreadable {
        path: path.to_owned(),
        detail: super::stderr::cleaned(error.message()),
    };
    let repository = git2::Repository::open_bare(path).map_err(unreadable)?;
    match repository.find_reference(FETCHED_HEAD) {
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(()),
        found => found.and_then(|mut head| head.delete()).map_err(unreadable),
    }
}

/// Removes temporary packs and lock files of a git that was killed. The caller holds the lock on this repository.
pub(super) fn remove_leftovers(path: &Path) -> Result<(), GitError> {
    let failed = |source| GitError::Io {
        path: path.to_owned(),
        source,
    };
    remove_files(&path.join("objects/pack"), 1, &|name| {
        name.starts_with("tmp_") || name.starts_with(".tmp-")
    })
    .map_err(failed)?;
    remove_files(path, 1, &is_lock).map_err(failed)?;
    remove_files(&path.join("refs"), 8, &is_lock).map_err(failed)
}

/// The loose references, including lock files for new ones; counting stops at one more than `limit`.
pub(super) fn count_references(path: &Path, limit: usize) -> usize {
    let mut folders = vec![path.join("refs")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            } else {
                count += 1;
            }
            if count > limit || folders.len() > limit {
                return limit + 1;
            }
        }
    }
    count
}

/// Whether the history is cut.
pub(super) fn is_shallow(path: &Path) -> bool {
    path.join("shallow").exists()
}

/// Whether a fetch may leave history out: nothing is here yet, or it was left out before. A complete history would be cut, and the next
/// fetch would not complete it.
#[must_use]
pub fn may_be_cut(path: &Path) -> bool {
    let is_pack = |entry: fs::DirEntry| {
        let name = entry.file_name();
        Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "pack")
    };
    is_shallow(path)
        || !fs::read_dir(path.join("objects/pack"))
            .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(is_pack)))
}

/// The commits whose parents were left out.
pub(super) fn cut_at(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path.join("shallow")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The bytes below `objects`, including temporary packs.
pub(super) fn objects_size(path: &Path) -> u64 {
    folder_size(&path.join("objects"), 3)
}

fn is_lock(name: &str) -> bool {
    // Git writes it the same way on every system.
    name.rsplit_once('.')
        .is_some_and(|(_, extension)| extension == "lock")
}

fn remove_files(folder: &Path, depth: usize, is_leftover: &dyn Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if depth > 1 {
                remove_files(&entry.path(), depth - 1, is_leftover)?;
            }
        } else if entry.file_name().to_str().is_some_and(is_leftover) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Files come and go while git works, so what cannot be read counts as nothing.
fn folder_size(folder: &Path, depth: usize) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() && depth > 1 => folder_size(&entry.path(), depth - 1),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_go_and_objects_stay() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a/b.git");
        init_bare(&path)?;
        init_bare(&path)?;
        for name in [
            "objects/pack/tmp_pack_x",
            "objects/pack/.tmp-1-pack-x",
            "shallow.lock",
            "refs/tags/v1.lock",
        ] {
            fs::write(path.join(name), "xx")?;
        }
        fs::write(path.join("objects/pack/pack-1.pack"), "12345")?;
        assert_eq!(objects_size(&path), 9);
        remove_leftovers(&path)?;
        assert_eq!(objects_size(&path), 5);
        assert!(!path.join("shallow.lock").exists() && !path.join("refs/tags/v1.lock").exists());
        assert!(path.join("HEAD").exists());
        Ok(())
    }
}
