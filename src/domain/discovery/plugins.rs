//! The plugins of a source: what `.claude-plugin/marketplace.json` and `plugin.json` say, and which files are their agents. Pure.
//!
//! Both files come from untrusted authors: what cannot be read counts as not there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a marketplace describes itself.
pub const MARKETPLACE: &str = ".claude-plugin/marketplace.json";
/// Where a plugin describes itself, below its own folder.
pub const PLUGIN: &str = ".claude-plugin/plugin.json";
/// How many plugins of one source are read.
const MAX_PLUGINS: usize = 5000;

/// The plugins of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugins {
    /// Those whose files are in the source itself.
    pub here: Vec<Plugin>,
    /// Those that its marketplace takes from other repositories.
    pub elsewhere: Vec<Elsewhere>,
    /// The plugin of each file, and of each folder with a `/` at its end.
    places: BTreeMap<String, usize>,
}

/// A plugin whose files are in the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// Its folder; empty: the source's root.
    pub root: String,
    /// Its agents: files, and folders that end in `/`.
    pub agents: Vec<String>,
}

/// A plugin that a marketplace takes from another repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The address of its repository, as it can be typed.
    pub repository: String,
    /// Its folder in that repository; empty: the root.
    pub folder: String,
    /// The commit, or else the branch or tag, that the marketplace names.
    pub revision: Option<String>,
}

impl Plugins {
    /// The plugins that the files of a source describe. `paths`: the files that end in [`PLUGIN`]; `read`: the text of a file.
    #[must_use]
    pub fn of<'p>(
        paths: impl Iterator<Item = &'p str>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let described: BTreeMap<&str, Map<String, Value>> = paths
            .filter_map(|path| Some((path.strip_suffix(PLUGIN)?, object(&read(path)?)?)))
            .map(|(root, plugin)| (root.trim_end_matches('/'), plugin))
            .collect();
        let marketplace = read(MARKETPLACE).and_then(|text| object(&text));
        let mut plugins = Self::default();
        if let Some(marketplace) = &marketplace {
            plugins.read_marketplace(marketplace, &described);
        }
        let is_listed = !plugins.here.is_empty();
        for (root, plugin) in &described {
            // Beside a marketplace, other plugins of the repository are templates and copies; the root itself is what the client loads.
            let is_known = plugins.here.iter().any(|known| known.root == **root);
            if !is_known && (root.is_empty() || !is_listed) {
                let name = text(plugin, "name").unwrap_or(root.rsplit('/').next().unwrap_or(root));
                plugins
                    .here
                    .push(Plugin::new(name, root, Some(plugin), None));
            }
        }
        plugins.here.truncate(MAX_PLUGINS);
        plugins.elsewhere.truncate(MAX_PLUGINS);
        for (index, plugin) in plugins.here.iter().enumerate() {
            for place in &plugin.agents {
                plugins.places.entry(place.clone()).or_insert(index);
            }
        }
        plugins
    }

    fn read_marketplace(
        &mut self,
        marketplace: &Map<String, Value>,
        described: &BTreeMap<&str, Map<String, Value>>,
    ) {
        let base = marketplace.get("metadata").and_then(Value::as_object);
        let base = base.and_then(|metadata| text(metadata, "pluginRoot"));
        let base = base.and_then(|base| join("", base)).unwrap_or_default();
        let listed = marketplace.get("plugins").and_then(Value::as_array);
        for entry in listed.into_iter().flatten().filter_map(Value::as_object) {
            let Some(name) = text(entry, "name") else {
                continue;
            };
            match entry.get("source") {
                Some(Value::String(source)) => {
                    let Some(root) = join(&base, source) else {
                        continue;
                    };
                    let own = described.get(root.as_str());
                    self.here.push(Plugin::new(name, &root, own, Some(entry)));
                }
                Some(Value::Object(source)) => {
                    self.elsewhere.extend(Elsewhere::new(name, entry, source));
                }
                _ => {}
            }
        }
    }

    /// The plugin that a file is an agent of.
    #[must_use]
    pub fn holding(&self, file: &str) -> Option<&Plugin> {
        if !file.ends_with(".md") || self.places.is_empty() {
            return None;
        }
        let folders = file.match_indices('/').map(|(at, _)| &file[..=at]);
        let places = [file, "/"].into_iter().chain(folders);
        let index = places.filter_map(|place| self.places.get(place)).min()?;
        self.here.get(*index)
    }
}

