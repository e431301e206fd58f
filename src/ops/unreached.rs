//! Agents that could not be looked up, grouped by what failed: one source out of reach is one failure, however many agents come from it.

use crate::domain::count::few;
use crate::domain::name::AgentName;
use crate::error::Failure;

/// What failed, each with the agents that it was asked for.
#[derive(Debug, Default)]
pub(super) struct Unreached(Vec<(Failure, Vec<AgentName>)>);

impl Unreached {
    /// Notes that an agent could not be looked up.
    pub(super) fn note(&mut self, name: &AgentName, failure: Failure) {
        match self.0.iter_mut().find(|(known, _)| *known == failure) {
            Some((_, names)) => names.push(name.clone()),
            None => self.0.push((failure, vec![name.clone()])),
        }
    }

    /// The failures, each with the agents that it was asked for unless it names them itself.
    pub(super) fn into_failures(self) -> Vec<Failure> {
        let told = |(failure, names): (Failure, Vec<AgentName>)| {
            let is_named = |name: &AgentName| failure.message().contains(&format!("`{name}`"));
            if names.iter().any(is_named) {
                return failure;
            }
            let names: Vec<&str> = names.iter().map(AgentName::as_str).collect();
            failure.detail(format!("wanted for {}", few(&names, ", ")))
        };
        self.0.into_iter().map(told).collect()
    }
}
