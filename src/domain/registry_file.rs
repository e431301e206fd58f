//! `registry.toml`: what a prepared repository says about its agents.
//!
//! It comes from untrusted authors: invalid parts are left out and reported as a note, never trusted, never fatal.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Deserializer};

/// How many tags an agent may have.
const MAX_TAGS: usize = 32;
/// How long a tag may be, in bytes.
const MAX_TAG: usize = 64;

/// What a registry says about one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentRecord {
    /// Its version.
    pub version: Option<Version>,
    /// A description for an agent whose file has none.
    pub description: Option<String>,
    /// Tags for search.
    pub tags: Vec<String>,
    /// Agents of the same registry that it requires.
    pub requires: Vec<String>,
    /// MCP servers that it needs, in addition to those that its file names.
    pub servers: Vec<String>,
    /// Programs that must be on `PATH`.
    pub programs: Vec<String>,
    /// Variables that must be set.
    pub variables: Vec<String>,
}

/// A package that is no longer maintained.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ArchivedPackage {
    /// The package as configurations may still start it.
    pub package: String,
    /// The server that took over.
    pub successor: Option<String>,
    /// Why, in words.
    #[serde(default)]
    pub reason: String,
}

/// A tool that the client no longer has under this name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct RetiredTool {
    /// The tool that replaces it.
    #[serde(deserialize_with = "one_or_many")]
    pub now: Vec<String>,
    /// What happened to it, in words.
    #[serde(default)]
    pub note: String,
    /// The name that it had next, if that is gone too.
    pub became: Option<String>,
    /// Whether the client still understands the name.
    #[serde(default, rename = "alias")]
    pub is_alias: bool,
}

/// A parsed `registry.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryFile {
    /// The name that the registry proposes for itself.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// By agent name.
    pub agents: BTreeMap<String, AgentRecord>,
    /// Other names of MCP servers.
    pub aliases: BTreeMap<String, String>,
    /// Servers that are part of the client, and when. A name that ends in `*` stands for all names with this beginning.
    pub provided: BTreeMap<String, String>,
    /// Packages of MCP servers that are no longer maintained, by the name of the server.
    pub archived: BTreeMap<String, ArchivedPackage>,
    /// The client's tools.
    pub tools: Vec<String>,
    /// Agents that are part of the client.
    pub own_agents: Vec<String>,
    /// Old names of tools.
    pub retired_tools: BTreeMap<String, RetiredTool>,
    /// What other editors call a tool, and the tool that is meant.
    pub foreign_tools: BTreeMap<String, String>,
    /// What was left out, with the reasons.
    pub notes: Vec<String>,
}

impl RegistryFile {
    /// Reads the file. A broken one gives an empty result with a note.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let raw: RawRegistry = match toml::from_str(text) {
            Ok(raw) => raw,
            Err(error) => {
                let line = error.span().map_or(1, |span| {
                    text[..span.start.min(text.len())].lines().count().max(1)
                });
                return Self {
                    notes: vec![format!("registry.toml line {line}: {}", error.message())],
                    ..Self::default()
                };
            }
        };
        let mut notes = Vec::new();
        let agents = raw.agents.into_iter().map(|(name, agent)| {
            let record = agent.record(&name, &mut notes);
            (name, record)
        });
        let agents = agents.collect();
        let provided = raw.mcp.provided.into_iter();
        Self {
            name: raw.name,
            description: raw.description,
            agents,
            aliases: raw.mcp.aliases,
            provided: provided
                .map(|(name, provided)| (name, provided.note))
                .collect(),
            archived: raw.mcp.archived,
            tools: raw.tools.current,
            own_agents: raw.tools.agents,
            retired_tools: raw.tools.retired,
            foreign_tools: raw.tools.foreign,
            notes,
        }
    }
}

