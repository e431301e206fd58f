//! `init`: a manifest to start from. One operation like every other, so that it can be undone.

use super::report::Frontend;
use super::session::Session;
use crate::error::{Failure, Result};
use crate::fs::Entry;
use crate::store::transaction::{Change, Transaction};

const TEMPLATE: &str = "\
# What this project wants. `agentpkg install NAME` adds to it; edit it freely.

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
    if session.project.files().entry(path)? != Entry::Absent {
        return Err(Failure::failed(format!("`{shown}` is already there"))
            .hint("`agentpkg install NAME` adds agents to it"));
    }
    let after = Some(TEMPLATE.as_bytes().to_vec());
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
