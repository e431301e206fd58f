//! Values that are lists: merged as sets, in the notation in which they are written, with guards where the list grants tools.

use std::collections::BTreeSet;

use super::text::Line;
use super::{Reason, order, three_way};

/// The lists that grant tools.
const GRANTS: [&str; 3] = ["tools", "allowed-tools", "allowedTools"];
/// Longer lists are not lists of tools, and are not merged as sets.
const MAX_ITEMS: usize = 1_000;
/// Other keys whose plain text is a list separated by commas.
const WITH_COMMAS: [&str; 4] = [
    "disallowedTools",
    "disallowed-tools",
    "skills",
    "mcpServers",
];

/// How a list is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Notation {
    /// `key: a, b`, perhaps quoted as a whole.
    Commas {
        before: String,
        between: String,
        after: String,
    },
    /// `key: [a, b]`.
    Brackets {
        before: String,
        between: String,
        after: String,
    },
    /// One `- a` per line.
    Dashes { before: String, dash: String },
}

impl Notation {
    /// This notation with the comment after the list, merged from the three; `None` if both sides changed it.
    fn with_comment_of(&self, base: &List, ours: &List, theirs: &List) -> Option<Self> {
        let after = |list: &List| match &list.notation {
            Self::Commas { after, .. } | Self::Brackets { after, .. } => {
                after.find('#').map(|at| after[at..].to_owned())
            }
            Self::Dashes { .. } => None,
        };
        let (old, one, other) = (after(base), after(ours), after(theirs));
        let merged = three_way(&old, &one, &other)?;
        let mut notation = self.clone();
        if let (
            Self::Commas { after: mine, .. } | Self::Brackets { after: mine, .. },
            Some(comment),
        ) = (&mut notation, merged)
        {
            let kept = mine.split('#').next().unwrap_or_default();
            *mine = if kept.ends_with([' ', '\t']) {
                format!("{kept}{comment}")
            } else {
                format!("{kept} {comment}")
            };
        }
        Some(notation)
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Commas { .. } => 0,
            Self::Brackets { .. } => 1,
            Self::Dashes { .. } => 2,
        }
    }
}

/// A list as it is written.
#[derive(Debug, Clone)]
pub(super) struct List {
    notation: Notation,
    items: Vec<Item>,
    /// The comments and blank lines below the last entry.
    below: Vec<String>,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    value: String,
    /// How it is written, with a comment after it.
    raw: String,
    /// The comments and blank lines above it.
    above: Vec<String>,
}

impl Item {
    fn of(value: String, raw: &str) -> Self {
        Self {
            value,
            raw: raw.to_owned(),
            above: Vec::new(),
        }
    }
}

