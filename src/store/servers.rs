//! The MCP servers that the client would find: of the project, of the user, of this folder alone, of plugins. Only read.
//!
//! The nearest wins whole, as for the client: local, then the project's `.mcp.json` and those of the folders above, then the user's,
//! then plugins'. A file of the client that cannot be read is a warning; the project's own is the caller's to judge.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::mcp_file::{self, McpFile};
use super::project::{Project, Scope as ProjectScope};
use crate::domain::server::ServerEntry;
use crate::env::Environment;
use crate::error::{Failure, Result};
use crate::fs;

/// The largest file of the client that is read, in bytes.
const MAX_STATE: u64 = 128 << 20;

/// Whose server it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The project's `.mcp.json`.
    Project,
    /// The `.mcp.json` of a folder above, as a person would type it.
    Above(String),
    /// The user's, for this folder only.
    Local,
    /// The user's, everywhere.
    User,
    /// A plugin's.
    Plugin(String),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Project => formatter.write_str("project"),
            Self::Above(path) => formatter.write_str(path),
            Self::Local => formatter.write_str("local"),
            Self::User => formatter.write_str("user"),
            Self::Plugin(name) => write!(formatter, "plugin {name}"),
        }
    }
}

/// A server that the client finds.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundServer {
    /// The name that tools have it by: `context7`, `plugin_tools_db`.
    pub name: String,
    /// Whose it is.
    pub scope: Scope,
    /// The whole entry.
    pub value: Value,
    /// The entry as the client reads it, or why it skips it.
    pub entry: std::result::Result<ServerEntry, String>,
    /// The line in `.mcp.json`, for those of projects.
    pub line: Option<usize>,
}

/// All servers, and the file that can be changed.
#[derive(Debug, Clone)]
pub struct Servers {
    /// By scope, the winning one of each name first.
    pub found: Vec<FoundServer>,
    /// The project's file; the failure, if the client would ignore it.
    pub file: std::result::Result<McpFile, Failure>,
    /// Files of the client that could not be read.
    pub warnings: Vec<String>,
}

impl Servers {
    /// The server that the client uses for a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&FoundServer> {
        self.found.iter().find(|server| server.name == name)
    }

    /// The names that are taken, each once.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.found.iter().map(|server| server.name.as_str()).collect();
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

/// Looks in all places.
pub fn read(project: &Project, environment: &Environment) -> Result<Servers> {
    let root = project.root();
    let is_project = project.scope() == ProjectScope::Project;
    let mut servers = Servers { found: Vec::new(), file: Ok(McpFile::absent()), warnings: Vec::new() };
    let state = environment.client_state();
    let state = state.and_then(|path| servers.json(&path)).unwrap_or_default();
    if is_project {
        let table = state.get("projects").and_then(|projects| projects.get(root.to_str()?));
        servers.take(table.and_then(|table| table.get("mcpServers")), &Scope::Local);
        let bytes = fs::read(&file_path(project), mcp_file::MAX_SIZE)?;
        servers.file = McpFile::parse(bytes.as_deref(), mcp_file::FILE_NAME);
        if let Ok(file) = servers.file.clone() {
            servers.take_file(&Scope::Project, &file);
        }
        for folder in root.ancestors().skip(1) {
            let path = folder.join(mcp_file::FILE_NAME);
            // What others left above the project is no reason to stop.
            let Ok(Some(bytes)) = fs::read(&path, mcp_file::MAX_SIZE) else {
                continue;
            };
            let shown = path.display().to_string();
            match McpFile::parse(Some(&bytes), &shown) {
                Ok(file) => servers.take_file(&Scope::Above(shown), &file),
                Err(failure) => servers.warnings.push(format!("{failure}; the client ignores it")),
            }
        }
    }
    servers.take(state.get("mcpServers"), &Scope::User);
    if let Some(client) = environment.client_folder() {
        servers.plugins(&client, is_project.then_some(root));
    }
    Ok(servers)
}

impl Servers {
    fn take_file(&mut self, scope: &Scope, file: &McpFile) {
        for server in file.servers() {
            let entry = ServerEntry::from_json(&server.value);
            let (name, value, line) = (server.name.clone(), server.value.clone(), Some(server.line));
            self.found.push(FoundServer { name, scope: scope.clone(), value, entry, line });
        }
    }

    fn take(&mut self, table: Option<&Value>, scope: &Scope) {
        for (name, value) in table.and_then(Value::as_object).into_iter().flatten() {
            let entry = ServerEntry::from_json(value);
            self.found.push(FoundServer { name: name.clone(), scope: scope.clone(), value: value.clone(), entry, line: None });
        }
    }

