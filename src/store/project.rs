//! Where everything of one project is, or of the user (`--user`): paths, their display form, and loading the two files.

use std::path::{Component, Path, PathBuf};

use super::lockfile::{self, Lockfile};
use super::manifest::{self, Manifest};
use super::seen::Seen;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::env::Environment;
use crate::error::{Failure, Location, Result};
use crate::fs::{self, Entry};

/// The largest agent file that is read, in bytes.
pub const MAX_AGENT: u64 = 1 << 20;

/// Which set of agents a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The agents of a project, in its `.claude/agents`.
    Project,
    /// The agents of the user, in `~/.claude/agents`.
    User,
}

/// The places of one project, or of the user.
#[derive(Debug, Clone)]
pub struct Project {
    scope: Scope,
    root: PathBuf,
    manifest: PathBuf,
    lockfile: PathBuf,
    data: PathBuf,
    agents: PathBuf,
}

impl Project {
    /// Finds the project that `folder` belongs to: the nearest folder upwards with a manifest, not beyond a repository's root;
    /// otherwise `folder` itself.
    pub fn find(folder: &Path) -> Result<Self> {
        for candidate in folder.ancestors() {
            if fs::entry(&candidate.join(manifest::FILE_NAME))? != Entry::Absent {
                return Ok(Self::at(candidate));
            }
            if fs::entry(&candidate.join(".git"))? != Entry::Absent {
                break;
            }
        }
        Ok(Self::at(folder))
    }

