//! What every command that changes agents says after its outcome: which files a person moved, what does not run as it seems, and what failed.

use crate::commands::Context;
use crate::domain::count::{FEW, counted, few};
use crate::error::Failure;
use crate::ops::update::Outcome;
use crate::ui::{CYAN, DIM, Ui, sanitize};

/// Says it. Names that mean nothing are one failure together.
pub(in crate::commands) fn finish(outcome: &Outcome, context: &mut Context) {
    let ui = &mut context.ui;
    for file in &outcome.moved_files {
        let (name, to) = (&file.name, sanitize(&file.to));
        ui.status(
            "Found",
            format!("{CYAN}{name}{CYAN:#}  {DIM}moved to {to}{DIM:#}"),
        );
    }
    for shadow in &outcome.shadows {
        ui.warn(shadow.as_str());
    }
    let is_unknown = |failure: &&Failure| failure.unknown().is_some();
    let (unknown, others): (Vec<&Failure>, Vec<&Failure>) =
        outcome.failures.iter().partition(is_unknown);
    match unknown.as_slice() {
        [] => {}
        [one] => ui.failure(one),
        several => {
            let together = not_found(several, ui);
            ui.failure(&together);
        }
    }
    for failure in others.iter().take(FEW) {
        ui.failure(failure);
    }
    let more = others.len().saturating_sub(FEW);
    if more > 0 {
        let errors = counted(more, "more error");
        let note = format!("and {errors}, which `--json` lists");
        ui.note(note);
    }
}

/// Several names that mean nothing as one failure, with what may have been meant by the first few.
fn not_found(failures: &[&Failure], ui: &Ui) -> Failure {
    let quoted = |failure: &Failure| format!("`{}`", failure.unknown().unwrap_or_default());
    let names: Vec<String> = failures.iter().map(|failure| quoted(failure)).collect();
    let mut together = Failure::failed(format!(
        "no agents have these {} names: {}",
        names.len(),
        few(&names, ", ")
    ));
    for failure in failures.iter().take(FEW) {
        for hint in failure.hints() {
            // A command to run next is the same for all; a name that may have been meant belongs to one.
            if hint.commands().next().is_none() {
                together = together.detail(format!("{}: {}", quoted(failure), ui.advice(hint)));
            } else if !together.hints().contains(hint) {
                together = together.hint(hint);
            }
        }
    }
    together
}
