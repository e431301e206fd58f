//! The paths of a project, or of the user (`--user`), their display form, and loading the two files.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::base_file;
use super::lockfile::{self, LockedAgent, Lockfile};
use super::manifest::{self, FollowLinks, Manifest};
use super::seal::Seal;
use super::seen::{Ground, Seen};
use crate::domain::definition::overridden;
use crate::domain::digest::Digest;
use crate::domain::folder::Folder;
use crate::domain::name::AgentName;
use crate::env::Environment;
use crate::error::{Failure, Location, Result};
use crate::fs::{self, Entry, Look, Roots};

/// The largest agent file that is read, in bytes.
pub const MAX_AGENT: u64 = 1 << 20;
/// The largest file of a merge base: an agent's, with a mark at each line.
const MAX_BASE: u64 = 6 * MAX_AGENT;

/// Which set of agents a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The agents of a project, in its `.claude/agents`.
    Project,
    /// The agents of the user, in `~/.claude/agents`.
    User,
}

/// The paths of one project, or of the user, and the access to them.
#[derive(Debug, Clone)]
pub struct Project {
    scope: Scope,
    root: PathBuf,
    manifest: PathBuf,
    lockfile: PathBuf,
    data: PathBuf,
    agents: PathBuf,
    files: Arc<Roots>,
    seal: Arc<Seal>,
    /// A manifest in a parent folder that is ignored because it belongs to another user.
    passed_over: Option<PathBuf>,
}

impl Project {
    /// Finds the project that the current folder belongs to: the nearest folder upwards with a manifest, but not beyond a repository's
    /// root; otherwise the current folder itself. Outside a repository, a manifest in a parent folder counts only if it belongs to the
    /// user, because in a folder like `/tmp` anybody can leave one.
    pub fn find(environment: &Environment) -> Result<Self> {
        let folder = environment.current_folder.as_path();
        let mut found = None;
        let mut is_in_repository = false;
        for candidate in folder.ancestors() {
            if found.is_none() && fs::entry(&candidate.join(manifest::FILE_NAME))? != Entry::Absent
            {
                found = Some(candidate);
            }
            // If the manifest is here, there is nothing more to look for.
            if found == Some(folder) {
                break;
            }
            let repository = candidate.join(".git");
            if fs::entry(&repository)? != Entry::Absent {
                // Anybody can leave a `.git` in a folder like `/tmp`.
                is_in_repository = fs::is_owned(&repository);
                break;
            }
        }
        let Some(root) = found else {
            return Self::at(folder, environment);
        };
        let manifest = root.join(manifest::FILE_NAME);
        if root == folder || is_in_repository || (fs::is_owned(&manifest) && fs::is_owned(root)) {
            return Self::at(root, environment);
        }
        Ok(Self {
            passed_over: Some(manifest),
            ..Self::at(folder, environment)?
        })
    }

    /// The project whose folder is `root`.
    pub fn at(root: &Path, environment: &Environment) -> Result<Self> {
        let agents = root.join(".claude").join("agents");
        let mut files = Roots::new().with(root, None).relative_to(root);
        for folder in [root.join(".claude"), agents.clone()] {
            if fs::entry(&folder)? == Entry::Link {
                let user = Self::user(environment).ok();
                if user
                    .as_ref()
                    .map_or(Ok(false), |user| user.lets_follow(root, environment))?
                {
                    files = files.with(&agents, fs::canonical(&agents).ok());
                } else if let Some(user) = user {
                    files = files.hinting(
                        vec![root.join(".claude"), agents.clone()],
                        follow_hint(&user, root),
                    );
                }
                break;
            }
        }
        Ok(Self {
            scope: Scope::Project,
            root: root.to_owned(),
            manifest: root.join(manifest::FILE_NAME),
            lockfile: root.join(lockfile::FILE_NAME),
            data: root.join(".agentpkg"),
            agents,
            files: Arc::new(files),
            seal: Arc::new(Seal::new(environment.key_place(), root, root, true)),
            passed_over: None,
        })
    }

