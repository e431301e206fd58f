//! Entries of `tools` and `disallowedTools` as rules: which rule covers everything that another one covers, and which two may overlap. If
//! that is not certain, nothing is covered and everything may overlap, so that the comparison of powers errs on the safe side.

use std::collections::{BTreeSet, HashMap, HashSet};

/// Old names that the client still understands. They are here, and not only in the registry, because what is a new power must not depend on
/// data; a test compares the two.
pub const ALIASES: [(&str, &str); 9] = [
    ("Brief", "SendUserMessage"),
    ("KillBash", "TaskStop"),
    ("KillShell", "TaskStop"),
    ("ListMcpResources", "ListMcpResourcesTool"),
    ("ListPeers", "ListAgents"),
    ("ProposeGoal", "SetGoal"),
    ("ReadMcpResource", "ReadMcpResourceTool"),
    ("ReadMcpResourceDir", "ReadMcpResourceDirTool"),
    ("Task", "Agent"),
];

/// What the names of all tools of MCP servers begin with.
const MCP: &str = "mcp__";

/// The only old name that is documented to work in lists of tools. The others were only seen in permission rules.
const DOCUMENTED_ALIAS: &str = "Task";

/// Which other tools are governed by a limited rule about one tool.
const GOVERNED: [(&str, &[&str]); 3] = [
    ("Bash", &["Monitor"]),
    (
        "Edit",
        &[
            "Write",
            "NotebookEdit",
            "MultiEdit",
            "Bash",
            "PowerShell",
            "Monitor",
        ],
    ),
    (
        "Read",
        &[
            "Grep",
            "Glob",
            "LSP",
            "Edit",
            "Write",
            "NotebookEdit",
            "MultiEdit",
            "Bash",
            "PowerShell",
            "Monitor",
        ],
    ),
];

/// What a limited rule in the list of allowed tools allows: its own tool, and these.
const GIVEN: [(&str, &[&str]); 3] = [
    ("Bash", &["Monitor"]),
    ("Edit", &["Write", "NotebookEdit", "MultiEdit"]),
    ("Read", &["Grep", "Glob", "LSP"]),
];

/// The side of a comparison that a rule is on. An uncertain rule is read as less on the wide side, and as more on the narrow one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Wide,
    Narrow,
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule<'a> {
    /// Every tool.
    Every,
    /// Tools of MCP servers: all whose name begins with this, or the one with this name.
    Mcp { name: &'a str, is_prefix: bool },
    /// A tool, and its limit.
    Tool {
        name: &'a str,
        limit: Option<&'a str>,
    },
    /// Something undocumented; the client may read it as anything.
    Odd,
}

impl<'a> Rule<'a> {
    fn parse(text: &'a str, side: Side) -> Self {
        if text == "*" {
            return Self::Every;
        }
        let (name, limit) = match text.split_once('(') {
            Some((name, rest)) => match rest.strip_suffix(')') {
                Some(limit) => (name, Some(limit)),
                None => return Self::Odd,
            },
            None => (text, None),
        };
        if name.starts_with(MCP) {
            return match (name.strip_suffix('*'), limit) {
                (_, Some(_)) => Self::Odd,
                (Some(prefix), None) => Self::Mcp {
                    name: prefix,
                    is_prefix: true,
                },
                (None, None) => Self::Mcp {
                    name,
                    is_prefix: false,
                },
            };
        }
        let is_understood = |old: &str| side == Side::Narrow || old == DOCUMENTED_ALIAS;
        let name = ALIASES
            .iter()
            .find(|(old, _)| *old == name && is_understood(old))
            .map_or(name, |(_, new)| new);
        let is_whole = |limit: &str| match side {
            // For paths, `*` means less than everything.
            Side::Wide => limit == "*" && matches!(name, "Bash" | "PowerShell" | "Monitor"),
            Side::Narrow => matches!(limit.trim(), "*" | ""),
        };
        Self::Tool {
            name,
            limit: limit.filter(|limit| !is_whole(limit)),
        }
    }

    /// Whether it may cover a rule that is not written like it.
    fn covers_others(self) -> bool {
        match self {
            Self::Every | Self::Tool { .. } => true,
            Self::Mcp { name, is_prefix } => {
                is_within_server(name) == is_prefix || is_prefix && name == MCP
            }
            Self::Odd => false,
        }
    }

