//! Reads the text of a manifest, with failures that point into it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::{Document, Item, Key, TableLike};

use super::{FollowLinks, Manifest, Origin, Wanted, bare, is_bindable};
use crate::domain::definition::FIELDS;
use crate::domain::likeness::{mistyped, nearest};
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::overrides::{
    Assignment, DEFAULTS, LISTS, MODERNISE, Overrides, VALUES, WrongOverride, meant,
};
use crate::domain::policy::{self, Policy};
use crate::domain::spec::{Source, Target};
use crate::domain::version::VersionRequest;
use crate::error::{Failure, Location, Result};

/// The top-level keys.
const SECTIONS: [&str; 6] = [
    "agents",
    "defaults",
    "overrides",
    "registries",
    "policy",
    "install",
];

/// The keys of an agent's entry, apart from overrides.
pub(super) const KEYS: [&str; 10] = [
    "registry", "git", "path", "agent", "file", "version", "verbatim", "pin", "bind", "gone",
];

/// Whether a key is one of an agent's entry that is no override.
#[must_use]
pub fn is_entry_key(key: &str) -> bool {
    KEYS.contains(&key)
}

impl Manifest {
    /// Reads a manifest; `path` is for messages.
    pub fn parse(text: &str, path: &str) -> Result<Self> {
        let original = text;
        let text = bare(text);
        let reader = Reader {
            text,
            path,
            last: RefCell::new(None),
            removals: RefCell::default(),
            unknown_keys: RefCell::default(),
        };
        let document = Document::parse(text).map_err(|error| {
            if let Some(span) = conflict_marker(text) {
                let label = "a conflict marker of a version control system".to_owned();
                return reader
                    .failure(
                        format!("`{path}` has an unresolved merge conflict"),
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
                "defaults" => manifest.defaults = reader.defaults(item)?,
                "overrides" => manifest.required = reader.required(item)?,
                "policy" => (manifest.policy, manifest.rules) = reader.policy(item)?,
                "install" => manifest.follow_links = reader.follow_links(item)?,
                _ => {
                    let meant = near(key);
                    let span = document.as_table().key(key).and_then(Key::span);
                    if meant == Some("policy") {
                        // Rules that nobody heeds would be worse than no rules.
                        let message = format!("`{key}` is not a section of {path}");
                        let label = "did you mean `policy`?".to_owned();
                        return Err(reader.failure(message, span, label));
                    }
                    let hint = meant
                        .map(|meant| format!("; did you mean `{meant}`?"))
                        .unwrap_or_default();
                    manifest.warnings.push(format!(
                        "`{key}` in {path} is not a setting that this version knows{hint}"
                    ));
                    let span = span.unwrap_or_default();
                    manifest
                        .misread
                        .get_or_insert((key.to_owned(), span, meant));
                }
            }
        }
        if let Some(name) =
            (manifest.required.keys()).find(|name| manifest.agents.contains_key(name))
            && let Some(item) = document
                .get("overrides")
                .and_then(|item| item.get(name.as_str()))
        {
            let label = format!("`{name}` has an entry in `[agents]`; write its overrides there");
            return Err(reader.wrong(item, label));
        }
        manifest.removals = reader.removals.take();
        manifest.unknown_keys = reader.unknown_keys.take();
        original.clone_into(&mut manifest.original);
        manifest.is_absent = false;
        Ok(manifest)
    }
}

/// Where the first conflict marker of a version control system is.
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

/// The key of an agent's entry that a key may be meant for.
fn near_key(key: &str) -> Option<&'static str> {
    meant(key).or_else(|| nearest(key, KEYS))
}

/// The setting that a key may be meant for.
fn near(key: &str) -> Option<&'static str> {
    nearest(key, SECTIONS)
}

