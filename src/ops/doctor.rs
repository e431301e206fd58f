//! `doctor`: whether this machine has what agentpkg and the client need. Findings are data; nothing is changed.

use std::collections::BTreeMap;
use std::path::Path;

use semver::Version;

use super::registry;
use super::report::Frontend;
use super::session::Session;
use crate::domain::count::counted;
use crate::domain::shell::Command;
use crate::domain::spec::Source;
use crate::error::{Advice, Location, Result};
use crate::fs::{self, Entry};
use crate::store::cache::Freshness;
use crate::store::{mcp_file, servers};

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
    pub hint: Option<Advice>,
}

/// Looks at git, the folders, the client and the registries; with `asks`, registries are asked for their state.
pub fn doctor(session: &Session, asks: bool, frontend: &mut dyn Frontend) -> Result<Vec<Finding>> {
    session.look_for_interruption(frontend)?;
    let mut findings = vec![git(session), client(session)];
    let obstacle = session.cache.obstacle().map(|file| {
        let text = format!("{} is not a folder", file.display());
        let hint = "move it, or set `AGENTPKG_CACHE_DIR` to another folder";
        finding("cache", Health::Bad, text).hint(hint)
    });
    let cache = ("cache", session.environment.cache_folder());
    let folders = [
        Some(cache).filter(|_| obstacle.is_none()),
        Some(("Claude Code folder", session.environment.client_folder())),
    ];
    findings.extend(obstacle);
    findings.extend(
        folders
            .into_iter()
            .flatten()
            .map(|(subject, folder)| match folder {
                Some(folder) => finding(subject, Health::Good, folder.display().to_string()),
                None => {
                    finding(subject, Health::Warning, "there is no home folder").hint("set `HOME`")
                }
            }),
    );
    let agents = session.project.agents_folder();
    let shown = session.project.display(agents);
    findings.push(match fs::entry(agents)? {
        Entry::Folder => finding("agents folder", Health::Good, shown),
        Entry::Absent => finding(
            "agents folder",
            Health::Good,
            format!("{shown} (created by the first install)"),
        ),
        Entry::Link => finding(
            "agents folder",
            Health::Warning,
            format!("{shown} is a symbolic link"),
        )
        .hint("agentpkg does not write through it by default"),
        _ => finding(
            "agents folder",
            Health::Bad,
            format!("{shown} is not a folder"),
        )
        .hint("move it away"),
    });
    findings.extend(programs(session)?);
    let registries = if asks {
        registry::list(session, Freshness::Now, frontend)?
    } else {
        registry::known(session, frontend)?
    };
    for listed in registries {
        let subject = format!("registry {}", listed.name);
        let asked = if asks {
            asked(session, &listed.source)
        } else {
            ""
        };
        findings.push(match listed.agents {
            Ok(Some(count)) => finding(
                &subject,
                Health::Good,
                format!("{asked}{}, {}", counted(count, "agent"), listed.source),
            ),
            Ok(None) => finding(
                &subject,
                Health::Good,
                format!("never read, {}", listed.source),
            ),
            Err(failure) => Finding {
                hint: failure.hints().first().cloned(),
                ..finding(&subject, Health::Bad, failure.to_string())
            },
        });
    }
    Ok(findings)
}

/// How a registry that was looked into was asked over the network, before what it has.
fn asked(session: &Session, source: &Source) -> &'static str {
    match source {
        Source::Git(url) if url.local_path().is_some() => "no network needed, ",
        Source::Git(_) if session.options.is_offline => "not asked because of `--offline`, ",
        Source::Git(_) => "answered, ",
        Source::Builtin | Source::Folder(_) | Source::File(_) => "no network needed, ",
    }
}

fn git(session: &Session) -> Finding {
    match session.cache.git().and_then(|git| Ok(git.version()?)) {
        Ok(version) => finding("git", Health::Good, version),
        Err(failure) => {
            let detail = format!("{failure}; only built-in and folder registries work");
            Finding {
                hint: failure.hints().first().cloned(),
                ..finding("git", Health::Warning, detail)
            }
        }
    }
}

fn client(session: &Session) -> Finding {
    match session.environment.find_program("claude") {
        Some(path) => {
            let version = client_version(&path).map_or_else(
                || "version unknown".to_owned(),
                |version| version.to_string(),
            );
            finding(
                "Claude Code",
                Health::Good,
                format!("{version}, {}", path.display()),
            )
        }
        None => finding("Claude Code", Health::Warning, "`claude` is not on PATH")
            .hint("install it, or ignore this if another program runs the agents"),
    }
}

/// The version of the client by where it is installed, without running it: a `package.json` above it, or a folder of versions.
fn client_version(path: &Path) -> Option<Version> {
    let path = fs::canonical(path).ok()?;
    let by_name = path
        .file_name()?
        .to_str()
        .and_then(|name| Version::parse(name).ok());
    by_name.or_else(|| {
        path.ancestors().skip(1).take(3).find_map(|folder| {
            let bytes = fs::read(&folder.join("package.json"), 1 << 20).ok()??;
            let package: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
            let is_client = package["name"]
                .as_str()?
                .starts_with("@anthropic-ai/claude-code");
            Version::parse(package["version"].as_str().filter(|_| is_client)?).ok()
        })
    })
}

/// The programs that the configured servers are started with.
fn programs(session: &Session) -> Result<Vec<Finding>> {
    let servers = servers::read(&session.project, &session.environment)?;
    let mut used: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for server in servers
        .found
        .iter()
        .filter(|server| server.refusal.is_none())
    {
        if let Some(program) = server
            .entry
            .as_ref()
            .ok()
            .and_then(|entry| entry.program_name())
            && !program.contains(['/', '\\', '$'])
        {
            used.entry(program).or_default().push(&server.name);
        }
    }
    let mut findings: Vec<Finding> = Vec::new();
    if let Err(failure) = &servers.file {
        let place = failure.location().map_or(0, Location::line);
        findings.push(
            finding(
                mcp_file::FILE_NAME,
                Health::Bad,
                format!("{failure}, line {place}"),
            )
            .hint(Advice::run(Command::new(["check"])).and(" shows the line")),
        );
    }
    for (program, names) in used {
        let names = names.join(", ");
        findings.push(match session.environment.find_program(program) {
            Some(path) => finding(
                program,
                Health::Good,
                format!("{}, for {names}", path.display()),
            ),
            None => finding(
                program,
                Health::Bad,
                format!("not on PATH, but started for {names}"),
            )
            .hint(super::check::how_to_get(program)),
        });
    }
    Ok(findings)
}

fn finding(subject: &str, health: Health, detail: impl Into<String>) -> Finding {
    Finding {
        subject: subject.to_owned(),
        health,
        detail: detail.into(),
        hint: None,
    }
}

impl Finding {
    /// The same with what to do about it.
    fn hint(mut self, hint: impl Into<Advice>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
