//! Real repositories, created quickly and always the same: fixed authors and dates, nobody's configuration.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use agentpkg::domain::digest::ObjectId;
use agentpkg::domain::url::GitUrl;
use agentpkg::git::Git;
use git2::{ObjectType, Oid, Repository, Signature, Time};

use crate::support::skip::skip;

/// A file mode, a content and, for a folder, what is in it.
enum Node {
    Leaf(i32, Oid),
    Folder(BTreeMap<Vec<u8>, Self>),
}

/// Builds a repository with libgit2: each call changes the next commit's tree, [`RepoBuilder::commit`] makes it.
pub(crate) struct RepoBuilder {
    repository: Repository,
    path: PathBuf,
    root: BTreeMap<Vec<u8>, Node>,
    /// Entries that no well-behaved program writes: mode, name, object.
    raw: Vec<(String, Vec<u8>, Oid)>,
    commits: Vec<ObjectId>,
    /// The branch that commits go to.
    branch: String,
}

impl RepoBuilder {
    /// A bare repository at `path` on the branch `main`, which can serve partial clones.
    pub(crate) fn bare(path: &Path) -> Self {
        Self::new(path, true)
    }

    /// A repository with a work tree at `path`; the files are in the commits, not on disk.
    pub(crate) fn with_work_tree(path: &Path) -> Self {
        Self::new(path, false)
    }

    fn new(path: &Path, bare: bool) -> Self {
        let mut options = git2::RepositoryInitOptions::new();
        options
            .bare(bare)
            .initial_head("main")
            .external_template(false)
            .no_reinit(true);
        let repository = Repository::init_opts(path, &options).unwrap();
        let mut config = repository.config().unwrap();
        config.set_bool("uploadpack.allowFilter", true).unwrap();
        config
            .set_bool("uploadpack.allowAnySHA1InWant", true)
            .unwrap();
        Self {
            repository,
            path: path.to_owned(),
            root: BTreeMap::new(),
            raw: Vec::new(),
            commits: Vec::new(),
            branch: "main".to_owned(),
        }
    }

    /// Sets the content of a file.
    pub(crate) fn file(&mut self, path: &str, content: impl AsRef<[u8]>) -> &mut Self {
        let id = self.blob(content.as_ref());
        self.place(path, 0o100_644, id)
    }

    /// Removes everything from the tree.
    pub(crate) fn clear(&mut self) -> &mut Self {
        self.root.clear();
        self
    }

    /// Sets a symbolic link.
    pub(crate) fn symlink(&mut self, path: &str, target: &str) -> &mut Self {
        let id = self.blob(target.as_bytes());
        self.place(path, 0o120_000, id)
    }

    /// Adds an entry to the root as it is: any mode, any name, more than once.
    pub(crate) fn raw_tree_entry(&mut self, mode: &str, name: &[u8], content: &[u8]) -> &mut Self {
        let id = match mode {
            "40000" => self
                .repository
                .odb()
                .unwrap()
                .write(ObjectType::Tree, b"")
                .unwrap(),
            _ => self.blob(content),
        };
        self.raw.push((mode.to_owned(), name.to_owned(), id));
        self
    }

    /// Has commits go to a branch from now on.
    pub(crate) fn on(&mut self, branch: &str) -> &mut Self {
        branch.clone_into(&mut self.branch);
        self
    }

    /// Makes a branch the default one, with the commit of the one that it replaces.
    pub(crate) fn rename_default(&mut self, old: &str, new: &str) -> &mut Self {
        let [old, new] = [old, new].map(|name| format!("refs/heads/{name}"));
        let tip = self.repository.refname_to_id(&old).unwrap();
        self.repository
            .reference(&new, tip, true, "rename")
            .unwrap();
        self.repository.set_head(&new).unwrap();
        self.remove_reference(&old)
    }

    /// Removes a branch or a tag by its whole name.
    pub(crate) fn remove_reference(&mut self, name: &str) -> &mut Self {
        self.repository
            .find_reference(name)
            .unwrap()
            .delete()
            .unwrap();
        self
    }

    /// Commits the current tree to `main`, or to the branch that was chosen.
    pub(crate) fn commit(&mut self, message: &str) -> ObjectId {
        let tree = self.tree();
        let parents: Vec<_> = self.commits.last().map(oid).into_iter().collect();
        self.write_commit(tree, &parents, message)
    }

    /// Commits without a parent, as a force-push of another history would.
    pub(crate) fn commit_orphan(&mut self, message: &str) -> ObjectId {
        let tree = self.tree();
        self.write_commit(tree, &[], message)
    }

    /// Tags the last commit.
    pub(crate) fn tag(&mut self, name: &str) -> &mut Self {
        let last = oid(self.commits.last().unwrap());
        self.repository
            .reference(&format!("refs/tags/{name}"), last, true, "tag")
            .unwrap();
        self
    }

    /// Tags the last commit with a message.
    pub(crate) fn annotated_tag(&mut self, name: &str) -> &mut Self {
        let last = self
            .repository
            .find_object(oid(self.commits.last().unwrap()), None)
            .unwrap();
        self.repository
            .tag(name, &last, &signature(0), name, true)
            .unwrap();
        drop(last);
        self
    }

