//! Index files: any bytes are refused or answered from, never a panic, never a read past the end.
#![no_main]

use agentpkg::store::index::{IndexFile, Query};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(index) = IndexFile::of_bytes(bytes.to_vec(), None) {
        let _ = (index.is_sound(), index.entries().count(), index.named("a"), index.beginning_with("a", 9));
        let _ = index.search(&Query { text: "ab".to_owned(), limit: 5, ..Query::default() });
    }
});
