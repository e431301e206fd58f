//! Text from others on a terminal: control, bidi and invisible characters are shown as escapes.

use std::fmt::Write as _;

use dialoguer::console::measure_text_width;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::domain::name::is_invisible;

/// The text with every control and invisible character but line breaks and tabs escaped.
#[must_use]
pub fn sanitize(text: &str) -> String {
    // Nearly all text is plain, and there can be much of it.
    if text
        .bytes()
        .all(|byte| matches!(byte, b'\n' | b'\t' | 0x20..=0x7e))
    {
        return text.to_owned();
    }
    let is_safe =
        |c: char| c == '\n' || c == '\t' || !(c.is_control() || is_invisible(c) && c != '\u{200d}');
    text.chars()
        .flat_map(|c| {
            if is_safe(c) {
                vec![c]
            } else {
                c.escape_unicode().collect()
            }
        })
        .collect()
}

/// A JSON document in which characters that a terminal would interpret, or that are invisible, are escaped as JSON allows.
#[must_use]
pub(super) fn escaped(document: &str) -> String {
    let mut text = String::with_capacity(document.len());
    for c in document.chars() {
        if c.is_ascii() || !(c.is_control() || is_invisible(c)) {
            text.push(c);
            continue;
        }
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

/// A path or a spec in at most `width` columns: a longer one keeps its beginning and its end, which are the most informative parts.
#[must_use]
pub fn one_path(text: &str, width: usize) -> String {
    let text = sanitize(&text.replace(['\n', '\t'], " "));
    if text.width() <= width {
        return text;
    }
    let (mut front, mut back) = (String::new(), Vec::new());
    let mut used = 1;
    let (mut from_front, mut from_back) = (text.chars(), text.chars().rev());
    // The file's name is at the end, so the end gets two thirds.
    for c in from_front.by_ref() {
        used += c.width().unwrap_or(0);
        if used > width / 3 {
            break;
        }
        front.push(c);
    }
    let mut left = width.saturating_sub(front.width() + 1);
    for c in from_back.by_ref() {
        let Some(rest) = left.checked_sub(c.width().unwrap_or(0)) else {
            break;
        };
        left = rest;
        back.push(c);
    }
    format!("{front}…{}", back.into_iter().rev().collect::<String>())
}

/// A line in `width` columns as far as its longest address allows: that is shortened in the middle, to no less than a third of the width.
/// Styles count as no columns. Paths are kept whole, because they are there to be copied.
#[must_use]
pub(super) fn with_short_address(line: &str, width: usize) -> String {
    let over = measure_text_width(line).saturating_sub(width);
    let address = line
        .split(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '`' | '(' | ')' | ','))
        .filter(|word| word.contains("://"))
        .max_by_key(|word| word.width());
    match address {
        Some(address) if over > 0 => {
            let left = address.width().saturating_sub(over).max(width / 3);
            line.replacen(address, &one_path(address, left), 1)
        }
        _ => line.to_owned(),
    }
}

/// The first sentence or so of a text, on one line of at most `width` columns, without examples and markup.
#[must_use]
pub fn one_line(text: &str, width: usize) -> String {
    // What cannot be shown need not be read.
    let most = width.saturating_mul(8).max(256);
    let text = (0..=most.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .map_or("", |end| &text[..end]);
    let end = ["<example>", "Examples:", "Example:", "<commentary>", "\n\n"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .filter(|at| *at > 0)
        .min();
    let text = sanitize(
        &text[..end.unwrap_or(text.len())]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
    );
    if text.width() <= width {
        return text;
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > width {
            break;
        }
        cut.push(c);
    }
    format!("{}…", cut.trim_end_matches([' ', ',', '.', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown() {
        assert_eq!(sanitize("a\u{1b}[2Kb\u{202e}"), "a\\u{1b}[2Kb\\u{202e}");
        assert_eq!(
            one_line("Plans things.\nExamples:\n- x", 80),
            "Plans things."
        );
        assert_eq!(one_line("abc def", 6), "abc d…");
    }

    #[test]
    fn only_an_address_is_shortened_and_only_where_the_line_is_too_long() {
        let address = "https://git.example.com/platform-team/claude-code-agents";
        let line = format!("\u{1b}[32m       Added\u{1b}[0m platform ({address})");
        assert_eq!(with_short_address(&line, 100), line);
        let short = with_short_address(&line, 60);
        assert_eq!(measure_text_width(&short), 60, "{short}");
        assert!(
            short.contains("Added") && short.contains("https://git"),
            "{short}"
        );
        assert!(short.ends_with("code-agents)"), "{short}");
        let path = format!("        Kept /{}", "folder/".repeat(20));
        assert_eq!(with_short_address(&path, 60), path);
    }
}
