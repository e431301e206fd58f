//! Embeds `registry/` as a sorted table of paths and bytes, so that the first install needs no network. Writes to `OUT_DIR` only.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script is outside the house"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("registry");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        let name = file
            .strip_prefix(&root)
            .expect("it was found below the root")
            .to_str()
            .expect("registry paths are ASCII");
        let name = name.replace('\\', "/");
        writeln!(
            table,
            "    ({name:?}, include_bytes!({:?})),",
            file.display().to_string()
        )
        .expect("writing to a string cannot fail");
    }
    table.push(']');
    // A number for all of it, so that what was made from it can be told from what another version made.
    let mut key: u64 = 0xcbf2_9ce4_8422_2325;
    for file in &files {
        for byte in fs::read(file).expect("it was found just now").iter().chain(
            file.strip_prefix(&root)
                .expect("it is below the root")
                .as_os_str()
                .as_encoded_bytes(),
        ) {
            key = (key ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    println!("cargo::rustc-env=AGENTPKG_BUILTIN_KEY={key:016x}");
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("builtin.rs");
    fs::write(target, table).expect("OUT_DIR is writable");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder).expect("the registry folder is part of the package") {
        let path = entry.expect("the registry folder is readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
}
