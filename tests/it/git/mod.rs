//! The `git` module against real repositories and a real, sometimes faulty, server.

mod faults;
mod fetch;
mod forms;
mod measure;
mod read;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentpkg::domain::url::GitUrl;
use agentpkg::git::{Access, FetchRequest, Fetched, Git, GitError, Limits, Repository, init_bare};

use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git};

/// A folder with a served repository `agents.git`, a server, a git and an empty cache.
struct Scene {
    folder: tempfile::TempDir,
    upstream: RepoBuilder,
    server: Server,
    git: Git,
}

impl Scene {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let git = hermetic_git(folder.path())?;
        let mut upstream = RepoBuilder::bare(&folder.path().join("srv/agents.git"));
        upstream
            .file("agents/one.md", "one, first\n")
            .file("README.md", "read me\n")
            .commit("first");
        upstream.tag("v1.0.0");
        upstream
            .file("agents/one.md", "one, second\n")
            .file("agents/two.md", "two\n")
            .commit("second");
        upstream.annotated_tag("v1.1.0");
        let server = Server::start(&folder.path().join("srv"));
        init_bare(&folder.path().join("cache")).unwrap();
        Some(Self {
            folder,
            upstream,
            server,
            git,
        })
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn url(&self) -> GitUrl {
        self.server.url("agents.git")
    }

    fn open(&self) -> Repository {
        Repository::open(&self.cache()).unwrap()
    }

    fn fetch(&self, access: Access) -> Result<Fetched, GitError> {
        self.git.fetch(
            &self.cache(),
            &self.url(),
            &FetchRequest::history(access),
            &mut |_| {},
        )
    }
}

fn within(seconds: u64) -> Access {
    let limits = Limits {
        deadline: Duration::from_secs(seconds),
        ..Limits::default()
    };
    Access {
        limits,
        ..Access::default()
    }
}

fn variant(error: &GitError) -> String {
    format!("{error:?}")
        .split([' ', '{'])
        .next()
        .unwrap()
        .to_owned()
}

fn packs(repository: &Path) -> Vec<String> {
    let names = fs::read_dir(repository.join("objects/pack")).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
