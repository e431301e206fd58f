//! `install`: resolve, adapt, plan, apply. Without specs it makes the project what its manifest and lockfile say.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Event, Frontend, interrupted, relay};
use super::resolve::{Resolved, Resolver, is_file};
use super::session::Session;
use crate::domain::definition::{AdaptError, Adapted, Definition, Request, Verdict, adapt};
use crate::domain::digest::Digest;
use crate::domain::discovery;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::spec::{Place, Source, Spec, Target};
use crate::error::{Failure, Kind, Result};
use crate::fs::{self, Entry};
use crate::store::cache::Freshness;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::{Manifest, Origin, Wanted, source_text};
use crate::store::project::{MAX_AGENT, Project, Scope};
use crate::store::transaction::{Change, Guard};

/// What to install, and how.
#[derive(Debug, Clone, Default)]
pub struct InstallOptions {
    /// What the user named; empty: what the manifest says.
    pub specs: Vec<String>,
    /// Every agent of the sources that the specs name.
    pub all: bool,
    /// Another name for the one agent.
    pub name: Option<String>,
    /// Exactly as upstream wrote it.
    pub is_verbatim: bool,
    /// Plan and stop.
    pub is_dry_run: bool,
    /// Fail if the lockfile would change.
    pub is_locked: bool,
    /// Replace files that agentpkg does not know, or that were edited; a copy is kept.
    pub is_forced: bool,
    /// Fields of [`crate::domain::definition::SECURITY_FIELDS`] that may be installed; `all` for every one.
    pub allowed: Vec<String>,
    /// Default answers: never a yes to a security field.
    pub is_yes: bool,
}

/// What happened, or would happen, to one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It was not there.
    Install,
    /// Another version or origin than before.
    Replace,
    /// Nothing to do.
    Keep,
    /// The user's edits stay.
    Edited,
}

/// One agent of a plan.
#[derive(Debug, Clone)]
pub struct PlannedAgent {
    /// The name that it is installed under.
    pub name: AgentName,
    /// What happens.
    pub action: Action,
    /// Its lock entry.
    pub locked: LockedAgent,
    /// Its path, for display.
    pub path: String,
}

/// What was planned, and done unless it was a dry run.
#[derive(Debug, Clone, Default)]
pub struct InstallOutcome {
    /// The agents, sorted by name.
    pub agents: Vec<PlannedAgent>,
    /// Agents that were asked for but not installed, with the failure that says why.
    pub refused: Vec<Failure>,
    /// What the client makes of the one agent that changed, if it is one; otherwise `None`.
    pub verdict: Option<Verdict>,
    /// Files that differ from the plan's state; 0 if everything was as it should be.
    pub changes: usize,
    /// Whether this was a dry run.
    pub is_dry_run: bool,
}

/// Installs agents.
pub fn install(session: &Session, options: &InstallOptions, frontend: &mut dyn Frontend) -> Result<InstallOutcome> {
    // The usual case of a second install needs no lock: nothing is written.
    if options.specs.is_empty()
        && !options.is_forced
        && let Some(outcome) = nothing_to_do(session, frontend)?
    {
        return Ok(outcome);
    }
    let guard = if options.is_dry_run { None } else { Some(session.lock(frontend)?) };
    let mut manifest = session.manifest(frontend)?;
    let lockfile = session.project.load_lockfile()?;
    check_folder(session, &manifest)?;
    let freshness = if options.is_locked { Freshness::Any } else { Freshness::Recent };
    let mut planner = Planner {
        session,
        options,
        resolver: Resolver::new(session, freshness),
        lockfile: &lockfile,
        planned: BTreeMap::new(),
        chains: BTreeMap::new(),
        bytes: BTreeMap::new(),
        refused: Vec::new(),
    };
    if options.specs.is_empty() {
        planner.manifest(&manifest, frontend)?;
    } else {
        planner.specs(&mut manifest, frontend)?;
    }
    let Planner { planned, bytes, refused, .. } = planner;
    if planned.is_empty()
        && let [one] = refused.as_slice()
    {
        return Err(one.clone());
    }
    finish(session, options, &manifest, &lockfile, planned, &bytes, refused, guard.as_ref())
}

