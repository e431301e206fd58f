//! A person's program saves a file while a command replaces, creates or removes it.
//!
//! A saver saves again and again, each time the text from before the command with a new mark, and stops at a random moment of the command.
//! The rules:
//!
//! - A save counts if it was completed. Its mark must then be in the file or below `.agentpkg/state/history`.
//! - The only exception is a later save of the same saver that removed this very text, which the saver knows exactly (`saver`). The last
//!   save of each round has no such exception, and its moment is spread over the whole command.
//! - A command that ends with 0 leaves the last save in the file: none of these commands may silently remove an edit. A saver that had the
//!   file open for longer than agentpkg waits before its last check is exempt from this rule, but not from the first one.
//! - A command that ends with another code names the file or the agent. 3 and 4 are possible as well as 1, because a file that is read
//!   while somebody writes it can look like an edit in conflict.
//! - Nothing is left over in the project that neither the command nor the saver has created.
//!
//! `natural` lets the two run freely. `held` stops agentpkg at each call that changes the project, and saves during the pause.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::judge::{TEMPLATE, contains, has};
use super::saver::{Buffer, Save, Way, save};
use super::stage::{Files, Running, Stage, agent, run};
use super::trace::{Point, WITHOUT_EXCHANGE, disturbing, points, wait_until_held};
use super::{Random, assert_none, is_full, sample, scenario};
use crate::support::sandbox::Output;

/// A saver that has the file open for longer may be too late for agentpkg's last check, which comes after 10 ms. It tries to hold the file
/// for 5 ms at most, but the machine may be busy.
const LATE: Duration = Duration::from_millis(9);

/// A command and the file that is saved meanwhile.
pub(super) struct Race {
    pub(super) scenario: &'static str,
    pub(super) target: &'static str,
}

const fn race(scenario: &'static str, target: &'static str) -> Race {
    Race { scenario, target }
}

pub(super) const RACES: &[Race] = &[
    race("update_edited", ".claude/agents/agent-a.md"),
    race("update_edited", ".claude/agents/agent-f.md"),
    race("install_one", ".claude/agents/agent-a.md"),
    race("install_one", "agentpkg.toml"),
    race("remove_clean", ".claude/agents/agent-c.md"),
    race("undo_update", ".claude/agents/agent-d.md"),
    race("install_with_servers", ".mcp.json"),
    race("registry_add", "agentpkg.toml"),
];

/// A race that can be run again and again.
pub(super) struct Track {
    pub(super) stage: Stage,
    pub(super) words: Vec<String>,
    target: &'static str,
    buffer: Buffer,
    /// How long the command takes undisturbed.
    duration: Duration,
    /// The files before or after an undisturbed run.
    known: BTreeSet<String>,
}

impl Track {
    /// Prepares a race and runs its command once undisturbed.
    pub(super) fn new(race: &Race) -> Option<Self> {
        let scenario = scenario::find(race.scenario);
        let mut stage = Stage::new()?;
        (scenario.prepare)(&mut stage);
        // A program that saves a file has its folder.
        std::fs::create_dir_all(stage.project(race.target).parent().unwrap()).unwrap();
        stage.keep(TEMPLATE);
        let words = stage.words(scenario.command);
        let before = stage.files();
        let begin = Instant::now();
        let _ = run(&mut stage.command(&words)).code(0);
        let duration = begin.elapsed();
        let known = before
            .keys()
            .cloned()
            .chain(stage.files().into_keys())
            .collect();
        let buffer = buffer(race.target, before.get(race.target));
        Some(Self {
            stage,
            words,
            target: race.target,
            buffer,
            duration,
            known,
        })
    }

    /// Saves the file once.
    pub(super) fn save(&self, way: Way, mark: &str, hold: Duration) -> Save {
        save(
            way,
            &self.stage.project(self.target),
            &self.buffer,
            mark,
            hold,
        )
    }

    /// Whether the output of a command names the file, or the agent in it.
    pub(super) fn is_named(&self, output: &Output) -> bool {
        let name = Path::new(self.target)
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap();
        output.stderr.contains(name.trim_end_matches(".md"))
    }

    /// Whether the text is in the file or in the history.
    pub(super) fn is_kept(&self, files: &Files, words: &str) -> bool {
        files.iter().any(|(path, content)| {
            (path == self.target || is_of_history(path)) && has(content, words)
        })
    }

