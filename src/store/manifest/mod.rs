//! `agentpkg.toml`: what the user wants. A typed view, and edits that keep every other byte of the file.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::{Document, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::domain::digest::Digest;
use crate::domain::likeness::nearest;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::policy::{self, Policy, Violation};
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Whichever registry has it.
    Any,
    /// A registry of this manifest, or the built-in one.
    Registry(RegistryName),
    /// A repository or folder of its own.
    Source(Source),
}

/// One agent of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where it comes from.
    pub origin: Origin,
    /// Which agent there; `None`: the one with the same name as the entry.
    pub target: Option<Target>,
    /// Which version.
    pub version: Option<VersionRequest>,
    /// Installed exactly as upstream wrote it, though the client may not load it.
    pub is_verbatim: bool,
    /// Keys of the frontmatter that stay as the user has them, whatever upstream does.
    pub pins: Vec<String>,
    /// MCP servers by the user's own names: upstream's name to the user's.
    pub bind: BTreeMap<String, String>,
}

impl Wanted {
    /// Any version of whatever answers to the name.
    #[must_use]
    pub fn anything() -> Self {
        Self {
            origin: Origin::Any,
            target: None,
            version: None,
            is_verbatim: false,
            pins: Vec::new(),
            bind: BTreeMap::new(),
        }
    }
}

/// What `install.follow-symlinks` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowLinks {
    /// The projects whose agents folder may be a link.
    Folders(Vec<String>),
    /// Something that is no list of folders.
    Other,
}

