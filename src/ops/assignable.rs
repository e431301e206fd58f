//! What could stand where the cursor is in `set` and `unset`: keys, their values, and names of tools.

use super::complete::{Candidate, configured, file_of, manifest, tools};
use super::session::Session;
use crate::domain::definition::{Definition, tools_in};
use crate::domain::name::AgentName;
use crate::domain::overrides::{LISTS, MODERNISE, Overrides, VALUES};

/// What can be assigned to an agent: the keys, and the values where they are known. `named`: the words of the line; one of them is the
/// agent.
#[must_use]
pub fn assignments(session: &Session, named: &[String], current: &str) -> Vec<Candidate> {
    if let Some(((key, sign), head)) = list_change(current) {
        let names = if sign == '-' {
            listed(session, named, key)
        } else {
            let servers = configured(session).into_iter();
            let servers = servers.map(|(name, help)| (format!("mcp__{name}"), help));
            tools().into_iter().chain(servers).collect()
        };
        let names = names.into_iter();
        return names
            .map(|(name, help)| (format!("{head}{name}"), help))
            .collect();
    }
    if current.starts_with(&format!("{MODERNISE}=")) {
        return [true, false]
            .map(|value| (format!("{MODERNISE}={value}"), String::new()))
            .to_vec();
    }
    if let Some((key, _)) = current.split_once('=') {
        let values = Overrides::known_values(key).iter();
        return values
            .map(|value| (format!("{key}={value}"), String::new()))
            .collect();
    }
    let values = VALUES
        .into_iter()
        .map(|key| (format!("{key}="), String::new()));
    let lists = LISTS.into_iter().flat_map(|key| {
        [
            (format!("{key}+="), "add a name".to_owned()),
            (format!("{key}-="), "remove a name".to_owned()),
        ]
    });
    let modernise = (format!("{MODERNISE}=true"), String::new());
    values.chain(lists).chain([modernise]).collect()
}

/// The list that a word is about to change, with the sign, and the word up to the name.
fn list_change(current: &str) -> Option<((&str, char), &str)> {
    let (key, _) = current.split_once('=')?;
    let head = &current[..=key.len()];
    let sign = key
        .chars()
        .next_back()
        .filter(|sign| "+-".contains(*sign))?;
    let key = &key[..key.len() - 1];
    LISTS.contains(&key).then_some(((key, sign), head))
}

/// The names that are in a list of the agent which is named on the line; all tools, if the agent has no list of them.
fn listed(session: &Session, named: &[String], key: &str) -> Vec<Candidate> {
    let lockfile = session.project.load_lockfile().unwrap_or_default();
    let mut agents = lockfile.agents.iter();
    let is_named = |agent: &(&AgentName, _)| named.iter().any(|word| word == agent.0.as_str());
    let Some(agent) = agents.find(is_named) else {
        return Vec::new();
    };
    let values = Definition::parse(&file_of(session, agent)).values();
    match values.get(key).map(tools_in) {
        Some(names) => names
            .into_iter()
            .map(|name| (name, String::new()))
            .collect(),
        None if key == "tools" => tools(),
        None => Vec::new(),
    }
}

/// The keys that an agent of the manifest overrides, each with its value.
#[must_use]
pub fn overridden(session: &Session, name: &str) -> Vec<Candidate> {
    let manifest = manifest(session);
    let agents = manifest.agents().iter().chain(manifest.required());
    let found = agents.filter(|(known, _)| known.as_str() == name);
    found
        .flat_map(|(_, wanted)| {
            wanted
                .overrides
                .keys()
                .chain(wanted.overrides.modernise.map(|_| MODERNISE))
                .map(|key| (key.to_owned(), String::new()))
                .collect::<Vec<_>>()
        })
        .collect()
}
