//! Where the parts of a definition are: byte spans of the original, found without parsing YAML.

use std::ops::Range;

const FENCE: &[u8] = b"---";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A top-level entry: its key and all the lines that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// All its lines, including the last line break, as bytes of the file.
    pub span: Range<usize>,
    /// From after the colon to the end, without the last line break.
    pub value: Range<usize>,
}

/// The parts of a file.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    bytes: &'a [u8],
    block: Option<Range<usize>>,
    body: usize,
    entries: Vec<Entry>,
}

impl<'a> Layout<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let start = if bytes.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        let Some((block, body)) = find_block(bytes, start) else {
            return Self {
                bytes,
                block: None,
                body: start,
                entries: Vec::new(),
            };
        };
        let entries = entries(bytes, block.clone());
        Self {
            bytes,
            block: Some(block),
            body,
            entries,
        }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The text between the fences.
    pub(super) fn frontmatter(&self) -> Option<&'a [u8]> {
        self.block.clone().map(|block| &self.bytes[block])
    }

    pub(super) fn block(&self) -> Option<Range<usize>> {
        self.block.clone()
    }

    pub(super) fn body(&self) -> &'a [u8] {
        &self.bytes[self.body..]
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many lines precede the first line of the block.
    pub(super) fn first_line(&self) -> usize {
        let start = self.block.as_ref().map_or(0, |block| block.start);
        self.bytes[..start]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    }
}

/// The block, and where the body begins. The client takes the first `---` after the opening line, even in the middle of a line. Blank
/// lines after the opening `---` belong to it.
fn find_block(bytes: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let rest = bytes[start..].strip_prefix(FENCE)?;
    let blank = &rest[..blank_length(rest)];
    let opening = blank.iter().rposition(|byte| *byte == b'\n')?;
    let from = start + FENCE.len() + opening + 1;
    let end = from + find(&bytes[from..], FENCE)?;
    let mut body = end + FENCE.len();
    let closing = bytes[body..].iter().position(|byte| *byte == b'\n');
    match closing {
        Some(length)
            if bytes[body..body + length]
                .iter()
                .all(u8::is_ascii_whitespace) =>
        {
            body += length + 1;
        }
        None if bytes[body..].iter().all(u8::is_ascii_whitespace) => body = bytes.len(),
        _ => {}
    }
    Some((from..end, body))
}

/// How many bytes of white space the text begins with.
fn blank_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    loop {
        let next = &bytes[length..bytes.len().min(length + 4)];
        let first = next.utf8_chunks().next();
        match first.and_then(|chunk| chunk.valid().chars().next()) {
            Some(c) if is_white(c) => length += c.len_utf8(),
            _ => return length,
        }
    }
}

/// Whether the client, which is written in JavaScript, takes a character for white space.
pub(super) fn is_white(c: char) -> bool {
    c == '\u{feff}' || c.is_whitespace() && c != '\u{85}'
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle.first()?;
    let mut from = 0;
    loop {
        // Most bytes are not the first one, and need not be compared with more.
        from += haystack[from..].iter().position(|byte| byte == first)?;
        if haystack[from..].starts_with(needle) {
            return Some(from);
        }
        from += 1;
    }
}

/// The entries: a line that begins with a key starts one, and all lines up to the next key belong to it.
fn entries(bytes: &[u8], block: Range<usize>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut at = block.start;
    for line in bytes[block].split_inclusive(|byte| *byte == b'\n') {
        let end = at + line.len();
        match head(line) {
            Some((key, length)) => entries.push(Entry {
                key,
                span: at..end,
                value: at + length..end,
            }),
            None => {
                if let Some(entry) = entries.last_mut() {
                    entry.span.end = end;
                    entry.value.end = end;
                }
            }
        }
        at = end;
    }
    for entry in &mut entries {
        while entry.value.end > entry.value.start
            && matches!(bytes[entry.value.end - 1], b'\n' | b'\r')
        {
            entry.value.end -= 1;
        }
    }
    entries
}

/// The key at the start of a line: letters, digits, `_`, `-` and `.`, then a colon that ends the line or is followed by white space.
pub(super) fn key(line: &[u8]) -> Option<String> {
    let length = line
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || b"_-.".contains(byte)))?;
    let is_key = length > 0
        && line[length] == b':'
        && line.get(length + 1).is_none_or(u8::is_ascii_whitespace);
    is_key.then(|| String::from_utf8_lossy(&line[..length]).into_owned())
}

/// The key at the start of a line, which may be quoted or have space behind it, and the length of all that, with the colon.
fn head(line: &[u8]) -> Option<(String, usize)> {
    let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let mark = line.first().filter(|first| b"\"'".contains(first));
    if mark.is_none() && !line.first().is_some_and(is_of_key) {
        return None;
    }
    if let Some(key) = key(line) {
        let length = key.len() + 1;
        return Some((key, length));
    }
    let inner = line.get(usize::from(mark.is_some())..)?;
    let length = inner.iter().position(|byte| !is_of_key(byte))?;
    let behind = match mark {
        Some(mark) => inner[length..].strip_prefix(&[*mark])?,
        None => &inner[length..],
    };
    let gap = behind.iter().position(|byte| !b" \t".contains(byte))?;
    let rest = behind[gap..].strip_prefix(b":")?;
    let is_key = length > 0 && rest.first().is_none_or(u8::is_ascii_whitespace);
    let key = String::from_utf8_lossy(&inner[..length]).into_owned();
    is_key.then(|| (key, line.len() - rest.len()))
}