/// A manifest: the document that the user wrote, and what it says.
#[derive(Debug, Clone)]
pub struct Manifest {
    original: String,
    /// Whether there is no file.
    is_absent: bool,
    /// The document with its edits; made at the first one, as most commands make none.
    edited: Option<DocumentMut>,
    registries: Vec<(RegistryName, Source)>,
    agents: BTreeMap<AgentName, Wanted>,
    follow_links: Option<FollowLinks>,
    policy: Policy,
    /// Where each rule of the policy stands.
    rules: BTreeMap<String, Range<usize>>,
    warnings: Vec<String>,
    /// The first top-level key that is no setting, with where it stands and the setting that may be meant.
    misread: Option<(String, Range<usize>, Option<&'static str>)>,
}

/// The top-level keys.
const SECTIONS: [&str; 4] = ["agents", "registries", "policy", "install"];

impl Manifest {
    /// A manifest that says nothing yet.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            original: String::new(),
            is_absent: true,
            edited: None,
            registries: Vec::new(),
            agents: BTreeMap::new(),
            follow_links: None,
            policy: Policy::default(),
            rules: BTreeMap::new(),
            warnings: Vec::new(),
            misread: None,
        }
    }

    /// Reads a manifest; `path` is for messages.
    pub fn parse(text: &str, path: &str) -> Result<Self> {
        let original = text;
        let text = bare(text);
        let reader = Reader {
            text,
            path,
            last: RefCell::new(None),
        };
        let document = Document::parse(text).map_err(|error| {
            if let Some(span) = conflict_marker(text) {
                let label = "a conflict marker of a version control system".to_owned();
                return reader
                    .failure(
                        format!("`{path}` holds an unresolved merge conflict"),
                        Some(span),
                        label,
                    )
                    .hint("keep the lines that you want of both sides, and remove the markers");
            }
            let message = error
                .message()
                .lines()
                .next()
                .unwrap_or("not TOML")
                .to_owned();
            reader.failure(format!("`{path}` is not valid TOML"), error.span(), message)
        })?;
        let mut manifest = Self::empty();
        for (key, item) in document.as_table() {
            match key {
                "registries" => manifest.registries = reader.registries(item)?,
                "agents" => manifest.agents = reader.agents(item, &mut manifest.warnings)?,
                "policy" => (manifest.policy, manifest.rules) = reader.policy(item)?,
                "install" => manifest.follow_links = reader.follow_links(item)?,
                _ => {
                    let meant = near(key);
                    let hint = meant
                        .map(|meant| format!("; did you mean `{meant}`?"))
                        .unwrap_or_default();
                    manifest.warnings.push(format!(
                        "`{key}` in {path} is not a setting that this version knows{hint}"
                    ));
                    let span = document
                        .as_table()
                        .key(key)
                        .and_then(toml_edit::Key::span)
                        .unwrap_or_default();
                    manifest
                        .misread
                        .get_or_insert((key.to_owned(), span, meant));
                }
            }
        }
        original.clone_into(&mut manifest.original);
        manifest.is_absent = false;
        Ok(manifest)
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

    /// What `install.follow-symlinks` says, if it is there. It counts in the manifest of the user only.
    #[must_use]
    pub fn follows_links(&self) -> Option<&FollowLinks> {
        self.follow_links.as_ref()
    }

    /// What agents and servers may not have.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The failure that says what is against the policy, and shows the rule.
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
            "the rule is `policy.{}` of this project; `--allow` does not outweigh it",
            violation.rule
        ))
    }

    /// Refuses to conclude from what is not in the manifest, if a part of it is not understood. `lost`: the agents that would go.
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

    /// Things that look like mistakes but stop nothing.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The digest of the file as it was read; `None`: there is no file.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        (!self.is_absent).then(|| Digest::of(self.original.as_bytes()))
    }

    /// Whether an edit changed something.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.to_text() != self.original
    }

    /// The file's text: lines that no edit concerned are the very bytes that they were.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Some(document) = &self.edited else {
            return self.original.clone();
        };
        // The document knows neither the mark nor the line endings of the text.
        let edited = document.to_string();
        if edited == self.read().to_string() {
            return self.original.clone();
        }
        let mark = if self.original.starts_with(MARK) {
            MARK
        } else {
            ""
        };
        format!("{mark}{}", with_endings_of(bare(&self.original), &edited))
    }

    fn document(&mut self) -> &mut DocumentMut {
        let document = self.edited.take().unwrap_or_else(|| self.read());
        self.edited.insert(document)
    }

    fn read(&self) -> DocumentMut {
        bare(&self.original)
            .parse()
            .expect("it was read as TOML before")
    }

    /// Adds an agent, or changes the entry that it has. Unknown keys of an existing entry stay.
    pub fn set_agent(&mut self, name: &AgentName, wanted: &Wanted) {
        if self.agents.get(name) == Some(wanted) {
            return;
        }
        let table = section(self.document(), "agents");
        let keys = wanted_keys(name, wanted);
        let is_inline = table.get(name.as_str()).is_some_and(Item::is_inline_table);
        // No version of their own is as good as the words for that.
        let says_any = |entry: &dyn TableLike| {
            matches!(
                entry.get("version").and_then(Item::as_str),
                Some("*" | "latest")
            )
        };
        if let Some(entry) = table
            .get_mut(name.as_str())
            .and_then(Item::as_table_like_mut)
        {
            let is_any = wanted.version.is_none() && says_any(entry);
            for key in [
                "registry", "git", "path", "agent", "file", "version", "verbatim", "pin", "bind",
            ] {
                match keys.iter().find(|(known, _)| *known == key) {
                    Some((_, value))
                        if entry
                            .get(key)
                            .and_then(Item::as_value)
                            .is_some_and(|old| same(old, value)) => {}
                    Some((_, Value::InlineTable(new)))
                        if entry.get(key).is_some_and(Item::is_table) =>
                    {
                        set_table(entry.get_mut(key).and_then(Item::as_table_mut), new);
                    }
                    Some((_, value)) => match entry.get_mut(key).and_then(Item::as_value_mut) {
                        Some(old) => put(old, value.clone()),
                        None => drop(entry.insert(key, Item::Value(value.clone()))),
                    },
                    None if key == "version" && is_any => {}
                    None => drop(entry.remove(key)),
                }
            }
            // The space before a closing brace belongs to whatever is last now.
            for (_, item) in entry.iter_mut() {
                if let Some(value) = item.as_value_mut().filter(|_| is_inline) {
                    value.decor_mut().set_suffix("");
                }
            }
            if let Some(value) = entry
                .iter_mut()
                .last()
                .and_then(|(_, item)| item.as_value_mut())
                .filter(|_| is_inline)
            {
                value.decor_mut().set_suffix(" ");
            }
        } else {
            // A text is a version, and a table only where more is to be said.
            let value = match <[_; 1]>::try_from(keys) {
                Ok([("version", version)]) => version,
                keys => {
                    let mut entry = InlineTable::new();
                    for (key, value) in keys.map_or_else(|keys| keys, Vec::from) {
                        entry.insert(key, value);
                    }
                    entry.fmt();
                    Value::InlineTable(entry)
                }
            };
            match table.get_mut(name.as_str()).and_then(Item::as_value_mut) {
                Some(old) => put(old, value),
                None => drop(table.insert(name.as_str(), Item::Value(value))),
            }
        }
        self.agents.insert(name.clone(), wanted.clone());
    }

    /// Adds pins to an agent.
    pub fn add_pins(&mut self, name: &AgentName, keys: &[String]) {
        let Some(mut wanted) = self.agents.get(name).cloned() else {
            return;
        };
        for key in keys {
            if !wanted.pins.contains(key) {
                wanted.pins.push(key.clone());
            }
        }
        self.set_agent(name, &wanted);
    }

    /// Removes an agent; says whether it was there.
    pub fn remove_agent(&mut self, name: &AgentName) -> bool {
        if let Some(table) = self
            .document()
            .get_mut("agents")
            .and_then(Item::as_table_like_mut)
        {
            table.remove(name.as_str());
        }
        self.agents.remove(name).is_some()
    }

    /// Takes back what was edited about the agents of which `is_back` says so, since `original`.
    pub fn take_back(&mut self, is_back: impl Fn(&AgentName) -> bool, original: &Self) {
        // The other edits are made anew: one that is taken back would leave its traces in the spacing and the comments.
        let mut again = original.clone();
        for name in original
            .agents
            .keys()
            .filter(|name| !self.agents.contains_key(*name) && !is_back(name))
        {
            again.remove_agent(name);
        }
        for (name, wanted) in self.agents.iter().filter(|(name, _)| !is_back(name)) {
            again.set_agent(name, wanted);
        }
        *self = again;
    }

    /// Adds a registry, or changes where it points to.
    pub fn set_registry(&mut self, name: &RegistryName, source: &Source) {
        let mut entry = InlineTable::new();
        entry.insert(source_key(source), source_text(source).into());
        entry.fmt();
        section(self.document(), "registries")
            .insert(name.as_str(), Item::Value(Value::InlineTable(entry)));
        match self.registries.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = source.clone(),
            None => self.registries.push((name.clone(), source.clone())),
        }
    }

    /// Removes a registry; says whether it was there.
    pub fn remove_registry(&mut self, name: &RegistryName) -> bool {
        if let Some(table) = self
            .document()
            .get_mut("registries")
            .and_then(Item::as_table_like_mut)
        {
            table.remove(name.as_str());
        }
        let before = self.registries.len();
        self.registries.retain(|(known, _)| known != name);
        self.registries.len() != before
    }
}

