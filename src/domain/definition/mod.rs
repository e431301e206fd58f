//! Agent definitions: Markdown with YAML frontmatter, read exactly as the client reads it.
//!
//! [`Definition::parse`] takes any bytes and never fails; its [`Verdict`] says whether the client loads the file, and as what. What the
//! client accepts was measured against versions 2.1.329 and 2.1.332. [`adapt`] turns a file that the client would skip into one that it loads.

mod adapt;
mod depth;
#[cfg(test)]
mod families;
pub mod fields;
mod hooks;
mod layout;
mod listed;
mod loss;
mod mend;
mod node;
mod overridden;
#[cfg(test)]
mod probes;
mod scan;
mod unfenced;
mod yaml;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use super::text_of;

pub use self::adapt::{AdaptError, Adaptation, Adapted, Request, adapt};
pub use self::layout::Entry;
use self::layout::Layout;
pub use self::loss::Loss;
use self::node::ReadError;
pub use self::overridden::{
    IdleRemoval, OverrideError, Successor, differing, idle_removals, modernised, overridden,
};
use self::yaml::Fields;

/// The longest name that the client takes.
const MAX_CLIENT_NAME: usize = 256;

/// The largest frontmatter that is read, in bytes.
pub const MAX_FRONTMATTER: usize = 64 << 10;

/// The fields that the client reads.
pub const FIELDS: [&str; 23] = [
    "name",
    "description",
    "tools",
    "disallowedTools",
    "model",
    "permissionMode",
    "maxTurns",
    "skills",
    "mcpServers",
    "hooks",
    "memory",
    "background",
    "effort",
    "isolation",
    "color",
    "initialPrompt",
    "observer",
    "observerMessage",
    "observeSubagents",
    "observeToolResults",
    "omitClaudeMd",
    "autoCompactWindow",
    "experimental",
];

/// A definition and what the client makes of it.
#[derive(Debug)]
pub struct Definition<'a> {
    layout: Layout<'a>,
    verdict: Verdict,
    /// See [`Definition::may_set`].
    in_doubt: OnceCell<InDoubt>,
}

/// A frontmatter in which a field may be set, if it is in doubt.
#[derive(Debug)]
enum InDoubt {
    /// No field.
    No,
    /// Any field: an escape sequence may spell any name in a quoted key.
    Any,
    /// Those whose names are in this text, which is in small letters and without hyphens.
    In(String),
}

/// What the client does with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It loads the file.
    Loads(Loaded),
    /// It silently drops the file.
    Skipped(SkipReason),
}

/// An agent as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The tools it may use; `None`: all, because there is no such line or it contains `*`.
    pub tools: Option<Vec<String>>,
    /// Whether there is a line of tools, whatever it allows.
    pub has_tools_line: bool,
    /// The tools that are disallowed.
    pub disallowed_tools: Vec<String>,
    /// The model it asks for.
    pub model: Option<String>,
    /// The permission mode it asks for, even if the measured client does not know it and ignores it.
    pub permission_mode: Option<String>,
    /// Lists of tools, as written, that the client may read differently; the agent is assumed to have everything they could give it.
    pub unclear: BTreeMap<&'static str, String>,
    /// The fields that give it power, each with what the client makes of the value, as JSON with sorted keys, so that equal texts are equal
    /// powers, wherever in the frontmatter they come from.
    pub powers: BTreeMap<&'static str, String>,
    /// Keys that the client does not read, but that are almost names of fields which a first installation asks about, each with the field
    /// and its value as JSON. They are treated as set.
    pub misspelt: BTreeMap<String, (&'static str, String)>,
}

impl Loaded {
    /// The fields that a first installation asks about and that are set, or seem to be.
    #[must_use]
    pub fn security(&self) -> Vec<&'static str> {
        let is_set = |field: &&str| {
            let mut misspelt = self.misspelt.values();
            self.powers.contains_key(field) || misspelt.any(|(meant, _)| meant == field)
        };
        fields::asked_at_first().filter(is_set).collect()
    }
}

