//! The plugins that the client's settings enable, and where they are on this machine. Only read.

use std::path::PathBuf;

use serde_json::{Map, Value};

/// An enabled plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plugin {
    /// Its name, without the marketplace.
    pub(super) name: String,
    /// Where it is installed; `None`: not on this machine.
    pub(super) folder: Option<PathBuf>,
}

/// The plugins that are enabled. `settings`: in ascending order of precedence; `installed`: reads what the client has installed, which
/// is needed only if there is one.
pub(super) fn enabled(
    settings: &[Map<String, Value>],
    installed: impl FnOnce() -> Option<Map<String, Value>>,
) -> Vec<Plugin> {
    let mut enabled: Map<String, Value> = Map::new();
    for settings in settings {
        if let Some(Value::Object(plugins)) = settings.get("enabledPlugins") {
            enabled.extend(plugins.clone());
        }
    }
    if !enabled.values().any(|value| *value == true) {
        return Vec::new();
    }
    let installed = installed().unwrap_or_default();
    let installed = installed.get("plugins").and_then(Value::as_object);
    let folder = |id: &str| {
        let record = installed?.get(id)?;
        let records = record
            .as_array()
            .map_or(std::slice::from_ref(record), Vec::as_slice);
        records
            .iter()
            .find_map(|record| record.get("installPath")?.as_str().map(PathBuf::from))
    };
    enabled
        .iter()
        .filter(|(_, value)| **value == true)
        .map(|(id, _)| Plugin {
            name: id.split('@').next().unwrap_or(id).to_owned(),
            folder: folder(id),
        })
        .collect()
}
