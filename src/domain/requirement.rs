//! What an agent needs: tools, MCP servers, skills, other agents, programs, variables; and where it says so. Pure.
//!
//! Read from `tools`, `mcpServers`, `skills` and `hooks` of the frontmatter, from declarations in the body (`mcp_servers: […]` in a fenced
//! block), and from the registry. `ops` finds out whether a project has what is needed.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use super::capability::Taken;
use super::catalogue::{Catalogue, ToolMeaning};
use super::definition::{Definition, tools_in};
use super::digest::ObjectId;
use super::plugin_bound::{Bound, bound};
use super::registry_file::AgentRecord;
use super::server::ServerEntry;
use super::text_of;

/// Where an agent says that it needs something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The field `tools`.
    Tools,
    /// The field `mcpServers`.
    Servers,
    /// The field `skills`.
    Skills,
    /// The field `hooks`.
    Hooks,
    /// A fenced block of the body.
    Body,
    /// The registry that it comes from.
    Registry,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tools => "tools",
            Self::Servers => "mcpServers",
            Self::Skills => "skills",
            Self::Hooks => "hooks",
            Self::Body => "body",
            Self::Registry => "registry",
        })
    }
}

/// A place in an agent's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The part of the definition.
    pub origin: Origin,
    /// The line of the file, from 1; `None` for what the registry says.
    pub line: Option<usize>,
}

/// A skill, another agent, a program or a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name.
    pub name: String,
    /// Where the agent says so.
    pub place: Place,
}

/// A tool of the client, or something that the author took for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolNeed {
    /// As it is written: `Bash(git *)`.
    pub text: String,
    /// What it means.
    pub meaning: ToolMeaning,
    /// Where it is written.
    pub place: Place,
}

/// An MCP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNeed {
    /// The name that the agent has for it.
    pub name: String,
    /// The tools that it asks for; patterns as they are written.
    pub tools: BTreeSet<String>,
    /// Whether it asks for all tools.
    pub is_whole: bool,
    /// Where it is written first.
    pub place: Place,
    /// The agent defines the server itself: the entry in its file.
    pub inline: Option<Value>,
}

/// All that an agent needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The servers that it defines in `mcpServers`, in order, including those with equal names.
    pub brought: Vec<(String, Value)>,
    /// It has no `tools` line, or one with a `*`: it has every tool.
    pub is_every_tool: bool,
    /// The client's tools that it names, in order, each once.
    pub tools: Vec<ToolNeed>,
    /// The servers, in order of their names.
    pub servers: Vec<ServerNeed>,
    /// Skills that are loaded with it.
    pub skills: Vec<Need>,
    /// Agents that it may start, or that its registry says it requires.
    pub agents: Vec<Need>,
    /// Programs that must be on `PATH`.
    pub programs: Vec<Need>,
    /// Variables that must be set.
    pub variables: Vec<Need>,
    /// What belongs to a plugin. Servers of plugins are among the servers.
    pub bound: Vec<Bound>,
    /// Where the agent comes from.
    pub upstream: Option<Upstream>,
}

/// Where an agent comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The source, as the lockfile has it.
    pub source: String,
    /// The commit, if the source is a git repository.
    pub commit: Option<ObjectId>,
    /// Its file there.
    pub file: String,
}

impl Requirements {
    /// Reads what an agent needs. `record`: what its registry says.
    #[must_use]
    pub fn of(bytes: &[u8], record: Option<&AgentRecord>, catalogue: &Catalogue) -> Self {
        let definition = Definition::parse(bytes);
        let mut reader = Reader {
            catalogue,
            values: definition.values(),
            definition,
            found: Self::default(),
            servers: BTreeMap::new(),
            tools: BTreeSet::new(),
            named: BTreeSet::new(),
            lines: Cell::new(MAX_LINES),
        };
        if !reader.values.is_empty() {
            reader.tools();
            reader.own_servers();
            reader.skills();
            reader.hooks();
        }
        reader.body();
        reader.found.bound = bound(&reader.definition, &reader.values, bytes);
        if let Some(record) = record {
            reader.record(record);
        }
        reader.found.servers = reader.servers.into_values().collect();
        reader.found
    }

