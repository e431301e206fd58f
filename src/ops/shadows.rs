//! What keeps an agent that was written from running, or another one because of it: equal names, and the client's settings. Whoever writes
//! agents says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::loaded::Layer;
use crate::domain::name::AgentName;
use crate::store::loaded::{FoundAgent, LoadedSet, Standing};
use crate::store::lockfile::Lockfile;

/// Agents whose client name another file in the folder has, at any depth, and agents in whose place another one runs. Of those that are
/// `written` also in whose place they run, and what settings keep them from running. `lockfile`: what is installed then.
pub(super) fn shadows(
    set: &LoadedSet,
    lockfile: &Lockfile,
    written: &BTreeSet<AgentName>,
) -> Vec<String> {
    let mut warnings = warnings(set, lockfile);
    let replaced = set.agents.iter();
    let is_written = |agent: &FoundAgent| {
        let installed = lockfile.at(&agent.below);
        installed.is_some_and(|(name, _)| written.contains(name))
    };
    warnings.extend(replaced.filter_map(|agent| replaced_by(set, agent, &is_written)));
    warnings.extend(
        set.own()
            .filter(|agent| is_written(agent))
            .filter_map(|agent| kept(set, agent)),
    );
    warnings
}

/// What settings keep an agent from running.
fn kept(set: &LoadedSet, agent: &FoundAgent) -> Option<String> {
    let below = &agent.below;
    if let Standing::SwitchedOff(file) = &agent.standing {
        return Some(format!(
            "{below} is not loaded: {file} allows agents of plugins only"
        ));
    }
    let name = agent
        .name
        .as_deref()
        .filter(|_| agent.standing == Standing::Runs)?;
    let denial = set.denial(name)?;
    let (file, rule) = (&denial.file, &denial.rule);
    Some(format!("{below} cannot be started: {file} denies `{rule}`"))
}

fn warnings(set: &LoadedSet, lockfile: &Lockfile) -> Vec<String> {
    let mut names: BTreeMap<&str, Vec<&FoundAgent>> = BTreeMap::new();
    for agent in set.own() {
        if let Some(name) = &agent.name {
            names.entry(name).or_default().push(agent);
        }
    }
    let mut warnings = Vec::new();
    for (name, files) in names {
        if let [others @ .., last] = files.as_slice()
            && !others.is_empty()
        {
            let others: Vec<&str> = others.iter().map(|agent| agent.below.as_str()).collect();
            let word = if others.len() == 1 { "both" } else { "all" };
            warnings.push(format!(
                "{} and {} are {word} named `{name}`; Claude Code loads only {}",
                others.join(", "),
                last.below,
                last.shown
            ));
        }
    }
    warnings.extend(elsewhere(set, lockfile));
    warnings
}

/// The installed agents in whose place one of another folder runs.
fn elsewhere(set: &LoadedSet, lockfile: &Lockfile) -> Vec<String> {
    let is_installed = |agent: &&FoundAgent| lockfile.at(&agent.below).is_some();
    let hidden = set.own().filter(is_installed).filter_map(|agent| {
        let (winner, reason) = set.winner(agent)?;
        let place = set.place(winner);
        (!place.is_own).then(|| {
            format!(
                "{} does not run: {} has the name `{}` too, and {reason}",
                agent.below,
                winner.shown,
                agent.name.as_deref().unwrap_or_default()
            )
        })
    });
    hidden.collect()
}

/// That an agent of another place does not run here because of one that was written.
fn replaced_by(
    set: &LoadedSet,
    agent: &FoundAgent,
    is_written: &dyn Fn(&FoundAgent) -> bool,
) -> Option<String> {
    let (winner, reason) = set.winner(agent)?;
    let (place, won) = (set.place(agent), set.place(winner));
    if place.is_own || !won.is_own || !is_written(winner) {
        return None;
    }
    let name = agent.name.as_deref()?;
    let (winner, hidden) = (&winner.shown, &agent.shown);
    if place.layer == Layer::BuiltIn {
        return Some(format!(
            "{winner} replaces Claude Code's own agent `{name}`"
        ));
    }
    let manager = place
        .manager
        .as_ref()
        .filter(|manager| manager.entry(&agent.below).is_some());
    let managed = manager.map_or_else(String::new, |manager| {
        format!(" (managed by {})", manager.shown)
    });
    Some(format!(
        "{winner} runs in place of {hidden}{managed}, also named `{name}`: {reason}"
    ))
}
