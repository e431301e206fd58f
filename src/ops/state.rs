//! The state of an installed agent in one word, which is the same in `list`, `status` and `info`.

/// The state of an installed agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its file is as it was installed.
    Clean,
    /// Its file was changed since.
    Edited,
    /// An update of it is pending, or its file has conflict markers of a version control system.
    Conflicted,
    /// Its file is not there.
    Missing,
}

impl State {
    /// The state of an agent whose file is there. `is_undecided`: whether it has conflicts that nobody decided yet.
    #[must_use]
    pub(super) fn of_file(is_clean: bool, is_undecided: bool) -> Self {
        match (is_undecided, is_clean) {
            (true, _) => Self::Conflicted,
            (false, true) => Self::Clean,
            (false, false) => Self::Edited,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Edited => "edited",
            Self::Conflicted => "conflicted",
            Self::Missing => "missing",
        }
    }
}
