//! `agentpkg list`.

mod available;

use std::cmp::Reverse;

use clap::Args;
use serde::Serialize;

use super::Context;
use super::outcome::note_pending;
use crate::domain::budget::{LIMIT, shortening, shown};
use crate::domain::name::{RegistryName, folded};
use crate::domain::shell::Command;
use crate::error::Result;
use crate::ops::list::{Installed, installed};
use crate::ops::loaded::{Everything, Fate, LoadedAgent, everything};
use crate::store::agreement::{registry_of, versions};
use crate::store::project::Project;
use crate::ui::{Column, DocumentName, Table, Ui, sanitize};

/// List agents: installed ones, those that Claude Code loads, or those that registries offer
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg list                        what is installed
  agentpkg list review                 what is installed with that in its name
  agentpkg list --all                  what Claude Code loads, and from where
  agentpkg list --cost                 what their descriptions cost
  agentpkg list --available            what all registries offer
  agentpkg list --available gh:owner/repo
  agentpkg list --available --all      also the copies behind others, and why")]
pub struct ListArgs {
    /// List every agent that Claude Code loads here: of the project, its parent folders, the user, plugins and built-in ones; with
    /// `--available`, also the copies that rank behind others, and why
    #[arg(long, short = 'A')]
    pub all: bool,
    /// List what the description of each agent costs in every session, in tokens
    #[arg(long, conflicts_with_all = ["available", "all"])]
    pub cost: bool,
    /// List what the registries offer
    #[arg(long, short)]
    pub available: bool,
    /// Only agents with this in their names; with `--available`, one registry or source instead of all, for example gh:owner/repo
    #[arg(value_name = "TEXT|SOURCE", add = super::complete::listed())]
    pub filter: Option<String>,
}

/// Runs the command.
pub fn run(args: &ListArgs, context: &mut Context) -> Result<()> {
    let filter = args.filter.as_deref();
    if args.available {
        available::show(filter, args.all, context)
    } else if args.all {
        show_everything(filter, context)
    } else if args.cost {
        show_costs(filter, context)
    } else {
        show_installed(filter, context)
    }
}

/// Whether a name has a text in it that was typed. No text is in every name.
fn has(name: &str, filter: Option<&str>) -> bool {
    filter.is_none_or(|text| folded(name).contains(&folded(text)))
}

/// Says that there is nothing with a text in its name, and what it may mean instead.
fn show_no_match(filter: &str, context: &mut Context) {
    let available = Command::new(["list", "--available", filter]);
    let is_registry = (context.session.manifest(&mut context.ui)).is_ok_and(|manifest| {
        (manifest.registries().iter()).any(|(name, _)| name.as_str() == filter)
    });
    let (other, does) =
        if is_registry || filter.starts_with(['.', '/', '~']) || filter.contains(':') {
            (available, "lists what that offers")
        } else {
            let search = Command::new(["search", filter]);
            (search, "looks into the registries")
        };
    let (text, other) = (sanitize(filter), context.ui.command(&other));
    context.ui.note(format!(
        "No agent has `{text}` in its name. `{other}` {does}."
    ));
}

fn show_installed(filter: Option<&str>, context: &mut Context) -> Result<()> {
    let mut agents = installed(&context.session, &mut context.ui)?;
    let is_any = !agents.is_empty();
    agents.retain(|agent| has(agent.name.as_str(), filter));
    if context.ui.is_json() {
        let project = &context.session.project;
        let agents = agents
            .iter()
            .map(|agent| InstalledView::of(agent, project))
            .collect();
        return context
            .ui
            .json(DocumentName::List, &ListDocument { agents });
    }
    if let (true, true, Some(filter)) = (agents.is_empty(), is_any, filter) {
        show_no_match(filter, context);
        return Ok(());
    }
    if agents.is_empty() {
        let [install, available] = [["install", "backend-architect"], ["list", "--available"]]
            .map(|words| context.ui.command(&Command::new(words)));
        context.ui.note(format!(
            "No agents are installed. Try `{install}`, or `{available}`."
        ));
    }
    let mut table = Table::new([
        Column::name(""),
        Column::word("version").minor(),
        Column::word("state"),
        Column::source("from"),
    ]);
    for agent in &agents {
        table.row([
            agent.name.to_string().into(),
            revision(agent).into(),
            agent.state.word().into(),
            registry_of(&agent.locked).into(),
        ]);
    }
    context.ui.table(&table)?;
    let pending = agents.iter().filter(|agent| agent.is_pending);
    let pending: Vec<&str> = pending.map(|agent| agent.name.as_str()).collect();
    note_pending(&pending, &mut context.ui);
    Ok(())
}

