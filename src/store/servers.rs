//! The MCP servers that the client would find: of the project, of the user, of this folder only, of plugins, and managed ones. Only read.
//!
//! The nearest definition wins as a whole, as in the client: managed servers, local ones, the project's `.mcp.json` and those of the parent
//! folders, the user's, then those of plugins. Servers that the client's settings disable are marked. A client file that cannot be read is
//! a warning; what to do about the project's own file is decided by the caller.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::mcp_file::{self, McpFile};
use super::plugins;
use super::project::{Project, Scope as ProjectScope};
use crate::domain::admission::{Admission, File, How, Origin, Refusal};
use crate::domain::server::ServerEntry;
use crate::env::Environment;
use crate::error::{Failure, Result};
use crate::fs;

/// The largest file of the client that is read, in bytes.
const MAX_STATE: u64 = 128 << 20;

/// The scope of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The project's `.mcp.json`.
    Project,
    /// The `.mcp.json` of a parent folder, as a person would type it.
    Above(String),
    /// The user's, for this folder only.
    Local,
    /// The user's, everywhere.
    User,
    /// A plugin's.
    Plugin(String),
    /// The managed file with servers, as a person would type it.
    Managed(String),
    /// Managed settings, as a person would type the path.
    Provided(String),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Project => formatter.write_str("project"),
            Self::Above(path) | Self::Managed(path) | Self::Provided(path) => {
                formatter.write_str(path)
            }
            Self::Local => formatter.write_str("local"),
            Self::User => formatter.write_str("user"),
            Self::Plugin(name) => write!(formatter, "plugin {name}"),
        }
    }
}

/// A server that the client finds.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundServer {
    /// Its name in tool names: `context7`, `plugin_tools_db`.
    pub name: String,
    /// Its scope.
    pub scope: Scope,
    /// The whole entry.
    pub value: Value,
    /// The entry as the client reads it, or why it skips it.
    pub entry: std::result::Result<ServerEntry, String>,
    /// The line in `.mcp.json`, for servers of projects.
    pub line: Option<usize>,
    /// Why the client does not start it, if the settings disable it.
    pub refusal: Option<Refusal>,
}

/// All servers, and the file that can be changed.
#[derive(Debug, Clone)]
pub struct Servers {
    /// By scope; the winning one of each name first.
    pub found: Vec<FoundServer>,
    /// The project's file; the failure, if the client would ignore it.
    pub file: std::result::Result<McpFile, Failure>,
    /// What the client's settings say about servers.
    pub admission: Admission,
    /// Files of the client that could not be read.
    pub warnings: Vec<String>,
}

