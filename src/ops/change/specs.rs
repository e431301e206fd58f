//! From specs as they were typed to agents: what each spec means, which entry the manifest is to have for it, and which version of an
//! agent that is there already stays asked for.

use std::collections::BTreeSet;

use super::goal::Specs;
use super::item::Added;
use super::origin::{self, Claim};
use super::planner::Planner;
use crate::domain::name::{AgentName, RegistryName, folded};
use crate::domain::spec::{Place, Source, Spec, Target};
use crate::domain::version::VersionRequest;
use crate::error::{Failure, Result};
use crate::ops::gone::GoneAgent;
use crate::ops::report::Frontend;
use crate::ops::resolver::{Followed, Resolved};
use crate::ops::session::Session;
use crate::ops::typed::Asker;
use crate::store::manifest::{Origin, Wanted, source_text};

/// A spec as it was typed.
pub(super) struct Asked {
    text: String,
    pub(super) spec: Spec,
    /// Whether the newest state was asked for in so many words.
    is_latest: bool,
}

/// Plans what the user named. Everything else stays as it is locked.
pub(super) fn named(
    planner: &mut Planner<'_, '_>,
    specs: &Specs,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let asked = parsed(planner.scene.session, specs)?;
    for (index, asked) in asked.into_iter().enumerate() {
        let asked = match planner.settled(asked, frontend) {
            Ok(asked) => asked,
            Err(failure) => {
                planner.problem(failure)?;
                continue;
            }
        };
        let asker = Asker::spec(&planner.goal.typed, index, &asked.text, &asked.spec);
        planner.resolver.asked_by(asker);
        let asked = if specs.is_all {
            whole(
                asked,
                &planner.scene.session.registries(&planner.scene.manifest),
            )
        } else {
            asked
        };
        let found = match planner.resolved(specs, &asked, frontend) {
            Ok(found) => found,
            Err(failure) => {
                planner.problem_of(&asked.text, failure)?;
                if let Some(Target::Name(name)) = &asked.spec.target {
                    planner.refused.extend(AgentName::new(name));
                }
                continue;
            }
        };
        let mut names: BTreeSet<String> = BTreeSet::new();
        for resolved in found {
            // Of several with one name that were chosen together, the others are named after their owners.
            let is_second = !names.insert(resolved.entry.name.folded());
            let name = specs.name.clone().or_else(|| {
                let free = || planner.free_name(with_owner(&resolved), &names);
                is_second.then(free)
            });
            names.extend(name.as_deref().map(folded));
            if let Err(failure) = planner.named(specs, name.as_deref(), &asked, &resolved, frontend)
            {
                planner.problem(failure)?;
            }
        }
    }
    Ok(())
}

impl Planner<'_, '_> {
    /// The name itself, or with a number, so that nothing has it already.
    fn free_name(&self, name: String, chosen: &BTreeSet<String>) -> String {
        let scene = self.scene;
        let installed = scene.manifest.agents().keys();
        let installed = installed.chain(scene.lockfile.agents.keys());
        let mut taken: BTreeSet<String> = installed.map(AgentName::folded).collect();
        taken.extend(chosen.iter().cloned());
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let free = names.find(|name| !taken.contains(&folded(name)));
        free.unwrap_or(name)
    }
}

/// The name of an agent with that of its registry, or of the repository's owner.
fn with_owner(resolved: &Resolved<'_>) -> String {
    let owner = match (&resolved.snapshot.registry, &resolved.snapshot.source) {
        (Some(registry), _) => registry.to_string(),
        (None, Source::Git(url)) => url.owner().unwrap_or_else(|| url.short_name()).to_owned(),
        (None, source) => source_text(source)
            .rsplit(['/', '\\'])
            .find(|part| !part.is_empty() && !part.starts_with('.'))
            .unwrap_or("other")
            .to_owned(),
    };
    format!("{}-{}", resolved.entry.name, owner.to_lowercase())
}

/// That one agent is asked for at two versions.
fn two_versions(
    name: &AgentName,
    one: Option<&VersionRequest>,
    other: Option<&VersionRequest>,
) -> Failure {
    let version = |version: Option<&VersionRequest>| {
        version.map_or_else(
            || "its newest version".to_owned(),
            |version| format!("`{version}`"),
        )
    };
    Failure::usage(format!(
        "`{name}` is asked for twice: at {}, and at {}",
        version(one),
        version(other)
    ))
    .hint("name one version, or install the other under another name with `--as`")
}

