//! Repositories: names × kinds of entries, frontmatter, registry files and marketplaces, references, shapes.

use std::fs;
use std::path::Path;

use super::{MARK, Report, sandbox};
use crate::support::http::Server;
use crate::support::repo::{RepoBuilder, hermetic_git};

/// A repository to be made, and why.
struct Case {
    name: String,
    make: Box<dyn Fn(&mut RepoBuilder)>,
}

fn case(name: impl Into<String>, make: impl Fn(&mut RepoBuilder) + 'static) -> Case {
    Case {
        name: name.into(),
        make: Box::new(make),
    }
}

fn agent(name: &str) -> String {
    format!("---\nname: {name}\ndescription: Does {name}\n---\n\nBody.\n")
}

/// Names that mean something to a file system, a shell, git, a terminal or Windows.
fn names() -> Vec<Vec<u8>> {
    let long = "n".repeat(300) + ".md";
    let run = format!("$(touch {MARK}).md");
    let quoted = format!("';touch {MARK};'.md");
    let ticks = format!("`touch {MARK}`.md");
    let texts = [
        "..",
        ".",
        ".git",
        ".GIT",
        "git~1",
        ".g\u{200c}it",
        ".git ",
        ".git::$INDEX_ALLOCATION",
        "a\nb.md",
        "\u{1b}[2J\u{1b}[31m.md",
        "\u{1b}]0;owned\u{7}.md",
        "\u{9b}31m.md",
        "\u{202e}dm.exe.md",
        "a\u{200b}b.md",
        "-rf.md",
        "--upload-pack=x.md",
        "..\\..\\evil.md",
        "C:evil.md",
        "con.md",
        "nul",
        "planner.md ",
        "planner.md.",
        "PLANNER.md",
        "%2e%2e%2fevil.md",
        "../evil.md",
        "/etc/evil.md",
        ".claude",
        ".mcp.json",
        "a\tb.md",
        &long,
        &run,
        &quoted,
        &ticks,
    ];
    let mut names: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    names.push(b"\xff\xfe.md".to_vec());
    names
}

/// A name × a file, a program, a link out of the repository, a folder, another repository.
fn entries() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in names() {
        for (mode, content) in [
            ("100644", agent("planner")),
            ("120000", "../../../../../../etc/passwd".to_owned()),
            ("40000", String::new()),
        ] {
            let entry = name.clone();
            let text = format!(
                "entry {:?} with mode {mode}",
                String::from_utf8_lossy(&name)
            );
            cases.push(case(text, move |repo| {
                repo.raw_tree_entry(mode, &entry, content.as_bytes());
            }));
        }
    }
    for mode in ["100755", "100777", "160000", "0", "777777", "107644"] {
        cases.push(case(format!("mode {mode}"), move |repo| {
            repo.raw_tree_entry(mode, b"odd.md", agent("odd").as_bytes());
        }));
    }
    cases.push(case("one name twice", |repo| {
        repo.raw_tree_entry("100644", b"twice.md", agent("one").as_bytes());
        repo.raw_tree_entry("100644", b"twice.md", agent("two").as_bytes());
    }));
    cases.push(case("a file and a folder of one name", |repo| {
        repo.raw_tree_entry("100644", b"agents", b"text");
        repo.raw_tree_entry("40000", b"agents", b"");
    }));
    cases
}

/// Values of `name` and `description` in the frontmatter.
fn frontmatter() -> Vec<Case> {
    let values = [
        "../../evil",
        "/etc/cron.d/evil",
        "..",
        "-rf",
        "\"\\e[2Jowned\"",
        "\"\\x1b]0;owned\\x07\"",
        "\"a\\nb\"",
        "\"\\u202egnp.exe\"",
        "\"a\\0b\"",
        "\"..\\\\..\\\\evil\"",
        "con",
        "'$(touch PAYLOAD-RAN)'",
        "'`touch PAYLOAD-RAN`'",
        "'; touch PAYLOAD-RAN'",
        "!!python/object/apply:os.system ['touch PAYLOAD-RAN']",
        "&a [*a, *a]",
        "{a: b}",
        "[[[[[[[[[[[[[[[[[[[[",
        "0x7fffffffffffffff",
        "planner\u{202e}",
        "planner\u{7}",
        "~",
    ];
    let mut cases = Vec::new();
    for value in values {
        cases.push(case(format!("name: {value:?}"), move |repo| {
            let text = format!("---\nname: {value}\ndescription: Fine\n---\n\nBody.\n");
            repo.file("agents/first.md", text);
        }));
        cases.push(case(format!("description: {value:?}"), move |repo| {
            let text = format!("---\nname: first\ndescription: {value}\n---\n\nBody.\n");
            repo.file("agents/first.md", text);
        }));
    }
    cases.push(case("a billion laughs", |repo| {
        let mut text =
            "---\nname: laughs\ndescription: x\na0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..9 {
            let before = n - 1;
            let many = vec![format!("*a{before}"); 8].join(", ");
            text.push_str(&format!("a{n}: &a{n} [{many}]\n"));
        }
        repo.file("agents/laughs.md", text + "---\n\nBody.\n");
    }));
    cases.push(case("a server that runs a program", |repo| {
        let text = format!(
            "---\nname: server\ndescription: x\nmcpServers:\n  - evil: {{command: touch, args: [{MARK}]}}\nhooks:\n  Stop:\n    - hooks: [{{type: command, command: touch {MARK}}}]\n---\n"
        );
        repo.file("agents/server.md", text);
    }));
    cases
}

