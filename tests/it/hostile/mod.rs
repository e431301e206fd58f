//! Somebody else's project is harmless: every command is run in every hostile project, and nothing happens that the user did not want.
//!
//! After every run: nothing outside of the project was touched, nor `.git` or a file of the user in it; a command that reads changed
//! nothing at all; no planted program ran, neither then nor in the `git status` that follows; no forged state was acted on; the command
//! ended soon, with a documented exit code and clean output.

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
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::repo::hermetic_git;
use crate::support::sandbox::Sandbox;
use case::Case;
use command::Command;
use snapshot::What;
use verdict::Looks;
use world::World;

/// How many threads run cases.
const THREADS: usize = 2;

/// How many commands are run in a case in a normal run of the tests.
const SAMPLE: usize = 4;

/// How many commands may hang in a case before the others are skipped.
const MAX_LATE: usize = 3;

/// How many cases there are at least.
const CASES: usize = 110;

#[test]
fn a_strangers_project_is_harmless() {
    if world().is_none() {
        return;
    }
    let commands = known_commands();
    let mut cases = case::all();
    let is_full = std::env::var_os("AGENTPKG_FULL").is_some();
    // To run only some of them, as `cargo test` does with the names of tests.
    if let Ok(part) = std::env::var("AGENTPKG_HOSTILE") {
        cases.retain(|case| case.name.contains(&part));
    }
    let pick = |at: usize| {
        if is_full {
            (0..commands.len()).collect()
        } else {
            sample(at, commands.len())
        }
    };
    let (next, complaints, runs) = (
        AtomicUsize::new(0),
        Mutex::new(Vec::new()),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let world = World::new();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(at) else {
                        break;
                    };
                    let chosen: Vec<&Command> =
                        pick(at).into_iter().map(|index| &commands[index]).collect();
                    runs.fetch_add(chosen.len(), Ordering::Relaxed);
                    complaints
                        .lock()
                        .unwrap()
                        .extend(try_case(&world, case, &chosen));
                }
            });
        }
    });
    let mut complaints = complaints.into_inner().unwrap();
    complaints.sort();
    let (runs, failed) = (runs.into_inner(), complaints.len());
    let in_cases = complaints
        .iter()
        .map(|complaint| complaint.case.as_str())
        .collect::<BTreeSet<_>>()
        .len();
    let told: Vec<String> = complaints.iter().map(Complaint::tell).collect();
    assert!(
        told.is_empty(),
        "{failed} of {runs} runs, in {in_cases} of {} cases:\n{}",
        cases.len(),
        told.join("\n")
    );
}

/// A world, if there is a git to make its repository with.
fn world() -> Option<World> {
    let sandbox = Sandbox::new();
    hermetic_git(&sandbox.path().join("home")).map(|_| World::new())
}

fn known_commands() -> Vec<Command> {
    command::known(&Sandbox::new().run(&["--help"]).code(0).stdout)
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
        // If an attack empties a folder, not every file that was in it needs to be listed.
        let (shown, rest) = self.reasons.split_at(self.reasons.len().min(6));
        let more = if rest.is_empty() {
            String::new()
        } else {
            format!("; and {} more", rest.len())
        };
        format!(
            "[{}] `agentpkg {}`: {}{more}",
            self.case,
            self.command,
            shown.join("; ")
        )
    }
}

/// Runs commands in a case. It is built again only after a command has changed it.
fn try_case(world: &World, case: &Case, commands: &[&Command]) -> Vec<Complaint> {
    let prepared = || {
        world.prepare(case);
        look(world)
    };
    let mut before = prepared();
    let mut complaints = Vec::new();
    let mut late = 0;
    for command in commands {
        // What hangs for some commands would hang for all; the rest can be run once that is fixed.
        if late == MAX_LATE {
            break;
        }
        let mut run = world.run(command, case.home);
        if run.is_late {
            // The machine may have been busy; a real hang happens again.
            before = prepared();
            run = world.run(command, case.home);
        }
        late += usize::from(run.is_late);
        let after = look(world);
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
            complaints.push(Complaint {
                case: case.name.clone(),
                command: command.line,
                reasons,
            });
        }
        if is_changed || has_run {
            before = prepared();
        }
    }
    complaints
}

fn look(world: &World) -> Looks {
    Looks {
        outside: world.look_outside(),
        inside: world.look_inside(),
    }
}

/// The commands that are run in a case in a normal run: spread over the list, and different ones for the next case.
fn sample(case: usize, commands: usize) -> Vec<usize> {
    let stride = commands.div_ceil(SAMPLE);
    (0..SAMPLE)
        .map(|turn| (case + turn * stride) % commands)
        .collect()
}

#[test]
fn the_sample_is_spread_evenly() {
    let cases = case::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "each case has a name of its own");
    assert!(cases.len() >= CASES, "there are {} cases", cases.len());
    let commands = known_commands();
    assert!(
        commands.len() >= 45,
        "the program has most commands of the list: {}",
        commands.len()
    );
    let mut met: BTreeMap<usize, usize> = BTreeMap::new();
    for at in 0..cases.len() {
        let chosen: BTreeSet<usize> = sample(at, commands.len()).into_iter().collect();
        assert!(chosen.len() >= 3, "case {at} meets {chosen:?}");
        for command in chosen {
            *met.entry(command).or_default() += 1;
        }
    }
    for (at, command) in commands.iter().enumerate() {
        assert!(
            met.get(&at).is_some_and(|count| *count >= 10),
            "`{}` meets {:?} cases",
            command.line,
            met.get(&at)
        );
    }
}

