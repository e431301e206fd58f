//! How a use-case speaks upward: it reports events, and asks for decisions.

use crate::git::Phase;
use serde::Serialize;

use super::merge_file::ConflictReport;
use crate::error::{Advice, Failure, Result};

/// Something worth telling while a use-case runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Another process holds a lock.
    Waiting {
        /// The place that is locked.
        what: String,
        /// Who holds it, in words.
        who: String,
    },
    /// A fetch begins.
    Fetching {
        /// From where.
        what: String,
        /// Whether git and ssh may ask on the terminal before anything arrives.
        may_ask: bool,
    },
    /// A fetch goes on: bytes or objects so far, in words.
    Progress(String),
    /// A fetch has ended with so many bytes.
    Fetched(String, u64),
    /// Something is not as it should be, but nothing stops.
    Warning(Advice),
    /// An earlier command was interrupted here; this one leaves it as it is.
    Interrupted(InterruptionView),
    /// What the next question about such a command is about.
    Steps(InterruptionView),
    /// An earlier command that did not end was ended.
    Recovered {
        /// How, in words.
        how: String,
        /// The files that stay as somebody saved them.
        left: Vec<String>,
        /// Whether everything else is done; otherwise it is taken back.
        is_completed: bool,
    },
    /// Temporary files of an earlier command, which were moved into the history.
    PutAway(Vec<String>),
    /// Changes were made; but somebody saved these files meanwhile, so nothing about their agents was changed.
    Applied(Vec<String>),
    /// What an update found, before anything is asked.
    Overview(Vec<OverviewLine>),
    /// The conflict that the next question is about.
    Conflict(ConflictView),
    /// The new powers that the next question is about.
    Gains(GainsView),
    /// A file before and after, to look at.
    Preview(Preview),
    /// Servers that the next question offers to add.
    Offers(Vec<OfferView>),
    /// What a dry run would ask.
    Asks(Vec<AskView>),
    /// A failure that does not stop the command.
    Trouble(Failure),
}

impl Event {
    /// A warning.
    pub fn warning(advice: impl Into<Advice>) -> Self {
        Self::Warning(advice.into())
    }
}

/// A question that a dry run does not ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskView {
    /// The agent that it is about.
    pub agent: String,
    /// `power`, `conflict`, `source` or `candidate`.
    pub kind: &'static str,
    /// What is asked about.
    pub what: String,
    /// The word for `--allow` that answers it, if there is one.
    pub allow: Option<String>,
    /// The name for `--as` that keeps both of two agents, where that answers it.
    #[serde(rename = "as")]
    pub beside: Option<String>,
}

/// A command that did not end, as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterruptionView {
    /// What it was, in the words of the command line; `None`: its journal cannot be read.
    pub label: Option<String>,
    /// Whether this machine wrote its journal.
    pub is_sealed: bool,
    /// Whether it would be completed, not taken back.
    pub is_forward: bool,
    /// What it does to each file: a verb and the path.
    pub files: Vec<(&'static str, String)>,
    /// The first file that is none of agentpkg's business, so that it can only be discarded.
    pub misplaced: Option<String>,
}

/// A server as a person sees it who has to agree to it: whole, nothing cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferView {
    /// Its name.
    pub name: String,
    /// The command with its arguments, or the address.
    pub runs: String,
    /// The host, for one that is elsewhere.
    pub host: Option<String>,
    /// The variables that it reads, and whether each has a default.
    pub variables: Vec<(String, bool)>,
    /// Variables that it understands and does not need.
    pub optional: Vec<String>,
    /// The entry of the catalogue, its version, and the registry that has it.
    pub origin: String,
    /// What else is worth knowing.
    pub note: Option<String>,
    /// What keeps it from working here.
    pub problems: Vec<String>,
}

/// One line of an overview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverviewLine {
    /// The agent.
    pub name: String,
    /// From which version to which.
    pub versions: String,
    /// What is to be decided about it; empty: nothing.
    pub open: String,
}

/// A conflict as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictView {
    /// The agent.
    pub agent: String,
    /// From which version to which.
    pub versions: String,
    /// Which question this is, from 1.
    pub number: usize,
    /// How many there are.
    pub count: usize,
    /// Other agents with the very same conflict; the answer holds for them, too.
    pub also_in: Vec<String>,
    /// Where it is, why it is one, and its texts.
    pub texts: ConflictReport,
}

