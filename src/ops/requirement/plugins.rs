//! What agents need of plugins, held against the plugins that are enabled: agents, skills and servers of a plugin, its folder, and files
//! that are beside the agent upstream and did not come with it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::state::AgentNeeds;
use super::world::World;
use crate::domain::digest::ObjectId;
use crate::domain::plugin_bound::{Bound, Part};
use crate::domain::requirement::Upstream;
use crate::domain::shell::shell_quoted;
use crate::domain::spec::Source;
use crate::fs;
use crate::ops::session::Session;
use crate::store::cache::CachedRepository;
use crate::store::loaded::LoadedSet;

/// The largest description of a plugin that is read, in bytes.
const MAX_DESCRIPTION: u64 = 1 << 20;

/// Something of a plugin that an agent needs and that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPart {
    /// As it is written.
    pub text: String,
    /// The agent that asks for it.
    pub agent: String,
    /// Where: path, and line if there is one.
    pub place: String,
    /// The plugin that brings it, if that is known.
    pub plugin: Option<String>,
    /// Where the plugin comes from, if that is known.
    pub source: Option<String>,
    /// Whether the plugin is enabled, and does not have it.
    pub is_enabled: bool,
}

impl MissingPart {
    /// The client's command that gets the plugin; `None`: no command would help.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        if self.is_enabled {
            return None;
        }
        let plugin = shell_quoted(self.plugin.as_ref()?);
        let source = self.source.as_ref();
        let source = source.map(|source| format!(" --marketplace {}", shell_quoted(source)));
        let source = source.unwrap_or_default();
        Some(format!("claude plugin install {plugin}{source} -s project"))
    }
}

/// What is missing of plugins.
pub(super) fn missing(session: &Session, world: &World, agent: &AgentNeeds) -> Vec<MissingPart> {
    if agent.needs.bound.is_empty()
        && !agent
            .needs
            .servers
            .iter()
            .any(|need| is_of_plugin(&need.name))
    {
        return Vec::new();
    }
    let set = world.loaded(session);
    let home = Home::of(session, agent.needs.upstream.as_ref());
    let part = |text: &str, line, plugin: Option<String>| MissingPart {
        source: plugin
            .as_ref()
            .and_then(|plugin| home.as_ref()?.source_of(plugin)),
        is_enabled: plugin
            .as_ref()
            .is_some_and(|plugin| set.plugin_folder(plugin).is_some()),
        text: text.to_owned(),
        agent: agent.name.clone(),
        place: agent.place(line),
        plugin,
    };
    let bound = agent.needs.bound.iter();
    let bound = bound.filter(|bound| is_missing(session, set, home.as_ref(), bound));
    let bound = bound.map(|bound| part(&bound.text, bound.line, plugin_of(home.as_ref(), bound)));
    let servers = agent.needs.servers.iter().filter(|need| {
        is_of_plugin(&need.name) && world.servers.get(&need.name).is_none() && need.inline.is_none()
    });
    let servers = servers.filter_map(|need| {
        let rest = need.name.strip_prefix("plugin_")?;
        let is_absent = |plugin: &String| rest.starts_with(&format!("{plugin}_"));
        if set.absent_plugins.iter().any(is_absent) {
            return None;
        }
        // The name does not say where that of the plugin ends.
        let known = home.iter().flat_map(|home| home.plugins.iter());
        let known = known
            .filter(|plugin| is_absent(plugin))
            .max_by_key(|plugin| plugin.len());
        let first = || rest.split('_').next().unwrap_or(rest).to_owned();
        let plugin = known.cloned().unwrap_or_else(first);
        Some(part(
            &format!("mcp__{}", need.name),
            need.place.line,
            Some(plugin),
        ))
    });
    bound.chain(servers).collect()
}

/// Whether a server has the name of one that a plugin brings.
pub(in crate::ops) fn is_of_plugin(server: &str) -> bool {
    server.starts_with("plugin_")
}

/// The plugin that something belongs to, if it is known.
fn plugin_of(home: Option<&Home<'_>>, bound: &Bound) -> Option<String> {
    match &bound.part {
        Part::Agent(plugin, _) | Part::Skill(plugin, _) => Some(plugin.clone()),
        Part::Root | Part::File(_) => home?.plugin.clone(),
    }
}

