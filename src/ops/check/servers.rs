//! The servers: whether those that agents ask for are there and work, and whether those that agentpkg added are still as agreed to.

use std::collections::BTreeSet;

use super::finding::{Finding, Fix, Level, by_hand, how_to_get, how_to_set};
use super::{AgentNeeds, Checker};
use crate::domain::admission::Refusal;
use crate::domain::catalogue::Meaning;
use crate::domain::name::AgentName;
use crate::domain::server;
use crate::domain::shell::{Command, shell_quoted};
use crate::error::Advice;
use crate::ops::requirement::{Problem, ServerState, Status};
use crate::store::manifest::is_bindable;
use crate::store::mcp_file::FILE_NAME;

/// The settings file of the client that a project shares.
const SHARED_SETTINGS: &str = ".claude/settings.json";

impl Checker<'_> {
    /// A server that agents ask for.
    pub(super) fn server(&mut self, server: &ServerState) {
        let places: Vec<String> = server.askers.iter().map(ToString::to_string).collect();
        let name = &server.name;
        if let Status::Disabled(scope, refusal) = &server.status {
            let message = format!("is configured {}, but {refusal}", scope.place());
            self.findings.push(Finding {
                // Only this file comes with the project.
                is_about_machine: refusal.file != SHARED_SETTINGS,
                ..Finding::new(Level::Error, "disabled-server", name, message)
                    .places(places.clone())
                    .fix(refusal.how_to_fix())
            });
        }
        if server.is_missing() {
            let place = places.first().map_or("", String::as_str);
            let (what, fix) = self.missing(server, place);
            self.findings.push(
                Finding::new(
                    Level::Error,
                    "missing-server",
                    name,
                    format!("is not configured{what}"),
                )
                .places(places)
                .fix(fix),
            );
            return;
        }
        for problem in &server.problems {
            let (level, kind, fix) = trouble(problem);
            self.findings.push(Finding {
                fix,
                ..Finding::new(level, kind, name, problem.to_string()).places(places.clone())
            });
        }
        if !server.lost_tools.is_empty() {
            let lost = server.lost_tools.join(", ");
            let message = format!("no longer has {lost}, which agents ask for");
            self.findings.push(
                Finding::new(Level::Warning, "lost-tools", name, message)
                    .places(places)
                    .fix("edit their `tools`; your edit survives updates"),
            );
        }
    }

    /// What else is to say about a server that is not configured, and how to get it. `place`: where it is asked for.
    fn missing(&self, server: &ServerState, place: &str) -> (String, Fix) {
        let name = &server.name;
        let agent = server
            .askers
            .first()
            .map_or("AGENT", |asker| asker.agent.as_str());
        let is_ours =
            AgentName::new(agent).is_ok_and(|agent| self.lockfile.agents.contains_key(&agent));
        let bind = |target: &str| {
            if is_ours && is_bindable(name) && is_bindable(target) {
                let pair = format!("{name}={target}");
                Command::new(["install", agent, "--bind", &pair]).into()
            } else {
                by_hand(place)
            }
        };
        let refused = server.problems.iter().find_map(|problem| match problem {
            Problem::Refused(refusal) => Some(refusal),
            _ => None,
        });
        match &server.status {
            Status::Known(known) if refused.is_some() => {
                let then = refused
                    .map(|refusal| format!("; if it were added, it would be {refusal}"))
                    .unwrap_or_default();
                let fix = refused.map(Refusal::how_to_fix).unwrap_or_default();
                (format!("; known: {}{then}", known.entry), fix.into())
            }
            Status::Known(known) if !server::is_addable(name) => (
                format!(
                    " under this name, which the client does not accept; known: {}",
                    known.entry
                ),
                by_hand(place),
            ),
            Status::Known(known) => {
                let fix = if is_ours {
                    Command::new(["install", agent, "--mcp", "add"]).into()
                } else {
                    let entry = shell_quoted(&known.entry.to_json().to_string());
                    Fix::Type(format!(
                        "claude mcp add-json --scope project {name} {entry}"
                    ))
                };
                (format!("; known: {}", known.entry), fix)
            }
            Status::Archived(known, Some(successor)) => (
                format!(
                    "; {} is archived, `{successor}` took over with other tools",
                    known.entry
                ),
                bind(successor),
            ),
            Status::Archived(known, None) => {
                (format!("; {} is archived", known.entry), by_hand(place))
            }
            Status::Elsewhere(other) => (
                format!(" under this name; you have it as `{other}`"),
                bind(other),
            ),
            Status::Unknown(Some(other)) => (
                format!(", and not known; it looks like `{other}`"),
                bind(other),
            ),
            _ => (
                ", and not known; a private server?".to_owned(),
                bind(server::PLACEHOLDER),
            ),
        }
    }

    /// What agentpkg added to `.mcp.json`: still as agreed to, still needed, still the newest.
    pub(super) fn added(&mut self, agents: &[AgentNeeds]) {
        let needed: BTreeSet<&str> = agents
            .iter()
            .flat_map(|agent| agent.needs.server_names())
            .collect();
        let Ok(file) = &self.world.servers.file else {
            return;
        };
        let clean_up = || Command::new(["check", "--fix"]);
        for (name, locked) in &self.lockfile.servers {
            let is_needed = needed.contains(name.as_str());
            let Some(found) = file.server(name) else {
                if !is_needed {
                    let message = format!("agentpkg added it, and it is no longer in {FILE_NAME}");
                    self.findings.push(
                        Finding::new(Level::Note, "unused-server", name, message).fix(clean_up()),
                    );
                }
                continue;
            };
            let finding = if server::digest(&found.value) != locked.sha256 {
                let message =
                    "was changed since you agreed to it; the client asks again only for new names";
                let fix = Advice::say("look at the entry; ")
                    .and_run(Command::new(["undo"]))
                    .and(" and git know what it was");
                Finding::new(Level::Warning, "changed-server", name, message).fix(fix)
            } else if !is_needed {
                let message = "agentpkg added it, and no agent needs it any more";
                Finding::new(Level::Warning, "unused-server", name, message).fix(clean_up())
            } else if let Meaning::Known(known) = self.world.catalogue.server(name)
                && known.registry == locked.registry
                && server::digest(&known.entry.to_json()) != locked.sha256
            {
                let message = format!("the catalogue has {} now: {}", known.version, known.entry);
                Finding::new(Level::Note, "outdated-server", name, message)
                    .fix(Command::new(["update", "--mcp", "add"]))
            } else {
                continue;
            };
            self.findings
                .push(finding.at(format!("{FILE_NAME}:{}", found.line)));
        }
    }
}

/// What a problem of a configured server is as a finding.
fn trouble(problem: &Problem) -> (Level, &'static str, Option<Fix>) {
    match problem {
        Problem::Skipped(_) => (
            Level::Error,
            "broken-server",
            Some(format!("fix its entry in {FILE_NAME}").into()),
        ),
        Problem::Program(program) => (
            Level::Error,
            "missing-program",
            Some(how_to_get(program).into()),
        ),
        Problem::Variables(names) => (Level::Error, "unset-variable", Some(how_to_set(names))),
        Problem::Archived(_, successor) => (
            Level::Warning,
            "archived-server",
            successor
                .as_ref()
                .map(|successor| format!("see `{successor}` in the catalogue").into()),
        ),
        Problem::Forbidden(_) => (
            Level::Error,
            "policy",
            Some(format!("take it out of {FILE_NAME}").into()),
        ),
        Problem::Refused(refusal) => (
            Level::Error,
            "disabled-server",
            Some(refusal.how_to_fix().into()),
        ),
        Problem::Name => (Level::Note, "odd-name", None),
    }
}
