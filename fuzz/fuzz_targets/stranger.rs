//! The stranger's check of a merge: any four texts are judged without a panic, and a text that nobody changed has no fault.
#![no_main]

use agentpkg::merge::fault;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&[u8], &[u8], &[u8], &[u8])| {
    let (base, ours, theirs, result) = texts;
    let _ = fault([base, ours, theirs], result);
    let _ = fault([base, ours, theirs], ours);
});
