//! Which configured MCP servers the client starts: what its settings switch off, deny and allow. Pure: values in, a refusal out.
//!
//! Variables are never expanded. Where a pattern and a server cannot be compared without that, nothing is refused: a server that is
//! reported as disabled certainly is.

use std::fmt;

use serde_json::{Map, Value};

use super::server::ServerEntry;

/// Where a server comes from, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An `.mcp.json`, whose servers the client asks a person to approve.
    File,
    /// A plugin; the name is made of the plugin's name and the server's.
    Plugin,
    /// The user's own settings.
    User,
    /// The file with which an administrator determines all servers of the machine.
    Managed,
    /// The managed settings, which add servers to those of the user.
    Provided,
}

/// What keeps a server from starting.
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
    /// By a managed file that excludes all other servers.
    ShutOut,
}

/// Why the client does not start a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What disables it.
    pub how: How,
    /// The file that says so, as a person would type it.
    pub file: String,
    /// Whether only an administrator of the machine can change it.
    pub is_managed: bool,
}

/// A settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path, as a person would type it.
    pub path: String,
    /// Whether it is a managed settings file.
    pub is_managed: bool,
}

impl Refusal {
    fn new(how: How, file: &File) -> Self {
        Self {
            how,
            file: file.path.clone(),
            is_managed: file.is_managed,
        }
    }

    /// What enables the server again.
    #[must_use]
    pub fn how_to_fix(&self) -> String {
        let file = &self.file;
        if self.is_managed {
            return format!("ask the administrator of this machine, who wrote {file}");
        }
        match self.how {
            How::Disabled => format!("take it out of `disabledMcpjsonServers` in {file}"),
            How::SwitchedOff => "switch it on again with `/mcp` in Claude Code".to_owned(),
            How::Denied => format!("change `deniedMcpServers` in {file}"),
            How::NotAllowed => format!("add it to `allowedMcpServers` in {file}"),
            How::ShutOut => format!("put it into {file}"),
        }
    }
}

/// A participle and a place, for example `disabled in .claude/settings.json`.
impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.how {
            How::Disabled => "disabled",
            How::SwitchedOff => "switched off",
            How::Denied => "denied",
            How::NotAllowed => "not allowed",
            How::ShutOut => return write!(formatter, "excluded by {}", self.file),
        };
        write!(formatter, "{what} in {}", self.file)
    }
}

