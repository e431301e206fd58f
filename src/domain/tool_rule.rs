//! Entries of `tools` and `disallowedTools` as rules: which of them is about all that another one is about, and which may be about the
//! same call. Where that is not certain, nothing is covered and everything may meet: who compares powers errs on the safe side.

/// Old names that the client still understands. They stand here, and not only in the registry, because what is a new power must not
/// depend on data; a test holds the two against each other.
pub const ALIASES: [(&str, &str); 6] = [
    ("Brief", "SendUserMessage"),
    ("KillBash", "TaskStop"),
    ("KillShell", "TaskStop"),
    ("ListMcpResources", "ListMcpResourcesTool"),
    ("ReadMcpResource", "ReadMcpResourceTool"),
    ("Task", "Agent"),
];

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule<'a> {
    /// Every tool.
    Every,
    /// Tools of MCP servers: those whose name begins so, or the one that is called so.
    Mcp { name: &'a str, is_prefix: bool },
    /// A tool, and what it is limited to.
    Tool { name: &'a str, limit: Option<&'a str> },
}

impl<'a> Rule<'a> {
    fn parse(text: &'a str) -> Self {
        let text = text.trim();
        if text == "*" {
            return Self::Every;
        }
        let (name, limit) = match text.split_once('(') {
            Some((name, limit)) => (name.trim(), Some(limit.trim_end().trim_end_matches(')').trim())),
            None => (text, None),
        };
        if name.starts_with("mcp__") {
            return match name.strip_suffix('*') {
                Some(prefix) => Self::Mcp { name: prefix, is_prefix: true },
                None => Self::Mcp { name, is_prefix: false },
            };
        }
        let name = ALIASES.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new);
        // For paths `*` is less than everything.
        let is_whole = |limit: &str| limit == "*" && matches!(name, "Bash" | "PowerShell" | "Monitor" | "Agent");
        Self::Tool { name, limit: limit.filter(|limit| !is_whole(limit)) }
    }
}

/// Whether `wide` is about every call that `narrow` is about.
#[must_use]
pub fn covers(wide: &str, narrow: &str) -> bool {
    if wide == narrow {
        return true;
    }
    match (Rule::parse(wide), Rule::parse(narrow)) {
        (Rule::Every, _) => true,
        (Rule::Mcp { name: wide, is_prefix: true }, Rule::Mcp { name: narrow, .. }) => {
            // `mcp__db__*` and `mcp__db` mean the same.
            narrow.starts_with(wide) || wide.strip_suffix("__") == Some(narrow)
        }
        (Rule::Mcp { name: wide, is_prefix: false }, Rule::Mcp { name: narrow, is_prefix }) => {
            let is_server = wide.matches("__").count() == 1;
            let is_below = narrow.strip_prefix(wide).is_some_and(|rest| rest.starts_with("__"));
            wide == narrow && !is_prefix || is_server && is_below
        }
        (Rule::Tool { name: wide, limit: wide_limit }, Rule::Tool { name: narrow, limit: narrow_limit }) => {
            wide == narrow
                && match (wide_limit, narrow_limit) {
                    (None, _) => true,
                    (Some(_), None) => false,
                    (Some(wide_limit), Some(narrow_limit)) => limit_covers(wide, wide_limit, narrow_limit),
                }
        }
        _ => false,
    }
}

/// Whether both may be about one and the same call.
#[must_use]
pub fn may_meet(one: &str, other: &str) -> bool {
    match (Rule::parse(one), Rule::parse(other)) {
        (Rule::Every, _) | (_, Rule::Every) => true,
        (Rule::Mcp { name: one, .. }, Rule::Mcp { name: other, .. }) => one.starts_with(other) || other.starts_with(one),
        (Rule::Tool { name: one, .. }, Rule::Tool { name: other, .. }) => one == other,
        _ => false,
    }
}

/// Whether the client would refuse this among the allowed tools: it names no server before its `*`.
#[must_use]
pub fn is_void_as_allowed(rule: &str) -> bool {
    match Rule::parse(rule) {
        Rule::Mcp { name, is_prefix: true } => name.matches("__").count() < 2,
        _ => false,
    }
}