    /// The agents of the user. Any of the user's own folders and files may be a link, as is common for dotfiles.
    pub fn user(environment: &Environment) -> Result<Self> {
        let folders = (
            environment.config_folder(),
            environment.data_folder(),
            environment.client_folder(),
        );
        let (Some(config), Some(data), Some(client)) = folders else {
            return Err(Failure::failed("there is no home folder to install into")
                .hint("set `HOME`; or `AGENTPKG_CONFIG_DIR`, `AGENTPKG_DATA_DIR` and `CLAUDE_CONFIG_DIR`"));
        };
        let real = |path: PathBuf| fs::canonical(&path).unwrap_or(path);
        let manifest = real(config.join(manifest::FILE_NAME));
        let lockfile = real(config.join(lockfile::FILE_NAME));
        let (data, agents) = (real(data), real(client.join("agents")));
        let above = |path: &Path| path.parent().unwrap_or(Path::new("/")).to_owned();
        let mut files = Roots::new();
        for folder in [
            above(&manifest),
            above(&lockfile),
            data.clone(),
            agents.clone(),
        ] {
            files = files.with(&folder, None);
        }
        let seal = Seal::new(environment.key_place(), &config, &agents, false);
        Ok(Self {
            scope: Scope::User,
            root: real(config),
            manifest,
            lockfile,
            data,
            agents,
            files: Arc::new(files),
            seal: Arc::new(seal),
            passed_over: None,
        })
    }

    /// Whether the user's manifest allows the agents folder of the project at `root` to be a link.
    fn lets_follow(&self, root: &Path, environment: &Environment) -> Result<bool> {
        let manifest = self.load_manifest()?;
        let Some(FollowLinks::Folders(folders)) =
            manifest.as_ref().and_then(Manifest::follows_links)
        else {
            return Ok(false);
        };
        let root = fs::canonical(root)?;
        let is_it = |folder: &String| {
            fs::canonical(&environment.absolute(&self.root, folder))
                .is_ok_and(|folder| folder == root)
        };
        Ok(folders.iter().any(is_it))
    }

    /// The access to all files of the project.
    #[must_use]
    pub fn files(&self) -> &Roots {
        &self.files
    }

    /// The seal on agentpkg's own state of this project.
    #[must_use]
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// A manifest in a parent folder that is ignored because it belongs to another user.
    #[must_use]
    pub fn passed_over(&self) -> Option<&Path> {
        self.passed_over.as_deref()
    }

    /// Fails if a folder that would be written to is a link or not a folder: better now than after a fetch.
    pub fn check_folders(&self) -> Result<()> {
        [&self.agents, &self.data]
            .into_iter()
            .try_for_each(|folder| self.files.check_folder(folder))
    }

    /// Project or user.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The folder that relative paths in the manifest start at.
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

    /// The folder of the journal, history and lock; not shared between machines.
    #[must_use]
    pub fn state_folder(&self) -> PathBuf {
        self.data.join("state")
    }

    /// The folder of agents with conflict markers, for pending updates.
    #[must_use]
    pub fn conflicts_folder(&self) -> PathBuf {
        self.data.join("conflicts")
    }

    /// The folder of the records from which pending updates are finished.
    #[must_use]
    pub fn pending_folder(&self) -> PathBuf {
        self.state_folder().join("pending")
    }

    /// The folder of recorded resolutions.
    #[must_use]
    pub fn resolutions_folder(&self) -> PathBuf {
        self.state_folder().join("resolutions")
    }

