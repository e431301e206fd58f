//! Adaptations: the smallest edits that make an upstream file work here. Byte spans are replaced; nothing is re-serialised.
//!
//! The same request gives the same bytes for the same file on every machine, and adapting a second time changes nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};

use super::layout::Layout;
use super::mend::mend_values;
use super::yaml::Fields;
use super::{Definition, SkipReason, Verdict};
use crate::domain::name::AgentName;

/// What to adapt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Give a file that the client would skip valid frontmatter.
    pub repair: bool,
    /// A new value for `name`.
    pub rename: Option<String>,
    /// MCP servers: upstream's name to the user's.
    pub bind: BTreeMap<String, String>,
    /// The name for a file that has none.
    pub fallback_name: Option<String>,
    /// The description for a file that has none.
    pub fallback_description: Option<String>,
}

/// One thing that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adaptation {
    /// The frontmatter was repaired.
    Repair {
        /// The field, or `frontmatter` if there was none at all.
        field: String,
    },
    /// `name` was changed.
    Rename {
        /// Upstream's name.
        from: String,
    },
    /// An MCP server was bound to the user's name.
    Bind {
        /// Upstream's name.
        from: String,
        /// The user's name.
        to: String,
    },
}

impl fmt::Display for Adaptation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repair { field } => write!(formatter, "repair:{field}"),
            Self::Rename { from } => write!(formatter, "rename:{from}"),
            Self::Bind { from, to } => write!(formatter, "bind:{from}={to}"),
        }
    }
}

/// The result of an adaptation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapted {
    /// The file as it is installed.
    pub bytes: Vec<u8>,
    /// What was changed, in order.
    pub applied: Vec<Adaptation>,
}

/// Why a file cannot be made to load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdaptError {
    /// There is no name to give it.
    #[error("it has no name, and nothing to make one from")]
    NoName,
    /// There is no description to give it.
    #[error("it has no description, and nothing to make one from")]
    NoDescription,
    /// The frontmatter is too large to read.
    #[error("{0}")]
    TooLarge(SkipReason),
    /// The content is elsewhere.
    #[error("it is a git-lfs pointer, and the file that it points to is not here")]
    Pointer,
    /// It is UTF-16 or a similar encoding.
    #[error("it is not UTF-8 text")]
    NotText,
    /// No repair succeeded.
    #[error("its frontmatter is beyond repair: {0}")]
    BeyondRepair(SkipReason),
    /// The name cannot be edited in place, or the client reads no name at all.
    #[error("it cannot be renamed: its `name` is written in a way that cannot be edited safely")]
    NotRenamable,
    /// The server is named in a place that cannot be edited.
    #[error("`{0}` cannot be bound: it is named in a way that cannot be edited safely")]
    NotBindable(String),
}

/// Adapts a file.
pub fn adapt(bytes: &[u8], request: &Request) -> Result<Adapted, AdaptError> {
    let mut adapted = Adapted {
        bytes: bytes.to_vec(),
        applied: Vec::new(),
    };
    let definition = Definition::parse(bytes);
    if definition.is_pointer() {
        return Err(AdaptError::Pointer);
    }
    if let Verdict::Skipped(reason) = definition.verdict() {
        if matches!(reason, SkipReason::TooLarge | SkipReason::TooComplex) {
            return Err(AdaptError::TooLarge(reason.clone()));
        }
        if request.repair {
            repair(&mut adapted, &definition, request)?;
            if let Verdict::Skipped(reason) = Definition::parse(&adapted.bytes).verdict() {
                return Err(AdaptError::BeyondRepair(reason.clone()));
            }
        }
    }
    // Edits work on lines, the client on YAML: each edit is checked for having changed exactly the intended values.
    if let Some(name) = &request.rename {
        let mut wanted = values(&adapted.bytes).ok_or(AdaptError::NotRenamable)?;
        wanted.insert("name".to_owned(), Value::String(name.clone()));
        rename(&mut adapted, name);
        if values(&adapted.bytes) != Some(wanted) {
            return Err(AdaptError::NotRenamable);
        }
    }
    for (from, to) in &request.bind {
        let before = values(&adapted.bytes);
        bind(&mut adapted, from, to);
        if values(&adapted.bytes) != before.map(|values| bound(values, from, to)) {
            return Err(AdaptError::NotBindable(from.clone()));
        }
    }
    Ok(adapted)
}

