//! From specs as they were typed to agents: what each spec means, which entry the manifest is to have for it, and which version of an
//! agent that is there already stays asked for.

use super::goal::{Edits, Specs};
use super::item::Added;
use super::origin::{self, Claim, Decision};
use super::planner::Planner;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::shell::Command;
use crate::domain::spec::{Place, Source, Spec, Target};
use crate::domain::version::VersionRequest;
use crate::error::{Advice, Failure, Result};
use crate::ops::beside::Taken;
use crate::ops::gone::GoneAgent;
use crate::ops::latest;
use crate::ops::own;
use crate::ops::report::{Answers, Frontend};
use crate::ops::resolver::{Followed, Resolved};
use crate::ops::session::Session;
use crate::ops::typed::{Asker, Slot};
use crate::ops::unknown;
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
        let asker = Asker::spec(
            &planner.goal.typed,
            Slot::Name(index),
            &asked.text,
            &asked.spec,
        );
        planner.resolver.asked_by(asker);
        let asked = if specs.is_all {
            whole(
                asked,
                &planner.scene.session.registries(&planner.scene.manifest),
            )
        } else {
            asked
        };
        let asked = planner.at_latest(asked, frontend)?;
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
        for resolved in found {
            let entry = planner.entry_meant(specs, &asked);
            let entry = entry.as_ref().map(AgentName::as_str);
            let name = specs.name.as_deref().or(entry);
            if let Err(failure) = planner.named(specs, name, &asked, &resolved, frontend) {
                planner.problem(failure)?;
            }
        }
    }
    Ok(())
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

