//! `agentpkg registry add|list|remove|refresh`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Context;
use crate::domain::count::{counted, numbered};
use crate::error::{Failure, Result};
use crate::ops::registry::{self, Listed};
use crate::store::cache::Freshness;
use crate::ui::{Column, DocumentName, Table};

/// Manage the registries of the project
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg registry add gh:owner/repo --name studio
  agentpkg registry add ./agents
  agentpkg registry refresh            fetch all of them now")]
pub struct RegistryArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RegistryCommand,
}

/// What to do with registries.
#[derive(Debug, Subcommand)]
pub enum RegistryCommand {
    /// Add a registry: a git repository or a folder
    Add {
        /// gh:owner/repo, a URL, a path, or the name of a public registry that agentpkg knows
        #[arg(value_name = "SOURCE", value_hint = clap::ValueHint::AnyPath)]
        source: String,
        /// Its name in the project; the repository's name if left out
        #[arg(long)]
        name: Option<String>,
        /// The same, as git and other tools take it
        #[arg(value_name = "NAME", hide = true, conflicts_with = "name")]
        named: Option<String>,
    },
    /// List the registries in the order they are searched
    List,
    /// Remove a registry
    Remove {
        /// Its name
        #[arg(add = super::complete::own_registries())]
        name: String,
    },
    /// Fetch the newest state of all registries
    Refresh,
}

/// Source and name, in whichever order they were typed.
fn in_order(
    source: String,
    name: Option<String>,
    named: Option<String>,
) -> (String, Option<String>) {
    let is_name = |text: &str| !text.contains(['/', '\\', ':', '.', '~']);
    match named {
        Some(other) if is_name(&source) && !is_name(&other) => (other, Some(source)),
        named => (source, name.or(named)),
    }
}

/// Runs the command.
pub fn run(args: RegistryArgs, context: &mut Context) -> Result<()> {
    match args.command {
        RegistryCommand::Add {
            source,
            name,
            named,
        } => {
            let (source, name) = in_order(source, name, named);
            let listed =
                registry::add(&context.session, &source, name.as_deref(), &mut context.ui)?;
            if context.ui.is_json() {
                let registry = RegistryView::from(&listed);
                return context
                    .ui
                    .json(DocumentName::RegistryAdd, &RegistryAddDocument { registry });
            }
            let verb = if listed.is_known {
                "Unchanged"
            } else {
                "Added"
            };
            context
                .ui
                .status(verb, format!("{}  {}", listed.name, offered(&listed)));
            Ok(())
        }
        RegistryCommand::Remove { name } => {
            let name = registry::remove(&context.session, &name, &mut context.ui)?;
            if context.ui.is_json() {
                let removed = name.as_str();
                return context.ui.json(
                    DocumentName::RegistryRemove,
                    &RegistryRemoveDocument { removed },
                );
            }
            context.ui.status("Removed", name);
            Ok(())
        }
        RegistryCommand::List => {
            let listed = registry::known(&context.session, &mut context.ui)?;
            show(&listed, context)
        }
        RegistryCommand::Refresh => {
            let listed = registry::list(&context.session, Freshness::Now, &mut context.ui)?;
            show(&listed, context)
        }
    }
}

fn show(listed: &[Listed], context: &mut Context) -> Result<()> {
    if context.ui.is_json() {
        let registries = listed.iter().map(Into::into).collect();
        context
            .ui
            .json(DocumentName::Registry, &RegistryDocument { registries })?;
    } else {
        let mut table = Table::new([Column::name(""), Column::word(""), Column::source("")]);
        for registry in listed {
            table.row([
                registry.name.to_string().into(),
                offered(registry).into(),
                registry.source.to_string().into(),
            ]);
        }
        context.ui.table(&table)?;
        for failure in listed
            .iter()
            .filter_map(|registry| registry.agents.as_ref().err())
        {
            context.ui.failure(failure);
        }
    }
    let failed = listed.iter().filter(|registry| registry.agents.is_err());
    match failed.count() {
        0 => Ok(()),
        count => Err(Failure::failed(format!(
            "{} could not be read",
            numbered(count, "registry", "registries")
        ))),
    }
}

fn offered(registry: &Listed) -> String {
    match &registry.agents {
        Ok(Some(count)) => counted(*count, "agent"),
        Ok(None) => "never read".to_owned(),
        Err(_) => "unreachable".to_owned(),
    }
}

/// What `registry list --json` and `registry refresh --json` print.
#[derive(Serialize)]
struct RegistryDocument {
    registries: Vec<RegistryView>,
}

/// What `registry add --json` prints.
#[derive(Serialize)]
struct RegistryAddDocument {
    registry: RegistryView,
}

/// What `registry remove --json` prints.
#[derive(Serialize)]
struct RegistryRemoveDocument<'a> {
    /// Its name.
    removed: &'a str,
}

#[derive(Serialize)]
struct RegistryView {
    name: String,
    source: String,
    /// How many it offers; `None`: it was never read, or could not be.
    agents: Option<usize>,
    /// Why it could not be read.
    error: Option<String>,
}

impl From<&Listed> for RegistryView {
    fn from(registry: &Listed) -> Self {
        Self {
            name: registry.name.to_string(),
            source: registry.source.to_string(),
            agents: registry.agents.as_ref().ok().copied().flatten(),
            error: registry.agents.as_ref().err().map(ToString::to_string),
        }
    }
}
