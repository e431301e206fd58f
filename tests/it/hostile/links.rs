//! Folders that are symbolic links: out of the project, into `.git`, to another folder, to nothing, to themselves.

use std::fs;

use super::case::Case;
use super::world::World;

/// The folders that agentpkg works in.
const FOLDERS: &[&str] = &[
    ".claude",
    ".claude/agents",
    ".agentpkg",
    ".agentpkg/base",
    ".agentpkg/conflicts",
    ".agentpkg/state",
    ".agentpkg/state/pending",
    ".agentpkg/state/resolutions",
    ".agentpkg/state/history",
    ".agentpkg/state/history/objects",
];

/// The target of a link.
#[derive(Debug, Clone, Copy)]
enum Leads {
    /// A copy of the folder outside, by an absolute path: everything looks right from within.
    OutToCopy,
    /// The same by a relative path.
    OutToCopyRelatively,
    /// To an empty folder outside.
    OutToEmpty,
    /// The folder of a repository, with files that agentpkg might take for its own.
    IntoGit,
    /// A folder of the user in the project, with a copy.
    Inside,
    /// A path outside that does not exist.
    Dangling,
    /// Itself.
    Loop,
}

const WAYS: &[Leads] = &[
    Leads::OutToCopy,
    Leads::OutToCopyRelatively,
    Leads::OutToEmpty,
    Leads::IntoGit,
    Leads::Inside,
    Leads::Dangling,
    Leads::Loop,
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for folder in FOLDERS {
        for leads in WAYS {
            let is_state = folder.starts_with(".agentpkg/state");
            let case = Case::new(
                format!("folder `{folder}` is a link: {leads:?}"),
                move |world| lead(world, folder, *leads),
            );
            cases.push(case.in_use());
            if matches!(leads, Leads::OutToEmpty) {
                // None of agentpkg's files exist yet, so its first command would create them outside.
                let name = format!("folder `{folder}` is a link in a fresh clone: {leads:?}");
                cases.push(Case::new(name, move |world| lead(world, folder, *leads)));
            }
            // A project's manifest cannot allow the links that came with it.
            if matches!(leads, Leads::OutToCopy | Leads::IntoGit) && !is_state {
                let name = format!(
                    "folder `{folder}` is a link: {leads:?}, and the manifest follows links"
                );
                cases.push(Case::new(name, move |world| {
                    lead(world, folder, *leads);
                    let manifest = fs::read_to_string(world.project("agentpkg.toml")).unwrap();
                    world.plant(
                        "agentpkg.toml",
                        format!("[install]\nfollow-symlinks = true\n\n{manifest}"),
                    );
                }));
            }
        }
    }
    cases.push(Case::new("two folders are links to one outside", |world| {
        world
            .copy_out(".claude/agents", "victim/both")
            .copy_out(".agentpkg/base", "victim/both");
        let target = world.path("victim/both");
        world
            .link(".claude/agents", &target)
            .link(".agentpkg/base", &target);
    }));
    cases.push(Case::new("a chain of links leads out", |world| {
        world.copy_out(".claude/agents", "victim/copy");
        world
            .link("src/two", world.path("victim/copy"))
            .link("src/one", "two")
            .link(".claude/agents", "../src/one");
    }));
    cases.push(Case::new(
        "a local registry is a link out of the project",
        |world| {
            world.link("registry", world.path("victim"));
        },
    ));
    cases.push(Case::new(
        "the folder of a registry to add is a link to a repository's own",
        |world| {
            world.link("more", ".git");
        },
    ));
    cases
}

fn lead(world: &World, folder: &str, leads: Leads) {
    // From the link's folder up to the project's root.
    let up = "../".repeat(folder.matches('/').count());
    match leads {
        Leads::OutToCopy => {
            world.copy_out(folder, "victim/copy");
            world.link(folder, world.path("victim/copy"));
        }
        Leads::OutToCopyRelatively => {
            world.copy_out(folder, "victim/copy");
            world.link(folder, format!("{up}../victim/copy"));
        }
        Leads::OutToEmpty => {
            world.link(folder, world.path("victim/empty"));
        }
        Leads::IntoGit => {
            world.copy_out(folder, "project/.git");
            world.link(folder, format!("{up}.git"));
        }
        Leads::Inside => {
            world.copy_out(folder, "project/src/copy");
            world.link(folder, format!("{up}src/copy"));
        }
        Leads::Dangling => {
            world.link(folder, world.path("victim/nothing"));
        }
        Leads::Loop => {
            let name = folder.rsplit('/').next().unwrap();
            world.link(folder, name);
        }
    }
}
