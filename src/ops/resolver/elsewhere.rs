//! Plugins that a marketplace takes from other repositories: their agents are found there, at the commit that the marketplace names.

use std::rc::Rc;

use super::{Resolved, Resolver};
use crate::domain::discovery::plugins::Elsewhere;
use crate::domain::discovery::rank;
use crate::domain::spec::Source;
use crate::domain::url::Transport;
use crate::domain::version::VersionRequest;
use crate::error::{Failure, Result};
use crate::ops::report::{Frontend, relay};
use crate::store::cache::Reach;
use crate::store::registry::Snapshot;

impl<'a> Resolver<'a> {
    /// The agents of this name that plugins of this name have which `snapshot` takes from other repositories.
    pub(super) fn found_elsewhere(
        &mut self,
        snapshot: &Snapshot<'a>,
        (plugin, agent): (&str, &str),
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<Resolved<'a>>> {
        let plugins = snapshot.plugins(&mut |event| relay(frontend, event))?;
        let listed = plugins.elsewhere.iter();
        let mut found = Vec::new();
        for elsewhere in listed.filter(|elsewhere| elsewhere.name == plugin) {
            let opened = self.plugin(snapshot, elsewhere, frontend)?;
            let folder = match elsewhere.folder.as_str() {
                "" => String::new(),
                folder => format!("{folder}/"),
            };
            let offered = opened.offered(&mut |event| relay(frontend, event))?;
            let (mut meant, behind) = offered.within(&folder);
            meant.extend(behind);
            let sought = rank::sought(agent);
            meant.retain(|entry| Some(entry.name.folded()) == sought && !entry.is_behind);
            let listed_at = elsewhere.revision.clone().map(VersionRequest::Revision);
            found.extend(meant.into_iter().map(|entry| Resolved {
                listed_at: listed_at.clone(),
                ..Resolved::newest(Rc::clone(&opened), entry)
            }));
        }
        Ok(found)
    }

    /// The repository of a plugin, at the commit, branch or tag that the marketplace names.
    fn plugin(
        &mut self,
        marketplace: &Snapshot<'a>,
        elsewhere: &Elsewhere,
        frontend: &mut dyn Frontend,
    ) -> Result<Rc<Snapshot<'a>>> {
        let source = source(&marketplace.source, elsewhere)?;
        let reach = match &elsewhere.revision {
            Some(_) => Reach::All,
            None => Reach::Head,
        };
        let now = self.open(None, &source, reach, frontend)?;
        let Some(revision) = &elsewhere.revision else {
            return Ok(now);
        };
        let request = VersionRequest::Revision(revision.clone());
        let at = self.snapshot_at(&now, (&request, ""), frontend)?;
        Ok(at.map_or(now, |(at, _)| Rc::new(at)))
    }
}

/// The source of a plugin: a repository, and one of this machine only if the marketplace is on it as well.
fn source(marketplace: &Source, elsewhere: &Elsewhere) -> Result<Source> {
    let Elsewhere {
        name, repository, ..
    } = elsewhere;
    let refused = |why: &str| {
        Failure::failed(format!(
            "the marketplace takes `{name}` from `{}`, {why}",
            repository.escape_debug()
        ))
    };
    let is_local = match marketplace {
        Source::Git(url) => url.transport() == Transport::File,
        _ => true,
    };
    match Source::parse(repository) {
        Ok(Source::Git(url)) if is_local || url.transport() != Transport::File => {
            Ok(Source::Git(url))
        }
        Ok(_) => Err(refused("which is no address of a repository")),
        Err(error) => Err(refused("which is no address").caused_by(error)),
    }
}
