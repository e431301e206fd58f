//! A project as a plan is made on it: the manifest and the lockfile, read once, and what every file that was looked at held. No lock is
//! held meanwhile; `commit` takes it later, and makes the plan again if any of these files changed.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::domain::digest::Digest;
use crate::domain::folder::Folder;
use crate::domain::name::AgentName;
use crate::error::{Failure, Result};
use crate::fs::{Content, Entry};
use crate::ops::report::Frontend;
use crate::ops::session::Session;
use crate::store::lockfile::{self, Lockfile};
use crate::store::manifest::Manifest;
use crate::store::placed::{MovedFile, Placed, folders};
use crate::store::project::{MAX_AGENT, Project};
use crate::store::servers::file_path;

/// What a plan is made on.
#[derive(Debug)]
pub(in crate::ops) struct Scene<'a> {
    /// The command's view of the world.
    pub(in crate::ops) session: &'a Session,
    /// The manifest as it is.
    pub(in crate::ops) manifest: Manifest,
    /// The lockfile, with the folders that the files of its agents are in.
    pub(in crate::ops) lockfile: Lockfile,
    /// The agents whose folder in agentpkg.lock is another one.
    pub(in crate::ops) moved: Vec<MovedFile>,
    /// The agents whose file is not where agentpkg.lock has it while several may be theirs: the folders of these.
    pub(in crate::ops) unsure: BTreeMap<AgentName, Vec<Folder>>,
    /// Where the files of other agents are, once that is asked for: all files are read for it.
    folders: OnceCell<BTreeMap<AgentName, Folder>>,
    /// The files that were looked at, with what they held.
    pub(super) seen: RefCell<BTreeMap<PathBuf, Option<Digest>>>,
}

impl<'a> Scene<'a> {
    /// Reads manifest and lockfile, and checks that agentpkg may work in the folders of the project.
    pub(in crate::ops) fn open(session: &'a Session, frontend: &mut dyn Frontend) -> Result<Self> {
        let project = &session.project;
        // What another process put in the place of a folder since counts from now on.
        project.files().forget();
        project.check_folders()?;
        let manifest = session.manifest(frontend)?;
        let path = project.lockfile_path();
        let bytes = project.files().read(path, lockfile::MAX_SIZE)?;
        let Placed {
            lockfile,
            moved,
            unsure,
        } = Placed::read(project)?;
        let mut seen = BTreeMap::from([
            (project.manifest_path().to_owned(), manifest.digest()),
            (path.to_owned(), bytes.as_deref().map(Digest::of)),
        ]);
        for path in others(project)? {
            let digest = read(project, &path)?;
            seen.insert(path, digest);
        }
        for file in &moved {
            seen.insert(project.agent_path(&file.name, &file.from), None);
        }
        Ok(Self {
            session,
            manifest,
            lockfile,
            moved,
            unsure,
            folders: OnceCell::new(),
            seen: RefCell::new(seen),
        })
    }

    /// The lockfile as the file has it.
    pub(in crate::ops) fn lockfile_as_it_is(&self) -> Lockfile {
        let mut lockfile = self.lockfile.clone();
        for file in &self.moved {
            if let Some(locked) = lockfile.agents.get_mut(&file.name) {
                locked.folder.clone_from(&file.from);
            }
        }
        lockfile
    }

    /// The folder of an agent's file. If the agent is not installed and the agents folder itself has no file of its name: that of a file
    /// in a folder below.
    pub(in crate::ops) fn folder(&self, name: &AgentName) -> Result<Folder> {
        if let Some(locked) = self.lockfile.agents.get(name) {
            return Ok(locked.folder.clone());
        }
        let project = &self.session.project;
        if !project.lacks_agent(name, Folder::top())? {
            return Ok(Folder::default());
        }
        let folders = self.folders.get_or_init(|| folders(project));
        Ok(folders.get(name).cloned().unwrap_or_default())
    }

    /// The file of an agent; `None` if there is none.
    pub(in crate::ops) fn agent(&self, name: &AgentName) -> Result<Option<Content>> {
        self.file(name, &self.folder(name)?)
    }

    /// The file of an agent in a folder, wherever its agent is locked; `None` if there is none.
    pub(in crate::ops) fn file(
        &self,
        name: &AgentName,
        folder: &Folder,
    ) -> Result<Option<Content>> {
        let project = &self.session.project;
        let content = project.read_agent(name, folder)?.map(Content::from);
        let digest = content.as_ref().map(Content::digest);
        // What was seen first is what the plan was made on.
        (self.seen.borrow_mut())
            .entry(project.agent_path(name, folder))
            .or_insert(digest);
        Ok(content)
    }

    /// Whether every file that was looked at still holds what it held.
    pub(in crate::ops) fn is_current(&self) -> Result<bool> {
        let project = &self.session.project;
        let seen = self.seen.borrow();
        for (path, digest) in seen.iter() {
            if read(project, path)? != *digest {
                return Ok(false);
            }
        }
        Ok(others(project)?.iter().all(|path| seen.contains_key(path)))
    }

    /// That the plan cannot be made on anything that stays.
    pub(in crate::ops) fn changed() -> Failure {
        Failure::failed("the project changed meanwhile").hint("run the command again")
    }
}

/// The files beside manifest, lockfile and agents that a plan may be made on, and that somebody may save while a question waits: the
/// configured servers, and pending updates with the files that hold their conflicts.
fn others(project: &Project) -> Result<Vec<PathBuf>> {
    let mut paths = vec![file_path(project)];
    for folder in [project.conflicts_folder(), project.pending_folder()] {
        let listed = project.files().list(&folder)?.into_iter();
        let listed = listed.filter(|listed| listed.entry == Entry::File);
        paths.extend(listed.map(|listed| folder.join(listed.name)));
    }
    Ok(paths)
}

/// What a file holds. A link is nothing that a plan is made on, and neither is a folder.
fn read(project: &Project, path: &Path) -> Result<Option<Digest>> {
    let files = project.files();
    if matches!(files.entry(path)?, Entry::Link | Entry::Folder) {
        return Ok(None);
    }
    let limit = lockfile::MAX_SIZE.max(MAX_AGENT);
    Ok(files.read(path, limit)?.as_deref().map(Digest::of))
}
