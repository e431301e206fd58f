//! `agentpkg doctor`.

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::error::{Failure, Result};
use crate::ops::doctor::{Finding, Health, doctor};
use crate::ui::{Column, DocumentName, Table, Ui, sanitize};

/// Check git, the folders, Claude Code and the registries
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg doctor            git, Claude Code, servers' programs, registries
  agentpkg doctor --network  the same, and whether each registry answers
  agentpkg check             what agents need and what changed here")]
pub struct DoctorArgs {
    /// Ask each registry whether it answers
    #[arg(long)]
    network: bool,
}

/// Runs the command.
pub fn run(args: &DoctorArgs, context: &mut Context) -> Result<()> {
    let findings = doctor(&context.session, args.network, &mut context.ui)?;
    let bad = findings
        .iter()
        .filter(|finding| finding.health == Health::Bad)
        .count();
    if context.ui.is_json() {
        let findings = findings
            .iter()
            .map(|finding| FindingView::of(finding, &context.ui))
            .collect();
        context
            .ui
            .json(DocumentName::Doctor, &DoctorDocument { findings })?;
    } else {
        let mut table = Table::new([Column::name(""), Column::word(""), Column::text("")]);
        for finding in &findings {
            table.row([
                finding.subject.as_str().into(),
                word(finding.health).into(),
                finding.detail.as_str().into(),
            ]);
        }
        context.ui.table(&table)?;
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

fn word(health: Health) -> &'static str {
    match health {
        Health::Good => "ok",
        Health::Warning => "warning",
        Health::Bad => "error",
    }
}

/// What `doctor --json` prints.
#[derive(Serialize)]
struct DoctorDocument<'a> {
    findings: Vec<FindingView<'a>>,
}

#[derive(Serialize)]
struct FindingView<'a> {
    subject: &'a str,
    /// `ok`, `warning` or `error`.
    health: &'static str,
    detail: &'a str,
    /// What to do about it.
    hint: Option<String>,
    /// The commands of agentpkg in `hint`, joined with ` && `.
    command: Option<String>,
}

impl<'a> FindingView<'a> {
    fn of(finding: &'a Finding, ui: &Ui) -> Self {
        let hint = finding.hint.as_ref().map(|hint| ui.hint_json(hint));
        let (hint, command) = hint.map_or((None, None), |hint| (Some(hint.text), hint.command));
        Self {
            subject: &finding.subject,
            health: word(finding.health),
            detail: &finding.detail,
            hint,
            command,
        }
    }
}
