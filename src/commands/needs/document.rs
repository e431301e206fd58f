//! What agents need, in the documents of several commands.

use std::collections::BTreeSet;

use serde::Serialize;

use super::word;
use crate::ops::requirement::{Asker, Problem, Report, ServerState, Status};

/// The needs of some agents.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct NeedsView<'r> {
    servers: Vec<ServerView<'r>>,
    others: Vec<OtherView<'r>>,
    odd_tools: Vec<OddToolView<'r>>,
    /// The agents none of whose tools exists.
    without_tools: &'r [String],
    plugins: Vec<PartView<'r>>,
    lost_text: Vec<LostView<'r>>,
    bound: Vec<BoundView<'r>>,
}

/// A server that agents ask for.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct ServerView<'r> {
    name: &'r str,
    status: String,
    missing: bool,
    scope: Option<String>,
    /// Why the client does not start it although it is configured.
    disabled: Option<String>,
    tools: &'r BTreeSet<String>,
    all_tools: bool,
    lost_tools: &'r [String],
    runs: Option<String>,
    /// The server that took over, is the same, or looks alike.
    other: Option<&'r str>,
    catalogue: Option<CatalogueView<'r>>,
    problems: Vec<String>,
    asked_for_by: Vec<AskerView<'r>>,
}

#[derive(Debug, Serialize)]
struct CatalogueView<'r> {
    name: &'r str,
    version: &'r str,
    registry: &'r str,
}

#[derive(Debug, Serialize)]
struct AskerView<'r> {
    agent: &'r str,
    path: &'r str,
    line: Option<usize>,
    origin: String,
}

/// Something other than a server that is needed.
#[derive(Debug, Serialize)]
struct OtherView<'r> {
    kind: &'static str,
    name: &'r str,
    agent: &'r str,
    place: &'r str,
    there: bool,
}

#[derive(Debug, Serialize)]
struct OddToolView<'r> {
    tool: &'r str,
    agent: &'r str,
    place: &'r str,
    retired: bool,
    now: Option<&'r [String]>,
    meant: Option<&'r str>,
}

/// Something of a plugin that is not there.
#[derive(Debug, Serialize)]
struct PartView<'r> {
    what: &'r str,
    agent: &'r str,
    place: &'r str,
    plugin: Option<&'r str>,
    command: Option<String>,
}

/// What stands in a file and is not read by the client.
#[derive(Debug, Serialize)]
struct LostView<'r> {
    agent: &'r str,
    place: &'r str,
    what: String,
}

#[derive(Debug, Serialize)]
struct BoundView<'r> {
    agent: &'r str,
    from: &'r str,
    to: &'r str,
}

impl<'r> From<&'r Report> for NeedsView<'r> {
    fn from(report: &'r Report) -> Self {
        let others = report.others.iter().map(|other| OtherView {
            kind: other.kind,
            name: &other.name,
            agent: &other.agent,
            place: &other.place,
            there: other.is_there,
        });
        let tools = report.odd_tools.iter().map(|tool| OddToolView {
            tool: &tool.text,
            agent: &tool.agent,
            place: &tool.place,
            retired: tool.retired.is_some(),
            now: tool.retired.as_ref().map(|retired| retired.now.as_slice()),
            meant: tool.meant.as_deref(),
        });
        let lost = report.lost.iter().map(|lost| LostView {
            agent: &lost.agent,
            place: &lost.place,
            what: lost.loss.to_string(),
        });
        let parts = report.parts.iter().map(|part| PartView {
            what: &part.text,
            agent: &part.agent,
            place: &part.place,
            plugin: part.plugin.as_deref(),
            command: part.command(),
        });
        let bound = (report.bound.iter()).map(|(agent, from, to)| BoundView { agent, from, to });
        Self {
            servers: report.servers.iter().map(Into::into).collect(),
            others: others.collect(),
            odd_tools: tools.collect(),
            without_tools: &report.toolless,
            plugins: parts.collect(),
            lost_text: lost.collect(),
            bound: bound.collect(),
        }
    }
}

impl<'r> From<&'r ServerState> for ServerView<'r> {
    fn from(server: &'r ServerState) -> Self {
        let asker = |asker: &'r Asker| AskerView {
            agent: &asker.agent,
            path: &asker.path,
            line: asker.place.line,
            origin: asker.place.origin.to_string(),
        };
        let other = match &server.status {
            Status::Elsewhere(other)
            | Status::Unknown(Some(other))
            | Status::Archived(_, Some(other)) => Some(other.as_str()),
            _ => None,
        };
        let catalogue = match &server.status {
            Status::Added(known) | Status::Known(known) | Status::Archived(known, _) => {
                Some(CatalogueView {
                    name: &known.name,
                    version: &known.version,
                    registry: &known.registry,
                })
            }
            _ => None,
        };
        let scope = match &server.status {
            Status::Configured(scope) | Status::Disabled(scope, _) => Some(scope.to_string()),
            _ => None,
        };
        Self {
            name: &server.name,
            status: word(&server.status).replace(' ', "_"),
            missing: server.is_missing(),
            scope,
            disabled: server.refusal().map(ToString::to_string),
            tools: &server.tools,
            all_tools: server.is_whole,
            lost_tools: &server.lost_tools,
            runs: server.entry.as_ref().map(ToString::to_string),
            other,
            catalogue,
            problems: server.problems.iter().map(Problem::to_string).collect(),
            asked_for_by: server.askers.iter().map(asker).collect(),
        }
    }
}
