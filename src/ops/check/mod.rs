//! `check`: all agents of the project against what the project and this machine have. Findings are data; without `fix` nothing is
//! changed. Made for continuous integration: no network, no questions, the same findings in the same order.

mod finding;
mod fix;
mod left;
mod loaded;
mod servers;

use std::collections::BTreeMap;

use super::candidate::modern;
use super::idle::idle;
use super::news::{Look, News};
use super::policy;
use super::report::Frontend;
use super::requirement::{
    self, AgentNeeds, MissingPart, OddTool, Other, Report, ServerState, World, is_of_plugin,
};
use super::session::Session;
use super::unmanaged::unmanaged_in;
use crate::domain::budget::shortening;
use crate::domain::capability::Capabilities;
use crate::domain::count::few;
use crate::domain::definition::ignored;
use crate::domain::digest::Digest;
use crate::domain::folder::Folder;
use crate::domain::markers;
use crate::domain::name::AgentName;
use crate::domain::overrides::Overrides;
use crate::domain::policy::Violation;
use crate::domain::requirement::{Need, Origin};
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::store::agreement::{has_other_overrides, reachable, unlocked, unwanted};
use crate::store::lockfile::{LockedAgent, Lockfile};
use crate::store::manifest::{FILE_NAME, Manifest};
use crate::store::placed::Placed;

pub(super) use finding::how_to_get;
pub use finding::{AbsentTool, Finding, Fix, Level};
use finding::{how_to_install, how_to_set};
use fix::fix;

/// What was looked at and found.
#[derive(Debug, Clone, Default)]
pub struct CheckOutcome {
    /// How many files of the agents folder agentpkg did not write.
    pub unmanaged: usize,
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

/// What to do about what nothing needs any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixing {
    /// Nothing: only look.
    No,
    /// Say what would be taken out.
    DryRun,
    /// Take it out.
    Yes,
}

/// Looks at everything. `fixing`: what to do about servers that agentpkg added and nothing needs.
pub fn check(
    session: &Session,
    fixing: Fixing,
    frontend: &mut dyn Frontend,
) -> Result<CheckOutcome> {
    let removed = if fixing == Fixing::No {
        session.look_for_interruption(frontend)?;
        Vec::new()
    } else {
        fix(session, fixing == Fixing::DryRun, frontend)?
    };
    let manifest = session.manifest(frontend)?;
    let Placed {
        lockfile,
        moved,
        unsure,
    } = Placed::read(&session.project)?;
    let world = World::open(session, &manifest, &lockfile, frontend)?;
    let all = requirement::all_agents(session, &world, &manifest, &lockfile, &[]);
    let agents = all.clone().running();
    let looked_at = agents.iter().filter(|agent| !agent.is_about_machine);
    let mut outcome = CheckOutcome {
        unmanaged: unmanaged_in(world.loaded(session), &lockfile).len(),
        agents: looked_at.count(),
        removed,
        ..CheckOutcome::default()
    };
    let report = requirement::report(session, &world, manifest.policy(), &agents, &lockfile)?;
    let mut checker = Checker {
        session,
        manifest: &manifest,
        lockfile: &lockfile,
        unsure: &unsure,
        world: &world,
        findings: Vec::new(),
    };
    checker.agents()?;
    checker.moved(&moved);
    checker.pending()?;
    checker.gone(frontend);
    checker.loaded();
    checker.needs(&report, &agents);
    checker.added(&all.agents);
    checker.mark_machine(&agents);
    outcome.findings = checker.findings;
    outcome.findings.sort_by(|one, other| {
        let key = |finding: &Finding| (finding.level, finding.rule);
        (key(one).cmp(&key(other))).then_with(|| one.subject.cmp(&other.subject))
    });
    outcome.broken_file = world.servers.file.as_ref().err().cloned();
    outcome.servers = report.servers;
    Ok(outcome)
}