    /// The names of the servers that must be configured: those that the agent does not define itself.
    pub fn server_names(&self) -> impl Iterator<Item = &str> {
        self.servers
            .iter()
            .filter(|server| server.inline.is_none())
            .map(|server| server.name.as_str())
    }

    /// The same needs with the user's names for servers that only the body or the registry names, because those are not rewritten.
    #[must_use]
    pub fn bound(mut self, bind: &BTreeMap<String, String>) -> Self {
        for (from, to) in bind {
            let Some(index) = self.servers.iter().position(|server| server.name == *from) else {
                continue;
            };
            let mut moved = self.servers.remove(index);
            match self.servers.iter_mut().find(|server| server.name == *to) {
                Some(known) => {
                    known.is_whole |= moved.is_whole;
                    known.tools.append(&mut moved.tools);
                }
                None => self.servers.push(ServerNeed {
                    name: to.clone(),
                    ..moved
                }),
            }
        }
        self.servers.sort_by(|one, other| one.name.cmp(&other.name));
        self
    }
}

/// How many needs of an agent are told with their line: each is a search through its frontmatter.
const MAX_LINES: usize = 256;

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Skill,
    Agent,
    Program,
    Variable,
}

struct Reader<'a> {
    catalogue: &'a Catalogue,
    definition: Definition<'a>,
    values: Map<String, Value>,
    found: Requirements,
    servers: BTreeMap<String, ServerNeed>,
    /// The tools that were found, and the rest by kind: each is told once.
    tools: BTreeSet<String>,
    named: BTreeSet<(Kind, String)>,
    /// How many lines may still be looked for.
    lines: Cell<usize>,
}

