//! What a team forbids, regardless of consent: the `[policy]` table of the manifest. Pure: values in, violations out.
//!
//! A policy only ever comes from the manifest of the project, never from a registry. Consent (`--allow`) does not override it.

use std::fmt;

use serde_json::Value;

use super::budget;
use super::capability::Capabilities;
use super::catalogue::Catalogue;
use super::definition::{Definition, Loaded, Verdict, fields};
use super::requirement::Requirements;
use super::server::ServerEntry;

/// The rules; an absent one forbids nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The only sources: names of registries, or addresses; a `*` at the end stands for anything that follows.
    pub registries: Option<Vec<String>>,
    /// Tools that no agent may have. A tool with a limit also stands for the tools that it governs.
    pub deny_tools: Vec<String>,
    /// The only programs that MCP servers may be started with.
    pub commands: Option<Vec<String>>,
    /// The only hosts that MCP servers may use; `*.example.com` stands for all hosts below it.
    pub hosts: Option<Vec<String>>,
    /// Whether agents may define hooks.
    pub hooks: Option<bool>,
    /// Whether agents may set a permission mode.
    pub permission_mode: Option<bool>,
    /// Whether agents may define or name MCP servers in their file.
    pub mcp_servers: Option<bool>,
    /// Whether an agent may omit the `tools` line, and so have every tool.
    pub missing_tools: Option<bool>,
    /// The most tokens that the description of an agent may cost in each session.
    pub max_description_tokens: Option<usize>,
    /// The most tokens that the descriptions of all agents of the project may cost together.
    pub max_total_tokens: Option<usize>,
}

/// The keys of the table.
pub const KEYS: [&str; 10] = [
    "registries",
    "deny-tools",
    "commands",
    "hosts",
    "hooks",
    "permission-mode",
    "mcp-servers",
    "missing-tools",
    "max-description-tokens",
    "max-total-tokens",
];

/// Something that the policy forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The key of the rule.
    pub rule: &'static str,
    /// What violates it, in words.
    pub what: String,
    /// Why this is only possibly a violation: the client could read something in the file that we cannot.
    pub doubt: Option<String>,
}

impl Violation {
    fn new(rule: &'static str, what: String) -> Self {
        Self {
            rule,
            what,
            doubt: None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (rule `policy.{}`)", self.what, self.rule)
    }
}

impl Policy {
    /// Whether there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether agents may come from this source.
    #[must_use]
    pub fn source(&self, registry: Option<&str>, source: &str) -> Option<Violation> {
        let allowed = self.registries.as_ref()?;
        let is_meant = |rule: &String| match rule.strip_suffix('*') {
            Some(prefix) => source.starts_with(prefix),
            None => registry == Some(rule.as_str()) || source == rule,
        };
        let what = || match registry {
            Some(registry) => format!("it comes from the registry `{registry}`"),
            None => format!("it comes from {source}"),
        };
        (!allowed.iter().any(is_meant)).then(|| Violation::new("registries", what()))
    }

    /// Whether the descriptions of all agents of the project may cost this many tokens.
    #[must_use]
    pub fn total(&self, tokens: usize) -> Option<Violation> {
        let most = self.max_total_tokens.filter(|most| tokens > *most)?;
        let what = format!(
            "the descriptions of the project's agents cost {tokens} tokens, more than {most}"
        );
        Some(Violation::new("max-total-tokens", what))
    }

    /// Whether an agent's description is too long.
    fn description(&self, definition: &Definition<'_>) -> Option<Violation> {
        let most = self.max_description_tokens?;
        let Verdict::Loads(loaded) = definition.verdict() else {
            return None;
        };
        let tokens = budget::tokens(&loaded.name, &loaded.description);
        let what = || format!("its description costs {tokens} tokens, more than {most}");
        (tokens > most).then(|| Violation::new("max-description-tokens", what()))
    }

