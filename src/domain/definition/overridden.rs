//! Overrides applied to a definition: the smallest edits that give its frontmatter the values that the manifest declares, in the notation
//! that the file has. Each edit is checked for having changed exactly the values that it was meant to change.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::adapt::{is_special, line_ending, quote, values};
use super::layout::Layout;
use super::listed::{comment_of, edited};
use super::yaml::Fields;
use super::{Definition, Verdict, tools_in};
use crate::domain::capability::Capabilities;
use crate::domain::likeness::nearest;
use crate::domain::overrides::{Assignment, LISTS, ListChange, Overrides};
use crate::domain::tool_rule::covers;

/// Why overrides cannot be applied to a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// The client does not load the file, so there is nothing to override.
    #[error("Claude Code does not load it: {0}")]
    NotLoaded(super::SkipReason),
    /// The key is written in a way that cannot be edited safely.
    #[error("its `{0}` is written in a way that cannot be edited safely")]
    NotEditable(String),
    /// A tool is added where there is no list, which would take all others away.
    #[error(
        "it has no `tools` line, so it has every tool; adding `{0}` would leave it that one alone"
    )]
    NoList(String),
    /// All tools are removed, which the client may read as having every tool.
    #[error("no tool would be left in `tools`, and Claude Code may read that as every tool")]
    NoTools,
    /// Removing tools would allow something that was not allowed before.
    #[error("removing from `{0}` would allow more than before")]
    Widens(String),
}

impl OverrideError {
    /// The overridden key that it is about.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::NotLoaded(_) => None,
            Self::NoList(_) | Self::NoTools => Some("tools"),
            Self::NotEditable(key) | Self::Widens(key) => Some(key),
        }
    }
}

/// The bytes of a definition with overrides.
pub fn overridden(bytes: &[u8], overrides: &Overrides) -> Result<Vec<u8>, OverrideError> {
    let mut bytes = bytes.to_vec();
    if overrides.is_empty() {
        return Ok(bytes);
    }
    if let Verdict::Skipped(reason) = Definition::parse(&bytes).verdict() {
        return Err(OverrideError::NotLoaded(reason.clone()));
    }
    for (key, value) in &overrides.values {
        set(&mut bytes, key, value)?;
    }
    // What the list of tools cannot take away, `disallowedTools` does.
    let mut disallowed = overrides.change_of("disallowedTools");
    let tools = overrides.change_of("tools");
    if !tools.is_empty() {
        let change = &tools;
        if has_list(&bytes) {
            change_list(&mut bytes, "tools", change)?;
        } else if let Some(tool) = change.add.first() {
            return Err(OverrideError::NoList(tool.clone()));
        } else {
            disallowed.add.extend(change.remove.iter().cloned());
        }
    }
    if !disallowed.is_empty() {
        change_list(&mut bytes, "disallowedTools", &disallowed)?;
    }
    Ok(bytes)
}

/// The overridden keys that two versions of a definition give different values.
#[must_use]
pub fn differing(overrides: &Overrides, one: &[u8], other: &[u8]) -> Vec<String> {
    if overrides.is_empty() {
        return Vec::new();
    }
    let [one, other] = [one, other].map(|bytes| Definition::parse(bytes).values());
    let keys = overrides.keys();
    let differing = keys.filter(|key| one.get(*key) != other.get(*key));
    differing.map(str::to_owned).collect()
}

/// A name that is to be removed from a list of tools and is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdleRemoval {
    /// The assignment, `tools-=Bash`.
    pub assignment: String,
    /// The name in the list that may be meant.
    pub meant: Option<String>,
}

/// The removals that change nothing in a version. `tools`: all that an agent without a list of tools has, as far as they are known.
#[must_use]
pub fn idle_removals(bytes: &[u8], overrides: &Overrides, tools: &[String]) -> Vec<IdleRemoval> {
    let values = Definition::parse(bytes).values();
    let mut idle = Vec::new();
    for (key, change) in &overrides.lists {
        let is_every_tool = key == "tools" && !has_list(bytes);
        let had = values.get(key).map(tools_in).filter(|_| !is_every_tool);
        let had = had.unwrap_or_else(|| {
            if is_every_tool {
                tools.to_vec()
            } else {
                Vec::new()
            }
        });
        // A tool of a server that nobody knows may be there.
        let may_be_there = |name: &String| is_every_tool && name.starts_with("mcp__");
        let removes = |name: &String| {
            let bare = name.split('(').next().unwrap_or_default().to_owned();
            let is_within = is_every_tool && had.contains(&bare);
            is_within || may_be_there(name) || had.iter().any(|tool| covers(name, tool))
        };
        for name in change.remove.iter().filter(|name| !removes(name)) {
            let meant = nearest(name, had.iter().map(String::as_str));
            idle.push(IdleRemoval {
                assignment: Assignment::Remove(key.clone(), name.clone()).to_string(),
                meant: meant.map(str::to_owned),
            });
        }
    }
    idle
}

