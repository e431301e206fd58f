//! Two clones of one project, random commands in both, and git's merges between them: nothing is lost, and no merge ends in a state that
//! needs an editor. What git leaves open is closed by commands alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::team::{commit, git};
use super::{Stage, agent};
use crate::support::sandbox::Output;

/// How many merges are made, all projects together. `AGENTPKG_ROUNDS` is another number.
const ROUNDS: usize = 16;
/// How many merges a project lives for.
const LIFE: usize = 8;
const NAMES: [&str; 6] = [
    "auditor", "mapper", "planner", "reviewer", "tester", "writer",
];
const FOLDERS: [&str; 2] = ["project", "other"];

struct Team {
    stage: Stage,
    random: u64,
    /// How far each agent was rewritten upstream, and in which folder it is.
    upstream: BTreeMap<&'static str, (usize, usize)>,
    edits: usize,
    /// Edits that went because a person took the other side.
    given_up: BTreeSet<String>,
    log: Vec<String>,
}

impl Team {
    fn new(seed: u64) -> Self {
        let mut team = Self {
            stage: Stage::new(&[("README.md", "nothing")]),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            upstream: NAMES.into_iter().map(|name| (name, (0, 0))).collect(),
            edits: 0,
            given_up: BTreeSet::new(),
            log: vec![format!("seed {seed}")],
        };
        team.publish();
        for name in ["mapper", "planner"] {
            team.run(0, &["install", &format!("studio/{name}")], &[0]);
        }
        let _ = git(&team.stage, "project", &["init", "-q", "-b", "main"]).code(0);
        commit(&team.stage, "project");
        let _ = git(&team.stage, "", &["clone", "-q", "project", "other"]).code(0);
        if seed.is_multiple_of(2) {
            for person in 0..2 {
                team.run(person, &["init", "--merge-driver"], &[0]);
            }
        }
        team
    }

    fn pick(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap() % below.max(1)
    }

    fn publish(&mut self) {
        self.stage.upstream.clear();
        self.stage.upstream.file("README.md", "nothing");
        for (name, (changed, folder)) in &self.upstream {
            let file = format!("agents{folder}/{name}.md");
            // Each version says it in other words: git cannot merge two of them.
            let text = agent(name, name, *changed);
            let text = text.replace("new line", &format!("new {changed} line"));
            self.stage.upstream.file(&file, text);
        }
        self.stage.upstream.commit("next");
    }

    fn path(&self, person: usize, path: &str) -> std::path::PathBuf {
        self.stage.sandbox.path().join(FOLDERS[person]).join(path)
    }

    fn ask(&mut self, person: usize, arguments: &[&str], codes: &[i32]) -> Output {
        let folder = self.path(person, "");
        self.log
            .push(format!("{}: {}", FOLDERS[person], arguments.join(" ")));
        let output = self
            .stage
            .run(&[&["-C", folder.to_str().unwrap()], arguments].concat());
        assert!(
            codes.contains(&output.code),
            "exit {}\n{}",
            output.code,
            output.all()
        );
        output
    }

    fn run(&mut self, person: usize, arguments: &[&str], codes: &[i32]) {
        let _ = self.ask(person, arguments, codes);
    }

    fn git(&mut self, person: usize, arguments: &[&str]) -> Output {
        self.log
            .push(format!("{}: git {}", FOLDERS[person], arguments.join(" ")));
        git(&self.stage, FOLDERS[person], arguments)
    }

