//! `agentpkg list`.

use clap::Args;
use serde_json::json;

use super::{Context, JSON_VERSION};
use crate::domain::shell::Command;
use crate::error::Result;
use crate::ops::list::{Installed, State, available, installed, offered};
use crate::store::agreement::registry_of;
use crate::ui::{Table, one_line};

/// List installed agents, or with --available those that registries offer
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg list                        what is installed
  agentpkg list --available            what all registries offer
  agentpkg list --available gh:owner/repo")]
pub struct ListArgs {
    /// List what the registries offer
    #[arg(long, short)]
    pub available: bool,
    /// One registry or source instead of all, for example gh:owner/repo
    #[arg(value_name = "SOURCE", requires = "available", add = super::complete::registries())]
    pub source: Option<String>,
}

/// Runs the command.
pub fn run(args: &ListArgs, context: &mut Context) -> Result<()> {
    if args.available {
        show_available(args.source.as_deref(), context)
    } else {
        show_installed(context)
    }
}

fn show_installed(context: &mut Context) -> Result<()> {
    let agents = installed(&context.session, &mut context.ui)?;
    if context.ui.is_json() {
        let agents: Vec<_> = agents.iter().map(|agent| to_json(agent, context)).collect();
        return context
            .ui
            .json(&json!({ "schema_version": JSON_VERSION, "agents": agents }));
    }
    if agents.is_empty() {
        let [install, available] = [["install", "backend-architect"], ["list", "--available"]]
            .map(|words| context.ui.command(&Command::new(words)));
        context.ui.note(format!(
            "No agents are installed. Try `{install}`, or `{available}`."
        ));
    }
    let mut table = Table::new();
    for agent in &agents {
        table.row([
            agent.name.to_string(),
            revision(agent),
            state(agent.state).to_owned(),
            registry_of(&agent.locked),
        ]);
    }
    table
        .lines()
        .iter()
        .try_for_each(|line| context.ui.data(line))
}

fn show_available(source: Option<&str>, context: &mut Context) -> Result<()> {
    let offers = available(&context.session, source, &mut context.ui)?;
    if context.ui.is_json() {
        let offers = offers.iter().map(|offer| {
            let (entries, refused) = offered(offer);
            let agents = entries.iter().map(|entry| {
                json!({ "name": entry.name.as_str(), "title": entry.title, "description": entry.description, "file": entry.file,
                    "blob": entry.blob.to_string(), "loads": entry.loads })
            });
            json!({
                "registry": offer.snapshot.registry.as_ref().map(super::super::domain::name::RegistryName::as_str), "source": offer.snapshot.source.to_string(),
                "commit": offer.snapshot.commit.map(|commit| commit.to_string()), "agents": agents.collect::<Vec<_>>(),
                "refused": refused.iter().map(|refused| json!({ "file": refused.file, "reason": refused.reason })).collect::<Vec<_>>(),
            })
        });
        let offers: Vec<_> = offers.collect();
        return context
            .ui
            .json(&json!({ "schema_version": JSON_VERSION, "sources": offers }));
    }
    let mut table = Table::new();
    let mut warnings = Vec::new();
    for offer in &offers {
        let (entries, refused) = offered(offer);
        for entry in &entries {
            let place = offer
                .snapshot
                .registry
                .as_ref()
                .map_or_else(|| offer.snapshot.source.to_string(), ToString::to_string);
            table.row([
                entry.name.to_string(),
                one_line(&entry.description, 48),
                place,
            ]);
        }
        warnings.extend(
            refused
                .iter()
                .map(|refused| format!("{} is not offered: {}", refused.file, refused.reason)),
        );
    }
    table
        .lines()
        .iter()
        .try_for_each(|line| context.ui.data(line))?;
    for warning in warnings {
        context.ui.warn(warning);
    }
    Ok(())
}

fn revision(agent: &Installed) -> String {
    agent
        .locked
        .version
        .clone()
        .or_else(|| agent.locked.commit.map(|commit| commit.short()))
        .unwrap_or_else(|| "-".to_owned())
}

/// The state in a word.
#[must_use]
pub fn state(state: State) -> &'static str {
    match state {
        State::Clean => "clean",
        State::Edited => "edited",
        State::Missing => "missing",
    }
}

fn to_json(agent: &Installed, context: &Context) -> serde_json::Value {
    let project = &context.session.project;
    json!({
        "name": agent.name.as_str(), "state": state(agent.state), "path": project.display(&project.agent_path(&agent.name)),
        "registry": agent.locked.registry.as_ref().map(super::super::domain::name::RegistryName::as_str), "source": agent.locked.source, "file": agent.locked.file,
        "version": agent.locked.version, "commit": agent.locked.commit.map(|id| id.to_string()), "adaptations": agent.locked.adaptations,
    })
}
