//! The files that agentpkg owns or shares, one module per format, and the one way to change them.
//!
//! What to write is decided in `ops`; what a format looks like, and that a change happens completely or not at all, is decided here.

pub mod agent_settings;
pub mod agreement;
pub mod base_file;
pub mod builtin;
pub mod cache;
mod contents;
pub mod holder;
pub mod index;
pub mod loaded;
pub mod lock_merge;
pub mod lockfile;
pub mod manifest;
pub mod mcp_file;
pub mod placed;
mod plugins;
pub mod project;
pub mod registry;
pub mod seal;
pub mod seen;
pub mod servers;
pub mod transaction;
