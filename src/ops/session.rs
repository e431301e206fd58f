//! What every use-case works with: the project, the environment, the cache. Also the lock, and how a plan is applied under it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::detours;
use super::report::{Event, Frontend, InterruptionView};
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::spec::{Place, Source, Spec};
use crate::env::Environment;
use crate::error::{Failure, Result};
use crate::fs::{Content, Entry};
use crate::store::cache::{Cache, CachedRepository, Settings};
use crate::store::holder::{Holder, Patience};
use crate::store::index::Damage;
use crate::store::manifest::{self, Manifest};
use crate::store::project::{Project, Scope};
use crate::store::transaction::{
    self, Applied, Deed, Guard, Recovered, Reversal, Transaction, Trust,
};

/// How long a command waits for another one that works on the same project.
const USUAL_WAIT: Duration = Duration::from_secs(60);

/// The choices that hold for a whole command.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The subcommand, for whoever waits for this one to end.
    pub command: String,
    /// How long to wait for other commands; `None`: as long as is usual.
    pub wait: Option<Duration>,
    /// The network must not be used.
    pub is_offline: bool,
    /// Plain http and git are allowed.
    pub allow_insecure: bool,
    /// git may ask for passwords.
    pub may_prompt: bool,
    /// agentpkg.toml and agentpkg.lock must not change.
    pub is_locked: bool,
}

/// One command's view of the world.
#[derive(Debug)]
pub struct Session {
    /// The project, or the user's own agents.
    pub project: Project,
    /// The environment.
    pub environment: Environment,
    /// The cache.
    pub cache: Cache,
    /// What holds for the whole command.
    pub options: Options,
    /// The warnings that have been said.
    warned: Mutex<BTreeSet<String>>,
    /// Why what a dry run has shown could not be done.
    objection: OnceLock<Failure>,
}

impl Session {
    /// A session; nothing is touched yet.
    #[must_use]
    pub fn new(project: Project, environment: Environment, options: Options) -> Self {
        Self::noting(project, environment, options, Damage::default())
    }

    fn noting(
        project: Project,
        environment: Environment,
        options: Options,
        damage: Damage,
    ) -> Self {
        let folder = environment.cache_folder();
        if let Some(folder) = &folder {
            Content::keep_in(folder.clone());
        }
        let cache = Cache::new(Settings {
            folder,
            path: environment.path.clone(),
            is_offline: options.is_offline,
            allow_insecure: options.allow_insecure,
            may_prompt: options.may_prompt,
            now: environment.now(),
            command: options.command.clone(),
            wait: options.wait,
            keys: environment.key_place(),
            damage,
        });
        Self {
            project,
            environment,
            cache,
            options,
            warned: Mutex::default(),
            objection: OnceLock::new(),
        }
    }

    /// The same command without the network.
    #[must_use]
    pub fn offline(&self) -> Self {
        let options = Options {
            is_offline: true,
            ..self.options.clone()
        };
        let (project, environment) = (self.project.clone(), self.environment.clone());
        Self::noting(project, environment, options, self.cache.damage().clone())
    }

    /// A source that was typed, with its path as the manifest keeps it: from the project's folder, not from where the command runs.
    #[must_use]
    pub fn typed_source(&self, source: Source) -> Source {
        let (Source::Folder(path) | Source::File(path)) = &source else {
            return source;
        };
        let (root, current) = (self.project.root(), &self.environment.current_folder);
        if path.starts_with("~/") || Path::new(path).is_absolute() {
            return source;
        }
        let is_plain = root == current && !detours::has_detour(path);
        if !is_plain && let Some(to) = detours::followed(current, path) {
            // Of the user's own agents, no folder is near the manifest.
            let relative = current
                .starts_with(root)
                .then(|| detours::relative(root, &to));
            return Source::path(match relative.flatten() {
                Some(relative) => relative,
                None => to.display().to_string(),
            });
        }
        if root == current {
            return source;
        }
        let absolute = current.join(path.strip_prefix("./").unwrap_or(path));
        Source::path(match absolute.strip_prefix(root) {
            Ok(relative) => format!("./{}", relative.display()),
            Err(_) => absolute.display().to_string(),
        })
    }

    /// A spec that was typed, with its path as the manifest keeps it.
    #[must_use]
    pub fn typed_spec(&self, spec: Spec) -> Spec {
        let place = match spec.place {
            Place::Source(source) => Place::Source(self.typed_source(source)),
            place => place,
        };
        Spec { place, ..spec }
    }

    /// Says a warning, unless this command has said it: what is read again is warned about again.
    pub(super) fn warn_once(&self, warning: &str, frontend: &mut dyn Frontend) {
        let is_new = (self.warned.lock()).is_ok_and(|mut warned| warned.insert(warning.to_owned()));
        if is_new {
            frontend.report(Event::warning(warning.to_owned()));
        }
    }

