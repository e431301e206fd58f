//! The client's way with YAML: one strict parse, then one repair of single lines, then a second parse.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::layout::key;
use super::split_tools;

/// The parsed top-level mapping.
#[derive(Debug, Default)]
pub(super) struct Fields(serde_yaml::Mapping);

/// Why a block is not YAML.
#[derive(Debug)]
pub(super) struct ReadError {
    /// The line within the block, from 1.
    pub(super) line: usize,
    pub(super) message: String,
}

impl Fields {
    /// Reads a block as the client does.
    pub(super) fn read(block: &str) -> Result<Self, ReadError> {
        Self::read_strictly(block).or_else(|error| Self::read_strictly(&repair(block)).map_err(|_| error))
    }

    /// Reads a block as YAML. Of equal keys the last one counts.
    pub(super) fn read_strictly(block: &str) -> Result<Self, ReadError> {
        let parsed = match serde_yaml::from_str::<Value>(block) {
            Err(error) if error.to_string().contains("duplicate entry") => serde_yaml::from_str(&without_duplicates(block)),
            parsed => parsed,
        };
        match parsed {
            Ok(Value::Mapping(mapping)) => Ok(Self(mapping)),
            Ok(_) => Ok(Self::default()),
            Err(error) => {
                let line = error.location().map_or(1, |location| location.line());
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default().to_owned();
                Err(ReadError { line, message })
            }
        }
    }

    /// A value, if it is text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// A list of tools: a string with commas, or a sequence.
    pub(super) fn list(&self, key: &str) -> Option<Vec<String>> {
        match self.0.get(key)? {
            Value::String(text) => Some(split_tools(text)),
            Value::Sequence(items) => Some(items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()),
            _ => Some(Vec::new()),
        }
    }

    /// Whether there is a value other than null and empty collections.
    pub(super) fn has_value(&self, key: &str) -> bool {
        match self.0.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Sequence(items)) => !items.is_empty(),
            Some(Value::Mapping(items)) => !items.is_empty(),
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(_) => true,
        }
    }
}

/// The client's repair: unquoted values of one line that hold special characters are put into double quotes.
///
/// A line that ends in a carriage return is left alone, which is why broken CRLF files are not repaired by the client.
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
    if rest.len() == value.len() || value.is_empty() || line.contains('\r') {
        return None;
    }
    let is_quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    if is_quoted('"') || is_quoted('\'') || !(value.contains(|c: char| "{}[]*&#!|>%@`".contains(c)) || value.contains(": ")) {
        return None;
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("{}: \"{escaped}\"", &line[..length]))
}

/// The block without all but the last of equal top-level keys; only simple blocks have them, so lines are enough.
fn without_duplicates(block: &str) -> String {
    let mut groups: Vec<(Option<String>, &str)> = Vec::new();
    let mut start = 0;
    let mut at = 0;
    let mut current = None;
    for line in block.split_inclusive('\n') {
        if let Some(key) = key(line.as_bytes()) {
            groups.push((current.replace(key), &block[start..at]));
            start = at;
        }
        at += line.len();
    }
    groups.push((current, &block[start..]));
    let mut seen = BTreeSet::new();
    let mut kept: Vec<&str> =
        groups.iter().rev().filter(|(key, _)| key.is_none() || seen.insert(key.clone())).map(|(_, text)| *text).collect();
    kept.reverse();
    kept.concat()
}
