//! `.mcp.json`: which servers a project has, and edits that keep every other byte. Text in, text out; no files here.
//!
//! The file is shared with the user and with the client, so nothing is re-serialised: an entry is added after the others, and removing it
//! again restores the exact bytes from before. A file that is not strict JSON is refused, because the client ignores it completely.

use std::ops::Range;

use jsonc_parser::ast::{self, ObjectPropName};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::{Map, Number, Value};

use crate::domain::digest::Digest;
use crate::domain::server::ServerEntry;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Location, Result};

/// The file's name in a project.
pub const FILE_NAME: &str = ".mcp.json";

/// The largest file that is read, in bytes.
pub const MAX_SIZE: u64 = 4 << 20;

const BYTE_ORDER_MARK: &str = "\u{feff}";
const SERVERS: &str = "mcpServers";

/// What had to be created to hold the first entry; it is removed with the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The file.
    File,
    /// The whole content of a file that contained only white space.
    Document,
    /// The key `mcpServers`.
    Key,
}

impl Created {
    /// The word for the lockfile.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Document => "document",
            Self::Key => "key",
        }
    }

    /// Parses the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::File, Self::Document, Self::Key]
            .into_iter()
            .find(|created| created.as_str() == text)
    }
}

/// One server in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Configured {
    /// Its name.
    pub name: String,
    /// The whole entry.
    pub value: Value,
    /// The line of its name, from 1.
    pub line: usize,
}

/// A parsed file.
#[derive(Debug, Clone)]
pub struct McpFile {
    text: String,
    is_there: bool,
    root: Option<Object>,
    servers: Vec<Configured>,
}

/// Where an object and its properties are.
#[derive(Debug, Clone)]
struct Object {
    range: Range<usize>,
    /// Name, whole property, and value if that is an object.
    properties: Vec<(String, Range<usize>)>,
    servers: Option<Box<Self>>,
}

impl McpFile {
    /// A file that does not exist.
    #[must_use]
    pub fn absent() -> Self {
        Self {
            text: String::new(),
            is_there: false,
            root: None,
            servers: Vec::new(),
        }
    }

