//! What every use-case works with: the project, the environment, the cache. Also the start: recovery after a crash.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::report::{Event, Frontend};
use crate::env::Environment;
use crate::error::{Failure, Result};
use crate::fs::{self, Entry};
use crate::store::cache::{Cache, Settings};
use crate::store::manifest::Manifest;
use crate::store::project::{Project, Scope};
use crate::store::transaction::{self, Guard, Recovered};

/// The choices that hold for a whole command.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The network must not be used.
    pub is_offline: bool,
    /// Plain http and git are allowed.
    pub allow_insecure: bool,
    /// git may ask for passwords.
    pub may_prompt: bool,
}

/// One command's view of the world.
#[derive(Debug)]
pub struct Session {
    /// The project, or the user's own agents.
    pub project: Project,
    /// The environment.
    pub environment: Environment,
    /// The cache.
    pub cache: Cache,
    /// What holds for the whole command.
    pub options: Options,
    /// Whether the warnings about the manifest have been said.
    has_warned: AtomicBool,
}

impl Session {
    /// A session; nothing is touched yet.
    #[must_use]
    pub fn new(project: Project, environment: Environment, options: Options) -> Self {
        let cache = Cache::new(Settings {
            folder: environment.cache_folder(),
            path: environment.path.clone(),
            is_offline: options.is_offline,
            allow_insecure: options.allow_insecure,
            may_prompt: options.may_prompt,
            now: environment.now(),
        });
        Self { project, environment, cache, options, has_warned: AtomicBool::new(false) }
    }

    /// The manifest; an absent one is empty. Its warnings are reported, once for a command that reads it again.
    pub fn manifest(&self, frontend: &mut dyn Frontend) -> Result<Manifest> {
        let manifest = self.project.load_manifest()?.unwrap_or_else(Manifest::empty);
        let is_new = manifest.warnings().is_empty() || !self.has_warned.swap(true, Ordering::Relaxed);
        for warning in manifest.warnings().iter().filter(|_| is_new) {
            frontend.report(Event::Warning(warning.clone()));
        }
        Ok(manifest)
    }

    /// Takes the project's lock; says so if it has to wait, and what an earlier crash left behind.
    pub fn lock(&self, frontend: &mut dyn Frontend) -> Result<Guard<'_>> {
        let folder = self.project.root().display().to_string();
        let guard = transaction::lock(&self.project, self.environment.now(), || frontend.report(Event::Waiting(folder)))?;
        match guard.recovered() {
            None => {}
            Some(Recovered::Undone) => frontend.report(Event::Recovered("undid what an interrupted command had begun".to_owned())),
            Some(Recovered::Completed) => {
                frontend.report(Event::Recovered("completed what an interrupted command had begun".to_owned()));
            }
            Some(Recovered::Except(paths)) => frontend.report(Event::LeftAlone(paths.clone())),
        }
        Ok(guard)
    }

    /// The lock; `None` where nothing of agentpkg's is: there is nothing to protect, and a command that finds nothing to do there
    /// leaves nothing behind.
    pub fn lock_if_used(&self, frontend: &mut dyn Frontend) -> Result<Option<Guard<'_>>> {
        if self.is_used()? || fs::entry(self.project.data_folder())? != Entry::Absent {
            return self.lock(frontend).map(Some);
        }
        Ok(None)
    }

    /// The lock for a plan that was made without it in an unused folder; `None` if somebody else was first there, so that the plan was
    /// made on nothing.
    pub fn lock_at_last<'a>(&'a self, guard: Option<Guard<'a>>, frontend: &mut dyn Frontend) -> Result<Option<Guard<'a>>> {
        if guard.is_some() {
            return Ok(guard);
        }
        let guard = self.lock(frontend)?;
        Ok(if self.is_used()? { None } else { Some(guard) })
    }

    /// Whether there is a manifest or a lockfile.
    fn is_used(&self) -> Result<bool> {
        let is_there = |path| Ok::<_, Failure>(fs::entry(path)? != Entry::Absent);
        Ok(is_there(self.project.manifest_path())? || is_there(self.project.lockfile_path())?)
    }

    /// Completes or undoes an interrupted command, for commands that only read.
    pub fn recover(&self, frontend: &mut dyn Frontend) -> Result<()> {
        if transaction::is_interrupted(&self.project)? {
            drop(self.lock(frontend)?);
        }
        Ok(())
    }

    /// The folders that are written to must not lead out of the project, unless the user wants that.
    pub fn check_folders(&self, manifest: &Manifest) -> Result<()> {
        let project = &self.project;
        if project.scope() == Scope::User || manifest.follows_links() {
            return Ok(());
        }
        let folders = [project.root().join(".claude"), project.agents_folder().to_owned(), project.data_folder().to_owned()];
        for folder in folders {
            let shown = project.display(&folder);
            match fs::entry(&folder)? {
                Entry::Absent | Entry::Folder => {}
                Entry::Link => {
                    return Err(Failure::failed(format!("`{shown}` is a symbolic link, and may lead out of the project"))
                        .hint("put `[install]` with `follow-symlinks = true` into agentpkg.toml if that is meant"));
                }
                _ => return Err(Failure::failed(format!("`{shown}` is not a folder"))),
            }
        }
        Ok(())
    }

    /// A path as the manifest has it, made absolute.
    #[must_use]
    pub fn absolute(&self, typed: &str) -> PathBuf {
        self.environment.absolute(self.project.root(), typed)
    }
}
