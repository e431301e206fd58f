//! The registry inside the program: the top-level `registry/` folder as it was at build time. Needs no disk and no network.

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
    }
}