impl Servers {
    /// The server that the client uses for a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&FoundServer> {
        self.found.iter().find(|server| server.name == name)
    }

    /// Why the client would not start a server that is added to the project's file.
    #[must_use]
    pub fn refusal_of_new(&self, name: &str, entry: &ServerEntry) -> Option<Refusal> {
        self.admission.refusal(name, Origin::File, Some(entry))
    }

    /// The names that are in use, without duplicates.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .found
            .iter()
            .map(|server| server.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The project's file.
#[must_use]
pub fn file_path(project: &Project) -> PathBuf {
    project.root().join(mcp_file::FILE_NAME)
}

/// Reads all places.
pub fn read(project: &Project, environment: &Environment) -> Result<Servers> {
    let root = project.root();
    let is_project = project.scope() == ProjectScope::Project;
    let mut servers = Servers {
        found: Vec::new(),
        file: Ok(McpFile::absent()),
        admission: Admission::default(),
        warnings: Vec::new(),
    };
    let managed = environment
        .managed_folder()
        .map(|folder| servers.managed(folder))
        .unwrap_or_default();
    let state_path = environment.client_state();
    let state = state_path
        .as_ref()
        .and_then(|path| servers.json(path))
        .unwrap_or_default();
    if is_project {
        let table = state
            .get("projects")
            .and_then(|projects| projects.get(root.to_str()?))
            .and_then(Value::as_object);
        if let (Some(table), Some(path)) = (table, &state_path) {
            let file = File {
                path: shown(project, environment, path),
                is_managed: false,
            };
            let notes = servers.admission.learn_folder(table, &file);
            servers.warnings.extend(notes);
        }
        servers.take(
            table.and_then(|table| table.get("mcpServers")),
            &Scope::Local,
        );
        let bytes = project
            .files()
            .read(&file_path(project), mcp_file::MAX_SIZE)?;
        servers.file = McpFile::parse(bytes.as_deref(), mcp_file::FILE_NAME);
        if let Ok(file) = servers.file.clone() {
            servers.take_file(&Scope::Project, &file);
        }
        for folder in root.ancestors().skip(1) {
            let path = folder.join(mcp_file::FILE_NAME);
            // A broken file above the project, which others may have left there, is no reason to stop.
            let Ok(Some(bytes)) = fs::read(&path, mcp_file::MAX_SIZE) else {
                continue;
            };
            let shown = path.display().to_string();
            match McpFile::parse(Some(&bytes), &shown) {
                Ok(file) => servers.take_file(&Scope::Above(shown), &file),
                Err(failure) => servers
                    .warnings
                    .push(format!("{failure}; Claude Code ignores it")),
            }
        }
    }
    servers.take(state.get("mcpServers"), &Scope::User);
    let mut settings = servers.settings(project, environment);
    settings.extend(managed);
    if let Some(client) = environment.client_folder() {
        servers.plugins(&client, &settings);
    }
    servers.judge();
    Ok(servers)
}

/// A path as a person would type it: from the project's folder, or from the home folder.
fn shown(project: &Project, environment: &Environment, path: &Path) -> String {
    match environment
        .home()
        .and_then(|home| Some(path.strip_prefix(home).ok()?.display().to_string()))
    {
        Some(below) if !path.starts_with(project.root()) => format!("~/{below}"),
        _ => project.display(path),
    }
}

impl Scope {
    /// Where that is, in words.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Project => format!("in {}", mcp_file::FILE_NAME),
            Self::Above(path) | Self::Managed(path) | Self::Provided(path) => format!("in {path}"),
            Self::Local | Self::User | Self::Plugin(_) => format!("in the {self} settings"),
        }
    }

    fn origin(&self) -> Origin {
        match self {
            Self::Project | Self::Above(_) => Origin::File,
            Self::Plugin(_) => Origin::Plugin,
            Self::Local | Self::User => Origin::User,
            Self::Managed(_) => Origin::Managed,
            Self::Provided(_) => Origin::Provided,
        }
    }
}

impl Servers {
    /// The client's settings files, in ascending order of precedence.
    fn settings(
        &mut self,
        project: &Project,
        environment: &Environment,
    ) -> Vec<Map<String, Value>> {
        let mut paths: Vec<PathBuf> = environment
            .client_folder()
            .map(|client| client.join("settings.json"))
            .into_iter()
            .collect();
        if project.scope() == ProjectScope::Project {
            paths.extend(
                ["settings.json", "settings.local.json"]
                    .map(|file| project.root().join(".claude").join(file)),
            );
        }
        let mut all = Vec::new();
        for path in paths {
            let Some(settings) = self.json(&path) else {
                continue;
            };
            self.learn(&settings, shown(project, environment, &path), false);
            all.push(settings);
        }
        all
    }

    fn learn(&mut self, settings: &Map<String, Value>, path: String, is_managed: bool) {
        let notes = self.admission.learn(settings, &File { path, is_managed });
        self.warnings.extend(notes);
    }

    /// The managed files: first the one with servers, then the settings, which are returned.
    fn managed(&mut self, folder: &Path) -> Vec<Map<String, Value>> {
        let path = folder.join("managed-mcp.json");
        let shown = path.display().to_string();
        let file = fs::read(&path, mcp_file::MAX_SIZE).and_then(|bytes| match bytes {
            Some(bytes) => McpFile::parse(Some(&bytes), &shown).map(Some),
            None => Ok(None),
        });
        match file {
            Ok(Some(file)) => {
                self.take_file(&Scope::Managed(shown.clone()), &file);
                self.admission.shut_out(&File {
                    path: shown,
                    is_managed: true,
                });
            }
            Ok(None) => {}
            Err(failure) => self.warnings.push(format!(
                "{failure}; what Claude Code starts then is not certain"
            )),
        }
        let parts = folder.join("managed-settings.d");
        let listed = fs::list(&parts).unwrap_or_else(|failure| {
            self.warnings.push(failure.to_string());
            Vec::new()
        });
        let is_part = |name: &str| name.ends_with(".json") && !name.starts_with('.');
        let parts = listed
            .into_iter()
            .filter(|listed| is_part(&listed.name))
            .map(|listed| parts.join(listed.name));
        let mut all = Vec::new();
        let mut provided: Vec<FoundServer> = Vec::new();
        for path in std::iter::once(folder.join("managed-settings.json")).chain(parts) {
            let Some(settings) = self.json(&path) else {
                continue;
            };
            let shown = path.display().to_string();
            match settings.get("managedMcpServers") {
                None => {}
                Some(Value::Object(table)) => {
                    provided.retain(|known| !table.contains_key(&known.name));
                    provided.extend(table.iter().map(|(name, value)| FoundServer {
                        name: name.clone(),
                        scope: Scope::Provided(shown.clone()),
                        value: value.clone(),
                        entry: ServerEntry::provided(value),
                        line: None,
                        refusal: None,
                    }));
                }
                Some(_) => self.warnings.push(format!(
                    "`managedMcpServers` in {shown} is not a table; it is ignored"
                )),
            }
            self.learn(&settings, shown, true);
            all.push(settings);
        }
        self.found.extend(provided);
        all
    }

