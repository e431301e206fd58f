//! What agentpkg knows about agents, as pure values: no files, no environment, no clock, no network.

pub mod digest;
pub mod name;
pub mod url;
