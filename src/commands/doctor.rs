//! `agentpkg doctor`.

use clap::Args;
use serde_json::json;

use super::{Context, JSON_VERSION};
use crate::error::{Failure, Result};
use crate::ops::doctor::{Health, doctor};
use crate::ui::{Table, sanitize};

/// Check git, the folders, the client and the registries
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg doctor  this machine: git, client, programs of servers, registries
  agentpkg check   this project: what agents need and what changed")]
pub struct DoctorArgs {}

/// Runs the command.
pub fn run(_args: &DoctorArgs, context: &mut Context) -> Result<()> {
    let findings = doctor(&context.session, &mut context.ui)?;
    let word = |health| match health {
        Health::Good => "ok",
        Health::Warning => "warning",
        Health::Bad => "error",
    };
    let bad = findings
        .iter()
        .filter(|finding| finding.health == Health::Bad)
        .count();
    if context.ui.is_json() {
        let ui = &context.ui;
        let findings = findings.iter().map(|finding| {
            json!({ "subject": finding.subject, "health": word(finding.health), "detail": finding.detail, "hint": finding.hint.as_ref().map(|hint| ui.advice(hint)) })
        });
        let findings: Vec<_> = findings.collect();
        context
            .ui
            .json(&json!({ "schema_version": JSON_VERSION, "findings": findings }))?;
    } else {
        let mut table = Table::new();
        for finding in &findings {
            table.row([
                finding.subject.clone(),
                word(finding.health).to_owned(),
                finding.detail.clone(),
            ]);
        }
        table
            .lines()
            .iter()
            .try_for_each(|line| context.ui.data(line))?;
        for finding in findings
            .iter()
            .filter(|finding| finding.health != Health::Good)
        {
            if let Some(hint) = &finding.hint {
                let hint = context.ui.advice(hint);
                context
                    .ui
                    .note(sanitize(&format!("\n{}: {hint}", finding.subject)));
            }
        }
    }
    match bad {
        0 => Ok(()),
        1 => Err(Failure::failed("1 thing does not work")),
        count => Err(Failure::failed(format!("{count} things do not work"))),
    }
}
