//! The loaded set: all agents that the client finds from a folder, which of them runs under each name, and why the others do not.
//!
//! The client reads the managed folder, those of the project from here up to the repository's root, the user's, and those of enabled
//! plugins: any depth, links and hidden files too. Only read, through `fs::tree`; nothing that is found here is ever written to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::agent_settings::{Denial, Settings, json};
use super::lockfile::{LockedAgent, Lockfile};
use super::manifest::{Manifest, Wanted};
use super::plugins::Plugin;
use super::project::{MAX_AGENT, Project, Scope};
use crate::domain::budget;
use crate::domain::definition::{Definition, Verdict};
use crate::domain::loaded::{BUILT_IN, Layer, path_order, winners};
use crate::domain::name::AgentName;
use crate::domain::spec::Source;
use crate::env::Environment;
use crate::fs::{self, Content, Entry, Identity, IsKnown, Leaf, Reading, Tree};

/// How the files of agents are read.
const AGENTS: Reading = Reading {
    ending: ".md",
    is_cased: true,
    max_size: MAX_AGENT,
    order: path_order,
};

/// How those of plugins are read.
const PLUGIN_AGENTS: Reading = Reading {
    is_cased: false,
    ..AGENTS
};

/// A place that the client loads agents from.
#[derive(Debug, Clone)]
pub struct Place {
    /// What it belongs to.
    pub layer: Layer,
    /// Whether it is the agents folder of the project that the command is about.
    pub is_own: bool,
    /// The folder; empty for what is built into the client.
    pub folder: PathBuf,
    /// The folder, for display.
    pub shown: String,
    /// The plugin that brings it.
    pub plugin: Option<String>,
    /// The manifest and lockfile of whoever installs agents there, if it is not the project itself.
    pub manager: Option<Box<Manager>>,
    /// Why there may be more than what was read.
    pub cut: Vec<String>,
}

/// Who installs agents into a folder of another project.
#[derive(Debug, Clone)]
pub struct Manager {
    /// Its manifest, for display.
    pub shown: String,
    manifest: Manifest,
    lockfile: Lockfile,
}

impl Manager {
    /// What it says about the file with this path below the folder.
    #[must_use]
    pub fn entry(&self, below: &str) -> Option<(Option<&Wanted>, Option<&LockedAgent>)> {
        if let Some((name, locked)) = self.lockfile.at(below) {
            return Some((self.manifest.agents().get(name), Some(locked)));
        }
        let name = AgentName::new(below.strip_suffix(".md")?).ok()?;
        let wanted = self.manifest.agents().get(&name)?;
        // It is installed elsewhere.
        (!self.lockfile.agents.contains_key(&name)).then_some((Some(wanted), None))
    }
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its agent runs.
    Runs,
    /// The agent at this position of the set runs in its place.
    Hidden(usize),
    /// The client does not load it, and why.
    Skipped(String),
    /// This settings file lets only plugins bring agents.
    SwitchedOff(String),
    /// The client has loaded the same file from another place, by a link of either kind.
    Again,
    /// It does not pretend to be an agent.
    NoAgent,
}

/// An agent, or a file that might be one.
#[derive(Debug, Clone)]
pub struct FoundAgent {
    /// The position of its place in the set.
    pub place: usize,
    /// The name by which the client knows it, if it loads it.
    pub name: Option<String>,
    /// Its path below the folder; the name of what is built in.
    pub below: String,
    /// Its path; empty for what is built in.
    pub path: PathBuf,
    /// Its path, for display.
    pub shown: String,
    /// Whether the file, or a folder on the way to it, is a link.
    pub is_linked: bool,
    /// What it holds, as far as it can be read.
    pub content: Content,
    /// Whether it was not read, because it is known to run under the name of its file and to ask for no server.
    pub is_plain: bool,
    /// What its description costs in each session, in tokens; 0 for what is built in.
    pub tokens: usize,
    /// What becomes of it.
    pub standing: Standing,
}

impl FoundAgent {
    /// Whether the client knows it by the name of its file.
    #[must_use]
    pub fn has_name_of_file(&self) -> bool {
        self.name.is_some() && self.name.as_deref() == stem(&self.below)
    }
}

/// All agents that the client finds.
#[derive(Debug, Clone, Default)]
pub struct LoadedSet {
    /// The places, in the order in which the client reads them.
    pub places: Vec<Place>,
    /// The agents, by place and path.
    pub agents: Vec<FoundAgent>,
    /// The repositories that the enabled plugins are from.
    pub plugin_sources: Vec<Source>,
    /// The names of the enabled plugins that are not on this machine.
    pub absent_plugins: Vec<String>,
    /// What keeps agents from being started, although they are loaded.
    pub denials: Vec<Denial>,
}