/// What the client reads if it loads the file.
pub(super) fn values(bytes: &[u8]) -> Option<Map<String, Value>> {
    let layout = Layout::of(bytes);
    let block = layout
        .frontmatter()
        .filter(|_| matches!(Definition::parse(bytes).verdict(), Verdict::Loads(_)))?;
    Fields::read(&String::from_utf8_lossy(block))
        .ok()
        .map(Fields::into_values)
}

/// The values after a server was bound: the name is replaced wherever a tool or a server is named, but not in the definition of a server.
fn bound(mut values: Map<String, Value>, from: &str, to: &str) -> Map<String, Value> {
    for field in ["tools", "disallowedTools"] {
        match values.get_mut(field) {
            Some(Value::String(text)) => *text = replace_server(text, from, to),
            Some(Value::Array(items)) => {
                for item in items {
                    if let Value::String(text) = item {
                        *text = replace_server(text, from, to);
                    }
                }
            }
            _ => {}
        }
    }
    match values.get_mut("mcpServers") {
        Some(Value::Array(items)) => items
            .iter_mut()
            .for_each(|item| bind_server(item, from, to)),
        Some(value) => bind_server(value, from, to),
        None => {}
    }
    values
}

fn bind_server(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(name) => *name = replace_word(name, from, to),
        Value::Object(servers) => {
            let renamed = std::mem::take(servers).into_iter();
            *servers = renamed
                .map(|(name, server)| (replace_word(&name, from, to), server))
                .collect();
        }
        _ => {}
    }
}

fn repair(
    adapted: &mut Adapted,
    definition: &Definition<'_>,
    request: &Request,
) -> Result<(), AdaptError> {
    let bytes = definition.layout.bytes();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(AdaptError::NotText);
    }
    if definition.has_frontmatter() {
        mend_values(adapted);
    } else if let Some(start) = indented_start(bytes) {
        // Only the white space before the fence is wrong, so it is removed; the block itself is judged next.
        adapted.bytes.drain(..start);
        adapted.applied.push(Adaptation::Repair {
            field: "fence".to_owned(),
        });
        mend_values(adapted);
    } else if let Some(fenced) = definition.fenced() {
        adapted.bytes = fenced.into_bytes();
        adapted.applied.push(Adaptation::Repair {
            field: "fence".to_owned(),
        });
        mend_values(adapted);
    } else {
        let body = String::from_utf8_lossy(bytes);
        let name = request
            .fallback_name
            .clone()
            .or_else(|| name_from_title(&body))
            .ok_or(AdaptError::NoName)?;
        let description = request
            .fallback_description
            .clone()
            .or_else(|| describe(&body))
            .ok_or(AdaptError::NoDescription)?;
        let end = line_ending(bytes);
        let start = bytes.len() - definition.body().len();
        let head = format!(
            "---{end}name: {}{end}description: {}{end}---{end}",
            scalar(&name),
            quote(&description)
        );
        adapted.bytes.splice(start..start, head.into_bytes());
        adapted.applied.push(Adaptation::Repair {
            field: "frontmatter".to_owned(),
        });
        return Ok(());
    }
    let (title, description) = {
        let body = String::from_utf8_lossy(definition.body());
        (name_from_title(&body), describe(&body))
    };
    let current = Definition::parse(&adapted.bytes);
    if let Verdict::Skipped(SkipReason::NoName | SkipReason::BadName(_)) = current.verdict() {
        let written = current.get("name").map(|entry| {
            String::from_utf8_lossy(&adapted.bytes[entry.value.clone()])
                .trim()
                .to_owned()
        });
        let written = written.filter(|name| !name.is_empty() && name != "~" && name != "null");
        let written = written.and_then(|name| {
            let name: String = name
                .chars()
                .map(|c| if c.is_alphanumeric() { c } else { ' ' })
                .collect();
            AgentName::from_title(name.trim())
                .ok()
                .map(|name| name.to_string())
        });
        let name = written
            .or_else(|| request.fallback_name.clone())
            .or(title)
            .ok_or(AdaptError::NoName)?;
        set(adapted, "name", &quote_if_needed(&name));
    }
    if let Verdict::Skipped(SkipReason::NoDescription) = Definition::parse(&adapted.bytes).verdict()
    {
        let text = request
            .fallback_description
            .clone()
            .or(description)
            .ok_or(AdaptError::NoDescription)?;
        set(adapted, "description", &quote(&text));
    }
    Ok(())
}