fn is_missing(session: &Session, set: &LoadedSet, home: Option<&Home<'_>>, bound: &Bound) -> bool {
    let plugin = plugin_of(home, bound);
    let is_absent = |plugin: &String| set.absent_plugins.contains(plugin);
    // What an enabled plugin brings that is not on this machine, nobody knows.
    if plugin.as_ref().is_some_and(is_absent) {
        return false;
    }
    let folder = plugin.as_ref().and_then(|plugin| set.plugin_folder(plugin));
    let is_file = |path: &Path| fs::size(path).is_ok_and(|size| size.is_some());
    match &bound.part {
        Part::Agent(..) => set.running(&bound.text).is_none(),
        Part::Skill(_, name) => {
            let paths = [
                format!("skills/{name}/SKILL.md"),
                format!("commands/{name}.md"),
            ];
            let has = |folder: &Path| paths.iter().any(|path| is_file(&folder.join(path)));
            !folder.is_some_and(has)
        }
        Part::Root => folder.is_none(),
        Part::File(path) => {
            let here = session.project.root().join(path);
            folder.is_none() && home.is_some_and(|home| home.has(path)) && !is_file(&here)
        }
    }
}

/// Where an agent is upstream, as it is on this machine.
struct Home<'s> {
    tree: Tree<'s>,
    /// The address of the source, as it was written.
    address: String,
    /// The folder of the agent's plugin, or that of the source.
    folder: String,
    /// The plugin that the agent belongs to.
    plugin: Option<String>,
    /// All plugins that the source offers.
    plugins: Vec<String>,
}

/// The files of a source.
enum Tree<'s> {
    Folder(PathBuf),
    Commit(CachedRepository<'s>, ObjectId),
}

impl<'s> Home<'s> {
    fn of(session: &'s Session, upstream: Option<&Upstream>) -> Option<Self> {
        let upstream = upstream?;
        let source = Source::parse(&upstream.source).ok()?;
        let tree = match (&source, &upstream.commit) {
            (Source::Folder(path), None) => Tree::Folder(session.absolute(path)),
            (Source::Builtin, _) | (_, None) => return None,
            (_, Some(commit)) => Tree::Commit(session.kept_repository(&source)?, *commit),
        };
        let mut home = Self {
            tree,
            address: upstream.source.clone(),
            folder: String::new(),
            plugin: None,
            plugins: Vec::new(),
        };
        let listed = home.json(".claude-plugin/marketplace.json");
        let listed = listed
            .as_ref()
            .and_then(|file| file.get("plugins")?.as_array());
        for plugin in listed.into_iter().flatten() {
            let text = |key: &str| plugin.get(key).and_then(Value::as_str);
            let Some(name) = text("name") else { continue };
            home.plugins.push(name.to_owned());
            let folder =
                text("source").map(|source| source.trim_start_matches("./").trim_matches('/'));
            if let Some(folder) = folder
                && (folder.is_empty() || upstream.file.starts_with(&format!("{folder}/")))
                && (home.plugin.is_none() || folder.len() > home.folder.len())
            {
                home.plugin = Some(name.to_owned());
                folder.clone_into(&mut home.folder);
            }
        }
        let mut folder = upstream.file.as_str();
        while home.plugin.is_none() {
            folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = [folder, ".claude-plugin/plugin.json"].join("/");
            let described = home.json(path.trim_start_matches('/'));
            if let Some(name) = described
                .as_ref()
                .and_then(|file| file.get("name")?.as_str())
            {
                home.plugin = Some(name.to_owned());
                folder.clone_into(&mut home.folder);
            }
            if folder.is_empty() {
                break;
            }
        }
        Some(home)
    }

    fn json(&self, path: &str) -> Option<Value> {
        let bytes = match &self.tree {
            Tree::Folder(folder) => fs::read(&folder.join(path), MAX_DESCRIPTION).ok()??,
            Tree::Commit(repository, commit) => {
                repository.read_file(*commit, path, &mut |_| {}).ok()??
            }
        };
        serde_json::from_slice(&bytes).ok()
    }

    /// Whether a path of an agent's text is a file beside it.
    fn has(&self, path: &str) -> bool {
        let own = if self.folder.is_empty() {
            path.to_owned()
        } else {
            format!("{}/{path}", self.folder)
        };
        [own.as_str(), path].iter().any(|path| match &self.tree {
            Tree::Folder(folder) => fs::size(&folder.join(path)).is_ok_and(|size| size.is_some()),
            Tree::Commit(repository, commit) => {
                repository.has_file(*commit, path).unwrap_or_default()
            }
        })
    }

    /// Where a plugin comes from, if this source offers it.
    fn source_of(&self, plugin: &str) -> Option<String> {
        let mut known = self.plugins.iter().chain(&self.plugin);
        known
            .any(|known| known == plugin)
            .then(|| self.address.clone())
    }
}
