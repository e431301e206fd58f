//! Only what is asked for is fetched: how many commands of git that takes, what servers of all kinds give, and that the answer is the same
//! whatever the cache holds.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::http::{Fault, Server};
use crate::support::repo::{RepoBuilder, hermetic_git, run_git};
use crate::support::sandbox::{Output, Sandbox, finish};

fn agent(name: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Does what {name} does\n---\n\n{text}\n")
}

/// A served repository of some agents with two commits, a home whose git is counted, and projects that share nothing unless told to.
struct Place {
    sandbox: Sandbox,
    repo: RepoBuilder,
    server: Server,
}

impl Place {
    fn new() -> Option<Self> {
        let sandbox = Sandbox::new();
        hermetic_git(sandbox.path())?;
        let mut repo = RepoBuilder::bare(&sandbox.path().join("srv/studio.git"));
        for number in 0..20 {
            let name = format!("helper-{number}");
            repo.file(&format!("agents/{name}.md"), agent(&name, "Helps."));
        }
        repo.file("README.md", "# Read me\n");
        let _ = repo.commit("first");
        let _ = repo.tag("v1.0.0");
        repo.file("agents/helper-3.md", agent("helper-3", "Helps more."));
        let _ = repo.commit("second");
        let server = Server::start(&sandbox.path().join("srv"));
        let place = Self {
            sandbox,
            repo,
            server,
        };
        place.count_git();
        Some(place)
    }

    fn url(&self) -> String {
        self.server.url("studio.git").to_string()
    }

    /// Puts a git in front of the real one that writes each command down.
    fn count_git(&self) {
        let real = std::env::var_os("PATH").unwrap();
        let real = std::env::split_paths(&real)
            .map(|folder| folder.join("git"))
            .find(|file| file.is_file())
            .unwrap();
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> '{}'\nexec '{}' \"$@\"\n",
            self.log().display(),
            real.display()
        );
        let _ = self.sandbox.write("bin/git", script);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let permissions = fs::Permissions::from_mode(0o755);
            fs::set_permissions(self.sandbox.path().join("bin/git"), permissions).unwrap();
        }
    }

    fn log(&self) -> PathBuf {
        self.sandbox.path().join("git.log")
    }

    /// Runs a line in a project with a cache; returns what it printed, and the commands of git.
    fn run_in(&self, project: &str, cache: &str, line: &str) -> (Output, Vec<String>) {
        let _ = fs::remove_file(self.log());
        let folder = self.sandbox.path().join(project);
        fs::create_dir_all(&folder).unwrap();
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}/bin:{path}", self.sandbox.path().display());
        let output = finish(
            self.sandbox
                .command()
                .current_dir(folder)
                .env("PATH", path)
                .env("AGENTPKG_CACHE_DIR", self.cache(cache))
                .args(line.split(' ')),
        );
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        (output, log.lines().map(str::to_owned).collect())
    }

    fn cache(&self, name: &str) -> PathBuf {
        self.sandbox.path().join("caches").join(name)
    }

    /// The only repository in a cache.
    fn cached(&self, cache: &str) -> PathBuf {
        let registries = fs::read_dir(self.cache(cache).join("registries")).unwrap();
        let mut registries = registries.map(|entry| entry.unwrap().path().join("git"));
        registries.next().unwrap()
    }

    fn installed(&self, project: &str, name: &str) -> String {
        let file = format!("{project}/.claude/agents/{name}.md");
        fs::read_to_string(self.sandbox.path().join(file)).unwrap_or_default()
    }
}

fn contents_in(repository: &Path) -> usize {
    let listed = run_git(
        repository,
        [
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objecttype)",
        ],
    );
    listed.lines().filter(|kind| *kind == "blob").count()
}

