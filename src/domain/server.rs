//! An MCP server as it is in `.mcp.json`: read as the client reads it, compared by digest, described without secrets.
//!
//! Nothing here starts a server. [`super::catalogue`] turns what a catalogue offers into an entry.

use std::fmt;

use serde_json::{Map, Value};

use super::digest::Digest;
use super::shell::shell_quoted;

/// The placeholder in a hint for a server's name that only the user knows. No server can be bound to it.
pub const PLACEHOLDER: &str = "YOURS";

/// Names that the client reserves for itself.
const RESERVED: [&str; 5] = [
    "workspace",
    "claude-in-chrome",
    "computer-use",
    "Claude Preview",
    "Claude Browser",
];

/// One entry of `mcpServers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerEntry {
    /// A program that the client starts.
    Program {
        /// The program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables that it gets, in order.
        env: Vec<(String, String)>,
    },
    /// A remote server.
    Remote {
        /// `http`, `sse` or `ws`.
        transport: &'static str,
        /// Its address.
        url: String,
        /// Headers that are sent, in order.
        headers: Vec<(String, String)>,
    },
}

impl ServerEntry {
    /// Reads an entry as the client does; the error is the reason why the client skips it.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let entry = value.as_object().ok_or("an object is expected")?;
        let kind = match entry.get("type") {
            None => "stdio",
            Some(Value::String(kind)) => kind.as_str(),
            Some(_) => return Err("`type` is not text".to_owned()),
        };
        let transport = match kind {
            "stdio" if entry.get("command").is_none() && entry.contains_key("url") => {
                return Err("it has a `url` but no `type`; add `\"type\": \"http\"`".to_owned());
            }
            "stdio" => return Self::program(entry),
            "http" | "streamable-http" => "http",
            "sse" => "sse",
            "ws" => "ws",
            other => return Err(format!("the type `{}` is unknown", other.escape_debug())),
        };
        let url = entry
            .get("url")
            .and_then(Value::as_str)
            .ok_or("`url` is missing")?
            .to_owned();
        Ok(Self::Remote {
            transport,
            url,
            headers: strings(entry, "headers")?,
        })
    }

    /// Reads an entry of managed settings, which may name nothing to run; the error is the reason why the client skips it.
    pub fn provided(value: &Value) -> Result<Self, String> {
        let entry = Self::from_json(value)?;
        let Self::Remote {
            transport: "http" | "sse",
            url,
            ..
        } = &entry
        else {
            return Err(
                "managed settings have only servers of the types `http` and `sse`".to_owned(),
            );
        };
        if !url.starts_with("https://") {
            return Err("its `url` does not begin with `https://`".to_owned());
        }
        if ["command", "args", "env", "headersHelper"]
            .iter()
            .any(|key| value.get(key).is_some())
            || !entry.variables().is_empty()
        {
            return Err("managed settings neither run something nor fill in variables".to_owned());
        }
        Ok(entry)
    }

    fn program(entry: &Map<String, Value>) -> Result<Self, String> {
        let command = entry
            .get("command")
            .and_then(Value::as_str)
            .ok_or("`command` is missing")?
            .to_owned();
        let args = match entry.get("args") {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let texts = items
                    .iter()
                    .map(|item| item.as_str().map(str::to_owned))
                    .collect::<Option<_>>();
                texts.ok_or("`args` is a list of strings")?
            }
            Some(_) => return Err("`args` is a list of strings".to_owned()),
        };
        Ok(Self::Program {
            command,
            args,
            env: strings(entry, "env")?,
        })
    }

    /// The fields in the order in which the client writes them.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        let map = |pairs: &[(String, String)]| {
            Value::Object(
                pairs
                    .iter()
                    .map(|(name, value)| (name.clone(), Value::String(value.clone())))
                    .collect(),
            )
        };
        match self {
            Self::Program { command, args, env } => vec![
                ("type", "stdio".into()),
                ("command", command.as_str().into()),
                ("args", args.clone().into()),
                ("env", map(env)),
            ],
            Self::Remote {
                transport,
                url,
                headers,
            } => {
                let mut fields = vec![("type", (*transport).into()), ("url", url.as_str().into())];
                if !headers.is_empty() {
                    fields.push(("headers", map(headers)));
                }
                fields
            }
        }
    }

    /// The entry as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Object(
            self.fields()
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }

    /// The program on this machine that it needs; `None` for a remote server.
    #[must_use]
    pub fn program_name(&self) -> Option<&str> {
        match self {
            Self::Program { command, .. } => Some(command),
            Self::Remote { .. } => None,
        }
    }

    /// The host that it talks to; `None` for a program, whose hosts are not known.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let Self::Remote { url, .. } = self else {
            return None;
        };
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        Some(if host.starts_with('[') {
            host.split_inclusive(']').next().unwrap_or(host)
        } else {
            host.split(':').next().unwrap_or(host)
        })
    }

    /// The variables that the client expands: name, and whether there is a default. Sorted, without duplicates.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, bool)> {
        let texts: Vec<&String> = match self {
            Self::Program { command, args, env } => std::iter::once(command)
                .chain(args)
                .chain(env.iter().map(|(_, value)| value))
                .collect(),
            Self::Remote { url, headers, .. } => std::iter::once(url)
                .chain(headers.iter().map(|(_, value)| value))
                .collect(),
        };
        let mut found = Vec::new();
        for text in texts {
            references(text, &mut found);
        }
        found.sort();
        // A name that appears both with and without a default must be set.
        found.dedup_by(|later, earlier| later.0 == earlier.0);
        found
    }

    /// Whether the text contains this package anywhere, in any version.
    #[must_use]
    pub fn starts_package(&self, package: &str) -> bool {
        let Self::Program { args, .. } = self else {
            return false;
        };
        args.iter().any(|arg| {
            arg.strip_prefix(package)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', '=']))
        })
    }
}

