//! `agentpkg list --available`: what sources offer, and with `--all` what stands behind it.

use serde::Serialize;

use crate::commands::Context;
use crate::domain::count::numbered;
use crate::domain::discovery::plugins::Elsewhere;
use crate::domain::name::RegistryName;
use crate::domain::shell::Command;
use crate::domain::spec::Source;
use crate::error::Result;
use crate::ops::list::{Offer, Row, available, copies, rows};
use crate::ui::view::RefusedView;
use crate::ui::{Column, DIM, DocumentName, Table, Ui, sanitize};

/// Lists what all registries offer, or one source. `is_all`: also what stands behind others.
pub(super) fn show(source: Option<&str>, is_all: bool, context: &mut Context) -> Result<()> {
    let offers = available(&context.session, source, &mut context.ui)?;
    if context.ui.is_json() {
        let sources = offers.iter().map(|offer| SourceView::of(offer, is_all));
        return context.ui.json(
            DocumentName::ListAvailable,
            &ListAvailableDocument {
                sources: sources.collect(),
            },
        );
    }
    let mut table = Table::new([Column::name(""), Column::source("from"), Column::text("")]);
    for offer in &offers {
        for row in rows(offer, is_all) {
            let place = offer.snapshot.place();
            let is_told_apart = is_all || row.is_ambiguous;
            let place = if is_told_apart {
                format!("{place}#{}", row.entry.file)
            } else {
                place
            };
            let text = match &row.behind {
                Some((file, reason)) => format!("behind {file}: {reason}"),
                None => row.entry.description.clone(),
            };
            table.row([row.entry.name.to_string().into(), place.into(), text.into()]);
        }
    }
    context.ui.table(&table)?;
    for offer in &offers {
        show_rest(offer, is_all, &mut context.ui);
    }
    Ok(())
}

/// Prints the rest about a source: its plugins in other repositories, how many copies were passed over, and the refused files.
fn show_rest(offer: &Offer<'_>, is_all: bool, ui: &mut Ui) {
    let snapshot = &offer.snapshot;
    for plugin in elsewhere(offer) {
        let spec = spec(&snapshot.place(), plugin);
        ui.note(format!(
            "{}  {DIM}plugin in {}: install {} for one of its agents{DIM:#}",
            sanitize(&plugin.name),
            sanitize(&address(plugin)),
            sanitize(&spec),
        ));
    }
    let others = copies(offer);
    if others > 0 && !is_all {
        let list = ui.command(&Command::new([
            "list",
            "--available",
            "--all",
            &snapshot.place(),
        ]));
        let copies = numbered(
            others,
            "copy of these names is",
            "copies of these names are",
        );
        ui.note(format!(
            "{copies} not listed; `{list}` lists them, and why."
        ));
    }
    for refused in snapshot.refused() {
        let text = format!("{} is not offered: {}", refused.file, refused.reason);
        ui.warn(text);
    }
}

/// The plugins of a source that live in other repositories.
fn elsewhere<'o>(offer: &'o Offer<'_>) -> &'o [Elsewhere] {
    let plugins = offer.snapshot.plugins_here();
    plugins.map_or(&[], |plugins| &plugins.elsewhere)
}

/// The repository of a plugin without what is nobody's business in it.
fn address(plugin: &Elsewhere) -> String {
    Source::parse(&plugin.repository).map_or_else(|_| "?".to_owned(), |source| source.to_string())
}

/// How an agent of a plugin is named that lives in another repository.
fn spec(place: &str, plugin: &Elsewhere) -> String {
    format!("{place}#{}:NAME", plugin.name)
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
    /// Plugins that its marketplace takes from other repositories.
    elsewhere: Vec<ElsewhereView<'a>>,
    /// Files that look like agents, but are not offered.
    refused: Vec<RefusedView<'a>>,
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
    /// 1 to 4; see `docs/registry.md`.
    kind: u8,
    /// The file that is meant by the name instead.
    behind: Option<String>,
    /// Why.
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct ElsewhereView<'a> {
    plugin: &'a str,
    description: &'a str,
    repository: String,
    folder: &'a str,
    revision: Option<&'a str>,
    spec: String,
}

impl<'a> SourceView<'a> {
    fn of(offer: &'a Offer<'_>, is_all: bool) -> Self {
        let snapshot = &offer.snapshot;
        let place = snapshot.place();
        let elsewhere = elsewhere(offer).iter().map(|plugin| ElsewhereView {
            plugin: &plugin.name,
            description: &plugin.description,
            repository: address(plugin),
            folder: &plugin.folder,
            revision: plugin.revision.as_deref(),
            spec: spec(&place, plugin),
        });
        Self {
            registry: snapshot.registry.as_ref().map(RegistryName::as_str),
            source: snapshot.source.to_string(),
            commit: snapshot.commit.map(|commit| commit.to_string()),
            agents: rows(offer, is_all).into_iter().map(Into::into).collect(),
            elsewhere: elsewhere.collect(),
            refused: snapshot.refused().iter().map(Into::into).collect(),
        }
    }
}

impl From<Row> for OfferedView {
    fn from(row: Row) -> Self {
        let Row { entry, behind, .. } = row;
        let (behind, reason) = behind.unzip();
        Self {
            name: entry.name.to_string(),
            title: entry.title,
            description: entry.description,
            file: entry.file,
            blob: entry.blob.to_string(),
            loads: entry.loads,
            kind: entry.kind.number(),
            behind,
            reason,
        }
    }
}
