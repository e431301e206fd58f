//! Repairs the values of frontmatter that is not YAML: each entry is written in another way with the same meaning, or as the text that it is.

use std::ops::Range;

use super::FIELDS;
use super::adapt::{Adaptation, Adapted, line_ending, quote};
use super::layout::{Layout, key};
use super::scan;
use super::yaml::Fields;

/// Fields other than the client's own whose lines certainly begin an entry. In broken frontmatter any other `word:` may be part of prose.
pub(super) const OTHERS: [&str; 30] = [
    "allowed-tools",
    "allowedTools",
    "version",
    "author",
    "category",
    "type",
    "capabilities",
    "priority",
    "tags",
    "emoji",
    "vibe",
    "license",
    "source",
    "division",
    "contributors",
    "mode",
    "metadata",
    "triggers",
    "dependencies",
    "domain",
    "domains",
    "keywords",
    "created",
    "updated",
    "temperature",
    "scope",
    "model_tier",
    "model_rationale",
    "expertise_level",
    "maturity",
];

/// Fields whose value is a collection, or may be one: it is never made text.
const COLLECTIONS: [&str; 5] = ["tools", "disallowedTools", "skills", "mcpServers", "hooks"];

/// Fields whose value is text, also where it begins with a bracket.
const TEXTS: [&str; 7] = [
    "name",
    "description",
    "model",
    "permissionMode",
    "initialPrompt",
    "observer",
    "observerMessage",
];

/// Writes every entry in another way whose YAML is not valid on its own. What cannot be written without a loss stays as it is, so that the
/// file is beyond repair.
pub(super) fn mend_values(adapted: &mut Adapted) {
    let layout = Layout::of(&adapted.bytes);
    let Some(block) = layout.block() else {
        return;
    };
    if block.len() > super::MAX_FRONTMATTER || is_valid(&adapted.bytes[block.clone()]) {
        return;
    }
    let segments = segments(&adapted.bytes, block.clone());
    let mended = mended(&adapted.bytes, &segments, false)
        .filter(|(text, _)| is_valid(text.as_bytes()))
        // Entries may be valid alone and clash together; then every one becomes plain text.
        .or_else(|| mended(&adapted.bytes, &segments, true));
    if let Some((text, fields)) = mended.filter(|(text, _)| is_valid(text.as_bytes())) {
        adapted.bytes.splice(block, text.into_bytes());
        let repairs = fields.into_iter().map(|field| Adaptation::Repair { field });
        adapted.applied.extend(repairs);
    }
}

/// A part of the block: the lines of an entry, or lines that belong to none.
type Segment = (Option<String>, Range<usize>);

/// The block with every broken entry mended, or every entry, and the names of those that were changed.
fn mended(bytes: &[u8], segments: &[Segment], is_all: bool) -> Option<(String, Vec<String>)> {
    let end = line_ending(bytes);
    let (mut mended, mut fields) = (String::new(), Vec::new());
    for (name, lines) in segments {
        let text = String::from_utf8_lossy(&bytes[lines.clone()]);
        match name {
            Some(name) if is_all && !is_collection(name, &text) => {
                mended.push_str(&requoted(name, &text, end));
                fields.push(name.clone());
            }
            Some(name) if !is_valid(text.as_bytes()) => {
                mended.push_str(&rewritten(name, &text, end)?);
                fields.push(name.clone());
            }
            None if is_all || !is_valid(text.as_bytes()) => {
                // Lines before the first key belong to no entry; their text is kept as comments.
                let is_field = |line: &str| {
                    key(line.trim_start().as_bytes()).is_some_and(|key| FIELDS.contains(&&*key))
                };
                if text.lines().any(is_field) {
                    return None;
                }
                for line in text.lines() {
                    mended.extend(["# ", line, end]);
                }
                fields.push("comment".to_owned());
            }
            _ => mended.push_str(&text),
        }
    }
    Some((mended, fields))
}