/// The text without the mark that may stand before it.
fn bare(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// Where the first conflict begins that a version control system left behind.
fn conflict_marker(text: &str) -> Option<Range<usize>> {
    let is_marker = |line: &&str| {
        ["<<<<<<< ", ">>>>>>> ", "||||||| "]
            .iter()
            .any(|marker| line.starts_with(marker))
    };
    let start: usize = text
        .split_inclusive('\n')
        .take_while(|line| !is_marker(line))
        .map(str::len)
        .sum();
    (start < text.len()).then(|| start..start + 7)
}

/// The text with the line endings of the original: each line its own where the original has it, a new one that of most lines.
fn with_endings_of(original: &str, edited: &str) -> String {
    if !original.contains('\r') {
        return edited.to_owned();
    }
    let is_long = |line: &&str| line.ends_with("\r\n");
    let long = original.split_inclusive('\n').filter(is_long).count();
    let usual = if long * 2 >= original.matches('\n').count() {
        "\r\n"
    } else {
        "\n"
    };
    let old: Vec<&str> = original.split_inclusive('\n').collect();
    let bare = |line: &&str| line.trim_end_matches(['\r', '\n']).to_owned();
    let (before, after): (Vec<String>, Vec<String>) = (
        old.iter().map(bare).collect(),
        edited
            .split_inclusive('\n')
            .map(|line| bare(&line))
            .collect(),
    );
    let mut text = String::with_capacity(edited.len() + after.len());
    for part in similar::capture_diff_slices(similar::Algorithm::Myers, &before, &after) {
        let is_kept = part.tag() == similar::DiffTag::Equal;
        let start = part.old_range().start;
        for (offset, index) in part.new_range().enumerate() {
            let is_last = index + 1 == after.len() && !edited.ends_with('\n');
            match old.get(start + offset).filter(|_| is_kept) {
                Some(line) if !is_last && line.ends_with('\n') => text.push_str(line),
                _ => {
                    text.push_str(&after[index]);
                    text.push_str(if is_last { "" } else { usual });
                }
            }
        }
    }
    text
}

/// The setting that a key may be meant for.
fn near(key: &str) -> Option<&'static str> {
    nearest(key, SECTIONS)
}

