//! `recover`: ends a command that was interrupted. What ends it is the transaction's; here is who may say so.

use super::report::{Choice, Event, Frontend, InterruptionView};
use super::session::Session;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Result};
use crate::fs::Entry;
use crate::store::transaction::Trust;

/// What to do about a journal that this machine did not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum How {
    /// Show the steps and ask.
    #[default]
    Ask,
    /// Make the steps, or take them back.
    Accept,
    /// Move the journal and all temporary files into the history, and change nothing else.
    Discard,
}

/// What to recover, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecoverOptions {
    /// What to do about a journal that this machine did not write.
    pub how: How,
    /// Show what was interrupted, and stop.
    pub is_dry_run: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoverOutcome {
    /// The command that was interrupted; `None`: none was.
    pub interruption: Option<InterruptionView>,
    /// Whether something was done about it.
    pub is_ended: bool,
}

/// Ends an interrupted command.
pub fn recover(
    session: &Session,
    options: RecoverOptions,
    frontend: &mut dyn Frontend,
) -> Result<RecoverOutcome> {
    let interruption = session.interruption()?;
    if options.is_dry_run {
        if let Some(view) = &interruption {
            frontend.report(Event::Steps(view.clone()));
        }
        return Ok(RecoverOutcome {
            interruption,
            is_ended: false,
        });
    }
    let trust = match (&interruption, options.how) {
        (_, How::Discard) => Some(Trust::Discard),
        (_, How::Accept) => Some(Trust::Accepted),
        (Some(view), How::Ask) if !view.is_sealed => ask(view, frontend)?,
        (_, How::Ask) => Some(Trust::Sealed),
    };
    let Some(trust) = trust else {
        return Ok(RecoverOutcome {
            interruption,
            is_ended: false,
        });
    };
    // Where nothing of agentpkg's is, the lock would be the first thing that it leaves behind.
    if interruption.is_some()
        || session
            .project
            .files()
            .entry(&session.project.state_folder())?
            != Entry::Absent
    {
        drop(session.lock_trusting(trust, frontend)?);
    }
    Ok(RecoverOutcome {
        is_ended: interruption.is_some(),
        interruption,
    })
}

/// Shows the steps, and asks what to do; `None`: leave it.
fn ask(view: &InterruptionView, frontend: &mut dyn Frontend) -> Result<Option<Trust>> {
    if !frontend.is_interactive() {
        let what = "there is a journal here that agentpkg did not write on this machine";
        let failure = Failure::new(Kind::Consent, what);
        let failure = view
            .files
            .iter()
            .take(20)
            .fold(failure, |failure, (verb, path)| {
                failure.detail(format!("{verb} {path}"))
            });
        let hidden = view.files.len().saturating_sub(20);
        let failure = if hidden > 0 {
            failure.detail(format!("and {hidden} more"))
        } else {
            failure
        };
        let run = |how: &str| Advice::run(Command::new(["recover", how]));
        let failure = failure
            .hint(run("--discard").and(" moves it into the history, and changes nothing else"));
        return Err(if view.can_be_accepted() {
            failure.hint(run("--accept").and(format!(" {}", view.consequence())))
        } else {
            failure
        });
    }
    frontend.report(Event::Steps(view.clone()));
    let mut choices = vec![
        Choice {
            label: "leave it".to_owned(),
            detail: "nothing is changed; commands that write remain blocked".to_owned(),
        },
        Choice {
            label: "discard it".to_owned(),
            detail: "the journal and temporary files move into the history".to_owned(),
        },
    ];
    if view.can_be_accepted() {
        choices.push(Choice {
            label: "accept it".to_owned(),
            detail: view.consequence().to_owned(),
        });
    }
    Ok(
        match frontend.choose("What to do about it?", &choices, 0)? {
            0 => None,
            1 => Some(Trust::Discard),
            _ => Some(Trust::Accepted),
        },
    )
}

impl InterruptionView {
    /// Whether its steps can be made at all.
    fn can_be_accepted(&self) -> bool {
        self.label.is_some() && self.misplaced.is_none()
    }

    /// What accepting it does.
    fn consequence(&self) -> &'static str {
        if self.is_forward {
            "completes these steps"
        } else {
            "reverts these steps"
        }
    }
}
