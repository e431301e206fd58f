//! Which agent of a source a name means. Pure: [`settle`] decides for all agents of a source that was read whole, [`ask`] says the same of
//! one name while as little as possible is read.
//!
//! A name means its candidates of the best kind; among them, files that are named after it before others. A single file that is named after
//! it, in a plugin or in a folder named `agents`, decides alone: no other file has to be read. Several in one step with different bytes
//! are ambiguous.

use std::collections::BTreeMap;

use super::kinds::{Kind, assign, is_below_agents, is_copy};
use super::plugins::Plugins;
use super::{EXTENSION, IndexEntry, stem};
use crate::domain::name::AgentName;

/// What [`ask`] says of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What it means.
    Meant(Meant),
    /// These files have to be read before that can be said.
    Read(Vec<String>),
}

/// What a name means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meant {
    /// Its agent; several: it is ambiguous; none: it means nothing.
    pub agents: Vec<IndexEntry>,
    /// Other agents of this name, with other bytes, that stand behind.
    pub others: Vec<IndexEntry>,
}

/// The name that a file is found by if its stem is one; `None`: it is no name.
fn name_of_file(file: &str) -> Option<String> {
    AgentName::from_title(stem(file))
        .ok()
        .map(|name| name.folded())
}

/// The form in which a typed name, or a title, is looked up; `None`: no agent can have it.
#[must_use]
pub fn sought(name: &str) -> Option<String> {
    AgentName::from_title(name).ok().map(|name| name.folded())
}

/// Whether a file is named like this name, which is in the form of [`sought`].
#[must_use]
pub fn is_called(file: &str, sought: &str) -> bool {
    name_of_file(file).as_deref() == Some(sought)
}

/// The file that a name probably means, judged by the paths of all files alone: the only one that is named like it, in a folder of agents.
#[must_use]
pub fn likely<'f>(name: &str, files: impl Iterator<Item = &'f str>) -> Option<&'f str> {
    let sought = sought(name)?;
    let mut called = files.filter(|file| file.ends_with(EXTENSION) && is_called(file, &sought));
    let only = called.next().filter(|_| called.next().is_none());
    only.filter(|file| is_below_agents(file) && !is_copy(file))
}

/// Whether the file of an agent is named after it.
#[must_use]
pub fn is_named_after(entry: &IndexEntry) -> bool {
    is_called(&entry.file, &entry.name.folded())
}

/// A step in which a name is looked for; the first that has any agents decides.
type Step<'s> = &'s dyn Fn(&IndexEntry) -> bool;

/// Of agents of one name, those that it means: one for each content, the first by its path.
fn best(candidates: &[&IndexEntry]) -> Vec<usize> {
    let at = |step: Step<'_>| -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        for (index, entry) in candidates
            .iter()
            .enumerate()
            .filter(|(_, entry)| step(entry))
        {
            match found
                .iter()
                .position(|known| candidates[*known].blob == entry.blob)
            {
                Some(known) if candidates[found[known]].file > entry.file => found[known] = index,
                Some(_) => {}
                None => found.push(index),
            }
        }
        found
    };
    let in_plugin = at(&|entry| entry.kind == Kind::Plugin && is_named_after(entry));
    if !in_plugin.is_empty() {
        return in_plugin;
    }
    let in_folder = at(&is_alone_enough);
    if in_folder.len() == 1 {
        return in_folder;
    }
    let steps = [Kind::Plugin, Kind::Folder, Kind::Other, Kind::Copy].into_iter();
    let mut steps = steps.flat_map(|kind| [(kind, true), (kind, false)]);
    steps
        .find_map(|(kind, is_named)| {
            let found = at(&|entry| entry.kind == kind && is_named_after(entry) == is_named);
            (!found.is_empty()).then_some(found)
        })
        .unwrap_or_default()
}

/// Whether an agent decides alone, if it is the only one of its name for which this holds and no plugin has one like it.
fn is_alone_enough(entry: &IndexEntry) -> bool {
    entry.kind == Kind::Folder && is_below_agents(&entry.file) && is_named_after(entry)
}

/// Why one agent is meant by a name and another one that has it is not.
#[must_use]
pub fn reason(meant: &IndexEntry, behind: &IndexEntry) -> &'static str {
    if meant.blob == behind.blob {
        return "the same bytes";
    }
    match (meant.kind, behind.kind) {
        (one, other) if one < other => match one {
            Kind::Plugin => "an agent of a plugin",
            Kind::Folder => "in a folder of agents",
            Kind::Other | Kind::Copy => "no translation or copy for another client",
        },
        _ => "named after the agent",
    }
}