/// What all settings say together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    disabled: Vec<(String, File)>,
    switched_off: Vec<(String, File)>,
    denied: Vec<(Pattern, File)>,
    allowed: Vec<(Vec<Pattern>, File)>,
    /// Whether only managed lists of allowed servers count.
    is_locked: bool,
    /// The managed file that excludes all other servers.
    exclusive: Option<File>,
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
    /// Reads a settings file. Returns messages about the entries that are invalid and were ignored.
    pub fn learn(&mut self, settings: &Map<String, Value>, file: &File) -> Vec<String> {
        let mut notes = Vec::new();
        self.is_locked |= file.is_managed
            && settings.get("allowManagedMcpServersOnly") == Some(&Value::Bool(true));
        self.disabled
            .extend(names(settings, "disabledMcpjsonServers", file, &mut notes));
        let denied = patterns(settings, "deniedMcpServers", file, &mut notes).unwrap_or_default();
        self.denied
            .extend(denied.into_iter().map(|pattern| (pattern, file.clone())));
        if let Some(allowed) = patterns(settings, "allowedMcpServers", file, &mut notes) {
            self.allowed.push((allowed, file.clone()));
        } else if file.is_managed && settings.contains_key("allowedMcpServers") {
            // The client allows nothing in this case.
            self.allowed.push((Vec::new(), file.clone()));
        }
        notes
    }

    /// Reads what the client stores about one folder.
    pub fn learn_folder(&mut self, folder: &Map<String, Value>, file: &File) -> Vec<String> {
        let mut notes = Vec::new();
        self.switched_off
            .extend(names(folder, "disabledMcpServers", file, &mut notes));
        notes
    }

    /// Records that there is a managed file with servers: it disables all others except those of managed settings.
    pub fn shut_out(&mut self, file: &File) {
        self.exclusive = Some(file.clone());
    }

    /// Why the client does not start a server; `None` if it does. `entry`: the server, unless the client cannot read it.
    #[must_use]
    pub fn refusal(
        &self,
        name: &str,
        origin: Origin,
        entry: Option<&ServerEntry>,
    ) -> Option<Refusal> {
        let is_named =
            |listed: &str| listed == name || origin == Origin::Plugin && plain(listed) == name;
        let by_name = |list: &[(String, File)], how| {
            let found = list.iter().find(|(listed, _)| is_named(listed));
            found.map(|(_, file)| Refusal::new(how, file))
        };
        let is_ours = matches!(origin, Origin::Managed | Origin::Provided);
        let shut_out = self
            .exclusive
            .as_ref()
            .filter(|_| !is_ours)
            .map(|file| Refusal::new(How::ShutOut, file));
        shut_out
            .or_else(|| by_name(&self.disabled, How::Disabled).filter(|_| origin == Origin::File))
            .or_else(|| {
                let is_denied = |pattern: &Pattern| match pattern {
                    Pattern::Name(listed) => is_named(listed),
                    pattern => entry.and_then(|entry| pattern.meets(entry)) == Some(true),
                };
                let found = self.denied.iter().find(|(pattern, _)| is_denied(pattern));
                found.map(|(_, file)| Refusal::new(How::Denied, file))
            })
            .or_else(|| {
                // A managed server need not be allowed, unless it depends on the user's variables.
                let is_free = origin == Origin::Provided
                    || origin == Origin::Managed
                        && entry.is_some_and(|entry| entry.variables().is_empty());
                if is_free {
                    None
                } else {
                    self.not_allowed(&is_named, entry?)
                }
            })
            .or_else(|| by_name(&self.switched_off, How::SwitchedOff))
    }

    /// All lists of allowed servers are one. A name counts only if none of them has an entry of the server's own kind.
    fn not_allowed(&self, is_named: &dyn Fn(&str) -> bool, entry: &ServerEntry) -> Option<Refusal> {
        let lists = || {
            self.allowed
                .iter()
                .filter(|(_, file)| !self.is_locked || file.is_managed)
        };
        let (_, file) = lists().next()?;
        let all = || lists().flat_map(|(patterns, _)| patterns);
        let is_of_kind = |pattern: &&Pattern| match entry {
            ServerEntry::Program { .. } => matches!(pattern, Pattern::Command(_)),
            ServerEntry::Remote { .. } => matches!(pattern, Pattern::Url(_)),
        };
        let is_allowed = if all().any(|pattern| is_of_kind(&pattern)) {
            all()
                .filter(is_of_kind)
                .any(|pattern| pattern.meets(entry) != Some(false))
        } else {
            all().any(|pattern| matches!(pattern, Pattern::Name(listed) if is_named(listed)))
        };
        (!is_allowed).then(|| Refusal::new(How::NotAllowed, file))
    }
}

impl Pattern {
    fn read(value: &Value) -> Option<Self> {
        let entry = value.as_object().filter(|entry| entry.len() == 1)?;
        let (key, value) = entry.iter().next()?;
        match (key.as_str(), value) {
            ("serverName", Value::String(name)) if !name.is_empty() => {
                Some(Self::Name(name.clone()))
            }
            ("serverUrl", Value::String(url)) if !url.is_empty() => Some(Self::Url(url.clone())),
            ("serverCommand", Value::Array(words)) if !words.is_empty() => {
                let words: Option<_> = words
                    .iter()
                    .map(|word| word.as_str().map(str::to_owned))
                    .collect();
                Some(Self::Command(words?))
            }
            _ => None,
        }
    }

