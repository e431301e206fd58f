//! Manifests, lockfiles, agents and servers whose text points elsewhere or contains terminal controls.

use std::fs;
use std::os::unix::fs::chown;

use super::case::Case;
use super::world::{SECRET, agent};

/// Names that lead out of the folder, that a system reserves for devices, or that contain terminal controls; as TOML strings.
const NAMES: &[(&str, &str)] = &[
    ("the parent", ".."),
    ("a path out", "../../../victim/keep"),
    ("a path into git", "../../.git/hooks/pre-commit"),
    ("a path from the root", "/etc/agentpkg-was-here"),
    ("a path of Windows", r"..\\..\\README"),
    ("a device", "con"),
    ("a hidden file", ".envrc"),
    ("an option", "-rf"),
    ("nothing", ""),
    ("terminal escapes", "x\\u001b[2J\\u202e\\u0007"),
    ("a line break", "x\\nerror: evil"),
    ("a zero byte", "x\\u0000"),
];

/// A sequence that a terminal would act on.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;evil\u{7}\u{202e}evil\u{9b}31m";

pub(super) fn cases() -> Vec<Case> {
    [lockfiles(), manifests(), agents(), parents()]
        .into_iter()
        .flatten()
        .collect()
}

#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn lockfiles() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, name) in NAMES {
        cases.push(Case::new(
            format!("lockfile has an agent named {what}"),
            move |world| {
                world.edit(
                    "agentpkg.lock",
                    "name = \"x\"",
                    &format!("name = \"{name}\""),
                );
            },
        ));
        cases.push(Case::new(
            format!("lockfile has a file that is {what}"),
            move |world| {
                world.edit(
                    "agentpkg.lock",
                    "file = \"agents/x.md\"",
                    &format!("file = \"{name}\""),
                );
            },
        ));
    }
    let lines: [(&str, &str); 6] = [
        (
            "requires what leads out",
            "requires = [\"../../../victim/keep\"]",
        ),
        (
            "was renamed to what leads out",
            "adaptations = [\"rename:../../../victim/keep\"]",
        ),
        (
            "has a version of terminal escapes",
            "version = \"1\\u001b[2J\\u202e\"",
        ),
        (
            "was allowed everything",
            "allowed = [\"hooks\", \"permissionMode\", \"mcpServers\", \"\\u001b[2J\"]",
        ),
        (
            "has a commit that leads out",
            "commit = \"../../../victim/keep\"",
        ),
        ("has a key that nobody knows", "\"\\u001b[2J\" = 1"),
    ];
    for (what, line) in lines {
        cases.push(Case::new(
            format!("lockfile has an agent that {what}"),
            move |world| {
                world.edit(
                    "agentpkg.lock",
                    "file = \"agents/x.md\"",
                    &format!("file = \"agents/x.md\"\n{line}"),
                );
            },
        ));
    }
    for (what, source) in [
        ("the folder outside", "../victim"),
        ("a device", "/dev"),
        ("terminal escapes", "./\\u001b[2J"),
        ("a pipe of git", "ext::sh -c evil"),
    ] {
        cases.push(Case::new(
            format!("lockfile has a source that is {what}"),
            move |world| {
                world.edit(
                    "agentpkg.lock",
                    "source = \"./registry\"",
                    &format!("source = \"{source}\""),
                );
            },
        ));
    }
    cases.push(Case::new(
        "lockfile has merge bases that lead out",
        |world| {
            let text = fs::read_to_string(world.project("agentpkg.lock")).unwrap();
            let lines = text.lines().map(|line| {
                if line.starts_with("base = ") {
                    "base = \"../../../victim/keep.txt\""
                } else {
                    line
                }
            });
            world.plant("agentpkg.lock", lines.collect::<Vec<_>>().join("\n"));
        },
    ));
    cases.push(Case::new("lockfile says that agents and servers of the user are agentpkg's", |world| {
        // `remove` or `check --fix` would take them out.
        world.edit("agentpkg.lock", "name = \"z\"", "name = \"../agents/mine\"");
        let server = "\n[[server]]\nname = \"mine\"\nregistry = \"builtin\"\nentry = \"mine\"\nversion = \"1\"\nsha256 = \"x\"\n";
        let text = fs::read_to_string(world.project("agentpkg.lock")).unwrap();
        world.plant("agentpkg.lock", text + server);
    }));
    cases.push(Case::new("lockfile nested deeply", |world| {
        world.plant(
            "agentpkg.lock",
            format!("version = 1\nx = {}", "[".repeat(100_000)),
        );
    }));
    cases
}