    /// Marks the servers that the client does not start. A disabled server of a file leaves its name to the next one.
    fn judge(&mut self) {
        for server in &mut self.found {
            server.refusal = self.admission.refusal(
                &server.name,
                server.scope.origin(),
                server.entry.as_ref().ok(),
            );
        }
        let is_disabled = |server: &FoundServer| {
            server
                .refusal
                .as_ref()
                .is_some_and(|refusal| refusal.how == How::Disabled)
        };
        self.found.sort_by_key(is_disabled);
    }

    fn take_file(&mut self, scope: &Scope, file: &McpFile) {
        for server in file.servers() {
            let entry = ServerEntry::from_json(&server.value);
            let (name, value, line) =
                (server.name.clone(), server.value.clone(), Some(server.line));
            self.found.push(FoundServer {
                name,
                scope: scope.clone(),
                value,
                entry,
                line,
                refusal: None,
            });
        }
    }

    fn take(&mut self, table: Option<&Value>, scope: &Scope) {
        for (name, value) in table.and_then(Value::as_object).into_iter().flatten() {
            let entry = ServerEntry::from_json(value);
            self.found.push(FoundServer {
                name: name.clone(),
                scope: scope.clone(),
                value: value.clone(),
                entry,
                line: None,
                refusal: None,
            });
        }
    }

    /// A file of the client; `None` if it does not exist or is invalid.
    fn json(&mut self, path: &Path) -> Option<Map<String, Value>> {
        let bytes = match fs::read(path, MAX_STATE) {
            Ok(bytes) => bytes?,
            Err(failure) => {
                self.warnings.push(failure.to_string());
                return None;
            }
        };
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        match serde_json::from_slice(text) {
            Ok(Value::Object(object)) => Some(object),
            Ok(_) => {
                self.warnings
                    .push(format!("`{}` is not a JSON object", path.display()));
                None
            }
            Err(error) => {
                self.warnings
                    .push(format!("`{}` is not valid JSON: {error}", path.display()));
                None
            }
        }
    }

    /// The servers of the plugins that are enabled for the user or the project.
    fn plugins(&mut self, client: &Path, settings: &[Map<String, Value>]) {
        for plugin in plugins::enabled(client, settings, &mut |path| self.json(path)) {
            if let Some(folder) = plugin.folder {
                self.plugin(&plugin.name, &folder);
            }
        }
    }

