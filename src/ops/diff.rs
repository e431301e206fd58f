//! `diff`: what the user changed, what upstream changed, or what both would become.

use super::base::{self, Search};
use super::candidate::as_written;
use super::change::goal::{Edits, Goal, What};
use super::change::item::{Item, State};
use super::change::resolve::resolve;
use super::change::scene::Scene;
use super::report::Frontend;
use super::session::Session;
use super::unknown;
use crate::domain::capability::{Capabilities, Gain};
use crate::domain::name::AgentName;
use crate::error::{Failure, Result};
use crate::merge::{Labels, Style};
use crate::store::agreement::versions;
use crate::store::cache::Freshness;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::placed::Placed;
use crate::store::project::Project;

/// Which difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// From the base to the installed file: the user's edits.
    #[default]
    Local,
    /// From the base to upstream's newest version.
    Upstream,
    /// From the installed file to the merge of both.
    Merged,
}

/// The difference of one agent.
#[derive(Debug, Clone)]
pub struct FileDiff {
    /// The agent.
    pub name: AgentName,
    /// Its path, for display.
    pub path: String,
    /// What `before` is called.
    pub before_label: String,
    /// What `after` is called.
    pub after_label: String,
    /// The text before.
    pub before: Vec<u8>,
    /// The text after; with conflict markers where nothing is decided.
    pub after: Vec<u8>,
    /// How many conflicts there are in it.
    pub conflicts: usize,
    /// What it may do after and could not do before.
    pub gains: Vec<Gain>,
}

/// What was compared.
#[derive(Debug, Default)]
pub struct DiffOutcome {
    /// The agents that differ, sorted by name.
    pub files: Vec<FileDiff>,
    /// The agents that have overrides, which are no difference: each with its assignments.
    pub overridden: Vec<(AgentName, Vec<String>)>,
    /// What could not be compared.
    pub failures: Vec<Failure>,
}

impl DiffOutcome {
    fn note_overrides(&mut self, name: &AgentName, locked: &LockedAgent) {
        if !locked.overrides.is_empty() {
            self.overridden
                .push((name.clone(), locked.overrides.texts()));
        }
    }
}

/// Compares agents.
pub fn diff(
    session: &Session,
    names: &[String],
    view: View,
    frontend: &mut dyn Frontend,
) -> Result<DiffOutcome> {
    session.look_for_interruption(frontend)?;
    session.project.heed_policy()?;
    let lockfile = Placed::read(&session.project)?.lockfile;
    if view == View::Local {
        return local(session, names, &lockfile, frontend);
    }
    let newest = What::Newest {
        names: names.to_vec(),
        to: None,
        from: None,
    };
    let scene = Scene::open(session, frontend)?;
    let goal = Goal::of(newest, Edits::Merge);
    let planned = resolve(&scene, &goal, Freshness::Now, frontend)?;
    let mut outcome = DiffOutcome {
        failures: planned.failures,
        ..DiffOutcome::default()
    };
    outcome
        .failures
        .extend(planned.lost.into_iter().map(|(_, failure)| failure));
    let news = planned
        .items
        .iter()
        .filter(|item| item.state != State::Current);
    for item in news {
        outcome.files.push(compared(&session.project, item, view));
        outcome.note_overrides(&item.name, &item.candidate.locked);
    }
    Ok(outcome)
}

/// What is new upstream for an agent, or what its file would become.
fn compared(project: &Project, item: &Item, view: View) -> FileDiff {
    let upstream = |locked: Option<&LockedAgent>| format!("upstream {}", versions(locked));
    let theirs = upstream(Some(&item.candidate.locked));
    let (before, after, [before_label, after_label], conflicts) = if view == View::Upstream {
        let (before, after) = (item.base.bytes(), item.candidate.bytes.bytes());
        let (before, after) = (before.into_owned(), after.into_owned());
        (before, after, [upstream(item.before.as_ref()), theirs], 0)
    } else {
        let labels = Labels {
            ours: "you",
            base: "base",
            theirs: &theirs,
        };
        let merged = if item.ours.is_some() {
            (item.sides().merge()).with_markers(Style::Diff3, labels, None)
        } else {
            item.result().bytes().into_owned()
        };
        let before = item.ours.clone().unwrap_or_default();
        let before = before.bytes().into_owned();
        let labels = ["as it is", "merged"].map(str::to_owned);
        (before, merged, labels, item.choices.len())
    };
    FileDiff {
        name: item.name.clone(),
        path: project.shown_path(&item.name, item.folder()),
        before_label: before_label.trim_end().to_owned(),
        after_label: after_label.trim_end().to_owned(),
        gains: match conflicts {
            0 => Capabilities::of(&after).gains_over(&Capabilities::of(&before)),
            _ => item.gains(),
        },
        before,
        after,
        conflicts,
    }
}

fn local(
    session: &Session,
    names: &[String],
    lockfile: &Lockfile,
    frontend: &mut dyn Frontend,
) -> Result<DiffOutcome> {
    let mut outcome = DiffOutcome::default();
    for (name, locked) in selected(session, names, lockfile)? {
        outcome.note_overrides(name, locked);
        let path = session.project.shown_path(name, &locked.folder);
        let current = session.project.read_agent(name, &locked.folder)?;
        let base = match base::find(session, name, locked, frontend)? {
            Search::Found(base, _) => as_written(name, locked, &base)?.bytes().into_owned(),
            Search::Lost(failure, _) => {
                outcome.failures.push(
                    Failure::failed(format!("the base of `{name}` is lost")).caused_by(failure),
                );
                continue;
            }
        };
        let after_label = current.as_ref().map_or("missing", |_| "as it is");
        let after = current.unwrap_or_default();
        if base != after {
            let gains = Capabilities::of(&after).gains_over(&Capabilities::of(&base));
            outcome.files.push(FileDiff {
                name: name.clone(),
                path,
                before_label: format!("as installed {}", versions(Some(locked)))
                    .trim_end()
                    .to_owned(),
                after_label: after_label.to_owned(),
                before: base,
                after,
                conflicts: 0,
                gains,
            });
        }
    }
    Ok(outcome)
}

fn selected<'l>(
    session: &Session,
    names: &[String],
    lockfile: &'l Lockfile,
) -> Result<Vec<(&'l AgentName, &'l LockedAgent)>> {
    if names.is_empty() {
        return Ok(lockfile.agents.iter().collect());
    }
    let find = |text: &String| {
        let name = AgentName::new(text).ok();
        name.and_then(|name| lockfile.agents.get_key_value(&name))
            .ok_or_else(|| unknown::agent(session, text, lockfile.agents.keys(), lockfile))
    };
    names.iter().map(find).collect()
}