/// The whole outcome, if manifest, lockfile and files agree already.
fn nothing_to_do(session: &Session, frontend: &mut dyn Frontend) -> Result<Option<InstallOutcome>> {
    session.recover(frontend)?;
    let manifest = session.manifest(frontend)?;
    if manifest.agents().is_empty() {
        return Ok(None);
    }
    let lockfile = session.project.load_lockfile()?;
    let wanted = reachable(&manifest, &lockfile);
    if wanted.len() != lockfile.agents.len() || !manifest.agents().keys().all(|name| wanted.contains(name)) {
        return Ok(None);
    }
    // One listing instead of a look at each base: this is the path that has to be quick.
    let listed = fs::list(&session.project.base_folder())?;
    let bases: BTreeSet<String> = listed.into_iter().filter(|base| base.entry == Entry::File).map(|base| base.name).collect();
    let mut outcome = InstallOutcome::default();
    for (name, locked) in &lockfile.agents {
        if let Some(wanted) = manifest.agents().get(name)
            && !answers(locked, wanted, &manifest)
        {
            return Ok(None);
        }
        let Some(bytes) = read_agent(&session.project, name)? else {
            return Ok(None);
        };
        if !bases.contains(&locked.base.to_string()) {
            return Ok(None);
        }
        let action = if Digest::of(&bytes) == locked.base { Action::Keep } else { Action::Edited };
        outcome.agents.push(planned(&session.project, name, action, locked));
    }
    Ok(Some(outcome))
}

/// The agents folder must not lead out of the project, unless the user wants that.
pub(super) fn check_folder(session: &Session, manifest: &Manifest) -> Result<()> {
    let project = &session.project;
    if project.scope() == Scope::User || manifest.follows_links() {
        return Ok(());
    }
    let folders = [project.root().join(".claude"), project.agents_folder().to_owned(), project.data_folder().to_owned()];
    for folder in folders {
        match fs::entry(&folder)? {
            Entry::Absent | Entry::Folder => {}
            Entry::Link => {
                return Err(Failure::failed(format!(
                    "`{}` is a symbolic link, and may lead out of the project",
                    project.display(&folder)
                ))
                .hint("put `[install]` with `follow-symlinks = true` into agentpkg.toml if that is meant"));
            }
            _ => return Err(Failure::failed(format!("`{}` is not a folder", project.display(&folder)))),
        }
    }
    Ok(())
}

struct Planner<'a> {
    session: &'a Session,
    options: &'a InstallOptions,
    resolver: Resolver<'a>,
    lockfile: &'a Lockfile,
    planned: BTreeMap<AgentName, LockedAgent>,
    /// Who asked for each agent, outermost first.
    chains: BTreeMap<AgentName, Vec<String>>,
    bytes: BTreeMap<Digest, Vec<u8>>,
    refused: Vec<Failure>,
}

impl<'a> Planner<'a> {
    /// Plans what the manifest says.
    fn manifest(&mut self, manifest: &Manifest, frontend: &mut dyn Frontend) -> Result<()> {
        for (name, wanted) in manifest.agents() {
            self.wanted(name, wanted, manifest, frontend)?;
        }
        Ok(())
    }