impl Reader<'_> {
    fn tools(&mut self) {
        let taken = self
            .values
            .get("disallowedTools")
            .map(tools_in)
            .unwrap_or_default();
        let Some(tools) = self.values.get("tools").map(tools_in) else {
            self.found.is_every_tool = true;
            return;
        };
        let (same, taken): (BTreeSet<&String>, _) = (taken.iter().collect(), Taken::of(&taken));
        let is_left = |text: &String| !same.contains(text) && !taken.has(text);
        for text in tools.into_iter().filter(is_left) {
            let place = self.place("tools", Origin::Tools, &text);
            if text == "*" {
                self.found.is_every_tool = true;
            } else if let Some(rest) = text.strip_prefix("mcp__") {
                let rest = rest.split('(').next().unwrap_or(rest);
                let (server, tool) = rest
                    .split_once("__")
                    .map_or((rest, None), |(server, tool)| (server, Some(tool)));
                self.server(server, tool.filter(|tool| *tool != "*"), place);
            } else {
                self.tool(text, place);
            }
        }
    }

    fn tool(&mut self, text: String, place: Place) {
        let (name, argument) = text
            .split_once('(')
            .map_or((text.as_str(), ""), |(name, rest)| {
                (name, rest.trim_end_matches(')'))
            });
        let meaning = self.catalogue.tool(name);
        let is_agent = matches!(name, "Agent" | "Task");
        for agent in argument
            .split(',')
            .map(str::trim)
            .filter(|agent| is_agent && !agent.is_empty() && *agent != "*")
            // That of a plugin is looked for there.
            .filter(|agent| !agent.contains(':'))
        {
            self.need(Kind::Agent, agent, place);
        }
        if self.tools.insert(text.clone()) {
            self.found.tools.push(ToolNeed {
                text,
                meaning,
                place,
            });
        }
    }

    /// Takes note of something other than a tool or a server.
    fn need(&mut self, kind: Kind, name: &str, place: Place) {
        let needs = match kind {
            Kind::Skill => &mut self.found.skills,
            Kind::Agent => &mut self.found.agents,
            Kind::Program => &mut self.found.programs,
            Kind::Variable => &mut self.found.variables,
        };
        let name = name.to_owned();
        if self.named.insert((kind, name.clone())) {
            needs.push(Need { name, place });
        }
    }

    fn server(&mut self, name: &str, tool: Option<&str>, place: Place) {
        if name.is_empty() || name == "*" {
            return;
        }
        let new = || ServerNeed {
            name: name.to_owned(),
            tools: BTreeSet::new(),
            is_whole: false,
            place,
            inline: None,
        };
        let need = self.servers.entry(name.to_owned()).or_insert_with(new);
        match tool {
            Some(tool) => drop(need.tools.insert(tool.to_owned())),
            None => need.is_whole = true,
        }
    }

    /// `mcpServers`: a name means a configured server, a table defines one.
    fn own_servers(&mut self) {
        let (items, tables) = match self.values.get("mcpServers") {
            Some(Value::Array(items)) => (items.clone(), Vec::new()),
            Some(Value::Object(table)) => (Vec::new(), vec![table.clone()]),
            _ => return,
        };
        let names: Vec<String> = items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        for name in names {
            let place = self.place("mcpServers", Origin::Servers, &name);
            self.server(&name, None, place);
        }
        let inline = items
            .into_iter()
            .filter_map(|item| item.as_object().cloned());
        for (name, entry) in inline.chain(tables).flatten() {
            let place = self.place("mcpServers", Origin::Servers, &name);
            if let Ok(server) = ServerEntry::from_json(&entry) {
                for (variable, _) in server
                    .variables()
                    .iter()
                    .filter(|(_, has_default)| !has_default)
                {
                    self.need(Kind::Variable, variable, place);
                }
                if let Some(program) = server.program_name() {
                    self.need(Kind::Program, program, place);
                }
            }
            self.server(&name, None, place);
            if let Some(need) = self.servers.get_mut(&name) {
                need.inline = Some(entry.clone());
            }
            self.found.brought.push((name, entry));
        }
    }

    fn skills(&mut self) {
        let skills = self.values.get("skills").map(tools_in).unwrap_or_default();
        for skill in skills.into_iter().filter(|skill| !skill.contains(':')) {
            let place = self.place("skills", Origin::Skills, &skill);
            self.need(Kind::Skill, &skill, place);
        }
    }

    /// The programs that hooks run, if a command begins with a plain one.
    fn hooks(&mut self) {
        let mut commands = Vec::new();
        if let Some(hooks) = self.values.get("hooks") {
            collect_commands(hooks, &mut commands);
        }
        for command in commands {
            let program = command.split_whitespace().next().unwrap_or_default();
            let is_plain = program
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'));
            if is_plain && !program.is_empty() && !BUILTINS.contains(&program) {
                let place = self.place("hooks", Origin::Hooks, program);
                self.need(Kind::Program, program, place);
            }
        }
    }

    /// Lists of servers in fenced blocks. A table of servers in a fenced block is an example of a configuration, not a declaration.
    fn body(&mut self) {
        let body = text_of(self.definition.body()).into_owned();
        let first = self.definition.body_line();
        for (name, line) in declared(&body) {
            let place = Place {
                origin: Origin::Body,
                line: Some(first + line),
            };
            if !self.servers.contains_key(&name) {
                self.server(&name, None, place);
            }
        }
    }

    fn record(&mut self, record: &AgentRecord) {
        let place = Place {
            origin: Origin::Registry,
            line: None,
        };
        for server in &record.servers {
            if !self.servers.contains_key(server) {
                self.server(server, None, place);
            }
        }
        for (kind, names) in [
            (Kind::Agent, &record.requires),
            (Kind::Program, &record.programs),
            (Kind::Variable, &record.variables),
        ] {
            for name in names {
                self.need(kind, name, place);
            }
        }
    }

    fn place(&self, key: &str, origin: Origin, word: &str) -> Place {
        let left = self.lines.get();
        self.lines.set(left.saturating_sub(1));
        Place {
            origin,
            line: (left > 0)
                .then(|| self.definition.line_of(key, word))
                .flatten(),
        }
    }
}

/// Built-in commands of shells, which are not searched for on `PATH`.
const BUILTINS: [&str; 14] = [
    "echo", "printf", "test", "true", "false", "cd", "exit", "set", "export", "read", "if", "for",
    "while", "command",
];

fn collect_commands(value: &Value, commands: &mut Vec<String>) {
    match value {
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_commands(item, commands)),
        Value::Object(entries) => {
            commands.extend(
                entries
                    .get("command")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            entries
                .values()
                .for_each(|value| collect_commands(value, commands));
        }
        _ => {}
    }
}

