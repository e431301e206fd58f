//! What an update merges with: the base of each agent, one that a person takes in place of a lost one, and one that makes what was
//! declined before news again. Where bases are found, `ops::base` knows.

use std::collections::BTreeSet;

use super::item::{Item, State};
use super::plan::Plan;
use super::scene::Scene;
use crate::domain::capability::{Capabilities, Gain};
use crate::domain::count::counted;
use crate::domain::definition::Definition;
use crate::domain::lineage::kept;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::merge::{Options, merge_with};
use crate::ops::base::{self, BaseOrigin, Nearest, Search};
use crate::ops::candidate::as_written;
use crate::ops::report::{Choice, Event, Frontend};
use crate::store::agreement::is_moved;
use crate::store::lockfile::LockedAgent;

/// A shorter prompt is not worth a word about how much of it is new.
const FEWEST_LINES: usize = 12;

/// Gives an item of an update its base, or says that there is nothing newer; `false`: the base is lost, and the agent stays as it is.
/// `allowed`: what may be taken that was declined before.
pub(super) fn find(
    item: &mut Item,
    plan: &mut Plan,
    scene: &Scene<'_>,
    allowed: &[String],
    frontend: &mut dyn Frontend,
) -> Result<bool> {
    let Some(locked) = item.before.clone() else {
        if item.ours.is_some() {
            item.is_blocked = item.ours.as_ref() != Some(&item.candidate.bytes);
            item.base.clone_from(&item.candidate.bytes);
        }
        return Ok(true);
    };
    let new = &item.candidate.locked;
    let is_same = locked.base == new.base
        && locked.version == new.version
        && locked.reference == new.reference
        && locked.overrides == new.overrides
        && locked.requires == new.requires
        && !is_moved(&locked, new);
    if is_same && let Some(ours) = item.ours.clone() {
        look_again(item, &ours.bytes(), allowed, frontend);
        return Ok(true);
    }
    if locked.base == new.base {
        item.base = as_written(&item.name, &locked, &item.candidate.base)?;
    } else if item.ours.is_none() {
        known_before(item, scene, frontend)?;
    } else {
        match base::find(scene.session, &item.name, &locked, frontend)? {
            Search::Found(base, origin) => {
                note_overridden(item, &base.bytes());
                item.base = as_written(&item.name, &locked, &base)?;
                item.origin = Some(origin);
            }
            Search::Lost(failure, nearest) => {
                let Some(bytes) = chosen(&item.name, nearest, frontend)? else {
                    let failure = lost(&item.name, failure);
                    plan.lost.push((item.name.clone(), failure));
                    return Ok(false);
                };
                item.base = as_written(&item.name, &locked, &bytes.into())?;
            }
        }
    }
    if let Some(percent) = rewritten(&item.base.bytes(), &item.candidate.bytes.bytes()) {
        let note = format!("upstream rewrote {percent} % of the prompt");
        item.notes.push(note);
    }
    if base::is_rewritten(scene.session, &locked) {
        item.notes
            .push("upstream's history was rewritten; the base was kept".to_owned());
    }
    if let Some(origin) = item
        .origin
        .filter(|origin| !matches!(origin, BaseOrigin::Project | BaseOrigin::Installed))
    {
        item.notes.push(format!("the base was found in {origin}"));
    }
    Ok(true)
}

/// Says which overridden keys upstream changed: nobody is asked about them, because the overrides stay.
fn note_overridden(item: &mut Item, base: &[u8]) {
    let new = item.candidate.base.bytes();
    let [old, new] = [base, &new].map(|bytes| Definition::parse(bytes).values());
    let overrides = &item.candidate.locked.overrides;
    let is_news = |(key, value): &(&String, &String)| {
        let now = new.get(*key);
        old.get(*key) != now && now.and_then(|now| now.as_str()) != Some(value.as_str())
    };
    let changed = overrides.values.iter().filter(is_news);
    let notes = changed.map(|(key, _)| format!("upstream changed `{key}`; your override stays"));
    let notes: Vec<String> = notes.collect();
    item.notes.extend(notes);
}

/// How much of a prompt is not what it was, in percent; `None`: less than half, or there was hardly any.
fn rewritten(base: &[u8], new: &[u8]) -> Option<u32> {
    let [base, new] = [base, new].map(Definition::parse);
    let is_long = base.body().split(|byte| *byte == b'\n').count() > FEWEST_LINES;
    let percent = 100 - kept(base.body(), new.body());
    (is_long && percent >= 50).then_some(percent)
}

