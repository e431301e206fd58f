//! A file is edited between a kill and the recovery. The edit stays, and upstream's change does not count as merged.

use std::time::Duration;

use super::judge::{TEMPLATE, contains};
use super::save::{RACES, Track};
use super::saver::Way;
use super::stage::{EDIT, UPSTREAM, run};
use super::trace::{Point, disturbed, points};
use super::{assert_none, sample};

const KILL: &str = "signal=SIGKILL";
const LATE: &str = "EDITED-AFTER-THE-KILL";

/// The calls of agentpkg itself that change the project.
fn changes(track: &Track) -> Vec<Point> {
    track.stage.restore(TEMPLATE);
    let all = points(&track.stage, &track.words, &[]).into_iter();
    all.filter(|point| point.is_own && point.is_in_project && point.changes())
        .collect()
}

#[test]
fn the_next_update_merges_the_edit_with_what_upstream_changed() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    // The first two races are updates of an agent with an edit and of one without.
    for race in &RACES[..2] {
        let Some(track) = Track::new(race) else {
            return;
        };
        for point in sample(changes(&track), 12) {
            track.stage.restore(TEMPLATE);
            let _ = disturbed(&track.stage, &track.words, &[&point.injection(KILL)]);
            // If files cannot be exchanged, a kill can leave a name without a file; nobody edits it then.
            if !track.stage.project(race.target).exists() {
                continue;
            }
            track
                .stage
                .edit(race.target, "Sentence 0 of", &format!("{LATE} zero of"));
            tried += 1;
            wrong.extend(
                merged(&track, race.target)
                    .err()
                    .map(|what| format!("{}, {point}: {what}", race.target)),
            );
        }
    }
    assert!(tried > 12, "only {tried} kills left a file to edit");
    super::count(&format!("{tried} edits"));
    assert_none(&wrong, tried);
}

/// Recovers, updates, and searches for all the texts.
fn merged(track: &Track, target: &str) -> Result<(), String> {
    recover(track)?;
    let output = run(&mut track.stage.command(&track.words));
    if output.code != 0 {
        return Err(format!("the update fails: {}", output.all()));
    }
    for name in ["a", "b", "c", "d", "e", "f"] {
        let path = format!(".claude/agents/agent-{name}.md");
        let text = track.stage.read(&path);
        let mut expected = vec![UPSTREAM];
        expected.extend((path == target).then_some(LATE));
        expected.extend(matches!(name, "a" | "b" | "c").then_some(EDIT));
        if let Some(missing) = expected.iter().find(|words| !text.contains(**words)) {
            return Err(format!("{path} does not have {missing}: {}", output.all()));
        }
    }
    let files = track.stage.files();
    let again = run(&mut track.stage.command(&track.words));
    if again.code != 0 || track.stage.files() != files {
        return Err(format!(
            "the next update is not without work: {}",
            again.all()
        ));
    }
    Ok(())
}

/// Recovers. Files that somebody edited meanwhile are named, unless the recovery did not touch them.
fn recover(track: &Track) -> Result<(), String> {
    let output = run(&mut track.stage.command(&["recover".to_owned()]));
    match output.code {
        0 => Ok(()),
        1 if track.is_named(&output) => Ok(()),
        _ => Err(format!("the recovery fails: {}", output.all())),
    }
}

#[test]
fn a_save_before_the_recovery_is_never_lost() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for race in RACES {
        let Some(track) = Track::new(race) else {
            return;
        };
        for (index, point) in sample(changes(&track), 6).iter().enumerate() {
            track.stage.restore(TEMPLATE);
            let _ = disturbed(&track.stage, &track.words, &[&point.injection(KILL)]);
            let saved = track.save(Way::ALL[index % Way::ALL.len()], LATE, Duration::ZERO);
            assert!(saved.is_complete);
            tried += 1;
            let mut outcome = recover(&track);
            let files = track.stage.files();
            if !track.is_kept(&files, LATE) {
                outcome = Err(format!(
                    "the save is lost, or only elsewhere ({})",
                    contains(&files, LATE)
                ));
            }
            wrong.extend(
                outcome
                    .err()
                    .map(|what| format!("{} {}, {point}: {what}", race.scenario, race.target)),
            );
        }
    }
    super::count(&format!("{tried} saves before the recovery"));
    assert_none(&wrong, tried);
}
