//! The plugins that the client's settings enable, and where they are on this machine. Only read.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// An enabled plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plugin {
    /// Its name, without the marketplace.
    pub(super) name: String,
    /// Where it is installed; `None`: not on this machine.
    pub(super) folder: Option<PathBuf>,
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
        let in_place = known
            .get(marketplace)
            .and_then(|marketplace| in_place(name, marketplace, read));
        Plugin {
            name: name.to_owned(),
            folder: in_place.or_else(|| install_path(&installed, id)),
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

/// Where a plugin of a marketplace is that is a folder of this machine: the client reads it there, and not its own copy.
fn in_place(
    name: &str,
    marketplace: &Value,
    read: &mut dyn FnMut(&Path) -> Option<Map<String, Value>>,
) -> Option<PathBuf> {
    let source = marketplace.get("source")?;
    if source.get("source")? != "directory" {
        return None;
    }
    let folder = Path::new(source.get("path")?.as_str()?);
    let described = read(&folder.join(".claude-plugin").join("marketplace.json"))?;
    let plugins = described.get("plugins")?.as_array()?;
    let plugin = plugins.iter().find(|plugin| plugin["name"] == name)?;
    let path = plugin.get("source")?.as_str()?;
    Some(folder.join(path.trim_start_matches("./")))
}
