//! Files that agentpkg did not write become agents of the project: the version that a file is from becomes its base, and the file stays as
//! it is, byte for byte. Where a file is from, `ops::origins` finds out.

use super::goal::Files;
use super::identical::version;
use super::item::Item;
use super::planner::Planner;
use super::scene::Scene;
use super::unmanaged::{Copied, leave, selected, unusable};
use super::unsure::{Unsure, likely, one_of};
use crate::domain::digest::ObjectId;
use crate::domain::name::{AgentName, RegistryName, folded};
use crate::domain::origin::LEAST;
use crate::domain::shell::Command;
use crate::domain::spec::{Place, Source, Spec, Target};
use crate::domain::version::VersionRequest;
use crate::error::{Advice, Failure, Result};
use crate::fs::Content;
use crate::ops::origins::{Look, Missing, Pool, Searched};
use crate::ops::report::{Event, Frontend, relay};
use crate::ops::resolver::{Resolved, Resolver};
use crate::ops::session::Session;
use crate::ops::unknown;
use crate::store::agreement::{is_from, is_target};
use crate::store::cache::Freshness;
use crate::store::loaded::{self, LoadedSet};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Manifest, Origin, Wanted};

/// Agents that have less in common with a file, in percent, are not worth a word.
const LEAST_SHOWN: u32 = 20;

/// Plans the files that are named, or all.
pub(super) fn items(
    planner: &mut Planner<'_, '_>,
    files: &Files,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let scene = planner.scene;
    let project = &scene.session.project;
    let set = loaded::read(project, &scene.session.environment, project.root());
    let selected = selected(planner, files, &set);
    if selected.is_empty() {
        return Ok(());
    }
    let mut unsure = Unsure::of(planner.goal, files, frontend);
    let Some(from) = &files.from else {
        // Nothing is fetched that nobody asked for.
        let offline = scene.session.offline();
        let sources = known(&offline, scene, &set);
        let mut pool = Pool::open(&offline, &sources, Look::Here, frontend)?;
        for (index, file) in selected.iter().enumerate() {
            unsure.more = selected.len() - index - 1;
            let searched = match scene.manifest.agents().get(&file.name) {
                None => pool.search(&file.name, &file.bytes, frontend),
                Some(entry) => match search_entry(&offline, (file, entry), scene, frontend) {
                    Ok(searched) => searched,
                    Err(failure) => {
                        let left = unusable(&file.stem(), failure.message().to_owned());
                        planner.plan.unmanaged.push(left);
                        frontend.report(Event::Trouble(failure));
                        continue;
                    }
                },
            };
            decide(planner, file, searched, &mut unsure, frontend)?;
        }
        say_what_has_a_history(planner, pool.missing(), frontend);
        say_what_is_missing(planner, pool.missing(), frontend);
        planner.plan.sources = sources.len() - pool.missing().absent.len();
        return Ok(());
    };
    planner.plan.sources = 1;
    from_spec(planner, &selected, (from, unsure), frontend)
}

/// Which version of the agent that an entry of the manifest means a file is from.
fn search_entry<'a>(
    offline: &'a Session,
    (file, entry): (&Copied, &Wanted),
    scene: &Scene<'_>,
    frontend: &mut dyn Frontend,
) -> Result<Searched<'a>> {
    // The version that it asks for is that of the next update.
    let any = Wanted {
        version: None,
        ..entry.clone()
    };
    let mut resolver = Resolver::new(offline, Freshness::Any);
    let resolved = resolver.resolve_wanted(&file.name, &any, &scene.manifest, frontend)?;
    let snapshot = &resolved.snapshot;
    let source = (snapshot.registry.clone(), snapshot.source.clone());
    let mut pool = Pool::open(offline, &[source], Look::Here, frontend)?;
    let searched = pool.search_in(&resolved.entry.file, &file.bytes, frontend);
    // Nobody named the agent for this file, so it has to be near enough.
    Ok(searched.from(LEAST))
}

/// The sources that are known here: the registries, and where the enabled plugins are from.
fn known(
    session: &Session,
    scene: &Scene<'_>,
    set: &LoadedSet,
) -> Vec<(Option<RegistryName>, Source)> {
    let registries = session.registries(&scene.manifest).into_iter();
    let mut known: Vec<(Option<RegistryName>, Source)> = registries
        .map(|(registry, source)| (Some(registry), source))
        .collect();
    for source in &set.plugin_sources {
        if !known.iter().any(|(_, other)| other == source) {
            known.push((None, source.clone()));
        }
    }
    known
}

