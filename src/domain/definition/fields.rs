//! The fields of a definition that give an agent power beyond its tools: which there are, how they may be misspelt, and what the client
//! makes of their values. `powers` explains the values to people.

use serde_json::Value;

use super::trim;

/// A field that gives power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name, which is also the word for `--allow`.
    pub name: &'static str,
    /// Whether a first installation asks about it. All are asked about when they are gained later.
    pub is_asked_at_first: bool,
}

/// All fields that give power. The first three give it over the session itself: the client honours them in an agents folder, although it
/// does not in plugins.
pub const FIELDS: [Field; 11] = [
    Field::asked("hooks"),
    Field::asked("permissionMode"),
    Field::asked("mcpServers"),
    Field::shown("initialPrompt"),
    Field::shown("observer"),
    Field::shown("observerMessage"),
    Field::shown("observeSubagents"),
    Field::shown("observeToolResults"),
    Field::shown("omitClaudeMd"),
    Field::shown("isolation"),
    Field::shown("memory"),
];

impl Field {
    const fn asked(name: &'static str) -> Self {
        Self {
            name,
            is_asked_at_first: true,
        }
    }

    const fn shown(name: &'static str) -> Self {
        Self {
            name,
            is_asked_at_first: false,
        }
    }
}

/// The fields that a first installation asks about.
pub fn asked_at_first() -> impl Iterator<Item = &'static str> {
    let asked = FIELDS.iter().filter(|field| field.is_asked_at_first);
    asked.map(|field| field.name)
}

/// The field that is asked about at first and that a key may mean, if it is spelled in another way than the client reads today:
/// `permission-mode`, `mcp_servers`.
#[must_use]
pub fn misspelt(key: &str) -> Option<&'static str> {
    let key_is = |field: &&str| *field != key && bare(field).eq(bare(key));
    asked_at_first().find(key_is)
}

/// The letters of a key, without what spellings differ in.
fn bare(key: &str) -> impl Iterator<Item = u8> {
    let letters = key.bytes().filter(|byte| !matches!(byte, b'-' | b'_'));
    letters.map(|byte| byte.to_ascii_lowercase())
}

/// What the client makes of a field's value; `None`: no more than if the field were absent.
///
/// Fields that are false only take away: their value is `false`.
#[must_use]
pub fn effective(field: &str, value: &Value) -> Option<Value> {
    let text = |text: &str| (!trim(text).is_empty()).then(|| value.clone());
    match (field, value) {
        ("hooks" | "mcpServers", Value::Array(items)) => (!items.is_empty()).then(|| value.clone()),
        ("hooks" | "mcpServers", Value::Object(entries)) => {
            (!entries.is_empty()).then(|| value.clone())
        }
        (
            "hooks" | "mcpServers" | "permissionMode" | "initialPrompt" | "observer"
            | "observerMessage",
            Value::String(words),
        ) => text(words),
        ("memory", Value::String(scope)) => {
            let is_known = ["user", "project", "local"].contains(&trim(scope));
            is_known.then(|| value.clone())
        }
        ("isolation", Value::String(place)) => ["worktree", "remote"]
            .contains(&place.as_str())
            .then(|| value.clone()),
        ("omitClaudeMd", Value::Bool(true)) => Some(Value::Bool(true)),
        ("omitClaudeMd", Value::String(word)) if word == "true" => Some(Value::Bool(true)),
        ("observeSubagents", Value::Bool(false)) => Some(Value::Bool(false)),
        ("observeSubagents", Value::String(word)) if word == "false" => Some(Value::Bool(false)),
        ("observeToolResults", value) => (!is_yes(value)).then_some(Value::Bool(false)),
        _ => None,
    }
}

/// Whether the client takes a value of `observeToolResults` for a yes.
fn is_yes(value: &Value) -> bool {
    let word = match value {
        Value::Bool(is_yes) => return *is_yes,
        Value::String(word) => trim(word).to_lowercase(),
        Value::Number(number) => number.to_string(),
        _ => return false,
    };
    ["1", "true", "yes", "on"].contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_what_the_client_makes_of_them() {
        for (field, value, is) in [
            ("initialPrompt", json!("/init"), Some(json!("/init"))),
            ("initialPrompt", json!(" \u{feff}"), None),
            ("initialPrompt", json!("\u{85}"), Some(json!("\u{85}"))),
            ("initialPrompt", json!(["x"]), None),
            ("observer", json!("a, b"), Some(json!("a, b"))),
            ("observer", json!(["a"]), None),
            ("observeSubagents", json!("false"), Some(json!(false))),
            ("observeSubagents", json!("no"), None),
            ("observeSubagents", json!(true), None),
            ("observeToolResults", json!(null), Some(json!(false))),
            ("observeToolResults", json!("On "), None),
            ("observeToolResults", json!(0), Some(json!(false))),
            ("omitClaudeMd", json!("true"), Some(json!(true))),
            ("omitClaudeMd", json!("yes"), None),
            ("isolation", json!("remote"), Some(json!("remote"))),
            ("isolation", json!("Remote"), None),
            ("isolation", json!(""), None),
            ("memory", json!("project"), Some(json!("project"))),
            ("memory", json!("team"), None),
            ("mcpServers", json!({}), None),
            ("permissionMode", json!(["plan"]), None),
        ] {
            assert_eq!(effective(field, &value), is, "{field}: {value}");
        }
    }

    #[test]
    fn other_spellings_are_recognised() {
        for (key, field) in [
            ("permission-mode", Some("permissionMode")),
            ("permission_mode", Some("permissionMode")),
            ("PermissionMode", Some("permissionMode")),
            ("mcp-servers", Some("mcpServers")),
            ("MCP_SERVERS", Some("mcpServers")),
            ("Hooks", Some("hooks")),
            ("permissionMode", None),
            ("hook", None),
            ("initial-prompt", None),
        ] {
            assert_eq!(misspelt(key), field, "{key}");
        }
    }
}
