//! What an agent may do, as the client reads it, and what it gains from one version to the next. Computed from the exact bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::definition::{Definition, Loaded, Verdict, fields};
use super::loaded::BUILT_IN;
use super::powers;
use super::tool_rule::{
    Rules, covers, governed, is_limited, is_void_as_allowed, may_be_limited, may_give, may_govern,
    may_meet,
};

/// The tools that the client gives to an agent with a memory.
const MEMORY_TOOLS: [&str; 3] = ["Edit", "Read", "Write"];

/// What an agent without a list of tools can do. Of each row, the first tool that is left says it.
const EVERYTHING: [&[(&str, &str)]; 3] = [
    &[
        ("Bash", "run any command"),
        ("PowerShell", "run any command in PowerShell"),
        ("Monitor", "run any command in the background"),
    ],
    &[
        ("Edit", "change files"),
        ("Write", "change files"),
        ("NotebookEdit", "change notebooks"),
    ],
    &[
        ("WebFetch", "reach the network"),
        ("WebSearch", "search the web"),
    ],
];

/// The powers of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The tools it may use; `None`: every tool.
    pub tools: Option<BTreeSet<String>>,
    /// Tools that are disallowed.
    pub disallowed: BTreeSet<String>,
    /// Which of the two lists may be read in more than one way, each with its text, or with an empty text if it could not be read. What is
    /// read from such a list is the most that the agent may have, so it must not count as what it had before.
    pub unclear: BTreeMap<&'static str, String>,
    /// Fields that give power, each with its value as JSON, or with an empty text if it could not be read.
    pub powers: BTreeMap<&'static str, String>,
    /// Keys that another version of the client may read as such a field: the field, and the value as JSON.
    pub misspelt: BTreeMap<String, (&'static str, String)>,
    /// The client's own agent that it replaces.
    pub replaces: Option<&'static str>,
}