    /// What of an agent is forbidden. If the documentation does not say what a line means, the reading that allows more counts.
    #[must_use]
    pub fn agent(&self, bytes: &[u8]) -> Vec<Violation> {
        let definition = Definition::parse(bytes);
        let capabilities = Capabilities::of(bytes);
        let fields = match definition.verdict() {
            Verdict::Loads(loaded) => loaded.security(),
            Verdict::Skipped(_) => definition.powers_in_doubt(),
        };
        let doubt = match definition.verdict() {
            Verdict::Skipped(reason) if definition.is_in_doubt() => Some(reason.to_string()),
            _ => None,
        };
        let violation = |rule, may: &str, is: String| match &doubt {
            Some(_) => Violation {
                rule,
                what: format!("it cannot be judged, so it may {may}"),
                doubt: doubt.clone(),
            },
            None => Violation::new(rule, is),
        };
        let rules = [
            ("hooks", "hooks", self.hooks),
            ("permission-mode", "permissionMode", self.permission_mode),
            ("mcp-servers", "mcpServers", self.mcp_servers),
        ];
        debug_assert!(
            rules
                .iter()
                .all(|(_, field, _)| fields::asked_at_first().any(|asked| asked == *field))
        );
        let set = rules
            .into_iter()
            .filter(|(_, field, allowed)| *allowed == Some(false) && fields.contains(field));
        let mut violations: Vec<Violation> = set
            .map(|(rule, field, _)| {
                violation(rule, &format!("set `{field}`"), sets(&definition, field))
            })
            .collect();
        if self.missing_tools == Some(false) && capabilities.tools.is_none() {
            let is = "no `tools` line limits it, so it may use every tool".to_owned();
            violations.push(violation("missing-tools", "use every tool", is));
        }
        if doubt.is_some()
            && fields.contains(&"mcpServers")
            && (self.commands.is_some() || self.hosts.is_some())
        {
            let rule = if self.commands.is_some() {
                "commands"
            } else {
                "hosts"
            };
            violations.push(violation(rule, "bring any MCP server", String::new()));
        }
        violations.extend(self.description(&definition));
        violations.extend(self.brought(bytes));
        let had: Vec<(&String, &str)> = self
            .deny_tools
            .iter()
            .filter_map(|denied| Some((denied, capabilities.first_of(denied)?)))
            .collect();
        if doubt.is_some() && !had.is_empty() {
            let names: Vec<String> = had
                .iter()
                .map(|(denied, _)| format!("`{denied}`"))
                .collect();
            violations.push(violation(
                "deny-tools",
                &format!("use {}", names.join(", ")),
                String::new(),
            ));
            return violations;
        }
        let how = if capabilities.tools.is_none() {
            "it may use every tool, so also"
        } else {
            "it may use"
        };
        violations.extend(had.into_iter().map(|(denied, tool)| {
            let about = if tool == denied {
                String::new()
            } else {
                format!(", which `{denied}` also covers")
            };
            Violation::new("deny-tools", format!("{how} `{tool}`{about}"))
        }));
        violations
    }

    /// The servers that an agent defines in its own file and that may not be configured.
    fn brought(&self, bytes: &[u8]) -> Vec<Violation> {
        if self.commands.is_none() && self.hosts.is_none() {
            return Vec::new();
        }
        let rule = if self.commands.is_some() {
            "commands"
        } else {
            "hosts"
        };
        let definition = Definition::parse(bytes);
        let doubtful = match definition.verdict() {
            Verdict::Loads(loaded) => misspelt(loaded, "mcpServers"),
            Verdict::Skipped(_) => None,
        };
        let doubtful = doubtful.map(|key| {
            let what =
                format!("it is not certain what `{key}` starts, which may be read as `mcpServers`");
            Violation::new(rule, what)
        });
        let needs = Requirements::of(bytes, None, &Catalogue::default());
        let judge = |(name, entry): &(String, Value)| match ServerEntry::from_json(entry) {
            Ok(entry) => self.server(name, &entry),
            Err(_) => Some(Violation::new(
                rule,
                format!("it is not certain what the server `{name}` starts"),
            )),
        };
        let judged = needs.brought.iter().filter_map(judge);
        judged.chain(doubtful).collect()
    }

