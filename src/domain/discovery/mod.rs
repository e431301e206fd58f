//! Which files of an unprepared repository are agents, and under which name each is offered. Pure: paths and bytes in, findings out.
//!
//! [`plugins`] reads what the repository says of its plugins, [`kinds`] how sure it is that a file is meant as an agent, and [`rank`] which
//! of several agents a name means.
//!
//! By path: every `*.md`, except READMEs and everything below `skills/`, `commands/`, `docs/` and similar folders, unless it is below an
//! `agents/` folder, an agent of a plugin, or a translation. By content: frontmatter with a name and a description, even if its YAML is
//! broken; below `agents/` one of the two is enough, because the file name replaces the other, and so is a text that introduces itself as
//! an agent. An agent of a plugin needs neither, as in the client.

pub mod kinds;
pub mod plugins;
pub mod rank;

use self::kinds::{Kind, Place, is_below_agents, is_copy};
use self::plugins::Plugins;
use super::catalogue::Catalogue;
use super::definition::{Definition, Loaded, Request, Verdict, adapt};
use super::digest::ObjectId;
use super::name::AgentName;
use super::registry_file::AgentRecord;
use super::requirement::Requirements;

/// One agent that a source offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The name that it is found by and installed under.
    pub name: AgentName,
    /// The name as its author wrote it, for example `Frontend Developer`.
    pub title: String,
    /// What it is for, as the client would show it.
    pub description: String,
    /// Its file, relative to the source's root, with `/`.
    pub file: String,
    /// The git blob id of its bytes.
    pub blob: ObjectId,
    /// Whether the client loads the file without changes.
    pub loads: bool,
    /// The tools that it names, except those of MCP servers; `None`: every tool.
    pub tools: Option<Vec<String>>,
    /// The MCP servers that it needs, sorted.
    pub servers: Vec<String>,
    /// Tags from a prepared registry, by which it is found.
    pub tags: Vec<String>,
    /// How sure it is that its author means it as an agent.
    pub kind: Kind,
    /// Whether another agent of the source is meant by its name.
    pub is_behind: bool,
}

/// A file that looks like an agent but is not offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The file, escaped for display.
    pub file: String,
    /// Why, a lower-case fragment.
    pub reason: String,
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// An agent.
    Agent(IndexEntry),
    /// An agent that cannot be offered.
    Refused(Refused),
    /// No agent.
    Nothing,
}

/// Folders whose Markdown files are no agents.
const OTHER_FOLDERS: [&str; 13] = [
    "skills",
    "commands",
    "docs",
    "doc",
    "rules",
    "hooks",
    "output-styles",
    "node_modules",
    "workflows",
    ".github",
    "memory-bank",
    "loops",
    "vendor",
];

/// Files that describe a repository or configure another tool, by their upper-case stem.
const OTHER_FILES: [&str; 9] = [
    "README",
    "CHANGELOG",
    "CONTRIBUTING",
    "LICENSE",
    "LICENCE",
    "CODE_OF_CONDUCT",
    "CLAUDE",
    "AGENTS",
    "SKILL",
];

/// The extension of agent files.
pub const EXTENSION: &str = ".md";

/// Extensions that count only in a source that has no agent in a `.md` file: collections of plain text.
pub const OTHER_EXTENSIONS: [&str; 2] = [".txt", ".markdown"];

/// Whether a file may be an agent, judged by its path.
#[must_use]
pub fn is_candidate(file: &str, extension: &str, plugins: &Plugins) -> bool {
    let (folders, name) = split(file);
    let Some(stem) = name.strip_suffix(extension) else {
        return false;
    };
    if is_document(stem) {
        // The client loads these, too, in plugins; what is in them decides.
        return plugins.holding(file).is_some();
    }
    let is_other = |folder: &&str| OTHER_FOLDERS.contains(folder);
    is_below_agents(file)
        || !folders.iter().any(is_other)
        || plugins.holding(file).is_some()
        || is_translation(file, &folders)
}