/// A double-quoted YAML string in which the client finds no fence.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for (at, c) in text.char_indices() {
        match c {
            '-' if text[at..].starts_with("---") => quoted.push_str("\\x2d"),
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_special(c) => {
                quoted.extend(format!("\\u{:04x}", u32::from(c)).chars());
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a character is read as a line break by some parsers, or by none as what it is.
pub(super) fn is_special(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// A name as a plain scalar if every parser reads it as text, otherwise quoted.
fn quote_if_needed(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_alphabetic())
        && !name.contains("---")
        && Fields::read_strictly(&format!("name: {name}"))
            .is_ok_and(|fields| fields.text("name") == Some(name));
    if is_plain {
        name.to_owned()
    } else {
        quote(name)
    }
}

fn scalar(name: &str) -> String {
    quote_if_needed(name)
}

/// Replaces the value of an entry, or adds the entry at the top.
fn set(adapted: &mut Adapted, field: &str, value: &str) {
    let end = line_ending(&adapted.bytes);
    let layout = Layout::of(&adapted.bytes);
    let Some(block) = layout.block() else {
        return;
    };
    let entry = layout
        .entries()
        .iter()
        .rev()
        .find(|entry| entry.key == field);
    if let Some(range) = entry.map(|entry| entry.value.clone()) {
        drop(
            adapted
                .bytes
                .splice(range, format!(" {value}").into_bytes()),
        );
    } else {
        let line = format!("{field}: {value}{end}");
        adapted
            .bytes
            .splice(block.start..block.start, line.into_bytes());
    }
    adapted.applied.push(Adaptation::Repair {
        field: field.to_owned(),
    });
}

fn rename(adapted: &mut Adapted, name: &str) {
    let definition = Definition::parse(&adapted.bytes);
    let Verdict::Loads(loaded) = definition.verdict() else {
        return;
    };
    if loaded.name == name {
        return;
    }
    let from = loaded.name.clone();
    let Some(range) = definition.get("name").map(|entry| entry.value.clone()) else {
        return;
    };
    let old = String::from_utf8_lossy(&adapted.bytes[range.clone()]).into_owned();
    // A comment after the value is the author's, so it is kept.
    let comment = if old.trim_start().starts_with(['"', '\'']) {
        None
    } else {
        old.find(" #")
    };
    let kept = comment.map_or("", |at| &old[at..]);
    adapted.bytes.splice(
        range,
        format!(" {}{kept}", quote_if_needed(name)).into_bytes(),
    );
    adapted.applied.push(Adaptation::Rename { from });
}

fn bind(adapted: &mut Adapted, from: &str, to: &str) {
    let layout = Layout::of(&adapted.bytes);
    let fields = ["tools", "disallowedTools", "mcpServers"];
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for entry in layout
        .entries()
        .iter()
        .filter(|entry| fields.contains(&entry.key.as_str()))
    {
        let text = String::from_utf8_lossy(&adapted.bytes[entry.value.clone()]).into_owned();
        let bound = if entry.key == "mcpServers" {
            replace_word(&text, from, to)
        } else {
            replace_server(&text, from, to)
        };
        if bound != text {
            edits.push((entry.value.clone(), bound));
        }
    }
    if edits.is_empty() {
        return;
    }
    for (range, text) in edits.into_iter().rev() {
        adapted.bytes.splice(range, text.into_bytes());
    }
    adapted.applied.push(Adaptation::Bind {
        from: from.to_owned(),
        to: to.to_owned(),
    });
}

fn replace_server(text: &str, from: &str, to: &str) -> String {
    let prefix = "mcp__";
    let mut parts = text.split(prefix);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part
            .strip_prefix(from)
            .filter(|rest| rest.starts_with("__") || !rest.starts_with(is_name_character));
        result.push_str(prefix);
        match rest {
            Some(rest) => {
                result.push_str(to);
                result.push_str(rest);
            }
            None => result.push_str(part),
        }
    }
    result
}

fn replace_word(text: &str, from: &str, to: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, after) = (&rest[..at], &rest[at + from.len()..]);
        let is_word = !before.ends_with(is_name_character) && !after.starts_with(is_name_character);
        result.push_str(before);
        result.push_str(if is_word { to } else { from });
        rest = after;
    }
    result + rest
}

