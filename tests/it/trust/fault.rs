//! System calls fail one by one: no space, a damaged disk, no permission, a signal in between.

use super::judge::{Judge, TEMPLATE};
use super::trace::disturbed;
use super::{assert_none, sample};

const ERRORS: &[&str] = &["ENOSPC", "EIO", "EACCES", "EINTR"];

for_each_scenario!(fail_at_every_call);

fn fail_at_every_call(name: &str) {
    let Some(judge) = Judge::new(name) else {
        return;
    };
    // Calls that only read are left to a full run.
    let all = judge
        .points(&[])
        .into_iter()
        .filter(|point| super::is_full() || !point.is_reading);
    let (inside, outside): (Vec<_>, Vec<_>) = all.partition(|point| point.is_in_project);
    let points = sample(inside, 8).into_iter().chain(sample(outside, 3));
    // A sample uses the errors in turn, a full run all of them for each call.
    let width = if super::is_full() { ERRORS.len() } else { 1 };
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (index, point) in points.enumerate() {
        for error in ERRORS.iter().cycle().skip(index % ERRORS.len()).take(width) {
            judge.stage.restore(TEMPLATE);
            let output = disturbed(
                &judge.stage,
                &judge.words,
                &[&point.injection(&format!("error={error}"))],
            );
            wrong.extend(
                judge
                    .after_fault(&output)
                    .into_iter()
                    .map(|what| format!("{point} {error}: {what}")),
            );
            tried += 1;
        }
    }
    super::count(&format!("{name}: {tried} faults"));
    assert_none(&wrong, tried);
}
