//! What is known about MCP servers and tools: entries in the format of the official registry's `server.json`, other names of servers,
//! servers that are part of the client, archived packages, and renamed or removed tools. Pure: text in, values out.
//!
//! The data comes from registries. Entries may come from untrusted authors, so an entry that could start something other than it names is
//! refused.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::name::is_invisible;
use super::registry_file::{ArchivedPackage, RegistryFile, RetiredTool};
use super::server::ServerEntry;

/// The largest entry that is read, in bytes.
pub const MAX_ENTRY: usize = 64 << 10;

/// Where publishers put what the official format has no field for.
const PUBLISHER: &str = "io.modelcontextprotocol.registry/publisher-provided";

/// A server that can be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueServer {
    /// The name that agents usually use for it.
    pub server: String,
    /// Its name in the official format: `io.github.upstash/context7`.
    pub name: String,
    /// The version of the entry.
    pub version: String,
    /// The registry that has it.
    pub registry: String,
    /// It is no longer maintained.
    pub is_archived: bool,
    /// What else is worth knowing.
    pub note: Option<String>,
    /// Its tools; empty if they are not known.
    pub tools: Vec<String>,
    /// Variables that it understands but does not need.
    pub optional: Vec<String>,
    /// What goes into `.mcp.json`.
    pub entry: ServerEntry,
}

/// What a name of a server means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// It is part of the client; the text says when.
    Provided(&'a str),
    /// It can be added.
    Known(&'a CatalogueServer),
    /// It is unknown.
    Unknown,
}

/// What a name of a tool means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolMeaning {
    /// A tool of the client.
    Current,
    /// An old name.
    Retired(RetiredTool),
    /// Not spelled like the client's tools; with the tool that it may mean.
    Foreign(Option<String>),
    /// It may be a tool, perhaps of another version.
    Unknown,
}

/// Everything that the registries know about servers and tools.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    servers: BTreeMap<String, CatalogueServer>,
    aliases: BTreeMap<String, String>,
    provided: BTreeMap<String, String>,
    archived: BTreeMap<String, ArchivedPackage>,
    tools: Vec<String>,
    own_agents: Vec<String>,
    retired: BTreeMap<String, RetiredTool>,
    foreign: BTreeMap<String, String>,
    notes: Vec<String>,
    /// The servers by the words of their names, made when first needed.
    by_words: OnceCell<HashMap<String, String>>,
}

