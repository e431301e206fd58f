//! Words of a command line that a person pastes into a shell.

/// A word as a shell has to get it. Names and paths come from files that anybody wrote, and a command that is shown is pasted.
///
/// What every shell takes as it is stays readable; everything else is put into single quotes, in which only `'` means something.
#[must_use]
pub fn shell_quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@,+=^%#~".contains(c);
    // At the beginning `~` is somebody's home, `#` a comment, `=` a program.
    let is_special =
        word.starts_with(['#', '=']) || word.starts_with('~') && !word.starts_with("~/");
    if !word.is_empty() && word.chars().all(is_plain) && !is_special {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