impl Plugin {
    /// Whether a file is one of its agents. Several plugins may have the same.
    #[must_use]
    pub fn holds(&self, file: &str) -> bool {
        let is_in = |place: &String| {
            place == "/"
                || file == place
                || place.ends_with('/') && file.starts_with(place.as_str())
        };
        file.ends_with(".md") && self.agents.iter().any(is_in)
    }

    /// A plugin whose own description, `plugin.json`, may name its agents in place of its folder `agents`. Those that the entry of a
    /// marketplace names come on top, as in the client.
    fn new(
        name: &str,
        root: &str,
        own: Option<&Map<String, Value>>,
        entry: Option<&Map<String, Value>>,
    ) -> Self {
        let listed = |description: &Map<String, Value>| {
            let paths = match description.get("agents")? {
                Value::String(path) => vec![path.as_str()],
                Value::Array(paths) => paths.iter().filter_map(Value::as_str).collect(),
                _ => return None,
            };
            let joined = paths.into_iter().filter_map(|path| {
                let joined = join(root, path)?;
                let is_file = joined.ends_with(".md");
                Some(if is_file {
                    joined
                } else {
                    format!("{joined}/")
                })
            });
            Some(joined.collect::<Vec<_>>())
        };
        let folder = || join(root, "agents").map(|folder| format!("{folder}/"));
        let mut agents = own
            .and_then(listed)
            .unwrap_or_else(|| folder().into_iter().collect());
        agents.extend(entry.and_then(listed).into_iter().flatten());
        agents.sort();
        agents.dedup();
        Self {
            name: name.to_owned(),
            root: root.to_owned(),
            agents,
        }
    }
}

impl Elsewhere {
    fn new(name: &str, entry: &Map<String, Value>, source: &Map<String, Value>) -> Option<Self> {
        let (repository, folder) = match text(source, "source")? {
            "github" => (format!("gh:{}", text(source, "repo")?), ""),
            "url" | "git" => (text(source, "url")?.to_owned(), ""),
            "git-subdir" => (text(source, "url")?.to_owned(), text(source, "path")?),
            _ => return None,
        };
        let is_short = repository.split('/').count() == 2
            && !repository.starts_with(['.', '/', '~'])
            && !repository.contains(':');
        Some(Self {
            name: name.to_owned(),
            description: text(entry, "description").unwrap_or_default().to_owned(),
            repository: if is_short {
                format!("gh:{repository}")
            } else {
                repository
            },
            folder: join("", folder)?,
            revision: text(source, "sha")
                .or_else(|| text(source, "ref"))
                .map(str::to_owned),
        })
    }
}

