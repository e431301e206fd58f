//! Lockfiles: any text is read or refused, and what is read is the same after it was written.
#![no_main]

use agentpkg::store::lockfile::Lockfile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(lockfile) = Lockfile::parse(text, "agentpkg.lock") {
        let written = lockfile.to_text();
        assert_eq!(Lockfile::parse(&written, "agentpkg.lock").expect("it was read before"), lockfile);
    }
});
