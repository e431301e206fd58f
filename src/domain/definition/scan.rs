//! A look at the text before our parser reads it: what the client refuses and our parser takes is refused, and what the client takes and our
//! parser refuses is written in another way, with the same meaning.
//!
//! * Text that goes on in another line stands deeper than the key or the hyphen before it, in quotes and in `[…]` and `{…}` too.
//! * A comment needs white space before it, wherever it stands.
//! * A tab may stand wherever a space may, except at the beginning of a line, and before a key or a hyphen.

use std::borrow::Cow;
use std::ops::Range;

use super::node::stand_in;

/// The text with a space before each comment that has none.
pub(super) fn with_spaced_comments(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..100 {
        match prepared(&text) {
            Err(refusal) if refusal.message == GLUED => text.insert(refusal.at, ' '),
            _ => break,
        }
    }
    text
}

/// Why the client refuses a text.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Where it stops reading.
    at: usize,
    /// The line, from 1.
    pub(super) line: usize,
    pub(super) message: &'static str,
}

/// The text as our parser reads it like the client.
pub(super) fn prepared(text: &str) -> Result<Cow<'_, str>, Refusal> {
    let mut scanner = Scanner {
        text: text.as_bytes(),
        at: 0,
        parent: None,
        explicit: Vec::new(),
        edits: Vec::new(),
    };
    match scanner.block() {
        Ok(()) => Ok(applied(text, scanner.edits)),
        Err(message) => {
            let at = scanner.at.min(text.len());
            let before = &scanner.text[..at];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            Err(Refusal { at, line, message })
        }
    }
}

/// The client's own change before its second reading: each tab at the beginning of a line becomes two spaces.
pub(super) fn without_leading_tabs(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 16);
    let mut is_leading = true;
    for c in text.chars() {
        match c {
            '\t' if is_leading => result.push_str("  "),
            c => {
                is_leading = matches!(c, '\n' | '\r');
                result.push(c);
            }
        }
    }
    result
}

fn applied(text: &str, edits: Vec<(Range<usize>, String)>) -> Cow<'_, str> {
    if edits.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for (range, replacement) in edits {
        result.push_str(&text[at..range.start]);
        result.push_str(&replacement);
        at = range.end;
    }
    result.push_str(&text[at..]);
    Cow::Owned(result)
}

const GLUED: &str = "a comment needs a space before it";
const SHALLOW: &str = "text that continues on another line must be indented deeper than its key";
const UNCLOSED: &str = "a quote is not closed, or its text continues without being indented";
const TAB: &str = "a tab at the beginning of the line";

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// The column of the last key or hyphen; what belongs to it stands deeper.
    parent: Option<usize>,
    /// The columns of `?` so far.
    explicit: Vec<usize>,
    edits: Vec<(Range<usize>, String)>,
}