/// The text of a source in the manifest and the lockfile: the whole URL or the path, never a shorthand.
#[must_use]
pub fn source_text(source: &Source) -> String {
    match source {
        Source::Builtin => RegistryName::BUILTIN.to_owned(),
        Source::Git(url) => url.as_str().to_owned(),
        Source::Path(path) => path.clone(),
    }
}

/// Whether a name of a server can stand in the name of a tool.
#[must_use]
pub fn is_bindable(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 128 && name.chars().all(is_plain) && !name.contains("__")
}

fn source_key(source: &Source) -> &'static str {
    match source {
        Source::Builtin => "registry",
        Source::Git(_) => "git",
        Source::Path(_) => "path",
    }
}

fn wanted_keys(name: &AgentName, wanted: &Wanted) -> Vec<(&'static str, Value)> {
    let mut keys: Vec<(&'static str, Value)> = Vec::new();
    match &wanted.origin {
        Origin::Any => {}
        Origin::Registry(registry) => keys.push(("registry", registry.as_str().into())),
        Origin::Source(source) => keys.push((source_key(source), source_text(source).into())),
    }
    match &wanted.target {
        Some(Target::Name(target)) if target != name.as_str() => {
            keys.push(("agent", target.into()));
        }
        Some(Target::File(file)) => keys.push(("file", file.into())),
        _ => {}
    }
    if let Some(version) = &wanted.version {
        keys.push(("version", version.to_string().into()));
    }
    if wanted.is_verbatim {
        keys.push(("verbatim", true.into()));
    }
    if !wanted.pins.is_empty() {
        keys.push(("pin", Value::Array(wanted.pins.iter().collect())));
    }
    if !wanted.bind.is_empty() {
        let mut table = InlineTable::new();
        for (from, to) in &wanted.bind {
            table.insert(from, to.as_str().into());
        }
        table.fmt();
        keys.push(("bind", Value::InlineTable(table)));
    }
    // An entry that says nothing else says that any version will do.
    if keys.is_empty() {
        keys.push(("version", "*".into()));
    }
    keys
}

fn same(left: &Value, right: &Value) -> bool {
    let strings = |value: &Value| -> Option<Vec<String>> {
        value
            .as_array()?
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect()
    };
    let table = |value: &Value| -> Option<BTreeMap<String, String>> {
        value
            .as_inline_table()?
            .iter()
            .map(|(key, item)| Some((key.to_owned(), item.as_str()?.to_owned())))
            .collect()
    };
    left.as_str().is_some() && left.as_str() == right.as_str()
        || left.as_bool().is_some() && left.as_bool() == right.as_bool()
        || strings(left).is_some() && strings(left) == strings(right)
        || table(left).is_some() && table(left) == table(right)
}

/// Replaces a value; the comment behind it and the space around it stay.
fn put(old: &mut Value, mut new: Value) {
    new.decor_mut().clone_from(old.decor());
    *old = new;
}

/// Makes a table of the user's own hold these entries; what is right already stays as it is.
fn set_table(table: Option<&mut Table>, new: &InlineTable) {
    let Some(table) = table else {
        return;
    };
    table.retain(|key, _| new.contains_key(key));
    for (key, value) in new {
        match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(old) if old.as_str() == value.as_str() => {}
            Some(old) => put(old, value.clone()),
            None => drop(table.insert(key, Item::Value(value.clone()))),
        }
    }
}

/// The table `[name]`, made at the end of the document if it is not there.
fn section<'a>(document: &'a mut DocumentMut, name: &str) -> &'a mut dyn TableLike {
    let item = document
        .entry(name)
        .or_insert_with(|| Item::Table(Table::new()));
    if !item.is_table_like() {
        *item = Item::Table(Table::new());
    }
    item.as_table_like_mut()
        .expect("it was made a table just now")
}

/// Reads the document into values, with failures that point into it.
struct Reader<'a> {
    text: &'a str,
    path: &'a str,
    /// The address that was read last: agents of one repository stand together as a rule.
    last: RefCell<Option<(String, Source)>>,
}