/// Why the client skips a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// The first line is not `---`, or nothing closes the block.
    NoFrontmatter,
    /// Larger than [`MAX_FRONTMATTER`]: not read.
    TooLarge,
    /// Its aliases expand to more values than we read.
    TooComplex,
    /// Not YAML, even after the client's own repair.
    Invalid {
        /// The line of the file, from 1.
        line: usize,
        /// The parser's message.
        message: String,
    },
    /// No `name`, or it is not text.
    NoName,
    /// The client refuses this name.
    BadName(String),
    /// No `description`, or it is not text.
    NoDescription,
    /// The value of a field makes the client drop the whole file.
    WrongType {
        /// The field.
        field: &'static str,
        /// What the client expects.
        expected: &'static str,
    },
}

impl SkipReason {
    /// Whether this or another version of the client could still load the file: we did not read all of it, or not as YAML.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        match self {
            Self::TooLarge | Self::TooComplex | Self::Invalid { .. } | Self::WrongType { .. } => {
                true
            }
            Self::NoFrontmatter | Self::NoName | Self::BadName(_) | Self::NoDescription => false,
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFrontmatter => formatter.write_str("it has no frontmatter"),
            Self::TooLarge => write!(
                formatter,
                "its frontmatter is larger than {} KiB",
                MAX_FRONTMATTER >> 10
            ),
            Self::TooComplex => formatter
                .write_str("its frontmatter is nested too deeply, or expands to too many values"),
            Self::Invalid { line, message } => {
                write!(formatter, "line {line} is not valid YAML: {message}")
            }
            Self::NoName => formatter.write_str("it has no name"),
            Self::BadName(name) => write!(
                formatter,
                "Claude Code refuses the name `{}`",
                name.escape_debug()
            ),
            Self::NoDescription => formatter.write_str("it has no description"),
            Self::WrongType { field, expected } => write!(
                formatter,
                "its `{field}` is not what Claude Code expects: {expected}"
            ),
        }
    }
}

/// Why the client ignores a file; `None`: it loads it.
#[must_use]
pub fn ignored(bytes: &[u8]) -> Option<String> {
    match Definition::parse(bytes).verdict() {
        Verdict::Loads(_) => None,
        Verdict::Skipped(reason) => Some(reason.to_string()),
    }
}

/// The name by which the client knows a file, if it is neither the one that the file was written with nor `name`, that of the agent; `None`
/// also where it ignores the file.
#[must_use]
pub fn renamed(file: &[u8], written: Option<&[u8]>, name: &str) -> Option<String> {
    let own = |bytes| match Definition::parse(bytes).verdict() {
        Verdict::Loads(loaded) => Some(loaded.name.clone()),
        Verdict::Skipped(_) => None,
    };
    own(file).filter(|now| now != name && written.and_then(own).as_ref() != Some(now))
}

