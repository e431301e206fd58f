//! Manifests: any text is read or refused, and what is read prints as itself.
#![no_main]

use agentpkg::store::manifest::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(manifest) = Manifest::parse(text, "agentpkg.toml") {
        assert_eq!(manifest.to_text(), text);
        let _ = (manifest.registries().len(), manifest.warnings().len());
    }
});
