//! Values of a manifest changed as they are written: what already means what it should stays as it is, with the spacing and the comments
//! around it and in it.

use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value};

use crate::domain::brackets::Brackets;

/// Makes one of the user's tables contain these entries. `is_known`: the keys that go where there is no entry for them.
pub(super) fn update_table(
    table: &mut dyn TableLike,
    new: &[(&str, Value)],
    is_known: &dyn Fn(&str) -> bool,
) {
    let goes = |(key, item): &(&str, &Item)| {
        let is_empty = item.as_value().is_some_and(says_nothing);
        is_known(key) && !is_empty && !new.iter().any(|(known, _)| known == key)
    };
    let gone = table.iter().filter(goes).map(|(key, _)| key.to_owned());
    for key in gone.collect::<Vec<_>>() {
        table.remove(&key);
    }
    for (key, value) in new {
        match (table.get_mut(key), value) {
            (Some(Item::Value(old)), _) if !is_dotted(old) => update(old, value),
            (Some(item), Value::InlineTable(inner)) if item.is_table_like() => {
                let inner: Vec<(&str, Value)> = inner
                    .iter()
                    .map(|(key, value)| (key, value.clone()))
                    .collect();
                if let Some(table) = item.as_table_like_mut() {
                    update_table(table, &inner, &|_| true);
                }
            }
            _ => drop(table.insert(key, Item::Value(value.clone()))),
        }
    }
}

/// Whether a table is written as parts of a key, `tools.add = …`.
fn is_dotted(value: &Value) -> bool {
    value.as_inline_table().is_some_and(InlineTable::is_dotted)
}

/// Makes a value mean the same as another one.
pub(super) fn update(old: &mut Value, new: &Value) {
    if !same(old, new) {
        let text = rewritten(&bare(old), new);
        put(old, text.parse().unwrap_or_else(|_| new.clone()));
    }
}

/// Makes an inline table contain these entries. `is_known`: the keys that go where there is no entry for them.
pub(super) fn update_inline(
    old: &mut Value,
    new: &[(&str, Value)],
    is_known: &dyn Fn(&str) -> bool,
) {
    let Some(text) = rewritten_table(&bare(old), new, is_known) else {
        if let Some(table) = old.as_inline_table_mut() {
            update_table(table, new, is_known);
        }
        return;
    };
    if let Ok(value) = text.parse() {
        put(old, value);
    }
}

/// Replaces a value; the comment after it and the space around it are kept.
pub(super) fn put(old: &mut Value, mut new: Value) {
    new.decor_mut().clone_from(old.decor());
    *old = new;
}

/// A value as it is written, without what is around it.
fn bare(value: &Value) -> String {
    let mut value = value.clone();
    value.decor_mut().clear();
    value.to_string()
}

/// The text of a value that means `new`.
fn rewritten(old: &str, new: &Value) -> String {
    let text = match new {
        Value::Array(new) => rewritten_list(old, new),
        Value::InlineTable(new) => {
            let new: Vec<(&str, Value)> = new
                .iter()
                .map(|(key, value)| (key, value.clone()))
                .collect();
            rewritten_table(old, &new, &|_| true)
        }
        _ => None,
    };
    text.unwrap_or_else(|| bare(new))
}

/// The text of a list that has these values, in any order.
fn rewritten_list(old: &str, new: &toml_edit::Array) -> Option<String> {
    let mut text = old.strip_prefix('[').map(|_| old.to_owned())?;
    let list = Brackets::read(old)?;
    let items = list.items();
    let values: Vec<Value> = items
        .map(|item| old[item].parse().ok())
        .collect::<Option<_>>()?;
    let is_missing = |value: &&Value| !values.iter().any(|known| same(known, value));
    for value in new.iter().filter(is_missing) {
        text = Brackets::read(&text)?.with(&bare(value));
    }
    for (index, value) in values.iter().enumerate().rev() {
        if !new.iter().any(|wanted| same(wanted, value)) {
            text = Brackets::read(&text)?.without(index);
        }
    }
    Some(text)
}

/// The text of a table in braces that has these entries; `None`: it is written in a way that is not edited entry by entry.
fn rewritten_table(
    old: &str,
    new: &[(&str, Value)],
    is_known: &dyn Fn(&str) -> bool,
) -> Option<String> {
    let mut text = old.strip_prefix('{').map(|_| old.to_owned())?;
    let table = Brackets::read(old)?;
    let items = table.items();
    let entries: Vec<(String, Value)> =
        items.map(|item| entry(&old[item])).collect::<Option<_>>()?;
    let is_tight = !entries.is_empty() && !old.contains(" =");
    let is_missing = |key: &str| !entries.iter().any(|(known, _)| known == key);
    for (key, value) in new.iter().filter(|(key, _)| is_missing(key)) {
        let key = toml_edit::Key::new(*key);
        let (key, value) = (key.display_repr(), bare(value));
        let item = if is_tight {
            format!("{key}={value}")
        } else {
            format!("{key} = {value}")
        };
        text = match text.as_str() {
            "{}" => format!("{{ {item} }}"),
            _ => Brackets::read(&text)?.with(&item),
        };
    }
    for (index, (key, value)) in entries.iter().enumerate().rev() {
        let list = Brackets::read(&text)?;
        match new.iter().find(|(known, _)| known == key) {
            Some((_, wanted)) if same(wanted, value) => {}
            Some((_, wanted)) => {
                let item = list.items().nth(index)?;
                let written = bare(value);
                let start = item.end.checked_sub(written.len())?;
                text.replace_range(start..item.end, &rewritten(&written, wanted));
            }
            None if is_known(key) && !says_nothing(value) => text = list.without(index),
            None => {}
        }
    }
    let inner = &text[1..text.len() - 1];
    Some(if inner.trim().is_empty() && !inner.contains('\n') {
        "{}".to_owned()
    } else {
        text
    })
}

