//! `registry add|list|remove|refresh`: the registries of the manifest.

use std::collections::BTreeSet;

use super::change::changes::manifest_change;
use super::change::commit::{Attempt, Manner, commit};
use super::change::gone::refuse_without_manifest;
use super::list::parse_source;
use super::own;
use super::report::{Frontend, relay};
use super::resolver::Resolver;
use super::session::Session;
use super::unknown;
use crate::domain::count::few;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::shell::Command;
use crate::domain::spec::Source;
use crate::error::{Advice, Failure, Result};
use crate::store::agreement::reachable;
use crate::store::builtin;
use crate::store::cache::Freshness;
use crate::store::lockfile::Lockfile;
use crate::store::manifest::{Manifest, Origin, source_text};
use crate::store::transaction::Transaction;

/// One registry, for display.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its name.
    pub name: RegistryName,
    /// Where it is.
    pub source: Source,
    /// How many agents it offers, or why it cannot be read; `None`: it was never read, and was not asked.
    pub agents: std::result::Result<Option<usize>, Failure>,
    /// Whether the manifest had it already.
    pub is_known: bool,
}

/// Adds a registry after looking into it; gives back its name and the number of its agents.
pub fn add(
    session: &Session,
    url: &str,
    name: Option<&str>,
    frontend: &mut dyn Frontend,
) -> Result<Listed> {
    let mut known = builtin::known_registries(session.environment.known_file()).into_iter();
    let known = known.find(|known| known.name.as_str() == url);
    let (source, name) = match &known {
        Some(known) => (known.source.clone(), name.or(Some(known.name.as_str()))),
        None => (parse_source(session, url)?, name),
    };
    if source == Source::Builtin {
        return Err(Failure::usage("`builtin` is always there"));
    }
    own::refuse_source(session, &source)?;
    let names = names(name, &source)?;
    let mut plan = |attempt: &Attempt<'_>, frontend: &mut dyn Frontend| {
        let session = attempt.scene.session;
        let lockfile = &attempt.scene.lockfile;
        refuse_without_manifest(&session.project, lockfile, lockfile.agents.len())?;
        let mut manifest = attempt.scene.manifest.clone();
        let is_free = |name: &&RegistryName| {
            let known = manifest.registry(name);
            known.is_none_or(|known| known == source)
        };
        let name = names.iter().find(is_free).unwrap_or(&names[0]).clone();
        if let Some(known) = manifest.registry(&name).filter(|known| *known != source) {
            let remove = Command::new(["registry", "remove", name.as_str()]);
            return Err(
                Failure::failed(format!("registry `{name}` already exists: {known}")).hint(
                    Advice::say("choose another name with `--name`, or first run ").and_run(remove),
                ),
            );
        }
        if let Some(violation) = manifest
            .policy()
            .source(Some(name.as_str()), &source_text(&source))
        {
            return Err(manifest.forbidden(
                format!("registry `{name}` violates the policy of this project"),
                &violation,
            ));
        }
        let snapshot = Resolver::of_all_references(session, attempt.freshness).snapshot(
            Some(&name),
            &source,
            frontend,
        )?;
        let agents = (snapshot.offered(&mut |event| relay(frontend, event))?).len();
        let is_known = manifest.registry(&name).is_some();
        manifest.set_registry(&name, &source);
        let transaction = edited(session, format!("registry add {name}"), &manifest);
        Ok(((name, agents, is_known), transaction))
    };
    let (name, agents, is_known) =
        commit(session, Freshness::Now, Manner::Ask, frontend, &mut plan)?;
    Ok(Listed {
        name,
        source,
        agents: Ok(Some(agents)),
        is_known,
    })
}

/// The names that a registry may have, the best first: the one that was typed, or that of the repository, then the owner's, because
/// many repositories have one name.
fn names(typed: Option<&str>, source: &Source) -> Result<Vec<RegistryName>> {
    let proposed: Vec<String> = match (typed, source) {
        (Some(name), _) => vec![name.to_owned()],
        (None, Source::Git(url)) => {
            let short = url.short_name().to_ascii_lowercase();
            let owner = url.owner().map(str::to_ascii_lowercase);
            let owner = owner.into_iter();
            let both = owner.clone().map(|owner| format!("{owner}-{short}"));
            [short.clone()]
                .into_iter()
                .chain(owner)
                .chain(both)
                .collect()
        }
        (None, Source::Folder(path) | Source::File(path)) => {
            let parts = path.rsplit(['/', '\\']);
            let parts = parts.filter(|part| !matches!(*part, "" | "." | ".."));
            let mut parts: Vec<String> = parts.take(2).map(str::to_owned).collect();
            if parts.is_empty() {
                parts.push("local".to_owned());
            }
            parts
        }
        (None, Source::Builtin) => vec![String::new()],
    };
    let first = RegistryName::new(&proposed[0]).map_err(|error| {
        Failure::usage(format!(
            "`{}` cannot be the name of a registry: {error}",
            proposed[0]
        ))
        .hint("choose one with `--name`")
    })?;
    if first.is_builtin() {
        return Err(Failure::usage("`builtin` is the registry inside agentpkg")
            .hint("choose another name with `--name`"));
    }
    let others = proposed[1..].iter();
    let others = others.filter_map(|name| RegistryName::new(name).ok());
    let others = others.filter(|name| !name.is_builtin());
    Ok([first].into_iter().chain(others).collect())
}

