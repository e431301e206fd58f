//! What is known of a source: all that it offers, or what was read of it so far. Data only.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use crate::domain::discovery::plugins::Plugins;
use crate::domain::discovery::rank::Meant;
use crate::domain::discovery::{IndexEntry, Refused};
use crate::domain::registry_file::RegistryFile;
use crate::git::TreeFile;
use crate::store::contents::Opened;
use crate::store::index::Offered;

/// All that a source offers.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) offered: Offered,
    pub(super) refused: Vec<Refused>,
    pub(super) plugins: Plugins,
}

/// What a prepared registry says about its agents.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// What `registry.toml` says.
    pub file: RegistryFile,
    /// The entries for MCP servers: path and text.
    pub servers: Vec<(String, String)>,
}

/// What was read of a repository so far.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The files that may be agents, or say something about agents.
    pub(super) files: OnceCell<Vec<TreeFile>>,
    /// What was found in single files.
    pub(super) examined: RefCell<BTreeMap<String, Option<IndexEntry>>>,
    pub(super) plugins: OnceCell<Plugins>,
    /// What names mean, as far as the files that are named like them decide it.
    pub(super) meant: RefCell<BTreeMap<String, Meant>>,
}

/// What an index says of the agents, and of the registry.
pub(super) fn split(opened: Opened) -> (Whole, About) {
    let (entries, index) = match opened {
        Opened::Built(mut index) => (Offered::Listed(std::mem::take(&mut index.entries)), index),
        Opened::Kept(file, index) => (Offered::Indexed(file), index),
    };
    let whole = Whole {
        offered: entries,
        refused: index.refused,
        plugins: index.plugins,
    };
    let about = About {
        file: index.file,
        servers: index.servers,
    };
    (whole, about)
}
