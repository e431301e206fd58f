//! The kind of block that each line of Markdown belongs to, and its place in words that a person understands.

use super::text::Line;

/// The name of a place within code.
pub(super) const CODE: &str = "code block";

/// The kind of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Blank,
    Heading(usize),
    Bullet,
    Row,
    /// The line below the header of a table.
    Rule,
    Quote,
    /// Inside a fenced block, or one of its fences.
    Code,
    Text,
}

impl Kind {
    pub(super) fn is_heading(self) -> bool {
        matches!(self, Self::Heading(_))
    }

    fn number(self) -> usize {
        match self {
            Self::Blank => 0,
            Self::Heading(_) => 1,
            Self::Bullet => 2,
            Self::Row => 3,
            Self::Rule => 4,
            Self::Quote => 5,
            Self::Code => 6,
            Self::Text => 7,
        }
    }

    /// Whether two lines can be two versions of one line.
    pub(super) fn is_alike(self, other: Self) -> bool {
        match (self, other) {
            (Self::Heading(_), Self::Heading(_)) => true,
            (Self::Blank | Self::Rule | Self::Code, _) => false,
            (one, other) => one == other,
        }
    }
}

/// The kinds of all lines of a text.
#[derive(Debug, Clone)]
pub(super) struct Blocks {
    pub(super) kinds: Vec<Kind>,
    /// Whether the boundary before each line, and the end, is inside a fenced block.
    within: Vec<bool>,
    /// The heading above each line and the end, if there is one; for a heading, its parent.
    above: Vec<Option<usize>>,
    /// How many lines of the same kind there are since that heading, up to each line.
    ordinals: Vec<usize>,
    /// A fence is never closed, so nothing about this text is certain.
    pub(super) is_unbalanced: bool,
}