impl Reader<'_> {
    fn failure(&self, message: String, span: Option<Range<usize>>, label: String) -> Failure {
        let failure = Failure::failed(message);
        match span {
            Some(span) => {
                let source = self.text.to_owned();
                failure.at(Location {
                    path: self.path.to_owned(),
                    source,
                    span,
                    label,
                })
            }
            None => failure.caused_by(label),
        }
    }

    fn wrong(&self, item: &Item, label: impl Into<String>) -> Failure {
        self.failure(
            format!("`{}` has a value that makes no sense", self.path),
            item.span(),
            label.into(),
        )
    }

    fn table<'i>(&self, item: &'i Item, what: &str) -> Result<&'i dyn TableLike> {
        item.as_table_like()
            .ok_or_else(|| self.wrong(item, format!("{what} is a table")))
    }

    fn string<'i>(&self, item: &'i Item) -> Result<&'i str> {
        item.as_str()
            .ok_or_else(|| self.wrong(item, "a string is expected"))
    }

    fn boolean(&self, item: &Item) -> Result<bool> {
        item.as_bool()
            .ok_or_else(|| self.wrong(item, "`true` or `false` is expected"))
    }

    fn strings(&self, item: &Item) -> Result<Vec<String>> {
        let array = item
            .as_array()
            .ok_or_else(|| self.wrong(item, "a list of strings is expected"))?;
        let strings = array
            .iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>();
        strings.ok_or_else(|| self.wrong(item, "a list of strings is expected"))
    }

    fn follow_links(&self, item: &Item) -> Result<Option<FollowLinks>> {
        let table = self.table(item, "`install`")?;
        let Some(item) = table.get("follow-symlinks") else {
            return Ok(None);
        };
        // A project's manifest may say anything here, since it does not count there.
        Ok(Some(
            self.strings(item)
                .map_or(FollowLinks::Other, FollowLinks::Folders),
        ))
    }

    fn registries(&self, item: &Item) -> Result<Vec<(RegistryName, Source)>> {
        let mut registries = Vec::new();
        for (key, item) in self.table(item, "`registries`")?.iter() {
            let name = RegistryName::new(key)
                .map_err(|error| self.wrong(item, format!("`{key}`: {error}")))?;
            if name.is_builtin() {
                return Err(self.wrong(
                    item,
                    "`builtin` is the registry inside agentpkg; choose another name",
                ));
            }
            let source = match item.as_str() {
                Some(text) => {
                    Source::parse(text).map_err(|error| self.wrong(item, error.to_string()))?
                }
                None => self
                    .source(self.table(item, "a registry")?)?
                    .ok_or_else(|| {
                        self.wrong(item, "`git = \"…\"` or `path = \"…\"` is missing")
                    })?,
            };
            registries.push((name, source));
        }
        Ok(registries)
    }

    fn source(&self, table: &dyn TableLike) -> Result<Option<Source>> {
        match (table.get("git"), table.get("path")) {
            (Some(item), None) => {
                let text = self.string(item)?;
                if let Some((_, source)) =
                    self.last.borrow().as_ref().filter(|(last, _)| last == text)
                {
                    return Ok(Some(source.clone()));
                }
                let source =
                    Source::parse(text).map_err(|error| self.wrong(item, error.to_string()))?;
                match source {
                    Source::Git(_) => {
                        self.last.replace(Some((text.to_owned(), source.clone())));
                        Ok(Some(source))
                    }
                    _ => Err(self.wrong(item, "this is a path; write `path = \"…\"`")),
                }
            }
            (None, Some(item)) => Ok(Some(Source::Path(self.string(item)?.to_owned()))),
            (None, None) => Ok(None),
            (Some(_), Some(item)) => Err(self.wrong(item, "`git` and `path` exclude each other")),
        }
    }

    fn agents(
        &self,
        item: &Item,
        warnings: &mut Vec<String>,
    ) -> Result<BTreeMap<AgentName, Wanted>> {
        let mut agents: BTreeMap<AgentName, Wanted> = BTreeMap::new();
        let mut folded: BTreeMap<String, AgentName> = BTreeMap::new();
        for (key, item) in self.table(item, "`agents`")?.iter() {
            let name = AgentName::new(key)
                .map_err(|error| self.wrong(item, format!("`{key}`: {error}")))?;
            if let Some(other) = folded.insert(name.folded(), name.clone()) {
                return Err(self.wrong(
                    item,
                    format!("`{other}` and `{name}` are one file where case does not count"),
                ));
            }
            let wanted = match item.as_str() {
                Some(version) => Wanted {
                    version: self.version(item, version)?,
                    ..Wanted::anything()
                },
                None => self.wanted(key, self.table(item, "an agent")?, item, warnings)?,
            };
            agents.insert(name, wanted);
        }
        Ok(agents)
    }

    fn wanted(
        &self,
        name: &str,
        table: &dyn TableLike,
        item: &Item,
        warnings: &mut Vec<String>,
    ) -> Result<Wanted> {
        let mut wanted = Wanted::anything();
        if let Some(source) = self.source(table)? {
            wanted.origin = Origin::Source(source);
        }
        for (key, item) in table.iter() {
            match key {
                "git" | "path" => {}
                "bind" => wanted.bind = self.bind(item)?,
                "pin" => wanted.pins = self.strings(item)?,
                "registry" => {
                    let text = self.string(item)?;
                    let registry = RegistryName::new(text)
                        .map_err(|error| self.wrong(item, format!("`{text}`: {error}")))?;
                    if wanted.origin != Origin::Any {
                        return Err(self.wrong(item, "`registry` excludes `git` and `path`"));
                    }
                    wanted.origin = Origin::Registry(registry);
                }
                "agent" => wanted.target = Some(Target::Name(self.string(item)?.to_owned())),
                "file" => wanted.target = Some(Target::File(self.string(item)?.to_owned())),
                "version" => wanted.version = self.version(item, self.string(item)?)?,
                "verbatim" => wanted.is_verbatim = self.boolean(item)?,
                _ => warnings.push(format!(
                    "`{key}` of agent `{name}` in {} is not a setting that this version knows",
                    self.path
                )),
            }
        }
        if table.contains_key("agent") && table.contains_key("file") {
            return Err(self.wrong(item, "`agent` and `file` exclude each other"));
        }
        Ok(wanted)
    }

    fn bind(&self, item: &Item) -> Result<BTreeMap<String, String>> {
        let mut bind = BTreeMap::new();
        for (from, item) in self.table(item, "`bind`")?.iter() {
            let to = self.string(item)?;
            for name in [from, to] {
                if !is_bindable(name) {
                    return Err(self.wrong(
                        item,
                        format!("`{}` cannot be the name of a server", name.escape_debug()),
                    ));
                }
            }
            bind.insert(from.to_owned(), to.to_owned());
        }
        // Bound names are replaced one after the other, so one must not lead to the next.
        match bind
            .iter()
            .find(|(from, to)| from != to && bind.contains_key(*to))
        {
            Some((from, to)) => Err(self.wrong(
                item,
                format!("`{from}` is bound to `{to}`, which is bound itself"),
            )),
            None => Ok(bind),
        }
    }

    fn policy(&self, item: &Item) -> Result<(Policy, BTreeMap<String, Range<usize>>)> {
        let mut policy = Policy::default();
        let mut rules = BTreeMap::new();
        for (key, item) in self.table(item, "`policy`")?.iter() {
            match key {
                "registries" => policy.registries = Some(self.strings(item)?),
                "deny-tools" => policy.deny_tools = self.strings(item)?,
                "commands" => policy.commands = Some(self.strings(item)?),
                "hosts" => policy.hosts = Some(self.strings(item)?),
                "hooks" => policy.hooks = Some(self.boolean(item)?),
                "permission-mode" => policy.permission_mode = Some(self.boolean(item)?),
                "mcp-servers" => policy.mcp_servers = Some(self.boolean(item)?),
                "missing-tools" => policy.missing_tools = Some(self.boolean(item)?),
                // A rule that is passed over would be worse than none.
                _ => {
                    let known = policy::KEYS.join("`, `");
                    return Err(
                        self.wrong(item, format!("`{key}` is no rule; there are `{known}`"))
                    );
                }
            }
            rules.insert(key.to_owned(), item.span().unwrap_or_default());
        }
        Ok((policy, rules))
    }

    fn version(&self, item: &Item, text: &str) -> Result<Option<VersionRequest>> {
        if text == "*" || text == "latest" {
            return Ok(None);
        }
        VersionRequest::parse(text)
            .map(Some)
            .map_err(|error| self.wrong(item, error.to_string()))
    }
}

#[cfg(test)]
mod tests;
