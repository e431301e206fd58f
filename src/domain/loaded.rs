//! Which agent runs under a name that several files have: the client's order, as a rule without files.
//!
//! What is managed goes before the folders of the project, of which the nearest goes first; then come the user's, those of plugins, and
//! what is built into the client. In one folder the last file wins, in the order of their paths.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The agents that are built into the client.
pub const BUILT_IN: [&str; 5] = [
    "claude",
    "Explore",
    "general-purpose",
    "Plan",
    "statusline-setup",
];

/// Where an agent comes from, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The client itself.
    BuiltIn,
    /// An enabled plugin.
    Plugin,
    /// The user's folder.
    User,
    /// A folder of the project; the number says how deep it is, so that the nearest one is the strongest.
    Project(usize),
    /// The folder of whoever manages the machine.
    Managed,
}

impl Layer {
    /// The layer in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in",
            Self::Plugin => "plugin",
            Self::User => "user",
            Self::Project(_) => "project",
            Self::Managed => "managed",
        }
    }

    /// Whether another machine might have other agents there.
    #[must_use]
    pub fn is_about_machine(self) -> bool {
        !matches!(self, Self::Project(_))
    }

    /// Why an agent of this layer runs in place of one of `other`.
    #[must_use]
    pub fn reason_over(self, other: Self) -> &'static str {
        match (self, other) {
            (Self::Project(own), Self::Project(other)) if own != other => {
                "a nearer folder takes precedence"
            }
            (Self::Plugin, Self::Plugin) => "Claude Code takes either of two in a plugin",
            (own, other) if own == other => "the last path of a folder wins",
            (Self::Managed, _) => "managed agents take precedence",
            (Self::Project(_), _) => "the project's agents take precedence",
            (Self::User, _) => "the user's agents take precedence",
            _ => "it takes precedence",
        }
    }
}

/// The position of the agent that runs, for each name. `agents`: names and layers in the order in which the client reads them.
#[must_use]
pub fn winners<'n>(
    agents: impl IntoIterator<Item = (usize, &'n str, Layer)>,
) -> BTreeMap<&'n str, usize> {
    let mut best: BTreeMap<&str, (Layer, usize)> = BTreeMap::new();
    for (index, name, layer) in agents {
        let winner = best.entry(name).or_insert((layer, index));
        if layer >= winner.0 {
            *winner = (layer, index);
        }
    }
    best.into_iter()
        .map(|(name, (_, index))| (name, index))
        .collect()
}

/// The order in which the client reads the files of a folder: by the UTF-16 units of their paths.
#[must_use]
pub fn path_order(one: &str, other: &str) -> Ordering {
    one.encode_utf16().cmp(other.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_layer_wins_and_in_one_folder_the_last_file() {
        let agents = [
            ("Plan", Layer::BuiltIn),
            ("planner", Layer::User),
            ("planner", Layer::Project(3)),
            ("planner", Layer::Project(5)),
            ("planner", Layer::Project(5)),
            ("planner", Layer::Project(4)),
            ("Plan", Layer::User),
            ("review", Layer::Managed),
            ("review", Layer::Project(9)),
        ];
        let indexed = agents.iter().enumerate();
        let won = winners(indexed.map(|(index, (name, layer))| (index, *name, *layer)));
        assert_eq!(
            won.into_iter().collect::<Vec<_>>(),
            [("Plan", 6), ("planner", 4), ("review", 7)]
        );
    }

    #[test]
    fn paths_are_ordered_as_the_client_orders_them() {
        let mut paths = [
            "b/c.md",
            "b.md",
            "b-x.md",
            "B.md",
            "\u{ff5e}.md",
            "\u{1f600}.md",
        ];
        paths.sort_by(|one, other| path_order(one, other));
        assert_eq!(
            paths,
            [
                "B.md",
                "b-x.md",
                "b.md",
                "b/c.md",
                "\u{1f600}.md",
                "\u{ff5e}.md"
            ]
        );
    }
}
