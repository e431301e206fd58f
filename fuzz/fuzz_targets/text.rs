//! Specs, manifests, lockfiles and registry files: any text is read or refused, never a panic; what is read prints as itself.
#![no_main]

use agentpkg::domain::registry_file::RegistryFile;
use agentpkg::domain::spec::Spec;
use agentpkg::store::lockfile::Lockfile;
use agentpkg::store::manifest::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Spec::parse(text);
    let _ = RegistryFile::parse(text);
    if let Ok(manifest) = Manifest::parse(text, "agentpkg.toml") {
        assert_eq!(manifest.to_text(), text);
    }
    if let Ok(lockfile) = Lockfile::parse(text, "agentpkg.lock") {
        assert_eq!(Lockfile::parse(&lockfile.to_text(), "agentpkg.lock").unwrap(), lockfile);
    }
});