    /// Plans what the user named, and adds it to the manifest. Everything else stays as it is locked.
    fn specs(&mut self, manifest: &mut Manifest, frontend: &mut dyn Frontend) -> Result<()> {
        let specs = self.options.specs.iter().map(|text| {
            Spec::parse(text).map(|spec| from_project(self.session, spec)).map_err(|error| {
                Failure::usage(error.to_string())
                    .hint("write for example `backend-architect`, `gh:owner/repo#name` or `./agent.md`")
            })
        });
        let specs = specs.collect::<Result<Vec<_>>>()?;
        if self.options.name.is_some() && (specs.len() > 1 || self.options.all) {
            return Err(Failure::usage("`--as` names one agent, but several are installed").hint("install them one by one"));
        }
        for spec in specs {
            for resolved in self.resolved(&spec, manifest, frontend)? {
                let outcome = self.named(&spec, &resolved, manifest, frontend);
                match outcome {
                    Err(failure) if self.options.all && failure.kind() != Kind::Interrupted => self.refused.push(failure),
                    outcome => outcome?,
                }
            }
        }
        let names: BTreeSet<AgentName> =
            manifest.agents().keys().filter(|name| !self.planned.contains_key(*name)).cloned().collect();
        for name in names {
            let wanted = manifest.agents()[&name].clone();
            self.wanted(&name, &wanted, manifest, frontend)?;
        }
        Ok(())
    }