/// Reads everything that the client would load in the folder `here` of a project.
#[must_use]
pub fn read(project: &Project, environment: &Environment, here: &Path) -> LoadedSet {
    read_except(project, environment, here, &|_, _| false)
}

/// The same; files of the project's own folder that `is_plain` knows are not read. It must be right about them: see
/// [`FoundAgent::is_plain`].
#[must_use]
pub fn read_except(
    project: &Project,
    environment: &Environment,
    here: &Path,
    is_plain: IsKnown<'_>,
) -> LoadedSet {
    let own = |folder: &Path| fs::tree_except(folder, AGENTS, is_plain);
    read_with(project, environment, here, &own)
}

/// The same as it would be after files of the project's own folder were changed. `changed`: what each file holds then; `None`: it is gone.
#[must_use]
pub fn read_changed(
    project: &Project,
    environment: &Environment,
    here: &Path,
    changed: &BTreeMap<PathBuf, Option<Content>>,
) -> LoadedSet {
    let own = |folder: &Path| with_changes(fs::tree(folder, AGENTS), folder, changed);
    read_with(project, environment, here, &own)
}

/// A tree with the files as they are after changes.
fn with_changes(
    mut tree: Tree,
    folder: &Path,
    changed: &BTreeMap<PathBuf, Option<Content>>,
) -> Tree {
    let is_same = |leaf: &Leaf| !changed.contains_key(&leaf.path);
    tree.leaves.retain(is_same);
    for (path, content) in changed {
        if let (Ok(below), Some(content)) = (path.strip_prefix(folder), content) {
            tree.leaves.push(Leaf {
                below: slashed(below),
                path: path.clone(),
                is_linked: false,
                identity: None,
                content: Ok(content.clone()),
                is_known: false,
            });
        }
    }
    (tree.leaves).sort_by(|one, other| (AGENTS.order)(&one.below, &other.below));
    tree
}

/// The same; `own` reads the project's own folder.
fn read_with(
    project: &Project,
    environment: &Environment,
    here: &Path,
    own: &dyn Fn(&Path) -> Tree,
) -> LoadedSet {
    let settings = Settings::read(project, environment);
    let mut set = LoadedSet {
        denials: settings.denials,
        ..LoadedSet::default()
    };
    let mut seen = BTreeSet::new();
    for place in places(project, environment, here) {
        let tree = if place.is_own {
            own(&place.folder)
        } else {
            fs::tree(&place.folder, AGENTS)
        };
        set.take(place, tree, &mut seen, &|path| {
            shown(project, environment, path)
        });
    }
    if let Some(file) = &settings.switched_off {
        for agent in &mut set.agents {
            let is_off = !matches!(set.places[agent.place].layer, Layer::Managed);
            if is_off && matches!(agent.standing, Standing::Runs) {
                agent.standing = Standing::SwitchedOff(file.clone());
            }
        }
    }
    for plugin in settings.plugins {
        if let Some(source) = &plugin.source
            && !set.plugin_sources.contains(source)
        {
            set.plugin_sources.push(source.clone());
        }
        match &plugin.folder {
            Some(folder) => set.take_plugin(&plugin, folder, project, environment),
            None => set.absent_plugins.push(plugin.name),
        }
    }
    set.take_built_in();
    set.judge();
    set
}

/// The files of the project's own agents folder, in the order in which the client reads them.
#[must_use]
pub fn own_files(project: &Project) -> Vec<Leaf> {
    fs::tree(project.agents_folder(), AGENTS).leaves
}

impl LoadedSet {
    /// The place of an agent.
    #[must_use]
    pub fn place(&self, agent: &FoundAgent) -> &Place {
        &self.places[agent.place]
    }

    /// The agents of the project's own folder.
    pub fn own(&self) -> impl Iterator<Item = &FoundAgent> {
        self.agents.iter().filter(|agent| self.place(agent).is_own)
    }

    /// The agents of all other places.
    pub fn others(&self) -> impl Iterator<Item = &FoundAgent> {
        self.agents.iter().filter(|agent| !self.place(agent).is_own)
    }

    /// The agent that runs under a name.
    #[must_use]
    pub fn running(&self, name: &str) -> Option<&FoundAgent> {
        self.agents
            .iter()
            .find(|agent| agent.standing == Standing::Runs && agent.name.as_deref() == Some(name))
    }