/// An attack that stops every command proves nothing, unless the same command works without the attack.
#[test]
fn commands_work_in_an_honest_project() {
    let Some(world) = world() else {
        return;
    };
    let in_use = [
        "remove x --force",
        "resolve --abort",
        "resolve --continue",
        "resolve --theirs --allow all",
        "undo",
        "undo --force",
        "undo 3 --force",
    ];
    let anywhere = [
        "check --fix",
        "install backend-architect",
        "registry add ./more",
        "remove z",
        "update x z --offline --theirs",
    ];
    let cloned = ["remove x --force", "update --offline --conflicts=markers"];
    let lines = [
        (true, &in_use[..]),
        (true, &anywhere),
        (false, &anywhere),
        (false, &cloned),
    ];
    let commands = known_commands();
    for (is_in_use, line) in lines
        .iter()
        .flat_map(|(is_in_use, lines)| lines.iter().map(|line| (*is_in_use, *line)))
    {
        let honest = Case::new("honest", |_| {});
        let honest = if is_in_use { honest.in_use() } else { honest };
        let command = commands
            .iter()
            .find(|command| command.line == line)
            .unwrap();
        world.prepare(&honest);
        let before = look(&world);
        let run = world.run(command, honest.home);
        let after = look(&world);
        let told = format!(
            "`{line}`: {:?}: {}",
            run.code,
            String::from_utf8_lossy(&run.stderr)
        );
        assert!(matches!(run.code, Some(0 | 3)), "{told}");
        // Bookkeeping files are only ever created.
        let differences = before.inside.differences(&after.inside);
        assert!(
            differences
                .iter()
                .any(|difference| matches!(difference.what, What::Changed | What::Deleted)),
            "{told}"
        );
        assert_eq!(
            verdict::of_changes(&honest, command, &before, &after),
            Vec::<String>::new(),
            "{told}"
        );
        assert_eq!(verdict::of_run(&run), Vec::<String>::new(), "{told}");
    }
}

/// Does by hand what no command may do.
type Harm = fn(&World);

/// Each kind of harm is seen.
#[test]
fn harm_is_seen() {
    let Some(world) = world() else {
        return;
    };
    let harms: [(&str, Harm); 10] = [
        ("Deleted outside: victim/keep.txt", |world| {
            fs::remove_file(world.path("victim/keep.txt")).unwrap();
        }),
        ("Created outside: home/.profile", |world| {
            world.write("home/.profile", "x");
        }),
        ("Touched outside: home/.bashrc", |world| {
            world.write("home/.bashrc", "# mine\n");
        }),
        ("Created outside: beside", |world| {
            world.write("beside", "x");
        }),
        ("Created .git/commondir", |world| {
            world.plant(".git/commondir", "x");
        }),
        ("Deleted README.md", |world| {
            fs::remove_file(world.project("README.md")).unwrap();
        }),
        ("Changed .claude/agents/mine.md", |world| {
            world.plant(".claude/agents/mine.md", "x");
        }),
        ("Created .claude/settings.local.json", |world| {
            world.plant(".claude/settings.local.json", "x");
        }),
        ("the user's words are lost", |world| {
            world.plant(".claude/agents/x.md", "x");
        }),
        ("a secret of the victim was copied", |world| {
            world.plant(
                ".agentpkg/copy",
                fs::read(world.path("victim/secret.txt")).unwrap(),
            );
        }),
    ];
    let case = Case::new("harm", |_| {});
    let commands = known_commands();
    let of_line = |line: &str| {
        commands
            .iter()
            .find(|command| command.line == line)
            .unwrap()
    };
    let (reads, writes) = (of_line("list"), of_line("install"));
    for (expected, harm) in harms {
        world.prepare(&case);
        let before = look(&world);
        assert_eq!(
            verdict::of_changes(&case, reads, &before, &look(&world)),
            Vec::<String>::new()
        );
        harm(&world);
        let complaints = verdict::of_changes(&case, writes, &before, &look(&world));
        assert!(
            complaints
                .iter()
                .any(|complaint| complaint.contains(expected)),
            "{expected} is not in {complaints:?}"
        );
    }
    // What a command that writes may do is too much for one that reads, and for one that finds a forged journal.
    let forged = Case::new("forged", |world| {
        world.plant(".agentpkg/state/journal", "x");
    });
    let forged = forged.forging(case::Forged::Journal, &[".agentpkg/state/journal"]);
    world.prepare(&forged);
    let before = look(&world);
    world.write("project/agentpkg.lock", "version = 1\n");
    let after = look(&world);
    assert_eq!(
        verdict::of_changes(&case, writes, &before, &after),
        Vec::<String>::new()
    );
    for (case, command) in [(&case, reads), (&forged, writes)] {
        assert_eq!(
            verdict::of_changes(case, command, &before, &after),
            ["Changed agentpkg.lock"]
        );
    }
    // A program that was planted in the repository's configuration runs when git is called.
    let program = world.planted_program();
    world.write(
        "project/.git/config",
        format!("[core]\n\tfsmonitor = \"{program}; false\"\n"),
    );
    world.run_git_status();
    assert!(world.marker().exists(), "git runs the program");
}
