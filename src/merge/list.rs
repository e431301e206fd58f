//! Values that are lists: merged as sets, in the notation in which they are written, with guards where the list grants tools.

use std::collections::BTreeSet;

use super::text::Line;
use super::{Reason, order};

/// The lists that grant tools.
const GRANTS: [&str; 3] = ["tools", "allowed-tools", "allowedTools"];
/// Longer lists are no lists of tools, and are not merged as sets.
const MAX_ITEMS: usize = 1_000;
/// Other keys whose plain text is a list with commas.
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
    /// Each entry: its value, and how it is written.
    items: Vec<(String, String)>,
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
        let text = value.trim();
        let before = format!(
            "{head}:{}",
            &value[..value.len() - value.trim_start().len()]
        );
        let is_over = rest.iter().all(|line| line.text.trim_ascii().is_empty());
        if text.contains(" #") || text.starts_with('#') {
            return None;
        }
        if text.is_empty() {
            return Self::read_dashes(first, rest);
        }
        if !is_over {
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
                .map(|raw| Some((unquoted(raw)?, (*raw).to_owned())))
                .collect::<Option<Vec<_>>>()?;
            return Some(Self {
                notation: Notation::Brackets {
                    before: format!("{before}["),
                    between: separator(inner),
                    after: "]".to_owned(),
                },
                items,
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
            .map(|item| (item.to_owned(), item.to_owned()))
            .collect();
        let notation = Notation::Commas {
            before: before + &quote,
            between: separator(inner),
            after: quote,
        };
        Some(Self { notation, items })
    }

    fn read_dashes(first: &str, rest: &[Line<'_>]) -> Option<Self> {
        let mut dash = None;
        let mut items = Vec::new();
        for line in rest {
            let text = std::str::from_utf8(line.text).ok()?;
            if text.trim().is_empty() {
                continue;
            }
            let trimmed = text.trim_start();
            let raw = trimmed
                .strip_prefix('-')
                .filter(|rest| rest.starts_with(' '))?
                .trim();
            if raw.contains(" #")
                || raw.contains(": ")
                || raw.ends_with(':')
                || raw.starts_with(['[', '{', '#', '|', '>'])
            {
                return None;
            }
            let indent = &text[..text.len() - trimmed.len()];
            let own = format!("{indent}- ");
            if dash.get_or_insert_with(|| own.clone()) != &own {
                return None;
            }
            items.push((unquoted(raw)?, raw.to_owned()));
        }
        Some(Self {
            notation: Notation::Dashes {
                before: first.to_owned(),
                dash: dash?,
            },
            items,
        })
    }

    /// The values, each once.
    pub(super) fn values(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        self.items
            .iter()
            .map(|(value, _)| value.as_str())
            .filter(|value| seen.insert(*value))
            .collect()
    }

    /// The same list with other entries; `writings` says how entries are written where this notation knows better.
    fn write(&self, values: &[&str], others: &[&Self]) -> Vec<String> {
        let is_plain = self.notation.kind() == 0;
        let alike: Vec<&&Self> = others
            .iter()
            .filter(|other| other.notation.kind() == self.notation.kind())
            .collect();
        let written = |value: &&str| -> String {
            let ways = alike
                .iter()
                .flat_map(|other| &other.items)
                .filter(|(known, _)| known == value)
                .map(|(_, raw)| raw);
            match ways.min() {
                Some(raw) => raw.clone(),
                None if !is_plain && !is_safe(value) => {
                    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
                }
                None => (*value).to_owned(),
            }
        };
        let written: Vec<String> = values.iter().map(written).collect();
        match &self.notation {
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
                vec![format!("{before}{}{after}", written.join(between))]
            }
            Notation::Dashes { before, .. } if written.is_empty() => {
                vec![format!("{} []", before.trim_end())]
            }
            Notation::Dashes { before, dash } => std::iter::once(before.clone())
                .chain(written.into_iter().map(|raw| format!("{dash}{raw}")))
                .collect(),
        }
    }
}

/// The entries between commas that are in no parentheses.
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

/// A comma and the space behind the first one.
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

/// Whether a value needs no quotes within brackets or behind a dash.
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

/// Why a merge of tools must be decided by a person, if it must.
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

/// Merges three lists of one key as sets; gives back the lines of the entry.
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
    // The notation of the side that changed it; if both did, or neither, whichever comes first in the order of notations.
    let has_changed = |side: &&List| side.notation.kind() != base.notation.kind();
    let mut candidates = [ours, theirs];
    candidates.sort_by_key(|side| (!has_changed(side), side.notation.clone()));
    let [template, other] = candidates;
    let is_empty_commas = values.is_empty() && template.notation.kind() == 0;
    if is_empty_commas {
        // `tools:` without a value would mean every tool.
        let Notation::Commas { before, .. } = &template.notation else {
            return Ok(Vec::new());
        };
        let key = before.split(':').next().unwrap_or_default();
        return Ok(vec![format!("{key}: []")]);
    }
    Ok(template.write(&values, &[template, other]))
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
    fn what_is_no_plain_list_is_left_alone() {
        for text in [
            "tools: A # b",
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