/// Plans files that are from what was typed.
fn from_spec(
    planner: &mut Planner<'_, '_>,
    selected: &[Copied],
    (from, mut unsure): (&str, Unsure),
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let scene = planner.scene;
    let spec = whole(planner.read_from(from, frontend)?, scene);
    // A file is one agent, and its folder the source.
    let is_file = matches!(spec.place, Place::Source(Source::File(_)));
    let is_one = is_file || spec.target.is_some();
    let is_named = selected.iter().all(|copied| copied.is_named);
    if is_one && !is_named {
        let message = format!("`{}` is one agent", from.escape_debug());
        return Err(Failure::usage(message).hint("name the files that were made from it"));
    }
    match &spec.version {
        None => {}
        Some(VersionRequest::Revision(_)) => {
            return at_version(planner, selected, &spec, frontend);
        }
        Some(range @ VersionRequest::Requirement(_)) => {
            let message = format!("`{range}` is not the one version that a file was made from");
            let hint = "leave it out: agentpkg looks for the version";
            return Err(Failure::usage(message).hint(hint));
        }
    }
    let (registry, source, file) = if is_one {
        let manifest = &scene.manifest;
        let resolved = planner.resolver.resolve(&spec, manifest, frontend)?;
        let snapshot = &resolved.snapshot;
        let (registry, source) = (snapshot.registry.clone(), snapshot.source.clone());
        (registry, source, Some(resolved.entry.file.clone()))
    } else {
        let (registry, source) = whole_source(scene, &spec.place, from)?;
        (registry, source, None)
    };
    let sources = [(registry, source)];
    let mut pool = Pool::open(scene.session, &sources, Look::Fetched, frontend)?;
    for (index, copied) in selected.iter().enumerate() {
        unsure.more = selected.len() - index - 1;
        let searched = match &file {
            None => pool.search(&copied.name, &copied.bytes, frontend),
            // Who names the agent does not ask how much of it is left.
            Some(file) => pool.search_in(file, &copied.bytes, frontend),
        };
        decide(planner, copied, searched, &mut unsure, frontend)?;
    }
    say_what_has_a_history(planner, pool.missing(), frontend);
    Ok(())
}

/// The source that a place without an agent is.
fn whole_source(
    scene: &Scene<'_>,
    place: &Place,
    from: &str,
) -> Result<(Option<RegistryName>, Source)> {
    match place {
        Place::Registry(registry) => {
            let registries = scene.session.registries(&scene.manifest).into_iter();
            let found = registries
                .map(|(known, source)| (Some(known), source))
                .find(|(known, _)| known.as_ref() == Some(registry));
            found.ok_or_else(|| unknown::registry(registry.as_str(), &scene.manifest))
        }
        Place::Source(source) => Ok((None, source.clone())),
        Place::Anywhere => Err(no_source(from)),
    }
}

/// The bare name of a registry means the whole of it.
fn whole(spec: Spec, scene: &Scene<'_>) -> Spec {
    let registries = scene.session.registries(&scene.manifest);
    if let (Place::Anywhere, Some(Target::Name(name))) = (&spec.place, &spec.target)
        && let Some((registry, _)) = registries.iter().find(|(known, _)| known.as_str() == name)
    {
        return Spec {
            place: Place::Registry(registry.clone()),
            target: None,
            ..spec
        };
    }
    spec
}

fn no_source(from: &str) -> Failure {
    Failure::usage(format!("`{}` names no source", from.escape_debug()))
        .hint("write for example `gh:owner/repo`, `./folder` or the name of a registry")
}

/// Plans files that are from a version which was typed.
fn at_version(
    planner: &mut Planner<'_, '_>,
    selected: &[Copied],
    spec: &Spec,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    for file in selected {
        let named = Target::Name(file.name.to_string());
        let spec = Spec {
            target: spec.target.clone().or(Some(named)),
            ..spec.clone()
        };
        let manifest = &planner.scene.manifest;
        match planner.resolver.resolve(&spec, manifest, frontend) {
            Ok(resolved) => {
                let is_identical = resolved.entry.blob == ObjectId::of_blob(&file.bytes);
                let note = if is_identical {
                    "identical"
                } else {
                    "as you said"
                };
                take(planner, file, &resolved, vec![note.to_owned()], frontend)?;
            }
            Err(failure) => planner.problem(failure)?,
        }
    }
    Ok(())
}

/// Does what a search gave, and asks where it is not sure.
fn decide(
    planner: &mut Planner<'_, '_>,
    file: &Copied,
    searched: Searched<'_>,
    unsure: &mut Unsure,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let stem = file.stem();
    match searched {
        Searched::Version(found) => take(planner, file, &found.resolved, found.notes(), frontend),
        Searched::Several(several) => match one_of(planner, file, &several, unsure, frontend)? {
            Some((found, notes)) => take(planner, file, &found.resolved, notes, frontend),
            None => Ok(()),
        },
        Searched::Unknown(mut nearest) => {
            nearest.retain(|found| found.percent >= LEAST_SHOWN);
            let why = if nearest.is_empty() {
                "no origin found"
            } else {
                "no version is near enough"
            };
            let named = (stem.as_str(), file.is_named);
            leave(planner, named, why.to_owned(), likely(&nearest));
            Ok(())
        }
    }
}