/// Key and value of an entry as it is written; `None`: the key has several parts.
fn entry(text: &str) -> Option<(String, Value)> {
    let document: DocumentMut = text.parse().ok()?;
    let (key, item) = document.iter().next()?;
    Some((key.to_owned(), item.as_value()?.clone()))
}

/// Whether a value means the same as none.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::InlineTable(table) => table.iter().all(|(_, value)| says_nothing(value)),
        _ => false,
    }
}

/// Whether two values mean the same, however they are written. The order in a list means nothing.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            let is_in = |value: &Value| right.iter().any(|other| same(value, other));
            left.len() == right.len() && left.iter().all(is_in)
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

/// A table in braces with these entries, as agentpkg writes one.
pub(super) fn inline(entries: Vec<(&str, Value)>) -> Value {
    let mut table = InlineTable::new();
    for (key, value) in entries {
        table.insert(key, value);
    }
    table.fmt();
    Value::InlineTable(table)
}

#[cfg(test)]
mod tests {
    use super::super::{FILE_NAME, Manifest};
    use crate::domain::name::AgentName;
    use crate::domain::overrides::Overrides;

    /// The manifest once an agent has these overrides, and once it has those from before again.
    fn with(text: &str, overrides: &[&str]) -> [String; 2] {
        let name = AgentName::new("a").unwrap();
        let mut manifest = Manifest::parse(text, FILE_NAME).unwrap();
        let before = manifest.agents()[&name].clone();
        let mut wanted = before.clone();
        for assignment in &Overrides::read(overrides.iter().copied())
            .unwrap()
            .assignments()
        {
            wanted.overrides.assign(assignment).unwrap();
        }
        manifest.set_agent(&name, &wanted);
        let edited = manifest.to_text();
        let mut again = Manifest::parse(&edited, FILE_NAME).unwrap();
        assert_eq!(again.agents()[&name], wanted, "{edited}");
        again.set_agent(&name, &before);
        [edited, again.to_text()]
    }

    #[test]
    fn an_override_comes_and_goes_and_every_other_byte_stays() {
        for (text, overrides, expected) in [
            (
                "[agents]\na = \"*\" # x\n",
                &["model=haiku"][..],
                "[agents]\na = { version = \"*\", model = \"haiku\" } # x\n",
            ),
            (
                "[agents]\na = \"^1\"\n",
                &["model=haiku"],
                "[agents]\na = { version = \"^1\", model = \"haiku\" }\n",
            ),
            (
                "[agents]\na = {}\n",
                &["model=haiku"],
                "[agents]\na = { model = \"haiku\" }\n",
            ),
            (
                "[agents.a]\n\n[policy]\n",
                &["model=haiku"],
                "[agents.a]\nmodel = \"haiku\"\n\n[policy]\n",
            ),
            (
                "[agents.a] # mine\n# more\n",
                &["color=red"],
                "[agents.a] # mine\ncolor = \"red\"\n# more\n",
            ),
            (
                "[agents]\na.registry = \"builtin\"\n",
                &["color=red"],
                "[agents]\na.registry = \"builtin\"\na.color = \"red\"\n",
            ),
            (
                "[agents]\na = {registry=\"builtin\"}\n",
                &["color=red"],
                "[agents]\na = {registry=\"builtin\", color=\"red\"}\n",
            ),
            (
                "[agents]\na = {registry = \"builtin\" ,pin=[ ]  }# y\n",
                &["color=red"],
                "[agents]\na = {registry = \"builtin\" ,pin=[ ],color = \"red\"  }# y\n",
            ),
            (
                "[agents]\na = { registry = \"builtin\", tools = { add = [\n  \"Grep\", # finds\n  # more\n] } }\n",
                &["tools+=Glob", "tools-=Bash"],
                "[agents]\na = { registry = \"builtin\", tools = { add = [\n  \"Grep\", # finds\n  \"Glob\",\n  # more\n], remove = [\"Bash\"] } }\n",
            ),
            (
                "[agents.a]\ntools = { # all\n  remove = ['Bash'], # no shell\n  add = [\"Write\", \"Grep\"] # these\n}\n",
                &["tools+=Edit"],
                "[agents.a]\ntools = { # all\n  remove = ['Bash'], # no shell\n  add = [\"Write\", \"Grep\", \"Edit\"] # these\n}\n",
            ),
            (
                "[agents.a.tools]\n# why\nadd = [ \"Grep\" ] # finds\n",
                &["tools+=Glob"],
                "[agents.a.tools]\n# why\nadd = [ \"Grep\", \"Glob\" ] # finds\n",
            ),
            (
                "[agents]\na = { \"model\" = 'opus', effort = 3 }\n",
                &["model=haiku", "effort=low"],
                "[agents]\na = { \"model\" = \"haiku\", effort = \"low\" }\n",
            ),
            (
                "[agents]\na = { tools.add = [\"Grep\"] }\n",
                &["tools+=Glob"],
                "[agents]\na = { tools.add = [\"Grep\", \"Glob\"] }\n",
            ),
        ] {
            let [edited, again] = with(text, overrides);
            assert_eq!(edited, expected, "{text}");
            let is_replaced = text.contains("'opus'");
            let before = text.replace('\'', if is_replaced { "\"" } else { "'" });
            assert_eq!(again, before, "{edited}");
        }
    }
}
