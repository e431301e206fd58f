//! An installed agent that Claude Code knows by another name than agentpkg, because its file has that name: edited, or adopted so. The same
//! words for every command. What the name of a file is, `domain::definition` knows.

use crate::domain::definition::renamed;
use crate::domain::markers;
use crate::domain::name::AgentName;

/// An installed agent whose file has another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// The name in the lockfile.
    name: AgentName,
    /// The name by which the client knows it.
    pub now: String,
}

impl Renamed {
    /// What the file of an agent says; `None` if it has the agent's name, or the one that it was `written` with. Between conflict markers
    /// there may be two names, which say nothing.
    pub(super) fn of(name: &AgentName, file: &[u8], written: Option<&[u8]>) -> Option<Self> {
        let now = renamed(file, written, name.as_str())?;
        markers::first(file).is_none().then(|| Self {
            name: name.clone(),
            now,
        })
    }

    /// Which names it has, in a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        let Self { name, now } = self;
        format!("Claude Code knows it as `{now}`, and agentpkg manages it as `{name}`")
    }

    /// What gives it one name.
    #[must_use]
    pub fn advice(&self) -> String {
        let name = &self.name;
        format!("if Claude Code should know it as `{name}`, write `name: {name}` in the file")
    }
}