impl<'a> Definition<'a> {
    /// Reads a definition from any bytes.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Self {
        let layout = Layout::of(bytes);
        let verdict = match layout.frontmatter() {
            None => Verdict::Skipped(SkipReason::NoFrontmatter),
            Some(block) if block.len() > MAX_FRONTMATTER => Verdict::Skipped(SkipReason::TooLarge),
            Some(block) => judge(&text_of(block), layout.first_line()),
        };
        Self {
            layout,
            verdict,
            in_doubt: OnceCell::new(),
        }
    }

    /// What the client does with it.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Whether the client finds a frontmatter block, valid or not.
    #[must_use]
    pub fn has_frontmatter(&self) -> bool {
        self.layout.frontmatter().is_some()
    }

    /// A top-level entry of the frontmatter, found even where the YAML is broken; the last one if there are several.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.layout
            .entries()
            .iter()
            .rev()
            .find(|entry| entry.key == key)
    }

    /// The fields that give power and that the client may find in a file whose frontmatter we could not read.
    ///
    /// Empty for a file that loads: [`Loaded::powers`] is exact there.
    #[must_use]
    pub fn powers_in_doubt(&self) -> Vec<&'static str> {
        let fields = fields::FIELDS.iter().map(|field| field.name);
        fields.filter(|field| self.may_set(field)).collect()
    }

    /// Whether the client may load the file although we could not read its frontmatter.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        matches!(&self.verdict, Verdict::Skipped(reason) if reason.is_doubtful())
    }

    /// Whether the client may find this field in a file whose frontmatter we could not read.
    #[must_use]
    pub fn may_set(&self, field: &str) -> bool {
        let bare = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
        let found = self.in_doubt.get_or_init(|| {
            let block = self.layout.frontmatter().filter(|_| self.is_in_doubt());
            match block.map(String::from_utf8_lossy) {
                None => InDoubt::No,
                Some(text) if text.contains('\\') => InDoubt::Any,
                Some(text) => InDoubt::In(bare(&text)),
            }
        });
        match found {
            InDoubt::No => false,
            InDoubt::Any => true,
            InDoubt::In(text) => text.contains(&bare(field)),
        }
    }

    /// The values of the frontmatter as the client reads them; empty for a file that it skips.
    #[must_use]
    pub fn values(&self) -> Map<String, Value> {
        let block = self
            .layout
            .frontmatter()
            .filter(|_| matches!(self.verdict, Verdict::Loads(_)));
        let fields = block.and_then(|block| Fields::read(&String::from_utf8_lossy(block)).ok());
        fields.map(Fields::into_values).unwrap_or_default()
    }

    /// The name and the description of an agent of a plugin, which the client loads whatever is in the file; `None`: it makes one up.
    #[must_use]
    pub fn in_plugin(&self) -> (Option<String>, Option<String>) {
        let block = self.layout.frontmatter();
        let block = block.filter(|block| block.len() <= MAX_FRONTMATTER);
        let fields = block.and_then(|block| Fields::read(&String::from_utf8_lossy(block)).ok());
        let values = fields.map(Fields::into_values).unwrap_or_default();
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        let name = values.get("name").and_then(|name| match name {
            Value::Array(names) => {
                let names: Vec<String> = names
                    .iter()
                    .map(|name| text(name).unwrap_or_default())
                    .collect();
                Some(names.join(","))
            }
            Value::Object(_) => Some("[object Object]".to_owned()),
            name => text(name),
        });
        let is_taken =
            |name: &String| !name.is_empty() && name.encode_utf16().count() <= MAX_CLIENT_NAME;
        let description = values.get("description").and_then(text);
        (
            name.filter(is_taken),
            description.filter(|description| !description.is_empty()),
        )
    }

    /// The line of the file, from 1, on which `word` first appears within the entry of `key`; if it does not, the entry's first line.
    #[must_use]
    pub fn line_of(&self, key: &str, word: &str) -> Option<usize> {
        let entry = self.get(key)?;
        let bytes = self.layout.bytes();
        let text = &bytes[entry.value.clone()];
        let is_part = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        let found = text
            .windows(word.len().max(1))
            .enumerate()
            .find(|(at, window)| {
                let before = at.checked_sub(1).and_then(|before| text.get(before));
                *window == word.as_bytes()
                    && !is_part(before)
                    && !is_part(text.get(at + word.len()))
            });
        let at = found.map_or(entry.span.start, |(at, _)| entry.value.start + at);
        Some(1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count())
    }

    /// The line of the file, from 1, on which the body begins.
    #[must_use]
    pub fn body_line(&self) -> usize {
        let bytes = self.layout.bytes();
        let start = bytes.len() - self.layout.body().len();
        1 + bytes[..start].iter().filter(|byte| **byte == b'\n').count()
    }

    /// What is in the frontmatter, or was meant to be, but is not read as it seems; by line.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        let name = match &self.verdict {
            Verdict::Loads(loaded) => loaded.name.as_str(),
            Verdict::Skipped(_) => "",
        };
        loss::losses(&self.layout, name)
    }

    /// What follows the frontmatter.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.layout.body()
    }

    /// The first heading, if only blank lines precede it.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        adapt::title(&String::from_utf8_lossy(self.layout.body()))
    }

    /// The file with its keys between fences, if they stand at the top without them.
    #[must_use]
    pub fn fenced(&self) -> Option<String> {
        if self.has_frontmatter() {
            return None;
        }
        unfenced::fenced(&String::from_utf8_lossy(self.layout.body()))
    }

    /// Whether this is what git-lfs leaves in place of a file.
    #[must_use]
    pub fn is_pointer(&self) -> bool {
        unfenced::is_pointer(self.layout.bytes())
    }

    /// Whether a file without frontmatter says that it is an agent, in its title or an identity line.
    #[must_use]
    pub fn introduces_itself(&self) -> bool {
        let body = String::from_utf8_lossy(self.layout.body());
        let is_agent = |title: String| {
            let last = title
                .split_whitespace()
                .next_back()
                .unwrap_or_default()
                .to_ascii_lowercase();
            matches!(last.as_str(), "agent" | "subagent" | "sub-agent")
        };
        adapt::title(&body).is_some_and(is_agent)
            || adapt::title(&body).is_some() && adapt::identity(&body).is_some()
    }
}

