//! What is adapted loads, keeps its body, and does not change when it is adapted again.
#![no_main]

use agentpkg::domain::definition::{Definition, Request, Verdict, adapt};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let request = Request { repair: true, fallback_name: Some("name".to_owned()), ..Request::default() };
    let Ok(adapted) = adapt(bytes, &request) else { return };
    let after = Definition::parse(&adapted.bytes);
    assert!(matches!(after.verdict(), Verdict::Loads(_)));
    let before = Definition::parse(bytes);
    if before.has_frontmatter() {
        assert_eq!(after.body(), before.body());
    }
    assert_eq!(adapt(&adapted.bytes, &request).unwrap().bytes, adapted.bytes);
});
