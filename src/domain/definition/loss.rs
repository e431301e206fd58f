//! Text in the frontmatter that is not read as it seems: all but the last of equal keys, what follows a `---` that was not meant to end
//! the block, and a name in letters of another script.

use std::collections::HashMap;
use std::fmt;

use super::FIELDS;
use super::layout::{Entry, Layout, key};
use super::yaml::Fields;
use crate::domain::name::{MixedWord, mixed_word};

/// Something that the client loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// Of equal keys only the last one counts.
    Repeated {
        /// The key.
        key: String,
        /// The lines of the file, from 1, that contain it.
        lines: Vec<usize>,
    },
    /// The first `---` ends the frontmatter, even in the middle of a line.
    CutShort {
        /// The line of the file, from 1.
        line: usize,
        /// The fields after it, which the client does not read.
        keys: Vec<String>,
    },
    /// A word of the name looks like another one.
    Mixed {
        /// The line of the file, from 1.
        line: usize,
        /// The word.
        word: MixedWord,
    },
}

impl Loss {
    /// The first line that is lost.
    #[must_use]
    pub fn line(&self) -> usize {
        match self {
            Self::Repeated { lines, .. } => lines.first().copied().unwrap_or_default(),
            Self::CutShort { line, .. } | Self::Mixed { line, .. } => *line,
        }
    }

    /// What kind of loss it is, in words that fit several agents.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Repeated { .. } => "a key appears twice, and only the last one counts",
            Self::CutShort { .. } => "a `---` ends the frontmatter early",
            Self::Mixed { .. } => "a name mixes letters of several scripts",
        }
    }

    /// Whether the same text is lost, possibly on another line.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Repeated { key: one, .. }, Self::Repeated { key: other, .. }) => one == other,
            (Self::CutShort { keys: one, .. }, Self::CutShort { keys: other, .. }) => one == other,
            (Self::Mixed { word: one, .. }, Self::Mixed { word: other, .. }) => one == other,
            _ => false,
        }
    }

    /// What to do about it, and whether that is an edit of the file.
    #[must_use]
    pub fn how_to_fix(&self) -> (&'static str, bool) {
        match self {
            Self::Repeated { .. } => ("keep one of them", true),
            Self::Mixed { .. } => (
                "make sure that it is the agent that you mean; `--as` gives it another name",
                false,
            ),
            Self::CutShort { .. } => ("write that `---` in another way", true),
        }
    }
}

/// The message about the agent, to follow its name.
impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated { key, lines } => {
                let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
                write!(
                    formatter,
                    "has `{key}` in lines {}; Claude Code reads only the last",
                    lines.join(", ")
                )
            }
            Self::Mixed { word, .. } => {
                write!(formatter, "has {word}: its name may look like another")
            }
            Self::CutShort { line, keys } => {
                let lost = if keys.is_empty() {
                    "text".to_owned()
                } else {
                    format!("`{}`", keys.join("`, `"))
                };
                write!(
                    formatter,
                    "loses {lost}: the `---` in line {line} ends its frontmatter"
                )
            }
        }
    }
}

/// All that is lost, by line. `name`: what the client calls the agent.
pub(super) fn losses(layout: &Layout<'_>, name: &str) -> Vec<Loss> {
    let mut losses = repeated(layout);
    losses.extend(cut_short(layout));
    losses.extend(mixed_word(name).map(|word| {
        let entry = layout
            .entries()
            .iter()
            .rev()
            .find(|entry| entry.key == "name");
        let at = entry.map_or(0, |entry| entry.span.start);
        let line = line_at(layout.bytes(), at);
        Loss::Mixed { line, word }
    }));
    losses.sort_by_key(Loss::line);
    losses
}

/// How many repeated keys are looked at one by one, where that of all together is not certain.
const MAX_REPEATED: usize = 8;

/// Keys that appear several times with different values, unless the client would read the same if only the last one were there.
fn repeated(layout: &Layout<'_>) -> Vec<Loss> {
    let (bytes, Some(block)) = (layout.bytes(), layout.block()) else {
        return Vec::new();
    };
    let mut positions: HashMap<&str, usize> = HashMap::new();
    let mut equal: Vec<Vec<&Entry>> = Vec::new();
    for entry in layout.entries() {
        let position = *positions.entry(&entry.key).or_insert(equal.len());
        match equal.get_mut(position) {
            Some(known) => known.push(entry),
            None => equal.push(vec![entry]),
        }
    }
    let value = |entry: &Entry| bytes[entry.value.clone()].trim_ascii();
    equal.retain(|entries| {
        entries
            .windows(2)
            .any(|pair| value(pair[0]) != value(pair[1]))
    });
    if equal.is_empty() {
        return Vec::new();
    }
    let read = |block: &[u8]| {
        Fields::read(&String::from_utf8_lossy(block))
            .ok()
            .map(Fields::into_values)
    };
    let Some(values) = read(&bytes[block.clone()]) else {
        return Vec::new();
    };
    let is_lost = |repeated: &[Vec<&Entry>]| {
        let earlier = repeated.iter().filter_map(|entries| entries.split_last());
        let mut spans: Vec<_> = (earlier.flat_map(|(_, earlier)| earlier))
            .map(|entry| entry.span.clone())
            .collect();
        spans.sort_by_key(|span| span.start);
        let mut without = Vec::with_capacity(block.len());
        let mut at = block.start;
        for span in spans {
            without.extend_from_slice(&bytes[at..span.start]);
            at = span.end;
        }
        without.extend_from_slice(&bytes[at..block.end]);
        read(&without).as_ref() == Some(&values)
    };
    // Reading the block once for each of thousands of keys would take minutes.
    if !is_lost(&equal) {
        equal.truncate(MAX_REPEATED);
        equal.retain(|entries| is_lost(std::slice::from_ref(entries)));
    }
    let ends = line_ends(bytes);
    let losses = equal.into_iter().map(|entries| Loss::Repeated {
        key: entries[0].key.clone(),
        lines: (entries.iter())
            .map(|entry| 1 + ends.partition_point(|end| *end < entry.span.start))
            .collect(),
    });
    losses.collect()
}

