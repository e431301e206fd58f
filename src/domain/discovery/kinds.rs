//! The kind of each file of a source: how certain it is that the author offers the file as an agent. Pure.
//!
//! The kind follows from the path and the plugins, except in folders without a telling name: there it depends on how many of the
//! Markdown files are agents, which [`Shares`] counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plugins::Plugins;
use super::{EXTENSION, IndexEntry, split};

/// How sure it is that a file is meant as an agent; the surest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An agent of a plugin of the source.
    Plugin,
    /// In a folder named `agents`, or in one of which nearly all Markdown files are agents.
    Folder,
    /// Any other file with a name and a description.
    #[default]
    Other,
    /// A translation of such a file, or another client's copy of it.
    Copy,
}

impl Kind {
    /// The kind as a number, as the documentation counts them.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The kind of this number.
    #[must_use]
    pub const fn of_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Plugin,
            2 => Self::Folder,
            3 => Self::Other,
            4 => Self::Copy,
            _ => return None,
        })
    }

    /// The next lower kind.
    const fn lowered(self) -> Self {
        match self {
            Self::Plugin => Self::Folder,
            Self::Folder => Self::Other,
            Self::Other | Self::Copy => Self::Copy,
        }
    }
}

/// Where a file is, judged by its path and the plugins alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is an agent of a plugin.
    Plugin,
    /// Below a folder named `agents`.
    Agents,
    /// In a folder of another name.
    Other,
}

impl Place {
    /// The place of a file.
    #[must_use]
    pub fn of(file: &str, plugins: &Plugins) -> Self {
        if plugins.holding(file).is_some() {
            Self::Plugin
        } else if is_below_agents(file) {
            Self::Agents
        } else {
            Self::Other
        }
    }
}

/// Folders of other kinds of Markdown files, whatever is around them.
const NEVER: [&str; 2] = ["skills", "commands"];

/// Whether a file is below a folder named `agents`, and not, below that, among skills or commands.
#[must_use]
pub fn is_below_agents(file: &str) -> bool {
    let (folders, _) = split(file);
    let telling = folders.iter().rev().find(|folder| {
        folder.eq_ignore_ascii_case("agents")
            || NEVER.iter().any(|never| folder.eq_ignore_ascii_case(never))
    });
    telling.is_some_and(|folder| folder.eq_ignore_ascii_case("agents"))
}

/// Folders of other clients.
const OTHER_CLIENTS: [&str; 13] = [
    ".kiro",
    ".gemini",
    "gemini",
    ".cursor",
    ".github",
    ".opencode",
    ".codex",
    ".windsurf",
    ".qwen",
    ".copilot",
    ".factory",
    ".roo",
    ".agent",
];

/// Languages that people translate into. Codes that are words or usual abbreviations as well (`it`, `id`, `hr`, `no`) need a region.
const LANGUAGES: [&str; 28] = [
    "ar", "bg", "bn", "cs", "da", "de", "el", "es", "fa", "fi", "fr", "he", "hi", "hu", "ja", "ko",
    "nl", "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk", "ur", "vi", "zh",
];

/// Whether the folders of a file say that it is a translation or another client's copy: one of another client above any folder named
/// `agents`, or one of a language directly around or in such a folder or in `docs`.
#[must_use]
pub fn is_copy(file: &str) -> bool {
    let (folders, _) = split(file);
    let is_agents = |folder: &&str| folder.eq_ignore_ascii_case("agents");
    let first = folders.iter().position(is_agents);
    let above = &folders[..first.unwrap_or(folders.len())];
    if above
        .iter()
        .any(|folder| OTHER_CLIENTS.contains(&folder.to_ascii_lowercase().as_str()))
    {
        return true;
    }
    let is_parent = |folder: &str| {
        ["agents", "docs", "i18n", "locales", "translations"]
            .iter()
            .any(|parent| folder.eq_ignore_ascii_case(parent))
    };
    folders.iter().enumerate().any(|(at, folder)| {
        let before = at.checked_sub(1).and_then(|at| folders.get(at));
        let is_there = before.is_some_and(|folder| is_parent(folder))
            || folders.get(at + 1).is_some_and(is_agents);
        is_there && is_language(folder)
    })
}

/// Whether a folder is named after a language: `zh`, `zh-CN`, `pt_BR`.
fn is_language(folder: &str) -> bool {
    let Some((language, region)) = folder.split_once(['-', '_']) else {
        return LANGUAGES.contains(&folder);
    };
    let is_code = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphabetic());
    language.len() == 2
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && (region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase())
            || region.len() == 4 && is_code(region))
}