impl List {
    /// Reads the lines of one entry of the frontmatter; `None` if they are not a plain list.
    pub(super) fn read(key: &str, lines: &[Line<'_>]) -> Option<Self> {
        Self::read_any(key, lines).filter(|list| list.items.len() <= MAX_ITEMS)
    }

    fn read_any(key: &str, lines: &[Line<'_>]) -> Option<Self> {
        let (first, rest) = lines.split_first()?;
        let first = std::str::from_utf8(first.text).ok()?;
        let (head, value) = first.split_once(':')?;
        let (text, comment) = without_comment(value);
        let before = format!(
            "{head}:{}",
            &value[..value.len() - value.trim_start().len()]
        );
        if text.is_empty() {
            return Self::read_dashes(first, rest);
        }
        if !rest.iter().all(|line| line.text.trim_ascii().is_empty()) {
            return None;
        }
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']')?;
            if inner.contains(['[', ']', '{', '}']) {
                return None;
            }
            let raw = split(inner);
            let items = raw
                .iter()
                .map(|raw| Some(Item::of(unquoted(raw)?, raw)))
                .collect::<Option<Vec<_>>>()?;
            let notation = Notation::Brackets {
                before: format!("{before}["),
                between: separator(inner),
                after: format!("]{comment}"),
            };
            return Some(Self {
                notation,
                items,
                below: Vec::new(),
            });
        }
        if !GRANTS.contains(&key) && !WITH_COMMAS.contains(&key) {
            return None;
        }
        let quote = text
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\''));
        let (inner, quote) = match quote {
            Some(quote) => (
                text.strip_prefix(quote)?.strip_suffix(quote)?,
                quote.to_string(),
            ),
            None => (text, String::new()),
        };
        if inner.contains(['"', '\'', '\\', '{', '}', '|', '>', '&']) {
            return None;
        }
        let items = split(inner)
            .into_iter()
            .map(|item| Item::of(item.to_owned(), item))
            .collect();
        let notation = Notation::Commas {
            before: before + &quote,
            between: separator(inner),
            after: format!("{quote}{comment}"),
        };
        Some(Self {
            notation,
            items,
            below: Vec::new(),
        })
    }

    fn read_dashes(first: &str, rest: &[Line<'_>]) -> Option<Self> {
        let mut dash = None;
        let mut items = Vec::new();
        let mut loose = Vec::new();
        for line in rest {
            let text = std::str::from_utf8(line.text).ok()?;
            let trimmed = text.trim_start();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                loose.push(text.to_owned());
                continue;
            }
            let raw = trimmed
                .strip_prefix('-')
                .filter(|rest| rest.starts_with(' '))?
                .trim();
            let (value, _) = without_comment(raw);
            if value.is_empty()
                || value.contains(": ")
                || value.ends_with(':')
                || value.starts_with(['[', '{', '|', '>'])
            {
                return None;
            }
            let indent = &text[..text.len() - trimmed.len()];
            let own = format!("{indent}- ");
            if dash.get_or_insert_with(|| own.clone()) != &own {
                return None;
            }
            items.push(Item {
                value: unquoted(value)?,
                raw: raw.to_owned(),
                above: std::mem::take(&mut loose),
            });
        }
        Some(Self {
            notation: Notation::Dashes {
                before: first.to_owned(),
                dash: dash?,
            },
            items,
            below: loose,
        })
    }

    fn get(&self, value: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.value == value)
    }

    /// Whether two lists have the same entries, in any order and notation.
    pub(super) fn has_same_values(&self, other: &Self) -> bool {
        self.values().into_iter().collect::<BTreeSet<_>>()
            == other.values().into_iter().collect::<BTreeSet<_>>()
    }

    /// Whether it contains a comment that another notation has no place for.
    fn has_comments(&self) -> bool {
        let is_comment = |line: &String| line.trim_start().starts_with('#');
        let is_commented = |item: &Item| {
            item.above.iter().any(is_comment) || !without_comment(&item.raw).1.is_empty()
        };
        let behind = match &self.notation {
            Notation::Commas { after, .. } | Notation::Brackets { after, .. } => after.as_str(),
            Notation::Dashes { before, .. } => before.split_once(':').map_or("", |(_, rest)| rest),
        };
        behind.contains('#')
            || self.items.iter().any(is_commented)
            || self.below.iter().any(is_comment)
    }

    /// The values, without duplicates.
    pub(super) fn values(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        self.items
            .iter()
            .map(|item| item.value.as_str())
            .filter(|value| seen.insert(*value))
            .collect()
    }

    /// The lines of a list with other entries, in this notation. Each entry is written as on the side that changed its notation; `None` if
    /// both did, in different ways.
    fn write(&self, values: &[&str], [base, ours, theirs]: [&Self; 3]) -> Option<Vec<String>> {
        let is_alike = |list: &&Self| list.notation.kind() == self.notation.kind();
        let item = |list: &'_ Self, value: &str| {
            Some(list)
                .filter(is_alike)
                .and_then(|list| list.get(value).cloned())
        };
        let mut written = Vec::new();
        for value in values {
            let (old, one, other) = (item(base, value), item(ours, value), item(theirs, value));
            let raw = match (&one, &other) {
                (Some(one), Some(other)) => {
                    let old = old.as_ref().map_or("", |old| old.raw.as_str());
                    let is_commented = !without_comment(&one.raw).1.is_empty()
                        || !without_comment(&other.raw).1.is_empty();
                    match three_way(old, one.raw.as_str(), other.raw.as_str()) {
                        Some(raw) => raw.to_owned(),
                        None if is_commented => return None,
                        None => one.raw.clone().min(other.raw.clone()),
                    }
                }
                (Some(one), None) | (None, Some(one)) => one.raw.clone(),
                (None, None) if self.notation.kind() != 0 && !is_safe(value) => {
                    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
                }
                (None, None) => (*value).to_owned(),
            };
            let above = |item: &Option<Item>| item.as_ref().map(|item| item.above.clone());
            written.push((loose_lines(above(&old), above(&one), above(&other))?, raw));
        }
        let plain = || {
            written
                .iter()
                .map(|(_, raw)| raw.as_str())
                .collect::<Vec<_>>()
        };
        Some(match &self.notation {
            Notation::Commas {
                before,
                between,
                after,
            }
            | Notation::Brackets {
                before,
                between,
                after,
            } => {
                vec![format!("{before}{}{after}", plain().join(between))]
            }
            Notation::Dashes { before, .. } if written.is_empty() => {
                vec![format!("{} []", before.trim_end())]
            }
            Notation::Dashes { before, dash } => {
                let below =
                    |list: &Self| Some(list).filter(is_alike).map(|list| list.below.clone());
                let mut lines = vec![before.clone()];
                for (above, raw) in written {
                    lines.extend(above);
                    lines.push(format!("{dash}{raw}"));
                }
                lines.extend(loose_lines(below(base), below(ours), below(theirs))?);
                lines
            }
        })
    }
}

