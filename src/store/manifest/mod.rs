//! `agentpkg.toml`: what the user wants, as a typed view. `read` makes it from the file's text, `edit` changes both, with `entry`.

mod edit;
mod entry;
mod read;

pub use self::read::is_entry_key;

use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::DocumentMut;

use crate::domain::digest::Digest;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::overrides::Overrides;
use crate::domain::policy::{Policy, Violation};
use crate::domain::spec::{Source, Target};
use crate::domain::version::VersionRequest;
use crate::error::{Failure, Kind, Location, Result};

/// The file's name in a project.
pub const FILE_NAME: &str = "agentpkg.toml";

/// The byte order mark that some editors begin a file with.
const MARK: &str = "\u{feff}";

/// The largest manifest that is read, in bytes.
pub const MAX_SIZE: u64 = 4 << 20;

/// Where a wanted agent comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// Any registry that has it.
    #[default]
    Any,
    /// A registry of this manifest, or the built-in one.
    Registry(RegistryName),
    /// A repository or folder that is not a registry.
    Source(Source),
}

/// One agent of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Where it comes from.
    pub origin: Origin,
    /// Which agent there; `None`: the one with the same name as the entry.
    pub target: Option<Target>,
    /// Which version.
    pub version: Option<VersionRequest>,
    /// Installed exactly as upstream wrote it, even if the client does not load it.
    pub is_verbatim: bool,
    /// Keys of the frontmatter that always keep the user's value.
    pub pins: Vec<String>,
    /// Bindings: upstream's name of a server to the user's.
    pub bind: BTreeMap<String, String>,
    /// Whether it stays as it is, unmentioned, once upstream no longer has it.
    pub keeps_gone: bool,
    /// Values that it has instead of upstream's; `[defaults]` are not in it.
    pub overrides: Overrides,
}

impl Wanted {
    /// Any version of the agent with this name.
    #[must_use]
    pub fn anything() -> Self {
        Self::default()
    }
}

/// The value of `install.follow-symlinks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowLinks {
    /// The projects whose agents folder may be a link.
    Folders(Vec<String>),
    /// Something other than a list of folders.
    Other,
}

