//! Names of agentpkg's temporary files that are used by something else: links, files of the user, folders.

use std::fs;

use super::case::Case;
use super::world::{WORDS, World};

/// Temporary names, as an interrupted command leaves them.
const NAMES: &[&str] = &[
    ".claude/agents/.x.md.agentpkg-new",
    ".claude/agents/.backend-architect.md.agentpkg-new",
    ".agentpkg.lock.agentpkg-new",
    ".agentpkg.toml.agentpkg-new",
    "..mcp.json.agentpkg-new",
    ".agentpkg-abc.tmp",
    ".claude/agents/.agentpkg-abc.tmp",
    ".agentpkg/state/.agentpkg-abc.tmp",
    ".agentpkg/.agentpkg-abc.tmp",
    ".agentpkg/base/.agentpkg-abc.tmp",
];

/// Puts something at a path.
type Plant = fn(&World, &str);

/// What has the name.
const KINDS: &[(&str, Plant)] = &[
    ("a link to a file outside", |world, path| {
        world.link(path, world.path("victim/keep.txt"));
    }),
    ("a link to nothing outside", |world, path| {
        world.link(path, world.path("victim/nothing.txt"));
    }),
    ("a file of the user", |world, path| {
        world.plant(path, WORDS[0]);
    }),
    ("a folder", |world, path| {
        fs::create_dir_all(world.project(path)).unwrap();
        world.write(&format!("project/{path}/inner.txt"), WORDS[0]);
    }),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in NAMES {
        for (kind, plant) in KINDS {
            // Its words are searched for like those of an edited agent, which must therefore not contain them.
            let plant = move |world: &World| {
                world.edit(".claude/agents/x.md", WORDS[0], "the plan");
                plant(world, name);
            };
            cases.push(Case::new(format!("leftover `{name}` is {kind}"), plant));
        }
    }
    cases
}
