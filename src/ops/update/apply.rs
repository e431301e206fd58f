//! From decided items to changes of files, in one transaction.

use std::collections::BTreeSet;

use super::item::{Item, State, Status};
use super::needs::Settled;
use super::plan::Planned;
use super::together::newly_required;
use super::{Conflicts, UpdateOptions, UpdateOutcome, UpdatedAgent};
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::merge::{self, Rule};
use crate::ops::changes;
use crate::ops::gone;
use crate::ops::merge_file;
use crate::ops::pending::{self, Pending};
use crate::ops::report::Frontend;
use crate::ops::resolutions;
use crate::ops::session::Session;
use crate::store::agreement::{reachable, versions};
use crate::store::lockfile::Lockfile;
use crate::store::manifest::Manifest;
use crate::store::transaction::{Change, Guard};

/// Which agents go that no decision was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Prune {
    /// Those that the manifest does not want any more.
    Unwanted,
    /// Those that only the old versions of what is applied required.
    Released,
}

/// Applies what was decided, unless it is a dry run, and says what became of each agent.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one plan, used once"
)]
pub(in crate::ops) fn apply(
    session: &Session,
    command: &str,
    options: &UpdateOptions,
    manifest: &Manifest,
    before: &Lockfile,
    planned: Planned,
    settled: Settled,
    guard: Option<&Guard<'_>>,
    prune: Prune,
    frontend: &mut dyn Frontend,
) -> Result<UpdateOutcome> {
    let project = &session.project;
    let Settled {
        report,
        servers,
        created,
        mut changes,
        ..
    } = settled;
    let mut after = Lockfile {
        servers,
        created,
        ..before.clone()
    };
    for item in &planned.items {
        match item.state {
            State::Active => {
                write(session, item, &mut after, &mut changes)?;
                // Only what a person decided one by one is worth remembering.
                if options.conflicts == Conflicts::Ask {
                    record(session, item, &mut changes)?;
                }
                // An earlier update that still waited is answered by this one.
                changes.extend(pending::forget(project, &item.name)?);
            }
            State::Marked => changes.extend(aside(session, item, &planned)?),
            State::Skipped => {}
        }
    }
    let kept: BTreeSet<AgentName> = match prune {
        Prune::Unwanted => reachable(manifest, &after).into_iter().cloned().collect(),
        Prune::Released => {
            let (was, is) = (reachable(manifest, before), reachable(manifest, &after));
            after
                .agents
                .keys()
                .filter(|name| is.contains(name) || !was.contains(name))
                .cloned()
                .collect()
        }
    };
    after.agents.retain(|name, _| kept.contains(name));
    let gone = gone::drop_unwanted(
        session,
        manifest,
        before,
        &mut after,
        false,
        &mut changes,
        frontend,
    )?;
    let names: Vec<&str> = planned
        .items
        .iter()
        .filter(|item| item.state != State::Skipped)
        .map(|item| item.name.as_str())
        .collect();
    let label = gone::label(command, &names, &gone);
    let transaction = changes::transaction(project, label, manifest, before, &after, changes)?;
    let count = changes::count(&transaction);
    session.apply(guard, &transaction, frontend)?;
    Ok(UpdateOutcome {
        needs: report,
        gone,
        ..outcome(planned, before, count)
    })
}

/// The changes of one agent: its file, its base, its lock entry. The base advances even where the user kept everything.
fn write(
    session: &Session,
    item: &Item,
    after: &mut Lockfile,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let project = &session.project;
    let result = item.result();
    let current = item.ours.as_deref().map(Digest::of);
    let agent = Some(item.name.clone());
    changes.push(Change {
        path: project.agent_path(&item.name),
        agent,
        before: current,
        after: Some(result.clone()),
    });
    changes::keep_base(
        project,
        &item.candidate.locked.base,
        &item.candidate.bytes,
        changes,
    )?;
    let mut locked = item.candidate.locked.clone();
    locked.allowed = crate::ops::candidate::powers(&result)
        .into_iter()
        .map(str::to_owned)
        .collect();
    after.agents.insert(item.name.clone(), locked);
    Ok(())
}

