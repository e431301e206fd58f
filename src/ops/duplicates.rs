//! Files of the agents folder that the client knows by one name, so that it loads only one of them. Whoever writes agents says so.

use std::collections::BTreeMap;

use super::report::{Event, Frontend};
use super::session::Session;
use crate::domain::definition::{Definition, Verdict};
use crate::domain::name::AgentName;
use crate::error::Result;
use crate::fs::Entry;
use crate::store::project::MAX_AGENT;

/// Warns about agents whose client name another file in the folder has, where a file that agentpkg did not write is among them.
///
/// All is written by then: what cannot be looked at any more is no failure of the command.
pub fn warn(session: &Session, frontend: &mut dyn Frontend) {
    match found(session) {
        Ok(warnings) => {
            for warning in warnings {
                frontend.report(Event::warning(warning));
            }
        }
        Err(failure) => frontend.report(Event::warning(failure.to_string())),
    }
}

fn found(session: &Session) -> Result<Vec<String>> {
    let project = &session.project;
    let folder = project.agents_folder();
    let lockfile = project.load_lockfile()?;
    let files: Vec<String> = project
        .files()
        .list(folder)?
        .into_iter()
        .filter(|listed| listed.entry == Entry::File && listed.name.ends_with(".md"))
        .map(|listed| listed.name)
        .collect();
    let is_ours = |file: &String| {
        let name = file.strip_suffix(".md").map(AgentName::new);
        matches!(name, Some(Ok(name)) if lockfile.agents.contains_key(&name))
    };
    // Those that agentpkg wrote have different names, and need not be read.
    if files.iter().all(is_ours) {
        return Ok(Vec::new());
    }
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut warnings = Vec::new();
    for file in files {
        let bytes = project
            .files()
            .read(&folder.join(&file), MAX_AGENT)?
            .unwrap_or_default();
        if let Verdict::Loads(loaded) = Definition::parse(&bytes).verdict()
            && let Some(other) = names.insert(loaded.name.clone(), file.clone())
        {
            warnings.push(format!(
                "{other} and {file} are both named `{}`; the client loads only one",
                loaded.name
            ));
        }
    }
    Ok(warnings)
}
