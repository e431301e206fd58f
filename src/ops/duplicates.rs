//! Files of the agents folder that the client knows by one name, so that it loads only one of them. Whoever writes agents says so.

use std::collections::BTreeMap;

use super::report::{Event, Frontend};
use super::session::Session;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::store::loaded::{self, FoundAgent, LoadedSet};
use crate::store::lockfile::Lockfile;

/// Warns about agents whose client name another file in the folder has, at any depth.
///
/// All is written by then: what cannot be looked at any more is no failure of the command.
pub fn warn(session: &Session, frontend: &mut dyn Frontend) {
    match found(session) {
        Ok(warnings) => {
            for warning in warnings {
                frontend.report(Event::warning(warning));
            }
        }
        Err(failure) => frontend.report(Event::warning(failure.to_string())),
    }
}

fn found(session: &Session) -> Result<Vec<String>> {
    let project = &session.project;
    let lockfile = project.load_lockfile()?;
    let set = loaded::read(project, &session.environment, project.root());
    Ok(warnings(&set, &lockfile))
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
                "{} and {} are {word} named `{name}`; the client loads only {}",
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
    let is_installed = |agent: &&FoundAgent| {
        let name = agent.below.strip_suffix(".md").map(AgentName::new);
        matches!(name, Some(Ok(name)) if lockfile.agents.contains_key(&name))
    };
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