    /// The project whose folder is `root`.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            scope: Scope::Project,
            root: root.to_owned(),
            manifest: root.join(manifest::FILE_NAME),
            lockfile: root.join(lockfile::FILE_NAME),
            data: root.join(".agentpkg"),
            agents: root.join(".claude").join("agents"),
        }
    }

    /// The agents of the user.
    pub fn user(environment: &Environment) -> Result<Self> {
        let folders = (environment.config_folder(), environment.data_folder(), environment.client_folder());
        let (Some(config), Some(data), Some(client)) = folders else {
            return Err(Failure::failed("there is no home folder to install into")
                .hint("set `HOME`; or `AGENTPKG_CONFIG_DIR`, `AGENTPKG_DATA_DIR` and `CLAUDE_CONFIG_DIR`"));
        };
        Ok(Self {
            scope: Scope::User,
            root: config.clone(),
            manifest: config.join(manifest::FILE_NAME),
            lockfile: config.join(lockfile::FILE_NAME),
            data,
            agents: client.join("agents"),
        })
    }

    /// Project or user.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The folder that relative paths of the manifest count from.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The manifest's path.
    #[must_use]
    pub fn manifest_path(&self) -> &Path {
        &self.manifest
    }

    /// The lockfile's path.
    #[must_use]
    pub fn lockfile_path(&self) -> &Path {
        &self.lockfile
    }

    /// The agents folder.
    #[must_use]
    pub fn agents_folder(&self) -> &Path {
        &self.agents
    }

    /// The folder of agentpkg's own data: bases and state.
    #[must_use]
    pub fn data_folder(&self) -> &Path {
        &self.data
    }

    /// The folder of journal, history and lock; not shared between machines.
    #[must_use]
    pub fn state_folder(&self) -> PathBuf {
        self.data.join("state")
    }

    /// The folder of agents with conflict markers that wait for the user.
    #[must_use]
    pub fn conflicts_folder(&self) -> PathBuf {
        self.data.join("conflicts")
    }

    /// The folder of what is needed to finish the updates of those agents.
    #[must_use]
    pub fn pending_folder(&self) -> PathBuf {
        self.state_folder().join("pending")
    }

    /// The folder of recorded resolutions.
    #[must_use]
    pub fn resolutions_folder(&self) -> PathBuf {
        self.state_folder().join("resolutions")
    }

    /// Where an agent is installed.
    #[must_use]
    pub fn agent_path(&self, name: &AgentName) -> PathBuf {
        self.agents.join(name.file_name())
    }

    /// The folder of the merge bases.
    #[must_use]
    pub fn base_folder(&self) -> PathBuf {
        self.data.join("base")
    }

    /// Where the merge base with this digest is kept.
    #[must_use]
    pub fn base_path(&self, digest: &Digest) -> PathBuf {
        self.base_folder().join(digest.to_string())
    }

    /// Whether the file is one that agentpkg may change: the manifest, the lockfile, `.mcp.json`, and what is in the agents folder
    /// or among agentpkg's own data: of its state only what waits for the user, and how conflicts were decided.
    ///
    /// A journal or a history can come with a repository from a stranger, and must not lead anywhere else.
    #[must_use]
    pub fn owns(&self, path: &Path) -> bool {
        let is_below = |folder: &Path| {
            let mut rest = path.strip_prefix(folder).unwrap_or(Path::new("")).components().peekable();
            rest.peek().is_some() && rest.all(|component| matches!(component, Component::Normal(_)))
        };
        path == self.manifest
            || path == self.lockfile
            || (self.scope == Scope::Project && path == self.root.join(".mcp.json"))
            || is_below(&self.agents)
            || (is_below(&self.data) && !path.starts_with(self.state_folder()))
            || is_below(&self.pending_folder())
            || is_below(&self.resolutions_folder())
    }

    /// A path as a person would type it in the project's folder.
    #[must_use]
    pub fn display(&self, path: &Path) -> String {
        let shown = match self.scope {
            Scope::Project => path.strip_prefix(&self.root).unwrap_or(path),
            Scope::User => path,
        };
        let shown = shown.display().to_string();
        if cfg!(windows) { shown.replace('\\', "/") } else { shown }
    }

    /// Where the manifest names an agent, for a failure that is about its entry; `None` if that cannot be told.
    #[must_use]
    pub fn manifest_entry(&self, name: &AgentName, label: &str) -> Option<Location> {
        let source = self.read_text(&self.manifest, manifest::MAX_SIZE).ok()??;
        let document = toml_edit::Document::parse(source.as_str()).ok()?;
        let span = document.get("agents")?.as_table_like()?.key(name.as_str())?.span()?;
        Some(Location { path: self.display(&self.manifest), span, label: label.to_owned(), source })
    }

    /// Reads the manifest; `None` if there is none.
    pub fn load_manifest(&self) -> Result<Option<Manifest>> {
        let text = self.read_text(&self.manifest, manifest::MAX_SIZE)?;
        text.map(|text| Manifest::parse(&text, &self.display(&self.manifest))).transpose()
    }

    /// Reads the lockfile; an absent one is empty.
    pub fn load_lockfile(&self) -> Result<Lockfile> {
        match self.read_text(&self.lockfile, lockfile::MAX_SIZE)? {
            Some(text) => Lockfile::parse(&text, &self.display(&self.lockfile)),
            None => Ok(Lockfile::default()),
        }
    }

    /// Reads a merge base; `None` if it is not there, or is not what its name says.
    pub fn read_base(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let bytes = fs::read(&self.base_path(digest), MAX_AGENT)?;
        Ok(bytes.filter(|bytes| Digest::of(bytes) == *digest))
    }

    /// Reads an installed agent; `None` if there is no file.
    pub fn read_agent(&self, name: &AgentName) -> Result<Option<Vec<u8>>> {
        fs::read(&self.agent_path(name), MAX_AGENT)
    }

    /// The digest of an installed agent, which is read only if it has changed since it was seen last; `None` if there is no file.
    pub fn digest_agent(&self, name: &AgentName, seen: &mut Seen) -> Result<Option<Digest>> {
        let path = self.agent_path(name);
        seen.digest(name, &path, || fs::read(&path, MAX_AGENT))
    }

    fn read_text(&self, path: &Path, limit: u64) -> Result<Option<String>> {
        let Some(bytes) = fs::read(path, limit)? else {
            return Ok(None);
        };
        String::from_utf8(bytes).map(Some).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let source = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let location = Location { path: self.display(path), source, span: valid..valid + 1, label: "not UTF-8".to_owned() };
            Failure::failed(format!("`{}` is not UTF-8 text", self.display(path))).at(location)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_found_upwards_but_not_beyond_its_repository() {
        let folder = tempfile::tempdir().unwrap();
        let outer = folder.path().join("outer");
        let inner = outer.join("inner/deep");
        fs::create_folder(&inner).unwrap();
        assert_eq!(Project::find(&inner).unwrap().root(), inner);
        fs::write_new(&outer.join(manifest::FILE_NAME), b"", false).unwrap();
        assert_eq!(Project::find(&inner).unwrap().root(), outer);
        fs::create_folder(&outer.join("inner/.git")).unwrap();
        assert_eq!(Project::find(&inner).unwrap().root(), inner);
    }

    #[test]
    fn only_the_files_of_the_project_are_its_own() {
        let root = Path::new("/p");
        let project = Project::at(root);
        for path in ["agentpkg.toml", "agentpkg.lock", ".mcp.json", ".claude/agents/x.md", ".agentpkg/base/0"] {
            assert!(project.owns(&root.join(path)), "{path}");
        }
        for path in
            ["", ".git/config", ".claude/agents", ".claude/settings.json", ".claude/agents/../x", ".agentpkg/state/lock", "/x"]
        {
            assert!(!project.owns(&root.join(path)), "{path}");
        }
    }
}