    /// Points a branch at the last commit.
    pub(crate) fn branch(&mut self, name: &str) -> &mut Self {
        let last = oid(self.commits.last().unwrap());
        self.repository
            .reference(&format!("refs/heads/{name}"), last, true, "branch")
            .unwrap();
        self
    }

    /// Sets the configuration that the server reads.
    pub(crate) fn config(&mut self, name: &str, value: &str) -> &mut Self {
        self.repository
            .config()
            .unwrap()
            .set_str(name, value)
            .unwrap();
        self
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its `file://` address.
    pub(crate) fn url(&self) -> GitUrl {
        GitUrl::parse(&format!("file://{}", self.path.display())).unwrap()
    }

    /// The id that `content` has as a blob; it is stored.
    pub(crate) fn blob_id(&self, content: &[u8]) -> ObjectId {
        id_of(self.blob(content))
    }

    fn blob(&self, content: &[u8]) -> Oid {
        self.repository
            .odb()
            .unwrap()
            .write(ObjectType::Blob, content)
            .unwrap()
    }

    fn place(&mut self, path: &str, mode: i32, id: Oid) -> &mut Self {
        let mut folder = &mut self.root;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                folder.insert(part.into(), Node::Leaf(mode, id));
                break;
            }
            let node = folder
                .entry(part.into())
                .or_insert_with(|| Node::Folder(BTreeMap::new()));
            if !matches!(node, Node::Folder(_)) {
                *node = Node::Folder(BTreeMap::new());
            }
            let Node::Folder(inner) = node else {
                unreachable!()
            };
            folder = inner;
        }
        self
    }

    fn tree(&self) -> Oid {
        let mut entries = self.entries(&self.root);
        entries.extend(self.raw.iter().cloned());
        // Git orders a folder as if its name ended with a slash.
        let key = |(mode, name, _): &(String, Vec<u8>, Oid)| {
            [name.as_slice(), if mode == "40000" { b"/" } else { b"" }].concat()
        };
        entries.sort_by_key(key);
        self.write_tree(&entries)
    }

    fn entries(&self, folder: &BTreeMap<Vec<u8>, Node>) -> Vec<(String, Vec<u8>, Oid)> {
        let entry = |(name, node): (&Vec<u8>, &Node)| match node {
            Node::Leaf(mode, id) => (format!("{mode:o}"), name.clone(), *id),
            Node::Folder(inner) => {
                let mut entries = self.entries(inner);
                entries.sort_by_key(|(mode, name, _)| {
                    [name.as_slice(), if mode == "40000" { b"/" } else { b"" }].concat()
                });
                ("40000".to_owned(), name.clone(), self.write_tree(&entries))
            }
        };
        folder.iter().map(entry).collect()
    }

    fn write_tree(&self, entries: &[(String, Vec<u8>, Oid)]) -> Oid {
        let bytes: Vec<u8> = entries
            .iter()
            .flat_map(|(mode, name, id)| {
                [mode.as_bytes(), b" ", name, b"\0", id.as_bytes()].concat()
            })
            .collect();
        self.repository
            .odb()
            .unwrap()
            .write(ObjectType::Tree, &bytes)
            .unwrap()
    }

    fn write_commit(&mut self, tree: Oid, parents: &[Oid], message: &str) -> ObjectId {
        let mut text = format!("tree {tree}\n");
        for parent in parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        let seconds = 1_700_000_000 + self.commits.len() * 60;
        text.push_str(&format!(
            "author Test <test@example.com> {seconds} +0000\ncommitter Test <test@example.com> {seconds} +0000\n\n{message}\n"
        ));
        let id = self
            .repository
            .odb()
            .unwrap()
            .write(ObjectType::Commit, text.as_bytes())
            .unwrap();
        self.repository
            .reference(&format!("refs/heads/{}", self.branch), id, true, "commit")
            .unwrap();
        self.commits.push(id_of(id));
        id_of(id)
    }
}

fn signature(seconds: i64) -> Signature<'static> {
    Signature::new(
        "Test",
        "test@example.com",
        &Time::new(1_700_000_000 + seconds, 0),
    )
    .unwrap()
}

fn oid(id: &ObjectId) -> Oid {
    Oid::from_bytes(id.as_bytes()).unwrap()
}

fn id_of(oid: Oid) -> ObjectId {
    oid.to_string().parse().unwrap()
}

/// The machine's git with a separate home; `None`, with a message, if there is none.
pub(crate) fn hermetic_git(home: &Path) -> Option<Git> {
    let Ok(git) = Git::find(std::env::var_os("PATH").as_deref()) else {
        skip("git is not on PATH");
        return None;
    };
    Some(
        git.with_variable("HOME", home)
            .with_variable("GIT_CONFIG_GLOBAL", "/dev/null")
            .with_variable("GIT_CONFIG_NOSYSTEM", "1")
            .with_variable("http_proxy", "")
            .with_variable("no_proxy", "*"),
    )
}

/// Runs git for what only it can do, and returns its output.
pub(crate) fn run_git<S: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> String {
    let output = std::process::Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "A")
        .env("GIT_AUTHOR_EMAIL", "a@example.com")
        .env("GIT_COMMITTER_NAME", "A")
        .env("GIT_COMMITTER_EMAIL", "a@example.com")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
