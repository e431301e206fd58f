//! Lines and what surrounds them: byte order mark, line endings, the final newline. Each of these is merged as a separate value.

use std::borrow::Cow;

use super::three_way;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Ending {
    /// The end of the file.
    None,
    Lf,
    CrLf,
}

/// A line of an input, without its ending.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    pub(super) ending: Ending,
}

/// A line of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Out<'a> {
    pub(super) text: Cow<'a, [u8]>,
    pub(super) ending: Ending,
}

/// An input as lines.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) has_mark: bool,
    pub(super) lines: Vec<Line<'a>>,
}

impl<'a> Document<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let (has_mark, text) = match bytes.strip_prefix(BYTE_ORDER_MARK) {
            Some(text) => (true, text),
            None => (false, bytes),
        };
        Self {
            has_mark,
            lines: split(text),
        }
    }

    /// The ending of all lines; `None` if they differ or there are none.
    fn style(&self) -> Option<Ending> {
        let mut endings = self
            .lines
            .iter()
            .map(|line| line.ending)
            .filter(|ending| *ending != Ending::None);
        let first = endings.next()?;
        endings.all(|ending| ending == first).then_some(first)
    }

    fn has_final_newline(&self) -> bool {
        self.lines
            .last()
            .is_none_or(|line| line.ending != Ending::None)
    }
}

/// The lines of a text; the last one may lack an ending.
pub(super) fn split(text: &[u8]) -> Vec<Line<'_>> {
    let count = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    let mut lines = Vec::with_capacity(count);
    let found = text
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| match line {
            [text @ .., b'\r', b'\n'] => Line {
                text,
                ending: Ending::CrLf,
            },
            [text @ .., b'\n'] => Line {
                text,
                ending: Ending::Lf,
            },
            text => Line {
                text,
                ending: Ending::None,
            },
        });
    lines.extend(found);
    lines
}

/// The merged values of what surrounds the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Surroundings {
    has_mark: bool,
    /// The ending of new lines; `None`: each keeps its own.
    style: Option<Ending>,
    has_final_newline: bool,
}

impl Surroundings {
    pub(super) fn merge(base: &Document<'_>, ours: &Document<'_>, theirs: &Document<'_>) -> Self {
        let value = |of: &dyn Fn(&Document<'_>) -> bool| {
            three_way(&of(base), &of(ours), &of(theirs))
                .copied()
                .unwrap_or(true)
        };
        Self {
            has_mark: value(&|document| document.has_mark),
            style: three_way(&base.style(), &ours.style(), &theirs.style())
                .copied()
                .flatten(),
            has_final_newline: value(&|document| document.has_final_newline()),
        }
    }

    /// The ending of a line that one side adds.
    pub(super) fn fresh(self, own: Ending) -> Ending {
        self.style.unwrap_or(own)
    }

    /// The ending of a line that all three have.
    pub(super) fn shared(self, base: Ending, ours: Ending, theirs: Ending) -> Ending {
        // If the line is the last one on a side, it does not show how lines end there.
        let known = [base, ours, theirs]
            .into_iter()
            .filter(|ending| *ending != Ending::None);
        if known.clone().count() < 3 {
            return known
                .min()
                .map_or(Ending::None, |ending| self.fresh(ending));
        }
        three_way(&base, &ours, &theirs)
            .copied()
            .unwrap_or_else(|| self.fresh(ours.min(theirs)))
    }

    /// Joins lines. Only the last one may lack an ending.
    pub(super) fn assemble<'o, 'a: 'o>(self, lines: impl Iterator<Item = &'o Out<'a>>) -> Vec<u8> {
        let mut bytes = if self.has_mark {
            BYTE_ORDER_MARK.to_vec()
        } else {
            Vec::new()
        };
        let mut last = self.style.unwrap_or(Ending::Lf);
        let mut open = false;
        for line in lines {
            if open {
                bytes.extend_from_slice(ending_bytes(last));
            }
            bytes.extend_from_slice(&line.text);
            open = line.ending == Ending::None;
            if !open {
                last = line.ending;
                bytes.extend_from_slice(ending_bytes(last));
            }
        }
        match (self.has_final_newline, open) {
            (true, true) => bytes.extend_from_slice(ending_bytes(last)),
            (false, false) if bytes.ends_with(b"\n") => {
                bytes.truncate(bytes.len() - ending_bytes(last).len());
            }
            _ => {}
        }
        bytes
    }

    /// The ending of marker lines.
    pub(super) fn marker(self) -> &'static [u8] {
        ending_bytes(self.style.unwrap_or(Ending::Lf))
    }
}

pub(super) fn ending_bytes(ending: Ending) -> &'static [u8] {
    match ending {
        Ending::None => b"",
        Ending::Lf => b"\n",
        Ending::CrLf => b"\r\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_surrounding_is_merged_by_itself() {
        let merged = |base: &str, ours: &str, theirs: &str| {
            let [base, ours, theirs] =
                [base, ours, theirs].map(|text| Document::of(text.as_bytes()));
            Surroundings::merge(&base, &ours, &theirs)
        };
        let expect = |has_mark, style, has_final_newline| Surroundings {
            has_mark,
            style,
            has_final_newline,
        };
        assert_eq!(
            merged("a\n", "a\r\n", "\u{feff}a\nb"),
            expect(true, Some(Ending::CrLf), false)
        );
        assert_eq!(
            merged("a\nb\r\n", "a\nb\r\n", "a\nb\n"),
            expect(false, Some(Ending::Lf), true)
        );
        assert_eq!(
            merged("a\n", "a\nb\r\n", "a\r\nb\r\n").style,
            None,
            "three different styles: each line keeps its own"
        );
    }
}
