//! Commands that a person pastes into a shell.

use std::fmt;

/// A word, quoted for a shell. Names and paths come from files that anybody may have written, and the commands that we show are pasted.
///
/// Words that every shell takes literally are not changed; everything else is put into single quotes, in which only `'` is special.
#[must_use]
pub fn shell_quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@,+=^%#~".contains(c);
    // At the beginning, `~` is a home folder, `#` a comment, `=` a program.
    let is_special =
        word.starts_with(['#', '=']) || word.starts_with('~') && !word.starts_with("~/");
    if !word.is_empty() && word.chars().all(is_plain) && !is_special {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// An `agentpkg` command, as the words after `agentpkg`. When it is shown, each word is quoted for a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(Vec<String>);

impl Command {
    /// A command of these words.
    pub fn new<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self(words.into_iter().map(Into::into).collect())
    }

    /// The same with one more word.
    #[must_use]
    pub fn arg(mut self, word: impl Into<String>) -> Self {
        self.0.push(word.into());
        self
    }

    /// The same with more words.
    #[must_use]
    pub fn args<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.0.extend(words.into_iter().map(Into::into));
        self
    }

    /// The words after `agentpkg`.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// The same with global options (`--user`, `-C DIR`) in front.
    #[must_use]
    pub fn in_place(&self, place: &[String]) -> Self {
        Self([place, &self.0].concat())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("agentpkg")?;
        let mut words = self.0.iter();
        words.try_for_each(|word| write!(formatter, " {}", shell_quoted(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_quoted_word_by_word_and_takes_its_place_in_front() {
        let command = Command::new(["update", "planner"]).args(["--to", ">=1, <3"]);
        assert_eq!(
            command.to_string(),
            "agentpkg update planner --to '>=1, <3'"
        );
        let place = ["-C".to_owned(), "my folder".to_owned()];
        assert_eq!(
            command.in_place(&place).to_string(),
            "agentpkg -C 'my folder' update planner --to '>=1, <3'"
        );
    }

    #[test]
    fn only_what_a_shell_would_read_otherwise_is_quoted() {
        for plain in [
            "planner",
            "gh:acme/agents#planner@^1.2",
            "~/agents#x",
            "./a.md",
            "größe",
            "x@~1.4.0",
            "x@=1.0.0",
        ] {
            assert_eq!(shell_quoted(plain), plain);
        }
        for (word, quoted) in [
            ("", "''"),
            ("my agents/x.md", "'my agents/x.md'"),
            ("x;touch${IFS}PWNED;#", "'x;touch${IFS}PWNED;#'"),
            ("$(id)", "'$(id)'"),
            ("it's", r"'it'\''s'"),
            ("#x", "'#x'"),
            ("~root", "'~root'"),
            ("planner@>=1, <3", "'planner@>=1, <3'"),
            ("{a,b}", "'{a,b}'"),
            ("a\nb", "'a\nb'"),
        ] {
            assert_eq!(shell_quoted(word), quoted);
        }
    }
}