/// Something that an agent may do and could not do before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gain {
    /// Every tool there is.
    EveryTool,
    /// One tool.
    Tool(String),
    /// One tool that was disallowed before.
    Returned(String),
    /// A field that gives power, and what is new in it, in words.
    Power(&'static str, String),
    /// A key that may be read as such a field: the key, the field, and what is new in it.
    Misspelt(String, &'static str, String),
    /// The name of an agent that is built into the client, which it replaces.
    Shadow(&'static str),
    /// This version, which had other bytes before: its tag was moved.
    MovedTag(String),
}

/// The word that allows an agent to replace one that is built into the client.
pub const SHADOW: &str = "shadow";

/// The word that allows a version whose tag was moved.
pub const MOVED_TAG: &str = "moved-tag";

/// The words of `--allow` that are neither a field, nor a tool, nor a server.
pub const ALLOWED_WORDS: [&str; 5] = ["all", "tools", "*", SHADOW, MOVED_TAG];

impl Capabilities {
    /// Reads the capabilities from a definition. A file that the client skips can do nothing, except for fields that may only seem to be
    /// skipped.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let definition = Definition::parse(bytes);
        match definition.verdict() {
            Verdict::Loads(loaded) => Self::of_loaded(loaded),
            Verdict::Skipped(_) if definition.is_in_doubt() => {
                let powers = definition.powers_in_doubt().into_iter();
                Self {
                    tools: None,
                    disallowed: BTreeSet::new(),
                    unclear: ["tools", "disallowedTools"]
                        .map(|key| (key, String::new()))
                        .into(),
                    powers: powers.map(|field| (field, String::new())).collect(),
                    misspelt: BTreeMap::new(),
                    replaces: None,
                }
            }
            Verdict::Skipped(_) => Self {
                tools: Some(BTreeSet::new()),
                disallowed: BTreeSet::new(),
                unclear: BTreeMap::new(),
                powers: BTreeMap::new(),
                misspelt: BTreeMap::new(),
                replaces: None,
            },
        }
    }

    /// The capabilities of an agent that the client loads.
    #[must_use]
    pub fn of_loaded(loaded: &Loaded) -> Self {
        Self {
            tools: loaded
                .tools
                .as_ref()
                .map(|tools| tools.iter().cloned().collect()),
            disallowed: loaded.disallowed_tools.iter().cloned().collect(),
            unclear: loaded.unclear.clone(),
            powers: loaded.powers.clone(),
            misspelt: loaded.misspelt.clone(),
            replaces: BUILT_IN.into_iter().find(|name| *name == loaded.name),
        }
    }

    /// What is there now and was not in `before`, sorted.
    #[must_use]
    pub fn gains_over(&self, before: &Self) -> Vec<Gain> {
        let mut gains = self.gained_tools(before);
        gains.extend(self.returned_tools(before));
        for (field, value) in &self.powers {
            let words = powers::gained(field, before.powers.get(field).map(String::as_str), value);
            gains.extend(words.map(|words| Gain::Power(field, words)));
        }
        for (field, value) in before
            .powers
            .iter()
            .filter(|(field, _)| !self.powers.contains_key(*field))
        {
            gains.extend(
                powers::gained_by_loss(field, value).map(|words| Gain::Power(field, words)),
            );
        }
        gains.extend(self.gained_in_doubt(before));
        let replaced = self.replaces.filter(|_| self.replaces != before.replaces);
        gains.extend(replaced.map(Gain::Shadow));
        gains.sort();
        gains.dedup();
        gains
    }

    /// What is new if another version of the client reads the keys that are almost names of fields.
    fn gained_in_doubt(&self, before: &Self) -> Vec<Gain> {
        let mut gains = Vec::new();
        for (key, (field, value)) in &self.misspelt {
            let had = before.misspelt.values().filter(|(other, _)| other == field);
            let mut had: Vec<Option<&str>> = had.map(|(_, value)| Some(value.as_str())).collect();
            let is_same = had.contains(&Some(value.as_str()));
            // The right key may have gone before this one, and taken away what this one allows.
            let may_surface =
                *field == "permissionMode" && self.powers.get(field) != before.powers.get(field);
            if is_same && !may_surface {
                continue;
            }
            had.push(before.powers.get(field).map(String::as_str));
            let mut words = had.into_iter();
            let words = words.find_map(|had| powers::gained(field, had, value));
            gains.extend(words.map(|words| Gain::Misspelt(key.clone(), field, words)));
        }
        for (key, (field, value)) in &before.misspelt {
            let is_left = self.misspelt.values().any(|(other, _)| other == field);
            let words = match self.powers.get(field) {
                _ if is_left => None,
                // Only a mode can take away what another one allows.
                Some(new) if *field == "permissionMode" => powers::gained(field, Some(value), new),
                Some(_) => None,
                None => powers::gained_by_loss(field, value),
            };
            gains.extend(words.map(|words| Gain::Misspelt(key.clone(), field, words)));
        }
        gains
    }

    fn gained_tools(&self, before: &Self) -> Vec<Gain> {
        let nothing = BTreeSet::new();
        let had = if self.is_unclear_in("tools", before) {
            Some(&nothing)
        } else {
            before.tools.as_ref()
        };
        match (had, &self.tools) {
            (Some(_), None) => vec![Gain::EveryTool],
            (Some(had), Some(has)) => {
                let wide = had.iter().map(String::as_str);
                let wide = Rules::of(wide.filter(|old| !is_void_as_allowed(old)));
                let taken = Taken::of(&self.disallowed);
                let had_it = |tool: &String| had.contains(tool) || wide.cover(tool);
                // Limits in the two lists are not subtracted from each other: it is not documented that they mean the same in both.
                has.iter()
                    .filter(|tool| !had_it(tool) && !taken.has(tool))
                    .cloned()
                    .map(Gain::Tool)
                    .collect()
            }
            (None, _) => Vec::new(),
        }
    }

    fn returned_tools(&self, before: &Self) -> Vec<Gain> {
        // A rule that names a tool removes that tool. A rule that limits one removes less, but also from other tools.
        let taken = Taken::of(&self.disallowed);
        let is_left = |tool: &str| self.may_use(tool, may_meet) && !taken.has(tool);
        let takes_as_much = |other: &String, tool: &String| {
            other != "*"
                && covers(other, tool)
                && (is_limited(other) || !governed(tool).iter().any(|governed| is_left(governed)))
        };
        let is_still_taken = |tool: &String| {
            self.disallowed.contains(tool)
                || self
                    .disallowed
                    .iter()
                    .any(|other| takes_as_much(other, tool))
        };
        let may_use = |tool: &&String| self.may_use(tool, may_govern);
        let lost = before
            .disallowed
            .iter()
            .filter(|tool| !is_still_taken(tool))
            .filter(may_use)
            .cloned();
        let mut returned: Vec<Gain> = lost.map(Gain::Returned).collect();
        let unclear = before
            .unclear
            .get("disallowedTools")
            .filter(|_| self.is_unclear_in("disallowedTools", before));
        // A file that was not read at all allowed nothing, so nothing can come back.
        returned.extend(
            unclear
                .filter(|text| !text.is_empty())
                .map(|text| Gain::Power("disallowedTools", powers::returned(text))),
        );
        returned
    }

    /// Whether `is_meant` holds for one of its tools, given `tool`.
    fn may_use(&self, tool: &str, is_meant: impl Fn(&str, &str) -> bool) -> bool {
        let memory: &[&str] = if self.powers.contains_key("memory") {
            &MEMORY_TOOLS
        } else {
            &[]
        };
        let has = |tools: &BTreeSet<String>| tools.iter().any(|own| is_meant(tool, own));
        self.tools.as_ref().is_none_or(has) || memory.iter().any(|own| is_meant(tool, own))
    }

    /// What it may use of everything that a rule covers: the rule itself, or the first of the other tools that the rule may govern.
    #[must_use]
    pub fn first_of<'r>(&self, rule: &'r str) -> Option<&'r str> {
        let taken = Taken::of(&self.disallowed);
        std::iter::once(rule)
            .chain(governed(rule).iter().copied())
            .find(|tool| self.may_reach(tool, &taken))
    }

    /// Whether there is a reading of its lists in which it has part of a tool. Only what is certainly disallowed is excluded.
    fn may_reach(&self, tool: &str, taken: &Taken<'_>) -> bool {
        // A rule that overlaps a tool is gone when the tool is disallowed; one that only grants it belongs to another tool and may stand
        // without it.
        !taken.has(tool)
            && self.may_use(tool, |tool, own| {
                may_give(own, tool) && !(may_meet(own, tool) && taken.has(own))
            })
    }

    /// What the tools that are left to it let it do, in words; empty: it only reads. `tools` are those that it lists, in the order in which
    /// they are told. What servers offer is not known here.
    #[must_use]
    pub fn abilities(&self, tools: Option<&[String]>) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        let taken = Taken::of(&self.disallowed);
        let Some(tools) = tools else {
            for alike in EVERYTHING {
                let first = (alike.iter()).find(|(tool, _)| self.may_reach(tool, &taken));
                words.extend(first.map(|(_, word)| (*word).to_owned()));
            }
            return words;
        };
        for tool in tools.iter().filter(|tool| !taken.has(tool)) {
            let word = of_tool(tool).strip_prefix("can ").map(str::to_owned);
            words.extend(word.filter(|word| !words.contains(word)));
        }
        words
    }

    /// Whether it is uncertain what a list allowed before. The same text always allows the same.
    fn is_unclear_in(&self, key: &str, before: &Self) -> bool {
        before
            .unclear
            .get(key)
            .is_some_and(|text| text.is_empty() || self.unclear.get(key) != Some(text))
    }

    /// What a first installation asks about: the fields that give power over the session, whatever their value, and the name of an agent that
    /// is built into the client.
    #[must_use]
    pub fn asked_at_first(&self) -> Vec<Gain> {
        let mut asked = self.shown();
        asked.retain(Gain::is_asked_at_first);
        asked
    }

    /// All powers that it has beyond its tools, sorted.
    #[must_use]
    pub fn shown(&self) -> Vec<Gain> {
        let words = |field, value: &str| {
            powers::gained(field, None, value).unwrap_or_else(|| value.to_owned())
        };
        let set = self.powers.iter();
        let set = set.map(|(field, value)| Gain::Power(field, words(field, value)));
        let misspelt = self.misspelt.iter();
        let misspelt = misspelt
            .map(|(key, (field, value))| Gain::Misspelt(key.clone(), field, words(field, value)));
        let mut shown: Vec<Gain> = set.chain(misspelt).collect();
        shown.extend(self.replaces.map(Gain::Shadow));
        shown.sort();
        shown
    }
}