/// Reads the document into values, with failures that point into it.
struct Reader<'a> {
    text: &'a str,
    path: &'a str,
    /// The address that was read last: agents of one repository are usually adjacent.
    last: RefCell<Option<(String, Source)>>,
    /// Where each name is written that is removed from a list of tools, by agent and assignment.
    removals: RefCell<BTreeMap<(AgentName, String), usize>>,
    /// The first key of each entry of an agent that is not known.
    unknown_keys: RefCell<BTreeMap<AgentName, Location>>,
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
            format!("`{}` has an invalid value", self.path),
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

    fn count(&self, item: &Item) -> Result<usize> {
        let number = item
            .as_integer()
            .and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| self.wrong(item, "a number is expected, for example 200"))
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
        // A project's manifest may say anything here, because it is ignored.
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
            (None, Some(item)) => Ok(Some(Source::path(self.string(item)?))),
            (None, None) => Ok(None),
            (Some(_), Some(item)) => {
                Err(self.wrong(item, "`git` and `path` cannot be used together"))
            }
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
                    format!("`{other}` and `{name}` are one file on systems that ignore case"),
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
                "pin" => {
                    wanted.pins = self.strings(item)?;
                    self.warn_of_pins(name, &wanted.pins, warnings);
                }
                "registry" => {
                    let text = self.string(item)?;
                    let registry = RegistryName::new(text)
                        .map_err(|error| self.wrong(item, format!("`{text}`: {error}")))?;
                    if wanted.origin != Origin::Any {
                        return Err(
                            self.wrong(item, "`registry` cannot be used with `git` or `path`")
                        );
                    }
                    wanted.origin = Origin::Registry(registry);
                }
                "agent" => wanted.target = Some(Target::Name(self.string(item)?.to_owned())),
                "file" => wanted.target = Some(Target::File(self.string(item)?.to_owned())),
                "version" => wanted.version = self.version(item, self.string(item)?)?,
                "gone" if item.as_str() == Some("keep") => wanted.keeps_gone = true,
                "gone" => return Err(self.wrong(item, "`\"keep\"` is expected")),
                "verbatim" => wanted.is_verbatim = self.boolean(item)?,
                MODERNISE => wanted.overrides.modernise = Some(self.boolean(item)?),
                _ if VALUES.contains(&key) || LISTS.contains(&key) => {
                    self.override_of(key, item, &mut wanted.overrides)?;
                    self.note_removals(name, key, item);
                }
                _ => {
                    let meant = near_key(key);
                    self.note_unknown(name, table.key(key), meant);
                    let meant = meant
                        .map(|meant| format!("; did you mean `{meant}`?"))
                        .unwrap_or_default();
                    warnings.push(format!(
                        "`{key}` of agent `{name}` in {} is not a setting that this version knows{meant}",
                        self.path
                    ));
                }
            }
        }
        self.check_overrides(table, &wanted)?;
        if table.contains_key("agent") && table.contains_key("file") {
            return Err(self.wrong(item, "`agent` and `file` cannot be used together"));
        }
        Ok(wanted)
    }

    /// Warns of pins that are typos. A key that is like none of Claude Code's may be the author's own.
    fn warn_of_pins(&self, agent: &str, pins: &[String], warnings: &mut Vec<String>) {
        for pin in pins {
            if let Some(meant) = mistyped(pin, FIELDS) {
                warnings.push(format!(
                    "`{pin}`, which agent `{agent}` pins in {}, is not a key that Claude Code reads; did you mean `{meant}`?",
                    self.path
                ));
            }
        }
    }

    /// Reads the override of one key: a value, or names that are added and removed.
    fn override_of(&self, key: &str, item: &Item, overrides: &mut Overrides) -> Result<()> {
        let wrong = |error: WrongOverride| self.wrong(item, error.to_string());
        if VALUES.contains(&key) {
            let value = match item.as_integer() {
                Some(number) if key == "effort" => number.to_string(),
                _ => self.string(item)?.to_owned(),
            };
            return overrides
                .assign(&Assignment::Set(key.to_owned(), value))
                .map_err(wrong);
        }
        let Some(table) = item.as_table_like() else {
            let label = format!("write `{key} = {{ add = [\"NAME\"], remove = [\"NAME\"] }}`");
            return Err(self.wrong(item, label));
        };
        for (change, item) in table.iter() {
            let make: fn(String, String) -> Assignment = match change {
                "add" => Assignment::Add,
                "remove" => Assignment::Remove,
                _ => return Err(self.wrong(item, "`add` and `remove` are the keys here")),
            };
            for name in self.strings(item)? {
                let is_both = overrides.lists.get(key).is_some_and(|list| {
                    let others = if change == "add" {
                        &list.remove
                    } else {
                        &list.add
                    };
                    others.contains(&name)
                });
                if is_both {
                    return Err(wrong(WrongOverride::Both(key.to_owned(), name)));
                }
                overrides
                    .assign(&make(key.to_owned(), name))
                    .map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// Notes where the entry of an agent has a key that is not known.
    fn note_unknown(&self, name: &str, key: Option<&Key>, meant: Option<&str>) {
        let span = key.and_then(Key::span);
        let (Ok(name), Some(span)) = (AgentName::new(name), span) else {
            return;
        };
        let label = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "this version does not know it".to_owned(),
        };
        let location = Location {
            path: self.path.to_owned(),
            source: self.text.to_owned(),
            span,
            label,
        };
        self.unknown_keys
            .borrow_mut()
            .entry(name)
            .or_insert(location);
    }

    /// Notes in which line each name is that is removed from a list.
    fn note_removals(&self, name: &str, key: &str, item: &Item) {
        let Ok(name) = AgentName::new(name) else {
            return;
        };
        let removed = item.get("remove").and_then(Item::as_array);
        for value in removed.into_iter().flatten() {
            let (Some(tool), Some(span)) = (value.as_str(), value.span()) else {
                continue;
            };
            let assignment = Assignment::Remove(key.to_owned(), tool.to_owned()).to_string();
            let line = 1 + self.text[..span.start].matches('\n').count();
            let place = (name.clone(), assignment);
            self.removals.borrow_mut().insert(place, line);
        }
    }

    /// Reads the overrides of agents that are only required.
    fn required(&self, item: &Item) -> Result<BTreeMap<AgentName, Wanted>> {
        let mut required = BTreeMap::new();
        for (name, item) in self.table(item, "`overrides`")?.iter() {
            let agent = AgentName::new(name)
                .map_err(|error| self.wrong(item, format!("`{name}`: {error}")))?;
            let mut wanted = Wanted::anything();
            let table = self.table(item, "the overrides of an agent")?;
            for (key, item) in table.iter() {
                if key == MODERNISE {
                    wanted.overrides.modernise = Some(self.boolean(item)?);
                } else if VALUES.contains(&key) || LISTS.contains(&key) {
                    self.override_of(key, item, &mut wanted.overrides)?;
                    self.note_removals(name, key, item);
                } else {
                    let span = table.key(key).and_then(Key::span);
                    let label = meant(key).map_or_else(
                        || "only overrides stand here".to_owned(),
                        |meant| format!("did you mean `{meant}`?"),
                    );
                    let message = format!("`{}` cannot be overridden", key.escape_debug());
                    return Err(self.failure(message, span, label));
                }
            }
            required.insert(agent, wanted);
        }
        Ok(required)
    }

    /// Refuses overrides that contradict what else an entry says.
    fn check_overrides(&self, table: &dyn TableLike, wanted: &Wanted) -> Result<()> {
        let mut keys = wanted.overrides.keys().chain([MODERNISE]);
        let Some(item) = keys.find_map(|key| table.get(key)) else {
            return Ok(());
        };
        if wanted.is_verbatim {
            return Err(self.wrong(item, "`verbatim` excludes overrides"));
        }
        match wanted.overrides.pinned(&wanted.pins) {
            Some(key) => {
                let item = table.get(key).unwrap_or(item);
                let label = format!(
                    "`{key}` is pinned as well: a pin keeps the text in the file, an override the value here"
                );
                Err(self.wrong(item, label))
            }
            None => Ok(()),
        }
    }

    fn defaults(&self, item: &Item) -> Result<Overrides> {
        let mut defaults = Overrides::default();
        let table = self.table(item, "`defaults`")?;
        for (key, item) in table.iter() {
            if !DEFAULTS.contains(&key) {
                let span = table.key(key).and_then(Key::span);
                let label = match nearest(key, DEFAULTS) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("there are `{}`", DEFAULTS.join("`, `")),
                };
                let message = format!("`{}` is not a key of `[defaults]`", key.escape_debug());
                return Err(self.failure(message, span, label));
            }
            if key == MODERNISE {
                defaults.modernise = Some(self.boolean(item)?);
            } else {
                self.override_of(key, item, &mut defaults)?;
            }
        }
        Ok(defaults)
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
        // Bound names are replaced one after the other, so none may lead to the next.
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
        let table = self.table(item, "`policy`")?;
        for (key, item) in table.iter() {
            match key {
                "registries" => policy.registries = Some(self.strings(item)?),
                "deny-tools" => policy.deny_tools = self.strings(item)?,
                "commands" => policy.commands = Some(self.strings(item)?),
                "hosts" => policy.hosts = Some(self.strings(item)?),
                "hooks" => policy.hooks = Some(self.boolean(item)?),
                "permission-mode" => policy.permission_mode = Some(self.boolean(item)?),
                "mcp-servers" => policy.mcp_servers = Some(self.boolean(item)?),
                "missing-tools" => policy.missing_tools = Some(self.boolean(item)?),
                "max-description-tokens" => {
                    policy.max_description_tokens = Some(self.count(item)?);
                }
                "max-total-tokens" => policy.max_total_tokens = Some(self.count(item)?),
                // Ignoring an unknown rule would be worse than having no rules.
                _ => {
                    let span = table.key(key).and_then(Key::span);
                    return Err(self.no_rule(key, span));
                }
            }
            rules.insert(key.to_owned(), item.span().unwrap_or_default());
        }
        Ok((policy, rules))
    }

    /// That a policy has a rule which is none.
    fn no_rule(&self, key: &str, span: Option<Range<usize>>) -> Failure {
        let meant = nearest(key, policy::KEYS);
        let label = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "there is no such rule".to_owned(),
        };
        let message = format!("`{}` is not a rule of `[policy]`", key.escape_debug());
        let failure = self.failure(message, span, label);
        match meant {
            Some(_) => failure,
            None => failure.hint(format!("there are `{}`", policy::KEYS.join("`, `"))),
        }
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