    /// The folder of an enabled plugin that is on this machine.
    #[must_use]
    pub fn plugin_folder(&self, plugin: &str) -> Option<&Path> {
        let is_it = |place: &&Place| place.plugin.as_deref() == Some(plugin);
        let place = self.places.iter().find(is_it)?;
        Some(&place.folder)
    }

    /// What keeps the agent of this name from being started.
    #[must_use]
    pub fn denial(&self, name: &str) -> Option<&Denial> {
        let is_it = |denial: &&Denial| denial.name.as_deref().is_none_or(|denied| denied == name);
        self.denials.iter().find(is_it)
    }

    /// What the descriptions of all agents that run cost in each session, in tokens.
    #[must_use]
    pub fn tokens(&self) -> usize {
        let running = self.agents.iter();
        let running = running.filter(|agent| agent.standing == Standing::Runs);
        running.map(|agent| agent.tokens).sum()
    }

    /// The same of those that come with the project.
    #[must_use]
    pub fn project_tokens(&self) -> usize {
        let running = self
            .agents
            .iter()
            .filter(|agent| agent.standing == Standing::Runs);
        let of_project =
            running.filter(|agent| matches!(self.place(agent).layer, Layer::Project(_)));
        of_project.map(|agent| agent.tokens).sum()
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.places.iter().all(|place| place.cut.is_empty())
    }

    /// Why another agent runs in place of this one; `None` if none does.
    #[must_use]
    pub fn winner(&self, agent: &FoundAgent) -> Option<(&FoundAgent, &'static str)> {
        let Standing::Hidden(winner) = agent.standing else {
            return None;
        };
        let winner = &self.agents[winner];
        let layer = |agent| self.place(agent).layer;
        Some((winner, layer(winner).reason_over(layer(agent))))
    }

    /// Takes in one folder. `seen`: the files that were read before; the client loads each once.
    fn take(
        &mut self,
        place: Place,
        tree: Tree,
        seen: &mut BTreeSet<Identity>,
        shown: &dyn Fn(&Path) -> String,
    ) {
        let index = self.places.len();
        for leaf in tree.leaves {
            let is_again = leaf.identity.is_some_and(|identity| !seen.insert(identity));
            let (content, unread) = match leaf.content {
                Ok(content) => (content, None),
                Err(reason) => (Content::default(), Some(reason)),
            };
            let (name, tokens, standing) = match (is_again, unread) {
                (true, _) => (None, 0, Standing::Again),
                (_, Some(reason)) => (None, 0, Standing::Skipped(reason)),
                _ if leaf.is_known => (stem(&leaf.below).map(str::to_owned), 0, Standing::Runs),
                _ => verdict(&content.bytes()),
            };
            self.agents.push(FoundAgent {
                tokens,
                place: index,
                name,
                shown: shown(&leaf.path),
                is_plain: leaf.is_known && standing == Standing::Runs,
                below: leaf.below,
                path: leaf.path,
                is_linked: leaf.is_linked,
                content,
                standing,
            });
        }
        self.places.push(Place {
            cut: tree.cut,
            ..place
        });
    }

    /// Reads the agents of a plugin. They load without frontmatter, too.
    fn take_plugin(
        &mut self,
        plugin: &Plugin,
        folder: &Path,
        project: &Project,
        environment: &Environment,
    ) {
        let brought = plugin.brought(folder, &mut |path| json(path));
        let (name, paths) = match &brought {
            Some(brought) => (brought.name.as_str(), brought.paths.as_slice()),
            None => (plugin.name.as_str(), &[][..]),
        };
        let index = self.places.len();
        let mut cut = Vec::new();
        for path in paths {
            let leaves = if fs::is_folder(path) {
                let tree = fs::tree(path, PLUGIN_AGENTS);
                cut.extend(tree.cut);
                let leaves = tree.leaves.into_iter();
                leaves
                    .map(|leaf| (leaf.below, leaf.path, leaf.content))
                    .collect()
            } else {
                let below = path.file_name().unwrap_or_default().to_string_lossy();
                let content = match fs::read(path, MAX_AGENT) {
                    Ok(Some(bytes)) => Ok(bytes.into()),
                    Ok(None) => continue,
                    Err(failure) => Err(failure.to_string()),
                };
                vec![(below.into_owned(), path.clone(), content)]
            };
            for (below, path, content) in leaves {
                let (content, unread) = match content {
                    Ok(content) => (content, None),
                    Err(reason) => (Content::default(), Some(reason)),
                };
                let (name, description) = plugin_name(name, &below, &content.bytes());
                self.agents.push(FoundAgent {
                    tokens: budget::tokens(&name, &description),
                    place: index,
                    name: unread.is_none().then_some(name),
                    shown: shown(project, environment, &path),
                    below,
                    path,
                    is_linked: false,
                    content,
                    is_plain: false,
                    standing: unread.map_or(Standing::Runs, Standing::Skipped),
                });
            }
        }
        self.places.push(Place {
            layer: Layer::Plugin,
            is_own: false,
            shown: shown(project, environment, folder),
            folder: folder.to_owned(),
            plugin: Some(plugin.name.clone()),
            manager: None,
            cut,
        });
    }