fn show_everything(filter: Option<&str>, context: &mut Context) -> Result<()> {
    let mut everything = everything(&context.session, &mut context.ui)?;
    everything.agents.retain(|agent| has(&agent.name, filter));
    if context.ui.is_json() {
        return context
            .ui
            .json(DocumentName::ListAll, &ListAllDocument::from(&everything));
    }
    let mut table = Table::new([
        Column::name(""),
        Column::word(""),
        Column::source(""),
        Column::text(""),
    ]);
    for agent in &everything.agents {
        let (state, note) = fate(agent);
        let place = match (&agent.path, &agent.plugin) {
            (Some(path), Some(plugin)) => format!("plugin {plugin}: {path}"),
            (Some(path), None) => path.clone(),
            (None, _) => "built into Claude Code".to_owned(),
        };
        table.row([
            agent.name.as_str().into(),
            state.into(),
            place.into(),
            note.into(),
        ]);
    }
    context.ui.table(&table)?;
    for (folder, why) in &everything.cut {
        let text = format!("{folder} was not read to its end: {why}; Claude Code may load more");
        context.ui.warn(text);
    }
    Ok(())
}

fn show_costs(filter: Option<&str>, context: &mut Context) -> Result<()> {
    let mut agents = everything(&context.session, &mut context.ui)?.agents;
    agents.retain(|agent| agent.tokens > 0 && has(&agent.name, filter));
    agents.sort_by_key(|agent| Reverse(agent.tokens));
    let total = agents.iter().map(|agent| agent.tokens).sum();
    if context.ui.is_json() {
        return context.ui.json(
            DocumentName::ListCost,
            &ListCostDocument {
                agents: (agents.iter())
                    .map(|agent| CostView::of(agent, &context.ui))
                    .collect(),
                total,
                limit: LIMIT,
            },
        );
    }
    let mut table = Table::new([
        Column::number("tokens"),
        Column::name(""),
        Column::source(""),
    ]);
    for agent in &agents {
        table.row([
            agent.tokens.to_string().into(),
            agent.name.as_str().into(),
            agent.path.clone().unwrap_or_default().into(),
        ]);
    }
    context.ui.table(&table)?;
    let words = format!("{} of {} tokens", shown(total), shown(LIMIT));
    if total > LIMIT {
        context.ui.warn(format!("{words}: Claude Code warns"));
    } else {
        context.ui.note(words);
    }
    if let Some(largest) = agents.iter().find_map(|agent| agent.installed.as_ref()) {
        let shorten = context.ui.command(&shortening(largest.as_str()));
        context
            .ui
            .note(format!("Shorten a description with `{shorten}`."));
    }
    Ok(())
}

/// What becomes of an agent, in a word, and what is to say about it.
fn fate(agent: &LoadedAgent) -> (&'static str, String) {
    match &agent.fate {
        Fate::Runs if agent.denied_by.is_some() => {
            let file = agent.denied_by.as_deref().unwrap_or_default();
            ("denied", format!("{file} denies starting it"))
        }
        Fate::Runs => (
            "runs",
            agent
                .manifest
                .clone()
                .map_or_else(String::new, |manifest| format!("installed by {manifest}")),
        ),
        Fate::Hidden(winner, reason) => ("hidden", format!("{winner} runs: {reason}")),
        Fate::Ignored(reason) => ("ignored", reason.clone()),
    }
}

fn revision(agent: &Installed) -> String {
    let revision = versions(Some(&agent.locked));
    if revision.is_empty() {
        "-".to_owned()
    } else {
        revision
    }
}

/// What `list --json` prints.
#[derive(Serialize)]
struct ListDocument<'a> {
    agents: Vec<InstalledView<'a>>,
}

