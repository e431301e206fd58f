//! From a spec to one agent at one commit. Which of several a name means is said by their rank in the source, except where the lockfile has
//! one of them already; what cannot be found is explained in `explain`.

mod elsewhere;
mod explain;
mod follow;
mod fresh;
mod installed;
mod matches;
mod page;
mod resolved;
mod versions;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use self::explain::{Several, left_behind, no_file, not_found, unknown_registry};
pub use self::follow::{Departed, Followed, There, moved, news_of};
pub use self::resolved::Resolved;
use super::report::{Event, Frontend, interrupted, relay};
use super::session::Session;
use super::typed::{Asker, AskerPlace};
use crate::domain::lineage::Lineage;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::spec::{Place, Source, Spec, Target};
use crate::domain::url::{GitUrl, Transport};
use crate::domain::version::VersionRequest;
use crate::error::{Failure, Result};
use crate::fs;
use crate::store::agreement::file_folder;
use crate::store::cache::{Freshness, Reach};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Manifest, Origin, Wanted, source_text};
use crate::store::registry::{self, Snapshot};

/// What was found, and where it was looked for.
type Looked<'a> = (Vec<Resolved<'a>>, Vec<Rc<Snapshot<'a>>>);

/// Looks things up; remembers what it opened.
pub struct Resolver<'a> {
    session: &'a Session,
    asker: Asker,
    freshness: Freshness,
    /// Which references of each source have to be known at least.
    reach: Reach,
    opened: BTreeMap<String, Rc<Snapshot<'a>>>,
    /// Sources that have no default branch.
    headless: BTreeMap<String, Rc<Snapshot<'a>>>,
    /// Remotes that were asked already, and those of them that cannot be reached.
    asked: BTreeMap<GitUrl, Option<Failure>>,
    /// Remotes that were asked a second time, because something was not found in what is known of them.
    asked_again: BTreeSet<GitUrl>,
    /// Why versions could not be had of sources that were reached.
    unversioned: Vec<Failure>,
    /// Two states of a source that were compared, for the next agent of it.
    compared: RefCell<Option<(String, Lineage)>>,
    /// The source of an installed agent that was parsed last: most agents are from the same few.
    parsed: RefCell<Option<(String, Source)>>,
    /// Source, name and file of each installed agent; read when first needed.
    installed: OnceCell<Vec<(String, String, String)>>,
}

impl<'a> Resolver<'a> {
    /// A resolver that asks remotes as `freshness` says.
    #[must_use]
    pub fn new(session: &'a Session, freshness: Freshness) -> Self {
        Self {
            session,
            asker: Asker::default(),
            freshness,
            reach: Reach::Head,
            opened: BTreeMap::new(),
            headless: BTreeMap::new(),
            asked: BTreeMap::new(),
            asked_again: BTreeSet::new(),
            unversioned: Vec::new(),
            compared: RefCell::default(),
            parsed: RefCell::default(),
            installed: OnceCell::new(),
        }
    }

    /// The source of an installed agent.
    pub(super) fn source_of(&self, locked: &LockedAgent) -> Result<Source> {
        let mut parsed = self.parsed.borrow_mut();
        if let Some((_, source)) = parsed.as_ref().filter(|(text, _)| *text == locked.source) {
            return Ok(source.clone());
        }
        let source =
            Source::parse(&locked.source).map_err(|error| Failure::failed(error.to_string()))?;
        *parsed = Some((locked.source.clone(), source.clone()));
        Ok(source)
    }

    /// The same, for who needs all references of each source and not only its default branch.
    #[must_use]
    pub fn of_all_references(session: &'a Session, freshness: Freshness) -> Self {
        Self {
            reach: Reach::All,
            ..Self::new(session, freshness)
        }
    }

    /// Who asks from now on.
    pub fn asked_by(&mut self, asker: Asker) {
        self.asker = asker;
    }

    /// Asks the remotes among sources that will be needed, at once instead of one after the other.
    pub fn ask(&mut self, sources: impl Iterator<Item = Source>, frontend: &mut dyn Frontend) {
        self.ask_reaching(self.reach, sources, frontend);
    }