    fn resolved(&mut self, spec: &Spec, manifest: &Manifest, frontend: &mut dyn Frontend) -> Result<Vec<Resolved<'a>>> {
        // A bare name that is in the manifest already means that entry.
        if let (Place::Anywhere, Some(Target::Name(name)), None, None) =
            (&spec.place, &spec.target, &spec.version, &self.options.name)
            && let Ok(name) = AgentName::new(name)
            && let Some(wanted) = manifest.agents().get(&name)
        {
            return Ok(vec![self.resolver.resolve_wanted(&name, wanted, manifest, frontend)?]);
        }
        let (true, Place::Source(source), None) = (self.options.all, &spec.place, &spec.target) else {
            if self.options.all {
                return Err(
                    Failure::usage("`--all` needs a whole source").hint("for example `agentpkg install gh:owner/repo --all`")
                );
            }
            return Ok(vec![self.resolver.resolve(spec, manifest, frontend)?]);
        };
        let snapshot = self.resolver.snapshot(None, source, frontend)?;
        let names: BTreeSet<String> = snapshot.entries.iter().map(|entry| entry.name.folded()).collect();
        let mut all = Vec::new();
        for name in names {
            let target = Some(Target::Name(name));
            let spec = Spec { place: spec.place.clone(), target, version: spec.version.clone() };
            match self.resolver.resolve(&spec, manifest, frontend) {
                Ok(resolved) => all.push(resolved),
                Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
                Err(failure) => self.refused.push(failure),
            }
        }
        Ok(all)
    }

    fn named(&mut self, spec: &Spec, resolved: &Resolved<'a>, manifest: &mut Manifest, frontend: &mut dyn Frontend) -> Result<()> {
        let name = match &self.options.name {
            Some(name) => {
                AgentName::new(name).map_err(|error| Failure::usage(format!("`{}` is not a name: {error}", name.escape_debug())))?
            }
            None => resolved.entry.name.clone(),
        };
        let known = manifest.agents().get(&name).cloned();
        let origin = match (&resolved.snapshot.registry, &spec.place, &known) {
            (_, Place::Anywhere, Some(known)) => known.origin.clone(),
            (Some(registry), ..) => Origin::Registry(registry.clone()),
            (None, ..) => Origin::Source(resolved.snapshot.source.clone()),
        };
        let is_unique = resolved.snapshot.find(resolved.entry.name.as_str()).len() == 1;
        let target =
            if is_unique { Target::Name(resolved.entry.name.to_string()) } else { Target::File(resolved.entry.file.clone()) };
        let target = match (&spec.target, &spec.place) {
            (Some(Target::File(_)), _) => Target::File(resolved.entry.file.clone()),
            (None, Place::Source(Source::Path(path))) if is_file(path) => Target::File(resolved.entry.file.clone()),
            _ => target,
        };
        let target = (target != Target::Name(name.to_string())).then_some(target);
        let version = spec.version.clone().or_else(|| known.as_ref().and_then(|known| known.version.clone()));
        let is_verbatim = self.options.is_verbatim || known.as_ref().is_some_and(|known| known.is_verbatim);
        let wanted = Wanted { origin, target, version, is_verbatim };
        if let Some(clash) = manifest.agents().keys().find(|other| **other != name && other.folded() == name.folded()) {
            return Err(Failure::failed(format!("`{name}` and the installed `{clash}` are one file where case does not count"))
                .hint("choose another name with `--as`"));
        }
        self.add(&name, &wanted, resolved, &["the command line".to_owned()], frontend)?;
        manifest.set_agent(&name, &wanted);
        Ok(())
    }

    /// Plans one manifest entry: as it is locked, if the lock answers it.
    fn wanted(&mut self, name: &AgentName, wanted: &Wanted, manifest: &Manifest, frontend: &mut dyn Frontend) -> Result<()> {
        if self.planned.contains_key(name) {
            return Ok(());
        }
        if let Some(locked) = self.lockfile.agents.get(name).filter(|locked| answers(locked, wanted, manifest)) {
            return self.keep(name, locked, manifest, frontend);
        }
        if self.options.is_locked {
            return Err(stale_lock(&format!("`{name}` is not locked as the manifest wants it")));
        }
        let resolved = self.resolver.resolve_wanted(name, wanted, manifest, frontend)?;
        self.add(name, wanted, &resolved, &["agentpkg.toml".to_owned()], frontend)
    }

    /// Plans an agent, and those that it requires, exactly as they are locked.
    fn keep(&mut self, name: &AgentName, locked: &LockedAgent, manifest: &Manifest, frontend: &mut dyn Frontend) -> Result<()> {
        if self.planned.contains_key(name) {
            return Ok(());
        }
        self.planned.insert(name.clone(), locked.clone());
        if !self.bytes.contains_key(&locked.base) {
            let bytes = self.locked_bytes(name, locked, manifest, frontend)?;
            self.bytes.insert(locked.base, bytes);
        }
        for required in &locked.requires {
            match self.lockfile.agents.get(required) {
                Some(locked) => self.keep(required, locked, manifest, frontend)?,
                None => {
                    return Err(stale_lock(&format!("`{required}`, which `{name}` requires, is missing in it")));
                }
            }
        }
        Ok(())
    }

    /// The bytes that a lock entry names: from the project, the cache, or the source, always verified.
    fn locked_bytes(
        &self,
        name: &AgentName,
        locked: &LockedAgent,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<u8>> {
        if let Some(bytes) = self.session.project.read_base(&locked.base)? {
            return Ok(bytes);
        }
        if let Some(bytes) = read_agent(&self.session.project, name)?.filter(|bytes| Digest::of(bytes) == locked.base) {
            return Ok(bytes);
        }
        let source = Source::parse(&locked.source).map_err(|error| {
            Failure::failed(format!("the lock entry of `{name}` has a source that makes no sense")).caused_by(error)
        })?;
        let is_verbatim = manifest.agents().get(name).is_some_and(|wanted| wanted.is_verbatim);
        let rename = (locked.agent != name.as_str()).then(|| name.to_string());
        let adapted = |bytes: &[u8]| -> Option<Vec<u8>> {
            let request = adaptation(&locked.file, bytes, rename.clone(), is_verbatim, &|_| None);
            let bytes = adapt(bytes, &request).ok()?.bytes;
            (Digest::of(&bytes) == locked.base).then_some(bytes)
        };
        let upstream = match self.session.cache.content(locked.blob) {
            Some(bytes) => bytes,
            None => self.fetch_locked(name, locked, &source, frontend)?,
        };
        if locked.adaptations.is_empty() && locked.sha256 == locked.base && Digest::of(&upstream) == locked.base {
            return Ok(upstream);
        }
        if Digest::of(&upstream) != locked.sha256 {
            return Err(Failure::failed(format!("`{name}` is not what the lockfile says: its source delivers other bytes"))
                .detail(format!("locked {}, found {}", locked.sha256, Digest::of(&upstream)))
                .hint(format!("if the change is wanted, run `agentpkg install {name}`")));
        }
        adapted(&upstream).ok_or_else(|| {
            Failure::failed(format!("`{name}` was adapted differently when it was locked"))
                .hint(format!("install the agentpkg version that wrote the lockfile, or run `agentpkg install {name}`"))
        })
    }

    fn fetch_locked(
        &self,
        name: &AgentName,
        locked: &LockedAgent,
        source: &Source,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<u8>> {
        let mut watch = |event: crate::store::cache::Event<'_>| relay(frontend, event);
        let gone = || {
            Failure::failed(format!("`{name}` is no longer in {source}: `{}`", locked.file))
                .hint(format!("install it from somewhere else, or remove it with `agentpkg remove {name}`"))
        };
        match source {
            Source::Builtin => crate::store::builtin::read(&locked.file).map(<[u8]>::to_vec).ok_or_else(gone),
            Source::Path(path) => {
                let folder = self.session.absolute(path);
                if let Some(repository) = self.session.cache.bare_repository(&folder)? {
                    return repository.read(locked.blob, &mut watch);
                }
                fs::read(&folder.join(&locked.file), MAX_AGENT)?.ok_or_else(gone)
            }
            Source::Git(url) => {
                let repository = self.session.cache.repository(url, Freshness::Any, &mut watch)?;
                repository.read(locked.blob, &mut watch)
            }
        }
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
            return Err(Failure::failed(format!("two different agents would be installed as `{name}`"))
                .detail(format!("{} ({}), for {}", planned.file, planned.source, self.chains[name].join(" -> ")))
                .detail(format!("{} ({source}), for {}", resolved.entry.file, chain.join(" -> ")))
                .hint("install one of them under another name with `--as`"));
        }
        let snapshot = &resolved.snapshot;
        let upstream = snapshot.read(&resolved.entry, &mut |event| relay(frontend, event))?;
        let rename = (resolved.entry.name != *name).then(|| name.to_string());
        let request = adaptation(&resolved.entry.file, &upstream, rename, wanted.is_verbatim, &|name| snapshot.record(name));
        let adapted = adapt(&upstream, &request).map_err(|error| not_adaptable(name, &error))?;
        let required = snapshot.record(resolved.entry.name.as_str()).map(|record| record.requires.clone()).unwrap_or_default();
        let allowed = self.consent(name, &adapted, frontend)?;
        let requires = required.iter().filter_map(|name| AgentName::new(name).ok()).collect();
        self.session.cache.keep_content(resolved.entry.blob, &upstream);
        let locked = LockedAgent {
            registry: snapshot.registry.clone(),
            source,
            agent: resolved.entry.name.to_string(),
            file: resolved.entry.file.clone(),
            version: resolved.version.as_ref().map(ToString::to_string),
            commit: resolved.commit,
            blob: resolved.entry.blob,
            sha256: Digest::of(&upstream),
            base: Digest::of(&adapted.bytes),
            adaptations: adapted.applied.iter().map(ToString::to_string).collect(),
            requires,
            allowed,
        };
        self.bytes.insert(locked.base, adapted.bytes);
        self.planned.insert(name.clone(), locked);
        self.chains.insert(name.clone(), chain.to_vec());
        for required in required {
            let found: Vec<_> = snapshot.find(&required).into_iter().cloned().collect();
            let [entry] = found.as_slice() else {
                return Err(Failure::failed(format!(
                    "`{name}` requires `{required}`, which its registry has {} times",
                    found.len()
                )));
            };
            let version = snapshot.record(&required).and_then(|record| record.version.clone());
            let resolved = Resolved { entry: entry.clone(), version, ..resolved.clone() };
            let plain = Wanted { origin: Origin::Any, target: None, version: None, is_verbatim: wanted.is_verbatim };
            let chain: Vec<String> = chain.iter().cloned().chain([name.to_string()]).collect();
            self.add(&entry.name.clone(), &plain, &resolved, &chain, frontend)?;
        }
        Ok(())
    }

    /// Asks for leave for fields that give an agent powers over the session; gives back those that were allowed.
    fn consent(&self, name: &AgentName, adapted: &Adapted, frontend: &mut dyn Frontend) -> Result<Vec<String>> {
        let definition = Definition::parse(&adapted.bytes);
        let Verdict::Loads(loaded) = definition.verdict() else {
            return Ok(Vec::new());
        };
        let before = self.lockfile.agents.get(name).map(|locked| locked.allowed.clone()).unwrap_or_default();
        let mut allowed = Vec::new();
        for field in &loaded.security {
            let is_known = before.iter().any(|known| known == field)
                && self.lockfile.agents.get(name).is_some_and(|locked| locked.base == Digest::of(&adapted.bytes));
            let is_allowed = is_known || self.options.allowed.iter().any(|given| given == field || given == "all");
            if !is_allowed && (self.options.is_yes || !frontend.is_interactive()) {
                let shown =
                    definition.get(field).map(|entry| String::from_utf8_lossy(&adapted.bytes[entry.span.clone()]).into_owned());
                let mut failure =
                    Failure::new(Kind::Consent, format!("`{name}` sets `{field}`, which gives it power over your session"));
                for line in shown.unwrap_or_default().lines().take(12) {
                    failure = failure.detail(line.to_owned());
                }
                return Err(failure.hint(format!("if you trust it: `--allow {field}`")));
            }
            if !is_allowed
                && !frontend.confirm(&format!("`{name}` sets `{field}`, which gives it power over your session. Allow?"), false)?
            {
                return Err(interrupted());
            }
            allowed.push((*field).to_owned());
        }
        Ok(allowed)
    }
}