/// A broken entry with the value that was meant; `None` if that is a collection that we cannot make out.
fn rewritten(name: &str, text: &str, end: &str) -> Option<String> {
    let spaced = scan::with_spaced_comments(&scan::without_leading_tabs(text));
    let value = spaced.split_once(':').map_or("", |(_, value)| value);
    let opening = value.trim_start().chars().next();
    let is_meant = |text: &str| {
        let fields = Fields::read_strictly(text).ok().map(Fields::into_values);
        match (opening, fields.as_ref().and_then(|fields| fields.get(name))) {
            (Some('['), Some(value)) => !TEXTS.contains(&name) && value.is_array(),
            (Some('{'), Some(value)) => !TEXTS.contains(&name) && value.is_object(),
            (Some('"' | '\'' | '|' | '>'), Some(value)) => value.is_string(),
            (_, Some(value)) => {
                COLLECTIONS.contains(&name) && (value.is_array() || value.is_object())
            }
            (_, None) => false,
        }
    };
    let mut indented = String::with_capacity(spaced.len() + 64);
    for (index, line) in spaced.split_inclusive('\n').enumerate() {
        let is_inner = index > 0 && !line.trim().is_empty() && !line.starts_with([']', '}']);
        indented.push_str(if is_inner { "  " } else { "" });
        indented.push_str(line);
    }
    let closed = format!("{}]{end}", spaced.trim_end());
    for candidate in [spaced.clone(), indented, closed] {
        if is_meant(&candidate) {
            return Some(candidate);
        }
    }
    (!is_collection(name, text)).then(|| requoted(name, text, end))
}

/// Whether the entry was meant to be a sequence or a mapping.
fn is_collection(name: &str, text: &str) -> bool {
    let value = text.split_once(':').map_or("", |(_, value)| value);
    let mut lines = value.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    COLLECTIONS.contains(&name)
        && (first.starts_with(['[', '{', '#', '&', '!'])
            || first.is_empty() && lines.clone().any(|line| !line.is_empty())
            || lines.any(|line| line.starts_with('-')))
}

fn is_valid(text: &[u8]) -> bool {
    Fields::read_strictly(&String::from_utf8_lossy(text)).is_ok()
}

/// The block, cut at known fields; unknown keys that are valid on their own are entries too, unless a broken one came before.
fn segments(bytes: &[u8], block: Range<usize>) -> Vec<Segment> {
    let mut segments: Vec<Segment> = vec![(None, block.start..block.start)];
    let mut at = block.start;
    // An entry that is broken where the next line with a key begins stays broken: no such line can be a part of its value.
    let mut is_broken = false;
    for line in bytes[block].split_inclusive(|byte| *byte == b'\n') {
        let line_end = at + line.len();
        let (current, span) = segments.last_mut().expect("there is always one");
        let mut is_sound = || {
            let is_open = current.as_deref() != Some("description");
            let is_candidate = is_open && !is_broken && is_valid(line);
            is_broken |= is_candidate && !is_valid(&bytes[span.clone()]);
            is_candidate && !is_broken
        };
        let is_known = |key: &str| FIELDS.contains(&key) || OTHERS.contains(&key);
        match key(line).filter(|key| is_known(key) || is_sound()) {
            Some(key) => {
                segments.push((Some(key), at..line_end));
                is_broken = false;
            }
            None => span.end = line_end,
        }
        at = line_end;
    }
    segments.retain(|(_, span)| !span.is_empty());
    segments
}

/// An entry whose value is its whole text: a literal block if that is readable, otherwise a quoted string.
pub(super) fn requoted(name: &str, text: &str, end: &str) -> String {
    let value = text.split_once(':').map_or("", |(_, value)| value);
    let value = value.replace("\r\n", "\n");
    let value = value.trim_matches([' ', '\n', '\t']);
    let is_awkward =
        |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\u{feff}' || c == '\u{fffe}';
    if value.contains("---") || value.contains(is_awkward) || !value.contains('\n') {
        return format!("{name}: {}{end}", quote(unquoted(value)));
    }
    let value = unquoted(value);
    let mut block = format!("{name}: |-{end}");
    for line in value.split('\n') {
        if !line.trim().is_empty() {
            block.push_str("  ");
            block.push_str(line);
        }
        block.push_str(end);
    }
    block
}

/// Text without the quotes around it, if there are any.
fn unquoted(value: &str) -> &str {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    let stripped = inner('"')
        .or_else(|| inner('\''))
        .filter(|inner| !inner.is_empty())
        .unwrap_or(value);
    if stripped.starts_with([' ', '\t']) {
        value
    } else {
        stripped
    }
}
