//! What an install would put where: from specs or the manifest to lock entries and bytes. Nothing is written here.

use std::collections::{BTreeMap, BTreeSet};

use super::InstallOptions;
use crate::domain::capability::Gain;
use crate::domain::digest::Digest;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::shell::shell_quoted;
use crate::domain::spec::{Place, Source, Spec, SpecError, Target};
use crate::domain::version::VersionRequest;
use crate::error::{Failure, Kind, Result};
use crate::ops::base;
use crate::ops::candidate::{self, Candidate};
use crate::ops::policy;
use crate::ops::report::{Answers, Event, Frontend, interrupted};
use crate::ops::resolver::{Resolved, Resolver};
use crate::ops::session::Session;
use crate::ops::typed::{Asker, AskerPlace};
use crate::store::agreement::{answers, file_folder, registry_of};
use crate::store::cache::Freshness;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::{Manifest, Origin, Wanted, source_text};

pub(super) struct Planner<'a> {
    session: &'a Session,
    options: &'a InstallOptions,
    resolver: Resolver<'a>,
    lockfile: &'a Lockfile,
    planned: BTreeMap<AgentName, LockedAgent>,
    /// Who asked for each agent, outermost first.
    chains: BTreeMap<AgentName, Vec<String>>,
    bytes: BTreeMap<Digest, Vec<u8>>,
    refused: Vec<Failure>,
    /// The agents that the user named, without those that they require.
    picked: BTreeSet<AgentName>,
    /// The agents that are not planned as they are locked.
    fresh: BTreeSet<AgentName>,
    /// The manifest as it was at first, for its policy.
    rules: Manifest,
}

/// What is to be done, before anything is.
pub(super) struct Plan {
    /// The lockfile afterwards: the agents that will be installed, with those that stay.
    pub(super) after: Lockfile,
    /// The bytes of the agents, by digest.
    pub(super) bytes: BTreeMap<Digest, Vec<u8>>,
    /// The agents that the user named, and those that they require.
    pub(super) named: BTreeSet<AgentName>,
    /// The agents that the user named.
    pub(super) picked: BTreeSet<AgentName>,
    /// The agents that are not planned as they are locked.
    pub(super) fresh: BTreeSet<AgentName>,
    /// What was asked for and will not be.
    pub(super) refused: Vec<Failure>,
    /// What a replaced agent gains.
    pub(super) gains: BTreeMap<AgentName, Vec<Gain>>,
    /// The text of an agent that is not as upstream has it, because a new power was not taken.
    pub(super) written: BTreeMap<AgentName, Vec<u8>>,
}

impl Plan {
    /// Whether an agent may be replaced although it was edited: what the user did not name keeps its edits, whatever is forced.
    pub(super) fn is_forced(&self, name: &AgentName, options: &InstallOptions) -> bool {
        options.is_forced && (options.specs.is_empty() || self.picked.contains(name))
    }
}