    fn take_built_in(&mut self) {
        let place = self.places.len();
        self.agents.extend(BUILT_IN.map(|name| FoundAgent {
            place,
            name: Some(name.to_owned()),
            tokens: 0,
            below: name.to_owned(),
            path: PathBuf::new(),
            shown: "built into Claude Code".to_owned(),
            is_linked: false,
            content: Content::default(),
            is_plain: false,
            standing: Standing::Runs,
        }));
        self.places.push(Place {
            layer: Layer::BuiltIn,
            is_own: false,
            shown: "Claude Code".to_owned(),
            folder: PathBuf::new(),
            plugin: None,
            manager: None,
            cut: Vec::new(),
        });
    }

    /// Says which agent runs under each name.
    fn judge(&mut self) {
        let layers: Vec<Layer> = self.places.iter().map(|place| place.layer).collect();
        let running = self.agents.iter().enumerate().filter_map(|(index, agent)| {
            let name = (agent.standing == Standing::Runs).then_some(agent.name.as_deref()?)?;
            Some((index, name, layers[agent.place]))
        });
        let winners = winners(running);
        let standings: Vec<Option<Standing>> = self
            .agents
            .iter()
            .enumerate()
            .map(|(index, agent)| {
                let winner = *winners.get(agent.name.as_deref()?)?;
                let is_hidden = agent.standing == Standing::Runs && winner != index;
                is_hidden.then_some(Standing::Hidden(winner))
            })
            .collect();
        for (agent, standing) in self.agents.iter_mut().zip(standings) {
            if let Some(standing) = standing {
                agent.standing = standing;
            }
        }
    }
}

/// The name of a file without its folder and ending.
fn stem(below: &str) -> Option<&str> {
    below.rsplit('/').next()?.strip_suffix(".md")
}

/// What the client does with a file on its own: the name, the tokens of the description, and what becomes of it.
fn verdict(bytes: &[u8]) -> (Option<String>, usize, Standing) {
    let definition = Definition::parse(bytes);
    match definition.verdict() {
        Verdict::Loads(loaded) => {
            let tokens = budget::tokens(&loaded.name, &loaded.description);
            (Some(loaded.name.clone()), tokens, Standing::Runs)
        }
        // A file that does not pretend to be an agent is nobody's loss.
        Verdict::Skipped(reason)
            if (definition.get("name").or(definition.get("description"))).is_some() =>
        {
            (None, 0, Standing::Skipped(reason.to_string()))
        }
        Verdict::Skipped(_) => (None, 0, Standing::NoAgent),
    }
}

/// The name of a plugin's agent, which is the plugin, the folders on the way, and what the file says or is called; and its description.
fn plugin_name(plugin: &str, below: &str, bytes: &[u8]) -> (String, String) {
    let stem = below.strip_suffix(".md").unwrap_or(below);
    let (folders, file) = stem.rsplit_once('/').unwrap_or(("", stem));
    let (own, description) = Definition::parse(bytes).in_plugin();
    let own = own.unwrap_or_else(|| file.to_owned());
    let description = description.unwrap_or_else(|| format!("Agent from {plugin} plugin"));
    let folders = folders.split('/').filter(|folder| !folder.is_empty());
    let parts: Vec<&str> = std::iter::once(plugin)
        .chain(folders)
        .chain([own.as_str()])
        .collect();
    (parts.join(":"), description)
}

