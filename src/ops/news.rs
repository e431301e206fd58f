//! What an update would bring to an installed agent, as far as this machine knows: no network, nothing is fetched. Whatever goes wrong
//! here is not worth a word.

use super::gone::GoneAgent;
use super::past::Changed;
use super::report::Frontend;
use super::resolver::{Followed, Resolved, Resolver, news_of};
use super::session::Session;
use crate::domain::date::day;
use crate::domain::digest::ObjectId;
use crate::domain::name::AgentName;
use crate::domain::spec::Source;
use crate::domain::version::VersionRequest;
use crate::store::agreement::{changed_reference, is_from, is_target};
use crate::store::cache::{CachedRepository, Freshness, Named};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Manifest, Wanted};

/// What an update would bring.
#[derive(Debug, Clone, Default)]
pub(super) enum News {
    /// Nothing, as far as is known.
    #[default]
    None,
    /// Another version, empty if the source has no versions, and what changed in it, where its source has commits and it was looked at whole.
    Newer(String, Option<Changed>),
    /// The same bytes from another place, in words.
    Moved(String),
    /// Nothing any more.
    Gone(GoneAgent),
    /// Only a whole look can tell: the file is not there at the version that is wanted.
    Elsewhere,
}

/// What `news` looks with.
pub(super) struct Look<'a> {
    session: &'a Session,
    manifest: &'a Manifest,
    resolver: Resolver<'a>,
}

impl<'a> Look<'a> {
    /// `session`: one without the network.
    pub(super) fn new(session: &'a Session, manifest: &'a Manifest) -> Self {
        Self {
            session,
            manifest,
            resolver: Resolver::new(session, Freshness::Any),
        }
    }

    /// What an update would take of what is on this machine.
    pub(super) fn news(
        &mut self,
        name: &AgentName,
        locked: &LockedAgent,
        frontend: &mut dyn Frontend,
    ) -> News {
        self.look(name, locked, frontend).unwrap_or_default()
    }

    /// The newest version of an installed agent that is here; `None`: there is none, or its source has lost it.
    pub(super) fn newest(
        &mut self,
        name: &AgentName,
        locked: &LockedAgent,
        frontend: &mut dyn Frontend,
    ) -> Option<Resolved<'a>> {
        let anything = Wanted::anything();
        let wanted = self.manifest.agents().get(name).unwrap_or(&anything);
        let followed = self
            .resolver
            .follow(name, wanted, locked, self.manifest, frontend);
        match followed.ok()? {
            Followed::There(there) => Some(there.resolved),
            Followed::Gone(_) => None,
        }
    }

    fn look(
        &mut self,
        name: &AgentName,
        locked: &LockedAgent,
        frontend: &mut dyn Frontend,
    ) -> Option<News> {
        let source = self.resolver.source_of(locked).ok()?;
        if let Source::Git(url) = &source
            && !self.session.cache.has(url)
        {
            return None;
        }
        let wanted = self.manifest.agents().get(name);
        let request = wanted.and_then(|wanted| wanted.version.as_ref());
        if let Some(request) = request
            && let Some(repository) = self.session.kept_repository(&source)
        {
            match newer_version(&repository, locked, request)? {
                News::Elsewhere => {}
                news => return Some(news),
            }
        }
        let anything = Wanted::anything();
        let wanted = wanted.unwrap_or(&anything);
        if self.is_at_newest(wanted, locked, &source, frontend) {
            return Some(News::None);
        }
        let followed = self
            .resolver
            .follow(name, wanted, locked, self.manifest, frontend);
        let there = match followed.ok()? {
            Followed::There(there) => there,
            Followed::Gone(departed) => {
                let as_of = match &source {
                    Source::Git(url) => self.session.cache.looked_at(url),
                    _ => None,
                };
                return Some(News::Gone(GoneAgent {
                    as_of: as_of.and_then(|time| Some(day(i64::try_from(time).ok()?))),
                    ..GoneAgent::of(name, wanted, locked, &departed)
                }));
            }
        };
        let Resolved {
            entry,
            version,
            commit,
            ..
        } = &there.resolved;
        let version = version.as_ref().map(ToString::to_string);
        if entry.blob != locked.blob || version.is_some() && version != locked.version {
            let newer = version.or_else(|| commit.map(|commit| commit.short()));
            let changed = (entry.blob != locked.blob)
                .then(|| Changed::since(locked, &there.resolved.snapshot, &entry.file));
            return Some(News::Newer(newer.unwrap_or_default(), changed.flatten()));
        }
        Some(news_of(locked, &there).map_or(News::None, News::Moved))
    }
}

impl Look<'_> {
    /// Whether an agent was installed from the very commit that an update would look at, so that there is nothing to compare.
    fn is_at_newest(
        &mut self,
        wanted: &Wanted,
        locked: &LockedAgent,
        source: &Source,
        frontend: &mut dyn Frontend,
    ) -> bool {
        if locked.commit.is_none()
            || wanted.version.is_some()
            || !is_from(locked, wanted, self.manifest)
            || !is_target(locked, wanted)
        {
            return false;
        }
        let registry = locked.registry.as_ref();
        let snapshot = self.resolver.snapshot(registry, source, frontend);
        snapshot.is_ok_and(|snapshot| {
            snapshot.without_head.is_none()
                && snapshot.commit == locked.commit
                && changed_reference(locked, snapshot.reference.as_ref()).is_none()
        })
    }
}

/// Whether another version answers a request. Tags and commits are looked at, and no index is made, which could take long.
fn newer_version(
    repository: &CachedRepository<'_>,
    locked: &LockedAgent,
    request: &VersionRequest,
) -> Option<News> {
    let named = repository
        .resolve(request, &locked.agent, &mut |_| {})
        .ok()?;
    if changed_reference(locked, named.reference.as_ref()).is_some() {
        return Some(News::Elsewhere);
    }
    let Named {
        commit, version, ..
    } = named;
    if locked.commit == Some(commit) {
        return Some(News::None);
    }
    let bytes = repository.read_file(commit, &locked.file, &mut |_| {});
    let Some(bytes) = bytes.ok()? else {
        return Some(News::Elsewhere);
    };
    let version = version.map(|version| version.to_string());
    let is_other = version.is_some() && version != locked.version;
    // A tag that was moved, or a branch: only another file is news.
    if !is_other && ObjectId::of_blob(&bytes) == locked.blob {
        return Some(News::None);
    }
    let newer = version.unwrap_or_else(|| commit.short());
    Some(News::Newer(newer, None))
}
