//! How the commands of every day grow with the registries: `cargo bench --bench scale`. Makes registries of 1,000, 10,000 and 100,000
//! agents, and prints each figure beside what it is compared with, measured in the same run. Nothing is judged. Takes some minutes.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stands outside the doors"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 51;

const TOPICS: [&str; 20] = [
    "backend", "frontend", "database", "security", "testing", "release", "network", "mobile",
    "java", "python", "rust", "golang", "cloud", "billing", "search", "payments", "graphics",
    "audio", "legal", "support",
];
const ROLES: [&str; 10] = [
    "architect",
    "reviewer",
    "planner",
    "auditor",
    "writer",
    "guardian",
    "tester",
    "analyst",
    "migrator",
    "debugger",
];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let hello = hello(root);
    let mut places = Vec::new();
    for count in [1_000, 10_000, 100_000] {
        println!("\n{count} agents");
        let place = Place::new(root, count);
        let full = timed(|| place.run(&["registry", "add", &place.url(), "--name", "big", "-q"]));
        place.run(&["install", "big/java-guardian-000108", "-q"]);
        println!("  first look at the registry: {:.0} ms", ms(full));
        let [complete, floor] = compare(&mut || timed(|| place.complete("java-gu")), &mut || {
            timed(|| run(&mut Command::new(&hello)))
        });
        show(
            "completion of `install java-gu` / hello world",
            complete,
            floor,
        );
        let [one, floor] = compare(
            &mut || timed(|| place.complete("java-guardian-0001")),
            &mut || timed(|| run(&mut Command::new(&hello))),
        );
        show("completion with one candidate / hello world", one, floor);
        let [search, floor] = compare(
            &mut || timed(|| place.run(&["search", "payments audit"])),
            &mut || timed(|| run(&mut Command::new(&hello))),
        );
        show("search, two words / hello world", search, floor);
        let [search, _] = compare(
            &mut || timed(|| place.run(&["search", "guardain"])),
            &mut || Duration::ZERO,
        );
        println!("  search, a name with a mistake: {:.2} ms", ms(search));
        let git = root.join(format!("{count}.git"));
        for words in [
            &["list"][..],
            &["install"],
            &["info", "java-guardian-000108"],
        ] {
            let [ours, theirs] = compare(&mut || timed(|| place.run(words)), &mut || {
                timed(|| run(git_in(&git).args(["rev-parse", "HEAD"])))
            });
            show(&format!("{} / git rev-parse HEAD", words[0]), ours, theirs);
        }
        if count <= 10_000 {
            place.change(count / 100);
            let part = timed(|| place.run(&["registry", "refresh", "-q"]));
            place.forget();
            let whole = timed(|| place.run(&["registry", "refresh", "-q"]));
            show("index after 1 % changed / built anew", part, whole);
        }
        for words in [
            &["search", "payments"][..],
            &["install"],
            &["list"],
            &["install", "big/rust-tester-000130", "--dry-run"],
        ] {
            match place.peak(words) {
                Some(kilobytes) => println!(
                    "  peak memory of `{}`: {:.1} MB",
                    words.join(" "),
                    kilobytes / 1e3
                ),
                None => println!(
                    "  peak memory of `{}`: not measured, /usr/bin/time is not here",
                    words.join(" ")
                ),
            }
        }
        places.push(place);
    }
    for (what, word) in [
        ("500 names / 5 names", "java-gu"),
        ("one candidate", "java-guardian-0001"),
    ] {
        let [large, small] = compare(&mut || timed(|| places[2].complete(word)), &mut || {
            timed(|| places[0].complete(word))
        });
        show(
            &format!("completion at 100,000 / at 1,000, {what}"),
            large,
            small,
        );
    }
    many(root);
}

/// Twenty-five registries at once, beside one.
fn many(root: &Path) {
    println!("\n25 registries of 1,000 agents");
    let one = Place::at(root, "one", root.join("1000.git"));
    one.run(&["registry", "add", &one.url(), "--name", "big", "-q"]);
    let several = Place::at(root, "several", root.join("1000.git"));
    for index in 0..25 {
        let copy = root.join(format!("copy-{index}.git"));
        run(Command::new("cp")
            .arg("-r")
            .arg(root.join("1000.git"))
            .arg(&copy));
        several.run(&[
            "registry",
            "add",
            &format!("file://{}", copy.display()),
            "--name",
            &format!("r{index}"),
            "-q",
        ]);
    }
    for (what, words) in [
        ("search", &["search", "payments audit"][..]),
        ("list --available r3", &["list", "--available"]),
    ] {
        let [ours, theirs] = compare(&mut || timed(|| several.run(words)), &mut || {
            timed(|| one.run(words))
        });
        show(&format!("{what}, 25 registries / 1"), ours, theirs);
    }
    let [ours, theirs] = compare(&mut || timed(|| several.complete("java-gu")), &mut || {
        timed(|| one.complete("java-gu"))
    });
    show("completion, 25 registries / 1", ours, theirs);
}

