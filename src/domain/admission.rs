//! Which configured MCP servers the client starts: what its settings switch off, deny and allow. Pure: values in, a refusal out.
//!
//! Variables are never filled in. Where a pattern and a server cannot be compared without that, nothing is refused: a server that is
//! said to be kept out certainly is.

use std::fmt;

use serde_json::{Map, Value};

use super::server::ServerEntry;

/// Where a server comes from, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An `.mcp.json`, whose servers the client has a person approve.
    File,
    /// A plugin, under a name that is made of the plugin's and its own.
    Plugin,
    /// The user's own settings.
    User,
}

/// How a server is kept from starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By its name in `disabledMcpjsonServers`.
    Disabled,
    /// With `/mcp`, for one folder.
    SwitchedOff,
    /// By `deniedMcpServers`.
    Denied,
    /// By not being in `allowedMcpServers`.
    NotAllowed,
}

/// Why the client does not start a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// How.
    pub how: How,
    /// The file that says so, as a person would type it.
    pub file: String,
}

impl Refusal {
    /// What brings the server back.
    #[must_use]
    pub fn mend(&self) -> String {
        let file = &self.file;
        match self.how {
            How::Disabled => format!("take it out of `disabledMcpjsonServers` in {file}"),
            How::SwitchedOff => "switch it on again with `/mcp` in Claude Code".to_owned(),
            How::Denied => format!("change `deniedMcpServers` in {file}"),
            How::NotAllowed => format!("add it to `allowedMcpServers` in {file}"),
        }
    }
}

/// A participle and a place: `disabled in .claude/settings.json`.
impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.how {
            How::Disabled => "disabled",
            How::SwitchedOff => "switched off",
            How::Denied => "denied",
            How::NotAllowed => "not allowed",
        };
        write!(formatter, "{what} in {}", self.file)
    }
}

/// What all settings together say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    disabled: Vec<(String, String)>,
    switched_off: Vec<(String, String)>,
    denied: Vec<(Pattern, String)>,
    allowed: Vec<(Vec<Pattern>, String)>,
}

/// One entry of a list of servers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Name(String),
    /// The program and all its arguments.
    Command(Vec<String>),
    /// An address, in which `*` stands for anything.
    Url(String),
}

impl Admission {
    /// Takes in a settings file. Gives back what in it is not as it should be and was passed over, in words.
    pub fn learn(&mut self, settings: &Map<String, Value>, file: &str) -> Vec<String> {
        let mut notes = Vec::new();
        self.disabled.extend(names(settings, "disabledMcpjsonServers", file, &mut notes));
        let denied = patterns(settings, "deniedMcpServers", file, &mut notes).unwrap_or_default();
        self.denied.extend(denied.into_iter().map(|pattern| (pattern, file.to_owned())));
        if let Some(allowed) = patterns(settings, "allowedMcpServers", file, &mut notes) {
            self.allowed.push((allowed, file.to_owned()));
        }
        notes
    }

    /// Takes in what the client keeps about one folder.
    pub fn learn_folder(&mut self, folder: &Map<String, Value>, file: &str) -> Vec<String> {
        let mut notes = Vec::new();
        self.switched_off.extend(names(folder, "disabledMcpServers", file, &mut notes));
        notes
    }

    /// Why the client does not start a server, if it does not. `entry`: the server, unless the client cannot read it.
    #[must_use]
    pub fn refusal(&self, name: &str, origin: Origin, entry: Option<&ServerEntry>) -> Option<Refusal> {
        let is_named = |listed: &str| listed == name || origin == Origin::Plugin && plain(listed) == name;
        let by_name = |list: &[(String, String)], how| {
            let found = list.iter().find(|(listed, _)| is_named(listed));
            found.map(|(_, file)| Refusal { how, file: file.clone() })
        };
        let disabled = by_name(&self.disabled, How::Disabled).filter(|_| origin == Origin::File);
        disabled
            .or_else(|| {
                let is_denied = |pattern: &Pattern| match pattern {
                    Pattern::Name(listed) => is_named(listed),
                    pattern => entry.and_then(|entry| pattern.meets(entry)) == Some(true),
                };
                let found = self.denied.iter().find(|(pattern, _)| is_denied(pattern));
                found.map(|(_, file)| Refusal { how: How::Denied, file: file.clone() })
            })
            .or_else(|| self.not_allowed(&is_named, entry?))
            .or_else(|| by_name(&self.switched_off, How::SwitchedOff))
    }

    /// All lists of allowed servers count as one. A name counts only where none of them has an entry of the server's own kind.
    fn not_allowed(&self, is_named: &dyn Fn(&str) -> bool, entry: &ServerEntry) -> Option<Refusal> {
        let (_, file) = self.allowed.first()?;
        let all = || self.allowed.iter().flat_map(|(patterns, _)| patterns);
        let is_of_kind = |pattern: &&Pattern| match entry {
            ServerEntry::Program { .. } => matches!(pattern, Pattern::Command(_)),
            ServerEntry::Remote { .. } => matches!(pattern, Pattern::Url(_)),
        };
        let is_allowed = if all().any(|pattern| is_of_kind(&pattern)) {
            all().filter(is_of_kind).any(|pattern| pattern.meets(entry) != Some(false))
        } else {
            all().any(|pattern| matches!(pattern, Pattern::Name(listed) if is_named(listed)))
        };
        (!is_allowed).then(|| Refusal { how: How::NotAllowed, file: file.clone() })
    }
}