    /// What is wrong after the saver and the command have ended.
    fn judge(&self, saves: &[Save], output: &Output) -> Vec<String> {
        let mut wrong = Vec::new();
        let files = self.stage.files();
        // What a later save removed is not lost.
        let is_expected = |(index, save): &(usize, &Save)| {
            save.is_complete
                && !saves[index + 1..]
                    .iter()
                    .any(|later| has(&later.replaced, &save.mark))
        };
        let expected: Vec<_> = saves.iter().enumerate().filter(is_expected).collect();
        for (index, save) in &expected {
            if !self.is_kept(&files, &save.mark) {
                let place = if contains(&files, &save.mark) {
                    "only elsewhere"
                } else {
                    "nowhere"
                };
                wrong.push(format!("save {} of {} is {place}", index + 1, saves.len()));
            }
        }
        let is_in_file = |save: &Save| {
            files
                .get(self.target)
                .is_some_and(|content| has(content, &save.mark))
        };
        match (output.code, expected.last()) {
            (0, Some((_, last))) if !is_in_file(last) && last.took < LATE => {
                wrong.push("the last save is not in the file, and nothing is said".to_owned());
            }
            (0, _) => {}
            (1 | 3 | 4, _) if self.is_named(output) => {}
            _ => wrong.push(format!("{} is not named", self.target)),
        }
        let is_left = |path: &&String| {
            let may_come = **path == self.target
                || is_of_history(path)
                || path.starts_with(".agentpkg/state/pending/");
            !may_come && !self.known.contains(*path)
        };
        let left: Vec<_> = files.keys().filter(is_left).collect();
        if !left.is_empty() {
            wrong.push(format!("left over: {left:?}"));
        }
        wrong
    }

    /// The same in one line, for a report.
    fn verdict(&self, saves: &[Save], output: &Output, moment: &str) -> Option<String> {
        let wrong = self.judge(saves, output);
        (!wrong.is_empty()).then(|| {
            format!(
                "{} {}, {moment}: {}: {}",
                self.words[0],
                self.target,
                wrong.join("; "),
                output.all()
            )
        })
    }
}

/// The text that a person has open: with a place for a line, where the format allows one.
fn buffer(target: &str, content: Option<&Vec<u8>>) -> Buffer {
    let text = content.map(|content| String::from_utf8(content.clone()).unwrap());
    let (start, end) = match (target, &text) {
        (".mcp.json", Some(text)) => {
            let at = text.find("\"mcpServers\": {\n").unwrap() + "\"mcpServers\": {\n".len();
            (text[..at].to_owned(), text[at..].to_owned())
        }
        ("agentpkg.toml", _) => (text.unwrap_or_default(), String::new()),
        _ => (
            text.unwrap_or_else(|| agent("agent-a", "Read", 1)),
            String::new(),
        ),
    };
    let line = match target {
        ".mcp.json" => (
            "    \"",
            "\": {\"command\": \"npx\", \"args\": [\"-y\", \"x@1\"]},",
        ),
        _ => ("# ", ""),
    };
    Buffer { start, end, line }
}

fn is_of_history(path: &str) -> bool {
    path.starts_with(".agentpkg/state/history/")
}

/// Makes a test for each way to save.
macro_rules! for_each_way {
    ($attack:path: $($name:ident = $way:ident),*) => {
        $(#[test]
        fn $name() {
            $attack(Way::$way);
        })*
    };
}

mod natural {
    use super::*;

    for_each_way!(race_freely:
        rename_over = RenameOver, truncate = Truncate, in_place = InPlace, append = Append, backup = Backup, unlink = Unlink);

    fn race_freely(way: Way) {
        let rounds = if is_full() { 1250 } else { 8 };
        let mut random = Random(way as u64 + 1);
        let (mut wrong, mut saves, mut all) = (Vec::new(), 0, 0);
        for race in RACES {
            let Some(track) = Track::new(race) else {
                return;
            };
            for round in 0..rounds {
                // Sometimes the file system cannot exchange two files.
                let (output, done) = run_round(&track, way, round % 4 == 3, &mut random);
                wrong.extend(track.verdict(&done, &output, &format!("round {round}")));
                saves += done.len();
                all += 1;
            }
        }
        crate::trust::count(&format!("{way:?}: {all} rounds, {saves} saves"));
        assert!(saves > all / 2, "only {saves} saves in {all} rounds");
        assert_none(&wrong, all);
    }

    #[test]
    fn a_command_that_only_looks_loses_nothing() {
        for way in Way::ALL {
            let Some(mut track) = Track::new(&RACES[0]) else {
                return;
            };
            track.words = vec!["list".to_owned()];
            let mut random = Random(7);
            for round in 0..8 {
                let (output, done) = run_round(&track, way, false, &mut random);
                assert_eq!(
                    track.verdict(&done, &output, &format!("{way:?}, round {round}")),
                    None
                );
            }
        }
    }