    /// Reads the file; `path` is for messages. `None`: there is none.
    pub fn parse(bytes: Option<&[u8]>, path: &str) -> Result<Self> {
        let Some(bytes) = bytes else {
            return Ok(Self::absent());
        };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            broken(
                path,
                &String::from_utf8_lossy(bytes),
                at..at + 1,
                "not UTF-8; Claude Code ignores the whole file",
            )
        })?;
        let start = if text.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        let json = &text[start..];
        if json.trim_matches([' ', '\t', '\n', '\r']).is_empty() {
            return Ok(Self {
                text: text.to_owned(),
                is_there: true,
                root: None,
                servers: Vec::new(),
            });
        }
        let shifted = |range: jsonc_parser::common::Range| start + range.start..start + range.end;
        let parsed =
            parse_to_ast(json, &CollectOptions::default(), &strict()).map_err(|error| {
                let label = match error.kind() {
                    jsonc_parser::errors::ParseErrorKind::CommentsNotAllowed => {
                        "comments are not allowed here; Claude Code ignores the whole file"
                            .to_owned()
                    }
                    kind => format!(
                        "{}; Claude Code ignores the whole file",
                        lower_case(&kind.to_string())
                    ),
                };
                broken(path, text, shifted(error.range()), &label)
            })?;
        let wrong = |range, label: &str| Err(broken(path, text, range, label));
        let root = match parsed.value {
            Some(ast::Value::Object(root)) => root,
            Some(other) => {
                return wrong(
                    shifted(other.range()),
                    "an object with `mcpServers` is expected",
                );
            }
            None => return wrong(start..text.len(), "an object with `mcpServers` is expected"),
        };
        let mut outline = Object::of(&root, start);
        let mut servers = Vec::new();
        // Of equal keys, the client takes the last one.
        if let Some(property) = root
            .properties
            .iter()
            .rev()
            .find(|property| property.name.as_str() == SERVERS)
        {
            let ast::Value::Object(object) = &property.value else {
                return wrong(
                    shifted(property.value.range()),
                    "`mcpServers` is an object: name to server",
                );
            };
            for property in &object.properties {
                let name = property.name.as_str().to_owned();
                let line = line_of(text, start + property.range.start);
                servers.retain(|known: &Configured| known.name != name);
                servers.push(Configured {
                    name,
                    value: value(&property.value),
                    line,
                });
            }
            outline.servers = Some(Box::new(Object::of(object, start)));
        } else if let Some(property) = root
            .properties
            .iter()
            .find(|property| is_server(&property.value))
        {
            return wrong(
                shifted(property.range),
                "servers belong in `mcpServers`; Claude Code ignores the whole file",
            );
        }
        Ok(Self {
            text: text.to_owned(),
            is_there: true,
            root: Some(outline),
            servers,
        })
    }

    /// The digest of the file as it was read; `None`: there was none.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.is_there.then(|| Digest::of(self.text.as_bytes()))
    }

    /// The servers in the order of the file.
    #[must_use]
    pub fn servers(&self) -> &[Configured] {
        &self.servers
    }

    /// The server of this name.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<&Configured> {
        self.servers.iter().find(|server| server.name == name)
    }

    /// The text with one more entry, and what had to be created for it. The name must not be there yet.
    #[must_use]
    pub fn add(&self, name: &str, entry: &ServerEntry) -> (String, Option<Created>) {
        let new_line = new_line(&self.text);
        let Some(root) = &self.root else {
            let created = if self.text.is_empty() {
                Created::File
            } else {
                Created::Document
            };
            let style = Style {
                new_line,
                indent: "    ".to_owned(),
                unit: "  ".to_owned(),
            };
            let entry = style.property(name, entry);
            let document = format!(
                "{{{new_line}  \"{SERVERS}\": {{{new_line}    {entry}{new_line}  }}{new_line}}}"
            );
            return (format!("{}{document}", self.text), Some(created));
        };
        if let Some(servers) = &root.servers {
            return (
                self.inserted(servers, &|style| style.property(name, entry)),
                None,
            );
        }
        let holder = |style: &Style<'_>| {
            if style.is_compact() {
                return format!("\"{SERVERS}\":{{{}}}", style.property(name, entry));
            }
            let inner = Style {
                indent: format!("{}{}", style.indent, style.unit),
                ..style.clone()
            };
            let (between, end) = (
                format!("{new_line}{}", inner.indent),
                format!("{new_line}{}", style.indent),
            );
            format!(
                "\"{SERVERS}\": {{{between}{}{end}}}",
                inner.property(name, entry)
            )
        };
        (self.inserted(root, &holder), Some(Created::Key))
    }

    /// The text without an entry; `None` if nothing remains of the file. `created`: what agentpkg created, if this is its last entry.
    #[must_use]
    pub fn remove(&self, name: &str, created: Option<Created>) -> Option<String> {
        let Some(root) = &self.root else {
            return Some(self.text.clone());
        };
        let Some(servers) = &root.servers else {
            return Some(self.text.clone());
        };
        let is_last = servers.properties.len() == 1 && servers.has(name);
        match created.filter(|_| is_last) {
            Some(Created::File) if self.is_only(root) => None,
            Some(Created::Document) if self.is_only(root) => {
                Some(self.text[..root.range.start].to_owned())
            }
            Some(_) => Some(self.without(root, SERVERS)),
            None => Some(self.without(servers, name)),
        }
    }

    /// Whether the file contains only `mcpServers`.
    fn is_only(&self, root: &Object) -> bool {
        root.properties.len() == 1 && self.text[root.range.end..].trim().is_empty()
    }

    /// The text with a property after the others of `object`.
    fn inserted(&self, object: &Object, property: &dyn Fn(&Style<'_>) -> String) -> String {
        let new_line = new_line(&self.text);
        let (at, inserted) = match object.properties.last() {
            None => {
                let outer = indent_at(&self.text, object.range.start);
                let unit = if outer.is_empty() {
                    "  ".to_owned()
                } else {
                    outer.to_owned()
                };
                let style = Style {
                    new_line,
                    indent: format!("{outer}{unit}"),
                    unit,
                };
                let at = object.range.start + 1;
                (
                    at,
                    format!(
                        "{new_line}{}{}{new_line}{outer}",
                        style.indent,
                        property(&style)
                    ),
                )
            }
            Some((_, last)) => {
                let first = &object.properties[0].1;
                let gap = &self.text[object.range.start + 1..first.start];
                if gap.contains('\n') {
                    let indent = gap[gap.rfind('\n').map_or(0, |at| at + 1)..].to_owned();
                    let outer = indent_at(&self.text, object.range.start);
                    let unit = indent
                        .strip_prefix(outer)
                        .filter(|unit| !unit.is_empty())
                        .unwrap_or("  ")
                        .to_owned();
                    let style = Style {
                        new_line,
                        indent,
                        unit,
                    };
                    (
                        last.end,
                        format!(",{new_line}{}{}", style.indent, property(&style)),
                    )
                } else {
                    // An object on one line stays on one line.
                    let style = Style {
                        new_line,
                        indent: String::new(),
                        unit: String::new(),
                    };
                    (last.end, format!(",{gap}{}", property(&style)))
                }
            }
        };
        let mut text = self.text.clone();
        text.insert_str(at, &inserted);
        text
    }

    /// The text without the last property of this name, so that it undoes [`Self::inserted`].
    fn without(&self, object: &Object, name: &str) -> String {
        let Some(index) = object
            .properties
            .iter()
            .rposition(|(known, _)| known == name)
        else {
            return self.text.clone();
        };
        let own = &object.properties[index].1;
        let gone = if object.properties.len() == 1 {
            let inside = object.range.start + 1..object.range.end - 1;
            let closing = format!(
                "{}{}",
                new_line(&self.text),
                indent_at(&self.text, object.range.start)
            );
            let end = if self.text[own.end..inside.end].starts_with(&closing) {
                own.end + closing.len()
            } else {
                inside.end
            };
            inside.start..end
        } else if index + 1 == object.properties.len() {
            object.properties[index - 1].1.end..own.end
        } else {
            own.start..object.properties[index + 1].1.start
        };
        let mut text = self.text.clone();
        text.replace_range(gone, "");
        text
    }
}

