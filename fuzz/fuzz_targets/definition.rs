//! Any bytes are read without a panic, and the body is a part of them.
#![no_main]

use agentpkg::domain::definition::Definition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let definition = Definition::parse(bytes);
    assert!(bytes.ends_with(definition.body()));
    let _ = (definition.title(), definition.introduces_itself(), definition.verdict().clone());
});
