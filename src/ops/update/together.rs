//! What an update leaves out because of what it leaves out already: an agent and those that it requires change together, or the lock
//! would name agents that are not there, and files would be there that it does not name.

use std::collections::BTreeSet;

use super::item::{Item, State};
use crate::domain::name::AgentName;
use crate::store::agreement::reachable;
use crate::store::lockfile::Lockfile;
use crate::store::manifest::Manifest;

/// Skips, until nothing changes any more, whatever requires an agent that will not be there, and whatever nobody requires.
pub(super) fn skip_together(manifest: &Manifest, before: &Lockfile, items: &mut [Item]) {
    loop {
        let active = items.iter().filter(|item| item.state == State::Active);
        let after = with(before, active);
        let reached: BTreeSet<AgentName> =
            reachable(manifest, &after).into_iter().cloned().collect();
        let mut is_settled = true;
        for item in items.iter_mut().filter(|item| item.state == State::Active) {
            let missing = item
                .candidate
                .locked
                .requires
                .iter()
                .find(|required| !after.agents.contains_key(*required));
            let note = match missing {
                Some(missing) => format!("it requires `{missing}`, which is left out"),
                None if reached.contains(&item.name) => continue,
                None => "what requires it is left out".to_owned(),
            };
            item.state = State::Skipped;
            item.notes.push(note);
            is_settled = false;
        }
        if is_settled {
            return;
        }
    }
}

/// The agent of the manifest that an update has to name in order to reach `name`.
pub(super) fn requirer(
    manifest: &Manifest,
    before: &Lockfile,
    items: &[Item],
    name: &AgentName,
) -> AgentName {
    let after = with(before, items.iter());
    let mut seen = BTreeSet::new();
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        if manifest.agents().contains_key(name) {
            return name.clone();
        }
        if seen.insert(name) {
            open.extend(
                after
                    .agents
                    .iter()
                    .filter(|(_, locked)| locked.requires.contains(name))
                    .map(|(by, _)| by),
            );
        }
    }
    name.clone()
}

/// The items without which `item` would require agents that nobody has: they wait with it.
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

/// The lockfile once these items are written.
pub(super) fn with<'i>(before: &Lockfile, items: impl Iterator<Item = &'i Item>) -> Lockfile {
    let mut after = before.clone();
    after
        .agents
        .extend(items.map(|item| (item.name.clone(), item.candidate.locked.clone())));
    after
}