/// Comments and blank lines that one or both sides have in the same place; `None` if both changed the comments, in different ways.
fn loose_lines(
    base: Option<Vec<String>>,
    ours: Option<Vec<String>>,
    theirs: Option<Vec<String>>,
) -> Option<Vec<String>> {
    let (ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (one, other) => return Some(one.or(other).unwrap_or_default()),
    };
    if let Some(lines) = three_way(&base.unwrap_or_default(), &ours, &theirs) {
        return Some(lines.clone());
    }
    let comments = |lines: &[String]| {
        lines
            .iter()
            .filter(|line| !line.trim().is_empty())
            .cloned()
            .collect::<Vec<_>>()
    };
    (comments(&ours) == comments(&theirs)).then(|| {
        if (ours.len(), &ours) >= (theirs.len(), &theirs) {
            ours
        } else {
            theirs
        }
    })
}

/// A value, and the comment after it with the space between them.
fn without_comment(value: &str) -> (&str, &str) {
    let mut quote = None;
    let mut previous = ' ';
    for (at, character) in value.char_indices() {
        match quote {
            Some(open) if open == character => quote = None,
            None if character == '#' && previous.is_whitespace() => {
                let text = value[..at].trim_end();
                return (text.trim_start(), value[text.len()..].trim_end());
            }
            None if matches!(character, '"' | '\'')
                && (previous.is_whitespace() || matches!(previous, '[' | ',')) =>
            {
                quote = Some(character);
            }
            _ => {}
        }
        previous = character;
    }
    (value.trim(), "")
}

/// Whether any of the lists has comments.
pub(super) fn has_comments(lists: [&List; 3]) -> bool {
    lists.iter().any(|list| list.has_comments())
}

/// The entries between commas that are not in parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

/// A comma with the space after the first comma.
fn separator(text: &str) -> String {
    match text.split_once(',') {
        Some((_, rest)) => format!(",{}", &rest[..rest.len() - rest.trim_start().len()]),
        None => ", ".to_owned(),
    }
}

