//! Sixteen commands at once in one project, some of them killed at a random moment, while a person writes a separate file.
//!
//! Afterwards, after one recovery: each agent in the lockfile has its file and its base, there is no agent file that the lockfile does not
//! know, the manifest wants nothing that is not locked, nothing is left over, and the person's file is complete. Each command ends within a
//! minute, and one that waits says for which process.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use super::judge::TEMPLATE;
use super::stage::{Running, Stage, agent, run};
use super::trace::{disturbing, points, wait_until_held};
use super::{Random, assert_none, is_full};

const COMMANDS: &[&[&str]] = &[
    &["install", "NAME"],
    &["install", "NAME"],
    &["install", "NAME"],
    &["install", "SOURCE#NAME", "--as", "my-NAME"],
    &["install", "backend-architect"],
    &["remove", "NAME"],
    &["remove", "NAME", "--force"],
    &["update"],
    &["update", "--conflicts", "markers"],
    &["resolve", "--theirs"],
    &["undo"],
    &["undo", "--force"],
    &["list"],
    &["status"],
    &["check"],
    &["diff"],
    &["outdated"],
    &["search", "agent"],
    &["list", "--available"],
    &["registry", "refresh"],
];

const AT_ONCE: usize = 16;
const MINE: &str = ".claude/agents/mine.md";

#[test]
fn commands_at_once_leave_a_consistent_project() {
    together(false);
}

#[test]
fn commands_at_once_leave_a_consistent_project_when_some_are_killed() {
    together(true);
}

fn together(with_kills: bool) {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    stage.publish(1, 12);
    let _ = stage
        .run(&["registry", "add", "SOURCE", "--name", "studio"])
        .code(0);
    let _ = stage.run(&["install", "agent-a"]).code(0);
    stage.write(MINE, agent("mine", "Read", 1));
    let rounds = if is_full() { 63 } else { 4 };
    let mut random = Random(u64::from(with_kills) + 1);
    let (mut wrong, mut killed) = (Vec::new(), 0);
    for round in 0..rounds {
        stage.publish(if round % 2 == 0 { 2 } else { 1 }, 12);
        let commands: Vec<_> = (0..AT_ONCE).map(|_| start(&stage, &mut random)).collect();
        let ids: Vec<String> = commands
            .iter()
            .map(|(_, running)| running.id.as_raw_nonzero().to_string())
            .collect();
        let mut mine = OpenOptions::new()
            .append(true)
            .open(stage.project(MINE))
            .unwrap();
        writeln!(mine, "My line of round {round}.").unwrap();
        if with_kills {
            for victim in 0..AT_ONCE / 3 {
                thread::sleep(Duration::from_millis(random.below(60)));
                commands[victim * 3].1.kill();
            }
        }
        for (words, running) in commands {
            let output = match running.end() {
                Ok(output) => output,
                Err(reason) => {
                    wrong.push(format!("round {round}: {reason}"));
                    continue;
                }
            };
            let mut found = |what: &str| {
                wrong.push(format!("round {round}, {words:?} {what}: {}", output.all()));
            };
            match output.code {
                0..=5 => {}
                -1 if with_kills => killed += 1,
                _ => found("did not end as it should"),
            }
            // A command that was killed may have said only half of it.
            if output.code != -1
                && output.stderr.to_lowercase().contains("waiting")
                && !names_a_holder(&output.stderr, &ids)
            {
                found("waits, and does not say for whom");
            }
        }
        let recovered = run(&mut stage.command(&["recover".to_owned()]));
        if recovered.code != 0 {
            wrong.push(format!(
                "round {round}: the recovery fails: {}",
                recovered.all()
            ));
        }
        wrong.extend(
            inconsistencies(&stage, round)
                .into_iter()
                .map(|what| format!("round {round}: {what}")),
        );
    }
    assert!(!with_kills || killed > 0, "no command was killed");
    super::count(&format!("{} commands, {killed} killed", rounds * AT_ONCE));
    assert_none(&wrong, rounds * AT_ONCE);
}