/// Files that describe a source.
fn descriptions() -> Vec<Case> {
    let mut cases = Vec::new();
    for text in [
        "",
        "[[[",
        "[agents]\npaths = [\"../..\", \"/etc\"]\n",
        "[agents]\npaths = \"\\u001b[2J\"\n",
        "[mcp.servers.evil]\ncommand = \"touch\"\nargs = [\"PAYLOAD-RAN\"]\n",
        "[mcp.servers.\"../x\"]\ncommand = \"x\"\n",
        "a = 1\na = 2\n",
        "\u{feff}[agents]\n",
        "x = \"\u{202e}\"\n",
    ] {
        cases.push(case(format!("registry.toml {text:?}"), move |repo| {
            repo.file("registry.toml", text);
        }));
    }
    for source in [
        "\"../../..\"",
        "\"/etc\"",
        "\"./\\u001b[2J\"",
        "{\"source\": \"url\", \"url\": \"ext::sh -c touch% PAYLOAD-RAN\"}",
        "{\"source\": \"github\", \"repo\": \"-oProxyCommand=touch PAYLOAD-RAN\"}",
        "{\"source\": \"github\", \"repo\": \"../../x\"}",
        "{\"source\": \"git\", \"url\": \"file:///etc\"}",
        "{\"source\": \"npm\", \"package\": \"x\"}",
        "7",
        "null",
        "[[]]",
    ] {
        cases.push(case(format!("a plugin's source {source}"), move |repo| {
            let text = format!("{{\"name\": \"m\", \"plugins\": [{{\"name\": \"planner\", \"source\": {source}}}]}}");
            repo.file(".claude-plugin/marketplace.json", text);
        }));
    }
    for text in [
        "{".repeat(20_000),
        "[".repeat(20_000),
        "{\"plugins\": [{\"name\": \"../../x\", \"source\": \"./\", \"agents\": [\"../../../etc/passwd\", \"/etc/passwd\"]}]}".to_owned(),
        "{\"plugins\": [{\"name\": \"\\u001b[2J\", \"source\": \"./agents\"}]}".to_owned(),
        "{\"plugins\": {\"a\": 1}}".to_owned(),
        "\u{0}".to_owned(),
    ] {
        let start: String = text.chars().take(30).collect();
        cases.push(case(format!("marketplace.json {start:?}…"), move |repo| {
            repo.file(".claude-plugin/marketplace.json", &text);
        }));
    }
    cases
}

/// Branches and tags, written as files, because git and libgit2 refuse some of them.
fn references() -> Vec<Case> {
    [
        "refs/heads/-x",
        "refs/heads/$(touch PAYLOAD-RAN)",
        "refs/heads/;touch PAYLOAD-RAN",
        "refs/heads/\u{202e}",
        "refs/heads/a\u{200b}",
        "refs/heads/HEAD",
        "refs/heads/refs/heads/main",
        "refs/heads/v1.0.0",
        "refs/tags/-v1",
        "refs/tags/v99999999999999999999.0.0",
        "refs/tags/v1.0.0-\u{202e}",
        "refs/tags/planner-v1.0.0",
        "refs/tags/planner/v1.0.0",
        "refs/remotes/origin/evil",
        "refs/agentpkg/head",
        "refs/evil",
    ]
    .into_iter()
    .map(|name| {
        case(format!("reference {name:?}"), move |repo| {
            let tip = repo.commit("first").to_string();
            let file = repo.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, tip + "\n").unwrap();
        })
    })
    .collect()
}

