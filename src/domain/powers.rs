//! Fields of a definition that give an agent power beyond its tools, part by part: what is new in a value, and what that means in words.
//! Which fields those are is said in `definition`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::server::ServerEntry;

/// How many characters of a meaning are shown.
const MAX_WORDS: usize = 200;

/// How many characters of each part are shown at least, if there are several.
const MIN_PART: usize = 24;

/// A hook: its event, its matcher, and the complete hook as JSON.
type Hook = (String, String, String);

/// What a field gives that it did not give before, in words; `None`: nothing. Values are JSON; `before` is `None` if the field was absent,
/// and an empty `after` stands for a value that could not be read.
#[must_use]
pub fn gained(field: &str, before: Option<&str>, after: &str) -> Option<String> {
    if before == Some(after) && !after.is_empty() {
        return None;
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    let (old, new) = (before.and_then(parse), parse(after));
    let words = match (field, &new) {
        ("permissionMode", Some(new)) => return mode(old.as_ref(), new),
        ("isolation", Some(new)) => return isolation(old.as_ref(), new),
        ("observeSubagents" | "observeToolResults", Some(_)) => return None,
        ("observer", Some(new)) => observers(new, old.as_ref())?,
        ("hooks", Some(new)) => match hooks(new) {
            // A value in an unusual layout may have meant nothing.
            Some(new) => commands(&new, &old.as_ref().and_then(hooks).unwrap_or_default())?,
            None => plain(field).to_owned(),
        },
        ("mcpServers", Some(new)) => match servers(new) {
            Some((layout, new)) => {
                let same = old
                    .as_ref()
                    .and_then(servers)
                    .filter(|(other, _)| *other == layout);
                entries(&new, &same.map(|(_, old)| old).unwrap_or_default())?
            }
            None => plain(field).to_owned(),
        },
        ("memory", Some(new)) => {
            format!("{}: {}", new.as_str().unwrap_or_default(), plain(field))
        }
        ("initialPrompt" | "observerMessage", Some(new)) => {
            format!("{}: {}", plain(field), new.as_str().unwrap_or_default())
        }
        _ => plain(field).to_owned(),
    };
    Some(cut(&words))
}

/// What losing a field gives: without `plan`, an agent may do what it could only plan before. An unknown mode may be like `plan`. What
/// worked elsewhere works in the user's own files, and what was kept from an observer is told it.
#[must_use]
pub fn gained_by_loss(field: &str, before: &str) -> Option<String> {
    let before = serde_json::from_str::<Value>(before).ok();
    let words = match (field, before?) {
        ("permissionMode", mode) => {
            let mode = mode.as_str().unwrap_or_default();
            if !freedoms(mode).is_none_or(<[_]>::is_empty) {
                return None;
            }
            if mode == "plan" {
                "no longer only plans"
            } else {
                "no longer asks as it did"
            }
        }
        ("isolation", _) => "works in your own files, no longer apart from them",
        ("observeSubagents", _) => "agents that it starts are observed too",
        ("observeToolResults", _) => "as an observer, it is told results of tools",
        _ => return None,
    };
    Some(words.to_owned())
}

/// What it means that an unclear list of disallowed tools, or a part of it, is gone.
#[must_use]
pub fn returned(text: &str) -> String {
    cut(&format!("was `{text}`, which may have taken away tools"))
}

fn plain(field: &str) -> &'static str {
    match field {
        "hooks" => "runs commands automatically",
        "permissionMode" => "changes what it must ask for",
        "mcpServers" => "brings MCP servers of its own",
        "memory" => "keeps notes of its own, and may read, write and edit files for that",
        "initialPrompt" => "begins a session with these words, also with commands in them",
        "observer" => "is watched by other agents, which are started beside it",
        "observerMessage" => "tells its observers",
        "observeSubagents" => "may have the agents that it starts observed",
        "observeToolResults" => "as an observer, it may be told results of tools",
        "omitClaudeMd" => "does not read your CLAUDE.md files, nor the project's",
        "isolation" => "changes where it works",
        _ => "",
    }
}

/// What a mode lets an agent do: whether it may do more than plan, and what runs without asking. `None`: the mode is unknown.
///
/// `dontAsk` is neither above nor below `acceptEdits` and `auto`: it refuses what was not allowed, and they do not.
fn freedoms(mode: &str) -> Option<&'static [&'static str]> {
    match mode {
        "plan" => Some(&[]),
        "default" | "manual" => Some(&["acts"]),
        "acceptEdits" => Some(&["acts", "edits"]),
        "auto" => Some(&["acts", "edits", "runs what seems harmless"]),
        "dontAsk" => Some(&["acts", "never asks"]),
        "bypassPermissions" => Some(&[
            "acts",
            "edits",
            "runs what seems harmless",
            "never asks",
            "runs everything",
        ]),
        _ => None,
    }
}

