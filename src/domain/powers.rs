//! Fields of a definition that give power over the session, part by part: what is new in them, and what that means in words.

use std::collections::BTreeSet;

use serde_json::Value;

use super::server::ServerEntry;

/// How much of a meaning is shown.
const MAX_WORDS: usize = 200;

/// What a field gives that it did not give before, in words; `None`: nothing. Values are JSON; `before` is `None` if there was none, and
/// an empty `after` stands for a value that could not be read.
#[must_use]
pub fn gained(field: &str, before: Option<&str>, after: &str) -> Option<String> {
    if before == Some(after) && !after.is_empty() {
        return None;
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    let (old, new) = (before.and_then(parse), parse(after));
    let words = match (field, &new) {
        ("permissionMode", Some(new)) => return mode(old.as_ref(), new),
        ("hooks", Some(new)) => match (hooks(new), old.as_ref().map(hooks)) {
            (Some(new), None) => commands(&new, &BTreeSet::new())?,
            (Some(new), Some(Some(old))) => commands(&new, &old)?,
            _ => plain(field).to_owned(),
        },
        ("mcpServers", Some(new)) => match (servers(new), old.as_ref().map(servers)) {
            (Some(new), None) => entries(&new, &[])?,
            (Some(new), Some(Some(old))) => entries(&new, &old)?,
            _ => plain(field).to_owned(),
        },
        ("memory", Some(new)) => {
            format!("{}: keeps notes of its own, and may read, write and edit files for that", new.as_str().unwrap_or_default())
        }
        _ => plain(field).to_owned(),
    };
    Some(cut(&words))
}

/// What losing a field gives: without `plan`, an agent may do what it could only plan before.
#[must_use]
pub fn gained_by_loss(field: &str, before: &str) -> Option<String> {
    (field == "permissionMode" && before == "\"plan\"").then(|| "no longer only plans".to_owned())
}

fn plain(field: &str) -> &'static str {
    match field {
        "hooks" => "runs commands by itself",
        "permissionMode" => "changes what it must ask for",
        "mcpServers" => "brings MCP servers of its own",
        _ => "",
    }
}

/// A mode that asks at least as much as the one before is no gain; neither is plain `default`, unless it could only plan before.
fn mode(old: Option<&Value>, new: &Value) -> Option<String> {
    let is_known = |mode: &str| matches!(mode, "default" | "manual" | "acceptEdits" | "auto" | "dontAsk" | "bypassPermissions");
    match (old.and_then(Value::as_str), new.as_str()) {
        (_, Some("plan")) | (None, Some("default" | "manual")) => None,
        (Some(old), Some("default" | "manual")) if is_known(old) => None,
        (_, new) => Some(cut(&format!("{}: changes what it must ask for", new.unwrap_or_default()))),
    }
}

/// The hooks: event, matcher, and the hook itself. `None` if it is not laid out as hooks are.
fn hooks(value: &Value) -> Option<BTreeSet<(String, String, String)>> {
    let mut found = BTreeSet::new();
    for (event, matchers) in value.as_object()? {
        for group in matchers.as_array()? {
            let matcher = group.get("matcher").map_or(Some(""), Value::as_str)?;
            let others = group.as_object()?.keys().any(|key| !matches!(key.as_str(), "matcher" | "hooks"));
            if others {
                return None;
            }
            for hook in group.get("hooks")?.as_array()? {
                found.insert((event.clone(), matcher.to_owned(), hook.to_string()));
            }
        }
    }
    Some(found)
}

fn commands(new: &BTreeSet<(String, String, String)>, old: &BTreeSet<(String, String, String)>) -> Option<String> {
    let gained: Vec<String> = new
        .difference(old)
        .map(|(event, matcher, hook)| {
            let hook: Value = serde_json::from_str(hook).unwrap_or_default();
            let what = ["command", "url", "prompt"].iter().find_map(|key| hook.get(key).and_then(Value::as_str));
            let at = if matcher.is_empty() { event.clone() } else { format!("{event} ({matcher})") };
            format!("runs `{}` at {at}", what.unwrap_or("something"))
        })
        .collect();
    (!gained.is_empty()).then(|| gained.join("; "))
}

/// The servers: name, and the whole entry as JSON; `null` for one that is only named.
fn servers(value: &Value) -> Option<Vec<(String, Value)>> {
    let mut found = Vec::new();
    let items = match value {
        Value::Array(items) => items.clone(),
        table @ Value::Object(_) => vec![table.clone()],
        _ => return None,
    };
    for item in items {
        match item {
            Value::String(name) => found.push((name, Value::Null)),
            Value::Object(table) => found.extend(table),
            _ => return None,
        }
    }
    Some(found)
}

fn entries(new: &[(String, Value)], old: &[(String, Value)]) -> Option<String> {
    let gained: Vec<String> = new
        .iter()
        .filter(|entry| !old.contains(entry))
        .map(|(name, entry)| match (entry, ServerEntry::from_json(entry)) {
            (Value::Null, _) => format!("{name}: the configured server"),
            (_, Ok(entry @ ServerEntry::Program { .. })) => format!("{name}: runs {entry}"),
            (_, Ok(entry)) => format!("{name}: {entry}"),
            (_, Err(_)) => format!("{name}: an entry that makes no sense"),
        })
        .collect();
    (!gained.is_empty()).then(|| gained.join("; "))
}

fn cut(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_WORDS) {
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_a_gain() {
        let hooks = |list: &[(&str, &str)]| {
            let events: Vec<String> = list
                .iter()
                .map(|(event, command)| format!(r#""{event}":[{{"hooks":[{{"command":"{command}","type":"command"}}]}}]"#))
                .collect();
            format!("{{{}}}", events.join(","))
        };
        let (one, two) = (hooks(&[("Stop", "a")]), hooks(&[("Stop", "a"), ("PreToolUse", "b")]));
        assert_eq!(gained("hooks", None, &one).unwrap(), "runs `a` at Stop");
        assert_eq!(gained("hooks", Some(&one), &two).unwrap(), "runs `b` at PreToolUse");
        assert_eq!(gained("hooks", Some(&two), &one), None);
        assert!(gained("hooks", Some(&one), "[]").is_some(), "what cannot be read is shown");
        let servers = r#"["db",{"x":{"command":"npx","args":["-y","x@1"]}}]"#;
        assert_eq!(gained("mcpServers", None, servers).unwrap(), "db: the configured server; x: runs npx -y x@1");
        assert_eq!(gained("mcpServers", Some(servers), r#"["db"]"#), None);
        assert!(gained("mcpServers", Some(servers), r#"["db",{"x":{"command":"npx"}}]"#).is_some());
        for (old, new, is_gain) in [
            (None, "plan", false),
            (None, "default", false),
            (None, "acceptEdits", true),
            (Some("plan"), "default", true),
            (Some("acceptEdits"), "default", false),
            (Some("acceptEdits"), "bypassPermissions", true),
            (Some("odd"), "default", true),
        ] {
            let old = old.map(|mode| format!("\"{mode}\""));
            assert_eq!(gained("permissionMode", old.as_deref(), &format!("\"{new}\"")).is_some(), is_gain, "{old:?} -> {new}");
        }
        assert!(gained_by_loss("permissionMode", "\"plan\"").is_some() && gained_by_loss("hooks", "{}").is_none());
        assert!(gained("memory", Some("\"user\""), "\"project\"").is_some());
        assert!(gained("hooks", Some(""), "").is_some(), "in doubt, it is shown");
    }
}
