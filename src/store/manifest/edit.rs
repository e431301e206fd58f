//! Edits of a manifest that keep every other byte of the file.

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::entry::{inline, put, update_inline, update_table};
use super::read::KEYS;
use super::{MARK, Manifest, Origin, Wanted, bare, source_text};
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::overrides::{LISTS, ListChange, MODERNISE, Overrides, VALUES};
use crate::domain::spec::{Source, Target};

impl Manifest {
    /// The file's text: lines that no edit concerns are unchanged, byte for byte.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Some(document) = &self.edited else {
            return self.original.clone();
        };
        // The document does not know the byte order mark or the line endings of the text.
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

    /// Adds an agent, or changes its existing entry. Unknown keys of an existing entry are kept.
    pub fn set_agent(&mut self, name: &AgentName, wanted: &Wanted) {
        if self.agents.get(name) == Some(wanted) {
            return;
        }
        let was_overridden =
            (self.agents.get(name)).is_some_and(|known| !known.overrides.is_empty());
        let table = section(self.document(), "agents");
        let keys = wanted_keys(name, wanted);
        match table.get_mut(name.as_str()) {
            Some(Item::Value(old)) if old.is_inline_table() => {
                let table = old.as_inline_table().map(|table| table as &dyn TableLike);
                let keys = in_table(keys, table);
                update_inline(old, &keys, &is_known);
                // An entry that overrides made a table is a string again without them.
                let is_restored = was_overridden && wanted.overrides.is_empty();
                let version = old.as_inline_table().filter(|table| table.len() == 1);
                let version = version.and_then(|table| table.get("version")).cloned();
                if let Some(version) = version.filter(|_| is_restored) {
                    put(old, version);
                }
            }
            Some(Item::Value(old)) => {
                let is_any = is_any(old.as_str()) && !wanted.overrides.is_empty();
                put(old, as_value(keys, is_any));
            }
            Some(item) if item.is_table_like() => {
                if let Some(entry) = item.as_table_like_mut() {
                    let keys = in_table(keys, Some(&*entry));
                    update_table(entry, &keys, &is_known);
                }
            }
            _ => insert_in_order(table, name.as_str(), as_value(keys, false)),
        }
        self.agents.insert(name.clone(), wanted.clone());
        // What is wanted itself has its overrides in its entry.
        self.set_required(name, &Overrides::default());
    }

    /// Gives an agent that is only required these overrides.
    pub fn set_required(&mut self, name: &AgentName, overrides: &Overrides) {
        let known = self.required.get(name).map(|known| &known.overrides);
        if known.map_or(overrides.is_empty(), |known| known == overrides) {
            return;
        }
        let table = section(self.document(), "overrides");
        let keys: Vec<_> = override_keys(overrides).collect();
        match table.get_mut(name.as_str()) {
            Some(_) if overrides.is_empty() => drop(table.remove(name.as_str())),
            Some(Item::Value(old)) => update_inline(old, &keys, &is_known),
            Some(item) => {
                if let Some(entry) = item.as_table_like_mut() {
                    update_table(entry, &keys, &is_known);
                }
            }
            None => insert_in_order(table, name.as_str(), inline(keys)),
        }
        if overrides.is_empty() {
            self.required.remove(name);
        } else {
            let wanted = Wanted {
                overrides: overrides.clone(),
                ..Wanted::anything()
            };
            self.required.insert(name.clone(), wanted);
        }
        // A section that has nothing left goes, unless somebody wrote something above it.
        let section = self.document().get("overrides").and_then(Item::as_table);
        let is_bare = |table: &Table| {
            let above = table.decor().prefix().and_then(|prefix| prefix.as_str());
            table.is_empty() && above.is_none_or(|above| above.trim().is_empty())
        };
        if section.is_some_and(is_bare) {
            self.document().remove("overrides");
        }
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

    /// Removes an agent; returns whether it was there.
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

    /// Gives an agent the entry that it has in an earlier manifest, as it is written there, with the registry that the entry names.
    pub fn restore(&mut self, name: &AgentName, earlier: &Self) {
        let Some(wanted) = earlier.agents.get(name) else {
            let _ = self.remove_agent(name);
            self.set_required(name, &earlier.as_required(name).overrides);
            return;
        };
        if self.agents.get(name) == Some(wanted) {
            return;
        }
        if let Origin::Registry(registry) = &wanted.origin
            && self.registry(registry).is_none()
            && let Some(source) = earlier.registry(registry)
        {
            self.set_registry(registry, &source);
        }
        let read = earlier.read();
        let entry = read
            .get("agents")
            .and_then(Item::as_table_like)
            .and_then(|agents| agents.get(name.as_str()));
        match entry {
            Some(entry) if !self.agents.contains_key(name) => {
                section(self.document(), "agents").insert(name.as_str(), entry.clone());
                self.agents.insert(name.clone(), wanted.clone());
                self.set_required(name, &Overrides::default());
            }
            _ => self.set_agent(name, wanted),
        }
    }

    /// Takes back the edits since `original` of the agents for which `is_back` is true.
    pub fn take_back(&mut self, is_back: impl Fn(&AgentName) -> bool, original: &Self) {
        // The other edits are made again from the original: an edit that is taken back would leave traces in spacing and comments.
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
        for name in original.required.keys().chain(self.required.keys()) {
            if !is_back(name) {
                again.set_required(name, &self.as_required(name).overrides);
            }
        }
        *self = again;
    }

    /// Adds a registry, or changes its source.
    pub fn set_registry(&mut self, name: &RegistryName, source: &Source) {
        let entry = inline(vec![(source_key(source), source_text(source).into())]);
        section(self.document(), "registries").insert(name.as_str(), Item::Value(entry));
        match self.registries.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = source.clone(),
            None => self.registries.push((name.clone(), source.clone())),
        }
    }

    /// Removes a registry; returns whether it was there.
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