impl Catalogue {
    /// Adds what a registry knows. Existing entries stay: the first registry that defines a name wins.
    pub fn extend<'t>(
        &mut self,
        registry: &str,
        file: &RegistryFile,
        entries: impl Iterator<Item = (&'t str, &'t str)>,
    ) {
        self.by_words.take();
        for (path, text) in entries {
            match CatalogueServer::parse(text, registry) {
                Ok(server) => drop(self.servers.entry(server.server.clone()).or_insert(server)),
                Err(reason) => self.notes.push(format!("{registry}: {path}: {reason}")),
            }
        }
        for (alias, server) in &file.aliases {
            self.aliases
                .entry(alias.clone())
                .or_insert_with(|| server.clone());
        }
        for (package, archived) in &file.archived {
            self.archived
                .entry(package.clone())
                .or_insert_with(|| archived.clone());
        }
        for (name, note) in &file.provided {
            self.provided
                .entry(name.clone())
                .or_insert_with(|| note.clone());
        }
        if self.tools.is_empty() {
            self.tools.clone_from(&file.tools);
            self.own_agents.clone_from(&file.own_agents);
        }
        for (name, tool) in &file.retired_tools {
            self.retired
                .entry(name.clone())
                .or_insert_with(|| tool.clone());
        }
        for (name, meant) in &file.foreign_tools {
            self.foreign
                .entry(name.clone())
                .or_insert_with(|| meant.clone());
        }
    }

    /// Entries that were left out, with the reasons.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What a server's name means: by its own name, by another name, or by the same words in another spelling.
    #[must_use]
    pub fn server(&self, name: &str) -> Meaning<'_> {
        let is_provided = |known: &str| match known.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == known,
        };
        if let Some((_, note)) = self.provided.iter().find(|(known, _)| is_provided(known)) {
            return Meaning::Provided(note);
        }
        let aliased = |name: &str| self.servers.get(self.aliases.get(name)?);
        let by_words = || {
            let known = self.by_words.get_or_init(|| self.words());
            self.servers.get(known.get(&fold(name))?)
        };
        let found = self
            .servers
            .get(name)
            .or_else(|| aliased(name))
            .or_else(by_words);
        found.map_or(Meaning::Unknown, Meaning::Known)
    }

    /// The words of each server's names. Where several names have the same, a server's own comes first.
    fn words(&self) -> HashMap<String, String> {
        let servers = self.servers.values();
        let servers = servers.map(|server| (&server.server, &server.server));
        let mut words = HashMap::new();
        for (known, server) in servers.chain(&self.aliases) {
            words.entry(fold(known)).or_insert_with(|| server.clone());
        }
        words
    }

    /// Whether two names mean the same server.
    #[must_use]
    pub fn is_same(&self, one: &str, other: &str) -> bool {
        fold(one) == fold(other)
            || matches!((self.server(one), self.server(other)), (Meaning::Known(one), Meaning::Known(other)) if one.server == other.server)
    }

    /// What is known about the package that an entry starts, if it was archived.
    #[must_use]
    pub fn archived(&self, entry: &ServerEntry) -> Option<&ArchivedPackage> {
        self.archived
            .values()
            .find(|archived| entry.starts_package(&archived.package))
    }

    /// The message about a server that is no longer maintained, by its name.
    #[must_use]
    pub fn archived_server(&self, name: &str) -> Option<&ArchivedPackage> {
        self.archived.get(name)
    }

    /// Whether an agent of this name is part of the client.
    #[must_use]
    pub fn has_agent(&self, name: &str) -> bool {
        self.own_agents.iter().any(|known| known == name)
    }

    /// What a tool's name means; not for tools of MCP servers.
    #[must_use]
    pub fn tool(&self, name: &str) -> ToolMeaning {
        if self.tools.iter().any(|known| known == name) {
            return ToolMeaning::Current;
        }
        if let Some(retired) = self.retired.get(name) {
            return ToolMeaning::Retired(retired.clone());
        }
        if let Some(meant) = self.foreign.get(name) {
            return ToolMeaning::Foreign(Some(meant.clone()));
        }
        let is_spelled = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric());
        let meant = self
            .tools
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name))
            .cloned();
        let meant = meant.or_else(|| {
            let mut retired = self
                .retired
                .iter()
                .filter(|(known, _)| known.eq_ignore_ascii_case(name));
            retired
                .next()
                .and_then(|(_, tool)| tool.now.first().cloned())
        });
        if is_spelled && meant.is_none() {
            ToolMeaning::Unknown
        } else {
            ToolMeaning::Foreign(meant)
        }
    }
}

/// A server's name without the parts that people write differently: case, `-` and `_`, the words `mcp` and `server`.
fn fold(name: &str) -> String {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower
        .split(['-', '_', '.', ' '])
        .filter(|word| !word.is_empty())
        .collect();
    let own: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !matches!(*word, "mcp" | "server"))
        .collect();
    if own.is_empty() {
        words.concat()
    } else {
        own.concat()
    }
}