#[test]
#[cfg(unix)]
fn each_question_takes_as_few_commands_of_git_as_it_can() {
    let Some(place) = Place::new() else { return };
    let url = place.url();
    let table = [
        (format!("install {url}#agents/helper-3.md"), 2, 1),
        (format!("install {url}#helper-3"), 2, 1),
        (format!("install {url}#helper-3 --dry-run"), 2, 1),
        (format!("info {url}#helper-3"), 2, 1),
        (format!("install {url}#helper-3@v1.0.0"), 3, 2),
        (format!("install {url}#helper-3@main"), 2, 1),
        // What lists all agents needs all of them.
        (format!("list --available {url}"), 2, 20),
        (format!("registry add {url} --name studio"), 2, 20),
    ];
    for (index, (line, commands, contents)) in table.iter().enumerate() {
        let name = format!("n{index}");
        let (output, log) = place.run_in(&name, &name, line);
        let _ = output.code(0);
        assert!(log.len() <= *commands, "{line}: {log:#?}");
        assert!(contents_in(&place.cached(&name)) <= *contents, "{line}");
    }
    // What the lock knows is asked for by its id, the agents of one source together.
    let (output, _) = place.run_in("p", "p", &format!("install {url}#helper-1 {url}#helper-2"));
    let _ = output.code(0);
    for file in ["agentpkg.toml", "agentpkg.lock"] {
        let from = place.sandbox.path().join("p").join(file);
        let _ = place
            .sandbox
            .write(&format!("ci/{file}"), fs::read(from).unwrap());
    }
    let (output, log) = place.run_in("ci", "ci", "install --locked");
    let _ = output.code(0);
    assert_eq!(log.len(), 1, "{log:#?}");
    assert_eq!(contents_in(&place.cached("ci")), 2);
    assert!(place.installed("ci", "helper-2").contains("Helps."));
    // Nothing new: one question.
    for line in ["update", "outdated", "registry refresh"] {
        let (output, log) = place.run_in("n7", "n7", line);
        let _ = output.code(0);
        assert!(log.len() <= 1, "{line}: {log:#?}");
    }
    let (output, log) = place.run_in("p", "p", "update");
    let _ = output.code(0);
    assert_eq!(log.len(), 1, "{log:#?}");
}

#[test]
fn servers_that_can_do_less_deliver_the_same() {
    let Some(mut place) = Place::new() else {
        return;
    };
    let url = place.url();
    let filter = |place: &mut Place, value: &str| {
        let _ = (place.repo)
            .config("uploadpack.allowFilter", value)
            .config("uploadpack.allowAnySHA1InWant", value);
    };
    let lines = [
        format!("install {url}#agents/helper-3.md"),
        format!("install {url}#helper-3"),
        format!("install {url}#helper-3@main"),
        format!("install {url}#helper-3@v1.0.0"),
    ];
    for (kind, fault, can_filter) in [
        ("no filter", Fault::None, "false"),
        ("no protocol v2", Fault::OldProtocol, "true"),
        ("neither", Fault::OldProtocol, "false"),
        ("no shallow", Fault::Unshallow, "true"),
        ("nothing", Fault::Unshallow, "false"),
    ] {
        place.server.fault(fault);
        filter(&mut place, can_filter);
        for (index, line) in lines.iter().enumerate() {
            let name = format!("{}-{index}", kind.replace(' ', "-"));
            let (output, _) = place.run_in(&name, &name, line);
            assert_eq!(output.code, 0, "{kind}, {line}: {}", output.all());
            let text = place.installed(&name, "helper-3");
            assert_eq!(text.contains("more"), index < 3, "{kind}, {line}: {text}");
            // The locked agent into an empty cache, and all of the source.
            let empty = format!("{name}-empty");
            let file = format!("{name}/.claude/agents/helper-3.md");
            fs::remove_file(place.sandbox.path().join(file)).unwrap();
            let base = place.sandbox.path().join(&name).join(".agentpkg");
            let _ = fs::remove_dir_all(base);
            let (output, _) = place.run_in(&name, &empty, "install --locked");
            assert_eq!(
                output.code,
                0,
                "{kind}, locked after {line}: {}",
                output.all()
            );
            assert_eq!(place.installed(&name, "helper-3"), text);
            let (output, _) = place.run_in(&name, &empty, &format!("list --available {url}"));
            assert!(
                output.stdout.contains("helper-19"),
                "{kind}: {}",
                output.all()
            );
        }
    }
}

#[test]
fn a_complete_history_stays_complete() {
    let Some(mut place) = Place::new() else {
        return;
    };
    let url = place.url();
    let (output, _) = place.run_in("p", "c", &format!("registry add {url} --name studio"));
    let _ = output.code(0);
    let repository = place.cached("c");
    let count =
        |repository: &Path| run_git(repository, ["rev-list", "--count", "refs/agentpkg/head"]);
    assert_eq!(count(&repository), "1", "nobody asked for more");
    let cache = agentpkg::store::cache::Cache::new(agentpkg::store::cache::Settings {
        folder: Some(place.cache("c")),
        path: std::env::var_os("PATH"),
        allow_insecure: true,
        ..agentpkg::store::cache::Settings::default()
    });
    let cached = cache.unasked(&place.server.url("studio.git")).unwrap();
    assert!(!cached.has_all_history());
    cached.fetch_history(&mut |_| {}).unwrap();
    assert!(cached.has_all_history());
    assert_eq!(count(&repository), "2");
    let versions = cached
        .file_versions("agents/helper-3.md", 10, &mut |_| {})
        .unwrap();
    assert_eq!(versions.len(), 2);
    place
        .repo
        .file("agents/helper-3.md", agent("helper-3", "Helps most."));
    let _ = place.repo.commit("third");
    let (output, _) = place.run_in("p", "c", "registry refresh");
    let _ = output.code(0);
    assert_eq!(count(&repository), "3", "a fetch cuts no history");
}

