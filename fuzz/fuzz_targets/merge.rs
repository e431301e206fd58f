//! Any three texts merge without a panic, the same with the sides exchanged, and by the identity laws.
#![no_main]

use agentpkg::merge::{Labels, Style, merge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&[u8], &[u8], &[u8])| {
    let (base, ours, theirs) = texts;
    let merged = merge(base, ours, theirs);
    let exchanged = merge(base, theirs, ours);
    assert_eq!(merged.to_bytes(), exchanged.to_bytes());
    assert_eq!(merged.conflicts().len(), exchanged.conflicts().len());
    assert_eq!(merge(base, ours, base).to_bytes().as_deref(), Some(ours));
    let _ = merged.with_markers(Style::Zdiff3, Labels { ours: "a", base: "b", theirs: "c" }, None);
});
