//! The file as it is, under an install: what it is merged with, and refusing to write over what a person wrote. How an update finds its
//! base, `bases` knows.

use super::goal::{Edits, Goal, What};
use super::item::{Item, State};
use super::pending;
use super::plan::Plan;
use super::scene::Scene;
use crate::domain::count::few;
use crate::domain::definition::ignored;
use crate::domain::folder::Folder;
use crate::domain::lineage::kept;
use crate::domain::markers;
use crate::domain::origin::LEAST;
use crate::domain::shell::{Command, shell_quoted};
use crate::domain::spec::Source;
use crate::error::{Advice, Failure, Result};
use crate::fs::Content;
use crate::ops::beside::Taken;
use crate::ops::candidate::as_written;
use crate::ops::report::{Event, Frontend};
use crate::store::agreement::spec_of;
use crate::store::lockfile::LockedAgent;

const REPLACES_FILE: &str = "replaces a file that agentpkg did not write";
const REPLACES_EDITS: &str = "replaces your edits";

/// Says which files a dry run with `--force` would replace, although a person wrote them or edited them.
pub(super) fn say_replaced(
    plan: &Plan,
    scene: &Scene<'_>,
    goal: &Goal,
    frontend: &mut dyn Frontend,
) {
    if !goal.is_dry_run {
        return;
    }
    let project = &scene.session.project;
    for (note, what) in [
        (
            REPLACES_FILE,
            "would replace files that agentpkg did not write",
        ),
        (REPLACES_EDITS, "would replace your edits of files"),
    ] {
        let replaced = plan
            .active()
            .filter(|item| item.notes.iter().any(|own| own == note));
        let replaced: Vec<String> = replaced
            .map(|item| project.shown_path(&item.name, item.folder()))
            .collect();
        if !replaced.is_empty() {
            let (files, copy) = (few(&replaced, ", "), copies_in(scene));
            frontend.report(Event::warning(format!("{what}: {files}; {copy}")));
        }
    }
}

/// Finds out what an install makes of the file as it is: a clean one is replaced, an edited one whose upstream is the same keeps its
/// edits, and everything else is in the way, unless it `is_forced`.
pub(super) fn lay_over(item: &mut Item, scene: &Scene<'_>, is_forced: bool) -> Result<()> {
    let project = &scene.session.project;
    let Some(ours) = item.ours.clone() else {
        return Ok(());
    };
    let digest = ours.digest();
    let candidate = &item.candidate.locked;
    let is_overridden = |before: &LockedAgent| {
        before.overrides != candidate.overrides && before.sha256 == candidate.sha256
    };
    match &item.before {
        // What was begun to resolve was made from the file as it is.
        Some(before) if is_overridden(before) && pending::names(project)?.contains(&item.name) => {
            item.is_blocked = true;
        }
        _ if digest == candidate.unedited() => item.base.clone_from(&item.candidate.bytes),
        _ if is_forced => {
            let (before, now) = (item.before.as_ref(), ours.digest());
            match before.map(LockedAgent::unedited) {
                None => item.notes.push(REPLACES_FILE.to_owned()),
                Some(unedited) if unedited != now => item.notes.push(REPLACES_EDITS.to_owned()),
                Some(_) => {}
            }
            item.base = ours;
            item.pins.clear();
        }
        Some(before) if before.unedited() == digest => item.base = ours,
        Some(before)
            if before.base == candidate.base && before.overrides == candidate.overrides =>
        {
            item.base.clone_from(&item.candidate.bytes);
        }
        Some(before) if before.sha256 == candidate.sha256 => {
            // Upstream is the same, and only the adaptation or the overrides differ: both together, if they do not clash.
            let base = if before.base == candidate.base {
                Some(item.candidate.base.clone())
            } else {
                project.read_base(&before.base)?.map(Content::from)
            };
            match base {
                Some(base) => {
                    item.base = as_written(&item.name, before, &base)?;
                    item.keep_edited_overrides();
                    item.is_blocked = !item.sides().merge().conflicts().is_empty();
                }
                None => item.is_blocked = true,
            }
        }
        _ => item.is_blocked = true,
    }
    Ok(())
}

