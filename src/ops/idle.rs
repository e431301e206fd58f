//! Removals from lists of tools that find nothing to remove, in words: a name that was mistyped must not seem to be gone.

use super::complete;
use crate::domain::definition::{IdleRemoval, idle_removals};
use crate::domain::name::AgentName;
use crate::domain::overrides::Overrides;

/// A removal that changes nothing, and what to say about it.
pub(super) struct Idle {
    /// The assignment, `tools-=Bash`.
    pub(super) assignment: String,
    /// What to say, to follow the name of the agent.
    pub(super) words: String,
}

/// The removals of an agent that change nothing. `base`: its version without overrides.
pub(super) fn idle(base: &[u8], overrides: &Overrides) -> Vec<Idle> {
    if overrides.lists.values().all(|list| list.remove.is_empty()) {
        return Vec::new();
    }
    let tools: Vec<String> = complete::tools()
        .into_iter()
        .map(|(tool, _)| tool)
        .collect();
    let told = |IdleRemoval { assignment, meant }: IdleRemoval| {
        let meant = meant.map(|meant| format!("; did you mean `{meant}`?"));
        let meant = meant.unwrap_or_default();
        let words = format!("has nothing that `{assignment}` would remove{meant}");
        Idle { assignment, words }
    };
    let found = idle_removals(base, overrides, &tools).into_iter();
    found.map(told).collect()
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