/// A spec as it was typed.
struct Asked {
    text: String,
    spec: Spec,
    /// Whether the newest state was asked for in so many words.
    is_latest: bool,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        session: &'a Session,
        options: &'a InstallOptions,
        freshness: Freshness,
        lockfile: &'a Lockfile,
        rules: Manifest,
    ) -> Self {
        Self {
            session,
            options,
            resolver: Resolver::new(session, freshness),
            lockfile,
            planned: BTreeMap::new(),
            chains: BTreeMap::new(),
            bytes: BTreeMap::new(),
            refused: Vec::new(),
            picked: BTreeSet::new(),
            fresh: BTreeSet::new(),
            rules,
        }
    }

    /// The plan; `named`: the agents that the user named, and those that they require.
    pub(super) fn into_plan(self, named: BTreeSet<AgentName>) -> Plan {
        let after = Lockfile {
            agents: self.planned,
            ..self.lockfile.clone()
        };
        let (gains, written) = (BTreeMap::new(), BTreeMap::new());
        Plan {
            after,
            bytes: self.bytes,
            named,
            picked: self.picked,
            fresh: self.fresh,
            refused: self.refused,
            gains,
            written,
        }
    }

    /// Plans what the manifest says.
    pub(super) fn manifest(
        &mut self,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        self.resolver.asked_by(Asker {
            typed: self.options.typed.clone(),
            place: AskerPlace::Manifest,
        });
        for (name, wanted) in manifest.agents() {
            self.wanted(name, wanted, manifest, frontend)?;
        }
        Ok(())
    }

    /// Plans what the user named, and adds it to the manifest; gives back the names. Everything else stays as it is locked.
    pub(super) fn specs(
        &mut self,
        manifest: &mut Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<BTreeSet<AgentName>> {
        let specs = self.options.specs.iter().map(|text| {
            let is_latest = text.ends_with("@latest");
            let asked = |spec| Asked {
                text: text.clone(),
                spec: from_project(self.session, spec),
                is_latest,
            };
            Spec::parse(text).map(asked).map_err(|error| {
                let failure = Failure::usage(error.to_string());
                // These say themselves what to write.
                if matches!(error, SpecError::Version(_) | SpecError::Both { .. }) {
                    return failure;
                }
                failure.hint(
                    "write for example `backend-architect`, `gh:owner/repo#name` or `./agent.md`",
                )
            })
        });
        let specs = specs.collect::<Result<Vec<Asked>>>()?;
        if self.options.name.is_some() && (specs.len() > 1 || self.options.all) {
            return Err(
                Failure::usage("`--as` names one agent, but several are installed")
                    .hint("install them one by one"),
            );
        }
        for (index, asked) in specs.into_iter().enumerate() {
            let typed = &self.options.typed;
            self.resolver
                .asked_by(Asker::spec(typed, index, &asked.text, &asked.spec));
            let asked = if self.options.all {
                whole(asked, manifest)
            } else {
                asked
            };
            for resolved in self.resolved(&asked, manifest, frontend)? {
                let before = (self.planned.clone(), self.fresh.clone(), manifest.clone());
                let outcome = self.named(&asked, &resolved, manifest, frontend);
                match outcome {
                    // What needs a person is left out with all that goes with it.
                    Err(failure)
                        if failure.kind() != Kind::Interrupted
                            && (self.options.all
                                || self.options.is_yes && failure.kind() == Kind::Consent) =>
                    {
                        (self.planned, self.fresh, *manifest) = before;
                        self.refused.push(failure);
                    }
                    outcome => outcome?,
                }
            }
        }
        self.resolver.asked_by(Asker {
            typed: self.options.typed.clone(),
            place: AskerPlace::Manifest,
        });
        let named: BTreeSet<AgentName> = self.planned.keys().cloned().collect();
        let names: BTreeSet<AgentName> = manifest
            .agents()
            .keys()
            .filter(|name| !self.planned.contains_key(*name))
            .cloned()
            .collect();
        for name in names {
            let wanted = manifest.agents()[&name].clone();
            self.wanted(&name, &wanted, manifest, frontend)?;
        }
        Ok(named)
    }

    fn resolved(
        &mut self,
        asked: &Asked,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<Resolved<'a>>> {
        let spec = &asked.spec;
        // A bare name that is in the manifest already means that entry, at another version if one is named.
        if let (Place::Anywhere, Some(Target::Name(name)), None, false) = (
            &spec.place,
            &spec.target,
            &self.options.name,
            self.options.all,
        ) && let Ok(name) = AgentName::new(name)
            && let Some(wanted) = manifest.agents().get(&name)
        {
            let kept = wanted.version.clone().filter(|_| !asked.is_latest);
            let wanted = Wanted {
                version: spec.version.clone().or(kept),
                ..wanted.clone()
            };
            return Ok(vec![
                self.resolver
                    .resolve_wanted(&name, &wanted, manifest, frontend)?,
            ]);
        }
        if !self.options.all {
            return Ok(vec![self.resolver.resolve(spec, manifest, frontend)?]);
        }
        let (registry, source) = match (&spec.place, &spec.target) {
            (Place::Source(source), None) => (None, Some(source.clone())),
            (Place::Registry(name), None) => (Some(name), manifest.registry(name)),
            _ => (None, None),
        };
        let Some(source) = source else {
            return Err(Failure::usage(
                "`--all` needs a whole source, or a registry of agentpkg.toml",
            )
            .hint("for example `agentpkg install gh:owner/repo --all`"));
        };
        let snapshot = self.resolver.snapshot(registry, &source, frontend)?;
        let names = snapshot.offered.folded_names();
        let mut all = Vec::new();
        for name in names {
            let target = Some(Target::Name(name));
            let spec = Spec {
                place: spec.place.clone(),
                target,
                version: spec.version.clone(),
            };
            match self.resolver.resolve(&spec, manifest, frontend) {
                Ok(resolved) => all.push(resolved),
                Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
                Err(failure) => self.refused.push(failure),
            }
        }
        Ok(all)
    }

    fn named(
        &mut self,
        asked: &Asked,
        resolved: &Resolved<'a>,
        manifest: &mut Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let spec = &asked.spec;
        let name = match &self.options.name {
            Some(name) => AgentName::new(name).map_err(|error| {
                Failure::usage(format!("`{}` is not a name: {error}", name.escape_debug()))
            })?,
            None => resolved.entry.name.clone(),
        };
        let known = manifest.agents().get(&name).cloned();
        let origin = match (&resolved.snapshot.registry, &spec.place, &known) {
            (_, Place::Anywhere, Some(known)) => known.origin.clone(),
            (Some(registry), ..) => Origin::Registry(registry.clone()),
            (None, ..) => Origin::Source(resolved.snapshot.source.clone()),
        };
        let is_unique = resolved
            .snapshot
            .offered
            .find(resolved.entry.name.as_str())
            .len()
            == 1;
        let target = if is_unique {
            Target::Name(resolved.entry.name.to_string())
        } else {
            Target::File(resolved.entry.file.clone())
        };
        let target = match (&spec.target, &spec.place) {
            (Some(Target::File(_)), _) | (None, Place::Source(Source::File(_))) => {
                Target::File(resolved.entry.file.clone())
            }
            _ => target,
        };
        let target = (target != Target::Name(name.to_string())).then_some(target);
        let version = spec
            .version
            .clone()
            .or_else(|| self.kept_version(asked, &name, &origin, known.as_ref(), resolved));
        let at_version;
        let resolved = match (&spec.place, &version) {
            (Place::Registry(_) | Place::Source(_), Some(kept)) if spec.version.is_none() => {
                let target = Some(Target::File(resolved.entry.file.clone()));
                let spec = Spec {
                    place: spec.place.clone(),
                    target,
                    version: version.clone(),
                };
                at_version =
                    self.resolver
                        .resolve(&spec, manifest, frontend)
                        .map_err(|failure| {
                            failure.hint(format!(
                                "agentpkg.toml asks for `{kept}`; `{}@latest` asks for the newest",
                                asked.text
                            ))
                        })?;
                &at_version
            }
            _ => resolved,
        };
        let is_verbatim =
            self.options.is_verbatim || known.as_ref().is_some_and(|known| known.is_verbatim);
        let (pins, mut bind) = known
            .map(|known| (known.pins, known.bind))
            .unwrap_or_default();
        bind.extend(self.options.bind.clone());
        let wanted = Wanted {
            origin,
            target,
            version,
            is_verbatim,
            pins,
            bind,
        };
        if let Some(clash) = manifest
            .agents()
            .keys()
            .find(|other| **other != name && other.folded() == name.folded())
        {
            return Err(Failure::failed(format!(
                "`{name}` and the installed `{clash}` are one file where case does not count"
            ))
            .hint("choose another name with `--as`"));
        }
        let typed = if self.options.all {
            resolved.spec(false)
        } else {
            asked.text.clone()
        };
        self.check_origin(&name, resolved, &typed, &[], frontend)?;
        self.add(
            &name,
            &wanted,
            resolved,
            &["the command line".to_owned()],
            frontend,
        )?;
        manifest.set_agent(&name, &wanted);
        self.picked.insert(name);
        Ok(())
    }

    /// The requirement that the manifest has for the same agent of the same source. One for another source means nothing here.
    fn kept_version(
        &self,
        asked: &Asked,
        name: &AgentName,
        origin: &Origin,
        known: Option<&Wanted>,
        resolved: &Resolved<'a>,
    ) -> Option<VersionRequest> {
        let known = known.filter(|_| !asked.is_latest)?;
        let source = source_text(&resolved.snapshot.source);
        let is_locked_there = || {
            self.lockfile
                .agents
                .get(name)
                .is_some_and(|locked| locked.source == source)
        };
        let is_same = known.origin == *origin || known.origin == Origin::Any && is_locked_there();
        known.version.clone().filter(|_| is_same)
    }

    /// Asks before an agent of one source takes the place of one that came from another. `typed`: the spec; `chain`: who requires it.
    fn check_origin(
        &self,
        name: &AgentName,
        resolved: &Resolved<'a>,
        typed: &str,
        chain: &[String],
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let source = &resolved.snapshot.source;
        let Some(locked) = self
            .lockfile
            .agents
            .get(name)
            .filter(|locked| locked.source != source_text(source))
        else {
            return Ok(());
        };
        (self.session).keep_lockfile(self.options.is_dry_run, || true)?;
        // What agentpkg.toml says already is no surprise.
        let is_said = match self.rules.agents().get(name).map(|wanted| &wanted.origin) {
            Some(Origin::Registry(registry)) => {
                resolved.snapshot.registry.as_ref() == Some(registry)
            }
            Some(Origin::Source(wanted)) => {
                resolved.snapshot.registry.is_none() && file_folder(wanted) == *source
            }
            Some(Origin::Any) => false,
            // Nobody named it, so it follows those that require it, if they agree.
            None => {
                let mut askers = self
                    .lockfile
                    .agents
                    .iter()
                    .filter(|(_, locked)| locked.requires.contains(name));
                !chain.is_empty()
                    && askers.all(|(by, _)| chain.iter().any(|known| known == by.as_str()))
            }
        };
        if is_said || self.options.is_forced && chain.is_empty() {
            return Ok(());
        }
        let old = registry_of(locked);
        let new = resolved
            .snapshot
            .registry
            .as_ref()
            .map_or_else(|| source.to_string(), ToString::to_string);
        let what =
            format!("`{name}` is installed from {old}, and the one from {new} is another agent");
        match Answers::of(frontend, self.options.is_dry_run, self.options.is_yes) {
            Answers::Shown => {
                frontend.report(Event::warning(format!("{what}; that would be asked about")));
                return Ok(());
            }
            Answers::Person => {
                let question = format!(
                    "`{name}` is installed from {old}. Replace it with the one from {new}?"
                );
                return if frontend.confirm(&question, false)? {
                    Ok(())
                } else {
                    Err(interrupted())
                };
            }
            Answers::LeftOut | Answers::Nobody => {}
        }
        let failure = Failure::new(Kind::Consent, what);
        if let [.., by] = chain {
            return Err(failure
                .detail(format!("`{by}` requires the one from {new}"))
                .hint(format!(
                    "to have that: `agentpkg remove {name}`, then run the command again"
                )));
        }
        let typed = shell_quoted(typed);
        let other = if self.options.name.is_some() {
            "OTHER"
        } else {
            "NAME"
        };
        Err(failure
            .hint(format!(
                "to have both: `agentpkg install {typed} --as {other}`"
            ))
            .hint(format!(
                "to replace it: `agentpkg install {typed}{} --force`",
                self.renamed()
            )))
    }

    /// `--as` as it was typed.
    fn renamed(&self) -> String {
        self.options
            .name
            .as_ref()
            .map(|name| format!(" --as {}", shell_quoted(name)))
            .unwrap_or_default()
    }

    /// Plans one manifest entry: as it is locked, if the lock answers it.
    fn wanted(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        if self.planned.contains_key(name) {
            return Ok(());
        }
        if let Some(locked) = self
            .lockfile
            .agents
            .get(name)
            .filter(|locked| answers(locked, wanted, manifest))
        {
            return self.keep(name, locked, frontend);
        }
        if self.session.options.is_locked {
            return Err(self
                .session
                .stale_lock()
                .caused_by(format!("`{name}` is not locked as the manifest wants it")));
        }
        // Other bindings of the same version do not make it another version.
        if let Some(locked) = self.lockfile.agents.get(name)
            && answers(
                locked,
                &Wanted {
                    bind: locked.bindings(),
                    ..wanted.clone()
                },
                manifest,
            )
        {
            return self.rebound(name, wanted, locked, frontend);
        }
        let resolved = self
            .resolver
            .resolve_wanted(name, wanted, manifest, frontend)?;
        self.add(
            name,
            wanted,
            &resolved,
            &["agentpkg.toml".to_owned()],
            frontend,
        )
    }

    /// Plans the locked version of an agent with the servers of the manifest.
    fn rebound(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        locked: &LockedAgent,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        self.keep(name, locked, frontend)?;
        let upstream = base::upstream(self.session, name, locked, frontend)?;
        let (bytes, adaptations) = candidate::readapt(name, locked, wanted, &upstream)?;
        let locked = LockedAgent {
            base: Digest::of(&bytes),
            adaptations,
            ..locked.clone()
        };
        self.bytes.insert(locked.base, bytes);
        self.planned.insert(name.clone(), locked);
        Ok(())
    }

    /// Refuses what the policy of the project forbids.
    fn permit(&self, name: &AgentName, locked: &LockedAgent, bytes: &[u8]) -> Result<()> {
        policy::permit(&self.rules, name, locked, bytes)
    }

    /// Plans an agent, and those that it requires, exactly as they are locked.
    fn keep(
        &mut self,
        name: &AgentName,
        locked: &LockedAgent,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        if self.planned.contains_key(name) {
            return Ok(());
        }
        self.planned.insert(name.clone(), locked.clone());
        if !self.bytes.contains_key(&locked.base) {
            let bytes = base::find(self.session, name, locked, frontend)?.into_bytes()?;
            self.bytes.insert(locked.base, bytes);
        }
        self.permit(name, locked, &self.bytes[&locked.base])?;
        for required in &locked.requires {
            match self.lockfile.agents.get(required) {
                Some(locked) => self.keep(required, locked, frontend)?,
                None if self.session.options.is_locked => {
                    return Err(self.session.stale_lock().caused_by(format!(
                        "`{required}`, which `{name}` requires, is missing in it"
                    )));
                }
                // What is planned already, or will be because the manifest names it, is not planned for the requirer.
                None if self.planned.contains_key(required)
                    || self.rules.agents().contains_key(required) => {}
                None => self.missing(required, name, locked, frontend)?,
            }
        }
        Ok(())
    }

    /// Plans an agent that the lock forgot, although a locked one requires it: from the same source, at the same commit if it is there.
    fn missing(
        &mut self,
        required: &AgentName,
        by: &AgentName,
        locked: &LockedAgent,
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let source =
            Source::parse(&locked.source).map_err(|error| Failure::failed(error.to_string()))?;
        let snapshot = self
            .resolver
            .snapshot(locked.registry.as_ref(), &source, frontend)?;
        let found = snapshot.offered.find(required.as_str());
        let [entry] = found.as_slice() else {
            return Err(Failure::failed(format!(
                "`{by}` requires `{required}`, which is not locked, and which its registry has {} times",
                found.len()
            ))
            .hint(format!("`agentpkg update {by}` takes the newest `{by}` with what that requires")));
        };
        let version = snapshot
            .record(entry.name.as_str())
            .and_then(|record| record.version.clone());
        let newest = Resolved {
            entry: entry.clone(),
            version,
            commit: snapshot.commit,
            snapshot,
        };
        let commit = locked
            .commit
            .map(|commit| VersionRequest::Revision(commit.to_string()));
        let resolved = match self
            .resolver
            .at_version(newest.clone(), commit.as_ref(), frontend)
        {
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            Err(_) => newest,
            Ok(resolved) => resolved,
        };
        let chain = ["agentpkg.lock".to_owned(), by.to_string()];
        self.add(required, &Wanted::anything(), &resolved, &chain, frontend)
    }

    /// Plans a newly resolved agent and all that it requires.
    fn add(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        resolved: &Resolved<'a>,
        chain: &[String],
        frontend: &mut dyn Frontend,
    ) -> Result<()> {
        let source = source_text(&resolved.snapshot.source);
        if let Some(planned) = self.planned.get(name) {
            if planned.source == source && planned.file == resolved.entry.file {
                return Ok(());
            }
            return Err(Failure::failed(format!(
                "two different agents would be installed as `{name}`"
            ))
            .detail(format!(
                "{} ({}), for {}",
                planned.file,
                planned.source,
                self.chain_of(name)
            ))
            .detail(format!(
                "{} ({source}), for {}",
                resolved.entry.file,
                chain.join(" -> ")
            ))
            .hint("install one of them under another name with `--as`"));
        }
        let mut candidate = Candidate::of(self.session, name, wanted, resolved, frontend)?;
        self.permit(name, &candidate.locked, &candidate.bytes)?;
        let known = self.lockfile.agents.get(name);
        self.session.keep_lockfile(self.options.is_dry_run, || {
            // What is allowed is asked about next.
            candidate.locked.allowed = known.map_or_else(Vec::new, |known| known.allowed.clone());
            known != Some(&candidate.locked)
        })?;
        // What it may do is judged once all is planned.
        self.fresh.insert(name.clone());
        self.bytes.insert(candidate.locked.base, candidate.bytes);
        self.planned.insert(name.clone(), candidate.locked);
        self.chains.insert(name.clone(), chain.to_vec());
        let snapshot = &resolved.snapshot;
        for required in candidate.required {
            let found = snapshot.offered.find(&required);
            let [entry] = found.as_slice() else {
                return Err(Failure::failed(format!(
                    "`{name}` requires `{required}`, which its registry has {} times",
                    found.len()
                )));
            };
            let version = snapshot
                .record(&required)
                .and_then(|record| record.version.clone());
            let resolved = Resolved {
                entry: entry.clone(),
                version,
                ..resolved.clone()
            };
            let plain = Wanted {
                is_verbatim: wanted.is_verbatim,
                ..Wanted::anything()
            };
            let chain: Vec<String> = chain.iter().cloned().chain([name.to_string()]).collect();
            self.check_origin(&entry.name, &resolved, "", &chain, frontend)?;
            self.add(&entry.name.clone(), &plain, &resolved, &chain, frontend)?;
        }
        Ok(())
    }

    /// Who asked for an agent; what is as it was locked, nobody did.
    fn chain_of(&self, name: &AgentName) -> String {
        self.chains
            .get(name)
            .map_or_else(|| "agentpkg.lock".to_owned(), |chain| chain.join(" -> "))
    }
}

/// With `--all` the bare name of a registry means the whole of it.
fn whole(asked: Asked, manifest: &Manifest) -> Asked {
    if let (Place::Anywhere, Some(Target::Name(name))) = (&asked.spec.place, &asked.spec.target)
        && let Ok(name) = RegistryName::new(name)
        && manifest.registry(&name).is_some()
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

/// A spec whose path counts from the project's folder, as the manifest keeps it, not from where the command was typed.
fn from_project(session: &Session, spec: Spec) -> Spec {
    let Place::Source(Source::Folder(path) | Source::File(path)) = &spec.place else {
        return spec;
    };
    let (root, current) = (session.project.root(), &session.environment.current_folder);
    if root == current || path.starts_with("~/") || std::path::Path::new(path).is_absolute() {
        return spec;
    }
    let absolute = current.join(path.strip_prefix("./").unwrap_or(path));
    let stored = match absolute.strip_prefix(root) {
        Ok(relative) => format!("./{}", relative.display()),
        Err(_) => absolute.display().to_string(),
    };
    Spec {
        place: Place::Source(Source::path(stored)),
        ..spec
    }
}