impl CatalogueServer {
    /// Reads an entry; the error is the reason why it cannot be used.
    pub fn parse(text: &str, registry: &str) -> Result<Self, String> {
        if text.len() > MAX_ENTRY {
            return Err(format!("larger than {} KiB", MAX_ENTRY >> 10));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        check_characters(&value)?;
        let required = |key: &str| {
            value[key]
                .as_str()
                .filter(|text| !text.is_empty())
                .ok_or(format!("`{key}` is missing"))
        };
        let name = required("name")?.to_owned();
        let own = &value["_meta"][PUBLISHER]["agentpkg"];
        let server = own["server"]
            .as_str()
            .or_else(|| name.rsplit('/').next())
            .unwrap_or_default()
            .to_owned();
        if !super::server::is_addable(&server) {
            return Err(format!("`{server}` cannot be the name of a server"));
        }
        let texts = |value: &Value| {
            let items = value.as_array().into_iter().flatten();
            items
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let packages = value["packages"].as_array().map_or(&[][..], Vec::as_slice);
        let remotes = value["remotes"].as_array().map_or(&[][..], Vec::as_slice);
        let by_package = || {
            packages
                .iter()
                .map(|package| package_entry(&server, package))
        };
        let by_remote = || remotes.iter().map(|remote| remote_entry(&server, remote));
        let launches: Vec<_> = match own["prefer"].as_str() {
            Some("remote") => by_remote().chain(by_package()).collect(),
            _ => by_package().chain(by_remote()).collect(),
        };
        let reasons: Vec<String> = launches
            .iter()
            .filter_map(|launch| launch.as_ref().err().cloned())
            .collect();
        let Some(Launch { entry, optional }) = launches.into_iter().find_map(Result::ok) else {
            return Err(reasons
                .into_iter()
                .next()
                .unwrap_or_else(|| "it says neither what to start nor where it is".to_owned()));
        };
        Ok(Self {
            server,
            name,
            version: required("version")?.to_owned(),
            registry: registry.to_owned(),
            is_archived: own["archived"].as_bool().unwrap_or(false),
            note: own["note"].as_str().map(str::to_owned),
            tools: texts(&own["tools"]),
            optional,
            entry,
        })
    }
}

struct Launch {
    entry: ServerEntry,
    optional: Vec<String>,
}

/// The command that starts a package, if it says in a sound way how.
fn launcher(package: &Value) -> Result<&'static str, String> {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    let (kind, identifier, version) = (text("registryType"), text("identifier"), text("version"));
    if package["transport"]["type"]
        .as_str()
        .is_some_and(|transport| transport != "stdio")
    {
        return Err("its package is not started through stdio".to_owned());
    }
    let is_plain = |text: &str, others: &str| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@' && others.contains('@'))
            && text.chars().all(is_allowed)
    };
    let is_exact = |version: &str| {
        version.starts_with(|c: char| c.is_ascii_digit()) && is_plain(version, ".-+_")
    };
    let (command, base) = match kind {
        "npm" => ("npx", "https://registry.npmjs.org"),
        "pypi" => ("uvx", "https://pypi.org"),
        "oci" => ("docker", "https://docker.io"),
        other => return Err(format!("packages of the kind `{other}` cannot be started")),
    };
    if !["", command].contains(&text("runtimeHint")) {
        return Err(format!(
            "it wants to be started with `{}`",
            text("runtimeHint")
        ));
    }
    if package["registryBaseUrl"]
        .as_str()
        .is_some_and(|url| url.trim_end_matches('/') != base)
        && kind != "oci"
    {
        return Err(format!("its package is not in {base}"));
    }
    let is_sound = match kind {
        "npm" => is_plain(identifier, "@/-._~") && !identifier[1..].contains('@'),
        "pypi" => is_plain(identifier, "-._"),
        _ => is_plain(identifier, "-._/:@"),
    };
    if !is_sound {
        return Err(format!("`{identifier}` cannot be the name of a package"));
    }
    if kind != "oci" && !is_exact(version) {
        return Err(format!("`{version}` is not an exact version"));
    }
    Ok(command)
}

fn package_entry(server: &str, package: &Value) -> Result<Launch, String> {
    let command = launcher(package)?;
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    let (kind, identifier, version) = (text("registryType"), text("identifier"), text("version"));
    let mut optional = Vec::new();
    let mut env = Vec::new();
    for variable in package["environmentVariables"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let name = variable["name"].as_str().unwrap_or_default();
        if !is_variable(name) {
            return Err(format!("`{name}` cannot be the name of a variable"));
        }
        match filled(server, name, variable) {
            Some(value) => env.push((name.to_owned(), value)),
            None => optional.push(name.to_owned()),
        }
    }
    let (runtime, own) = (
        arguments(server, &package["runtimeArguments"])?,
        arguments(server, &package["packageArguments"])?,
    );
    let mut args = Vec::new();
    match kind {
        "npm" => {
            args.push("-y".to_owned());
            args.extend(
                runtime
                    .into_iter()
                    .filter(|argument| argument != "-y" && argument != "--yes"),
            );
            args.push(format!("{identifier}@{version}"));
        }
        "pypi" => {
            args.extend(runtime);
            args.push(format!("{identifier}=={version}"));
        }
        _ => {
            args.extend(["run", "-i", "--rm"].map(str::to_owned));
            args.extend(
                env.iter()
                    .flat_map(|(name, _)| ["-e".to_owned(), name.clone()]),
            );
            args.extend(runtime);
            args.push(identifier.to_owned());
        }
    }
    args.extend(own);
    env.sort();
    Ok(Launch {
        entry: ServerEntry::Program {
            command: command.to_owned(),
            args,
            env,
        },
        optional,
    })
}

fn remote_entry(server: &str, remote: &Value) -> Result<Launch, String> {
    let transport = match remote["type"].as_str() {
        Some("streamable-http" | "http") => "http",
        Some("sse") => "sse",
        other => {
            return Err(format!(
                "the transport `{}` is unknown",
                other.unwrap_or_default()
            ));
        }
    };
    let url = remote["url"].as_str().unwrap_or_default();
    if !url.starts_with("https://") {
        return Err("its address is not https".to_owned());
    }
    let mut headers = Vec::new();
    for header in remote["headers"].as_array().into_iter().flatten() {
        let name = header["name"].as_str().unwrap_or_default();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(format!("`{name}` cannot be the name of a header"));
        }
        if let Some(value) = filled(server, &format!("{server}_{name}"), header) {
            headers.push((name.to_owned(), value));
        }
    }
    let url = substituted(server, url, &remote["variables"]);
    headers.sort();
    Ok(Launch {
        entry: ServerEntry::Remote {
            transport,
            url,
            headers,
        },
        optional: Vec::new(),
    })
}