fn object(json: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(json.trim_start_matches('\u{feff}')) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

fn text<'v>(object: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
    object.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// Joins two relative paths with `/`; `None` if the result leaves the root.
fn join(root: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = root.split('/').filter(|part| !part.is_empty()).collect();
    if path.starts_with('/') || path.contains('\\') {
        return None;
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugins(files: &[(&str, &str)]) -> Plugins {
        let paths = files.iter().map(|(path, _)| *path);
        let paths = paths.filter(|path| path.ends_with(PLUGIN));
        Plugins::of(paths, &|path| {
            let found = files.iter().find(|(known, _)| *known == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn plugins_hold_what_they_list_or_else_their_folder() {
        let marketplace = r#"{"plugins": [
            {"name": "a", "source": "./plugins/a", "agents": ["./extra/x.md", "../../etc/y.md", "/abs.md"]},
            {"name": "b", "source": "./plugins/b"},
            {"name": "c", "source": "./plugins/c"},
            {"name": "d", "source": "./plugins/d", "strict": false, "agents": "./d.md"},
            {"name": "out", "source": "../b"}
        ]}"#;
        let found = plugins(&[
            (MARKETPLACE, marketplace),
            (
                "plugins/b/.claude-plugin/plugin.json",
                r#"{"name": "b", "agents": "./docs/b.md"}"#,
            ),
            (
                "plugins/d/.claude-plugin/plugin.json",
                r#"{"name": "d", "agents": "./no.md"}"#,
            ),
            ("templates/t/.claude-plugin/plugin.json", r#"{"name": "t"}"#),
        ]);
        for (file, plugin) in [
            ("plugins/a/extra/x.md", Some("a")),
            ("plugins/a/agents/x.md", Some("a")),
            ("plugins/b/docs/b.md", Some("b")),
            ("plugins/b/agents/x.md", None),
            ("plugins/c/agents/deep/x.md", Some("c")),
            ("plugins/c/agents/x.txt", None),
            ("plugins/d/d.md", Some("d")),
            ("plugins/d/no.md", Some("d")),
            ("plugins/d/agents/x.md", None),
            ("templates/t/agents/x.md", None),
            ("etc/y.md", None),
        ] {
            let found = found.holding(file).map(|plugin| plugin.name.as_str());
            assert_eq!(found, plugin, "{file}");
        }
    }

    #[test]
    fn plugins_with_one_folder_share_its_agents() {
        let marketplace = r#"{"plugins": [
            {"name": "a", "source": "./", "agents": ["./extra/x.md"]}, {"name": "b", "source": "./", "agents": "./extra/y.md"}
        ]}"#;
        let found = plugins(&[(MARKETPLACE, marketplace)]);
        for (file, holders) in [
            ("agents/z.md", "a b"),
            ("extra/x.md", "a"),
            ("extra/y.md", "b"),
            ("extra/z.md", ""),
            ("agents/z.txt", ""),
        ] {
            let holding = found.here.iter().filter(|plugin| plugin.holds(file));
            let holding: Vec<&str> = holding.map(|plugin| plugin.name.as_str()).collect();
            assert_eq!(holding.join(" "), holders, "{file}");
        }
    }

    #[test]
    fn without_a_marketplace_each_plugin_counts_and_beside_one_the_root() {
        let plugin = r#"{"name": "p"}"#;
        let nested = "tools/p/.claude-plugin/plugin.json";
        let alone = plugins(&[(nested, plugin), (PLUGIN, plugin)]);
        assert!(alone.holding("tools/p/agents/x.md").is_some());
        assert!(alone.holding("agents/x.md").is_some());
        let listed = r#"{"metadata": {"pluginRoot": "./plugins"}, "plugins": [{"name": "q", "source": "./q"}]}"#;
        let beside = plugins(&[(MARKETPLACE, listed), (nested, plugin), (PLUGIN, plugin)]);
        assert!(beside.holding("tools/p/agents/x.md").is_none());
        assert!(beside.holding("agents/x.md").is_some());
        assert!(beside.holding("plugins/q/agents/x.md").is_some());
        assert_eq!(
            plugins(&[(MARKETPLACE, "nonsense"), (PLUGIN, "[]")]),
            Plugins::default()
        );
    }

    #[test]
    fn plugins_of_other_repositories_say_where() {
        let sha = "0123456789012345678901234567890123456789";
        let marketplace = format!(
            r#"{{"plugins": [
            {{"name": "g", "description": "d", "source": {{"source": "github", "repo": "o/r", "ref": "main"}}}},
            {{"name": "u", "source": {{"source": "url", "url": "https://host/x.git", "sha": "{sha}", "ref": "v1"}}}},
            {{"name": "s", "source": {{"source": "git-subdir", "url": "o/r", "path": "plugins/s"}}}},
            {{"name": "n", "source": {{"source": "npm", "package": "x"}}}}
        ]}}"#
        );
        let found = plugins(&[(MARKETPLACE, &marketplace)]).elsewhere;
        let told: Vec<_> = found
            .iter()
            .map(|plugin| {
                let Elsewhere {
                    name,
                    repository,
                    folder,
                    revision,
                    ..
                } = plugin;
                (&**name, &**repository, &**folder, revision.as_deref())
            })
            .collect();
        assert_eq!(
            told,
            [
                ("g", "gh:o/r", "", Some("main")),
                ("u", "https://host/x.git", "", Some(sha)),
                ("s", "gh:o/r", "plugins/s", None),
            ]
        );
    }
}
