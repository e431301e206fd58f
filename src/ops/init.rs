//! `init`: a manifest to start from. One operation like every other, so that it can be undone.

use super::report::Frontend;
use super::session::Session;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::fs::Entry;
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
    let guard = session.lock_if_used(frontend)?;
    let path = session.project.manifest_path();
    let shown = session.project.display(path);
    let install = Command::new(["install", "NAME"]);
    if session.project.files().entry(path)? != Entry::Absent {
        return Err(Failure::failed(format!("`{shown}` is already there"))
            .hint(Advice::run(install).and(" adds agents to it")));
    }
    let first = format!("# What this project wants. `{install}` adds to it; edit it freely.\n");
    let after = Some([first.as_str(), TEMPLATE].concat().into_bytes());
    let changes = vec![Change {
        path: path.to_owned(),
        agent: None,
        before: None,
        after,
    }];
    let transaction = Transaction {
        label: "init".to_owned(),
        changes,
        lockfile: None,
    };
    let Some(guard) = session.lock_at_last(guard, &transaction, frontend)? else {
        return init(session, frontend);
    };
    session.apply(Some(&guard), &transaction, frontend)?;
    Ok(shown)
}
