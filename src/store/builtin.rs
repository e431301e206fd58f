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
    let index = FILES.binary_search_by(|(known, _)| (*known).cmp(path)).ok()?;
    Some(FILES[index].1)
}

/// A number for what is in it, which changes with every byte.
#[must_use]
pub fn key() -> String {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    for word in FILES.iter().flat_map(|(path, bytes)| path.as_bytes().chunks(8).chain(bytes.chunks(8))) {
        let mut eight = [0; 8];
        eight[..word.len()].copy_from_slice(word);
        state = (state.rotate_left(5) ^ u64::from_le_bytes(eight)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    format!("{state:016x}")
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