fn unquoted(raw: &str) -> Option<String> {
    for quote in ['"', '\''] {
        if let Some(inner) = raw.strip_prefix(quote) {
            return inner
                .strip_suffix(quote)
                .filter(|inner| !inner.contains(['\\', quote]))
                .map(str::to_owned);
        }
    }
    (!raw.contains(['"', '\''])).then(|| raw.to_owned())
}

/// Whether a value needs no quotes within brackets or after a dash.
fn is_safe(value: &str) -> bool {
    let mut characters = value.chars();
    characters
        .next()
        .is_some_and(|first| first.is_alphanumeric() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || "_-./()* ".contains(character))
}

/// Whether a key grants tools.
pub(super) fn grants(key: &str) -> bool {
    GRANTS.contains(&key)
}

/// Why a person must decide about a merge of tools, if so.
pub(super) fn guard(base: &[&str], ours: &[&str], theirs: &[&str]) -> Option<Reason> {
    if [base, ours, theirs].iter().any(|side| side.contains(&"*")) {
        return Some(Reason::EveryTool);
    }
    let without = |list: &[&str], other: &[&str]| -> Vec<String> {
        list.iter()
            .filter(|tool| !other.contains(tool))
            .map(|tool| (*tool).to_owned())
            .collect()
    };
    let mut found = Vec::new();
    for (one, other) in [(ours, theirs), (theirs, ours)] {
        for removed in without(base, one) {
            let is_clash =
                |added: &String| !one.contains(&added.as_str()) && is_family(&removed, added);
            found.extend(
                without(other, base)
                    .into_iter()
                    .filter(is_clash)
                    .map(|added| (removed.clone(), added)),
            );
        }
    }
    // Several may clash; which one is named must not depend on the side.
    found
        .into_iter()
        .min()
        .map(|(removed, added)| Reason::SameFamily { removed, added })
}

/// Whether two tools give the same power, or one includes the other.
pub(super) fn is_family(one: &str, other: &str) -> bool {
    const FAMILIES: [&[&str]; 4] = [
        &["write", "edit", "multiedit", "notebookedit"],
        &["webfetch", "websearch"],
        &["task", "agent"],
        &["bash", "bashoutput", "killbash", "killshell"],
    ];
    let plain = |tool: &str| {
        tool.split('(')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    };
    let (one, other) = (plain(one), plain(other));
    let server = |tool: &str| -> Option<(String, Option<String>)> {
        let rest = tool.strip_prefix("mcp__")?;
        Some(match rest.split_once("__") {
            Some((server, "*")) => (server.to_owned(), None),
            Some((server, name)) => (server.to_owned(), Some(name.to_owned())),
            None => (rest.to_owned(), None),
        })
    };
    match (server(&one), server(&other)) {
        (Some((left, left_tool)), Some((right, right_tool))) => {
            left == right
                && (left_tool.is_none() || right_tool.is_none() || left_tool == right_tool)
        }
        _ => {
            one == other
                || FAMILIES.iter().any(|family| {
                    family.contains(&one.as_str()) && family.contains(&other.as_str())
                })
        }
    }
}

