//! Names that mean nothing here. Every command says so in the same words, and offers the name that is most like the typed one.

use super::session::Session;
use super::unmanaged as files;
use crate::domain::likeness::nearest;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::shell::Command;
use crate::error::{Advice, Failure};
use crate::store::lockfile::Lockfile;
use crate::store::manifest::{FILE_NAME, Manifest};

/// That no agent of this name is among the `known` ones, which a command can work on. An agent that is here only because others require
/// it is named by them.
pub(super) fn agent<'n>(
    session: &Session,
    typed: &str,
    known: impl IntoIterator<Item = &'n AgentName>,
    lockfile: &Lockfile,
) -> Failure {
    let shown = typed.escape_debug();
    let requires = |name: &AgentName| name.as_str() == typed;
    let agents = lockfile.agents.iter();
    let requirers = agents.filter(|(_, locked)| locked.requires.iter().any(requires));
    let requirers: Vec<String> = requirers.map(|(name, _)| format!("`{name}`")).collect();
    if !requirers.is_empty() {
        return Failure::failed(format!("`{shown}` is not in agentpkg.toml")).hint(format!(
            "it is required by {}; name that agent instead",
            requirers.join(", ")
        ));
    }
    if let Some(failure) = unmanaged(session, typed, lockfile) {
        return failure;
    }
    let failure = Failure::failed(format!("there is no agent `{shown}` here"));
    match nearest(typed, known.into_iter().map(AgentName::as_str)) {
        Some(near) => failure.hint(did_you_mean(near)),
        None => failure.hint(Advice::run(Command::new(["list"])).and(" shows what is installed")),
    }
}

/// That this is a file which agentpkg does not manage; `None`: there is no such file.
fn unmanaged(session: &Session, typed: &str, lockfile: &Lockfile) -> Option<Failure> {
    let all = files::unmanaged(session, lockfile);
    let found = files::meant(&all, files::below(session, typed));
    let shown = found.first()?.escape_debug();
    let failure = Failure::failed(format!("`{shown}` is not managed by agentpkg"));
    let adopt = |stem: &&String| Advice::run(Command::new(["adopt", stem.as_str()]));
    let how = " looks for the version that the file is from, and takes it over";
    let hints = found.iter().map(|stem| adopt(stem).and(how));
    Some(hints.fold(failure, Failure::hint))
}

/// The same of the agents of a manifest. Where there is none, nothing is installed, and that is more worth saying.
pub(super) fn of_manifest<'n>(
    session: &Session,
    typed: &str,
    known: impl IntoIterator<Item = &'n AgentName>,
    manifest: &Manifest,
    lockfile: &Lockfile,
) -> Failure {
    if manifest.digest().is_some() || !lockfile.agents.is_empty() {
        return agent(session, typed, known, lockfile);
    }
    if let Some(failure) = unmanaged(session, typed, lockfile) {
        return failure;
    }
    let shown = typed.escape_debug();
    Failure::failed(format!(
        "`{shown}` is not installed: there is no {FILE_NAME} in this folder or above it"
    ))
    .hint(Advice::run(Command::new(["install", typed])).and(" installs it here"))
    .hint("`-C DIR` runs the command in the folder of a project")
}

/// That no registry has this name.
pub(super) fn registry(typed: &str, manifest: &Manifest) -> Failure {
    let failure = Failure::failed(format!(
        "there is no registry `{}` in the manifest",
        typed.escape_debug()
    ));
    if let Some(near) = nearest_registry(typed, manifest) {
        return failure.hint(did_you_mean(near));
    }
    let known = manifest
        .registries()
        .iter()
        .map(|(name, _)| format!("`{name}`"));
    let known: Vec<String> = known.collect();
    if known.is_empty() {
        failure
    } else {
        failure.hint(format!("there are {} and `builtin`", known.join(", ")))
    }
}

/// A failure about `REGISTRY/NAME#x`, with what means the agent of the registry, if there is one of this name.
pub(super) fn or_agent_of_registry(session: &Session, text: &str, failure: Failure) -> Failure {
    let manifest = session.project.load_manifest().ok().flatten();
    let meant = text.split_once('#').and_then(|(spec, _)| {
        let (registry, name) = spec.split_once('/')?;
        let registry = RegistryName::new(registry).ok()?;
        let is_known = manifest.is_some_and(|manifest| manifest.registry(&registry).is_some());
        (is_known && AgentName::new(name).is_ok()).then_some(spec)
    });
    match meant {
        Some(spec) => failure.hint(format!("for an agent of the registry write `{spec}`")),
        None => failure,
    }
}

/// A failure about what was typed as a registry, with the one that may have been meant.
pub(super) fn hinted(failure: Failure, typed: &str, manifest: &Manifest) -> Failure {
    match nearest_registry(typed, manifest) {
        Some(near) => failure.hint(did_you_mean(near)),
        None => failure,
    }
}

/// The registry that is most like what was typed.
fn nearest_registry<'m>(typed: &str, manifest: &'m Manifest) -> Option<&'m str> {
    let known = manifest.registries().iter().map(|(name, _)| name.as_str());
    nearest(typed, known.chain([RegistryName::BUILTIN]))
}

/// The hint with the name that may have been meant.
fn did_you_mean(near: &str) -> String {
    format!("did you mean `{near}`?")
}
