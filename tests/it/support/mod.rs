//! What the tests are built on: repositories, servers and sandboxes created for each test.

pub(crate) mod help;
pub(crate) mod http;
pub(crate) mod imports;
pub(crate) mod literals;
pub(crate) mod repo;
pub(crate) mod sandbox;
pub(crate) mod schema;
pub(crate) mod script;
pub(crate) mod skip;
pub(crate) mod snapshot;
#[cfg(target_os = "linux")]
pub(crate) mod terminal;
