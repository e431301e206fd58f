//! What repositories of every usual shape offer, which agent a name means in them, and what `install --all` takes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::repo::RepoBuilder;
use crate::support::sandbox::Sandbox;

/// A repository, and what is expected of it.
struct Shape {
    name: &'static str,
    files: Vec<(String, String)>,
    /// How many names are offered.
    offered: usize,
    /// Which file a name means, and how many other copies stand behind it.
    meant: Vec<(&'static str, &'static str, usize)>,
    ambiguous: Vec<&'static str>,
    /// How many agents `--all` installs, how many names of lower kinds it leaves, and how it ends.
    all: (usize, usize, i32),
}

fn agent(name: &str, body: &str) -> String {
    format!("---\nname: {name}\ndescription: Does {name}\ntools: Read\n---\n\n{body}\n")
}

fn file(path: &str, text: impl Into<String>) -> (String, String) {
    (path.to_owned(), text.into())
}

const MARKETPLACE: &str = ".claude-plugin/marketplace.json";
const README: &str = "# Read me\n\nWords.\n";

fn shapes() -> Vec<Shape> {
    vec![
        with_translations(),
        marketplace(),
        documents(),
        skills(),
        Shape {
            name: "agents with READMEs",
            files: vec![
                file("agents/README.md", README),
                file("agents/CLAUDE.md", README),
                file("agents/NOTES.md", README),
                file("agents/one.md", agent("one", "1")),
                file("agents/deep/two.md", agent("two", "2")),
            ],
            offered: 2,
            meant: vec![
                ("one", "agents/one.md", 0),
                ("two", "agents/deep/two.md", 0),
            ],
            ambiguous: vec![],
            all: (2, 0, 0),
        },
        Shape {
            name: "categories",
            files: vec![
                file("README.md", README),
                file("01-core/README.md", README),
                file("01-core/one.md", agent("one", "1")),
                file("01-core/two.md", agent("two", "2")),
                file("02-more/three.md", agent("three", "3")),
                file("02-more/four.md", agent("four", "4")),
                file("03-notes/five.md", agent("five", "5")),
                file("03-notes/six.md", README),
            ],
            offered: 5,
            meant: vec![
                ("one", "01-core/one.md", 0),
                ("five", "03-notes/five.md", 0),
            ],
            ambiguous: vec![],
            all: (4, 1, 0),
        },
        Shape {
            name: "dotfiles",
            files: vec![
                file(".claude/agents/one.md", agent("one", "1")),
                file(".claude/agents/two.md", agent("two", "2")),
                file(".claude/commands/three.md", agent("three", "3")),
                file(".github/four.md", agent("four", "4")),
                file("nvim/notes.md", README),
            ],
            offered: 2,
            meant: vec![("one", ".claude/agents/one.md", 0)],
            ambiguous: vec![],
            all: (2, 0, 0),
        },
        Shape {
            name: "one agent at the root",
            files: vec![file("README.md", README), file("one.md", agent("one", "1"))],
            offered: 1,
            meant: vec![("one", "one.md", 0)],
            ambiguous: vec![],
            all: (1, 0, 0),
        },
        one_plugin_beside_many(),
        Shape {
            name: "copies",
            files: vec![
                file("agents/one.md", agent("one", "1")),
                file("backup/agents/one.md", agent("one", "1")),
                file("agents/two.md", agent("two", "2")),
                file("backup/agents/two.md", agent("two", "other")),
                file("agents/three.md", agent("three", "3")),
                file("old/three.md", agent("three", "other")),
                file("agents/renamed.md", agent("four", "4")),
                file("agents/four.md", agent("five", "5")),
            ],
            offered: 5,
            meant: vec![
                ("one", "agents/one.md", 0),
                ("three", "agents/three.md", 1),
                ("four", "agents/renamed.md", 0),
                ("five", "agents/four.md", 0),
            ],
            ambiguous: vec!["two"],
            all: (4, 0, 4),
        },
    ]
}