/// For each folder without a telling name, how many of its Markdown files are agents, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares(BTreeMap<String, (u32, u32)>);

impl Shares {
    /// Notes a Markdown file that may be an agent.
    pub fn add(&mut self, file: &str, is_agent: bool) {
        let share = self.0.entry(folder(file).to_owned()).or_default();
        share.0 += u32::from(is_agent);
        share.1 += 1;
    }

    /// Forgets such a file.
    pub fn remove(&mut self, file: &str, was_agent: bool) {
        if let Some(share) = self.0.get_mut(folder(file)) {
            share.0 = share.0.saturating_sub(u32::from(was_agent));
            share.1 = share.1.saturating_sub(1);
            if share.1 == 0 {
                self.0.remove(folder(file));
            }
        }
    }

    /// Whether nearly all Markdown files of the folder of a file are agents: at least two, and at least four of five.
    #[must_use]
    pub fn is_of_agents(&self, file: &str) -> bool {
        let share = self.0.get(folder(file));
        share.is_some_and(|(agents, all)| *agents >= 2 && agents * 5 >= all * 4)
    }
}

/// Whether the share of agents in its folder decides of which kind a file is.
#[must_use]
pub fn is_shared(file: &str, plugins: &Plugins) -> bool {
    file.ends_with(EXTENSION) && Place::of(file, plugins) == Place::Other
}

/// Of which kind an agent in this file is.
#[must_use]
pub fn kind(file: &str, plugins: &Plugins, shares: &Shares) -> Kind {
    let kind = match Place::of(file, plugins) {
        Place::Plugin => Kind::Plugin,
        Place::Agents => Kind::Folder,
        Place::Other if file.ends_with(EXTENSION) && shares.is_of_agents(file) => Kind::Folder,
        Place::Other => Kind::Other,
    };
    if is_copy(file) { kind.lowered() } else { kind }
}

/// Gives each of the agents of a source its kind. `others`: the files that may be agents and are none.
pub fn assign<'f>(
    entries: &mut [IndexEntry],
    others: impl Iterator<Item = &'f str>,
    plugins: &Plugins,
) -> Shares {
    let mut shares = Shares::default();
    for (file, is_agent) in entries
        .iter()
        .map(|entry| (entry.file.as_str(), true))
        .chain(others.map(|file| (file, false)))
    {
        if is_shared(file, plugins) {
            shares.add(file, is_agent);
        }
    }
    for entry in entries {
        entry.kind = kind(&entry.file, plugins, &shares);
    }
    shares
}

/// The folder of a file; empty: the root.
fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translations_and_copies_for_other_clients_are_one_kind_lower() {
        let plugins = Plugins::default();
        for (file, number) in [
            ("agents/a.md", 2),
            (".claude/agents/a.md", 2),
            ("x/agents/deep/down/a.md", 2),
            ("docs/ja-JP/agents/a.md", 3),
            ("docs/zh/a.md", 4),
            ("zh/agents/a.md", 3),
            ("agents/zh-CN/a.md", 3),
            (".kiro/agents/a.md", 3),
            (".github/agents/a.md", 3),
            ("gemini/a.md", 4),
            ("agents/gemini/a.md", 2),
            ("it/agents/a.md", 2),
            ("qa/agents/a.md", 2),
            ("agents/x/skills/a.md", 3),
            ("skills/x/agents/a.md", 2),
            ("a.md", 3),
        ] {
            let found = kind(file, &plugins, &Shares::default());
            assert_eq!(found.number(), number, "{file}");
            assert_eq!(Kind::of_number(number), Some(found));
        }
    }

    #[test]
    fn a_folder_of_agents_has_two_and_four_of_five() {
        for (agents, others, expected) in [
            (1, 0, false),
            (2, 0, true),
            (2, 1, false),
            (4, 1, true),
            (8, 2, true),
            (8, 3, false),
        ] {
            let mut shares = Shares::default();
            (0..agents).for_each(|_| shares.add("x/a.md", true));
            (0..others).for_each(|_| shares.add("x/a.md", false));
            assert_eq!(shares.is_of_agents("x/b.md"), expected, "{agents} {others}");
            assert!(!shares.is_of_agents("y/b.md"));
            shares.remove("x/a.md", true);
            shares.add("x/a.md", true);
            assert_eq!(shares.is_of_agents("x/b.md"), expected, "{agents} {others}");
        }
    }
}