/// Whether a file is called like one that describes a repository or configures another tool.
fn is_document(stem: &str) -> bool {
    let stem = stem.to_ascii_uppercase();
    // `README.zh`, `README_de` and `README-zh-CN` are READMEs; `readme-generator` is a name.
    let is_translated = stem
        .strip_prefix("README")
        .is_some_and(|rest| rest.starts_with(['.', '_', '-']) && rest.len() <= 6);
    OTHER_FILES.contains(&stem.as_str()) || is_translated
}

/// Whether a file is a translation outside of an `agents` folder: `docs/` as such is full of other files.
fn is_translation(file: &str, folders: &[&str]) -> bool {
    let others = folders
        .iter()
        .filter(|folder| OTHER_FOLDERS.contains(folder));
    others.clone().count() == 1 && others.copied().all(|folder| folder == "docs") && is_copy(file)
}

/// Decides what a candidate is. `record` returns what a prepared registry says about a name.
pub fn examine<'r>(
    file: &str,
    blob: ObjectId,
    bytes: &[u8],
    plugins: &Plugins,
    record: &dyn Fn(&str) -> Option<&'r AgentRecord>,
) -> Finding {
    let definition = Definition::parse(bytes);
    let place = Place::of(file, plugins);
    let is_pointer = definition.is_pointer() && place != Place::Other;
    if !is_pointer && !is_agent(file, place, &definition) {
        return Finding::Nothing;
    }
    match describe(file, blob, bytes, &definition, record) {
        Ok(entry) => Finding::Agent(entry),
        Err(reason) => Finding::Refused(Refused {
            file: file.escape_debug().to_string(),
            reason,
        }),
    }
}

/// Reads a file that the user named explicitly, whatever it looks like; the error says why it cannot be an agent.
pub fn examine_named<'r>(
    file: &str,
    bytes: &[u8],
    record: &dyn Fn(&str) -> Option<&'r AgentRecord>,
) -> Result<IndexEntry, String> {
    describe(
        file,
        ObjectId::of_blob(bytes),
        bytes,
        &Definition::parse(bytes),
        record,
    )
}

fn describe<'r>(
    file: &str,
    blob: ObjectId,
    bytes: &[u8],
    definition: &Definition<'_>,
    record: &dyn Fn(&str) -> Option<&'r AgentRecord>,
) -> Result<IndexEntry, String> {
    let adapted;
    let (verdict, loads) = match definition.verdict() {
        Verdict::Loads(_) => (definition.verdict().clone(), true),
        Verdict::Skipped(_) => {
            adapted = adapt(bytes, &request(file, definition, record))
                .map_err(|error| error.to_string())?;
            (Definition::parse(&adapted.bytes).verdict().clone(), false)
        }
    };
    let loaded = match verdict {
        Verdict::Loads(loaded) => loaded,
        Verdict::Skipped(reason) => return Err(reason.to_string()),
    };
    let name = AgentName::from_title(&loaded.name).map_err(|error| {
        format!(
            "the name `{}` cannot be a file name: {error}",
            loaded.name.escape_debug()
        )
    })?;
    let servers = servers(bytes);
    let tags = record(name.as_str()).map_or_else(Vec::new, |record| record.tags.clone());
    let Loaded {
        name: title,
        description,
        tools,
        ..
    } = loaded;
    let tools = tools.map(|tools| {
        tools
            .into_iter()
            .filter(|tool| !tool.starts_with("mcp__"))
            .collect()
    });
    Ok(IndexEntry {
        name,
        title,
        description,
        file: file.to_owned(),
        blob,
        loads,
        tools,
        servers,
        tags,
        kind: Kind::Other,
        is_behind: false,
    })
}

