//! Settings of the repository that a folder is in, as `git config --local` writes them, and its attributes that are not committed.

#![allow(
    clippy::disallowed_methods,
    reason = "this is the boundary the lint protects"
)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use git2::{ConfigLevel, ErrorCode};

use super::GitError;
use super::stderr::cleaned;

/// The settings of a repository on this machine.
pub struct LocalConfig {
    config: git2::Config,
    path: PathBuf,
    attributes: PathBuf,
    prefix: String,
}

impl LocalConfig {
    /// Those of the repository that `folder` is in; `None`: it is in none that can be read.
    #[must_use]
    pub fn around(folder: &Path) -> Option<Self> {
        let repository =
            (folder.ancestors()).find_map(|folder| git2::Repository::open(folder).ok())?;
        let config = repository
            .config()
            .ok()?
            .open_level(ConfigLevel::Local)
            .ok()?;
        let top = fs::canonicalize(repository.workdir()?).ok()?;
        let folder = fs::canonicalize(folder).ok()?;
        let below = folder
            .strip_prefix(top)
            .ok()?
            .to_string_lossy()
            .replace('\\', "/");
        Some(Self {
            config,
            attributes: repository.commondir().join("info/attributes"),
            prefix: if below.is_empty() { below } else { below + "/" },
            path: repository.path().to_owned(),
        })
    }

    /// Sets a value; `None`: it goes.
    pub fn set(&mut self, key: &str, value: Option<&str>) -> Result<(), GitError> {
        let set = match value {
            Some(value) => self.config.set_str(key, value),
            None => match self.config.remove(key) {
                Err(error) if error.code() == ErrorCode::NotFound => Ok(()),
                removed => removed,
            },
        };
        set.map_err(|error| GitError::Unreadable {
            path: self.path.clone(),
            detail: cleaned(error.message()),
        })
    }

    /// The path of the folder from the top of the repository, with `/` at its end; empty: it is the top.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The file of the attributes.
    #[must_use]
    pub fn attributes_path(&self) -> &Path {
        &self.attributes
    }

    /// The attributes of this clone.
    pub fn attributes(&self) -> Result<String, GitError> {
        match fs::read_to_string(&self.attributes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            read => read.map_err(|source| self.failed(source)),
        }
    }

    /// Replaces them.
    pub fn set_attributes(&self, text: &str) -> Result<(), GitError> {
        let folder = self.attributes.parent().unwrap_or(&self.path);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&self.attributes, text))
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> GitError {
        GitError::Io {
            path: self.attributes.clone(),
            source,
        }
    }
}
