//! Specs and addresses: any text is read or refused, and an address that was read is read again as the same one.
#![no_main]

use agentpkg::domain::spec::{Parts, Source, Spec};
use agentpkg::domain::url::GitUrl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = (Spec::parse(text), Source::parse(text), Parts::of(text));
    if let Ok(url) = GitUrl::parse(text) {
        assert_eq!(GitUrl::parse(url.as_str()).expect("it was read before"), url);
        let _ = (url.display(), url.cache_key(), url.host(), url.port(), url.local_path());
    }
});