    /// The manifest; an absent one is empty. Its warnings are reported.
    pub fn manifest(&self, frontend: &mut dyn Frontend) -> Result<Manifest> {
        let manifest = self
            .project
            .load_manifest()?
            .unwrap_or_else(Manifest::empty);
        for warning in manifest.warnings() {
            self.warn_once(warning, frontend);
        }
        if self.project.scope() == Scope::Project && manifest.follows_links().is_some() {
            self.warn_once(&self.misplaced_links(), frontend);
        }
        Ok(manifest)
    }

    /// The registries of the user, with paths that count from anywhere; none in a session of the user. What is wrong with the user's
    /// manifest is said where that is used itself.
    #[must_use]
    pub fn user_registries(&self) -> Vec<(RegistryName, Source)> {
        if self.project.scope() != Scope::Project {
            return Vec::new();
        }
        let Ok(user) = Project::user(&self.environment) else {
            return Vec::new();
        };
        let Ok(Some(manifest)) = user.load_manifest() else {
            return Vec::new();
        };
        let absolute = |source: &Source| match source {
            Source::Folder(path) | Source::File(path) => {
                let path = self.environment.absolute(user.root(), path);
                Source::path(path.display().to_string())
            }
            source => source.clone(),
        };
        let known = manifest.registries().iter();
        known
            .map(|(name, source)| (name.clone(), absolute(source)))
            .collect()
    }

    /// The registries in the order that they are asked: those of the manifest, of the user, and the built-in one.
    #[must_use]
    pub fn registries(&self, manifest: &Manifest) -> Vec<(RegistryName, Source)> {
        let mut all = manifest.registries().to_vec();
        for (name, source) in self.user_registries() {
            if !all
                .iter()
                .any(|(known, other)| *known == name || *other == source)
            {
                all.push((name, source));
            }
        }
        all.push((RegistryName::builtin(), Source::Builtin));
        all
    }

    /// That `follow-symlinks` does not count where it stands: a project does not decide where agentpkg may write.
    fn misplaced_links(&self) -> String {
        let root = self.project.root().display();
        let user = self
            .environment
            .config_folder()
            .map(|folder| folder.join(manifest::FILE_NAME).display().to_string());
        format!(
            "`follow-symlinks` counts only in the manifest of the user; move it to {} as `follow-symlinks = [\"{root}\"]`",
            user.as_deref().unwrap_or("there")
        )
    }

