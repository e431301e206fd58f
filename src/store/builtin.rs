//! The registry inside the program: the top-level `registry/` folder as it was at build time. Needs no disk and no network.

use std::collections::BTreeMap;
use std::path::Path;

use crate::domain::known::{self, KnownRegistry};
use crate::domain::registry_file::{RegistryFile, RetiredTool};
use crate::fs;

/// The largest list of registries that is read, in bytes.
const MAX_LIST: u64 = 1 << 20;

/// Every file of `registry/`, sorted by path.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// The files: path with `/`, and bytes.
#[must_use]
pub fn files() -> &'static [(&'static str, &'static [u8])] {
    FILES
}

/// One file.
#[must_use]
pub fn read(path: &str) -> Option<&'static [u8]> {
    let index = FILES
        .binary_search_by(|(known, _)| (*known).cmp(path))
        .ok()?;
    Some(FILES[index].1)
}

/// The public registries that are known by name. `file`: where they are in place of the program's own list.
#[must_use]
pub fn known_registries(file: Option<&Path>) -> Vec<KnownRegistry> {
    let own = || read("known.toml").unwrap_or_default().to_vec();
    let bytes = match file {
        Some(file) => fs::read(file, MAX_LIST).ok().flatten().unwrap_or_default(),
        None => own(),
    };
    known::parse(&String::from_utf8_lossy(&bytes))
}

/// The tools that the client no longer has, by name, as this program knows them.
#[must_use]
pub fn retired_tools() -> BTreeMap<String, RetiredTool> {
    let text = read("registry.toml").unwrap_or_default();
    RegistryFile::parse(&String::from_utf8_lossy(text)).retired_tools
}

/// A number that changes whenever any byte in it changes.
#[must_use]
pub fn key() -> &'static str {
    env!("AGENTPKG_BUILTIN_KEY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_file_is_embedded() {
        assert!(FILES.is_sorted());
        assert!(read("registry.toml").is_some());
        assert_eq!(read("no/such.md"), None);
        assert!(known_registries(None).len() >= 15);
    }
}