/// The top-level keys of the frontmatter, found even where the YAML is broken.
pub(super) fn keys(bytes: &[u8]) -> BTreeSet<String> {
    let layout = Layout::of(bytes);
    let entries = layout.entries().iter();
    entries.map(|entry| entry.key.clone()).collect()
}

/// Whether there is a colon in any of its forms, such as the full-width one.
fn has_colon(name: &str) -> bool {
    name.contains(':') || !name.is_ascii() && name.nfkc().any(|c| c == ':')
}

fn judge(block: &str, first_line: usize) -> Verdict {
    let fields = match Fields::read(block) {
        Ok(fields) => fields,
        Err(ReadError::TooComplex) => return Verdict::Skipped(SkipReason::TooComplex),
        Err(ReadError::Invalid { line, message, .. }) => {
            return Verdict::Skipped(SkipReason::Invalid {
                line: first_line + line,
                message,
            });
        }
    };
    let Some(name) = fields.text("name").filter(|name| !name.is_empty()) else {
        return Verdict::Skipped(SkipReason::NoName);
    };
    if has_colon(name) || name.starts_with('-') || name.encode_utf16().count() > MAX_CLIENT_NAME {
        return Verdict::Skipped(SkipReason::BadName(name.to_owned()));
    }
    let Some(description) = fields.text("description").filter(|text| !text.is_empty()) else {
        return Verdict::Skipped(SkipReason::NoDescription);
    };
    let objection = fields.value("hooks").and_then(hooks::objection);
    let misplaced = hooks::is_misplaced(fields.values())
        .then_some("`PreToolUse` and `PermissionRequest` are written inside it");
    if let Some(expected) = objection.or(misplaced) {
        return Verdict::Skipped(SkipReason::WrongType {
            field: "hooks",
            expected,
        });
    }
    // If it is uncertain how the client reads it, the reading with more tools is assumed.
    let tools = fields
        .list("tools")
        .filter(|tools| !tools.iter().any(|tool| tool == "*"));
    let disallowed_tools = fields.list("disallowedTools").unwrap_or_default();
    let powers = fields::FIELDS.iter().map(|field| field.name);
    let powers = powers.filter_map(|field| {
        let value = fields::effective(field, fields.values().get(field)?)?;
        Some((field, value.to_string()))
    });
    let misspelt = fields.values().iter().filter_map(|(key, value)| {
        let field = fields::misspelt(key)?;
        let value = fields::effective(field, value)?;
        Some((key.clone(), (field, value.to_string())))
    });
    Verdict::Loads(Loaded {
        name: name.to_owned(),
        description: description.replace("\\n", "\n"),
        tools,
        has_tools_line: fields.value("tools").is_some(),
        disallowed_tools,
        model: fields
            .text("model")
            .map(trim)
            .filter(|model| !model.is_empty())
            .map(str::to_owned),
        permission_mode: fields
            .text("permissionMode")
            .filter(|mode| !mode.is_empty())
            .map(str::to_owned),
        unclear: ["tools", "disallowedTools"]
            .into_iter()
            .filter_map(|key| Some((key, fields.unclear(key)?.to_owned())))
            .collect(),
        powers: powers.collect(),
        misspelt: misspelt.collect(),
    })
}

/// Trims as JavaScript does, which has a different set of white space.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() && c != '\u{85}' || c == '\u{feff}')
}

/// The tools in a value, which is a text or a list of texts, as the client splits them.
#[must_use]
pub fn tools_in(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => split_tools(text),
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .flat_map(split_tools)
            .collect(),
        _ => Vec::new(),
    }
}

