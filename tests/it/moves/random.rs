//! Random upstream histories against random commands: what upstream does with an agent never gives its name to another one, never loses an
//! edit, and never leaves a project in which the usual commands fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::{Stage, agent};
use crate::support::repo::hermetic_git;

/// How many steps are taken, all projects together. `AGENTPKG_STEPS` is another number.
const STEPS: usize = 500;
/// How many steps a project lives for.
const LIFE: usize = 25;

/// Who each file is: the agent's name, its soul, which never changes, and how far it was rewritten.
type Files = BTreeMap<String, (String, String, usize)>;

struct World {
    stage: Stage,
    is_served: bool,
    random: u64,
    files: Files,
    /// The default branch.
    default: String,
    branches: BTreeMap<String, Files>,
    tags: BTreeMap<String, Files>,
    /// Branches and tags that are gone.
    lost: BTreeSet<String>,
    count: usize,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64, is_served: bool) -> Self {
        let files = &[("README.md", "nothing")];
        let mut world = Self {
            stage: if is_served {
                Stage::served(files)
            } else {
                Stage::new(files)
            },
            is_served,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            files: Files::new(),
            default: "main".to_owned(),
            branches: BTreeMap::new(),
            tags: BTreeMap::new(),
            lost: BTreeSet::new(),
            count: 0,
            log: vec![format!("seed {seed}, served: {is_served}")],
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

    fn one_of<T: Clone>(&mut self, all: impl Iterator<Item = T>) -> Option<T> {
        let all: Vec<T> = all.collect();
        let index = self.pick(all.len());
        all.get(index).cloned()
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
        let what = self.pick(12);
        let Some(file) = self.one_of(self.files.clone().into_keys()) else {
            self.add();
            return self.publish();
        };
        let (name, who, changed) = self.files[&file].clone();
        self.count += 1;
        let elsewhere = format!("moved{}/{name}.md", self.count);
        let renamed = format!("name{}", self.count);
        self.log.push(format!("upstream: {what} {file}"));
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
            8 => {
                let other = format!("soul{}", self.count);
                self.files.insert(file.clone(), (renamed, other, 0));
            }
            _ => return self.happen_to_references(),
        }
        self.publish();
    }

    /// One thing that happens upstream to branches and tags.
    fn happen_to_references(&mut self) {
        let what = self.pick(7);
        let name = format!("ref{}", self.count);
        let branch = self.one_of(self.branches.clone().into_keys());
        let tag = self.one_of(self.tags.clone().into_keys());
        let upstream = &mut self.stage.upstream;
        self.log
            .push(format!("references: {what} {name} {branch:?} {tag:?}"));
        match (what, branch, tag) {
            (0, ..) => {
                upstream.branch(&name);
                self.branches.insert(name, self.files.clone());
            }
            (1, ..) => {
                let version = format!("v1.{}.0", self.count);
                upstream.tag(&version);
                self.tags.insert(version, self.files.clone());
            }
            (2, Some(branch), _) => self.go_on(&branch),
            (3, ..) => {
                let old = std::mem::replace(&mut self.default, name);
                upstream.rename_default(&old, &self.default);
                upstream.on(&self.default);
            }
            // A push by force to what a branch once was.
            (4, Some(branch), _) => {
                self.files = self.branches[&branch].clone();
                self.write(&self.files.clone());
                self.stage.upstream.commit_orphan("all new");
            }
            (5, Some(branch), _) => {
                upstream.remove_reference(&format!("refs/heads/{branch}"));
                self.branches.remove(&branch);
                self.lost.insert(branch);
            }
            // A version moves to what is there now, or goes.
            (6, _, Some(tag)) if self.count.is_multiple_of(2) => {
                upstream.tag(&tag);
                self.tags.insert(tag, self.files.clone());
            }
            (6, _, Some(tag)) => {
                upstream.remove_reference(&format!("refs/tags/{tag}"));
                self.tags.remove(&tag);
                self.lost.insert(tag);
            }
            _ => {}
        }
    }

    /// A branch goes on by itself.
    fn go_on(&mut self, branch: &str) {
        let mut files = self.branches[branch].clone();
        if let Some(file) = self.one_of(files.clone().into_keys()) {
            let (name, who, changed) = files.remove(&file).unwrap();
            let path = format!("side{}/{name}.md", self.count);
            files.insert(path, (name, who, (changed + 1).min(8)));
        }
        self.write(&files);
        self.stage.upstream.on(branch).commit("on a branch");
        self.branches.insert(branch.to_owned(), files);
        // What is tagged or branched off is the default branch.
        self.stage.upstream.on(&self.default);
        self.publish();
    }

    fn write(&mut self, files: &Files) {
        self.stage.upstream.clear();
        self.stage.upstream.file("README.md", "nothing");
        for (file, (name, who, changed)) in files {
            self.stage.upstream.file(file, agent(name, who, *changed));
        }
    }

    fn publish(&mut self) {
        self.write(&self.files.clone());
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

    /// Runs a command, which has to end with one of these codes; returns the one it ended with.
    fn run(&mut self, arguments: &[&str], codes: &[i32]) -> i32 {
        self.log.push(arguments.join(" "));
        let output = self.stage.run(arguments);
        assert!(
            codes.contains(&output.code),
            "exit {}\n{}",
            output.code,
            output.all()
        );
        output.code
    }

    fn step(&mut self) {
        let before = self.installed();
        let mut exempt = None;
        match self.pick(12) {
            0 | 1 => self.install(&before),
            2 | 3 => self.edit(&before),
            4 => self.happen(),
            5 => {
                self.happen();
                self.happen();
                exempt = self.go_on_as();
            }
            6 => {
                // What was undone is done again.
                self.log.push("undo --json".to_owned());
                let undone = self.stage.run(&["undo", "--json"]);
                if undone.code == 0 {
                    let number = undone.json()["undoing"].to_string();
                    self.run(&["undo", &number], &[0]);
                }
            }
            7 => {
                if let Some(file) = self.one_of(before.keys()) {
                    let name = file.strip_suffix(".md").unwrap().to_owned();
                    self.run(&["remove", &name], &[0, 1]);
                }
            }
            _ => {
                self.happen();
                self.update();
            }
        }
        self.check(&before, exempt.as_deref());
    }

    fn install(&mut self, before: &BTreeMap<String, String>) {
        let reference = match self.pick(4) {
            0 => self.one_of(self.branches.clone().into_iter()),
            1 => self.one_of(self.tags.clone().into_iter()),
            2 => {
                let newest = self
                    .tags
                    .keys()
                    .max_by_key(|tag| tag[3..].trim_end_matches(".0").parse::<usize>().unwrap());
                newest.map(|tag| ("^1".to_owned(), self.tags[tag].clone()))
            }
            _ => None,
        };
        let (at, files) = reference.map_or_else(
            || (String::new(), self.files.clone()),
            |(name, files)| (format!("@{name}"), files),
        );
        let Some(file) = self.one_of(files.clone().into_keys()) else {
            return;
        };
        // Whoever asked a server a moment ago is answered from the cache.
        if self.is_served {
            self.run(&["registry", "refresh"], &[0]);
        }
        // A name that is taken is refused: nothing is replaced silently.
        let is_taken = before.contains_key(&format!("{}.md", files[&file].0));
        let codes: &[i32] = if is_taken { &[0, 1, 4] } else { &[0] };
        self.run(&["install", &format!("studio#{file}{at}")], codes);
    }

    fn edit(&mut self, before: &BTreeMap<String, String>) {
        if let Some((file, text)) = self.one_of(before.iter())
            && !text.contains("mine")
        {
            self.log.push(format!("edit {file}"));
            let edited = text.replace("\n---\n\n", "\nmodel: mine\n---\n\n");
            let path = format!("project/.claude/agents/{file}");
            self.stage.sandbox.write(&path, edited);
        }
    }

    /// Whether the manifest wants a version that upstream does not have any more.
    fn wants_what_is_lost(&self) -> bool {
        let path = self.stage.sandbox.project("agentpkg.toml");
        let manifest = fs::read_to_string(path).unwrap_or_default();
        let is_wanted = |name: &String| manifest.contains(&format!("\"{name}\""));
        self.lost.iter().any(is_wanted) || self.tags.is_empty() && manifest.contains("\"^1\"")
    }

    /// Follows the first hint about an agent that is gone; returns its file.
    fn go_on_as(&mut self) -> Option<String> {
        let codes: &[i32] = if self.wants_what_is_lost() {
            &[0, 1]
        } else {
            &[0]
        };
        self.run(&["outdated"], codes);
        let outdated = self.stage.run(&["outdated", "--json"]).json();
        let gone = outdated["gone_agents"].as_array().unwrap().iter();
        let hinted: Vec<(String, String)> = gone
            .filter_map(|gone| {
                let spec = gone["successors"][0]["spec"].as_str()?;
                Some((gone["name"].as_str()?.to_owned(), spec.to_owned()))
            })
            .collect();
        let (name, spec) = self.one_of(hinted.into_iter())?;
        let arguments = [
            "update", &name, "--from", &spec, "--theirs", "--allow", "all",
        ];
        self.run(&arguments, &[0]);
        Some(format!("{name}.md"))
    }

    /// After every update all usual commands work, and whatever is gone has its exits.
    fn update(&mut self) {
        let codes: &[i32] = if self.wants_what_is_lost() {
            &[0, 1]
        } else {
            &[0]
        };
        if self.run(&["update", "--theirs", "--allow", "all"], codes) != 0 {
            // The rest was updated, and what is here stays whole.
            self.run(&["install"], &[0]);
            self.run(&["install", "--locked"], &[0]);
            self.clone_of(true);
            return;
        }
        let outdated = self.stage.run(&["outdated", "--json"]).code(0).json();
        let gone = outdated["gone"].as_array().unwrap().len();
        self.run(&["install"], &[0]);
        self.run(&["install", "--locked"], &[0]);
        self.run(&["outdated", "--check"], if gone > 0 { &[5] } else { &[0] });
        self.run(&["update", "--check"], if gone > 0 { &[5] } else { &[0] });
        self.run(&["check", "--project-only"], &[0]);
        self.run(&["status", "--check"], &[0]);
        self.clone_of(true);
        // Without the lockfile nobody knows that a file was another agent before.
        if gone == 0 {
            self.clone_of(false);
        }
    }

    fn clone_of(&mut self, has_lockfile: bool) {
        self.log
            .push(format!("a clone, with the lockfile: {has_lockfile}"));
        let _ = self.stage.assert_clone(has_lockfile, 0);
    }

    /// No file changed its soul, except where a person chose another one, and no edit is lost.
    fn check(&self, before: &BTreeMap<String, String>, exempt: Option<&str>) {
        let soul = |text: &str| {
            let line = text.lines().find(|line| line.starts_with("description: "));
            line.unwrap_or_default().to_owned()
        };
        for (file, now) in &self.installed() {
            if let Some(text) = before.get(file) {
                if exempt != Some(file) {
                    assert_eq!(soul(text), soul(now), "{file} became another agent");
                }
                let was_edited = text.contains("model: mine");
                assert!(
                    !was_edited || now.contains("model: mine"),
                    "{file} lost its edit"
                );
            }
        }
        for (file, text) in before {
            let is_there = self.installed().contains_key(file);
            assert!(
                is_there || !text.contains("mine"),
                "{file} went with its edit"
            );
        }
    }
}

/// Lives through a project; what failed is told with all that led to it.
fn live(seed: u64, is_served: bool) {
    let mut world = World::new(seed, is_served);
    for _ in 0..LIFE {
        let outcome = catch_unwind(AssertUnwindSafe(|| world.step()));
        if let Err(cause) = outcome {
            eprintln!("{}", world.log.join("\n"));
            for file in ["agentpkg.toml", "agentpkg.lock"] {
                let text = fs::read_to_string(world.stage.sandbox.project(file));
                eprintln!("{}", text.unwrap_or_default());
            }
            resume_unwind(cause);
        }
    }
}

#[test]
fn nothing_that_happens_upstream_gives_a_name_to_another_agent_or_loses_an_edit() {
    let folder = tempfile::tempdir().unwrap();
    let has_git = hermetic_git(folder.path()).is_some();
    let number = |name: &str, default| match std::env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    };
    let projects = number("AGENTPKG_STEPS", STEPS) / LIFE;
    let first = number("AGENTPKG_SEED", 0);
    let threads = 4;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for project in (first..first + projects).skip(thread).step_by(threads) {
                    // A server costs much time, and matters only to what is fetched when.
                    let is_served = has_git && project % 5 == 4;
                    live(u64::try_from(project).unwrap(), is_served);
                }
            });
        }
    });
}