impl Pattern {
    fn read(value: &Value) -> Option<Self> {
        let entry = value.as_object().filter(|entry| entry.len() == 1)?;
        let (key, value) = entry.iter().next()?;
        match (key.as_str(), value) {
            ("serverName", Value::String(name)) if !name.is_empty() => Some(Self::Name(name.clone())),
            ("serverUrl", Value::String(url)) if !url.is_empty() => Some(Self::Url(url.clone())),
            ("serverCommand", Value::Array(words)) if !words.is_empty() => {
                let words: Option<_> = words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
                Some(Self::Command(words?))
            }
            _ => None,
        }
    }

    /// Whether it means this server, whatever that is called; `None`: nobody knows without the values of variables.
    fn meets(&self, entry: &ServerEntry) -> Option<bool> {
        let is_open = |text: &str| text.contains("${");
        match (self, entry) {
            (Self::Command(words), ServerEntry::Program { command, args, .. }) => {
                let own: Vec<&String> = std::iter::once(command).chain(args).collect();
                let is_same = own.len() == words.len() && own.iter().zip(words).all(|(own, word)| *own == word);
                let is_known = is_same || !own.into_iter().chain(words).any(|word| is_open(word));
                is_known.then_some(is_same)
            }
            (Self::Url(pattern), ServerEntry::Remote { url, .. }) => {
                let is_known = pattern == url || !is_open(pattern) && !is_open(url);
                is_known.then(|| pattern == url || Address::of(pattern).meets(&Address::of(url)))
            }
            _ => Some(false),
        }
    }
}

/// An address or a pattern of addresses. `*` does not reach from one part into the next.
struct Address {
    scheme: String,
    host: String,
    path: Option<String>,
}

impl Address {
    fn of(text: &str) -> Self {
        let (scheme, rest) = text.split_once("://").unwrap_or(("*", text));
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let scheme = scheme.to_ascii_lowercase();
        let host = authority.rsplit('@').next().unwrap_or(authority).to_ascii_lowercase();
        let usual = match scheme.as_str() {
            "https" | "wss" => ":443",
            "http" | "ws" => ":80",
            _ => "",
        };
        let host = host.strip_suffix(usual).unwrap_or(&host);
        let (name, port) = host.rsplit_once(':').map_or((host, String::new()), |(name, port)| (name, format!(":{port}")));
        let host = format!("{}{port}", name.trim_end_matches('.'));
        Self { scheme, host, path: (!path.is_empty()).then(|| path.to_owned()) }
    }

    /// Whether a pattern means an address. One without a path means every path.
    fn meets(&self, address: &Self) -> bool {
        let path = address.path.as_deref().unwrap_or("/");
        wild(&self.scheme, &address.scheme)
            && wild(&self.host, &address.host)
            && self.path.as_ref().is_none_or(|pattern| wild(pattern, path))
    }
}

/// Whether the text is as the pattern has it, `*` being anything.
fn wild(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

/// A name as tools have it: `plugin:tools:db` is `plugin_tools_db`.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect()
}

fn names(table: &Map<String, Value>, key: &str, file: &str, notes: &mut Vec<String>) -> Vec<(String, String)> {
    let Some(items) = list(table, key, file, notes) else {
        return Vec::new();
    };
    let named: Vec<_> = items.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), file.to_owned())).collect();
    if named.len() < items.len() {
        notes.push(format!("`{key}` in {file} has entries that are not names; they are passed over"));
    }
    named
}

fn patterns(table: &Map<String, Value>, key: &str, file: &str, notes: &mut Vec<String>) -> Option<Vec<Pattern>> {
    let items = list(table, key, file, notes)?;
    let patterns: Vec<_> = items.iter().filter_map(Pattern::read).collect();
    if patterns.len() < items.len() {
        let keys = "`serverName`, `serverCommand` or `serverUrl`";
        notes.push(format!("`{key}` in {file} has entries that are not one {keys}; they are passed over"));
    }
    Some(patterns)
}