impl Blocks {
    pub(super) fn of(lines: &[Line<'_>]) -> Self {
        let mut kinds = Vec::with_capacity(lines.len());
        let mut within = Vec::with_capacity(lines.len() + 1);
        let mut open: Option<(u8, usize)> = None;
        for line in lines {
            within.push(open.is_some());
            let trimmed = line.text.trim_ascii_start();
            let fence = fence(trimmed);
            match (open, fence) {
                (None, Some((mark, length, _))) => {
                    open = Some((mark, length));
                    kinds.push(Kind::Code);
                }
                (Some((mark, length)), fence) => {
                    if fence.is_some_and(|(other, width, is_bare)| {
                        other == mark && width >= length && is_bare
                    }) {
                        open = None;
                    }
                    kinds.push(Kind::Code);
                }
                (None, None) => kinds.push(kind(trimmed)),
            }
        }
        within.push(open.is_some());
        let (above, ordinals) = places(&kinds);
        Self {
            kinds,
            within,
            above,
            ordinals,
            is_unbalanced: open.is_some(),
        }
    }

    /// Whether an edit of the lines `start..end` breaks a fenced block.
    pub(super) fn cuts_code(&self, start: usize, end: usize) -> bool {
        self.within[start] || self.within[end]
    }
}

fn fence(text: &[u8]) -> Option<(u8, usize, bool)> {
    let mark = *text.first().filter(|mark| matches!(mark, b'`' | b'~'))?;
    let length = text.iter().take_while(|byte| **byte == mark).count();
    let rest = text[length..].trim_ascii();
    (length >= 3 && !(mark == b'`' && rest.contains(&b'`'))).then_some((
        mark,
        length,
        rest.is_empty(),
    ))
}

fn kind(text: &[u8]) -> Kind {
    match text {
        [] => Kind::Blank,
        [b'#', ..] => {
            let level = text.iter().take_while(|byte| **byte == b'#').count();
            if level <= 6 && text.get(level).is_none_or(u8::is_ascii_whitespace) {
                Kind::Heading(level)
            } else {
                Kind::Text
            }
        }
        [b'>', ..] => Kind::Quote,
        [b'|', rest @ ..] => {
            if rest.contains(&b'-') && rest.iter().all(|byte| b"|-: \t".contains(byte)) {
                Kind::Rule
            } else {
                Kind::Row
            }
        }
        [b'-' | b'*' | b'+', b' ' | b'\t', ..] => Kind::Bullet,
        _ => {
            let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let is_numbered = (1..=9).contains(&digits)
                && matches!(text[digits..], [b'.' | b')', b' ' | b'\t', ..]);
            if is_numbered {
                Kind::Bullet
            } else {
                Kind::Text
            }
        }
    }
}

/// The heading above each line and the end, and the number of each line among those of its kind since a heading.
fn places(kinds: &[Kind]) -> (Vec<Option<usize>>, Vec<usize>) {
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut above = Vec::with_capacity(kinds.len() + 1);
    let mut ordinals = Vec::with_capacity(kinds.len());
    let mut counts = [0_usize; 8];
    for (index, kind) in kinds.iter().enumerate() {
        if let Kind::Heading(level) = kind {
            open.retain(|(above, _)| above < level);
            above.push(open.last().map(|(_, index)| *index));
            open.push((*level, index));
            counts = [0; 8];
            ordinals.push(0);
            continue;
        }
        above.push(open.last().map(|(_, index)| *index));
        let count = &mut counts[kind.number()];
        *count += 1;
        ordinals.push(*count);
    }
    above.push(open.last().map(|(_, index)| *index));
    (above, ordinals)
}

/// The headings above line `at`, outermost first, then what the lines `at..end` are.
pub(super) fn path(lines: &[Line<'_>], blocks: &Blocks, at: usize, end: usize) -> Vec<String> {
    let mut path = Vec::new();
    let mut heading = blocks.above[at];
    while let Some(index) = heading {
        path.push(String::from_utf8_lossy(lines[index].text.trim_ascii()).into_owned());
        heading = blocks.above[index];
    }
    path.reverse();
    let first = (at..end).find(|index| blocks.kinds[*index] != Kind::Blank);
    path.push(match first {
        None => "new lines".to_owned(),
        Some(first) => {
            let number = blocks.ordinals[first];
            match blocks.kinds[first] {
                Kind::Heading(_) => "heading".to_owned(),
                Kind::Bullet => format!("bullet {number}"),
                Kind::Row | Kind::Rule => format!("table row {number}"),
                Kind::Quote => "quote".to_owned(),
                Kind::Code => CODE.to_owned(),
                Kind::Text | Kind::Blank => format!("text {number}"),
            }
        }
    });
    path
}

/// A heading with all lines up to the next one; the lines before the first heading have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section<'a> {
    pub(super) heading: Option<&'a [u8]>,
    pub(super) start: usize,
    pub(super) end: usize,
}

pub(super) fn sections<'a>(lines: &[Line<'a>], blocks: &Blocks) -> Vec<Section<'a>> {
    let mut sections = vec![Section {
        heading: None,
        start: 0,
        end: 0,
    }];
    for (index, kind) in blocks.kinds.iter().enumerate() {
        if kind.is_heading() {
            sections.push(Section {
                heading: Some(lines[index].text.trim_ascii()),
                start: index,
                end: index,
            });
        }
        if let Some(last) = sections.last_mut() {
            last.end = index + 1;
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::super::text::split;
    use super::Kind::{Blank, Bullet, Code, Heading, Quote, Row, Rule, Text};
    use super::*;

    #[test]
    fn lines_have_kinds() {
        let text =
            b"# A\n\ntext\n- x\n12. y\n| a | b |\n|---|:-:|\n> q\n~~~ js\n# not\n```\n~~~\n#tag\n";
        let blocks = Blocks::of(&split(text));
        assert_eq!(
            blocks.kinds,
            [
                Heading(1),
                Blank,
                Text,
                Bullet,
                Bullet,
                Row,
                Rule,
                Quote,
                Code,
                Code,
                Code,
                Code,
                Text
            ]
        );
        assert!(!blocks.is_unbalanced);
        assert!(blocks.cuts_code(9, 9) && !blocks.cuts_code(8, 12));
        assert!(Blocks::of(&split(b"```\nx\n")).is_unbalanced);
    }

    #[test]
    fn a_place_is_named_by_its_headings() {
        let lines = split(b"intro\n# A\n## B\n- x\n- y\n## C\nt\n");
        let blocks = Blocks::of(&lines);
        let at = |start, end| path(&lines, &blocks, start, end).join(" / ");
        assert_eq!(at(0, 1), "text 1");
        assert_eq!(at(4, 5), "# A / ## B / bullet 2");
        assert_eq!(at(5, 6), "# A / heading");
        assert_eq!(at(7, 7), "# A / ## C / new lines");
    }
}
