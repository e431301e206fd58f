//! `agentpkg search`.

use std::num::NonZeroUsize;

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::domain::count::numbered;
use crate::domain::shell::Command;
use crate::error::Result;
use crate::ops::search::{Hit, SearchOptions, SearchOutcome, search};
use crate::store::index::Tier;
use crate::ui::{CYAN, Cell, Column, DIM, GREEN, Table};

/// How many agents are shown.
const DEFAULT_LIMIT: NonZeroUsize = NonZeroUsize::new(20).unwrap();

/// Search the agents of all registries by name, description, tool or server
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg search                            all agents, registry by registry
  agentpkg search backend                    names first, then descriptions
  agentpkg search api review --tool Bash
  agentpkg search --needs-mcp playwright     agents that need a server")]
pub struct SearchArgs {
    /// Words of the name, the description or the tags; all agents if left out
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Only this registry
    #[arg(long, value_name = "NAME", add = super::complete::registries())]
    pub registry: Vec<String>,
    /// Only agents that may use this tool
    #[arg(long, value_name = "TOOL", add = super::complete::tools())]
    pub tool: Option<String>,
    /// Only agents that need this MCP server
    #[arg(long, value_name = "SERVER", add = super::complete::servers())]
    pub needs_mcp: Option<String>,
    /// How many to show
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_LIMIT)]
    pub limit: NonZeroUsize,
}

/// Runs the command.
pub fn run(args: SearchArgs, context: &mut Context) -> Result<()> {
    let SearchArgs {
        words,
        registry,
        tool,
        needs_mcp,
        limit,
    } = args;
    let given = [
        ("`--registry`", !registry.is_empty()),
        ("`--tool`", tool.is_some()),
        ("`--needs-mcp`", needs_mcp.is_some()),
    ];
    let given = given.into_iter().filter(|(_, is_given)| *is_given);
    let filters: Vec<&str> = given.map(|(filter, _)| filter).collect();
    let word = if words.is_empty() {
        "a word"
    } else {
        "another word"
    };
    let options = SearchOptions {
        words,
        registries: registry,
        tool,
        server: needs_mcp,
        limit: limit.get(),
    };
    let outcome = search(&context.session, &options, &mut context.ui)?;
    if context.ui.is_json() {
        return context.ui.json(&SearchDocument {
            total: outcome.total,
            agents: outcome.hits.iter().map(Into::into).collect(),
        });
    }
    show(&outcome, &filters, word, context)
}

/// Shows what was found. `word`: what would narrow it.
fn show(
    outcome: &SearchOutcome,
    filters: &[&str],
    word: &str,
    context: &mut Context,
) -> Result<()> {
    let ui = &mut context.ui;
    if outcome.hits.is_empty() {
        let noun = numbered(outcome.registries, "registry", "registries");
        ui.note(if filters.is_empty() {
            let add = ui.command(&Command::new(["registry", "add", "URL"]));
            format!("Nothing was found in {noun}. `{add}` adds another one.")
        } else {
            let filters = filters.join(" and ");
            format!("Nothing was found in {noun} with {filters}.")
        });
        return Ok(());
    }
    ui.table(&table(outcome))?;
    if outcome.total > outcome.hits.len() {
        ui.note(format!(
            "{DIM}{} more; `--limit {}` shows them, {word} narrows it{DIM:#}",
            outcome.total - outcome.hits.len(),
            outcome.total
        ));
    } else if outcome.hits.iter().all(|hit| hit.tier == Tier::Alike) {
        ui.note(format!("{DIM}only names that look alike{DIM:#}"));
    }
    if let Some(hit) = outcome.hits.iter().find(|hit| hit.is_shared) {
        ui.note(format!(
            "{DIM}A registry that has a name twice tells them apart by their files:{DIM:#}"
        ));
        let install = ui.command(&Command::new(["install".to_owned(), hit.spec()]));
        ui.note(format!("{DIM}  {install}{DIM:#}"));
    }
    Ok(())
}

/// One row for each agent: its name, where it is, what is worth knowing before it is installed, and what it is for.
fn table(outcome: &SearchOutcome) -> Table {
    let mut table = Table::new([
        Column::name(""),
        Column::source("in"),
        Column::source(""),
        Column::word("").minor(),
        Column::text(""),
        Column::text(""),
    ]);
    for hit in &outcome.hits {
        let style = if hit.is_installed { GREEN } else { CYAN };
        let file = if hit.is_shared { &hit.entry.file } else { "" };
        let installed = if hit.is_installed { "installed" } else { "" };
        let needs = if hit.entry.servers.is_empty() {
            String::new()
        } else {
            format!("needs {}", hit.entry.servers.join(", "))
        };
        table.row([
            Cell::from(hit.entry.name.to_string()).styled(style),
            Cell::from(hit.registry.to_string()).styled(DIM),
            Cell::from(file).styled(DIM),
            Cell::from(installed).styled(DIM),
            Cell::from(needs).styled(DIM),
            hit.entry.description.as_str().into(),
        ]);
    }
    table
}

/// What `search --json` prints.
#[derive(Serialize)]
struct SearchDocument<'a> {
    /// All that there are, whatever the limit.
    total: usize,
    agents: Vec<HitView<'a>>,
}

#[derive(Serialize)]
struct HitView<'a> {
    name: &'a str,
    /// What to type to install it.
    spec: String,
    registry: &'a str,
    title: &'a str,
    description: &'a str,
    file: &'a str,
    /// `None`: every tool.
    tools: Option<&'a [String]>,
    servers: &'a [String],
    /// Whether the client loads the file as it is.
    loads: bool,
    installed: bool,
    /// Why it was found.
    #[serde(rename = "match")]
    tier: &'static str,
}

impl<'a> From<&'a Hit> for HitView<'a> {
    fn from(hit: &'a Hit) -> Self {
        let entry = &hit.entry;
        Self {
            name: entry.name.as_str(),
            spec: hit.spec(),
            registry: hit.registry.as_str(),
            title: &entry.title,
            description: &entry.description,
            file: &entry.file,
            tools: entry.tools.as_deref(),
            servers: &entry.servers,
            loads: entry.loads,
            installed: hit.is_installed,
            tier: match hit.tier {
                Tier::Exact => "exact",
                Tier::Prefix => "prefix",
                Tier::Name => "name",
                Tier::Description => "description",
                Tier::Alike => "alike",
            },
        }
    }
}