fn arguments(server: &str, list: &Value) -> Result<Vec<String>, String> {
    let mut args = Vec::new();
    for argument in list.as_array().into_iter().flatten() {
        let name = argument["name"]
            .as_str()
            .or_else(|| argument["valueHint"].as_str())
            .unwrap_or("argument");
        let value = filled(server, &format!("{server}_{name}"), argument);
        match argument["type"].as_str() {
            Some("positional") => args.extend(value),
            Some("named") => {
                let name = argument["name"]
                    .as_str()
                    .filter(|name| name.starts_with('-'))
                    .ok_or("an argument has no name")?;
                let takes_value = [
                    "valueHint",
                    "format",
                    "choices",
                    "placeholder",
                    "default",
                    "value",
                ]
                .iter()
                .any(|key| !argument[key].is_null());
                match value {
                    Some(value) => args.extend([name.to_owned(), value]),
                    None if !takes_value => args.push(name.to_owned()),
                    None => {}
                }
            }
            _ => return Err("an argument is neither positional nor named".to_owned()),
        }
    }
    Ok(args)
}

/// The text for an input: fixed, with variables of the user, or `None` if it may be omitted.
fn filled(server: &str, name: &str, input: &Value) -> Option<String> {
    if let Some(value) = input["value"].as_str() {
        return Some(substituted(server, value, &input["variables"]));
    }
    let is_required = input["isRequired"].as_bool().unwrap_or(false);
    let is_named = input["type"].as_str() == Some("named");
    if !is_required && (input["default"].is_null() || input["type"].is_null()) {
        return None;
    }
    let default = input["default"]
        .as_str()
        .filter(|_| !input["isSecret"].as_bool().unwrap_or(false));
    match default {
        // An input that is not secret and has a usual value is written with that value; a variable of the environment can still be set.
        Some(default) if !input["type"].is_null() => Some(default.to_owned()),
        Some(default) => Some(format!("${{{}:-{default}}}", variable(server, name))),
        None if is_named
            && input["valueHint"].is_null()
            && input["format"].is_null()
            && input["choices"].is_null() =>
        {
            None
        }
        None => Some(format!("${{{}}}", variable(server, name))),
    }
}

/// `{name}` in a fixed text stands for a variable of the user.
fn substituted(server: &str, text: &str, variables: &Value) -> String {
    let mut result = text.to_owned();
    for (name, input) in variables.as_object().into_iter().flatten() {
        let default = input["default"]
            .as_str()
            .filter(|_| !input["isSecret"].as_bool().unwrap_or(false));
        let value = match (input["value"].as_str(), default) {
            (Some(value), _) => value.to_owned(),
            (None, Some(default)) => format!("${{{}:-{default}}}", variable(server, name)),
            (None, None) => format!("${{{}}}", variable(server, name)),
        };
        result = result.replace(&format!("{{{name}}}"), &value);
    }
    result
}