#[derive(Serialize)]
struct InstalledView<'a> {
    name: &'a str,
    /// `clean`, `edited` or `missing`.
    state: &'static str,
    path: String,
    /// `None`: straight from a source.
    registry: Option<&'a str>,
    source: &'a str,
    file: &'a str,
    version: Option<&'a str>,
    commit: Option<String>,
    adaptations: &'a [String],
    overrides: Vec<String>,
    /// Whether an update of it is pending.
    pending: bool,
}

/// What `list --all --json` prints.
#[derive(Serialize)]
struct ListAllDocument<'a> {
    agents: Vec<LoadedView<'a>>,
    /// Folders of which not everything was read.
    unread: Vec<UnreadView<'a>>,
}

#[derive(Serialize)]
struct LoadedView<'a> {
    name: &'a str,
    /// `runs`, `denied` (loaded, but settings keep it from being started), `hidden` or `ignored`.
    state: &'static str,
    /// `managed`, `project`, `user`, `plugin` or `built-in`.
    layer: &'static str,
    /// `None`: it is built into the client.
    path: Option<&'a str>,
    plugin: Option<&'a str>,
    linked: bool,
    /// The manifest that lists it.
    manifest: Option<&'a str>,
    /// The place of the agent that runs instead.
    winner: Option<&'a str>,
    /// Why it does not run.
    reason: Option<&'a str>,
}

/// What `list --cost --json` prints.
#[derive(Serialize)]
struct ListCostDocument<'a> {
    agents: Vec<CostView<'a>>,
    /// Of all agents together.
    total: usize,
    /// Above this, the client warns.
    limit: usize,
}

#[derive(Serialize)]
struct CostView<'a> {
    name: &'a str,
    tokens: usize,
    layer: &'static str,
    path: Option<&'a str>,
    plugin: Option<&'a str>,
    /// The command that shortens its description; `None`: it is not installed in this project.
    command: Option<String>,
}

impl<'a> CostView<'a> {
    fn of(agent: &'a LoadedAgent, ui: &Ui) -> Self {
        let installed = agent.installed.as_ref();
        Self {
            command: installed.map(|name| ui.command_json(&shortening(name.as_str()))),
            name: &agent.name,
            tokens: agent.tokens,
            layer: agent.layer,
            path: agent.path.as_deref(),
            plugin: agent.plugin.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct UnreadView<'a> {
    folder: &'a str,
    reason: &'a str,
}

impl<'a> From<&'a Everything> for ListAllDocument<'a> {
    fn from(everything: &'a Everything) -> Self {
        let unread = everything.cut.iter();
        Self {
            agents: everything.agents.iter().map(Into::into).collect(),
            unread: unread
                .map(|(folder, reason)| UnreadView { folder, reason })
                .collect(),
        }
    }
}

impl<'a> From<&'a LoadedAgent> for LoadedView<'a> {
    fn from(agent: &'a LoadedAgent) -> Self {
        let (winner, reason) = match &agent.fate {
            Fate::Runs => (None, agent.denied_by.as_deref()),
            Fate::Hidden(winner, reason) => (Some(winner.as_str()), Some(*reason)),
            Fate::Ignored(reason) => (None, Some(reason.as_str())),
        };
        Self {
            name: &agent.name,
            state: fate(agent).0,
            layer: agent.layer,
            path: agent.path.as_deref(),
            plugin: agent.plugin.as_deref(),
            linked: agent.is_linked,
            manifest: agent.manifest.as_deref(),
            winner,
            reason,
        }
    }
}

impl<'a> InstalledView<'a> {
    fn of(agent: &'a Installed, project: &Project) -> Self {
        let locked = &agent.locked;
        Self {
            name: agent.name.as_str(),
            state: agent.state.word(),
            path: project.shown_path(&agent.name, &locked.folder),
            registry: locked.registry.as_ref().map(RegistryName::as_str),
            source: &locked.source,
            file: &locked.file,
            version: locked.version.as_deref(),
            commit: locked.commit.map(|id| id.to_string()),
            adaptations: &locked.adaptations,
            overrides: locked.overrides.texts(),
            pending: agent.is_pending,
        }
    }
}
