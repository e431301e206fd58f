//! From a spec to one agent at one commit. Never decides silently between several.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use semver::Version;

use super::report::{Choice, Event, Frontend, relay};
use super::session::Session;
use super::typed::{Asker, AskerPlace};
use super::unknown;
use crate::domain::discovery::{self, IndexEntry};
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::shell::shell_quoted;
use crate::domain::spec::{Place, Source, Spec, Target, is_file, split_file};
use crate::domain::url::{GitUrl, Transport};
use crate::domain::version::VersionRequest;
use crate::error::{Advice, Failure, Kind, Result};
use crate::store::cache::Freshness;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Manifest, Origin, Wanted};
use crate::store::registry::{self, Snapshot};

/// One agent at one commit.
#[derive(Debug, Clone)]
pub struct Resolved<'a> {
    /// Where it was found.
    pub snapshot: Rc<Snapshot<'a>>,
    /// The agent there.
    pub entry: IndexEntry,
    /// Its version, if there is one.
    pub version: Option<Version>,
    /// The commit, for git.
    pub commit: Option<crate::domain::digest::ObjectId>,
}

/// Looks things up; remembers what it opened.
pub struct Resolver<'a> {
    session: &'a Session,
    asker: Asker,
    freshness: Freshness,
    opened: BTreeMap<String, Rc<Snapshot<'a>>>,
    /// Remotes that were asked already, and those of them that cannot be reached.
    asked: BTreeMap<GitUrl, Option<Failure>>,
}