/// Turns a plan into changes and applies them.
#[expect(clippy::too_many_arguments, reason = "the parts of one plan, used once")]
fn finish(
    session: &Session,
    options: &InstallOptions,
    manifest: &Manifest,
    before: &Lockfile,
    agents: BTreeMap<AgentName, LockedAgent>,
    bytes: &BTreeMap<Digest, Vec<u8>>,
    refused: Vec<Failure>,
    guard: Option<&Guard<'_>>,
) -> Result<InstallOutcome> {
    let project = &session.project;
    let mut outcome = InstallOutcome { refused, is_dry_run: options.is_dry_run, ..InstallOutcome::default() };
    let mut changes = Vec::new();
    let mut blocked = Vec::new();
    for (name, locked) in &agents {
        let path = project.agent_path(name);
        let new = &bytes[&locked.base];
        let current = read_agent(project, name)?;
        let digest = current.as_deref().map(Digest::of);
        let known = before.agents.get(name);
        let is_clean = known.is_some_and(|known| Some(known.base) == digest);
        let action = match (digest, known) {
            (None, _) => Action::Install,
            (Some(digest), _) if digest == locked.base => Action::Keep,
            (Some(_), Some(_)) if is_clean || options.is_forced => Action::Replace,
            (Some(_), Some(known)) if known.base == locked.base => Action::Edited,
            (Some(_), None) if options.is_forced => Action::Replace,
            (Some(_), known) => {
                blocked.push((name.clone(), known.is_some()));
                continue;
            }
        };
        if matches!(action, Action::Install | Action::Replace) {
            changes.push(Change { path, before: digest, after: Some(new.clone()) });
        }
        let base = project.base_path(&locked.base);
        if project.read_base(&locked.base)?.is_none() {
            let damaged = fs::read(&base, MAX_AGENT)?.as_deref().map(Digest::of);
            changes.push(Change { path: base, before: damaged, after: Some(new.clone()) });
        }
        outcome.agents.push(planned(project, name, action, locked));
    }
    if !blocked.is_empty() {
        return Err(refuse_overwrite(project, &blocked));
    }
    // Reading frontmatter is what costs most, and only one agent is described to the user.
    let mut changed = outcome.agents.iter().filter(|agent| matches!(agent.action, Action::Install | Action::Replace));
    if let (Some(one), None) = (changed.next(), changed.next()) {
        outcome.verdict = Some(Definition::parse(&bytes[&one.locked.base]).verdict().clone());
    }
    for (name, locked) in before.agents.iter().filter(|(name, _)| !agents.contains_key(*name)) {
        super::remove::plan_removal(project, name, locked, options.is_forced, &mut changes)?;
    }
    super::remove::drop_bases(project, before, &agents, &mut changes)?;
    let lockfile = Lockfile { agents };
    if options.is_locked && lockfile != *before {
        return Err(stale_lock("the result differs from it"));
    }
    changes.extend(file_change(project.manifest_path(), &manifest.to_text(), manifest.is_changed())?);
    changes.extend(file_change(project.lockfile_path(), &lockfile.to_text(), lockfile != *before)?);
    outcome.changes = changes.iter().filter(|change| !change.is_void()).count();
    if let (false, Some(guard)) = (options.is_dry_run, guard) {
        let names: Vec<&str> =
            outcome.agents.iter().filter(|agent| agent.action != Action::Keep).map(|agent| agent.name.as_str()).collect();
        guard.apply(&format!("install {}", names.join(" ")), &changes)?;
    }
    Ok(outcome)
}

