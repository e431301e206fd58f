//! `agentpkg.lock`: what is installed, exactly. Text in, text out; no files here.
//!
//! The version comes first, agents are sorted by name, and there are no time stamps: the same state gives the same bytes on every machine.
//! A file in a newer format is refused; an older one is read, and rewritten only when something else changes.

mod raw;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt::Write as _;

use serde::Deserialize;

pub use self::raw::FORMAT;
use self::raw::{Entry, File, HEADER, RawServer};
use super::mcp_file::Created;
use crate::domain::digest::{Digest, ObjectId};
use crate::domain::folder::Folder;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::overrides::Overrides;
use crate::domain::shell::Command;
use crate::domain::version::Reference;
use crate::error::{Advice, Failure, Location, Result};

/// The file's name in a project.
pub const FILE_NAME: &str = "agentpkg.lock";

/// The largest lockfile that is read, in bytes.
pub const MAX_SIZE: u64 = 64 << 20;

/// One installed agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedAgent {
    /// The folder that its file is in, below the agents folder.
    pub folder: Folder,
    /// The registry that it was found in; `None`: a direct source.
    pub registry: Option<RegistryName>,
    /// `builtin`, a URL, or a path as in the manifest.
    pub source: String,
    /// The name that the agent has upstream.
    pub agent: String,
    /// Its file in the source, with `/`.
    pub file: String,
    /// The version, where the source has versions.
    pub version: Option<String>,
    /// What the version that was asked for is in the source; `None`: none was, or a commit by its whole id.
    pub reference: Option<Reference>,
    /// The commit, if the source is a git repository.
    pub commit: Option<ObjectId>,
    /// The git blob id of the upstream bytes.
    pub blob: ObjectId,
    /// The SHA-256 of the upstream bytes.
    pub sha256: Digest,
    /// The SHA-256 of the merge base: the upstream bytes after adaptation.
    pub base: Digest,
    /// The adaptations, in the order applied: `repair:description`, `rename:backend-architect`.
    pub adaptations: Vec<String>,
    /// Other installed agents that this one requires.
    pub requires: Vec<AgentName>,
    /// Consents given for this agent: `hooks`, `permissionMode`, `mcpServers`.
    pub allowed: Vec<String>,
    /// The overrides that the file was written with.
    pub overrides: Overrides,
    /// The SHA-256 of the base with them; `None`: there are none that change it.
    pub written: Option<Digest>,
}

/// An entry of `.mcp.json` that agentpkg added with the user's consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedServer {
    /// The registry whose catalogue has it.
    pub registry: String,
    /// Its name in the catalogue.
    pub entry: String,
    /// Its version there.
    pub version: String,
    /// The digest of the entry that was consented to.
    pub sha256: Digest,
}

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lockfile {
    /// The agents, sorted by the name that each is installed under.
    pub agents: BTreeMap<AgentName, LockedAgent>,
    /// The servers that were added, by the name that each has in `.mcp.json`.
    pub servers: BTreeMap<String, LockedServer>,
    /// What was created to hold the first of them.
    pub created: Option<Created>,
}

impl Lockfile {
    /// Reads a lockfile; `path` is for messages.
    pub fn parse(text: &str, path: &str) -> Result<Self> {
        let file = Self::read(text, path)?;
        Self::check(file).map_err(|reason| broken(text, path, None, reason))
    }

