//! Plans an agent of the manifest with other overrides: the version that is locked, and the entry that the manifest is to have.

use std::collections::BTreeSet;

use super::goal::{Edits, OverrideChange};
use super::pending;
use super::planner::Planner;
use crate::domain::definition::{differing, ignored, overridden};
use crate::domain::markers;
use crate::domain::name::AgentName;
use crate::domain::overrides::{Assignment, MODERNISE, Overrides, WrongOverride, contradiction};
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::fs::Content;
use crate::ops::report::Frontend;
use crate::ops::{known_tools, unknown};
use crate::store::agreement::{reachable, spec_of};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{FILE_NAME, Wanted, is_entry_key};

impl Planner<'_, '_> {
    /// Plans the agent `typed` with its overrides changed.
    pub(super) fn with_overrides(
        &mut self,
        typed: &str,
        change: &OverrideChange,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let scene = self.scene;
        let (manifest, lockfile) = (&scene.manifest, &scene.lockfile);
        // What is only required has its overrides beside the entries, so that it stays no longer than what requires it.
        let entries = manifest.agents().keys();
        let mut known = reachable(manifest, lockfile);
        known.extend(entries);
        let found = known.iter().copied().find(|name| name.as_str() == typed);
        let name = found
            .ok_or_else(|| unknown::of_manifest(scene.session, typed, known, manifest, lockfile))?;
        let wanted = &manifest.entry(name);
        let is_entry = manifest.agents().contains_key(name);
        let Some(locked) = scene.lockfile.agents.get(name) else {
            let install = Command::new(["install"]);
            return Err(Failure::failed(format!("`{name}` is not installed yet"))
                .hint(Advice::run(install).and(" installs what agentpkg.toml says")));
        };
        if pending::names(&scene.session.project)?.contains(name) {
            let resolve = Command::new(["resolve", name.as_str()]);
            return Err(Failure::failed(format!("an update of `{name}` is pending"))
                .hint(Advice::run(resolve).and(" finishes it; then change its overrides")));
        }
        self.refuse_ignored(name, locked, is_entry)?;
        let mut overrides = wanted.overrides.clone();
        match change {
            OverrideChange::Set(assignments) => set(name, wanted, &mut overrides, assignments)?,
            OverrideChange::Unset(keys) => unset(name, &mut overrides, keys)?,
        }
        let wanted = Wanted {
            overrides,
            ..wanted.clone()
        };
        self.keep(name, locked, &wanted, frontend)?;
        let is_forced = self.goal.edits == Edits::Replace;
        let named = change.keys();
        if let Some(item) = self.plan.item_mut(name) {
            item.is_named = true;
            if is_entry {
                item.wanted = Some(wanted);
            } else {
                item.required_overrides = Some(wanted.overrides);
            }
            // What else is overridden was not named: `set --force` writes over edits of these keys alone.
            let now = item.candidate.locked.overrides.only(&named);
            if is_forced {
                item.text = overridden(&item.result().bytes(), &now)
                    .ok()
                    .map(Content::from);
            }
            let (meant, rest) = match change {
                OverrideChange::Set(_) => (now, "; `--force` overrides it"),
                OverrideChange::Unset(_) => (locked.overrides.only(&named), ""),
            };
            let [result, candidate] = [item.result(), item.candidate.bytes.clone()];
            let differing = differing(&meant, &result.bytes(), &candidate.bytes());
            let notes: Vec<String> = differing
                .into_iter()
                .map(|key| format!("`{key}` keeps what you wrote in the file{rest}"))
                .collect();
            item.notes.extend(notes);
        }
        Ok(())
    }
}

impl Planner<'_, '_> {
    /// Refuses a file that has lost what the client reads: there is nothing in it that could have another value.
    fn refuse_ignored(&self, name: &AgentName, locked: &LockedAgent, is_entry: bool) -> Result<()> {
        let Some(file) = self.scene.agent(name)? else {
            return Ok(());
        };
        let Some(reason) = ignored(&file.bytes()) else {
            return Ok(());
        };
        if markers::first(&file.bytes()).is_some() {
            return Ok(());
        }
        let path = self
            .scene
            .session
            .project
            .shown_path(name, self.scene.lockfile.folder(name));
        let diff = Command::new(["diff", name.as_str()]);
        let failure = Failure::failed(format!("nothing in `{path}` can be overridden"))
            .caused_by(format!("Claude Code ignores the file: {reason}"))
            .hint(
                Advice::run(diff)
                    .and(" shows what it was installed with; put that back, then run this again"),
            );
        let again = Command::new(["install", &spec_of(locked), "--force"]);
        let again = Advice::run(again).and(" replaces the file; a copy stays for ");
        let again = again.and_run(Command::new(["undo"]));
        Err(if is_entry {
            failure.hint(again)
        } else {
            failure
        })
    }
}

/// Makes assignments. What is pinned has the text of the file as its value, so it cannot have another.
fn set(
    name: &AgentName,
    wanted: &Wanted,
    overrides: &mut Overrides,
    assignments: &[Assignment],
) -> Result<()> {
    contradiction(assignments).map_err(|error| refused(&error, name.as_str()))?;
    for assignment in assignments {
        if matches!(assignment, Assignment::Modern(_)) {
            let error = WrongOverride::NoAssignment(assignment.to_string());
            return Err(refused(&error, name.as_str()));
        }
        if let Assignment::Add(_, tool) = assignment
            && let Some(meant) = known_tools::meant(tool)
        {
            let what = format!("`{tool}` is not a tool that Claude Code knows");
            return Err(Failure::usage(what).hint(format!("did you mean `{meant}`?")));
        }
        overrides
            .assign(assignment)
            .map_err(|error| refused(&error, name.as_str()))?;
        if let Some(key) = overrides.pinned(&wanted.pins) {
            return Err(Failure::failed(format!(
                "`{key}` of `{name}` is pinned in agentpkg.toml: it keeps the text of the file"
            ))
            .hint(format!("take `{key}` out of `pin` there first")));
        }
    }
    if wanted.is_verbatim {
        return Err(Failure::failed(format!(
            "`{name}` is installed exactly as upstream wrote it, so nothing in it is overridden"
        ))
        .hint("take `verbatim` out of its entry in agentpkg.toml first"));
    }
    Ok(())
}

/// Takes overrides back.
fn unset(name: &AgentName, overrides: &mut Overrides, keys: &[String]) -> Result<()> {
    for key in keys.iter().collect::<BTreeSet<_>>() {
        if !overrides.unset(key) {
            let failure = Failure::failed(format!("`{key}` of `{name}` is not overridden"));
            let modernise = overrides.modernise.map(|_| MODERNISE);
            let known = overrides.keys().chain(modernise);
            let known: Vec<String> = known.map(|key| format!("`{key}`")).collect();
            return Err(if known.is_empty() {
                failure
            } else {
                failure.hint(format!("overridden are {}", known.join(", ")))
            });
        }
    }
    Ok(())
}

/// The failure about an override of an agent that makes no sense as it was typed.
pub(in crate::ops) fn refused(error: &WrongOverride, agent: &str) -> Failure {
    let failure = Failure::usage(error.to_string());
    if let Some(instead) = error.instead() {
        let set = Command::new(["set", agent, instead.as_str()]);
        return failure.hint(Advice::say("write ").and_run(set));
    }
    match error {
        WrongOverride::UnknownKey(key) if is_entry_key(key) => failure.hint(format!(
            "`{key}` is a key of the agent's entry in {FILE_NAME}; write it there"
        )),
        error => match error.meant() {
            Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
            None => failure,
        },
    }
}