    #[test]
    fn a_save_that_is_nowhere_is_noticed() {
        let Some(track) = Track::new(&RACES[0]) else {
            return;
        };
        track.stage.restore(TEMPLATE);
        let saved = track.save(Way::RenameOver, "SAVED", Duration::ZERO);
        let output = |code, stderr: &str| Output {
            code,
            stdout: String::new(),
            stderr: stderr.to_owned(),
        };
        assert!(track.judge(&[], &output(0, "")).is_empty());
        assert!(
            track
                .judge(std::slice::from_ref(&saved), &output(0, ""))
                .is_empty()
        );
        assert_eq!(
            track
                .judge(std::slice::from_ref(&saved), &output(1, "error: agent-b"))
                .len(),
            1,
            "it is not named"
        );
        track.stage.restore(TEMPLATE);
        track.stage.write("other.md", "SAVED");
        let wrong = track.judge(&[saved], &output(0, ""));
        let expected = [
            "save 1 of 1 is only elsewhere",
            "the last save is not in the file, and nothing is said",
            "left over: [\"other.md\"]",
        ];
        assert_eq!(wrong, expected);
    }

    fn run_round(
        track: &Track,
        way: Way,
        without_exchange: bool,
        random: &mut Random,
    ) -> (Output, Vec<Save>) {
        track.stage.restore(TEMPLATE);
        // strace makes a command slower.
        let micros = u64::try_from(track.duration.as_micros()).unwrap()
            * if without_exchange { 3 } else { 1 };
        let stop = random.below(micros + 1);
        let (first, stop) = (
            Duration::from_micros(random.below(stop + 1)),
            Duration::from_micros(stop),
        );
        let mut pauses = Random(random.below(u64::MAX));
        let is_over = &AtomicBool::new(false);
        thread::scope(|scope| {
            // The stage is not shared with other threads.
            let (path, buffer) = (track.stage.project(track.target), &track.buffer);
            let saver = scope.spawn(move || {
                let begin = Instant::now();
                let mut saves = Vec::new();
                thread::sleep(first);
                while begin.elapsed() <= stop && !is_over.load(Ordering::Relaxed) {
                    let hold = Duration::from_micros(
                        [0, 300, 1000, 5000][usize::try_from(pauses.below(4)).unwrap()],
                    );
                    let mark = format!("SAVED-{:04}-WHILE-IT-RAN", saves.len());
                    saves.push(save(way, &path, buffer, &mark, hold));
                    thread::sleep(Duration::from_micros(pauses.below(2000)));
                }
                saves
            });
            let output = if without_exchange {
                disturbing(&track.stage, &track.words, &[WITHOUT_EXCHANGE]).end()
            } else {
                Running::start(&mut track.stage.command(&track.words)).end()
            };
            is_over.store(true, Ordering::Relaxed);
            let saves = saver.join().unwrap();
            (output.unwrap_or_else(|reason| panic!("{reason}")), saves)
        })
    }
}

mod held {
    use super::*;

    for_each_way!(save_in_each_pause:
        rename_over = RenameOver, truncate = Truncate, in_place = InPlace, append = Append, backup = Backup, unlink = Unlink);

    const PAUSE: Duration = Duration::from_millis(60);

    fn save_in_each_pause(way: Way) {
        let (mut wrong, mut tried, mut saved) = (Vec::new(), 0, 0);
        for (index, race) in RACES.iter().enumerate() {
            let Some(track) = Track::new(race) else {
                return;
            };
            for surroundings in [&[][..], &[WITHOUT_EXCHANGE]] {
                // A sample uses the two in turn.
                if !is_full() && surroundings.len() != index % 2 {
                    continue;
                }
                track.stage.restore(TEMPLATE);
                let all = points(&track.stage, &track.words, surroundings).into_iter();
                let points: Vec<_> = all
                    .filter(|point| point.is_own && point.is_in_project && point.changes())
                    .collect();
                for (index, point) in sample(points, 4).iter().enumerate() {
                    let hold = Duration::from_millis(if index % 2 == 0 { 0 } else { 5 });
                    let (output, done) = pause_at(&track, point, surroundings, way, hold);
                    wrong.extend(track.verdict(
                        &done,
                        &output,
                        &format!("{surroundings:?} held at {point}"),
                    ));
                    saved += done.len();
                    tried += 1;
                }
            }
        }
        crate::trust::count(&format!("{way:?}: {tried} pauses, {saved} saves"));
        assert!(saved * 2 > tried, "only {saved} of {tried} pauses were met");
        assert_none(&wrong, tried);
    }

    /// Stops agentpkg before a call, and saves in the meantime.
    fn pause_at(
        track: &Track,
        point: &Point,
        surroundings: &[&str],
        way: Way,
        hold: Duration,
    ) -> (Output, Vec<Save>) {
        track.stage.restore(TEMPLATE);
        let pause = point.injection(&format!("delay_enter={}", PAUSE.as_micros()));
        let running = disturbing(
            &track.stage,
            &track.words,
            &[surroundings, &[&pause]].concat(),
        );
        let mut saves = Vec::new();
        if wait_until_held(&running).is_some() {
            saves.push(track.save(way, "SAVED-IN-THE-PAUSE", hold));
        }
        (
            running.end().unwrap_or_else(|reason| panic!("{reason}")),
            saves,
        )
    }
}