/// New powers as a person sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GainsView {
    /// The agents that gain them.
    pub agents: Vec<String>,
    /// From which version to which, if it is one agent.
    pub versions: String,
    /// Whether they are installed for the first time.
    pub is_first: bool,
    /// Each power, and what it means.
    pub gains: Vec<(String, String)>,
}

/// A file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Its path.
    pub path: String,
    /// What `before` is called.
    pub before_label: String,
    /// What `after` is called.
    pub after_label: String,
    /// The text before.
    pub before: String,
    /// The text after.
    pub after: String,
}

/// Who answers the questions of a command: one rule for all commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// A person at the terminal.
    Person,
    /// `--yes`: what needs a person is left out, the rest is written.
    LeftOut,
    /// There is nobody to ask, so an open question ends the command.
    Nobody,
    /// A dry run asks nothing, and shows what would be asked.
    Shown,
}

impl Answers {
    /// Whether a command may ask, and what happens if not.
    #[must_use]
    pub fn of(frontend: &dyn Frontend, is_dry_run: bool, is_yes: bool) -> Self {
        match (is_dry_run, is_yes, frontend.is_interactive()) {
            (true, ..) => Self::Shown,
            (_, true, _) => Self::LeftOut,
            (.., true) => Self::Person,
            (.., false) => Self::Nobody,
        }
    }
}

/// Listens to events.
pub trait Reporter {
    /// Takes note of an event.
    fn report(&mut self, event: Event);
}

/// One of several answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What it is, for example a spec.
    pub label: String,
    /// What helps to decide.
    pub detail: String,
}

impl Choice {
    /// A choice that needs no detail.
    #[must_use]
    pub fn plain(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            detail: String::new(),
        }
    }
}

/// Makes decisions: a person at a terminal, or a script of answers.
pub trait Decide {
    /// Whether there is anybody to ask.
    fn is_interactive(&self) -> bool;

    /// One of `choices`, of which `default` is offered first; a failure of kind `Interrupted` if the person stops.
    fn choose(&mut self, question: &str, choices: &[Choice], default: usize) -> Result<usize>;

    /// Some of many choices, narrowed by what the person types; empty if none is taken.
    fn pick(&mut self, question: &str, choices: &[Choice]) -> Result<Vec<usize>>;

    /// Any of `choices`, none of which is chosen at first.
    fn choose_many(&mut self, question: &str, choices: &[Choice]) -> Result<Vec<usize>>;

    /// A line of text, at first `proposed`. What `refuses` gives a reason against is not taken, and the person goes on.
    fn text(
        &mut self,
        question: &str,
        proposed: &str,
        refuses: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String>;

    /// Lets the person edit a text; `None` if it was not saved.
    fn edit(&mut self, text: &str) -> Result<Option<String>>;

    /// Yes or no; `default` is what `--yes` and the enter key mean.
    fn confirm(&mut self, question: &str, default: bool) -> Result<bool>;
}

/// Both.
pub trait Frontend: Reporter + Decide {}

impl<T: Reporter + Decide> Frontend for T {}

/// Turns what the cache tells into events.
pub(super) fn relay(frontend: &mut dyn Frontend, event: crate::store::cache::Event) {
    use crate::store::cache::Event as Told;
    let event = match event {
        Told::Waiting(who) => Event::Waiting {
            what: "the cache".to_owned(),
            who,
        },
        Told::Fetching(url, may_ask) => Event::Fetching {
            what: crate::domain::spec::short_url(&url),
            may_ask,
        },
        Told::FetchingSeveral(count) => Event::Fetching {
            what: format!("{count} repositories"),
            may_ask: false,
        },
        // Until something arrives, git may still ask.
        Told::Progress(progress) if progress.phase == Phase::Waiting => return,
        Told::Progress(progress) => Event::Progress(crate::fs::human_size(progress.received_bytes)),
        Told::Fetched(url, bytes) => Event::Fetched(crate::domain::spec::short_url(&url), bytes),
        Told::Stale(url, failure) => Event::warning(format!(
            "could not check {} ({failure}); using the copy in the cache",
            crate::domain::spec::short_url(&url)
        )),
        Told::Mended(url, reason) => Event::warning(format!(
            "the cached copy of {} was damaged ({reason}); fetching it again",
            crate::domain::spec::short_url(&url)
        )),
    };
    frontend.report(event);
}

/// What a person who stopped means.
#[must_use]
pub fn interrupted() -> Failure {
    Failure::new(
        crate::error::Kind::Interrupted,
        "stopped; nothing was written",
    )
}
