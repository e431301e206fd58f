//! Reads YAML as the client does: one strict parse, then one repair of single lines and of tabs that indent, then a second parse.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::depth::is_too_deep;
use super::layout::is_white;
use super::node::{self, ReadError};
use super::{scan, tools_in};

/// The top-level mapping as the client sees it: aliases and merge keys resolved, of equal keys the last one.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    values: Rc<Map<String, Value>>,
    is_repaired: bool,
}

/// How many bytes of blocks are remembered, with their values.
const MAX_REMEMBERED: usize = 1 << 20;

/// The blocks that were read, with what they say. A command looks at each agent many times, and would spend most of its time with reading.
#[derive(Default)]
struct Remembered {
    blocks: HashMap<Box<str>, Result<Fields, ReadError>>,
    size: usize,
}

thread_local! {
    static REMEMBERED: RefCell<Remembered> = RefCell::default();
}

impl Remembered {
    fn get(&self, block: &str) -> Option<Result<Fields, ReadError>> {
        self.blocks.get(block).cloned()
    }

    /// Remembers a block, unless its aliases say much more than its text.
    fn keep(&mut self, block: &str, read: &Result<Fields, ReadError>) {
        let size = block.len()
            + read
                .as_ref()
                .map_or(0, |fields| size_of_map(&fields.values));
        if size > MAX_REMEMBERED {
            return;
        }
        if self.size + size > MAX_REMEMBERED {
            *self = Self::default();
        }
        self.size += size;
        self.blocks.insert(block.into(), read.clone());
    }
}

/// About how many bytes some values take.
fn size_of_map(values: &Map<String, Value>) -> usize {
    let entries = values.iter();
    entries
        .map(|(key, value)| key.len() + size_of_value(value))
        .sum()
}

fn size_of_value(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(size_of_value).sum(),
            Value::Object(values) => size_of_map(values),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

impl Fields {
    /// Reads a block as the client does.
    pub(super) fn read(block: &str) -> Result<Self, ReadError> {
        if let Some(known) = REMEMBERED.with_borrow(|remembered| remembered.get(block)) {
            return known;
        }
        let read = Self::read_anew(block);
        REMEMBERED.with_borrow_mut(|remembered| remembered.keep(block, &read));
        read
    }

    fn read_anew(block: &str) -> Result<Self, ReadError> {
        match Self::read_strictly(block) {
            Err(ReadError::Invalid {
                line,
                message,
                is_ours: false,
            }) => match Self::read_strictly(&repair(block)) {
                Ok(fields) => Ok(Self {
                    is_repaired: true,
                    ..fields
                }),
                Err(_) => Err(ReadError::Invalid {
                    line,
                    message,
                    is_ours: false,
                }),
            },
            result => result,
        }
    }

    /// Reads a block as YAML, without the repair.
    pub(super) fn read_strictly(block: &str) -> Result<Self, ReadError> {
        match value(block)? {
            Value::Object(values) => Ok(Self {
                values: Rc::new(values),
                is_repaired: false,
            }),
            _ => Ok(Self::default()),
        }
    }

    /// All values.
    pub(super) fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// All values.
    pub(super) fn into_values(self) -> Map<String, Value> {
        Rc::unwrap_or_clone(self.values)
    }

    /// A value, if it is text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key)?.as_str()
    }

    /// A value that the client does not treat as absent: anything but null, false, zero and the empty text.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        let value = self.values.get(key)?;
        let is_absent = match value {
            Value::Null | Value::Bool(false) => true,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        (!is_absent).then_some(value)
    }

    /// The tools of a field: a text or a sequence of texts, each with commas or spaces. `None`: the field is absent or unclear.
    pub(super) fn list(&self, key: &str) -> Option<Vec<String>> {
        let value = self.values.get(key)?;
        self.unclear(key).is_none().then(|| tools_in(value))
    }

    /// A value that became text only through the repair; if the client did not need the repair, it may be a collection or an alias.
    pub(super) fn unclear(&self, key: &str) -> Option<&str> {
        self.text(key).filter(|text| {
            self.is_repaired && text.starts_with(['[', '{', '*', '&', '!', '|', '>'])
        })
    }
}

/// Reads one document, which may be any value.
fn value(text: &str) -> Result<Value, ReadError> {
    if is_too_deep(text) {
        return Err(ReadError::TooComplex);
    }
    let mut text = scan::prepared(text).map_err(|refusal| ReadError::Invalid {
        line: refusal.line,
        message: refusal.message.to_owned(),
        is_ours: false,
    })?;
    // The client ends a block of text at the end of the frontmatter with a line break, even if that is in the middle of a line.
    let last = text.rsplit('\n').next().unwrap_or_default();
    if !last.trim_matches([' ', '\t']).is_empty() {
        text.to_mut().push('\n');
    }
    node::read(&text)
}

/// The client's repair: unquoted values of one line with special characters are put into double quotes, except valid sequences.
///
/// A line that contains a carriage return or a Unicode line separator is not repaired, which is why the client does not repair broken files
/// with CRLF.
fn repair(block: &str) -> String {
    let mut repaired = String::with_capacity(block.len() + 64);
    for (index, line) in block.split('\n').enumerate() {
        if index > 0 {
            repaired.push('\n');
        }
        match quoted(line) {
            Some(line) => repaired.push_str(&line),
            None => repaired.push_str(line),
        }
    }
    scan::without_leading_tabs(&repaired)
}

fn quoted(line: &str) -> Option<String> {
    let length = line
        .find(|c: char| !(c.is_ascii_alphabetic() || c == '_' || c == '-'))
        .filter(|length| *length > 0)?;
    let rest = line[length..].strip_prefix(':')?;
    let value = rest.trim_start_matches(is_white);
    if rest.len() == value.len()
        || value.is_empty()
        || value.contains(['\r', '\u{2028}', '\u{2029}'])
    {
        return None;
    }
    let is_quoted =
        |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    if is_quoted('"')
        || is_quoted('\'')
        || !(value.contains(|c: char| "{}[]*&#!|>%@`".contains(c)) || value.contains(": "))
    {
        return None;
    }
    if value.starts_with('[')
        && value.trim_end_matches(is_white).ends_with(']')
        && matches!(self::value(value), Ok(Value::Array(_)))
    {
        return None;
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("{}: \"{escaped}\"", &line[..length]))
}