/// What came after a tool that the client no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// The tool that took over; `None`: there is none.
    pub tool: Option<String>,
    /// Whether the client still understands the old name.
    pub is_alias: bool,
}

/// What it comes to in this version that names of tools which the client no longer has are replaced: a name that it still understands
/// becomes its successor if both are known to mean the same, and one that does nothing goes. Nothing that is allowed more by it happens. `now`: the successor of a retired
/// tool.
#[must_use]
pub fn modernised(
    bytes: &[u8],
    now: &dyn Fn(&str) -> Option<Successor>,
) -> BTreeMap<String, ListChange> {
    let values = Definition::parse(bytes).values();
    let mut changes: BTreeMap<String, ListChange> = BTreeMap::new();
    for key in LISTS {
        let tools = values.get(key).map(tools_in).unwrap_or_default();
        let mut change = ListChange::default();
        for tool in &tools {
            let (name, rest) = tool.split_at(tool.find('(').unwrap_or(tool.len()));
            match now(name) {
                Some(Successor {
                    tool: Some(successor),
                    is_alias: true,
                }) if covers(tool, &format!("{successor}{rest}")) => {
                    change.add.insert(format!("{successor}{rest}"));
                    change.remove.insert(tool.clone());
                }
                // A name that is still understood stays where its successor would allow more.
                Some(Successor {
                    is_alias: false, ..
                }) if key == "tools" => {
                    change.remove.insert(tool.clone());
                }
                _ => {}
            }
        }
        // An agent none of whose tools exists keeps its list: an empty one could mean every tool.
        let is_left = tools.iter().any(|tool| !change.remove.contains(tool));
        if !change.is_empty() && (is_left || !change.add.is_empty()) {
            changes.insert(key.to_owned(), change);
        }
    }
    changes
}

/// Whether the tools are listed. Without a list, and with `*` in it, the agent has every tool.
fn has_list(bytes: &[u8]) -> bool {
    match Definition::parse(bytes).verdict() {
        Verdict::Loads(loaded) => loaded.tools.is_some(),
        Verdict::Skipped(_) => false,
    }
}

/// Makes `key` have `value`.
fn set(bytes: &mut Vec<u8>, key: &str, value: &str) -> Result<(), OverrideError> {
    let meant = match value.parse::<u64>() {
        Ok(number) if key == "effort" => Value::from(number),
        _ => Value::String(value.to_owned()),
    };
    let plain = match &meant {
        Value::Number(number) => number.to_string(),
        _ => scalar(key, value),
    };
    let quoted = quote(value);
    edit(bytes, key, &meant, &[plain, quoted])
}

/// Adds names to a list of tools and removes names from it.
fn change_list(bytes: &mut Vec<u8>, key: &str, change: &ListChange) -> Result<(), OverrideError> {
    let old = Definition::parse(bytes).values();
    let had = old.get(key).map(tools_in).unwrap_or_default();
    let is_removed = |tool: &String| change.remove.iter().any(|removed| covers(removed, tool));
    let mut tools: Vec<String> = had
        .iter()
        .filter(|tool| !is_removed(tool))
        .cloned()
        .collect();
    let is_there = |tool: &&String| !tools.contains(tool);
    let added: Vec<String> = change.add.iter().filter(is_there).cloned().collect();
    tools.extend(added.iter().cloned());
    if tools == had {
        return Ok(());
    }
    if tools.is_empty() && key == "tools" {
        return Err(OverrideError::NoTools);
    }
    let before = Capabilities::of(bytes);
    let written = written(bytes, key);
    if written.is_none() && old.contains_key(key) {
        return Err(OverrideError::NotEditable(key.to_owned()));
    }
    let end = line_ending(bytes);
    let in_place = written.and_then(|(range, written)| {
        let text = edited(&written, &is_removed, &added, end)?;
        let mut candidate = bytes.clone();
        candidate.splice(range, text.into_bytes());
        Some(candidate)
    });
    let quoted: Vec<String> = tools.iter().map(|tool| quote(tool)).collect();
    let anew = [tools.join(", "), format!("[{}]", quoted.join(", "))].map(|text| {
        let mut candidate = bytes.clone();
        put(&mut candidate, key, &format!(" {text}"));
        candidate
    });
    let is_meant = |candidate: &Vec<u8>| {
        is_only_change(bytes, candidate, key, &|value| tools_in(value) == tools)
    };
    let edited = in_place.into_iter().chain(anew).find(is_meant);
    let edited = edited.ok_or_else(|| OverrideError::NotEditable(key.to_owned()))?;
    let gains = Capabilities::of(&edited).gains_over(&before);
    if key == "tools" && change.add.is_empty() && !gains.is_empty() {
        return Err(OverrideError::Widens(key.to_owned()));
    }
    *bytes = edited;
    Ok(())
}

