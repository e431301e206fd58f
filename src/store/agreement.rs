//! Compares manifest and lockfile: whether a lock entry satisfies a manifest entry, which agents are wanted, and how a lock entry is shown
//! to people. Pure; what follows from an answer is decided by the use case.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::lockfile::{LockedAgent, Lockfile};
use super::manifest::{Manifest, Origin, Wanted, source_text};
use crate::domain::name::{AgentName, RegistryName, folded};
use crate::domain::spec::{Source, Target};
use crate::domain::version::{Reference, VersionRequest};

/// Whether a lock entry satisfies a manifest entry.
#[must_use]
pub fn answers(locked: &LockedAgent, wanted: &Wanted, manifest: &Manifest) -> bool {
    is_version(locked, wanted, manifest) && !has_other_overrides(locked, wanted, manifest)
}

/// Whether an agent was written with other overrides than the manifest has now. `wanted`: what is wanted of it.
#[must_use]
pub fn has_other_overrides(locked: &LockedAgent, wanted: &Wanted, manifest: &Manifest) -> bool {
    let declared = manifest.overrides_of(wanted);
    !declared.declares_same(&locked.overrides)
}

/// Whether a lock entry has the version, from the place and with the servers that a manifest entry asks for; its overrides may be others.
#[must_use]
pub fn is_version(locked: &LockedAgent, wanted: &Wanted, manifest: &Manifest) -> bool {
    let version = match (&wanted.version, &locked.version) {
        (None, _) => true,
        (Some(request), Some(version)) => {
            Version::parse(version).is_ok_and(|version| request.accepts(&version))
                || locked
                    .commit
                    .is_some_and(|commit| commit.to_string().starts_with(&request.to_string()))
        }
        // A branch or a commit without a version: the commit that was locked stays until an update.
        (Some(request), None) => {
            matches!(request, VersionRequest::Revision(_))
        }
    };
    let is_adapted = wanted.is_verbatim
        == (locked.adaptations.is_empty() && locked.base == locked.sha256)
        || !wanted.is_verbatim;
    is_from(locked, wanted, manifest)
        && is_target(locked, wanted)
        && version
        && is_adapted
        && (wanted.is_verbatim || wanted.bind == locked.bindings())
}

/// Whether a locked agent is from where a manifest entry says.
#[must_use]
pub fn is_from(locked: &LockedAgent, wanted: &Wanted, manifest: &Manifest) -> bool {
    match &wanted.origin {
        Origin::Any => true,
        Origin::Registry(registry) => {
            locked.registry.as_ref() == Some(registry)
                && manifest
                    .registry(registry)
                    .is_some_and(|source| source_text(&source) == locked.source)
        }
        Origin::Source(Source::Git(url)) => {
            locked.registry.is_none() && url.as_str() == locked.source
        }
        Origin::Source(source) => {
            locked.registry.is_none() && source_text(&file_folder(source)) == locked.source
        }
    }
}

/// Whether a locked agent is the one that a manifest entry names there.
#[must_use]
pub fn is_target(locked: &LockedAgent, wanted: &Wanted) -> bool {
    match (&wanted.target, &wanted.origin) {
        (None, Origin::Source(source)) => {
            (source.as_file()).is_none_or(|(_, file)| file == locked.file)
        }
        (None, _) => true,
        (Some(Target::Name(target)), _) => {
            *target == locked.agent || folded(target) == folded(&locked.agent)
        }
        (Some(Target::File(file)), _) => *file == locked.file,
        // The manifest names no such thing.
        (Some(Target::Page(..) | Target::Folder(_) | Target::Plugin { .. }), _) => false,
    }
}

/// What became of the reference that an agent was taken from, in words, if its name means another kind of reference now.
#[must_use]
pub fn changed_reference(from: &LockedAgent, to: Option<&Reference>) -> Option<String> {
    from.reference.as_ref()?.changed_to(to?)
}

/// Whether two versions of an agent are at different places, or have different names there.
#[must_use]
pub fn is_moved(from: &LockedAgent, to: &LockedAgent) -> bool {
    let place = |locked: &LockedAgent| {
        let LockedAgent {
            registry,
            source,
            file,
            agent,
            ..
        } = locked.clone();
        (registry, source, file, agent)
    };
    place(from) != place(to) || changed_reference(from, to.reference.as_ref()).is_some()
}

/// The folder of a source that names one file.
#[must_use]
pub fn file_folder(source: &Source) -> Source {
    match source.as_file() {
        Some((folder, _)) => Source::path(folder),
        None => source.clone(),
    }
}

