//! What the client's settings say about agents: which plugins are enabled, which agents may not be started, whether files bring agents at
//! all. Only read.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::plugins;
use super::project::{Project, Scope};
use crate::env::Environment;
use crate::fs;

/// The largest file of the client that is read, in bytes.
const MAX_SETTINGS: u64 = 4 << 20;

/// A rule that keeps agents from being started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The agent; `None`: every agent.
    pub name: Option<String>,
    /// The rule as it is written.
    pub rule: String,
    /// The settings file, for display.
    pub file: String,
    /// Whether the file comes with the project, so that it holds on every machine.
    pub is_shared: bool,
}

/// What the settings say.
pub(super) struct Settings {
    pub(super) plugins: Vec<plugins::Plugin>,
    /// The managed file that lets only plugins bring agents.
    pub(super) switched_off: Option<String>,
    /// What keeps agents from being started.
    pub(super) denials: Vec<Denial>,
}

impl Settings {
    /// Reads the settings. What cannot be read is said by whoever reads the servers.
    pub(super) fn read(project: &Project, environment: &Environment) -> Self {
        let client = environment.client_folder();
        let mut paths: Vec<(PathBuf, bool)> = Vec::new();
        let user = client.iter().map(|client| client.join("settings.json"));
        paths.extend(user.map(|path| (path, false)));
        if project.scope() == Scope::Project {
            let folder = project.root().join(".claude");
            paths.push((folder.join("settings.json"), true));
            paths.push((folder.join("settings.local.json"), false));
        }
        let managed = managed_settings(environment).into_iter();
        let first_managed = paths.len();
        paths.extend(managed.map(|path| (path, false)));
        let (mut all, mut switched_off, mut denials) = (Vec::new(), None, Vec::new());
        for (index, (path, is_shared)) in paths.into_iter().enumerate() {
            let Some(settings) = json(&path) else {
                continue;
            };
            denials.extend(denied(&settings).map(|(name, rule)| Denial {
                name,
                rule: rule.to_owned(),
                file: project.display(&path),
                is_shared,
            }));
            let surfaces = settings.get("strictPluginOnlyCustomization");
            let is_on = match surfaces.filter(|_| index >= first_managed) {
                Some(Value::Bool(is_on)) => Some(*is_on),
                Some(Value::Array(surfaces)) => {
                    Some(surfaces.iter().any(|surface| surface == "agents"))
                }
                _ => None,
            };
            if let Some(is_on) = is_on {
                switched_off = is_on.then(|| path.display().to_string());
            }
            all.push(settings);
        }
        let plugins =
            client.map(|client| plugins::enabled(&client, &all, &mut |path: &Path| json(path)));
        Self {
            plugins: plugins.unwrap_or_default(),
            switched_off,
            denials,
        }
    }
}

/// The agents that `permissions.deny` of a settings file keeps from being started, each with its rule.
fn denied(settings: &Map<String, Value>) -> impl Iterator<Item = (Option<String>, &str)> {
    let rules = settings
        .get("permissions")
        .and_then(|rules| rules.get("deny"));
    let rules = rules.and_then(Value::as_array).into_iter().flatten();
    rules.filter_map(Value::as_str).filter_map(|rule| {
        // `Task` is the old name of `Agent`, which the client still understands.
        let rest = rule
            .strip_prefix("Agent")
            .or_else(|| rule.strip_prefix("Task"))?;
        match rest {
            "" | "(*)" | "()" => Some((None, rule)),
            _ => {
                let name = rest.strip_prefix('(')?.strip_suffix(')')?;
                Some((Some(name.to_owned()), rule))
            }
        }
    })
}

/// The managed settings files, in ascending order of precedence.
fn managed_settings(environment: &Environment) -> Vec<PathBuf> {
    let Some(folder) = environment.managed_folder() else {
        return Vec::new();
    };
    let parts = folder.join("managed-settings.d");
    let listed = fs::list(&parts).unwrap_or_default().into_iter();
    let parts = listed
        .filter(|listed| listed.name.ends_with(".json") && !listed.name.starts_with('.'))
        .map(|listed| parts.join(listed.name));
    std::iter::once(folder.join("managed-settings.json"))
        .chain(parts)
        .collect()
}

/// A settings file of the client; `None` if it does not exist or is invalid.
pub(super) fn json(path: &Path) -> Option<Map<String, Value>> {
    let bytes = fs::read(path, MAX_SETTINGS).ok()??;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match serde_json::from_slice(text) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_against_agents_are_found() {
        let Value::Object(settings) = json!({"permissions": {"deny": [
            "Agent(one)", "Task(two)", "Agents(x)", "Bash(rm *)", "Task", 5
        ]}}) else {
            panic!("an object")
        };
        let found: Vec<_> = denied(&settings).collect();
        assert_eq!(
            found,
            [
                (Some("one".to_owned()), "Agent(one)"),
                (Some("two".to_owned()), "Task(two)"),
                (None, "Task"),
            ]
        );
    }
}