fn record(session: &Session, item: &Item, changes: &mut Vec<Change>) -> Result<()> {
    for (conflict, choice) in item.merge().conflicts().iter().zip(&item.choices) {
        if let Some(choice) = choice
            && let Some(change) = resolutions::record(&session.project, conflict, choice)?
            && !changes.iter().any(|known| known.path == change.path)
        {
            changes.push(change);
        }
    }
    Ok(())
}

/// The changes that put an agent aside with markers, and with it what only its new version requires.
fn aside(session: &Session, item: &Item, planned: &Planned) -> Result<Vec<Change>> {
    let labels = [
        versions(item.before.as_ref()),
        versions(Some(&item.candidate.locked)),
    ];
    let base = format!("base {}", labels[0]);
    let theirs = format!("upstream {}", labels[1]);
    let labels = merge::Labels {
        ours: "you",
        base: base.trim_end(),
        theirs: theirs.trim_end(),
    };
    let marked = item.merge().with_markers(merge::Style::Diff3, labels, None);
    let pending = Pending {
        name: item.name.clone(),
        locked: item.candidate.locked.clone(),
        ours: Digest::of(item.ours.as_deref().unwrap_or_default()),
        theirs: item.candidate.bytes.clone(),
        required: newly_required(&planned.items, item)
            .into_iter()
            .map(|new| {
                (
                    new.name.clone(),
                    new.candidate.locked.clone(),
                    new.candidate.bytes.clone(),
                )
            })
            .collect(),
        intent: planned.intents.get(&item.name).cloned().unwrap_or_default(),
    };
    pending::put_aside(&session.project, &pending, marked)
}

fn outcome(planned: Planned, before: &Lockfile, changes: usize) -> UpdateOutcome {
    let mut outcome = UpdateOutcome {
        failures: planned.failures,
        sources: planned.sources,
        changes,
        ..UpdateOutcome::default()
    };
    let plain = |name: &AgentName, status: Status, notes: Vec<String>| UpdatedAgent {
        name: name.clone(),
        status,
        from: versions(before.agents.get(name)),
        to: String::new(),
        edits: 0,
        conflicts: Vec::new(),
        gains: Vec::new(),
        rules: Vec::new(),
        base: None,
        notes,
        before: None,
        after: None,
    };
    outcome.agents.extend(planned.items.iter().map(described));
    outcome.agents.extend(
        planned
            .current
            .iter()
            .map(|name| plain(name, Status::Current, Vec::new())),
    );
    outcome.agents.extend(
        planned
            .gone
            .iter()
            .map(|(name, why)| plain(name, Status::Gone, vec![why.clone()])),
    );
    for (name, failure) in planned.lost {
        outcome.agents.push(plain(
            &name,
            Status::BaseLost,
            vec!["its base is lost".to_owned()],
        ));
        outcome.failures.push(failure);
    }
    outcome
        .agents
        .sort_by(|one, other| one.name.cmp(&other.name));
    outcome
}

fn described(item: &Item) -> UpdatedAgent {
    let merge = item.merge();
    let is_edited = item.is_edited();
    UpdatedAgent {
        name: item.name.clone(),
        status: item.status(),
        from: versions(item.before.as_ref()),
        to: versions(Some(&item.candidate.locked)),
        edits: match &item.ours {
            Some(ours) if is_edited => merge::difference(&item.base, ours).edits,
            _ => 0,
        },
        conflicts: if item.ours.is_some() {
            merge_file::report(&merge)
        } else {
            Vec::new()
        },
        gains: item.gains(),
        rules: merge
            .rules()
            .iter()
            .map(|(rule, unit)| (rule_name(*rule), unit.to_string()))
            .collect(),
        base: item.origin.map(|origin| origin.to_string()),
        notes: item.notes.clone(),
        before: item.ours.clone(),
        after: Some(item.result()),
    }
}

fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::Set => "set",
        Rule::Sentences => "sentences",
        Rule::Neighbours => "neighbours",
        Rule::Moved => "moved",
    }
}