/// Marks the agents of one name that stand behind others of it. All agents of the name have to be there, each with its kind.
pub fn mark(candidates: &mut [&mut IndexEntry]) {
    let shared: Vec<&IndexEntry> = candidates.iter().map(|entry| &**entry).collect();
    let best = best(&shared);
    for (index, entry) in candidates.iter_mut().enumerate() {
        entry.is_behind = !best.contains(&index);
    }
}

/// Marks all agents of a source that stand behind others.
pub fn settle(entries: &mut [IndexEntry]) {
    let mut by_name: BTreeMap<String, Vec<&mut IndexEntry>> = BTreeMap::new();
    for entry in entries {
        by_name.entry(entry.name.folded()).or_default().push(entry);
    }
    for candidates in by_name.values_mut() {
        mark(candidates);
    }
}

/// What a name means, from all agents that have it, marked.
#[must_use]
pub fn meant(name: &str, candidates: Vec<IndexEntry>) -> Meant {
    let (behind, mut agents): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|entry| entry.is_behind);
    // Two agents may differ only in case; then the exact spelling decides.
    let is_exact = |entry: &IndexEntry| entry.name.as_str() == name || entry.title == name;
    if agents.iter().any(is_exact) {
        agents.retain(is_exact);
    }
    let others = match agents.as_slice() {
        [one] => others(one, behind),
        _ => Vec::new(),
    };
    Meant { agents, others }
}

/// Of agents that stand behind one, those that count as another copy of it. Where its file alone decided, only files that are named after
/// the agent count: of the others nothing is known unless everything was read.
fn others(one: &IndexEntry, behind: Vec<IndexEntry>) -> Vec<IndexEntry> {
    let is_alone = is_alone_enough(one) || one.kind == Kind::Plugin && is_named_after(one);
    let mut others: Vec<IndexEntry> = Vec::new();
    for entry in behind {
        let is_known = others.iter().any(|known| known.blob == entry.blob);
        if entry.blob != one.blob && !is_known && (!is_alone || is_named_after(&entry)) {
            others.push(entry);
        }
    }
    others
}

/// What a name means in a source of which not everything was read. `candidates`: all files that may be agents; `found`: what a file is,
/// `None` if it was not read yet, `Some(None)` if it is no agent.
#[must_use]
pub fn ask(
    name: &str,
    candidates: &[&str],
    plugins: &Plugins,
    found: &dyn Fn(&str) -> Option<Option<IndexEntry>>,
) -> Answer {
    let Some(sought) = sought(name) else {
        return Answer::Meant(Meant::default());
    };
    let missing = |files: &[&str]| -> Vec<String> {
        let missing = files.iter().filter(|file| found(file).is_none());
        missing.map(|file| (*file).to_owned()).collect()
    };
    let is_of_stem = |file: &&str| is_called(file, &sought);
    let named: Vec<&str> = candidates.iter().copied().filter(is_of_stem).collect();
    let first = missing(&named);
    if !first.is_empty() {
        return Answer::Read(first);
    }
    let rest = missing(candidates);
    if rest.is_empty() {
        return Answer::Meant(marked(
            name,
            entries_of(candidates, plugins, &sought, found),
        ));
    }
    // Without the others, the kind of files outside of telling folders is not known, but these do not decide alone.
    let entries = entries_of(&named, plugins, &sought, found);
    let refs: Vec<&IndexEntry> = entries.iter().collect();
    let best = best(&refs);
    let decides = |index: &usize| {
        let entry = &entries[*index];
        entry.kind == Kind::Plugin || best.len() == 1 && is_alone_enough(entry)
    };
    if !best.is_empty() && best.iter().all(decides) {
        Answer::Meant(marked(name, entries))
    } else {
        Answer::Read(rest)
    }
}

/// The agents of a name among files that were read, with the kinds that follow from these files.
fn entries_of(
    files: &[&str],
    plugins: &Plugins,
    sought: &str,
    found: &dyn Fn(&str) -> Option<Option<IndexEntry>>,
) -> Vec<IndexEntry> {
    let (mut entries, mut nothing) = (Vec::new(), Vec::new());
    for file in files {
        match found(file).flatten() {
            Some(entry) => entries.push(entry),
            None => nothing.push(*file),
        }
    }
    assign(&mut entries, nothing.into_iter(), plugins);
    entries.retain(|entry| entry.name.folded() == sought);
    entries
}

fn marked(name: &str, mut entries: Vec<IndexEntry>) -> Meant {
    settle(&mut entries);
    entries.sort_by(|one, other| (&one.name, &one.file).cmp(&(&other.name, &other.file)));
    meant(name, entries)
}

#[cfg(test)]
mod tests;
