//! agentpkg, the package manager for Claude Code agents.
//!
//! The crate is built in floors; imports point down only, which `tests/it/architecture.rs` enforces. See ARCHITECTURE.md.
//!
//! ```text
//!  6  cli        clap root, global flags, dispatch
//!  5  commands   one file per subcommand: parse -> call op -> render        ui
//!  4  ops        use-cases; speak upward through `Reporter` and `Decide`
//!  3  store      manifest, lockfile, cache, base, transaction, built-in registry
//!  2  git  fs  env        the only doors to the outside (ui is the fourth)
//!  1  domain     names, specs, definitions, plans: pure
//!  0  merge      three-way merge of definitions: pure, could be a crate of its own
//! ```
//!
//! `error` holds the one failure type that crosses floors.

pub mod cli;
pub mod commands;
pub mod domain;
pub mod env;
pub mod error;
pub mod fs;
pub mod git;
pub mod merge;
pub mod ops;
pub mod store;
pub mod ui;