fn manifests() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, name) in NAMES {
        cases.push(Case::new(
            format!("manifest has an agent named {what}"),
            move |world| {
                world.edit(
                    "agentpkg.toml",
                    "x = { registry = \"local\" }",
                    &format!("\"{name}\" = {{ registry = \"local\" }}"),
                );
            },
        ));
    }
    let registries: [(&str, &str); 9] = [
        ("the folder outside", "path = \"../victim\""),
        ("the root", "path = \"/\""),
        ("a device", "path = \"/dev/zero\""),
        ("the processes", "path = \"/proc/self\""),
        ("the repository's own folder", "path = \".git\""),
        ("terminal escapes", "path = \"./\\u001b[2J\\u202e\""),
        ("a program of git", "git = \"ext::sh -c 'touch ran'\""),
        ("an option of git", "git = \"--upload-pack=touch ran\""),
        (
            "a host that is an option of ssh",
            "git = \"ssh://-oProxyCommand=touch/x\"",
        ),
    ];
    for (what, source) in registries {
        cases.push(Case::new(
            format!("manifest has a registry that is {what}"),
            move |world| {
                world.edit("agentpkg.toml", "path = \"./registry\"", source);
            },
        ));
    }
    cases.push(Case::new(
        "manifest has keys and texts of terminal escapes",
        |world| {
            world.edit(
                "agentpkg.toml",
                "[registries]",
                "\"\\u001b[2J\" = \"\\u202e\"\n[registries]",
            );
        },
    ));
    cases.push(Case::new(
        "manifest is broken by terminal escapes",
        |world| {
            world.plant(
                "agentpkg.toml",
                format!("[registries]\n{ESCAPES} = {ESCAPES}\n"),
            );
        },
    ));
    cases.push(Case::new("manifest nested deeply", |world| {
        world.plant("agentpkg.toml", format!("x = {}", "[".repeat(100_000)));
    }));
    cases.push(Case::new("servers nested deeply", |world| {
        world.plant(".mcp.json", "[".repeat(1_000_000));
    }));
    cases.push(Case::new("servers run programs, and speak to the terminal", |world| {
        let program = world.planted_program();
        let command = serde_json::json!({"command": "sh", "args": ["-c", program], "env": {ESCAPES: ESCAPES}});
        let servers = serde_json::json!({"mcpServers": {"context7": command, ESCAPES: command, "../x": {"url": ESCAPES}}});
        world.plant(".mcp.json", servers.to_string());
        world.edit(".claude/agents/z.md", "Read, Grep", "Read, mcp__context7__query-docs");
    }));
    cases
}