/// A manifest: the document that the user wrote, and what it says.
#[derive(Debug, Clone)]
pub struct Manifest {
    original: String,
    /// Whether there is no file.
    is_absent: bool,
    /// The document with its edits; created at the first edit, because most commands make none.
    edited: Option<DocumentMut>,
    registries: Vec<(RegistryName, Source)>,
    agents: BTreeMap<AgentName, Wanted>,
    /// The overrides of agents that are only required, as entries that say nothing else.
    required: BTreeMap<AgentName, Wanted>,
    /// Where each name is written that is removed from a list of tools, by agent and assignment.
    removals: BTreeMap<(AgentName, String), usize>,
    /// The first key of each entry of an agent that is not known.
    unknown_keys: BTreeMap<AgentName, Location>,
    /// What all agents have instead of upstream's values.
    defaults: Overrides,
    follow_links: Option<FollowLinks>,
    policy: Policy,
    /// Where each rule of the policy is written.
    rules: BTreeMap<String, Range<usize>>,
    warnings: Vec<String>,
    /// The first unknown top-level key, with its place and the setting that may be meant.
    misread: Option<(String, Range<usize>, Option<&'static str>)>,
}

impl Manifest {
    /// An empty manifest.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            original: String::new(),
            is_absent: true,
            edited: None,
            registries: Vec::new(),
            agents: BTreeMap::new(),
            required: BTreeMap::new(),
            removals: BTreeMap::new(),
            unknown_keys: BTreeMap::new(),
            defaults: Overrides::default(),
            follow_links: None,
            policy: Policy::default(),
            rules: BTreeMap::new(),
            warnings: Vec::new(),
            misread: None,
        }
    }

    /// The registries, in the order they are asked; without the built-in one.
    #[must_use]
    pub fn registries(&self) -> &[(RegistryName, Source)] {
        &self.registries
    }

    /// The source of a registry, if there is one of that name.
    #[must_use]
    pub fn registry(&self, name: &RegistryName) -> Option<Source> {
        let found = self.registries.iter().find(|(known, _)| known == name);
        found
            .map(|(_, source)| source.clone())
            .or_else(|| name.is_builtin().then_some(Source::Builtin))
    }

    /// The wanted agents, sorted by name.
    #[must_use]
    pub fn agents(&self) -> &BTreeMap<AgentName, Wanted> {
        &self.agents
    }

    /// The agents with overrides that are only required, each as an entry that says nothing else.
    #[must_use]
    pub fn required(&self) -> &BTreeMap<AgentName, Wanted> {
        &self.required
    }

    /// What is wanted of an agent that another one requires: anything, with its overrides.
    #[must_use]
    pub fn as_required(&self, name: &AgentName) -> Wanted {
        self.required.get(name).cloned().unwrap_or_default()
    }

    /// What is wanted of an agent: what its entry says, or, if it is only required, anything, with its overrides.
    #[must_use]
    pub fn entry(&self, name: &AgentName) -> Wanted {
        let entry = self.agents.get(name).cloned();
        entry.unwrap_or_else(|| self.as_required(name))
    }

    /// What stands for all that the entry of an agent says: equal entries have equal digests, however they are written.
    #[must_use]
    pub fn digest_of(&self, name: &AgentName) -> Digest {
        let said = (self.agents.get(name), self.required.get(name));
        Digest::of(format!("{said:?}").as_bytes())
    }

    /// The same of the entry of a registry.
    #[must_use]
    pub fn digest_of_registry(&self, name: &RegistryName) -> Digest {
        Digest::of(format!("{:?}", self.registry(name)).as_bytes())
    }

    /// The line in which the name is that an assignment of an agent, such as `tools-=Bash`, removes from a list.
    #[must_use]
    pub fn line_of_removal(&self, name: &AgentName, assignment: &str) -> Option<usize> {
        self.removals
            .get(&(name.clone(), assignment.to_owned()))
            .copied()
    }

    /// The overrides of an agent: its own and `[defaults]`. An agent that is installed exactly as upstream wrote it has none.
    #[must_use]
    pub fn overrides_of(&self, wanted: &Wanted) -> Overrides {
        if wanted.is_verbatim {
            return Overrides::default();
        }
        wanted.overrides.with_defaults(&self.defaults, &wanted.pins)
    }

    /// The value of `install.follow-symlinks`, if it is there. It counts only in the user's manifest.
    #[must_use]
    pub fn follows_links(&self) -> Option<&FollowLinks> {
        self.follow_links.as_ref()
    }

    /// What agents and servers may not have.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The failure about a violation of the policy, which shows the rule.
    #[must_use]
    pub fn forbidden(&self, message: impl Into<String>, violation: &Violation) -> Failure {
        let failure = Failure::new(Kind::Consent, message);
        let failure = match self.rules.get(violation.rule) {
            Some(span) => failure.at(Location {
                path: FILE_NAME.to_owned(),
                source: bare(&self.original).to_owned(),
                span: span.clone(),
                label: violation.what.clone(),
            }),
            None => failure.caused_by(violation),
        };
        failure.hint(format!(
            "the rule is `policy.{}` of this project; `--allow` does not override it",
            violation.rule
        ))
    }

    /// Refuses to draw conclusions from what is missing in the manifest while part of it is not understood. `lost`: the agents that would
    /// be removed.
    pub fn refuse_guess(&self, lost: &[&AgentName]) -> Result<()> {
        let (Some((key, span, meant)), [_, ..]) = (&self.misread, lost) else {
            return Ok(());
        };
        let names: Vec<&str> = lost.iter().map(|name| name.as_str()).collect();
        let label = meant.map_or_else(
            || "this version does not know it".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        let failure = Failure::failed(format!(
            "`{key}` is not a setting, so it is not clear whether these agents are wanted"
        ))
        .at(Location {
            path: FILE_NAME.to_owned(),
            source: bare(&self.original).to_owned(),
            span: span.clone(),
            label,
        })
        .detail(names.join(", "));
        Err(match meant {
            Some(meant) => failure.hint(format!(
                "write `[{meant}]`; or take `{key}` out, if the agents are meant to go"
            )),
            None => failure.hint(format!("take `{key}` out, if the agents are meant to go")),
        })
    }

    /// Where the entry of an agent has a key that is not known, and what that may be meant for.
    #[must_use]
    pub fn unknown_key(&self, name: &AgentName) -> Option<&Location> {
        self.unknown_keys.get(name)
    }

    /// Likely mistakes that do not stop a command.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The digest of the file as it was read; `None`: there is no file.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        (!self.is_absent).then(|| Digest::of(self.original.as_bytes()))
    }

    /// Whether an edit changed anything.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.to_text() != self.original
    }
}

/// The text without a byte order mark.
fn bare(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// The text of a source in the manifest and the lockfile: the whole URL or the path, never a shorthand.
#[must_use]
pub fn source_text(source: &Source) -> String {
    match source {
        Source::Builtin => RegistryName::BUILTIN.to_owned(),
        Source::Git(url) => url.as_str().to_owned(),
        Source::Folder(path) | Source::File(path) => path.clone(),
    }
}

/// Whether a server's name can be part of a tool's name.
#[must_use]
pub fn is_bindable(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 128 && name.chars().all(is_plain) && !name.contains("__")
}

#[cfg(test)]
mod tests;