/// The servers that a file names; cheap for the many files that name none.
#[must_use]
pub fn servers(bytes: &[u8]) -> Vec<String> {
    let has = |mark: &[u8]| bytes.windows(mark.len()).any(|window| window == mark);
    if !has(b"mcp") {
        return Vec::new();
    }
    let needs = Requirements::of(bytes, None, &Catalogue::default());
    let mut names: Vec<String> = needs
        .server_names()
        .filter(|name| name.len() <= 64)
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The adaptation that is the same for every version of this file; a new name and bindings come from the user.
#[must_use]
pub fn request<'r>(
    file: &str,
    definition: &Definition<'_>,
    record: &dyn Fn(&str) -> Option<&'r AgentRecord>,
) -> Request {
    let stem = stem(file);
    // Without frontmatter, the title of a plain text says more than its file name; Markdown files are named as the client names them.
    let is_named =
        file.ends_with(EXTENSION) || definition.has_frontmatter() || definition.title().is_none();
    let fallback_name = is_named
        .then(|| AgentName::from_title(stem).ok())
        .flatten()
        .map(|name| name.to_string());
    let fallback_description = record(stem).and_then(|record| record.description.clone());
    Request {
        repair: true,
        fallback_name,
        fallback_description,
        ..Request::default()
    }
}

/// Whether the content is an agent's, considering where the file is.
fn is_agent(file: &str, place: Place, definition: &Definition<'_>) -> bool {
    if place == Place::Plugin {
        // The client takes READMEs for agents of a plugin, too, but without a name and a description nobody means that.
        let is_meant = ["name", "description"]
            .iter()
            .all(|key| definition.get(key).is_some());
        return is_meant || !is_document(stem(file));
    }
    if let Verdict::Loads(_) = definition.verdict() {
        return true;
    }
    let is_below_agents = place == Place::Agents;
    let (has_name, has_description) = (
        definition.get("name").is_some(),
        definition.get("description").is_some(),
    );
    if definition.has_frontmatter() {
        return has_name && has_description || is_below_agents && (has_name || has_description);
    }
    // A fence that is indented, or comes after blank lines, is found by the repair.
    let body = definition.body();
    let trimmed = body.trim_ascii_start();
    if trimmed.len() < body.len() && trimmed.starts_with(b"---") {
        return is_agent(file, place, &Definition::parse(trimmed));
    }
    // Outside of an agents folder a document may show an agent in a code block.
    let is_document = |line: &str| line.trim_start().starts_with("```");
    let text = String::from_utf8_lossy(body);
    let is_shown = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(2)
        .any(is_document);
    if let Some(fenced) = definition.fenced().filter(|_| !is_shown || is_below_agents) {
        return is_agent(file, place, &Definition::parse(fenced.as_bytes()));
    }
    // Skills keep instructions for their own steps in a folder of this name.
    let is_of_skill = split(file).0.contains(&"skills");
    is_below_agents && !is_of_skill && definition.introduces_itself()
}

fn split(file: &str) -> (Vec<&str>, &str) {
    let mut parts: Vec<&str> = file.split('/').collect();
    let name = parts.pop().unwrap_or(file);
    (parts, name)
}

