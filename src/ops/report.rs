//! How a use-case speaks upward: it reports events, and asks for decisions.

use std::path::PathBuf;

use crate::error::{Failure, Result};

/// Something worth telling while a use-case runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Another process holds a lock.
    Waiting(String),
    /// A fetch begins.
    Fetching(String),
    /// A fetch goes on: bytes or objects so far, in words.
    Progress(String),
    /// A fetch has ended with so many bytes.
    Fetched(String, u64),
    /// Something is not as it should be, but nothing stops.
    Warning(String),
    /// An earlier command that did not end was completed or undone.
    Recovered(String),
    /// Files that recovery left alone because somebody changed them.
    LeftAlone(Vec<PathBuf>),
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

/// Makes decisions: a person at a terminal, or a script of answers.
pub trait Decide {
    /// Whether there is anybody to ask.
    fn is_interactive(&self) -> bool;

    /// One of `choices`; a failure of kind `Interrupted` if the person stops.
    fn choose(&mut self, question: &str, choices: &[Choice]) -> Result<usize>;

    /// Yes or no; `default` is what `--yes` and the enter key mean.
    fn confirm(&mut self, question: &str, default: bool) -> Result<bool>;
}

/// Both.
pub trait Frontend: Reporter + Decide {}

impl<T: Reporter + Decide> Frontend for T {}

/// Turns what the cache tells into events.
pub(super) fn relay(frontend: &mut dyn Frontend, event: crate::store::cache::Event<'_>) {
    use crate::store::cache::Event as Told;
    let event = match event {
        Told::Waiting => Event::Waiting("the cache".to_owned()),
        Told::Fetching(url) => Event::Fetching(crate::domain::spec::short_url(url)),
        Told::Progress(progress) => Event::Progress(crate::fs::human_size(progress.received_bytes)),
        Told::Fetched(url, bytes) => Event::Fetched(crate::domain::spec::short_url(url), bytes),
        Told::Stale(url, failure) => Event::Warning(format!(
            "could not look at {} ({failure}); using the copy in the cache",
            crate::domain::spec::short_url(url)
        )),
        Told::Mended(url, reason) => Event::Warning(format!(
            "the cached copy of {} was damaged ({reason}); fetching it again",
            crate::domain::spec::short_url(url)
        )),
    };
    frontend.report(event);
}

/// What a person who stopped means.
#[must_use]
pub fn interrupted() -> Failure {
    Failure::new(crate::error::Kind::Interrupted, "stopped; nothing was written")
}
