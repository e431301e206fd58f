//! Powers of the agents that an install writes: the same questions as in an update, by the same code.

use std::collections::BTreeSet;

use super::InstallOptions;
use super::plan::Plan;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::ops::base;
use crate::ops::candidate::{self, Candidate};
use crate::ops::report::{Answers, Frontend, interrupted};
use crate::ops::session::Session;
use crate::ops::update::{Item, Planned, State, UpdateOptions, decide_powers};
use crate::store::agreement::reachable;
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
    let Some(items) = items(session, options, lockfile, plan)? else {
        return Ok(());
    };
    let how = UpdateOptions {
        typed: options.typed.clone(),
        allowed: options.allowed.clone(),
        is_dry_run: options.is_dry_run,
        is_yes: options.is_yes,
        ..UpdateOptions::default()
    };
    let answers = Answers::of(frontend, options.is_dry_run, options.is_yes);
    let mut planned = Planned {
        items,
        ..Planned::default()
    };
    decide_powers(
        session,
        manifest,
        &mut planned,
        &how,
        answers,
        None,
        frontend,
    )?;
    let mut skipped = BTreeSet::new();
    for item in planned.items {
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
    plan.refused.append(&mut planned.failures);
    if skipped.is_empty() {
        return Ok(());
    }
    leave_out(&mut skipped, lockfile, plan);
    if plan.after.agents.is_empty() && plan.refused.is_empty() {
        // Whoever says no to all that was to be installed has stopped the command.
        return Err(interrupted());
    }
    manifest.take_back(|name| skipped.contains(name), original);
    reinstate(session, manifest, lockfile, &skipped, plan, frontend)
}

/// The agents whose powers are to be judged; `None`: one was edited, which is refused later, and nothing has to be asked before that.
fn items(
    session: &Session,
    options: &InstallOptions,
    lockfile: &Lockfile,
    plan: &mut Plan,
) -> Result<Option<Vec<Item>>> {
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
        let candidate = |locked: &LockedAgent| Candidate {
            locked: locked.clone(),
            bytes: plan.bytes[&locked.base].clone(),
            required: Vec::new(),
        };
        let Some(Before { ours, bytes: base }) = before(session, name, known, locked)? else {
            let powers = candidate::powers(&plan.bytes[&locked.base]);
            let is_agreed = |field: &&str| {
                known.is_some_and(|known| known.allowed.iter().any(|known| known == field))
            };
            if plan.fresh.contains(name) && !powers.iter().all(is_agreed) {
                items.push(Item::new(name.clone(), candidate(locked), Vec::new()));
            } else if plan.fresh.contains(name) {
                // What the lockfile allows already counts as agreed.
                locked.allowed = powers.into_iter().map(str::to_owned).collect();
            }
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
            return Ok(None);
        }
        let item = Item::new(name.clone(), candidate(locked), base);
        items.push(Item {
            before: known.cloned(),
            ours,
            ..item
        });
    }
    Ok(Some(items))
}

/// Leaves out with the skipped agents those that require a new one of them, which nobody would have.
fn leave_out(skipped: &mut BTreeSet<AgentName>, lockfile: &Lockfile, plan: &mut Plan) {
    let is_missing = |name: &AgentName, skipped: &BTreeSet<AgentName>| {
        skipped.contains(name) && !lockfile.agents.contains_key(name)
    };
    loop {
        let more: Vec<AgentName> = plan
            .after
            .agents
            .iter()
            .filter(|(name, _)| !skipped.contains(*name))
            .filter(|(_, locked)| {
                locked
                    .requires
                    .iter()
                    .any(|required| is_missing(required, skipped))
            })
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        skipped.extend(more);
    }
    plan.after
        .agents
        .retain(|name, _| !is_missing(name, skipped));
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
