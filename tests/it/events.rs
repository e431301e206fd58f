//! What happens upstream to a reference, for each kind of source, each kind of reference and each event, in one table. What a command has
//! to say follows from the reference and the event alone.

use std::fs;
use std::path::Path;
use std::thread;

use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git, run_git};
use crate::support::sandbox::{Output, Sandbox, finish};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Ssh,
    File,
    Path,
    Registry,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Http,
        Self::Ssh,
        Self::File,
        Self::Path,
        Self::Registry,
    ];

    /// Whether the repository is read where it is: nothing of it is cached.
    fn is_in_place(self) -> bool {
        matches!(self, Self::File | Self::Path)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reference {
    Branch,
    Tag,
    Version,
    Commit,
    Head,
}

impl Reference {
    /// The branch is the last: to install from it again asks for all references.
    const ALL: [Self; 5] = [
        Self::Tag,
        Self::Version,
        Self::Commit,
        Self::Head,
        Self::Branch,
    ];

    /// The agent that is installed from it.
    fn agent(self) -> &'static str {
        match self {
            Self::Branch => "by-branch",
            Self::Tag => "by-tag",
            Self::Version => "by-version",
            Self::Commit => "by-commit",
            Self::Head => "by-head",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Moved,
    Deleted,
    Renamed,
    Folder,
    Replaced,
    Unreachable,
    Corrupt,
}

impl Event {
    const ALL: [Self; 7] = [
        Self::Moved,
        Self::Deleted,
        Self::Renamed,
        Self::Folder,
        Self::Replaced,
        Self::Unreachable,
        Self::Corrupt,
    ];
}

/// What has become of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Same,
    Newer,
    /// A released version has other bytes, which only a person can agree to.
    Asked,
    /// The reference is gone, or nothing can be said about it.
    Failed,
}

/// The rule. `is_kept`: what was fetched is still here, whatever became of the repository.
fn fate(reference: Reference, event: Event, is_kept: bool) -> Fate {
    match (event, reference) {
        (Event::Unreachable | Event::Corrupt, _) => Fate::Failed,
        // A commit never changes, so that what is here answers.
        (Event::Deleted | Event::Replaced, Reference::Commit) if !is_kept => Fate::Failed,
        (_, Reference::Commit) | (Event::Renamed, Reference::Head) => Fate::Same,
        (Event::Moved | Event::Replaced, Reference::Version) => Fate::Asked,
        (Event::Moved | Event::Replaced, _) => Fate::Newer,
        (Event::Deleted | Event::Renamed | Event::Folder, _) => Fate::Failed,
    }
}

fn text(agent: &str, text: &str) -> String {
    format!("---\nname: {agent}\ndescription: Comes from a reference\n---\n\nThe {text} text.\n")
}

/// A repository with a reference of each kind, and a project with an agent from each.
struct World {
    sandbox: Sandbox,
    repo: RepoBuilder,
    kind: Kind,
    event: Event,
    source: String,
    commit: String,
    server: Server,
}

impl World {
    fn new(kind: Kind, event: Event) -> Self {
        let sandbox = Sandbox::in_memory();
        let path = sandbox.path().join("srv/studio.git");
        let mut repo = RepoBuilder::bare(&path);
        let commit = publish(&mut repo, "first");
        let server = Server::start(&sandbox.path().join("srv"));
        let place = path.display();
        let source = match kind {
            Kind::Http => server.url("studio.git").to_string(),
            Kind::Ssh => format!("ssh://git@studio.example{place}"),
            Kind::File => format!("file://{place}"),
            Kind::Path => place.to_string(),
            Kind::Registry => "studio".to_owned(),
        };
        let ssh = "#!/bin/sh\nfor last; do :; done\nexec sh -c \"$last\"\n";
        let _ = sandbox.write("bin/ssh", ssh);
        make_executable(&sandbox.path().join("bin/ssh"));
        let world = Self {
            sandbox,
            repo,
            kind,
            event,
            source,
            commit,
            server,
        };
        if kind == Kind::Registry {
            let url = world.server.url("studio.git").to_string();
            let _ = world
                .run("project", &["registry", "add", &url, "--name", "studio"])
                .code(0);
        }
        let specs = Reference::ALL.map(|reference| world.spec(reference));
        let mut line = vec!["install"];
        line.extend(specs.iter().map(String::as_str));
        let _ = world.run("project", &line).code(0);
        world
    }

    fn spec(&self, reference: Reference) -> String {
        let version = match reference {
            Reference::Branch => "@dev",
            Reference::Tag => "@stable",
            Reference::Version => "@^1",
            Reference::Commit => &format!("@{}", self.commit),
            Reference::Head => "",
        };
        let mark = if self.kind == Kind::Registry {
            '/'
        } else {
            '#'
        };
        format!("{}{mark}{}{version}", self.source, reference.agent())
    }

    /// Runs a line in a project that has a cache of its own.
    fn run(&self, project: &str, line: &[&str]) -> Output {
        let folder = |name: &str| self.sandbox.path().join(name);
        let mut command = self.sandbox.command();
        command
            .current_dir(folder(project))
            .env("AGENTPKG_CACHE_DIR", folder(&format!("{project}-cache")))
            .env("GIT_SSH_COMMAND", folder("bin/ssh"))
            .env("GIT_SSH_VARIANT", "ssh")
            .args(line);
        finish(&mut command)
    }

    /// Lets the event happen to all references.
    fn happen(&mut self) {
        let path = self.repo.path().to_owned();
        let commit = self.commit.clone();
        let git = |arguments: &[&str]| drop(run_git(&path, arguments));
        let rename = |to: &dyn Fn(&str) -> String| {
            for (folder, name) in [
                ("heads", "dev"),
                ("tags", "stable"),
                ("tags", "v1.0.0"),
                ("heads", "main"),
            ] {
                git(&["update-ref", "-d", &format!("refs/{folder}/{name}")]);
                if let Some(to) = Some(to(name)).filter(|to| !to.is_empty()) {
                    git(&["update-ref", &format!("refs/{folder}/{to}"), &commit]);
                }
            }
        };
        match self.event {
            Event::Moved => drop(publish(&mut self.repo, "second")),
            Event::Corrupt => {
                let _ = publish(&mut self.repo, "second");
                garble(&path.join("objects"));
            }
            Event::Replaced => {
                fs::remove_dir_all(&path).unwrap();
                self.repo = RepoBuilder::bare(&path);
                let _ = publish(&mut self.repo, "other");
            }
            Event::Unreachable => fs::rename(&path, self.sandbox.path().join("away")).unwrap(),
            Event::Deleted => {
                rename(&|_| String::new());
                git(&["prune", "--expire=now"]);
            }
            Event::Renamed => {
                rename(&|name| format!("old-{}", name.replace('.', "-")));
                git(&["symbolic-ref", "HEAD", "refs/heads/old-main"]);
            }
            Event::Folder => rename(&|name| format!("{name}/x")),
        }
    }

    fn installed(&self, project: &str, reference: Reference) -> String {
        let file = format!("{project}/.claude/agents/{}.md", reference.agent());
        fs::read_to_string(self.sandbox.path().join(file)).unwrap()
    }

    /// What is wrong with the answers for a reference.
    fn surprises(&self, reference: Reference) -> Vec<String> {
        let is_kept = !self.kind.is_in_place();
        let fate = fate(reference, self.event, is_kept);
        let (agent, spec) = (reference.agent(), self.spec(reference));
        // What is typed again is looked up again only if it can mean something else: what a tag and a commit are, is here.
        let typed = if is_kept && reference != Reference::Branch {
            Fate::Same
        } else {
            fate
        };
        let mut found = Vec::new();
        for (project, line, fate, codes) in [
            (
                "project",
                vec!["outdated", agent, "--check"],
                fate,
                [0, 5, 5, 1],
            ),
            ("project", vec!["update", agent], fate, [0, 0, 4, 1]),
            ("again", vec!["install", &spec], typed, [0, 0, 4, 1]),
        ] {
            let output = self.run(project, &line);
            let code = codes[fate as usize];
            let is_newer = fate == Fate::Newer && line[0] != "outdated";
            let has_new = !self
                .installed(project, reference)
                .contains("The first text.");
            let all = output.all().replace("is not up to date", "");
            let says_same = all.contains("up to date");
            if output.code != code || has_new != is_newer || says_same && fate != Fate::Same {
                let case = format!("{:?}, {reference:?}, {:?}", self.kind, self.event);
                let wanted = format!("{fate:?}, exit {code}, new bytes: {is_newer}");
                found.push(format!(
                    "{case}: {}: {wanted}, got: {has_new}, {}",
                    line.join(" "),
                    output.all()
                ));
            }
        }
        found
    }
}

/// Commits an agent for each reference and points all references there.
fn publish(repo: &mut RepoBuilder, words: &str) -> String {
    for reference in Reference::ALL {
        let agent = reference.agent();
        repo.file(&format!("agents/{agent}.md"), text(agent, words));
    }
    let commit = repo.commit(words);
    let _ = repo.branch("dev").tag("stable").tag("v1.0.0");
    commit.to_string()
}

/// Overwrites all objects.
fn garble(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            garble(&path);
        } else {
            fs::remove_file(&path).unwrap();
            fs::write(&path, "no object").unwrap();
        }
    }
}

