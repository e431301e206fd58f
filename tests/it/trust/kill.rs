//! The program is killed at each system call that changes something, also during recovery.

use super::judge::{Judge, TEMPLATE};
use super::trace::{Point, WITHOUT_EXCHANGE, disturbed, points};
use super::{assert_none, sample};

const KILL: &str = "signal=SIGKILL";

/// Scenarios that a sample also runs where files cannot be exchanged.
const ALSO_WITHOUT_EXCHANGE: &[&str] = &[
    "update_edited",
    "remove_edited",
    "undo_update",
    "install_with_servers",
];

for_each_scenario!(kill_at_every_call);

fn kill_at_every_call(name: &str) {
    let Some(judge) = Judge::new(name) else {
        return;
    };
    kill(name, &judge, &[]);
    if super::is_full() || ALSO_WITHOUT_EXCHANGE.contains(&name) {
        kill(name, &judge, &[WITHOUT_EXCHANGE]);
    }
}

fn kill(name: &str, judge: &Judge, surroundings: &[&str]) {
    let (inside, outside): (Vec<_>, Vec<_>) = judge
        .points(surroundings)
        .into_iter()
        .filter(Point::changes)
        .partition(|point| point.is_in_project);
    let (mut wrong, mut own, mut killed, mut recoveries) = (Vec::new(), 0, 0, 0);
    let chosen: Vec<_> = sample(inside, 8)
        .into_iter()
        .chain(sample(outside, 3))
        .collect();
    let recovery = ["recover".to_owned()];
    for (index, point) in chosen.iter().enumerate() {
        judge.stage.restore(TEMPLATE);
        let output = disturbed(
            &judge.stage,
            &judge.words,
            &[surroundings, &[&point.injection(KILL)]].concat(),
        );
        own += usize::from(point.is_own);
        killed += usize::from(point.is_own && output.code == -1);
        // A sample interrupts one recovery, from about the middle of the command; a full run about thirty for each command.
        let is_kept = if super::is_full() {
            index % (chosen.len() / 30 + 1) == 0
        } else {
            index >= 4 && recoveries == 0
        };
        if is_kept {
            judge.stage.keep("interrupted");
        }
        wrong.extend(
            judge
                .after_kill()
                .into_iter()
                .map(|what| format!("{point}: {what}")),
        );
        if is_kept {
            judge.stage.restore("interrupted");
            let inner: Vec<_> = points(&judge.stage, &recovery, surroundings)
                .into_iter()
                .filter(Point::changes)
                .collect();
            for inner in sample(inner, 4) {
                judge.stage.restore("interrupted");
                let _ = disturbed(
                    &judge.stage,
                    &recovery,
                    &[surroundings, &[&inner.injection(KILL)]].concat(),
                );
                wrong.extend(
                    judge
                        .after_kill()
                        .into_iter()
                        .map(|what| format!("{point}, in the recovery {inner}: {what}")),
                );
                recoveries += 1;
            }
        }
    }
    // Calls are counted separately in each run, and the network has its own timing.
    assert!(killed * 4 > own, "only {killed} of {own} runs were killed");
    assert!(
        recoveries > 0 || name.starts_with("registry_refresh"),
        "no recovery was interrupted"
    );
    super::count(&format!(
        "{name} {surroundings:?}: {} kills, {recoveries} in the recovery",
        chosen.len()
    ));
    assert_none(&wrong, chosen.len() + recoveries);
}
