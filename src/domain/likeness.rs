//! Suggestions for mistyped names.

/// How similar two names must be for one to be suggested in place of the other: 1 means equal.
const ALIKE: f64 = 0.8;

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

#[cfg(test)]
mod tests {
    use super::nearest;

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
