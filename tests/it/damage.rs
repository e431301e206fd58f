//! A byte that changes in the cache, without a change of the file's times, never changes what is installed, and never what is listed
//! unless the command says so and fails.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::{Output, Sandbox};

/// How many kinds of damage there are at least; a normal run takes one of [`STEP`].
const KINDS: usize = 257;
const STEP: usize = 11;

fn agent(name: &str) -> String {
    format!(
        "---\nname: {name}\ndescription: Plans what {name} does\ntools: Read\n---\n\n{}\n",
        name.repeat(40)
    )
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Puts a file in the place of another, with the time at which it was written.
fn place(path: &Path, bytes: &[u8], modified: std::time::SystemTime) {
    // Some of git's files are read-only.
    let _ = fs::remove_file(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(modified).unwrap();
}

/// A folder as it was, to be restored.
struct Kept {
    folder: PathBuf,
    files: Vec<(PathBuf, Vec<u8>, std::time::SystemTime)>,
}

impl Kept {
    fn of(folder: PathBuf) -> Self {
        let mut files = Vec::new();
        files_below(&folder, &mut files);
        files.sort();
        let files = files.into_iter().map(|path| {
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            let bytes = fs::read(&path).unwrap();
            (path, bytes, modified)
        });
        Self {
            folder: folder.clone(),
            files: files.collect(),
        }
    }

    fn restore(&self) {
        fs::remove_dir_all(&self.folder).unwrap();
        for (path, bytes, modified) in &self.files {
            place(path, bytes, *modified);
        }
        // git does not take a folder without these for a repository.
        for (path, ..) in &self.files {
            if path.ends_with("git/HEAD") {
                for folder in ["objects", "refs"] {
                    fs::create_dir_all(path.with_file_name(folder)).unwrap();
                }
            }
        }
    }

    /// Files and places in them, spread evenly: the same number in each file, as far as it has so many bytes.
    fn kinds(&self) -> Vec<(usize, usize)> {
        let in_each = (KINDS / self.files.len() + 1) * 2;
        let of_file = |(number, (_, bytes, _)): (usize, &(PathBuf, Vec<u8>, _))| {
            let length = bytes.len();
            (0..in_each.min(length))
                .map(move |place| (number, place * length / in_each.min(length)))
        };
        self.files.iter().enumerate().flat_map(of_file).collect()
    }
}

/// What a person can see of a run.
fn seen(output: &Output) -> (i32, &str) {
    (output.code, &output.stdout)
}

#[test]
fn a_changed_byte_in_the_cache_is_noticed() {
    let sandbox = Sandbox::in_memory();
    if hermetic_git(sandbox.path()).is_none() {
        return;
    }
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("srv/up.git"));
    for name in ["planner", "writer", "tester", "reviewer"] {
        upstream.file(&format!("agents/{name}.md"), agent(name));
    }
    let _ = upstream.commit("first");
    let _ = upstream.tag("v1.0.0");
    let server = Server::start(&sandbox.path().join("srv"));
    let manifest = format!(
        "[registries]\nup = {{ git = \"{}\" }}\n",
        server.url("up.git")
    );
    sandbox.write("project/agentpkg.toml", manifest);
    let _ = sandbox
        .run(&["install", "up/planner", "up/tester", "--yes"])
        .code(0);
    let reading: [&[&str]; 6] = [
        &["list", "--available", "up"],
        &["search", "plans"],
        &["search", "debugger"],
        &["info", "up/reviewer"],
        &["status"],
        &["list"],
    ];
    let run = |words: &&[&str]| sandbox.run(words);
    // The first run may still fetch, and write what the second finds.
    let _: Vec<Output> = reading.iter().map(run).collect();
    let expected: Vec<Output> = reading.iter().map(run).collect();
    assert!(expected.iter().all(|output| output.code == 0));
    let cache = Kept::of(sandbox.path().join("home/.cache/agentpkg"));
    let project = Kept::of(sandbox.project(""));
    let kinds = cache.kinds();
    assert!(kinds.len() >= KINDS, "{}", kinds.len());
    let step = if std::env::var_os("AGENTPKG_FULL").is_some() {
        1
    } else {
        STEP
    };
    for (number, (file, at)) in kinds.into_iter().enumerate().step_by(step) {
        let (path, bytes, modified) = &cache.files[file];
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (number % 8);
        let what = format!("byte {at} of {}", path.display());
        cache.restore();
        for (words, expected) in reading.iter().zip(&expected) {
            place(path, &damaged, *modified);
            let output = sandbox.run(words);
            if output.code == 0 {
                assert_eq!(seen(&output), seen(expected), "{what}: {words:?}");
            } else {
                assert!(
                    output.code == 1 && output.stderr.contains("error"),
                    "{what}: {}",
                    output.all()
                );
            }
        }
        place(path, &damaged, *modified);
        let output = sandbox.run(&["install", "up/writer", "--yes"]);
        assert!(output.code <= 1, "{what}: {}", output.all());
        let installed = fs::read_to_string(sandbox.project(".claude/agents/writer.md"));
        if output.code == 0 {
            assert_eq!(installed.unwrap(), agent("writer"), "{what}");
        } else {
            assert!(installed.is_err(), "{what}: {}", output.all());
        }
        project.restore();
    }
}