    /// Takes the project's lock; says so if it has to wait, and what an earlier crash left behind.
    pub fn lock(&self, frontend: &mut dyn Frontend) -> Result<Guard<'_>> {
        self.lock_trusting(Trust::Sealed, frontend)
    }

    /// The same, and acts on whatever journal `trust` allows.
    pub fn lock_trusting(&self, trust: Trust, frontend: &mut dyn Frontend) -> Result<Guard<'_>> {
        let patience = Patience {
            command: self.options.command.clone(),
            wait: self.options.wait.unwrap_or(USUAL_WAIT),
            now: self.environment.now(),
        };
        let waiting = |holder: Option<Holder>| {
            let what = self.project.root().display().to_string();
            frontend.report(Event::Waiting {
                what,
                who: Holder::describe(holder.as_ref(), patience.now),
            });
        };
        let guard = transaction::lock(&self.project, &patience, trust, waiting)?
            .keeping_locked(self.options.is_locked);
        if let Some(recovered) = guard.recovered() {
            let (how, left) = match recovered {
                Recovered::Undone(left) => (
                    "reverted an interrupted command".to_owned(),
                    left.as_slice(),
                ),
                Recovered::Completed(left) => (
                    "completed an interrupted command".to_owned(),
                    left.as_slice(),
                ),
                Recovered::Discarded(1) => (
                    "moved the journal of an interrupted command into the history".to_owned(),
                    &[][..],
                ),
                Recovered::Discarded(count) => (
                    format!("moved {count} files of an interrupted command into the history"),
                    &[][..],
                ),
            };
            let is_completed = matches!(recovered, Recovered::Completed(_));
            let left = self.shown(left);
            frontend.report(Event::Recovered {
                how,
                left,
                is_completed,
            });
        }
        if !guard.moved().is_empty() {
            frontend.report(Event::PutAway(self.shown(guard.moved())));
        }
        Ok(guard)
    }

    /// Applies a plan; says so if somebody saved a file meanwhile, whose agent is left as it was. Gives back the number under which it
    /// can be undone. Without the lock, which a dry run does not take, nothing is written.
    pub fn apply(
        &self,
        guard: Option<&Guard<'_>>,
        transaction: &Transaction,
        frontend: &mut dyn Frontend,
    ) -> Result<Option<u64>> {
        let Some(guard) = guard else {
            self.object(|| transaction.keep_locked(&self.project));
            return Ok(None);
        };
        // A plan that was made on an incomplete index is not carried out.
        if let Some(failure) = self.cache.damage().failure() {
            return Err(failure);
        }
        Ok(self.applied(&guard.apply(transaction)?, frontend))
    }

    /// Takes an operation back, as [`Session::apply`] applies a plan.
    pub fn undo(
        &self,
        guard: Option<&Guard<'_>>,
        reversal: &Reversal,
        frontend: &mut dyn Frontend,
    ) -> Result<Option<u64>> {
        let Some(guard) = guard else {
            self.object(|| reversal.keep_locked(&self.project));
            return Ok(None);
        };
        Ok(self.applied(&guard.undo(reversal)?, frontend))
    }

    /// Takes some agents of an operation back, as [`Session::apply`] applies a plan.
    pub fn undo_part(
        &self,
        guard: Option<&Guard<'_>>,
        (number, agents): (u64, &BTreeSet<AgentName>),
        transaction: &Transaction,
        frontend: &mut dyn Frontend,
    ) -> Result<Option<u64>> {
        let Some(guard) = guard else {
            self.object(|| transaction.keep_locked(&self.project));
            return Ok(None);
        };
        let applied = guard.undo_part(number, agents, transaction)?;
        Ok(self.applied(&applied, frontend))
    }

    fn applied(&self, applied: &Applied, frontend: &mut dyn Frontend) -> Option<u64> {
        if applied.number.is_some() {
            frontend.report(Event::Applied(self.shown(&applied.saved_over)));
        }
        applied.number
    }

    /// Keeps in mind what `--locked` has against a plan that is only shown.
    fn object(&self, keep_locked: impl FnOnce() -> Result<()>) {
        if self.options.is_locked
            && let Err(failure) = keep_locked()
        {
            // Only the first one is told, and a command has one plan.
            let _ = self.objection.set(failure);
        }
    }

    /// Why the plan that was shown could not be carried out with the options as they are; ends a dry run that otherwise succeeded.
    #[must_use]
    pub fn objection(&self) -> Option<&Failure> {
        self.objection.get()
    }

    /// Ends a command whose plan needs another lockfile, which `--locked` forbids, before anybody is asked about the plan. A dry run asks
    /// nothing, and shows the plan first.
    pub(super) fn keep_lockfile(
        &self,
        is_dry_run: bool,
        is_changed: impl FnOnce() -> bool,
    ) -> Result<()> {
        if self.options.is_locked && !is_dry_run && is_changed() {
            return Err(self.stale_lock());
        }
        Ok(())
    }

    /// That `--locked` does not let the lockfile change.
    pub(super) fn stale_lock(&self) -> Failure {
        transaction::locked(&self.project, self.project.lockfile_path())
    }

    /// Paths as a person would type them.
    pub(super) fn shown(&self, paths: &[PathBuf]) -> Vec<String> {
        paths
            .iter()
            .map(|path| self.project.display(path))
            .collect()
    }

    /// Ends what an earlier command did not end. Where no command has left anything, the lock is not taken: a command that finds nothing
    /// to do there leaves nothing behind.
    pub(super) fn recover_first(&self, frontend: &mut dyn Frontend) -> Result<()> {
        let state = self.project.state_folder();
        if self.project.files().entry(&state)? != Entry::Absent {
            drop(self.lock(frontend)?);
        }
        Ok(())
    }

    /// Says so if a command was interrupted here. A command that only reads leaves that as it is.
    pub fn look_for_interruption(&self, frontend: &mut dyn Frontend) -> Result<()> {
        if let Some(view) = self.interruption()? {
            frontend.report(Event::Interrupted(view));
        }
        Ok(())
    }

    /// The command that was interrupted here, if there is one.
    pub(super) fn interruption(&self) -> Result<Option<InterruptionView>> {
        let Some(found) = transaction::interruption(&self.project)? else {
            return Ok(None);
        };
        let verb = |deed| match (deed, found.is_forward) {
            (Deed::Create, true) => "create",
            (Deed::Replace, true) => "replace",
            (Deed::Remove, true) | (Deed::Create, false) => "remove",
            (Deed::Replace | Deed::Remove, false) => "restore",
        };
        let files = found.files.iter();
        Ok(Some(InterruptionView {
            label: found.label,
            is_sealed: found.is_sealed,
            is_forward: found.is_forward,
            files: files
                .map(|(path, deed)| (verb(*deed), self.project.display(path)))
                .collect(),
            misplaced: found.misplaced.map(|path| path.display().to_string()),
        }))
    }

    /// A path as the manifest has it, made absolute.
    #[must_use]
    pub fn absolute(&self, typed: &str) -> PathBuf {
        self.environment.absolute(self.project.root(), typed)
    }

    /// The repository of a source that is one, as it was fetched last; `None` also where it cannot be opened.
    pub(super) fn kept_repository(&self, source: &Source) -> Option<CachedRepository<'_>> {
        match source {
            Source::Git(url) if self.cache.has(url) => self.cache.unasked(url).ok(),
            Source::Builtin | Source::Git(_) => None,
            Source::Folder(path) | Source::File(path) => self
                .cache
                .bare_repository(&self.absolute(path))
                .ok()
                .flatten(),
        }
    }
}