#[derive(Deserialize)]
struct RawRegistry {
    name: Option<String>,
    description: Option<String>,
    #[serde(default)]
    agents: BTreeMap<String, RawAgent>,
    #[serde(default)]
    mcp: RawMcp,
    #[serde(default)]
    tools: RawTools,
}

#[derive(Deserialize, Default)]
struct RawMcp {
    #[serde(default)]
    aliases: BTreeMap<String, String>,
    #[serde(default)]
    provided: BTreeMap<String, RawProvided>,
    #[serde(default)]
    archived: BTreeMap<String, ArchivedPackage>,
}

#[derive(Deserialize)]
struct RawProvided {
    #[serde(default)]
    note: String,
}

#[derive(Deserialize, Default)]
struct RawTools {
    #[serde(default)]
    current: Vec<String>,
    #[serde(default)]
    agents: Vec<String>,
    #[serde(default)]
    retired: BTreeMap<String, RetiredTool>,
    #[serde(default)]
    foreign: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    OneOrMany::deserialize(deserializer).map(|read| match read {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

fn is_tag(text: &str) -> bool {
    (1..=MAX_TAG).contains(&text.len()) && !text.contains(char::is_control)
}

#[derive(Deserialize)]
struct RawAgent {
    version: Option<String>,
    description: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    requires: Option<RawRequires>,
}

impl RawAgent {
    /// What it says, with notes about what is left out.
    fn record(self, name: &str, notes: &mut Vec<String>) -> AgentRecord {
        let version = match self.version.as_deref().map(Version::parse).transpose() {
            Ok(version) => version,
            Err(error) => {
                notes.push(format!("registry.toml: version of `{name}`: {error}"));
                None
            }
        };
        let (mut tags, odd): (Vec<String>, Vec<String>) =
            self.tags.into_iter().partition(|tag| is_tag(tag));
        if !odd.is_empty() || tags.len() > MAX_TAGS {
            notes.push(format!(
                "registry.toml: tags of `{name}`: at most {MAX_TAGS}, each of 1 to {MAX_TAG} bytes on one line; the others are left out"
            ));
        }
        tags.truncate(MAX_TAGS);
        let requires = self.requires.unwrap_or_default();
        AgentRecord {
            version,
            description: self.description,
            tags,
            requires: requires.agents,
            servers: requires.servers,
            programs: requires.programs,
            variables: requires.variables,
        }
    }
}

#[derive(Deserialize, Default)]
struct RawRequires {
    #[serde(default)]
    agents: Vec<String>,
    #[serde(default, rename = "mcp")]
    servers: Vec<String>,
    #[serde(default)]
    programs: Vec<String>,
    #[serde(default, rename = "env")]
    variables: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_file_is_read_and_its_mistakes_noted() {
        let file = RegistryFile::parse(
            "name = \"x\"\n[agents.a]\nversion = \"1.2.0\"\nrequires = { agents = [\"b\"] }\n[agents.b]\nversion = \"new\"\n",
        );
        assert_eq!(file.agents["a"].version, Some(Version::new(1, 2, 0)));
        assert_eq!(file.agents["a"].requires, ["b"]);
        assert_eq!(file.notes.len(), 1);
        assert!(RegistryFile::parse("[agents\n").notes[0].contains("line 1"));
    }

    #[test]
    fn tags_that_are_no_words_are_left_out() {
        let many = vec!["\"x\""; MAX_TAGS + 1].join(", ");
        let long = "x".repeat(MAX_TAG + 1);
        for (tags, kept, notes) in [
            ("\"code review\", \"größe\"", 2, 0),
            ("\"a\", \"\", \"two\\nlines\"", 1, 1),
            (&*format!("\"a\", \"{long}\""), 1, 1),
            (&*many, MAX_TAGS, 1),
        ] {
            let file = RegistryFile::parse(&format!("[agents.a]\ntags = [{tags}]\n"));
            assert_eq!(file.agents["a"].tags.len(), kept, "{tags}");
            assert_eq!(file.notes.len(), notes, "{tags}");
        }
    }
}