fn make_executable(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            let _ = fs::copy(&path, &target).unwrap();
        }
    }
}

fn cell(kind: Kind, event: Event) -> Vec<String> {
    let mut world = World::new(kind, event);
    for name in ["project", "project-cache"] {
        let to = name.replace("project", "again");
        let from = world.sandbox.path().join(name);
        if from.exists() {
            copy(&from, &world.sandbox.path().join(to));
        }
    }
    world.happen();
    let mut found: Vec<String> = Reference::ALL
        .into_iter()
        .flat_map(|reference| world.surprises(reference))
        .collect();
    if kind == Kind::Registry {
        let is_lost = matches!(
            event,
            Event::Unreachable | Event::Corrupt | Event::Deleted | Event::Folder
        );
        let refresh = world.run("again", &["registry", "refresh"]);
        if refresh.code != i32::from(is_lost) {
            found.push(format!("{event:?}: refresh: {}", refresh.all()));
        }
    }
    found
}

#[test]
fn every_event_for_every_reference_of_every_source() {
    if hermetic_git(&std::env::temp_dir()).is_none() {
        return;
    }
    let cells = Kind::ALL
        .map(|kind| thread::spawn(move || Event::ALL.map(|event| cell(kind, event)).concat()));
    let found: Vec<String> = cells
        .into_iter()
        .flat_map(|cell| cell.join().unwrap())
        .collect();
    assert!(
        found.is_empty(),
        "{} wrong:\n{}",
        found.len(),
        found.join("\n")
    );
}