/// The text with the line endings of the original: each existing line keeps its own, a new one gets that of most lines.
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

/// Adds an entry: in order, if the others are in order, so that two people who each add one do not meet at the end.
fn insert_in_order(table: &mut dyn TableLike, key: &str, value: Value) {
    let keys: Vec<&str> = table.iter().map(|(key, _)| key).collect();
    let is_plain = table.iter().all(|(_, item)| item.is_value());
    let is_sorted = keys.is_sorted() && is_plain;
    let is_last = keys.last().is_none_or(|last| *last < key);
    drop(table.insert(key, Item::Value(value)));
    if is_sorted && !is_last {
        table.sort_values();
    }
}

fn source_key(source: &Source) -> &'static str {
    match source {
        Source::Builtin => "registry",
        Source::Git(_) => "git",
        Source::Folder(_) | Source::File(_) => "path",
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
        let bind = wanted.bind.iter();
        let bind = bind.map(|(from, to)| (from.as_str(), to.as_str().into()));
        keys.push(("bind", inline(bind.collect())));
    }
    if wanted.keeps_gone {
        keys.push(("gone", "keep".into()));
    }
    keys.extend(override_keys(&wanted.overrides));
    keys
}

/// An entry as agentpkg writes one: a string is a version; a table is written only if it is needed. `is_any`: it says that any version is
/// accepted, also where it says more.
fn as_value(mut keys: Vec<(&'static str, Value)>, is_any: bool) -> Value {
    let has_version = keys.iter().any(|(key, _)| *key == "version");
    if keys.is_empty() || is_any && !has_version {
        keys.insert(0, ("version", "*".into()));
    }
    match <[_; 1]>::try_from(keys) {
        Ok([("version", version)]) => version,
        keys => inline(keys.map_or_else(|keys| keys, Vec::from)),
    }
}

/// The keys of an entry that is a table. An entry without a version is the same as one with any version, so it stays what it is.
fn in_table(
    mut keys: Vec<(&'static str, Value)>,
    entry: Option<&dyn TableLike>,
) -> Vec<(&'static str, Value)> {
    let version = entry.and_then(|entry| entry.get("version"));
    if let Some(version) = version.filter(|_| !keys.iter().any(|(key, _)| *key == "version")) {
        let version = version.as_str().filter(|version| is_any(Some(version)));
        // If the entry says nothing else, the version stays, because removing it would also remove its comment.
        if version.is_some() || keys.is_empty() {
            keys.insert(0, ("version", version.unwrap_or("*").into()));
        }
    }
    keys
}

/// Whether a version is any.
fn is_any(version: Option<&str>) -> bool {
    matches!(version, Some("*" | "latest"))
}

/// Whether a key of an entry is one of those that agentpkg writes. Others are left alone.
fn is_known(key: &str) -> bool {
    KEYS.contains(&key) || VALUES.contains(&key) || LISTS.contains(&key) || key == MODERNISE
}

/// The keys of an entry that override values.
fn override_keys(overrides: &Overrides) -> impl Iterator<Item = (&'static str, Value)> {
    let values = VALUES.into_iter().filter_map(|key| {
        let value = overrides.values.get(key)?;
        let number = value.parse::<i64>().ok().filter(|_| key == "effort");
        Some((key, number.map_or_else(|| value.into(), Value::from)))
    });
    let lists = LISTS.into_iter().filter_map(|key| {
        let ListChange { add, remove } = overrides.lists.get(key)?;
        let changes = [("add", add), ("remove", remove)].into_iter();
        let changes = changes.filter(|(_, names)| !names.is_empty());
        let changes = changes.map(|(change, names)| (change, names.iter().collect()));
        Some((key, inline(changes.collect())))
    });
    let modernise = overrides
        .modernise
        .map(|is_modern| (MODERNISE, is_modern.into()));
    values.chain(lists).chain(modernise)
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
