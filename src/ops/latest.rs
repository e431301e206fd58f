//! What is latest: of the kind that an entry of the manifest asks for. Versions are compared with versions and commits with commits; a
//! commit after the newest tag is no newer version. One answer for `outdated`, `--to latest` and `@latest`.

use semver::Version;

use super::report::{Frontend, relay};
use super::resolver::{Followed, Resolved, Resolver};
use super::session::Session;
use crate::domain::name::AgentName;
use crate::domain::version::{VersionRequest, VersionTag};
use crate::error::{Kind, Result};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Manifest, Wanted};

/// The newest version of an agent, where its entry asks for one. One before a release counts only for those who have one.
/// `allowed`: the agent as its entry wants it; `branch`: as it is on the default branch.
pub(super) fn newest_version(
    session: &Session,
    request: Option<&VersionRequest>,
    allowed: &Resolved<'_>,
    branch: &Resolved<'_>,
    frontend: &mut dyn Frontend,
) -> Option<VersionTag> {
    let (_, allowed) = request.zip(allowed.version.as_ref())?;
    let name = branch.entry.name.as_str();
    let watch = &mut |event| relay(frontend, event);
    let versions = branch.snapshot.versions(&session.cache, name, watch);
    let counts =
        |version: &Version| version.pre.is_empty() || version <= allowed || !allowed.pre.is_empty();
    versions.into_iter().find(|tag| counts(&tag.version))
}

/// The request that takes the latest of an installed agent from now on; `None`: the default branch is followed.
pub(super) fn request(
    resolver: &mut Resolver<'_>,
    (name, wanted): (&AgentName, &Wanted),
    locked: &LockedAgent,
    manifest: &Manifest,
    frontend: &mut dyn Frontend,
) -> Result<Option<VersionRequest>> {
    let Some(request) = wanted.version.as_ref().filter(|known| known.is_version()) else {
        return Ok(None);
    };
    let anything = Wanted {
        version: None,
        ..wanted.clone()
    };
    let mut found = Vec::new();
    for wanted in [wanted, &anything] {
        match resolver.follow(name, wanted, locked, manifest, frontend) {
            Ok(Followed::There(there)) => found.push(there.resolved),
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            Ok(Followed::Gone(_)) | Err(_) => return Ok(None),
        }
    }
    let [allowed, branch] = found.as_slice() else {
        return Ok(None);
    };
    let session = resolver.session();
    let newest = newest_version(session, Some(request), allowed, branch, frontend);
    Ok(newest.map(|newest| request.moved_to(&newest)))
}
