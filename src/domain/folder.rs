//! Folders below the agents folder: the client loads agents at every depth, so a file that was adopted may be in one.

use super::name::{AgentName, NameError};

/// A folder below the agents folder, with `/`; empty: the agents folder itself. Each part of it is safe on every platform, as a name is.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Folder(String);

impl Folder {
    /// The agents folder itself.
    #[must_use]
    pub fn top() -> &'static Self {
        static TOP: Folder = Folder(String::new());
        &TOP
    }

    /// The folder and the name of an agent's file, which is given by its path below the agents folder, without `.md`.
    pub fn split(path: &str) -> Result<(Self, AgentName), FolderError> {
        let Some((folder, name)) = path.rsplit_once('/') else {
            return Ok((Self::default(), AgentName::new(path)?));
        };
        for part in folder.split('/') {
            let refused = |error| FolderError::Folder(part.to_owned(), error);
            // Another form of a letter would be another folder on some systems.
            if AgentName::new(part).map_err(refused)?.as_str() != part {
                return Err(refused(NameError::Path));
            }
        }
        Ok((Self(folder.to_owned()), AgentName::new(name)?))
    }

    /// Whether it is the agents folder itself.
    #[must_use]
    pub fn is_top(&self) -> bool {
        self.0.is_empty()
    }

    /// The path of an agent's file in it, below the agents folder.
    #[must_use]
    pub fn file(&self, name: &AgentName) -> String {
        if self.is_top() {
            name.file_name()
        } else {
            format!("{}/{}", self.0, name.file_name())
        }
    }
}

/// Why an agent's file cannot have a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderError {
    /// The name of the file.
    #[error("its file cannot be an agent's: {0}")]
    File(#[from] NameError),
    /// The name of a folder.
    #[error("agentpkg cannot use the folder `{}`: {_1}", .0.escape_debug())]
    Folder(String, NameError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_and_joined() {
        for path in ["planner", "review/planner", "review/security/planner"] {
            let (folder, name) = Folder::split(path).unwrap();
            assert_eq!(folder.file(&name), format!("{path}.md"));
            assert_eq!(name.as_str(), "planner");
        }
        assert_eq!(Folder::split("planner").unwrap().0, Folder::default());
    }

    #[test]
    fn what_leads_elsewhere_is_no_folder() {
        let paths = [
            "../planner",
            "a/../planner",
            "/planner",
            "a//planner",
            "./planner",
            "a/",
            "a\\b/planner",
            "C:/planner",
            "a\u{0}/planner",
            "con/planner",
            "a./planner",
            "e\u{301}/planner",
        ];
        for path in paths {
            assert!(Folder::split(path).is_err(), "{path:?}");
        }
    }
}