fn is_name_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-' || c == '.'
}

/// Where the fence begins, if only white space precedes it.
fn indented_start(bytes: &[u8]) -> Option<usize> {
    let start = bytes
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .filter(|start| *start > 0)?;
    let layout = Layout::of(&bytes[start..]);
    layout.block().map(|_| start)
}

pub(super) fn line_ending(bytes: &[u8]) -> &'static str {
    let first = bytes.iter().position(|byte| *byte == b'\n');
    if first.is_some_and(|at| at > 0 && bytes[at - 1] == b'\r') {
        "\r\n"
    } else {
        "\n"
    }
}

/// The first heading, if only blank lines precede it.
pub(super) fn title(body: &str) -> Option<String> {
    let line = body.lines().map(str::trim).find(|line| !line.is_empty())?;
    let title = line.strip_prefix('#')?.trim_start_matches('#').trim();
    (!title.is_empty()).then(|| title.to_owned())
}

fn name_from_title(body: &str) -> Option<String> {
    let title = title(body)?;
    let words: Vec<&str> = title.split_whitespace().collect();
    let is_filler = |word: &&str| {
        ["agent", "subagent", "sub-agent"].contains(&word.to_ascii_lowercase().as_str())
    };
    let words = if words.len() > 1 && words.last().is_some_and(is_filler) {
        &words[..words.len() - 1]
    } else {
        &words[..]
    };
    let name = AgentName::from_title(&words.join(" ")).ok()?;
    Some(name.to_string().to_ascii_lowercase())
}

/// The text of an identity line: `**Identity**: …`, `**Role:** …`.
pub(super) fn identity(body: &str) -> Option<String> {
    body.lines().take(40).find_map(|line| {
        let line = line.trim().trim_start_matches(['-', '*', ' ']);
        let rest = ["Identity", "Role", "Purpose"]
            .iter()
            .find_map(|word| line.strip_prefix(word))?;
        let rest = rest
            .trim_start_matches('*')
            .strip_prefix(':')
            .or_else(|| rest.strip_prefix(":**"))?;
        let text = rest.trim_start_matches('*').trim();
        (!text.is_empty()).then(|| text.to_owned())
    })
}

