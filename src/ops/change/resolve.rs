//! From a goal to items: what is looked up where, and what is required besides. Reads and fetches. What is open about an item is noted
//! on it, and asked about in `settle`; only which of several agents is meant, and what to do about a lost base, are asked here, because
//! everything after depends on them.

use super::goal::{Goal, What};
use super::leaving::leaving;
use super::plan::Plan;
use super::planner::Planner;
use super::scene::Scene;
use super::{adopt, specs, waiting};
use crate::error::Result;
use crate::ops::report::Frontend;
use crate::store::cache::Freshness;

/// Finds out what a goal means now. `freshness`: how new what is asked has to be.
pub(in crate::ops) fn resolve(
    scene: &Scene<'_>,
    goal: &Goal,
    freshness: Freshness,
    frontend: &mut dyn Frontend,
) -> Result<Plan> {
    let mut planner = Planner::new(scene, goal, freshness);
    match &goal.what {
        What::Manifest => planner.rest_of_the_manifest(frontend)?,
        What::Specs(asked) => {
            specs::named(&mut planner, asked, frontend)?;
            planner.ask_for_manifest();
            planner.rest_of_the_manifest(frontend)?;
        }
        What::Newest { names, to, from } => {
            planner.newest(names, to.as_ref(), from.as_deref(), frontend)?;
        }
        What::Waiting { names, how } => {
            waiting::items(&mut planner.plan, scene, names, *how, frontend)?;
        }
        What::Files(files) => adopt::items(&mut planner, files, frontend)?,
        What::Gone(names) => leaving(&mut planner.plan, scene, names)?,
        What::Override { name, change } => planner.with_overrides(name, change, frontend)?,
    }
    planner.finish(frontend)
}