    /// Where an agent is installed. `folder`: as it is locked.
    #[must_use]
    pub fn agent_path(&self, name: &AgentName, folder: &Folder) -> PathBuf {
        self.agents.join(folder.file(name))
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

    /// Whether agentpkg may change the file: the manifest, the lockfile, `.mcp.json`, files in the agents folder and agentpkg's own data;
    /// of its state only pending updates and recorded resolutions.
    ///
    /// A journal or a history can come with somebody else's repository, and must not lead anywhere else.
    #[must_use]
    pub fn owns(&self, path: &Path) -> bool {
        let is_below = |folder: &Path| {
            let mut rest = path
                .strip_prefix(folder)
                .unwrap_or(Path::new(""))
                .components()
                .peekable();
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

    /// The lock of the agents folder, which other projects may share; `None`: there is no place for it.
    #[must_use]
    pub fn agents_lock(&self) -> Option<PathBuf> {
        let real = fs::canonical(&self.agents).unwrap_or_else(|_| self.agents.clone());
        let name = Digest::of(real.as_os_str().as_encoded_bytes()).to_string();
        Some(self.seal.locks_folder()?.join(name))
    }

    /// Whether people edit the file; everything else among agentpkg's data is written by agentpkg alone.
    #[must_use]
    pub fn is_shared(&self, path: &Path) -> bool {
        // The user's manifest and agents may be in the data folder.
        !path.starts_with(&self.data)
            || path == self.manifest
            || path.starts_with(&self.agents)
            || path.starts_with(self.conflicts_folder())
    }

    /// A path as a person would type it in the project's folder.
    #[must_use]
    pub fn display(&self, path: &Path) -> String {
        let shown = match self.scope {
            Scope::Project => path.strip_prefix(&self.root).unwrap_or(path),
            Scope::User => path,
        };
        let shown = shown.display().to_string();
        if cfg!(windows) {
            shown.replace('\\', "/")
        } else {
            shown
        }
    }

    /// Where the manifest names an agent, for a failure about its entry; `None` if the place is not known.
    #[must_use]
    pub fn manifest_entry(&self, name: &AgentName, label: &str) -> Option<Location> {
        let source = self.read_text(&self.manifest, manifest::MAX_SIZE).ok()??;
        let document = toml_edit::Document::parse(source.as_str()).ok()?;
        let span = document
            .get("agents")?
            .as_table_like()?
            .key(name.as_str())?
            .span()?;
        Some(Location {
            path: self.display(&self.manifest),
            span,
            label: label.to_owned(),
            source,
        })
    }

    /// Reads the manifest; `None` if there is none.
    pub fn load_manifest(&self) -> Result<Option<Manifest>> {
        let text = self.read_text(&self.manifest, manifest::MAX_SIZE)?;
        text.map(|text| Manifest::parse(&text, &self.display(&self.manifest)))
            .transpose()
    }

    /// Fails if the manifest has a policy that cannot be read. For commands that need nothing else of it: without a policy, it is not parsed.
    pub fn heed_policy(&self) -> Result<()> {
        let Some(text) = self.read_text(&self.manifest, manifest::MAX_SIZE)? else {
            return Ok(());
        };
        if text.to_lowercase().contains("pol") {
            Manifest::parse(&text, &self.display(&self.manifest))?;
        }
        Ok(())
    }

    /// Reads the lockfile; an absent one is empty.
    pub fn load_lockfile(&self) -> Result<Lockfile> {
        match self.read_text(&self.lockfile, lockfile::MAX_SIZE)? {
            Some(text) => Lockfile::parse(&text, &self.display(&self.lockfile)),
            None => Ok(Lockfile::default()),
        }
    }

    /// Reads a merge base; `None` if it is not there, or does not match its name.
    pub fn read_base(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let bytes = self.files.read(&self.base_path(digest), MAX_BASE)?;
        Ok(bytes.and_then(|bytes| base_file::decode(digest, &bytes)))
    }

    /// Which merge bases are there, by one look at their folder; whether they are whole, [`Project::read_base`] finds out.
    pub fn kept_bases(&self) -> Result<KeptBases> {
        let listed = self.files.list(&self.base_folder())?.into_iter();
        let files = listed.filter(|listed| listed.entry == Entry::File);
        let mut bases: Vec<Digest> = files
            .filter_map(|listed| listed.name.parse().ok())
            .collect();
        bases.sort_unstable();
        Ok(KeptBases(bases))
    }

    /// Reads the file of an agent as it was written: its base with the overrides. `None` if the base is not there.
    pub fn read_written(&self, locked: &LockedAgent) -> Result<Option<Vec<u8>>> {
        let base = self.read_base(&locked.base)?;
        Ok(base.and_then(|base| overridden(&base, &locked.overrides).ok()))
    }

    /// The digest of what a file holds that is no larger than an agent or a base may be; `None` if there is none.
    pub fn digest(&self, path: &Path) -> Result<Option<Digest>> {
        let bytes = self.files.read(path, MAX_BASE)?;
        Ok(bytes.as_deref().map(Digest::of))
    }

    /// An installed agent's path, for display.
    #[must_use]
    pub fn shown_path(&self, name: &AgentName, folder: &Folder) -> String {
        self.display(&self.agent_path(name, folder))
    }

    /// Whether no file is at the path of an agent: nothing is, or a folder, which Claude Code searches whatever its name is.
    pub fn lacks_agent(&self, name: &AgentName, folder: &Folder) -> Result<bool> {
        let entry = self.files.entry(&self.agent_path(name, folder))?;
        Ok(matches!(entry, Entry::Absent | Entry::Folder))
    }

    /// Fails if a folder is at the path of an agent, so that its file cannot be written.
    pub fn refuse_folder(&self, name: &AgentName, folder: &Folder) -> Result<()> {
        let path = self.agent_path(name, folder);
        if self.files.entry(&path)? != Entry::Folder {
            return Ok(());
        }
        let shown = self.display(&path);
        Err(Failure::failed(format!(
            "`{shown}` is a folder, so the agent `{name}` cannot be written there"
        ))
        .hint("rename or move the folder, then run the command again"))
    }

    /// Reads an installed agent; `None` if there is no file.
    pub fn read_agent(&self, name: &AgentName, folder: &Folder) -> Result<Option<Vec<u8>>> {
        self.read_file(&self.agent_path(name, folder))
    }

    /// Reads a file of the size that an agent may have; `None` if nothing is there, or a folder.
    fn read_file(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match self.files.read(path, MAX_AGENT) {
            Err(_) if matches!(self.files.entry(path), Ok(Entry::Folder)) => Ok(None),
            read => read,
        }
    }

    /// The digest of an installed agent, which is read only if it has changed since it was last read; `None` if there is no file.
    pub fn digest_agent(
        &self,
        name: &AgentName,
        folder: &Folder,
        seen: &mut Seen,
    ) -> Result<Option<Digest>> {
        let path = self.agent_path(name, folder);
        seen.digest(
            &folder.file(name),
            || self.files.look(&path),
            || self.read_file(&path),
        )
    }

    /// The looks of manifest and lockfile; `None`: there is no telling whether they change.
    #[must_use]
    pub fn looks(&self) -> Option<[Look; 2]> {
        Some([
            self.files.look(&self.manifest)?,
            self.files.look(&self.lockfile)?,
        ])
    }

    /// What the agreement of manifest, lockfile and files depends on beside the agents' files.
    #[must_use]
    pub fn ground(&self, looks: [Look; 2], bases: &KeptBases) -> Ground {
        // Two scopes may have one agents folder.
        let mut rest = self.manifest.as_os_str().as_encoded_bytes().to_vec();
        for base in &bases.0 {
            rest.extend_from_slice(base.as_bytes());
        }
        let rest = Digest::of(&rest);
        Ground { looks, rest }
    }

    /// How many agents there are, if manifest, lockfile and files are known to agree, without reading any of them.
    #[must_use]
    pub fn agreement(&self, seen: &Seen) -> Option<usize> {
        let ground = || Some(self.ground(self.looks()?, &self.kept_bases().ok()?));
        seen.agreement(ground, self.files.look_in(&self.agents))
    }

    fn read_text(&self, path: &Path, limit: u64) -> Result<Option<String>> {
        let Some(bytes) = self.files.read(path, limit)? else {
            return Ok(None);
        };
        String::from_utf8(bytes).map(Some).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let source = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let location = Location {
                path: self.display(path),
                source,
                span: valid..valid + 1,
                label: "not UTF-8".to_owned(),
            };
            Failure::failed(format!("`{}` is not UTF-8 text", self.display(path))).at(location)
        })
    }
}

/// The merge bases of a project, sorted.
#[derive(Debug)]
pub struct KeptBases(Vec<Digest>);

impl KeptBases {
    /// Whether there is a file for a base.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        self.0.binary_search(digest).is_ok()
    }
}