/// A change of one of the two text files, if there is one.
pub(super) fn file_change(path: &std::path::Path, text: &str, is_changed: bool) -> Result<Option<Change>> {
    if !is_changed {
        return Ok(None);
    }
    let before = fs::read(path, crate::store::lockfile::MAX_SIZE)?.as_deref().map(Digest::of);
    Ok(Some(Change { path: path.to_owned(), before, after: Some(text.as_bytes().to_vec()) }))
}

fn refuse_overwrite(project: &Project, blocked: &[(AgentName, bool)]) -> Failure {
    let (first, is_known) = &blocked[0];
    let path = project.display(&project.agent_path(first));
    let message = if *is_known {
        format!("`{path}` was edited, so it is not replaced")
    } else {
        format!("`{path}` exists, and agentpkg did not write it")
    };
    let mut failure = Failure::failed(message);
    for (name, is_known) in &blocked[1..] {
        let why = if *is_known { "was edited" } else { "exists" };
        failure = failure.detail(format!("{} {why}, too", project.display(&project.agent_path(name))));
    }
    failure
        .hint("`--as NAME` installs beside it under another name")
        .hint(format!("`--force` replaces it; a copy stays in {}", project.display(&project.state_folder().join("history"))))
}

fn planned(project: &Project, name: &AgentName, action: Action, locked: &LockedAgent) -> PlannedAgent {
    PlannedAgent { name: name.clone(), action, locked: locked.clone(), path: project.display(&project.agent_path(name)) }
}

