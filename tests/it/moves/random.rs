//! Random upstream histories against random commands: what upstream does with an agent never gives its name to another one, never loses an
//! edit, and never leaves a project in which the usual commands fail.

use std::collections::BTreeMap;
use std::fs;

use super::{Stage, agent};

/// How many steps are taken, all projects together.
const STEPS: usize = 500;

struct World {
    stage: Stage,
    random: u64,
    /// Who each file upstream is, and how far it was rewritten.
    files: BTreeMap<String, (String, String, usize)>,
    count: usize,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            stage: Stage::new(&[("README.md", "nothing")]),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            files: BTreeMap::new(),
            count: 0,
            log: vec![format!("seed {seed}")],
        };
        for _ in 0..4 {
            world.add();
        }
        world.publish();
        world
    }

    fn pick(&mut self, below: usize) -> usize {
        // Xorshift: all that it takes is that no two projects are alike.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap() % below.max(1)
    }

    fn some_file(&mut self) -> Option<String> {
        let index = self.pick(self.files.len());
        self.files.keys().nth(index).cloned()
    }

    fn add(&mut self) {
        self.count += 1;
        let who = format!("soul{}", self.count);
        let folder = ["agents", "team", "x/agents"][self.pick(3)];
        let name = format!("name{}", self.count);
        self.files
            .insert(format!("{folder}/{name}.md"), (name, who, 0));
    }

    /// One thing that happens upstream.
    fn happen(&mut self) {
        let what = self.pick(9);
        let Some(file) = self.some_file() else {
            return self.add();
        };
        let (name, who, changed) = self.files[&file].clone();
        self.count += 1;
        let elsewhere = format!("moved{}/{name}.md", self.count);
        let renamed = format!("name{}", self.count);
        match what {
            0 => self.add(),
            1 => drop(
                self.files
                    .insert(file.clone(), (name, who, (changed + 1).min(8))),
            ),
            2 => {
                let moved = self.files.remove(&file).unwrap();
                self.files.insert(elsewhere, moved);
            }
            3 => drop(self.files.insert(file.clone(), (renamed, who, changed))),
            4 => {
                self.files.remove(&file);
                let path = format!("agents/{renamed}.md");
                self.files
                    .insert(path, (renamed, who, (changed + 1).min(8)));
            }
            5 => drop(self.files.remove(&file)),
            6 => drop(self.files.insert(elsewhere, (name, who, changed))),
            7 => {
                self.files.remove(&file);
                for plugin in ["p", "q"] {
                    let path = format!("{plugin}{}/{name}.md", self.count);
                    self.files
                        .insert(path, (name.clone(), who.clone(), changed));
                }
            }
            // Another agent in the same file.
            _ => {
                let other = format!("soul{}", self.count);
                self.files.insert(file.clone(), (renamed, other, 0));
            }
        }
        self.log.push(format!("upstream: {what} {file}"));
        self.publish();
    }

    fn publish(&mut self) {
        self.stage.upstream.clear();
        self.stage.upstream.file("README.md", "nothing");
        for (file, (name, who, changed)) in &self.files {
            self.stage.upstream.file(file, agent(name, who, *changed));
        }
        if self.count % 7 == 3 {
            self.stage.upstream.commit_orphan("all new");
        } else {
            self.stage.upstream.commit("next");
        }
    }

    /// The installed agents, each with its text.
    fn installed(&self) -> BTreeMap<String, String> {
        let folder = self.stage.sandbox.project(".claude/agents");
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, fs::read_to_string(entry.path()).unwrap())
            })
            .collect()
    }

    fn run(&mut self, arguments: &[&str], codes: &[i32]) {
        self.log.push(arguments.join(" "));
        let output = self.stage.run(arguments);
        assert!(
            codes.contains(&output.code),
            "{}\n{}\n{}\n{}",
            self.log.join("\n"),
            output.all(),
            self.stage.manifest(),
            self.stage.lockfile()
        );
    }

    fn step(&mut self) {
        let before = self.installed();
        match self.pick(8) {
            0 | 1 => {
                if let Some(file) = self.some_file() {
                    let name = &self.files[&file].0;
                    // A name that is taken is refused: nothing is replaced silently.
                    let installed = before.contains_key(&format!("{name}.md"));
                    let spec = format!("studio#{file}");
                    self.run(
                        &["install", &spec],
                        if installed { &[0, 1, 4] } else { &[0] },
                    );
                }
            }
            2 => {
                let index = self.pick(before.len());
                if let Some((file, text)) = before.iter().nth(index) {
                    let path = format!("project/.claude/agents/{file}");
                    if !text.contains("mine") {
                        self.log.push(format!("edit {file}"));
                        let edited = text.replace("\n---\n\n", "\nmodel: mine\n---\n\n");
                        self.stage.sandbox.write(&path, edited);
                    }
                }
            }
            3 => self.happen(),
            _ => {
                self.happen();
                self.update();
            }
        }
        self.check(&before);
    }

    /// After every update all usual commands work, and whatever is gone has its exits.
    fn update(&mut self) {
        self.run(&["update", "--theirs"], &[0]);
        let outdated = self.stage.run(&["outdated", "--json"]).code(0).json();
        let gone = outdated["gone"].as_array().unwrap().len();
        self.run(&["install"], &[0]);
        self.run(&["install", "--locked"], &[0]);
        self.run(&["outdated", "--check"], if gone > 0 { &[5] } else { &[0] });
        self.log.push("clones".to_owned());
        let log = self.log.join("\n");
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = self.stage.assert_clone(true, 0);
            // Without the lockfile nobody knows that a file was another agent before.
            if gone == 0 {
                let _ = self.stage.assert_clone(false, 0);
            }
        }))
        .map_err(|_| {
            panic!(
                "{log}\n{}\n{}",
                self.stage.manifest(),
                self.stage.lockfile()
            )
        });
    }

    /// No file changed its soul, and no edit is lost.
    fn check(&self, before: &BTreeMap<String, String>) {
        let soul = |text: &str| {
            let line = text.lines().find(|line| line.starts_with("description: "));
            line.unwrap_or_default().to_owned()
        };
        for (file, now) in &self.installed() {
            if let Some(text) = before.get(file) {
                let log = self.log.join("\n");
                assert_eq!(soul(text), soul(now), "{file} became another agent:\n{log}");
                let was_edited = text.contains("model: mine");
                assert!(
                    !was_edited || now.contains("model: mine"),
                    "{file} lost its edit:\n{log}"
                );
            }
        }
    }
}

#[test]
fn nothing_that_happens_upstream_gives_a_name_to_another_agent_or_loses_an_edit() {
    let steps = match std::env::var("AGENTPKG_STEPS") {
        Ok(steps) => steps.parse().unwrap(),
        Err(_) => STEPS,
    };
    let threads = 4;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for project in 0..steps / threads / 25 {
                    let seed = u64::try_from(project * threads + thread).unwrap();
                    let mut world = World::new(seed);
                    for _ in 0..25 {
                        world.step();
                    }
                }
            });
        }
    });
}