fn with_translations() -> Shape {
    let mut files = vec![file(
        MARKETPLACE,
        r#"{"name": "m", "owner": {"name": "o"}, "plugins": [{"name": "p", "source": "./plugins/p"}]}"#,
    )];
    for name in ["one", "two"] {
        files.push(file(
            &format!("plugins/p/agents/{name}.md"),
            agent(name, "English"),
        ));
        for (folder, body) in [
            ("docs/ja/agents", "Japanese"),
            ("docs/zh-CN/plugins/p/agents", "Chinese"),
            (".kiro/agents", "for another client"),
        ] {
            files.push(file(&format!("{folder}/{name}.md"), agent(name, body)));
        }
    }
    files.push(file("docs/de/three.md", agent("three", "German")));
    Shape {
        name: "a plugin with translations",
        files,
        offered: 3,
        meant: vec![
            ("one", "plugins/p/agents/one.md", 3),
            ("two", "plugins/p/agents/two.md", 3),
            ("three", "docs/de/three.md", 0),
        ],
        ambiguous: vec![],
        all: (2, 1, 0),
    }
}

fn marketplace() -> Shape {
    let mut plugins = Vec::new();
    let mut files = Vec::new();
    for number in 0..50 {
        let source = if number % 2 == 0 {
            files.push(file(
                &format!("plugins/p{number}/agents/agent-{number}.md"),
                agent(&format!("agent-{number}"), "x"),
            ));
            files.push(file(
                &format!("plugins/p{number}/agents/shared.md"),
                agent("shared", &number.to_string()),
            ));
            files.push(file(&format!("plugins/p{number}/agents/README.md"), README));
            format!("\"./plugins/p{number}\"")
        } else {
            format!(r#"{{"source": "github", "repo": "someone/p{number}"}}"#)
        };
        plugins.push(format!(r#"{{"name": "p{number}", "source": {source}}}"#));
    }
    files.push(file(
        MARKETPLACE,
        format!(r#"{{"name": "m", "plugins": [{}]}}"#, plugins.join(", ")),
    ));
    Shape {
        name: "a marketplace, half of it elsewhere",
        files,
        offered: 26,
        meant: vec![("agent-4", "plugins/p4/agents/agent-4.md", 0)],
        ambiguous: vec!["shared"],
        all: (25, 0, 4),
    }
}

fn documents() -> Shape {
    let documents = (0..40).map(|number| {
        let text =
            format!("# Document {number}\n\n**Purpose:** to say something about {number}.\n");
        file(&format!("guides/part-{number}.md"), text)
    });
    Shape {
        name: "a collection of documents",
        files: documents
            .chain([file("guides/one.md", agent("one", "1"))])
            .collect(),
        offered: 1,
        meant: vec![("one", "guides/one.md", 0)],
        ambiguous: vec![],
        all: (1, 0, 0),
    }
}

fn skills() -> Shape {
    let skills = (0..2000).map(|number| {
        let name = format!("skill-{number}");
        let folder = if number % 2 == 0 { "skills" } else { "planned" };
        file(&format!("{folder}/{name}/SKILL.md"), agent(&name, "x"))
    });
    Shape {
        name: "many skills",
        files: skills
            .chain([file("agents/one.md", agent("one", "1"))])
            .collect(),
        offered: 1,
        meant: vec![("one", "agents/one.md", 0)],
        ambiguous: vec![],
        all: (1, 0, 0),
    }
}

fn one_plugin_beside_many() -> Shape {
    let many = (0..50).map(|number| {
        let name = format!("agent-{number}");
        file(&format!("agents/{name}.md"), agent(&name, "x"))
    });
    let own = [
        file("p/special.md", "Without frontmatter.\n"),
        file("p/agents/unlisted.md", agent("unlisted", "x")),
        file(
            MARKETPLACE,
            r#"{"name": "m", "plugins": [{"name": "p", "source": "./p", "agents": ["./special.md"]}]}"#,
        ),
    ];
    Shape {
        name: "one plugin beside many agents",
        files: many.chain(own).collect(),
        offered: 52,
        meant: vec![
            ("special", "p/special.md", 0),
            ("agent-7", "agents/agent-7.md", 0),
        ],
        ambiguous: vec![],
        all: (52, 0, 0),
    }
}

/// The sources that a shape is served as: a folder, and a repository.
fn served(shape: &Shape) -> (Sandbox, [String; 2]) {
    let sandbox = Sandbox::in_memory();
    let mut repo = RepoBuilder::bare(&sandbox.path().join("upstream.git"));
    for (path, text) in &shape.files {
        sandbox.write(&format!("upstream/{path}"), text);
        let _ = repo.file(path, text);
    }
    let _ = repo.commit("all");
    let git = format!("file://{}", sandbox.path().join("upstream.git").display());
    (sandbox, ["../upstream".to_owned(), git])
}

#[test]
fn every_shape_offers_what_its_author_means() {
    for shape in shapes() {
        let (sandbox, sources) = served(&shape);
        for source in sources {
            let at = format!("{} as {source}", shape.name);
            let listed = sandbox
                .run(&["list", "--available", &source, "--json"])
                .code(0)
                .json();
            let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for entry in listed["sources"][0]["agents"].as_array().unwrap() {
                let text = |key: &str| entry[key].as_str().unwrap().to_owned();
                files.entry(text("name")).or_default().push(text("file"));
            }
            assert_eq!(files.len(), shape.offered, "{at}: {files:?}");
            let several = files.iter().filter(|(_, files)| files.len() > 1);
            let several: Vec<&str> = several.map(|(name, _)| name.as_str()).collect();
            assert_eq!(several, shape.ambiguous, "{at}");
            for (name, file, others) in &shape.meant {
                let spec = format!("{source}#{name}");
                let output = sandbox.run(&["install", &spec, "--dry-run", "--json"]);
                let planned = output.code(0).json();
                assert_eq!(planned["agents"][0]["file"], *file, "{at}: {name}");
                let behind = planned["agents"][0]["others"].as_array().unwrap();
                assert_eq!(behind.len(), *others, "{at}: {name}: {behind:?}");
            }
            for name in &shape.ambiguous {
                let output = sandbox
                    .run(&["install", &format!("{source}#{name}")])
                    .code(4);
                assert!(
                    output.stderr.contains("different agents"),
                    "{at}: {}",
                    output.all()
                );
            }
            let (count, lower, code) = shape.all;
            let output = sandbox.run(&["install", &source, "--all", "--dry-run", "--json"]);
            let planned = output.json();
            assert_eq!(planned["agents"].as_array().unwrap().len(), count, "{at}");
            let left = &planned["left"][0]["lower"];
            assert_eq!(left.as_u64().unwrap_or(0), lower as u64, "{at}: {left}");
            assert_eq!(output.code, code, "{at}: {}", output.all());
        }
    }
}

#[test]
fn all_of_a_source_end_in_a_summary() {
    let shape = marketplace();
    let (sandbox, [source, _]) = served(&shape);
    let output = sandbox.run(&["install", &source, "--all"]).code(4);
    for text in [
        "Installed 25 agents",
        "1 name means several agents and is left out: shared",
        "agentpkg list --available ../upstream",
        "Undo with",
    ] {
        assert!(output.stderr.contains(text), "{text}: {}", output.all());
    }
    assert!(sandbox.project(".claude/agents/agent-48.md").is_file());
    let shape = with_translations();
    let (sandbox, [source, _]) = served(&shape);
    let output = sandbox.run(&["install", &source, "--all"]).code(0);
    let list = "`agentpkg list --available --all ../upstream` lists them";
    assert!(output.stderr.contains(list), "{}", output.all());
    let listed = sandbox
        .run(&["list", "--available", "--all", &source])
        .code(0);
    assert!(
        listed.stdout.contains("behind plugins/p/agents/one.md"),
        "{}",
        listed.all()
    );
}

#[test]
fn agents_without_any_tool_are_named() {
    let sandbox = Sandbox::in_memory();
    for number in 0..6 {
        let name = format!("agent-{number}");
        let _ = sandbox.write(&format!("upstream/agents/{name}.md"), agent(&name, "x"));
    }
    let odd = "---\nname: odd\ndescription: d\ntools: read_file, run_shell_command\n---\n\nx\n";
    let _ = sandbox.write("upstream/agents/odd.md", odd);
    let output = sandbox.run(&["install", "../upstream", "--all"]).code(0);
    assert!(
        output
            .stderr
            .contains("1 agent has no tool that exists: odd"),
        "{}",
        output.all()
    );
}

#[test]
fn what_comes_to_bear_a_name_changes_no_installed_agent() {
    let sandbox = Sandbox::in_memory();
    let _ = sandbox
        .write("upstream/lib/one.md", agent("one", "first"))
        .write("upstream/x/two.md", agent("two", "2"));
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "studio"])
        .code(0);
    let _ = sandbox.run(&["install", "studio/one"]).code(0);
    let locked = |sandbox: &Sandbox| sandbox.read("agentpkg.lock");
    assert!(locked(&sandbox).contains("lib/one.md"));
    let marketplace = r#"{"name": "m", "plugins": [{"name": "p", "source": "./p"}]}"#;
    let _ = sandbox
        .write("upstream/p/agents/one.md", agent("one", "another"))
        .write("upstream/agents/one.md", agent("one", "a third"))
        .write(&format!("upstream/{MARKETPLACE}"), marketplace);
    for arguments in [
        &["update"][..],
        &["install"],
        &["install", "studio/one"],
        &["install", "one"],
        &["install", "studio", "--all"],
        &["install", "studio/one", "--as", "again"],
    ] {
        let output = sandbox.run(arguments).code(0);
        let lock = locked(&sandbox);
        assert!(
            lock.contains("lib/one.md"),
            "{arguments:?}: {}",
            output.all()
        );
        assert!(!lock.contains("agents/one.md"), "{arguments:?}: {lock}");
    }
    assert!(sandbox.read(".claude/agents/one.md").contains("first"));
    // In a new project the plugin's file is meant, and written down.
    let fresh = ["-C", "../elsewhere"];
    let _ = sandbox.write("elsewhere/empty", "");
    let run = |arguments: &[&str]| sandbox.run(&[&fresh, arguments].concat()).code(0);
    let _ = run(&["registry", "add", "../upstream", "--name", "studio"]);
    let output = run(&["install", "studio/one"]);
    assert!(
        output
            .stderr
            .contains("2 other copies behind: agents/one.md, lib/one.md"),
        "{}",
        output.all()
    );
    let info = run(&["info", "studio/one", "--json"]).json();
    assert_eq!(info["others"].as_array().unwrap().len(), 2, "{info}");
    let manifest = std::fs::read_to_string(sandbox.path().join("elsewhere/agentpkg.toml")).unwrap();
    assert!(
        manifest.contains("file = \"p/agents/one.md\""),
        "{manifest}"
    );
}

#[test]
fn what_follows_the_hash_may_be_a_folder_a_plugin_or_a_file() {
    let mut shape = with_translations();
    shape
        .files
        .push(file("extra/agents/one.md", agent("one", "extra")));
    shape
        .files
        .push(file("extra/agents/four.md", agent("four", "4")));
    let (sandbox, sources) = served(&shape);
    for source in sources {
        let planned = |target: &str, more: &[&str]| -> Value {
            let spec = format!("{source}#{target}");
            let arguments = [&["install", &spec, "--dry-run", "--json"], more].concat();
            sandbox.run(&arguments).code(0).json()
        };
        for (target, file) in [
            ("p:one", "plugins/p/agents/one.md"),
            ("docs/ja/agents/one.md", "docs/ja/agents/one.md"),
            ("one", "plugins/p/agents/one.md"),
            ("docs/de/", "docs/de/three.md"),
        ] {
            assert_eq!(
                planned(target, &[])["agents"][0]["file"],
                file,
                "{source}#{target}"
            );
        }
        let all = planned("extra/", &["--all"]);
        let files = all["agents"].as_array().unwrap().iter();
        let mut files: Vec<&str> = files.filter_map(|agent| agent["file"].as_str()).collect();
        files.sort_unstable();
        assert_eq!(
            files,
            ["extra/agents/four.md", "extra/agents/one.md"],
            "{source}"
        );
        for (target, code, text) in [
            ("extra/", 4, "has 2 agents"),
            ("nowhere/", 1, "no agents in `nowhere/`"),
            ("q:one", 1, "no agent named `q:one`"),
            ("skills/x", 2, "is a skill"),
            ("../x/", 2, "leaves the folder"),
        ] {
            let output = sandbox
                .run(&["install", &format!("{source}#{target}")])
                .code(code);
            assert!(output.stderr.contains(text), "{target}: {}", output.all());
        }
    }
}

#[test]
fn a_plugin_that_lives_elsewhere_is_installed_through_its_marketplace() {
    let sandbox = Sandbox::in_memory();
    let mut other = RepoBuilder::bare(&sandbox.path().join("other.git"));
    let _ = other
        .file("sub/agents/one.md", agent("one", "listed"))
        .file("agents/one.md", agent("one", "root"));
    let listed = other.commit("listed");
    let _ = other.file("sub/agents/one.md", agent("one", "newer"));
    let _ = other.commit("newer");
    let url = format!("file://{}", sandbox.path().join("other.git").display());
    let marketplace = format!(
        r#"{{"name": "m", "plugins": [
            {{"name": "s", "description": "A plugin", "source": {{"source": "git-subdir", "url": "{url}", "path": "sub", "sha": "{listed}"}}}},
            {{"name": "bad", "source": {{"source": "url", "url": "../other.git"}}}}
        ]}}"#
    );
    let _ = sandbox
        .write(&format!("market/{MARKETPLACE}"), marketplace)
        .write("market/agents/two.md", agent("two", "2"));
    let list = sandbox.run(&["list", "--available", "../market"]).code(0);
    assert!(list.stderr.contains("../market#s:NAME"), "{}", list.all());
    let document = sandbox
        .run(&["list", "--available", "../market", "--json"])
        .json();
    assert_eq!(
        document["sources"][0]["elsewhere"][0]["spec"],
        "../market#s:NAME"
    );
    let _ = sandbox.run(&["install", "../market#s:one"]).code(0);
    let lock = sandbox.read("agentpkg.lock");
    for text in [listed.to_string(), url, "sub/agents/one.md".to_owned()] {
        assert!(lock.contains(&text), "{text}: {lock}");
    }
    assert!(sandbox.read(".claude/agents/one.md").contains("listed"));
    let again = sandbox.run(&["update"]).code(0);
    assert!(
        sandbox.read(".claude/agents/one.md").contains("listed"),
        "{}",
        again.all()
    );
    let bad = sandbox.run(&["install", "../market#bad:one"]).code(1);
    assert!(
        bad.stderr.contains("which is no address of a repository"),
        "{}",
        bad.all()
    );
}

/// An agent that cannot be repaired is not left out of a whole source in silence.
#[test]
fn what_a_whole_source_cannot_give_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "odd/agents/good.md",
        "---\nname: good\ndescription: Good\n---\n",
    );
    let broken = "---\nname: bad\ndescription: {{no\ntools: Read, [Grep\n  - x: y: z\n---\n";
    for number in 1..=7 {
        sandbox.write(&format!("odd/agents/bad-{number}.md"), broken);
    }
    for words in [
        &["install", "../odd", "--all"][..],
        &["install", "../odd", "--all", "--dry-run"],
        &["install", "../odd#agents/", "--all"],
    ] {
        let output = sandbox.run(words).code(0);
        for expected in [
            "agents/bad-1.md is left out: ",
            "2 more files are left out; `agentpkg list",
        ] {
            assert!(output.stderr.contains(expected), "{}", output.all());
        }
        let mut json = words.to_vec();
        json.push("--json");
        let document = sandbox.run(&json).code(0).json();
        assert_eq!(document["left"][0]["refused"].as_array().unwrap().len(), 7);
    }
}