/// Splits a list of tools at commas and spaces outside parentheses, which do not nest.
#[must_use]
pub fn split_tools(text: &str) -> Vec<String> {
    let mut is_inside = false;
    let parts = text.split(|c: char| {
        match c {
            '(' => is_inside = true,
            ')' => is_inside = false,
            _ => {}
        }
        matches!(c, ',' | ' ') && !is_inside
    });
    parts
        .map(trim)
        .filter(|tool| !tool.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn loads(text: &str) -> Option<(String, String)> {
        match Definition::parse(text.as_bytes()).verdict {
            Verdict::Loads(loaded) => Some((loaded.name, loaded.description)),
            Verdict::Skipped(_) => None,
        }
    }

    fn with(head: &str) -> Option<String> {
        loads(&format!("---\n{head}\n---\nBody.\n")).map(|(_, description)| description)
    }

    #[test]
    fn the_block_is_found_as_the_client_finds_it() {
        let head = "name: a\ndescription: d\n";
        for text in [
            format!("---\n{head}---\nb"),
            format!("---  \n{head}---"),
            format!("\u{feff}---\n{head}---\n"),
            format!("---\r\n{}---\r\nb", head.replace('\n', "\r\n")),
            format!("---\n{head}  ---\nb"),
            format!("---\n{head}--- text\nb"),
        ] {
            assert!(loads(&text).is_some(), "{text:?}");
        }
        for text in [
            format!("\n---\n{head}---\nb"),
            format!(" ---\n{head}---\nb"),
            format!("--- yaml\n{head}---\nb"),
            format!("----\n{head}---\nb"),
            format!("---\n{head}...\nb"),
            String::new(),
            "---\n".to_owned(),
            format!("---\r{}---\r", head.replace('\n', "\r")),
        ] {
            assert!(loads(&text).is_none(), "{text:?}");
        }
        assert_eq!(
            loads("---\nname: a\ndescription: foo --- bar\n---\nb"),
            Some(("a".to_owned(), "foo".to_owned()))
        );
    }

    #[test]
    fn the_clients_own_repair_is_modelled() {
        for (value, read) in [
            (
                "Use when X. Examples:\\n\\nContext: Y",
                "Use when X. Examples:\n\nContext: Y",
            ),
            ("[WIP] x", "[WIP] x"),
            ("{x} y", "{x} y"),
            ("*x*", "*x*"),
            ("@x", "@x"),
            ("`x` y", "`x` y"),
            ("%d", "%d"),
            ("say \"hi\": now", "say \"hi\": now"),
        ] {
            assert_eq!(
                with(&format!("name: a\ndescription: {value}")).as_deref(),
                Some(read),
                "{value}"
            );
        }
        for head in [
            "name: a\ndescription: x\n\n<example>\nuser: y",
            "name: a\ndescription: Foo:",
            "name: a\ndescription: \"x",
            "name: a\ndescription: \"\\d\"",
            "name: a\ndescription:x",
            "name: a\r\ndescription: x: y\r",
            "name: 1\ndescription: x",
            "name: true\ndescription: x",
            "name: a:b\ndescription: x",
            "name: -a\ndescription: x",
            "name: a\ndescription:",
            "name: a\ndescription: 1",
            "name: a\ndescription: [x]",
            "description: x",
            "name: a",
            "name: a：b\ndescription: x",
            &format!("name: {}\ndescription: x", "a".repeat(257)),
        ] {
            assert_eq!(with(head), None, "{head}");
        }
        assert_eq!(
            with("name: a\nname: b\ndescription: x").as_deref(),
            Some("x"),
            "the last of equal keys counts"
        );
    }

    #[test]
    fn tools_are_split_with_respect_to_parentheses() {
        assert_eq!(
            split_tools("Read, Bash(git add, git commit) , , Agent(a, b)"),
            ["Read", "Bash(git add, git commit)", "Agent(a, b)"]
        );
        let definition = Definition::parse(
            b"---\nname: a\ndescription: d\ntools: [Read, \"Bash\"]\nhooks:\n  Stop: []\n---\n",
        );
        let Verdict::Loads(loaded) = definition.verdict() else {
            panic!("it loads")
        };
        assert_eq!(
            loaded.tools.as_deref(),
            Some(&["Read".to_owned(), "Bash".to_owned()][..])
        );
        assert_eq!(loaded.security(), ["hooks"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let definition = Definition::parse(&bytes);
            let _ = (definition.title(), definition.introduces_itself(), definition.losses());
        }

        #[test]
        fn no_frontmatter_panics(head in "[a-z:\\-\"'\\[\\]{}&*#|> \n\r\\\\]{0,60}") {
            let _ = Definition::parse(format!("---\n{head}\n---\n").as_bytes()).losses();
        }
    }
}