    /// What it names: the tool, or the beginning of the server's name; `None`: nothing certain. A rule that names something covers only rules
    /// that name the same.
    fn named(self) -> Option<&'a str> {
        match self {
            Self::Tool { name, .. } => Some(name),
            Self::Mcp { name, is_prefix } if !is_prefix || name != MCP => {
                let server = name.strip_prefix(MCP)?;
                let length = server.find('_').unwrap_or(server.len());
                name.get(..MCP.len() + length)
            }
            Self::Every | Self::Mcp { .. } | Self::Odd => None,
        }
    }
}

/// Whether `wide` covers every call that `narrow` covers.
#[must_use]
pub fn covers(wide: &str, narrow: &str) -> bool {
    if wide == narrow {
        return true;
    }
    match (
        Rule::parse(wide, Side::Wide),
        Rule::parse(narrow, Side::Narrow),
    ) {
        (Rule::Every, _) => true,
        (
            Rule::Mcp {
                name: wide,
                is_prefix: true,
            },
            Rule::Mcp { name: narrow, .. },
        ) => {
            // `mcp__*` and `mcp__SERVER__*` are documented. `mcp__db__*` and `mcp__db` mean the same.
            let is_documented = wide == MCP || is_within_server(wide);
            is_documented && (narrow.starts_with(wide) || wide.strip_suffix("__") == Some(narrow))
        }
        (
            Rule::Mcp {
                name: wide,
                is_prefix: false,
            },
            Rule::Mcp {
                name: narrow,
                is_prefix,
            },
        ) => {
            let is_below = narrow
                .strip_prefix(wide)
                .is_some_and(|rest| rest.starts_with("__"));
            wide == narrow && !is_prefix || !is_within_server(wide) && is_below
        }
        (
            Rule::Tool {
                name: wide,
                limit: wide_limit,
            },
            Rule::Tool {
                name: narrow,
                limit: narrow_limit,
            },
        ) => {
            wide == narrow
                && match (wide_limit, narrow_limit) {
                    (None, _) => true,
                    (Some(_), None) => false,
                    (Some(wide_limit), Some(narrow_limit)) => {
                        limit_covers(wide, wide_limit, narrow_limit)
                    }
                }
        }
        _ => false,
    }
}

/// Rules that are asked together whether one of them covers another rule. They are found by what they name, so that thousands of rules need
/// not be compared with thousands of others.
#[derive(Debug, Default)]
pub struct Rules<'r> {
    texts: HashSet<&'r str>,
    /// Those that may cover more than what is written like them, by what they name.
    wide: HashMap<&'r str, Vec<&'r str>>,
    /// Those that cover what has any name.
    open: Vec<&'r str>,
}

impl<'r> Rules<'r> {
    /// These rules.
    pub fn of(rules: impl IntoIterator<Item = &'r str>) -> Self {
        let mut all = Self::default();
        for rule in rules {
            let parsed = Rule::parse(rule, Side::Wide);
            if !all.texts.insert(rule) || !parsed.covers_others() {
                continue;
            }
            match parsed.named() {
                Some(name) => all.wide.entry(name).or_default().push(rule),
                None => all.open.push(rule),
            }
        }
        all
    }

    /// Whether one of them covers every call that `narrow` covers: see [`covers`].
    #[must_use]
    pub fn cover(&self, narrow: &str) -> bool {
        let alike = Rule::parse(narrow, Side::Narrow).named();
        let alike = alike.and_then(|name| self.wide.get(name));
        self.texts.contains(narrow)
            || alike
                .into_iter()
                .flatten()
                .chain(&self.open)
                .any(|wide| covers(wide, narrow))
    }
}

/// Whether anything follows the name of the server.
fn is_within_server(name: &str) -> bool {
    name.matches("__").count() >= 2
}

/// Whether both may cover the same call.
#[must_use]
pub fn may_meet(one: &str, other: &str) -> bool {
    let (one, other) = (Stem::of(one), Stem::of(other));
    one.text == other.text
        || one.is_open && other.text.starts_with(one.text)
        || other.is_open && one.text.starts_with(other.text)
}

/// Whether disallowing `rule` may remove something from a tool that `own` allows.
#[must_use]
pub fn may_govern(rule: &str, own: &str) -> bool {
    may_meet(rule, own) || governed(rule).contains(&Stem::of(own).text)
}

