//! Edits of a manifest that keep every other byte of the file.

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

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
        let table = section(self.document(), "agents");
        let keys = wanted_keys(name, wanted);
        let is_inline = table.get(name.as_str()).is_some_and(Item::is_inline_table);
        // An entry without a version is the same as one with any version.
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
                "gone",
            ]
            .into_iter()
            .chain(VALUES)
            .chain(LISTS)
            .chain([MODERNISE])
            {
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
            // The space before a closing brace belongs to the last entry.
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
            // A string is a version; a table is written only if it is needed.
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
                None => insert_in_order(table, name.as_str(), value),
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
        *self = again;
    }

    /// Adds a registry, or changes its source.
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
        let mut table = InlineTable::new();
        for (from, to) in &wanted.bind {
            table.insert(from, to.as_str().into());
        }
        table.fmt();
        keys.push(("bind", Value::InlineTable(table)));
    }
    if wanted.keeps_gone {
        keys.push(("gone", "keep".into()));
    }
    keys.extend(override_keys(&wanted.overrides));
    // An entry without other keys says that it accepts any version.
    if keys.is_empty() {
        keys.push(("version", "*".into()));
    }
    keys
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
        let mut table = InlineTable::new();
        for (change, names) in [("add", add), ("remove", remove)] {
            if !names.is_empty() {
                table.insert(change, Value::Array(names.iter().collect()));
            }
        }
        table.fmt();
        Some((key, Value::InlineTable(table)))
    });
    let modernise = overrides
        .modernise
        .map(|is_modern| (MODERNISE, is_modern.into()));
    values.chain(lists).chain(modernise)
}

/// Whether two values mean the same, however they are written.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::InlineTable(left), Value::InlineTable(right)) => {
            let is_in = |(key, value): (&str, &Value)| {
                right.get(key).is_some_and(|other| same(value, other))
            };
            left.len() == right.len() && left.iter().all(is_in)
        }
        _ => {
            left.as_str().is_some() && left.as_str() == right.as_str()
                || left.as_bool().is_some() && left.as_bool() == right.as_bool()
                || left.as_integer().is_some() && left.as_integer() == right.as_integer()
        }
    }
}

/// Replaces a value; the comment after it and the space around it are kept.
fn put(old: &mut Value, mut new: Value) {
    new.decor_mut().clone_from(old.decor());
    *old = new;
}

/// Makes one of the user's tables contain these entries; what is already right is not changed.
fn set_table(table: Option<&mut Table>, new: &InlineTable) {
    let Some(table) = table else {
        return;
    };
    table.retain(|key, _| new.contains_key(key));
    for (key, value) in new {
        match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(old) if same(old, value) => {}
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
