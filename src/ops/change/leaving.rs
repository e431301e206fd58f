//! Which agents go with those that are named to go.

use std::collections::BTreeSet;

use super::plan::Plan;
use super::scene::Scene;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::ops::unknown;
use crate::store::agreement::{reachable, with_required};

/// Plans that the named agents go, and what only they required. One that left the manifest by another way is not this command's
/// business, but can be named.
pub(super) fn leaving(plan: &mut Plan, scene: &Scene<'_>, names: &[String]) -> Result<()> {
    let (manifest, lockfile) = (&scene.manifest, &scene.lockfile);
    let wanted = reachable(manifest, lockfile);
    let mut named = BTreeSet::new();
    for text in names {
        let is_known = |name: &AgentName| {
            manifest.agents().contains_key(name)
                || lockfile.agents.contains_key(name) && !wanted.contains(name)
        };
        match AgentName::new(text).ok().filter(is_known) {
            Some(name) => named.insert(name),
            None => {
                return Err(unknown::agent(
                    scene.session,
                    text,
                    manifest.agents().keys(),
                    lockfile,
                ));
            }
        };
    }
    let is_named = |name: &AgentName| named.contains(name);
    let mut leaving = with_required(
        lockfile.agents.keys().filter(|name| is_named(name)),
        lockfile,
        &|_| false,
    );
    let others = lockfile
        .agents
        .keys()
        .filter(|name| !leaving.contains(name));
    // Who requires a named agent and stays keeps it.
    let still_required = with_required(others, lockfile, &|_| false);
    let kept = manifest.agents().keys().filter(|name| !is_named(name));
    let still_wanted = with_required(kept, lockfile, &|_| false);
    leaving.retain(|name| !still_wanted.contains(name) && !still_required.contains(name));
    let is_kept = |name: &AgentName| lockfile.agents.contains_key(name) && !leaving.contains(name);
    for name in named.iter().filter(|name| is_kept(name)) {
        let by = lockfile
            .agents
            .iter()
            .find(|(by, locked)| locked.requires.contains(name) && !leaving.contains(by));
        if let Some((by, _)) = by {
            plan.still_required.push((name.clone(), by.clone()));
        }
    }
    let unnamed = leaving.iter().copied().filter(|name| !is_named(name));
    let unnamed: Vec<&AgentName> = unnamed.collect();
    manifest.refuse_guess(&unnamed)?;
    plan.leaving = leaving.into_iter().cloned().collect();
    plan.dismissed = named
        .into_iter()
        .filter(|name| manifest.agents().contains_key(name))
        .collect();
    Ok(())
}