/// Finds out what an agent could do before whose file is not there: there is nothing to merge, but new powers are asked about. Where
/// even the base is lost, all that the agent may do is new.
pub(super) fn known_before(
    item: &mut Item,
    scene: &Scene<'_>,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let is_other = |before: &&LockedAgent| before.sha256 != item.candidate.locked.sha256;
    let Some(before) = item.before.as_ref().filter(is_other) else {
        return Ok(());
    };
    match base::find(scene.session, &item.name, before, frontend)? {
        Search::Found(base, _) => {
            item.base = as_written(&item.name, before, &base)?;
        }
        Search::Lost(..) => item.is_unknown_before = true,
    }
    Ok(())
}

/// An agent that has upstream's newest version already stays as it is, unless something is allowed now that was left out before.
fn look_again(item: &mut Item, ours: &[u8], allowed: &[String], frontend: &mut dyn Frontend) {
    match declined(ours, item, allowed) {
        Declined::Base(base) => {
            item.base = base.into();
            return;
        }
        Declined::Edited(keys) => {
            let keys: Vec<String> = keys.into_iter().map(|key| format!("`{key}`")).collect();
            frontend.report(Event::warning(format!(
                "you changed {} of `{}`, so add there yourself what you allow",
                keys.join(", "),
                item.name
            )));
        }
        Declined::Nothing => {}
    }
    item.base.clone_from(&item.candidate.bytes);
    item.state = State::Current;
}

/// That an agent has no base.
fn lost(name: &AgentName, why: Failure) -> Failure {
    let force = Command::new(["install", name.as_str(), "--force"]);
    let again = Command::new(["update", name.as_str()]);
    Failure::failed(format!(
        "the base of `{name}` is lost, so its update cannot be merged"
    ))
    .caused_by(why)
    .hint(Advice::say("keep a copy of your edits, then run ").and_run(force))
    .hint(
        Advice::say("or run ")
            .and_run(again)
            .and(" in a terminal, which offers the nearest version as a base"),
    )
}

/// What `allowed` changes about an agent that has upstream's newest version already.
enum Declined {
    /// Nothing was left out that is allowed now.
    Nothing,
    /// Upstream's version as it was written without it. As a base it makes that news again.
    Base(Vec<u8>),
    /// The user added to the same keys, which taking upstream's would lose.
    Edited(BTreeSet<String>),
}

/// Looks for powers that an earlier command left out and that are allowed now.
fn declined(ours: &[u8], item: &Item, allowed: &[String]) -> Declined {
    if allowed.is_empty() {
        return Declined::Nothing;
    }
    let bytes = item.candidate.bytes.bytes();
    let [mine, theirs] = [ours, &bytes].map(Capabilities::of);
    let is_open =
        |gain: &&Gain| gain.is_allowed(allowed) && !item.pins.iter().any(|pin| pin == gain.key());
    let gains = theirs.gains_over(&mine);
    let key = |gain: &Gain| gain.key().to_owned();
    let keys: BTreeSet<String> = gains.iter().filter(is_open).map(key).collect();
    if keys.is_empty() {
        return Declined::Nothing;
    }
    let own = mine.gains_over(&theirs);
    let own: BTreeSet<String> = own.iter().map(key).collect();
    let edited: BTreeSet<String> = own.intersection(&keys).cloned().collect();
    if !edited.is_empty() {
        return Declined::Edited(edited);
    }
    let options = Options {
        pins: keys.into_iter().collect(),
        ..Options::default()
    };
    Declined::Base(merge_with(ours, ours, &bytes, &options).resolve(&[]))
}

/// Offers the nearest upstream version in place of a lost base. Never taken without an answer.
fn chosen(
    name: &AgentName,
    nearest: Option<Nearest>,
    frontend: &mut dyn Frontend,
) -> Result<Option<Vec<u8>>> {
    let Some(nearest) = nearest.filter(|_| frontend.is_interactive()) else {
        return Ok(None);
    };
    let commit = nearest.commit.map_or_else(
        || "its source has now".to_owned(),
        |commit| format!("of commit {}", commit.short()),
    );
    let lines = counted(nearest.lines, "line");
    frontend.report(Event::warning(format!(
        "the version that `{name}` was installed from is lost; the nearest is the one {commit}, which differs in {lines}"
    )));
    let choices = [
        Choice {
            label: "skip".to_owned(),
            detail: "leave the agent as it is".to_owned(),
        },
        Choice {
            label: "use the nearest".to_owned(),
            detail: "every difference from it counts as your edit".to_owned(),
        },
    ];
    let answer = frontend.choose(&format!("How to update {name}?"), &choices, 0)?;
    Ok((answer == 1).then_some(nearest.bytes))
}