type Scan = Result<(), &'static str>;

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn is_break_at(&self, at: usize) -> bool {
        matches!(self.text.get(at), None | Some(b'\n' | b'\r'))
    }

    fn is_space_at(&self, at: usize) -> bool {
        self.is_break_at(at) || matches!(self.text[at], b' ' | b'\t')
    }

    /// Where white space that begins at `from` ends.
    fn blank_end(&self, from: usize) -> usize {
        let rest = self.text[from..].iter();
        from + rest.take_while(|byte| matches!(byte, b' ' | b'\t')).count()
    }

    fn line_end(&self, from: usize) -> usize {
        let rest = self.text[from..].iter();
        from + rest
            .take_while(|byte| !matches!(byte, b'\n' | b'\r'))
            .count()
    }

    fn column(&self, at: usize) -> usize {
        let before = &self.text[..at];
        let start = before
            .iter()
            .rposition(|byte| matches!(byte, b'\n' | b'\r'));
        at - start.map_or(0, |start| start + 1)
    }

    fn is_deep(&self, column: usize) -> bool {
        self.parent.is_none_or(|parent| column > parent)
    }

    /// Replaces the tabs of a range by spaces.
    fn untab(&mut self, range: Range<usize>) {
        if self.text[range.clone()].contains(&b'\t') {
            let spaces = " ".repeat(range.len());
            self.edits.push((range, spaces));
        }
    }

    /// Makes the character at `at` one that means nothing to our parser.
    fn conceal(&mut self, at: usize) {
        let c = stand_in(char::from(self.text[at]));
        self.edits.push((at..at + 1, c.to_string()));
    }

    fn next_line(&mut self) {
        self.at = self.line_end(self.at);
        self.at += usize::from(self.peek().is_some());
    }

    /// All lines, outside of quotes and brackets.
    fn block(&mut self) -> Scan {
        while self.at < self.text.len() {
            let start = self.at;
            let spaces = self.spaces_from(start);
            let end = self.blank_end(start);
            let is_blank = self.is_break_at(end) || self.text[end] == b'#';
            if end > start + spaces {
                if spaces == 0 || !is_blank && !self.is_deep(spaces) {
                    return Err(TAB);
                }
                if is_blank || !self.is_structure(end) {
                    self.untab(start + spaces..end);
                }
            }
            self.at = end;
            if is_blank {
                self.next_line();
            } else {
                self.node()?;
            }
        }
        Ok(())
    }

    fn spaces_from(&self, at: usize) -> usize {
        self.text[at..]
            .iter()
            .take_while(|byte| **byte == b' ')
            .count()
    }

    /// Whether a hyphen or a key stands at `at`.
    fn is_structure(&self, at: usize) -> bool {
        let rest = &self.text[at..self.line_end(at)];
        match rest[0] {
            b'-' | b'?' | b':' if self.is_space_at(at + 1) => true,
            quote @ (b'"' | b'\'') => {
                let end = rest[1..].iter().position(|byte| *byte == quote);
                let end = end.map(|end| self.blank_end(at + end + 2));
                end.is_some_and(|end| {
                    self.text.get(end) == Some(&b':') && self.is_space_at(end + 1)
                })
            }
            b'[' | b'{' => false,
            _ => self.colon(at).is_some(),
        }
    }

    /// The colon of a plain key that begins at `at`, in the same line.
    fn colon(&self, at: usize) -> Option<usize> {
        let end = self.plain_end(at);
        (at..end).find(|at| self.text[*at] == b':' && self.is_space_at(at + 1))
    }

    /// Where plain text that begins at `at` ends in this line: at a comment or the line's end.
    fn plain_end(&self, at: usize) -> usize {
        let end = self.line_end(at);
        (at + 1..end)
            .find(|at| self.text[*at] == b'#' && matches!(self.text[at - 1], b' ' | b'\t'))
            .unwrap_or(end)
    }

    /// The rest of a line, and the lines that its value takes.
    fn node(&mut self) -> Scan {
        let mut may_be_key = true;
        loop {
            let start = self.at;
            let Some(byte) = self.peek() else {
                return Ok(());
            };
            match byte {
                b'\n' | b'\r' | b'#' => {
                    self.next_line();
                    return Ok(());
                }
                b' ' | b'\t' => self.at = self.blank_end(start),
                b'-' if self.is_space_at(start + 1) => {
                    self.parent = Some(self.column(start));
                    self.at = start + 1;
                    let end = self.blank_end(self.at);
                    if self.is_break_at(end) || !self.is_structure(end) {
                        self.untab(start + 1..end);
                    }
                }
                b'?' if self.is_space_at(start + 1) => {
                    self.parent = Some(self.column(start));
                    self.explicit.push(self.column(start));
                    self.at = start + 1;
                }
                b':' if may_be_key && self.is_space_at(start + 1) => {
                    let column = self.column(start);
                    if !self.explicit.contains(&column) {
                        self.edits.push((start..start, "null ".to_owned()));
                    }
                    self.parent = Some(column);
                    self.at = start + 1;
                    may_be_key = false;
                }
                b'&' | b'!' => self.property()?,
                b'"' | b'\'' | b'[' | b'{' => {
                    if matches!(byte, b'"' | b'\'') {
                        self.quoted()?;
                    } else {
                        self.flow()?;
                    }
                    let end = self.blank_end(self.at);
                    let is_key = may_be_key
                        && self.text.get(end) == Some(&b':')
                        && self.is_space_at(end + 1);
                    if !is_key {
                        return self.end_of_value();
                    }
                    self.parent = Some(self.column(start));
                    self.at = end + 1;
                    may_be_key = false;
                }
                b'|' | b'>' => return self.block_text(),
                _ => match self.colon(start).filter(|_| may_be_key) {
                    Some(colon) => {
                        if byte == b',' {
                            self.conceal(start);
                        }
                        self.parent = Some(self.column(start));
                        self.at = colon + 1;
                        may_be_key = false;
                    }
                    None => return self.plain(),
                },
            }
        }
    }

    /// An anchor or a tag.
    fn property(&mut self) -> Scan {
        let start = self.at;
        while !self.is_space_at(self.at) {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        if word.starts_with(b"&") && word.ends_with(b":") {
            return Err("an anchor cannot end with a colon");
        }
        if is_unchecked(word) {
            let range = start..self.at;
            self.edits.push((range.clone(), " ".repeat(range.len())));
        }
        Ok(())
    }

    /// What may follow a value in quotes or brackets.
    fn end_of_value(&mut self) -> Scan {
        if self.peek() == Some(b'#') {
            return Err(GLUED);
        }
        self.next_line();
        Ok(())
    }

    /// A value without quotes, with the deeper lines after it.
    fn plain(&mut self) -> Scan {
        let start = self.at;
        let end = self.plain_end(start);
        let word = self.text[start..end].trim_ascii();
        let mut number = None;
        let digits = word.strip_prefix(b"-").unwrap_or(word);
        if digits.len() > 1 && digits[0] == b'0' && digits.iter().all(u8::is_ascii_digit) {
            // A number for the client, and text for our parser, unless the text goes on.
            number = Some(self.edits.len());
            self.edits.push((start..start + word.len(), "0".to_owned()));
        } else if word.starts_with(b",") || digits.starts_with(b"0b") {
            // Text for the client.
            self.conceal(start);
        }
        self.at = end;
        if !self.is_break_at(end) || word.starts_with(b"*") {
            self.next_line();
            return Ok(());
        }
        loop {
            self.next_line();
            let start = self.at;
            let (spaces, end) = (self.spaces_from(start), self.blank_end(start));
            if self.is_break_at(end) {
                self.untab(start..end);
                if end == self.text.len() {
                    self.at = end;
                    return Ok(());
                }
                continue;
            }
            if self.text[end] == b'#' {
                self.untab(start..end);
                self.next_line();
                return Ok(());
            }
            if !self.is_deep(spaces) {
                return Ok(());
            }
            if let Some(index) = number.take() {
                self.edits.remove(index);
            }
            self.untab(start + spaces..end);
            self.at = self.plain_end(end);
            if !self.is_break_at(self.at) {
                self.next_line();
                return Ok(());
            }
        }
    }

    /// After a line break within quotes or brackets: to the next text, which must be deep enough unless it is one of `free`.
    fn continuation(&mut self, free: &[u8]) -> Scan {
        loop {
            let start = self.at;
            let (spaces, end) = (self.spaces_from(start), self.blank_end(start));
            self.at = end;
            if end == self.text.len() {
                return Ok(());
            }
            if self.is_break_at(end) {
                self.at += 1;
                continue;
            }
            let is_free = free.contains(&self.text[end]);
            if !is_free && !self.is_deep(spaces) {
                return Err(match free.is_empty() {
                    _ if end > start + spaces => TAB,
                    true => UNCLOSED,
                    false => SHALLOW,
                });
            }
            if !free.is_empty() {
                self.untab(start..end);
            }
            return Ok(());
        }
    }

    /// Text in quotes, from the quote to after its end.
    fn quoted(&mut self) -> Scan {
        let quote = self.text[self.at];
        self.at += 1;
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' | b'\r' => {
                    if self.text[self.at..].starts_with(b"\r\n") {
                        // The client keeps this one as a line break, where others become a space.
                        self.edits.push((self.at..self.at, "\r\n".to_owned()));
                    }
                    self.at += 1;
                    self.continuation(b"")?;
                    continue;
                }
                b'\\' if quote == b'"' => {
                    if let Some((c, length)) = surrogates(&self.text[self.at..]) {
                        self.edits.push((self.at..self.at + length, c.to_string()));
                        self.at += length;
                        continue;
                    }
                    if !self.is_break_at(self.at + 1) {
                        self.at += 1;
                    }
                }
                byte if byte == quote => {
                    self.at += 1;
                    if quote == b'\'' && self.peek() == Some(b'\'') {
                        self.at += 1;
                        continue;
                    }
                    return Ok(());
                }
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    /// A sequence or a mapping in brackets, from the first bracket to after the last.
    fn flow(&mut self) -> Scan {
        let mut depth = 0_usize;
        let mut is_fresh = false;
        let is_mark = |byte: u8| matches!(byte, b',' | b'[' | b']' | b'{' | b'}');
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' | b'\r' => {
                    self.at += 1;
                    self.continuation(b"]},#")?;
                }
                b':' if is_fresh
                    && !self.is_space_at(self.at + 1)
                    && !is_mark(self.text[self.at + 1]) =>
                {
                    // Text for the client, such as `::`.
                    self.conceal(self.at);
                    self.plain_in_flow(&is_mark);
                }
                b':' if is_fresh => {
                    self.edits
                        .push((self.at..self.at + 1, "null : ".to_owned()));
                    self.at += 1;
                }
                b' ' | b'\t' | b',' | b':' => self.at += 1,
                b'[' | b'{' => {
                    depth += 1;
                    self.at += 1;
                }
                b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                b'"' | b'\'' => self.quoted()?,
                b'#' if self.is_space_at(self.at - 1) => self.at = self.line_end(self.at),
                b'#' => return Err(GLUED),
                b'-' if self.is_space_at(self.at + 1) || is_mark(self.text[self.at + 1]) => {
                    return Err("a hyphen alone within brackets");
                }
                b'!' => self.tag_in_flow(&is_mark),
                _ => self.plain_in_flow(&is_mark),
            }
            is_fresh = match byte {
                b',' | b'[' | b'{' => true,
                b' ' | b'\t' | b'\n' | b'\r' => is_fresh,
                _ => false,
            };
        }
        Ok(())
    }

    fn tag_in_flow(&mut self, is_mark: &dyn Fn(u8) -> bool) {
        let start = self.at;
        while !self.is_space_at(self.at) && !is_mark(self.text[self.at]) {
            self.at += 1;
        }
        if is_unchecked(&self.text[start..self.at]) {
            self.edits
                .push((start..self.at, " ".repeat(self.at - start)));
        } else if !self.is_space_at(self.at) {
            self.edits.push((self.at..self.at, " ".to_owned()));
        }
    }

    fn plain_in_flow(&mut self, is_mark: &dyn Fn(u8) -> bool) {
        self.at += 1;
        while !self.is_break_at(self.at) && !is_mark(self.text[self.at]) {
            let next = self.at + 1;
            match self.text[self.at] {
                b':' if self.is_space_at(next) => return,
                b':' if is_mark(self.text[next]) => {
                    self.edits.push((next..next, " ".to_owned()));
                    return;
                }
                b'#' if self.is_space_at(self.at - 1) => return,
                _ => self.at = next,
            }
        }
    }

    /// The text after `|` or `>`.
    fn block_text(&mut self) -> Scan {
        self.at += 1;
        let header = self.at;
        let (mut indent, mut has_text, mut has_stray_tab) = (None, false, false);
        let mut is_after_empty = false;
        while let Some(byte) = self.peek().filter(|byte| b"+-123456789".contains(byte)) {
            if byte.is_ascii_digit() {
                indent = Some(self.parent.unwrap_or(0) + usize::from(byte - b'0'));
            }
            self.at += 1;
        }
        if self.peek() == Some(b'#') {
            return Err(GLUED);
        }
        loop {
            self.next_line();
            let start = self.at;
            let spaces = self.spaces_from(start);
            if self.at >= self.text.len() {
                return Ok(());
            }
            if self.is_break_at(start + spaces) {
                is_after_empty = spaces == 0;
                continue;
            }
            let has_tab = self.text[start + spaces] == b'\t';
            if !self.is_deep(spaces) || indent.is_some_and(|indent| spaces < indent) {
                let end = self.blank_end(start);
                let is_blank = self.is_break_at(end) || self.text[end] == b'#';
                let is_first = spaces == 0 && (!has_text || has_stray_tab || is_after_empty);
                if has_tab && (!is_blank || is_first) {
                    return Err(TAB);
                }
                has_stray_tab |= has_tab;
                self.untab(start..end);
                if self.is_break_at(end) {
                    continue;
                }
                if is_blank {
                    self.next_line();
                }
                return Ok(());
            }
            if has_stray_tab {
                return Err(TAB);
            }
            (has_text, is_after_empty) = (true, false);
            if indent.is_none() && has_tab {
                // Our parser takes the tab for a part of the indentation unless that is written down.
                match spaces - self.parent.unwrap_or(0) {
                    depth @ 1..=9 => self.edits.push((header..header, depth.to_string())),
                    _ => self.conceal(start + spaces),
                }
            }
            indent = indent.or(Some(spaces));
        }
    }
}

/// Whether this is a tag that the client does not compare with its value.
fn is_unchecked(tag: &[u8]) -> bool {
    matches!(tag, b"!!int" | b"!!float" | b"!!bool" | b"!!null")
}

/// The character that two escape sequences stand for, and their length.
fn surrogates(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let pair = [unit(0)?, unit(6)?];
    let mut characters = char::decode_utf16(pair);
    let c = characters.next()?.ok()?;
    (u32::from(c) > 0xffff).then_some((c, 12))
}
