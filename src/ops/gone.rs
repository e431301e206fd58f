//! An agent that upstream no longer has: a state, in the same words for every command. That it is so, `resolver` finds out.

use super::resolver::{Departed, Resolved};
use crate::domain::count::few;
use crate::domain::lineage::Why;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure};
use crate::store::agreement::versions;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::Wanted;

/// How many successors are named.
const MOST: usize = 7;

/// An agent that upstream no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneAgent {
    /// Its name.
    pub name: AgentName,
    /// The version or commit that it was seen in last; empty where nothing is known of it.
    pub last_seen: String,
    /// The day on which its source was asked, if this command did not ask it.
    pub as_of: Option<String>,
    /// In how many copies it lives on; 0: it was not split.
    pub copies: usize,
    /// What may have taken its place, the likeliest first.
    pub successors: Vec<Successor>,
    /// Whether the manifest says that it stays as it is.
    pub is_kept: bool,
    /// The agent of the manifest that requires it; `None`: it is in the manifest itself.
    pub by: Option<AgentName>,
}

/// What may have taken the place of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// The spec that means it.
    pub spec: String,
    /// Its file.
    pub file: String,
    /// Why it may be that.
    pub why: &'static str,
}

impl GoneAgent {
    /// An installed agent that its source does not have any more.
    pub(super) fn of(
        name: &AgentName,
        wanted: &Wanted,
        locked: &LockedAgent,
        departed: &Departed<'_>,
    ) -> Self {
        let successors = departed.successors.agents.iter().take(MOST);
        let successor = |(entry, why): &(_, _)| {
            let resolved =
                Resolved::newest(std::rc::Rc::clone(&departed.snapshot), Clone::clone(entry));
            Successor {
                spec: resolved.spec(true),
                file: resolved.entry.file,
                why: in_words(*why),
            }
        };
        Self {
            copies: departed.successors.copies,
            successors: successors.map(successor).collect(),
            is_kept: wanted.keeps_gone,
            ..Self::unknown(name, locked)
        }
    }

    /// An installed agent of which nothing else is known.
    pub(super) fn unknown(name: &AgentName, locked: &LockedAgent) -> Self {
        Self {
            name: name.clone(),
            last_seen: versions(Some(locked)),
            as_of: None,
            copies: 0,
            successors: Vec::new(),
            is_kept: false,
            by: None,
        }
    }

    /// What became of it, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = if self.copies > 0 {
            "upstream split it".to_owned()
        } else {
            "upstream no longer has it".to_owned()
        };
        if let Some(day) = &self.as_of {
            words = format!("{words} (as of {day})");
        }
        words
    }

    /// What is worth knowing beside: where it was seen last, and what may have taken its place.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.last_seen.is_empty() {
            notes.push(format!("last seen in {}", self.last_seen));
        }
        let specs = |successors: &[Successor]| {
            let specs: Vec<&str> = (successors.iter())
                .map(|successor| successor.spec.as_str())
                .collect();
            few(&specs, ", ")
        };
        if self.copies > 0 {
            let copies = &self.successors[..self.copies.min(self.successors.len())];
            notes.push(format!("now {} copies: {}", self.copies, specs(copies)));
        } else {
            let likely = self.successors.iter().take(3);
            notes
                .extend(likely.map(|successor| {
                    format!("perhaps now {} ({})", successor.spec, successor.why)
                }));
        }
        notes
    }

    /// The failure that it cannot be had.
    pub(super) fn failure(&self) -> Failure {
        let failure = Failure::failed(format!("`{}`: {}", self.name, self.words()));
        failure.listing(self.notes()).hint(self.advice())
    }

    /// How to go on.
    #[must_use]
    pub fn advice(&self) -> Advice {
        let name = self.name.as_str();
        let keep = Advice::say(format!(
            "`gone = \"keep\"` in its entry of agentpkg.toml leaves `{name}` as it is; "
        ))
        .and_run(Command::new(["remove", name, "--keep-file"]))
        .and(" makes the file your own");
        match (&self.by, self.successors.first()) {
            (None, Some(best)) => {
                Advice::run(Command::new(["update", name, "--from", best.spec.as_str()]))
                    .and(" continues with that one; or ")
                    .and_run(Command::new(["remove", name, "--keep-file"]))
                    .and(" makes the file your own")
            }
            (None, None) => keep,
            (Some(by), _) => Advice::say(format!(
                "`{by}` still requires it; an agent of this name in agentpkg.toml takes its place"
            )),
        }
    }
}

fn in_words(why: Why) -> &'static str {
    match why {
        Why::SameBytes => "the same bytes",
        Why::Kept => "most of the text",
        Why::Name => "the same name",
        Why::Description => "the same description",
        Why::FileName => "the same file name",
        Why::FileEnd => "a similar file name",
        Why::Path => "what the file is now",
    }
}
