//! How deep YAML is nested, without parsing it: our parser takes time that grows with the square of the depth, so it must not see a text
//! that was made to be deep. The answer is never too small. It may be too large where brackets stand in quoted text.

/// How deep a block may be nested. The deepest of 5,360 real definitions has 8 levels.
const MAX_DEPTH: usize = 64;

/// Whether a block may be nested deeper than we read.
pub(super) fn is_too_deep(text: &str) -> bool {
    flow(text) + block(text) > MAX_DEPTH
}

/// The most collections in brackets that can be open at once. Brackets that open always count; those that close count only where they
/// can be nothing else.
fn flow(text: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    let mut inside = None;
    let mut before = '\n';
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let is_start = before.is_whitespace() || matches!(before, '[' | '{' | ',' | ':');
        match (inside, c) {
            (_, '[' | '{') => {
                open += 1;
                most = most.max(open);
            }
            (None, ']' | '}') => open = open.saturating_sub(1),
            // A tag may contain brackets, and a comment anything.
            (None, '"' | '\'' | '!') if is_start => inside = Some(c),
            (None, '#') if before.is_whitespace() => inside = Some(c),
            (Some('"'), '\\') => drop(characters.next()),
            (Some('\''), '\'') if characters.peek() == Some(&'\'') => drop(characters.next()),
            (Some(quote @ ('"' | '\'')), c) if quote == c => inside = None,
            (Some('#'), '\n' | '\r') => inside = None,
            (Some('!'), c) if c.is_whitespace() => inside = None,
            _ => {}
        }
        before = c;
    }
    most
}

/// The most collections without brackets that can be open at once: each begins in a column of its own, or with its own indicator, and a
/// sequence may begin in the column of the mapping around it.
fn block(text: &str) -> usize {
    let mut columns: Vec<usize> = Vec::new();
    let mut most = 0;
    for line in text.split(['\n', '\r']) {
        let mut rest = line.trim_start();
        if rest.is_empty() {
            continue;
        }
        let mut column = line.len() - rest.len();
        columns.retain(|open| *open < column);
        columns.push(column);
        while let Some(after) = rest
            .strip_prefix(['-', '?', ':'])
            .filter(|after| after.is_empty() || after.starts_with([' ', '\t']))
        {
            let inner = after.trim_start();
            column += rest.len() - inner.len();
            rest = inner;
            columns.push(column);
        }
        most = most.max(columns.len());
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::definition::{Definition, SkipReason, Verdict};

    #[test]
    fn what_is_deep_is_seen_in_every_notation() {
        for deep in [
            "[".repeat(70),
            "x: ".to_owned() + &"{a: ".repeat(70),
            "- ".repeat(70),
            "? ".repeat(70) + "x",
            "x:\n  ".to_owned() + &"- ? ".repeat(40),
            (0..70).map(|level| " ".repeat(level) + "a:\n").collect(),
            // What closes nothing: brackets in quotes, comments and tags.
            "[ \"]\", ".repeat(70),
            "[ ']', ".repeat(70),
            "[ '''', ']', ".repeat(70),
            "[ \"\\\"]\", ".repeat(70),
            "[ #]\n".repeat(70),
            "[ !<]> x, ".repeat(70),
        ] {
            assert!(is_too_deep(&deep), "{deep}");
        }
    }

    /// Each of these took the parser between 8 and 60 seconds.
    #[test]
    fn a_file_of_the_largest_size_is_refused_at_once() {
        for kind in ["[", "{a: ", "- ", "? "] {
            let deep = kind.repeat(60_000 / kind.len());
            let text = format!("---\nname: a\ndescription: d\nx:\n  {deep}\n---\n\nBody.\n");
            let definition = Definition::parse(text.as_bytes());
            let reason = Verdict::Skipped(SkipReason::TooComplex);
            assert_eq!(*definition.verdict(), reason, "{kind}");
            assert!(definition.is_in_doubt());
        }
    }

    #[test]
    fn what_is_usual_is_not_deep() {
        for usual in [
            "tools: [".to_owned() + &"Read, ".repeat(500) + "]",
            "x:\n".to_owned() + &"  - [a, {b: c}]\n".repeat(500),
            "description: ".to_owned() + &"see [this] (that's it) \\[ and {that} ".repeat(30) + "]",
            "description: |\n".to_owned() + &"  - one\n    - two [x]\n".repeat(300),
            "hooks:\n  Stop:\n    - hooks:\n        - type: command\n          command: '[[ -f x ]] && y'\n".to_owned(),
        ] {
            assert!(!is_too_deep(&usual), "{usual}");
        }
    }
}