/// Merges three lists of one key as sets; returns the lines of the entry.
pub(super) fn merge(
    key: &str,
    base: &List,
    ours: &List,
    theirs: &List,
) -> Result<Vec<String>, Reason> {
    let (b, o, t) = (base.values(), ours.values(), theirs.values());
    if grants(key)
        && let Some(reason) = guard(&b, &o, &t)
    {
        return Err(reason);
    }
    let is_kept = |value: &&str| match (b.contains(value), o.contains(value), t.contains(value)) {
        (true, ours, theirs) => ours && theirs,
        (false, ours, theirs) => ours || theirs,
    };
    let result: BTreeSet<&str> = o
        .iter()
        .chain(&t)
        .copied()
        .filter(|value| is_kept(value))
        .collect();
    let values = order::merge(&b, &o, &t, &result);
    // The notation of the side that changed it; if both or neither did, the first in the order of notations.
    let has_changed = |side: &List| side.notation.kind() != base.notation.kind();
    let has_changed_more = |side: &List| side.notation != base.notation;
    let mut candidates = [ours, theirs];
    candidates.sort_by_key(|side| {
        (
            !has_changed(side),
            !has_changed_more(side),
            side.notation.clone(),
        )
    });
    let [template, other] = candidates;
    let is_one_notation = template.notation.kind() == other.notation.kind();
    // The places of comments are different in every notation, and a comment must not be lost silently with an entry that is removed.
    let lists = [base, ours, theirs];
    if !is_one_notation && has_comments(lists) || loses_comment(lists, &values) {
        return Err(Reason::BothChanged);
    }
    let template = &List {
        notation: template
            .notation
            .with_comment_of(base, ours, theirs)
            .ok_or(Reason::BothChanged)?,
        ..template.clone()
    };
    if values.is_empty() && template.notation.kind() == 0 {
        // `tools:` without a value would mean every tool.
        let Notation::Commas { before, .. } = &template.notation else {
            return Ok(Vec::new());
        };
        let key = before.split(':').next().unwrap_or_default();
        return Ok(vec![format!("{key}: []")]);
    }
    template.write(&values, lists).ok_or(Reason::BothChanged)
}

