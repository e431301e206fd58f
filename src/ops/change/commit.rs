//! How a plan becomes a change of the project: made without the lock, and carried out under it if nothing changed meanwhile. Otherwise
//! it is made again, with the answers that were given. The third plan is made under the lock, from the cache and those answers alone.

use super::remember::{Answered, Memory};
use super::scene::Scene;
use crate::error::{Kind, Result};
use crate::ops::report::Frontend;
use crate::ops::session::Session;
use crate::store::cache::Freshness;
use crate::store::transaction::Transaction;

/// How often a plan is made before the lock is kept meanwhile.
const TRIES_WITHOUT_LOCK: u32 = 2;

/// Whether a plan is carried out, and who is asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Manner {
    /// It is; a person may be asked.
    Ask,
    /// It is; `--yes` asks nobody, also in a terminal.
    Yes,
    /// It is only shown; nobody is asked.
    Show,
}

impl Manner {
    /// What the options of a command say. A dry run stays one with `--yes`.
    pub(in crate::ops) fn of(is_dry_run: bool, is_yes: bool) -> Self {
        match (is_dry_run, is_yes) {
            (true, _) => Self::Show,
            (false, true) => Self::Yes,
            (false, false) => Self::Ask,
        }
    }
}

/// How a plan may be made.
pub(in crate::ops) struct Attempt<'s> {
    /// What the plan is made on.
    pub(in crate::ops) scene: Scene<'s>,
    /// How new what is asked has to be: sources that were asked by this command already need not be asked again.
    pub(in crate::ops) freshness: Freshness,
}

/// Makes a plan: what to give back besides, and what is to be done.
type MakePlan<'p, T> = dyn FnMut(&Attempt<'_>, &mut dyn Frontend) -> Result<(T, Transaction)> + 'p;

/// Makes a plan and carries it out. A plan that changes nothing, and that of a dry run, is not carried out, and takes no lock. Gives back
/// what `plan` gave besides.
pub(in crate::ops) fn commit<T>(
    session: &Session,
    freshness: Freshness,
    manner: Manner,
    frontend: &mut dyn Frontend,
    plan: &mut MakePlan<'_, T>,
) -> Result<T> {
    let (is_dry_run, asks_nothing) = (manner == Manner::Show, manner != Manner::Ask);
    if is_dry_run {
        session.look_for_interruption(frontend)?;
    } else {
        // What was interrupted is ended first, before anything is planned on it.
        session.recover_first(frontend)?;
    }
    let mut memory = Memory::default();
    let mut freshness = freshness;
    for _ in 0..TRIES_WITHOUT_LOCK {
        let scene = Scene::open(session, frontend)?;
        let attempt = Attempt { scene, freshness };
        let mut answered = Answered::new(frontend, &mut memory, asks_nothing);
        let (outcome, transaction) = plan(&attempt, &mut answered)?;
        if is_dry_run || transaction.is_void() {
            session.apply(None, &transaction, frontend)?;
            return Ok(outcome);
        }
        // The lock leaves a folder behind, also where the plan is refused.
        if session.options.is_locked {
            transaction.keep_locked(&session.project)?;
        }
        let guard = session.lock(frontend)?;
        if attempt.scene.is_current()? {
            session.apply(Some(&guard), &transaction, frontend)?;
            return Ok(outcome);
        }
        freshness = Freshness::Any;
    }
    let guard = session.lock(frontend)?;
    let offline = session.offline();
    let scene = Scene::open(&offline, frontend)?;
    let attempt = Attempt { scene, freshness };
    let mut answered = Answered::new(frontend, &mut memory, asks_nothing).without_new_questions();
    // What goes wrong now went well before, so it is the network that is missing, or what changed.
    let (outcome, transaction) = plan(&attempt, &mut answered).map_err(|failure| {
        if failure.kind() == Kind::Failed && failure != Scene::changed() {
            Scene::changed().caused_by(failure)
        } else {
            failure
        }
    })?;
    session.apply(Some(&guard), &transaction, frontend)?;
    Ok(outcome)
}