impl Gain {
    /// Whether one of the words that the user gave with `--allow` allows this.
    #[must_use]
    pub fn is_allowed(&self, allowed: &[String]) -> bool {
        allowed.iter().any(|word| {
            word == "all"
                || *word == self.word()
                || match self {
                    Self::EveryTool => word == "*" || word == "tools",
                    Self::Tool(tool) | Self::Returned(tool) => {
                        covers(word, tool) || server(tool).is_some_and(|name| name == word)
                    }
                    Self::Power(field, _) | Self::Misspelt(_, field, _) => word == field,
                    Self::Shadow(_) => word == SHADOW,
                    Self::MovedTag(_) => word == MOVED_TAG,
                }
        })
    }

    /// The MCP server whose tool it is.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        match self {
            Self::Tool(tool) | Self::Returned(tool) => server(tool),
            Self::EveryTool
            | Self::Power(..)
            | Self::Misspelt(..)
            | Self::Shadow(_)
            | Self::MovedTag(_) => None,
        }
    }

    /// The word for `--allow`.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::EveryTool => "tools".to_owned(),
            Self::Tool(tool) | Self::Returned(tool) => match server(tool) {
                Some(server) => format!("mcp__{server}"),
                None => tool.split('(').next().unwrap_or(tool).to_owned(),
            },
            Self::Power(field, _) | Self::Misspelt(_, field, _) => (*field).to_owned(),
            Self::Shadow(_) => SHADOW.to_owned(),
            Self::MovedTag(_) => MOVED_TAG.to_owned(),
        }
    }

    /// Whether a first installation asks about it.
    #[must_use]
    pub fn is_asked_at_first(&self) -> bool {
        match self {
            Self::EveryTool | Self::Tool(_) | Self::Returned(_) => false,
            Self::Power(field, _) => fields::asked_at_first().any(|asked| asked == *field),
            Self::Misspelt(..) | Self::Shadow(_) | Self::MovedTag(_) => true,
        }
    }

    /// The frontmatter key that grants it.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::EveryTool | Self::Tool(_) => "tools",
            Self::Returned(_) => "disallowedTools",
            Self::Power(field, _) => field,
            Self::Misspelt(key, ..) => key,
            Self::Shadow(_) => "name",
            Self::MovedTag(_) => "version",
        }
    }

    /// What it means, in words; empty if the name says it.
    #[must_use]
    pub fn meaning(&self) -> String {
        match self {
            Self::EveryTool => "no tools line limits it, so it may use every tool".to_owned(),
            Self::Returned(tool) => match of_tool(tool) {
                "" => "no longer taken away".to_owned(),
                meaning => format!("no longer taken away: {meaning}"),
            },
            Self::Tool(tool) => match server(tool) {
                Some(server) => format!("of the MCP server {server}"),
                None => of_tool(tool).to_owned(),
            },
            Self::Power(_, words) => words.clone(),
            Self::Misspelt(_, field, words) => format!("may be read as {field}: {words}"),
            Self::Shadow(name) => format!("runs in place of Claude Code's own agent {name}"),
            Self::MovedTag(version) => {
                format!("{version} had other bytes before: its tag was moved")
            }
        }
    }
}

