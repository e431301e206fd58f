//! `agentpkg search`.

use std::num::NonZeroUsize;

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::domain::count::{counted, numbered};
use crate::domain::shell::Command;
use crate::error::{Failure, Result};
use crate::ops::search::{Hit, SearchOptions, SearchOutcome, others_known, search};
use crate::store::index::Tier;
use crate::ui::view::FailureView;
use crate::ui::{CYAN, Cell, Column, DIM, DocumentName, GREEN, Table};

/// How many agents are shown.
const DEFAULT_LIMIT: NonZeroUsize = NonZeroUsize::new(20).unwrap();

/// Search the agents of all registries by name, description, tool or server
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg search                            all agents, registry by registry
  agentpkg search backend                    names first, then descriptions
  agentpkg search api review --tool Bash
  agentpkg search --needs-mcp playwright     agents that need a server
  agentpkg search rails --refresh            fetches your registries first
  agentpkg search rails --known              also in public registries")]
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
    /// Fetch what is new in the registries first
    #[arg(long)]
    pub refresh: bool,
    /// Also search the public registries that agentpkg knows by name; asks before it fetches any
    #[arg(long, conflicts_with = "registry")]
    pub known: bool,
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
        refresh,
        known,
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
    let again = Command::new(["search"]).args(words.iter().map(String::as_str));
    let again = again.arg("--known");
    // Who looks in few registries, or in all that are known, has no others to look in.
    // What may be an address with a password in it is not repeated.
    let is_address = words.iter().any(|word| word.contains([':', '@']));
    let again = (!known && registry.is_empty() && !is_address).then_some(again);
    let options = SearchOptions {
        words,
        is_refreshed: refresh,
        is_known: known,
        is_yes: context.is_yes,
        registries: registry,
        tool,
        server: needs_mcp,
        limit: limit.get(),
    };
    let outcome = search(&context.session, &options, &mut context.ui)?;
    if context.ui.is_json() {
        let failures = context.ui.failures_json(&outcome.failures);
        context.ui.json(
            DocumentName::Search,
            &SearchDocument {
                total: outcome.total,
                meant_tool: outcome.meant_tool.as_deref(),
                agents: outcome.hits.iter().map(Into::into).collect(),
                filters: (outcome.filters.iter())
                    .map(|&(option, total)| FilterView { option, total })
                    .collect(),
                failures,
            },
        )?;
    } else if outcome.hits.is_empty() {
        show_nothing(&outcome, (&options.words, &filters), again, context);
        show_filters(&outcome, &options.words, context);
    } else {
        show(&outcome, word, context)?;
        show_filters(&outcome, &options.words, context);
        // What only looks alike is not what was looked for.
        if outcome.hits.iter().all(|hit| hit.tier == Tier::Alike) {
            show_known(again, context);
        }
    }
    show_failures(&outcome.failures, context)
}

/// Says which registries could not be asked; that fails, whatever was found in what is here.
fn show_failures(failures: &[Failure], context: &mut Context) -> Result<()> {
    if failures.is_empty() {
        return Ok(());
    }
    if !context.ui.is_json() {
        for failure in failures {
            context.ui.failure(failure);
        }
    }
    let count = numbered(failures.len(), "registry", "registries");
    Err(Failure::failed(format!("{count} could not be fetched")))
}

/// Says that nothing was found, and where else to look: `again`.
fn show_nothing(
    outcome: &SearchOutcome,
    (words, filters): (&[String], &[&str]),
    again: Option<Command>,
    context: &mut Context,
) {
    let ui = &mut context.ui;
    let noun = numbered(outcome.registries, "registry", "registries");
    if !filters.is_empty() {
        let filters = filters.join(" and ");
        ui.note(format!("Nothing was found in {noun} with {filters}."));
        if let Some(meant) = &outcome.meant_tool {
            let search = Command::new(["search"]).args(words.iter().map(String::as_str));
            let search = ui.command(&search.args(["--tool", meant.as_str()]));
            ui.note(format!(
                "No tool of that name is known; did you mean `{search}`?"
            ));
        }
        return;
    }
    let add = ui.command(&Command::new(["registry", "add", "URL"]));
    ui.note(format!(
        "Nothing was found in {noun}. `{add}` adds another one."
    ));
    show_known(again, context);
}

/// Says that the word is the name of a tool or a server.
fn show_filters(outcome: &SearchOutcome, words: &[String], context: &mut Context) {
    for (option, count) in &outcome.filters {
        let does = match *option {
            "--tool" => "may use that tool",
            _ => "may use that server",
        };
        let agents = counted(*count, "agent");
        let search = Command::new(["search", option]).args(words.iter().map(String::as_str));
        let search = context.ui.command(&search);
        context.ui.note(format!("{agents} {does}: `{search}`"));
    }
}

/// Says that public registries may have what the project's do not.
fn show_known(again: Option<Command>, context: &mut Context) {
    let others = others_known(&context.session);
    let Some(again) = again.filter(|_| others > 0) else {
        return;
    };
    let again = context.ui.command(&again);
    let others = numbered(others, "public one", "public ones");
    context.ui.note(format!(
        "Not in your registries; `{again}` looks in {others} (fetches them)."
    ));
}

/// Shows what was found. `word`: what would narrow it.
fn show(outcome: &SearchOutcome, word: &str, context: &mut Context) -> Result<()> {
    let ui = &mut context.ui;
    ui.table(&table(outcome))?;
    if outcome.total > outcome.hits.len() {
        ui.note(format!(
            "{DIM}{} more; `--limit {}` shows them, {word} narrows it{DIM:#}",
            outcome.total - outcome.hits.len(),
            outcome.total
        ));
    } else if outcome.hits.iter().all(|hit| hit.tier == Tier::Alike) {
        ui.note(format!("{DIM}only similar names{DIM:#}"));
    }
    if let Some(hit) = outcome.hits.iter().find(|hit| hit.source.is_some()) {
        let install = ui.command(&Command::new(["install".to_owned(), hit.spec()]));
        ui.note(format!(
            "{DIM}An agent that is in none of your registries is installed by its address: `{install}`{DIM:#}"
        ));
    }
    let is_shared = |hit: &&Hit| hit.is_shared && hit.source.is_none();
    if let Some(hit) = outcome.hits.iter().find(is_shared) {
        ui.note(format!(
            "{DIM}If a registry has a name twice, name the file:{DIM:#}"
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

/// A filter under which a word that found nothing finds something.
#[derive(Serialize)]
struct FilterView {
    option: &'static str,
    total: usize,
}

/// What `search --json` prints.
#[derive(Serialize)]
struct SearchDocument<'a> {
    /// All that there are, whatever the limit.
    total: usize,
    /// The tool that was probably meant with `--tool`.
    meant_tool: Option<&'a str>,
    agents: Vec<HitView<'a>>,
    /// The filters under which a word that found nothing finds something.
    filters: Vec<FilterView>,
    /// What could not be asked.
    failures: Vec<FailureView>,
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