/// A project with one registry.
struct Place {
    home: PathBuf,
    project: PathBuf,
    repository: PathBuf,
}

impl Place {
    fn new(root: &Path, count: usize) -> Self {
        let repository = root.join(format!("{count}.git"));
        run(Command::new("git")
            .args(["init", "-q", "--bare", "-b", "main"])
            .arg(&repository));
        let mut stream =
            "commit refs/heads/main\ncommitter a <a@example.com> 1700000000 +0000\ndata 1\nx\n"
                .to_owned();
        for index in 0..count {
            file(&mut stream, index, "Keeps to what was asked.");
        }
        import(&repository, &stream);
        Self::at(root, &count.to_string(), repository)
    }

    fn at(root: &Path, name: &str, repository: PathBuf) -> Self {
        let (home, project) = (
            root.join(format!("home-{name}")),
            root.join(format!("project-{name}")),
        );
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(&project).unwrap();
        Self {
            home,
            project,
            repository,
        }
    }

    fn url(&self) -> String {
        format!("file://{}", self.repository.display())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentpkg"));
        command
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", std::env::var_os("PATH").unwrap())
            .current_dir(&self.project);
        command
    }

    fn run(&self, arguments: &[&str]) {
        run(self.command().args(arguments));
    }

    fn complete(&self, word: &str) {
        run(self
            .command()
            .env("COMPLETE", "fish")
            .args(["--", "agentpkg", "install", word]));
    }

    fn change(&self, count: usize) {
        let mut stream =
            "commit refs/heads/main\ncommitter a <a@example.com> 1700000100 +0000\ndata 1\ny\nfrom refs/heads/main^0\n".to_owned();
        for index in (0..count).map(|index| index * 97) {
            file(&mut stream, index, "Keeps to what was asked, and says so.");
        }
        import(&self.repository, &stream);
    }

    /// Throws the indexes away.
    fn forget(&self) {
        for entry in fs::read_dir(self.home.join(".cache/agentpkg/registries")).unwrap() {
            let _ = fs::remove_dir_all(entry.unwrap().path().join("index"));
        }
    }

    /// The most memory that a command had at once, in kilobytes.
    fn peak(&self, arguments: &[&str]) -> Option<f64> {
        let mut command = Command::new("/usr/bin/time");
        command
            .args(["-f", "%M"])
            .arg(env!("CARGO_BIN_EXE_agentpkg"))
            .args(arguments)
            .current_dir(&self.project);
        let output = command
            .env("HOME", &self.home)
            .stdout(Stdio::null())
            .output()
            .ok()?;
        String::from_utf8_lossy(&output.stderr)
            .lines()
            .last()?
            .trim()
            .parse()
            .ok()
    }
}

fn file(stream: &mut String, index: usize, more: &str) {
    let (topic, role) = (TOPICS[index % 20], ROLES[index / 20 % 10]);
    let name = format!("{topic}-{role}-{index:06}");
    let mut text = format!(
        "---\nname: {name}\ndescription: The {role} for {topic} work number {index}. {more} Use it when {topic} is what the day is about, and for nothing else.\ntools: Read, Grep, Bash\n---\n\n"
    );
    for line in 0..20 {
        writeln!(text, "Line {line}: what the {role} does about {topic} stands here, and it is sixty letters long.").unwrap();
    }
    write!(
        stream,
        "M 100644 inline agents/{topic}/{name}.md\ndata {}\n{text}\n",
        text.len()
    )
    .unwrap();
}

fn import(repository: &Path, stream: &str) {
    let mut child = git_in(repository)
        .args(["fast-import", "--quiet", "--force"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(stream.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
}

fn git_in(repository: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(repository)
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

/// A program that does nothing, made by the same compiler.
fn hello(root: &Path) -> PathBuf {
    let (source, program) = (root.join("hello.rs"), root.join("hello"));
    fs::write(&source, "fn main() { println!(\"hello\"); }\n").unwrap();
    run(Command::new("rustc")
        .args(["-O", "-C", "strip=symbols", "-o"])
        .arg(&program)
        .arg(&source));
    program
}

fn compare(
    one: &mut dyn FnMut() -> Duration,
    other: &mut dyn FnMut() -> Duration,
) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(one());
        times[1].push(other());
    }
    times.map(|mut times| {
        times.sort();
        times[ROUNDS / 2]
    })
}

fn show(what: &str, ours: Duration, theirs: Duration) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!(
        "  {what}: {ratio:.2} ({:.2} ms / {:.2} ms)",
        ms(ours),
        ms(theirs)
    );
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn timed(action: impl FnOnce()) -> Duration {
    let start = Instant::now();
    action();
    start.elapsed()
}

fn run(command: &mut Command) {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{command:?}");
}