/// The transaction that writes an edited manifest.
fn edited(session: &Session, label: String, manifest: &Manifest) -> Transaction {
    Transaction {
        label,
        changes: manifest_change(&session.project, manifest)
            .into_iter()
            .collect(),
        lockfile: None,
    }
}

/// Removes a registry that no agent comes from.
pub fn remove(session: &Session, name: &str, frontend: &mut dyn Frontend) -> Result<RegistryName> {
    let name = RegistryName::new(name)
        .map_err(|error| Failure::usage(format!("`{}`: {error}", name.escape_debug())))?;
    let mut plan = |attempt: &Attempt<'_>, _: &mut dyn Frontend| {
        let scene = &attempt.scene;
        let mut manifest = scene.manifest.clone();
        refuse_in_use(&manifest, &scene.lockfile, &name)?;
        if !manifest.remove_registry(&name) {
            return Err(if name.is_builtin() {
                Failure::failed("`builtin` is the registry inside agentpkg, and cannot be removed")
            } else {
                unknown::registry(name.as_str(), &manifest)
            });
        }
        let label = format!("registry remove {name}");
        Ok(((), edited(scene.session, label, &manifest)))
    };
    commit(session, Freshness::Any, Manner::Ask, frontend, &mut plan)?;
    Ok(name)
}

/// The registries as they are on this machine: nobody is asked.
pub fn known(session: &Session, frontend: &mut dyn Frontend) -> Result<Vec<Listed>> {
    let mut listed = list(&session.offline(), Freshness::Any, frontend)?;
    for registry in &mut listed {
        let is_remote = matches!(&registry.source, Source::Git(url) if url.local_path().is_none());
        if is_remote && registry.agents.is_err() {
            registry.agents = Ok(None);
        }
    }
    Ok(listed)
}

/// Fails if agents come from a registry, which must not go then.
pub(super) fn refuse_in_use(
    manifest: &Manifest,
    lockfile: &Lockfile,
    name: &RegistryName,
) -> Result<()> {
    let users = users(manifest, lockfile, name);
    if !users.is_empty() {
        let wanted = reachable(manifest, lockfile);
        // What is only required goes with what requires it.
        let is_named =
            |name: &&&AgentName| manifest.agents().contains_key(**name) || !wanted.contains(**name);
        let named = users.iter().filter(is_named);
        let named: Vec<&str> = named.map(|name| name.as_str()).collect();
        let all: Vec<&str> = users.iter().map(|name| name.as_str()).collect();
        let all = few(&all, ", ");
        let failure = Failure::failed(format!("registry `{name}` is in use by {all}"));
        let requirers = || format!("remove the agents that require {all}");
        return Err(failure.hint(if named.is_empty() {
            Advice::say(requirers())
        } else {
            let forget = Command::new(["remove"]).args(named).arg("--keep-file");
            Advice::run(forget)
                .and(" makes their files your own, which stay; without `--keep-file` they go too")
        }));
    }
    Ok(())
}

/// The agents of the manifest and of the lockfile that come from a registry.
fn users<'a>(
    manifest: &'a Manifest,
    lockfile: &'a Lockfile,
    name: &RegistryName,
) -> BTreeSet<&'a AgentName> {
    let wanted = manifest.agents().iter();
    let wanted = wanted.filter(|(_, wanted)| match &wanted.origin {
        Origin::Registry(registry) => registry == name,
        Origin::Any | Origin::Source(_) => false,
    });
    let locked = lockfile.agents.iter();
    let locked = locked.filter(|(_, locked)| locked.registry.as_ref() == Some(name));
    let locked = locked.map(|(agent, _)| agent);
    wanted.map(|(agent, _)| agent).chain(locked).collect()
}

/// The registries in the order they are asked, each looked into as `freshness` says.
pub fn list(
    session: &Session,
    freshness: Freshness,
    frontend: &mut dyn Frontend,
) -> Result<Vec<Listed>> {
    session.look_for_interruption(frontend)?;
    let manifest = session.manifest(frontend)?;
    let mut resolver = Resolver::of_all_references(session, freshness);
    let all = session.registries(&manifest);
    resolver.ask(all.iter().map(|(_, source)| source.clone()), frontend);
    let mut listed = Vec::new();
    for (name, source) in all {
        let agents = resolver
            .snapshot(Some(&name), &source, frontend)
            .and_then(|snapshot| {
                let offered = snapshot.offered(&mut |event| relay(frontend, event))?;
                Ok(Some(offered.len()))
            });
        listed.push(Listed {
            name,
            source,
            agents,
            is_known: true,
        });
    }
    Ok(listed)
}
