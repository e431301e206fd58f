//! Changes of lists of tools that come to nothing, in words: a name that was mistyped must not seem to be gone, or there.

use super::{complete, known_tools};
use crate::domain::definition::{IdleRemoval, idle_removals};
use crate::domain::name::AgentName;
use crate::domain::overrides::Overrides;

/// A removal that changes nothing or an addition that is a typo, and what to say about it.
pub(super) struct Idle {
    /// The assignment, `tools-=Bash`.
    pub(super) assignment: String,
    /// What to say, to follow the name of the agent.
    pub(super) words: String,
}

/// The removals of an agent that change nothing, and the additions that are typos. `base`: its version without overrides.
pub(super) fn idle(base: &[u8], overrides: &Overrides) -> Vec<Idle> {
    let mut told = mistyped(overrides);
    if overrides.lists.values().all(|list| list.remove.is_empty()) {
        return told;
    }
    let tools: Vec<String> = complete::tools()
        .into_iter()
        .map(|(tool, _)| tool)
        .collect();
    let tell = |IdleRemoval { assignment, meant }: IdleRemoval| {
        let meant = meant.map(|meant| format!("; did you mean `{meant}`?"));
        let meant = meant.unwrap_or_default();
        let words = format!("has nothing that `{assignment}` would remove{meant}");
        Idle { assignment, words }
    };
    let found = idle_removals(base, overrides, &tools).into_iter();
    told.extend(found.map(tell));
    told
}

/// The additions of what is probably a typo. `set` refuses them; they were written into agentpkg.toml by hand.
fn mistyped(overrides: &Overrides) -> Vec<Idle> {
    let mut found = Vec::new();
    for (key, list) in &overrides.lists {
        for tool in &list.add {
            let Some(meant) = known_tools::meant(tool) else {
                continue;
            };
            let assignment = format!("{key}+={tool}");
            let words = format!(
                "has `{assignment}`, and Claude Code knows no such tool; did you mean `{meant}`?"
            );
            found.push(Idle { assignment, words });
        }
    }
    found
}

/// The same as notes about an agent. `line_of`: where an assignment is in agentpkg.toml, if it is there.
pub(super) fn notes(
    name: &AgentName,
    idle: &[Idle],
    line_of: &dyn Fn(&str) -> Option<usize>,
) -> Vec<String> {
    let note = |Idle { assignment, words }: &Idle| {
        let place = line_of(assignment).map(|line| format!("agentpkg.toml:{line}: "));
        format!("{}`{name}` {words}", place.unwrap_or_default())
    };
    idle.iter().map(note).collect()
}
