//! Files that are something else: links, pipes, sockets, folders, devices, or larger than any memory.

use std::fs::{self, File};
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::case::Case;
use super::world::World;

/// The files that agentpkg reads or writes; those whose name has a digest in it are looked up.
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

/// What a file is instead.
#[derive(Debug, Clone, Copy)]
enum Stands {
    /// A link to a copy outside.
    LinkToCopy,
    /// A link to a secret outside.
    LinkToSecret,
    /// A link to a name outside that nothing has: whoever writes through it makes a file there.
    LinkToNothing,
    /// A link to a file of the user in the project.
    LinkInside,
    Pipe,
    Socket,
    Folder,
    /// A link to a device that never ends.
    Device,
    /// A file that is said to hold a terabyte.
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
            // Making way for it also makes the folder that it is in.
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
            // A socket's path may not be long, so it is made elsewhere.
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
