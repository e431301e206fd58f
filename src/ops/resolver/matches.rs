//! What a spec means in one source, as that has it.

use std::rc::Rc;

use super::{Resolved, Resolver};
use crate::domain::discovery::{self, IndexEntry};
use crate::domain::spec::{Place, Spec, Target};
use crate::error::{Failure, Result};
use crate::ops::report::{Frontend, relay};
use crate::store::registry::Snapshot;

impl<'a> Resolver<'a> {
    /// What a spec means in one source.
    pub(super) fn matches(
        &self,
        snapshot: &Rc<Snapshot<'a>>,
        spec: &Spec,
        frontend: &mut dyn Frontend,
    ) -> Result<Vec<Resolved<'a>>> {
        let resolved = |entry: &IndexEntry| Resolved::newest(Rc::clone(snapshot), entry.clone());
        let all = |found: &[IndexEntry]| Ok(found.iter().map(resolved).collect());
        let named = match &spec.place {
            Place::Source(source) => source.as_file().map(|(_, file)| file),
            Place::Anywhere | Place::Registry(_) => None,
        };
        let file = match (&spec.target, named) {
            (Some(Target::File(file)), _) => file,
            // What a page shows is settled before anything is looked for.
            (Some(Target::Page(..)), _) => return Ok(Vec::new()),
            (Some(Target::Name(name)), _) => {
                return all(&self.meant(snapshot, name, frontend)?);
            }
            (Some(Target::Folder(folder)), _) => {
                let offered = snapshot.offered(&mut |event| relay(frontend, event))?;
                return all(&offered.within(folder).0);
            }
            (Some(Target::Plugin { plugin, agent }), _) => {
                let watch = &mut |event| relay(frontend, event);
                return all(&snapshot.of_plugin(plugin, agent, watch)?);
            }
            (None, Some(file)) => file,
            (None, None) => {
                let offered = snapshot.offered(&mut |event| relay(frontend, event))?;
                return all(&offered.all());
            }
        };
        let watch = &mut |event| relay(frontend, event);
        if let Some(entry) = snapshot.find_file(file, watch)? {
            return Ok(vec![resolved(&entry)]);
        }
        // A file that discovery does not offer is taken when it is named outright.
        let Some(bytes) = snapshot.read_file(file, watch)? else {
            return Ok(Vec::new());
        };
        let entry = discovery::examine_named(file, &bytes, &|name| snapshot.record(name)).map_err(|reason| {
        // `--as` renames what can be read; here it is the file that has to change.
        Failure::failed(format!("`{file}` cannot be installed: {reason}"))
            .hint("fix a copy of it: at the top, between two lines of `---`, it needs a `name` and a `description`")
    })?;
        Ok(vec![resolved(&entry)])
    }
}
