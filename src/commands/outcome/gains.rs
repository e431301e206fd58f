//! The permissions of agents, line by line: what is new in one that was written, or would be.

use crate::domain::capability::Gain;
use crate::ops::update::{ChangedAgent, Status};
use crate::ui::{DIM, Ui, YELLOW, sanitize};

/// Which permissions of an agent a report shows, for every command: all that an agent has from its first installation, and what one that
/// was there before gains. What was skipped gains nothing, and says by itself what it asked for.
pub(super) fn shown(agent: &ChangedAgent, is_dry_run: bool) -> Vec<Gain> {
    if !is_dry_run && !agent.is_written() && agent.status != Status::Marked {
        return Vec::new();
    }
    let mut shown = agent.powers.clone();
    let others = agent.gains.iter();
    shown.extend(others.filter(|gain| !agent.powers.contains(gain)).cloned());
    shown
}

/// Shows them.
pub(in crate::commands) fn show_gained(agent: &ChangedAgent, is_dry_run: bool, ui: &mut Ui) {
    let gains = shown(agent, is_dry_run);
    show_gains(&gains, ui);
    if agent.status == Status::Marked && !gains.is_empty() {
        let note = "to be allowed when its conflicts are resolved";
        ui.note(format!("{:13}{DIM}{note}{DIM:#}", ""));
    }
}

/// Shows permissions, one in a line.
pub(in crate::commands) fn show_gains(gains: &[Gain], ui: &mut Ui) {
    for gain in gains {
        let (gain, meaning) = (sanitize(&gain.to_string()), sanitize(&gain.meaning()));
        let meaning = match meaning.as_str() {
            "" => meaning,
            _ => format!("  {DIM}{meaning}{DIM:#}"),
        };
        ui.note(format!("{:13}{YELLOW}+ {gain}{YELLOW:#}{meaning}", ""));
    }
}