/// Leaves out the agents that would write over what a person wrote.
pub(super) fn refuse(plan: &mut Plan, scene: &Scene<'_>, goal: &Goal) -> Result<()> {
    if goal.is_update() {
        refuse_marked(plan, scene);
    }
    refuse_unsure(plan, scene, goal);
    let is_in_the_way = |item: &&Item| item.state == State::Active && item.is_blocked;
    let blocked: Vec<&Item> = plan.items.iter().filter(is_in_the_way).collect();
    let Some(first) = blocked.first() else {
        return Ok(());
    };
    let failure = refusal(scene, goal, first, &blocked[1..])?;
    plan.failures.push(failure);
    for item in plan.items.iter_mut().filter(|item| item.is_blocked) {
        item.skip("your file stays as it is");
    }
    Ok(())
}

/// Leaves out the agents whose files have the conflict markers of a version control system: nothing can be merged with both sides at once.
fn refuse_marked(plan: &mut Plan, scene: &Scene<'_>) {
    let is_meant = |item: &&mut Item| matches!(item.state, State::Active | State::Current);
    for item in plan.items.iter_mut().filter(is_meant) {
        if let Some(failure) = marked(scene, item) {
            plan.failures.push(failure);
            item.skip("its file has conflict markers");
        }
    }
}

/// Leaves out the agents whose file is not where agentpkg.lock has it while several others may be theirs: to write it again would make one
/// more of them. With `--force`, an agent that is named is written all the same.
fn refuse_unsure(plan: &mut Plan, scene: &Scene<'_>, goal: &Goal) {
    let project = &scene.session.project;
    for item in &mut plan.items {
        let is_forced = goal.edits == Edits::Replace && item.is_named;
        let Some(folders) = scene.unsure.get(&item.name).filter(|_| !is_forced) else {
            continue;
        };
        let shown = |folder: &Folder| project.shown_path(&item.name, folder);
        let path = shown(item.folder());
        let install = Command::new(["install", &spec_of(&item.candidate.locked), "--force"]);
        let failure = unsure(&path, folders.iter().map(shown)).hint(
            Advice::say("or run ")
                .and_run(install)
                .and(format!(", which writes `{path}` again")),
        );
        plan.failures.push(failure);
        item.skip("several files may be its own");
    }
}

/// That several files may be that of an agent. `path`: where it was.
pub(super) fn unsure(path: &str, files: impl Iterator<Item = String>) -> Failure {
    Failure::failed(format!(
        "`{path}` is not there, and several files may be what became of it"
    ))
    .listing(files)
    .hint("leave one of them in the agents folder, then run the command again")
}

/// That files are in the way. `others`: the agents beside the first.
fn refusal(scene: &Scene<'_>, goal: &Goal, first: &Item, others: &[&Item]) -> Result<Failure> {
    let project = &scene.session.project;
    let path = |item: &Item| project.shown_path(&item.name, item.folder());
    if let Some(marked) = marked(scene, first) {
        return Ok(marked);
    }
    let message = if first.before.is_some() {
        format!("`{}` was edited, so it is not replaced", path(first))
    } else {
        format!("`{}` exists, and agentpkg did not write it", path(first))
    };
    let too = others.iter().map(|item| {
        let why = if item.before.is_some() {
            "was edited"
        } else {
            "exists"
        };
        format!("{} {why}, too", path(item))
    });
    let edited = first.ours.as_ref().filter(|_| first.before.is_some());
    let ignored = edited.and_then(|ours| ignored(&ours.bytes()));
    let ignored = ignored.map(|reason| format!("Claude Code ignores it as it is: {reason}"));
    let failure = Failure::failed(message).listing(ignored.into_iter().chain(too));
    let name = &first.name;
    let is_same_source = |before: &LockedAgent| before.source == first.candidate.locked.source;
    let failure = if pending::names(project)?.contains(name) {
        let resolve = Command::new(["resolve", name.as_str()]);
        failure.hint(
            Advice::say("an update of it is pending: ")
                .and_run(resolve)
                .and(" finishes it"),
        )
    } else if first.before.as_ref().is_some_and(is_same_source) {
        failure.hint(Advice::run(merging(scene, goal, first)).and(" merges it"))
    } else {
        failure
    };
    Ok(with_ways_out(failure, scene, goal, first))
}

/// That a file has the conflict markers of a version control system, and where.
fn marked(scene: &Scene<'_>, item: &Item) -> Option<Failure> {
    let line = markers::first(&item.ours.as_ref()?.bytes())?;
    let path = scene.session.project.shown_path(&item.name, item.folder());
    Some(markers_in(&path, line))
}