/// Plans that a file is from a version.
fn take(
    planner: &mut Planner<'_, '_>,
    file: &Copied,
    resolved: &Resolved<'_>,
    notes: Vec<String>,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let (scene, name, bytes) = (planner.scene, &file.name, &file.bytes);
    let entry = scene.manifest.agents().get(name);
    let new = || Wanted {
        origin: match &resolved.snapshot.registry {
            Some(registry) => Origin::Registry(registry.clone()),
            None => Origin::Source(resolved.snapshot.source.clone()),
        },
        target: target(name, resolved, frontend),
        ..Wanted::default()
    };
    let wanted = entry.cloned().unwrap_or_else(new);
    let mut candidate = match version(scene, (name, &wanted, bytes), resolved, frontend) {
        Ok(candidate) => candidate,
        Err(failure) => return planner.problem(failure),
    };
    if !is_wanted(&candidate.locked, (name, entry), &scene.manifest) {
        let why = format!(
            "agentpkg.toml has another agent as `{name}`; this file is from {}",
            resolved.spec(true)
        );
        let left = unusable(&file.stem(), why);
        planner.plan.unmanaged.push(left);
        return Ok(());
    }
    candidate.locked.folder.clone_from(&file.folder);
    let mut item = Item::new(name.clone(), candidate.clone(), Content::default());
    item.ours = Some(bytes.clone().into());
    item.is_named = true;
    item.chain = vec!["the command line".to_owned()];
    item.wanted = entry.is_none().then_some(wanted);
    item.adopt(candidate, notes);
    planner.plan.items.push(item);
    Ok(())
}

/// Whether an agent is the one that an entry of the manifest means; without an entry it is any.
fn is_wanted(
    locked: &LockedAgent,
    (name, entry): (&AgentName, Option<&Wanted>),
    manifest: &Manifest,
) -> bool {
    let Some(entry) = entry else {
        return true;
    };
    // An entry without a target means the agent of its name, unless it names a file.
    let is_file = matches!(&entry.origin, Origin::Source(source) if source.as_file().is_some());
    let is_named = || folded(&locked.agent) == name.folded();
    is_from(locked, entry, manifest)
        && is_target(locked, entry)
        && (entry.target.is_some() || is_file || is_named())
}

/// What the entry of the manifest has to say about which agent of its source is meant; `None`: its name says it.
fn target(
    name: &AgentName,
    resolved: &Resolved<'_>,
    frontend: &mut dyn Frontend,
) -> Option<Target> {
    if let Source::File(_) = resolved.snapshot.source {
        return None;
    }
    let watch = &mut |event| relay(frontend, event);
    let meant = resolved.snapshot.find(resolved.entry.name.as_str(), watch);
    // What is not there any more is found by what the lockfile says.
    let is_by_name = match meant {
        Ok(agents) => match agents.as_slice() {
            [] => true,
            [one] => one.file == resolved.entry.file && resolved.others().is_empty(),
            _ => false,
        },
        Err(_) => false,
    };
    let target = if is_by_name {
        Target::Name(resolved.entry.name.to_string())
    } else {
        Target::File(resolved.entry.file.clone())
    };
    (target != Target::Name(name.to_string())).then_some(target)
}

/// Says which sources were looked at without their history, where a version of it may be nearer.
fn say_what_has_a_history(
    planner: &Planner<'_, '_>,
    missing: &Missing,
    frontend: &mut dyn Frontend,
) {
    for (place, address) in &missing.without_history {
        let what = format!("`{place}` is read as the folder that it is now, without its history; ");
        let advice = Advice::say(what)
            .and_run(from(planner, address))
            .and(" searches its history, too");
        frontend.report(Event::warning(advice));
    }
}

/// Says which sources could not be looked at, where something was not found.
fn say_what_is_missing(planner: &Planner<'_, '_>, missing: &Missing, frontend: &mut dyn Frontend) {
    if planner.plan.unmanaged.is_empty() {
        return;
    }
    for (places, what) in [
        (&missing.absent, "is not here"),
        (&missing.partial, "is here only in part"),
    ] {
        for place in places {
            let what = format!("the history of `{place}` {what}; ");
            let advice = Advice::say(what)
                .and_run(from(planner, place))
                .and(" fetches all its commits and every version of its agents");
            frontend.report(Event::warning(advice));
        }
    }
}

/// The command as it was typed, with this source.
fn from(planner: &Planner<'_, '_>, place: &str) -> Command {
    let mut typed = planner.goal.typed.clone();
    typed.options.clear();
    typed.with(&["--from", place])
}
