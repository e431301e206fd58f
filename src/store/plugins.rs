//! The plugins that the client's settings enable, and where they are on this machine. Only read.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::domain::spec::Source;
use crate::fs;

/// An enabled plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plugin {
    /// Its name, without the marketplace.
    pub(super) name: String,
    /// Where it is installed; `None`: not on this machine.
    pub(super) folder: Option<PathBuf>,
    /// The repository that it is from, if it is from one.
    pub(super) source: Option<Source>,
    /// The agents that its marketplace names for it, relative to its folder.
    listed: Vec<String>,
}

/// What a plugin brings.
pub(super) struct Brought {
    /// The name in front of those of its agents.
    pub(super) name: String,
    /// Its agents: files, and the folder `agents`.
    pub(super) paths: Vec<PathBuf>,
}

impl Plugin {
    /// The agents of a plugin that is in this folder; `None`: the client refuses the plugin for what it says of itself. Its own
    /// description may name files in place of the folder `agents`, and those that its marketplace names come on top.
    pub(super) fn brought(
        &self,
        folder: &Path,
        read: &mut dyn FnMut(&Path) -> Option<Map<String, Value>>,
    ) -> Option<Brought> {
        let path = folder.join(".claude-plugin").join("plugin.json");
        let own = match fs::size(&path) {
            Ok(None) => None,
            _ => Some(read(&path)?),
        };
        let name = match own.as_ref().map(|own| own.get("name")) {
            None => self.name.as_str(),
            Some(name) => name?.as_str().filter(|name| is_name(name))?,
        };
        let mut paths = match own.as_ref().and_then(|own| own.get("agents")) {
            None => vec![folder.join("agents")],
            Some(named) => files(folder, named)?,
        };
        for path in &self.listed {
            paths.extend(file(folder, path));
        }
        paths.dedup();
        Some(Brought {
            name: name.to_owned(),
            paths,
        })
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == ':')
}

/// The files that a description names; `None`: the client refuses one of the paths, and all with it.
fn files(folder: &Path, named: &Value) -> Option<Vec<PathBuf>> {
    match named {
        Value::String(path) => Some(vec![file(folder, path)?]),
        Value::Array(paths) => {
            let paths = paths.iter();
            paths.map(|path| file(folder, path.as_str()?)).collect()
        }
        _ => None,
    }
}

/// A path as the client takes it: in the plugin, and of a Markdown file.
fn file(folder: &Path, path: &str) -> Option<PathBuf> {
    let below = path
        .strip_prefix("./")
        .filter(|path| path.ends_with(".md"))?;
    let mut depth = 0_i32;
    for part in below.split('/') {
        depth += match part {
            ".." => -1,
            "" | "." => 0,
            _ => 1,
        };
        if depth < 0 {
            return None;
        }
    }
    Some(folder.join(below))
}

/// The plugins that are enabled. `client`: the client's folder; `settings`: in ascending order of precedence; `read`: reads a file.
pub(super) fn enabled(
    client: &Path,
    settings: &[Map<String, Value>],
    read: &mut dyn FnMut(&Path) -> Option<Map<String, Value>>,
) -> Vec<Plugin> {
    let mut enabled: Map<String, Value> = Map::new();
    for settings in settings {
        if let Some(Value::Object(plugins)) = settings.get("enabledPlugins") {
            enabled.extend(plugins.clone());
        }
    }
    enabled.retain(|_, value| *value == true);
    if enabled.is_empty() {
        return Vec::new();
    }
    let folder = client.join("plugins");
    let installed = read(&folder.join("installed_plugins.json")).unwrap_or_default();
    let known = read(&folder.join("known_marketplaces.json")).unwrap_or_default();
    let plugins = enabled.keys().map(|id| {
        let (name, marketplace) = id.split_once('@').unwrap_or((id, ""));
        let entry = known
            .get(marketplace)
            .and_then(|marketplace| Entry::of(name, marketplace, read));
        let in_place = entry.as_ref().and_then(|entry| entry.folder.clone());
        let source = match &entry {
            Some(entry) => entry.source.clone(),
            None => (known.get(marketplace))
                .and_then(|marketplace| repository(marketplace.get("source")?)),
        };
        Plugin {
            name: name.to_owned(),
            folder: in_place.or_else(|| install_path(&installed, id)),
            source,
            listed: entry.map(|entry| entry.listed).unwrap_or_default(),
        }
    });
    plugins.collect()
}

/// Where the client has put a copy of a plugin.
fn install_path(installed: &Map<String, Value>, id: &str) -> Option<PathBuf> {
    let record = installed.get("plugins")?.get(id)?;
    let records = record
        .as_array()
        .map_or(std::slice::from_ref(record), Vec::as_slice);
    records
        .iter()
        .find_map(|record| record.get("installPath")?.as_str().map(PathBuf::from))
}

/// The repository that the client fetches from.
fn repository(source: &Value) -> Option<Source> {
    let text = |key: &str| source.get(key).and_then(Value::as_str);
    let address = match text("source")? {
        "github" => format!("gh:{}", text("repo")?),
        "git" | "url" | "git-subdir" => text("url")?.to_owned(),
        _ => return None,
    };
    let is_repository = |source: &Source| matches!(source, Source::Git(_));
    Source::parse(&address).ok().filter(is_repository)
}

/// What a marketplace says of a plugin.
struct Entry {
    /// Where the plugin is, if the marketplace is a folder of this machine: the client reads it there, and not its own copy.
    folder: Option<PathBuf>,
    /// The repository that has the plugin: its own, or the marketplace's.
    source: Option<Source>,
    listed: Vec<String>,
}

impl Entry {
    fn of(
        name: &str,
        marketplace: &Value,
        read: &mut dyn FnMut(&Path) -> Option<Map<String, Value>>,
    ) -> Option<Self> {
        let source = marketplace.get("source")?;
        let is_here = source.get("source")? == "directory";
        let root = if is_here {
            source.get("path")?
        } else {
            marketplace.get("installLocation")?
        };
        let root = Path::new(root.as_str()?);
        let described = read(&root.join(".claude-plugin").join("marketplace.json"))?;
        let plugins = described.get("plugins")?.as_array()?;
        let plugin = plugins.iter().find(|plugin| plugin["name"] == name)?;
        let own = plugin.get("source");
        let path = own.and_then(Value::as_str);
        let folder = path.map(|path| root.join(path.trim_start_matches("./")));
        let listed = match plugin.get("agents") {
            Some(Value::String(path)) => vec![path.clone()],
            Some(Value::Array(paths)) => {
                let paths = paths.iter().filter_map(Value::as_str);
                paths.map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        Some(Self {
            folder: folder.filter(|_| is_here),
            source: match own {
                Some(own @ Value::Object(_)) => repository(own),
                _ => repository(source),
            },
            listed,
        })
    }
}
