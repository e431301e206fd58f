//! `check`: all agents of the project against what the project and this machine have. Findings are data; without `fix` nothing is
//! changed. Made for continuous integration: no network, no questions, the same findings in the same order.

use std::collections::{BTreeMap, BTreeSet};

use super::change::changes;
use super::change::commit::{Attempt, commit};
use super::change::scene::Scene;
use super::policy;
use super::report::Frontend;
use super::requirement::{self, AgentNeeds, Other, Problem, Report, ServerState, Status, World};
use super::session::Session;
use crate::domain::admission::Refusal;
use crate::domain::capability::Capabilities;
use crate::domain::definition::{Definition, Verdict};
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::policy::Violation;
use crate::domain::requirement::Origin;
use crate::domain::server;
use crate::domain::shell::shell_quoted;
use crate::domain::spec::{Place, Spec, Target};
use crate::error::{Failure, Result};
use crate::fs::Entry;
use crate::store::agreement::unwanted;
use crate::store::cache::Freshness;
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::{Manifest, is_bindable};
use crate::store::mcp_file::FILE_NAME;
use crate::store::project::MAX_AGENT;

/// The settings file of the client that a project shares.
const SHARED_SETTINGS: &str = ".claude/settings.json";

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// An agent does not work as it is.
    Error,
    /// Something is not as it was agreed to, or is left over.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What kind of finding it is; stable, for scripts.
    pub kind: &'static str,
    /// The agent or the server that it is about.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// Where: path, and line if there is one.
    pub places: Vec<String>,
    /// The command that mends it, or what else to do.
    pub mend: Option<String>,
    /// Whether another machine might not have it: a program or a variable that is missing here, or the settings of a person.
    pub is_about_machine: bool,
}

/// What was looked at and found.
#[derive(Debug, Clone, Default)]
pub struct CheckOutcome {
    /// How many agents were looked at.
    pub agents: usize,
    /// The servers that they ask for.
    pub servers: Vec<ServerState>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// Why the client ignores `.mcp.json`, if it does.
    pub broken_file: Option<Failure>,
    /// Servers that were taken out of `.mcp.json` because nothing needs them.
    pub removed: Vec<String>,
}

/// Looks at everything. `is_fixing`: servers that agentpkg added and nothing needs are taken out.
pub fn check(
    session: &Session,
    is_fixing: bool,
    frontend: &mut dyn Frontend,
) -> Result<CheckOutcome> {
    let removed = if is_fixing {
        fix(session, frontend)?
    } else {
        session.look_for_interruption(frontend)?;
        Vec::new()
    };
    let manifest = session.manifest(frontend)?;
    let lockfile = session.project.load_lockfile()?;
    let world = World::open(session, &manifest, &lockfile, frontend)?;
    let agents = requirement::all_agents(session, &world, &manifest, &lockfile, &[])?;
    let mut outcome = CheckOutcome {
        agents: agents.len(),
        removed,
        ..CheckOutcome::default()
    };
    let installed = requirement::installed_names(session, &lockfile)?;
    let report = requirement::report(session, &world, manifest.policy(), &agents, &installed)?;
    let mut checker = Checker {
        session,
        manifest: &manifest,
        lockfile: &lockfile,
        world: &world,
        findings: Vec::new(),
    };
    let mut names = checker.agents()?;
    checker.foreign(&mut names)?;
    checker.same_names(names);
    checker.needs(&report, &agents);
    checker.added(&agents);
    outcome.findings = checker.findings;
    outcome.findings.sort_by(|one, other| {
        one.level
            .cmp(&other.level)
            .then_with(|| one.subject.cmp(&other.subject))
    });
    outcome.broken_file = world.servers.file.as_ref().err().cloned();
    outcome.servers = report.servers;
    Ok(outcome)
}

/// Takes servers out of `.mcp.json` that agentpkg added and no agent needs; gives back their names.
fn fix(session: &Session, frontend: &mut dyn Frontend) -> Result<Vec<String>> {
    let mut plan = |attempt: &Attempt<'_>, frontend: &mut dyn Frontend| {
        let scene = &attempt.scene;
        let Scene {
            session,
            manifest,
            lockfile: before,
            ..
        } = scene;
        let world = World::open(session, manifest, before, frontend)?;
        let agents = requirement::all_agents(session, &world, manifest, before, &[])?;
        let (mut after, mut changes) = (before.clone(), Vec::new());
        let project = &session.project;
        let (removed, _) =
            requirement::drop_unneeded(project, &world, &agents, &mut after, &mut changes)?;
        let label = "check --fix".to_owned();
        let transaction = changes::transaction(project, label, manifest, before, &after, changes)?;
        Ok((removed, transaction))
    };
    commit(session, Freshness::Any, false, frontend, &mut plan)
}