impl<'a> Resolver<'a> {
    /// A resolver that asks remotes as `freshness` says.
    #[must_use]
    pub fn new(session: &'a Session, freshness: Freshness) -> Self {
        Self {
            session,
            asker: Asker::default(),
            freshness,
            opened: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// Who asks from now on.
    pub fn asked_by(&mut self, asker: Asker) {
        self.asker = asker;
    }

    /// Asks the remotes among sources that will be needed, at once instead of one after the other.
    pub fn ask(&mut self, sources: impl Iterator<Item = Source>, frontend: &mut dyn Frontend) {
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
        self.asked.extend(
            self.session
                .cache
                .freshen(&urls, self.freshness, &mut |event| relay(frontend, event)),
        );
    }

    /// What a source offers now.
    pub fn snapshot(
        &mut self,
        registry: Option<&RegistryName>,
        source: &Source,
        frontend: &mut dyn Frontend,
    ) -> Result<Rc<Snapshot<'a>>> {
        let key = key(registry, source);
        if let Some(snapshot) = self.opened.get(&key) {
            return Ok(Rc::clone(snapshot));
        }
        let session = self.session;
        let freshness = match source {
            Source::Git(url) => match self.asked.get(url) {
                Some(Some(failure)) => return Err(failure.clone()),
                Some(None) => Freshness::Any,
                None => self.freshness,
            },
            _ => self.freshness,
        };
        let snapshot = registry::open(
            registry.cloned(),
            source,
            &|path| session.absolute(path),
            &session.cache,
            freshness,
            &mut |event| {
                relay(frontend, event);
            },
        )?;
        let snapshot = Rc::new(snapshot);
        self.opened.insert(key, Rc::clone(&snapshot));
        Ok(snapshot)
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

    /// The agent that a spec means, as its source has it now, whatever version is asked for.
    /// `entry`: the one of the manifest that it stands for.
    fn find(
        &mut self,
        spec: &Spec,
        entry: Option<(&AgentName, &Wanted)>,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Resolved<'a>> {
        let snapshots = self.snapshots(&spec.place, manifest, frontend)?;
        let mut found: Vec<Resolved<'a>> = Vec::new();
        for snapshot in &snapshots {
            found.extend(matches(snapshot, spec, frontend)?);
        }
        let found = drop_copies(found);
        match found.len() {
            0 => Err(not_found(spec, &snapshots, manifest)),
            1 => Ok(found.into_iter().next().expect("there is one")),
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
        let sources = agents.filter_map(|(wanted, locked)| match &wanted.origin {
            Origin::Any => manifest.registry(locked.registry.as_ref()?),
            Origin::Registry(registry) => manifest.registry(registry),
            Origin::Source(source) => Some(source.clone()),
        });
        self.ask(sources, frontend);
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
        self.at_version(found, wanted.version.as_ref(), frontend)
    }

    /// What a manifest entry means, as its source has it now. To be told apart from the version: one may be there without the other.
    pub fn find_wanted(
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
            Place::Source(Source::Path(path)) if is_file(path) => None,
            _ => Some(Target::Name(name.to_string())),
        });
        self.find(
            &Spec {
                place,
                target,
                version: None,
            },
            Some((name, wanted)),
            manifest,
            frontend,
        )
    }

    fn snapshots(
        &mut self,
        place: &Place,
        manifest: &Manifest,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<Rc<Snapshot<'a>>>> {
        match place {
            Place::Registry(name) => {
                let source = manifest
                    .registry(name)
                    .ok_or_else(|| unknown_registry(name, manifest))?;
                Ok(vec![self.snapshot(Some(name), &source, frontend)?])
            }
            Place::Source(Source::Path(path)) if is_file(path) => {
                let (folder, _) = split_file(path);
                Ok(vec![self.snapshot(
                    None,
                    &Source::Path(folder.to_owned()),
                    frontend,
                )?])
            }
            Place::Source(source) => Ok(vec![self.snapshot(None, source, frontend)?]),
            Place::Anywhere => {
                let mut snapshots = Vec::new();
                let mut failures = Vec::new();
                self.ask(
                    manifest
                        .registries()
                        .iter()
                        .map(|(_, source)| source.clone()),
                    frontend,
                );
                for (name, source) in manifest.registries() {
                    match self.snapshot(Some(name), source, frontend) {
                        Ok(snapshot) => snapshots.push(snapshot),
                        Err(failure) => failures.push((name, failure)),
                    }
                }
                // One registry that is out of reach must not hide the others, nor go unnoticed.
                for (name, failure) in failures {
                    frontend.report(Event::warning(format!(
                        "could not look into registry `{name}`: {failure}"
                    )));
                }
                snapshots.push(self.snapshot(
                    Some(&RegistryName::builtin()),
                    &Source::Builtin,
                    frontend,
                )?);
                Ok(snapshots)
            }
        }
    }

    /// The same agent at another version.
    pub fn at_version(
        &self,
        found: Resolved<'a>,
        request: Option<&VersionRequest>,
        frontend: &mut dyn Frontend,
    ) -> Result<Resolved<'a>> {
        let Some(request) = request else {
            return Ok(found);
        };
        let name = found.entry.name.to_string();
        let mut watch = |event: crate::store::cache::Event| relay(frontend, event);
        let written = self.asker.written();
        let at =
            found
                .snapshot
                .at_version(&self.session.cache, request, &name, &written, &mut watch)?;
        let Some((snapshot, version)) = at else {
            let asked = written.asked(request);
            return match &found.version {
                Some(version) if request.accepts(version) => Ok(found),
                Some(version) => Err(Failure::failed(format!(
                    "`{name}` has no version matching `{request}`"
                ))
                .detail(format!("newest: {version}"))
                .hint(format!(
                    "leave out {asked}, or write {}",
                    written.example(&[format!("^{}", version.major)])
                ))),
                None => Err(Failure::failed(format!(
                    "`{name}` comes from a folder, which has no versions"
                ))
                .hint(format!("leave out {asked}"))),
            };
        };
        let candidates = snapshot.offered.find(&name);
        let entry = snapshot
            .offered
            .find_file(&found.entry.file)
            .or_else(|| (candidates.len() == 1).then(|| candidates[0].clone()));
        let entry = entry.ok_or_else(|| {
            Failure::failed(format!("`{name}` is not in its repository at `{request}`"))
                .hint("name another version, or leave it out")
        })?;
        let commit = snapshot.commit;
        Ok(Resolved {
            snapshot: Rc::new(snapshot),
            entry,
            version,
            commit,
        })
    }