impl fmt::Display for Gain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EveryTool => formatter.write_str("every tool"),
            Self::Tool(tool) | Self::Returned(tool) => formatter.write_str(tool),
            Self::Power(field, _) => formatter.write_str(field),
            Self::Misspelt(key, ..) => formatter.write_str(key),
            Self::Shadow(_) => formatter.write_str(SHADOW),
            Self::MovedTag(_) => formatter.write_str(MOVED_TAG),
        }
    }
}

/// What a list of disallowed tools certainly takes away.
#[derive(Debug)]
pub struct Taken<'d>(Rules<'d>);

impl<'d> Taken<'d> {
    /// What these entries of `disallowedTools` take away.
    pub fn of(disallowed: impl IntoIterator<Item = &'d String>) -> Self {
        let rules = disallowed.into_iter().map(String::as_str);
        // It is not documented that `*` disallows anything.
        let whole = rules.filter(|rule| *rule != "*" && !may_be_limited(rule));
        Self(Rules::of(whole))
    }

    /// Whether all of this is certainly disallowed.
    #[must_use]
    pub fn has(&self, tool: &str) -> bool {
        self.0.cover(tool)
    }
}

fn server(tool: &str) -> Option<&str> {
    tool.strip_prefix("mcp__")
        .map(|rest| rest.split("__").next().unwrap_or(rest))
}