/// Gives `key` the first of some texts that the client reads as `meant`, with every other value as it was.
fn edit(
    bytes: &mut Vec<u8>,
    key: &str,
    meant: &Value,
    texts: &[String],
) -> Result<(), OverrideError> {
    let old = Definition::parse(bytes).values().remove(key);
    if old.as_ref() == Some(meant) {
        return Ok(());
    }
    if old.is_some() && written(bytes, key).is_none() {
        return Err(OverrideError::NotEditable(key.to_owned()));
    }
    for text in texts {
        let mut candidate = bytes.clone();
        put(&mut candidate, key, &format!(" {text}"));
        if is_only_change(bytes, &candidate, key, &|value| value == meant) {
            *bytes = candidate;
            return Ok(());
        }
    }
    Err(OverrideError::NotEditable(key.to_owned()))
}

/// Whether the values of a file are as before except for one, which is as it is meant to be.
fn is_only_change(
    before: &[u8],
    after: &[u8],
    key: &str,
    is_meant: &dyn Fn(&Value) -> bool,
) -> bool {
    let without = |values: Option<Map<String, Value>>| {
        let mut values = values?;
        let value = values.remove(key);
        Some((values, value))
    };
    match (without(values(before)), without(values(after))) {
        (Some((before, _)), Some((after, Some(value)))) => before == after && is_meant(&value),
        _ => false,
    }
}

/// What is written behind the colon of `key`, and where; `None`: it has no line of its own.
fn written(bytes: &[u8], key: &str) -> Option<(Range<usize>, String)> {
    let layout = Layout::of(bytes);
    let entry = layout
        .entries()
        .iter()
        .rev()
        .find(|entry| entry.key == key)?;
    let range = value_range(bytes, entry.value.clone());
    let text = std::str::from_utf8(&bytes[range.clone()]).ok()?.to_owned();
    Some((range, text))
}

/// Replaces what follows the colon of `key`, or adds the key at the end of the frontmatter. A comment behind the value, and lines of
/// comments and blank lines below it, are kept.
fn put(bytes: &mut Vec<u8>, key: &str, value: &str) {
    let layout = Layout::of(bytes);
    let Some(block) = layout.block() else {
        return;
    };
    let entry = layout.entries().iter().rev().find(|entry| entry.key == key);
    let Some(entry) = entry else {
        let line = format!("{key}:{value}{}", line_ending(bytes));
        bytes.splice(block.end..block.end, line.into_bytes());
        return;
    };
    let range = value_range(bytes, entry.value.clone());
    let old = String::from_utf8_lossy(&bytes[range.clone()]).into_owned();
    let is_one_line = !old.contains('\n') && !value.contains('\n');
    let comment = comment_of(&old).filter(|_| is_one_line).unwrap_or_default();
    let text = format!("{value}{comment}");
    bytes.splice(range, text.into_bytes());
}

/// The part of an entry's lines that belongs to its value: what follows may be comments and blank lines.
fn value_range(bytes: &[u8], value: Range<usize>) -> Range<usize> {
    let text = &bytes[value.clone()];
    let mut end = 0;
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.trim_ascii();
        if at == 0 || !bare.is_empty() && !line.starts_with(b"#") {
            end = at
                + line
                    .trim_ascii_end()
                    .len()
                    .max(usize::from(at == 0) * line_length(line));
        }
        at += line.len();
    }
    value.start..value.start + end
}

/// The length of a line without its line break.
fn line_length(line: &[u8]) -> usize {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line).len()
}

