//! The words of `--allow`. One that means nothing is refused: whoever mistypes one must not believe that something is allowed now, or is
//! still refused for another reason.

use super::goal::Goal;
use super::item::Item;
use super::plan::Plan;
use super::scene::Scene;
use crate::domain::capability::{ALLOWED_WORDS, Capabilities};
use crate::domain::definition::fields::FIELDS;
use crate::domain::likeness::nearest;
use crate::error::{Failure, Result};
use crate::ops::{complete, known_tools};

/// An agent that may do nothing.
const NO_TOOLS: &[u8] = b"---\nname: none\ndescription: none\ntools: []\n---\n";

/// Refuses words that name no field, no tool and no server: neither of the client, nor of an agent of the plan.
pub(super) fn refuse_unknown(plan: &Plan, scene: &Scene<'_>, goal: &Goal) -> Result<()> {
    // What could not be looked at may be what a word is about, and says itself what is wrong.
    if !plan.failures.is_empty() {
        return Ok(());
    }
    let allowed = goal.consent.allowed.iter();
    let words: Vec<&String> = allowed.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return Ok(());
    }
    let fields = FIELDS.iter().map(|field| field.name);
    let listed: Vec<&str> = ALLOWED_WORDS.into_iter().chain(fields).collect();
    let tools = known_tools::all();
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let servers = complete::configured(scene.session);
    let is_known = |word: &str| {
        let tool = word.split('(').next().unwrap_or(word);
        listed.contains(&word)
            || tools.contains(&tool)
            || tool.starts_with("mcp__")
            || servers.iter().any(|(server, _)| server == word)
            || (plan.items.iter()).any(|item| may(item, word) || overrides(item, word))
    };
    let Some(word) = words.into_iter().find(|word| !is_known(word)) else {
        return Ok(());
    };
    let failure = Failure::usage(format!("`--allow` cannot be `{}`", word.escape_debug()));
    let near = nearest(word, listed.iter().chain(&tools).copied());
    let failure = match near {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure,
    };
    let listed: Vec<String> = listed.iter().map(|word| format!("`{word}`")).collect();
    Err(failure.hint(format!(
        "it takes {}, or the name of a tool or of a server",
        listed.join(", ")
    )))
}

/// Whether an override of an agent is about a word, before or now.
fn overrides(item: &Item, word: &str) -> bool {
    let before = item.before.as_ref().map(|before| &before.overrides);
    let mut all = before.into_iter().chain([&item.candidate.locked.overrides]);
    all.any(|overrides| overrides.names(word))
}

/// Whether an agent may do what a word names, as it is or as it would be.
fn may(item: &Item, word: &str) -> bool {
    let nothing = Capabilities::of(NO_TOOLS);
    let word = [word.to_owned()];
    let versions = [Some(&item.candidate.bytes), item.ours.as_ref()];
    versions.into_iter().flatten().any(|content| {
        let gains = Capabilities::of(&content.bytes()).gains_over(&nothing);
        gains.iter().any(|gain| gain.is_allowed(&word))
    })
}