    /// Whether it matches this server, whatever its name is; `None`: that depends on the values of variables.
    fn meets(&self, entry: &ServerEntry) -> Option<bool> {
        let is_open = |text: &str| text.contains("${");
        match (self, entry) {
            (Self::Command(words), ServerEntry::Program { command, args, .. }) => {
                let own: Vec<&String> = std::iter::once(command).chain(args).collect();
                let is_same = own.len() == words.len()
                    && own.iter().zip(words).all(|(own, word)| *own == word);
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
        let host = authority
            .rsplit('@')
            .next()
            .unwrap_or(authority)
            .to_ascii_lowercase();
        let usual = match scheme.as_str() {
            "https" | "wss" => ":443",
            "http" | "ws" => ":80",
            _ => "",
        };
        let host = host.strip_suffix(usual).unwrap_or(&host);
        let (name, port) = host
            .rsplit_once(':')
            .map_or((host, String::new()), |(name, port)| {
                (name, format!(":{port}"))
            });
        let host = format!("{}{port}", name.trim_end_matches('.'));
        Self {
            scheme,
            host,
            path: (!path.is_empty()).then(|| path.to_owned()),
        }
    }

    /// Whether a pattern matches an address. A pattern without a path matches every path.
    fn meets(&self, address: &Self) -> bool {
        let path = address.path.as_deref().unwrap_or("/");
        wild(&self.scheme, &address.scheme)
            && wild(&self.host, &address.host)
            && self.path.as_ref().is_none_or(|pattern| wild(pattern, path))
    }
}

/// Whether the text matches the pattern, in which `*` stands for anything.
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

/// A name as it appears in tool names: `plugin:tools:db` is `plugin_tools_db`.
fn plain(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect()
}

fn names(
    table: &Map<String, Value>,
    key: &str,
    file: &File,
    notes: &mut Vec<String>,
) -> Vec<(String, File)> {
    let Some(items) = list(table, key, file, notes) else {
        return Vec::new();
    };
    let named: Vec<_> = items
        .iter()
        .filter_map(Value::as_str)
        .map(|name| (name.to_owned(), file.clone()))
        .collect();
    if named.len() < items.len() {
        notes.push(format!(
            "`{key}` in {} has entries that are not names; they are ignored",
            file.path
        ));
    }
    named
}

fn patterns(
    table: &Map<String, Value>,
    key: &str,
    file: &File,
    notes: &mut Vec<String>,
) -> Option<Vec<Pattern>> {
    let items = list(table, key, file, notes)?;
    let patterns: Vec<_> = items.iter().filter_map(Pattern::read).collect();
    if patterns.len() < items.len() {
        let keys = "`serverName`, `serverCommand` or `serverUrl`";
        notes.push(format!(
            "`{key}` in {} has entries that are not one {keys}; they are ignored",
            file.path
        ));
    }
    Some(patterns)
}

fn list<'t>(
    table: &'t Map<String, Value>,
    key: &str,
    file: &File,
    notes: &mut Vec<String>,
) -> Option<&'t Vec<Value>> {
    let value = table.get(key)?;
    let items = value.as_array();
    if items.is_none() {
        notes.push(format!(
            "`{key}` in {} is not a list; it is ignored",
            file.path
        ));
    }
    items
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(path: &str) -> File {
        File {
            path: path.to_owned(),
            is_managed: path.starts_with("/etc/"),
        }
    }

    fn admission(settings: &Value) -> Admission {
        let mut admission = Admission::default();
        assert_eq!(
            admission.learn(settings.as_object().unwrap(), &file("s.json")),
            [""; 0]
        );
        admission
    }

    fn refused(settings: &Value, name: &str, origin: Origin, entry: &Value) -> Option<How> {
        let entry = ServerEntry::from_json(entry).unwrap();
        admission(settings)
            .refusal(name, origin, Some(&entry))
            .map(|refusal| refusal.how)
    }