    /// One of several: as a person says, or an error that shows how to say it.
    fn choose(
        &self,
        found: Vec<Resolved<'a>>,
        spec: &Spec,
        entry: Option<(&AgentName, &Wanted)>,
        frontend: &mut dyn Frontend,
    ) -> Result<Resolved<'a>> {
        let by_name: Vec<String> = found
            .iter()
            .map(|candidate| candidate.spec(false))
            .collect();
        let is_shared = |spec: &String| by_name.iter().filter(|other| *other == spec).count() > 1;
        let by_file: Vec<bool> = by_name.iter().map(is_shared).collect();
        // What was typed behind `@` is still meant, and the spec is pasted into a shell.
        let version = entry.map_or(&spec.version, |(_, wanted)| &wanted.version);
        let version = version
            .as_ref()
            .map(|version| format!("@{version}"))
            .unwrap_or_default();
        let specs: Vec<String> = found
            .iter()
            .zip(&by_file)
            .map(|(candidate, by_file)| {
                shell_quoted(&format!("{}{version}", candidate.spec(*by_file)))
            })
            .collect();
        let question = match &spec.target {
            Some(target) => format!("{} agents answer to `{target}`", found.len()),
            None => format!("{} has {} agents", found[0].snapshot.source, found.len()),
        };
        if frontend.is_interactive() {
            let choices = found.iter().zip(&specs).map(|(candidate, spec)| Choice {
                label: spec.clone(),
                detail: candidate.entry.description.clone(),
            });
            let index = frontend.choose(&question, &choices.collect::<Vec<_>>(), 0)?;
            return found
                .into_iter()
                .nth(index)
                .ok_or_else(super::report::interrupted);
        }
        let ambiguous = |message: String| Failure::new(Kind::Ambiguous, message);
        let is_typed = matches!(self.asker.place, AskerPlace::Spec { .. });
        let mut failure = match (&spec.target, is_typed, entry) {
            (_, false, Some((name, _))) => {
                let failure = ambiguous(format!(
                    "`{name}` in agentpkg.toml means {} different agents",
                    found.len()
                ));
                match self
                    .session
                    .project
                    .manifest_entry(name, "it does not say which")
                {
                    Some(location) => failure.at(location),
                    None => failure,
                }
            }
            (Some(target), ..) => {
                ambiguous(format!("`{target}` means {} different agents", found.len()))
            }
            (None, ..) => ambiguous(format!(
                "`{}` has {} agents",
                found[0].snapshot.source,
                found.len()
            )),
        };
        let width = specs.iter().map(String::len).max().unwrap_or(0);
        for ((candidate, spec), is_by_file) in found.iter().zip(&specs).zip(&by_file) {
            let place = if *is_by_file {
                candidate.revision()
            } else {
                format!("{} {}", candidate.entry.file, candidate.revision())
            };
            failure = failure.detail(format!("{spec:width$}  {place}").trim_end().to_owned());
        }
        let at = found.len() - 1;
        let last = &found[at];
        let typed = &self.asker.typed;
        match (&self.asker.place, entry) {
            (AskerPlace::Spec { index, .. }, _) => {
                let again = typed
                    .replacing(*index, last.spec(by_file[at]) + &version)
                    .again();
                let failure = failure.hint(Advice::say("name one, for example ").and_run(again));
                let is_install = typed.command == "install";
                // One agent can be renamed, and once.
                let is_alone = is_install && typed.names.len() == 1 && !typed.is_all;
                let may_rename = is_alone && !typed.has("--as") && entry.is_none();
                Err(match &spec.target {
                    // While the entry of the manifest means several, another name beside it solves nothing.
                    Some(Target::Name(name)) if may_rename => failure.hint(format!(
                        "or keep both: add `--as OTHER-{}`",
                        name.to_lowercase().replace(' ', "-")
                    )),
                    None if is_install => failure.hint("or take all of them with `--all`"),
                    _ => failure,
                })
            }
            (_, Some((name, wanted))) => {
                let line = entry_line(name, wanted, last, by_file[at]);
                let advice = Advice::say(format!("say which there, for example `{line}`"));
                Err(failure.hint(if typed.is_command() {
                    advice.and(", then ").and_run(typed.again())
                } else {
                    advice
                }))
            }
            (_, None) => Err(failure.hint(format!("name one, for example `{}`", specs[at]))),
        }
    }
}