    fn plugin(&mut self, plugin: &str, folder: &Path) {
        let mut tables: Vec<Value> = Vec::new();
        let described = self
            .json(&folder.join(".claude-plugin").join("plugin.json"))
            .unwrap_or_default();
        let mut files = vec![folder.join(mcp_file::FILE_NAME)];
        match described.get("mcpServers") {
            Some(Value::String(path)) => files.push(folder.join(path)),
            Some(Value::Array(paths)) => files.extend(
                paths
                    .iter()
                    .filter_map(Value::as_str)
                    .map(|path| folder.join(path)),
            ),
            Some(table) => tables.push(table.clone()),
            None => {}
        }
        for path in files {
            // Plugins may omit the key around the servers.
            let mut file = self.json(&path).unwrap_or_default();
            tables.push(file.remove("mcpServers").unwrap_or(Value::Object(file)));
        }
        let plain = |text: &str| {
            text.chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                        c
                    } else {
                        '_'
                    }
                })
                .collect()
        };
        let scope = Scope::Plugin(plugin.to_owned());
        for table in tables {
            let table = table.as_object().into_iter().flatten();
            let named: Map<String, Value> = table
                .map(|(name, value)| {
                    let (plugin, name): (String, String) = (plain(plugin), plain(name));
                    (format!("plugin_{plugin}_{name}"), value.clone())
                })
                .collect();
            self.take(Some(&Value::Object(named)), &scope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_folder(path.parent().unwrap()).unwrap();
        fs::write_new(path, text.as_bytes(), false).unwrap();
    }

    #[test]
    fn every_scope_is_read_and_the_nearest_wins() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("above/project");
        let environment = Environment::within(root.clone(), &folder.path().join("home"));
        let client = environment.client_folder().unwrap();
        let entry = |command: &str| format!(r#"{{"command": "{command}"}}"#);
        write(
            &root.join(".mcp.json"),
            &format!(
                "{{\n\"mcpServers\": {{\n\"a\": {},\n\"bad\": 3}}}}",
                entry("project")
            ),
        );
        write(
            &folder.path().join("above/.mcp.json"),
            &format!(
                r#"{{"mcpServers": {{"a": {0}, "up": {0}}}}}"#,
                entry("above")
            ),
        );
        let local = format!(
            r#""projects": {{"{}": {{"mcpServers": {{"l": {}}}}}}}"#,
            root.display(),
            entry("local")
        );
        write(
            &client.join(".claude.json"),
            &format!(r#"{{"mcpServers": {{"u": {}}}, {local}}}"#, entry("user")),
        );
        write(
            &client.join("settings.json"),
            r#"{"enabledPlugins": {"tools@shop": true, "off@shop": false}}"#,
        );
        let plugin = folder.path().join("plugin");
        let record = format!(
            r#"{{"version": 2, "plugins": {{"tools@shop": [{{"installPath": "{}"}}]}}}}"#,
            plugin.display()
        );
        write(&client.join("plugins/installed_plugins.json"), &record);
        write(
            &plugin.join(".mcp.json"),
            &format!(r#"{{"my db": {}}}"#, entry("plugin")),
        );
        let servers = read(&Project::at(&root, &environment).unwrap(), &environment).unwrap();
        let shown: Vec<String> = servers
            .found
            .iter()
            .map(|server| match &server.entry {
                Ok(entry) => format!("{} {entry}", server.name),
                Err(reason) => format!("{} !{reason}", server.name),
            })
            .collect();
        let expected = [
            "l local",
            "a project",
            "bad !an object is expected",
            "a above",
            "up above",
            "u user",
            "plugin_tools_my_db plugin",
        ];
        assert_eq!(shown, expected);
        assert_eq!(servers.get("a").unwrap().scope, Scope::Project);
        assert_eq!(
            (servers.get("bad").unwrap().line, servers.warnings.len()),
            (Some(4), 0)
        );
    }

    #[test]
    fn what_the_settings_keep_out_is_marked() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        let environment = Environment::within(root.clone(), &folder.path().join("home"));
        let client = environment.client_folder().unwrap();
        let servers = r#"{"mcpServers": {"a": {"command": "file"}, "b": {"command": "file"}, "c": {"command": "file"}}}"#;
        write(&root.join(".mcp.json"), servers);
        let local = format!(
            r#""projects": {{"{}": {{"disabledMcpServers": ["c"]}}}}"#,
            root.display()
        );
        write(
            &client.join(".claude.json"),
            &format!(r#"{{"mcpServers": {{"b": {{"command": "user"}}}}, {local}}}"#),
        );
        write(
            &client.join("settings.json"),
            r#"{"deniedMcpServers": [{"serverName": "d"}], "allowedMcpServers": 3}"#,
        );
        write(
            &root.join(".claude/settings.json"),
            r#"{"disabledMcpjsonServers": ["b"]}"#,
        );
        write(
            &root.join(".claude/settings.local.json"),
            r#"{"disabledMcpjsonServers": ["a"]}"#,
        );
        let servers = read(&Project::at(&root, &environment).unwrap(), &environment).unwrap();
        let refusal = |name: &str| {
            servers
                .get(name)
                .unwrap()
                .refusal
                .as_ref()
                .map(ToString::to_string)
        };
        assert_eq!(
            refusal("a").as_deref(),
            Some("disabled in .claude/settings.local.json")
        );
        assert_eq!(
            (refusal("b"), &servers.get("b").unwrap().scope),
            (None, &Scope::User),
            "the user's has the name now"
        );
        assert!(refusal("c").unwrap().starts_with("switched off in "));
        let new = ServerEntry::from_json(&serde_json::json!({ "command": "x" })).unwrap();
        assert!(
            servers.refusal_of_new("d", &new).is_some()
                && servers.refusal_of_new("e", &new).is_none()
        );
        assert_eq!(servers.warnings.len(), 1, "{:?}", servers.warnings);
    }

    #[test]
    fn what_is_managed_comes_first_and_may_be_all_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        let environment = Environment::within(root.clone(), &folder.path().join("home"));
        let managed = environment.managed_folder().unwrap().to_owned();
        write(
            &root.join(".mcp.json"),
            r#"{"mcpServers": {"a": {"command": "file"}, "search": {"command": "file"}}}"#,
        );
        let provided =
            r#"{"search": {"type": "http", "url": "https://x.example"}, "bad": {"command": "x"}}"#;
        write(
            &managed.join("managed-settings.json"),
            &format!(r#"{{"managedMcpServers": {provided}}}"#),
        );
        write(
            &managed.join("managed-settings.d/10-deny.json"),
            r#"{"deniedMcpServers": [{"serverName": "no"}]}"#,
        );
        write(
            &managed.join("managed-settings.d/.off.json"),
            r#"{"deniedMcpServers": [{"serverName": "a"}]}"#,
        );
        let look = || read(&Project::at(&root, &environment).unwrap(), &environment).unwrap();
        let servers = look();
        let scope = servers.get("search").unwrap().scope.place();
        assert!(
            scope.starts_with("in ") && scope.ends_with("managed-settings.json"),
            "{scope}"
        );
        assert!(
            servers.get("bad").unwrap().entry.is_err()
                && servers.get("a").unwrap().refusal.is_none()
        );
        write(
            &managed.join("managed-mcp.json"),
            r#"{"mcpServers": {"own": {"command": "x"}, "no": {"command": "x"}}}"#,
        );
        let servers = look();
        let refusal = |name: &str| {
            servers
                .get(name)
                .unwrap()
                .refusal
                .as_ref()
                .map(|refusal| refusal.how)
        };
        assert_eq!((refusal("own"), refusal("search")), (None, None));
        assert_eq!(
            (refusal("a"), refusal("no")),
            (Some(How::ShutOut), Some(How::Denied))
        );
        assert_eq!(servers.warnings, [""; 0]);
    }

    #[test]
    fn managed_files_that_make_no_sense_are_warnings() {
        let folder = tempfile::tempdir().unwrap();
        let environment =
            Environment::within(folder.path().to_owned(), &folder.path().join("home"));
        let managed = environment.managed_folder().unwrap().to_owned();
        write(&managed.join("managed-mcp.json"), "{ nonsense");
        write(&managed.join("managed-settings.json"), "[]");
        write(
            &managed.join("managed-settings.d/a.json"),
            r#"{"managedMcpServers": [], "deniedMcpServers": {}}"#,
        );
        fs::create_folder(&managed.join("managed-settings.d/b.json")).unwrap();
        write(
            &folder.path().join(".mcp.json"),
            r#"{"mcpServers": {"a": {"command": "x"}}}"#,
        );
        let servers = read(
            &Project::at(folder.path(), &environment).unwrap(),
            &environment,
        )
        .unwrap();
        assert_eq!(servers.warnings.len(), 5, "{:?}", servers.warnings);
        assert!(servers.get("a").unwrap().refusal.is_none());
    }

    #[test]
    fn broken_files_of_the_client_are_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let environment =
            Environment::within(folder.path().to_owned(), &folder.path().join("home"));
        write(&environment.client_state().unwrap(), "{ nonsense");
        write(&folder.path().join(".mcp.json"), "{ // no\n}");
        let servers = read(
            &Project::at(folder.path(), &environment).unwrap(),
            &environment,
        )
        .unwrap();
        assert_eq!(servers.warnings.len(), 1);
        assert!(servers.file.is_err() && servers.found.is_empty());
    }
}