/// What it runs, or its address; never a value of `env` or `headers`.
impl fmt::Display for ServerEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program { command, args, .. } => {
                formatter.write_str(&shown(command))?;
                args.iter()
                    .try_for_each(|arg| write!(formatter, " {}", shown(arg)))
            }
            Self::Remote { url, .. } => formatter.write_str(url),
        }
    }
}

/// The digest that consent is given to and that shows whether an entry was changed. It covers the whole entry, including unknown keys, but
/// not the order of keys.
#[must_use]
pub fn digest(entry: &Value) -> Digest {
    Digest::of(entry.to_string().as_bytes())
}

/// Whether the client's own command would accept this name for a new server.
#[must_use]
pub fn is_addable(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty()
        && name.len() <= 64
        && name.chars().all(is_plain)
        && !name.contains("__")
        && !RESERVED.contains(&name)
}

/// An argument, quoted for a shell if needed.
fn shown(argument: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_=+.,/:@%^~{}$".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        shell_quoted(argument)
    }
}

fn strings(entry: &Map<String, Value>, key: &str) -> Result<Vec<(String, String)>, String> {
    let Some(value) = entry.get(key) else {
        return Ok(Vec::new());
    };
    let wrong = || format!("`{key}` is a table of strings");
    let pairs = value.as_object().ok_or_else(wrong)?.iter();
    pairs
        .map(|(name, value)| Ok((name.clone(), value.as_str().ok_or_else(wrong)?.to_owned())))
        .collect()
}

/// `${NAME}` and `${NAME:-default}`; the client treats anything else as literal text.
fn references(text: &str, found: &mut Vec<(String, bool)>) {
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        rest = &rest[at + 2..];
        let Some(end) = rest.find('}') else {
            return;
        };
        let (name, has_default) = match rest[..end].split_once(":-") {
            Some((name, _)) => (name, true),
            None => (&rest[..end], false),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.is_empty() && name.chars().all(is_name) {
            found.push((name.to_owned(), has_default));
        }
        rest = &rest[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_read_as_the_client_reads_them() {
        for value in [
            json!({ "command": "x" }),
            json!({ "type": "stdio", "command": "x", "args": ["a"], "env": { "A": "b" }, "cwd": 3 }),
            json!({ "type": "streamable-http", "url": "https://x.y/z" }),
            json!({ "type": "ws", "url": "" }),
        ] {
            assert!(ServerEntry::from_json(&value).is_ok(), "{value}");
        }
        for value in [
            json!(3),
            json!({}),
            json!({ "url": "https://x.y/z" }),
            json!({ "type": "weird", "command": "x" }),
            json!({ "type": "http" }),
            json!({ "command": "x", "args": "a" }),
            json!({ "command": "x", "env": { "A": 1 } }),
        ] {
            assert!(ServerEntry::from_json(&value).is_err(), "{value}");
        }
        let provided = |value: Value| ServerEntry::provided(&value).is_ok();
        assert!(provided(json!({ "type": "http", "url": "https://x.y/z" })));
        assert!(
            !provided(json!({ "type": "http", "url": "http://x.y/z" }))
                && !provided(json!({ "command": "x" }))
        );
        assert!(!provided(
            json!({ "type": "sse", "url": "https://x.y", "headersHelper": "x" })
        ));
        assert!(!provided(json!({ "type": "sse", "url": "https://${X}" })));
        let entry =
            ServerEntry::from_json(&json!({ "command": "x", "args": ["a"], "env": { "A": "b" } }))
                .unwrap();
        assert_eq!(ServerEntry::from_json(&entry.to_json()), Ok(entry));
    }

    #[test]
    fn variables_and_hosts_are_found() {
        let entry = json!({ "command": "${A}", "args": ["--x=${B:-1}", "$C", "${D-1}", "${B}"], "env": { "E": "${F}" } });
        let names = |entry: &Value| ServerEntry::from_json(entry).unwrap().variables();
        assert_eq!(
            names(&entry),
            [
                ("A".to_owned(), false),
                ("B".to_owned(), false),
                ("F".to_owned(), false)
            ]
        );
        let remote = json!({ "type": "http", "url": "https://u@h.example:8443/${P:-x}?q", "headers": { "X": "Bearer ${T}" } });
        assert_eq!(
            names(&remote),
            [("P".to_owned(), true), ("T".to_owned(), false)]
        );
        assert_eq!(
            ServerEntry::from_json(&remote).unwrap().host(),
            Some("h.example")
        );
        let program = ServerEntry::from_json(
            &json!({ "command": "npx", "args": ["-y", "@a/b@1.2.3", "two words"] }),
        )
        .unwrap();
        assert_eq!(program.to_string(), "npx -y @a/b@1.2.3 'two words'");
        assert!(program.starts_package("@a/b") && !program.starts_package("@a/"));
    }

    #[test]
    fn only_plain_names_are_added() {
        assert!(is_addable("context7") && is_addable("a-b_c"));
        for name in ["", "a b", "a.b", "a__b", "workspace", "ü"] {
            assert!(!is_addable(name), "{name}");
        }
    }
}