/// Tools that an agent is allowed, by their names: see [`may_govern`], which compares a rule with one of them.
#[derive(Debug, Default)]
pub struct Owned<'o> {
    stems: BTreeSet<&'o str>,
    /// The stems behind which more may follow, without those that begin with another one.
    open: BTreeSet<&'o str>,
}

impl<'o> Owned<'o> {
    /// These tools.
    pub fn of(tools: impl IntoIterator<Item = &'o str>) -> Self {
        let stems: Vec<Stem<'_>> = tools.into_iter().map(Stem::of).collect();
        let mut owned = Self::default();
        let open = stems.iter().filter(|stem| stem.is_open);
        for text in open.map(|stem| stem.text).collect::<BTreeSet<_>>() {
            if owned.open.last().is_none_or(|last| !text.starts_with(last)) {
                owned.open.insert(text);
            }
        }
        owned.stems = stems.into_iter().map(|stem| stem.text).collect();
        owned
    }

    /// Whether disallowing `rule` may remove something from one of them.
    #[must_use]
    pub fn may_be_governed(&self, rule: &str) -> bool {
        let Stem { text, is_open } = Stem::of(rule);
        let next = self.stems.range(text..).next();
        let above = self.open.range(..=text).next_back();
        next.is_some_and(|own| *own == text || is_open && own.starts_with(text))
            || above.is_some_and(|own| text.starts_with(own))
            || governed(rule).iter().any(|tool| self.stems.contains(tool))
    }
}

/// Whether an agent that is allowed `own` may make calls that `rule` covers.
#[must_use]
pub fn may_give(own: &str, rule: &str) -> bool {
    may_meet(own, rule) || others(&GIVEN, own).contains(&Stem::of(rule).text)
}

/// The other tools that a rule may govern.
#[must_use]
pub fn governed(rule: &str) -> &'static [&'static str] {
    others(&GOVERNED, rule)
}

fn others(table: &[(&str, &'static [&'static str])], rule: &str) -> &'static [&'static str] {
    let name = Stem::of(rule).text;
    let found = table
        .iter()
        .find(|(tool, _)| *tool == name && may_be_limited(rule));
    found.map_or(&[], |(_, tools)| tools)
}

/// Whether it may cover less than a whole tool.
#[must_use]
pub fn may_be_limited(rule: &str) -> bool {
    rule.contains('(')
}

/// Whether it certainly covers less than a whole tool: with `*` or nothing in the parentheses it covers all of it.
#[must_use]
pub fn is_limited(rule: &str) -> bool {
    matches!(
        Rule::parse(rule, Side::Narrow),
        Rule::Tool { limit: Some(_), .. }
    )
}

/// The beginning of the name of every tool that a rule may cover.
struct Stem<'a> {
    text: &'a str,
    /// Whether more may follow.
    is_open: bool,
}

impl<'a> Stem<'a> {
    fn of(rule: &'a str) -> Self {
        let name = rule.split('(').next().unwrap_or(rule).trim();
        if let Some((start, _)) = name.split_once('*') {
            return Self {
                text: start,
                is_open: true,
            };
        }
        let text = ALIASES
            .iter()
            .find(|(old, _)| *old == name)
            .map_or(name, |(_, new)| new);
        Self {
            text,
            is_open: name.starts_with(MCP),
        }
    }
}

/// Whether the client would refuse this in a list of allowed tools: it names no server before its `*`.
#[must_use]
pub fn is_void_as_allowed(rule: &str) -> bool {
    match Rule::parse(rule, Side::Wide) {
        Rule::Mcp {
            name,
            is_prefix: true,
        } => !is_within_server(name),
        _ => false,
    }
}

