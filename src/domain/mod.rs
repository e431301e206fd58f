//! What agentpkg knows about agents, as pure values: no files, no environment, no clock, no network.

pub mod admission;
pub mod capability;
pub mod catalogue;
pub mod count;
pub mod date;
pub mod definition;
pub mod digest;
pub mod discovery;
pub mod likeness;
pub mod lineage;
pub mod loaded;
pub mod markers;
pub mod name;
pub mod plugin_bound;
pub mod policy;
pub mod powers;
pub mod registry_file;
pub mod requirement;
pub mod server;
pub mod shell;
pub mod spec;
pub mod tool_rule;
pub mod url;
pub mod version;
