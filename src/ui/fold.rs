//! Messages in the width of a terminal: broken at spaces, with a deeper indentation where a line continues. A command in backticks is
//! kept in one piece, because it is there to be copied.

use dialoguer::console::measure_text_width;

/// The labels behind which a message continues.
const LABELS: [&str; 3] = ["error: ", "warning: ", "hint: "];

/// The lines of a text, each in `columns` as far as its words allow. Styles count as no columns.
#[must_use]
pub(super) fn folded(text: &str, columns: usize) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        if measure_text_width(line.trim_end_matches('\n')) <= columns || is_drawing(line) {
            line.to_owned()
        } else {
            broken(line, columns, indent(line, columns))
        }
    });
    lines.collect()
}

/// A line in `columns`, and what does not fit in it below, after `indent` spaces.
#[must_use]
pub(super) fn hanging(line: &str, columns: usize, indent: usize) -> String {
    if measure_text_width(line) <= columns || indent * 2 > columns {
        return line.to_owned();
    }
    broken(line, columns, indent)
}

/// Whether a line is part of a picture of a file, whose columns matter.
fn is_drawing(line: &str) -> bool {
    let start = line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit());
    start.starts_with(['|', '╭', '│']) || start.starts_with("-->")
}

/// How deep a line continues: deeper than it begins, but not so deep that there is no room for text.
fn indent(line: &str, columns: usize) -> usize {
    let plain = anstream::adapter::strip_str(line).to_string();
    let own = plain.len() - plain.trim_start().len();
    let label = LABELS.iter().find(|label| plain.starts_with(**label));
    let deeper = if own > 0 { own + 2 } else { 0 };
    let indent = label.map_or(deeper, |label| label.len());
    if indent * 3 > columns { own } else { indent }
}

fn broken(line: &str, columns: usize, indent: usize) -> String {
    let (start, text) = line.split_at(line.len() - line.trim_start_matches(' ').len());
    let mut folded = start.to_owned();
    let mut used = start.len();
    let mut is_first = true;
    for word in words(text) {
        let width = measure_text_width(word.trim_end());
        // What fits in no line begins where it is, and the terminal breaks it.
        let is_too_long = width + indent > columns;
        if !is_first && !is_too_long && used + width > columns {
            folded.truncate(folded.trim_end_matches(' ').len());
            folded.push('\n');
            folded.push_str(&" ".repeat(indent));
            used = indent;
        }
        folded.push_str(word);
        used += measure_text_width(word.trim_end_matches('\n'));
        if is_too_long {
            used %= columns;
        }
        is_first = false;
    }
    folded
}

/// The words of a text with the spaces behind them. What is in backticks is one word.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut is_code) = (0, false);
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        is_code ^= c == '`';
        let is_last_space = c == ' ' && characters.peek().is_none_or(|(_, next)| *next != ' ');
        // A backtick that is never closed is no reason to keep the rest together.
        if is_last_space && !(is_code && text[at..].contains('`')) {
            words.push(&text[start..=at]);
            start = at + 1;
        }
    }
    words.push(&text[start..]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_break_at_spaces_and_commands_stay_whole() {
        assert_eq!(folded("short\n", 40), "short\n");
        assert_eq!(
            folded(
                "hint: to have both: `agentpkg install a/b --as c` installs it\n",
                36
            ),
            "hint: to have both:\n      `agentpkg install a/b --as c`\n      installs it\n"
        );
        assert_eq!(
            folded("    a detail that is long\nb", 20),
            "    a detail that is\n      long\nb"
        );
        let drawing = "3 | a line of a file that is long\n";
        assert_eq!(folded(drawing, 16), drawing);
        assert_eq!(
            folded("an `open word that is long", 16),
            "an `open word\nthat is long"
        );
        assert_eq!(
            folded("error: `a command that is too long` one two three four", 20),
            "error: `a command that is too long` one\ntwo three four"
        );
        let coloured = "\u{1b}[31merror\u{1b}[0m: one two three";
        assert_eq!(
            folded(coloured, 16),
            "\u{1b}[31merror\u{1b}[0m: one two\nthree"
        );
    }
}
