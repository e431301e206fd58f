//! How new what is known of a source has to be, and when it is asked a second time.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Resolver, key};
use crate::domain::name::RegistryName;
use crate::domain::spec::Source;
use crate::domain::url::GitUrl;
use crate::ops::typed::{AskerPlace, Slot};
use crate::store::cache::Freshness;
use crate::store::lockfile::LockedAgent;
use crate::store::registry::Snapshot;

impl<'a> Resolver<'a> {
    /// How new the state of a remote has to be. What is typed to be installed is the newest where the lockfile does not yet say what this
    /// project has of the source, and where `@latest` was typed.
    pub(super) fn freshness_of(&self, registry: Option<&RegistryName>, url: &GitUrl) -> Freshness {
        let AskerPlace::Spec {
            slot: Slot::Name(index),
            ..
        } = &self.asker.place
        else {
            return self.freshness;
        };
        let typed = &self.asker.typed;
        if self.freshness != Freshness::Recent || typed.command != "install" {
            return self.freshness;
        }
        let is_latest = (typed.names.get(*index)).is_some_and(|text| text.ends_with("@latest"));
        let is_known = || {
            let lockfile = self.session.project.load_lockfile();
            let is_of = |locked: &LockedAgent| locked.source == url.as_str();
            lockfile.is_ok_and(|lockfile| lockfile.agents.values().any(is_of))
        };
        if is_latest || registry.is_none() && !is_known() {
            Freshness::Now
        } else {
            Freshness::Recent
        }
    }

    /// Forgets those of these sources that may offer more now, so that they are asked when they are opened again; `false` if there are
    /// none. Each remote is asked a second time once, also if it cannot be reached.
    pub(super) fn forget(&mut self, snapshots: &[Rc<Snapshot<'a>>]) -> bool {
        if self.freshness != Freshness::Recent {
            return false;
        }
        let mut urls: BTreeSet<GitUrl> = BTreeSet::new();
        for snapshot in snapshots {
            let Source::Git(url) = &snapshot.source else {
                continue;
            };
            if self.session.cache.may_know_more(url) && !self.asked_again.contains(url) {
                let key = key(snapshot.registry.as_ref(), &snapshot.source);
                self.opened.remove(&key);
                self.headless.remove(&key);
                self.asked.remove(url);
                urls.insert(url.clone());
            }
        }
        let is_any = !urls.is_empty();
        self.asked_again.extend(urls);
        is_any
    }
}
