//! The failure for a version that does not exist.

use semver::Version;

use crate::domain::digest::ObjectId;
use crate::domain::likeness;
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

/// What there is in the place of a version that does not exist.
pub(super) struct There<'f> {
    /// The source.
    pub(super) place: String,
    pub(super) versions: &'f [VersionTag],
    pub(super) branches: &'f [String],
    /// Whether only the cache was looked at.
    pub(super) is_offline: bool,
}

/// How many names of branches a failure lists.
const MAX_LISTED: usize = 8;

/// A line with the first of several names.
pub(super) fn listed(what: &str, names: &[String]) -> String {
    let more = match names.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let first: Vec<&str> = names.iter().take(MAX_LISTED).map(String::as_str).collect();
    format!("{what}: {}{more}", first.join(", "))
}

impl There<'_> {
    /// The failure that nothing matches a request, with what there is and how to ask for it.
    pub(super) fn lacks(
        &self,
        request: &VersionRequest,
        agent: &str,
        written: &Written,
    ) -> Failure {
        let mut failure = match request {
            VersionRequest::Revision(revision)
                if self.versions.is_empty() || !request.is_version() =>
            {
                self.no_revision(revision, written)
            }
            _ => no_version(request, agent, self.versions, written),
        };
        // A branch may have the name of a version, and then has to be called one.
        let name = request.to_string();
        let is_named = |branch: &&String| **branch == name.trim_start_matches('^');
        if let Some(branch) = self.branches.iter().find(is_named) {
            let example = written.example(&[format!("refs/heads/{branch}")]);
            failure = failure.hint(format!("`{branch}` is a branch; for it write {example}"));
        }
        if self.is_offline {
            failure = failure.hint("this is as of the last fetch; `--offline` forbids another");
        }
        failure
    }

    fn no_revision(&self, revision: &str, written: &Written) -> Failure {
        let place = &self.place;
        let message = match (
            revision.strip_prefix("refs/heads/"),
            revision.strip_prefix("refs/tags/"),
        ) {
            (Some(branch), _) => format!("`{place}` has no branch `{branch}`"),
            (_, Some(tag)) => format!("`{place}` has no tag `{tag}`"),
            _ if revision.parse::<ObjectId>().is_ok() => {
                format!("`{place}` has no commit `{revision}`")
            }
            _ => format!("`{place}` has no branch, tag or commit `{revision}`"),
        };
        let mut failure = Failure::failed(message);
        if !self.branches.is_empty() {
            failure = failure.detail(listed("branches", self.branches));
        }
        if !self.versions.is_empty() {
            let tags: Vec<String> = self.versions.iter().map(|tag| tag.tag.clone()).collect();
            failure = failure.detail(listed("versions", &tags));
        }
        let names = self.branches.iter().map(String::as_str);
        let first = self.branches.first().map(String::as_str);
        let example = likeness::nearest(revision, names).or(first);
        let asked = written.asked(&VersionRequest::Revision(revision.to_owned()));
        failure.hint(match example {
            Some(branch) => format!(
                "leave out {asked}, or name another, for example {}",
                written.example(&[VersionRequest::named(branch, true).to_string()])
            ),
            None => format!("leave out {asked}"),
        })
    }
}

/// The failure that no version matches a request, with the closest versions and how to ask for one.
fn no_version(
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
