//! What agentpkg knows about agents, as pure values: no files, no environment, no clock, no network.

pub mod admission;
pub mod brackets;
pub mod budget;
pub mod capability;
pub mod catalogue;
pub mod count;
pub mod date;
pub mod definition;
pub mod digest;
pub mod discovery;
pub mod folder;
pub mod known;
pub mod likeness;
pub mod lineage;
pub mod loaded;
pub mod markers;
pub mod name;
pub mod origin;
pub mod overrides;
pub mod plugin_bound;
pub mod policy;
pub mod powers;
pub mod registry_file;
pub mod required;
pub mod requirement;
pub mod server;
pub mod shell;
pub mod spec;
pub mod tool_rule;
pub mod url;
pub mod version;

use std::borrow::Cow;

/// Converts bytes to text and replaces invalid UTF-8. Valid text, the usual case, is checked many bytes at a time.
#[must_use]
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}
