//! From a source to a snapshot of it, or to its newest index on this machine.

use std::collections::HashMap;
use std::path::PathBuf;

use super::snapshot::Snapshot;
use crate::domain::discovery::IndexEntry;
use crate::domain::name::RegistryName;
use crate::domain::spec::Source;
use crate::domain::url::GitUrl;
use crate::error::Result;
use crate::store::builtin;
use crate::store::cache::{self, Watch};
use crate::store::contents::{FOLDER_KEY, Known};
use crate::store::index::{self, IndexFile};

/// The newest index of a source on this machine, opened without git, without reading the source, and trusted only as far as it is read.
#[must_use]
pub fn newest_index(
    source: &Source,
    absolute: &dyn Fn(&str) -> PathBuf,
    cache: &cache::Cache,
) -> Option<IndexFile> {
    match source {
        Source::Builtin => builtin_index(cache),
        // A folder may have a name like a file.
        Source::Folder(path) | Source::File(path) => {
            let folder = absolute(path);
            let url = folder
                .to_str()
                .and_then(|text| GitUrl::parse(&format!("file://{text}")).ok());
            let kept = IndexFile::open(
                &cache.folder_index(&folder)?,
                Some(FOLDER_KEY),
                cache.damage(),
            );
            kept.or_else(|| cache.head_index(&url?))
        }
        Source::Git(url) => cache.head_index(url),
    }
}

/// The index of the registry inside the program; made when it is first needed.
fn builtin_index(cache: &cache::Cache) -> Option<IndexFile> {
    let (path, key) = (cache.builtin_index()?, builtin::key());
    IndexFile::open(&path, Some(key), cache.damage()).or_else(|| {
        let builtin = Snapshot::builtin();
        let all = builtin
            .whole
            .get()
            .map_or_else(Vec::new, |whole| whole.offered.all());
        let entries: Vec<_> = all.iter().map(|entry| (entry, 0)).collect();
        let image = index::image(key, &entries, b"{}".to_vec());
        IndexFile::write(&path, key, &image, true).ok()?
    })
}

/// Opens a source. `folder` turns a path as the user wrote it into an absolute one.
pub fn open<'a>(
    registry: Option<RegistryName>,
    source: &Source,
    absolute: &dyn Fn(&str) -> PathBuf,
    cache: &'a cache::Cache,
    (freshness, reach): (cache::Freshness, cache::Reach),
    watch: Watch<'_>,
) -> Result<Snapshot<'a>> {
    match source {
        Source::Builtin => {
            let kept: HashMap<String, IndexEntry> = builtin_index(cache)
                .map(|index| {
                    index
                        .entries()
                        .map(|entry| (entry.file.clone(), entry))
                        .collect()
                })
                .unwrap_or_default();
            Ok(Snapshot::builtin_knowing(&|file| {
                kept.get(file).cloned().map(Known::Agent)
            }))
        }
        // A folder may have a name like a file.
        Source::Folder(path) | Source::File(path) => {
            let folder = absolute(path);
            if let Some(repository) = cache.bare_repository(&folder)? {
                return Snapshot::git_now(registry, source.clone(), repository, watch);
            }
            Snapshot::folder(registry, source.clone(), &folder, cache)
        }
        Source::Git(url) => {
            let repository = cache.repository_with(url, freshness, reach, watch)?;
            Snapshot::git_now(registry, source.clone(), repository, watch)
        }
    }
}
