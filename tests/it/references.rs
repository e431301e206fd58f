//! Branches, tags and commits: upstream moves and removes them, and no answer comes from an old look.

use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git, run_git};
use crate::support::sandbox::{Output, Sandbox};

fn agent(text: &str) -> String {
    format!("---\nname: planner\ndescription: Plans\n---\n\n{text}\n")
}

/// A repository whose `main` says "on main", and whose branches were made by a test.
struct Upstream {
    sandbox: Sandbox,
    repo: RepoBuilder,
    server: Server,
}

impl Upstream {
    fn new() -> Option<Self> {
        let sandbox = Sandbox::new();
        hermetic_git(sandbox.path())?;
        let mut repo = RepoBuilder::bare(&sandbox.path().join("srv/studio.git"));
        repo.file("agents/planner.md", agent("on main"));
        let _ = repo.commit("first");
        let server = Server::start(&sandbox.path().join("srv"));
        Some(Self {
            sandbox,
            repo,
            server,
        })
    }

    /// Runs git in the repository, as its owner.
    fn git(&self, arguments: &[&str]) {
        let _ = run_git(self.repo.path(), arguments);
    }

    /// Points a branch at a commit in which the agent has this text.
    fn branch(&self, name: &str, text: &str) {
        let blob = self.repo.path().join("blob");
        std::fs::write(&blob, agent(text)).unwrap();
        let path = self.repo.path();
        let blob = run_git(path, ["hash-object", "-w", "blob"]);
        let tree = |entry: String| {
            let file = path.join("entry");
            std::fs::write(&file, entry).unwrap();
            let input = std::fs::File::open(&file).unwrap();
            let output = std::process::Command::new("git")
                .arg("mktree")
                .current_dir(path)
                .stdin(input)
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let agents = tree(format!("100644 blob {blob}\tplanner.md\n"));
        let root = tree(format!("040000 tree {agents}\tagents\n"));
        let commit = run_git(path, ["commit-tree", "-p", "main", "-m", "next", &root]);
        self.git(&["update-ref", &format!("refs/heads/{name}"), &commit]);
    }

    /// The sources of the repository: over http, as a file, and, once added, as a registry.
    fn sources(&self) -> [String; 2] {
        [
            self.server.url("studio.git").as_str().to_owned(),
            self.repo.url().as_str().to_owned(),
        ]
    }

    fn run(&self, line: &str) -> Output {
        let words: Vec<&str> = line.split(' ').collect();
        self.sandbox.run(&words)
    }

    #[track_caller]
    fn has(&self, text: &str, why: &str) {
        let file = self.sandbox.read(".claude/agents/planner.md");
        assert!(file.contains(text), "{why}: {file}");
    }
}

#[test]
fn a_branch_is_looked_up_each_time_it_is_asked_for() {
    let Some(upstream) = Upstream::new() else {
        return;
    };
    for (round, source) in upstream.sources().iter().enumerate() {
        let spec = format!("{source}#planner@dev");
        let text = |step: &str| format!("{step} {round}");
        upstream.branch("dev", &text("first"));
        let _ = upstream.run(&format!("install {spec}")).code(0);
        upstream.has(&text("first"), "install");
        upstream.branch("dev", &text("second"));
        let outdated = upstream.run("outdated --check").code(5);
        assert!(outdated.stdout.contains("planner"), "{}", outdated.all());
        let _ = upstream.run("update").code(0);
        upstream.has(&text("second"), "update");
        upstream.branch("dev", &text("third"));
        let _ = upstream.run("update planner --to dev").code(0);
        upstream.has(&text("third"), "update --to dev");
        upstream.branch("dev", &text("fourth"));
        let _ = upstream.run(&format!("install {spec}")).code(0);
        upstream.has(&text("fourth"), "the same spec again");
        upstream.branch("dev", &text("fifth"));
        let other = Sandbox::new();
        let cache = upstream.sandbox.path().join("home/.cache/agentpkg");
        let mut command = other.command();
        command
            .env("AGENTPKG_CACHE_DIR", cache)
            .args(["install", &spec]);
        let _ = crate::support::sandbox::finish(&mut command).code(0);
        assert!(
            other
                .read(".claude/agents/planner.md")
                .contains(&text("fifth"))
        );
        let _ = upstream.run("remove planner").code(0);
    }
}

#[test]
fn a_branch_of_a_registry_is_looked_up_too() {
    let Some(upstream) = Upstream::new() else {
        return;
    };
    upstream.branch("dev", "first");
    let [http, _] = upstream.sources();
    let _ = upstream
        .run(&format!("registry add {http} --name studio"))
        .code(0);
    let _ = upstream.run("install studio/planner@dev").code(0);
    upstream.branch("dev", "second");
    let _ = upstream.run("registry refresh").code(0);
    let status = upstream.run("status").code(0);
    let _ = upstream.run("update").code(0);
    upstream.has("second", &status.all());
    // What was never fetched is asked for, however recent the last look was.
    upstream.branch("new", "of new");
    let _ = upstream.run("install studio/planner@new").code(0);
    upstream.has("of new", "a new branch");
}

#[test]
fn a_branch_that_is_gone_is_said_with_what_there_is() {
    let Some(upstream) = Upstream::new() else {
        return;
    };
    for source in &upstream.sources() {
        upstream.branch("dev", "on dev");
        let _ = upstream
            .run(&format!("install {source}#planner@dev"))
            .code(0);
        upstream.git(&["branch", "-q", "-m", "dev", "dev/x"]);
        for line in ["update", "update --check", "outdated", "outdated --check"] {
            let output = upstream.run(line).code(1);
            let said = output.all();
            assert!(
                said.contains("has no branch, tag or commit `dev`")
                    && said.contains("branches: dev/x, main")
                    && !said.contains("up to date"),
                "{line}: {said}"
            );
        }
        let _ = upstream
            .run(&format!("install {source}#planner@dev"))
            .code(1);
        // A folder of branches stands where the branch was, and no cache has to be deleted.
        let _ = upstream
            .run(&format!("install {source}#planner@dev/x"))
            .code(0);
        upstream.git(&["branch", "-q", "-D", "dev/x"]);
        let _ = upstream.run("remove planner").code(0);
    }
}

#[test]
fn an_agent_may_be_on_one_branch_alone() {
    let Some(upstream) = Upstream::new() else {
        return;
    };
    upstream.branch("dev", "on dev");
    upstream.git(&["symbolic-ref", "HEAD", "refs/heads/empty"]);
    let tree = run_git(upstream.repo.path(), ["mktree"]);
    let empty = run_git(upstream.repo.path(), ["commit-tree", "-m", "empty", &tree]);
    upstream.git(&["update-ref", "refs/heads/empty", &empty]);
    for source in &upstream.sources() {
        let _ = upstream.run(&format!("install {source}#planner")).code(1);
        let _ = upstream
            .run(&format!("install {source}#planner@dev"))
            .code(0);
        let update = upstream.run("update").code(0);
        assert!(update.all().contains("up to date"), "{}", update.all());
        // The branch is what is gone, not the agent.
        upstream.git(&["branch", "-q", "-m", "dev", "other"]);
        let gone = upstream.run("update").code(1).all();
        assert!(gone.contains("branches: empty, main, other"), "{gone}");
        upstream.git(&["branch", "-q", "-m", "other", "dev"]);
        let _ = upstream.run("remove planner").code(0);
    }
}

#[test]
fn a_tag_and_a_branch_of_one_name_are_told_apart() {
    let Some(mut upstream) = Upstream::new() else {
        return;
    };
    upstream.branch("2.0", "on the branch");
    upstream.branch("разработка", "in Cyrillic");
    upstream.branch("开发/新", "in Chinese");
    let _ = upstream.repo.tag("both");
    upstream.branch("both", "on the branch");
    for source in &upstream.sources() {
        for (version, text) in [
            ("both", "on main"),
            ("refs/tags/both", "on main"),
            ("refs/heads/both", "on the branch"),
            ("refs/heads/2.0", "on the branch"),
            ("разработка", "in Cyrillic"),
            ("开发/新", "in Chinese"),
        ] {
            let _ = upstream
                .run(&format!("install {source}#planner@{version}"))
                .code(0);
            upstream.has(text, version);
            let _ = upstream.run("update").code(0);
            upstream.has(text, version);
        }
        // A number is a requirement first, and the answer says how to mean the branch.
        let said = upstream
            .run(&format!("install {source}#planner@2.0"))
            .code(1)
            .stderr;
        assert!(
            said.contains(&format!("{source}#planner@refs/heads/2.0")),
            "{said}"
        );
        let _ = upstream.run("remove planner").code(0);
    }
}

/// A name that changes from a tag to a branch, or back, means something else from then on: that is said once, and remembered.
#[test]
fn a_name_that_becomes_another_kind_of_reference_is_said() {
    let Some(mut upstream) = Upstream::new() else {
        return;
    };
    for source in &upstream.sources() {
        let _ = upstream.repo.tag("next");
        let spec = format!("{source}#planner@next");
        let _ = upstream.run(&format!("install {spec}")).code(0);
        let lock = |kind: &str| {
            let lock = upstream.sandbox.read("agentpkg.lock");
            assert!(
                lock.contains(&format!("reference = \"refs/{kind}/next\"")),
                "{lock}"
            );
        };
        lock("tags");
        for (was, is, folder, text) in [
            ("tag", "branch", "heads", "on main"),
            ("branch", "tag", "tags", "on main"),
            ("tag", "branch", "heads", "newer"),
        ] {
            upstream.git(&["update-ref", "-d", "refs/tags/next"]);
            upstream.git(&["update-ref", "-d", "refs/heads/next"]);
            if text == "newer" {
                upstream.branch("next", text);
            } else {
                upstream.git(&["update-ref", &format!("refs/{folder}/next"), "main"]);
            }
            let said = format!("`next` was a {was} upstream, and is a {is} now");
            for (line, code) in [
                ("outdated", 0),
                ("outdated --check", 5),
                ("status", 0),
                ("update --json", 0),
            ] {
                let output = upstream.run(line).code(code).all();
                let is_newer = line == "status" && text == "newer";
                assert!(output.contains(&said) || is_newer, "{line}: {output}");
            }
            upstream.has(text, is);
            lock(folder);
            let again = upstream.run("update").code(0).all();
            assert!(
                again.contains("up to date") && !again.contains("upstream"),
                "{again}"
            );
        }
        upstream.git(&["update-ref", "-d", "refs/heads/next"]);
        let _ = upstream.run("remove planner").code(0);
    }
}

#[test]
fn a_head_that_names_nothing_stops_only_what_asks_for_it() {
    let Some(mut upstream) = Upstream::new() else {
        return;
    };
    let _ = upstream.repo.tag("v1.0.0");
    let commit = run_git(upstream.repo.path(), ["rev-parse", "main"]);
    let [http, file] = upstream.sources();
    // One cache is made before, and one after.
    let _ = upstream.run(&format!("install {http}#planner")).code(0);
    let _ = upstream.run("remove planner").code(0);
    upstream.git(&["symbolic-ref", "HEAD", "refs/heads/gone"]);
    let _ = upstream
        .run(&format!("registry add {http} --name studio"))
        .code(1);
    for source in [http.as_str(), file.as_str(), http.as_str()] {
        for version in ["main", "v1.0.0", "^1", &commit] {
            let _ = upstream
                .run(&format!("install {source}#planner@{version}"))
                .code(0);
            for line in ["update", "outdated"] {
                let said = upstream.run(line).code(0).all();
                assert!(said.contains("up to date"), "{version}, {line}: {said}");
            }
            let _ = upstream.run("remove planner").code(0);
        }
        let said = upstream
            .run(&format!("install {source}#planner"))
            .code(1)
            .stderr;
        assert!(
            said.contains("has no default branch") && said.contains("branches: main"),
            "{said}"
        );
        std::fs::remove_dir_all(upstream.sandbox.path().join("home/.cache/agentpkg")).unwrap();
    }
}

/// A commit that was pushed over, which the server still has.
#[test]
fn a_commit_that_no_branch_leads_to_is_fetched_by_its_id() {
    let Some(upstream) = Upstream::new() else {
        return;
    };
    upstream.branch("dev", "pushed over");
    let commit = run_git(upstream.repo.path(), ["rev-parse", "dev"]);
    upstream.git(&["branch", "-q", "-D", "dev"]);
    let [http, _] = upstream.sources();
    let _ = upstream
        .run(&format!("install {http}#planner@{commit}"))
        .code(0);
    upstream.has("pushed over", "by id");
    let _ = upstream.run("update").code(0);
    let nothing = "0123456789012345678901234567890123456789";
    let said = upstream
        .run(&format!("install {http}#planner@{nothing} --as other"))
        .code(1)
        .stderr;
    assert!(
        said.contains(&format!("has no commit `{nothing}`")),
        "{said}"
    );
}

/// The newest of a source that this project does not have yet is asked for, also where another project has just looked.
#[test]
fn what_is_typed_anew_is_the_newest() {
    let Some(mut upstream) = Upstream::new() else {
        return;
    };
    let [http, _] = upstream.sources();
    let _ = upstream
        .run(&format!("registry add {http} --name studio"))
        .code(0);
    let _ = upstream.run("install studio/planner").code(0);
    let _ = upstream
        .repo
        .file("agents/planner.md", agent("newer"))
        .commit("second");
    let _ = upstream.run("install studio/planner@latest").code(0);
    upstream.has("newer", "@latest");
    let _ = upstream
        .repo
        .file("agents/planner.md", agent("newest"))
        .commit("third");
    let other = Sandbox::new();
    let cache = upstream.sandbox.path().join("home/.cache/agentpkg");
    let mut command = other.command();
    command
        .env("AGENTPKG_CACHE_DIR", cache)
        .args(["install", &format!("{http}#planner")]);
    let _ = crate::support::sandbox::finish(&mut command).code(0);
    assert!(other.read(".claude/agents/planner.md").contains("newest"));
}