    /// Reads the text, without checking what the values mean.
    fn read<'t>(text: &'t str, path: &str) -> Result<File<'t>> {
        // Conflict markers of a version control system are the usual damage, so they have their own message.
        if let Some(start) = text
            .find("<<<<<<< ")
            .filter(|start| *start == 0 || text.as_bytes()[start - 1] == b'\n')
        {
            let span = start..start + 7;
            let location = Location {
                path: path.to_owned(),
                source: text.to_owned(),
                span,
                label: "a conflict marker of a version control system".to_owned(),
            };
            return Err(
                Failure::failed(format!("`{path}` has an unresolved merge conflict"))
                    .at(location)
                    .hint(
                        Advice::run(Command::new(["install"]))
                            .and(" merges both sides, and says what it took"),
                    ),
            );
        }
        if let Some(file) = raw::read(text) {
            return Ok(file);
        }
        let file = toml::from_str::<File<'_>>(text);
        // A newer format may have keys that this one refuses, so the version is checked first.
        let version = match &file {
            Ok(file) => file.version,
            Err(_) => toml::from_str::<Header>(text).map_or(FORMAT, |header| header.version),
        };
        if version > FORMAT {
            return Err(Failure::failed(format!(
                "`{path}` has format {version}, this agentpkg knows up to {FORMAT}"
            ))
            .hint("install a newer agentpkg"));
        }
        file.map_err(|error| broken(text, path, error.span(), error.message().to_owned()))
    }

    fn check(file: File<'_>) -> Result<Self, String> {
        let mut lockfile = Self::default();
        for entry in file.agent {
            let (name, agent) = entry.check()?;
            match lockfile.agents.entry(name) {
                Slot::Vacant(slot) => {
                    slot.insert(agent);
                }
                Slot::Occupied(slot) => return Err(format!("`{}` is in it twice", slot.key())),
            }
        }
        for server in file.server {
            let wrong = |key: &str, value: &str, reason: &dyn std::fmt::Display| {
                format!(
                    "`{key}` of the server `{}` is `{}`: {reason}",
                    server.name.escape_debug(),
                    value.escape_debug()
                )
            };
            let sha256 = server
                .sha256
                .parse()
                .map_err(|error| wrong("sha256", &server.sha256, &error))?;
            let RawServer {
                name,
                registry,
                entry,
                version,
                ..
            } = server;
            if lockfile
                .servers
                .insert(
                    name.clone(),
                    LockedServer {
                        registry,
                        entry,
                        version,
                        sha256,
                    },
                )
                .is_some()
            {
                return Err(format!(
                    "the server `{}` is in it twice",
                    name.escape_debug()
                ));
            }
        }
        lockfile.created = match file.mcp_json.as_deref() {
            None => None,
            Some(text) => Some(
                Created::parse(text)
                    .ok_or_else(|| format!("`mcp-json` is `{}`", text.escape_debug()))?,
            ),
        };
        Ok(lockfile)
    }

    /// The folder of an agent's file; the agents folder itself if it is not installed.
    #[must_use]
    pub fn folder(&self, name: &AgentName) -> &Folder {
        let locked = self.agents.get(name);
        locked.map_or(Folder::top(), |locked| &locked.folder)
    }

    /// The agent whose file has this path below the agents folder.
    #[must_use]
    pub fn at(&self, below: &str) -> Option<(&AgentName, &LockedAgent)> {
        let (folder, name) = Folder::split(below.strip_suffix(".md")?).ok()?;
        let found = self.agents.get_key_value(&name);
        found.filter(|(_, locked)| locked.folder == folder)
    }

    /// The text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.to_text_with(&BTreeMap::new(), ["", ""])
    }

    /// The same with agents about which two lockfiles do not agree: both entries between conflict markers. `labels`: what stands behind the
    /// markers.
    #[must_use]
    pub fn to_text_with(
        &self,
        open: &BTreeMap<AgentName, [LockedAgent; 2]>,
        labels: [&str; 2],
    ) -> String {
        let mut text = format!("{HEADER}\nversion = {FORMAT}\n");
        if let Some(created) = self.created {
            let _ = writeln!(text, "mcp-json = \"{}\"", created.as_str());
        }
        let mut names: Vec<&AgentName> = self.agents.keys().chain(open.keys()).collect();
        names.sort();
        names.dedup();
        let entry = |name: &AgentName, agent: &LockedAgent| {
            let mut text = String::new();
            let written = agent.write(name, &mut text);
            written.expect("writing to a string cannot fail");
            text
        };
        for name in names {
            if let Some([ours, theirs]) = open.get(name) {
                let [ours, theirs] = [ours, theirs].map(|agent| entry(name, agent));
                let start = format!("<<<<<<< {}", labels[0]);
                let end = format!(">>>>>>> {}", labels[1]);
                let (start, end) = (start.trim_end(), end.trim_end());
                let _ = write!(text, "{start}\n{ours}=======\n{theirs}{end}\n");
            } else if let Some(agent) = self.agents.get(name) {
                text.push_str(&entry(name, agent));
            }
        }
        for (
            name,
            LockedServer {
                registry,
                entry,
                version,
                sha256,
            },
        ) in &self.servers
        {
            let [name, registry, entry, version] =
                [name, registry, entry, version].map(|text| quote(text));
            let _ = writeln!(
                text,
                "\n[[server]]\nname = {name}\nregistry = {registry}\nentry = {entry}\nversion = {version}\nsha256 = \"{sha256}\""
            );
        }
        text
    }
}

impl LockedAgent {
    /// The SHA-256 of the file while nobody has edited it: the base with the overrides.
    #[must_use]
    pub fn unedited(&self) -> Digest {
        self.written.unwrap_or(self.base)
    }