struct Checker<'a> {
    session: &'a Session,
    manifest: &'a Manifest,
    lockfile: &'a Lockfile,
    unsure: &'a BTreeMap<AgentName, Vec<Folder>>,
    world: &'a World,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    /// The installed agents themselves: there, loaded, as agreed to, within the policy.
    fn agents(&mut self) -> Result<()> {
        let is_missing = |name: &&AgentName| !self.lockfile.agents.contains_key(*name);
        for name in self.manifest.agents().keys().filter(is_missing) {
            let message = "is wanted by agentpkg.toml but not installed";
            self.findings.push(
                Finding::error("missing-agent", name.as_str(), message)
                    .fix(Command::new(["install"])),
            );
        }
        for (name, by) in unlocked(self.lockfile) {
            let message = format!("is required by {by}, but not in agentpkg.lock");
            self.findings.push(
                Finding::error("missing-agent", name.as_str(), message)
                    .fix(Command::new(["install"])),
            );
        }
        let unwanted = unwanted(self.manifest, self.lockfile);
        if let Err(failure) = self.manifest.refuse_guess(&unwanted) {
            let fix = failure.hints().first().cloned().map(Fix::Say);
            self.findings.push(Finding {
                fix,
                ..Finding::error("manifest", "agentpkg.toml", failure.message())
            });
        }
        let wanted = reachable(self.manifest, self.lockfile);
        for name in self.manifest.required().keys() {
            if !wanted.contains(name) {
                let message = "has overrides in agentpkg.toml, but no agent requires it";
                self.findings.push(
                    Finding::note("idle-override", name.as_str(), message)
                        .at(FILE_NAME)
                        .fix("take it out of `[overrides]`"),
                );
            }
        }
        for (name, locked) in &self.lockfile.agents {
            if unwanted.contains(&name) {
                let message = "is installed, but not in agentpkg.toml any more";
                self.findings.push(
                    Finding::warning("unwanted-agent", name.as_str(), message)
                        .fix(Command::new(["install"])),
                );
            }
            self.installed(name, locked)?;
        }
        Ok(())
    }

    /// Agents that upstream no longer has, as far as this machine knows.
    fn gone(&mut self, frontend: &mut dyn Frontend) {
        let offline = self.session.offline();
        let mut look = Look::new(&offline, self.manifest);
        for name in self.manifest.agents().keys() {
            if let Some(locked) = self.lockfile.agents.get(name)
                && let News::Gone(gone) = look.news(name, locked, frontend)
                && !gone.is_kept
            {
                let words = [vec![gone.words()], gone.notes()].concat().join("; ");
                self.findings.push(Finding {
                    fix: Some(Fix::Say(gone.advice())),
                    is_about_machine: true,
                    ..Finding::note("gone", name.as_str(), words)
                });
            }
        }
    }

    /// The file of an installed agent.
    fn installed(&mut self, name: &AgentName, locked: &LockedAgent) -> Result<()> {
        let project = &self.session.project;
        let path = project.shown_path(name, &locked.folder);
        let Some(bytes) = project.read_agent(name, &locked.folder)? else {
            let finding = self.missing_file(name).at(path);
            self.findings.push(finding);
            return Ok(());
        };
        // What both sides at once would be, says nothing about the agent.
        if let Some(line) = markers::first(&bytes) {
            let message = format!("has unresolved conflict markers, the first in line {line}");
            self.findings.push(
                Finding::error("conflict-markers", name.as_str(), message)
                    .at(format!("{path}:{line}"))
                    .fix("decide each conflict in the file and remove its markers"),
            );
            return Ok(());
        }
        if let Some(reason) = ignored(&bytes) {
            let message = format!("Claude Code ignores it: {reason}");
            self.findings.push(
                Finding::error("ignored", name.as_str(), message)
                    .at(&path)
                    .fix(Command::new(["diff", name.as_str()])),
            );
        }
        let violations = policy::violations(self.manifest, locked, &bytes);
        let shortening = Advice::run(shortening(name.as_str()));
        self.forbidden(name.as_str(), violations, (&path, shortening), &|what| {
            what.and(", or ")
                .and_run(Command::new(["remove", name.as_str()]))
        });
        if has_other_overrides(locked, &self.manifest.entry(name), self.manifest) {
            let message = "its overrides in agentpkg.toml are not applied";
            let finding = Finding::warning("stale", name.as_str(), message);
            self.findings
                .push(finding.at(&path).fix(Command::new(["install"])));
        }
        self.idle(name, locked)?;
        if Digest::of(&bytes) != locked.unedited() {
            self.edited(name, locked, &bytes, path)?;
        }
        Ok(())
    }

    /// The overrides that remove something which is not there.
    fn idle(&mut self, name: &AgentName, locked: &LockedAgent) -> Result<()> {
        let base = self.session.project.read_base(&locked.base)?;
        for idle in idle(&base.unwrap_or_default(), &locked.overrides) {
            let line = self.manifest.line_of_removal(name, &idle.assignment);
            let place = line.map(|line| format!("{FILE_NAME}:{line}"));
            self.findings.push(
                Finding::note("idle-override", name.as_str(), idle.words)
                    .places(place.into_iter().collect())
                    .fix("take it out of agentpkg.toml, or name what is meant"),
            );
        }
        Ok(())
    }

    /// What replaces the names of tools that an agent has and the client no longer has.
    fn modernising(&self, agent: &str, tools: &[&OddTool]) -> Option<Fix> {
        let name = AgentName::new(agent).ok()?;
        let locked = self.lockfile.agents.get(&name)?;
        let project = &self.session.project;
        let path = project.shown_path(&name, self.lockfile.folder(&name));
        let is_here = tools.iter().all(|tool| tool.place.starts_with(&path));
        let wanted = self.manifest.entry(&name);
        let is_open = !wanted.is_verbatim && !wanted.pins.iter().any(|pin| pin == "tools");
        let base = project.read_base(&locked.base).ok()??;
        let declared = Overrides {
            modernise: Some(true),
            ..locked.overrides.clone()
        };
        let modern = modern(declared, &base).modern;
        let is_replaced =
            |tool: &&&OddTool| modern.values().any(|list| list.remove.contains(&tool.text));
        let replaced = tools.iter().filter(is_replaced).count();
        let is_offered = locked.overrides.modernise != Some(true) && is_here && is_open;
        if replaced == 0 || !is_offered {
            return None;
        }
        let command = Command::new(["set", agent, "modernise=true"]);
        Some(if replaced == tools.len() {
            command.into()
        } else {
            Advice::run(command)
                .and(" replaces those that it can; edit the `tools` line for the others")
                .into()
        })
    }

    /// What is against the policy. `shortening`: how to get a shorter description; `or_end`: what to do about it, and how to get rid of the
    /// agent instead.
    fn forbidden(
        &mut self,
        name: &str,
        violations: Vec<Violation>,
        (path, shortening): (&str, Advice),
        or_end: &dyn Fn(Advice) -> Advice,
    ) {
        for violation in violations {
            let fix = match &violation.doubt {
                Some(reason) => Advice::say(format!("fix its frontmatter ({reason})")),
                None if violation.rule == "max-description-tokens" => shortening.clone(),
                None => Advice::say("change it"),
            };
            let fix = or_end(fix);
            self.findings.push(Finding {
                rule: Some(violation.rule),
                ..Finding::error("policy", name, violation.to_string())
                    .at(path)
                    .fix(fix)
            });
        }
    }

    fn edited(
        &mut self,
        name: &AgentName,
        locked: &LockedAgent,
        bytes: &[u8],
        path: String,
    ) -> Result<()> {
        let base = self.session.project.read_written(locked)?;
        let gains = base
            .map(|base| Capabilities::of(bytes).gains_over(&Capabilities::of(&base)))
            .unwrap_or_default();
        let finding = if gains.is_empty() {
            Finding::note("edited", name.as_str(), "was changed by hand")
        } else {
            let words: Vec<String> = gains.iter().map(ToString::to_string).collect();
            let message = format!(
                "was changed by hand and may do more than what was installed: {}",
                words.join(", ")
            );
            Finding::warning("widened", name.as_str(), message)
        };
        self.findings
            .push(finding.at(path).fix(Command::new(["diff", name.as_str()])));
        Ok(())
    }

    fn needs(&mut self, report: &Report, agents: &[AgentNeeds]) {
        // Servers of plugins that are missing are among the parts.
        let is_part = |server: &&ServerState| server.is_missing() && is_of_plugin(&server.name);
        for server in report.servers.iter().filter(|server| !is_part(server)) {
            self.server(server);
        }
        for other in report.absent() {
            self.other(other, agents);
        }
        self.parts(&report.parts);
        for lost in &report.lost {
            let fix = match lost.loss.how_to_fix() {
                (how, true) => self.edit(how, std::slice::from_ref(&lost.place)),
                (how, false) => how.into(),
            };
            self.findings.push(
                Finding::warning("lost-text", &lost.agent, lost.loss.to_string())
                    .at(&lost.place)
                    .fix(fix),
            );
        }
        let mut odd: BTreeMap<&str, Vec<&OddTool>> = BTreeMap::new();
        for tool in &report.odd_tools {
            odd.entry(&tool.agent).or_default().push(tool);
        }
        for (agent, tools) in odd {
            let has_none = report.toolless.iter().any(|name| name == agent);
            self.odd_tools(agent, &tools, has_none);
        }
    }

    /// What is missing of plugins, once for each agent and plugin.
    fn parts(&mut self, parts: &[MissingPart]) {
        let mut grouped: BTreeMap<(&str, Option<&str>), Vec<&MissingPart>> = BTreeMap::new();
        for part in parts {
            let key = (part.agent.as_str(), part.plugin.as_deref());
            grouped.entry(key).or_default().push(part);
        }
        for ((agent, plugin), parts) in grouped {
            let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
            let texts = few(&texts, ", ");
            let what = match plugin {
                Some(plugin) if parts[0].is_enabled => {
                    format!("needs {texts}, which the enabled plugin `{plugin}` does not have")
                }
                Some(plugin) => {
                    format!("needs {texts} of the plugin `{plugin}`, which is not enabled")
                }
                None => format!("needs {texts}, which did not come with it"),
            };
            let fix = match parts[0].command() {
                Some(command) => Fix::Type(command),
                None if plugin.is_some() => Fix::from("update the plugin, or edit the agent"),
                None => Fix::from("copy what it needs from where it came from, or remove it"),
            };
            self.findings.push(Finding {
                is_about_machine: plugin.is_some(),
                ..Finding::error("missing-plugin", agent, what)
                    .places(parts.iter().map(|part| part.place.clone()).collect())
                    .fix(fix)
            });
        }
    }

    /// The tools of an agent that the client does not have, or not under that name.
    fn odd_tools(&mut self, agent: &str, tools: &[&OddTool], has_none: bool) {
        let mut places: Vec<String> = tools.iter().map(|tool| tool.place.clone()).collect();
        places.dedup();
        let texts: Vec<String> = tools
            .iter()
            .map(|tool| {
                let now = match (&tool.retired, &tool.meant) {
                    (Some(retired), _) if retired.now.is_empty() => "gone".to_owned(),
                    (Some(retired), _) => format!("now {}", retired.now.join(" or ")),
                    (None, Some(meant)) => format!("write {meant}"),
                    (None, None) => "no tool of Claude Code".to_owned(),
                };
                format!("{} ({now})", tool.text)
            })
            .collect();
        let (level, kind, what) = if has_none {
            (
                Level::Error,
                "no-tools",
                "none of its tools exists, so Claude Code cannot start it",
            )
        } else {
            (
                Level::Note,
                "odd-tools",
                "names tools that Claude Code does not have",
            )
        };
        let absent = tools.iter().map(|tool| AbsentTool {
            name: tool.text.clone(),
            now: match &tool.retired {
                Some(retired) => retired.now.first().cloned(),
                None => tool.meant.clone(),
            },
        });
        let message = format!("{what}: {}", texts.join(", "));
        let by_hand = || self.edit("edit its `tools` line", &places);
        let fix = self.modernising(agent, tools).unwrap_or_else(by_hand);
        self.findings.push(Finding {
            tools: absent.collect(),
            ..Finding::new(level, kind, agent, message)
                .places(places)
                .fix(fix)
        });
    }

    fn other(&mut self, other: &Other, agents: &[AgentNeeds]) {
        let name = &other.name;
        let is_it = |need: &Need| need.name == *name && need.place.origin == Origin::Registry;
        let mut askers = agents.iter().filter(|agent| agent.name == other.agent);
        let is_reported =
            |finding: &Finding| finding.kind == "missing-agent" && finding.subject == *name;
        if self.findings.iter().any(is_reported) {
            return;
        }
        let is_required = askers.any(|agent| agent.needs.agents.iter().any(is_it));
        let finding = match other.kind {
            "agent" if is_required => {
                Finding::error("missing-agent", name, "is required but not installed")
                    .fix(Command::new(["install"]))
            }
            "agent" => Finding::warning(
                "missing-agent",
                name,
                "may be started, but is not installed",
            )
            .fix(how_to_install(name)),
            "skill" => Finding::warning("missing-skill", name, "is a skill that is not installed")
                .fix(format!("put it at .claude/skills/{name}/SKILL.md")),
            "program" => {
                Finding::error("missing-program", name, "is not on PATH").fix(how_to_get(name))
            }
            _ => Finding::error("unset-variable", name, "is not set")
                .fix(how_to_set(std::slice::from_ref(name))),
        };
        self.findings.push(finding.at(&other.place));
    }
}
