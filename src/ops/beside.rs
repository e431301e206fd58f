//! The name under which an agent is installed beside another one of its name: which names are taken, and which one is proposed.

use std::collections::BTreeSet;

use crate::domain::folder::Folder;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::spec::Source;
use crate::fs::Entry;
use crate::store::manifest::source_text;
use crate::store::project::Project;

/// The names that no other agent can have.
pub(super) struct Taken<'p> {
    project: &'p Project,
    folded: BTreeSet<String>,
}

impl<'p> Taken<'p> {
    /// The names of a project, and `more`, which are about to be installed.
    pub(super) fn of<'n>(
        project: &'p Project,
        more: impl IntoIterator<Item = &'n AgentName>,
    ) -> Self {
        let mut folded: BTreeSet<String> = more.into_iter().map(AgentName::folded).collect();
        // Whoever needs these files has read them; what cannot be read takes no names.
        if let Ok(Some(manifest)) = project.load_manifest() {
            folded.extend(manifest.agents().keys().map(AgentName::folded));
        }
        if let Ok(lockfile) = project.load_lockfile() {
            folded.extend(lockfile.agents.keys().map(AgentName::folded));
        }
        Self { project, folded }
    }

    /// Why an agent cannot have this name; `None`: it can.
    pub(super) fn refuses(&self, text: &str) -> Option<String> {
        let name = match AgentName::new(text) {
            Ok(name) => name,
            Err(error) => return Some(format!("`{}` is not a name: {error}", text.escape_debug())),
        };
        if self.folded.contains(&name.folded()) {
            return Some(format!("`{name}` is the name of another agent"));
        }
        // What cannot be read is in the way as well, and so is a folder.
        let path = self.project.agent_path(&name, Folder::top());
        let is_there = !matches!(self.project.files().entry(&path), Ok(Entry::Absent));
        is_there.then(|| {
            format!(
                "`{}` exists already",
                self.project.shown_path(&name, Folder::top())
            )
        })
    }

    /// The name of an agent with that of its registry, or of its repository's owner; with a number if that is taken.
    pub(super) fn free(
        &self,
        name: &AgentName,
        registry: Option<&RegistryName>,
        source: &Source,
    ) -> String {
        let long = format!("{name}-{}", owner(registry, source).to_lowercase());
        // What the owner is called need not be fit for a name.
        let base = AgentName::new(&long).map_or_else(|_| name.to_string(), |name| name.to_string());
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let mut names = std::iter::once(base.clone()).chain(numbered).take(1000);
        let free = names.find(|name| self.refuses(name).is_none());
        free.unwrap_or(base)
    }
}

/// Who offers what is in a source, in one word.
fn owner(registry: Option<&RegistryName>, source: &Source) -> String {
    match (registry, source) {
        (Some(registry), _) => registry.to_string(),
        (None, Source::Git(url)) => url.owner().unwrap_or_else(|| url.short_name()).to_owned(),
        (None, source) => source_text(source)
            .rsplit(['/', '\\'])
            .find(|part| !part.is_empty() && !part.starts_with('.'))
            .unwrap_or("other")
            .to_owned(),
    }
}
