//! What is open about a plan, collected while its steps look at it: where nobody can be asked, all of it is said at once.

use crate::error::{Advice, Failure};
use crate::ops::report::Answers;
use crate::ops::typed::Typed;

/// What is open so far.
#[derive(Debug)]
pub(super) struct Open {
    /// Who answers.
    pub(super) answers: Answers,
    /// Whether a person was asked something.
    pub(super) was_asked: bool,
    /// What is to be said where nobody can be asked.
    pub(super) refusal: Option<Failure>,
    /// The specs of agents that would replace one from elsewhere.
    pub(super) replaced: Vec<String>,
    /// The words for `--allow` that are missing.
    pub(super) withheld: Vec<String>,
    /// Whether something would be written without what needs consent.
    pub(super) has_rest: bool,
    /// Whether there are conflicts that nobody decides.
    pub(super) has_conflicts: bool,
}

impl Open {
    /// Adds what nobody can be asked about to what is said at the end.
    pub(super) fn refuse(&mut self, failure: Failure) {
        self.refusal = Some(match self.refusal.take() {
            Some(first) => joined(first, &failure),
            None => failure,
        });
    }
}

impl Open {
    /// Nothing yet.
    pub(super) fn new(answers: Answers) -> Self {
        Self {
            answers,
            was_asked: false,
            refusal: None,
            replaced: Vec::new(),
            withheld: Vec::new(),
            has_conflicts: false,
            has_rest: false,
        }
    }

    /// What is to be said where nobody can be asked, with one command that answers all of it; `None`: nothing is open.
    /// `is_blocked`: with `--force` the command would replace files that nobody has asked about.
    pub(super) fn refused(&mut self, typed: &Typed, is_blocked: bool) -> Option<Failure> {
        let failure = self.refusal.take()?.and_so("nothing was written");
        let kinds = [
            !self.replaced.is_empty(),
            !self.withheld.is_empty(),
            self.has_conflicts,
        ];
        let count = kinds.into_iter().filter(|is_open| *is_open).count();
        let intro = match kinds {
            [false, false, _] => return Some(failure),
            [true, false, false] => "to replace it: ",
            [false, true, false] => "if that is meant: ",
            [true, true, false] => "to replace it and allow that: ",
            [_, _, true] => "to take upstream's side of each conflict and allow that: ",
        };
        let mut typed = typed.clone();
        if is_blocked && !self.replaced.is_empty() {
            typed = typed.naming(self.replaced.iter().cloned());
        }
        if !self.replaced.is_empty() {
            typed.options.push("--force".to_owned());
        }
        if self.has_conflicts {
            typed.conflicts = vec!["--theirs".to_owned()];
        }
        let command = typed.allowing(&self.withheld);
        let failure = failure.hint(Advice::say(intro).and_run(command));
        if count > 1 {
            return Some(failure);
        }
        Some(match kinds {
            [_, true, _] if self.has_rest => failure.hint(
                "or with `--yes` instead, which skips what needs consent and writes the rest",
            ),
            _ => failure,
        })
    }
}

/// Two refusals as one. A missing consent outweighs a conflict.
pub(super) fn joined(first: Failure, second: &Failure) -> Failure {
    if second.kind().rank() < first.kind().rank() {
        return joined(second.clone(), &first);
    }
    let failure = first.detail(second.message());
    let failure = second.details().iter().fold(failure, Failure::detail);
    second.hints().iter().fold(failure, Failure::hint)
}
