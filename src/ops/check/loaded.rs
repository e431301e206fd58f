//! What the client loads beside the installed agents: all of it within the policy, nothing ignored, no name twice.

use std::collections::BTreeMap;

use super::Checker;
use super::finding::{Finding, Fix};
use crate::domain::budget::{LIMIT, shortening, shown};
use crate::domain::count::few;
use crate::domain::digest::Digest;
use crate::domain::loaded::Layer;
use crate::domain::shell::Command;
use crate::error::Advice;
use crate::ops::renamed::Renamed;
use crate::ops::requirement::AgentNeeds;
use crate::store::loaded::{FoundAgent, LoadedSet, Place, Standing};
use crate::store::lockfile::LockedAgent;

impl Checker<'_> {
    /// Looks at all files that the client reads, but not at those of installed agents themselves.
    pub(super) fn loaded(&mut self) {
        let set = self.world.loaded(self.session);
        for place in &set.places {
            self.cut(place);
        }
        for agent in &set.agents {
            if self.is_installed(set, agent) {
                self.renamed(set, agent);
            } else {
                self.found(set, agent);
            }
        }
        self.same_names(set);
        self.shadows(set);
        self.settings(set);
        self.budget(set);
    }

    /// An installed agent that has another name in its file.
    fn renamed(&mut self, set: &LoadedSet, agent: &FoundAgent) {
        let Some((name, locked)) = self.lockfile.at(&agent.below) else {
            return;
        };
        let bytes = agent.content.bytes();
        if agent.is_plain || Digest::of(&bytes) == locked.unedited() {
            return;
        }
        let written = self.session.project.read_written(locked).ok().flatten();
        let Some(renamed) = Renamed::of(name, &bytes, written.as_deref()) else {
            return;
        };
        let requires = |other: &&LockedAgent| other.requires.contains(name);
        let requirers = self.lockfile.agents.iter();
        let requirers = requirers.filter(|(_, other)| requires(other));
        let requirers: Vec<&str> = requirers.map(|(name, _)| name.as_str()).collect();
        let mut message = renamed.words();
        if !requirers.is_empty() && set.running(name.as_str()).is_none() {
            let requirers = few(&requirers, ", ");
            message = format!(
                "{message}; {requirers} may start `{name}`, which Claude Code does not have"
            );
        }
        self.findings.push(
            Finding::warning("renamed", name.as_str(), message)
                .at(&agent.shown)
                .fix(renamed.advice()),
        );
    }

    /// What all descriptions cost in each session.
    fn budget(&mut self, set: &LoadedSet) {
        let largest = self.largest(set).map(str::to_owned);
        let costs = || {
            let costs = Advice::run(Command::new(["list", "--cost"])).and(" shows the largest");
            match &largest {
                Some(name) => costs.and("; shorten one with ").and_run(shortening(name)),
                None => costs,
            }
        };
        if let Some(violation) = self.manifest.policy().total(set.project_tokens()) {
            self.findings.push(Finding {
                rule: Some(violation.rule),
                ..Finding::error("policy", "all agents", violation.to_string()).fix(costs())
            });
        }
        let total = set.tokens();
        if total > LIMIT {
            let (total, limit) = (shown(total), shown(LIMIT));
            let message =
                format!("cost {total} tokens in each session; Claude Code warns above {limit}");
            self.findings.push(Finding {
                is_about_machine: true,
                ..Finding::note("budget", "the descriptions of all agents", message).fix(costs())
            });
        }
    }

    /// The installed agent of the project whose description costs most.
    fn largest<'s>(&'s self, set: &LoadedSet) -> Option<&'s str> {
        let installed = set.own().filter(|agent| self.is_installed(set, agent));
        let largest = installed.max_by_key(|agent| agent.tokens)?;
        let (name, _) = self.lockfile.at(&largest.below)?;
        Some(name.as_str())
    }

    /// The project's agents that the client's settings keep from running.
    fn settings(&mut self, set: &LoadedSet) {
        for denial in &set.denials {
            let is_meant = |agent: &&FoundAgent| {
                let name = agent.name.as_deref();
                agent.standing == Standing::Runs && name == denial.name.as_deref()
            };
            let subject = match &denial.name {
                None if set.own().any(|agent| agent.standing == Standing::Runs) => "every agent",
                Some(name) if set.own().any(|agent| is_meant(&agent)) => name,
                _ => continue,
            };
            let (rule, file) = (&denial.rule, &denial.file);
            let message = format!("cannot be started: {file} denies `{rule}`");
            self.findings.push(Finding {
                is_about_machine: !denial.is_shared,
                ..Finding::warning("denied-agent", subject, message)
                    .at(file)
                    .fix("take the rule out of `permissions.deny`, or the agent out of the project")
            });
        }
        let off = set.own().find_map(|agent| match &agent.standing {
            Standing::SwitchedOff(file) => Some(file),
            _ => None,
        });
        if let Some(file) = off {
            let message = "is not loaded: the settings allow agents of plugins only";
            self.findings.push(Finding {
                is_about_machine: true,
                ..Finding::error("switched-off", "the agents folder", message)
                    .at(file)
                    .fix("ask the administrator of this machine")
            });
        }
    }

    /// The agents in whose place one of another folder runs, where either is the project's.
    fn shadows(&mut self, set: &LoadedSet) {
        for agent in &set.agents {
            let Some((winner, reason)) = set.winner(agent) else {
                continue;
            };
            let (place, won) = (set.place(agent), set.place(winner));
            let name = agent.name.as_deref().unwrap_or_default();
            let finding = if agent.place == winner.place {
                continue;
            } else if place.is_own {
                let message = format!("does not run: {} has its name, and {reason}", winner.shown);
                Finding::warning("hidden", name, message)
                    .at(&agent.shown)
                    .fix("rename one of them")
            } else if !won.is_own {
                continue;
            } else if place.layer == Layer::BuiltIn {
                Finding::note(
                    "hides",
                    name,
                    "replaces Claude Code's own agent of this name",
                )
                .at(&winner.shown)
            } else {
                let message = format!("runs in place of {}: {reason}", agent.shown);
                Finding::note("hides", name, message).at(&winner.shown)
            };
            let is_machine = |place: &Place| {
                place.layer.is_about_machine() && !place.is_own && place.layer != Layer::BuiltIn
            };
            self.findings.push(Finding {
                is_about_machine: is_machine(place) || is_machine(won),
                ..finding
            });
        }
    }

    /// That there may be agents in a place which nobody has looked at.
    fn cut(&mut self, place: &Place) {
        let folder = &place.shown;
        for why in &place.cut {
            let message =
                format!("not all agents can be checked: {why}; Claude Code may load more of them");
            self.findings.push(Finding {
                is_about_machine: place.layer.is_about_machine() && !place.is_own,
                ..Finding::error("unread", folder, message)
                    .at(folder)
                    .fix("remove what is not an agent, or the links that lead there")
            });
        }
    }

    /// Whether it is the file of an agent that this project's lockfile lists.
    fn is_installed(&self, set: &LoadedSet, agent: &FoundAgent) -> bool {
        set.place(agent).is_own && self.lockfile.at(&agent.below).is_some()
    }

    /// An agent that agentpkg did not write, or that belongs to somebody else: loaded, within the policy.
    fn found(&mut self, set: &LoadedSet, agent: &FoundAgent) {
        let place = set.place(agent);
        // In another folder, only what runs here matters here.
        if !place.is_own && matches!(agent.standing, Standing::Hidden(_)) {
            return;
        }
        let stem = agent.below.strip_suffix(".md").unwrap_or(&agent.below);
        let subject = match &agent.name {
            Some(name) if !place.is_own => name,
            _ => stem,
        };
        let before = self.findings.len();
        if let Standing::Skipped(reason) = &agent.standing {
            let message = format!("Claude Code ignores it: {reason}");
            self.findings.push(
                Finding::error("ignored", subject, message)
                    .at(&agent.shown)
                    .fix(if agent.content.is_empty() {
                        "make it a file that Claude Code reads, or delete it"
                    } else {
                        "fix its frontmatter"
                    }),
            );
        }
        let violations = match place.layer {
            Layer::BuiltIn => Vec::new(),
            // What the client cannot read it does not load.
            _ if agent.content.is_empty() => Vec::new(),
            _ => self.manifest.policy().agent(&agent.content.bytes()),
        };
        let manager = place
            .manager
            .as_ref()
            .filter(|manager| manager.entry(&agent.below).is_some());
        let place_and_fix = (agent.shown.as_str(), Advice::say("shorten its description"));
        self.forbidden(subject, violations, place_and_fix, &|what| match manager {
            Some(manager) => what.and(format!(", or take it out of {}", manager.shown)),
            None => what.and(format!(", or delete {}", agent.shown)),
        });
        for finding in &mut self.findings[before..] {
            finding.is_about_machine = place.layer.is_about_machine() && !place.is_own;
        }
    }

    /// The names that several files of one folder have.
    fn same_names(&mut self, set: &LoadedSet) {
        let mut names: BTreeMap<(usize, &str), Vec<&FoundAgent>> = BTreeMap::new();
        for agent in &set.agents {
            if let Some(name) = &agent.name {
                let files = names.entry((agent.place, name.as_str())).or_default();
                files.push(agent);
            }
        }
        for ((index, name), files) in names.into_iter().filter(|(_, files)| files.len() > 1) {
            let place = &set.places[index];
            let last = files.last().map_or("", |agent| agent.shown.as_str());
            let message = format!("several files have this name; Claude Code loads only {last}");
            let fix = self.same_name(set, &files);
            let paths = files.iter().map(|agent| agent.shown.clone()).collect();
            self.findings.push(Finding {
                is_about_machine: place.layer.is_about_machine() && !place.is_own,
                ..Finding::error("same-name", name, message)
                    .places(paths)
                    .fix(fix)
            });
        }
    }

    /// What to do about several files of one name. Only an installed agent gets another one by a command.
    fn same_name(&self, set: &LoadedSet, files: &[&FoundAgent]) -> Fix {
        let (installed, others): (Vec<&FoundAgent>, Vec<&FoundAgent>) = files
            .iter()
            .partition(|agent| self.is_installed(set, agent));
        let shown: Vec<&str> = others.iter().map(|agent| agent.shown.as_str()).collect();
        match shown.as_slice() {
            [] => Advice::say("rename one of them: ")
                .and_run(Command::new(["install", "SPEC", "--as", "NAME"]))
                .into(),
            [one] if !installed.is_empty() => {
                format!("change the `name` in {one}, or delete that file").into()
            }
            _ if installed.is_empty() => {
                "change the `name` in all but one of them, or delete those files".into()
            }
            several => format!(
                "change the `name` in {}, or delete these files",
                few(several, " and in ")
            )
            .into(),
        }
    }

    /// How to edit files at these places, and that the edit stays where an update would come over it.
    pub(super) fn edit(&self, how: &str, places: &[String]) -> Fix {
        let project = &self.session.project;
        let agents = self.lockfile.agents.iter();
        let paths: Vec<String> = agents
            .map(|(name, locked)| project.shown_path(name, &locked.folder))
            .collect();
        let is_managed = |place: &String| paths.iter().any(|path| is_in(place, path));
        if !places.is_empty() && places.iter().all(is_managed) {
            format!("{how}; your edit survives updates").into()
        } else {
            how.into()
        }
    }

    /// Marks the findings that are only about agents which another machine might not have.
    pub(super) fn mark_machine(&mut self, agents: &[AgentNeeds]) {
        let paths: Vec<&str> = agents
            .iter()
            .filter(|agent| agent.is_about_machine)
            .map(|agent| agent.path.as_str())
            .collect();
        let is_machine = |place: &String| paths.iter().any(|path| is_in(place, path));
        for finding in &mut self.findings {
            let is_all = !finding.places.is_empty() && finding.places.iter().all(is_machine);
            finding.is_about_machine |= is_all;
        }
    }
}

/// Whether a place is in the file with this path.
fn is_in(place: &str, path: &str) -> bool {
    let rest = place.strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', ' ']))
}