/// A line of agentpkg.toml that means exactly this agent, and what the entry says beside.
fn entry_line(name: &AgentName, wanted: &Wanted, resolved: &Resolved<'_>, by_file: bool) -> String {
    let origin = match &resolved.snapshot.registry {
        Some(registry) => Origin::Registry(registry.clone()),
        None => wanted.origin.clone(),
    };
    let target = if by_file {
        Some(Target::File(resolved.entry.file.clone()))
    } else {
        wanted.target.clone()
    };
    let mut manifest = Manifest::empty();
    manifest.set_agent(
        name,
        &Wanted {
            origin,
            target,
            ..wanted.clone()
        },
    );
    manifest
        .to_text()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

impl Resolved<'_> {
    /// A spec that means exactly this agent and can be pasted.
    #[must_use]
    pub fn spec(&self, by_file: bool) -> String {
        let target = if by_file {
            self.entry.file.as_str()
        } else {
            self.entry.name.as_str()
        };
        match &self.snapshot.registry {
            Some(registry) if !by_file => format!("{registry}/{target}"),
            Some(registry) => format!("{registry}#{target}"),
            None => format!("{}#{target}", self.snapshot.source),
        }
    }

    /// Where it is, for people: version, or commit.
    #[must_use]
    pub fn revision(&self) -> String {
        match (&self.version, self.commit) {
            (Some(version), _) => version.to_string(),
            (None, Some(commit)) => format!("@ {}", commit.short()),
            (None, None) => String::new(),
        }
    }
}

fn key(registry: Option<&RegistryName>, source: &Source) -> String {
    format!(
        "{}={}",
        registry.map_or("", RegistryName::as_str),
        crate::store::manifest::source_text(source)
    )
}

fn matches<'a>(
    snapshot: &Rc<Snapshot<'a>>,
    spec: &Spec,
    frontend: &mut dyn Frontend,
) -> Result<Vec<Resolved<'a>>> {
    let resolved = |entry: &IndexEntry| Resolved {
        snapshot: Rc::clone(snapshot),
        entry: entry.clone(),
        version: snapshot
            .record(entry.name.as_str())
            .and_then(|record| record.version.clone()),
        commit: snapshot.commit,
    };
    let file = match (&spec.place, &spec.target) {
        (_, Some(Target::File(file))) => file.clone(),
        (_, Some(Target::Name(name))) => {
            return Ok(snapshot.offered.find(name).iter().map(resolved).collect());
        }
        (Place::Source(Source::Path(path)), None) if is_file(path) => split_file(path).1.to_owned(),
        (_, None) => return Ok(snapshot.offered.all().iter().map(resolved).collect()),
    };
    if let Some(entry) = snapshot.offered.find_file(&file) {
        return Ok(vec![resolved(&entry)]);
    }
    // A file that discovery does not offer is taken when it is named outright.
    let Some(bytes) = snapshot.read_file(&file, &mut |event| relay(frontend, event))? else {
        return Ok(Vec::new());
    };
    let entry = discovery::examine_named(&file, &bytes, &|name| snapshot.record(name)).map_err(|reason| {
        // `--as` renames what can be read; here it is the file that has to change.
        Failure::failed(format!("`{file}` cannot be installed: {reason}"))
            .hint("mend a copy: between two lines of `---` at the top it needs a `name` and a `description`")
    })?;
    Ok(vec![resolved(&entry)])
}

