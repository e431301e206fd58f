//! Conflict markers: writing them, and finding those that are left.

use super::conflict::{Choice, Conflict};
use super::text::{Line, ending_bytes, split};
use super::{Merge, Part};

/// The usual length of a marker.
const LENGTH: usize = 7;

/// What is between the markers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// Ours and theirs.
    #[default]
    Merge,
    /// Ours, base and theirs.
    Diff3,
    /// The same; lines that ours and theirs share at both ends are outside of the markers.
    Zdiff3,
}

/// The labels of the markers. Line breaks in them become spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labels<'l> {
    /// After `<<<<<<<`.
    pub ours: &'l str,
    /// After `|||||||`.
    pub base: &'l str,
    /// After `>>>>>>>`.
    pub theirs: &'l str,
}

impl Merge<'_> {
    /// The result with conflict markers around what is undecided. `length` is that of a marker; it is increased if the texts contain runs
    /// of marker characters of this length.
    #[must_use]
    pub fn with_markers(&self, style: Style, labels: Labels<'_>, length: Option<usize>) -> Vec<u8> {
        if let Some(bytes) = self.to_bytes() {
            return bytes;
        }
        let length = length.unwrap_or(LENGTH).max(self.longest_run() + 1);
        let ending = self.around.marker();
        // Markers are lines, so what they surround consists of lines too: separate texts, to which the surroundings add the endings.
        let texts: Vec<Vec<u8>> = self
            .conflicts()
            .iter()
            .map(|conflict| marked(conflict, style, labels, length, ending))
            .collect();
        let choices: Vec<Choice> = texts.into_iter().map(Choice::Text).collect();
        self.resolve_verbatim(&choices)
    }

    /// Puts texts in the place of the conflicts, with their endings as they are.
    fn resolve_verbatim(&self, choices: &[Choice]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let whole = self.resolve(choices);
        bytes.extend_from_slice(&whole);
        if !bytes.ends_with(b"\n") && matches!(self.parts.last(), Some(Part::Conflict(_))) {
            bytes.extend_from_slice(self.around.marker());
        }
        bytes
    }

    fn longest_run(&self) -> usize {
        let sides = self
            .conflicts()
            .iter()
            .flat_map(|conflict| [&conflict.base, &conflict.ours, &conflict.theirs])
            .flatten();
        let settled = self.parts.iter().flat_map(|part| match part {
            Part::Lines(lines) => lines.as_slice(),
            Part::Conflict(_) => &[],
        });
        let texts = sides
            .map(|line| line.text)
            .chain(settled.map(|line| &*line.text));
        texts
            .map(|text| run(text).map_or(0, |(_, length)| length))
            .filter(|length| *length >= LENGTH)
            .max()
            .unwrap_or(0)
    }
}

impl Conflict<'_> {
    /// The conflict alone, between markers, with its base.
    #[must_use]
    pub fn with_markers(&self, labels: Labels<'_>) -> Vec<u8> {
        let lines = [&self.base, &self.ours, &self.theirs].into_iter().flatten();
        let longest = lines
            .filter_map(|line| run(line.text))
            .map(|(_, length)| length)
            .filter(|length| *length >= LENGTH)
            .max();
        marked(
            self,
            Style::Diff3,
            labels,
            longest.map_or(LENGTH, |longest| longest + 1),
            b"\n",
        )
    }
}

/// The marker character that a line begins with, and how many there are.
fn run(text: &[u8]) -> Option<(u8, usize)> {
    let mark = *text.first().filter(|mark| b"<|=>".contains(mark))?;
    Some((mark, text.iter().take_while(|byte| **byte == mark).count()))
}

fn marked(
    conflict: &Conflict<'_>,
    style: Style,
    labels: Labels<'_>,
    length: usize,
    ending: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let marker = |bytes: &mut Vec<u8>, mark: u8, label: &str| {
        bytes.extend(std::iter::repeat_n(mark, length));
        if !label.is_empty() {
            bytes.push(b' ');
            bytes.extend(
                label
                    .bytes()
                    .map(|byte| if byte.is_ascii_control() { b' ' } else { byte }),
            );
        }
        bytes.extend_from_slice(ending);
    };
    let lines = |bytes: &mut Vec<u8>, lines: &[Line<'_>]| {
        for line in lines {
            bytes.extend_from_slice(line.text);
            let own = ending_bytes(line.ending);
            bytes.extend_from_slice(if own.is_empty() { ending } else { own });
        }
    };
    let (mut ours, mut theirs) = (conflict.ours.as_slice(), conflict.theirs.as_slice());
    let (mut before, mut after) = (&ours[..0], &ours[..0]);
    if style == Style::Zdiff3 {
        let is_equal = |(one, other): &(&Line<'_>, &Line<'_>)| one.text == other.text;
        let head = ours.iter().zip(theirs).take_while(is_equal).count();
        let tail = ours[head..]
            .iter()
            .rev()
            .zip(theirs[head..].iter().rev())
            .take_while(is_equal)
            .count();
        (before, after) = (&ours[..head], &ours[ours.len() - tail..]);
        ours = &ours[head..ours.len() - tail];
        theirs = &theirs[head..theirs.len() - tail];
    }
    lines(&mut bytes, before);
    marker(&mut bytes, b'<', labels.ours);
    lines(&mut bytes, ours);
    if style != Style::Merge {
        marker(&mut bytes, b'|', labels.base);
        lines(&mut bytes, &conflict.base);
    }
    marker(&mut bytes, b'=', "");
    lines(&mut bytes, theirs);
    marker(&mut bytes, b'>', labels.theirs);
    lines(&mut bytes, after);
    bytes
}

/// A marker that is still in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leftover {
    /// Its line, from 1.
    pub line: usize,
    /// Where the line is in the text, in bytes.
    pub start: usize,
    /// Its length in bytes.
    pub length: usize,
}

/// The first marker of an unresolved conflict: a line of at least seven `<` or `>` (followed by a space, or nothing), or of `|` or `=`
/// between such lines.
#[must_use]
pub fn leftover(text: &[u8]) -> Option<Leftover> {
    let mut start = 0;
    for (index, line) in split(text).iter().enumerate() {
        if let Some((b'<' | b'>', length)) = run(line.text)
            && length >= LENGTH
            && matches!(line.text.get(length), None | Some(b' '))
        {
            return Some(Leftover {
                line: index + 1,
                start,
                length: line.text.len(),
            });
        }
        start += line.text.len() + ending_bytes(line.ending).len();
    }
    None
}
