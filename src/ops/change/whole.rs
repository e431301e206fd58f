//! `install --all`: which agents of a whole source, or of one of its folders, are meant. What its author most surely means as agents is
//! taken, the rest is counted; a name that still means several agents is left out, because a person has to say which.

use std::collections::BTreeMap;

use super::plan::Passed;
use super::planner::Planner;
use super::specs::Asked;
use crate::domain::count::{few, numbered};
use crate::domain::discovery::kinds::Kind;
use crate::domain::discovery::{IndexEntry, Refused};
use crate::domain::name::RegistryName;
use crate::domain::shell::Command;
use crate::domain::spec::{Place, Source, Target};
use crate::error::{Advice, Failure, Kind as FailureKind, Result};
use crate::ops::report::{Frontend, relay};
use crate::ops::resolver::Resolved;

impl<'a> Planner<'a, '_> {
    /// The agents of everything that a spec names.
    pub(super) fn whole(
        &mut self,
        asked: &Asked,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<Resolved<'a>>> {
        let spec = &asked.spec;
        let manifest = &self.scene.manifest;
        let folder = match &spec.target {
            None => None,
            Some(Target::Folder(folder)) => Some(folder.as_str()),
            Some(_) => return Err(no_source()),
        };
        let (registry, source) = match &spec.place {
            Place::Source(source) => (None, Some(source.clone())),
            Place::Registry(name) => (Some(name), self.registry(name)),
            Place::Anywhere => (None, None),
        };
        let source = source.ok_or_else(no_source)?;
        let snapshot = self.resolver.snapshot(registry, &source, frontend)?;
        let offered = snapshot.offered(&mut |event| relay(frontend, event))?;
        let (meant, behind) = offered.within(folder.unwrap_or_default());
        if meant.is_empty() {
            // Says that there is nothing, and what may be meant.
            return self.resolver.resolve_some(spec, manifest, frontend);
        }
        let mut by_name: BTreeMap<String, Vec<IndexEntry>> = BTreeMap::new();
        for entry in meant {
            by_name.entry(entry.name.folded()).or_default().push(entry);
        }
        let is_sure = |found: &[IndexEntry]| found.iter().any(|entry| entry.kind <= Kind::Folder);
        let is_any_sure = by_name.values().any(|found| is_sure(found));
        let is_meant = |refused: &&Refused| refused.file.starts_with(folder.unwrap_or_default());
        let refused = snapshot.refused().iter().filter(is_meant).cloned();
        let refused: Vec<Refused> = refused.collect();
        let place = snapshot.place();
        let place = folder.map_or(place.clone(), |folder| format!("{place}#{folder}"));
        let mut passed = Passed {
            source: snapshot.place(),
            lower: 0,
            behind: behind.len(),
            refused,
        };
        let (mut all, mut ambiguous) = (Vec::new(), Vec::new());
        for found in by_name.into_values() {
            if is_any_sure && !is_sure(&found) {
                passed.lower += 1;
                continue;
            }
            let name = found[0].name.to_string();
            let installed = self.resolver.installed(&snapshot, &name, frontend)?;
            let entry = match (installed, found.as_slice()) {
                (Some(entry), _) => entry,
                (None, [entry]) => entry.clone(),
                (None, _) => {
                    ambiguous.push(name);
                    continue;
                }
            };
            let resolved = Resolved::newest(snapshot.clone(), entry);
            match self
                .resolver
                .at_version(resolved, spec.version.as_ref(), frontend)
            {
                Ok(resolved) => all.push(resolved),
                Err(failure) if failure.kind() == FailureKind::Interrupted => return Err(failure),
                Err(failure) => self.plan.failures.push(failure),
            }
        }
        if !ambiguous.is_empty() {
            self.plan.failures.push(several(&ambiguous, &place));
        }
        if passed.lower + passed.behind > 0 || !passed.refused.is_empty() {
            self.plan.passed.push(passed);
        }
        Ok(all)
    }
}

impl Planner<'_, '_> {
    /// A registry of the manifest, or of the user.
    fn registry(&self, name: &RegistryName) -> Option<Source> {
        let all = self.scene.session.registries(&self.scene.manifest);
        all.into_iter()
            .find(|(known, _)| known == name)
            .map(|(_, source)| source)
    }
}

fn no_source() -> Failure {
    Failure::usage("`--all` needs a whole source, a folder of one, or a registry of agentpkg.toml")
        .hint(Advice::say("for example ").and_run(Command::new([
            "install",
            "gh:OWNER/REPO",
            "--all",
        ])))
}

/// That names mean several agents each.
fn several(names: &[String], place: &str) -> Failure {
    let subject = numbered(names.len(), "name means", "names mean");
    let list = Command::new(["list", "--available", place]);
    Failure::new(
        FailureKind::Consent,
        format!(
            "{subject} several agents and is left out: {}",
            few(names, ", ")
        ),
    )
    .hint(Advice::run(list).and(" shows their files; install the one that you mean by its file"))
}
