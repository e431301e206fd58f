//! The client's way with YAML: one strict parse, then one repair of single lines, then a second parse.

use serde_json::{Map, Value};

use super::node;
use super::split_tools;

/// The top-level mapping as the client sees it: aliases and merge keys resolved, of equal keys the last one.
#[derive(Debug, Default)]
pub(super) struct Fields(Map<String, Value>);

/// Why a block cannot be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// It expands to more values than are read; the client may well load it.
    TooComplex,
    /// It is not YAML.
    Invalid {
        /// The line within the block, from 1.
        line: usize,
        message: String,
    },
}

impl Fields {
    /// Reads a block as the client does.
    pub(super) fn read(block: &str) -> Result<Self, ReadError> {
        match Self::read_strictly(block) {
            Err(error @ ReadError::Invalid { .. }) => Self::read_strictly(&repair(block)).map_err(|_| error),
            result => result,
        }
    }

    /// Reads a block as YAML, without the repair.
    pub(super) fn read_strictly(block: &str) -> Result<Self, ReadError> {
        match node::read(block)? {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Ok(Self::default()),
        }
    }

    /// A value, if it is text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// A value that the client does not take for absent: anything but null, false, zero and the empty text.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        let value = self.0.get(key)?;
        let is_absent = match value {
            Value::Null | Value::Bool(false) => true,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        (!is_absent).then_some(value)
    }

    /// A list of tools: a text or a sequence of texts, each with commas or spaces.
    pub(super) fn list(&self, key: &str) -> Option<Vec<String>> {
        match self.0.get(key)? {
            Value::String(text) => Some(split_tools(text)),
            Value::Array(items) => Some(items.iter().filter_map(Value::as_str).flat_map(split_tools).collect()),
            _ => Some(Vec::new()),
        }
    }
}

/// The client's repair: unquoted values of one line that hold special characters are put into double quotes.
///
/// A line that holds a carriage return or a Unicode line separator is left alone, which is why broken CRLF files are not repaired by
/// the client.
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
    repaired
}

fn quoted(line: &str) -> Option<String> {
    let length = line.find(|c: char| !(c.is_ascii_alphabetic() || c == '_' || c == '-')).filter(|length| *length > 0)?;
    let rest = line[length..].strip_prefix(':')?;
    let value = rest.trim_start();
    if rest.len() == value.len() || value.is_empty() || line.contains(['\r', '\u{2028}', '\u{2029}']) {
        return None;
    }
    let is_quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    if is_quoted('"') || is_quoted('\'') || !(value.contains(|c: char| "{}[]*&#!|>%@`".contains(c)) || value.contains(": ")) {
        return None;
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("{}: \"{escaped}\"", &line[..length]))
}
