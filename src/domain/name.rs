//! Names: of an installed agent (a file name, a manifest key) and of a registry.
//!
//! The client accepts nearly any `name:` in a file (`../evil` included), so whatever becomes part of a path passes through
//! [`AgentName`] first. Turning a title such as `Frontend Developer` into a name is [`AgentName::from_title`].

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name, in bytes: leaves room for `.md` and a suffix within the 255 bytes of common file systems.
pub const MAX_NAME: usize = 100;

/// A name that is safe as a file name on every platform: `[A-Za-z0-9][A-Za-z0-9._-]*`, at most [`MAX_NAME`] bytes, not a Windows
/// device, no trailing dot, no `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentName(String);

impl Serialize for AgentName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AgentName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl AgentName {
    /// Checks `name`.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check(name).map(|()| Self(name.to_owned()))
    }

    /// The name for a `name:` field: the text itself if it is a valid name, otherwise its words in lower case, joined by hyphens.
    ///
    /// Text that reads as a path or hides something is refused, never turned into a harmless-looking name.
    pub fn from_title(title: &str) -> Result<Self, NameError> {
        let hidden = |c: char| c.is_control() || is_invisible(c);
        if title.contains(hidden) {
            return Err(NameError::Hidden);
        }
        let is_path = |separator: char| {
            !title.contains(char::is_whitespace)
                || title
                    .split(separator)
                    .any(|part| matches!(part.trim(), "" | "." | ".." | ".git"))
        };
        if title.contains("..")
            || title.contains('\\')
            || title.starts_with(['-', '.', '~'])
            || title.contains('/') && is_path('/')
        {
            return Err(NameError::Path);
        }
        if let Ok(name) = Self::new(title) {
            return Ok(name);
        }
        let mut slug = String::new();
        for c in title.chars() {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') {
                slug.push(c.to_ascii_lowercase());
            } else if !slug.is_empty() && !slug.ends_with('-') && c != '\'' {
                slug.push('-');
            }
        }
        let slug = slug.trim_end_matches(['-', '.', '_']);
        if slug.is_empty() {
            Err(NameError::Empty)
        } else {
            Self::new(slug)
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a case-insensitive file system sees it: two agents must not share it.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The file name inside an agents folder.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.md", self.0)
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for AgentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AgentName({})", self.0)
    }
}

impl FromStr for AgentName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

/// The name of a registry in the manifest: the same characters as an agent's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryName(String);

impl RegistryName {
    /// The registry that is part of the program.
    pub const BUILTIN: &'static str = "builtin";

    /// Checks `name`.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check(name).map(|()| Self(name.to_owned()))
    }

    /// The built-in registry's name.
    #[must_use]
    pub fn builtin() -> Self {
        Self(Self::BUILTIN.to_owned())
    }

    /// Whether this is the built-in registry.
    #[must_use]
    pub fn is_builtin(&self) -> bool {
        self.0 == Self::BUILTIN
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RegistryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing remains of it.
    #[error("a name needs at least one letter or digit")]
    Empty,
    /// Too long for a file name.
    #[error("longer than {MAX_NAME} characters")]
    Long,
    /// A character outside the allowed set.
    #[error("`{}` is not allowed; names are letters, digits, `.`, `_` and `-`", .0.escape_default())]
    Character(char),
    /// First character is not a letter or digit.
    #[error("a name begins with a letter or a digit")]
    Start,
    /// `..`, separators, a leading dot or hyphen.
    #[error("it reads as a path or an option, not as a name")]
    Path,
    /// Control or invisible characters.
    #[error("it contains control or invisible characters")]
    Hidden,
    /// Windows cannot hold such a file.
    #[error("`{0}` is reserved on Windows")]
    Reserved(String),
}

/// Characters that are invisible or reverse the text around them: joiners, bidi controls, tags, byte order marks.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0x00ad | 0x061c | 0x115f | 0x1160 | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfeff | 0xffa0
        | 0xe0000..=0xe0fff)
}

fn check(name: &str) -> Result<(), NameError> {
    let mut characters = name.chars();
    match characters.next() {
        None => return Err(NameError::Empty),
        Some(c) if c.is_control() || is_invisible(c) => return Err(NameError::Hidden),
        Some('.' | '-' | '/' | '\\' | '~') => return Err(NameError::Path),
        Some(c) if !c.is_ascii_alphanumeric() => return Err(NameError::Start),
        Some(_) => {}
    }
    for c in characters {
        match c {
            '/' | '\\' => return Err(NameError::Path),
            c if c.is_control() || is_invisible(c) => return Err(NameError::Hidden),
            c if !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) => {
                return Err(NameError::Character(c));
            }
            _ => {}
        }
    }
    if name.contains("..") || name.ends_with('.') {
        return Err(NameError::Path);
    }
    if name.len() > MAX_NAME {
        return Err(NameError::Long);
    }
    let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    let is_numbered = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    if matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || is_numbered("com")
        || is_numbered("lpt")
    {
        return Err(NameError::Reserved(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slug(title: &str) -> Option<String> {
        AgentName::from_title(title)
            .ok()
            .map(|name| name.to_string())
    }

    #[test]
    fn names_stay_and_titles_become_slugs() {
        for (title, name) in [
            ("backend-architect", "backend-architect"),
            ("Foo-Case", "Foo-Case"),
            ("Frontend Developer", "frontend-developer"),
            (
                "SRE (Site Reliability Engineer)",
                "sre-site-reliability-engineer",
            ),
            ("UI/UX Designer", "ui-ux-designer"),
            (
                "Code Review & Quality Gate Agent",
                "code-review-quality-gate-agent",
            ),
            ("C++ Expert", "c-expert"),
        ] {
            assert_eq!(slug(title).as_deref(), Some(name), "{title}");
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for title in [
            "",
            " ",
            "..",
            "../evil",
            "a/../b",
            "a/b",
            "/etc/passwd",
            "a\\b",
            "C:\\x",
            "-rf",
            ".git",
            ".hidden",
            "~root",
            "a\0b",
            "a\nb",
            "\u{1b}[2Kx",
            "x\u{202e}y",
            "CON",
            "nul.md",
            "com1",
            "LPT9.txt",
            "Good /.. x",
            "日本語",
            "x / .git / y",
            &"a".repeat(101),
        ] {
            assert_eq!(slug(title), None, "{title:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_from_any_text_is_one_plain_path_component(title in any::<String>()) {
            if let Ok(name) = AgentName::from_title(&title) {
                prop_assert!(AgentName::new(name.as_str()).is_ok());
                let path = std::path::Path::new(name.as_str());
                prop_assert_eq!(path.components().count(), 1);
                prop_assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(name.as_str()));
            }
        }
    }
}
