//! What the files of a source hold, or once held.

use std::collections::HashMap;

use crate::domain::digest::ObjectId;
use crate::domain::discovery::plugins::Plugins;
use crate::domain::discovery::{self, EXTENSION};
use crate::domain::name::folded;
use crate::error::Result;
use crate::store::cache::Watch;
use crate::store::index::Past;
use crate::store::registry::Snapshot;

/// What a file of a source holds, or once held.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) source: usize,
    pub(super) path: String,
    pub(super) blob: ObjectId,
    pub(super) commit: Option<ObjectId>,
    /// Whether the source has it now.
    pub(super) is_current: bool,
    /// The agent that it is a version of. Files of one name, and files that ever had the same bytes, are one agent.
    pub(super) agent: usize,
}

impl Content {
    /// The folded name of its file.
    pub(super) fn name(&self) -> String {
        folded(discovery::stem(&self.path))
    }
}

/// The contents of a source: what it has now, then what it had, as far as its past is here. `source`, `agent`: its number, and that of its
/// first agent.
pub(super) fn of_source(
    snapshot: &Snapshot<'_>,
    past: Option<&Past>,
    (source, agent): (usize, usize),
    watch: Watch<'_>,
) -> Result<Vec<Content>> {
    let content = |path: String, blob: ObjectId, commit: Option<ObjectId>, is_current| Content {
        source,
        path,
        blob,
        commit,
        is_current,
        agent: 0,
    };
    let mut found: Vec<Content> = Vec::new();
    if let (Some(past), Some(head)) = (past, snapshot.commit) {
        let now = snapshot.tree(head, watch)?.unwrap_or_default();
        let before = past.files.files().into_iter();
        let before = before.filter(|file| now.get(&file.path) != Some(&file.blob));
        let before = before.map(|file| content(file.path, file.blob, Some(file.commit), false));
        let before: Vec<Content> = before.collect();
        let now = now.into_iter();
        found.extend(now.map(|(path, blob)| content(path, blob, Some(head), true)));
        found.extend(before);
        let nothing = Plugins::default();
        found.retain(|content| discovery::is_candidate(&content.path, EXTENSION, &nothing));
    } else {
        let offered = snapshot.offered(watch)?;
        let all = offered.all().into_iter().chain(offered.behind());
        found.extend(all.map(|entry| content(entry.file, entry.blob, None, true)));
    }
    join_families(&mut found, agent);
    Ok(found)
}

/// Says which agent each content of a source is of: files of one name, and files that ever had the same bytes, are one. `first`: the
/// number of the first agent.
fn join_families(contents: &mut [Content], first: usize) {
    let mut leaders: Vec<usize> = (0..contents.len()).collect();
    let mut names: HashMap<String, usize> = HashMap::new();
    let mut blobs: HashMap<ObjectId, usize> = HashMap::new();
    for (index, content) in contents.iter().enumerate() {
        let named = leader(&leaders, *names.entry(content.name()).or_insert(index));
        let same = leader(&leaders, *blobs.entry(content.blob).or_insert(index));
        let least = named.min(same);
        for other in [named, same, index] {
            leaders[other] = least;
        }
    }
    for (index, content) in contents.iter_mut().enumerate() {
        content.agent = first + leader(&leaders, index);
    }
}

fn leader(leaders: &[usize], mut index: usize) -> usize {
    while leaders[index] != index {
        index = leaders[index];
    }
    index
}
