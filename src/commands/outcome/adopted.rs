//! What became of files that agentpkg did not write.

use unicode_width::UnicodeWidthStr as _;

use super::{Context, show_gains, show_undo};
use crate::commands::capabilities;
use crate::domain::count::numbered;
use crate::domain::shell::Command;
use crate::ops::update::{ChangedAgent, Outcome, Status, Undecided, Unmanaged};
use crate::store::agreement::{registry_of, versions};
use crate::ui::{CYAN, DIM, Ui, sanitize};

/// How many candidates are named below a file that was not adopted.
const NEAREST: usize = 3;

/// Shows which files were adopted, and which were not and why.
/// `again`: the command for the files with these names.
pub(in crate::commands) fn show_adopt(
    outcome: &Outcome,
    is_dry_run: bool,
    again: &dyn Fn(&[&str]) -> Command,
    context: &mut Context,
) {
    let ui = &mut context.ui;
    let agents = outcome.agents.iter();
    let adopted: Vec<&ChangedAgent> = agents
        .filter(|agent| agent.status == Status::Adopted)
        .collect();
    show_adopted(&adopted, is_dry_run, ui);
    for unmanaged in &outcome.unmanaged {
        show_unmanaged(unmanaged, is_dry_run, ui);
    }
    let unsure = outcome.unmanaged.iter();
    let unsure = unsure.filter(|file| file.undecided == Undecided::Version);
    let unsure: Vec<&str> = unsure.map(|file| file.name.as_str()).collect();
    if is_dry_run && !unsure.is_empty() {
        let nearest = ui.command(&again(&unsure).arg("--nearest"));
        ui.note(format!(
            "{DIM}`{nearest}` takes the nearest version where several are near.{DIM:#}"
        ));
    }
    if adopted.is_empty() {
        if outcome.is_nothing_chosen {
            ui.note("Nothing was chosen.");
        } else if outcome.unmanaged.is_empty() && outcome.failures.is_empty() {
            ui.note("There is nothing to adopt: agentpkg manages every file of the agents folder.");
        }
        return;
    }
    if !is_dry_run {
        let update = ui.command(&Command::new(["update"]));
        let files = numbered(adopted.len(), "file stays", "files stay");
        ui.note(format!(
            "{DIM}{files} as before; `{update}` merges what upstream changed since.{DIM:#}"
        ));
        show_undo(ui);
    }
}

/// Shows files that were adopted, a line each.
pub(super) fn show_adopted(adopted: &[&ChangedAgent], is_dry_run: bool, ui: &mut Ui) {
    let verb = if is_dry_run { "Would adopt" } else { "Adopted" };
    let from = |agent: &ChangedAgent| {
        let locked = agent.locked.as_ref();
        let registry = locked.map(registry_of).unwrap_or_default();
        sanitize(&format!("{registry} {}", versions(locked)))
            .trim_end()
            .to_owned()
    };
    let widest = |width: &dyn Fn(&ChangedAgent) -> usize| {
        adopted.iter().map(|agent| width(agent)).max().unwrap_or(0)
    };
    let names = widest(&|agent| agent.name.as_str().width());
    let places = widest(&|agent| from(agent).width());
    for agent in adopted {
        let (from, notes) = (from(agent), sanitize(&agent.notes.join("; ")));
        let name_gap = names - agent.name.as_str().width() + 2;
        let place_gap = places - from.width() + 2;
        ui.status(
            verb,
            format!(
                "{CYAN}{}{CYAN:#}{:name_gap$}{from}{:place_gap$}{DIM}{notes}{DIM:#}",
                agent.name, "", ""
            ),
        );
        if let Some(loaded) = &agent.adopted {
            let tools = capabilities::tools(loaded);
            ui.note(format!("{:13}{DIM}may use {tools}{DIM:#}", ""));
        }
        show_gains(&agent.powers, ui);
    }
}

fn show_unmanaged(unmanaged: &Unmanaged, is_dry_run: bool, ui: &mut Ui) {
    // The name of a folder may have a line break.
    let on_one_line = |text: &str| sanitize(text).replace('\n', "\\n");
    let (name, why) = (on_one_line(&unmanaged.name), on_one_line(&unmanaged.why));
    let verb = if is_dry_run { "Would leave" } else { "Left" };
    ui.attention(verb, format!("{CYAN}{name}{CYAN:#}  {DIM}{why}{DIM:#}"));
    for likely in unmanaged.candidates.iter().take(NEAREST) {
        let (spec, percent) = (sanitize(&likely.spec), likely.percent);
        ui.note(match unmanaged.undecided {
            Undecided::Version => format!("{:13}{DIM}{}  {spec}{DIM:#}", "", likely.detail),
            Undecided::Nothing | Undecided::File | Undecided::Origin => {
                format!("{:13}{DIM}{percent:>3} % like {spec}{DIM:#}", "")
            }
        });
    }
    let more = unmanaged.candidates.len().saturating_sub(NEAREST);
    if more > 0 {
        ui.note(format!("{:13}{DIM}and {more} more{DIM:#}", ""));
    }
}