/// Where the lines of a text end.
fn line_ends(bytes: &[u8]) -> Vec<usize> {
    let breaks = bytes.iter().enumerate();
    breaks
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at)
        .collect()
}

/// A block that does not end at a line of its own.
fn cut_short(layout: &Layout<'_>) -> Option<Loss> {
    let (bytes, end) = (layout.bytes(), layout.block()?.end);
    let start = bytes[..end]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let stop = bytes[end..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |length| end + length);
    if bytes[start..stop].trim_ascii_end() == b"---" {
        return None;
    }
    // The next `---` on its own line was meant to end it; without one, the intended end is unknown.
    let rest: Vec<&[u8]> = bytes[stop..].split(|byte| *byte == b'\n').skip(1).collect();
    let meant = rest
        .iter()
        .position(|line| line.trim_ascii_end() == b"---")
        .unwrap_or_default();
    let known = rest[..meant]
        .iter()
        .filter_map(|line| key(line))
        .filter(|key| FIELDS.contains(&key.as_str()));
    let mut keys: Vec<String> = Vec::new();
    for key in known {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let is_within = !bytes[start..end].trim_ascii().is_empty();
    (is_within || !keys.is_empty()).then(|| Loss::CutShort {
        line: line_at(bytes, end),
        keys,
    })
}

fn line_at(bytes: &[u8], at: usize) -> usize {
    1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::super::Definition;

    fn said(text: &str) -> Vec<String> {
        Definition::parse(text.as_bytes())
            .losses()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// Each key alone took as long as reading the whole block, which made this file take minutes.
    #[test]
    fn thousands_of_repeated_keys_are_all_named() {
        let keys: Vec<String> = (0..2000)
            .map(|key| format!("k{key}: a\nk{key}: b\n"))
            .collect();
        let keys = keys.concat();
        let text = format!("---\nname: a\ndescription: d\n{keys}---\n");
        let definition = Definition::parse(text.as_bytes());
        let losses = definition.losses();
        assert_eq!(losses.len(), 2000);
        let lines = losses.iter().map(crate::domain::definition::Loss::line);
        assert!(lines.eq((0..2000).map(|key| 4 + 2 * key)));
    }

    #[test]
    fn only_the_last_of_equal_keys_is_read() {
        let text = |head: &str| said(&format!("---\nname: a\n{head}\ndescription: d\n---\nb\n"));
        assert_eq!(
            text("model: x\ntools: Read\nmodel: y"),
            ["has `model` in lines 3, 5; Claude Code reads only the last"]
        );
        assert_eq!(text("tools:\n  - Read\ntools: [Bash]").len(), 1);
        assert_eq!(
            said("---\r\nname: a\r\nname: b\r\ndescription: d\r\n---\r\n").len(),
            1
        );
        for fine in [
            "model: x",
            "model: x\nmodel: x",
            "x: {model: y}\nmodel: z",
            "x: |\n  model: y\n  model: z",
            "x: &m [a]\nx: *m",
            "hooks: {a: b, a: c}",
        ] {
            assert_eq!(text(fine), [""; 0], "{fine}");
        }
    }

    #[test]
    fn a_name_in_letters_of_two_scripts_is_said() {
        assert_eq!(
            said("---\ndescription: d\nname: p\u{430}yment\n---\n"),
            [
                "has Latin and Cyrillic letters in one word, `p\u{430}yment`: its name may look like another"
            ]
        );
        assert_eq!(said("---\nname: рецензент\ndescription: d\n---\n"), [""; 0]);
    }

    #[test]
    fn a_fence_within_a_line_cuts_the_rest_off() {
        for (text, lost, line) in [
            (
                "---\nname: a\ndescription: d --- e\ntools: Read\nx: y\n---\nb",
                "`tools`",
                3,
            ),
            (
                "---\nname: a\ndescription: d\n# --- access ---\ntools: Read\nmodel: m\nmodel: n\n---\n",
                "`tools`, `model`",
                4,
            ),
            ("---\nname: a\ndescription: \"d --- e\"\n---\nb", "text", 3),
            (
                "---\nname: a\ndescription: |\n  d\n  ---\n  e\ntools: Read\n---\n",
                "`tools`",
                5,
            ),
            (
                "---\r\nname: a\r\ndescription: d\r\n----\r\ntools: Read\r\n---\r\n",
                "`tools`",
                4,
            ),
            ("---\nname: a\ndescription: d --- e\n\nBody\n", "text", 3),
        ] {
            assert_eq!(
                said(text),
                [format!(
                    "loses {lost}: the `---` in line {line} ends its frontmatter"
                )],
                "{text}"
            );
        }
        for fine in [
            "---\nname: a\ndescription: d\n---\ntools: x\n\n---\nb --- c\n",
            "---\nname: a\ndescription: d\n  ---  \nBody\n\n---\n",
            "---\nname: a\ndescription: d\n--- end\nNote: this\n---\n",
            "---\nname: a\ndescription: d\n---",
            "no frontmatter --- here",
        ] {
            assert_eq!(said(fine), [""; 0], "{fine}");
        }
    }
}