/// A spec that was typed as a place to install from.
pub(super) fn read(session: &Session, text: &str) -> Result<Spec> {
    let spec = Spec::parse(text).map_err(|error| {
        let failure = Failure::usage(error.to_string());
        // These say themselves what to write.
        if error.says_what_to_write() {
            return unknown::or_agent_of_registry(session, text, failure);
        }
        failure.hint("write for example `backend-architect`, `gh:owner/repo#name` or `./agent.md`")
    })?;
    let spec = session.typed_spec(spec);
    if let Place::Source(source) = &spec.place {
        own::refuse_source(session, source)?;
    }
    Ok(spec)
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

    /// The entry of the manifest that a bare name means, whatever its agent is called upstream; at another version if one is named.
    fn entry_meant(&self, specs: &Specs, asked: &Asked) -> Option<AgentName> {
        let spec = &asked.spec;
        match (&spec.place, &spec.target, &specs.name, specs.is_all) {
            (Place::Anywhere, Some(Target::Name(name)), None, false) => AgentName::new(name).ok(),
            _ => None,
        }
        .filter(|name| self.scene.manifest.agents().contains_key(name))
    }

    /// The same, where the latest of an installed agent was typed: the version that this means.
    fn at_latest(&mut self, asked: Asked, frontend: &mut dyn Frontend) -> Result<Asked> {
        let scene = self.scene;
        let name = match &asked.spec.target {
            Some(Target::Name(name)) if asked.is_latest => AgentName::new(name).ok(),
            _ => None,
        };
        let known = name.as_ref().and_then(|name| {
            let wanted = scene.manifest.agents().get(name)?;
            Some((name, wanted, scene.lockfile.agents.get(name)?))
        });
        let Some((name, wanted, locked)) = known else {
            return Ok(asked);
        };
        let is_same = match &asked.spec.place {
            Place::Anywhere => true,
            Place::Registry(registry) => wanted.origin == Origin::Registry(registry.clone()),
            Place::Source(source) => wanted.origin == Origin::Source(source.clone()),
        };
        if !is_same {
            return Ok(asked);
        }
        let entry = (name, wanted);
        let resolver = &mut self.resolver;
        let version = latest::request(resolver, entry, locked, &scene.manifest, frontend)?;
        Ok(Asked {
            spec: Spec {
                version,
                ..asked.spec
            },
            ..asked
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
        if let Some(name) = self.entry_meant(specs, asked) {
            let wanted = &manifest.agents()[&name];
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
        if wanted.is_verbatim && !wanted.overrides.is_empty() {
            let unset = Command::new(["unset", name.as_str()]);
            let unset = unset.args(wanted.overrides.texts().iter().map(|text| {
                text.split(['=', '+', '-'])
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            }));
            return Err(Failure::failed(format!(
                "`{name}` has overrides, so it cannot be exactly as upstream wrote it"
            ))
            .hint(Advice::run(unset).and(" removes them; then run the command again")));
        }
        wanted.target = target(spec, &name, resolved, frontend)?;
        if let Some(failure) = origin::folded(&self.plan, self.scene, &name, None) {
            return Err(failure);
        }
        let chain = vec!["the command line".to_owned()];
        if let Some(item) = self.plan.item(&name) {
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
            if frontend.is_interactive() {
                let beside = self.name_beside(&name, resolved, frontend)?;
                return self.named(specs, Some(&beside), asked, resolved, frontend);
            }
            return Err(self.both_typed(&name, asked, resolved, &claim));
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
        match self.decided(&name, resolved, &added, frontend)? {
            None => self.add(&name, resolved, added, frontend),
            Some(Decision::Both) => {
                let beside = self.name_beside(&name, resolved, frontend)?;
                self.named(specs, Some(&beside), asked, resolved, frontend)
            }
            Some(decision) => {
                self.add(&name, resolved, added, frontend)?;
                if let Some(item) = self.plan.item_mut(&name) {
                    item.obey(decision);
                }
                Ok(())
            }
        }
    }

    /// What a person wants where the name belongs to an agent from elsewhere; `None`: it does not, or nobody is asked.
    fn decided(
        &self,
        name: &AgentName,
        resolved: &Resolved<'a>,
        added: &Added,
        frontend: &mut dyn Frontend,
    ) -> Result<Option<Decision>> {
        let goal = self.goal;
        let answers = Answers::of(frontend, goal.is_dry_run, goal.consent.is_yes);
        if answers != Answers::Person || goal.edits == Edits::Replace {
            return Ok(None);
        }
        let replaced = origin::replaced(self.scene, name, resolved, added, frontend)?;
        replaced
            .map(|replaced| replaced.ask(name, frontend))
            .transpose()
    }

    /// The name for an agent that is installed beside another one of its name, as a person says.
    fn name_beside(
        &self,
        name: &AgentName,
        resolved: &Resolved<'a>,
        frontend: &mut dyn Frontend,
    ) -> Result<String> {
        let taken = Taken::of(&self.scene.session.project, self.planned().chain([name]));
        let snapshot = &resolved.snapshot;
        let proposed = taken.free(
            &resolved.entry.name,
            snapshot.registry.as_ref(),
            &snapshot.source,
        );
        let question = format!("Install {} as", resolved.spec(false));
        frontend.text(&question, &proposed, &|text| taken.refuses(text))
    }

    /// That two agents that were typed would have one name, neither of which has the better claim.
    fn both_typed(
        &mut self,
        name: &AgentName,
        asked: &Asked,
        resolved: &Resolved<'a>,
        claim: &Claim<'_>,
    ) -> Failure {
        let taken = Taken::of(&self.scene.session.project, self.planned());
        let snapshot = &resolved.snapshot;
        let beside = taken.free(name, snapshot.registry.as_ref(), &snapshot.source);
        let typed = &self.goal.typed;
        let (mut first, second) = (typed.clone(), typed.naming([asked.text.as_str()]));
        first.names.retain(|name| *name != asked.text);
        let both = vec![first.again(), second.with(&["--as", &beside])];
        let Some(item) = self.plan.item_mut(name) else {
            return Failure::failed(format!("`{name}` is asked for twice"));
        };
        let known = Claim::locked(&item.candidate.locked, &item.chain);
        let failure = origin::both_wanted(name, &known, claim);
        item.skip("another agent of this name is wanted as well");
        failure.hint(Advice::say("to have both: ").and_run_all(both))
    }

    /// The names that are about to be installed.
    fn planned(&self) -> impl Iterator<Item = &AgentName> {
        self.plan.items.iter().map(|item| &item.name)
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
        let mut wanted = self.scene.manifest.entry(name);
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
