//! `registry.toml`: any text gives a description of a registry, if need be an empty one.
#![no_main]

use agentpkg::domain::registry_file::RegistryFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let file = RegistryFile::parse(text);
    assert_eq!(RegistryFile::parse(text), file);
});
