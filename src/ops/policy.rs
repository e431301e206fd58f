//! Holds plans against the policy of the manifest. What the rules mean, `domain::policy` knows.

use crate::domain::name::{AgentName, RegistryName};
use crate::domain::policy::Violation;
use crate::error::{Advice, Result};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::Manifest;

/// What an agent is that the policy forbids.
pub(super) fn violations(
    manifest: &Manifest,
    locked: &LockedAgent,
    bytes: &[u8],
) -> Vec<Violation> {
    let policy = manifest.policy();
    if policy.is_empty() {
        return Vec::new();
    }
    let registry = locked.registry.as_ref().map(RegistryName::as_str);
    policy
        .source(registry, &locked.source)
        .into_iter()
        .chain(policy.agent(bytes))
        .collect()
}

/// Refuses an agent that the policy forbids.
pub(super) fn permit(
    manifest: &Manifest,
    name: &AgentName,
    locked: &LockedAgent,
    bytes: &[u8],
) -> Result<()> {
    let Some(violation) = violations(manifest, locked, bytes).into_iter().next() else {
        return Ok(());
    };
    let failure = manifest.forbidden(
        format!("`{name}` violates the policy of this project"),
        &violation,
    );
    Err(match violation.doubt {
        Some(reason) => failure
            .detail(reason)
            .hint("fix its frontmatter; without `--verbatim`, agentpkg repairs what it can"),
        None if violation.rule == "max-description-tokens" => {
            let shorter = Advice::say("a shorter description in agentpkg.toml is within it: ");
            failure.hint(if manifest.agents().contains_key(name) {
                shorter.and("`description = \"…\"` in its entry")
            } else {
                shorter.and(format!(
                    "`{name} = {{ description = \"…\" }}` in `[agents]`"
                ))
            })
        }
        None => failure,
    })
}

/// Refuses an agent with which the descriptions of all agents would cost too much. `total`: their tokens with it.
pub(super) fn permit_total(manifest: &Manifest, name: &AgentName, total: usize) -> Result<()> {
    match manifest.policy().total(total) {
        Some(violation) => Err(manifest.forbidden(
            format!("`{name}` violates the policy of this project"),
            &violation,
        )),
        None => Ok(()),
    }
}