/// The agents that the manifest wants, and those that they require, as locked.
#[must_use]
pub fn reachable<'a>(manifest: &'a Manifest, lockfile: &'a Lockfile) -> BTreeSet<&'a AgentName> {
    with_required(manifest.agents().keys(), lockfile, &|_| false)
}

/// Locked agents with all that they require. Where `ends_at` is true, nothing is followed.
#[must_use]
pub fn with_required<'a>(
    roots: impl Iterator<Item = &'a AgentName>,
    lockfile: &'a Lockfile,
    ends_at: &dyn Fn(&AgentName) -> bool,
) -> BTreeSet<&'a AgentName> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&AgentName> = roots.collect();
    while let Some(name) = open.pop() {
        if let Some(locked) = lockfile.agents.get(name)
            && !ends_at(name)
            && reached.insert(name)
        {
            open.extend(&locked.requires);
        }
    }
    reached
}

/// The agents that a locked agent requires and that are not locked themselves, each with the first one that requires it.
#[must_use]
pub fn unlocked(lockfile: &Lockfile) -> BTreeMap<&AgentName, &AgentName> {
    let mut missing = BTreeMap::new();
    for (by, locked) in &lockfile.agents {
        for name in &locked.requires {
            if !lockfile.agents.contains_key(name) {
                missing.entry(name).or_insert(by);
            }
        }
    }
    missing
}

/// The locked agents that are neither in the manifest nor required by an agent that is.
#[must_use]
pub fn unwanted<'a>(manifest: &Manifest, lockfile: &'a Lockfile) -> Vec<&'a AgentName> {
    let wanted = reachable(manifest, lockfile);
    lockfile
        .agents
        .keys()
        .filter(|name| !wanted.contains(name))
        .collect()
}

/// The versions or commits between which an agent changes, with their sources if those differ.
#[must_use]
pub fn change(from: &LockedAgent, to: &LockedAgent) -> String {
    let (old, new) = (versions(Some(from)), versions(Some(to)));
    if from.source != to.source {
        let place = |locked: &LockedAgent, version: &str| {
            format!("{} {version}", registry_of(locked))
                .trim_end()
                .to_owned()
        };
        return format!("{} -> {}", place(from, &old), place(to, &new));
    }
    match (old.is_empty(), new.is_empty()) {
        (false, false) if old != new => format!("{old} -> {new}"),
        (_, false) => new,
        (_, true) => old,
    }
}

/// Whether one version of an agent is older than another one of the same source; `None`: one of them has no version number.
#[must_use]
pub fn is_older(from: &LockedAgent, to: &LockedAgent) -> Option<bool> {
    let version = |locked: &LockedAgent| Version::parse(locked.version.as_ref()?).ok();
    let (old, new) = (version(from)?, version(to)?);
    Some(from.source == to.source && new < old)
}

/// The requirement of an entry, if it names a whole version and means a newer one, as those of cargo do.
#[must_use]
pub fn newest_of(wanted: &Wanted, locked: &LockedAgent) -> Option<String> {
    let request = wanted.version.as_ref()?;
    let version = Version::parse(locked.version.as_ref()?).ok()?;
    request.is_older(&version).then(|| request.to_string())
}

/// A spec that means the locked agent, whatever else has its name.
#[must_use]
pub fn spec_of(locked: &LockedAgent) -> String {
    match &locked.registry {
        Some(registry) => format!("{registry}/{}", locked.agent),
        None => format!("{}#{}", locked.source, locked.agent),
    }
}

/// The registry that a spec would add, for messages.
#[must_use]
pub fn registry_of(locked: &LockedAgent) -> String {
    locked
        .registry
        .as_ref()
        .map_or_else(|| locked.source.clone(), RegistryName::to_string)
}

/// Version or commit of a lock entry, for people.
#[must_use]
pub fn versions(locked: Option<&LockedAgent>) -> String {
    match locked {
        Some(LockedAgent {
            version: Some(version),
            ..
        }) => version.clone(),
        Some(LockedAgent {
            commit: Some(commit),
            ..
        }) => commit.short(),
        _ => String::new(),
    }
}

/// An agent stays with the source that it came from, even if another source now has one with its name.
#[must_use]
pub fn at_home(wanted: &Wanted, locked: &LockedAgent, manifest: &Manifest) -> Wanted {
    let origin = match (&wanted.origin, &locked.registry) {
        (Origin::Any, Some(registry)) if manifest.registry(registry).is_some() => {
            Origin::Registry(registry.clone())
        }
        (origin, _) => origin.clone(),
    };
    Wanted {
        origin,
        ..wanted.clone()
    }
}