#[test]
fn a_missing_content_is_fetched_or_an_error() {
    let Some(place) = Place::new() else { return };
    let url = place.url();
    let (output, _) = place.run_in("p", "c", &format!("install {url}#helper-3"));
    let _ = output.code(0);
    for line in [
        format!("install {url}#helper-4 --offline"),
        format!("list --available {url} --offline"),
        format!("install {url} --all --offline"),
    ] {
        let (output, _) = place.run_in("q", "c", &line);
        assert!(
            output.stderr.contains("not in the cache"),
            "{line}: {}",
            output.all()
        );
        assert_eq!(output.code, 1, "{line}: {}", output.all());
    }
    let (output, _) = place.run_in("q", "c", &format!("list --available {url}"));
    let listed = output.code(0).stdout;
    assert!((0..20).all(|number| listed.contains(&format!("helper-{number}"))));
}

/// A cache that others own, or that cannot be written, answers from what it has; what has to be asked for fails and names it.
#[test]
#[cfg(unix)]
fn a_cache_that_cannot_be_written_is_read() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;

    let Some(place) = Place::new() else { return };
    let (output, _) = place.run_in(
        "p",
        "c",
        &format!("registry add {} --name studio", place.url()),
    );
    let _ = output.code(0);
    let project = place.sandbox.path().join("p");
    let is_root = fs::metadata(place.cache("c")).is_ok_and(|cache| {
        use std::os::unix::fs::MetadataExt;
        cache.uid() == 0
    });
    let permit = |path: &Path, folder: u32, file: u32| {
        let mode = if path.is_dir() { folder } else { file };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let permit_all = |folder: u32, file: u32| {
        let mut open = vec![place.cache("c")];
        while let Some(path) = open.pop() {
            permit(&path, folder, file);
            if path.is_dir() {
                let inside = fs::read_dir(&path).unwrap();
                open.extend(inside.map(|entry| entry.unwrap().path()));
            }
        }
    };
    permit_all(0o555, 0o444);
    permit(place.sandbox.path(), 0o755, 0o644);
    let home = place.sandbox.path().join("other");
    fs::create_dir(&home).unwrap();
    fs::remove_dir_all(project.join(".agentpkg")).unwrap();
    if is_root {
        for path in [&home, &project, &project.join("agentpkg.toml")] {
            chown(path, Some(65534), Some(65534)).unwrap();
        }
    }
    for (line, code) in [
        ("search helper-3", 0),
        ("list --available studio", 0),
        ("install studio/helper-3", 0),
        ("install studio/helper-4 --offline", 0),
        ("info studio/helper-5", 0),
        ("status", 0),
        ("update", 1),
        ("outdated", 1),
        ("registry refresh", 1),
    ] {
        let mut command = place.sandbox.command();
        command
            .current_dir(&project)
            .env("HOME", &home)
            .env("AGENTPKG_STATE_DIR", home.join("state"))
            .env("AGENTPKG_CACHE_DIR", place.cache("c"))
            .args(line.split(' '));
        if is_root {
            command.uid(65534).gid(65534);
        }
        let output = finish(&mut command);
        assert_eq!(output.code, code, "{line}: {}", output.all());
        let is_named = output.stderr.contains("caches/c/registries");
        assert_eq!(is_named, code == 1, "{line}: {}", output.all());
        assert!(code == 0 || !output.all().contains("up to date"), "{line}");
    }
    permit_all(0o755, 0o644);
}

/// What is in the way in the cache's own folder goes; a file in its place is somebody's, and is named.
#[test]
fn a_file_in_the_place_of_a_folder_of_the_cache_is_removed_or_named() {
    let Some(place) = Place::new() else { return };
    let url = place.url();
    let line = format!("install {url}#helper-3");
    for (index, part) in [
        "registries",
        "registries/*",
        "registries/*/git",
        "registries/*/index",
        "blobs",
    ]
    .iter()
    .enumerate()
    {
        let name = format!("n{index}");
        let (output, _) = place.run_in(&name, &name, &line);
        let _ = output.code(0);
        let key = place.cached(&name);
        let key = key.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let path = place.cache(&name).join(part.replace('*', key));
        let _ = fs::remove_dir_all(&path);
        fs::write(&path, "a file").unwrap();
        for line in [
            format!("list --available {url}"),
            format!("install {url}#helper-4"),
        ] {
            let (output, _) = place.run_in(&name, &name, &line);
            assert_eq!(output.code, 0, "{part}, {line}: {}", output.all());
        }
    }
    fs::write(place.cache("file"), "a file").unwrap();
    for line in [&line, "doctor"] {
        let (output, _) = place.run_in("file", "file", line);
        assert_eq!(output.code, 1, "{line}: {}", output.all());
        let all = output.all();
        assert!(
            all.contains("caches/file") && all.contains("AGENTPKG_CACHE_DIR"),
            "{all}"
        );
    }
    assert_eq!(fs::read_to_string(place.cache("file")).unwrap(), "a file");
}