/// What was typed, read.
fn parsed(session: &Session, specs: &Specs) -> Result<Vec<Asked>> {
    let asked = specs.typed.iter().map(|text| {
        Ok(Asked {
            text: text.clone(),
            spec: read(session, text)?,
            is_latest: text.ends_with("@latest"),
        })
    });
    let asked = asked.collect::<Result<Vec<Asked>>>()?;
    if specs.name.is_some() && (asked.len() > 1 || specs.is_all) {
        return Err(
            Failure::usage("`--as` names one agent, but several are installed")
                .hint("install them one by one"),
        );
    }
    Ok(asked)
}

/// A spec that was typed.
pub(super) fn read(session: &Session, text: &str) -> Result<Spec> {
    let spec = Spec::parse(text).map_err(|error| {
        let failure = Failure::usage(error.to_string());
        // These say themselves what to write.
        if error.says_what_to_write() {
            return failure;
        }
        failure.hint("write for example `backend-architect`, `gh:owner/repo#name` or `./agent.md`")
    })?;
    Ok(session.typed_spec(spec))
}

impl<'a> Planner<'a, '_> {
    /// The same, where a page was typed: the spec that it stands for.
    fn settled(&mut self, asked: Asked, frontend: &mut dyn Frontend) -> Result<Asked> {
        let settled = self.resolver.settled(&asked.spec, frontend)?;
        Ok(match settled {
            Some((spec, text)) => Asked {
                text,
                spec,
                ..asked
            },
            None => asked,
        })
    }

    /// The agents that a spec means.
    fn resolved(
        &mut self,
        specs: &Specs,
        asked: &Asked,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<Resolved<'a>>> {
        let spec = &asked.spec;
        let manifest = &self.scene.manifest;
        // A bare name that is in the manifest already means that entry, at another version if one is named.
        if let (Place::Anywhere, Some(Target::Name(name)), None, false) =
            (&spec.place, &spec.target, &specs.name, specs.is_all)
            && let Ok(name) = AgentName::new(name)
            && let Some(wanted) = manifest.agents().get(&name)
        {
            let kept = wanted.version.clone().filter(|_| !asked.is_latest);
            let wanted = Wanted {
                version: spec.version.clone().or(kept),
                ..wanted.clone()
            };
            let Some(locked) = self.scene.lockfile.agents.get(&name) else {
                let resolved = self
                    .resolver
                    .resolve_wanted(&name, &wanted, manifest, frontend);
                return Ok(vec![resolved?]);
            };
            let resolver = &mut self.resolver;
            return match resolver.follow(&name, &wanted, locked, manifest, frontend)? {
                Followed::There(there) => Ok(vec![there.resolved]),
                Followed::Gone(departed) => {
                    let gone = GoneAgent::of(&name, &wanted, locked, &departed);
                    Err(gone.failure())
                }
            };
        }
        if !specs.is_all {
            // With another name only one makes sense.
            return match &specs.name {
                Some(_) => Ok(vec![self.resolver.resolve(spec, manifest, frontend)?]),
                None => self.resolver.resolve_some(spec, manifest, frontend),
            };
        }
        self.whole(asked, frontend)
    }

    /// Plans one agent that was named, with the entry that the manifest is to have.
    fn named(
        &mut self,
        specs: &Specs,
        name: Option<&str>,
        asked: &Asked,
        resolved: &Resolved<'a>,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let name = match name {
            Some(name) => AgentName::new(name).map_err(|error| {
                Failure::usage(format!("`{}` is not a name: {error}", name.escape_debug()))
            })?,
            None => resolved.entry.name.clone(),
        };
        let spec = &asked.spec;
        let mut wanted = self.entry(specs, asked, &name, resolved);
        let at_version;
        let resolved = match (&spec.place, &wanted.version) {
            (Place::Registry(_) | Place::Source(_), Some(kept)) if spec.version.is_none() => {
                at_version = self.at_kept_version(asked, resolved, kept, frontend)?;
                &at_version
            }
            _ => resolved,
        };
        wanted.version = wanted.version.or_else(|| resolved.listed_at.clone());
        wanted.target = target(spec, &name, resolved, frontend)?;
        if let Some(failure) = origin::folded(&self.plan, self.scene, &name, None) {
            return Err(failure);
        }
        let chain = vec!["the command line".to_owned()];
        if let Some(item) = self.plan.item_mut(&name) {
            let claim = Claim::found(resolved, &chain);
            if claim.is_of(&item.candidate.locked) {
                let known = item
                    .wanted
                    .as_ref()
                    .and_then(|known| known.version.as_ref());
                return if known == wanted.version.as_ref() {
                    Ok(())
                } else {
                    Err(two_versions(&name, known, wanted.version.as_ref()))
                };
            }
            let known = Claim::locked(&item.candidate.locked, &item.chain);
            let failure = origin::both_wanted(&name, &known, &claim);
            // Neither of two that were typed has the better claim.
            item.skip("another agent of this name is wanted as well");
            return Err(failure);
        }
        let added = Added {
            chain,
            is_named: true,
            wanted,
            is_entry: true,
            spec: if specs.is_all {
                resolved.spec(false)
            } else {
                asked.text.clone()
            },
            ..Added::default()
        };
        self.add(&name, resolved, added, frontend)
    }

    /// The entry that the manifest is to have for a named agent, but for its target.
    fn entry(
        &self,
        specs: &Specs,
        asked: &Asked,
        name: &AgentName,
        resolved: &Resolved<'a>,
    ) -> Wanted {
        let known = self.scene.manifest.agents().get(name);
        let origin = match (&resolved.snapshot.registry, &asked.spec.place, known) {
            (_, Place::Anywhere, Some(known)) => known.origin.clone(),
            (Some(registry), ..) => Origin::Registry(registry.clone()),
            (None, ..) => Origin::Source(resolved.snapshot.source.clone()),
        };
        let kept = || self.kept_version(asked, name, &origin, resolved);
        let version = asked.spec.version.clone().or_else(kept);
        let mut wanted = known.cloned().unwrap_or_default();
        wanted.is_verbatim |= specs.is_verbatim;
        wanted.bind.extend(self.goal.bind.clone());
        Wanted {
            origin,
            version,
            ..wanted
        }
    }

    /// A named agent at the version that agentpkg.toml asks for.
    fn at_kept_version(
        &mut self,
        asked: &Asked,
        resolved: &Resolved<'a>,
        kept: &VersionRequest,
        frontend: &mut dyn Frontend,
    ) -> Result<Resolved<'a>> {
        let spec = Spec {
            place: asked.spec.place.clone(),
            target: Some(Target::File(resolved.entry.file.clone())),
            version: Some(kept.clone()),
        };
        let manifest = &self.scene.manifest;
        let found = self.resolver.resolve(&spec, manifest, frontend);
        found.map_err(|failure| {
            failure.hint(format!(
                "agentpkg.toml asks for `{kept}`; `{}@latest` asks for the newest",
                asked.text
            ))
        })
    }

    /// The requirement that the manifest has for the same agent of the same source. One for another source means nothing here.
    fn kept_version(
        &self,
        asked: &Asked,
        name: &AgentName,
        origin: &Origin,
        resolved: &Resolved<'a>,
    ) -> Option<VersionRequest> {
        let known = (self.scene.manifest.agents().get(name)).filter(|_| !asked.is_latest)?;
        let source = source_text(&resolved.snapshot.source);
        let locked = self.scene.lockfile.agents.get(name);
        let is_locked_there = || locked.is_some_and(|locked| locked.source == source);
        let is_same = known.origin == *origin || known.origin == Origin::Any && is_locked_there();
        known.version.clone().filter(|_| is_same)
    }
}