/// A variable that cannot be confused with another server's.
fn variable(server: &str, name: &str) -> String {
    if is_variable(name) && !name.chars().any(|c| c.is_ascii_lowercase()) {
        return name.to_owned();
    }
    let plain = |text: &str| -> String {
        let upper = text
            .to_uppercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect::<String>();
        upper.trim_matches('_').to_owned()
    };
    let (server, name) = (plain(server), plain(name));
    if name.starts_with(&server) {
        name
    } else {
        format!("{server}_{name}")
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Text that would look different on a screen must not be part of what a user agrees to.
fn check_characters(value: &Value) -> Result<(), String> {
    let is_hidden = |text: &str| text.chars().any(|c| c.is_control() || is_invisible(c));
    match value {
        Value::String(text) if is_hidden(text) => {
            Err("it contains invisible characters".to_owned())
        }
        Value::Array(items) => items.iter().try_for_each(check_characters),
        Value::Object(entries) => entries.iter().try_for_each(|(key, value)| {
            if is_hidden(key) {
                Err("it contains invisible characters".to_owned())
            } else {
                check_characters(value)
            }
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(parts: &Value) -> Result<String, String> {
        let mut value = json!({ "name": "io.example/some-server", "version": "1.0.0" });
        value
            .as_object_mut()
            .unwrap()
            .extend(parts.as_object().unwrap().clone());
        CatalogueServer::parse(&value.to_string(), "test")
            .map(|server| server.entry.to_json().to_string())
    }

    fn package(parts: &Value) -> Result<String, String> {
        let mut package = json!({ "registryType": "npm", "identifier": "@a/b", "version": "1.2.3", "transport": { "type": "stdio" } });
        package
            .as_object_mut()
            .unwrap()
            .extend(parts.as_object().unwrap().clone());
        entry(&json!({ "packages": [package] }))
    }

    #[test]
    fn every_kind_of_package_becomes_a_command() {
        assert_eq!(
            package(&json!({})).unwrap(),
            r#"{"args":["-y","@a/b@1.2.3"],"command":"npx","env":{},"type":"stdio"}"#
        );
        assert_eq!(
            package(&json!({ "registryType": "pypi", "identifier": "a-b" })).unwrap(),
            r#"{"args":["a-b==1.2.3"],"command":"uvx","env":{},"type":"stdio"}"#
        );
        let variables = json!([{ "name": "TOKEN", "isRequired": true, "isSecret": true }, { "name": "OPTIONAL" }, { "name": "LEVEL", "isRequired": true, "default": "info" }]);
        assert_eq!(
            package(&json!({ "registryType": "oci", "identifier": "ghcr.io/a/b:1", "environmentVariables": variables })).unwrap(),
            r#"{"args":["run","-i","--rm","-e","TOKEN","-e","LEVEL","ghcr.io/a/b:1"],"command":"docker","env":{"LEVEL":"${LEVEL:-info}","TOKEN":"${TOKEN}"},"type":"stdio"}"#
        );
        let arguments = json!([
            { "type": "named", "name": "--flag" },
            { "type": "named", "name": "--mode", "value": "a" },
            { "type": "named", "name": "--later", "valueHint": "x" },
            { "type": "named", "name": "--dir", "default": ".", "format": "filepath" },
            { "type": "positional", "value": "--ref={ref}", "variables": { "ref": { "isRequired": true } } },
            { "type": "positional", "valueHint": "place", "isRequired": true }
        ]);
        assert_eq!(
            package(&json!({ "packageArguments": arguments })).unwrap(),
            r#"{"args":["-y","@a/b@1.2.3","--flag","--mode","a","--dir",".","--ref=${SOME_SERVER_REF}","${SOME_SERVER_PLACE}"],"command":"npx","env":{},"type":"stdio"}"#
        );
    }

    #[test]
    fn what_could_start_something_else_is_refused() {
        for parts in [
            json!({ "identifier": "-x" }),
            json!({ "identifier": "a b" }),
            json!({ "identifier": "@a/b@2" }),
            json!({ "identifier": "git+https://x" }),
            json!({ "version": "latest" }),
            json!({ "version": "^1" }),
            json!({ "version": null }),
            json!({ "registryType": "mcpb" }),
            json!({ "runtimeHint": "sh" }),
            json!({ "registryBaseUrl": "https://evil.example" }),
            json!({ "transport": { "type": "sse" } }),
            json!({ "environmentVariables": [{ "name": "A B" }] }),
            json!({ "packageArguments": [{ "type": "positional", "value": "a\u{202e}b" }] }),
            json!({ "packageArguments": [{ "type": "other" }] }),
        ] {
            assert!(package(&parts).is_err(), "{parts}");
        }
        assert!(entry(&json!({})).is_err());
        assert!(
            entry(&json!({ "remotes": [{ "type": "streamable-http", "url": "http://x.y" }] }))
                .is_err()
        );
        assert!(CatalogueServer::parse("{", "test").is_err());
    }

    #[test]
    fn servers_elsewhere_get_their_headers_from_variables() {
        let remote = json!({ "type": "streamable-http", "url": "https://x.y/{project}", "variables": { "project": {} }, "headers": [
            { "name": "Authorization", "isRequired": true, "isSecret": true, "value": "Bearer {TOKEN}", "variables": { "TOKEN": { "isSecret": true } } },
            { "name": "X-Key", "isRequired": true, "isSecret": true },
            { "name": "X-More" }
        ] });
        assert_eq!(
            entry(&json!({ "remotes": [remote] })).unwrap(),
            r#"{"headers":{"Authorization":"Bearer ${TOKEN}","X-Key":"${SOME_SERVER_X_KEY}"},"type":"http","url":"https://x.y/${SOME_SERVER_PROJECT}"}"#
        );
    }
}