/// The failure that a file has conflict markers.
pub(in crate::ops) fn markers_in(path: &str, line: usize) -> Failure {
    Failure::failed(format!(
        "`{path}` has unresolved conflict markers, the first in line {line}"
    ))
    .hint("decide each conflict in the file and remove its markers, then run the command again")
    .hint(format!(
        "or take one side of a merge: `git checkout --ours {path}`, or `--theirs`",
        path = shell_quoted(path)
    ))
}

/// The ways to have the new version nevertheless.
fn with_ways_out(failure: Failure, scene: &Scene<'_>, goal: &Goal, first: &Item) -> Failure {
    let version = first
        .wanted
        .as_ref()
        .and_then(|wanted| wanted.version.as_ref());
    let version = version.filter(|_| first.is_named);
    let version = version.map_or_else(String::new, |version| format!("@{version}"));
    let spec = spec_of(&first.candidate.locked) + &version;
    let failure = adopting(failure, scene, first);
    if goal.edits == Edits::Merge {
        return failure.hint("move it away, then run the command again");
    }
    if goal.edits == Edits::Replace {
        return failure.hint(format!(
            "`--force` is for the agents that you name: add `{spec}` to the command"
        ));
    }
    let project = &scene.session.project;
    let failure = if first.is_named {
        let locked = &first.candidate.locked;
        let beside = Source::parse(&locked.source).ok().map(|source| {
            Taken::of(project, [&first.name]).free(&first.name, locked.registry.as_ref(), &source)
        });
        let beside = beside.unwrap_or_else(|| "NAME".to_owned());
        let install = Command::new(["install", &spec, "--as", &beside]);
        failure.hint(Advice::run(install).and(" installs it beside the other one"))
    } else {
        failure
    };
    let copy = copies_in(scene);
    if first.is_named || matches!(goal.what, What::Manifest) {
        return failure.hint(format!("`--force` replaces it; {copy}"));
    }
    let force = Command::new(["install", &spec, "--force"]);
    failure.hint(Advice::run(force).and(format!(" replaces it; {copy}")))
}

/// Where the copies of replaced files stay.
fn copies_in(scene: &Scene<'_>) -> String {
    let project = &scene.session.project;
    let history = project.display(&project.state_folder().join("history"));
    format!("a copy stays in {history}")
}

/// The way to keep a file that agentpkg did not write as it is and have it updated, if it can be adopted. A version that was asked for is not
/// the one that the file was made from.
fn adopting(failure: Failure, scene: &Scene<'_>, item: &Item) -> Failure {
    let name = item.name.as_str();
    if item.before.is_some() {
        return failure;
    }
    // An entry says which agent it is, however little of its text is left.
    let is_decided = scene.manifest.agents().contains_key(&item.name);
    failure.hint(if is_decided || is_like(item) {
        let adopt = Command::new(["adopt", name, "--from", &spec_of(&item.candidate.locked)]);
        Advice::run(adopt).and(" takes your file as edits of that agent")
    } else {
        let adopt = Command::new(["adopt", name]);
        Advice::run(adopt).and(" looks for the version that your file is from, and takes it over")
    })
}

/// Whether a file that is in the way is like the agent that would replace it.
fn is_like(item: &Item) -> bool {
    let ours = item.ours.as_ref().map(Content::bytes).unwrap_or_default();
    kept(&item.candidate.bytes.bytes(), &ours) >= LEAST
}

/// The update that merges what an install would write over.
fn merging(scene: &Scene<'_>, goal: &Goal, item: &Item) -> Command {
    let update = Command::new(["update"]);
    // Those that another one requires are updated with it, and no command knows them by their own names.
    let Some(known) = scene.manifest.agents().get(&item.name) else {
        let agents = scene.lockfile.agents.iter();
        let mut by = agents.filter(|(_, locked)| locked.requires.contains(&item.name));
        let by = by.find(|(by, _)| scene.manifest.agents().contains_key(by));
        return by.map_or(update.clone(), |(by, _)| update.arg(by.as_str()));
    };
    let wanted = item.wanted.as_ref().unwrap_or(known);
    let update = update.arg(item.name.as_str());
    // What agentpkg.toml asks for needs no word; what was typed is not in it yet.
    let update = match wanted.version.as_ref().filter(|_| item.is_named) {
        Some(version) => update.arg("--to").arg(version.to_string()),
        None => update,
    };
    if goal.consent.allowed.is_empty() {
        return update;
    }
    update.arg("--allow").arg(goal.consent.allowed.join(","))
}