fn agents() -> Vec<Case> {
    let escaped = |text: &str| {
        text.replace("Plans work.", &format!("Plans {ESCAPES} work."))
            .replace("- ask first", ESCAPES)
    };
    vec![
        Case::new("installed agents speak to the terminal", move |world| {
            for name in ["x", "z"] {
                world.plant(&format!(".claude/agents/{name}.md"), escaped(&agent(name)));
            }
            world.plant(
                &format!(".claude/agents/{ESCAPES}.md"),
                escaped(&agent(ESCAPES)),
            );
        })
        .in_use(),
        Case::new(
            "agents of the registry speak to the terminal",
            move |world| {
                for name in ["x", "z", "planner"] {
                    world.plant(&format!("registry/agents/{name}.md"), escaped(&agent(name)));
                }
                world.plant(
                    &format!("registry/agents/{ESCAPES}.md"),
                    escaped(&agent(ESCAPES)),
                );
                world.plant(
                    "more/registry.toml",
                    format!("name = \"{ESCAPES}\"\ndescription = \"{ESCAPES}\"\n"),
                );
            },
        )
        .in_use(),
        Case::new("agents of the registry have names that lead out", |world| {
            for (at, name) in [
                "../../../victim/keep",
                "/etc/agentpkg-was-here",
                ".git/config",
                "con",
            ]
            .into_iter()
            .enumerate()
            {
                world.plant(&format!("registry/agents/a{at}.md"), agent(name));
                world.plant(&format!("more/agents/a{at}.md"), agent(name));
            }
            world.plant("registry/agents/x.md", agent("../../../victim/keep"));
        }),
        Case::new("agents of the registry are links to a secret", |world| {
            for name in [
                "registry/agents/x.md",
                "registry/agents/z.md",
                "more/agents/w.md",
            ] {
                world.link(name, world.path("victim/secret.txt"));
            }
        })
        .in_use(),
        Case::new(
            "a base and a conflict speak to the terminal",
            move |world| {
                world.plant(
                    ".agentpkg/conflicts/y.md",
                    format!("<<<<<<< {ESCAPES}\n{ESCAPES}\n=======\n>>>>>>> {ESCAPES}\n"),
                );
                for entry in fs::read_dir(world.project(".agentpkg/base")).unwrap() {
                    fs::write(entry.unwrap().path(), ESCAPES).unwrap();
                }
            },
        )
        .in_use(),
        Case::new("agents ask for programs by name", |world| {
            let hooks = format!(
                "hooks:\n  Stop:\n    - hooks:\n        - type: command\n          command: {}\n",
                world.planted_program()
            );
            for path in [
                ".claude/agents/z.md",
                "registry/agents/z.md",
                "registry/agents/x.md",
            ] {
                world.plant(path, agent("z").replace("model: sonnet\n", &hooks));
            }
        })
        .in_use(),
        Case::new(
            "programs of well known names stand in the project",
            |world| {
                for name in ["git", "claude", "npx", "sh", "node"] {
                    world.plant(name, format!("#!/bin/sh\n{}\n", world.planted_program()));
                    fs::set_permissions(
                        world.project(name),
                        std::os::unix::fs::PermissionsExt::from_mode(0o755),
                    )
                    .unwrap();
                }
            },
        ),
    ]
}

/// Manifests of another user in a folder above a project that is not a repository. Only root can give a file to another user, so for other
/// users there are no such cases.
fn parents() -> Vec<Case> {
    if !rustix::process::geteuid().is_root() {
        return Vec::new();
    }
    let parent = |what: &str, manifest: String| {
        Case::new(
            format!("manifest of another user in the parent folder: {what}"),
            move |world| {
                fs::remove_dir_all(world.project(".git")).unwrap();
                fs::remove_file(world.project("agentpkg.toml")).unwrap();
                world.write("agentpkg.toml", &manifest);
                world
                    .write(".claude/agents/mine.md", agent("mine"))
                    .write("agentpkg.lock", "version = 1\n");
                chown(world.path("agentpkg.toml"), Some(12_345), Some(12_345)).unwrap();
            },
        )
    };
    let registry = "[registries]\nlocal = { path = \"./project/registry\" }\n[agents]\nx = { registry = \"local\" }\n";
    vec![
        parent("an agent", "[agents]\nx = \"*\"\n".to_owned()),
        parent(
            "a registry, and links are followed",
            format!("[install]\nfollow-symlinks = true\n{registry}"),
        ),
        parent("a secret", format!("{SECRET}\n")),
    ]
}
