//! `doctor`: whether this machine has what agentpkg and the client need. Findings are data; nothing is changed.

use super::registry;
use super::report::Frontend;
use super::session::Session;
use crate::error::Result;
use crate::fs::{self, Entry};
use crate::store::cache::Freshness;

/// How a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Good,
    /// Something works less well.
    Warning,
    /// Something does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// How it is.
    pub health: Health,
    /// What was seen.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Looks at git, the folders, the client and the registries.
pub fn doctor(session: &Session, frontend: &mut dyn Frontend) -> Result<Vec<Finding>> {
    session.recover(frontend)?;
    let mut findings = vec![git(session), client(session)];
    let folders = [("cache", session.environment.cache_folder()), ("client folder", session.environment.client_folder())];
    findings.extend(folders.map(|(subject, folder)| match folder {
        Some(folder) => finding(subject, Health::Good, folder.display().to_string(), None),
        None => finding(subject, Health::Warning, "there is no home folder", Some("set `HOME`")),
    }));
    let agents = session.project.agents_folder();
    let shown = session.project.display(agents);
    findings.push(match fs::entry(agents)? {
        Entry::Folder => finding("agents folder", Health::Good, shown, None),
        Entry::Absent => finding("agents folder", Health::Good, format!("{shown} (made at the first install)"), None),
        Entry::Link => finding(
            "agents folder",
            Health::Warning,
            format!("{shown} is a symbolic link"),
            Some("agentpkg does not write through it by default"),
        ),
        _ => finding("agents folder", Health::Bad, format!("{shown} is not a folder"), Some("move it away")),
    });
    for listed in registry::list(session, Freshness::Now, frontend)? {
        let subject = format!("registry {}", listed.name);
        findings.push(match listed.agents {
            Ok(count) => finding(&subject, Health::Good, format!("{count} agents, {}", listed.source), None),
            Err(failure) => {
                let hint = failure.hints().first().map(String::as_str);
                finding(&subject, Health::Bad, failure.to_string(), hint)
            }
        });
    }
    Ok(findings)
}

fn git(session: &Session) -> Finding {
    match session.cache.git().and_then(|git| Ok(git.version()?)) {
        Ok(version) => finding("git", Health::Good, version, None),
        Err(failure) => {
            let hint = failure.hints().first().map(String::as_str);
            finding("git", Health::Warning, format!("{failure}; only built-in and folder registries work"), hint)
        }
    }
}

fn client(session: &Session) -> Finding {
    match session.environment.find_program("claude") {
        Some(path) => finding("Claude Code", Health::Good, path.display().to_string(), None),
        None => finding(
            "Claude Code",
            Health::Warning,
            "`claude` is not on PATH",
            Some("install it, or ignore this if another program runs the agents"),
        ),
    }
}

fn finding(subject: &str, health: Health, detail: impl Into<String>, hint: Option<&str>) -> Finding {
    Finding { subject: subject.to_owned(), health, detail: detail.into(), hint: hint.map(str::to_owned) }
}
