//! What a person must decide: where, why, and between what.

use std::borrow::Cow;
use std::fmt;

use super::blocks::{self, Blocks, Kind};
use super::stranger::Fault;
use super::text::{self, Ending, Line, Out, Surroundings};

/// The part of a file that a conflict is about. Its display form is a path that a person can read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// One key of the frontmatter.
    Key(String),
    /// All of the frontmatter.
    Frontmatter,
    /// A place in the body: the headings above it, outermost first, then the kind of block. Empty: all of the body.
    Body(Vec<String>),
    /// The whole file.
    File,
}

impl fmt::Display for Unit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(formatter, "frontmatter › {key}"),
            Self::Frontmatter => formatter.write_str("frontmatter"),
            Self::Body(path) if path.is_empty() => {
                formatter.write_str("the text below the frontmatter")
            }
            // The innermost heading and what is below it are enough.
            Self::Body(path) => {
                formatter.write_str(&path[path.len().saturating_sub(2)..].join(" › "))
            }
            Self::File => formatter.write_str("the whole file"),
        }
    }
}

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Author {
    /// The user.
    You,
    /// Upstream.
    Upstream,
    /// Each of them.
    Both,
}

/// Why something is not merged. Its display form is half a sentence about *you* and *upstream*, in this order where the order matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Both sides changed the same thing in different ways.
    BothChanged,
    /// Both sides added the same key, or different lines in the same place.
    BothAdded,
    /// One side deleted what the other changed.
    DeletedAndChanged,
    /// One side removed a tool, the other added one with the same power.
    SameFamily {
        /// The tool that was removed.
        removed: String,
        /// The tool that was added.
        added: String,
    },
    /// One side grants every tool, the other does not.
    EveryTool,
    /// One side removed the line that says which tools are granted.
    ToolsLine,
    /// One side, or both, rewrote most of the text.
    Rewritten(Author),
    /// All edits could be made, but the text would no longer be coherent.
    Torn(Fault),
    /// The parts would fit together, but the result would not be YAML.
    NotYaml,
    /// There are bytes that are not text.
    Binary,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BothChanged => formatter.write_str("both changed it"),
            Self::BothAdded => formatter.write_str("both added something here"),
            Self::DeletedAndChanged => formatter.write_str("one deleted what the other changed"),
            Self::SameFamily { removed, added } => {
                write!(
                    formatter,
                    "one removed {removed}, the other added {added}, which can do the same"
                )
            }
            Self::EveryTool => formatter.write_str("one has `*` for tools, which means every tool"),
            Self::ToolsLine => {
                formatter.write_str("one removed the tools line, which means every tool")
            }
            Self::Rewritten(Author::You) => formatter.write_str("you rewrote most of it"),
            Self::Rewritten(Author::Upstream) => formatter.write_str("upstream rewrote most of it"),
            Self::Rewritten(Author::Both) => formatter.write_str("both rewrote most of it"),
            Self::Torn(fault) => write!(formatter, "put together, {fault}"),
            Self::NotYaml => {
                formatter.write_str("both changed it, and together it would not be valid YAML")
            }
            Self::Binary => formatter.write_str("it is not text"),
        }
    }
}

/// How a conflict is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The user's version.
    Ours,
    /// Upstream's version.
    Theirs,
    /// Both, the user's first.
    OursThenTheirs,
    /// Both, upstream's first.
    TheirsThenOurs,
    /// The [`Conflict::suggestion`]; if there is none, the user's version.
    Suggestion,
    /// Other lines.
    Text(Vec<u8>),
}

/// A place that both sides changed, in different ways.
#[derive(Debug, Clone)]
pub struct Conflict<'a> {
    pub(super) unit: Unit,
    pub(super) reason: Reason,
    pub(super) base: Vec<Line<'a>>,
    pub(super) ours: Vec<Line<'a>>,
    pub(super) theirs: Vec<Line<'a>>,
    pub(super) suggestion: Option<Vec<u8>>,
}