/// Whether a tool's limit allows everything that another limit allows.
fn limit_covers(tool: &str, wide: &str, narrow: &str) -> bool {
    if wide == narrow {
        return true;
    }
    match tool {
        "Agent" => {
            let names = |limit: &str| -> Vec<String> {
                limit
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .collect()
            };
            let wide = names(wide);
            names(narrow).iter().all(|name| wide.contains(name))
        }
        "Bash" | "PowerShell" | "Monitor" => match (Command::parse(wide), Command::parse(narrow)) {
            (Some(wide), Some(narrow)) => narrow.is_plain() && wide.covers(&narrow),
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
    /// Any command that begins with this: `git*`.
    Anything,
    /// The command with more words: `git *`. It is not certain whether the command alone is meant too.
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
        (!text.contains(['*', '\\'])).then_some(Self { text, end })
    }

    /// Whether it is a single command without characters that are special to a shell: the client splits command lines and checks its rules
    /// for every command, so a line may do more than its beginning says.
    fn is_plain(&self) -> bool {
        self.text
            .chars()
            .all(|c| c.is_alphanumeric() || " -_./:=@,+%^~".contains(c))
    }

    fn covers(&self, narrow: &Self) -> bool {
        let has_more = narrow
            .text
            .strip_prefix(self.text)
            .is_some_and(|rest| rest.starts_with(' '));
        match self.end {
            End::Here => narrow.end == End::Here && narrow.text == self.text,
            End::Anything => narrow.text.starts_with(self.text),
            // A longer text with the same beginning may go on within a word, but it is past the space in any case.
            End::Words => has_more || narrow.text == self.text && narrow.end == End::Words,
            End::BareOrWords => has_more || narrow.text == self.text && narrow.end != End::Anything,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rules_together_are_what_each_of_them_is(
            rules in prop::collection::vec(rule(), 0..6),
            narrow in rule(),
        ) {
            let one = rules.iter().any(|wide| covers(wide, &narrow));
            let all = Rules::of(rules.iter().map(String::as_str));
            prop_assert_eq!(all.cover(&narrow), one, "{:?} and {}", rules, narrow);
            let one = rules.iter().any(|own| may_govern(&narrow, own));
            let all = Owned::of(rules.iter().map(String::as_str));
            prop_assert_eq!(all.may_be_governed(&narrow), one, "{:?} and {}", rules, narrow);
        }
    }

    /// Rules of which many cover each other, and some are nearly a rule.
    fn rule() -> impl Strategy<Value = String> {
        prop_oneof![
            "(Bash|Edit|Write|B\\*|Task|Agent|KillBash|TaskStop)(\\((a|a:\\*|a \\*|\\*|)\\)?)?",
            "mcp_(_|a|\\*){0,7}(\\(a\\))?",
            "mcp__(a|a_|_a)(__)?(a|\\*|a\\*|_|)",
            Just("*".to_owned()),
        ]
    }

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
            ("TaskStop", "KillBash"),
            ("mcp__db", "mcp__db__query"),
            ("mcp__db__*", "mcp__db"),
            ("mcp__db", "mcp__db__*"),
            ("mcp__db__get_*", "mcp__db__get_one"),
            ("mcp__*", "mcp__db__x"),
        ] {
            assert!(covers(wide, narrow), "{wide} covers {narrow}");
            assert!(
                may_meet(wide, narrow) && may_meet(narrow, wide),
                "{wide} meets {narrow}"
            );
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
            ("Agent(*)", "Agent"),
            ("Agent(a,)", "Agent()"),
            ("KillBash", "TaskStop"),
            ("Bash(git *)", "Bash(git a; b)"),
            ("Bash(a *))", "Bash(a *)"),
            ("Bash(a *", "Bash(a *)"),
            ("Bash(\\*)", "Bash(\\a)"),
            ("mcp__db__x(y)", "mcp__db__x"),
            ("mcp__d*", "mcp__db"),
        ] {
            assert!(!covers(wide, narrow), "{wide} does not cover {narrow}");
        }
        assert!(
            may_govern("Edit(a)", "Write")
                && !may_govern("Edit", "Write")
                && !may_govern("Write(a)", "Edit")
        );
        assert!(
            may_govern("Web*", "WebFetch")
                && may_govern("mcp__*__x", "mcp__db__x")
                && may_meet("KillBash", "TaskStop")
        );
        assert!(
            may_give("Edit(a)", "Write")
                && !may_give("Edit", "Write")
                && !may_give("Write", "Edit(a)")
        );
        assert!(
            may_give("Read(a)", "Grep")
                && !may_give("Read(a)", "Bash")
                && may_give("Bash(a)", "Bash(b)")
        );
        assert!(!may_meet("Read", "Edit") && !may_meet("mcp__a__x", "mcp__b__x"));
        assert!(
            is_void_as_allowed("mcp__*")
                && is_void_as_allowed("mcp__d*")
                && !is_void_as_allowed("mcp__d__*")
        );
    }
}
