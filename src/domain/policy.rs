//! What a team forbids, whoever consents: the `[policy]` table of the manifest. Pure: values in, violations out.
//!
//! A policy only ever comes from the manifest of the project, never from a registry. Consent (`--allow`) does not outweigh it.

use std::fmt;

use super::definition::{Definition, SECURITY_FIELDS, Verdict};
use super::server::ServerEntry;
use super::tool_rule::{covers, may_meet};

/// The rules; an absent one forbids nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The only sources: names of registries, or addresses; a `*` at the end stands for whatever follows.
    pub registries: Option<Vec<String>>,
    /// Tools that no agent may have.
    pub deny_tools: Vec<String>,
    /// The only programs that MCP servers may be started with.
    pub commands: Option<Vec<String>>,
    /// The only hosts that MCP servers may be at; `*.example.com` stands for all below.
    pub hosts: Option<Vec<String>>,
    /// Whether agents may bring hooks.
    pub hooks: Option<bool>,
    /// Whether agents may set a permission mode.
    pub permission_mode: Option<bool>,
    /// Whether agents may bring or name MCP servers in their file.
    pub mcp_servers: Option<bool>,
    /// Whether an agent may do without a `tools` line, and so have every tool.
    pub missing_tools: Option<bool>,
}

/// The keys of the table.
pub const KEYS: [&str; 8] =
    ["registries", "deny-tools", "commands", "hosts", "hooks", "permission-mode", "mcp-servers", "missing-tools"];

/// Something that the policy forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The key of the rule.
    pub rule: &'static str,
    /// What is against it, in words.
    pub what: String,
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

    /// Whether agents may come from there.
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
        (!allowed.iter().any(is_meant)).then(|| Violation { rule: "registries", what: what() })
    }

    /// What an agent may not have.
    #[must_use]
    pub fn agent(&self, bytes: &[u8]) -> Vec<Violation> {
        let definition = Definition::parse(bytes);
        let mut violations = Vec::new();
        let mut fields = [
            ("hooks", "hooks", self.hooks),
            ("permission-mode", "permissionMode", self.permission_mode),
            ("mcp-servers", "mcpServers", self.mcp_servers),
        ]
        .into_iter();
        let (powers, loaded) = match definition.verdict() {
            Verdict::Loads(loaded) => (loaded.security.clone(), Some(loaded)),
            Verdict::Skipped(_) => (definition.powers_in_doubt(), None),
        };
        debug_assert!(fields.clone().all(|(_, field, _)| SECURITY_FIELDS.contains(&field)));
        let denied = fields.by_ref().filter(|(_, field, allowed)| *allowed == Some(false) && powers.contains(field));
        violations.extend(denied.map(|(rule, field, _)| Violation { rule, what: format!("it sets `{field}`") }));
        let Some(loaded) = loaded else {
            return violations;
        };
        if self.missing_tools == Some(false) && loaded.tools.is_none() {
            violations
                .push(Violation { rule: "missing-tools", what: "it has no `tools` line, so it may use every tool".to_owned() });
        }
        for denied in &self.deny_tools {
            let is_taken = loaded.disallowed_tools.iter().any(|taken| covers(taken, denied));
            let has = match &loaded.tools {
                None => true,
                Some(tools) => tools.iter().any(|tool| may_meet(tool, denied)),
            };
            if has && !is_taken {
                let how = if loaded.tools.is_none() { "it may use every tool, so also" } else { "it may use" };
                violations.push(Violation { rule: "deny-tools", what: format!("{how} `{denied}`") });
            }
        }
        violations
    }

    /// Whether a server may be configured.
    #[must_use]
    pub fn server(&self, name: &str, entry: &ServerEntry) -> Option<Violation> {
        if let Some(program) = entry.program_name() {
            let allowed = self.commands.as_ref()?;
            let is_meant = allowed.iter().any(|command| command == program);
            return (!is_meant).then(|| Violation { rule: "commands", what: format!("the server `{name}` runs `{program}`") });
        }
        let (host, allowed) = (entry.host()?, self.hosts.as_ref()?);
        let is_meant = |rule: &String| match rule.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
            None => rule == host,
        };
        (!allowed.iter().any(is_meant)).then(|| Violation { rule: "hosts", what: format!("the server `{name}` is at `{host}`") })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(policy: &Policy, fields: &str) -> Vec<&'static str> {
        let text = format!("---\nname: a\ndescription: d\n{fields}\n---\n");
        policy.agent(text.as_bytes()).iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn tools_are_denied_in_every_form() {
        let policy = Policy { deny_tools: vec!["Bash".to_owned(), "mcp__db__write".to_owned()], ..Policy::default() };
        assert_eq!(rules(&policy, "tools: Read"), [""; 0]);
        assert_eq!(rules(&policy, "tools: Read, Bash(git *)"), ["deny-tools"]);
        assert_eq!(rules(&policy, "tools: mcp__db"), ["deny-tools"]);
        assert_eq!(rules(&policy, "tools: mcp__db__*"), ["deny-tools"]);
        assert_eq!(rules(&policy, "tools: mcp__db__read, mcp__dba__write"), [""; 0]);
        assert_eq!(rules(&policy, ""), ["deny-tools"; 2]);
        assert_eq!(rules(&policy, "disallowedTools: Bash, mcp__db"), [""; 0]);
        assert_eq!(rules(&policy, "tools: Bash\ndisallowedTools: Bash(rm *)"), ["deny-tools"], "the rest of it is left");
    }

    #[test]
    fn fields_and_missing_tools_are_denied() {
        let policy = Policy { hooks: Some(false), permission_mode: Some(true), missing_tools: Some(false), ..Policy::default() };
        assert_eq!(rules(&policy, "hooks:\n  Stop: []\npermissionMode: plan"), ["hooks", "missing-tools"]);
        assert_eq!(rules(&policy, "tools: Read\nhooks: {}"), [""; 0]);
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
        assert!(policy.source(Some("other"), "https://git.example/team/x").is_none());
        assert!(policy.source(None, "https://git.example/teams").is_some());
        let server =
            |value: serde_json::Value| policy.server("x", &ServerEntry::from_json(&value).unwrap()).map(|found| found.rule);
        assert_eq!(server(json!({ "command": "npx" })), None);
        assert_eq!(server(json!({ "command": "/tmp/npx" })), Some("commands"));
        assert_eq!(server(json!({ "type": "http", "url": "https://mcp.example/x" })), None);
        assert_eq!(server(json!({ "type": "http", "url": "https://a.team.example" })), None);
        assert_eq!(server(json!({ "type": "http", "url": "https://team.example" })), Some("hosts"));
        assert_eq!(server(json!({ "type": "http", "url": "https://mcp.example@evil.example/" })), Some("hosts"));
    }
}
