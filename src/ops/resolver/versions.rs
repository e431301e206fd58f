//! An agent at a version that was asked for.

use std::path::Path;
use std::rc::Rc;

use semver::Version;

use super::Resolver;
use super::resolved::Resolved;
use crate::domain::name::AgentName;
use crate::domain::shell::shell_quoted;
use crate::domain::spec::{Source, Spec, Target};
use crate::domain::version::{VersionRequest, Written};
use crate::error::{Advice, Failure, Kind, Result};
use crate::fs::{self, Entry};
use crate::ops::report::{Frontend, relay};
use crate::ops::typed::AskerPlace;
use crate::store::registry::Snapshot;

impl<'a> Resolver<'a> {
    /// Whether what failed is the version that was asked for: nothing is known then about the agent itself.
    #[must_use]
    pub fn is_unversioned(&self, failure: &Failure) -> bool {
        self.unversioned.contains(failure)
    }

    /// What a spec means at the version that it asks for, where its source has nothing of the kind now: an agent may be on one branch
    /// alone, and a source without a default branch has others.
    pub(super) fn found_at_version(
        &mut self,
        spec: &Spec,
        snapshot: &Rc<Snapshot<'a>>,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<Resolved<'a>>> {
        let Some(request) = &spec.version else {
            return Ok(Vec::new());
        };
        let agent = match &spec.target {
            Some(Target::Name(name) | Target::Plugin { agent: name, .. }) => name,
            Some(Target::Page(..) | Target::Folder(_)) | None => "",
            Some(Target::File(file)) => {
                let stem = file.rsplit('/').next().unwrap_or(file);
                stem.split('.').next().unwrap_or(stem)
            }
        };
        let at = self.snapshot_at(snapshot, (request, agent), frontend);
        // Whether there is an agent of that name at all, no version says.
        let is_guess = matches!(request, VersionRequest::Requirement(_));
        if is_guess && snapshot.without_head.is_none() && at.is_err() {
            return Ok(Vec::new());
        }
        let at = at.inspect_err(|failure| self.unversioned.push(failure.clone()))?;
        at.map_or_else(
            || Ok(Vec::new()),
            |(at, _)| self.matches(&Rc::new(at), spec, frontend),
        )
    }

    /// A source at the version that is asked for; `None` if it has no versions.
    pub(super) fn snapshot_at(
        &self,
        snapshot: &Snapshot<'a>,
        request: (&VersionRequest, &str),
        frontend: &mut dyn Frontend,
    ) -> Result<Option<(Snapshot<'a>, Option<Version>)>> {
        let (cache, written) = (&self.session.cache, self.asker.written());
        snapshot.at_version(cache, request, &written, self.freshness, &mut |event| {
            relay(frontend, event);
        })
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
        let written = self.asker.written();
        let at = self.snapshot_at(&found.snapshot, (request, &name), frontend)?;
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
                None => Err(unversioned(
                    &name,
                    &asked,
                    self.in_repository(&found, &written),
                )),
            };
        };
        let watch = &mut |event| relay(frontend, event);
        let mut entry = snapshot.find_file(&found.entry.file, watch)?;
        if entry.is_none()
            && let [one] = snapshot.find(&name, watch)?.as_slice()
        {
            entry = Some(one.clone());
        }
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
            listed_at: None,
        })
    }

    /// Those of several agents that have the version which is asked for, and how many do not have it: a hint must not name what fails.
    /// `entry`: the one of the manifest that means them.
    pub(super) fn with_version(
        &self,
        found: Vec<Resolved<'a>>,
        spec: &Spec,
        entry: Option<&AgentName>,
        frontend: &mut dyn Frontend,
    ) -> Result<(Vec<Resolved<'a>>, usize)> {
        if spec.version.is_none() {
            return Ok((found, 0));
        }
        let mut with = Vec::new();
        let mut without = Vec::new();
        for candidate in found {
            match self.at_version(candidate.clone(), spec.version.as_ref(), frontend) {
                Ok(_) => with.push(candidate),
                Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
                Err(failure) => without.push((candidate, failure)),
            }
        }
        if with.is_empty() {
            return Err(self.none_has(&without, entry));
        }
        Ok((with, without.len()))
    }

    /// That none of several agents has the version that is asked for, and why.
    fn none_has(&self, without: &[(Resolved<'a>, Failure)], entry: Option<&AgentName>) -> Failure {
        let name = without.first().map(|(found, _)| found.entry.name.as_str());
        let count = without.len();
        let failure = Failure::failed(format!(
            "none of the {count} agents named `{}` can be had at that version",
            name.unwrap_or_default()
        ));
        let by_name = |spec: &String| {
            let same = without
                .iter()
                .filter(|(found, _)| found.spec(false) == *spec);
            same.count() == 1
        };
        let spec = |found: &Resolved<'a>| {
            let named = Some(found.spec(false)).filter(by_name);
            named.unwrap_or_else(|| found.spec(true))
        };
        let why = |(found, failure): &(Resolved<'a>, Failure)| {
            let why = [&[failure.message().to_owned()], failure.details()].concat();
            format!("{}: {}", spec(found), why.join("; "))
        };
        let failure = failure.listing(without.iter().map(why));
        if let (AskerPlace::Spec { slot, .. }, Some((found, _))) =
            (&self.asker.place, without.last())
        {
            let again = self.asker.typed.replacing(*slot, spec(found)).again();
            return failure
                .hint(Advice::say("name one without a version, for example ").and_run(again));
        }
        let project = &self.session.project;
        let line = entry.and_then(|name| project.manifest_entry(name, "it does not say which"));
        match line {
            Some(line) => failure.at(line),
            None => failure,
        }
    }

    /// A failure about what was typed as a name, with the folder of that name if there is one.
    pub(super) fn or_path(&self, failure: Failure) -> Failure {
        let AskerPlace::Spec { slot, bare, .. } = &self.asker.place else {
            return failure;
        };
        let folder = self.session.environment.current_folder.join(bare);
        if bare.starts_with(['.', '/', '~']) || !fs::is_folder(&folder) {
            return failure;
        }
        let again = self.asker.typed.replacing(*slot, format!("./{bare}"));
        failure.hint(Advice::say("for the folder: ").and_run(again.again()))
    }

    /// A spec that means a version of an agent whose folder belongs to a repository, if it was typed; `None`: its folder does not.
    fn in_repository(&self, found: &Resolved<'a>, written: &Written) -> Option<String> {
        let (Source::Folder(folder), Written::Behind { version, .. }) =
            (&found.snapshot.source, written)
        else {
            return None;
        };
        let folder = fs::canonical(&self.session.absolute(folder)).ok()?;
        let is_root = |folder: &&Path| {
            let git = fs::entry(&folder.join(".git"));
            git.is_ok_and(|entry| entry != Entry::Absent)
        };
        let root = folder.ancestors().find(is_root)?;
        let root = root.to_string_lossy().replace('\\', "/");
        let name = &found.entry.name;
        let slash = if root.starts_with('/') { "" } else { "/" };
        Some(format!("file://{slash}{root}#{name}@{version}"))
    }
}

/// That an agent has no versions. `asked`: the version that was asked for; `spec`: where it may have them.
fn unversioned(name: &str, asked: &str, spec: Option<String>) -> Failure {
    let failure = Failure::failed(format!(
        "`{name}` comes from a folder, which has no versions"
    ));
    failure.hint(match spec {
        None => format!("leave out {asked}"),
        Some(spec) => format!(
            "leave out {asked}, or name the repository that the folder belongs to: `{}`",
            shell_quoted(&spec)
        ),
    })
}
