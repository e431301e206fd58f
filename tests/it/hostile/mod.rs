//! A stranger's project stays harmless: each hostile project meets each command, and nothing happens that its user did not want.
//!
//! After every run nothing outside of the project was touched, nor `.git` or a file of the user in it; a command that reads changed
//! nothing at all; no planted program ran, neither then nor in the `git status` that follows; no forged state was acted upon; the
//! command ended soon, with an exit code that is documented, and spoke plainly.

mod case;
mod command;
mod files;
mod journals;
mod leftovers;
mod links;
mod records;
mod snapshot;
mod texts;
mod verdict;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::repo::hermetic_git;
use crate::support::sandbox::Sandbox;
use case::Case;
use command::Command;
use verdict::Looks;
use world::World;

/// How many threads try cases.
const THREADS: usize = 2;

/// How many commands a case meets in every run of the tests.
const SAMPLE: usize = 4;

/// How many commands may hang in a case before the others are left out.
const MAX_LATE: usize = 3;

/// How many cases there are at least.
const CASES: usize = 110;

#[test]
fn a_strangers_project_is_harmless() {
    let sandbox = Sandbox::new();
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let commands = command::known(&sandbox.run(&["--help"]).code(0).stdout);
    let mut cases = case::all();
    let is_full = std::env::var_os("AGENTPKG_FULL").is_some();
    // To look at some of them alone, as `cargo test` does with the names of tests.
    if let Ok(part) = std::env::var("AGENTPKG_HOSTILE") {
        cases.retain(|case| case.name.contains(&part));
    }
    let pick = |at: usize| if is_full { (0..commands.len()).collect() } else { sample(at, commands.len()) };
    let (next, complaints, runs) = (AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let world = World::new();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(at) else {
                        break;
                    };
                    let chosen: Vec<&Command> = pick(at).into_iter().map(|index| &commands[index]).collect();
                    runs.fetch_add(chosen.len(), Ordering::Relaxed);
                    complaints.lock().unwrap().extend(try_case(&world, case, &chosen));
                }
            });
        }
    });
    let mut complaints = complaints.into_inner().unwrap();
    complaints.sort();
    let (runs, failed) = (runs.into_inner(), complaints.len());
    let in_cases = complaints.iter().map(|complaint| complaint.case.as_str()).collect::<BTreeSet<_>>().len();
    let told: Vec<String> = complaints.iter().map(Complaint::tell).collect();
    assert!(told.is_empty(), "{failed} of {runs} runs, in {in_cases} of {} cases:\n{}", cases.len(), told.join("\n"));
}

/// What is wrong after a command in a case.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Complaint {
    case: String,
    command: &'static str,
    reasons: Vec<String>,
}

impl Complaint {
    fn tell(&self) -> String {
        // An attack that empties a folder needs no list of everything that was in it.
        let (shown, rest) = self.reasons.split_at(self.reasons.len().min(6));
        let more = if rest.is_empty() { String::new() } else { format!("; and {} more", rest.len()) };
        format!("[{}] `agentpkg {}`: {}{more}", self.case, self.command, shown.join("; "))
    }
}

/// Tries commands on a case. It is built anew only where one has changed it.
fn try_case(world: &World, case: &Case, commands: &[&Command]) -> Vec<Complaint> {
    let look = || Looks { outside: world.look_outside(), inside: world.look_inside() };
    world.prepare(case);
    let mut before = look();
    let mut complaints = Vec::new();
    let mut late = 0;
    for command in commands {
        // What hangs for some would hang for all, and the rest can be tried when that is mended.
        if late == MAX_LATE {
            break;
        }
        let run = world.run(command, case.home);
        late += usize::from(run.is_late);
        let after = look();
        let mut reasons = verdict::of_run(&run);
        let is_changed = before.inside != after.inside || before.outside != after.outside;
        if is_changed {
            reasons.extend(verdict::of_changes(case, command, &before, &after));
            world.run_git_status();
        }
        let has_run = world.marker().exists();
        if has_run {
            reasons.push("a planted program ran".to_owned());
        }
        if !reasons.is_empty() {
            complaints.push(Complaint { case: case.name.clone(), command: command.line, reasons });
        }
        if is_changed || has_run {
            world.prepare(case);
            before = look();
        }
    }
    complaints
}

/// The commands that a case meets in every run: far from one another in their list, and others for the next case.
fn sample(case: usize, commands: usize) -> Vec<usize> {
    let stride = commands.div_ceil(SAMPLE);
    (0..SAMPLE).map(|turn| (case + turn * stride) % commands).collect()
}

#[test]
fn the_sample_is_spread_evenly() {
    let cases = case::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "each case has a name of its own");
    assert!(cases.len() >= CASES, "there are {} cases", cases.len());
    let commands = command::known(&Sandbox::new().run(&["--help"]).code(0).stdout);
    assert!(commands.len() >= 45, "the program has most commands of the list: {}", commands.len());
    let mut met: BTreeMap<usize, usize> = BTreeMap::new();
    for at in 0..cases.len() {
        let chosen: BTreeSet<usize> = sample(at, commands.len()).into_iter().collect();
        assert!(chosen.len() >= 3, "case {at} meets {chosen:?}");
        chosen.into_iter().for_each(|command| *met.entry(command).or_default() += 1);
    }
    for (at, command) in commands.iter().enumerate() {
        assert!(met.get(&at).is_some_and(|count| *count >= 10), "`{}` meets {:?} cases", command.line, met.get(&at));
    }
}
