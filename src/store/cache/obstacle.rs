//! What is in the way of the cache's folders: a file where a folder has to be, or the other way. What is below the cache's own folder is
//! removed, because the cache may be deleted at any time; anything else is somebody's, and is named.

use std::path::{Path, PathBuf};

use super::Cache;
use crate::error::{Failure, Result};
use crate::fs::{self, Entry};

impl Cache {
    /// The file that is where the cache's folder, or one that holds it, has to be.
    #[must_use]
    pub fn obstacle(&self) -> Option<PathBuf> {
        let folder = self.settings.folder.as_deref()?;
        let is_there = |path: &&Path| fs::entry(path).is_ok_and(|entry| entry != Entry::Absent);
        let above = folder.ancestors().find(is_there)?;
        (!fs::is_folder(above)).then(|| above.to_owned())
    }

    /// Removes what is in the way of a file of the cache; `false`: nothing is.
    pub(super) fn clear_the_way(&self, file: &Path) -> Result<bool> {
        if let Some(obstacle) = self.obstacle() {
            return Err(Failure::failed(format!(
                "`{}` is a file, and the cache needs a folder there",
                obstacle.display()
            ))
            .hint("move it, or set `AGENTPKG_CACHE_DIR` to another folder"));
        }
        if fs::is_folder(file) {
            fs::remove_folder(file)?;
            return Ok(true);
        }
        let cache = self.folder()?;
        let folders = file.ancestors().skip(1);
        for folder in folders.take_while(|folder| folder.starts_with(cache)) {
            if matches!(fs::entry(folder), Ok(Entry::File)) {
                fs::remove(folder)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}