    #[test]
    fn names_are_disabled_and_denied() {
        let settings = json!({ "disabledMcpjsonServers": ["db"], "deniedMcpServers": [{ "serverName": "plugin:tools:web" }] });
        let entry = json!({ "command": "x" });
        assert_eq!(
            refused(&settings, "db", Origin::File, &entry),
            Some(How::Disabled)
        );
        assert_eq!(
            refused(&settings, "db", Origin::User, &entry),
            None,
            "it is about files only"
        );
        assert_eq!(refused(&settings, "dbs", Origin::File, &entry), None);
        assert_eq!(
            refused(&settings, "plugin_tools_web", Origin::Plugin, &entry),
            Some(How::Denied)
        );
        assert_eq!(
            refused(&settings, "plugin_tools_web", Origin::File, &entry),
            None
        );
        let denied = admission(&json!({ "deniedMcpServers": [{ "serverName": "db" }] }));
        assert_eq!(
            denied
                .refusal("db", Origin::User, None)
                .unwrap()
                .to_string(),
            "denied in s.json"
        );
        let mut off = Admission::default();
        assert!(
            off.learn_folder(
                json!({ "disabledMcpServers": ["db"] }).as_object().unwrap(),
                &file("~/.claude.json")
            )
            .is_empty()
        );
        assert_eq!(
            off.refusal("db", Origin::File, None).unwrap().to_string(),
            "switched off in ~/.claude.json"
        );
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
            assert_eq!(
                refused(
                    &command,
                    "a",
                    Origin::User,
                    &json!({ "command": "npx", "args": args })
                ),
                how
            );
        }
        for (pattern, url, is_denied) in [
            (
                "https://mcp.example.com/*",
                "https://MCP.example.com./api",
                true,
            ),
            ("https://mcp.example.com/*", "https://mcp.example.com", true),
            (
                "https://mcp.example.com",
                "https://mcp.example.com:443/a?b",
                true,
            ),
            (
                "https://mcp.example.com/api",
                "https://mcp.example.com/API",
                false,
            ),
            ("https://*.example.com/*", "https://a.b.example.com/x", true),
            ("https://*.example.com/*", "https://example.com/x", false),
            (
                "https://*.example.com/*",
                "https://evil.example/x.example.com/y",
                false,
            ),
            ("http://localhost:*/*", "http://localhost:3000/sse", true),
            ("*://mcp.example.com/*", "http://mcp.example.com/x", true),
            (
                "https://mcp.example.com/*",
                "https://mcp.example.com@evil.example/",
                false,
            ),
            ("https://mcp.example.com/*", "https://${HOST}/x", false),
            ("https://${HOST}/x", "https://${HOST}/x", true),
        ] {
            let settings = json!({ "deniedMcpServers": [{ "serverUrl": pattern }] });
            let how = refused(
                &settings,
                "a",
                Origin::User,
                &json!({ "type": "http", "url": url }),
            );
            assert_eq!(how.is_some(), is_denied, "{pattern} {url}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_refused_unless_nobody_can_tell() {
        let program = |args: Value| json!({ "command": "npx", "args": args });
        let remote = json!({ "type": "http", "url": "https://x.example/mcp" });
        let none = json!({ "allowedMcpServers": [] });
        assert_eq!(
            refused(&none, "a", Origin::User, &remote),
            Some(How::NotAllowed)
        );
        let mixed = json!({ "allowedMcpServers": [{ "serverName": "a" }, { "serverCommand": ["npx", "good"] }] });
        assert_eq!(
            refused(&mixed, "a", Origin::User, &remote),
            None,
            "no entry is about addresses, so the name counts"
        );
        assert_eq!(
            refused(&mixed, "b", Origin::User, &remote),
            Some(How::NotAllowed)
        );
        assert_eq!(
            refused(&mixed, "a", Origin::User, &program(json!(["other"]))),
            Some(How::NotAllowed)
        );
        assert_eq!(
            refused(&mixed, "b", Origin::User, &program(json!(["good"]))),
            None
        );
        assert_eq!(
            refused(&mixed, "b", Origin::User, &program(json!(["${PACKAGE}"]))),
            None
        );
        let both = json!({ "allowedMcpServers": [{ "serverName": "a" }], "deniedMcpServers": [{ "serverName": "a" }] });
        assert_eq!(
            refused(&both, "a", Origin::User, &remote),
            Some(How::Denied)
        );
    }

    #[test]
    fn who_manages_the_machine_has_the_last_word() {
        let entry = |text: &str| ServerEntry::from_json(&json!({ "command": text })).unwrap();
        let mut all = admission(&json!({ "allowedMcpServers": [{ "serverName": "mine" }] }));
        let managed = json!({ "allowedMcpServers": [{ "serverName": "theirs" }] });
        assert!(
            all.learn(managed.as_object().unwrap(), &file("/etc/a.json"))
                .is_empty()
        );
        assert_eq!(
            all.refusal("mine", Origin::User, Some(&entry("x"))),
            None,
            "the lists are one"
        );
        assert!(
            all.learn(
                json!({ "allowManagedMcpServersOnly": true })
                    .as_object()
                    .unwrap(),
                &file("s.json")
            )
            .is_empty()
        );
        assert_eq!(
            all.refusal("mine", Origin::User, Some(&entry("x"))),
            None,
            "that is not for the user to say"
        );
        assert!(
            all.learn(
                json!({ "allowManagedMcpServersOnly": true })
                    .as_object()
                    .unwrap(),
                &file("/etc/b.json")
            )
            .is_empty()
        );
        let refusal = all
            .refusal("mine", Origin::User, Some(&entry("x")))
            .unwrap();
        assert_eq!(refusal.to_string(), "not allowed in /etc/a.json");
        assert_eq!(
            refusal.how_to_fix(),
            "ask the administrator of this machine, who wrote /etc/a.json"
        );
        assert_eq!(
            all.refusal("other", Origin::Managed, Some(&entry("x"))),
            None
        );
        assert!(
            all.refusal("other", Origin::Managed, Some(&entry("${X}")))
                .is_some()
        );
        assert_eq!(
            all.refusal("other", Origin::Provided, Some(&entry("x"))),
            None
        );
        all.shut_out(&file("/etc/c.json"));
        assert_eq!(
            all.refusal("theirs", Origin::Plugin, None)
                .unwrap()
                .to_string(),
            "excluded by /etc/c.json"
        );
        assert_eq!(all.refusal("theirs", Origin::Provided, None), None);
        let broken = json!({ "allowedMcpServers": 5 });
        let mut all = Admission::default();
        assert_eq!(
            all.learn(broken.as_object().unwrap(), &file("/etc/a.json"))
                .len(),
            1
        );
        assert!(
            all.refusal("mine", Origin::User, Some(&entry("x")))
                .is_some(),
            "as if nothing were allowed"
        );
    }

    #[test]
    fn what_makes_no_sense_is_a_note() {
        let mut admission = Admission::default();
        let settings = json!({
            "disabledMcpjsonServers": "db", "deniedMcpServers": [{ "serverName": "a", "serverUrl": "b" }, 5, { "serverName": "c" }],
            "allowedMcpServers": { "serverName": "d" },
        });
        let notes = admission.learn(settings.as_object().unwrap(), &file("s.json"));
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert_eq!(
            notes[0],
            "`disabledMcpjsonServers` in s.json is not a list; it is ignored"
        );
        assert!(
            admission.refusal("db", Origin::File, None).is_none()
                && admission.refusal("c", Origin::File, None).is_some()
        );
        assert!(admission.allowed.is_empty());
    }
}
