//! The servers: whether those that agents ask for are there and work, and whether those that agentpkg added are still as agreed to.

use super::finding::{Finding, Fix, Level, by_hand, how_to_get, how_to_set};
use super::{AgentNeeds, Checker};
use crate::domain::catalogue::{CatalogueServer, Meaning};
use crate::domain::name::AgentName;
use crate::domain::server;
use crate::domain::shell::{Command, shell_quoted};
use crate::error::Advice;
use crate::ops::requirement::{Problem, ServerState, Status, server_names};
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
                ..Finding::error("disabled-server", name, message)
                    .places(places.clone())
                    .fix(refusal.how_to_fix())
            });
        }
        if server.is_missing() {
            let place = places.first().map_or("", String::as_str);
            let (what, fix) = self.missing(server, place);
            self.findings.push(
                Finding::error("missing-server", name, format!("is not configured{what}"))
                    .places(places)
                    .fix(fix),
            );
            return;
        }
        for problem in &server.problems {
            let (level, kind, fix) = trouble(problem);
            let rule = match problem {
                Problem::Forbidden(violation) => Some(violation.rule),
                _ => None,
            };
            self.findings.push(Finding {
                fix,
                rule,
                ..Finding::new(level, kind, name, problem.to_string()).places(places.clone())
            });
        }
        if !server.lost_tools.is_empty() {
            let lost = server.lost_tools.join(", ");
            let message = format!("no longer has {lost}, which agents ask for");
            let fix = self.edit("edit their `tools`", &places);
            self.findings.push(
                Finding::warning("lost-tools", name, message)
                    .places(places)
                    .fix(fix),
            );
        }
    }

    /// What else is to say about a server that is not configured, and how to get it. `place`: where it is asked for.
    fn missing(&self, server: &ServerState, place: &str) -> (String, Fix) {
        let name = &server.name;
        let bind = |target: &str| match self.installed_asker(server) {
            Some(agent) if is_bindable(name) && is_bindable(target) => {
                let pair = format!("{name}={target}");
                Command::new(["install", agent, "--bind", &pair]).into()
            }
            _ => by_hand(place),
        };
        match &server.status {
            Status::Known(known) => self.known(server, known, place),
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

    /// The same for a server that the catalogue knows.
    fn known(&self, server: &ServerState, known: &CatalogueServer, place: &str) -> (String, Fix) {
        let (name, entry) = (&server.name, &known.entry);
        let refused = server.problems.iter().find_map(|problem| match problem {
            Problem::Refused(refusal) => Some(refusal),
            _ => None,
        });
        if let Some(refusal) = refused {
            let what = format!("; known: {entry}; if it were added, it would be {refusal}");
            return (what, refusal.how_to_fix().into());
        }
        if !server::is_addable(name) {
            let what = " under this name, which Claude Code does not accept; known: ";
            return (format!("{what}{entry}"), by_hand(place));
        }
        let fix = match self.installed_asker(server) {
            Some(agent) => Command::new(["install", agent, "--mcp", "add"]).into(),
            None => Fix::Type(format!(
                "claude mcp add-json --scope project {name} {}",
                shell_quoted(&entry.to_json().to_string())
            )),
        };
        (format!("; known: {entry}"), fix)
    }

    /// The agent that asks for a server first, if agentpkg installed it.
    fn installed_asker<'s>(&self, server: &'s ServerState) -> Option<&'s str> {
        let asker = server.askers.first()?;
        let name = AgentName::new(&asker.agent).ok()?;
        let is_installed = self.lockfile.agents.contains_key(&name)
            && asker.path
                == self
                    .session
                    .project
                    .shown_path(&name, self.lockfile.folder(&name));
        is_installed.then_some(asker.agent.as_str())
    }

    /// What agentpkg added to `.mcp.json`: still as agreed to, still needed, still the newest.
    pub(super) fn added(&mut self, agents: &[AgentNeeds]) {
        let needed = server_names(agents);
        let Ok(file) = &self.world.servers.file else {
            return;
        };
        let clean_up = || Command::new(["check", "--fix"]);
        for (name, locked) in &self.lockfile.servers {
            let is_needed = needed.contains(name.as_str());
            let Some(found) = file.server(name) else {
                if !is_needed {
                    let message = format!("agentpkg added it, and it is no longer in {FILE_NAME}");
                    self.findings
                        .push(Finding::note("unused-server", name, message).fix(clean_up()));
                }
                continue;
            };
            let finding = if server::digest(&found.value) != locked.sha256 {
                let message =
                    "was changed since you agreed to it; Claude Code asks again only for new names";
                let fix = Advice::say("review the entry; ")
                    .and_run(Command::new(["undo"]))
                    .and(" and git have the earlier one");
                Finding::warning("changed-server", name, message).fix(fix)
            } else if !is_needed {
                let message = "agentpkg added it, and no agent needs it any more";
                Finding::warning("unused-server", name, message).fix(clean_up())
            } else if let Meaning::Known(known) = self.world.catalogue.server(name)
                && known.registry == locked.registry
                && server::digest(&known.entry.to_json()) != locked.sha256
            {
                let message = format!("the catalogue has {} now: {}", known.version, known.entry);
                Finding::note("outdated-server", name, message)
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