/// What the entry of the manifest has to say about which agent of its source is meant; `None`: its name says it.
pub(super) fn target(
    spec: &Spec,
    name: &AgentName,
    resolved: &Resolved<'_>,
    frontend: &mut dyn Frontend,
) -> Result<Option<Target>> {
    let entry = &resolved.entry;
    let is_by_file = matches!(
        (&spec.target, &spec.place),
        (Some(Target::File(_) | Target::Folder(_)), _) | (None, Place::Source(Source::File(_)))
    );
    let target = if is_by_file || !resolved.is_unique(frontend)? {
        Target::File(entry.file.clone())
    } else {
        Target::Name(entry.name.to_string())
    };
    Ok((target != Target::Name(name.to_string())).then_some(target))
}

/// With `--all` the bare name of a registry means the whole of it.
fn whole(asked: Asked, registries: &[(RegistryName, Source)]) -> Asked {
    if let (Place::Anywhere, Some(Target::Name(name))) = (&asked.spec.place, &asked.spec.target)
        && let Ok(name) = RegistryName::new(name)
        && registries.iter().any(|(known, _)| *known == name)
    {
        return Asked {
            spec: Spec {
                place: Place::Registry(name),
                target: None,
                version: asked.spec.version,
            },
            ..asked
        };
    }
    asked
}