/// The file's name without its folder and extension.
#[must_use]
pub fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(file: &str, text: &str) -> Finding {
        let blob = ObjectId::from_bytes([0; 20]);
        examine(file, blob, text.as_bytes(), &Plugins::default(), &|_| None)
    }

    fn offered(file: &str, text: &str) -> Option<(String, bool)> {
        match finding(file, text) {
            Finding::Agent(entry) => Some((entry.name.to_string(), entry.loads)),
            _ => None,
        }
    }

    #[test]
    fn paths_say_what_may_be_an_agent() {
        let marketplace = r#"{"plugins": [{"name": "p", "source": "./p"}, {"name": "q", "source": "./docs", "agents": "./extra.md"}]}"#;
        let listed = Plugins::of(std::iter::empty(), &|_| Some(marketplace.to_owned()));
        for file in [
            "a.md",
            "agents/a.md",
            "02-backend/x/a.md",
            "plugins/p/agents/a.md",
            ".claude/agents/a.md",
            "agents/docs/a.md",
            "agents/readme-generator.md",
            "agents/security.md",
            "docs/extra.md",
            "docs/zh-CN/a.md",
            "p/agents/README.md",
        ] {
            assert!(is_candidate(file, EXTENSION, &listed), "{file}");
        }
        for file in [
            "README.md",
            "agents/README.md",
            "agents/readme.zh.md",
            "skills/x/SKILL.md",
            "skills/x/guide.md",
            "commands/a.md",
            "docs/a.md",
            "CLAUDE.md",
            "a.MD",
            "a.txt",
            ".github/a.md",
        ] {
            assert!(!is_candidate(file, EXTENSION, &listed), "{file}");
        }
    }

    #[test]
    fn content_decides() {
        let agent = "---\nname: planner\ndescription: plans\n---\nPlan.\n";
        assert_eq!(offered("x.md", agent), Some(("planner".to_owned(), true)));
        let broken = "---\nname: planner\ndescription: plans. Examples:\n\nContext: many\nuser: \"hi\"\n---\nPlan.\n";
        assert_eq!(offered("x.md", broken), Some(("planner".to_owned(), false)));
        let nameless = "---\ndescription: plans things\n---\nPlan.\n";
        assert_eq!(offered("x.md", nameless), None);
        assert_eq!(
            offered("plugins/p/agents/plan-maker.md", nameless),
            Some(("plan-maker".to_owned(), false))
        );
        assert_eq!(
            offered("x.md", &format!("\n  {agent}")),
            Some(("planner".to_owned(), false))
        );
        assert_eq!(offered("page.md", "# A page\n\nSome text.\n"), None);
        let plain = "# Planning Agent\n\n**Identity**: somebody who plans\n\nPlan.\n";
        assert_eq!(offered("x.md", plain), None);
        assert_eq!(offered("agents/x.md", plain), Some(("x".to_owned(), false)));
        assert_eq!(offered("skills/s/agents/x.md", plain), None);
    }

    #[test]
    fn keys_without_fences_are_an_agent_and_a_pointer_is_none() {
        let keys = "# Planner\n\nname: planner\ndescription: Plans.\nUse PROACTIVELY when: work begins\ntools: Read\n\nPlan.\n";
        assert_eq!(offered("x.md", keys), Some(("planner".to_owned(), false)));
        let shown = "# How to\n\n```yaml\nname: planner\ndescription: plans\n```\n";
        assert_eq!(offered("x.md", shown), None);
        assert!(offered("agents/x.md", shown).is_some());
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
        assert_eq!(finding("x.md", pointer), Finding::Nothing);
        let Finding::Refused(refused) = finding("agents/x.md", pointer) else {
            panic!("it was offered");
        };
        assert!(refused.reason.contains("git-lfs"), "{}", refused.reason);
        let named = examine_named("x.md", pointer.as_bytes(), &|_| None);
        assert!(named.is_err_and(|reason| reason.contains("git-lfs")));
    }

    #[test]
    fn documents_of_a_plugin_are_agents_if_they_say_so() {
        let marketplace = r#"{"plugins": [{"name": "p", "source": "./"}]}"#;
        let plugins = Plugins::of(std::iter::empty(), &|_| Some(marketplace.to_owned()));
        let blob = ObjectId::from_bytes([0; 20]);
        for (file, text, expected) in [
            ("agents/README.md", "# The agents\n\nWords.\n", false),
            ("agents/README.md", "---\ntitle: x\n---\n\nWords.\n", false),
            (
                "agents/x/SKILL.md",
                "---\nname: a\ndescription: d\n---\n",
                true,
            ),
            (
                "agents/readme.md",
                "---\nname: readme\ndescription: d\n---\n",
                true,
            ),
            ("agents/notes.md", "Some words.\n", true),
        ] {
            let found = examine(file, blob, text.as_bytes(), &plugins, &|_| None);
            let is_agent = matches!(found, Finding::Agent(_));
            assert_eq!(is_agent, expected, "{file}: {text:?}: {found:?}");
        }
    }

    #[test]
    fn names_that_read_as_paths_are_refused_with_a_reason() {
        let Finding::Refused(refused) =
            finding("x.md", "---\nname: ../evil\ndescription: d\n---\nb\n")
        else {
            panic!("it was offered");
        };
        assert!(refused.reason.contains("`../evil`"), "{}", refused.reason);
    }
}