    /// The agents of a person, each with its text.
    fn agents(&self, person: usize) -> BTreeMap<String, String> {
        let entries = fs::read_dir(self.path(person, ".claude/agents"));
        let entries = entries.into_iter().flatten().flatten();
        entries
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, fs::read_to_string(entry.path()).unwrap())
            })
            .collect()
    }

    /// One thing that a person does, or that happens upstream.
    fn act(&mut self) {
        let person = self.pick(2);
        let name = NAMES[self.pick(NAMES.len())];
        match self.pick(8) {
            0 => self.run(person, &["install", &format!("studio/{name}")], &[0, 1, 4]),
            1 | 2 => self.edit(person),
            3 => self.run(person, &["remove", name], &[0, 1]),
            4 => {
                let folder = self.pick(3);
                self.log.push(format!("upstream: {name} moves to {folder}"));
                self.upstream.get_mut(name).unwrap().1 = folder;
                self.publish();
            }
            _ => {
                let changed = &mut self.upstream.get_mut(name).unwrap().0;
                *changed = (*changed + 1).min(12);
                self.log.push(format!("upstream: {name} is at {changed}"));
                self.publish();
                // Each at another time.
                self.run(person, &["update", "--theirs", "--allow", "all"], &[0]);
            }
        }
        self.stage_all(person);
    }

    fn stage_all(&mut self, person: usize) {
        let _ = self.git(person, &["add", "-A"]).code(0);
        let _ = self.git(person, &["commit", "-qm", "x"]);
    }

    /// A line of a person's own, anywhere in an agent.
    fn edit(&mut self, person: usize) {
        let agents = self.agents(person);
        let at = self.pick(agents.len());
        let Some((file, text)) = agents.iter().nth(at) else {
            return;
        };
        self.edits += 1;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let places = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.contains(" line "));
        let places: Vec<usize> = places.map(|(index, _)| index).collect();
        let place = places[self.pick(places.len())];
        lines.insert(place + 1, format!("edit{}.", self.edits));
        self.log
            .push(format!("{}: edits {file} at {place}", FOLDERS[person]));
        fs::write(
            self.path(person, ".claude/agents").join(file),
            lines.join("\n") + "\n",
        )
        .unwrap();
    }

    /// Merges what the other person has, and closes what git leaves open.
    fn merge(&mut self, person: usize) {
        let before = [self.agents(person), self.agents(1 - person)];
        let from = format!("../{}", FOLDERS[1 - person]);
        let pulled = self.git(
            person,
            &["pull", "-q", "--no-rebase", "--no-edit", &from, "main"],
        );
        let mut decided = BTreeSet::new();
        if pulled.code != 0 {
            self.log.push(pulled.all());
            self.close(person, &mut decided);
            self.stage_all(person);
        }
        self.run(person, &["install"], &[0]);
        for arguments in [
            &["install", "--locked"] as &[&str],
            &["check", "--project-only"],
        ] {
            self.run(person, arguments, &[0]);
        }
        let status = self.ask(person, &["status", "--json"], &[0]).json();
        for agent in status["agents"].as_array().unwrap() {
            assert_eq!(agent["has_base"], true, "{agent}");
        }
        let after = self.agents(person);
        for (side, agents) in before.iter().enumerate() {
            for (file, text) in agents {
                for edit in text.lines().filter(|line| line.starts_with("edit")) {
                    // Whoever was asked to take one side took the own one.
                    if side == 1
                        && decided.contains(file)
                        && !before[0].get(file).is_some_and(|text| text.contains(edit))
                    {
                        self.given_up.insert(edit.to_owned());
                    }
                    if self.given_up.contains(edit) {
                        continue;
                    }
                    let is_there = after.get(file).is_some_and(|text| text.contains(edit));
                    assert!(
                        is_there,
                        "{file} lost {edit}:\n{text}\n{:?}",
                        after.get(file)
                    );
                }
            }
        }
        assert!(after.values().all(|text| !text.contains("<<<<<<<")));
        self.stage_all(person);
        // A clone of that is whole, too.
        let _ = fs::remove_dir_all(self.stage.sandbox.path().join("fresh"));
        let _ = git(&self.stage, "", &["clone", "-q", FOLDERS[person], "fresh"]).code(0);
        let fresh = self.stage.sandbox.path().join("fresh");
        let fresh = fresh.to_str().unwrap();
        let _ = self
            .stage
            .run(&["-C", fresh, "install", "--locked", "--offline"])
            .code(0);
    }

    /// Closes a merge without an editor; notes the files of which one side was taken.
    fn close(&mut self, person: usize, decided: &mut BTreeSet<String>) {
        let manifest = fs::read_to_string(self.path(person, "agentpkg.toml")).unwrap();
        let mut wanted = Vec::new();
        if manifest.contains("<<<<<<<") {
            let theirs = self
                .git(person, &["show", "MERGE_HEAD:agentpkg.toml"])
                .stdout;
            let _ = self
                .git(person, &["checkout", "-q", "--ours", "agentpkg.toml"])
                .code(0);
            let ours = fs::read_to_string(self.path(person, "agentpkg.toml")).unwrap();
            let has = |text: &str, name: &str| text.contains(&format!("\n{name} = "));
            wanted = NAMES.to_vec();
            wanted.retain(|name| has(&theirs, name) && !has(&ours, name));
        }
        for name in wanted.iter().map(|name| format!("studio/{name}")) {
            while !self.is_decided(person, &["install", &name], decided) {}
        }
        while !self.is_decided(person, &["install"], decided) {}
        // What was removed with its edits is nobody's but the person's.
        let lockfile = fs::read_to_string(self.path(person, "agentpkg.lock")).unwrap();
        for (file, text) in self.agents(person) {
            let name = file.strip_suffix(".md").unwrap();
            let is_own = !lockfile.contains(&format!("name = \"{name}\""));
            if is_own && text.contains("<<<<<<<") {
                let path = format!(".claude/agents/{file}");
                let _ = self
                    .git(person, &["checkout", "-q", "--ours", &path])
                    .code(0);
                decided.insert(file);
            }
        }
    }

    /// Runs an install; where it names a file that git could not merge, that is decided as the hint says.
    fn is_decided(
        &mut self,
        person: usize,
        arguments: &[&str],
        decided: &mut BTreeSet<String>,
    ) -> bool {
        let output = self.ask(person, arguments, &[0, 1]);
        if output.code == 0 {
            return true;
        }
        let hint = output.stderr.split("`git checkout --ours ").nth(1);
        let path = hint.and_then(|hint| hint.split('`').next());
        let path = path.unwrap_or_else(|| panic!("{}", output.all()));
        let file = path.rsplit('/').next().unwrap().to_owned();
        let _ = self
            .git(person, &["checkout", "-q", "--ours", path])
            .code(0);
        assert!(decided.insert(file), "{}", output.all());
        false
    }
}

#[test]
fn two_clones_lose_nothing_and_need_no_editor() {
    let number = |name: &str, default| match std::env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    };
    let projects = number("AGENTPKG_ROUNDS", ROUNDS) / LIFE;
    let first = number("AGENTPKG_SEED", 0);
    let threads = 2;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for project in (first..first + projects).skip(thread).step_by(threads) {
                    live(u64::try_from(project).unwrap());
                }
            });
        }
    });
}

/// Lives through a project; what failed is told with all that led to it.
fn live(seed: u64) {
    let mut team = Team::new(seed);
    for round in 0..LIFE {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..4 {
                team.act();
            }
            team.merge(round % 2);
        }));
        if let Err(cause) = outcome {
            eprintln!("{}", team.log.join("\n"));
            resume_unwind(cause);
        }
    }
}
