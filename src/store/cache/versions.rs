//! The failure for a version that does not exist.

use semver::Version;

use crate::domain::version::{VersionRequest, VersionTag, Written};
use crate::error::Failure;

/// The version that is closest to the request: one with the same major, minor or beginning, else the newest below it.
fn nearest<'v>(request: &VersionRequest, versions: &'v [VersionTag]) -> Option<&'v VersionTag> {
    let asked: Vec<u64> = match request {
        VersionRequest::Requirement(requirement) => {
            let first = requirement.comparators.first()?;
            [Some(first.major), first.minor, first.patch]
                .into_iter()
                .flatten()
                .collect()
        }
        VersionRequest::Revision(text) => {
            let numbers = text
                .trim_start_matches('v')
                .split('.')
                .map_while(|part| part.parse().ok());
            numbers.take(3).collect()
        }
    };
    let distance = |version: &Version| {
        let parts = [version.major, version.minor, version.patch];
        let gaps: Vec<u64> = asked
            .iter()
            .zip(parts)
            .map(|(asked, part)| asked.abs_diff(part))
            .collect();
        gaps
    };
    if asked.is_empty() {
        None
    } else {
        versions.iter().min_by_key(|tag| distance(&tag.version))
    }
}

/// The failure that no version matches a request, with the closest versions and how to ask for one.
pub(super) fn no_version(
    request: &VersionRequest,
    agent: &str,
    versions: &[VersionTag],
    written: &Written,
) -> Failure {
    let failure = Failure::failed(format!("`{agent}` has no version matching `{request}`"));
    if versions.is_empty() {
        let asked = written.asked(request);
        return failure.hint(format!(
            "its repository has no version tags; leave out {asked}, or name a commit or a branch"
        ));
    }
    let newest: Vec<&str> = versions
        .iter()
        .take(3)
        .map(|version| version.tag.as_str())
        .collect();
    let failure = failure.detail(format!("newest: {}", newest.join(", ")));
    let nearest = nearest(request, versions);
    let failure = match nearest {
        Some(nearest) if !newest.contains(&nearest.tag.as_str()) => {
            failure.detail(format!("nearest: {}", nearest.tag))
        }
        _ => failure,
    };
    let example = &nearest.unwrap_or(&versions[0]).version;
    // A pre-release matches only requests that name it, so its major is not suggested: that could be what was asked for.
    let Some(release) = versions
        .iter()
        .map(|version| &version.version)
        .find(|version| version.pre.is_empty())
    else {
        let example = written.example(&[example.to_string()]);
        return failure.hint(format!(
            "pre-releases are taken only by name, for example {example}"
        ));
    };
    // A full version matches the newest of its major, as the major alone does.
    let is_same = example.pre.is_empty() && example.major == release.major && example.major > 0;
    let major = (!is_same).then(|| format!("^{}", release.major));
    let examples: Vec<String> = [example.to_string()].into_iter().chain(major).collect();
    failure.hint(format!("for example {}", written.example(&examples)))
}