/// A mode that allows nothing more than the one before is no gain; no mode counts as `default`.
fn mode(old: Option<&Value>, new: &Value) -> Option<String> {
    let had = freedoms(
        old.map_or(Some("default"), Value::as_str)
            .unwrap_or_default(),
    )
    .unwrap_or_default();
    let new = new.as_str().unwrap_or_default();
    let is_within =
        freedoms(new).is_some_and(|has| has.iter().all(|freedom| had.contains(freedom)));
    (!is_within).then(|| cut(&format!("{new}: {}", plain("permissionMode"))))
}

/// Where an agent works: in the user's own files, on this machine, elsewhere. `None`: the client does not know the value.
fn places(isolation: &str) -> Option<&'static [&'static str]> {
    match isolation {
        "" => Some(&["your own files", "this machine"]),
        "worktree" => Some(&["this machine"]),
        "remote" => Some(&["elsewhere"]),
        _ => None,
    }
}

/// A value that keeps an agent where it worked before, or further apart from the user's files, is no gain.
fn isolation(old: Option<&Value>, new: &Value) -> Option<String> {
    let of = |value: Option<&Value>| {
        let word = value.map_or(Some(""), Value::as_str).unwrap_or_default();
        places(word).unwrap_or_default()
    };
    let (had, has) = (of(old), of(Some(new)));
    let word = new.as_str().unwrap_or_default();
    let words = if word == "remote" {
        "works on another machine"
    } else {
        "works on this machine"
    };
    (!has.iter().all(|place| had.contains(place))).then(|| cut(&format!("{word}: {words}")))
}

