//! What a test does when the machine lacks something.

use std::io::Write as _;

/// Reports that the rest of the running test is skipped. If `CI` is set nothing may be missing, so the test fails.
#[track_caller]
pub(crate) fn skip(reason: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(
        !is_ci,
        "{reason}, and with CI set no test is skipped; .ci/tools installs what is missing"
    );
    say(reason);
}

/// The same for what cannot be installed: only root can do it, or only some platforms.
pub(crate) fn say(reason: &str) {
    // The name of the thread is that of the test.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not `eprintln!`: the harness captures what a test prints with it, and shows only that of failures.
    let _ = std::io::stderr().write_all(format!("\n!! SKIPPED: {test}: {reason}\n").as_bytes());
}
