//! `remove`: takes agents out of the manifest, the lockfile and the agents folder. Edited files go only when that is said.

use std::collections::BTreeSet;

use super::changes;
use super::gone::{self, Edited, Gone};
use super::report::Frontend;
use super::session::Session;
use super::unknown;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::store::agreement::{reachable, with_required};
use crate::store::lockfile::Lockfile;
use crate::store::manifest::Manifest;

/// What to remove, and how.
#[derive(Debug, Clone, Default)]
pub struct RemoveOptions {
    /// The names.
    pub names: Vec<String>,
    /// Plan and stop.
    pub is_dry_run: bool,
    /// Also remove edited files; a copy is kept.
    pub is_forced: bool,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoveOutcome {
    /// The agents, those required by no other one any more included, and their servers.
    pub gone: Gone,
    /// Those that were only in the manifest.
    pub uninstalled: Vec<String>,
}

/// Removes agents.
pub fn remove(
    session: &Session,
    options: &RemoveOptions,
    frontend: &mut dyn Frontend,
) -> Result<RemoveOutcome> {
    let guard = session.lock_to_write(options.is_dry_run, frontend)?;
    let mut manifest = session.manifest(frontend)?;
    let before = session.project.load_lockfile()?;
    let leaving = leaving(&mut manifest, &before, &options.names)?;
    let mut after = before.clone();
    after.agents.retain(|name, _| !leaving.contains(name));
    let is_named = |name: &str| options.names.iter().any(|named| named == name);
    // What was only required is nobody's wish to lose.
    let edited = |name: &AgentName| match (options.is_forced, is_named(name.as_str())) {
        (true, _) => Edited::Remove,
        (false, true) => Edited::Refuse,
        (false, false) => Edited::Keep,
    };
    let mut changes = Vec::new();
    let gone = gone::let_go(
        session,
        &manifest,
        &before,
        &mut after,
        &edited,
        &mut changes,
        frontend,
    )?;
    let is_installed =
        |name: &String| (before.agents.keys()).any(|known| known.as_str() == name.as_str());
    let uninstalled = options
        .names
        .iter()
        .filter(|name| !is_installed(name))
        .cloned()
        .collect();
    let label = format!("remove {}", options.names.join(" "));
    let transaction =
        changes::transaction(&session.project, label, &manifest, &before, &after, changes)?;
    session.apply(guard.as_ref(), &transaction, frontend)?;
    Ok(RemoveOutcome { gone, uninstalled })
}

/// Takes the named agents out of the manifest, and says which installed ones go with that: them, and what only they required. One
/// that left the manifest by another way is not this command's business, but can be named.
fn leaving<'l>(
    manifest: &mut Manifest,
    lockfile: &'l Lockfile,
    names: &[String],
) -> Result<BTreeSet<&'l AgentName>> {
    let wanted: BTreeSet<AgentName> = reachable(manifest, lockfile).into_iter().cloned().collect();
    let mut named = BTreeSet::new();
    for text in names {
        let is_known = |name: &AgentName| {
            manifest.agents().contains_key(name)
                || lockfile.agents.contains_key(name) && !wanted.contains(name)
        };
        match AgentName::new(text).ok().filter(is_known) {
            Some(name) => named.insert(name),
            None => return Err(unknown::agent(text, manifest.agents().keys(), lockfile)),
        };
    }
    for name in named
        .iter()
        .filter(|name| manifest.agents().contains_key(*name))
        .cloned()
        .collect::<Vec<_>>()
    {
        manifest.remove_agent(&name);
    }
    let mut leaving = with_required(
        lockfile.agents.keys().filter(|name| named.contains(*name)),
        lockfile,
        &|_| false,
    );
    let others: Vec<&AgentName> = lockfile
        .agents
        .keys()
        .filter(|name| !leaving.contains(name))
        .collect();
    // Who requires a named agent keeps it, unless nobody wants that one either.
    let still_wanted = reachable(manifest, lockfile);
    let still_required = with_required(others.into_iter(), lockfile, &|name| named.contains(name));
    leaving.retain(|name| !still_wanted.contains(name) && !still_required.contains(name));
    manifest.refuse_guess(
        &leaving
            .iter()
            .copied()
            .filter(|name| !named.contains(*name))
            .collect::<Vec<_>>(),
    )?;
    Ok(leaving)
}