/// Whether a limit of a tool leaves free all that another one does.
fn limit_covers(tool: &str, wide: &str, narrow: &str) -> bool {
    if wide == narrow {
        return true;
    }
    match tool {
        "Agent" => {
            let names = |limit: &str| -> Vec<String> { limit.split(',').map(|name| name.trim().to_owned()).collect() };
            let wide = names(wide);
            names(narrow).iter().all(|name| wide.contains(name))
        }
        "Bash" | "PowerShell" | "Monitor" => match (Command::parse(wide), Command::parse(narrow)) {
            (Some(wide), Some(narrow)) => wide.covers(&narrow),
            _ => false,
        },
        _ => false,
    }
}

/// A pattern of commands with at most one `*`, at its end.
#[derive(Debug)]
struct Command<'a> {
    text: &'a str,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Exactly this command.
    Here,
    /// Whatever begins so: `git*`.
    Anything,
    /// More words: `git *`. Whether the bare command is meant too, is not certain.
    Words,
    /// The command alone, or with more words: `git:*`.
    BareOrWords,
}

impl<'a> Command<'a> {
    fn parse(limit: &'a str) -> Option<Self> {
        let (text, end) = if let Some(text) = limit.strip_suffix(":*") {
            (text, End::BareOrWords)
        } else if let Some(text) = limit.strip_suffix(" *") {
            (text, End::Words)
        } else if let Some(text) = limit.strip_suffix('*') {
            (text, End::Anything)
        } else {
            (limit, End::Here)
        };
        (!text.contains('*')).then_some(Self { text, end })
    }

    fn covers(&self, narrow: &Self) -> bool {
        let has_more = narrow.text.strip_prefix(self.text).is_some_and(|rest| rest.starts_with(' '));
        match self.end {
            End::Here => narrow.end == End::Here && narrow.text == self.text,
            End::Anything => narrow.text.starts_with(self.text),
            // What only begins with a longer text may go on within a word, which is past the space all the same.
            End::Words => has_more || narrow.text == self.text && narrow.end == End::Words,
            End::BareOrWords => has_more || narrow.text == self.text && narrow.end != End::Anything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_cover_what_is_certainly_within_them() {
        for (wide, narrow) in [
            ("*", "Bash"),
            ("Bash", "Bash(git *)"),
            ("Bash(*)", "Bash"),
            ("Bash(git *)", "Bash(git status)"),
            ("Bash(git *)", "Bash(git push *)"),
            ("Bash(git:*)", "Bash(git)"),
            ("Bash(git:*)", "Bash(git *)"),
            ("Bash(git*)", "Bash(gitk)"),
            ("Task(a, b)", "Agent(b)"),
            ("Agent", "Task(a)"),
            ("KillBash", "TaskStop"),
            ("mcp__db", "mcp__db__query"),
            ("mcp__db__*", "mcp__db"),
            ("mcp__db", "mcp__db__*"),
            ("mcp__db__get_*", "mcp__db__get_one"),
            ("mcp__*", "mcp__db__x"),
        ] {
            assert!(covers(wide, narrow), "{wide} covers {narrow}");
            assert!(may_meet(wide, narrow) && may_meet(narrow, wide), "{wide} meets {narrow}");
        }
        for (wide, narrow) in [
            ("Bash(git *)", "Bash"),
            ("Bash(git *)", "Bash(gitk)"),
            ("Bash(git *)", "Bash(git)"),
            ("Bash(git *)", "Bash(git:*)"),
            ("Bash(git status)", "Bash(git *)"),
            ("Bash(git * x)", "Bash(git a x)"),
            ("Agent(a)", "Agent(a, b)"),
            ("Agent(a, b)", "Agent"),
            ("mcp__db", "mcp__db2__x"),
            ("mcp__db__query", "mcp__db__query_all"),
            ("mcp__db__get_*", "mcp__db"),
            ("mcp__db__query", "mcp__db"),
            ("Read(./a/**)", "Read(./a/b)"),
            ("Read", "Edit"),
            ("Bash()", "Bash"),
            ("Read(*)", "Read"),
        ] {
            assert!(!covers(wide, narrow), "{wide} does not cover {narrow}");
        }
        assert!(!may_meet("Read", "Edit") && !may_meet("mcp__a__x", "mcp__b__x"));
        assert!(is_void_as_allowed("mcp__*") && is_void_as_allowed("mcp__d*") && !is_void_as_allowed("mcp__d__*"));
    }
}