    fn ask_reaching(
        &mut self,
        reach: Reach,
        sources: impl Iterator<Item = Source>,
        frontend: &mut dyn Frontend,
    ) {
        let urls: BTreeSet<GitUrl> = sources
            .filter_map(|source| match source {
                Source::Git(url)
                    if url.transport() != Transport::File && !self.asked.contains_key(&url) =>
                {
                    Some(url)
                }
                _ => None,
            })
            .collect();
        if urls.len() < 2 {
            return;
        }
        let how = (self.freshness, reach);
        let watch = &mut |event| relay(frontend, event);
        self.asked
            .extend(self.session.cache.freshen(&urls, how, watch));
    }

    /// What a source offers now.
    pub fn snapshot(
        &mut self,
        registry: Option<&RegistryName>,
        source: &Source,
        frontend: &mut dyn Frontend,
    ) -> Result<Rc<Snapshot<'a>>> {
        let snapshot = self.open(registry, source, Reach::Head, frontend)?;
        match &snapshot.without_head {
            Some(failure) => Err(failure.clone()),
            None => Ok(snapshot),
        }
    }

    /// The same; a source without a default branch offers nothing, and says why.
    fn open(
        &mut self,
        registry: Option<&RegistryName>,
        source: &Source,
        reach: Reach,
        frontend: &mut dyn Frontend,
    ) -> Result<Rc<Snapshot<'a>>> {
        let key = key(registry, source);
        if let Some(snapshot) = self.opened.get(&key).or(self.headless.get(&key)) {
            return Ok(Rc::clone(snapshot));
        }
        let session = self.session;
        let freshness = match source {
            Source::Git(url) => match self.asked.get(url) {
                Some(Some(failure)) => return Err(failure.clone()),
                Some(None) => Freshness::Any,
                None => self.freshness_of(registry, url),
            },
            _ => self.freshness,
        };
        let snapshot = registry::open(
            registry.cloned(),
            source,
            &|path| session.absolute(path),
            &session.cache,
            (freshness, reach.max(self.reach)),
            &mut |event| {
                relay(frontend, event);
            },
        )?;
        let snapshot = Rc::new(snapshot);
        let known = match snapshot.without_head {
            Some(_) => &mut self.headless,
            None => &mut self.opened,
        };
        known.insert(key, Rc::clone(&snapshot));
        Ok(snapshot)
    }

    /// The session that it looks with.
    #[must_use]
    pub fn session(&self) -> &'a Session {
        self.session
    }

    /// How many sources were opened.
    #[must_use]
    pub fn count(&self) -> usize {
        self.opened.len()
    }

    /// Whether a source was opened, so that it can be reached.
    #[must_use]
    pub fn is_open(&self, registry: Option<&RegistryName>, source: &Source) -> bool {
        self.opened.contains_key(&key(registry, source))
    }

    /// The agent that a spec means, at the version that it asks for.
    pub fn resolve(
        &mut self,
        spec: &Spec,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Resolved<'a>> {
        let found = self.find(spec, None, manifest, frontend)?;
        self.at_version(found, spec.version.as_ref(), frontend)
    }

    /// The agents that a spec means, of which a person may take several, at the version that it asks for.
    pub fn resolve_some(
        &mut self,
        spec: &Spec,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<Resolved<'a>>> {
        let mut found = self.found(spec, manifest, frontend)?;
        if found.len() > 1 {
            let without;
            (found, without) = self.with_version(found, spec, None, frontend)?;
            let several = Several::new(&found, spec, None).without(without);
            if !frontend.is_interactive() {
                return Err(several.failure(&self.asker, &self.session.project));
            }
            let picked = frontend.pick(&several.question(), &several.choices())?;
            if picked.is_empty() {
                return Err(interrupted());
            }
            let all = std::mem::take(&mut found).into_iter().enumerate();
            let taken = all.filter(|(index, _)| picked.contains(index));
            found = taken.map(|(_, resolved)| resolved).collect();
        }
        let version = spec.version.as_ref();
        let at_version = |resolved| self.at_version(resolved, version, frontend);
        found.into_iter().map(at_version).collect()
    }

    /// All that a spec may mean, as its source has it now; at least one.
    fn found(
        &mut self,
        spec: &Spec,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<Resolved<'a>>> {
        let (found, snapshots) = self.looked_for(spec, manifest, frontend)?;
        if found.is_empty() {
            return Err(self.or_path(not_found(spec, &snapshots, manifest)));
        }
        Ok(found)
    }

    /// The same, which may be nothing, with the sources that were looked at. Where what is known of them does not have it, they are asked.
    fn looked_for(
        &mut self,
        spec: &Spec,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Looked<'a>> {
        let mut looked = self.look(spec, manifest, frontend)?;
        if looked.0.is_empty() && self.forget(&looked.1) {
            let before = std::mem::replace(&mut self.freshness, Freshness::Again);
            let again = self.look(spec, manifest, frontend);
            self.freshness = before;
            looked = again?;
        }
        let (found, snapshots) = looked;
        let mut headless = snapshots
            .iter()
            .filter_map(|snapshot| snapshot.without_head.clone());
        match headless.next() {
            Some(headless) if found.is_empty() => Err(headless),
            _ => Ok((found, snapshots)),
        }
    }

    /// What a spec means in the sources as they are known.
    fn look(
        &mut self,
        spec: &Spec,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Looked<'a>> {
        let snapshots = self.snapshots(spec, manifest, frontend)?;
        let mut found: Vec<Resolved<'a>> = Vec::new();
        for snapshot in &snapshots {
            found.extend(self.matches(snapshot, spec, frontend)?);
        }
        // A source may be a registry under two names.
        let mut known = BTreeSet::new();
        found.retain(|one| {
            known.insert((source_text(&one.snapshot.source), one.entry.file.clone()))
        });
        if let (true, Some(Target::Plugin { plugin, agent })) = (found.is_empty(), &spec.target) {
            for snapshot in &snapshots {
                found.extend(self.found_elsewhere(snapshot, (plugin, agent), frontend)?);
            }
        }
        if let (true, [snapshot], Some(_)) = (found.is_empty(), &*snapshots, &spec.version) {
            found = self.found_at_version(spec, snapshot, frontend)?;
        }
        Ok((found, snapshots))
    }

    /// The agent that a spec means, as its source has it now, whatever version is asked for.
    /// `entry`: the one of the manifest that it stands for.
    fn find(
        &mut self,
        spec: &Spec,
        entry: Option<(&AgentName, &Wanted)>,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Resolved<'a>> {
        let (mut found, snapshots) = self.looked_for(spec, manifest, frontend)?;
        match (found.len(), entry) {
            (0, None) => Err(self.or_path(not_found(spec, &snapshots, manifest))),
            (0, Some(entry)) => {
                let failure = not_found(spec, &snapshots, manifest);
                let lockfile = self.session.project.load_lockfile().unwrap_or_default();
                let is_locked = lockfile.agents.contains_key(entry.0);
                // A mistyped key may be why nothing was found, and says nothing about upstream.
                if let (false, Some(key)) = (is_locked, manifest.unknown_key(entry.0)) {
                    return Err(failure.at(key.clone()));
                }
                Err(left_behind((entry, is_locked), spec, &snapshots, failure))
            }
            (1, _) => Ok(found.remove(0)),
            _ => self.choose(found, spec, entry, frontend),
        }
    }

    /// The same, for installed agents: those of their sources that are named.
    pub fn ask_for<'w>(
        &mut self,
        agents: impl Iterator<Item = (&'w Wanted, &'w LockedAgent)>,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) {
        let mut reach = self.reach;
        let sources = agents.filter_map(|(wanted, locked)| {
            reach = reach.max(reach_of(wanted.version.as_ref()));
            match &wanted.origin {
                Origin::Any => manifest.registry(locked.registry.as_ref()?),
                Origin::Registry(registry) => manifest.registry(registry),
                Origin::Source(source) => Some(source.clone()),
            }
        });
        let sources: Vec<Source> = sources.collect();
        self.ask_reaching(reach, sources.into_iter(), frontend);
    }

    /// What a manifest entry means.
    pub fn resolve_wanted(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Resolved<'a>> {
        let found = self.find_wanted(name, wanted, manifest, frontend)?;
        let found = self.at_version(found, wanted.version.as_ref(), frontend);
        found.inspect_err(|failure| self.unversioned.push(failure.clone()))
    }

    /// What a manifest entry means, as its source has it now. To be told apart from the version: one may be there without the other.
    fn find_wanted(
        &mut self,
        name: &AgentName,
        wanted: &Wanted,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Resolved<'a>> {
        let place = match &wanted.origin {
            Origin::Any => Place::Anywhere,
            Origin::Registry(registry) => Place::Registry(registry.clone()),
            Origin::Source(source) => Place::Source(source.clone()),
        };
        let target = wanted.target.clone().or_else(|| match &place {
            Place::Source(Source::File(_)) => None,
            _ => Some(Target::Name(name.to_string())),
        });
        let spec = Spec {
            place,
            target,
            version: wanted.version.clone(),
        };
        self.find(&spec, Some((name, wanted)), manifest, frontend)
    }

    fn snapshots(
        &mut self,
        spec: &Spec,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<Rc<Snapshot<'a>>>> {
        let reach = reach_of(spec.version.as_ref());
        match &spec.place {
            Place::Registry(name) => {
                let source = manifest
                    .registry(name)
                    .or_else(|| self.users(name))
                    .ok_or_else(|| self.or_path(unknown_registry(name, spec, manifest)))?;
                Ok(vec![self.open(Some(name), &source, reach, frontend)?])
            }
            Place::Source(source) => {
                if let Source::File(path) = source
                    && let Source::Folder(folder) = file_folder(source)
                    && !fs::is_folder(&self.session.absolute(&folder))
                {
                    return Err(no_file(path));
                }
                Ok(vec![self.open(
                    None,
                    &file_folder(source),
                    reach,
                    frontend,
                )?])
            }
            Place::Anywhere => {
                let mut snapshots = Vec::new();
                let mut failures = Vec::new();
                let mut registries = manifest.registries().to_vec();
                if matches!(self.asker.place, AskerPlace::Spec { .. }) {
                    // What the manifest says must not depend on who reads it; what was typed may.
                    registries = self.session.registries(manifest);
                    registries.pop();
                }
                let sources = registries.iter();
                self.ask(sources.map(|(_, source)| source.clone()), frontend);
                for (name, source) in &registries {
                    match self.snapshot(Some(name), source, frontend) {
                        Ok(snapshot) => snapshots.push(snapshot),
                        Err(failure) => failures.push((name, failure)),
                    }
                }
                // One registry that is out of reach must not hide the others, nor go unnoticed.
                for (name, failure) in failures {
                    frontend.report(Event::warning(format!(
                        "could not read registry `{name}`: {failure}"
                    )));
                }
                let builtin = RegistryName::builtin();
                snapshots.push(self.snapshot(Some(&builtin), &Source::Builtin, frontend)?);
                Ok(snapshots)
            }
        }
    }

    /// One of several: as a person says, or an error that shows how to say it.
    fn choose(
        &self,
        found: Vec<Resolved<'a>>,
        spec: &Spec,
        entry: Option<(&AgentName, &Wanted)>,
        frontend: &mut dyn Frontend,
    ) -> Result<Resolved<'a>> {
        let name = entry.map(|(name, _)| name);
        let (found, without) = self.with_version(found, spec, name, frontend)?;
        let several = Several::new(&found, spec, entry).without(without);
        if !frontend.is_interactive() {
            return Err(several.failure(&self.asker, &self.session.project));
        }
        let index = frontend.choose(&several.question(), &several.choices(), 0)?;
        found.into_iter().nth(index).ok_or_else(interrupted)
    }
}

/// The references that have to be known for a request: a version is one of many, and without one the default branch is enough.
fn reach_of(request: Option<&VersionRequest>) -> Reach {
    match request {
        Some(request) if !request.is_commit() => Reach::All,
        _ => Reach::Head,
    }
}

fn key(registry: Option<&RegistryName>, source: &Source) -> String {
    format!(
        "{}={}",
        registry.map_or("", RegistryName::as_str),
        source_text(source)
    )
}