    /// The bindings: upstream's name of each server to the user's.
    #[must_use]
    pub fn bindings(&self) -> BTreeMap<String, String> {
        let bind = self
            .adaptations
            .iter()
            .filter_map(|adaptation| adaptation.strip_prefix("bind:")?.split_once('='));
        bind.map(|(from, to)| (from.to_owned(), to.to_owned()))
            .collect()
    }

    fn write(&self, name: &AgentName, text: &mut String) -> std::fmt::Result {
        let list = |items: &mut dyn Iterator<Item = &str>| {
            format!("[{}]", items.map(quote).collect::<Vec<_>>().join(", "))
        };
        writeln!(text, "\n[[agent]]\nname = {}", quote(name.as_str()))?;
        if !self.folder.is_top() {
            writeln!(text, "path = {}", quote(&self.folder.file(name)))?;
        }
        if let Some(registry) = &self.registry {
            writeln!(text, "registry = {}", quote(registry.as_str()))?;
        }
        writeln!(text, "source = {}", quote(&self.source))?;
        if self.agent != name.as_str() {
            writeln!(text, "agent = {}", quote(&self.agent))?;
        }
        writeln!(text, "file = {}", quote(&self.file))?;
        if let Some(version) = &self.version {
            writeln!(text, "version = {}", quote(version))?;
        }
        if let Some(reference) = &self.reference {
            writeln!(text, "reference = {}", quote(&reference.to_string()))?;
        }
        if let Some(commit) = &self.commit {
            writeln!(text, "commit = \"{commit}\"")?;
        }
        writeln!(
            text,
            "blob = \"{}\"\nsha256 = \"{}\"\nbase = \"{}\"",
            self.blob, self.sha256, self.base
        )?;
        let overrides = self.overrides.texts();
        let lists: [(&str, Vec<&str>); 4] = [
            (
                "adaptations",
                self.adaptations.iter().map(String::as_str).collect(),
            ),
            (
                "requires",
                self.requires.iter().map(AgentName::as_str).collect(),
            ),
            ("allowed", self.allowed.iter().map(String::as_str).collect()),
            ("overrides", overrides.iter().map(String::as_str).collect()),
        ];
        for (key, values) in lists {
            if !values.is_empty() {
                writeln!(text, "{key} = {}", list(&mut values.into_iter()))?;
            }
        }
        if let Some(written) = &self.written {
            writeln!(text, "written = \"{written}\"")?;
        }
        Ok(())
    }
}