/// The folders that the client reads, in its order.
fn places(project: &Project, environment: &Environment, here: &Path) -> Vec<Place> {
    let place = |layer, folder: PathBuf| Place {
        layer,
        is_own: folder == project.agents_folder(),
        shown: shown(project, environment, &folder),
        folder,
        plugin: None,
        manager: None,
        cut: Vec::new(),
    };
    let mut places = Vec::new();
    if let Some(managed) = environment.managed_folder() {
        places.push(place(Layer::Managed, agents_of(managed)));
    }
    if let Some(client) = environment.client_folder() {
        places.push(place(Layer::User, client.join("agents")));
    }
    if project.scope() == Scope::Project {
        for folder in project_folders(here, environment) {
            let depth = folder.components().count();
            places.push(place(Layer::Project(depth), folder));
        }
    }
    // A folder of the project may be a link to another one: it is the project's under its own path.
    let has_own = |places: &[Place]| places.iter().any(|place| place.is_own);
    if !has_own(&places) {
        let same = |place: &&mut Place| is_same(&place.folder, project.agents_folder());
        if let Some(place) = places.iter_mut().find(same) {
            place.is_own = true;
        }
    }
    if !has_own(&places) {
        let depth = project.agents_folder().components().count();
        let layer = match project.scope() {
            Scope::Project => Layer::Project(depth),
            Scope::User => Layer::User,
        };
        places.push(place(layer, project.agents_folder().to_owned()));
    }
    for place in places.iter_mut().filter(|place| !place.is_own) {
        place.manager = manager(place, project, environment).map(Box::new);
    }
    places
}

/// The agents folder of a folder.
fn agents_of(folder: &Path) -> PathBuf {
    folder.join(".claude").join("agents")
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((fs::canonical(one), fs::canonical(other)), (Ok(one), Ok(other)) if one == other)
}

/// The agents folders of the project, the nearest first: from here up to the repository's root, or to below the home folder. In a
/// worktree that has none at its root, that of the main one.
fn project_folders(here: &Path, environment: &Environment) -> Vec<PathBuf> {
    let home = environment.home();
    let is_home = |folder: &Path| home.as_deref().is_some_and(|home| is_same(folder, home));
    let mut folders = Vec::new();
    for folder in here.ancestors() {
        if is_home(folder) {
            break;
        }
        folders.push(agents_of(folder));
        let git = folder.join(".git");
        if fs::entry(&git).is_ok_and(|entry| entry != Entry::Absent) {
            let main = main_worktree(&git).filter(|_| !fs::is_folder(&agents_of(folder)));
            folders.extend(main.map(|main| agents_of(&main)));
            break;
        }
    }
    folders
}

/// The main worktree of the repository that the file `.git` of another one leads to. A submodule has none.
fn main_worktree(git: &Path) -> Option<PathBuf> {
    let read = |path: &Path| {
        let text = String::from_utf8(fs::read(path, 4096).ok()??).ok()?;
        Some(text.trim_end().to_owned())
    };
    if fs::entry(git).ok()? != Entry::File {
        return None;
    }
    let folder = git
        .parent()?
        .join(read(git)?.strip_prefix("gitdir:")?.trim());
    let common = folder.join(read(&folder.join("commondir"))?);
    let common = fs::canonical(&common).ok()?;
    (common.file_name()? == ".git").then(|| common.parent().map(Path::to_owned))?
}

/// Who installs agents into a place that is not the project's own.
fn manager(place: &Place, project: &Project, environment: &Environment) -> Option<Manager> {
    let manager = match place.layer {
        Layer::User => Project::user(environment).ok()?,
        Layer::Project(_) => Project::at(place.folder.parent()?.parent()?, environment).ok()?,
        _ => return None,
    };
    let manifest = manager.load_manifest().ok()??;
    Some(Manager {
        shown: shown(project, environment, manager.manifest_path()),
        manifest,
        lockfile: manager.load_lockfile().unwrap_or_default(),
    })
}

/// A path as a person would type it: from the project's folder, from a folder above it, or from the home folder.
fn shown(project: &Project, environment: &Environment, path: &Path) -> String {
    let root = project.root();
    if project.scope() == Scope::Project && !path.starts_with(root) {
        let home = environment.home();
        let below_home = home
            .as_deref()
            .and_then(|home| path.strip_prefix(home).ok());
        let is_root_below = home.as_deref().is_some_and(|home| root.starts_with(home));
        let above = root.ancestors().skip(1).enumerate();
        let near = above
            .take_while(|(_, folder)| Some(*folder) != home.as_deref() && folder.parent().is_some())
            .find_map(|(up, folder)| Some((up + 1, path.strip_prefix(folder).ok()?)));
        match (near, below_home) {
            (Some((up, below)), home) if is_root_below || home.is_none() => {
                return format!("{}{}", "../".repeat(up), slashed(below));
            }
            (_, Some(below)) => return format!("~/{}", slashed(below)),
            _ => {}
        }
    }
    project.display(path)
}

fn slashed(path: &Path) -> String {
    let shown = path.display().to_string();
    if cfg!(windows) {
        shown.replace('\\', "/")
    } else {
        shown
    }
}
