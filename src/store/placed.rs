//! Where the files of agents are. Claude Code loads agents at every depth of the agents folder, so people move files between its folders.
//! A file that is not where the lockfile has it is looked for, and found if exactly one file has its name and is plainly the same agent.

use std::collections::BTreeMap;

use super::loaded;
use super::lockfile::{LockedAgent, Lockfile};
use super::project::Project;
use crate::domain::definition::Definition;
use crate::domain::digest::Digest;
use crate::domain::folder::Folder;
use crate::domain::lineage::kept;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::fs::Content;

/// A file that has less in common with the installed one, in percent, is another agent.
const LEAST_KEPT: u32 = 50;

/// An agent whose file somebody moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedFile {
    /// The agent.
    pub name: AgentName,
    /// The folder that the lockfile has.
    pub from: Folder,
    /// The folder that the file is in.
    pub to: Folder,
}

/// A lockfile with the folders that the files are in.
#[derive(Debug, Clone, Default)]
pub struct Placed {
    /// The lockfile. Its folders are those of the files that are there.
    pub lockfile: Lockfile,
    /// The agents whose folder is another one in the file.
    pub moved: Vec<MovedFile>,
    /// The agents that are not where the lockfile has them while several files may be theirs: the folders of these.
    pub unsure: BTreeMap<AgentName, Vec<Folder>>,
}

impl Placed {
    /// Reads the lockfile and looks for the files that are not where it has them.
    pub fn read(project: &Project) -> Result<Self> {
        Self::of(project, project.load_lockfile()?)
    }

    /// The same of a lockfile that was read already.
    pub fn of(project: &Project, lockfile: Lockfile) -> Result<Self> {
        let mut placed = Self {
            lockfile,
            ..Self::default()
        };
        let mut missing = Vec::new();
        for (name, locked) in &placed.lockfile.agents {
            if project.lacks_agent(name, &locked.folder)? {
                missing.push(name.clone());
            }
        }
        if missing.is_empty() {
            return Ok(placed);
        }
        let files = files(project);
        for name in missing {
            let Some(locked) = placed.lockfile.agents.get_mut(&name) else {
                continue;
            };
            let mut folders = Vec::new();
            for file in files.iter().filter(|file| file.name == name) {
                if is_same(project, locked, &file.content)? {
                    folders.push(file.folder.clone());
                }
            }
            match folders.as_slice() {
                [] => {}
                [folder] => {
                    placed.moved.push(MovedFile {
                        name,
                        from: std::mem::replace(&mut locked.folder, folder.clone()),
                        to: folder.clone(),
                    });
                }
                _ => {
                    placed.unsure.insert(name, folders);
                }
            }
        }
        Ok(placed)
    }
}

/// The folders of the files that the client knows by their own names, by name. Of several files of one name, that of the one that it loads.
#[must_use]
pub fn folders(project: &Project) -> BTreeMap<AgentName, Folder> {
    let has_name_of_file = |file: &File| {
        let (own, _) = Definition::parse(&file.content.bytes()).in_plugin();
        own.is_some_and(|own| own == file.name.as_str())
    };
    // The client loads the last one.
    let named = files(project).into_iter().filter(has_name_of_file);
    named.map(|file| (file.name, file.folder)).collect()
}

/// A file below the agents folder that may be an agent's.
struct File {
    folder: Folder,
    name: AgentName,
    content: Content,
}

/// The files that agentpkg could write, in the order in which the client reads them.
fn files(project: &Project) -> Vec<File> {
    let leaves = loaded::own_files(project).into_iter();
    let files = leaves.filter(|leaf| !leaf.is_linked).filter_map(|leaf| {
        let (folder, name) = Folder::split(leaf.below.strip_suffix(".md")?).ok()?;
        Some(File {
            folder,
            name,
            content: leaf.content.ok()?,
        })
    });
    files.collect()
}

/// Whether a file is that of a locked agent, with or without edits. Without its base nothing speaks against it but its name.
fn is_same(project: &Project, locked: &LockedAgent, content: &Content) -> Result<bool> {
    let bytes = content.bytes();
    if Digest::of(&bytes) == locked.unedited() {
        return Ok(true);
    }
    let written = project.read_written(locked)?;
    Ok(written.is_none_or(|written| kept(&written, &bytes) >= LEAST_KEPT))
}