fn broken(text: &str, path: &str, span: Option<std::ops::Range<usize>>, label: String) -> Failure {
    let failure = Failure::failed(format!("`{path}` is not a lockfile"));
    let failure = match span {
        Some(span) => failure.at(Location {
            path: path.to_owned(),
            source: text.to_owned(),
            span,
            label,
        }),
        None => failure.caused_by(label),
    };
    failure.hint(
        Advice::say(format!(
            "restore `{path}` from version control; or delete it and run "
        ))
        .and_run(Command::new(["install"]))
        .and(" to resolve anew"),
    )
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[derive(Deserialize)]
struct Header {
    version: u32,
}

impl Entry<'_> {
    fn check(self) -> Result<(AgentName, LockedAgent), String> {
        let wrong = |key: &str, value: &str, reason: &dyn std::fmt::Display| {
            format!(
                "`{key}` of `{}` is `{}`: {reason}",
                self.name.escape_debug(),
                value.escape_debug()
            )
        };
        let name = AgentName::new(&self.name).map_err(|error| wrong("name", &self.name, &error))?;
        let id = |key: &str, value: &str| {
            value
                .parse::<ObjectId>()
                .map_err(|error| wrong(key, value, &error))
        };
        let digest = |key: &str, value: &str| {
            value
                .parse::<Digest>()
                .map_err(|error| wrong(key, value, &error))
        };
        let registry = self
            .registry
            .as_deref()
            .map(|text| RegistryName::new(text).map_err(|error| wrong("registry", text, &error)));
        let reference = self
            .reference
            .as_deref()
            .map(|text| Reference::parse(text).map_err(|error| wrong("reference", text, &error)));
        let requires = self
            .requires
            .iter()
            .map(|text| AgentName::new(text).map_err(|error| wrong("requires", text, &error)));
        let folder = match &self.path {
            None => Folder::default(),
            Some(path) => {
                let stem = path.strip_suffix(".md").unwrap_or(path);
                let (folder, _) =
                    Folder::split(stem).map_err(|error| wrong("path", path, &error))?;
                if folder.file(&name) != *path {
                    return Err(wrong("path", path, &"it is not the file of this agent"));
                }
                folder
            }
        };
        let agent = LockedAgent {
            folder,
            registry: registry.transpose()?,
            reference: reference.transpose()?,
            commit: self
                .commit
                .as_deref()
                .map(|commit| id("commit", commit))
                .transpose()?,
            blob: id("blob", &self.blob)?,
            sha256: digest("sha256", &self.sha256)?,
            base: digest("base", &self.base)?,
            requires: requires.collect::<Result<_, _>>()?,
            overrides: Overrides::read(self.overrides.iter().map(String::as_str))
                .map_err(|error| wrong("overrides", &self.overrides.join(", "), &error))?,
            written: (self.written.as_deref())
                .map(|written| digest("written", written))
                .transpose()?,
            agent: self.agent.unwrap_or(self.name).into_owned(),
            source: self.source.into_owned(),
            file: self.file.into_owned(),
            version: self.version.map(Cow::into_owned),
            adaptations: self.adaptations,
            allowed: self.allowed,
        };
        Ok((name, agent))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An entry with every possible key.
    fn lockfile() -> Lockfile {
        let mut lockfile = Lockfile::default();
        lockfile
            .agents
            .insert(AgentName::new("b").unwrap(), agent());
        lockfile.agents.insert(
            AgentName::new("a").unwrap(),
            LockedAgent {
                folder: Folder::split("review/security/a").unwrap().0,
                registry: None,
                reference: None,
                commit: None,
                version: None,
                ..agent()
            },
        );
        let server = LockedServer {
            registry: "builtin".to_owned(),
            entry: "io.x/y".to_owned(),
            version: "1.0".to_owned(),
            sha256: Digest::of(b"c"),
        };
        lockfile.servers.insert("a \"b\"".to_owned(), server);
        lockfile.created = Some(Created::Key);
        lockfile
    }

    fn agent() -> LockedAgent {
        LockedAgent {
            folder: Folder::default(),
            registry: Some(RegistryName::builtin()),
            source: "builtin".to_owned(),
            agent: "Backend \"Architect\"".to_owned(),
            file: "agents/backend-architect.md".to_owned(),
            version: Some("1.0.0".to_owned()),
            reference: Some(Reference::Tag("v1.0.0".to_owned())),
            commit: Some("0123456789abcdef0123456789abcdef01234567".parse().unwrap()),
            blob: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
            sha256: Digest::of(b"a"),
            base: Digest::of(b"b"),
            adaptations: vec!["repair:description".to_owned()],
            requires: vec![AgentName::new("other").unwrap()],
            allowed: vec!["hooks".to_owned()],
            overrides: Overrides::read(["model=haiku", "tools+=Bash(git *)"]).unwrap(),
            written: Some(Digest::of(b"c")),
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let lockfile = lockfile();
        let text = lockfile.to_text();
        assert_eq!(Lockfile::parse(&text, FILE_NAME).unwrap(), lockfile);
        assert!(text.find("name = \"a\"") < text.find("name = \"b\""));
    }

    #[test]
    fn damage_is_named() {
        let mut lockfile = Lockfile::default();
        lockfile
            .agents
            .insert(AgentName::new("a").unwrap(), agent());
        let text = lockfile.to_text();
        let message = |text: &str| Lockfile::parse(text, FILE_NAME).unwrap_err().to_string();
        assert!(message(&text.replace("version = 1\n", "version = 2\n")).contains("has format 2"));
        assert!(
            message(&text.replace("name = \"a\"", "name = \"../a\"")).contains("reads as a path")
        );
        assert!(message(&text.replace("base = \"", "base = \"x")).contains("64 lower-case hex"));
        for path in ["../a.md", "x/b.md", "x/a", "/x/a.md", "x/../a.md"] {
            let text = text.replace("source =", &format!("path = \"{path}\"\nsource ="));
            assert!(message(&text).contains("`path` of `a` is"), "{path}");
        }
        assert!(message(&format!("<<<<<<< HEAD\n{text}")).contains("unresolved merge conflict"));
        let twice = &text[text.find("\n[[agent]]").unwrap()..];
        assert!(message(&format!("{text}{twice}")).contains("twice"));
        for end in 0..text.len() {
            let _ = Lockfile::parse(&text[..end], FILE_NAME);
        }
    }

    proptest! {
        #[test]
        fn any_strings_survive(source in any::<String>(), file in any::<String>(), version in any::<Option<String>>()) {
            let mut lockfile = Lockfile::default();
            lockfile.agents.insert(AgentName::new("a").unwrap(), LockedAgent { source, file, version, ..agent() });
            prop_assert_eq!(Lockfile::parse(&lockfile.to_text(), FILE_NAME).unwrap(), lockfile);
        }
    }
}
