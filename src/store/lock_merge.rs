//! Two lockfiles that two people wrote, as one: entry by entry, not line by line. Which of two entries that both changed is meant, the
//! caller knows.

use std::collections::{BTreeMap, BTreeSet};

use super::lockfile::{LockedAgent, Lockfile};
use crate::domain::name::AgentName;

/// One of two lockfiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The user's.
    Ours,
    /// The other one.
    Theirs,
}

/// Two lockfiles as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The lockfile, without the entries about which nothing was decided.
    pub lockfile: Lockfile,
    /// The entries that both have and that differ, with the side that was taken; `None`: neither.
    pub decided: Vec<(AgentName, Option<Side>)>,
}

/// Decides between two entries of one agent: ours, then theirs.
pub type Choose<'c> = &'c dyn Fn(&AgentName, &LockedAgent, &LockedAgent) -> Option<Side>;

/// Merges two lockfiles. `base`: what both were made from, if that is known; without it, an entry that one of them lacks was added by the
/// other.
#[must_use]
pub fn merge(
    base: Option<&Lockfile>,
    ours: &Lockfile,
    theirs: &Lockfile,
    choose: Choose<'_>,
) -> Merged {
    let mut merged = Merged {
        lockfile: Lockfile {
            agents: BTreeMap::new(),
            servers: BTreeMap::new(),
            created: ours.created.or(theirs.created),
        },
        decided: Vec::new(),
    };
    let names: BTreeSet<&AgentName> = ours.agents.keys().chain(theirs.agents.keys()).collect();
    for name in names {
        let (mine, other) = (ours.agents.get(name), theirs.agents.get(name));
        let before = Before::of(base, |base| base.agents.get(name));
        let taken = match side(before, mine, other) {
            Some(Side::Ours) => mine,
            Some(Side::Theirs) => other,
            None => {
                let (Some(mine), Some(other)) = (mine, other) else {
                    // One side changed what the other removed: what is there is not lost.
                    let kept = mine.or(other).cloned();
                    merged.decided.push((
                        name.clone(),
                        Some(if mine.is_some() {
                            Side::Ours
                        } else {
                            Side::Theirs
                        }),
                    ));
                    merged
                        .lockfile
                        .agents
                        .extend(kept.map(|kept| (name.clone(), kept)));
                    continue;
                };
                let decided = choose(name, mine, other);
                merged.decided.push((name.clone(), decided));
                match decided {
                    Some(Side::Ours) => Some(mine),
                    Some(Side::Theirs) => Some(other),
                    None => None,
                }
            }
        };
        let taken = taken.cloned().map(|taken| (name.clone(), taken));
        merged.lockfile.agents.extend(taken);
    }
    let servers: BTreeSet<&String> = ours.servers.keys().chain(theirs.servers.keys()).collect();
    for name in servers {
        let (mine, other) = (ours.servers.get(name), theirs.servers.get(name));
        let before = Before::of(base, |base| base.servers.get(name));
        let taken = match side(before, mine, other) {
            Some(Side::Theirs) => other,
            Some(Side::Ours) => mine,
            None => mine.or(other),
        };
        let taken = taken.cloned().map(|taken| (name.clone(), taken));
        merged.lockfile.servers.extend(taken);
    }
    merged
}

/// What both sides were made from.
enum Before<'b, T> {
    /// That is not known.
    Unknown,
    /// This; `None`: there was nothing.
    Known(Option<&'b T>),
}

impl<'b, T> Before<'b, T> {
    fn of(base: Option<&'b Lockfile>, get: impl Fn(&'b Lockfile) -> Option<&'b T>) -> Self {
        base.map_or(Self::Unknown, |base| Self::Known(get(base)))
    }
}

/// The side that says it all; `None`: both changed something.
fn side<T: PartialEq>(before: Before<'_, T>, ours: Option<&T>, theirs: Option<&T>) -> Option<Side> {
    match (before, ours, theirs) {
        (_, ours, theirs) if ours == theirs => Some(Side::Ours),
        (Before::Known(before), ours, _) if before == ours => Some(Side::Theirs),
        (Before::Known(before), _, theirs) if before == theirs => Some(Side::Ours),
        (Before::Unknown, Some(_), None) => Some(Side::Ours),
        (Before::Unknown, None, Some(_)) => Some(Side::Theirs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::folder::Folder;
    use crate::domain::overrides::Overrides;

    fn entry(text: &str) -> LockedAgent {
        LockedAgent {
            folder: Folder::default(),
            registry: None,
            source: "./x".to_owned(),
            agent: "a".to_owned(),
            file: "a.md".to_owned(),
            version: None,
            reference: None,
            commit: None,
            blob: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
            sha256: Digest::of(text.as_bytes()),
            base: Digest::of(text.as_bytes()),
            adaptations: Vec::new(),
            requires: Vec::new(),
            allowed: Vec::new(),
            overrides: Overrides::default(),
            written: None,
        }
    }

    /// A lockfile with `a` as this text made it; empty: without.
    fn lockfile(text: &str) -> Lockfile {
        let mut lockfile = Lockfile::default();
        if !text.is_empty() {
            let name = AgentName::new("a").unwrap();
            lockfile.agents.insert(name, entry(text));
        }
        lockfile
    }

    #[test]
    fn an_entry_that_one_side_changed_is_that_sides() {
        let nobody: Choose<'_> = &|_, _, _| panic!("there is nothing to decide");
        // Before, ours, theirs, the result. Of what is not known, `?` stands for the text before.
        for (before, ours, theirs, expected) in [
            ("1", "1", "1", "1"),
            ("1", "2", "1", "2"),
            ("1", "1", "2", "2"),
            ("1", "2", "2", "2"),
            ("1", "", "1", ""),
            ("1", "1", "", ""),
            ("", "1", "", "1"),
            ("", "", "1", "1"),
            ("?", "1", "1", "1"),
            ("?", "1", "", "1"),
            ("?", "", "1", "1"),
        ] {
            let base = (before != "?").then(|| lockfile(before));
            let merged = merge(base.as_ref(), &lockfile(ours), &lockfile(theirs), nobody);
            assert_eq!(
                merged.lockfile,
                lockfile(expected),
                "{before} {ours} {theirs}"
            );
            assert_eq!(merged.decided, []);
        }
    }

    #[test]
    fn what_both_changed_is_decided_or_left_out() {
        for (before, side, expected) in [
            (Some("1"), Some(Side::Ours), "2"),
            (Some("1"), Some(Side::Theirs), "3"),
            (Some("1"), None, ""),
            (None, Some(Side::Theirs), "3"),
            (Some(""), None, ""),
        ] {
            let base = before.map(lockfile);
            let merged = merge(base.as_ref(), &lockfile("2"), &lockfile("3"), &|_, _, _| {
                side
            });
            assert_eq!(merged.lockfile, lockfile(expected));
            assert_eq!(merged.decided.len(), 1);
        }
        // What one side changed and the other removed stays.
        let merged = merge(
            Some(&lockfile("1")),
            &lockfile("2"),
            &lockfile(""),
            &|_, _, _| None,
        );
        assert_eq!(merged.lockfile, lockfile("2"));
    }
}