impl<'a> Conflict<'a> {
    /// Where it is.
    #[must_use]
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// Why it is one.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The lines of the base, without their endings.
    #[must_use]
    pub fn base(&self) -> Vec<&'a [u8]> {
        self.base.iter().map(|line| line.text).collect()
    }

    /// The user's lines, without their endings.
    #[must_use]
    pub fn ours(&self) -> Vec<&'a [u8]> {
        self.ours.iter().map(|line| line.text).collect()
    }

    /// Upstream's lines, without their endings.
    #[must_use]
    pub fn theirs(&self) -> Vec<&'a [u8]> {
        self.theirs.iter().map(|line| line.text).collect()
    }

    /// A line with both edits, if they are far enough apart. It may still mean what neither side meant.
    #[must_use]
    pub fn suggestion(&self) -> Option<&[u8]> {
        self.suggestion.as_deref()
    }

    /// Who rewrote most of the text, if that is why there is a conflict: then it is about the whole text, and the choice is between
    /// versions, not lines.
    #[must_use]
    pub fn rewritten_by(&self) -> Option<Author> {
        match self.reason {
            Reason::Rewritten(author) => Some(author),
            _ => None,
        }
    }

    /// Whether white space has no meaning here.
    fn is_prose(&self) -> bool {
        matches!(&self.unit, Unit::Body(path) if path.last().is_none_or(|last| last != blocks::CODE))
    }

    /// Whether ours and theirs are the same text in another layout: the same words, with other white space or list markers. Nothing is
    /// lost, whichever is chosen.
    #[must_use]
    pub fn is_same_text(&self) -> bool {
        self.is_prose() && !self.ours.is_empty() && words(&self.ours) == words(&self.theirs)
    }

    /// What to offer first: the side that changed more than the layout, if the other changed only the layout, or ours if both have the same
    /// text. `None`: there is no preference.
    #[must_use]
    pub fn preselected(&self) -> Option<Choice> {
        let is_text = self.is_prose() && !self.base.is_empty();
        let base = words(&self.base);
        if self.is_same_text() {
            Some(Choice::Ours)
        } else if is_text && words(&self.ours) == base {
            Some(Choice::Theirs)
        } else if is_text && words(&self.theirs) == base {
            Some(Choice::Ours)
        } else {
            None
        }
    }

    /// Whether it makes sense to take both: not within frontmatter, and not if one side deleted it.
    #[must_use]
    pub fn offers_both(&self) -> bool {
        matches!(&self.unit, Unit::Body(path) if !path.is_empty())
            && !self.ours.is_empty()
            && !self.theirs.is_empty()
    }

    pub(super) fn decided(&self, choice: &Choice, around: Surroundings) -> Vec<Out<'_>> {
        let of = |lines: &[Line<'a>]| -> Vec<Out<'_>> {
            let lines = lines.iter().map(|line| Out {
                text: Cow::Borrowed(line.text),
                ending: around.fresh(line.ending),
            });
            lines.collect()
        };
        let own = |text: &[u8]| -> Vec<Out<'_>> {
            let lines = text::split(text).into_iter();
            let fresh = |line: Line<'_>| Out {
                text: Cow::Owned(line.text.to_vec()),
                ending: around.fresh(if line.ending == Ending::None {
                    Ending::Lf
                } else {
                    line.ending
                }),
            };
            lines.map(fresh).collect()
        };
        match choice {
            Choice::Ours => of(&self.ours),
            Choice::Theirs => of(&self.theirs),
            Choice::OursThenTheirs => [of(&self.ours), of(&self.theirs)].concat(),
            Choice::TheirsThenOurs => [of(&self.theirs), of(&self.ours)].concat(),
            Choice::Suggestion => self
                .suggestion
                .as_deref()
                .map_or_else(|| of(&self.ours), own),
            Choice::Text(text) => own(text),
        }
    }

    /// The exact bytes of a side, for a conflict about a whole file.
    pub(super) fn whole(&self, choice: &Choice) -> Option<Vec<u8>> {
        let lines = match choice {
            Choice::Ours => &self.ours,
            Choice::Theirs => &self.theirs,
            Choice::Text(text) => return Some(text.clone()),
            _ => return None,
        };
        let mut bytes = Vec::new();
        for line in lines {
            bytes.extend_from_slice(line.text);
            bytes.extend_from_slice(text::ending_bytes(line.ending));
        }
        Some(bytes)
    }
}

/// The words of lines, without list markers.
fn words<'a>(lines: &[Line<'a>]) -> Vec<&'a [u8]> {
    let is_mark = |word: &[u8]| matches!(word, [b'-' | b'*' | b'+']);
    let of = |line: &Line<'a>| {
        let words: Vec<&'a [u8]> = line
            .text
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .collect();
        let start = usize::from(words.len() > 1 && is_mark(words[0]));
        words[start..].to_vec()
    };
    lines.iter().flat_map(of).collect()
}

/// Why lines of a body are a conflict.
pub(super) fn reason([base, ours, theirs]: &[Vec<Line<'_>>; 3]) -> Reason {
    let is_blank = |lines: &[Line<'_>]| {
        Blocks::of(lines)
            .kinds
            .iter()
            .all(|kind| *kind == Kind::Blank)
    };
    if is_blank(base) {
        Reason::BothAdded
    } else if is_blank(ours) || is_blank(theirs) {
        Reason::DeletedAndChanged
    } else {
        Reason::BothChanged
    }
}
