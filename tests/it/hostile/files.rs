//! Files that are something else: links, pipes, sockets, folders, devices, or files larger than memory.

use std::fs::{self, File};
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::case::Case;
use super::world::World;

/// The files that agentpkg reads or writes; those whose name contains a digest are searched for.
const FILES: &[&str] = &[
    "agentpkg.toml",
    "agentpkg.lock",
    ".mcp.json",
    ".claude/agents/x.md",
    ".claude/agents/z.md",
    ".agentpkg/.gitignore",
    ".agentpkg/.gitattributes",
    ".agentpkg/base/*",
    ".agentpkg/conflicts/y.md",
    ".agentpkg/state/.gitignore",
    ".agentpkg/state/lock",
    ".agentpkg/state/journal",
    ".agentpkg/state/pending/y.json",
    ".agentpkg/state/pending/y.theirs",
    ".agentpkg/state/history/000001.json",
    ".agentpkg/state/history/objects/*",
];

/// What is there instead of a file.
#[derive(Debug, Clone, Copy)]
enum Stands {
    /// A link to a copy outside.
    LinkToCopy,
    /// A link to a secret outside.
    LinkToSecret,
    /// A link to a path outside that does not exist: a program that writes through the link creates a file there.
    LinkToNothing,
    /// A link to a user's file in the project.
    LinkInside,
    Pipe,
    Socket,
    Folder,
    /// A link to a device that never ends.
    Device,
    /// A file that claims to be a terabyte long.
    Huge,
}

const WAYS: &[Stands] = &[
    Stands::LinkToCopy,
    Stands::LinkToSecret,
    Stands::LinkToNothing,
    Stands::LinkInside,
    Stands::Pipe,
    Stands::Socket,
    Stands::Folder,
    Stands::Device,
    Stands::Huge,
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for file in FILES {
        for stands in WAYS {
            let plant = move |world: &World| replace(world, &found(world, file), *stands);
            cases.push(
                Case::new(
                    format!("file `{file}` is something else: {stands:?}"),
                    plant,
                )
                .in_use(),
            );
        }
    }
    cases
}

/// The path that a pattern means.
fn found(world: &World, pattern: &str) -> String {
    let Some(folder) = pattern.strip_suffix("/*") else {
        return pattern.to_owned();
    };
    let mut names: Vec<String> = fs::read_dir(world.project(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    format!("{folder}/{}", names[0])
}

fn replace(world: &World, file: &str, stands: Stands) {
    match stands {
        Stands::LinkToCopy => {
            world.copy_out(file, "victim/copy.txt");
            world.link(file, world.path("victim/copy.txt"));
        }
        Stands::LinkToSecret => {
            world.link(file, world.path("victim/secret.txt"));
        }
        Stands::LinkToNothing => {
            world.link(file, world.path("victim/nothing.txt"));
        }
        Stands::LinkInside => {
            let up = "../".repeat(file.matches('/').count());
            world
                .copy_out(file, "project/src/copy.txt")
                .link(file, format!("{up}src/copy.txt"));
        }
        Stands::Pipe => {
            // Making way for it also creates its folder.
            fs::remove_file(world.plant(file, "").project(file)).unwrap();
            assert!(
                Command::new("mkfifo")
                    .arg(world.project(file))
                    .status()
                    .unwrap()
                    .success()
            );
        }
        Stands::Socket => {
            fs::remove_file(world.plant(file, "").project(file)).unwrap();
            // A socket's path must be short, so it is created elsewhere.
            drop(UnixListener::bind(world.path("machine/socket")).unwrap());
            fs::rename(world.path("machine/socket"), world.project(file)).unwrap();
        }
        Stands::Folder => {
            world.plant(&format!("{file}.inner"), "");
            fs::remove_file(world.project(&format!("{file}.inner"))).unwrap();
            let _ = fs::remove_file(world.project(file));
            world.write(&format!("project/{file}/inner.txt"), "the user's\n");
        }
        Stands::Device => {
            world.link(file, "/dev/zero");
        }
        Stands::Huge => {
            world.plant(file, "");
            File::options()
                .write(true)
                .open(world.project(file))
                .unwrap()
                .set_len(1 << 40)
                .unwrap();
        }
    }
}