struct Checker<'a> {
    session: &'a Session,
    manifest: &'a Manifest,
    lockfile: &'a Lockfile,
    world: &'a World,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn find(
        &mut self,
        level: Level,
        kind: &'static str,
        subject: &str,
        message: String,
        places: Vec<String>,
        mend: Option<String>,
    ) {
        let is_about_machine = matches!(kind, "missing-program" | "unset-variable");
        self.findings.push(Finding {
            level,
            kind,
            subject: subject.to_owned(),
            message,
            places,
            mend,
            is_about_machine,
        });
    }

    /// The installed agents themselves: there, loaded, as agreed to, within the policy. Gives the files by the names in them.
    fn agents(&mut self) -> Result<BTreeMap<String, Vec<String>>> {
        for name in self
            .manifest
            .agents()
            .keys()
            .filter(|name| !self.lockfile.agents.contains_key(*name))
        {
            let mend = Some("agentpkg install".to_owned());
            self.find(
                Level::Error,
                "missing-agent",
                name.as_str(),
                "is wanted by agentpkg.toml but not installed".to_owned(),
                Vec::new(),
                mend,
            );
        }
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let unwanted = unwanted(self.manifest, self.lockfile);
        if let Err(failure) = self.manifest.refuse_guess(&unwanted) {
            let mend = failure.hints().first().map(ToString::to_string);
            self.find(
                Level::Error,
                "manifest",
                "agentpkg.toml",
                failure.message().to_owned(),
                Vec::new(),
                mend,
            );
        }
        for (name, locked) in &self.lockfile.agents {
            if unwanted.contains(&name) {
                let message = "is installed, but not in agentpkg.toml any more".to_owned();
                self.find(
                    Level::Warning,
                    "unwanted-agent",
                    name.as_str(),
                    message,
                    Vec::new(),
                    Some("agentpkg install".to_owned()),
                );
            }
            let path = self
                .session
                .project
                .display(&self.session.project.agent_path(name));
            let Some(bytes) = self.session.project.read_agent(name)? else {
                let mend = Some("agentpkg install".to_owned());
                self.find(
                    Level::Error,
                    "missing-file",
                    name.as_str(),
                    "its file is gone".to_owned(),
                    vec![path],
                    mend,
                );
                continue;
            };
            match Definition::parse(&bytes).verdict() {
                Verdict::Loads(loaded) => names
                    .entry(loaded.name.clone())
                    .or_default()
                    .push(path.clone()),
                Verdict::Skipped(reason) => {
                    let mend = Some(format!("agentpkg diff {name}"));
                    self.find(
                        Level::Error,
                        "ignored",
                        name.as_str(),
                        format!("the client ignores it: {reason}"),
                        vec![path.clone()],
                        mend,
                    );
                }
            }
            let end = format!("`agentpkg remove {name}`");
            self.forbidden(
                name.as_str(),
                policy::violations(self.manifest, locked, &bytes),
                &path,
                &end,
            );
            if Digest::of(&bytes) != locked.base {
                self.edited(name, locked, &bytes, path)?;
            }
        }
        Ok(names)
    }

    /// The agents that agentpkg did not write, wherever they come from: loaded, within the policy.
    fn foreign(&mut self, names: &mut BTreeMap<String, Vec<String>>) -> Result<()> {
        let project = &self.session.project;
        for listed in project.files().list(project.agents_folder())? {
            let Some(stem) = listed
                .name
                .strip_suffix(".md")
                .filter(|_| listed.entry == Entry::File)
            else {
                continue;
            };
            if AgentName::new(stem).is_ok_and(|name| self.lockfile.agents.contains_key(&name)) {
                continue;
            }
            let path = project.agents_folder().join(&listed.name);
            let Some(bytes) = project.files().read(&path, MAX_AGENT)? else {
                continue;
            };
            let shown = project.display(&path);
            let definition = Definition::parse(&bytes);
            match definition.verdict() {
                Verdict::Loads(loaded) => names
                    .entry(loaded.name.clone())
                    .or_default()
                    .push(shown.clone()),
                // A file that does not pretend to be an agent is nobody's loss.
                Verdict::Skipped(reason)
                    if definition
                        .get("name")
                        .or(definition.get("description"))
                        .is_some() =>
                {
                    let message = format!("the client ignores it: {reason}");
                    self.find(
                        Level::Error,
                        "ignored",
                        stem,
                        message,
                        vec![shown.clone()],
                        Some("mend its frontmatter".to_owned()),
                    );
                }
                Verdict::Skipped(_) => {}
            }
            self.forbidden(
                stem,
                self.manifest.policy().agent(&bytes),
                &shown,
                &format!("delete {shown}"),
            );
        }
        Ok(())
    }

    fn same_names(&mut self, names: BTreeMap<String, Vec<String>>) {
        for (name, paths) in names.into_iter().filter(|(_, paths)| paths.len() > 1) {
            let mend = Some("rename one of them: `agentpkg install SPEC --as NAME`".to_owned());
            self.find(
                Level::Error,
                "same-name",
                &name,
                "several files have this name; the client loads only one".to_owned(),
                paths,
                mend,
            );
        }
    }

    /// What is against the policy. `end`: how the agent is got rid of.
    fn forbidden(&mut self, name: &str, violations: Vec<Violation>, path: &str, end: &str) {
        for violation in violations {
            let what = match &violation.doubt {
                Some(reason) => format!("mend its frontmatter ({reason})"),
                None => "change it".to_owned(),
            };
            let (message, mend) = (violation.to_string(), Some(format!("{what}, or {end}")));
            self.find(
                Level::Error,
                "policy",
                name,
                message,
                vec![path.to_owned()],
                mend,
            );
        }
    }

    fn edited(
        &mut self,
        name: &AgentName,
        locked: &LockedAgent,
        bytes: &[u8],
        path: String,
    ) -> Result<()> {
        let mend = Some(format!("agentpkg diff {name}"));
        let base = self.session.project.read_base(&locked.base)?;
        let gains = base
            .map(|base| Capabilities::of(bytes).gains_over(&Capabilities::of(&base)))
            .unwrap_or_default();
        if gains.is_empty() {
            self.find(
                Level::Note,
                "edited",
                name.as_str(),
                "was changed by hand".to_owned(),
                vec![path],
                mend,
            );
        } else {
            let words: Vec<String> = gains.iter().map(ToString::to_string).collect();
            let message = format!(
                "was changed by hand and may do more than what was installed: {}",
                words.join(", ")
            );
            self.find(
                Level::Warning,
                "widened",
                name.as_str(),
                message,
                vec![path],
                mend,
            );
        }
        Ok(())
    }

    fn needs(&mut self, report: &Report, agents: &[AgentNeeds]) {
        for server in &report.servers {
            self.server(server);
        }
        for other in report.others.iter().filter(|other| !other.is_there) {
            self.other(other, agents);
        }
        for lost in &report.lost {
            let (message, mend) = (lost.loss.to_string(), Some(lost.loss.mend().to_owned()));
            self.find(
                Level::Warning,
                "lost-text",
                &lost.agent,
                message,
                vec![lost.place.clone()],
                mend,
            );
        }
        let mut odd: BTreeMap<&str, (Vec<String>, Vec<String>)> = BTreeMap::new();
        for tool in &report.odd_tools {
            let (texts, places) = odd.entry(&tool.agent).or_default();
            let now = match (&tool.retired, &tool.meant) {
                (Some(retired), _) if retired.now.is_empty() => "gone".to_owned(),
                (Some(retired), _) => format!("now {}", retired.now.join(" or ")),
                (None, Some(meant)) => format!("write {meant}"),
                (None, None) => "no tool of the client".to_owned(),
            };
            texts.push(format!("{} ({now})", tool.text));
            places.push(tool.place.clone());
        }
        for (agent, (texts, mut places)) in odd {
            places.dedup();
            let needs = agents
                .iter()
                .find(|known| known.name == agent)
                .map(|known| &known.needs);
            // With nothing that the client knows, it refuses to start the agent.
            let is_lame = needs.is_some_and(|needs| {
                !needs.is_every_tool
                    && needs.servers.is_empty()
                    && needs.tools.len() == texts.len()
                    && !is_alias_only(report, agent)
            });
            let (level, kind) = if is_lame {
                (Level::Error, "no-tools")
            } else {
                (Level::Note, "odd-tools")
            };
            let message = if is_lame {
                format!(
                    "none of its tools exists, so the client cannot start it: {}",
                    texts.join(", ")
                )
            } else {
                format!(
                    "names tools that the client does not have: {}",
                    texts.join(", ")
                )
            };
            self.find(
                level,
                kind,
                agent,
                message,
                places,
                Some("edit its `tools` line; your edit survives updates".to_owned()),
            );
        }
    }

    fn server(&mut self, server: &ServerState) {
        let places: Vec<String> = server.askers.iter().map(ToString::to_string).collect();
        let name = &server.name;
        let agent = server
            .askers
            .first()
            .map_or("AGENT", |asker| asker.agent.as_str());
        let is_ours =
            AgentName::new(agent).is_ok_and(|agent| self.lockfile.agents.contains_key(&agent));
        let by_hand = |path: &str| format!("edit {}", shell_quoted(path));
        // Whoever wrote the agent chose the name, and the command is pasted into a shell.
        let bind = |target: &str| {
            if is_ours && is_bindable(name) && is_bindable(target) {
                format!("agentpkg install {agent} --bind {name}={target}")
            } else {
                by_hand(&places[0])
            }
        };
        let missing = |what: String| format!("is not configured{what}");
        if let Status::Disabled(scope, refusal) = &server.status {
            let message = format!("is configured {}, but {refusal}", scope.place());
            self.find(
                Level::Error,
                "disabled-server",
                name,
                message,
                places.clone(),
                Some(refusal.mend()),
            );
            // Only this file comes with the project.
            if let Some(finding) = self.findings.last_mut() {
                finding.is_about_machine = refusal.file != SHARED_SETTINGS;
            }
        }
        let refused = server.problems.iter().find_map(|problem| match problem {
            Problem::Refused(refusal) => Some(refusal),
            _ => None,
        });
        if server.is_missing() {
            let (message, mend) = match &server.status {
                Status::Known(known) if refused.is_some() => {
                    let mend = refused.map(Refusal::mend).unwrap_or_default();
                    let then = refused
                        .map(|refusal| format!("; if it were added, it would be {refusal}"))
                        .unwrap_or_default();
                    (missing(format!("; known: {}{then}", known.entry)), mend)
                }
                Status::Known(known) if !server::is_addable(name) => (
                    missing(format!(
                        " under this name, which the client does not accept; known: {}",
                        known.entry
                    )),
                    by_hand(&places[0]),
                ),
                Status::Known(known) if is_ours => (
                    missing(format!("; known: {}", known.entry)),
                    format!("agentpkg install {agent} --mcp add"),
                ),
                Status::Known(known) => {
                    let entry = shell_quoted(&known.entry.to_json().to_string());
                    (
                        missing(format!("; known: {}", known.entry)),
                        format!("claude mcp add-json --scope project {name} {entry}"),
                    )
                }
                Status::Archived(known, Some(successor)) => (
                    missing(format!(
                        "; {} is archived, `{successor}` took over with other tools",
                        known.entry
                    )),
                    bind(successor),
                ),
                Status::Archived(known, None) => (
                    missing(format!("; {} is archived", known.entry)),
                    by_hand(&places[0]),
                ),
                Status::Elsewhere(other) => (
                    missing(format!(" under this name; you have it as `{other}`")),
                    bind(other),
                ),
                Status::Unknown(Some(other)) => (
                    missing(format!(", and not known; it looks like `{other}`")),
                    bind(other),
                ),
                _ => (
                    missing(", and not known; a private server?".to_owned()),
                    bind(server::PLACEHOLDER),
                ),
            };
            self.find(
                Level::Error,
                "missing-server",
                name,
                message,
                places.clone(),
                Some(mend),
            );
        }
        for problem in server.problems.iter().filter(|_| !server.is_missing()) {
            let (level, kind, mend) = match problem {
                Problem::Skipped(_) => (
                    Level::Error,
                    "broken-server",
                    Some(format!("mend its entry in {FILE_NAME}")),
                ),
                Problem::Program(program) => {
                    (Level::Error, "missing-program", Some(how_to_get(program)))
                }
                Problem::Variables(names) => {
                    let exports: Vec<String> = names.iter().map(|name| how_to_set(name)).collect();
                    (Level::Error, "unset-variable", Some(exports.join("; ")))
                }
                Problem::Archived(_, successor) => (
                    Level::Warning,
                    "archived-server",
                    successor
                        .as_ref()
                        .map(|successor| format!("see `{successor}` in the catalogue")),
                ),
                Problem::Forbidden(_) => (
                    Level::Error,
                    "policy",
                    Some(format!("take it out of {FILE_NAME}")),
                ),
                Problem::Refused(refusal) => {
                    (Level::Error, "disabled-server", Some(refusal.mend()))
                }
                Problem::Name => (Level::Note, "odd-name", None),
            };
            self.find(level, kind, name, problem.to_string(), places.clone(), mend);
        }
        if !server.lost_tools.is_empty() && !server.is_missing() {
            let message = format!(
                "no longer has {}, which agents ask for",
                server.lost_tools.join(", ")
            );
            self.find(
                Level::Warning,
                "lost-tools",
                name,
                message,
                places,
                Some("edit their `tools`; your edit survives updates".to_owned()),
            );
        }
    }

    fn other(&mut self, other: &Other, agents: &[AgentNeeds]) {
        let name = &other.name;
        let is_required = agents.iter().any(|agent| {
            agent.name == other.agent
                && agent
                    .needs
                    .agents
                    .iter()
                    .any(|need| need.name == *name && need.place.origin == Origin::Registry)
        });
        let (level, kind, message, mend) = match other.kind {
            "agent" if is_required => (
                Level::Error,
                "missing-agent",
                "is required but not installed",
                "agentpkg install".to_owned(),
            ),
            "agent" => (
                Level::Warning,
                "missing-agent",
                "may be started, but is not installed",
                how_to_install(name),
            ),
            "skill" => (
                Level::Warning,
                "missing-skill",
                "is a skill that is not installed",
                format!("put it at .claude/skills/{name}/SKILL.md"),
            ),
            "program" => (
                Level::Error,
                "missing-program",
                "is not on PATH",
                how_to_get(name),
            ),
            _ => (
                Level::Error,
                "unset-variable",
                "is not set",
                how_to_set(name),
            ),
        };
        self.find(
            level,
            kind,
            name,
            message.to_owned(),
            vec![other.place.clone()],
            Some(mend),
        );
    }

    /// What agentpkg added to `.mcp.json`: still as agreed to, still needed, still the newest.
    fn added(&mut self, agents: &[AgentNeeds]) {
        let needed: BTreeSet<&str> = agents
            .iter()
            .flat_map(|agent| agent.needs.server_names())
            .collect();
        let Ok(file) = &self.world.servers.file else {
            return;
        };
        for (name, locked) in &self.lockfile.servers {
            let Some(found) = file.server(name) else {
                if !needed.contains(name.as_str()) {
                    let message = format!("agentpkg added it, and it is no longer in {FILE_NAME}");
                    self.find(
                        Level::Note,
                        "unused-server",
                        name,
                        message,
                        Vec::new(),
                        Some("agentpkg check --fix".to_owned()),
                    );
                }
                continue;
            };
            let place = vec![format!("{FILE_NAME}:{}", found.line)];
            if server::digest(&found.value) != locked.sha256 {
                let message =
                    "was changed since you agreed to it; the client asks again only for new names"
                        .to_owned();
                let mend =
                    Some("look at the entry; `agentpkg undo` and git know what it was".to_owned());
                self.find(Level::Warning, "changed-server", name, message, place, mend);
            } else if !needed.contains(name.as_str()) {
                let message = "agentpkg added it, and no agent needs it any more".to_owned();
                self.find(
                    Level::Warning,
                    "unused-server",
                    name,
                    message,
                    place,
                    Some("agentpkg check --fix".to_owned()),
                );
            } else if let crate::domain::catalogue::Meaning::Known(known) =
                self.world.catalogue.server(name)
                && known.registry == locked.registry
                && server::digest(&known.entry.to_json()) != locked.sha256
            {
                let message = format!("the catalogue has {} now: {}", known.version, known.entry);
                self.find(
                    Level::Note,
                    "outdated-server",
                    name,
                    message,
                    place,
                    Some("agentpkg update --mcp add".to_owned()),
                );
            }
        }
    }
}