fn of_tool(tool: &str) -> &'static str {
    match tool.split('(').next().unwrap_or(tool) {
        "Bash" | "PowerShell" if tool.contains('(') => "can run these commands",
        "Bash" | "PowerShell" => "can run any command",
        "Write" | "Edit" | "MultiEdit" | "NotebookEdit" => "can change files",
        "WebFetch" | "WebSearch" => "can reach the network",
        "Agent" | "Task" => "can start other agents",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gains(before: &str, after: &str) -> Vec<String> {
        let of = |fields: &str| {
            Capabilities::of(format!("---\nname: a\ndescription: d\n{fields}\n---\n").as_bytes())
        };
        of(after)
            .gains_over(&of(before))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn every_widening_is_a_gain() {
        assert_eq!(gains("tools: Read", "tools: Read, Bash"), ["Bash"]);
        assert_eq!(gains("tools: Read", ""), ["every tool"]);
        assert_eq!(gains("tools: Read", "tools: Read, *"), ["every tool"]);
        assert_eq!(gains("", "tools: Bash"), [""; 0]);
        assert_eq!(gains("tools: Bash", "tools: Bash(git *)"), [""; 0]);
        assert_eq!(gains("tools: Bash(git *)", "tools: Bash"), ["Bash"]);
        assert_eq!(
            gains("tools: mcp__db", "tools: mcp__db__query, mcp__other__x"),
            ["mcp__other__x"]
        );
        assert_eq!(gains("tools: mcp__db__*", "tools: mcp__db__query"), [""; 0]);
        assert_eq!(
            gains("tools: mcp__db__query", "tools: mcp__db__query_all"),
            ["mcp__db__query_all"]
        );
        assert_eq!(
            gains("disallowedTools: Bash, Write", "disallowedTools: Write"),
            ["Bash"]
        );
        assert_eq!(
            gains("disallowedTools: Bash\ntools: Read", "tools: Read"),
            [""; 0]
        );
        assert_eq!(
            gains(
                "",
                "hooks:\n  Stop: [{hooks: [{type: command, command: x}]}]"
            ),
            ["hooks"]
        );
        assert_eq!(
            gains("permissionMode: plan", "permissionMode: bypassPermissions"),
            ["permissionMode"]
        );
        assert_eq!(
            gains("permissionMode: plan", "permissionMode: \"plan\""),
            [""; 0]
        );
        assert_eq!(gains("permissionMode: plan", ""), ["permissionMode"]);
        assert_eq!(gains("tools: Task(a)", "tools: Agent(a)"), [""; 0]);
        assert_eq!(
            gains("tools: Task\ndisallowedTools: Agent", "tools: Task"),
            ["Agent"]
        );
        assert_eq!(gains("tools: mcp__*", "tools: mcp__db__x"), ["mcp__db__x"]);
        assert_eq!(
            gains("disallowedTools: Bash", "disallowedTools: Bash(rm *)"),
            ["Bash"]
        );
        assert_eq!(
            gains("disallowedTools: mcp__db", "disallowedTools: mcp__*"),
            [""; 0]
        );
        assert_eq!(
            gains("tools: Read", "tools: Read\nmemory: project"),
            ["memory"]
        );
    }

    #[test]
    fn a_first_install_asks_for_powers_over_the_session_only() {
        let of = |fields: &str| {
            Capabilities::of(format!("---\nname: a\ndescription: d\n{fields}\n---\n").as_bytes())
        };
        let asked = |fields: &str| {
            of(fields)
                .asked_at_first()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(asked("tools: Bash\nmemory: user"), [""; 0]);
        assert_eq!(
            asked("memory: user\npermissionMode: acceptEdits\nmcpServers: [db]"),
            ["mcpServers", "permissionMode"]
        );
        assert_eq!(
            of("memory: user").gains_over(&of(""))[0]
                .meaning()
                .split(':')
                .next(),
            Some("user")
        );
        // In doubt, whatever may be there is asked about; memory is not part of it.
        assert_eq!(asked("x: &a [*a]\nhooks: {}\nmemory: user"), ["hooks"]);
    }

    #[test]
    fn words_allow_what_they_name() {
        let allow = |gain: Gain, word: &str| gain.is_allowed(&[word.to_owned()]);
        assert!(allow(Gain::Tool("Bash(git *)".to_owned()), "Bash"));
        assert!(!allow(Gain::Tool("Bash".to_owned()), "Bash(git *)"));
        assert!(allow(Gain::Tool("mcp__db__query".to_owned()), "mcp__db"));
        assert!(allow(Gain::Tool("mcp__db__query".to_owned()), "db"));
        assert!(allow(Gain::Power("hooks", String::new()), "all"));
        assert!(!allow(Gain::EveryTool, "Bash"));
    }
}
