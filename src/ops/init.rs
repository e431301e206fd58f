//! `init`: a manifest to start from. One operation like every other, so that it can be undone.

use super::change::commit::{Attempt, Manner, commit};
use super::change::gone::refuse_without_manifest;
use super::report::Frontend;
use super::session::Session;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::store::cache::Freshness;
use crate::store::transaction::{Change, Transaction};

/// What stands below the first line.
const TEMPLATE: &str = "
[registries]
# studio = { git = \"https://github.com/owner/repo\" }

[agents]
# backend-architect = { registry = \"builtin\" }
";

/// Writes the manifest; refuses if there is one. Gives back its path as it is shown.
pub fn init(session: &Session, frontend: &mut dyn Frontend) -> Result<String> {
    let path = session.project.manifest_path();
    let shown = session.project.display(path);
    let install = Command::new(["install", "NAME"]);
    let first = format!("# What this project wants. `{install}` adds to it; edit it freely.\n");
    let mut plan = |attempt: &Attempt<'_>, _: &mut dyn Frontend| {
        let lockfile = &attempt.scene.lockfile;
        refuse_without_manifest(&session.project, lockfile, lockfile.agents.len())?;
        if attempt.scene.manifest.digest().is_some() {
            return Err(Failure::failed(format!("`{shown}` already exists"))
                .hint(Advice::run(install.clone()).and(" adds agents to it")));
        }
        let text = [first.as_str(), TEMPLATE].concat();
        let change = Change::file(path.to_owned(), None, Some(text.into_bytes()));
        let transaction = Transaction {
            label: "init".to_owned(),
            changes: vec![change],
            lockfile: None,
        };
        Ok(((), transaction))
    };
    commit(session, Freshness::Any, Manner::Ask, frontend, &mut plan)?;
    Ok(shown)
}