/// Whether all odd tools of an agent are old names that the client still understands.
fn is_alias_only(report: &Report, agent: &str) -> bool {
    let mut own = report.odd_tools.iter().filter(|tool| tool.agent == agent);
    own.any(|tool| {
        tool.retired
            .as_ref()
            .is_some_and(|retired| retired.is_alias)
    })
}

/// The command that installs an agent that another one names; in words where the text is no name.
fn how_to_install(name: &str) -> String {
    match Spec::parse(name) {
        Ok(Spec {
            place: Place::Anywhere,
            target: Some(Target::Name(_)),
            ..
        }) => {
            format!("agentpkg install {}", shell_quoted(name))
        }
        _ => "look for it with `agentpkg search`".to_owned(),
    }
}

/// The command that sets a variable; in words where a shell has no such variable.
fn how_to_set(name: &str) -> String {
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name && !name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("export {name}=…")
    } else {
        format!("set the variable `{name}`")
    }
}

/// Where a program comes from.
pub(super) fn how_to_get(program: &str) -> String {
    match program {
        "npx" | "node" | "npm" => "install Node.js: https://nodejs.org".to_owned(),
        "uvx" | "uv" => "install uv: https://docs.astral.sh/uv".to_owned(),
        "docker" => "install Docker: https://docs.docker.com/get-docker".to_owned(),
        other => format!("install `{other}`, or put it on PATH"),
    }
}
