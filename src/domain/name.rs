//! Names: of an installed agent (a file name, a manifest key) and of a registry.
//!
//! The client accepts nearly any `name:` in a file (`../evil` included), so whatever becomes part of a path passes through
//! [`AgentName`] first. Turning a title such as `Frontend Developer` into a name is [`AgentName::from_title`].

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The longest name, in bytes: leaves room for `.md` and a suffix within the 255 bytes of common file systems.
pub const MAX_NAME: usize = 100;

/// A name that is safe as a file name on every platform: letters and digits of any script, `.`, `_` and `-`, a letter or digit first; at
/// most [`MAX_NAME`] bytes, not a Windows device, no trailing dot, no `..`. Kept in NFC, so that equal names have equal bytes.
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
        let name = composed(name);
        check(&name)?;
        if !name.is_ascii() {
            // Other systems may take its compatibility form for the same name.
            check(&name.nfkc().collect::<String>())?;
        }
        Ok(Self(name))
    }

    /// The name for a `name:` field: the text itself if it is a valid name, otherwise its words in lower case, joined by hyphens.
    ///
    /// Text that reads as a path or hides something is refused, never turned into a harmless-looking name.
    pub fn from_title(written: &str) -> Result<Self, NameError> {
        let title = written;
        let hidden = |c: char| c.is_control() || is_invisible(c);
        if title.contains(hidden) {
            return Err(NameError::Hidden);
        }
        let form: String = title.nfkc().collect();
        let title = if title.is_ascii() { title } else { &form };
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
        if let Ok(name) = Self::new(written) {
            return Ok(name);
        }
        let mut slug = String::new();
        for c in composed(written).chars() {
            if is_letter(c) || matches!(c, '_' | '.') {
                slug.extend(c.to_lowercase());
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

    /// The name as a file system sees it for which case and forms of a letter do not count: two agents must not share it.
    #[must_use]
    pub fn folded(&self) -> String {
        folded(&self.0)
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

/// The name of a registry in the manifest: an agent's name in ASCII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryName(String);

impl RegistryName {
    /// The registry that is part of the program.
    pub const BUILTIN: &'static str = "builtin";

    /// Checks `name`.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check(name)?;
        match name.chars().find(|c| !c.is_ascii()) {
            Some(c) => Err(NameError::Registry(c)),
            None => Ok(Self(name.to_owned())),
        }
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
    #[error("longer than {MAX_NAME} bytes")]
    Long,
    /// A character outside the allowed set.
    #[error("`{}` is not allowed; names are letters, digits, `.`, `_` and `-`", .0.escape_default())]
    Character(char),
    /// A registry's name is not in ASCII.
    #[error("`{0}` is not allowed in a registry's name; use `a` to `z`, digits, `.`, `_` and `-`")]
    Registry(char),
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

/// A text in the form in which names are compared: NFKC and lower case.
#[must_use]
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = text.nfkc().collect::<String>().to_lowercase();
    lower.nfkc().collect()
}

/// Whether a name begins with a text that is [`folded`].
#[must_use]
pub fn has_beginning(name: &str, beginning: &str) -> bool {
    if name.is_ascii() {
        name.get(..beginning.len())
            .is_some_and(|own| own.eq_ignore_ascii_case(beginning))
    } else {
        folded(name).starts_with(beginning)
    }
}

/// A text in NFC.
#[must_use]
pub fn composed(text: &str) -> String {
    if text.is_ascii() {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

/// A letter or digit of any script, or a mark that belongs to one.
fn is_letter(c: char) -> bool {
    let is_selector = |c: char| matches!(u32::from(c), 0x034f | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0xfe00..=0xfe0f);
    c.is_ascii_alphanumeric()
        || !c.is_ascii() && (c.is_alphanumeric() || is_combining_mark(c)) && !is_selector(c)
}

/// A word that mixes scripts whose letters look alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MixedWord {
    /// The word.
    pub word: String,
    /// Its scripts, two or three.
    pub scripts: Vec<&'static str>,
}

impl fmt::Display for MixedWord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scripts = self.scripts.join(" and ");
        write!(formatter, "{scripts} letters in one word, `{}`", self.word)
    }
}

/// The first word with letters of more than one of Latin, Greek and Cyrillic: it may be meant to look like another name.
#[must_use]
pub fn mixed_word(text: &str) -> Option<MixedWord> {
    if text.is_ascii() {
        return None;
    }
    let text: String = text.nfkc().collect();
    let script = |c: char| match u32::from(c) {
        0x41..=0x5a | 0x61..=0x7a | 0xaa | 0xba | 0xc0..=0x24f | 0x1e00..=0x1eff => Some("Latin"),
        0x370..=0x3ff | 0x1f00..=0x1fff => Some("Greek"),
        0x400..=0x52f | 0x1c80..=0x1c8f | 0x2de0..=0x2dff | 0xa640..=0xa69f => Some("Cyrillic"),
        _ => None,
    };
    text.split(|c: char| !is_letter(c) || c.is_numeric())
        .find_map(|word| {
            let mut scripts: Vec<&'static str> = Vec::new();
            for script in word.chars().filter_map(script) {
                if !scripts.contains(&script) {
                    scripts.push(script);
                }
            }
            (scripts.len() > 1).then(|| MixedWord {
                word: word.to_owned(),
                scripts,
            })
        })
}

fn check(name: &str) -> Result<(), NameError> {
    let mut characters = name.chars();
    match characters.next() {
        None => return Err(NameError::Empty),
        Some(c) if c.is_control() || is_invisible(c) => return Err(NameError::Hidden),
        Some('.' | '-' | '/' | '\\' | '~') => return Err(NameError::Path),
        Some(c) if !c.is_alphanumeric() => return Err(NameError::Start),
        Some(_) => {}
    }
    for c in characters {
        match c {
            '/' | '\\' => return Err(NameError::Path),
            c if c.is_control() || is_invisible(c) => return Err(NameError::Hidden),
            c if !(is_letter(c) || matches!(c, '.' | '_' | '-')) => {
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
            ("代码审查", "代码审查"),
            ("Рецензент Кода", "рецензент-кода"),
            ("コードレビュー", "コードレビュー"),
            ("cafe\u{301}", "café"),
            ("समीक्षक", "समीक्षक"),
            ("🚀 Rocket ⚙\u{fe0f} Engineer", "rocket-engineer"),
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
            "COM¹",
            "ＣＯＮ",
            "code\u{200b}审查",
            "рецензент\u{202e}",
            "\u{301}a",
            "／etc",
            "x / .git / y",
            &"a".repeat(101),
        ] {
            assert_eq!(slug(title), None, "{title:?}");
        }
    }

    #[test]
    fn names_are_compared_without_case_and_forms() {
        let name = |text: &str| AgentName::new(text).unwrap();
        for (one, other) in [
            ("Reviewer", "reviewer"),
            ("РЕЦЕНЗЕНТ", "рецензент"),
            ("ｒｅｖｉｅｗ", "review"),
            ("cafe\u{301}", "Café"),
            ("ﾚﾋﾞｭｰ", "レビュー"),
            ("ﬁnder", "finder"),
        ] {
            assert_eq!(name(one).folded(), name(other).folded(), "{one}");
        }
        assert_ne!(name("рецензент").folded(), name("рецензенты").folded());
        assert!(RegistryName::new("студия").is_err());
    }

    #[test]
    fn scripts_that_look_alike_are_told_apart_in_one_word() {
        for (text, mixed) in [
            (
                "p\u{430}yment-checker",
                Some("Latin and Cyrillic letters in one word, `p\u{430}yment`"),
            ),
            (
                "code-αlpha",
                Some("Greek and Latin letters in one word, `αlpha`"),
            ),
            ("рецензент-api", None),
            ("代码review", None),
            ("コードreview", None),
            ("v2-проверка", None),
            ("café", None),
        ] {
            let said = mixed_word(text).map(|mixed| mixed.to_string());
            assert_eq!(said.as_deref(), mixed, "{text}");
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
