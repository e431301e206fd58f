//! `agentpkg list`.

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::domain::name::RegistryName;
use crate::domain::shell::Command;
use crate::error::Result;
use crate::ops::list::{Installed, Offer, State, available, installed, offered};
use crate::store::agreement::{registry_of, versions};
use crate::store::project::Project;
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
        let project = &context.session.project;
        let agents = agents
            .iter()
            .map(|agent| InstalledView::of(agent, project))
            .collect();
        return context.ui.json(&ListDocument { agents });
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
    context.ui.table(&table)
}

fn show_available(source: Option<&str>, context: &mut Context) -> Result<()> {
    let offers = available(&context.session, source, &mut context.ui)?;
    if context.ui.is_json() {
        let sources = offers.iter().map(Into::into).collect();
        return context.ui.json(&ListAvailableDocument { sources });
    }
    let mut table = Table::new();
    let mut warnings = Vec::new();
    for offer in &offers {
        let (entries, refused) = offered(offer);
        for entry in &entries {
            let place = offer.snapshot.place();
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
    context.ui.table(&table)?;
    for warning in warnings {
        context.ui.warn(warning);
    }
    Ok(())
}

fn revision(agent: &Installed) -> String {
    let revision = versions(Some(&agent.locked));
    if revision.is_empty() {
        "-".to_owned()
    } else {
        revision
    }
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
}

/// What `list --available --json` prints.
#[derive(Serialize)]
struct ListAvailableDocument<'a> {
    sources: Vec<SourceView<'a>>,
}

#[derive(Serialize)]
struct SourceView<'a> {
    /// `None`: a source that is no registry of the project.
    registry: Option<&'a str>,
    source: String,
    commit: Option<String>,
    agents: Vec<OfferedView>,
    /// Files that look like agents, but are not offered.
    refused: Vec<RefusedView>,
}

#[derive(Serialize)]
struct OfferedView {
    name: String,
    title: String,
    description: String,
    file: String,
    blob: String,
    /// Whether the client loads the file as it is.
    loads: bool,
}

#[derive(Serialize)]
struct RefusedView {
    file: String,
    reason: String,
}

impl<'a> InstalledView<'a> {
    fn of(agent: &'a Installed, project: &Project) -> Self {
        let locked = &agent.locked;
        Self {
            name: agent.name.as_str(),
            state: state(agent.state),
            path: project.shown_path(&agent.name),
            registry: locked.registry.as_ref().map(RegistryName::as_str),
            source: &locked.source,
            file: &locked.file,
            version: locked.version.as_deref(),
            commit: locked.commit.map(|id| id.to_string()),
            adaptations: &locked.adaptations,
        }
    }
}

impl<'a> From<&'a Offer<'_>> for SourceView<'a> {
    fn from(offer: &'a Offer<'_>) -> Self {
        let snapshot = &offer.snapshot;
        let (entries, refused) = offered(offer);
        let agents = entries.into_iter().map(|entry| OfferedView {
            name: entry.name.to_string(),
            title: entry.title,
            description: entry.description,
            file: entry.file,
            blob: entry.blob.to_string(),
            loads: entry.loads,
        });
        let refused = refused.iter().map(|refused| RefusedView {
            file: refused.file.clone(),
            reason: refused.reason.clone(),
        });
        Self {
            registry: snapshot.registry.as_ref().map(RegistryName::as_str),
            source: snapshot.source.to_string(),
            commit: snapshot.commit.map(|commit| commit.to_string()),
            agents: agents.collect(),
            refused: refused.collect(),
        }
    }
}