/// The command or edit that allows a linked agents folder.
fn follow_hint(user: &Project, root: &Path) -> String {
    let (root, manifest) = (root.display(), user.manifest.display());
    format!(
        "if that is meant, put `[install]` with `follow-symlinks = [\"{root}\"]` into {manifest}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder for projects, and a home beside it.
    fn world() -> (tempfile::TempDir, Environment) {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonical(folder.path()).unwrap();
        let environment = Environment::within(root.clone(), &root.join("home"));
        (folder, environment)
    }

    #[test]
    fn a_project_is_found_upwards_but_not_beyond_its_repository() {
        let (_folder, environment) = world();
        let outer = environment.current_folder.join("outer");
        let inner = outer.join("inner/deep");
        let find = || {
            let mut environment = environment.clone();
            environment.current_folder.clone_from(&inner);
            Project::find(&environment).unwrap().root().to_owned()
        };
        fs::create_folder(&inner).unwrap();
        assert_eq!(find(), inner);
        fs::write_new(&outer.join(manifest::FILE_NAME), b"", false).unwrap();
        assert_eq!(find(), outer);
        fs::create_folder(&outer.join("inner/.git")).unwrap();
        assert_eq!(find(), inner);
    }

    #[test]
    fn only_the_files_of_the_project_are_its_own() {
        let (_folder, environment) = world();
        let root = environment.current_folder.as_path();
        let project = Project::at(root, &environment).unwrap();
        for path in [
            "agentpkg.toml",
            "agentpkg.lock",
            ".mcp.json",
            ".claude/agents/x.md",
            ".agentpkg/base/0",
        ] {
            assert!(project.owns(&root.join(path)), "{path}");
        }
        for path in [
            "",
            ".git/config",
            ".claude/agents",
            ".claude/settings.json",
            ".claude/agents/../x",
            ".agentpkg/state/lock",
            "/x",
        ] {
            assert!(!project.owns(&root.join(path)), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_agents_folder_counts_only_where_the_user_says_so() {
        let (_folder, environment) = world();
        let (root, elsewhere) = (
            environment.current_folder.join("p"),
            environment.current_folder.join("elsewhere"),
        );
        fs::create_folder(&root.join(".claude")).unwrap();
        fs::create_folder(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, root.join(".claude/agents")).unwrap();
        let name: AgentName = AgentName::new("x").unwrap();
        fs::write_new(&elsewhere.join("x.md"), b"x", false).unwrap();
        let read = || {
            Project::at(&root, &environment)
                .unwrap()
                .read_agent(&name, Folder::top())
        };
        let failure = read().unwrap_err();
        assert!(
            failure.message().contains("is a symbolic link"),
            "{failure}"
        );
        assert!(
            failure.hints()[0].to_string().contains("follow-symlinks"),
            "{:?}",
            failure.hints()
        );
        let project = format!(
            "[install]\nfollow-symlinks = [{:?}]\n",
            root.display().to_string()
        );
        fs::replace(&root.join(manifest::FILE_NAME), project.as_bytes(), false).unwrap();
        assert!(read().is_err(), "the project does not decide that");
        let user = Project::user(&environment).unwrap();
        fs::replace(user.manifest_path(), project.as_bytes(), false).unwrap();
        assert_eq!(read().unwrap().as_deref(), Some(&b"x"[..]));
    }
}
