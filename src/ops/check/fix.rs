//! `check --fix`: takes out what agentpkg added and nothing needs any more.

use crate::error::Result;
use crate::ops::change::changes::Next;
use crate::ops::change::commit::{Attempt, Manner, commit};
use crate::ops::change::scene::Scene;
use crate::ops::report::Frontend;
use crate::ops::requirement::{self, World};
use crate::ops::session::Session;
use crate::store::cache::Freshness;

/// Takes servers out of `.mcp.json` that agentpkg added and no agent needs; gives back their names.
pub(super) fn fix(
    session: &Session,
    is_dry_run: bool,
    frontend: &mut dyn Frontend,
) -> Result<Vec<String>> {
    let mut plan = |attempt: &Attempt<'_>, frontend: &mut dyn Frontend| {
        let scene = &attempt.scene;
        let Scene {
            session,
            manifest,
            lockfile: before,
            ..
        } = scene;
        let world = World::open(session, manifest, before, frontend)?;
        let agents = requirement::all_agents(session, &world, manifest, before, &[]);
        let mut next = Next {
            manifest: manifest.clone(),
            lockfile: before.clone(),
            changes: Vec::new(),
        };
        let (project, after) = (&session.project, &mut next.lockfile);
        let (removed, _) =
            requirement::drop_unneeded(project, &world, &agents, after, &mut next.changes)?;
        let transaction = next.transaction(project, "check --fix".to_owned(), before)?;
        Ok((removed, transaction))
    };
    commit(
        session,
        Freshness::Any,
        Manner::of(is_dry_run, false),
        frontend,
        &mut plan,
    )
}