fn list<'t>(table: &'t Map<String, Value>, key: &str, file: &str, notes: &mut Vec<String>) -> Option<&'t Vec<Value>> {
    let value = table.get(key)?;
    let items = value.as_array();
    if items.is_none() {
        notes.push(format!("`{key}` in {file} is not a list; it is passed over"));
    }
    items
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn admission(settings: &Value) -> Admission {
        let mut admission = Admission::default();
        assert_eq!(admission.learn(settings.as_object().unwrap(), "s.json"), [""; 0]);
        admission
    }

    fn refused(settings: &Value, name: &str, origin: Origin, entry: &Value) -> Option<How> {
        let entry = ServerEntry::from_json(entry).unwrap();
        admission(settings).refusal(name, origin, Some(&entry)).map(|refusal| refusal.how)
    }

    #[test]
    fn names_are_disabled_and_denied() {
        let settings = json!({ "disabledMcpjsonServers": ["db"], "deniedMcpServers": [{ "serverName": "plugin:tools:web" }] });
        let entry = json!({ "command": "x" });
        assert_eq!(refused(&settings, "db", Origin::File, &entry), Some(How::Disabled));
        assert_eq!(refused(&settings, "db", Origin::User, &entry), None, "it is about files only");
        assert_eq!(refused(&settings, "dbs", Origin::File, &entry), None);
        assert_eq!(refused(&settings, "plugin_tools_web", Origin::Plugin, &entry), Some(How::Denied));
        assert_eq!(refused(&settings, "plugin_tools_web", Origin::File, &entry), None);
        let denied = admission(&json!({ "deniedMcpServers": [{ "serverName": "db" }] }));
        assert_eq!(denied.refusal("db", Origin::User, None).unwrap().to_string(), "denied in s.json");
        let mut off = Admission::default();
        assert!(off.learn_folder(json!({ "disabledMcpServers": ["db"] }).as_object().unwrap(), "~/.claude.json").is_empty());
        assert_eq!(off.refusal("db", Origin::File, None).unwrap().to_string(), "switched off in ~/.claude.json");
    }

    #[test]
    fn commands_and_addresses_are_denied_as_they_are() {
        let command = json!({ "deniedMcpServers": [{ "serverCommand": ["npx", "-y", "bad"] }] });
        for (args, how) in [
            (json!(["-y", "bad"]), Some(How::Denied)),
            (json!(["bad"]), None),
            (json!(["-y", "bad", "--flag"]), None),
            (json!(["-y", "${PACKAGE}"]), None),
        ] {
            assert_eq!(refused(&command, "a", Origin::User, &json!({ "command": "npx", "args": args })), how);
        }
        for (pattern, url, is_denied) in [
            ("https://mcp.example.com/*", "https://MCP.example.com./api", true),
            ("https://mcp.example.com/*", "https://mcp.example.com", true),
            ("https://mcp.example.com", "https://mcp.example.com:443/a?b", true),
            ("https://mcp.example.com/api", "https://mcp.example.com/API", false),
            ("https://*.example.com/*", "https://a.b.example.com/x", true),
            ("https://*.example.com/*", "https://example.com/x", false),
            ("https://*.example.com/*", "https://evil.example/x.example.com/y", false),
            ("http://localhost:*/*", "http://localhost:3000/sse", true),
            ("*://mcp.example.com/*", "http://mcp.example.com/x", true),
            ("https://mcp.example.com/*", "https://mcp.example.com@evil.example/", false),
            ("https://mcp.example.com/*", "https://${HOST}/x", false),
            ("https://${HOST}/x", "https://${HOST}/x", true),
        ] {
            let settings = json!({ "deniedMcpServers": [{ "serverUrl": pattern }] });
            let how = refused(&settings, "a", Origin::User, &json!({ "type": "http", "url": url }));
            assert_eq!(how.is_some(), is_denied, "{pattern} {url}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_refused_unless_nobody_can_tell() {
        let program = |args: Value| json!({ "command": "npx", "args": args });
        let remote = json!({ "type": "http", "url": "https://x.example/mcp" });
        let none = json!({ "allowedMcpServers": [] });
        assert_eq!(refused(&none, "a", Origin::User, &remote), Some(How::NotAllowed));
        let mixed = json!({ "allowedMcpServers": [{ "serverName": "a" }, { "serverCommand": ["npx", "good"] }] });
        assert_eq!(refused(&mixed, "a", Origin::User, &remote), None, "no entry is about addresses, so the name counts");
        assert_eq!(refused(&mixed, "b", Origin::User, &remote), Some(How::NotAllowed));
        assert_eq!(refused(&mixed, "a", Origin::User, &program(json!(["other"]))), Some(How::NotAllowed));
        assert_eq!(refused(&mixed, "b", Origin::User, &program(json!(["good"]))), None);
        assert_eq!(refused(&mixed, "b", Origin::User, &program(json!(["${PACKAGE}"]))), None);
        let both = json!({ "allowedMcpServers": [{ "serverName": "a" }], "deniedMcpServers": [{ "serverName": "a" }] });
        assert_eq!(refused(&both, "a", Origin::User, &remote), Some(How::Denied));
    }

    #[test]
    fn what_makes_no_sense_is_a_note() {
        let mut admission = Admission::default();
        let settings = json!({
            "disabledMcpjsonServers": "db", "deniedMcpServers": [{ "serverName": "a", "serverUrl": "b" }, 5, { "serverName": "c" }],
            "allowedMcpServers": { "serverName": "d" },
        });
        let notes = admission.learn(settings.as_object().unwrap(), "s.json");
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert_eq!(notes[0], "`disabledMcpjsonServers` in s.json is not a list; it is passed over");
        assert!(admission.refusal("db", Origin::File, None).is_none() && admission.refusal("c", Origin::File, None).is_some());
        assert!(admission.allowed.is_empty());
    }
}