/// A description from the body: the identity line, else the first sentence of prose, else the title.
fn describe(body: &str) -> Option<String> {
    let prose = || {
        let mut is_code = false;
        body.lines().map(str::trim).find(|line| {
            if line.starts_with("```") {
                is_code = !is_code;
            }
            !is_code && line.chars().next().is_some_and(char::is_alphabetic) && line.contains(' ')
        })
    };
    let sentence = |text: &str| {
        let end = text.find(". ").map_or(text.len(), |at| at + 1);
        text[..end].chars().take(300).collect::<String>()
    };
    identity(body)
        .or_else(|| prose().map(sentence))
        .or_else(|| title(body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Loaded;
    use super::*;

    proptest! {
        #[test]
        fn a_quoted_text_is_read_as_it_is_and_ends_no_frontmatter(text in "[-a \"\\\\\n:#]{0,12}") {
            let file = format!("---\nname: n\ndescription: {}\n---\nBody\n", quote(&format!("d{text}")));
            let definition = Definition::parse(file.as_bytes());
            let description = definition.values().get("description").cloned();
            prop_assert_eq!(description, Some(Value::String(format!("d{text}"))), "{}", file);
            prop_assert_eq!(definition.body(), b"Body\n");
        }
    }

    #[test]
    fn a_fence_within_a_value_is_no_fence() {
        let request = Request {
            fallback_name: Some("a----b".to_owned()),
            ..repair_request()
        };
        for body in ["Plans ---- and more.\n", "A---- -----\n"] {
            let file = format!("---\ndescription:\n---\n{body}");
            let adapted = adapt(file.as_bytes(), &request).unwrap();
            let after = Definition::parse(&adapted.bytes);
            assert_eq!(after.body(), body.as_bytes());
            let name = after.values().get("name").cloned();
            assert_eq!(name, Some(Value::String("a----b".to_owned())));
        }
    }

    fn repair_request() -> Request {
        Request {
            repair: true,
            ..Request::default()
        }
    }

    fn repaired(text: &str) -> (String, Loaded) {
        let adapted = adapt(text.as_bytes(), &repair_request())
            .unwrap_or_else(|error| panic!("{error}: {text}"));
        let definition = Definition::parse(&adapted.bytes);
        let Verdict::Loads(loaded) = definition.verdict().clone() else {
            panic!(
                "{:?}: {}",
                definition.verdict(),
                String::from_utf8_lossy(&adapted.bytes)
            );
        };
        assert_eq!(
            adapt(&adapted.bytes, &repair_request()).unwrap().bytes,
            adapted.bytes,
            "adapting twice changes nothing"
        );
        (String::from_utf8(adapted.bytes).unwrap(), loaded)
    }

    #[test]
    fn broken_descriptions_become_blocks_and_the_rest_stays() {
        let text = "---\nname: a # mine\ndescription: Plans. Examples:\n\n<example>\nuser: \"Plan\" / \"Do\"\nassistant: \"I plan\"\n</example>\ntools: Read, Bash(git *)\n---\n\nBody --- x\n";
        let (bytes, loaded) = repaired(text);
        assert_eq!(
            loaded.description,
            "Plans. Examples:\n\n<example>\nuser: \"Plan\" / \"Do\"\nassistant: \"I plan\"\n</example>"
        );
        assert_eq!(loaded.tools.unwrap(), ["Read", "Bash(git *)"]);
        assert!(
            bytes.starts_with(
                "---\nname: a # mine\ndescription: |-\n  Plans. Examples:\n\n  <example>\n"
            ),
            "{bytes}"
        );
        assert!(
            bytes.ends_with("tools: Read, Bash(git *)\n---\n\nBody --- x\n"),
            "{bytes}"
        );
    }

    #[test]
    fn every_kind_of_damage_is_mended() {
        for (head, description) in [
            ("name: a\ndescription: Foo:", "Foo:"),
            ("name: a\ndescription: \"open", "\"open"),
            ("name: a\ndescription: x\n\nmore text", "x\n\nmore text"),
            ("name: a\ndescription:x\n", ""),
            ("name: a\r\ndescription: x: y\r", "x: y"),
            ("name: 12\ndescription: d", "d"),
            ("name: a:b\ndescription: d", "d"),
            ("description: d", "d"),
            ("name: a\ndescription: - x\n", "- x"),
            ("name: a\ndescription: x\n  y: z\n  q\n", ""),
        ] {
            let (_, loaded) = repaired(&format!(
                "---\n{head}\n---\n# Some Planner\n\nPrepares things. More.\n"
            ));
            if !description.is_empty() {
                assert_eq!(loaded.description, description, "{head}");
            }
        }
        let (_, loaded) = repaired("---\nname: a\n---\n# T\n\nPrepares things. More.\n");
        assert_eq!(loaded.description, "Prepares things.");
        let (_, loaded) = repaired("\n  ---\nname: a\ndescription: d\n---\nb\n");
        assert_eq!(loaded.name, "a");
    }

    #[test]
    fn a_file_without_frontmatter_gets_one_in_front() {
        let text = "# Backend Planning Agent\r\n\r\n**Identity**: Plans \"things\", mostly\r\n";
        let (bytes, loaded) = repaired(text);
        assert!(
            bytes.ends_with(text) && bytes.starts_with("---\r\nname: backend-planning\r\n"),
            "{bytes}"
        );
        assert_eq!(loaded.description, "Plans \"things\", mostly");
    }

    #[test]
    fn renaming_and_binding_touch_only_their_words() {
        let text = "---\nname: a # mine\ndescription: mcp__old__x\ntools: mcp__old__x, mcp__older__x, mcp__old, mcp__old__*\nmcpServers: [old, older]\n---\nmcp__old__x\n";
        let request = Request {
            rename: Some("true".to_owned()),
            bind: BTreeMap::from([("old".to_owned(), "new".to_owned())]),
            ..repair_request()
        };
        let adapted = adapt(text.as_bytes(), &request).unwrap();
        assert_eq!(
            String::from_utf8(adapted.bytes).unwrap(),
            "---\nname: \"true\" # mine\ndescription: mcp__old__x\ntools: mcp__new__x, mcp__older__x, mcp__new, mcp__new__*\nmcpServers: [new, older]\n---\nmcp__old__x\n"
        );
        let shown: Vec<String> = adapted.applied.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["rename:a", "bind:old=new"]);
    }

    #[test]
    fn keys_are_found_in_quotes_and_before_a_space() {
        let request = Request {
            rename: Some("b".to_owned()),
            bind: BTreeMap::from([("old".to_owned(), "new".to_owned())]),
            ..Request::default()
        };
        for (head, expected) in [
            ("\"name\": a\ndescription: d", "\"name\": b\ndescription: d"),
            (
                "name : a # x\ndescription: d\n'tools' : [mcp__old__x]",
                "name : b # x\ndescription: d\n'tools' : [mcp__new__x]",
            ),
            (
                "name: a\ndescription: d\n\"name\": c",
                "name: a\ndescription: d\n\"name\": b",
            ),
        ] {
            let adapted = adapt(format!("---\n{head}\n---\n").as_bytes(), &request).unwrap();
            let text = String::from_utf8(adapted.bytes).unwrap();
            assert_eq!(text, format!("---\n{expected}\n---\n"));
        }
    }

    #[test]
    fn an_edit_that_would_not_take_effect_is_refused() {
        let rename = Request {
            rename: Some("b".to_owned()),
            ..repair_request()
        };
        for head in [
            "\"n\\x61me\": a\ndescription: d",
            "name: a\ndescription: d\n\"n\\x61me\": c",
            "name: a\ndescription: d\n[name]: c",
            "<<: {name: a}\ndescription: d\nx: &x",
            "{name: a, description: d}",
            "? name\n: a\ndescription: d",
            "description: d\nname: &n a\nmodel: *n",
        ] {
            assert_eq!(
                adapt(format!("---\n{head}\n---\n").as_bytes(), &rename),
                Err(AdaptError::NotRenamable),
                "{head}"
            );
        }
        assert_eq!(
            adapt(
                b"no frontmatter",
                &Request {
                    rename: Some("b".to_owned()),
                    ..Request::default()
                }
            ),
            Err(AdaptError::NotRenamable)
        );
        let bind = Request {
            bind: BTreeMap::from([("old".to_owned(), "new".to_owned())]),
            ..Request::default()
        };
        for fields in [
            "\"t\\x6fols\": mcp__old__x",
            "<<: {tools: [mcp__old__x]}",
            "tools: [\"mcp__\\x6fld__x\"]",
            "mcpServers: [{old: {command: npx, args: [old]}}]",
        ] {
            let text = format!("---\nname: a\ndescription: d\n{fields}\n---\n");
            assert_eq!(
                adapt(text.as_bytes(), &bind),
                Err(AdaptError::NotBindable("old".to_owned())),
                "{fields}"
            );
        }
        let text = b"---\nname: a\ndescription: d\nmcpServers: [{old: {command: npx}}]\n---\n";
        assert!(adapt(text, &bind).is_ok_and(|adapted| adapted.applied.len() == 1));
        let rename = Request {
            rename: Some("017".to_owned()),
            ..Request::default()
        };
        let adapted = adapt(text, &rename).unwrap();
        assert!(
            adapted.bytes.starts_with(b"---\nname: \"017\"\n"),
            "a number would not be a name"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_repaired_loads_keeps_its_body_and_is_stable(head in "[a-z:\\-\"' \n#|*&\\\\]{0,50}", body in "[a-z#*: \n]{0,40}") {
            let text = format!("---\nname: x\ndescription: {head}\n---\n{body}");
            let before = Definition::parse(text.as_bytes()).body().to_vec();
            if let Ok(adapted) = adapt(text.as_bytes(), &repair_request()) {
                let after = Definition::parse(&adapted.bytes);
                prop_assert!(matches!(after.verdict(), Verdict::Loads(_)));
                prop_assert_eq!(after.body(), before.as_slice());
                prop_assert_eq!(&adapt(&adapted.bytes, &repair_request()).unwrap().bytes, &adapted.bytes);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = adapt(&bytes, &Request { rename: Some("n".to_owned()), ..repair_request() });
        }
    }
}
