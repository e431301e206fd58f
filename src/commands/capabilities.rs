//! What an agent may do, in words.

use std::collections::BTreeSet;

use crate::domain::capability::Gain;
use crate::domain::count::counted;
use crate::domain::definition::Loaded;
use crate::ui::{sanitize, wrapped};

/// What an agent may use and do, in lines for people.
pub(super) fn lines(loaded: &Loaded, columns: usize) -> Vec<String> {
    let names = loaded.tools.as_deref();
    let mut lines = labelled("may use", &tools(loaded), columns);
    let can = abilities(names);
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

/// What the tools let it do, in a few words; empty: it only reads.
fn abilities(tools: Option<&[String]>) -> String {
    let Some(tools) = tools else {
        return "run any command, change files, reach the network".to_owned();
    };
    let mut words: Vec<String> = Vec::new();
    for tool in tools.iter().filter(|tool| !tool.starts_with("mcp__")) {
        let meaning = Gain::Tool(tool.clone()).meaning();
        if let Some(word) = meaning
            .strip_prefix("can ")
            .map(str::to_owned)
            .filter(|word| !words.contains(word))
        {
            words.push(word);
        }
    }
    words.join(", ")
}

/// The tools in words: built-in ones by name, those of MCP servers counted.
pub(super) fn tools(loaded: &Loaded) -> String {
    let Some(tools) = &loaded.tools else {
        let why = match (loaded.unclear.contains_key("tools"), loaded.has_tools_line) {
            (true, _) => "Claude Code may not understand its `tools` line",
            (_, true) => "its `tools` line has `*`",
            (_, false) => "it has no `tools` line",
        };
        return format!("every tool ({why})");
    };
    if tools.is_empty() {
        return "no tool".to_owned();
    }
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
    use crate::domain::definition::{Definition, Verdict};

    /// The tools of an agent with this line in its frontmatter.
    fn of(line: &str) -> String {
        let text = format!("---\nname: a\ndescription: b\n{line}\n---\n");
        match Definition::parse(text.as_bytes()).verdict() {
            Verdict::Loads(loaded) => tools(loaded),
            Verdict::Skipped(reason) => panic!("{reason}"),
        }
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