/// The installed bytes of an agent; `None` if there is no file.
pub(super) fn read_agent(project: &Project, name: &AgentName) -> Result<Option<Vec<u8>>> {
    fs::read(&project.agent_path(name), MAX_AGENT)
}

fn adaptation<'r>(
    file: &str,
    bytes: &[u8],
    rename: Option<String>,
    is_verbatim: bool,
    record: &dyn Fn(&str) -> Option<&'r crate::domain::registry_file::AgentRecord>,
) -> Request {
    if is_verbatim {
        return Request::default();
    }
    Request { rename, ..discovery::request(file, &Definition::parse(bytes), record) }
}

fn not_adaptable(name: &AgentName, error: &AdaptError) -> Failure {
    Failure::failed(format!("`{name}` cannot be made to load: {error}"))
        .hint("`--verbatim` installs it as it is; the client will ignore it")
}

fn stale_lock(reason: &str) -> Failure {
    Failure::failed("the lockfile is not up to date, and `--locked` forbids to change it")
        .caused_by(reason)
        .hint("run `agentpkg install` without `--locked`, and commit agentpkg.lock")
}

/// Whether a lock entry is what a manifest entry wants.
fn answers(locked: &LockedAgent, wanted: &Wanted, manifest: &Manifest) -> bool {
    let origin = match &wanted.origin {
        Origin::Any => true,
        Origin::Registry(registry) => {
            locked.registry.as_ref() == Some(registry)
                && manifest.registry(registry).is_some_and(|source| source_text(&source) == locked.source)
        }
        Origin::Source(source) => locked.registry.is_none() && source_text(&file_folder(source)) == locked.source,
    };
    let target = match &wanted.target {
        None => true,
        Some(Target::Name(target)) => *target == locked.agent || target.eq_ignore_ascii_case(&locked.agent),
        Some(Target::File(file)) => *file == locked.file,
    };
    let version = match (&wanted.version, &locked.version) {
        (None, _) => true,
        (Some(request), Some(version)) => {
            semver::Version::parse(version).is_ok_and(|version| request.accepts(&version))
                || locked.commit.is_some_and(|commit| commit.to_string().starts_with(&request.to_string()))
        }
        // A branch or a commit without a version: the commit that was locked stays until an update.
        (Some(request), None) => matches!(request, crate::domain::version::VersionRequest::Revision(_)),
    };
    let is_adapted = wanted.is_verbatim == (locked.adaptations.is_empty() && locked.base == locked.sha256) || !wanted.is_verbatim;
    origin && target && version && is_adapted
}