const FOLDERS: [&str; 9] = [
    "agents",
    "plugins/p/agents",
    "agents/deep",
    ".claude/agents",
    "team",
    "skills/x",
    "docs/agents",
    "commands",
    "zh/agents",
];
const NAMES: [&str; 4] = ["planner", "Planner", "writer", "tester"];

/// A source of random files in which names stand once, twice, in the wrong file or nowhere.
fn fill(repo: &mut RepoBuilder, mut seed: u64) {
    let mut next = |bound: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % bound
    };
    for number in 0..9 {
        let folder = FOLDERS[usize::try_from(next(9)).unwrap()];
        let stem = NAMES[usize::try_from(next(4)).unwrap()].to_lowercase();
        let name = NAMES[usize::try_from(next(4)).unwrap()];
        let text = match next(6) {
            0 => "# No agent\n".to_owned(),
            1 => format!("---\ndescription: Has no name {number}\n---\nx\n"),
            2 => agent(name, "The same everywhere."),
            _ => agent(name, &format!("Number {number}.")),
        };
        repo.file(&format!("{folder}/{stem}.md"), text);
    }
    repo.file("agents/other.md", agent("other", "Is always there."));
    if next(3) == 0 {
        let marketplace = r#"{"name":"m","owner":{"name":"o"},"plugins":[{"name":"p","source":"./plugins/p"},{"name":"q","source":"./","agents":["./skills/x/writer.md"]}]}"#;
        repo.file(".claude-plugin/marketplace.json", marketplace);
    }
    if next(3) == 0 {
        repo.file("registry.toml", "[agents.planner]\nversion = \"1.2.0\"\n");
    }
}

#[test]
fn the_answer_is_the_same_whatever_the_cache_holds() {
    let Some(place) = Place::new() else { return };
    let rounds = if std::env::var_os("AGENTPKG_FULL").is_some() {
        200
    } else {
        6
    };
    let targets = [
        "planner",
        "writer",
        "Planner",
        "tester",
        "agents/planner.md",
        "skills/x/writer.md",
        "docs/agents/tester.md",
    ];
    for round in 0..rounds {
        let name = format!("r{round}");
        let mut repo = RepoBuilder::bare(&place.sandbox.path().join(format!("srv/{name}.git")));
        fill(
            &mut repo,
            0x9e37_79b9_7f4a_7c15 ^ ((round + 1) * 0x1234_5677),
        );
        let _ = repo.commit("first");
        let url = place.server.url(&format!("{name}.git")).to_string();
        let full = format!("{name}-full");
        let (output, _) = place.run_in("any", &full, &format!("list --available {url}"));
        let _ = output.code(0);
        for (index, target) in targets.iter().enumerate() {
            // One asks with whatever the others left, one with what another agent left, one with nothing, and one with everything.
            let part = format!("{name}-part-{index}");
            let (output, _) = place.run_in("any", &part, &format!("info {url}#other"));
            let _ = output.code(0);
            let caches = [
                full.clone(),
                part,
                format!("{name}-shared"),
                format!("{name}-{index}"),
            ];
            let answers = caches.map(|cache| {
                let project = format!("project-{cache}-{index}");
                let line = format!("install {url}#{target}");
                let (output, _) = place.run_in(&project, &cache, &line);
                let read =
                    |file: &str| fs::read_to_string(place.sandbox.path().join(&project).join(file));
                let agents =
                    fs::read_dir(place.sandbox.path().join(&project).join(".claude/agents"));
                let mut agents: Vec<(String, String)> = (agents.into_iter().flatten())
                    .map(|entry| entry.unwrap().path())
                    .map(|path| {
                        let text = fs::read_to_string(&path).unwrap();
                        (path.file_name().unwrap().to_str().unwrap().to_owned(), text)
                    })
                    .collect();
                agents.sort();
                let toml = read("agentpkg.toml").unwrap_or_default();
                let lock = read("agentpkg.lock").unwrap_or_default();
                (output.code, agents, toml, lock)
            });
            for answer in &answers[1..] {
                assert_eq!(*answer, answers[0], "round {round}, {target}");
            }
        }
    }
}