impl Object {
    fn of(object: &ast::Object<'_>, start: usize) -> Self {
        let shift = |range: jsonc_parser::common::Range| start + range.start..start + range.end;
        let properties = object
            .properties
            .iter()
            .map(|property| (property.name.as_str().to_owned(), shift(property.range)));
        Self {
            range: shift(object.range),
            properties: properties.collect(),
            servers: None,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.properties.iter().any(|(known, _)| known == name)
    }
}

/// The layout of a property.
#[derive(Debug, Clone)]
struct Style<'a> {
    new_line: &'a str,
    /// The indentation of the property's own line.
    indent: String,
    /// One more level of indentation; empty: all on one line.
    unit: String,
}

impl Style<'_> {
    fn is_compact(&self) -> bool {
        self.unit.is_empty()
    }

    /// `"name": { … }` as the client writes it.
    fn property(&self, name: &str, entry: &ServerEntry) -> String {
        let key = Value::from(name);
        if self.is_compact() {
            let fields = entry
                .fields()
                .into_iter()
                .map(|(field, value)| format!("\"{field}\":{value}"));
            return format!("{key}:{{{}}}", fields.collect::<Vec<_>>().join(","));
        }
        let inner = format!("{}{}", self.indent, self.unit);
        let fields = entry
            .fields()
            .into_iter()
            .map(|(field, value)| format!("{inner}\"{field}\": {}", self.value(&value, &inner)));
        let separator = format!(",{}", self.new_line);
        let fields = fields.collect::<Vec<_>>().join(&separator);
        format!(
            "{key}: {{{}{fields}{}{}}}",
            self.new_line, self.new_line, self.indent
        )
    }

    /// A list or a table of strings, one to a line.
    fn value(&self, value: &Value, indent: &str) -> String {
        let lines = |open: char, items: Vec<String>, close: char| {
            if items.is_empty() {
                return format!("{open}{close}");
            }
            let (new_line, inner) = (self.new_line, format!("{indent}{}", self.unit));
            format!(
                "{open}{new_line}{inner}{}{new_line}{indent}{close}",
                items.join(&format!(",{new_line}{inner}"))
            )
        };
        match value {
            Value::Array(items) => lines('[', items.iter().map(Value::to_string).collect(), ']'),
            Value::Object(entries) => lines(
                '{',
                entries
                    .iter()
                    .map(|(key, value)| format!("{}: {value}", Value::from(key.as_str())))
                    .collect(),
                '}',
            ),
            value => value.to_string(),
        }
    }
}

fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

fn broken(path: &str, text: &str, span: Range<usize>, label: &str) -> Failure {
    let location = Location {
        path: path.to_owned(),
        source: text.to_owned(),
        span,
        label: label.to_owned(),
    };
    let what = if label.starts_with("an object") || label.contains("mcpServers") {
        "has no servers that Claude Code can read"
    } else {
        "is not valid JSON"
    };
    Failure::failed(format!("{path} {what}")).at(location).hint(
        Advice::say("fix it, then run ")
            .and_run(Command::new(["check"]))
            .and("; the file was not changed"),
    )
}

fn lower_case(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}

fn is_server(value: &ast::Value<'_>) -> bool {
    let has = |object: &ast::Object<'_>, key: &str| {
        object
            .properties
            .iter()
            .any(|property| property.name.as_str() == key)
    };
    value
        .as_object()
        .is_some_and(|object| has(object, "command") || has(object, "url"))
}

fn value(value: &ast::Value<'_>) -> Value {
    match value {
        ast::Value::StringLit(text) => Value::String(text.value.clone().into_owned()),
        ast::Value::NumberLit(number) => {
            let parsed = number.value.parse::<Number>().ok();
            parsed.map_or_else(|| Value::String(number.value.to_owned()), Value::Number)
        }
        ast::Value::BooleanLit(boolean) => Value::Bool(boolean.value),
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::Array(array) => Value::Array(array.elements.iter().map(self::value).collect()),
        ast::Value::Object(object) => {
            let entries = object
                .properties
                .iter()
                .map(|property| (key(&property.name), self::value(&property.value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

fn key(name: &ObjectPropName<'_>) -> String {
    name.as_str().to_owned()
}

fn new_line(text: &str) -> &'static str {
    let first = text.find('\n');
    if first.is_some_and(|at| text[..at].ends_with('\r')) {
        "\r\n"
    } else {
        "\n"
    }
}

/// The white space at the start of the line that `at` is in.
fn indent_at(text: &str, at: usize) -> &str {
    let line = &text[text[..at].rfind('\n').map_or(0, |newline| newline + 1)..at];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn entry() -> ServerEntry {
        ServerEntry::Program {
            command: "npx".to_owned(),
            args: vec!["-y".to_owned(), "@a/b@1.2.3".to_owned()],
            env: vec![("TOKEN".to_owned(), "${TOKEN}".to_owned())],
        }
    }

    fn remote() -> ServerEntry {
        ServerEntry::Remote {
            transport: "http",
            url: "https://x.y/z".to_owned(),
            headers: Vec::new(),
        }
    }

    fn parse(text: &str) -> McpFile {
        McpFile::parse(Some(text.as_bytes()), FILE_NAME)
            .unwrap_or_else(|failure| panic!("{failure}: {text}"))
    }

    #[test]
    fn a_new_file_is_what_the_client_writes() {
        let (text, created) = McpFile::absent().add("ctx7", &entry());
        insta::assert_snapshot!(text, @r#"
        {
          "mcpServers": {
            "ctx7": {
              "type": "stdio",
              "command": "npx",
              "args": [
                "-y",
                "@a/b@1.2.3"
              ],
              "env": {
                "TOKEN": "${TOKEN}"
              }
            }
          }
        }
        "#);
        assert_eq!(created, Some(Created::File));
        assert_eq!(parse(&text).remove("ctx7", created), None);
        let (two, _) = parse(&text).add("web", &remote());
        assert!(
            two.ends_with("    },\n    \"web\": {\n      \"type\": \"http\",\n      \"url\": \"https://x.y/z\"\n    }\n  }\n}"),
            "{two}"
        );
    }

    #[test]
    fn the_form_of_the_file_is_kept() {
        let added = |text: &str| parse(text).add("w", &remote()).0;
        let form = r#"{"type":"http","url":"https://x.y/z"}"#;
        assert_eq!(
            added(r#"{"mcpServers":{"a":{"command":"x"}}}"#),
            format!(r#"{{"mcpServers":{{"a":{{"command":"x"}},"w":{form}}}}}"#)
        );
        assert_eq!(
            added(r#"{"a": 1}"#),
            format!(r#"{{"a": 1,"mcpServers":{{"w":{form}}}}}"#)
        );
        assert_eq!(
            added("{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {}\r\n\t}\r\n}\r\n"),
            "{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {},\r\n\t\t\"w\": {\r\n\t\t\t\"type\": \"http\",\r\n\t\t\t\"url\": \"https://x.y/z\"\r\n\t\t}\r\n\t}\r\n}\r\n"
        );
        assert_eq!(
            added("{\n  \"mcpServers\": {}\n}\n"),
            "{\n  \"mcpServers\": {\n    \"w\": {\n      \"type\": \"http\",\n      \"url\": \"https://x.y/z\"\n    }\n  }\n}\n"
        );
    }

    #[test]
    fn what_the_client_refuses_is_refused_with_the_line() {
        for (text, line, label) in [
            (
                "{\n  // mine\n  \"mcpServers\": {}\n}",
                2,
                "comments are not allowed",
            ),
            ("{\"mcpServers\": {},}", 1, "trailing commas"),
            ("{\"mcpServers\":\n null}", 2, "is an object"),
            ("[]", 1, "an object"),
            ("{\n\"a\": {\"command\": \"x\"}}", 2, "belong in"),
            ("{'mcpServers': {}}", 1, "ingle-quoted"),
            ("{\"mcpServers\": {", 1, "nterminated"),
        ] {
            let failure = McpFile::parse(Some(text.as_bytes()), FILE_NAME).unwrap_err();
            let location = failure.location().unwrap();
            assert!(location.label.contains(label), "{text}: {}", location.label);
            assert_eq!(line_of(text, location.span.start), line, "{text}");
        }
        assert!(
            McpFile::parse(Some(b"{\"a\": \"\xff\"}"), FILE_NAME)
                .unwrap_err()
                .location()
                .is_some()
        );
        assert_eq!(parse("\u{feff} \n").servers(), []);
        assert_eq!(
            parse("{\"mcpServers\": {\"a\": 1}, \"mcpServers\": {\"b\": {}, \"b\": 2}}")
                .servers()
                .len(),
            1
        );
    }

    /// White space as people write it.
    fn space() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => Just(String::new()),
            3 => Just(" ".to_owned()),
            3 => Just("\n  ".to_owned()),
            1 => Just("\r\n\t".to_owned()),
            1 => "[ \t\n\r]{0,5}",
        ]
    }

    fn key_text() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[a-c]{1,2}",
            1 => Just("mcpServers".to_owned()),
            1 => Just("x-new".to_owned()),
            1 => Just("\\u0061\\\"}{".to_owned()),
            1 => "[äöü ,:]{0,4}",
        ]
    }

    fn scalar() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("-1.5e3".to_owned()),
            Just("123456789012345678901234567890".to_owned()),
            "\"[a-z,{}: ]{0,6}\"",
            Just("\"\\\\\\\"\\u00e9//\"".to_owned()),
        ]
    }

    fn object(
        members: impl Strategy<Value = Vec<(String, String)>>,
    ) -> impl Strategy<Value = String> {
        (members, prop::collection::vec(space(), 16)).prop_map(|(members, spaces)| {
            let mut spaces = spaces.iter().cycle();
            let mut space = || spaces.next().expect("a cycle does not end").as_str();
            let mut text = format!("{{{}", space());
            for (index, (key, value)) in members.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                text.extend([
                    comma,
                    space(),
                    "\"",
                    key,
                    "\"",
                    space(),
                    ":",
                    space(),
                    value,
                    space(),
                ]);
            }
            text + "}"
        })
    }

    fn any_value() -> impl Strategy<Value = String> {
        scalar().prop_recursive(6, 40, 4, |inner| {
            let members = prop::collection::vec((key_text(), inner.clone()), 0..4);
            prop_oneof![
                object(members),
                (prop::collection::vec(inner, 0..4), space()).prop_map(|(items, space)| format!(
                    "[{space}{}]",
                    items.join(&format!(",{space}"))
                )),
            ]
        })
    }

    fn any_file() -> impl Strategy<Value = String> {
        let servers = object(prop::collection::vec((key_text(), any_value()), 0..4));
        let head = prop::collection::vec(
            (
                key_text().prop_filter("none of its own", |key| key != "mcpServers"),
                any_value(),
            ),
            0..3,
        );
        let whole = (head, servers, 0..3_usize).prop_flat_map(|(head, servers, count)| {
            let mut members: Vec<(String, String)> = head
                .into_iter()
                .filter(|(_, value)| !value.contains("\"command\""))
                .collect();
            for index in 0..count {
                members.insert(
                    index.min(members.len()),
                    ("mcpServers".to_owned(), servers.clone()),
                );
            }
            object(Just(members))
        });
        (prop::bool::ANY, space(), whole, space()).prop_map(|(has_mark, before, whole, after)| {
            format!(
                "{}{before}{whole}{after}",
                if has_mark { BYTE_ORDER_MARK } else { "" }
            )
        })
    }

    fn json(text: &str) -> Value {
        serde_json::from_str(text.trim_start_matches(BYTE_ORDER_MARK))
            .unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn what_is_added_and_removed_leaves_the_same_bytes(text in any_file()) {
            let file = parse(&text);
            let before = json(&text);
            prop_assume!(file.server("x-new").is_none() && file.server("y-new").is_none());
            let (one, created) = file.add("x-new", &entry());
            let (two, again) = parse(&one).add("y-new", &remote());
            prop_assert_eq!(again, None);
            // Read by another parser, every step adds the one entry and changes no other.
            let mut expected = before.clone();
            if expected.get("mcpServers").is_none() {
                expected["mcpServers"] = json!({});
            }
            expected["mcpServers"]["x-new"] = entry().to_json();
            prop_assert_eq!(&json(&one), &expected);
            expected["mcpServers"]["y-new"] = remote().to_json();
            prop_assert_eq!(&json(&two), &expected);
            let back = parse(&two).remove("y-new", created).unwrap();
            prop_assert_eq!(&back, &one);
            prop_assert_eq!(parse(&back).remove("x-new", created), Some(text.clone()));
            // And in reverse.
            let other = parse(&two).remove("x-new", created).unwrap();
            prop_assert_eq!(parse(&other).remove("y-new", created), Some(text));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[{}\\[\\]\",:a-z0-9 \n/*']{0,40}") {
            if let Ok(file) = McpFile::parse(Some(text.as_bytes()), FILE_NAME)
                && !text.trim().is_empty()
            {
                prop_assert!(json(&text).is_object());
                let _ = file.add("x", &entry());
            }
        }
    }
}