/// A spec whose path counts from the project's folder, as the manifest keeps it, not from where the command was typed.
fn from_project(session: &Session, spec: Spec) -> Spec {
    let Place::Source(Source::Path(path)) = &spec.place else {
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
    Spec { place: Place::Source(Source::Path(stored)), ..spec }
}

/// The folder of a source that names one file.
fn file_folder(source: &Source) -> Source {
    match source {
        Source::Path(path) if is_file(path) => Source::Path(super::resolve::split_file(path).0.to_owned()),
        source => source.clone(),
    }
}

/// The agents that the manifest wants, and those that they require, as locked.
pub(super) fn reachable(manifest: &Manifest, lockfile: &Lockfile) -> BTreeSet<AgentName> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<AgentName> = manifest.agents().keys().cloned().collect();
    while let Some(name) = open.pop() {
        if let Some(locked) = lockfile.agents.get(&name)
            && reached.insert(name)
        {
            open.extend(locked.requires.iter().cloned());
        }
    }
    reached
}

/// The registry that a spec would add, for messages.
#[must_use]
pub fn registry_of(locked: &LockedAgent) -> String {
    locked.registry.as_ref().map_or_else(|| locked.source.clone(), RegistryName::to_string)
}

/// Warns about agents whose client name another file in the folder has, where a file that agentpkg did not write is among them.
pub fn warn_duplicates(session: &Session, outcome: &InstallOutcome, frontend: &mut dyn Frontend) -> Result<()> {
    let folder = session.project.agents_folder();
    let files: Vec<String> = fs::list(folder)?
        .into_iter()
        .filter(|listed| listed.entry == Entry::File && listed.name.ends_with(".md"))
        .map(|listed| listed.name)
        .collect();
    let is_ours = |file: &String| outcome.agents.iter().any(|agent| agent.name.file_name() == *file);
    if files.len() <= outcome.agents.len() && files.iter().all(is_ours) {
        return Ok(());
    }
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for file in files {
        let bytes = fs::read(&folder.join(&file), MAX_AGENT)?.unwrap_or_default();
        if let Verdict::Loads(loaded) = Definition::parse(&bytes).verdict()
            && let Some(other) = names.insert(loaded.name.clone(), file.clone())
        {
            frontend
                .report(Event::Warning(format!("{other} and {file} are both named `{}`; the client loads only one", loaded.name)));
        }
    }
    Ok(())
}
