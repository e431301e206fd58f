//! What is open about a plan, collected while its steps look at it: where nobody can be asked, all of it is said at once.

use crate::error::Failure;
use crate::ops::report::Answers;

/// What is open so far.
#[derive(Debug)]
pub(super) struct Open {
    /// Who answers.
    pub(super) answers: Answers,
    /// Whether a person was asked something.
    pub(super) was_asked: bool,
    /// What is to be said where nobody can be asked.
    pub(super) refusal: Option<Failure>,
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

/// Two refusals as one. A missing consent outweighs a conflict.
pub(super) fn joined(first: Failure, second: &Failure) -> Failure {
    if second.kind().rank() < first.kind().rank() {
        return joined(second.clone(), &first);
    }
    let failure = first.detail(second.message());
    let failure = second.details().iter().fold(failure, Failure::detail);
    second.hints().iter().fold(failure, Failure::hint)
}
