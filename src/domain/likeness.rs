//! Suggestions for mistyped names.

/// How similar two names must be for one to be suggested in place of the other: 1 means equal.
const ALIKE: f64 = 0.8;

/// The number of letters from which two of them may be wrong in a typo.
const LONG: usize = 8;

/// The known name that is most similar to the typed one, ignoring case; `None` if none is similar.
pub fn nearest<'n>(typed: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let typed = typed.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &typed);
    known
        .into_iter()
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

/// The known name that `typed` is a typo of: one letter is wrong, or two in a longer word, or only its case or its hyphens are. `None` if it
/// is known, or a word of its own. For what is refused or warned about, where [`nearest`] would be too easily satisfied.
pub fn mistyped<'n>(typed: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let fold = |text: &str| text.replace(['-', '_'], "").to_lowercase();
    let folded = fold(typed);
    let most = if folded.chars().count() < LONG { 1 } else { 2 };
    let mut best: Option<(usize, &str)> = None;
    for name in known {
        if name == typed {
            return None;
        }
        let far = strsim::osa_distance(&fold(name), &folded);
        if far <= most && best.is_none_or(|(least, _)| far < least) {
            best = Some((far, name));
        }
    }
    best.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{mistyped, nearest};

    #[test]
    fn a_typo_is_one_or_two_letters_away() {
        let known = ["Write", "Bash", "WebFetch", "permissionMode"];
        assert_eq!(mistyped("Wriet", known), Some("Write"));
        assert_eq!(mistyped("bash", known), Some("Bash"));
        assert_eq!(mistyped("WebFecthh", known), Some("WebFetch"));
        assert_eq!(mistyped("permission-mode", known), Some("permissionMode"));
        assert_eq!(mistyped("Bash", known), None);
        assert_eq!(mistyped("Writer2", known), None);
        assert_eq!(mistyped("WebBrowse", known), None);
    }

    #[test]
    fn a_typo_is_like_the_name_and_another_word_is_not() {
        let known = ["debugger", "planner", "Helper"];
        assert_eq!(nearest("debuger", known), Some("debugger"));
        assert_eq!(nearest("PLANER", known), Some("planner"));
        assert_eq!(nearest("helper", known), Some("Helper"));
        assert_eq!(nearest("nobody", known), None);
        assert_eq!(nearest("debuger", []), None);
    }
}
