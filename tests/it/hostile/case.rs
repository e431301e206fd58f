//! A hostile project: what is planted, and what must not be acted on.

use super::world::World;

/// The user's files that have nothing to do with agentpkg.
pub(super) const USER_FILES: &[&str] = &[
    "README.md",
    ".env",
    ".envrc",
    "src/main.txt",
    "notes/todo.txt",
    ".claude/commands/mine.md",
    ".githooks/pre-commit",
];

/// What the hostile project is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// A fresh clone: agentpkg has never run here.
    Cloned,
    /// A project with a history, a pending update, and a key that sealed them: the attack came with a pull.
    Used,
}

/// The kind of home that the command finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    Usual,
    /// None in which a key could be stored.
    None,
    /// A relative one, which points into the project.
    Relative,
}

/// Which of agentpkg's own state was forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forged {
    Nothing,
    /// A journal: no command acts on it, and no command that writes continues while it is there.
    Journal,
    /// History, pending updates or resolutions: they count as absent.
    Records,
}

/// One hostile project.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) base: Base,
    pub(super) home: Home,
    pub(super) forged: Forged,
    /// Forged files that must stay as they are until a person has seen them.
    pub(super) kept: Vec<String>,
    pub(super) plant: Box<dyn Fn(&World) + Send + Sync>,
}

impl Case {
    /// A case in a fresh clone with nothing forged.
    pub(super) fn new(
        name: impl Into<String>,
        plant: impl Fn(&World) + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            base: Base::Cloned,
            home: Home::Usual,
            forged: Forged::Nothing,
            kept: Vec::new(),
            plant: Box::new(plant),
        }
    }

    /// The same in a project with a history.
    pub(super) fn in_use(self) -> Self {
        Self {
            base: Base::Used,
            ..self
        }
    }

    /// The same with another home.
    pub(super) fn at_home(self, home: Home) -> Self {
        Self {
            name: format!("{}, home {home:?}", self.name),
            home,
            ..self
        }
    }

    /// The same with something forged, which must stay where it is.
    pub(super) fn forging(self, forged: Forged, kept: &[&str]) -> Self {
        let kept = kept.iter().map(|path| (*path).to_owned()).collect();
        Self {
            forged,
            kept,
            ..self
        }
    }
}

/// All cases, each under its own name.
pub(super) fn all() -> Vec<Case> {
    [
        super::links::cases(),
        super::files::cases(),
        super::journals::cases(),
        super::records::cases(),
        super::texts::cases(),
        super::leftovers::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