/// Sizes and depths, settings and hooks of the repository itself.
fn shapes() -> Vec<Case> {
    vec![
        case("folders 300 deep", |repo| {
            let path = "d/".repeat(300) + "deep.md";
            repo.file(&path, agent("deep"));
        }),
        case("10,000 entries", |repo| {
            for n in 0..10_000 {
                repo.file(&format!("many/f{n}.txt"), "x");
            }
        }),
        case("a file of 6 MB", |repo| {
            repo.file("agents/large.md", agent("large") + &"x".repeat(6 << 20));
        }),
        case("a first line of 1 MB", |repo| {
            repo.file("agents/line.md", "-".repeat(1 << 20));
        }),
        case("500 agents of one name", |repo| {
            for n in 0..500 {
                repo.file(&format!("agents/d{n}/planner.md"), agent("planner"));
            }
        }),
        case("links in a circle", |repo| {
            repo.symlink("a", "b")
                .symlink("b", "a")
                .symlink("agents/self.md", "self.md");
        }),
        case("an agent that is a link to a secret", |repo| {
            repo.symlink("agents/secret.md", "../../../victim/secret");
        }),
        case("a folder of agents that is a link", |repo| {
            repo.symlink("agents", "../../victim");
        }),
        case("its settings run programs", |repo| {
            for (name, value) in [
                ("core.fsmonitor", "touch PAYLOAD-RAN"),
                ("core.sshCommand", "touch PAYLOAD-RAN"),
                ("uploadpack.packObjectsHook", "touch PAYLOAD-RAN"),
                ("core.pager", "touch PAYLOAD-RAN"),
                ("include.path", "../../victim/secret"),
            ] {
                repo.config(name, value);
            }
        }),
        case("hooks", |repo| {
            for hook in [
                "post-checkout",
                "pre-auto-gc",
                "reference-transaction",
                "post-update",
            ] {
                let file = repo.path().join("hooks").join(hook);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(&file, format!("#!/bin/sh\ntouch {MARK}\n")).unwrap();
                #[cfg(unix)]
                {
                    use std::os::unix::fs::PermissionsExt as _;
                    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
                }
            }
        }),
        case("objects from elsewhere", |repo| {
            let file = repo.path().join("objects/info/alternates");
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "../../../victim\n/nonexistent\n").unwrap();
        }),
        case("HEAD leads out", |repo| {
            repo.commit("first");
            fs::write(
                repo.path().join("HEAD"),
                "ref: refs/heads/../../../victim/secret\n",
            )
            .unwrap();
        }),
        case("HEAD is binary", |repo| {
            repo.commit("first");
            fs::write(repo.path().join("HEAD"), b"\xff\x00\x1b[2J").unwrap();
        }),
        case("attributes with filters", |repo| {
            repo.file(".gitattributes", "*.md filter=evil diff=evil\n");
            repo.config("filter.evil.smudge", "touch PAYLOAD-RAN");
        }),
        case("a submodule that runs a program", |repo| {
            repo.file(
                ".gitmodules",
                "[submodule \"x\"]\n\tpath = x\n\turl = ext::touch PAYLOAD-RAN\n",
            );
            repo.raw_tree_entry("160000", b"x", b"");
        }),
    ]
}

fn all() -> Vec<Case> {
    let mut cases = entries();
    cases.extend(frontmatter());
    cases.extend(descriptions());
    cases.extend(references());
    cases.extend(shapes());
    cases
}

/// Makes the repository, with an honest agent in it that the commands look for.
fn make(case: &Case, path: &Path) {
    let mut repo = RepoBuilder::bare(path);
    repo.file("agents/planner.md", agent("planner"));
    (case.make)(&mut repo);
    // Those that change the repository after a commit have made one.
    if !repo.path().join("refs/heads/main").exists() {
        repo.commit("first");
    }
}

#[test]
fn hostile_repositories_are_harmless() {
    let place = sandbox();
    if hermetic_git(place.path()).is_none() {
        return;
    }
    let server = Server::start(&place.path().join("served"));
    let mut report = Report::new(2);
    for (number, case) in all().iter().enumerate() {
        let name = format!("r{number}");
        let path = place.path().join("served").join(&name);
        make(case, &path);
        let world = sandbox();
        // In turn over HTTP, from the folder, and by an address of the folder.
        let url = match number % 3 {
            0 => server.url(&name).as_str().to_owned(),
            1 => path.display().to_string(),
            _ => format!("file://{}", path.display()),
        };
        let agent = format!("{url}#planner");
        report.run(
            &case.name,
            &world,
            &[
                vec!["install", &agent, "--yes", "--mcp", "skip"],
                vec!["list", "--available", &url],
                vec![
                    "install", &url, "--all", "--yes", "--allow", "all", "--mcp", "skip",
                ],
                vec!["list", "--available", &url, "--json"],
                vec!["info", &agent],
                vec!["registry", "add", &url, "--name", "far"],
                vec!["search", "planner"],
                vec!["update"],
                vec!["outdated", "--json"],
                vec!["adopt", "--all", "--from", &url, "--dry-run"],
            ],
        );
        fs::remove_dir_all(path).unwrap();
    }
    report.end(150);
}