    /// A file of the client; `None` if it is not there or makes no sense.
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
            Ok(_) => None,
            Err(error) => {
                self.warnings.push(format!("`{}` is not valid JSON: {error}", path.display()));
                None
            }
        }
    }

    /// The servers of the plugins that are enabled for the user or the project.
    fn plugins(&mut self, client: &Path, root: Option<&Path>) {
        let mut settings = vec![client.join("settings.json")];
        if let Some(root) = root {
            settings.extend(["settings.json", "settings.local.json"].map(|file| root.join(".claude").join(file)));
        }
        let mut enabled: Map<String, Value> = Map::new();
        for path in settings {
            let settings = self.json(&path).unwrap_or_default();
            if let Some(Value::Object(plugins)) = settings.get("enabledPlugins") {
                enabled.extend(plugins.clone());
            }
        }
        if !enabled.values().any(|value| *value == true) {
            return;
        }
        let installed = self.json(&client.join("plugins").join("installed_plugins.json")).unwrap_or_default();
        let installed = installed.get("plugins").and_then(Value::as_object).cloned().unwrap_or_default();
        for (id, _) in enabled.iter().filter(|(_, value)| **value == true) {
            let records = installed.get(id).map(|record| record.as_array().cloned().unwrap_or_else(|| vec![record.clone()]));
            let folder = records.iter().flatten().find_map(|record| record.get("installPath")?.as_str().map(PathBuf::from));
            let plugin = id.split('@').next().unwrap_or(id);
            if let Some(folder) = folder {
                self.plugin(plugin, &folder);
            }
        }
    }

    fn plugin(&mut self, plugin: &str, folder: &Path) {
        let mut tables: Vec<Value> = Vec::new();
        let described = self.json(&folder.join(".claude-plugin").join("plugin.json")).unwrap_or_default();
        let mut files = vec![folder.join(mcp_file::FILE_NAME)];
        match described.get("mcpServers") {
            Some(Value::String(path)) => files.push(folder.join(path)),
            Some(Value::Array(paths)) => files.extend(paths.iter().filter_map(Value::as_str).map(|path| folder.join(path))),
            Some(table) => tables.push(table.clone()),
            None => {}
        }
        for path in files {
            // Plugins may leave out the key around the servers.
            let mut file = self.json(&path).unwrap_or_default();
            tables.push(file.remove("mcpServers").unwrap_or(Value::Object(file)));
        }
        let plain =
            |text: &str| text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect();
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
        write(&root.join(".mcp.json"), &format!("{{\n\"mcpServers\": {{\n\"a\": {},\n\"bad\": 3}}}}", entry("project")));
        write(&folder.path().join("above/.mcp.json"), &format!(r#"{{"mcpServers": {{"a": {0}, "up": {0}}}}}"#, entry("above")));
        let local = format!(r#""projects": {{"{}": {{"mcpServers": {{"l": {}}}}}}}"#, root.display(), entry("local"));
        write(&client.join(".claude.json"), &format!(r#"{{"mcpServers": {{"u": {}}}, {local}}}"#, entry("user")));
        write(&client.join("settings.json"), r#"{"enabledPlugins": {"tools@shop": true, "off@shop": false}}"#);
        let plugin = folder.path().join("plugin");
        let record = format!(r#"{{"version": 2, "plugins": {{"tools@shop": [{{"installPath": "{}"}}]}}}}"#, plugin.display());
        write(&client.join("plugins/installed_plugins.json"), &record);
        write(&plugin.join(".mcp.json"), &format!(r#"{{"my db": {}}}"#, entry("plugin")));
        let servers = read(&Project::at(&root), &environment).unwrap();
        let shown: Vec<String> = servers
            .found
            .iter()
            .map(|server| match &server.entry {
                Ok(entry) => format!("{} {entry}", server.name),
                Err(reason) => format!("{} !{reason}", server.name),
            })
            .collect();
        let expected =
            ["l local", "a project", "bad !an object is expected", "a above", "up above", "u user", "plugin_tools_my_db plugin"];
        assert_eq!(shown, expected);
        assert_eq!(servers.get("a").unwrap().scope, Scope::Project);
        assert_eq!((servers.get("bad").unwrap().line, servers.warnings.len()), (Some(4), 0));
    }

    #[test]
    fn broken_files_of_the_client_are_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::within(folder.path().to_owned(), &folder.path().join("home"));
        write(&environment.client_state().unwrap(), "{ nonsense");
        write(&folder.path().join(".mcp.json"), "{ // no\n}");
        let servers = read(&Project::at(folder.path()), &environment).unwrap();
        assert_eq!(servers.warnings.len(), 1);
        assert!(servers.file.is_err() && servers.found.is_empty());
    }
}
