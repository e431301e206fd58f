//! `agentpkg info`.

use clap::Args;
use serde_json::{Value, json};

use super::list::state;
use super::{Context, JSON_VERSION, install, needs};
use crate::domain::definition::Verdict;
use crate::error::Result;
use crate::ops::info::info;
use crate::ui::{one_line, sanitize};

/// Show one agent: what it is for, what it may use, and whether the client loads it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg info planner                an installed agent, with your edits
  agentpkg info gh:owner/repo#planner  before you install it")]
pub struct InfoArgs {
    /// An installed agent, or any spec
    #[arg(value_name = "SPEC", add = super::complete::installed_or_specs())]
    pub spec: String,
}

/// Runs the command.
pub fn run(args: &InfoArgs, context: &mut Context) -> Result<()> {
    let info = info(&context.session, &args.spec, &mut context.ui)?;
    if context.ui.is_json() {
        let adapted = match &info.adapted {
            Ok((verdict, applied)) => {
                let mut value = verdict_json(verdict);
                value["adaptations"] = json!(applied);
                value
            }
            Err(reason) => json!({ "loads": false, "reason": reason }),
        };
        return context.ui.json(&json!({
            "schema_version": JSON_VERSION, "name": info.name, "spec": info.spec, "file": info.file, "revision": info.revision,
            "installed": info.installed.map(state), "client": verdict_json(&info.verdict), "adapted": adapted,
            "needs": needs::to_json(&info.needs),
            "gains": info.gains.iter().map(|gain| json!({ "what": gain.to_string(), "meaning": gain.meaning() })).collect::<Vec<_>>(),
        }));
    }
    let ui = &mut context.ui;
    ui.data(format!("{} {}", sanitize(&info.name), sanitize(&info.revision)).trim_end())?;
    let verdict = match &info.adapted {
        Ok((verdict @ Verdict::Loads(_), _)) => verdict,
        _ => &info.verdict,
    };
    if let Verdict::Loads(loaded) = verdict {
        ui.data(format!("  {}", one_line(&loaded.description, 400)))?;
        ui.data("")?;
        for line in install::labelled(
            "may use",
            &install::tools(loaded.tools.as_deref()),
            ui.columns(),
        ) {
            ui.data(line)?;
        }
        let can = install::abilities(loaded.tools.as_deref());
        if !can.is_empty() {
            ui.data(format!("  can       {can}"))?;
        }
        for gain in &info.gains {
            let line = format!("  by hand   + {gain}  {}", gain.meaning());
            ui.data(sanitize(line.trim_end()))?;
        }
        if !loaded.security.is_empty() {
            ui.data(format!(
                "  sets      {} (installed only with `--allow`)",
                loaded.security.join(", ")
            ))?;
        }
    }
    ui.data(format!("  from      {}", sanitize(&info.spec)))?;
    ui.data(format!("  file      {}", sanitize(&info.file)))?;
    match info.installed {
        Some(installed) if info.installed_as.is_empty() => {
            ui.data(format!("  installed {}", state(installed)))?;
        }
        Some(installed) => ui.data(format!(
            "  installed {}, {}",
            state(installed),
            sanitize(&info.installed_as)
        ))?,
        None => ui.data("  installed no")?,
    }
    let client = match (&info.verdict, &info.adapted) {
        (Verdict::Loads(_), _) => "loads it".to_owned(),
        (Verdict::Skipped(reason), Ok((Verdict::Loads(_), _))) => {
            format!("skips it as it is ({reason}); agentpkg repairs it")
        }
        (Verdict::Skipped(reason), Ok(_)) => format!("skips it: {reason}"),
        (Verdict::Skipped(reason), Err(error)) => {
            format!("skips it: {reason}; it cannot be repaired: {error}")
        }
    };
    ui.data(format!("  client    {}", sanitize(&client)))?;
    let lines = needs::report_lines(&info.needs, ui.columns());
    if !lines.is_empty() {
        ui.data("")?;
    }
    lines.iter().try_for_each(|line| ui.data(line))
}

fn verdict_json(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Loads(loaded) => json!({
            "loads": true, "name": loaded.name, "description": loaded.description, "tools": loaded.tools,
            "disallowed_tools": loaded.disallowed_tools, "security": loaded.security,
        }),
        Verdict::Skipped(reason) => json!({ "loads": false, "reason": reason.to_string() }),
    }
}