/// Files of one source with the same bytes are one agent: the first by path stands for all.
fn drop_copies(found: Vec<Resolved<'_>>) -> Vec<Resolved<'_>> {
    let mut kept: Vec<Resolved<'_>> = Vec::new();
    for candidate in found {
        let is_copy = kept.iter().any(|known| {
            Rc::ptr_eq(&known.snapshot, &candidate.snapshot)
                && known.entry.blob == candidate.entry.blob
                && known.entry.name == candidate.entry.name
        });
        if !is_copy {
            kept.push(candidate);
        }
    }
    kept
}

fn unknown_registry(name: &RegistryName, manifest: &Manifest) -> Failure {
    let failure = unknown::registry(name.as_str(), manifest);
    if manifest.registries().is_empty() {
        failure.hint(format!("add it with `agentpkg registry add URL --name {name}`; or name a repository: `gh:owner/repo#name`"))
    } else {
        failure
    }
}

fn not_found(spec: &Spec, snapshots: &[Rc<Snapshot<'_>>], manifest: &Manifest) -> Failure {
    let target = spec
        .target
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    if let (Place::Anywhere, Ok(name)) = (&spec.place, RegistryName::new(&target))
        && manifest.registry(&name).is_some()
    {
        return Failure::failed(format!("`{name}` is a registry, not an agent"))
            .hint(format!(
                "`agentpkg list --available {name}` shows its agents"
            ))
            .hint(format!(
                "`agentpkg install {name}/NAME` installs one of them"
            ))
            .hint(format!("`agentpkg install {name} --all` installs all"));
    }
    let place = match snapshots {
        [one] => match &one.registry {
            Some(registry) => format!("registry `{registry}`"),
            None => format!("`{}`", one.source),
        },
        several => format!("{} registries", several.len()),
    };
    if let (true, Place::Source(Source::Path(path))) = (target.is_empty(), &spec.place)
        && is_file(path)
    {
        return Failure::failed(format!("there is no file `{path}`"))
            .hint("check the path; it counts from the current folder");
    }
    if target.is_empty() {
        return Failure::failed(format!("there are no agents in {place}"))
            .hint("agents are `.md` files whose frontmatter has a name and a description");
    }
    let mut failure = Failure::failed(format!("no agent named `{target}` in {place}"));
    for refused in snapshots.iter().flat_map(|snapshot| &snapshot.refused) {
        if refused.file.contains(&target) || refused.reason.contains(&target) {
            failure = failure.detail(format!("{}: {}", refused.file, refused.reason));
        }
    }
    let mut near: Vec<(f64, String, String)> = Vec::new();
    for snapshot in snapshots {
        let place = snapshot
            .registry
            .as_ref()
            .map_or_else(|| snapshot.source.to_string(), ToString::to_string);
        near.extend(
            snapshot
                .offered
                .alike(&target)
                .into_iter()
                .map(|(likeness, name)| (likeness, name, place.clone())),
        );
    }
    near.sort_by(|left, right| {
        right
            .0
            .total_cmp(&left.0)
            .then_with(|| left.1.cmp(&right.1))
    });
    near.dedup_by(|left, right| left.1 == right.1);
    match near.as_slice() {
        [] => match &spec.place {
            Place::Registry(name) => failure.hint(format!(
                "`agentpkg list --available {name}` shows what there is"
            )),
            Place::Source(source) => {
                let source = shell_quoted(&source.to_string());
                failure.hint(format!(
                    "`agentpkg list --available {source}` shows what there is"
                ))
            }
            Place::Anywhere => failure.hint("`agentpkg list --available` shows what there is"),
        },
        [(_, name, place), ..] => failure.hint(format!("did you mean `{name}` ({place})?")),
    }
}