/// A value as a plain scalar, if every parser reads it as this text, otherwise quoted. What begins with anything but a letter may be a
/// number, a date or a sign to one of them, and some words are truth values.
fn scalar(key: &str, value: &str) -> String {
    const MEANING: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word = value.starts_with(char::is_alphabetic) && value == value.trim();
    let is_plain = is_word
        && !MEANING.contains(&value.to_ascii_lowercase().as_str())
        && !value.contains(is_special)
        && Fields::read_strictly(&format!("{key}: {value}"))
            .is_ok_and(|fields| fields.text(key) == Some(value));
    if is_plain {
        value.to_owned()
    } else {
        quote(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(head: &str, overrides: &[&str]) -> Result<String, OverrideError> {
        let overrides = Overrides::read(overrides.iter().copied()).unwrap();
        let text = format!("---\nname: a\n{head}---\nBody\n");
        let bytes = overridden(text.as_bytes(), &overrides)?;
        let text = String::from_utf8(bytes).unwrap();
        let head = text.strip_prefix("---\nname: a\n").unwrap();
        Ok(head.strip_suffix("---\nBody\n").unwrap().to_owned())
    }

    #[test]
    fn a_value_is_replaced_where_it_is_or_added_at_the_end() {
        for (head, overrides, expected) in [
            (
                "description: d\nmodel: opus # best\ncolor: red\n",
                &["model=haiku"][..],
                "description: d\nmodel: haiku # best\ncolor: red\n",
            ),
            (
                "description: d\n",
                &["model=haiku", "effort=3"],
                "description: d\neffort: 3\nmodel: haiku\n",
            ),
            (
                "description: d\nmodel: \"opus\"\n",
                &["model=opus"],
                "description: d\nmodel: \"opus\"\n",
            ),
            (
                "description: |\n  Old.\n\n  More.\n# about the model\nmodel: a\n",
                &["description=New: short"],
                "description: \"New: short\"\n# about the model\nmodel: a\n",
            ),
            (
                "description: d\n\"model\": opus # best\n'effort' : low\ncolor : red\n",
                &["model=haiku", "effort=max", "color=blue"],
                "description: d\n\"model\": haiku # best\n'effort' : max\ncolor : blue\n",
            ),
            (
                "description: d\nmodel:\ncolor: red\n",
                &["model=haiku"],
                "description: d\nmodel: haiku\ncolor: red\n",
            ),
            (
                "description: d\n",
                &["description=Two\nlines --- and a fence"],
                "description: \"Two\\nlines \\x2d-- and a fence\"\n",
            ),
            (
                "description: d\nmodel: a\nmodel: b\n",
                &["permissionMode=plan"],
                "description: d\nmodel: a\nmodel: b\npermissionMode: plan\n",
            ),
        ] {
            assert_eq!(with(head, overrides).as_deref(), Ok(expected), "{head}");
        }
    }

    #[test]
    fn lists_keep_their_notation() {
        for (head, overrides, expected) in [
            (
                "tools: Read, Bash, Grep # few\n",
                &["tools-=Bash", "tools+=Glob"][..],
                "tools: Read, Grep, Glob # few\n",
            ),
            (
                "tools: Read,Bash(git *, x)\n",
                &["tools+=Glob"],
                "tools: Read,Bash(git *, x),Glob\n",
            ),
            (
                "tools: Read Bash(ls) Bash(rm)\n",
                &["tools-=Bash"],
                "tools: Read\n",
            ),
            (
                "tools: \"Read, Grep\"\n",
                &["tools+=mcp__db"],
                "tools: \"Read, Grep, mcp__db\"\n",
            ),
            (
                "tools: [Read, \"Bash(git *)\"]\n",
                &["tools-=Bash", "tools+=Write(a, b)"],
                "tools: [Read, \"Write(a, b)\"]\n",
            ),
            (
                "tools:\n  - Read\n  - Bash # why\n  - Grep\ncolor: red\n",
                &["tools-=Bash", "tools+=Glob"],
                "tools:\n  - Read\n  - Grep\n  - Glob\ncolor: red\n",
            ),
            (
                "tools: # some\n- Read\n# end\n",
                &["tools+=Glob"],
                "tools: # some\n- Read\n- Glob\n# end\n",
            ),
            (
                "color: red\n",
                &["tools-=Bash"],
                "color: red\ndisallowedTools: Bash\n",
            ),
            (
                "tools: \"*\"\n",
                &["tools-=Bash"],
                "tools: \"*\"\ndisallowedTools: Bash\n",
            ),
            (
                "disallowedTools: Write\n",
                &["tools-=Bash", "disallowedTools+=Edit"],
                "disallowedTools: Write, Bash, Edit\n",
            ),
            ("tools: Read\n", &["tools-=Write"], "tools: Read\n"),
        ] {
            let head = format!("description: d\n{head}");
            let expected = format!("description: d\n{expected}");
            assert_eq!(with(&head, overrides), Ok(expected), "{head}");
        }
    }

    #[test]
    fn every_text_reads_back_as_it_was_typed() {
        for value in [
            "2020-01-01",
            "12:30:45",
            "1_000",
            "0x1f",
            "1e3",
            "-1",
            ".5",
            "yes",
            "No",
            "ON",
            "null",
            "~",
            "True",
            " outer ",
            "a # b",
            "a #b",
            "#a",
            "a: b",
            "a:",
            "- a",
            "? a",
            "[a]",
            "{a: b}",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a`",
            "'a'",
            "\"a\"",
            "a\u{2028}b\u{2029}c\u{feff}d\u{fffe}e",
            "a\n b\n\nc\td",
            "a --- b",
            "---",
            "...",
            "a\\: x",
        ] {
            let head = with("description: d\n", &[&format!("description={value}")]).unwrap();
            let text = format!("---\nname: a\n{head}---\n");
            let values = Definition::parse(text.as_bytes()).values();
            assert_eq!(values["description"], value, "{head}");
            // A parser that knows more kinds of values reads plain words only as text.
            let written = head.strip_prefix("description: ").unwrap();
            assert!(written.starts_with('"'), "{head}");
            assert!(!written.contains(['\u{2028}', '\u{2029}', '\u{feff}', '\u{fffe}']));
        }
        for plain in [
            "haiku",
            "claude-opus-4-5",
            "opus[1m]",
            "Plans work",
            "note",
            "It's",
        ] {
            let head = with("description: d\n", &[&format!("description={plain}")]).unwrap();
            assert_eq!(head, format!("description: {plain}\n"));
        }
    }

    #[test]
    fn what_would_widen_or_cannot_be_edited_is_refused() {
        for (head, overrides, error) in [
            (
                "description: d\n",
                &["tools+=Bash"][..],
                OverrideError::NoList("Bash".to_owned()),
            ),
            (
                "description: d\ntools: Bash\n",
                &["tools-=Bash"],
                OverrideError::NoTools,
            ),
            (
                "description: d\n\"mod\\x65l\": x\n",
                &["model=haiku"],
                OverrideError::NotEditable("model".to_owned()),
            ),
            (
                "description: d\n<<: {model: x}\n",
                &["model=haiku"],
                OverrideError::NotEditable("model".to_owned()),
            ),
        ] {
            let found = with(head, overrides);
            if let (Err(found), error) = (&found, &error) {
                assert_eq!(found, error, "{head}");
            } else {
                panic!("{head}: {found:?}");
            }
        }
        let error = overridden(b"no frontmatter", &Overrides::read(["model=x"]).unwrap());
        assert!(matches!(error, Err(OverrideError::NotLoaded(_))));
    }

    #[test]
    fn removals_that_find_nothing_are_told() {
        let tools = ["Bash", "Read", "Agent"].map(str::to_owned);
        for (head, removed, expected) in [
            ("tools: Read, Bash(git *)\n", "tools-=Bash", None),
            ("tools: Read, Bash\n", "tools-=Bahs", Some(Some("Bash"))),
            ("tools: Read\n", "tools-=Write", Some(None)),
            ("tools: Task\n", "tools-=Agent", None),
            ("", "tools-=Bash", None),
            ("", "tools-=Bash(rm *)", None),
            ("", "tools-=mcp__db", None),
            ("", "tools-=Bahs", Some(Some("Bash"))),
            ("", "disallowedTools-=Bash", Some(None)),
            ("disallowedTools: Bash\n", "disallowedTools-=Bash", None),
            (
                "disallowedTools: Write\n",
                "disallowedTools-=Wirte",
                Some(Some("Write")),
            ),
            ("tools: Read\n", "tools+=Bash", None),
        ] {
            let text = format!("---\nname: a\ndescription: d\n{head}---\n");
            let overrides = Overrides::read([removed]).unwrap();
            let found = idle_removals(text.as_bytes(), &overrides, &tools);
            let found = found.first().map(|idle| {
                assert_eq!(idle.assignment, removed);
                idle.meant.clone()
            });
            let expected = expected.map(|meant| meant.map(str::to_owned));
            assert_eq!(found, expected, "{head}{removed}");
        }
    }

    #[test]
    fn old_names_of_tools_are_replaced_without_allowing_more() {
        let now = |name: &str| {
            let (tool, is_alias) = match name {
                "Task" => (Some("Agent"), true),
                "LS" => (Some("Glob"), false),
                "Think" => (None, false),
                _ => return None,
            };
            let tool = tool.map(str::to_owned);
            Some(Successor { tool, is_alias })
        };
        for (tools, expected) in [
            ("Read, LS, Task(x), Think", "Read, Agent(x)"),
            ("LS, Think", "LS, Think"),
            ("Task, LS", "Agent"),
            ("Read, Grep", "Read, Grep"),
        ] {
            let text = format!("---\nname: a\ndescription: d\ntools: {tools}\n---\n");
            let overrides = Overrides {
                modernise: Some(true),
                modern: modernised(text.as_bytes(), &now),
                ..Overrides::default()
            };
            let bytes = overridden(text.as_bytes(), &overrides).unwrap();
            let expected = text.replace(tools, expected);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        }
    }

    #[test]
    fn line_endings_and_marks_are_kept() {
        let text =
            "\u{feff}---\r\nname: a\r\ndescription: d\r\ntools:\r\n  - Read\r\n---\r\nBody\r\n";
        let overrides = Overrides::read(["model=haiku", "tools+=Grep"]).unwrap();
        let bytes = overridden(text.as_bytes(), &overrides).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "\u{feff}---\r\nname: a\r\ndescription: d\r\ntools:\r\n  - Read\r\n  - Grep\r\nmodel: haiku\r\n---\r\nBody\r\n"
        );
    }

    fn assignments() -> impl Strategy<Value = Vec<String>> {
        let value = prop_oneof![
            prop::sample::select(vec![
                "model=haiku",
                "model=opus",
                "effort=low",
                "effort=7",
                "color=red",
                "permissionMode=plan"
            ])
            .prop_map(str::to_owned),
            "[a-z:#'\"\\[,*&-]{1,12}".prop_filter_map("blank", |text| (!text.trim().is_empty())
                .then(|| format!("description={text}"))),
            prop::sample::select(vec![
                "tools+=Grep",
                "tools-=Bash",
                "tools-=Read",
                "disallowedTools+=Write",
                "disallowedTools-=Edit"
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(value, 0..5)
    }

    proptest! {
        #[test]
        fn overriding_changes_what_it_says_and_nothing_else(
            lines in prop::collection::vec(prop::sample::select(vec![
                "model: opus", "model: 'x' # c", "tools: Read, Bash", "tools: [Read, 'Bash']", "tools:\n- Read\n- Bash # b", "color: red", "# comment",
                "disallowedTools: Edit", "effort: 3", "", "hooks:\n  Stop: []", "permissionMode: default", "tools: \"*\"", "tools: >-\n  Read,\n  Bash",
            ]), 0..6),
            assigned in assignments(),
        ) {
            let text = format!("---\nname: a\ndescription: d\n{}\n---\nBody\n", lines.join("\n"));
            let overrides = Overrides::read(assigned.iter().map(String::as_str)).unwrap();
            let Ok(bytes) = overridden(text.as_bytes(), &overrides) else { return Ok(()) };
            // Twice is the same as once.
            prop_assert_eq!(&overridden(&bytes, &overrides).unwrap(), &bytes);
            let (before, after) = (Definition::parse(text.as_bytes()).values(), Definition::parse(&bytes).values());
            for (key, value) in &after {
                if !overrides.has(key) && key != "disallowedTools" {
                    prop_assert_eq!(Some(value), before.get(key), "{}", key);
                }
            }
            for (key, value) in &overrides.values {
                let read = after[key].as_str().map_or_else(|| after[key].to_string(), str::to_owned);
                prop_assert_eq!(&read, value);
            }
            // Without added tools nothing is gained but what a key says itself.
            let (old, new) = (Capabilities::of(text.as_bytes()), Capabilities::of(&bytes));
            let is_free = |key: &str| overrides.lists.get(key).is_none_or(|list| list.add.is_empty());
            if is_free("tools") && !overrides.has("permissionMode") && overrides.lists.get("disallowedTools").is_none_or(|list| list.remove.is_empty()) {
                prop_assert_eq!(new.gains_over(&old), Vec::new());
            }
        }
    }
}