/// The observers that are new.
fn observers(new: &Value, old: Option<&Value>) -> Option<String> {
    let names = |value: &Value| -> BTreeSet<String> {
        let names = value.as_str().unwrap_or_default().split(',').map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let had = old.map(names).unwrap_or_default();
    let has = names(new);
    let added: Vec<&str> = has.difference(&had).map(String::as_str).collect();
    (!added.is_empty()).then(|| format!("{}: {}", plain("observer"), added.join(", ")))
}

/// The hooks: event, matcher, and the hook itself. `None` if the layout is not that of hooks.
fn hooks(value: &Value) -> Option<BTreeSet<Hook>> {
    let mut found = BTreeSet::new();
    for (event, matchers) in value.as_object()? {
        for group in matchers.as_array()? {
            let matcher = group.get("matcher").map_or(Some(""), Value::as_str)?;
            let others = group
                .as_object()?
                .keys()
                .any(|key| !matches!(key.as_str(), "matcher" | "hooks"));
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

fn commands(new: &BTreeSet<Hook>, old: &BTreeSet<Hook>) -> Option<String> {
    let part = |(event, matcher, hook): &Hook| {
        let at = if matcher.is_empty() {
            event.clone()
        } else {
            format!("{event} ({matcher})")
        };
        let what = serde_json::from_str(hook)
            .ok()
            .as_ref()
            .and_then(run_by)
            .unwrap_or_else(|| hook.clone());
        Part {
            head: "runs `".to_owned(),
            what,
            tail: format!("` at {at}"),
        }
    };
    joined(&new.difference(old).map(part).collect::<Vec<_>>())
}

/// What a hook runs, by its type; `None` if that is not clear.
fn run_by(hook: &Value) -> Option<String> {
    let text = |key: &str| hook.get(key).and_then(Value::as_str);
    match text("type")? {
        "command" => {
            let args = hook
                .get("args")
                .map(|args| format!(" {args}"))
                .unwrap_or_default();
            Some(format!("{}{args}", text("command")?))
        }
        "http" => text("url").map(str::to_owned),
        "prompt" | "agent" => text("prompt").map(str::to_owned),
        _ => None,
    }
}

/// The layout of servers. Only the list is documented; if the layout changes, what was in the other one may have been ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    List,
    Table,
}

/// The servers: name, and the complete entry; no entry for a server that is only named. `None` if the layout is unusual.
fn servers(value: &Value) -> Option<(Layout, BTreeMap<String, Option<Value>>)> {
    let items = match value {
        Value::Array(items) => items,
        Value::Object(table) => {
            let found = table
                .iter()
                .map(|(name, entry)| (name.clone(), Some(entry.clone())));
            return Some((Layout::Table, found.collect()));
        }
        _ => return None,
    };
    let mut found = BTreeMap::new();
    for item in items {
        let (name, entry) = match item {
            Value::String(name) => (name, None),
            Value::Object(table) if table.len() == 1 => table
                .iter()
                .next()
                .map(|(name, entry)| (name, Some(entry.clone())))?,
            _ => return None,
        };
        // It is not documented which of the two counts.
        if found.insert(name.clone(), entry).is_some() {
            return None;
        }
    }
    Some((Layout::List, found))
}

fn entries(
    new: &BTreeMap<String, Option<Value>>,
    old: &BTreeMap<String, Option<Value>>,
) -> Option<String> {
    let part = |(name, entry): (&String, &Option<Value>)| {
        let Some(entry) = entry else {
            return Part {
                head: "uses the configured server ".to_owned(),
                what: name.clone(),
                tail: String::new(),
            };
        };
        let (verb, what) = match ServerEntry::from_json(entry) {
            Ok(entry @ ServerEntry::Program { .. }) => ("runs ", entry.to_string()),
            Ok(entry) => ("", entry.to_string()),
            // The client may read more in it than we do.
            Err(_) => ("", entry.to_string()),
        };
        let helper = entry
            .get("headersHelper")
            .map(|helper| format!("; runs {helper} for its headers"))
            .unwrap_or_default();
        Part {
            head: format!("{name}: {verb}"),
            what: format!("{what}{helper}"),
            tail: String::new(),
        }
    };
    joined(
        &new.iter()
            .filter(|(name, entry)| old.get(*name) != Some(*entry))
            .map(part)
            .collect::<Vec<_>>(),
    )
}

/// One of several things to say; its middle may be cut.
struct Part {
    head: String,
    what: String,
    tail: String,
}

/// All parts on one line, each cut as little as possible; if there are too many, the number of the others. `None`: there are none.
fn joined(parts: &[Part]) -> Option<String> {
    let width = |text: &str| text.chars().count();
    let shown = |parts: &[Part], room: usize| {
        let texts = parts.iter().map(|part| {
            format!(
                "{}{}{}",
                part.head,
                shortened(&one_line(&part.what), room),
                part.tail
            )
        });
        texts.collect::<Vec<_>>().join("; ")
    };
    let whole = shown(parts, usize::MAX);
    if parts.is_empty() || width(&whole) <= MAX_WORDS {
        return (!parts.is_empty()).then_some(whole);
    }
    (1..=parts.len()).rev().find_map(|count| {
        let rest = if count < parts.len() {
            format!("; and {} more", parts.len() - count)
        } else {
            String::new()
        };
        let fixed: usize = parts[..count]
            .iter()
            .map(|part| width(&part.head) + width(&part.tail) + 2)
            .sum();
        let room = MAX_WORDS.saturating_sub(fixed + rest.len()) / count;
        (room >= MIN_PART || count == 1).then(|| {
            // The end of a single part may itself be long.
            let line = shown(&parts[..count], room.max(MIN_PART));
            format!(
                "{}{rest}",
                shortened(&one_line(&line), MAX_WORDS.saturating_sub(rest.len()))
            )
        })
    })
}

fn cut(words: &str) -> String {
    shortened(&one_line(words), MAX_WORDS)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most this many characters of a text; the last one shows whether it was longer.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => {
            let end = text
                .char_indices()
                .nth(most.saturating_sub(1))
                .map_or(0, |(at, _)| at);
            format!("{}…", text[..end].trim_end())
        }
        None => text.to_owned(),
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
                .map(|(event, command)| {
                    format!(
                        r#""{event}":[{{"hooks":[{{"command":"{command}","type":"command"}}]}}]"#
                    )
                })
                .collect();
            format!("{{{}}}", events.join(","))
        };
        let (one, two) = (
            hooks(&[("Stop", "a")]),
            hooks(&[("Stop", "a"), ("PreToolUse", "b")]),
        );
        assert_eq!(gained("hooks", None, &one).unwrap(), "runs `a` at Stop");
        assert_eq!(
            gained("hooks", Some(&one), &two).unwrap(),
            "runs `b` at PreToolUse"
        );
        assert_eq!(gained("hooks", Some(&two), &one), None);
        assert!(
            gained("hooks", Some(&one), "[]").is_some(),
            "what cannot be read is shown"
        );
        let servers = r#"["db",{"x":{"command":"npx","args":["-y","x@1"]}}]"#;
        assert_eq!(
            gained("mcpServers", None, servers).unwrap(),
            "uses the configured server db; x: runs npx -y x@1"
        );
        assert_eq!(gained("mcpServers", Some(servers), r#"["db"]"#), None);
        assert!(
            gained(
                "mcpServers",
                Some(servers),
                r#"["db",{"x":{"command":"npx"}}]"#
            )
            .is_some()
        );
        for (old, new, is_gain) in [
            (None, "plan", false),
            (None, "default", false),
            (None, "acceptEdits", true),
            (Some("plan"), "default", true),
            (Some("acceptEdits"), "default", false),
            (Some("acceptEdits"), "bypassPermissions", true),
            (Some("odd"), "default", true),
            (Some("bypassPermissions"), "auto", false),
            (Some("bypassPermissions"), "dontAsk", false),
            (Some("dontAsk"), "acceptEdits", true),
            (Some("plan"), "odd", true),
        ] {
            let old = old.map(|mode| format!("\"{mode}\""));
            assert_eq!(
                gained("permissionMode", old.as_deref(), &format!("\"{new}\"")).is_some(),
                is_gain,
                "{old:?} -> {new}"
            );
        }
        assert_eq!(
            gained_by_loss("permissionMode", "\"plan\"").unwrap(),
            "no longer only plans"
        );
        assert!(
            gained_by_loss("permissionMode", "\"odd\"").is_some()
                && gained_by_loss("permissionMode", "\"auto\"").is_none()
        );
        assert!(gained_by_loss("hooks", "{}").is_none());
        assert!(gained("memory", Some("\"user\""), "\"project\"").is_some());
        assert!(
            gained("hooks", Some(""), "").is_some(),
            "in doubt, it is shown"
        );
    }
    #[test]
    fn nothing_hides_behind_something_long() {
        let hook = |command: &str| {
            format!(r#"{{"hooks":[{{"type":"command","command":"{command}"}}],"matcher":"Bash"}}"#)
        };
        let (long, other) = (hook(&"x ".repeat(500)), hook("curl evil"));
        let words = gained(
            "hooks",
            None,
            &format!(r#"{{"PreToolUse":[{long},{other}]}}"#),
        )
        .unwrap();
        assert!(
            words.contains("runs `curl evil` at PreToolUse (Bash)") && words.contains('…'),
            "{words}"
        );
        assert!(
            words.chars().count() <= MAX_WORDS && !words.contains('\n'),
            "{words}"
        );
        let many: Vec<String> = (0..40)
            .map(|at| hook(&format!("command number {at} with some words")))
            .collect();
        let words = gained(
            "hooks",
            None,
            &format!(r#"{{"Stop":[{}]}}"#, many.join(",")),
        )
        .unwrap();
        assert!(
            words.ends_with(" more") && words.chars().count() <= MAX_WORDS,
            "{words}"
        );
        let wide = format!(
            r#"{{"Stop":[{{"hooks":[{{"type":"command","command":"y"}}],"matcher":"{}"}}]}}"#,
            "m".repeat(900)
        );
        assert!(gained("hooks", None, &wide).unwrap().chars().count() <= MAX_WORDS);
    }

    #[test]
    fn words_say_what_runs() {
        for (field, value, words) in [
            (
                "hooks",
                r#"{"Stop":[{"hooks":[{"type":"http","url":"https://x.y","command":"true"}]}]}"#,
                "runs `https://x.y` at Stop",
            ),
            (
                "hooks",
                r#"{"Stop":[{"hooks":[{"type":"command","command":"sh","args":["-c","evil"]}]}]}"#,
                r#"runs `sh ["-c","evil"]` at Stop"#,
            ),
            (
                "hooks",
                r#"{"Stop":[{"hooks":[{"type":"new","x":1}]}]}"#,
                r#"runs `{"type":"new","x":1}` at Stop"#,
            ),
            (
                "mcpServers",
                r#"[{"a":{"type":"http","url":"https://x.y","headersHelper":"evil"}}]"#,
                r#"a: https://x.y; runs "evil" for its headers"#,
            ),
            (
                "mcpServers",
                r#"[{"a":{"url":"https://x.y"}}]"#,
                r#"a: {"url":"https://x.y"}"#,
            ),
        ] {
            assert_eq!(gained(field, None, value).unwrap(), words);
        }
        assert_eq!(
            gained("mcpServers", None, r#"[{"a":{},"b":{}}]"#).unwrap(),
            plain("mcpServers")
        );
    }
}
