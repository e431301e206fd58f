//! What an agent may do, in words.

use std::collections::BTreeSet;

use crate::domain::capability::{Capabilities, Taken};
use crate::domain::count::counted;
use crate::domain::definition::Loaded;
use crate::domain::tool_rule::Owned;
use crate::ui::{sanitize, wrapped};

/// What an agent may use and do, in lines for people.
pub(super) fn lines(loaded: &Loaded, columns: usize) -> Vec<String> {
    let mut lines = labelled("may use", &tools(loaded), columns);
    let can = Capabilities::of_loaded(loaded)
        .abilities(loaded.tools.as_deref())
        .join(", ");
    if !can.is_empty() {
        lines.extend(labelled("can", &can, columns));
    }
    lines
}

/// A text behind a label, wrapped at spaces; below it, where a word is too long to be beside it.
pub(super) fn labelled(label: &str, text: &str, columns: usize) -> Vec<String> {
    let is_too_long = |word: &str| word.chars().count() + 12 > columns;
    if text.split(' ').any(is_too_long) {
        let below = wrapped(text, columns.saturating_sub(4));
        let below = below.iter().map(|line| format!("    {}", line.trim_end()));
        return std::iter::once(format!("  {label}")).chain(below).collect();
    }
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() + 12 > columns {
            lines.push(word.to_owned());
        } else {
            let gap = if line.is_empty() { "" } else { " " };
            line.push_str(gap);
            line.push_str(word);
        }
    }
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels
        .zip(lines)
        .map(|(label, line)| format!("  {label:<9} {line}"))
        .collect()
}

/// The tools that are left to it, in words: built-in ones by name, those of MCP servers counted.
pub(super) fn tools(loaded: &Loaded) -> String {
    let disallowed: Vec<&String> = loaded.disallowed_tools.iter().collect();
    let Some(tools) = &loaded.tools else {
        let why = match (loaded.unclear.contains_key("tools"), loaded.has_tools_line) {
            (true, _) => "Claude Code may not understand its `tools` line",
            (_, true) => "its `tools` line has `*`",
            (_, false) => "it has no `tools` line",
        };
        return format!("every tool{} ({why})", except(&disallowed));
    };
    let taken = Taken::of(&loaded.disallowed_tools);
    let left: Vec<&String> = tools.iter().filter(|tool| !taken.has(tool)).collect();
    if left.is_empty() {
        return "no tool".to_owned();
    }
    // A rule that disallows part of a tool concerns those that are left.
    let owned = Owned::of(left.iter().map(|tool| tool.as_str()));
    let partly = disallowed.into_iter();
    let disallowed: Vec<&String> = partly.filter(|rule| owned.may_be_governed(rule)).collect();
    format!("{}{}", listed(&left), except(&disallowed))
}

/// What is excepted, after a space; empty: nothing.
fn except(disallowed: &[&String]) -> String {
    if disallowed.is_empty() {
        return String::new();
    }
    format!(" except {}", listed(disallowed))
}

/// Tools in words: built-in ones by name, those of MCP servers counted.
fn listed(tools: &[&String]) -> String {
    let (mcp, own): (Vec<&String>, Vec<&String>) =
        tools.iter().partition(|tool| tool.starts_with("mcp__"));
    let servers: BTreeSet<&str> = mcp
        .iter()
        .filter_map(|tool| tool.trim_start_matches("mcp__").split("__").next())
        .collect();
    let own = if own.len() > 12 {
        format!("{} tools", own.len())
    } else {
        own.iter()
            .map(|tool| sanitize(tool))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let of_servers = format!(
        "{} of {}",
        counted(mcp.len(), "tool"),
        counted(servers.len(), "MCP server")
    );
    match (own.is_empty(), mcp.is_empty()) {
        (_, true) => own,
        (true, false) => of_servers,
        (false, false) => format!("{own}, {of_servers}"),
    }
}

#[cfg(test)]
mod tests {
    use super::tools;
    use crate::domain::capability::Capabilities;
    use crate::domain::definition::{Definition, Loaded, Verdict};

    /// An agent with these lines in its frontmatter.
    fn loaded(fields: &str) -> Loaded {
        let text = format!("---\nname: a\ndescription: b\n{fields}\n---\n");
        match Definition::parse(text.as_bytes()).verdict() {
            Verdict::Loads(loaded) => loaded.clone(),
            Verdict::Skipped(reason) => panic!("{reason}"),
        }
    }

    fn of(line: &str) -> String {
        tools(&loaded(line))
    }

    #[test]
    fn one_of_a_kind_is_said_as_one() {
        for (list, words) in [
            ("mcp__a__b", "1 tool of 1 MCP server"),
            (
                "Read, mcp__a__b, mcp__a__c",
                "Read, 2 tools of 1 MCP server",
            ),
            ("mcp__a__b, mcp__c__d", "2 tools of 2 MCP servers"),
        ] {
            assert_eq!(of(&format!("tools: {list}")), words);
        }
    }

    #[test]
    fn what_is_disallowed_is_neither_used_nor_can_it_be_done() {
        for (fields, words, can) in [
            (
                "disallowedTools: Bash, Edit, Write",
                "every tool except Bash, Edit, Write (it has no `tools` line)",
                "run any command in PowerShell, change notebooks, reach the network",
            ),
            (
                "tools: \"*\"\ndisallowedTools: [Bash, PowerShell, Monitor, WebFetch, WebSearch]",
                "every tool except Bash, PowerShell, Monitor, WebFetch, WebSearch (its `tools` line has `*`)",
                "change files",
            ),
            (
                "disallowedTools: Bash(rm *)",
                "every tool except Bash(rm *) (it has no `tools` line)",
                "run any command, change files, reach the network",
            ),
            (
                "disallowedTools: mcp__db",
                "every tool except 1 tool of 1 MCP server (it has no `tools` line)",
                "run any command, change files, reach the network",
            ),
            ("tools: Read, Bash\ndisallowedTools: Bash", "Read", ""),
            (
                "tools: Read, Bash(git *)\ndisallowedTools: Bash, Edit",
                "Read",
                "",
            ),
            (
                "tools: Read, Bash\ndisallowedTools: Bash(rm *)",
                "Read, Bash except Bash(rm *)",
                "run any command",
            ),
            (
                "tools: Read, mcp__db__get\ndisallowedTools: mcp__db",
                "Read",
                "",
            ),
            ("tools: Agent\ndisallowedTools: Task", "no tool", ""),
            ("tools: Read\ndisallowedTools: Bash", "Read", ""),
        ] {
            let loaded = loaded(fields);
            let abilities = Capabilities::of_loaded(&loaded).abilities(loaded.tools.as_deref());
            assert_eq!(
                (tools(&loaded).as_str(), abilities.join(", ").as_str()),
                (words, can),
                "{fields}"
            );
        }
    }

    #[test]
    fn every_tool_has_its_reason() {
        for (line, words) in [
            ("model: haiku", "has no `tools` line"),
            ("tools:", "no tool"),
            ("tools: \"*\"", "has `*`"),
            ("tools: [Read", "may not understand"),
        ] {
            assert!(of(line).contains(words), "{line}: {}", of(line));
        }
    }
}
