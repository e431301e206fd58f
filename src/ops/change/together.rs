//! What is left out because of what is left out already: an agent and those that it requires change together, or the lockfile would name
//! agents that are not there, and files would be there that it does not name.

use std::collections::BTreeSet;

use super::item::{Item, State};
use super::plan::{Plan, with};
use super::scene::Scene;
use crate::domain::name::AgentName;

/// Skips, until nothing changes any more, whatever requires an agent that will not be there or not be the one that it means, and
/// whatever nobody requires.
pub(super) fn skip_together(plan: &mut Plan, scene: &Scene<'_>) {
    loop {
        let after = with(&scene.lockfile, plan.active());
        let reached = plan.reached(scene, &after);
        let skipped: BTreeSet<AgentName> = names(&plan.items, State::Skipped);
        let replacing: BTreeSet<(AgentName, AgentName)> = plan
            .items
            .iter()
            .filter(|item| item.state == State::Skipped)
            .filter_map(|item| Some((item.replaces.as_ref()?.by.clone()?, item.name.clone())))
            .collect();
        let mut is_settled = true;
        let is_active = |item: &&mut Item| item.state == State::Active;
        for item in plan.items.iter_mut().filter(is_active) {
            let requires = &item.candidate.locked.requires;
            let missing = requires.iter().find(|required| {
                !after.agents.contains_key(*required)
                    || replacing.contains(&(item.name.clone(), (*required).clone()))
            });
            let is_of_skipped = item.is_fresh
                && item.wanted.is_none()
                && !scene.manifest.agents().contains_key(&item.name)
                && !item.required_by.is_empty()
                && item.required_by.is_subset(&skipped);
            if let Some(missing) = missing {
                item.skip(format!("it requires `{missing}`, which is left out"));
            } else if is_of_skipped || !reached.contains(&item.name) {
                item.skip("what requires it is left out");
            } else {
                continue;
            }
            is_settled = false;
        }
        if is_settled {
            return;
        }
    }
}

fn names(items: &[Item], state: State) -> BTreeSet<AgentName> {
    let found = items.iter().filter(|item| item.state == state);
    found.map(|item| item.name.clone()).collect()
}

/// The items without which `item` would require agents that nobody has: they are put aside with it.
pub(super) fn newly_required<'i>(items: &'i [Item], item: &Item) -> Vec<&'i Item> {
    let mut found: Vec<&Item> = Vec::new();
    let mut open: Vec<&AgentName> = item.candidate.locked.requires.iter().collect();
    while let Some(name) = open.pop() {
        let is_new = |other: &&Item| other.name == *name && other.before.is_none();
        if let Some(new) = items.iter().find(is_new)
            && !found.iter().any(|known| known.name == *name)
        {
            found.push(new);
            open.extend(&new.candidate.locked.requires);
        }
    }
    found
}