/// The servers that fenced blocks declare, with the line counted from 0.
fn declared(body: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    // Every key that is looked for begins with it.
    if !body.contains("mcp") {
        return found;
    }
    let mut fence: Option<&str> = None;
    // Inside a list that continues: the indentation of its key, and whether it is in brackets.
    let mut list: Option<(usize, bool)> = None;
    for (number, line) in body.lines().enumerate() {
        let trimmed = line.trim();
        if let Some(mark) = ["```", "~~~"]
            .into_iter()
            .find(|mark| trimmed.starts_with(mark))
        {
            let is_data = ["", "yaml", "yml", "json", "jsonc"].contains(
                &trimmed
                    .trim_start_matches(['`', '~'])
                    .trim()
                    .to_lowercase()
                    .as_str(),
            );
            fence = match fence {
                Some(open) if open == mark || open == "other" => None,
                Some(open) => Some(open),
                None => Some(if is_data { mark } else { "other" }),
            };
            list = None;
            continue;
        }
        if fence.is_none_or(|fence| fence == "other") {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if let Some((outer, in_brackets)) = list {
            if in_brackets {
                found.extend(
                    names(trimmed.split(']').next().unwrap_or_default()).map(|name| (name, number)),
                );
                list = (!trimmed.contains(']')).then_some((outer, true));
                continue;
            }
            match trimmed.strip_prefix("- ") {
                Some(item) if indent >= outer => {
                    found.extend(names(item).map(|name| (name, number)));
                    continue;
                }
                _ => list = None,
            }
        }
        let Some((key, value)) = trimmed.split_once(':') else {
            continue;
        };
        if !["mcp_servers", "mcp-servers", "mcpServers"]
            .contains(&key.trim_matches(['"', '\'', ' ']))
        {
            continue;
        }
        let value = value
            .split(" #")
            .next()
            .unwrap_or_default()
            .trim()
            .trim_end_matches(',');
        if let Some(inside) = value.strip_prefix('[') {
            found.extend(
                names(inside.split(']').next().unwrap_or_default()).map(|name| (name, number)),
            );
            list = (!inside.contains(']')).then_some((indent, true));
        } else if value.is_empty() {
            list = Some((indent, false));
        }
    }
    found
}

/// Plain names, separated by commas, with or without quotes.
fn names(text: &str) -> impl Iterator<Item = String> {
    let is_name = |name: &&str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.len() <= 64
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let names = text
        .split(" #")
        .next()
        .unwrap_or_default()
        .split(',')
        .map(|name| name.trim().trim_matches(['"', '\'']));
    names
        .filter(is_name)
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::registry_file::{RegistryFile, RetiredTool};

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue::default();
        let file = RegistryFile {
            tools: ["Read", "Bash", "Agent", "Glob"]
                .map(str::to_owned)
                .to_vec(),
            retired_tools: BTreeMap::from([(
                "LS".to_owned(),
                RetiredTool {
                    now: vec!["Glob".to_owned()],
                    ..RetiredTool::default()
                },
            )]),
            ..RegistryFile::default()
        };
        catalogue.extend("builtin", &file, std::iter::empty());
        catalogue
    }

    fn needs(text: &str) -> Requirements {
        Requirements::of(text.as_bytes(), None, &catalogue())
    }

    fn shown(needs: &Requirements) -> String {
        let line = |place: Place| {
            place
                .line
                .map_or_else(String::new, |line| format!(":{line}"))
        };
        let mut text = String::new();
        for server in &needs.servers {
            let tools: Vec<&str> = server.tools.iter().map(String::as_str).collect();
            let whole = if server.is_whole { "+" } else { "" };
            let _ = writeln!(
                text,
                "{}{whole} [{}] {}{}",
                server.name,
                tools.join(" "),
                server.place.origin,
                line(server.place)
            );
        }
        for (kind, list) in [
            ("skill", &needs.skills),
            ("agent", &needs.agents),
            ("program", &needs.programs),
            ("variable", &needs.variables),
        ] {
            for need in list {
                let _ = writeln!(
                    text,
                    "{kind} {} {}{}",
                    need.name,
                    need.place.origin,
                    line(need.place)
                );
            }
        }
        text
    }

    #[test]
    fn needs_are_read_from_every_place() {
        let text = "---\nname: a\ndescription: d\ntools:\n  - Read\n  - mcp__db__query\n  - mcp__db__get_*\n  - mcp__web\n  - mcp__all__*\n  - Agent(helper, other)\n  - mcp__gone__x\ndisallowedTools: mcp__gone\nskills: [one, two]\nmcpServers:\n  - ref\n  - own:\n      command: npx\n      args: [\"${KEY}\"]\nhooks:\n  Stop:\n    - hooks:\n        - type: command\n          command: jq . x\n---\n\n```yaml\nmcp_servers: [sequential, \"db\"] # two\nx:\n  mcp-servers:\n    - listed\n  other: 1\n```\n";
        let record = AgentRecord {
            servers: vec!["extra".to_owned()],
            programs: vec!["gh".to_owned()],
            ..AgentRecord::default()
        };
        let needs = Requirements::of(text.as_bytes(), Some(&record), &catalogue());
        insta::assert_snapshot!(shown(&needs), @r"
        all+ [] tools:9
        db [get_* query] tools:6
        extra+ [] registry
        listed+ [] body:30
        own+ [] mcpServers:16
        ref+ [] mcpServers:15
        sequential+ [] body:27
        web+ [] tools:8
        skill one skills:13
        skill two skills:13
        agent helper tools:10
        agent other tools:10
        program npx mcpServers:16
        program jq hooks:23
        program gh registry
        variable KEY mcpServers:16
        ");
        assert_eq!(
            needs.server_names().filter(|name| *name == "own").count(),
            0,
            "it is brought along"
        );
    }

    #[test]
    fn tools_are_told_apart() {
        let found = needs(
            "---\nname: a\ndescription: d\ntools: Read, Bash(git *), LS, read, search/codebase, Newer, mcp__x__y\n---\n",
        );
        let meanings: Vec<String> = found
            .tools
            .iter()
            .map(|tool| format!("{} {:?}", tool.text, tool.meaning))
            .collect();
        insta::assert_snapshot!(meanings.join("\n"), @r#"
        Read Current
        Bash(git *) Current
        LS Retired(RetiredTool { now: ["Glob"], note: "", became: None, is_alias: false })
        read Foreign(Some("Read"))
        search/codebase Foreign(None)
        Newer Unknown
        "#);
        assert!(needs("---\nname: a\ndescription: d\n---\n").is_every_tool);
        assert!(needs("---\nname: a\ndescription: d\ntools: \"*\"\n---\n").is_every_tool);
        assert!(!needs("---\nname: a\ndescription: d\ntools: []\n---\n").is_every_tool);
    }

    #[test]
    fn examples_in_the_body_are_no_declarations() {
        for body in [
            "mcp_servers: [x]\n",
            "```json\n{ \"mcpServers\": { \"x\": { \"command\": \"npx\" } } }\n```\n",
            "```python\nmcp_servers: [x]\n```\n",
            "```yaml\nmcp_servers: [\"${x}\", \"a b\", -y]\n```\n",
            "```yaml\nmcp_servers:\nother: [x]\n```\n",
        ] {
            let needs = needs(&format!("---\nname: a\ndescription: d\n---\n{body}"));
            assert!(needs.servers.is_empty(), "{body}: {:?}", needs.servers);
        }
        let listed = needs(
            "# T\n\n```\n{ \"x\": 1,\n  \"mcp_servers\": [\n    \"one\",\n    \"two\"\n  ] }\n```\n",
        );
        assert_eq!(listed.server_names().collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn binding_joins_what_is_one_server_for_the_user() {
        let needs = needs(
            "---\nname: a\ndescription: d\ntools: mcp__db__x\n---\n```yaml\nmcp_servers: [sequential]\n```\n",
        );
        let bind = BTreeMap::from([("sequential".to_owned(), "db".to_owned())]);
        let bound = needs.bound(&bind);
        assert_eq!(bound.server_names().collect::<Vec<_>>(), ["db"]);
        assert!(bound.servers[0].is_whole && bound.servers[0].tools.contains("x"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Requirements::of(&bytes, None, &catalogue());
        }

        #[test]
        fn no_text_panics(head in "(tools|skills|hooks|mcpServers): [a-z_\\[\\]{}(),*: \n-]{0,40}", body in "[`~a-z_\\[\\]\":, \n-]{0,60}") {
            let _ = needs(&format!("---\nname: a\ndescription: d\n{head}\n---\n{body}"));
        }
    }
}
