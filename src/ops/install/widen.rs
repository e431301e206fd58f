//! New powers of an agent that an install replaces: the same questions as in an update, since for the user it is one.

use std::collections::BTreeSet;

use super::plan::Plan;
use super::{InstallOptions, change, reachable};
use crate::domain::capability::Gain;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::shell::shell_quoted;
use crate::error::{Failure, Kind, Result};
use crate::ops::base;
use crate::ops::candidate::{self, Candidate};
use crate::ops::report::Frontend;
use crate::ops::session::Session;
use crate::ops::update::{Item, State, UpdateOptions, powers};
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::Manifest;

/// An installed agent as it is.
pub(super) struct Before {
    /// Its file, if it is there.
    ours: Option<Vec<u8>>,
    /// What it could do up to now: the file, or its base.
    bytes: Vec<u8>,
}

/// What an installed agent could do up to now. `None`: neither its file nor its base is there, or upstream has the same bytes as
/// before, of which nothing can be new.
pub(super) fn before(
    session: &Session,
    name: &AgentName,
    known: Option<&LockedAgent>,
    new: &LockedAgent,
) -> Result<Option<Before>> {
    let Some(known) = known.filter(|known| known.sha256 != new.sha256) else {
        return Ok(None);
    };
    let ours = session.project.read_agent(name)?;
    let bytes = match &ours {
        Some(ours) => Some(ours.clone()),
        None => session.project.read_base(&known.base)?,
    };
    Ok(bytes.map(|bytes| Before { ours, bytes }))
}

/// Asks about what the replaced agents gain; changes the plan by what is not taken. `original`: the manifest without the specs.
pub(super) fn settle(
    session: &Session,
    options: &InstallOptions,
    manifest: &mut Manifest,
    original: &Manifest,
    lockfile: &Lockfile,
    plan: &mut Plan,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let forced: Vec<AgentName> = plan
        .after
        .agents
        .keys()
        .filter(|name| plan.is_forced(name, options))
        .cloned()
        .collect();
    let mut items = Vec::new();
    for (name, locked) in &mut plan.after.agents {
        let known = lockfile.agents.get(name);
        let Some(Before { ours, bytes: base }) = before(session, name, known, locked)? else {
            continue;
        };
        let digest = Digest::of(&base);
        let is_known = |digest: Digest| known.is_some_and(|known| known.base == digest);
        if ours.is_some() && (digest == locked.base || is_known(locked.base)) {
            // The file stays as it is, whatever upstream's bytes were.
            locked.allowed = candidate::powers(&base)
                .into_iter()
                .map(str::to_owned)
                .collect();
            continue;
        }
        if ours.is_some() && !is_known(digest) && !forced.contains(name) {
            // An edited file is refused later, and nothing has to be asked before that.
            return Ok(());
        }
        let candidate = Candidate {
            locked: locked.clone(),
            bytes: plan.bytes[&locked.base].clone(),
            required: Vec::new(),
        };
        items.push(Item {
            before: known.cloned(),
            ours,
            ..Item::new(name.clone(), candidate, base)
        });
    }
    let how = UpdateOptions {
        allowed: options.allowed.clone(),
        is_dry_run: options.is_dry_run,
        is_yes: options.is_yes,
        ..UpdateOptions::default()
    };
    let may_ask = frontend.is_interactive() && !options.is_dry_run && !options.is_yes;
    let asked = powers(
        session,
        manifest,
        &mut items,
        &mut Vec::new(),
        &how,
        may_ask,
        frontend,
    );
    asked.map_err(|failure| {
        if failure.kind() == Kind::Consent {
            refused(options, &items, &failure)
        } else {
            failure
        }
    })?;
    let mut skipped = BTreeSet::new();
    for item in items {
        let Item { name, .. } = &item;
        if item.state == State::Skipped {
            skipped.insert(name.clone());
            continue;
        }
        let result = item.result();
        if let Some(locked) = plan.after.agents.get_mut(name) {
            locked.allowed = candidate::powers(&result)
                .into_iter()
                .map(str::to_owned)
                .collect();
        }
        plan.gains.insert(name.clone(), item.gains());
        if result != item.candidate.bytes {
            plan.written.insert(name.clone(), result);
        }
    }
    if skipped.is_empty() {
        return Ok(());
    }
    manifest.take_back(|name| skipped.contains(name), original);
    reinstate(session, manifest, lockfile, &skipped, plan, frontend)
}

/// Leaves the skipped agents as they were, with all that they require. What others want as well stays as it is planned for them, and
/// what only the skipped versions wanted is not installed.
fn reinstate(
    session: &Session,
    manifest: &Manifest,
    lockfile: &Lockfile,
    skipped: &BTreeSet<AgentName>,
    plan: &mut Plan,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let of_others = closure(manifest.agents().keys(), &plan.after, skipped);
    for name in closure(skipped.iter(), lockfile, &of_others) {
        let Some(known) = lockfile.agents.get(&name) else {
            continue;
        };
        let bytes = base::find(session, &name, known, frontend)?.into_bytes()?;
        plan.bytes.insert(known.base, bytes);
        plan.gains.remove(&name);
        plan.written.remove(&name);
        plan.after.agents.insert(name, known.clone());
    }
    let kept: BTreeSet<AgentName> = reachable(manifest, &plan.after)
        .into_iter()
        .cloned()
        .collect();
    plan.after.agents.retain(|name, _| kept.contains(name));
    Ok(())
}

/// The agents that are required from `roots` on, `but` some and what only those require.
fn closure<'n>(
    roots: impl Iterator<Item = &'n AgentName>,
    lockfile: &'n Lockfile,
    but: &BTreeSet<AgentName>,
) -> BTreeSet<AgentName> {
    let mut closure = BTreeSet::new();
    let mut open: Vec<&AgentName> = roots.collect();
    while let Some(name) = open.pop() {
        if !but.contains(name) && closure.insert(name.clone()) {
            open.extend(
                lockfile
                    .agents
                    .get(name)
                    .into_iter()
                    .flat_map(|locked| &locked.requires),
            );
        }
    }
    closure
}

/// The refusal of an update, with the commands of this install.
fn refused(options: &InstallOptions, items: &[Item], failure: &Failure) -> Failure {
    let gains = |item: &Item| -> Vec<Gain> {
        item.gains()
            .into_iter()
            .filter(|gain| !gain.is_allowed(&options.allowed))
            .collect()
    };
    let open: Vec<&Item> = items
        .iter()
        .filter(|item| !gains(item).is_empty())
        .collect();
    let message = match open.as_slice() {
        [
            Item {
                name,
                before: Some(known),
                candidate,
                ..
            },
        ] => {
            let versions = change(known, &candidate.locked);
            let gap = if versions.is_empty() { "" } else { " " };
            format!("`{name}`{gap}{versions} asks for more than before, so nothing was written")
        }
        _ => failure.message().to_owned(),
    };
    let mut words: Vec<String> = open
        .iter()
        .flat_map(|item| gains(item))
        .map(|gain| gain.word())
        .collect();
    words.extend(options.allowed.iter().cloned());
    words.sort();
    words.dedup();
    let command = options.typed();
    let failure = failure
        .details()
        .iter()
        .fold(Failure::new(Kind::Consent, message), Failure::detail);
    failure
        .hint(format!(
            "if that is meant: `{command} --allow {}`",
            shell_quoted(&words.join(","))
        ))
        .hint(format!(
            "or `{command} --yes`, which takes the rest without it"
        ))
}