    /// Whether a server may be configured.
    #[must_use]
    pub fn server(&self, name: &str, entry: &ServerEntry) -> Option<Violation> {
        if let Some(program) = entry.program_name() {
            let allowed = self.commands.as_ref()?;
            let is_meant = allowed.iter().any(|command| command == program);
            return (!is_meant).then(|| {
                Violation::new("commands", format!("the server `{name}` runs `{program}`"))
            });
        }
        let (host, allowed) = (entry.host()?, self.hosts.as_ref()?);
        let is_meant = |rule: &String| match rule.strip_prefix("*.") {
            Some(domain) => host
                .strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.')),
            None => rule == host,
        };
        (!allowed.iter().any(is_meant))
            .then(|| Violation::new("hosts", format!("the server `{name}` is at `{host}`")))
    }
}

/// That a field is set, or seems to be.
fn sets(definition: &Definition<'_>, field: &str) -> String {
    match definition.verdict() {
        Verdict::Loads(loaded) if !loaded.powers.contains_key(field) => {
            let key = misspelt(loaded, field).unwrap_or(field);
            format!("it sets `{key}`, which may be read as `{field}`")
        }
        _ => format!("it sets `{field}`"),
    }
}

/// The key that is almost this field.
fn misspelt<'l>(loaded: &'l Loaded, field: &str) -> Option<&'l str> {
    let mut misspelt = loaded.misspelt.iter();
    let found = misspelt.find(|(_, (meant, _))| *meant == field);
    found.map(|(key, _)| key.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(policy: &Policy, fields: &str) -> Vec<&'static str> {
        let text = format!("---\nname: a\ndescription: d\n{fields}\n---\n");
        policy
            .agent(text.as_bytes())
            .iter()
            .map(|violation| violation.rule)
            .collect()
    }

    #[test]
    fn tools_are_denied_in_every_form() {
        let policy = Policy {
            deny_tools: vec!["Bash".to_owned(), "mcp__db__write".to_owned()],
            ..Policy::default()
        };
        assert_eq!(rules(&policy, "tools: Read"), [""; 0]);
        assert_eq!(rules(&policy, "tools: Read, Bash(git *)"), ["deny-tools"]);
        assert_eq!(rules(&policy, "tools: mcp__db"), ["deny-tools"]);
        assert_eq!(rules(&policy, "tools: mcp__db__*"), ["deny-tools"]);
        assert_eq!(
            rules(&policy, "tools: mcp__db__read, mcp__dba__write"),
            [""; 0]
        );
        assert_eq!(rules(&policy, ""), ["deny-tools"; 2]);
        assert_eq!(rules(&policy, "disallowedTools: Bash, mcp__db"), [""; 0]);
        assert_eq!(
            rules(&policy, "tools: Bash\ndisallowedTools: Bash(rm *)"),
            ["deny-tools"],
            "the rest of it is left"
        );
    }

    #[test]
    fn only_what_certainly_takes_a_tool_away_counts() {
        let policy = Policy {
            deny_tools: vec!["Bash".to_owned()],
            ..Policy::default()
        };
        for open in [
            "\"*\"",
            "Bash(*)",
            "Bash()",
            "B*",
            "Bash(*",
            "[[Bash]]",
            "{Bash: true}",
            "KillBash",
        ] {
            assert_eq!(
                rules(&policy, &format!("tools: Bash\ndisallowedTools: {open}")),
                ["deny-tools"],
                "{open}"
            );
            assert_eq!(
                rules(&policy, &format!("disallowedTools: {open}")),
                ["deny-tools"],
                "{open}"
            );
        }
        // In a reading that needs no repair, the list may be anything.
        assert_eq!(
            rules(&policy, "x: @y\ndisallowedTools: [Bash, *z]"),
            ["deny-tools"]
        );
        assert_eq!(rules(&policy, "x: @y\ntools: *z"), ["deny-tools"]);
        assert_eq!(
            rules(&policy, "tools: Read, Bash(git *)\ndisallowedTools: Bash"),
            [""; 0]
        );
        let policy = Policy {
            deny_tools: vec!["mcp__db".to_owned(), "Write".to_owned()],
            ..Policy::default()
        };
        assert_eq!(
            rules(&policy, "tools: mcp__db__a\ndisallowedTools: mcp__db__a"),
            [""; 0],
            "it has nothing else of it"
        );
        assert_eq!(
            rules(
                &policy,
                "tools: mcp__db__a, mcp__db__b\ndisallowedTools: mcp__db__a"
            ),
            ["deny-tools"]
        );
        assert_eq!(
            rules(&policy, "tools: Read\nmemory: project"),
            ["deny-tools"],
            "Claude Code gives it Write for that"
        );
        assert_eq!(
            rules(
                &policy,
                "tools: Read\nmemory: project\ndisallowedTools: Write"
            ),
            [""; 0]
        );
    }

    #[test]
    fn tools_that_govern_others_are_denied_with_them() {
        let whats = |denied: &str, fields: &str| -> Vec<String> {
            let policy = Policy {
                deny_tools: vec![denied.to_owned()],
                ..Policy::default()
            };
            let text = format!("---\nname: a\ndescription: d\n{fields}\n---\n");
            policy
                .agent(text.as_bytes())
                .into_iter()
                .map(|violation| violation.what)
                .collect()
        };
        let none: [&str; 0] = [];
        assert_eq!(
            whats("Edit(/secret/**)", "tools: Write"),
            ["it may use `Write`, which `Edit(/secret/**)` also covers"]
        );
        assert_eq!(
            whats("Edit(/secret/**)", "disallowedTools: Edit").len(),
            1,
            "the other tools for files are left"
        );
        assert_eq!(
            whats("Edit", "tools: Write"),
            none,
            "without a limit it is one tool"
        );
        assert_eq!(
            whats("Bash(rm *)", "tools: Monitor"),
            ["it may use `Monitor`, which `Bash(rm *)` also covers"]
        );
        assert_eq!(whats("Bash(rm *)", "tools: Read, Grep"), none);
        assert_eq!(
            whats("Read(.env)", "tools: Grep\ndisallowedTools: Grep"),
            none
        );
        // The reverse: what an agent has may allow more than its name says.
        assert_eq!(
            whats("Write", "tools: Edit(/docs/**)"),
            ["it may use `Write`"]
        );
        assert_eq!(
            whats("Write", "tools: Edit(/docs/**)\ndisallowedTools: Write"),
            none
        );
        assert_eq!(whats("Bash", "tools: Read(/docs/**)"), none);
    }

    #[test]
    fn what_nobody_can_read_is_forbidden_what_it_may_have() {
        let deny_tools = vec!["Bash".to_owned(), "Write".to_owned()];
        let commands = Some(vec!["npx".to_owned()]);
        let policy = Policy {
            deny_tools,
            commands,
            missing_tools: Some(false),
            hooks: Some(false),
            ..Policy::default()
        };
        let found = policy.agent(b"---\nname: a\ndescription: \"x\ntools: Read\n---\n");
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        let is_said = |violation: &Violation| {
            violation
                .doubt
                .as_ref()
                .is_some_and(|doubt| doubt.contains("is not valid YAML"))
        };
        assert!(found.iter().all(is_said), "{shown:?}");
        assert_eq!(
            found
                .iter()
                .map(|violation| violation.rule)
                .collect::<Vec<_>>(),
            ["missing-tools", "deny-tools"]
        );
        assert_eq!(
            shown[1],
            "it cannot be judged, so it may use `Bash`, `Write` (rule `policy.deny-tools`)"
        );
        assert_eq!(
            rules(&policy, "hooks: 5"),
            ["hooks", "missing-tools", "deny-tools"]
        );
        // A file that the client certainly skips can do nothing.
        assert_eq!(policy.agent(b"# Not an agent\n"), []);
        assert_eq!(policy.agent(b"---\ndescription: d\n---\n"), []);
        assert_eq!(
            Policy {
                registries: Some(Vec::new()),
                ..Policy::default()
            }
            .agent(b"---\nx: \"\n---\n"),
            []
        );
    }

    #[test]
    fn fields_and_missing_tools_are_denied() {
        let policy = Policy {
            hooks: Some(false),
            permission_mode: Some(true),
            missing_tools: Some(false),
            ..Policy::default()
        };
        assert_eq!(
            rules(&policy, "hooks:\n  Stop: []\npermissionMode: plan"),
            ["hooks", "missing-tools"]
        );
        assert_eq!(rules(&policy, "tools: Read\nhooks: {}"), [""; 0]);
    }

    #[test]
    fn servers_in_an_agents_own_file_are_judged_each() {
        let policy = Policy {
            commands: Some(vec!["npx".to_owned()]),
            hosts: Some(Vec::new()),
            ..Policy::default()
        };
        assert_eq!(
            rules(&policy, "tools: Read\nmcpServers:\n  - a: {command: npx}"),
            [""; 0]
        );
        assert_eq!(
            rules(
                &policy,
                "tools: Read\nmcpServers:\n  - a: {command: npx}\n  - b: {command: evil}"
            ),
            ["commands"]
        );
        assert_eq!(
            rules(
                &policy,
                "tools: Read\nmcpServers:\n  - a: {command: evil}\n  - a: {command: npx}"
            ),
            ["commands"]
        );
        assert_eq!(
            rules(
                &policy,
                "tools: Read\nmcpServers:\n  - a: {type: http, url: https://evil.example}"
            ),
            ["hosts"]
        );
        assert_eq!(
            rules(&policy, "tools: Read\nmcpServers:\n  - a: {command: 5}"),
            ["commands"],
            "what cannot be read"
        );
        assert_eq!(
            rules(&policy, "tools: Read\nmcpServers: [a]"),
            [""; 0],
            "a name only, which stands for what is configured"
        );
    }

    #[test]
    fn sources_and_servers_are_named_outright() {
        let list = |items: &[&str]| Some(items.iter().map(|item| (*item).to_owned()).collect());
        let policy = Policy {
            registries: list(&["builtin", "https://git.example/team/*"]),
            commands: list(&["npx"]),
            hosts: list(&["mcp.example", "*.team.example"]),
            ..Policy::default()
        };
        assert!(policy.source(Some("builtin"), "builtin").is_none());
        assert!(
            policy
                .source(Some("other"), "https://git.example/team/x")
                .is_none()
        );
        assert!(policy.source(None, "https://git.example/teams").is_some());
        let server = |value: Value| {
            policy
                .server("x", &ServerEntry::from_json(&value).unwrap())
                .map(|found| found.rule)
        };
        assert_eq!(server(json!({ "command": "npx" })), None);
        assert_eq!(server(json!({ "command": "/tmp/npx" })), Some("commands"));
        assert_eq!(
            server(json!({ "type": "http", "url": "https://mcp.example/x" })),
            None
        );
        assert_eq!(
            server(json!({ "type": "http", "url": "https://a.team.example" })),
            None
        );
        assert_eq!(
            server(json!({ "type": "http", "url": "https://team.example" })),
            Some("hosts")
        );
        assert_eq!(
            server(json!({ "type": "http", "url": "https://mcp.example@evil.example/" })),
            Some("hosts")
        );
    }
}
