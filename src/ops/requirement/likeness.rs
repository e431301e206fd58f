//! Servers that are the same under another name, or nearly.

use std::collections::BTreeSet;

use crate::domain::server::ServerEntry;

/// The name of a plugin's server without the plugin.
pub(super) fn bare(name: &str) -> &str {
    name.strip_prefix("plugin_")
        .and_then(|rest| rest.split_once('_'))
        .map_or(name, |(_, server)| server)
}

/// Whether both start the same package, or are at the same host.
pub(super) fn same_package(one: &ServerEntry, other: &ServerEntry) -> bool {
    let package = |entry: &ServerEntry| match entry {
        ServerEntry::Program { args, .. } => {
            args.iter().find(|arg| !arg.starts_with('-')).map(|arg| {
                let end = arg
                    .char_indices()
                    .skip(1)
                    .find(|(_, c)| matches!(c, '@' | '='))
                    .map_or(arg.len(), |(at, _)| at);
                arg[..end].to_owned()
            })
        }
        ServerEntry::Remote { .. } => entry.host().map(str::to_owned),
    };
    package(one).is_some() && package(one) == package(other)
}

/// The name that is most like another one, if any is.
pub(super) fn alike(name: &str, others: &[&str]) -> Option<String> {
    let words = |text: &str| -> BTreeSet<String> {
        let plain = text.to_lowercase();
        plain
            .split(['-', '_', '.'])
            .filter(|word| !word.is_empty() && !matches!(*word, "mcp" | "server"))
            .map(str::to_owned)
            .collect()
    };
    let own = words(name);
    let likeness = |other: &str| {
        let theirs = words(bare(other));
        // `supabase-minrights` is a `supabase` of somebody's.
        let is_part = !theirs.is_empty() && (theirs.is_subset(&own) || own.is_subset(&theirs));
        let by_words = if is_part { 0.95 } else { 0.0 };
        strsim::jaro_winkler(&name.to_lowercase(), &bare(other).to_lowercase()).max(by_words)
    };
    let best = others
        .iter()
        .map(|other| (likeness(other), *other))
        .max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(likeness, _)| *likeness > 0.87)
        .map(|(_, other)| other.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_servers_look_like_what_they_are_made_from() {
        let others = ["supabase", "github", "plugin_tools_postgres"];
        assert_eq!(
            alike("supabase-minrights", &others).as_deref(),
            Some("supabase")
        );
        assert_eq!(
            alike("aws-postgres-minrights", &others).as_deref(),
            Some("plugin_tools_postgres")
        );
        assert_eq!(alike("githab", &others).as_deref(), Some("github"));
        assert_eq!(alike("firebase-afterdark", &others), None);
    }
}