fn start(stage: &Stage, random: &mut Random) -> (Vec<String>, Running) {
    let mut one_of = |count: usize| usize::try_from(random.below(count as u64)).unwrap();
    let name = format!("agent-{}", char::from(b"abcdefghijkl"[one_of(12)]));
    let command: Vec<String> = COMMANDS[one_of(COMMANDS.len())]
        .iter()
        .map(|word| word.replace("NAME", &name))
        .collect();
    let words = stage.words(&command.iter().map(String::as_str).collect::<Vec<_>>());
    let running = Running::start(&mut stage.command(&words));
    (words, running)
}

/// Whether a command that waits says for which process; the process that takes over may have no name yet.
fn names_a_holder(said: &str, ids: &[String]) -> bool {
    said.contains("another process") || ids.iter().any(|id| said.contains(id.as_str()))
}

/// What is inconsistent in a project that nobody works on.
fn inconsistencies(stage: &Stage, round: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let files = stage.files();
    let text = |path: &str| {
        files
            .get(path)
            .map(|content| String::from_utf8_lossy(content).into_owned())
            .unwrap_or_default()
    };
    let lockfile: toml::Table = text("agentpkg.lock").parse().unwrap();
    let manifest: toml::Table = text("agentpkg.toml").parse().unwrap();
    let locked = lockfile
        .get("agent")
        .and_then(toml::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let field = |agent: &toml::Value, name: &str| {
        agent
            .get(name)
            .and_then(toml::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut expected: BTreeSet<String> = [MINE, "agentpkg.lock", "agentpkg.toml"]
        .map(str::to_owned)
        .into();
    for agent in &locked {
        for path in [
            format!(".claude/agents/{}.md", field(agent, "name")),
            format!(".agentpkg/base/{}", field(agent, "base")),
        ] {
            if !files.contains_key(&path) {
                wrong.push(format!("{path} is missing"));
            }
            expected.insert(path);
        }
    }
    for name in manifest
        .get("agents")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(toml::Table::keys)
    {
        if !locked.iter().any(|agent| field(agent, "name") == *name) {
            wrong.push(format!("the manifest wants {name}, which is not locked"));
        }
    }
    for path in files.keys().filter(|path| !expected.contains(*path)) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_unfinished = name.ends_with(".tmp") || name.ends_with("-new") || name == "journal";
        let is_own = ["state/", "conflicts/", ".gitattributes", ".gitignore"]
            .iter()
            .any(|own| path.starts_with(&format!(".agentpkg/{own}")));
        if is_unfinished || !is_own {
            wrong.push(format!("left over: {path}"));
        }
    }
    let mine = text(MINE);
    if (0..=round).any(|round| !mine.contains(&format!("My line of round {round}.\n"))) {
        wrong.push(format!("{MINE} has lost a line"));
    }
    for command in [&["list"][..], &["check"]] {
        let output = stage.run(command);
        if !matches!(output.code, 0 | 4) {
            wrong.push(format!("{command:?}: {}", output.all()));
        }
    }
    wrong
}

#[test]
fn a_command_that_waits_says_for_whom() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    stage.publish(1, 3);
    let _ = stage.run(&["install", "../folder#agent-c"]).code(0);
    stage.keep(TEMPLATE);
    let words = stage.words(&["install", "../folder#agent-a"]);
    // The lockfile is among the last files that are written, and the lock is held then.
    let all = points(&stage, &words, &[]);
    let last = all
        .iter()
        .rfind(|point| point.is_in_project && point.changes() && point.call.starts_with("rename"))
        .unwrap();
    // On a busy machine the second command may be slower than the first one is held, so that is held longer then.
    let mut said = String::new();
    for seconds in [3, 12, 45] {
        stage.restore(TEMPLATE);
        let delay = format!("delay_enter={}", seconds * 1_000_000);
        let holder = disturbing(&stage, &words, &[&last.injection(&delay)]);
        let id = wait_until_held(&holder).expect("the holder is held");
        let waiting = stage.run(&["install", "../folder#agent-b"]);
        let _ = holder.end().unwrap().code(0);
        assert_eq!(waiting.code, 0, "{}", waiting.all());
        assert!(fs::exists(stage.project(".claude/agents/agent-b.md")).unwrap());
        if waiting.stderr.contains(&id) && waiting.stderr.contains("install") {
            return;
        }
        said = format!("process {id}: {}", waiting.all());
    }
    panic!("nothing says for whom: {said}");
}