/// Whether a comment that one side wrote would be lost with an entry that the other side removed.
fn loses_comment([base, ours, theirs]: [&List; 3], values: &[&str]) -> bool {
    let comments = |item: &Item| -> Vec<String> {
        let above = item
            .above
            .iter()
            .filter(|line| !line.trim().is_empty())
            .map(|line| line.trim().to_owned());
        above
            .chain(
                Some(without_comment(&item.raw).1.trim().to_owned())
                    .filter(|comment| !comment.is_empty()),
            )
            .collect()
    };
    [ours, theirs]
        .into_iter()
        .flat_map(|side| &side.items)
        .any(|item| {
            let old = base.get(&item.value).map(comments).unwrap_or_default();
            !values.contains(&item.value.as_str())
                && comments(item).iter().any(|comment| !old.contains(comment))
        })
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    fn merged(base: &str, ours: &str, theirs: &str) -> Result<String, Reason> {
        let [base, ours, theirs] = [base, ours, theirs]
            .map(|text| List::read("tools", &text::split(text.as_bytes())).unwrap());
        merge("tools", &base, &ours, &theirs).map(|lines| lines.join("\n"))
    }

    #[test]
    fn lists_are_merged_as_sets_in_their_notation() {
        assert_eq!(
            merged(
                "tools: Read, Grep",
                "tools: Read",
                "tools: Read, Grep, Glob"
            )
            .unwrap(),
            "tools: Read, Glob"
        );
        assert_eq!(
            merged(
                "tools: Read,Grep",
                "tools: Read,Grep,LS",
                "tools: Read,Grep,Glob"
            )
            .unwrap(),
            "tools: Read,Grep,Glob,LS"
        );
        assert_eq!(
            merged("tools: Read", "tools: [Read, LS]", "tools: Read, Glob").unwrap(),
            "tools: [Read, Glob, LS]"
        );
        assert_eq!(
            merged(
                "tools:\n  - Read\n  - \"Grep\"",
                "tools:\n  - Read",
                "tools:\n  - Read\n  - \"Grep\"\n  - Bash(git *)"
            )
            .unwrap(),
            "tools:\n  - Read\n  - Bash(git *)"
        );
        assert_eq!(
            merged("tools: [A, B]", "tools: [A]", "tools: [B]").unwrap(),
            "tools: []"
        );
        assert_eq!(
            merged("tools: A, B", "tools: A", "tools: B").unwrap(),
            "tools: []"
        );
        assert_eq!(
            merged(
                "tools: Read, Agent(a, b)",
                "tools: Read, Agent(a, b), X",
                "tools: Read, Agent(a, b), X, Y"
            )
            .unwrap(),
            "tools: Read, Agent(a, b), X, Y"
        );
    }

    #[test]
    fn a_removed_tool_does_not_come_back_by_another_name() {
        let family = |removed: &str, added: &str| Reason::SameFamily {
            removed: removed.to_owned(),
            added: added.to_owned(),
        };
        let result = merged(
            "tools: Read, Write",
            "tools: Read",
            "tools: Read, Write, Edit",
        );
        assert_eq!(result.unwrap_err(), family("Write", "Edit"));
        let result = merged(
            "tools: Read, mcp__db",
            "tools: Read",
            "tools: Read, mcp__db, mcp__db__drop",
        );
        assert_eq!(result.unwrap_err(), family("mcp__db", "mcp__db__drop"));
        assert!(
            merged(
                "tools: R, mcp__db__a",
                "tools: R",
                "tools: R, mcp__db__a, mcp__db__b"
            )
            .is_ok()
        );
        assert_eq!(
            merged("tools: Read", "tools: Read, Grep", "tools: \"*\"").unwrap_err(),
            Reason::EveryTool
        );
    }

    #[test]
    fn comments_and_blank_lines_stay_with_what_they_stand_above() {
        let base = "tools:\n  - Read\n  # for tests\n  - Bash # careful\n\n  - LS";
        assert_eq!(
            merged(
                base,
                &format!("{base}\n  - Grep"),
                &base.replace("  - Read", "  - Read\n  - Glob")
            )
            .unwrap(),
            "tools:\n  - Read\n  - Glob\n  # for tests\n  - Bash # careful\n\n  - LS\n  - Grep"
        );
        assert_eq!(
            merged(
                base,
                &base.replace("careful", "very careful"),
                &format!("{base}\n  - X")
            )
            .unwrap(),
            format!("{}\n  - X", base.replace("careful", "very careful"))
        );
        let removed = "tools:\n  - Read\n\n  - LS";
        assert!(
            merged(base, removed, &base.replace("for tests", "for tests only")).is_err(),
            "a comment would be lost"
        );
        assert_eq!(
            merged(base, removed, &format!("{base}\n  - X")).unwrap(),
            "tools:\n  - Read\n\n  - LS\n  - X"
        );
        assert_eq!(
            merged(base, "tools: Read, LS", base).unwrap_err(),
            Reason::BothChanged,
            "nowhere to put the comments"
        );
    }

    #[test]
    fn a_comment_behind_a_list_stays_there() {
        assert_eq!(
            merged("tools: A, B # c", "tools: A # c", "tools: A, B, D # c").unwrap(),
            "tools: A, D # c"
        );
        assert_eq!(
            merged("tools: A # c", "tools: A, B # c", "tools: A # d").unwrap(),
            "tools: A, B # d"
        );
        assert_eq!(
            merged("tools: [A] # c", "tools: [A, B] # x", "tools: [A] # d").unwrap_err(),
            Reason::BothChanged
        );
        assert_eq!(
            merged(
                "tools: [A]  # c",
                "tools: [A, B]  # c",
                "tools: [A, D]  # c"
            )
            .unwrap(),
            "tools: [A, B, D]  # c"
        );
    }

    #[test]
    fn what_is_no_plain_list_is_left_alone() {
        for text in [
            "tools:\n  - a: b",
            "tools: |\n  A",
            "tools: [a, [b]]",
            "tools: \"A, \\\"B\\\"\"",
            "tools:",
        ] {
            assert!(
                List::read("tools", &text::split(text.as_bytes())).is_none(),
                "{text}"
            );
        }
        assert!(List::read("model", &text::split(b"model: a, b")).is_none());
    }
}
